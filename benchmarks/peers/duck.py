"""DuckDB in memory, one thread: a table in order of time, whose zone maps know that; statements parsed beforehand."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from benchmarks.peers.peer import FIELDS, Row, row_of
from benchmarks.peers.sql import columns_of, order, where
from benchmarks.workloads import Columns, Document, Keys, Question

_PUT: Final = f"insert into buckets values ({', '.join('?' * len(FIELDS))})"

duckdb: Any = import_module("duckdb")


class Held:
    """One table. It has no index: those of DuckDB serve single rows only, and make every write slower."""

    def load(self, columns: Columns) -> None:
        """Take the arrays in, sorted by time."""
        self._connection: Any = duckdb.connect(config={"threads": 1})
        given = dict(columns)
        self._connection.register("given", given)
        self._run(f"create table buckets as select {columns_of(FIELDS)} from given order by timestamp")
        self._connection.unregister("given")
        self._length = len(columns["timestamp"])

    def _run(self, statement: Any, values: Sequence[Any] = ()) -> Any:
        return self._connection.execute(statement, values)

    def _parsed(self, statement: str) -> Any:
        return self._connection.extract_statements(statement)[0]

    def prepare(self, question: Question) -> Callable[[], Keys]:
        """A statement for the count, where that is not known, and one for the page."""
        rows = self._prepare(question, ("timestamp",))

        def keys() -> Keys:
            count, page = rows()
            return count, [timestamp for (timestamp,) in page]

        return keys

    def _prepare(self, question: Question, names: Sequence[str]) -> Callable[[], tuple[int, list[Any]]]:
        run, (conditions, values) = self._connection.execute, where(question, "not is_interim")
        # Constants: with placeholders here it does not know that it needs few.
        cut = f" limit {question.size} offset {question.from_}"
        select = self._parsed(f"select {columns_of(names)} from buckets{conditions}{order(question)}{cut}")
        if not conditions:
            return lambda: (self._length, run(select).fetchall())
        select_count = self._parsed(f"select count(*) from buckets{conditions}")
        if not question.size:
            return lambda: (run(select_count, values).fetchone()[0], [])
        return lambda: (run(select_count, values).fetchone()[0], run(select, values).fetchall())

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page has been its timestamps all along."""
        return page

    def prepare_rows(self, question: Question) -> Callable[[], tuple[int, Sequence[Row]]]:
        """All columns."""
        return self._prepare(question, FIELDS)

    def append(self, document: Document) -> None:
        """One insert, committed."""
        self._run(_PUT, row_of(document))
        self._length += 1

    def replace(self, document: Document) -> None:
        """One update, committed."""
        names = [name for name in FIELDS if name != "timestamp"]
        values = [document[name] for name in names]
        assignments = ", ".join(f"{name} = ?" for name in names)
        self._run(f"update buckets set {assignments} where timestamp = ?", [*values, document["timestamp"]])

    def rescore(self, columns: Columns) -> None:
        """One update from the arrays."""
        given = {name: columns[name] for name in ("timestamp", "anomaly_score")}
        self._connection.register("given", given)
        self._run(
            "update buckets set anomaly_score = given.anomaly_score from given"
            " where buckets.timestamp = given.timestamp"
        )
        self._connection.unregister("given")

    def memory(self) -> int:
        """What its tables in memory take."""
        told = self._run("select sum(memory_usage_bytes) from duckdb_memory()").fetchone()
        return int(told[0])
