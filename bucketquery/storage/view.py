"""Views: the rows of a table that a search may see, all or the final ones, as one sequence in identity order.

A view finds rows by rank and by instant. It reads timestamps and, to place the rows of the head, identities. A
selection reads the columns of the rows that a view finds.
"""

from typing import Any, Final

import numpy as np

from bucketquery.arrays.sorted_arrays import live_rows, lower_bound
from bucketquery.model.instants import LAST_MS
from bucketquery.model.once import once
from bucketquery.model.schema import Int32s, Int64s
from bucketquery.storage.keywords import merge_dictionaries
from bucketquery.storage.segment import Segment, SomeRows

NO_ROWS: Final[Int64s] = np.empty(0, dtype=np.int64)
#: The spans of no rows, with the value that stands for none.
_NO_SPAN: Final[Int64s] = np.zeros(1, dtype=np.int64)


#: Consecutive rows of the base, followed by consecutive rows of the head.
Runs = tuple[slice, slice]

#: The first rank, the rank after the last, and whether the order is reversed.
Ranks = tuple[int, int, bool]


class View:
    """The rows of a table that a search may see: a base without its deleted rows, and a head.

    A table has one view of all rows and one of the final rows, over the same arrays, so no search checks which rows are
    interim. Row ``r`` of the head has the number ``base.length + r``; a slice has only rows of the base.
    """

    __slots__ = ("__dict__", "_has_deleted", "_has_read_places", "base", "deleted", "head", "length")

    def __init__(self, base: Segment, deleted: Int64s, head: Segment) -> None:
        self.base = base
        self.deleted = deleted
        self.head = head
        #: The number of rows that a search may see.
        self.length = base.length - len(deleted) + head.length
        self._has_deleted = len(deleted) > 0
        self._has_read_places = False

    @once
    def timestamps(self) -> Int64s:
        """The timestamps of the base, deleted rows included, as a view."""
        return self.base.column("timestamp")

    @once
    def head_timestamps(self) -> Int64s:
        """The timestamps of the head, as a view."""
        return self.head.column("timestamp")

    @once
    def head_start(self) -> int:
        """The first timestamp in the head; later than any instant if the head is empty."""
        return self.head_timestamps.item(0) if self.head.length else LAST_MS + 1

    @once
    def head_places(self) -> Int64s:
        """For each row of the head the row of the base that follows it, shape (h,), ascending.

        The first read costs O(h log n).
        """
        return lower_bound(self.base.identities(), self.head.identities_in(self.base))

    def places_of(self, rows: Int64s) -> Int64s:
        """The `head_places` of some rows of the head. O(k log n) for k rows, and O(1) each from the second call on."""
        if self._has_read_places:
            return self.head_places[rows]
        # Many views answer one search only. Two readers may both be the first.
        self._has_read_places = True
        return lower_bound(self.base.identities(), [column[rows] for column in self.head.identities_in(self.base)])

    @once
    def _head_ranks(self) -> Int64s:
        """The rank of each row of the head: how many live rows of the base and rows of the head come before it."""
        places = self.head_places
        return places - self.deleted.searchsorted(places) + np.arange(len(places))

    @once
    def longest_span(self) -> int:
        """The greatest bucket span of the rows, in seconds; 0 if there are none. The first read costs O(n)."""
        spans = self.base.column("bucket_span")
        live = np.delete(spans, self.deleted) if self._has_deleted else spans
        return max(int(some.max()) for some in (live, self.head.column("bucket_span"), _NO_SPAN) if len(some))

    @once
    def _codes(self) -> dict[str, tuple[Int32s | None, Int32s]]:
        """The codes that `common_codes` has made, by column."""
        return {}

    @once
    def top_k_cache(self) -> dict[Any, Any]:
        """The first rows of each order that a search has found, for later searches."""
        return {}

    @once
    def read_ahead(self) -> list[Any]:
        """The matches that the last searches behind a cursor have read for the pages that follow, newest first."""
        return []

    @once
    def counts_of_filters(self) -> dict[Any, int]:
        """The number of rows that pass a filter in ranges of the base, for later searches with an equal filter."""
        return {}

    @once
    def lists_of_filters(self) -> dict[Any, Any]:
        """The rows of the base that pass a filter, in ranges of the base, for later searches with an equal filter."""
        return {}

    @once
    def instants_of_filters(self) -> dict[Any, Any]:
        """The instants of rows that pass a filter, for later searches of buckets with an equal filter."""
        return {}

    def before(self, instant: int) -> int:
        """The number of rows of base and head before an instant. It allocates nothing."""
        rank = int(self.timestamps.searchsorted(instant))
        if self._has_deleted:
            rank -= int(self.deleted.searchsorted(rank))
        if self.head.length and instant > self.head_start:
            rank += int(self.head_timestamps.searchsorted(instant))
        return rank

    def find(self, first: int, last: int) -> SomeRows | Runs:
        """The rows with the ranks ``[first, last)`` in base and head together, in that order.

        They are two runs if the rows of the base come before those of the head, as with the newest buckets of a live
        job.

        O(log n + d) for d deleted rows. O(r) more for r rows if a deleted row or a row of the head lies between them.
        The ranks of the head cost O(h log n) once for each view.
        """
        if first == last:
            return slice(0, 0)
        if not self.head.length:
            return live_rows(self.deleted, first, last)
        ranks = self._head_ranks
        if last <= ranks.item(0):
            # Most rows of a head are newer than the base.
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
        """The numbers of the rows of two runs."""
        first = self.base.length
        return np.concatenate(
            (np.arange(in_base.start, in_base.stop), np.arange(first + in_head.start, first + in_head.stop))
        )

    def common_codes(self, name: str) -> tuple[Int32s | None, Int32s]:
        """Common codes of a keyword column: for each code of the base, and for each code of the head.

        The first is None if the codes of the base are the common ones. They are made once for each view.
        """
        codes = self._codes.get(name)
        if codes is None:
            # Two readers may both make them, with the same result.
            _, base, head = merge_dictionaries(self.base.dictionary(name), self.head.dictionary(name))
            codes = self._codes[name] = (base, head)
        return codes
