"""Single values: their base forms, and which of them are missing.

A value counts by the base type of its class. Every check of a document, a column or a parameter takes the base form
first. So no method of the caller's class decides how a value compares, hashes or converts. No other library is
imported: pandas' missing values are recognised by the names of their types.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from types import NoneType
from typing import Any, Final

import numpy as np

#: NumPy's booleans, integers and floats, without long doubles.
_NUMPY_TYPES: Final = frozenset(np.dtype(code).type for code in "?bhilqBHILQefd")
_PANDAS_GAPS: Final = frozenset({"NAType", "NaTType"})


def base_form(value: Any) -> Any:
    """The value in the base type of its class: a bool, an int, a float, built-in text or a `Decimal`.

    An array without dimensions stands for the one value in it. A long double stays, because a float may not hold it
    exactly. A value of any other type stays as it is.

    >>> from enum import IntEnum
    >>> base_form(np.float32(0.5)), base_form(np.array("web")), base_form(IntEnum("Level", {"LOW": 25}).LOW)
    (0.5, 'web', 25)
    """
    of = type(value)
    if of is int or of is float or of is str or of is bool or of is NoneType:
        return value
    if issubclass(of, np.generic) and of in _NUMPY_TYPES:
        return np.generic.item(value)
    for base, convert in _BASES:
        if issubclass(of, base):
            return convert(value)
    return value


def is_missing(value: Any) -> bool:
    """Whether the base form of a document's value is missing: None, NA or NaT of pandas, NaT, or a masked entry.

    >>> [is_missing(value) for value in (None, np.datetime64("NaT"), np.ma.masked, float("nan"))]
    [True, True, True, False]
    """
    of = type(value)
    if of is np.datetime64:
        return bool(np.isnat(value))
    return value is None or value is np.ma.masked or (of.__name__ in _PANDAS_GAPS and is_of_pandas(of))


def is_of_pandas(of: type) -> bool:
    """Whether a class is one of pandas, or is derived from one.

    >>> is_of_pandas(float)
    False
    """
    for base in of.__mro__:
        # A class may have any object as its module.
        module: object = base.__module__
        if type(module) is str and module.partition(".")[0] == "pandas":
            return True
    return False


def base_or_none(value: Any) -> Any:
    """The base form of a document's value; None if it is missing.

    >>> base_or_none(np.int64(5)), base_or_none(np.datetime64("NaT"))
    (5, None)
    """
    of = type(value)
    if of is int or of is float or of is str or of is bool or of is NoneType:
        return value
    base = base_form(value)
    of = type(base)
    # Most values are numbers or text, and the test for a missing value takes longer.
    return base if of is int or of is float or of is str or not is_missing(base) else None


def iterator_of(value: object) -> Iterator[Any] | None:
    """An iterator over a value; None if it is not iterable.

    The class of a value may have the method although the value cannot be iterated: an array without dimensions, or a
    client's response without a body.

    >>> iterator_of(np.array(5)) is None
    True
    """
    if isinstance(value, Iterable):
        with suppress(TypeError):
            return iter(value)
    return None


def _of_numpy(scalar: Any) -> Any:
    """The base form of a subclass of NumPy's scalars; a long double and any other scalar stay."""
    for base in type(scalar).__mro__:
        if base in _NUMPY_TYPES:
            # The interpreter may crash in NumPy's `item` if the class has another base too.
            return base.__index__(scalar) if issubclass(base, np.integer) else base.__float__(scalar)
    return scalar


def _only_value(array: Any) -> Any:
    """The base form of the value in an array without dimensions, or `np.ma.masked`; any other array as it is."""
    bare = np.asarray(array)
    if bare.ndim:
        return array
    if issubclass(type(array), np.ma.MaskedArray) and np.ma.getmaskarray(array).any():
        return np.ma.masked
    value = bare[()]
    # An array of objects may hold another array, or itself.
    return array if issubclass(type(value), np.ndarray) else base_form(value)


#: Base types, and the functions that give the base form of a value. The functions are those of the base types, because
#: a subclass may have others.
_BASES: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int.__int__),
    (np.generic, _of_numpy),
    (float, float.__float__),
    (Decimal, Decimal),
    (np.ndarray, _only_value),
)
