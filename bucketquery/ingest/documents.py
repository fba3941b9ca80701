"""Documents to checked columns: the usual way in.

Documents go to their kinds, and each kind's are read in chunks. A chunk's columns are checked as wholes where they are
plainly of their type; else value by value, by the definitions of `checks`, in the order of the documents. All kinds are
read at the same places, so that the first bad field of the first bad document is the one named, whatever its kind.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import itemgetter
from types import NoneType
from typing import Any, Final

import numpy as np

from bucketquery.errors import InvalidDocument
from bucketquery.ingest import checks
from bucketquery.ingest.batch import (
    Batch,
    Chunk,
    JobCodes,
    assemble,
    checked_column,
    concatenated,
    refused,
    whole_column,
)
from bucketquery.ingest.checks import Owner, Unfit
from bucketquery.ingest.extra_fields import DEEPEST, extra_fields_of
from bucketquery.ingest.small_batches import read_small_batch
from bucketquery.model.schema import EXTRA_FIELDS, SCHEMAS, Document, Kind, Schema, Type
from bucketquery.model.text import built_in_str
from bucketquery.storage.sparse_lists import SparseLists

_CHUNK: Final = 1024


def read_documents(documents: Iterable[Document], kind: Kind | None, *, keep: bool = True) -> Batch:
    """A batch of documents of any jobs, checked and sorted; other result types are counted.

    Args:
        documents: read to the end, not modified; a search hit stands for its ``_source``.
        kind: what all of them are; None goes by their ``result_type``.
        keep: whether to keep what is only shown, and not only what filters and sorts.

    Raises:
        InvalidDocument: a document cannot be stored; ``field`` is its position and path, the first of the first bad
            document.
    """
    plain_batch = read_small_batch(documents, kind, keep=keep)
    if plain_batch is not None:
        return plain_batch
    skipped: Counter[str] = Counter()
    codes = JobCodes()
    readers = _read(documents, kind, skipped, codes, keep=keep)
    chunks = {reader.schema.kind: reader.chunks for reader in readers.values() if reader.chunks}
    return assemble(chunks, codes.ids(), dict(skipped))


def read_shown(
    documents: Iterable[Document], schema: Schema, keys: Sequence[tuple[Any, ...]], are_interim: Sequence[bool]
) -> dict[str, Sequence[Any]]:
    """What is only shown of the documents that keys name, by the name of the list.

    Args:
        documents: one for each key, in that order, checked as `read_documents` does.
        schema: their kind.
        keys: the job and the identity of each.
        are_interim: whether each is interim, whatever its document says: what is nested in it goes by that.

    Raises:
        InvalidDocument: as `read_documents` does; also too few or too many, or one that is not that of its key.
    """
    codes = JobCodes()
    reader = _read(_as_indexed(documents, are_interim), schema.kind, Counter(), codes, keep=True)[schema.kind]
    if not reader.chunks:
        reader.read(codes)
    chunk = concatenated(schema, reader.chunks)
    if len(chunk.jobs) != len(keys):
        reason = f"[documents] must be those of {len(keys)} keys, not {len(chunk.jobs)}"
        raise InvalidDocument(reason, field="documents", value=len(chunk.jobs))
    job_ids = codes.ids()
    identities = [chunk.columns[name].tolist() for name in schema.identity]
    for position, (code, key, *given) in enumerate(zip(chunk.jobs.tolist(), keys, *identities, strict=True)):
        identity = (job_ids[code], *given)
        if identity != key:
            raise refused(f"documents[{position}]", Unfit("must be the one that the key there names", identity))
    return {name: chunk.lists[name].between(0, len(keys)) for name in schema.only_shown}


def _as_indexed(documents: Any, are_interim: Sequence[bool]) -> Any:
    """Documents of which each is interim or not as the index has it; what is no iterable of documents as it is."""
    if isinstance(documents, Mapping | str | bytes) or not isinstance(documents, Iterable):
        return documents
    # One more than is wanted is enough to see that there are too many.
    return map(_with_interim, documents, [*are_interim, False])


def _with_interim(document: Any, is_interim: bool) -> Any:  # noqa: FBT001 - called by a map
    """A document that is interim or not as is told; as it is where what it says is refused anyway."""
    if not isinstance(document, Mapping):
        return document
    if isinstance(source := document.get("_source"), Mapping):
        return {"_source": _with_interim(source, is_interim)}
    said = document.get("is_interim")
    return {**document, "is_interim": is_interim} if said is None or isinstance(said, bool | np.bool_) else document


def _read(
    documents: Iterable[Document], kind: Kind | None, skipped: Counter[str], codes: JobCodes, *, keep: bool
) -> dict[str, "_DocumentReader"]:
    """The readers by their kinds, which have read all documents."""
    if isinstance(documents, Mapping | str | bytes) or not isinstance(documents, Iterable):
        reason = f"[documents] must be an iterable of documents, not one {type(documents).__name__}"
        raise InvalidDocument(reason, field="documents", value=documents)
    readers: dict[str, _DocumentReader] = {
        schema.kind: _DocumentReader(schema, keep=keep) for schema in SCHEMAS.values()
    }
    count = 0
    # Whoever yields documents may change one when asked for the next; those in a list are all there at once.
    is_held = isinstance(documents, list | tuple)
    for position, document in enumerate(documents):
        try:
            routed = _route(document, kind, readers, skipped)
        except Unfit as unfit:
            # One that was met before may be bad too, and is then the one to name.
            _read_waiting(readers.values(), codes)
            raise refused(f"documents[{position}]{unfit.path}", unfit) from None
        if routed is None:
            continue
        reader, found = routed
        path = "" if found is document else "._source"
        reader.waiting.append((position, path, found if is_held else _copied(reader.schema, found)))
        count += 1
        if count % _CHUNK == 0:
            _read_waiting(readers.values(), codes)
    _read_waiting(readers.values(), codes)
    return readers


class _DocumentReader:
    """The documents of one kind: those that wait, each behind its position and path, and the chunks read before."""

    __slots__ = ("chunks", "keep", "schema", "waiting")

    def __init__(self, schema: Schema, *, keep: bool) -> None:
        self.schema = schema
        self.keep = keep
        self.chunks: list[Chunk] = []
        self.waiting: list[tuple[int, str, Document]] = []

    def read(self, codes: JobCodes) -> None:
        """Make a chunk of the documents that wait.

        Raises:
            _Refusal: at the first bad field of the first bad one.
        """
        documents = [document for _, _, document in self.waiting]
        job_ids = [document.get("job_id") for document in documents]
        values: dict[str, Sequence[Any]] = {
            field.name: documents
            if field.type is Type.EXTRA_FIELDS
            else [document.get(field.name) for document in documents]
            for field in self.schema.fields
        }
        chunk = _read_whole(self.schema, job_ids, values, codes)
        if chunk is None:
            chunk = _read_rows(self.schema, job_ids, values, codes)
        if not self.keep:
            chunk = chunk.without(self.schema.only_shown)
        self.chunks.append(chunk)
        self.waiting = []


class _Refusal(Exception):
    """Why a row of a chunk cannot be stored; the path begins with the field."""

    def __init__(self, row: int, unfit: Unfit) -> None:
        super().__init__(row, unfit)
        self.row = row
        self.unfit = unfit


def _read_waiting(readers: Iterable[_DocumentReader], codes: JobCodes) -> None:
    """Make chunks of all documents that wait.

    Raises:
        InvalidDocument: at the first bad field of the first bad document, of whatever kind it is.
    """
    bad: list[tuple[int, str, Unfit]] = []
    for reader in readers:
        if reader.waiting:
            try:
                reader.read(codes)
            except _Refusal as refusal:
                position, path, _ = reader.waiting[refusal.row]
                bad.append((position, path, refusal.unfit))
    if bad:
        position, path, unfit = min(bad, key=itemgetter(0))
        raise refused(f"documents[{position}]{path}.{unfit.path}".removesuffix("."), unfit) from None


def _route(
    document: object, kind: Kind | None, readers: Mapping[str, _DocumentReader], skipped: Counter[str]
) -> tuple[_DocumentReader, Document] | None:
    """Who reads a document, and what of it, a hit's source for the hit; None for one that was counted as skipped."""
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
    if kind is not None:
        if result_type not in (None, kind):
            raise Unfit(f"must be [{kind}], not [{result_type[:100]}]", result_type, f"{path}.result_type")
        return readers[kind], document
    reader = None if result_type is None else readers.get(result_type)
    if reader is None:
        skipped[built_in_str(result_type or "")] += 1
        return None
    return reader, document


def _copied(schema: Schema, document: Document) -> Document:
    """A copy as deep as what is read of a document."""
    copied = dict(document)
    for name in list(copied) if EXTRA_FIELDS in schema.only_shown else [field.name for field in schema.lists]:
        copied[name] = _copy(copied.get(name), DEEPEST)
    return copied


def _copy(value: Any, depth: int) -> Any:
    """A copy of JSON, so many levels deep."""
    if isinstance(value, list | tuple):
        return [_copy(entry, depth - 1) if depth else entry for entry in value]
    if isinstance(value, Mapping):
        return {key: _copy(entry, depth - 1) if depth else entry for key, entry in value.items()}
    return value


def _read_whole(
    schema: Schema, job_ids: Sequence[Any], values: Mapping[str, Sequence[Any]], codes: JobCodes
) -> Chunk | None:
    """The chunk if every column is plain; None where one is not."""
    columns = {}
    for field in schema.columns:
        column = whole_column(field, values[field.name])
        if column is None:
            return None
        columns[field.name] = column
    try:
        jobs = codes.whole(job_ids)
        lists = {}
        for field in schema.lists:
            given = values[field.name]
            if field.type is Type.EXTRA_FIELDS:
                lists[field.name] = SparseLists.of_tuples([extra_fields_of(schema, document) for document in given])
                continue
            if not set(map(type, given)) <= {list, tuple, NoneType}:
                return None
            rows = list(compress(range(len(given)), given))
            tuples = [checks.listed(field, given[row], Owner.at(row, job_ids[row], values)) for row in rows]
            lists[field.name] = SparseLists.of_rows(rows, tuples)
    except Unfit:
        return None
    return Chunk.of(jobs, columns, lists)


def _read_rows(
    schema: Schema,
    job_ids: Sequence[Any],
    values: Mapping[str, Sequence[Any]],
    codes: JobCodes,
) -> Chunk:
    """The chunk value by value.

    Raises:
        _Refusal: at the first value that is refused.
    """
    jobs = []
    stored: dict[str, list[Any]] = {field.name: [] for field in schema.fields}
    for row, job_id in enumerate(job_ids):
        name = "job_id"
        try:
            jobs.append(codes.code(job_id))
            for field in schema.fields:
                name = field.name
                value = values[name][row]
                if field.type.dtype is not None:
                    stored[name].append(checks.scalar(field, value))
                elif field.type is Type.EXTRA_FIELDS:
                    stored[name].append(extra_fields_of(schema, value))
                elif value is None:
                    stored[name].append(())
                else:
                    stored[name].append(checks.listed(field, value, Owner.at(row, job_id, stored)))
        except Unfit as unfit:
            raise _Refusal(row, Unfit(unfit.reason, unfit.value, name + unfit.path)) from None
    columns = {field.name: checked_column(field, stored[field.name]) for field in schema.columns}
    lists = {field.name: SparseLists.of_tuples(stored[field.name]) for field in schema.lists}
    return Chunk.of(np.array(jobs, dtype=np.int64), columns, lists)
