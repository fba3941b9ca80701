"""Documents to checked columns: the usual way in.

Documents are read in chunks. A chunk's columns are checked as wholes where they are plainly of their type; else value
by value, by the definitions of `checks`, in the order of the documents, so that the first bad field of the first bad
document is the one named.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from types import NoneType
from typing import Any, Final

import numpy as np

from bucketquery.columns import checks
from bucketquery.columns.batch import Batch, Chunk, JobCodes, assemble, checked_column, refused, whole_column
from bucketquery.columns.checks import Owner, Unfit
from bucketquery.columns.lists import Lists
from bucketquery.errors import InvalidDocument
from bucketquery.model.schema import SCHEMAS, Document, Kind, Schema
from bucketquery.model.text import plain

_CHUNK: Final = 1024


def read_documents(documents: Iterable[Document], kind: Kind | None) -> Batch:
    """A batch of documents of any jobs, checked and sorted; other result types are counted.

    Args:
        documents: read to the end, not modified; a search hit stands for its ``_source``.
        kind: what all of them are; None goes by their ``result_type``.

    Raises:
        InvalidDocument: a document cannot be stored; ``field`` is its position and path, the first of the first bad
            document.

    Complexity: O(n log n) for n documents, O(n) where they come in order.
    """
    if isinstance(documents, Mapping | str | bytes) or not isinstance(documents, Iterable):
        reason = f"[documents] must be an iterable of documents, not one {type(documents).__name__}"
        raise InvalidDocument(reason, field="documents", value=documents)
    schema = SCHEMAS[kind or "bucket"]
    skipped: Counter[str] = Counter()
    codes = JobCodes()
    chunks = []
    routed: list[Document] = []
    paths: list[str] = []
    # Whoever yields documents may change one when asked for the next; those in a list are all there at once.
    is_held = isinstance(documents, list | tuple)
    for position, document in enumerate(documents):
        path = f"documents[{position}]"
        try:
            found = _route(document, kind, skipped)
        except Unfit as unfit:
            # One that was read before may be bad too, and is then the one to name.
            _read_chunk(schema, routed, paths, codes)
            raise refused(path + unfit.path, unfit) from None
        if found is None:
            continue
        routed.append(found if is_held else _copied(schema, found))
        paths.append(path if found is document else f"{path}._source")
        if len(routed) == _CHUNK:
            chunks.append(_read_chunk(schema, routed, paths, codes))
            routed, paths = [], []
    chunks.append(_read_chunk(schema, routed, paths, codes))
    return Batch({schema.kind: assemble(schema, chunks, codes.ids())}, dict(skipped))


def _route(document: object, kind: Kind | None, skipped: Counter[str]) -> Document | None:
    """The document to store, a hit's source for the hit; None for one that was counted as skipped."""
    if type(document) is not dict and not isinstance(document, Mapping):
        raise Unfit(f"must be an object, not {type(document).__name__}", document)
    path = ""
    if "_source" in document:
        document = document["_source"]
        path = "._source"
        if not isinstance(document, Mapping):
            raise Unfit(f"must be an object, not {type(document).__name__}", document, path)
    result_type = document.get("result_type")
    if result_type is not None and not isinstance(result_type, str):
        raise Unfit(f"must be text, not {type(result_type).__name__}", result_type, f"{path}.result_type")
    if kind is None and result_type not in SCHEMAS:
        skipped[plain(result_type or "")] += 1
        return None
    if kind is not None and result_type not in (None, kind):
        raise Unfit(f"must be [{kind}], not [{result_type[:100]}]", result_type, f"{path}.result_type")
    return document


def _copied(schema: Schema, document: Document) -> Document:
    """A copy as deep as what is read of a document."""
    copied = dict(document)
    for field in schema.lists:
        value = copied.get(field.name)
        if isinstance(value, list | tuple) and value:
            copied[field.name] = [dict(entry) if isinstance(entry, Mapping) else entry for entry in value]
    return copied


def _read_chunk(schema: Schema, documents: Sequence[Document], paths: Sequence[str], codes: JobCodes) -> Chunk:
    job_ids = [document.get("job_id") for document in documents]
    values = {field.name: [document.get(field.name) for document in documents] for field in schema.fields}
    chunk = _read_whole(schema, job_ids, values, codes)
    return _read_rows(schema, job_ids, values, paths, codes) if chunk is None else chunk


def _read_whole(
    schema: Schema, job_ids: Sequence[Any], values: Mapping[str, Sequence[object]], codes: JobCodes
) -> Chunk | None:
    """The chunk if every column is plain; None where one is not."""
    columns = {}
    for field in schema.columns:
        column = whole_column(field, values[field.name])
        if column is None:
            return None
        columns[field.name] = column
    try:
        jobs = np.fromiter(map(codes.code, job_ids), dtype=np.int64, count=len(job_ids))
        lists = {}
        for field in schema.lists:
            given = values[field.name]
            if not set(map(type, given)) <= {list, tuple, NoneType}:
                return None
            rows = list(compress(range(len(given)), given))
            tuples = [checks.listed(field, given[row], Owner.at(row, job_ids[row], values)) for row in rows]
            lists[field.name] = Lists.of_rows(rows, tuples)
    except Unfit:
        return None
    return Chunk.of(jobs, columns, lists)


def _read_rows(
    schema: Schema,
    job_ids: Sequence[Any],
    values: Mapping[str, Sequence[object]],
    paths: Sequence[str],
    codes: JobCodes,
) -> Chunk:
    """The chunk value by value.

    Raises:
        InvalidDocument: at the first value that is refused.
    """
    jobs = []
    stored: dict[str, list[Any]] = {field.name: [] for field in schema.fields}
    for row, path in enumerate(paths):
        name = "job_id"
        try:
            jobs.append(codes.code(job_ids[row]))
            for field in schema.fields:
                name = field.name
                value = values[name][row]
                if field.type.dtype is not None:
                    stored[name].append(checks.scalar(field, value))
                elif value is None:
                    stored[name].append(())
                else:
                    stored[name].append(checks.listed(field, value, Owner.at(row, job_ids[row], stored)))
        except Unfit as unfit:
            raise refused(f"{path}.{name}{unfit.path}", unfit) from None
    columns = {field.name: checked_column(field, stored[field.name]) for field in schema.columns}
    lists = {field.name: Lists.of_tuples(stored[field.name]) for field in schema.lists}
    return Chunk.of(np.array(jobs, dtype=np.int64), columns, lists)
