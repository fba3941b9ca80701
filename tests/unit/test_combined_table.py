"""Combined tables: the results of many jobs as one table, and which jobs of a query it answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery import ResultsIndex
from bucketquery.jobs.combined_table import CombinedTable
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Kind, Schema
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from support.helpers import all_rows, bucket, limit_heads, record

Document = dict[str, Any]

SCHEMAS: Mapping[Kind, Schema] = {"bucket": BUCKET, "record": RECORD, "influencer": INFLUENCER}


def tables_of(*batches: Sequence[Document], kind: Kind = "bucket") -> dict[str, Table]:
    """The table of each job with results of a kind, after some batches."""
    index = ResultsIndex()
    for batch in batches:
        index.upsert(batch)
    return {job.job_id: job.tables[kind] for job in index.snapshot()._catalog if kind in job.tables}


def combined_of(tables: Mapping[str, Table | None], kind: Kind = "bucket") -> CombinedTable:
    """The combined table of some jobs."""
    job_ids = sorted(tables)
    return CombinedTable.of(SCHEMAS[kind], job_ids, [tables[job_id] for job_id in job_ids])


def whole(
    combined: CombinedTable, jobs: Sequence[str], stale: frozenset[str] = frozenset()
) -> list[tuple[str, int, int]]:
    """Job, timestamp and span of each row that a combined table has for some jobs, in its order."""
    split = combined.split(jobs, stale)
    rows = all_rows(split.table.rows)
    shown = Selection(split.table.rows, rows)
    numbers = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    job_ids = [split.combined.job_of(row) for row in numbers.tolist()]
    return list(zip(job_ids, shown.column("timestamp").tolist(), shown.column("bucket_span").tolist(), strict=True))


def test_rows_are_in_the_order_of_time_span_and_job() -> None:
    """The order does not depend on the table that a row comes from."""
    tables = tables_of(
        [bucket(row, job_id=job_id, bucket_span=span) for job_id, row, span in (("b", 0, 60), ("a", 1, 60))],
        [bucket(0, job_id=job_id, bucket_span=span) for job_id, span in (("a", 300), ("c", 60), ("a", 60))],
    )
    expected = [("a", 0, 60), ("b", 0, 60), ("c", 0, 60), ("a", 0, 300), ("a", 300_000, 60)]
    assert whole(combined_of(tables), ("a", "b", "c")) == expected


def test_rows_of_base_and_head_are_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    """`place` gives the segment and row number of each row in the table of its job. Deleted rows are left out."""
    limit_heads(monkeypatch, 4)
    first = [bucket(row, job_id=job_id, anomaly_score=1.0) for job_id in ("a", "b") for row in range(6)]
    changed = [
        bucket(2, job_id="a", anomaly_score=2.0, event_count=7, scheduled_events=["x"]),
        bucket(9, job_id="b", is_interim=True),
    ]
    tables = tables_of(first, changed)
    assert len(tables["a"].rows.deleted) == 1
    combined = combined_of({**tables, "nothing": None})
    split = combined.split(("a", "b", "nothing"), frozenset())
    assert split.others == ()
    assert (split.table.rows.length, split.table.final.length) == (13, 12)
    base = split.table.rows.base
    for row in range(base.length):
        job_id, segment, own = combined.place(row)
        assert job_id == combined.job_of(row)
        for name in base.columns:
            stored, there = base.values(name, np.array([row])), segment.values(name, np.array([own]))
            assert repr(stored.tolist()) == repr(there.tolist())
        assert base.lists_at("scheduled_events", np.array([row])) == segment.lists_at(
            "scheduled_events", np.array([own])
        )
        lacking = base.missing("event_count", np.array([row]))
        assert lacking is not None
        assert bool(lacking[0]) == (segment.column("event_count")[own] == 0)


def test_keywords_of_many_jobs_have_one_dictionary() -> None:
    """Each job has codes of its own. The codes of the combined table compare across jobs."""
    tables = tables_of(
        [record(0, job_id="a", by_field_value="z"), record(0, job_id="b", by_field_value="y"), record(0, job_id="c")],
        kind="record",
    )
    base = combined_of(tables, "record").split(("a", "b", "c"), frozenset()).table.rows.base
    assert base.values("by_field_value", slice(0, 3)).tolist() == ["z", "y", None]
    assert base.column("by_field_value").tolist() == [1, 0, -1]
    assert base.dictionary("by_field_value").tolist() == ["y", "z"]
    assert base.dictionary("over_field_value").tolist() == []


def test_a_query_of_some_jobs_reads_only_their_rows() -> None:
    """The query reads a combined table of these rows. A job that is not in the whole table is searched by itself."""
    tables = tables_of(
        [bucket(row, job_id=job_id, event_count=row or None) for row in (1, 0) for job_id in ("a", "b", "c")],
        [bucket(3, job_id="b", scheduled_events=["x"])],
    )
    combined = combined_of(tables)
    jobs = ("c", "nobody", "b")
    assert whole(combined, jobs) == [
        ("b", 0, 300),
        ("c", 0, 300),
        ("b", 300_000, 300),
        ("c", 300_000, 300),
        ("b", 900_000, 300),
    ]
    split = combined.split(jobs, frozenset())
    assert split.others == ("nobody",)
    assert split.combined.place(0)[0] == "b"
    base = split.table.rows.base
    lacking = base.missing("event_count", slice(0, 5))
    assert lacking is not None
    assert lacking.tolist() == [True, True, False, False, True]
    assert base.lists_at("scheduled_events", slice(3, 5)) == [(), ("x",)]
    assert base.lists.keys() == {"scheduled_events", "event.ingested"}


def test_stale_jobs_are_searched_one_by_one() -> None:
    """A stale job that the query does not name changes nothing. The table stores the split for these stale jobs."""
    tables = tables_of([bucket(row, job_id=job_id) for row in range(2) for job_id in ("a", "b", "c")])
    combined = combined_of(tables)
    jobs, stale = ("a", "b"), frozenset({"b", "c"})
    assert whole(combined, jobs, stale) == [("a", 0, 300), ("a", 300_000, 300)]
    split = combined.split(jobs, stale)
    assert split.others == ("b",)
    assert combined.split(jobs, stale) == combined.split((*jobs,), frozenset(sorted(stale))) == split
    assert combined.split(jobs, stale).table is split.table
    other = combined.split(jobs, frozenset({"a"}))
    assert other.others == ("a",)
    assert other.combined is split.combined
    assert combined.split(("c",), stale).table.rows.length == 0


def test_few_queries_are_remembered() -> None:
    """A combined table stores the splits of only four queries.

    If it stored all of them, queries that name other jobs each time would fill the memory.
    """
    combined = combined_of(tables_of([bucket(0, job_id="a")]))
    for number in range(20):
        combined.split(("a", str(number)), frozenset())
    assert len(combined._answers) == len(combined._parts) == 4


def test_a_combined_table_may_be_empty() -> None:
    """A combined table may have no jobs, or only jobs without results."""
    for tables in ({}, {"a": None}):
        combined = combined_of(tables)
        assert combined.split(("a",), frozenset()).table.rows.length == 0
        assert len(combined.split(("a",), frozenset()).table.rows.base.columns) == len(BUCKET.columns)
