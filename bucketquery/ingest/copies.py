"""Copies of documents that the caller may change while later documents are read."""

from collections.abc import Iterator, Mapping
from typing import Any

from bucketquery.ingest.extra_fields import DEEPEST
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import EXTRA_FIELDS, Document, Schema


def copied(schema: Schema, document: Document) -> Document:
    """A copy of every part of a document that is read later. Lists become lists, and mappings dicts."""
    parts = dict(document) if type(document) is dict else dict(_items(document))
    for name in list(parts) if EXTRA_FIELDS in schema.only_shown else [field.name for field in schema.lists]:
        parts[name] = _copy(parts.get(name), DEEPEST)
    return parts


def _copy(value: Any, depth: int) -> Any:
    """A copy of a JSON value down to ``depth`` levels."""
    if isinstance(value, list | tuple):
        return [_copy(entry, depth - 1) if depth else entry for entry in value]
    if isinstance(value, Mapping):
        return {key: _copy(entry, depth - 1) if depth else entry for key, entry in _items(value)}
    return value


def _items(mapping: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """The items of a mapping, with keys that a dict can have."""
    for key, value in mapping.items():
        name = base_form(key)
        # A key that is neither text nor hashable is refused or dropped, and so is its class in its place.
        yield (type(name) if type(name).__hash__ is None else name), value
