"""Single parameters of a prepared query: their valid values, and the meaning of each value.

The Python API promises the API's own words for refusals (docs/semantics, 4.4, 5.6, 6.2), so the errors are made
here. The REST door passes them on. `query` combines the parameters; `client_keywords` reads other spellings of them.
"""

import math
from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

import numpy as np

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.instants import FIRST_MS, LAST_MS, Instant, InstantRange, NowMath, read_base_form, read_instant
from bucketquery.model.numbers import double_of, is_number
from bucketquery.model.scalars import base_form, iterator_of
from bucketquery.model.schema import MAPPED, NESTED_FIELDS, SCHEMAS, TEXT_FIELDS, Float64s, Kind, Schema
from bucketquery.model.text import JOB_ID_RULE, brief, is_job_id
from bucketquery.queries.job_tokens import read_groups

_LONGEST_SPAN: Final = 2**63

#: The largest number of thresholds to count at once.
MOST_THRESHOLDS: Final = 10_000
#: The type codes of arrays whose values are all numbers, and become doubles as `read_score` reads them.
_NUMBER_CODES: Final = "bhilqBHILQefd"

#: The text for the instant -1, which as a number means unset.
_MINUS_ONE: Final = "1969-12-31T23:59:59.999Z"

#: The number of values in a band: the low one and the high one.
_BAND_ENDS: Final = 2

_new_tuple: Final = tuple.__new__


def read_job(job_id: object, bucket_span: object, groups: object) -> tuple[str, int | None, tuple[str, ...]]:
    """The id of a new job, the span of its buckets in seconds (None if it is unknown), and its groups.

    Raises:
        InvalidQuery: no job can have this id, or the span is not a positive integer inside int64, or `read_groups`
            refuses the groups.
        LimitExceeded: there are too many groups.
    """
    text = read_job_id(job_id)
    span: int | None = base_form(bucket_span)
    if bucket_span is not None and not (type(span) is int and 0 < span < _LONGEST_SPAN):
        raise InvalidQuery(
            "[bucket_span] must be a positive integer inside int64", field="bucket_span", value=bucket_span
        )
    return text, span, read_groups(groups)


def read_text(value: object, field: str) -> str:
    """A name as built-in text.

    Raises:
        InvalidQuery: ``value`` is not text.
    """
    text = base_form(value)
    if type(text) is str:
        return text
    raise InvalidQuery(f"[{field}] must be text, not {type(value).__name__}", field=field, value=value)


def read_job_id(job_id: object) -> str:
    """The id of a new job as built-in text.

    Raises:
        InvalidQuery: no job can have this id.
    """
    text = base_form(job_id)
    if is_job_id(text):
        return text
    raise InvalidQuery(f"[job_id] {JOB_ID_RULE}", field="job_id", value=job_id)


def read_count(value: object, field: str) -> int:
    """A non-negative integer, checked.

    >>> read_count(5, "max_size")
    5
    """
    count = base_form(value)
    if type(count) is int and count >= 0:
        return count
    raise InvalidQuery(f"[{field}] must be a non-negative integer", field=field, value=value)


def read_kind(value: object) -> Kind:
    """The kind of results that a parameter names.

    Raises:
        InvalidQuery: ``value`` is not a kind.
    """
    kind = base_form(value)
    if type(kind) is str and kind in SCHEMAS:
        return SCHEMAS[kind].kind
    raise InvalidQuery(f"[kind] must be one of [{', '.join(SCHEMAS)}]", field="kind", value=value)


def read_now(value: object) -> int:
    """Epoch ms of a ``now`` that a caller gave.

    Raises:
        InvalidQuery: ``value`` is not an instant, or is date math that itself needs a clock.
    """
    read = read_instant(value, "now")
    if isinstance(read, NowMath):
        raise InvalidQuery("[now] must be an instant, not [now] itself", field="now", value=value)
    return read.first


def order_by_of(schema: Schema, sort: str) -> tuple[str, ...]:
    """The columns that order the results, the leading one first. Ties, or no columns: identity order.

    Raises:
        InvalidQuery: results cannot be sorted by this field.

    Source: the results index's mapping, and the server's ``FieldSortBuilder`` and ``RecordsQueryBuilder``.

    >>> from bucketquery.model.schema import BUCKET, INFLUENCER
    >>> [order_by_of(BUCKET, sort) for sort in ("anomaly_score", "@timestamp", "record_score")]
    [('anomaly_score',), (), ()]
    >>> order_by_of(INFLUENCER, "timestamp")
    ('timestamp', 'bucket_span', 'influencer_field_name', 'influencer_field_value')
    """
    if sort not in MAPPED:
        raise _unsortable(sort)
    lead = "timestamp" if sort == "@timestamp" else sort
    leading = (lead,) if lead in schema.sortable else ()
    if schema.is_ordered_by_identity:
        # Identities begin with the time, so time order needs no column.
        return () if lead == "timestamp" else leading
    return tuple(dict.fromkeys((*leading, *schema.ties)))


def every_order_by(schema: Schema) -> Mapping[str, tuple[str, ...]]:
    """The result of `order_by_of` for every field that can be sorted by."""
    return MappingProxyType({sort: order_by_of(schema, sort) for sort in MAPPED})


def _unsortable(sort: str) -> InvalidQuery:
    if sort in TEXT_FIELDS:
        return InvalidQuery(
            f"Fielddata is disabled on [{sort}]; text fields cannot be sorted by", field="sort", value=sort
        )
    reason = f"No mapping found for [{brief(sort)}] in order to sort on"
    if sort in NESTED_FIELDS:
        reason = f"it is mandatory to set the [nested] context on the nested sort field: [{sort}]."
    return InvalidQuery(reason, field="sort", value=sort, type="query_shard_exception")


def read_bound(value: Instant | None, name: str) -> tuple[int | str | None, InstantRange | NowMath | None]:
    """One side of a window: its canonical value and its parsed instant; (None, None) if it is open.

    Raises:
        InvalidQuery: not an instant.
        LimitExceeded: a text is too long, has too many date math steps, or lies outside the years 0001 to 9999.
    """
    if type(value) is int and FIRST_MS <= value <= LAST_MS and value != -1:
        # Most bounds are valid integers.
        return value, _new_tuple(InstantRange, (value, value))
    base = base_form(value)
    if _is_open(base):
        return None, None
    canonical, read = _canonical(base, value, name, covers=False)
    # A datetime may mean the instant -1. Stored as that number, it would be unset in a copy of the query.
    return (_MINUS_ONE if canonical == -1 else canonical), read


def is_unset(value: object) -> bool:
    """Whether one side of a window is left open: None, the integer -1 or the text "-1", and no other spelling."""
    return _is_open(base_form(value))


def _is_open(base: object) -> bool:
    of = type(base)
    return base == "-1" if of is str else base == -1 if of is int else base is None


def read_canonical_instant(
    value: object, name: str, *, covers: bool = False
) -> tuple[int | str, InstantRange | NowMath]:
    """An instant's canonical value and its parsed instant. Text stays as given; any other instant becomes epoch ms.

    Raises:
        InvalidQuery: not an instant.
        LimitExceeded: a text is too long, has too many date math steps, or lies outside the years 0001 to 9999.
    """
    return _canonical(base_form(value), value, name, covers=covers)


def _canonical(base: object, value: object, name: str, *, covers: bool) -> tuple[int | str, InstantRange | NowMath]:
    read = read_base_form(base, value, name, covers=covers)
    if type(base) is str:
        return base, read
    assert isinstance(read, InstantRange)  # only text has date math
    return read.first, read


def read_score(value: object, name: str) -> float:
    """A threshold as float; an integer beyond the range of a double becomes infinite.

    Raises:
        InvalidQuery: not a number.
    """
    number = base_form(value)
    if is_number(number):
        try:
            return double_of(number)
        except OverflowError:
            return math.inf if number > 0 else -math.inf
    raise InvalidQuery(f"[{name}] must be a number, not {type(value).__name__}", field=name, value=value)


def read_condition(value: object, name: str) -> float | tuple[float, float]:
    """A condition on the score: a threshold as float, or a band as a pair of floats.

    A band is a tuple or a list of two numbers, the low one first.

    Raises:
        InvalidQuery: neither, or a band that no score can be in.

    >>> read_condition(75, "anomaly_score"), read_condition([25, 50], "anomaly_score")
    (75.0, (25.0, 50.0))
    """
    if not isinstance(value, (tuple, list)):
        return read_score(value, name)
    # A subclass may iterate in another way, so the items are those of the base type.
    given = tuple.__iter__(value) if isinstance(value, tuple) else list.__iter__(value)
    pair = tuple(islice(given, 3))
    if len(pair) != _BAND_ENDS:
        reason = f"[{name}] must be a number or a pair of numbers, (low, high)"
        raise InvalidQuery(reason, field=name, value=value)
    # Adding 0.0 turns -0.0 into 0.0, so that equal bands have one form.
    low, high = read_score(pair[0], name) + 0.0, read_score(pair[1], name) + 0.0
    if low < high:
        return low, high
    reason = f"[{name}] must be a pair (low, high) with low < high, and without NaN"
    raise InvalidQuery(reason, field=name, value=value)


def read_thresholds(values: object) -> Float64s:
    """Thresholds as an array, in the order given, NaN as given.

    Raises:
        InvalidQuery: not an iterable of numbers.
        LimitExceeded: more than `MOST_THRESHOLDS`.

    >>> read_thresholds([75, 90.5]).tolist()
    [75.0, 90.5]
    """
    if type(values) is np.ndarray and values.ndim == 1 and values.dtype.char in _NUMBER_CODES:
        _refuse_more_thresholds(len(values), values)
        return values.astype(np.float64)
    numbers = None if isinstance(values, (str, bytes, bytearray)) else iterator_of(values)
    if numbers is None:
        reason = f"[thresholds] must be numbers, not {type(values).__name__}"
        raise InvalidQuery(reason, field="thresholds", value=values)
    read = [read_score(number, "thresholds") for number in islice(numbers, MOST_THRESHOLDS + 1)]
    _refuse_more_thresholds(len(read), values)
    return np.array(read, dtype=np.float64)


def _refuse_more_thresholds(number: int, values: object) -> None:
    if number > MOST_THRESHOLDS:
        reason = f"[thresholds] has more than {MOST_THRESHOLDS} numbers"
        raise LimitExceeded(reason, field="thresholds", value=values)


def read_boolean(value: object, name: str) -> bool:
    """A bool of Python or NumPy; 0, 1 and text are refused.

    Raises:
        InvalidQuery: not a bool.
    """
    base = value if type(value) is bool else base_form(value)
    if type(base) is bool:
        return base
    reason = f"Failed to parse value [{brief(value)}] as only [true] or [false] are allowed."
    raise InvalidQuery(reason, field=name, value=value)


def read_integer(value: object, name: str, field: str) -> int:
    """A non-negative integer of any size; ``name`` is the API's name for it, ``field`` is ours.

    Raises:
        InvalidQuery: not an integer, or a negative one.
    """
    number = base_form(value)
    if type(number) is not int:
        reason = f"Failed to parse int parameter [{name}] with value [{brief(value)}]"
        raise InvalidQuery(reason, field=field, value=value)
    if number < 0:
        raise InvalidQuery(f"Parameter [{name}] cannot be < 0", field=field, value=value)
    return number


def read_sort(schema: Schema, sort: object) -> str:
    """The name of a field that can be sorted by.

    Raises:
        InvalidQuery: not the name of one field, or results cannot be sorted by it.
    """
    name = base_form(sort)
    if type(name) is not str:
        raise InvalidQuery(f"[sort] must be the name of one field, not {type(sort).__name__}", field="sort", value=sort)
    order_by_of(schema, name)
    return name
