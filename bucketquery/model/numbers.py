"""Numbers: which base forms are numbers, and the double or the integer that a number is."""

import math
from decimal import Decimal
from typing import Final, TypeGuard

import numpy as np

#: The types of numbers after `scalars.base_form`.
Number = int | float | Decimal | np.longdouble

#: An integer of more digits is far outside int64. Its digits are not written out, because a short text may mean
#: millions of them.
_MOST_DIGITS: Final = 30


def is_number(value: object) -> TypeGuard[Number]:
    """Whether a base form is a number: an int, a float, a `Decimal` or a long double.

    >>> is_number(5.5), is_number("5.5"), is_number(False)
    (True, False, False)
    """
    of = type(value)
    return of is int or of is float or of is Decimal or of is np.longdouble


def is_written_whole(number: Number) -> bool:
    """Whether a number is an int, or a `Decimal` that is written without a fraction.

    >>> is_written_whole(Decimal(5)), is_written_whole(Decimal("5.0")), is_written_whole(5.0)
    (True, False, False)
    """
    if isinstance(number, Decimal):
        exponent = number.as_tuple().exponent
        return isinstance(exponent, int) and exponent >= 0
    return isinstance(number, int)


def double_of(number: Number) -> float:
    """The double that is nearest to a number; NaN and infinities stay.

    Raises:
        OverflowError: the number is finite, but outside the range of a double.

    >>> double_of(Decimal("0.1"))
    0.1
    """
    if isinstance(number, Decimal) and number.is_nan():
        # A signaling NaN cannot be converted.
        return math.nan
    double = float(number)
    if math.isinf(double) and _is_finite(number):
        raise OverflowError
    return double


def integer_of(number: Number) -> int | None:
    """The integer that a number equals; None if it has a fraction, is infinite or is NaN.

    Raises:
        OverflowError: a `Decimal` has more than 30 digits before the point.

    >>> integer_of(5.0), integer_of(Decimal("5.5"))
    (5, None)
    """
    if isinstance(number, int):
        return number
    if not _is_finite(number):
        return None
    if isinstance(number, Decimal) and number.adjusted() >= _MOST_DIGITS:
        raise OverflowError
    whole = int(number)
    return whole if whole == number else None


def _is_finite(number: Decimal | float | np.longdouble) -> bool:
    # To compare a Decimal with a float raises an error if the caller's decimal context says so.
    return number.is_finite() if isinstance(number, Decimal) else bool(np.isfinite(number))
