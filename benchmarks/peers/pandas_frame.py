"""pandas: a frame whose index is the sorted timestamp. Its columns are read as NumPy arrays.

Each step on a column of pandas itself takes several times as long, and `nlargest` a hundred times as long.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.peers.numpy_arrays import first_true, largest, smallest
from benchmarks.peers.peer import row_of
from benchmarks.workloads import FIELDS, Columns, Document, Keys, ResolvedQuery, Row

pandas: Any = import_module("pandas")


class Store:
    """One frame. An append copies it; other writes change it in place."""

    def load(self, columns: Columns) -> None:
        """Make a frame of the arrays, sorted by time."""
        frame = pandas.DataFrame({name: columns[name] for name in FIELDS}).sort_values("timestamp")
        self._frame: Any = frame.set_index("timestamp")

    def prepare(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """A slice of the index for a page by time; the index at row numbers for any other."""
        answer = self._prepare(question)

        def keys() -> Keys:
            count, page = answer()
            return count, page.tolist()

        return keys

    def _prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """A call that returns the count, and the page as an index."""
        start, end, sort, desc = question.start, question.end, question.sort, question.desc
        first, last = question.from_, question.from_ + question.size

        def window() -> tuple[int, int]:
            index = self._frame.index
            low = 0 if start is None else int(index.to_numpy().searchsorted(np.int64(start)))
            return low, len(index) if end is None else int(index.to_numpy().searchsorted(np.int64(end)))

        def by_time() -> tuple[int, Any]:
            low, high = window()
            if desc:
                return high - low, self._frame.index[max(low, high - last) : max(low, high - first)][::-1]
            return high - low, self._frame.index[low + first : min(low + last, high)]

        def answer() -> tuple[int, Any]:
            low, high = window()
            frame = self._frame
            mask = _matching(frame, question, low, high)
            count = high - low if mask is None else int(np.count_nonzero(mask))
            if not question.size:
                return count, frame.index[:0]
            if sort == "timestamp":
                assert mask is not None
                if desc:
                    return count, frame.index[high - 1 - first_true(mask[::-1], last)[first:]]
                return count, frame.index[first_true(mask, last)[first:] + low]
            values, choose = frame[sort].to_numpy()[low:high], largest if desc else smallest
            if mask is None:
                return count, frame.index[choose(values, last)[first:] + low]
            rows = mask.nonzero()[0]
            return count, frame.index[rows[choose(values[rows], last)[first:]] + low]

        return by_time if question.by_time else answer

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page itself, which is a list of timestamps."""
        return page

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """Take all columns at the timestamps of the page."""
        answer = self._prepare(question)

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            taken = self._frame.take(self._frame.index.get_indexer(page))
            columns = (taken[name].tolist() for name in FIELDS if name != "timestamp")
            return count, list(zip(page.tolist(), *columns, strict=True))

        return rows

    def append(self, document: Document) -> None:
        """Concatenate the frame and a frame of one row."""
        timestamp, *values = row_of(document)
        one = pandas.DataFrame([values], columns=self._frame.columns, index=[timestamp]).astype(self._frame.dtypes)
        self._frame = pandas.concat((self._frame, one.rename_axis("timestamp")))

    def replace(self, document: Document) -> None:
        """Write over the last row."""
        _, *values = row_of(document)
        for column, value in enumerate(values):
            self._frame.iat[len(self._frame) - 1, column] = value

    def rescore(self, columns: Columns) -> None:
        """Set the scores in place; binary search finds their rows."""
        rows = self._frame.index.searchsorted(columns["timestamp"])
        self._frame.iloc[rows, 0] = columns["anomaly_score"]

    def memory(self) -> int:
        """The bytes of columns and index, as pandas reports them."""
        return int(self._frame.memory_usage().sum())


def _matching(frame: Any, question: ResolvedQuery, low: int, high: int) -> Any:
    """A mask of the rows of a window that match; None if all do."""
    masks = []
    if question.threshold > 0:
        masks.append(frame["anomaly_score"].to_numpy()[low:high] >= question.threshold)
    if question.final_only:
        masks.append(~frame["is_interim"].to_numpy()[low:high])
    return masks[0] & masks[1] if len(masks) > 1 else masks[0] if masks else None
