"""Buckets as values and as response objects, made column by column. `anomalies` has records and influencers."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, Final

from bucketquery.answers.common import (
    DisplayFields,
    each_of,
    ingested,
    put_events,
    timestamp_string,
    timestamp_strings,
    with_default,
    with_string,
    with_strings,
)
from bucketquery.model.frozen import maker_of
from bucketquery.model.schema import BUCKET, Array, Type
from bucketquery.results.anomalies import AnomalyRecord
from bucketquery.results.buckets import Bucket, BucketInfluencer
from bucketquery.results.response_format import add_event, bucket_influencer_object, complete, simple_buckets
from bucketquery.results.stored_influencer import SHOWN_FIELDS, DifferingInfluencer, StoredInfluencer
from bucketquery.search.job_rows import AnyRows

#: The columns of a bucket, in the API's order.
COLUMNS: Final = (
    "timestamp",
    "anomaly_score",
    "bucket_span",
    "initial_anomaly_score",
    "event_count",
    "is_interim",
    "processing_time_ms",
)
#: The length of a stored influencer without values of its own. To compare lengths is faster than to compare types.
_AGREEING_LENGTH: Final = len(StoredInfluencer._fields)
_FIELDS: Final = tuple(BUCKET.by_name[name] for name in COLUMNS)

_make_buckets: Final = maker_of(Bucket)
_make_influencers: Final = maker_of(BucketInfluencer)


def bucket_values(
    job_id: str | Sequence[str],
    rows: AnyRows,
    display: DisplayFields,
    records: Iterable[tuple[AnomalyRecord, ...]] = repeat(()),
) -> list[Bucket]:
    """Buckets as values.

    Args:
        job_id: one job for all buckets, or a sequence with the job of each.
        rows: the buckets to read, in this order.
        display: their display fields.
        records: the records of each bucket.
    """
    columns: dict[str, Iterable[Any]] = dict(zip(COLUMNS, _lists(rows), strict=True))
    columns["job_id"] = each_of(job_id)
    columns["bucket_influencers"] = _influencer_values(job_id, columns, display["bucket_influencers"])
    columns["scheduled_events"] = rows.lists("scheduled_events")
    columns["records"] = records
    columns["event_ingested"] = ingested(rows) or repeat(None)
    return _make_buckets(len(rows), columns)


def bucket_objects(
    job_id: str | Sequence[str],
    rows: AnyRows,
    display: DisplayFields,
    records: Iterable[list[dict[str, Any]]] | None = None,
    *,
    human: bool,
) -> list[dict[str, Any]]:
    """Buckets as response objects.

    Args:
        job_id: one job for all buckets, or a sequence with the job of each.
        rows: the buckets to write, in this order.
        display: their display fields.
        records: the records of each bucket, which become part of its object; None if no bucket has records.
        human: whether each timestamp is also written as text, before its number.

    Source: the server's ``Bucket``.
    """
    objects = simple_buckets(job_id if isinstance(job_id, str) else "", zip(*_lists(rows), strict=True))
    if not isinstance(job_id, str):
        for bucket, own_job in zip(objects, job_id, strict=True):
            bucket["job_id"] = own_job
    influencers, events = display["bucket_influencers"], rows.lists("scheduled_events")
    # One test for all buckets, because most pages have no nested values.
    if records is not None or any(influencers) or any(events):
        records = repeat([], len(objects)) if records is None else records
        for bucket, own_records, some, planned in zip(objects, records, influencers, events, strict=True):
            bucket["bucket_influencers"] = [
                bucket_influencer_object(bucket["job_id"], bucket["timestamp"], bucket["bucket_span"], *stored)
                if len(stored) == _AGREEING_LENGTH
                else _differing_object(bucket, stored)
                for stored in some
            ]
            if own_records or planned:
                complete(bucket, records=own_records, scheduled_events=planned)
    put_events(objects, rows, human=human)
    return _with_all_strings(objects, timestamp_strings(rows.column("timestamp"))) if human else objects


def _differing_object(bucket: dict[str, Any], stored: DifferingInfluencer) -> dict[str, Any]:
    """The response object of an influencer with values of its own; ``bucket`` is the object of its bucket."""
    *fields, event_ingested = stored.within(bucket["job_id"], bucket["timestamp"], bucket["bucket_span"])
    nested = bucket_influencer_object(*fields)
    if event_ingested is not None:
        add_event(nested, event_ingested)
    return nested


def _lists(rows: AnyRows) -> list[list[Any]]:
    """The columns as lists of Python's own values."""
    return [column.tolist() for column in columns_of(rows)]


def columns_of(rows: AnyRows) -> list[Array]:
    """The columns in the order of `COLUMNS`, with defaults in place of missing values."""
    return [
        with_default(values, field.default) if field.type is Type.DOUBLE else values
        for field, values in zip(_FIELDS, map(rows.column, COLUMNS), strict=True)
    ]


def _influencer_values(
    job_id: str | Sequence[str],
    columns: Mapping[str, Iterable[Any]],
    influencers: Sequence[tuple[Any, ...]],
) -> Iterable[tuple[BucketInfluencer, ...]]:
    """The influencers of each bucket. The columns have the timestamps and spans that influencers take from a bucket."""
    if not any(influencers):
        return influencers
    buckets = zip(each_of(job_id), columns["timestamp"], columns["bucket_span"], influencers, strict=False)
    flat = [
        (own_job, timestamp, span, *stored, None)
        if len(stored) == _AGREEING_LENGTH
        else stored.within(own_job, timestamp, span)
        for own_job, timestamp, span, some in buckets
        for stored in some
    ]
    fields: dict[str, Iterable[Any]] = dict(zip(SHOWN_FIELDS, zip(*flat, strict=True), strict=True))
    values = iter(_make_influencers(len(flat), fields))
    return [tuple(islice(values, len(some))) for some in influencers]


def _with_all_strings(objects: list[dict[str, Any]], strings: list[str]) -> list[dict[str, Any]]:
    """The objects with the text of each timestamp before its number, in their influencers too."""
    for bucket, string in zip(objects, strings, strict=True):
        if bucket["bucket_influencers"]:
            bucket["bucket_influencers"] = [
                _nested_with_strings(nested, bucket["timestamp"], string) for nested in bucket["bucket_influencers"]
            ]
    return with_strings(objects, strings)


def _nested_with_strings(nested: dict[str, Any], timestamp: int, string: str) -> dict[str, Any]:
    """An influencer with the text of each instant before its number; ``string`` is the text of its bucket's timestamp.

    Most influencers have the timestamp of their bucket.
    """
    own = nested["timestamp"]
    shown = with_string(nested, string if own == timestamp else timestamp_string(own))
    if "event" in shown:
        instant = shown["event"]["ingested"]
        add_event(shown, instant, timestamp_string(instant))
    return shown
