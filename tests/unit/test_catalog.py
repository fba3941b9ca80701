"""The catalogue: a write to one job leaves the others where they are."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final
from weakref import ref

import numpy as np
import pytest

from bucketquery.errors import UnknownJob
from bucketquery.index import ResultsIndex
from bucketquery.jobs import catalog as catalogs
from bucketquery.jobs.catalog import _FEW_CHANGED, _KNOWN_PER_ASKED, _MANY, Catalog
from bucketquery.jobs.job import Job
from bucketquery.model.schema import BUCKET, RECORD, Kind
from bucketquery.queries.queries import BucketQuery
from bucketquery.results.commit import Commit
from support.helpers import JOB, STEP, ask_together, bucket, table

SHARDS = catalogs._SHARDS
KINDS: Final[tuple[Kind, ...]] = ("bucket", "record")


def jobs(*job_ids: str) -> dict[str, Job]:
    """Jobs of which only their ids are known."""
    return {job_id: Job(job_id) for job_id in job_ids}


def copied(old: Catalog, new: Catalog) -> int:
    """How many shards of the new catalogue are not the old one's."""
    mine, theirs = [*new._shards()], [*old._shards()]
    assert len(mine) == len(theirs) == SHARDS
    return sum(one is not other for one, other in zip(mine, theirs, strict=True))


def test_a_catalogue_finds_its_jobs() -> None:
    """By id, in all, and in the order of their code points."""
    found = Catalog().with_jobs(jobs("b", "a", "ä", "B", "\U0001f4a1", "\uffff"))
    found.check()
    assert [*found.ids()] == ["B", "a", "b", "ä", "\uffff", "\U0001f4a1"]
    assert sorted(job.job_id for job in found) == [*found.ids()]
    assert (len(found), "a" in found, "c" in found, found.get("c")) == (6, True, False, None)
    job = found.get("a")
    assert job is not None
    assert (job.job_id, job.bucket_span, job.tables) == ("a", None, {})
    assert found.known("a", "job_id") is job
    assert (len(Catalog()), [*Catalog()], [*Catalog().ids()]) == (0, [], [])


def test_a_job_that_is_not_known_is_named() -> None:
    """With the parameter that asked for it; of a very long id the beginning."""
    with pytest.raises(UnknownJob, match="No known job with id 'db'") as caught:
        Catalog().with_jobs(jobs("a")).known("db", "pattern")
    assert (caught.value.field, caught.value.value) == ("pattern", "db")
    with pytest.raises(UnknownJob) as caught:
        Catalog().known("x" * 999, "job_id")
    assert len(caught.value.reason) < 400
    assert caught.value.value == "x" * 999


def test_a_write_to_one_job_copies_one_shard() -> None:
    """The others are the very same objects; the older catalogue keeps its jobs."""
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
    """Through the index, whatever the write is."""
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
    assert before.get("job8") is after.get("job8")


def test_ids_are_sorted_once_for_each_set_of_jobs() -> None:
    """A write to known jobs keeps the list, a new or deleted job has it made again; asking twice makes it once."""
    old = Catalog().with_jobs(jobs("b", "a"))
    assert old.ids() is old.ids()
    assert old.with_jobs(jobs("a")).ids() is old.ids()
    assert [*old.with_jobs(jobs("a", "c")).ids()] == ["a", "b", "c"]
    assert [*old.without("a").ids()] == ["b"]
    assert [*old.ids()] == ["a", "b"]


def combined_of(index: ResultsIndex, jobs: Sequence[str]) -> Any:
    """Who of some jobs is asked together, and whose results the newest commit has there."""
    splits = index.snapshot()._catalog.combine(jobs, BUCKET)
    assert splits is not None
    return splits[0].combined, splits[0].table.rows.length, sorted(splits[0].others)


def test_few_jobs_are_asked_one_by_one() -> None:
    """So few as they are, and as they are of all that are known."""
    index = ResultsIndex()
    known = [str(number) for number in range(_MANY * _KNOWN_PER_ASKED + 1)]
    for job_id in known:
        index.put_job(job_id)
    catalog = index.snapshot()._catalog
    assert catalog.combine(known[: _MANY - 1], BUCKET) is None
    assert catalog.combine(known[:_MANY], BUCKET) is None
    assert catalog.combine(known[: _MANY + 1], BUCKET) is not None


def test_small_jobs_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are empty among them; the large ones are not, nor those that nobody knows."""
    ask_together(monkeypatch, small_rows=2, few_changed=5)
    index = ResultsIndex()
    index.put_job("idle")
    index.upsert([bucket(row, job_id=job_id) for job_id, rows in (("a", 1), ("b", 2), ("c", 3)) for row in range(rows)])
    _, length, others = combined_of(index, ("a", "b", "c", "idle", "nobody"))
    assert (length, others) == (3, ["c", "nobody"])


def test_a_combined_serves_until_many_jobs_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that changed, went or came are asked one by one meanwhile, in older snapshots too."""
    ask_together(monkeypatch, small_rows=10, few_changed=2)
    index = ResultsIndex()
    jobs = tuple("abcdef")
    index.upsert([bucket(0, job_id=job_id) for job_id in jobs])
    before = index.snapshot()
    combined, length, others = combined_of(index, jobs)
    assert (length, others) == (6, [])
    index.put_job("a", bucket_span=5)  # its results stay as they are
    assert combined_of(index, jobs) == (combined, 6, [])
    index.upsert([bucket(1, job_id="a")])
    assert combined_of(index, jobs) == (combined, 5, ["a"])
    assert combined_of(index, jobs) == (combined, 5, ["a"])
    index.delete_job("b")
    assert combined_of(index, jobs) == (combined, 4, ["a", "b"])
    (split,) = before._catalog.combine(jobs, BUCKET) or ()
    assert (split.combined, split.table.rows.length, split.others) == (combined, 6, ())
    index.upsert([bucket(0, job_id="new")])
    newer, length, others = combined_of(index, jobs)
    assert newer is not combined
    assert (length, others) == (6, ["b"])
    # Each keeps what served it, so that nobody who asks both in turn has combined tables made again and again.
    (split,) = before._catalog.combine(jobs, BUCKET) or ()
    assert (split.combined, split.table.rows.length, split.others) == (combined, 6, ())


def test_changed_jobs_are_asked_together_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a combined table of their own, made once for a commit; large and unknown ones are left for a search each."""
    ask_together(monkeypatch, small_rows=3, few_changed=100)
    index = ResultsIndex()
    jobs = ("a", "b", "c", "grows", "gone", "new", "large", "nobody")
    index.upsert([bucket(0, job_id=job_id) for job_id in jobs[:5]])
    combined_of(index, jobs)
    index.delete_job("gone")
    index.upsert([bucket(1, job_id=job_id) for job_id in ("a", "b", "new")])
    index.upsert([bucket(row, job_id=job_id) for job_id in ("grows", "large") for row in range(1, 5)])
    catalog = index.snapshot()._catalog
    first, second = catalog.combine(jobs, BUCKET) or ()
    assert (first.table.rows.length, sorted(first.others)) == (
        1,
        ["a", "b", "gone", "grows", "large", "new", "nobody"],
    )
    assert (second.table.rows.length, sorted(second.others)) == (5, ["gone", "grows", "large", "nobody"])
    _, again = catalog.combine(("b", "new"), BUCKET) or ()
    assert again.combined is not second.combined
    assert again.table.rows.length == 3
    assert catalog.combine(jobs, BUCKET) == (first, second)
    assert len(catalog.combine(("c", "a"), BUCKET) or ()) == 1


def test_a_combined_keeps_no_large_job_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the tables of small jobs, which it reads from, whatever else those have."""
    ask_together(monkeypatch, small_rows=2, few_changed=100)
    for large in ("bucket", "record"):
        index = ResultsIndex()
        index.upsert([bucket(0, job_id="a"), *(bucket(row, job_id="b", result_type=large) for row in range(100))])
        combined_of(index, ("a", "b"))
        job = index.snapshot()._catalog.get("b")
        assert job is not None
        timestamps = ref(next(iter(job.tables.values())).base.columns["timestamp"])
        assert timestamps() is not None
        del job
        index.delete_job("b")
        gc.collect()
        assert timestamps() is None


# ---- the memory of combined tables


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage collector runs: only what nothing refers to is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held_by(index: ResultsIndex) -> Any:
    """A weak reference to an array of the combined table that the index has for later searches."""
    return ref(index.snapshot()._catalog._combined_tables["bucket"].combined._places)


WRITES: dict[str, Callable[[ResultsIndex, str], Commit]] = {
    "deleted": lambda index, job_id: index.delete_job(job_id),
    "rewritten": lambda index, job_id: index.upsert([bucket(0, job_id=job_id, event_count=5)]),
    "new": lambda index, job_id: index.put_job(f"new-{job_id}"),
}


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("write", WRITES)
def test_a_combined_is_dropped_at_the_write_that_ends_its_use(write: str) -> None:
    """When one more job has changed than a search would reuse it for; other writes leave it, however many they are."""
    index = ResultsIndex()
    jobs = tuple(f"job{number}" for number in range(300))
    index.upsert([bucket(0, job_id=job_id) for job_id in jobs])
    combined_of(index, jobs)
    combined = held_by(index)
    for job_id in jobs[:_FEW_CHANGED]:
        WRITES[write](index, job_id)
    for count in range(2 * _FEW_CHANGED):
        # One of the jobs that have changed, and one of which no result is touched.
        index.upsert([bucket(0, job_id="new-job0" if write == "new" else "job0", event_count=count)])
        index.put_job("job299", bucket_span=count + 1)
    assert combined() is not None
    WRITES[write](index, "job298")
    assert combined() is None
    assert index.snapshot()._catalog._combined_tables == {}


@pytest.mark.usefixtures("uncollected")
def test_a_combined_of_few_jobs_is_dropped_when_most_of_them_are_deleted() -> None:
    """Though so few jobs may change; one that comes back counts as there."""
    index = ResultsIndex()
    jobs = tuple(f"job{number}" for number in range(20))
    index.upsert([bucket(0, job_id=job_id) for job_id in jobs])
    combined_of(index, jobs)
    combined = held_by(index)
    for job_id in jobs[:10]:
        index.delete_job(job_id)
    index.put_job(jobs[0])
    index.delete_job(jobs[10])
    assert combined() is not None
    index.delete_job(jobs[11])
    assert combined() is None


def test_a_writer_counts_the_changes_that_a_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """After any write to any job, of one kind or both, also if a combined table was made of an older commit."""
    ask_together(monkeypatch, small_rows=3, few_changed=12)
    rng = Random(4)
    names = [f"job{number}" for number in range(60)]
    dropped = kept = 0
    for _ in range(100):
        index = ResultsIndex()
        index.upsert([bucket(0, job_id=job_id) for job_id in rng.sample(names, 45)])
        old = index.snapshot()
        for step in range(rng.randrange(1, 70)):
            if step == 5:
                old._catalog.combine(names, BUCKET)
                old._catalog.combine(names, RECORD)
            combined_tables = index.snapshot()._catalog._combined_tables.copy()
            chosen = rng.sample(names, rng.choice((1, 1, 2)))
            what = rng.randrange(4)
            if what == 0 and chosen[0] in index:
                index.delete_job(chosen[0])
            elif what == 1:
                index.put_job(chosen[0], bucket_span=step + 1)
            else:
                kinds = rng.choice((("bucket",), ("record",), ("bucket", "record")))
                at = rng.randrange(5)
                index.upsert([bucket(at, job_id=each, result_type=of, x=step) for each in chosen for of in kinds])
            catalog = index.snapshot()._catalog
            for kind in KINDS if step > 5 else ():
                if (combined := combined_tables.get(kind)) is None:
                    continue
                found = catalog._changed(combined, kind)
                gone = {job_id for job_id in combined.combined.job_ids if job_id not in catalog}
                if kind not in catalog._combined_tables:
                    assert found is None or 2 * len(gone) > len(combined.combined.job_ids)
                    dropped += 1
                    continue
                assert found is not None, "a search would make another"
                lacking = {job_id for job_id in found.small if combined.combined.lacks(job_id)}
                assert combined._changed == {*found.stale, *lacking}
                assert combined._gone == gone
                kept += 1
    assert min(dropped, kept) > 50


def test_bytes_of_a_combined_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own arrays as they are made, and the tables that it alone still has."""
    ask_together(monkeypatch, small_rows=100, few_changed=30)
    index = ResultsIndex()
    jobs = tuple(f"job{number}" for number in range(20))
    index.upsert([bucket(row, job_id=each, scheduled_events=["x"]) for each in jobs for row in range(50)])
    bare = index.stats()["bytes"]
    query = BucketQuery(jobs=jobs, sort="anomaly_score", desc=True, size=5)
    index.search(query)
    # Three columns, the number of each row's job and the row's place: 8, 1, 8, 4 and 8 bytes.
    made = index.stats()["bytes"] - bare
    assert 29 * 1_000 <= made < 40 * 1_000
    index.search(query.replace(sort="event_count"))
    assert index.stats()["bytes"] - bare == made + (8 + 1) * 1_000, "a column and what is missing there"
    index.search(query.replace(sort="scheduled_events"))
    assert index.stats()["bytes"] - bare == made + (8 + 1 + 8 + 8) * 1_000, "rows and pointers of a list field"
    part = index.stats()["bytes"]
    index.search(BucketQuery(jobs=jobs[:10]))
    assert index.stats()["bytes"] == part + (4 + 8 + 1) * 500 + 20, "a part has numbers, places and a mask of its own"
    whole = index.stats()["bytes"]
    index.put_job(jobs[0], bucket_span=300)
    assert index.stats()["bytes"] == whole, "no result has changed"
    index.delete_job(jobs[0])
    assert index.stats()["bytes"] == whole, "the combined table has its table"
    index.upsert([bucket(0, job_id=jobs[1], event_count=5)])
    assert index.stats()["bytes"] == whole + index.stats(jobs[1])["bytes"], "two versions are there"
    for job_id in jobs[2:12]:
        index.delete_job(job_id)
    assert index.stats()["bytes"] == sum(index.stats(job_id)["bytes"] for job_id in index.jobs()) > 0


@pytest.mark.usefixtures("uncollected")
def test_memory_comes_back_when_jobs_are_deleted() -> None:
    """Of two thousand jobs that were searched together and deleted one by one nothing is left, and `stats` agrees."""
    index = ResultsIndex()
    jobs = tuple(f"job{number}" for number in range(2_000))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        columns = {"job_id": jobs * 50, "timestamp": np.repeat(np.arange(50) * STEP, 2_000), "bucket_span": 300}
        index.upsert_columns(columns)
        index.search(BucketQuery(jobs=jobs, sort="anomaly_score"))
        full = tracemalloc.get_traced_memory()[0] - before
        told = index.stats()["bytes"]
        del columns
        for job_id in jobs:
            index.delete_job(job_id)
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert told > 100_000 * (56 + 29)
    assert full > told
    assert left < full / 20
    assert index.stats()["bytes"] == 0


FAULTS: list[Callable[[Catalog], Any]] = [
    lambda found: setattr(found, "_ids", [JOB, "other"]),
    lambda found: setattr(found, "_groups", (*found._groups[1:], found._groups[0])),
    lambda found: next(shard for shard in found._shards() if JOB in shard).update({JOB: Job("db")}),
    lambda found: next(iter(found)).tables.update(record=table([bucket(0)])),  # type: ignore[attr-defined] # a dict below
    lambda found: next(iter(found)).tables["bucket"].rows.base.columns["timestamp"].__setitem__(0, 99**6),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_check_notices(fault: int) -> None:
    """Jobs in the wrong place or under a wrong name, a table of another kind, anything wrong in a table."""
    found = Catalog().with_jobs({JOB: Job(JOB, tables={"bucket": table([bucket(0), bucket(1)])})})
    found.check()
    FAULTS[fault](found)
    with pytest.raises(AssertionError):
        found.check()
