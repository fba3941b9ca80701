"""Functions that the WSGI and the ASGI app share: the path below a prefix, the bound of the body, and the headers.

A server passes on a path that it has decoded. A slash in the name of a job is escaped in the request line only, so the
apps need the path as it was sent. Most servers pass it on too, under different names.
"""

from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from bucketquery.elastic.bodies import MOST_BYTES
from bucketquery.elastic.replies import Reply, plain_error
from bucketquery.errors import InvalidQuery
from bucketquery.queries.parameters import read_integer

#: Characters of a path that need no escape.
_SAFE: Final = "/:@!$&'()*+,;="


def path_below(prefix: bytes, path: bytes, sent: str | None) -> str:
    """The encoded path of a request, below the prefix where an app is mounted.

    Args:
        prefix: the decoded prefix, without a slash at its end; empty if there is none.
        path: the decoded path below the prefix.
        sent: the path in the request line, with or without a query; None if the server does not pass it on. It is used
            if it decodes to ``path``, with or without the prefix. Otherwise something between the server and the app
            has changed the path.

    >>> path_below(b"/x", b"/a/b c", "/x/a%2Fb%20c?size=1"), path_below(b"/x", b"/a/b c", None)
    ('/a%2Fb%20c', '/a/b%20c')
    """
    encoded = (sent or "").partition("?")[0]
    if not encoded.isascii():
        # Each character stands for a byte that the client has not escaped.
        encoded = quote_from_bytes(encoded.encode("latin-1", errors="replace"), f"{_SAFE}%")
    decoded = unquote_to_bytes(encoded)
    # Cheroot decodes every escape except that of a slash.
    paths = (path, path.replace(b"%2F", b"/"))
    if encoded and decoded in paths:
        return encoded
    if decoded in {prefix + path for path in paths}:
        *head, tail = encoded.split("/", prefix.count(b"/") + 1)
        if unquote_to_bytes("/".join(head)) == prefix:
            return f"/{tail}"
    return quote_from_bytes(path, _SAFE)


def read_most_bytes(max_body_bytes: object) -> int:
    """The largest body that an app accepts, in bytes.

    Raises:
        InvalidQuery: it is not an integer from 0 to `MOST_BYTES`, the largest body that `handle` reads.

    >>> read_most_bytes(1_000)
    1000
    """
    most = read_integer(max_body_bytes, "max_body_bytes", "max_body_bytes")
    if most > MOST_BYTES:
        reason = f"[max_body_bytes] must be at most {MOST_BYTES}"
        raise InvalidQuery(reason, field="max_body_bytes", value=max_body_bytes)
    return most


def too_long(most: int) -> Reply:
    """The refusal of a body of more than ``most`` bytes.

    >>> too_long(1_000).body
    {'error': 'the body has more than 1000 bytes', 'status': 413}
    """
    return plain_error(413, f"the body has more than {most} bytes")


def headers_of(reply: Reply, body: bytes, *, is_head: bool) -> list[tuple[str, str]]:
    """The headers to send. The reply to ``HEAD`` has no length, because that would be the length of the full reply.

    >>> headers_of(Reply(status=200, headers={"content-type": "application/json"}, body={}), b"", is_head=False)
    [('content-type', 'application/json'), ('content-length', '0')]
    """
    length = [] if is_head else [("content-length", str(len(body)))]
    return [*reply.headers.items(), *length]
