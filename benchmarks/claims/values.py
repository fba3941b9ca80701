"""The claims of the values: results and queries."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from operator import attrgetter, methodcaller
from typing import Any, Final

from benchmarks.claims.claim import LINEAR, Claim
from benchmarks.claims.inputs import RESULT, checked, job_ids, numbered
from benchmarks.timing import Call
from benchmarks.workloads import JOB, Document
from bucketquery import AnomalyRecord, Bucket, BucketQuery, Influencer, InfluencerQuery, RecordQuery, ResultsIndex

_NESTED: Final = ("bucket_influencers", "scheduled_events")


# Results


def record_document(size: int) -> Document:
    """A record with ``size`` values in each list and object, and ``size`` unknown fields."""
    return {
        **RESULT,
        "record_score": 80.0,
        "correlated_by_field_value": "a" * size,
        "typical": [row + 0.5 for row in range(size)],
        "actual": [row + 1.5 for row in range(size)],
        "causes": [{"probability": 0.5, "function": "mean"}] * size,
        "influencers": [
            {"influencer_field_name": "host", "influencer_field_values": [str(row)]} for row in range(size)
        ],
        "geo_results": numbered("point", size),
        "anomaly_score_explanation": numbered("factor", size),
        **numbered("other", size),
    }


@cache
def record(size: int) -> AnomalyRecord:
    """The record of `record_document` as a value."""
    index = ResultsIndex()
    index.upsert([record_document(size)], kind="record")
    return index.get_records(job_id=JOB)[0]


@cache
def influencer(size: int) -> Influencer:
    """An influencer with ``size`` unknown fields."""
    index = ResultsIndex()
    entity = {"influencer_field_name": "host", "influencer_field_value": "a", "influencer_score": 80.0}
    index.upsert([{**RESULT, **entity, **numbered("other", size)}], kind="influencer")
    return index.get_influencers(job_id=JOB)[0]


@cache
def bucket(size: int) -> Bucket:
    """A bucket with ``size`` influencers and ``size`` scheduled events."""
    index = ResultsIndex()
    influencers = [{"influencer_field_name": f"field-{row}"} for row in range(size)]
    events = [f"event-{row}" for row in range(size)]
    document = {**RESULT, "anomaly_score": 80.0, "bucket_influencers": influencers, "scheduled_events": events}
    index.upsert([document], kind="bucket")
    return index.get_buckets(job_id=JOB)[0]


def reading_a_part(name: str, size: int) -> Call:
    """Read a field that a record stores as text."""
    return checked(partial(attrgetter(name), record(size)), lambda part: len(part) == size)


def writing_a_record(size: int) -> Call:
    """Write a record as a body."""
    document = record_document(size)
    return checked(record(size).to_dict, lambda body: {**body, **document} == body and len(body["host"]) == size)


def reading_an_influencer(size: int) -> Call:
    """Read the unknown fields of an influencer."""
    read = partial(attrgetter("other_fields"), influencer(size))
    return checked(read, lambda others: others == numbered("other", size))


def writing_an_influencer(size: int) -> Call:
    """Write an influencer as a body."""
    return checked(influencer(size).to_dict, lambda body: body["host"] == "a" and body["other-1"] == 1)


def writing_a_bucket(nested: str, size: int) -> Call:
    """Write a bucket as a body, with nested values in one field only."""
    emptied: dict[str, Any] = {name: () for name in _NESTED if name != nested}
    value = replace(bucket(size), **emptied)
    right = {name: size if name == nested else 0 for name in _NESTED}
    return checked(value.to_dict, lambda body: {name: len(body.get(name, ())) for name in _NESTED} == right)


def writing_a_bucket_with_a_record(size: int) -> Call:
    """Write a bucket with one record of many fields."""
    value = replace(bucket(1), records=(record(size),))
    return checked(value.to_dict, lambda body: len(body["records"][0]["actual"]) == size)


# Queries


def making_a_query(query_class: Callable[..., Any], size: int) -> Call:
    """Make a query of many jobs."""
    jobs = job_ids(size)
    return checked(partial(query_class, jobs=jobs), lambda query: query.jobs == tuple(jobs))


def changing_a_query(size: int) -> Call:
    """Change a query of many jobs."""
    query = BucketQuery(jobs=job_ids(size))
    return checked(partial(methodcaller("replace", desc=True), query), lambda changed: changed.desc)


_PARTS: Final = (
    ("results.anomalies.AnomalyRecord.correlated_by_field_value", "correlated_by_field_value"),
    ("results.anomalies.AnomalyRecord.typical", "typical"),
    ("results.anomalies.AnomalyRecord.actual", "actual"),
    ("results.anomalies.AnomalyRecord.causes", "causes"),
    ("results.anomalies.AnomalyRecord.influencers", "influencers"),
    ("results.anomalies.AnomalyRecord.geo_results", "geo_results"),
    ("results.anomalies.AnomalyRecord.anomaly_score_explanation", "anomaly_score_explanation"),
    ("results.anomalies.AnomalyRecord.other_fields", "other_fields"),
)
_BUCKET: Final = "results.buckets.Bucket.to_dict"

CLAIMS: Final = (
    *(Claim(of, "n values in each part", LINEAR, partial(reading_a_part, name), 32, 1_024) for of, name in _PARTS),
    Claim("results.anomalies.AnomalyRecord.to_dict", "n values in each part", LINEAR, writing_a_record, 32, 1_024),
    Claim("results.anomalies.Influencer.other_fields", "n of them", LINEAR, reading_an_influencer, 128, 8_192),
    Claim("results.anomalies.Influencer.to_dict", "n other fields", LINEAR, writing_an_influencer, 128, 8_192),
    Claim(_BUCKET, "n influencers", LINEAR, partial(writing_a_bucket, "bucket_influencers")),
    Claim(_BUCKET, "n scheduled events", LINEAR, partial(writing_a_bucket, "scheduled_events")),
    Claim(_BUCKET, "n fields of a record", LINEAR, writing_a_bucket_with_a_record, 32, 1_024),
    Claim("queries.queries.BucketQuery", "n jobs", LINEAR, partial(making_a_query, BucketQuery), 256, 8_192),
    Claim("queries.queries.RecordQuery", "n jobs", LINEAR, partial(making_a_query, RecordQuery), 256, 8_192),
    Claim("queries.queries.InfluencerQuery", "n jobs", LINEAR, partial(making_a_query, InfluencerQuery), 256, 8_192),
    Claim("queries.query_value.QueryValue.replace", "n jobs", LINEAR, changing_a_query, 256, 8_192),
)
