"""Frames and series of pandas and polars as columns of arrays and lists.

Neither library is imported. A frame or a series is recognised by the methods that its class has. A gap of a nullable
series becomes a masked entry, a NaT, or None, which `arrays` reads as missing.

This holds with nanoarrow too: text takes about as long as through Arrow, and no answer depends on what is installed.
The Arrow data of pandas need pyarrow, have null in place of NaN, and cannot hold objects of mixed types. Only the codes
of polars come through Arrow if possible: `is_of_codes`.
"""

from typing import Any, Final

import numpy as np

from bucketquery.ingest.extra_fields import DEEPEST
from bucketquery.ingest.texts import Texts, texts_of_codes
from bucketquery.model.schema import Array

_PANDAS_COLUMN: Final = ("dtype", "isna", "to_numpy")
_POLARS_COLUMN: Final = ("dtype", "is_null", "null_count", "to_list", "to_numpy")
#: The dtypes that hold all values of a nullable series of pandas, by kind.
_PANDAS_DTYPES: Final = {"i": np.int64, "u": np.uint64, "f": np.float64, "b": np.bool_}
#: The types of polars that NumPy has, and the value that stands for a null under a mask.
_POLARS_FILLS: Final = {
    "Boolean": False,
    **dict.fromkeys((f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)), 0),
    **dict.fromkeys(("Float32", "Float64"), 0.0),
}
#: The types of polars whose nulls are NaT for NumPy. Instants with a zone are stored in UTC.
_POLARS_TIMES: Final = ("Datetime", "Date")
#: The types of polars whose entries are codes of a dictionary.
_POLARS_CODES: Final = ("Categorical", "Enum")


def is_frame(value: object) -> bool:
    """Whether the value is a frame of pandas or polars."""
    return _is_of_polars(value) or _is_of_pandas(value)


def columns_of(frame: Any) -> list[tuple[object, Any]] | None:
    """The name and the series of each column of a pandas or polars frame; None if the value is not such a frame.

    The names need not be text, and may repeat.
    """
    if _is_of_polars(frame):
        return [(series.name, series) for series in frame.get_columns()]
    return list(frame.items()) if _is_of_pandas(frame) else None


def plain_column(column: Any, *, is_nested: bool) -> Any:
    """A series, an index or an extension array as an array, a masked array, texts or a list. Others stay as they are.

    Args:
        column: a column of any type.
        is_nested: whether its entries are lists or objects. Some libraries keep them as arrays.
    """
    if type(column) is np.ndarray:
        # Most columns are arrays. They skip the look-ups below.
        return column
    if _has(column, *_PANDAS_COLUMN):
        plain = _of_pandas(column)
        if not is_nested or isinstance(plain, Texts) or plain.dtype.kind != "O":
            return plain
        return [_with_lists(entry, DEEPEST) for entry in plain.tolist()]
    return _of_polars(column) if _has(column, *_POLARS_COLUMN) else column


def is_of_codes(column: object) -> bool:
    """Whether a column is a series of polars with codes of a dictionary, which only Arrow hands over as they are."""
    return type(column) is not np.ndarray and _has(column, *_POLARS_COLUMN) and _polars_type(column) in _POLARS_CODES


def _is_of_polars(frame: object) -> bool:
    return _has(frame, "get_columns")


def _is_of_pandas(frame: object) -> bool:
    return _has(frame, "iloc", "items", "columns")


def _has(value: object, *names: str) -> bool:
    # The class is asked, because an object may have an attribute for every name.
    return all(hasattr(type(value), name) for name in names)


def _of_pandas(column: Any) -> Array | Texts:
    dtype = column.dtype
    if hasattr(dtype, "categories"):
        # The array of a series or an index has the codes; -1 is a gap.
        texts = texts_of_codes(getattr(column, "array", column).codes, dtype.categories.tolist().__getitem__)
        if texts is not None:
            return texts
    if isinstance(dtype, np.dtype):
        array: Array = column.to_numpy()
        return array
    wide = _PANDAS_DTYPES.get(dtype.kind)
    if wide is not None:
        return _masked(column.to_numpy(dtype=wide, na_value=wide(0)), np.asarray(column.isna(), dtype=np.bool_))
    # A dtype with a unit holds instants, in UTC if it has a zone. Those of pyarrow have the unit one level down.
    unit = getattr(getattr(dtype, "pyarrow_dtype", dtype), "unit", None)
    if dtype.kind == "M" and unit is not None:
        instants: Array = column.to_numpy(dtype=f"datetime64[{unit}]")
        return instants
    objects: Array = column.to_numpy(dtype=np.object_, na_value=None)
    return objects


def _of_polars(series: Any) -> Any:
    name = _polars_type(series)
    if name in _POLARS_TIMES or (name in _POLARS_FILLS and not series.null_count()):
        return series.to_numpy()
    if name not in _POLARS_FILLS:
        entries = series.to_list()
        return [_without_nulls(entry) for entry in entries] if "Struct(" in str(series.dtype) else entries
    # Integers with nulls would become floats.
    return _masked(series.fill_null(_POLARS_FILLS[name]).to_numpy(), series.is_null().to_numpy())


def _polars_type(series: Any) -> str:
    return str(series.dtype).partition("(")[0]


def _masked(values: Array, gaps: Array) -> Array:
    return np.ma.MaskedArray(values, mask=gaps) if gaps.any() else values


def _without_nulls(value: Any) -> Any:
    """The value without the nulls of its structs: a struct cannot leave a field out. Polars limits the depth."""
    if type(value) is list:
        return [_without_nulls(item) for item in value]
    if type(value) is dict:
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def _with_lists(value: Any, depth: int) -> Any:
    """The value with lists in place of arrays, down to ``depth`` levels."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not depth:
        return value
    if type(value) is list:
        return [_with_lists(item, depth - 1) for item in value]
    if type(value) is dict:
        return {key: _with_lists(item, depth - 1) for key, item in value.items()}
    return value
