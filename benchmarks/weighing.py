"""What buckets weigh: as the index tells it, as it is traced, and as the peers tell it."""

import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from benchmarks.asking import asked, loaded
from benchmarks.peers import make
from benchmarks.timing import Figures, WrongAnswer
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, Columns, bucket_columns
from bucketquery import ResultsIndex

#: What is asked by score and by events makes whatever the index keeps for that.
BY_VALUE: Final = ("Q4", "Q5", "Q6", "Q8", "Q10")
_TIMES: Final = 3


def traced(make_one: Callable[[], Any]) -> tuple[Any, int]:
    """Something made, and the bytes that came with it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = make_one()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return made, after - before


def weigh(size: int, peers: Sequence[str]) -> Figures:
    """Bytes a bucket without influencers: as loaded, after questions by score and by events, and of each peer.

    Raises:
        WrongAnswer: the index has not what it was given.
    """
    columns = bucket_columns(size)
    index, taken = traced(lambda: loaded(columns))
    figures = {"index, as loaded": _weights(index, size, taken)}
    index, taken = traced(lambda: _asked_index(columns))
    figures["index, after questions by score and by events"] = _weights(index, size, taken)
    del index
    for name in peers:
        peer = make(name)
        if name == "list":
            traced(partial(peer.load, columns))
        else:
            peer.load(columns)
        figures[name] = {"told": peer.memory() / size}
    return figures


def _weights(index: ResultsIndex, rows: int, taken: int) -> dict[str, float]:
    stats = index.stats()
    if stats["rows"]["bucket"] != rows:
        raise WrongAnswer(f"{stats['rows']} and not {rows} buckets are weighed")
    return {"told": stats["bytes"] / rows, "traced": taken / rows}


def _asked_index(columns: Columns) -> ResultsIndex:
    index = loaded(columns)
    for name, variants in asked(columns, 1).items():
        if name.split()[0] in BY_VALUE:
            for _ in range(_TIMES):
                index.search(variants[0].query)
    return index


def weigh_jobs(jobs: int) -> Figures:
    """Bytes a job of ten buckets, loaded in one batch, and bucket by bucket as jobs live.

    Raises:
        WrongAnswer: the index has not what it was given.
    """
    documents = [
        [
            {
                "result_type": "bucket",
                "job_id": f"{JOB}-{job}",
                "timestamp": FIRST_MS + at * SPAN_MS,
                "bucket_span": SPAN_S,
                "anomaly_score": float(at),
                "initial_anomaly_score": float(at),
                "event_count": job,
            }
            for job in range(jobs)
        ]
        for at in range(10)
    ]

    def at_once() -> ResultsIndex:
        index = ResultsIndex()
        index.upsert(document for batch in documents for document in batch)
        return index

    def batch_by_batch() -> ResultsIndex:
        index = ResultsIndex()
        for batch in documents:
            index.upsert(batch)
        return index

    figures = {}
    for name, make_one in {"in one batch": at_once, "in ten batches": batch_by_batch}.items():
        index, taken = traced(make_one)
        weights = _weights(index, 10 * jobs, taken)
        figures[f"a job of ten buckets, {name}"] = {way: 10 * bytes_ for way, bytes_ in weights.items()}
    return figures
