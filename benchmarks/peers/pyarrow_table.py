"""pyarrow, one thread: a sorted table. Its own functions cut and write it; NumPy reads its columns in place.

pyarrow's comparisons take four times as long as NumPy's, and its selection of the best values ten times as long.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np

from benchmarks.peers.numpy_arrays import first_true, largest, smallest
from benchmarks.workloads import FIELDS, Columns, Document, Keys, ResolvedQuery, Row

arrow: Any = import_module("pyarrow")
compute: Any = import_module("pyarrow.compute")
arrow.set_cpu_count(1)

_NO_ROWS: Final = np.empty(0, dtype=np.intp)


class Store:
    """One table. Each write makes a new one, which shares the unchanged columns."""

    def load(self, columns: Columns) -> None:
        """Make a table of the arrays, sorted by time, in one chunk."""
        table = arrow.table({name: columns[name] for name in FIELDS})
        self._set(table.sort_by("timestamp").combine_chunks())

    def _set(self, table: Any) -> None:
        self._table = table
        # Calls on an array are quicker than calls on a chunked array, so a column of one chunk is kept as an array.
        self._columns = {
            name: column.chunk(0) if column.num_chunks == 1 else column
            for name, column in zip(FIELDS, table.itercolumns(), strict=True)
        }

    def prepare(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """A call on the current table."""
        answer = self._prepare(question)

        def keys() -> Keys:
            count, rows = answer()
            return count, self._array("timestamp")[rows].tolist()

        def keys_by_time() -> Keys:
            count, first, last = self._cut(question)
            page = self._columns["timestamp"].slice(first, last - first).to_pylist()
            return count, page[::-1] if question.desc else page

        return keys_by_time if question.by_time else keys

    def _array(self, name: str) -> Any:
        """A column as a NumPy array. Columns of several chunks or of bits are copied, others are not."""
        return self._columns[name].to_numpy(zero_copy_only=False)

    def _window(self, question: ResolvedQuery) -> tuple[int, int]:
        start, end = question.start, question.end
        low = 0 if start is None else int(self._array("timestamp").searchsorted(np.int64(start)))
        high = self._table.num_rows if end is None else int(self._array("timestamp").searchsorted(np.int64(end)))
        return low, max(low, high)

    def _cut(self, question: ResolvedQuery) -> tuple[int, int, int]:
        low, high = self._window(question)
        first, last = question.from_, question.from_ + question.size
        if question.desc:
            return high - low, max(low, high - last), max(low, high - first)
        return high - low, min(low + first, high), min(low + last, high)

    def _prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """A call that returns the count, and the page as row numbers."""
        first, last = question.from_, question.from_ + question.size
        sort, desc = question.sort, question.desc
        choose = largest if desc else smallest

        def answer() -> tuple[int, Any]:
            low, high = self._window(question)
            mask = self._matching(question, low, high)
            count = high - low if mask is None else int(np.count_nonzero(mask))
            if not question.size:
                return count, _NO_ROWS
            if sort == "timestamp":
                assert mask is not None
                if desc:
                    return count, high - 1 - first_true(mask[::-1], last)[first:]
                return count, first_true(mask, last)[first:] + low
            values = self._array(sort)[low:high]
            if mask is None:
                return count, choose(values, last)[first:] + low
            rows = mask.nonzero()[0]
            return count, rows[choose(values[rows], last)[first:]] + low

        return answer

    def _matching(self, question: ResolvedQuery, low: int, high: int) -> Any:
        """A mask of the rows of a window that match; None if all do."""
        masks = []
        if question.threshold > 0:
            masks.append(self._array("anomaly_score")[low:high] >= question.threshold)
        if question.final_only:
            masks.append(~self._columns["is_interim"].slice(low, high - low).to_numpy(zero_copy_only=False))
        return masks[0] & masks[1] if len(masks) > 1 else masks[0] if masks else None

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page itself, which is a list of timestamps."""
        return page

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """All columns as lists: a slice of the table, or rows taken by their numbers."""
        answer = self._prepare(question)

        def rows() -> tuple[int, Sequence[Row]]:
            if question.by_time:
                count, begin, stop = self._cut(question)
                page = self._table.slice(begin, stop - begin)
            else:
                count, found = answer()
                page = self._table.take(arrow.array(found))
            columns = (column.to_pylist() for column in page.select(FIELDS).itercolumns())
            found_rows = list(zip(*columns, strict=True))
            return count, found_rows[::-1] if question.by_time and question.desc else found_rows

        return rows

    def append(self, document: Document) -> None:
        """Add one chunk."""
        self._set(arrow.concat_tables((self._table, self._one(document))))

    def replace(self, document: Document) -> None:
        """Cut off the last row, and add one chunk."""
        self._set(arrow.concat_tables((self._table.slice(0, self._table.num_rows - 1), self._one(document))))

    def _one(self, document: Document) -> Any:
        return arrow.table({name: [document[name]] for name in FIELDS}, schema=self._table.schema)

    def rescore(self, columns: Columns) -> None:
        """Put the scores into a copy of the column; binary search finds their rows."""
        scores = self._columns["anomaly_score"]
        mask = np.zeros(len(scores), dtype=np.bool_)
        mask[self._array("timestamp").searchsorted(columns["timestamp"])] = True
        scores = compute.replace_with_mask(scores, arrow.array(mask), arrow.array(columns["anomaly_score"]))
        self._set(self._table.set_column(FIELDS.index("anomaly_score"), "anomaly_score", scores))

    def memory(self) -> int:
        """The bytes of the table's buffers."""
        return int(self._table.nbytes)
