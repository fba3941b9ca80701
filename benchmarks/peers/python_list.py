"""The list: dicts in order of time, searched with bisect."""

import tracemalloc
from bisect import bisect_left
from collections.abc import Callable, Sequence

from benchmarks.peers.peer import row_of
from benchmarks.workloads import Columns, Document, Keys, ResolvedQuery, Row, SortedBuckets, bucket_documents


class Store:
    """The sorted list of the workloads. Its pages are timestamps."""

    def load(self, columns: Columns) -> None:
        """Make dicts of the rows and sort them. If tracing is on, note the bytes that they take."""
        before = tracemalloc.get_traced_memory()[0]
        documents = bucket_documents(columns)
        documents.sort(key=lambda document: int(document["timestamp"]))
        self._list = SortedBuckets(documents)
        del documents
        self._bytes = tracemalloc.get_traced_memory()[0] - before

    def prepare(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """Two bisections and a slice for a page by time; a scan of the window for any other."""
        return self._list.prepare_keys(question)

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page itself, which is a list of timestamps."""
        return page

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """The values of the dicts of the page."""
        answer = self._list.prepare(question)

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            return count, [row_of(document) for document in page]

        return rows

    def append(self, document: Document) -> None:
        """Insert the bucket; bisection finds the place."""
        self._list.put(document)

    def replace(self, document: Document) -> None:
        """Replace the dict; bisection finds it."""
        self._list.put(document)

    def rescore(self, columns: Columns) -> None:
        """Replace each dict with a changed copy, because the answers that a caller holds must not change."""
        documents = self._list.documents
        timestamps = self._list.timestamps
        for timestamp, score in zip(columns["timestamp"].tolist(), columns["anomaly_score"].tolist(), strict=True):
            row = bisect_left(timestamps, timestamp)
            documents[row] = {**documents[row], "anomaly_score": score}

    def memory(self) -> int:
        """The bytes that were traced while it was loaded; 0 if tracing was off."""
        return self._bytes
