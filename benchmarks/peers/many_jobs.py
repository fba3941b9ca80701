"""The peers of many jobs: other structures that hold the buckets of many jobs as one table.

Ties are ordered by timestamp, span and job, in the question's direction. No question here is for final buckets only.
SQLite, DuckDB and Polars also take batches and answer about a part of the jobs.
"""

import os
import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol

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
# SQLite adds the table's key to every index. These indexes name its columns themselves, in the order of ties, which
# spares SQLite a sort.
_INDEXES: Final = {
    "by_time": "timestamp, bucket_span, job_id, anomaly_score",
    "by_score": "anomaly_score, timestamp, bucket_span, job_id",
}
_OF_POLARS: Final = {
    "job": "UInt32",
    "timestamp": "Int64",
    "bucket_span": "Int64",
    "anomaly_score": "Float64",
    "event_count": "Int64",
}
_row_of: Final = itemgetter(*_COLUMNS)
_TYPES: Final = {"anomaly_score": np.float64, "initial_anomaly_score": np.float64, "is_interim": np.bool_}


class Part(NamedTuple):
    """A part of the jobs: some ids, or the ids between two texts.

    Attributes:
        ids: the ids; None if the texts are given.
        first: the first text.
        stop: the text behind the last id.
    """

    ids: Sequence[str] | None
    first: str = ""
    stop: str = ""


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


class OverAllJobs(Protocol):
    """A peer that also takes later batches, and answers about all jobs or a part of them, without the count."""

    def load(self, ids: Sequence[str], columns: Columns) -> object:
        """Take the first rows, in order of timestamp, span and job. The column ``job`` has ranks of the ids."""

    def put(self, documents: Sequence[Document]) -> object:
        """Write a whole batch, all of it later than the rows so far."""

    def prepare_page(
        self, question: ResolvedQuery, part: Part | None = None, *, again: bool = False
    ) -> Callable[[], Any]:
        """A call that returns the page, or the count alone if the question has size 0.

        Args:
            question: the question.
            part: the part of the jobs, default all.
            again: use the plan that was found for the same question with other bounds.
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
        self._indexes = indexes
        self._pinned: dict[str, str] = {}
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._run = self._connection.execute
        self._run(
            "create table buckets (job_id text, timestamp integer, anomaly_score real, bucket_span integer,"
            " event_count integer, primary key (job_id, timestamp, bucket_span)) without rowid"
        )
        for name in indexes:
            self._run(f"create index {name} on buckets ({_INDEXES[name]})")

    def load(self, ids: Sequence[str], columns: Columns) -> object:
        """Insert the rows of arrays, in one transaction."""
        names = [ids[rank] for rank in columns["job"].tolist()]
        # It is quicker to make an index of all rows at once.
        for name in self._indexes:
            self._run(f"drop index {name}")
        self._run("begin")
        rows = zip(names, *(columns[name].tolist() for name in _COLUMNS[1:]), strict=True)
        self._connection.executemany("insert into buckets values (?, ?, ?, ?, ?)", rows)
        for name in self._indexes:
            self._run(f"create index {name} on buckets ({_INDEXES[name]})")
        self._run("commit")
        return self._run("analyze")

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

    def prepare_page(self, question: ResolvedQuery, part: Part | None = None, *, again: bool = False) -> Pages:
        """A call that returns the keys of the page, without the count; or a row with the count if the size is 0."""
        conditions, values = _where(question, part)
        if not question.size:
            return self._quickest(f"select count(*) from buckets %s{conditions}", values, again=again)
        text = f"select {columns_of(_KEY)} from buckets %s{conditions}{_order(question)} limit ? offset ?"
        return self._quickest(text, [*values, question.size, question.from_], again=again)

    def _quickest(self, text: str, values: Sequence[Any], *, again: bool = False) -> Callable[[], list[Any]]:
        """The statement with the quickest of the plans that it can have."""
        if again and text in self._pinned:
            return partial(self._ask, self._pinned[text], values)
        taken: dict[int, Callable[[], list[Any]]] = {}
        for plan in self._plans:
            statement = text.replace("%s", plan)
            ask = partial(self._ask, statement, values)
            try:
                quickest = quickest_of_three(ask)
            except sqlite3.OperationalError as error:
                if "no query solution" not in str(error):
                    raise
                continue
            if not taken or quickest < min(taken):
                self._pinned[text] = statement
            taken[quickest] = ask
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

    def load(self, ids: Sequence[str], columns: Columns) -> object:
        """Insert the rows of arrays."""
        given = {name: columns[name] for name in _COLUMNS[1:]}
        return self._insert({**given, "job_id": np.array(ids, dtype=np.object_)[columns["job"]]})

    def put(self, documents: Sequence[Document]) -> object:
        """Insert arrays, which is much quicker than row by row. Does not check whether a row is new."""
        given = {name: np.array([document[name] for document in documents]) for name in _COLUMNS[1:]}
        given["job_id"] = np.array([document["job_id"] for document in documents], dtype=np.object_)
        return self._insert(given)

    def _insert(self, given: Columns) -> object:
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

    def prepare_page(self, question: ResolvedQuery, part: Part | None = None, *, again: bool = False) -> Pages:
        """A call that returns the keys of the page, without the count; or a row with the count if the size is 0."""
        # A statement is parsed outside the time, so a plan need not be remembered.
        del again
        run, (conditions, values) = self._run, _where(question, part)
        if not question.size:
            count = self._parsed(f"select count(*) from buckets{conditions}")
            return lambda: run(count, values).fetchall()
        # The limits are constants: with placeholders DuckDB does not plan for few rows.
        cut = f" limit {question.size} offset {question.from_}"
        select = self._parsed(f"select {columns_of(_KEY)} from buckets{conditions}{_order(question)}{cut}")
        return lambda: run(select, values).fetchall()

    def _parsed(self, statement: str) -> Any:
        return self._connection.extract_statements(statement)[0]

    def keys(self, page: Sequence[Key]) -> Sequence[Key]:
        """The page itself, which is a list of keys."""
        return page


class InPolars:
    """An eager frame in order of timestamp, span and job, one thread. A job is the rank of its id.

    A batch adds a chunk. A window is a slice, found by binary search.
    """

    def __init__(self) -> None:
        # Polars reads the number of threads when it is imported.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
        self._polars: Any = import_module("polars")
        self._schema = {name: getattr(self._polars, kind) for name, kind in _OF_POLARS.items()}

    def load(self, ids: Sequence[str], columns: Columns) -> object:
        """Make the frame of arrays."""
        self._ids, self._ranks = ids, {job_id: rank for rank, job_id in enumerate(ids)}
        self._frame = self._polars.DataFrame({name: columns[name] for name in _OF_POLARS}, schema=self._schema)
        return self._frame

    def put(self, documents: Sequence[Document]) -> object:
        """Add a chunk."""
        given = {name: [document[name] for document in documents] for name in _OF_POLARS if name != "job"}
        given["job"] = [self._ranks[document["job_id"]] for document in documents]
        return self._frame.vstack(self._polars.DataFrame(given, schema=self._schema), in_place=True)

    def prepare_page(
        self, question: ResolvedQuery, part: Part | None = None, *, again: bool = False
    ) -> Callable[[], Any]:
        """A call that returns the keys of the page, without the count; or a row with the count if the size is 0."""
        del again
        polars, frame, start, size, desc = self._polars, self._frame, question.start, question.size, question.desc
        conditions = self._conditions(question, part)
        keys = list(dict.fromkeys((question.sort, "timestamp", "bucket_span", "job")))

        def page() -> Any:
            rows = frame if start is None else frame[frame["timestamp"].search_sorted(start) :]
            if not conditions and question.by_time:
                return rows.tail(size).reverse() if desc else rows.head(size)
            found = rows.lazy().filter(*conditions)
            if not size:
                return found.select(polars.len()).collect()
            if question.sort == "timestamp":
                return (found.tail(size).reverse() if desc else found.head(size)).collect()
            # Every such question here wants the highest values.
            return found.top_k(size, by=keys).sort(keys, descending=True).collect()

        return (lambda: page().rows()) if not size else lambda: self._keys(page())

    def _conditions(self, question: ResolvedQuery, part: Part | None) -> list[Any]:
        column, conditions = self._polars.col, []
        if question.threshold > 0:
            conditions.append(column("anomaly_score") >= question.threshold)
        if part is not None and part.ids is not None:
            conditions.append(column("job").is_in([self._ranks[job_id] for job_id in part.ids]))
        elif part is not None:
            first, stop = bisect_left(self._ids, part.first), bisect_left(self._ids, part.stop)
            conditions.append(column("job").is_between(first, stop, closed="left"))
        return conditions

    def _keys(self, page: Any) -> list[Key]:
        jobs = map(self._ids.__getitem__, page["job"].to_list())
        return list(zip(jobs, page["timestamp"].to_list(), page["bucket_span"].to_list(), strict=True))

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

OVER_ALL_JOBS: Final[dict[str, Callable[[], OverAllJobs]]] = {
    "sqlite": InSqlite,
    "duckdb": InDuckdb,
    "polars": InPolars,
}
"""The peers that take batches and answer about a part of the jobs."""


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


def _where(question: ResolvedQuery, part: Part | None = None) -> tuple[str, list[Any]]:
    assert not question.final_only
    conditions, values = where(question, "")
    if part is None:
        return conditions, values
    if part.ids is None:
        more, bounds = "job_id >= ? and job_id < ?", [part.first, part.stop]
    else:
        more, bounds = f"job_id in ({', '.join('?' * len(part.ids))})", list(part.ids)
    return (f"{conditions} and {more}" if conditions else f" where {more}"), [*values, *bounds]


def _order(question: ResolvedQuery) -> str:
    direction = "desc" if question.desc else "asc"
    return f"{order(question)}, bucket_span {direction}, job_id {direction}"
