"""Numbers: Python's and NumPy's integers and floats count as numbers; booleans and time spans do not."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bucketquery.model.numbers import is_integer, is_real

INTEGERS: list[Any] = [0, -1, 2**70, np.int8(3), np.uint64(2**64 - 1)]
FLOATS: list[Any] = [0.0, float("nan"), float("inf"), np.float16(1), np.float32(1), np.float64(1), np.longdouble(1)]
NEITHER: list[Any] = [
    None,
    True,
    np.True_,
    "5",
    b"5",
    5j,
    np.complex128(5),
    Decimal(5),
    Fraction(5),
    timedelta(5),
    np.timedelta64(5, "ms"),
    np.datetime64(5, "ms"),
    np.array(5),
    [5],
]


@pytest.mark.parametrize("value", INTEGERS, ids=repr)
def test_integers_are_integers_and_real(value: object) -> None:
    """The width of an integer does not matter."""
    assert is_integer(value)
    assert is_real(value)


@pytest.mark.parametrize("value", FLOATS, ids=repr)
def test_floats_are_real_but_not_integers(value: object) -> None:
    """A float is never an integer, even if it has an integral value."""
    assert not is_integer(value)
    assert is_real(value)


@pytest.mark.parametrize("value", NEITHER, ids=repr)
def test_other_things_are_not_numbers(value: object) -> None:
    """Booleans, complex numbers, decimals, fractions, time spans and arrays are not numbers here."""
    assert not is_integer(value)
    assert not is_real(value)
