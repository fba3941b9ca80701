"""Overall buckets as values and as response objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bucketquery.model.instants import datetime_of
from bucketquery.model.severity import Severity
from bucketquery.model.severity import severity as severity_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallBucketJob:
    """A job in an overall bucket, and its greatest score there.

    Attributes:
        job_id: the job.
        max_anomaly_score: the greatest score of its buckets in the interval.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"timestamp": 0, "bucket_span": 300, "anomaly_score": 80}
    >>> commit = index.upsert([{**bucket, "job_id": name} for name in ("web", "db")], kind="bucket")
    >>> index.get_overall_buckets(job_id=["web", "db"])[0].jobs[0]
    OverallBucketJob(job_id='db', max_anomaly_score=80.0)
    """

    job_id: str
    max_anomaly_score: float

    def to_dict(self) -> dict[str, Any]:
        """The job as in the API's response."""
        return {"job_id": self.job_id, "max_anomaly_score": self.max_anomaly_score}


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallBucket:
    """One interval of time, and the greatest scores of several jobs in it.

    Attributes:
        timestamp: start of the interval, epoch ms UTC.
        bucket_span: length of the interval, seconds.
        overall_score: the mean of the greatest scores; for a longer span, the greatest of these means.
        jobs: the jobs that have a bucket in the interval, sorted by id.
        is_interim: whether a bucket of the interval is interim.

    Source: the API's overall bucket object.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"timestamp": 0, "bucket_span": 300}
    >>> commit = index.upsert([{**bucket, "job_id": "web", "anomaly_score": 80}], kind="bucket")
    >>> (overall,) = index.get_overall_buckets(job_id="web")
    >>> overall.severity, overall.time.isoformat(), len(overall.jobs)
    ('critical', '1970-01-01T00:00:00+00:00', 1)
    """

    timestamp: int
    bucket_span: int
    overall_score: float
    jobs: tuple[OverallBucketJob, ...]
    is_interim: bool

    @property
    def time(self) -> datetime:
        """The start of the interval as an aware datetime, UTC.

        Raises:
            OverflowError: it is before the year 0001, which is possible for the interval of the first instants.
        """
        return datetime_of(self.timestamp)

    @property
    def severity(self) -> Severity:
        """The word for the overall score: low, warning from 3, minor from 25, major from 50, critical from 75.

        Source: the limits in Kibana's anomaly explorer.
        """
        return severity_of(self.overall_score)

    @property
    def result_type(self) -> Literal["overall_bucket"]:
        """Always ``overall_bucket``."""
        return "overall_bucket"

    def to_dict(self) -> dict[str, Any]:
        """The overall bucket as in the API's response, with its keys in the API's order.

        Complexity: O(j) for j jobs.
        """
        jobs = [job.to_dict() for job in self.jobs]
        simple = self.timestamp, self.bucket_span, self.overall_score, jobs, self.is_interim
        return overall_objects([simple])[0]


#: An overall bucket: timestamp, span, overall score, jobs as objects, and whether it is interim.
SimpleOverall = tuple[int, int, float, list[dict[str, Any]], bool]


def overall_objects(buckets: Iterable[SimpleOverall]) -> list[dict[str, Any]]:
    """Overall buckets as response objects.

    Source: the server's ``OverallBucket``.
    """
    return [
        {
            "timestamp": timestamp,
            "bucket_span": span,
            "overall_score": score,
            "jobs": jobs,
            "is_interim": is_interim,
            "result_type": "overall_bucket",
        }
        for timestamp, span, score, jobs, is_interim in buckets
    ]
