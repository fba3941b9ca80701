"""JSON in UTF-8: by orjson where that is installed, else by the standard library, which takes several times as long.

Both write the same bytes but for the spelling of very small and very large doubles: the digits are the fewest that read
back as the same double, but one may write ``1e-05`` where the other writes ``0.00001``. Which of the two it is decides
nothing else, so no other room asks.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import numpy as np

from bucketquery.model.schema import Array

_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: What orjson does, once for plain JSON and once for arrays; None where it is not installed.
_quick: Callable[[Any], bytes] | None = None
_quick_arrays: Callable[[Any], bytes] | None = None
with suppress(ImportError):
    import orjson

    # What the standard library would refuse, or write in another way, is left to it.
    _quick = partial(
        orjson.dumps,
        option=orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS,
    )
    # An array whose values are not beside each other, in their order, is asked for them.
    _quick_arrays = partial(orjson.dumps, default=np.ndarray.tolist, option=orjson.OPT_SERIALIZE_NUMPY)


def json_bytes(value: Any) -> bytes:
    """Plain JSON without blanks, in UTF-8; half of a surrogate pair, which UTF-8 does not have, is escaped.

    Raises:
        TypeError: something in it is no JSON.

    >>> json_bytes({"count": 0, "buckets": []})
    b'{"count":0,"buckets":[]}'
    """
    if _quick is None:
        return _by_standard_library(value)
    try:
        return _quick(value)
    except TypeError:
        # Half of a surrogate pair, or more than 254 levels; or the standard library says what is wrong.
        return _by_standard_library(value)


def json_columns(columns: Sequence[Array]) -> list[list[bytes]]:
    """Each value of some columns as JSON.

    Args:
        columns: integers, doubles without NaN, or truth values; each has one value at least.

    >>> json_columns([np.array([1.5, 2.0]), np.array([True, False])])
    [[b'1.5', b'2.0'], [b'true', b'false']]
    """
    if _quick_arrays is None:
        written = _by_standard_library([column.tolist() for column in columns])
    else:
        written = _quick_arrays(columns)
    return [column.split(b",") for column in written[2:-2].split(b"],[")]


def _by_standard_library(value: Any) -> bytes:
    # With a backslash half of a surrogate pair is written just as JSON escapes it.
    return _write(value).encode(errors="backslashreplace")
