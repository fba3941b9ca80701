"""Rules 9.3, 9.6 to 9.10 and 9.12, and our decision on unknown fields: the body of a record.

Bodies are compared as JSON text, so key order counts, and ``50`` is not ``50.0``.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from bucketquery import AnomalyRecord, ResultsIndex
from support.document_tables import Shown, assert_frozen, assert_shown, thawed
from support.semantics_tables import JOB, assert_same_body, at, each_row, index_of, record

JUNE_1 = at("2016-06-01T00:00:00.000Z")
JUNE_TEXT = "2016-06-01T00:00:00.000Z"


ALWAYS = {
    "job_id": "web",
    "result_type": "record",
    "probability": 0.0,
    "record_score": 0.0,
    "initial_record_score": 0.0,
    "bucket_span": 3_600,
    "detector_index": 0,
    "is_interim": False,
    "timestamp": 1_464_739_200_000,
}
CAUSE = {
    "probability": 1e-308,
    "by_field_name": "airline",
    "by_field_value": "AAL",
    "function": "mean",
    "typical": [10],
    "actual": [40.5],
    "influencers": [{"influencer_field_name": "host", "influencer_field_values": ["a"]}],
}
EXPLANATION = {
    "anomaly_type": "spike",
    "anomaly_length": 2,
    "single_bucket_impact": 40,
    "lower_confidence_bound": 1.5,
    "high_variance_penalty": False,
}
#: Every documented field. The names of the data fields are empty or reserved, so no key is generated.
EVERYTHING = {
    "job_id": "web",
    "result_type": "record",
    "probability": 1e-308,
    "multi_bucket_impact": -2.5,
    "record_score": 75.0,
    "initial_record_score": 80.5,
    "bucket_span": 900,
    "detector_index": 2,
    "is_interim": True,
    "timestamp": 1_464_739_200_000,
    "by_field_name": "",
    "by_field_value": "AAL",
    "correlated_by_field_value": "UAL",
    "partition_field_name": "",
    "partition_field_value": "east",
    "function": "lat_long",
    "function_description": "mean",
    "typical": [10.0, 0.5],
    "actual": [40.0],
    "field_name": "response",
    "over_field_name": "",
    "over_field_value": "a",
    "causes": [CAUSE],
    "influencers": [{"influencer_field_name": "", "influencer_field_values": ["a"]}],
    "geo_results": {"typical_point": "1.5,2.5", "actual_point": "3.5,4.5"},
    "anomaly_score_explanation": EXPLANATION,
}


def always(**fields: Any) -> dict[str, Any]:
    """The body of a record: the keys that are always shown, with these values or their defaults, then the others."""
    return ALWAYS | fields


def given(**fields: Any) -> dict[str, Any]:
    """The document of a record on June 1."""
    return record(JUNE_1, **fields)


DOCUMENTED = [
    Shown("9.6", "every key, in the API's order", EVERYTHING, EVERYTHING, "REC"),
    Shown("9.6", "every key, from a document in another order", dict(reversed(EVERYTHING.items())), EVERYTHING, "REC"),
    Shown("9.6", "the keys that are always shown", given(), ALWAYS, "REC"),
    Shown(
        "9.6",
        "null is missing",
        given(
            **{name: None for name in EVERYTHING if name not in {"job_id", "result_type", "bucket_span", "timestamp"}}
        ),
        ALWAYS,
        "ours",
    ),
    Shown(
        "9.6",
        "numbers are doubles, except detector and span",
        given(
            probability=1,
            multi_bucket_impact=np.int8(5),
            record_score=np.float32(0.5),
            initial_record_score=2,
            detector_index=3.0,
        ),
        {
            "job_id": "web",
            "result_type": "record",
            "probability": 1.0,
            "multi_bucket_impact": 5.0,
            "record_score": 0.5,
            "initial_record_score": 2.0,
            "bucket_span": 3_600,
            "detector_index": 3,
            "is_interim": False,
            "timestamp": 1_464_739_200_000,
        },
        "REC",
    ),
    Shown(
        "9.6",
        "typical and actual are lists of doubles, even if empty",
        given(typical=(1, np.int16(2), 0.5, -0.0), actual=[]),
        always(typical=[1.0, 2.0, 0.5, 0.0], actual=[]),
        "REC: double[]",
    ),
    Shown(
        "9.6",
        "empty lists and objects are shown",
        given(causes=[], influencers=[], geo_results={}, anomaly_score_explanation={}),
        always(causes=[], influencers=[], geo_results={}, anomaly_score_explanation={}),
        "REC: if set",
    ),
    Shown("9.6", "empty text is shown", given(function="", field_name=""), always(function="", field_name=""), "REC"),
    Shown("9.6", "minus zero is zero", given(record_score=-0.0, probability=-0.0), ALWAYS, "ours"),
    Shown(
        "9.12",
        "the least double",
        given(probability=5e-324, record_score=5e-324),
        always(probability=5e-324, record_score=5e-324),
        "ours: a double, not a single",
    ),
    Shown("9.12", "1e-308", given(probability=1e-308), always(probability=1e-308), "ours: a double, not a single"),
    Shown(
        "9.3",
        "timestamp_string stands before a record's timestamp",
        given(function="min"),
        {key: value for key, value in ALWAYS.items() if key != "timestamp"}
        | {"timestamp_string": JUNE_TEXT, "timestamp": 1_464_739_200_000, "function": "min"},
        "XCB",
        human=True,
    ),
    Shown(
        "9.3",
        "no timestamp_string inside nested objects",
        given(causes=[{"timestamp": 0}], geo_results={"timestamp": 0}, extra={"timestamp": 0}),
        {key: value for key, value in ALWAYS.items() if key != "timestamp"}
        | {
            "timestamp_string": JUNE_TEXT,
            "timestamp": 1_464_739_200_000,
            "causes": [{"timestamp": 0}],
            "geo_results": {"timestamp": 0},
            "extra": {"timestamp": 0},
        },
        "ours: nested objects come back as stored",
        human=True,
    ),
]

#: Keys that a nested object may have; it comes back as it was stored.
STRANGE = {"zebra": 1, "probability": "x", "airline": ["AAL"], "none": None, "deep": [[{"a": [1, 2.5, True]}]]}
INSIDE = [
    Shown(
        "9.7",
        "causes keep the order of their keys",
        given(causes=[CAUSE, {}]),
        always(causes=[CAUSE, {}]),
        "CAUSE, ours",
    ),
    Shown("9.7", "a cause with unknown keys", given(causes=[STRANGE]), always(causes=[STRANGE]), "ours"),
    Shown(
        "9.7", "integers stay integers", given(causes=[{"typical": [10]}]), always(causes=[{"typical": [10]}]), "ours"
    ),
    Shown(
        "9.7",
        "tuples become lists, NumPy numbers become numbers",
        given(causes=({"typical": (np.int64(10), np.float32(0.5), True)},)),
        always(causes=[{"typical": [10, 0.5, True]}]),
        "ours",
    ),
    Shown(
        "9.7",
        "no key is generated from a cause",
        given(causes=[{"by_field_name": "airline", "by_field_value": "AAL"}]),
        always(causes=[{"by_field_name": "airline", "by_field_value": "AAL"}]),
        "CAUSE: only from the fields of the record",
    ),
    Shown(
        "9.8",
        "influencers come back as stored",
        given(influencers=[{"influencer_field_values": ["a", "a"], "influencer_field_name": "", "extra": None}]),
        always(influencers=[{"influencer_field_values": ["a", "a"], "influencer_field_name": "", "extra": None}]),
        "INFL, ours",
    ),
    Shown(
        "9.8",
        "influencers without name or values",
        given(influencers=[{}, {"influencer_field_name": "host"}, {"influencer_field_values": None}]),
        always(influencers=[{}, {"influencer_field_name": "host"}, {"influencer_field_values": None}]),
        "INFL, ours",
    ),
    Shown(
        "9.9",
        "geo_results keep the order of their keys",
        given(geo_results={"actual_point": "3,4", "typical_point": "1,2", "extra": 1}),
        always(geo_results={"actual_point": "3,4", "typical_point": "1,2", "extra": 1}),
        "GEO, ours",
    ),
    Shown(
        "9.10",
        "an explanation keeps the order of its keys",
        given(anomaly_score_explanation=dict(reversed(EXPLANATION.items())) | {"extra": [1]}),
        always(anomaly_score_explanation=dict(reversed(EXPLANATION.items())) | {"extra": [1]}),
        "EXPL, ours",
    ),
]


def pairs(**values: str | None) -> dict[str, Any]:
    """Fields of a record: ``by="airline:AAL"`` gives the name and the value of the by field."""
    found: dict[str, Any] = {}
    for side, text in values.items():
        name, _, value = (text or "").partition(":")
        found |= {f"{side}_field_name": name, f"{side}_field_value": value}
    return found


def blame(*pairs_: tuple[str | None, list[str] | None]) -> list[dict[str, Any]]:
    """Influencers of a record, each as a name and its values."""
    return [{"influencer_field_name": name, "influencer_field_values": values} for name, values in pairs_]


def generated(rule: str, claim: str, fields: Mapping[str, Any], tail: Mapping[str, Any], source: str) -> Shown:
    """A record with these fields; its body has the documented keys and then the keys of `tail`."""
    order = [name for name in EVERYTHING if name in fields]
    return Shown(rule, claim, given(**fields), ALWAYS | {name: fields[name] for name in order} | dict(tail), source)


GENERATED = [
    generated(
        "9.6",
        "keys of by, over, partition, then influencers",
        pairs(partition="zone:east", over="user:ann", by="airline:AAL") | {"influencers": blame(("host", ["b", "a"]))},
        {"airline": ["AAL"], "user": ["ann"], "zone": ["east"], "host": ["b", "a"]},
        "REC; ours: the order of keys",
    ),
    generated(
        "9.6",
        "distinct values in the order of first occurrence",
        pairs(by="host:b", over="host:a", partition="host:b")
        | {"influencers": blame(("host", ["c", "a", "c"]), ("host", ["d", "b"]))},
        {"host": ["b", "a", "c", "d"]},
        "REC",
    ),
    generated(
        "9.6",
        "a name keeps the place of its first occurrence",
        {"influencers": blame(("host", ["a"]), ("user", ["x"]), ("host", ["b"]))},
        {"host": ["a", "b"], "user": ["x"]},
        "REC; ours: the order of keys",
    ),
    generated("9.6", "digits stay text", pairs(by="code:7"), {"code": ["7"]}, "REC: text"),
    generated("9.6", "an empty value is a value", pairs(by="airline:"), {"airline": [""]}, "REC: if not null"),
    generated("9.6", "an empty name generates nothing", pairs(by=":AAL", over=":x"), {}, "REC: not for an empty name"),
    generated("9.6", "a name without a value", {"by_field_name": "airline"}, {}, "REC: if not null"),
    generated("9.6", "a value without a name", {"over_field_value": "ann"}, {}, "REC: if not null"),
    generated(
        "9.6",
        "influencers without a name, without values, or with none",
        {"influencers": blame(("host", []), ("user", None), (None, ["a"]), ("", ["a"]))},
        {},
        "REC",
    ),
    generated(
        "9.6",
        "a correlated value generates nothing",
        pairs(by="a:1") | {"correlated_by_field_value": "2"},
        {"a": ["1"]},
        "REC",
    ),
    generated("9.6", "a name of one blank is a name", pairs(by=" :x"), {" ": ["x"]}, "REC: not empty"),
    generated("9.6", "a dotted name", pairs(by="host.name:a"), {"host.name": ["a"]}, "REC, RFN: host is not reserved"),
    generated("9.6", "reserved before the first dot", pairs(by="influencers.host:a"), {}, "RFN"),
    generated("9.6", "reserved after the first dot", pairs(by="host.timestamp:a"), {"host.timestamp": ["a"]}, "RFN"),
    generated("9.6", "names are case-sensitive", pairs(by="Timestamp:a"), {"Timestamp": ["a"]}, "RFN"),
    generated("9.6", "a name that starts with a reserved name", pairs(by="terms_used:a"), {"terms_used": ["a"]}, "RFN"),
]
GENERATED += [
    generated("9.6", f"{name} is reserved", pairs(by=f"{name}:a") | {"influencers": blame((name, ["b"]))}, {}, "RFN")
    for name in (
        "timestamp",
        "probability",
        "record_score",
        "job_id",
        "causes",
        "anomaly_score",
        "influencer_field_value",
        "bucket_influencers",
        "typical_point",
        "memory_status",
        "mlcategory",
        "forecast_id",
        "description",
        "_id",
        "_index",
    )
]
GENERATED += [
    generated(
        "20.unknown-fields",
        "a stored key replaces the generated key",
        pairs(by="airline:AAL", over="user:ann") | {"zone": 1, "user": "stored", "airline": ["x", 5]},
        {"airline": ["x", 5], "user": "stored", "zone": 1},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "a stored null replaces the generated key",
        pairs(by="airline:AAL") | {"zone": 1, "airline": None},
        {"airline": None, "zone": 1},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "a stored key with a reserved name is an unknown key",
        pairs(by="event_count:5") | {"zone": 1, "event_count": ["5"]},
        {"zone": 1, "event_count": ["5"]},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "a dotted key is not an object",
        pairs(by="host.name:a") | {"host": {"name": "b"}},
        {"host.name": ["a"], "host": {"name": "b"}},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "unknown keys keep their order, nulls included",
        {"zebra": None, "apple": {"deep": [1, 2.5, "x", True, None]}, "": 0, "Probability": 5},
        {"zebra": None, "apple": {"deep": [1, 2.5, "x", True, None]}, "": 0, "Probability": 5},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "tuples become lists, NumPy numbers become numbers",
        {"numbers": (np.int64(1), np.float64(2.5), (np.float32(0.5),))},
        {"numbers": [1, 2.5, [0.5]]},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "the fields of other kinds",
        {"anomaly_score": 5, "bucket_influencers": [], "influencer_score": 7},
        {"anomaly_score": 5, "bucket_influencers": [], "influencer_score": 7},
        "ours",
    ),
]


@each_row(DOCUMENTED, INSIDE, GENERATED)
def test_body_shows_the_record(row: Shown) -> None:
    """The body of the page and the body of the record show the record of the row."""
    assert_shown(row)


@each_row(DOCUMENTED, INSIDE, GENERATED)
def test_record_has_the_values_of_its_body(row: Shown) -> None:
    """The attributes of a record are the values of its body: a missing value is None, and a missing list is empty."""
    found = row.page()[0]
    assert type(found) is AnomalyRecord
    for name in EVERYTHING:
        missing: list[Any] | None = [] if name in {"typical", "actual", "causes", "influencers"} else None
        assert_same_body(thawed(getattr(found, name)), row.body.get(name, missing))
        assert_frozen(getattr(found, name))
    unknown = {name: value for name, value in row.given.items() if name not in EVERYTHING}
    assert_same_body(thawed(found.other_fields), {name: row.body[name] for name in unknown})
    assert_frozen(found.other_fields)
    assert found.time.utcoffset() == timedelta(0)
    assert at(found.time.isoformat()) == JUNE_1


def test_each_body_is_a_copy() -> None:
    """A caller may change a body: the stored record and the next body stay as they were."""
    index = index_of([given(causes=[{"typical": [1]}], zone={"a": [1]}, by_field_name="b", by_field_value="x")])
    (body,) = index.get_records(job_id=JOB).to_dict()["records"]
    body["causes"][0]["typical"].append(2)
    body["zone"]["a"].append(2)
    body["b"].append("y")
    (again,) = index.get_records(job_id=JOB).to_dict()["records"]
    assert (again["causes"], again["zone"], again["b"]) == ([{"typical": [1]}], {"a": [1]}, ["x"])


def test_nested_values_are_copied() -> None:
    """The index copies nested values: a change of the document after the call does not reach the stored record."""
    causes, zone, values = [{"typical": [1]}], {"a": [1]}, ["x"]
    index = ResultsIndex()
    index.upsert([given(causes=causes, zone=zone, influencers=blame(("host", values)))])
    causes[0]["typical"].append(2)
    zone["a"].append(2)
    values.append("y")
    (body,) = index.get_records(job_id=JOB).to_dict()["records"]
    assert (body["causes"], body["zone"], body["host"]) == ([{"typical": [1]}], {"a": [1]}, ["x"])
