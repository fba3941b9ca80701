"""Our decisions on documents and unknown fields: the fields that only buckets have."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from support.document_tables import (
    NO_NUMBER,
    T0,
    Accepted,
    BadDocument,
    accepted,
    assert_accepted,
    assert_bad_document,
    bad,
)
from support.semantics_tables import JOB, assert_same_body, bucket, each_row, index_of

LONGS = [
    row
    for field in ("event_count", "processing_time_ms")
    for row in accepted(
        "bucket",
        field,
        "ours: integers inside int64, no other range check",
        (0, 0),
        (5, 5),
        (5.0, 5),
        (-5, -5),
        (np.int8(-5), -5),
        (np.uint64(5), 5),
        (np.float64(5), 5),
        (-0.0, 0),
        (2**53 + 1, 2**53 + 1),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (-9_223_372_036_854_775_808.0, -(2**63)),
        (None, 0),
    )
]
LISTS = accepted(
    "bucket", "scheduled_events", "ours: a list of text", (["b", "a"], ["b", "a"]), (("b",), ["b"]), ([""], [""])
)


@each_row(LONGS, LISTS)
def test_value_is_stored_and_shown(row: Accepted) -> None:
    """A value that the field accepts is stored, and shown as the API shows it: counts as longs, events as a list."""
    assert_accepted(row)


BAD_VALUES = [
    *(
        row
        for field in ("event_count", "processing_time_ms")
        for row in bad(
            "bucket",
            field,
            "ours: integers inside int64",
            *NO_NUMBER,
            1.5,
            2**63,
            -(2**63) - 1,
            9_223_372_036_854_775_808.0,
            1e300,
            np.uint64(2**63),
        )
    ),
    *bad("bucket", "scheduled_events", "ours: text or a list of text", 5, {"a": 1}, True),
    *bad("bucket", "bucket_influencers", "ours: an object or a list of objects", "host", 5, True),
]

INSIDE_LISTS = [
    BadDocument(
        "20.documents", f"{field} {value!r:.50}", [bucket(T0, **{field: value})], f"documents[0].{field}{path}", source
    )
    for field, value, path, source in (
        ("scheduled_events", [None], "[0]", "ours: elements are text"),
        ("scheduled_events", ["a", None], "[1]", "ours: elements are text"),
        ("scheduled_events", ["a", "b", 5], "[2]", "ours: elements are text"),
        ("scheduled_events", [["a"]], "[0]", "ours: elements are text"),
        ("bucket_influencers", [None], "[0]", "ours: elements are objects"),
        ("bucket_influencers", [{}, "host"], "[1]", "ours: elements are objects"),
        ("bucket_influencers", [{"timestamp": "soon"}], "[0].timestamp", "ours"),
        ("bucket_influencers", [{"bucket_span": "3600"}], "[0].bucket_span", "ours: no text"),
        ("bucket_influencers", [{"is_interim": 1}], "[0].is_interim", "ours: bools"),
        ("bucket_influencers", [{"influencer_field_name": 5}], "[0].influencer_field_name", "BINF: text"),
        ("bucket_influencers", [{"anomaly_score": "5"}], "[0].anomaly_score", "ours: numbers"),
        ("bucket_influencers", [{"anomaly_score": math.nan}], "[0].anomaly_score", "ours: finite"),
        ("bucket_influencers", [{"initial_anomaly_score": True}], "[0].initial_anomaly_score", "ours: numbers"),
        ("bucket_influencers", [{"raw_anomaly_score": math.inf}], "[0].raw_anomaly_score", "ours: finite"),
        ("bucket_influencers", [{}, {}, {"probability": -math.inf}], "[2].probability", "ours: finite"),
    )
]


@each_row(BAD_VALUES, INSIDE_LISTS)
def test_batch_with_a_bad_value_is_refused(row: BadDocument) -> None:
    """A bad value is refused with its position and path, and no document of the batch is stored."""
    assert_bad_document(row)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A field that buckets do not have, and its value."""

    rule: str
    claim: str
    value: Any
    source: str


UNKNOWN = [
    Unknown("20.unknown-fields", name, value, source)
    for name, value, source in (
        ("partition_scores", [], "9.2: a field of older buckets"),
        ("foo", {"deep": [1, math.nan]}, "9.2"),
        ("record_count", "x", "9.2: a field of buckets of version 5.4"),
        ("timestamp_string", 5, "9.3: a key of the body"),
        ("record_score", "x", "ours: a field of records"),
        ("severity", "critical", "ours: computed"),
        ("Anomaly_Score", "x", "names are exact"),
    )
]


@each_row(UNKNOWN)
def test_unknown_field_is_dropped(row: Unknown) -> None:
    """A field that buckets do not have is not checked and not stored."""
    page = index_of([bucket(T0) | {row.claim: row.value}]).get_buckets(job_id=JOB)
    without = index_of([bucket(T0)]).get_buckets(job_id=JOB)
    assert_same_body(page.to_dict(), without.to_dict())
