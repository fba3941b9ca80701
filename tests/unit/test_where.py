"""Entity filters as values: which names and values `read_where` takes, and the one form that it returns."""

from collections import UserDict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, SCHEMAS, Schema
from bucketquery.queries.queries import RecordQuery
from bucketquery.queries.where import MOST_FIELDS, MOST_VALUES, filtered_schema, read_where

each_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())


def refusal(where: Any, schema: Schema = RECORD) -> InvalidQuery:
    """The error of a filter that must be refused; its field is always `where`."""
    with pytest.raises(InvalidQuery) as caught:
        read_where(schema, where)
    assert caught.value.field == "where"
    return caught.value


def test_buckets_are_filtered_by_records() -> None:
    """The other kinds are filtered by their own fields."""
    assert [filtered_schema(schema) for schema in (BUCKET, RECORD, INFLUENCER)] == [RECORD, RECORD, INFLUENCER]


@each_schema
@pytest.mark.parametrize("where", [None, {}, (), MappingProxyType({})], ids=repr)
def test_no_fields_are_no_filter(schema: Schema, where: Any) -> None:
    """None, an empty mapping and the stored form of no filter are the same."""
    assert read_where(schema, where) == ()


@each_schema
def test_the_form_is_sorted_and_has_each_value_once(schema: Schema) -> None:
    """Names ascend, values ascend, None comes last; the form is read as itself."""
    where = read_where(schema, UserDict({"b": ["y", None, "x", "y"], "a": "z", "c": [], "d": None}))
    assert where == (("a", ("z",)), ("b", ("x", "y", None)), ("c", ()), ("d", (None,)))
    assert read_where(schema, where) == where


def test_the_values_of_a_detector_are_integers() -> None:
    """They ascend as numbers, not as text."""
    assert read_where(RECORD, {"detector_index": [10, 9, np.int8(-1), 9]}) == (("detector_index", (-1, 9, 10)),)
    assert read_where(BUCKET, {"detector_index": 0}) == (("detector_index", (0,)),)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(np.str_("a"), id="text of NumPy"),
        pytest.param(np.array("a"), id="an array without dimensions"),
        pytest.param(np.array(["a"]), id="an array"),
        pytest.param(iter(["a"]), id="an iterator"),
        pytest.param({"a"}, id="a set"),
        pytest.param({"a": 5}.keys(), id="keys"),
    ],
)
def test_text_counts_by_its_base_type(given: Any) -> None:
    """The stored value is built-in text."""
    ((_, (value,)),) = read_where(RECORD, {"host": given})
    assert (type(value), value) == (str, "a")


def test_each_kind_has_its_own_names() -> None:
    """Any keyword field of the kind and any data field is a name; other documented keys are not."""
    for schema, names in (
        (RECORD, ("by_field_name", "function", "detector_index", "host")),
        (BUCKET, ("over_field_value", "function_description", "detector_index", "host")),
        (INFLUENCER, ("influencer_field_name", "influencer_field_value", "host")),
    ):
        for name in names:
            assert read_where(schema, {name: []}) == ((name, ()),)
    for schema, names in (
        (RECORD, ("influencer_field_name", "record_score", "event", "typical")),
        (BUCKET, ("influencer_field_name", "anomaly_score", "event_count", "timestamp")),
        (INFLUENCER, ("function", "detector_index", "by_field_value", "influencer_score")),
    ):
        for name in names:
            assert f"cannot filter {filtered_schema(schema).plural} by [{name}]" in refusal({name: []}, schema).reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("job_id", "; use the parameter [jobs]"),
        ("timestamp", "; use the parameter [start] and [end]"),
        ("@timestamp", "; use the parameter [start] and [end]"),
        ("event.ingested", "by [event.ingested]"),
        ("is_interim", "; use the parameter [exclude_interim]"),
        ("record_score", "; use the parameter [record_score]"),
        ("probability", "by [probability]"),
        ("anomaly_score", "by [anomaly_score]"),
        ("records", "by [records]"),
    ],
)
def test_the_message_names_the_parameter_to_use(name: str, shown: str) -> None:
    """If another parameter filters by the field, the message ends with it."""
    error = refusal({name: "a"})
    assert error.reason.endswith(shown)
    assert error.value == {name: "a"}


@pytest.mark.parametrize(
    "where", ["host", b"host", 5, ["host"], [("host", "a")], ("host", "a"), (("host",),), {"host"}]
)
def test_only_a_mapping_is_a_filter(where: Any) -> None:
    """A list of pairs is none, nor is a tuple that has not the stored form."""
    assert refusal(where).reason == f"[where] must be a mapping of fields to values, not {type(where).__name__}"


class Items(dict[str, Any]):
    """A mapping with any items."""

    def __init__(self, items: Any) -> None:
        super().__init__()
        self._items = items

    def items(self) -> Any:
        """The items that were given."""
        return self._items


@pytest.mark.parametrize("items", [[("a", "b", "c")], [5], None, ["ab"], 5])
def test_the_items_of_a_mapping_are_pairs(items: Any) -> None:
    """A class that gives other items is no mapping of fields to values."""
    assert refusal(Items(items)).reason == "[where] must be a mapping of fields to values, not Items"


def test_a_number_that_no_record_has_is_left_out() -> None:
    """Then the query can be printed, and has a cursor."""
    query = RecordQuery(jobs="web", where={"detector_index": [0, 10**5000]})
    assert query.where == (("detector_index", (0,)),)
    assert "detector_index" in repr(query)
    assert RecordQuery(jobs="web", where={"detector_index": 2**63}).where == (("detector_index", ()),)


def test_the_names_are_texts() -> None:
    """Any other key is refused by the name of its class."""
    for key in (5, None, b"host", ("a",)):
        assert refusal({key: "a"}).reason.endswith(f"not {type(key).__name__}")


def test_a_name_is_given_once() -> None:
    """The stored form could have a name twice, and so could a mapping whose keys are of another class."""
    assert refusal((("host", ("a",)), ("host", ("b",)))).reason == "[where] has [host] twice"


@pytest.mark.parametrize(
    "given", [5, True, 1.5, b"a", bytearray(b"a"), memoryview(b"a"), {"a": 1}, [5], [["a"]], object()]
)
def test_a_text_field_takes_text_and_none_only(given: Any) -> None:
    """A single value or an entry of another type is refused, and the path of the field is in the message."""
    assert "[where.host]" in refusal({"host": given}).reason


@pytest.mark.parametrize("given", ["0", None, True, 1.0, [0, None], ["0"], [False], {0: 0}])
def test_a_detector_takes_integers_only(given: Any) -> None:
    """Text, None, booleans and floats are refused."""
    assert "[where.detector_index]" in refusal({"detector_index": given}).reason


def test_the_numbers_of_fields_and_of_values_are_bounded() -> None:
    """The values of all fields count together, with repeats; the bounds themselves are allowed."""
    fields: dict[str, Any] = {f"f{number:03}": "a" for number in range(MOST_FIELDS)}
    assert len(read_where(RECORD, fields)) == MOST_FIELDS
    assert read_where(RECORD, {"host": ["a"] * (MOST_VALUES - 1), "user": None}) == (
        ("host", ("a",)),
        ("user", (None,)),
    )
    for where, what in (
        ({**fields, "more": "a"}, "100 fields"),
        ((*((name, ()) for name in fields), ("more", ())), "100 fields"),
        ({"host": ["a"] * (MOST_VALUES + 1)}, "10000 values"),
        ({"host": ["a"] * MOST_VALUES, "user": None}, "10000 values"),
        ({"host": ["a"] * MOST_VALUES, "user": ["a"]}, "10000 values"),
    ):
        with pytest.raises(LimitExceeded, match=what) as caught:
            read_where(RECORD, where)
        assert caught.value.field == "where"


class Endless(Mapping[str, str]):
    """A mapping without an end."""

    def __getitem__(self, name: str) -> str:
        """Return the same value for every name."""
        return "a"

    def __iter__(self) -> Iterator[str]:
        """Yield names without an end."""
        number = 0
        while True:
            yield f"f{number}"
            number += 1

    def __len__(self) -> int:
        """Return a length that says nothing."""
        return 1


def test_no_more_than_the_bounds_are_read() -> None:
    """A mapping and an iterable without an end are refused."""
    with pytest.raises(LimitExceeded, match="100 fields"):
        read_where(RECORD, Endless())
    with pytest.raises(LimitExceeded, match="10000 values"):
        read_where(RECORD, {"host": iter(lambda: "a", None)})
