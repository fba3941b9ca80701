"""The memory of buckets and of jobs: as the index and the peers report it, and as ``tracemalloc`` measures it."""

import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from benchmarks.peers import make
from benchmarks.questions import variants_of
from benchmarks.timing import Figures, WrongAnswer
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, Columns, bucket_columns, index_of, index_of_columns
from bucketquery import ResultsIndex

#: Questions by score and by events. They make every structure that the index keeps for such questions.
BY_VALUE: Final = ("Q4", "Q5", "Q6", "Q8", "Q10")
_TIMES: Final = 3


def traced(make_one: Callable[[], Any]) -> tuple[Any, int]:
    """The result of a call, and the bytes that the call has allocated and not freed."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = make_one()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return result, after - before


def measure_buckets(size: int, peers: Sequence[str]) -> Figures:
    """Bytes a bucket without influencers: the index as loaded, the index after questions by value, and each peer.

    Raises:
        WrongAnswer: the index does not hold the given buckets.
    """
    columns = bucket_columns(size)
    index, taken = traced(lambda: index_of_columns(columns))
    figures = {"index, as loaded": _bytes_a_row(index, size, taken)}
    index, taken = traced(lambda: _index_after_questions(columns))
    figures["index, after questions by score and by events"] = _bytes_a_row(index, size, taken)
    del index
    for name in peers:
        peer = make(name)
        if name == "list":
            traced(partial(peer.load, columns))
        else:
            peer.load(columns)
        figures[name] = {"reported": peer.memory() / size}
    return figures


def _bytes_a_row(index: ResultsIndex, rows: int, taken: int) -> dict[str, float]:
    stats = index.stats()
    if stats["rows"]["bucket"] != rows:
        raise WrongAnswer(f"the index holds {stats['rows']}, not {rows} buckets")
    return {"reported": stats["bytes"] / rows, "traced": taken / rows}


def _index_after_questions(columns: Columns) -> ResultsIndex:
    index = index_of_columns(columns)
    for name, variants in variants_of(columns, 1).items():
        if name.split()[0] in BY_VALUE:
            for _ in range(_TIMES):
                index.search(variants[0].query)
    return index


def measure_jobs(jobs: int) -> Figures:
    """Bytes a job of ten buckets: loaded in one batch, and in ten batches with a bucket of each job.

    Raises:
        WrongAnswer: the index does not hold the given buckets.
    """
    batches = [
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

    def in_one_batch() -> ResultsIndex:
        return index_of(document for batch in batches for document in batch)

    def in_ten_batches() -> ResultsIndex:
        index = ResultsIndex()
        for batch in batches:
            index.upsert(batch)
        return index

    figures = {}
    for name, make_one in {"in one batch": in_one_batch, "in ten batches": in_ten_batches}.items():
        index, taken = traced(make_one)
        row = _bytes_a_row(index, 10 * jobs, taken)
        figures[f"a job of ten buckets, {name}"] = {way: 10 * bytes_ for way, bytes_ in row.items()}
    return figures
