"""The peers of summaries: SQLite, DuckDB and Polars with the buckets and the influencers of many jobs, a table each.

A job and a host are numbers there, the rank of their name, which is quicker to group by than text.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from benchmarks.timing import quickest_of_three
from benchmarks.workloads import Columns

#: The lowest score of each severity but the lowest.
SEVERITIES: Final = (3.0, 25.0, 50.0, 75.0)
#: Thresholds are multiples of this, so a score is assigned to one by a product, without rounding.
STEPS_A_POINT: Final = 16


class Overall(NamedTuple):
    """The greatest scores of each interval: rows of interval and score, in order of time.

    Attributes:
        top: the number of jobs whose mean counts.
        start: the first instant.
        span_ms: the length of an interval.
        threshold: the lowest mean; 0 for all.
    """

    top: int
    start: int
    span_ms: int
    threshold: float


class Lanes(NamedTuple):
    """The greatest score of each lane and cell: rows of lane, cell and score, in any order.

    Attributes:
        table: ``buckets``, a lane for each job, or ``influencers``, a lane for each host.
        lanes: the number of lanes with the greatest scores.
        start: the first instant, a multiple of a cell.
        end: the last one, exclusive.
        cell_ms: the length of a cell.
    """

    table: str
    lanes: int
    start: int
    end: int
    cell_ms: int

    @property
    def lane(self) -> str:
        """The column of the lanes."""
        return "job" if self.table == "buckets" else "host"


class Top(NamedTuple):
    """Ten hosts: rows of host, greatest score, sum and number.

    Attributes:
        by: ``max`` or ``sum``.
        start: the first instant.
    """

    by: str
    start: int


class Severities(NamedTuple):
    """The number of buckets of each severity: one row.

    Attributes:
        start: the first instant.
    """

    start: int


class Thresholds(NamedTuple):
    """The number of buckets at or above each of the first thresholds: an array.

    Attributes:
        many: the number of thresholds, each `STEPS_A_POINT`th of a point.
        start: the first instant.
    """

    many: int
    start: int


Question = Overall | Lanes | Top | Severities | Thresholds


class Summaries(Protocol):
    """One way to summarise the results of many jobs without this library."""

    def load(self, buckets: Columns, influencers: Columns) -> object:
        """Take all rows, in order of time: ``timestamp``, ``score``, ``job``; and ``host`` of the influencers."""

    def prepare(self, question: Question) -> Callable[[], Any]:
        """A call that returns the answer: rows, or a tuple of arrays, whichever is quicker to read."""


def _statements(question: Question, divide: str) -> list[str]:
    """Statements that answer a question, any of which may be the quickest."""
    within = f"timestamp >= {question.start}"
    match question:
        case Overall(1, start, span, threshold):
            # If any score of an interval is at or above the threshold, then its greatest is.
            high = f" and score >= {threshold}" if threshold > 0 else ""
            text = f"select timestamp {divide} {span} as slot, max(score) from buckets where timestamp >= {start}{high}"
            return [f"{text} group by slot order by slot"]
        case Overall():
            return _of_several_jobs(question, divide)
        case Lanes(table, many, start, end, cell):
            lane, within = question.lane, f"{within} and timestamp < {end}"
            worst = f"select {lane} from {table} where {within} group by {lane} order by max(score) desc, {lane}"
            text = (
                f"select {lane}, (timestamp - {start}) {divide} {cell} as cell, max(score) from {table} where {within}"
            )
            return [f"{text} and {lane} in ({worst} limit {many}) group by {lane}, cell"]
        case Top(by):
            text = f"select host, max(score), sum(score), count(*) from influencers where {within}"
            return [f"{text} group by host order by {by}(score) desc, host limit 10"]
        case Severities():
            edges = (0.0, *SEVERITIES, 1_000.0)
            counts = (f"count(*) filter (where score >= {low} and score < {high})" for low, high in pairwise(edges))
            return [f"select {', '.join(counts)} from buckets where {within}"]
        case Thresholds(many):
            at = f"cast(floor(score * {STEPS_A_POINT}) as integer)" if divide == "//" else "cast(score * 16 as integer)"
            least = "least" if divide == "//" else "min"
            text = f"select {least}({at}, {many - 1}) as step, count(*) from buckets where {within} group by step"
            return [text]


def _of_several_jobs(question: Overall, divide: str) -> list[str]:
    """The mean of the greatest scores of several jobs. A job may have several buckets in an interval."""
    best = (
        f"select timestamp {divide} {question.span_ms} as slot, job, max(score) as best from buckets"
        f" where timestamp >= {question.start} group by slot, job"
    )
    having = f" having avg(best) >= {question.threshold}" if question.threshold > 0 else ""
    ranked = f"select slot, best, row_number() over (partition by slot order by best desc) as place from ({best})"
    texts = [
        f"select slot, avg(best) from ({ranked}) where place <= {question.top} group by slot{having} order by slot"
    ]
    if divide == "//":
        mean = f"list_avg(max(best, {question.top}))"
        having = f" having {mean} >= {question.threshold}" if question.threshold > 0 else ""
        texts.append(f"select slot, {mean} from ({best}) group by slot{having} order by slot")
    return texts


def _cumulated(question: Thresholds, steps: Sequence[int], counts: Sequence[int]) -> Any:
    """The number of rows at each threshold or above, by the number at each."""
    rows = np.zeros(question.many, dtype=np.int64)
    rows[steps] = counts
    return rows[::-1].cumsum()[::-1]


class InSqlite:
    """Two tables in memory, with covering indexes on time, job and host."""

    def load(self, buckets: Columns, influencers: Columns) -> object:
        """Insert the rows, then make the indexes."""
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        run = self._connection.execute
        run("begin")
        for table, names, columns in (
            ("buckets", ("timestamp", "score", "job"), buckets),
            ("influencers", ("timestamp", "score", "job", "host"), influencers),
        ):
            run(f"create table {table} ({', '.join(names)})")
            rows = zip(*(columns[name].tolist() for name in names), strict=True)
            self._connection.executemany(f"insert into {table} values ({', '.join('?' * len(names))})", rows)
        run("create index by_time on buckets (timestamp, score, job)")
        run("create index by_job on buckets (job, timestamp, score)")
        run("create index hosts_by_time on influencers (timestamp, score, host)")
        run("create index by_host on influencers (host, timestamp, score)")
        run("commit")
        return run("analyze")

    def prepare(self, question: Question) -> Callable[[], Any]:
        """A call that returns rows."""
        run, (statement,) = self._connection.execute, _statements(question, "/")
        if isinstance(question, Thresholds):
            return lambda: _cumulated(question, *map(list, zip(*run(statement), strict=True)))
        return lambda: run(statement).fetchall()


class InDuckdb:
    """Two tables in order of time, one thread, no index."""

    def load(self, buckets: Columns, influencers: Columns) -> object:
        """Make the tables of arrays."""
        self._connection: Any = import_module("duckdb").connect(config={"threads": 1})
        for table, columns in (("buckets", buckets), ("influencers", influencers)):
            self._connection.register("given", dict(columns))
            self._connection.execute(f"create table {table} as select * from given")
            self._connection.unregister("given")
        return None

    def prepare(self, question: Question) -> Callable[[], Any]:
        """A call that runs the quickest statement, which is parsed once, and returns arrays."""
        run = self._connection.execute
        parsed = [self._connection.extract_statements(text)[0] for text in _statements(question, "//")]
        if len(parsed) > 1:
            parsed.sort(key=lambda each: quickest_of_three(lambda: run(each).fetchnumpy()))
        statement = parsed[0]
        if isinstance(question, Thresholds):
            return lambda: _cumulated(question, *run(statement).fetchnumpy().values())
        return lambda: tuple(run(statement).fetchnumpy().values())


class InPolars:
    """Two eager frames in order of time, one thread, asked by lazy queries."""

    def load(self, buckets: Columns, influencers: Columns) -> object:
        """Make the frames of arrays."""
        # Polars reads the number of threads when it is imported.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
        self._polars: Any = import_module("polars")
        frames = {"buckets": buckets, "influencers": influencers}
        self._frames = {table: self._polars.DataFrame(dict(columns)) for table, columns in frames.items()}
        return self._frames

    def prepare(self, question: Question) -> Callable[[], Any]:
        """A call that collects a lazy query and returns arrays."""
        query = self._query(question)

        def ask() -> tuple[Any, ...]:
            return tuple(column.to_numpy() for column in query.collect())

        return (lambda: _cumulated(question, *ask())) if isinstance(question, Thresholds) else ask

    def _query(self, question: Question) -> Any:
        column, length = self._polars.col, self._polars.len()
        rows = self._frames[question.table if isinstance(question, Lanes) else _TABLES[type(question)]].lazy()
        rows = rows.filter(column("timestamp") >= question.start)
        score = column("score")
        match question:
            case Overall(top, _, span, threshold):
                slot = (column("timestamp") // span).alias("slot")
                if top == 1:
                    rows = rows.filter(score >= threshold) if threshold > 0 else rows
                    return rows.group_by(slot).agg(score.max()).sort("slot")
                means = rows.group_by(slot, "job").agg(score.max()).group_by("slot").agg(score.top_k(top).mean())
                return (means.filter(score >= threshold) if threshold > 0 else means).sort("slot")
            case Lanes(_, many, start, end, cell):
                rows, lane = rows.filter(column("timestamp") < end), question.lane
                best = rows.group_by(lane).agg(score.max()).sort("score", lane, descending=[True, False]).head(many)
                at = ((column("timestamp") - start) // cell).alias("cell")
                return rows.join(best.select(lane), on=lane, how="semi").group_by(lane, at).agg(score.max())
            case Top(by):
                figures = (score.max().alias("max"), score.sum().alias("sum"), length.alias("many"))
                return rows.group_by("host").agg(*figures).sort(by, "host", descending=[True, False]).head(10)
            case Severities():
                edges = (0.0, *SEVERITIES, 1_000.0)
                counts = (
                    score.is_between(low, high, closed="left").sum().alias(str(low)) for low, high in pairwise(edges)
                )
                return rows.select(*counts)
            case Thresholds(many):
                at = (score * STEPS_A_POINT).cast(self._polars.Int32).clip(upper_bound=many - 1)
                return rows.group_by(at.alias("step")).agg(length)


_TABLES: Final = {Overall: "buckets", Top: "influencers", Severities: "buckets", Thresholds: "buckets"}

KINDS: Final[dict[str, Callable[[], Summaries]]] = {"sqlite": InSqlite, "duckdb": InDuckdb, "polars": InPolars}
"""Every peer of summaries, by the name that it has in `benchmarks.peers.KINDS`."""
