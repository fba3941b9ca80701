"""Our decision on answers in place of documents: which are read, which documents are in them, and paths in errors."""

import json
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from bucketquery import Kind, ResultsIndex
from bucketquery.elastic import handle
from support.document_tables import SIZES, T0, BadDocument, assert_bad_document
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    SCORES,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
    result,
)
from support.server import serving

RULE = "20.answers-as-documents"


def untyped(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without its type."""
    return {name: value for name, value in document.items() if name != "result_type"}


def hits(*sources: Any, **more: Any) -> dict[str, Any]:
    """A response of a search with these sources."""
    found = [{"_index": ".ml-anomalies-shared", "_id": str(n), "_source": one} for n, one in enumerate(sources)]
    return {"took": 1, "timed_out": False, "hits": {"total": {"value": len(found)}, "hits": found}, **more}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is given to `upsert`, and what is stored: how many of each kind, and the skipped types.

    Attributes:
        rule: its number.
        claim: what the row says.
        given: the answer.
        stored: the number of buckets, records and influencers.
        source: where the rule comes from.
        kind: the kind that is given with it.
        skipped: the skipped types.
    """

    rule: str
    claim: str
    given: Any
    stored: tuple[int, int, int]
    source: str
    _: KW_ONLY
    kind: Any = None
    skipped: Mapping[str, int] = field(default_factory=dict)


def only(kind: Kind, count: int) -> tuple[int, int, int]:
    """The counts of an index with results of one kind."""
    return tuple(count if of == kind else 0 for of in CALLS)  # type: ignore[return-value]  # three numbers


OF_A_KIND = [
    Answer(RULE, f"{kind}: {claim}", given, only(kind, count), "ours", kind=given_kind)
    for kind in CALLS
    for claim, given, count, given_kind in (
        ("the body", {"count": 2, LISTS[kind]: [result(kind, 0), result(kind, 1)]}, 2, None),
        ("without a count", {LISTS[kind]: [result(kind, 0)]}, 1, None),
        ("without types", {"count": 2, LISTS[kind]: [untyped(result(kind, time)) for time in (0, 1)]}, 2, None),
        ("some types", {LISTS[kind]: [result(kind, 0), untyped(result(kind, 1))]}, 2, None),
        ("a null type", {LISTS[kind]: [result(kind, 0) | {"result_type": None}]}, 1, None),
        ("with its kind", {LISTS[kind]: [untyped(result(kind, 0))]}, 1, kind),
        ("an empty list", {"count": 7, LISTS[kind]: []}, 0, None),
        ("other keys", {"took": 1, "timed_out": False, "_shards": {}, LISTS[kind]: [result(kind, 0)]}, 1, None),
        ("a read-only mapping", MappingProxyType({LISTS[kind]: [MappingProxyType(result(kind, 0))]}), 1, None),
        ("items that are search hits", {LISTS[kind]: [{"_source": untyped(result(kind, 0))}]}, 1, None),
        ("the client's response", SimpleNamespace(body={LISTS[kind]: [result(kind, 0)]}, meta=None), 1, None),
        (
            "the client's response and the kind",
            SimpleNamespace(body={LISTS[kind]: [untyped(result(kind, 0))]}),
            1,
            kind,
        ),
    )
]
OF_A_SEARCH = [
    Answer(RULE, "hits of every kind", hits(bucket(0), record(0), influencer(0, "a"), record(1)), (1, 2, 1), "ours"),
    Answer(
        RULE,
        "hits of other types",
        hits(bucket(0), {"result_type": "model_plot"}, {"quantile_state": 5}, {"result_type": "model_plot"}),
        (1, 0, 0),
        "20.other-result-types",
        skipped={"model_plot": 2, "": 1},
    ),
    Answer(RULE, "no hits", hits(), (0, 0, 0), "ours"),
    Answer(RULE, "hits with the kind", hits(untyped(record(0)), record(1)), (0, 2, 0), "ours", kind="record"),
    Answer(RULE, "a hit without a source", {"hits": {"hits": [{"_id": "x"}]}}, (0, 0, 0), "ours", skipped={"": 1}),
    Answer(RULE, "hits with aggregations", hits(bucket(0), aggregations={"a": {}}), (1, 0, 0), "ours"),
    Answer(RULE, "the client's response", SimpleNamespace(body=hits(bucket(0), record(0))), (1, 1, 0), "ours"),
    Answer(RULE, "records in the hits", hits(bucket(0, records=[{}, {"detector_index": 1}])), (1, 2, 0), "ours"),
]
EXPANDED = [
    Answer(
        RULE,
        "records in buckets",
        {
            "count": 1,
            "buckets": [bucket(0, records=[{}, {"detector_index": 1}]), untyped(bucket(1, records=[record(1)]))],
        },
        (2, 3, 0),
        "20.records-in-buckets",
    ),
    Answer(
        RULE,
        "records in buckets, with the kind",
        {"count": 1, "buckets": [bucket(0, records=[{}])]},
        (1, 1, 0),
        "20.records-in-buckets",
        kind="bucket",
    ),
]
#: Inside an iterable of documents an answer is a document without a type.
INSIDE = [
    Answer(RULE, "an answer in a list", [{"count": 1, "buckets": [bucket(0)]}], (0, 0, 0), "ours", skipped={"": 1}),
    Answer(RULE, "a response in a list", [hits(bucket(0)), bucket(0)], (1, 0, 0), "ours", skipped={"": 1}),
]


@each_row(OF_A_KIND, OF_A_SEARCH, EXPANDED, INSIDE)
def test_documents_of_an_answer_are_stored(row: Answer) -> None:
    """The results are stored and counted as if the documents were given themselves."""
    index = index_of([])
    commit = index.upsert(row.given, kind=row.kind)
    assert (commit.inserted, dict(commit.skipped), commit.repeated) == (sum(row.stored), row.skipped, 0)
    assert tuple(getattr(index, call)(job_id=JOB).count for call in CALLS.values()) == row.stored


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
def test_page_comes_back(kind: Kind, size: int) -> None:
    """20.answers-as-documents: the body of a page gives the same page, as it is, as JSON, and as search hits."""
    given = [
        result(
            kind,
            time,
            **{SCORES[kind]: time % 90, "event": {"ingested": time}} | ({} if kind == "bucket" else {"zone": 1}),
        )
        for time in range(size)
    ]
    page = getattr(index_of(given), CALLS[kind])(job_id=JOB, size=size)
    body = page.to_dict()
    for answer in (body, json.loads(page.to_json()), hits(*body[LISTS[kind]]), SimpleNamespace(body=body)):
        second = ResultsIndex()
        commit = second.upsert(answer)
        assert (commit.inserted, commit.skipped) == (size, {})
        assert_same_body(getattr(second, CALLS[kind])(job_id=JOB, size=size).to_dict(), body)
        assert second.upsert(answer).unchanged == size


@pytest.mark.parametrize("kind", CALLS)
def test_reply_of_the_rest_door_comes_back(kind: Kind) -> None:
    """20.answers-as-documents: the body of a reply is an answer."""
    index = index_of([result(kind, time) for time in range(3)])
    reply = handle(index, "GET", f"/_ml/anomaly_detectors/{JOB}/results/{LISTS[kind]}")
    second = ResultsIndex()
    assert second.upsert(reply.body).inserted == 3
    # The reply itself has an attribute `body` too.
    given: Any = reply
    assert second.upsert(given).unchanged == 3


def test_responses_of_the_official_client_come_back() -> None:
    """20.answers-as-documents: the response of the official client is read as it is."""
    client_of = pytest.importorskip("elasticsearch").Elasticsearch
    index = index_of(
        [bucket(0, bucket_influencers=[{}], anomaly_score=80), record(0, record_score=75), influencer(0, "a")]
    )
    with serving(index) as address, client_of(address, request_timeout=30, max_retries=0) as client:
        second = ResultsIndex()
        assert second.upsert(client.ml.get_buckets(job_id=JOB, expand=True)).inserted == 2
        assert second.upsert(client.ml.get_records(job_id=JOB)).unchanged == 1
        assert second.upsert(client.ml.get_influencers(job_id=JOB)).inserted == 1
    for kind, call in CALLS.items():
        asked: dict[str, Any] = {"job_id": JOB} | ({"expand": True} if kind == "bucket" else {})
        assert_same_body(getattr(second, call)(**asked).to_dict(), getattr(index, call)(**asked).to_dict())


# ---- refused answers


def refused(claim: str, given: Any, path: str, source: str = "ours", *, kind: Any = None) -> BadDocument:
    """An answer that is refused with this path."""
    return BadDocument(RULE, claim, given, path, source, kind=kind)


NO_ANSWERS = [
    refused("an empty mapping", {}, "documents"),
    refused("another mapping", {"a": 1}, "documents"),
    refused("a document", bucket(T0), "documents"),
    refused("a search hit", {"_id": "x", "_source": bucket(T0)}, "documents"),
    refused("a document with a list of this name", record(T0, buckets=[bucket(T0)]), "documents"),
    refused("a bucket with records", bucket(T0, records=[{}]), "documents"),
    refused("an answer with a job", {"job_id": JOB, "buckets": [bucket(T0)]}, "documents"),
    refused("buckets and records", {"buckets": [bucket(T0)], "records": [record(T0)]}, "documents"),
    refused("records and influencers", {"records": [], "influencers": []}, "documents"),
    refused("all three", {"buckets": [], "records": [], "influencers": []}, "documents"),
    *(
        refused(f"buckets of {type(value).__name__} {value!r}", {"count": 1, "buckets": value}, "documents")
        for value in ("x", 5, None, {}, bucket(T0))
    ),
    refused("hits of a list", {"hits": [{"_source": bucket(T0)}]}, "documents"),
    refused("hits without hits", {"hits": {"total": 0}}, "documents"),
    refused("hits of a mapping", {"hits": {"hits": {"_source": bucket(T0)}}}, "documents"),
    refused("an error of the server", {"error": {"type": "x"}, "status": 404}, "documents"),
    refused("a response with another body", SimpleNamespace(body={"a": 1}), "documents"),
    refused("a response with the body of a document", SimpleNamespace(body=bucket(T0)), "documents"),
    *(
        refused(f"{plural} with the kind {kind}", {plural: []}, "documents", kind=kind)
        for kind in CALLS
        for of, plural in LISTS.items()
        if of != kind
    ),
]
ITEMS = [
    row
    for kind, plural in LISTS.items()
    for row in (
        refused(
            f"a bad score in {plural}",
            {plural: [result(kind, T0), result(kind, T0 + 1, **{SCORES[kind]: "x"})]},
            f"documents.{plural}[1].{SCORES[kind]}",
        ),
        refused(
            f"no timestamp in {plural}", {"count": 1, plural: [{"job_id": JOB}]}, f"documents.{plural}[0].timestamp"
        ),
        refused(f"null in {plural}", {plural: [None]}, f"documents.{plural}[0]"),
        refused(f"text in {plural}", {plural: [result(kind, T0), "x"]}, f"documents.{plural}[1]"),
        *(
            refused(
                f"the type {of!r} in {plural}",
                {plural: [result(kind, T0) | {"result_type": of}]},
                f"documents.{plural}[0].result_type",
                "20.other-result-types: as with `kind`",
            )
            for of in ({*CALLS, "bucket_influencer", "model_plot", ""} - {kind})
        ),
        refused(
            f"a hit in {plural}",
            {plural: [{"_source": result(kind, T0, **{SCORES[kind]: "x"})}]},
            f"documents.{plural}[0]._source.{SCORES[kind]}",
        ),
        refused(
            f"a client's response of {plural}",
            SimpleNamespace(body={plural: [{"job_id": JOB}]}),
            f"documents.{plural}[0].timestamp",
        ),
    )
] + [
    refused(
        "the path of the rule",
        {"buckets": [bucket(T0 + n) for n in range(3)] + [bucket(T0, anomaly_score="x")]},
        "documents.buckets[3].anomaly_score",
    ),
    refused(
        "a bad record in a bucket",
        {"buckets": [bucket(T0, records=[{}, {"record_score": "x"}])]},
        "documents.buckets[0].records[1].record_score",
    ),
    refused(
        "a bad influencer in a bucket",
        {"buckets": [bucket(T0, bucket_influencers=[{"probability": "x"}])]},
        "documents.buckets[0].bucket_influencers[0].probability",
    ),
    refused("a bad cause", {"records": [record(T0, causes=[{"a": math.nan}])]}, "documents.records[0].causes[0].a"),
    refused("a bad hit", hits(bucket(T0), record(T0, record_score="x")), "documents.hits.hits[1]._source.record_score"),
    refused(
        "a bad hit, its path in the rule",
        hits(bucket(T0), record(T0), {}, bucket(T0, anomaly_score="x")),
        "documents.hits.hits[3]._source.anomaly_score",
    ),
    refused("null in the hits", {"hits": {"hits": [None]}}, "documents.hits.hits[0]"),
    refused("a hit without an object", {"hits": {"hits": [{"_source": 5}]}}, "documents.hits.hits[0]._source"),
    refused("a hit of another kind", hits(bucket(T0)), "documents.hits.hits[0]._source.result_type", kind="record"),
    refused(
        "a bad hit of a client's response",
        SimpleNamespace(body=hits(bucket(T0, anomaly_score="x"))),
        "documents.hits.hits[0]._source.anomaly_score",
    ),
]


@each_row(NO_ANSWERS, ITEMS)
def test_bad_answer_is_refused(row: BadDocument) -> None:
    """The path leads through the answer, and nothing is stored."""
    assert_bad_document(row)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
def test_paths_in_large_answers(kind: Kind, size: int) -> None:
    """20.answers-as-documents: the path is the same in answers of every size."""
    given = [result(kind, T0 + time) for time in range(size)]
    last = result(kind, T0, **{SCORES[kind]: "x"})
    for answer, path in (
        ({LISTS[kind]: [*given, last]}, f"documents.{LISTS[kind]}[{size}].{SCORES[kind]}"),
        (hits(*given, last), f"documents.hits.hits[{size}]._source.{SCORES[kind]}"),
    ):
        assert_bad_document(refused("large", answer, path))


CHANGED = [
    BadDocument(
        "20.a-bad-document", claim, given, "documents|documents[0]" if isinstance(given, bytes) else "documents", "ours"
    )
    for claim, given in (
        ("a mapping that is no answer", {"a": [bucket(T0)]}),
        ("a mapping by position", {0: bucket(T0)}),
        ("an influencer instead of an iterable", influencer(T0, "a")),
        ("bytes instead of an iterable", b"[]"),
        ("a number instead of an iterable", 5),
        ("None instead of an iterable", None),
    )
]


@each_row(CHANGED)
def test_other_values_in_place_of_documents_are_refused(row: BadDocument) -> None:
    """A mapping that is no answer, text and values that are no iterables are refused as `documents`."""
    assert_bad_document(row)
