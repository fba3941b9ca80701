"""Values: frozen, comparable and picklable, with their keys in the API's order."""

import ast
import copy
import dataclasses
import pickle
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bucketquery.model.frozen import FrozenMapping, frozen
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.results.buckets import Bucket, BucketInfluencer
from bucketquery.results.commit import Commit

INFLUENCER = BucketInfluencer(
    job_id="web",
    influencer_field_name="bucket_time",
    initial_anomaly_score=1.0,
    anomaly_score=2.0,
    raw_anomaly_score=3.0,
    probability=0.5,
    timestamp=1,
    bucket_span=300,
    is_interim=True,
    event_ingested=0,
)
BUCKET = Bucket(
    job_id="web",
    timestamp=1,
    anomaly_score=74.99,
    bucket_span=300,
    initial_anomaly_score=9.0,
    event_count=7,
    is_interim=False,
    bucket_influencers=(INFLUENCER,),
    processing_time_ms=3,
    scheduled_events=("Deploy",),
    event_ingested=-1,
)
VALUES: list[Any] = [
    INFLUENCER,
    BUCKET,
    Commit(sequence=3, skipped=FrozenMapping({"record": 2})),
    FrozenMapping({"a": 1}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_pickle_copy_and_compare(value: Any) -> None:
    """A pickled or copied value equals the original and has its hash."""
    assert isinstance(value, Hashable)
    for found in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert found == value
        assert hash(found) == hash(value)
        assert type(found) is type(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_immutable(value: Any) -> None:
    """No attribute can be set or deleted."""
    names = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else ["_items"]
    for name in names:
        with pytest.raises(AttributeError):
            setattr(value, name, 1)
        with pytest.raises(AttributeError):
            delattr(value, name)


def test_a_frozen_mapping_is_a_mapping() -> None:
    """It equals the dict that it was made from, does not follow changes of the dict, and cannot be changed."""
    given = {"record": 2, "": 1}
    found = FrozenMapping(given)
    given["record"] = 3
    assert found == {"record": 2, "": 1}
    assert (list(found), len(found), found["record"], found.get("x")) == (["record", ""], 2, 2, None)
    assert hash(found) == hash(FrozenMapping({"": 1, "record": 2}))
    with pytest.raises(TypeError):
        found["record"] = 3  # type: ignore[index] # it must fail


def test_a_frozen_mapping_prints_as_a_dict() -> None:
    """The text is a Python expression for an equal value, also for nested mappings and in a commit."""
    nested = frozen({"a": [{"b": None}], "c": {"d": 1.5}})
    assert repr(nested) == "{'a': ({'b': None},), 'c': {'d': 1.5}}"
    assert ast.literal_eval(repr(nested)) == nested
    commit = Commit(sequence=3, skipped=FrozenMapping({"record": 2, "": 1}))
    assert repr(commit) == (
        "Commit(sequence=3, inserted=0, replaced=0, unchanged=0, deleted=0, skipped={'record': 2, '': 1}, repeated=0, "
        "time=0)"
    )
    assert Commit(sequence=3, skipped={"record": 2, "": 1}) == commit


def test_the_counts_of_a_commit_default_to_zero() -> None:
    """Nothing is skipped by default."""
    assert dataclasses.asdict(Commit(sequence=4)) == {
        "sequence": 4,
        "inserted": 0,
        "replaced": 0,
        "unchanged": 0,
        "deleted": 0,
        "skipped": {},
        "repeated": 0,
        "time": 0,
    }


def test_the_dict_of_a_bucket_is_that_of_the_api() -> None:
    """Keys are in the API's order. Nested influencers and events are lists."""
    shown = BUCKET.to_dict()
    assert list(shown) == [
        "job_id",
        "timestamp",
        "anomaly_score",
        "bucket_span",
        "initial_anomaly_score",
        "event_count",
        "is_interim",
        "bucket_influencers",
        "processing_time_ms",
        "scheduled_events",
        "result_type",
        "event",
    ]
    assert shown["bucket_influencers"] == [INFLUENCER.to_dict()]
    assert shown["scheduled_events"] == ["Deploy"]
    assert list(shown["bucket_influencers"][0]) == [
        "job_id",
        "result_type",
        "influencer_field_name",
        "initial_anomaly_score",
        "anomaly_score",
        "raw_anomaly_score",
        "probability",
        "timestamp",
        "bucket_span",
        "is_interim",
        "event",
    ]
    assert (shown["event"], shown["bucket_influencers"][0]["event"]) == ({"ingested": -1}, {"ingested": 0})
    assert shown["result_type"] == BUCKET.result_type == "bucket"
    assert INFLUENCER.to_dict()["result_type"] == INFLUENCER.result_type == "bucket_influencer"


def test_absent_fields_have_no_keys() -> None:
    """A bucket without scheduled events and an influencer without a name lack these keys, and both lack an event."""
    assert "scheduled_events" not in dataclasses.replace(BUCKET, scheduled_events=()).to_dict()
    assert "influencer_field_name" not in dataclasses.replace(INFLUENCER, influencer_field_name=None).to_dict()
    for value in (BUCKET, INFLUENCER):
        assert "event" not in dataclasses.replace(value, event_ingested=None).to_dict()


def test_each_dict_of_a_bucket_is_independent() -> None:
    """A change of one dict changes neither the bucket nor the next dict."""
    shown = BUCKET.to_dict()
    shown["scheduled_events"].append("x")
    shown["bucket_influencers"].clear()
    assert BUCKET.to_dict()["scheduled_events"] == ["Deploy"]
    assert len(BUCKET.to_dict()["bucket_influencers"]) == 1


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (FIRST_MS, datetime(1, 1, 1, tzinfo=UTC)),
        (LAST_MS, datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_time_is_the_timestamp(timestamp: int, time: datetime) -> None:
    """``time`` is an aware datetime in UTC. It is exact to the millisecond at both ends of the calendar."""
    found = dataclasses.replace(BUCKET, timestamp=timestamp).time
    assert found == time
    assert found.utcoffset() == timedelta(0)


def test_severity_comes_from_the_current_score() -> None:
    """The initial score does not matter."""
    assert BUCKET.severity == "major"
    assert dataclasses.replace(BUCKET, anomaly_score=75.0).severity == "critical"
