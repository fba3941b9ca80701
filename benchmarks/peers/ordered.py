"""NumPy by a hand that goes further: an order of scores beside the columns, kept as long as old scores stay.

Who writes this has written an index: it is what such a structure can reach for one column of one job and one writer.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.peers import arrays
from benchmarks.peers.arrays import Array, Rows, largest, smallest
from benchmarks.workloads import Columns, Document, ResolvedQuery

Scores = npt.NDArray[np.float64]

#: The newest rows are written again, and are looked at one by one; so may be as many as came since.
_NEWEST: Final = 1_024
_MOST: Final = 16_384
#: Scores that change here and there make it useless. It is made anew when that many questions could have used it.
_WORTH: Final = 32
#: Fewer rows are looked at sooner than this is asked.
_FEWEST: Final = 32_768


class Ranks:
    """All rows but the newest in order of score and time; made at the first question that can use it."""

    def __init__(self) -> None:
        self._length = 0
        self._missed = _WORTH

    def forget(self, row: int = 0) -> None:
        """A score at this row, or behind it, is another now."""
        if row < self._length:
            self._length = self._missed = 0

    def is_ready(self, scores: Scores) -> bool:
        """Whether it can be asked; it is made where that is due."""
        if self._length > 0 and len(scores) - self._length <= _MOST:
            return True
        if not self._length and self._missed < _WORTH:
            self._missed += 1
            return False
        self._length = max(0, len(scores) - _NEWEST)
        self._rows = scores[: self._length].argsort(kind="stable").astype(np.int32)
        self._scores = scores[self._rows]
        return self._length > 0

    def count(self, scores: Scores, threshold: float, low: int, high: int) -> int | None:
        """How many rows of a window match; None where it is quicker to look at the window."""
        first = int(self._scores.searchsorted(threshold))
        if low == 0 and high >= self._length:
            old = self._length - first
        elif 32 * (self._length - first) > high - low:
            return None
        else:
            old = int(np.count_nonzero(self._is_within(self._rows[first:], low, high)))
        return old + int(np.count_nonzero(scores[max(low, self._length) : high] >= threshold))

    def matching(self, scores: Scores, threshold: float, low: int, high: int) -> Array | None:
        """The rows of a window that match, in no order; None where it is quicker to look at the window."""
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
        # One comparison instead of two: what lies before the window becomes very large.
        within: npt.NDArray[np.bool_] = (rows - low).view(np.uint32) < high - low
        return within

    def best(self, scores: Scores, need: int, *, desc: bool) -> Array | None:
        """The first rows of all by score, ties in its direction; None where they are too few."""
        if need > self._length:
            return None
        rows = self._rows[: -need - 1 : -1] if desc else self._rows[:need]
        bound = scores[rows[-1]]
        newest = scores[self._length :]
        # Of equal ones the newest come first where it descends, and last where it ascends.
        better = (newest >= bound if desc else newest < bound).nonzero()[0]
        if not len(better):
            return rows
        some = np.concatenate((rows, better + self._length))
        order = np.lexsort((some, scores[some]))
        return some[order[::-1] if desc else order][:need]

    def memory(self) -> int:
        """The order and its scores, where they are made."""
        return self._rows.nbytes + self._scores.nbytes if self._length else 0


class Held(arrays.Held):
    """The same columns and the order of their scores."""

    def load(self, columns: Columns) -> None:
        """As without; the order is made when it is first of use."""
        self._ranks = Ranks()
        super().load(columns)

    def _is_ranked(self, question: ResolvedQuery, low: int, high: int) -> bool:
        if high - low < _FEWEST or not question.threshold > 0:
            return False
        return self._ranks.is_ready(self.columns["anomaly_score"])

    def _ranked(self, question: ResolvedQuery, low: int, high: int) -> Array | None:
        """The rows that match, in no order, where few do and it is known which."""
        if not self._is_ranked(question, low, high):
            return None
        rows = self._ranks.matching(self.columns["anomaly_score"], question.threshold, low, high)
        return rows[self.columns["final"][rows]] if rows is not None and question.final_only else rows

    def _ranked_count(self, question: ResolvedQuery, low: int, high: int) -> int | None:
        """How many rows match, where that is known without a look at each."""
        if question.final_only or not self._is_ranked(question, low, high):
            return None
        return self._ranks.count(self.columns["anomaly_score"], question.threshold, low, high)

    def _counting(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, look = self._windowing(question), super()._counting(question)

        def count() -> tuple[int, Rows]:
            known = self._ranked_count(question, *window())
            return look() if known is None else (known, slice(0, 0))

        return count

    def _filtering(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, look = self._windowing(question), super()._filtering(question)
        first, last, desc = question.from_, question.from_ + question.size, question.desc

        def filtered() -> tuple[int, Rows]:
            low, high = window()
            known = self._ranked_count(question, low, high)
            # Where many match, those of a page are close to the window's end.
            if known is not None and 4 * known * known > last * (high - low):
                scores = self.columns["anomaly_score"][low:high]
                if desc:
                    return known, high - 1 - first_at_least(scores[::-1], question.threshold, last)[first:]
                return known, first_at_least(scores, question.threshold, last)[first:] + low
            rows = self._ranked(question, low, high)
            return look() if rows is None else (len(rows), first_rows(rows, last, desc=desc)[first:])

        return filtered

    def _ordering(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, look = self._windowing(question), super()._ordering(question)
        first, last, desc = question.from_, question.from_ + question.size, question.desc
        every = not (question.threshold > 0 or question.final_only)

        def ordered() -> tuple[int, Rows]:
            low, high = window()
            if not every:
                found = self._ranked(question, low, high)
                if found is None:
                    return look()
                rows = np.sort(found)
                choose = largest if desc else smallest
                return len(rows), rows[choose(self.columns[question.sort][rows], last)[first:]]
            scores = self.columns["anomaly_score"]
            if high - low < self.length or question.sort != "anomaly_score" or not self._ranks.is_ready(scores):
                return look()
            best = self._ranks.best(scores, last, desc=desc)
            return look() if best is None else (high - low, best[first:])

        return ordered

    def replace(self, document: Document) -> None:
        """As without; where it is in the order, that is dropped."""
        super().replace(document)
        self._ranks.forget(int(self.columns["timestamp"].searchsorted(np.int64(document["timestamp"]))))

    def rescore(self, columns: Columns) -> None:
        """As without; the order is dropped."""
        super().rescore(columns)
        self._ranks.forget()

    def memory(self) -> int:
        """The arrays, and the order of scores once it is made."""
        return super().memory() + self._ranks.memory()


def first_at_least(scores: Array, threshold: float, need: int) -> npt.NDArray[np.intp]:
    """Where the first ``need`` of some scores are that match, none of which has been compared yet."""
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
