"""What values and response bodies of every kind share."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from bucketquery.model.schema import Array, Int64s, Type
from bucketquery.storage.selection import Selection

#: What is only shown of some rows, by the name of the list: their own, or what a host has in its stead.
DisplayFields = Mapping[str, Sequence[Any]]


def shown(rows: Selection, name: str) -> Array:
    """A column's values as they are shown, the default where missing; shape (r,).

    Where an optional field is missing nothing is shown: that is NaN or None here.
    """
    values = rows.column(name)
    field = rows.view.base.schema.by_name[name]
    if field.type is not Type.DOUBLE or field.optional:
        return values
    return with_default(values, field.default)


def display_fields(rows: Selection) -> dict[str, Sequence[Any]]:
    """What is only shown of some rows, by the name of the list."""
    return {name: rows.lists(name) for name in rows.view.base.schema.only_shown}


def each_of(job_id: str | Sequence[str]) -> Iterable[str]:
    """The job of each row: the one of all, without end, or that of each."""
    return repeat(job_id) if isinstance(job_id, str) else job_id


def timestamp_strings(timestamps: Int64s) -> list[str]:
    """Instants as text: ISO, UTC, milliseconds.

    >>> timestamp_strings(np.array([0], dtype=np.int64))
    ['1970-01-01T00:00:00.000Z']
    """
    strings: list[str] = np.datetime_as_string(timestamps.astype("datetime64[ms]"), timezone="UTC").tolist()
    return strings


def with_strings(bodies: list[dict[str, Any]], strings: Sequence[str]) -> list[dict[str, Any]]:
    """The same bodies, each with the text of its timestamp before the number.

    >>> with_strings([{"timestamp": 0}], ["1970-01-01T00:00:00.000Z"])
    [{'timestamp_string': '1970-01-01T00:00:00.000Z', 'timestamp': 0}]
    """
    return [with_string(body, string) for body, string in zip(bodies, strings, strict=True)]


def with_default(values: Array, default: Any) -> Array:
    """Only a missing double is not stored as its default."""
    missing = np.isnan(values)
    return np.where(missing, default, values) if np.count_nonzero(missing) else values


def with_string(body: dict[str, Any], string: str) -> dict[str, Any]:
    """The same body with the text of its timestamp before the number."""
    ordered: dict[str, Any] = {}
    for key, value in body.items():
        if key == "timestamp":
            ordered["timestamp_string"] = string
        # A field of the data may be called so.
        if key != "timestamp_string":
            ordered[key] = value
    return ordered
