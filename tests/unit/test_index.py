"""The index: writes are atomic, run one after the other, and return what they did."""

import copy
import gc
import pickle
import threading
import time
import weakref
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    Commit,
    InvalidDocument,
    InvalidQuery,
    RecordQuery,
    ResultsIndex,
    Snapshot,
    UnknownJob,
)
from bucketquery import index as index_module
from bucketquery.storage.packed_rows import Layout, Row
from bucketquery.storage.table import Table
from support.helpers import (
    FULL,
    JOB,
    PATIENCE_S,
    SPAN_S,
    STEP,
    ask_together,
    bucket,
    lead_by_value,
    limit_heads,
    moved,
    record,
    resize,
    rows,
    stored,
    table_of,
)


def refusal(call: Callable[[], object]) -> InvalidQuery:
    """The error of a call that must be refused."""
    with pytest.raises(InvalidQuery) as caught:
        call()
    return caught.value


# ---- commits


def test_a_write_that_changes_something_is_one_commit() -> None:
    """Every kind of write adds one to the sequence and counts each identity once."""
    index = ResultsIndex()
    assert index.sequence == 0
    assert index.put_job(JOB) == Commit(sequence=1)
    documents = [bucket(0), bucket(1), bucket(1, event_count=1), {"result_type": "forecast"}]
    assert index.upsert(documents) == Commit(sequence=2, inserted=2, skipped={"forecast": 1}, repeated=1)
    assert index.upsert([bucket(0), bucket(1), bucket(2)]) == Commit(sequence=3, inserted=1, replaced=1, unchanged=1)
    columns = {"timestamp": [0, 5 * STEP], "bucket_span": SPAN_S}
    assert index.upsert_columns(columns, job_id="db") == Commit(sequence=4, inserted=2)
    assert index.put_job(JOB, bucket_span=300) == Commit(sequence=5)
    assert index.delete_job(JOB) == Commit(sequence=6, deleted=3)
    assert index.sequence == 6
    index.check()


def test_a_write_that_changes_nothing_publishes_nothing() -> None:
    """The commit has the current sequence and the counts, and the snapshot stays the same."""
    index = ResultsIndex()
    index.upsert([*rows(0, 3), bucket(0, job_id="db")])
    index.put_job(JOB, bucket_span=300)
    before = index.snapshot()
    assert index.upsert([]) == Commit(sequence=2)
    assert index.upsert([{"result_type": "forecast"}, {}]) == Commit(sequence=2, skipped={"forecast": 1, "": 1})
    assert index.upsert([*rows(0, 3), bucket(0, job_id="db")]) == Commit(sequence=2, unchanged=4)
    assert index.upsert_columns({"timestamp": [], "bucket_span": 1}, job_id="new") == Commit(sequence=2)
    assert index.put_job(JOB, bucket_span=np.int64(300)) == Commit(sequence=2)  # type: ignore[arg-type] # NumPy integers are accepted too
    assert index.snapshot() is before
    assert "new" not in index


def test_renormalising_is_a_commit() -> None:
    """It changes only scores. If all scores are as stored, it publishes nothing. The last score of a bucket wins."""
    index = ResultsIndex()
    index.upsert([*rows(0, 3, **FULL), bucket(3), bucket(4, is_interim=True, anomaly_score=1)])
    before = index.snapshot()
    old = index.get_buckets(job_id=JOB).to_dict()["buckets"]
    given: dict[str, Any] = {
        "timestamp": [4 * STEP, 0, 3 * STEP, 0, STEP],
        "bucket_span": SPAN_S,
        "anomaly_score": [9, 1, 8, 7, 5],
    }
    assert index.renormalize(JOB, buckets=given) == Commit(sequence=2, replaced=3, unchanged=1, repeated=1)
    expected = dict(zip((0, 3, 4), (7.0, 8.0, 9.0), strict=True))
    assert index.get_buckets(job_id=JOB).to_dict()["buckets"] == [
        {**shown, "anomaly_score": expected.get(row, shown["anomaly_score"])} for row, shown in enumerate(old)
    ]
    assert before.get_buckets(job_id=JOB).to_dict()["buckets"] == old
    newest = index.snapshot()
    assert index.renormalize(JOB, buckets=given) == Commit(sequence=2, unchanged=4, repeated=1)
    nothing: dict[str, Any] = {"timestamp": [], "bucket_span": SPAN_S, "anomaly_score": []}
    assert index.renormalize(JOB, buckets=nothing) == Commit(sequence=2)
    assert index.snapshot() is newest
    index.check()


def test_renormalising_an_unknown_bucket_is_refused() -> None:
    """The error names the first row without a stored bucket, in the caller's order, and nothing changes."""
    index = ResultsIndex()
    index.upsert(rows(0, 3, **FULL))
    index.put_job("empty")
    before = index.snapshot()
    given = {"timestamp": [0, 9 * STEP, STEP, -STEP, 9 * STEP], "bucket_span": [SPAN_S] * 5, "anomaly_score": [7] * 5}
    for job_id, row in ((JOB, 1), ("empty", 0)):
        with pytest.raises(InvalidDocument) as caught:
            index.renormalize(job_id, buckets=given)
        assert caught.value.field == f"buckets.timestamp[{row}]"
        assert caught.value.value == given["timestamp"][row]
    with pytest.raises(InvalidDocument) as caught:
        index.renormalize(JOB, buckets={**given, "bucket_span": [SPAN_S, SPAN_S, 60, SPAN_S, SPAN_S]})
    assert caught.value.field == "buckets.timestamp[1]"
    with pytest.raises(UnknownJob):
        index.renormalize("db", buckets=given)
    assert index.snapshot() is before


def test_bad_scores_are_refused_before_unknown_jobs() -> None:
    """A job id that is not text comes first, then arguments that are missing, then invalid columns."""
    index = ResultsIndex()
    columns: Any = {"timestamp": [0], "bucket_span": SPAN_S}
    assert refusal(lambda: index.renormalize(5)).field == "job_id"  # type: ignore[arg-type] # refused
    assert refusal(lambda: index.renormalize("never")).field == "buckets"
    with pytest.raises(InvalidDocument) as caught:
        index.renormalize("never", influencers=columns)
    assert caught.value.field == "influencers.influencer_score"
    with pytest.raises(UnknownJob):
        index.renormalize("never", buckets={**columns, "anomaly_score": [1]})


def test_scores_of_all_kinds_are_one_commit() -> None:
    """No reader sees a bucket with a new score beside its old records; repeated rows of all arguments are added up."""
    index = ResultsIndex()
    index.upsert([bucket(0, anomaly_score=9, bucket_influencers=[{"anomaly_score": 9}]), record(0, record_score=9)])
    at: dict[str, Any] = {"timestamp": [0, 0], "bucket_span": SPAN_S}
    commit = index.renormalize(
        JOB,
        buckets={**at, "anomaly_score": [1, 2]},
        records={**at, "record_score": [1, 9]},
        bucket_influencers={**at, "anomaly_score": [1, 3]},
    )
    assert commit == Commit(sequence=2, replaced=1, unchanged=1, repeated=3)
    found = index.get_buckets(job_id=JOB)[0]
    assert (found.anomaly_score, found.bucket_influencers[0].anomaly_score) == (2.0, 3.0)
    index.check()


def test_an_index_without_documents_has_no_nested_influencers() -> None:
    """The index refuses scores of nested influencers, and takes those of the buckets."""
    index = ResultsIndex(keep_documents=False)
    index.upsert([bucket(0, bucket_influencers=[{"influencer_field_name": "bucket_time", "anomaly_score": 9}])])
    scores = {"timestamp": [0], "bucket_span": SPAN_S, "anomaly_score": [1]}
    assert refusal(lambda: index.renormalize(JOB, bucket_influencers=scores)).field == "bucket_influencers"
    assert index.renormalize(JOB, buckets=scores).replaced == 1


def test_a_delete_is_a_commit() -> None:
    """A delete of results of all kinds is one commit. Without results in the window there is none. Snapshots stay."""
    index = ResultsIndex(clock=lambda: 10 * STEP)
    index.upsert([*rows(0, 5), record(0), bucket(0, job_id="db"), bucket(7, is_interim=True)])
    before = index.snapshot()
    assert index.delete(JOB, end=2 * STEP) == Commit(sequence=2, deleted=3)
    assert index.delete(["db", JOB], start=STEP, end="now-5m") == Commit(sequence=3, deleted=4)
    newest = index.snapshot()
    for window in ({"end": 0}, {"start": STEP}, {"start": 9, "end": 9}):
        assert index.delete(**window) == Commit(sequence=3)  # type: ignore[arg-type] # instants
    assert index.snapshot() is newest
    assert index.delete(end=STEP) == Commit(sequence=4, deleted=1)
    assert [*index.jobs()] == ["db", JOB]
    assert [index.get_buckets(job_id=job_id).count for job_id in ("db", JOB)] == [0, 0]
    assert before.get_buckets(job_id=JOB).count == 6
    index.check()


def test_a_bad_delete_is_refused() -> None:
    """The parameters are checked first. If one of the jobs is unknown, nothing is deleted."""
    index = ResultsIndex()
    index.upsert(rows(0, 5))
    before = index.snapshot()
    assert refusal(lambda: index.delete("never")).field == "end"
    assert refusal(lambda: index.delete(JOB, end=-1)).field == "end"
    assert refusal(lambda: index.delete([], end=0)).field == "job_id"
    with pytest.raises(UnknownJob) as caught:
        index.delete([JOB, "never"], end=9)
    assert caught.value.field == "job_id"
    assert index.snapshot() is before


def test_a_final_bucket_drops_interim_results_in_the_same_commit() -> None:
    """Interim results stay without ``drop_interim``, which must be a bool."""
    index = ResultsIndex()
    interim = [bucket(0, is_interim=True), record(0, is_interim=True), record(0, 1, is_interim=True)]
    index.upsert(interim)
    assert refusal(lambda: index.upsert([], drop_interim=1)).field == "drop_interim"  # type: ignore[arg-type] # refused
    assert index.upsert([bucket(0)]).deleted == 0
    assert index.upsert([bucket(0), record(0)], drop_interim=True) == Commit(
        sequence=3, replaced=1, unchanged=1, deleted=1
    )
    assert index.upsert([bucket(0), record(0)], drop_interim=True) == Commit(sequence=3, unchanged=2)
    assert index.get_records(job_id=JOB).count == 1


@pytest.mark.repeats
@pytest.mark.parametrize("seed", range(3))
def test_an_index_after_deletes_is_one_without_the_results(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries of all kinds, of one job and of many, with records in buckets, give the same bodies."""
    limit_heads(monkeypatch, 4)
    lead_by_value(monkeypatch)
    rng = Random(seed)
    index = ask_together(ResultsIndex())
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    older: list[tuple[Snapshot, list[Any]]] = []
    jobs = ("a", "b", "c")
    for step in range(40):
        if rng.random() < 0.6:
            documents = some_results(rng, jobs, 2 * step)
            index.upsert(documents)
            held |= {tuple(document.get(name) for name in _IDENTITY): document for document in documents}
        else:
            job_ids = rng.sample(jobs, rng.choice((1, 2, 3)))
            start = rng.choice((0, rng.randrange(2 * step + 1))) * STEP
            end = start + rng.randrange(1, 2 * step + 9) * STEP
            interim_only = rng.random() < 0.3
            given = None if len(job_ids) == 3 else job_ids
            if all(job_id in index for job_id in job_ids):
                index.delete(given, start=start, end=end, interim_only=interim_only)
                held = {
                    key: document
                    for key, document in held.items()
                    if document["job_id"] not in job_ids
                    or not start <= document["timestamp"] < end
                    or (interim_only and not document["is_interim"])
                }
        index.check()
        fresh = ResultsIndex()
        for job_id in index.jobs():
            fresh.put_job(job_id)
        fresh.upsert(held.values())
        bodies = bodies_of(index)
        assert bodies == bodies_of(fresh)
        if step % 10 == 0:
            older.append((index.snapshot(), bodies))
    for snapshot, bodies in older:
        assert bodies_of(snapshot) == bodies


_IDENTITY = ("result_type", "job_id", "timestamp", "detector_index")


def some_results(rng: Random, jobs: tuple[str, ...], last: int) -> list[dict[str, Any]]:
    """Some buckets and records, each identity once."""
    documents = []
    for at in rng.sample(range(last + 8), min(last + 8, rng.choice((1, 3, 12)))):
        fields = {"job_id": rng.choice(jobs), "is_interim": rng.random() < 0.3}
        score = float(rng.randrange(100))
        documents += [
            bucket(at, **fields, anomaly_score=score, bucket_influencers=[{"anomaly_score": score}]),
            *(record(at, detector, **fields, record_score=score) for detector in range(rng.randrange(3))),
        ]
    return documents


def bodies_of(source: ResultsIndex | Snapshot) -> list[Any]:
    """The response bodies of some queries of one job and of all."""
    known = source.jobs()
    queries: list[Any] = [
        query
        for jobs in (*known, *([known] if len(known) > 1 else []))
        for query in (
            BucketQuery(jobs=jobs, expand=True, desc=True, size=20),
            BucketQuery(jobs=jobs, anomaly_score=60, exclude_interim=True, expand=True),
            BucketQuery(jobs=jobs, sort="anomaly_score", desc=True, size=15, end=30 * STEP),
            RecordQuery(jobs=jobs, record_score=30, size=30),
            RecordQuery(jobs=jobs, sort="timestamp", exclude_interim=True, from_=2),
        )
    ]
    return [source.search(query).to_dict() for query in queries]


def test_a_commit_replaces_the_tables_of_changed_jobs_only() -> None:
    """A job without a change keeps its table."""
    index = ResultsIndex()
    index.upsert([bucket(0, job_id=job_id) for job_id in ("a", "b", "c")])
    before = {job_id: index.snapshot()._catalog.stored(job_id) for job_id in "abc"}
    commit = index.upsert([bucket(0, job_id="a"), bucket(0, job_id="b", event_count=1), bucket(1, job_id="c")])
    assert commit == Commit(sequence=2, inserted=1, replaced=1, unchanged=1)
    after = index.snapshot()._catalog
    assert [after.stored(job_id) is before[job_id] for job_id in "abc"] == [True, False, False]


def test_two_kinds_are_written_in_one_commit() -> None:
    """Each kind has its own tables. The counts are sums over the kinds, and an error in one kind stops both."""
    index = ResultsIndex()
    documents = [bucket(0), record(0, 1, actual=[1]), record(0, 0), bucket(1), {**bucket(0), "result_type": "other"}]
    assert index.upsert(documents) == Commit(sequence=1, inserted=4, skipped={"other": 1})
    assert index.stats(JOB)["rows"] == {"bucket": 2, "record": 2, "influencer": 0}
    before = index.snapshot()
    again = [bucket(0), record(0, 1, record_score=5.0), record(1, is_interim=True), bucket(0, job_id="db")]
    assert index.upsert(again) == Commit(sequence=2, inserted=2, replaced=1, unchanged=1)
    index.check()
    job, old = index.snapshot()._catalog.known(JOB, "job_id"), before._catalog.known(JOB, "job_id")
    assert job.tables["bucket"] is old.tables["bucket"]
    keys = [
        (key[1:4], row.record_score)
        for page in [index.get_records(job_id=JOB)]
        for key, row in zip(page.keys(), page, strict=True)
    ]
    assert sorted(keys) == [((0, SPAN_S, 0), 0.0), ((0, SPAN_S, 1), 5.0), ((STEP, SPAN_S, 0), 0.0)]
    assert old.tables["record"].rows.length == 2
    now = index.snapshot()
    for bad, field in (
        ([record(9), bucket(9, event_count="x"), record(9, "x")], "documents[1].event_count"),
        ([bucket(9), record(9, "x"), bucket(9, event_count="x")], "documents[1].detector_index"),
    ):
        with pytest.raises(InvalidDocument) as caught:
            index.upsert(bad)
        assert caught.value.field == field
        assert index.snapshot() is now
    assert index.upsert([record(9)], kind="record").inserted == 1
    assert index.get_buckets(job_id=JOB).count == 2


def test_rows_of_a_failed_write_are_not_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails after an append in place publishes nothing, and the next write is correct."""
    resize(monkeypatch, small_job_rows=0)
    index = ResultsIndex()
    index.upsert([*rows(0, 39, **FULL), *rows(0, 39, job_id="zoo", **FULL)])
    index.upsert([bucket(39, **FULL), bucket(39, job_id="zoo", **FULL)])
    index.upsert([bucket(40), bucket(40, job_id="zoo")])
    before = index.snapshot()
    base = table_of(index).rows.base
    expected = stored(table_of(index))
    put = Table.put
    done: list[Table] = []

    def interrupted(self: Table, row: Row, layout: Layout) -> tuple[Table, Row | None]:
        if len(done) == 3:
            raise KeyboardInterrupt
        found = put(self, row, layout)
        done.append(found[0])
        return found

    monkeypatch.setattr(Table, "put", interrupted)
    lost = {**FULL, "event_count": 99, "scheduled_events": ["lost"], "bucket_influencers": [{}, {}]}
    with pytest.raises(KeyboardInterrupt):
        index.upsert([*rows(41, 44, **lost), *rows(41, 44, job_id="zoo", **lost)])
    monkeypatch.undo()
    assert moved(base, done[-1].rows.base) == set(), "it was appended in place"
    assert done[-1].rows.base.length == 44
    assert index.snapshot() is before
    index.check()
    assert stored(table_of(index)) == expected
    # The lock is free again, and the next write uses the same room.
    assert index.upsert([bucket(41), bucket(42, **FULL), bucket(41, job_id="zoo")]) == Commit(sequence=4, inserted=3)
    index.check()
    assert moved(base, table_of(index).rows.base) == set()
    shown = index.get_buckets(job_id=JOB, start=40 * STEP).to_dict()["buckets"]
    assert [found["event_count"] for found in shown] == [0, 0, 7]
    assert [found.get("scheduled_events") for found in shown] == [None, None, ["a"]]
    assert [len(found["bucket_influencers"]) for found in shown] == [0, 0, 1]
    assert table_of(index).rows.base.mask("event_count").tolist() == [True] * 40 + [False, False, True]
    assert stored(table_of(before)) == expected


def test_a_refused_batch_changes_nothing() -> None:
    """The bad document may be the last of 3,001, after documents of other jobs."""
    index = ResultsIndex()
    index.upsert([bucket(0)])
    before = index.snapshot()

    def documents() -> Any:
        yield from rows(1, 3_000)
        yield bucket(0, job_id="new")
        yield bucket(1, anomaly_score="high")

    with pytest.raises(InvalidDocument) as caught:
        index.upsert(documents())
    assert caught.value.field == "documents[3000].anomaly_score"
    with pytest.raises(InvalidDocument):
        index.upsert_columns({"timestamp": [0, 1], "bucket_span": [1, 0]}, job_id="new")
    assert index.snapshot() is before
    assert "new" not in index


def test_documents_are_read_before_the_lock_is_taken() -> None:
    """An iterable of documents may itself write, fail or take long; other writers do not wait for it."""
    index = ResultsIndex()

    def documents() -> Any:
        yield bucket(0)
        other = threading.Thread(target=index.upsert, args=([bucket(1)],))
        other.start()
        other.join(timeout=PATIENCE_S)
        assert not other.is_alive()
        index.upsert([bucket(2)])
        yield bucket(3)

    assert index.upsert(documents()) == Commit(sequence=3, inserted=2)
    assert index.get_buckets(job_id=JOB).count == 4

    def failing() -> Any:
        yield bucket(4)
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="the source is gone"):
        index.upsert(failing())
    assert index.sequence == 3


def test_writers_wait_for_each_other() -> None:
    """No write of several threads is lost, and each has its own sequence."""
    index = ResultsIndex()
    commits: list[Commit] = []

    def write(job: int) -> None:
        commits.extend(index.upsert([bucket(row, job_id=f"job{job}"), bucket(40 * job + row)]) for row in range(40))

    writers = [threading.Thread(target=write, args=(job,)) for job in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    index.check()
    assert sorted(commit.sequence for commit in commits) == [*range(1, 161)]
    assert index.get_buckets(job_id=JOB).count == 160
    assert index.stats()["rows"]["bucket"] == 320


# ---- jobs


def test_a_job_is_known_until_it_is_deleted() -> None:
    """Putting a job or storing a result makes it known. A deleted job may return, without its old results."""
    index = ResultsIndex()
    assert JOB not in index
    index.upsert([{**bucket(0), "result_type": "forecast"}])
    assert JOB not in index
    index.put_job(JOB, bucket_span=300)
    index.upsert(rows(0, 5, **FULL))
    assert JOB in index
    old = index.snapshot()
    index.delete_job(JOB)
    assert JOB not in index
    assert index.jobs() == ()
    with pytest.raises(UnknownJob):
        index.get_buckets(job_id=JOB)
    with pytest.raises(UnknownJob) as caught:
        index.delete_job(JOB)
    assert (caught.value.field, caught.value.value) == ("job_id", JOB)
    index.upsert([bucket(3)])
    assert index.get_buckets(job_id=JOB).to_dict()["buckets"][0]["event_count"] == 0
    assert index.stats(JOB)["bucket_span"] is None
    assert old.get_buckets(job_id=JOB).count == 5
    index.check()
    old.check()


def test_putting_a_job_again_keeps_its_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Putting a job again replaces its span, also with None."""
    resize(monkeypatch, small_job_rows=0)
    index = ResultsIndex()
    index.upsert(rows(0, 5))
    table = table_of(index)
    for span in (300, 60, None):
        index.put_job(JOB, bucket_span=span)
        assert index.stats(JOB)["bucket_span"] == span
        assert table_of(index) is table
    index.put_job(JOB, bucket_span=60)
    index.upsert([bucket(5)])
    assert index.stats(JOB)["bucket_span"] == 60


def test_a_value_that_is_not_a_job_id_is_not_in_the_index() -> None:
    """``in`` is False for a value of any type, without an error, on an index and on a snapshot."""
    index = ResultsIndex()
    index.put_job(JOB)
    others: list[Any] = [None, 5, [JOB], b"web", "", "w*", ("web",)]
    assert not any(other in index or other in index.snapshot() for other in others)


BAD_JOBS: list[Any] = ["", "-a", "_all", "a*", "a,b", "a b", "x" * 256, 5, None, b"web"]
BAD_SPANS: list[Any] = [0, -1, True, 300.0, "300", 2**63, np.timedelta64(5, "s")]


def test_an_invalid_job_id_or_span_is_refused() -> None:
    """The error names the parameter."""
    index = ResultsIndex()
    for job_id in BAD_JOBS:
        error = refusal(lambda: index.put_job(job_id))  # noqa: B023 - called at once
        assert (error.field, error.value) == ("job_id", job_id)
    for span in BAD_SPANS:
        error = refusal(lambda: index.put_job(JOB, bucket_span=span))  # noqa: B023 - called at once
        assert (error.field, error.value) == ("bucket_span", span)
    index.put_job(JOB, bucket_span=2**63 - 1)
    for job_id in (5, None, b"web"):
        wrong: Any = job_id
        assert refusal(lambda: index.delete_job(wrong)).field == "job_id"  # noqa: B023 - called at once
    for job_id in ("", "a*", "x" * 999):
        with pytest.raises(UnknownJob) as caught:
            index.delete_job(job_id)
        assert len(caught.value.reason) < 400
    assert index.sequence == 1


# ---- parameters


def test_an_unknown_kind_is_refused() -> None:
    """`upsert` and `upsert_columns` check the kind before the documents."""
    index = ResultsIndex()
    kinds: list[Any] = ["forecast", "", 5, ["bucket"]]
    for kind in kinds:
        assert refusal(lambda: index.upsert(5, kind=kind)).field == "kind"  # type: ignore[arg-type]  # noqa: B023 - the documents are not read
        assert refusal(lambda: index.upsert_columns(5, kind=kind)).field == "kind"  # noqa: B023 - the same
    assert index.upsert([bucket(0)], kind="bucket").inserted == 1
    assert index.upsert_columns({"timestamp": [1], "bucket_span": 1}, job_id=JOB, kind="bucket").inserted == 1


def test_invalid_parameters_of_an_index_are_refused() -> None:
    """``max_size`` must be a non-negative integer and ``clock`` callable. Both must be given as keywords."""
    sizes: list[Any] = [-1, 1.0, True, "5", None]
    for size in sizes:
        assert refusal(lambda: ResultsIndex(max_size=size)).field == "max_size"  # noqa: B023 - called at once
    clock: Any = 5
    assert refusal(lambda: ResultsIndex(clock=clock)).field == "clock"
    make: Any = ResultsIndex
    with pytest.raises(TypeError):
        make(10)
    numpys: Any = np.int64(3)
    ResultsIndex(max_size=numpys).put_job(JOB)


def test_the_default_clock_is_the_systems() -> None:
    """``now`` in a query is the time of the system, in milliseconds."""
    index = ResultsIndex()
    now = time.time_ns() // 1_000_000  # noqa: TID251 - the test compares the default with this clock
    index.upsert([bucket(0, timestamp=now - 3_600_000), bucket(0, timestamp=now + 3_600_000)])
    (found,) = index.get_buckets(job_id=JOB, start="now-2h", end="now")
    assert found.timestamp == now - 3_600_000


# ---- the object


def test_an_index_cannot_be_pickled_or_copied() -> None:
    """The error says what to pickle instead."""
    index = ResultsIndex()
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied; pickle the documents that it was made from"):
            duplicate(index)
    index.put_job(JOB)
    assert repr(index) == "<ResultsIndex: 1 jobs at commit 1>"


def test_unreferenced_snapshots_are_freed() -> None:
    """An index refers only to its newest snapshot. Indexes and snapshots take weak references."""
    index = ResultsIndex()
    index.upsert([bucket(0)])
    old: weakref.ref[Snapshot] = weakref.ref(index.snapshot())
    gc.collect()
    assert old() is not None
    index.upsert([bucket(1)])
    gc.collect()
    assert old() is None
    whole: weakref.ref[ResultsIndex] = weakref.ref(index)
    del index
    gc.collect()
    assert whole() is None


@pytest.mark.parametrize("name", ["bucket_influencers", "scheduled_events"])
@pytest.mark.parametrize("given", [np.array(["a", "b"]), np.array([]), 0, False, b"", set()], ids=repr)
def test_a_value_that_is_neither_a_list_nor_an_item_is_refused(name: str, given: Any) -> None:
    """The value is refused in a single document and in a batch, even if it is empty or false."""
    for number in (1, 40):
        documents = [*rows(0, number - 1), bucket(number, **{name: given})]
        with pytest.raises(InvalidDocument) as caught:
            ResultsIndex().upsert(documents)
        assert caught.value.field == f"documents[{number - 1}].{name}"


@pytest.mark.parametrize("score", [5.0, 90.0])
def test_a_failed_write_leaves_no_row_in_a_value_index(monkeypatch: pytest.MonkeyPatch, score: float) -> None:
    """If publishing fails, the value index must not contain the rows that the write had appended."""
    index = ResultsIndex()
    index.upsert(rows(0, 3_000, anomaly_score=50.0))
    query = BucketQuery(jobs=JOB, anomaly_score=75)
    assert index.search(query.replace(anomaly_score=50)).count == 3_000
    for row in range(3_000, 4_023):
        index.upsert([bucket(row, anomaly_score=1.0)])

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ResultsIndex, "_publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            index.upsert([bucket(4_023, anomaly_score=95.0 - score), bucket(4_024, anomaly_score=1.0)])
    for row in (4_023, 4_024):
        index.upsert([bucket(row, anomaly_score=score)])
    index.check()
    assert index.search(query).count == 2 * (score > 75)


def test_the_child_of_a_fork_gets_new_locks() -> None:
    """The hook frees every index whose lock was held at the fork. A fork itself is tested with threads."""
    held, free = ResultsIndex(), ResultsIndex()
    held._lock.acquire()
    index_module._renew_locks()
    for index in (held, free):
        assert not index._lock.locked()
        assert index.put_job(JOB).sequence == 1
