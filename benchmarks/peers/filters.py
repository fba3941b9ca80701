"""The peers of entity filters: SQLite with covering indexes, and Polars, with the records and the buckets of a set.

A host, a partition, a function and a job are numbers there, the rank of their name, which is quicker to compare than
text. No two records have the same score, so an order by score needs no more keys.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol

from benchmarks.timing import quickest_of_three
from benchmarks.workloads import Columns

Key = tuple[int, ...]
"""The numbers of a record but its score, in the order of its columns; of a bucket, its timestamp."""


class Question(NamedTuple):
    """The newest records of some hosts, or those with the highest scores, or the newest buckets with such a record.

    Attributes:
        hosts: the hosts, any of which a record may have.
        size: the most rows of the page.
        partition: the partition; None for all.
        threshold: the lowest score; 0 for all.
        is_by_score: whether the highest scores come first, default the newest.
        is_of_buckets: whether buckets are asked for, default records.
    """

    hosts: tuple[int, ...]
    size: int
    partition: int | None = None
    threshold: float = 0.0
    is_by_score: bool = False
    is_of_buckets: bool = False


Answer = Callable[[], tuple[int, list[Key]]]


class Filters(Protocol):
    """One way to filter records by an entity without this library."""

    def load(self, records: Columns, buckets: Sequence[int]) -> object:
        """Take all records, in order of time, and the timestamps of all buckets, ascending."""

    def prepare(self, question: Question) -> Answer:
        """A call that returns the exact count and the page."""


class InSqlite:
    """A table of records with six covering indexes, and a table of buckets by timestamp."""

    #: The first columns of each index of records. All other columns follow, so no question reads the table.
    _INDEXES: Final = (
        ("host", "timestamp", "score"),
        ("host", "score", "timestamp"),
        ("partition", "host", "timestamp", "score"),
        ("partition", "host", "score", "timestamp"),
        ("timestamp", "score", "host"),
        ("score", "timestamp", "host"),
    )

    def load(self, records: Columns, buckets: Sequence[int]) -> None:
        """Insert all rows, make the indexes, and run ``analyze``."""
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=1_024)
        self._run = self._connection.execute
        self._names = list(records)
        self._put = f"insert into records values ({', '.join('?' * len(records))})"
        # Without these types, SQLite could not look up the timestamps of buckets in an index of records.
        typed = [f"{name} {'real' if name == 'score' else 'integer'}" for name in self._names]
        self._run(f"create table records ({', '.join(typed)})")
        self._run("create table buckets (timestamp integer primary key)")
        self._run("begin")
        rows = zip(*(column.tolist() for column in records.values()), strict=True)
        self._connection.executemany(self._put, rows)
        self._connection.executemany("insert into buckets values (?)", ((timestamp,) for timestamp in buckets))
        self._run("commit")
        for first in self._INDEXES:
            columns = [*first, *(name for name in self._names if name not in first)]
            self._run(f"create index by_{'_'.join(first)} on records ({', '.join(columns)})")
        self._run("analyze")

    def prepare(self, question: Question) -> Answer:
        """A statement for the page, and one for the count if the page does not give it."""
        run, size = self._run, question.size
        page_of, paged = self._pin(self._pages(question)), [*_values(question), size + 1]
        count_of, counted = self._pin(self._counts(question)), _values(question)

        def answer() -> tuple[int, list[Key]]:
            # The limit is one row more than the page has. If that row is missing, the page has all matches.
            found = run(page_of, paged).fetchall()
            if len(found) <= size:
                return len(found), found
            return run(count_of, counted).fetchone()[0], found[:size]

        return answer

    def prepare_page(self, question: Question) -> Callable[[], list[Key]]:
        """A statement for the page alone."""
        run, page_of, values = self._run, self._pin(self._pages(question)), [*_values(question), question.size]
        return lambda: run(page_of, values).fetchall()

    def append(self, record: Sequence[float]) -> None:
        """Insert a record and a bucket of its timestamp, in one transaction."""
        self._run("begin")
        self._run(self._put, record)
        self._run("insert into buckets values (?)", record[:1])
        self._run("commit")

    def _pages(self, question: Question) -> list[tuple[str, list[float]]]:
        """Statements for a page, any of which may be the quickest, with values to try them."""
        where, tried = _conditions(question), [*_values(question), question.size]
        if question.is_of_buckets:
            texts = [f"{text} order by timestamp desc limit ?" for text in _of_buckets(where)]
            return [(text, tried) for text in texts]
        key = ", ".join(name for name in self._names if name != "score")
        order = "score desc" if question.is_by_score else "timestamp desc, score desc"
        hints = self._hints(question)
        return [(f"select {key} from records {hint} {where} order by {order} limit ?", tried) for hint in hints]

    def _counts(self, question: Question) -> list[tuple[str, list[float]]]:
        where, tried = _conditions(question), _values(question)
        if question.is_of_buckets:
            return [(f"select count(*) from ({text})", tried) for text in _of_buckets(where)]
        return [(f"select count(*) from records {hint} {where}", tried) for hint in self._hints(question)]

    def _hints(self, question: Question) -> list[str]:
        """SQLite's own choice, and each index that begins with a column that has to have a value."""
        begins = {"host"} if question.partition is None else {"host", "partition"}
        return ["", *(f"indexed by by_{'_'.join(some)}" for some in self._INDEXES if some[0] in begins)]

    def _pin(self, statements: Sequence[tuple[str, list[float]]]) -> str:
        """The quickest of some statements."""
        taken = {text: quickest_of_three(partial(self._all, text, values)) for text, values in statements}
        return min(taken, key=taken.__getitem__)

    def _all(self, text: str, values: list[float]) -> list[Key]:
        return self._run(text, values).fetchall()


def _conditions(question: Question) -> str:
    hosts = "host = ?" if len(question.hosts) == 1 else f"host in ({', '.join('?' * len(question.hosts))})"
    partition = "" if question.partition is None else " and partition = ?"
    return f"where {hosts}{partition}{' and score >= ?' if question.threshold > 0 else ''}"


def _values(question: Question) -> list[float]:
    values: list[float] = [*question.hosts]
    if question.partition is not None:
        values.append(question.partition)
    return [*values, question.threshold] if question.threshold > 0 else values


def _of_buckets(where: str) -> list[str]:
    """The buckets with a record that meets the conditions: by a list of timestamps, by a join, or bucket by bucket."""
    of_bucket = f"select 1 from records {where} and records.timestamp = buckets.timestamp"
    return [
        f"select timestamp from buckets where timestamp in (select timestamp from records {where})",
        f"select distinct timestamp from records join buckets using (timestamp) {where}",
        f"select timestamp from buckets where exists ({of_bucket})",
    ]


class InPolars:
    """An eager frame, one thread: masks, the numbers of the rows that pass, and a bound for the highest scores."""

    def load(self, records: Columns, buckets: Sequence[int]) -> None:
        """Make two frames of the arrays, sorted by time."""
        # Polars reads this when it is imported.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
        polars: Any = import_module("polars")
        self._records = polars.DataFrame(dict(records)).sort("timestamp", "score").rechunk()
        self._keys = self._records.drop("score")
        self._buckets = polars.DataFrame({"timestamp": buckets}).set_sorted("timestamp")

    def prepare(self, question: Question) -> Answer:
        """A call on the columns, because calls on a frame take longer."""
        timestamps, scores = self._records.get_column("timestamp"), self._records.get_column("score")
        partitions, size = self._records.get_column("partition"), question.size
        hosts = self._records.get_column("host")

        def mask() -> Any:
            passes = hosts == question.hosts[0]
            for host in question.hosts[1:]:
                passes |= hosts == host
            if question.partition is not None:
                passes &= partitions == question.partition
            return passes & (scores >= question.threshold) if question.threshold > 0 else passes

        def newest() -> tuple[int, list[Key]]:
            rows = mask().arg_true()
            return len(rows), self._keys[rows.tail(size).reverse()].rows()

        def highest() -> tuple[int, list[Key]]:
            rows = mask().arg_true()
            count, values = len(rows), scores.gather(rows)
            if count > 4 * size:
                rows = rows.filter(values >= values.top_k(size).min())
                values = scores.gather(rows)
            return count, self._keys[rows.gather(values.arg_sort(descending=True).head(size))].rows()

        def of_buckets() -> tuple[int, list[Key]]:
            instants = timestamps.filter(mask()).to_frame()
            found = self._buckets.join(instants, on="timestamp", how="semi", maintain_order="left")
            return found.height, found.tail(size).reverse().rows()

        return of_buckets if question.is_of_buckets else highest if question.is_by_score else newest


KINDS: Final[dict[str, Callable[[], Filters]]] = {"sqlite": InSqlite, "polars": InPolars}
"""The peers that filter, by name."""
