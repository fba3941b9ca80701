"""Results of every kind, some with every field, for rows about pages and about documents that the host stores."""

from collections.abc import Mapping
from typing import Any

from bucketquery import Kind
from support.semantics_tables import CALLS, JOB, Documents, Page, bucket, index_of, influencer, record

HOUR_MS = 3_600_000

BLAMED = {"influencer_field_name": "host", "anomaly_score": 80.0}
#: Four buckets, in time order a c b d; only `b` has every field.
FOUR_BUCKETS = {
    "a": bucket(0, anomaly_score=5.0, event_count=7),
    "b": bucket(
        HOUR_MS,
        anomaly_score=90.0,
        initial_anomaly_score=95.5,
        event_count=3,
        is_interim=True,
        processing_time_ms=12,
        bucket_influencers=[BLAMED],
        scheduled_events=["sale", "fair"],
        event={"ingested": 7_000},
    ),
    "c": bucket(HOUR_MS, bucket_span=60),
    "d": bucket(2 * HOUR_MS, anomaly_score=90.0),
}
#: Three records and two influencers beside a bucket; only `r3` and `i2` have every field.
OTHER_KINDS = {
    "b": bucket(0, anomaly_score=99.0),
    "r1": record(0, record_score=10.0),
    "r2": record(0, detector_index=1, record_score=20.0),
    "r3": record(
        HOUR_MS,
        probability=0.5,
        multi_bucket_impact=-2.5,
        record_score=30.0,
        initial_record_score=35.0,
        is_interim=True,
        detector_index=7,
        by_field_name="airline",
        by_field_value="AAL",
        correlated_by_field_value="UAL",
        over_field_name="user",
        over_field_value="ann",
        partition_field_name="zone",
        partition_field_value="east",
        function="mean",
        function_description="mean of",
        field_name="response",
        typical=[1, 2.5],
        actual=[3],
        causes=[{"probability": 0.5}],
        influencers=[{"influencer_field_name": "host", "influencer_field_values": ["a"]}],
        geo_results={"typical_point": "1,2"},
        anomaly_score_explanation={"anomaly_type": "spike"},
        event={"ingested": 7_000},
        extra=[1, {"deep": None}],
    ),
    "i1": influencer(0, "a", influencer_score=10.0),
    "i2": influencer(
        HOUR_MS,
        "b",
        influencer_score=20.0,
        initial_influencer_score=25.0,
        probability=0.5,
        is_interim=True,
        event={"ingested": 7_000},
        extra={},
    ),
}

#: Three results of each kind in time order; `b` has every field.
THREE_BUCKETS = {
    "a": bucket(0, anomaly_score=5.0),
    "b": bucket(
        HOUR_MS,
        anomaly_score=90.0,
        initial_anomaly_score=95.5,
        event_count=3,
        is_interim=True,
        processing_time_ms=12,
        bucket_influencers=[
            {"influencer_field_name": "host", "anomaly_score": 80.0, "event": {"ingested": 8_000}},
            {"job_id": "db", "timestamp": 60_000, "bucket_span": 60},
        ],
        scheduled_events=["sale", "fair"],
        event={"ingested": 7_000},
    ),
    "c": bucket(2 * HOUR_MS),
}
THREE_RECORDS = {
    "a": record(0, record_score=5.0),
    "b": record(
        HOUR_MS,
        record_score=90.0,
        initial_record_score=95.5,
        probability=1e-308,
        multi_bucket_impact=-2.5,
        detector_index=2,
        is_interim=True,
        by_field_name="airline",
        by_field_value="AAL",
        correlated_by_field_value="UAL",
        over_field_name="user",
        over_field_value="ann",
        partition_field_name="zone",
        partition_field_value="east",
        function="mean",
        function_description="mean of",
        field_name="response",
        typical=[1.0],
        actual=[2.0],
        causes=[{"probability": 0.5}],
        influencers=[{"influencer_field_name": "host", "influencer_field_values": ["a"]}],
        geo_results={"typical_point": "1,2"},
        anomaly_score_explanation={"anomaly_type": "spike"},
        event={"ingested": 7_000},
        extra={"deep": [1]},
    ),
    "c": record(2 * HOUR_MS),
}
THREE_INFLUENCERS = {
    "a": influencer(0, "a", influencer_score=5.0),
    "b": influencer(
        HOUR_MS,
        "b",
        influencer_score=90.0,
        initial_influencer_score=95.5,
        probability=1e-308,
        is_interim=True,
        event={"ingested": 7_000},
        extra=[None],
    ),
    "c": influencer(2 * HOUR_MS, "c"),
}
THREE_OF_EACH: Mapping[Kind, Documents] = {
    "bucket": THREE_BUCKETS,
    "record": THREE_RECORDS,
    "influencer": THREE_INFLUENCERS,
}


def page_of_three(kind: Kind, *, keep: bool = False, **asked: Any) -> Page:
    """The page of a kind in ascending time order; the index keeps documents only if `keep` is True."""
    index = index_of(THREE_OF_EACH[kind].values(), keep_documents=keep)
    page: Page = getattr(index, CALLS[kind])(**{"job_id": JOB, "sort": "timestamp", "desc": False} | asked)
    return page
