"""Envelopes: an answer and a search response hold documents; nothing else does."""

from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from bucketquery import InvalidDocument, ResultsIndex
from bucketquery.ingest.envelopes import Envelope, body_of, unwrap

DOCUMENTS: list[dict[str, Any]] = [{"timestamp": 0}]
ANSWER = {"count": 1, "buckets": DOCUMENTS}
HITS = {"took": 3, "hits": {"total": {"value": 1}, "hits": DOCUMENTS}}


class Response:
    """A response like those of the official client: a sequence of keys with a body, and no mapping."""

    def __init__(self, body: object) -> None:
        self.body = body

    def __iter__(self) -> Any:
        return iter(ANSWER)


class Unreadable:
    """An object with a body that raises an error."""

    @property
    def body(self) -> object:
        """No object has this error."""
        raise ValueError


@pytest.mark.parametrize(
    ("value", "path", "kind"),
    [
        (ANSWER, "buckets", "bucket"),
        ({"buckets": tuple(DOCUMENTS)}, "buckets", "bucket"),
        ({"count": 0, "records": []}, "records", "record"),
        ({"count": 9, "influencers": DOCUMENTS}, "influencers", "influencer"),
        (MappingProxyType(ANSWER), "buckets", "bucket"),
        (HITS, "hits.hits", None),
        ({"buckets": DOCUMENTS, "hits": {"hits": None}}, "buckets", "bucket"),
    ],
)
def test_an_envelope_holds_its_documents(value: Any, path: str, kind: str | None) -> None:
    """Its list is found by its path, as it is; the key of an answer tells the kind."""
    found = unwrap(value)
    outer, _, inner = path.partition(".")
    assert found == Envelope(value[outer][inner] if inner else value[outer], path, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "buckets",
        DOCUMENTS,
        iter(DOCUMENTS),
        {},
        {"count": 3},
        {"buckets": "text"},
        {"buckets": {"0": {}}},
        {"buckets": DOCUMENTS, "records": DOCUMENTS},
        {"buckets": DOCUMENTS, **HITS},
        {"hits": DOCUMENTS},
        {"hits": {"hits": {}}},
        {"job_id": "web", "timestamp": 0, "records": DOCUMENTS},
        Response(ANSWER),
        SimpleNamespace(buckets=DOCUMENTS),
    ],
)
def test_nothing_else_is_an_envelope(value: Any) -> None:
    """A document with records has a job; a mapping with two lists could mean either."""
    assert unwrap(value) is None


def test_an_object_that_cannot_be_read_is_no_envelope() -> None:
    """Its attribute raises an error, so `upsert` refuses it like any other object."""
    with pytest.raises(InvalidDocument) as caught:
        ResultsIndex().upsert(Unreadable())  # type: ignore[arg-type]
    assert caught.value.field == "documents"


@pytest.mark.parametrize("body", [ANSWER, HITS, {}, MappingProxyType({"count": 3})])
def test_a_response_stands_for_the_mapping_in_it(body: Mapping[str, Any]) -> None:
    """So a response is refused where its mapping would be."""
    assert body_of(Response(body)) is body
    assert body_of(body) is body


@pytest.mark.parametrize(
    "value", [Response(DOCUMENTS), Response("text"), Response(None), DOCUMENTS, 5, {"body": ANSWER}]
)
def test_any_other_value_stands_for_itself(value: object) -> None:
    """A response with a list has the items of the list."""
    assert body_of(value) is value
