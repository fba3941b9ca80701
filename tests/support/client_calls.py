"""Calls of the official client about the documents `WEB`, in every documented form of versions 8 and 9."""

from typing import Any, Final

from support.request_tables import FIRST, FOURTH, SECOND

BUCKETS: Final[list[dict[str, Any]]] = [
    {},
    {"start": FIRST, "end": FOURTH},
    {"start": str(SECOND)},
    {"start": "2020-01-01T01:00:00Z", "end": "2020-01-01||+3h"},
    {"start": -1, "end": "-1"},
    {"start": "2021"},
    {"start": 2021},
    {"anomaly_score": 80},
    {"anomaly_score": 80.5, "desc": True},
    {"sort": "anomaly_score", "desc": True},
    {"sort": "event_count"},
    {"exclude_interim": True},
    {"exclude_interim": False, "desc": False},
    {"expand": True},
    {"expand": True, "exclude_interim": True},
    {"from_": 1},
    {"size": 2},
    {"from_": 1, "size": 2},
    {"size": 0},
    {"from_": 100},
    {"page": {"from": 1, "size": 2}},
    {"page": {"size": 1}, "desc": True, "start": SECOND},
    {"timestamp": FIRST},
    {"timestamp": str(FOURTH)},
    {"timestamp": "2020-01-01T01:00:00Z", "exclude_interim": True},
    {"timestamp": "2020-01-01", "desc": True},
    {"timestamp": "2020-01-01||/d"},
    {"timestamp": SECOND, "expand": True},
]
RECORDS: Final[list[dict[str, Any]]] = [
    {},
    {"record_score": 50},
    {"start": SECOND, "end": FOURTH},
    {"sort": "timestamp", "desc": False},
    {"sort": "probability"},
    {"exclude_interim": True},
    {"from_": 1, "size": 1},
    {"page": {"from": 1, "size": 1}, "sort": "timestamp"},
    {"start": "2021"},
]
INFLUENCERS: Final[list[dict[str, Any]]] = [
    {},
    {"influencer_score": 50.0},
    {"start": SECOND, "end": FOURTH},
    {"start": "2020-01-01T01:00Z", "size": 1},
    {"sort": "timestamp", "desc": False},
    {"sort": "influencer_field_value"},
    {"exclude_interim": True, "from_": 1, "size": 1},
    {"page": {"from": 1, "size": 1}},
    {"start": "2021"},
]
OVERALL: Final[list[dict[str, Any]]] = [
    {},
    {"top_n": 3},
    {"bucket_span": "2h"},
    {"overall_score": 50.5},
    {"overall_score": "0"},
    {"exclude_interim": True},
    {"start": SECOND, "end": FOURTH},
    {"start": "2020-01-01T01:00:00Z", "end": "2020-01-01||+3h"},
    {"start": -1, "end": "-1"},
    {"start": "2021", "allow_no_match": False},
    {"top_n": 2, "bucket_span": "1d", "exclude_interim": False, "allow_no_match": True},
]
