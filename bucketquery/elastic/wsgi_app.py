"""The REST door as a WSGI app, for any server of the standard PEP 3333."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from bucketquery.elastic.bodies import MOST_BYTES
from bucketquery.elastic.handler import handle
from bucketquery.elastic.http_requests import headers_of, path_below, read_most_bytes, too_long
from bucketquery.elastic.replies import Reply, plain_error
from bucketquery.elastic.settings import DEFAULT_VERSION, read_settings, require_index
from bucketquery.index import ResultsIndex
from bucketquery.snapshot import Snapshot

_PHRASES: Final = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    411: "Length Required",
    413: "Content Too Large",
}

_MOST_DIGITS: Final = 100

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def wsgi(
    index: ResultsIndex | Snapshot,
    *,
    max_result_window: int = 10_000,
    version: str = DEFAULT_VERSION,
    allow_writes: bool = False,
    max_body_bytes: int = MOST_BYTES,
) -> WsgiApp:
    """A WSGI app that answers from an index.

    It may be mounted below a prefix. A job whose name has a slash is found if the server passes on the path as it was
    sent, in ``RAW_URI`` or ``REQUEST_URI``. The app never compresses a reply.

    Args:
        index: an index, whose newest commit is searched, or a snapshot.
        max_result_window: as for `handle`.
        version: as for `handle`.
        allow_writes: as for `handle`.
        max_body_bytes: the largest body that is read (default and maximum: 1 MiB); the reply to a longer one is a 413.

    Raises:
        TypeError: ``index`` is neither an index nor a snapshot.
        InvalidQuery: another argument is invalid.

    Complexity: a call costs as much as `handle`, and O(reply) to encode the reply.

    >>> from bucketquery import ResultsIndex
    >>> from io import BytesIO
    >>> app = wsgi(ResultsIndex())
    >>> request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/_ml/anomaly_detectors", "wsgi.input": BytesIO()}
    >>> app(request, lambda status, headers: print(status))
    200 OK
    [b'{"count":0,"jobs":[]}']
    """
    require_index(index)
    settings = read_settings(max_result_window, version, allow_writes)
    most = read_most_bytes(max_body_bytes)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        method = environ["REQUEST_METHOD"]
        body = _read_body(environ, most)
        if isinstance(body, bytes):
            path = path_below(
                environ.get("SCRIPT_NAME", "").encode("latin-1"),
                environ.get("PATH_INFO", "").encode("latin-1"),
                environ.get("RAW_URI") or environ.get("REQUEST_URI"),
            )
            reply = handle(index, method, path, environ.get("QUERY_STRING", ""), body, **settings._asdict())
        else:
            reply = body
        is_head = method == "HEAD"
        encoded = b"" if is_head else reply.encode()
        headers = headers_of(reply, encoded, is_head=is_head)
        start_response(f"{reply.status} {_PHRASES[reply.status]}", headers)
        return [encoded]

    return app


def _read_body(environ: dict[str, Any], most: int) -> bytes | Reply:
    """The body, or the reply that refuses it. A body without a length is read if the server ends it."""
    given = environ.get("CONTENT_LENGTH")
    if given:
        return _read_given_length(environ["wsgi.input"], given, most)
    if environ.get("wsgi.input_terminated"):
        body = _read(environ["wsgi.input"], most + 1)
        return too_long(most) if len(body) > most else body
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return plain_error(411, "the server does not end a body without a content-length")
    return b""


def _read_given_length(stream: Any, given: str, most: int) -> bytes | Reply:
    if not (given.isascii() and given.isdigit()):
        return plain_error(400, "the header content-length is not a number")
    # Python refuses to read an integer of thousands of digits.
    if len(given) > _MOST_DIGITS or (length := int(given)) > most:
        return too_long(most)
    body = _read(stream, length)
    return body if len(body) == length else plain_error(400, f"the body ended after {len(body)} of {length} bytes")


def _read(stream: Any, most: int) -> bytes:
    """At most this number of bytes; fewer only if the body ends earlier."""
    parts: list[bytes] = []
    while most > 0 and (part := stream.read(most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
