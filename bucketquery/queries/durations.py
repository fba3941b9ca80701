"""Durations: the API's notation of a length of time, such as ``90m``."""

import re
from contextlib import suppress
from typing import Final

from bucketquery.errors import InvalidQuery
from bucketquery.model.text import brief
from bucketquery.queries.client_keywords import read_double

#: The characters that Java trims: U+0000 to U+0020, the space.
_BLANKS: Final = "".join(map(chr, range(0x21)))
_LONG: Final = re.compile(r"[+-]?[0-9]+")
#: Nanoseconds of each unit; a unit that ends another one comes after it.
_NANOSECONDS: Final = (
    ("nanos", 1),
    ("micros", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
)
_NANOSECONDS_PER_MS: Final = 1_000_000
_MOST_DIGITS: Final = 20
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1


def read_duration(text: str, name: str) -> int:
    """The milliseconds of a duration, floored. ``0`` and ``-1`` need no unit, and -1 of a unit is the duration -1 ms.

    Args:
        text: an integer and a unit: ``d``, ``h``, ``m``, ``s``, ``ms``, ``micros`` or ``nanos``. Upper case counts as
            lower case, except for ``m``.
        name: the parameter, for errors.

    Raises:
        InvalidQuery: the text is not a duration.

    Source: the server's ``TimeValue``.

    >>> read_duration("90m", "bucket_span")
    5400000
    """
    bare = text.lower().strip(_BLANKS)
    for unit, nanoseconds in _NANOSECONDS:
        # In upper case, M would be months.
        if bare.endswith(unit) if unit != "m" else text.endswith(unit):
            number = _read_number(bare.removesuffix(unit).strip(_BLANKS), text, name)
            return -1 if number < 0 else number * nanoseconds // _NANOSECONDS_PER_MS
    if re.fullmatch("-0*1", bare):
        return -1
    if re.fullmatch("0+", bare):
        return 0
    raise _not_a_duration(text, name, "unit is missing or unrecognized")


def _read_number(digits: str, text: str, name: str) -> int:
    number = None
    if _LONG.fullmatch(digits):
        # Python refuses to read thousands of digits.
        sign = "-" if digits.startswith("-") else ""
        significant = digits.lstrip("+-").lstrip("0") or "0"
        if len(significant) < _MOST_DIGITS and _LEAST <= (found := int(sign + significant)) <= _MOST:
            number = found
    if number is None:
        reason = f"failed to parse [{brief(text)}]"
        with suppress(InvalidQuery):
            read_double(digits, name)
            # The server says so too if an integer is beyond 64 bits.
            reason += ", fractional time values are not supported"
        raise InvalidQuery(reason, field=name, value=text)
    if number < -1:
        raise _not_a_duration(text, name, "negative durations are not supported")
    return number


def _not_a_duration(text: str, name: str, why: str) -> InvalidQuery:
    reason = f"failed to parse setting [{name}] with value [{brief(text)}] as a time value: {why}"
    return InvalidQuery(reason, field=name, value=text)
