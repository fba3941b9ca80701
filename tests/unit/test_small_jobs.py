"""Small jobs: each is one value that the garbage collector does not visit, and answers as a job with tables does."""

import gc
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, BucketQueryError, Commit, ResultsIndex, Snapshot
from bucketquery.jobs.job import Job
from bucketquery.jobs.small_jobs import (
    FIRST,
    LAYOUT,
    NOTHING,
    Packed,
    job_of,
    most_bytes,
    nbytes_of,
    put,
    rows_of,
    stored_of,
    time_span_of,
)
from bucketquery.jobs.totals import Totals
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.storage.packed_rows import EMPTY_MAPPING
from support.helpers import JOB, SPAN_S, STEP, bucket, record, resize, rows, sizes, table

Document = dict[str, Any]
#: Lists of every kind: influencers like their bucket and unlike it, events, and the instant of writing.
LISTED: Document = {
    "bucket_influencers": [
        {"influencer_field_name": "host", "anomaly_score": 5.5, "probability": 0.25},
        {"influencer_field_name": None, "timestamp": 7, "event": {"ingested": 5}},
    ],
    "scheduled_events": ["holiday", "\ud800 half a pair"],
    "event": {"ingested": 12},
}


def small(*documents: Document, bucket_span: int | None = None) -> Packed:
    """A small job with some buckets, as an index stores it."""
    index = ResultsIndex()
    index.put_job(JOB, bucket_span=bucket_span)
    index.upsert(documents)
    stored = index.snapshot()._catalog.stored(JOB)
    assert stored is not None
    assert not isinstance(stored, Job)
    return stored


def record_of(row: int, score: float = 0.0, *, is_interim: bool = False) -> bytes:
    """The record of a bucket."""
    return LAYOUT.pack(row * STEP, SPAN_S, score, score, 0, 0, is_interim, 0)


# ---- the packed form


def test_a_small_job_is_its_span_and_its_records() -> None:
    """A job without lists is bytes. Buckets with lists make it an exact tuple of bytes."""
    plain = small(*rows(0, 3), bucket_span=300)
    assert type(plain) is bytes
    assert len(plain) == FIRST + 3 * LAYOUT.size
    listed = small(bucket(0), bucket(1, **LISTED))
    assert type(listed) is tuple
    assert [type(part) for part in listed] == [bytes] * 3
    assert [bool(chunk) for chunk in listed[1:]] == [False, True]


@pytest.mark.parametrize("span", [None, 1, 300, 2**63 - 1])
@pytest.mark.parametrize("documents", [[], rows(0, 3), [bucket(0), bucket(1, is_interim=True, **LISTED), bucket(2)]])
def test_a_job_and_its_packed_form_are_equal(span: int | None, documents: list[Document]) -> None:
    """Packing the job of a packed form gives that form again. Times, rows and bytes equal those of its table."""
    stored = small(*documents, bucket_span=span)
    job = job_of(JOB, stored, DEFAULT_SIZES)
    assert (job.job_id, job.bucket_span) == (JOB, span)
    assert stored_of(job) == stored
    assert job_of(JOB, job, DEFAULT_SIZES) is job
    for own in job.tables.values():
        own.check()
    found = Totals.of(job.tables.values())
    assert Totals.of([], [stored]) == found
    assert (rows_of(stored), nbytes_of(stored)) == (found.rows[0], found.own_nbytes)
    assert time_span_of(stored) == (None if found.first is None else (found.first, found.last))


def test_a_job_with_lists_is_read_when_a_list_is_read() -> None:
    """The lists of a job behave as any mapping of them. They are the same before and after."""
    (of_job,) = job_of(JOB, small(bucket(0), bucket(1, **LISTED)), DEFAULT_SIZES).tables.values()
    lists = of_job.base.lists
    assert lists
    assert {*lists} == {"bucket_influencers", "scheduled_events", "event.ingested"}
    assert len(lists) == 3
    assert of_job.base.lists_at("scheduled_events", slice(0, 2)) == [(), ("holiday", "\ud800 half a pair")]
    assert of_job.base.lists_at("event.ingested", slice(0, 2)) == [(), 12]
    _, ((like, unlike),) = (
        of_job.base.lists_at("bucket_influencers", slice(0, 2))[0],
        of_job.base.lists_at("bucket_influencers", slice(1, 2)),
    )
    assert (like.influencer_field_name, like.anomaly_score, like.probability) == ("host", 5.5, 0.25)
    assert (unlike.influencer_field_name, unlike.timestamp, unlike.event_ingested) == (None, 7, 5)


def test_large_jobs_and_other_kinds_have_tables() -> None:
    """A job with other results, or with too many buckets, is stored as it is."""
    assert isinstance(stored_of(Job(JOB, tables={"bucket": table(rows(0, 65))})), Job)
    assert isinstance(stored_of(Job(JOB, tables={"record": table([])})), Job)
    assert isinstance(stored_of(Job(JOB, tables={"bucket": table([]), "record": table([])})), Job)
    assert stored_of(Job(JOB, tables={"bucket": table([])})) == NOTHING
    # A head and deleted rows leave no trace.
    worn = table(rows(0, 5), [bucket(3, event_count=9), bucket(5, is_interim=True, **LISTED)])
    worn, _ = worn.delete(STEP, 2 * STEP)
    assert (len(worn.deleted) > 0, worn.head.length > 0) == (True, True)
    packed = stored_of(Job(JOB, tables={"bucket": worn}))
    assert packed == small(
        bucket(0), bucket(2), bucket(3, event_count=9), bucket(4), bucket(5, is_interim=True, **LISTED)
    )


def test_the_sizes_bound_small_jobs() -> None:
    """A job that could have value indexes is not small, and 0 rows turn packed results off."""
    with pytest.MonkeyPatch.context() as patch:
        for changes, most in (
            ({}, 64),
            ({"packed_rows": 9}, 9),
            ({"value_index_rows": 9}, 8),
            ({"small_job_rows": 0}, 0),
        ):
            resize(patch, **changes)
            assert most_bytes(sizes()) == FIRST + most * LAYOUT.size
            patch.undo()


def test_a_row_is_put_at_its_place() -> None:
    """A row goes behind the others, between them, or in place of an equal identity. An equal row changes nothing."""
    most = FIRST + 3 * LAYOUT.size
    stored: Packed | None = NOTHING
    for row in (5, 9, 7):
        assert stored is not None
        stored, before = put(stored, record_of(row), EMPTY_MAPPING, most)
        assert before is None
    assert stored == NOTHING + record_of(5) + record_of(7) + record_of(9)
    assert put(stored, record_of(7), EMPTY_MAPPING, most) == (stored, record_of(7))
    assert put(stored, record_of(7), EMPTY_MAPPING, most)[0] is stored
    assert put(stored, record_of(6), EMPTY_MAPPING, most) == (None, None)
    assert put(stored, record_of(9, 5.0), EMPTY_MAPPING, most) == (
        NOTHING + record_of(5) + record_of(7) + record_of(9, 5.0),
        record_of(9),
    )
    listed, before = put(stored, record_of(7), {"scheduled_events": ("a",)}, most)
    assert before == record_of(7)
    assert isinstance(listed, tuple)
    assert put(listed, record_of(7), {"scheduled_events": ("a",)}, most)[0] is listed
    assert put(listed, record_of(7), EMPTY_MAPPING, most)[0] == stored, "the last list is gone"


# ---- the garbage collector


def tracked_by(index: ResultsIndex, job_ids: list[str]) -> int:
    """How many of some jobs' stored values the garbage collector tracks."""
    gc.collect()
    catalog = index.snapshot()._catalog
    return sum(gc.is_tracked(catalog.stored(job_id)) for job_id in job_ids)


@pytest.mark.parametrize("fields", [{}, LISTED], ids=["without lists", "with lists"])
def test_the_garbage_collector_tracks_no_object_of_a_small_job(fields: Document) -> None:
    """1,000 small jobs make no more objects for the collector than one does."""
    job_ids = [f"job{number}" for number in range(1_000)]
    index = ResultsIndex(changes_kept=0)
    index.upsert([bucket(0, job_id=job_id, **fields) for job_id in job_ids])
    gc.collect()
    before = len(gc.get_objects())
    for row in range(1, 4):
        index.upsert([bucket(row, job_id=job_id, **fields) for job_id in job_ids])
    assert tracked_by(index, job_ids) == 0
    assert len(gc.get_objects()) - before < 100, "the objects of the index itself"
    index.put_job(job_ids[0], bucket_span=60)
    assert tracked_by(index, job_ids) == 0
    index.upsert([record(0, job_id=job_ids[0])])
    assert tracked_by(index, job_ids) == 1, "a job with records has tables"


# ---- the same answers as with tables


def answers_of(source: ResultsIndex | Snapshot) -> list[Any]:
    """What queries of every form answer, and the stored results of each job."""
    jobs = source.jobs()
    found: list[Any] = [
        jobs,
        source.stats()["rows"],
        source.stats()["first_timestamp"],
        source.stats()["last_timestamp"],
    ]
    for job_id in jobs:
        found += (source.stats(job_id)["bucket_span"], source.get_buckets(job_id=job_id, size=500).to_dict())
        worst = source.get_buckets(
            job_id=job_id, exclude_interim=True, anomaly_score=40, sort="anomaly_score", desc=True
        )
        found += (worst.to_dict(), source.get_records(job_id=job_id).to_dict())
    if len(jobs) > 1:
        found.append(source.search(BucketQuery(jobs=jobs, sort="anomaly_score", desc=True, size=20)).to_dict())
    return found


def drawn_document(rng: Random, job_ids: list[str]) -> Document:
    """A bucket, seldom a record, of a random job and time."""
    job_id, row = rng.choice(job_ids), min(int(rng.expovariate(0.2)), 30)
    if rng.random() < 0.01:
        return record(row, job_id=job_id)
    lists: Document = rng.choice([{}, {}, {}, {"scheduled_events": ["a"]}, LISTED])
    score = rng.choice([None, 0, 5.5, 50, 99.9])
    return bucket(row, job_id=job_id, is_interim=rng.random() < 0.3, anomaly_score=score, **lists)


def drawn_write(rng: Random, job_ids: list[str]) -> Callable[[ResultsIndex], Commit | type[Exception]]:
    """A random write of any kind. It returns the commit, or the type of the error."""
    way, job_id, row = rng.random(), rng.choice(job_ids), rng.randrange(30)
    documents = [drawn_document(rng, job_ids) for _ in range(rng.choice([1, 1, 2, 5, 20, 40]))]
    of_each = [bucket(row, job_id=each, **(LISTED if row % 9 == 0 else {"event_count": row})) for each in job_ids]
    drop, span, interim_only = rng.random() < 0.2, rng.choice([None, 60]), rng.random() < 0.5
    given = {"timestamp": [row * STEP], "bucket_span": SPAN_S, "anomaly_score": [float(row)]}
    writes: list[tuple[float, Callable[[ResultsIndex], Commit]]] = [
        (0.45, lambda index: index.upsert(documents, drop_interim=drop)),
        (0.65, lambda index: index.upsert(of_each)),
        (0.75, lambda index: index.delete(start=row * STEP, end=(row + 3) * STEP, interim_only=interim_only)),
        (0.80, lambda index: index.delete(job_id, end=row * STEP)),
        (0.88, lambda index: index.renormalize(job_id, buckets=given)),
        (0.95, lambda index: index.put_job(job_id, bucket_span=span)),
        (1.00, lambda index: index.delete_job(job_id)),
    ]
    write = next(write for until, write in writes if way <= until)

    def done(index: ResultsIndex) -> Commit | type[Exception]:
        try:
            return write(index)
        except BucketQueryError as error:
            return type(error)

    return done


@pytest.mark.repeats
@pytest.mark.parametrize("seed", range(160))
def test_small_jobs_answer_as_jobs_with_tables(seed: int) -> None:
    """After any history, an index with packed jobs and one without have equal commits, answers and changes."""
    rng = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        resize(patch, small_job_rows=rng.choice([1, 3, 8, 64]), head_rows=rng.choice([2, 1024]))
        packed = ResultsIndex(clock=lambda: 0)
        resize(patch, small_job_rows=0)
        with_tables = ResultsIndex(clock=lambda: 0)
    job_ids = [f"job{number}" for number in range(rng.choice([1, 3, 20]))]
    seen: list[tuple[Snapshot, list[Any]]] = []
    for _ in range(25):
        write = drawn_write(rng, job_ids)
        assert write(packed) == write(with_tables)
        if rng.random() < 0.1:
            packed.check()
            found = answers_of(packed)
            assert found == answers_of(with_tables)
            seen.append((packed.snapshot(), found))
    for snapshot, found in seen:
        assert answers_of(snapshot) == found
    # The order of the deletes of one job in one commit has no meaning.
    changes, expected = packed.changes(since=0), with_tables.changes(since=0)
    assert sorted(map(repr, changes)) == sorted(map(repr, expected))
    assert [change.sequence for change in changes] == [change.sequence for change in expected]


def test_a_failed_write_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a mass write stops in the middle, the index and its snapshots have the jobs of the commit before."""
    index = ResultsIndex()
    job_ids = [f"job{number}" for number in range(50)]
    index.upsert([bucket(0, job_id=job_id) for job_id in job_ids])
    before, found = index.snapshot(), answers_of(index)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bucketquery.jobs.writes.put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index.upsert([bucket(1 if at < 40 else 0, job_id=job_id, event_count=7) for at, job_id in enumerate(job_ids)])
    monkeypatch.undo()
    assert index.snapshot() is before
    assert answers_of(index) == found
    index.check()
    assert index.upsert([bucket(1, job_id=job_id) for job_id in job_ids]) == Commit(sequence=2, inserted=50)
