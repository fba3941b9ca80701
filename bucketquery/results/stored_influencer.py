"""The part of a nested influencer that its bucket does not say already."""

from typing import NamedTuple


class StoredInfluencer(NamedTuple):
    """A nested influencer as it is kept: what its bucket does not say already."""

    influencer_field_name: str | None
    initial_anomaly_score: float
    anomaly_score: float
    raw_anomaly_score: float
    probability: float
    is_interim: bool
