"""One parameter at a time: what it may be, and what it means.

Where the API says it in words, its words are the error's. `queries` puts the parameters together.
"""

import math
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.instants import FIRST_MS, LAST_MS, Instant, InstantRange, NowMath, read_instant
from bucketquery.model.numbers import is_integer, is_real
from bucketquery.model.schema import MAPPED, NESTED_FIELDS, TEXT_FIELDS, Schema
from bucketquery.model.text import JOB_ID_RULE, brief, is_job_id, plain

_DOUBLE = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?|NaN|Infinity)")
_BLANKS: Final = "".join(map(chr, range(0x21)))

#: A question is about so many jobs at most.
MOST_JOBS: Final = 100_000

_new_tuple: Final = tuple.__new__

_BOOLEANS: Final = {"true": True, "false": False}


def read_text(value: object, field: str) -> str:
    """Text where a name is meant, as plain text.

    Raises:
        InvalidQuery: ``value`` is no text.
    """
    if not isinstance(value, str):
        raise InvalidQuery(f"[{field}] must be text, not {type(value).__name__}", field=field, value=value)
    return plain(value)


def read_job_id(job_id: object) -> str:
    """What a new job is to be called, as plain text.

    Raises:
        InvalidQuery: no job can be called so.
    """
    if not is_job_id(job_id):
        raise InvalidQuery(f"[job_id] {JOB_ID_RULE}", field="job_id", value=job_id)
    return plain(job_id)


def read_now(value: object) -> int:
    """Epoch ms of a ``now`` that a caller gave.

    Raises:
        InvalidQuery: not an instant, or one that needs a clock itself.
    """
    read = read_instant(value, "now")
    if isinstance(read, NowMath):
        raise InvalidQuery("[now] must be an instant, not [now] itself", field="now", value=value)
    return read.first


def order_of(schema: Schema, sort: str) -> tuple[str, ...]:
    """The fields that order the results, the first one first; where they say nothing more, identities decide.

    Raises:
        InvalidQuery: nothing of this name can be sorted by.

    Source: the results index's mapping, and the server's ``FieldSortBuilder`` and ``RecordsQueryBuilder``.

    >>> from bucketquery.model.schema import BUCKET, INFLUENCER
    >>> [order_of(BUCKET, sort) for sort in ("anomaly_score", "@timestamp", "record_score")]
    [('anomaly_score',), (), ()]
    >>> order_of(INFLUENCER, "timestamp")
    ('timestamp', 'bucket_span', 'influencer_field_name', 'influencer_field_value')
    """
    if sort not in MAPPED:
        raise _unsortable(sort)
    lead = "timestamp" if sort == "@timestamp" else sort
    leading = (lead,) if lead in schema.sortable else ()
    if schema.is_ordered_by_identity:
        # Identities begin with the time.
        return () if lead == "timestamp" else leading
    return tuple(dict.fromkeys((*leading, *schema.ties)))


def orders_of(schema: Schema) -> Mapping[str, tuple[str, ...]]:
    """What `order_of` says of every field that can be sorted by."""
    return MappingProxyType({sort: order_of(schema, sort) for sort in MAPPED})


def _unsortable(sort: str) -> InvalidQuery:
    if sort in TEXT_FIELDS:
        return InvalidQuery(
            f"Fielddata is disabled on [{sort}]; text fields cannot be sorted by", field="sort", value=sort
        )
    reason = f"No mapping found for [{brief(sort)}] in order to sort on"
    if sort in NESTED_FIELDS:
        reason = f"it is mandatory to set the [nested] context on the nested sort field: [{sort}]."
    return InvalidQuery(reason, field="sort", value=sort, type="query_shard_exception")


def read_jobs(jobs: object) -> tuple[str, ...]:
    """The jobs that are named, literally, one alone or any number in an iterable, each once.

    Raises:
        InvalidQuery: there is none, or something that no job can be called.
        LimitExceeded: there are more than `MOST_JOBS`, repeats included.

    >>> read_jobs("web"), read_jobs(["web", "db", "web"])
    (('web',), ('web', 'db'))
    """
    if is_job_id(jobs):
        return (plain(jobs),)
    if isinstance(jobs, Iterable) and not isinstance(jobs, str):
        named = list(islice(jobs, MOST_JOBS + 1))
        if len(named) > MOST_JOBS:
            raise LimitExceeded(f"[jobs] names more than {MOST_JOBS} jobs", field="jobs", value=jobs)
        if named and all(map(is_job_id, named)):
            return tuple(dict.fromkeys(map(plain, named)))
    reason = "[jobs] must be the id of one job, or ids of several; patterns are not known"
    raise InvalidQuery(reason, field="jobs", value=jobs)


def read_bound(value: Instant | None, name: str) -> tuple[int | str | None, InstantRange | NowMath | None]:
    """One side of a window: what to keep of it, and what it means; None twice where it is open."""
    if type(value) is int and FIRST_MS <= value <= LAST_MS and value != -1:
        # What most bounds are.
        return value, _new_tuple(InstantRange, (value, value))
    if is_unset(value):
        return None, None
    kept, read = read_canonical_instant(value, name)
    # A datetime may mean the very instant whose number means unset; kept as a number it would, when asked again.
    return ("1969-12-31T23:59:59.999Z" if kept == -1 else kept), read


def is_unset(value: object) -> bool:
    """Whether one side of a window is left open; no other spelling of the instant -1 means that."""
    return value is None or (value == "-1" if isinstance(value, str) else is_integer(value) and value == -1)


def read_canonical_instant(
    value: object, name: str, *, covers: bool = False
) -> tuple[int | str, InstantRange | NowMath]:
    """What to keep of an instant, text as it is and the rest in epoch ms, and what it means."""
    read = read_instant(value, name, covers=covers)
    if isinstance(value, str):
        return plain(value), read
    assert isinstance(read, InstantRange)  # only text has date math
    return read.first, read


def read_score(value: object, name: str) -> float:
    """A threshold as float; an integer past the doubles is infinite, and so matches nothing or all."""
    if is_real(value):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    raise InvalidQuery(f"[{name}] must be a number, not {type(value).__name__}", field=name, value=value)


def read_double(text: str, name: str) -> float:
    """The number that Java's ``Double.parseDouble`` reads."""
    bare = text.strip(_BLANKS)
    if _DOUBLE.fullmatch(bare):
        return float(bare.rstrip("fFdD") if bare[-1] in "fFdD" else bare)
    reason = f'For input string: "{text[:100]}"' if bare else "empty String"
    raise InvalidQuery(reason, field=name, value=text, type="number_format_exception")


def read_boolean(value: object, name: str) -> bool:
    """A bool; 0, 1 and text are none."""
    if isinstance(value, bool):
        return value
    reason = f"Failed to parse value [{brief(value)}] as only [true] or [false] are allowed."
    raise InvalidQuery(reason, field=name, value=value)


def read_boolean_text(value: object, name: str) -> bool | None:
    """A bool or the text for one, ``true`` or ``false`` exactly; None is not given."""
    if isinstance(value, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    return None if value is None else read_boolean(value, name)


def read_integer(value: object, name: str, field: str) -> int:
    """A non-negative integer of any size."""
    if not is_integer(value):
        reason = f"Failed to parse int parameter [{name}] with value [{brief(value)}]"
        raise InvalidQuery(reason, field=field, value=value)
    number = int(value)
    if number < 0:
        raise InvalidQuery(f"Parameter [{name}] cannot be < 0", field=field, value=value)
    return number


def read_page(page: object) -> dict[str, int]:
    """What ``page`` gives of ``from_`` and ``size``."""
    if not isinstance(page, Mapping):
        raise InvalidQuery("[page] must be an object with [from] and [size]", field="page", value=page)
    unknown = [name for name in page if name not in ("from", "size")]
    if unknown:
        raise InvalidQuery(f"[page] unknown field [{brief(unknown[0])}]", field="page", value=page)
    names = {"from": "from_", "size": "size"}
    return {names[name]: read_integer(value, name, f"page.{name}") for name, value in page.items()}


def read_sort(schema: Schema, sort: object) -> str:
    """The name of a field that can be sorted by."""
    if not isinstance(sort, str):
        raise InvalidQuery(f"[sort] must be the name of one field, not {type(sort).__name__}", field="sort", value=sort)
    name = plain(sort)
    order_of(schema, name)
    return name
