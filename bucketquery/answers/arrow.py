"""Arrow arrays and streams over NumPy memory, by nanoarrow; the only module here that imports it.

An array of numbers is wrapped, not copied, if it is contiguous. Arrow arrays are read-only. Each one keeps the memory
below it alive, so the exporter may be dropped first.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Union

import numpy as np

from bucketquery.errors import LimitExceeded
from bucketquery.model.extras import needed
from bucketquery.model.schema import Array, Bools, Int32s, Objects
from bucketquery.storage.keywords import MISSING, without_unused

#: The type of single values. A coded text has a code into a dictionary.
TIMESTAMP: Final = "timestamp"
INTEGER: Final = "integer"
DOUBLE: Final = "double"
BOOLEAN: Final = "boolean"
TEXT: Final = "text"
CODED: Final = "coded"


class ListOf(NamedTuple):
    """The type of lists."""

    items: "ArrowType"


#: The names and types of the fields of a struct, or of the columns of a table.
Fields = tuple[tuple[str, "ArrowType"], ...]
ArrowType = Union[str, ListOf, Fields]  # noqa: UP007 - the types above name it in quotes


class Plain(NamedTuple):
    """Numbers, instants in epoch ms or booleans. ``missing`` says which are null; None means that none is."""

    values: Array
    missing: Bools | None = None


class Texts(NamedTuple):
    """Texts as codes into a dictionary, -1 for a null. The dictionary may have texts without a code."""

    codes: Int32s
    dictionary: Objects


class Lists(NamedTuple):
    """Lists: the length of each, and the items of all, one list after the other. Without items they are not read."""

    lengths: Array
    items: "Data"


class Structs(NamedTuple):
    """Structs, or the rows of a table: their number, and the values of each field."""

    length: int
    fields: tuple["Data", ...]


Data = Union[Plain, Texts, Lists, Structs]  # noqa: UP007 - the classes above name it in quotes

#: The most bytes of the texts of one array, and the most items of its lists: offsets have 32 bits.
MOST_TEXT: Final = 2**31 - 1


def require_arrow() -> None:
    """Refuse if nanoarrow is not installed.

    Raises:
        ImportError: it is not installed; the text names the extra.
    """
    _nanoarrow()


def schema_capsule(fields: Fields) -> object:
    """The schema of a table as a capsule, for ``__arrow_c_schema__``."""
    return _schema_of(fields).__arrow_c_schema__()


def array_capsules(fields: Fields, batch: Structs) -> tuple[object, object]:
    """The schema of a table and one batch of its rows as capsules, for ``__arrow_c_array__``."""
    capsules: tuple[object, object] = _array_of(_schema_of(fields), batch).__arrow_c_array__()
    return capsules


def stream_capsule(fields: Fields, batches: Iterable[Structs]) -> object:
    """Batches of a table as a capsule, for ``__arrow_c_stream__``. All of them are made at once."""
    _nanoarrow()
    from nanoarrow.c_array_stream import CArrayStream  # noqa: PLC0415 - an optional dependency

    schema = _schema_of(fields)
    arrays = [_array_of(schema, batch) for batch in batches]
    # The stream takes the arrays and a copy of the schema. nanoarrow 0.9.0 copies some types of text wrongly.
    return CArrayStream.from_c_arrays(arrays, schema.modify(), move=True, validate=False).__arrow_c_stream__()


def _nanoarrow() -> Any:
    with needed("arrow", "Arrow needs nanoarrow"):
        import nanoarrow  # noqa: PLC0415 - an optional dependency
    return nanoarrow


_TYPES: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        TIMESTAMP: lambda na: na.timestamp("ms", timezone="UTC"),
        INTEGER: lambda na: na.int64(),
        DOUBLE: lambda na: na.float64(),
        BOOLEAN: lambda na: na.bool_(),
        TEXT: lambda na: na.string(),
        CODED: lambda na: na.dictionary(na.int32(), na.string()),
    }
)


@cache
def _schema_of(fields: Fields) -> Any:
    """The schema of a table, made once for each kind of answer."""
    na = _nanoarrow()

    def made(of: ArrowType) -> Any:
        if isinstance(of, str):
            return _TYPES[of](na)
        return na.list_(made(of.items)) if isinstance(of, ListOf) else na.struct({name: made(one) for name, one in of})

    return na.c_schema(made(fields))


def _array_of(schema: Any, data: Data) -> Any:
    """An Arrow array of a type, as nanoarrow holds it."""
    if isinstance(data, Plain):
        return _plain(schema, data)
    if isinstance(data, Texts):
        return _coded(schema, *_few(data)) if schema.dictionary is not None else _texts(schema, *_few(data))
    if isinstance(data, Lists):
        offsets = _offsets(data.lengths)
        items = _array_of(schema.child(0), data.items) if offsets[-1] else _nothing(schema.child(0))
        return _made(schema, len(data.lengths), (None, offsets), 0, [items])
    children = [_array_of(schema.child(at), field) for at, field in enumerate(data.fields)]
    return _made(schema, data.length, (None,), 0, children)


def _made(
    schema: Any, length: int, buffers: tuple[Array | bytes | None, ...], nulls: int, children: Iterable[Any] = ()
) -> Any:
    # Children and buffers are moved: the new array owns them.
    return _nanoarrow().c_array_from_buffers(schema, length, buffers, nulls, children=children, move=True)


def _nothing(schema: Any) -> Any:
    """An empty array. Most pages have no nested influencers, whose arrays would take a third of the time of a page."""
    from nanoarrow.c_array import CArrayBuilder  # noqa: PLC0415 - an optional dependency

    builder = CArrayBuilder.allocate()
    builder.init_from_schema(schema)
    builder.start_appending()
    return builder.finish()


def _plain(schema: Any, data: Plain) -> Any:
    values = data.values
    buffer = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else np.ascontiguousarray(values)
    nulls, validity = _validity(data.missing)
    return _made(schema, len(values), (validity, buffer), nulls)


def _validity(missing: Bools | None) -> tuple[int, Array | None]:
    """The number of nulls, and the bitmap of an array; no bitmap if there are none."""
    nulls = 0 if missing is None else int(np.count_nonzero(missing))
    return nulls, np.packbits(~missing, bitorder="little") if missing is not None and nulls else None


def _few(data: Texts) -> Texts:
    """The same texts, without those that have no code if these are many."""
    return data if len(data.dictionary) <= len(data.codes) else Texts(*without_unused(*data))


def _texts(schema: Any, codes: Int32s, dictionary: Objects) -> Any:
    """Texts, one behind the other."""
    nulls, validity = _validity(codes == MISSING)
    # The code of a null, -1, picks the last entry.
    encoded = [*map(_utf8, dictionary.tolist()), b""]
    if len(dictionary) == 1 and not nulls:
        offsets = _offsets(np.full(len(codes), len(encoded[0])))
        joined = encoded[0] * len(codes)
    else:
        offsets = _offsets(np.array([len(text) for text in encoded])[codes])
        joined = b"".join([encoded[code] for code in codes.tolist()])
    return _made(schema, len(codes), (validity, offsets, joined), nulls)


def _coded(schema: Any, codes: Int32s, dictionary: Objects) -> Any:
    """Texts as codes, which are not copied if they are contiguous."""
    na = _nanoarrow()
    from nanoarrow.c_array import CArray, CArrayBuilder  # noqa: PLC0415 - an optional dependency
    from nanoarrow.device import cpu  # noqa: PLC0415 - an optional dependency

    nulls, validity = _validity(codes == MISSING)
    encoded = [*map(_utf8, dictionary.tolist())]
    array = CArray.allocate(schema)
    # nanoarrow makes no arrays with a dictionary, so one builder fills the codes and another one the dictionary.
    of_codes = CArrayBuilder(array, cpu())
    of_codes.init_from_schema(schema)
    of_texts = CArrayBuilder(array.dictionary, cpu())
    of_texts.set_buffer(1, na.c_buffer(_offsets(np.array([len(text) for text in encoded], dtype=np.int64))), move=True)
    of_texts.set_buffer(2, na.c_buffer(b"".join(encoded)), move=True)
    of_texts.set_length(len(encoded))
    of_texts.set_null_count(0)
    of_texts.finish()
    if validity is not None:
        of_codes.set_buffer(0, na.c_buffer(validity), move=True)
    of_codes.set_buffer(1, na.c_buffer(np.ascontiguousarray(codes)), move=True)
    of_codes.set_length(len(codes))
    of_codes.set_null_count(nulls)
    return of_codes.finish()


def _utf8(text: str) -> bytes:
    """A text in UTF-8. Half of a surrogate pair, which UTF-8 does not have, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _offsets(lengths: Array) -> Int32s:
    """Where each text or list begins, and where the last one ends.

    Raises:
        LimitExceeded: the last one ends behind `MOST_TEXT`.
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    lengths.cumsum(out=offsets[1:])
    if offsets[-1] > MOST_TEXT:
        reason = f"an Arrow array may have at most {MOST_TEXT} bytes of text or items of lists, not {offsets[-1]}"
        raise LimitExceeded(reason, value=int(offsets[-1]))
    return offsets.astype(np.int32)
