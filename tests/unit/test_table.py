"""Tables: where a write places each row, older tables that do not change, and live jobs without deleted rows."""

import tracemalloc
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.arrays.sorted_arrays import find
from bucketquery.ingest.scores import read_scores
from bucketquery.model.schema import BUCKET, RECORD, Array
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.storage import keywords
from bucketquery.storage.packed_rows import PackedColumns
from bucketquery.storage.packed_segment import empty_segment, pack
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table, UnknownRows
from bucketquery.storage.table_changes import Counts, RowChanges, TableChanges
from bucketquery.storage.view import NO_ROWS, View
from support.helpers import (
    FULL,
    SPAN_S,
    STEP,
    bucket,
    layout,
    limit_heads,
    moved,
    record,
    resize,
    row_of,
    rows,
    segment,
    sizes,
    stored,
    table,
)

HEAD_ROWS = DEFAULT_SIZES.head_rows


@pytest.fixture(params=[0, 16], ids=["together", "row by row"])
def one_by_one(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write small batches together, or row by row as an index does. The rows must get the same places."""
    resize(monkeypatch, rows_one_by_one=request.param)


#: For tests that write small batches of buckets and do not set `rows_one_by_one`. Records are always written together.
BOTH_WAYS = pytest.mark.usefixtures("one_by_one")


@pytest.fixture
def four_rows() -> Iterator[None]:
    """Limit heads to four rows, and write batches together.

    If rows were written one by one, a head could be compacted in the middle of a batch.
    """
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 4)
        resize(patch, rows_one_by_one=0)
        yield


def written(old: Table, *documents: dict[str, Any]) -> tuple[Table, Counts]:
    """The table after a batch, and the counts of its changes. Asserts that the old table stays the same."""
    before = stored(old)
    new, changes = old.upsert(segment(documents))
    new.check()
    old.check()
    assert stored(old) == before
    assert_changes_match(changes, before, stored(new))
    return new, changes.counts


def upserted(old: Table, batch: Segment) -> tuple[Table, Counts]:
    """The table after a batch, and the counts of its changes."""
    new, changes = old.upsert(batch)
    return new, changes.counts


def values_of(rows: Selection) -> list[tuple[Any, ...]]:
    """All values of some rows, read column by column; None if a value is missing."""
    schema, columns = rows.view.base.schema, []
    for field in schema.columns:
        values, missing = rows.column(field.name).astype(object), rows.missing(field.name)
        if missing is not None:
            values[missing] = None
        columns.append(values.tolist())
    return list(zip(*columns, *(rows.lists(field.name) for field in schema.lists), strict=True))


def assert_changes_match(changes: TableChanges, before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> None:
    """Assert that the changes are the difference between the buckets before a write and after it."""
    then, now = ({row[:2]: row for row in found} for found in (before, after))
    replaced = [key for key in now if key in then and now[key] != then[key]]
    assert values_of(changes.inserted) == [row for key, row in now.items() if key not in then]
    assert values_of(changes.replaced.old) == [then[key] for key in replaced]
    assert values_of(changes.replaced.new) == [now[key] for key in replaced]
    assert changes.counts[:2] == (len(now.keys() - then.keys()), len(replaced))


def shape(found: Table) -> tuple[int, int, int]:
    """The number of base rows, of deleted rows, and of head rows."""
    return found.rows.base.length, len(found.rows.deleted), found.rows.head.length


def seen(view: View) -> list[tuple[Any, ...]]:
    """All rows of a view, in identity order."""
    return stored(Table(view.base, view.deleted, view.head, NO_ROWS))


# ---- append


@BOTH_WAYS
def test_an_in_order_append_does_not_copy_a_column() -> None:
    """Appends within the spare room share the columns of the base, the deleted rows and the head."""
    old = table(rows(0, 20, **FULL), [bucket(3, **{**FULL, "event_count": 1})], [bucket(30, **FULL)])
    assert shape(old) == (21, 1, 1)
    room = len(old.rows.base.columns["timestamp"]) - old.rows.base.length
    for row in range(31, 31 + room):
        new, counts = written(old, bucket(row, **FULL))
        assert counts == Counts(1, 0, 0)
        assert moved(old.rows.base, new.rows.base) & {*old.rows.base.columns} == set()
        for name, column in old.rows.base.columns.items():
            assert np.shares_memory(column, new.rows.base.columns[name])
        assert new.rows.head is old.rows.head
        assert new.rows.deleted is old.rows.deleted
        old = new
    new, _ = written(old, bucket(31 + room, **FULL))
    assert moved(old.rows.base, new.rows.base) >= {*old.rows.base.columns}


@BOTH_WAYS
def test_at_most_one_append_in_sixteen_copies_a_column() -> None:
    """The test appends 1,500 buckets one by one."""
    newest = table(rows(0, 1))
    copies = 0
    for row in range(1, 1_500):
        older = newest
        newest, _ = older.upsert(segment([bucket(row)]))
        copies += bool(moved(older.rows.base, newest.rows.base))
    newest.check()
    assert shape(newest) == (1_500, 0, 0)
    assert copies <= 1_500 / 16


@BOTH_WAYS
def test_larger_spans_of_the_newest_time_append_to_the_base() -> None:
    """Rows are ordered by time, then by span. At the newest time, only a row with a smaller span is late."""
    old = table(rows(0, 3))
    new, _ = written(old, bucket(2, bucket_span=600), bucket(2, bucket_span=900))
    assert shape(new) == (5, 0, 0)
    new, _ = written(new, bucket(2, bucket_span=700), bucket(2, bucket_span=1_000))
    assert shape(new) == (6, 0, 1)


@BOTH_WAYS
def test_each_row_of_a_batch_is_placed_on_its_own() -> None:
    """One batch may append rows, add late rows, replace rows and repeat rows."""
    old = table(rows(0, 10, **FULL), [bucket(20, is_interim=True)])
    new, counts = written(
        old,
        bucket(2, **FULL),
        bucket(3),
        bucket(4, bucket_span=60),
        bucket(20),
        bucket(30, is_interim=True),
        bucket(40),
    )
    assert counts == Counts(3, 2, 1)
    # Buckets 20 and 40 are appended to the base; 20 was interim in the head.
    # Buckets 3, 4 and 30 go to the head: 3 replaces a row of the base, 4 is late, and 30 is interim.
    assert shape(new) == (12, 1, 3)
    assert len(seen(new.final)) == 13


# ---- head and deleted rows


@BOTH_WAYS
def test_a_replaced_row_is_deleted_and_the_head_has_its_new_version() -> None:
    """The new table shares the base. A second write replaces the row in the head."""
    old = table(rows(0, 5))
    new, counts = written(old, bucket(1, anomaly_score=9.0))
    assert counts == Counts(0, 1, 0)
    assert new.rows.base is old.rows.base
    assert (shape(new), new.rows.deleted.tolist()) == ((5, 1, 1), [1])
    again, counts = written(new, bucket(1, anomaly_score=8.0))
    assert counts == Counts(0, 1, 0)
    assert shape(again) == (5, 1, 1)
    assert again.rows.deleted is new.rows.deleted
    assert row_of(again.rows.head, 0)[:3] == (STEP, SPAN_S, 8.0)
    # Writing the values of the deleted row is a replacement, since the newest version differs.
    back, counts = written(again, bucket(1))
    assert counts == Counts(0, 1, 0)
    assert stored(back) == stored(old)


@BOTH_WAYS
def test_an_append_may_follow_a_deleted_newest_row() -> None:
    """The base may end with a deleted row."""
    new = table(rows(0, 3), [bucket(2, anomaly_score=1.0)])
    assert shape(new) == (3, 1, 1)
    new, _ = written(new, bucket(3))
    assert shape(new) == (4, 1, 1)
    assert new.time_span() == (0, 3 * STEP)
    assert [row[0] // STEP for row in stored(new)] == [0, 1, 2, 3]


@BOTH_WAYS
def test_a_bucket_that_is_interim_twice_and_then_final_leaves_no_deleted_row() -> None:
    """The newest bucket of a live job is in the head while it is interim. When it is final, it is appended in place."""
    newest = table(rows(0, 10))
    for row in range(10, 500):
        older = newest
        newest, counts = upserted(newest, segment([bucket(row, is_interim=True, event_count=1)]))
        assert counts == Counts(1, 0, 0)
        newest, counts = upserted(newest, segment([bucket(row, is_interim=True, event_count=2)]))
        assert counts == Counts(0, 1, 0)
        newest, counts = upserted(newest, segment([bucket(row, event_count=3)]))
        assert counts == Counts(0, 1, 0)
        assert shape(newest) == (row + 1, 0, 0)
        if row % 100 == 0:
            newest.check()
            assert older.rows.length == row
    assert len(newest._interim) == 0
    assert newest.final is newest.rows


@BOTH_WAYS
def test_the_next_bucket_may_arrive_before_the_last_is_final() -> None:
    """The head has interim rows of several times. A final row behind the base is appended, an earlier one is late."""
    newest = table(rows(0, 3), rows(3, 6, is_interim=True))
    assert shape(newest) == (3, 0, 3)
    newest, _ = written(newest, bucket(4))
    assert shape(newest) == (4, 0, 2)
    newest, _ = written(newest, bucket(3))
    assert shape(newest) == (4, 0, 2)
    newest, _ = written(newest, bucket(5))
    assert shape(newest) == (5, 0, 1)
    assert newest.final.length == newest.rows.length == 6


@BOTH_WAYS
def test_a_final_row_may_become_interim() -> None:
    """The base row is deleted, and only readers of interim rows see the new version."""
    newest = table(rows(0, 3))
    newest, counts = written(newest, bucket(1, is_interim=True))
    assert (shape(newest), counts) == ((3, 1, 1), Counts(0, 1, 0))
    assert [row[0] // STEP for row in seen(newest.final)] == [0, 2]
    newest, _ = written(newest, bucket(1, is_interim=False))
    assert newest.final.length == 3


# ---- scatter


@BOTH_WAYS
def test_many_replacements_are_scattered_into_the_base() -> None:
    """A scatter copies only the columns that differ, deletes no row and adds none to the head."""
    old = table(rows(0, 2 * HEAD_ROWS, **FULL))
    batch = [bucket(row, **{**FULL, "anomaly_score": row + 100.0}) for row in range(1, 2 * HEAD_ROWS)]
    new, counts = written(old, *batch)
    assert counts == Counts(0, 2 * HEAD_ROWS - 1, 0)
    assert shape(new) == (2 * HEAD_ROWS, 0, 0)
    assert moved(old.rows.base, new.rows.base) == {"anomaly_score"}
    assert stored(new)[1:] == stored(segment(batch))


@BOTH_WAYS
def test_a_scatter_needs_enough_rows_for_each_column_that_it_copies() -> None:
    """A scatter needs more than ``rows_per_copy`` rows for each column. New scores change one column."""
    enough = DEFAULT_SIZES.rows_per_copy + 1
    old = table(rows(0, 200, **FULL))
    two = {"anomaly_score": 9.0, "event_count": 9}
    for number, fields, copied in (
        (enough - 1, {"anomaly_score": 9.0}, set()),
        (enough, {"anomaly_score": 9.0}, {"anomaly_score"}),
        (enough, {"event_count": 9}, {"event_count"}),
        (enough, two, set()),
        (2 * enough, two, {*two}),
        (enough, {"scheduled_events": ["b"]}, {"rows of scheduled_events", "values of scheduled_events"}),
        (enough, {"scheduled_events": ["b"], **two}, set()),
    ):
        new, counts = written(old, *rows(0, number, **{**FULL, **fields}))
        assert counts == Counts(0, number, 0)
        assert moved(old.rows.base, new.rows.base) == copied
        assert shape(new) == ((200, 0, 0) if copied else (200, number, number))
    for number, copied in ((enough - 1, set()), (enough, {"anomaly_score"})):
        new, _ = rescored(old, *((row, 9.0) for row in range(number)))
        assert moved(old.rows.base, new.rows.base) == copied


@pytest.mark.usefixtures("four_rows")
def test_a_scatter_does_not_change_deleted_rows() -> None:
    """If the head has the newest version of a row, the row is replaced in the head."""
    newest = table(rows(0, 20), [bucket(2, event_count=1), bucket(3, event_count=1)])
    assert shape(newest) == (20, 2, 2)
    newest, counts = written(newest, *rows(1, 15, event_count=9))
    assert counts == Counts(0, 14, 0)
    assert (shape(newest), newest.rows.deleted.tolist()) == ((20, 2, 2), [2, 3])
    assert [row[4] for row in stored(newest)] == [None, *[9] * 14, *[None] * 5]
    assert newest.rows.base.column("event_count")[2:4].tolist() == [0, 0]


@pytest.mark.usefixtures("four_rows")
def test_one_batch_may_scatter_append_and_fill_the_head() -> None:
    """The two tables share the columns that do not differ, and the older table does not change."""
    old = table(rows(0, 19, **FULL), rows(19, 20, **FULL))
    earlier = stored(old)
    batch = [
        *rows(0, 10, **{**FULL, "event_count": 9}),
        bucket(10, is_interim=True),
        bucket(11, bucket_span=60),
        bucket(20),
        bucket(21, **FULL),
    ]
    new, counts = written(old, *batch)
    assert counts == Counts(3, 11, 0)
    assert shape(new) == (22, 1, 2)
    assert moved(old.rows.base, new.rows.base) & {*old.rows.base.columns} == {"event_count"}
    assert stored(old) == earlier
    newest, _ = written(new, bucket(22, **FULL))
    assert len(stored(newest)) == 24


@pytest.mark.usefixtures("four_rows")
def test_a_scatter_makes_compacted_interim_rows_final() -> None:
    """The table lists interim rows of the base until they are final."""
    old = table(rows(0, 4), rows(4, 20, is_interim=True))
    assert shape(old) == (20, 0, 0)
    assert old._interim.tolist() == [*range(4, 20)]
    assert old.final.length == 4
    new, _ = written(old, *rows(4, 18))
    assert shape(new) == (20, 0, 0)
    assert new._interim.tolist() == [18, 19]
    assert new.final.length == 18
    assert old.final.length == 4
    few, _ = written(new, bucket(18), bucket(19, is_interim=True, event_count=5))
    assert shape(few) == (20, 2, 2)
    assert few.final.length == 19


# ---- compaction


@pytest.mark.usefixtures("four_rows")
def test_a_head_too_large_is_compacted() -> None:
    """The new base has no deleted rows, and spare room for an eighth more rows. The old table does not change."""
    old = table(rows(0, 40, **FULL), [bucket(5, event_count=1), *rows(10, 13, bucket_span=60)])
    assert shape(old) == (40, 1, 4)
    new, counts = written(old, bucket(20, bucket_span=60), bucket(6))
    assert counts == Counts(1, 1, 0)
    assert shape(new) == (44, 0, 0)
    assert moved(old.rows.base, new.rows.base) >= {*old.rows.base.columns}
    room = len(new.rows.base.columns["timestamp"]) - new.rows.base.length
    assert room >= new.rows.base.length // 8
    appended, _ = written(new, *rows(40, 40 + room))
    assert moved(new.rows.base, appended.rows.base) & {*BUCKET.by_name} == set()


@pytest.mark.usefixtures("four_rows")
def test_a_compaction_leaves_a_few_interim_rows_in_the_head() -> None:
    """A few interim rows stay in the head, because most of them become final soon."""
    newest = table(rows(0, 10), [bucket(20, is_interim=True), bucket(5, is_interim=True)], rows(1, 4, bucket_span=60))
    assert shape(newest) == (12, 0, 2)
    assert newest._interim.tolist() == []
    newest, _ = written(newest, bucket(20))
    assert shape(newest) == (13, 0, 1)


@pytest.mark.usefixtures("four_rows")
def test_many_interim_rows_are_compacted_too() -> None:
    """Interim rows stay in the head only if they fill at most half of its limit.

    If more stayed, the next compaction would follow too soon.
    """
    newest = table(rows(0, 10), rows(10, 14, is_interim=True))
    assert shape(newest) == (10, 0, 4)
    newest, _ = written(newest, bucket(14, is_interim=True))
    assert shape(newest) == (15, 0, 0)
    assert newest._interim.tolist() == [*range(10, 15)]
    newest, _ = written(newest, *rows(12, 18, is_interim=True, event_count=3))
    assert newest.final.length == 10
    assert newest.rows.length == 18


@BOTH_WAYS
@pytest.mark.parametrize(("head_rows", "per_row"), [(1, 2), (2, 4), (4, 3)])
def test_a_compacted_head_is_within_its_limit(head_rows: int, per_row: int) -> None:
    """The limit depends on the length of the new base, which may be shorter because it has no deleted rows."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, head_rows, per_row)
        newest = table([bucket(2 * row) for row in range(head_rows * per_row * 2)])
        limit = sizes().head_limit(newest.rows.base.length)
        newest, _ = written(newest, *(bucket(2 * row, is_interim=True) for row in range(limit)))
        for row in range(3 * limit):
            newest, _ = written(newest, bucket(2 * row + 1))


# ---- single rows


@pytest.mark.parametrize("limit", [1, 4, HEAD_ROWS])
@pytest.mark.parametrize("packed_rows", [0, 8, 64])
def test_put_and_upsert_place_a_single_row_alike(limit: int, packed_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appended, late, interim, final, repeated and compacted rows get the same places and counts from both."""
    limit_heads(monkeypatch, limit)
    resize(monkeypatch, packed_rows=packed_rows)
    rng = Random(limit + packed_rows)
    resize(monkeypatch, rows_one_by_one=0)
    one_by_one_table = by_batches = table(rows(0, 5, **FULL))
    earlier: list[tuple[Table, list[Any]]] = []
    for at in range(120):
        last = 5 + at // 3
        number, span = rng.choice((last, last, last + 1, rng.randrange(last))), rng.choice((SPAN_S, SPAN_S, 60))
        optional = {name: value for name, value in FULL.items() if rng.random() < 0.7}
        optional |= {"event_count": rng.randrange(2), "is_interim": rng.random() < 0.5, "bucket_span": span}
        batch = segment([bucket(number, **optional)])
        older = one_by_one_table
        row = batch.row(layout(), 0)
        one_by_one_table, old = older.put(row, layout())
        pairs = [] if one_by_one_table is older else [(old, row)]
        changes = RowChanges(layout(), pairs, 1 - len(pairs))
        (after,), is_stored = changes.rows_after()
        assert (changes.kind, after.length, is_stored) == ("bucket", len(pairs), True)
        assert_changes_match(changes, stored(older), stored(one_by_one_table))
        by_batches, counts = upserted(by_batches, batch)
        assert counts == changes.counts
        assert sum(counts) == 1
        assert (one_by_one_table is older) == (counts.unchanged == 1)
        assert shape(one_by_one_table) == shape(by_batches)
        assert one_by_one_table.rows.deleted.tolist() == by_batches.rows.deleted.tolist()
        assert one_by_one_table._interim.tolist() == by_batches._interim.tolist()
        one_by_one_table.check()
        if at % 15 == 0:
            assert stored(one_by_one_table) == stored(by_batches)
            assert seen(one_by_one_table.final) == seen(by_batches.final)
            earlier.append((one_by_one_table, stored(one_by_one_table)))
    for older, before in earlier:
        assert stored(older) == before


def test_a_small_batch_stores_the_same_rows_packed_or_in_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed rows are written one by one, and rows in arrays together. Rows, counts and places are equal."""
    rng = Random(7)
    resize(monkeypatch, rows_one_by_one=16)
    one = table(rows(0, 5, **FULL))
    resize(monkeypatch, rows_one_by_one=0)
    other = table(rows(0, 5, **FULL))
    for _ in range(60):
        numbers = sorted(rng.sample(range(60), rng.choice((1, 3, 16))))
        batch = segment(
            [bucket(number, event_count=rng.randrange(2), is_interim=rng.random() < 0.3) for number in numbers]
        )
        one, counts = upserted(one, pack(batch))
        other, expected = upserted(other, batch)
        one.check()
        assert counts == expected
        assert stored(one) == stored(other)
        assert shape(one) == shape(other)


@BOTH_WAYS
def test_writing_a_deleted_row_again_inserts_it() -> None:
    """A row of the base is deleted, and the head has no newer version of it, as after a delete.

    Writing the row counts as an insertion. The row of the base stays deleted.
    """
    base = table(rows(0, 4, **FULL)).base
    deleted = Table(base, np.array([1, 3]), pack(segment([bucket(3, is_interim=True)])), NO_ROWS)
    again, changes = deleted.upsert(segment([bucket(1, **FULL), bucket(3, **FULL)]))
    assert changes.counts == Counts(1, 1, 0)
    assert (values_of(changes.inserted), values_of(changes.replaced.old)) == ([row_of(base, 1)], stored(deleted.head))
    assert shape(again) == (4, 2, 2)
    assert stored(again) == stored(base)


@pytest.mark.parametrize("rows_per_copy", [0, 1, 32])
def test_one_row_never_copies_a_column(rows_per_copy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds for every ``rows_per_copy``. Two rows copy a column if ``rows_per_copy`` is below two."""
    resize(monkeypatch, rows_per_copy=rows_per_copy, rows_one_by_one=1)
    old = table(rows(0, 20, **FULL))
    one, _ = written(old, bucket(3, **{**FULL, "event_count": 1}))
    two, _ = written(old, *(bucket(row, **{**FULL, "event_count": 1}) for row in (3, 4)))
    assert shape(one) == (20, 1, 1)
    assert shape(two) == ((20, 0, 0) if rows_per_copy < 2 else (20, 2, 2))


# ---- new scores


def scores(*rows_and_scores: tuple[int, float]) -> Segment:
    """A batch of new scores for some rows."""
    given, values = zip(*rows_and_scores, strict=True)
    columns = {"timestamp": [row * STEP for row in given], "bucket_span": SPAN_S, "anomaly_score": values}
    return read_scores({"buckets": columns})[0].segment


def rescored(old: Table, *rows_and_scores: tuple[int, float]) -> tuple[Table, Counts]:
    """The table after new scores, and the counts of its changes. Asserts that the old table stays the same."""
    before, finals = stored(old), seen(old.final)
    new, changes = old.rescore(scores(*rows_and_scores))
    new.check()
    old.check()
    assert (stored(old), seen(old.final)) == (before, finals)
    then, now = ({row[:2]: row for row in found} for found in (before, stored(new)))
    replaced = [key for key in now if now[key] != then[key]]
    assert values_of(changes.replaced.old) == [then[key] for key in replaced]
    columns = [changes.replaced.new.column(name).tolist() for name in ("timestamp", "bucket_span", "anomaly_score")]
    assert list(zip(*columns, strict=True)) == [now[key][:3] for key in replaced]
    assert len(changes.inserted) == 0
    return new, changes.counts


@BOTH_WAYS
def test_a_few_new_scores_go_to_the_head() -> None:
    """The new versions have all other values of their rows."""
    old = table(rows(0, 10, **FULL))
    new, counts = rescored(old, (3, 50.0), (4, 5.0), (5, 60.0))
    assert counts == Counts(0, 2, 1)
    assert (shape(new), new.rows.deleted.tolist()) == ((10, 2, 2), [3, 5])
    assert new.rows.base is old.rows.base
    assert stored(new) == stored(
        segment(
            [
                bucket(row, **{**FULL, **changes})
                for row, changes in zip(
                    range(10), [{}] * 3 + [{"anomaly_score": 50.0}, {}, {"anomaly_score": 60.0}] + [{}] * 4, strict=True
                )
            ]
        )
    )


@BOTH_WAYS
def test_many_new_scores_copy_only_the_score_column() -> None:
    """No row is deleted; every other column, mask and list is shared."""
    many = HEAD_ROWS + 1
    old = table(rows(0, many + 5, **FULL))
    new, counts = rescored(old, *((row, 50.0) for row in range(many)))
    assert counts == Counts(0, many, 0)
    assert shape(new) == (many + 5, 0, 0)
    assert moved(old.rows.base, new.rows.base) == {"anomaly_score"}
    assert new.rows.base.column("anomaly_score").tolist() == [50.0] * many + [5.0] * 5


@pytest.mark.usefixtures("four_rows")
def test_new_scores_apply_to_rows_of_base_and_head() -> None:
    """Compacted interim rows and rows without a score get new scores too. Deleted rows do not change."""
    old = table(rows(0, 8), rows(8, 16, is_interim=True), [bucket(2, event_count=1), bucket(20, is_interim=True)])
    assert (shape(old), old.rows.deleted.tolist()) == ((16, 1, 2), [2])
    for given in ([(2, 7.0)], [(20, 7.0)], [(2, 7.0), (20, 8.0), (9, 9.0)], [(row, 1.0 + row) for row in range(16)]):
        new, counts = rescored(old, *given)
        assert counts == Counts(0, len(given), 0)
        expected = dict(given)
        assert [(row[0] // STEP, row[2]) for row in stored(new)] == [
            (row, expected.get(row)) for row in (*range(16), 20)
        ]
        assert new.final.length == 8
        assert new.rows.base.column("anomaly_score")[2:3].tolist() != [7.0]
        again, counts = rescored(new, *given)
        assert again is new
        assert counts == Counts(0, 0, len(given))


@BOTH_WAYS
def test_scores_of_unknown_rows_are_refused() -> None:
    """The error gives the positions of unknown rows in the sorted batch.

    A deleted row is known, because the head has its newest version.
    """
    old = table(rows(0, 5, **FULL), [bucket(1, event_count=9)])
    with pytest.raises(UnknownRows) as caught:
        old.rescore(scores((9, 1.0), (1, 1.0), (-1, 1.0), (7, 1.0)))
    assert caught.value.rows.tolist() == [0, 2, 3]
    with pytest.raises(UnknownRows):
        Table.empty(BUCKET).rescore(scores((0, 1.0)))


# ---- counts, views


@BOTH_WAYS
def test_a_write_that_changes_nothing_returns_the_same_table() -> None:
    """The written rows equal the stored rows of base or head, or the batch is empty."""
    newest = table(rows(0, 5, **FULL), [bucket(1, is_interim=True), bucket(9, is_interim=True)])
    same, counts = written(newest, bucket(0, **FULL), bucket(1, is_interim=True), bucket(9, is_interim=True))
    assert same is newest
    assert counts == Counts(0, 0, 3)
    same, counts = upserted(newest, empty_segment(BUCKET))
    assert same is newest
    assert counts == Counts(0, 0, 0)


@pytest.mark.parametrize("deleted", [(), (0,), (3,), (0, 1, 3), (1, 2), (0, 1, 2, 3)], ids=repr)
@pytest.mark.parametrize("head", [(), (0,), (9,), (-5, 2)], ids=repr)
def test_the_time_span_ignores_deleted_rows(deleted: tuple[int, ...], head: tuple[int, ...]) -> None:
    """Rows of the base may be deleted at both ends. Rows of the head may be before, between or behind them."""
    at_the_head = segment([bucket(row, bucket_span=60) for row in head])
    times = [row for row in range(4) if row not in deleted] + [*head]
    for base in (segment(rows(0, 4)), pack(segment(rows(0, 4)))):
        spanned = Table(base, np.array(deleted, dtype=np.int64), at_the_head, NO_ROWS)
        assert spanned.time_span() == ((min(times) * STEP, max(times) * STEP) if times else None)


@BOTH_WAYS
def test_the_first_rows_go_to_base_and_head() -> None:
    """Final rows go to the base, interim rows to the head."""
    empty = Table.empty(BUCKET)
    empty.check()
    assert (shape(empty), empty.time_span(), empty.nbytes()) == ((0, 0, 0), None, 0)
    assert empty.final is empty.rows
    new, counts = written(empty, bucket(0), bucket(1, is_interim=True), bucket(2))
    assert (shape(new), counts) == ((2, 0, 1), Counts(3, 0, 0))
    assert shape(empty) == (0, 0, 0)
    assert new.nbytes() == new.rows.base.nbytes() + new.rows.head.nbytes()


# ---- older tables


@pytest.mark.usefixtures("four_rows")
def test_no_write_changes_an_older_table() -> None:
    """Each of 25 random writes leaves the rows of every older table as they were, in both views."""
    rng = Random(3)
    newest = table(rows(0, 3, **FULL))
    earlier: list[tuple[Table, list[Any], list[Any]]] = []
    documents: dict[tuple[int, int], dict[str, Any]] = {(row, SPAN_S): bucket(row, **FULL) for row in range(3)}
    for _ in range(25):
        last = max(row for row, _ in documents)
        batch = {}
        for _ in range(rng.choice((1, 2, 7))):
            row, span = rng.choice((last + 1, last + 2, rng.randrange(last + 1))), rng.choice((SPAN_S, SPAN_S, 60))
            optional = {name: value for name, value in FULL.items() if rng.random() < 0.7}
            batch[row, span] = bucket(row, **{**optional, "bucket_span": span, "event_count": rng.randrange(9)})
            batch[row, span]["is_interim"] = rng.random() < 0.3
        newest, _ = newest.upsert(segment(batch.values()))
        newest.check()
        documents |= batch
        everything = segment(documents.values())
        assert stored(newest) == stored(everything)
        finals = [document for document in documents.values() if not document.get("is_interim")]
        assert seen(newest.final) == stored(segment(finals))
        earlier.append((newest, stored(newest), seen(newest.final)))
        for older, rows_then, finals_then in earlier:
            assert stored(older) == rows_then
            assert seen(older.final) == finals_then


@BOTH_WAYS
def test_an_unpublished_write_is_overwritten() -> None:
    """The next write overwrites the values that a discarded table appended to columns, masks and lists."""
    old = table(rows(0, 19, **FULL), rows(19, 20, **FULL), [bucket(20)])
    earlier = stored(old)
    unpublished, _ = old.upsert(segment(rows(21, 23, **{**FULL, "scheduled_events": ["lost"], "event_count": 99})))
    assert moved(old.rows.base, unpublished.rows.base) == set()
    new, _ = written(old, bucket(21), bucket(22, bucket_span=1, anomaly_score=1.0))
    assert moved(old.rows.base, new.rows.base) == set()
    assert stored(new) == earlier + stored(segment([bucket(21), bucket(22, bucket_span=1, anomaly_score=1.0)]))
    assert stored(old) == earlier


# ---- check


def tampered(change: Callable[[Table], object]) -> Table:
    """A table that ``change`` has damaged: it has deleted rows, a head, and interim rows in base and head."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 4)
        found = table(
            rows(0, 10),
            rows(10, 15, is_interim=True),
            [bucket(3, event_count=1), bucket(12, is_interim=True, event_count=2)],
        )
    assert shape(found) == (15, 2, 2)
    change(found)
    return found


def reordered(columns: Any) -> PackedColumns:
    """Packed columns with their rows in reverse order."""
    size = columns.layout.size
    data = columns.data
    return PackedColumns(columns.layout, b"".join(data[at : at + size] for at in range(len(data) - size, -1, -size)))


FAULTS: list[Callable[[Table], object]] = [
    lambda found: setattr(found, "deleted", np.array([12, 3])),
    lambda found: setattr(found, "deleted", np.array([3, 3, 12])),
    lambda found: setattr(found, "deleted", np.array([-1, 3, 12])),
    lambda found: setattr(found, "deleted", np.array([3, 12, 15])),
    lambda found: setattr(found, "deleted", np.array([3])),
    lambda found: setattr(found, "deleted", np.array([3, 7, 12])),
    lambda found: setattr(found, "head", pack(segment(rows(100, 100 + HEAD_ROWS + 1)))),
    lambda found: setattr(found, "head", found.rows.head.unpacked()),
    lambda found: setattr(found, "_interim", np.array([10, 11, 12, 14])),
    lambda found: setattr(found, "_interim", np.array([9, 10, 11, 12, 13, 14])),
    lambda found: setattr(found, "final", found.rows),
    lambda found: setattr(found, "rows", View(found.base, NO_ROWS, found.head)),
    lambda found: setattr(found, "rows", View(found.base, found.deleted, found.base)),
    lambda found: setattr(
        found, "final", View(found.rows.base, found.final.deleted, found.rows.head.select(np.array([1])))
    ),
    lambda found: found.rows.base.columns["timestamp"].__setitem__(0, 99 * STEP),
    lambda found: setattr(found.rows.head, "columns", reordered(found.rows.head.columns)),
]


@BOTH_WAYS
@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_check_finds_each_fault(fault: int) -> None:
    """The faults are wrong deleted rows, rows in two places, unlisted interim rows, and a head that is too long."""
    tampered(lambda _: None).check()
    with pytest.raises(AssertionError):
        tampered(FAULTS[fault]).check()


# ---- identities with keywords


def record_of(row: int, value: str | None, **fields: Any) -> dict[str, Any]:
    """A record of an entity in the ``row``-th bucket."""
    return record(row, by_field_value=value, **fields)


def stored_scores(source: Table) -> dict[tuple[Any, ...], Any]:
    """The score of each record of a table, by identity."""
    source.check()
    rows = [row for part in (source.rows.base, source.rows.head) for row in _live(source, part)]
    assert len(rows) == source.rows.length
    return dict(rows)


def scores_by_identity(rows: Selection) -> dict[tuple[Any, ...], Any]:
    """The score of each selected record, by identity."""
    identities = zip(*(rows.column(name).tolist() for name in RECORD.identity), strict=True)
    return dict(zip(identities, rows.column("record_score").tolist(), strict=True))


def _live(source: Table, part: Segment) -> Iterator[tuple[tuple[Any, ...], Any]]:
    deleted = set(source.rows.deleted.tolist()) if part is source.rows.base else set()
    columns = [part.values(name, slice(0, part.length)).tolist() for name in (*RECORD.identity, "record_score")]
    for row, (*identity, score) in enumerate(zip(*columns, strict=True)):
        if row not in deleted:
            yield tuple(identity), score


def test_records_are_identified_by_exact_keywords() -> None:
    """A missing and an empty keyword are two entities, and so are keywords that differ in case."""
    values = ["b", None, "", "B", "a", "\uffff", "\U00010000"]
    found = table([record_of(0, value, record_score=1.0) for value in values], schema=RECORD)
    assert found.rows.length == len(values)
    again, counts = upserted(found, segment([record_of(0, value, record_score=2.0) for value in values[:3]], RECORD))
    assert (counts.inserted, counts.replaced, counts.unchanged) == (0, 3, 0)
    scores = {key[3]: score for key, score in stored_scores(again).items()}
    assert scores == {**dict.fromkeys(values, 1.0), "b": 2.0, None: 2.0, "": 2.0}


@pytest.mark.parametrize("head_rows", [0, 3, 1_000])
@pytest.mark.parametrize("seed", range(6))
def test_a_table_of_records_with_keywords_equals_a_dict(
    monkeypatch: pytest.MonkeyPatch, head_rows: int, seed: int
) -> None:
    """Late, interim and replaced records of changing entities arrive in batches of all sizes."""
    limit_heads(monkeypatch, head_rows)
    rng = Random(seed)
    newest, expected = Table.empty(RECORD, sizes()), dict[tuple[Any, ...], Any]()
    older: list[tuple[Table, dict[tuple[Any, ...], Any]]] = []
    for batch in range(40):
        documents = [
            record(
                rng.randrange(batch // 4 + 2),
                rng.randrange(2),
                by_field_value=rng.choice([None, "", "a", str(rng.randrange(3 * batch + 1))]),
                partition_field_value=rng.choice([None, "p", "P"]),
                record_score=float(rng.randrange(3)),
                is_interim=rng.random() < 0.2,
                x=rng.choice(["", "y"]),
            )
            for _ in range(rng.choice([1, 2, 5, 30]))
        ]
        before = dict(expected)
        for document in documents:
            expected[tuple(document.get(name) for name in RECORD.identity)] = document["record_score"]
        newest, changes = newest.upsert(segment(documents, RECORD))
        assert changes.counts.inserted == len(expected.keys() - before.keys())
        assert scores_by_identity(changes.inserted).keys() == expected.keys() - before.keys()
        old, new = map(scores_by_identity, changes.replaced)
        assert old.keys() == new.keys() <= before.keys()
        assert old == {key: before[key] for key in old}
        assert new == {key: expected[key] for key in new}
        assert stored_scores(newest) == expected
        older.append((newest, dict(expected)))
    for table_then, expected_then in older:
        assert stored_scores(table_then) == expected_then


def test_a_few_rows_with_a_new_keyword_go_to_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such rows go to the head, so that no column of a long base is copied.

    They go to the base if it is short, or if they are many.
    """
    limit_heads(monkeypatch, 4)
    short = table([record_of(row, "a") for row in range(4)], schema=RECORD)
    assert short.upsert(segment([record_of(9, "b")], RECORD))[0].rows.head.length == 0
    long = table([record_of(row, "a") for row in range(6)], schema=RECORD)
    newer, counts = upserted(
        long, segment([record_of(6, "b"), record_of(7, "a"), record_of(8, None), record_of(9, "c")], RECORD)
    )
    assert counts.inserted == 4
    assert (newer.rows.base.length, newer.rows.head.length) == (8, 2)
    assert newer.rows.base.dictionaries["by_field_value"] is long.rows.base.dictionaries["by_field_value"]
    assert {key[3] for key in stored_scores(newer)} == {"a", "b", "c", None}
    replaced, _ = newer.upsert(segment([record_of(6, "b", record_score=5.0), record_of(10, "b")], RECORD))
    assert (replaced.rows.head.length, stored_scores(replaced)[6 * STEP, SPAN_S, 0, "b", None, None]) == (3, 5.0)
    many, _ = long.upsert(segment([record_of(row, f"new {row}") for row in range(6, 11)], RECORD))
    assert (many.rows.base.length, many.rows.head.length) == (11, 0)
    assert len(stored_scores(many)) == 11


# ---- unused keywords


def test_the_base_has_no_keywords_of_interim_rows() -> None:
    """A batch adds only the keywords of rows that go to the base."""
    found = Table.empty(RECORD, sizes())
    for row in range(50):
        interim = [record(10_000, detector, is_interim=True, function=f"{row} {detector}") for detector in range(100)]
        found, _ = found.upsert(segment([record(row, function="mean"), *interim], RECORD))
    assert shape(found) == (50, 0, 100)
    assert len(found.rows.base.dictionary("function")) < 1_000


def test_replaced_keywords_do_not_accumulate_in_the_dictionary() -> None:
    """All rows of the base get new keywords twenty times."""
    found = Table.empty(RECORD, sizes())
    for time in range(20):
        found, _ = found.upsert(
            segment([record(row, function=f"{time} {row}") for row in range(HEAD_ROWS + 1)], RECORD)
        )
    assert shape(found) == (HEAD_ROWS + 1, 0, 0)
    assert len(found.rows.base.dictionary("function")) <= 4 * HEAD_ROWS


@pytest.mark.usefixtures("four_rows")
def test_a_compaction_removes_unused_keywords() -> None:
    """A compaction removes unused keywords even if they are few."""
    found = table([record(9)], *([record(5, function=f"{time}")] for time in range(20)), schema=RECORD)
    found, _ = found.upsert(segment([record(row, function="x") for row in range(5)], RECORD))
    assert shape(found) == (7, 0, 0)
    assert found.rows.base.dictionary("function").tolist() == ["19", "x"]


def test_an_append_of_known_keywords_does_not_copy_the_dictionary() -> None:
    """The memory that such an append takes does not grow with the dictionary."""
    found = table([record(row, by_field_value=f"{row:06}") for row in range(50_000)], schema=RECORD)
    found, _ = found.upsert(segment([record(60_000, by_field_value="000005")], RECORD))
    batch = segment([record(60_001, by_field_value="000005")], RECORD)
    tracemalloc.start()
    found.upsert(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_a_compaction_looks_up_only_keywords_of_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing keywords is slow, and the keywords of the base are in order already."""
    found = table([record(row, by_field_value=f"{row:06}") for row in range(5_000)], schema=RECORD)
    found, _ = found.upsert(segment([record(row, 1, by_field_value=f"{row}") for row in range(HEAD_ROWS)], RECORD))
    looked_up: list[int] = []

    def counted(ascending: Array, wanted: Array) -> Any:
        looked_up.append(len(wanted))
        return find(ascending, wanted)

    monkeypatch.setattr(keywords, "find", counted)
    found, _ = found.upsert(segment([record(0, 2)], RECORD))
    assert shape(found) == (5_000 + HEAD_ROWS + 1, 0, 0)
    assert max(looked_up) <= HEAD_ROWS
