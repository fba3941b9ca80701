"""Replies to requests, and errors in the format and the words of the API."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bucketquery.answers.overall import OverallBuckets
from bucketquery.answers.page import require_documents
from bucketquery.answers.run import AnyPage
from bucketquery.elastic.calls import echoed
from bucketquery.elastic.filter_path import Filter
from bucketquery.elastic.response_parameters import NO_PARAMETERS, ResponseParameters
from bucketquery.errors import BucketQueryError
from bucketquery.model.encoding import json_bytes
from bucketquery.model.frozen import FrozenMapping, filler
from bucketquery.model.once import MadeOnce, is_made, once
from bucketquery.model.text import brief

METHODS: Final = ("GET", "POST")
#: The methods that the server knows, whether or not a path has them.
_SERVER_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
#: The types of the errors of the server's parsers: of bodies, and of dates.
_PARSERS: Final = frozenset({"x_content_parse_exception", "parse_exception"})
#: The first status that means an error.
_FIRST_ERROR: Final = 400

_HEADERS: Final = FrozenMapping({"content-type": "application/json", "x-elastic-product": "Elasticsearch"})


class _Body(MadeOnce):
    """The body of a reply: given, or made from an answer when it is first read."""

    __slots__ = ("_body", "_filter", "_human", "_page")

    _page: AnyPage | OverallBuckets
    _human: bool
    _filter: Filter | None

    @once
    def body(self) -> dict[str, Any]:
        """The answer as parsed JSON."""
        body: dict[str, Any] = self._page.to_dict(human=self._human)
        return body if self._filter is None else self._filter.shown(body)


@dataclass(frozen=True, init=False, repr=False, kw_only=True)
class Reply(_Body):
    """An answer to a request.

    The body of a page is made when it is first read. The reply keeps the columns of its page in memory.

    Attributes:
        status: the HTTP status: 200, 400, 403, 404, 405, 406 or 413.
        headers: the content type, and the product header that the official clients check; ``Allow`` in the reply to
            ``OPTIONS`` or to a refused method.
        body: the answer, or the error, as parsed JSON; a new object, which the caller may change. If the request has a
            ``filter_path``, an answer has only the parts that it shows.

    Source: the server's ``RestController`` and ``ElasticsearchException``.

    >>> from bucketquery import ResultsIndex
    >>> from bucketquery.elastic import handle
    >>> reply = handle(ResultsIndex(), "GET", "/_ml/anomaly_detectors/web/results/buckets")
    >>> reply.status, reply.body["error"]["type"], reply.body["error"]["reason"]
    (404, 'resource_not_found_exception', "No known job with id 'web'")
    """

    # A dataclass with slots would add a second slot for the body, so the slots are written here.
    __slots__ = ("_filtered", "_pretty", "headers", "status")

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    _pretty: bool
    _filtered: bool

    def __init__(
        self,
        *,
        status: int,
        headers: Mapping[str, str] = _HEADERS,
        body: dict[str, Any],
        _pretty: bool = False,
        _filtered: bool = False,
    ) -> None:
        _fill(self, status, headers, body, _pretty, _filtered)

    def encode(self) -> bytes:
        """The body as JSON in UTF-8, indented if the request has ``pretty``.

        No bytes if the body is empty, unless ``filter_path`` has emptied it.

        Complexity: O(body).

        >>> Reply(status=200, body={"count": 0, "buckets": []}).encode()
        b'{"count":0,"buckets":[]}'
        """
        if not self._pretty and not self._filtered and not is_made(self, "body"):
            # The caller has not read the body, so it is unchanged, and the page can write the same bytes without it.
            return self._page.to_json(human=self._human)
        if not self.body and not self._filtered:
            return b""
        if not self._pretty:
            return json_bytes(self.body)
        text = json.dumps(self.body, ensure_ascii=False, indent=2, separators=(",", " : "))
        # UTF-8 cannot encode half of a surrogate pair. The backslash escape is the same as JSON's.
        return (text + "\n").encode(errors="backslashreplace")

    def __repr__(self) -> str:
        return f"Reply(status={self.status!r}, headers={self.headers!r}, body={self.body!r})"

    def __getstate__(self) -> tuple[int, Mapping[str, str], dict[str, Any], bool, bool]:
        # Pickle the body without the page, which holds more columns than the body shows.
        return self.status, self.headers, self.body, self._pretty, self._filtered

    def __setstate__(self, state: tuple[int, Mapping[str, str], dict[str, Any], bool, bool]) -> None:
        _fill(self, *state)


_new: Final = object.__new__
_fill: Final = filler(Reply, "status", "headers", "body", "_pretty", "_filtered")
_fill_from_page: Final = filler(Reply, "status", "headers", "_page", "_human", "_filter", "_pretty", "_filtered")


def shaped(reply: Reply, response: ResponseParameters) -> Reply:
    """The reply, shown as the request asks. An error keeps all of its parts, as on the server.

    The ``human`` of a request plays no part here; the page has it.

    >>> from bucketquery.elastic.filter_path import read_filter
    >>> count = ResponseParameters(filter_path=read_filter("count"))
    >>> shaped(Reply(status=200, body={"count": 1, "jobs": []}), count).body
    {'count': 1}
    """
    # Most requests share this value, so their replies need no copy.
    if response is NO_PARAMETERS:
        return reply
    parts = response.filter_path if reply.status < _FIRST_ERROR else None
    if is_made(reply, "body"):
        body = reply.body if parts is None or not reply.body else parts.shown(reply.body)
        filtered = parts is not None and bool(reply.body)
        return replace(reply, body=body, _pretty=response.pretty or reply._pretty, _filtered=filtered)
    shown = _new(Reply)
    _fill_from_page(
        shown, reply.status, reply.headers, reply._page, reply._human, parts, response.pretty, parts is not None
    )
    return shown


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
    return late_reply(page, human=human)


def late_reply(page: AnyPage | OverallBuckets, *, human: bool) -> Reply:
    """The reply that shows an answer; its body is made when it is first read.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.put_job("web")
    >>> late_reply(index.get_overall_buckets(job_id="web"), human=False).encode()
    b'{"count":0,"overall_buckets":[]}'
    """
    reply = _new(Reply)
    _fill_from_page(reply, 200, _HEADERS, page, human, None, False, False)  # noqa: FBT003 - a filler has no keywords
    return reply


def refusal(error: BucketQueryError) -> Reply:
    """The error in the API's format, with the errors that caused it, if there are any.

    >>> from bucketquery import UnknownJob
    >>> refusal(UnknownJob("No known job with id 'web'")).encode().decode()[:59]
    '{"error":{"root_cause":[{"type":"resource_not_found_excepti'
    """
    described = {"root_cause": [_problem(_root(error))], **_problem(error), **_caused_by(error)}
    return Reply(status=error.status, body={"error": described, "status": error.status})


def all_shards_failed(error: BucketQueryError) -> Reply:
    """An error that the server's shards would find while they search, in the API's format for a failure of all shards.

    Source: the server's ``SearchPhaseExecutionException`` and ``ElasticsearchException``. An error that is not an
    ``ElasticsearchException`` is shown as the cause of the failure, and as its own cause.

    >>> from bucketquery import InvalidQuery
    >>> all_shards_failed(InvalidQuery("No mapping found for [x] in order to sort on")).body["error"]["reason"]
    'all shards failed'
    """
    described = {
        "root_cause": [_problem(error)],
        "type": "search_phase_execution_exception",
        "reason": "all shards failed",
        "phase": "query",
        "grouped": True,
        "failed_shards": [{"shard": 0, "index": ".ml-anomalies-shared", "reason": _problem(error)}],
    }
    if error.type == "illegal_argument_exception":
        described["caused_by"] = {**_problem(error), "caused_by": _problem(error)}
    return Reply(status=error.status, body={"error": described, "status": error.status})


def unknown_path(method: str, uri: str) -> Reply:
    """The reply to a request whose path no endpoint has."""
    if method == "OPTIONS":
        return Reply(status=200, body={})
    if method not in _SERVER_METHODS:
        return Reply(status=405, body={"error": _unexpected(method), "status": 405})
    return Reply(status=400, body={"error": f"no handler found for uri [{echoed(uri)}] and method [{method}]"})


def wrong_method(method: str, uri: str, allowed: Sequence[str] = METHODS) -> Reply:
    """The error for a method that the endpoint of the path does not accept."""
    known = f"Incorrect HTTP method for uri [{echoed(uri)}] and method [{method}]"
    reason = f"{known if method in _SERVER_METHODS else _unexpected(method)}, allowed: [{', '.join(allowed)}]"
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
    """An error without a type. The server replies so if no endpoint has read the request.

    >>> plain_error(413, "too long").body
    {'error': 'too long', 'status': 413}
    """
    return Reply(status=status, body={"error": reason, "status": status})


def _allow(methods: Sequence[str]) -> Mapping[str, str]:
    return FrozenMapping({**_HEADERS, "Allow": ",".join(methods)})


def _unexpected(method: str) -> str:
    return f"Unexpected http method: {brief(method)}"


def _problem(error: BucketQueryError) -> dict[str, Any]:
    return {"type": error.type, "reason": error.reason}


def _caused_by(error: BucketQueryError) -> dict[str, Any]:
    """The cause of an error and its own cause, unless it is an error of another package, which stays private."""
    cause = error.__cause__
    return {"caused_by": _problem(cause) | _caused_by(cause)} if isinstance(cause, BucketQueryError) else {}


def _root(error: BucketQueryError) -> BucketQueryError:
    """The innermost error of a parser; any other error is its own root. The server finds the root in this way."""
    cause = error.__cause__
    if isinstance(cause, BucketQueryError) and error.type == cause.type and error.type in _PARSERS:
        return _root(cause)
    return error
