"""Readers and followers of the change feed beside one writer: each answer is the state of one commit, and none is old.

The writer computes the state of its next commit before it writes. Every answer names its commit, so a reader compares
it with that state alone. With `BUCKETQUERY_ANSWERS` and `BUCKETQUERY_SEED` the slow tier runs in several processes:

    BUCKETQUERY_ANSWERS=5000000 BUCKETQUERY_SEED=1 python -m pytest -m thorough tests/malformed/test_living_threads.py
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, Changes, ChangesExpired, Commit, Kind, RecordQuery, ResultsIndex, Snapshot
from support.helpers import ON_FEW_ROWS, PATIENCE_S, lead_by_value, limit_heads
from support.shortcuts import take
from support.strategies import QUERIES, SCORES, kind_of
from support.tiers import of_tier

READERS = 8
FOLLOWERS = 2
HOUR = 3_600_000
JOB = "web"
KINDS: tuple[Kind, ...] = ("bucket", "record")
#: The number of commits whose states are kept for the readers.
STATES_KEPT = 4_000
#: A writer drops the oldest results from this number on.
MOST_RESULTS = 60

Name = tuple[Kind, tuple[Any, ...]]
#: For each result its score, whether it is interim, and its event count.
State = Mapping[Name, tuple[float, bool, int]]
Threshold = BucketQuery | RecordQuery


@dataclass(slots=True)
class Shared:
    """What all threads see: the states by commit, the answers so far, the first error."""

    index: ResultsIndex
    wanted: int
    states: dict[int, State] = field(default_factory=lambda: {0: {}, 1: {}})
    stop: threading.Event = field(default_factory=threading.Event)
    faults: list[BaseException] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [0] * (READERS + FOLLOWERS))

    def loop(self, step: Callable[[], Any], number: int | None) -> None:
        """Take steps until the race ends; keep the first error, and end the race with it."""
        try:
            while not self.stop.is_set():
                made = step()
                if number is not None:
                    self.answers[number] += made
                    if sum(self.answers) >= self.wanted:
                        self.stop.set()
        except BaseException as fault:  # noqa: BLE001 - handed to the main thread
            self.faults.append(fault)
            self.stop.set()


class Writer:
    """One writer that makes every sort of write, and the state of each commit before it is published."""

    def __init__(self, shared: Shared, seed: int) -> None:
        self.shared = shared
        self.index = shared.index
        self.rng = Random(seed)
        self.state: State = {}
        self.written = 0
        self.row = 0
        self.has_other = False

    def score(self) -> float:
        """A score that no other stored result has."""
        self.written += 1
        return self.written % 100_000 / 1_000

    def publish(self, after: State, write: Callable[[], Commit], *, commits: bool | None = None) -> None:
        """Make a write whose state is known."""
        sequence = self.index.sequence
        self.shared.states[sequence + 1] = after
        commit = write()
        assert commit.sequence == sequence + (after != self.state if commits is None else commits)
        self.state = after
        self.shared.states.pop(sequence - STATES_KEPT, None)

    def step(self) -> None:
        """Make a write."""
        if len(self.state) > MOST_RESULTS:
            self.drop_oldest()
        else:
            self.rng.choice(
                (
                    self.append,
                    self.append,
                    self.single,
                    self.single,
                    self.again,
                    self.renormalise,
                    self.renormalise,
                    self.finish,
                    self.overtake,
                    self.drop_interim,
                    self.drop_newest,
                    self.drop_middle,
                    self.other_job,
                    self.refused,
                )
            )()

    def document(self, name: Name, value: tuple[float, bool, int]) -> dict[str, Any]:
        """A result as a document."""
        kind, key = name
        document = {"result_type": kind, "job_id": JOB, "timestamp": key[1], "bucket_span": key[2]}
        score, is_interim, count = value
        document |= {SCORES[kind]: score, "is_interim": is_interim}
        return document | ({"event_count": count} if kind == "bucket" else {"detector_index": key[3]})

    def upsert(self, written: State, *, dropped: frozenset[Name] = frozenset(), **named: Any) -> None:
        """Write results, and follow."""
        left = {name: value for name, value in self.state.items() if name not in dropped}
        documents = [self.document(name, value) for name, value in written.items()]
        self.publish({**left, **written}, lambda: self.index.upsert(documents, **named))

    def names(self, row: int) -> list[Name]:
        """A bucket and two records of an hour."""
        records = [(JOB, row * HOUR, 3_600, detector, None, None, None) for detector in (0, 1)]
        return [("bucket", (JOB, row * HOUR, 3_600)), *(("record", key) for key in records)]

    def append(self) -> None:
        """Append an hour, interim or final."""
        self.row += self.rng.choice((1, 1, 2))
        is_interim = self.rng.random() < 0.4
        self.upsert({name: (self.score(), is_interim, self.written) for name in self.names(self.row)})

    def single(self) -> None:
        """Write one result: late, interim, final, replaced or appended."""
        name = self.rng.choice(self.names(max(0, self.row - self.rng.randrange(-1, 12))))
        self.row = max(self.row, name[1][1] // HOUR)
        self.upsert({name: (self.score(), self.rng.random() < 0.3, self.written)})

    def again(self) -> None:
        """Write what is stored already, or change only the event count."""
        some = self.rng.sample(sorted(self.state), min(3, len(self.state)))
        count = self.rng.choice((None, self.written))
        self.upsert(
            {
                name: (*self.state[name][:2], self.state[name][2] if count is None or name[0] == "record" else count)
                for name in some
            }
        )

    def renormalise(self) -> None:
        """Give new scores to some results of both kinds in one commit."""
        some = self.rng.sample(sorted(self.state), self.rng.randint(0, len(self.state)))
        after = {name: (self.score(), *self.state[name][1:]) for name in some}
        columns: dict[str, Any] = {}
        for kind in KINDS:
            rows = [(name[1], value[0]) for name, value in after.items() if name[0] == kind]
            if rows:
                columns[f"{kind}s"] = {
                    "timestamp": [key[1] for key, _ in rows],
                    "bucket_span": 3_600,
                    SCORES[kind]: [score for _, score in rows],
                }
                if kind == "record":
                    columns["records"]["detector_index"] = [key[3] for key, _ in rows]
        if columns:
            self.publish({**self.state, **after}, lambda: self.index.renormalize(JOB, **columns))

    def finish(self) -> None:
        """Write all interim results as final ones, at an unchanged score."""
        interim = {name: (value[0], False, value[2]) for name, value in self.state.items() if value[1]}
        self.upsert(interim)

    def overtake(self) -> None:
        """Write a final bucket that drops the interim results of its hour."""
        row = max(0, self.row - self.rng.randrange(4))
        bucket, *records = self.names(row)
        dropped = frozenset(name for name in records if name in self.state and self.state[name][1])
        self.upsert({bucket: (self.score(), False, self.written)}, dropped=dropped, drop_interim=True)

    def keep(self, stays: Callable[[Name, tuple[float, bool, int]], bool], **named: Any) -> None:
        """Delete results."""
        after = {name: value for name, value in self.state.items() if stays(name, value)}
        # The result of the other job, which no state has, must stay.
        job_id = self.rng.choice((JOB, [JOB], JOB if self.has_other else None))
        self.publish(after, lambda: self.index.delete(job_id, **named))

    def drop_oldest(self) -> None:
        """Delete the oldest results."""
        end = (self.row - self.rng.randrange(5, 15)) * HOUR
        self.keep(lambda name, _: name[1][1] >= end, end=end)

    def drop_newest(self) -> None:
        """Delete the newest results, so that the next ones are appended in their place."""
        start = (self.row - self.rng.randrange(3)) * HOUR
        self.keep(lambda name, _: name[1][1] < start, start=start)
        self.row = max(0, start // HOUR - 1)

    def drop_middle(self) -> None:
        """Delete an hour."""
        start = (self.row - self.rng.randrange(10)) * HOUR
        self.keep(lambda name, _: name[1][1] != start, start=start, end=start + HOUR)

    def drop_interim(self) -> None:
        """Delete the interim results."""
        self.keep(lambda _, value: not value[1], interim_only=True)

    def other_job(self) -> None:
        """Make another job known, or delete it with its result."""
        if "other" in self.index:
            self.publish(self.state, lambda: self.index.delete_job("other"), commits=True)
            self.has_other = False
        elif self.rng.random() < 0.5:
            self.publish(self.state, lambda: self.index.put_job("other"), commits=True)
        else:
            self.has_other = True
            other = {"job_id": "other", "timestamp": 0, "bucket_span": 60}
            self.publish(self.state, lambda: self.index.upsert([other], kind="bucket"), commits=True)

    def refused(self) -> None:
        """Try a write that is refused."""
        sequence = self.index.sequence
        with pytest.raises(ValueError, match="timestamp"):
            self.index.upsert(
                [self.document(self.names(0)[0], (1.0, False, 0)), {"result_type": "record", "job_id": JOB}]
            )
        assert self.index.sequence == sequence


# ---- readers


def place(query: Threshold, key: tuple[Any, ...], score: float) -> tuple[Any, ...]:
    """The values by which results are in the order of a query. Every score is stored once."""
    if query.sort != "timestamp":
        return (score,)
    return (key[1],) if kind_of(query) == "bucket" else (key[1], score)


def ordered(state: State, query: Threshold) -> list[tuple[tuple[Any, ...], float]]:
    """The identity and score of each match in order."""
    kind, threshold = kind_of(query), getattr(query, SCORES[kind_of(query)])
    start, end = query.start, query.end
    found = [
        (key, score)
        for (of, key), (score, is_interim, _) in state.items()
        if of == kind
        and score >= threshold
        and not (is_interim and query.exclude_interim)
        and (start is None or key[1] >= start)
        and (end is None or key[1] < end)
    ]
    return sorted(found, key=lambda row: place(query, *row), reverse=query.desc)


class Reader:
    """A thread that asks and compares each answer with the state of its commit."""

    def __init__(self, shared: Shared, number: int, seed: int) -> None:
        self.shared = shared
        self.index = shared.index
        self.number = number
        self.rng = Random(f"{seed} {number}")
        self.newest = 0

    def state(self, sequence: int) -> State | None:
        """The state of a commit that is not older than the last one; None if it is no longer known."""
        assert sequence >= self.newest, f"commit {sequence} after {self.newest}"
        self.newest = sequence
        return self.shared.states.get(sequence)

    def query(self) -> Threshold:
        """A query of either kind, by time or by score."""
        rng = self.rng
        kind: Kind = rng.choice(KINDS)
        asked: dict[str, Any] = {
            "jobs": JOB,
            "sort": rng.choice(("timestamp", SCORES[kind])),
            "desc": rng.random() < 0.5,
            "size": rng.choice((1, 3, 10, 100)),
            "exclude_interim": rng.random() < 0.3,
            SCORES[kind]: rng.choice((0.0, 0.0, 25.0, 75.0)),
        }
        if rng.random() < 0.2:
            asked["start"] = rng.randrange(20) * HOUR
        query = QUERIES[kind](**asked)
        assert isinstance(query, BucketQuery | RecordQuery)
        return query

    def compare(self, query: Threshold, page: Any, behind: tuple[Any, ...] | None = None) -> list[Any] | None:
        """Compare a page with the state of its commit, and return the matches of that state."""
        shown = [*zip(page.keys(), page.column(SCORES[kind_of(query)]).tolist(), strict=True)]
        state = self.state(page.sequence)
        if state is None:
            return None
        matching = ordered(state, query)
        assert page.count == len(matching), (page.sequence, query)
        if behind is not None:
            places = [place(query, *row) for row in matching]
            matching = [
                row for row, at in zip(matching, places, strict=True) if (at < behind if query.desc else at > behind)
            ]
        assert shown == matching[: query.size], (page.sequence, query, behind)
        if kind_of(query) == "bucket":
            assert page.column("event_count").tolist() == [state["bucket", key][2] for key, _ in shown]
        assert (page.cursor is None) == (len(matching) <= query.size), (page.sequence, query, behind)
        return matching

    def step(self) -> int:
        """Ask some questions, and return the number of checked answers."""
        return self.rng.choice((self.page, self.page, self.count, self.walk, self.frozen, self.listing))()

    def page(self) -> int:
        """A page of the newest commit."""
        query = self.query()
        self.compare(query, self.index.search(query))
        return 1

    def count(self) -> int:
        """A count."""
        query = self.query().replace(size=0)
        page = self.index.search(query)
        state = self.state(page.sequence)
        assert state is None or page.count == len(ordered(state, query))
        return 1

    def walk(self) -> int:
        """Pages of a walk, each of its own commit."""
        query = self.query()
        if query.size > 10:
            query = query.replace(size=3)
        page = self.index.search(query)
        self.compare(query, page)
        pages = 1
        while page.cursor is not None and pages < 8:
            last = place(query, page.keys()[-1], page.column(SCORES[kind_of(query)]).tolist()[-1])
            page = self.index.search(query, after=page.cursor)
            self.compare(query, page, last)
            pages += 1
        return pages

    def frozen(self) -> int:
        """All pages of both kinds, of one snapshot."""
        snapshot: Snapshot = self.index.snapshot()
        state = self.state(snapshot.sequence)
        query = self.query().replace(size=7)
        pages = [*snapshot.pages(query)]
        keys = [key for page in pages for key in page.keys()]  # noqa: SIM118 - not a mapping
        assert {page.sequence for page in pages} == {snapshot.sequence}
        assert state is None or keys == [key for key, _ in ordered(state, query)]
        both = {kind: {*snapshot.search(QUERIES[kind](jobs=JOB, size=1_000)).keys()} for kind in KINDS}
        assert state is None or {(kind, key) for kind, found in both.items() for key in found} == {*state}
        return len(pages) + 2

    def listing(self) -> int:
        """Every match as a change."""
        query = self.query()
        listed = self.index.changes(query, since=None)
        state = self.state(listed.sequence)
        assert state is None or sorted((change.key, change.score) for change in listed) == sorted(ordered(state, query))
        return 1


class Follower(Reader):
    """A thread that follows the feed: its copy is always the state of the commit that it read last.

    Every second follower has a query, and then its copy has the matches only.
    """

    def __init__(self, shared: Shared, number: int, seed: int) -> None:
        super().__init__(shared, number, seed)
        self.watch = RecordQuery(jobs=JOB, record_score=40.0, exclude_interim=True) if number % 2 else None
        self.since = 0
        self.copy: dict[Name, float | None] = {}

    def step(self) -> int:
        """Read what is new."""
        try:
            changes = self.index.changes(self.watch, since=self.since)
        except ChangesExpired:
            changes = self.index.changes(self.watch, since=None)
            self.copy = {}
        new = changes.sequence > self.since
        self.follow(changes)
        return int(new)

    def follow(self, changes: Changes) -> None:
        """Apply changes to the copy, and compare it with the state."""
        assert not changes.ranges
        for change in changes:
            assert change.sequence > self.since or change.reason is None
            name = change.kind, change.key
            assert self.copy.get(name) == (None if change.effect == "entered" else change.old_score), change
            if change.effect == "left":
                del self.copy[name]
            else:
                self.copy[name] = change.score
        self.since = changes.sequence
        state = self.state(changes.sequence)
        if state is not None:
            self.equals(state)

    def equals(self, state: State) -> None:
        """Compare the copy with a state."""
        if self.watch is None:
            of_job = {name: score for name, score in self.copy.items() if name[1][0] == JOB}
            assert of_job == {name: value[0] for name, value in state.items()}
        else:
            assert self.copy == {("record", key): score for key, score in ordered(state, self.watch)}


# ---- the race


def race(index: ResultsIndex, seed: int, answers: int) -> None:
    """Run eight readers and two followers beside a writer until there are enough checked answers."""
    index.put_job(JOB)
    shared = Shared(index, answers)
    writer = Writer(shared, seed)
    readers = [Reader(shared, number, seed) for number in range(READERS)]
    followers = [Follower(shared, READERS + number, seed) for number in range(FOLLOWERS)]

    threads = [threading.Thread(target=shared.loop, args=(writer.step, None), daemon=True)]
    threads += [
        threading.Thread(target=shared.loop, args=(reader.step, reader.number), daemon=True)
        for reader in (*readers, *followers)
    ]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        before = -1
        while not shared.stop.wait(PATIENCE_S):
            # A race that goes on may take as long as it needs.
            assert sum(shared.answers) > before
            before = sum(shared.answers)
        for thread in threads:
            thread.join(PATIENCE_S)
    finally:
        shared.stop.set()
        sys.setswitchinterval(interval)
    if shared.faults:
        raise shared.faults[0]
    assert not any(thread.is_alive() for thread in threads)
    for reader in (*readers, *followers):
        reader.step()
    for follower in followers:
        assert follower.since == index.sequence
        follower.equals(writer.state)
    assert index.sequence > answers // 200, "the writer writes on"
    index.check()


def small_index(patch: pytest.MonkeyPatch, seed: int) -> ResultsIndex:
    """An index of the usual sizes for an even seed, or one whose structures all begin with a few rows."""
    if seed % 2:
        limit_heads(patch, 3)
        lead_by_value(patch)
        return take(ResultsIndex(), ON_FEW_ROWS)
    return ResultsIndex()


@pytest.mark.repeats
@pytest.mark.parametrize("seed", [0, 1])
def test_every_answer_is_of_one_commit_and_none_is_older_than_the_last(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages, counts, walks, listings and feeds beside a writer of every sort of write: each is of one commit."""
    race(small_index(monkeypatch, seed), seed, of_tier(2_000, 100_000))


@pytest.mark.thorough
@pytest.mark.parametrize("sizes", [0, 1], ids=["usual sizes", "small sizes"])
def test_millions_of_answers_are_of_one_commit(sizes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty million answers beside one writer, half of them with small sizes."""
    answers = int(os.environ.get("BUCKETQUERY_ANSWERS", "20000000"))
    seed = 2 * int(os.environ.get("BUCKETQUERY_SEED", "1")) + sizes
    race(small_index(monkeypatch, seed), seed, answers // 2)
