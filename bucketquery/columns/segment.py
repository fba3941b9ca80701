"""Segments: columns of results in identity order.

A segment is immutable to its readers: it is made once with its length, and nobody changes a row below that length. Its
arrays may be longer than it: the spare room belongs to the writer, who appends there for the *next* segment over the
same arrays. A batch on its way in, the head of a table and its base are all segments.

A missing double is NaN inside. Any other missing value is stored as its default, and a mask of what is present is kept
only for a column where something is or was missing. Lists (nested influencers, scheduled events) are kept only for the
rows that have one.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, Self

import numpy as np

from bucketquery.columns.ordered import find, increasing, roomy, with_room
from bucketquery.model.schema import SCHEMAS, Array, Bools, Int64s, Kind, Objects, Schema, Type

#: Rows of some segment: a slice where they are all beside each other, else ascending positions.
Rows = slice | Int64s


class Lists(NamedTuple):
    """The lists of one field: ascending rows that have one, and their tuples; ``length`` of the arrays are in use."""

    rows: Int64s
    values: Objects
    length: int

    @classmethod
    def of(cls, rows: Int64s, values: Objects) -> Self:
        """Lists that fill their arrays."""
        return cls(rows, values, len(rows))

    def used(self) -> tuple[Int64s, Objects]:
        """The parts of both arrays that are in use, as views."""
        return self.rows[: self.length], self.values[: self.length]

    def take(self, rows: Rows, stop: int) -> list[tuple[object, ...]]:
        """The tuple of each of ``rows`` below ``stop``, empty where a row has none.

        Complexity: O(r log n) for r rows.
        """
        having, values = self.used()
        if isinstance(rows, slice):
            first, last, step = rows.indices(stop)
            if step > 0:
                taken: list[tuple[object, ...]] = [()] * max(0, last - first)
                low, high = having.searchsorted((first, last)).tolist()
                for row, value in zip(having[low:high].tolist(), values[low:high].tolist(), strict=True):
                    taken[row - first] = value
                return taken
            rows = np.arange(first, last, step, dtype=np.int64)
        taken = [()] * len(rows)
        found, entries = find(having, rows)
        for place, entry in zip(found.nonzero()[0].tolist(), entries[found].tolist(), strict=True):
            taken[place] = values[entry]
        return taken


_NO_LISTS: Final = Lists.of(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.object_))


class Segment:
    """Columns of ``length`` results of one kind, in identity order, no identity twice."""

    __slots__ = ("columns", "length", "lists", "present", "schema")

    def __init__(
        self,
        schema: Schema,
        length: int,
        columns: Mapping[str, Array],
        present: Mapping[str, Bools],
        lists: Mapping[str, Lists],
    ) -> None:
        self.schema = schema
        self.length = length
        self.columns = columns
        self.present = present
        self.lists = lists

    @staticmethod
    def empty(schema: Schema) -> "Segment":
        """The segment of nothing, with no room to spare; one for each kind, since most heads are empty."""
        return _empty(schema.kind)

    def column(self, name: str) -> Array:
        """The values of a column, shape (length,), as a view; what is missing is NaN or the default."""
        return self.columns[name][: self.length]

    def identities(self) -> list[Int64s]:
        """The columns of the identity, as views."""
        return [self.column(name) for name in self.schema.identity]

    def mask(self, name: str) -> Bools:
        """Which rows have the field, shape (length,); for a double see `missing`.

        Complexity: O(n) where none was kept.
        """
        present = self.present.get(name)
        return np.ones(self.length, dtype=np.bool_) if present is None else present[: self.length]

    def missing(self, name: str, rows: Rows) -> Bools | None:
        """Which of ``rows`` miss the field, or None where no row at all does.

        Complexity: O(r) for r rows.
        """
        if self.schema.by_name[name].type is Type.DOUBLE:
            return np.isnan(self.column(name)[rows])
        present = self.present.get(name)
        return None if present is None else ~present[: self.length][rows]

    def select(self, rows: Int64s) -> "Segment":
        """A copy of some rows, ascending. Complexity: O(r) for r rows."""
        return gather(self.schema, [(self, rows, slice(0, len(rows)))], len(rows))

    def append(self, later: "Segment") -> "Segment":
        """This segment with ``later`` behind it; every identity there must be greater.

        Where the arrays have room the rows are written in place, beyond the length of every segment made so far, so it
        must be called for the newest segment over these arrays only, by one writer at a time. Otherwise the columns are
        copied with an eighth to spare.

        Complexity: O(k) amortised for k rows.
        """
        length = self.length + later.length
        capacity = roomy(len(self.columns["timestamp"]), length)
        columns = {name: with_room(column, self.length, capacity) for name, column in self.columns.items()}
        for name, column in columns.items():
            column[self.length : length] = later.column(name)
        present = {}
        for name in self.present.keys() | later.present.keys():
            old = self.present.get(name)
            mask = np.ones(capacity, dtype=np.bool_) if old is None else with_room(old, self.length, capacity)
            mask[self.length : length] = later.mask(name)
            present[name] = mask
        lists = dict(self.lists)
        for name, others in later.lists.items():
            lists[name] = _lists_behind(lists.get(name, _NO_LISTS), others, self.length)
        return Segment(self.schema, length, columns, present, lists)

    def replace(self, rows: Int64s, others: "Segment") -> "Segment":
        """This segment with the rows of ``others``, which have the same identities, in place of ``rows``.

        Columns in which nothing differs are shared; the others, the masks and the lists are copied. Like `append`, for
        the newest segment only.

        Complexity: O(n) for each column touched, O(r) for the rest.
        """
        columns = dict(self.columns)
        for name, column in self.columns.items():
            if not _same(column[rows], others.column(name)).all():
                columns[name] = column.copy()
                columns[name][rows] = others.column(name)
        present = dict(self.present)
        for name in self.present.keys() | others.present.keys():
            old = self.present.get(name)
            mask = np.ones(len(columns[name]), dtype=np.bool_) if old is None else old.copy()
            mask[rows] = others.mask(name)
            present[name] = mask
        lists = dict(self.lists)
        for name in self.lists.keys() | others.lists.keys():
            lists[name] = _lists_replaced(self.lists.get(name, _NO_LISTS), rows, others.lists.get(name, _NO_LISTS))
        return Segment(self.schema, self.length, columns, present, lists)

    def same_rows(self, rows: Int64s, others: "Segment", other_rows: Int64s) -> Bools:
        """Whether each of ``rows`` stores what its counterpart of ``other_rows`` does, missing and given told apart.

        Complexity: O(r) for r rows.
        """
        same = np.ones(len(rows), dtype=np.bool_)
        for field in self.schema.columns:
            same &= _same(self.column(field.name)[rows], others.column(field.name)[other_rows])
            if field.name in self.present or field.name in others.present:
                same &= self.mask(field.name)[rows] == others.mask(field.name)[other_rows]
        for name in self.lists.keys() | others.lists.keys():
            mine = self.take_lists(name, rows)
            theirs = others.take_lists(name, other_rows)
            same &= np.fromiter(map(tuple.__eq__, mine, theirs), dtype=np.bool_, count=len(rows))
        return same

    def take_lists(self, name: str, rows: Rows) -> list[tuple[object, ...]]:
        """The lists of some rows as tuples, empty where a row has none."""
        lists = self.lists.get(name)
        if lists is not None:
            return lists.take(rows, self.length)
        return [()] * (len(range(*rows.indices(self.length))) if isinstance(rows, slice) else len(rows))

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included; of lists the pointers to them."""
        arrays: list[Array] = [*self.columns.values(), *self.present.values()]
        for lists in self.lists.values():
            arrays += (lists.rows, lists.values)
        return sum(array.nbytes for array in arrays)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.schema.kind, self.length, self.columns, self.present, self.lists)

    def check(self) -> None:
        """Assert every invariant. Complexity: O(n)."""
        assert set(self.columns) == {field.name for field in self.schema.columns}
        for field in self.schema.columns:
            assert self.columns[field.name].dtype == field.type.dtype
            assert len(self.columns[field.name]) >= self.length
        assert increasing(self.identities()).all(), "out of identity order"
        for name, present in self.present.items():
            assert self.schema.by_name[name].type is not Type.DOUBLE
            assert len(present) >= self.length
            assert not self.column(name)[~present[: self.length]].any(), "a missing value is not its default"
        for lists in self.lists.values():
            rows, values = lists.used()
            assert (rows[1:] > rows[:-1]).all()
            assert not len(rows) or (rows[0] >= 0 and rows[-1] < self.length)
            assert all(isinstance(value, tuple) and value for value in values)


def gather(schema: Schema, parts: Iterable[tuple[Segment, Rows, Rows]], length: int, spare: int = 0) -> Segment:
    """A new segment of rows from several: each part is a segment, its ascending rows, and where they go, ascending too.

    Complexity: O(length).
    """
    parts = [part for part in parts if part[0].length]
    capacity = length + spare
    columns = {field.name: np.empty(capacity, dtype=field.type.dtype) for field in schema.columns}
    present: dict[str, Bools] = {}
    entries: dict[str, list[tuple[Int64s, Objects]]] = {}
    for segment, rows, places in parts:
        for name, column in columns.items():
            column[:length][places] = segment.column(name)[rows]
        for name, mask in segment.present.items():
            if name not in present:
                present[name] = np.ones(capacity, dtype=np.bool_)
            present[name][:length][places] = mask[: segment.length][rows]
        for name, lists in segment.lists.items():
            entries.setdefault(name, []).append(_entries_at(lists, segment.length, rows, places))
    merged = {name: _merged_lists(found) for name, found in entries.items()}
    return Segment(schema, length, columns, present, {name: lists for name, lists in merged.items() if lists.length})


def lists_of(values: Sequence[tuple[Any, ...]]) -> Lists:
    """The lists of rows of which each has a tuple, if only an empty one."""
    rows = [row for row, value in enumerate(values) if value]
    having = np.fromiter((values[row] for row in rows), dtype=np.object_, count=len(rows))
    return Lists.of(np.array(rows, dtype=np.int64), having)


@cache
def _empty(kind: Kind) -> Segment:
    schema = SCHEMAS[kind]
    return Segment(schema, 0, {field.name: np.empty(0, dtype=field.type.dtype) for field in schema.columns}, {}, {})


def _restore(
    kind: Kind, length: int, columns: Mapping[str, Array], present: Mapping[str, Bools], lists: Mapping[str, Lists]
) -> Segment:
    return Segment(SCHEMAS[kind], length, columns, present, lists)


def _same(these: Array, those: Array) -> Bools:
    same: Bools = these == those
    if these.dtype.kind == "f":
        same |= np.isnan(these) & np.isnan(those)
    return same


def _lists_behind(lists: Lists, others: Lists, shift: int) -> Lists:
    length = lists.length + others.length
    capacity = roomy(len(lists.rows), length)
    rows = with_room(lists.rows, lists.length, capacity)
    values = with_room(lists.values, lists.length, capacity)
    other_rows, other_values = others.used()
    rows[lists.length : length] = other_rows + shift
    values[lists.length : length] = other_values
    return Lists(rows, values, length)


def _lists_replaced(lists: Lists, rows: Int64s, others: Lists) -> Lists:
    having, values = lists.used()
    gone, _ = find(rows, having)
    other_rows, other_values = others.used()
    return _merged_lists([(having[~gone], values[~gone]), (rows[other_rows], other_values)])


def _merged_lists(found: Sequence[tuple[Int64s, Objects]]) -> Lists:
    rows = np.concatenate([rows for rows, _ in found])
    values = np.concatenate([values for _, values in found])
    order = rows.argsort(kind="stable")
    return Lists.of(rows[order], values[order])


def _entries_at(lists: Lists, length: int, rows: Rows, places: Rows) -> tuple[Int64s, Objects]:
    """The entries of ``lists`` in ``rows``, with the places that those rows go to."""
    having, values = lists.used()
    found, at = find(_positions(rows, length), having)
    targets = _positions(places, np.iinfo(np.int64).max)
    return targets[at[found]], values[found]


def _positions(rows: Rows, length: int) -> Int64s:
    return np.arange(*rows.indices(length), dtype=np.int64) if isinstance(rows, slice) else rows
