"""F: batches with a new bucket for each of very many jobs; then the highest scores of the last day over all jobs."""

import gc
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.peers import is_installed
from benchmarks.peers.many_jobs import InDuckdb, InSqlite, Key
from benchmarks.timing import Effort, Figures, WrongAnswer, alternate, quickest_of_three, race
from benchmarks.workloads import DAY_MS, FIRST_MS, Document, ResolvedQuery
from bucketquery import BucketQuery, InvalidQuery, LimitExceeded, ResultsIndex

BATCHES: Final = 10
#: Three hours, so that ten batches are more than a day.
SPAN_S: Final = 3 * 3_600
SPAN_MS: Final = SPAN_S * 1_000
SINCE: Final = FIRST_MS + BATCHES * SPAN_MS - DAY_MS
HIGHEST: Final[dict[str, Any]] = {"start": SINCE, "sort": "anomaly_score", "desc": True}
"""The highest scores of the last day."""

Top = Sequence[Key]


def batches(jobs: int, number: int = BATCHES) -> list[list[Document]]:
    """Batches with a new final bucket for every job. The scores are random, and no two are equal.

    Args:
        jobs: the number of jobs.
        number: the number of batches, default `BATCHES`.
    """
    return [*each_batch(jobs, number)]


def each_batch(jobs: int, number: int = BATCHES) -> Iterator[list[Document]]:
    """The result of `batches`, one batch after the other."""
    rng = np.random.default_rng(jobs)
    for batch in range(number):
        yield [
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


def index_call(index: ResultsIndex, jobs: Sequence[str]) -> Callable[[], Top] | None:
    """A call that returns the keys of the 100 highest scores of these jobs.

    None if the index refuses that number of jobs in one query, as older commits do.
    """
    try:
        query = BucketQuery(jobs=jobs, **HIGHEST)
    except (InvalidQuery, LimitExceeded):
        return None
    return lambda: index.search(query).keys()


def measure_collector(jobs: int) -> tuple[Figures, Figures]:
    """Documents a second with the garbage collector on, and the time of a full collection afterwards, microseconds.

    Only the documents of one batch exist at a time, as in a host. The collection visits the whole process, which has
    about 30,000 other objects.
    """
    index = ResultsIndex()
    (taken,) = alternate({"index": index.upsert}, each_batch(jobs), collects=True).values()
    gc.collect()
    rates: Figures = {
        f"F {jobs:,} jobs are made, garbage collector on": {"index": jobs / taken[0] * 1e6},
        "F one more bucket for each, garbage collector on": {"index": jobs / median(taken[1:]) * 1e6},
    }
    return rates, {f"F a full garbage collection, {jobs:,} jobs": {"index": quickest_of_three(gc.collect) / 1e3}}


def measure(jobs: int, effort: Effort, peers: Sequence[str]) -> tuple[Figures, Figures]:
    """Documents a second, for new jobs and for known ones; and the time of the question over all jobs, microseconds.

    Raises:
        WrongAnswer: an answer does not have exactly the buckets with the highest scores.
    """
    # This comes first, because the collector would visit the documents of all batches.
    with_collector, collections = measure_collector(jobs)
    documents = batches(jobs)
    index = ResultsIndex()
    tables: dict[str, InSqlite | InDuckdb] = {}
    if "sqlite" in peers:
        tables["sqlite"] = InSqlite(["by_score"])
    if "duckdb" in peers and is_installed("duckdb"):
        tables["duckdb"] = InDuckdb()
    taken = alternate({"index": index.upsert, **{name: peer.put for name, peer in tables.items()}}, documents)
    rates = {
        f"F {jobs:,} jobs are made with a bucket each": {name: jobs / some[0] * 1e6 for name, some in taken.items()},
        "F one more bucket for each": {name: jobs / median(some[1:]) * 1e6 for name, some in taken.items()},
    }
    last_day = [document for batch in documents for document in batch if document["timestamp"] >= SINCE]
    last_day.sort(key=itemgetter("anomaly_score", "timestamp"), reverse=True)
    right = [(document["job_id"], document["timestamp"], SPAN_S) for document in last_day[:100]]
    calls: dict[str, Callable[[], Top]] = {}
    search = index_call(index, [document["job_id"] for document in documents[0]])
    if search is not None:
        calls["index"] = search
    # The peers return the page without the count, which only the index has to find.
    question = ResolvedQuery.of(BucketQuery(jobs="any", **HIGHEST))
    calls |= {name: peer.prepare_page(question) for name, peer in tables.items()}
    for name, call in calls.items():
        if list(call()) != right:
            raise WrongAnswer(f"the highest scores over all jobs, {name}")
    return rates | with_collector, collections | {
        "F the top 100 over all jobs in the last day": race({name: [call] for name, call in calls.items()}, effort)
    }
