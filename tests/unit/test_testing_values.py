"""The values of the reference answer: plain values, numbers, instants, lists, JSON."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery.testing.values import double, ingested_ms, instant_ms, integer, json_value, listed, plain, timestamp_ms

MIDNIGHT = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class Number(IntEnum):
    """Integers with names."""

    FIVE = 5


class Word(str, Enum):  # noqa: UP042 - its `str` is another text, which is the point
    """Texts with names."""

    A = "a"


def boxed(value: Any) -> Any:
    """The value in an array of objects without dimensions."""
    box = np.empty((), object)
    box[()] = value
    return box


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (5.5, 5.5),
        ("a", "a"),
        (np.bool_(True), True),
        (np.int8(5), 5),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.str_("a"), "a"),
        (Number.FIVE, 5),
        (Word.A, "a"),
        (np.array(5), 5),
        (np.array(True), True),
        (np.array("a"), "a"),
        (boxed(Word.A), "a"),
        (boxed(np.array(5)), 5),
        (np.datetime64("NaT"), None),
        (np.array("NaT", "datetime64[ms]"), None),
    ],
    ids=repr,
)
def test_values_count_by_the_base_type_of_their_class(given: Any, expected: Any) -> None:
    """20.values: a value of another class is the plain value of its base type."""
    assert (plain(given), type(plain(given))) == (expected, type(expected))


@pytest.mark.parametrize(
    "given", [Decimal("0.5"), np.datetime64(0, "ms"), datetime(2026, 1, 1, tzinfo=UTC), {"a": 1}, [1]]
)
def test_other_values_stay(given: Any) -> None:
    """20.values: decimals, instants and containers stay as they are, because their field says what they mean."""
    assert plain(given) is given


@pytest.mark.parametrize("name", ["NA", "NaT"])
def test_gaps_of_pandas_are_missing(name: str) -> None:
    """20.values: the missing values of pandas are missing, although they are neither equal nor unequal to None."""
    gap = getattr(pytest.importorskip("pandas"), name)
    assert (plain(gap), plain(boxed(gap)), double(gap), integer(gap), instant_ms(gap), listed(gap)) == (
        None,
        None,
        0.0,
        0,
        None,
        [],
    )


def test_numbers_are_exact() -> None:
    """20.documents: a double is the nearest one, an integer is exact, and -0.0 is 0.0."""
    assert (double(Decimal("0.1")), double(Decimal("4.9E-324")), double(2**53 + 1)) == (0.1, 5e-324, 2.0**53)
    assert math.copysign(1.0, double(-0.0)) == math.copysign(1.0, double(Decimal("-0.0"))) == 1.0
    assert integer(Decimal("9007199254740993.0")) == 2**53 + 1
    assert (integer(5.0), integer(np.array(5.0)), integer(None)) == (5, 5, 0)
    assert type(integer(Number.FIVE)) is int


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [
        (MIDNIGHT, MIDNIGHT),
        (float(MIDNIGHT), MIDNIGHT),
        (Decimal(MIDNIGHT), MIDNIGHT),
        (np.array(MIDNIGHT), MIDNIGHT),
        (Number.FIVE, 5),
        ("2026-01-01", MIDNIGHT),
        ("2026-01-01T01:00:00.0019+01:00", MIDNIGHT + 1),
        ("1969-12-31T23:59:59.9999Z", -1),
        (np.str_("2026-01-01T00:00"), MIDNIGHT),
        (date(2026, 1, 1), MIDNIGHT),
        (date(1, 1, 1), -62_135_596_800_000),
        (datetime(2026, 1, 1, tzinfo=UTC), MIDNIGHT),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), MIDNIGHT),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (np.datetime64("2026-01-01"), MIDNIGHT),
        (np.datetime64("2026", "Y"), MIDNIGHT),
        (np.datetime64(-1, "ns"), -1),
        (np.datetime64(1_999_999, "ns"), 1),
        (boxed(date(2026, 1, 1)), MIDNIGHT),
        (None, None),
        (np.datetime64("NaT"), None),
    ],
    ids=repr,
)
def test_instants_are_milliseconds_rounded_down(given: Any, milliseconds: int | None) -> None:
    """20.types: every kind of instant is one in epoch milliseconds, rounded down; a date is its midnight in UTC."""
    assert instant_ms(given) == milliseconds
    if milliseconds is not None:
        assert timestamp_ms({"timestamp": given}) == milliseconds


@pytest.mark.parametrize(
    ("event", "milliseconds"),
    [
        ({"ingested": 5}, 5),
        ({"ingested": "2026-01-01", "created": "x"}, MIDNIGHT),
        (MappingProxyType({"ingested": np.int64(5)}), 5),
        (boxed({"ingested": 5}), 5),
        ({"ingested": None}, None),
        ({}, None),
        (None, None),
        ("login", None),
        (["login"], None),
        ([{"ingested": 5}], None),
        (np.datetime64("NaT"), None),
    ],
    ids=repr,
)
def test_only_an_object_has_an_instant(event: Any, milliseconds: int | None) -> None:
    """20.event: `event` is an object with `ingested`; anything else has no instant."""
    assert ingested_ms({"event": event}) == milliseconds
    assert ingested_ms({"event.ingested": 5}) is None


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ([1, 2], [1, 2]),
        ((), []),
        (5, [5]),
        ("a", ["a"]),
        ("", [""]),
        ({}, [{}]),
        (0, [0]),
        (None, []),
        (np.array(5), [5]),
        ([None], [None]),
    ],
    ids=repr,
)
def test_a_single_value_is_a_list_of_one(given: Any, items: list[Any]) -> None:
    """20.single-values: lists and tuples have their items, another value is the only item, null has none."""
    assert listed(given) == items


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Decimal(5), 5),
        (Decimal("5.0"), 5.0),
        (Decimal("5E+1"), 50),
        (Decimal("1.7E-4"), 0.00017),
        (Decimal("1E-400"), 0.0),
        (-0.0, -0.0),
        ((1, (np.int8(2), None)), [1, [2, None]]),
        ({"b": np.array(1.0), "a": [Word.A]}, {"b": 1.0, "a": ["a"]}),
        (MappingProxyType({Word.A: np.datetime64("NaT")}), {"a": None}),
    ],
    ids=repr,
)
def test_json_keeps_integers_floats_and_the_order_of_keys(given: Any, expected: Any) -> None:
    """20.values: a decimal without a written fraction is an integer; 1 and 1.0 differ, and -0.0 stays."""
    assert repr(json_value(given)) == repr(expected)


def test_copies_share_nothing() -> None:
    """A copy in JSON's types shares no list or object with the given value."""
    given: dict[str, Any] = {"a": [{"b": []}]}
    copy = json_value(given)
    copy["a"][0]["b"].append(1)
    assert given == {"a": [{"b": []}]}
