"""Extra fields: the fields of a document that have no column and no sparse list, checked and stored as one JSON text.

No query filters or sorts by extra fields, and only answers read them. The text takes about as much memory as the input
did, is immutable, and compares exactly. Every reader parses it into fresh objects.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bucketquery.ingest import checks
from bucketquery.ingest.checks import Unfit
from bucketquery.model.numbers import is_number, is_written_whole
from bucketquery.model.scalars import base_form, base_or_none
from bucketquery.model.schema import Document, Field, Schema, Type
from bucketquery.model.text import brief

#: The maximum depth of nested lists and objects.
DEEPEST: Final = 100

_write: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def extra_fields_of(schema: Schema, document: Document) -> str:
    """The extra fields of a document as text: documented parts in their order, then all other keys; "" if none.

    Raises:
        Unfit: a part has the wrong type, or a value is not JSON; the path begins with the field.
    """
    return fields_to_text(_extra_parts(schema, document))


def fields_of_text(schema: Schema, value: object) -> dict[str, Any]:
    """The extra fields in the text of a JSON object, checked as those of a document are; none if it is missing.

    Raises:
        Unfit: the value is not such a text, a field in it has a column of its own, or a value in it is refused.
    """
    if base_or_none(value) is None:
        return {}
    text = checks.keyword(value)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if type(fields) is not dict:
        raise Unfit(f"must be the text of a JSON object, not [{brief(text)}]", value)
    parts = _extra_parts(schema, fields, ".")
    for name in fields:
        if name not in parts and fields[name] is not None:
            raise Unfit("is no extra field: it has a column of its own", fields[name], f".{name}")
    return parts


def _extra_parts(schema: Schema, document: Document, path: str = "") -> dict[str, Any]:
    """The extra fields of a document: documented parts in their order, then all other keys."""
    parts = {}
    for field in schema.parts:
        value = document.get(field.name)
        if value is not None and (stored := part(field, value, f"{path}{field.name}")) is not None:
            parts[field.name] = stored
    documented, event = schema.documented, document.get("event")
    if event is not None and not isinstance(event, Mapping) and base_or_none(event) is not None:
        # A data field may have this name. Its values are not an object.
        documented -= {"event"}
    for key, value in document.items():
        # Compare keys as built-in str: a subclass of str may equal a documented name and hash differently.
        name = key if type(key) is str else _key(key, "")
        if name not in documented:
            parts[name] = json_value(value, f"{path}{brief(name)}")
    return parts


def fields_to_text(parts: Mapping[str, Any]) -> str:
    """The parts as one JSON text; "" if there are none."""
    return _write(parts) if parts else ""


def fields_from_texts(texts: Sequence[str | tuple[Any, ...]]) -> list[dict[str, Any]]:
    """The parts of each text; an empty text has none. The objects are new, so the caller may change them.

    >>> fields_from_texts(['{"actual":[1.5]}', ""])
    [{'actual': [1.5]}, {}]
    """
    parts: list[dict[str, Any]] = json.loads(f"[{','.join([str(text or '{}') for text in texts])}]")
    return parts


def part(field: Field, value: object, path: str = "") -> Any:
    """A documented part as JSON of built-in types; None if it is missing.

    Raises:
        Unfit: the value has the wrong type; its path begins with the given one.
    """
    if base_or_none(value) is None:
        return None
    if field.type is Type.TEXT:
        return checks.keyword(value, path)
    if field.type is Type.OBJECT:
        return _object(value, path)
    items = checks.items(value, path)
    if field.type is Type.DOUBLES:
        return [checks.double(item, place) for item, place in items]
    complete = _as_influence if field.type is Type.INFLUENCES else _as_cause
    return [complete(_object(item, place, 1), place) for item, place in items]


def json_value(value: Any, path: str = "", depth: int = 0) -> Any:
    """A copy of the value as JSON of built-in types. Single values take their base forms; a missing one is null.

    Raises:
        Unfit: a value inside it is not JSON; the path leads to that value.
    """
    of = type(value)
    if of is str or of is bool or value is None:
        return value
    if of is not dict and of is not list:
        value = base_or_none(value)
        if value is None or type(value) is str or type(value) is bool:
            return value
        if is_number(value):
            # No query compares this number, so -0.0 stays -0.0.
            return checks.integer(value, None, path) if is_written_whole(value) else checks.finite(value, path)
    if depth == DEEPEST:
        raise Unfit(f"nested more than {DEEPEST} levels deep", value, path)
    if issubclass(of, list | tuple):
        return [json_value(item, f"{path}[{at}]", depth + 1) for at, item in enumerate(value)]
    if isinstance(value, Mapping):
        named = [(_key(key, path), entry) for key, entry in value.items()]
        return {key: json_value(entry, f"{path}.{brief(key)}", depth + 1) for key, entry in named}
    raise Unfit(f"must be JSON, not {of.__name__}", value, path)


def _object(value: object, path: str, depth: int = 0) -> Any:
    if isinstance(value, Mapping):
        return json_value(value, path, depth)
    raise Unfit(f"must be an object, not {checks.type_name(value)}", value, path)


def _as_influence(influence: dict[str, Any], path: str) -> dict[str, Any]:
    """An influencer of a record, checked; a single value becomes a list of one."""
    name, values = influence.get("influencer_field_name"), influence.get("influencer_field_values")
    if name is not None:
        checks.keyword(name, f"{path}.influencer_field_name")
    if values is not None:
        influence["influencer_field_values"] = list(checks.keywords(values, f"{path}.influencer_field_values"))
    return influence


def _as_cause(cause: dict[str, Any], path: str) -> dict[str, Any]:
    """A cause of a record. Single values become lists of one, and are checked; lists may be any JSON."""
    _make_list(cause, "typical", checks.double, path)
    _make_list(cause, "actual", checks.double, path)
    blamed = cause.get("influencers")
    if blamed is not None:
        _make_list(cause, "influencers", _object, path)
        places = [place for _, place in checks.items(blamed, f"{path}.influencers")]
        for influence, place in zip(cause["influencers"], places, strict=True):
            if type(influence) is dict:
                _make_list(influence, "influencer_field_values", checks.keyword, place)
    return cause


def _make_list(parent: dict[str, Any], name: str, check: Callable[[object, str], Any], path: str) -> None:
    """Put a single value of an object into a list, after it is checked."""
    value = parent.get(name)
    if value is not None and type(value) is not list:
        parent[name] = [check(value, f"{path}.{name}")]


def _key(key: object, path: str) -> str:
    text = base_form(key)
    if type(text) is str:
        return text
    raise Unfit(f"must have text for its keys, not {type(key).__name__}", key, path)
