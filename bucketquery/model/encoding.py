"""JSON in UTF-8: by orjson if it is installed, else by the standard library, which takes several times as long.

Both write the same bytes, except for the spelling of very small and very large doubles, such as ``1e-05`` and
``0.00001``. Both write the fewest digits that read back as the same double. Nothing else depends on the encoder, so no
other module imports orjson.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import numpy as np

from bucketquery.model.schema import Array

_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: The functions of orjson for built-in values and for arrays; None if it is not installed.
_quick: Callable[[Any], bytes] | None = None
_quick_arrays: Callable[[Any], bytes] | None = None
with suppress(ImportError):
    import orjson

    # The standard library writes all values that orjson would refuse or write differently.
    _quick = partial(
        orjson.dumps,
        option=orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS,
    )
    # An array that is not contiguous is written as a list.
    _quick_arrays = partial(orjson.dumps, default=np.ndarray.tolist, option=orjson.OPT_SERIALIZE_NUMPY)


def json_bytes(value: Any) -> bytes:
    """A value as JSON without blanks, in UTF-8. Half of a surrogate pair is escaped, since UTF-8 cannot encode it.

    Raises:
        TypeError: a part of the value does not have a built-in type of JSON.

    >>> json_bytes({"count": 0, "buckets": []})
    b'{"count":0,"buckets":[]}'
    """
    if _quick is None:
        return _by_standard_library(value)
    try:
        return _quick(value)
    except TypeError:
        # orjson refuses half of a surrogate pair, and more than 254 levels. The standard library writes both, and
        # raises the error for any other value.
        return _by_standard_library(value)


def json_columns(columns: Sequence[Array]) -> list[list[bytes]]:
    """Each value of each column as JSON.

    Args:
        columns: integers, doubles without NaN, or booleans; each has at least one value.

    >>> json_columns([np.array([1.5, 2.0]), np.array([True, False])])
    [[b'1.5', b'2.0'], [b'true', b'false']]
    """
    if _quick_arrays is None:
        written = _by_standard_library([column.tolist() for column in columns])
    else:
        written = _quick_arrays(columns)
    return [column.split(b",") for column in written[2:-2].split(b"],[")]


def _by_standard_library(value: Any) -> bytes:
    # UTF-8 cannot encode half of a surrogate pair. The backslash escape is the same as JSON's.
    return _write(value).encode(errors="backslashreplace")
