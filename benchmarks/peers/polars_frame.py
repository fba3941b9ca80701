"""Polars, eager, one thread: a sorted frame, binary search, masks, and a bound for the best values of a column."""

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.workloads import FIELDS, Columns, Document, Keys, ResolvedQuery, Row

# Polars reads this when it is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
polars: Any = import_module("polars")


class Store:
    """One frame. Each write makes a new one, which shares the unchanged columns."""

    def load(self, columns: Columns) -> None:
        """Make a frame of the arrays, sorted by time, in one chunk."""
        self._frame: Any = polars.DataFrame({name: columns[name] for name in FIELDS}).sort("timestamp").rechunk()

    def prepare(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """A call on the columns of the current frame, because calls on a frame take longer."""
        if question.by_time:
            return self._prepare_by_time(question)
        answer, first = self._prepare(question), question.from_

        def keys() -> Keys:
            count, page = answer()
            return count, page.slice(first).to_list()

        return keys

    def _window(self, question: ResolvedQuery, timestamps: Any) -> tuple[int, int]:
        low = 0 if question.start is None else _rank(timestamps, question.start)
        high = len(timestamps) if question.end is None else _rank(timestamps, question.end)
        return low, max(low, high)

    def _prepare_by_time(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """A slice of the timestamps."""

        def keys() -> Keys:
            timestamps = self._frame.get_column("timestamp")
            low, high = self._window(question, timestamps)
            first, last = _cut(low, high, question)
            page = timestamps.slice(first, last - first).to_list()
            return high - low, page[::-1] if question.desc else page

        return keys

    def _prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """A call that returns the count, and the timestamps up to the end of the page, skipped ones included."""
        last, sort, desc = question.from_ + question.size, question.sort, question.desc

        def answer() -> tuple[int, Any]:
            timestamps = self._frame.get_column("timestamp")
            low, high = self._window(question, timestamps)
            length = high - low
            timestamps = timestamps.slice(low, length)
            masks = []
            if question.threshold > 0:
                masks.append(self._frame.get_column("anomaly_score").slice(low, length) >= question.threshold)
            if question.final_only:
                masks.append(~self._frame.get_column("is_interim").slice(low, length))
            mask = masks[0] & masks[1] if len(masks) > 1 else masks[0] if masks else None
            count = length if mask is None else mask.sum()
            if not question.size:
                return count, timestamps.clear()
            if sort == "timestamp":
                found = _first(timestamps, mask, last, desc=desc)
                return count, found.reverse() if desc else found
            values = self._frame.get_column(sort).slice(low, length)
            if mask is not None:
                timestamps, values = timestamps.filter(mask), values.filter(mask)
            return count, _ordered(timestamps, values, last, desc=desc)

        return answer

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page itself, which is a list of timestamps."""
        return page

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """All columns as tuples: a slice of the frame, or rows gathered at timestamps."""
        answer, first, desc = self._prepare(question), question.from_, question.desc

        def rows_by_time() -> tuple[int, Sequence[Row]]:
            low, high = self._window(question, self._frame.get_column("timestamp"))
            begin, stop = _cut(low, high, question)
            page = self._frame.slice(begin, stop - begin).select(FIELDS).rows()
            return high - low, page[::-1] if desc else page

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            found = self._frame.get_column("timestamp").search_sorted(page.slice(first))
            return count, self._frame[found].select(FIELDS).rows()

        return rows_by_time if question.by_time else rows

    def append(self, document: Document) -> None:
        """Add one chunk."""
        self._frame = self._frame.vstack(self._one(document))

    def replace(self, document: Document) -> None:
        """Cut off the last row, and add one chunk."""
        self._frame = self._frame.head(self._frame.height - 1).vstack(self._one(document))

    def _one(self, document: Document) -> Any:
        return polars.DataFrame({name: [document[name]] for name in FIELDS}, schema=self._frame.schema)

    def rescore(self, columns: Columns) -> None:
        """Scatter the scores into a copy of the column; binary search finds their rows."""
        rows = self._frame.get_column("timestamp").search_sorted(columns["timestamp"])
        scores = self._frame.get_column("anomaly_score").clone().scatter(rows, columns["anomaly_score"])
        self._frame = self._frame.with_columns(scores)

    def memory(self) -> int:
        """The bytes that Polars estimates."""
        return int(self._frame.estimated_size())


def _cut(low: int, high: int, question: ResolvedQuery) -> tuple[int, int]:
    first, last = question.from_, question.from_ + question.size
    if question.desc:
        return max(low, high - last), max(low, high - first)
    return min(low + first, high), min(low + last, high)


def _rank(timestamps: Any, moment: int) -> int:
    # NumPy can read a column of one chunk in place, and its search is quicker.
    if timestamps.n_chunks() == 1:
        return int(timestamps.to_numpy().searchsorted(np.int64(moment)))
    return int(timestamps.search_sorted(moment))


def _first(values: Any, mask: Any, need: int, *, desc: bool) -> Any:
    """The first ``need`` values that match, or the last if ``desc``. Reads a part at that end, and more if needed."""
    length = 16 * need
    while True:
        found = values.tail(length).filter(mask.tail(length)) if desc else values.head(length).filter(mask.head(length))
        if len(found) >= need or length >= len(values):
            return found.tail(need) if desc else found.head(need)
        length *= 8


def _ordered(timestamps: Any, values: Any, need: int, *, desc: bool) -> Any:
    """The timestamps of the first ``need`` rows in order: first those beyond a bound, sorted, then those equal to it.

    The bound comes from a sample and always leaves enough rows. Finding the best of all rows takes much longer.
    """
    left, equal = 0, timestamps.clear()
    if len(values) > 4 * need:
        sample = values.gather_every(max(1, len(values) // max(64 * need, 4_096)))
        bound = sample.top_k(need).min() if desc else sample.bottom_k(need).max()
        beyond = values > bound if desc else values < bound
        left = need - beyond.sum()
        if left > 0:
            equal = _first(timestamps, values == bound, left, desc=desc)
        timestamps, values = timestamps.filter(beyond), values.filter(beyond)
    chosen = polars.DataFrame([values.alias("values"), timestamps]).sort(["values", "timestamp"], descending=desc)
    found = chosen.get_column("timestamp").head(need)
    return found.append(equal.reverse() if desc else equal) if left > 0 else found
