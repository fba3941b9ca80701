"""Looking behind the door: buckets to write with, the table of a job, which way a write went, and who writes JSON."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

import numpy as np
import pytest

from bucketquery import ResultsIndex, Snapshot
from bucketquery.ingest.documents import read_documents
from bucketquery.jobs import catalog
from bucketquery.model import encoding
from bucketquery.model.schema import BUCKET, Array, Schema
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.storage import segment as segments
from bucketquery.storage import table as tables
from bucketquery.storage.packed_rows import Layout, Packed, layout_of
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from bucketquery.value_index import block_counts
from bucketquery.value_index import value_index as value_indexes

JOB = "web"
SPAN_S = 300
STEP = SPAN_S * 1_000

#: All shortcuts, taken on few rows as they are on many.
ON_FEW_ROWS: Final = Shortcuts(few_rows=0, few_matches=0, few_sort_keys=0, smallest_look=2, first_look=2)

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


def bucket(row: int, **fields: Any) -> Document:
    """The ``row``-th five-minute bucket of the job ``web``; no scores unless given."""
    return {"result_type": "bucket", "job_id": JOB, "timestamp": row * STEP, "bucket_span": SPAN_S, **fields}


def record(row: int, detector: Any = 0, **fields: Any) -> Document:
    """An anomaly that a detector found in the ``row``-th bucket."""
    return bucket(row, **{"result_type": "record", "detector_index": detector, **fields})


def rows(first: int, stop: int, **fields: Any) -> list[Document]:
    """The buckets of some rows, alike but for their time."""
    return [bucket(row, **fields) for row in range(first, stop)]


def segment(documents: Iterable[Document], schema: Schema = BUCKET) -> Segment:
    """A segment of results of one job and kind, made the way a batch is, in arrays."""
    kind = schema.kind
    return read_documents(documents, kind).segments.get(kind, {}).get(JOB, Segment.empty(schema)).unpacked()


def layout() -> Layout:
    """How buckets lie in a record."""
    found = layout_of("bucket")
    assert found is not None
    return found


def table(*batches: Iterable[Document], schema: Schema = BUCKET) -> Table:
    """The table that some batches leave."""
    newest = Table.empty(schema)
    for batch in batches:
        newest, _ = newest.upsert(segment(batch, schema))
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


def ask_together(patch: pytest.MonkeyPatch, *, small_rows: int, few_changed: int) -> None:
    """Let as few as two jobs be asked together, those that have few results, until so many of them have changed."""
    patch.setattr(catalog, "_MANY", 2)
    patch.setattr(catalog, "_KNOWN_PER_ASKED", 10**6)
    patch.setattr(catalog, "_FEW_CHANGED", few_changed)
    patch.setattr(catalog, "SMALL_ROWS", small_rows)


def lead_by_value(patch: pytest.MonkeyPatch, *, behind: int = 0, sparsest: int = 1) -> None:
    """Store few rows as many are, with value indexes and block counts.

    Searches that take `ON_FEW_ROWS` read them, where comparing all rows would be as quick.

    Args:
        patch: undoes it.
        behind: how many rows a value index may be behind before it is kept up.
        sparsest: how many rows the sparsest level has about.
    """
    # The segment of nothing is one for all, and so are value indexes that it had.
    patch.setattr(segments, "_VALUE_INDEX_ROWS", 1)
    patch.setattr(segments, "_BEHIND", behind)
    patch.setattr(value_indexes, "_SPARSEST", sparsest)
    for name, value in {"_FEW": 0, "_SELDOM": 0, "_BLOCK": 4, "_CLASSES": 7}.items():
        patch.setattr(block_counts, name, value)


def address(array: Array) -> int:
    """Where the array's first entry lies; two arrays of one address are views of one buffer."""
    found: int = array.__array_interface__["data"][0]
    return found


def addresses(base: Segment) -> dict[str, int]:
    """Where the columns, masks, dictionaries and lists of a segment lie; masks of packed rows lie nowhere."""
    arrays: dict[str, Array] = {**base.columns}
    if not isinstance(base.columns, Packed):
        arrays |= {f"present {name}": mask for name, mask in base.present.items()}
    arrays |= {f"texts of {name}": texts for name, texts in base.dictionaries.items()}
    for name, lists in base.lists.items():
        arrays |= {f"rows of {name}": lists.rows, f"values of {name}": lists.values}
    return {name: address(array) for name, array in arrays.items()}


def moved(old: Segment, new: Segment) -> set[str]:
    """What the new segment has in another place, and so was copied: columns, masks, dictionaries and lists."""
    before, after = addresses(old), addresses(new)
    return {name for name in before if before[name] != after[name]}


def row_of(source: Segment, row: int) -> tuple[Any, ...]:
    """Everything that is stored in a row, columns first; a missing value is None."""
    at = np.array([row])
    values: list[Any] = []
    for field in source.schema.columns:
        missing = source.missing(field.name, at)
        values.append(None if missing is not None and missing[0] else source.values(field.name, at).item(0))
    return (*values, *(source.take_lists(field.name, at)[0] for field in source.schema.lists))


def stored(source: Table | Segment) -> list[tuple[Any, ...]]:
    """Everything that is stored, in identity order, read row by row."""
    if isinstance(source, Segment):
        return [row_of(source, row) for row in range(source.length)]
    base, deleted = source.rows.base, set(source.rows.deleted.tolist())
    live = [row_of(base, row) for row in range(base.length) if row not in deleted]
    return sorted(live + stored(source.rows.head), key=lambda values: values[:2])


def without(document: Mapping[str, Any], *names: str) -> Document:
    """The document without some fields."""
    return {name: value for name, value in document.items() if name not in names}


#: Who may write JSON: whatever is installed here, the standard library, and one who spells doubles in a way of its own.
WRITERS: Final = ("installed", "standard library", "another")

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')


def write_by(patch: pytest.MonkeyPatch, writer: str) -> None:
    """Let JSON be written by one of those who may."""
    if writer != "installed":
        is_another = writer == "another"
        patch.setattr(encoding, "_quick", _another if is_another else None)
        patch.setattr(encoding, "_quick_arrays", partial(_another, default=np.ndarray.tolist) if is_another else None)


def _another(value: Any, **how: Any) -> bytes:
    """JSON as orjson promises it: half of a surrogate pair is refused, and small doubles are spelled otherwise."""
    try:
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), **how).encode()
    except UnicodeEncodeError as error:
        raise TypeError("surrogates not allowed") from error
    return _TOKEN.sub(lambda token: token[0] if token[0].startswith(b'"') else token[0].replace(b"e-0", b"e-"), written)


def respelled(written: bytes) -> bytes:
    """JSON with each double spelled by its digits and its exponent, and all else as it was."""
    return _TOKEN.sub(_plainly, written)


def _plainly(token: re.Match[bytes]) -> bytes:
    text = token[0].decode()
    if text.startswith('"') or text.lstrip("-").isdigit():
        return token[0]
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    return f"{sign} {digits} {exponent}".encode()
