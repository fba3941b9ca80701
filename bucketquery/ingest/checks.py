"""Checks of single values: whether a field can store a value, and its canonical value.

This module has the rules. `documents` and `arrays` check whole columns at once if the outcome is certain to be the
same, and call this module for all other values.
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final, NamedTuple, Self

import numpy as np

from bucketquery.model.instants import FIRST_MS, LAST_MS, instant_ms, read_calendar
from bucketquery.model.numbers import is_real
from bucketquery.model.schema import BUCKET, EVENT_INGESTED, Field, Type
from bucketquery.model.text import JOB_ID_RULE, built_in_str, is_job_id
from bucketquery.results.stored_influencer import DifferingInfluencer, StoredInfluencer

IS_REQUIRED: Final = "is required"

_INT64: Final = np.iinfo(np.int64)

#: The field for the instant at which a result was written, as the optional timestamp that it is checked as.
INGESTED: Final = Field(name=EVENT_INGESTED, type=Type.TIMESTAMP)
_SCORES: Final = StoredInfluencer._fields[1:5]
_LEAST_SPAN: Final = BUCKET.by_name["bucket_span"].minimum
_NOTHING_OF_ITS_OWN: Final = (None, None, None, None)


class Unfit(Exception):
    """A value that cannot be stored: the reason, and its path below the field."""

    def __init__(self, reason: str, value: object, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
        self.path = path


class Owner(NamedTuple):
    """The bucket that nested influencers belong to; they take from it the values that they do not have."""

    job_id: str
    timestamp: int
    bucket_span: int
    is_interim: bool

    @classmethod
    def at(cls, row: int, job_id: str, columns: Mapping[str, Any]) -> Self:
        """The bucket in a row of checked columns, lists or arrays; a missing ``is_interim`` means final."""
        timestamp, bucket_span = int(columns["timestamp"][row]), int(columns["bucket_span"][row])
        return cls(built_in_str(job_id), timestamp, bucket_span, bool(columns["is_interim"][row]))


def scalar(field: Field, value: object) -> Any:
    """The value of a column as it is stored: an int, a float, a bool or text; None if it is missing.

    Raises:
        Unfit: the value has the wrong type, is outside the field's bounds, or is missing but required.
    """
    if value is None:
        if field.required:
            raise Unfit(IS_REQUIRED, None)
        return None
    match field.type:
        case Type.TIMESTAMP:
            return timestamp(value)
        case Type.INTEGER:
            return integer(value, field.minimum)
        case Type.DOUBLE:
            return double(value)
        case Type.KEYWORD:
            return keyword(value)
        case _:
            return boolean(value)


def listed(field: Field, value: object, owner: Owner) -> tuple[object, ...]:
    """The value of a list field as it is stored; not for instants.

    Raises:
        Unfit: the value has the wrong type.
    """
    return keywords(value) if field.type is Type.KEYWORDS else bucket_influencers(value, owner)


def timestamp(value: object, path: str = "") -> int:
    """Epoch ms of a number, a calendar date in ISO form, an aware datetime or a datetime64, floored.

    Raises:
        Unfit: the value is anything else, or lies outside the years 0001 to 9999.

    Source: the server stores an epoch number or a date string; the bounds are ours.
    """
    if isinstance(value, str):
        moment = _calendar(value, path)
    elif isinstance(value, datetime | np.datetime64):
        found = instant_ms(value)
        if found is None:
            raise Unfit("a datetime must have a time zone; a datetime64 must have a unit and not be NaT", value, path)
        moment = found
    else:
        moment = integer(value, None, path)
    if not FIRST_MS <= moment <= LAST_MS:
        raise Unfit("outside the years 0001 to 9999", value, path)
    return moment


def ingested(event: object, path: str = "") -> int | None:
    """The instant ``ingested`` of an object ``event`` in epoch ms; None if it is missing. Other keys do not count.

    Raises:
        Unfit: the event is not an object, or the instant is not what a timestamp may be.

    Source: the server's ``Result``.
    """
    if not isinstance(event, Mapping):
        raise Unfit(f"must be an object, not {type_name(event)}", event, path)
    try:
        found: int | None = scalar(INGESTED, event.get("ingested"))
    except Unfit as unfit:
        raise Unfit(unfit.reason, unfit.value, f"{path}.ingested") from None
    return found


def integer(value: object, minimum: int | None, path: str = "") -> int:
    """An int, or a float or NumPy number without a fraction, inside int64 and not below ``minimum``.

    Raises:
        Unfit: the value is anything else, such as a bool or numeric text.
    """
    if not is_real(value):
        raise Unfit(f"must be an integer, not {type_name(value)}", value, path)
    if isinstance(value, float | np.floating) and not (isfinite(value) and value == int(value)):
        raise Unfit(f"must be an integer, not {value}", value, path)
    whole = int(value)
    if not _INT64.min <= whole <= _INT64.max:
        raise Unfit("outside the range of int64", value, path)
    if minimum is not None and whole < minimum:
        raise Unfit(f"must be at least {minimum}, not {whole}", value, path)
    return whole


def double(value: object, path: str = "") -> float:
    """A finite number as float; -0.0 becomes 0.0.

    Raises:
        Unfit: the value is anything else, such as a bool, numeric text, NaN or an infinity.
    """
    return finite(value, path) + 0.0


def finite(value: object, path: str = "") -> float:
    """A finite number as float; -0.0 stays -0.0.

    Raises:
        Unfit: as `double` does.
    """
    if not is_real(value):
        raise Unfit(f"must be a number, not {type_name(value)}", value, path)
    try:
        number = float(value)
    except OverflowError:
        raise Unfit("outside the range of a double", value, path) from None
    if not isfinite(number):
        raise Unfit(f"must be a finite number, not {number}", value, path)
    return number


def boolean(value: object, path: str = "") -> bool:
    """A bool, Python's or NumPy's.

    Raises:
        Unfit: the value is anything else, such as 0, 1 or text.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise Unfit(f"must be true or false, not {type_name(value)}", value, path)


def keyword(value: object, path: str = "") -> str:
    """Text as a built-in ``str``, even if its type is a subclass of ``str``.

    Raises:
        Unfit: the value is not text.
    """
    if isinstance(value, str):
        return built_in_str(value)
    raise Unfit(f"must be text, not {type_name(value)}", value, path)


def keywords(value: object, path: str = "") -> tuple[str, ...]:
    """A list of text values as a tuple.

    Raises:
        Unfit: the value is not a list, or an entry is not text.
    """
    return tuple([keyword(text, f"{path}[{at}]") for at, text in enumerate(entries(value, path))])


def bucket_influencers(value: object, owner: Owner) -> tuple[StoredInfluencer | DifferingInfluencer, ...]:
    """The influencers nested in a bucket, as they are stored.

    An influencer may leave out the bucket's job, timestamp and span. If given, they may be any that a bucket could
    have. Its ``is_interim`` may differ too.

    Raises:
        Unfit: the value is not a list of objects, or a value in it has the wrong type.
    """
    return tuple([_bucket_influencer(entry, f"[{at}]", owner) for at, entry in enumerate(entries(value))])


def entries(value: object, path: str = "") -> list[object] | tuple[object, ...]:
    """The entries of a list or tuple.

    Raises:
        Unfit: the value is neither.
    """
    if isinstance(value, list | tuple):
        return value
    raise Unfit(f"must be a list, not {type_name(value)}", value, path)


def type_name(value: object) -> str:
    """The name of a value's type in an error message."""
    return "null" if value is None else type(value).__name__


def _bucket_influencer(value: object, path: str, owner: Owner) -> StoredInfluencer | DifferingInfluencer:
    if not isinstance(value, Mapping):
        raise Unfit(f"must be an object, not {type_name(value)}", value, path)
    job_id = _own(value, "job_id", owner.job_id, path)
    result_type = value.get("result_type")
    if result_type is not None and not (isinstance(result_type, str) and result_type == "bucket_influencer"):
        raise Unfit("must be [bucket_influencer]", result_type, f"{path}.result_type")
    name = value.get("influencer_field_name")
    if name is not None:
        name = keyword(name, f"{path}.influencer_field_name")
    initial, current, raw, probability = [_score(value, key, path) for key in _SCORES]
    own_timestamp = _own(value, "timestamp", owner.timestamp, path)
    bucket_span = _own(value, "bucket_span", owner.bucket_span, path)
    is_interim = value.get("is_interim")
    interim = owner.is_interim if is_interim is None else boolean(is_interim, f"{path}.is_interim")
    event = value.get("event")
    event_ingested = None if event is None else ingested(event, f"{path}.event")
    own = job_id, own_timestamp, bucket_span, event_ingested
    stored = StoredInfluencer(name, initial, current, raw, probability, interim)
    return stored if own == _NOTHING_OF_ITS_OWN else DifferingInfluencer(*stored, *own)


def _score(nested: Mapping[str, Any], key: str, path: str) -> float:
    value = nested.get(key)
    return 0.0 if value is None else double(value, f"{path}.{key}")


def _own(nested: Mapping[str, Any], key: str, of_bucket: int | str, path: str) -> Any:
    """A value of a nested influencer, checked as its bucket's was; None if it is missing or equals its bucket's."""
    value = nested.get(key)
    if value is None:
        return None
    path = f"{path}.{key}"
    if key == "job_id":
        given: int | str = keyword(value, path)
        if given != of_bucket and not is_job_id(given):
            raise Unfit(JOB_ID_RULE, value, path)
    elif key == "timestamp":
        given = timestamp(value, path)
    else:
        given = integer(value, _LEAST_SPAN, path)
    return None if given == of_bucket else given


def _calendar(text: str, path: str) -> int:
    try:
        covered = None if text.isdigit() else read_calendar(text)
    except OverflowError:
        raise Unfit("outside the years 0001 to 9999", text, path) from None
    if covered is None:
        raise Unfit("must be a calendar date in ISO form or epoch milliseconds", text, path)
    return covered.first
