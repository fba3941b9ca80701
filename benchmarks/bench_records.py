"""The time and memory of records: inside a page of buckets, on pages of their own, and when they are written.

Every answer is compared with that of a list before it is timed. One test checks a promised limit: a page of 100 buckets
with five records each takes at most `MOST_TIMES` times as long as the page without records.
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
from benchmarks.records import (
    EACH,
    QUESTIONS,
    by_hand,
    check_expanded,
    index_of_record_columns,
    index_with_buckets,
    middle,
    record,
    record_columns,
    records,
)
from benchmarks.workloads import JOB, Benchmark, Columns, Document, index_of
from bucketquery import BucketPage, RecordQuery, ResultsIndex

MOST_TIMES: Final = 3

#: The collector must not collect one contestant's garbage while another is timed.
WITHOUT_GARBAGE: Final = pytest.mark.benchmark(disable_gc=True)


@pytest.fixture(scope="module")
def documents(columns: Columns) -> list[Document]:
    """The records, `EACH` for a bucket. Their number is BUCKETQUERY_BENCH_SIZE, default 10,000."""
    return records(range(len(columns["timestamp"]) // EACH))


@pytest.fixture(scope="module")
def index(documents: list[Document]) -> ResultsIndex:
    """An index of the records and their buckets."""
    return index_with_buckets(documents)


WAYS: dict[str, Callable[[BucketPage], object]] = {
    "get_buckets": lambda page: page,
    "get_buckets and to_dict": BucketPage.to_dict,
    "get_buckets and values": list,
}


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", ["unexpanded", "expanded"])
@pytest.mark.parametrize("way", WAYS)
def test_a_page_is_expanded(
    benchmark: Benchmark, way: str, contestant: str, index: ResultsIndex, documents: list[Document]
) -> None:
    """Ask for 100 buckets, without and with their 500 records."""
    check_expanded(index, documents)
    benchmark.group = f"{way}, 100 buckets of five records"
    benchmark.extra_info["contestant"] = contestant
    read, expand = WAYS[way], contestant == "expanded"
    benchmark(lambda: read(middle(index, expand=expand)))


def test_expanding_takes_at_most_three_times_the_page(index: ResultsIndex, documents: list[Document]) -> None:
    """An expanded page takes at most three times as long as an unexpanded one, by medians of calls that take turns."""
    check_expanded(index, documents)
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(1_000):
        for expand, taken in times.items():
            begun = perf_counter()
            middle(index, expand=expand)
            taken.append(perf_counter() - begun)
    assert median(times[True]) <= MOST_TIMES * median(times[False])


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", ["search", "list"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_records_are_asked_for(
    benchmark: Benchmark, question: str, contestant: str, index: ResultsIndex, documents: list[Document]
) -> None:
    """Ask for a page of records. The list filters all of its dicts and takes the best."""
    query = RecordQuery(jobs=JOB, **QUESTIONS[question])
    body = index.search(query).to_dict()
    assert body["count"]
    assert (body["count"], body["records"]) == by_hand(documents, query)
    benchmark.group = f"records, {question}"
    benchmark.extra_info["contestant"] = contestant
    benchmark(partial(index.search, query) if contestant == "search" else partial(by_hand, documents, query))


@WITHOUT_GARBAGE
def test_records_are_loaded(benchmark: Benchmark, documents: list[Document]) -> None:
    """Load all records from parsed documents."""
    load = partial(index_of, documents)
    assert load().stats()["rows"]["record"] == len(documents)
    benchmark.group = f"load {len(documents):,} records"
    benchmark.extra_info["contestant"] = "index"
    benchmark(load)


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", ["one job", "a column of jobs"])
def test_records_are_loaded_from_columns(benchmark: Benchmark, contestant: str, documents: list[Document]) -> None:
    """Load the records without their lists from arrays of numbers and lists of text."""
    columns = record_columns(documents)
    if contestant != "one job":
        columns["job_id"] = [JOB] * len(documents)
    load = partial(index_of_record_columns, columns)
    index = load()
    assert index.stats()["rows"]["record"] == len(documents)
    best = max(documents, key=lambda each: float(each["record_score"]))
    assert index.get_records(job_id=JOB, size=1)[0].partition_field_value == best["partition_field_value"]
    benchmark.group = f"load {len(documents):,} records from columns"
    benchmark.extra_info["contestant"] = contestant
    benchmark(load)


@WITHOUT_GARBAGE
@pytest.mark.parametrize("whose", ["of a known host", "of a new host"])
def test_a_record_is_appended(benchmark: Benchmark, whose: str, documents: list[Document]) -> None:
    """Append one record. A new host makes a new keyword dictionary for its column."""
    index = index_of(documents)
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
def test_stats_report_the_memory_of_real_results(record_property: Callable[[str, object], None], kind: str) -> None:
    """Note the bytes that the arrays take for each real record or influencer, texts included."""
    path = SAMPLES / f"numentaTM_1h_by_category.{kind}.ndjson.gz"
    documents = list(read_documents(path))
    index = ResultsIndex()
    assert index.upsert(documents).inserted == len(documents)
    record_property(f"{kind}: bytes of arrays for each", f"{index.stats()['bytes'] / len(documents):.1f}")
