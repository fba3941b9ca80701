"""Matches: the rows of a window at or above a threshold, counted exactly and read only as far as is asked.

The rows of the base are in a few stretches, in time order: those that a level holds, and those behind the value index.
Dead
ones are among them; those of the head are beside.
"""

from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Int64s
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.plan import SHORTCUTS
from bucketquery.search.window import Window
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import NO_ROWS
from bucketquery.value_index.value_index import ValueIndex

#: Rows of the base; those of a level take half the bytes.
BaseRows = Array

#: A window of fewer rows is compared as quickly as a value index is asked.
_FEW_ROWS: Final = 1024

#: The first look for some matches is at so many times as many rows, and at so many at least.
_PER_MATCH: Final = 4
_SMALLEST_LOOK: Final = 256


class MatchRun(NamedTuple):
    """Some rows of the base in time order, those that match among them.

    Attributes:
        first: the row of the first entry, where the entries are all rows from there on.
        length: how many entries there are.
        matched: how many of them match.
        rows: the rows of the entries; None where they are all from ``first`` on.
        scores: their scores; None where all match.
    """

    first: int
    length: int
    matched: int
    rows: BaseRows | None
    scores: Array | None

    def matching(self, first: int, stop: int, threshold: float | None) -> BaseRows:
        """The rows of the entries from ``first`` on and before ``stop`` that match."""
        if self.scores is None:
            return np.arange(first, stop) + self.first if self.rows is None else self.rows[first:stop]
        entries = (self.scores[first:stop] >= threshold).nonzero()[0]
        return entries + (self.first + first) if self.rows is None else self.rows[first:stop][entries]


class Matches:
    """The rows of a window that match a question's threshold; all of them if it has none.

    Attributes:
        window: where they are.
        threshold: the lowest score that matches, or None.
        head: those of the head, as it numbers them.
        deleted: those of the base that would match, were they not deleted.
        count: how many match.
        levels: the edges of the levels that were read.
        rows_read: how many rows were compared to count them.
    """

    __slots__ = ("_runs", "count", "deleted", "head", "levels", "rows_read", "threshold", "window")

    def __init__(self, window: Window, resolved: ResolvedQuery) -> None:
        view, threshold = window.view, resolved.threshold
        self.window = window
        self.threshold = threshold
        self.levels: tuple[float, ...] = ()
        self.rows_read = 0
        self.head = NO_ROWS
        self.deleted = window.deleted
        low, high = window.base.start, window.base.stop
        if window.head.start < window.head.stop:
            self.head = np.arange(window.head.start, window.head.stop)
        if threshold is None:
            self._runs = [MatchRun(low, high - low, high - low, None, None)]
            self.count = window.length
            return
        name = view.base.schema.score
        if len(self.head):
            self.head = self.head[view.head.column(name)[window.head] >= threshold]
        if len(self.deleted):
            self.deleted = self.deleted[view.base.columns[name][self.deleted] >= threshold]
        self._runs = self._with_scores(view.base, low, high, threshold)
        self.count = len(self.head) - len(self.deleted)
        for run in self._runs:
            self.count += run.matched

    def _with_scores(self, base: Segment, low: int, high: int, threshold: float) -> list[MatchRun]:
        # Not what lies behind its rows: a newer segment has those elsewhere, once there was no more room.
        scores = base.column(base.schema.score)
        runs = []
        if high - low > _FEW_ROWS and "levels" in SHORTCUTS:
            value_index = base.value_index(base.schema.score, desc=True)
            if value_index is not None and low < value_index.covered:
                stop = min(high, value_index.covered)
                runs.append(self._known(value_index, low, stop, scores, threshold))
                low = stop
        if low < high:
            own = scores[low:high]
            runs.append(MatchRun(low, high - low, int(np.count_nonzero(own >= threshold)), None, own))
            self.rows_read += high - low
        return runs

    def _known(self, value_index: ValueIndex, low: int, high: int, scores: Array, threshold: float) -> MatchRun:
        """Those that a value index knows, by the sparsest level that has them all."""
        level = value_index.serving(threshold)
        if level is None:
            self.rows_read += high - low
            count = value_index.block_counts.count(scores, low, high, threshold)
            return MatchRun(low, high - low, count, None, scores[low:high])
        first, rows, sort_keys = level.between(low, high)
        length = len(rows)
        self.levels = (float(level.edge),)
        if threshold <= level.least:
            # No entry is below it.
            return MatchRun(first, length, length, rows, None)
        self.rows_read += length
        return MatchRun(first, length, level.count(first, first + length, threshold), rows, sort_keys)

    def first(self, need: int, *, desc: bool) -> BaseRows:
        """The first ``need`` rows of the base that match and live, or for ``desc`` the last; ascending either way.

        All if there are fewer. It reads about need / (share that matches) rows. If no value is compared and no row is
        deleted, it returns a view: O(1).
        """
        if len(self._runs) == 1 and not len(self.deleted):
            (run,) = self._runs
            if run.scores is None and run.rows is not None:
                # Nothing is compared and nothing left out.
                return run.rows[max(0, run.length - need) :] if desc else run.rows[:need]
        found: list[BaseRows] = []
        for run in reversed(self._runs) if desc else self._runs:
            looked = 0
            step = need if run.scores is None else max(_SMALLEST_LOOK, _PER_MATCH * need)
            while need > 0 and looked < run.length:
                step = min(step, run.length - looked)
                first = run.length - looked - step if desc else looked
                rows = self.alive(run.matching(first, first + step, self.threshold))
                looked += step
                if run.scores is not None:
                    self.rows_read += step
                step *= 2
                if len(rows) > need:
                    rows = rows[len(rows) - need :] if desc else rows[:need]
                need -= len(rows)
                found.append(rows)
        if len(found) == 1:
            return found[0]
        return np.concatenate(found[::-1] if desc else found) if found else NO_ROWS

    def among(self, rows: BaseRows) -> BaseRows:
        """Those of some rows of the base in the window that match, and live."""
        if self.threshold is not None:
            base = self.window.view.base
            rows = rows[base.columns[base.schema.score][rows] >= self.threshold]
        return self.alive(rows)

    def alive(self, rows: BaseRows) -> BaseRows:
        """Those of some rows of the base that match which live."""
        if not len(self.deleted):
            return rows
        is_deleted, _ = find(self.deleted, rows)
        return rows[~is_deleted]

    def with_head(self, rows: BaseRows, head: Int64s) -> BaseRows:
        """Some rows of the base, ascending, and of the head in one, in time order."""
        view = self.window.view
        return np.insert(rows, rows.searchsorted(view.head_places[head]), head + view.base.length)

    def page(self, first: int, last: int, *, desc: bool) -> BaseRows:
        """The matches ``[first, last)`` in time order, or for ``desc`` from the last one backwards."""
        rows = self.first(last, desc=desc)
        if len(self.head):
            rows = self.with_head(rows, self.head)
        return rows[::-1][first:last] if desc else rows[first:last]
