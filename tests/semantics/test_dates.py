"""Rules 1.4, 1.6 and 1.7: the instant that a date text means, date math included.

The instants come from manual calculation, or from the standard library, which reads the full ISO text. The tests
observe a meaning through searches. As `start` the text includes a bucket at its instant and excludes a bucket a
millisecond earlier; as `end` it does the reverse.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np

from bucketquery import BucketQuery
from support.semantics_tables import JOB, at, bucket, each_row, index_of

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
    Means("1.6", "2020-02-03T04:05:06.0079", "2020-02-03T04:05:06.007Z", "1.4: digits below a millisecond are dropped"),
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
    Means("1.6", "2020-02-03T04:05:06-05:45", "2020-02-03T09:50:06.000Z", "ISO: minutes west of UTC"),
    Means("1.6", "2020-02-03T04:05:06.789-00:30", "2020-02-03T04:35:06.789Z", "ISO: a sign without hours"),
    Means("1.6", "2020-02-03T04:05:06+00:00", "2020-02-03T04:05:06.000Z", "ISO"),
    Means("1.6", "2020-01-01T00:00+01:00", "2019-12-31T23:00:00.000Z", "the UTC day is in another year"),
    Means("1.6", "2020-02-29T23:30-01:00", "2020-03-01T00:30:00.000Z", "the UTC day is in another month"),
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
    Means("1.7", "1900-01-31||+1M", "1900-02-28T00:00:00.000Z", "1900 was not a leap year"),
    Means("1.7", "2000-01-31||+1M", "2000-02-29T00:00:00.000Z", "2000 was a leap year"),
    Means("1.7", "2020-03-31||-1M", "2020-02-29T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-05-31||+1M", "2020-06-30T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-12-31||+2M", "2021-02-28T00:00:00.000Z", "DMP: into another year, clamped"),
    Means("1.7", "2020-01-31||-2M", "2019-11-30T00:00:00.000Z", "DMP: into another year, clamped"),
    Means("1.7", "2020-01-31||+12M", "2021-01-31T00:00:00.000Z", "DMP"),
    Means("1.7", "2020-12-15||+1M", "2021-01-15T00:00:00.000Z", "DMP: January follows December"),
    Means("1.7", "2020-01-15||-13M", "2018-12-15T00:00:00.000Z", "DMP: December precedes January"),
    Means("1.7", "2020-02-29||+1y", "2021-02-28T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-02-29||-1y", "2019-02-28T00:00:00.000Z", "DMP: clamped"),
    Means("1.7", "2020-02-29||+4y", "2024-02-29T00:00:00.000Z", "DMP"),
    Means("1.7", "2020-02-29||+80y", "2100-02-28T00:00:00.000Z", "2100 is not a leap year"),
    Means("1.7", "2020-01-31T23:59:59.999Z||+1M", "2020-02-29T23:59:59.999Z", "the time of day stays"),
    Means("1.7", "2020-01-31||+2M", "2020-03-31T00:00:00.000Z", "two months at once"),
    Means("1.7", "2020-01-31||+1M+1M", "2020-03-29T00:00:00.000Z", "left to right: each step clamps"),
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
    Means("1.7", "2020-01-06T13:00Z||/w", "2020-01-06T00:00:00.000Z", "a Monday is the first day of its week"),
    Means("1.7", "2020-01-05T23:59:59.999Z||/w", "2019-12-30T00:00:00.000Z", "a Sunday ends the week"),
    Means("1.7", "2020-01-01||/w", "2019-12-30T00:00:00.000Z", "a week may begin in another year"),
    Means("1.7", "2020-03-01||/w", "2020-02-24T00:00:00.000Z", "a week may begin in another month"),
    Means("1.7", "1970-01-01||/w", "1969-12-29T00:00:00.000Z", "1970-01-01 was a Thursday"),
    Means("1.7", "1969-12-29||/w", "1969-12-29T00:00:00.000Z", "a Monday before 1970"),
    Means("1.7", "1969-12-28||/w", "1969-12-22T00:00:00.000Z", "a Sunday before 1970"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/y", "1969-01-01T00:00:00.000Z", "a floor before 1970 is earlier too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/M", "1969-07-01T00:00:00.000Z", "a floor before 1970 is earlier too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/d", "1969-07-20T00:00:00.000Z", "a floor before 1970 is earlier too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/h", "1969-07-20T20:00:00.000Z", "a floor before 1970 is earlier too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/m", "1969-07-20T20:17:00.000Z", "a floor before 1970 is earlier too"),
    Means("1.7", "1969-07-20T20:17:40.5Z||/s", "1969-07-20T20:17:40.000Z", "a floor before 1970 is earlier too"),
    Means(
        "1.7",
        "2020-08-19T01:00+02:00||/d",
        "2020-08-18T00:00:00.000Z",
        "days are in UTC, not in the zone of the anchor",
    ),
    Means(
        "1.7",
        "2020-01-01T00:30+01:00||/y",
        "2019-01-01T00:00:00.000Z",
        "years are in UTC, not in the zone of the anchor",
    ),
    Means("1.7", "2020-01-01||/y", "2020-01-01T00:00:00.000Z", "an instant that is its own floor"),
    Means("1.7", "2020-08||/d", "2020-08-01T00:00:00.000Z", "1.6: the anchor is not rounded up"),
    Means("1.7", "2020-08-19T13:45Z||/d+1h", "2020-08-19T01:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||+12h/d", "2020-08-20T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||/d+12h", "2020-08-19T12:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||/M/w", "2020-07-27T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-19T13:45Z||/w/M", "2020-08-01T00:00:00.000Z", "left to right"),
    Means("1.7", "2020-08-31||/M+1M-1d", "2020-08-31T00:00:00.000Z", "the last day of a month"),
    Means("1.7", "2020-08-31||+1M/M-1d", "2020-08-31T00:00:00.000Z", "first clamped, then floored"),
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
    """A value means the same instant as `start` and as `end`, given by keywords and in a query."""
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
class Attribute:
    """A value of `start`, and the attribute of the query with it."""

    rule: str
    claim: str
    value: Any
    attribute: int | str | None
    source: str


LAST_OF_1969 = datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
ATTRIBUTES = [
    Attribute("1.5", "-1 becomes None", -1, None, "ours"),
    Attribute("1.5", "text -1 becomes None", "-1", None, "ours"),
    Attribute("1.2", "None stays", None, None, "ours"),
    Attribute("20.types", "an int stays", 12_345, 12_345, "ours"),
    Attribute("20.types", "text stays", "2020-01-31||+1M", "2020-01-31||+1M", "ours"),
    Attribute("20.types", "now stays", "now-1d/d", "now-1d/d", "ours: resolved at search"),
    Attribute("20.types", "a datetime becomes an int", datetime(1970, 1, 1, 0, 0, 1, 999, tzinfo=UTC), 1_000, "ours"),
    Attribute("20.types", "a datetime64 becomes an int", np.datetime64(1_999, "us"), 1, "ours"),
    Attribute(
        "20.types",
        "the instant -1 as a datetime becomes text",
        LAST_OF_1969,
        "1969-12-31T23:59:59.999Z",
        "ours: -1 is unset",
    ),
    Attribute(
        "20.types",
        "the instant -1 as a datetime64 becomes text",
        np.datetime64(-1, "ms"),
        "1969-12-31T23:59:59.999Z",
        "ours: -1 is unset",
    ),
]


@each_row(ATTRIBUTES)
def test_query_shows_its_bounds(row: Attribute) -> None:
    """A query shows each bound as None, an int, or the given text."""
    query = BucketQuery(jobs=JOB, start=row.value, end=row.value)
    assert (query.start, query.end) == (row.attribute, row.attribute)
    assert type(query.start) is type(row.attribute)
