"""Readers beside a writer, and writers that are interrupted: no reader ever sees half a commit."""

import contextlib
import inspect
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, ResultsIndex, Snapshot
from support.helpers import ON_FEW_ROWS, PATIENCE_S, lead_by_value, limit_heads, resize
from support.malformed import HOUR, bucket
from support.shortcuts import take

ROWS = 300
COMMITS_MET = 12


def batch(score: float, rows: int = ROWS) -> list[dict[str, Any]]:
    """All buckets of a job with one score, in one batch."""
    return [
        bucket(
            timestamp=row * HOUR,
            bucket_span=3600,
            anomaly_score=score,
            initial_anomaly_score=score,
            bucket_influencers=[{"anomaly_score": score}] if row % 50 == 0 else [],
        )
        for row in range(rows)
    ]


def columns(score: float, rows: int = ROWS) -> dict[str, Any]:
    """The same buckets as columns, without influencers."""
    scores = np.full(rows, score)
    times = np.arange(rows) * HOUR
    return {"timestamp": times, "bucket_span": 3600, "anomaly_score": scores, "initial_anomaly_score": scores}


def check(index: ResultsIndex, query: BucketQuery) -> float:
    """Assert that count, page, columns and scan show one commit, whose rows all have one score; return that score."""
    snapshot = index.snapshot()
    page = snapshot.search(query)
    scores = set(page.column("anomaly_score").tolist()) | {row.anomaly_score for row in page}
    scores |= set(page.column("initial_anomaly_score").tolist())
    scores |= {inner.anomaly_score for row in page for inner in row.bucket_influencers}
    scores |= {row["anomaly_score"] for row in page.to_dict()["buckets"]}
    assert len(scores) == 1
    (score,) = scores
    assert page.sequence == snapshot.sequence
    assert page.count == snapshot.stats("web")["rows"]["bucket"]
    assert len(page) == page.count
    assert sum(1 for _ in snapshot.scan(query)) == page.count
    assert snapshot.get_buckets(job_id="web", anomaly_score=score, size=0).count == page.count
    assert snapshot.get_buckets(job_id="web", anomaly_score=score + 0.5, size=0).count == 0
    assert snapshot.get_buckets(job_id="web", sort="anomaly_score", desc=True, size=1)[0].anomaly_score == score
    return score


QUERIES = [
    BucketQuery(jobs="web", size=10_000),
    BucketQuery(jobs="web", size=10_000, desc=True),
    BucketQuery(jobs="web", size=10_000, sort="anomaly_score", desc=True),
    BucketQuery(jobs="web", size=10_000, anomaly_score=1.0),
    BucketQuery(jobs="web", size=10_000, exclude_interim=True),
]


def race(index: ResultsIndex, write: Callable[[int], Any], read: Callable[[], Any]) -> None:
    """Run one writer and three readers until they have read COMMITS_MET commits; raise the first error of any of them.

    A number of commits ends the race, not a duration, because a busy machine may be slow.
    """
    stop, steps = threading.Event(), itertools.count(1)
    faults: list[BaseException] = []
    met: set[int] = set()

    def loop(step: Callable[[], Any]) -> None:
        try:
            while not stop.is_set():
                step()
        except BaseException as fault:  # noqa: BLE001 - handed to the main thread
            faults.append(fault)
            stop.set()

    def reading() -> None:
        read()
        met.add(index.sequence)
        if len(met) >= COMMITS_MET:
            stop.set()

    threads = [threading.Thread(target=loop, args=(lambda: write(next(steps)),), daemon=True)]
    threads += [threading.Thread(target=loop, args=(reading,), daemon=True) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        stop.wait(PATIENCE_S)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    finally:
        sys.setswitchinterval(interval)
    if faults:
        raise faults[0]
    assert not any(thread.is_alive() for thread in threads)
    assert len(met) >= COMMITS_MET


@pytest.mark.parametrize("kind", ["documents", "columns", "growing", "interim"])
def test_readers_see_whole_commits_only(kind: str) -> None:
    """Each reader sees one commit while a writer rewrites rows, appends rows or makes rows interim and final again."""
    index = ResultsIndex()
    index.upsert(batch(1.0))

    def write(step: int) -> None:
        score = float(1 + step % 90)
        if kind == "documents":
            index.upsert(batch(score))
        elif kind == "columns":
            index.upsert_columns(columns(score), job_id="web")
        elif kind == "growing":
            rows = min(ROWS + step, 900)
            index.upsert_columns(columns(score, rows), job_id="web")
        else:
            index.upsert([row | {"is_interim": True} for row in batch(score)][: ROWS - step % 3])
            index.upsert_columns(columns(score), job_id="web")

    turn = itertools.count()

    def read() -> None:
        query = QUERIES[next(turn) % (1 if kind == "interim" else len(QUERIES))]
        if kind != "interim":
            check(index, query)
        else:
            snapshot = index.snapshot()
            everything = snapshot.search(query)
            final = snapshot.get_buckets(job_id="web", exclude_interim=True, size=10_000)
            interim = [row for row in everything if row.is_interim]
            assert everything.count == len(everything) == ROWS
            assert final.count == len(final) == ROWS - len(interim)

    race(index, write, read)


def check_by_value(snapshot: Snapshot, threshold: float) -> set[str]:
    """Assert that searches by score agree with all rows of the same commit; return the access paths of the searches."""
    everything = snapshot.get_buckets(job_id="web", size=10_000)
    scores, times = everything.column("anomaly_score"), everything.column("timestamp")
    assert len(scores) == everything.count
    above = (scores >= threshold).nonzero()[0]
    # Ties go in the request's direction too.
    rising = np.lexsort((times, scores))
    falling = rising[::-1]
    matching = falling[scores[falling] >= threshold]
    asked: list[tuple[dict[str, Any], Any, int]] = [
        ({"anomaly_score": threshold, "size": 0}, above[:0], len(above)),
        ({"anomaly_score": threshold, "size": 7}, above[:7], len(above)),
        ({"anomaly_score": threshold, "size": 7, "desc": True}, above[::-1][:7], len(above)),
        ({"sort": "anomaly_score", "desc": True, "size": 5}, falling[:5], len(scores)),
        ({"sort": "anomaly_score", "size": 5}, rising[:5], len(scores)),
        (
            {"sort": "anomaly_score", "desc": True, "from_": 2, "size": 9, "anomaly_score": threshold},
            matching[2:11],
            len(above),
        ),
    ]
    paths = set()
    for parameters, rows, count in asked:
        page = snapshot.get_buckets(job_id="web", **parameters)
        assert page.count == count, parameters
        assert [key[1] for key in page.keys()] == times[rows].tolist(), parameters  # noqa: SIM118 - not a mapping
        paths.add(page.explain()["path"])
    return paths


@pytest.mark.parametrize("kind", ["appended", "late", "corrected", "rebuilt", "all"])
def test_readers_make_value_indexes_beside_a_writer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search by score sees one commit while a writer has value indexes extended, corrected or rebuilt."""
    lead_by_value(monkeypatch, behind=4, sparsest=4)
    resize(monkeypatch, waiting_corrections=2)
    limit_heads(monkeypatch, 8)
    rng = np.random.default_rng(3)
    index = take(ResultsIndex(), ON_FEW_ROWS)

    def scored(times: Any) -> dict[str, Any]:
        scores = np.where(rng.random(len(times)) < 0.4, 0.0, rng.integers(0, 400, len(times)) / 4)
        return {"timestamp": times, "bucket_span": 3600, "anomaly_score": scores}

    index.upsert_columns(scored(np.arange(ROWS) * HOUR), job_id="web")
    rows = ROWS
    older = [index.snapshot()]
    kinds = ["appended", "late", "corrected", "rebuilt"] if kind == "all" else [kind]

    def write(step: int) -> None:
        nonlocal rows
        one = kinds[step % len(kinds)]
        if one == "appended" and rows < 9_000:
            index.upsert_columns(scored(np.arange(rows, rows + 3) * HOUR), job_id="web")
            rows += 3
        elif one == "late":
            index.upsert_columns(scored(np.sort(rng.choice(ROWS, 3, replace=False)) * HOUR), job_id="web")
        else:
            number = ROWS // 2 if one == "rebuilt" else 20
            index.renormalize("web", buckets=scored(np.sort(rng.choice(ROWS, number, replace=False)) * HOUR))
        if step % 5 == 0:
            older[:] = [*older[-2:], index.snapshot()]

    paths: set[str] = set()
    turn = itertools.count()

    def read() -> None:
        number = next(turn)
        snapshot = index.snapshot() if number % 3 else older[0]
        paths.update(check_by_value(snapshot, (0.25, 30.0, 75.0, 98.0)[number % 4]))

    race(index, write, read)
    index.check()
    assert paths >= {"threshold", "order"}


def test_one_query_is_of_one_commit_without_a_snapshot() -> None:
    """A page of the index itself shows one commit, and a later page never shows an older one."""
    index = ResultsIndex()
    index.upsert_columns(columns(1.0), job_id="web")
    newest = threading.local()

    def read() -> None:
        page = index.get_buckets(job_id="web", size=10_000)
        assert len(set(page.column("anomaly_score").tolist())) == 1
        assert [row.anomaly_score for row in page] == page.column("anomaly_score").tolist()
        assert page.sequence >= getattr(newest, "sequence", 0)
        newest.sequence = page.sequence

    race(index, lambda step: index.upsert_columns(columns(float(step % 100)), job_id="web"), read)


def test_jobs_come_and_go_as_a_whole() -> None:
    """A reader sees a job with all its buckets or not at all, and the list of jobs agrees with the counts."""
    index = ResultsIndex()
    index.put_job("always")

    def write(step: int) -> None:
        job_id = f"job{step % 4}"
        index.upsert_columns(columns(5.0, 20), job_id=job_id)
        index.delete_job(job_id)

    def read() -> None:
        snapshot = index.snapshot()
        jobs = snapshot.jobs()
        assert "always" in jobs
        assert snapshot.stats()["jobs"] == len(jobs)
        rows = [snapshot.get_buckets(job_id=job_id).count for job_id in jobs]
        assert set(rows) <= {0, 20}
        assert sum(rows) == snapshot.stats()["rows"]["bucket"]

    race(index, write, read)


def test_writers_wait_for_each_other() -> None:
    """No commit of several threads is lost, and each has its own number."""
    index = ResultsIndex()
    sequences: list[int] = []
    faults: list[BaseException] = []

    def write(job_id: str) -> None:
        try:
            for row in range(40):
                documents = [
                    {"job_id": job_id, "timestamp": row, "bucket_span": 1},
                    {"job_id": "all", "timestamp": row, "bucket_span": 1},
                ]
                sequences.append(index.upsert(documents, kind="bucket").sequence)
                sequences.append(index.put_job(job_id, bucket_span=row + 1).sequence)
        except BaseException as fault:  # noqa: BLE001 - handed to the main thread
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(f"job{number}",), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert faults == []
    assert sorted(sequences) == list(range(1, 4 * 80 + 1))
    assert index.sequence == 320
    assert all(index.get_buckets(job_id=job_id, size=0).count == 40 for job_id in index.jobs())


def test_readers_do_not_wait_for_a_slow_batch() -> None:
    """Readers and other writers go on while a caller's iterable is slow."""
    index = ResultsIndex()
    index.upsert(batch(1.0))
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[dict[str, Any]]:
        yield from batch(2.0)
        begun.set()
        go_on.wait(PATIENCE_S)

    writer = threading.Thread(target=lambda: index.upsert(slow()), daemon=True)
    writer.start()
    try:
        assert begun.wait(PATIENCE_S)
        assert check(index, QUERIES[0]) == 1.0
        index.put_job("meanwhile")
        assert writer.is_alive()
        assert "meanwhile" in index
    finally:
        go_on.set()
        writer.join(PATIENCE_S)
    assert check(index, QUERIES[0]) == 2.0
    assert "meanwhile" in index


DOCUMENT = bucket(timestamp=0, bucket_span=3600, anomaly_score=9.0)


class Interrupting(Mapping[str, Any]):
    """A document that raises an error after some of its fields were read, as Ctrl-C may."""

    def __init__(self, error: BaseException, after: int) -> None:
        self.error = error
        self.left = after

    def __getitem__(self, key: str) -> Any:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return DOCUMENT[key]

    def __iter__(self) -> Iterator[str]:
        return iter(DOCUMENT)

    def __len__(self) -> int:
        return len(DOCUMENT)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5])
def test_an_interrupted_document_leaves_the_old_state(error: BaseException, after: int) -> None:
    """If an error interrupts the reading of a document, nothing is written, and the index stays usable."""
    index = ResultsIndex()
    index.upsert(batch(1.0, 10))
    with pytest.raises(type(error)) as caught:
        index.upsert([*batch(2.0, 5), Interrupting(error, after), *batch(3.0, 5)])
    assert caught.value is error
    assert (index.sequence, check(index, QUERIES[0])) == (1, 1.0)
    assert index.upsert(batch(4.0, 10)).sequence == 2
    assert check(index, QUERIES[0]) == 4.0


@pytest.mark.parametrize("after", [0, 1, 5, 1_024, 2_000])
def test_an_interrupted_iterable_leaves_the_old_state(after: int) -> None:
    """If an error interrupts the iterable itself, nothing is written, and the index stays usable."""
    index = ResultsIndex()
    index.upsert(batch(1.0, 10))

    def documents() -> Iterator[dict[str, Any]]:
        yield from batch(2.0, after)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.upsert(documents())
    assert (index.sequence, check(index, QUERIES[0])) == (1, 1.0)
    assert index.upsert(batch(4.0, 10)).sequence == 2
    assert check(index, QUERIES[0]) == 4.0


class Interruption(BaseException):
    """The exception of a signal handler."""


@pytest.mark.parametrize("step", range(1, 280, 12))
def test_an_interruption_anywhere_in_a_write_leaves_one_whole_state(step: int) -> None:
    """An error at a point where the interpreter handles signals leaves all of a commit or none of it."""
    index = ResultsIndex()
    index.upsert(batch(1.0, 12))
    left = step

    def watch(frame: FrameType, event: str, _: object) -> None:
        # The interpreter handles signals when it enters a function and after a call into C. It only prints an error
        # that is raised while a generator is closed.
        nonlocal left
        if event not in {"call", "c_return"} or "bucketquery" not in frame.f_code.co_filename:
            return
        if not frame.f_code.co_flags & inspect.CO_GENERATOR:
            left -= 1
            if left == 0:
                raise Interruption

    documents = [row | {"bucket_influencers": []} for row in batch(2.0, 12)]
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with contextlib.suppress(Interruption):
            index.upsert(documents)
    finally:
        sys.setprofile(before)
    assert (index.sequence, check(index, QUERIES[0])) in {(1, 1.0), (2, 2.0)}
    done: list[int] = []
    writer = threading.Thread(target=lambda: done.append(index.upsert(batch(4.0, 12)).sequence), daemon=True)
    writer.start()
    writer.join(PATIENCE_S)
    assert done == [index.sequence]
    assert check(index, QUERIES[0]) == 4.0


FORKED = """
import os, sys, threading, time, warnings
from bucketquery import ResultsIndex
from bucketquery.jobs.catalog import Catalog

# From Python 3.12 on, fork warns if there are other threads, which is what this program is about.
warnings.filterwarnings("ignore", category=DeprecationWarning)


def bucket(row):
    return {"job_id": "web", "timestamp": row * 60_000, "bucket_span": 60, "anomaly_score": 50}


def outcome_of_child(index):
    known = index.get_buckets(job_id="web", size=0).count
    child = os.fork()
    if not child:
        commit = index.upsert([bucket(-1)], kind="bucket")
        index.check()
        # The parent may have written a few commits between its question and the fork.
        found = index.get_buckets(job_id="web", size=0).count
        os._exit(0 if commit.inserted == 1 and found > known else 1)
    stop = time.monotonic() + PATIENCE
    while time.monotonic() < stop:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hangs"


index, other = ResultsIndex(), ResultsIndex()
index.upsert([bucket(row) for row in range(100)], kind="bucket")
"""


def forked(program: str) -> str:
    """What a program prints; it begins with the text of `FORKED`."""
    source = FORKED.replace("PATIENCE", str(PATIENCE_S)) + program
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)  # noqa: S603 - our own program
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_the_child_of_a_fork_can_write_while_its_parent_writes() -> None:
    """The child lacks the parent's write, which holds the lock at the fork, and has the commit before it."""
    program = """
entered, leave = threading.Event(), threading.Event()
with_jobs = Catalog.with_jobs

def held(catalog, *arguments):
    if threading.current_thread() is writer:
        entered.set()
        leave.wait()
    return with_jobs(catalog, *arguments)

Catalog.with_jobs = held
writer = threading.Thread(target=index.upsert, args=([bucket(100)],), kwargs={"kind": "bucket"})
writer.start()
entered.wait()
print(outcome_of_child(index))
leave.set()
writer.join()
print(index.get_buckets(job_id="web", size=0).count)
"""
    assert forked(program).split() == ["0", "101"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_every_child_can_write_at_any_moment_of_a_write() -> None:
    """A thread writes without pause while the process forks 40 times. Each child reads, writes and checks its index."""
    program = """
sys.setswitchinterval(1e-5)
done = threading.Event()

def write():
    row = 100
    while not done.is_set():
        index.upsert([bucket(row)], kind="bucket")
        index.upsert([bucket(at) for at in range(row - 50, row)], kind="bucket")
        row += 1

writer = threading.Thread(target=write)
writer.start()
outcomes = [outcome_of_child(index)]
while outcomes[-1] == 0 and len(outcomes) < 40:
    outcomes.append(outcome_of_child(index))
done.set()
writer.join()
index.check()
print(*outcomes)
"""
    assert forked(program).split() == ["0"] * 40
