"""Deletes: rows that are cut off or marked, memory that comes back, and older tables that stay as they are."""

import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.ingest.scores import read_scores
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Schema
from bucketquery.search.search import search
from bucketquery.storage.deletes import is_worn, live_in, reaches
from bucketquery.storage.packed_segment import pack
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.table_changes import Counts, TableChanges
from bucketquery.storage.view import NO_ROWS
from support.helpers import (
    FULL,
    JOB,
    ON_FEW_ROWS,
    SPAN_S,
    STEP,
    all_rows,
    bucket,
    layout,
    lead_by_value,
    limit_heads,
    moved,
    record,
    resize,
    rows,
    segment,
    stored,
    table,
    table_of,
)

Document = dict[str, Any]
NEVER, FOREVER = FIRST_MS, LAST_MS + 1

QUERIES = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}


def shape(found: Table) -> tuple[int, int, int]:
    """The number of base rows, of deleted rows, and of head rows."""
    return found.base.length, len(found.deleted), found.head.length


def deleted(old: Table, start: int, end: int, *, interim_only: bool = False) -> tuple[Table, int]:
    """The table after a delete of some rows of five minutes, and the number of deleted results.

    Asserts that the old table stays the same, and that the changes are the results that are missing now.
    """
    before = stored(old)
    new, changes = old.delete(start * STEP, end * STEP, interim_only=interim_only)
    new.check()
    old.check()
    assert stored(old) == before
    gone = [row for row in before if start * STEP <= row[0] < end * STEP]
    interim = [field.name for field in old.base.schema.columns].index("is_interim")
    gone = [row for row in gone if row[interim] or not interim_only]
    assert stored(new) == [row for row in before if row not in gone]
    assert changes.deleted.column("timestamp").tolist() == [row[0] for row in gone]
    assert (len(changes.inserted), len(changes.replaced.old), len(changes.replaced.new)) == (0, 0, 0)
    assert changes.counts == Counts(0, 0, 0, len(gone))
    assert (new is old) == (not gone)
    return new, len(gone)


# ---- where deleted rows go


def test_the_first_rows_are_cut_off_and_appends_go_on_in_place() -> None:
    """No column is copied. The next append writes into the room that was there before."""
    old = table(rows(0, 300, **FULL), rows(300, 301, **FULL))
    new, number = deleted(old, 0, 5)
    assert (number, shape(new)) == (5, (296, 0, 0))
    assert all(new.base.columns[name].base is column for name, column in old.base.columns.items())
    appended, _ = new.upsert(segment(rows(301, 310, **FULL)))
    appended.check()
    columns = {*BUCKET.by_name} - {"bucket_influencers", "scheduled_events", "event.ingested"}
    assert moved(new.base, appended.base) & columns == set()
    assert stored(appended) == stored(segment(rows(5, 310, **FULL)))
    assert stored(old) == stored(segment(rows(0, 301, **FULL)))


def test_the_last_rows_are_cut_off_and_the_next_append_copies() -> None:
    """A snapshot from before the delete still sees the rows, so nothing may be written over them."""
    old = table(rows(0, 1_000, **FULL), rows(1_000, 1_001, **FULL))
    held = stored(old)
    new, number = deleted(old, 990, 1_100)
    assert (number, shape(new)) == (11, (990, 0, 0))
    assert moved(old.base, new.base) == set()
    assert {len(column) for column in new.base.columns.values()} == {990}
    others = rows(995, 1_001, anomaly_score=1.5, scheduled_events=["b"], processing_time_ms=3)
    for appended in (new.upsert(segment(others))[0], new.put(segment(others[:1]).row(layout(), 0), layout())[0]):
        appended.check()
        assert "anomaly_score" in moved(new.base, appended.base)
        assert stored(appended)[:990] == held[:990]
        assert stored(old) == held
    assert stored(new.upsert(segment(others))[0]) == held[:990] + stored(segment(others))


def test_a_few_rows_in_the_middle_become_deleted_rows() -> None:
    """The base stays. Too many deleted rows are compacted: they may not be more than a head may hold."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 8)
        old = table(rows(0, 100, **FULL))
        few, number = deleted(old, 50, 55)
        assert (number, shape(few)) == (5, (100, 5, 0))
        assert few.base is old.base
        again, number = deleted(few, 53, 57)
        assert (number, shape(again)) == (2, (100, 7, 0))
        many, number = deleted(again, 10, 12)
        assert (number, shape(many)) == (2, (91, 0, 0))
        assert deleted(again, 0, 5)[0].deleted.tolist() == [*range(45, 52)]
        assert deleted(again, 95, 100)[0].deleted.tolist() == [*range(50, 57)]


def test_a_cut_may_leave_deleted_rows_at_an_end() -> None:
    """Deleted rows at an end of the base stay deleted, and the time span is that of the other rows."""
    old = table(rows(0, 100, **FULL))
    cut, _ = deleted(deleted(old, 5, 8)[0], 0, 5)
    assert (shape(cut), cut.deleted.tolist(), cut.time_span()) == ((95, 3, 0), [0, 1, 2], (8 * STEP, 99 * STEP))
    cut, _ = deleted(deleted(old, 92, 95)[0], 95, 100)
    assert (shape(cut), cut.deleted.tolist(), cut.time_span()) == ((95, 3, 0), [92, 93, 94], (0, 91 * STEP))


def test_deleting_everything_leaves_an_empty_table() -> None:
    """Base and head are empty, and rows can be written again."""
    old = table(rows(0, 100, **FULL), [bucket(3, is_interim=True), bucket(200, is_interim=True)])
    assert shape(old) == (100, 1, 2)
    new, _ = deleted(old, 0, 201)
    assert (shape(new), new.length, new.time_span(), new.nbytes()) == ((0, 0, 0), 0, None, 0)
    again, _ = new.upsert(segment(rows(0, 3)))
    again.check()
    assert stored(again) == stored(segment(rows(0, 3)))


def test_a_packed_base_is_copied() -> None:
    """A base of a few rows is a record each, so a cut copies some bytes."""
    old = table(rows(0, 20, **FULL))
    for start, end, left in ((0, 5, 15), (15, 20, 15), (5, 15, 20), (0, 20, 0)):
        new, _ = deleted(old, start, end)
        assert new.base.length == left


def test_a_window_without_results_deletes_nothing() -> None:
    """Such a delete returns the table itself; a window may be reversed, or its rows may be deleted already."""
    old = table(rows(0, 100, **FULL), [bucket(200, is_interim=True)])
    for start, end in ((100, 200), (-5, 0), (50, 50), (60, 40), (201, 300)):
        assert deleted(old, start, end) == (old, 0)
    assert deleted(old, 0, 200, interim_only=True) == (old, 0)
    middle, _ = deleted(old, 50, 60)
    assert deleted(middle, 52, 58) == (middle, 0)


def test_interim_rows_are_deleted_in_base_and_head() -> None:
    """Interim rows of the base become deleted rows, since final ones lie between them."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 4)
        resize(patch, rows_one_by_one=0)
        old = table(rows(0, 40), rows(40, 46, is_interim=True), rows(46, 50), [bucket(60, is_interim=True)])
        assert (old._interim.tolist(), old.head.length) == ([40, 41, 42, 43, 44, 45], 1)
        some, number = deleted(old, 42, 45, interim_only=True)
        assert (number, shape(some)) == (3, (50, 3, 1))
        assert deleted(some, 42, 45, interim_only=True) == (some, 0)
        every, number = deleted(some, 0, 100, interim_only=True)
        assert (number, shape(every)) == (4, (44, 0, 0))


def test_a_head_too_large_for_the_shorter_base_is_compacted() -> None:
    """The limit of a head depends on the length of the base, which a delete changes."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 2, 20)
        old = table(rows(0, 200), [bucket(row, bucket_span=60) for row in range(150, 159)])
        assert shape(old) == (200, 0, 9)
        new, _ = deleted(old, 0, 20)
        assert shape(new) == (180, 0, 9)
        new, _ = deleted(new, 20, 40)
        assert shape(new) == (169, 0, 0)
        interim, _ = old.upsert(segment([bucket(row, bucket_span=60, is_interim=True) for row in range(150, 154)]))
        new, _ = deleted(interim, 0, 149)
        assert new.length == 60


# ---- sequences of writes that a table may get wrong


@pytest.mark.parametrize("put", [False, True], ids=["upsert", "put"])
def test_a_final_result_under_a_deleted_interim_one_does_not_come_back(put: bool) -> None:
    """A base row may be deleted although the head has no newer version of it."""
    final, interim = segment([bucket(3, **FULL)]), segment([bucket(3, anomaly_score=9.0, is_interim=True)])

    def write(old: Table, batch: Segment) -> tuple[Table, Counts]:
        if not put:
            new, changes = old.upsert(batch)
            return new, changes.counts
        new, row = old.put(batch.row(layout(), 0), layout())
        return new, Counts(0, 0, 1) if new is old else Counts(1, 0, 0) if row is None else Counts(0, 1, 0)

    found = table(rows(0, 5, **FULL))
    found, counts = write(found, interim)
    assert counts == Counts(0, 1, 0)
    found, _ = deleted(found, 0, 10, interim_only=True)
    assert (shape(found), found.length) == ((5, 1, 0), 4)
    again, counts = write(found, final)
    again.check()
    assert counts == Counts(1, 0, 0)
    assert stored(again) == stored(segment(rows(0, 5, **FULL)))
    twice, counts = write(again, final)
    assert (twice is again, counts) == (True, Counts(0, 0, 1))
    scored = read_scores({"buckets": {"timestamp": [3 * STEP], "bucket_span": SPAN_S, "anomaly_score": [1.0]}})
    with pytest.raises(Exception, match="array"):
        found.rescore(scored[0].segment)


def test_deleted_rows_stay_few_whatever_is_written() -> None:
    """Rows that a delete marks and rows that a write replaces are bounded together."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 8)
        found = table(rows(0, 200, **FULL))
        rng = Random(5)
        for _ in range(60):
            row = rng.randrange(1, 199)
            found, _ = found.upsert(segment([bucket(row, is_interim=True, event_count=rng.randrange(9))]))
            found.check()
            row = rng.randrange(1, 195)
            found, _ = deleted(found, row, row + rng.randrange(3), interim_only=rng.random() < 0.5)
            assert len(found.deleted) <= 16


def test_a_search_behind_a_cut_sees_no_other_rows() -> None:
    """Value indexes are asked before a cut, after it, and after other rows were appended."""
    with pytest.MonkeyPatch.context() as patch:
        lead_by_value(patch)
        resize(patch, rows_one_by_one=0)
        rng = np.random.default_rng(2)
        found = table([bucket(row, anomaly_score=float(rng.integers(0, 100))) for row in range(400)])
        held: list[tuple[Table, Any]] = []
        for step in range(30):
            held.append((found, asked(found)))
            first, last = found.time_span() or (0, 0)
            if step % 2:
                found, _ = found.delete(NEVER, first + 5 * STEP)
            else:
                found, _ = found.delete(last - 4 * STEP, FOREVER)
            found.check()
            held.append((found, asked(found)))
            begin = (found.time_span() or (0, 0))[1] // STEP + 1
            documents = [bucket(begin + row, anomaly_score=float(rng.integers(0, 100))) for row in range(7)]
            found, _ = found.upsert(segment(documents))
            found.check()
        for older, answers in held:
            assert asked(older) == answers
            assert answers == asked(rebuilt(older))
            older.check()


def asked(found: Table) -> list[Any]:
    """The answers of a table to thresholds and orders, from value indexes."""
    kind, score = found.base.schema.kind, found.base.schema.score
    query: Any = QUERIES[kind]
    answers = []
    for changes in (
        {score: 75.0},
        {score: 20.0, "desc": True, "sort": "timestamp"},
        {score: 1.0, "start": 40 * STEP, "end": 300 * STEP},
        {"sort": score, "desc": True, "size": 20},
        {"sort": score, "desc": False, "size": 20, "exclude_interim": True},
        {"sort": score, "desc": True, "start": 60 * STEP, "size": 30},
        {"sort": "timestamp", "desc": True, "size": 12},
        {"sort": "timestamp", "desc": False, "from_": 3, "size": 12, "exclude_interim": True},
    ):
        resolved = query(jobs=JOB, **changes)._resolved
        selection, count, _ = search(found, resolved, ON_FEW_ROWS)
        columns = [selection.column(name).tolist() for name in found.base.schema.identity]
        answers.append((count, list(zip(*columns, strict=True))))
    return answers


def rebuilt(found: Table) -> Table:
    """A table of the same results, written at once."""
    selection = Selection(found.rows, all_rows(found.rows))
    copied = selection.detach()
    present = {}
    for field in found.base.schema.columns:
        missing = selection.missing(field.name)
        if missing is not None and field.name in found.base.present.keys() | found.head.present.keys():
            present[field.name] = ~missing
    schema, sizes = found.base.schema, found.base.sizes
    batch = Segment(schema, copied.length, copied.columns, present, copied.dictionaries, copied.lists, None, sizes)
    new, _ = Table.empty(schema, sizes).upsert(batch)
    return new


def test_memory_that_a_cut_hides_is_counted_and_comes_back() -> None:
    """Hidden rows count as held. Once they are more than an eighth of the arrays, the rest is copied."""
    timestamps = np.arange(100_000) * STEP
    given = {"timestamp": timestamps, "bucket_span": SPAN_S, "anomaly_score": np.arange(100_000) % 90}
    tracemalloc.start()
    try:
        index = ResultsIndex(changes_kept=0)
        index.upsert_columns(given, job_id=JOB)
        before = tracemalloc.get_traced_memory()[0]
        counted = table_of(index).nbytes()
        for share in (95_000, 90_000, 60_000, 20_000, 100):
            index.delete(end=timestamps[-share].item())
            held = tracemalloc.get_traced_memory()[0]
            now = table_of(index).nbytes()
            assert abs((before - held) - (counted - now)) < 100_000
        assert table_of(index).nbytes() < 60_000
    finally:
        tracemalloc.stop()


def test_a_cut_counts_the_whole_array_as_held() -> None:
    """A view keeps the array in memory that it is a view of; this includes value indexes, masks and lists."""
    with pytest.MonkeyPatch.context() as patch:
        lead_by_value(patch)
        old = table(rows(0, 1_000, anomaly_score=5.0), rows(1_000, 1_001))
        asked(old)
        held = old.base.nbytes() - old.base.value_index_nbytes()
        for first, last in ((0, 3), (998, 1_001)):
            new, _ = deleted(old, first, last)
            assert new.base._indexes is not None
            assert new.base.nbytes() - new.base.value_index_nbytes() == held


def test_too_many_hidden_rows_are_copied_away() -> None:
    """More than one of eight entries is hidden: a new base has no hidden rows, and room for an eighth more."""
    old = table(rows(0, 800, **FULL))
    one, _ = deleted(old, 0, 100)
    assert one.base.columns["timestamp"].base is old.base.columns["timestamp"]
    two, _ = deleted(one, 100, 101)
    assert moved(one.base, two.base) >= {"timestamp", "anomaly_score"}
    assert (len(two.base.columns["timestamp"]), is_worn(two.base, two.deleted)) == (699 + 699 // 8, False)
    last, _ = deleted(old, 650, 800)
    assert last.base.columns["timestamp"].base is None


def test_value_indexes_follow_a_cut() -> None:
    """A cut makes no value index anew. It drops those of a base that has become too short for them."""
    with pytest.MonkeyPatch.context() as patch:
        lead_by_value(patch)
        resize(patch, value_index_rows=300)
        old = table([bucket(row, anomaly_score=float(row % 97)) for row in range(340)])
        asked(old)
        assert old.base._indexes is not None
        for start, end in ((0, 30), (310, 340)):
            new, _ = deleted(old, start, end)
            made = new.base._indexes
            assert made is not None
            assert made.near("anomaly_score", 310, desc=True) is not None
            assert asked(new) == asked(rebuilt(new))
            new.check()
            short, _ = deleted(old, *((0, 41) if not start else (299, 340)))
            assert short.base._indexes is None


def test_a_check_finds_too_many_deleted_rows() -> None:
    """Rows without a newer version may be as many as a head may hold; rows with one do not count."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 4)
        base, head = table(rows(0, 100)).base, pack(segment([bucket(50, event_count=1), bucket(60, event_count=1)]))
        allowed = np.array([1, 2, 3, 4, 50, 60])
        Table(base, allowed, head, NO_ROWS).check()
        with pytest.raises(AssertionError, match="without a newer version"):
            Table(base, np.insert(allowed, 4, 5), head, NO_ROWS).check()


# ---- parts


def test_live_rows_of_a_run() -> None:
    """The rows of a run without the deleted ones."""
    assert live_in(NO_ROWS, slice(2, 5)).tolist() == [2, 3, 4]
    assert live_in(np.array([1, 3, 7]), slice(2, 5)).tolist() == [2, 4]
    assert live_in(np.array([1, 3]), slice(3, 3)).tolist() == []


def test_a_segment_reaches_a_window_that_meets_its_span() -> None:
    """A segment may reach a window without a row in it. An empty segment reaches none."""
    found = segment([bucket(1), bucket(5)])
    assert [reaches(found, start * STEP, end * STEP) for start, end in ((0, 1), (0, 2), (2, 3), (5, 6), (6, 9))] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert not reaches(Table.empty(BUCKET).base, NEVER, FOREVER)


# ---- interim results that a batch overtakes


def test_overtaken_interim_rows_are_deleted() -> None:
    """Rows at other instants, final rows and rows that the batch has stay; base and head are both read."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 4)
        resize(patch, rows_one_by_one=0)
        spans = [bucket(row, bucket_span=span, is_interim=True) for row in range(3) for span in (60, 120, 180)]
        old = table(rows(0, 3), spans, [bucket(1, bucket_span=240, is_interim=True), bucket(2, bucket_span=240)])
        assert (len(old._interim), old.head.length) == (9, 2)
        batch = segment([bucket(1), bucket(1, bucket_span=120, is_interim=True)])
        new, changes = old.delete_overtaken(np.array([STEP]), [batch])
        new.check()
        gone = [(STEP, 60), (STEP, 180), (STEP, 240)]
        assert [row[:2] for row in stored(new)] == [row[:2] for row in stored(old) if row[:2] not in gone]
        assert changes.counts == Counts(0, 0, 0, 3)
        assert list(zip(*(changes.deleted.column(name).tolist() for name in BUCKET.identity), strict=True)) == gone
        same, changes = old.delete_overtaken(np.array([9 * STEP]), [])
        assert (same is old, changes.counts) == (True, Counts(0, 0, 0, 0))


# ---- against a dict


FIELDS: Mapping[str, Callable[[Random], Document]] = {
    "bucket": lambda rng: {
        "bucket_span": rng.choice((60, SPAN_S)),
        "anomaly_score": rng.choice((None, 0, 50, 80, float(rng.randrange(100)))),
        "event_count": rng.choice((None, 0, 5)),
        "scheduled_events": rng.choice((None, ["a"], ["a", "b"])),
        "event": rng.choice((None, {"ingested": rng.randrange(3)})),
        "bucket_influencers": rng.choice((None, None, [{"influencer_field_name": "bucket_time", "anomaly_score": 3}])),
    },
    "record": lambda rng: {
        "record_score": rng.choice((None, 0, 50, 80, float(rng.randrange(100)))),
        "detector_index": rng.choice((None, 0, 1)),
        "by_field_value": rng.choice((None, "a", "b", f"c{rng.randrange(20)}")),
        "multi_bucket_impact": rng.choice((None, 1.5)),
        "typical": rng.choice((None, [1.0])),
        "event": rng.choice((None, {"ingested": rng.randrange(3)})),
    },
    "influencer": lambda rng: {
        "influencer_field_name": rng.choice((None, "host", "user")),
        "influencer_field_value": rng.choice((None, "x", f"y{rng.randrange(20)}")),
        "influencer_score": rng.choice((None, 0, 50, float(rng.randrange(100)))),
        "event": rng.choice((None, {"ingested": rng.randrange(3)})),
    },
}
MISSING: Mapping[str, Any] = {"detector_index": 0}


def identity(schema: Schema, document: Document) -> tuple[Any, ...]:
    """The identity of a result; a missing detector is 0."""
    found = [document.get(name) for name in schema.identity]
    return tuple(
        MISSING.get(name) if value is None else value for name, value in zip(schema.identity, found, strict=True)
    )


def contents(found: Table) -> list[Any]:
    """All values of all rows, in identity order; a missing value is None."""
    rows_of = Selection(found.rows, all_rows(found.rows))
    return values_of(rows_of)


def values_of(rows_of: Selection) -> list[tuple[Any, ...]]:
    """All values of some rows; a missing value is None."""
    columns = []
    for field in rows_of.view.base.schema.columns:
        values, missing = rows_of.column(field.name).astype(object), rows_of.missing(field.name)
        if missing is not None:
            values[missing] = None
        columns.append(values.tolist())
    lists = [rows_of.lists(field.name) for field in rows_of.view.base.schema.lists]
    columns += [[value.item() if isinstance(value, np.generic) else value for value in some] for some in lists]
    return list(zip(*columns, strict=True))


def expected(schema: Schema, documents: Mapping[Any, Document]) -> Table:
    """A table of some results, written at once."""
    new, _ = Table.empty(schema).upsert(segment(documents.values(), schema))
    return new


def assert_changes(changes: TableChanges, schema: Schema, before: Sequence[Any], after: Sequence[Any]) -> None:
    """Assert that the changes are the difference between the results before and after, each identity once."""
    places = [[field.name for field in schema.columns].index(name) for name in schema.identity]
    then, now = ({tuple(row[place] or 0 for place in places): row for row in found} for found in (before, after))
    new = [row for key, row in now.items() if key not in then]
    gone = [row for key, row in then.items() if key not in now]
    differing = [key for key in now if key in then and now[key] != then[key]]
    # After new scores, the results have only their identity and score.
    assert sorted(map(repr, values_of(changes.inserted) if len(changes.inserted) else [])) == sorted(map(repr, new))
    assert sorted(map(repr, values_of(changes.deleted))) == sorted(map(repr, gone))
    assert sorted(map(repr, values_of(changes.replaced.old))) == sorted(repr(then[key]) for key in differing)
    keys = [changes.replaced.new.column(name).tolist() for name in schema.identity]
    scores = changes.replaced.new.column(schema.score).tolist()
    at = [field.name for field in schema.columns].index(schema.score)
    found = [(tuple(value or 0 for value in key), score) for *key, score in zip(*keys, scores, strict=True)]
    assert sorted(map(repr, found)) == sorted(
        repr((key, np.nan if now[key][at] is None else now[key][at])) for key in differing
    )


@pytest.mark.repeats
@pytest.mark.parametrize("schema", [BUCKET, RECORD, INFLUENCER], ids=lambda schema: schema.kind)
@pytest.mark.parametrize("seed", range(4))
def test_a_table_is_a_dict(schema: Schema, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random writes, new scores and deletes give the table that a dict of the results gives; old tables stay."""
    limit_heads(monkeypatch, (2, 4, 8)[seed % 3], 16)
    lead_by_value(monkeypatch, behind=(0, 4)[seed % 2])
    resize(monkeypatch, packed_rows=(0, 8, 64)[seed % 3], rows_one_by_one=(0, 16)[seed % 2], rows_per_copy=1 + seed % 4)
    rng = Random(seed)
    found = Table.empty(schema, segment([bucket(0)]).sizes)
    held: dict[Any, Document] = {}
    kept: list[tuple[Table, Any, Any]] = []
    for step in range(70):
        before, newest = contents(found), max((key[0] for key in held), default=0) // STEP
        way = rng.random()
        if way < 0.5:
            chosen = {}
            for _ in range(rng.choice((1, 2, 9, 30))):
                at = newest + rng.randrange(4) if rng.random() < 0.6 else rng.randrange(newest + 1)
                document = bucket(at, result_type=schema.kind, is_interim=rng.random() < 0.3)
                document |= FIELDS[schema.kind](rng)
                chosen[identity(schema, document)] = document
            found, changes = found.upsert(segment(chosen.values(), schema))
            held |= chosen
        elif way < 0.65 and held:
            some = rng.sample([*held], min(len(held), rng.choice((1, 3, 20))))
            score = float(rng.randrange(100))
            columns = dict(zip(schema.identity, zip(*some, strict=True), strict=True))
            (given,) = read_scores({schema.plural: {**columns, schema.score: [score] * len(some)}})
            found, changes = found.rescore(given.segment, given.named)
            for key in some:
                held[key] = held[key] | {schema.score: score}
                for nested in held[key].get("bucket_influencers") or ():
                    held[key]["bucket_influencers"] = [nested | {"anomaly_score": score}]
        else:
            start = rng.choice((NEVER, rng.randrange(newest + 1) * STEP))
            end = rng.choice((FOREVER, start + rng.randrange(1, 12) * STEP, (newest // 8) * STEP))
            interim_only = rng.random() < 0.3
            if (start, end) == (NEVER, FOREVER) and rng.random() < 0.8:
                interim_only = True
            found, changes = found.delete(start, end, interim_only=interim_only)
            held = {
                key: document
                for key, document in held.items()
                if not (start <= key[0] < end and (document["is_interim"] or not interim_only))
            }
        found.check()
        assert_changes(changes, schema, before, contents(found))
        wanted = expected(schema, held)
        assert contents(found) == contents(wanted)
        assert asked(found) == asked(wanted)
        if step % 10 == 0:
            kept.append((found, contents(found), asked(found)))
    for older, values, answers in kept:
        assert (contents(older), asked(older)) == (values, answers)
        older.check()


def test_a_record_without_text_keeps_its_missing_keywords() -> None:
    """A column in which no row has a text has no dictionary, also after a cut."""
    old = table([record(row) for row in range(100)], schema=RECORD)
    new, changes = old.delete(NEVER, 5 * STEP)
    assert changes.deleted.column("by_field_value").tolist() == [None] * 5
    assert Selection(new.rows, all_rows(new.rows)).column("by_field_value").tolist() == [None] * 95
