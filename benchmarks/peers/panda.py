"""pandas: a frame whose index is the sorted timestamp; binary search, masks, nlargest and nsmallest."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from benchmarks.peers.peer import FIELDS, Row, row_of
from benchmarks.workloads import Columns, Document, Keys, Question

pandas: Any = import_module("pandas")


class Held:
    """One frame. An append copies it; other writes change it in place."""

    def load(self, columns: Columns) -> None:
        """Take the arrays in and sort them by time."""
        frame = pandas.DataFrame({name: columns[name] for name in FIELDS}).sort_values("timestamp")
        self._frame: Any = frame.set_index("timestamp")

    def prepare(self, question: Question) -> Callable[[], Keys]:
        """Slices of the index where that is enough; else of a column, whose answer still has its index."""
        answer = self._prepare(question)

        def keys() -> Keys:
            count, page = answer()
            return count, page.tolist()

        return keys

    def _prepare(self, question: Question) -> Callable[[], tuple[int, Any]]:
        """What gives the count, and the page as an index."""
        start, end, sort, desc = question.start, question.end, question.sort, question.desc
        first, last = question.from_, question.from_ + question.size

        def window() -> tuple[int, int]:
            index = self._frame.index
            low = 0 if start is None else int(index.searchsorted(start))
            return low, len(index) if end is None else int(index.searchsorted(end))

        def by_time() -> tuple[int, Any]:
            low, high = window()
            if desc:
                return high - low, self._frame.index[max(low, high - last) : max(low, high - first)][::-1]
            return high - low, self._frame.index[low + first : min(low + last, high)]

        def answer() -> tuple[int, Any]:
            low, high = window()
            frame = self._frame
            scores = frame["anomaly_score"].iloc[low:high]
            values = scores if sort in {"anomaly_score", "timestamp"} else frame[sort].iloc[low:high]
            mask = None
            if question.threshold > 0:
                mask = scores >= question.threshold
            if question.final_only:
                final = ~frame["is_interim"].iloc[low:high]
                mask = final if mask is None else mask & final
            if not question.size and mask is not None:
                return int(mask.sum()), values.index[:0]
            found = values if mask is None else values[mask]
            if sort == "timestamp":
                return len(found), (found.index[::-1] if desc else found.index)[first:last]
            return len(found), _ordered(found, last, desc=desc).index[first:]

        return by_time if question.by_time else answer

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page has been its timestamps all along."""
        return page

    def prepare_rows(self, question: Question) -> Callable[[], tuple[int, Sequence[Row]]]:
        """All columns, taken at the page's timestamps."""
        answer = self._prepare(question)

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            taken = self._frame.take(self._frame.index.get_indexer(page))
            columns = (taken[name].tolist() for name in FIELDS if name != "timestamp")
            return count, list(zip(page.tolist(), *columns, strict=True))

        return rows

    def append(self, document: Document) -> None:
        """A frame of one row, put behind the frame."""
        timestamp, *values = row_of(document)
        one = pandas.DataFrame([values], columns=self._frame.columns, index=[timestamp]).astype(self._frame.dtypes)
        self._frame = pandas.concat((self._frame, one.rename_axis("timestamp")))

    def replace(self, document: Document) -> None:
        """In place, by the last position."""
        _, *values = row_of(document)
        for column, value in enumerate(values):
            self._frame.iat[len(self._frame) - 1, column] = value

    def rescore(self, columns: Columns) -> None:
        """Found by binary search, set in place."""
        rows = self._frame.index.searchsorted(columns["timestamp"])
        self._frame.iloc[rows, 0] = columns["anomaly_score"]

    def memory(self) -> int:
        """Columns and index, as it tells."""
        return int(self._frame.memory_usage().sum())


def _ordered(values: Any, need: int, *, desc: bool) -> Any:
    """The first ``need`` in order, ties in its direction; with few of them pandas' own choice breaks ties by chance."""
    if len(values) > need:
        return values.nlargest(need, keep="last") if desc else values.nsmallest(need, keep="first")
    return (values.iloc[::-1] if desc else values).sort_values(ascending=not desc, kind="stable")
