"""NumPy by careful hand-written code: sorted arrays with spare room, binary search, masks. Pages are row numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.workloads import FIELDS, Columns, Document, ResolvedQuery, Row

Array = npt.NDArray[Any]
Rows = slice | npt.NDArray[np.intp]


class Store:
    """Columns in order of time. A write changes them in place, so a reader beside it may see half of it."""

    def load(self, columns: Columns) -> None:
        """Copy the rows; sort them if they are not sorted."""
        timestamps = columns["timestamp"]
        self.length = len(timestamps)
        order: Any = slice(None) if (timestamps[1:] > timestamps[:-1]).all() else timestamps.argsort(kind="stable")
        self._room = {name: self._with_room(columns[name][order]) for name in FIELDS}
        self._room["final"] = ~self._room["is_interim"]
        self._set_columns()

    def _with_room(self, column: Array) -> Array:
        room = np.empty(self.length + self.length // 8 + 1_024, dtype=column.dtype)
        room[: self.length] = column
        return room

    def _set_columns(self) -> None:
        self.columns = {name: room[: self.length] for name, room in self._room.items()}

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        """A call for this one question. Its scalars have the types of the columns."""
        if question.by_time:
            return self._slicing(question)
        if question.sort != "timestamp":
            return self._ordering(question)
        return self._filtering(question) if question.size else self._counting(question)

    def _windowing(self, question: ResolvedQuery) -> Callable[[], tuple[int, int]]:
        # NumPy would make an array of a Python int at each search.
        start = None if question.start is None else np.int64(question.start)
        end = None if question.end is None else np.int64(question.end)

        def window() -> tuple[int, int]:
            timestamps = self.columns["timestamp"]
            low = 0 if start is None else int(timestamps.searchsorted(start))
            return low, self.length if end is None else int(timestamps.searchsorted(end))

        return window

    def _matching(self, question: ResolvedQuery, low: int, high: int) -> npt.NDArray[np.bool_]:
        if not question.threshold > 0:
            final: npt.NDArray[np.bool_] = self.columns["final"][low:high]
            return final
        mask: npt.NDArray[np.bool_] = self.columns["anomaly_score"][low:high] >= question.threshold
        if question.final_only:
            mask &= self.columns["final"][low:high]
        return mask

    def _slicing(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, first, last = self._windowing(question), question.from_, question.from_ + question.size

        def oldest_first() -> tuple[int, Rows]:
            low, high = window()
            return high - low, slice(low + first, min(low + last, high))

        def newest_first() -> tuple[int, Rows]:
            low, high = window()
            stop = max(low, high - last) - 1
            return high - low, slice(max(low, high - first) - 1, stop if stop >= 0 else None, -1)

        return newest_first if question.desc else oldest_first

    def _counting(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, nothing = self._windowing(question), slice(0, 0)

        def count() -> tuple[int, Rows]:
            return int(np.count_nonzero(self._matching(question, *window()))), nothing

        return count

    def _filtering(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, first, last = self._windowing(question), question.from_, question.from_ + question.size

        def filtered() -> tuple[int, Rows]:
            low, high = window()
            mask = self._matching(question, low, high)
            count = int(np.count_nonzero(mask))
            if question.desc:
                return count, high - 1 - first_true(mask[::-1], last)[first:]
            return count, first_true(mask, last)[first:] + low

        return filtered

    def _ordering(self, question: ResolvedQuery) -> Callable[[], tuple[int, Rows]]:
        window, first, last = self._windowing(question), question.from_, question.from_ + question.size
        every, desc = not (question.threshold > 0 or question.final_only), question.desc

        def ordered() -> tuple[int, Rows]:
            low, high = window()
            values = self.columns[question.sort][low:high]
            choose = largest if desc else smallest
            if not every:
                rows = self._matching(question, low, high).nonzero()[0] + low
                return len(rows), rows[choose(self.columns[question.sort][rows], last)[first:]]
            return high - low, choose(values, last)[first:] + low

        return ordered

    def keys(self, page: Rows) -> Sequence[int]:
        """The timestamps of row numbers."""
        timestamps: Sequence[int] = self.columns["timestamp"][page].tolist()
        return timestamps

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """Gather each column at the row numbers."""
        answer = self.prepare(question)

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            return count, list(zip(*(self.columns[name][page].tolist() for name in FIELDS), strict=True))

        return rows

    def append(self, document: Document) -> None:
        """Write into the spare room behind the last row; copy the arrays if it is used up."""
        if self.length == len(self._room["timestamp"]):
            self._room = {name: self._with_room(column) for name, column in self._room.items()}
        self._put(self.length, document)
        self.length += 1
        self._set_columns()

    def replace(self, document: Document) -> None:
        """Write over the row; binary search finds it."""
        self._put(int(self.columns["timestamp"].searchsorted(np.int64(document["timestamp"]))), document)

    def _put(self, row: int, document: Document) -> None:
        for name in FIELDS:
            self._room[name][row] = document[name]
        self._room["final"][row] = not document["is_interim"]

    def rescore(self, columns: Columns) -> None:
        """Scatter the scores in place; binary search finds their rows."""
        rows = self.columns["timestamp"].searchsorted(columns["timestamp"])
        self.columns["anomaly_score"][rows] = columns["anomaly_score"]

    def memory(self) -> int:
        """The arrays, without the spare room."""
        return sum(column.nbytes for column in self.columns.values())


def first_true(mask: npt.NDArray[np.bool_], need: int) -> npt.NDArray[np.intp]:
    """The positions of the first ``need`` matches, from a prefix that grows until it has them."""
    prefix = 16 * need
    while True:
        found: npt.NDArray[np.intp] = mask[:prefix].nonzero()[0]
        if len(found) >= need or prefix >= len(mask):
            return found[:need]
        prefix *= 8


def smallest(values: Array, need: int) -> npt.NDArray[np.intp]:
    """The positions of the ``need`` smallest values, in order. Of equal values the first come first."""
    if len(values) <= 4 * need:
        few: npt.NDArray[np.intp] = values.argsort(kind="stable")[:need]
        return few
    # The bound comes from a sample and always leaves enough values. Partitioning all values takes 20 times as
    # long, and 500 times as long if nearly all values are equal.
    sample = _sample(values, need)
    bound = sample.min()
    if np.count_nonzero(sample == bound) < need:
        bound = np.sort(sample)[need - 1]
    below = (values < bound).nonzero()[0]
    below = below[values[below].argsort(kind="stable")[:need]]
    return np.concatenate((below, first_true(values == bound, need - len(below)))) if len(below) < need else below


def largest(values: Array, need: int) -> npt.NDArray[np.intp]:
    """The positions of the ``need`` largest values, in order. Of equal values the last come first."""
    if len(values) <= 4 * need:
        few: npt.NDArray[np.intp] = values.argsort(kind="stable")[::-1][:need]
        return few
    sample = _sample(values, need)
    bound = sample.max()
    if np.count_nonzero(sample == bound) < need:
        bound = np.sort(sample)[-need]
    above: npt.NDArray[np.intp] = (values > bound).nonzero()[0]
    above = above[values[above].argsort(kind="stable")[::-1][:need]]
    if len(above) < need:
        equal = len(values) - 1 - first_true((values == bound)[::-1], need - len(above))
        return np.concatenate((above, equal))
    return above


def _sample(values: Array, need: int) -> Array:
    """Every n-th value. A larger sample takes longer to sort; a smaller one leaves more values to be sorted."""
    return values[:: max(1, int((len(values) / need / 2) ** 0.5))]
