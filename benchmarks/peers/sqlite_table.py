"""SQLite in memory, with covering indexes; its statements are prepared, and their plans pinned."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from benchmarks.peers.peer import row_of
from benchmarks.peers.sql import columns_of, order, where
from benchmarks.timing import quickest_of_three
from benchmarks.workloads import FIELDS, Columns, Document, Keys, ResolvedQuery, Row

_PLANS: Final = ("", "not indexed", "indexed by by_score", "indexed by by_events")
_PUT: Final = f"insert into buckets values ({', '.join('?' * len(FIELDS))})"
_loads: Callable[[str], list[int]] = import_module("orjson" if find_spec("orjson") else "json").loads
#: A page of this many timestamps is quicker to read as one JSON text than as rows.
_MANY: Final = 50
_TABLE: Final = """
create table buckets (
    timestamp integer primary key, anomaly_score real, bucket_span integer, initial_anomaly_score real,
    event_count integer, is_interim integer, processing_time_ms integer
)"""


class Store:
    """One table with its rows in order of time, an index on the score and one on the events."""

    def load(self, columns: Columns) -> None:
        """Insert the rows in the order they come, then make the indexes and run ``analyze``."""
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=1_024)
        self._run = self._connection.execute
        self._cursor = self._connection.cursor()
        self._run(_TABLE)
        self._run("begin")
        self._connection.executemany(_PUT, zip(*(columns[name].tolist() for name in FIELDS), strict=True))
        self._run("commit")
        self._run("create index by_score on buckets (anomaly_score, timestamp)")
        self._run("create index by_events on buckets (event_count, timestamp)")
        self._run("analyze")
        # SQLite counts a table by walking it, so the number is kept here.
        self._length = len(columns["timestamp"])
        self._pinned: dict[tuple[object, ...], str] = {}

    def prepare(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """A statement for the page, and one for the count if the page does not give it.

        SQLite joins 50 or more timestamps to one JSON text, which is quicker to read than rows.
        """
        if question.size < _MANY:
            rows = self._prepare(question, "select timestamp from buckets")

            def keys() -> Keys:
                count, page = rows()
                return count, [timestamp for (timestamp,) in page]

            return keys
        return self._prepare(question, "select timestamp from buckets", in_one=True)

    def _prepare(
        self, question: ResolvedQuery, select: str, *, in_one: bool = False
    ) -> Callable[[], tuple[int, list[Any]]]:
        conditions, values = where(question, "is_interim = 0")
        run, size, first = self._cursor.execute, question.size, question.from_
        select_count = self._pin(f"select count(*) from buckets %s {conditions}", values, question)
        if not size and conditions:
            return lambda: (run(select_count, values).fetchone()[0], [])
        # The limit is one row more than the page has. If that row is missing, the last match is on the page, so the
        # page gives the count.
        paged = [*values, size + 1 if conditions else size, first]
        text = f"{select} %s {conditions}{order(question)} limit ? offset ?"
        page_of = self._pin(f"select json_group_array(timestamp) from ({text})" if in_one else text, paged, question)

        def page() -> list[Any]:
            found = run(page_of, paged)
            return _loads(found.fetchone()[0]) if in_one else found.fetchall()

        def counted() -> tuple[int, list[Any]]:
            found = page()
            if len(found) <= size and (found or not first):
                return first + len(found), found
            return run(select_count, values).fetchone()[0], found[:size]

        return counted if conditions else lambda: (self._length, page())

    def _pin(self, text: str, values: Sequence[Any], question: ResolvedQuery) -> str:
        """The statement with the quickest of the plans that it can have.

        The plans are tried once for each length of a window and each threshold, because the quickest depends on both.
        """
        length = None if question.start is None or question.end is None else question.end - question.start
        kind = (text, length, round(question.threshold, 1))
        if kind not in self._pinned:
            taken = {}
            for plan in _PLANS:
                statement = text.replace("%s", plan)
                try:
                    taken[statement] = quickest_of_three(partial(self._all, statement, values))
                except sqlite3.OperationalError as error:
                    if "no query solution" not in str(error):
                        raise
            self._pinned[kind] = min(taken, key=taken.__getitem__)
        return self._pinned[kind]

    def _all(self, statement: str, values: Sequence[Any]) -> list[Any]:
        return self._run(statement, values).fetchall()

    def keys(self, page: Sequence[int]) -> Sequence[int]:
        """The page itself, which is a list of timestamps."""
        return page

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """Select all columns, and turn SQLite's numbers into booleans."""
        answer = self._prepare(question, f"select {columns_of(FIELDS)} from buckets")

        def rows() -> tuple[int, Sequence[Row]]:
            count, page = answer()
            return count, [(*before, bool(interim), after) for *before, interim, after in page]

        return rows

    def append(self, document: Document) -> None:
        """Insert one row, in a transaction of its own."""
        self._run(_PUT, row_of(document))
        self._length += 1

    def replace(self, document: Document) -> None:
        """Update the fields that a bucket's next version may change, in a transaction of its own."""
        self._run(
            "update buckets set anomaly_score = ?, initial_anomaly_score = ?, event_count = ?, is_interim = ?,"
            " processing_time_ms = ? where timestamp = ?",
            (
                document["anomaly_score"],
                document["initial_anomaly_score"],
                document["event_count"],
                document["is_interim"],
                document["processing_time_ms"],
                document["timestamp"],
            ),
        )

    def rescore(self, columns: Columns) -> None:
        """Update one bucket at a time, all in one transaction."""
        scores = zip(columns["anomaly_score"].tolist(), columns["timestamp"].tolist(), strict=True)
        self._run("begin")
        self._connection.executemany("update buckets set anomaly_score = ? where timestamp = ?", scores)
        self._run("commit")

    def delete(self, start: int, end: int, *, interim_only: bool = False) -> int:
        """Delete the buckets of a window, in a transaction of their own. Returns their number."""
        interim = " and is_interim" if interim_only else ""
        deleted = self._run(
            f"delete from buckets where timestamp >= ? and timestamp < ?{interim}", (start, end)
        ).rowcount
        self._length -= deleted
        return deleted

    def memory(self) -> int:
        """The bytes of all pages of the database, indexes included."""
        pages, page_bytes = (self._run(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages * page_bytes)
