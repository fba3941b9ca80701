"""Matches: the rows of a window at or above a threshold, counted exactly and read only as far as is asked.

The rows of the base are in a few stretches, in time order: those that a rung holds, and those behind the ladder. Dead
ones are among them; those of the head are beside.
"""

from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Int64s
from bucketquery.queries.resolved import Question
from bucketquery.search.plan import SHORTCUTS
from bucketquery.search.window import Window
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import NO_ROWS
from bucketquery.value_index.value_index import Ladder

#: Rows of the base; those of a rung take half the bytes.
Rows = Array

#: A window of fewer rows is compared as quickly as a ladder is asked.
_FEW_ROWS: Final = 1024

#: The first look for some matches is at so many times as many rows, and at so many at least.
_PER_MATCH: Final = 4
_SMALLEST_LOOK: Final = 256


class Stretch(NamedTuple):
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
    rows: Rows | None
    scores: Array | None

    def matching(self, first: int, stop: int, threshold: float | None) -> Rows:
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
        dead: those of the base that would match, were they not dead.
        count: how many match.
        rungs: the edges of the rungs that were read.
        looked_at: how many rows were compared to count them.
    """

    __slots__ = ("_stretches", "count", "dead", "head", "looked_at", "rungs", "threshold", "window")

    def __init__(self, window: Window, question: Question) -> None:
        view, threshold = window.view, question.threshold
        self.window = window
        self.threshold = threshold
        self.rungs: tuple[float, ...] = ()
        self.looked_at = 0
        self.head = NO_ROWS
        self.dead = window.dead
        low, high = window.base.start, window.base.stop
        if window.head.start < window.head.stop:
            self.head = np.arange(window.head.start, window.head.stop)
        if threshold is None:
            self._stretches = [Stretch(low, high - low, high - low, None, None)]
            self.count = window.length
            return
        name = view.base.schema.score
        if len(self.head):
            self.head = self.head[view.head.column(name)[window.head] >= threshold]
        if len(self.dead):
            self.dead = self.dead[view.base.columns[name][self.dead] >= threshold]
        self._stretches = self._with_scores(view.base, low, high, threshold)
        self.count = len(self.head) - len(self.dead)
        for stretch in self._stretches:
            self.count += stretch.matched

    def _with_scores(self, base: Segment, low: int, high: int, threshold: float) -> list[Stretch]:
        # Not what lies behind its rows: a newer segment has those elsewhere, once there was no more room.
        scores = base.column(base.schema.score)
        stretches = []
        if high - low > _FEW_ROWS and "rungs" in SHORTCUTS:
            ladder = base.ladder(base.schema.score, desc=True)
            if ladder is not None and low < ladder.covered:
                stop = min(high, ladder.covered)
                stretches.append(self._known(ladder, low, stop, scores, threshold))
                low = stop
        if low < high:
            own = scores[low:high]
            stretches.append(Stretch(low, high - low, int(np.count_nonzero(own >= threshold)), None, own))
            self.looked_at += high - low
        return stretches

    def _known(self, ladder: Ladder, low: int, high: int, scores: Array, threshold: float) -> Stretch:
        """Those that a ladder knows, by the sparsest rung that has them all."""
        rung = ladder.serving(threshold)
        if rung is None:
            self.looked_at += high - low
            count = ladder.counter.count(scores, low, high, threshold)
            return Stretch(low, high - low, count, None, scores[low:high])
        first, rows, merits = rung.between(low, high)
        length = len(rows)
        self.rungs = (float(rung.edge),)
        if threshold <= rung.least:
            # No entry is below it.
            return Stretch(first, length, length, rows, None)
        self.looked_at += length
        return Stretch(first, length, rung.count(first, first + length, threshold), rows, merits)

    def first(self, need: int, *, desc: bool) -> Rows:
        """The first ``need`` rows of the base that match and live, or for ``desc`` the last; ascending either way.

        All if there are fewer. It reads about need / (share that matches) rows. If no value is compared and no row is
        deleted, it returns a view: O(1).
        """
        if len(self._stretches) == 1 and not len(self.dead):
            (stretch,) = self._stretches
            if stretch.scores is None and stretch.rows is not None:
                # Nothing is compared and nothing left out.
                return stretch.rows[max(0, stretch.length - need) :] if desc else stretch.rows[:need]
        found: list[Rows] = []
        for stretch in reversed(self._stretches) if desc else self._stretches:
            looked = 0
            step = need if stretch.scores is None else max(_SMALLEST_LOOK, _PER_MATCH * need)
            while need > 0 and looked < stretch.length:
                step = min(step, stretch.length - looked)
                first = stretch.length - looked - step if desc else looked
                rows = self.alive(stretch.matching(first, first + step, self.threshold))
                looked += step
                if stretch.scores is not None:
                    self.looked_at += step
                step *= 2
                if len(rows) > need:
                    rows = rows[len(rows) - need :] if desc else rows[:need]
                need -= len(rows)
                found.append(rows)
        if len(found) == 1:
            return found[0]
        return np.concatenate(found[::-1] if desc else found) if found else NO_ROWS

    def among(self, rows: Rows) -> Rows:
        """Those of some rows of the base in the window that match, and live."""
        if self.threshold is not None:
            base = self.window.view.base
            rows = rows[base.columns[base.schema.score][rows] >= self.threshold]
        return self.alive(rows)

    def alive(self, rows: Rows) -> Rows:
        """Those of some rows of the base that match which live."""
        if not len(self.dead):
            return rows
        is_dead, _ = find(self.dead, rows)
        return rows[~is_dead]

    def with_head(self, rows: Rows, head: Int64s) -> Rows:
        """Some rows of the base, ascending, and of the head in one, in time order."""
        view = self.window.view
        return np.insert(rows, rows.searchsorted(view.head_places()[head]), head + view.base.length)

    def page(self, first: int, last: int, *, desc: bool) -> Rows:
        """The matches ``[first, last)`` in time order, or for ``desc`` from the last one backwards."""
        rows = self.first(last, desc=desc)
        if len(self.head):
            rows = self.with_head(rows, self.head)
        return rows[::-1][first:last] if desc else rows[first:last]
