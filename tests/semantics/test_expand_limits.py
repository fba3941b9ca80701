"""Rule 8.3: how many records `expand` shows of a bucket and on a page."""

from dataclasses import dataclass

import numpy as np
import pytest

from bucketquery import BucketQueryError, LimitExceeded, ResultsIndex
from support.semantics_tables import HOUR_S, JOB, Refusal, assert_refusal, bucket, each_row, index_of

HOUR = 3_600_000
BLAMED = [{"influencer_field_name": "bucket_time"}]


def crowded(*, buckets: int, records: int, more: int = 0) -> ResultsIndex:
    """Hourly buckets with influencers, each with this number of records; the first bucket has `more` in addition.

    The records of a bucket have the detectors 0, 1, 2, ... and the probabilities 1, 1/2, 1/3, ...: the last record is
    the most unlikely, so it is shown first.
    """
    index = index_of(bucket(hour * HOUR, bucket_influencers=BLAMED) for hour in range(buckets))
    detectors = np.concatenate([np.arange(records + more * (hour == 0), dtype=np.int64) for hour in range(buckets)])
    hours = np.repeat(np.arange(buckets, dtype=np.int64), [records + more * (hour == 0) for hour in range(buckets)])
    columns = {
        "timestamp": hours * HOUR,
        "bucket_span": HOUR_S,
        "detector_index": detectors,
        "probability": 1 / (detectors + 1),
    }
    index.upsert_columns(columns, job_id=JOB, kind="record")
    return index


@dataclass(frozen=True, slots=True)
class Crowd:
    """A page of buckets with records, and how many records it shows.

    Attributes:
        rule: the number of the rule.
        claim: the claim that the row checks.
        buckets: the buckets of the page.
        records: the records of each bucket.
        more: additional records of the first bucket.
        expected: the records that the page shows; None if the call is refused.
        source: where the rule comes from.
    """

    rule: str
    claim: str
    buckets: int
    records: int
    more: int
    expected: int | None
    source: str


CROWDS = [
    Crowd("8.3", "10,000 records of a bucket", 1, 10_000, 0, 10_000, "JRP: all of them"),
    Crowd("8.3", "10,001 records of a bucket", 1, 10_000, 1, 10_000, "JRP: the first 10000"),
    Crowd(
        "8.3",
        "100,000 records on a page",
        10,
        10_000,
        5,
        100_000,
        "ours: 100000 on a page, after the cut of each bucket",
    ),
    Crowd("8.3", "100,001 records on a page", 11, 9_091, 0, None, "ours: more than 100000 on a page"),
]


@each_row(CROWDS)
def test_expanded_records_are_cut_or_refused(row: Crowd) -> None:
    """A bucket shows its first 10000 records; the call refuses a page of more than 100000 records."""
    index = crowded(buckets=row.buckets, records=row.records, more=row.more)
    if row.expected is None:
        with pytest.raises(BucketQueryError) as caught:
            index.get_buckets(job_id=JOB, expand=True)
        refusal = Refusal(LimitExceeded, 400, "illegal_argument_exception", "expand", "[expand]")
        assert_refusal(caught.value, refusal)
        assert "100000" in caught.value.reason
        # A smaller page is answered, and so is a query without `expand`.
        assert index.get_buckets(job_id=JOB, expand=True, size=row.buckets - 1).count == row.buckets
        assert index.get_buckets(job_id=JOB).count == row.buckets
        return
    page = index.get_buckets(job_id=JOB, expand=True)
    assert page.count == row.buckets
    stored, shown = row.records + row.more, row.expected // row.buckets
    first = page[0].records
    assert [each.detector_index for each in first] == list(range(stored - 1, stored - 1 - shown, -1))
