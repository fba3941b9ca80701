"""Calendars: the instants at which days, weeks and months begin in a time zone.

The zone is any `tzinfo`; only its `utcoffset` is asked, for local midnights. A local time that exists twice or not at
all follows PEP 495: ``fold=0`` means the offset before the clock changes, ``fold=1`` the offset after it.
"""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, Literal

import numpy as np

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.schema import Int64s

Unit = Literal["day", "week", "month"]

#: The units of a calendar, and the largest number of dates that each has.
UNITS: Final[dict[Unit, int]] = {"day": 1, "week": 7, "month": 31}

_DAY_MS: Final = 86_400_000
_DAY_US: Final = 86_400_000_000
#: The epoch is a Thursday; this is the number of days from a Monday to it.
_EPOCH_WEEKDAY: Final = 3
#: The zone's midnight of a date is less than a day from the date's midnight in UTC, and one date may be left out.
_MARGIN: Final = 2
#: The days from the epoch to the first and to the last date that a `datetime` can have.
_FIRST_DAY: Final = -719_162
_LAST_DAY: Final = 2_932_896
#: Instants in winter and in summer, at which both directions of a zone are compared.
_PROBES: Final = (datetime(2000, 1, 15, 12, tzinfo=UTC), datetime(2000, 7, 15, 12, tzinfo=UTC))


def read_zone(value: object, field: str) -> tzinfo:
    """A time zone, checked.

    Raises:
        InvalidQuery: it is no `tzinfo`, has no offset from UTC, or does not convert its own times back to UTC. A zone
            of pytz is such a zone: without its own functions it means local mean time.

    >>> read_zone(UTC, "tzinfo")
    datetime.timezone.utc
    """
    if not isinstance(value, tzinfo):
        reason = f"[{field}] must be a tzinfo, such as a ZoneInfo, not {type(value).__name__}"
        raise InvalidQuery(reason, field=field, value=value)
    for probe in _PROBES:
        _offset(value, probe.replace(tzinfo=None), field)
        try:
            local = probe.astimezone(value).replace(tzinfo=None)
        except Exception:  # noqa: BLE001, S112 - the code of a zone may raise anything, and no cell needs this direction
            continue
        if _offset(value, local, field) != local - probe.replace(tzinfo=None):
            reason = f"[{field}] has two offsets for one time; use a ZoneInfo"
            raise InvalidQuery(reason, field=field, value=value)
    return value


def calendar_edges(unit: Unit, zone: tzinfo | None, first: int, last: int, most: int) -> Int64s:
    """The instants at which the cells from that of ``first`` to that of ``last`` begin, and the end of the last one.

    A day begins at its first instant in the zone. A date without any instant has no cell.

    Args:
        unit: the unit of a cell. A week begins on Monday.
        zone: the zone; None means UTC.
        first: an instant, epoch ms.
        last: an instant that is not before ``first``.
        most: the largest number of cells.

    Returns:
        Epoch ms, ascending, shape (cells + 1,).

    Raises:
        LimitExceeded: there are more cells than ``most``. It is raised before they are made.
        InvalidQuery: the zone raises an error or has impossible offsets.

    O(c) for c cells, and two calls of the zone for each.

    >>> calendar_edges("day", None, 0, 86_400_000, 10).tolist()
    [0, 86400000, 172800000]
    """
    if (last - first) // (UNITS[unit] * _DAY_MS) > most + _MARGIN:
        raise too_many_cells(most)
    days = _first_days(unit, first // _DAY_MS - _MARGIN, last // _DAY_MS + _MARGIN + 1)
    edges = _midnights(days, zone)
    if (edges[1:] < edges[:-1]).any():
        raise InvalidQuery("[tzinfo] has days that end before they begin", field="tzinfo", value=zone)
    edges = edges[np.append(True, edges[1:] > edges[:-1])]
    edges = edges[int(edges.searchsorted(first, "right")) - 1 : int(edges.searchsorted(last, "right")) + 1]
    if len(edges) - 1 > most:
        raise too_many_cells(most)
    found: Int64s = edges
    return found


def too_many_cells(most: int) -> LimitExceeded:
    """The error for more cells than ``most``."""
    return LimitExceeded(f"[cell] makes more than {most} cells in the window", field="cell")


def _first_days(unit: Unit, first: int, last: int) -> Int64s:
    """The first days of the units from that of a day to the one after that of another, as days from the epoch."""
    if unit == "month":
        low, high = np.array([first, last], dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64).tolist()
        months = np.arange(low, high + 2).astype("datetime64[M]")
        return months.astype("datetime64[D]").astype(np.int64)
    if unit == "day":
        return np.arange(first, last + 2, dtype=np.int64)
    return np.arange(first - (first + _EPOCH_WEEKDAY) % 7, last + 8, 7, dtype=np.int64)


def _midnights(days: Int64s, zone: tzinfo | None) -> Int64s:
    """The first instant of each day in a zone, epoch ms. A day that is left out has that of the next one."""
    if zone is None or type(zone) is timezone:
        offset = 0 if zone is None else _microseconds(_offset(zone, _PROBES[0].replace(tzinfo=None), "tzinfo"))
        return -((offset - days * _DAY_US) // 1_000)
    # No `datetime` lies outside the years 0001 to 9999. There, the offset is that of the nearest day.
    known = days.clip(_FIRST_DAY, _LAST_DAY).astype("datetime64[D]").astype("datetime64[us]").tolist()
    before = _offsets(zone, known, fold=0)
    after = _offsets(zone, known, fold=1)
    instants = days * _DAY_US - before
    # The offset grows in a gap, and falls if the time repeats; then the first of the two instants is the one before.
    for row in (after > before).nonzero()[0].tolist():
        missing = _missing_before(zone, known[row], int(after[row] - before[row]))
        instants[row] -= missing
    rounded_up: Int64s = -(-instants // 1_000)
    return rounded_up


def _missing_before(zone: tzinfo, midnight: datetime, size: int) -> int:
    """How many microseconds before a midnight that does not exist the gap of local times begins.

    Args:
        zone: the zone.
        midnight: the midnight.
        size: the length of the gap in microseconds.
    """
    # The times ``low`` before midnight lie in the gap, and those ``high`` before it do not.
    low, high = 0, min(size, (midnight.toordinal() - 1) * _DAY_US)
    while high - low > 1:
        middle = (low + high) // 2
        local = midnight - timedelta(microseconds=middle)
        if _offset(zone, local.replace(fold=1), "tzinfo") > _offset(zone, local, "tzinfo"):
            low = middle
        else:
            high = middle
    return low


def _offsets(zone: tzinfo, local: list[datetime], *, fold: Literal[0, 1]) -> Int64s:
    """The offset of a zone at some local times, in microseconds."""
    known: dict[Any, int] = {}
    offsets = np.empty(len(local), dtype=np.int64)
    try:
        for row, time in enumerate(local):
            offset = time.replace(tzinfo=zone, fold=fold).utcoffset()
            shift = known.get(offset)
            if shift is None:
                shift = known[offset] = _microseconds(_offset(zone, time, "tzinfo") if offset is None else offset)
            offsets[row] = shift
    except InvalidQuery:
        raise
    except Exception as error:
        raise _failed(zone, "tzinfo") from error
    return offsets


def _offset(zone: tzinfo, local: datetime, field: str) -> timedelta:
    """The offset of a zone at a local time.

    Raises:
        InvalidQuery: the zone raises an error or has no offset.
    """
    try:
        offset = local.replace(tzinfo=zone).utcoffset()
    except Exception as error:
        raise _failed(zone, field) from error
    if offset is None:
        raise _no_offset(zone, field)
    return offset


def _failed(zone: tzinfo, field: str) -> InvalidQuery:
    return InvalidQuery(f"[{field}] cannot give its offset from UTC", field=field, value=zone)


def _no_offset(zone: tzinfo, field: str) -> InvalidQuery:
    return InvalidQuery(f"[{field}] has no offset from UTC", field=field, value=zone)


def _microseconds(offset: timedelta) -> int:
    return (offset.days * 86_400 + offset.seconds) * 1_000_000 + offset.microseconds
