"""Bodies: the JSON object of a request, from bytes, compressed bytes, text, or what the host has parsed."""

import json
import re
import zlib
from typing import Any, Final, NoReturn

from bucketquery.elastic.endpoints import json_type, malformed
from bucketquery.errors import LimitExceeded
from bucketquery.model.text import brief

#: The most bytes of a body, as it arrives and decompressed. A query takes a few hundred.
MOST_BYTES: Final = 2**20

_GZIP: Final = b"\x1f\x8b"
#: Tells zlib to expect the header and the checksum of gzip.
_GZIP_BITS: Final = 16 + zlib.MAX_WBITS

#: A string of JSON, or a comment. A string without an end goes to the end of the text, so no part is scanned twice.
_STRING_OR_COMMENT = re.compile(r'(?s:"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|/\*.*?(?:\*/|\Z))|//[^\r\n]*+')
_IN_A_LINE = re.compile(r"[^\r\n]")


class BodyTooLarge(LimitExceeded):
    """A body is larger than `MOST_BYTES`."""

    _status = 413


def read_body(body: Any, action: str) -> dict[str, Any] | None:
    """The fields of a body; None if there is no body or it is blank. No more than `MOST_BYTES` of it are ever read.

    Args:
        body: JSON in bytes, which may be compressed by gzip; or text; or parsed JSON, of built-in types.
        action: the server's name for the endpoint, which its errors have.

    Raises:
        BodyTooLarge: the body has more than `MOST_BYTES`.
        InvalidQuery: it is not JSON, or not an object.

    Source: the server's ``JsonXContentImpl`` for comments and repeated names, ``ObjectParser`` for JSON of other types.

    >>> read_body(b'{"size": 5} // a comment', "get"), read_body(" ", "get")
    ({'size': 5}, None)
    """
    if isinstance(body, bytes | str):
        text = _text(body, action)
        if not text.strip():
            return None
        body = _parsed(text, action)
    elif body is None:
        return None
    if not isinstance(body, dict):
        raise malformed(f"[{action}] Expected START_OBJECT but was: {json_type(body)}")
    return body


def _text(body: bytes | str, action: str) -> str:
    if len(body) > MOST_BYTES:
        raise _too_large()
    if isinstance(body, bytes):
        if body.startswith(_GZIP):
            body = _decompressed(body, action)
        try:
            body = body.decode(json.detect_encoding(body))
        except ValueError as error:
            raise malformed(f"[{action}] the body is not JSON: {error}") from None
    return body.removeprefix("\ufeff")


def _decompressed(body: bytes, action: str) -> bytes:
    stream = zlib.decompressobj(_GZIP_BITS)
    try:
        # One byte more than allowed tells that there is more. The rest of a bomb is never decompressed.
        content = stream.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise malformed(f"[{action}] the body is damaged gzip: {error}") from None
    if len(content) > MOST_BYTES:
        raise _too_large()
    if not stream.eof:
        raise malformed(f"[{action}] the body is damaged gzip: its end is missing")
    if stream.unused_data:
        raise malformed(f"[{action}] the body is damaged gzip: more bytes follow its end")
    return content


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {MOST_BYTES} bytes", field="body")


def _parsed(text: str, action: str) -> Any:
    try:
        return _decoded(text)
    except (RecursionError, MemoryError):
        raise malformed(f"[{action}] the body is nested too deeply") from None
    except ValueError as error:
        reason = str(error).partition(";")[0]  # leave out Python's advice after the semicolon
        raise malformed(f"[{action}] the body is not JSON: {reason}") from None


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except ValueError:
        if "/" not in text:
            raise
    # Few bodies have comments, so only a body that is not JSON is searched for them.
    return _DECODER.decode(_STRING_OR_COMMENT.sub(_without_comment, text))


def _without_comment(found: re.Match[str]) -> str:
    """The string itself; blanks for a comment, so that the places in an error stay right."""
    part = found[0]
    if part.startswith("//") or (part.startswith("/*") and part.endswith("*/") and part != "/*/"):
        return _IN_A_LINE.sub(" ", part)
    return part


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"Duplicate field '{brief(name)}'")
        fields[name] = value
    return fields


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_without_repeats)
