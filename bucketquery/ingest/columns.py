"""Columns by name: which there are, in whatever way they are given, and that all have one length.

The values are not checked here; `arrays` and `scores` do that.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from bucketquery.errors import InvalidDocument
from bucketquery.ingest.arrow import ArrowColumn, arrow_column, arrow_columns, can_read_arrow, is_arrow
from bucketquery.ingest.batch import refused
from bucketquery.ingest.checks import IS_REQUIRED, Unfit
from bucketquery.ingest.frames import columns_of, is_of_codes, plain_column
from bucketquery.ingest.texts import Texts
from bucketquery.model.numbers import is_number
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import Field, Schema, Type
from bucketquery.model.text import brief

_EXACT: Final = (list, tuple)
#: The types of fields whose values are lists or objects.
_NESTED: Final = frozenset(
    {
        Type.KEYWORDS,
        Type.BUCKET_INFLUENCERS,
        Type.DOUBLES,
        Type.OBJECT,
        Type.OBJECTS,
        Type.INFLUENCES,
    }
)


def named_columns(
    argument: str, columns: Any, allowed: Collection[str], otherwise: Callable[[str], str], fields: Sequence[Field]
) -> dict[str, Any]:
    """The columns by name, without those that are None.

    Args:
        argument: the name of the argument, with which the paths of errors begin.
        columns: a mapping or a frame.
        allowed: the names that a column may have.
        otherwise: gives the reason for refusing another name.
        fields: the fields of the columns; some are required.
    """
    named: Iterable[tuple[object, Any]] | None
    named = columns.items() if isinstance(columns, Mapping) else columns_of(columns)
    if named is None and is_arrow(columns):
        named = arrow_columns(argument, columns)
    if named is None:
        hint = "; call .collect() first" if hasattr(type(columns), "collect") else ""
        reason = (
            f"must be arrays by field name, an Arrow table, or a pandas or polars frame, not {type(columns).__name__}"
        )
        raise InvalidDocument(f"[{argument}] {reason}{hint}", field=argument, value=columns)
    given: dict[str, Any] = {}
    for key, column in named:
        name = base_form(key)
        if type(name) is not str:
            # The columns of a frame with several levels are tuples.
            shown = ".".join(map(brief, key)) if type(key) is tuple else brief(key)
            raise refused(f"{argument}.{shown}", Unfit(f"must have text for its name, not {type(key).__name__}", key))
        if name not in allowed:
            raise refused(f"{argument}.{brief(name)}", Unfit(otherwise(name), key))
        if name in given:
            raise refused(f"{argument}.{name}", Unfit("is the name of two columns", key))
        given[name] = column
    for field in fields:
        if field.required and given.get(field.name) is None:
            raise refused(f"{argument}.{field.name}", Unfit(IS_REQUIRED, None))
    return {name: column for name, column in given.items() if column is not None}


def as_arrays(argument: str, schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """Each column as a list, a tuple or a 1-d array, all of one length; a single ``bucket_span`` stays a scalar."""
    nested = {field.name for field in schema.by_name.values() if field.type in _NESTED}
    columns = {}
    length = None
    for name in sorted(given, key=lambda name: name != "timestamp"):
        column = _plain(f"{argument}.{name}", given[name], is_nested=name in nested)
        if isinstance(column, Sequence) and not isinstance(column, str | bytes | range | memoryview):
            # NumPy would make a 2-d array of lists with equal lengths, and raise for others. A subclass may report any
            # length, so only the entries that it yields count.
            column = list(column) if type(column) in _EXACT else [entry for entry in column]  # noqa: C416 - see above
        if name != "bucket_span" or not is_single(column):
            column = _array(f"{argument}.{name}", column)
            length = len(column) if length is None else length
            if len(column) != length:
                reason = f"has {len(column)} entries where [timestamp] has {length}"
                raise refused(f"{argument}.{name}", Unfit(reason, given[name]))
        columns[name] = column
    return columns


def _plain(path: str, column: Any, *, is_nested: bool) -> Any:
    """A column of a library as an array, a masked array, texts or a list. Anything else stays as it is."""
    if type(column) is not ArrowColumn:
        # Without nanoarrow, NumPy reads the arrays of other libraries.
        takes_arrow = is_arrow(column) and can_read_arrow()
        known = column if takes_arrow and is_of_codes(column) else plain_column(column, is_nested=is_nested)
        if known is not column or not takes_arrow:
            return known
        column = arrow_column(path, column)
    try:
        return column.plain()
    except Unfit as unfit:
        raise refused(f"{path}{unfit.path}", unfit) from None


def _array(path: str, column: Any) -> Any:
    is_plain = type(column) is np.ndarray and column.ndim == 1 and column.dtype.names is None
    if is_plain or isinstance(column, list | tuple | Texts):
        return column
    single = base_form(column)
    # NumPy would call methods of a number's or a text's class.
    array = np.asanyarray(single if type(single) is str or is_single(single) else column)
    if array.ndim == 1 and array.dtype.names is None:
        return array
    shown = "one of records" if array.ndim == 1 else f"{array.ndim}-d" if array.ndim else type(column).__name__
    raise refused(path, Unfit(f"must be a 1-d array, not {shown}", column))


def is_single(column: object) -> bool:
    """Whether the value is a number or a boolean, and no column."""
    single = base_form(column)
    return type(single) is bool or is_number(single)
