"""Looking behind the door: buckets to write with, the table of a job, which way a write went, and who writes JSON."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

import numpy as np
import pytest

from bucketquery import ResultsIndex, Snapshot
from bucketquery import index as indexes
from bucketquery.arrays import ranking as kernels
from bucketquery.ingest.documents import read_documents
from bucketquery.jobs import catalog
from bucketquery.model import encoding
from bucketquery.model.schema import BUCKET, Array, Schema
from bucketquery.model.sizes import Sizes
from bucketquery.search import search as searches
from bucketquery.search import threshold as matches
from bucketquery.storage.packed_rows import Layout, Packed, layout_of
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table

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
    found = read_documents(documents, kind).segments.get(kind, {}).get(JOB, empty_segment(schema))
    return found.unpacked().with_sizes(sizes())


def layout() -> Layout:
    """How buckets lie in a record."""
    found = layout_of("bucket")
    assert found is not None
    return found


def table(*batches: Iterable[Document], schema: Schema = BUCKET) -> Table:
    """The table that some batches leave."""
    newest = Table.empty(schema, sizes())
    for batch in batches:
        newest, _ = newest.upsert(segment(batch, schema))
    newest.check()
    return newest


def table_of(source: ResultsIndex | Snapshot, job_id: str = JOB) -> Table:
    """The table of a job's buckets."""
    job = source.snapshot()._catalog.get(job_id) if isinstance(source, ResultsIndex) else source._catalog.get(job_id)
    assert job is not None
    return job.tables["bucket"]


def sizes() -> Sizes:
    """The sizes of a new index, and of the tables and segments that are made here."""
    found: Sizes = vars(indexes)["DEFAULT_SIZES"]
    return found


def resize(patch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let indexes, tables and segments that are made from now on have other sizes."""
    patch.setattr(indexes, "DEFAULT_SIZES", replace(sizes(), **changes))


def limit_heads(patch: pytest.MonkeyPatch, head_rows: int, base_rows_per_head_row: int | None = None) -> None:
    """Let heads hold fewer rows than they do, so that what happens seldom happens all the time."""
    resize(patch, head_rows=head_rows)
    if base_rows_per_head_row is not None:
        resize(patch, base_rows_per_head_row=base_rows_per_head_row)


def ask_together(patch: pytest.MonkeyPatch, *, small_rows: int, few_changed: int) -> None:
    """Let as few as two jobs be asked together, those that have few results, until so many of them have changed."""
    patch.setattr(catalog, "_MANY", 2)
    patch.setattr(catalog, "_KNOWN_PER_ASKED", 10**6)
    patch.setattr(catalog, "_FEW_CHANGED", few_changed)
    patch.setattr(catalog, "SMALL_ROWS", small_rows)


def lead_by_value(patch: pytest.MonkeyPatch, *, behind: int = 0, sparsest: int = 1) -> None:
    """Search few rows as many are: by value indexes, block counts and short looks.

    Comparing all would be as quick.

    Args:
        patch: undoes it.
        behind: how many rows a value index may be behind before it is kept up.
        sparsest: how many rows the sparsest level has about.
    """
    # The segment of nothing is one for all, and so are value indexes that it had.
    resize(patch, value_index_rows=1, rows_behind=behind, level_rows=sparsest)
    resize(patch, compared_values=0, compared_times=0, block_values=4, value_classes=7)
    patch.setattr(matches, "_FEW_ROWS", 0)
    patch.setattr(matches, "_SMALLEST_LOOK", 2)
    patch.setattr(searches, "_FEW_MATCHES", 0)
    patch.setattr(searches, "_FIRST_LOOK", 2)
    patch.setattr(kernels, "_FEW_SORT_KEYS", 0)


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
    return (*values, *(source.lists_at(field.name, at)[0] for field in source.schema.lists))


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
