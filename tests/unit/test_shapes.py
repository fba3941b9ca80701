"""The shapes of the reference answer, compared with results written out by hand from the rules."""

from typing import Any

import numpy as np
import pytest

from bucketquery.testing.shapes import bucket_shape, influencer_shape, record_shape
from bucketquery.testing.values import timestamp_ms

MIDNIGHT = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def stored(**fields: Any) -> dict[str, Any]:
    """A stored result of the job "web" at midnight."""
    return {"job_id": "web", "timestamp": MIDNIGHT, "bucket_span": 900, **fields}


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-01-01", MIDNIGHT),
        ("2026-01-01T00:00", MIDNIGHT),
        ("2026-01-01T01:00:00.0019+01:00", MIDNIGHT + 1),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_text_timestamps_are_read(text: str, milliseconds: int) -> None:
    """9.2: a stored timestamp may be ISO text. Without an offset, it is in UTC. Parts of a millisecond are cut off."""
    assert timestamp_ms(stored(timestamp=text)) == milliseconds
    assert bucket_shape(stored(timestamp=text))["timestamp"] == milliseconds
    assert record_shape(stored(timestamp=text))["timestamp"] == milliseconds
    assert influencer_shape(stored(timestamp=text))["timestamp"] == milliseconds


# Buckets


def test_a_bucket_shows_defaults() -> None:
    """9.1 and 9.2: keys are in the API's order, missing and null fields have defaults, unknown keys are dropped."""
    bare = stored(event_count=None, bucket_influencers=None, scheduled_events=[], partition_scores=[], probability=0.5)
    assert repr(bucket_shape(bare)) == repr(
        {
            "job_id": "web",
            "timestamp": MIDNIGHT,
            "anomaly_score": 0.0,
            "bucket_span": 900,
            "initial_anomaly_score": 0.0,
            "event_count": 0,
            "is_interim": False,
            "bucket_influencers": [],
            "processing_time_ms": 0,
            "result_type": "bucket",
        }
    )


def test_a_bucket_shows_everything() -> None:
    """9.1, 9.4, 8.6 and section 20: scores are doubles, -0.0 is shown as 0.0, and records come before ``event_count``.

    A bucket influencer gets missing fields from its bucket.
    """
    full = stored(
        scheduled_events=["b", "a", "b"],
        processing_time_ms=12.0,
        event_count=2**63 - 1,
        is_interim=True,
        initial_anomaly_score=-0.0,
        anomaly_score=80,
        bucket_influencers=[
            {"anomaly_score": 80, "probability": 4.8e-16, "unknown": 1},
            {"influencer_field_name": "host", "is_interim": False, "raw_anomaly_score": -0.0, "timestamp": MIDNIGHT},
        ],
    )
    first, second = stored(detector_index=1), stored(detector_index=0)
    influencer = {"timestamp": MIDNIGHT, "bucket_span": 900}
    assert repr(bucket_shape(full, [first, second])) == repr(
        {
            "job_id": "web",
            "timestamp": MIDNIGHT,
            "anomaly_score": 80.0,
            "bucket_span": 900,
            "initial_anomaly_score": 0.0,
            "records": [record_shape(first), record_shape(second)],
            "event_count": 2**63 - 1,
            "is_interim": True,
            "bucket_influencers": [
                {
                    "job_id": "web",
                    "result_type": "bucket_influencer",
                    "initial_anomaly_score": 0.0,
                    "anomaly_score": 80.0,
                    "raw_anomaly_score": 0.0,
                    "probability": 4.8e-16,
                    **influencer,
                    "is_interim": True,
                },
                {
                    "job_id": "web",
                    "result_type": "bucket_influencer",
                    "influencer_field_name": "host",
                    "initial_anomaly_score": 0.0,
                    "anomaly_score": 0.0,
                    "raw_anomaly_score": 0.0,
                    "probability": 0.0,
                    **influencer,
                    "is_interim": False,
                },
            ],
            "processing_time_ms": 12,
            "scheduled_events": ["b", "a", "b"],
            "result_type": "bucket",
        }
    )


# Records

#: The keys that every record shows, with their defaults, up to its timestamp.
BARE_RECORD = {
    "job_id": "web",
    "result_type": "record",
    "probability": 0.0,
    "record_score": 0.0,
    "initial_record_score": 0.0,
    "bucket_span": 900,
    "detector_index": 0,
    "is_interim": False,
    "timestamp": MIDNIGHT,
}

DOCUMENTED = [
    *("probability", "multi_bucket_impact", "record_score", "initial_record_score", "detector_index", "is_interim"),
    *("by_field_name", "by_field_value", "correlated_by_field_value", "partition_field_name", "partition_field_value"),
    *("function", "function_description", "typical", "actual", "field_name", "over_field_name", "over_field_value"),
    *("causes", "influencers", "geo_results", "anomaly_score_explanation"),
]


def test_a_record_shows_defaults() -> None:
    """9.6: a record always shows these keys; null in a documented field counts as missing."""
    assert repr(record_shape(stored(result_type="record"))) == repr(BARE_RECORD)
    assert repr(record_shape(stored(result_type="record", **dict.fromkeys(DOCUMENTED)))) == repr(BARE_RECORD)


def test_a_record_shows_everything() -> None:
    """9.6 to 9.10: documented keys are in the API's order. A field of doubles shows doubles, however they were stored.

    Causes, influencers, geo results and explanations come back unchanged: order, numbers, null and unknown keys.
    """
    cause = {"probability": -0.0, "actual": [1], "by_field_value": None, "later": {"b": 1, "a": True}}
    influence: dict[str, Any] = {"influencer_field_values": [], "influencer_field_name": "host", "unknown": None}
    full = {
        "anomaly_score_explanation": {"typical_value": 1, "anomaly_type": "dip"},
        "geo_results": {"typical_point": "1,2", "actual_point": None},
        "influencers": [influence],
        "causes": [cause],
        "over_field_value": "o",
        "over_field_name": "",
        "field_name": "bytes",
        "actual": [-0.0, 2**53 + 1],
        "typical": [],
        "function_description": "mean",
        "function": "high_mean",
        "partition_field_value": "p",
        "partition_field_name": "",
        "correlated_by_field_value": "c",
        "by_field_value": "b",
        "by_field_name": "",
        "is_interim": True,
        "detector_index": 3.0,
        "initial_record_score": 7,
        "record_score": 5e-324,
        "multi_bucket_impact": -5,
        "probability": 1e-308,
        "result_type": "record",
        **stored(bucket_span=300.0),
    }
    assert repr(record_shape(full)) == repr(
        {
            "job_id": "web",
            "result_type": "record",
            "probability": 1e-308,
            "multi_bucket_impact": -5.0,
            "record_score": 5e-324,
            "initial_record_score": 7.0,
            "bucket_span": 300,
            "detector_index": 3,
            "is_interim": True,
            "timestamp": MIDNIGHT,
            "by_field_name": "",
            "by_field_value": "b",
            "correlated_by_field_value": "c",
            "partition_field_name": "",
            "partition_field_value": "p",
            "function": "high_mean",
            "function_description": "mean",
            "typical": [],
            "actual": [0.0, 2.0**53],
            "field_name": "bytes",
            "over_field_name": "",
            "over_field_value": "o",
            "causes": [cause],
            "influencers": [influence],
            "geo_results": {"typical_point": "1,2", "actual_point": None},
            "anomaly_score_explanation": {"typical_value": 1, "anomaly_type": "dip"},
        }
    )


def extra_keys(document: dict[str, Any]) -> dict[str, Any]:
    """The keys that a record shows after its documented ones."""
    return {name: value for name, value in record_shape(document).items() if name not in {*BARE_RECORD, *DOCUMENTED}}


def field(side: str, name: str | None, value: str | None) -> dict[str, Any]:
    """The name and value of a data field, under a prefix such as ``by`` or ``over``."""
    return {f"{side}_field_name": name, f"{side}_field_value": value}


def influences(*pairs: tuple[str | None, list[str] | None]) -> dict[str, Any]:
    """The field ``influencers`` of a record, from pairs of name and values."""
    return {
        "influencers": [{"influencer_field_name": name, "influencer_field_values": values} for name, values in pairs]
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {
                **influences(("w", ["4"])),
                **field("partition", "x", "3"),
                **field("over", "y", "2"),
                **field("by", "z", "1"),
            },
            {"z": ["1"], "y": ["2"], "x": ["3"], "w": ["4"]},
            id="by, over, partition, influencers, in any stored order",
        ),
        pytest.param(
            {**field("by", "host", "b"), **field("over", "host", "a"), **field("partition", "host", "b")},
            {"host": ["b", "a"]},
            id="each distinct value once, in order of appearance",
        ),
        pytest.param(
            {
                **field("over", "host", "a"),
                **influences(("user", ["u", "v", "u"]), ("host", ["c", "a"]), ("user", ["w"])),
            },
            {"host": ["a", "c"], "user": ["u", "v", "w"]},
            id="influencers add values",
        ),
        pytest.param(field("by", "host", ""), {"host": [""]}, id="the empty value is a value"),
        pytest.param(field("by", "host", None), {}, id="no value"),
        pytest.param(field("by", None, "a"), {}, id="no name"),
        pytest.param(field("by", "", "a"), {}, id="an empty name"),
        pytest.param(influences(("host", []), ("user", None), (None, ["a"]), ("", ["a"])), {}, id="incomplete pairs"),
        pytest.param({"influencers": [{}]}, {}, id="an empty influencer"),
        pytest.param(
            influences(("host", []), ("user", ["u"]), ("host", ["a"])),
            {"user": ["u"], "host": ["a"]},
            id="the first value of a name decides its place",
        ),
        pytest.param(
            {**field("by", "host", "a"), **field("over", "Host", "b")}, {"host": ["a"], "Host": ["b"]}, id="case counts"
        ),
        pytest.param(field("by", "user.timestamp", "a"), {"user.timestamp": ["a"]}, id="a reserved name behind a dot"),
        pytest.param(field("by", ".timestamp", "a"), {".timestamp": ["a"]}, id="nothing before the dot"),
        pytest.param(field("by", "time", "a"), {"time": ["a"]}, id="the beginning of a reserved name"),
        pytest.param(field("by", "timestamp_string", "a"), {"timestamp_string": ["a"]}, id="not a reserved name"),
        pytest.param(field("by", "timestamp.hour", "a"), {}, id="a reserved name before the dot"),
        pytest.param(field("by", "causes.by.host", "a"), {}, id="a reserved name before the first of two dots"),
        pytest.param(
            influences(("record_score", ["a"]), ("host", ["b"])), {"host": ["b"]}, id="one of two names is reserved"
        ),
    ],
)
def test_a_record_has_keys_with_the_names_of_its_data_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """9.6: by, over and partition fields and influencers each generate a key, unless the name is empty or reserved."""
    assert repr(extra_keys(stored(**fields))) == repr(expected)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "job_id",
            "record_score",
            "influencer_score",
            "anomaly_score",
            "mlcategory",
            "terms",
            "retain",
            "_id",
            "_index",
        ),
        *(
            "influencer_field_values",
            "forecast_memory_bytes",
            "latest_result_time_stamp",
            "timestamp",
            "all_field_values",
        ),
        *("previous_exponential_average_ms", "total_partition_field_count", "scheduled_events", "description"),
    ],
)
def test_reserved_names_generate_nothing(name: str) -> None:
    """9.6 and 9.11: records and influencers generate no key with a name that is a field of results."""
    assert extra_keys(stored(**field("by", name, "a"))) == {}
    without_key = influencer_shape(stored(**field("influencer", "", "a")))
    assert influencer_shape(stored(**field("influencer", name, "a"))) == {**without_key, "influencer_field_name": name}


@pytest.mark.parametrize("value", [["stored"], "text", None, 5, {"b": -0.0, "a": ()}])
def test_a_stored_key_replaces_a_generated_key(value: object) -> None:
    """Section 20: the stored value, even null, is shown at the place of the generated key."""
    fields = {"zone": 1, "host": value, "user": 2, **field("over", "user", "u"), **field("by", "host", "a")}
    shown = {"b": -0.0, "a": []} if isinstance(value, dict) else value
    assert repr(extra_keys(stored(**fields))) == repr({"host": shown, "user": 2, "zone": 1})


def test_unknown_keys_come_back_last_as_they_were_stored() -> None:
    """Section 20: unknown keys follow the generated keys in stored order. They may be null or fields of other kinds."""
    unknown: dict[str, Any] = {
        "z": None,
        "a": {},
        "": [],
        "@timestamp": "x",
        "anomaly_score": -0.0,
        "timestamp.hour": 3,
        "model": True,
    }
    fields = {**unknown, **field("by", "host", "a"), **field("over", "timestamp.hour", "b")}
    assert repr(extra_keys(stored(**fields))) == repr({"host": ["a"], **unknown})
    assert repr(list(influencer_shape(stored(**unknown)).items())[-7:]) == repr(list(unknown.items()))


# Influencers


def test_an_influencer_shows_defaults() -> None:
    """9.11: name and value are shown only if stored; null in a documented field counts as missing."""
    bare = {
        "job_id": "web",
        "result_type": "influencer",
        "influencer_score": 0.0,
        "initial_influencer_score": 0.0,
        "probability": 0.0,
        "bucket_span": 900,
        "is_interim": False,
        "timestamp": MIDNIGHT,
    }
    documented = ("influencer_score", "initial_influencer_score", "probability", "is_interim")
    named = ("influencer_field_name", "influencer_field_value")
    assert repr(influencer_shape(stored(result_type="influencer"))) == repr(bare)
    assert repr(influencer_shape(stored(**dict.fromkeys((*documented, *named))))) == repr(bare)


def test_an_influencer_shows_everything() -> None:
    """9.11: the generated key comes between the field value and the scores; its value is not a list."""
    full = {
        "later": [1],
        **stored(is_interim=True, probability=5e-324, initial_influencer_score=7, influencer_score=-0.0),
        **field("influencer", "user.name", "été"),
        "earlier": None,
        "result_type": "influencer",
    }
    assert repr(influencer_shape(full)) == repr(
        {
            "job_id": "web",
            "result_type": "influencer",
            "influencer_field_name": "user.name",
            "influencer_field_value": "été",
            "user.name": "été",
            "influencer_score": 0.0,
            "initial_influencer_score": 7.0,
            "probability": 5e-324,
            "bucket_span": 900,
            "is_interim": True,
            "timestamp": MIDNIGHT,
            "later": [1],
            "earlier": None,
        }
    )


@pytest.mark.parametrize(
    ("name", "value", "extra", "expected"),
    [
        pytest.param("host", "a", {}, {4: ("host", "a")}, id="generated"),
        pytest.param("host", "", {}, {4: ("host", "")}, id="the empty value is a value"),
        pytest.param("host", "a", {"host": ["b"]}, {4: ("host", ["b"])}, id="a stored value replaces it"),
        pytest.param("host", "a", {"host": None}, {4: ("host", None)}, id="a stored null replaces it"),
        pytest.param("host", None, {"host": "b"}, {9: ("host", "b")}, id="an unknown key if the value is missing"),
        pytest.param(None, "a", {"host": "b"}, {9: ("host", "b")}, id="an unknown key if the name is missing"),
        pytest.param("", "a", {"": "b"}, {10: ("", "b")}, id="an empty name"),
        pytest.param("causes", "a", {"causes": "b"}, {10: ("causes", "b")}, id="a reserved name"),
        pytest.param(
            "timestamp.hour",
            "a",
            {"timestamp.hour": 3},
            {10: ("timestamp.hour", 3)},
            id="a reserved name before the dot",
        ),
        pytest.param("user.timestamp", "a", {}, {4: ("user.timestamp", "a")}, id="a reserved name behind the dot"),
    ],
)
def test_an_influencer_has_a_key_with_the_name_of_its_data_field(
    name: str | None, value: str | None, extra: dict[str, Any], expected: dict[int, tuple[str, Any]]
) -> None:
    """9.11 and section 20: a generated key is the fifth; an unknown stored key is the last."""
    shown = influencer_shape(stored(**field("influencer", name, value), **extra))
    ((place, item),) = expected.items()
    assert list(shown.items())[place] == item
    assert list(shown).count(item[0]) == 1
    assert len(shown) == 8 + (name is not None) + (value is not None) + 1


# The instant at which a result was written

EVENT = {"event": {"ingested": 5}}


@pytest.mark.parametrize("shape", [bucket_shape, record_shape, influencer_shape])
def test_event_is_the_last_key(shape: Any) -> None:
    """20.event: an `event` with an instant is the last key, without other keys; without an instant it is missing."""
    shown = shape(stored(event={"created": 1, "ingested": "2026-01-01"}, zone=1))
    assert list(shown.items())[-1] == ("event", {"ingested": MIDNIGHT})
    for event in (None, {}, {"created": 1}, {"ingested": None}):
        assert repr(shape(stored(event=event))) == repr(shape(stored()))


@pytest.mark.parametrize("event", ["login", ["login"], 5, [], False])
def test_event_of_a_data_field_is_an_unknown_key(event: Any) -> None:
    """20.event: in records and influencers an `event` that is not an object is an unknown key."""
    assert extra_keys(stored(zone=1, event=event, more=2)) == {"zone": 1, "event": event, "more": 2}
    assert list(influencer_shape(stored(event=event, more=2)).items())[-2:] == [("event", event), ("more", 2)]


def test_a_data_field_called_event_generates_a_key_unless_there_is_an_instant() -> None:
    """20.event: the instant takes the name; a key of a data field with this name is shown like any other."""
    named = {**field("by", "event", "login"), "zone": 1}
    assert list(extra_keys(stored(**named)).items()) == [("event", ["login"]), ("zone", 1)]
    assert list(extra_keys(stored(**named, event=None)).items()) == [("event", ["login"]), ("zone", 1)]
    assert list(extra_keys(stored(**named, event="x")).items()) == [("event", "x"), ("zone", 1)]
    assert list(extra_keys(stored(**named, **EVENT)).items()) == [("zone", 1), ("event", {"ingested": 5})]
    blamed = field("influencer", "event", "login")
    assert list(influencer_shape(stored(**blamed)))[4] == "event"
    assert influencer_shape(stored(**blamed))["event"] == "login"
    assert influencer_shape(stored(**blamed, event=[1]))["event"] == [1]
    assert list(influencer_shape(stored(**blamed, **EVENT)))[4] == "influencer_score"
    assert influencer_shape(stored(**blamed, **EVENT))["event"] == {"ingested": 5}


def test_a_bucket_influencer_has_values_of_its_own() -> None:
    """20.bucket-influencers: job, timestamp, span, `is_interim` and `event` may be its own."""
    own = {"job_id": "db", "timestamp": "1970-01-01", "bucket_span": 60.0, "is_interim": False, **EVENT}
    shown = bucket_shape(stored(is_interim=True, event={"ingested": 9}, bucket_influencers=[own, {}]))
    first, second = shown["bucket_influencers"]
    names = ("job_id", "timestamp", "bucket_span", "is_interim")
    assert [first[name] for name in names] == ["db", 0, 60, False]
    assert [second[name] for name in names] == ["web", MIDNIGHT, 900, True]
    assert list(first.items())[-1] == ("event", {"ingested": 5})
    assert "event" not in second


# Single values


def test_single_values_are_lists_of_one() -> None:
    """20.single-values: in the fields of lists a single value is a list of one, and null is a missing list."""
    assert bucket_shape(stored(scheduled_events="sale"))["scheduled_events"] == ["sale"]
    assert len(bucket_shape(stored(bucket_influencers={}))["bucket_influencers"]) == 1
    shown = record_shape(
        stored(typical=5, actual=np.float32(0.5), causes={"actual": 7, "typical": None, "x": 1, "deep": {"actual": 7}})
    )
    assert (shown["typical"], shown["actual"]) == ([5.0], [0.5])
    assert repr(shown["causes"]) == repr([{"actual": [7.0], "typical": None, "x": 1, "deep": {"actual": 7}}])
    blamed = record_shape(stored(influencers={"influencer_field_name": "host", "influencer_field_values": "a"}))
    assert blamed["influencers"] == [{"influencer_field_name": "host", "influencer_field_values": ["a"]}]
    assert blamed["host"] == ["a"]
    listed = record_shape(stored(causes=[{"actual": [7, 7.0]}], influencers=[{"influencer_field_values": None}]))
    assert repr(listed["causes"]) == repr([{"actual": [7, 7.0]}])
    assert listed["influencers"] == [{"influencer_field_values": None}]


def test_single_values_in_a_cause_are_lists_too() -> None:
    """20.single-values: `influencers` of a cause and their values; a list in a cause may hold anything."""
    cause = {"influencers": {"influencer_field_values": "a", "typical": 5}, "influencer_field_values": "b"}
    listed = {
        "influencers": [{"influencer_field_values": "a"}, {"influencer_field_values": [5]}, 5, {"influencers": 5}]
    }
    assert record_shape(stored(causes=[cause, listed, {"influencers": None}]))["causes"] == [
        {"influencers": [{"influencer_field_values": ["a"], "typical": 5}], "influencer_field_values": "b"},
        {
            "influencers": [
                {"influencer_field_values": ["a"]},
                {"influencer_field_values": [5]},
                5,
                {"influencers": 5},
            ]
        },
        {"influencers": None},
    ]
    assert record_shape(stored(influencers=[{"influencers": 5, "typical": 5}]))["influencers"] == [
        {"influencers": 5, "typical": 5}
    ]


# Copies of stored values
@pytest.mark.parametrize("shape", [record_shape, influencer_shape])
def test_stored_values_are_shown_in_jsons_types(shape: Any) -> None:
    """Section 20: tuples become lists, and NumPy's numbers become Python's. -0.0 and the order of keys stay."""
    nested = {"b": (1, (np.int64(2), np.float64(-0.0))), "a": [np.bool_(True), {"z": None, "y": np.float32(0.5)}]}
    expected = {"b": [1, [2, -0.0]], "a": [True, {"z": None, "y": 0.5}]}
    assert repr(shape(stored(host=nested))["host"]) == repr(expected)
    assert repr(record_shape(stored(causes=(nested,)))["causes"]) == repr([expected])


def test_changing_a_shape_does_not_change_the_document() -> None:
    """A shape shares no list and no dict with the document."""

    def document() -> dict[str, Any]:
        return stored(
            bucket_influencers=[{"anomaly_score": 1.0}],
            scheduled_events=["a"],
            typical=[1.0],
            causes=[{"actual": [1.0]}],
            host={"a": [1]},
        )

    given = document()
    bucket, record, influencer = bucket_shape(given, [given]), record_shape(given), influencer_shape(given)
    bucket["scheduled_events"].append("b")
    bucket["bucket_influencers"][0]["anomaly_score"] = 2.0
    bucket["records"][0]["typical"].append(2.0)
    record["typical"].append(2.0)
    record["causes"][0]["actual"].append(2.0)
    influencer["host"]["a"].append(2)
    assert given == document()
