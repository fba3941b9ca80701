"""Segments: columns of results in identity order.

A segment is immutable to its readers: it is made once with its length, and nobody changes a row below that length. Its
arrays may be longer than it: the spare room belongs to the writer, who appends there for the *next* segment over the
same arrays. A batch on its way in, the head of a table and its base are all segments.

A missing double is NaN inside, a missing text has a code of its own. Any other missing value is stored as its default,
and a mask of what is present is kept only for a column where something is or was missing. A column of texts has a
dictionary, if any row has one. Lists (nested influencers, scheduled events, the rest of a document) are kept only for
the rows that have one.
"""

import operator
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import numpy as np

from bucketquery.arrays.sorted_arrays import find, increasing, roomy, with_room
from bucketquery.model.schema import SCHEMAS, Array, Bools, Float64s, Int32s, Int64s, Kind, Objects, Schema, Type
from bucketquery.model.severity import MARKS
from bucketquery.storage.keywords import MISSING, NO_KEYWORDS, compact, decoded, encoded, merged, translate
from bucketquery.storage.packed_rows import NOTHING, Layout, Packed, are_few, layout_of, missing_bits
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

#: Rows of some segment: a slice where they are all beside each other, forwards or backwards; else an array of them.
Rows = slice | Int64s

#: A dictionary with so many times more texts than there are rows is freed of those that no row has any more.
_TEXTS_PER_ROW: Final = 2

#: By the column, and whether an order begins with its greatest values.
ValueIndexes = dict[tuple[str, bool], ValueIndex]

#: Fewer rows are compared as quickly as a value index is asked.
_VALUE_INDEX_ROWS: Final = 2048

#: A value index may be so many rows behind its segment, and by that part of its rows more, before it is kept up.
_BEHIND: Final = 1024
_BEHIND_SHARE: Final = 64

#: The dtype of the codes of texts, and of nothing else.
_CODE: Final = Type.KEYWORD.dtype


class Segment:
    """Columns of ``length`` results of one kind, in identity order, no identity twice."""

    __slots__ = ("_value_indexes", "columns", "dictionaries", "length", "lists", "present", "schema")

    def __init__(
        self,
        schema: Schema,
        length: int,
        columns: Mapping[str, Array],
        present: Mapping[str, Bools],
        dictionaries: Mapping[str, Objects],
        lists: Mapping[str, SparseLists],
        value_indexes: ValueIndexes | None = None,
    ) -> None:
        self.schema = schema
        self.length = length
        self.columns = columns
        self.present = present
        self.dictionaries = dictionaries
        self.lists = lists
        # Made by readers, kept up by the writer, and shared by all segments that begin with the same rows.
        self._value_indexes = value_indexes

    @staticmethod
    def empty(schema: Schema) -> "Segment":
        """The segment of nothing, with no room to spare; one for each kind, since most heads are empty."""
        return _empty(schema.kind)

    def column(self, name: str) -> Array:
        """The values of a column, shape (length,), a view, texts as codes; NaN or the default where missing."""
        return self.columns[name][: self.length]

    def dictionary(self, name: str) -> Objects:
        """The dictionary of a column of texts."""
        return self.dictionaries.get(name, NO_KEYWORDS)

    def identities(self) -> list[Array]:
        """The columns of the identity, as views."""
        return [self.column(name) for name in self.schema.identity]

    def identities_in(self, other: "Segment") -> list[Array]:
        """The columns of the identity as they compare with those of another segment."""
        return [self.column_in(other, name) for name in self.schema.identity]

    def column_in(self, other: "Segment", name: str) -> Array:
        """The values of a column as they compare with those of another segment."""
        column = self.column(name)
        if column.dtype != _CODE:
            return column
        return translate(other.dictionary(name), column, self.dictionary(name))

    def has_keywords_of(self, other: "Segment") -> Bools:
        """Of which rows of another segment all texts are in the dictionaries here, shape (other.length,)."""
        known = np.ones(other.length, dtype=np.bool_)
        for name, dictionary in other.dictionaries.items():
            found, _ = find(self.dictionary(name), dictionary)
            if not found.all():
                # What is missing is in every dictionary: its code, -1, picks the last entry.
                known &= np.append(found, True)[other.column(name)]
        return known

    def values(self, name: str, rows: Rows) -> Array:
        """The values of some rows of a column, texts as such; what is missing is NaN, None, or the default."""
        column = self.column(name)[rows]
        return decoded(column, self.dictionary(name)) if column.dtype == _CODE else column

    def mask(self, name: str) -> Bools:
        """Which rows have the field, shape (length,); for a double see `missing`."""
        present = self.present.get(name)
        return np.ones(self.length, dtype=np.bool_) if present is None else present[: self.length]

    def missing(self, name: str, rows: Rows) -> Bools | None:
        """Which of ``rows`` miss the field, or None where no row at all does."""
        column = self.columns[name]
        if column.dtype.kind == "f":
            return np.isnan(self.column(name)[rows])
        if column.dtype == _CODE:
            no_text: Bools = self.column(name)[rows] == MISSING
            return no_text
        present = self.present.get(name)
        return None if present is None else ~present[: self.length][rows]

    def packed(self) -> "Segment":
        """The same rows packed, without spare room; as they are where they are so already or cannot be."""
        layout = layout_of(self.schema.kind)
        if layout is None or isinstance(self.columns, Packed):
            return self
        return packed_segment(layout, layout.records(self.length, self.columns, self.present), self.lists)

    def unpacked(self) -> "Segment":
        """The same rows in arrays of their own where they are packed."""
        if not isinstance(self.columns, Packed):
            return self
        columns = {field.name: self.column(field.name).copy() for field in self.schema.columns}
        present = {name: self.mask(name).copy() for name in self.present}
        return Segment(self.schema, self.length, columns, present, self.dictionaries, self.lists)

    def select(self, rows: Int64s) -> "Segment":
        """A copy of some rows, ascending."""
        columns = {name: self.column(name)[rows] for name in self.columns}
        present = {name: self.mask(name)[rows] for name in self.present}
        lists = {name: some.select(rows) for name, some in self.lists.items()}
        return Segment(self.schema, len(rows), columns, present, self.dictionaries, _not_empty(lists))

    def first(self, length: int) -> "Segment":
        """The first rows, over the same arrays: whoever appends to them writes over the others."""
        if length == self.length or isinstance(self.columns, Packed):
            return self if length == self.length else self.select(np.arange(length)).packed()
        lists = {name: some.first(length) for name, some in self.lists.items()}
        return Segment(self.schema, length, self.columns, self.present, self.dictionaries, _not_empty(lists))

    def append(self, later: "Segment") -> "Segment":
        """This segment with ``later`` behind it; every identity there must be greater.

        Where the arrays have room the rows are written in place, beyond the length of every segment made so far, so it
        must be called for the newest segment over these arrays only, by one writer at a time. Otherwise the columns are
        copied with an eighth to spare, or with nothing where these are the first rows: many loads are the only one. A
        column is copied too where a new text makes it count its texts anew.

        Amortised O(k) for k rows, and O(n) for each column in which a new keyword appears.
        """
        if not (self.length or later.dictionaries):
            return later
        length = self.length + later.length
        old = self.unpacked()
        capacity = roomy(len(old.columns["timestamp"]), length) if self.length else length
        dictionaries, recoded, added = _in_one_dictionary(self, later)
        columns = {}
        for name, here in old.columns.items():
            if name in recoded:
                columns[name] = column = np.empty(capacity, dtype=here.dtype)
                recoded[name].take(self.column(name), out=column[: self.length], mode="wrap")
            else:
                columns[name] = column = with_room(here, self.length, capacity)
            column[self.length : length] = added.get(name, later.column(name))
        present = {}
        for name in self.present.keys() | later.present.keys():
            had = old.present.get(name)
            mask = np.ones(capacity, dtype=np.bool_) if had is None else with_room(had, self.length, capacity)
            mask[self.length : length] = later.mask(name)
            present[name] = mask
        lists = dict(self.lists)
        for name, others in later.lists.items():
            lists[name] = lists.get(name, NO_LISTS).append(others.shifted(self.length))
        grown = Segment(self.schema, length, columns, present, dictionaries, lists, self.maintained_indexes())
        return grown.packed() if old is not self and are_few(length) else grown

    def replace(self, rows: Int64s, others: "Segment") -> "Segment":
        """This segment with the rows of ``others``, which have the same identities, in place of ``rows``.

        Columns, masks and lists in which nothing differs are shared, the others copied. Like `append`, for the newest
        segment only.
        """
        dictionaries, recoded, theirs = _in_one_dictionary(self, others)
        here = self.unpacked()
        columns = {**here.columns, **{name: codes[self.column(name)] for name, codes in recoded.items()}}
        for name, column in columns.items():
            values = theirs.get(name, others.column(name))
            if not _same(column[rows], values).all():
                columns[name] = column.copy()
                columns[name][rows] = values
                if len(dictionaries.get(name, NO_KEYWORDS)) > _TEXTS_PER_ROW * self.length:
                    columns[name], dictionaries[name] = compact(columns[name][: self.length], dictionaries[name])
        present = dict(here.present)
        for name in present.keys() | others.present.keys():
            mask = others.mask(name)
            if not (self.mask(name)[rows] == mask).all():
                old = here.present.get(name)
                present[name] = np.ones(len(columns[name]), dtype=np.bool_) if old is None else old.copy()
                present[name][rows] = mask
        lists = dict(self.lists)
        for name in self.lists.keys() | others.lists.keys():
            if self.take_lists(name, rows) != others.take_lists(name, slice(0, others.length)):
                lists[name] = self.lists.get(name, NO_LISTS).replace(rows, others.lists.get(name, NO_LISTS))
        return Segment(self.schema, self.length, columns, present, dictionaries, lists, self._corrected(columns, rows))

    def rescore(self, rows: Int64s, scores: Float64s) -> "Segment":
        """This segment with other scores in ``rows``; all but their column is shared.

        It copies one column: O(n).
        """
        name = self.schema.score
        if isinstance(self.columns, Packed):
            packed = Packed(self.columns.layout, bytearray(self.columns.data))
            packed[name][rows] = scores
            masks = packed.masks(missing_bits(self.present))
            return Segment(self.schema, self.length, packed, masks, NOTHING, self.lists)
        column = self.columns[name].copy()
        column[rows] = scores
        columns = {**self.columns, name: column}
        value_indexes = self._corrected(columns, rows)
        return Segment(self.schema, self.length, columns, self.present, self.dictionaries, self.lists, value_indexes)

    def same_rows(self, rows: Int64s, others: "Segment", other_rows: Int64s) -> Bools:
        """Whether each of ``rows`` stores what its counterpart of ``other_rows`` does, missing and given told apart."""
        same = np.ones(len(rows), dtype=np.bool_)
        for part in self._same_parts(rows, others, other_rows):
            same &= part
        return same

    def differing(self, rows: Int64s, others: "Segment", other_rows: Int64s) -> int:
        """In how many columns and lists some of ``rows`` store something else than their counterparts."""
        return sum([not part.all() for part in self._same_parts(rows, others, other_rows)])

    def _same_parts(self, rows: Int64s, others: "Segment", other_rows: Int64s) -> Iterator[Bools]:
        """Whether rows store the same, column by column and then list by list."""
        for field in self.schema.columns:
            same = _same(self.column(field.name)[rows], others.column_in(self, field.name)[other_rows])
            if field.name in self.present or field.name in others.present:
                same &= self.mask(field.name)[rows] == others.mask(field.name)[other_rows]
            yield same
        for name in self.lists.keys() | others.lists.keys():
            mine = self.take_lists(name, rows)
            theirs = others.take_lists(name, other_rows)
            yield np.fromiter(map(operator.eq, mine, theirs), dtype=np.bool_, count=len(rows))

    def take_lists(self, name: str, rows: Rows) -> list[Any]:
        """The lists of some rows as tuples, empty where a row has none."""
        lists = self.lists.get(name)
        if lists is None:
            return [()] * (len(range(*rows.indices(self.length))) if isinstance(rows, slice) else len(rows))
        if not isinstance(rows, slice):
            return lists.take(rows)
        first, stop, step = rows.indices(self.length)
        if step > 0:
            return lists.between(first, stop)
        return lists.between(stop + 1, first + 1)[::-1]

    def having(self, name: str, rows: Int64s) -> Bools:
        """Which of some rows have a list that is not empty."""
        return self.lists.get(name, NO_LISTS).having(rows)

    def is_of_numbers(self, name: str) -> bool:
        """Whether a column's values compare as they are: no texts, and of what is missing doubles alone, as NaN."""
        column = self.columns.get(name)
        return column is not None and column.dtype != _CODE and name not in self.present

    def value_index(self, name: str, *, desc: bool) -> ValueIndex | None:
        """The value index of a column of numbers, for an order that begins with the greatest or with the least.

        It is made when it is first asked for. It may cover fewer or more rows than there are here: those that it knows
        are the first ones.

        Returns:
            None where there is none: of few rows, of texts, of columns in which numbers other than doubles are missing.

        The first call costs O(n), each later one O(1).
        """
        if not (self.may_have_value_indexes() and self.is_of_numbers(name)):
            return None
        key = name, desc
        if self._value_indexes is None:
            # What one of two readers makes may be lost, and is made again.
            self._value_indexes = {}
        value_index = self._value_indexes.get(key)
        if value_index is not None:
            behind = self.length - value_index.covered
            if behind <= _BEHIND + value_index.covered // _BEHIND_SHARE and not value_index.is_outgrown:
                return value_index
        sort_keys = sort_keys_of(self.column(name), desc=desc)
        value_index = ValueIndex.of(sort_keys, MARKS if name == self.schema.score and desc else ())
        # Two readers may both make it, and make the same, but for rows that come meanwhile.
        self._value_indexes[key] = value_index
        return value_index

    def may_have_value_indexes(self) -> bool:
        """Whether readers may make value indexes, and so change `nbytes`."""
        return self.length >= _VALUE_INDEX_ROWS

    def maintained_indexes(self) -> ValueIndexes | None:
        """The value indexes for the segment that the writer makes of these rows and others behind them.

        Where one is far behind all are brought up to the rows that are here. They go into a dict of their own: these
        rows may be new themselves, and what a commit that fails has put into the old one would be read.
        """
        value_indexes = self._value_indexes
        if not value_indexes:
            return value_indexes
        # A copy is made at once, while readers may put in more.
        known = value_indexes.copy().items()
        if all(self.length - value_index.covered < _BEHIND for _, value_index in known):
            return value_indexes
        return {
            (name, desc): value_index.with_later(
                sort_keys_of(self.columns[name][value_index.covered : self.length], desc=desc)
            )
            for (name, desc), value_index in known
        }

    def _corrected(self, columns: Mapping[str, Array], rows: Int64s) -> ValueIndexes | None:
        """The value indexes of the same rows in other columns, which differ from those here in ``rows`` alone."""
        if not self._value_indexes:
            return None
        value_indexes = {}
        for (name, desc), value_index in self._value_indexes.copy().items():
            corrected: ValueIndex | None = value_index
            if columns[name] is not self.columns[name]:
                corrected = value_index.corrected(rows, sort_keys_of(columns[name][rows], desc=desc))
            if corrected is not None:
                value_indexes[name, desc] = corrected
        return value_indexes

    def value_index_nbytes(self) -> int:
        """Bytes of the value indexes that are made so far."""
        return sum(value_index.nbytes() for value_index in (self._value_indexes or {}).copy().values())

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included; of lists and texts the pointers to them."""
        arrays: list[Array] = [*self.dictionaries.values()]
        for lists in self.lists.values():
            arrays += (lists.rows, lists.values)
        value_indexes = self.value_index_nbytes()
        if isinstance(self.columns, Packed):
            return value_indexes + len(self.columns.data) + sum(array.nbytes for array in arrays)
        return value_indexes + sum(array.nbytes for array in (*self.columns.values(), *self.present.values(), *arrays))

    def __reduce__(self) -> tuple[Any, ...]:
        plain = self.unpacked()
        return _restore, (
            self.schema.kind,
            self.length,
            plain.columns,
            plain.present,
            dict(self.dictionaries),
            dict(self.lists),
        )

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
        for name, dictionaries in self.dictionaries.items():
            assert self.schema.by_name[name].type is Type.KEYWORD
            assert (dictionaries[1:] > dictionaries[:-1]).all(), "a dictionary out of order"
        for field in self.schema.columns:
            if field.type is Type.KEYWORD:
                codes = self.column(field.name)
                assert ((codes >= MISSING) & (codes < len(self.dictionary(field.name)))).all(), "a code of no text"
        for lists in self.lists.values():
            lists.check(self.length)
        for (name, desc), value_index in (self._value_indexes or {}).copy().items():
            # What it knows of rows behind those here is the newer segment's that has them.
            if value_index.covered <= self.length:
                value_index.check(sort_keys_of(self.column(name), desc=desc))


def coded(schema: Schema, columns: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Objects]]:
    """Columns with texts as such made those of a segment, and the dictionaries of those that have any."""
    columns, dictionaries = dict(columns), {}
    for field in schema.columns:
        if field.type is Type.KEYWORD:
            columns[field.name], dictionary = encoded(columns[field.name].tolist())
            if len(dictionary):
                dictionaries[field.name] = dictionary
    return columns, dictionaries


def packed_segment(layout: Layout, records: bytes, lists: Mapping[str, SparseLists]) -> Segment:
    """The segment of some records in identity order, and of lists beside them."""
    columns = Packed(layout, records)
    length = len(records) // layout.size
    # Most records are alone.
    missing = records[layout.missing_at] if length == 1 else layout.missing_bits(records)
    return Segment(layout.schema, length, columns, columns.masks(missing), NOTHING, lists or NOTHING)


def _in_one_dictionary(
    segment: Segment, others: Segment
) -> tuple[dict[str, Objects], dict[str, Int32s], dict[str, Int32s]]:
    """Dictionaries with the texts of both segments.

    Returns:
        The dictionaries; for each of them that is not the segment's own the new codes by its old ones; and the columns
        of the others in the codes of those.
    """
    dictionaries, recoded, theirs = dict(segment.dictionaries), {}, {}
    for name, dictionary in others.dictionaries.items():
        own, codes = segment.dictionary(name), others.column(name)
        if not find(own, dictionary)[0].all():
            # Rows picked of a batch have its whole dictionary, and may use nothing of it that is new here.
            codes, dictionary = compact(codes, dictionary)  # noqa: PLW2901 - the same, but for what is not used
        dictionaries[name], here, there = merged(own, dictionary)
        theirs[name] = there[codes]
        if here is not None:
            recoded[name] = here
    return dictionaries, recoded, theirs


@cache
def _empty(kind: Kind) -> Segment:
    schema, layout = SCHEMAS[kind], layout_of(kind)
    columns: Mapping[str, Array] = {field.name: np.empty(0, dtype=field.type.dtype) for field in schema.columns}
    return Segment(schema, 0, columns if layout is None else Packed(layout, b""), NOTHING, NOTHING, NOTHING)


def _restore(kind: Kind, *parts: Any) -> Segment:
    return Segment(SCHEMAS[kind], *parts)


def _not_empty(lists: Mapping[str, SparseLists]) -> dict[str, SparseLists]:
    return {name: some for name, some in lists.items() if some.length}


def _same(these: Array, those: Array) -> Bools:
    same: Bools = these == those
    if these.dtype.kind == "f":
        same |= np.isnan(these) & np.isnan(those)
    return same
