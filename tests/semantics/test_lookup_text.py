"""Rule 2.6: the instants that a `timestamp` covers.

Text may cover a second, a day or a month, for example. A value of another type covers one instant.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bucketquery import BucketQuery
from support.semantics_tables import JOB, at, bucket, each_row, index_of

NOW = "2020-02-02T13:45:30.250Z"  # a Sunday


@dataclass(frozen=True, slots=True)
class Covers:
    """A value of `timestamp`, and the first and the last instant that it covers."""

    rule: str
    value: Any
    first: str
    last: str
    source: str

    @property
    def claim(self) -> str:
        """The value, with its type unless it is text."""
        return self.value if isinstance(self.value, str) else f"{type(self.value).__name__} {self.value}"


MISSING_PARTS = [
    Covers("2.6", "2020-06-15T10:20:30Z", "2020-06-15T10:20:30.000Z", "2020-06-15T10:20:30.999Z", "a second"),
    Covers("2.6", "2020-06-15T10:20:30", "2020-06-15T10:20:30.000Z", "2020-06-15T10:20:30.999Z", "a second"),
    Covers("2.6", "2020-06-15T10:20Z", "2020-06-15T10:20:00.000Z", "2020-06-15T10:20:59.999Z", "a minute"),
    Covers("2.6", "2020-06-15T10:20", "2020-06-15T10:20:00.000Z", "2020-06-15T10:20:59.999Z", "a minute"),
    Covers("2.6", "2020-06-15T10Z", "2020-06-15T10:00:00.000Z", "2020-06-15T10:59:59.999Z", "an hour"),
    Covers("2.6", "2020-06-15T10", "2020-06-15T10:00:00.000Z", "2020-06-15T10:59:59.999Z", "an hour"),
    Covers("2.6", "2020-06-15", "2020-06-15T00:00:00.000Z", "2020-06-15T23:59:59.999Z", "a day"),
    Covers("2.6", "2020-06-15T", "2020-06-15T00:00:00.000Z", "2020-06-15T23:59:59.999Z", "a day"),
    Covers("2.6", "2020-06", "2020-06-01T00:00:00.000Z", "2020-06-01T23:59:59.999Z", "JDF: a missing day means day 1"),
    Covers("2.6", "2020-12", "2020-12-01T00:00:00.000Z", "2020-12-01T23:59:59.999Z", "JDF: a missing day means day 1"),
    Covers(
        "2.6", "2020", "2020-01-01T00:00:00.000Z", "2020-01-01T23:59:59.999Z", "JDF: a missing month means January 1"
    ),
    Covers("2.6", "9999-12-31", "9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "the last day"),
    Covers("2.6", "1969-12-31", "1969-12-31T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "before 1970"),
    Covers("2.6", "2020-06-15T10+02", "2020-06-15T08:00:00.000Z", "2020-06-15T08:59:59.999Z", "an hour in the zone"),
    Covers("2.6", "2020-06-15T10+05:30", "2020-06-15T04:30:00.000Z", "2020-06-15T05:29:59.999Z", "an hour in the zone"),
    Covers("2.6", "2020-06-15T10:20-05:00", "2020-06-15T15:20:00.000Z", "2020-06-15T15:20:59.999Z", "a minute"),
]

ONE_INSTANT = [
    Covers("2.6", value, instant, instant, source)
    for value, instant, source in (
        ("2020-06-15T10:20:30.000Z", "2020-06-15T10:20:30.000Z", "full milliseconds"),
        ("2020-06-15T10:20:30.456", "2020-06-15T10:20:30.456Z", "full milliseconds"),
        ("2020-06-15T10:20:30.456789123Z", "2020-06-15T10:20:30.456Z", "digits below a millisecond are dropped"),
        ("2020-06-15T10:20:30.4Z", "2020-06-15T10:20:30.400Z", "no part is missing after a fraction"),
        ("2020-06-15T10:20:30,4Z", "2020-06-15T10:20:30.400Z", "no part is missing after a fraction"),
        ("1592216430000", "2020-06-15T10:20:30.000Z", "epoch digits"),
        ("1592216430000.5", "2020-06-15T10:20:30.000Z", "epoch digits"),
        ("1592216430000.", "2020-06-15T10:20:30.000Z", "epoch digits"),
        ("-86400000", "1969-12-31T00:00:00.000Z", "epoch digits"),
        ("2020-06-15||+1d", "2020-06-16T00:00:00.000Z", "the anchor is not rounded up"),
        ("2020-06||+1d", "2020-06-02T00:00:00.000Z", "the anchor is not rounded up"),
        ("2020||-1s", "2019-12-31T23:59:59.000Z", "the anchor is not rounded up"),
        ("now", "2020-02-02T13:45:30.250Z", "to the millisecond"),
        ("now-1h", "2020-02-02T12:45:30.250Z", "to the millisecond"),
    )
]

ROUNDED = [
    Covers("2.6", "2020-06-15||/M", "2020-06-01T00:00:00.000Z", "2020-06-30T23:59:59.999Z", "a month"),
    Covers("2.6", "2020-02-15||/M", "2020-02-01T00:00:00.000Z", "2020-02-29T23:59:59.999Z", "a leap month"),
    Covers("2.6", "2020-12-31||/M", "2020-12-01T00:00:00.000Z", "2020-12-31T23:59:59.999Z", "a December"),
    Covers("2.6", "2020-06||/M", "2020-06-01T00:00:00.000Z", "2020-06-30T23:59:59.999Z", "a month"),
    Covers(
        "2.6", "2020-06||/d", "2020-06-01T00:00:00.000Z", "2020-06-01T23:59:59.999Z", "the anchor is not rounded up"
    ),
    Covers("2.6", "2020-06-15||/y", "2020-01-01T00:00:00.000Z", "2020-12-31T23:59:59.999Z", "a year"),
    Covers("2.6", "9999||/y", "9999-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "the last year"),
    Covers("2.6", "9999-12-31||/M", "9999-12-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "the last month"),
    Covers("2.6", "2020-06-17||/w", "2020-06-15T00:00:00.000Z", "2020-06-21T23:59:59.999Z", "a week from Monday"),
    Covers("2.6", "2020-01-01||/w", "2019-12-30T00:00:00.000Z", "2020-01-05T23:59:59.999Z", "a week across two years"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/d", "2020-06-15T00:00:00.000Z", "2020-06-15T23:59:59.999Z", "a day"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/h", "2020-06-15T10:00:00.000Z", "2020-06-15T10:59:59.999Z", "an hour"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/H", "2020-06-15T10:00:00.000Z", "2020-06-15T10:59:59.999Z", "an hour"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/m", "2020-06-15T10:20:00.000Z", "2020-06-15T10:20:59.999Z", "a minute"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/s", "2020-06-15T10:20:30.000Z", "2020-06-15T10:20:30.999Z", "a second"),
    Covers(
        "2.6",
        "1592216430000||/d",
        "2020-06-15T00:00:00.000Z",
        "2020-06-15T23:59:59.999Z",
        "epoch digits with date math",
    ),
    Covers("2.6", "1969-07-20T20:17Z||/d", "1969-07-20T00:00:00.000Z", "1969-07-20T23:59:59.999Z", "before 1970"),
    Covers("2.6", "now/d", "2020-02-02T00:00:00.000Z", "2020-02-02T23:59:59.999Z", "today"),
    Covers("2.6", "now-1d/d", "2020-02-01T00:00:00.000Z", "2020-02-01T23:59:59.999Z", "yesterday"),
    Covers("2.6", "now/w", "2020-01-27T00:00:00.000Z", "2020-02-02T23:59:59.999Z", "this week"),
    Covers("2.6", "now/M", "2020-02-01T00:00:00.000Z", "2020-02-29T23:59:59.999Z", "this month"),
    Covers("2.6", "now-1h/h", "2020-02-02T12:00:00.000Z", "2020-02-02T12:59:59.999Z", "the last whole hour"),
    # Every operation applies to both ends in order.
    Covers("2.6", "2020-06-15||/d+1h", "2020-06-15T01:00:00.000Z", "2020-06-16T00:59:59.999Z", "a day, one hour later"),
    Covers(
        "2.6", "2020-06-15||/M/d", "2020-06-01T00:00:00.000Z", "2020-06-30T23:59:59.999Z", "a month, rounded to days"
    ),
    Covers("2.6", "2020-01-15||/M+1M", "2020-02-01T00:00:00.000Z", "2020-02-29T23:59:59.999Z", "the end is clamped"),
    Covers("2.6", "2020-02-15||/M+1M", "2020-03-01T00:00:00.000Z", "2020-03-29T23:59:59.999Z", "an end of 29 stays 29"),
]

OTHER_TYPES = [
    Covers("20.lookup", value, instant, instant, "ours: only text covers more than one instant")
    for value, instant in (
        (1_592_179_200_000, "2020-06-15T00:00:00.000Z"),
        (datetime(2020, 6, 15, tzinfo=UTC), "2020-06-15T00:00:00.000Z"),
        (datetime(2020, 6, 15, 10, 20, 30, 456_789, tzinfo=UTC), "2020-06-15T10:20:30.456Z"),
        (np.datetime64("2020", "Y"), "2020-01-01T00:00:00.000Z"),
        (np.datetime64("2020-06", "M"), "2020-06-01T00:00:00.000Z"),
        (np.datetime64("2020-06-15", "D"), "2020-06-15T00:00:00.000Z"),
        (np.datetime64("2020-06-15T10", "h"), "2020-06-15T10:00:00.000Z"),
        (np.datetime64("2020-06-15T10:20:30.456789", "us"), "2020-06-15T10:20:30.456Z"),
    )
]


@each_row(MISSING_PARTS, ONE_INSTANT, ROUNDED, OTHER_TYPES)
def test_timestamp_covers_its_instants(row: Covers) -> None:
    """A lookup finds buckets at the first and the last instant, and no bucket a millisecond outside."""
    first, last = at(row.first), at(row.last)
    around = sorted({first - 1, first, last, last + 1} - {at("9999-12-31T23:59:59.999Z") + 1})
    inside = [stamp for stamp in around if first <= stamp <= last]
    index = index_of(bucket(stamp) for stamp in around)

    earliest = index.get_buckets(job_id=JOB, timestamp=row.value, now=NOW)
    assert ([found.timestamp for found in earliest], earliest.count) == ([first], len(inside))
    query = BucketQuery(jobs=JOB, timestamp=row.value, desc=True)
    latest = index.search(query, now=NOW)
    assert ([found.timestamp for found in latest], latest.count) == ([last], len(inside))
    assert [found.timestamp for found in index.scan(query, now=NOW)] == inside[::-1]
