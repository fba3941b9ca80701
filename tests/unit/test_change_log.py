"""The change log: it has exactly the changes of the published commits, within its bound, even if a write fails."""

import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple
from weakref import ref

import pytest

from bucketquery import BucketQuery, Change, Changes, ChangesExpired, RecordQuery, ResultsIndex, UnknownJob
from bucketquery.jobs.change_log import ChangeLog, OpenRows
from support.helpers import PATIENCE_S, SPAN_S, STEP, bucket, record, resize, sizes

Stored = dict[tuple[Any, ...], tuple[float | None, bool, Any]]


class Plain(NamedTuple):
    """A change as a plain value: all that a model of the log knows without its time."""

    sequence: int
    reason: str | None
    kind: str
    key: tuple[Any, ...]
    old_score: float | None
    score: float | None
    was_interim: bool | None
    is_interim: bool | None


def plain(change: Change) -> Plain:
    """A change without its effect and time."""
    return Plain(
        change.sequence,
        change.reason,
        change.kind,
        change.key,
        change.old_score,
        change.score,
        change.was_interim,
        change.is_interim,
    )


def log_of(index: ResultsIndex) -> ChangeLog:
    """The log of an index that keeps one."""
    log = index._log
    assert log is not None
    return log


def identity(document: dict[str, Any]) -> tuple[Any, ...]:
    """The kind and the key of a bucket or record."""
    key: tuple[Any, ...] = (document["job_id"], document["timestamp"], document["bucket_span"])
    if document["result_type"] == "record":
        key += (document["detector_index"], document.get("by_field_value"), None, None)
    return document["result_type"], key


class Model:
    """An index, and the plain list of its changes."""

    def __init__(self, index: ResultsIndex) -> None:
        self.index = index
        self.stored: Stored = {}
        self.changes: list[Plain] = []

    def upsert(self, documents: list[dict[str, Any]]) -> None:
        """Write documents, and add what they change to the list."""
        newest = {identity(document): document for document in documents}
        commit = self.index.upsert(documents)
        for (kind, key), document in newest.items():
            score = document.get("anomaly_score" if kind == "bucket" else "record_score")
            now = (
                None if score is None else float(score),
                bool(document.get("is_interim")),
                document.get("event_count"),
            )
            before = self.stored.get((kind, key))
            if before != now:
                self.stored[kind, key] = now
                self.add(commit.sequence, kind, key, before, now)

    def renormalize(self, job_id: str, scores: dict[int, float]) -> None:
        """Give buckets of a job new scores."""
        rows = {row: score for row, score in scores.items() if ("bucket", (job_id, row * STEP, SPAN_S)) in self.stored}
        if not rows:
            return
        columns = {
            "timestamp": [row * STEP for row in rows],
            "bucket_span": SPAN_S,
            "anomaly_score": [float(score) for score in rows.values()],
        }
        commit = self.index.renormalize(job_id, buckets=columns)
        for row, score in rows.items():
            key = (job_id, row * STEP, SPAN_S)
            before = self.stored["bucket", key]
            if before[0] != score:
                now = self.stored["bucket", key] = (float(score), *before[1:])
                self.add(commit.sequence, "bucket", key, before, now, "renormalised")

    def delete_job(self, job_id: str) -> None:
        """Delete a job."""
        if job_id not in self.index:
            return
        commit = self.index.delete_job(job_id)
        for kind, key in [place for place in self.stored if place[1][0] == job_id]:
            self.add(commit.sequence, kind, key, self.stored.pop((kind, key)), None)

    def add(  # noqa: PLR0917 - each is a part of the change
        self,
        sequence: int,
        kind: str,
        key: tuple[Any, ...],
        before: tuple[float | None, bool, Any] | None,
        now: tuple[float | None, bool, Any] | None,
        reason: str = "",
    ) -> None:
        """Add a change to the list."""
        if before is None:
            reason = "inserted"
        elif now is None:
            reason = "deleted"
        elif not reason:
            reason = "finalised" if before[1] and not now[1] else "replaced"
        old_score, was_interim, _ = before or (None, None, None)
        score, is_interim, _ = now or (None, None, None)
        self.changes.append(Plain(sequence, reason, kind, key, old_score, score, was_interim, is_interim))


def by_commit(changes: list[Plain]) -> list[Plain]:
    """Changes in the order of their commits; within a commit by kind and key."""
    return sorted(changes, key=lambda change: (change.sequence, change.kind, repr(change.key)))


def write_at_random(model: Model, rng: Random, jobs: tuple[str, ...]) -> None:
    """One write of any kind."""
    job_id, way = rng.choice(jobs), rng.random()
    rows = [rng.randrange(25) for _ in range(rng.choice((1, 1, 1, 2, 5, 30)))]
    if way < 0.75:
        documents = []
        for row in rows:
            optional: dict[str, Any] = {"is_interim": True} if rng.random() < 0.3 else {}
            job = rng.choice(jobs) if rng.random() < 0.3 else job_id
            if rng.random() < 0.3:
                optional |= {"by_field_value": rng.choice("ab")} if rng.random() < 0.5 else {}
                optional |= {"record_score": rng.randrange(100)} if rng.random() < 0.9 else {}
                documents.append(record(row, rng.randrange(2), job_id=job, **optional))
            else:
                optional |= {"anomaly_score": rng.randrange(100)} if rng.random() < 0.9 else {}
                documents.append(bucket(row, job_id=job, event_count=rng.randrange(2), **optional))
        model.upsert(documents)
    elif way < 0.9:
        model.renormalize(job_id, {row: rng.randrange(100) for row in rows})
    elif way < 0.97:
        model.delete_job(job_id)
    else:
        model.index.put_job(job_id, bucket_span=rng.randrange(1, 1000))


@pytest.mark.repeats
@pytest.mark.parametrize("seed", range(12))
def test_the_log_has_the_changes_of_a_plain_list(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After writes at random, every `since` gives the changes of the list; so do snapshots, queries and histories."""
    rng = Random(seed)
    resize(
        monkeypatch,
        open_changes=rng.choice((1, 3, 16, 64)),
        small_changes_per_part=rng.choice((1, 4)),
        rows_one_by_one=rng.choice((0, 16)),
        packed_rows=rng.choice((0, 64)),
        head_rows=rng.choice((4, 1024)),
        dropped_parts=2,
    )
    model, jobs = Model(ResultsIndex()), ("a", "b", "c")
    snapshots = []
    for step in range(120):
        write_at_random(model, rng, jobs)
        if rng.random() < 0.1:
            snapshots.append(model.index.snapshot())
        if step % 10:
            continue
        for source in (model.index, *snapshots):
            since = rng.randrange(source.sequence + 1)
            expected = [change for change in model.changes if since < change.sequence <= source.sequence]
            found = source.changes(since=since)
            assert found.sequence == source.sequence
            sequences = [change.sequence for change in found]
            assert sequences == sorted(sequences)
            assert by_commit(list(map(plain, found))) == by_commit(expected)
            kind, key = rng.choice(list(model.stored) or [("bucket", (jobs[0], 0, SPAN_S))])
            if key[0] in source:
                of_key = [change for change in model.changes if (change.kind, change.key) == (kind, key)]
                history = source.history(key, kind=kind)
                assert list(map(plain, history)) == [change for change in of_key if change.sequence <= source.sequence]
            assert_matches(source, model, since, rng, [job for job in jobs if job in source])


def assert_matches(source: Any, model: Model, since: int, rng: Random, jobs: list[str]) -> None:
    """The changes of a query are those of the list that touch its matches."""
    if not jobs:
        return
    kind = rng.choice(("bucket", "record"))
    threshold, first, end = rng.choice((0, 50, 75)), rng.randrange(25) * STEP, rng.randrange(10, 30) * STEP
    named, exclude_interim = rng.sample(jobs, rng.randrange(len(jobs)) + 1), rng.random() < 0.5
    settings = {"jobs": named, "start": first, "end": end, "exclude_interim": exclude_interim}
    query = (
        BucketQuery(**settings, anomaly_score=threshold)  # type: ignore[arg-type] # the settings are right
        if kind == "bucket"
        else RecordQuery(**settings, record_score=threshold)  # type: ignore[arg-type] # as above
    )

    def matches(score: float | None, is_interim: bool | None) -> bool:
        is_wanted = is_interim is not None and not (is_interim and exclude_interim)
        return is_wanted and (not threshold or (score is not None and score >= threshold))

    expected = {}
    for change in model.changes:
        of_query = change.kind == kind and change.key[0] in named and first <= change.key[1] < end
        before, now = matches(change.old_score, change.was_interim), matches(change.score, change.is_interim)
        if of_query and since < change.sequence <= source.sequence and (before or now):
            expected[change] = "stayed" if before and now else "entered" if now else "left"
    found = source.changes(query, since=since)
    assert {plain(change): change.effect for change in found} == expected
    for effect in ("entered", "left", "stayed"):
        some = getattr(found, effect)
        assert [change.effect for change in some] == [effect] * len(some)
        assert len(some) == list(expected.values()).count(effect)
    if source is model.index:
        listed = source.changes(query, since=None)
        stored = [
            (key, score, is_interim)
            for (of, key), (score, is_interim, _) in model.stored.items()
            if of == kind and key[0] in named and first <= key[1] < end and matches(score, is_interim)
        ]
        assert sorted(((c.key, c.score, c.is_interim) for c in listed), key=repr) == sorted(stored, key=repr)
        assert {(c.sequence, c.reason, c.effect, c.old_score, c.was_interim) for c in listed} <= {
            (source.sequence, None, "entered", None, None)
        }


# ---- the bound


def answer(ask: Callable[[], Changes]) -> tuple[Changes | None, int]:
    """The answer of a call and 0, or None and the oldest `since` if it is expired."""
    try:
        return ask(), 0
    except ChangesExpired as error:
        return None, error.oldest


@pytest.mark.parametrize("kept", [1, 2, 3, 5, 10, 40, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_a_bounded_log_is_never_silently_wrong(kept: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log has at most `changes_kept` rows. Each answer is that of the plain list, or has ranges, or is expired."""
    rng = Random(f"{kept} {seed}")
    resize(monkeypatch, open_changes=rng.choice((1, 3, 16)), small_changes_per_part=1, dropped_parts=2, dropped_jobs=2)
    model, jobs = Model(ResultsIndex(changes_kept=kept)), ("a", "b", "c", "d")
    log, answered = log_of(model.index), 0
    for _ in range(150):
        write_at_random(model, rng, jobs)
        assert sum(part.weight for part in log.stored()) + len(log._state.open.entries) // 3 <= kept
        since = max(0, model.index.sequence - rng.randrange(8))
        expected = [change for change in model.changes if since < change.sequence]
        found, oldest = answer(lambda: model.index.changes(since=since))  # noqa: B023 - called at once
        if found is None:
            assert since < oldest <= model.index.sequence
            assert model.index.changes(since=oldest).sequence == model.index.sequence
        else:
            answered += 1
            ranges = {(each.sequence, each.kind, each.job_id) for each in found.ranges}
            missing = set(expected) - set(map(plain, found))
            assert {(change.sequence, change.kind, change.key[0]) for change in missing} <= ranges
            assert set(map(plain, found)) <= set(expected)
            assert len(found.column("sequence")) == len(found)
        job_id = rng.choice(jobs)
        try:
            of_job = model.index.changes(BucketQuery(jobs=job_id), since=since)
        except (ChangesExpired, UnknownJob):
            continue
        wanted = {change for change in expected if change.kind == "bucket" and change.key[0] == job_id}
        assert of_job.ranges or set(map(plain, of_job)) == wanted
    assert answered > 10


def test_a_noisy_job_does_not_expire_the_others() -> None:
    """The log remembers for each job which of its changes it has dropped."""
    index = ResultsIndex(changes_kept=10)
    index.upsert([bucket(0, job_id="quiet")])
    index.put_job("silent")
    since = index.sequence
    for row in range(50):
        index.upsert([bucket(row)])
    assert list(index.changes(BucketQuery(jobs="quiet"), since=since)) == []
    assert list(index.changes(BucketQuery(jobs=("quiet", "silent")), since=since)) == []
    assert list(index.changes(BucketQuery(jobs="silent"), since=0)) == []
    for jobs in ("web", ("quiet", "web")):
        with pytest.raises(ChangesExpired) as caught:
            index.changes(BucketQuery(jobs=jobs), since=since)
        assert (
            len(index.changes(BucketQuery(jobs=jobs), since=caught.value.oldest))
            == index.sequence - caught.value.oldest
        )
    with pytest.raises(ChangesExpired):
        index.changes(since=since)
    # The first commit of the quiet job has been dropped too.
    with pytest.raises(ChangesExpired) as caught:
        index.changes(BucketQuery(jobs="quiet"), since=0)
    assert caught.value.oldest == 1


def test_jobs_that_come_and_go_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log forgets unknown jobs. If one comes back, an old `since` expires, so no answer lacks changes."""
    resize(monkeypatch, dropped_jobs=8)
    index = ResultsIndex(changes_kept=4)
    index.upsert([bucket(0, job_id="kept")])
    index.put_job("silent")
    for number in range(100):
        index.upsert([bucket(0, job_id=f"job-{number}")])
        index.delete_job(f"job-{number}")
        assert len(log_of(index)._dropped[0]) <= 12
    index.put_job("job-3")
    with pytest.raises(ChangesExpired) as caught:
        index.changes(BucketQuery(jobs="job-3"), since=3)
    assert list(index.changes(BucketQuery(jobs="job-3"), since=caught.value.oldest)) == []
    assert list(index.changes(BucketQuery(jobs="kept"), since=1)) == []
    assert list(index.changes(BucketQuery(jobs="silent"), since=0)) == []
    with pytest.raises(UnknownJob):
        index.changes(BucketQuery(jobs="job-4"), since=3)


def test_a_deleted_job_is_read_once_and_expires_loudly() -> None:
    """A feed has the changes of a deleted job until the log drops them. Then `since` expires."""
    index = ResultsIndex(changes_kept=4)
    index.upsert([bucket(0, anomaly_score=80)])
    index.delete_job("web")
    query = BucketQuery(jobs="web", anomaly_score=75)
    assert [change.effect for change in index.changes(query, since=0)] == ["entered", "left"]
    assert [change.reason for change in index.history(("web", 0, SPAN_S))] == ["inserted", "deleted"]
    with pytest.raises(UnknownJob):
        index.changes(query, since=2)
    for row in range(9):
        index.upsert([bucket(row, job_id="other")])
    with pytest.raises(ChangesExpired):
        index.changes(query, since=1)
    with pytest.raises(UnknownJob):
        index.history(("web", 0, SPAN_S))
    with pytest.raises(UnknownJob):
        index.changes(query, since=index.sequence)


def test_one_commit_of_many_jobs_is_dropped_in_parts() -> None:
    """A commit of more rows than the log keeps stays answerable for the jobs whose changes are still there."""
    index = ResultsIndex(changes_kept=64)
    index.upsert([bucket(0, job_id=f"job-{number:03}") for number in range(100)])
    answered = 0
    for number in range(100):
        query = BucketQuery(jobs=f"job-{number:03}")
        found, oldest = answer(lambda: index.changes(query, since=0))  # noqa: B023 - called at once
        assert oldest == (1 if found is None else 0)
        answered += len(found or ())
    assert 40 <= answered <= 64


def test_too_many_single_rows_of_a_job_become_ranges() -> None:
    """A commit with more single rows of one job than the log keeps has ranges of them; other jobs keep theirs."""
    index = ResultsIndex(changes_kept=4)
    index.upsert([*(bucket(row, anomaly_score=row) for row in range(10)), bucket(0, job_id="b")])
    (found,) = index.changes(BucketQuery(jobs="web"), since=0).ranges
    assert (found.sequence, found.reason, found.kind, found.job_id) == (1, "inserted", "bucket", "web")
    assert (found.first, found.last, found.count, found.floor) == (0, 9 * STEP, 10, 25)
    assert len(index.changes(BucketQuery(jobs="b"), since=0)) == 1


# ---- memory


def test_the_log_keeps_no_more_than_its_changes() -> None:
    """Parts that are dropped are freed, and a part keeps only those columns of its batch that it shows."""
    index = ResultsIndex(changes_kept=300)
    index.upsert([bucket(row, anomaly_score=row % 100) for row in range(200)])
    first = ref(next(log_of(index).stored()).columns.scores)
    events = ref(index.snapshot()._catalog.known("web", "").tables["bucket"].base.columns["event_count"])
    assert events() is not None
    index.upsert([bucket(row, anomaly_score=1) for row in range(150)])
    assert first() is None
    index.delete_job("web")
    assert events() is None


@pytest.mark.repeats
def test_memory_stays_flat() -> None:
    """Neither writes nor queries make a full log grow."""
    index = ResultsIndex(changes_kept=60, keep_documents=False)
    query = BucketQuery(jobs="web", anomaly_score=50)

    def rounds(number: int) -> int:
        for at in range(number):
            index.upsert([bucket(0, anomaly_score=at % 100), record(0, record_score=at % 100)])
            len(index.changes(query, since=index.sequence - 1))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        rounds(100)
        before = rounds(20)
        assert rounds(200) < before + 20_000
    finally:
        tracemalloc.stop()


def test_small_parts_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single records make a part each; every few hundred rows they become one, which reads the same."""
    resize(monkeypatch, open_changes=64)
    index = ResultsIndex()
    for at in range(200):
        index.upsert(
            [record(at, by_field_value=f"x{at % 7}" if at % 3 else None, record_score=at % 90, job_id="ab"[at % 2])]
        )
    parts = list(log_of(index).stored())
    assert len(parts) < 80
    assert sum(part.columns.length for part in parts) == 200
    keys = [("ab"[at % 2], at * STEP, SPAN_S, 0, f"x{at % 7}" if at % 3 else None, None, None) for at in range(200)]
    assert [change.key for change in index.changes(since=0)] == keys
    assert [change.sequence for change in index.changes(since=150)] == list(range(151, 201))
    assert [change.sequence for change in index.history(keys[5], kind="record")] == [6]
    assert index.history(("a", 0, SPAN_S, 0, "x9", None, None), kind="record") == ()


def test_an_index_may_keep_no_changes() -> None:
    """With `changes_kept=0` there is no log: only the newest commit and a listing can be asked for."""
    index = ResultsIndex(changes_kept=0)
    index.upsert([bucket(0), record(0)])
    assert index._log is None
    assert list(index.changes(since=1)) == []
    assert [change.kind for change in index.changes(since=None)] == ["bucket", "record"]
    assert index.history(("web", 0, SPAN_S)) == ()
    for query in (None, BucketQuery(jobs="web")):
        with pytest.raises(ChangesExpired) as caught:
            index.changes(query, since=0)
        assert caught.value.oldest == 1
    with pytest.raises(UnknownJob):
        index.changes(BucketQuery(jobs="other"), since=1)
    with pytest.raises(UnknownJob):
        index.history(("other", 0, SPAN_S))
    assert index.delete_job("web").deleted == 2


# ---- failed writes and readers beside the writer


class Stop(BaseException):
    """Raised at any line, as an interrupt is."""


@contextmanager
def stopping(at: int) -> Iterator[list[int]]:
    """Raise `Stop` at the ``at``-th line that the log or the publication runs; the list counts the lines."""
    lines = [0]

    def trace(frame: Any, event: str, _: object) -> Any:
        name, function = frame.f_code.co_filename, frame.f_code.co_name
        of_log = "bucketquery/jobs/change_" in name or (name.endswith("index.py") and function == "_publish")
        if event == "line" and of_log:
            lines[0] += 1
            if lines[0] == at:
                raise Stop
        return trace if of_log else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("open_changes", [1, 64])
def test_a_write_that_was_not_published_leaves_nothing(open_changes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next write cuts the open rows and the parts that the log has of it, and takes its sequence."""
    resize(monkeypatch, open_changes=open_changes)
    model = Model(ResultsIndex())
    for row in range(5):
        model.upsert([bucket(row), record(row)])
    add = ChangeLog.add

    def failing(self: ChangeLog, *args: Any) -> bool:
        add(self, *args)
        raise Stop

    for lost in (
        [bucket(5)],
        [bucket(5), bucket(0, anomaly_score=3), record(5)],
        [bucket(row) for row in range(5, 99)],
    ):
        snapshot = model.index.snapshot()
        monkeypatch.setattr(ChangeLog, "add", failing)
        with pytest.raises(Stop):
            model.index.upsert(lost)
        monkeypatch.setattr(ChangeLog, "add", add)
        assert model.index.snapshot() is snapshot
        assert_feed(model, model.changes, kept=1000)
        model.upsert([bucket(0, anomaly_score=model.index.sequence + 10)])
        assert_feed(model, model.changes, kept=1000)
        assert log_of(model.index)._rows == sum(part.weight for part in log_of(model.index).stored())
    # A commit without changes takes the sequence of the lost write too.
    monkeypatch.setattr(ChangeLog, "add", failing)
    with pytest.raises(Stop):
        model.index.upsert([bucket(7)])
    monkeypatch.setattr(ChangeLog, "add", add)
    model.index.put_job("b")
    assert_feed(model, model.changes, kept=1000)


@pytest.mark.repeats
@pytest.mark.parametrize("apart", [11, pytest.param(1, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("kept", [3, 1000])
def test_a_write_may_fail_at_any_line(kept: int, apart: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure the feed has exactly the published commits, and the next write works."""
    resize(monkeypatch, open_changes=2, small_changes_per_part=1, rows_one_by_one=2, dropped_parts=1)
    writes: list[Callable[[Model], None]] = [
        lambda model: model.upsert([bucket(5, anomaly_score=1)]),
        lambda model: model.upsert([bucket(6), bucket(7), record(5, record_score=3)]),
        lambda model: model.upsert([bucket(row, anomaly_score=90) for row in range(8)]),
        lambda model: model.upsert([record(1, record_score=4)]),
        lambda model: model.renormalize("web", {row: 10 + row for row in range(7)}),
        lambda model: model.delete_job("web"),
    ]
    failures = 0
    for number, write in enumerate(writes):
        for at in range(1 + (number + kept) % apart, 10_000, apart):
            model = Model(ResultsIndex(changes_kept=kept))
            for row in range(4):
                model.upsert([bucket(row, anomaly_score=row * 20)])
            for earlier in writes[:number]:
                earlier(model)
            before, sequence = list(model.changes), model.index.sequence
            with stopping(at) as lines:
                try:
                    write(model)
                except Stop:
                    failures += 1
            is_done = lines[0] < at
            if model.index.sequence == sequence:
                assert model.changes == before
                assert_feed(model, before, kept)
                write(model)
            elif not is_done:
                # The commit was published before the failure. The model does not know it.
                continue
            model.upsert([bucket(99, anomaly_score=50)])
            assert_feed(model, model.changes, kept)
            assert log_of(model.index)._rows == sum(part.weight for part in log_of(model.index).stored())
            if is_done:
                break
    assert failures > 300 // apart


def assert_feed(model: Model, changes: list[Plain], kept: int) -> None:
    """Every `since` gives the changes of the list, or is expired in a small log."""
    for since in range(model.index.sequence + 1):
        try:
            found = model.index.changes(since=since)
        except ChangesExpired:
            assert kept < 1000
            continue
        if not found.ranges:
            expected = [change for change in changes if change.sequence > since]
            assert by_commit(list(map(plain, found))) == by_commit(expected)


@pytest.mark.repeats
@pytest.mark.parametrize("kept", [40, 100_000])
def test_readers_need_no_lock(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that follow the feed beside a writer see each commit once and whole, with free preemption."""
    resize(monkeypatch, open_changes=3, small_changes_per_part=1, dropped_parts=2)
    index, interval, errors, done = ResultsIndex(changes_kept=kept), sys.getswitchinterval(), [], threading.Event()
    query = BucketQuery(jobs="web", anomaly_score=50)
    index.put_job("web")

    def follow() -> None:
        seen: dict[int, int] = {}
        scores: dict[tuple[Any, ...], float | None] = {}
        since = 1
        try:
            while not (done.is_set() and since == index.sequence):
                snapshot = index.snapshot()
                source = index if since % 2 else snapshot
                try:
                    changes = source.changes(since=since)
                    some = source.changes(query, since=changes.sequence)
                    assert len(some) >= 0
                except ChangesExpired:
                    changes = source.changes(since=None)
                    scores = {change.key: change.score for change in changes}
                    since = changes.sequence
                    continue
                for change in changes:
                    assert since < change.sequence <= changes.sequence
                    assert scores.get(change.key) == change.old_score, change
                    scores[change.key] = change.score
                    seen[change.sequence] = seen.get(change.sequence, 0) + 1
                since = changes.sequence
            assert all(seen[sequence] == 1 + sequence % 5 for sequence in seen), seen
            now = {
                ("web", found.timestamp, SPAN_S): found.anomaly_score for found in index.scan(BucketQuery(jobs="web"))
            }
            assert scores == now
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            errors.append(error)

    sys.setswitchinterval(1e-6)
    readers = [threading.Thread(target=follow) for _ in range(3)]
    try:
        for reader in readers:
            reader.start()
        for sequence in range(2, 300):
            index.upsert([bucket(row, anomaly_score=(sequence * 7 + row) % 100) for row in range(1 + sequence % 5)])
        done.set()
        for reader in readers:
            reader.join(PATIENCE_S)
    finally:
        sys.setswitchinterval(interval)
        done.set()
    assert errors == []
    assert not any(reader.is_alive() for reader in readers)


def test_old_states_are_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that took the state before parts were dropped knows afterwards that they are."""
    resize(monkeypatch, open_changes=1)
    index = ResultsIndex(changes_kept=4)
    log = log_of(index)
    for row in range(4):
        index.upsert([bucket(row)])
    state = log._state
    for row in range(4, 40):
        index.upsert([bucket(row)])
    log._state = state
    # The parts are gone. The last row was open in that state, and still is.
    assert [type(chunk.source) for chunk in log.chunks(0, 4)] == [OpenRows]
    assert log.last_dropped > 4
    assert sizes().open_changes == 1
