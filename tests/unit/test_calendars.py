"""Calendar cells: days, weeks and months in zones whose clocks change, computed by hand; and zones that are refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.calendars import UNITS, Unit, calendar_edges, read_zone
from bucketquery.model.instants import FIRST_MS, LAST_MS
from support.lanes import zone_named

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def ms(text: str) -> int:
    """Epoch ms of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


def edges(unit: Unit, zone: tzinfo | None, first: str, last: str) -> list[str]:
    """The edges of the cells from that of one time to that of another, as times in UTC."""
    found = calendar_edges(unit, zone, ms(first), ms(last), 1_000)
    return [datetime.fromtimestamp(edge / 1_000, UTC).strftime("%Y-%m-%d %H:%M") for edge in found.tolist()]


def rule(offset: Callable[[datetime], Any]) -> tzinfo:
    """A zone with an offset for each local time, and no other method."""
    made: tzinfo = type("Rule", (tzinfo,), {"utcoffset": lambda _, local: offset(local)})()
    return made


#: Zone, unit, a time in the first cell, a time in the last cell, and the edges, all in UTC.
CHANGES: list[tuple[str, Unit, str, str, list[str]]] = [
    # 23 hours in spring, 25 in autumn
    ("Europe/Berlin", "day", "2026-03-29", "2026-03-29", ["2026-03-28 23:00", "2026-03-29 22:00"]),
    ("Europe/Berlin", "day", "2026-10-25", "2026-10-25", ["2026-10-24 22:00", "2026-10-25 23:00"]),
    ("Europe/Berlin", "week", "2026-10-25", "2026-10-26", ["2026-10-18 22:00", "2026-10-25 23:00", "2026-11-01 23:00"]),
    ("Europe/Berlin", "month", "2026-03-15", "2026-03-31", ["2026-02-28 23:00", "2026-03-31 22:00"]),
    ("America/New_York", "month", "2026-01-01", "2026-01-01", ["2025-12-01 05:00", "2026-01-01 05:00"]),
    # midnight does not exist: the clock goes from 00:00 to 01:00
    (
        "America/Sao_Paulo",
        "day",
        "2018-11-03T12:00",
        "2018-11-04T12:00",
        ["2018-11-03 03:00", "2018-11-04 03:00", "2018-11-05 02:00"],
    ),
    ("Asia/Beirut", "day", "2022-03-27T12:00", "2022-03-27T12:00", ["2022-03-26 22:00", "2022-03-27 21:00"]),
    # midnight exists twice: the clock goes from 01:00 back to 00:00
    ("America/Havana", "day", "2022-11-06T12:00", "2022-11-06T12:00", ["2022-11-06 04:00", "2022-11-07 05:00"]),
    # midnight exists twice: the clock goes from 00:01 back to 23:01 of the day before
    (
        "America/St_Johns",
        "day",
        "2005-10-29T12:00",
        "2005-10-30T12:00",
        ["2005-10-29 02:30", "2005-10-30 02:30", "2005-10-31 03:30"],
    ),
    # midnight lies within a gap: the clock goes from 23:30 to 00:30
    (
        "America/Toronto",
        "day",
        "1919-03-30T12:00",
        "1919-03-31T12:00",
        ["1919-03-30 05:00", "1919-03-31 04:30", "1919-04-01 04:00"],
    ),
    # a date that does not exist has no cell
    (
        "Pacific/Apia",
        "day",
        "2011-12-29T12:00",
        "2011-12-30T12:00",
        ["2011-12-29 10:00", "2011-12-30 10:00", "2011-12-31 10:00"],
    ),
    # a date that exists twice has 48 hours
    (
        "America/Juneau",
        "day",
        "1867-10-18T12:00",
        "1867-10-20T09:00",
        ["1867-10-18 08:57", "1867-10-20 08:57", "1867-10-21 08:57"],
    ),
    ("Asia/Kathmandu", "day", "2026-01-01T12:00", "2026-01-01T12:00", ["2025-12-31 18:15", "2026-01-01 18:15"]),
]


@pytest.mark.parametrize(("zone", "unit", "first", "last", "expected"), CHANGES)
def test_a_cell_begins_with_its_first_instant_in_the_zone(
    zone: str, unit: Unit, first: str, last: str, expected: list[str]
) -> None:
    """The edges are those computed by hand from the zone's changes."""
    assert edges(unit, zone_named(zone), first, last) == expected


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-12))])
def test_a_fixed_offset_moves_midnight(zone: tzinfo | None) -> None:
    """A zone without changes has days of 24 hours, weeks from Monday and months of whole days."""
    offset = timedelta(0) if zone is None else zone.utcoffset(None)
    assert offset is not None
    shift = offset // timedelta(milliseconds=1)
    assert (calendar_edges("day", zone, 0, DAY_MS - 1, 9) + shift).tolist() == [
        day * DAY_MS for day in range(shift // DAY_MS, (DAY_MS - 1 + shift) // DAY_MS + 2)
    ]
    week = calendar_edges("week", zone, ms("2026-01-07"), ms("2026-01-07"), 9) + shift
    assert week.tolist() == [ms("2026-01-05"), ms("2026-01-12")]
    month = calendar_edges("month", zone, ms("2024-02-15"), ms("2024-02-15"), 9) + shift
    assert month.tolist() == [ms("2024-02-01"), ms("2024-03-01")]


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/London", "Australia/Lord_Howe", "America/Caracas", "Africa/Casablanca"]
)
@pytest.mark.parametrize("unit", UNITS)
def test_each_edge_begins_a_unit(name: str, unit: Unit) -> None:
    """Around each edge over a century, the local date changes to the first one of the unit."""
    zone = zone_named(name)
    found = calendar_edges(unit, zone, ms("1950-01-01"), ms("2050-01-01"), 10**6).tolist()
    assert found == sorted(set(found))
    for edge in found:
        before, at = (
            (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)).astimezone(zone).date()
            for instant in (edge - 1, edge)
        )
        assert before < at
        assert unit != "week" or at.weekday() == 0
        assert unit != "month" or at.day == 1


@pytest.mark.parametrize("name", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("unit", UNITS)
def test_the_cells_at_the_ends_of_time(name: str, unit: Unit) -> None:
    """The first and the last instant that can be stored lie in cells, which may begin before and end after them."""
    for instant in (FIRST_MS, LAST_MS):
        low, high = calendar_edges(unit, zone_named(name), instant, instant, 1).tolist()
        assert low <= instant < high
        assert high - low <= (UNITS[unit] + 1) * DAY_MS


@pytest.mark.parametrize("unit", UNITS)
def test_too_many_cells_are_refused(unit: Unit) -> None:
    """The limit is exact, and cells far beyond it are not made."""
    last = calendar_edges(unit, None, 0, 9 * UNITS[unit] * DAY_MS, 100).tolist()[-1] - 1
    count = len(calendar_edges(unit, None, 0, last, 100)) - 1
    assert len(calendar_edges(unit, None, 0, last, count)) == count + 1
    with pytest.raises(LimitExceeded, match=f"more than {count - 1} cells"):
        calendar_edges(unit, None, 0, last, count - 1)
    with pytest.raises(LimitExceeded):
        calendar_edges(unit, None, FIRST_MS, LAST_MS, 1_000)


def test_a_zone_needs_an_offset_only() -> None:
    """Any class with ``utcoffset`` is a zone, also one that leaves out the way from UTC. Fractions are rounded up."""
    zone = read_zone(rule(lambda _: timedelta(hours=1, microseconds=1)), "tzinfo")
    assert edges("day", zone, "2026-01-01", "2026-01-01") == ["2025-12-31 23:00", "2026-01-01 23:00"]
    assert calendar_edges("day", rule(lambda _: timedelta(microseconds=-1)), 0, 5, 9).tolist() == [
        -DAY_MS + 1,
        1,
        DAY_MS + 1,
    ]


def failing(_: datetime) -> Any:
    """An offset that raises."""
    raise KeyError("no zone")


@pytest.mark.parametrize(
    "offset",
    [failing, lambda _: None, lambda _: 3600, lambda _: timedelta(hours=24)],
    ids=["raises", "none", "int", "day"],
)
def test_a_zone_without_an_offset_is_refused(offset: Callable[[datetime], Any]) -> None:
    """A zone that raises or has no valid offset is refused, whether at once or for some dates only."""
    with pytest.raises(InvalidQuery) as caught:
        read_zone(rule(offset), "tzinfo")
    assert caught.value.field == "tzinfo"
    later = rule(lambda local: offset(local) if local.year == 2026 else timedelta(0))
    with pytest.raises(InvalidQuery) as caught:
        calendar_edges("day", read_zone(later, "tzinfo"), ms("2026-03-01"), ms("2026-03-05"), 100)
    assert caught.value.field == "tzinfo"


@pytest.mark.parametrize("value", ["UTC", 0, timedelta(0), ZoneInfo, None])
def test_what_is_no_zone_is_refused(value: object) -> None:
    """The name of a zone is not a zone."""
    with pytest.raises(InvalidQuery, match="must be a tzinfo"):
        read_zone(value, "zone")


def test_a_zone_with_two_offsets_for_one_time_is_refused() -> None:
    """Without its own functions, a zone of pytz gives local mean time, but it converts from UTC to standard time."""
    methods = {
        "utcoffset": lambda *_: timedelta(minutes=53),
        "fromutc": lambda _, local: local + timedelta(hours=1),
    }
    with pytest.raises(InvalidQuery, match="two offsets"):
        read_zone(type("TwoFaced", (tzinfo,), methods)(), "tzinfo")


def test_days_that_end_before_they_begin_are_refused() -> None:
    """Offsets that jump from day to day leave no order."""
    zone = rule(lambda local: timedelta(hours=23 if local.day % 2 else -23))
    with pytest.raises(InvalidQuery, match="end before they begin"):
        calendar_edges("day", zone, ms("2026-03-01"), ms("2026-03-05"), 100)


def test_a_gap_at_the_first_date_is_bounded() -> None:
    """A zone may claim that midnight of the year 1 does not exist."""
    zone = rule(lambda local: timedelta(hours=local.fold))
    low, high = calendar_edges("day", zone, FIRST_MS, FIRST_MS, 9).tolist()
    assert low <= FIRST_MS < high
