"""The cost of the log of changes: the same writes with the log, which is the default, and without it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.job_sets import batches
from benchmarks.questions import check, timestamps_of
from benchmarks.timing import Effort, Figures, WrongAnswer, alternate
from benchmarks.workloads import (
    HIGHEST,
    JOB,
    NEWEST,
    Columns,
    Document,
    ResolvedQuery,
    answer_of,
    bucket_columns,
    bucket_documents,
    next_buckets,
    rescored,
)
from benchmarks.writes import VERSIONS
from bucketquery import BucketQueryError, ResultsIndex

PAIRED: Final = "times"
"""The column for the cost with the log divided by that without, the median of pairs of neighbouring samples.

Other work on the machine disturbs both of a pair alike, so this ratio is steadier than that of the two medians.
"""

NOISE: Final = "noise"
"""The column for three standard errors of this ratio, by the differences between the pairs."""

#: Turns a median difference from the median into three standard errors of the median, but for the number of pairs.
_ERRORS: Final = 3 * 1.2533 * 1.4826

WITH_LOG: Final = "index"
WITHOUT_LOG: Final = "index, without a log"

#: The default of `changes_kept`. The log of each index is full before a single write is timed.
_KEPT: Final = 100_000
_MANY: Final = 100_000
_JOBS: Final = 50_000

#: An index. Any, because an older commit that is measured has no log.
Index = Any

_WITHOUT: Final[Any] = {"changes_kept": 0}
_MAKERS: Final[Mapping[str, Callable[[], Index]]] = {
    WITH_LOG: ResultsIndex,
    WITHOUT_LOG: lambda: ResultsIndex(**_WITHOUT),
}


def pair_of_indexes(columns: Columns | None = None) -> dict[str, Index]:
    """Two indexes of the same buckets, or two empty ones: with the log, which is the default, and without it."""
    indexes: dict[str, Index] = {name: make() for name, make in _MAKERS.items()}
    if columns is not None:
        for index in indexes.values():
            index.upsert_columns(columns, job_id=JOB)
    return indexes


def paired(
    taken: Mapping[str, Sequence[float]], share: float = 1.0, pair: tuple[str, str] = (WITH_LOG, WITHOUT_LOG)
) -> dict[str, float]:
    """The median of each contestant, times ``share``, the median ratio of their pairs, and its noise.

    Args:
        taken: the samples of both contestants, in the same order.
        share: the part of a sample that is one write, default all of it.
        pair: the contestants: the ratio is that of the first to the second.
    """
    ratios = [a / b for a, b in zip(taken[pair[0]], taken[pair[1]], strict=True)]
    times = median(ratios)
    noise = _ERRORS * median(abs(ratio - times) for ratio in ratios) / len(ratios) ** 0.5
    return {**{name: share * median(some) for name, some in taken.items()}, PAIRED: times, NOISE: noise}


def check_log(indexes: Mapping[str, Index], since: int, written: int) -> None:
    """Check that one index has the last changes, and the other none.

    Raises:
        WrongAnswer: the log has another number of changes, or an index without a log has a change.
    """
    if (found := len(indexes[WITH_LOG].changes(since=since))) != written:
        raise WrongAnswer(f"the log has {found} changes of {written} writes")
    try:
        indexes[WITHOUT_LOG].changes(since=since)
    except BucketQueryError as error:
        if error.status == 410:
            return
    raise WrongAnswer("an index without a log has changes")


# What the log costs the writer


def measure_single_writes(size: int, effort: Effort) -> Figures:
    """Single writes with a full log and without a log, microseconds a document: appends, W2 and W4.

    A sample is 16 documents. The two indexes get the same documents, in turn.

    Raises:
        WrongAnswer: a page does not show the written documents, or the log lacks some of them.
    """
    columns = bucket_columns(size)
    indexes = pair_of_indexes(columns)
    _fill_logs(indexes, columns, _KEPT if effort.rounds > 1 else _KEPT // 50)
    newest = int(columns["timestamp"][-1])
    figures = {}
    for words, read, interim in (
        ("append a bucket", False, 0),
        ("W2 append a bucket, then the newest page", True, 0),
        (f"W4 replace the newest bucket, {VERSIONS} versions, then the newest page", True, VERSIONS - 1),
    ):
        coming = next_buckets({"timestamp": np.array([newest])}, interim=interim)
        blocks = [list(islice(coming, VERSIONS)) for _ in range(20 * effort.rounds)]
        works = {name: _writing(index, read=read) for name, index in indexes.items()}
        since = indexes[WITH_LOG].sequence
        figures[words] = paired(alternate(works, blocks), 1 / VERSIONS)
        newest = blocks[-1][-1]["timestamp"]
        buckets = sorted({document["timestamp"] for block in blocks for document in block})
        for name, index in indexes.items():
            page = index.search(NEWEST)
            if timestamps_of(page)[: len(buckets)] != buckets[::-1][:100] or page[0].to_dict() != blocks[-1][-1]:
                raise WrongAnswer(f"{words}, {name}: the newest page is another one")
        check_log(indexes, since, VERSIONS * len(blocks))
    return figures


def _fill_logs(indexes: Mapping[str, Index], columns: Columns, changes: int) -> None:
    """Write other scores for some buckets again and again, until the log has had a number of changes."""
    some = {name: columns[name][:1_000] for name in ("timestamp", "bucket_span", "anomaly_score")}
    for turn in range(changes // 1_000):
        scores = {**some, "anomaly_score": some["anomaly_score"] + (turn + 1) * 1e-6}
        for index in indexes.values():
            index.renormalize(JOB, buckets=scores)


def _writing(index: Index, *, read: bool) -> Callable[[Sequence[Document]], object]:
    upsert, search = index.upsert, index.search

    def write(documents: Sequence[Document]) -> None:
        for document in documents:
            upsert([document])

    def write_and_search(documents: Sequence[Document]) -> None:
        for document in documents:
            upsert([document])
            search(NEWEST)

    return write_and_search if read else write


def measure_batches(size: int, effort: Effort) -> Figures:
    """Batches with the log and without it, milliseconds: W3, documents, columns and one bucket for each of many jobs.

    Raises:
        WrongAnswer: an index does not have the written results, or the log lacks some of them.
    """
    rounds = effort.rounds
    columns = bucket_columns(size)
    figures = {"W3 rescore a hundredth, then the top ten": _rescoring(columns, 2 * rounds)}
    many = min(size, _MANY)
    documents = bucket_documents(bucket_columns(many))
    loads = {name: partial(_load, make) for name, make in _MAKERS.items()}
    for load in loads.values():
        if load(documents).search(NEWEST).count != many:
            raise WrongAnswer("documents are missing")
    figures[f"{many:,} documents loaded"] = paired(alternate(loads, [documents] * rounds), 1e-3)
    del documents
    figures[f"{many:,} rows replaced by columns"] = _replacing(columns, many, 2 * rounds)
    jobs = min(size, _JOBS)
    figures[f"one bucket for each of {jobs:,} jobs"] = _many_jobs(jobs, min(9, rounds))
    return figures


def _load(make: Callable[[], Index], documents: Sequence[Document]) -> Index:
    index = make()
    index.upsert(documents)
    return index


def _rescoring(columns: Columns, rounds: int) -> dict[str, float]:
    indexes = pair_of_indexes(columns)

    def rescore(index: Index, some: Columns) -> object:
        index.renormalize(JOB, buckets={key: some[key] for key in ("timestamp", "bucket_span", "anomaly_score")})
        return index.search(HIGHEST).column("timestamp").tolist()

    return _in_turn(columns, indexes, rescore, list(islice(rescored(columns), rounds + 2)))


def _replacing(columns: Columns, many: int, rounds: int) -> dict[str, float]:
    rng = np.random.default_rng(many)
    some = np.sort(rng.choice(len(columns["timestamp"]), many, replace=False))
    given = {name: column[some] for name, column in columns.items()}
    given_scores = [{**given, "anomaly_score": 100.0 * rng.random(many) ** 8} for _ in range(rounds + 2)]

    def replace(index: Index, some: Columns) -> object:
        return index.upsert_columns(some, job_id=JOB)

    return _in_turn(columns, pair_of_indexes(columns), replace, given_scores)


def _in_turn(
    columns: Columns, indexes: Mapping[str, Index], write: Callable[[Index, Columns], object], given: Sequence[Columns]
) -> dict[str, float]:
    """The times of batches of other scores, milliseconds. The first two are not timed."""
    works = {name: partial(write, index) for name, index in indexes.items()}
    current = {**columns, "anomaly_score": columns["anomaly_score"].copy()}
    for some in given[:2]:
        for work in works.values():
            work(some)
    since = indexes[WITH_LOG].sequence
    taken = alternate(works, given[2:])
    for some in given:
        current["anomaly_score"][columns["timestamp"].searchsorted(some["timestamp"])] = some["anomaly_score"]
    right = answer_of(current, ResolvedQuery.of(HIGHEST))
    for name, index in indexes.items():
        page = index.search(HIGHEST)
        check(f"the ten highest after a batch, {name}", (page.count, timestamps_of(page)), right, empty=False)
    last = len(given[-1]["timestamp"])
    check_log(indexes, since + len(given) - 3, last)
    return paired(taken, 1e-3)


def _many_jobs(jobs: int, rounds: int) -> dict[str, float]:
    coming, indexes = batches(jobs, rounds + 2), pair_of_indexes()
    for documents in islice(coming, 2):
        for index in indexes.values():
            index.upsert(documents)
    # Writes to many jobs make many objects, so the garbage collector is on, as in a host.
    taken = alternate({name: index.upsert for name, index in indexes.items()}, coming, collects=True)
    for name, index in indexes.items():
        if index.stats()["rows"]["bucket"] != jobs * (rounds + 2):
            raise WrongAnswer(f"a bucket for each job, {name}: some are missing")
    check_log(indexes, indexes[WITH_LOG].sequence - 1, jobs)
    return paired(taken, 1e-3)
