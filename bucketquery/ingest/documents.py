"""Documents to checked columns: the usual input.

Documents are routed by kind, and each kind is read in chunks (`chunks`). The waiting documents of all kinds are read at
the same time, so an error names the first bad field of the first bad document of any kind.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple

from bucketquery.errors import InvalidDocument
from bucketquery.ingest import checks
from bucketquery.ingest.batch import Batch, Chunk, JobCodes, assemble, concatenated, refused
from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.chunks import Refusal, read_chunk
from bucketquery.ingest.envelopes import body_of, unwrap
from bucketquery.ingest.extra_fields import DEEPEST
from bucketquery.ingest.frames import is_frame
from bucketquery.ingest.small_batches import read_small_batch
from bucketquery.model.scalars import base_form, base_or_none, iterator_of
from bucketquery.model.schema import BUCKET, EXTRA_FIELDS, RECORD, SCHEMAS, Document, Kind, Schema

#: The fields that a record in a bucket takes from the bucket if it does not have them.
_OF_THE_BUCKET: Final = ("job_id", "timestamp", "bucket_span", "is_interim")
#: The types that hold all their items at once.
_HOLD: Final = (list, tuple)
#: As soon as this number of documents of all kinds wait, the readers read them as chunks.
_CHUNK: Final = 1024


def read_documents(documents: Iterable[Document] | Document, kind: Kind | None, *, keep: bool = True) -> Batch:
    """A batch of documents of any jobs, checked and sorted. Documents of other result types are skipped and counted.

    Args:
        documents: read to the end, not modified; a search hit stands for its ``_source``. An answer or a search
            response stands for the documents in it.
        kind: the kind of all of them; None routes each by its ``result_type``.
        keep: True keeps display fields too; False keeps only the fields that queries filter or sort by.

    Raises:
        InvalidDocument: a document cannot be stored; ``field`` is the position and path of the first bad field in the
            first bad document.
    """
    small_batch = read_small_batch(documents, kind, keep=keep)
    if small_batch is not None:
        return small_batch
    skipped: Counter[str] = Counter()
    codes = JobCodes()
    source = _source_of(documents, kind)
    readers = _read(source, skipped, codes, keep=keep)
    chunks = {reader.schema.kind: reader.chunks for reader in readers.values() if reader.chunks}
    return assemble(chunks, codes.ids(), dict(skipped))


def read_display_fields(
    documents: Iterable[Document], schema: Schema, keys: Sequence[tuple[Any, ...]], are_interim: Sequence[bool]
) -> dict[str, Sequence[Any]]:
    """The display fields of the documents that keys name, by the name of the list.

    Args:
        documents: one for each key, in that order, checked as `read_documents` does.
        schema: their kind.
        keys: the job and the identity of each.
        are_interim: whether each is interim. The index decides this, not the document. A nested influencer without
            ``is_interim`` takes this value.

    Raises:
        InvalidDocument: as `read_documents` does; also if there are too few or too many documents, or if one has
            another identity than its key.
    """
    codes = JobCodes()
    source = _Source(_as_indexed(documents, are_interim), "documents", schema.kind)
    reader = _read(source, Counter(), codes, keep=True)[schema.kind]
    if not reader.chunks:
        reader.read_waiting(codes)
    chunk = concatenated(schema, reader.chunks)
    if len(chunk.jobs) != len(keys):
        reason = f"[documents] must hold one document for each of the {len(keys)} keys, not {len(chunk.jobs)}"
        raise InvalidDocument(reason, field="documents", value=len(chunk.jobs))
    job_ids = codes.ids()
    identities = [chunk.columns[name].tolist() for name in schema.identity]
    for position, (code, key, *given) in enumerate(zip(chunk.jobs.tolist(), keys, *identities, strict=True)):
        identity = (job_ids[code], *given)
        if identity != key:
            raise refused(f"documents[{position}]", Unfit("must have the identity of the key at its place", identity))
    return {name: chunk.lists[name].between(0, len(keys)) for name in schema.only_shown}


def _as_indexed(documents: Any, are_interim: Sequence[bool]) -> Any:
    """The documents with ``is_interim`` as the index has it; anything but an iterable of documents stays as it is."""
    items = None if isinstance(documents, Mapping | str | bytes) else iterator_of(documents)
    if items is None:
        return documents
    # One document past the last key is read, so that too many documents are noticed.
    return map(_with_interim, items, [*are_interim, False])


def _with_interim(document: Any, is_interim: bool) -> Any:  # noqa: FBT001 - called by a map
    """The document with this ``is_interim``; unchanged if its own value is not a boolean, which the reader refuses."""
    if not isinstance(document, Mapping):
        return document
    if isinstance(source := document.get("_source"), Mapping):
        return {"_source": _with_interim(source, is_interim)}
    said = base_or_none(document.get("is_interim"))
    return {**_as_dict(document), "is_interim": is_interim} if said is None or type(said) is bool else document


class _Source(NamedTuple):
    """The documents to read.

    Attributes:
        documents: as the caller gave them.
        path: their path in errors.
        kind: the kind of all of them; None routes each by its ``result_type``.
    """

    documents: Any
    path: str
    kind: Kind | None


def _source_of(documents: Iterable[Document] | Document, kind: Kind | None) -> _Source:
    """The documents, or those in an answer or a search response."""
    given = documents if isinstance(documents, list | tuple) else body_of(documents)
    envelope = unwrap(given)
    if envelope is None:
        return _Source(given, "documents", kind)
    if None not in (kind, envelope.kind) and kind != envelope.kind:
        reason = f"[documents] must be results of the kind [{kind}], not [{envelope.path}]"
        raise InvalidDocument(reason, field="documents", value=documents)
    return _Source(envelope.documents, f"documents.{envelope.path}", kind or envelope.kind)


def _read(source: _Source, skipped: Counter[str], codes: JobCodes, *, keep: bool) -> dict[str, "_DocumentReader"]:
    """The readers of all kinds, after they have read all documents."""
    documents, path, kind = source
    items = None if isinstance(documents, Mapping | str | bytes) else iterator_of(documents)
    if items is None:
        reason = f"[documents] must be an iterable of documents, not one {type(documents).__name__}"
        raise InvalidDocument(reason, field="documents", value=documents)
    readers: dict[str, _DocumentReader] = {
        schema.kind: _DocumentReader(schema, keep=keep) for schema in SCHEMAS.values()
    }
    buckets, records = readers[BUCKET.kind], readers[RECORD.kind]
    count = first = 0
    # A generator may mutate a document after yielding it, so copy it. A list holds all its documents at once, unless
    # its class iterates in its own way.
    is_held = type(documents) in _HOLD
    if is_held:
        first = _read_plain(documents, kind, readers, codes)
        items = islice(documents, first, None)
    for position, document in enumerate(items, first):
        try:
            routed = _route(document, kind, readers, skipped)
            if routed is None:
                continue
            reader, found = routed
            below = "" if found is document else "._source"
            reader.waiting.append((position, below, found if is_held else _copied(reader.schema, found)))
            count += 1
            if "records" in found and reader is buckets and base_or_none(found["records"]) is not None:
                for place, record in _records_in(found, below):
                    records.waiting.append((position, place, record if is_held else _copied(RECORD, record)))
                    count += 1
        except Unfit as unfit:
            # If an earlier document is bad too, the error must name that one.
            _read_waiting(readers.values(), codes, path)
            if is_frame(documents):
                reason = f"[documents] must be an iterable of documents, not one {type(documents).__name__}"
                reason += ": [upsert_columns] takes a frame"
                raise InvalidDocument(reason, field="documents", value=documents) from None
            raise refused(f"{path}[{position}]{unfit.path}", unfit) from None
        if count >= _CHUNK:
            _read_waiting(readers.values(), codes, path)
            count = 0
    _read_waiting(readers.values(), codes, path)
    return readers


def _read_plain(
    documents: Sequence[Any], kind: Kind | None, readers: Mapping[str, "_DocumentReader"], codes: JobCodes
) -> int:
    """Read the first chunks if they are plain, up to the first that is not; return the number of documents in them.

    A chunk is plain if all its documents are valid built-in dicts of one kind, and none holds another document. Reading
    a plain chunk takes a quarter of the time, and makes no objects that the garbage collector would visit.
    """
    for first in range(0, len(documents), _CHUNK):
        some = documents[first : first + _CHUNK]
        if set(map(type, some)) != {dict} or True in map(dict.__contains__, some, repeat("_source")):
            return first
        said = [*map(dict.get, some, repeat("result_type"))]
        if set(map(type, said)) != {str} or len({*said}) > 1:
            return first
        reader = readers.get(str(said[0]))
        if reader is None or kind not in (None, said[0]):
            return first
        if reader.schema is BUCKET and True in map(dict.__contains__, some, repeat("records")):
            return first
        try:
            reader.read(codes, some)
        except Refusal:
            return first
    return len(documents)


class _DocumentReader:
    """The documents of one kind: waiting ones as (position, path, document), and the chunks already read."""

    __slots__ = ("chunks", "keep", "schema", "waiting")

    def __init__(self, schema: Schema, *, keep: bool) -> None:
        self.schema = schema
        self.keep = keep
        self.chunks: list[Chunk] = []
        self.waiting: list[tuple[int, str, Document]] = []

    def read(self, codes: JobCodes, documents: Sequence[Document]) -> None:
        """Read some documents as one chunk.

        Raises:
            Refusal: at the first bad field of the first bad document.
        """
        chunk = read_chunk(self.schema, documents, codes)
        self.chunks.append(chunk if self.keep else chunk.without(self.schema.only_shown))

    def read_waiting(self, codes: JobCodes) -> None:
        """Read the waiting documents as one chunk, as `read` does."""
        self.read(codes, [document for _, _, document in self.waiting])
        self.waiting = []


def _read_waiting(readers: Iterable[_DocumentReader], codes: JobCodes, path: str) -> None:
    """Read the waiting documents of every kind.

    Args:
        readers: the readers of all kinds, that of buckets before that of records.
        codes: the codes of the jobs.
        path: the path of the documents in errors.

    Raises:
        InvalidDocument: at the first bad field of the first bad document of any kind.
    """
    bad: list[tuple[int, str, Unfit]] = []
    for reader in readers:
        if reader.waiting:
            try:
                reader.read_waiting(codes)
            except Refusal as refusal:
                position, below, _ = reader.waiting[refusal.row]
                bad.append((position, below, refusal.unfit))
    if bad:
        # A bucket and the records in it have one position. The first of equal ones is the bucket.
        position, below, unfit = min(bad, key=itemgetter(0))
        raise refused(f"{path}[{position}]{below}.{unfit.path}".removesuffix("."), unfit) from None


def _records_in(bucket: Document, path: str) -> Iterator[tuple[str, Document]]:
    """The records in a bucket, with their paths; a record without a value of `_OF_THE_BUCKET` takes the bucket's.

    Args:
        bucket: a bucket with ``records``.
        path: the path of the bucket.

    Raises:
        Unfit: an item is not a record.
    """
    shared = {name: bucket.get(name) for name in _OF_THE_BUCKET}
    for record, place in checks.items(bucket["records"], f"{path}.records"):
        if not isinstance(record, Mapping):
            raise Unfit(f"must be an object, not {checks.type_name(record)}", record, place)
        _check_type(record.get("result_type"), RECORD.kind, place)
        lacking = {name: value for name, value in shared.items() if base_or_none(record.get(name)) is None}
        yield place, {**_as_dict(record), **lacking} if lacking else record


def _route(
    document: object, kind: Kind | None, readers: Mapping[str, _DocumentReader], skipped: Counter[str]
) -> tuple[_DocumentReader, Document] | None:
    """The reader of a document, and the document, or its source if it is a search hit; None if it was skipped."""
    if type(document) is not dict and not isinstance(document, Mapping):
        raise Unfit(f"must be an object, not {type(document).__name__}", document)
    path = ""
    if "_source" in document:
        document = document["_source"]
        path = "._source"
        if not isinstance(document, Mapping):
            raise Unfit(f"must be an object, not {type(document).__name__}", document, path)
    result_type = document.get("result_type")
    if type(result_type) is not str or kind is not None:
        result_type = _check_type(result_type, kind, path)
        if kind is not None:
            return readers[kind], document
    reader = readers.get(result_type)
    if reader is None:
        skipped[result_type] += 1
        return None
    return reader, document


def _check_type(result_type: object, kind: Kind | None, path: str) -> str:
    """The result type of a document as built-in text; "" if it has none.

    Raises:
        Unfit: it is not text, or not the kind that is required.
    """
    named = base_or_none(result_type)
    if named is None:
        return ""
    if type(named) is not str:
        raise Unfit(f"must be text, not {type(result_type).__name__}", result_type, f"{path}.result_type")
    if kind not in (None, named):
        raise Unfit(f"must be [{kind}], not [{named[:100]}]", result_type, f"{path}.result_type")
    return named


def _copied(schema: Schema, document: Document) -> Document:
    """A copy of every part of a document that is read later."""
    copied = dict(_as_dict(document))
    for name in list(copied) if EXTRA_FIELDS in schema.only_shown else [field.key for field in schema.lists]:
        if name in copied:
            copied[name] = _copy(copied[name], DEEPEST)
    return copied


def _copy(value: Any, depth: int) -> Any:
    """A copy of a JSON value down to ``depth`` levels."""
    if isinstance(value, list | tuple):
        return [_copy(entry, depth - 1) if depth else entry for entry in value]
    if isinstance(value, Mapping):
        return {key: _copy(entry, depth - 1) if depth else entry for key, entry in _items(value)}
    return value


def _as_dict(document: Document) -> Document:
    """The document itself if it is a dict; otherwise its items in a dict, whose keys are built-in text."""
    return document if type(document) is dict else dict(_items(document))


def _items(mapping: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """The items of a mapping, with keys that a dict can have."""
    for key, value in mapping.items():
        name = base_form(key)
        # A key that is neither text nor hashable is refused or dropped. Its class, which is hashable, takes its place
        # and is refused or dropped too.
        yield (type(name) if type(name).__hash__ is None else name), value
