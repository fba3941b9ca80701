"""Looking behind the door: buckets to write with, the table of a job, and which way a write went."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from bucketquery import ResultsIndex, Snapshot, index, snapshot
from bucketquery.columns import documents as reading
from bucketquery.columns import segment as segments
from bucketquery.columns import table as tables
from bucketquery.columns.documents import read_documents
from bucketquery.columns.segment import Segment
from bucketquery.columns.table import Table
from bucketquery.model.schema import BUCKET, Array, Field, Schema, Type

JOB = "web"
SPAN_S = 300
STEP = SPAN_S * 1_000

#: How long a test waits for what surely comes, before it takes it for stuck; a busy machine may need most of it.
PATIENCE_S = 120

Document = dict[str, Any]

#: All that a bucket may have beside its identity.
FULL: dict[str, Any] = {
    "anomaly_score": 5.0,
    "initial_anomaly_score": 6.0,
    "event_count": 7,
    "is_interim": False,
    "processing_time_ms": 8,
    "scheduled_events": ["a"],
    "bucket_influencers": [{"anomaly_score": 5.0}],
}

#: A second kind of results, much like the real records.
RECORD = Schema(
    kind="record",
    plural="records",
    fields=(
        Field(name="timestamp", type=Type.TIMESTAMP, required=True),
        Field(name="bucket_span", type=Type.INTEGER, required=True, minimum=1),
        Field(name="detector_index", type=Type.INTEGER, required=True, minimum=0),
        Field(name="record_score", type=Type.DOUBLE),
        Field(name="is_interim", type=Type.BOOLEAN),
        Field(name="actual", type=Type.KEYWORDS),
    ),
    identity=("timestamp", "bucket_span", "detector_index"),
    score="record_score",
    never=frozenset(),
)


def bucket(row: int, **fields: Any) -> Document:
    """The ``row``-th five-minute bucket of the job ``web``; no scores unless given."""
    return {"result_type": "bucket", "job_id": JOB, "timestamp": row * STEP, "bucket_span": SPAN_S, **fields}


def record(row: int, detector: int = 0, **fields: Any) -> Document:
    """An anomaly that a detector found in the ``row``-th bucket, where records are held."""
    return bucket(row, **{"result_type": "record", "detector_index": detector, **fields})


def rows(first: int, stop: int, **fields: Any) -> list[Document]:
    """The buckets of some rows, alike but for their time."""
    return [bucket(row, **fields) for row in range(first, stop)]


def segment(documents: Iterable[Document]) -> Segment:
    """A segment of buckets of one job, made the way a batch is."""
    return read_documents(documents, "bucket").segments.get("bucket", {}).get(JOB, Segment.empty(BUCKET))


def table(*batches: Iterable[Document]) -> Table:
    """The table that some batches leave."""
    newest = Table.empty(BUCKET)
    for batch in batches:
        newest, _ = newest.upsert(segment(batch))
    newest.check()
    return newest


def table_of(source: ResultsIndex | Snapshot, job_id: str = JOB) -> Table:
    """The table of a job's buckets."""
    job = source.snapshot()._catalog.get(job_id) if isinstance(source, ResultsIndex) else source._catalog.get(job_id)
    assert job is not None
    return job.tables["bucket"]


def limit_heads(patch: pytest.MonkeyPatch, head_rows: int, base_rows_per_head_row: int | None = None) -> None:
    """Let heads hold fewer rows than they do, so that what happens seldom happens all the time."""
    patch.setattr(tables, "_HEAD_ROWS", head_rows)
    if base_rows_per_head_row is not None:
        patch.setattr(tables, "_BASE_ROWS_PER_HEAD_ROW", base_rows_per_head_row)


def hold_records(patch: pytest.MonkeyPatch) -> None:
    """Let records be held beside buckets, by an entry among the kinds and nothing else."""
    for room in (reading, segments, index, snapshot):
        patch.setattr(room, "SCHEMAS", {BUCKET.kind: BUCKET, RECORD.kind: RECORD})
    patch.setattr(segments, "_empty", cache(segments._empty.__wrapped__))


def address(array: Array) -> int:
    """Where the array's first entry lies; two arrays of one address are views of one buffer."""
    found: int = array.__array_interface__["data"][0]
    return found


def addresses(base: Segment) -> dict[str, int]:
    """Where the columns, masks and lists of a segment lie."""
    arrays: dict[str, Array] = {**base.columns}
    arrays |= {f"present {name}": mask for name, mask in base.present.items()}
    for name, lists in base.lists.items():
        arrays |= {f"rows of {name}": lists.rows, f"values of {name}": lists.values}
    return {name: address(array) for name, array in arrays.items()}


def moved(old: Segment, new: Segment) -> set[str]:
    """Which of the old segment's columns, masks and lists the new one has in another place: those were copied."""
    before, after = addresses(old), addresses(new)
    return {name for name in before if before[name] != after[name]}


def row_of(source: Segment, row: int) -> tuple[Any, ...]:
    """Everything that is stored in a row, columns first; a missing value is None."""
    at = np.array([row])
    values: list[Any] = []
    for field in source.schema.columns:
        missing = source.missing(field.name, at)
        values.append(None if missing is not None and missing[0] else source.column(field.name).item(row))
    return (*values, *(source.take_lists(field.name, at)[0] for field in source.schema.lists))


def stored(source: Table | Segment) -> list[tuple[Any, ...]]:
    """Everything that is stored, in identity order, read row by row."""
    if isinstance(source, Segment):
        return [row_of(source, row) for row in range(source.length)]
    base, dead = source.rows.base, set(source.rows.dead.tolist())
    live = [row_of(base, row) for row in range(base.length) if row not in dead]
    return sorted(live + stored(source.rows.head), key=lambda values: values[:2])


def without(document: Mapping[str, Any], *names: str) -> Document:
    """The document without some fields."""
    return {name: value for name, value in document.items() if name not in names}
