"""NumPy, ordered: the columns of NumPy, and an order by score of all but the newest rows.

A change of an old score drops the order. The order is an index, written by hand. It shows what such a structure can
reach for one column of one job and one writer.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.peers import numpy_arrays
from benchmarks.peers.numpy_arrays import Array, Rows, largest, smallest
from benchmarks.workloads import Columns, Document, ResolvedQuery

Scores = npt.NDArray[np.float64]

#: The newest rows, which are often written again, stay out of the order and are compared one by one.
_NEWEST: Final = 1_024
#: The order is made again once more rows than this are outside it.
_MAX_UNORDERED: Final = 16_384
#: A changed score makes the order useless. It is made again after this many questions that could have used it.
_MIN_MISSES: Final = 32
#: It is quicker to compare a window of fewer rows than to use the order.
_MIN_ROWS: Final = 32_768


class Ranks:
    """All rows but the newest, in order of score and time. Made by the first question that can use it."""

    def __init__(self) -> None:
        self._length = 0
        self._missed = _MIN_MISSES

    def forget(self, row: int = 0) -> None:
        """Drop the order if it covers this row, whose score has changed."""
        if row < self._length:
            self._length = self._missed = 0

    def is_ready(self, scores: Scores) -> bool:
        """Whether the order can be used. Makes it if that is due."""
        if self._length > 0 and len(scores) - self._length <= _MAX_UNORDERED:
            return True
        if not self._length and self._missed < _MIN_MISSES:
            self._missed += 1
            return False
        self._length = max(0, len(scores) - _NEWEST)
        self._rows = scores[: self._length].argsort(kind="stable").astype(np.int32)
        self._scores = scores[self._rows]
        return self._length > 0

    def count(self, scores: Scores, threshold: float, low: int, high: int) -> int | None:
        """The number of rows of a window that match; None if it is quicker to compare the window."""
        first = int(self._scores.searchsorted(threshold))
        if low == 0 and high >= self._length:
            old = self._length - first
        elif 32 * (self._length - first) > high - low:
            return None
        else:
            old = int(np.count_nonzero(self._is_within(self._rows[first:], low, high)))
        return old + int(np.count_nonzero(scores[max(low, self._length) : high] >= threshold))

    def matching(self, scores: Scores, threshold: float, low: int, high: int) -> Array | None:
        """The rows of a window that match, in no order; None if it is quicker to compare the window."""
        first = int(self._scores.searchsorted(threshold))
        if 32 * (self._length - first) > high - low:
            return None
        rows = self._rows[first:]
        if low > 0 or high < self._length:
            rows = rows[self._is_within(rows, low, high)]
        begin = max(low, self._length)
        newest = (scores[begin:high] >= threshold).nonzero()[0]
        return np.concatenate((rows, newest + begin)) if len(newest) else rows

    @staticmethod
    def _is_within(rows: npt.NDArray[np.int32], low: int, high: int) -> npt.NDArray[np.bool_]:
        # One comparison instead of two: as unsigned numbers, the rows before the window become very large.
        within: npt.NDArray[np.bool_] = (rows - low).view(np.uint32) < high - low
        return within

    def best(self, scores: Scores, need: int, *, desc: bool) -> Array | None:
        """The first ``need`` rows by score, ties in the same direction; None if the order has fewer rows."""
        if need > self._length:
            return None
        rows = self._rows[: -need - 1 : -1] if desc else self._rows[:need]
        bound = scores[rows[-1]]
        newest = scores[self._length :]
        # Of equal scores the newest come first in descending order, and last in ascending order.
        better = (newest >= bound if desc else newest < bound).nonzero()[0]
        if not len(better):
            return rows
        some = np.concatenate((rows, better + self._length))
        order = np.lexsort((some, scores[some]))
        return some[order[::-1] if desc else order][:need]

    def memory(self) -> int:
        """The bytes of the order and its scores; 0 if there is none."""
        return self._rows.nbytes + self._scores.nbytes if self._length else 0


class Store(numpy_arrays.Store):
    """The columns of the NumPy peer, and the order of their scores."""

    def load(self, columns: Columns) -> None:
        """Load the columns. The first question that can use the order makes it."""
        self._ranks = Ranks()
        super().load(columns)

    def _is_ranked(self, question: ResolvedQuery, low: int, high: int) -> bool:
        if high - low < _MIN_ROWS or not question.threshold > 0:
            return False
        return self._ranks.is_ready(self.columns["anomaly_score"])

    def _ranked(self, question: ResolvedQuery, low: int, high: int) -> Array | None:
        """The rows that match, in no order; None if it is quicker to compare the window."""
        if not self._is_ranked(question, low, high):
            return None
        rows = self._ranks.matching(self.columns["anomaly_score"], question.threshold, low, high)
        return rows[self.columns["final"][rows]] if rows is not None and question.final_only else rows

    def _ranked_count(self, question: ResolvedQuery, low: int, high: int) -> int | None:
        """The number of rows that match; None if the window has to be compared."""
        if question.final_only or not self._is_ranked(question, low, high):
            return None
        return self._ranks.count(self.columns["anomaly_score"], question.threshold, low, high)

    def _counting(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, compare = self._windowing(question), super()._counting(question)

        def count() -> tuple[int, Rows]:
            known = self._ranked_count(question, *window())
            return compare() if known is None else (known, slice(0, 0))

        return count

    def _filtering(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, compare = self._windowing(question), super()._filtering(question)
        first, last, desc = question.from_, question.from_ + question.size, question.desc

        def filtered() -> tuple[int, Rows]:
            low, high = window()
            known = self._ranked_count(question, low, high)
            # If many rows match, those of a page are close to the window's end.
            if known is not None and 4 * known * known > last * (high - low):
                scores = self.columns["anomaly_score"][low:high]
                if desc:
                    return known, high - 1 - first_at_least(scores[::-1], question.threshold, last)[first:]
                return known, first_at_least(scores, question.threshold, last)[first:] + low
            rows = self._ranked(question, low, high)
            return compare() if rows is None else (len(rows), first_rows(rows, last, desc=desc)[first:])

        return filtered

    def _ordering(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, compare = self._windowing(question), super()._ordering(question)
        first, last, desc = question.from_, question.from_ + question.size, question.desc
        every = not (question.threshold > 0 or question.final_only)

        def ordered() -> tuple[int, Rows]:
            low, high = window()
            if not every:
                found = self._ranked(question, low, high)
                if found is None:
                    return compare()
                rows = np.sort(found)
                choose = largest if desc else smallest
                return len(rows), rows[choose(self.columns[question.sort][rows], last)[first:]]
            scores = self.columns["anomaly_score"]
            if high - low < self.length or question.sort != "anomaly_score" or not self._ranks.is_ready(scores):
                return compare()
            best = self._ranks.best(scores, last, desc=desc)
            return compare() if best is None else (high - low, best[first:])

        return ordered

    def replace(self, document: Document) -> None:
        """Replace the row; drop the order if it covers the row."""
        super().replace(document)
        self._ranks.forget(int(self.columns["timestamp"].searchsorted(np.int64(document["timestamp"]))))

    def rescore(self, columns: Columns) -> None:
        """Scatter the scores; drop the order."""
        super().rescore(columns)
        self._ranks.forget()

    def memory(self) -> int:
        """The bytes of the arrays, and of the order of scores once there is one."""
        return super().memory() + self._ranks.memory()


def first_at_least(scores: Array, threshold: float, need: int) -> npt.NDArray[np.intp]:
    """The positions of the first ``need`` scores that match. Compares a prefix that grows until it has them."""
    prefix = 16 * need
    while True:
        found: npt.NDArray[np.intp] = (scores[:prefix] >= threshold).nonzero()[0]
        if len(found) >= need or prefix >= len(scores):
            return found[:need]
        prefix *= 8


def first_rows(rows: Array, need: int, *, desc: bool) -> Array:
    """The first ``need`` rows in order of time."""
    if len(rows) > 4 * need:
        rows = np.partition(rows, len(rows) - need)[-need:] if desc else np.partition(rows, need - 1)[:need]
    rows = np.sort(rows)
    return (rows[::-1] if desc else rows)[:need]
