"""Rules 2.1, 2.2, 2.4, 2.5 and 2.7: lookups by `timestamp`, and which parameters they accept."""

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

HOURS = hours(5)
H2 = at("2020-01-01T02:00Z")

INCOMPATIBLE = "is incompatible with"
PAGING_FIELDS = "from_|size|page|page.from|page.size|timestamp"


def conflict(field: str) -> Refusal:
    """The refusal of a parameter with `timestamp`; the error may name either of the two."""
    return invalid(f"{field}|timestamp", INCOMPATIBLE)


# A keyword counts as given if it is not None, also with its default value.
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

# A parameter of a query counts as given if it differs from its default.
QUERY_CONFLICTS = [
    Refused(
        "2.1",
        f"query {field} {value!r}",
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
    Refused("2.2", "anomaly_score", HOURS, {"timestamp": H2, "anomaly_score": 9}, conflict("anomaly_score"), "REQ"),
    Refused("2.2", "size", HOURS, {"timestamp": H2, "size": 9}, conflict(PAGING_FIELDS), "REQ: Param [from, size] ..."),
    Refused(
        "2.2", "a lookup without a match", HOURS, {"timestamp": 5, "start": 0}, conflict("start"), "before the search"
    ),
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
        "defaults of a query are not given",
        HOURS,
        {"timestamp": H2, "anomaly_score": 0.0, "from_": 0, "size": 100},
        "h2",
        "ours",
        only="search",
    ),
    Answered(
        "20.lookup",
        "None as timestamp is not a lookup",
        HOURS,
        {"timestamp": None, "size": 2},
        "h0 h1",
        "ours",
        count=5,
    ),
]

not_found = Refusal(NotFound, 404, "resource_not_found_exception", "timestamp", "Could not find requested buckets")

NOT_FOUND = [
    Refused("2.4", "between two buckets", HOURS, {"timestamp": H2 + 1}, not_found, "JRP, QP"),
    Refused(
        "2.4", "just before a bucket", HOURS, {"timestamp": H2 - 1}, not_found, "only the start of a bucket matches"
    ),
    Refused("2.4", "a day without buckets", HOURS, {"timestamp": "2020-01-02"}, not_found, "JRP, QP"),
    Refused("2.4", "a job without documents", {}, {"timestamp": H2}, not_found, "JRP, QP"),
    Refused("2.4", "0", HOURS, {"timestamp": 0}, not_found, "0 is an instant"),
    Refused("2.4", "-1", HOURS, {"timestamp": -1}, not_found, "-1 is unset in start and end only"),
    Refused(
        "2.4", "past int64", HOURS, {"timestamp": 2**70}, not_found, "ours: no result is stored at such an instant"
    ),
    Refused(
        "2.4", "before int64", HOURS, {"timestamp": -(2**70)}, not_found, "ours: no result is stored at such an instant"
    ),
    Refused("2.4", "digits past int64", HOURS, {"timestamp": "9" * 30}, not_found, "ours: the same"),
]

UNKNOWN = [
    Refused(
        "20.lookup", "unknown job", {}, {"job_id": "db", "timestamp": H2}, unknown_job("db"), "11", only="get_buckets"
    ),
    Refused(
        "20.lookup",
        "unknown job, query",
        {},
        {"jobs": "db", "timestamp": H2},
        unknown_job("db"),
        "11",
        only="search",
    ),
]

LAST_MS_OF_1969 = {"p": bucket(-2), "q": bucket(-1), "r": bucket(0)}

# Three buckets of different spans at the same instant; `b` is interim and has the highest score.
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
    Answered(
        "2.5", "an interim bucket is found", INTERIM, {"timestamp": H2}, "i", "BQB: a lookup has no interim filter"
    ),
    Answered(
        "2.5",
        "an interim bucket is found with exclude_interim",
        INTERIM,
        {"timestamp": H2, "exclude_interim": True},
        "i",
        "BQB: a lookup has no interim filter",
    ),
    Answered(
        "2.5",
        "an interim bucket counts with exclude_interim",
        DAY,
        {"timestamp": "2020-06-15", "exclude_interim": True, "sort": "anomaly_score"},
        "low",
        "BQB: a lookup has no interim filter",
        count=4,
    ),
    Answered(
        "2.7",
        "the page is the first match, the count all matches",
        DAY,
        {"timestamp": "2020-06-15"},
        "early",
        "BQB",
        count=4,
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
    Answered("2.7", "the shortest of several spans", SPANS, {"timestamp": H2}, "a", "ours: span after time", count=3),
    Answered("2.7", "the longest span", SPANS, {"timestamp": H2, "desc": True}, "c", "ours: span after time", count=3),
    Answered(
        "2.7",
        "the highest score of several spans",
        SPANS,
        {"timestamp": H2, "sort": "anomaly_score", "desc": True},
        "b",
        "BQB",
        count=3,
    ),
    Answered(
        "20.lookup",
        "-1 is the last millisecond of 1969",
        LAST_MS_OF_1969,
        {"timestamp": -1},
        "q",
        "-1 is an instant in timestamp",
    ),
    Answered(
        "20.lookup",
        "text -1 is the last millisecond of 1969",
        LAST_MS_OF_1969,
        {"timestamp": "-1"},
        "q",
        "-1 is an instant in timestamp",
    ),
    Answered("20.lookup", "0 is found", LAST_MS_OF_1969, {"timestamp": 0}, "r", "0 is not unset"),
    Answered("20.lookup", "text 0 is found", LAST_MS_OF_1969, {"timestamp": "0"}, "r", "0 is not unset"),
]


@each_row(SIDE_BY_SIDE, FILTERS_AND_PAGE)
def test_lookup_gives_the_expected_bucket(row: Answered) -> None:
    """A lookup gives the bucket and the count of the row."""
    assert_answered(row)


@each_row(KEYWORD_CONFLICTS, QUERY_CONFLICTS, CONFLICTS_BY_WORDS, NOT_FOUND, UNKNOWN)
def test_lookup_with_a_conflict_or_without_a_match_is_refused(row: Refused) -> None:
    """A lookup with conflicting parameters, or without a match, raises the error of the row."""
    assert_refused(row)


def test_scan_of_a_lookup_that_finds_nothing_yields_nothing() -> None:
    """Section 20, lookup: if `search` raises NotFound, `scan` yields nothing."""
    assert list(index_of(HOURS.values()).scan(BucketQuery(jobs=JOB, timestamp=H2 + 1))) == []


def test_replaced_query_is_checked_again() -> None:
    """`replace` refuses `timestamp` in a query with a window, as the constructor does."""
    with pytest.raises(InvalidQuery, match=INCOMPATIBLE):
        BucketQuery(jobs=JOB, start=0).replace(timestamp=H2)
