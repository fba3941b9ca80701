"""Documents to checked columns: a batch on its way in.

Documents are read in chunks. A chunk's columns are checked as wholes where they are plainly of their type; else value
by value, by the definitions of `checks`, in the order of the documents, so that the first bad field of the first bad
document is the one named. Nothing here knows an index: a batch that cannot be stored is refused before any lock is
taken.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, compress, pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.columns import checks
from bucketquery.columns.checks import Owner, Unfit
from bucketquery.columns.lists import Lists
from bucketquery.columns.ordered import increasing
from bucketquery.columns.segment import Segment
from bucketquery.errors import InvalidDocument
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import SCHEMAS, Array, Bools, Document, Field, Int64s, Kind, Schema, Type
from bucketquery.model.text import JOB_ID_RULE, is_job_id, plain

_CHUNK: Final = 1024
_ABSENT: Final = type(None)
#: The types that a whole column may be of, beside missing values, to be taken as it is.
_PLAIN: Final = {
    Type.TIMESTAMP: frozenset({int, _ABSENT}),
    Type.INTEGER: frozenset({int, _ABSENT}),
    Type.DOUBLE: frozenset({int, float, _ABSENT}),
    Type.BOOLEAN: frozenset({bool, _ABSENT}),
}


class Batch(NamedTuple):
    """Checked results on their way in.

    Attributes:
        segments: by kind and job, each in identity order without a repeat.
        skipped: how many documents were passed over, by their ``result_type``.
    """

    segments: Mapping[Kind, Mapping[str, Segment]]
    skipped: Mapping[str, int]


class Chunk(NamedTuple):
    """Some results of one kind as columns, in the order they came.

    Attributes:
        jobs: the job of each, as a code.
        columns: each column's values, the default or NaN where missing.
        present: what is not missing, of the columns but doubles in which something is.
        lists: each list field's.
    """

    jobs: Int64s
    columns: Mapping[str, Array]
    present: Mapping[str, Bools]
    lists: Mapping[str, Lists]


class JobCodes:
    """Codes for job ids in the order in which they are met first; each id is checked once."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, job_id: object) -> int:
        """The job's code.

        Raises:
            Unfit: no job can be called so.
        """
        if not isinstance(job_id, str):
            raise Unfit("is required" if job_id is None else f"must be text, not {type(job_id).__name__}", job_id)
        job_id = plain(job_id)
        code = self._codes.get(job_id)
        if code is None:
            if not is_job_id(job_id):
                raise Unfit(JOB_ID_RULE, job_id)
            code = self._codes[job_id] = len(self._codes)
        return code

    def ids(self) -> list[str]:
        """The ids by code."""
        return list(self._codes)


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


def assemble(schema: Schema, chunks: Sequence[Chunk], job_ids: Sequence[str]) -> dict[str, Segment]:
    """The chunks by job, each in identity order; of several with one identity the last.

    Complexity: O(n log n), O(n) where they come in order.
    """
    jobs = np.concatenate([np.empty(0, dtype=np.int64), *(chunk.jobs for chunk in chunks)])
    columns = {field.name: _joined([chunk.columns[field.name] for chunk in chunks], field) for field in schema.columns}
    masked = {name for chunk in chunks for name in chunk.present}
    present = {
        name: np.concatenate([chunk.present.get(name, np.ones(len(chunk.jobs), dtype=np.bool_)) for chunk in chunks])
        for name in masked
    }
    befores = [*accumulate((len(chunk.jobs) for chunk in chunks[:-1]), initial=0)]
    lists = {
        field.name: Lists.merged(
            [chunk.lists[field.name].shifted(before) for chunk, before in zip(chunks, befores, strict=True)]
        )
        for field in schema.lists
    }
    order = _order([jobs, *(columns[name] for name in schema.identity)])
    if order is not None:
        jobs = jobs[order]
        columns = {name: column[order] for name, column in columns.items()}
        present = {name: mask[order] for name, mask in present.items()}
        lists = {name: some.reordered(order) for name, some in lists.items()}
    starts = [0, *((jobs[1:] != jobs[:-1]).nonzero()[0] + 1).tolist(), len(jobs)] if len(jobs) else [0]
    segments = {}
    for low, high in pairwise(starts):
        segments[job_ids[jobs[low]]] = Segment(
            schema,
            high - low,
            {name: column[low:high] for name, column in columns.items()},
            {name: mask[low:high] for name, mask in present.items() if not mask[low:high].all()},
            {name: found for name, some in lists.items() if (found := some.cut(low, high)).length},
        )
    return segments


def whole_column(field: Field, values: Sequence[object]) -> tuple[Array, Bools | None] | None:
    """The column of plain values, and which are present where some are missing; None where that takes a closer look.

    Complexity: O(n).
    """
    types = set(map(type, values))
    if not types <= _PLAIN[field.type] or (field.required and _ABSENT in types):
        return None
    given = (
        values
        if _ABSENT not in types or field.type is Type.DOUBLE
        else [0 if value is None else value for value in values]
    )
    try:
        column: Array = np.array(given, dtype=field.type.dtype)
    except OverflowError:
        return None
    if field.type is Type.DOUBLE:
        # NumPy reads None as NaN, and only there NaN may be.
        column += 0.0
        return (column, None) if np.isfinite(column).sum() == len(values) - values.count(None) else None
    if _ABSENT in types:
        present = np.fromiter((value is not None for value in values), dtype=np.bool_, count=len(values))
        return (column, present) if in_bounds(field, column[present]) else None
    return (column, None) if in_bounds(field, column) else None


def in_bounds(field: Field, column: Array) -> bool:
    """Whether all values of a timestamp, integer or boolean column are inside their field's bounds."""
    if not len(column):
        return True
    if field.type is Type.TIMESTAMP:
        return bool(column.min() >= FIRST_MS and column.max() <= LAST_MS)
    return field.minimum is None or bool(column.min() >= field.minimum)


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
    schema: Schema, job_ids: Sequence[object], values: Mapping[str, Sequence[object]], codes: JobCodes
) -> Chunk | None:
    """The chunk if every column is plain; None where one is not."""
    columns = {}
    present = {}
    for field in schema.columns:
        checked = whole_column(field, values[field.name])
        if checked is None:
            return None
        columns[field.name], mask = checked
        if mask is not None:
            present[field.name] = mask
    try:
        jobs = np.fromiter(map(codes.code, job_ids), dtype=np.int64, count=len(job_ids))
        lists = {}
        for field in schema.lists:
            given = values[field.name]
            if not set(map(type, given)) <= {list, tuple, _ABSENT}:
                return None
            tuples: list[tuple[object, ...]] = [()] * len(given)
            for row in compress(range(len(given)), given):
                tuples[row] = _tuple(field, given[row], job_ids[row], columns, row)
            lists[field.name] = Lists.of_tuples(tuples)
    except Unfit:
        return None
    return Chunk(jobs, columns, present, lists)


def _read_rows(
    schema: Schema,
    job_ids: Sequence[object],
    values: Mapping[str, Sequence[object]],
    paths: Sequence[str],
    codes: JobCodes,
) -> Chunk:
    """The chunk value by value.

    Raises:
        InvalidDocument: at the first value that is refused.
    """
    jobs = []
    rows = []
    for row, path in enumerate(paths):
        name = "job_id"
        try:
            jobs.append(codes.code(job_ids[row]))
            stored: dict[str, Any] = {}
            for field in schema.fields:
                name = field.name
                stored[name] = _stored(field, values[name][row], job_ids[row], stored)
        except Unfit as unfit:
            field_path = f"{path}.{name}{unfit.path}"
            raise refused(field_path, unfit) from None
        rows.append(stored)
    columns = {}
    present = {}
    for field in schema.columns:
        given = [stored[field.name] for stored in rows]
        checked = whole_column(field, given)
        assert checked is not None  # every value was checked
        columns[field.name], mask = checked
        if mask is not None:
            present[field.name] = mask
    lists = {field.name: Lists.of_tuples([stored[field.name] or () for stored in rows]) for field in schema.lists}
    return Chunk(np.array(jobs, dtype=np.int64), columns, present, lists)


def _stored(field: Field, value: object, job_id: Any, stored: Mapping[str, Any]) -> Any:
    """One value as it is stored, None where it is missing, given what is stored of the fields before it."""
    if value is None:
        if field.required:
            raise Unfit("is required", None)
        return None
    if field.type.dtype is not None:
        return checks.scalar(field, value)
    if field.type is Type.KEYWORDS:
        return checks.keywords(value)
    owner = Owner(plain(job_id), stored["timestamp"], stored["bucket_span"], bool(stored["is_interim"]))
    return checks.bucket_influencers(value, owner)


def _tuple(field: Field, value: object, job_id: object, columns: Mapping[str, Array], row: int) -> tuple[object, ...]:
    stored = {name: columns[name].item(row) for name in ("timestamp", "bucket_span", "is_interim")}
    found: tuple[object, ...] = _stored(field, value, job_id, stored)
    return found


def refused(path: str, unfit: Unfit) -> InvalidDocument:
    """The error that says what is wrong at a path."""
    return InvalidDocument(f"failed to parse [{path}]: {unfit.reason}", field=path, value=unfit.value)


def _joined(columns: Sequence[Array], field: Field) -> Array:
    return np.concatenate([np.empty(0, dtype=field.type.dtype), *columns])


def _order(keys: Sequence[Int64s]) -> Int64s | None:
    """The rows in the order of their keys, of equal ones the last; None where they are so already."""
    if increasing(keys).all():
        return None
    order = np.lexsort(keys[::-1])
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = increasing([key[order] for key in keys])
    return order[last]
