"""Segments: columns of results in identity order.

The base of a table, its head and each part of a batch are segments. A segment is immutable to readers: its length is
fixed, and nobody changes a row below that length. Its arrays may be longer. The spare room belongs to the writer, who
appends there for the *next* segment over the same arrays.

A missing double is NaN, and a missing keyword has the code -1. Any other missing value is stored as its default, and
the column has a mask of the rows that have the field. A column in which no value was ever missing has no mask. A
keyword column has a dictionary if any row has a keyword. Sparse lists hold nested influencers, scheduled events, the
instant at which a result was written and the extra fields of a document, only for the rows that have them.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from bucketquery.arrays.room import copied, empty, held_nbytes, ones, roomy, with_room
from bucketquery.arrays.sorted_arrays import find, increasing
from bucketquery.model.schema import SCHEMAS, Array, Bools, Float64s, Int64s, Kind, Objects, Schema, Type
from bucketquery.model.severity import MARKS
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.storage.keywords import MISSING, NO_KEYWORDS, keywords_of, merge_all, translate, without_unused
from bucketquery.storage.packed_rows import EMPTY_MAPPING, Identity, Layout, Row
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists, not_empty, row_lists, with_row_lists
from bucketquery.value_index.index_cache import IndexCache
from bucketquery.value_index.value_index import ValueIndex

#: Rows of a segment: a slice with step 1 or -1 if they are consecutive, else an array.
SomeRows = slice | Int64s

#: The dtype of the codes of keywords, and of no other column.
_CODE: Final = Type.KEYWORD.dtype


class Segment:
    """Columns of ``length`` results of one kind, in identity order. No identity appears twice."""

    __slots__ = ("_indexes", "columns", "dictionaries", "length", "lists", "present", "schema", "sizes")

    def __init__(
        self,
        schema: Schema,
        length: int,
        columns: Mapping[str, Array],
        present: Mapping[str, Bools],
        dictionaries: Mapping[str, Objects],
        lists: Mapping[str, SparseLists],
        indexes: IndexCache | None = None,
        sizes: Sizes = DEFAULT_SIZES,
    ) -> None:
        self.schema = schema
        self.length = length
        self.columns = columns
        self.present = present
        self.dictionaries = dictionaries
        self.lists = lists
        # Readers make value indexes, the writer maintains them, and all segments that begin with the same rows share
        # them. This is not a `once` value, because every write reads whether there are any, and makes none.
        self._indexes = indexes
        self.sizes = sizes

    def column(self, name: str) -> Array:
        """The values of a column, shape (length,), a view; keywords as codes, missing values as NaN or the default."""
        return self.columns[name][: self.length]

    def timestamp(self, row: int) -> int:
        """The timestamp of a row."""
        timestamp: int = self.columns["timestamp"].item(row)
        return timestamp

    def dictionary(self, name: str) -> Objects:
        """The dictionary of a keyword column."""
        return self.dictionaries.get(name, NO_KEYWORDS)

    def identities(self) -> list[Array]:
        """The columns of the identity, as views."""
        return [self.column(name) for name in self.schema.identity]

    def identities_in(self, other: "Segment") -> list[Array]:
        """The columns of the identity, comparable with those of another segment."""
        return [self.column_in(other, name) for name in self.schema.identity]

    def column_in(self, other: "Segment", name: str) -> Array:
        """The values of a column, comparable with those of another segment: keywords as codes of its dictionary."""
        column = self.column(name)
        if column.dtype != _CODE:
            return column
        return translate(other.dictionary(name), column, self.dictionary(name))

    def has_keywords_of(self, other: "Segment") -> Bools:
        """Which rows of another segment have no keyword that is new to this one, shape (other.length,)."""
        known = np.ones(other.length, dtype=np.bool_)
        for name, dictionary in other.dictionaries.items():
            found, _ = find(self.dictionary(name), dictionary)
            if not found.all():
                # A missing keyword is never new: its code, -1, picks the last entry, True.
                known &= np.append(found, True)[other.column(name)]
        return known

    def values(self, name: str, rows: SomeRows) -> Array:
        """The values of some rows of a column, keywords as text; a missing value is NaN, None or the default."""
        column = self.column(name)[rows] if isinstance(rows, slice) else self.columns[name].take(rows)
        return keywords_of(column, self.dictionary(name)) if column.dtype == _CODE else column

    def mask(self, name: str) -> Bools:
        """Which rows have the field, shape (length,); for a double see `missing`."""
        present = self.present.get(name)
        return np.ones(self.length, dtype=np.bool_) if present is None else present[: self.length]

    def missing(self, name: str, rows: SomeRows) -> Bools | None:
        """Which of ``rows`` miss the field; None means that no row of the segment does."""
        column = self.columns[name]
        if column.dtype.kind == "f":
            return np.isnan(self.column(name)[rows])
        if column.dtype == _CODE:
            has_none: Bools = self.column(name)[rows] == MISSING
            return has_none
        present = self.present.get(name)
        return None if present is None else ~present[: self.length][rows]

    def unpacked(self) -> "Segment":
        """The same rows with each column in an array of its own."""
        return self

    def with_sizes(self, sizes: Sizes) -> "Segment":
        """The same rows with the sizes of another index."""
        if sizes is self.sizes:
            return self
        of, present, dictionaries, lists = type(self), self.present, self.dictionaries, self.lists
        return of(self.schema, self.length, self.columns, present, dictionaries, lists, None, sizes)

    def select(self, rows: Int64s) -> "Segment":
        """A copy of some rows, ascending."""
        columns = {name: self.column(name)[rows] for name in self.columns}
        present = {name: self.mask(name)[rows] for name in self.present}
        lists = {name: some.select(rows) for name, some in self.lists.items()}
        return Segment(self.schema, len(rows), columns, present, self.dictionaries, not_empty(lists), None, self.sizes)

    def prefix(self, length: int) -> "Segment":
        """The first rows, over the same arrays but without room: the change log may read the rows after them."""
        if length == self.length:
            return self
        columns = {name: column[:length] for name, column in self.columns.items()}
        present = {name: mask[:length] for name, mask in self.present.items()}
        lists = {name: some.prefix(length) for name, some in self.lists.items()}
        return Segment(self.schema, length, columns, present, self.dictionaries, not_empty(lists), None, self.sizes)

    def append(self, later: "Segment") -> "Segment":
        """This segment followed by the rows of ``later``, whose identities must all be greater.

        If the arrays have room, the rows are written in place, after those of every segment made so far. So only one
        writer may append, and only to the newest segment over these arrays. If there is no room, the columns are copied
        with an eighth to spare. The first rows get no room, since a job is often loaded once. A keyword column is also
        copied if a new keyword changes its codes.

        Amortised O(k) for k rows, and O(n) for each column in which a new keyword appears.
        """
        if not (self.length or later.dictionaries):
            return later.with_sizes(self.sizes)
        length = self.length + later.length
        capacity = roomy(len(self.columns["timestamp"]), length, self.sizes.reserved) if self.length else length
        dictionaries, recoded, added = merge_all(self.dictionaries, later.dictionaries, later.column)
        columns = {}
        for name, here in self.columns.items():
            if name in recoded:
                columns[name] = column = empty(length, capacity, here.dtype)
                recoded[name].take(self.column(name), out=column[: self.length], mode="wrap")
            else:
                columns[name] = column = with_room(here, self.length, length, capacity)
            column[self.length : length] = added.get(name, later.column(name))
        present = {}
        for name in self.present.keys() | later.present.keys():
            had = self.present.get(name)
            present[name] = ones(length, capacity) if had is None else with_room(had, self.length, length, capacity)
            present[name][self.length : length] = later.mask(name)
        lists = dict(self.lists)
        for name, others in later.lists.items():
            lists[name] = lists.get(name, NO_LISTS).append(others.shifted(self.length))
        # Value indexes are extended to the rows just appended, or a large batch would leave them too far behind.
        indexes = None if self._indexes is None else self._indexes.maintained(columns, length)
        return Segment(self.schema, length, columns, present, dictionaries, lists, indexes, self.sizes)

    def append_row(self, layout: Layout, row: Row) -> "Segment | None":
        """This segment followed by one row, under the same conditions as `append`.

        Returns:
            None if the arrays have no room for the row, or if the row needs a new mask.

        Amortised O(1).
        """
        columns, present, length = self.columns, self.present, self.length
        record, lists = row
        missing = record[layout.missing_at]
        if length == len(columns["timestamp"]) or (missing and not layout.has_masks(present, missing)):
            return None
        # The last value of the record is the byte of missing fields.
        for name, value in zip(layout.names, layout.unpack_from(record), strict=False):
            columns[name][length] = value
        for name, mask in present.items():
            mask[length] = not missing & layout.bits[name]
        own = with_row_lists(self.lists, length, lists) if lists else self.lists
        indexes = self._maintained_indexes()
        return Segment(self.schema, length + 1, columns, present, self.dictionaries, own, indexes, self.sizes)

    def replace(self, rows: Int64s, others: "Segment") -> "Segment":
        """This segment with ``rows`` replaced by those of ``others``, which have the same identities.

        Columns, masks and sparse lists in which nothing differs are shared; the others are copied. As with `append`,
        only the newest segment over the arrays may be replaced.
        """
        dictionaries, recoded, theirs = merge_all(self.dictionaries, others.dictionaries, others.column)
        columns = {**self.columns, **{name: codes[self.column(name)] for name, codes in recoded.items()}}
        for name, column in columns.items():
            values = theirs.get(name, others.column(name))
            if not same_values(column[rows], values).all():
                columns[name] = copied(column, self.length)
                columns[name][rows] = values
                if len(dictionaries.get(name, NO_KEYWORDS)) > self.sizes.keywords_per_row * self.length:
                    columns[name], dictionaries[name] = without_unused(columns[name][: self.length], dictionaries[name])
        present = dict(self.present)
        for name in present.keys() | others.present.keys():
            mask = others.mask(name)
            if not (self.mask(name)[rows] == mask).all():
                old = self.present.get(name)
                present[name] = ones(self.length, len(columns[name])) if old is None else copied(old, self.length)
                present[name][rows] = mask
        lists = dict(self.lists)
        for name in self.lists.keys() | others.lists.keys():
            here, there = self.lists.get(name, NO_LISTS), others.lists.get(name, NO_LISTS)
            if not here.same(rows, there, np.arange(others.length)).all():
                lists[name] = here.replace(rows, there)
        indexes = self._corrected(columns, rows)
        return Segment(self.schema, self.length, columns, present, dictionaries, lists, indexes, self.sizes)

    def rescore(self, rows: Int64s, scores: Float64s) -> "Segment":
        """This segment with other scores in ``rows``. The column of scores is copied, O(n); all else is shared."""
        name = self.schema.score
        column = copied(self.columns[name], self.length)
        column[rows] = scores
        columns = {**self.columns, name: column}
        indexes = self._corrected(columns, rows)
        present, dictionaries, lists = self.present, self.dictionaries, self.lists
        return Segment(self.schema, self.length, columns, present, dictionaries, lists, indexes, self.sizes)

    def record(self, layout: Layout, row: int) -> bytes:
        """A row as a record."""
        missing = 0
        for name, mask in self.present.items():
            if not mask[row]:
                missing |= layout.bits[name]
        return layout.pack(*[self.columns[name].item(row) for name in layout.names], missing)

    def records(self, layout: Layout) -> bytes | bytearray:
        """All rows as records, one after the other."""
        return layout.records(self.length, self.columns, self.present)

    def row(self, layout: Layout, row: int) -> Row:
        """A row, with its lists."""
        return self.record(layout, row), row_lists(self.lists, row) if self.lists else EMPTY_MAPPING

    def place(self, layout: Layout, identity: Identity) -> tuple[int, bool]:
        """The row of an identity and True, or the row that it would have and False.

        O(1) for an identity after the last row, else O(log n).
        """
        length = self.length
        if not length:
            return 0, False
        if self.columns[layout.names[0]].item(length - 1) < identity[0]:
            return length, False
        low, high = 0, length
        for key, wanted in zip(self.identities(), identity, strict=True):
            # Each column narrows the range to the rows that equal the identity so far.
            among = key[low:high]
            low, high = low + int(among.searchsorted(wanted)), low + int(among.searchsorted(wanted, "right"))
        return low, low < high

    def lists_at(self, name: str, rows: SomeRows) -> list[Any]:
        """The lists of some rows as tuples; empty if a row has none."""
        lists = self.lists.get(name)
        if lists is None:
            return [()] * (len(range(*rows.indices(self.length))) if isinstance(rows, slice) else len(rows))
        if not isinstance(rows, slice):
            return lists.of_each(rows)
        first, stop, step = rows.indices(self.length)
        if step > 0:
            return lists.between(first, stop)
        return lists.between(stop + 1, first + 1)[::-1]

    def having(self, name: str, rows: Int64s) -> Bools:
        """Which of some rows have a list."""
        return self.lists.get(name, NO_LISTS).having(rows)

    def is_of_numbers(self, name: str) -> bool:
        """Whether a column's values can be compared as stored: no keywords, and no missing values but NaN."""
        column = self.columns.get(name)
        return column is not None and column.dtype != _CODE and name not in self.present

    def value_index(self, name: str, *, desc: bool) -> ValueIndex | None:
        """The value index of a column of numbers, for an order that begins with the greatest or with the least.

        It covers the first rows of this segment. It may also cover rows of later segments.

        Returns:
            None if the segment has few rows, or if the column has keywords or a mask.

        The first call costs O(n), each later one O(1).
        """
        indexes = self._indexes
        if indexes is not None and (found := indexes.near(name, self.length, desc=desc)) is not None:
            return found
        if not (self.may_have_value_indexes() and self.is_of_numbers(name)):
            return None
        marks = MARKS if name == self.schema.score and desc else ()
        return self.index_cache().make(name, self.column(name), desc=desc, marks=marks)

    def index_cache(self) -> IndexCache:
        """The value indexes and postings of this segment, and of all segments that begin with the same rows."""
        indexes = self._indexes
        if indexes is None:
            # If two readers make a cache at once, a value index of one of them may be lost. It is then made again.
            indexes = self._indexes = IndexCache(self.sizes)
        return indexes

    def may_have_value_indexes(self) -> bool:
        """Whether readers may make value indexes, and so change `nbytes`."""
        return self.length >= self.sizes.value_index_rows

    def value_index_nbytes(self) -> int:
        """Bytes of the value indexes."""
        return 0 if self._indexes is None else self._indexes.nbytes()

    def value_indexes_between(self, first: int, stop: int | None) -> IndexCache | None:
        """The value indexes for a segment of the rows ``[first, stop)``; see `IndexCache.between_rows`."""
        return None if self._indexes is None else self._indexes.between_rows(first, stop)

    def _maintained_indexes(self) -> IndexCache | None:
        """The value indexes for a segment of these rows and later ones."""
        indexes = self._indexes
        return None if indexes is None else indexes.maintained(self.columns, self.length)

    def _corrected(self, columns: Mapping[str, Array], rows: Int64s) -> IndexCache | None:
        """The value indexes for columns that differ from those of this segment in ``rows`` only."""
        return None if self._indexes is None else self._indexes.corrected(self.columns, columns, rows)

    def nbytes(self) -> int:
        """Bytes of the arrays, with spare room and hidden rows. Lists and keywords count as pointers."""
        arrays = [*self.columns.values(), *self.present.values(), *self.dictionaries.values()]
        return sum(map(held_nbytes, arrays)) + self._nbytes_beside()

    def _nbytes_beside(self) -> int:
        """Bytes of the sparse lists and of the value indexes."""
        of_lists = 0
        for lists in self.lists.values() if self.lists else ():
            of_lists += held_nbytes(lists.rows) + held_nbytes(lists.values)
        return of_lists + self.value_index_nbytes()

    def __reduce__(self) -> tuple[Any, ...]:
        columns = {name: self.column(name) for name in self.columns}  # without room, which is unwritten memory
        present = {name: self.mask(name) for name in self.present}
        return _restore, (self.schema.kind, self.length, columns, present, dict(self.dictionaries), dict(self.lists))

    def check(self) -> None:
        """Assert every invariant."""
        assert set(self.columns) == {field.name for field in self.schema.columns}
        for field in self.schema.columns:
            assert self.columns[field.name].dtype == field.type.dtype
            assert len(self.columns[field.name]) >= self.length
        assert increasing(self.identities()).all(), "out of identity order"
        for name, present in self.present.items():
            assert self.schema.by_name[name].type is not Type.DOUBLE
            assert len(present) >= self.length
            assert not self.column(name)[~present[: self.length]].any(), "a missing value is not its default"
        for name, dictionary in self.dictionaries.items():
            assert self.schema.by_name[name].type is Type.KEYWORD
            assert (dictionary[1:] > dictionary[:-1]).all(), "a dictionary out of order"
        for field in self.schema.columns:
            if field.type is Type.KEYWORD:
                codes = self.column(field.name)
                assert ((codes >= MISSING) & (codes < len(self.dictionary(field.name)))).all(), "a code has no keyword"
        for field in self.schema.lists:
            lists = self.lists.get(field.name, NO_LISTS)
            lists.check(self.length)
            assert not lists.length or (lists.values.dtype == np.int64) is (field.type is Type.INSTANT)
        if self._indexes is not None:
            self._indexes.check(self.columns, self.length)
            self._indexes.check_postings(self.length, self.values)


def _restore(kind: Kind, *parts: Any) -> Segment:
    return Segment(SCHEMAS[kind], *parts)


def same_values(these: Array, those: Array) -> Bools:
    """Which values are equal; NaN equals NaN, since both are missing."""
    same: Bools = these == those
    if these.dtype.kind == "f":
        same |= np.isnan(these) & np.isnan(those)
    return same
