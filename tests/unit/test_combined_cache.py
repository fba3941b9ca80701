"""The cache of combined tables: which table serves a commit, and when the cache rebuilds or drops it."""

import gc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import FrozenInstanceError
from random import Random
from typing import Any, Final
from weakref import ref

import pytest

from bucketquery.index import ResultsIndex
from bucketquery.jobs.combined_cache import COMBINE_SIZES, CombinedCache, CombineSizes, CommitTables, Groups
from bucketquery.jobs.combined_table import Split
from bucketquery.jobs.job import Job
from bucketquery.jobs.small_jobs import Stored, job_of
from bucketquery.model.schema import BUCKET, RECORD, Kind
from bucketquery.model.sizes import DEFAULT_SIZES
from support.helpers import ask_together, bucket, resize, rows, table

KINDS: Final[tuple[Kind, ...]] = ("bucket", "record")


class Shard(dict[str, Stored]):
    """A shard as the catalogue has it: a dict that takes weak references."""


def job(job_id: str, length: int = 1) -> Job:
    """A job with a number of buckets, without a table if it has none."""
    return Job(job_id, tables={"bucket": table(rows(0, length))} if length else {})


def groups_of(*shards: Iterable[Job]) -> Groups:
    """Two groups of shards with these jobs; the last shard is alone in its group."""
    made = [Shard({each.job_id: each for each in shard}) for shard in shards]
    return (made[:-1], made[-1:])


def with_job(groups: Groups, at: int, changed: Stored) -> Groups:
    """The groups after a write that puts a job into one shard of the first group."""
    first, *others = groups
    copied = [*first]
    assert isinstance(changed, Job)
    copied[at] = Shard({**first[at], changed.job_id: changed})
    return (copied, *others)


def sizes(**given: int) -> CombineSizes:
    """Sizes with which two or more jobs are searched together if they have at most two results each."""
    return CombineSizes(**{"fewest_jobs": 2, "known_per_job": 10**6, "small_rows": 2, **given})


def split_of(tables: CommitTables, *job_ids: str) -> Split:
    """The split of some jobs, if one combined table is searched for them."""
    (split,) = tables.combine(job_ids, BUCKET) or ()
    return split


# ---- the cache without a catalogue: each test makes the shards


def test_small_jobs_of_all_shards_are_combined() -> None:
    """Jobs without results are combined too. Large and unknown jobs are left to be searched one by one."""
    groups = groups_of([job("a"), job("large", 3)], [job("idle", 0)], [job("b", 2)])
    cache = CombinedCache(sizes())
    split = split_of(CommitTables(cache, groups), "a", "b", "idle", "large", "nobody")
    assert (split.table.rows.length, split.others) == (3, ("large", "nobody"))
    assert split.combined.job_ids == ["a", "b", "idle"]


def test_commits_share_a_cache_until_many_jobs_have_changed() -> None:
    """A later commit uses the combined table of an older one, without the jobs that have changed."""
    before = groups_of([job("a"), job("b")], [job("c")], [job("d")])
    cache = CombinedCache(sizes(few_changed=1))
    names = ("a", "b", "c", "d")
    first = split_of(CommitTables(cache, before), *names)
    one = with_job(before, 0, job("a", 2))
    second = split_of(CommitTables(cache, one), *names)
    assert second.combined is first.combined
    assert (second.table.rows.length, second.others) == (3, ("a",))
    two = CommitTables(cache, with_job(one, 1, job("c", 2)))
    third = split_of(two, *names)
    assert third.combined is not first.combined
    assert (third.table.rows.length, third.others) == (6, ())
    assert [entry.combined for entry in cache.entries.values()] == [third.combined]
    assert split_of(CommitTables(cache, one), *names).combined is third.combined, "an older commit uses the newest"


def test_two_caches_share_no_combined_table() -> None:
    """Each cache makes its own combined table, even for the same jobs."""
    groups = groups_of([job("a")], [job("b")])
    one, other = (split_of(CommitTables(CombinedCache(sizes()), groups), "a", "b") for _ in range(2))
    assert one.combined is not other.combined


def test_a_writer_drops_a_table_that_a_search_would_not_use() -> None:
    """The cache decides this without a search or a catalogue, from the shards and the changed jobs."""
    groups = groups_of([job("a"), job("b")], [job("c")])
    cache = CombinedCache(sizes(few_changed=1))
    split_of(CommitTables(cache, groups), "a", "b")
    one = with_job(groups, 0, job("a", 2))
    cache.drop_useless(one, {"a": one[0][0]["a"]})
    assert cache.entries
    two = with_job(one, 0, job("new", 0))
    cache.drop_useless(two, {"new": two[0][0]["new"]})
    assert not cache.entries


def test_large_jobs_that_change_do_not_count() -> None:
    """A combined table has no results of large jobs."""
    groups = groups_of([job("a"), job("b")], [job("c")])
    cache = CombinedCache(sizes(few_changed=0))
    split_of(CommitTables(cache, groups), "a", "b")
    more = with_job(groups, 0, job("large", 3))
    cache.drop_useless(more, {"large": more[0][0]["large"]})
    assert cache.entries


def test_a_job_that_has_its_old_results_again_does_not_count_as_changed() -> None:
    """A job that changes twice counts once."""
    groups = groups_of([job("a"), job("b")], [job("c")])
    cache = CombinedCache(sizes(few_changed=1))
    split_of(CommitTables(cache, groups), "a", "b")
    old = groups[0][0]["a"]
    for changed in (job("a", 2), job("a", 2), old, job("b", 2)):
        groups = with_job(groups, 0, changed)
        assert isinstance(changed, Job)
        cache.drop_useless(groups, {changed.job_id: changed})
        assert cache.entries


def test_sizes_say_how_many_jobs_a_query_needs_for_a_combined_table() -> None:
    """If a query names few jobs, or a small part of all known jobs, they are searched one by one."""
    groups = groups_of([job(str(number), 0) for number in range(9)], [])
    tables = CommitTables(CombinedCache(sizes(fewest_jobs=2, known_per_job=4)), groups)
    assert tables.combine(("1",), BUCKET) is None
    assert tables.combine(("1", "2"), BUCKET) is None
    assert tables.combine(("1", "2", "3"), BUCKET) is not None


def test_sizes_cannot_change() -> None:
    """All catalogues of an index share one value with the sizes."""
    with pytest.raises(FrozenInstanceError):
        COMBINE_SIZES.small_rows = 5  # type: ignore[misc] # the assignment must fail


def test_bytes_of_each_table_count_once() -> None:
    """A commit counts the tables of the cache and its own. It also counts the old tables of jobs that have changed."""
    groups = groups_of([job("a"), job("b"), job("idle", 0)], [job("c"), job("d", 2)])
    names = ("a", "b", "c", "d", "idle")
    cache = CombinedCache(sizes(few_changed=4))
    tables = CommitTables(cache, groups)
    assert tables.nbytes() == 0
    whole = split_of(tables, *names).combined.nbytes()
    assert tables.nbytes() == CommitTables(cache, groups).nbytes() == whole > 0
    for first_results in (job("new"), job("idle")):
        assert CommitTables(cache, with_job(groups, 0, first_results)).nbytes() == whole, "it has no old table"
    later = CommitTables(cache, with_job(with_job(groups, 0, job("a", 2)), 0, job("b", 2)))
    old = sum(job_of(job_id, groups[0][0][job_id], DEFAULT_SIZES).tables["bucket"].nbytes() for job_id in ("a", "b"))
    assert later.nbytes() == whole + old
    assert len(later.combine(("a", "c"), BUCKET) or ()) == 1
    assert later.nbytes() == cache.entries["bucket"].combined.nbytes() + old, "no search has combined the changed jobs"
    first, second = later.combine(names, BUCKET) or ()
    assert later.nbytes() == first.combined.nbytes() + second.combined.nbytes() + old
    cache.entries.clear()
    assert later.nbytes() == first.combined.nbytes() + second.combined.nbytes() + old, "the commit holds them"
    assert CommitTables(cache, groups).nbytes() == 0


# ---- the cache of an index


def combined_of(index: ResultsIndex, jobs: Sequence[str]) -> Any:
    """The combined table for some jobs of the newest commit, how many rows it gives, and the other jobs."""
    splits = index.snapshot()._catalog.combine(jobs, BUCKET)
    assert splits is not None
    return splits[0].combined, splits[0].table.rows.length, sorted(splits[0].others)


def cache_of(index: ResultsIndex) -> CombinedCache:
    """The cache that all commits of an index share."""
    return index.snapshot()._catalog._cache


def test_few_jobs_are_searched_one_by_one() -> None:
    """By default, jobs are combined if a query names at least 16 jobs and at least 1 in 64 known jobs."""
    index = ResultsIndex()
    fewest = COMBINE_SIZES.fewest_jobs
    known = [str(number) for number in range(fewest * COMBINE_SIZES.known_per_job + 1)]
    for job_id in known:
        index.put_job(job_id)
    catalog = index.snapshot()._catalog
    assert catalog.combine(known[: fewest - 1], BUCKET) is None
    assert catalog.combine(known[:fewest], BUCKET) is None
    assert catalog.combine(known[: fewest + 1], BUCKET) is not None


def test_a_combined_table_serves_until_many_jobs_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then, a few changed, deleted or new jobs are searched one by one. Older snapshots do not change."""
    resize(monkeypatch, small_job_rows=0)
    index = ask_together(ResultsIndex(), small_rows=10, few_changed=2)
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
    # Each commit holds its first table, so queries that alternate between two commits do not make a table each time.
    (split,) = before._catalog.combine(jobs, BUCKET) or ()
    assert (split.combined, split.table.rows.length, split.others) == (combined, 6, ())


def test_changed_jobs_are_combined_too() -> None:
    """They get a second combined table, made once for a commit. It leaves out large and unknown jobs."""
    index = ask_together(ResultsIndex(), small_rows=3, few_changed=100)
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


def test_a_combined_table_keeps_no_large_table_alive() -> None:
    """It refers only to small tables of its kind. A job in it may have a large table of another kind."""
    for large in ("bucket", "record"):
        index = ask_together(ResultsIndex(changes_kept=0), small_rows=2, few_changed=100)
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


def test_a_writer_counts_the_changes_that_a_search_finds() -> None:
    """After any write, the writer's changed jobs are those that a search finds.

    This holds for writes of one kind or both, and if the combined table was made for an older commit.
    """
    rng = Random(4)
    names = [f"job{number}" for number in range(60)]
    dropped = kept = 0
    for _ in range(100):
        index = ask_together(ResultsIndex(), small_rows=3, few_changed=12)
        index.upsert([bucket(0, job_id=job_id) for job_id in rng.sample(names, 45)])
        old = index.snapshot()
        for step in range(rng.randrange(1, 70)):
            if step == 5:
                old._catalog.combine(names, BUCKET)
                old._catalog.combine(names, RECORD)
            entries: Mapping[Kind, Any] = cache_of(index).entries.copy()
            write_at_random(rng, index, names, step)
            catalog = index.snapshot()._catalog
            for kind in KINDS if step > 5 else ():
                if (entry := entries.get(kind)) is None:
                    continue
                found = entry.changes(catalog._groups)
                gone = {job_id for job_id in entry.combined.job_ids if job_id not in catalog}
                if kind not in cache_of(index).entries:
                    assert found is None or 2 * len(gone) > len(entry.combined.job_ids)
                    dropped += 1
                    continue
                assert found is not None, "a search would rebuild the table"
                assert entry._changed == {*found.stale, *(found.small.keys() - {*entry.combined.job_ids})}
                assert entry._gone == gone
                kept += 1
    assert min(dropped, kept) > 50


def write_at_random(rng: Random, index: ResultsIndex, names: Sequence[str], step: int) -> None:
    """Delete a job, put a job, or write results of one or both kinds to one or two jobs."""
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
