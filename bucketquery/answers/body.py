"""Rows as values and as the API writes them, made column by column: what is the same for all kinds, and buckets.

`anomalies` has records and influencers.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, Final

import numpy as np

from bucketquery.columns.checks import StoredInfluencer
from bucketquery.columns.view import Selection
from bucketquery.model.anomalies import AnomalyRecord
from bucketquery.model.bodies import bucket_influencer_body, complete, plain_buckets
from bucketquery.model.encoding import encoded, encoded_columns
from bucketquery.model.frozen import frozen_values
from bucketquery.model.results import Bucket, BucketInfluencer
from bucketquery.model.schema import BUCKET, Array, Int64s, Type

#: What is only shown of some rows, by the name of the list: their own, or what a host has in its stead.
Documents = Mapping[str, Sequence[Any]]

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

_MARK: Final[Any] = "\0"
#: What stands in the JSON of a bucket with nothing nested before its job and before, between and behind its values.
_PLAIN: Final = encoded(plain_buckets(_MARK, [(_MARK,) * len(_COLUMNS)])[0]).split(encoded(_MARK))
#: Fewer buckets than this are JSON as quickly by way of dicts.
_FEW: Final = 20
#: Whether buckets with nothing nested become JSON without becoming dicts first, which changes only how long it takes.
_straight: bool = True


def shown(rows: Selection, name: str) -> Array:
    """A column's values as they are shown, the default where missing; shape (r,).

    Where an optional field is missing nothing is shown: that is NaN or None here.
    """
    values = rows.column(name)
    field = rows.view.base.schema.by_name[name]
    if field.type is not Type.DOUBLE or field.optional:
        return values
    return _with_default(values, field.default)


def kept_documents(rows: Selection) -> dict[str, Sequence[Any]]:
    """What is only shown of some rows, by the name of the list."""
    return {name: rows.lists(name) for name in rows.view.base.schema.only_shown}


def each_of(job_id: str | Sequence[str]) -> Iterable[str]:
    """The job of each row: the one of all, without end, or that of each."""
    return repeat(job_id) if isinstance(job_id, str) else job_id


def bucket_values(
    job_id: str | Sequence[str],
    rows: Selection,
    documents: Documents,
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


def bucket_bodies(
    job_id: str | Sequence[str],
    rows: Selection,
    documents: Documents,
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
    bodies = plain_buckets(job_id if isinstance(job_id, str) else "", zip(*_lists(rows), strict=True))
    if not isinstance(job_id, str):
        for body, own_job in zip(bodies, job_id, strict=True):
            body["job_id"] = own_job
    influencers, events = documents["bucket_influencers"], rows.lists("scheduled_events")
    # Asked once, because most pages have nothing nested.
    if records is not None or any(influencers) or any(events):
        records = repeat([], len(bodies)) if records is None else records
        for body, own_records, some, planned in zip(bodies, records, influencers, events, strict=True):
            nested = [
                bucket_influencer_body(body["job_id"], body["timestamp"], body["bucket_span"], *stored)
                for stored in some
            ]
            complete(body, records=own_records, bucket_influencers=nested, scheduled_events=planned)
    return _for_people(bodies, timestamp_strings(rows.column("timestamp"))) if human else bodies


def plain_buckets_json(job_id: str, rows: Selection, documents: Documents) -> bytes | None:
    """What `bucket_bodies` gives as JSON, straight from the columns; None where that has to be made of bodies.

    That is where anything is nested, or rows are so few that dicts are as quick.
    """
    if not _straight or len(rows) < _FEW or any(documents["bucket_influencers"]) or any(rows.lists("scheduled_events")):
        return None
    before_job, before_first, *behind = _PLAIN
    # What is the same in all rows, as the span mostly is, becomes a part of the text between the others.
    columns = [column[:1] if _is_constant(column) else column for column in _columns(rows)]
    between, varying = [before_job + encoded(job_id) + before_first], []
    for values, text in zip(encoded_columns(columns), behind, strict=True):
        if len(values) == 1:
            between[-1] += values[0] + text
        else:
            varying.append(values)
            between.append(text)
    first, *inner, last = between
    pieces = [piece for text in (last + b"," + first, *inner) for piece in (text, b"")] * len(rows)
    for at, values in enumerate(varying):
        pieces[2 * at + 1 :: 2 * len(varying)] = values
    pieces[0] = b"[" + first
    pieces.append(last + b"]")
    return b"".join(pieces)


def timestamp_strings(timestamps: Int64s) -> list[str]:
    """Instants as text: ISO, UTC, milliseconds.

    >>> timestamp_strings(np.array([0], dtype=np.int64))
    ['1970-01-01T00:00:00.000Z']
    """
    strings: list[str] = np.datetime_as_string(timestamps.astype("datetime64[ms]"), timezone="UTC").tolist()
    return strings


def with_strings(bodies: list[dict[str, Any]], strings: Sequence[str]) -> list[dict[str, Any]]:
    """The same bodies, each with the text of its timestamp before the number.

    >>> with_strings([{"timestamp": 0}], ["1970-01-01T00:00:00.000Z"])
    [{'timestamp_string': '1970-01-01T00:00:00.000Z', 'timestamp': 0}]
    """
    return [_with_string(body, string) for body, string in zip(bodies, strings, strict=True)]


def _lists(rows: Selection) -> list[list[Any]]:
    """The same as `_columns`, as Python's own values."""
    return [column.tolist() for column in _columns(rows)]


def _columns(rows: Selection) -> list[Array]:
    """What the columns hold of some buckets, in the order of `_COLUMNS`; the default where missing."""
    return [
        _with_default(values, field.default) if field.type is Type.DOUBLE else values
        for field, values in zip(_FIELDS, map(rows.column, _COLUMNS), strict=True)
    ]


def _with_default(values: Array, default: Any) -> Array:
    """Only a missing double is not stored as its default."""
    missing = np.isnan(values)
    return np.where(missing, default, values) if np.count_nonzero(missing) else values


def _is_constant(values: Array) -> bool:
    """Whether all values are the same, to the bit. It compares bytes, since comparing numbers takes longer."""
    stored = values.tobytes()
    return stored == stored[: values.itemsize] * len(values)


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
