"""Views: what a search may see of a table, and some of its rows, to be read.

A view says which rows are there; it reads none but those of the head whose place it needs. A selection reads: column by
column, from base and head alike, in the order that a page has.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from bucketquery.columns.lists import Lists
from bucketquery.columns.ordered import live_rows, lower_bound
from bucketquery.columns.segment import Rows, Segment, coded
from bucketquery.columns.texts import encoded, merged
from bucketquery.model.instants import LAST_MS
from bucketquery.model.schema import Array, Bools, Int32s, Int64s

NO_ROWS: Final[Int64s] = np.empty(0, dtype=np.int64)

#: So many times more texts than rows are worth a look at the rows alone.
_TEXTS_PER_ROW: Final = 8

#: A segment, some of its rows, and their positions in a selection.
_Part = tuple[Segment, Int64s, Int64s]

#: A run of the base, and one of the head behind it.
Runs = tuple[slice, slice]

#: The ranks from the one on and before the other among all rows of a view, and whether the last one comes first.
Ranks = tuple[int, int, bool]


class View:
    """The rows of a table that a search may see: a base without its dead rows, and a head.

    All rows are one view, the final ones another over the same arrays, so that no search asks what is interim. Rows of
    both are told apart by number: row ``r`` of the head is ``base.length + r``; a slice is of the base alone.
    """

    __slots__ = (
        "_codes",
        "_has_dead",
        "_head_places",
        "_head_ranks",
        "_head_start",
        "_head_timestamps",
        "_kept",
        "_row_at",
        "_timestamps",
        "base",
        "dead",
        "head",
        "length",
    )

    def __init__(self, base: Segment, dead: Int64s, head: Segment) -> None:
        self.base = base
        self.dead = dead
        self.head = head
        #: How many rows there are to see.
        self.length = base.length - len(dead) + head.length
        self._has_dead = len(dead) > 0
        # All else is worked out when a reader first asks: most views of small jobs are never asked. Two readers may
        # both work it out, and come to the same.
        self._row_at: Callable[[int], np.int64] | None = None
        self._timestamps: Int64s | None = None
        self._head_timestamps: Int64s | None = None
        self._head_start: int | None = None
        self._head_places: Int64s | None = None
        self._head_ranks: Int64s | None = None
        self._codes: dict[str, tuple[Int32s | None, Int32s]] | None = None
        self._kept: dict[Any, Any] | None = None

    @property
    def timestamps(self) -> Int64s:
        """Those of the rows of the base, a view."""
        if self._timestamps is None:
            self._timestamps = self.base.column("timestamp")
        return self._timestamps

    @property
    def head_timestamps(self) -> Int64s:
        """Those of the rows of the head, a view."""
        if self._head_timestamps is None:
            self._head_timestamps = self.head.column("timestamp")
        return self._head_timestamps

    @property
    def head_start(self) -> int:
        """The first timestamp in the head, behind all others where that is empty."""
        if self._head_start is None:
            self._head_start = self.head_timestamps.item(0) if self.head.length else LAST_MS + 1
        return self._head_start

    @property
    def kept(self) -> dict[Any, Any]:
        """What searches keep of what they found, for whoever asks next."""
        if self._kept is None:
            self._kept = {}
        return self._kept

    def before(self, instant: int) -> int:
        """How many rows come before an instant, of base and head together.

        Complexity: O(log n), no allocation.
        """
        row_at = self._row_at
        if row_at is None:
            row_at = self._row_at = self.timestamps.searchsorted
        rank = int(row_at(instant))
        if self._has_dead:
            rank -= int(self.dead.searchsorted(rank))
        if self.head.length and instant > self.head_start:
            rank += int(self.head_timestamps.searchsorted(instant))
        return rank

    def at(self, first: int, last: int) -> Rows:
        """The rows that hold the ranks ``[first, last)``, base and head together, in that order.

        Complexity: O(log n + d) for d dead rows where they are all of the base with none of these between; else O(r)
        more for r rows, and O(h log n) once a view.
        """
        found = self.find(first, last)
        return self.numbered(*found) if isinstance(found, tuple) else found

    def find(self, first: int, last: int) -> Rows | Runs:
        """The same, but for a run of the base and one of the head behind it, which are given as these.

        So lie the newest buckets of a job that is alive. Complexity: that of `at`, and of two runs as of one.
        """
        if first == last:
            return slice(0, 0)
        if not self.head.length:
            return live_rows(self.dead, first, last)
        ranks = self._head_ranks
        if ranks is None:
            # A row of the head ranks behind the live rows of the base that come before it, and behind its forerunners
            # in the head. Two readers may both work this out, and come to the same.
            places = self.head_places()
            ranks = self._head_ranks = places - self.dead.searchsorted(places) + np.arange(len(places))
        if last <= ranks.item(0):
            # The head is mostly newer than the base.
            return live_rows(self.dead, first, last)
        low, high = ranks.searchsorted((first, last)).tolist()
        if low == high:
            return live_rows(self.dead, first - low, last - low)
        live = slice(0, 0) if high - low == last - first else live_rows(self.dead, first - low, last - high)
        if isinstance(live, slice):
            if ranks.item(low) == last - (high - low):
                return live, slice(low, high)
            live = np.arange(live.start, live.stop)
        is_head = np.zeros(last - first, dtype=np.bool_)
        is_head[ranks[low:high] - first] = True
        rows = np.empty(last - first, dtype=np.int64)
        rows[is_head] = np.arange(low, high) + self.base.length
        rows[~is_head] = live
        return rows

    def numbered(self, in_base: slice, in_head: slice) -> Int64s:
        """A run of the base and one of the head as their rows are numbered here. Complexity: O(r) for r rows."""
        first = self.base.length
        return np.concatenate(
            (np.arange(in_base.start, in_base.stop), np.arange(first + in_head.start, first + in_head.stop))
        )

    def head_places(self) -> Int64s:
        """For each row of the head the row of the base that it comes before, shape (h,), ascending.

        Complexity: O(h log n) once a view, then O(1).
        """
        places = self._head_places
        if places is None:
            # Two readers may both work this out, and come to the same.
            places = self._head_places = lower_bound(self.base.identities(), self.head.identities_in(self.base))
        return places

    def common_codes(self, name: str) -> tuple[Int32s | None, Int32s]:
        """By the codes of a column of texts in the base, and by those in the head, codes that compare across both.

        None where those of the base do as they are. Complexity: O(d) for d texts once a view, then O(1).
        """
        if self._codes is None:
            self._codes = {}
        codes = self._codes.get(name)
        if codes is None:
            # Two readers may both work this out, and come to the same.
            _, base, head = merged(self.base.dictionary(name), self.head.dictionary(name))
            codes = self._codes[name] = (base, head)
        return codes

    def time_span(self) -> tuple[int, int] | None:
        """First and last timestamp, or None where there is nothing. Complexity: O(d) for d dead rows."""
        ends: list[int] = []
        base, head, dead = self.base, self.head, self.dead
        first, stop = 0, base.length
        if self._has_dead:
            ranks = np.arange(len(dead))
            first += int(np.count_nonzero(dead == ranks))
            stop -= int(np.count_nonzero(dead[::-1] == base.length - 1 - ranks))
        if first < stop:
            timestamps = base.columns["timestamp"]
            ends += (timestamps.item(first), timestamps.item(stop - 1))
        if head.length:
            timestamps = head.columns["timestamp"]
            ends += (timestamps.item(0), timestamps.item(head.length - 1))
        return (min(ends), max(ends)) if ends else None


class Selection:
    """Some rows of a view in an order of their own, read when asked; immutable.

    Attributes:
        view: whose rows they are.
        rows: a slice of the base alone, its step 1 or -1, or rows of base and head, as the view numbers them.

    Args:
        view: whose rows they are.
        rows: which, or their ranks there; of these the rows are found when they are first read.
    """

    __slots__ = ("_cut", "_parts", "_rows", "view")

    def __init__(self, view: View, rows: Rows | Ranks) -> None:
        self.view = view
        self._rows = rows
        self._cut: tuple[slice, slice, bool] | None = None
        self._parts: tuple[_Part, ...] | None = None

    @property
    def rows(self) -> Rows:
        """The rows in their order. Complexity: once that of finding those of some ranks, then O(1)."""
        found = self._found()
        if isinstance(found, tuple):
            in_base, in_head, desc = found
            rows = self.view.numbered(in_base, in_head)
            self._rows = found = rows[::-1] if desc else rows
        return found

    @classmethod
    def of(cls, segment: Segment) -> "Selection":
        """All rows of a segment, in its order."""
        return cls(View(segment, NO_ROWS, Segment.empty(segment.schema)), slice(0, segment.length))

    def __len__(self) -> int:
        if isinstance(self._rows, tuple):
            first, last, _ = self._rows
            return last - first
        if isinstance(self.rows, slice):
            return len(range(*self.rows.indices(self.view.base.length)))
        return len(self.rows)

    def __getitem__(self, positions: slice | Int64s) -> "Selection":
        """The rows at some positions. Complexity: O(r) for the r rows of this selection."""
        rows = self.rows
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(self.view.base.length), dtype=np.int64)
        return Selection(self.view, rows[positions])

    def column(self, name: str) -> Array:
        """A column's values, texts as such; NaN, None or the default where missing.

        Complexity: O(r); a slice of numbers gives a view.
        """
        found = self._cut or self._found()
        if isinstance(found, tuple):
            in_base, in_head, desc = found
            values = np.concatenate((self.view.base.values(name, in_base), self.view.head.values(name, in_head)))
            return values[::-1] if desc else values
        if isinstance(found, slice):
            return self.view.base.values(name, found)
        parts = [(positions, segment.values(name, own)) for segment, own, positions in self._by_segment(found)]
        return self._in_place(parts)

    def comparable(self, name: str) -> Array:
        """A column's values as they compare: of texts numbers in their order, those of missing ones below all others.

        Complexity: O(r); for texts O(r log r), or once a view O(d) for d texts where those are not many more than rows.
        """
        if isinstance(self.rows, slice):
            return self.view.base.column(name)[self.rows]
        parts = [(positions, segment.column(name)[own]) for segment, own, positions in self._by_segment(self.rows)]
        if len(parts) > 1 and name in self.view.head.texts:
            if _TEXTS_PER_ROW * len(self) < len(self.view.base.dictionary(name)):
                # So few rows are ranked among themselves more quickly than all texts of the base are numbered anew.
                codes, _ = encoded(self.column(name).tolist())
                return codes
            common = self.view.common_codes(name)
            parts = [
                (positions, own if there is None else there[own])
                for (positions, own), there in zip(parts, common, strict=True)
            ]
        return self._in_place(parts)

    def _in_place(self, parts: Sequence[tuple[Int64s, Array]]) -> Array:
        """Some values with their positions as one array; those of a single part are in their places already."""
        if len(parts) == 1:
            return parts[0][1]
        values = np.empty(len(self), dtype=parts[0][1].dtype)
        for positions, some in parts:
            values[positions] = some
        return values

    def missing(self, name: str) -> Bools | None:
        """Which rows miss a column's field; None where none could. Complexity: O(r)."""
        if isinstance(self.rows, slice):
            return self.view.base.missing(name, self.rows)
        missing: Bools | None = None
        for segment, own, positions in self._by_segment(self.rows):
            lacking = segment.missing(name, own)
            if lacking is not None:
                missing = np.zeros(len(self.rows), dtype=np.bool_) if missing is None else missing
                missing[positions] = lacking
        return missing

    def lists(self, name: str) -> list[Any]:
        """A list field's tuples, empty where missing. Complexity: O(r log n)."""
        found = self._cut or self._found()
        if isinstance(found, tuple):
            in_base, in_head, desc = found
            taken = [*self.view.base.take_lists(name, in_base), *self.view.head.take_lists(name, in_head)]
            return taken[::-1] if desc else taken
        if isinstance(found, slice):
            return self.view.base.take_lists(name, found)
        taken = [()] * len(found)
        for segment, own, positions in self._by_segment(found):
            for position, value in zip(positions.tolist(), segment.take_lists(name, own), strict=True):
                taken[position] = value
        return taken

    def having(self, name: str) -> Bools:
        """Which rows have a list that is not empty, shape (r,). Complexity: O(r log n)."""
        if isinstance(self.rows, slice):
            return self.view.base.having(name, np.arange(*self.rows.indices(self.view.base.length)))
        having = np.zeros(len(self.rows), dtype=np.bool_)
        for segment, own, positions in self._by_segment(self.rows):
            having[positions] = segment.having(name, own)
        return having

    def detach(self) -> Segment:
        """Copies of these rows in their order, which need not be that of a segment's identities: only to be read.

        Complexity: O(r).
        """
        schema = self.view.base.schema
        columns = {field.name: self.column(field.name).copy() for field in schema.columns}
        columns, texts = coded(schema, columns)
        lists = {field.name: Lists.of_tuples(self.lists(field.name)) for field in schema.lists}
        # No masks: a missing integer or truth value is shown as its default, and nothing else is asked of these rows.
        return Segment(schema, len(self), columns, {}, texts, lists)

    def _found(self) -> Rows | tuple[slice, slice, bool]:
        """The rows, or as they lie in base and head where that is two runs, with whether to turn them."""
        rows = self._rows
        if isinstance(rows, tuple):
            first, last, desc = rows
            found = self.view.find(first, last)
            # Two readers may both work this out, and come to the same.
            if isinstance(found, tuple):
                cut = self._cut = (*found, desc)
                return cut
            rows = self._rows = _reversed(found) if desc and first < last else found
        return rows

    def _by_segment(self, rows: Int64s) -> tuple[_Part, ...]:
        """The rows that are in base and in head, as each numbers them, and their positions here."""
        parts = self._parts
        if parts is None:
            # Two readers may both work this out, and come to the same.
            base = self.view.base
            is_head = rows >= base.length
            if not is_head.any():
                # As most pages are, and at once.
                parts = self._parts = ((base, rows, np.arange(len(rows))),)
                return parts
            in_base, in_head = (~is_head).nonzero()[0], is_head.nonzero()[0]
            parts = ((base, rows[in_base], in_base), (self.view.head, rows[in_head] - base.length, in_head))
            parts = self._parts = parts if len(in_base) else parts[1:]
        return parts


def _reversed(rows: Rows) -> Rows:
    if isinstance(rows, slice):
        return slice(rows.stop - 1, rows.start - 1 if rows.start else None, -1)
    return rows[::-1]
