"""Small jobs: a job with a few buckets as plain values, which Python's garbage collector does not track.

A full collection visits every object that may refer to others. A job with a table is six such objects. A collection of
100,000 such jobs takes 0.4 s, and each batch of a bucket for every job causes several. So a catalogue stores a small
job as one value without such objects, its *packed* form:

- ``bytes``: the span that `put_job` gave (0 if none), then the records of its buckets in identity order.
- An exact tuple of these bytes and of bytes with the lists of each row, if a bucket has lists. The collector stops
  tracking a tuple of plain values at its first visit.

A write makes a new value. A reader makes a `Job` from the value: 2 us. A job with groups, with results of other kinds,
or with more rows than `Sizes.small_job_rows` is stored as a `Job`.
"""

import marshal
from collections.abc import Iterator, Mapping
from functools import cache
from struct import Struct
from typing import Any, Final

from bucketquery.jobs.job import Job
from bucketquery.model.once import once
from bucketquery.model.schema import BUCKET, Type
from bucketquery.model.sizes import Sizes
from bucketquery.results.stored_influencer import DifferingInfluencer, StoredInfluencer
from bucketquery.storage.packed_rows import EMPTY_MAPPING, Layout, PackedColumns, layout_of
from bucketquery.storage.packed_segment import PackedSegment, empty_segment
from bucketquery.storage.sparse_lists import Entry, SparseLists, lists_of_rows
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS

#: A small job. The first bytes of a tuple are the span and the records, the others the lists of each row, and are empty
#: for a row without lists.
Packed = bytes | tuple[bytes, ...]
#: A job as a catalogue stores it.
Stored = Job | Packed

_SPAN: Final = Struct("=q")
#: The offset of the first record.
FIRST: Final = _SPAN.size
#: A job without results and without a span.
NOTHING: Final = _SPAN.pack(0)

_layout = layout_of(BUCKET)
assert _layout is not None, "buckets can be packed"
LAYOUT: Final[Layout] = _layout
_SIZE: Final = LAYOUT.size
_identity_from: Final = LAYOUT.identity_from
#: The list fields by their codes in stored lists.
_LISTS: Final = tuple(field.name for field in BUCKET.lists)
#: The code of the field whose entries are influencers.
_NESTED: Final = [field.type for field in BUCKET.lists].index(Type.BUCKET_INFLUENCERS)
#: With this version the bytes hold doubles in binary form, and no references between equal parts.
_VERSION: Final = 2
_SHORT: Final = len(StoredInfluencer._fields)


@cache
def most_bytes(sizes: Sizes) -> int:
    """The bytes of the largest span and records in packed form, in an index with these sizes."""
    return FIRST + _SIZE * min(sizes.small_job_rows, sizes.packed_rows, sizes.value_index_rows - 1)


def job_of(job_id: str, stored: Stored, sizes: Sizes) -> Job:
    """The job of a stored form: 2 us for a packed one."""
    if isinstance(stored, Job):
        return stored
    data, chunks = (stored, ()) if isinstance(stored, bytes) else (stored[0], stored[1:])
    (span,) = _SPAN.unpack_from(data)
    records = data[FIRST:]
    if not records:
        return Job(job_id, span or None)
    columns = PackedColumns(LAYOUT, records)
    masks, interim = EMPTY_MAPPING, NO_ROWS
    # Most small jobs have neither. These tests take a tenth of the time of the values.
    if records[LAYOUT.missing_at :: _SIZE].strip(b"\0"):
        masks = columns.masks(LAYOUT.missing_in(records))
    if records[LAYOUT.interim_at :: _SIZE].strip(b"\0"):
        interim = columns["is_interim"].nonzero()[0]
    lists = _Lists(chunks) if chunks else EMPTY_MAPPING
    length = len(records) // _SIZE
    base = PackedSegment(BUCKET, length, columns, masks, EMPTY_MAPPING, lists, None, sizes)
    return Job(job_id, span or None, {"bucket": Table(base, NO_ROWS, empty_segment(BUCKET, sizes), interim)})


def stored_of(job: Job) -> Stored:
    """A job in packed form if it is small; else the job itself."""
    tables, span = job.tables, _SPAN.pack(job.bucket_span or 0)
    if job.groups:
        return job
    if not tables:
        return span
    table = tables.get(BUCKET.kind)
    if table is None or len(tables) > 1 or FIRST + table.length * _SIZE > most_bytes(table.base.sizes):
        return job
    base, head, deleted = table.base, table.head, table.deleted
    if not (len(deleted) or head.length or base.lists):
        return span + base.records(LAYOUT)
    gone = {*deleted.tolist()}
    rows = [base.row(LAYOUT, at) for at in range(base.length) if at not in gone]
    rows += [head.row(LAYOUT, at) for at in range(head.length)]
    rows.sort(key=lambda row: _identity_from(row[0]))
    return _packed(b"".join([span, *[record for record, _ in rows]]), tuple([_chunk(lists) for _, lists in rows]))


def put(stored: Packed, record: bytes, lists: Mapping[str, Entry], most: int) -> tuple[Packed | None, bytes | None]:
    """Insert or replace one row of a small job.

    Args:
        stored: the job.
        record: the record of the row.
        lists: its lists.
        most: the result of `most_bytes`.

    Returns:
        The job after the write, and the record that was replaced, None if there was none. If nothing differs, the job
        is the given object. It is None if the row makes the job too large.
    """
    data, chunks = (stored, ()) if isinstance(stored, bytes) else (stored[0], stored[1:])
    identity, stop = _identity_from(record), len(data)
    low, high = 0, (stop - FIRST) // _SIZE
    # Most rows come after the last one, or replace it.
    if high and _identity_from(data, stop - _SIZE) < identity:
        low = high
    while low < high:
        middle = (low + high) >> 1
        if _identity_from(data, FIRST + middle * _SIZE) < identity:
            low = middle + 1
        else:
            high = middle
    at = FIRST + low * _SIZE
    after = at
    before = None
    if at < stop and _identity_from(data, at) == identity:
        after = at + _SIZE
        before = data[at:after]
        if before == record and (_lists_of(chunks[low]) if chunks else EMPTY_MAPPING) == lists:
            return stored, before
    elif stop >= most:
        return None, None
    grown = b"".join((data[:at], record, data[after:]))
    if not (chunks or lists):
        return grown, before
    chunks = chunks or (b"",) * ((stop - FIRST) // _SIZE)
    return _packed(grown, (*chunks[:low], _chunk(lists), *chunks[low + (before is not None) :])), before


def span_given_to(stored: Stored) -> int | None:
    """The span that `put_job` gave a job; None if it gave none."""
    if isinstance(stored, Job):
        return stored.bucket_span
    span: int = _SPAN.unpack_from(stored if isinstance(stored, bytes) else stored[0])[0]
    return span or None


def groups_of(stored: Stored | None) -> tuple[str, ...]:
    """The groups of a job; a job in packed form, or no job, is in none."""
    return stored.groups if isinstance(stored, Job) else ()


def records_of(stored: Packed) -> bytes:
    """The records of a small job's buckets, one after the other."""
    return (stored if isinstance(stored, bytes) else stored[0])[FIRST:]


def rows_of(stored: Packed) -> int:
    """The number of results of a small job."""
    return (len(stored if isinstance(stored, bytes) else stored[0]) - FIRST) // _SIZE


def time_span_of(stored: Packed) -> tuple[int, int] | None:
    """The first and the last timestamp of a small job; None if it has no results."""
    data = stored if isinstance(stored, bytes) else stored[0]
    if len(data) == FIRST:
        return None
    return _identity_from(data, FIRST)[0], _identity_from(data, len(data) - _SIZE)[0]


def nbytes_of(stored: Packed) -> int:
    """The bytes of the records of a small job, of its lists and of its interim rows, as its table counts them."""
    data, chunks = (stored, ()) if isinstance(stored, bytes) else (stored[0], stored[1:])
    # The first byte of the lists of a row is their number. Each takes a row number and a pointer.
    lists = sum([chunk[0] for chunk in chunks if chunk])
    return len(data) - FIRST + 16 * lists + 8 * data[FIRST + LAYOUT.interim_at :: _SIZE].count(1)


def _packed(data: bytes, chunks: tuple[bytes, ...]) -> Packed:
    return (data, *chunks) if any(chunks) else data


def _chunk(lists: Mapping[str, Entry]) -> bytes:
    """The lists of a row as bytes: their number, then their codes and entries."""
    if not lists:
        return b""
    flat: list[Any] = []
    for code, name in enumerate(_LISTS):
        entry = lists.get(name)
        if entry is not None:
            # Only exact tuples can be written.
            flat += (code, tuple(map(tuple, entry)) if code == _NESTED and isinstance(entry, tuple) else entry)
    return bytes((len(lists),)) + marshal.dumps(tuple(flat), _VERSION)


def _lists_of(chunk: bytes) -> Mapping[str, Entry]:
    """The lists of a row."""
    if not chunk:
        return EMPTY_MAPPING
    # Only `_chunk` made these bytes, in this process.
    flat = iter(marshal.loads(memoryview(chunk)[1:]))  # noqa: S302
    return {
        _LISTS[code]: tuple([_influencer(values) for values in entry]) if code == _NESTED else entry
        for code, entry in zip(flat, flat, strict=True)
    }


def _influencer(values: tuple[Any, ...]) -> StoredInfluencer | DifferingInfluencer:
    return StoredInfluencer(*values) if len(values) == _SHORT else DifferingInfluencer(*values)


class _Lists(Mapping[str, SparseLists]):
    """The sparse lists of a small job, read from the lists of its rows at the first use."""

    __slots__ = ("__dict__", "_chunks")

    def __init__(self, chunks: tuple[bytes, ...]) -> None:
        self._chunks = chunks

    @once
    def _made(self) -> dict[str, SparseLists]:
        return lists_of_rows([_lists_of(chunk) for chunk in self._chunks])

    def __bool__(self) -> bool:
        """A small job without lists has none of these."""
        return True

    def __getitem__(self, name: str) -> SparseLists:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
