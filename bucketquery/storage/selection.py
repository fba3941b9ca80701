"""Selections: some rows of a view in any order, whose columns are gathered when a caller reads them."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from bucketquery.model.once import once
from bucketquery.model.schema import Array, Bools, Int32s, Int64s, Objects, Schema
from bucketquery.storage.keywords import encode_columns, encode_keywords, merge_dictionaries
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.segment import Segment, SomeRows
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists, not_empty
from bucketquery.storage.view import NO_ROWS, Ranks, View

#: If the base has more keywords than this for each row, the keywords of the rows are ranked among themselves.
_RANKED_FROM: Final = 8

#: A segment, some of its rows, and their positions in a selection.
_Part = tuple[Segment, Int64s, Int64s]


class Selection:
    """Some rows of a view in any order; immutable. Columns are gathered when a caller reads them.

    Attributes:
        view: the view.
        rows: a slice of the base, with step 1 or -1, or the numbers that the view gives to rows of base and head.

    Args:
        view: the view.
        rows: the rows, or their ranks; the rows of ranks are found when they are first read.
    """

    __slots__ = ("__dict__", "_found", "_parts", "_ranks", "view")

    def __init__(self, view: View, rows: SomeRows | Ranks) -> None:
        self.view = view
        # Rows and parts do not use `once`: nearly every page reads a selection once, and `once` takes 0.4 us more.
        self._ranks: Ranks | None = None
        self._found: SomeRows | tuple[slice, slice, bool] | None = None
        self._parts: tuple[_Part, ...] | None = None
        if isinstance(rows, tuple):
            self._ranks = rows
        else:
            self._found = rows

    @property
    def schema(self) -> Schema:
        """The schema of the rows."""
        return self.view.base.schema

    @property
    def rows(self) -> SomeRows:
        """The rows in their order."""
        found = self._find()
        return self._numbered if isinstance(found, tuple) else found

    @once
    def _numbered(self) -> SomeRows:
        """The rows of two runs, as the view numbers them."""
        found = self._find()
        assert isinstance(found, tuple)
        in_base, in_head, desc = found
        rows = self.view.numbered(in_base, in_head)
        return rows[::-1] if desc else rows

    def _find(self) -> SomeRows | tuple[slice, slice, bool]:
        """The rows; for ranks perhaps a run of the base, one of the head, and whether both are read backwards."""
        found = self._found
        if found is None:
            assert self._ranks is not None
            first, last, desc = self._ranks
            runs = self.view.find(first, last)
            if isinstance(runs, tuple):
                found = (*runs, desc)
            elif desc and first < last:
                found = _reversed(runs)
            else:
                found = runs
            # Two readers may both find them, with the same result.
            self._found = found
        return found

    def _split(self) -> tuple[_Part, ...]:
        """The rows of the base and of the head, each by its own row numbers, with their positions in this selection."""
        parts = self._parts
        if parts is None:
            rows, base = self.rows, self.view.base
            if isinstance(rows, slice):
                rows = np.arange(*rows.indices(base.length), dtype=np.int64)
            # Most tables have no head, and most pages no row of it.
            is_head = rows >= base.length if self.view.head.length else None
            if is_head is not None and is_head.any():
                in_base, in_head = (~is_head).nonzero()[0], is_head.nonzero()[0]
                parts = ((base, rows[in_base], in_base), (self.view.head, rows[in_head] - base.length, in_head))
                parts = parts if len(in_base) else parts[1:]
            else:
                parts = ((base, rows, np.arange(len(rows))),)
            # Two readers may both split them, with the same result.
            self._parts = parts
        return parts

    @classmethod
    def of(cls, segment: Segment) -> "Selection":
        """All rows of a segment, in its order."""
        return cls(View(segment, NO_ROWS, empty_segment(segment.schema)), slice(0, segment.length))

    def __len__(self) -> int:
        if self._ranks is not None:
            first, last, _ = self._ranks
            return last - first
        if isinstance(self.rows, slice):
            return len(range(*self.rows.indices(self.view.base.length)))
        return len(self.rows)

    def last(self) -> tuple[Segment, int]:
        """The segment of the last row, and its number there; there is at least one row."""
        view, found = self.view, self._find()
        if isinstance(found, tuple):
            in_base, in_head, desc = found
            if desc:
                is_base = in_base.start < in_base.stop
                return (view.base, in_base.start) if is_base else (view.head, in_head.start)
            is_head = in_head.start < in_head.stop
            return (view.head, in_head.stop - 1) if is_head else (view.base, in_base.stop - 1)
        if isinstance(found, slice):
            return view.base, range(*found.indices(view.base.length))[-1]
        row, length = found.item(-1), view.base.length
        return (view.base, row) if row < length else (view.head, row - length)

    def __getitem__(self, positions: slice | Int64s) -> "Selection":
        """The rows at some positions, in O(r) for the r rows of this selection."""
        rows = self.rows
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(self.view.base.length), dtype=np.int64)
        return Selection(self.view, rows[positions])

    def runs(self, most: int) -> Iterator["Selection"]:
        """The same rows in consecutive parts. Each part is a slice of the base or of the head, if it can be.

        Args:
            most: the largest number of rows of a part.
        """
        found, view = self._find(), self.view
        if isinstance(found, tuple) and not found[2]:
            heads = View(view.head, NO_ROWS, empty_segment(self.schema))
            for some, rows in ((view, found[0]), (heads, found[1])):
                yield from Selection(some, rows).runs(most)
        elif isinstance(found, slice) and (found.step or 1) > 0:
            first, stop, _ = found.indices(view.base.length)
            for start in range(first, stop, most):
                yield Selection(view, slice(start, min(start + most, stop)))
        else:
            for first in range(0, len(self), most):
                yield self if len(self) <= most else self[first : first + most]

    def codes(self, name: str) -> tuple[Int32s, Objects]:
        """The codes of a keyword column, -1 for a missing keyword, and their dictionary, which may have more keywords.

        The codes of a slice are a view.
        """
        found, view = self._find(), self.view
        if isinstance(found, slice) or not view.head.length:
            return view.base.column(name)[self.rows], view.base.dictionary(name)
        dictionary, here, there = merge_dictionaries(view.base.dictionary(name), view.head.dictionary(name))
        parts = [
            (positions, there[codes] if segment is view.head else codes if here is None else here[codes])
            for segment, own, positions in self._split()
            for codes in (segment.column(name)[own],)
        ]
        return self._in_place(parts), dictionary

    def column(self, name: str) -> Array:
        """A column's values, keywords as text; a missing value is NaN, None or the default.

        A slice of a column of numbers is a view.
        """
        found = self._find()
        if isinstance(found, tuple):
            in_base, in_head, desc = found
            values = np.concatenate((self.view.base.values(name, in_base), self.view.head.values(name, in_head)))
            return values[::-1] if desc else values
        view = self.view
        if isinstance(found, slice) or not view.head.length:
            return view.base.values(name, found)
        return self._in_place([(positions, segment.values(name, own)) for segment, own, positions in self._split()])

    def comparable(self, name: str) -> Array:
        """A column's values as numbers that compare like them: keywords as codes, a missing one below all others.

        For r rows, keywords cost O(r log r) if the dictionary has many more than r. If not, its d keywords cost O(d)
        once for each view.
        """
        if isinstance(self.rows, slice):
            return self.view.base.column(name)[self.rows]
        parts = [(positions, segment.column(name)[own]) for segment, own, positions in self._split()]
        if len(parts) > 1 and name in self.view.head.dictionaries:
            if _RANKED_FROM * len(self) < len(self.view.base.dictionary(name)):
                # Encoding the keywords of a few rows is faster than translating all codes of the base.
                codes, _ = encode_keywords(self.column(name).tolist())
                return codes
            common = self.view.common_codes(name)
            parts = [
                (positions, own if there is None else there[own])
                for (positions, own), there in zip(parts, common, strict=True)
            ]
        return self._in_place(parts)

    def _in_place(self, parts: Sequence[tuple[Int64s, Array]]) -> Array:
        """The values of all parts as one array, by their positions. A single part is returned unchanged."""
        if len(parts) == 1:
            return parts[0][1]
        values = np.empty(len(self), dtype=parts[0][1].dtype)
        for positions, some in parts:
            values[positions] = some
        return values

    def missing(self, name: str) -> Bools | None:
        """Which rows miss a column's field; None means that no row does."""
        if isinstance(self.rows, slice):
            return self.view.base.missing(name, self.rows)
        missing: Bools | None = None
        for segment, own, positions in self._split():
            lacking = segment.missing(name, own)
            if lacking is not None:
                missing = np.zeros(len(self.rows), dtype=np.bool_) if missing is None else missing
                missing[positions] = lacking
        return missing

    def lists(self, name: str) -> list[Any]:
        """A list field's tuples; empty if a row has none."""
        found = self._find()
        if isinstance(found, tuple):
            in_base, in_head, desc = found
            taken = [*self.view.base.lists_at(name, in_base), *self.view.head.lists_at(name, in_head)]
            return taken[::-1] if desc else taken
        if isinstance(found, slice):
            return self.view.base.lists_at(name, found)
        taken = [()] * len(found)
        for segment, own, positions in self._split():
            for position, value in zip(positions.tolist(), segment.lists_at(name, own), strict=True):
                taken[position] = value
        return taken

    def having(self, name: str) -> Bools:
        """Which rows have a list, shape (r,)."""
        if isinstance(self.rows, slice):
            return self.view.base.having(name, np.arange(*self.rows.indices(self.view.base.length)))
        having = np.zeros(len(self.rows), dtype=np.bool_)
        for segment, own, positions in self._split():
            having[positions] = segment.having(name, own)
        return having

    def may_have(self, name: str) -> bool:
        """Whether any stored row of the view may have a list, O(1)."""
        return name in self.view.base.lists or name in self.view.head.lists

    def instants(self, name: str) -> tuple[Int64s, Bools]:
        """An instant of each row in epoch ms, 0 for a row that has none, and which rows have one; shape (r,)."""
        rows = self.rows
        if isinstance(rows, slice):
            base = self.view.base
            return base.lists.get(name, NO_LISTS).instants(np.arange(*rows.indices(base.length)))
        instants = np.zeros(len(rows), dtype=np.int64)
        present = np.zeros(len(rows), dtype=np.bool_)
        for segment, own, positions in self._split():
            instants[positions], present[positions] = segment.lists.get(name, NO_LISTS).instants(own)
        return instants, present

    def _sparse(self, name: str) -> SparseLists:
        """A list field's lists, with positions in place of rows."""
        parts = [
            segment.lists.get(name, NO_LISTS).reordered(own).moved(positions)
            for segment, own, positions in self._split()
        ]
        return SparseLists.merged(parts)

    def detach(self) -> Segment:
        """Copies of these rows in their order. They can only be read, since they may be out of identity order."""
        schema = self.view.base.schema
        columns = {field.name: self.column(field.name).copy() for field in schema.columns}
        columns, dictionaries = encode_columns(schema, columns)
        lists = not_empty({field.name: self._sparse(field.name) for field in schema.lists})
        return Segment(schema, len(self), columns, self._masks(), dictionaries, lists)

    def _masks(self) -> dict[str, Bools]:
        """For each column in which a row misses an integer or a boolean: which rows have one."""
        masks: dict[str, Bools] = {}
        for field in self.schema.columns:
            if field.may_have_mask and (missing := self.missing(field.name)) is not None and missing.any():
                masks[field.name] = ~missing
        return masks


def _reversed(rows: SomeRows) -> SomeRows:
    if isinstance(rows, slice):
        return slice(rows.stop - 1, rows.start - 1 if rows.start else None, -1)
    return rows[::-1]
