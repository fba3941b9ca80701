"""A list of dicts kept sorted and searched with bisect."""

import tracemalloc
from bisect import bisect_left
from collections.abc import Callable, Sequence

from benchmarks.peers.peer import Row, row_of
from benchmarks.workloads import Columns, Document, Keys, ResolvedQuery, SortedBuckets, bucket_documents


class Held:
    """The plain list of the workloads, asked for timestamps only."""

    def load(self, columns: Columns) -> None:
        """Make dicts of the rows and sort them; what they take is traced where tracing is on."""
        before = tracemalloc.get_traced_memory()[0]
        documents = bucket_documents(columns)
        documents.sort(key=lambda document: int(document["timestamp"]))
        self._list = SortedBuckets(documents)
        del documents
        self._bytes = tracemalloc.get_traced_memory()[0] - before

    def prepare(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """Two bisections and a slice where that is enough; else a scan of the window."""
        return self._list.prepare_keys(question)

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page has been its timestamps all along."""
        return page

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """The dicts themselves, read by the names of their keys."""
        answer = self._list.prepare(question)

        def rows() -> tuple[int, Sequence[Row]]:
            found, page = answer()
            return found, [row_of(document) for document in page]

        return rows

    def append(self, document: Document) -> None:
        """At the end, found by bisection."""
        self._list.put(document)

    def replace(self, document: Document) -> None:
        """In place, found by bisection."""
        self._list.put(document)

    def rescore(self, columns: Columns) -> None:
        """One by one: a changed copy of each dict, since an answer that somebody keeps should not change."""
        documents = self._list.documents
        timestamps = self._list.timestamps
        for timestamp, score in zip(columns["timestamp"].tolist(), columns["anomaly_score"].tolist(), strict=True):
            row = bisect_left(timestamps, timestamp)
            documents[row] = {**documents[row], "anomaly_score": score}

    def memory(self) -> int:
        """As traced while it was loaded; 0 where nobody traced."""
        return self._bytes
