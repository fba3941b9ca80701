"""How long records take: inside of a page of buckets, on pages of their own, and on their way in; and what they weigh.

Every answer is compared with a plain list's before its time counts. The one promise with a number in it is held here
too: to expand a page of 100 buckets with five records each takes at most three times the page without.
"""

from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random
from statistics import median
from time import perf_counter
from typing import Final

import pytest

from benchmarks.real import SAMPLES, read_documents
from benchmarks.records import EACH, QUESTIONS, by_hand, check_expanded, middle, record, records
from benchmarks.records import blamed as indexed
from benchmarks.workloads import JOB, Benchmark, Columns, Document
from bucketquery import BucketPage, RecordQuery, ResultsIndex

MOST_TIMES: Final = 3

#: Garbage of one contestant should not be collected while another is timed.
WITHOUT_GARBAGE: Final = pytest.mark.benchmark(disable_gc=True)


@pytest.fixture(scope="module")
def documents(columns: Columns) -> list[Document]:
    """As many records as buckets are made elsewhere, five for each bucket."""
    return records(range(len(columns["timestamp"]) // EACH))


@pytest.fixture(scope="module")
def blamed(documents: list[Document]) -> ResultsIndex:
    """An index of the records and their buckets."""
    return indexed(documents)


WAYS: dict[str, Callable[[BucketPage], object]] = {
    "get_buckets": lambda page: page,
    "get_buckets and to_dict": BucketPage.to_dict,
    "get_buckets and values": list,
}


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", ["unexpanded", "expanded"])
@pytest.mark.parametrize("way", WAYS)
def test_a_page_is_expanded(
    benchmark: Benchmark, way: str, contestant: str, blamed: ResultsIndex, documents: list[Document]
) -> None:
    """100 buckets, without and with their 500 records."""
    check_expanded(blamed, documents)
    benchmark.group = f"{way}, 100 buckets of five records"
    benchmark.extra_info["contestant"] = contestant
    read, expand = WAYS[way], contestant == "expanded"
    benchmark(lambda: read(middle(blamed, expand=expand)))


def test_expanding_takes_at_most_three_times_the_page(blamed: ResultsIndex, documents: list[Document]) -> None:
    """By the medians of calls in turn, so that whatever else the machine does meets both alike."""
    check_expanded(blamed, documents)
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(1_000):
        for expand, taken in times.items():
            begun = perf_counter()
            middle(blamed, expand=expand)
            taken.append(perf_counter() - begun)
    assert median(times[True]) <= MOST_TIMES * median(times[False])


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", ["search", "list"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_records_are_asked_for(
    benchmark: Benchmark, question: str, contestant: str, blamed: ResultsIndex, documents: list[Document]
) -> None:
    """A page of their own; the list filters all of its dicts and takes the best."""
    query = RecordQuery(jobs=JOB, **QUESTIONS[question])
    body = blamed.search(query).to_dict()
    assert body["count"]
    assert (body["count"], body["records"]) == by_hand(documents, query)
    benchmark.group = f"records, {question}"
    benchmark.extra_info["contestant"] = contestant
    benchmark(partial(blamed.search, query) if contestant == "search" else partial(by_hand, documents, query))


@WITHOUT_GARBAGE
def test_records_are_loaded(benchmark: Benchmark, documents: list[Document]) -> None:
    """All of them, from parsed documents."""

    def load() -> ResultsIndex:
        index = ResultsIndex()
        index.upsert(documents)
        return index

    assert load().stats()["rows"]["record"] == len(documents)
    benchmark.group = f"load {len(documents):,} records"
    benchmark.extra_info["contestant"] = "index"
    benchmark(load)


@WITHOUT_GARBAGE
@pytest.mark.parametrize("whose", ["of a known host", "of a new host"])
def test_a_record_is_appended(benchmark: Benchmark, whose: str, documents: list[Document]) -> None:
    """One by one; a new text makes its column count its texts anew."""
    index = ResultsIndex()
    index.upsert(documents)
    rows, rng = count(len(documents) // EACH), Random(8)

    def append() -> None:
        row = next(rows)
        index.upsert([record(row, f"new-{row}" if whose == "of a new host" else "host-1", rng)])

    append()
    newest = index.get_records(job_id=JOB, sort="timestamp", size=1)
    assert newest.count == len(documents) + 1
    assert newest[0].partition_field_value == (f"new-{len(documents) // EACH}" if "new" in whose else "host-1")
    benchmark.group = f"append a record {whose}"
    benchmark.extra_info["contestant"] = "index"
    benchmark(append)


@pytest.mark.parametrize("kind", ["records", "influencers"])
def test_what_a_real_one_weighs(record_property: Callable[[str, object], None], kind: str) -> None:
    """The arrays of the real records and influencers, and their texts, beside the lines of their file."""
    path = SAMPLES / f"numentaTM_1h_by_category.{kind}.ndjson.gz"
    found = list(read_documents(path))
    index = ResultsIndex()
    assert index.upsert(found).inserted == len(found)
    record_property(f"{kind}: bytes of arrays for each", f"{index.stats()['bytes'] / len(found):.1f}")
