"""Sets of many jobs, as arrays: generated ones and the real one, the batches that follow, and the right pages.

The rows of a set are in order of time, and of the job at one timestamp. A job is its rank among the sorted ids, so the
order of ranks is the order of ties.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.peers.many_jobs import Key
from benchmarks.workloads import DAY_MS, FIRST_MS, Columns, Document, ResolvedQuery, documents_of
from bucketquery import ResultsIndex

#: A twentieth of the jobs, a half, and the rest.
SHARES: Final = {"web": 20, "db": 2}
_METRICS: Final = ("cpu", "disk", "errors")

BATCHES: Final = 10
"""The usual number of batches with a bucket for each job."""
SPAN_S: Final = 3 * 3_600
"""Three hours, so that ten batches are more than a day."""
SPAN_MS: Final = SPAN_S * 1_000

#: Jobs with fewer buckets than this have one each `SPAN_S`.
_FEW: Final = 100
_FAST_S: Final = 300
#: Documents are made and written in batches of about this number.
_BATCH: Final = 100_000

#: 70 % of the scores are zero, 10 % are above 1, 1 % above 25 and 0.1 % above 75.
_CHANCES: Final = (0.0, 0.7, 0.9, 0.99, 0.999, 1.0)
_SCORES: Final = (0.0, 0.0, 1.0, 25.0, 75.0, 100.0)


class JobSet(NamedTuple):
    """The buckets of many jobs.

    Attributes:
        name: the name of the set in the tables.
        ids: the ids of the jobs, sorted.
        columns: ``job`` (ranks), ``timestamp``, ``bucket_span``, ``anomaly_score`` and ``event_count``.
    """

    name: str
    ids: Sequence[str]
    columns: Columns

    @property
    def next_timestamp(self) -> int:
        """The end of the newest bucket."""
        return int(self.columns["timestamp"][-1] + 1_000 * self.columns["bucket_span"][-1])

    @property
    def last_day(self) -> int:
        """The begin of the last day, epoch ms."""
        return self.next_timestamp - DAY_MS

    def ranks(self, prefix: str) -> tuple[int, int]:
        """The first rank, and the rank after the last one, of the ids that begin with a prefix."""
        found = [rank for rank, job_id in enumerate(self.ids) if job_id.startswith(prefix)]
        return (found[0], found[-1] + 1) if found else (0, 0)

    def documents(self, first: int = 0, stop: int | None = None) -> list[Document]:
        """The documents of some rows, in the order of the rows."""
        names = ("timestamp", "anomaly_score", "bucket_span", "anomaly_score", "event_count")
        some = [self.columns[name][first:stop].tolist() for name in names]
        made = documents_of((*row, False, 5) for row in zip(*some, strict=True))
        for document, job in zip(made, self.columns["job"][first:stop].tolist(), strict=True):
            document["job_id"] = self.ids[job]
        return made

    def batches(self) -> Iterator[list[Document]]:
        """All documents, in batches whose ends do not split a timestamp."""
        timestamps, first = self.columns["timestamp"], 0
        while first < len(timestamps):
            last = timestamps[min(first + _BATCH, len(timestamps)) - 1]
            stop = int(timestamps.searchsorted(last, side="right"))
            yield self.documents(first, stop)
            first = stop

    def followed_by(self, more: Columns) -> "JobSet":
        """The same set with more rows, all of them later."""
        return self._replace(
            columns={name: np.concatenate((column, more[name])) for name, column in self.columns.items()}
        )

    def one_more(self, rng: np.random.Generator) -> Columns:
        """The rows of one more bucket for each job."""
        return _rows(len(self.ids), self.next_timestamp, 1, int(self.columns["bucket_span"][-1]), rng)

    def one_row(self, rng: np.random.Generator) -> Columns:
        """The row of one bucket that begins a second after the newest one."""
        row = _rows(1, int(self.columns["timestamp"][-1]) + 1_000, 1, int(self.columns["bucket_span"][-1]), rng)
        return {**row, "job": rng.integers(len(self.ids), size=1), "anomaly_score": 76 + 24 * rng.random(1)}


def batches(jobs: int, number: int = BATCHES, *, first: int = 0) -> Iterator[list[Document]]:
    """Batches with a new final bucket for every job. The scores are random, and no two are equal.

    Args:
        jobs: the number of jobs.
        number: the number of batches, default `BATCHES`.
        first: the number of the first batch, default 0.
    """
    rng = np.random.default_rng([jobs, first])
    for batch in range(first, first + number):
        scores = (100 * rng.random(jobs) ** 8).tolist()
        yield [bucket_of(job, FIRST_MS + batch * SPAN_MS, score) for job, score in enumerate(scores)]


def bucket_of(job: int, timestamp: int, score: float) -> Document:
    """A final bucket of the job with this number."""
    return {
        "job_id": f"job-{job}",
        "timestamp": timestamp,
        "anomaly_score": score,
        "bucket_span": SPAN_S,
        "initial_anomaly_score": score,
        "event_count": job,
        "is_interim": False,
        "bucket_influencers": [],
        "processing_time_ms": 5,
        "result_type": "bucket",
    }


def ids_of(jobs: int) -> list[str]:
    """Ids of three services: a twentieth of them of *web*, a half of *db*, the others of *app*."""
    numbers = {service: max(1, jobs // share) for service, share in SHARES.items()}
    numbers["app"] = jobs - sum(numbers.values())
    return sorted(
        f"{service}-{number:06}-{_METRICS[number % len(_METRICS)]}"
        for service, many in numbers.items()
        for number in range(many)
    )


def generated(jobs: int, each: int) -> JobSet:
    """A generated set. No two scores above zero are equal.

    Args:
        jobs: number of jobs, at least 10.
        each: number of buckets of each.
    """
    span_s = SPAN_S if each < _FEW else _FAST_S
    columns = _rows(jobs, FIRST_MS, each, span_s, np.random.default_rng([jobs, each]))
    return JobSet(f"{jobs:,} x {each:,}", ids_of(jobs), columns)


def _rows(jobs: int, first_ms: int, each: int, span_s: int, rng: np.random.Generator) -> Columns:
    rows = jobs * each
    scores = np.interp(rng.random(rows), _CHANCES, _SCORES)
    # The first job of each service has a high score at the last timestamp, so that no question is without a match.
    numbers = [max(1, jobs // share) for share in SHARES.values()]
    for rank in (0, jobs - sum(numbers), jobs - numbers[0]):
        scores[rows - jobs + max(0, rank)] = 90 + 10 * rng.random()
    return {
        "job": np.tile(np.arange(jobs), each),
        "timestamp": np.repeat(first_ms + 1_000 * span_s * np.arange(each), jobs),
        "bucket_span": np.full(rows, span_s),
        "anomaly_score": scores,
        "event_count": np.tile(np.arange(jobs), each),
    }


def of_documents(name: str, documents: Sequence[Document]) -> JobSet:
    """A set of given documents, each of which has every field."""
    ids = sorted({document["job_id"] for document in documents})
    ranks = {job_id: rank for rank, job_id in enumerate(ids)}
    fields = ("timestamp", "bucket_span", "anomaly_score", "event_count")
    columns: dict[str, Any] = {field: np.array([document[field] for document in documents]) for field in fields}
    columns["job"] = np.array([ranks[document["job_id"]] for document in documents])
    rows = np.lexsort((columns["job"], columns["bucket_span"], columns["timestamp"]))
    return JobSet(name, ids, {field: column[rows] for field, column in columns.items()})


def index_of_set(jobs: JobSet) -> ResultsIndex:
    """An index of a set. Small jobs are written in batches of documents, as they would come; large ones as columns."""
    index = ResultsIndex()
    if len(jobs.columns["job"]) < _FEW * len(jobs.ids):
        for batch in jobs.batches():
            index.upsert(batch)
        return index
    columns = {name: column for name, column in jobs.columns.items() if name != "job"}
    rows, counts = jobs.columns["job"].argsort(kind="stable"), np.bincount(jobs.columns["job"])
    for job_id, some in zip(jobs.ids, np.split(rows, counts.cumsum()[:-1]), strict=True):
        index.upsert_columns({name: column[some] for name, column in columns.items()}, job_id=job_id)
    return index


def right_page(jobs: JobSet, question: ResolvedQuery, ranks: Sequence[int] | None = None) -> tuple[int, list[Key]]:
    """The right count and keys of a page, the simple way: find every match, sort them, then cut.

    Args:
        jobs: the set. Its rows are in the order of time and ties.
        question: the question, without a condition on interim buckets.
        ranks: the ranks of the selected jobs, default all.
    """
    columns = jobs.columns
    mask = columns["anomaly_score"] >= question.threshold
    if question.start is not None:
        mask &= columns["timestamp"] >= question.start
    if ranks is not None:
        mask &= np.isin(columns["job"], np.asarray(ranks))
    rows = mask.nonzero()[0]
    order = rows if question.by_time else rows[columns[question.sort][rows].argsort(kind="stable")]
    if question.desc:
        order = order[::-1]
    page = order[question.from_ : question.from_ + question.size]
    found = (columns[name][page].tolist() for name in ("job", "timestamp", "bucket_span"))
    return len(rows), [(jobs.ids[job], timestamp, span) for job, timestamp, span in zip(*found, strict=True)]
