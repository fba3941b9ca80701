"""Rows as values and as the API writes them, made column by column."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final

import numpy as np

from bucketquery.columns.view import Selection
from bucketquery.model.results import Bucket, BucketInfluencer, bucket_body, influencer_body
from bucketquery.model.schema import Array, Int64s, Type

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
    """A column's values as they are shown, the default where missing; shape (r,). Complexity: O(r) for r rows."""
    values = rows.column(name)
    field = rows.view.base.schema.by_name[name]
    if field.type is not Type.DOUBLE:
        return values
    # Only a missing double is not stored as its default.
    missing = np.isnan(values)
    return np.where(missing, field.default, values) if missing.any() else values


def bucket_values(job_id: str, rows: Selection) -> list[Bucket]:
    """Buckets of one job as values. Complexity: O(r) for r rows."""
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
        )
        for timestamp, score, span, initial, count, is_interim, influencers, milliseconds, events in zip(
            *_columns(rows), strict=True
        )
    ]


def bucket_bodies(job_id: str, rows: Selection, *, human: bool) -> list[dict[str, Any]]:
    """Buckets of one job as the API's response has them.

    Args:
        job_id: the job of all.
        rows: what to write, in this order.
        human: whether each timestamp is written as text too, before its number.

    Complexity: O(r) for r rows. Source: the server's ``Bucket``.
    """
    timestamps, scores, spans, initials, counts, are_interim, influencers, milliseconds, events = _columns(rows)
    nested = [
        [influencer_body(job_id, timestamp, span, *stored) for stored in some] if some else []
        for timestamp, span, some in zip(timestamps, spans, influencers, strict=True)
    ]
    columns = (timestamps, scores, spans, initials, counts, are_interim, nested, milliseconds, events)
    bodies = list(map(bucket_body, repeat(job_id), *columns))
    return _for_people(bodies, timestamp_strings(rows.column("timestamp"))) if human else bodies


def timestamp_strings(timestamps: Int64s) -> list[str]:
    """Instants as text: ISO, UTC, milliseconds.

    >>> timestamp_strings(np.array([0], dtype=np.int64))
    ['1970-01-01T00:00:00.000Z']
    """
    strings: list[str] = np.datetime_as_string(timestamps.astype("datetime64[ms]"), timezone="UTC").tolist()
    return strings


def _columns(rows: Selection) -> Iterator[list[Any]]:
    """What is stored of the rows, field by field in the API's order; the default where missing."""
    for name in _IN_ORDER:
        is_column = rows.view.base.schema.by_name[name].type.dtype is not None
        yield shown(rows, name).tolist() if is_column else rows.lists(name)


def _for_people(bodies: list[dict[str, Any]], strings: list[str]) -> list[dict[str, Any]]:
    """The bodies with text before each timestamp, their influencers' too."""
    for body, string in zip(bodies, strings, strict=True):
        if body["bucket_influencers"]:
            body["bucket_influencers"] = [_with_string(nested, string) for nested in body["bucket_influencers"]]
    return [_with_string(body, string) for body, string in zip(bodies, strings, strict=True)]


def _with_string(body: dict[str, Any], string: str) -> dict[str, Any]:
    """The same keys with the timestamp's text before its number."""
    ordered: dict[str, Any] = {}
    for key, value in body.items():
        if key == "timestamp":
            ordered["timestamp_string"] = string
        ordered[key] = value
    return ordered
