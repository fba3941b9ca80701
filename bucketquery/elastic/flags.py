"""The parameters of requests that have booleans only, and requests without a body."""

from collections.abc import Collection
from urllib.parse import unquote

from bucketquery.elastic.calls import Call
from bucketquery.elastic.requests import read_response, refuse_unknown
from bucketquery.errors import InvalidQuery
from bucketquery.queries.client_keywords import read_boolean_text


def read_flags(call: Call, flags: Collection[str] = (), ignored: Collection[str] = ()) -> dict[str, bool]:
    """The booleans in the URL of a call that has no other parameters, and ``human``.

    Args:
        call: the call.
        flags: the names of its booleans besides those of every call.
        ignored: the names of parameters that may have any value.

    Raises:
        InvalidQuery: a parameter is unknown, or a value is not a boolean.

    >>> from bucketquery.elastic.calls import read_call
    >>> read_flags(read_call("GET", "/?force", None, None), ("force",))
    {'force': True}
    """
    response = read_response(call.url)
    found = {name: read_boolean_text(call.url[name] or "true", name) for name in flags if name in call.url}
    refuse_unknown(call, {*flags, *ignored})
    return response | found


def refuse_body(call: Call) -> None:
    """Refuse a body where the server reads none.

    Raises:
        InvalidQuery: there is a body.

    Source: the server's ``BaseRestHandler``.

    >>> from bucketquery.elastic.calls import read_call
    >>> refuse_body(read_call("GET", "/", None, b""))
    """
    is_empty = call.body is None or (isinstance(call.body, bytes | str) and not call.body)
    if not is_empty:
        raise InvalidQuery(f"request [{call.method} {unquote(call.path)}] does not support having a body")
