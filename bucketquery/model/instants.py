"""Instants: every spelling of one, and its epoch milliseconds.

The grammar is that of the server's default date format ``strict_date_optional_time||epoch_millis`` with its date math.
An instant without ``now`` is resolved when it is read. `NowMath` is resolved at the search, which reads the clock once.
`queries` decides which parameters may be unset, and how.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.scalars import base_form, is_missing, is_of_pandas

Instant = int | str | date | datetime | np.datetime64

MS_PER_DAY: Final = 86_400_000
#: First and last millisecond of the years 0001 to 9999; no stored result lies outside.
FIRST_MS: Final = -62_135_596_800_000
LAST_MS: Final = 253_402_300_799_999
LONGEST_TEXT: Final = 64
MOST_STEPS: Final = 8

_new_tuple: Final = tuple.__new__
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_ONE_MS: Final = timedelta(milliseconds=1)
_LAST_OFFSET_MINUTES: Final = 18 * 60

_EPOCH_MS = re.compile(r"-?[0-9]+(?:\.[0-9]{0,6})?")
_YEAR_LIKE = re.compile(r"-?[0-9]{4}")
_CALENDAR = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T(?:([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r"(Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?|[A-Za-z][\w+:/~.-]*)?)?)?)?)?",
    re.ASCII,
)
#: Most dates: a day, or a time in UTC to the second or millisecond. The length of the text tells what it covers.
_USUAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z)?")
_USUALLY_COVERED: Final = {10: MS_PER_DAY, 20: 1_000, 24: 1}
_STEP = re.compile(r"([+/-])([0-9]*)(.?)", re.DOTALL)

_UNIT_MS: Final = {
    "w": 7 * MS_PER_DAY,
    "d": MS_PER_DAY,
    "h": 3_600_000,
    "H": 3_600_000,
    "m": 60_000,
    "s": 1_000,
}
_UNIT_MONTHS: Final = {"y": 12, "M": 1}
_NUMPY_UNIT_MS: Final = {"W": 7 * MS_PER_DAY, "D": MS_PER_DAY, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_NUMPY_UNITS_PER_MS: Final = {"us": 10**3, "ns": 10**6, "ps": 10**9, "fs": 10**12, "as": 10**15}


class InstantRange(NamedTuple):
    """The instants that a date text covers: from its first millisecond to its last, both included."""

    first: int
    last: int


class Step(NamedTuple):
    """One operation of date math: it adds ``amount`` units, or rounds to one unit if ``rounds``."""

    rounds: bool
    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class NowMath:
    """``now`` and the steps after it. A search resolves them after it has read the clock.

    Attributes:
        text: the text as given.
        steps: the operations on ``now``, in this order.
        covers: True: the text means all instants that it covers; False: only the first.
    """

    text: str
    steps: tuple[Step, ...]
    covers: bool

    def resolve(self, now: int, field: str) -> InstantRange:
        """The instants that it means at ``now``, epoch ms.

        Raises:
            LimitExceeded: a step leaves the years 0001 to 9999.
        """
        return _after_steps(now, self.steps, self.text, field, covers=self.covers)


def read_instant(value: object, field: str, *, covers: bool = False) -> InstantRange | NowMath:
    """Read the instant that the parameter ``field`` gives.

    Only text covers more than one millisecond. Without ``covers``, the range of date math has only its first instant.
    A bound may then lie in a week that ends after the year 9999.

    Fractions of a millisecond are floored. Integers and epoch digits beyond int64 are clamped. No instant is stored
    there, so no answer changes.

    Raises:
        InvalidQuery: the value is not an instant, such as a naive ``datetime``, a bool, NaT or unreadable text.
        LimitExceeded: the text is too long, has too many steps, or leaves the years 0001 to 9999.

    The cost is bounded, since the length of a text is limited.
    Source: the server's ``JavaDateMathParser``, ``Iso8601Parser`` and ``EpochTime``; the types are ours.

    >>> read_instant("2020-02", "start")
    InstantRange(first=1580515200000, last=1580601599999)
    >>> read_instant(1580515200000, "start").first
    1580515200000
    """
    return read_base_form(base_form(value), value, field, covers=covers)


def read_base_form(base: object, value: object, field: str, *, covers: bool) -> InstantRange | NowMath:
    """The result of `read_instant` for a value whose base form is known.

    Raises:
        InvalidQuery: as `read_instant` does.
        LimitExceeded: as `read_instant` does.
    """
    if type(base) is str:
        return _read_text(base, field, covers=covers)
    moment = instant_ms(base)
    if moment is None:
        reason = (
            f"[{field}] must be int epoch milliseconds, text, an aware datetime, a date or a numpy.datetime64, "
            f"not {type(value).__name__}"
        )
        if is_time(base):
            reason = f"[{field}] must be a datetime with a time zone, or a datetime64 with a unit that is not NaT"
        raise InvalidQuery(reason, field=field, value=value)
    moment = min(max(moment, _INT64_MIN), _INT64_MAX)
    return InstantRange(moment, moment)


def is_time(value: object) -> bool:
    """Whether the base form of a value is a datetime of any library, with or without a zone; NaT is one too."""
    return issubclass(type(value), datetime | np.datetime64)


def instant_ms(value: Any) -> int | None:
    """Epoch ms of the base form of an instant, unbounded and floored; None for any other value.

    An instant is an int, an aware datetime, a datetime64 with a unit, or a date, which is its midnight in UTC.
    """
    of = type(value)
    if of is int:
        moment: int = value
        return moment
    if of is not datetime and is_missing(value):
        return None
    if of is np.datetime64:
        return _datetime64_ms(value)
    if issubclass(of, datetime):
        return _datetime_ms(value)
    if issubclass(of, date):
        return (date.toordinal(value) - _EPOCH_DAY) * MS_PER_DAY
    return None


def datetime_of(moment: int) -> datetime:
    """A stored instant, epoch ms, as an aware datetime, UTC.

    >>> datetime_of(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return _EPOCH + moment * _ONE_MS


def read_calendar(text: str) -> InstantRange | None:
    """The instants that a calendar date covers; None if the text is not such a date, or its zone is a region.

    The last parts of the date may be missing. For the first instant a missing part is its lowest value. For the last
    instant a missing time is the end of the day, but a missing month or day is 1: ``2020-06`` covers June 1 only.

    Raises:
        OverflowError: outside the years 0001 to 9999.

    Source: ``strict_date_optional_time``; its parser takes a bare trailing ``T`` too.

    >>> read_calendar("2020-06-01T12:30+02:00")
    InstantRange(first=1591007400000, last=1591007459999)
    """
    found = _CALENDAR.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    offset_minutes = _offset_minutes(zone)
    if offset_minutes is None or (hour or "00") > "23" or (minute or "00") > "59" or (second or "00") > "59":
        return None
    if year == "0000":
        raise OverflowError(text)
    try:
        days = date(int(year), int(month or 1), int(day or 1)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    first = days * MS_PER_DAY
    if hour is None:
        covered = MS_PER_DAY
    else:
        first += int(hour) * 3_600_000 + int(minute or 0) * 60_000 + int(second or 0) * 1_000
        first += int((fraction or "").ljust(3, "0")[:3]) - offset_minutes * 60_000
        covered = 3_600_000 if minute is None else 60_000 if second is None else 1_000 if fraction is None else 1
    if not FIRST_MS <= first <= LAST_MS:
        raise OverflowError(text)
    return InstantRange(first, min(first + covered - 1, LAST_MS))


def _read_text(text: str, field: str, *, covers: bool) -> InstantRange | NowMath:
    usual = _read_usual(text)
    if usual is not None:
        return usual
    if len(text) > LONGEST_TEXT:
        reason = f"[{field}] is a date text of {len(text)} characters, more than {LONGEST_TEXT}"
        raise LimitExceeded(reason, field=field, value=text)
    if text.startswith("now"):
        return NowMath(text, _read_steps(text[3:], text, field), covers)
    anchor, has_math, math = text.partition("||")
    covered = _read_anchor(anchor, text, field)
    if not has_math:
        return covered
    return _after_steps(covered.first, _read_steps(math, text, field), text, field, covers=covers)


def _read_usual(text: str) -> InstantRange | None:
    """The result of `_read_text` for the usual forms of a date, in a third of the time; None for any other text."""
    if not _USUAL.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        # The day or the time does not exist. `_read_text` raises the error.
        return None
    first = (moment.toordinal() - _EPOCH_DAY) * MS_PER_DAY + moment.microsecond // 1_000
    first += moment.hour * 3_600_000 + moment.minute * 60_000 + moment.second * 1_000
    return _new_tuple(InstantRange, (first, first + _USUALLY_COVERED[len(text)] - 1))


def _read_anchor(anchor: str, text: str, field: str) -> InstantRange:
    if not anchor:
        raise _unreadable("cannot parse empty datetime", text, field)
    if _EPOCH_MS.fullmatch(anchor) and not _YEAR_LIKE.fullmatch(anchor):
        whole, _, fraction = anchor.partition(".")
        moment = int(whole) - (whole.startswith("-") and fraction.strip("0") != "")
        moment = min(max(moment, _INT64_MIN), _INT64_MAX)
        return InstantRange(moment, moment)
    try:
        covered = read_calendar(anchor)
    except OverflowError:
        raise _outside_years(text, field) from None
    if covered is None:
        reason = f"failed to parse date field [{anchor}] with format [strict_date_optional_time||epoch_millis]"
        raise _unreadable(f"{reason}: {_what_is_wrong(anchor)}", text, field)
    return covered


def _what_is_wrong(anchor: str) -> str:
    found = _CALENDAR.fullmatch(anchor)
    zone = found and found[8]
    if zone and zone[0].isalpha() and _offset_minutes(zone) is None:
        return f"the time zone [{zone}] is a region; only offsets, Z, UTC and GMT are known here"
    return "neither a calendar date such as [2020-01-31T12:00:00Z] nor epoch milliseconds"


def _offset_minutes(zone: str | None) -> int | None:
    """Minutes east of UTC; None for a region or more than 18 hours."""
    if zone is None or zone in {"Z", "UTC", "GMT"}:
        return 0
    if zone[0] not in "+-":
        return None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if digits[2:] > "59" or minutes > _LAST_OFFSET_MINUTES:
        return None
    return -minutes if zone[0] == "-" else minutes


def _read_steps(math: str, text: str, field: str) -> tuple[Step, ...]:
    steps = []
    position = 0
    while position < len(math):
        found = _STEP.match(math, position)
        if found is None:
            raise _unreadable(f"operator not supported for date math [{math}]", text, field)
        operator, digits, unit = found.groups()
        if not unit:
            raise _unreadable(f"truncated date math [{math}]", text, field)
        amount = int(digits or 1)
        if operator == "/" and amount != 1:
            raise _unreadable(f"rounding `/` can only be used on single unit types [{math}]", text, field)
        if unit not in _UNIT_MS and unit not in _UNIT_MONTHS:
            raise _unreadable(f"unit [{unit}] not supported for date math [{math}]", text, field)
        steps.append(Step(operator == "/", -amount if operator == "-" else amount, unit))
        position = found.end()
    if len(steps) > MOST_STEPS:
        reason = f"[{field}] has {len(steps)} operations of date math, more than {MOST_STEPS}"
        raise LimitExceeded(reason, field=field, value=text)
    return tuple(steps)


def _after_steps(moment: int, steps: tuple[Step, ...], text: str, field: str, *, covers: bool) -> InstantRange:
    first = last = moment
    for step in steps:
        first = _within_years(_after_step(_within_years(first, text, field), step), text, field)
        if covers:
            last = _within_years(_after_step(_within_years(last, text, field), step, to_end=True), text, field)
    return InstantRange(first, last if covers else first)


def _after_step(moment: int, step: Step, *, to_end: bool = False) -> int:
    """``moment`` moved, or floored to the unit; with ``to_end`` rounded up to the unit's last millisecond."""
    unit_ms = _UNIT_MS.get(step.unit)
    if unit_ms is None:
        return _after_months(moment, step, to_end=to_end)
    if not step.rounds:
        return moment + step.amount * unit_ms
    # Weeks begin on Monday, and day 0 of the epoch was a Thursday.
    since = moment + 3 * MS_PER_DAY if step.unit == "w" else moment
    return moment - since % unit_ms + (unit_ms - 1 if to_end else 0)


def _after_months(moment: int, step: Step, *, to_end: bool) -> int:
    days, ms_of_day = divmod(moment, MS_PER_DAY)
    here = date.fromordinal(days + _EPOCH_DAY)
    length = _UNIT_MONTHS[step.unit]
    if not step.rounds:
        return _month_ms(here.year * 12 + here.month - 1 + step.amount * length, here.day) + ms_of_day
    month = here.year * 12 + (0 if step.unit == "y" else here.month - 1)
    return _month_ms(month + length) - 1 if to_end else _month_ms(month)


def _month_ms(month: int, day: int = 1) -> int:
    """Midnight of a day, which is clamped to the month's last one; months count from year 0.

    If the year is outside 0001 to 9999, the result is an instant outside these years.
    """
    year, month0 = divmod(month, 12)
    if year < 1:
        return FIRST_MS - MS_PER_DAY
    if year > MAXYEAR:
        return LAST_MS + 1
    day = min(day, monthrange(year, month0 + 1)[1])
    return (date(year, month0 + 1, day).toordinal() - _EPOCH_DAY) * MS_PER_DAY


def _within_years(moment: int, text: str, field: str) -> int:
    if not FIRST_MS <= moment <= LAST_MS:
        raise _outside_years(text, field)
    return moment


def _outside_years(text: str, field: str) -> LimitExceeded:
    return LimitExceeded(f"[{field}] leaves the years 0001 to 9999: [{text}]", field=field, value=text)


def _unreadable(reason: str, text: str, field: str) -> InvalidQuery:
    return InvalidQuery(reason, field=field, value=text, type="parse_exception")


def _datetime_ms(value: datetime) -> int | None:
    of = type(value)
    # Another subclass may have methods of its own. Those of pandas are needed for years that a datetime cannot have.
    is_trusted = of is datetime or is_of_pandas(of)
    if (value.utcoffset() if is_trusted else datetime.utcoffset(value)) is None:
        return None
    return (value - _EPOCH if is_trusted else datetime.__sub__(value, _EPOCH)) // _ONE_MS


def _datetime64_ms(value: np.datetime64) -> int | None:
    unit, multiple = np.datetime_data(value.dtype)
    # NumPy's own casts between units wrap around silently; Python's integers do not.
    ticks = int(value.astype(np.int64)) * multiple
    if unit in _NUMPY_UNIT_MS:
        return ticks * _NUMPY_UNIT_MS[unit]
    if unit in _NUMPY_UNITS_PER_MS:
        return ticks // _NUMPY_UNITS_PER_MS[unit]
    # A datetime64 without a unit is not an instant.
    return None if unit == "generic" else _month_ms(1970 * 12 + ticks * (12 if unit == "Y" else 1))
