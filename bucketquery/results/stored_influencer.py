"""Bucket influencers as they are stored."""

from typing import NamedTuple


class StoredInfluencer(NamedTuple):
    """The stored fields of a bucket influencer. Its job, timestamp and span are those of its bucket."""

    influencer_field_name: str | None
    initial_anomaly_score: float
    anomaly_score: float
    raw_anomaly_score: float
    probability: float
    is_interim: bool
