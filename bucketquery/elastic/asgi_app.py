"""The REST door as an ASGI app, for any server of ASGI 3."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from bucketquery.elastic.bodies import MOST_BYTES
from bucketquery.elastic.handler import handle
from bucketquery.elastic.http_requests import headers_of, path_below, read_most_bytes, too_long
from bucketquery.elastic.replies import Reply
from bucketquery.elastic.settings import DEFAULT_VERSION, Settings, read_settings, require_index
from bucketquery.index import ResultsIndex
from bucketquery.snapshot import Snapshot

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]


def asgi(
    index: ResultsIndex | Snapshot,
    *,
    max_result_window: int = 10_000,
    version: str = DEFAULT_VERSION,
    allow_writes: bool = False,
    max_body_bytes: int = MOST_BYTES,
) -> AsgiApp:
    """An ASGI app that answers from an index.

    It may be mounted below a prefix, and it confirms the startup and the shutdown of the server. It closes a WebSocket
    before it is open. It searches in the event loop, and never compresses a reply.

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
    >>> app = asgi(ResultsIndex())
    >>> async def receive():
    ...     return {"type": "http.request"}
    >>> async def send(message):
    ...     print(message.get("status") or message["body"])
    >>> scope = {"type": "http", "method": "GET", "path": "/_ml/anomaly_detectors", "query_string": b""}
    >>> import asyncio
    >>> asyncio.run(app(scope, receive, send))
    200
    b'{"count":0,"jobs":[]}'
    """
    require_index(index)
    settings = read_settings(max_result_window, version, allow_writes)
    most = read_most_bytes(max_body_bytes)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = await _read_body(receive, most)
            if body is not None:
                await _send(send, _answer(index, settings, scope, body), is_head=scope["method"] == "HEAD")
        elif scope["type"] == "lifespan":
            await _confirm(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            raise NotImplementedError(f"the scope {scope['type']!r} is not one of http, lifespan and websocket")

    return app


def _answer(index: ResultsIndex | Snapshot, settings: Settings, scope: Message, body: bytes | Reply) -> Reply:
    if isinstance(body, Reply):
        return body
    query = scope.get("query_string", b"").decode("latin-1")
    return handle(index, scope["method"], _path(scope), query, body, **settings._asdict())


async def _send(send: Send, reply: Reply, *, is_head: bool) -> None:
    encoded = b"" if is_head else reply.encode()
    given = headers_of(reply, encoded, is_head=is_head)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": encoded})


async def _confirm(receive: Receive, send: Send) -> None:
    """Confirm the startup and the shutdown of the server; there is nothing to do at either."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _read_body(receive: Receive, most: int) -> bytes | Reply | None:
    """The body, or the reply that refuses it; None if the client has gone."""
    parts: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        length += len(part)
        if length > most:
            return too_long(most)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _path(scope: Message) -> str:
    """The encoded path below the prefix where a framework has mounted the app.

    Servers and frameworks differ in whether ``path`` includes this prefix.
    """
    prefix: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    if prefix and f"{path}/".startswith(f"{prefix}/"):
        path = path.removeprefix(prefix)
    sent = scope.get("raw_path")
    # A path that is not valid UTF-8 has a replacement character, and so does not equal the path that was sent.
    return path_below(
        prefix.encode(errors="replace"), path.encode(errors="replace"), None if sent is None else sent.decode("latin-1")
    )
