"""Views: what a search may see of a table, and some of its rows, to be read.

A view says which rows are there; it reads none but those of the head whose place it needs. A selection reads: column by
column, from base and head alike, in the order that a page has.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from bucketquery.arrays.sorted_arrays import live_rows, lower_bound
from bucketquery.model.instants import LAST_MS
from bucketquery.model.schema import Int32s, Int64s
from bucketquery.storage.keywords import merged
from bucketquery.storage.segment import Rows, Segment

NO_ROWS: Final[Int64s] = np.empty(0, dtype=np.int64)


#: A run of the base, and one of the head behind it.
Runs = tuple[slice, slice]

#: The ranks from the one on and before the other among all rows of a view, and whether the last one comes first.
Ranks = tuple[int, int, bool]


class View:
    """The rows of a table that a search may see: a base without its deleted rows, and a head.

    All rows are one view, the final ones another over the same arrays, so that no search asks what is interim. Rows of
    both are told apart by number: row ``r`` of the head is ``base.length + r``; a slice is of the base alone.
    """

    __slots__ = (
        "_codes",
        "_has_deleted",
        "_head_places",
        "_head_ranks",
        "_head_start",
        "_head_timestamps",
        "_row_at",
        "_timestamps",
        "_top_k_cache",
        "base",
        "deleted",
        "head",
        "length",
    )

    def __init__(self, base: Segment, deleted: Int64s, head: Segment) -> None:
        self.base = base
        self.deleted = deleted
        self.head = head
        #: How many rows there are to see.
        self.length = base.length - len(deleted) + head.length
        self._has_deleted = len(deleted) > 0
        # All else is worked out when a reader first asks: most views of small jobs are never asked. Two readers may
        # both work it out, and come to the same.
        self._row_at: Callable[[int], np.int64] | None = None
        self._timestamps: Int64s | None = None
        self._head_timestamps: Int64s | None = None
        self._head_start: int | None = None
        self._head_places: Int64s | None = None
        self._head_ranks: Int64s | None = None
        self._codes: dict[str, tuple[Int32s | None, Int32s]] | None = None
        self._top_k_cache: dict[Any, Any] | None = None

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
    def top_k_cache(self) -> dict[Any, Any]:
        """The first rows of each order that was asked for, as searches keep them for the next one."""
        if self._top_k_cache is None:
            self._top_k_cache = {}
        return self._top_k_cache

    def before(self, instant: int) -> int:
        """How many rows come before an instant, of base and head together.

        It allocates nothing.
        """
        row_at = self._row_at
        if row_at is None:
            row_at = self._row_at = self.timestamps.searchsorted
        rank = int(row_at(instant))
        if self._has_deleted:
            rank -= int(self.deleted.searchsorted(rank))
        if self.head.length and instant > self.head_start:
            rank += int(self.head_timestamps.searchsorted(instant))
        return rank

    def at(self, first: int, last: int) -> Rows:
        """The rows that hold the ranks ``[first, last)``, base and head together, in that order.

        O(log n + d) for d deleted rows if all rows are of the base and no deleted row lies between. Else O(r) more for
        r rows, and O(h log n) once for each view.
        """
        found = self.find(first, last)
        return self.numbered(*found) if isinstance(found, tuple) else found

    def find(self, first: int, last: int) -> Rows | Runs:
        """The same, but for a run of the base and one of the head behind it, which are given as these.

        So lie the newest buckets of a job that is alive.
        """
        if first == last:
            return slice(0, 0)
        if not self.head.length:
            return live_rows(self.deleted, first, last)
        ranks = self._head_ranks
        if ranks is None:
            # A row of the head ranks behind the live rows of the base that come before it, and behind its forerunners
            # in the head. Two readers may both work this out, and come to the same.
            places = self.head_places()
            ranks = self._head_ranks = places - self.deleted.searchsorted(places) + np.arange(len(places))
        if last <= ranks.item(0):
            # The head is mostly newer than the base.
            return live_rows(self.deleted, first, last)
        low, high = ranks.searchsorted((first, last)).tolist()
        if low == high:
            return live_rows(self.deleted, first - low, last - low)
        live = slice(0, 0) if high - low == last - first else live_rows(self.deleted, first - low, last - high)
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
        """A run of the base and one of the head as their rows are numbered here."""
        first = self.base.length
        return np.concatenate(
            (np.arange(in_base.start, in_base.stop), np.arange(first + in_head.start, first + in_head.stop))
        )

    def head_places(self) -> Int64s:
        """For each row of the head the row of the base that it comes before, shape (h,), ascending.

        Worked out once for each view: O(h log n).
        """
        places = self._head_places
        if places is None:
            # Two readers may both work this out, and come to the same.
            places = self._head_places = lower_bound(self.base.identities(), self.head.identities_in(self.base))
        return places

    def common_codes(self, name: str) -> tuple[Int32s | None, Int32s]:
        """By the codes of a column of texts in the base, and by those in the head, codes that compare across both.

        None where those of the base do as they are. Worked out once for each view.
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
        """First and last timestamp, or None where there is nothing."""
        at_start = int(np.count_nonzero(self.deleted == np.arange(len(self.deleted))))
        at_end = int(np.count_nonzero(self.deleted[::-1] == self.base.length - 1 - np.arange(len(self.deleted))))
        live = self.base.column("timestamp")[at_start : self.base.length - at_end]
        ends = [
            timestamps.item(at)
            for timestamps in (live, self.head.column("timestamp"))
            if len(timestamps)
            for at in (0, -1)
        ]
        return (min(ends), max(ends)) if ends else None
