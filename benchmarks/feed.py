"""The change feed and the history of a result, beside a table of changes in SQLite that triggers fill."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.peers.living_table import Event, LivingTable
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import JOB, Columns, Document, bucket_columns, bucket_documents, next_buckets
from benchmarks.writes import VERSIONS
from bucketquery import BucketQuery, ResultsIndex

CRITICAL: Final = 75.0
_WATCH: Final = BucketQuery(jobs=JOB, anomaly_score=CRITICAL)
#: The log of the history. It keeps `changes_kept` changes at most, 100,000, and may drop some a little earlier.
_KEPT: Final = 99_000
_SINGLE: Final = 10_000

#: An index. Any, because an older commit that is measured has no log.
Index = Any


def measure_changes(size: int, effort: Effort, peers: Sequence[str]) -> Figures:
    """The feed and a history, microseconds: the changes unread, counted and read, and SQLite's table of changes.

    Raises:
        WrongAnswer: some changes are not the right ones.
    """
    columns = bucket_columns(size)
    feed = _Feed(columns, "sqlite" in peers)
    full = effort.rounds > 1
    figures = {
        "nothing new, without a query": race(
            {"changes": [partial(feed.index.changes, since=feed.index.sequence)]}, effort
        ),
        "nothing new": feed.race([], effort),
        "after one put": feed.race_puts(islice(next_buckets(columns, interim=0), 2_000 if full else 8)),
    }
    puts = _SINGLE if full else 500
    rng = np.random.default_rng(size)
    rows, scores = rng.integers(0, size, puts), 100.0 * rng.random(puts)
    documents = bucket_documents({**{n: c[rows] for n, c in columns.items()}, "anomaly_score": scores})
    events = feed.write(documents, one_by_one=True)
    figures[f"after {puts:,} single puts"] = feed.race(events, effort)
    rescored_rows = np.sort(rng.choice(size, min(size, _SINGLE), replace=False))
    some = {name: columns[name][rescored_rows] for name in ("timestamp", "bucket_span")}
    events = feed.renormalize({**some, "anomaly_score": 100.0 * rng.random(len(rescored_rows))})
    figures[f"after {len(rescored_rows):,} renormalised rows"] = feed.race(events, effort)
    figures["a listing"] = feed.race_listing(effort)
    del feed
    kept = _KEPT if full else 2_000
    return {**figures, **_history(kept, effort, "sqlite" in peers)}


class _Feed:
    """An index and SQLite with the same buckets and the same writes, and the events that both must report."""

    def __init__(self, columns: Columns, has_sqlite: bool) -> None:
        self.index: Index = ResultsIndex()
        self.index.upsert_columns(columns, job_id=JOB)
        self._sqlite = LivingTable(columns) if has_sqlite else None
        self._scores: dict[int, float] = dict(
            zip(columns["timestamp"].tolist(), columns["anomaly_score"].tolist(), strict=True)
        )
        self._mark()

    def _mark(self) -> None:
        """Let the next race begin behind all writes so far."""
        self._since = self.index.sequence
        self._since_in_sqlite = self._sqlite.sequence if self._sqlite else 0

    def write(self, documents: Sequence[Document], *, one_by_one: bool = False) -> list[tuple[Any, ...]]:
        """Write some documents to both. Returns the events of the watch."""
        self._mark()
        for some in ([document] for document in documents) if one_by_one else [documents]:
            self.index.upsert(some)
            if self._sqlite:
                self._sqlite.put_all(some)
        return self._events((each["timestamp"], each["anomaly_score"]) for each in documents)

    def renormalize(self, some: Columns) -> list[tuple[Any, ...]]:
        """Write other scores to both. Returns the events of the watch."""
        self._mark()
        self.index.renormalize(JOB, buckets=some)
        if self._sqlite:
            self._sqlite.rescore(some)
        return self._events(zip(some["timestamp"].tolist(), some["anomaly_score"].tolist(), strict=True))

    def _events(self, written: Iterable[tuple[int, float]]) -> list[tuple[Any, ...]]:
        events = []
        for timestamp, score in written:
            old = self._scores.get(timestamp)
            if old != score and max(score, -1.0 if old is None else old) >= CRITICAL:
                events.append((timestamp, old, score))
            self._scores[timestamp] = score
        return events

    def race(self, events: list[tuple[Any, ...]], effort: Effort) -> dict[str, float]:
        """The time of the changes since the last write, unread and read."""
        calls: dict[str, Call] = {"changes": partial(self.index.changes, _WATCH, since=self._since)}
        calls |= {
            "changes, counted": partial(_counted, calls["changes"]),
            "changes, read": partial(_read, calls["changes"]),
        }
        if self._sqlite:
            calls["sqlite"] = partial(self._sqlite.changes, CRITICAL, self._since_in_sqlite)
        _check_events("changes", calls, events)
        return race({name: [call] for name, call in calls.items()}, effort)

    def race_puts(self, documents: Iterable[Document]) -> dict[str, float]:
        """The time of the change after each of some puts, the first time that it is read."""
        works: dict[str, Callable[[Any], object]] = {
            "changes": lambda _: self.index.changes(_WATCH, since=self._since),
            "changes, counted": lambda _: len(self.index.changes(_WATCH, since=self._since)),
            "changes, read": lambda _: _read(lambda: self.index.changes(_WATCH, since=self._since)),
        }
        if self._sqlite:
            sqlite = self._sqlite
            works["sqlite"] = lambda _: sqlite.changes(CRITICAL, self._since_in_sqlite)
        taken: dict[str, list[float]] = {name: [] for name in works}
        names = cycle(works)
        for document in documents:
            # Each reads a change of its own, so none finds what another one has made.
            self.write([{**document, "anomaly_score": 90.0}])
            name = next(names)
            taken[name] += alternate({name: works[name]}, [None])[name]
        newest = max(self._scores)
        calls: dict[str, Call] = {name: partial(work, None) for name, work in works.items()}
        _check_events("a change after a put", calls, [(newest, None, 90.0)])
        return {name: median(some) for name, some in taken.items()}

    def race_listing(self, effort: Effort) -> dict[str, float]:
        """The time of a listing, unread and read."""
        calls: dict[str, Call] = {"changes": partial(self.index.changes, _WATCH, since=None)}
        calls |= {
            "changes, counted": partial(_counted, calls["changes"]),
            "changes, read": partial(_read, calls["changes"]),
        }
        if self._sqlite:
            calls["sqlite"] = partial(self._sqlite.listing, CRITICAL)
        right = [(timestamp, None, score) for timestamp, score in self._scores.items() if score >= CRITICAL]
        _check_events("a listing", calls, right)
        return race({name: [call] for name, call in calls.items()}, effort)


def _read(changes: Call) -> list[Any]:
    """The key and both scores of each change, as a host reads them."""
    found: Any = changes()
    return [(change.key, change.old_score, change.score) for change in found]


def _counted(changes: Call) -> int:
    """The number of changes: all of them are judged, and none becomes an object."""
    found: Any = changes()
    return len(found)


def _check_events(words: str, calls: Mapping[str, Call], right: Sequence[tuple[Any, ...]]) -> None:
    """Compare what each call reports, in any order, with the right timestamps and scores."""
    ordered = sorted(right, key=repr)
    for name, call in calls.items():
        found: Any = _read(call) if name == "changes" else call()
        if name.endswith("counted"):
            if found != len(right):
                raise WrongAnswer(f"{words}, {name}: {found}, not {len(right)}")
            continue
        events = [(key[1], *scores) for key, *scores in found] if name.startswith("changes") else _of_rows(found)
        if sorted(events, key=repr) != ordered:
            raise WrongAnswer(
                f"{words}, {name}: {len(events)} events, {events[:2]}..., not {len(right)}, {right[:2]}..."
            )


def _of_rows(rows: Iterable[Event]) -> list[tuple[Any, ...]]:
    return [(timestamp, old, score) for timestamp, _, old, score in rows]


def _history(kept: int, effort: Effort, has_sqlite: bool) -> Figures:
    """The history of one bucket of 16 versions, among ``kept`` changes of its job, and of a job with few changes.

    Half of the changes are written in batches of a thousand, and the other half one by one.
    """
    columns = bucket_columns(kept)
    documents = bucket_documents(columns)
    key = documents[kept // 2]
    versions = [{**key, "anomaly_score": float(version)} for version in range(1, 1 + VERSIONS)]
    small = [{**version, "job_id": "small"} for version in versions]
    written = [document for document in documents if document is not key][: kept - 2 * VERSIONS]
    half = len(written) // 2
    commits = [written[at : at + 1_000] for at in range(0, half, 1_000)] + [[document] for document in written[half:]]
    index: Index = ResultsIndex()
    table = LivingTable() if has_sqlite else None
    of_small = LivingTable() if has_sqlite else None
    step = len(commits) // VERSIONS
    for at, commit in enumerate(commits):
        index.upsert(commit)
        if table:
            table.put_all(commit)
        version = at // step
        if not at % step and version < VERSIONS:
            for one, store in ((versions[version], table), (small[version], of_small)):
                index.upsert([one])
                if store:
                    store.put(one)
    if len(index.changes(since=0)) != len(written) + 2 * VERSIONS:
        raise WrongAnswer("the log lacks some changes")
    scores = [document["anomaly_score"] for document in versions]
    right = list(zip([key["timestamp"]] * VERSIONS, [None, *scores], scores, strict=False))
    figures = {}
    for job_id, store, words in ((JOB, table, f"{len(written):,}"), ("small", of_small, "few")):
        identity = (job_id, key["timestamp"], key["bucket_span"])
        calls: dict[str, Call] = {"changes": partial(index.history, identity)}
        calls |= {
            "changes, counted": partial(_counted, calls["changes"]),
            "changes, read": partial(_read, calls["changes"]),
        }
        if store:
            calls["sqlite"] = partial(store.history, *identity[1:])
        _check_events("a history", calls, right)
        name = f"the history of a bucket, its job has {words} of {kept:,} changes"
        figures[name] = race({contestant: [call] for contestant, call in calls.items()}, effort)
    return figures
