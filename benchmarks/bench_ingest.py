"""How long it takes to get buckets in, and what they weigh: at once, one by one, replaced, late, rescored.

Counts and answers are compared with a plain list's, or with what is known of real data, before a time counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import pytest

from benchmarks.asking import loaded as loaded_columns
from benchmarks.real import BOTH_FULL, REPOSITORY, RealSet, by_job
from benchmarks.weighing import traced
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
    late_buckets,
    next_buckets,
    rescored,
    shuffled,
)
from bucketquery import BucketQuery, ResultsIndex
from bucketquery.testing import evaluate

#: More than a head holds of a table of up to two million buckets, so that each burst of them is sealed at least once.
LATE_BURST = 1_100


@pytest.fixture(scope="session", params=["repository", "both full"])
def real(request: pytest.FixtureRequest) -> tuple[RealSet, list[Document]]:
    """Real documents, parsed, with what is known of them; the large sets only where their folder is named."""
    if request.param == "repository":
        return REPOSITORY, REPOSITORY.read()
    return BOTH_FULL, BOTH_FULL.read(request.getfixturevalue("data_folder"))


def loaded(documents: Sequence[Document]) -> ResultsIndex:
    """A new index over the documents."""
    index = ResultsIndex()
    index.upsert(documents)
    return index


def assert_alike(index: ResultsIndex, plain: SortedBuckets, *queries: BucketQuery) -> None:
    """The index answers the queries as the plain list does, and not with nothing."""
    for query in queries:
        count, page = plain.prepare(ResolvedQuery.of(query))()
        assert count > 0
        assert index.search(query).to_dict() == {"count": count, "buckets": page}


# All at once


@pytest.mark.parametrize("contestant", ["index", "list"])
def test_real_documents_are_loaded(benchmark: Benchmark, contestant: str, real: tuple[RealSet, list[Document]]) -> None:
    """Parsed documents of many jobs in one batch; the list's are put by job and sorted, not checked or copied."""
    known, documents = real
    load: Callable[[], object] = partial(loaded if contestant == "index" else by_job, documents)
    jobs = by_job(documents)
    assert (len(documents), len(jobs)) == (known.buckets, known.jobs)
    if contestant == "index":
        index = loaded(documents)
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
def test_made_documents_are_loaded(
    benchmark: Benchmark, contestant: str, columns: Columns, plain: SortedBuckets
) -> None:
    """Parsed documents of one job, in order, without influencers."""
    documents = plain.documents
    assert_alike(loaded(documents), plain, NEWEST, HIGHEST)
    benchmark.group = "load documents of one job"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(partial(loaded if contestant == "index" else by_job, documents), rounds=5)
    assert len(documents) == len(columns["timestamp"])


@pytest.mark.parametrize("contestant", ["index", "list"])
@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_columns_are_loaded(
    benchmark: Benchmark, order: str, contestant: str, columns: Columns, plain: SortedBuckets
) -> None:
    """Arrays of one job; the list's are made into documents and sorted."""
    given = shuffled(columns) if order == "shuffled" else columns
    assert_alike(loaded_columns(given), plain, NEWEST, NEWEST.replace(desc=False), HIGHEST)
    benchmark.group = f"{'W1u' if order == 'shuffled' else 'W1'} load columns, {order}"
    benchmark.extra_info["contestant"] = contestant
    load = partial(loaded_columns, given) if contestant == "index" else lambda: by_job(bucket_documents(given))
    benchmark.pedantic(load, rounds=5)


# One by one


class Live:
    """An index and a plain list over the same buckets, given the same writes."""

    def __init__(self, columns: Columns, plain: SortedBuckets) -> None:
        self.index = loaded_columns(columns)
        self.plain = SortedBuckets(plain.documents)

    def write_both(self, documents: Sequence[Document]) -> None:
        """Put the documents into both."""
        for document in documents:
            self.index.upsert([document])
            self.plain.put(document)

    def step(self, contestant: str, query: BucketQuery) -> Callable[[Document], object]:
        """One contestant's work: put a document, ask."""

        def step_index(document: Document) -> object:
            index.upsert([document])
            return index.search(query)

        def step_list(document: Document) -> object:
            put(document)
            return ask()

        index, put, ask = self.index, self.plain.put, self.plain.prepare(ResolvedQuery.of(query))
        return step_index if contestant == "index" else step_list


@pytest.fixture
def live(columns: Columns, plain: SortedBuckets) -> Live:
    """Both, fresh: to be written to."""
    return Live(columns, plain)


def each(documents: Iterator[Any]) -> Callable[[], tuple[tuple[Any], Mapping[str, Any]]]:
    """What gives a benchmark's work its next document, outside of the time."""
    return lambda: ((next(documents),), {})


@pytest.mark.parametrize("contestant", ["index", "list"])
@pytest.mark.parametrize("interim", [0, 15])
def test_newest_bucket_is_written_then_the_newest_page_read(
    benchmark: Benchmark, interim: int, contestant: str, columns: Columns, live: Live
) -> None:
    """Each round one write and the newest page: the next bucket, or the newest again until it is final."""
    documents = next_buckets(columns, interim=interim)
    for _ in range(3 * (interim + 1)):
        live.write_both([next(documents)])
        assert_alike(live.index, live.plain, NEWEST)
    assert live.index.stats()["rows"]["bucket"] == len(columns["timestamp"]) + 3
    if interim:
        benchmark.group = "W4 replace the newest bucket, 15 interim then final, then the newest page"
    else:
        benchmark.group = "W2 append a bucket, then the newest page"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(live.step(contestant, NEWEST), setup=each(documents), rounds=3_000)
    live.index.check()


@pytest.mark.parametrize("contestant", ["index", "list"])
def test_late_buckets_are_sealed(benchmark: Benchmark, contestant: str, columns: Columns, live: Live) -> None:
    """Each round a burst of late buckets, one by one, so many that a head fills up and is sealed."""
    late = iter(late_buckets(columns))
    live.write_both(list(islice(late, LATE_BURST)))
    live.index.check()
    middle = NEWEST.replace(from_=len(columns["timestamp"]) // 2)
    assert_alike(live.index, live.plain, NEWEST, middle, HIGHEST)
    worst = 0.0

    def write(burst: Sequence[Document]) -> None:
        nonlocal worst
        for document in burst:
            before = perf_counter()
            put(document)
            worst = max(worst, perf_counter() - before)

    put: Callable[[Document], object] = live.plain.put
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
    """Each round other scores for a random hundredth of all buckets, whole rows in arrays, then the highest ten."""

    def rescore_index(some: Columns) -> object:
        live.index.upsert_columns(some, job_id=JOB)
        return live.index.search(HIGHEST)

    def rescore_list(some: Columns) -> object:
        for document in bucket_documents(some):
            live.plain.put(document)
        return live.plain.prepare(ResolvedQuery.of(HIGHEST))()

    batches = rescored(columns)
    for some in islice(batches, 3):
        rescore_index(some)
        rescore_list(some)
        assert_alike(live.index, live.plain, HIGHEST)
    benchmark.group = "W3 rescore a hundredth, then the top ten"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(rescore_index if contestant == "index" else rescore_list, setup=each(batches), rounds=20)


# What it weighs


def appended(columns: Columns) -> ResultsIndex:
    """A new index over the columns and 100 buckets behind them, written one by one."""
    index = loaded_columns(columns)
    for document in islice(next_buckets(columns, interim=0), 100):
        index.upsert([document])
    return index


@pytest.mark.parametrize("load", [loaded_columns, appended])
def test_a_bucket_is_weighed(
    load: Callable[[Columns], ResultsIndex], columns: Columns, record_property: Callable[[str, object], None]
) -> None:
    """Without influencers the bytes that `stats` tells are those that are taken, right after a load and with room."""
    index, taken = traced(partial(load, columns))
    told = index.stats()["bytes"]
    assert told <= taken <= 1.02 * told + 65_536
    record_property(f"bytes a bucket, {load.__name__}", round(taken / index.stats()["rows"]["bucket"], 1))


def test_a_real_bucket_is_weighed(record_property: Callable[[str, object], None]) -> None:
    """With influencers the index tells only the pointers to them; what they take comes on top."""
    index, taken = traced(partial(loaded, REPOSITORY.read()))
    told = index.stats()["bytes"]
    assert 0 < told < taken
    record_property("bytes a bucket, real, told", round(told / REPOSITORY.buckets, 1))
    record_property("bytes a bucket, real, taken", round(taken / REPOSITORY.buckets, 1))
