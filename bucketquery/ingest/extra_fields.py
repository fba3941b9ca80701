"""Extra fields: the fields of a document that have no column and no sparse list, checked and stored as one JSON text.

No query filters or sorts by extra fields, and only answers read them. The text takes about as much memory as the input
did, is immutable, and compares exactly. Every reader parses it into fresh objects.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from bucketquery.ingest import checks
from bucketquery.ingest.checks import Unfit
from bucketquery.model.numbers import is_integer, is_real
from bucketquery.model.schema import Document, Field, Schema, Type
from bucketquery.model.text import brief, built_in_str

#: The maximum depth of nested lists and objects.
DEEPEST: Final = 100

_write: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def extra_fields_of(schema: Schema, document: Document) -> str:
    """The extra fields of a document as text: documented parts in their order, then all other keys; "" if none.

    Raises:
        Unfit: a part has the wrong type, or a value is not JSON; the path begins with the field.
    """
    parts = {}
    for field in schema.parts:
        value = document.get(field.name)
        if value is not None:
            parts[field.name] = part(field, value, field.name)
    documented, event = schema.documented, document.get("event")
    if event is not None and not isinstance(event, Mapping):
        # A data field may have this name. Its values are not an object.
        documented -= {"event"}
    for key, value in document.items():
        # Compare keys as built-in str: a subclass of str may equal a documented name and hash differently.
        name = key if type(key) is str else _key(key, "")
        if name not in documented:
            parts[name] = json_value(value, brief(name))
    return fields_to_text(parts)


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
    """A documented part as JSON of built-in types.

    Raises:
        Unfit: the value has the wrong type; its path begins with the given one.
    """
    if field.type is Type.TEXT:
        return checks.keyword(value, path)
    if field.type is Type.OBJECT:
        return _object(value, path)
    entries = [(entry, f"{path}[{at}]") for at, entry in enumerate(checks.entries(value, path))]
    if field.type is Type.DOUBLES:
        return [checks.double(entry, below) for entry, below in entries]
    objects = [_object(entry, below, 1) for entry, below in entries]
    if field.type is Type.INFLUENCES:
        for influence, (_, below) in zip(objects, entries, strict=True):
            _check_influence(influence, below)
    return objects


def json_value(value: object, path: str = "", depth: int = 0) -> Any:
    """A copy of the value as JSON of built-in types: scalars of NumPy and subclasses of ``str`` are converted.

    Raises:
        Unfit: a value inside it is not JSON; the path leads to that value.
    """
    if isinstance(value, str):
        return built_in_str(value)
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if is_integer(value):
        return checks.integer(value, None, path)
    if is_real(value):
        # No query compares this number, so -0.0 stays -0.0.
        return checks.finite(value, path)
    if depth == DEEPEST:
        raise Unfit(f"nested more than {DEEPEST} levels deep", value, path)
    if isinstance(value, list | tuple):
        return [json_value(entry, f"{path}[{at}]", depth + 1) for at, entry in enumerate(value)]
    if isinstance(value, Mapping):
        named = [(_key(key, path), entry) for key, entry in value.items()]
        return {key: json_value(entry, f"{path}.{brief(key)}", depth + 1) for key, entry in named}
    raise Unfit(f"must be JSON, not {type(value).__name__}", value, path)


def _object(value: object, path: str, depth: int = 0) -> Any:
    if isinstance(value, Mapping):
        return json_value(value, path, depth)
    raise Unfit(f"must be an object, not {checks.type_name(value)}", value, path)


def _check_influence(influence: Mapping[str, Any], path: str) -> None:
    name, values = influence.get("influencer_field_name"), influence.get("influencer_field_values")
    if name is not None:
        checks.keyword(name, f"{path}.influencer_field_name")
    if values is not None:
        checks.keywords(values, f"{path}.influencer_field_values")


def _key(key: object, path: str) -> str:
    if isinstance(key, str):
        return key if type(key) is str else built_in_str(key)
    raise Unfit(f"must have text for its keys, not {type(key).__name__}", key, path)
