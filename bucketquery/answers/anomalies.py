"""Records and influencers as values and as response objects, made column by column."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, pairwise, repeat
from typing import Any, Final

import numpy as np

from bucketquery.answers.common import (
    DisplayFields,
    display_fields,
    each_of,
    ingested,
    put_events,
    shown,
    timestamp_strings,
    with_strings,
)
from bucketquery.arrays.sorted_arrays import concatenated_ranges
from bucketquery.ingest.extra_fields import fields_from_texts
from bucketquery.model.frozen import maker_of
from bucketquery.model.schema import EXTRA_FIELDS
from bucketquery.results.anomalies import AnomalyRecord, Influencer
from bucketquery.results.response_format import INFLUENCER_FIELDS, RECORD_FIELDS, influencer_object, record_object
from bucketquery.search.expand import Expansion
from bucketquery.search.job_rows import AnyRows

_Object = dict[str, Any]

_make_records: Final = maker_of(AnomalyRecord)
_make_influencers: Final = maker_of(Influencer)


def record_values(job_id: str | Sequence[str], rows: AnyRows, display: DisplayFields) -> list[AnomalyRecord]:
    """Records as values; ``job_id`` is one job for all records, or a sequence with the job of each."""
    return _make_records(len(rows), _fields(job_id, rows, display))


def influencer_values(job_id: str | Sequence[str], rows: AnyRows, display: DisplayFields) -> list[Influencer]:
    """Influencers as values; ``job_id`` is one job for all influencers, or a sequence with the job of each."""
    return _make_influencers(len(rows), _fields(job_id, rows, display))


def record_objects(job_id: str | Sequence[str], rows: AnyRows, display: DisplayFields, *, human: bool) -> list[_Object]:
    """Records as response objects.

    Args:
        job_id: one job for all records, or a sequence with the job of each.
        rows: the records to write, in this order.
        display: their display fields.
        human: whether each timestamp is also written as text, before its number.

    Source: the server's ``AnomalyRecord``.
    """
    return _objects(record_object, RECORD_FIELDS, job_id, rows, display, human=human)


def influencer_objects(
    job_id: str | Sequence[str], rows: AnyRows, display: DisplayFields, *, human: bool
) -> list[_Object]:
    """Influencers as response objects; the arguments are those of `record_objects`.

    Source: the server's ``Influencer``.
    """
    return _objects(influencer_object, INFLUENCER_FIELDS, job_id, rows, display, human=human)


def expanded_values(
    job_id: str | Sequence[str], expansion: Expansion, positions: slice = slice(None)
) -> list[tuple[AnomalyRecord, ...]]:
    """The records of each bucket at some positions as values.

    ``job_id`` is one job for all buckets, or a sequence with the job of each bucket at these positions.
    """
    records, ends = expansion.records
    bounds = [*pairwise(ends)][positions]
    # The slice may skip or reverse buckets, so the records are gathered in its order.
    starts, stops = np.array(bounds, dtype=np.int64).reshape(-1, 2).T
    some = records[concatenated_ranges(starts, stops)[0]]
    values = iter(record_values(_jobs_of_records(job_id, bounds), some, display_fields(some)))
    return [tuple(islice(values, end - first)) for first, end in bounds]


def expanded_objects(job_id: str | Sequence[str], expansion: Expansion, *, human: bool) -> list[list[_Object]]:
    """The records of each bucket as response objects."""
    records, ends = expansion.records
    bounds = [*pairwise(ends)]
    objects = record_objects(_jobs_of_records(job_id, bounds), records, display_fields(records), human=human)
    return [objects[first:end] for first, end in bounds]


def _jobs_of_records(job_id: str | Sequence[str], bounds: Sequence[tuple[int, int]]) -> str | Sequence[str]:
    """One job for all records, or the job of each.

    ``job_id`` gives the same for the buckets. For each bucket, ``bounds`` has the position of its first record and the
    position behind its last one.
    """
    if isinstance(job_id, str):
        return job_id
    return [own for own, (first, end) in zip(job_id, bounds, strict=True) for _ in range(first, end)]


def _fields(job_id: str | Sequence[str], rows: AnyRows, display: DisplayFields) -> dict[str, Iterable[Any]]:
    """The fields of the rows, by their names in the values."""
    columns = {field.name: _or_none(rows, field.name) for field in rows.schema.columns}
    extra_fields = [extra or "" for extra in display[EXTRA_FIELDS]]
    event_ingested = ingested(rows) or repeat(None)
    return {"job_id": each_of(job_id), **columns, "event_ingested": event_ingested, "_extra_fields": extra_fields}


def _objects(
    write: Callable[[str, Mapping[str, Any], Mapping[str, Any]], _Object],
    order: Sequence[str],
    job_id: str | Sequence[str],
    rows: AnyRows,
    display: DisplayFields,
    *,
    human: bool,
) -> list[_Object]:
    others = fields_from_texts(display[EXTRA_FIELDS])
    columns: dict[str, Sequence[Any]] = {}
    for name in order:
        column = _column(rows, name, others)
        if column is not None:
            columns[name] = column
    is_full = not any(None in column for column in columns.values())
    fields = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not is_full:
        fields = [{name: value for name, value in some.items() if value is not None} for some in fields]
    objects = list(map(write, each_of(job_id), fields, others))
    put_events(objects, rows, human=human)
    return with_strings(objects, timestamp_strings(rows.column("timestamp"))) if human else objects


def _column(rows: AnyRows, name: str, others: Sequence[dict[str, Any]]) -> Sequence[Any] | None:
    """The values of a documented field; None if no row has one.

    If the field is stored in the extra fields, its values are taken out of ``others``.
    """
    field = rows.schema.by_name[name]
    if field.type.dtype is None:
        return [parts.pop(name, None) for parts in others] if any(name in parts for parts in others) else None
    if field.optional and (missing := rows.missing(name)) is not None and missing.all():
        return None
    return _or_none(rows, name)


def _or_none(rows: AnyRows, name: str) -> list[Any]:
    """A column's values as an answer shows them; None for each value that the answer omits."""
    values: list[Any] = shown(rows, name).tolist()
    if rows.schema.by_name[name].optional and (missing := rows.missing(name)) is not None and missing.any():
        return [None if lacking else value for value, lacking in zip(values, missing.tolist(), strict=True)]
    return values
