"""The memory of combined tables: `stats` counts it, and the write after which a table is useless frees it."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import ref

import numpy as np
import pytest

from bucketquery.index import ResultsIndex
from bucketquery.jobs.combined_cache import COMBINE_SIZES
from bucketquery.model.schema import BUCKET
from bucketquery.queries.queries import BucketQuery
from bucketquery.results.commit import Commit
from support.helpers import STEP, ask_together, bucket, index_with_tables


def make_combined_table(index: ResultsIndex, jobs: Sequence[str]) -> None:
    """Make a combined table for the newest commit."""
    assert index.snapshot()._catalog.combine(jobs, BUCKET) is not None


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Stop the garbage collector, so that only objects without references are freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def combined_array(index: ResultsIndex) -> Any:
    """A weak reference to an array of the combined table that the index caches."""
    return ref(index.snapshot()._catalog._cache.entries["bucket"].combined._places)


WRITES: dict[str, Callable[[ResultsIndex, str], Commit]] = {
    "deleted": lambda index, job_id: index.delete_job(job_id),
    "rewritten": lambda index, job_id: index.upsert([bucket(0, job_id=job_id, event_count=5)]),
    "new": lambda index, job_id: index.put_job(f"new-{job_id}"),
}


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("write", WRITES)
def test_a_combined_table_is_dropped_at_the_write_that_ends_its_use(write: str) -> None:
    """The first write after which a search would rebuild the table drops it. No earlier write drops it."""
    few_changed = COMBINE_SIZES.few_changed
    index = index_with_tables()
    jobs = tuple(f"job{number}" for number in range(300))
    index.upsert([bucket(0, job_id=job_id) for job_id in jobs])
    make_combined_table(index, jobs)
    combined = combined_array(index)
    for job_id in jobs[:few_changed]:
        WRITES[write](index, job_id)
    for count in range(2 * few_changed):
        # The first job has changed before, and the results of the second do not change.
        index.upsert([bucket(0, job_id="new-job0" if write == "new" else "job0", event_count=count)])
        index.put_job("job299", bucket_span=count + 1)
    assert combined() is not None
    WRITES[write](index, "job298")
    assert combined() is None
    assert index.snapshot()._catalog._cache.entries == {}


@pytest.mark.usefixtures("uncollected")
def test_a_combined_table_of_few_jobs_is_dropped_when_most_of_them_are_deleted() -> None:
    """Deletions drop the table, although 20 changed jobs do not. A job that is put again does not count as deleted."""
    index = ResultsIndex()
    jobs = tuple(f"job{number}" for number in range(20))
    index.upsert([bucket(0, job_id=job_id) for job_id in jobs])
    make_combined_table(index, jobs)
    combined = combined_array(index)
    for job_id in jobs[:10]:
        index.delete_job(job_id)
    index.put_job(jobs[0])
    index.delete_job(jobs[10])
    assert combined() is not None
    index.delete_job(jobs[11])
    assert combined() is None


def test_stats_count_the_bytes_of_combined_tables() -> None:
    """The bytes include the arrays made so far, and the old tables that only a combined table still holds."""
    index = ask_together(index_with_tables(), small_rows=100, few_changed=30)
    jobs = tuple(f"job{number}" for number in range(20))
    index.upsert([bucket(row, job_id=each, scheduled_events=["x"]) for each in jobs for row in range(50)])
    bare = index.stats()["bytes"]
    query = BucketQuery(jobs=jobs, sort="anomaly_score", desc=True, size=5)
    index.search(query)
    # Three columns, the number of each row's job and the row's place: 8, 1, 8, 4 and 8 bytes.
    made = index.stats()["bytes"] - bare
    assert 29 * 1_000 <= made < 40 * 1_000
    index.search(query.replace(sort="event_count"))
    assert index.stats()["bytes"] - bare == made + (8 + 1) * 1_000, "a column and its mask"
    index.search(query.replace(sort="scheduled_events"))
    assert index.stats()["bytes"] - bare == made + (8 + 1 + 8 + 8) * 1_000, "rows and pointers of a list field"
    before = index.stats()["bytes"]
    index.search(BucketQuery(jobs=jobs[:10]))
    assert index.stats()["bytes"] == before + (4 + 8 + 1) * 500 + 20, (
        "a table of some of the jobs has its own numbers, places and mask"
    )
    whole = index.stats()["bytes"]
    index.put_job(jobs[0], bucket_span=300)
    assert index.stats()["bytes"] == whole, "no result has changed"
    index.delete_job(jobs[0])
    assert index.stats()["bytes"] == whole, "the combined table still holds the table of the deleted job"
    index.upsert([bucket(0, job_id=jobs[1], event_count=5)])
    assert index.stats()["bytes"] == whole + index.stats(jobs[1])["bytes"], (
        "the combined table holds the old version of the table"
    )
    for job_id in jobs[2:12]:
        index.delete_job(job_id)
    assert index.stats()["bytes"] == sum(index.stats(job_id)["bytes"] for job_id in index.jobs()) > 0


@pytest.mark.usefixtures("uncollected")
def test_memory_comes_back_when_jobs_are_deleted() -> None:
    """Deleting 2,000 jobs one by one frees the memory of their tables and combined table; `stats` counts 0 bytes."""
    index = ResultsIndex(changes_kept=0)
    jobs = tuple(f"job{number}" for number in range(2_000))
    # The first write of arrays imports NumPy modules, whose memory would count.
    ResultsIndex().upsert_columns({"timestamp": np.arange(1), "bucket_span": 300}, job_id="web")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        columns = {"job_id": jobs * 50, "timestamp": np.repeat(np.arange(50) * STEP, 2_000), "bucket_span": 300}
        index.upsert_columns(columns)
        index.search(BucketQuery(jobs=jobs, sort="anomaly_score"))
        full = tracemalloc.get_traced_memory()[0] - before
        counted = index.stats()["bytes"]
        del columns
        for job_id in jobs:
            index.delete_job(job_id)
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert counted > 100_000 * (56 + 29)
    assert full > counted
    assert left < full / 20
    assert index.stats()["bytes"] == 0
