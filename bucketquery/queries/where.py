"""Entity filters: the parameter ``where`` of a query, which names fields and the values that they must have."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final, NoReturn

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.scalars import base_form, iterator_of
from bucketquery.model.schema import BUCKET, MAPPED, RECORD, SCHEMAS, Schema, Type
from bucketquery.model.text import brief

#: A value that a field may have; None: the field is missing.
Value = str | int | None
#: The fields in the order of their names, each with its values: ascending, each once, None last.
Where = tuple[tuple[str, tuple[Value, ...]], ...]

#: The largest number of fields in a filter.
MOST_FIELDS: Final = 100
#: The largest number of values of all fields together, repeats included.
MOST_VALUES: Final = 10_000

#: The one field of numbers that a filter may name. A record without it counts as 0, as in its identity.
DETECTOR_INDEX: Final = "detector_index"
#: The keys of documents of all kinds, and the fields that results can be sorted by. None of them is a data field.
_NO_DATA_FIELDS: Final = MAPPED.union({RECORD.plural}, *(schema.documented for schema in SCHEMAS.values()))
#: The parameters that filter by other fields.
_INSTEAD: Final = {
    "job_id": "jobs",
    "timestamp": "start] and [end",
    "@timestamp": "start] and [end",
    "is_interim": "exclude_interim",
}
_PAIR_LENGTH: Final = 2
_INT64: Final = range(-(2**63), 2**63)


def filtered_schema(schema: Schema) -> Schema:
    """The kind of results whose fields a filter names: buckets are filtered by their records."""
    return RECORD if schema is BUCKET else schema


def read_where(schema: Schema, where: object) -> Where:
    """A filter in its one form; empty if it is None or names no field.

    Args:
        schema: the kind of the query.
        where: a mapping of names of fields to a value or an iterable of values; or the form that this returns.

    Raises:
        InvalidQuery: not such a mapping, a field that no filter may name, or a value that the field cannot have.
        LimitExceeded: more than `MOST_FIELDS` fields, or more than `MOST_VALUES` values.

    >>> read_where(RECORD, {"host.name": ["b", "a", "b"], "function": "mean", "by_field_value": None})
    (('by_field_value', (None,)), ('function', ('mean',)), ('host.name', ('a', 'b')))
    """
    if where is None:
        return ()
    fields: dict[str, tuple[Value, ...]] = {}
    left = MOST_VALUES
    for key, given in _items(where):
        name = base_form(key)
        if type(name) is not str:
            _refuse(f"[where] must have names of fields as keys, not {type(key).__name__}", where)
        if name in fields:
            _refuse(f"[where] has [{brief(name)}] twice", where)
        _check_name(schema, name, where)
        fields[name], number = _values(name, given, left)
        left -= number
    return tuple(sorted(fields.items()))


def _items(where: object) -> list[tuple[Any, Any]]:
    """The names and values of a filter, before any check of them."""
    # A copied or unpickled query passes the form of its attribute, which is a tuple.
    given = where.items() if isinstance(where, Mapping) else where if type(where) is tuple else None
    pairs = None if given is None else iterator_of(given)
    items = [] if pairs is None else list(islice(pairs, MOST_FIELDS + 1))
    if pairs is None or not all(type(pair) is tuple and len(pair) == _PAIR_LENGTH for pair in items):
        _refuse(f"[where] must be a mapping of fields to values, not {type(where).__name__}", where)
    if len(items) > MOST_FIELDS:
        raise LimitExceeded(f"[where] has more than {MOST_FIELDS} fields", field="where", value=where)
    return items


def _check_name(schema: Schema, name: str, where: object) -> None:
    """Refuse a field of the results that no filter of a query for this kind may name."""
    field = filtered_schema(schema).by_name.get(name)
    if name == DETECTOR_INDEX and field is not None:
        return
    if field is None and name not in _NO_DATA_FIELDS:
        return
    if field is None or field.type is not Type.KEYWORD:
        parameter = name if name == schema.score else _INSTEAD.get(name)
        instead = "" if parameter is None else f"; use the parameter [{parameter}]"
        _refuse(f"[where] cannot filter {filtered_schema(schema).plural} by [{brief(name)}]{instead}", where)


def _values(name: str, given: object, most: int) -> tuple[tuple[Value, ...], int]:
    """The values of one field in their order, and how many were given."""
    single = base_form(given)
    if single is None or type(single) in (str, int, bool, float):
        read = [_value(name, single, given)]
    else:
        is_iterable = not isinstance(given, bytes | bytearray | memoryview | Mapping)
        entries = iterator_of(given) if is_iterable else None
        if entries is None:
            _refuse(
                f"[where.{brief(name)}] must be a value or an iterable of values, not {type(given).__name__}", given
            )
        read = [_value(name, base_form(entry), entry) for entry in islice(entries, most + 1)]
    number = len(read)
    if number > most:
        raise LimitExceeded(f"[where] has more than {MOST_VALUES} values", field="where", value=given)
    if name == DETECTOR_INDEX:
        # No record can have another number, and a number of thousands of digits cannot be printed.
        read = [value for value in read if value in _INT64]
    present = sorted({value for value in read if value is not None})
    return (*present, *([None] if None in read else [])), number


def _value(name: str, base: object, given: object) -> Any:
    """One value, checked against its field."""
    if name == DETECTOR_INDEX:
        if type(base) is not int:
            _refuse(f"[where.{name}] must be an integer, not {type(given).__name__}", given)
    elif base is not None and type(base) is not str:
        _refuse(f"[where.{brief(name)}] must be text or None, not {type(given).__name__}", given)
    return base


def _refuse(reason: str, value: object) -> NoReturn:
    raise InvalidQuery(reason, field="where", value=value)
