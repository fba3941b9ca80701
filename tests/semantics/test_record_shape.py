"""Rules 9.3, 9.6 to 9.12, and our decision on unknown fields: what records and influencers look like on their way out.

Bodies are compared as JSON text, so key order counts, and ``50`` is not ``50.0``.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from bucketquery import AnomalyRecord, Influencer, Kind, ResultsIndex
from semantics_tables import CALLS, JOB, LISTS, assert_same_body, at, each_row, index_of, influencer, record

JUNE_1 = at("2016-06-01T00:00:00.000Z")
JUNE_TEXT = "2016-06-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Shown:
    """A stored document and what comes out of it.

    Attributes:
        rule: its number.
        claim: what the row says.
        given: the document.
        body: the one result of the body.
        source: where the rule comes from.
        human: whether the body is asked for with `human=true`.
    """

    rule: str
    claim: str
    given: Mapping[str, Any]
    body: Mapping[str, Any]
    source: str
    _: KW_ONLY
    human: bool = False


def shown(index: ResultsIndex, kind: Kind, *, human: bool = False) -> list[dict[str, Any]]:
    """The results of this kind in the body of their own call, the oldest first."""
    page = getattr(index, CALLS[kind])(job_id=JOB, sort="timestamp", desc=False)
    results: list[dict[str, Any]] = page.to_dict(human=human)[LISTS[kind]]
    return results


# ---- records ---------------------------------------------------------------------------------------------------------

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
#: Every documented field. The names of the data's fields are such that nothing is generated.
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
    """The body of a record with its defaults, but for the values of these keys, and with what is always shown first."""
    return ALWAYS | fields


def given(**fields: Any) -> dict[str, Any]:
    """The document of a record of June 1."""
    return record(JUNE_1, **fields)


DOCUMENTED = [
    Shown("9.6", "every key, in the API's order", EVERYTHING, EVERYTHING, "REC"),
    Shown("9.6", "whatever order they came in", dict(reversed(EVERYTHING.items())), EVERYTHING, "REC"),
    Shown("9.6", "what is always there", given(), ALWAYS, "REC"),
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
        "numbers are doubles, but for the detector and the span",
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
        "typical and actual are doubles, and an empty list is one",
        given(typical=(1, np.int16(2), 0.5, -0.0), actual=[]),
        always(typical=[1.0, 2.0, 0.5, 0.0], actual=[]),
        "REC: double[]",
    ),
    Shown(
        "9.6",
        "empty lists and objects are stored ones",
        given(causes=[], influencers=[], geo_results={}, anomaly_score_explanation={}),
        always(causes=[], influencers=[], geo_results={}, anomaly_score_explanation={}),
        "REC: if set",
    ),
    Shown("9.6", "empty text is set", given(function="", field_name=""), always(function="", field_name=""), "REC"),
    Shown("9.6", "minus zero is zero", given(record_score=-0.0, probability=-0.0), ALWAYS, "ours"),
    Shown(
        "9.12",
        "the least double",
        given(probability=5e-324, record_score=5e-324),
        always(probability=5e-324, record_score=5e-324),
        "ours: a double, no single",
    ),
    Shown("9.12", "1e-308", given(probability=1e-308), always(probability=1e-308), "ours: a double, no single"),
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
        "not inside causes and the like",
        given(causes=[{"timestamp": 0}], geo_results={"timestamp": 0}, extra={"timestamp": 0}),
        {key: value for key, value in ALWAYS.items() if key != "timestamp"}
        | {
            "timestamp_string": JUNE_TEXT,
            "timestamp": 1_464_739_200_000,
            "causes": [{"timestamp": 0}],
            "geo_results": {"timestamp": 0},
            "extra": {"timestamp": 0},
        },
        "ours: what is inside comes back as stored",
        human=True,
    ),
]

#: What is inside of these comes back as it was stored.
STRANGE = {"zebra": 1, "probability": "x", "airline": ["AAL"], "none": None, "deep": [[{"a": [1, 2.5, True]}]]}
INSIDE = [
    Shown("9.7", "causes, each in its own order", given(causes=[CAUSE, {}]), always(causes=[CAUSE, {}]), "CAUSE, ours"),
    Shown("9.7", "a cause with unknown keys", given(causes=[STRANGE]), always(causes=[STRANGE]), "ours"),
    Shown(
        "9.7", "integers stay integers", given(causes=[{"typical": [10]}]), always(causes=[{"typical": [10]}]), "ours"
    ),
    Shown(
        "9.7",
        "tuples are lists, NumPy's numbers are numbers",
        given(causes=({"typical": (np.int64(10), np.float32(0.5), True)},)),
        always(causes=[{"typical": [10, 0.5, True]}]),
        "ours",
    ),
    Shown(
        "9.7",
        "nothing is generated from a cause",
        given(causes=[{"by_field_name": "airline", "by_field_value": "AAL"}]),
        always(causes=[{"by_field_name": "airline", "by_field_value": "AAL"}]),
        "CAUSE: its record's fields alone",
    ),
    Shown(
        "9.8",
        "influencers, as they are",
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
        "geo_results, in their own order",
        given(geo_results={"actual_point": "3,4", "typical_point": "1,2", "extra": 1}),
        always(geo_results={"actual_point": "3,4", "typical_point": "1,2", "extra": 1}),
        "GEO, ours",
    ),
    Shown(
        "9.10",
        "an explanation, in its own order",
        given(anomaly_score_explanation=dict(reversed(EXPLANATION.items())) | {"extra": [1]}),
        always(anomaly_score_explanation=dict(reversed(EXPLANATION.items())) | {"extra": [1]}),
        "EXPL, ours",
    ),
]


def pairs(**values: str | None) -> dict[str, Any]:
    """Fields of a record: ``by="airline:AAL"`` is the name and the value of its by field."""
    found: dict[str, Any] = {}
    for side, text in values.items():
        name, _, value = (text or "").partition(":")
        found |= {f"{side}_field_name": name, f"{side}_field_value": value}
    return found


def blame(*pairs_: tuple[str | None, list[str] | None]) -> list[dict[str, Any]]:
    """Influencers of a record, each a name and its values."""
    return [{"influencer_field_name": name, "influencer_field_values": values} for name, values in pairs_]


def generated(rule: str, claim: str, fields: Mapping[str, Any], tail: Mapping[str, Any], source: str) -> Shown:
    """A record with these stored fields; behind its documented keys, its body ends with this tail."""
    order = [name for name in EVERYTHING if name in fields]
    return Shown(rule, claim, given(**fields), ALWAYS | {name: fields[name] for name in order} | dict(tail), source)


GENERATED = [
    generated(
        "9.6",
        "by, over, partition, then influencers",
        pairs(partition="zone:east", over="user:ann", by="airline:AAL") | {"influencers": blame(("host", ["b", "a"]))},
        {"airline": ["AAL"], "user": ["ann"], "zone": ["east"], "host": ["b", "a"]},
        "REC; ours: the order of keys",
    ),
    generated(
        "9.6",
        "distinct values, in first-seen order",
        pairs(by="host:b", over="host:a", partition="host:b")
        | {"influencers": blame(("host", ["c", "a", "c"]), ("host", ["d", "b"]))},
        {"host": ["b", "a", "c", "d"]},
        "REC",
    ),
    generated(
        "9.6",
        "a name keeps the place where it is first seen",
        {"influencers": blame(("host", ["a"]), ("user", ["x"]), ("host", ["b"]))},
        {"host": ["a", "b"], "user": ["x"]},
        "REC; ours: the order of keys",
    ),
    generated("9.6", "digits are text", pairs(by="code:7"), {"code": ["7"]}, "REC: text"),
    generated("9.6", "an empty value is one", pairs(by="airline:"), {"airline": [""]}, "REC: if not null"),
    generated("9.6", "an empty name is none", pairs(by=":AAL", over=":x"), {}, "REC: unless empty"),
    generated("9.6", "a name without a value", {"by_field_name": "airline"}, {}, "REC: if not null"),
    generated("9.6", "a value without a name", {"over_field_value": "ann"}, {}, "REC: if not null"),
    generated(
        "9.6",
        "influencers without name, values, or any",
        {"influencers": blame(("host", []), ("user", None), (None, ["a"]), ("", ["a"]))},
        {},
        "REC",
    ),
    generated(
        "9.6",
        "a correlated value is not one of them",
        pairs(by="a:1") | {"correlated_by_field_value": "2"},
        {"a": ["1"]},
        "REC",
    ),
    generated("9.6", "a blank name is a name", pairs(by=" :x"), {" ": ["x"]}, "REC: not empty"),
    generated("9.6", "a dotted name", pairs(by="host.name:a"), {"host.name": ["a"]}, "REC, RFN: host is free"),
    generated("9.6", "reserved before its first dot", pairs(by="influencers.host:a"), {}, "RFN"),
    generated("9.6", "reserved behind it", pairs(by="host.timestamp:a"), {"host.timestamp": ["a"]}, "RFN"),
    generated("9.6", "names are exact", pairs(by="Timestamp:a"), {"Timestamp": ["a"]}, "RFN"),
    generated("9.6", "a name that begins alike", pairs(by="terms_used:a"), {"terms_used": ["a"]}, "RFN"),
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
        "the stored value stands in the generated key's place",
        pairs(by="airline:AAL", over="user:ann") | {"zone": 1, "user": "stored", "airline": ["x", 5]},
        {"airline": ["x", 5], "user": "stored", "zone": 1},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "even if it is null",
        pairs(by="airline:AAL") | {"zone": 1, "airline": None},
        {"airline": None, "zone": 1},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "a reserved name's own key is just unknown",
        pairs(by="event_count:5") | {"zone": 1, "event_count": ["5"]},
        {"zone": 1, "event_count": ["5"]},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "a dotted key is no object",
        pairs(by="host.name:a") | {"host": {"name": "b"}},
        {"host.name": ["a"], "host": {"name": "b"}},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "in stored order, nulls and all",
        {"zebra": None, "apple": {"deep": [1, 2.5, "x", True, None]}, "": 0, "Probability": 5},
        {"zebra": None, "apple": {"deep": [1, 2.5, "x", True, None]}, "": 0, "Probability": 5},
        "ours",
    ),
    generated(
        "20.unknown-fields",
        "tuples are lists, NumPy's numbers are numbers",
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
def test_record_is_shown_as_ruled(row: Shown) -> None:
    """A stored document comes out as the record of its row, in the page's body and as the record's own."""
    index = index_of([row.given])
    assert_same_body(shown(index, "record", human=row.human), [row.body])
    if not row.human:
        assert_same_body(index.get_records(job_id=JOB)[0].to_dict(), row.body)


@each_row(DOCUMENTED, INSIDE, GENERATED)
def test_record_has_the_same_values_as_its_body(row: Shown) -> None:
    """The attributes of a record are the values of its body; what is missing is None, and a missing list is empty."""
    found = index_of([row.given]).get_records(job_id=JOB)[0]
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


def thawed(value: Any) -> Any:
    """A value of mappings and tuples as one of dicts and lists."""
    if isinstance(value, Mapping):
        return {key: thawed(inner) for key, inner in value.items()}
    return [thawed(inner) for inner in value] if isinstance(value, tuple) else value


def assert_frozen(value: Any) -> None:
    """Assert that a value is made of tuples, mappings that cannot be changed, and plain JSON values."""
    if isinstance(value, Mapping):
        with pytest.raises(TypeError):
            value["x"] = 1  # type: ignore[index]  # that is what is tried
        for inner in value.values():
            assert_frozen(inner)
    elif isinstance(value, tuple):
        for inner in value:
            assert_frozen(inner)
    else:
        assert type(value) in {type(None), bool, int, float, str}


# ---- influencers -----------------------------------------------------------------------------------------------------

BARE = {
    "job_id": "web",
    "result_type": "influencer",
    "influencer_score": 0.0,
    "initial_influencer_score": 0.0,
    "probability": 0.0,
    "bucket_span": 3_600,
    "is_interim": False,
    "timestamp": 1_464_739_200_000,
}


def blamed(name: str, value: str, *generated_: tuple[str, Any], **fields: Any) -> dict[str, Any]:
    """The body of an influencer of this name and value, its generated key, and its other fields."""
    head = {
        "job_id": "web",
        "result_type": "influencer",
        "influencer_field_name": name,
        "influencer_field_value": value,
    }
    return (
        head
        | dict(generated_)
        | {key: fields.pop(key, value) for key, value in BARE.items() if key not in head}
        | fields
    )


FULL = blamed(
    "host",
    "a",
    ("host", "a"),
    influencer_score=75.0,
    initial_influencer_score=80.5,
    probability=1e-308,
    bucket_span=900,
    is_interim=True,
)
INFLUENCERS = [
    Shown("9.11", "every key, in the API's order", FULL, FULL, "INFR"),
    Shown("9.11", "whatever order they came in", dict(reversed(FULL.items())), FULL, "INFR"),
    Shown(
        "9.11",
        "the data field's own name is added",
        influencer(JUNE_1, "a"),
        blamed("host", "a", ("host", "a")),
        "INFR",
    ),
    Shown("9.11", "no name and no value, no keys", influencer(JUNE_1), BARE, "ours: nothing but the key is required"),
    Shown(
        "9.11",
        "null is missing",
        influencer(JUNE_1)
        | dict.fromkeys(
            (
                "influencer_field_name",
                "influencer_field_value",
                "influencer_score",
                "initial_influencer_score",
                "probability",
                "is_interim",
            )
        ),
        BARE,
        "ours",
    ),
    Shown(
        "9.11",
        "a name alone",
        influencer(JUNE_1, influencer_field_name="host"),
        {"job_id": "web", "result_type": "influencer", "influencer_field_name": "host"} | BARE,
        "ours: nothing is generated",
    ),
    Shown(
        "9.11",
        "a value alone",
        influencer(JUNE_1, influencer_field_value="a"),
        {"job_id": "web", "result_type": "influencer", "influencer_field_value": "a"} | BARE,
        "ours: nothing is generated",
    ),
    Shown("9.11", "an empty value is one", influencer(JUNE_1, ""), blamed("host", "", ("host", "")), "INFR"),
    Shown(
        "9.11",
        "an empty name",
        influencer(JUNE_1, "a", influencer_field_name=""),
        blamed("", "a"),
        "ours: unless empty",
    ),
    Shown(
        "9.11",
        "a dotted name",
        influencer(JUNE_1, "a", influencer_field_name="host.name"),
        blamed("host.name", "a", ("host.name", "a")),
        "RFN: host is free",
    ),
    Shown(
        "9.11",
        "numbers are doubles",
        influencer(JUNE_1, influencer_score=50, initial_influencer_score=np.int8(5), probability=1, bucket_span=60.0),
        BARE | {"influencer_score": 50.0, "initial_influencer_score": 5.0, "probability": 1.0, "bucket_span": 60},
        "INFR",
    ),
    Shown(
        "9.12",
        "the least double",
        influencer(JUNE_1, probability=5e-324),
        BARE | {"probability": 5e-324},
        "ours: a double, no single",
    ),
    Shown(
        "9.3",
        "timestamp_string stands before an influencer's timestamp",
        influencer(JUNE_1, "a", extra=1),
        {key: value for key, value in blamed("host", "a", ("host", "a")).items() if key != "timestamp"}
        | {"timestamp_string": JUNE_TEXT, "timestamp": 1_464_739_200_000, "extra": 1},
        "XCB",
        human=True,
    ),
    Shown(
        "20.unknown-fields",
        "an influencer's stored value stands in the generated key's place",
        influencer(JUNE_1, "a", zone=1, host=["a", 5]),
        blamed("host", "a", ("host", ["a", 5])) | {"zone": 1},
        "ours",
    ),
    Shown(
        "20.unknown-fields",
        "an influencer's unknown keys, in stored order",
        influencer(JUNE_1, "a", zebra=None, apple={"deep": [1]}, record_score=5, raw_anomaly_score=7),
        blamed("host", "a", ("host", "a"))
        | {"zebra": None, "apple": {"deep": [1]}, "record_score": 5, "raw_anomaly_score": 7},
        "ours",
    ),
]
INFLUENCERS += [
    Shown("9.11", f"{name} is reserved", influencer(JUNE_1, "a", influencer_field_name=name), blamed(name, "a"), "RFN")
    for name in ("timestamp", "probability", "influencer_score", "influencers", "bucket_span.x", "_id", "record_score")
]


@each_row(INFLUENCERS)
def test_influencer_is_shown_as_ruled(row: Shown) -> None:
    """A stored document comes out as the influencer of its row, in the page's body and as the influencer's own."""
    index = index_of([row.given])
    assert_same_body(shown(index, "influencer", human=row.human), [row.body])
    if not row.human:
        assert_same_body(index.get_influencers(job_id=JOB)[0].to_dict(), row.body)


@each_row(INFLUENCERS)
def test_influencer_has_the_same_values_as_its_body(row: Shown) -> None:
    """The attributes of an influencer are the values of its body; a name or value that is missing is None."""
    found = index_of([row.given]).get_influencers(job_id=JOB)[0]
    assert type(found) is Influencer
    for name in FULL:
        if name != "host":
            assert_same_body(getattr(found, name), row.body.get(name))
    unknown = [name for name in row.given if name not in FULL or name == "host"]
    assert_same_body(thawed(found.other_fields), {name: row.body[name] for name in unknown})
    assert_frozen(found.other_fields)
    assert at(found.time.isoformat()) == JUNE_1
    assert found.time.utcoffset() == timedelta(0)


# ---- both ------------------------------------------------------------------------------------------------------------


def test_body_is_the_caller_s_own() -> None:
    """What a caller does with a body changes neither what is stored nor the next body."""
    index = index_of([given(causes=[{"typical": [1]}], zone={"a": [1]}, by_field_name="b", by_field_value="x")])
    (body,) = shown(index, "record")
    body["causes"][0]["typical"].append(2)
    body["zone"]["a"].append(2)
    body["b"].append("y")
    (again,) = shown(index, "record")
    assert (again["causes"], again["zone"], again["b"]) == ([{"typical": [1]}], {"a": [1]}, ["x"])


def test_documents_are_copied() -> None:
    """What the caller does with a document afterwards does not change what is stored."""
    causes, zone, values = [{"typical": [1]}], {"a": [1]}, ["x"]
    index = ResultsIndex()
    index.upsert([given(causes=causes, zone=zone, influencers=blame(("host", values)))])
    causes[0]["typical"].append(2)
    zone["a"].append(2)
    values.append("y")
    (body,) = shown(index, "record")
    assert (body["causes"], body["zone"], body["host"]) == ([{"typical": [1]}], {"a": [1]}, ["x"])
