"""Buckets of several jobs by slots, read from the jobs' own tables and from the tables of all jobs.

`test_overall.py` compares all ways of reading with plain loops over random results.
"""

import numpy as np
import pytest

from bucketquery import ResultsIndex
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.search.slot_rows import SlotRows
from bucketquery.search.slot_sources import ROW_SIZES

HOUR = 3_600_000
#: The scores of each job, hour by hour; None for an hour without a bucket.
SCORES = {"a": [5.0, 80.0, None], "b": [7.0, None, 90.0], "c": [None, 60.0, 20.0]}


def rows_of(few_jobs: int, jobs: tuple[str, ...] = ("a", "b", "c"), *, exclude_interim: bool = False) -> SlotRows:
    """The rows of some jobs by hours; with few of them, their own tables are read."""
    index = ResultsIndex()
    for job_id, scores in SCORES.items():
        for hour, score in enumerate(scores):
            if score is not None:
                bucket = {"job_id": job_id, "timestamp": hour * HOUR, "bucket_span": 3600, "anomaly_score": score}
                index.upsert([{**bucket, "is_interim": score == 90.0}], kind="bucket")
    catalog = index.snapshot()._catalog
    return SlotRows.of(
        catalog,
        catalog.select(jobs, "jobs"),
        (FIRST_MS, LAST_MS + 1),
        HOUR,
        exclude_interim=exclude_interim,
        sizes=ROW_SIZES._replace(few_jobs=few_jobs),
    )


@pytest.mark.parametrize("few_jobs", [0, 10])
def test_peaks_are_the_slots_that_reach_a_threshold(few_jobs: int) -> None:
    """With the greatest score of each; interim rows may be left out, and rows of other jobs always are."""
    numbers, scores = rows_of(few_jobs).peaks(60.0)
    assert (numbers.tolist(), scores.tolist()) == ([1, 2], [80.0, 90.0])
    numbers, scores = rows_of(few_jobs, exclude_interim=True).peaks(60.0)
    assert (numbers.tolist(), scores.tolist()) == ([1], [80.0])
    numbers, scores = rows_of(few_jobs, ("a", "c")).peaks(20.0)
    assert (numbers.tolist(), scores.tolist()) == ([1, 2], [80.0, 20.0])
    assert rows_of(few_jobs).peaks(95.0)[0].tolist() == []


@pytest.mark.parametrize("few_jobs", [0, 10])
def test_a_slot_lists_its_jobs(few_jobs: int) -> None:
    """And says whether any of its rows is interim."""
    rows = rows_of(few_jobs)
    assert rows.interim(np.array([0, 1, 2])).tolist() == [False, False, True]
    numbers, owners, scores = rows.jobs(np.array([1, 2]))
    found = sorted(zip(numbers.tolist(), rows.ids(owners), scores.tolist(), strict=True))
    assert found == [(1, "a", 80.0), (1, "c", 60.0), (2, "b", 90.0), (2, "c", 20.0)]
