"""Bucket influencers as they are stored."""

from typing import Any, Final, NamedTuple


class StoredInfluencer(NamedTuple):
    """The stored fields of a bucket influencer. Its job, timestamp and span are those of its bucket.

    Nearly all influencers are stored in this form, which takes no memory for the values of the bucket.
    """

    influencer_field_name: str | None
    initial_anomaly_score: float
    anomaly_score: float
    raw_anomaly_score: float
    probability: float
    is_interim: bool


class DifferingInfluencer(NamedTuple):
    """The stored fields of a bucket influencer that differs from its bucket, or that has an instant of its own.

    The first fields are those of `StoredInfluencer`. At least one of the others is not None.

    Attributes:
        job_id: its job; None if it is the bucket's.
        timestamp: its timestamp, epoch ms; None if it is the bucket's.
        bucket_span: its span, seconds; None if it is the bucket's.
        event_ingested: when it was written, epoch ms; None if missing.
    """

    influencer_field_name: str | None
    initial_anomaly_score: float
    anomaly_score: float
    raw_anomaly_score: float
    probability: float
    is_interim: bool
    job_id: str | None
    timestamp: int | None
    bucket_span: int | None
    event_ingested: int | None

    def within(self, job_id: str, timestamp: int, bucket_span: int) -> tuple[Any, ...]:
        """All fields in the order of `SHOWN_FIELDS`, for an influencer of a bucket with these values.

        >>> DifferingInfluencer("host", 1.0, 2.0, 3.0, 0.5, False, None, 0, None, 7).within("web", 60_000, 300)
        ('web', 0, 300, 'host', 1.0, 2.0, 3.0, 0.5, False, 7)
        """
        return (
            self.job_id or job_id,
            timestamp if self.timestamp is None else self.timestamp,
            self.bucket_span or bucket_span,
            *self[: len(StoredInfluencer._fields)],
            self.event_ingested,
        )


#: All fields of an influencer, in the order in which the functions that show one take them.
SHOWN_FIELDS: Final = ("job_id", "timestamp", "bucket_span", *StoredInfluencer._fields, "event_ingested")
