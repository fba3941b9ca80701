"""How long records take: inside of a page of buckets, on pages of their own, and on their way in; and what they weigh.

Every answer is compared with a plain list's before its time counts. The one promise with a number in it is held here
too: to expand a page of 100 buckets with five records each takes at most three times the page without.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, Final

import pytest

from benchmarks.real import SAMPLES, read_documents
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, Benchmark, Columns, Document
from bucketquery import BucketPage, RecordQuery, ResultsIndex

EACH: Final = 5
HOSTS: Final = 50
MOST_TIMES: Final = 3
BLAMED: Final = [{"influencer_field_name": "bucket_time", "anomaly_score": 5.0, "probability": 0.5}]

#: Garbage of one contestant should not be collected while another is timed.
WITHOUT_GARBAGE: Final = pytest.mark.benchmark(disable_gc=True)


def bucket(row: int) -> Document:
    """A bucket that is blamed on its time."""
    return {
        "result_type": "bucket",
        "job_id": JOB,
        "timestamp": FIRST_MS + row * SPAN_MS,
        "anomaly_score": 5.0,
        "bucket_span": SPAN_S,
        "bucket_influencers": BLAMED,
    }


def record(row: int, host: str, rng: Random) -> Document:
    """An anomaly of a host, with all that a real one usually has."""
    return {
        "job_id": JOB,
        "result_type": "record",
        "probability": 10 ** -(1 + 300 * rng.random()),
        "record_score": 100 * rng.random(),
        "initial_record_score": 50.0,
        "bucket_span": SPAN_S,
        "detector_index": 0,
        "is_interim": False,
        "timestamp": FIRST_MS + row * SPAN_MS,
        "partition_field_name": "host",
        "partition_field_value": host,
        "function": "mean",
        "function_description": "mean",
        "typical": [5.0],
        "actual": [rng.random()],
        "field_name": "load",
        "influencers": [{"influencer_field_name": "host", "influencer_field_values": [host]}],
        "host": [host],
    }


def records(rows: Sequence[int]) -> list[Document]:
    """Five records for each of some buckets."""
    rng = Random(7)
    hosts = [f"host-{number}" for number in range(HOSTS)]
    return [record(row, host, rng) for row in rows for host in rng.sample(hosts, EACH)]


@pytest.fixture(scope="module")
def documents(columns: Columns) -> list[Document]:
    """As many records as buckets are made elsewhere, five for each bucket."""
    return records(range(len(columns["timestamp"]) // EACH))


@pytest.fixture(scope="module")
def blamed(documents: list[Document]) -> ResultsIndex:
    """An index of the records and their buckets."""
    index = ResultsIndex()
    assert index.upsert([bucket(row) for row in range(len(documents) // EACH)]).inserted * EACH == len(documents)
    assert index.upsert(documents).inserted == len(documents)
    return index


def middle(index: ResultsIndex, *, expand: bool) -> BucketPage:
    """The hundred buckets in the middle."""
    return index.get_buckets(job_id=JOB, from_=900, size=100, expand=expand)


def check_expanded(index: ResultsIndex, documents: Sequence[Document]) -> None:
    """The page in the middle has just the records that are meant, the most unlikely first."""
    by_time: dict[int, list[Document]] = defaultdict(list)
    for document in documents:
        by_time[document["timestamp"]].append(document)
    bodies = middle(index, expand=True).to_dict()["buckets"]
    assert [body["timestamp"] for body in bodies] == [FIRST_MS + row * SPAN_MS for row in range(900, 1_000)]
    for body in bodies:
        assert body["records"] == sorted(by_time[body["timestamp"]], key=lambda each: each["probability"])
        assert len(body["records"]) == EACH
    assert not any("records" in body for body in middle(index, expand=False).to_dict()["buckets"])


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


QUESTIONS: dict[str, dict[str, Any]] = {
    "top 100 by score": {},
    "threshold 99, top 100": {"record_score": 99.0},
    "top 100 by probability": {"sort": "probability", "desc": False},
    "by host": {"sort": "partition_field_value", "desc": False},
}


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", ["search", "list"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_records_are_asked_for(
    benchmark: Benchmark, question: str, contestant: str, blamed: ResultsIndex, documents: list[Document]
) -> None:
    """A page of their own; the list filters and sorts all of its dicts."""
    query = RecordQuery(jobs=JOB, **QUESTIONS[question])
    sign = -1 if query.desc else 1

    def by_hand() -> tuple[int, list[Document]]:
        found = [each for each in documents if each["record_score"] >= query.record_score]
        if query.sort == "partition_field_value":
            found.sort(key=lambda each: (each[query.sort], each["record_score"]))
        else:
            found.sort(key=lambda each: sign * each[query.sort])
        return len(found), found[: query.size]

    body = blamed.search(query).to_dict()
    assert body["count"]
    assert (body["count"], body["records"]) == by_hand()
    benchmark.group = f"records, {question}"
    benchmark.extra_info["contestant"] = contestant
    benchmark(partial(blamed.search, query) if contestant == "search" else by_hand)


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
