"""Rules 1.6 to 1.9: what a date text means, what date math does, what is refused, and the clock.

The instants are worked out by hand, or from full ISO text by the standard library; the library under test has no part
in them. A text's meaning is seen from outside: as `start` it lets in a bucket at its instant and keeps out one a
millisecond earlier, as `end` it does the reverse.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, BucketQueryError, LimitExceeded
from support.semantics_tables import JOB, Refusal, assert_refusal, at, bucket, each_row, index_of, invalid

NOW = "2020-02-02T13:45:30.250Z"  # a Sunday
FIRST_MS, LAST_MS = at("0001-01-01T00:00Z"), at("9999-12-31T23:59:59.999Z")


@dataclass(frozen=True, slots=True)
class Means:
    """A value of `start` or `end`, and the instant it means: epoch milliseconds, or full ISO text."""

    rule: str
    value: Any
    instant: int | str
    source: str

    @property
    def claim(self) -> str:
        """The value, with its type unless it is text."""
        return self.value if isinstance(self.value, str) else f"{type(self.value).__name__} {self.value}"


CALENDAR = [
    Means("1.6", "2020", 1_577_836_800_000, "ISO: a missing month and day are 1"),
    Means("1.6", "1970", 0, "ISO"),
    Means("1.6", "5000", "5000-01-01T00:00:00.000Z", "ISO: four digits are a year"),
    Means("1.6", "1234", "1234-01-01T00:00:00.000Z", "ISO: four digits are a year"),
    Means("1.6", "0001", "0001-01-01T00:00:00.000Z", "ISO: four digits are a year"),
    Means("1.6", "9999", "9999-01-01T00:00:00.000Z", "ISO: four digits are a year"),
    Means("1.6", "2020-02", "2020-02-01T00:00:00.000Z", "ISO"),
    Means("1.6", "2020-12", "2020-12-01T00:00:00.000Z", "ISO"),
    Means("1.6", "2020-02-03", "2020-02-03T00:00:00.000Z", "ISO"),
    Means("1.6", "2020-02-29", "2020-02-29T00:00:00.000Z", "a leap day"),
    Means("1.6", "2000-02-29", "2000-02-29T00:00:00.000Z", "a leap day of a century"),
    Means("1.6", "1969-12-31", -86_400_000, "ISO"),
    Means("1.6", "2020-01-01T", "2020-01-01T00:00:00.000Z", "ISO: a bare trailing T"),
    Means("1.6", "2020-02-03T04", "2020-02-03T04:00:00.000Z", "ISO"),
    Means("1.6", "2020-02-03T04:05", "2020-02-03T04:05:00.000Z", "ISO"),
    Means("1.6", "2020-02-03T04:05:06", "2020-02-03T04:05:06.000Z", "ISO"),
    Means("1.6", "2020-02-03T23:59:59", "2020-02-03T23:59:59.000Z", "ISO"),
    Means("1.6", "2020-02-03T04:05:06.7", "2020-02-03T04:05:06.700Z", "ISO: tenths"),
    Means("1.6", "2020-02-03T04:05:06,7", "2020-02-03T04:05:06.700Z", "ISO: a comma"),
    Means("1.6", "2020-02-03T04:05:06.07", "2020-02-03T04:05:06.070Z", "ISO"),
    Means("1.6", "2020-02-03T04:05:06.007", "2020-02-03T04:05:06.007Z", "ISO"),
    Means("1.6", "2020-02-03T04:05:06.0079", "2020-02-03T04:05:06.007Z", "1.4: below a millisecond is cut off"),
    Means("1.6", "2020-02-03T04:05:06.123456789", "2020-02-03T04:05:06.123Z", "ISO: nine digits"),
    Means("1.6", "1969-12-31T23:59:59.9999", -1, "ours: floored"),
    Means("1.6", "9999-12-31T23:59:59.999Z", 253_402_300_799_999, "ISO"),
    Means("1.6", "9999-12-31T23:59:59.999999999Z", 253_402_300_799_999, "ISO"),
]

ZONES = [
    Means("1.6", "2020-02-03T04Z", "2020-02-03T04:00:00.000Z", "ISO: a zone after an hour"),
    Means("1.6", "2020-02-03T04:05Z", "2020-02-03T04:05:00.000Z", "ISO"),
    Means("1.6", "2020-02-03T04:05:06Z", "2020-02-03T04:05:06.000Z", "ISO"),
    Means("1.6", "2020-02-03T04:05:06.7Z", "2020-02-03T04:05:06.700Z", "ISO"),
    Means("1.6", "2020-02-03T04:05:06,7Z", "2020-02-03T04:05:06.700Z", "ISO"),
    Means("1.6", "2020-02-03T04+01", "2020-02-03T03:00:00.000Z", "ISO: +HH"),
    Means("1.6", "2020-02-03T04-01", "2020-02-03T05:00:00.000Z", "ISO: -HH"),
    Means("1.6", "2020-02-03T04:05+0130", "2020-02-03T02:35:00.000Z", "ISO: +HHmm"),
    Means("1.6", "2020-02-03T04:05+01:30", "2020-02-03T02:35:00.000Z", "ISO: +HH:mm"),
    Means("1.6", "2020-02-03T04:05:06-05:45", "2020-02-03T09:50:06.000Z", "ISO: minutes count west too"),
    Means("1.6", "2020-02-03T04:05:06.789-00:30", "2020-02-03T04:35:06.789Z", "ISO: a sign without hours"),
    Means("1.6", "2020-02-03T04:05:06+00:00", "2020-02-03T04:05:06.000Z", "ISO"),
    Means("1.6", "2020-01-01T00:00+01:00", "2019-12-31T23:00:00.000Z", "over the border of a year"),
    Means("1.6", "2020-02-29T23:30-01:00", "2020-03-01T00:30:00.000Z", "over the border of a month"),
    Means("1.6", "2020-02-03T00:00+18:00", "2020-02-02T06:00:00.000Z", "the widest offset"),
    Means("1.6", "2020-02-03T00:00-18:00", "2020-02-03T18:00:00.000Z", "the widest offset"),
    Means("1.6", "2020-02-03T04:05UTC", "2020-02-03T04:05:00.000Z", "ours: UTC by name"),
    Means("1.6", "2020-02-03T04:05:06.789GMT", "2020-02-03T04:05:06.789Z", "ours: GMT by name"),
]

DIGITS = [
    Means("1.6", "0", 0, "EPOCH"),
    Means("1.6", "5", 5, "EPOCH: digits of another length than four"),
    Means("1.6", "123", 123, "EPOCH: three digits"),
    Means("1.6", "999", 999, "EPOCH: three digits"),
    Means("1.6", "10000", 10_000, "EPOCH: five digits"),
    Means("1.6", "20200", 20_200, "EPOCH: five digits"),
    Means("1.6", "02020", 2_020, "EPOCH: five digits, not a year"),
    Means("1.6", "00000", 0, "EPOCH: five digits, not a year"),
    Means("1.6", "20200101", 20_200_101, "EPOCH: eight digits, not a day"),
    Means("1.6", "1577836800", 1_577_836_800, "EPOCH: milliseconds, never seconds"),
    Means("1.6", "1577836800000", "2020-01-01T00:00:00.000Z", "EPOCH"),
    Means("1.6", "-2", -2, "EPOCH: 8.2 and later"),
    Means("1.6", "-202", -202, "EPOCH: 8.2 and later"),
    Means("1.6", "-12345", -12_345, "EPOCH: 8.2 and later"),
    Means("1.6", "-86400000", "1969-12-31T00:00:00.000Z", "EPOCH: 8.2 and later"),
    Means("1.6", "1577836800000.", "2020-01-01T00:00:00.000Z", "EPOCH: a point at the end"),
    Means("1.6", "1577836800000.9", "2020-01-01T00:00:00.000Z", "EPOCH: the fraction is below a millisecond"),
    Means("1.6", "1577836800000.999999", "2020-01-01T00:00:00.000Z", "EPOCH: six digits"),
    Means("1.4", "12345.6", 12_345, "EPOCH: the fraction is below a millisecond"),
    Means("1.4", "-12345.6", -12_346, "ours: floored"),
    Means("1.4", "-12345.0", -12_345, "ours: floored"),
    Means("1.6", "253402300799999", LAST_MS, "EPOCH"),
]

MATH = [
    Means("1.7", "2020-01-31||+1y", "2021-01-31T00:00:00.000Z", "DMP: y"),
    Means("1.7", "2020-01-31||-1y", "2019-01-31T00:00:00.000Z", "DMP: y"),
    Means("1.7", "2020-01-15||+1M", "2020-02-15T00:00:00.000Z", "DMP: M is a month"),
    Means("1.7", "2020-01-15||-1M", "2019-12-15T00:00:00.000Z", "DMP: M is a month"),
    Means("1.7", "2020-01-15||+1w", "2020-01-22T00:00:00.000Z", "DMP: w"),
    Means("1.7", "2020-01-15||-2w", "2020-01-01T00:00:00.000Z", "DMP: w"),
    Means("1.7", "2020-02-28||+2d", "2020-03-01T00:00:00.000Z", "DMP: d"),
    Means("1.7", "2020-03-01||-1d", "2020-02-29T00:00:00.000Z", "DMP: d"),
    Means("1.7", "2020-01-15||+1h", "2020-01-15T01:00:00.000Z", "DMP: h"),
    Means("1.7", "2020-01-15||+1H", "2020-01-15T01:00:00.000Z", "DMP: H is h"),
    Means("1.7", "2020-01-15||-36H", "2020-01-13T12:00:00.000Z", "DMP: H is h"),
    Means("1.7", "2020-01-15||+1m", "2020-01-15T00:01:00.000Z", "DMP: m is a minute"),
    Means("1.7", "2020-01-15||-90m", "2020-01-14T22:30:00.000Z", "DMP: m is a minute"),
    Means("1.7", "2020-01-15||+1s", "2020-01-15T00:00:01.000Z", "DMP: s"),
    Means("1.7", "2020-01-15||-86400s", "2020-01-14T00:00:00.000Z", "DMP: s"),
    Means("1.7", "2020-01-15||+d", "2020-01-16T00:00:00.000Z", "DMP: N is 1 if absent"),
    Means("1.7", "2020-01-15||-M", "2019-12-15T00:00:00.000Z", "DMP: N is 1 if absent"),
    Means("1.7", "2020-01-15||+0d", "2020-01-15T00:00:00.000Z", "DMP: N may be 0"),
    Means("1.7", "2020-01-15||+007d", "2020-01-22T00:00:00.000Z", "DMP: leading zeros"),
    Means("1.7", "2020||+1d", "2020-01-02T00:00:00.000Z", "the anchor may be a year"),
    Means("1.7", "2020-02||+1d", "2020-02-02T00:00:00.000Z", "the anchor may be a month"),
    Means("1.7", "1577836800000||+1d", "2020-01-02T00:00:00.000Z", "the anchor may be epoch digits"),
    Means("1.7", "-86400000||+1d", 0, "the anchor may be negative epoch digits"),
    Means("1.7", "2020-01-15T10:00+02:00||+1h", "2020-01-15T09:00:00.000Z", "the anchor may have a zone"),
    Means("1.7", "2020-01-15T10:20:30.456Z||+1s", "2020-01-15T10:20:31.456Z", "additions keep the milliseconds"),
]

MONTH_ENDS = [
    Means("1.7", "2020-01-31||+1M", "2020-02-29T00:00:00.000Z", "DMP: clamped to the leap day"),
    Means("1.7", "2021-01-31||+1M", "2021-02-28T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "1900-01-31||+1M", "1900-02-28T00:00:00.000Z", "1900 was no leap year"),
    Means("1.7", "2000-01-31||+1M", "2000-02-29T00:00:00.000Z", "2000 was a leap year"),
    Means("1.7", "2020-03-31||-1M", "2020-02-29T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-05-31||+1M", "2020-06-30T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-12-31||+2M", "2021-02-28T00:00:00.000Z", "DMP: over the year, clamped"),
    Means("1.7", "2020-01-31||-2M", "2019-11-30T00:00:00.000Z", "DMP: over the year, clamped"),
    Means("1.7", "2020-01-31||+12M", "2021-01-31T00:00:00.000Z", "DMP"),
    Means("1.7", "2020-12-15||+1M", "2021-01-15T00:00:00.000Z", "DMP: December is followed by January"),
    Means("1.7", "2020-01-15||-13M", "2018-12-15T00:00:00.000Z", "DMP: January is preceded by December"),
    Means("1.7", "2020-02-29||+1y", "2021-02-28T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-02-29||-1y", "2019-02-28T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-02-29||+4y", "2024-02-29T00:00:00.000Z", "DMP"),
    Means("1.7", "2020-02-29||+80y", "2100-02-28T00:00:00.000Z", "2100 is no leap year"),
    Means("1.7", "2020-01-31T23:59:59.999Z||+1M", "2020-02-29T23:59:59.999Z", "the time of day stays"),
    Means("1.7", "2020-01-31||+2M", "2020-03-31T00:00:00.000Z", "two months at once"),
    Means("1.7", "2020-01-31||+1M+1M", "2020-03-29T00:00:00.000Z", "left to right: one after the other"),
    Means("1.7", "2020-01-31||+1M-1M", "2020-01-29T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-01-31||+1M+1d", "2020-03-01T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-01-31||+1d+1M", "2020-03-01T00:00:00.000Z", "left to right"),
    Means("1.7", "2021-01-31||+1M+1d", "2021-03-01T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-02-29||+1y-1y", "2020-02-28T00:00:00.000Z", "left to right"),
]

FLOORS = [
    Means("1.7", "2020-08-19T13:45:30.250Z||/y", "2020-01-01T00:00:00.000Z", "DMP"),
    Means("1.7", "2020-08-19T13:45:30.250Z||/M", "2020-08-01T00:00:00.000Z", "DMP"),
    Means("1.7", "2020-08-19T13:45:30.250Z||/w", "2020-08-17T00:00:00.000Z", "DMP: Monday"),
    Means("1.7", "2020-08-19T13:45:30.250Z||/d", "2020-08-19T00:00:00.000Z", "DMP"),
    Means("1.7", "2020-08-19T13:45:30.250Z||/h", "2020-08-19T13:00:00.000Z", "DMP"),
    Means("1.7", "2020-08-19T13:45:30.250Z||/H", "2020-08-19T13:00:00.000Z", "DMP"),
    Means("1.7", "2020-08-19T13:45:30.250Z||/m", "2020-08-19T13:45:00.000Z", "DMP"),
    Means("1.7", "2020-08-19T13:45:30.250Z||/s", "2020-08-19T13:45:30.000Z", "DMP"),
    Means("1.7", "2020-01-06T13:00Z||/w", "2020-01-06T00:00:00.000Z", "a Monday is its own week's first day"),
    Means("1.7", "2020-01-05T23:59:59.999Z||/w", "2019-12-30T00:00:00.000Z", "a Sunday ends the week"),
    Means("1.7", "2020-01-01||/w", "2019-12-30T00:00:00.000Z", "a week may begin in another year"),
    Means("1.7", "2020-03-01||/w", "2020-02-24T00:00:00.000Z", "a week may begin in another month"),
    Means("1.7", "1970-01-01||/w", "1969-12-29T00:00:00.000Z", "1970-01-01 was a Thursday"),
    Means("1.7", "1969-12-29||/w", "1969-12-29T00:00:00.000Z", "a Monday before 1970"),
    Means("1.7", "1969-12-28||/w", "1969-12-22T00:00:00.000Z", "a Sunday before 1970"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/y", "1969-01-01T00:00:00.000Z", "floors go back before 1970 too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/M", "1969-07-01T00:00:00.000Z", "floors go back before 1970 too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/d", "1969-07-20T00:00:00.000Z", "floors go back before 1970 too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/h", "1969-07-20T20:00:00.000Z", "floors go back before 1970 too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/m", "1969-07-20T20:17:00.000Z", "floors go back before 1970 too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/s", "1969-07-20T20:17:40.000Z", "floors go back before 1970 too"),
    Means("1.7", "2020-08-19T01:00+02:00||/d", "2020-08-18T00:00:00.000Z", "days are UTC's, not the anchor's"),
    Means("1.7", "2020-01-01T00:30+01:00||/y", "2019-01-01T00:00:00.000Z", "years are UTC's, not the anchor's"),
    Means("1.7", "2020-01-01||/y", "2020-01-01T00:00:00.000Z", "a floor of itself"),
    Means("1.7", "2020-08||/d", "2020-08-01T00:00:00.000Z", "1.6: the anchor is not rounded up"),
    Means("1.7", "2020-08-19T13:45Z||/d+1h", "2020-08-19T01:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||+12h/d", "2020-08-20T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||/d+12h", "2020-08-19T12:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||/M/w", "2020-07-27T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||/w/M", "2020-08-01T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-31||/M+1M-1d", "2020-08-31T00:00:00.000Z", "the last day of a month"),
    Means("1.7", "2020-08-31||+1M/M-1d", "2020-08-31T00:00:00.000Z", "clamped first, then floored"),
    Means("1.7", "2020-01-01||+1d+1d+1d+1d+1d+1d+1d+1d", "2020-01-09T00:00:00.000Z", "eight operations"),
    Means("1.7", "2020-01-01||+" + "0" * 49 + "1d", "2020-01-02T00:00:00.000Z", "64 characters"),
]

OF_NOW = [
    Means("1.7", "now", "2020-02-02T13:45:30.250Z", "DMP: to the millisecond"),
    Means("1.7", "now-1d", "2020-02-01T13:45:30.250Z", "DMP"),
    Means("1.7", "now+1h", "2020-02-02T14:45:30.250Z", "DMP"),
    Means("1.7", "now/d", "2020-02-02T00:00:00.000Z", "DMP"),
    Means("1.7", "now-1d/d", "2020-02-01T00:00:00.000Z", "DMP"),
    Means("1.7", "now/w", "2020-01-27T00:00:00.000Z", "DMP: Monday"),
    Means("1.7", "now/M-1M", "2020-01-01T00:00:00.000Z", "DMP"),
    Means("1.7", "now/y", "2020-01-01T00:00:00.000Z", "DMP"),
    Means("1.7", "now/H", "2020-02-02T13:00:00.000Z", "DMP"),
    Means("1.7", "now/m", "2020-02-02T13:45:00.000Z", "DMP"),
    Means("1.7", "now/s", "2020-02-02T13:45:30.000Z", "DMP"),
    Means("1.7", "now-M", "2020-01-02T13:45:30.250Z", "DMP: N is 1 if absent"),
    Means("1.7", "now-2d+2d", "2020-02-02T13:45:30.250Z", "DMP"),
]

OTHER_TYPES = [
    Means("20.types", 0, 0, "ours: epoch milliseconds"),
    Means("20.types", 2020, 2020, "an int is never a year"),
    Means("20.types", -2020, -2020, "an int is never a year"),
    Means("20.types", datetime(2020, 2, 3, 4, 5, 6, 789_999, tzinfo=UTC), "2020-02-03T04:05:06.789Z", "floored"),
    Means(
        "20.types", datetime(2020, 2, 3, 4, tzinfo=timezone(timedelta(hours=-5))), "2020-02-03T09:00:00.000Z", "aware"
    ),
    Means("20.types", np.datetime64("2020", "Y"), "2020-01-01T00:00:00.000Z", "ours"),
    Means("20.types", np.datetime64("2020-02", "M"), "2020-02-01T00:00:00.000Z", "ours"),
    Means("20.types", np.datetime64("2020-02-03", "D"), "2020-02-03T00:00:00.000Z", "ours"),
    Means("20.types", np.datetime64("2020-02-03T04:05", "m"), "2020-02-03T04:05:00.000Z", "ours"),
    Means("20.types", np.datetime64("2020-02-03T04:05:06", "s"), "2020-02-03T04:05:06.000Z", "ours"),
    Means("20.types", np.datetime64("2020-02-03T04:05:06.789", "ms"), "2020-02-03T04:05:06.789Z", "ours"),
    Means("20.types", np.datetime64("2020-02-03T04:05:06.789999", "us"), "2020-02-03T04:05:06.789Z", "floored"),
    Means("20.types", np.datetime64("1969-12-31T23:59:59.999999999", "ns"), -1, "floored"),
]


@each_row(CALENDAR, ZONES, DIGITS, MATH, MONTH_ENDS, FLOORS, OF_NOW, OTHER_TYPES)
def test_value_means_its_instant(row: Means) -> None:
    """A value means one instant, as `start` and as `end`, by keywords and in a prepared question."""
    instant = at(row.instant) if isinstance(row.instant, str) else row.instant
    around = [stamp for stamp in (instant - 1, instant) if FIRST_MS <= stamp <= LAST_MS]
    index = index_of(bucket(stamp) for stamp in around)
    since, before = [instant], [stamp for stamp in around if stamp < instant]

    assert [found.timestamp for found in index.get_buckets(job_id=JOB, start=row.value, now=NOW)] == since
    assert [found.timestamp for found in index.get_buckets(job_id=JOB, end=row.value, now=NOW)] == before
    query = BucketQuery(jobs=JOB, start=row.value)
    assert [found.timestamp for found in index.search(query, now=NOW)] == since
    assert [found.timestamp for found in index.scan(query.replace(start=None, end=row.value), now=NOW)] == before


@dataclass(frozen=True, slots=True)
class NoInstant:
    """A value that no `start`, `end` or `timestamp` may have, and a part of the error's words."""

    rule: str
    value: Any
    reason: str
    source: str
    _: KW_ONLY
    error_type: str = "parse_exception"

    @property
    def claim(self) -> str:
        """The value as Python shows it."""
        return repr(self.value)


def unreadable(value: str, source: str) -> NoInstant:
    """A text outside the grammar, with the server's words for it."""
    reason = f"failed to parse date field [{value}] with format [strict_date_optional_time||epoch_millis]"
    return NoInstant("1.6", value, reason, source)


OUTSIDE_THE_GRAMMAR = [
    unreadable("2020-01-01 00:00", "a space instead of T"),
    unreadable("2020-01-01t00:00", "T is upper case"),
    unreadable("2020-01-01T00:00z", "Z is upper case"),
    unreadable("2020-2-1", "two digits are mandatory"),
    unreadable("2020-1", "two digits are mandatory"),
    unreadable("2020-02-1", "two digits are mandatory"),
    unreadable("2020-01-01T1", "two digits are mandatory"),
    unreadable("2020-01-01T01:2", "two digits are mandatory"),
    unreadable("2020-01-01T01:02:3", "two digits are mandatory"),
    unreadable("20-01-01", "four digits are mandatory"),
    unreadable("12020-01-01", "four digits are mandatory"),
    unreadable("2020-00", "month 0"),
    unreadable("2020-13", "month 13"),
    unreadable("2020-13-01", "month 13"),
    unreadable("2020-01-00", "day 0"),
    unreadable("2020-01-32", "day 32"),
    unreadable("2020-02-30", "no such day"),
    unreadable("2021-02-29", "no leap year"),
    unreadable("1900-02-29", "no leap year"),
    unreadable("2020-04-31", "no such day"),
    unreadable("2020-01-01T24", "hour 24"),
    unreadable("2020-01-01T24:00:00", "hour 24"),
    unreadable("2020-01-01T00:60", "minute 60"),
    unreadable("2020-01-01T00:00:60", "second 60"),
    unreadable("2016-12-31T23:59:60Z", "a leap second is second 60 too"),
    unreadable("2020-01-01T00:00:00.", "a fraction has a digit"),
    unreadable("2020-01-01T00:00:00.Z", "a fraction has a digit"),
    unreadable("2020-01-01T00:00:00.1234567890", "a fraction has nine digits at most"),
    unreadable("2020-01-01T00:00.5", "a fraction is one of seconds"),
    unreadable("2020-01-01T00:00:00.5.5", "trailing garbage"),
    unreadable("2020-01-01x", "trailing garbage"),
    unreadable("2020-01-01T00:00:00ZZ", "trailing garbage"),
    unreadable("2020-01-01-01", "trailing garbage"),
    unreadable("2020-", "trailing garbage"),
    unreadable("2020-01-", "trailing garbage"),
    unreadable("2020-01-01T00:", "trailing garbage"),
    unreadable("2020-01-01Z", "a zone only after an hour"),
    unreadable("2020-01-01TZ", "a zone only after an hour"),
    unreadable("2020-01-01+01:00", "a zone only after an hour"),
    unreadable("2020Z", "a zone only after an hour"),
    unreadable("2020-01-01T00:00+1", "an hour of a zone has two digits"),
    unreadable("2020-01-01T00:00+", "a sign alone"),
    unreadable("2020-01-01T00:00+01:", "a colon alone"),
    unreadable("2020-01-01T00:00+01:6", "a minute of a zone has two digits"),
    unreadable("2020-01-01T00:00+01:60", "a minute of a zone is below 60"),
    unreadable("2020-01-01T00:00+18:01", "18 hours at most"),
    unreadable("2020-01-01T00:00-19:00", "18 hours at most"),
    unreadable("2020/01/01", "other separators"),
    unreadable("01-01-2020", "another order"),
    unreadable("2020-W01-1", "a week date"),
    unreadable("2020-01-01T000000Z", "the basic format"),
    unreadable("T00:00", "no date"),
    unreadable(" 2020", "a leading blank"),
    unreadable("2020 ", "a trailing blank"),
    unreadable("2020-01-01\n", "a trailing line break"),
    unreadable("1577836800000 ", "a trailing blank"),
    unreadable("1577836800000\n", "a trailing line break"),
    unreadable("1577836800000.1234567", "six digits at most"),
    unreadable("+1577836800000", "only a minus sign"),
    unreadable("+2020", "only a minus sign"),
    unreadable("-2020", "four digits are a year, and years have no sign"),
    unreadable("-2020-01-01", "years have no sign"),
    unreadable("--5", "one sign"),
    unreadable("-", "no digits"),
    unreadable(".", "no digits"),
    unreadable("1e12", "no exponent"),
    unreadable("0x10", "no other base"),
    unreadable("1_577_836_800_000", "no separators"),
    unreadable("1,577", "no separators"),
    unreadable("\uff12\uff10\uff12\uff10", "digits are ASCII"),
    unreadable("\u0661\u0662\u0663", "digits are ASCII"),
    unreadable("NaN", "not a number"),
    unreadable("yesterday", "a word"),
    unreadable("NOW", "now is lower case"),
    unreadable(" now", "a leading blank"),
    unreadable("null", "a word"),
]

BAD_MATH = [
    NoInstant("1.9", "", "cannot parse empty datetime", "DMP"),
    NoInstant("1.9", "now*1d", "operator not supported for date math [*1d]", "DMP"),
    NoInstant("1.9", "now 1d", "operator not supported for date math [ 1d]", "DMP"),
    NoInstant("1.9", "nowhere", "operator not supported for date math [here]", "DMP"),
    NoInstant("1.9", "now\n", "operator not supported for date math [\n]", "DMP"),
    NoInstant("1.9", "now1d", "operator not supported for date math [1d]", "DMP"),
    NoInstant("1.9", "now||+1d", "operator not supported for date math [||+1d]", "DMP: now is no anchor"),
    NoInstant("1.9", "2020-01-01||1d", "operator not supported for date math [1d]", "DMP"),
    NoInstant("1.9", "2020-01-01||now", "operator not supported for date math [now]", "DMP"),
    NoInstant("1.9", "2020-01-01||+1d 2d", "operator not supported for date math [", "DMP"),
    NoInstant("1.9", "2020-01-01||+1d||+1d", "operator not supported for date math [", "DMP"),
    NoInstant("1.9", "now+", "truncated date math [+]", "DMP"),
    NoInstant("1.9", "now-", "truncated date math [-]", "DMP"),
    NoInstant("1.9", "now/", "truncated date math [/]", "DMP"),
    NoInstant("1.9", "now+1", "truncated date math [+1]", "DMP: a number without a unit"),
    NoInstant("1.9", "2020-01-01||+1d-", "truncated date math [", "DMP"),
    NoInstant("1.9", "now/2d", "rounding `/` can only be used on single unit types [/2d]", "DMP"),
    NoInstant("1.9", "now/0d", "rounding `/` can only be used on single unit types [/0d]", "DMP"),
    NoInstant("1.9", "2020-01-01||/10M", "rounding `/` can only be used on single unit types [/10M]", "DMP"),
    NoInstant("1.9", "now+1q", "unit [q] not supported for date math [+1q]", "DMP"),
    NoInstant("1.9", "now+1D", "unit [D] not supported for date math [+1D]", "DMP: d, not D"),
    NoInstant("1.9", "now+1Y", "unit [Y] not supported for date math [+1Y]", "DMP: y, not Y"),
    NoInstant("1.9", "now/W", "unit [W] not supported for date math [/W]", "DMP: w, not W"),
    NoInstant("1.9", "now/S", "unit [S] not supported for date math [/S]", "DMP: s, not S"),
    NoInstant("1.9", "now+ 1d", "unit [ ] not supported for date math [+ 1d]", "DMP"),
    NoInstant("1.9", "now+1.5h", "unit [.] not supported for date math [+1.5h]", "DMP: whole numbers"),
    NoInstant("1.9", "now+-1d", "unit [-] not supported for date math [+-1d]", "DMP: one sign"),
    NoInstant("1.9", "2020-13||+1d", "failed to parse date field [2020-13]", "the anchor is checked"),
    NoInstant("1.9", " 2020||+1d", "failed to parse date field [ 2020]", "the anchor is checked"),
    NoInstant("1.9", "2020-01-01|+1d", "failed to parse date field [2020-01-01|+1d]", "two bars"),
    NoInstant("1.9", "2020-01-01+1d", "failed to parse date field [2020-01-01+1d]", "two bars"),
    NoInstant("1.9", "||+1d", "cannot parse empty datetime", "an empty anchor"),
]

WRONG_TYPES = [
    NoInstant("20.types", value, "", "ours", error_type="illegal_argument_exception")
    for value in (
        True,
        False,
        1.5,
        1_577_836_800_000.0,
        float("nan"),
        np.float64(5),
        datetime(2020, 1, 1),  # noqa: DTZ001 - a naive datetime is what is refused
        np.datetime64("NaT"),
        [1_577_836_800_000],
        {"gte": 0},
        b"2020",
    )
]


@each_row(OUTSIDE_THE_GRAMMAR, BAD_MATH, WRONG_TYPES)
def test_value_that_is_no_instant_is_refused(row: NoInstant) -> None:
    """A value outside the grammar is refused when the question is made, and the error names the parameter."""
    index = index_of([])
    for field in ("start", "end", "timestamp"):
        expected = invalid(field, row.reason, row.error_type)
        asked = {field: row.value}
        with pytest.raises(BucketQueryError) as caught:
            BucketQuery(jobs=JOB, **asked)
        assert_refusal(caught.value, expected)
        with pytest.raises(BucketQueryError) as caught:
            index.get_buckets(job_id=JOB, **asked)
        assert_refusal(caught.value, expected)


@dataclass(frozen=True, slots=True)
class Zone:
    """A region id, which would need the time zone database."""

    rule: str
    claim: str
    source: str


REGIONS = [
    Zone("1.6", region, "ours: no files") for region in ("Europe/Paris", "America/New_York", "Etc/UTC", "EST", "CET")
]


@each_row(REGIONS)
def test_region_is_refused_by_name(row: Zone) -> None:
    """A region id needs files, so it is refused, and the error names it."""
    with pytest.raises(BucketQueryError, match=row.claim) as caught:
        BucketQuery(jobs=JOB, start=f"2020-01-01T00:00{row.claim}")
    assert_refusal(caught.value, invalid("start", row.claim, caught.value.type))


@dataclass(frozen=True, slots=True)
class Beyond:
    """A text within the grammar that goes past a bound."""

    rule: str
    claim: str
    source: str


BEYOND = [
    Beyond("1.6", "0000", "years are 0001 to 9999"),
    Beyond("1.6", "0000-12-31", "years are 0001 to 9999"),
    Beyond("1.6", "0001-01-01T00:00+01:00", "the instant is in year 0"),
    Beyond("1.6", "9999-12-31T23:59:59-01:00", "the instant is in year 10000"),
    Beyond("1.7", "0001-01-01||-1s", "a step leaves the years"),
    Beyond("1.7", "9999-12-31||+1d", "a step leaves the years"),
    Beyond("1.7", "9999-12-31||+1d-1d", "a step leaves the years, though the next comes back"),
    Beyond("1.7", "0001-01||-1M+1M", "a step leaves the years, though the next comes back"),
    Beyond("1.7", "2020||+8000y", "a step leaves the years"),
    Beyond("1.7", "2020||-2020y", "a step leaves the years"),
    Beyond("1.7", "2020||+9999999999999y", "a step leaves the years by far"),
    Beyond("1.7", "2020||-99999999999999999999999999999s", "a step leaves the years by far"),
    Beyond("1.7", "2020||+99999999999999999999999999999M", "a step leaves the years by far"),
    Beyond("1.7", "253402300799999||+1s", "epoch digits with math"),
    Beyond("1.7", "2020-01-01||+1d+1d+1d+1d+1d+1d+1d+1d+1d", "nine operations"),
    Beyond("1.7", "2020-01-01||/d/d/d/d/d/d/d/d/d", "nine operations"),
    Beyond("1.7", "now/d/d/d/d/d/d/d/d/d", "nine operations"),
    Beyond("1.7", "2020-01-01||+" + "0" * 50 + "1d", "65 characters"),
    Beyond("1.6", "1" * 65, "65 characters"),
]


@each_row(BEYOND)
def test_text_past_a_bound_is_refused(row: Beyond) -> None:
    """A date past a bound of the library is refused when the question is made, as a limit and not as bad grammar."""
    for field in ("start", "end", "timestamp"):
        asked: dict[str, Any] = {field: row.claim}
        with pytest.raises(BucketQueryError) as caught:
            BucketQuery(jobs=JOB, **asked)
        assert_refusal(caught.value, Refusal(LimitExceeded, 400, "illegal_argument_exception", field, ""))


def test_math_of_now_past_the_years_is_refused_by_the_search() -> None:
    """Only the search knows `now`, so it is the search that refuses a `now` math that leaves the years 0001 to 9999."""
    query = BucketQuery(jobs=JOB, start="now+8000y")
    with pytest.raises(BucketQueryError) as caught:
        index_of([]).search(query, now=NOW)
    assert_refusal(caught.value, Refusal(LimitExceeded, 400, "illegal_argument_exception", "start", ""))


@dataclass(frozen=True, slots=True)
class NowIs:
    """A value of `now`, and the instant it means."""

    rule: str
    claim: str
    value: Any
    instant: int | str
    source: str


NOW_VALUES = [
    NowIs("20.now", "an int", 1_577_836_800_000, 1_577_836_800_000, "ours: any instant"),
    NowIs("20.now", "ISO text", "2020-02-03T04:05Z", "2020-02-03T04:05:00.000Z", "ours: any instant"),
    NowIs("20.now", "digits", "12345", 12_345, "ours: any instant"),
    NowIs("20.now", "math of a date", "2020-02-03||/M", "2020-02-01T00:00:00.000Z", "ours: any instant"),
    NowIs("20.now", "a datetime", datetime(2020, 2, 3, 4, tzinfo=UTC), "2020-02-03T04:00:00.000Z", "ours: any instant"),
    NowIs("20.now", "a datetime64", np.datetime64("2020-02-03", "D"), "2020-02-03T00:00:00.000Z", "ours: any instant"),
    NowIs("20.now", "-1", -1, -1, "-1 is unset in start and end only"),
    NowIs("20.now", "text -1", "-1", -1, "-1 is unset in start and end only"),
    NowIs("20.now", "0", 0, 0, "0 is an instant"),
]


@each_row(NOW_VALUES)
def test_now_may_be_given(row: NowIs) -> None:
    """The `now` of a search is its argument, and the clock is not asked."""
    instant = at(row.instant) if isinstance(row.instant, str) else row.instant
    index = index_of([bucket(instant - 1), bucket(instant)], clock=_no_clock)
    assert [found.timestamp for found in index.get_buckets(job_id=JOB, start="now", now=row.value)] == [instant]
    query = BucketQuery(jobs=JOB, start="now")
    assert [found.timestamp for found in index.search(query, now=row.value)] == [instant]
    assert [found.timestamp for found in index.snapshot().scan(query, now=row.value)] == [instant]


NO_NOW = [
    NoInstant("20.now", "now", "", "of itself"),
    NoInstant("20.now", "now-1d", "", "of itself"),
    NoInstant("20.now", "soon", "", "1.6"),
    NoInstant("20.now", "", "", "1.6"),
    NoInstant("20.now", 1.5, "", "a float"),
    NoInstant("20.now", True, "", "a bool"),
    NoInstant("20.now", np.datetime64("NaT"), "", "no instant"),
]


@each_row(NO_NOW)
def test_now_that_is_no_instant_is_refused(row: NoInstant) -> None:
    """A bad `now` is an error of the parameter `now`, not of `start`."""
    with pytest.raises(BucketQueryError) as caught:
        index_of([]).get_buckets(job_id=JOB, start="now", now=row.value)
    assert_refusal(caught.value, invalid("now", "", caught.value.type))


def _no_clock() -> int:
    raise AssertionError


def _counted(answers: list[int]) -> Callable[[], int]:
    """A clock that gives these instants one after the other, and fails when it is asked once more."""
    return answers.copy().__iter__().__next__


def test_clock_is_read_once_a_search() -> None:
    """Both bounds of one search see the same `now`: the clock is read once."""
    index = index_of([bucket(9_000), bucket(10_000)], clock=_counted([10_000]))
    page = index.get_buckets(job_id=JOB, start="now-1s", end="now")
    assert [found.timestamp for found in page] == [9_000]


def test_clock_is_read_anew_by_each_search() -> None:
    """A prepared question holds no instant for `now`: asked later, it means later."""
    index = index_of([bucket(10_000), bucket(20_000)], clock=_counted([10_000, 20_000]))
    query = BucketQuery(jobs=JOB, start="now")
    assert [found.timestamp for found in index.search(query)] == [10_000, 20_000]
    assert [found.timestamp for found in index.search(query)] == [20_000]


def test_clock_is_not_read_without_now() -> None:
    """A question that does not say `now` never asks the clock, other date math included."""
    index = index_of([bucket("2020-02-01T00:00Z")], clock=_no_clock)
    assert index.get_buckets(job_id=JOB, start="2020-02-03||/M", end="2020-02-03").count == 1


def test_clock_is_never_read_by_writes() -> None:
    """Writing asks no clock: what is stored depends on the documents alone."""
    index = index_of([bucket("2020-02-01T00:00Z")], clock=_no_clock)
    assert index.delete_job(JOB).deleted == 1


@pytest.mark.parametrize("answer", [1.5, "0", None])
def test_clock_must_give_an_int(answer: Any) -> None:
    """A clock that gives anything but an int is a mistake of the host's code, a TypeError."""
    index = index_of([], clock=lambda: answer)
    with pytest.raises(TypeError):
        index.get_buckets(job_id=JOB, start="now")


@dataclass(frozen=True, slots=True)
class Kept:
    """A value of `start` and what the attribute of the prepared question is."""

    rule: str
    claim: str
    value: Any
    attribute: int | str | None
    source: str


LAST_OF_1969 = datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
ATTRIBUTES = [
    Kept("1.5", "-1 becomes None", -1, None, "ours"),
    Kept("1.5", "text -1 becomes None", "-1", None, "ours"),
    Kept("1.2", "None stays", None, None, "ours"),
    Kept("20.types", "an int stays", 12_345, 12_345, "ours"),
    Kept("20.types", "text stays as it is", "2020-01-31||+1M", "2020-01-31||+1M", "ours"),
    Kept("20.types", "now stays as it is", "now-1d/d", "now-1d/d", "ours: resolved at search"),
    Kept("20.types", "a datetime becomes an int", datetime(1970, 1, 1, 0, 0, 1, 999, tzinfo=UTC), 1_000, "ours"),
    Kept("20.types", "a datetime64 becomes an int", np.datetime64(1_999, "us"), 1, "ours"),
    Kept("20.types", "-1 by datetime becomes text", LAST_OF_1969, "1969-12-31T23:59:59.999Z", "ours: -1 is unset"),
    Kept(
        "20.types",
        "-1 by datetime64 becomes text",
        np.datetime64(-1, "ms"),
        "1969-12-31T23:59:59.999Z",
        "ours: -1 is unset",
    ),
]


@each_row(ATTRIBUTES)
def test_prepared_question_shows_its_bounds(row: Kept) -> None:
    """A prepared question shows each bound as None, an int, or the text it was given."""
    query = BucketQuery(jobs=JOB, start=row.value, end=row.value)
    assert (query.start, query.end) == (row.attribute, row.attribute)
    assert type(query.start) is type(row.attribute)
