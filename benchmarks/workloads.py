"""The workloads: buckets from one seed, the questions about them, the right answers, and a sorted list to compare with.

Generated buckets follow one plan at every size. The span is 300 s, with some gaps. 70 % of the scores are zero, 10 %
are above 1, 1 % above 25 and 0.1 % above 75; they are independent in time, or come in bursts. Event counts are
lognormal with a daily season. The last three buckets are interim.

`SortedBuckets` is the structure that a user would write by hand: a list of dicts in order of time. It finds windows by
bisection, then filters and sorts. `answer_of` computes the right answer: it sorts every match, then cuts out the page.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import nlargest, nsmallest
from itertools import count
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from bucketquery import BucketQuery, ResultsIndex

JOB: Final = "web"
SPAN_S: Final = 300
SPAN_MS: Final = SPAN_S * 1000
DAY_MS: Final = 86_400_000
FIRST_MS: Final = 946_684_800_000  # 2000-01-01T00:00:00Z
SMALLEST: Final = 10_000
"""Fewer buckets than this do not fill the windows of the questions."""

FIELDS: Final = (
    "timestamp",
    "anomaly_score",
    "bucket_span",
    "initial_anomaly_score",
    "event_count",
    "is_interim",
    "processing_time_ms",
)
"""The fields of a row, in its order."""

_SEED: Final = 20_260_101
#: Buckets in a burst of high scores.
_BURST: Final = 48

Columns = Mapping[str, npt.NDArray[Any]]
Row = tuple[Any, ...]
Document = dict[str, Any]
Answer = tuple[int, Sequence[Document]]
Keys = tuple[int, Sequence[int]]
"""The exact count, and the timestamps of the page in its order."""

_Item = TypeVar("_Item")


class Benchmark(Protocol):
    """The part of pytest-benchmark's fixture that is used here. pytest-benchmark itself has no types."""

    group: str | None
    extra_info: dict[str, Any]

    def __call__(self, work: Callable[[], object]) -> object:
        """Measure the work in many calls; call it once if measuring is off."""

    def pedantic(self, target: Callable[..., object], *, setup: Callable[[], Any] = ..., rounds: int = 1) -> object:
        """Call the target ``rounds`` times, with the arguments that ``setup`` returns; once if measuring is off."""


# Indexes


def index_of(documents: Iterable[Document]) -> ResultsIndex:
    """A new index of parsed documents."""
    index = ResultsIndex()
    index.upsert(documents)
    return index


def index_of_columns(columns: Columns) -> ResultsIndex:
    """A new index of one job's columns."""
    index = ResultsIndex()
    index.upsert_columns(columns, job_id=JOB)
    return index


# Buckets from the seed


def bucket_columns(size: int, *, interim: int = 3, clustered: bool = False) -> Columns:
    """Columns of ``size`` buckets in order of time, for ``upsert_columns``.

    Args:
        size: number of buckets.
        interim: number of the newest buckets that are interim, default 3.
        clustered: whether high scores come in bursts of some hours. The scores are the same, in another order.

    Complexity: O(size); O(size log size) if they are clustered.
    """
    rng = np.random.default_rng(_SEED)
    steps = np.where(rng.random(size) < 0.001, rng.integers(2, 13, size), 1)
    timestamps = FIRST_MS + SPAN_MS * (steps.cumsum() - steps[0])
    ranks, scores = (0.0, 0.7, 0.9, 0.99, 0.999, 1.0), (0.0, 0.0, 1.0, 25.0, 75.0, 100.0)
    season = 1.0 + 0.5 * np.sin(2 * np.pi * (timestamps % DAY_MS) / DAY_MS)
    chances = rng.random(size)
    return {
        "timestamp": timestamps,
        "bucket_span": np.full(size, SPAN_S, dtype=np.int64),
        "anomaly_score": np.interp(_in_bursts(chances) if clustered else chances, ranks, scores),
        "initial_anomaly_score": np.interp(rng.random(size), ranks, scores),
        "event_count": (season * rng.lognormal(6.0, 0.5, size)).astype(np.int64),
        "is_interim": np.arange(size) >= size - interim,
        "processing_time_ms": rng.integers(0, 50, size),
    }


def _in_bursts(chances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same numbers in an order that puts the high ones close to each other."""
    sums = np.concatenate((np.zeros(_BURST), chances)).cumsum()
    moving = sums[_BURST:] - sums[:-_BURST] + chances
    ordered = np.empty_like(chances)
    ordered[moving.argsort()] = np.sort(chances)
    return ordered


def bucket_documents(columns: Columns) -> list[Document]:
    """Buckets in columns as the API's own documents."""
    return documents_of(zip(*(columns[name].tolist() for name in FIELDS), strict=True))


def documents_of(rows: Iterable[Row]) -> list[Document]:
    """Rows as the API's own documents."""
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
        for timestamp, score, span, initial, events, is_interim, milliseconds in rows
    ]


def shuffled(columns: Columns) -> Columns:
    """The same rows in random order."""
    order = np.random.default_rng(_SEED + 1).permutation(len(columns["timestamp"]))
    return {name: column[order] for name, column in columns.items()}


def rescored(columns: Columns) -> Iterator[Columns]:
    """Batches without end: a random hundredth of the buckets, each with another score."""
    rng = np.random.default_rng(_SEED + 2)
    size = len(columns["timestamp"])
    while True:
        rows = np.sort(rng.choice(size, size // 100, replace=False))
        yield {name: column[rows] for name, column in columns.items()} | {
            "anomaly_score": 100.0 * rng.random(len(rows)) ** 8
        }


class Fragmented(NamedTuple):
    """Buckets that leave an index fragmented: with rows in the head, and deleted rows in the base.

    Attributes:
        loaded: the buckets that are loaded in one batch.
        written: the late and replacing buckets that are then written one by one.
        columns: the buckets that an index holds afterwards.
    """

    loaded: Columns
    written: list[Document]
    columns: Columns


def fragmented(columns: Columns, *, late: int = 250, replaced: int = 250) -> Fragmented:
    """The same buckets with ``late`` more that come late, and other scores and events for ``replaced`` old ones."""
    rng = np.random.default_rng(_SEED + 5)
    size = len(columns["timestamp"])
    old = np.sort(rng.choice(np.arange(size - 100), late + replaced, replace=False))
    is_late = rng.permutation(late + replaced) < late
    changed = {name: column[old] for name, column in columns.items()}
    for name in ("anomaly_score", "event_count"):
        changed[name] = rng.permutation(columns[name])[: late + replaced]
    changed["timestamp"] = changed["timestamp"] + is_late * (SPAN_MS // 2)
    after = {name: column.copy() for name, column in columns.items()}
    for name, column in after.items():
        column[old[~is_late]] = changed[name][~is_late]
        after[name] = np.insert(column, old[is_late] + 1, changed[name][is_late])
    written = bucket_documents(changed)
    return Fragmented(columns, [written[at] for at in rng.permutation(late + replaced).tolist()], after)


# Buckets that come one by one


def next_buckets(columns: Columns, *, interim: int) -> Iterator[Document]:
    """Documents without end: the buckets after the newest one, each ``interim`` times interim and then final."""
    newest = int(columns["timestamp"][-1])
    for at in count(1):
        for version in range(interim + 1):
            yield _document(newest + at * SPAN_MS, at % 7 + version, is_interim=version < interim)


def late_buckets(columns: Columns, most: int | None = None) -> list[Document]:
    """One bucket between each two neighbours, in random order; at most ``most`` of them."""
    starts = columns["timestamp"][:-1] + SPAN_MS // 2
    return [
        _document(start, start % 97) for start in np.random.default_rng(_SEED + 3).permutation(starts)[:most].tolist()
    ]


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


# Questions and their answers


class ResolvedQuery(NamedTuple):
    """A question as hand-written code would prepare it.

    A lookup is a window of one millisecond. The start or the end is None if it is open.
    """

    start: int | None
    end: int | None
    threshold: float
    final_only: bool
    sort: str
    desc: bool
    from_: int
    size: int

    @classmethod
    def of(cls, query: BucketQuery) -> Self:
        """The question of a query without date math."""
        start, end, timestamp, skip, size = query.start, query.end, query.timestamp, query.from_, query.size
        assert not isinstance(start, str)
        assert not isinstance(end, str)
        assert not isinstance(timestamp, str)
        assert isinstance(query.anomaly_score, float)
        if timestamp is not None:
            start, end, skip, size = timestamp, timestamp + 1, 0, 1
        return cls(start, end, query.anomaly_score, query.exclude_interim, query.sort, query.desc, skip, size)

    @property
    def by_time(self) -> bool:
        """Whether every bucket of the window matches and the order is by time."""
        return not (self.threshold > 0 or self.final_only or self.sort != "timestamp")


def question_parameters(columns: Columns, variants: int = 64) -> dict[str, list[dict[str, Any]]]:
    """Every question by its name: the parameters of at most ``variants`` random variants of it."""
    rng = np.random.default_rng(_SEED + 4)
    timestamps = columns["timestamp"]
    size = len(timestamps)

    def windows(length: int) -> list[dict[str, Any]]:
        first, last = int(timestamps[0]), int(timestamps[-1])
        starts = rng.integers(first, max(first, last - length) + 1, variants).tolist()
        return [{"start": start, "end": start + length} for start in starts]

    whole = int(timestamps[-1] - timestamps[0])
    by_score = {"sort": "anomaly_score", "desc": True}
    busiest = {"sort": "event_count", "desc": True, "anomaly_score": 1.0, "exclude_interim": True}
    return {
        "Q1 first page": [{}],
        "Q3 last page": [{"desc": True}],
        "Q7 middle page": [{"from_": size // 2}],
        "Q2 one day": windows(DAY_MS),
        "Q9 one bucket": [{"timestamp": moment} for moment in rng.choice(timestamps, variants).tolist()],
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
        # Random thresholds, so that none is the edge of a structure by accident.
        "T37 threshold about 37.3": [{"anomaly_score": score} for score in rng.uniform(37.2, 37.4, variants).tolist()],
        "T05 threshold about 0.5": [{"anomaly_score": score} for score in rng.uniform(0.49, 0.51, variants).tolist()],
    }


NEWEST: Final = BucketQuery(jobs=JOB, desc=True)
"""The newest page. The benchmarks read it after they write a bucket."""

HIGHEST: Final = BucketQuery(jobs=JOB, sort="anomaly_score", desc=True, size=10)
"""The ten highest scores. The benchmarks read them after they write scores."""

NINE_PARAMETERS: Final[Mapping[str, Any]] = {
    "start": "2000-01-03T00:00:00Z",
    "end": "2000-01-04T12:30:00.000+01:00",
    "anomaly_score": 1.0,
    "exclude_interim": False,
    "expand": False,
    "sort": "timestamp",
    "desc": True,
    "from_": 0,
    "size": 100,
}
"""Every parameter except a lookup's. The two dates are text, and lie in the first days of the generated buckets."""

NINE_RESOLVED: Final[Mapping[str, Any]] = {**NINE_PARAMETERS, "start": 946_857_600_000, "end": 946_985_400_000}
"""The same parameters with the dates as instants."""

QUESTIONS: Final = tuple(question_parameters(bucket_columns(2)))
"""The names of all questions, which are the same at every size."""


def answer_of(columns: Columns, question: ResolvedQuery) -> tuple[int, list[int]]:
    """The right count and timestamps, the simple way: sort every row that matches, then cut. O(n log n)."""
    timestamps = columns["timestamp"]
    mask = np.ones(len(timestamps), dtype=np.bool_)
    if question.start is not None:
        mask &= timestamps >= question.start
    if question.end is not None:
        mask &= timestamps < question.end
    if question.threshold > 0:
        mask &= columns["anomaly_score"] >= question.threshold
    if question.final_only:
        mask &= ~columns["is_interim"]
    rows = mask.nonzero()[0]
    order = rows[np.lexsort((timestamps[rows], columns[question.sort][rows]))]
    # The whole order is reversed, because ties go in the request's direction too.
    page = (order[::-1] if question.desc else order)[question.from_ : question.from_ + question.size]
    return len(rows), timestamps[page].tolist()


# The sorted list


class SortedBuckets:
    """One job's buckets as a list of dicts in order of time. No two timestamps are equal; every bucket has a score.

    Args:
        documents: the buckets in order of time. The list is copied, its documents are not.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = list(documents)
        self.timestamps: list[int] = [document["timestamp"] for document in self.documents]

    def put(self, document: Document) -> None:
        """Insert a bucket, or replace the one that has its timestamp."""
        timestamp = document["timestamp"]
        row = bisect_left(self.timestamps, timestamp)
        if row < len(self.timestamps) and self.timestamps[row] == timestamp:
            self.documents[row] = document
        else:
            self.timestamps.insert(row, timestamp)
            self.documents.insert(row, document)

    def prepare(self, question: ResolvedQuery) -> Callable[[], Answer]:
        """A call that answers this one question, as hand-written code would. Every choice is made before it is timed.

        An answer has the list's own documents, not copies.
        """
        if question.by_time:
            return self._slicing(self.documents, question)
        return partial(self._by_scan, question)

    def prepare_keys(self, question: ResolvedQuery) -> Callable[[], Keys]:
        """A call that answers this one question with the timestamps of the page only."""
        if question.by_time:
            return self._slicing(self.timestamps, question)

        def scan_keys() -> Keys:
            found, page = self._by_scan(question)
            return found, [document["timestamp"] for document in page]

        return scan_keys

    def _slicing(self, of: list[_Item], question: ResolvedQuery) -> Callable[[], tuple[int, list[_Item]]]:
        timestamps, start, end, first = self.timestamps, question.start, question.end, question.from_
        last = first + question.size

        def oldest_first() -> tuple[int, list[_Item]]:
            low = 0 if start is None else bisect_left(timestamps, start)
            high = len(timestamps) if end is None else bisect_left(timestamps, end)
            return high - low, of[low + first : min(low + last, high)]

        def newest_first() -> tuple[int, list[_Item]]:
            low = 0 if start is None else bisect_left(timestamps, start)
            high = len(timestamps) if end is None else bisect_left(timestamps, end)
            page = of[max(low, high - last) : max(low, high - first)]
            page.reverse()
            return high - low, page

        return newest_first if question.desc else oldest_first

    def _by_scan(self, question: ResolvedQuery) -> Answer:
        start, end, first, last = question.start, question.end, question.from_, question.from_ + question.size
        low = 0 if start is None else bisect_left(self.timestamps, start)
        high = len(self.timestamps) if end is None else bisect_left(self.timestamps, end)
        matches = self.documents[low:high]
        if question.threshold > 0:
            threshold = question.threshold
            matches = [document for document in matches if document["anomaly_score"] >= threshold]
        if question.final_only:
            matches = [document for document in matches if not document["is_interim"]]
        if question.sort == "timestamp":
            return len(matches), (matches[::-1] if question.desc else matches)[first:last]
        if question.desc:
            # Equal values keep the order they come in, which is newest first here.
            return len(matches), nlargest(last, reversed(matches), key=itemgetter(question.sort))[first:]
        return len(matches), nsmallest(last, matches, key=itemgetter(question.sort))[first:]
