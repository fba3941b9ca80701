"""Rule 7: `count` is the exact number of matches before paging, on every page.

Each row runs for buckets, records and influencers, except lookups by `timestamp`, which only buckets have.
"""

import numpy as np

from bucketquery import BucketQuery, ResultsIndex
from support.semantics_tables import (
    JOB,
    Answered,
    assert_answered,
    assert_same_body,
    bucket,
    each_row,
    hours,
    index_of,
    names,
    of_every_kind,
)

HOURS = hours(30)
MIXED = {
    "a": bucket(0, anomaly_score=90.0),
    "b": bucket(3_600_000, anomaly_score=90.0, is_interim=True),
    "c": bucket(7_200_000, anomaly_score=10.0),
    "d": bucket(7_200_000, anomaly_score=90.0, bucket_span=60),
    "e": bucket(10_800_000),
}

COUNT = [
    Answered("7", "the count is not the length of the page", HOURS, {"size": 2}, names(0, 2), "JRP, QP", count=30),
    Answered("7", "skipped results count", HOURS, {"from_": 28}, names(28, 30), "JRP, QP", count=30),
    Answered("7", "size 0", HOURS, {"size": 0}, "", "JRP, QP", count=30),
    Answered("7", "a page past the end", HOURS, {"from_": 30, "size": 1}, "", "JRP, QP", count=30),
    Answered(
        "7",
        "the window limits the count",
        HOURS,
        {"start": HOURS["h10"]["timestamp"], "size": 1},
        "h10",
        "JRP",
        count=20,
    ),
    Answered("7", "the threshold limits the count", MIXED, {"anomaly_score": 90, "size": 1}, "a", "JRP", count=3),
    Answered("7", "exclude_interim limits the count", MIXED, {"exclude_interim": True, "size": 1}, "a", "JRP", count=4),
    Answered(
        "7",
        "threshold and exclude_interim together",
        MIXED,
        {"anomaly_score": 90, "exclude_interim": True, "size": 1},
        "a",
        "JRP",
        count=2,
    ),
    Answered(
        "7",
        "the order does not change the count",
        MIXED,
        {"sort": "anomaly_score", "desc": True, "size": 1},
        "d",
        "JRP",
        count=5,
    ),
    Answered("7", "no documents", {}, {}, "", "JRP", count=0),
]
# Rows for buckets only.
COUNT_OF_BUCKETS = [
    Answered(
        "7", "results without the sort field count", MIXED, {"sort": "event_count", "size": 1}, "a", "JRP", count=5
    ),
    Answered("7", "a lookup", MIXED, {"timestamp": 7_200_000}, "d", "2.7: all matches", count=2),
    Answered(
        "7", "a lookup of a day", MIXED, {"timestamp": "1970-01-01", "desc": True}, "e", "2.7: all matches", count=5
    ),
]


@each_row(of_every_kind(COUNT), COUNT_OF_BUCKETS)
def test_count_is_every_match(row: Answered) -> None:
    """The count of a page is the number of all matches, at every page size."""
    assert_answered(row)


def test_count_is_not_capped() -> None:
    """Rule 7: a count above 10000, the server's usual cap, is exact with and without filters."""
    index = ResultsIndex()
    total = 12_345
    index.upsert_columns(
        {
            "timestamp": np.arange(total, dtype=np.int64) * 60_000,
            "bucket_span": np.full(total, 60, dtype=np.int64),
            "anomaly_score": np.arange(total, dtype=np.float64) % 100,
        },
        job_id=JOB,
    )
    assert index.get_buckets(job_id=JOB, size=1).count == total
    assert index.search(BucketQuery(jobs=JOB, size=0, sort="anomaly_score", desc=True)).count == total
    assert index.get_buckets(job_id=JOB, anomaly_score=1).count == total - 124  # 0, 100, ..., 12300
    assert index.get_buckets(job_id=JOB, timestamp="1970-01-01").count == 1_440


def test_count_is_an_int_and_comes_first() -> None:
    """Rule 7: the body has the keys `count` and `buckets`, in this order, and the count is a Python int."""
    page = index_of(HOURS.values()).get_buckets(job_id=JOB, size=0)
    assert type(page.count) is int
    assert_same_body(page.to_dict(), {"count": 30, "buckets": []})
    assert list(page.to_dict(human=True)) == ["count", "buckets"]
