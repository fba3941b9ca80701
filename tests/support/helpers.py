"""Helpers for tests that look inside an index: buckets, the table of a job, the arrays that moved, JSON writers."""

import json
import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import numpy as np
import pytest

from bucketquery import ResultsIndex, Snapshot
from bucketquery import index as indexes
from bucketquery.answers.run import AnyPage
from bucketquery.ingest.batch import Batch
from bucketquery.ingest.documents import read_documents
from bucketquery.model import encoding
from bucketquery.model.encoding import json_bytes
from bucketquery.model.schema import BUCKET, Array, Int64s, Kind, Schema
from bucketquery.model.sizes import Sizes
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.storage.packed_rows import Layout, PackedColumns, Row, layout_of
from bucketquery.storage.packed_segment import empty_segment, segment_of_rows
from bucketquery.storage.segment import Segment, SomeRows
from bucketquery.storage.table import Table
from bucketquery.storage.view import View

JOB = "web"
SPAN_S = 300
STEP = SPAN_S * 1_000

#: All shortcuts, taken on few rows as they are on many.
ON_FEW_ROWS: Final = Shortcuts(few_rows=0, few_matches=0, few_sort_keys=0, smallest_look=2, first_look=2)

#: The sizes that let a search of two jobs or more read the combined tables of all jobs.
TOGETHER: Final[Mapping[str, Any]] = {
    "few_jobs": 2,
    "known_per_job": 10**6,
    "rows_per_job": 10**9,
    "sorted_per_job": 10**9,
}

#: The seconds that a test waits for a thread, process or reply before it fails. A busy machine may need most of them.
PATIENCE_S = 120

Document = dict[str, Any]

#: Every field that a bucket may have besides its identity.
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
    """The record of a detector in the ``row``-th bucket."""
    return bucket(row, **{"result_type": "record", "detector_index": detector, **fields})


def rows(first: int, stop: int, **fields: Any) -> list[Document]:
    """The buckets of some rows, which differ only in their time."""
    return [bucket(row, **fields) for row in range(first, stop)]


def segment(documents: Iterable[Document], schema: Schema = BUCKET) -> Segment:
    """A segment of results of one job and kind, made as a batch makes it, in arrays."""
    kind = schema.kind
    found = segments_of(read_documents(documents, kind)).get(kind, {}).get(JOB, empty_segment(schema))
    return found.unpacked().with_sizes(sizes())


def segments_of(batch: Batch) -> dict[Kind, dict[str, Segment]]:
    """Everything in a batch by kind and job, single rows as segments."""
    found = {kind: {**jobs} for kind, jobs in batch.parts.items()}
    single: dict[tuple[Layout, str], list[Row]] = {}
    for job_id, layout, record, lists in batch.each_row():
        single.setdefault((layout, job_id), []).append((record, lists))
    for (layout, job_id), rows in single.items():
        found.setdefault(layout.kind, {})[job_id] = segment_of_rows(layout, rows)
    return found


def all_rows(view: View) -> SomeRows:
    """The numbers of all rows of a view, in identity order; a slice if the view has rows of the base only."""
    found = view.find(0, view.length)
    return view.numbered(*found) if isinstance(found, tuple) else found


def layout() -> Layout:
    """The layout of packed buckets."""
    found = layout_of(BUCKET)
    assert found is not None
    return found


def table(*batches: Iterable[Document], schema: Schema = BUCKET) -> Table:
    """The table after some batches."""
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
    """Change the sizes of the indexes, tables and segments that are made from now on."""
    patch.setattr(indexes, "DEFAULT_SIZES", replace(sizes(), **changes))


def index_with_tables() -> ResultsIndex:
    """An index in which a job with few results has tables, as a job with many has."""
    with pytest.MonkeyPatch.context() as patch:
        resize(patch, small_job_rows=0)
        return ResultsIndex()


def limit_heads(patch: pytest.MonkeyPatch, head_rows: int, base_rows_per_head_row: int | None = None) -> None:
    """Let heads hold fewer rows than usual, so that they compact often."""
    resize(patch, head_rows=head_rows, small_job_rows=0)
    if base_rows_per_head_row is not None:
        resize(patch, base_rows_per_head_row=base_rows_per_head_row)


def ask_together(index: ResultsIndex) -> ResultsIndex:
    """The same index, which searches two jobs or more in the combined tables of all jobs from now on."""
    index._snapshot = index._snapshot._with_shortcuts(replace(index._snapshot._shortcuts, **TOGETHER))
    return index


def lead_by_value(patch: pytest.MonkeyPatch, *, behind: int = 0, sparsest: int = 1) -> None:
    """Store a few rows as many rows are stored, with value indexes and block counts.

    Searches that take `ON_FEW_ROWS` read them, although comparing all rows would be as quick.

    Args:
        patch: undoes the change of sizes.
        behind: how many rows a value index may be behind before the writer extends it.
        sparsest: about how many rows the sparsest level has.
    """
    # Not 0: all tables share one empty segment, and would share a value index of it too.
    resize(patch, value_index_rows=1, rows_behind=behind, level_rows=sparsest)
    resize(patch, compared_values=0, compared_times=0, block_values=4, value_classes=7)


def address(array: Array) -> int:
    """The address of an array's first entry; two arrays of one address are views of one buffer."""
    found: int = array.__array_interface__["data"][0]
    return found


def addresses(base: Segment) -> dict[str, int]:
    """The addresses of a segment's columns, masks, dictionaries and lists; packed rows have no masks."""
    arrays: dict[str, Array] = {**base.columns}
    if not isinstance(base.columns, PackedColumns):
        arrays |= {f"present {name}": mask for name, mask in base.present.items()}
    arrays |= {f"keywords of {name}": keywords for name, keywords in base.dictionaries.items()}
    for name, lists in base.lists.items():
        arrays |= {f"rows of {name}": lists.rows, f"values of {name}": lists.values}
    return {name: address(array) for name, array in arrays.items()}


def moved(old: Segment, new: Segment) -> set[str]:
    """The names of the columns, masks, dictionaries and lists that the new segment has copied."""
    before, after = addresses(old), addresses(new)
    return {name for name in before if before[name] != after[name]}


def row_of(source: Segment, row: int) -> tuple[Any, ...]:
    """The values of a row, columns first; None if a value is missing."""
    return _rows_of(source, np.array([row]))[0]


def stored(source: Table | Segment) -> list[tuple[Any, ...]]:
    """The values of all rows, in identity order."""
    if isinstance(source, Segment):
        return _rows_of(source, np.arange(source.length))
    live = _rows_of(source.rows.base, np.setdiff1d(np.arange(source.rows.base.length), source.rows.deleted))
    return sorted(live + stored(source.rows.head), key=lambda values: values[:2])


def _rows_of(source: Segment, at: Int64s) -> list[tuple[Any, ...]]:
    """The values of some rows, read column by column."""
    values: list[list[Any]] = []
    for field in source.schema.columns:
        column, missing = source.values(field.name, at).tolist(), source.missing(field.name, at)
        if missing is not None:
            column = [None if misses else value for value, misses in zip(column, missing.tolist(), strict=True)]
        values.append(column)
    return list(zip(*values, *(source.lists_at(field.name, at) for field in source.schema.lists), strict=True))


def without(document: Mapping[str, Any], *names: str) -> Document:
    """The document without some fields."""
    return {name: value for name, value in document.items() if name not in names}


#: The JSON writers: the installed one, the standard library, and one that spells doubles differently.
WRITERS: Final = ("installed", "standard library", "another")

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')


def write_by(patch: pytest.MonkeyPatch, writer: str) -> None:
    """Let one of the writers write all JSON."""
    if writer != "installed":
        is_another = writer == "another"
        patch.setattr(encoding, "_quick", _another if is_another else None)
        patch.setattr(encoding, "_quick_arrays", partial(_another, default=np.ndarray.tolist) if is_another else None)


def _another(value: Any, **how: Any) -> bytes:
    """JSON as orjson promises it: a lone surrogate is refused, and small doubles are spelled differently."""
    try:
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), **how).encode()
    except UnicodeEncodeError as error:
        raise TypeError("surrogates not allowed") from error
    return _TOKEN.sub(lambda token: token[0] if token[0].startswith(b'"') else token[0].replace(b"e-0", b"e-"), written)


def assert_bytes_are_the_body(page: AnyPage) -> None:
    """Assert that the bytes of a page, and of the same page unpickled, are its body with the keys in order."""
    unpickled = pickle.loads(pickle.dumps(page))
    for human in (False, True):
        written = page.to_json(human=human)
        assert repr(json.loads(written.decode())) == repr(page.to_dict(human=human))
        assert written == json_bytes(page.to_dict(human=human)) == unpickled.to_json(human=human)


def without_texts(shown: Any) -> Any:
    """A response object without the text before each timestamp, nested objects included.

    It asserts that each timestamp, in whole seconds, has the right text directly before it.
    """
    if isinstance(shown, list):
        return [without_texts(each) for each in shown]
    if not isinstance(shown, dict) or "timestamp" not in shown:
        return shown
    names, moment = list(shown), datetime.fromtimestamp(shown["timestamp"] / 1000, UTC)
    assert names.index("timestamp") == names.index("timestamp_string") + 1
    assert shown["timestamp_string"] == f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
    return {name: without_texts(value) for name, value in shown.items() if name != "timestamp_string"}


def respelled(written: bytes) -> bytes:
    """JSON with each double spelled by its digits and its exponent, and everything else as it was."""
    return _TOKEN.sub(_plainly, written)


def _plainly(token: re.Match[bytes]) -> bytes:
    text = token[0].decode()
    if text.startswith('"') or text.lstrip("-").isdigit():
        return token[0]
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    return f"{sign} {digits} {exponent}".encode()
