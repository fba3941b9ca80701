"""Instants: the epoch milliseconds that each valid spelling covers, and the errors of invalid ones."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model import instants
from bucketquery.model.instants import (
    FIRST_MS,
    LAST_MS,
    LONGEST_TEXT,
    MOST_STEPS,
    InstantRange,
    NowMath,
    instant_ms,
    read_calendar,
    read_instant,
)
from bucketquery.model.scalars import base_form

DAY = 86_400_000
INT64_MAX = 2**63 - 1
#: 2020-01-31T13:45:30.250Z, a Friday of a leap year.
NOW = int(datetime(2020, 1, 31, 13, 45, 30, 250_000, tzinfo=UTC).timestamp() * 1000)


def at(*parts: int) -> int:
    """The epoch ms of year, month, day, hour and so on, in UTC."""
    return (datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)  # type: ignore[arg-type, misc] # parts are at most seven


class NoOffset(tzinfo):
    """A time zone without an offset, so its datetimes count as naive."""

    def utcoffset(self, when: datetime | None) -> None:
        """Return None."""

    def dst(self, when: datetime | None) -> None:
        """Return None."""

    def tzname(self, when: datetime | None) -> None:
        """Return None."""


class Moment(IntEnum):
    """Epoch milliseconds as an enumeration."""

    FIVE = 5


class Unequal(datetime):
    """A datetime that is not equal to itself."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = datetime.__hash__


class Strange(datetime):
    """A datetime with an arithmetic of its own."""

    def __sub__(self, other: object) -> Any:
        return Decimal(5)


class SaysUtc(datetime):
    """A datetime that says that it has an offset, with or without a zone."""

    def utcoffset(self) -> timedelta:
        """Return no time."""
        return timedelta()


def read(value: object) -> InstantRange:
    """The range that a spelling without ``now`` covers."""
    found = read_instant(value, "timestamp", covers=True)
    assert isinstance(found, InstantRange)
    return found


# ---- types

NUMBERS: list[tuple[Any, int]] = [
    (5, 5),
    (-1, -1),
    (np.int16(-7), -7),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (2**70, 2**70),
    (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 0),
    (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
    (datetime(1970, 1, 1, 0, 0, 0, 1_999, tzinfo=UTC), 1),
    (datetime.max.replace(tzinfo=timezone(timedelta(hours=-24, minutes=1))), LAST_MS + DAY - 60_000),
    (np.datetime64("1970-01-01T00:00:00.005"), 5),
    (np.datetime64(-1, "ns"), -1),
    (np.datetime64(1_999_999, "ns"), 1),
    (np.datetime64(-1, "us"), -1),
    (np.datetime64(-1, "as"), -1),
    (np.datetime64(10**15 - 1, "as"), 0),
    (np.datetime64(10**12, "fs"), 1),
    (np.datetime64(10**9, "ps"), 1),
    (np.datetime64(3, "s"), 3_000),
    (np.datetime64(3, "m"), 180_000),
    (np.datetime64(-3, "h"), -10_800_000),
    (np.datetime64("2020-02-29"), at(2020, 2, 29)),
    (np.datetime64(1, "W"), 7 * DAY),
    (np.datetime64("2020-02"), at(2020, 2, 1)),
    (np.datetime64("2020"), at(2020, 1, 1)),
    (np.datetime64("0001"), FIRST_MS),
    (np.array(2, dtype="M8[25s]")[()], 50_000),
    (np.datetime64(INT64_MAX, "s"), INT64_MAX * 1_000),
    (np.datetime64("12000"), LAST_MS + 1),
    (np.datetime64("-12000-03"), FIRST_MS - DAY),
    (date(1970, 1, 2), DAY),
    (date(1, 1, 1), FIRST_MS),
    (Unequal(1970, 1, 1, tzinfo=UTC), 0),
    (Strange(1970, 1, 1, tzinfo=UTC), 0),
    (SaysUtc(1970, 1, 1, tzinfo=timezone(timedelta(hours=-1))), 3_600_000),
    (np.array(5), 5),
    (np.array(np.datetime64(3, "s")), 3_000),
    (Moment.FIVE, 5),
]


@pytest.mark.parametrize(("value", "moment"), NUMBERS, ids=lambda part: repr(part)[:60])
def test_a_number_or_time_is_one_instant(value: object, moment: int) -> None:
    """A number is exact at any size, and a time is floored to milliseconds.

    A datetime64 of years or months outside the calendar gives an instant just outside it.
    """
    assert instant_ms(base_form(value)) == moment
    clamped = min(max(moment, -(2**63)), INT64_MAX)
    assert read(value) == InstantRange(clamped, clamped)


OTHERS: list[Any] = [
    True,
    np.True_,
    1.5,
    np.float64(1),
    b"2020",
    [0],
    np.array([0]),
    np.timedelta64(5, "ms"),
    timedelta(1),
    datetime(2020, 1, 1),  # noqa: DTZ001 - a naive one must be refused
    datetime(2020, 1, 1, tzinfo=NoOffset()),
    SaysUtc(2020, 1, 1),
    np.datetime64("NaT"),
    np.datetime64("NaT", "ns"),
    None,
]


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: f"{type(value).__name__} {value!r}"[:60])
def test_other_types_are_not_instants(value: object) -> None:
    """Booleans, floats, naive datetimes and NaT are refused; the error names the parameter and the value."""
    assert instant_ms(value) is None
    with pytest.raises(InvalidQuery) as caught:
        read_instant(value, "end")
    assert caught.value.field == "end"
    assert caught.value.value is value
    assert caught.value.reason.startswith("[end] must be ")
    assert caught.value.type == "illegal_argument_exception"


# ---- dates

DATES = [
    ("2020", at(2020, 1, 1), DAY),
    ("0001", FIRST_MS, DAY),
    ("2020-02", at(2020, 2, 1), DAY),
    ("2020-02-29", at(2020, 2, 29), DAY),
    ("2020-02-29T", at(2020, 2, 29), DAY),
    ("2020-02-29T13", at(2020, 2, 29, 13), 3_600_000),
    ("2020-02-29T13Z", at(2020, 2, 29, 13), 3_600_000),
    ("2020-02-29T13:45", at(2020, 2, 29, 13, 45), 60_000),
    ("2020-02-29T13:45:30", at(2020, 2, 29, 13, 45, 30), 1_000),
    ("2020-02-29T13:45:30Z", at(2020, 2, 29, 13, 45, 30), 1_000),
    ("2020-02-29T13:45:30.250Z", at(2020, 2, 29, 13, 45, 30, 250_000), 1),
    ("0001-01-01T00:00:00.000Z", FIRST_MS, 1),
    ("9999-12-31T23:59:59Z", LAST_MS - 999, 1_000),
    ("2020-02-29T13:45:30.2", at(2020, 2, 29, 13, 45, 30, 200_000), 1),
    ("2020-02-29T13:45:30,123456789", at(2020, 2, 29, 13, 45, 30, 123_000), 1),
    ("2020-02-29T13:45UTC", at(2020, 2, 29, 13, 45), 60_000),
    ("2020-02-29T13:45GMT", at(2020, 2, 29, 13, 45), 60_000),
    ("2020-02-29T13:45+02", at(2020, 2, 29, 11, 45), 60_000),
    ("2020-02-29T13:45-0230", at(2020, 2, 29, 16, 15), 60_000),
    ("2020-02-29T13:45+02:30", at(2020, 2, 29, 11, 15), 60_000),
    ("2020-02-29T13+18:00", at(2020, 2, 28, 19), 3_600_000),
    ("2020-02-29T13-18", at(2020, 3, 1, 7), 3_600_000),
    ("9999-12-31", LAST_MS - DAY + 1, DAY),
    ("9999-12-31T23:59:59.999", LAST_MS, 1),
]


@pytest.mark.parametrize(("text", "first", "covered"), DATES)
def test_a_date_covers_its_last_part(text: str, first: int, covered: int) -> None:
    """The range is that of its day, hour, minute, second or millisecond. A missing month or day is 1."""
    assert read_calendar(text) == read(text) == InstantRange(first, first + covered - 1)


NO_DATES = [
    "2020-13",
    "2020-00",
    "2020-02-30",
    "2020-02-30T00:00:00Z",
    "2020-02-29T24:00:00Z",
    "2020-02-29T23:59:60Z",
    "2019-02-29",
    "2020-2-1",
    "2020-02-29 13:45",
    "2020-02-29t13",
    "2020-02-29T24",
    "2020-02-29T13:60",
    "2020-02-29T13:45:60",
    "2020-02-29T13:45:30.",
    "2020-02-29T13:45:30.1234567890",
    "2020-02-29T13+18:01",
    "2020-02-29T13+19",
    "2020-02-29T13+02:60",
    "2020-02-29T13+2",
    "2020-02-29Z",
    "2020-02-29TZ",
    " 2020",
    "2020\n",
    "٢٠٢٠",
    "-2020",
    "-2020-01-01",
    "20200101T00",
    "today",
    "NOW",
    "1e5",
    "1.1234567",
    "--5",
    "+5",
    ".5",
    "-",
]


@pytest.mark.parametrize("text", NO_DATES)
def test_an_invalid_date_is_refused_with_its_text(text: str) -> None:
    """The error has the API's words and the invalid text."""
    assert read_calendar(text) is None
    with pytest.raises(InvalidQuery) as caught:
        read_instant(text, "start")
    assert f"failed to parse date field [{text}] with format" in caught.value.reason
    assert "neither a calendar date" in caught.value.reason
    assert (caught.value.type, caught.value.field, caught.value.value) == ("parse_exception", "start", text)


@pytest.mark.parametrize("zone", ["Europe/Paris", "EST", "z", "utc", "UTC+1"])
def test_a_region_is_refused_by_name(zone: str) -> None:
    """Zones that need a time zone database are not supported; the error names the zone."""
    assert read_calendar(f"2020-02-29T13:45{zone}") is None
    with pytest.raises(InvalidQuery, match="is a region") as caught:
        read_instant(f"2020-02-29T13:45{zone}", "start")
    assert f"[{zone}]" in caught.value.reason


OUTSIDE = [
    "0000",
    "0000-06-01T00:00:00.000Z",
    "0000-06-01",
    "0001-01-01T00+00:01",
    "9999-12-31T23:59-00:01",
    "9999-12-31T23-18:00",
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_a_date_outside_the_years_exceeds_a_limit(text: str) -> None:
    """Year 0 does not exist. An offset may move an instant out of the years 0001 to 9999 at both ends."""
    with pytest.raises(OverflowError):
        read_calendar(text)
    with pytest.raises(LimitExceeded) as caught:
        read_instant(text, "end")
    assert (caught.value.field, caught.value.value) == ("end", text)


def outcome(text: str) -> object:
    """The range that a text covers, or the data of its error."""
    try:
        return read_instant(text, "timestamp", covers=True)
    except (InvalidQuery, LimitExceeded) as error:
        return type(error), error.reason, error.field, error.value, error.type


@given(st.from_regex(instants._USUAL, fullmatch=True) | st.sampled_from([text for text, _, _ in DATES]))
def test_the_fast_path_for_dates_changes_no_result(text: str) -> None:
    """Results and errors are the same without the fast path."""
    short = outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instants, "_USUAL", re.compile("(?!)"))
        assert outcome(text) == short


def test_the_last_hour_ends_inside_the_years() -> None:
    """If an offset moves only the end of an hour past the last instant, the hour is cut off there.

    If it moves the start past it too, the text is refused.
    """
    assert (
        read_calendar("9999-12-31T23-00:30")
        == read("9999-12-31T23-00:30")
        == InstantRange(LAST_MS - 30 * 60_000 + 1, LAST_MS)
    )
    with pytest.raises(OverflowError):
        read_calendar("9999-12-31T23-01:00")


EPOCHS = [
    ("0", 0),
    ("5", 5),
    ("-1", -1),
    ("20200", 20_200),
    ("-20200", -20_200),
    ("00002020", 2_020),
    ("202", 202),
    ("2020.", 2_020),
    ("2020.0", 2_020),
    ("-5.0", -5),
    ("-5.000001", -6),
    ("5.999999", 5),
    ("-0.5", -1),
    ("9" * 30, INT64_MAX),
    ("-" + "9" * 30, -(2**63)),
]


@pytest.mark.parametrize(("text", "moment"), EPOCHS)
def test_other_digits_are_epoch_milliseconds(text: str, moment: int) -> None:
    """Any number of digits except four is epoch milliseconds, floored and clamped to int64."""
    assert read(text) == InstantRange(moment, moment)


# ---- date math

MATH = [
    ("+1d", at(2020, 2, 1, 13, 45, 30, 250_000)),
    ("+d", at(2020, 2, 1, 13, 45, 30, 250_000)),
    ("-1s", at(2020, 1, 31, 13, 45, 29, 250_000)),
    ("+0w", NOW),
    ("+2w", at(2020, 2, 14, 13, 45, 30, 250_000)),
    ("-3h", at(2020, 1, 31, 10, 45, 30, 250_000)),
    ("-3H", at(2020, 1, 31, 10, 45, 30, 250_000)),
    ("+90m", at(2020, 1, 31, 15, 15, 30, 250_000)),
    ("+1M", at(2020, 2, 29, 13, 45, 30, 250_000)),
    ("+13M", at(2021, 2, 28, 13, 45, 30, 250_000)),
    ("-2M", at(2019, 11, 30, 13, 45, 30, 250_000)),
    ("+1M+1M", at(2020, 3, 29, 13, 45, 30, 250_000)),
    ("-4y", at(2016, 1, 31, 13, 45, 30, 250_000)),
    ("/d+1h", at(2020, 1, 31, 1)),
    ("/1d+1h", at(2020, 1, 31, 1)),
]
ROUNDED = [
    ("/s", at(2020, 1, 31, 13, 45, 30), at(2020, 1, 31, 13, 45, 31)),
    ("/m", at(2020, 1, 31, 13, 45), at(2020, 1, 31, 13, 46)),
    ("/h", at(2020, 1, 31, 13), at(2020, 1, 31, 14)),
    ("/H", at(2020, 1, 31, 13), at(2020, 1, 31, 14)),
    ("/d", at(2020, 1, 31), at(2020, 2, 1)),
    ("/w", at(2020, 1, 27), at(2020, 2, 3)),
    ("/M", at(2020, 1, 1), at(2020, 2, 1)),
    ("/y", at(2020, 1, 1), at(2021, 1, 1)),
    ("+1M/M", at(2020, 2, 1), at(2020, 3, 1)),
    ("-31d/y", at(2019, 1, 1), at(2020, 1, 1)),
]


def resolved(math: str) -> InstantRange:
    """The range that ``now`` with date math covers, at `NOW`."""
    found = read_instant(f"now{math}", "timestamp", covers=True)
    assert isinstance(found, NowMath)
    return found.resolve(NOW, "timestamp")


@pytest.mark.parametrize("math", ["", *(math for math, _ in MATH)])
def test_math_on_a_date_equals_math_on_now(math: str) -> None:
    """A date with ``||`` and the same ``now`` cover the same range; the date is resolved when it is read."""
    anchored = read(f"2020-01-31T13:45:30.250Z||{math}")
    assert anchored == resolved(math)


@pytest.mark.parametrize(("math", "moment"), MATH)
def test_steps_are_taken_one_by_one(math: str, moment: int) -> None:
    """Steps of months and years keep the day of the month, or take the last day of a shorter month."""
    expected = moment if "/" not in math else None
    assert resolved(math).first == moment
    assert expected is None or resolved(math) == InstantRange(moment, moment)


@pytest.mark.parametrize(("math", "first", "behind"), ROUNDED)
def test_rounding_covers_the_unit(math: str, first: int, behind: int) -> None:
    """The range runs from the first to the last millisecond of the unit."""
    assert resolved(math) == InstantRange(first, behind - 1)


def test_weeks_begin_on_monday_before_the_epoch_too() -> None:
    """The day before the epoch was a Wednesday."""
    assert read("1969-12-31||/w") == InstantRange(at(1969, 12, 29), at(1970, 1, 5) - 1)


BAD_MATH = [
    ("x", "operator not supported for date math [x]"),
    ("+1d x", "operator not supported for date math [+1d x]"),
    ("1d", "operator not supported for date math [1d]"),
    ("+", "truncated date math [+]"),
    ("+1", "truncated date math [+1]"),
    ("/", "truncated date math [/]"),
    ("/2d", "rounding `/` can only be used on single unit types [/2d]"),
    ("/0d", "rounding `/` can only be used on single unit types [/0d]"),
    ("+1q", "unit [q] not supported for date math [+1q]"),
    ("+1\n", "unit [\n] not supported for date math [+1\n]"),
    ("+-1d", "unit [-] not supported for date math [+-1d]"),
]


@pytest.mark.parametrize(("math", "reason"), BAD_MATH)
@pytest.mark.parametrize("anchor", ["now", "2020||"])
def test_bad_math_is_refused_in_the_apis_words(anchor: str, math: str, reason: str) -> None:
    """The error occurs when the text is read, also for ``now``."""
    with pytest.raises(InvalidQuery) as caught:
        read_instant(anchor + math, "start")
    assert caught.value.reason == reason
    assert (caught.value.type, caught.value.value) == ("parse_exception", anchor + math)


@pytest.mark.parametrize("text", ["", "||", "||+1d"])
def test_an_empty_date_is_refused(text: str) -> None:
    """It is refused with and without date math."""
    with pytest.raises(InvalidQuery, match="cannot parse empty datetime"):
        read_instant(text, "start")


def test_text_has_bounds() -> None:
    """64 characters and 8 steps are read; one more of either is refused."""
    longest = "2020||" + "+" + "0" * (LONGEST_TEXT - 8) + "d"
    assert len(longest) == LONGEST_TEXT
    assert read(longest).first == at(2020, 1, 1)
    with pytest.raises(LimitExceeded, match="65 characters, more than 64"):
        read_instant(longest + "d", "start")
    assert read("2020||" + "+1d" * MOST_STEPS).first == at(2020, 1, 9)
    for anchor in ("now", "2020||"):
        with pytest.raises(LimitExceeded, match="9 operations of date math, more than 8"):
            read_instant(anchor + "+1d" * (MOST_STEPS + 1), "start")


LEAVING = [
    "9999-12-31||+1d",
    "9999-12||+1M",
    "9999||+1y",
    "0001||-1s",
    "0001||-1M",
    "0001||-1y",
    "0001||/w-1w",
    "2020||+" + "9" * 50 + "y",
    "2020||-" + "9" * 50 + "M",
    "2020||+" + "9" * 50 + "s",
    "2020||+9000y-9000y",
    "9" * 30 + "||+1s",
    "9" * 30 + "||/d",
]


@pytest.mark.parametrize("text", LEAVING)
def test_a_step_that_leaves_the_years_exceeds_a_limit(text: str) -> None:
    """The text is refused even if a later step would lead back into these years."""
    with pytest.raises(LimitExceeded, match="leaves the years 0001 to 9999"):
        read_instant(text, "start")


def test_epoch_digits_without_date_math_may_lie_outside_the_years() -> None:
    """They are read like integers. Only date math must stay inside the years."""
    assert read("99999999999999999||").first == 99_999_999_999_999_999


def test_rounding_stays_inside_the_last_year() -> None:
    """The last month and the last year end at the last instant."""
    assert read("9999-12-31||/y") == InstantRange(at(9999, 1, 1), LAST_MS)
    assert read("9999-12-31||/M") == InstantRange(at(9999, 12, 1), LAST_MS)
    assert read("0001||/w").first == FIRST_MS


def test_a_bound_is_the_start_of_the_range_that_it_covers() -> None:
    """The last week ends outside the calendar. Only a lookup refuses it, with a date and with ``now``."""
    monday = at(9999, 12, 27)
    assert read_instant("9999-12-31||/w", "end") == InstantRange(monday, monday)
    now = read_instant("now/w", "end")
    assert isinstance(now, NowMath)
    assert now.resolve(LAST_MS, "end") == InstantRange(monday, monday)
    with pytest.raises(LimitExceeded, match=r"\[timestamp\] leaves the years 0001 to 9999"):
        read("9999-12-31||/w")


def test_now_is_resolved_later() -> None:
    """Text with ``now`` becomes a `NowMath`, which gives the same result for the same clock each time."""
    found = read_instant("now-1d", "start")
    assert isinstance(found, NowMath)
    assert found == read_instant("now-1d", "end")
    assert found.resolve(DAY, "start") == found.resolve(DAY, "start") == InstantRange(0, 0)
    with pytest.raises(LimitExceeded) as caught:
        found.resolve(FIRST_MS, "timestamp")
    assert (caught.value.field, caught.value.value) == ("timestamp", "now-1d")
    bare = read_instant("now", "start")
    assert isinstance(bare, NowMath)
    assert bare.resolve(2**80, "start") == InstantRange(2**80, 2**80)


def test_a_timestamp_of_pandas_is_an_instant() -> None:
    """It may lie outside the years of a datetime, and its nanoseconds are floored."""
    pd = pytest.importorskip("pandas")
    paris = pd.Timestamp("1970-01-01T01:00:00.0019", tz="Europe/Paris")
    assert instant_ms(paris) == 1
    far = pd.Timestamp(np.datetime64("20000-01-01", "s")).tz_localize("UTC")
    assert instant_ms(far) == instant_ms(np.datetime64("20000-01-01", "s"))
    for value in (pd.NaT, pd.NA, pd.Timestamp("1970-01-01")):
        with pytest.raises(InvalidQuery):
            read_instant(value, "start")
