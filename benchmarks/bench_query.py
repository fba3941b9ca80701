"""The time of the questions: prepared, by the client's keywords, on a sorted list, and by the reference.

Every contestant answers every variant once before it is timed, and the whole answer is compared. An empty answer
fails.
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
    question_parameters,
)
from bucketquery import BucketPage, BucketQuery, ResultsIndex
from bucketquery.testing import evaluate

#: The reference takes tens of microseconds a bucket, so it is measured at small sizes only.
REFERENCE_BUCKETS = 20_000

#: The collector must not collect one contestant's garbage while another is timed.
pytestmark = pytest.mark.benchmark(disable_gc=True)


class Variant(NamedTuple):
    """One variant of a question: its parameters, their query, and the right answer."""

    parameters: Mapping[str, Any]
    query: BucketQuery
    answer: Answer


@pytest.fixture(scope="session")
def all_variants(columns: Columns, sorted_buckets: SortedBuckets) -> dict[str, list[Variant]]:
    """Every variant of every question with the sorted list's answer, by the name of the question."""
    questions = {}
    for name, variants in question_parameters(columns).items():
        queries = [BucketQuery(jobs=JOB, **parameters) for parameters in variants]
        answers = [sorted_buckets.prepare(ResolvedQuery.of(query))() for query in queries]
        for query, (count, page) in zip(queries, answers, strict=True):
            assert count > 0, f"{name}: no bucket matches, so the time would mean nothing"
            assert bool(page) == bool(query.size)
        questions[name] = [Variant(*row) for row in zip(variants, queries, answers, strict=True)]
    return questions


def as_answer(result: object) -> Answer:
    """The result of any contestant as count and documents."""
    body = result.to_dict() if isinstance(result, BucketPage) else result
    return (body["count"], body["buckets"]) if isinstance(body, dict) else body  # type: ignore[return-value] # a list returns an Answer


@pytest.mark.parametrize("contestant", ["search", "get_buckets", "list", "reference"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(
    *,
    benchmark: Benchmark,
    question: str,
    contestant: str,
    index: ResultsIndex,
    sorted_buckets: SortedBuckets,
    all_variants: dict[str, list[Variant]],
) -> None:
    """Answer the variants in turn. The page of the index is not read; the page of the list has the list's own dicts."""
    variants = all_variants[question]
    ways: dict[str, Callable[[Variant], Callable[[], object]]] = {
        "search": lambda one: partial(index.search, one.query),
        "get_buckets": lambda one: partial(index.get_buckets, job_id=JOB, **one.parameters),
        "list": lambda one: sorted_buckets.prepare(ResolvedQuery.of(one.query)),
        "reference": lambda one: partial(evaluate, sorted_buckets.documents, one.query),
    }
    if contestant == "reference":
        if len(sorted_buckets.documents) > REFERENCE_BUCKETS:
            pytest.skip(f"the reference is slow: not measured beyond {REFERENCE_BUCKETS} buckets")
        variants = variants[:3]
    calls = [ways[contestant](one) for one in variants]
    for call, one in zip(calls, variants, strict=True):
        assert as_answer(call()) == one.answer
    benchmark.group = question
    benchmark.extra_info["contestant"] = contestant
    turns = cycle(calls)

    def ask() -> object:
        return next(turns)()

    benchmark(ask)


@pytest.mark.parametrize("contestant", ["search", "get_buckets"])
def test_dates_and_all_parameters_are_parsed(benchmark: Benchmark, contestant: str, index: ResultsIndex) -> None:
    """Answer one question from nine keywords with two dates in text, and from a prepared query."""
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
    """Copies of the dicts. The caller may change them, like the dicts of a page's ``to_dict``."""
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
    all_variants: dict[str, list[Variant]],
) -> None:
    """Read a page of 100 buckets: of one slice, of a slice and interim buckets, or of scattered rows."""
    variant = all_variants[question][0]
    expected = list(variant.answer[1])
    assert len(expected) == 100
    page = index.search(variant.query)
    read_page, read_list = READERS[reader]
    result = read_page(page)
    assert (result["buckets"] if isinstance(result, dict) else result) == read_list(expected)
    benchmark.group = f"{reader} of 100, {question}"
    benchmark.extra_info["contestant"] = contestant
    benchmark(partial(read_page, page) if contestant == "search" else partial(read_list, expected))
