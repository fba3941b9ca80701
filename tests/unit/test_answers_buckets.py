"""Buckets as values and as response objects: keys, their order, and text beside timestamps."""

from typing import Any

import pytest

from bucketquery.answers.buckets import bucket_objects, bucket_values
from bucketquery.answers.common import display_fields
from bucketquery.storage.selection import Selection
from support.helpers import JOB, SPAN_S, STEP, bucket, segment, without_texts

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
    """Each has the job, timestamp and span of its bucket. Only an influencer with a name has the key of the name."""
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


OWN: dict[str, Any] = {"job_id": "cpu", "timestamp": 0, "bucket_span": 7, "event": {"ingested": -1}}


def test_nested_influencers_show_values_of_their_own() -> None:
    """Each value that an influencer has is shown in place of its bucket's, and its text too; its event comes last."""
    given = [{}, *({name: OWN[name]} for name in OWN), OWN]
    found = two(bucket_influencers=given)
    plain, *others, last = objects(found)[0]["bucket_influencers"]
    for shown, own in zip((*others, last), given[1:], strict=True):
        assert shown == plain | own
        assert [*shown] == [*plain, *(["event"] if "event" in own else [])]
    people = objects(found, human=True)[0]["bucket_influencers"]
    assert [shown["timestamp_string"][11:] for shown in people] == [
        "00:05:00.000Z",
        "00:05:00.000Z",
        "00:00:00.000Z",
        "00:05:00.000Z",
        "00:05:00.000Z",
        "00:00:00.000Z",
    ]
    event = {"ingested_string": "1969-12-31T23:59:59.999Z", "ingested": -1}
    assert [list(shown.get("event", {}).items()) for shown in people] == [[], [], [], [], *[list(event.items())] * 2]
    (first, *_, whole), no_influencers = [
        value.bucket_influencers for value in bucket_values(JOB, found, display_fields(found))
    ]
    assert (first.job_id, first.timestamp, first.bucket_span, first.event_ingested) == (JOB, STEP, SPAN_S, None)
    assert (whole.job_id, whole.timestamp, whole.bucket_span, whole.event_ingested) == ("cpu", 0, 7, -1)
    assert no_influencers == ()


@pytest.mark.parametrize(
    "nested", [{}, {"bucket_influencers": INFLUENCERS, "scheduled_events": ["a"]}], ids=["", "full"]
)
def test_an_event_is_the_last_key_of_a_bucket(nested: dict[str, Any]) -> None:
    """A bucket without one has no key, and `event_ingested` is None. An instant of 0 is shown."""
    found = two(event={"ingested": 0}, **nested)
    first, second = objects(found)
    assert [*first.items()][-1] == ("event", {"ingested": 0})
    assert "event" not in second
    first, second = objects(found, human=True)
    assert list(first["event"].items()) == [("ingested_string", "1970-01-01T00:00:00.000Z"), ("ingested", 0)]
    assert "event" not in second
    values = bucket_values(JOB, found, display_fields(found))
    assert [value.event_ingested for value in values] == [0, None]
    assert repr([value.to_dict() for value in values]) == repr(objects(found))


def test_human_adds_text_before_each_timestamp() -> None:
    """The text comes before the timestamp, in buckets and in their influencers. The other keys stay in order."""
    found = two(bucket_influencers=INFLUENCERS, scheduled_events=["a"])
    shown = objects(found, human=True)
    assert [each["timestamp_string"] for each in shown] == ["1970-01-01T00:05:00.000Z", "1970-01-01T00:10:00.000Z"]
    assert repr(without_texts(shown)) == repr(objects(found))


def test_values_and_response_objects_have_the_same_fields() -> None:
    """Both have the same keys in the same order."""
    found = two(bucket_influencers=INFLUENCERS, scheduled_events=["a"])
    values = bucket_values(JOB, found, display_fields(found))
    assert repr([value.to_dict() for value in values]) == repr(objects(found))
    assert [value.event_count for value in values] == [7, 0]


def test_every_bucket_has_lists_of_its_own() -> None:
    """Changing a list of one bucket does not change another bucket."""
    first, second = objects(two())
    first["bucket_influencers"].append("x")
    assert second["bucket_influencers"] == []
    nothing = Selection.of(segment([]))
    assert objects(nothing) == objects(nothing, human=True) == []
