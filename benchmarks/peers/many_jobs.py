"""The peers of many jobs: other structures that hold the buckets of many jobs as one table.

Ties are ordered by timestamp, span and job, in the question's direction. No question here is for final buckets only.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from operator import itemgetter
from typing import Any, Final, Protocol

import numpy as np

from benchmarks.peers import numpy_arrays
from benchmarks.peers.sql import columns_of, order, where
from benchmarks.timing import quickest_of_three
from benchmarks.workloads import FIELDS, Columns, Document, ResolvedQuery

Key = tuple[str, int, int]
"""A bucket's job, timestamp and span."""

Pages = Callable[[], list[Key]]

_KEY: Final = ("job_id", "timestamp", "bucket_span")
_COLUMNS: Final = ("job_id", "timestamp", "anomaly_score", "bucket_span", "event_count")
# SQLite adds the table's key to every index. The index by score names the key's columns itself, in the order of ties,
# which spares SQLite a sort.
_INDEXES: Final = {
    "by_time": "timestamp, anomaly_score",
    "by_score": "anomaly_score, timestamp, bucket_span, job_id",
}
_row_of: Final = itemgetter(*_COLUMNS)
_TYPES: Final = {"anomaly_score": np.float64, "initial_anomaly_score": np.float64, "is_interim": np.bool_}


class ManyJobs(Protocol):
    """One way to hold the buckets of many jobs without this library."""

    def put(self, documents: Sequence[Document]) -> object:
        """Write a whole batch, or nothing if that fails."""

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """A call that returns the exact count and the page, in the form that this peer hands out.

        Prepare the question again after a write.
        """

    def keys(self, page: Any) -> Sequence[Key]:
        """The keys of a page that a prepared question returned."""


class InSqlite:
    """One SQLite table with a column for the job. Its key is the identity; it has indexes on time and on score.

    Args:
        indexes: the names of the indexes, default both. Leave out an index that no question uses: each write pays
            for it.
    """

    def __init__(self, indexes: Sequence[str] = tuple(_INDEXES)) -> None:
        self._plans = ("", "not indexed", *(f"indexed by {name}" for name in indexes))
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._run = self._connection.execute
        self._run(
            "create table buckets (job_id text, timestamp integer, anomaly_score real, bucket_span integer,"
            " event_count integer, primary key (job_id, timestamp, bucket_span)) without rowid"
        )
        for name in indexes:
            self._run(f"create index {name} on buckets ({_INDEXES[name]})")

    def put(self, documents: Sequence[Document]) -> object:
        """Insert or update the rows, in one transaction."""
        self._run("begin")
        # An update in place is quicker than `insert or replace`, which searches every index.
        self._connection.executemany(
            "insert into buckets values (?, ?, ?, ?, ?) on conflict do update set"
            " anomaly_score = excluded.anomaly_score, event_count = excluded.event_count",
            map(_row_of, documents),
        )
        return self._run("commit")

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, list[Key]]]:
        """A statement for the page, and one for the count if the question has conditions."""
        conditions, values = _where(question)
        if not conditions:
            length = self._run("select count(*) from buckets").fetchone()[0]
            page = self.prepare_page(question)
            return lambda: (length, page())
        count = self._quickest(f"select count(*) from buckets %s{conditions}", values)
        if not question.size:
            return lambda: (count()[0][0], [])
        page = self.prepare_page(question)
        return lambda: (count()[0][0], page())

    def prepare_page(self, question: ResolvedQuery) -> Pages:
        """A call that returns the keys of the page, without the count."""
        conditions, values = _where(question)
        text = f"select {columns_of(_KEY)} from buckets %s{conditions}{_order(question)} limit ? offset ?"
        return self._quickest(text, [*values, question.size, question.from_])

    def _quickest(self, text: str, values: Sequence[Any]) -> Callable[[], list[Any]]:
        """The statement with the quickest of the plans that it can have."""
        taken: dict[int, Callable[[], list[Any]]] = {}
        for plan in self._plans:
            ask = partial(self._ask, text.replace("%s", plan), values)
            try:
                taken[quickest_of_three(ask)] = ask
            except sqlite3.OperationalError as error:
                if "no query solution" not in str(error):
                    raise
        return taken[min(taken)]

    def _ask(self, statement: str, values: Sequence[Any]) -> list[Any]:
        return self._run(statement, values).fetchall()

    def keys(self, page: Sequence[Key]) -> Sequence[Key]:
        """The page itself, which is a list of keys."""
        return page


class InDuckdb:
    """One DuckDB table with a column for the job, one thread, no index. DuckDB's indexes serve single rows only."""

    def __init__(self) -> None:
        self._connection: Any = import_module("duckdb").connect(config={"threads": 1})
        self._run = self._connection.execute
        self._run(
            "create table buckets (job_id text, timestamp bigint, anomaly_score double, bucket_span bigint,"
            " event_count bigint)"
        )

    def put(self, documents: Sequence[Document]) -> object:
        """Insert arrays, which is much quicker than row by row. Does not check whether a row is new."""
        given = {name: np.array([document[name] for document in documents]) for name in _COLUMNS[1:]}
        given["job_id"] = np.array([document["job_id"] for document in documents], dtype=np.object_)
        self._connection.register("given", given)
        self._run(f"insert into buckets select {columns_of(_COLUMNS)} from given")
        return self._connection.unregister("given")

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, list[Key]]]:
        """Parsed statements: one for the page, and one for the count if the question has conditions."""
        conditions, values = _where(question)
        run, select_count = self._run, self._parsed(f"select count(*) from buckets{conditions}")
        if not conditions:
            length = run(select_count).fetchone()[0]
            page = self.prepare_page(question)
            return lambda: (length, page())
        if not question.size:
            return lambda: (run(select_count, values).fetchone()[0], [])
        page = self.prepare_page(question)
        return lambda: (run(select_count, values).fetchone()[0], page())

    def prepare_page(self, question: ResolvedQuery) -> Pages:
        """A call that returns the keys of the page, without the count."""
        run, (conditions, values) = self._run, _where(question)
        # The limits are constants: with placeholders DuckDB does not plan for few rows.
        cut = f" limit {question.size} offset {question.from_}"
        select = self._parsed(f"select {columns_of(_KEY)} from buckets{conditions}{_order(question)}{cut}")
        return lambda: run(select, values).fetchall()

    def _parsed(self, statement: str) -> Any:
        return self._connection.extract_statements(statement)[0]

    def keys(self, page: Sequence[Key]) -> Sequence[Key]:
        """The page itself, which is a list of keys."""
        return page


class InNumpy:
    """The NumPy arrays of one job, with the rows of all jobs in the order of ties, and an array of job numbers."""

    def put(self, documents: Sequence[Document]) -> None:
        """Take all documents at once. Call this once only."""
        self._jobs = sorted({document["job_id"] for document in documents})
        numbers = {job_id: number for number, job_id in enumerate(self._jobs)}
        columns = arrays_of(documents)
        codes = np.array([numbers[document["job_id"]] for document in documents], dtype=np.int64)
        rows = np.lexsort((codes, columns["bucket_span"], columns["timestamp"]))
        self._codes = codes[rows]
        self._store = numpy_arrays.Store()
        # The store sorts rows by time with a stable sort, so rows of one timestamp keep their order.
        self._store.load({name: column[rows] for name, column in columns.items()})

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, numpy_arrays.Rows]]:
        """The call that answers for one job. It serves all jobs too, because the rows are in the order of ties."""
        return self._store.prepare(question)

    def keys(self, page: numpy_arrays.Rows) -> Sequence[Key]:
        """Gather the keys from three arrays."""
        columns = self._store.columns
        jobs = map(self._jobs.__getitem__, self._codes[page].tolist())
        return list(zip(jobs, columns["timestamp"][page].tolist(), columns["bucket_span"][page].tolist(), strict=True))


KINDS: Final[dict[str, Callable[[], ManyJobs]]] = {"numpy": InNumpy, "sqlite": InSqlite, "duckdb": InDuckdb}
"""Every peer of many jobs, by the name that it has in `benchmarks.peers.KINDS`."""


def arrays_of(documents: Iterable[Document]) -> Columns:
    """The fields of documents as columns, in the documents' order. Each document must have every field.

    Raises:
        ValueError: a score is missing.
    """
    rows = list(documents)
    columns: Columns = {
        name: np.array([document[name] for document in rows], dtype=_TYPES.get(name, np.int64)) for name in FIELDS
    }
    for name in ("anomaly_score", "initial_anomaly_score"):
        if np.isnan(columns[name]).any():
            raise ValueError(f"a bucket has no [{name}], and the peers hold no missing scores")
    return columns


def _where(question: ResolvedQuery) -> tuple[str, list[Any]]:
    assert not question.final_only
    return where(question, "")


def _order(question: ResolvedQuery) -> str:
    direction = "desc" if question.desc else "asc"
    return f"{order(question)}, bucket_span {direction}, job_id {direction}"
