"""Arrow arrays made by hand, so that tests of every type run without the libraries that produce them.

A stand-in has the attributes of nanoarrow's arrays and of their schemas that `bucketquery.ingest` reads. Its buffers
are NumPy arrays. `table` makes real arrays of them with nanoarrow.
"""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Final

import numpy as np

NUMBERS: Final = {
    **dict(zip("cCsSiIlLefg", ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"), strict=True)),
    **{f"ts{unit}": "i8" for unit in "smun"},
    "tdD": "i4",
    "tdm": "i8",
}


class StandIn:
    """An array and its schema.

    Args:
        of: the format.
        length: the number of rows.
        buffers: the buffers; None is absent.
        children: the children.
        dictionary: the values, if the array has codes of them.
        offset: the rows of the buffers before the first one.
        name: the name of the field.
        null_count: the number of nulls; -1 (the default) is unknown.
    """

    def __init__(
        self,
        of: str,
        length: int,
        buffers: Sequence[Any],
        *,
        children: Sequence["StandIn"] = (),
        dictionary: "StandIn | None" = None,
        offset: int = 0,
        name: str = "",
        null_count: int = -1,
    ) -> None:
        self.format = of
        self.length = length
        # A buffer without entries may be absent, as that of an empty array often is.
        self.owned = [None if buffer is None else np.array(buffer) for buffer in buffers]
        self.buffers = tuple(0 if one is None or not one.size else one.ctypes.data for one in self.owned)
        self._children = children
        self.n_children = len(children)
        self.dictionary = dictionary
        self.offset = offset
        self.name = name
        self.null_count = null_count

    def child(self, at: int) -> "StandIn":
        """A child."""
        return self._children[at]


def bitmap(values: Sequence[Any]) -> Any:
    """The bits of values that are true."""
    return np.packbits(np.array([bool(value) for value in values], dtype=np.bool_), bitorder="little")


def validity(values: Sequence[Any]) -> Any:
    """The bitmap of values that are not None; None if all are."""
    return bitmap([value is not None for value in values]) if None in values else None


def numbers(of: str, values: Sequence[Any], *, offset: int = 0, name: str = "") -> StandIn:
    """Numbers, instants or booleans. A null stands over a number that no field can store."""
    rows = [None] * offset + [*values]
    if of == "b":
        data: Any = bitmap(rows)
    else:
        dtype = NUMBERS[of.partition(":")[0]]
        null = np.nan if dtype.startswith("f") else np.iinfo(dtype).min
        data = np.array([null if value is None else value for value in rows], dtype=dtype)
    return StandIn(of, len(values), [validity(rows), data], offset=offset, name=name)


def texts(of: str, values: Sequence[str | bytes | None], *, offset: int = 0, name: str = "") -> StandIn:
    """Texts of any of the three types. A null has bytes that are no text."""
    rows: list[str | bytes | None] = [None] * offset + [*values]
    raw = [b"\xff" if text is None else text if isinstance(text, bytes) else text.encode() for text in rows]
    if of != "vu":
        offsets = np.cumsum([0, *map(len, raw)]).astype("i8" if of == "U" else "i4")
        buffers: list[Any] = [validity(rows), offsets, np.frombuffer(b"".join(raw), dtype=np.uint8)]
        return StandIn(of, len(values), buffers, offset=offset, name=name)
    views, data = b"", [b"", b"unused "]
    for at, text in enumerate(raw):
        if len(text) <= 12:
            views += len(text).to_bytes(4, "little") + text.ljust(12, b"\0")
            continue
        buffer = at % 2
        views += len(text).to_bytes(4, "little") + text[:4]
        views += buffer.to_bytes(4, "little") + len(data[buffer]).to_bytes(4, "little")
        data[buffer] += text
    pieces = [np.frombuffer(piece, dtype=np.uint8) for piece in (views, *data)]
    sizes = np.array([len(piece) for piece in data], dtype=np.int64)
    return StandIn(of, len(values), [validity(rows), *pieces, sizes], offset=offset, name=name)


def decimals(
    scale: int, width: int, values: Sequence[int | None], *, offset: int = 0, name: str = "", suffix: str | None = None
) -> StandIn:
    """Decimals of the given integers times ten to the power of minus ``scale``."""
    rows = [None] * offset + [*values]
    raw = b"".join((0 if value is None else value).to_bytes(width // 8, "little", signed=True) for value in rows)
    of = f"d:{width // 4},{scale}" + (f",{width}" if suffix is None else suffix)
    return StandIn(of, len(values), [validity(rows), np.frombuffer(raw, np.uint8)], offset=offset, name=name)


def lists(of: str, lengths: Sequence[int | None], child: StandIn, *, offset: int = 0, name: str = "") -> StandIn:
    """Lists of these lengths, one after the other in the child; None is a null. The kind is that of the format."""
    kind = of.partition(":")[0]
    rows = [None] * offset + [*lengths]
    counts = [0 if length is None else length for length in rows]
    dtype = "i8" if kind.endswith("L") else "i4"
    ends = np.cumsum([0, *counts]).astype(dtype)
    buffers: list[Any] = [validity(rows)]
    if kind in {"+l", "+L"}:
        buffers += [ends]
    elif kind != "+w":
        buffers += [ends[:-1], np.array(counts, dtype=dtype)]
    return StandIn(of, len(lengths), buffers, children=[child], offset=offset, name=name)


def struct(
    children: Sequence[StandIn], length: int, *, present: Sequence[Any] | None = None, offset: int = 0, name: str = ""
) -> StandIn:
    """Objects whose fields are the children."""
    bits = None if present is None else validity([None] * offset + [*present])
    return StandIn("+s", length, [bits], children=children, offset=offset, name=name)


def codes(of: str, indices: Sequence[int | None], values: StandIn, *, offset: int = 0, name: str = "") -> StandIn:
    """Codes into a dictionary."""
    array = numbers(of, indices, offset=offset, name=name)
    array.dictionary = values
    return array


def exported(array: StandIn) -> Any:
    """The array as one of nanoarrow, with copies of its buffers and without any check."""
    from nanoarrow.c_array import CArray  # noqa: PLC0415 - only some tests need it

    found = CArray.allocate(_schema(array))
    _fill(found, array, is_root=True)
    return found


def _schema(array: StandIn) -> Any:
    from nanoarrow._schema import CSchemaBuilder  # noqa: PLC0415 - only some tests need it

    builder = CSchemaBuilder.allocate()
    builder.set_format(array.format)
    builder.set_name(array.name)
    builder.allocate_children(array.n_children)
    for at in range(array.n_children):
        builder.set_child(at, array.child(at).name, _schema(array.child(at)))
    if array.dictionary is not None:
        builder.set_dictionary(_schema(array.dictionary))
    return builder.finish()


def _fill(found: Any, array: StandIn, *, is_root: bool = False) -> None:
    import nanoarrow as na  # noqa: PLC0415 - only some tests need it
    from nanoarrow.c_array import CArrayBuilder  # noqa: PLC0415 - the same
    from nanoarrow.device import cpu  # noqa: PLC0415 - the same

    builder = CArrayBuilder(found, cpu())
    if is_root:
        builder.init_from_schema(found.schema)
    for at in range(array.n_children):
        _fill(found.child(at), array.child(at))
    if array.dictionary is not None:
        _fill(found.dictionary, array.dictionary)
    builder.ensure_buffers(len(array.buffers))
    for at, buffer in enumerate(array.owned):
        if buffer is not None:
            builder.set_buffer(at, na.c_buffer(buffer.view(np.uint8).copy()), move=True)
    builder.set_length(array.length)
    builder.set_offset(array.offset)
    builder.set_null_count(array.null_count)
    builder.finish(validation_level="none")


def table(*batches: StandIn, as_array: bool = False) -> Any:
    """A producer of batches: of a stream, or of one array. It makes the arrays anew each time it is asked."""

    def stream() -> Any:
        from nanoarrow.c_array_stream import CArrayStream  # noqa: PLC0415 - only some tests need it

        arrays = [exported(batch) for batch in batches]
        return CArrayStream.from_c_arrays(arrays, arrays[0].schema, move=True, validate=False)

    if as_array:
        # nanoarrow 0.9.0 corrupts memory here if the array has long views of text.
        return producer("__arrow_c_array__", lambda: next(stream()).__arrow_c_array__())
    return producer("__arrow_c_stream__", lambda: stream().__arrow_c_stream__())


def producer(method: str, give: Callable[[], Any]) -> Any:
    """An object whose class has one method of the PyCapsule interface."""
    return type("Producer", (), {method: lambda _: give()})()


def columns(length: int, **named: StandIn) -> StandIn:
    """A table of named columns."""
    children = [copy(column) for column in named.values()]
    for name, child in zip(named, children, strict=True):
        child.name = name
    return struct(children, length)
