"""The workloads: buckets from one seed, the questions asked of them, real documents, and a plain list to compare with.

Made buckets follow one plan at every size: a span of 300 s with some gaps; scores 70 % zero, 10 % above 1, 1 % above
25, 0.1 % above 75, independent in time; event counts lognormal with a daily season; the last three buckets interim.

`SortedBuckets` is both oracle and peer: a list of dicts in order of time, bisected for windows, filtered and sorted for
the rest. What it answers is what must be answered, and how fast is what a user has who writes it by hand.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import nlargest, nsmallest
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from bucketquery import BucketQuery
from samples import SAMPLES, read_documents

JOB: Final = "web"
SPAN_S: Final = 300
SPAN_MS: Final = SPAN_S * 1000
DAY_MS: Final = 86_400_000
FIRST_MS: Final = 946_684_800_000  # 2000-01-01T00:00:00Z
SMALLEST: Final = 10_000
"""Fewer buckets than this do not fill the windows of the questions."""

_SEED: Final = 20_260_101
_SETS: Final = 64
_INTERIM: Final = 3

Columns = Mapping[str, npt.NDArray[Any]]
Document = dict[str, Any]
Answer = tuple[int, Sequence[Document]]


class Benchmark(Protocol):
    """What is used of pytest-benchmark's fixture, which has no types of its own."""

    group: str | None
    extra_info: dict[str, Any]

    def __call__(self, work: Callable[[], object]) -> object:
        """Run the work again and again, and measure; once where measuring is switched off."""

    def pedantic(self, target: Callable[..., object], *, setup: Callable[[], Any] = ..., rounds: int = 1) -> object:
        """Run the work ``rounds`` times with the arguments that ``setup`` gives; once where measuring is off."""


# Buckets from the seed


def bucket_columns(size: int) -> Columns:
    """Columns of ``size`` buckets in order of time, fit for ``upsert_columns``. Complexity: O(size)."""
    rng = np.random.default_rng(_SEED)
    steps = np.where(rng.random(size) < 0.001, rng.integers(2, 13, size), 1)
    timestamps = FIRST_MS + SPAN_MS * (steps.cumsum() - steps[0])
    ranks, scores = (0.0, 0.7, 0.9, 0.99, 0.999, 1.0), (0.0, 0.0, 1.0, 25.0, 75.0, 100.0)
    season = 1.0 + 0.5 * np.sin(2 * np.pi * (timestamps % DAY_MS) / DAY_MS)
    return {
        "timestamp": timestamps,
        "bucket_span": np.full(size, SPAN_S, dtype=np.int64),
        "anomaly_score": np.interp(rng.random(size), ranks, scores),
        "initial_anomaly_score": np.interp(rng.random(size), ranks, scores),
        "event_count": (season * rng.lognormal(6.0, 0.5, size)).astype(np.int64),
        "is_interim": np.arange(size) >= size - _INTERIM,
        "processing_time_ms": rng.integers(0, 50, size),
    }


def bucket_documents(columns: Columns) -> list[Document]:
    """The same buckets as the API's own documents."""
    names = ("timestamp", "anomaly_score", "bucket_span", "initial_anomaly_score", "event_count", "is_interim")
    return [
        {
            "job_id": JOB,
            "timestamp": timestamp,
            "anomaly_score": score,
            "bucket_span": span,
            "initial_anomaly_score": initial,
            "event_count": events,
            "is_interim": is_interim,
            "bucket_influencers": [],
            "processing_time_ms": milliseconds,
            "result_type": "bucket",
        }
        for timestamp, score, span, initial, events, is_interim, milliseconds in zip(
            *(columns[name].tolist() for name in (*names, "processing_time_ms")), strict=True
        )
    ]


def shuffled(columns: Columns) -> Columns:
    """The same rows in an order of chance."""
    order = np.random.default_rng(_SEED + 1).permutation(len(columns["timestamp"]))
    return {name: column[order] for name, column in columns.items()}


def rescored(columns: Columns) -> Iterator[Columns]:
    """Without end: a random hundredth of the buckets, each with another score."""
    rng = np.random.default_rng(_SEED + 2)
    size = len(columns["timestamp"])
    while True:
        rows = np.sort(rng.choice(size, size // 100, replace=False))
        yield {name: column[rows] for name, column in columns.items()} | {
            "anomaly_score": 100.0 * rng.random(len(rows)) ** 8
        }


# Buckets as they come, one by one


def next_buckets(columns: Columns, *, interim: int) -> Iterator[Document]:
    """Without end: the buckets behind the newest, each first ``interim`` times interim, then final."""
    newest = int(columns["timestamp"][-1])
    for at in count(1):
        for version in range(interim + 1):
            yield _document(newest + at * SPAN_MS, at % 7 + version, is_interim=version < interim)


def late_buckets(columns: Columns) -> list[Document]:
    """One bucket between each two neighbours, in an order of chance."""
    starts = columns["timestamp"][:-1] + SPAN_MS // 2
    return [_document(start, start % 97) for start in np.random.default_rng(_SEED + 3).permutation(starts).tolist()]


def _document(timestamp: int, score: float, *, is_interim: bool = False) -> Document:
    return {
        "job_id": JOB,
        "timestamp": timestamp,
        "anomaly_score": float(score),
        "bucket_span": SPAN_S,
        "initial_anomaly_score": float(score),
        "event_count": 400,
        "is_interim": is_interim,
        "bucket_influencers": [],
        "processing_time_ms": 5,
        "result_type": "bucket",
    }


# Questions


def questions(columns: Columns) -> dict[str, list[dict[str, Any]]]:
    """Every question by its name, as the parameters of up to 64 random variants of it."""
    rng = np.random.default_rng(_SEED + 4)
    timestamps = columns["timestamp"]
    size = len(timestamps)

    def windows(length: int) -> list[dict[str, Any]]:
        first, last = int(timestamps[0]), int(timestamps[-1])
        starts = rng.integers(first, max(first, last - length) + 1, _SETS).tolist()
        return [{"start": start, "end": start + length} for start in starts]

    whole = int(timestamps[-1] - timestamps[0])
    by_score = {"sort": "anomaly_score", "desc": True}
    busiest = {"sort": "event_count", "desc": True, "anomaly_score": 1.0, "exclude_interim": True}
    return {
        "Q1 first page": [{}],
        "Q3 last page": [{"desc": True}],
        "Q7 middle page": [{"from_": size // 2}],
        "Q2 one day": windows(DAY_MS),
        "Q9 one bucket": [{"timestamp": moment} for moment in rng.choice(timestamps, _SETS).tolist()],
        "Q4 threshold 75": [{"anomaly_score": 75.0}],
        "Q5 threshold 25 in 30 days, by score": [
            {**window, **by_score, "anomaly_score": 25.0, "size": 20} for window in windows(30 * DAY_MS)
        ],
        "Q6 top 10 by score": [{**by_score, "size": 10}],
        "Q8 final, threshold 1, a tenth, by events": [{**window, **busiest} for window in windows(whole // 10)],
        "Q10 count at threshold 50, a half": [
            {**window, "anomaly_score": 50.0, "size": 0} for window in windows(whole // 2)
        ],
        "Q11 dense threshold": [{"anomaly_score": 0.005}],
        "Q12 lowest 100 by score, a half": [{**window, "sort": "anomaly_score"} for window in windows(whole // 2)],
    }


QUESTIONS: Final = tuple(questions(bucket_columns(2)))
"""The names of all questions; they are the same at every size."""


# The plain list


class SortedBuckets:
    """One job's buckets as a list of dicts in order of time, no two of one timestamp, none without a score.

    Args:
        documents: in order of time; the list is copied, its documents are not.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = list(documents)
        self.timestamps = [document["timestamp"] for document in self.documents]

    def put(self, document: Document) -> None:
        """Insert a bucket, or replace the one of its timestamp."""
        timestamp = document["timestamp"]
        row = bisect_left(self.timestamps, timestamp)
        if row < len(self.timestamps) and self.timestamps[row] == timestamp:
            self.documents[row] = document
        else:
            self.timestamps.insert(row, timestamp)
            self.documents.insert(row, document)

    def prepare(self, query: BucketQuery) -> Callable[[], Answer]:
        """What a hand would write for this one question; everything is chosen before the clock runs.

        The documents of an answer are those of the list itself.
        """
        start, end, timestamp, first, last = query.start, query.end, query.timestamp, query.from_, query.size
        assert not isinstance(start, str)
        assert not isinstance(end, str)
        assert not isinstance(timestamp, str)
        if timestamp is not None:
            start, end, first, last = timestamp, timestamp + 1, 0, 1
        else:
            last += first
        if query.anomaly_score > 0 or query.exclude_interim or query.sort != "timestamp":
            return partial(self._by_scan, start, end, first, last, query)
        return partial(self._newest_first if query.desc else self._oldest_first, start, end, first, last)

    def _oldest_first(self, start: int | None, end: int | None, first: int, last: int) -> Answer:
        low = 0 if start is None else bisect_left(self.timestamps, start)
        high = len(self.timestamps) if end is None else bisect_left(self.timestamps, end)
        return high - low, self.documents[low + first : min(low + last, high)]

    def _newest_first(self, start: int | None, end: int | None, first: int, last: int) -> Answer:
        low = 0 if start is None else bisect_left(self.timestamps, start)
        high = len(self.timestamps) if end is None else bisect_left(self.timestamps, end)
        page = self.documents[max(low, high - last) : max(low, high - first)]
        page.reverse()
        return high - low, page

    def _by_scan(self, start: int | None, end: int | None, first: int, last: int, query: BucketQuery) -> Answer:
        _, matches = self._oldest_first(start, end, 0, len(self.documents))
        if query.anomaly_score > 0:
            threshold = query.anomaly_score
            matches = [document for document in matches if document["anomaly_score"] >= threshold]
        if query.exclude_interim:
            matches = [document for document in matches if not document["is_interim"]]
        if query.sort == "timestamp":
            return len(matches), (matches[::-1] if query.desc else matches)[first:last]
        if query.desc:
            # Equal values keep the order they come in; theirs is newest first here.
            return len(matches), nlargest(last, reversed(matches), key=itemgetter(query.sort))[first:]
        return len(matches), nsmallest(last, matches, key=itemgetter(query.sort))[first:]


# Real documents


class RealSet(NamedTuple):
    """Files of real buckets, and what is known of them from elsewhere: a count made without this library."""

    files: tuple[str, ...]
    buckets: int
    jobs: int
    at_or_above: Mapping[float, int]

    def read(self, folder: Path = SAMPLES) -> list[Document]:
        """All documents, parsed, in the order of the files."""
        return [document for name in self.files for document in read_documents(folder / f"{name}.ndjson.gz")]


REPOSITORY: Final = RealSet(
    files=("numentaTM_1h_by_category.buckets", "numenta_nyc_taxi.buckets"),
    buckets=30_010,
    jobs=8,
    at_or_above={1.0: 18_542, 10.0: 2_501, 25.0: 1_552, 50.0: 555, 75.0: 385, 100.0: 306},
)
BOTH_FULL: Final = RealSet(
    files=("numenta.buckets", "numentaTM.buckets"),
    buckets=730_770,
    jobs=116,
    at_or_above={1.0: 380_214, 10.0: 27_146, 25.0: 13_097, 50.0: 1_617, 75.0: 1_189, 100.0: 996},
)


def by_job(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The documents of each job, in order of time: what a list of dicts needs before it can be asked."""
    jobs = defaultdict(list)
    for document in documents:
        jobs[document["job_id"]].append(document)
    for some in jobs.values():
        some.sort(key=itemgetter("timestamp", "bucket_span"))
    return dict(jobs)
