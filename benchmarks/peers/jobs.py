"""What else could hold the buckets of many jobs, and be asked over all of them as over one table.

Ties go by timestamp, span and job, in the question's direction; questions for final buckets only are not asked here.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from operator import itemgetter
from typing import Any, Final, Protocol

import numpy as np

from benchmarks.peers import arrays
from benchmarks.peers.peer import FIELDS
from benchmarks.peers.sql import columns_of, order, where
from benchmarks.timing import quickest_of_three
from benchmarks.workloads import Columns, Document, ResolvedQuery

Key = tuple[str, int, int]
"""A bucket's job, timestamp and span."""

Pages = Callable[[], list[Key]]

_KEY: Final = ("job_id", "timestamp", "bucket_span")
_KEPT: Final = ("job_id", "timestamp", "anomaly_score", "bucket_span", "event_count")
# The key is in every index; named in the order of ties it spares sorting them.
_INDEXES: Final = {
    "by_time": "timestamp, anomaly_score",
    "by_score": "anomaly_score, timestamp, bucket_span, job_id",
}
_kept_of: Final = itemgetter(*_KEPT)
_TYPES: Final = {"anomaly_score": np.float64, "initial_anomaly_score": np.float64, "is_interim": np.bool_}


class ManyJobs(Protocol):
    """One way to hold the buckets of many jobs without this library."""

    def put(self, documents: Sequence[Document]) -> object:
        """Write a batch, all or nothing."""

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """What answers with the exact count, and the page as this one hands it out; to be asked anew after a write."""

    def keys(self, page: Any) -> Sequence[Key]:
        """The keys of such a page, where it is not these already."""


class InSqlite:
    """One table with a column for the job, its identity the key, and indexes on time and on score, or one of these.

    Args:
        indexes: which; of those that no question is asked by each write would bear the cost for nothing.
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
        """One transaction."""
        self._run("begin")
        # An update in place is sooner than what `insert or replace` does, which looks at every index.
        self._connection.executemany(
            "insert into buckets values (?, ?, ?, ?, ?) on conflict do update set"
            " anomaly_score = excluded.anomaly_score, event_count = excluded.event_count",
            map(_kept_of, documents),
        )
        return self._run("commit")

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, list[Key]]]:
        """A statement for the count, where that is not known, and one for the page."""
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
        """The keys of the page alone."""
        conditions, values = _where(question)
        text = f"select {columns_of(_KEY)} from buckets %s{conditions}{_order(question)} limit ? offset ?"
        return self._quickest(text, [*values, question.size, question.from_])

    def _quickest(self, text: str, values: Sequence[Any]) -> Callable[[], list[Any]]:
        """The statement by the plan that answers soonest, of those that it can have."""
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
        """The page has been its keys all along."""
        return page


class InDuckdb:
    """One table with a column for the job, one thread; no index, as those of DuckDB serve single rows only."""

    def __init__(self) -> None:
        self._connection: Any = import_module("duckdb").connect(config={"threads": 1})
        self._run = self._connection.execute
        self._run(
            "create table buckets (job_id text, timestamp bigint, anomaly_score double, bucket_span bigint,"
            " event_count bigint)"
        )

    def put(self, documents: Sequence[Document]) -> object:
        """As arrays, which it takes in much sooner than row by row; whether a row is new is not asked."""
        given = {name: np.array([document[name] for document in documents]) for name in _KEPT[1:]}
        given["job_id"] = np.array([document["job_id"] for document in documents], dtype=np.object_)
        self._connection.register("given", given)
        self._run(f"insert into buckets select {columns_of(_KEPT)} from given")
        return self._connection.unregister("given")

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, list[Key]]]:
        """A statement for the count, where that is not known, and one for the page; parsed beforehand."""
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
        """The keys of the page alone."""
        run, (conditions, values) = self._run, _where(question)
        # Constants: with placeholders here it does not know that it needs few.
        cut = f" limit {question.size} offset {question.from_}"
        select = self._parsed(f"select {columns_of(_KEY)} from buckets{conditions}{_order(question)}{cut}")
        return lambda: run(select, values).fetchall()

    def _parsed(self, statement: str) -> Any:
        return self._connection.extract_statements(statement)[0]

    def keys(self, page: Sequence[Key]) -> Sequence[Key]:
        """The page has been its keys all along."""
        return page


class InNumpy:
    """The arrays of one job, with those of all in them in the order of ties, and the jobs' numbers beside them."""

    def put(self, documents: Sequence[Document]) -> None:
        """All there are, once."""
        self._jobs = sorted({document["job_id"] for document in documents})
        numbers = {job_id: number for number, job_id in enumerate(self._jobs)}
        columns = arrays_of(documents)
        codes = np.array([numbers[document["job_id"]] for document in documents], dtype=np.int64)
        rows = np.lexsort((codes, columns["bucket_span"], columns["timestamp"]))
        self._codes = codes[rows]
        self._held = arrays.Held()
        # It sorts by time what does not ascend, and leaves the order of equal ones as it is.
        self._held.load({name: column[rows] for name, column in columns.items()})

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, arrays.Rows]]:
        """As for one job: the order of rows is that of ties."""
        return self._held.prepare(question)

    def keys(self, page: arrays.Rows) -> Sequence[Key]:
        """Gathered from three arrays."""
        columns = self._held.columns
        jobs = map(self._jobs.__getitem__, self._codes[page].tolist())
        return list(zip(jobs, columns["timestamp"][page].tolist(), columns["bucket_span"][page].tolist(), strict=True))


KINDS: Final[dict[str, Callable[[], ManyJobs]]] = {"numpy": InNumpy, "sqlite": InSqlite, "duckdb": InDuckdb}
"""Every peer that holds many jobs, by the name that it has elsewhere."""


def arrays_of(documents: Iterable[Document]) -> Columns:
    """The fields of documents as columns, in the order they come in; each must have them all.

    Raises:
        ValueError: a score is missing.
    """
    rows = list(documents)
    columns: Columns = {
        name: np.array([document[name] for document in rows], dtype=_TYPES.get(name, np.int64)) for name in FIELDS
    }
    for name in ("anomaly_score", "initial_anomaly_score"):
        if np.isnan(columns[name]).any():
            raise ValueError(f"a bucket without [{name}] is nothing that the peers could hold")
    return columns


def _where(question: ResolvedQuery) -> tuple[str, list[Any]]:
    assert not question.final_only
    return where(question, "")


def _order(question: ResolvedQuery) -> str:
    direction = "desc" if question.desc else "asc"
    return f"{order(question)}, bucket_span {direction}, job_id {direction}"
