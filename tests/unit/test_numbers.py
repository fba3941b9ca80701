"""Numbers: which base forms are numbers, and the double or the integer that each of them is."""

import math
from decimal import Decimal, FloatOperation, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bucketquery.model.numbers import double_of, integer_of, is_number, is_written_whole

NUMBERS: list[Any] = [0, -1, 2**70, 0.0, math.nan, math.inf, Decimal(5), Decimal("sNaN"), np.longdouble(1)]
OTHERS: list[Any] = [
    None,
    True,
    np.True_,
    "5",
    b"5",
    5j,
    Fraction(5),
    np.timedelta64(5, "ms"),
    np.array(5),
    [5],
    object(),
]


def test_four_types_are_numbers() -> None:
    """Ints, floats, decimals and long doubles are numbers. Booleans, fractions and time spans are not."""
    assert [is_number(value) for value in NUMBERS] == [True] * len(NUMBERS)
    assert [is_number(value) for value in OTHERS] == [False] * len(OTHERS)


def test_the_double_of_a_number_is_the_nearest() -> None:
    """Infinities stay, and a NaN that signals is a NaN."""
    given: list[Any] = [2**53 + 1, 0.5, Decimal("0.1"), Decimal("1e-400"), Decimal("-Infinity"), np.longdouble(0.5)]
    found = [double_of(number) for number in given]
    assert found == [2.0**53, 0.5, 0.1, 0.0, -math.inf, 0.5]
    assert {type(double) for double in found} == {float}
    assert math.isnan(double_of(Decimal("sNaN")))
    assert math.isnan(double_of(math.nan))


@pytest.mark.parametrize("number", [2**1024, Decimal("1e400"), Decimal("-1e999999"), np.longdouble("1e4000")], ids=repr)
def test_a_finite_number_outside_the_doubles_has_none(number: Any) -> None:
    """Rounding such a number to an infinity would change what it compares with."""
    if number == math.inf:
        pytest.skip("a long double is a double here")
    with pytest.raises(OverflowError):
        double_of(number)


def test_the_callers_decimal_context_does_not_count() -> None:
    """The context may say that comparing a decimal with a float is an error."""
    with localcontext() as context:
        context.traps[FloatOperation] = True
        for text in ("1e400", "-1e999999"):
            with pytest.raises(OverflowError):
                double_of(Decimal(text))
        assert double_of(Decimal("-Infinity")) == -math.inf
        assert integer_of(Decimal("5.0")) == 5


def test_the_integer_of_a_number_is_exact() -> None:
    """Decimals and long doubles have integers that no float has."""
    given: list[Any] = [5, 5.0, -0.0, Decimal("5.00"), Decimal(2**63 - 1), Decimal("1e3"), np.longdouble(2) ** 60]
    assert [integer_of(number) for number in given] == [5, 5, 0, 5, 2**63 - 1, 1000, 2**60]


def test_a_number_with_a_fraction_has_no_integer() -> None:
    """NaN and infinities have none either."""
    given: list[Any] = [0.5, math.nan, -math.inf, Decimal("5.5"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e-9")]
    assert [integer_of(number) for number in given] == [None] * len(given)


def test_a_decimal_of_many_digits_is_not_written_out() -> None:
    """A short text may mean an integer of a billion digits."""
    assert integer_of(Decimal("9" * 30)) == 10**30 - 1
    for text in ("1e30", "-1e999999999", "1" * 31 + ".5"):
        with pytest.raises(OverflowError):
            integer_of(Decimal(text))


def test_a_decimal_may_be_written_as_an_integer() -> None:
    """The digits after the point count, even if they are zero."""
    whole: list[Any] = [5, Decimal(5), Decimal("1e3"), Decimal("-0")]
    others: list[Any] = [5.0, Decimal("5.0"), Decimal("NaN"), Decimal("Infinity"), np.longdouble(5)]
    assert [is_written_whole(number) for number in whole] == [True] * len(whole)
    assert [is_written_whole(number) for number in others] == [False] * len(others)
