"""Combined tables: the results of many small jobs as one table, so that one search answers for all of them.

A combined table never changes. `combined_cache.py` decides which jobs it has, and for which jobs of a later commit it
is still valid.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from bucketquery.model.schema import Array, Bools, Int32s, Int64s, Objects, Schema, Type
from bucketquery.storage.keywords import encode_keywords
from bucketquery.storage.packed_rows import layout_of, missing_bits
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.row_copies import segment_row
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import SparseLists
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS

#: A combined table stores its answers to the last N queries.
_REMEMBERED: Final = 4

_Value = TypeVar("_Value")


class Split(NamedTuple):
    """The jobs of a query, split into those that one table answers and those searched one by one.

    Attributes:
        combined: the combined table, which has the job of each row.
        table: the results to search.
        others: the jobs to search one by one, known or not.
    """

    combined: "CombinedTable"
    table: Table
    others: tuple[str, ...]


class NumberedJobs(NamedTuple):
    """The jobs of a combined table. A job's number is its place in the order of ids.

    Attributes:
        job_ids: the ids, in order.
        number_of: the number of each job.
        tables: the table of each job, None if it has no results.
        starts: for each job, the number of rows of all jobs before it, deleted rows included; shape (j,).
    """

    job_ids: Sequence[str]
    number_of: Mapping[str, int]
    tables: Sequence[Table | None]
    starts: Int64s


class _Part(NamedTuple):
    """The rows of the jobs that a query names.

    Attributes:
        jobs: the jobs of the query.
        combined: a combined table of these rows; None if they are all rows, since only the garbage collector would free
            a combined table that refers to itself.
        is_named: for each job of the combined table, whether the query names it.
        others: the jobs of the query that the combined table does not have.
    """

    jobs: Sequence[str]
    combined: "CombinedTable | None"
    is_named: Bools
    others: tuple[str, ...]


class _Answer(NamedTuple):
    """A stored split.

    Attributes:
        jobs: the jobs of the query.
        stale: the jobs of the combined table that have other results now.
        part: the rows of the query's jobs.
        table: these rows without the stale jobs.
        others: the jobs to search one by one.
    """

    jobs: Sequence[str]
    stale: frozenset[str]
    part: _Part
    table: Table
    others: tuple[str, ...]


class CombinedTable:
    """The results of one kind of many jobs, in the order of timestamp, span and job; any thread may read it.

    Each column is made when it is first read.

    Attributes:
        jobs: the jobs by number.
        job_ids: their ids, in order.
    """

    __slots__ = ("_answers", "_interim", "_numbers", "_parts", "_places", "_table", "job_ids", "jobs")

    def __init__(self, jobs: NumberedJobs, segment: Segment, numbers: Int32s, places: Int64s) -> None:
        self.jobs = jobs
        self.job_ids = jobs.job_ids
        #: The number of each row's job, and each row's place in the rows of all jobs, one job behind the other.
        self._numbers = numbers
        self._places = places
        self._interim: Int64s = segment.column("is_interim").nonzero()[0]
        self._table = Table(segment, NO_ROWS, empty_segment(segment.schema, segment.sizes), self._interim)
        #: The last queries, newest first. A reader replaces the whole tuple. If two do so at once, one query is lost.
        self._parts: tuple[_Part, ...] = ()
        self._answers: tuple[_Answer, ...] = ()

    @classmethod
    def of(cls, schema: Schema, job_ids: Sequence[str], tables: Sequence[Table | None]) -> "CombinedTable":
        """The combined table of some jobs.

        Args:
            schema: the kind.
            job_ids: their ids, in order.
            tables: the table of each job, None if it has no results.
        """
        source = _Source(schema, tables)
        segment = Segment(
            schema,
            len(source.places),
            _OnDemand([field.name for field in schema.columns], source.column),
            _OnDemand(source.masked, source.mask),
            _OnDemand([field.name for field in schema.columns if field.type is Type.KEYWORD], source.dictionary),
            _OnDemand([field.name for field in schema.lists if field.name not in schema.only_shown], source.lists),
            None,
            source.sizes,
        )
        for name in ("timestamp", "is_interim", schema.score):
            # Most queries read these columns, and the records of all segments are still in memory.
            segment.column(name)
        source.drop_records()
        numbers = np.repeat(np.arange(len(tables), dtype=np.int32), source.lengths)[source.places]
        jobs = NumberedJobs(job_ids, {job_id: number for number, job_id in enumerate(job_ids)}, tables, source.starts)
        return cls(jobs, segment, numbers, source.places)

    def _select(self, rows: Int64s) -> "CombinedTable":
        """The same jobs with some of the rows."""
        all_rows = self._table.base
        segment = Segment(
            all_rows.schema,
            len(rows),
            _OnDemand(list(all_rows.columns), lambda name: all_rows.columns[name][rows]),
            _OnDemand(list(all_rows.present), lambda name: all_rows.present[name][rows]),
            all_rows.dictionaries,
            _OnDemand(list(all_rows.lists), lambda name: all_rows.lists[name].select(rows)),
            None,
            all_rows.sizes,
        )
        return CombinedTable(self.jobs, segment, self._numbers[rows], self._places[rows])

    def split(self, jobs: Sequence[str], stale: frozenset[str]) -> Split:
        """Split the jobs of a query into those that this table answers and those searched one by one.

        Args:
            jobs: the jobs of the query, each once.
            stale: the jobs of this table that have other results now.

        The first call for some jobs costs O(n + j) for the n results and j jobs of this table. A repeated call costs
        O(1), or O(j) for an equal sequence that is another object. The table stores the splits of the last 4 queries.
        """
        answer = self._answer_to(jobs, stale)
        return Split(answer.part.combined or self, answer.table, answer.others)

    def without(self, numbers: Sequence[int]) -> Table:
        """All results except those of some jobs, given by their numbers."""
        if not numbers:
            return self._table
        is_left_out = np.zeros(len(self.job_ids), dtype=np.bool_)
        is_left_out[numbers] = True
        rows = self._table
        return Table(rows.base, is_left_out[self._numbers].nonzero()[0], rows.head, self._interim)

    def place(self, row: int) -> tuple[str, Segment, int]:
        """The job of a row, and the segment and row number of that row in the job's own table."""
        number = self._numbers.item(row)
        table = self.jobs.tables[number]
        assert table is not None  # it has rows
        return self.job_ids[number], *segment_row(table, self._places.item(row) - self.jobs.starts.item(number))

    def job_of(self, row: int) -> str:
        """The job of a row."""
        return self.job_ids[self._numbers.item(row)]

    def numbers_of(self, rows: slice | Int64s) -> Int32s:
        """The numbers of the jobs of some rows."""
        numbers: Int32s = self._numbers[rows]
        return numbers

    def _answer_to(self, jobs: Sequence[str], stale: frozenset[str]) -> _Answer:
        """The split of a query, stored or made now."""
        for answer in self._answers:
            if (answer.jobs is jobs or answer.jobs == jobs) and answer.stale == stale:
                return answer
        part = self._part_of(jobs)
        numbers = [self.jobs.number_of[job_id] for job_id in stale]
        left_out = [number for number in numbers if part.is_named[number]]
        others = (*part.others, *[self.job_ids[number] for number in left_out])
        answer = _Answer(jobs, stale, part, (part.combined or self).without(left_out), others)
        self._answers = (answer, *self._answers[: _REMEMBERED - 1])
        return answer

    def _part_of(self, jobs: Sequence[str]) -> _Part:
        """The rows of the jobs that a query names and this table has."""
        for part in self._parts:
            if part.jobs is jobs or part.jobs == jobs:
                return part
        numbers = list(map(self.jobs.number_of.get, jobs))
        is_named = np.zeros(len(self.job_ids), dtype=np.bool_)
        is_named[[number for number in numbers if number is not None]] = True
        combined = None if is_named.all() else self._select(is_named[self._numbers].nonzero()[0])
        part = _Part(jobs, combined, is_named, tuple(compress(jobs, [number is None for number in numbers])))
        self._parts = (part, *self._parts[: _REMEMBERED - 1])
        return part

    def nbytes(self) -> int:
        """Bytes of the arrays made so far, including those for stored queries. The jobs' own tables do not count."""
        arrays: list[Array] = [*_made(self._table.base.dictionaries)]
        combined = [self]
        for part in self._parts:
            arrays.append(part.is_named)
            if part.combined is not None:
                # Its dictionaries are those of this table, which are counted above.
                combined.append(part.combined)
        arrays += [answer.table.deleted for answer in self._answers]
        return sum(array.nbytes for array in arrays) + sum(each.own_nbytes() for each in combined)

    def own_nbytes(self) -> int:
        """Bytes of the numbers, places, columns, masks, lists and value indexes that no other combined table shares."""
        base = self._table.base
        arrays: list[Array] = [*_made(base.columns), *_made(base.present), self._numbers, self._places, self._interim]
        for lists in _made(base.lists):
            arrays += (lists.rows, lists.values)
        return sum(array.nbytes for array in arrays) + base.value_index_nbytes()


class _OnDemand(Mapping[str, _Value]):
    """Values by name. Each is made when it is first read, as `once` makes an attribute.

    Args:
        names: the names of all values.
        make: makes the value of a name.
    """

    __slots__ = ("_made", "_make", "_names")

    def __init__(self, names: Sequence[str], make: Callable[[str], _Value]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, _Value] = {}

    def __getitem__(self, name: str) -> _Value:
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def made(self) -> list[_Value]:
        """The values made so far."""
        return [*self._made.values()]


def _made(values: Mapping[str, _Value]) -> list[_Value]:
    """The values of a combined table's segment made so far."""
    assert isinstance(values, _OnDemand)
    return values.made()


class _Source:
    """The rows of many tables, one table behind the other, and their order as one table.

    Attributes:
        lengths: the number of rows of each job, deleted rows included; shape (j,).
        starts: the number of rows of all jobs before each job; shape (j,).
        masked: the columns with a mask in any table.
        places: for each row of the one table, its place in the rows of all tables.
    """

    __slots__ = ("_codes", "_layout", "_records", "_segments", "lengths", "masked", "places", "sizes", "starts")

    def __init__(self, schema: Schema, tables: Sequence[Table | None]) -> None:
        # The first segment belongs to no job. It has the types of all columns, even if there are no jobs.
        self._segments = [empty_segment(schema)]
        for table in tables:
            if table is not None:
                self._segments += (table.base, table.head) if table.head.length else (table.base,)
        #: The sizes of the index that has the jobs.
        self.sizes = self._segments[-1].sizes
        self._layout = layout_of(schema)
        self._records = self._all_records()
        self.lengths = np.array(
            [0 if table is None else table.base.length + table.head.length for table in tables], dtype=np.int64
        )
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.masked = self._names_of_masks()
        #: The codes and the dictionary of each keyword column that a reader has read.
        self._codes: dict[str, tuple[Int32s, Objects]] = {}
        # The sort is stable, so rows that are equal in both keys stay in the order of their jobs.
        places = np.lexsort(self._together("bucket_span", "timestamp"))
        deleted = [
            table.deleted + start
            for table, start in zip(tables, self.starts.tolist(), strict=True)
            if table is not None and len(table.deleted)
        ]
        if deleted:
            is_live = np.ones(len(places), dtype=np.bool_)
            is_live[np.concatenate(deleted)] = False
            places = places[is_live[places]]
        self.places: Int64s = places

    def column(self, name: str) -> Array:
        """The values of a column; keywords as codes."""
        if self._segments[0].schema.by_name[name].type is Type.KEYWORD:
            return self._coded(name)[0]
        return self._together(name)[0][self.places]

    def mask(self, name: str) -> Bools:
        """Which rows have a field."""
        return np.concatenate([segment.mask(name) for segment in self._segments])[self.places]

    def dictionary(self, name: str) -> Objects:
        """The dictionary of a keyword column."""
        return self._coded(name)[1]

    def lists(self, name: str) -> SparseLists:
        """The lists of a field."""
        parts: list[SparseLists] = []
        start = 0
        for segment in self._segments:
            if name in segment.lists:
                parts.append(segment.lists[name].shifted(start))
            start += segment.length
        return SparseLists.merged(parts).reordered(self.places)

    def _coded(self, name: str) -> tuple[Int32s, Objects]:
        """The codes and the dictionary of a keyword column. One call makes both, and readers need both."""
        if name not in self._codes:
            keywords: list[Any] = []
            for segment in self._segments:
                keywords += segment.values(name, slice(0, segment.length)).tolist()
            codes, dictionary = encode_keywords(keywords)
            self._codes[name] = codes[self.places], dictionary
        return self._codes[name]

    def _together(self, *names: str) -> list[Array]:
        """Some columns of all rows, one job behind the other."""
        layout = self._layout
        if layout is None:
            return [np.concatenate([segment.column(name) for segment in self._segments]) for name in names]
        records = self._records or self._all_records()
        return [layout.column(records, name) for name in names]

    def drop_records(self) -> None:
        """Free the records of all segments. A later read of a column concatenates them again."""
        self._records = b""

    def _all_records(self) -> bytes:
        """The records of all segments, one behind the other; empty if the kind cannot be packed."""
        layout = self._layout
        if layout is None:
            return b""
        # Nearly all segments are packed. Concatenating their bytes is many times faster than concatenating arrays.
        return b"".join([segment.records(layout) for segment in self._segments])

    def _names_of_masks(self) -> list[str]:
        """The columns with a mask in any segment."""
        bits = 0
        names: set[str] = set()
        for segment in self._segments:
            if segment.present:
                own = missing_bits(segment.present)
                bits |= own
                if not own:
                    names.update(segment.present)
        if self._layout is not None:
            names |= {name for name, bit in self._layout.bits.items() if bits & bit}
        return sorted(names)
