"""Which values are numbers: those of Python and NumPy, but no bool and no timedelta."""

from typing import TypeGuard

import numpy as np


def is_integer(value: object) -> TypeGuard[int | np.integer]:
    """Whether the value is an integer of Python or NumPy.

    >>> is_integer(5), is_integer(True), is_integer(5.0)
    (True, False, False)
    """
    # For NumPy a timedelta64 is an integer, for Python a bool is.
    if type(value) is int:
        return True
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def is_real(value: object) -> TypeGuard[float | np.integer | np.floating]:
    """Whether the value is an integer or a float of Python or NumPy.

    >>> is_real(5.5), is_real("5.5"), is_real(False)
    (True, False, False)
    """
    return isinstance(value, float | np.floating) or is_integer(value)
