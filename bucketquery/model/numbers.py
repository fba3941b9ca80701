"""What passes for a number: Python's and NumPy's, never a bool and never a length of time."""

from typing import TypeGuard

import numpy as np


def is_integer(value: object) -> TypeGuard[int | np.integer]:
    """Whether the value is an int of Python's or NumPy's.

    >>> is_integer(5), is_integer(True), is_integer(5.0)
    (True, False, False)
    """
    # NumPy counts its timedelta64 among its integers, Python its bool.
    if type(value) is int:
        return True
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def is_real(value: object) -> TypeGuard[float | np.integer | np.floating]:
    """Whether the value is an int or a float of Python's or NumPy's.

    >>> is_real(5.5), is_real("5.5"), is_real(False)
    (True, False, False)
    """
    return isinstance(value, float | np.floating) or is_integer(value)
