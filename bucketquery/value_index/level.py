"""Levels: the rows of a column whose sort key is at or above an edge, in time order, with their sort keys.

A level is immutable to readers. The writer extends it behind the rows that readers see. It corrects a level in two
steps: a new level stores the correction, and its first reader applies it.
"""

from math import inf, isnan
from typing import Any, NamedTuple

import numpy as np

from bucketquery.arrays.room import copied, held_nbytes, roomy, with_room
from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Int32s, Int64s
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.value_index.block_counts import LazyBlockCounts


class Later(NamedTuple):
    """A level after later rows were added.

    Attributes:
        level: the level.
        rows: those of the later rows that reach its edge.
        sort_keys: their sort keys.
        beyond: no other row has a greater sort key.
    """

    level: "Level"
    rows: Int64s
    sort_keys: Array
    beyond: float


class Level:
    """The rows of a column whose sort key is at least the level's edge.

    Attributes:
        edge: the least sort key that a row must have.
        below: no row outside has a greater sort key; minus infinity if no row is outside.
        least: no row inside has a smaller sort key.

    As rows are added, ``below`` only rises and ``least`` only falls, so both hold for a reader of fewer rows too.
    """

    __slots__ = ("_block_counts", "_entries", "_sizes", "_source", "_waiting", "below", "edge", "least")

    def __init__(
        self,
        edge: Any,
        below: float,
        least: float,
        entries: tuple[Int32s, Array, int] | None,
        *,
        sizes: Sizes,
        source: tuple["Level", Int64s, Array] | None = None,
        waiting: int = 0,
        block_counts: LazyBlockCounts | None = None,
    ) -> None:
        self.edge = edge
        self.below = below
        self.least = least
        # Rows and sort keys, with room after the last, and the number in use. None until a correction is applied.
        self._entries = entries
        self._source = source
        # The number of corrections that waited when this level was made, its own included.
        self._waiting = waiting
        self._sizes = sizes
        self._block_counts = block_counts or LazyBlockCounts(sizes)

    @classmethod
    def of(cls, edge: Any, below: float, rows: Array, sort_keys: Array, sizes: Sizes = DEFAULT_SIZES) -> "Level":
        """The level of some rows, ascending, at least one."""
        return cls(edge, below, sort_keys.min().item(), (rows.astype(np.int32), sort_keys, len(rows)), sizes=sizes)

    def __len__(self) -> int:
        return self._used()[2]

    def entries(self) -> tuple[Int32s, Array]:
        """The rows, ascending, and their sort keys, as views.

        The first call after a correction costs O(r) for r rows.
        """
        rows, sort_keys, length = self._used()
        return rows[:length], sort_keys[:length]

    def between(self, low: int, high: int) -> tuple[int, Int32s, Array]:
        """The entries whose rows are in ``[low, high)``: the place of the first, their rows and their sort keys."""
        rows, sort_keys = self.entries()
        # With a Python integer, NumPy would cast all rows to int64.
        first = int(rows.searchsorted(np.int32(low))) if low else 0
        stop = int(rows.searchsorted(np.int32(high)))
        return first, rows[first:stop], sort_keys[first:stop]

    def count(self, first: int, stop: int, threshold: Any) -> tuple[int, int]:
        """How many of the entries from ``first`` on and before ``stop`` have a sort key of at least ``threshold``.

        Returns:
            The count, and the number of entries that were compared.

        Complexity: that of `LazyBlockCounts.count`.
        """
        return self._block_counts.count(self.entries()[1], first, stop, threshold)

    def counts(self, first: int, stop: int, edges: Array) -> Int64s:
        """The counts of `count` for each of some ascending edges.

        As fast as `LazyBlockCounts.counts`.
        """
        return self._block_counts.counts(self.entries()[1], first, stop, edges)

    def with_later(self, rows: Int64s, sort_keys: Array, beyond: float = -inf) -> "Later":
        """This level and the later rows that reach its edge, which are written in place if there is room.

        Only one writer at a time may call this, and only for the newest level over these arrays.

        Args:
            rows: the rows after those of the level, ascending.
            sort_keys: their sort keys.
            beyond: the greatest sort key of later rows that are left out, because they do not reach a lower edge.

        Amortised O(k) for k rows.
        """
        entering, below = parted(sort_keys, self.edge)
        below, number = max(self.below, below, beyond), len(entering)
        rows, sort_keys = rows.take(entering), sort_keys.take(entering)
        if not number:
            return Later(self._next(below, self.least, self._used()), rows, sort_keys, below)
        least = min(self.least, sort_keys.min().item())
        old_rows, old_sort_keys, length = self._used()
        stop = length + number
        capacity = roomy(len(old_rows), stop, self._sizes.reserved)
        room = with_room(old_rows, length, stop, capacity)
        sort_key_room = with_room(old_sort_keys, length, stop, capacity)
        sort_key_room[length:stop] = sort_keys
        room[length:stop] = rows
        return Later(self._next(below, least, (room, sort_key_room, stop)), rows, sort_keys, below)

    def _next(self, below: float, least: float, entries: tuple[Int32s, Array, int]) -> "Level":
        return Level(self.edge, below, least, entries, sizes=self._sizes, block_counts=self._block_counts)

    def corrected(self, rows: Int64s, sort_keys: Array) -> "Level":
        """This level with other sort keys of some rows, ascending. The first read of the level applies the correction.

        O(k) for k rows. If too many corrections wait already, they are applied first: O(r) for the r rows of the level.
        """
        entering, below = parted(sort_keys, self.edge)
        least = min([self.least, *sort_keys[entering].tolist()])
        waiting = self._waiting if self._entries is None else 0
        if waiting >= self._sizes.waiting_corrections:
            self._used()
            waiting = 0
        source = self, rows, sort_keys
        below = max(self.below, below)
        return Level(self.edge, below, least, None, sizes=self._sizes, source=source, waiting=waiting + 1)

    def _used(self) -> tuple[Int32s, Array, int]:
        entries = self._entries
        if entries is None:
            # Two readers may both apply the correction, with the same result. The later one may find it applied. This
            # is not a `once` value, because the level also drops its source.
            source = self._source
            if source is None:
                entries = self._entries
                assert entries is not None
                return entries
            entries = self._entries = _with_correction(self.edge, *source)
            self._source = None
        return entries

    def between_rows(self, low: int, high: int | None) -> "Level | None":
        """The level of the rows ``[low, high)``, renumbered from 0; None if it has none of them.

        It is over the same sort keys. If ``high`` is None, it is of all rows from ``low`` on, and keeps the room for
        later ones. Otherwise it has no room.

        O(r) for the r rows of the level; O(log r) if ``low`` is 0.
        """
        rows, sort_keys, length = self._used()
        first = int(rows[:length].searchsorted(np.int32(low)))
        stop = length if high is None else int(rows[:length].searchsorted(np.int32(high)))
        if first == stop:
            return None
        kept = slice(first, None if high is None else stop)
        own = rows[kept]
        if low:
            own = copied(own, stop - first)
            own[: stop - first] -= np.int32(low)
        return Level(self.edge, self.below, self.least, (own, sort_keys[kept], stop - first), sizes=self._sizes)

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included. While a correction waits, the level that it corrects counts too."""
        entries, source = self._entries, self._source
        if entries is None and source is not None:
            level, changed, changed_sort_keys = source
            return level.nbytes() + changed.nbytes + changed_sort_keys.nbytes
        rows, sort_keys, _ = self._used()
        return held_nbytes(rows) + held_nbytes(sort_keys) + self._block_counts.nbytes()

    def check(self, sort_keys: Array) -> None:
        """Assert every invariant, by the sort keys of all covered rows."""
        rows, own = self.entries()
        assert np.array_equal(rows, (sort_keys >= self.edge).nonzero()[0]), (
            "a level has other rows than those at or above its edge"
        )
        assert (own == sort_keys[rows]).all(), "a level has other sort keys than the column"
        assert not len(own) or own.min() >= self.least
        outside = sort_keys[sort_keys < self.edge]
        assert not len(outside) or outside.max() <= self.below


def parted(sort_keys: Array, edge: Any) -> tuple[Int64s, float]:
    """The positions of the sort keys at or above an edge, ascending, and the greatest of the others.

    Missing values are among neither; minus infinity if there are no others.

    >>> [found.tolist() for found in map(np.array, parted(np.array([1.0, 5.0, np.nan]), 2.0))]
    [[1], 1.0]
    """
    entering: Int64s = (sort_keys >= edge).nonzero()[0]
    if len(entering) == len(sort_keys):
        return entering, -inf
    # To overwrite some in a copy takes a third of the time of a selection by a mask.
    rest, kind = sort_keys.copy(), sort_keys.dtype.kind
    rest[entering] = -inf if kind == "f" else False if kind == "b" else np.iinfo(rest.dtype).min
    below = np.fmax.reduce(rest).item()
    return entering, -inf if isnan(below) else below


def _with_correction(edge: Any, level: Level, changed: Int64s, sort_keys: Array) -> tuple[Int32s, Array, int]:
    """The entries of a level with other sort keys of some rows."""
    rows, own = level.entries()
    changed_rows = changed.astype(np.int32)
    was_here, places = find(rows, changed_rows)
    stays = np.ones(len(rows), dtype=np.bool_)
    stays[places[was_here]] = False
    rows, own = rows[stays], own[stays]
    enters = sort_keys >= edge
    new_rows = changed_rows[enters]
    entered = rows.searchsorted(new_rows)
    return np.insert(rows, entered, new_rows), np.insert(own, entered, sort_keys[enters]), len(rows) + len(new_rows)
