"""F: very many jobs, one new bucket for each in a batch; then the highest scores over all of them in the last day."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.peers import is_installed
from benchmarks.peers.jobs import InDuckdb, InSqlite, Key
from benchmarks.timing import Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import DAY_MS, FIRST_MS, Document, ResolvedQuery
from bucketquery import BucketQuery, InvalidQuery, LimitExceeded, ResultsIndex

BATCHES: Final = 10
#: So long that ten batches are more than a day.
SPAN_S: Final = 3 * 3_600
SPAN_MS: Final = SPAN_S * 1_000
SINCE: Final = FIRST_MS + BATCHES * SPAN_MS - DAY_MS
HIGHEST: Final[dict[str, Any]] = {"start": SINCE, "sort": "anomaly_score", "desc": True}
"""The highest scores of the last day."""

Top = Sequence[Key]


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


def asking(index: ResultsIndex, jobs: Sequence[str]) -> Callable[[], Top] | None:
    """What gives the keys of the 100 highest scores of these jobs; None where so many cannot be asked at once."""
    try:
        query = BucketQuery(jobs=jobs, **HIGHEST)
    except (InvalidQuery, LimitExceeded):
        return None
    return lambda: index.search(query).keys()


def measure(jobs: int, effort: Effort, peers: Sequence[str]) -> tuple[Figures, Figures]:
    """Documents a second, while jobs are made and once they exist; and the question over all, microseconds.

    Raises:
        WrongAnswer: somebody finds other buckets than those with the highest scores.
    """
    documents = batches(jobs)
    index = ResultsIndex()
    held: dict[str, InSqlite | InDuckdb] = {}
    if "sqlite" in peers:
        held["sqlite"] = InSqlite(["by_score"])
    if "duckdb" in peers and is_installed("duckdb"):
        held["duckdb"] = InDuckdb()
    taken = alternate({"index": index.upsert, **{name: peer.put for name, peer in held.items()}}, documents)
    rates = {
        f"F {jobs:,} jobs are made with a bucket each": {name: jobs / some[0] * 1e6 for name, some in taken.items()},
        "F one more bucket for each": {name: jobs / median(some[1:]) * 1e6 for name, some in taken.items()},
    }
    newest = [document for batch in documents for document in batch if document["timestamp"] >= SINCE]
    newest.sort(key=itemgetter("anomaly_score", "timestamp"), reverse=True)
    right = [(document["job_id"], document["timestamp"], SPAN_S) for document in newest[:100]]
    calls: dict[str, Callable[[], Top]] = {}
    ask = asking(index, [document["job_id"] for document in documents[0]])
    if ask is not None:
        calls["index"] = ask
    # Nobody knows how many the last day has, and only the index is made to say it.
    question = ResolvedQuery.of(BucketQuery(jobs="any", **HIGHEST))
    calls |= {name: peer.prepare_page(question) for name, peer in held.items()}
    for name, call in calls.items():
        if list(call()) != right:
            raise WrongAnswer(f"the highest scores over all jobs, {name}")
    return rates, {
        "F the top 100 over all jobs in the last day": race({name: [call] for name, call in calls.items()}, effort)
    }
