"""Bands, thresholds and selections where rooms meet: feeds, joined rows, combined tables, the reference."""

from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, ChangesExpired, InvalidQuery, LimitExceeded, ResultsIndex
from bucketquery.model.schema import BUCKET
from bucketquery.testing import evaluate
from support.helpers import STEP, bucket

BAND = (25, 50)


def scored(job_id: str, *scores: float | None, first: int = 0) -> list[dict[str, Any]]:
    """Buckets of a job with these scores, one after the other."""
    return [
        bucket(first + row, job_id=job_id, **({} if score is None else {"anomaly_score": score}))
        for row, score in enumerate(scores)
    ]


@pytest.fixture
def index() -> ResultsIndex:
    """Three small jobs."""
    made = ResultsIndex()
    made.upsert([*scored("a", 25, 50, None), *scored("b", 49.5, 10), *scored("c", 30)])
    return made


def test_joined_jobs_and_the_reference_have_the_band(index: ResultsIndex) -> None:
    """Both ends count, and a missing score is in no band."""
    query = BucketQuery(jobs="_all", anomaly_score=BAND)
    assert [found.anomaly_score for found in index.search(query)] == [25.0, 49.5, 30.0]
    documents = [*scored("a", 25, 50, None), *scored("b", 49.5, 10), *scored("c", 30)]
    assert evaluate(documents, query) == index.search(query).to_dict()


def test_a_feed_has_the_band(index: ResultsIndex) -> None:
    """A score that rises above the band leaves it."""
    since = index.sequence
    index.upsert(scored("c", 60))
    index.upsert(scored("b", 26, first=1))
    changes = index.changes(BucketQuery(jobs="*", anomaly_score=BAND), since=since)
    assert [change.key[0] for change in changes.left] == ["c"]
    assert [change.key[0] for change in changes.entered] == ["b"]


def test_a_feed_may_name_a_job_that_is_deleted(index: ResultsIndex) -> None:
    """Beside a pattern, a deleted job counts as long as the log has a change of it."""
    since = index.sequence
    index.upsert(scored("b", 99, first=5))
    index.delete_job("b")
    for jobs in (["b", "c*"], ["c*", "b"]):
        changes = index.changes(BucketQuery(jobs=jobs, anomaly_score=75), since=since)
        assert [(change.key[0], change.effect) for change in changes] == [("b", "entered"), ("b", "left")]
    left = index.changes(BucketQuery(jobs=["b", "c*"]), since=since).left
    assert {change.key[0] for change in left} == {"b"}


def test_a_pattern_expires_with_the_jobs_that_it_matches() -> None:
    """The log has dropped changes of one job; a feed of other jobs still has its own."""
    index = ResultsIndex(changes_kept=3)
    since = index.upsert(scored("web-1", 1)).sequence
    for row in range(1, 9):
        index.upsert(scored("web-2", 5, first=row))
    with pytest.raises(ChangesExpired):
        index.changes(BucketQuery(jobs="web-*"), since=since)
    assert len(index.changes(BucketQuery(jobs="web-1*"), since=since)) == 0


def test_thresholds_are_read_from_arrays_and_iterables(index: ResultsIndex) -> None:
    """At most 10,000 numbers."""
    query = BucketQuery(jobs="_all")
    given: list[Any] = [np.array([0, 30, 50]), [0, 30, 50], iter((0.0, 30, np.float32(50)))]
    for thresholds in given:
        assert index.threshold_counts(query, thresholds).tolist() == [6, 3, 1]
    for values in (5, "123", b"12", None):
        with pytest.raises(InvalidQuery):
            index.threshold_counts(query, values)  # type: ignore[arg-type] # no iterable of numbers
    for many in (np.zeros(10_001), [0] * 10_001):
        with pytest.raises(LimitExceeded):
            index.threshold_counts(query, many)
    with pytest.raises(InvalidQuery, match="finds one result"):
        index.threshold_counts(BucketQuery(jobs="a", timestamp=0), [1])


def test_a_job_with_groups_gives_its_span() -> None:
    """It is not in packed form."""
    index = ResultsIndex()
    index.put_job("a", bucket_span=600, groups=["shop"])
    index.upsert(scored("a", 5, 80))
    (found,) = index.get_overall_buckets(job_id="_all")
    assert (found.bucket_span, found.overall_score) == (600, 80.0)
    index.put_job("b", bucket_span=60)
    assert index.snapshot()._catalog.given_spans.greatest == 600


def test_combined_tables_may_be_off() -> None:
    """A span of 2**32 seconds does not fit; the check goes on to the other kinds."""
    index = ResultsIndex()
    index.upsert([*scored("a", 5), bucket(STEP, job_id="b", bucket_span=2**32)])
    assert index.snapshot()._catalog.all_jobs(BUCKET) is None
    index.check()
