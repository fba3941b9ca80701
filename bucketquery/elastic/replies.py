"""Replies: what goes back to whoever asked, and errors in the shape and the words of the API."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bucketquery.errors import BucketQueryError
from bucketquery.model.encoding import encoded
from bucketquery.model.frozen import FrozenMapping

METHODS: Final = ("GET", "POST")

_HEADERS: Final = FrozenMapping({"content-type": "application/json", "x-elastic-product": "Elasticsearch"})
_ALLOW: Final = FrozenMapping({**_HEADERS, "Allow": ",".join(METHODS)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to a request.

    Attributes:
        status: the HTTP status: 200, 400, 404 or 405.
        headers: the content type, and the product header that the official clients look for; ``Allow`` where a method
            was refused or options were asked for.
        body: the answer, or the error, as parsed JSON; fresh, the caller's to change.

    Source: the server's ``RestController`` and ``ElasticsearchException``.

    >>> from bucketquery import ResultsIndex
    >>> from bucketquery.elastic import handle
    >>> reply = handle(ResultsIndex(), "GET", "/_ml/anomaly_detectors/web/results/buckets")
    >>> reply.status, reply.body["error"]["type"], reply.body["error"]["reason"]
    (404, 'resource_not_found_exception', "No known job with id 'web'")
    """

    status: int
    headers: Mapping[str, str] = _HEADERS
    body: dict[str, Any]
    _pretty: bool = field(default=False, repr=False)

    def encode(self) -> bytes:
        """The body as JSON in UTF-8, indented where the request said ``pretty``; nothing where the body is empty.

        Complexity: O(body).

        >>> Reply(status=200, body={"count": 0, "buckets": []}).encode()
        b'{"count":0,"buckets":[]}'
        """
        if not self.body:
            return b""
        if not self._pretty:
            return encoded(self.body)
        text = json.dumps(self.body, ensure_ascii=False, indent=2, separators=(",", " : "))
        # UTF-8 has no half of a surrogate pair; with a backslash it is written just as JSON escapes it.
        return (text + "\n").encode(errors="backslashreplace")


def refusal(error: BucketQueryError) -> Reply:
    """The error as the API tells it, with the error that caused it, if there is one.

    >>> from bucketquery import UnknownJob
    >>> refusal(UnknownJob("No known job with id 'web'")).encode().decode()[:59]
    '{"error":{"root_cause":[{"type":"resource_not_found_excepti'
    """
    cause = error.__cause__
    caused_by = {"caused_by": _told(cause)} if isinstance(cause, BucketQueryError) else {}
    told = {"root_cause": [_told(error)], **_told(error), **caused_by}
    return Reply(status=error.status, body={"error": told, "status": error.status})


def all_shards_failed(error: BucketQueryError) -> Reply:
    """The error as the API tells what only the search itself finds out: wrapped into the failure of a shard.

    >>> from bucketquery import InvalidQuery
    >>> all_shards_failed(InvalidQuery("No mapping found for [x] in order to sort on")).body["error"]["reason"]
    'all shards failed'
    """
    told = {
        "root_cause": [_told(error)],
        "type": "search_phase_execution_exception",
        "reason": "all shards failed",
        "phase": "query",
        "grouped": True,
        "failed_shards": [{"shard": 0, "index": ".ml-anomalies-shared", "reason": _told(error)}],
    }
    return Reply(status=error.status, body={"error": told, "status": error.status})


def unknown_path(method: str, uri: str) -> Reply:
    """Nothing is at this path, whatever the method."""
    return Reply(status=400, body={"error": f"no handler found for uri [{uri}] and method [{method}]"})


def wrong_method(method: str, uri: str) -> Reply:
    """Something is at this path, but not for this method."""
    allowed = f"allowed: [{', '.join(METHODS)}]"
    reason = f"Incorrect HTTP method for uri [{uri}] and method [{method}], {allowed}"
    return Reply(status=405, headers=_ALLOW, body={"error": reason, "status": 405})


def options() -> Reply:
    """Which methods a path takes."""
    return Reply(status=200, headers=_ALLOW, body={})


def _told(error: BucketQueryError) -> dict[str, Any]:
    return {"type": error.type, "reason": error.reason}
