"""Rules 5.5 and 9.12, and our decision on sortable fields: each field of each kind as the sort field."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from bucketquery import Kind
from support.semantics_tables import (
    CALLS,
    JOB,
    Answered,
    Documents,
    assert_answered,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
)

HOUR = 3_600_000
records = partial(Answered, of="record")
influencers = partial(Answered, of="influencer")


def backwards(order: str) -> str:
    """The same names, last first."""
    return " ".join(order.split()[::-1])


# Three results of each kind. Most sortable fields order them differently; the other fields tie.
BUCKETS = {
    "a": bucket(
        0,
        bucket_span=900,
        anomaly_score=2.0,
        initial_anomaly_score=30.0,
        event_count=7,
        is_interim=True,
        processing_time_ms=0,
    ),
    "b": bucket(
        HOUR,
        bucket_span=60,
        anomaly_score=3.0,
        initial_anomaly_score=20.0,
        event_count=9,
        is_interim=False,
        processing_time_ms=5,
    ),
    "c": bucket(
        2 * HOUR,
        bucket_span=300,
        anomaly_score=1.0,
        initial_anomaly_score=10.0,
        event_count=8,
        is_interim=False,
        processing_time_ms=-5,
    ),
}
RECORDS = {
    "a": record(
        0 * HOUR,
        bucket_span=900,
        record_score=2.0,
        initial_record_score=30.0,
        probability=0.2,
        multi_bucket_impact=-5.0,
        detector_index=1,
        is_interim=True,
        function="min",
        function_description="low",
        field_name="z",
        by_field_name="q",
        by_field_value="2",
        over_field_name="c",
        over_field_value="1",
        partition_field_name="1",
        partition_field_value="3",
    ),
    "b": record(
        1 * HOUR,
        bucket_span=60,
        record_score=3.0,
        initial_record_score=20.0,
        probability=0.1,
        multi_bucket_impact=5.0,
        detector_index=0,
        is_interim=False,
        function="max",
        function_description="high",
        field_name="y",
        by_field_name="p",
        by_field_value="3",
        over_field_name="b",
        over_field_value="3",
        partition_field_name="2",
        partition_field_value="1",
    ),
    "c": record(
        2 * HOUR,
        bucket_span=300,
        record_score=1.0,
        initial_record_score=10.0,
        probability=0.3,
        multi_bucket_impact=0.0,
        detector_index=2,
        is_interim=False,
        function="mean",
        function_description="mean",
        field_name="x",
        by_field_name="r",
        by_field_value="1",
        over_field_name="a",
        over_field_value="2",
        partition_field_name="3",
        partition_field_value="2",
    ),
}
INFLUENCERS = {
    "a": influencer(
        0 * HOUR,
        "3",
        bucket_span=900,
        influencer_score=2.0,
        initial_influencer_score=30.0,
        probability=0.2,
        is_interim=True,
        influencer_field_name="q",
    ),
    "b": influencer(
        1 * HOUR,
        "1",
        bucket_span=60,
        influencer_score=3.0,
        initial_influencer_score=20.0,
        probability=0.1,
        is_interim=False,
        influencer_field_name="r",
    ),
    "c": influencer(
        2 * HOUR,
        "2",
        bucket_span=300,
        influencer_score=1.0,
        initial_influencer_score=10.0,
        probability=0.3,
        is_interim=False,
        influencer_field_name="p",
    ),
}

FIELDS: Mapping[Kind, Documents] = {"bucket": BUCKETS, "record": RECORDS, "influencer": INFLUENCERS}
#: Each sortable field and its ascending order. Buckets and influencers with equal values sort by time; records sort by
#: score, which gives c a b.
ORDERS: Mapping[Kind, Sequence[tuple[str, str]]] = {
    "bucket": (
        ("timestamp", "a b c"),
        ("@timestamp", "a b c"),
        ("anomaly_score", "c a b"),
        ("initial_anomaly_score", "c b a"),
        ("event_count", "a c b"),
        ("bucket_span", "b c a"),
        ("is_interim", "b c a"),
        ("processing_time_ms", "c a b"),
        ("job_id", "a b c"),
        ("result_type", "a b c"),
    ),
    "record": (
        ("timestamp", "a b c"),
        ("@timestamp", "a b c"),
        ("record_score", "c a b"),
        ("initial_record_score", "c b a"),
        ("probability", "b a c"),
        ("multi_bucket_impact", "a c b"),
        ("detector_index", "b a c"),
        ("bucket_span", "b c a"),
        ("is_interim", "c b a"),
        ("job_id", "c a b"),
        ("result_type", "c a b"),
        ("function", "b c a"),
        ("function_description", "b a c"),
        ("field_name", "c b a"),
        ("by_field_name", "b a c"),
        ("by_field_value", "c a b"),
        ("over_field_name", "c b a"),
        ("over_field_value", "a c b"),
        ("partition_field_name", "a b c"),
        ("partition_field_value", "b c a"),
    ),
    "influencer": (
        ("timestamp", "a b c"),
        ("@timestamp", "a b c"),
        ("influencer_score", "c a b"),
        ("initial_influencer_score", "c b a"),
        ("probability", "b a c"),
        ("bucket_span", "b c a"),
        ("is_interim", "b c a"),
        ("job_id", "a b c"),
        ("result_type", "a b c"),
        ("influencer_field_name", "c a b"),
        ("influencer_field_value", "b c a"),
    ),
}
#: Fields that are mapped but never present in results of the kind: the order if all values are missing, and why.
NEVER: Mapping[Kind, tuple[str, str, Sequence[str]]] = {
    "bucket": (
        "a b c",
        "mapped, but never in buckets: all missing, time order",
        (
            "record_score",
            "initial_record_score",
            "influencer_score",
            "initial_influencer_score",
            "probability",
            "raw_anomaly_score",
            "multi_bucket_impact",
            "detector_index",
            "function",
            "function_description",
            "field_name",
            "by_field_name",
            "by_field_value",
            "over_field_name",
            "over_field_value",
            "partition_field_name",
            "partition_field_value",
            "influencer_field_name",
            "influencer_field_value",
        ),
    ),
    "record": (
        "c a b",
        "mapped, but never in records: the ties decide",
        (
            "anomaly_score",
            "initial_anomaly_score",
            "event_count",
            "processing_time_ms",
            "scheduled_events",
            "influencer_score",
            "initial_influencer_score",
            "raw_anomaly_score",
            "influencer_field_name",
            "influencer_field_value",
        ),
    ),
    "influencer": (
        "a b c",
        "mapped, but never in influencers: time order",
        (
            "anomaly_score",
            "initial_anomaly_score",
            "event_count",
            "processing_time_ms",
            "scheduled_events",
            "record_score",
            "initial_record_score",
            "raw_anomaly_score",
            "multi_bucket_impact",
            "detector_index",
            "function",
            "function_description",
            "field_name",
            "by_field_name",
            "by_field_value",
            "over_field_name",
            "over_field_value",
            "partition_field_name",
            "partition_field_value",
        ),
    ),
}


def by_field(kind: Kind, rule: str, field: str, order: str, source: str) -> list[Answered]:
    """The rows that sort by this field, ascending and descending."""
    return [
        Answered(
            rule,
            f"{kind}: {field}{', desc' * desc}",
            FIELDS[kind],
            {"sort": field, "desc": desc},
            backwards(order) if desc else order,
            source,
            of=kind,
        )
        for desc in (False, True)
    ]


SORTABLE = [
    row
    for kind, orders in ORDERS.items()
    for rule in ["5.5" if kind == "bucket" else "20.sortable-fields"]
    for field, order in orders
    for row in by_field(kind, rule, field, order, "MAP: has doc values")
]
NEVER_PRESENT = [
    row
    for kind, (order, source, fields) in NEVER.items()
    for field in fields
    for row in by_field(kind, "20.sortable-fields", field, order, source)
]

EXACT = {
    "past": bucket(0, event_count=2**53 + 1),
    "at": bucket(HOUR, event_count=2**53),
    "most": bucket(2 * HOUR, event_count=2**63 - 1),
    "near": bucket(3 * HOUR, event_count=2**63 - 2),
    "none": bucket(4 * HOUR),
    "least": bucket(5 * HOUR, event_count=-(2**63)),
}

EXACT_VALUES = [
    Answered("5.5", "longs are exact", EXACT, {"sort": "event_count"}, "least at past near most none", "MAP: a long"),
    Answered("5.5", "longs, desc", EXACT, {"sort": "event_count", "desc": True}, "most near past at least none", "MAP"),
    records(
        "20.sortable-fields",
        "a stored key that is not a field of records",
        {
            "a": record(0, record_score=1.0, anomaly_score=9.0, event_count=9),
            "b": record(HOUR, record_score=2.0, anomaly_score=1.0, event_count=1),
        },
        {"sort": "anomaly_score"},
        "b a",
        "ours: the stored key is not the field",
    ),
    records(
        "20.sortable-fields",
        "detectors are exact",
        {
            "past": record(0, detector_index=2**53 + 1),
            "at": record(HOUR, detector_index=2**53),
            "most": record(2 * HOUR, detector_index=2**63 - 1),
            "least": record(3 * HOUR, detector_index=-(2**63)),
        },
        {"sort": "detector_index"},
        "most past at least",
        "ours: integers inside int64",
    ),
]

RARE_RECORDS = {
    "zero": record(0, probability=0.0),
    "small": record(1 * HOUR, probability=1e-308),
    "least": record(2 * HOUR, probability=5e-324),
    "double": record(3 * HOUR, probability=2e-308),
    "large": record(4 * HOUR, probability=1e-300),
    "none": record(5 * HOUR),
}
PROBABILITIES = [
    records(
        "9.12",
        "records, most unlikely first",
        RARE_RECORDS,
        {"sort": "probability", "desc": False},
        "zero least small double large none",
        "ours: exact doubles",
    ),
    records(
        "9.12",
        "records, most likely first",
        RARE_RECORDS,
        {"sort": "probability"},
        "large double small least zero none",
        "ours: exact doubles",
    ),
]
RARE_INFLUENCERS = {
    "zero": influencer(0, "a", probability=0.0),
    "small": influencer(1 * HOUR, "a", probability=1e-308),
    "least": influencer(2 * HOUR, "a", probability=5e-324),
    "large": influencer(3 * HOUR, "a", probability=1e-300),
    "none": influencer(4 * HOUR, "a"),
}
PROBABILITIES += [
    influencers(
        "9.12",
        "influencers, most unlikely first",
        RARE_INFLUENCERS,
        {"sort": "probability", "desc": False},
        "zero least small large none",
        "ours: exact doubles",
    ),
    influencers(
        "9.12",
        "influencers, most likely first",
        RARE_INFLUENCERS,
        {"sort": "probability"},
        "large small least zero none",
        "ours: exact doubles",
    ),
]


@each_row(SORTABLE, NEVER_PRESENT, EXACT_VALUES, PROBABILITIES)
def test_field_sorts_in_the_expected_order(row: Answered) -> None:
    """Sorting by a field gives the results of the row in its order."""
    assert_answered(row)


DISTINCT = [(kind, field, order) for kind, orders in ORDERS.items() for field, order in orders]


@pytest.mark.parametrize(("kind", "field", "order"), DISTINCT)
def test_desc_reverses_the_order(kind: Kind, field: str, order: str) -> None:
    """If no value is missing, the descending order is the ascending order backwards, also page by page."""
    call = getattr(index_of(FIELDS[kind].values()), CALLS[kind])
    ascending = call(job_id=JOB, sort=field, desc=False)
    descending: list[Any] = []
    for skipped in range(len(order.split())):
        descending.extend(call(job_id=JOB, sort=field, desc=True, from_=skipped, size=1))
    assert descending == list(ascending)[::-1]
