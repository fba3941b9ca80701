"""The reference for overall buckets, tested by examples worked out by hand; tests/semantics has a row for each rule."""

from typing import Any

import pytest

from bucketquery import InvalidQuery
from bucketquery.testing import evaluate_overall

HOUR = 3_600_000


def bucket(hour: float, job_id: str = "web", score: float | None = None, **fields: Any) -> dict[str, Any]:
    """A bucket of an hour."""
    at = {"result_type": "bucket", "job_id": job_id, "timestamp": int(hour * HOUR), "bucket_span": 3_600}
    return {**at, "anomaly_score": score, **fields}


DAY = [bucket(0, score=50), bucket(0, "db", 20), bucket(1, score=10, is_interim=True), bucket(1, "db", 90)]


def short(**asked: Any) -> list[tuple[float, float, bool]]:
    """Hour, score and interim flag of each overall bucket."""
    found = evaluate_overall(DAY, **{"jobs": ["web", "db"], **asked})
    assert found["count"] == len(found["overall_buckets"])
    return [(one["timestamp"] / HOUR, one["overall_score"], one["is_interim"]) for one in found["overall_buckets"]]


def test_the_mean_of_the_greatest_scores_counts() -> None:
    """The greatest score of each job counts, and of these the greatest; missing ones are 0.0."""
    assert short() == [(0, 50, False), (1, 90, True)]
    assert short(top_n=2) == [(0, 35, False), (1, 50, True)]
    assert short(top_n=2, overall_score=40) == [(1, 50, True)]
    assert short(exclude_interim=True) == [(0, 50, False), (1, 90, False)]
    ((only),) = evaluate_overall([bucket(0), bucket(0.5, score=-1, bucket_span=60)], jobs=["web"])["overall_buckets"]
    assert only["jobs"] == [{"job_id": "web", "max_anomaly_score": 0.0}]


def test_bounds_are_rounded_to_the_fine_span() -> None:
    """Start goes up, end goes down, and -1 is unset."""
    assert short(start=1) == [(1, 90, True)]
    assert short(end=2 * HOUR - 1) == [(0, 50, False)]
    assert short(start=-1, end=-1) == short()


def test_a_longer_span_collects_kept_intervals() -> None:
    """With several jobs in the mean, the threshold applies to the longest span; a job has at least 0.0."""
    assert short(bucket_span=7_200) == [(0, 90, True)]
    assert short(bucket_span=7_200, top_n=2) == [(0, 50, True)]
    assert short(bucket_span=7_200, top_n=2, jobs=["web"]) == [(0, 50, True)]
    found = evaluate_overall([bucket(0, score=-4), bucket(0, "db", 10)], jobs=["web", "db"], top_n=2, bucket_span=7_200)
    assert [job["max_anomaly_score"] for job in found["overall_buckets"][0]["jobs"]] == [10.0, 0.0]


def test_spans_of_put_job_come_first() -> None:
    """A job without a span does not count, and without any there is no answer."""
    assert short(spans={"web": 7_200}) == [(0, 90, True)]
    assert short(jobs=["nobody"]) == []
    with pytest.raises(InvalidQuery, match=r"greater or equal to the max bucket_span \[60m\]") as caught:
        short(bucket_span=3_599)
    assert caught.value.type == "status_exception"
    with pytest.raises(InvalidQuery, match=r"max bucket_span \[3601s\]"):
        short(bucket_span=3_600, spans={"db": 3_601})
    with pytest.raises(InvalidQuery, match=r"must be positive, found \[0\]"):
        short(top_n=0)
