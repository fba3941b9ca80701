"""Buckets as values and as response objects: keys, their order, and text beside timestamps."""

from typing import Any

import numpy as np
import pytest

from bucketquery.answers.buckets import bucket_objects, bucket_values
from bucketquery.answers.columnar_json import columnar_buckets_json
from bucketquery.answers.common import display_fields, timestamp_strings
from bucketquery.model.encoding import json_bytes
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.storage.selection import Selection
from support.helpers import JOB, SPAN_S, STEP, WRITERS, bucket, rows, segment, without, write_by

INFLUENCERS: list[dict[str, Any]] = [
    {
        "influencer_field_name": "host",
        "initial_anomaly_score": 1.0,
        "anomaly_score": 2.0,
        "raw_anomaly_score": 3.0,
        "probability": 4.0,
        "is_interim": False,
    },
    {"is_interim": True},
]
FULL: dict[str, Any] = {
    "anomaly_score": 5.0,
    "initial_anomaly_score": 6.0,
    "event_count": 7,
    "is_interim": True,
    "processing_time_ms": 8,
}


def two(**fields: Any) -> Selection:
    """One bucket with all fields and one without any."""
    return Selection.of(segment([bucket(1, **{**FULL, **fields}), bucket(2)]))


def objects(found: Selection, *, human: bool = False) -> list[dict[str, Any]]:
    """The response objects of some buckets."""
    return bucket_objects(JOB, found, display_fields(found), human=human)


def test_rows_become_response_objects() -> None:
    """Only buckets with events have the key of events. Other missing fields show their defaults."""
    first, second = objects(two(scheduled_events=["a", "b"]))
    assert list(first.items()) == [
        ("job_id", JOB),
        ("timestamp", STEP),
        ("anomaly_score", 5.0),
        ("bucket_span", SPAN_S),
        ("initial_anomaly_score", 6.0),
        ("event_count", 7),
        ("is_interim", True),
        ("bucket_influencers", []),
        ("processing_time_ms", 8),
        ("scheduled_events", ["a", "b"]),
        ("result_type", "bucket"),
    ]
    assert list(second) == [name for name in first if name != "scheduled_events"]
    assert [second[name] for name in FULL] == [0.0, 0.0, 0, False, 0]


def test_nested_influencers_show_their_bucket() -> None:
    """They have its job, timestamp and span. Only an influencer with a name has the key of the name."""
    first, second = objects(two(bucket_influencers=INFLUENCERS))
    host, nameless = first["bucket_influencers"]
    assert list(host.items()) == [
        ("job_id", JOB),
        ("result_type", "bucket_influencer"),
        ("influencer_field_name", "host"),
        ("initial_anomaly_score", 1.0),
        ("anomaly_score", 2.0),
        ("raw_anomaly_score", 3.0),
        ("probability", 4.0),
        ("timestamp", STEP),
        ("bucket_span", SPAN_S),
        ("is_interim", False),
    ]
    assert list(nameless) == [name for name in host if name != "influencer_field_name"]
    assert nameless["is_interim"] is True
    assert second["bucket_influencers"] == []


def test_human_adds_text_before_each_timestamp() -> None:
    """Buckets and their influencers have the text. The other keys stay in order."""
    found = two(bucket_influencers=INFLUENCERS, scheduled_events=["a"])
    bare_ones, human = (objects(found, human=human) for human in (False, True))
    texts = ("1970-01-01T00:05:00.000Z", "1970-01-01T00:10:00.000Z")
    for bare, shown, text in zip(bare_ones, human, texts, strict=True):
        for before, after in [
            (bare, shown),
            *zip(bare["bucket_influencers"], shown["bucket_influencers"], strict=True),
        ]:
            names = list(before)
            at = names.index("timestamp")
            assert list(after) == [*names[:at], "timestamp_string", *names[at:]]
            assert after["timestamp_string"] == text
            assert {name: after[name] for name in names if name != "bucket_influencers"} == {
                name: before[name] for name in names if name != "bucket_influencers"
            }


def test_values_and_response_objects_have_the_same_fields() -> None:
    """The keys are in the same order."""
    found = two(bucket_influencers=INFLUENCERS, scheduled_events=["a"])
    values = bucket_values(JOB, found, display_fields(found))
    assert repr([value.to_dict() for value in values]) == repr(objects(found))
    assert [value.event_count for value in values] == [7, 0]


def test_every_bucket_has_lists_of_its_own() -> None:
    """Changing the list of one bucket changes no other."""
    first, second = objects(two())
    first["bucket_influencers"].append("x")
    assert second["bucket_influencers"] == []
    nothing = Selection.of(segment([]))
    assert objects(nothing) == objects(nothing, human=True) == []


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("job_id", [JOB, 'é"\\', "a\ud800", "],[", "\u2028"])
@pytest.mark.parametrize("varying", [(), ("anomaly_score", "event_count"), ("is_interim",), tuple(FULL)])
def test_simple_buckets_are_written_from_their_columns(
    job_id: str, varying: tuple[str, ...], writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are those of the response objects, with any fields constant and rows in any order."""
    write_by(monkeypatch, writer)
    found = Selection.of(segment([bucket(row, **(FULL if row % 3 else without(FULL, *varying))) for row in range(60)]))
    for rows_of_page in (slice(0, 60), slice(50, 9, -1), np.arange(59, 0, -2)):
        some = Selection(found.view, rows_of_page)
        documents = display_fields(some)
        expected = json_bytes(bucket_objects(job_id, some, documents, human=False))
        assert columnar_buckets_json(job_id, some, documents) == expected


@pytest.mark.parametrize(
    ("nested", "count"),
    [({}, 0), ({}, 1), ({}, 19), ({"scheduled_events": ["a"]}, 50), ({"bucket_influencers": [{}]}, 50)],
)
def test_few_and_nested_buckets_are_written_from_dicts(nested: dict[str, Any], count: int) -> None:
    """Columns are no faster for few buckets, and they lack the nested values."""
    found = Selection.of(segment([*rows(0, max(0, count - 1)), *[bucket(99, **nested)] * min(1, count)]))
    assert len(found) == count
    assert columnar_buckets_json(JOB, found, display_fields(found)) is None


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (FIRST_MS, "0001-01-01T00:00:00.000Z"),
        (LAST_MS, "9999-12-31T23:59:59.999Z"),
        (1_464_739_200_007, "2016-06-01T00:00:00.007Z"),
    ],
)
def test_instants_are_written_with_milliseconds(timestamp: int, text: str) -> None:
    """The format is ISO 8601, in UTC, with four digits for the year."""
    assert timestamp_strings(np.array([timestamp], dtype=np.int64)) == [text]
