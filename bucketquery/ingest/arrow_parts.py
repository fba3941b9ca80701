"""Arrays of Arrow, their types, and the memory of their rows.

The formats are those of the Arrow C data interface. NumPy reads the memory of a buffer by its address. A consumer
cannot know how long a buffer is, so lengths and offsets are checked against each other.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

import numpy as np

from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.extra_fields import DEEPEST
from bucketquery.model.schema import Array, Bools

#: The format of days since 1970.
DAYS: Final = "tdD"
#: The dtypes of numbers, instants and days by format. Days have 32 bits, which no datetime64 has.
NUMBERS: Final = {
    **dict(zip("cCsSiIlLefg", ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"), strict=True)),
    DAYS: "i4",
    "tdm": "M8[ms]",
    **{f"ts{unit}": f"M8[{name}]" for unit, name in (("s", "s"), ("m", "ms"), ("u", "us"), ("n", "ns"))},
}
#: The formats of text, and of lists.
TEXTS: Final = frozenset({"u", "U", "vu"})
LISTS: Final = frozenset({"+l", "+L", "+vl", "+vL", "+w"})
#: The formats that are read, without their parameters.
_READ: Final = frozenset({*NUMBERS, *TEXTS, *LISTS, "b", "n", "d", "+s"})
#: The names of formats, for errors. A column of some is read, but a table must be a struct.
_NAMES: Final = {
    **{of: np.dtype(dtype).name for of, dtype in NUMBERS.items()},
    **{f"ts{unit}": "timestamp" for unit in "smun"},
    DAYS: "date32",
    "tdm": "date64",
    "b": "bool",
    "n": "null",
    "d": "decimal",
    "+s": "struct",
    "u": "string",
    "U": "large_string",
    "vu": "string_view",
    **dict.fromkeys(LISTS, "list"),
    "z": "binary",
    "Z": "large_binary",
    "vz": "binary_view",
    "w": "fixed_size_binary",
    "+r": "run_end_encoded",
    "+m": "map",
    "+ud": "dense_union",
    "+us": "sparse_union",
    "_pli128": "Int128",
    **{f"{kind}{unit}": name for kind, name in (("tt", "time"), ("tD", "duration")) for unit in "smun"},
    **{f"ti{unit}": "interval" for unit in "MDn"},
}
#: The formats of the codes of a dictionary.
_CODES: Final = frozenset("cCsSiIlL")
#: The beginning of the reason if the data of the producer are malformed.
MALFORMED: Final = "is malformed Arrow data: "


class ArrowType(NamedTuple):
    """The type of an array.

    Attributes:
        format: the format without its parameters.
        parameters: what comes behind the first colon of the format.
        name: the name of the field.
        children: the types of the children.
        dictionary: the type of the values, if the array holds codes of a dictionary; else None.
    """

    format: str
    parameters: str
    name: str
    children: Sequence["ArrowType"]
    dictionary: "ArrowType | None"

    def shown(self) -> str:
        """The type in an error message."""
        return f"[{_NAMES.get(self.format, self.format)}]"


class _Memory:
    """Some of the memory of an array, for NumPy; it keeps the array."""

    __slots__ = ("__array_interface__", "_owner")

    def __init__(self, owner: Any, address: int, dtype: str, length: int) -> None:
        self._owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (address, True),
            "shape": (length,),
            "typestr": np.dtype(dtype).str,
        }


class Part(NamedTuple):
    """The rows ``[first, stop)`` of one array.

    Attributes:
        array: an array of nanoarrow, which owns its memory.
        first: the first row.
        stop: the row behind the last one.
    """

    array: Any
    first: int
    stop: int

    @property
    def low(self) -> int:
        """The place of the first row in the buffers."""
        return int(self.array.offset) + self.first

    @property
    def high(self) -> int:
        """The place behind the last row in the buffers."""
        return int(self.array.offset) + self.stop

    def __len__(self) -> int:
        return self.stop - self.first

    def memory(self, buffer: int, dtype: str, length: int) -> Array:
        """The first entries of a buffer, as a view."""
        buffers = self.array.buffers
        if not length:
            return np.empty(0, dtype=dtype)
        if buffer >= len(buffers) or not buffers[buffer]:
            raise Unfit(f"{MALFORMED}a buffer is missing", None)
        return np.asarray(_Memory(self.array, buffers[buffer], dtype, length))

    def entries(self, buffer: int, dtype: str) -> Array:
        """The entries of the rows in a buffer that has one for each row, as a view."""
        return self.memory(buffer, dtype, self.high)[self.low :]

    def bits(self, buffer: int) -> Bools:
        """The bits of the rows in a buffer that has one for each row."""
        first = self.low // 8
        some = self.memory(buffer, "u1", (self.high + 7) // 8)[first:]
        bits: Bools = np.unpackbits(some, bitorder="little")[self.low - 8 * first :][: len(self)].view(np.bool_)
        return bits

    def present(self) -> Bools | None:
        """Which rows are not null; None if all are."""
        if not len(self) or not self.array.null_count or not any(self.array.buffers[:1]):
            return None
        bits = self.bits(0)
        return None if bits.all() else bits

    def child(self, at: int, number: int) -> Self:
        """The same rows of a child of a struct, one of ``number``."""
        if self.array.n_children != number:
            raise Unfit(f"{MALFORMED}it has {self.array.n_children} children and should have {number}", None)
        child = self.array.child(at)
        return type(self)(child, self.low, self.high).checked()

    def checked(self) -> Self:
        """The rows themselves.

        Raises:
            Unfit: the array does not have them.
        """
        if not 0 <= self.first <= self.stop <= self.array.length or self.array.offset < 0:
            raise Unfit(f"{MALFORMED}it has {self.array.length} entries where {self.stop} are needed", None)
        return self


def type_of(schema: Any, depth: int = 0) -> ArrowType:
    """The type that a schema of nanoarrow describes.

    Raises:
        Unfit: the type is nested too deeply.
    """
    if depth > DEEPEST:
        raise Unfit(f"must not be nested more than {DEEPEST} levels deep", None)
    of, _, parameters = schema.format.partition(":")
    children = [type_of(schema.child(at), depth + 1) for at in range(schema.n_children)]
    dictionary = schema.dictionary
    values = None if dictionary is None else type_of(dictionary, depth + 1)
    return ArrowType(of, parameters, schema.name or "", children, values)


def check_readable(of: ArrowType) -> None:
    """Check that every type inside a type can be read.

    Raises:
        Unfit: one cannot, or the codes of a dictionary are no integers; the reason names the type.
    """
    if of.format not in _READ:
        raise Unfit(f"must not be of the Arrow type {of.shown()}", None)
    for child in of.children:
        check_readable(child)
    if of.dictionary is not None:
        if of.format not in _CODES:
            raise Unfit(f"{MALFORMED}the codes of a dictionary are of the type {of.shown()}", None)
        check_readable(of.dictionary)
