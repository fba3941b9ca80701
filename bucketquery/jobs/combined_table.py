"""Combined tables: the results of very many small jobs as one table, so that a search over all of them is one search.

A reader makes one of a catalogue when it is first wanted. It serves later catalogues too: jobs of which it has another
table than they have are left out of it, and asked by themselves, until they are so many that a new one is made.
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

#: A job with more results than this is asked by itself: what is shared costs memory, and it gains nothing.
SMALL_ROWS: Final = 2048

#: So many answers to who is asked are remembered.
_REMEMBERED: Final = 4

_Value = TypeVar("_Value")


class Split(NamedTuple):
    """Who of some jobs is asked where.

    Attributes:
        combined: whose rows the table has.
        table: the results of those that are asked together.
        others: those that are asked one by one, known or not.
    """

    combined: "CombinedTable"
    table: Table
    others: tuple[str, ...]


class CombinedTable:
    """The results of one kind of many jobs in the order of timestamp, span and job; immutable to its readers.

    Its columns are made when they are first read.
    """

    __slots__ = (
        "_asked",
        "_interim",
        "_jobs",
        "_numbers",
        "_places",
        "_splits",
        "_table",
        "job_ids",
    )

    def __init__(self, jobs: "_Jobs", segment: Segment, numbers: Int32s, places: Int64s) -> None:
        self.job_ids = jobs.job_ids
        self._jobs = jobs
        #: Of each row the number of its job, and where it stands in what that has.
        self._numbers = numbers
        self._places = places
        self._interim: Int64s = segment.column("is_interim").nonzero()[0]
        self._table = Table(segment, NO_ROWS, empty_segment(segment.schema, segment.sizes), self._interim)
        self._asked: tuple[tuple[Sequence[str], CombinedTable, Bools, tuple[str, ...]], ...] = ()
        self._splits: tuple[tuple[Sequence[str], frozenset[str], Split], ...] = ()

    @classmethod
    def of(cls, schema: Schema, job_ids: Sequence[str], tables: Sequence[Table | None]) -> "CombinedTable":
        """The combined table of some jobs.

        Args:
            schema: the kind.
            job_ids: in order.
            tables: what each has, None where it has nothing.
        """
        source = _Source(schema, tables)
        segment = Segment(
            schema,
            len(source.places),
            _OnDemand([field.name for field in schema.columns], source.column),
            _OnDemand(source.masked, source.mask),
            _OnDemand([field.name for field in schema.columns if field.type is Type.KEYWORD], source.dictionary),
            _OnDemand([field.name for field in schema.lists if field.type is Type.KEYWORDS], source.lists),
            None,
            source.sizes,
        )
        for name in ("timestamp", "is_interim", schema.score):
            segment.column(name)  # what most questions read, made while it is at hand
        source.let_go()
        numbers = np.repeat(np.arange(len(tables), dtype=np.int32), source.lengths)[source.places]
        jobs = _Jobs(job_ids, {job_id: number for number, job_id in enumerate(job_ids)}, tables, source.starts)
        return cls(jobs, segment, numbers, source.places)

    def _some(self, rows: Int64s) -> "CombinedTable":
        """The same jobs with some rows alone."""
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
        return CombinedTable(self._jobs, segment, self._numbers[rows], self._places[rows])

    def split(self, jobs: Sequence[str], stale: frozenset[str]) -> Split:
        """Who of some jobs is asked here, and who by himself.

        Args:
            jobs: those that are asked, each once.
            stale: those of which this has another table than they have now.

        The first call for some jobs costs O(n + j). A repeated call costs O(1), or O(j) for an equal sequence that is
        another object, unless several other sets of jobs came in between.
        """
        for known, as_of, split in self._splits:
            if (known is jobs or known == jobs) and as_of == stale:
                return split
        combined, is_asked, others = self._among(jobs)
        numbers = [self._jobs.number_of[job_id] for job_id in stale]
        asked_alone = [number for number in numbers if is_asked[number]]
        split = Split(
            combined, combined.without(asked_alone), (*others, *(self.job_ids[number] for number in asked_alone))
        )
        self._splits = ((jobs, stale, split), *self._splits[: _REMEMBERED - 1])
        return split

    def lacks(self, job_id: str) -> bool:
        """Whether a job is none of its own."""
        return job_id not in self._jobs.number_of

    def without(self, numbers: Sequence[int]) -> Table:
        """All results but those of some jobs, by their numbers."""
        if not numbers:
            return self._table
        is_left_out = np.zeros(len(self.job_ids), dtype=np.bool_)
        is_left_out[numbers] = True
        rows = self._table
        return Table(rows.base, is_left_out[self._numbers].nonzero()[0], rows.head, self._interim)

    def place(self, row: int) -> tuple[str, Segment, int]:
        """The job of a row, and where that has it."""
        number = self._numbers.item(row)
        table = self._jobs.tables[number]
        assert table is not None  # it has rows
        return self.job_ids[number], *segment_row(table, self._places.item(row) - self._jobs.starts.item(number))

    def job_of(self, row: int) -> str:
        """The job of a row."""
        return self.job_ids[self._numbers.item(row)]

    def _among(self, jobs: Sequence[str]) -> tuple["CombinedTable", Bools, tuple[str, ...]]:
        """The combined table of those of its jobs that are asked, which these are, and which jobs are not its own."""
        for known, combined, is_asked, others in self._asked:
            if known is jobs or known == jobs:
                return combined, is_asked, others
        numbers = list(map(self._jobs.number_of.get, jobs))
        is_asked = np.zeros(len(self.job_ids), dtype=np.bool_)
        is_asked[[number for number in numbers if number is not None]] = True
        combined = self if is_asked.all() else self._some(is_asked[self._numbers].nonzero()[0])
        others = tuple(compress(jobs, [number is None for number in numbers]))
        self._asked = ((jobs, combined, is_asked, others), *self._asked[: _REMEMBERED - 1])
        return combined, is_asked, others


class _Jobs(NamedTuple):
    """The jobs of a combined table by number: their ids, their tables, and how many rows stand before theirs."""

    job_ids: Sequence[str]
    number_of: Mapping[str, int]
    tables: Sequence[Table | None]
    starts: Int64s


class _OnDemand(Mapping[str, _Value]):
    """Values by name, each made when it is first asked for."""

    __slots__ = ("_made", "_make", "_names")

    def __init__(self, names: Sequence[str], make: Callable[[str], _Value]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, _Value] = {}

    def __getitem__(self, name: str) -> _Value:
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            # Two readers may both make it, and make the same.
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Source:
    """The rows of many tables one behind the other, base and head of each, and their order as one table."""

    __slots__ = ("_codes", "_layout", "_records", "_segments", "lengths", "masked", "places", "sizes", "starts")

    def __init__(self, schema: Schema, tables: Sequence[Table | None]) -> None:
        # The first is of no job, and has the types of all columns.
        self._segments = [empty_segment(schema)]
        for table in tables:
            if table is not None:
                self._segments += (table.base, table.head) if table.head.length else (table.base,)
        #: Those of the index whose jobs these are.
        self.sizes = self._segments[-1].sizes
        self._layout = layout_of(schema.kind)
        self._records = self._joined()
        #: How many rows each job has, deleted ones included, and behind how many others they stand.
        self.lengths = np.array(
            [0 if table is None else table.base.length + table.head.length for table in tables], dtype=np.int64
        )
        self.starts = np.cumsum(self.lengths) - self.lengths
        #: Of which columns a row may miss the field, those apart where the value tells.
        self.masked = self._names_of_masks()
        self._codes: dict[str, tuple[Int32s, Objects]] = {}
        # What is alike in both stays in the order of the jobs.
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
        #: Where each row of the one table stands here.
        self.places: Int64s = places

    def column(self, name: str) -> Array:
        """A column, texts as codes."""
        if self._segments[0].schema.by_name[name].type is Type.KEYWORD:
            return self._coded(name)[0]
        return self._together(name)[0][self.places]

    def mask(self, name: str) -> Bools:
        """Which rows have a field."""
        return np.concatenate([segment.mask(name) for segment in self._segments])[self.places]

    def dictionary(self, name: str) -> Objects:
        """The dictionary of a column of texts."""
        return self._coded(name)[1]

    def lists(self, name: str) -> SparseLists:
        """The lists of a field."""
        tuples: list[Any] = []
        for segment in self._segments:
            tuples += segment.lists_at(name, slice(0, segment.length))
        return SparseLists.of_tuples([tuples[place] for place in self.places.tolist()])

    def _coded(self, name: str) -> tuple[Int32s, Objects]:
        if name not in self._codes:
            dictionaries: list[Any] = []
            for segment in self._segments:
                dictionaries += segment.values(name, slice(0, segment.length)).tolist()
            codes, dictionary = encode_keywords(dictionaries)
            self._codes[name] = codes[self.places], dictionary
        return self._codes[name]

    def _together(self, *names: str) -> list[Array]:
        """Some columns, job by job."""
        layout = self._layout
        if layout is None:
            return [np.concatenate([segment.column(name) for segment in self._segments]) for name in names]
        records = self._records or self._joined()
        return [layout.column(records, name) for name in names]

    def let_go(self) -> None:
        """Forget what takes room and can be put together again."""
        self._records = b""

    def _joined(self) -> bytes:
        """All rows as records; nothing where the kind has none."""
        layout = self._layout
        if layout is None:
            return b""
        # Nearly all are packed, and bytes are put together many times more quickly than as many arrays.
        return b"".join([segment.records(layout) for segment in self._segments])

    def _names_of_masks(self) -> list[str]:
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
