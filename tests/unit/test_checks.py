"""Checks of one value: the form in which it is stored, or the reason and the path of a refusal."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery.ingest.checks import (
    Owner,
    Unfit,
    boolean,
    bucket_influencers,
    double,
    ingested,
    integer,
    items,
    keywords,
    listed,
    scalar,
    timestamp,
)
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET
from bucketquery.results.stored_influencer import DifferingInfluencer, StoredInfluencer

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
OWNER = Owner("web", 1_000, 300, is_interim=True)


def unfit(check: Callable[[], object]) -> Unfit:
    """The refusal that a check raises."""
    with pytest.raises(Unfit) as caught:
        check()
    assert str(caught.value) == caught.value.reason
    return caught.value


class NotATime(datetime):
    """A naive datetime of another library."""


TIMESTAMPS: list[tuple[Any, int]] = [
    (0, 0),
    (-1, -1),
    (FIRST_MS, FIRST_MS),
    (LAST_MS, LAST_MS),
    (5.0, 5),
    (np.int32(5), 5),
    (np.float32(5), 5),
    ("2020-01-01", 1_577_836_800_000),
    ("1970-01-01T01:00:00.0019+01:00", 1),
    (datetime(1970, 1, 1, 0, 0, 0, 1_999, tzinfo=UTC), 1),
    (np.datetime64(-1, "ns"), -1),
    (date(1970, 1, 2), 86_400_000),
    (Decimal("5.00"), 5),
    (np.array("1970-01-01"), 0),
    (np.array(5), 5),
]


@pytest.mark.parametrize(("value", "expected"), TIMESTAMPS, ids=lambda part: repr(part)[:40])
def test_a_timestamp_is_a_number_a_date_or_a_datetime(value: object, expected: int) -> None:
    """A timestamp in any of these forms is floored to milliseconds and stored as an int."""
    found = timestamp(value)
    assert found == expected
    assert type(found) is int


INVALID_TIMESTAMPS: list[tuple[Any, str]] = [
    (FIRST_MS - 1, "outside the years 0001 to 9999"),
    (LAST_MS + 1, "outside the years 0001 to 9999"),
    ("9999-12-31T23-01", "outside the years 0001 to 9999"),
    (np.datetime64("12000"), "outside the years 0001 to 9999"),
    (1_767_225_600_000_000, "outside the years 0001 to 9999: 1767225600000000, read as epoch milliseconds"),
    (Decimal(1767225600000000), "outside the years 0001 to 9999: "),
    (2**70, "outside the range of int64"),
    (5.5, "must be an integer, not 5.5"),
    (math.nan, "must be an integer, not nan"),
    (True, "must be epoch milliseconds, a calendar date or an aware datetime, not bool"),
    (None, "must be epoch milliseconds, a calendar date or an aware datetime, not null"),
    ([0], "must be epoch milliseconds, a calendar date or an aware datetime, not list"),
    ({"ms": 0}, "must be epoch milliseconds, a calendar date or an aware datetime, not dict"),
    ("2020", "must be a number, not text: give epoch milliseconds as a number, 2020 without quotes"),
    ("1577836800000", "give epoch milliseconds as a number, 1577836800000 without quotes; a date has a month, as in"),
    ("-1", "must be a number, not text: give epoch milliseconds as a number, -1 without quotes"),
    ("1" * 5_000, "as a number, 11111111111111111111 without quotes"),
    (Decimal("5.5"), "must be an integer, not 5.5"),
    (Decimal("1e99"), "outside the range of int64"),
    ("now", "must be a calendar date in ISO form, such as 2026-01-31T12:00:00Z, or epoch milliseconds, not ["),
    (
        "2020-01-01||+1d",
        "must be a calendar date in ISO form, such as 2026-01-31T12:00:00Z, or epoch milliseconds, not [",
    ),
    (
        "2020-01-01T00:00Europe/Paris",
        "must be a calendar date in ISO form, such as 2026-01-31T12:00:00Z, or epoch milliseconds, not [",
    ),
    ("2014-09-24 00:00:00", "epoch milliseconds, not [2014-09-24 00:00:00]"),
    ("x" * 200, f"epoch milliseconds, not [{'x' * 100}]"),
    ("", "must be a calendar date in ISO form, such as 2026-01-31T12:00:00Z, or epoch milliseconds, not ["),
    (datetime(2020, 1, 1), "a datetime must have a time zone"),  # noqa: DTZ001 - naive datetimes are refused
    (np.datetime64("NaT"), "a datetime64 must have a unit and not be NaT"),
    (np.timedelta64(5, "ms"), "an aware datetime, not timedelta64"),
    (b"2020-01-01", "an aware datetime, not bytes"),
    (NotATime(2020, 1, 1), "a datetime must have a time zone"),
]


@pytest.mark.parametrize(("value", "words"), INVALID_TIMESTAMPS, ids=lambda part: repr(part)[:40])
def test_any_other_timestamp_is_refused(value: object, words: str) -> None:
    """Text of digits, date math, `now` and dates outside the years 0001 to 9999 are not timestamps."""
    found = unfit(lambda: timestamp(value))
    assert words in found.reason
    assert found.path == ""


def test_an_integer_is_exact() -> None:
    """Floats without a fraction and NumPy's numbers are accepted. The range is that of int64."""
    values: list[Any] = [INT64_MIN, INT64_MAX, 2**53 + 1, np.uint64(5), 5.0, np.float16(5), -0.0, -(2.0**63)]
    for value in values:
        found = integer(value, None)
        assert found == value
        assert type(found) is int
    others: list[Any] = [INT64_MAX + 1, INT64_MIN - 1, 2.0**63, np.uint64(2**63), 0.5, math.inf, "5", True, None, 5j]
    for value in others:
        assert unfit(lambda: integer(value, None)).value is value  # noqa: B023 - called at once


def test_an_integer_may_have_a_minimum() -> None:
    """The minimum itself is allowed."""
    assert integer(1, 1) == 1
    assert unfit(lambda: integer(0, 1)).reason == "must be at least 1, not 0"


def test_a_double_is_finite() -> None:
    """Any finite number is stored as a float; -0.0 becomes 0.0."""
    values: list[Any] = [0, 5, 2**1000, -1e308, 5e-324, np.float32(0.5), np.int8(3)]
    for value in values:
        found = double(value)
        assert found == value
        assert type(found) is float
    assert math.copysign(1.0, double(-0.0)) == 1.0
    others: list[Any] = [
        math.nan,
        math.inf,
        -math.inf,
        2**1024,
        "5",
        True,
        None,
        np.timedelta64(5, "s"),
        np.longdouble("1e4000"),
    ]
    for value in others:
        assert unfit(lambda: double(value)).value is value  # noqa: B023 - called at once


def test_a_boolean_is_true_or_false() -> None:
    """Booleans of Python and of NumPy are accepted and stored as Python's."""
    found = [boolean(value) for value in (True, np.True_, False, np.False_)]
    assert [str(value) for value in found] == ["True", "True", "False", "False"]
    assert all(type(value) is bool for value in found)
    others: list[tuple[Any, str]] = [
        (1, "1"),
        (np.int8(0), "0"),
        (1.0, "1.0"),
        ("true", "text [true]"),
        ("x" * 1000, f"text [{'x' * 100}]"),
        (None, "null"),
        ([], "list"),
        (10**5000, "int"),
    ]
    for value, shown in others:
        assert unfit(lambda: boolean(value)).reason == f"must be true or false, not {shown}"  # noqa: B023 - called at once


def test_keywords_are_texts_in_a_list() -> None:
    """Keywords are stored as a tuple of `str`. The error names an entry that is not text."""

    class Text(str):
        __slots__ = ()

    found = keywords([Text("a"), ""])
    assert found == ("a", "")
    assert [type(text) for text in found] == [str, str]
    assert keywords(()) == ()
    assert keywords("ab") == ("ab",)
    assert unfit(lambda: keywords(["a", None])).path == "[1]"
    for value in (None, {"a"}, np.array(["a"]), 5):
        error = unfit(lambda: keywords(value, ".events"))  # noqa: B023 - called at once
        assert (error.reason.startswith("must be text, not "), error.path) == (True, ".events")


def test_scalar_checks_by_the_type_of_the_field() -> None:
    """`scalar` also checks the minimum of the field."""
    assert scalar(BUCKET.by_name["timestamp"], "1970-01-01") == 0
    assert unfit(lambda: scalar(BUCKET.by_name["bucket_span"], 0)).value == 0
    assert scalar(BUCKET.by_name["event_count"], -5.0) == -5
    assert scalar(BUCKET.by_name["anomaly_score"], 5) == 5.0
    assert scalar(BUCKET.by_name["is_interim"], np.True_) is True


def test_only_required_fields_must_be_given() -> None:
    """The missing values of other libraries count as None. Only a field that is not required may have them."""
    for missing in (None, np.datetime64("NaT"), np.ma.masked):
        assert scalar(BUCKET.by_name["event_count"], missing) is None
        error = unfit(lambda: scalar(BUCKET.by_name["timestamp"], missing))  # noqa: B023 - called at once
        assert (error.reason, error.value, error.path) == ("is required", None, "")


def test_the_error_has_the_given_value() -> None:
    """It is the caller's own object, not its base form."""
    for name, value in (("anomaly_score", np.str_("5")), ("event_count", np.float32(0.5)), ("is_interim", np.int8(1))):
        assert unfit(lambda: scalar(BUCKET.by_name[name], value)).value is value  # noqa: B023 - called at once


def test_the_owner_is_the_bucket_of_a_row() -> None:
    """The columns may be lists or arrays; a bucket without `is_interim` is final."""
    columns: dict[str, list[Any]] = {"timestamp": [5, 9], "bucket_span": [60, 300], "is_interim": [True, None]}
    assert Owner.at(0, "web", columns) == Owner("web", 5, 60, is_interim=True)
    assert Owner.at(1, "web", columns) == Owner("web", 9, 300, is_interim=False)
    found = Owner.at(0, "web", {name: np.array(values) for name, values in columns.items()})
    assert found == Owner("web", 5, 60, is_interim=True)
    assert [type(part) for part in found] == [str, int, int, bool]


def test_listed_checks_by_the_type_of_the_field() -> None:
    """`scheduled_events` is a list of texts, and `bucket_influencers` is a list of influencers."""
    owner = Owner("web", 0, 300, is_interim=False)
    assert listed(BUCKET.by_name["scheduled_events"], ["a"], owner) == ("a",)
    (nested,) = listed(BUCKET.by_name["bucket_influencers"], [{"timestamp": 0}], owner)
    assert nested == StoredInfluencer(None, 0.0, 0.0, 0.0, 0.0, is_interim=False)


def test_a_nested_influencer_has_defaults() -> None:
    """Scores default to 0, `is_interim` to the bucket's, and the name to None; unknown keys are dropped."""
    given = MappingProxyType({"unknown": 1})
    assert bucket_influencers([given], OWNER) == (StoredInfluencer(None, 0.0, 0.0, 0.0, 0.0, is_interim=True),)
    full = {
        "job_id": "web",
        "result_type": "bucket_influencer",
        "influencer_field_name": "host",
        "initial_anomaly_score": 1,
        "anomaly_score": 2,
        "raw_anomaly_score": -3.5,
        "probability": 1e-308,
        "timestamp": "1970-01-01T00:00:01Z",
        "bucket_span": 300.0,
        "is_interim": False,
    }
    before = dict(full)
    expected = StoredInfluencer("host", 1.0, 2.0, -3.5, 1e-308, is_interim=False)
    assert bucket_influencers((full, full), OWNER) == (expected, expected)
    assert full == before
    assert [type(score) for score in expected[1:5]] == [float] * 4
    assert bucket_influencers([dict.fromkeys(full)], OWNER) == bucket_influencers([{}], OWNER)


#: Values of its own that an influencer may have, as fields of `DifferingInfluencer`.
OWN_VALUES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"job_id": "db"}, {"job_id": "db"}),
    ({"timestamp": 0}, {"timestamp": 0}),
    ({"timestamp": "1970-01-01T00:00:01.001Z"}, {"timestamp": 1_001}),
    ({"bucket_span": 60.0}, {"bucket_span": 60}),
    ({"event": {"ingested": 0}}, {"event_ingested": 0}),
    ({"event": MappingProxyType({"ingested": "1969-12-31", "kind": 5})}, {"event_ingested": -86_400_000}),
    ({"job_id": "db", "timestamp": -5, "bucket_span": 1}, {"job_id": "db", "timestamp": -5, "bucket_span": 1}),
]


@pytest.mark.parametrize(("given", "own"), OWN_VALUES, ids=lambda part: repr(part)[:40])
def test_an_influencer_keeps_values_of_its_own(given: dict[str, Any], own: dict[str, Any]) -> None:
    """Only the values that differ from its bucket's are stored, even if it repeats all the others."""
    plain = StoredInfluencer("host", 0.0, 2.0, 0.0, 0.0, is_interim=True)
    nothing = {"job_id": None, "timestamp": None, "bucket_span": None, "event_ingested": None}
    expected = DifferingInfluencer(*plain, **{**nothing, **own})
    shared = {"influencer_field_name": "host", "anomaly_score": 2}
    of_bucket = {"job_id": "web", "timestamp": 1_000, "bucket_span": 300, "event": {}}
    found = bucket_influencers([{**shared, **given}, {**of_bucket, **shared, **given}, {**of_bucket, **shared}], OWNER)
    assert found == (expected, expected, plain)
    assert [type(each) for each in found] == [DifferingInfluencer, DifferingInfluencer, StoredInfluencer]
    assert found[0].within("web", 1_000, 300) == (
        own.get("job_id", "web"),
        own.get("timestamp", 1_000),
        own.get("bucket_span", 300),
        *plain,
        own.get("event_ingested"),
    )


NO_INSTANTS: list[Any] = [
    None,
    np.datetime64("NaT"),
    {},
    {"ingested": None},
    {"ingested": np.datetime64("NaT")},
    {"INGESTED": 5},
    MappingProxyType({"kind": []}),
]


@pytest.mark.parametrize("event", NO_INSTANTS, ids=repr)
def test_an_event_or_its_instant_may_be_missing(event: Any) -> None:
    """Other keys of an event do not count."""
    assert ingested(event) is None


@pytest.mark.parametrize(("value", "expected"), TIMESTAMPS, ids=lambda part: repr(part)[:40])
def test_an_event_has_an_instant(value: object, expected: int) -> None:
    """It accepts what a timestamp accepts."""
    found = ingested({"ingested": value})
    assert found == expected
    assert type(found) is int


@pytest.mark.parametrize("event", [[], (), "", "2020-01-01", 5, 0, True], ids=repr)
def test_an_event_is_an_object(event: object) -> None:
    """The path of the refusal is that of the event."""
    refusal = unfit(lambda: ingested(event, "[3].event"))
    assert (refusal.path, refusal.value) == ("[3].event", event)
    assert refusal.reason.startswith("must be an object, not ")
    bad = unfit(lambda: ingested({"ingested": True}, "[3].event"))
    assert (bad.path, bad.value) == ("[3].event.ingested", True)
    assert bad.reason == unfit(lambda: timestamp(True)).reason


BAD_INFLUENCERS: list[tuple[Any, str]] = [
    ("text", "[0]"),
    (None, "[0]"),
    ({"job_id": "-db"}, "[0].job_id"),
    ({"job_id": 5}, "[0].job_id"),
    ({"result_type": "bucket"}, "[0].result_type"),
    ({"influencer_field_name": 5}, "[0].influencer_field_name"),
    ({"initial_anomaly_score": "5"}, "[0].initial_anomaly_score"),
    ({"anomaly_score": math.nan}, "[0].anomaly_score"),
    ({"raw_anomaly_score": True}, "[0].raw_anomaly_score"),
    ({"probability": []}, "[0].probability"),
    ({"timestamp": LAST_MS + 1}, "[0].timestamp"),
    ({"timestamp": "now"}, "[0].timestamp"),
    ({"bucket_span": 0}, "[0].bucket_span"),
    ({"bucket_span": "300"}, "[0].bucket_span"),
    ({"is_interim": 1}, "[0].is_interim"),
    ({"event": "today"}, "[0].event"),
    ({"event": []}, "[0].event"),
    ({"event": {"ingested": "now"}}, "[0].event.ingested"),
    ({"event": {"ingested": []}}, "[0].event.ingested"),
]


@pytest.mark.parametrize(("entry", "path"), BAD_INFLUENCERS, ids=lambda part: repr(part)[:40])
def test_a_bad_influencer_is_named_by_its_path(entry: object, path: str) -> None:
    """The path has the influencer's position and the bad key. Its own values must be those that a bucket may have."""
    assert unfit(lambda: bucket_influencers([entry], OWNER)).path == path
    assert unfit(lambda: bucket_influencers([{}, entry], OWNER)).path == path.replace("[0]", "[1]")


def test_influencers_are_a_list_or_a_single_one() -> None:
    """A single influencer is a list of one, and its path has no position. An empty list is accepted."""
    assert bucket_influencers({"anomaly_score": 5}, OWNER) == bucket_influencers([{"anomaly_score": 5}], OWNER)
    assert bucket_influencers([], OWNER) == ()
    assert unfit(lambda: bucket_influencers({"probability": "x"}, OWNER)).path == ".probability"
    error = unfit(lambda: bucket_influencers("host", OWNER))
    assert (error.reason, error.path) == ("must be an object, not str", "")


def test_a_missing_value_of_an_influencer_may_be_that_of_another_library() -> None:
    """Each field of an influencer may be missing, and a bad value beside a missing one is still refused."""
    gap = np.datetime64("NaT")
    full = dict.fromkeys(StoredInfluencer._fields, gap) | {"job_id": gap, "timestamp": gap, "result_type": gap}
    assert bucket_influencers([full], OWNER) == bucket_influencers([{}], OWNER)
    assert bucket_influencers([{"anomaly_score": np.ma.masked, "probability": 0.5}], OWNER)[0].probability == 0.5
    assert unfit(lambda: bucket_influencers([{"probability": "x", "timestamp": gap}], OWNER)).path == "[0].probability"


class Misleading(list[Any]):
    """A list that reports a wrong length, and yields other items than it holds."""

    def __init__(self, items: list[Any], length: int) -> None:
        super().__init__(["hidden"] * 3)
        self.items = items
        self.length = length

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __len__(self) -> int:
        return self.length

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


def test_the_items_of_a_list_are_those_that_it_yields() -> None:
    """The length and the truth of a subclass do not count, and neither does what the list holds."""
    assert items(Misleading(["a", "b"], 0), "x") == [("a", "x[0]"), ("b", "x[1]")]
    assert items(Misleading([], 2**62), "x") == []
    assert listed(BUCKET.by_name["scheduled_events"], Misleading([], 5), OWNER) == ()


def test_a_missing_list_is_empty() -> None:
    """The missing values of other libraries are no single values."""
    for value in (None, np.datetime64("NaT"), np.ma.masked, np.array(None)):
        assert listed(BUCKET.by_name["scheduled_events"], value, OWNER) == ()
        assert listed(BUCKET.by_name["bucket_influencers"], value, OWNER) == ()
