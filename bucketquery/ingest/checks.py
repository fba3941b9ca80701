"""Checks of single values: whether a field can store a value, and its canonical value.

This module has the rules; `model.scalars` has the base form by which a value counts. `documents` and `arrays` check
whole columns at once if the outcome is certain to be the same, and call this module for all other values.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, NamedTuple, Self

from bucketquery.model.instants import FIRST_MS, LAST_MS, instant_ms, is_time, read_calendar
from bucketquery.model.numbers import double_of, integer_of, is_number
from bucketquery.model.scalars import base_form, base_or_none
from bucketquery.model.schema import BUCKET, EVENT_INGESTED, Field, Type
from bucketquery.model.text import JOB_ID_RULE, brief, is_job_id
from bucketquery.results.stored_influencer import DifferingInfluencer, StoredInfluencer

IS_REQUIRED: Final = "is required"

_OUTSIDE_YEARS: Final = "outside the years 0001 to 9999"
_OUTSIDE_INT64: Final = "outside the range of int64"
_LEAST: Final = -(2**63)
_GREATEST: Final = 2**63 - 1

#: The instant at which a result was written. It is checked like a timestamp that may be missing.
INGESTED: Final = Field(name=EVENT_INGESTED, type=Type.TIMESTAMP)
_SCORES: Final = StoredInfluencer._fields[1:5]
_LEAST_SPAN: Final = BUCKET.by_name["bucket_span"].minimum
_ALL_AS_THE_BUCKET: Final = (None, None, None, None)


class Unfit(Exception):
    """A value that cannot be stored: the reason, and its path below the field."""

    def __init__(self, reason: str, value: object, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
        self.path = path


class Owner(NamedTuple):
    """The bucket of nested influencers. A nested influencer takes the values that it does not have from its bucket."""

    job_id: str
    timestamp: int
    bucket_span: int
    is_interim: bool

    @classmethod
    def at(cls, row: int, job_id: str, columns: Mapping[str, Any]) -> Self:
        """The bucket in a row of checked columns, lists or arrays; a missing ``is_interim`` means final.

        ``job_id`` is built-in text.
        """
        timestamp, bucket_span = int(columns["timestamp"][row]), int(columns["bucket_span"][row])
        return cls(job_id, timestamp, bucket_span, bool(columns["is_interim"][row]))


def scalar(field: Field, value: object) -> Any:
    """The value of a column as it is stored: an int, a float, a bool or text; None if it is missing.

    Raises:
        Unfit: the value has the wrong type, is outside the field's bounds, or is missing but required.
    """
    base = base_or_none(value)
    if base is None:
        if field.required:
            raise Unfit(IS_REQUIRED, None)
        return None
    try:
        match field.type:
            case Type.TIMESTAMP:
                return timestamp(base)
            case Type.INTEGER:
                return integer(base, field.minimum)
            case Type.DOUBLE:
                return double(base)
            case Type.KEYWORD:
                return keyword(base)
            case _:
                return boolean(base)
    except Unfit as unfit:
        # The error has the value that the caller gave.
        raise Unfit(unfit.reason, value) from None


def listed(field: Field, value: object, owner: Owner) -> tuple[object, ...]:
    """The value of a list field as it is stored; empty if it is missing. Not for instants.

    Raises:
        Unfit: the value has the wrong type.
    """
    if base_or_none(value) is None:
        return ()
    return keywords(value) if field.type is Type.KEYWORDS else bucket_influencers(value, owner)


def timestamp(value: object, path: str = "") -> int:
    """Epoch ms of a number, a calendar date in ISO form, an aware datetime, a date or a datetime64, floored.

    Raises:
        Unfit: the value is anything else, or lies outside the years 0001 to 9999.

    Source: the server stores an epoch number or a date string; the bounds are ours.
    """
    moment = value if type(value) is int else _instant(value, path)
    if not FIRST_MS <= moment <= LAST_MS:
        raise Unfit(_outside_years(value) if _is_int64(moment) else _OUTSIDE_INT64, value, path)
    return moment


def ingested(event: object, path: str = "") -> int | None:
    """The instant ``ingested`` of an object ``event`` in epoch ms; None if it or the event is missing.

    Other keys of the event do not count.

    Raises:
        Unfit: the event is not an object, or the instant is not what a timestamp may be.

    Source: the server's ``Result``.
    """
    if not isinstance(event, Mapping):
        if base_or_none(event) is None:
            return None
        raise Unfit(f"must be an object, not {type_name(event)}", event, path)
    try:
        found: int | None = scalar(INGESTED, event.get("ingested"))
    except Unfit as unfit:
        raise Unfit(unfit.reason, unfit.value, f"{path}.ingested") from None
    return found


def integer(value: object, minimum: int | None, path: str = "") -> int:
    """The integer that a number without a fraction equals, inside int64 and not below ``minimum``.

    Raises:
        Unfit: the value is anything else, such as a bool or numeric text.
    """
    whole = value if type(value) is int else _whole(value, path)
    if not _is_int64(whole):
        raise Unfit(_OUTSIDE_INT64, value, path)
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
    nearest = value if type(value) is float else _nearest(value, path)
    if not isfinite(nearest):
        raise Unfit(f"must be a finite number, not {nearest}", value, path)
    return nearest


def boolean(value: object, path: str = "") -> bool:
    """A bool, Python's or NumPy's.

    Raises:
        Unfit: the value is anything else, such as 0, 1 or text.
    """
    base = base_form(value)
    if type(base) is bool:
        return base
    shown = f"text [{brief(base)}]" if type(base) is str else type_name(value) if base is None else brief(value)
    raise Unfit(f"must be true or false, not {shown}", value, path)


def keyword(value: object, path: str = "") -> str:
    """Text as a built-in ``str``, even if its type is a subclass of ``str``.

    Raises:
        Unfit: the value is not text.
    """
    text = value if type(value) is str else base_form(value)
    if type(text) is str:
        return text
    raise Unfit(f"must be text, not {type_name(value)}", value, path)


def keywords(value: object, path: str = "") -> tuple[str, ...]:
    """A list of text values, or a single one, as a tuple.

    Raises:
        Unfit: an item is not text.
    """
    return tuple([keyword(text, place) for text, place in items(value, path)])


def bucket_influencers(value: object, owner: Owner) -> tuple[StoredInfluencer | DifferingInfluencer, ...]:
    """The influencers nested in a bucket, as they are stored.

    An influencer may leave out the bucket's job, timestamp and span. If given, they may be any that a bucket could
    have. Its ``is_interim`` may differ too.

    Raises:
        Unfit: an item is not an object, or a value in it has the wrong type.
    """
    return tuple([_nested(entry, place, owner) for entry, place in items(value)])


def items(value: Any, path: str = "") -> list[tuple[object, str]]:
    """The items of a list or tuple with their paths. Any other value is a list of one, and has no position.

    Source: the server's ``AbstractObjectParser``, whose arrays may be single values.

    >>> items(["a", "b"], "scheduled_events"), items("a", "scheduled_events")
    ([('a', 'scheduled_events[0]'), ('b', 'scheduled_events[1]')], [('a', 'scheduled_events')])
    """
    if issubclass(type(value), list | tuple):
        # A subclass may report any length and any truth, so only this loop decides which items it has.
        return [(item, f"{path}[{at}]") for at, item in enumerate(value)]
    return [(value, path)]


def type_name(value: object) -> str:
    """The name of a value's type in an error message."""
    return "null" if value is None else type(value).__name__


def _instant(value: object, path: str) -> int:
    base = base_form(value)
    if type(base) is str:
        return _calendar(base, path)
    if is_number(base):
        return _whole(base, path)
    found = instant_ms(base)
    if found is not None:
        return found
    reason = f"must be epoch milliseconds, a calendar date or an aware datetime, not {type_name(value)}"
    if is_time(base):
        reason = "a datetime must have a time zone; a datetime64 must have a unit and not be NaT"
    raise Unfit(reason, value, path)


def _whole(value: object, path: str) -> int:
    """The integer that a value equals; if it has very many digits, some integer outside int64."""
    number = base_form(value)
    if not is_number(number):
        raise Unfit(f"must be an integer, not {type_name(value)}", value, path)
    try:
        whole = integer_of(number)
    except OverflowError:
        return _GREATEST + 1
    if whole is None:
        raise Unfit(f"must be an integer, not {double_of(number)}", value, path)
    return whole


def _is_int64(whole: int) -> bool:
    return _LEAST <= whole <= _GREATEST


def _nearest(value: object, path: str) -> float:
    number = base_form(value)
    if not is_number(number):
        raise Unfit(f"must be a number, not {type_name(value)}", value, path)
    try:
        return double_of(number)
    except OverflowError:
        raise Unfit("outside the range of a double", value, path) from None


def _nested(value: object, path: str, owner: Owner) -> StoredInfluencer | DifferingInfluencer:
    """A nested influencer. If it is refused, it is read again without the missing values of other libraries.

    Such values are rare. Looking for them in every influencer would take more time than a quarter of all checks.
    """
    try:
        return _bucket_influencer(value, path, owner)
    except Unfit:
        if not isinstance(value, Mapping):
            raise
        named = [(base_form(key), entry) for key, entry in value.items()]
        present = {
            key: entry
            for key, entry in named
            if type(key) is str and (entry is None or base_or_none(entry) is not None)
        }
        if len(present) == len(named):
            raise
    return _bucket_influencer(present, path, owner)


def _bucket_influencer(value: object, path: str, owner: Owner) -> StoredInfluencer | DifferingInfluencer:
    if not isinstance(value, Mapping):
        raise Unfit(f"must be an object, not {type_name(value)}", value, path)
    job_id = _own(value, "job_id", owner.job_id, path)
    result_type = value.get("result_type")
    said = base_form(result_type)
    if said is not None and not (type(said) is str and said == "bucket_influencer"):
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
    return stored if own == _ALL_AS_THE_BUCKET else DifferingInfluencer(*stored, *own)


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
    if text.removeprefix("-").isdigit():
        as_number = f"give epoch milliseconds as a number, {text[:20]} without quotes"
        raise Unfit(f"must be a number, not text: {as_number}; a date has a month, as in 2026-01", text, path)
    try:
        covered = read_calendar(text)
    except OverflowError:
        raise Unfit(_OUTSIDE_YEARS, text, path) from None
    if covered is None:
        a_date = "a calendar date in ISO form, such as 2026-01-31T12:00:00Z"
        raise Unfit(f"must be {a_date}, or epoch milliseconds, not [{brief(text)}]", text, path)
    return covered.first


def _outside_years(value: object) -> str:
    """The reason for refusing an instant; a number may be in a smaller unit by mistake."""
    return f"{_OUTSIDE_YEARS}: {brief(value)}, read as epoch milliseconds" if is_number(value) else _OUTSIDE_YEARS
