"""pyarrow's own functions, one thread: a sorted table, binary search, masks, the k best by two keys."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.peers.peer import FIELDS, Row
from benchmarks.workloads import Columns, Document, Keys, Question

arrow: Any = import_module("pyarrow")
compute: Any = import_module("pyarrow.compute")
arrow.set_cpu_count(1)


class Held:
    """One table. Each write makes another, which shares what has not changed."""

    def load(self, columns: Columns) -> None:
        """Take the arrays in, sorted by time."""
        table = arrow.table({name: columns[name] for name in FIELDS})
        self._set(table.sort_by("timestamp").combine_chunks())

    def _set(self, table: Any) -> None:
        self._table = table
        # Of one chunk a plain array is quicker to ask than a chunked one.
        self._columns = {
            name: column.chunk(0) if column.num_chunks == 1 else column
            for name, column in zip(FIELDS, table.itercolumns(), strict=True)
        }

    def prepare(self, question: Question) -> Callable[[], Keys]:
        """The same calls each time, on the table of that time."""
        answer = self._prepare(question, ("timestamp",))

        def keys() -> Keys:
            count, page = answer()
            return count, page.column("timestamp").to_numpy().tolist()

        def keys_by_time() -> Keys:
            count, first, last = self._cut(question)
            page = self._columns["timestamp"].slice(first, last - first).to_pylist()
            return count, page[::-1] if question.desc else page

        return keys_by_time if question.by_time else keys

    def _window(self, question: Question) -> tuple[int, int]:
        timestamps = self._columns["timestamp"]
        low = 0 if question.start is None else compute.search_sorted(timestamps, question.start).as_py()
        high = len(timestamps) if question.end is None else compute.search_sorted(timestamps, question.end).as_py()
        return low, max(low, high)

    def _cut(self, question: Question) -> tuple[int, int, int]:
        low, high = self._window(question)
        first, last = question.from_, question.from_ + question.size
        if question.desc:
            return high - low, max(low, high - last), max(low, high - first)
        return high - low, min(low + first, high), min(low + last, high)

    def _prepare(self, question: Question, names: Sequence[str]) -> Callable[[], tuple[int, Any]]:
        first, size, sort, desc = question.from_, question.size, question.sort, question.desc
        needed = list(dict.fromkeys((*names, "timestamp", sort)))
        way = "descending" if desc else "ascending"

        def matching(low: int, length: int) -> Any:
            masks = []
            if question.threshold > 0:
                scores = self._columns["anomaly_score"].slice(low, length)
                masks.append(compute.greater_equal(scores, question.threshold))
            if question.final_only:
                masks.append(compute.invert(self._columns["is_interim"].slice(low, length)))
            return masks[0] if len(masks) == 1 else compute.and_(*masks)

        def answer() -> tuple[int, Any]:
            if question.by_time:
                count, begin, stop = self._cut(question)
                page = self._table.select(names).slice(begin, stop - begin)
                return count, page.take(list(range(stop - begin))[::-1]) if desc else page
            low, high = self._window(question)
            found = self._table.select(needed).slice(low, high - low)
            if question.threshold > 0 or question.final_only:
                mask = matching(low, high - low)
                if not size:
                    return compute.sum(mask).as_py(), found.slice(0, 0)
                found = found.filter(mask)
            count = found.num_rows
            if sort == "timestamp":
                if desc:
                    begin = max(0, count - first - size)
                    return count, found.slice(begin, max(0, count - first) - begin).sort_by([("timestamp", way)])
                return count, found.slice(first, size)
            best = compute.select_k_unstable(found, first + size, sort_keys=[(sort, way), ("timestamp", way)])
            return count, found.take(best.slice(first))

        return answer

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page has been its timestamps all along."""
        return page

    def prepare_rows(self, question: Question) -> Callable[[], tuple[int, Sequence[Row]]]:
        """All columns, as lists."""
        answer = self._prepare(question, FIELDS)

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            columns = (column.to_pylist() for column in page.select(FIELDS).itercolumns())
            return count, list(zip(*columns, strict=True))

        return rows

    def append(self, document: Document) -> None:
        """One more chunk."""
        self._set(arrow.concat_tables((self._table, self._one(document))))

    def replace(self, document: Document) -> None:
        """The table without its last row, and another chunk."""
        self._set(arrow.concat_tables((self._table.slice(0, self._table.num_rows - 1), self._one(document))))

    def _one(self, document: Document) -> Any:
        return arrow.table({name: [document[name]] for name in FIELDS}, schema=self._table.schema)

    def rescore(self, columns: Columns) -> None:
        """Found by binary search, put into a copy of the column."""
        rows = compute.search_sorted(self._columns["timestamp"], arrow.array(columns["timestamp"]))
        scores = self._columns["anomaly_score"]
        mask = np.zeros(len(scores), dtype=np.bool_)
        mask[rows.to_numpy()] = True
        scores = compute.replace_with_mask(scores, arrow.array(mask), arrow.array(columns["anomaly_score"]))
        self._set(self._table.set_column(FIELDS.index("anomaly_score"), "anomaly_score", scores))

    def memory(self) -> int:
        """The buffers of the table."""
        return int(self._table.nbytes)
