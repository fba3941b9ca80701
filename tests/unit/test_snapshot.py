"""Snapshots: all read methods on one commit, unaffected by later writes."""

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    ResultsIndex,
    Snapshot,
    UnknownJob,
)
from bucketquery.arrays.sorted_arrays import lower_bound
from bucketquery.model.schema import SCHEMAS
from bucketquery.storage import view as views
from bucketquery.storage.table import Table
from support.helpers import JOB, PATIENCE_S, SPAN_S, STEP, bucket, limit_heads, resize, rows, table_of


@pytest.fixture
def index() -> ResultsIndex:
    """An index with ten buckets of one job, and a job without buckets."""
    found = ResultsIndex(max_size=200, clock=lambda: 5 * STEP)
    found.upsert(rows(0, 10, anomaly_score=5.0))
    found.put_job("empty", bucket_span=60)
    return found


def refusal(call: Callable[[], object]) -> InvalidQuery:
    """The error of a call that must be refused."""
    with pytest.raises(InvalidQuery) as caught:
        call()
    return caught.value


def test_an_index_reads_its_newest_snapshot(index: ResultsIndex) -> None:
    """Until the next write, index and snapshot give the same answers."""
    snapshot = index.snapshot()
    assert isinstance(snapshot, Snapshot)
    assert snapshot is index.snapshot()
    query = BucketQuery(jobs=JOB, desc=True)
    for read in (
        lambda source: source.sequence,
        lambda source: source.jobs(),
        lambda source: source.stats(),
        lambda source: source.stats(JOB),
        lambda source: source.search(query).to_dict(),
        lambda source: source.get_buckets(job_id=JOB).to_dict(),
        lambda source: list(source.scan(query)),
    ):
        assert read(snapshot) == read(index)
    index.upsert([bucket(10)])
    assert (snapshot.sequence, index.sequence) == (2, 3)
    assert (snapshot.get_buckets(job_id=JOB).count, index.get_buckets(job_id=JOB).count) == (10, 11)


def test_old_snapshots_survive_in_place_appends() -> None:
    """Each snapshot taken between two appends has its own rows, masks and lists, although all share one buffer."""
    index = ResultsIndex()
    full = {"anomaly_score": 1.0, "event_count": 1, "is_interim": False, "processing_time_ms": 1}
    index.upsert(rows(0, 65, **full))
    # The first batch leaves no spare room; this append makes some, and the next ones use it.
    index.upsert([bucket(65, **full)])
    base = table_of(index).rows.base
    expected: list[tuple[Snapshot, dict[str, Any], dict[str, Any]]] = []
    query = BucketQuery(jobs=JOB, sort="event_count", desc=True, size=1_000)
    in_time = BucketQuery(jobs=JOB, size=1_000)
    for row in range(66, 74):
        expected.append((index.snapshot(), index.search(query).to_dict(), index.search(in_time).to_dict()))
        optional = ({}, {"event_count": row}, {"scheduled_events": ["x"]}, {"anomaly_score": 9.0})[row % 4]
        index.upsert([bucket(row, **optional)])
        assert np.shares_memory(table_of(index).rows.base.columns["timestamp"], base.columns["timestamp"])
    for snapshot, by_count, by_time in expected:
        snapshot.check()
        assert snapshot.search(query).to_dict() == by_count
        assert snapshot.search(in_time).to_dict() == by_time
        assert snapshot.stats(JOB)["last_timestamp"] == by_time["buckets"][-1]["timestamp"]


def test_a_snapshot_knows_the_jobs_of_its_commit(index: ResultsIndex) -> None:
    """A snapshot does not have a job that is put later, and still has a job that is deleted later."""
    snapshot = index.snapshot()
    index.put_job("later")
    index.delete_job("empty")
    assert [job_id in snapshot for job_id in (JOB, "empty", "later")] == [True, True, False]
    assert [job_id in index for job_id in (JOB, "empty", "later")] == [True, False, True]
    assert [job_id in index.snapshot() for job_id in (JOB, "empty", "later")] == [True, False, True]


def test_a_scan_reads_the_commit_of_its_call(index: ResultsIndex) -> None:
    """Writes during the scan do not change its results."""
    scanned = index.scan(BucketQuery(jobs=JOB, desc=True))
    first = next(scanned)
    index.upsert(rows(0, 20, anomaly_score=1.0))
    index.delete_job(JOB)
    assert [first.timestamp, *(found.timestamp for found in scanned)] == [row * STEP for row in range(9, -1, -1)]
    assert isinstance(scanned, Iterator)


# ---- jobs and stats


def test_jobs_lists_all_jobs_or_one(index: ResultsIndex) -> None:
    """`jobs` returns a tuple in the order of code points."""
    assert index.jobs() == index.jobs("_all") == ("empty", JOB)
    assert index.jobs(JOB) == (JOB,)
    with pytest.raises(UnknownJob) as caught:
        index.jobs("none")
    assert (caught.value.field, caught.value.value, caught.value.reason) == (
        "pattern",
        "none",
        "No known job with id 'none'",
    )
    assert index.jobs("*") == index.jobs(["empty", JOB]) == index.jobs(f"{JOB},empty") == ("empty", JOB)
    patterns: list[Any] = ["-web", "_x", "", ",", 5, None]
    for pattern in patterns:
        assert refusal(lambda: index.jobs(pattern)).field == "pattern"  # noqa: B023 - called at once


def test_stats_describe_the_stored_data(index: ResultsIndex) -> None:
    """`stats` describes all jobs or one job, in an immutable mapping."""
    assert ResultsIndex().stats() == {
        "jobs": 0,
        "rows": {"bucket": 0, "record": 0, "influencer": 0},
        "bytes": 0,
        "first_timestamp": None,
        "last_timestamp": None,
    }
    assert index.stats("empty") == {
        "job_id": "empty",
        "bucket_span": 60,
        "groups": (),
        "rows": {"bucket": 0, "record": 0, "influencer": 0},
        "bytes": 0,
        "first_timestamp": None,
        "last_timestamp": None,
    }
    of_job = index.stats(JOB)
    assert {name: of_job[name] for name in of_job if name != "bytes"} == {
        "job_id": JOB,
        "bucket_span": None,
        "groups": (),
        "rows": {"bucket": 10, "record": 0, "influencer": 0},
        "first_timestamp": 0,
        "last_timestamp": 9 * STEP,
    }
    assert of_job["bytes"] == table_of(index).nbytes() >= 10 * 49
    index.upsert([bucket(-5, job_id="empty")])
    everything = index.stats()
    assert (everything["jobs"], everything["rows"]) == (2, {"bucket": 11, "record": 0, "influencer": 0})
    assert (everything["first_timestamp"], everything["last_timestamp"]) == (-5 * STEP, 9 * STEP)
    assert hash(everything) == hash(index.stats())
    mapping: Any = everything
    with pytest.raises(TypeError):
        mapping["jobs"] = 0
    with pytest.raises(UnknownJob):
        index.stats("none")
    wrong: Any = 5
    assert refusal(lambda: index.stats(wrong)).field == "job_id"


def stats_of(snapshot: Snapshot) -> dict[str, Any]:
    """The expected `stats`, added up from every table."""
    tables = [table for job in snapshot._catalog for table in job.tables.values()]
    spans = [span for table in tables if (span := table.time_span()) is not None]
    return {
        "jobs": len(snapshot.jobs()),
        "rows": {kind: sum(table.length for table in tables if table.kind == kind) for kind in SCHEMAS},
        "bytes": sum(table.nbytes() for table in tables),
        "first_timestamp": min((first for first, _ in spans), default=None),
        "last_timestamp": max((last for _, last in spans), default=None),
    }


@pytest.mark.repeats
def test_stats_equal_the_sum_over_all_tables_after_any_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writes replace results, and delete and put jobs, even the job with the first result.

    The stats of an old snapshot stay the same.
    """
    limit_heads(monkeypatch, 3)
    rng = Random(12)
    names = [f"job{number}" for number in range(40)]
    # Distant times are rare, so to delete a job often deletes the first or the last result.
    times = [sign * rng.randrange(1 + rng.randrange(10_000)) for sign in (-1, 1) for _ in range(300)]
    index = ResultsIndex()
    answered: list[tuple[Snapshot, Any]] = []
    for step in range(300):
        action, job_id = rng.randrange(6), rng.choice(names)
        if action == 0 and job_id in index:
            index.delete_job(job_id)
        elif action == 1:
            index.put_job(job_id, bucket_span=step + 1)
        else:
            several = rng.sample(names, rng.choice((1, 1, 10)))
            kind = rng.choice(("bucket", "record", "influencer"))
            fields = {"result_type": kind, "event_count": step, "is_interim": rng.random() < 0.3}
            index.upsert([bucket(rng.choice(times), job_id=each, **fields) for each in several for _ in range(3)])
        if rng.random() < 0.7:
            snapshot = index.snapshot()
            assert snapshot.stats() == stats_of(snapshot)
            answered.append((snapshot, snapshot.stats()))
    index.check()
    for snapshot, stats in answered:
        assert snapshot.stats() == stats
    assert len({stats["first_timestamp"] for _, stats in answered}) > 3


def test_stats_read_only_jobs_that_may_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call reads every job. A later call reads only jobs that share a shard with a changed job."""
    resize(monkeypatch, small_job_rows=0)
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=f"job{row}") for row in range(3_000)])
    tables_read: list[Table] = []
    time_span = Table.time_span

    def watched(table: Table) -> tuple[int, int] | None:
        tables_read.append(table)
        return time_span(table)

    monkeypatch.setattr(Table, "time_span", watched)

    def counted() -> tuple[Any, int]:
        tables_read.clear()
        stats = index.stats()
        return (stats["rows"]["bucket"], stats["first_timestamp"], stats["last_timestamp"]), len(tables_read)

    assert counted() == ((3_000, 0, 2_999 * STEP), 3_000)
    assert counted() == ((3_000, 0, 2_999 * STEP), 0)
    index.upsert([bucket(5_000, job_id="job7")])
    stats, number = counted()
    assert stats == (3_001, 0, 5_000 * STEP)
    assert 1 <= number < 30
    index.delete_job("job0")
    stats, number = counted()
    assert stats == (3_000, STEP, 5_000 * STEP)
    assert number < 30


def test_stats_count_value_indexes_that_readers_build() -> None:
    """A search that builds a value index adds the bytes of the index without a write, in an old snapshot too."""
    index = ResultsIndex()
    scores = np.arange(5_000) % 100
    columns = {"timestamp": np.arange(5_000) * STEP, "bucket_span": 300, "anomaly_score": scores}
    index.upsert_columns(columns, job_id=JOB)
    old = index.snapshot()
    bare = index.stats()["bytes"]
    assert bare == old.stats(JOB)["bytes"]
    index.upsert([bucket(0, job_id="other")])
    later = index.stats()["bytes"]
    old.get_buckets(job_id=JOB, sort="anomaly_score")
    value_indexes = table_of(index).base.value_index_nbytes()
    assert value_indexes > 0
    assert old.stats()["bytes"] == old.stats(JOB)["bytes"] == bare + value_indexes
    assert index.stats()["bytes"] == later + value_indexes


# ---- errors and their order


def test_invalid_parameters_are_refused_first(index: ResultsIndex) -> None:
    """Errors have an order: invalid parameters, a size above ``max_size``, an unknown job, a lookup without a match."""
    assert refusal(lambda: index.get_buckets(job_id="none", desc="x", size=201)).field == "desc"
    with pytest.raises(LimitExceeded) as limit:
        index.get_buckets(job_id="none", size=201)
    assert (limit.value.field, limit.value.value) == ("size", 201)
    with pytest.raises(UnknownJob) as unknown:
        index.get_buckets(job_id="none", timestamp=1)
    assert (unknown.value.field, unknown.value.status) == ("job_id", 404)
    with pytest.raises(NotFound) as nothing:
        index.get_buckets(job_id=JOB, timestamp=1)
    assert (nothing.value.field, nothing.value.value, nothing.value.reason) == (
        "timestamp",
        1,
        "Could not find requested buckets",
    )
    with pytest.raises(LimitExceeded):
        index.search(BucketQuery(jobs=JOB, start="now+9999y", size=201))


def test_a_prepared_query_has_the_same_errors(index: ResultsIndex) -> None:
    """The error of an unknown job names the query's field ``jobs``."""
    with pytest.raises(LimitExceeded):
        index.search(BucketQuery(jobs=JOB, size=201))
    assert len(index.search(BucketQuery(jobs=JOB, size=200))) == 10
    with pytest.raises(UnknownJob) as unknown:
        index.search(BucketQuery(jobs="none"))
    assert unknown.value.field == "jobs"
    with pytest.raises(NotFound):
        index.search(BucketQuery(jobs=JOB, timestamp=1))
    for query in (None, {"jobs": JOB}, JOB):
        wrong: Any = query
        assert refusal(lambda: index.search(wrong)).field == "query"  # noqa: B023 - called at once
        assert refusal(lambda: index.scan(wrong)).field == "query"  # noqa: B023 - called at once


def test_max_size_does_not_limit_a_lookup() -> None:
    """A lookup has the default size of 100, but shows one bucket only."""
    index = ResultsIndex(max_size=0)
    index.upsert(rows(0, 3))
    assert len(index.get_buckets(job_id=JOB, timestamp=STEP)) == 1
    assert len(index.search(BucketQuery(jobs=JOB, timestamp=STEP))) == 1
    with pytest.raises(LimitExceeded):
        index.get_buckets(job_id=JOB)


def test_a_scan_refuses_when_it_is_called(index: ResultsIndex) -> None:
    """The error is not delayed until the first result is read.

    A lookup without a match is not an error, and ``max_size`` does not apply.
    """
    with pytest.raises(UnknownJob) as unknown:
        index.scan(BucketQuery(jobs="none"))
    assert unknown.value.field == "jobs"
    with pytest.raises(LimitExceeded):
        index.scan(BucketQuery(jobs=JOB, end="now-9999y"))
    assert list(index.scan(BucketQuery(jobs=JOB, timestamp=1))) == []
    assert len(list(index.scan(BucketQuery(jobs=JOB, size=10**9, from_=5)))) == 10


@pytest.mark.parametrize("job_id", ["", "_all", "a*", "-x", "a b", "x" * 5_000])
def test_an_invalid_job_id_is_unknown(index: ResultsIndex, job_id: str) -> None:
    """The other parameters are checked first, and the reason does not grow with the id."""
    assert refusal(lambda: index.get_buckets(job_id=job_id, sort="x")).field == "sort"
    with pytest.raises(UnknownJob) as caught:
        index.get_buckets(job_id=job_id)
    assert len(caught.value.reason) < 400


def test_a_job_id_is_text(index: ResultsIndex) -> None:
    """The index checks the type of the id before all other parameters."""
    values: list[Any] = [5, None, [JOB], b"web"]
    for value in values:
        assert refusal(lambda: index.get_buckets(job_id=value, sort="x")).field == "job_id"  # noqa: B023 - called at once


# ---- now


def test_now_is_the_argument_or_the_clock(index: ResultsIndex) -> None:
    """A search calls the clock once, and only if its date math contains ``now``; a commit calls it once."""
    reads: list[int] = []

    def clock() -> int:
        reads.append(len(reads))
        return 5 * STEP

    watched = ResultsIndex(clock=clock)
    watched.upsert(rows(0, 10))
    assert watched.get_buckets(job_id=JOB, start="1970", now=0).count == 10
    assert watched.get_buckets(job_id=JOB, start="now", now=8 * STEP).count == 2
    assert watched.get_buckets(job_id=JOB, start=STEP).count == 9
    assert watched.upsert(rows(0, 10)).unchanged == 10
    assert reads == [0], "the one commit"
    assert watched.get_buckets(job_id=JOB, start="now-10m", end="now").count == 2
    assert len(list(watched.scan(BucketQuery(jobs=JOB, start="now")))) == 5
    assert watched.snapshot().search(BucketQuery(jobs=JOB, timestamp="now")).count == 1
    assert reads == [0, 1, 2, 3]
    for now in ("now", True, 1.5, "x"):
        wrong: Any = now
        assert refusal(lambda: index.search(BucketQuery(jobs=JOB), now=wrong)).field == "now"  # noqa: B023 - called at once
    assert index.get_buckets(job_id=JOB, start="now", now=-1).count == 10


@pytest.mark.parametrize("now", [None, 5.0, "5", True, np.timedelta64(5, "ms")])
def test_a_clock_must_return_an_integer(now: Any) -> None:
    """Any other type is a TypeError, raised when the clock is called. A write then changes nothing."""
    instants = [STEP, now, now]
    index = ResultsIndex(clock=lambda: instants.pop(0))
    index.put_job(JOB)
    with pytest.raises(TypeError, match="clock must return int epoch milliseconds"):
        index.get_buckets(job_id=JOB, start="now")
    with pytest.raises(TypeError, match="clock must return int epoch milliseconds"):
        index.upsert(rows(0, 1))
    assert index.get_buckets(job_id=JOB).count == 0
    assert index.sequence == 1


def test_a_clock_may_return_a_numpy_integer() -> None:
    """NumPy's integers count as integers."""
    index = ResultsIndex(clock=lambda: np.int64(STEP))  # type: ignore[arg-type,return-value] # the annotation says int
    index.upsert(rows(0, 3))
    assert index.get_buckets(job_id=JOB, start="now").count == 2


# ---- the object


def test_a_snapshot_cannot_be_pickled_or_copied(index: ResultsIndex) -> None:
    """The error says what to pickle instead."""
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a Snapshot cannot be pickled or copied"):
            duplicate(index.snapshot())
    assert repr(index.snapshot()) == "<Snapshot: 2 jobs at commit 2>"


def test_threads_that_build_the_same_caches_get_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four threads build the view of final rows, the places of the head and the sorted ids at the same time."""
    index = ResultsIndex()
    index.upsert([bucket(row, is_interim=row % 3 == 0) for row in range(30)])
    index.upsert([bucket(row, event_count=1) for row in range(1, 30, 5)])
    index.upsert([bucket(31)])
    snapshot = index.snapshot()
    together = threading.Barrier(4)

    def slowly(*columns: Any) -> Any:
        # No reader goes on until all four are here, so none finds a cached result.
        together.wait(timeout=PATIENCE_S)
        return lower_bound(*columns)

    monkeypatch.setattr(views, "lower_bound", slowly)
    answers: list[Any] = []

    def read() -> None:
        final = snapshot.get_buckets(job_id=JOB, exclude_interim=True).to_dict()
        answers.append((final, snapshot.get_buckets(job_id=JOB).to_dict(), snapshot.jobs()))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    monkeypatch.undo()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    final, everything, jobs = answers[0]
    assert (jobs, everything["count"]) == ((JOB,), 31)
    assert final["buckets"] == [shown for shown in everything["buckets"] if not shown["is_interim"]]
    snapshot.check()
    assert answers[0][:2] == (
        snapshot.get_buckets(job_id=JOB, exclude_interim=True).to_dict(),
        snapshot.get_buckets(job_id=JOB).to_dict(),
    )


def test_pages_are_those_of_one_commit() -> None:
    """Writes during a walk do not change its pages; the first page skips `from_` matches."""
    index = ResultsIndex()
    index.upsert(rows(0, 5))
    pages = index.pages(BucketQuery(jobs=JOB, size=2, from_=1))
    index.upsert(rows(5, 9))
    found = list(pages)
    assert [[bucket.timestamp // STEP for bucket in page] for page in found] == [[1, 2], [3, 4]]
    assert [page.sequence for page in found] == [1, 1]
    assert [page.count for page in found] == [5, 5]
    assert [page.cursor is None for page in found] == [False, True]


def test_the_call_of_pages_raises_errors() -> None:
    """`pages` raises at the call, not at the first step. A size of 0 and a lookup have no walk."""
    index = ResultsIndex(keep_documents=False, max_size=10)
    index.put_job(JOB)
    for query, field in (
        (BucketQuery(jobs=JOB, size=0), "size"),
        (BucketQuery(jobs=JOB, timestamp=0), "timestamp"),
        (BucketQuery(jobs=JOB, expand=True, size=10), "expand"),
        (BucketQuery(jobs=JOB, size=11), "size"),
        (BucketQuery(jobs="nobody", size=1), "jobs"),
    ):
        with pytest.raises(BucketQueryError) as raised:
            index.pages(query)
        assert raised.value.field == field
    with pytest.raises(InvalidQuery):
        index.pages("web")  # type: ignore[arg-type] # not a query
    assert [len(page) for page in index.pages(BucketQuery(jobs=JOB, size=10))] == [0]


def test_a_walk_resolves_now_once() -> None:
    """The window of the first page is that of all pages; `now` does not apply with a cursor."""
    times = iter((10 * STEP, 0, 0))
    index = ResultsIndex(clock=lambda: next(times, 0))
    index.upsert(rows(0, 9))
    query = BucketQuery(jobs=JOB, end="now", size=4)
    assert [len(page) for page in index.pages(query, now=6 * STEP)] == [4, 2]
    page = index.search(query, now=6 * STEP)
    assert len(index.search(query, now=0, after=page.cursor)) == 2


def test_a_page_of_several_jobs_begins_behind_a_cursor() -> None:
    """The job is the last key of the order, so equal buckets of two jobs are on two pages."""
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=job_id) for row in range(2) for job_id in ("a", "b")])
    query = BucketQuery(jobs=["b", "a"], size=1)
    page = index.search(query)
    keys = [*page.keys()]
    while page.cursor:
        page = index.search(query, after=page.cursor)
        keys += page.keys()
    assert keys == [(job_id, row * STEP, SPAN_S) for row in range(2) for job_id in ("a", "b")]


def test_a_cursor_does_not_lift_the_limits_of_a_search() -> None:
    """Another `size` and `expand` are allowed behind a cursor, within the limits of the index."""
    index = ResultsIndex(max_size=5, keep_documents=False)
    index.upsert(rows(0, 9))
    query = BucketQuery(jobs=JOB, size=2)
    cursor = index.search(query).cursor
    with pytest.raises(LimitExceeded) as limit:
        index.search(query.replace(size=6), after=cursor)
    assert limit.value.field == "size"
    with pytest.raises(InvalidQuery) as refused:
        index.search(query.replace(expand=True), after=cursor)
    assert refused.value.field == "expand"
