"""Instants in frames: integers of epoch milliseconds, or timestamps of any unit, with or without a time zone.

A timestamp without a zone is UTC. The column itself is only compared with literals, so that an engine skips the files
and row groups that cannot match. As the literals are whole milliseconds, no rounding is needed there.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import narwhals.stable.v2 as nw

from bucketquery.frames.engines import SPARK_LIKE
from bucketquery.model.instants import FIRST_MS, LAST_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000
#: The first and the last millisecond that a timestamp in nanoseconds can have.
_FIRST_NS_MS: Final = -(2**63) // 1_000_000 + 1
_LAST_NS_MS: Final = (2**63 - 1) // 1_000_000
#: The number of characters of a timestamp's text up to its milliseconds.
_UP_TO_MS: Final = 23
_DUCKDB: Final = frozenset({nw.Implementation.DUCKDB, nw.Implementation.IBIS})
_UTC: Final = frozenset({None, "UTC", "Etc/UTC"})


def instant(name: str, dtype: Any, engine: nw.Implementation) -> nw.Expr:
    """The column, rounded down to milliseconds."""
    column = nw.col(name)
    if dtype.is_integer():
        return column
    if dtype.is_numeric():
        # pandas has floats where integers are missing.
        column = column.cast(nw.Float64)
        return nw.when(~column.is_nan()).then(column)
    if (engine in SPARK_LIKE and dtype.time_zone is None) or (engine in _DUCKDB and dtype.time_unit == "ns"):
        # To cut them, Spark would read timestamps without a zone in the session's zone, and DuckDB would round
        # nanoseconds to microseconds.
        return column.cast(nw.String).str.slice(0, _UP_TO_MS).cast(nw.Datetime("us"))
    return column.dt.truncate("1ms")


def in_window(
    name: str, dtype: Any, engine: nw.Implementation, start: int, end: int
) -> tuple[nw.Expr | None, nw.Expr | None]:
    """The conditions that the column is at least ``start``, and less than ``end``; None if every instant meets it."""
    column = nw.col(name)
    first, last = FIRST_MS, LAST_MS
    if not dtype.is_numeric() and dtype.time_unit == "ns":
        first, last = _FIRST_NS_MS, _LAST_NS_MS
    low = high = None
    if start > last or end <= first:
        # No instant is less than itself, and the literal of an instant behind the last may not exist.
        return column != nw.col(name), None
    if start > first:
        low = column >= literal(start, dtype, engine)
    if end <= last:
        high = column < literal(end, dtype, engine)
    return low, high


def literal(instant_ms: int, dtype: Any, engine: nw.Implementation) -> nw.Expr:
    """An instant that can be compared with a column of a type."""
    if dtype.is_numeric():
        return nw.lit(instant_ms)
    moment = _EPOCH + timedelta(milliseconds=instant_ms)
    is_naive = dtype.time_zone is None
    if engine in SPARK_LIKE:
        # Spark's literals of datetimes depend on the zones of the process and of the session, and on the calendar
        # before 1900. Texts do not; Spark reads them once, before it chooses files.
        text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
        return nw.lit(text if is_naive else f"{text}Z").cast(dtype)
    if is_naive:
        return nw.lit(moment.replace(tzinfo=None))
    if engine is nw.Implementation.POLARS:
        # Polars compares timestamps of one zone only.
        return nw.lit(moment).cast(dtype)
    return nw.lit(moment)


def milliseconds_in_duckdb(name: str) -> str:
    """An SQL expression for a column of timestamps with a zone: epoch milliseconds, rounded down.

    DuckDB cuts such a timestamp by a calendar, which takes 20 times as long.

    >>> milliseconds_in_duckdb("timestamp")
    'epoch_us("timestamp") // 1000 - (epoch_us("timestamp") % 1000 < 0)::BIGINT'
    """
    # DuckDB rounds a division of integers towards zero.
    return f'epoch_us("{name}") // 1000 - (epoch_us("{name}") % 1000 < 0)::BIGINT'


def day(name: str, dtype: Any) -> nw.Expr:
    """A value that rises from day to day, and is the same during a day of some zone."""
    column = nw.col(name)
    return column // _DAY_MS if dtype.is_numeric() else column.dt.truncate("1d")


def steps(name: str, dtype: Any, span_ms: int) -> nw.Expr | None:
    """A value that two instants share only if one interval of ``span_ms`` has both; None: only each instant has one.

    Engines cut time at whole units. Days are cut in UTC only; in another zone they begin at other instants.
    """
    column = nw.col(name)
    if dtype.is_numeric():
        unit = next(unit for unit in (_DAY_MS, 3_600_000, 60_000, 1_000, 1) if span_ms % unit == 0)
        return column // unit
    units = (("1d", _DAY_MS), ("1h", 3_600_000), ("1m", 60_000), ("1s", 1_000))
    allowed = units if dtype.time_zone in _UTC else units[1:]
    unit_name = next((name for name, unit in allowed if span_ms % unit == 0), None)
    return None if unit_name is None else column.dt.truncate(unit_name)
