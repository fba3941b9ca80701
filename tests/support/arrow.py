"""Arrow tables as plain rows, and the rows that an answer should have by the rules of docs/semantics/arrow.md.

`read` reads any exporter by nanoarrow, which the extra `test` installs. `expected_rows` takes the values from the
reference answer, and the nulls from the documents.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import nanoarrow

from bucketquery import BucketQuery, Kind
from bucketquery.testing import evaluate, stored_results
from support.semantics_tables import IDENTITIES, LISTS, Document, Query
from support.strategies import kind_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: The columns of each kind and their types, in order: rule 26.2.
NESTED = (
    "list<item: struct<job_id: string, timestamp: timestamp('ms', 'UTC'), bucket_span: int64, "
    "influencer_field_name: string, initial_anomaly_score: double, anomaly_score: double, raw_anomaly_score: double, "
    "probability: double, is_interim: bool, event.ingested: timestamp('ms', 'UTC')>>"
)
_FIRST = {"job_id": "string", "timestamp": "timestamp('ms', 'UTC')", "bucket_span": "int64"}
_INGESTED = {"event.ingested": "timestamp('ms', 'UTC')"}
COLUMNS: Mapping[Kind, Mapping[str, str]] = {
    "bucket": {
        **_FIRST,
        "anomaly_score": "double",
        "initial_anomaly_score": "double",
        "event_count": "int64",
        "is_interim": "bool",
        "bucket_influencers": NESTED,
        "processing_time_ms": "int64",
        "scheduled_events": "list<item: string>",
        **_INGESTED,
    },
    "record": {
        **_FIRST,
        "detector_index": "int64",
        "probability": "double",
        "multi_bucket_impact": "double",
        "record_score": "double",
        "initial_record_score": "double",
        "is_interim": "bool",
        "by_field_name": "string",
        "by_field_value": "string",
        "partition_field_name": "string",
        "partition_field_value": "string",
        "function": "string",
        "function_description": "string",
        "field_name": "string",
        "over_field_name": "string",
        "over_field_value": "string",
        **_INGESTED,
        "extra_fields": "string",
    },
    "influencer": {
        **_FIRST,
        "influencer_field_name": "string",
        "influencer_field_value": "string",
        "influencer_score": "double",
        "initial_influencer_score": "double",
        "probability": "double",
        "is_interim": "bool",
        **_INGESTED,
        "extra_fields": "string",
    },
}
#: The documented fields of a record that are in its extra fields.
PARTS = (
    "correlated_by_field_value",
    "typical",
    "actual",
    "causes",
    "influencers",
    "geo_results",
    "anomaly_score_explanation",
)

#: The fields of a nested influencer, in order.
NESTED_NAMES = (
    "job_id",
    "timestamp",
    "bucket_span",
    "influencer_field_name",
    "initial_anomaly_score",
    "anomaly_score",
    "raw_anomaly_score",
    "probability",
    "is_interim",
    "event.ingested",
)

Row = Mapping[str, Any]


class Arrow(NamedTuple):
    """The names and types of the columns, the rows, and the number of rows of each batch."""

    types: Mapping[str, str]
    rows: list[dict[str, Any]]
    lengths: list[int]


def read(exporter: Any) -> Arrow:
    """All rows of an exporter; instants in epoch ms, extra fields parsed."""
    found = nanoarrow.ArrayStream(exporter)
    types = types_of(found.schema)
    batches = [batch.to_pylist() for batch in found.iter_chunks()]
    return Arrow(types, [plain(row) for batch in batches for row in batch], [*map(len, batches)])


def types_of(schema: Any) -> dict[str, str]:
    """The type of each column."""
    fields = [nanoarrow.Schema(field) for field in nanoarrow.Schema(schema).fields]
    return {field.name: repr(field).removeprefix("<Schema> ").removeprefix(f"'{field.name}': ") for field in fields}


def plain(value: Any) -> Any:
    """A value with instants in epoch ms; the extra fields of a row are parsed."""
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, dict):
        return {
            name: json.loads(entry) if name == "extra_fields" and entry is not None else plain(entry)
            for name, entry in value.items()
        }
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def expected_rows(documents: Iterable[Document], query: Query) -> list[dict[str, Any]]:
    """The rows of the results that match a query, in order; paging does not apply."""
    documents = [*documents]
    kind = kind_of(query)
    stored = stored_results(documents)
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        # A lookup matches every bucket of its instant, interim ones too; its page shows only the first.
        instant = query.timestamp
        assert isinstance(instant, int)
        query = query.replace(timestamp=None, start=instant, end=instant + 1, exclude_interim=False)
    query = query.replace(expand=False) if isinstance(query, BucketQuery) else query
    body = evaluate(documents, query.replace(from_=0, size=max(1, len(stored))))
    keys = [
        tuple(shown.get(name, 0 if name == "detector_index" else None) for name in IDENTITIES[kind])
        for shown in body[LISTS[kind]]
    ]
    return [expected_row(kind, shown, stored[kind, key]) for shown, key in zip(body[LISTS[kind]], keys, strict=True)]


def expected_row(kind: Kind, shown: Row, document: Document) -> dict[str, Any]:
    """The row of a result, from its object in the reference answer and its document."""
    row: dict[str, Any] = {}
    for name in COLUMNS[kind]:
        if name == "event.ingested":
            row[name] = _ingested(document, shown)
        elif name == "bucket_influencers":
            row[name] = [_nested(nested) for nested in shown[name]]
        elif name == "scheduled_events":
            row[name] = [*shown.get(name, [])]
        elif name == "extra_fields":
            extra = {part: shown[part] for part in PARTS if part in shown and kind == "record"}
            row[name] = {**extra, **_unknown(kind, document)} or None
        else:
            row[name] = None if document.get(name) is None else shown[name]
    return row


def _nested(shown: Row) -> dict[str, Any]:
    return {name: shown.get(name) for name in NESTED_NAMES} | {"event.ingested": _ingested(shown, shown)}


def _ingested(document: Row, shown: Row) -> int | None:
    """When a result was written. An ``event`` that is no object is a data field."""
    event = document.get("event")
    has_instant = isinstance(event, Mapping) and event.get("ingested") is not None
    return shown["event"]["ingested"] if has_instant else None


def _unknown(kind: Kind, document: Document) -> dict[str, Any]:
    """The keys of a document that are not documented, with their values."""
    known = {*COLUMNS[kind], *(PARTS if kind == "record" else ()), "result_type"} - {"event.ingested", "extra_fields"}
    if isinstance(document.get("event"), Mapping | type(None)):
        known.add("event")
    return {name: value for name, value in document.items() if name not in known}
