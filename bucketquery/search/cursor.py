"""Cursors: a row key of a query as text that may stand in a URL, and its way back.

A cursor is the base64 form of these bytes, without padding:

- the version of the form,
- a digest of the query without ``size``, ``from_`` and ``expand``,
- the resolved window and the commit, 8 bytes each,
- the number of the job among the tokens of the query, or `_NO_NUMBER`,
- the values of the row key, each with a byte for its type, and then the id of the job if it has no number,
- up to two bytes of 0, so that base64 has no bits to spare,
- a checksum of all bytes before it.

Digest and checksum find cursors that were cut, changed or given to another query. They are no signatures, so anybody
can make a cursor. Such a cursor only begins a page elsewhere in the query's own answer.

A process remembers the last cursors that it wrote or read, so that a walk does not decode them.
"""

from binascii import a2b_base64, b2a_base64, crc32
from math import isnan
from struct import Struct, error
from typing import Final, NoReturn

from bucketquery.errors import InvalidCursor
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import Type
from bucketquery.model.text import is_job_id
from bucketquery.queries.query import Query
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.order import Order
from bucketquery.search.row_key import DIGEST_BYTES, CutText, RowKey, Value, digest_of

_VERSION: Final = 1
#: This number of cursors is remembered, and of walks.
_REMEMBERED: Final = 256
_LONGEST: Final = 1_024
#: Texts of one key that have more bytes than this in all are cut. The rest of a cursor has at most 145 bytes.
_MOST_TEXT_BYTES: Final = 600

#: Version, digest of the query, start, end, commit, number of the job.
_HEAD: Final = Struct(f">B{DIGEST_BYTES}sqqQI")
_TEXT: Final = Struct(">BH")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
#: The bytes of UTF-8 that do not begin a character.
_CONTINUES: Final = range(0x80, 0xC0)
_LARGEST_COMMIT: Final = 2**64 - 1
#: The number of a job that is no token of the query: a pattern or a group has selected it.
_NO_NUMBER: Final = 2**32 - 1

#: The types of values, as the first byte of each value.
_IS_MISSING, _IS_INTEGER, _IS_DOUBLE, _IS_BOOLEAN, _IS_TEXT, _IS_CUT = range(6)
_NUMBERS: Final = {
    _IS_BOOLEAN: (bool, Struct(">B?")),
    _IS_INTEGER: (int, Struct(">Bq")),
    _IS_DOUBLE: (float, Struct(">Bd")),
}
#: The forms of each type. The keys are values of types: to hash a member of an enumeration calls a Python function.
_OF_TYPE: Final = {
    Type.TIMESTAMP.value: {_IS_INTEGER},
    Type.INTEGER.value: {_IS_INTEGER},
    Type.INSTANT.value: {_IS_INTEGER},
    Type.DOUBLE.value: {_IS_DOUBLE},
    Type.BOOLEAN.value: {_IS_BOOLEAN},
    Type.KEYWORD.value: {_IS_TEXT, _IS_CUT},
    Type.KEYWORDS.value: {_IS_TEXT, _IS_CUT},
}

_CHECKSUM: Final = Struct(">I")
_PADDING: Final = (b"", bytes(1), bytes(2))

#: The content of a cursor: the query with the window of its first page, and the key of the last result of a page.
Walk = tuple[ResolvedQuery, RowKey]

#: The last cursors, with the query and the walk of each; the oldest first. They hold no results.
_remembered: Final[dict[str, tuple[Query, Walk]]] = {}


def write_cursor(query: Query, resolved: ResolvedQuery, key: RowKey, sequence: int) -> str:
    """The cursor of a page.

    Args:
        query: the query of the page.
        resolved: the same query with its window.
        key: the key of the last result.
        sequence: the commit of the page.

    O(j) for the j tokens of the query, and O(t) for t bytes of text in the key.
    """
    values, job_id = key.values, key.job_id
    if query.jobs[0] == job_id:
        number = 0
    elif job_id in query.jobs:
        number = query.jobs.index(job_id)
    else:
        number, values = _NO_NUMBER, (*values, job_id)
    commit = min(sequence, _LARGEST_COMMIT)
    head = _HEAD.pack(_VERSION, _digest(query), resolved.start, resolved.end, commit, number)
    texts = [value.encode("utf-8", "surrogatepass") for value in values if isinstance(value, str)]
    is_long = sum(map(len, texts)) > _MOST_TEXT_BYTES
    most = _MOST_TEXT_BYTES // len(texts) if is_long else _MOST_TEXT_BYTES
    payload = b"".join([head, *(_written(value, most) for value in values)])
    payload += bytes(-(len(payload) + _CHECKSUM.size) % 3)
    cursor = _encoded(payload + _CHECKSUM.pack(crc32(payload))).decode("ascii")
    if not is_long:
        _remember(cursor, query, (resolved, key))
    return cursor


def read_cursor(query: Query, cursor: object) -> Walk:
    """The resolved query and the row key that a cursor stands for.

    Raises:
        InvalidCursor: the cursor is not text, was cut or changed, or belongs to another query; or the query is a
            lookup.

    O(j) for the j tokens of the query. A cursor is never decoded beyond 1,024 characters.
    """
    text = cursor if type(cursor) is str else base_form(cursor)
    if type(text) is str and (known := _remembered.get(text)) is not None and (known[0] is query or known[0] == query):
        return known[1]
    if query._parsed.timestamp is not None:
        _refuse("[after] cannot be used with [timestamp]", cursor)
    if type(text) is not str:
        _refuse(f"[after] must be the text of a page's cursor, not {type(cursor).__name__}", cursor)
    walk = _decoded(query, text, cursor)
    _remember(text, query, walk)
    return walk


def _decoded(query: Query, text: str, cursor: object) -> Walk:
    """The result of `read_cursor` for a text; ``cursor`` is what the caller gave."""
    payload = _payload(text)
    if payload is None:
        _refuse("[after] is not the cursor of a page, or it was changed", cursor)
    if len(payload) < _HEAD.size or payload[0] != _VERSION:
        _refuse("[after] is the cursor of another version", cursor)
    _, digest, start, end, _, number = _HEAD.unpack_from(payload)
    if digest != _digest(query):
        _refuse("[after] is the cursor of another query", cursor)
    resolved = query._resolved
    if resolved is None or resolved.start != start or resolved.end != end:
        resolved = _in_window(query, start, end)
    key = None
    has_job = number < len(query.jobs) and is_job_id(query.jobs[number])
    if (has_job or number == _NO_NUMBER) and FIRST_MS <= start <= end <= LAST_MS + 1:
        try:
            key = _read_key(Order.of(resolved), payload, query.jobs[number] if has_job else None)
        except (ValueError, IndexError, error):
            key = None
    if key is None:
        _refuse("[after] has values that no cursor of this query has", cursor)
    return resolved, key


def _remember(cursor: str, query: Query, walk: Walk) -> None:
    """Remember what a cursor says. If there are `_REMEMBERED` cursors already, forget a quarter of them, the oldest."""
    if len(_remembered) >= _REMEMBERED:
        # The list is made in one step, since other threads add cursors. Two threads may both drop the same ones.
        for oldest in list(_remembered)[: max(1, _REMEMBERED // 4)]:
            _remembered.pop(oldest, None)
    _remembered[cursor] = (query, walk)


def _in_window(query: Query, start: int, end: int) -> ResolvedQuery:
    """The resolved query with the window of a cursor. Date math is not resolved again."""
    resolved = query.replace(start=None, end=None)._resolved
    assert resolved is not None  # it has no date math
    return resolved._replace(start=start, end=end)


def _payload(text: str) -> bytes | None:
    """The bytes of a cursor without their checksum; None if the text was cut or changed."""
    if len(text) > _LONGEST or len(text) % 4 or not text.isascii():
        return None
    encoded = text.encode("ascii")
    try:
        # Without padding and without spare bits, only one text has these bytes. The strict mode refuses all others.
        written = a2b_base64(encoded.translate(_FROM_URL), strict_mode=True)
    except ValueError:
        return None
    payload, checksum = written[: -_CHECKSUM.size], written[-_CHECKSUM.size :]
    is_valid = _CHECKSUM.pack(crc32(payload)) == checksum and b"+" not in encoded and b"/" not in encoded
    return payload if is_valid else None


def _encoded(written: bytes) -> bytes:
    """Bytes in base64 for URLs. Calling `binascii` takes half the time of `base64`."""
    return b2a_base64(written, newline=False).translate(_TO_URL)


def _refuse(reason: str, cursor: object) -> NoReturn:
    raise InvalidCursor(reason, field="after", value=cursor)


def _digest(query: Query) -> bytes:
    """A digest of the parameters that decide which results match, and their order."""
    parsed, schema = query._parsed, query._schema
    parameters = (
        schema.kind,
        query.jobs,
        query.start,
        query.end,
        parsed.threshold if parsed.below is None else (parsed.threshold, parsed.below),
        query.exclude_interim,
        query.sort,
        query.desc,
        # Without a filter the digest is that of older versions, so their cursors stay valid.
        *([query.where] if query.where else []),
    )
    return digest_of(repr(parameters))


def _written(value: Value, most: int) -> bytes:
    """A value with the byte of its type; a text of more than ``most`` bytes is cut."""
    if value is None:
        return bytes((_IS_MISSING,))
    if isinstance(value, str):
        return _written_text(value, most)
    if isinstance(value, CutText):
        # The key comes from a cursor whose result was deleted.
        text = value.beginning.encode("utf-8", "surrogatepass")
        return _TEXT.pack(_IS_CUT, len(text)) + text + value.digest
    # A boolean is an integer too, so it is looked for first.
    kind = next(kind for kind, (of, _) in _NUMBERS.items() if isinstance(value, of))
    return _NUMBERS[kind][1].pack(kind, value)


def _written_text(value: str, most: int) -> bytes:
    text = value.encode("utf-8", "surrogatepass")
    if len(text) <= most:
        return _TEXT.pack(_IS_TEXT, len(text)) + text
    length = most - DIGEST_BYTES
    while text[length] in _CONTINUES:
        length -= 1
    return _TEXT.pack(_IS_CUT, length) + text[:length] + digest_of(value)


def _read_key(order: Order, payload: bytes, job_id: str | None) -> RowKey | None:
    """The row key of a cursor; None if its values do not suit the order.

    Args:
        order: the order.
        payload: the bytes of the cursor.
        job_id: the job; None: the cursor carries it.

    Raises:
        ValueError, IndexError, error: the bytes are malformed.
    """
    values: list[Value] = []
    place = _HEAD.size
    for column in order.columns:
        kind = payload[place]
        if kind == _IS_MISSING:
            if not column.puts_missing_last or column.type is Type.TIMESTAMP:
                return None
            values.append(None)
            place += 1
            continue
        if kind not in _OF_TYPE[column.type._value_]:
            return None
        value, place = _read_value(kind, payload, place)
        values.append(value)
    digest = None
    if job_id is None:
        if payload[place] not in _OF_TYPE[Type.KEYWORD.value]:
            return None
        named, place = _read_value(payload[place], payload, place)
        job_id, digest = named if isinstance(named, CutText) else (str(named), None)
    return RowKey(tuple(values), job_id, digest) if payload[place:] in _PADDING else None


def _read_value(kind: int, payload: bytes, place: int) -> tuple[Value, int]:
    """A value and the place after it."""
    if kind >= _IS_TEXT:
        _, length = _TEXT.unpack_from(payload, place)
        place += _TEXT.size
        text = payload[place : place + length].decode("utf-8", "surrogatepass")
        place += length
        if kind == _IS_TEXT:
            return text, place
        return CutText(text, payload[place : place + DIGEST_BYTES]), place + DIGEST_BYTES
    _, form = _NUMBERS[kind]
    _, value = form.unpack_from(payload, place)
    if isinstance(value, float) and isnan(value):
        raise ValueError("a double is missing without saying so")
    return value, place + form.size
