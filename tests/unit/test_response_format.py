"""Response format of records and influencers: the order of keys, and the data fields under their own names."""

from typing import Any

import pytest

from bucketquery.model.schema import BUCKET, CONSTANT, EVENT_INGESTED, INFLUENCER, RECORD
from bucketquery.results.response_format import (
    INFLUENCER_FIELDS,
    RECORD_FIELDS,
    RESERVED,
    add_event,
    influencer_object,
    record_object,
)


def test_the_response_format_has_every_stored_field() -> None:
    """The documented fields are the stored ones, and each of their names is reserved; the event is added last."""
    assert sorted([*RECORD_FIELDS, EVENT_INGESTED]) == sorted(RECORD.by_name)
    assert sorted([*INFLUENCER_FIELDS, EVENT_INGESTED]) == sorted(INFLUENCER.by_name)
    assert {*RECORD_FIELDS, *INFLUENCER_FIELDS, *BUCKET.by_name, *CONSTANT} - {EVENT_INGESTED} <= RESERVED


@pytest.mark.parametrize(("string", "event"), [(None, {"ingested": 5}), ("s", {"ingested_string": "s", "ingested": 5})])
def test_an_event_is_the_last_key(string: str | None, event: dict[str, Any]) -> None:
    """It replaces the key of a data field with this name. Its text comes before its number."""
    for others in ({}, {"zone": 1}):
        body = record_object("web", {"by_field_name": "event", "by_field_value": "b"}, others)
        assert body["event"] == ["b"]
        add_event(body, 5, string)
        assert list(body.items())[-1] == ("event", event)
        assert list(body["event"]) == list(event)
        assert body.get("zone") == others.get("zone")


def extra(others: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The keys of a record after its documented fields, with their values."""
    body = record_object("web", fields, others or {})
    names = list(body)
    assert names[: 2 + len(fields)] == ["job_id", "result_type", *fields]
    return {name: body[name] for name in names[2 + len(fields) :]}


BY = {"by_field_name": "host", "by_field_value": "b"}
OVER = {"over_field_name": "user", "over_field_value": "o"}
PARTITION = {"partition_field_name": "host", "partition_field_value": "p"}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, {}),
        (BY, {"host": ["b"]}),
        ({**PARTITION, **OVER, **BY}, {"host": ["b", "p"], "user": ["o"]}),
        ({**BY, "partition_field_name": "host", "partition_field_value": "b"}, {"host": ["b"]}),
        ({"by_field_name": "host"}, {}),
        ({"by_field_value": "b"}, {}),
        ({"by_field_name": "", "by_field_value": "b"}, {}),
        ({"by_field_name": "host", "by_field_value": ""}, {"host": [""]}),
        ({"by_field_name": "timestamp.x", "by_field_value": "b"}, {}),
        ({"by_field_name": "x.timestamp", "by_field_value": "b"}, {"x.timestamp": ["b"]}),
        (
            {**BY, "influencers": [{"influencer_field_name": "host", "influencer_field_values": ["z", "b", "a", "z"]}]},
            {"host": ["b", "z", "a"]},
        ),
        (
            {
                "influencers": [
                    {"influencer_field_name": "a", "influencer_field_values": []},
                    {"influencer_field_name": None, "influencer_field_values": ["x"]},
                    {"influencer_field_name": "b"},
                    {"influencer_field_values": ["x"]},
                    {"influencer_field_name": "actual", "influencer_field_values": ["x"]},
                    {"influencer_field_name": "c", "influencer_field_values": ["x"]},
                ]
            },
            {"c": ["x"]},
        ),
    ],
    ids=repr,
)
def test_a_record_shows_its_data_fields(fields: dict[str, Any], shown: dict[str, Any]) -> None:
    """The by, over and partition fields come first, then the influencers.

    Each value appears once, in the order of first appearance. Reserved names are left out.
    """
    found = extra(**fields)
    assert found == shown
    assert list(found) == list(shown)


def test_a_stored_field_replaces_the_data_field_of_its_name() -> None:
    """The stored field is shown at the place of the data field. Other stored fields come last."""
    found = extra({"zebra": 1, "host": ["stored"], "user.name": 2}, **BY, **OVER)
    assert list(found.items()) == [("host", ["stored"]), ("user", ["o"]), ("zebra", 1), ("user.name", 2)]


@pytest.mark.parametrize(
    ("name", "value", "others", "names"),
    [
        ("host", "a", {}, ["influencer_field_name", "influencer_field_value", "host", "probability"]),
        ("host", "a", {"x": 1, "host": "b"}, [*INFLUENCER_FIELDS[:2], "host", "probability", "x"]),
        ("host", None, {"host": "b"}, ["influencer_field_name", "probability", "host"]),
        (None, "a", {}, ["influencer_field_value", "probability"]),
        ("", "a", {}, ["influencer_field_name", "influencer_field_value", "probability"]),
        ("regex.x", "a", {}, ["influencer_field_name", "influencer_field_value", "probability"]),
    ],
)
def test_an_influencer_shows_its_data_field(
    name: str | None, value: str | None, others: dict[str, Any], names: list[str]
) -> None:
    """The data field comes after the influencer's name and value.

    It is text, or the stored field of its name. A reserved name makes no data field.
    """
    fields = {"influencer_field_name": name, "influencer_field_value": value, "probability": 0.5}
    body = influencer_object("web", {field: found for field, found in fields.items() if found is not None}, others)
    assert list(body) == ["job_id", "result_type", *names]
    assert body["result_type"] == "influencer"
    if "host" in body:
        assert body["host"] == others.get("host", value)
