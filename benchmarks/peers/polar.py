"""Polars, eager, one thread: a sorted frame, binary search, masks, the few best of a column."""

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from benchmarks.peers.peer import FIELDS, Row
from benchmarks.workloads import Columns, Document, Keys, Question

# Read once, when it is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
polars: Any = import_module("polars")


class Held:
    """One frame. Each write makes another, which shares what has not changed."""

    def load(self, columns: Columns) -> None:
        """Take the arrays in, sorted by time."""
        self._frame: Any = polars.DataFrame({name: columns[name] for name in FIELDS}).sort("timestamp").rechunk()

    def prepare(self, question: Question) -> Callable[[], Keys]:
        """The same expressions each time, on the frame of that time."""
        answer = self._prepare(question, ("timestamp",))

        def keys() -> Keys:
            count, page = answer()
            return count, page.get_column("timestamp").to_list()

        if question.by_time:
            return self._prepare_by_time(question)
        return keys

    def _window(self, question: Question, timestamps: Any) -> tuple[int, int]:
        low = 0 if question.start is None else timestamps.search_sorted(question.start)
        high = len(timestamps) if question.end is None else timestamps.search_sorted(question.end)
        return low, max(low, high)

    def _prepare_by_time(self, question: Question) -> Callable[[], Keys]:
        """One column is enough, and a slice of it."""

        def keys() -> Keys:
            timestamps = self._frame.get_column("timestamp")
            low, high = self._window(question, timestamps)
            first, last = _cut(low, high, question)
            page = timestamps.slice(first, last - first).to_list()
            return high - low, page[::-1] if question.desc else page

        return keys

    def _prepare(self, question: Question, names: Sequence[str]) -> Callable[[], tuple[int, Any]]:
        first, last, sort, desc = question.from_, question.from_ + question.size, question.sort, question.desc
        needed = list(dict.fromkeys((*names, sort)))

        def matching(window: Any) -> Any:
            masks = []
            if question.threshold > 0:
                masks.append(window.get_column("anomaly_score") >= question.threshold)
            if question.final_only:
                masks.append(~window.get_column("is_interim"))
            return masks[0] if len(masks) == 1 else masks[0] & masks[1]

        def answer() -> tuple[int, Any]:
            low, high = self._window(question, self._frame.get_column("timestamp"))
            window = self._frame.slice(low, high - low)
            if question.by_time:
                begin, stop = _cut(low, high, question)
                page = self._frame.slice(begin, stop - begin).select(names)
                return high - low, page.reverse() if desc else page
            found = window.select(needed)
            if question.threshold > 0 or question.final_only:
                mask = matching(window)
                if not question.size:
                    return mask.sum(), found.clear()
                found = found.filter(mask)
            count = found.height
            if sort == "timestamp":
                return count, (found.reverse() if desc else found).slice(first, last - first)
            return count, _ordered(found, sort, last, desc=desc).slice(first, last - first)

        return answer

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page has been its timestamps all along."""
        return page

    def prepare_rows(self, question: Question) -> Callable[[], tuple[int, Sequence[Row]]]:
        """All columns, as tuples."""
        answer = self._prepare(question, FIELDS)

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            return count, page.select(FIELDS).rows()

        return rows

    def append(self, document: Document) -> None:
        """One more chunk."""
        self._frame = self._frame.vstack(self._one(document))

    def replace(self, document: Document) -> None:
        """The frame without its last row, and another chunk."""
        self._frame = self._frame.head(self._frame.height - 1).vstack(self._one(document))

    def _one(self, document: Document) -> Any:
        return polars.DataFrame({name: [document[name]] for name in FIELDS}, schema=self._frame.schema)

    def rescore(self, columns: Columns) -> None:
        """Found by binary search, scattered into a copy of the column."""
        rows = self._frame.get_column("timestamp").search_sorted(columns["timestamp"])
        scores = self._frame.get_column("anomaly_score").clone().scatter(rows, columns["anomaly_score"])
        self._frame = self._frame.with_columns(scores)

    def memory(self) -> int:
        """As it estimates itself."""
        return int(self._frame.estimated_size())


def _cut(low: int, high: int, question: Question) -> tuple[int, int]:
    first, last = question.from_, question.from_ + question.size
    if question.desc:
        return max(low, high - last), max(low, high - first)
    return min(low + first, high), min(low + last, high)


def _ordered(found: Any, sort: str, need: int, *, desc: bool) -> Any:
    """The first ``need`` rows in order: those beyond the last of them, sorted, and as many of its equals."""
    if found.height > 4 * need:
        values = found.get_column(sort)
        bound = values.top_k(need).min() if desc else values.bottom_k(need).max()
        beyond = found.filter(values > bound if desc else values < bound)
        equal = found.filter(values == bound)
        left = need - beyond.height
        found = beyond.vstack(equal.tail(left) if desc else equal.head(left))
    return found.sort([sort, "timestamp"], descending=desc)
