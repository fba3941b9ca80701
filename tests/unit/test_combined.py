"""Edits of the tables of all jobs that `Table` does not make."""

import numpy as np
import pytest

from bucketquery.jobs.all_jobs import table_of
from bucketquery.jobs.job_labels import NO_LABEL
from bucketquery.jobs.labelled_rows import LabelledRows
from bucketquery.model.schema import COMBINED, JOB_LABEL
from bucketquery.model.sizes import DEFAULT_SIZES, sizes_of_all_jobs
from bucketquery.storage.combined import (
    cut,
    followed_by,
    index_keys,
    make_indexes,
    overlaid,
    relabelled,
    slice_of,
    with_rows,
    without_identities,
    without_labels,
)
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from support.helpers import STEP, address, bucket, segment, sizes
from support.kept_all_jobs import shrink


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows have value indexes."""
    shrink(monkeypatch)


def of_jobs(*jobs: tuple[int, list[int]], is_interim: bool = False) -> Segment:
    """Rows of some jobs: the label of each, and its buckets."""
    parts = [segment([bucket(row, anomaly_score=row, is_interim=is_interim) for row in rows]) for _, rows in jobs]
    labels = np.repeat([label for label, _ in jobs], [len(rows) for _, rows in jobs]).astype(np.uint32)
    rows = LabelledRows(COMBINED["bucket"], parts, labels, sizes_of_all_jobs(sizes()))
    return rows.segment(rows.last_of_each(), spare=4)


def stored(table: Table) -> list[tuple[int, int]]:
    """The number of the bucket and the label of each row, in order."""
    live = np.setdiff1d(np.arange(table.base.length), table.deleted)
    found = [(table.base, live), (table.head, np.arange(table.head.length))]
    rows = [
        (time // STEP, label)
        for each, some in found
        for time, label in zip(
            each.column("timestamp")[some].tolist(), each.column(JOB_LABEL)[some].tolist(), strict=True
        )
    ]
    return sorted(rows)


def test_an_overlay_of_nothing_is_the_table() -> None:
    """So its views and caches serve on."""
    table = table_of(of_jobs((3, [0, 1])))
    nothing = of_jobs((3, []))
    assert overlaid(table, nothing, nothing) is table
    assert without_identities(table, nothing) is table


def test_an_overlay_shares_the_base() -> None:
    """New rows are in the head, in order or not; replaced and deleted ones are deleted rows of the base."""
    table = table_of(of_jobs((3, [0, 1, 2]), (7, [1])))
    over = overlaid(table, of_jobs((3, [1, 5]), (4, [0])), of_jobs((7, [1, 9])))
    assert over.base is table.base
    assert (over.deleted.tolist(), over.head.length) == ([1, 2], 3)
    assert stored(over) == [(0, 3), (0, 4), (1, 3), (2, 3), (5, 3)]
    again = overlaid(over, of_jobs((7, [1])), of_jobs((3, [5]), (4, [0])))
    assert stored(again) == [(0, 3), (1, 3), (1, 7), (2, 3)]
    again.check(pending=3)
    assert stored(table) == [(0, 3), (1, 3), (1, 7), (2, 3)]


def test_rows_of_some_jobs_are_deleted_in_a_window() -> None:
    """Of base and head, final and interim."""
    table = table_of(of_jobs((3, [0, 1, 2, 3]), (7, [1, 2]), (9, [2])))
    table, _ = table.upsert(of_jobs((3, [5]), (7, [5, 6]), is_interim=True))
    named = np.zeros(10, dtype=np.bool_)
    named[3] = True
    every = (-(2**40), 2**40)
    one = without_labels(table, JOB_LABEL, named, STEP, 3 * STEP)
    assert stored(one) == [(0, 3), (1, 7), (2, 7), (2, 9), (3, 3), (5, 3), (5, 7), (6, 7)]
    assert stored(without_labels(one, JOB_LABEL, named, *every)) == [(1, 7), (2, 7), (2, 9), (5, 7), (6, 7)]
    named[7] = True
    assert stored(without_labels(table, JOB_LABEL, named, *every)) == [(2, 9)]
    interim = without_labels(table, JOB_LABEL, named, *every, interim_only=True)
    assert stored(interim) == [(0, 3), (1, 3), (1, 7), (2, 3), (2, 7), (2, 9), (3, 3)]
    based = table_of(of_jobs((3, [0, 1]), is_interim=True))
    assert stored(without_labels(based, JOB_LABEL, named, 0, STEP, interim_only=True)) == [(1, 3)]


def test_other_labels_share_all_other_arrays() -> None:
    """The label column is new, in the base and in the head."""
    table, _ = table_of(of_jobs((3, [0, 1]), (7, [1]))).upsert(of_jobs((3, [5]), is_interim=True))
    moved = np.full(9, NO_LABEL, dtype=np.uint32)
    moved[[3, 7]] = (30, 70)
    other = relabelled(table, JOB_LABEL, moved, NO_LABEL)
    other.check()
    assert stored(other) == [(0, 30), (1, 30), (1, 70), (5, 30)]
    assert stored(table) == [(0, 3), (1, 3), (1, 7), (5, 3)]
    assert address(other.base.columns["timestamp"]) == address(table.base.columns["timestamp"])
    assert len(other.base.columns[JOB_LABEL]) == len(table.base.columns["timestamp"])


def test_deleted_rows_of_jobs_without_a_label_leave_the_base() -> None:
    """With any label they would be out of order."""
    for gone in (4, 8):
        table = table_of(of_jobs((3, [0, 1, 2, 3]), (gone, [1, 2]), (7, [1])))
        named = np.zeros(gone + 1, dtype=np.bool_)
        named[gone] = True
        table = without_labels(table, JOB_LABEL, named, 0, 9 * STEP)
        assert len(table.deleted) == 2
        moved = np.full(9, NO_LABEL, dtype=np.uint32)
        moved[[3, 7]] = (30, 70)
        other = relabelled(table, JOB_LABEL, moved, NO_LABEL)
        other.check()
        assert (len(other.deleted), stored(other)) == (0, [(0, 30), (1, 30), (1, 70), (2, 30), (3, 30)])


def test_a_table_is_cut_at_an_instant() -> None:
    """The rows before it are one segment, those of the head included; the others stay a table."""
    table, _ = table_of(of_jobs((3, [0, 2, 4, 6]))).upsert(of_jobs((3, [1, 5]), is_interim=True))
    before, after = cut(table, 4 * STEP)
    assert (before.column("timestamp") // STEP).tolist() == [0, 1, 2]
    assert stored(after) == [(4, 3), (5, 3), (6, 3)]
    after.check()


def test_a_cut_table_keeps_its_value_indexes() -> None:
    """They are those of its rows, and later rows are added to them. The table before the cut stays as it is."""
    table = table_of(of_jobs((3, [*range(40)]), is_interim=True))
    make_indexes(table, [("anomaly_score", True)])
    before, after = cut(table, 10 * STEP)
    assert (before.column("timestamp") // STEP).tolist() == [*range(10)]
    assert stored(after) == [(row, 3) for row in range(10, 40)]
    assert index_keys(after) == [("anomaly_score", True)]
    later = followed_by(after, of_jobs((3, [*range(40, 50)])))
    for each, length in ((after, 30), (later, 40), (table, 40)):
        each.check()
        index = each.base.value_index("anomaly_score", desc=True)
        assert index is not None
        assert index.covered == length
        index.check(each.base.column("anomaly_score"))
    assert after.final.length == 0
    assert later.final.length == 10


def test_later_rows_are_appended_without_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are not later than all, deleted ones too, are compared; so are interim ones, which go to the head."""
    table = table_of(of_jobs((3, [0, 1, 5])))
    table = Table(table.base, np.array([2]), table.head, table._interim)
    with monkeypatch.context() as patch:
        patch.setattr(Table, "upsert", None)
        assert with_rows(table, of_jobs((3, []))) is table
        later = with_rows(table, of_jobs((3, [6, 7])))
        assert with_rows(Table.empty(table.base.schema, table.base.sizes), of_jobs((3, [1]))).length == 1
    later.check()
    assert stored(later) == [(0, 3), (1, 3), (6, 3), (7, 3)]
    assert with_rows(later, of_jobs((3, [8]), is_interim=True)).head.length == 1
    for rows in ([3, 8], [5], [1]):
        found = with_rows(later, of_jobs((3, rows)))
        found.check()
        assert stored(found) == sorted({(0, 3), (1, 3), (6, 3), (7, 3), *((row, 3) for row in rows)})


def test_a_part_of_a_segment_is_a_view() -> None:
    """All rows are the segment itself."""
    rows = of_jobs((3, [0, 1, 2]))
    assert slice_of(rows, 0, 3) is rows
    part = slice_of(rows, 1, 3)
    assert (part.length, part.timestamp(0)) == (2, STEP)


def test_the_writer_makes_value_indexes_in_a_cache_of_its_own() -> None:
    """Other segments do not see them, and a base of few rows gets none."""
    table = table_of(of_jobs((3, [*range(20)])))
    make_indexes(table, [("anomaly_score", True)])
    own = table.base._indexes
    assert index_keys(table) == [("anomaly_score", True)]
    make_indexes(table, [("anomaly_score", True), ("bucket_span", False)])
    assert table.base._indexes is not own
    assert own is not None
    assert own.keys() == [("anomaly_score", True)]
    few = table_of(of_jobs((3, [0])))
    make_indexes(few, [("anomaly_score", True)])
    assert (index_keys(few), few.base._indexes) == ((), None)
    assert sizes_of_all_jobs(DEFAULT_SIZES) is sizes_of_all_jobs(DEFAULT_SIZES)
