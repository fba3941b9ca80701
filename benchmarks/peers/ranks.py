"""Rows in order of their scores, kept beside columns: what a careful hand adds where scores are asked for often."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Rows = npt.NDArray[Any]

#: The newest rows are written again, and are looked at one by one; so may be as many as came since.
_NEWEST: Final = 1_024
_MOST: Final = 16_384
#: Scores that change here and there make it useless. It is made anew when that many questions could have used it.
_WORTH: Final = 32
#: Fewer rows are looked at sooner than this is asked.
FEWEST: Final = 32_768


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

    def matching(self, scores: Scores, threshold: float, low: int, high: int) -> Rows | None:
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

    def best(self, scores: Scores, need: int, *, desc: bool) -> Rows | None:
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
