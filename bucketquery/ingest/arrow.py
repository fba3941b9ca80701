"""Arrow in: tables, streams and arrays of any producer that has the Arrow PyCapsule interface, as columns.

nanoarrow takes the data over from its producer, and this is the one module here that imports it. `arrow_values` reads
the buffers by their addresses. The readers of nanoarrow 0.9.0 never see them: a copy of an array of the type
string_view corrupts memory, and a view of a child does not keep the memory that it shows.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from bucketquery.errors import InvalidDocument
from bucketquery.ingest.arrow_parts import ArrowType, Part, check_readable, type_of
from bucketquery.ingest.arrow_values import values_of
from bucketquery.ingest.batch import refused
from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.texts import Texts
from bucketquery.model.extras import needed
from bucketquery.model.schema import Array

_STREAM: Final = "__arrow_c_stream__"
_ARRAY: Final = "__arrow_c_array__"
#: The names under which pandas exports an index; the index of a frame is not read.
_INDEX: Final = re.compile(r"__index_level_\d+__")


class ArrowColumn:
    """A column that is not read yet.

    Args:
        of: its type.
        parts: the rows of each batch.
    """

    __slots__ = ("_of", "_parts")

    def __init__(self, of: ArrowType, parts: Sequence[Part]) -> None:
        self._of = of
        self._parts = parts

    def plain(self) -> Array | Texts | list[Any]:
        """The column as an array, a masked array, texts or a list. Arrays may show the producer's memory.

        Raises:
            Unfit: the type cannot be stored, or the data are malformed.
        """
        check_readable(self._of)
        return values_of(self._of, self._parts)


def is_arrow(value: object) -> bool:
    """Whether the value offers Arrow data. The class is asked, because an object may have an attribute for any name."""
    return hasattr(type(value), _STREAM) or hasattr(type(value), _ARRAY)


def can_read_arrow() -> bool:
    """Whether nanoarrow is installed."""
    try:
        import nanoarrow  # noqa: F401, PLC0415 - may be missing
    except ImportError:
        return False
    return True


def arrow_columns(argument: str, table: Any) -> list[tuple[str, ArrowColumn]]:
    """The name and the column of each field of a table, a batch, or a stream of batches; without the index of pandas.

    Args:
        argument: the name of the argument, with which the paths of errors begin.
        table: any producer of Arrow data. A stream is read to its end.

    Raises:
        ImportError: nanoarrow is not installed.
        InvalidDocument: the data are no table, or the producer fails while it is read.
    """
    of, arrays = _taken(argument, table)
    if of.format != "+s" or of.dictionary is not None:
        raise refused(argument, Unfit(f"must be a table, not an array of the Arrow type {of.shown()}", table))
    try:
        whole = [Part(array, 0, array.length).checked() for array in arrays]
        fields = [[part.child(at, len(of.children)) for part in whole] for at in range(len(of.children))]
    except Unfit as unfit:
        raise refused(argument, Unfit(unfit.reason, table)) from None
    if any(part.present() is not None for part in whole):
        raise refused(argument, Unfit("has rows that are null", table))
    named = zip(of.children, fields, strict=True)
    return [(child.name, ArrowColumn(child, parts)) for child, parts in named if not _INDEX.fullmatch(child.name)]


def arrow_column(path: str, column: Any) -> ArrowColumn:
    """One array, or a stream of arrays, as a column.

    Raises:
        ImportError: nanoarrow is not installed.
        InvalidDocument: the producer fails while it is read.
    """
    of, arrays = _taken(path, column)
    return ArrowColumn(of, [Part(array, 0, array.length) for array in arrays])


def _taken(path: str, source: Any) -> tuple[ArrowType, Sequence[Any]]:
    """The type of a producer's data, and its arrays, whose memory is now ours."""
    with needed("arrow", "Arrow needs nanoarrow"):
        import nanoarrow  # noqa: PLC0415 - may be missing
    # An error of the producer itself passes through. From here on errors are those of nanoarrow.
    given = getattr(source, _STREAM)() if hasattr(type(source), _STREAM) else getattr(source, _ARRAY)()
    try:
        if type(given) is tuple:
            schema, array = given
            whole = nanoarrow.c_array(array, schema)
            return type_of(whole.schema), [whole]
        stream = nanoarrow.c_array_stream(given)
        return type_of(stream.get_schema()), [*stream]
    except Unfit as unfit:
        raise refused(path, Unfit(unfit.reason, source)) from None
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidDocument(f"failed to read [{path}]: {error}", field=path, value=source) from error
