"""Value indexes: a column's rows by value, to find the greatest, or all at or above a threshold.

A level holds the rows whose value is at or above its edge, in time order, with their values. Each level has about a
quarter of the rows of the one before it. So most thresholds have a level with at most about four times the rows that
match. The first rows of an order are in the sparsest level that has enough rows of the window.

Rows are compared by sort key: the value, negated if the least come first. So the code has one direction only.

A value index is immutable to readers, and covers the first rows of a segment. A reader compares the few rows after
them one by one. No level has rows with missing values.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bucketquery.arrays.sorted_arrays import FEW_EDGES, sampled
from bucketquery.model.schema import Array, Bools, Int64s
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.value_index.block_counts import LazyBlockCounts
from bucketquery.value_index.level import Level, parted

_MOST_ROWS: Final = 2**31
#: A value index is rebuilt once about N / 2 times its rows have come and gone.
_TIMES_RENEWED: Final = 4


class ValueIndex:
    """The levels of a column, for one direction.

    Attributes:
        covered: the number of rows that it covers.
        best: no covered row has a greater sort key; None if all values are missing.
        is_tied: whether more than half of the rows had the best sort key when it was made. Then there are no levels,
            since a short look along the rows finds enough of them.
        levels: the densest first.
        block_counts: counts the covered rows, for thresholds that no level serves.
    """

    __slots__ = ("_belows", "_made_of", "_sizes", "best", "block_counts", "covered", "is_tied", "levels")

    def __init__(
        self,
        covered: int,
        best: Any,
        levels: Sequence[Level],
        made_of: int,
        *,
        is_tied: bool,
        sizes: Sizes,
        block_counts: LazyBlockCounts | None = None,
    ) -> None:
        self._sizes = sizes
        self.covered = covered
        self.best = best
        self.levels = levels
        self._belows = [level.below for level in levels]
        self.is_tied = is_tied
        self.block_counts = block_counts or LazyBlockCounts(sizes)
        self._made_of = made_of

    @classmethod
    def of(cls, sort_keys: Array, marks: Sequence[float] = (), sizes: Sizes = DEFAULT_SIZES) -> "ValueIndex":
        """The value index of a column.

        Args:
            sort_keys: shape (n,), numbers, NaN if missing.
            marks: frequent thresholds; each becomes the edge of a level.
            sizes: the sizes of levels and block counts.

        Complexity: O(n): a few passes over the column, and fewer over each level.
        """
        assert len(sort_keys) < _MOST_ROWS, "rows of a level are numbered in 32 bits"
        length = len(sort_keys)
        best = np.fmax.reduce(sort_keys) if length else None
        if best is None or np.isnan(best):
            return cls(length, None, (), length, is_tied=False, sizes=sizes)
        if 2 * np.count_nonzero(sort_keys == best) > length:
            return cls(length, best, (), length, is_tied=True, sizes=sizes)
        return cls(length, best, tuple(_levels(sort_keys, marks, sizes)), length, is_tied=False, sizes=sizes)

    def serving(self, threshold: Any) -> Level | None:
        """The sparsest level that has all rows whose sort key is at least ``threshold``; None if no level has."""
        at = bisect_left(self._belows, threshold)
        return self.levels[at - 1] if at else None

    def counts(self, sort_keys: Array, low: int, high: int, edges: Array) -> Int64s:
        """For each of some ascending edges the number of covered rows in ``[low, high)`` with at least this sort key.

        Args:
            sort_keys: the sort keys of the covered rows, and perhaps of others after them.
            low: the first row.
            high: the row after the last.
            edges: shape (k,), ascending.

        It counts in each level that serves some edges; a short level serves those of the sparser ones too.
        """
        counts = np.empty(len(edges), dtype=np.int64)
        # As `serving` finds it: the number of the level, plus one, for each edge.
        served = np.array(self._belows, dtype=np.float64).searchsorted(edges)
        numbers, at = np.unique(served, return_index=True)
        for number, start, stop in zip(numbers.tolist(), at.tolist(), [*at[1:].tolist(), len(edges)], strict=True):
            own = edges[start:stop]
            if not number:
                counts[start:stop] = self.block_counts.counts(sort_keys, low, high, own)
                continue
            level = self.levels[number - 1]
            first, rows, _ = level.between(low, high)
            if len(rows) <= self._sizes.compared_values and len(edges) - start > FEW_EDGES:
                # Sorting these entries once takes less time than sorting those of each sparser level too.
                counts[start:] = level.counts(first, first + len(rows), edges[start:])
                break
            counts[start:stop] = level.counts(first, first + len(rows), own)
        return counts

    def with_later(self, sort_keys: Array) -> "ValueIndex":
        """The value index of the covered rows and later ones.

        Only one writer at a time may call this, and only for the newest value index over these arrays.

        Args:
            sort_keys: the sort keys of the rows after the covered ones.

        Complexity: O(k) amortised for k rows and each level.
        """
        rows = np.arange(self.covered, self.covered + len(sort_keys))
        levels, entering, beyond = list[Level](), sort_keys, -math.inf
        for level in self.levels:
            # The rows that reach the edge of a level are among those that reach a lower one.
            following, rows, entering, beyond = level.with_later(rows, entering, beyond)
            levels.append(following)
        best = None if self.best is None else np.fmax.reduce(sort_keys, initial=self.best)
        return self._next(self.covered + len(sort_keys), sort_keys, best, levels, self.block_counts)

    def corrected(self, rows: Int64s, sort_keys: Array) -> "ValueIndex | None":
        """The value index with other sort keys of some rows, ascending; None if it must be rebuilt.

        Complexity: O(k) for k rows and each level. O(r + k) more for each level of r rows when it is read, or at once
        if too many corrections wait already.
        """
        if self.best is None or len(rows) > self._made_of // self._sizes.level_step:
            return None
        known = slice(0, int(rows.searchsorted(self.covered)))
        rows, sort_keys = rows[known], sort_keys[known]
        best = np.fmax.reduce(sort_keys, initial=self.best)
        return self._next(
            self.covered, sort_keys, best, [level.corrected(rows, sort_keys) for level in self.levels], None
        )

    def between_rows(self, low: int, high: int | None) -> "ValueIndex | None":
        """The value index of the rows ``[low, high)``, renumbered from 0; None if it must be rebuilt.

        If ``high`` is None, it is the value index of all rows from ``low`` on, and later ones can be added in place.
        Otherwise the next addition copies the levels, so the rows that other value indexes have stay as they are.

        O(r) for the r rows of all levels; O(log r) for each level if ``low`` is 0.
        """
        covered = (self.covered if high is None else min(self.covered, high)) - low
        if covered <= 0 or self.best is None:
            return None
        # The bounds of a level and the best sort key hold for fewer rows too.
        parts = [level.between_rows(low, high) for level in self.levels]
        levels = [part for part in parts if part is not None]
        # An index of rows that come and go is rebuilt after some time, since its levels may no longer suit the column.
        made_of = max(self._made_of + (covered - self.covered) // _TIMES_RENEWED, 0)
        return ValueIndex(covered, self.best, levels, made_of, is_tied=self.is_tied, sizes=self._sizes)

    def _next(
        self, covered: int, sort_keys: Array, best: Any, levels: Sequence[Level], block_counts: LazyBlockCounts | None
    ) -> "ValueIndex":
        if self.best is None and len(sort_keys) and not np.isnan(sort_keys).all():
            # No covered row has a value.
            best = np.fmax.reduce(sort_keys)
        made_of, is_tied, sizes = self._made_of, self.is_tied, self._sizes
        return ValueIndex(covered, best, levels, made_of, is_tied=is_tied, sizes=sizes, block_counts=block_counts)

    @property
    def is_outgrown(self) -> bool:
        """Whether its rows have doubled since it was made, so that its levels no longer suit the column."""
        return self.covered > 2 * self._made_of

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included."""
        return self.block_counts.nbytes() + sum(level.nbytes() for level in self.levels)

    def check(self, sort_keys: Array) -> None:
        """Assert every invariant, by the sort keys of all rows of the column."""
        known = sort_keys[: self.covered]
        assert len(known) == self.covered
        valued = known[~np.isnan(known)]
        assert not len(valued) or (self.best is not None and valued.max() <= self.best)
        for level in self.levels:
            level.check(known)
        assert not self.is_tied or not self.levels
        edges = [level.edge for level in self.levels]
        assert edges == sorted(set(edges)), "levels out of order"


def sort_keys_of(values: Array, *, desc: bool) -> Array:
    """The sort keys of a column's values: the greatest comes first. For ``desc`` the array itself, else a copy.

    >>> sort_keys_of(np.array([3, 5]), desc=False).tolist()
    [-4, -6]
    """
    if desc:
        return values
    # ~ reverses the order of integers without overflow.
    return -values if values.dtype.kind == "f" else ~values


def _levels(sort_keys: Array, marks: Sequence[float], sizes: Sizes) -> list[Level]:
    """The levels of sort keys, the densest first. At least one sort key is not missing.

    The level of a mark takes the place of one that is hardly denser.
    """
    levels: list[Level] = []
    target = len(sort_keys) // sizes.level_step
    level = _densest(sort_keys, target, sizes)
    waiting = [mark for mark in marks if level is None or mark > level.edge]
    while level is not None:
        if waiting and level.edge not in marks:
            marked = _at_or_above(level, waiting[0], sizes)
            if marked is not None and len(marked) > sizes.level_share * len(level):
                level = marked
                waiting.pop(0)
        levels.append(level)
        while target > sizes.level_share * len(level):
            target //= sizes.level_step
        following = _sparser(level, target, sizes) if target >= sizes.level_rows else None
        while waiting and (following is None or waiting[0] < following.edge):
            marked = _at_or_above(level, waiting.pop(0), sizes)
            if marked is not None and len(marked) < len(level):
                following = marked
                break
        level = following
    return levels


def _densest(sort_keys: Array, target: int, sizes: Sizes) -> Level | None:
    """The densest level, of about ``target`` rows; None if no row is above the least sort key.

    If half of the rows or more have the least sort key or none, the level has all other rows.
    """
    worst = np.fmin.reduce(sort_keys)
    enters = sort_keys > worst
    if 2 * np.count_nonzero(enters) > len(sort_keys):
        known = sort_keys[~np.isnan(sort_keys)]
        sample = np.sort(sampled(known, sizes.sampled_values))
        edge = sample[-max(1, len(sample) * target // len(known))]
        if edge == worst:
            return _taken(sort_keys, enters, sizes)
        enters = sort_keys >= edge
        if np.count_nonzero(enters) > 2 * target + sizes.level_rows:
            # Very many rows have the value of the edge, so leave them out.
            enters = sort_keys > edge
    return _taken(sort_keys, enters, sizes)


def _taken(sort_keys: Array, enters: Bools, sizes: Sizes) -> Level | None:
    own = sort_keys.take(enters.nonzero()[0])
    if not len(own):
        return None
    edge = own.min()
    rows, below = parted(sort_keys, edge)
    return Level.of(edge, below, rows, own, sizes)


def _sparser(level: Level, target: int, sizes: Sizes) -> Level | None:
    """A level of about ``target`` rows of another level; None if ties leave none."""
    _, sort_keys = level.entries()
    sample = sampled(sort_keys, sizes.sampled_values)
    at = len(sample) - max(1, len(sample) * target // len(sort_keys))
    edge = np.partition(sample, at)[at]
    found = _at_or_above(level, edge, sizes)
    if found is None or len(found) <= sizes.level_share * len(level):
        return found
    above = sort_keys[sort_keys > edge]
    return _at_or_above(level, above.min(), sizes) if len(above) else None


def _at_or_above(level: Level, edge: Any, sizes: Sizes) -> Level | None:
    """The level of those rows of a level that are at or above an edge; None if there are none."""
    rows, sort_keys = level.entries()
    entering, below = parted(sort_keys, edge)
    if not len(entering):
        return None
    below = max(below, level.below)
    return Level.of(sort_keys.dtype.type(edge), below, rows.take(entering), sort_keys.take(entering), sizes)
