"""Extra fields: the text that is stored, the values that come back, and the path of a refusal."""

import contextlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.extra_fields import (
    DEEPEST,
    extra_fields_of,
    fields_from_texts,
    fields_to_text,
    json_value,
    part,
)
from bucketquery.model.schema import INFLUENCER, RECORD
from support.helpers import record


class Text(str):
    """A subclass of ``str``."""

    __slots__ = ()


def read_back(**fields: Any) -> dict[str, Any]:
    """The extra fields of a record, stored as text and read again."""
    (parts,) = fields_from_texts([extra_fields_of(RECORD, record(0, **fields))])
    return parts


def refusal(**fields: Any) -> Unfit:
    """The refusal of a record with these fields."""
    with pytest.raises(Unfit) as caught:
        extra_fields_of(RECORD, record(0, **fields))
    return caught.value


def nested(levels: int) -> list[Any]:
    """An empty list inside other lists, ``levels`` of them in all."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_fields_with_a_column_are_not_extra() -> None:
    """The job and the result type are not extra either. A record without extra fields has an empty text."""
    columns = {field.name: None for field in RECORD.columns}
    assert extra_fields_of(RECORD, {**columns, "job_id": "web", "result_type": "record"}) == ""
    assert extra_fields_of(INFLUENCER, {"influencer_field_name": "a", "influencer_score": 5.0}) == ""
    assert fields_to_text({}) == ""
    assert fields_from_texts(["", (), '{"a":1}']) == [{}, {}, {"a": 1}]
    assert fields_from_texts([]) == []


@pytest.mark.parametrize("event", [None, {}, {"ingested": 5, "x": [1]}, MappingProxyType({"ingested": "x"})], ids=repr)
def test_an_event_is_not_extra(event: Any) -> None:
    """An object has a field of its own, whatever is in it. The name with the dot is an unknown key."""
    assert read_back(a=1, event=event, **{"event.ingested": 5}) == {"a": 1, "event.ingested": 5}
    assert list(read_back(a=1, event=[5], b=2)) == ["a", "event", "b"]


def test_documented_parts_come_first_and_in_order() -> None:
    """Documented parts have a fixed order; unknown fields follow in the order of the document."""
    given = {"zebra": 1, "influencers": [], "apple": 2, "actual": [1], "typical": []}
    assert list(read_back(**given)) == ["typical", "actual", "influencers", "zebra", "apple"]
    assert list(read_back(**dict.fromkeys(given))) == ["zebra", "apple"]


def test_documented_parts_come_back_in_their_types() -> None:
    """Entries of lists of numbers become doubles; objects come back as they were."""
    causes = [{"probability": 1, "a": {"b": [None, True, -0.5, "é"]}}, {}]
    parts = read_back(
        typical=(1, np.float32(0.5)),
        actual=[-0.0],
        causes=causes,
        influencers=[{"influencer_field_name": None, "influencer_field_values": ("a", Text("b"))}, {"x": 1}],
        geo_results={"actual_point": "1,2"},
        anomaly_score_explanation=MappingProxyType({"anomaly_length": np.int64(3)}),
        correlated_by_field_value=Text("c"),
    )
    assert parts == {
        "correlated_by_field_value": "c",
        "typical": [1.0, 0.5],
        "actual": [0.0],
        "causes": causes,
        "influencers": [{"influencer_field_name": None, "influencer_field_values": ["a", "b"]}, {"x": 1}],
        "geo_results": {"actual_point": "1,2"},
        "anomaly_score_explanation": {"anomaly_length": 3},
    }
    assert json.dumps(parts["typical"] + parts["actual"]) == "[1.0, 0.5, 0.0]"


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        np.bool_(False),
        5,
        -(2**63),
        2**63 - 1,
        np.uint8(5),
        0.1,
        5e-324,
        1.7976931348623157e308,
        np.float64(0.5),
        "",
        "\ud800",
        "\x00\u2028",
        [],
        {},
        ([1, (2,)],),
        OrderedDict(b=1, a=[{}]),
        nested(DEEPEST),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_any_json_comes_back(value: Any) -> None:
    """The value that comes back has Python's own types and the same JSON text: 1, 1.0 and True stay apart."""
    found = read_back(unknown=value)["unknown"]
    expected = json.loads(json.dumps(value, default=lambda scalar: scalar.item()))
    assert json.dumps(found) == json.dumps(expected)
    assert not isinstance(found, np.generic)


class WithIntegerKey(Mapping[str, Any]):
    """A mapping that is not a dict, with a key that is not text."""

    def __getitem__(self, name: object) -> Any:
        return 5

    def __iter__(self) -> Any:
        return iter([5])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"typical": "5.0"}, "typical", "must be a number, not str"),
        ({"typical": np.array([5.0])}, "typical", "must be a number, not ndarray"),
        ({"actual": [1, "x"]}, "actual[1]", "must be a number, not str"),
        ({"actual": [float("nan")]}, "actual[0]", "must be a finite number, not nan"),
        ({"actual": [None]}, "actual[0]", "must be a number, not null"),
        ({"causes": 5}, "causes", "must be an object, not int"),
        ({"causes": {"actual": "5"}}, "causes.actual", "must be a number, not str"),
        ({"causes": [{"typical": True}]}, "causes[0].typical", "must be a number, not bool"),
        ({"causes": [{"influencers": "host"}]}, "causes[0].influencers", "must be an object, not str"),
        (
            {"causes": {"influencers": {"influencer_field_values": 5}}},
            "causes.influencers.influencer_field_values",
            "must be text, not int",
        ),
        ({"causes": [{}, 5]}, "causes[1]", "must be an object, not int"),
        ({"causes": [{"a": [object()]}]}, "causes[0].a[0]", "must be JSON, not object"),
        ({"causes": [{"probability": float("inf")}]}, "causes[0].probability", "must be a finite number, not inf"),
        ({"influencers": ["a"]}, "influencers[0]", "must be an object, not str"),
        (
            {"influencers": [{"influencer_field_name": 5}]},
            "influencers[0].influencer_field_name",
            "must be text, not int",
        ),
        (
            {"influencers": [{"influencer_field_values": 5}]},
            "influencers[0].influencer_field_values",
            "must be text, not int",
        ),
        (
            {"influencers": [{"influencer_field_values": ["a", None]}]},
            "influencers[0].influencer_field_values[1]",
            "must be text, not null",
        ),
        ({"geo_results": []}, "geo_results", "must be an object, not list"),
        ({"anomaly_score_explanation": {"x": 2**63}}, "anomaly_score_explanation.x", "outside the range of int64"),
        ({"correlated_by_field_value": 5}, "correlated_by_field_value", "must be text, not int"),
        ({"host.name": b"a"}, "host.name", "must be JSON, not bytes"),
        ({"host": {"name": {1, 2}}}, "host.name", "must be JSON, not set"),
        ({"host": {5: 1}}, "host", "must have text for its keys, not int"),
        ({"host": WithIntegerKey()}, "host", "must have text for its keys, not int"),
        ({"when": np.datetime64(0, "s")}, "when", "must be JSON, not datetime64"),
        ({"deep": nested(DEEPEST + 1)}, "deep" + "[0]" * DEEPEST, f"nested more than {DEEPEST} levels deep"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:40],
)
def test_wrong_types_and_values_that_are_not_json_are_refused(fields: dict[str, Any], path: str, reason: str) -> None:
    """The refusal has the path of the value."""
    unfit = refusal(**fields)
    assert (unfit.path, unfit.reason) == (path, reason)


SINGLE: dict[str, tuple[Any, Any]] = {
    "typical": (5, [5.0]),
    "actual": (Decimal("2.5"), [2.5]),
    "causes": ({"a": 1}, [{"a": 1}]),
    "influencers": ({"influencer_field_name": "host"}, [{"influencer_field_name": "host"}]),
}


@pytest.mark.parametrize(("name", "given", "stored"), [(name, *values) for name, values in SINGLE.items()])
def test_a_single_value_is_a_list_of_one(name: str, given: Any, stored: Any) -> None:
    """A missing value is left out, and an empty list stays one."""
    assert read_back(**{name: given})[name] == stored
    assert read_back(**{name: []})[name] == []
    for missing in (None, np.datetime64("NaT"), np.ma.masked):
        assert read_back(**{name: missing}) == {}


def test_a_single_value_inside_an_influencer_or_a_cause_is_a_list_of_one() -> None:
    """Keys keep their order, null stays null, and the lists of a cause are any JSON."""
    blamed = {"influencer_field_values": "a", "influencer_field_name": "host"}
    listed = {"influencer_field_values": ["a"], "influencer_field_name": "host"}
    assert read_back(influencers=[blamed, {"influencer_field_values": None}])["influencers"] == [
        listed,
        {"influencer_field_values": None},
    ]
    causes = [
        {"typical": 7, "b": 1, "actual": np.float32(0.5), "influencers": blamed},
        {"typical": None, "actual": ["x", True], "influencers": [5, blamed]},
    ]
    found = read_back(causes=causes)["causes"]
    assert found == [
        {"typical": [7.0], "b": 1, "actual": [0.5], "influencers": [listed]},
        {"typical": None, "actual": ["x", True], "influencers": [5, listed]},
    ]
    assert list(found[0]) == ["typical", "b", "actual", "influencers"]
    assert type(found[0]["typical"][0]) is float
    assert blamed["influencer_field_values"] == "a"


def test_a_list_that_contains_itself_is_refused() -> None:
    """A list that contains itself counts as nested too deeply."""
    endless: list[Any] = []
    endless.append(endless)
    assert refusal(x=endless).reason == f"nested more than {DEEPEST} levels deep"


def test_a_key_that_is_not_text_is_refused() -> None:
    """The keys of a document must be text, like the keys of a nested object."""
    document: Any = {5: 1}
    with pytest.raises(Unfit, match="must have text for its keys, not int"):
        extra_fields_of(RECORD, document)


def test_the_stored_value_is_a_copy() -> None:
    """The stored value shares no list or object with the given value."""
    given = [{"a": [1]}]
    found = json_value(given)
    assert found == given
    assert found[0]["a"] is not given[0]["a"]
    influencers = next(field for field in RECORD.parts if field.name == "influencers")
    assert part(influencers, given)[0] is not given[0]


class EqualToItselfOnly(str):
    """A key that no dict finds by its text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


@pytest.mark.parametrize("name", ["influencers", "actual", "timestamp", "by_field_value", "job_id"])
def test_a_documented_field_is_never_stored_as_an_unknown_one(name: str) -> None:
    """The text of a key decides, not its class: the field is checked by its rule, or refused."""
    document = {key: value for key, value in record(0).items() if key != name} | {EqualToItselfOnly(name): "x"}
    with contextlib.suppress(Unfit):
        assert name not in fields_from_texts([extra_fields_of(RECORD, document)])[0]


def test_a_path_is_short() -> None:
    """A path contains only the beginning of a long key, at the first level and below it."""
    for document in ({"k" * 1_000_000: object()}, {"x": {"k" * 1_000_000: object()}}):
        assert len(refusal(**document).path) < 1_000


class NumberOnce(float):
    """A float that converts to 1.0 the first time and to NaN after that."""

    conversions = 0

    def __float__(self) -> float:
        self.conversions += 1
        return 1.0 if self.conversions == 1 else float("nan")


def test_the_stored_number_is_the_checked_one() -> None:
    """A number is converted once."""
    assert read_back(x=NumberOnce(1)) == {"x": 1.0}
