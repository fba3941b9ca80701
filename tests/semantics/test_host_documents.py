"""Our decision on hosts that store the documents themselves: `to_dict(documents=...)`."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import pytest

from bucketquery import BucketQueryError, Kind
from support.document_samples import THREE_BUCKETS, THREE_INFLUENCERS, THREE_OF_EACH, THREE_RECORDS, page_of_three
from support.document_tables import invalid_document
from support.semantics_tables import CALLS, JOB, assert_refusal, assert_same_body, each_row, identity, index_of, record

HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class HostDocuments:
    """The documents that a host passes to `to_dict` for the page ``a b c`` of a kind, and the results in the body.

    Attributes:
        rule: the number of the rule.
        claim: the claim that the row checks.
        kind: the kind of results on the page.
        documents: the documents that the host passes.
        expected: the documents that give the same body in an index that keeps documents.
        source: where the rule comes from.
        human: whether the body is asked for with `human=true`.
    """

    rule: str
    claim: str
    kind: Kind
    documents: list[Any]
    expected: list[Any]
    source: str
    _: KW_ONLY
    human: bool = False


GIVEN_BY_HOST = [
    HostDocuments(
        "20.keep-documents", f"{kind}: the documents themselves", kind, [*given.values()], [*given.values()], "ours"
    )
    for kind, given in THREE_OF_EACH.items()
] + [
    HostDocuments(
        "20.keep-documents",
        "documents with human",
        "record",
        [*THREE_RECORDS.values()],
        [*THREE_RECORDS.values()],
        "ours",
        human=True,
    ),
    HostDocuments(
        "20.keep-documents",
        "documents as search hits",
        "record",
        [{"_id": name, "_source": given} for name, given in THREE_RECORDS.items()],
        [*THREE_RECORDS.values()],
        "ours: unwrapped",
    ),
    HostDocuments(
        "20.keep-documents",
        "the columns of the index win",
        "record",
        [
            THREE_RECORDS["a"] | {"record_score": 6.0, "event": {"ingested": 9}},
            THREE_RECORDS["b"]
            | {"record_score": 1.0, "probability": 0.5, "is_interim": False, "function": "max", "event": None},
            THREE_RECORDS["c"],
        ],
        [*THREE_RECORDS.values()],
        "ours",
    ),
    HostDocuments(
        "20.keep-documents",
        "the documents of the host give the dropped fields",
        "record",
        [
            THREE_RECORDS["a"],
            THREE_RECORDS["b"] | {"causes": [{"other": 1}], "actual": [3], "extra": None},
            THREE_RECORDS["c"] | {"new": 1},
        ],
        [
            THREE_RECORDS["a"],
            THREE_RECORDS["b"] | {"causes": [{"other": 1}], "actual": [3], "extra": None},
            THREE_RECORDS["c"] | {"new": 1},
        ],
        "ours",
    ),
    HostDocuments(
        "20.keep-documents",
        "the columns of a bucket win, its influencers come from the host",
        "bucket",
        [
            THREE_BUCKETS["a"],
            THREE_BUCKETS["b"]
            | {
                "anomaly_score": 1.0,
                "scheduled_events": ["other"],
                "event_count": 9,
                "event": {"ingested": 9},
                "bucket_influencers": [{"influencer_field_name": "user"}],
            },
            THREE_BUCKETS["c"],
        ],
        [
            THREE_BUCKETS["a"],
            THREE_BUCKETS["b"] | {"bucket_influencers": [{"influencer_field_name": "user"}]},
            THREE_BUCKETS["c"],
        ],
        "ours",
    ),
    HostDocuments(
        "20.keep-documents",
        "the same instant, written differently",
        "influencer",
        [
            THREE_INFLUENCERS["a"] | {"timestamp": "1970-01-01"},
            THREE_INFLUENCERS["b"] | {"bucket_span": 3_600.0},
            THREE_INFLUENCERS["c"],
        ],
        [*THREE_INFLUENCERS.values()],
        "20.identity",
    ),
]


@pytest.mark.parametrize("keep", [False, True], ids=["not kept", "kept"])
@each_row(GIVEN_BY_HOST)
def test_documents_of_the_host_give_the_body(row: HostDocuments, keep: bool) -> None:
    """Documents in the order of the keys give the same body as an index that keeps them."""
    page = page_of_three(row.kind, keep=keep)
    assert page.keys() == tuple(identity(given) for given in THREE_OF_EACH[row.kind].values())
    expected = getattr(index_of(row.expected), CALLS[row.kind])(job_id=JOB, sort="timestamp", desc=False)
    assert_same_body(page.to_dict(human=row.human, documents=iter(row.documents)), expected.to_dict(human=row.human))


def test_documents_follow_the_order_of_the_keys() -> None:
    """Section 20, keep_documents: a page in another order takes the documents in its order."""
    page = page_of_three("record", desc=True)
    body = page.to_dict(documents=[THREE_RECORDS[name] for name in "cba"])
    assert [shown["timestamp"] for shown in body["records"]] == [2 * HOUR, HOUR, 0]
    assert body["records"][1]["extra"] == {"deep": [1]}


@dataclass(frozen=True, slots=True)
class OtherDocuments:
    """Documents that do not belong to the page ``a b c``, and the path that the error names."""

    rule: str
    claim: str
    kind: Kind
    documents: Any
    field: str
    source: str


OTHER_DOCUMENTS = [
    OtherDocuments("20.keep-documents", claim, "record", documents, field, source)
    for claim, documents, field, source in (
        ("no documents", [], "documents", "ours: too few"),
        ("one document too few", [THREE_RECORDS["a"], THREE_RECORDS["b"]], "documents", "ours: too few"),
        ("one document too many", [*THREE_RECORDS.values(), THREE_RECORDS["a"]], "documents", "ours: too many"),
        (
            "another record",
            [THREE_RECORDS["a"], THREE_RECORDS["b"], record(3 * HOUR)],
            "documents[2]",
            "ours: another identity",
        ),
        (
            "another order",
            [THREE_RECORDS["b"], THREE_RECORDS["a"], THREE_RECORDS["c"]],
            "documents[0]",
            "ours: the order of the keys",
        ),
        (
            "another detector",
            [THREE_RECORDS["a"], THREE_RECORDS["b"] | {"detector_index": 3}, THREE_RECORDS["c"]],
            "documents[1]",
            "ours: another identity",
        ),
        (
            "empty text for an absent value",
            [THREE_RECORDS["a"], THREE_RECORDS["b"], THREE_RECORDS["c"] | {"by_field_value": ""}],
            "documents[2]",
            "20.identity",
        ),
        (
            "another job",
            [THREE_RECORDS["a"], THREE_RECORDS["b"], THREE_RECORDS["c"] | {"job_id": "db"}],
            "documents[2]|documents[2].job_id",
            "ours: another identity",
        ),
        (
            "a bad score",
            [THREE_RECORDS["a"], THREE_RECORDS["b"] | {"record_score": "x"}, THREE_RECORDS["c"]],
            "documents[1].record_score",
            "ours: checked like a stored document",
        ),
        (
            "a bad cause in a search hit",
            [{"_source": THREE_RECORDS["a"] | {"causes": [{"a": {5}}]}}, THREE_RECORDS["b"], THREE_RECORDS["c"]],
            "documents[0]._source.causes[0].a",
            "ours: checked like a stored document",
        ),
        (
            "another kind",
            [THREE_RECORDS["a"], THREE_RECORDS["b"], THREE_RECORDS["c"] | {"result_type": "bucket"}],
            "documents[2].result_type|documents[2]",
            "20.commits",
        ),
        ("an int", [THREE_RECORDS["a"], 5, THREE_RECORDS["c"]], "documents[1]", "ours: checked like a stored document"),
    )
] + [
    OtherDocuments(
        "20.keep-documents",
        "another bucket",
        "bucket",
        [THREE_BUCKETS["a"], THREE_BUCKETS["b"] | {"bucket_span": 60, "bucket_influencers": []}, THREE_BUCKETS["c"]],
        "documents[1]",
        "ours: another identity",
    ),
    OtherDocuments(
        "20.keep-documents",
        "another influencer",
        "influencer",
        [THREE_INFLUENCERS["a"], THREE_INFLUENCERS["b"] | {"influencer_field_value": "x"}, THREE_INFLUENCERS["c"]],
        "documents[1]",
        "ours: another identity",
    ),
]


@pytest.mark.parametrize("keep", [False, True], ids=["not kept", "kept"])
@each_row(OTHER_DOCUMENTS)
def test_other_documents_are_refused(row: OtherDocuments, keep: bool) -> None:
    """Too few or too many documents raise an `InvalidDocument` of `documents`; a wrong one is named by its position."""
    with pytest.raises(BucketQueryError) as caught:
        page_of_three(row.kind, keep=keep).to_dict(documents=row.documents)
    assert_refusal(caught.value, invalid_document(row.field))
