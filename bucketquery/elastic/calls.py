"""Calls: a request in built-in types, with its URL parsed.

This module converts the caller's objects to built-in types, so that the other modules of this folder can trust them.
"""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from bucketquery.elastic.endpoints import json_type
from bucketquery.elastic.response_parameters import ResponseParameters, read_response_parameters
from bucketquery.errors import InvalidQuery
from bucketquery.model.numbers import is_number
from bucketquery.model.scalars import base_form
from bucketquery.model.text import brief

#: The base forms that are types of JSON. The float is not among them, because NaN is not JSON.
_KEPT: Final = frozenset({str, bool, int})
#: An error shows at most this number of characters of a path or a URL.
MOST_ECHOED: Final = 1_000

#: A double represents every integer below this number exactly.
_EXACT: Final = 2.0**53
_MALFORMED_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


class Call(NamedTuple):
    """A request in built-in types.

    Attributes:
        method: the method as given.
        uri: the path with its query string, as given.
        path: the path without its query string, still encoded, without malformed escapes.
        url: the parameters of the URL, decoded.
        response: those of them that shape the reply.
        body: JSON, either parsed or as text or bytes; None if there is no body.
    """

    method: str
    uri: str
    path: str
    url: dict[str, str]
    response: ResponseParameters
    body: Any


def read_call(method: object, path: object, params: object, body: object) -> Call:
    """The request that objects of any type describe.

    Raises:
        InvalidQuery: reading an object fails, an escape of the URL is malformed, or a parameter that shapes the reply
            is invalid.

    >>> call = read_call("GET", "/a%20b?c=%64+e", {"human": True}, None)
    >>> call.path, call.url, call.response.human
    ('/a%20b', {'c': 'd e', 'human': 'true'}, True)
    """
    uri = _text(path)
    encoded_path, _, query = uri.partition("?")
    url = _url_parameters(query) | _url_parameters(_trusted(params, "illegal_argument_exception"))
    return Call(
        method=_text(method),
        uri=uri,
        path=_well_escaped(encoded_path),
        url=url,
        response=read_response_parameters(url),
        body=_trusted(body, "x_content_parse_exception"),
    )


def echoed(text: str) -> str:
    """A part of a request as an error shows it: at most `MOST_ECHOED` characters, and dots if it is longer.

    >>> len(echoed("/" * 5_000))
    1003
    """
    return text if len(text) <= MOST_ECHOED else f"{text[:MOST_ECHOED]}..."


def _text(value: object) -> str:
    """The text itself; for an object of another type a text that describes it."""
    with suppress(Exception):  # reading an object runs code of its class, which may raise any exception
        text = _built_in(value)
        return text if type(text) is str else brief(value)
    return "object"


def _trusted(value: object, error_type: str) -> Any:
    try:
        return _built_in(value)
    except Exception as error:
        # Reading an object runs code of its class, which may raise any exception.
        raise InvalidQuery(f"the request cannot be read: {brief(type(error).__name__)}", type=error_type) from error


def _built_in(value: object, depth: int = 2) -> Any:
    """The value in a built-in type of JSON, or as bytes; an ellipsis for a value that JSON does not have.

    A mapping below ``depth`` becomes an empty dict, and an array an empty list: no parameter takes either.
    """
    value = base_form(value)
    if value is None or type(value) in _KEPT:
        return value
    if is_number(value):
        return _double(float(value), integral=isinstance(value, Decimal))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Mapping):
        return {_name(name): _built_in(entry, depth - 1) for name, entry in value.items()} if depth else {}
    return [] if isinstance(value, list | tuple) else ...


def _double(number: float, *, integral: bool = False) -> Any:
    """The number itself, or as an integer if it is one of at most 53 bits; an ellipsis if it is not finite."""
    if not math.isfinite(number):
        return ...
    return int(number) if integral and abs(number) < _EXACT and number.is_integer() else number


def _name(name: object) -> str:
    text = base_form(name)
    return text if type(text) is str else brief(name)


def _url_parameters(given: object) -> dict[str, str]:
    """The parameters of a query string or a mapping, decoded; a repeated name has its last value."""
    if isinstance(given, str):
        return dict(parse_qsl(_well_escaped(given.removeprefix("?")), keep_blank_values=True))
    if isinstance(given, dict):
        return {name: _url_text(name, value) for name, value in given.items()}
    if given is None:
        return {}
    raise InvalidQuery(f"[params] must be a query string or a mapping, not {json_type(given)}", field="params")


def _url_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        # Python refuses to write an integer of thousands of digits.
        with suppress(ValueError):
            return json.dumps(value)
    raise InvalidQuery(f"parameter [{brief(name)}] must be text, not {json_type(value)}", field=name, value=value)


def _well_escaped(encoded: str) -> str:
    """The text itself, after its percent escapes are checked.

    Raises:
        InvalidQuery: an escape is malformed.
    """
    found = _MALFORMED_ESCAPE.search(encoded)
    if found:
        raise InvalidQuery(f"malformed escape [{encoded[found.start() :][:3]}] in the URL, at {found.start()}")
    return encoded
