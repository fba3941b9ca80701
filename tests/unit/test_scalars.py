"""Base forms: a value counts by the base type of its class, and none of its own methods is called."""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any, Never

import numpy as np
import pytest

from bucketquery.model.scalars import base_form, base_or_none, is_missing, iterator_of


def refuse(*_: object) -> Never:
    """Stand for a method that must not be called."""
    raise RuntimeError("no method of the caller's class is called")


METHODS = ["bool", "str", "int", "index", "float", "eq", "ne", "lt", "len", "iter", "getitem", "getattr", "array"]
#: Methods that raise, for classes that derive from a base type. Text of such a class has no hash.
REFUSING: dict[str, Any] = {f"__{name}__": refuse for name in METHODS} | {"__hash__": None}
REFUSING |= dict.fromkeys(["adjusted", "is_finite", "item", "ndim", "__module__"], refuse)


class Mixed:
    """Another base of a class. Its layout in memory comes before that of the base type."""


def hostile(base: type, value: Any) -> Any:
    """A value of a subclass of a base type, all of whose methods raise."""
    return type("Hostile", (Mixed, base), REFUSING)(value)


class Kind(str, Enum):  # noqa: UP042 - not the same as a StrEnum
    """Text as an enumeration."""

    BUCKET = "bucket"


class Name(StrEnum):
    """The same as a StrEnum."""

    BUCKET = "bucket"


class Size(IntEnum):
    """Integers as an enumeration."""

    FIVE = 5


class Half(float, Enum):
    """Floats as an enumeration."""

    HALF = 0.5


def holding(value: Any) -> Any:
    """An array without dimensions that holds one object."""
    array = np.empty((), dtype=np.object_)
    array[()] = value
    return array


BASES: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (5, 5),
    (0.5, 0.5),
    ("web", "web"),
    (hostile(str, "web"), "web"),
    (Kind.BUCKET, "bucket"),
    (Name.BUCKET, "bucket"),
    (np.str_("web"), "web"),
    (hostile(int, 5), 5),
    (Size.FIVE, 5),
    (hostile(float, 0.5), 0.5),
    (Half.HALF, 0.5),
    (np.bool_(1), True),
    (np.int8(-5), -5),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (hostile(np.int16, 5), 5),
    (hostile(np.float32, 0.5), 0.5),
    (hostile(np.float64, 0.5), 0.5),
    (np.float16(0.5), 0.5),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.float64(0.5), 0.5),
    (Decimal("0.10"), Decimal("0.10")),
    (hostile(Decimal, "0.10"), Decimal("0.10")),
    (np.array(5), 5),
    (np.array(np.True_), True),
    (np.array("web"), "web"),
    (holding(hostile(str, "web")), "web"),
    (np.array(None), None),
    (np.array(7).view(type("Hostile", (np.ndarray,), REFUSING)), 7),
    (np.ma.array(5), 5),
    (np.array("2026", dtype="M8[ms]"), np.datetime64("2026", "ms")),
]


@pytest.mark.parametrize(("value", "base"), BASES, ids=lambda part: type(part).__name__)
def test_a_value_counts_by_the_base_type_of_its_class(value: object, base: object) -> None:
    """The base form is exactly of the base type, and no method of the value's class is called."""
    found = base_form(value)
    assert type(found) is type(base)
    assert found == base
    assert base_or_none(value) == base


def test_a_nan_stays_a_nan() -> None:
    """NaN is a number, and is not missing."""
    for value in (math.nan, np.float32("nan"), np.array(math.nan)):
        assert math.isnan(base_form(value))
        assert math.isnan(base_or_none(value))


def test_every_other_value_stays_as_it_is() -> None:
    """Instants, containers, time spans, complex numbers, and arrays with dimensions or with another array in them."""
    for inner in (np.array(5), np.array([5])):
        outer = holding(inner)
        assert base_form(outer) is outer
    itself = holding(None)
    itself[()] = itself
    assert base_form(itself) is itself
    values: list[Any] = [
        datetime(2026, 1, 1, tzinfo=UTC),
        date(2026, 1, 1),
        np.datetime64("2026"),
        np.timedelta64(5, "s"),
        timedelta(5),
        5j,
        np.complex128(5),
        np.bytes_(b"a"),
        b"a",
        Fraction(5),
        np.longdouble(5),
        np.array([5]),
        np.array([]),
        [5],
        {},
        object(),
        hostile(np.longdouble, 5),
        hostile(np.timedelta64, 5),
        hostile(tuple, ()),
    ]
    for value in values:
        assert base_form(value) is value
        assert base_or_none(value) is value


def pandas_type(name: str, *bases: type) -> Any:
    """A value of a class with the name and the module of one of pandas."""
    return type(name, bases, {"__module__": "pandas._libs.tslibs.nattype"})


GAPS: dict[str, Any] = {
    "none": None,
    "na": pandas_type("NAType")(),
    "nat": pandas_type("NaTType", datetime)(1, 1, 1),
    "nat of numpy": np.datetime64("NaT"),
    "nat in ns": np.datetime64("NaT", "ns"),
    "nat in an array": np.array("NaT", dtype="M8[ms]"),
    "masked": np.ma.masked,
    "masked in an array": np.ma.array(5, mask=True),
    "none in an array": np.array(None),
}


@pytest.mark.parametrize("value", GAPS.values(), ids=GAPS.keys())
def test_the_missing_values_of_other_libraries_are_missing(value: object) -> None:
    """Pandas need not be installed: its missing values are recognised by the names of their types."""
    assert is_missing(base_form(value))
    assert base_or_none(value) is None


def test_no_other_value_is_missing() -> None:
    """NaN, empty values, and the classes of another library with such a name are not missing."""
    elsewhere = type("NAType", (), {"__module__": "pandasql.missing"})()
    values: list[Any] = [math.nan, 0, "", "NaT", False, [], {}, np.timedelta64("NaT"), datetime(1, 1, 1), elsewhere]  # noqa: DTZ001 - naive
    assert not any(is_missing(value) for value in values)


def test_the_missing_values_of_pandas_are_missing() -> None:
    """The real missing values of pandas are recognised, too."""
    pd = pytest.importorskip("pandas")
    assert [base_or_none(value) for value in (pd.NA, pd.NaT, pd.NaT.to_datetime64())] == [None] * 3
    assert base_form(pd.NA) is pd.NA


def test_an_iterator_is_not_read() -> None:
    """The base form of an iterator is the iterator itself."""

    def numbers() -> Iterator[int]:
        yield 5

    given = numbers()
    assert base_form(given) is given
    assert list(given) == [5]


def test_a_value_is_iterable_if_it_has_an_iterator() -> None:
    """The class of an array has the method, also if the array has no dimensions."""
    iterable: list[Any] = [[1], "a", np.array([1]), iter([1])]
    assert [next(iterator_of(value) or iter([0])) for value in iterable] == [1, "a", 1, 1]
    assert [iterator_of(value) for value in (5, None, np.array(5), np.ma.masked)] == [None] * 4
