"""Replies to requests, and errors in the format and the words of the API."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bucketquery.answers.page import require_documents
from bucketquery.answers.run import AnyPage
from bucketquery.errors import BucketQueryError
from bucketquery.model.encoding import json_bytes
from bucketquery.model.frozen import FrozenMapping, filler
from bucketquery.model.once import MadeOnce, is_made, once

METHODS: Final = ("GET", "POST")

_HEADERS: Final = FrozenMapping({"content-type": "application/json", "x-elastic-product": "Elasticsearch"})


class _Body(MadeOnce):
    """The body of a reply: given, or made from a page when it is first read."""

    __slots__ = ("_body", "_human", "_page")

    _page: AnyPage
    _human: bool

    @once
    def body(self) -> dict[str, Any]:
        """The page as parsed JSON."""
        return self._page.to_dict(human=self._human)


@dataclass(frozen=True, init=False, repr=False, kw_only=True)
class Reply(_Body):
    """An answer to a request.

    The body of a page is made when it is first read. The reply keeps the columns of its page in memory.

    Attributes:
        status: the HTTP status: 200, 400, 403, 404 or 405.
        headers: the content type, and the product header that the official clients check; ``Allow`` in the reply to
            ``OPTIONS`` or to a refused method.
        body: the answer, or the error, as parsed JSON; a new object, which the caller may change.

    Source: the server's ``RestController`` and ``ElasticsearchException``.

    >>> from bucketquery import ResultsIndex
    >>> from bucketquery.elastic import handle
    >>> reply = handle(ResultsIndex(), "GET", "/_ml/anomaly_detectors/web/results/buckets")
    >>> reply.status, reply.body["error"]["type"], reply.body["error"]["reason"]
    (404, 'resource_not_found_exception', "No known job with id 'web'")
    """

    # A dataclass with slots would add a second slot for the body, so the slots are written here.
    __slots__ = ("_pretty", "headers", "status")

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    _pretty: bool

    def __init__(
        self, *, status: int, headers: Mapping[str, str] = _HEADERS, body: dict[str, Any], _pretty: bool = False
    ) -> None:
        _fill(self, status, headers, body, _pretty)

    def encode(self) -> bytes:
        """The body as JSON in UTF-8, indented if the request has ``pretty``; no bytes if the body is empty.

        Complexity: O(body).

        >>> Reply(status=200, body={"count": 0, "buckets": []}).encode()
        b'{"count":0,"buckets":[]}'
        """
        if not self._pretty and not is_made(self, "body"):
            # The caller has not read the body, so it is unchanged, and the page can write the same bytes without it.
            return self._page.to_json(human=self._human)
        if not self.body:
            return b""
        if not self._pretty:
            return json_bytes(self.body)
        text = json.dumps(self.body, ensure_ascii=False, indent=2, separators=(",", " : "))
        # UTF-8 cannot encode half of a surrogate pair. The backslash escape is the same as JSON's.
        return (text + "\n").encode(errors="backslashreplace")

    def __repr__(self) -> str:
        return f"Reply(status={self.status!r}, headers={self.headers!r}, body={self.body!r})"

    def __getstate__(self) -> tuple[int, Mapping[str, str], dict[str, Any], bool]:
        # Pickle the body without the page, which holds more columns than the body shows.
        return self.status, self.headers, self.body, self._pretty

    def __setstate__(self, state: tuple[int, Mapping[str, str], dict[str, Any], bool]) -> None:
        _fill(self, *state)


_new: Final = object.__new__
_fill: Final = filler(Reply, "status", "headers", "body", "_pretty")
_fill_from_page: Final = filler(Reply, "status", "headers", "_page", "_human", "_pretty")


def answer(page: AnyPage, *, human: bool) -> Reply:
    """The reply that shows a page; its body is made when it is first read.

    Raises:
        InvalidQuery: the index keeps no documents, and the page is not empty.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.put_job("web")
    >>> answer(index.get_buckets(job_id="web"), human=False).encode()
    b'{"count":0,"buckets":[]}'
    """
    require_documents(page)
    reply = _new(Reply)
    _fill_from_page(reply, 200, _HEADERS, page, human, False)  # noqa: FBT003 - a filler has no keywords
    return reply


def refusal(error: BucketQueryError) -> Reply:
    """The error in the API's format, with the error that caused it, if there is one.

    >>> from bucketquery import UnknownJob
    >>> refusal(UnknownJob("No known job with id 'web'")).encode().decode()[:59]
    '{"error":{"root_cause":[{"type":"resource_not_found_excepti'
    """
    described = {"root_cause": [_cause(error)], **_cause(error), **_caused_by(error)}
    return Reply(status=error.status, body={"error": described, "status": error.status})


def all_shards_failed(error: BucketQueryError) -> Reply:
    """An error that the server's shards would find while they search, in the API's format for a failure of all shards.

    >>> from bucketquery import InvalidQuery
    >>> all_shards_failed(InvalidQuery("No mapping found for [x] in order to sort on")).body["error"]["reason"]
    'all shards failed'
    """
    described = {
        "root_cause": [_cause(error)],
        "type": "search_phase_execution_exception",
        "reason": "all shards failed",
        "phase": "query",
        "grouped": True,
        "failed_shards": [{"shard": 0, "index": ".ml-anomalies-shared", "reason": _cause(error)}],
    }
    return Reply(status=error.status, body={"error": described, "status": error.status})


def unknown_path(method: str, uri: str) -> Reply:
    """The error for a path that no endpoint has."""
    return Reply(status=400, body={"error": f"no handler found for uri [{uri}] and method [{method}]"})


def wrong_method(method: str, uri: str, allowed: Sequence[str] = METHODS) -> Reply:
    """The error for a method that the endpoint of the path does not accept."""
    reason = f"Incorrect HTTP method for uri [{uri}] and method [{method}], allowed: [{', '.join(allowed)}]"
    return Reply(status=405, headers=_allow(allowed), body={"error": reason, "status": 405})


def options(allowed: Sequence[str] = METHODS) -> Reply:
    """The reply to ``OPTIONS``: the methods that a path accepts."""
    return Reply(status=200, headers=_allow(allowed), body={})


def without_body(reply: Reply) -> Reply:
    """The reply to ``HEAD``: status and headers only.

    >>> without_body(unknown_path("HEAD", "/x")).encode()
    b''
    """
    return Reply(status=reply.status, headers=reply.headers, body={})


def plain_error(status: int, reason: str) -> Reply:
    """An error without a type, as the server has them where no endpoint has read the request.

    >>> plain_error(413, "too long").body
    {'error': 'too long', 'status': 413}
    """
    return Reply(status=status, body={"error": reason, "status": status})


def _allow(methods: Sequence[str]) -> Mapping[str, str]:
    return FrozenMapping({**_HEADERS, "Allow": ",".join(methods)})


def _cause(error: BucketQueryError) -> dict[str, Any]:
    return {"type": error.type, "reason": error.reason}


def _caused_by(error: BucketQueryError) -> dict[str, Any]:
    cause = error.__cause__
    return {"caused_by": {**_cause(cause), **_caused_by(cause)}} if isinstance(cause, BucketQueryError) else {}
