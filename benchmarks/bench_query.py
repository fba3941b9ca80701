"""How long the questions take: prepared, through the client's keywords, on a plain list, by the reference.

Every contestant gives every answer once, and it is compared whole, before its time counts. An empty answer fails.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle
from typing import Any, NamedTuple

import pytest

from benchmarks.workloads import (
    JOB,
    NINE_PARAMETERS,
    NINE_RESOLVED,
    QUESTIONS,
    Answer,
    Benchmark,
    Columns,
    Document,
    ResolvedQuery,
    SortedBuckets,
    questions,
)
from bucketquery import BucketPage, BucketQuery, ResultsIndex
from bucketquery.testing import evaluate

#: The reference takes tens of microseconds a bucket, so it is asked at small sizes only.
REFERENCE_BUCKETS = 20_000

#: Garbage of one contestant should not be collected while another is timed.
pytestmark = pytest.mark.benchmark(disable_gc=True)


class Asked(NamedTuple):
    """One variant of a question: its parameters, the query they make, and the right answer."""

    parameters: Mapping[str, Any]
    query: BucketQuery
    answer: Answer


@pytest.fixture(scope="session")
def all_asked(columns: Columns, plain: SortedBuckets) -> dict[str, list[Asked]]:
    """Every variant of every question with the plain list's answer, by the name of the question."""
    asked = {}
    for name, variants in questions(columns).items():
        queries = [BucketQuery(jobs=JOB, **parameters) for parameters in variants]
        answers = [plain.prepare(ResolvedQuery.of(query))() for query in queries]
        for query, (count, page) in zip(queries, answers, strict=True):
            assert count > 0, f"{name}: a question that nothing answers says nothing"
            assert bool(page) == bool(query.size)
        asked[name] = [Asked(*row) for row in zip(variants, queries, answers, strict=True)]
    return asked


def as_answer(found: object) -> Answer:
    """What any contestant gives, as count and documents."""
    body = found.to_dict() if isinstance(found, BucketPage) else found
    return (body["count"], body["buckets"]) if isinstance(body, dict) else body  # type: ignore[return-value] # a list's answer is one


@pytest.mark.parametrize("contestant", ["search", "get_buckets", "list", "reference"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(
    *,
    benchmark: Benchmark,
    question: str,
    contestant: str,
    index: ResultsIndex,
    plain: SortedBuckets,
    all_asked: dict[str, list[Asked]],
) -> None:
    """Each variant in turn; a page of the index is not read, the list's page is a slice of its own dicts."""
    asked = all_asked[question]
    ways: dict[str, Callable[[Asked], Callable[[], object]]] = {
        "search": lambda one: partial(index.search, one.query),
        "get_buckets": lambda one: partial(index.get_buckets, job_id=JOB, **one.parameters),
        "list": lambda one: plain.prepare(ResolvedQuery.of(one.query)),
        "reference": lambda one: partial(evaluate, plain.documents, one.query),
    }
    if contestant == "reference":
        if len(plain.documents) > REFERENCE_BUCKETS:
            pytest.skip(f"the reference is slow: not asked beyond {REFERENCE_BUCKETS} buckets")
        asked = asked[:3]
    calls = [ways[contestant](one) for one in asked]
    for call, one in zip(calls, asked, strict=True):
        assert as_answer(call()) == one.answer
    benchmark.group = question
    benchmark.extra_info["contestant"] = contestant
    turns = cycle(calls)

    def ask() -> object:
        return next(turns)()

    benchmark(ask)


@pytest.mark.parametrize("contestant", ["search", "get_buckets"])
def test_dates_and_all_parameters_are_parsed(benchmark: Benchmark, contestant: str, index: ResultsIndex) -> None:
    """The price of nine keywords with two dates in text over the same question prepared."""
    query, same = BucketQuery(jobs=JOB, **NINE_PARAMETERS), BucketQuery(jobs=JOB, **NINE_RESOLVED)
    answers = [index.search(query), index.search(same), index.get_buckets(job_id=JOB, **NINE_PARAMETERS)]
    assert len(answers[0]) > 0
    assert [page.to_dict() for page in answers] == [answers[0].to_dict()] * 3
    benchmark.group = "nine keywords, two dates in text"
    benchmark.extra_info["contestant"] = contestant
    call = partial(index.search, query)
    if contestant == "get_buckets":
        call = partial(index.get_buckets, job_id=JOB, **NINE_PARAMETERS)
    benchmark(call)


def copied(page: list[Document]) -> list[Document]:
    """Fresh dicts, as a page's ``to_dict`` gives: the caller's to change."""
    return [{**document, "bucket_influencers": list(document["bucket_influencers"])} for document in page]


READERS: dict[str, tuple[Callable[[BucketPage], object], Callable[[list[Document]], object]]] = {
    "to_dict": (BucketPage.to_dict, copied),
    "keys": (
        BucketPage.keys,
        lambda page: tuple((bucket["job_id"], bucket["timestamp"], bucket["bucket_span"]) for bucket in page),
    ),
    "column": (
        lambda page: page.column("anomaly_score").tolist(),
        lambda page: [bucket["anomaly_score"] for bucket in page],
    ),
    "values": (
        lambda page: [bucket.to_dict() for bucket in page],
        copied,
    ),
}


@pytest.mark.parametrize("contestant", ["search", "list"])
@pytest.mark.parametrize("question", ["Q7 middle page", "Q3 last page", "Q11 dense threshold"])
@pytest.mark.parametrize("reader", READERS)
def test_a_page_is_read(
    *,
    benchmark: Benchmark,
    reader: str,
    question: str,
    contestant: str,
    index: ResultsIndex,
    all_asked: dict[str, list[Asked]],
) -> None:
    """100 buckets out of a page: of one slice, of a slice and interim buckets, of scattered rows."""
    asked = all_asked[question][0]
    expected = list(asked.answer[1])
    assert len(expected) == 100
    page = index.search(asked.query)
    read_page, read_list = READERS[reader]
    found = read_page(page)
    assert (found["buckets"] if isinstance(found, dict) else found) == read_list(expected)
    benchmark.group = f"{reader} of 100, {question}"
    benchmark.extra_info["contestant"] = contestant
    benchmark(partial(read_page, page) if contestant == "search" else partial(read_list, expected))
