"""The pauses: the longest single writes, and the longest reads beside a thread that writes."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median
from threading import Event
from time import perf_counter, perf_counter_ns

from benchmarks.timing import Effort, Figures, WrongAnswer, undisturbed
from benchmarks.workloads import (
    NEWEST,
    Columns,
    Document,
    bucket_columns,
    bucket_documents,
    index_of_columns,
    late_buckets,
    next_buckets,
)
from benchmarks.writes import VERSIONS
from bucketquery import ResultsIndex


def measure_writes(size: int, effort: Effort) -> Figures:
    """The times of single writes, and the longest, milliseconds: in order, late, and replacing old buckets.

    The writes use up the spare room behind the columns, and make the index compact a head. If the effort's time ends
    before that, the row says that it was cut short. Batches of a thousand fill most of the room. The time of a
    batch counts only for the longest.

    Raises:
        WrongAnswer: some buckets were not written.
    """
    columns = bucket_columns(size)
    room = size // 8
    coming = next_buckets(columns, interim=0)
    old = bucket_documents({name: column[: size // 2 : max(1, size // 8_000)] for name, column in columns.items()})
    thousand = min(1_000, room)
    in_order = [
        *([document] for document in islice(coming, thousand)),
        *(list(islice(coming, thousand)) for _ in range(room // thousand - 2)),
        *([document] for document in islice(coming, 3 * thousand)),
    ]
    streams: dict[str, list[list[Document]]] = {
        "in order": in_order,
        "late": [[document] for document in late_buckets(columns, 2_500 + size // 1_000)],
        "replacing old ones": [[{**document, "anomaly_score": 99.0}] for document in old],
    }
    figures = {}
    for name, commits in streams.items():
        index = index_of_columns(columns)
        taken, written, longest = [], 0, 0.0
        stop = perf_counter() + 5 * effort.seconds
        with undisturbed():
            for documents in commits:
                begun = perf_counter_ns()
                index.upsert(documents)
                took = (perf_counter_ns() - begun) / 1e6
                longest = max(longest, took)
                written += len(documents)
                if len(documents) == 1:
                    taken.append(took)
                if perf_counter() > stop:
                    break
        is_short = written < sum(map(len, commits))
        index.check()
        if index.search(NEWEST).count != size + (0 if name.startswith("replacing") else written):
            raise WrongAnswer(f"single writes {name}: some are missing")
        words = f"single writes {name}{', cut short' if is_short else ''}"
        figures[words] = {**_spread(taken), "longest": longest, "buckets": written}
    return figures


def _spread(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {
        "median": median(ordered),
        "99 of 100": ordered[math.ceil(0.99 * len(ordered)) - 1],
        "longest": ordered[-1],
    }


def measure_readers(size: int, effort: Effort) -> Figures:
    """The times of the newest page and its keys, milliseconds: alone, beside a thread that counts, beside a writer.

    Raises:
        WrongAnswer: a reader saw fewer buckets than before, or a newest page that is not in order.
        Exception: an error of the other thread.
    """
    columns = bucket_columns(size)
    figures = {}
    for name, work in {
        "a reader alone": None,
        "a reader beside a thread that only counts": _counting,
        "a reader beside a thread that always writes": _writing,
    }.items():
        index = index_of_columns(columns)
        taken = []
        seen = size
        stop = Event()
        with ThreadPoolExecutor(max_workers=1) as pool:
            beside = pool.submit(work, index, columns, stop) if work else None
            until = perf_counter() + effort.seconds
            try:
                # A short effort ends only after the reader has seen a write.
                while perf_counter() < until or (work is _writing and seen == size and beside and not beside.done()):
                    begun = perf_counter_ns()
                    page = index.search(NEWEST)
                    keys = page.keys()
                    taken.append((perf_counter_ns() - begun) / 1e6)
                    if page.count < seen or keys[0][1] < keys[-1][1]:
                        raise WrongAnswer(f"{name}: {page.count} buckets after {seen}")
                    seen = page.count
            finally:
                stop.set()
            if beside:
                beside.result()
        if work is _writing and seen == size:
            raise WrongAnswer(f"{name}: nothing was written")
        figures[name] = {**_spread(taken), "reads": len(taken)}
    return figures


def _counting(_index: ResultsIndex, _columns: Columns, stop: Event) -> None:
    count = 0
    while not stop.is_set():
        count += 1


def _writing(index: ResultsIndex, columns: Columns, stop: Event) -> None:
    for document in next_buckets(columns, interim=VERSIONS - 1):
        if stop.is_set():
            return
        index.upsert([document])
