"""Cells of time for the reference: fixed lengths from the epoch, and days, weeks and months of a zone.

Instants of a zone are found by asking the zone for its offset, one instant after the other.

Not here: which results lie in a cell (`swimlanes`).
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MIDNIGHT_OF_THE_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock, in whichever zone
_SECOND: Final = 1_000
_HOUR: Final = 3_600 * _SECOND


def cell_edges(first: int, last: int, cell: int | str, zone: tzinfo) -> list[int]:
    """The first instant of each cell from that of `first` to that of `last`, and the end of the last cell.

    Args:
        first: an instant in the first cell, in epoch ms.
        last: an instant in the last cell.
        cell: the length in seconds, or ``day``, ``week`` or ``month``.
        zone: the zone of days, weeks and months.

    Complexity: O(c) for c cells.
    Source: docs/semantics/swimlanes.md, 20.swimlane-cells.

    >>> cell_edges(1, 3_600_000, 3_600, UTC), cell_edges(0, 0, "month", UTC)
    ([0, 3600000, 7200000], [0, 2678400000])
    """
    if isinstance(cell, int):
        step = cell * 1_000
        return [*range(first // step * step, last // step * step + 2 * step, step)]
    # The local date of an instant may be the one before its cell, where a clock went back over midnight.
    at = _begin(_wall(first, zone).date() + timedelta(days=1), cell)
    while first_instant(at, zone) > first:
        at = _begin(at - timedelta(days=1), cell)
    edges = [first_instant(at, zone)]
    while edges[-1] <= last:
        at = _following(at, cell)
        # A date that a zone left out begins and ends at one instant: it is no cell.
        if first_instant(at, zone) > edges[-1]:
            edges.append(first_instant(at, zone))
    return edges


@lru_cache(maxsize=2**16)
def first_instant(day: date, zone: tzinfo) -> int:
    """The first instant of a day in a zone: the first one whose wall clock shows midnight or later.

    >>> first_instant(date(1970, 1, 2), UTC)
    86400000
    """
    midnight = (datetime(day.year, day.month, day.day) - _MIDNIGHT_OF_THE_EPOCH) // timedelta(milliseconds=1)  # noqa: DTZ001
    offsets = {_offset(midnight + hours * _HOUR, zone) for hours in range(-26, 27)}
    at = midnight - max(offsets)
    while at + _offset(at, zone) < midnight:
        at += _SECOND
    return at


def _wall(instant: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=instant)).astimezone(zone)


def _offset(instant: int, zone: tzinfo) -> int:
    offset = _wall(instant, zone).utcoffset()
    assert offset is not None, "an aware datetime has an offset"
    return offset // timedelta(milliseconds=1)


def _begin(day: date, cell: str) -> date:
    """The first day of the cell of a day."""
    if cell == "day":
        return day
    return day - timedelta(days=day.weekday()) if cell == "week" else day.replace(day=1)


def _following(begin: date, cell: str) -> date:
    """The first day of the next cell."""
    return _begin(begin + timedelta(days={"day": 1, "week": 7, "month": 31}[cell]), cell)
