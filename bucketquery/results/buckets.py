"""Buckets and their influencers as values: frozen, comparable, picklable."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bucketquery.model.instants import datetime_of
from bucketquery.model.severity import Severity
from bucketquery.model.severity import severity as severity_of
from bucketquery.results.anomalies import AnomalyRecord
from bucketquery.results.response_format import add_event, bucket_influencer_object, complete, simple_buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketInfluencer:
    """An entity blamed for a bucket. The field name ``bucket_time`` stands for the bucket's time itself.

    Attributes:
        job_id: the bucket's job, or one of its own.
        influencer_field_name: the field blamed; None if the document has none.
        initial_anomaly_score: score when the bucket was first written, 0 to 100.
        anomaly_score: current score, 0 to 100.
        raw_anomaly_score: score before normalisation, without limits.
        probability: probability of behaviour like this, 0 to 1.
        timestamp: start of the bucket, epoch ms UTC, or an instant of its own.
        bucket_span: length of the bucket, seconds, or a span of its own.
        is_interim: whether it comes from part of the span's input.
        event_ingested: when it was written, epoch ms UTC; None if missing.

    Source: the API's object inside a bucket.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> blamed = {"influencer_field_name": "bucket_time", "anomaly_score": 91.5}
    >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "bucket_influencers": [blamed]}
    >>> commit = index.upsert([bucket], kind="bucket")
    >>> index.get_buckets(job_id="web")[0].bucket_influencers[0].influencer_field_name
    'bucket_time'
    """

    job_id: str
    influencer_field_name: str | None
    initial_anomaly_score: float
    anomaly_score: float
    raw_anomaly_score: float
    probability: float
    timestamp: int
    bucket_span: int
    is_interim: bool
    event_ingested: int | None = None

    @property
    def result_type(self) -> Literal["bucket_influencer"]:
        """Always ``bucket_influencer``."""
        return "bucket_influencer"

    def to_dict(self) -> dict[str, Any]:
        """The influencer as in the API's response, inside its bucket."""
        influencer = bucket_influencer_object(
            self.job_id,
            self.timestamp,
            self.bucket_span,
            self.influencer_field_name,
            self.initial_anomaly_score,
            self.anomaly_score,
            self.raw_anomaly_score,
            self.probability,
            self.is_interim,
        )
        if self.event_ingested is not None:
            add_event(influencer, self.event_ingested)
        return influencer


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One span of time of a job, and its result.

    Attributes:
        job_id: the job.
        timestamp: start of the span, epoch ms UTC.
        anomaly_score: current score, 0 to 100.
        bucket_span: length of the span, seconds.
        initial_anomaly_score: score when the bucket was first written.
        event_count: number of input events in the span.
        is_interim: whether it comes from part of the span's input.
        bucket_influencers: the entities blamed.
        processing_time_ms: time that the analysis took, ms.
        scheduled_events: events planned for this time.
        records: the bucket's records, the most unlikely first, if the query expands; else empty.
        event_ingested: when the bucket was written, epoch ms UTC; None if missing.

    Any other missing field is 0, False or empty.

    Source: the API's bucket object.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> document = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 91.5}
    >>> commit = index.upsert([document], kind="bucket")
    >>> (bucket,) = index.get_buckets(job_id="web")
    >>> bucket.severity, bucket.time.isoformat(), bucket.event_count
    ('critical', '1970-01-01T00:00:00+00:00', 0)
    """

    job_id: str
    timestamp: int
    anomaly_score: float
    bucket_span: int
    initial_anomaly_score: float
    event_count: int
    is_interim: bool
    bucket_influencers: tuple[BucketInfluencer, ...]
    processing_time_ms: int
    scheduled_events: tuple[str, ...]
    records: tuple[AnomalyRecord, ...] = ()
    event_ingested: int | None = None

    @property
    def time(self) -> datetime:
        """The start of the span as an aware datetime, UTC."""
        return datetime_of(self.timestamp)

    @property
    def severity(self) -> Severity:
        """The word for the current score: low, warning from 3, minor from 25, major from 50, critical from 75.

        Source: the limits in Kibana's anomaly explorer.
        """
        return severity_of(self.anomaly_score)

    @property
    def result_type(self) -> Literal["bucket"]:
        """Always ``bucket``."""
        return "bucket"

    def to_dict(self) -> dict[str, Any]:
        """The bucket as in the API's response, with its keys in the API's order.

        Complexity: O(n) for n influencers, scheduled events and record fields in total.
        """
        simple = (
            self.timestamp,
            self.anomaly_score,
            self.bucket_span,
            self.initial_anomaly_score,
            self.event_count,
            self.is_interim,
            self.processing_time_ms,
        )
        (bucket,) = simple_buckets(self.job_id, [simple])
        bucket["bucket_influencers"] = [influencer.to_dict() for influencer in self.bucket_influencers]
        records = [record.to_dict() for record in self.records]
        complete(bucket, records=records, scheduled_events=self.scheduled_events)
        if self.event_ingested is not None:
            add_event(bucket, self.event_ingested)
        return bucket
