"""The writes, each followed by a question about them; and loads."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from inspect import signature
from itertools import islice
from statistics import median
from time import perf_counter_ns
from typing import Any, Final

import numpy as np

from benchmarks.peers import KINDS, make
from benchmarks.peers.peer import Peer, row_of
from benchmarks.questions import check, timestamps_of
from benchmarks.timing import MIN_SAMPLES, Effort, Figures, WrongAnswer, alternate, undisturbed
from benchmarks.workloads import (
    HIGHEST,
    JOB,
    NEWEST,
    Columns,
    Document,
    ResolvedQuery,
    Row,
    answer_of,
    bucket_columns,
    bucket_documents,
    index_of_columns,
    next_buckets,
    rescored,
    shuffled,
)
from bucketquery import BucketPage, BucketQuery, ResultsIndex

VERSIONS: Final = 16
"""The number of times that a bucket is written: 15 times interim, then final."""

CHURN: Final = 2_000
"""About a week of buckets of 300 s."""

_TITLES: Final = {True: "W4 replace the newest bucket, {} buckets of 16 versions", False: "W2 append a bucket"}

Documents = Sequence[Document]


class Stepper:
    """One contestant that writes documents and returns a page after each.

    Args:
        name: the name of the contestant.
        step: writes a document and returns a page. This call is timed.
        read: returns the count and the timestamps of such a page.
        rows: returns the count and the rows of the current page.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[Document], Any],
        read: Callable[[Any], tuple[int, Sequence[int]]],
        rows: Callable[[], tuple[int, Sequence[Row]]],
    ) -> None:
        self.name = name
        self.rows = rows
        self._step = step
        self._read = read
        self._last_page: Any = None

    def write(self, documents: Documents) -> None:
        """Write some documents, and ask for a page after each."""
        step, page = self._step, None
        for document in documents:
            page = step(document)
        self._last_page = page

    def check(self, right: tuple[int, Sequence[int]]) -> None:
        """Compare the page of the last write, and the current rows, with the right page.

        Raises:
            WrongAnswer: they differ.
        """
        check(f"a page after a write, {self.name}", self._read(self._last_page), right, empty=False)
        count, rows = self.rows()
        check(f"rows after a write, {self.name}", (count, [row[0] for row in rows]), right, empty=False)


def steppers(columns: Columns, peers: Sequence[str], query: BucketQuery = NEWEST) -> list[Stepper]:
    """Contestants over the same buckets: the index with unread pages, the index with read timestamps, new peers."""
    contestants = [_index_stepper(name, index_of_columns(columns), query) for name in ("index", "index, timestamps")]
    for name in peers:
        peer = make(name)
        peer.load(columns)
        contestants.append(_peer_stepper(name, peer, int(columns["timestamp"][-1]), ResolvedQuery.of(query)))
    return contestants


def _index_stepper(name: str, index: ResultsIndex, query: BucketQuery) -> Stepper:
    upsert, search = index.upsert, index.search

    def step(document: Document) -> BucketPage:
        upsert([document])
        return search(query)

    def step_and_read(document: Document) -> tuple[BucketPage, list[int]]:
        upsert([document])
        page = search(query)
        return page, page.column("timestamp").tolist()

    def rows() -> tuple[int, list[Row]]:
        page = search(query)
        return page.count, [row_of(bucket.to_dict()) for bucket in page]

    if name == "index":
        return Stepper(name, step, lambda page: (page.count, timestamps_of(page)), rows)
    return Stepper(name, step_and_read, lambda page: (page[0].count, page[1]), rows)


def _peer_stepper(name: str, peer: Peer, last: int, question: ResolvedQuery) -> Stepper:
    append, replace, ask = peer.append, peer.replace, peer.prepare(question)

    def step(document: Document) -> tuple[int, Any]:
        nonlocal last
        timestamp = document["timestamp"]
        if timestamp > last:
            append(document)
            last = timestamp
        else:
            replace(document)
        return ask()

    return Stepper(name, step, lambda page: (page[0], peer.keys(page[1])), peer.prepare_rows(question))


def measure_newest(size: int, peers: Sequence[str], effort: Effort, *, interim: bool) -> Figures:
    """W2 or W4: write a document and ask for the newest page; microseconds a document.

    W2 appends some hundreds of final buckets. W4 writes each bucket in 16 versions, for some hundreds of buckets and
    again after a week of them. A sample is 16 documents: 16 buckets, or the 16 versions of one.

    Raises:
        WrongAnswer: a page does not show the written documents.
    """
    columns = bucket_columns(size)
    stream = next_buckets(columns, interim=VERSIONS - 1 if interim else 0)
    full = effort.rounds > 1
    blocks = [list(islice(stream, VERSIONS)) for _ in range(300 if full else 2)]
    contestants = steppers(columns, peers)
    for each in contestants:
        for at, document in enumerate(blocks[0]):
            each.write([document])
            _check_newest(columns, [blocks[0][: at + 1]])(each, 0)
    check_first = _check_newest(columns, blocks)
    figures = {_TITLES[interim].format("hundreds of"): _time_writes(contestants, blocks[1:], check_first)}
    if interim:
        lasting = [each for each in contestants if _max_writes(each.name) >= CHURN * VERSIONS]
        churn = [list(islice(stream, VERSIONS)) for _ in range(CHURN - len(blocks) if full else 2)]
        for block in churn:
            for each in lasting:
                each.write(block)
        later = [list(islice(stream, VERSIONS)) for _ in range(100 if full else 2)]
        check_later = _check_newest(columns, [*blocks, *churn, *later], len(blocks) + len(churn))
        figures[_TITLES[interim].format(f"after {CHURN:,}")] = _time_writes(lasting, later, check_later)
    return figures


def measure_highest(size: int, peers: Sequence[str], effort: Effort) -> Figures:
    """W5: append a bucket and ask for the ten highest scores; microseconds a document.

    Every contestant has to update the structures that it keeps for the highest scores.

    Raises:
        WrongAnswer: a page does not have the ten highest of the current scores.
    """
    columns = bucket_columns(size)
    stream = next_buckets(columns, interim=0)
    blocks = [list(islice(stream, VERSIONS)) for _ in range(100 if effort.rounds > 1 else 2)]
    # Some of the appended buckets are among the highest.
    for block in blocks:
        block[0]["anomaly_score"] = 100.0
    contestants = steppers(columns, peers, HIGHEST)
    for each in contestants:
        each.write(blocks[0])
    taken = _time_writes(contestants, blocks[1:], _check_ten(columns, blocks), effort.budget_ns)
    return {"W5 append a bucket, then the ten highest": taken}


def _check_ten(columns: Columns, blocks: Sequence[Documents]) -> Callable[[Stepper, int], None]:
    def check_one(stepper: Stepper, done: int) -> None:
        written = [document for block in blocks[: 1 + done] for document in block]
        after = {
            name: np.concatenate((column, np.array([document[name] for document in written], dtype=column.dtype)))
            for name, column in columns.items()
        }
        stepper.check(answer_of(after, ResolvedQuery.of(HIGHEST)))

    return check_one


def _max_writes(name: str) -> int:
    return KINDS[name].max_writes if name in KINDS else 1_000_000


def _check_newest(columns: Columns, blocks: Sequence[Documents], before: int = 1) -> Callable[[Stepper, int], None]:
    def check_one(stepper: Stepper, done: int) -> None:
        written = [document for block in blocks[: before + done] for document in block]
        behind = sorted({document["timestamp"] for document in written})
        timestamps = [*columns["timestamp"][-100:].tolist(), *behind][-100:]
        stepper.check((len(columns["timestamp"]) + len(behind), timestamps[::-1]))
        newest = stepper.rows()[1][0]
        if tuple(newest) != row_of(written[-1]):
            raise WrongAnswer(f"the newest row, {stepper.name}: {newest}, not {written[-1]}")

    return check_one


def _time_writes(
    contestants: Sequence[Stepper],
    blocks: Sequence[Documents],
    check_one: Callable[[Stepper, int], None],
    budget_ns: float = math.inf,
) -> dict[str, float]:
    """The median time of each contestant for one document, microseconds. Slow contestants get fewer blocks.

    Args:
        contestants: the contestants, which take turns.
        blocks: documents, a sample each.
        check_one: raises `WrongAnswer` if the page of a contestant is wrong after a number of blocks.
        budget_ns: the time of one contestant, nanoseconds, after its first `MIN_SAMPLES` blocks; default no limit.
    """
    taken: dict[str, list[float]] = {each.name: [] for each in contestants}
    most = {each.name: min(len(blocks), max(1, _max_writes(each.name) // VERSIONS)) for each in contestants}
    with undisturbed():
        for turn, block in enumerate(blocks):
            shift = turn % len(contestants)
            for each in [*contestants[shift:], *contestants[:shift]]:
                if turn < most[each.name] and (turn < MIN_SAMPLES or sum(taken[each.name]) < budget_ns):
                    begun = perf_counter_ns()
                    each.write(block)
                    taken[each.name].append(perf_counter_ns() - begun)
    figures = {}
    for each in contestants:
        check_one(each, len(taken[each.name]))
        figures[each.name] = median(taken[each.name]) / 1e3 / VERSIONS
    return figures


def measure_rescoring(size: int, peers: Sequence[str], effort: Effort) -> Figures:
    """W3: write other scores for a random hundredth of the buckets, then ask for the ten highest; milliseconds.

    Raises:
        WrongAnswer: a page does not have the ten highest of the current scores.
    """
    columns = bucket_columns(size)
    answers: dict[str, Callable[[], tuple[int, Any]]] = {}
    works: dict[str, Callable[[Columns], object]] = {}
    # Old commits may be measured too. Their index has no `renormalize`.
    for name in ("index", "index, upsert_columns") if hasattr(ResultsIndex, "renormalize") else ("index",):
        index = index_of_columns(columns)
        works[name], answers[name] = _index_rescoring(index, name), _index_answer(index)
    for name in peers:
        peer = make(name)
        peer.load(columns)
        works[name], answers[name] = _peer_rescoring(peer), _peer_answer(peer)
    batches = list(islice(rescored(columns), 2 + min(9, effort.rounds)))
    current = {**columns, "anomaly_score": columns["anomaly_score"].copy()}
    for some in batches[:2]:
        _write_scores(current, some)
        for work in works.values():
            work(some)
        _check_highest(current, answers)
    taken = alternate(works, batches[2:])
    for some in batches[2:]:
        _write_scores(current, some)
    _check_highest(current, answers)
    return {"W3 rescore a hundredth, then the top ten": {name: median(some) / 1e3 for name, some in taken.items()}}


def _write_scores(columns: Columns, some: Columns) -> None:
    columns["anomaly_score"][columns["timestamp"].searchsorted(some["timestamp"])] = some["anomaly_score"]


def _check_highest(columns: Columns, answers: Mapping[str, Callable[[], tuple[int, Any]]]) -> None:
    right = answer_of(columns, ResolvedQuery.of(HIGHEST))
    for name, answer in answers.items():
        check(f"the ten highest after a rescore, {name}", answer(), right, empty=False)


def _index_rescoring(index: ResultsIndex, name: str) -> Callable[[Columns], object]:
    renormalize = getattr(index, "renormalize", None)
    if renormalize is None or name != "index":
        write: Callable[[Columns], object] = partial(index.upsert_columns, job_id=JOB)
    else:
        # Old commits may be measured too. There the argument has another name.
        argument = "buckets" if "buckets" in signature(renormalize).parameters else "columns"

        def write(some: Columns) -> object:
            scores = {key: some[key] for key in ("timestamp", "bucket_span", "anomaly_score")}
            return renormalize(JOB, **{argument: scores})

    def work(some: Columns) -> object:
        write(some)
        return index.search(HIGHEST).column("timestamp").tolist()

    return work


def _index_answer(index: ResultsIndex) -> Callable[[], tuple[int, Any]]:
    def answer() -> tuple[int, Any]:
        page = index.search(HIGHEST)
        return page.count, timestamps_of(page)

    return answer


def _peer_rescoring(peer: Peer) -> Callable[[Columns], object]:
    ask = peer.prepare(ResolvedQuery.of(HIGHEST))

    def work(some: Columns) -> object:
        peer.rescore(some)
        return ask()

    return work


def _peer_answer(peer: Peer) -> Callable[[], tuple[int, Any]]:
    ask = peer.prepare(ResolvedQuery.of(HIGHEST))

    def answer() -> tuple[int, Any]:
        count, page = ask()
        return count, peer.keys(page)

    return answer


def measure_loading(size: int, peers: Sequence[str], effort: Effort) -> Figures:
    """W1 and W1u: load columns, sorted and shuffled, until questions can be answered; milliseconds.

    Raises:
        WrongAnswer: the newest page after a load is wrong.
    """
    figures = {}
    for name, columns in {
        "W1 load columns, sorted": bucket_columns(size),
        "W1u load columns, shuffled": shuffled(bucket_columns(size)),
    }.items():
        right = answer_of(columns, ResolvedQuery.of(NEWEST))
        works: dict[str, Callable[[Columns], object]] = {"index": index_of_columns}
        page = index_of_columns(columns).search(NEWEST)
        check(f"{name}, index", (page.count, timestamps_of(page)), right, empty=False)
        for peer_name in peers:
            works[peer_name] = partial(_load_peer, peer_name)
            newest = _load_peer(peer_name, columns).prepare_rows(ResolvedQuery.of(NEWEST))
            count, rows = newest()
            check(f"{name}, {peer_name}", (count, [row[0] for row in rows]), right, empty=False)
            del newest
        if "pandas" in peers:
            works["pandas sort_values"] = _sorting(columns)
        slow = {key: work for key, work in works.items() if key in {"list", "sqlite"}}
        quick = {key: work for key, work in works.items() if key not in slow}
        taken = {**alternate(quick, [columns] * min(7, effort.rounds)), **alternate(slow, [columns])}
        figures[name] = {key: median(taken[key]) / 1e3 for key in works}
    return figures


def _sorting(columns: Columns) -> Callable[[Columns], object]:
    """A call that sorts a frame. The frame is made here, outside the time."""
    frame: Any = import_module("pandas").DataFrame(dict(columns))
    return lambda _: frame.sort_values("timestamp")


def _load_peer(name: str, columns: Columns) -> Peer:
    peer = make(name)
    peer.load(columns)
    return peer


def measure_documents(size: int, effort: Effort) -> Figures:
    """Load the parsed documents of one job in one batch, in order; documents a second.

    Raises:
        WrongAnswer: the index does not hold all of them afterwards.
    """
    documents = bucket_documents(bucket_columns(min(size, 1_000_000)))
    index = ResultsIndex()
    if index.upsert(documents).inserted != len(documents) or index.search(NEWEST).count != len(documents):
        raise WrongAnswer("documents are missing")
    del index
    taken = alternate({"index": lambda some: ResultsIndex().upsert(some)}, [documents] * min(3, effort.rounds))
    return {f"{len(documents):,} documents in one batch": {"index": len(documents) / median(taken["index"]) * 1e6}}
