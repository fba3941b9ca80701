"""Functions that the values and the response objects of every kind share."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from bucketquery.model.schema import EVENT_INGESTED, Array, Int64s, Type
from bucketquery.results.response_format import add_events
from bucketquery.search.job_rows import AnyRows

#: The display fields of some rows, by the name of the list. They come from the index, or from a host's documents.
DisplayFields = Mapping[str, Sequence[Any]]


def shown(rows: AnyRows, name: str) -> Array:
    """A column's values as an answer shows them; shape (r,).

    A missing value is shown as the field's default. If the field is optional, the value is NaN or None and the answer
    leaves it out.
    """
    values = rows.column(name)
    field = rows.schema.by_name[name]
    if field.type is not Type.DOUBLE or field.optional:
        return values
    return with_default(values, field.default)


def display_fields(rows: AnyRows) -> dict[str, Sequence[Any]]:
    """The display fields that the index stores for some rows."""
    return {name: rows.lists(name) for name in rows.schema.only_shown}


def each_of(job_id: str | Sequence[str]) -> Iterable[str]:
    """The job of each row; if it is the same for all rows, an endless iterable of it."""
    return repeat(job_id) if isinstance(job_id, str) else job_id


def timestamp_string(timestamp: int) -> str:
    """An instant in epoch ms as ISO text in UTC with milliseconds."""
    return timestamp_strings(np.array([timestamp], dtype=np.int64))[0]


def timestamp_strings(timestamps: Int64s) -> list[str]:
    """Instants in epoch ms as ISO text in UTC with milliseconds.

    >>> timestamp_strings(np.array([0], dtype=np.int64))
    ['1970-01-01T00:00:00.000Z']
    """
    strings: list[str] = np.datetime_as_string(timestamps.astype("datetime64[ms]"), timezone="UTC").tolist()
    return strings


def ingested(rows: AnyRows) -> list[int | None] | None:
    """The instant at which each result was written, None for each that has none; None if no result has one."""
    if not rows.may_have(EVENT_INGESTED):
        return None
    instants, present = rows.instants(EVENT_INGESTED)
    found: list[int | None] = instants.tolist()
    if present.all():
        return found
    given = present.tolist()
    return [instant if has else None for instant, has in zip(found, given, strict=True)] if any(given) else None


def put_events(objects: list[dict[str, Any]], rows: AnyRows, *, human: bool) -> None:
    """Add the instant at which each result was written to its object, as the last key; as text too if ``human``."""
    instants = ingested(rows)
    if instants is not None:
        strings: Iterable[str | None] = repeat(None)
        if human:
            strings = timestamp_strings(np.array([instant or 0 for instant in instants], dtype=np.int64))
        add_events(objects, instants, strings)


def with_strings(objects: list[dict[str, Any]], strings: Sequence[str]) -> list[dict[str, Any]]:
    """The objects, each with the text of its timestamp before the number.

    >>> with_strings([{"timestamp": 0}], ["1970-01-01T00:00:00.000Z"])
    [{'timestamp_string': '1970-01-01T00:00:00.000Z', 'timestamp': 0}]
    """
    return [with_string(each, string) for each, string in zip(objects, strings, strict=True)]


def with_default(values: Array, default: Any) -> Array:
    """The values of a column of doubles, with the default in place of NaN, which stands for a missing value.

    In columns of other types a missing value is stored as the default already.
    """
    missing = np.isnan(values)
    return np.where(missing, default, values) if np.count_nonzero(missing) else values


def with_string(response_object: dict[str, Any], string: str) -> dict[str, Any]:
    """The object with the text of its timestamp before the number."""
    ordered: dict[str, Any] = {}
    for key, value in response_object.items():
        if key == "timestamp":
            ordered["timestamp_string"] = string
        # An extra field of a document may have this name. The text of the timestamp replaces it.
        if key != "timestamp_string":
            ordered[key] = value
    return ordered


def read_only(values: Array) -> Array:
    """A copy of an array that cannot be made writable."""
    # Bytes are read-only, and no writable array lies below this one.
    return np.frombuffer(values.tobytes(), dtype=values.dtype)


def read_only_objects(values: Sequence[Any]) -> Array:
    """An array of objects that cannot be made writable."""
    objects = np.fromiter(values, dtype=np.object_, count=len(values))
    return np.asarray(memoryview(objects).toreadonly())  # type: ignore[arg-type] # an array is a buffer
