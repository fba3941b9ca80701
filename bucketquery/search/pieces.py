"""Pieces: consecutive rows of one segment in a window, without the deleted ones, for answers that group results.

A window of a view has a piece of the base and one of the head. A result without a score counts as 0.0 here.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Bools, Float64s, Int64s
from bucketquery.search.lane_sizes import LaneSizes
from bucketquery.search.window import Window
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import NO_ROWS, View
from bucketquery.value_index.value_index import ValueIndex


class Piece(NamedTuple):
    """Some consecutive rows of a segment.

    Attributes:
        segment: the segment.
        first: the first row.
        stop: the row behind the last.
        deleted: those of these rows that are deleted, ascending.
        sizes: when each way to read the rows pays off.
    """

    segment: Segment
    first: int
    stop: int
    deleted: Int64s
    sizes: LaneSizes

    @property
    def length(self) -> int:
        """The number of rows, with the deleted ones."""
        return self.stop - self.first

    @property
    def rows(self) -> slice:
        """The rows, with the deleted ones."""
        return slice(self.first, self.stop)

    def part(self, first: int, stop: int) -> "Piece":
        """The rows of this piece in ``[first, stop)``."""
        low, high = max(first, self.first), min(stop, self.stop)
        deleted = self.deleted
        if len(deleted):
            deleted = deleted[deleted.searchsorted(low) : deleted.searchsorted(high)]
        return Piece(self.segment, low, max(low, high), deleted, self.sizes)

    def alive(self, rows: Array) -> Array:
        """The rows that are not deleted among some of its rows, ascending."""
        return rows[self.is_alive(rows)] if len(self.deleted) else rows

    def is_alive(self, rows: Array) -> Bools:
        """Which of some of its rows, ascending, are not deleted: O(r + d log r) for d deleted rows, or O(r log d)."""
        if len(rows) <= len(self.deleted):
            return ~find(self.deleted, rows)[0]
        alive = np.ones(len(rows), dtype=np.bool_)
        # With deleted rows of another dtype, NumPy would cast all rows.
        found, places = find(rows, self.deleted.astype(rows.dtype))
        alive[places[found]] = False
        return alive

    def live_rows(self) -> Int64s:
        """All rows that are not deleted."""
        rows = np.arange(self.first, self.stop)
        return np.delete(rows, self.deleted - self.first) if len(self.deleted) else rows

    def scores(self, rows: slice | Array) -> Float64s:
        """The scores of some rows; 0.0 if there is none."""
        scores: Float64s = self.segment.column(self.segment.schema.score)[rows]
        # The greatest is NaN if any is. This takes half the time of looking at each.
        has_missing = len(scores) > 0 and np.isnan(scores.max())
        return np.where(np.isnan(scores), 0.0, scores) if has_missing else scores

    def timestamps(self) -> Int64s:
        """The timestamps of the segment, as a view."""
        return self.segment.column("timestamp")

    def value_index(self) -> ValueIndex | None:
        """The value index of the scores; None if it would not pay."""
        if self.length <= self.sizes.few_rows:
            return None
        return self.segment.value_index(self.segment.schema.score, desc=True)

    def at_or_above(self, threshold: float) -> tuple[Array, Float64s]:
        """The rows at or above a positive threshold, and their scores.

        O(r) for the r rows of the sparsest level that has them all, and the rows that no value index covers.
        """
        rows, scores = self.segment.column("timestamp")[:0], np.empty(0)
        low = self.first
        index = self.value_index()
        level = None if index is None else index.serving(threshold)
        if index is not None and level is not None and low < index.covered:
            stop = min(self.stop, index.covered)
            _, rows, scores = level.between(low, stop)
            reached = (scores >= threshold).nonzero()[0]
            rows, scores = rows[reached], scores[reached]
            low = stop
        if low < self.stop:
            own = self.segment.column(self.segment.schema.score)[low : self.stop]
            reached = (own >= threshold).nonzero()[0]
            rows, scores = np.concatenate((rows, reached + low)), np.concatenate((scores, own[reached]))
        if len(self.deleted):
            alive = self.is_alive(rows)
            rows, scores = rows[alive], scores[alive]
        return rows, scores


def pieces_of(view: View, start: int, end: int, sizes: LaneSizes) -> Iterator[Piece]:
    """The pieces of a view that have rows in the window ``[start, end)``, epoch ms: of its base and of its head."""
    window = Window.of(view, start, end)
    base, head = window.base, window.head
    if base.stop - base.start > len(window.deleted):
        yield Piece(view.base, base.start, base.stop, window.deleted, sizes)
    if head.start < head.stop:
        yield Piece(view.head, head.start, head.stop, NO_ROWS, sizes)
