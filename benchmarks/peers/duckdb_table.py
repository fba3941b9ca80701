"""DuckDB in memory, one thread: a table with its rows in time order, and parsed statements."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from benchmarks.peers.peer import row_of
from benchmarks.peers.sql import columns_of, order, where
from benchmarks.timing import quickest_of_three
from benchmarks.workloads import FIELDS, Columns, Document, Keys, ResolvedQuery, Row

Answer = Callable[[], tuple[int, list[Any]]]

_PUT: Final = f"insert into buckets values ({', '.join('?' * len(FIELDS))})"

duckdb: Any = import_module("duckdb")


class Store:
    """One table without an index: DuckDB's indexes serve single rows only, and make every write slower."""

    def load(self, columns: Columns) -> None:
        """Insert the arrays, sorted by time."""
        self._connection: Any = duckdb.connect(config={"threads": 1})
        given = dict(columns)
        self._connection.register("given", given)
        self._run(f"create table buckets as select {columns_of(FIELDS)} from given order by timestamp")
        self._connection.unregister("given")
        self._length = len(columns["timestamp"])
        self._is_one: dict[ResolvedQuery, bool] = {}
        self._put = self._parsed(_PUT)
        names = [name for name in FIELDS if name != "timestamp"]
        self._set = self._parsed(f"update buckets set {', '.join(f'{name} = ?' for name in names)} where timestamp = ?")

    def _run(self, statement: Any, values: Sequence[Any] = ()) -> Any:
        return self._connection.execute(statement, values)

    def _parsed(self, statement: str) -> Any:
        return self._connection.extract_statements(statement)[0]

    def prepare(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """One statement for the page and the count; or one for the page, and one for the count if the page lacks it."""
        rows = self._prepare(question, ("timestamp",))

        def keys() -> Keys:
            count, page = rows()
            return count, [row[0] for row in page]

        return keys

    def _prepare(self, question: ResolvedQuery, names: Sequence[str]) -> Answer:
        (conditions, values), columns = where(question, "not is_interim"), columns_of(names)
        if question.by_time and not conditions:
            return self._prepare_numbered(question, columns)
        # DuckDB returns rows in the order of the table, which is time order.
        ordered = "" if question.sort == "timestamp" and not question.desc else order(question)
        run, size, first = self._run, question.size, question.from_
        # The limits are constants, because with placeholders DuckDB does not plan for few rows. The limit is one row
        # more than the page has. If that row is missing, the last match is on the page, so the page gives the count.
        cut = f"{conditions}{ordered} limit {size + 1} offset {first}"
        select = self._parsed(f"select {columns} from buckets{cut}")
        if not conditions:
            return lambda: (self._length, run(select).fetchall()[:size])
        select_count = self._parsed(f"select count(*) from buckets{conditions}")
        if not size:
            return lambda: (run(select_count, values).fetchone()[0], [])
        select_both = self._parsed(f"select {columns}, count(*) over () from buckets{cut}")

        def counted() -> int:
            count: int = run(select_count, values).fetchone()[0]
            return count

        def two() -> tuple[int, list[Any]]:
            page = run(select, values).fetchall()
            if len(page) <= size and (page or not first):
                return first + len(page), page
            return counted(), page[:size]

        def one() -> tuple[int, list[Any]]:
            page = run(select_both, values).fetchall()
            return page[0][-1] if page else counted(), page[:size]

        return self._pin(two, one, question)

    def _pin(self, two: Answer, one: Answer, question: ResolvedQuery) -> Answer:
        """The faster of the two, measured once for each kind of question, length of the window and threshold."""
        length = None if question.start is None or question.end is None else question.end - question.start
        kind = question._replace(start=length, end=None, threshold=round(question.threshold, 1))
        if kind not in self._is_one:
            self._is_one[kind] = quickest_of_three(one) < quickest_of_three(two)
        return one if self._is_one[kind] else two

    def _prepare_numbered(self, question: ResolvedQuery, columns: str) -> Answer:
        """Select by row numbers, which are in time order, so that DuckDB neither sorts nor skips rows."""
        ordered = " order by rowid desc" if question.desc else ""
        select = self._parsed(f"select {columns} from buckets where rowid >= ? and rowid < ?{ordered}")
        run, first, last = self._run, question.from_, question.from_ + question.size
        if question.desc:
            return lambda: (self._length, run(select, (self._length - last, self._length - first)).fetchall())
        return lambda: (self._length, run(select, (first, last)).fetchall())

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page itself, which is a list of timestamps."""
        return page

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """Select all columns. If a row has the count behind them, the count is cut off."""
        answer = self._prepare(question, FIELDS)

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            return count, [row[: len(FIELDS)] for row in page]

        return rows

    def append(self, document: Document) -> None:
        """Insert one row, in a transaction of its own."""
        self._run(self._put, row_of(document))
        self._length += 1

    def replace(self, document: Document) -> None:
        """Update one row, in a transaction of its own."""
        timestamp, *values = row_of(document)
        self._run(self._set, (*values, timestamp))

    def rescore(self, columns: Columns) -> None:
        """Update from the arrays, in one statement."""
        given = {name: columns[name] for name in ("timestamp", "anomaly_score")}
        self._connection.register("given", given)
        self._run(
            "update buckets set anomaly_score = given.anomaly_score from given"
            " where buckets.timestamp = given.timestamp"
        )
        self._connection.unregister("given")

    def delete(self, start: int, end: int, *, interim_only: bool = False) -> int:
        """Delete the buckets of a window, in a transaction of their own. Returns their number.

        Row numbers are no longer those of time order afterwards, so ask no more pages by time.
        """
        interim = " and is_interim" if interim_only else ""
        statement = f"delete from buckets where timestamp >= ? and timestamp < ?{interim}"
        deleted = int(self._run(statement, (start, end)).fetchone()[0])
        self._length -= deleted
        return deleted

    def memory(self) -> int:
        """The bytes that DuckDB reports for its memory."""
        row = self._run("select sum(memory_usage_bytes) from duckdb_memory()").fetchone()
        return int(row[0])
