"""Writers that fail at any line, without memory, or by a signal; and writers that go on for very long.

After each fault the index has all of a commit or nothing of it: its results, its feed, its snapshots, its next write.
"""

import gc
import linecache
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import bucketquery
from bucketquery import BucketQuery, RecordQuery, ResultsIndex, Snapshot
from support.helpers import ON_FEW_ROWS, PATIENCE_S, lead_by_value, limit_heads, resize
from support.shortcuts import take
from support.strategies import KINDS, QUERIES, SCORES
from support.tiers import IN_CI, of_tier

PACKAGE = str(Path(bucketquery.__file__).parent)
HOUR = 3_600_000
ROWS = 14

Document = dict[str, Any]
Write = Callable[[ResultsIndex], Any]


def results(first: int, stop: int, score: float = 50.0, job_id: str = "web", **fields: Any) -> list[Document]:
    """A bucket with influencers, two records and an influencer for each hour; the text of a record changes."""
    found: list[Document] = []
    for row in range(first, stop):
        common = {"job_id": job_id, "timestamp": row * HOUR, "bucket_span": 3_600, **fields}
        nested = [{"influencer_field_name": name, "anomaly_score": score} for name in ("bucket_time", "host")]
        found += [
            {**common, "result_type": "bucket", "anomaly_score": score + row, "bucket_influencers": nested},
            {**common, "result_type": "record", "record_score": score - row, "by_field_value": f"user {row % 5}"},
            {**common, "result_type": "record", "record_score": score, "detector_index": 1, "typical": [1.0]},
            {**common, "result_type": "influencer", "influencer_score": score, "influencer_field_name": "host"},
        ]
    return found


def filled() -> ResultsIndex:
    """An index with results of all kinds, some of them interim or late, whose value indexes have been asked."""
    index = take(ResultsIndex(changes_kept=200), ON_FEW_ROWS)
    index.put_job("idle")
    index.upsert(results(0, ROWS))
    index.upsert(results(0, 3, 20.0, bucket_span=60))
    index.upsert(results(ROWS, ROWS + 2, 80.0, is_interim=True))
    index.upsert([*results(0, 2, job_id="db"), *results(2, 4, job_id="db", is_interim=True)])
    ask(index)
    return index


def ask(source: ResultsIndex | Snapshot) -> list[Any]:
    """Everything that a reader can see of the results: pages in several orders, walks by cursor, counts, jobs."""
    found: list[Any] = [source.sequence, source.jobs()]
    for job_id in source.jobs():
        for kind in KINDS:
            of_kind = partial(QUERIES[kind], jobs=job_id)
            found.append(source.search(of_kind(sort="timestamp", desc=False, size=1_000)).to_dict())
            found.append(source.search(of_kind(sort=SCORES[kind], desc=True, size=3)).keys())
            at_least: dict[str, Any] = {SCORES[kind]: 50.0, "size": 0}
            found.append(source.search(of_kind(**at_least)).count)
            found.append([page.keys() for page in source.pages(of_kind(size=9))])
    return found


def feed(source: ResultsIndex | Snapshot, since: int) -> list[str]:
    """The changes after a commit, without the times; their order within a commit is not specified."""
    names = ("sequence", "reason", "effect", "kind", "key", "old_score", "score", "was_interim", "is_interim")
    changes = [tuple(getattr(change, name) for name in names) for change in source.changes(since=since)]
    assert [change[0] for change in changes] == sorted(change[0] for change in changes)
    return sorted(map(repr, changes))


def scores_of(kind: str, rows: Sequence[int], score: float) -> dict[str, Any]:
    """New scores for some hours."""
    columns: dict[str, Any] = {"timestamp": [row * HOUR for row in rows], "bucket_span": 3_600}
    name = {"record": "record_score", "influencer": "influencer_score"}.get(kind, "anomaly_score")
    columns[name] = [score + row for row in rows]
    if kind == "record":
        columns["detector_index"] = [1] * len(rows)
    elif kind != "bucket":
        columns["influencer_field_name"] = ["host"] * len(rows)
    return columns


def renormalize(rows: Sequence[int], *kinds: str) -> Write:
    """New scores of some kinds for some hours."""
    columns = {f"{kind}s": scores_of(kind, rows, 1.5) for kind in kinds}
    return lambda index: index.renormalize("web", **columns)


def of_kind(kind: str, documents: Sequence[Document]) -> list[Document]:
    """The documents of a kind."""
    return [document for document in documents if document["result_type"] == kind]


ALL_KINDS = (*KINDS, "bucket_influencer")
WRITES: Mapping[str, Write] = {
    "append one": lambda index: index.upsert(of_kind("bucket", results(30, 31))),
    "append one record with a new text": lambda index: index.upsert(of_kind("record", results(30, 31))[:1]),
    "replace one": lambda index: index.upsert(of_kind("record", results(4, 5, 7.0))[:1]),
    "make one interim": lambda index: index.upsert(of_kind("influencer", results(4, 5, is_interim=True))),
    "make one final": lambda index: index.upsert(of_kind("bucket", results(ROWS, ROWS + 1, 80.0, is_interim=False))),
    "write the same": lambda index: index.upsert(results(4, 5)),
    "append a batch": lambda index: index.upsert(results(30, 60)),
    "a late batch that compacts": lambda index: index.upsert(results(0, 20, 5.0, bucket_span=120)),
    "replace many": lambda index: index.upsert(results(0, ROWS, 33.0)),
    "columns": lambda index: index.upsert_columns(
        {"timestamp": np.arange(20) * HOUR, "bucket_span": 3_600, "anomaly_score": np.arange(20) * 2.0}, job_id="web"
    ),
    "several jobs": lambda index: index.upsert(
        [*results(3, 5, 9.0), *results(3, 5, 9.0, "db"), *results(0, 1, 9.0, "a")]
    ),
    "drop interim": lambda index: index.upsert(of_kind("bucket", results(ROWS, ROWS + 2, 10.0)), drop_interim=True),
    "renormalise one": renormalize([3], "bucket"),
    "renormalise all kinds": renormalize(range(ROWS), *KINDS),
    "renormalise nested influencers": renormalize(range(ROWS), *ALL_KINDS),
    "delete the oldest": lambda index: index.delete("web", end=3 * HOUR),
    "delete the newest": lambda index: index.delete("web", start=9 * HOUR),
    "delete the middle": lambda index: index.delete("web", start=4 * HOUR, end=6 * HOUR),
    "delete of all jobs": lambda index: index.delete(end=2 * HOUR),
    "delete interim results": lambda index: index.delete(interim_only=True),
    "delete everything": lambda index: index.delete(["web", "db"], start=-5 * HOUR),
    "put a job": lambda index: index.put_job("web", bucket_span=60),
    "delete a job": lambda index: index.delete_job("web"),
}


class Fault(Exception):
    """An error that a write does not expect."""


class Tracer:
    """Counts the lines that the package runs, and raises at one of them; 0 raises nowhere."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.lines = 0
        #: The numbers at which each line ran first and last.
        self.first: dict[tuple[str, int], int] = {}
        self.last: dict[tuple[str, int], int] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        """Trace the frames of the package."""
        name = frame.f_code.co_filename
        if not name.startswith(PACKAGE):
            return None
        # Leaving `with self._lock` runs its line again: an error there would leave the lock taken, and only a tracer
        # can raise there.
        if event == "line" and not linecache.getline(name, frame.f_lineno).lstrip().startswith("with self._lock"):
            self.lines += 1
            self.first.setdefault((name, frame.f_lineno), self.lines)
            self.last[name, frame.f_lineno] = self.lines
            if self.lines == self.at:
                raise Fault
        return self


def traced(at: int, write: Write, index: ResultsIndex) -> tuple[list[int], bool]:
    """Make a write with an error at a line; return when each line ran first or last, and if the error came out."""
    tracer = Tracer(at)
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        write(index)
    except Fault:
        return [], True
    finally:
        sys.settrace(before)
    return sorted({*tracer.first.values(), *tracer.last.values()}), False


@dataclass(frozen=True, slots=True)
class Known:
    """What an index must be after a write and after the next one: if nothing was written, and if everything was."""

    lines: list[int]
    since: int
    states: Sequence[tuple[list[Any], list[str]]]
    after_next: Sequence[tuple[list[Any], list[str]]]


def known(write: Write, following: Write) -> Known:
    """Make a write and the next one without an error."""
    written, nothing = filled(), filled()
    since = written.sequence
    states = [(ask(written), feed(written, since))]
    lines, _ = traced(0, write, written)
    states.append((ask(written), feed(written, since)))
    following(nothing)
    following(written)
    return Known(lines, since, states, [(ask(index), feed(index, since)) for index in (nothing, written)])


def fails_at(at: int, write: Write, following: Write, wanted: Known) -> bool:
    """Make a write with an error at one line, and compare everything; return whether the error came out."""
    index = filled()
    held = index.snapshot()
    _, came_out = traced(at, write, index)
    assert not index._lock.locked()
    state = ask(index), feed(index, wanted.since)
    assert state in wanted.states, f"line {at} of {wanted.lines[-1]}"
    index.check()
    assert ask(held) == wanted.states[0][0]
    assert feed(held, wanted.since) == []
    following(index)
    after_next = ask(index), feed(index, wanted.since)
    assert after_next == wanted.after_next[wanted.states.index(state)], f"line {at} of {wanted.lines[-1]}"
    index.check()
    return came_out


def fail_at_lines(name: str, patch: pytest.MonkeyPatch, points: int | None) -> None:
    """Make one of the writes again and again, with an error at some of its lines or at each of them."""
    limit_heads(patch, 4)
    lead_by_value(patch)
    resize(patch, rows_one_by_one=4)
    write, following = WRITES[name], WRITES["replace one" if name != "replace one" else "append one"]
    wanted = known(write, following)
    lines = wanted.lines
    assert len(lines) > 20
    step = 1 if points is None else max(1, len(lines) // points)
    # The last lines of a write publish it. The names of the writes choose different ones.
    near_the_end = lines[-2 - 5 * len(name) % 12]
    came_out = [fails_at(at, write, following, wanted) for at in {near_the_end, *lines[len(name) % step :: step]}]
    assert any(came_out)


@pytest.mark.parametrize("name", WRITES)
def test_an_error_at_any_line_of_a_write_leaves_one_whole_state(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers, feed, snapshot and the next write are as if the write had been made, or as if it had not."""
    fail_at_lines(name, monkeypatch, of_tier(1, 12))


@pytest.mark.thorough
@pytest.mark.parametrize("name", WRITES)
def test_an_error_at_each_line_of_a_write_leaves_one_whole_state(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same at every line that a write runs, when it runs first and when it runs last."""
    fail_at_lines(name, monkeypatch, None)


# ---- in processes of their own


CHILD = """
import random, resource, signal, sys
import numpy as np
from bucketquery import BucketQuery, RecordQuery, ResultsIndex

HOUR = 3_600_000


def columns(first, rows, score):
    return {"timestamp": np.arange(first, first + rows) * HOUR, "bucket_span": 3_600,
            "anomaly_score": np.arange(rows) % 90 + score}


def scores(rows, score):
    return {"buckets": {"timestamp": np.arange(rows) * HOUR, "bucket_span": 3_600,
                        "anomaly_score": np.full(rows, score)}}


def whole(index, reason=""):
    snapshot = index.snapshot()
    page = snapshot.search(BucketQuery(jobs="web", size=10**6))
    assert page.count == len(page) == snapshot.stats("web")["rows"]["bucket"], reason
    return page.sequence, page.count, page.column("timestamp").tobytes(), page.column("anomaly_score").tobytes()


def replay(copy, changes):
    for change in changes:
        if change.effect == "left":
            del copy[change.key]
        else:
            assert (change.key in copy) == (change.effect == "stayed")
            copy[change.key] = change.score
"""


def child(program: str) -> str:
    """What a program prints, which must end well."""
    command = [sys.executable, "-c", CHILD + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * PATIENCE_S, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout


@pytest.mark.repeats
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is that of Linux")
def test_a_write_without_memory_changes_nothing() -> None:
    """With less and less memory, writes of every sort raise MemoryError or succeed; nothing is between."""
    program = f"""
ROWS = 60_000


def filled():
    index = ResultsIndex(max_size=10**6)
    index.upsert_columns(columns(0, ROWS, 1.0), job_id="web")
    index.search(BucketQuery(jobs="web", sort="anomaly_score", desc=True, size=3))
    return index


def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


batch = [dict(job_id="web", result_type="bucket", timestamp=row * HOUR + 1, bucket_span=60, anomaly_score=5.0)
         for row in range(3_000)]
late, appended, given = columns(-30_000, 90_000, 7.0), columns(ROWS, 200_000, 3.0), scores(ROWS, 4.5)
writes = [
    lambda index: index.upsert_columns(late, job_id="web"),
    lambda index: index.upsert_columns(appended, job_id="web"),
    lambda index: index.renormalize("web", **given),
    lambda index: index.upsert(batch),
    lambda index: index.delete("web", start=1_000 * HOUR, end=40_000 * HOUR),
    lambda index: index.delete_job("web"),
]
failed = passed = 0
for number, write in enumerate(writes):
    for mebibytes in {[0, 1, 2, 4, 8, 16, 32] if IN_CI else [0, 4]}:
        index = filled()
        before, since = whole(index), index.sequence
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used() + (mebibytes << 20), hard))
        try:
            write(index)
            passed += 1
            done = True
        except MemoryError:
            failed += 1
            done = False
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        if done:
            assert index.sequence == since + 1
        else:
            assert whole(index, number) == before
            assert len(index.changes(since=since)) == 0
            index.check()
            write(index)
            assert index.sequence == since + 1
        index.check()
        assert {{change.sequence for change in index.changes(since=since)}} <= {{since + 1}}
print(failed > 2, passed > 2)
"""
    assert child(program).split() == ["True", "True"]


def test_an_interrupt_in_the_midst_of_a_write_leaves_one_whole_state() -> None:
    """A signal handler raises KeyboardInterrupt at random moments; results and feed stay those of whole commits."""
    program = f"""
def on_alarm(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, on_alarm)
rng = random.Random(5)
index = ResultsIndex(max_size=10**6)
index.put_job("web")
since, copy, hit = index.sequence, {{}}, 0
row = 0


def bucket(at, **more):
    return dict(result_type="bucket", job_id="web", timestamp=at * HOUR, bucket_span=3_600,
                anomaly_score=rng.randrange(100) * 1.0, **more)


for round in range({of_tier(300, 1_500)}):
    row += 3
    rows = [key[1] // HOUR for key in sorted(copy)]
    some = rng.sample(rows, min(len(rows), 40))
    given = {{"timestamp": [at * HOUR for at in some], "bucket_span": 3_600,
             "anomaly_score": [rng.random() * 100 for _ in some]}}
    write = rng.choice([
        lambda: index.upsert([bucket(row)]),
        lambda: index.upsert([bucket(row + at, is_interim=at == 2) for at in range(3)]),
        lambda: index.upsert([bucket(at) for at in some]),
        lambda: index.upsert_columns(columns(row, 50, 2.0), job_id="web"),
        lambda: index.renormalize("web", buckets=given),
        lambda: index.delete(end=(row - 300) * HOUR),
        lambda: index.delete("web", start=(row - 4) * HOUR),
        lambda: index.delete(interim_only=True),
        lambda: index.upsert([bucket(row - 1)], drop_interim=True),
    ])
    sequence = index.sequence
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 6e-4))
        write()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        hit += 1
    assert not index._lock.locked()
    assert index.sequence in (sequence, sequence + 1)
    changes = index.changes(since=since)
    assert all(change.sequence == sequence + 1 for change in changes)
    replay(copy, changes)
    since = changes.sequence
    page = index.search(BucketQuery(jobs="web", size=10**6))
    assert dict(zip(page.keys(), page.column("anomaly_score").tolist())) == copy
    if round % 20 == 0:
        index.check()
index.check()
print(hit > 20)
"""
    assert child(program).split() == ["True"]


# ---- for very long


def used_bytes() -> int:
    """The memory of this process; 0 where the system does not tell."""
    try:
        with Path("/proc/self/statm").open(encoding="ascii") as file:
            return int(file.read().split()[1]) * 4_096
    except OSError:
        return 0


class Life:
    """An index that is written, asked and cut, round after round."""

    def __init__(self) -> None:
        self.index = ResultsIndex(changes_kept=2_000)
        self.index.upsert(results(0, 60))
        self.row = 60
        self.since = self.index.sequence
        self.released: list[weakref.ref[Snapshot]] = []

    def round(self, number: int) -> None:
        """Renormalise, take a snapshot, ask with a new query, walk, delete, and drop the snapshot."""
        index, row = self.index, self.row
        index.upsert(results(row, row + 1))
        if number % 2:
            rows = range(row - 20, row)
            index.renormalize("web", **{f"{kind}s": scores_of(kind, rows, number % 50) for kind in ALL_KINDS})
        else:
            index.upsert(results(row, row + 1, bucket_span=60, is_interim=True))
        snapshot = index.snapshot()
        threshold = number % 9_973 / 100
        query = BucketQuery(jobs="web", anomaly_score=threshold, sort="anomaly_score", desc=True, size=2 + number % 5)
        page = snapshot.search(query)
        if page.cursor is not None:
            snapshot.search(query, after=page.cursor)
        assert sum(map(len, snapshot.pages(RecordQuery(jobs="web", size=80)))) > 50
        self.since = index.changes(query, since=self.since).sequence
        assert len(snapshot.changes(since=snapshot.sequence)) == 0
        if number % 4 == 0:
            index.delete(end=(row - 50) * HOUR)
            index.delete("web", interim_only=True)
        if number % 14 == 0:
            index.upsert(results(0, 2, job_id="other"))
            index.delete_job("other")
        self.row += 1
        self.released.append(weakref.ref(snapshot))
        del self.released[:-5]


def live(rounds: int) -> None:
    """Assert that memory is flat over many rounds, and that dropped snapshots are freed."""
    life = Life()
    tracemalloc.start()
    try:
        # The log is full after these.
        for number in range(of_tier(50, 100)):
            life.round(number)
        gc.collect()
        first, resident = tracemalloc.get_traced_memory()[0], used_bytes()
        for number in range(rounds):
            life.round(number)
        gc.collect()
        last, most = tracemalloc.get_traced_memory()[0], used_bytes()
    finally:
        tracemalloc.stop()
    assert last - first < 600_000 + 2 * rounds, f"{last - first} bytes more after {rounds} rounds"
    assert most - resident < 30_000_000, f"{most - resident} resident bytes more after {rounds} rounds"
    # A write lets the index go on from the last snapshot.
    life.index.put_job("last")
    assert [snapshot() for snapshot in life.released] == [None] * 5
    life.index.check()


@pytest.mark.repeats
def test_memory_is_flat_over_many_rounds() -> None:
    """Writes, snapshots, queries, walks and deletes leave nothing behind."""
    live(of_tier(30, 500))


@pytest.mark.thorough
def test_memory_is_flat_over_very_many_rounds() -> None:
    """The same for 100,000 rounds."""
    live(100_000)


@pytest.mark.repeats
def test_the_log_keeps_no_more_of_a_batch_than_keys_and_scores() -> None:
    """Deleted results are freed although the log still has their changes."""
    index = ResultsIndex()
    documents = results(0, 200)
    for document in documents:
        if document["result_type"] == "record":
            document["text"] = f"{id(document)}" * 100
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tables: list[weakref.ref[Snapshot]] = []
        for _ in range(20):
            index.upsert(documents)
            tables = [weakref.ref(index.snapshot())]
            index.delete("web", start=0)
        gc.collect()
        more = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert tables[0]() is None
    assert len(index.changes(since=0)) == 20 * 2 * 4 * 200
    # A change takes some dozens of bytes. The texts of a batch alone would take a kilobyte for each record.
    assert more < 32_000 * 150, f"{more} bytes for 32,000 changes"
