"""How long somebody has to wait: for a single write, and for a page beside a thread that writes."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median
from threading import Event
from time import perf_counter, perf_counter_ns

from benchmarks.asking import loaded
from benchmarks.timing import Effort, Figures, WrongAnswer, undisturbed
from benchmarks.workloads import (
    NEWEST,
    Columns,
    Document,
    bucket_columns,
    bucket_documents,
    late_buckets,
    next_buckets,
)
from benchmarks.writing import VERSIONS
from bucketquery import ResultsIndex


def pause(size: int, effort: Effort) -> Figures:
    """How long single writes take, and the longest of them, milliseconds: in order, late, replacing old ones.

    So many that the room behind the columns is used up and a head is sealed, or as many as time allows: then it says
    that they were cut short. Most of the room is filled by batches of a thousand, of which only the longest counts.

    Raises:
        WrongAnswer: some were not written.
    """
    columns = bucket_columns(size)
    room = size // 8
    ahead = next_buckets(columns, interim=0)
    old = bucket_documents({name: column[: size // 2 : max(1, size // 8_000)] for name, column in columns.items()})
    thousand = min(1_000, room)
    in_order = [
        *([document] for document in islice(ahead, thousand)),
        *(list(islice(ahead, thousand)) for _ in range(room // thousand - 2)),
        *([document] for document in islice(ahead, 3 * thousand)),
    ]
    streams: dict[str, list[list[Document]]] = {
        "in order": in_order,
        "late": [[document] for document in late_buckets(columns, 2_500 + size // 1_000)],
        "replacing old ones": [[{**document, "anomaly_score": 99.0}] for document in old],
    }
    figures = {}
    for name, commits in streams.items():
        index = loaded(columns)
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


def read_beside(size: int, effort: Effort) -> Figures:
    """How long the newest page and its keys take a reader: alone, beside a thread that counts, beside a writer; ms.

    Raises:
        WrongAnswer: a reader saw fewer buckets than before, or a newest page that is not in order.
        Exception: whatever the other thread has met.
    """
    columns = bucket_columns(size)
    figures = {}
    for name, work in {
        "a reader alone": None,
        "a reader beside a thread that only counts": _counting,
        "a reader beside a thread that always writes": _writing,
    }.items():
        index = loaded(columns)
        taken = []
        seen = size
        stop = Event()
        with ThreadPoolExecutor(max_workers=1) as pool:
            beside = pool.submit(work, index, columns, stop) if work else None
            until = perf_counter() + effort.seconds
            try:
                # Until a writer has been seen to write, however short a look is wanted.
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
