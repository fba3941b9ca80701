"""Rules 1.1 to 1.5 and 1.8: the window `[start, end)`, -1 as an unset bound, and how bounds are rounded.

Each row runs for buckets, records and influencers.
"""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from bucketquery import BucketQuery
from support.semantics_tables import (
    JOB,
    Answered,
    assert_answered,
    assert_same_body,
    at,
    bucket,
    each_row,
    hours,
    index_of,
    of_every_kind,
)

HOURS = hours(5)  # h0 at 2020-01-01T00:00Z, h1 an hour later, ...
H1 = at("2020-01-01T01:00Z")
H3 = at("2020-01-01T03:00Z")

WINDOW = [
    Answered("1.1", "start is included", HOURS, {"start": H1}, "h1 h2 h3 h4", "RFB: gte"),
    Answered("1.1", "a bucket just before start is excluded", HOURS, {"start": H1 + 1}, "h2 h3 h4", "RFB: gte"),
    Answered("1.1", "a bucket just after start is included", HOURS, {"start": H1 - 1}, "h1 h2 h3 h4", "RFB: gte"),
    Answered("1.1", "end is excluded", HOURS, {"end": H3}, "h0 h1 h2", "RFB: lt"),
    Answered("1.1", "a bucket just before end is included", HOURS, {"end": H3 + 1}, "h0 h1 h2 h3", "RFB: lt"),
    Answered("1.1", "a bucket just after end is excluded", HOURS, {"end": H3 - 1}, "h0 h1 h2", "RFB: lt"),
    Answered("1.1", "three hours hold three buckets", HOURS, {"start": H1, "end": H3 + 3_600_000}, "h1 h2 h3", "HLRC"),
    Answered("1.1", "a window of one millisecond holds one bucket", HOURS, {"start": H1, "end": H1 + 1}, "h1", "RFB"),
    Answered("1.1", "a window between two buckets", HOURS, {"start": H1 + 1, "end": H1 + 2}, "", "RFB"),
    Answered("1.1", "the timestamp decides, not the span", HOURS, {"start": H1 + 1, "end": H3}, "h2", "RFB"),
    Answered("1.1", "desc does not change the window", HOURS, {"start": H1, "end": H3, "desc": True}, "h2 h1", "RFB"),
    Answered("1.1", "sort does not change the window", HOURS, {"end": H3, "sort": "event_count"}, "h0 h1 h2", "RFB"),
    Answered("1.2", "no bound", HOURS, {}, "h0 h1 h2 h3 h4", "REQ, RFB"),
    Answered("1.2", "None is not a bound", HOURS, {"start": None, "end": None}, "h0 h1 h2 h3 h4", "REQ, RFB"),
    Answered("1.2", "start without end", HOURS, {"start": H3, "end": None}, "h3 h4", "REQ, RFB"),
    Answered("1.2", "end without start", HOURS, {"start": None, "end": H1}, "h0", "REQ, RFB"),
    Answered("1.2", "zero is a bound", HOURS, {"end": 0}, "", "RFB"),
    Answered("1.3", "start equal to end", HOURS, {"start": H1, "end": H1}, "", "REQ: validate() returns nothing"),
    Answered("1.3", "start after end", HOURS, {"start": H3, "end": H1}, "", "REQ: validate() returns nothing"),
    Answered("1.3", "start far after end", HOURS, {"start": "9999", "end": "0001"}, "", "REQ, RFB"),
    Answered("1.3", "reversed and desc", HOURS, {"start": H3, "end": H1, "desc": True}, "", "REQ, RFB"),
]

SUB_MILLISECOND = [
    Answered("1.4", "text start", HOURS, {"start": "2020-01-01T01:00:00.000999999Z"}, "h1 h2 h3 h4", "DFM"),
    Answered("1.4", "text end", HOURS, {"end": "2020-01-01T03:00:00.000999999Z"}, "h0 h1 h2", "DFM"),
    Answered(
        "1.4", "text end just before a bucket", HOURS, {"end": "2020-01-01T02:59:59.999999999Z"}, "h0 h1 h2", "DFM"
    ),
    Answered("1.4", "epoch digits, start", HOURS, {"start": f"{H1}.999"}, "h1 h2 h3 h4", "EPOCH"),
    Answered("1.4", "epoch digits, end", HOURS, {"end": f"{H3}.999999"}, "h0 h1 h2", "EPOCH"),
    Answered(
        "1.4",
        "a datetime's microseconds",
        HOURS,
        {
            "start": datetime(2020, 1, 1, 1, 0, 0, 999, tzinfo=UTC),
            "end": datetime(2020, 1, 1, 3, 0, 0, 999, tzinfo=UTC),
        },
        "h1 h2",
        "ours: floored",
    ),
    Answered(
        "1.4",
        "a datetime64's nanoseconds",
        HOURS,
        {
            "start": np.datetime64("2020-01-01T01:00:00.000999999", "ns"),
            "end": np.datetime64("2020-01-01T03:00:00.000999999", "ns"),
        },
        "h1 h2",
        "ours: floored",
    ),
]

# Four buckets around 1970: p an hour before, q a millisecond before, r at 0, s an hour after.
AROUND_1970 = {"p": bucket(-3_600_000), "q": bucket(-1), "r": bucket(0), "s": bucket(3_600_000)}
LAST_MS_OF_1969 = datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)

MINUS_ONE = [
    Answered("1.5", "start -1 is unset", AROUND_1970, {"start": -1}, "p q r s", "the page, against RFB"),
    Answered("1.5", "end -1 is unset", AROUND_1970, {"end": -1}, "p q r s", "the page, against RFB"),
    Answered("1.5", "both -1", AROUND_1970, {"start": -1, "end": -1}, "p q r s", "ours"),
    Answered("1.5", "start text -1 is unset", AROUND_1970, {"start": "-1"}, "p q r s", "ours"),
    Answered("1.5", "end text -1 is unset", AROUND_1970, {"end": "-1"}, "p q r s", "ours"),
    Answered("1.5", "start given, end -1", AROUND_1970, {"start": 0, "end": -1}, "r s", "ours"),
    Answered("1.5", "start -1, end given", AROUND_1970, {"start": -1, "end": 0}, "p q", "ours"),
    Answered("20.minus-one", "end -2 is an instant", AROUND_1970, {"end": -2}, "p", "ours: -1 only"),
    Answered("20.minus-one", "start -2 is an instant", AROUND_1970, {"start": -2}, "q r s", "ours: -1 only"),
    Answered("20.minus-one", "start text -2", AROUND_1970, {"start": "-2"}, "q r s", "ours: -1 only"),
    Answered(
        "20.minus-one", "end ISO text", AROUND_1970, {"end": "1969-12-31T23:59:59.999Z"}, "p", "no other spelling"
    ),
    Answered("20.minus-one", "start ISO text", AROUND_1970, {"start": "1969-12-31T23:59:59.999Z"}, "q r s", "the same"),
    Answered("20.minus-one", "end -1.0", AROUND_1970, {"end": "-1.0"}, "p", "no other spelling"),
    Answered("20.minus-one", "end -1 with a point", AROUND_1970, {"end": "-1."}, "p", "no other spelling"),
    Answered("20.minus-one", "end -01", AROUND_1970, {"end": "-01"}, "p", "no other spelling"),
    Answered("20.minus-one", "end as date math", AROUND_1970, {"end": "0||-1s"}, "p", "no other spelling; -1000 ms"),
    Answered("20.minus-one", "end datetime", AROUND_1970, {"end": LAST_MS_OF_1969}, "p", "no other spelling"),
    Answered("20.minus-one", "start datetime", AROUND_1970, {"start": LAST_MS_OF_1969}, "q r s", "no other spelling"),
    Answered("20.minus-one", "end datetime64", AROUND_1970, {"end": np.datetime64(-1, "ms")}, "p", "no other spelling"),
    Answered("20.minus-one", "None", AROUND_1970, {"start": None, "end": None}, "p q r s", "ours"),
]

# Before 1970 a fraction is floored too, so it moves away from zero.
FLOORED_BELOW_ZERO = [
    Answered("1.4", "text below zero", AROUND_1970, {"end": "1969-12-31T23:59:59.999999Z"}, "p", "ours: floored"),
    Answered("1.4", "datetime64 below zero", AROUND_1970, {"end": np.datetime64(-1, "us")}, "p", "ours: floored"),
    Answered(
        "1.4",
        "datetime below zero",
        AROUND_1970,
        {"end": datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)},
        "p",
        "ours: floored",
    ),
    Answered("1.4", "digits below zero", AROUND_1970, {"end": "-0.5"}, "p", "ours: floored, so -1 ms"),
]

# Four midnights and one noon.
DAYS = {
    "jan31": bucket("2020-01-31T00:00Z"),
    "feb1": bucket("2020-02-01T00:00Z"),
    "feb2": bucket("2020-02-02T00:00Z"),
    "noon": bucket("2020-02-02T12:00Z"),
    "feb3": bucket("2020-02-03T00:00Z"),
}
NOW = "2020-02-02T13:45:30.250Z"

ROUNDING = [
    Answered("1.8", "end /d is the midnight before", DAYS, {"end": "2020-02-02T13:45Z||/d"}, "jan31 feb1", "DFM"),
    Answered(
        "1.8", "start /d is the midnight before", DAYS, {"start": "2020-02-02T13:45Z||/d"}, "feb2 noon feb3", "DFM"
    ),
    Answered("1.8", "end as a month is its first day", DAYS, {"end": "2020-02"}, "jan31", "DFM"),
    Answered("1.8", "start as a month", DAYS, {"start": "2020-02"}, "feb1 feb2 noon feb3", "DFM"),
    Answered("1.8", "end as a day excludes that day", DAYS, {"end": "2020-02-02"}, "jan31 feb1", "DFM"),
    Answered("1.8", "start as a day includes that day", DAYS, {"start": "2020-02-02"}, "feb2 noon feb3", "DFM"),
    Answered("1.8", "end as a year is its first day", DAYS, {"end": "2020"}, "", "DFM"),
    Answered("1.8", "start as a year", DAYS, {"start": "2020", "end": "2021"}, "jan31 feb1 feb2 noon feb3", "DFM"),
    Answered("1.8", "end as an hour", DAYS, {"end": "2020-02-02T12"}, "jan31 feb1 feb2", "DFM"),
    Answered("1.8", "end /M", DAYS, {"end": "2020-02-02||/M"}, "jan31", "DFM"),
    Answered("1.8", "end /y", DAYS, {"end": "2020-02-02||/y"}, "", "DFM"),
    Answered("1.8", "end /w, a Monday", DAYS, {"end": "2020-02-03||/w"}, "jan31 feb1 feb2 noon", "DFM"),
    Answered("1.8", "end /w, a Sunday", DAYS, {"end": "2020-02-02||/w"}, "", "DFM"),
    Answered("1.8", "end now/d", DAYS, {"end": "now/d", "now": NOW}, "jan31 feb1", "DFM"),
    Answered("1.8", "start now/d", DAYS, {"start": "now/d", "now": NOW}, "feb2 noon feb3", "DFM"),
    Answered("1.8", "a whole day", DAYS, {"start": "now/d", "end": "now/d+1d", "now": NOW}, "feb2 noon", "DFM"),
    Answered("1.8", "start and end as the same day", DAYS, {"start": "2020-02-02", "end": "2020-02-02"}, "", "DFM"),
]

IN_PARIS = timezone(timedelta(hours=1))

BOUND_TYPES = [
    Answered("20.types", "int", HOURS, {"start": H1, "end": H3}, "h1 h2", "ours"),
    Answered("20.types", "digits", HOURS, {"start": str(H1), "end": str(H3)}, "h1 h2", "ours"),
    Answered("20.types", "text", HOURS, {"start": "2020-01-01T01:00Z", "end": "2020-01-01T03:00Z"}, "h1 h2", "ours"),
    Answered(
        "20.types",
        "datetime in UTC",
        HOURS,
        {"start": datetime(2020, 1, 1, 1, tzinfo=UTC), "end": datetime(2020, 1, 1, 3, tzinfo=UTC)},
        "h1 h2",
        "ours",
    ),
    Answered(
        "20.types",
        "datetime in another zone",
        HOURS,
        {"start": datetime(2020, 1, 1, 2, tzinfo=IN_PARIS), "end": datetime(2020, 1, 1, 4, tzinfo=IN_PARIS)},
        "h1 h2",
        "ours",
    ),
    Answered(
        "20.types",
        "datetime64 in hours",
        HOURS,
        {"start": np.datetime64("2020-01-01T01", "h"), "end": np.datetime64("2020-01-01T03", "h")},
        "h1 h2",
        "ours",
    ),
    Answered("20.types", "datetime64 in days", HOURS, {"end": np.datetime64("2020-01-01", "D")}, "", "ours"),
    Answered("20.types", "datetime64 in months", HOURS, {"start": np.datetime64("2020-02", "M")}, "", "ours"),
    Answered("20.types", "start 2**63 - 1", HOURS, {"start": 2**63 - 1}, "", "ours: no result is stored that late"),
    Answered("20.types", "start past int64", HOURS, {"start": 2**63}, "", "ours: clamped"),
    Answered("20.types", "end past int64", HOURS, {"end": 2**63}, "h0 h1 h2 h3 h4", "ours: clamped"),
    Answered("20.types", "start before int64", HOURS, {"start": -(2**70)}, "h0 h1 h2 h3 h4", "ours: clamped"),
    Answered("20.types", "end before int64", HOURS, {"end": -(2**70)}, "", "ours: clamped"),
    Answered("20.types", "start digits past int64", HOURS, {"start": "9" * 30}, "", "ours: clamped"),
    Answered("20.types", "end digits past int64", HOURS, {"end": "9" * 30}, "h0 h1 h2 h3 h4", "ours: clamped"),
    Answered(
        "20.types", "start digits before int64", HOURS, {"start": "-" + "9" * 30}, "h0 h1 h2 h3 h4", "ours: clamped"
    ),
    Answered("20.types", "end digits before int64", HOURS, {"end": "-" + "9" * 30}, "", "ours: clamped"),
    Answered("20.types", "start datetime64 past int64", HOURS, {"start": np.datetime64(10**9, "Y")}, "", "as ints"),
    Answered(
        "20.types", "end datetime64 past int64", HOURS, {"end": np.datetime64(10**9, "Y")}, "h0 h1 h2 h3 h4", "as ints"
    ),
]


@each_row(of_every_kind(WINDOW, SUB_MILLISECOND, MINUS_ONE, FLOORED_BELOW_ZERO, ROUNDING, BOUND_TYPES))
def test_window_selects_the_expected_results(row: Answered) -> None:
    """A window selects the results of the row, given as keywords and in a prepared query."""
    assert_answered(row)


def test_reversed_window_has_an_empty_body() -> None:
    """Rule 1.3: start after end is not an error; the body has a count of 0 and an empty list."""
    page = index_of(HOURS.values()).get_buckets(job_id=JOB, start=H3, end=H1)
    assert_same_body(page.to_dict(), {"count": 0, "buckets": []})


def test_replaced_query_keeps_its_window() -> None:
    """`replace` keeps a bound at the last millisecond of 1969: it does not turn into the unset -1."""
    query = BucketQuery(jobs=JOB, end=LAST_MS_OF_1969).replace(size=3)
    assert [found.timestamp for found in index_of(AROUND_1970.values()).search(query)] == [-3_600_000]
