"""Writes to very many jobs (F): batches with a new bucket for each job, single buckets, and the combined tables.

The garbage collector is on, as in a host: it takes more time than the writes if an index holds many objects for a job.
The times are those of the process, because a batch is too long to find a core idle again and again.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, count, islice
from statistics import median
from time import process_time_ns
from typing import Final

import numpy as np

from benchmarks.across import ALL, QUESTIONS
from benchmarks.job_sets import BATCHES, SPAN_MS, batches, bucket_of
from benchmarks.living import paired
from benchmarks.peers import is_installed
from benchmarks.peers.many_jobs import InDuckdb, InSqlite
from benchmarks.timing import Effort, Figures, WrongAnswer, alternate
from benchmarks.workloads import DAY_MS, FIRST_MS, Document
from bucketquery import BucketQuery, ResultsIndex

IN_USE: Final = "in use"
NOT_IN_USE: Final = "not in use"

#: Single commits of a sample, and those before it.
_COMMITS: Final = 20
_UNTIMED: Final = 5
#: At most this many runs, each with new indexes.
_RUNS: Final = 12
_COLLECTIONS: Final = 5


def _require(index: ResultsIndex, buckets: int) -> None:
    if (found := index.stats()["rows"]["bucket"]) != buckets:
        raise WrongAnswer(f"{found} buckets of many jobs, not {buckets}")


def _ask(index: ResultsIndex, since: int) -> None:
    """Ask every question over all jobs."""
    for parameters in QUESTIONS.values():
        if not index.search(BucketQuery(jobs=ALL, **parameters(since))).count:
            raise WrongAnswer("no bucket matches")


def measure_writes(jobs: int, effort: Effort, peers: Sequence[str]) -> tuple[Figures, Figures, Figures]:
    """Documents a second; milliseconds of a full collection afterwards; and bytes a row of the combined tables.

    The rates are of new jobs and of known ones. The collection is that of the index alone: without it, it takes that
    much less. The bytes are those that questions over all jobs add.

    Raises:
        WrongAnswer: buckets are missing.
    """
    index = ResultsIndex()
    tables: dict[str, InSqlite | InDuckdb] = {}
    if "sqlite" in peers:
        tables["sqlite"] = InSqlite(["by_score"])
    if "duckdb" in peers and is_installed("duckdb"):
        tables["duckdb"] = InDuckdb()
    contestants = {"index": index.upsert, **{name: peer.put for name, peer in tables.items()}}
    taken = alternate(contestants, batches(jobs), collects=True, clock=process_time_ns)
    rates = {
        f"F {jobs:,} jobs are made with a bucket each": {name: jobs / some[0] * 1e6 for name, some in taken.items()},
        "F one more bucket for each": {name: jobs / median(some[1:]) * 1e6 for name, some in taken.items()},
    }
    _require(index, jobs * BATCHES)
    before = index.stats()["bytes"]
    _ask(index, FIRST_MS + BATCHES * SPAN_MS - DAY_MS)
    weights = {"after questions": {"reported": (index.stats()["bytes"] - before) / (jobs * BATCHES)}}
    collecting = _collection_ms(effort)
    # These hold the index too.
    del index, contestants
    without = _collection_ms(effort)
    collections = {f"{jobs * BATCHES:,} buckets of {jobs:,} jobs": {"index": max(1e-6, collecting - without)}}
    return rates, collections, weights


def _collection_ms(effort: Effort) -> float:
    """The time of a full collection that finds nothing."""
    gc.collect()
    taken = []
    for _ in range(min(_COLLECTIONS, effort.rounds)):
        begun = process_time_ns()
        gc.collect()
        taken.append((process_time_ns() - begun) / 1e6)
    return median(taken)


def measure_upkeep(jobs: int, effort: Effort) -> Figures:
    """What it costs to write while questions over all jobs are asked, microseconds a document.

    Two indexes get the same documents, in turn. One of them is asked every question before each sample. There are
    several runs, each with new indexes. Every batch counts, also those of the first run, which gets its memory from the
    system.

    Raises:
        WrongAnswer: buckets are missing, or no bucket matches a question.
    """
    rounds = min(15, effort.rounds)
    runs = [_in_turn(jobs, rounds, 0)[0] for _ in range(min(_RUNS, effort.rounds) - 1)]
    last, singles = _in_turn(jobs, rounds, 4 * effort.rounds)
    every = {name: [*chain.from_iterable(run[name] for run in (*runs, last))] for name in last}
    return {
        f"a bucket for each of {jobs:,} jobs": paired(every, 1 / jobs, (IN_USE, NOT_IN_USE)),
        "single buckets": paired(singles, 1 / _COMMITS, (IN_USE, NOT_IN_USE)),
    }


def _in_turn(
    jobs: int, rounds: int, blocks: int
) -> tuple[Mapping[str, Sequence[float]], Mapping[str, Sequence[float]]]:
    """The samples of both indexes: batches with a bucket for every job, and some blocks of single writes."""
    indexes = {IN_USE: ResultsIndex(), NOT_IN_USE: ResultsIndex()}
    for batch in batches(jobs, 3):
        for index in indexes.values():
            index.upsert(batch)
    newest = FIRST_MS + 2 * SPAN_MS

    def asked(coming: Iterator[list[Document]], untimed: int = 0) -> Iterator[list[Document]]:
        """Ask before each sample. Some single writes come between, because the first ones find cold caches."""
        for documents in coming:
            _ask(indexes[IN_USE], newest + SPAN_MS - DAY_MS)
            for document in documents[:untimed]:
                for index in indexes.values():
                    index.upsert([document])
            yield documents[untimed:]

    writes = {name: index.upsert for name, index in indexes.items()}
    of_batches = alternate(writes, asked(batches(jobs, rounds, first=3)), collects=True, clock=process_time_ns)
    newest += rounds * SPAN_MS
    singles = {name: _writing(index) for name, index in indexes.items()}
    coming = list(_blocks(jobs, newest, blocks))
    of_singles = alternate(singles, asked(iter(coming), _UNTIMED), collects=True, clock=process_time_ns)
    for index in indexes.values():
        _require(index, jobs * (3 + rounds) + sum(map(len, coming)))
    return of_batches, of_singles


def _writing(index: ResultsIndex) -> Callable[[Sequence[Document]], object]:
    upsert = index.upsert

    def write(documents: Sequence[Document]) -> None:
        for document in documents:
            upsert([document])

    return write


def _blocks(jobs: int, newest: int, many: int) -> Iterator[list[Document]]:
    """Buckets of random jobs, each a second later."""
    rng = np.random.default_rng(newest)
    coming = (
        bucket_of(int(rng.integers(jobs)), newest + 1_000 * number, 100 * rng.random() ** 8) for number in count(1)
    )
    for _ in range(many):
        yield list(islice(coming, _UNTIMED + _COMMITS))
