"""The documents in the input of `ResultsIndex.upsert`: in search hits, in answers, and in buckets.

Not here: which of them are results of a kind and the last of their identity (`reference`), and checking documents.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bucketquery.testing.values import listed, plain

Document = Mapping[str, Any]

_KINDS: Final = {"buckets": "bucket", "records": "record", "influencers": "influencer"}
#: The values that a record in a bucket takes from the bucket if it does not have them.
_OF_THE_BUCKET: Final = ("job_id", "timestamp", "bucket_span", "is_interim")


def documents_in(given: Iterable[Document] | Any) -> list[Document]:
    """The documents without search hits around them, each bucket followed by the records in it.

    Args:
        given: an iterable of documents, or an answer: a body with ``buckets``, ``records`` or ``influencers``, a
            response of a search, or an object whose attribute ``body`` is one of these.

    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 60, "records": [{}]}
    >>> [found["result_type"] for found in documents_in([{"_source": bucket}])]
    ['bucket', 'record']
    >>> documents_in({"count": 1, "buckets": [bucket]})[1]["timestamp"]
    0
    """
    found: list[Document] = []
    for document in _sources(given):
        found.append(document)
        if plain(document.get("result_type")) == "bucket":
            found += [_in_a_bucket(record, document) for record in listed(document.get("records"))]
    return found


def _sources(given: Any) -> list[Document]:
    body = given if isinstance(given, Mapping) else getattr(given, "body", None)
    if not isinstance(body, Mapping):
        return [_source(document) for document in given]
    for name, kind in _KINDS.items():
        if name in body:
            return [{**_source(item), "result_type": kind} for item in body[name]]
    return [_source(hit) for hit in body["hits"]["hits"]]


def _source(document: Document) -> Document:
    source: Document = document.get("_source", document)
    return source


def _in_a_bucket(record: Document, bucket: Document) -> Document:
    inherited = {name: bucket.get(name) for name in _OF_THE_BUCKET if plain(record.get(name)) is None}
    return {**record, **inherited, "result_type": "record"}
