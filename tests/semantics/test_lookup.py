"""Rules 2.1, 2.2 and 2.4 to 2.7: one bucket by `timestamp`, what may stand beside it, what a text covers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InvalidQuery, NotFound
from support.semantics_tables import (
    JOB,
    Answered,
    Refusal,
    Refused,
    assert_answered,
    assert_refused,
    at,
    bucket,
    each_row,
    hours,
    index_of,
    invalid,
    unknown_job,
)

NOW = "2020-02-02T13:45:30.250Z"  # a Sunday
HOURS = hours(5)
H2 = at("2020-01-01T02:00Z")

INCOMPATIBLE = "is incompatible with"
PAGING_FIELDS = "from_|size|page|page.from|page.size|timestamp"


def conflict(field: str) -> Refusal:
    """The refusal of a parameter beside `timestamp`; either of the two may be named."""
    return invalid(f"{field}|timestamp", INCOMPATIBLE)


# By keywords a parameter is given when it is not None, its default value included.
KEYWORD_CONFLICTS = [
    Refused(
        "2.1",
        f"{field} {value!r}",
        HOURS,
        {"timestamp": H2, field: value},
        conflict(fields),
        "REQ, YML",
        only="get_buckets",
    )
    for field, value, fields in (
        ("start", H2, "start"),
        ("start", 0, "start"),
        ("start", "2020", "start"),
        ("start", "now", "start"),
        ("end", H2, "end"),
        ("end", 0, "end"),
        ("anomaly_score", 50, "anomaly_score"),
        ("anomaly_score", 0, "anomaly_score"),
        ("anomaly_score", 0.0, "anomaly_score"),
        ("anomaly_score", "0", "anomaly_score"),
        ("anomaly_score", -1.0, "anomaly_score"),
        ("from_", 1, PAGING_FIELDS),
        ("from_", 0, PAGING_FIELDS),
        ("size", 1, PAGING_FIELDS),
        ("size", 0, PAGING_FIELDS),
        ("size", 100, PAGING_FIELDS),
        ("page", {"from": 0, "size": 1}, PAGING_FIELDS),
        ("page", {"size": 100}, PAGING_FIELDS),
        ("page", {}, PAGING_FIELDS),
    )
]

# In a prepared question a parameter is given when it differs from its default.
QUESTION_CONFLICTS = [
    Refused(
        "2.1",
        f"question {field} {value!r}",
        HOURS,
        {"timestamp": H2, field: value},
        conflict(fields),
        "ours",
        only="search",
    )
    for field, value, fields in (
        ("start", 0, "start"),
        ("end", "now", "end"),
        ("anomaly_score", 50.0, "anomaly_score"),
        ("anomaly_score", -1.0, "anomaly_score"),
        ("from_", 1, PAGING_FIELDS),
        ("size", 1, PAGING_FIELDS),
        ("size", 0, PAGING_FIELDS),
    )
]

CONFLICTS_BY_WORDS = [
    Refused("2.2", "start", HOURS, {"timestamp": H2, "start": 0}, conflict("start"), "REQ: Param [start] ..."),
    Refused("2.2", "end", HOURS, {"timestamp": H2, "end": 0}, conflict("end"), "REQ: Param [end] ..."),
    Refused("2.2", "score", HOURS, {"timestamp": H2, "anomaly_score": 9}, conflict("anomaly_score"), "REQ"),
    Refused("2.2", "size", HOURS, {"timestamp": H2, "size": 9}, conflict(PAGING_FIELDS), "REQ: Param [from, size] ..."),
    Refused("2.2", "nothing there", HOURS, {"timestamp": 5, "start": 0}, conflict("start"), "before the search"),
]

SIDE_BY_SIDE = [
    Answered("2.1", "alone", HOURS, {"timestamp": H2}, "h2", "REQ"),
    Answered("2.1", "with expand", HOURS, {"timestamp": H2, "expand": True}, "h2", "REQ: not exclusive"),
    Answered(
        "2.1", "with exclude_interim", HOURS, {"timestamp": H2, "exclude_interim": True}, "h2", "REQ: not exclusive"
    ),
    Answered("2.1", "with sort", HOURS, {"timestamp": H2, "sort": "anomaly_score"}, "h2", "REQ: not exclusive"),
    Answered("2.1", "with desc", HOURS, {"timestamp": H2, "desc": True}, "h2", "REQ: not exclusive"),
    Answered("20.lookup", "start -1 is not given", HOURS, {"timestamp": H2, "start": -1}, "h2", "ours"),
    Answered("20.lookup", "end text -1 is not given", HOURS, {"timestamp": H2, "end": "-1"}, "h2", "ours"),
    Answered("20.lookup", "None is not given", HOURS, {"timestamp": H2, "start": None, "end": None}, "h2", "ours"),
    Answered(
        "20.lookup",
        "None everywhere",
        HOURS,
        {"timestamp": H2, "anomaly_score": None, "from_": None, "size": None, "page": None, "sort": None, "desc": None},
        "h2",
        "ours",
        only="get_buckets",
    ),
    Answered(
        "20.lookup",
        "defaults of a question are not given",
        HOURS,
        {"timestamp": H2, "anomaly_score": 0.0, "from_": 0, "size": 100},
        "h2",
        "ours",
        only="search",
    ),
    Answered("20.lookup", "no timestamp is no lookup", HOURS, {"timestamp": None, "size": 2}, "h0 h1", "ours", count=5),
]

not_found = Refusal(NotFound, 404, "resource_not_found_exception", "timestamp", "Could not find requested buckets")

NOT_FOUND = [
    Refused("2.4", "between two buckets", HOURS, {"timestamp": H2 + 1}, not_found, "JRP, QP"),
    Refused(
        "2.4", "just before a bucket", HOURS, {"timestamp": H2 - 1}, not_found, "a bucket is found by its start only"
    ),
    Refused("2.4", "a day without buckets", HOURS, {"timestamp": "2020-01-02"}, not_found, "JRP, QP"),
    Refused("2.4", "a job without documents", {}, {"timestamp": H2}, not_found, "JRP, QP"),
    Refused("2.4", "0", HOURS, {"timestamp": 0}, not_found, "0 is an instant"),
    Refused("2.4", "-1", HOURS, {"timestamp": -1}, not_found, "-1 is unset in start and end only"),
    Refused("2.4", "past int64", HOURS, {"timestamp": 2**70}, not_found, "ours: no stored instant is out there"),
    Refused("2.4", "before int64", HOURS, {"timestamp": -(2**70)}, not_found, "ours: no stored instant is out there"),
    Refused("2.4", "digits past int64", HOURS, {"timestamp": "9" * 30}, not_found, "ours: the same"),
]

UNKNOWN = [
    Refused(
        "20.lookup", "unknown job", {}, {"job_id": "db", "timestamp": H2}, unknown_job("db"), "11", only="get_buckets"
    ),
    Refused(
        "20.lookup",
        "unknown job, question",
        {},
        {"jobs": "db", "timestamp": H2},
        unknown_job("db"),
        "11",
        only="search",
    ),
]

LAST_MS_OF_1969 = {"p": bucket(-2), "q": bucket(-1), "r": bucket(0)}

# One instant, three buckets of different spans; b is interim and has the highest score.
SPANS = {
    "a": bucket(H2, bucket_span=60, anomaly_score=10.0),
    "b": bucket(H2, bucket_span=900, anomaly_score=90.0, is_interim=True),
    "c": bucket(H2, bucket_span=3_600, anomaly_score=50.0),
}
INTERIM = {"i": bucket(H2, is_interim=True, anomaly_score=5.0)}
DAY = {
    "early": bucket("2020-06-15T01:00Z", anomaly_score=50.0),
    "high": bucket("2020-06-15T09:00Z", anomaly_score=90.0),
    "low": bucket("2020-06-15T17:00Z", anomaly_score=10.0, is_interim=True),
    "late": bucket("2020-06-15T23:00Z"),
    "next": bucket("2020-06-16T00:00Z", anomaly_score=99.0),
}

FILTERS_AND_PAGE = [
    Answered("2.5", "interim is found", INTERIM, {"timestamp": H2}, "i", "BQB: no interim filter here"),
    Answered(
        "2.5", "even when excluded", INTERIM, {"timestamp": H2, "exclude_interim": True}, "i", "BQB: no filter here"
    ),
    Answered(
        "2.5",
        "an excluded one is counted too",
        DAY,
        {"timestamp": "2020-06-15", "exclude_interim": True, "sort": "anomaly_score"},
        "low",
        "BQB: no interim filter here",
        count=4,
    ),
    Answered(
        "2.7", "count is all matches, the page the first", DAY, {"timestamp": "2020-06-15"}, "early", "BQB", count=4
    ),
    Answered("2.7", "desc: the latest", DAY, {"timestamp": "2020-06-15", "desc": True}, "late", "BQB", count=4),
    Answered(
        "2.7", "the lowest score", DAY, {"timestamp": "2020-06-15", "sort": "anomaly_score"}, "low", "BQB", count=4
    ),
    Answered(
        "2.7",
        "the highest score, missing last",
        DAY,
        {"timestamp": "2020-06-15", "sort": "anomaly_score", "desc": True},
        "high",
        "BQB",
        count=4,
    ),
    Answered("2.7", "several spans at one instant", SPANS, {"timestamp": H2}, "a", "ours: span after time", count=3),
    Answered("2.7", "the longest span", SPANS, {"timestamp": H2, "desc": True}, "c", "ours: span after time", count=3),
    Answered(
        "2.7",
        "the highest score of them",
        SPANS,
        {"timestamp": H2, "sort": "anomaly_score", "desc": True},
        "b",
        "BQB",
        count=3,
    ),
    Answered("20.lookup", "-1 is the last ms of 1969", LAST_MS_OF_1969, {"timestamp": -1}, "q", "-1 is literal here"),
    Answered("20.lookup", "text -1 too", LAST_MS_OF_1969, {"timestamp": "-1"}, "q", "-1 is literal here"),
    Answered("20.lookup", "0 is found", LAST_MS_OF_1969, {"timestamp": 0}, "r", "0 is not unset"),
    Answered("20.lookup", "text 0 is found", LAST_MS_OF_1969, {"timestamp": "0"}, "r", "0 is not unset"),
]


@each_row(SIDE_BY_SIDE, FILTERS_AND_PAGE)
def test_lookup_is_answered_as_ruled(row: Answered) -> None:
    """A lookup gives the bucket and the count of its row."""
    assert_answered(row)


@each_row(KEYWORD_CONFLICTS, QUESTION_CONFLICTS, CONFLICTS_BY_WORDS, NOT_FOUND, UNKNOWN)
def test_lookup_is_refused_as_ruled(row: Refused) -> None:
    """A lookup that is a contradiction, or finds nothing, gives the error of its row."""
    assert_refused(row)


@dataclass(frozen=True, slots=True)
class Covers:
    """A value of `timestamp`, and the first and the last instant it covers."""

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
    Covers(
        "2.6", "2020-06", "2020-06-01T00:00:00.000Z", "2020-06-01T23:59:59.999Z", "JDF: a missing day is 1, no more"
    ),
    Covers(
        "2.6", "2020-12", "2020-12-01T00:00:00.000Z", "2020-12-01T23:59:59.999Z", "JDF: a missing day is 1, no more"
    ),
    Covers("2.6", "2020", "2020-01-01T00:00:00.000Z", "2020-01-01T23:59:59.999Z", "JDF: a missing month is 1, no more"),
    Covers("2.6", "9999-12-31", "9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "the last day"),
    Covers("2.6", "1969-12-31", "1969-12-31T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "before 1970"),
    Covers("2.6", "2020-06-15T10+02", "2020-06-15T08:00:00.000Z", "2020-06-15T08:59:59.999Z", "the zone's own hour"),
    Covers("2.6", "2020-06-15T10+05:30", "2020-06-15T04:30:00.000Z", "2020-06-15T05:29:59.999Z", "the zone's own hour"),
    Covers("2.6", "2020-06-15T10:20-05:00", "2020-06-15T15:20:00.000Z", "2020-06-15T15:20:59.999Z", "a minute"),
]

ONE_INSTANT = [
    Covers("2.6", value, instant, instant, source)
    for value, instant, source in (
        ("2020-06-15T10:20:30.000Z", "2020-06-15T10:20:30.000Z", "full milliseconds"),
        ("2020-06-15T10:20:30.456", "2020-06-15T10:20:30.456Z", "full milliseconds"),
        ("2020-06-15T10:20:30.456789123Z", "2020-06-15T10:20:30.456Z", "below a millisecond is cut off"),
        ("2020-06-15T10:20:30.4Z", "2020-06-15T10:20:30.400Z", "a fraction is given, so nothing is missing"),
        ("2020-06-15T10:20:30,4Z", "2020-06-15T10:20:30.400Z", "a fraction is given, so nothing is missing"),
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
    Covers("2.6", "2020-01-01||/w", "2019-12-30T00:00:00.000Z", "2020-01-05T23:59:59.999Z", "a week of two years"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/d", "2020-06-15T00:00:00.000Z", "2020-06-15T23:59:59.999Z", "a day"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/h", "2020-06-15T10:00:00.000Z", "2020-06-15T10:59:59.999Z", "an hour"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/H", "2020-06-15T10:00:00.000Z", "2020-06-15T10:59:59.999Z", "an hour"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/m", "2020-06-15T10:20:00.000Z", "2020-06-15T10:20:59.999Z", "a minute"),
    Covers("2.6", "2020-06-15T10:20:30.456Z||/s", "2020-06-15T10:20:30.000Z", "2020-06-15T10:20:30.999Z", "a second"),
    Covers("2.6", "1592216430000||/d", "2020-06-15T00:00:00.000Z", "2020-06-15T23:59:59.999Z", "digits with math"),
    Covers("2.6", "1969-07-20T20:17Z||/d", "1969-07-20T00:00:00.000Z", "1969-07-20T23:59:59.999Z", "before 1970"),
    Covers("2.6", "now/d", "2020-02-02T00:00:00.000Z", "2020-02-02T23:59:59.999Z", "today"),
    Covers("2.6", "now-1d/d", "2020-02-01T00:00:00.000Z", "2020-02-01T23:59:59.999Z", "yesterday"),
    Covers("2.6", "now/w", "2020-01-27T00:00:00.000Z", "2020-02-02T23:59:59.999Z", "this week"),
    Covers("2.6", "now/M", "2020-02-01T00:00:00.000Z", "2020-02-29T23:59:59.999Z", "this month"),
    Covers("2.6", "now-1h/h", "2020-02-02T12:00:00.000Z", "2020-02-02T12:59:59.999Z", "the last whole hour"),
    # Both ends go through every operation, one after the other.
    Covers("2.6", "2020-06-15||/d+1h", "2020-06-15T01:00:00.000Z", "2020-06-16T00:59:59.999Z", "a day, moved"),
    Covers("2.6", "2020-06-15||/M/d", "2020-06-01T00:00:00.000Z", "2020-06-30T23:59:59.999Z", "the month's days"),
    Covers("2.6", "2020-01-15||/M+1M", "2020-02-01T00:00:00.000Z", "2020-02-29T23:59:59.999Z", "the end is clamped"),
    Covers("2.6", "2020-02-15||/M+1M", "2020-03-01T00:00:00.000Z", "2020-03-29T23:59:59.999Z", "an end of 29 stays 29"),
]

OTHER_TYPES = [
    Covers("20.lookup", value, instant, instant, "ours: only text covers a stretch")
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
def test_timestamp_covers_its_stretch(row: Covers) -> None:
    """A lookup finds what starts at the first or the last instant of its stretch, and nothing a millisecond outside."""
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


def test_scan_of_a_lookup_that_finds_nothing_yields_nothing() -> None:
    """Section 20, lookup: where `search` raises NotFound, `scan` yields nothing."""
    assert list(index_of(HOURS.values()).scan(BucketQuery(jobs=JOB, timestamp=H2 + 1))) == []


def test_replaced_question_is_checked_again() -> None:
    """A lookup made out of a question with a window is refused as if it had been written so."""
    with pytest.raises(InvalidQuery, match=INCOMPATIBLE):
        BucketQuery(jobs=JOB, start=0).replace(timestamp=H2)
