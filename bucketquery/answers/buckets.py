"""Rows as values and as the API writes them, made column by column: what is the same for all kinds, and buckets.

`anomalies` has records and influencers.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, Final

from bucketquery.answers.common import (
    DisplayFields,
    each_of,
    timestamp_strings,
    with_default,
    with_string,
    with_strings,
)
from bucketquery.model.frozen import frozen_values
from bucketquery.model.schema import BUCKET, Array, Type
from bucketquery.results.anomalies import AnomalyRecord
from bucketquery.results.buckets import Bucket, BucketInfluencer
from bucketquery.results.response_format import bucket_influencer_object, complete, simple_buckets
from bucketquery.results.stored_influencer import StoredInfluencer
from bucketquery.storage.selection import Selection

#: What the columns hold of a bucket, in the API's order.
_COLUMNS: Final = (
    "timestamp",
    "anomaly_score",
    "bucket_span",
    "initial_anomaly_score",
    "event_count",
    "is_interim",
    "processing_time_ms",
)
_FIELDS: Final = tuple(BUCKET.by_name[name] for name in _COLUMNS)


def bucket_values(
    job_id: str | Sequence[str],
    rows: Selection,
    documents: DisplayFields,
    records: Iterable[tuple[AnomalyRecord, ...]] = repeat(()),
) -> list[Bucket]:
    """Buckets as values.

    Args:
        job_id: the job of all, or that of each.
        rows: what to read, in this order.
        documents: what is only shown of them.
        records: those of each.
    """
    columns: dict[str, Iterable[Any]] = dict(zip(_COLUMNS, _lists(rows), strict=True))
    columns["job_id"] = each_of(job_id)
    columns["bucket_influencers"] = _influencer_values(job_id, columns, documents["bucket_influencers"])
    columns["scheduled_events"] = rows.lists("scheduled_events")
    columns["records"] = records
    return frozen_values(Bucket, len(rows), columns)


def bucket_objects(
    job_id: str | Sequence[str],
    rows: Selection,
    documents: DisplayFields,
    records: Iterable[list[dict[str, Any]]] | None = None,
    *,
    human: bool,
) -> list[dict[str, Any]]:
    """Buckets as the API's response has them.

    Args:
        job_id: the job of all, or that of each.
        rows: what to write, in this order.
        documents: what is only shown of them.
        records: those of each, which become part of the bodies; None if there are none.
        human: whether each timestamp is written as text too, before its number.

    Source: the server's ``Bucket``.
    """
    bodies = simple_buckets(job_id if isinstance(job_id, str) else "", zip(*_lists(rows), strict=True))
    if not isinstance(job_id, str):
        for body, own_job in zip(bodies, job_id, strict=True):
            body["job_id"] = own_job
    influencers, events = documents["bucket_influencers"], rows.lists("scheduled_events")
    # Asked once, because most pages have nothing nested.
    if records is not None or any(influencers) or any(events):
        records = repeat([], len(bodies)) if records is None else records
        for body, own_records, some, planned in zip(bodies, records, influencers, events, strict=True):
            nested = [
                bucket_influencer_object(body["job_id"], body["timestamp"], body["bucket_span"], *stored)
                for stored in some
            ]
            complete(body, records=own_records, bucket_influencers=nested, scheduled_events=planned)
    return _for_people(bodies, timestamp_strings(rows.column("timestamp"))) if human else bodies


def _lists(rows: Selection) -> list[list[Any]]:
    """The same as `_columns`, as Python's own values."""
    return [column.tolist() for column in _columns(rows)]


def _columns(rows: Selection) -> list[Array]:
    """What the columns hold of some buckets, in the order of `_COLUMNS`; the default where missing."""
    return [
        with_default(values, field.default) if field.type is Type.DOUBLE else values
        for field, values in zip(_FIELDS, map(rows.column, _COLUMNS), strict=True)
    ]


def _influencer_values(
    job_id: str | Sequence[str],
    columns: Mapping[str, Iterable[Any]],
    influencers: Sequence[tuple[StoredInfluencer, ...]],
) -> Iterable[tuple[BucketInfluencer, ...]]:
    """What is nested in each of some buckets, of which the columns say when they were and how long."""
    if not any(influencers):
        return influencers  # type: ignore[return-value] # empty all
    buckets = zip(each_of(job_id), columns["timestamp"], columns["bucket_span"], influencers, strict=False)
    flat = [(own_job, timestamp, span, *stored) for own_job, timestamp, span, some in buckets for stored in some]
    names = ("job_id", "timestamp", "bucket_span", *StoredInfluencer._fields)
    fields: dict[str, Iterable[Any]] = dict(zip(names, zip(*flat, strict=True), strict=True))
    values = iter(frozen_values(BucketInfluencer, len(flat), fields))
    return [tuple(islice(values, len(some))) for some in influencers]


def _for_people(bodies: list[dict[str, Any]], strings: list[str]) -> list[dict[str, Any]]:
    """The bodies with text before each timestamp, their influencers' too."""
    for body, string in zip(bodies, strings, strict=True):
        if body["bucket_influencers"]:
            body["bucket_influencers"] = [with_string(nested, string) for nested in body["bucket_influencers"]]
    return with_strings(bodies, strings)
