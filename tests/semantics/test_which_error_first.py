"""Our decision on which error comes first: a bad query, then an unknown job, then a lookup without a match."""

import pytest

from bucketquery import BucketQuery, InvalidQuery, LimitExceeded, NotFound
from support.semantics_tables import JOB, Refusal, Refused, assert_refused, each_row, hours, invalid, unknown_job

HOURS = hours(2)

NOT_FOUND = Refusal(NotFound, 404, "resource_not_found_exception", "timestamp", "Could not find requested buckets")
TOO_LARGE = Refusal(LimitExceeded, 400, "illegal_argument_exception", "size", "")

WHICH_FIRST = [
    Refused("20.which-error-first", claim, HOURS, {"job_id": job_id} | asked, expected, source, only="get_buckets")
    for claim, job_id, asked, expected, source in (
        (
            "bad sort, unknown job",
            "db",
            {"sort": "x"},
            invalid("sort", "No mapping", "query_shard_exception"),
            "ours",
        ),
        (
            "bad date, unknown job",
            "db",
            {"start": "x"},
            invalid("start", "failed to parse", "parse_exception"),
            "ours",
        ),
        (
            "bad date math on now, unknown job",
            "db",
            {"end": "now+1q"},
            invalid("end", "unit [q]", "parse_exception"),
            "ours",
        ),
        ("bad size, unknown job", "db", {"size": -1}, invalid("size", "cannot be < 0"), "ours"),
        ("bad boolean, unknown job", "db", {"desc": "x"}, invalid("desc", "Failed to parse value [x]"), "ours"),
        (
            "bad threshold, unknown job",
            "db",
            {"anomaly_score": "x"},
            invalid("anomaly_score", "For input string", "number_format_exception"),
            "ours",
        ),
        (
            "a conflict with timestamp, unknown job",
            "db",
            {"timestamp": 0, "start": 0},
            invalid("start|timestamp", "is incompatible with"),
            "ours",
        ),
        ("size above max_size, unknown job", "db", {"size": 10_001}, TOO_LARGE, "ours"),
        ("lookup, unknown job", "db", {"timestamp": 5}, unknown_job("db"), "ours: then UnknownJob"),
        ("lookup, known job", JOB, {"timestamp": 5}, NOT_FOUND, "ours: then NotFound"),
        (
            "bad sort, nothing found",
            JOB,
            {"timestamp": 5, "sort": "x"},
            invalid("sort", "x", "query_shard_exception"),
            "ours",
        ),
    )
] + [
    Refused(
        "20.which-error-first",
        "query: size above max_size, unknown job",
        HOURS,
        {"jobs": "db", "size": 10_001},
        TOO_LARGE,
        "ours",
        only="search",
    ),
    Refused(
        "20.which-error-first",
        "query: lookup, unknown job",
        HOURS,
        {"jobs": "db", "timestamp": 5},
        unknown_job("db"),
        "ours",
        only="search",
    ),
]


@each_row(WHICH_FIRST)
def test_first_error_is_raised(row: Refused) -> None:
    """A query with several errors raises the error of the row."""
    assert_refused(row)


def test_query_checks_its_dates_without_an_index() -> None:
    """Section 20, which error first: the query refuses a bad date text; it needs no index."""
    with pytest.raises(InvalidQuery):
        BucketQuery(jobs="db", start="2020-13")
