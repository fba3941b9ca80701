"""Batches: checked columns by job and in identity order, ready to be written.

`documents` and `arrays` read the input and assemble their columns here. This module does not import the index. A batch
that cannot be stored is refused before the writer takes its lock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from types import NoneType
from typing import Any, Final, NamedTuple, Self, cast

import numpy as np

from bucketquery.arrays.sorted_arrays import sort_order
from bucketquery.errors import InvalidDocument
from bucketquery.ingest.checks import IS_REQUIRED, Unfit
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.scalars import base_or_none
from bucketquery.model.schema import SCHEMAS, Array, Bools, Field, Int64s, Kind, Objects, Schema, Type
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.model.text import JOB_ID_RULE, are_job_ids, is_job_id
from bucketquery.storage.keywords import encode_columns, without_unused
from bucketquery.storage.packed_rows import EMPTY_MAPPING, Layout, layout_of
from bucketquery.storage.packed_segment import segment_of_records
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import NO_LISTS, Entry, SparseLists

#: The Python types that a field stores unchanged, including NoneType for a missing value.
STORED_TYPES: Final = {
    Type.TIMESTAMP: frozenset({int, NoneType}),
    Type.INTEGER: frozenset({int, NoneType}),
    Type.DOUBLE: frozenset({int, float, NoneType}),
    Type.BOOLEAN: frozenset({bool, NoneType}),
    Type.KEYWORD: frozenset({str, NoneType}),
}

#: A keyword dictionary of at most this many entries is shared by all jobs of a batch, even if a job uses few of them.
_SHARED_KEYWORDS: Final = 64


#: The entries of one result in `Batch.rows`.
ENTRIES: Final = 4


class Batch(NamedTuple):
    """Checked results, ready to be written.

    Attributes:
        parts: segments by kind and job, each in identity order, no identity twice.
        skipped: the number of skipped documents, by ``result_type``.
        rows: single results in one list, if each job has one result or the batch is small. Each has four entries: the
            job, the layout of the kind, the record and the lists. The results of one job and kind are
            in identity order, no identity twice.
        repeated: the number of results that a later one of the same identity has replaced in this batch.
    """

    parts: Mapping[Kind, Mapping[str, Segment]]
    skipped: Mapping[str, int]
    rows: Sequence[Any] = ()
    repeated: int = 0

    def each_row(self) -> Iterable[tuple[str, Layout, bytes, Mapping[str, Entry]]]:
        """The job, the layout, the record and the lists of each single result."""
        entries = iter(self.rows)
        return zip(entries, entries, entries, entries, strict=True)


class Column(NamedTuple):
    """A checked column.

    Attributes:
        values: shape (n,); a missing value is the default, NaN or None. Keywords are text, or codes of ``keywords``.
        present: which values are not missing; None if all are present, and always None for doubles and keywords.
        keywords: the keyword dictionary, sorted; None if the values are no codes.
    """

    values: Array
    present: Bools | None
    keywords: Objects | None = None

    def instants(self) -> SparseLists:
        """The column of instants as a field that is stored for the rows that have one."""
        return SparseLists.of_instants(self.values, self.present)


class Chunk(NamedTuple):
    """Some results of one kind as columns, in the order of the input.

    Attributes:
        jobs: the job of each result, as a code.
        columns: the values of each column, keywords as text or as codes.
        present: a mask for each column with a missing value, except doubles and keywords.
        lists: the values of each list field.
        dictionaries: the keyword dictionary of each column that has codes.
    """

    jobs: Int64s
    columns: Mapping[str, Array]
    present: Mapping[str, Bools]
    lists: Mapping[str, SparseLists]
    dictionaries: Mapping[str, Objects] = EMPTY_MAPPING

    @classmethod
    def of(cls, jobs: Int64s, columns: Mapping[str, Column], lists: Mapping[str, SparseLists]) -> Self:
        """The chunk of some checked columns."""
        return cls(
            jobs,
            {name: column.values for name, column in columns.items()},
            {name: column.present for name, column in columns.items() if column.present is not None},
            lists,
            {name: column.keywords for name, column in columns.items() if column.keywords is not None},
        )

    def without(self, lists: Iterable[str]) -> "Chunk":
        """The same results with these list fields emptied."""
        return self._replace(lists={**self.lists, **dict.fromkeys(lists, NO_LISTS)})

    def mask(self, name: str) -> Bools:
        """Which rows have the field; not for doubles and keywords."""
        return self.present.get(name, np.ones(len(self.jobs), dtype=np.bool_))


class JobCodes:
    """Codes for job ids in the order of first appearance; each id is checked once."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        #: The ids so far, in order, as long as none has been repeated. In a batch of one result for each of many jobs,
        #: all ids are new: their codes are their positions, and `whole` takes a third of the time without a dict.
        self._distinct: list[str] | None = []
        self._seen: set[str] = set()

    def _known(self) -> dict[str, int]:
        """The codes, in a dict from now on."""
        if self._distinct is not None:
            self._codes = {job_id: code for code, job_id in enumerate(self._distinct)}
            self._distinct, self._seen = None, set()
        return self._codes

    def code(self, job_id: object) -> int:
        """The job's code.

        Raises:
            Unfit: the id is not a valid job id.
        """
        text = base_or_none(job_id)
        if type(text) is not str:
            raise Unfit(IS_REQUIRED if text is None else f"must be text, not {type(job_id).__name__}", job_id)
        codes = self._known()
        code = codes.get(text)
        if code is None:
            if not is_job_id(text):
                raise Unfit(JOB_ID_RULE, job_id)
            code = codes[text] = len(codes)
        return code

    def whole(self, job_ids: Sequence[object]) -> Int64s:
        """The codes of many job ids.

        Raises:
            Unfit: one of them is not a valid job id.
        """
        code: Callable[[Any], int] = self.code
        if set(map(type, job_ids)) <= {str}:
            texts = cast("Sequence[str]", job_ids)
            distinct, seen = self._distinct, self._seen
            if distinct is not None and texts and are_job_ids(texts):
                first = len(distinct)
                stop = first + len(texts)
                seen.update(texts)
                if len(seen) == stop:
                    distinct += texts
                    return np.arange(first, stop)
            codes = self._known()
            for job_id in dict.fromkeys(texts):
                if job_id not in codes:
                    self.code(job_id)
            code = codes.__getitem__
        return np.fromiter(map(code, job_ids), dtype=np.int64, count=len(job_ids))

    def ids(self) -> list[str]:
        """The job ids in the order of their codes."""
        return list(self._codes) if self._distinct is None else self._distinct


def assemble(chunks: Mapping[Kind, Sequence[Chunk]], job_ids: Sequence[str], skipped: Mapping[str, int]) -> Batch:
    """The batch of some chunks of each kind, sorted by job and identity; the last result of an identity wins.

    O(n) for rows that arrive in order, otherwise O(n log n).
    """
    parts: dict[Kind, dict[str, Segment]] = {}
    rows: list[Any] = []
    repeated = 0
    for kind, some in chunks.items():
        whole, dictionaries = _in_order(SCHEMAS[kind], some)
        repeated += sum(len(chunk.jobs) for chunk in some) - len(whole.jobs)
        jobs, layout = whole.jobs, layout_of(SCHEMAS[kind])
        ends = [0, *((jobs[1:] != jobs[:-1]).nonzero()[0] + 1).tolist(), len(jobs)] if len(jobs) else [0]
        if layout is None or len(jobs) // max(1, len(ends) - 1) > DEFAULT_SIZES.packed_rows:
            layout, records = None, b""
        else:
            records = layout.records(len(jobs), whole.columns, whole.present)
        if layout is not None and 0 < len(jobs) == len(ends) - 1:
            rows += _single(whole, layout, records, job_ids)
            continue
        entries = {name: found.rows.searchsorted(ends).tolist() for name, found in whole.lists.items()}
        parts[kind] = {}
        for at, (low, high) in enumerate(pairwise(ends)):
            own = {
                name: whole.lists[name].part(places[at], places[at + 1], low)
                for name, places in entries.items()
                if places[at] < places[at + 1]
            }
            if layout is None or high - low > DEFAULT_SIZES.packed_rows:
                segment = _cut(SCHEMAS[kind], whole, dictionaries, slice(low, high), own)
            else:
                segment = segment_of_records(layout, records[low * layout.size : high * layout.size], own)
            parts[kind][job_ids[jobs.item(low)]] = segment
    return Batch(parts, skipped, rows, repeated)


def _in_order(schema: Schema, chunks: Sequence[Chunk]) -> tuple[Chunk, dict[str, Objects]]:
    """The rows of some chunks as one chunk, sorted by job and identity, and their keyword dictionaries.

    Of rows with the same job and identity, only the last is included.
    """
    jobs, columns, present, lists, given = concatenated(schema, chunks)
    coded, made = encode_columns(schema, {name: column for name, column in columns.items() if name not in given})
    columns = {name: coded.get(name, column) for name, column in columns.items()}
    dictionaries = {**made, **{name: keywords for name, keywords in given.items() if len(keywords)}}
    lists = {name: some for name, some in lists.items() if some.length}
    order = sort_order([jobs, *(columns[name] for name in schema.identity)])
    if order is not None:
        jobs = jobs.take(order)
        columns = {name: column.take(order) for name, column in columns.items()}
        present = {name: mask.take(order) for name, mask in present.items()}
        lists = {name: some.reordered(order) for name, some in lists.items()}
    return Chunk(jobs, columns, present, lists), dictionaries


def _single(whole: Chunk, layout: Layout, records: bytes, job_ids: Sequence[str]) -> list[Any]:
    """The rows of a chunk as single rows; each belongs to a different job.

    A list for all rows, and not a tuple for each: the garbage collector would visit these, and so run more often.
    """
    number, size = len(whole.jobs), layout.size
    rows: list[Any] = [layout] * (4 * number)
    # Each code occurs once, in order. So if there are no other codes, the ids are those of the rows.
    rows[::4] = job_ids if len(job_ids) == number else [job_ids[code] for code in whole.jobs.tolist()]
    # NumPy makes the records in half the time of slices.
    rows[2::4] = np.frombuffer(records, dtype=np.dtype((np.void, size))).tolist()
    rows[3::4] = [EMPTY_MAPPING] * number
    for name, some in whole.lists.items():
        having, values = some.used()
        for row, value in zip(having.tolist(), values.tolist(), strict=True):
            lists = rows[4 * row + 3]
            if lists is EMPTY_MAPPING:
                rows[4 * row + 3] = {name: value}
            else:
                lists[name] = value
    return rows


def _cut(
    schema: Schema, whole: Chunk, shared: Mapping[str, Objects], rows: slice, lists: Mapping[str, SparseLists]
) -> Segment:
    """The segment of some rows of a chunk, with the given lists."""
    length = rows.stop - rows.start
    # Copy: a view would keep the rows of all other jobs in memory.
    is_all = length == len(whole.jobs)
    columns = {name: column if is_all else column[rows].copy() for name, column in whole.columns.items()}
    dictionaries = {}
    for name, keywords in shared.items():
        is_shared = len(keywords) <= _SHARED_KEYWORDS
        columns[name], dictionaries[name] = (
            (columns[name], keywords) if is_shared else without_unused(columns[name], keywords)
        )
    masks = {name: part.copy() for name, mask in whole.present.items() if not (part := mask[rows]).all()}
    return Segment(schema, length, columns, masks, dictionaries, lists)


def concatenated(schema: Schema, chunks: Sequence[Chunk]) -> Chunk:
    """One or more chunks as one, in order. A single chunk is not copied; several ones have their keywords as text."""
    if len(chunks) == 1:
        return chunks[0]
    assert not any(chunk.dictionaries for chunk in chunks)
    masked = {name for chunk in chunks for name in chunk.present}
    starts = [*accumulate((len(chunk.jobs) for chunk in chunks[:-1]), initial=0)]
    return Chunk(
        np.concatenate([chunk.jobs for chunk in chunks]),
        {field.name: np.concatenate([chunk.columns[field.name] for chunk in chunks]) for field in schema.columns},
        {name: np.concatenate([chunk.mask(name) for chunk in chunks]) for name in masked},
        {
            field.name: SparseLists.merged(
                [chunk.lists[field.name].shifted(start) for chunk, start in zip(chunks, starts, strict=True)]
            )
            for field in schema.lists
        },
    )


def whole_column(field: Field, values: Sequence[object]) -> Column | None:
    """The column if every value is of a stored type and inside its bounds; None if single values must be checked."""
    types = set(map(type, values))
    if not types <= STORED_TYPES[field.type] or (field.required and NoneType in types):
        return None
    if field.type is Type.KEYWORD:
        return Column(np.array(values, dtype=np.object_), None)
    given = (
        values
        if NoneType not in types or field.type is Type.DOUBLE
        else [0 if value is None else value for value in values]
    )
    try:
        column: Array = np.array(given, dtype=field.type.dtype)
    except OverflowError:
        return None
    if field.type is Type.DOUBLE:
        # NumPy reads None as NaN; a NaN anywhere else is refused.
        column += 0.0
        missing = values.count(None) if NoneType in types else 0
        return Column(column, None) if np.count_nonzero(np.isfinite(column)) == len(values) - missing else None
    if NoneType in types:
        present = np.fromiter((value is not None for value in values), dtype=np.bool_, count=len(values))
        return Column(column, present) if in_bounds(field, column[present]) else None
    return Column(column, None) if in_bounds(field, column) else None


def checked_column(field: Field, values: Sequence[object]) -> Column:
    """The column of values that have all been checked."""
    column = whole_column(field, values)
    assert column is not None
    return column


def in_bounds(field: Field, column: Array) -> bool:
    """Whether all values of a timestamp, integer or boolean column are inside their field's bounds."""
    if not len(column):
        return True
    if field.type is Type.TIMESTAMP:
        return bool(column.min() >= FIRST_MS and column.max() <= LAST_MS)
    return field.minimum is None or bool(column.min() >= field.minimum)


def refused(path: str, unfit: Unfit) -> InvalidDocument:
    """The error for an unfit value at a path."""
    return InvalidDocument(f"failed to parse [{path}]: {unfit.reason}", field=path, value=unfit.value)
