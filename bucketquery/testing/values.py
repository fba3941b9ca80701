"""The values of documents as the rules read them: plain values, numbers, instants, and single values as lists.

A value counts by the base type of its class. Every function takes a value of a valid document.

Not here: the documents in an answer or in a bucket (`documents`), and the keys of an answer (`shapes`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
#: Values of these classes are plain already.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, dict, list, tuple})
#: Classes of values, and the function that makes a plain value. The methods of a subclass do not count: `str(value)` of
#: an enum may return another text.
_BASES: Final[Sequence[tuple[type, Callable[[Any], Any]]]] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (np.bool_, bool),
    (np.integer, int),
    (np.floating, float),
)


def plain(value: Any) -> Any:
    """The value as a Python value of its base type; None if it is missing.

    >>> plain(np.array(5)), plain(np.str_("a")), plain(np.datetime64("NaT"))
    (5, 'a', None)
    """
    if type(value) in _PLAIN:
        return value
    if _is_gap(value):
        return None
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return plain(value[()])
    for classes, base in _BASES:
        if isinstance(value, classes):
            return base(value)
    return value


def _is_gap(value: Any) -> bool:
    """Whether this is a gap of NumPy, or one of pandas, which may not be installed."""
    of = type(value)
    is_of_pandas = of.__module__.startswith("pandas.") and of.__name__ in {"NAType", "NaTType"}
    return is_of_pandas or value is np.ma.masked or (isinstance(value, np.datetime64) and bool(np.isnat(value)))


def double(value: Any) -> float:
    """The number as a float, 0.0 if it is missing; -0.0 is 0.0 too.

    >>> double(None), double(Decimal("0.5"))
    (0.0, 0.5)
    """
    return float(plain(value) or 0.0)


def integer(value: Any) -> int:
    """The integral number as an int, 0 if it is missing.

    >>> integer(Decimal("9007199254740993.0"))
    9007199254740993
    """
    return int(plain(value) or 0)


def instant_ms(value: Any) -> int | None:
    """The instant in epoch milliseconds, rounded down; None if it is missing.

    Source: the server's documents, which have a number or ISO text. Text without an offset is UTC, and so is a date.

    >>> instant_ms("1970-01-01T00:00:01.0009Z"), instant_ms(date(1970, 1, 2)), instant_ms(None)
    (1000, 86400000, None)
    """
    given = plain(value)
    if given is None or type(given) is int:
        return given
    if isinstance(given, np.datetime64):
        return int(given.astype("datetime64[ms]").astype(np.int64))
    if isinstance(given, date) and not isinstance(given, datetime):
        given = given.isoformat()
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
        given = given if given.tzinfo is not None else given.replace(tzinfo=UTC)
    return (given - _EPOCH) // _MILLISECOND if isinstance(given, datetime) else int(given)


def timestamp_ms(document: Mapping[str, Any]) -> int:
    """The document's timestamp in epoch milliseconds.

    >>> timestamp_ms({"timestamp": "1970-01-01T00:00:01.0009Z"})
    1000
    """
    timestamp = instant_ms(document["timestamp"])
    assert timestamp is not None, "every result has a timestamp"
    return timestamp


def ingested_ms(document: Mapping[str, Any]) -> int | None:
    """The instant at which the document was written, in epoch milliseconds; None if it has no such instant.

    >>> ingested_ms({"event": {"ingested": 5}}), ingested_ms({"event": ["login"]})
    (5, None)
    """
    event = plain(document.get("event"))
    return instant_ms(event.get("ingested")) if isinstance(event, Mapping) else None


def listed(value: Any) -> list[Any]:
    """The items of a list or tuple; a single value is the only item, and a missing list has none.

    >>> listed((1, 2)), listed("a"), listed(None)
    ([1, 2], ['a'], [])
    """
    given = plain(value)
    if given is None:
        return []
    return [*given] if isinstance(given, list | tuple) else [given]


def json_value(value: Any) -> Any:
    """A copy in JSON's types, with the same order of keys; -0.0 and null are kept.

    A decimal that is written without a fraction is an integer, any other is a float.

    >>> json_value({"a": (Decimal(5), Decimal("5.0"))})
    {'a': [5, 5.0]}
    """
    given = plain(value)
    if isinstance(given, Mapping):
        return {plain(name): json_value(inner) for name, inner in given.items()}
    if isinstance(given, list | tuple):
        return json_values(given)
    if isinstance(given, Decimal):
        exponent = given.as_tuple().exponent
        return int(given) if isinstance(exponent, int) and exponent >= 0 else float(given)
    return given


def json_values(values: Iterable[Any]) -> list[Any]:
    """Copies of values in JSON's types.

    >>> json_values([np.int64(5), None])
    [5, None]
    """
    return [json_value(value) for value in values]
