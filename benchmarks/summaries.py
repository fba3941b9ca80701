"""Summaries of many jobs: overall buckets, swimlanes, top influencers and counts by score, beside group-bys of engines.

The garbage collector is on. Questions are asked again and again, so value indexes and tables exist.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import bucketquery
from benchmarks.across import ALL
from benchmarks.job_sets import JobSet, index_of_set
from benchmarks.peers.summaries import (
    KINDS,
    SEVERITIES,
    STEPS_A_POINT,
    Lanes,
    Overall,
    Question,
    Severities,
    Summaries,
    Thresholds,
    Top,
)
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, race
from benchmarks.workloads import DAY_MS, Columns
from bucketquery import BucketQuery, ResultsIndex

#: Any, because a commit that is measured may lack them.
SwimlaneQuery: Final[Any] = getattr(bucketquery, "SwimlaneQuery", None)

HOSTS: Final = 5_000
FIELD: Final = "host"
_CELLS: Final = 50
_HOST_CELLS: Final = 100
_THRESHOLDS: Final = 1_000
_MONTH_MS: Final = 30 * DAY_MS
#: SQLite takes seconds for each question over more rows than this, and is left out.
_MOST_OF_SQLITE: Final = 2_000_000


class Setting:
    """An index of a set with an influencer for each bucket, and the peers with the same rows.

    Args:
        jobs: the set.
        peers: names of peers. Those that cannot summarise are left out.
    """

    def __init__(self, jobs: JobSet, peers: Sequence[str]) -> None:
        columns, rows = jobs.columns, len(jobs.columns["job"])
        rng = np.random.default_rng(rows)
        self.jobs = jobs
        self.hosts = [f"host-{number:04}" for number in range(HOSTS)]
        self.buckets: Columns = {
            "timestamp": columns["timestamp"],
            "score": columns["anomaly_score"],
            "job": columns["job"].astype(np.uint32),
        }
        host = rng.integers(HOSTS, size=rows).astype(np.uint32)
        self.influencers: Columns = {**self.buckets, "score": rng.permutation(self.buckets["score"]), "host": host}
        self.index = index_of_set(jobs)
        self._add_influencers(self.index)
        self.peers: dict[str, Summaries] = {
            name: make()
            for name, make in KINDS.items()
            if name in peers and (name != "sqlite" or rows <= _MOST_OF_SQLITE)
        }
        for peer in self.peers.values():
            peer.load(self.buckets, self.influencers)

    def _add_influencers(self, index: ResultsIndex) -> None:
        given, names = self.influencers, np.array(self.hosts, dtype=np.object_)
        rows, counts = given["job"].argsort(kind="stable"), np.bincount(given["job"])
        for job_id, some in zip(self.jobs.ids, np.split(rows, counts.cumsum()[:-1]), strict=True):
            columns = {
                "timestamp": given["timestamp"][some],
                "bucket_span": self.jobs.columns["bucket_span"][some],
                "influencer_score": given["score"][some],
                "influencer_field_name": [FIELD] * len(some),
                "influencer_field_value": names[given["host"][some]].tolist(),
            }
            index.upsert_columns(columns, job_id=job_id, kind="influencer")

    def questions(self) -> dict[str, Question]:
        """Every question by its name."""
        first, end = int(self.buckets["timestamp"][0]), self.jobs.next_timestamp
        span_ms = 1_000 * int(self.jobs.columns["bucket_span"][0])
        windows = {"all": first}
        if end - first > _MONTH_MS:
            windows["30 days"] = end - _MONTH_MS
        half = (first + end) // 2
        asked: dict[str, Question] = {}
        for words, since in windows.items():
            for top in (1, 3):
                asked[f"overall buckets, top {top}, {words}"] = Overall(top, since, span_ms, 0.0)
        for top in (1, 3):
            asked[f"overall buckets, top {top}, threshold 75"] = Overall(top, first, span_ms, 75.0)
        cells = _cells(first, end, _CELLS)
        asked[f"the ten worst lanes of {_CELLS} cells"] = Lanes("buckets", 10, *cells)
        asked[f"100 lanes of {_CELLS} cells"] = Lanes("buckets", 100, *cells)
        for by in ("max", "sum"):
            for words, since in (("all", first), ("a half", half)):
                asked[f"top influencers by {by}, {words}"] = Top(by, since)
        cells = _cells(first, end, _HOST_CELLS)
        asked[f"influencers, 10 lanes of {_HOST_CELLS} cells"] = Lanes("influencers", 10, *cells)
        asked[f"influencers, 100 lanes of {_HOST_CELLS} cells"] = Lanes("influencers", 100, *cells)
        for words, since in (("all", first), ("a half", half)):
            asked[f"severity counts, {words}"] = Severities(since)
            asked[f"counts at {_THRESHOLDS:,} thresholds, {words}"] = Thresholds(_THRESHOLDS, since)
        return asked


def _cells(first: int, end: int, cells: int) -> tuple[int, int, int]:
    """The first multiple of a cell, the end of that many cells, and the length of a cell, in whole seconds."""
    cell_ms = (end - first) // (cells + 1) // 1_000 * 1_000
    start = -(-first // cell_ms) * cell_ms
    return start, start + cells * cell_ms, cell_ms


def measure(setting: Setting, effort: Effort) -> Figures:
    """The time of each summary, microseconds, with its answer read.

    Raises:
        WrongAnswer: an answer is wrong or empty.
    """
    figures = {}
    for name, question in setting.questions().items():
        right = right_answer(setting, question)
        calls: dict[str, Sequence[Call]] = {}
        prepared = {key: peer.prepare(question) for key, peer in setting.peers.items()}
        for contestant, call in {"index": _prepare(setting.index, question), **prepared}.items():
            answer = call()
            is_peer = contestant in prepared
            found = _of_peer(question, answer) if is_peer else _of_index(setting, question, answer)
            _check(f"{setting.jobs.name}, {name}, {contestant}", found, right)
            calls[contestant] = [call]
        figures[name] = race(calls, effort, collects=True)
    return figures


def _prepare(index: Any, question: Question) -> Callable[[], Any]:
    """The call of the index that reads an answer."""
    match question:
        case Overall(top, start, _, threshold):
            ask = partial(index.get_overall_buckets, job_id=ALL, top_n=top, start=start, overall_score=threshold)
            return lambda: _read(ask())
        case Lanes(table, lanes, start, end, cell_ms):
            by = "job" if table == "buckets" else FIELD
            query = SwimlaneQuery(jobs=ALL, cell=cell_ms // 1_000, start=start, end=end, by=by, lanes=lanes)
            return partial(index.swimlane, query)
        case Top(by, start):
            find = partial(index.top_influencers, jobs=ALL, field=FIELD, by=by, start=start)
            return lambda: list(find())
        case Severities(start):
            return partial(index.severity_counts, BucketQuery(jobs=ALL, start=start))
        case Thresholds(many, start):
            thresholds = np.arange(many) / STEPS_A_POINT
            return partial(index.threshold_counts, BucketQuery(jobs=ALL, start=start), thresholds)


def _read(found: Any) -> tuple[Any, Any]:
    return found.column("timestamp"), found.column("overall_score")


def _of_index(setting: Setting, question: Question, answer: Any) -> npt.NDArray[np.float64]:
    """The numbers of an answer of the index, as `right_answer` has them."""
    match question:
        case Overall(_, _, span_ms, _):
            return np.stack([answer[0] // span_ms, answer[1]])
        case Lanes():
            names = setting.jobs.ids if question.lane == "job" else setting.hosts
            ranks = {name: rank for rank, name in enumerate(names)}
            filled = (~np.isnan(answer.scores)).nonzero()
            lanes = np.array([ranks[lane] for lane in answer.lanes])[filled[0]]
            return np.stack([lanes, filled[1], answer.scores[filled]])
        case Top():
            hosts = [setting.hosts.index(each.influencer_field_value) for each in answer]
            fields = ("max_influencer_score", "sum_influencer_score", "count")
            return np.array([hosts, *([getattr(each, field) for each in answer] for field in fields)])
        case Severities():
            return np.array(list(answer.values()), dtype=np.float64)
        case Thresholds():
            return np.asarray(answer, dtype=np.float64)


def _of_peer(question: Question, answer: Any) -> npt.NDArray[np.float64]:
    """The numbers of an answer of a peer: arrays, or rows."""
    if isinstance(question, Thresholds):
        return np.asarray(answer, dtype=np.float64)
    # The databases may return integers of several widths.
    columns = answer if isinstance(answer, tuple) else zip(*answer, strict=True)
    found = np.stack([np.asarray(column, dtype=np.float64) for column in columns])
    if isinstance(question, Severities):
        return found[:, 0]
    return _ranked(found) if isinstance(question, Lanes) else found


def _ranked(cells: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows of lane, cell and score: the lane with the greatest score first, ties by rank; then by cell."""
    lanes, at = np.unique(cells[0], return_inverse=True)
    best = np.zeros(len(lanes))
    np.maximum.at(best, at, cells[2])
    return cells[:, np.lexsort((cells[1], cells[0], -best[at]))]


def right_answer(setting: Setting, question: Question) -> npt.NDArray[np.float64]:
    """The right numbers, the simple way: group all rows of the window."""
    given = setting.influencers if isinstance(question, Top) else setting.buckets
    if isinstance(question, Lanes):
        given = setting.buckets if question.table == "buckets" else setting.influencers
    mask = given["timestamp"] >= question.start
    if isinstance(question, Lanes):
        mask &= given["timestamp"] < question.end
    rows = {name: column[mask] for name, column in given.items()}
    scores = rows["score"]
    match question:
        case Overall(top, _, span_ms, threshold):
            # Each job has one bucket in an interval.
            slots = rows["timestamp"] // span_ms
            order = np.lexsort((-scores, slots))
            found, first, counts = np.unique(slots[order], return_index=True, return_counts=True)
            place = np.arange(len(order)) - np.repeat(first, counts)
            kept = order[place < top]
            sums = np.bincount(np.repeat(np.arange(len(found)), np.minimum(counts, top)), scores[kept])
            means = sums / np.minimum(counts, top)
            return np.stack([found, means])[:, means >= threshold]
        case Lanes(_, lanes, start, _, cell_ms):
            best = np.full(int(rows[question.lane].max()) + 1, -1.0)
            np.maximum.at(best, rows[question.lane], scores)
            chosen = np.argsort(-best, kind="stable")[: min(lanes, int((best >= 0).sum()))]
            some = np.isin(rows[question.lane], chosen)
            cells = (rows["timestamp"][some] - start) // cell_ms
            keys, at = np.unique(rows[question.lane][some].astype(np.int64) * 10_000 + cells, return_inverse=True)
            greatest = np.zeros(len(keys))
            np.maximum.at(greatest, at, scores[some])
            return _ranked(np.stack([keys // 10_000, keys % 10_000, greatest]))
        case Top(by, _):
            greatest, counts = np.zeros(HOSTS), np.bincount(rows["host"], minlength=HOSTS)
            np.maximum.at(greatest, rows["host"], scores)
            sums = np.bincount(rows["host"], scores, minlength=HOSTS)
            chosen = np.argsort(-(greatest if by == "max" else sums), kind="stable")[:10]
            return np.stack([chosen, greatest[chosen], sums[chosen], counts[chosen]])
        case Severities():
            return np.histogram(scores, (0.0, *SEVERITIES, 1_000.0))[0].astype(np.float64)
        case Thresholds(many, _):
            return np.array([(scores >= at / STEPS_A_POINT).sum() for at in range(many)], dtype=np.float64)


def _check(name: str, found: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> None:
    # Sums are added in another order.
    if not found.size or found.shape != right.shape or not np.allclose(found, right, rtol=1e-9, atol=0):
        raise WrongAnswer(name)
