"""F: very many jobs, one new bucket for each in a batch; then the highest scores over all of them in the last day."""

import sqlite3
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import repeat
from statistics import median
from time import perf_counter_ns
from typing import Any, Final, Protocol

import numpy as np

from benchmarks.peers import is_installed
from benchmarks.timing import Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import DAY_MS, FIRST_MS, Document
from bucketquery import BucketQuery, InvalidQuery, ResultsIndex

BATCHES: Final = 10
#: So long that ten batches are more than a day.
SPAN_S: Final = 3 * 3_600
SPAN_MS: Final = SPAN_S * 1_000
FIELDS: Final = ("job_id", "timestamp", "anomaly_score", "bucket_span", "event_count")
SINCE: Final = FIRST_MS + BATCHES * SPAN_MS - DAY_MS

Top = list[tuple[str, int]]


def batches(jobs: int) -> list[list[Document]]:
    """A new final bucket for each job, again and again; scores of chance, no two alike."""
    rng = np.random.default_rng(jobs)
    return [
        [
            {
                "job_id": f"job-{job}",
                "timestamp": FIRST_MS + batch * SPAN_MS,
                "anomaly_score": score,
                "bucket_span": SPAN_S,
                "initial_anomaly_score": score,
                "event_count": job,
                "is_interim": False,
                "bucket_influencers": [],
                "processing_time_ms": 5,
                "result_type": "bucket",
            }
            for job, score in enumerate((100 * rng.random(jobs) ** 8).tolist())
        ]
        for batch in range(BATCHES)
    ]


class Fleet(Protocol):
    """What holds the buckets of all jobs."""

    def put(self, documents: Sequence[Document]) -> object:
        """Write a batch, all or nothing."""

    def prepare(self) -> Callable[[], Top] | None:
        """What gives job and timestamp of the 100 highest scores of the last day; None where it cannot."""


class Ours:
    """The index."""

    def __init__(self, jobs: Sequence[str]) -> None:
        self._index = ResultsIndex()
        self._jobs = jobs
        self.put = self._index.upsert

    def prepare(self) -> Callable[[], Top] | None:
        """One question over all jobs, by their ids."""
        try:
            query = BucketQuery(jobs=self._jobs, start=SINCE, sort="anomaly_score", desc=True)
        except InvalidQuery:
            return None
        search = self._index.search

        def top() -> Top:
            keys = search(query).keys()
            return [(job, timestamp) for job, timestamp, _ in keys]

        return top


class InSqlite:
    """One table with a column for the job, its identity the key, and indexes on time and on score."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.execute(
            "create table buckets (job_id text, timestamp integer, anomaly_score real, bucket_span integer,"
            " event_count integer, primary key (job_id, timestamp, bucket_span)) without rowid"
        )
        self._connection.execute("create index by_time on buckets (timestamp, anomaly_score)")
        self._connection.execute("create index by_score on buckets (anomaly_score, timestamp)")

    def put(self, documents: Sequence[Document]) -> object:
        """One transaction."""
        run = self._connection.execute
        run("begin")
        rows = ([document[name] for name in FIELDS] for document in documents)
        self._connection.executemany("insert or replace into buckets values (?, ?, ?, ?, ?)", rows)
        return run("commit")

    def prepare(self) -> Callable[[], Top] | None:
        """By whichever index answers sooner."""
        calls: dict[int, Callable[[], Top]] = {}
        for name in ("by_time", "by_score"):
            text = (
                f"select job_id, timestamp from buckets indexed by {name} where timestamp >= ?"  # noqa: S608 - the names above
                " order by anomaly_score desc, timestamp desc limit 100"
            )
            ask = self._asking(text)
            calls[_once(ask)] = ask
        return calls[min(calls)]

    def _asking(self, text: str) -> Callable[[], Top]:
        run = self._connection.execute
        return lambda: run(text, (SINCE,)).fetchall()


class InDuckdb:
    """One table with a column for the job."""

    def __init__(self) -> None:
        self._connection: Any = import_module("duckdb").connect(config={"threads": 1})
        self._connection.execute(
            "create table buckets (job_id text, timestamp bigint, anomaly_score double, bucket_span bigint,"
            " event_count bigint)"
        )

    def put(self, documents: Sequence[Document]) -> object:
        """As arrays, which it takes in much sooner than row by row; whether a row is new is not asked."""
        given = {name: np.array([document[name] for document in documents]) for name in FIELDS[1:]}
        given["job_id"] = np.array([document["job_id"] for document in documents], dtype=np.object_)
        self._connection.register("given", given)
        self._connection.execute(f"insert into buckets select {', '.join(FIELDS)} from given")  # noqa: S608 - names of fields
        return self._connection.unregister("given")

    def prepare(self) -> Callable[[], Top] | None:
        """A statement parsed beforehand."""
        run = self._connection.execute
        statement = self._connection.extract_statements(
            "select job_id, timestamp from buckets where timestamp >= ?"
            " order by anomaly_score desc, timestamp desc limit 100"
        )[0]
        return lambda: run(statement, (SINCE,)).fetchall()


def _once(call: Callable[[], object]) -> int:
    def timed() -> int:
        begun = perf_counter_ns()
        call()
        return perf_counter_ns() - begun

    return min(timed() for _ in repeat(None, 3))


def measure(jobs: int, effort: Effort, peers: Sequence[str]) -> tuple[Figures, Figures]:
    """Documents a second, while jobs are made and once they exist; and the question over all, microseconds.

    Raises:
        WrongAnswer: somebody finds other buckets than those with the highest scores.
    """
    documents = batches(jobs)
    contestants: dict[str, Fleet] = {"index": Ours([document["job_id"] for document in documents[0]])}
    if "sqlite" in peers:
        contestants["sqlite"] = InSqlite()
    if "duckdb" in peers and is_installed("duckdb"):
        contestants["duckdb"] = InDuckdb()
    taken = alternate({name: fleet.put for name, fleet in contestants.items()}, documents)
    rates = {
        f"F {jobs:,} jobs are made with a bucket each": {name: jobs / some[0] * 1e6 for name, some in taken.items()},
        "F one more bucket for each": {name: jobs / median(some[1:]) * 1e6 for name, some in taken.items()},
    }
    newest = [document for batch in documents for document in batch if document["timestamp"] >= SINCE]
    newest.sort(key=lambda document: (document["anomaly_score"], document["timestamp"]), reverse=True)
    right = [(document["job_id"], document["timestamp"]) for document in newest[:100]]
    calls = {name: call for name, fleet in contestants.items() if (call := fleet.prepare()) is not None}
    for name, call in calls.items():
        if call() != right:
            raise WrongAnswer(f"the highest scores over all jobs, {name}")
    return rates, {
        "F the top 100 over all jobs in the last day": race({name: [call] for name, call in calls.items()}, effort)
    }
