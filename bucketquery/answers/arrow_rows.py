"""Results as the columns of Arrow tables: which columns each kind has, and their values for some rows.

Rows that lie side by side in a segment give views of its columns. All other rows are gathered, and so are copied.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.answers.arrow import (
    BOOLEAN,
    CODED,
    DOUBLE,
    INTEGER,
    TEXT,
    TIMESTAMP,
    ArrowType,
    Data,
    Fields,
    ListOf,
    Lists,
    Plain,
    Structs,
    Texts,
    stream_capsule,
)
from bucketquery.answers.common import each_of
from bucketquery.model.schema import EVENT_INGESTED, EXTRA_FIELDS_COLUMN, Array, Bools, Field, Int64s, Schema, Type
from bucketquery.results.stored_influencer import DifferingInfluencer, StoredInfluencer
from bucketquery.search.job_rows import AnyRows
from bucketquery.storage.keywords import MISSING, NO_KEYWORDS, encode_keywords
from bucketquery.storage.selection import Selection

#: The most rows of a batch.
BATCH_ROWS: Final = 65_536
#: Consecutive parts of fewer rows than this are copied into one batch. The fixed cost of a batch is some 0.3 ms, ten
#: times as much as the copy of this many rows.
_SMALL: Final = 1_024
#: The types of the fields of nested influencers.
_NESTED: Final[Mapping[str, ArrowType]] = MappingProxyType(
    {
        "job_id": TEXT,
        "timestamp": TIMESTAMP,
        "bucket_span": INTEGER,
        "influencer_field_name": TEXT,
        "initial_anomaly_score": DOUBLE,
        "anomaly_score": DOUBLE,
        "raw_anomaly_score": DOUBLE,
        "probability": DOUBLE,
        "is_interim": BOOLEAN,
        EVENT_INGESTED: TIMESTAMP,
    }
)
_TYPES: Final[Mapping[Type, ArrowType]] = MappingProxyType(
    {
        Type.TIMESTAMP: TIMESTAMP,
        Type.INSTANT: TIMESTAMP,
        Type.INTEGER: INTEGER,
        Type.DOUBLE: DOUBLE,
        Type.BOOLEAN: BOOLEAN,
        Type.KEYWORD: TEXT,
        Type.EXTRA_FIELDS: TEXT,
        Type.KEYWORDS: ListOf(TEXT),
        Type.BUCKET_INFLUENCERS: ListOf(tuple(_NESTED.items())),
    }
)


class Part(NamedTuple):
    """Some results in order, and the job of all of them, or of each.

    Attributes:
        rows: the results.
        job_id: the job.
    """

    rows: AnyRows
    job_id: str | Sequence[str]


#: The rows of one batch, part by part.
Parts = Sequence[Part]


def length_of(parts: Parts) -> int:
    """The number of rows of a batch."""
    return sum(len(part.rows) for part in parts)


@cache
def fields_of(schema: Schema, *, has_documents: bool, dictionaries: bool = False) -> Fields:
    """The columns of a kind, the job first.

    Args:
        schema: the kind.
        has_documents: whether the index keeps documents. If not, it stores no nested influencers and extra fields.
        dictionaries: whether keywords are codes into a dictionary (default False).
    """
    keyword: ArrowType = CODED if dictionaries else TEXT
    types = {**_TYPES, Type.KEYWORD: keyword}
    stored = _stored(schema, has_documents=has_documents)
    return (("job_id", keyword), *[(field.name or EXTRA_FIELDS_COLUMN, types[field.type]) for field in stored])


def _stored(schema: Schema, *, has_documents: bool) -> list[Field]:
    return [field for field in schema.fields if has_documents or field.name not in schema.only_shown]


def parts_of(rows: AnyRows, job_id: str | Sequence[str], most: int = BATCH_ROWS) -> Iterator[Part]:
    """Rows in parts of at most ``most``; those of one job in parts that lie side by side in a segment, if they can.

    Args:
        rows: the rows.
        job_id: the job of all rows, or of each.
        most: the largest number of rows (default `BATCH_ROWS`).
    """
    if isinstance(rows, Selection):
        first = 0
        for run in rows.runs(most):
            stop = first + len(run)
            yield Part(run, job_id if isinstance(job_id, str) else job_id[first:stop])
            first = stop
        return
    for first in range(0, len(rows), most):
        some = rows if len(rows) <= most else rows.between(first, first + most)
        yield Part(some, job_id[first : first + most])


def batches_of(parts: Iterable[Part], most: int = BATCH_ROWS, small: int = _SMALL) -> Iterator[Parts]:
    """Parts as batches: consecutive small ones together, each other one alone.

    Args:
        parts: parts of at most ``most`` rows.
        most: the largest number of rows of a batch (default `BATCH_ROWS`).
        small: a part of fewer rows is small (default `_SMALL`).
    """
    gathered: list[Part] = []
    length = 0
    for part in parts:
        own = len(part.rows)
        if gathered and (own >= small or length + own > most):
            yield gathered
            gathered, length = [], 0
        if own >= small:
            yield [part]
        elif own:
            gathered.append(part)
            length += own
    if gathered:
        yield gathered


def table_of(parts: Parts, schema: Schema, *, has_documents: bool) -> Structs:
    """The rows of a batch, with the columns of `fields_of`."""
    length = length_of(parts)
    fields = _stored(schema, has_documents=has_documents)
    return Structs(length, (_jobs(parts), *[_READERS[field.type](parts, field.name) for field in fields]))


def rows_capsule(parts: Iterable[Part], schema: Schema, fields: Fields, *, has_documents: bool) -> object:
    """Parts of one kind as the capsule of a stream."""
    tables = (table_of(batch, schema, has_documents=has_documents) for batch in batches_of(parts))
    return stream_capsule(fields, tables)


def _jobs(parts: Parts) -> Texts:
    jobs = {part.job_id for part in parts if isinstance(part.job_id, str)}
    if len(jobs) == 1 and all(isinstance(part.job_id, str) for part in parts):
        length = length_of(parts)
        return Texts(np.zeros(length, dtype=np.int32), np.array([*jobs], dtype=np.object_))
    return Texts(*encode_keywords([job for part in parts for job in islice(each_of(part.job_id), len(part.rows))]))


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _numbers(parts: Parts, name: str) -> Plain:
    lacking = [part.rows.missing(name) for part in parts]
    missing: Bools | None = None
    if any(some is not None for some in lacking):
        each = zip(parts, lacking, strict=True)
        missing = _joined([np.zeros(len(part.rows), dtype=np.bool_) if some is None else some for part, some in each])
    return Plain(_joined([part.rows.column(name) for part in parts]), missing)


def _keywords(parts: Parts, name: str) -> Texts:
    rows = parts[0].rows
    if len(parts) == 1 and isinstance(rows, Selection):
        return Texts(*rows.codes(name))
    return texts_of([keyword for part in parts for keyword in part.rows.column(name).tolist()])


def _instants(parts: Parts, name: str) -> Plain:
    if not _may_have(parts, name):
        length = length_of(parts)
        return Plain(np.zeros(length, dtype=np.int64), np.ones(length, dtype=np.bool_))
    found = [part.rows.instants(name) for part in parts]
    return Plain(_joined([instants for instants, _ in found]), ~_joined([present for _, present in found]))


def _may_have(parts: Parts, name: str) -> bool:
    """Whether any row may have a list. Most batches have none, and then no list is read."""
    return any(part.rows.may_have(name) for part in parts)


def _lists(parts: Parts, name: str) -> list[Any]:
    """The list of each row; () if it has none."""
    return [value for part in parts for value in part.rows.lists(name)]


def _extra_fields(parts: Parts, name: str) -> Texts:
    if not _may_have(parts, name):
        return Texts(np.full(length_of(parts), MISSING, dtype=np.int32), NO_KEYWORDS)
    return texts_of([text or None for text in _lists(parts, name)])


def _events(parts: Parts, name: str) -> Lists:
    lengths, lists = _lengths(parts, name)
    return Lists(lengths, texts_of([*chain.from_iterable(lists)]))


def _lengths(parts: Parts, name: str) -> tuple[Int64s, list[Any]]:
    """The length of the list of each row, and the lists; no lists if no row has any."""
    if not _may_have(parts, name):
        return np.zeros(length_of(parts), dtype=np.int64), []
    lists = _lists(parts, name)
    return np.fromiter(map(len, lists), dtype=np.int64, count=len(lists)), lists


def _influencers(parts: Parts, name: str) -> Lists:
    lengths, lists = _lengths(parts, name)
    if not any(lists):
        return Lists(lengths, Structs(0, ()))
    stored, rows = iter(lists), []
    for part in parts:
        timestamps, spans = (part.rows.column(key).tolist() for key in ("timestamp", "bucket_span"))
        owners = zip(each_of(part.job_id), timestamps, spans, islice(stored, len(timestamps)), strict=False)
        rows += [_influencer(job_id, at, span, each) for job_id, at, span, some in owners for each in some]
    columns = zip(*rows, strict=True)
    fields = [_FROM_VALUES[of]([*values]) for of, values in zip(_NESTED.values(), columns, strict=True)]
    return Lists(lengths, Structs(len(rows), tuple(fields)))


def _influencer(
    job_id: str, timestamp: int, span: int, stored: StoredInfluencer | DifferingInfluencer
) -> tuple[Any, ...]:
    if isinstance(stored, DifferingInfluencer):
        return stored.within(job_id, timestamp, span)
    return job_id, timestamp, span, *stored, None


def texts_of(texts: Sequence[str | None]) -> Texts:
    """Texts; None is null."""
    return Texts(*encode_keywords(texts))


def instants_of(instants: Sequence[int | None]) -> Plain:
    """Instants in epoch ms; None is null."""
    missing = np.array([instant is None for instant in instants], dtype=np.bool_)
    return Plain(np.array([instant or 0 for instant in instants], dtype=np.int64), missing)


_READERS: Final[Mapping[Type, Callable[[Parts, str], Data]]] = MappingProxyType(
    {
        **dict.fromkeys((Type.TIMESTAMP, Type.INTEGER, Type.DOUBLE, Type.BOOLEAN), _numbers),
        Type.KEYWORD: _keywords,
        Type.INSTANT: _instants,
        Type.EXTRA_FIELDS: _extra_fields,
        Type.KEYWORDS: _events,
        Type.BUCKET_INFLUENCERS: _influencers,
    }
)
_FROM_VALUES: Final[Mapping[ArrowType, Callable[[list[Any]], Data]]] = MappingProxyType(
    {
        TEXT: texts_of,
        TIMESTAMP: instants_of,
        INTEGER: lambda values: Plain(np.array(values, dtype=np.int64)),
        DOUBLE: lambda values: Plain(np.array(values, dtype=np.float64)),
        BOOLEAN: lambda values: Plain(np.array(values, dtype=np.bool_)),
    }
)
