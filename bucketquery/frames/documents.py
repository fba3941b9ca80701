"""Rows of a frame as documents, which an index reads and checks."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isnan
from typing import Any, Final

from bucketquery.frames.rows import Columns
from bucketquery.frames.table import INGESTED
from bucketquery.ingest.batch import refused
from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.extra_fields import fields_of_text
from bucketquery.model.schema import EVENT_INGESTED, EXTRA_FIELDS_COLUMN, Schema, Type

#: The types whose values in a frame are documents already, or are read as such.
_NESTED: Final = frozenset({Type.BUCKET_INFLUENCERS, Type.KEYWORDS})


def documents_of(columns: Columns, schema: Schema, argument: str) -> list[dict[str, Any]]:
    """The document of each row; a missing value has no key.

    Raises:
        InvalidDocument: the extra fields of a row are not a JSON object, or one of them has a column of its own.
    """
    nested = {field.name for field in schema.fields if field.type in _NESTED}
    whole = {field.name for field in schema.fields if field.type is Type.INTEGER}
    names = [*columns]
    documents = []
    for values in zip(*columns.values(), strict=True):
        document: dict[str, Any] = {}
        for name, value in zip(names, values, strict=True):
            if value is None:
                continue
            if name == EXTRA_FIELDS_COLUMN:
                document |= _extra_fields(value, schema, argument)
            elif name == INGESTED:
                document["event"] = {"ingested": _integer(value)}
            elif name in nested:
                document[name] = _nested(value)
            else:
                document[name] = _integer(value) if name in whole or name == "timestamp" else value
        documents.append(document)
    return documents


def _extra_fields(text: str, schema: Schema, argument: str) -> dict[str, Any]:
    try:
        return fields_of_text(schema, text) if text else {}
    except Unfit as unfit:
        raise refused(f"{argument}.{EXTRA_FIELDS_COLUMN}{unfit.path}", unfit) from None


def _integer(value: Any) -> Any:
    # pandas has floats where an integer of the column is missing.
    return int(value) if type(value) is float and value.is_integer() else value


def _nested(value: Any) -> Any:
    """A value of a list column as lists and dicts without gaps."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        found = {name: _nested(inner) for name, inner in value.items()}
        for name in (INGESTED, EVENT_INGESTED):
            ingested = found.pop(name, None)
            if ingested is not None:
                found["event"] = {"ingested": ingested}
        return {name: inner for name, inner in found.items() if inner is not None}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_nested(inner) for inner in value]
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return None if isinstance(value, float) and isnan(value) else value
