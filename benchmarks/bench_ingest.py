"""The time of writes and the memory of buckets: loads, appends, replacements, late buckets, other scores.

Before a write is timed, its counts and answers are compared with those of a sorted list, or with known counts of real
data.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import pytest

from benchmarks.memory import traced
from benchmarks.real import BOTH_FULL, REPOSITORY, RealSet, by_job
from benchmarks.workloads import (
    HIGHEST,
    JOB,
    NEWEST,
    Benchmark,
    Columns,
    Document,
    ResolvedQuery,
    SortedBuckets,
    bucket_documents,
    index_of,
    index_of_columns,
    late_buckets,
    next_buckets,
    rescored,
    shuffled,
)
from bucketquery import BucketQuery, ResultsIndex
from bucketquery.testing import evaluate

#: With up to two million buckets a head holds fewer rows than this, so the index compacts at least once in each burst.
LATE_BURST = 1_100


@pytest.fixture(scope="session", params=["repository", "both full"])
def real(request: pytest.FixtureRequest) -> tuple[RealSet, list[Document]]:
    """A real set and its parsed documents. The large sets are skipped if their folder is not named."""
    if request.param == "repository":
        return REPOSITORY, REPOSITORY.read()
    return BOTH_FULL, BOTH_FULL.read(request.getfixturevalue("data_folder"))


def assert_alike(index: ResultsIndex, sorted_buckets: SortedBuckets, *queries: BucketQuery) -> None:
    """Check that the index answers the queries as the sorted list does, and that some buckets match."""
    for query in queries:
        count, page = sorted_buckets.prepare(ResolvedQuery.of(query))()
        assert count > 0
        assert index.search(query).to_dict() == {"count": count, "buckets": page}


# Loads


@pytest.mark.parametrize("contestant", ["index", "list"])
def test_real_documents_are_loaded(benchmark: Benchmark, contestant: str, real: tuple[RealSet, list[Document]]) -> None:
    """Load parsed documents of many jobs in one batch. The list groups and sorts them, without checks and copies."""
    known, documents = real
    load: Callable[[], object] = partial(index_of if contestant == "index" else by_job, documents)
    jobs = by_job(documents)
    assert (len(documents), len(jobs)) == (known.buckets, known.jobs)
    if contestant == "index":
        index = index_of(documents)
        assert index.jobs() == tuple(sorted(jobs))
        assert index.stats()["rows"] == {"bucket": known.buckets, "record": 0, "influencer": 0}
        for threshold, count in known.at_or_above.items():
            counts = (index.get_buckets(job_id=job_id, anomaly_score=threshold, size=0).count for job_id in jobs)
            assert sum(counts) == count
        for job_id, stored in jobs.items():
            query = BucketQuery(jobs=job_id, sort="anomaly_score", desc=True)
            answer = evaluate(stored, query)
            assert answer["count"] > 0
            assert index.search(query).to_dict() == answer
        del index
    benchmark.group = f"load {known.buckets:,} real documents of {known.jobs} jobs"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(load, rounds=5)


@pytest.mark.parametrize("contestant", ["index", "list"])
def test_generated_documents_are_loaded(
    benchmark: Benchmark, contestant: str, columns: Columns, sorted_buckets: SortedBuckets
) -> None:
    """Load parsed documents of one job, in order, without influencers."""
    documents = sorted_buckets.documents
    assert_alike(index_of(documents), sorted_buckets, NEWEST, HIGHEST)
    benchmark.group = "load documents of one job"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(partial(index_of if contestant == "index" else by_job, documents), rounds=5)
    assert len(documents) == len(columns["timestamp"])


@pytest.mark.parametrize("contestant", ["index", "list"])
@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_columns_are_loaded(
    benchmark: Benchmark, order: str, contestant: str, columns: Columns, sorted_buckets: SortedBuckets
) -> None:
    """Load arrays of one job. The list makes documents from them and sorts these."""
    given = shuffled(columns) if order == "shuffled" else columns
    assert_alike(index_of_columns(given), sorted_buckets, NEWEST, NEWEST.replace(desc=False), HIGHEST)
    benchmark.group = f"{'W1u' if order == 'shuffled' else 'W1'} load columns, {order}"
    benchmark.extra_info["contestant"] = contestant
    load = partial(index_of_columns, given) if contestant == "index" else lambda: by_job(bucket_documents(given))
    benchmark.pedantic(load, rounds=5)


@pytest.mark.parametrize("contestant", ["arrays", "pandas", "polars"])
def test_a_frame_is_loaded(
    benchmark: Benchmark, contestant: str, columns: Columns, sorted_buckets: SortedBuckets
) -> None:
    """Load a frame of one job, beside the same arrays without the frame."""
    frame: Any = columns if contestant == "arrays" else pytest.importorskip(contestant).DataFrame(columns)
    assert_alike(index_of_columns(frame), sorted_buckets, NEWEST, HIGHEST)
    benchmark.group = "load a frame"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(partial(index_of_columns, frame), rounds=5)


@pytest.mark.parametrize("contestant", ["without event", "with event"])
def test_documents_with_an_event_are_loaded(
    benchmark: Benchmark, contestant: str, sorted_buckets: SortedBuckets
) -> None:
    """Load documents that say when the server wrote them, beside the same documents without that."""
    written = [{**document, "event": {"ingested": -document["timestamp"]}} for document in sorted_buckets.documents]
    newest = index_of(written).search(NEWEST.replace(sort="event.ingested", desc=False))
    assert newest.column("timestamp").tolist() == index_of(written).search(NEWEST).column("timestamp").tolist()
    assert newest.column("event.ingested").tolist() == (-newest.column("timestamp")).tolist()
    documents = written if contestant == "with event" else sorted_buckets.documents
    benchmark.group = "load documents with an event"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(partial(index_of, documents), rounds=5)


# Single writes


class Live:
    """An index and a sorted list over the same buckets, for the same writes."""

    def __init__(self, columns: Columns, sorted_buckets: SortedBuckets) -> None:
        self.index = index_of_columns(columns)
        self.sorted_buckets = SortedBuckets(sorted_buckets.documents)

    def write_both(self, documents: Sequence[Document]) -> None:
        """Write the documents to both."""
        for document in documents:
            self.index.upsert([document])
            self.sorted_buckets.put(document)

    def step(self, contestant: str, query: BucketQuery) -> Callable[[Document], object]:
        """The work of one contestant: write a document, then answer the query."""

        def step_index(document: Document) -> object:
            index.upsert([document])
            return index.search(query)

        def step_list(document: Document) -> object:
            put(document)
            return ask()

        index, put = self.index, self.sorted_buckets.put
        ask = self.sorted_buckets.prepare(ResolvedQuery.of(query))
        return step_index if contestant == "index" else step_list


@pytest.fixture
def live(columns: Columns, sorted_buckets: SortedBuckets) -> Live:
    """A new index and a new list, which a test may write to."""
    return Live(columns, sorted_buckets)


def each(documents: Iterator[Any]) -> Callable[[], tuple[tuple[Any], Mapping[str, Any]]]:
    """The setup of a benchmark: it takes the next documents for the work, before the clock starts."""
    return lambda: ((next(documents),), {})


@pytest.mark.parametrize("contestant", ["index", "list"])
@pytest.mark.parametrize("interim", [0, 15])
def test_newest_bucket_is_written_then_the_newest_page_read(
    benchmark: Benchmark, interim: int, contestant: str, columns: Columns, live: Live
) -> None:
    """In each round, write one document and read the newest page.

    Without interim versions, each document is a new bucket. Otherwise it is the next version of the newest bucket,
    until that is final.
    """
    documents = next_buckets(columns, interim=interim)
    for _ in range(3 * (interim + 1)):
        live.write_both([next(documents)])
        assert_alike(live.index, live.sorted_buckets, NEWEST)
    assert live.index.stats()["rows"]["bucket"] == len(columns["timestamp"]) + 3
    if interim:
        benchmark.group = "W4 replace the newest bucket, 15 interim then final, then the newest page"
    else:
        benchmark.group = "W2 append a bucket, then the newest page"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(live.step(contestant, NEWEST), setup=each(documents), rounds=3_000)
    live.index.check()


@pytest.mark.parametrize("contestant", ["index", "list"])
def test_late_buckets_are_compacted(benchmark: Benchmark, contestant: str, columns: Columns, live: Live) -> None:
    """Write a burst of `LATE_BURST` late buckets one by one in each round, which fills a head and compacts it."""
    late = iter(late_buckets(columns))
    live.write_both(list(islice(late, LATE_BURST)))
    live.index.check()
    middle = NEWEST.replace(from_=len(columns["timestamp"]) // 2)
    assert_alike(live.index, live.sorted_buckets, NEWEST, middle, HIGHEST)
    worst = 0.0

    def write(burst: Sequence[Document]) -> None:
        nonlocal worst
        for document in burst:
            before = perf_counter()
            put(document)
            worst = max(worst, perf_counter() - before)

    put: Callable[[Document], object] = live.sorted_buckets.put
    if contestant == "index":
        index = live.index

        def put(document: Document) -> object:
            return index.upsert([document])

    bursts = iter(lambda: list(islice(late, LATE_BURST)), [])
    benchmark.group = f"{LATE_BURST:,} late buckets, one by one"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(write, setup=each(bursts), rounds=5)
    benchmark.extra_info["worst write, ms"] = round(worst * 1e3, 2)
    live.index.check()


@pytest.mark.parametrize("contestant", ["index", "list"])
def test_one_in_a_hundred_is_rescored_then_the_top_ten_read(
    benchmark: Benchmark, contestant: str, columns: Columns, live: Live
) -> None:
    """Write other scores for a random hundredth of the buckets, as whole rows in arrays, then read the top ten."""

    def rescore_index(some: Columns) -> object:
        live.index.upsert_columns(some, job_id=JOB)
        return live.index.search(HIGHEST)

    def rescore_list(some: Columns) -> object:
        for document in bucket_documents(some):
            live.sorted_buckets.put(document)
        return live.sorted_buckets.prepare(ResolvedQuery.of(HIGHEST))()

    batches = rescored(columns)
    for some in islice(batches, 3):
        rescore_index(some)
        rescore_list(some)
        assert_alike(live.index, live.sorted_buckets, HIGHEST)
    benchmark.group = "W3 rescore a hundredth, then the top ten"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(rescore_index if contestant == "index" else rescore_list, setup=each(batches), rounds=20)


# Memory


def index_as_loaded(columns: Columns, changes_kept: int = 0) -> ResultsIndex:
    """A new index of the columns; without a log of changes, which `stats` does not report."""
    index = ResultsIndex(changes_kept=changes_kept)
    index.upsert_columns(columns, job_id=JOB)
    return index


def index_with_appends(columns: Columns, changes_kept: int = 0) -> ResultsIndex:
    """The same with 100 buckets appended one by one."""
    index = index_as_loaded(columns, changes_kept)
    for document in islice(next_buckets(columns, interim=0), 100):
        index.upsert([document])
    return index


@pytest.mark.parametrize("load", [index_as_loaded, index_with_appends])
def test_stats_report_the_memory_of_a_bucket(
    load: Callable[[Columns], ResultsIndex], columns: Columns, record_property: Callable[[str, object], None]
) -> None:
    """Without influencers, `stats` reports the bytes that an index takes, after a load and with spare room."""
    index, taken = traced(partial(load, columns))
    reported = index.stats()["bytes"]
    assert reported <= taken <= 1.02 * reported + 65_536
    record_property(f"bytes a bucket, {load.__name__}", round(taken / index.stats()["rows"]["bucket"], 1))


def test_the_log_takes_some_bytes_for_each_change(
    columns: Columns, record_property: Callable[[str, object], None]
) -> None:
    """After a copy of the columns, the log alone holds the old ones: time, span, score and flags of each change."""
    index_with_appends(columns, 100_000)
    _, without_log = traced(partial(index_with_appends, columns))
    _, with_log = traced(partial(index_with_appends, columns, 100_000))
    changes = min(len(columns["timestamp"]), 100_000) + 100
    assert 0 < with_log - without_log <= 40 * changes + 65_536
    record_property("bytes a change in the log", round((with_log - without_log) / changes, 1))


def test_stats_report_only_the_arrays_of_a_real_bucket(record_property: Callable[[str, object], None]) -> None:
    """With influencers, `stats` reports only the pointers to them; the influencers themselves take more."""
    index, taken = traced(partial(index_of, REPOSITORY.read()))
    reported = index.stats()["bytes"]
    assert 0 < reported < taken
    record_property("bytes a bucket, real, reported", round(reported / REPOSITORY.buckets, 1))
    record_property("bytes a bucket, real, taken", round(taken / REPOSITORY.buckets, 1))
