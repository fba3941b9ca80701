"""Rows of an engine as lists of Python values, column by column.

The native offset of each engine cuts the page, so that no row before it leaves the engine. Instants come back as
integers, and NaN as None.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any, Final

import narwhals.stable.v2 as nw
import numpy as np

from bucketquery.frames.engines import engine_of
from bucketquery.frames.table import AnyFrame

Columns = dict[str, list[Any]]

_NANOSECONDS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_NANOSECONDS_PER_MS: Final = 1_000_000


def page_of(frame: AnyFrame, names: Sequence[nw.Expr], offset: int, size: int) -> Columns:
    """``size`` rows of a sorted frame after ``offset`` skipped ones.

    Args:
        frame: the frame, which may have more columns.
        names: the columns to read, as expressions.
        offset: the number of rows to skip.
        size: the number of rows to read.
    """
    if isinstance(frame, nw.DataFrame):
        return _of_eager(frame[offset : offset + size].select(*names))
    chosen = frame.select(*names)
    engine = engine_of(chosen)
    if engine is nw.Implementation.SQLFRAME:
        # sqlframe has no offset.
        return _of_eager(chosen.head(offset + size).collect()[offset:])
    return _collected(_CUTS[engine](chosen.to_native(), offset, size), engine)


def all_of(frame: AnyFrame) -> Columns:
    """Every row of a frame."""
    if isinstance(frame, nw.DataFrame):
        return _of_eager(frame)
    return _collected(frame.to_native(), engine_of(frame))


def number_of(frame: AnyFrame) -> int:
    """The number of rows, by a query of its own: a window function would gather all rows on one worker."""
    if isinstance(frame, nw.DataFrame):
        return len(frame)
    ((count,),) = all_of(frame.select(bucketquery_count=nw.len())).values()
    return int(count)


def _cut_duckdb(relation: Any, offset: int, size: int) -> Any:
    return relation.limit(size, offset=offset)


def _cut_polars(frame: Any, offset: int, size: int) -> Any:
    return frame.slice(offset, size)


def _cut_ibis(table: Any, offset: int, size: int) -> Any:
    return table.limit(size, offset=offset)


def _cut_spark(frame: Any, offset: int, size: int) -> Any:
    # Without an offset, Spark keeps the first rows of each partition and sorts only those.
    return frame.offset(offset).limit(size) if offset else frame.limit(size)


_CUTS: Final[Mapping[nw.Implementation, Callable[[Any, int, int], Any]]] = {
    nw.Implementation.DUCKDB: _cut_duckdb,
    nw.Implementation.IBIS: _cut_ibis,
    nw.Implementation.POLARS: _cut_polars,
    nw.Implementation.PYSPARK: _cut_spark,
    nw.Implementation.PYSPARK_CONNECT: _cut_spark,
}


def _collected(native: Any, engine: nw.Implementation) -> Columns:
    """The rows of a native frame that is not computed yet."""
    if engine is nw.Implementation.DUCKDB:
        # narwhals would collect through pyarrow, which DuckDB does not need.
        return {name: _of_numpy(column) for name, column in native.fetchnumpy().items()}
    return _of_eager(nw.from_native(native).collect())


def _of_numpy(column: Any) -> list[Any]:
    """The values of an array, which is masked if any is missing."""
    values = np.ma.getdata(column)
    if values.dtype.kind == "M":
        unit, _ = np.datetime_data(values.dtype)
        per_ms = _NANOSECONDS_PER_MS // _NANOSECONDS[unit]
        whole = values.astype(np.int64)
        values = whole // per_ms if per_ms else whole * (_NANOSECONDS[unit] // _NANOSECONDS_PER_MS)
    found = values.tolist()
    missing = np.ma.getmaskarray(column).tolist()
    return [None if gap or _is_nan(value) else value for value, gap in zip(found, missing, strict=True)]


def _of_eager(frame: nw.DataFrame[Any]) -> Columns:
    return {name: _of_series(frame.get_column(name)) for name in frame.columns}


def _of_series(series: nw.Series[Any]) -> list[Any]:
    values = series.dt.timestamp("ms").to_list() if series.dtype == nw.Datetime else series.to_list()
    gaps = series.is_null().to_list()
    return [None if gap or _is_nan(value) else value for value, gap in zip(values, gaps, strict=True)]


def _is_nan(value: Any) -> bool:
    return type(value) is float and isnan(value)
