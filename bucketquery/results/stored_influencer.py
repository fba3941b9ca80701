"""Bucket influencers as they are stored."""

from typing import NamedTuple


class StoredInfluencer(NamedTuple):
    """The fields of a bucket influencer that are not those of its bucket."""

    influencer_field_name: str | None
    initial_anomaly_score: float
    anomaly_score: float
    raw_anomaly_score: float
    probability: float
    is_interim: bool
