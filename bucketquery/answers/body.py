"""Rows as values and as the API writes them, made column by column: what is the same for all kinds, and buckets.

`anomalies` has records and influencers.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, Final

import numpy as np

from bucketquery.columns.view import Selection
from bucketquery.model.anomalies import AnomalyRecord
from bucketquery.model.bodies import bucket_body, bucket_influencer_body
from bucketquery.model.results import Bucket, BucketInfluencer
from bucketquery.model.schema import Array, Int64s, Type

#: What is only shown of some rows, by the name of the list: their own, or what a host has in its stead.
Documents = Mapping[str, Sequence[Any]]

#: What is stored of a bucket, in the API's order.
_IN_ORDER: Final = (
    "timestamp",
    "anomaly_score",
    "bucket_span",
    "initial_anomaly_score",
    "event_count",
    "is_interim",
    "bucket_influencers",
    "processing_time_ms",
    "scheduled_events",
)


def shown(rows: Selection, name: str) -> Array:
    """A column's values as they are shown, the default where missing; shape (r,). Complexity: O(r) for r rows.

    Where an optional field is missing nothing is shown: that is NaN or None here.
    """
    values = rows.column(name)
    field = rows.view.base.schema.by_name[name]
    if field.type is not Type.DOUBLE or field.optional:
        return values
    # Only a missing double is not stored as its default.
    missing = np.isnan(values)
    return np.where(missing, field.default, values) if missing.any() else values


def kept_documents(rows: Selection) -> dict[str, Sequence[Any]]:
    """What is only shown of some rows, by the name of the list. Complexity: O(r log n) for r rows."""
    return {name: rows.lists(name) for name in rows.view.base.schema.only_shown}


def bucket_values(
    job_id: str, rows: Selection, documents: Documents, records: Iterable[tuple[AnomalyRecord, ...]] = repeat(())
) -> list[Bucket]:
    """Buckets of one job as values. Complexity: O(r) for r rows.

    Args:
        job_id: the job of all.
        rows: what to read, in this order.
        documents: what is only shown of them.
        records: those of each.
    """
    return [
        Bucket(
            job_id=job_id,
            timestamp=timestamp,
            anomaly_score=score,
            bucket_span=span,
            initial_anomaly_score=initial,
            event_count=count,
            is_interim=is_interim,
            bucket_influencers=tuple(
                BucketInfluencer(job_id=job_id, timestamp=timestamp, bucket_span=span, **stored._asdict())
                for stored in influencers
            ),
            processing_time_ms=milliseconds,
            scheduled_events=events,
            records=own_records,
        )
        for (timestamp, score, span, initial, count, is_interim, influencers, milliseconds, events), own_records in zip(
            zip(*_columns(rows, documents), strict=True), records, strict=False
        )
    ]


def bucket_bodies(
    job_id: str,
    rows: Selection,
    documents: Documents,
    records: Iterable[list[dict[str, Any]]] = repeat([]),
    *,
    human: bool,
) -> list[dict[str, Any]]:
    """Buckets of one job as the API's response has them.

    Args:
        job_id: the job of all.
        rows: what to write, in this order.
        documents: what is only shown of them.
        records: those of each, which become part of the bodies.
        human: whether each timestamp is written as text too, before its number.

    Complexity: O(r) for r rows. Source: the server's ``Bucket``.
    """
    timestamps, scores, spans, initials, counts, are_interim, influencers, milliseconds, events = _columns(
        rows, documents
    )
    nested = [
        [bucket_influencer_body(job_id, timestamp, span, *stored) for stored in some] if some else []
        for timestamp, span, some in zip(timestamps, spans, influencers, strict=True)
    ]
    columns = (timestamps, scores, spans, initials, records, counts, are_interim, nested, milliseconds, events)
    bodies = list(map(bucket_body, repeat(job_id), *columns))
    return _for_people(bodies, timestamp_strings(rows.column("timestamp"))) if human else bodies


def timestamp_strings(timestamps: Int64s) -> list[str]:
    """Instants as text: ISO, UTC, milliseconds.

    >>> timestamp_strings(np.array([0], dtype=np.int64))
    ['1970-01-01T00:00:00.000Z']
    """
    strings: list[str] = np.datetime_as_string(timestamps.astype("datetime64[ms]"), timezone="UTC").tolist()
    return strings


def with_strings(bodies: list[dict[str, Any]], strings: Sequence[str]) -> list[dict[str, Any]]:
    """The same bodies, each with the text of its timestamp before the number. Complexity: O(keys).

    >>> with_strings([{"timestamp": 0}], ["1970-01-01T00:00:00.000Z"])
    [{'timestamp_string': '1970-01-01T00:00:00.000Z', 'timestamp': 0}]
    """
    return [_with_string(body, string) for body, string in zip(bodies, strings, strict=True)]


def _columns(rows: Selection, documents: Documents) -> tuple[Sequence[Any], ...]:
    """What is stored of buckets, field by field in the API's order; the default where missing."""
    return tuple([_values(rows, name, documents) for name in _IN_ORDER])


def _values(rows: Selection, name: str, documents: Documents) -> Sequence[Any]:
    if name in documents:
        return documents[name]
    is_column = rows.view.base.schema.by_name[name].type.dtype is not None
    return shown(rows, name).tolist() if is_column else rows.lists(name)


def _for_people(bodies: list[dict[str, Any]], strings: list[str]) -> list[dict[str, Any]]:
    """The bodies with text before each timestamp, their influencers' too."""
    for body, string in zip(bodies, strings, strict=True):
        if body["bucket_influencers"]:
            body["bucket_influencers"] = [_with_string(nested, string) for nested in body["bucket_influencers"]]
    return with_strings(bodies, strings)


def _with_string(body: dict[str, Any], string: str) -> dict[str, Any]:
    ordered: dict[str, Any] = {}
    for key, value in body.items():
        if key == "timestamp":
            ordered["timestamp_string"] = string
        # A field of the data may be called so.
        if key != "timestamp_string":
            ordered[key] = value
    return ordered
