"""The catalogue: jobs by their ids, in shards; a write to one job copies one shard."""

from collections.abc import Callable
from typing import Any

import pytest

from bucketquery.errors import UnknownJob
from bucketquery.index import ResultsIndex
from bucketquery.jobs import catalog as catalogs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job import Job
from bucketquery.results.commit import Commit
from support.helpers import JOB, bucket, table

SHARDS = catalogs.SHARDS


def jobs(*job_ids: str) -> dict[str, Job]:
    """Jobs with these ids, and nothing else."""
    return {job_id: Job(job_id) for job_id in job_ids}


def copied(old: Catalog, new: Catalog) -> int:
    """The number of shards that the new catalogue does not share with the old one."""
    new_shards, old_shards = [*new._shards()], [*old._shards()]
    assert len(new_shards) == len(old_shards) == SHARDS
    return sum(one is not other for one, other in zip(new_shards, old_shards, strict=True))


def test_a_catalogue_finds_its_jobs() -> None:
    """It finds a job by its id and iterates over all jobs. Its ids are in the order of their code points."""
    found = Catalog().with_jobs(jobs("b", "a", "ä", "B", "\U0001f4a1", "\uffff"))
    found.check()
    assert [*found.ids] == ["B", "a", "b", "ä", "\uffff", "\U0001f4a1"]
    assert sorted(job.job_id for job in found) == [*found.ids]
    assert (len(found), "a" in found, "c" in found, found.get("c")) == (6, True, False, None)
    job = found.get("a")
    assert job is not None
    assert (job.job_id, job.bucket_span, job.tables) == ("a", None, {})
    assert found.known("a", "job_id") is job
    assert (len(Catalog()), [*Catalog()], [*Catalog().ids]) == (0, [], [])


def test_an_unknown_job_is_named() -> None:
    """The error has the id and the parameter that names it. Its text shortens a very long id."""
    with pytest.raises(UnknownJob, match="No known job with id 'db'") as caught:
        Catalog().with_jobs(jobs("a")).known("db", "pattern")
    assert (caught.value.field, caught.value.value) == ("pattern", "db")
    with pytest.raises(UnknownJob) as caught:
        Catalog().known("x" * 999, "job_id")
    assert len(caught.value.reason) < 400
    assert caught.value.value == "x" * 999


def test_a_write_to_one_job_copies_one_shard() -> None:
    """The other shards stay the same objects. The older catalogue keeps its jobs."""
    old = Catalog().with_jobs(jobs(*(f"job{number}" for number in range(2_000))))
    new = old.with_jobs({"job7": Job("job7", bucket_span=300)})
    assert copied(old, new) == 1
    assert [found and found.bucket_span for found in (old.get("job7"), new.get("job7"))] == [None, 300]
    more = new.with_jobs(jobs("new"))
    assert copied(new, more) == 1
    less = more.without("job7")
    assert copied(more, less) == 1
    assert [len(found) for found in (old, new, more, less)] == [2_000, 2_000, 2_001, 2_000]
    assert [("job7" in found, "new" in found) for found in (old, more, less)] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    for found in (old, new, more, less):
        found.check()


def test_a_commit_to_one_job_copies_one_shard() -> None:
    """Every kind of write through an index to one job copies one shard."""
    index = ResultsIndex()
    index.upsert([bucket(0, job_id=f"job{number}") for number in range(1_000)])
    writes: list[Callable[[], Commit]] = [
        lambda: index.upsert([bucket(1, job_id="job5")]),
        lambda: index.put_job("job5", bucket_span=300),
        lambda: index.put_job("new"),
        lambda: index.delete_job("job5"),
    ]
    for write in writes:
        before = index.snapshot()._catalog
        write()
        assert copied(before, index.snapshot()._catalog) == 1
    before = index.snapshot()._catalog
    index.upsert([bucket(1, job_id="job6"), bucket(1, job_id="job7")])
    after = index.snapshot()._catalog
    assert copied(before, after) <= 2
    assert before.stored("job8") is after.stored("job8")


def test_ids_are_sorted_once_for_each_set_of_jobs() -> None:
    """All catalogues with the same ids share one list. A new or deleted job needs another list."""
    old = Catalog().with_jobs(jobs("b", "a"))
    before_it_is_made = old.with_jobs(jobs("b"))
    assert old.ids is old.ids
    assert old.with_jobs(jobs("a")).ids is old.ids
    assert old.with_jobs(jobs("a", "b")).ids is before_it_is_made.ids is old.ids
    assert [*old.with_jobs(jobs("a", "c")).ids] == ["a", "b", "c"]
    assert [*old.without("a").ids] == ["b"]
    assert [*old.ids] == ["a", "b"]


FAULTS: list[Callable[[Catalog], Any]] = [
    lambda found: setattr(found, "ids", [JOB, "other"]),
    lambda found: setattr(found, "_shard_groups", (*found._shard_groups[1:], found._shard_groups[0])),
    lambda found: next(shard for shard in found._shards() if JOB in shard).update({JOB: Job("db")}),
    lambda found: next(iter(found)).tables.update(record=table([bucket(0)])),  # type: ignore[attr-defined] # a dict at run time
    lambda found: next(iter(found)).tables["bucket"].rows.base.columns["timestamp"].__setitem__(0, 99**6),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_check_notices_faults(fault: int) -> None:
    """They are jobs in a wrong place or under a wrong name, a table of another kind, and wrong values in a table."""
    found = Catalog().with_jobs({JOB: Job(JOB, tables={"bucket": table([bucket(0), bucket(1)])})})
    found.check()
    FAULTS[fault](found)
    with pytest.raises(AssertionError):
        found.check()
