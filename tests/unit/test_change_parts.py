"""Change parts: the columns that each kind of write gives to the log, and what they keep in memory."""

import pickle
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, RecordQuery, ResultsIndex
from bucketquery.jobs.change_columns import HAD, HAS, IS_INTERIM, RENORMALISED, WAS_INTERIM, ChangeColumns
from bucketquery.jobs.change_parts import (
    columns_of_entries,
    columns_of_listing,
    columns_of_table,
    matter,
    parts_of_entries,
)
from bucketquery.jobs.descriptions import DESCRIPTIVE, constant
from bucketquery.model.schema import BUCKET
from bucketquery.queries.queries import resolve
from bucketquery.storage.packed_rows import layout_of
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.table_changes import TableChanges
from support.helpers import JOB, STEP, bucket, record, resize, rows, segment


def table_of(index: ResultsIndex, kind: Any = "bucket") -> Table:
    """The table of the job ``web``."""
    return index.snapshot()._catalog.known("web", "job_id").tables[kind]


def parts_of(changes: TableChanges, *, renormalised: bool = False) -> list[ChangeColumns]:
    """The columns of some changes of the job ``web`` in commit 5."""
    return columns_of_table("web", changes, 5, 6, renormalised=renormalised)


def shown(part: ChangeColumns) -> list[tuple[Any, ...]]:
    """The key, flags and scores of each change."""
    return list(zip(part.keys(), part.flags.tolist(), part.old_scores.tolist(), part.scores.tolist(), strict=True))


def segment_of(documents: list[dict[str, Any]], kind: Any = "bucket") -> Segment:
    """The results of a job as a batch of one table."""
    found = ResultsIndex()
    found.upsert(documents)
    view = table_of(found, kind).rows
    assert view.head.length == 0
    return view.base


def test_an_insert_copies_nothing() -> None:
    """Identities and scores of a batch are views of its columns; all else takes the memory of one value."""
    batch = segment_of(rows(0, 1_000, anomaly_score=5.0))
    _, changes = Table.empty(batch.schema).upsert(batch)
    (part,) = parts_of(changes)
    assert np.shares_memory(part.identity[0], batch.columns["timestamp"])
    assert np.shares_memory(part.scores, batch.columns["anomaly_score"])
    assert [column.strides for column in (part.sequences, part.times, part.flags, part.old_scores)] == [(0,)] * 4
    assert (part.sequences[9], part.times[9], part.flags[9], part.length) == (5, 6, HAS, 1_000)
    assert np.isnan(part.old_scores).all()
    assert part.replaced is None


def test_a_view_of_a_much_larger_array_is_copied() -> None:
    """A few rows of a large batch do not keep the batch in memory."""
    batch = segment_of(rows(0, 1_000, anomaly_score=5.0))
    _, changes = Table.empty(batch.schema).upsert(batch.prefix(100))
    (part,) = parts_of(changes)
    assert not np.shares_memory(part.identity[0], batch.columns["timestamp"])
    packed = segment_of(rows(0, 40, anomaly_score=5.0))
    _, changes = Table.empty(packed.schema).upsert(packed)
    (part,) = parts_of(changes)
    assert all(column.base is None for column in (*part.identity, part.scores))


def test_a_batch_is_one_part() -> None:
    """New and replaced rows have their own flags and old scores; the order is that of the batch."""
    index = ResultsIndex()
    index.upsert([*rows(0, 30, anomaly_score=5.0), bucket(30, is_interim=True)])
    before = [bucket(10, anomaly_score=6, is_interim=True), bucket(30, anomaly_score=7), bucket(31)]
    batch = segment_of([*rows(0, 10, anomaly_score=5.0), *rows(11, 20, anomaly_score=5.0), bucket(31), bucket(30)])
    assert parts_of(table_of(index).upsert(batch.prefix(19))[1]) == []
    index.upsert(before)
    (part,) = parts_of(table_of(index).upsert(segment_of(rows(9, 40, anomaly_score=8.0)))[1])
    found = {key[1] // STEP: others for key, *others in shown(part)}
    assert sorted(found) == list(range(9, 40))
    assert found[9] == [HAD | HAS, 5.0, 8.0]
    assert found[10] == [HAD | HAS | WAS_INTERIM, 6.0, 8.0]
    assert found[30] == [HAD | HAS, 7.0, 8.0]
    assert [found[row][0] for row in (31, 39)] == [HAD | HAS, HAS]
    assert [np.isnan(found[row][1]) for row in (31, 39)] == [True, True]


def test_changes_of_any_form_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, batches and selections of the same changes give the same columns."""
    resize(monkeypatch, rows_one_by_one=0)
    by_batches = ResultsIndex()
    monkeypatch.undo()
    one_by_one = ResultsIndex()
    stored = [bucket(0, anomaly_score=1), bucket(1, is_interim=True), bucket(2, anomaly_score=3)]
    later = [bucket(0, anomaly_score=4), bucket(1), bucket(2, anomaly_score=3), bucket(3, is_interim=True)]
    found = []
    for index in (by_batches, one_by_one):
        index.upsert(stored)
        _, changes = table_of(index).upsert(segment_of([*later[:3], bucket(9)]))
        found.append(sorted(map(repr, (row for part in parts_of(changes) for row in shown(part)))))
    assert found[0] == found[1]
    assert len(found[0]) == 3
    index = ResultsIndex()
    index.upsert(later)
    (part,) = parts_of(table_of(index).all_deleted())
    assert [flags for _, flags, _, _ in shown(part)] == [HAD, HAD, HAD, HAD | WAS_INTERIM]
    assert np.isnan(part.scores).all()


def test_new_scores_keep_what_was_interim() -> None:
    """New scores have no column `is_interim`, so each result is interim if it was before."""
    index = ResultsIndex()
    index.upsert([*rows(0, 5, anomaly_score=5.0), bucket(5, is_interim=True)])
    base = index.snapshot()._catalog.known("web", "job_id").tables["bucket"]
    columns = {"timestamp": np.array([0, 5 * STEP]), "bucket_span": np.array([300, 300])}
    scores = Segment(base.base.schema, 2, {**columns, "anomaly_score": np.array([5.0, 7.0])}, {}, {}, {})
    _, changes = base.rescore(scores)
    (part,) = parts_of(changes, renormalised=True)
    assert [flags for _, flags, _, _ in shown(part)] == [HAD | HAS | WAS_INTERIM | IS_INTERIM | RENORMALISED]
    # The same changes as selections.
    (again,) = parts_of(Selections(changes), renormalised=True)
    assert repr(shown(again)) == repr(shown(part))


class Selections:
    """Changes that have nothing but selections, as any write may give them."""

    def __init__(self, changes: TableChanges) -> None:
        self.counts = changes.counts
        self.kind = changes.kind
        self.rows_after = changes.rows_after
        self.inserted = changes.inserted
        self.replaced = changes.replaced
        self.deleted = changes.deleted


def test_deleted_records_of_base_and_head() -> None:
    """Keywords of base and head are put into one dictionary; rows of one of them keep its own."""
    index = ResultsIndex()
    index.upsert([record(row, by_field_value=f"a{row % 3}") for row in range(2_000)])
    (of_base,) = parts_of(table_of(index, "record").all_deleted())
    assert of_base.dictionaries["by_field_value"].tolist() == ["a0", "a1", "a2"]
    index.upsert([record(5, 1, by_field_value="z", is_interim=True), record(6, 1)])
    table = table_of(index, "record")
    assert table.head.length == 2
    (part,) = parts_of(table.all_deleted())
    keys = sorted(part.keys(), key=repr)
    index.upsert([bucket(0)])
    assert keys == sorted((change.key for change in index.changes(since=0) if change.kind == "record"), key=repr)
    only_head = ResultsIndex()
    only_head.upsert([record(row, by_field_value="y", is_interim=True) for row in range(20)])
    (part,) = parts_of(table_of(only_head, "record").all_deleted())
    keys = part.keys()
    assert (part.length, {key[4] for key in keys}) == (20, {"y"})


def functions(part: ChangeColumns) -> dict[int, tuple[str | None, str | None]]:
    """The function of each record before and after, by the record's place in time; "" if there was or is none."""
    assert part.descriptions is not None
    at, (distinct, before, after) = DESCRIPTIVE.index("function"), part.descriptions
    assert len(set(distinct)) == len(distinct)
    texts = [*(one[at] for one in distinct), ""]
    return {
        timestamp // STEP: (texts[old], texts[new])
        for timestamp, old, new in zip(part.identity[0].tolist(), before.tolist(), after.tolist(), strict=True)
    }


def test_a_batch_of_one_description_copies_no_codes() -> None:
    """New records, and records that replace others, have two codes for all of them if each side has one description."""
    batch = segment_of([record(row, function="mean") for row in range(1_000)], "record")
    table, changes = Table.empty(batch.schema).upsert(batch)
    (part,) = parts_of(changes)
    assert functions(part) == dict.fromkeys(range(1_000), ("", "mean"))
    _, changes = table.upsert(segment_of([record(row, function="rare") for row in range(100, 900)], "record"))
    (again,) = parts_of(changes)
    assert functions(again) == dict.fromkeys(range(100, 900), ("mean", "rare"))
    for one in (part, again):
        assert one.descriptions is not None
        assert (one.descriptions.before.strides, one.descriptions.after.strides) == ((0,), (0,))


def test_replaced_records_have_the_descriptions_of_base_and_head() -> None:
    """The old side comes from the place where the record was stored, whatever the dictionaries of both are."""
    index = ResultsIndex()
    index.upsert([record(row, function=("mean", "rare")[row % 2]) for row in range(40)])
    index.upsert([record(3, function="count", is_interim=True), record(4, is_interim=True)])
    table = table_of(index, "record")
    assert table.head.length == 2
    assert table.head.dictionary("function").tolist() != table.base.dictionary("function").tolist()
    (part,) = parts_of(table.upsert(segment_of([record(row, function="max") for row in (2, 3, 4, 5, 99)], "record"))[1])
    expected = {2: ("mean", "max"), 3: ("count", "max"), 4: (None, "max"), 5: ("rare", "max"), 99: ("", "max")}
    assert functions(part) == expected
    _, changes = table.upsert(segment_of([record(row, function="max") for row in (3, 4)], "record"))
    (of_head,) = parts_of(changes)
    assert functions(of_head) == {row: expected[row] for row in (3, 4)}


def test_new_scores_keep_the_descriptions() -> None:
    """New scores have no keywords beside the identity, so both sides have those of the stored record."""
    index = ResultsIndex()
    index.upsert([record(row, function=("mean", "rare")[row % 2], record_score=5.0) for row in range(40)])
    index.upsert([record(3, function="count", record_score=5.0, is_interim=True)])
    table = table_of(index, "record")
    identity = {name: table.base.column(name)[2:5] for name in table.base.schema.identity}
    scores = Segment(table.base.schema, 3, {**identity, "record_score": np.full(3, 7.0)}, {}, {}, {})
    _, changes = table.rescore(scores)
    for one in (changes, Selections(changes)):
        (part,) = parts_of(one, renormalised=True)
        assert functions(part) == {2: ("mean", "mean"), 3: ("count", "count"), 4: ("mean", "mean")}


def test_records_in_any_form_have_the_same_descriptions() -> None:
    """Batches and selections of the same changes have the same descriptions on both sides."""
    index = ResultsIndex()
    index.upsert([record(row, function=("mean", "rare")[row % 2]) for row in range(40)])
    index.upsert([record(3, function="count", is_interim=True)])
    table = table_of(index, "record")
    _, changes = table.upsert(segment_of([record(row, function="max") for row in (2, 3, 99, 100)], "record"))
    (part,) = parts_of(changes)
    inserted, replaced = parts_of(Selections(changes))
    assert functions(inserted) == {99: ("", "max"), 100: ("", "max")}
    assert functions(inserted) | functions(replaced) == functions(part)
    consecutive = Selections(changes)
    consecutive.inserted = Selection.of(segment_of([record(row, function="max") for row in (99, 100)], "record"))
    assert functions(parts_of(consecutive)[0]) == functions(inserted)
    (deleted,) = parts_of(table.all_deleted())
    assert functions(deleted) == {row: ("count" if row == 3 else ("mean", "rare")[row % 2], "") for row in range(40)}
    (of_base,) = parts_of(table.delete(10 * STEP, 20 * STEP)[1])
    assert functions(of_base) == {row: (("mean", "rare")[row % 2], "") for row in range(10, 20)}


def test_detached_changes_have_only_their_own_descriptions() -> None:
    """A few changes of a batch do not keep all of its descriptions in memory, nor in a pickle."""
    batch = segment_of([record(row, function=f"f{row}") for row in range(300)], "record")
    (part,) = parts_of(Table.empty(batch.schema).upsert(batch)[1])
    some = part.take(slice(10, 12))
    for own in (some.detach(), pickle.loads(pickle.dumps(some))):
        assert functions(own) == functions(some) == {10: ("", "f10"), 11: ("", "f11")}
        assert own.descriptions is not None
        assert len(own.descriptions.distinct) == 2
        assert own.ranges == ()


def test_only_changes_of_records_have_descriptions() -> None:
    """Other kinds have none; nor does a listing, which a search has filtered already."""
    index = ResultsIndex()
    index.upsert([*rows(0, 40), *(bucket(row, result_type="influencer") for row in range(40)), record(0)])
    for kind in ("bucket", "influencer"):
        table = table_of(index, kind)
        deleted, inserted = (
            parts_of(table.all_deleted()),
            parts_of(Table.empty(table.base.schema).upsert(table.base)[1]),
        )
        assert [part.descriptions for part in (*deleted, *inserted)] == [None, None]
    listed = columns_of_listing("web", Selection.of(table_of(index, "record").base), 1, 1)
    assert (listed.length, listed.descriptions) == (1, None)


def test_a_part_has_only_its_own_keywords() -> None:
    """A few rows of a batch with many keywords do not keep all of them."""
    batch = segment_of([record(row, by_field_value=f"text {row}") for row in range(300)], "record")
    _, changes = Table.empty(batch.schema).upsert(batch.select(np.arange(10)))
    (part,) = parts_of(changes)
    assert part.dictionaries["by_field_value"].tolist() == [f"text {row}" for row in range(10)]
    keys = part.keys()
    assert [key[4] for key in keys] == [f"text {row}" for row in range(10)]


def test_single_rows_as_columns() -> None:
    """The columns have the key, the flags and the old score of each single row."""
    index = ResultsIndex()
    index.upsert([bucket(0, anomaly_score=4, is_interim=True), bucket(1)])
    assert index._log is not None
    _, _, first, _, _, second = index._log._state.open.entries
    entries = ["a", None, first, "b", first, second, "a", second, first]
    part = columns_of_entries(entries, np.array([1, 2, 2]), np.array([7, 8, 8]))
    assert part.keys() == [("a", 0, 300), ("b", STEP, 300), ("a", 0, 300)]
    assert part.flags.tolist() == [HAS | IS_INTERIM, HAD | HAS | WAS_INTERIM, HAD | HAS | IS_INTERIM]
    assert repr(part.old_scores.tolist()) == "[nan, 4.0, nan]"
    assert dict(part.last_by_job()) == {"a": 2, "b": 2}
    assert part.of_key(("a", 0, 300)).tolist() == [0, 2]
    assert part.of_key(("c", 0, 300)).tolist() == []
    assert [some.length for some in parts_of_entries(entries, 9, 9, most=2, kept=5)] == [2, 1]
    assert sorted(some.length for some in parts_of_entries(entries, 9, 9, most=2, kept=1)) == [0, 1]


def test_a_constant_takes_the_memory_of_one_value() -> None:
    """A constant array is read like any other array."""
    found = constant(7, np.dtype(np.int64), 3)
    assert (found.tolist(), found.strides) == ([7, 7, 7], (0,))
    assert constant(7, np.dtype(np.int64), 0).tolist() == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, True),
        ({"anomaly_score": 80}, True),
        ({"anomaly_score": 80.5}, False),
        ({"jobs": "db"}, False),
        ({"start": STEP}, True),
        ({"start": STEP + 1}, False),
        ({"end": STEP}, False),
        ({"exclude_interim": True}, True),
        ({"exclude_interim": True, "anomaly_score": 11}, False),
        ({"anomaly_score": (10, 11)}, True),
        ({"anomaly_score": (11, 80)}, False),
        ({"anomaly_score": (11, 80.5)}, True),
        ({"anomaly_score": (-1, 10)}, False),
    ],
)
def test_a_few_rows_matter_if_either_side_matches(asked: dict[str, Any], expected: bool) -> None:
    """An interim row of score 80 that became final with score 10, and a row without a score that was deleted."""
    found = layout_of(BUCKET)
    assert found is not None
    records = [
        segment([document]).record(found, 0)
        for document in (bucket(1, anomaly_score=80, is_interim=True), bucket(1, anomaly_score=10), bucket(0))
    ]
    query = BucketQuery(**{"jobs": JOB, **asked})
    entries = [JOB, records[0], records[1], JOB, records[2], None]
    if asked.get("start") or "anomaly_score" in asked:
        # The row without a score matches no threshold, and lies before any start.
        assert not matter(entries[3:], resolve(query, lambda: 0), query.jobs)
    assert matter(entries[:3], resolve(query, lambda: 0), query.jobs) is expected


@pytest.mark.parametrize("puts", [1, 3, 16, 17, 40])
@pytest.mark.parametrize("query", [BucketQuery(jobs=JOB, anomaly_score=75), RecordQuery(jobs=JOB), None])
def test_few_and_many_single_rows_give_the_same_feed(puts: int, query: Any) -> None:
    """A loop judges a few rows, columns judge many; a query for records has no change of a bucket."""
    index = ResultsIndex()
    for row in range(puts):
        index.upsert([bucket(row, anomaly_score=80 if row % 5 == 2 else 10)])
    rows = [] if isinstance(query, RecordQuery) else [row for row in range(puts) if query is None or row % 5 == 2]
    assert [change.key[1] for change in index.changes(query, since=0)] == [row * STEP for row in rows]
    assert len(index.changes(query, since=puts - 1)) == (puts - 1 in rows)
