"""The parameters of requests that have booleans only, and requests without a body."""

from collections.abc import Collection
from urllib.parse import unquote

from bucketquery.elastic.calls import Call, echoed
from bucketquery.elastic.requests import refuse_unknown
from bucketquery.elastic.response_parameters import RESPONSE_PARAMETERS, read_flag
from bucketquery.errors import InvalidQuery


def read_flags(call: Call, flags: Collection[str] = (), ignored: Collection[str] = ()) -> dict[str, bool]:
    """The booleans in the URL of a call that has no other parameters, except those that shape the reply.

    Args:
        call: the call.
        flags: the names of its booleans.
        ignored: the names of parameters that may have any value.

    Raises:
        InvalidQuery: a parameter is unknown, or a value is not a boolean.

    >>> from bucketquery.elastic.calls import read_call
    >>> read_flags(read_call("GET", "/?force", None, None), ("force",))
    {'force': True}
    """
    read = {name: read_flag(call.url[name], name) for name in flags if name in call.url}
    refuse_unknown(call, {*flags, *ignored, *RESPONSE_PARAMETERS})
    return {name: value for name, value in read.items() if value is not None}


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
        raise InvalidQuery(f"request [{call.method} {echoed(unquote(call.path))}] does not support having a body")
