"""The apps of the REST door, driven by hand as a server drives them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes


class Answer(NamedTuple):
    """What an app sends: the status, the headers, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


def through_wsgi(
    app: Callable[..., Iterable[bytes]], method: str, target: str, body: bytes = b"", **extra: Any
) -> Answer:
    """The answer of a WSGI app, called as a server does that tells the path as it was sent.

    Args:
        app: the app.
        method: the method of the request.
        target: the encoded path and query, as in the request line.
        body: the body; its length is told.
        extra: other entries of the environment; None removes an entry.
    """
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **extra,
    }
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts = app(
        {name: value for name, value in environ.items() if value is not None},
        lambda status, headers: started.append((status, headers)),
    )
    ((status, headers),) = started
    assert status[3] == " "
    return Answer(int(status[:3]), dict(headers), b"".join(parts))


def through_asgi(app: Callable[..., Any], method: str, target: str, body: bytes = b"", **extra: Any) -> Answer:
    """The answer of an ASGI app, as `through_wsgi`; ``extra`` are entries of the scope."""
    path, _, query = target.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": unquote_to_bytes(path).decode(errors="replace"),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        **extra,
    }
    sent = messages_of(app, scope, [{"type": "http.request", "body": body}])
    start, end = sent
    assert (start["type"], end["type"]) == ("http.response.start", "http.response.body")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    assert all(name == name.lower() for name in headers)
    return Answer(start["status"], headers, end["body"])


def messages_of(
    app: Callable[..., Any], scope: dict[str, Any], received: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The messages that an ASGI app sends after it has received these, each once."""
    waiting = list(received)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app({name: value for name, value in scope.items() if value is not None}, receive, send))
    assert waiting == []
    return sent
