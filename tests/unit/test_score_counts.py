"""Counts by score: the numbers of a comparison, whatever table, head, deleted rows or value index there is."""

from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.arrays.sorted_arrays import counts_reaching
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import Array, Float64s, Int64s
from bucketquery.queries.queries import resolve
from bucketquery.search import score_counts
from bucketquery.search.job_by_job import Source
from bucketquery.search.score_counts import sources_to_count, threshold_counts
from bucketquery.search.shortcuts import ALL_SHORTCUTS
from support.helpers import JOB, STEP, bucket, resize, rows, table
from support.shortcuts import only

THRESHOLDS = np.array([75.0, 0.0, 25.0, 25.0, 50.5, -1.0, 1e9])
MANY = np.linspace(-1, 101, 200)


@pytest.mark.parametrize("thresholds", [THRESHOLDS, MANY, MANY[:0]], ids=["some", "many", "none"])
@pytest.mark.parametrize("asked", [{}, {"anomaly_score": 30}, {"anomaly_score": (-5, 60)}, {"start": 900 * STEP}])
def test_counts_are_those_of_a_comparison(thresholds: Float64s, asked: dict[str, Any]) -> None:
    """The table has a head, deleted rows and rows behind its value index; two tables are added up."""
    first = [bucket(row, anomaly_score=None if row % 9 == 0 else row * 7 % 101) for row in range(3_000)]
    later = [bucket(row, anomaly_score=row % 77, bucket_span=60) for row in (5, 1_000, 2_000, 2_999)]
    replaced = [bucket(row, anomaly_score=99) for row in range(10, 1_500, 50)]
    end = rows(3_000, 3_040, anomaly_score=40.0)
    of = table(first, later, replaced, end)
    assert len(of.rows.deleted)
    assert of.rows.head.length
    resolved = resolve(BucketQuery(jobs=JOB, **asked), lambda: 0)
    stored = {
        (each["timestamp"], each["bucket_span"]): each["anomaly_score"] for each in (*first, *later, *replaced, *end)
    }
    low = -1e9 if resolved.threshold is None else resolved.threshold
    high = 1e9 if resolved.below is None else resolved.below
    scores = [score for (timestamp, _), score in stored.items() if timestamp >= resolved.start]
    expected = [
        sum(
            (low == -1e9 and threshold <= 0)
            if score is None
            else (threshold <= 0 or score >= threshold) and low <= score < high
            for score in scores
        )
        for threshold in thresholds.tolist()
    ]
    for shortcuts in (ALL_SHORTCUTS, only(())):
        assert threshold_counts([Source(of, None)], resolved, thresholds, shortcuts).tolist() == expected
        assert threshold_counts([Source(of, None)] * 2, resolved, thresholds, shortcuts).tolist() == [
            2 * number for number in expected
        ]
        assert threshold_counts([], resolved, thresholds, shortcuts).tolist() == [0] * len(thresholds)


def test_collected_scores_are_counted_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of many small tables are not all held at once."""
    monkeypatch.setattr(score_counts, "_AT_ONCE", 5)
    lengths: list[int] = []

    def watched(values: Array, edges: Array) -> Int64s:
        lengths.append(len(values))
        return counts_reaching(values, edges)

    monkeypatch.setattr(score_counts, "counts_reaching", watched)
    tables = [Source(table(rows(0, 4, anomaly_score=50.0)), None) for _ in range(5)]
    resolved = resolve(BucketQuery(jobs=JOB), lambda: 0)
    assert threshold_counts(tables, resolved, np.array([50.0, 51.0])).tolist() == [20, 0]
    assert lengths == [8, 8, 4]


def test_all_jobs_are_counted_as_one_table_if_they_are_many() -> None:
    """The parts of the table of all jobs are counted if more than 64 jobs are selected, and no job is left out."""
    index = ResultsIndex()
    index.upsert([{**bucket(row), "job_id": f"job{row}", "anomaly_score": row} for row in range(70)])
    snapshot = index.snapshot()
    catalog = snapshot._catalog
    resolved = resolve(BucketQuery(jobs=JOB), lambda: 0)
    for left_out, is_one in ((0, True), (1, False)):
        jobs = index.jobs()[left_out:]
        selected = catalog.select(jobs, "jobs")
        tables = [table for table, _ in sources_to_count(catalog, selected, resolved)]
        every = catalog.all_jobs(resolved.schema)
        assert every is not None
        assert (tables == list(every.parts)) is is_one
        assert sum(found.length for found in tables) == 70 - left_out
        counts = index.threshold_counts(BucketQuery(jobs=jobs, start=5 * STEP), [0, 60])
        assert counts.tolist() == [65, 10]
        one_by_one = list(sources_to_count(catalog, selected, resolved, only(())))
        assert len(one_by_one) == 70 - left_out


def test_jobs_are_counted_one_by_one_if_no_table_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no table of all jobs, each job is counted."""
    monkeypatch.setattr(Catalog, "all_jobs", lambda *_: None)
    index = ResultsIndex()
    index.upsert([{**bucket(row), "job_id": f"job{row}", "anomaly_score": row} for row in range(70)])
    assert index.threshold_counts(BucketQuery(jobs=index.jobs()), [0, 60]).tolist() == [70, 10]


def test_a_long_window_without_a_value_index_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment may be too short for a value index, but longer than a window that is compared in any case."""
    resize(monkeypatch, value_index_rows=10_000)
    of = table(rows(0, 2_000, anomaly_score=50.0))
    resolved = resolve(BucketQuery(jobs=JOB), lambda: 0)
    assert threshold_counts([Source(of, None)], resolved, np.array([50.0, 51.0])).tolist() == [2_000, 0]
