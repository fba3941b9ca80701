"""Writes: from the jobs of one commit to those of the next, with the changes of each table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from operator import add
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidDocument, UnknownJob
from bucketquery.ingest.batch import ENTRIES
from bucketquery.ingest.documents import read_documents
from bucketquery.ingest.scores import read_scores
from bucketquery.jobs import writes
from bucketquery.jobs.catalog import SHARDS, Catalog
from bucketquery.jobs.job import Job
from bucketquery.jobs.writes import Written, delete_all, delete_results, empty_tables, rescore, write_batch, write_row
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET, SCHEMAS, Bools
from bucketquery.queries.deletion import Deletion
from bucketquery.storage.packed_rows import layout_of
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.table_changes import Counts
from support.helpers import FULL, JOB, SPAN_S, STEP, bucket, limit_heads, record, resize, rows, sizes

Document = dict[str, Any]
EVERYTHING = Deletion(None, FIRST_MS, LAST_MS + 1, interim_only=False)


def influencer(row: int, **fields: Any) -> Document:
    """An influencer in the ``row``-th bucket."""
    return bucket(row, **{"result_type": "influencer", "influencer_field_name": "host", **fields})


def write(catalog: Catalog, documents: Iterable[Document], *, drop_interim: bool = False) -> tuple[Catalog, Written]:
    """The catalogue after a batch of documents, and the result of the write."""
    nothing = empty_tables(sizes())
    written = write_batch(catalog, nothing, read_documents(documents, None), drop_interim=drop_interim)
    return applied(catalog, written), written


def applied(catalog: Catalog, written: Written) -> Catalog:
    """The catalogue after a write. Asserts that the changes of each table have each identity once."""
    following = catalog.with_jobs(written.jobs) if written.jobs else catalog
    following.check()
    seen: set[tuple[Any, ...]] = set()
    total = Counts(0, 0, 0)
    for job_id, changes in written.changes:
        for some in (changes.inserted, changes.replaced.new, changes.deleted):
            if not len(some):
                continue
            schema = some.view.base.schema
            columns = [some.column(name).tolist() for name in schema.identity]
            found = {(job_id, schema.kind, *identity) for identity in zip(*columns, strict=True)}
            assert (len(found), found & seen) == (len(some), set())
            seen |= found
        total = Counts(*(one + other for one, other in zip(total, changes.counts, strict=True)))
    layout = layout_of(BUCKET)
    assert layout is not None
    for at in range(0, len(written.rows), 3):
        of_job, old, new = written.rows[at : at + 3]
        assert isinstance(of_job, str)
        record_ = old if new is None else new
        assert isinstance(record_, bytes)
        identity = (of_job, "bucket", *layout.identity_from(record_))
        assert identity not in seen
        seen.add(identity)
        own = Counts(0, 0, 0, 1) if new is None else Counts(1, 0, 0) if old is None else Counts(0, 1, 0)
        total = Counts(*map(add, total, own))
    assert total[:2] == written.counts[:2]
    assert total.deleted == written.counts.deleted
    return following


def catalog_of(*documents: Document) -> Catalog:
    """A catalogue with some results."""
    return write(Catalog(sizes=sizes()), documents)[0]


Held = Counter[tuple[str, str, int]]


def held(catalog: Catalog) -> Held:
    """The number of results of each job, kind and row."""
    found: Held = Counter()
    for job in catalog:
        for kind, of_kind in job.tables.items():
            timestamps = Selection(of_kind.rows, _live(of_kind).nonzero()[0]).column("timestamp")
            found.update((job.job_id, kind, timestamp // STEP) for timestamp in timestamps.tolist())
    return found


def _live(found: Table) -> Bools:
    """Which rows of base and head are not deleted."""
    is_live = np.ones(found.base.length + found.head.length, dtype=np.bool_)
    is_live[found.deleted] = False
    return is_live


def scores_of(found: Selection) -> list[float]:
    """The scores of some results."""
    scores: list[float] = found.column(found.view.base.schema.score).tolist()
    return scores


# ---- deletes


def test_results_of_every_kind_are_deleted_in_the_window() -> None:
    """Each table that changes has changes of its own; the others stay the same."""
    catalog = catalog_of(*rows(0, 5), record(0), record(3), influencer(1), bucket(9, job_id="db"))
    written = delete_results(catalog, EVERYTHING._replace(end=2 * STEP))
    assert written.counts == Counts(0, 0, 0, 4)
    assert (set(written.jobs), written.is_renormalised) == ({JOB}, False)
    # The two buckets are single rows, record and influencer have changes of their tables.
    assert (len(written.changes), len(written.rows)) == (2, 3 * 2)
    following = applied(catalog, written)
    left = [*((JOB, "bucket", row) for row in (2, 3, 4)), (JOB, "record", 3), ("db", "bucket", 9)]
    assert held(following) == Counter(left)
    assert following.stored("db") is catalog.stored("db")
    assert held(catalog).total() == 9


def test_some_jobs_may_be_named() -> None:
    """An unknown one is refused. A job without results stays known."""
    catalog = catalog_of(*(bucket(0, job_id=job_id) for job_id in ("a", "b", "c")))
    written = delete_results(catalog, EVERYTHING._replace(job_ids=("a", "c")))
    following = applied(catalog, written)
    assert (written.counts.deleted, held(following), len(following)) == (2, Counter([("b", "bucket", 0)]), 3)
    with pytest.raises(UnknownJob) as caught:
        delete_results(catalog, EVERYTHING._replace(job_ids=("a", "never")))
    assert (caught.value.field, caught.value.value) == ("job_id", "never")
    nothing = delete_results(following, EVERYTHING._replace(start=STEP))
    assert (nothing.jobs, nothing.counts, [*nothing.changes, *nothing.rows]) == ({}, Counts(0, 0, 0, 0), [])


def test_only_interim_results_may_be_deleted() -> None:
    """Tables whose span meets the window, but that have no interim result there, stay as they are."""
    catalog = catalog_of(bucket(0), bucket(5, is_interim=True), bucket(9), record(5, is_interim=True), influencer(5))
    written = delete_results(catalog, EVERYTHING._replace(interim_only=True))
    assert written.counts.deleted == 2
    assert held(applied(catalog, written)) == Counter([(JOB, "bucket", 0), (JOB, "bucket", 9), (JOB, "influencer", 5)])


def test_a_deleted_job_has_changes_of_all_its_tables() -> None:
    """Deleted rows of a base are not deleted twice."""
    catalog = catalog_of(*rows(0, 100), bucket(200, is_interim=True), record(1))
    catalog = applied(catalog, delete_results(catalog, EVERYTHING._replace(start=40 * STEP, end=45 * STEP)))
    written = delete_all(catalog.known(JOB, "job_id"))
    assert written.counts == Counts(0, 0, 0, 97)
    assert sum(changes.counts.deleted for _, changes in written.changes) == 97


# ---- interim results that a batch overtakes


OVERTAKEN: Mapping[str, tuple[list[Document], list[Document], list[tuple[str, str, int]]]] = {
    "all kinds of the timestamp": (
        [record(0, is_interim=True), record(0, 1, is_interim=True), influencer(0, is_interim=True)],
        [bucket(0)],
        [(JOB, "record", 0), (JOB, "record", 0), (JOB, "influencer", 0)],
    ),
    "another span": ([bucket(0, bucket_span=60, is_interim=True)], [bucket(0)], [(JOB, "bucket", 0)]),
    "an interim bucket overtakes nothing": ([record(0, is_interim=True)], [bucket(0, is_interim=True)], []),
    "final results stay": ([record(0), influencer(0)], [bucket(0)], []),
    "other timestamps stay": ([record(1, is_interim=True)], [bucket(0), bucket(2)], []),
    "other jobs stay": ([record(0, job_id="db", is_interim=True)], [bucket(0)], []),
    "a record overtakes nothing": ([bucket(0, is_interim=True)], [record(0)], []),
    "results of the batch stay": (
        [record(0, is_interim=True), influencer(0, is_interim=True)],
        [bucket(0), record(0, is_interim=True), influencer(0, is_interim=True, influencer_score=5)],
        [],
    ),
    "the last document of an identity counts": (
        [record(0, is_interim=True), record(1, is_interim=True)],
        [bucket(0), bucket(0, is_interim=True), bucket(1, is_interim=True), bucket(1)],
        [(JOB, "record", 1)],
    ),
    "several jobs": (
        [record(0, job_id="db", is_interim=True), record(0, is_interim=True)],
        [bucket(0, job_id="db"), bucket(0)],
        [(JOB, "record", 0), ("db", "record", 0)],
    ),
}


@pytest.mark.parametrize("name", OVERTAKEN)
@pytest.mark.parametrize("many", [0, 100], ids=["few", "many"])
@pytest.mark.parametrize("repeated", [False, True], ids=["new", "unchanged"])
def test_overtaken_results_are_deleted(name: str, many: int, repeated: bool) -> None:
    """A few documents of a batch are single rows, many are columns. An unchanged bucket counts as brought, too."""
    before, batch, gone = OVERTAKEN[name]
    others = rows(50, 50 + many)
    catalog = catalog_of(*before)
    if repeated:
        catalog, _ = write(catalog, [*batch, *others])
    expected, plain = write(catalog, [*batch, *others])
    following, written = write(catalog, [*batch, *others], drop_interim=True)
    assert plain.counts.deleted == 0
    assert written.counts == plain.counts._replace(deleted=len(gone))
    assert held(following) == held(expected) - Counter(gone)


def test_a_batch_that_only_deletes_changes_its_job() -> None:
    """All results of the batch are stored already, and interim ones are deleted."""
    catalog = catalog_of(bucket(0), record(0, is_interim=True), record(1, is_interim=True))
    following, written = write(catalog, [bucket(0), bucket(1, is_interim=True)], drop_interim=True)
    assert (written.counts, set(written.jobs)) == (Counts(1, 0, 1, 1), {JOB})
    assert held(following) == Counter([(JOB, "bucket", 0), (JOB, "bucket", 1), (JOB, "record", 1)])


# ---- new scores


BLAMED = [
    {"influencer_field_name": "bucket_time", "anomaly_score": 90.0},
    {"influencer_field_name": "host", "anomaly_score": 50.0, "timestamp": 7},
    {"influencer_field_name": "host", "anomaly_score": 40.0},
    {"anomaly_score": 30.0},
]


def renormalised(catalog: Catalog, **given: Any) -> tuple[Catalog, Written]:
    """The catalogue after new scores of its job, and the result."""
    written = rescore(catalog.known(JOB, "job_id"), read_scores(given))
    assert written.is_renormalised
    return applied(catalog, written), written


def at(*these: int, **columns: Any) -> dict[str, Any]:
    """Columns of some rows."""
    return {"timestamp": [row * STEP for row in these], "bucket_span": SPAN_S, **columns}


def nested_scores(catalog: Catalog, row: int) -> list[float]:
    """The scores of the influencers that are nested in a bucket."""
    found = catalog.known(JOB, "job_id").tables["bucket"].rows
    for number in range(found.base.length + found.head.length):
        selection = Selection(found, np.array([number]))
        is_deleted = number in found.deleted.tolist()
        if selection.column("timestamp").item() == row * STEP and not is_deleted:
            return [influencer.anomaly_score for influencer in selection.lists("bucket_influencers")[0]]
    raise AssertionError(f"no row {row}")


def test_scores_of_all_kinds_are_one_write() -> None:
    """Each table has changes of its own. Keywords of records and influencers are found as text."""
    catalog = catalog_of(
        *rows(0, 3, anomaly_score=5.0),
        *(record(row, by_field_value=value, record_score=5.0) for row in range(3) for value in ("b", "a", None)),
        *(influencer(row, influencer_field_value=value) for row in range(3) for value in ("x", "y")),
    )
    following, written = renormalised(
        catalog,
        buckets=at(0, 1, anomaly_score=[7, 5]),
        records=at(0, 0, 2, by_field_value=["a", None, "b"], record_score=[1, 2, 5]),
        influencers=at(
            2, 1, influencer_field_name=["host", "host"], influencer_field_value=["y", "x"], influencer_score=[3, 4]
        ),
    )
    assert (written.counts, len(written.changes)) == (Counts(0, 5, 2), 3)
    assert [scores_of(changes.replaced.new) for _, changes in written.changes] == [[7.0], [2.0, 1.0], [4.0, 3.0]]
    _, again = renormalised(following, records=at(0, by_field_value=["a"], record_score=[1]))
    assert (again.jobs, again.counts, again.changes) == ({}, Counts(0, 0, 1), [])


@pytest.mark.parametrize("rows_per_copy", [0, 32], ids=["copied", "to the head"])
def test_nested_influencers_get_scores(rows_per_copy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The influencer `bucket_time` follows its bucket. Other names get scores of their own; all of one name do."""
    resize(monkeypatch, rows_per_copy=rows_per_copy)
    fields = {**FULL, "anomaly_score": 90.0, "bucket_influencers": BLAMED}
    interim = bucket(5, anomaly_score=90.0, bucket_influencers=BLAMED, is_interim=True)
    catalog = catalog_of(*rows(0, 4, **fields), bucket(4, anomaly_score=90.0), interim)
    following, written = renormalised(catalog, buckets=at(0, 4, 5, anomaly_score=[60, 60, 90]))
    assert written.counts == Counts(0, 2, 1)
    assert nested_scores(following, 0) == [60.0, 50.0, 40.0, 30.0]
    assert nested_scores(following, 5) == nested_scores(catalog, 0) == [90.0, 50.0, 40.0, 30.0]

    scores = at(1, 2, 2, 5, influencer_field_name=["host", None, "bucket_time", "host"], anomaly_score=[1, 2, 3, 4])
    following, written = renormalised(following, buckets=at(2, 3, anomaly_score=[70, 90]), bucket_influencers=scores)
    assert written.counts == Counts(0, 3, 1)
    ((_, changes),) = written.changes
    columns = [changes.replaced.new.column(name).tolist() for name in ("timestamp", "anomaly_score", "bucket_span")]
    assert columns == [[STEP, 2 * STEP, 5 * STEP], [90.0, 70.0, 90.0], [SPAN_S] * 3]
    assert scores_of(changes.replaced.old) == [90.0] * 3
    assert [nested_scores(following, row) for row in (1, 2, 3, 5)] == [
        [90.0, 1.0, 1.0, 30.0],
        [3.0, 50.0, 40.0, 2.0],
        [90.0, 50.0, 40.0, 30.0],
        [90.0, 4.0, 4.0, 30.0],
    ]
    _, again = renormalised(following, bucket_influencers=scores)
    assert (again.jobs, again.counts) == ({}, Counts(0, 0, 3))
    found = Selection(following.known(JOB, "job_id").tables["bucket"].rows, np.array([0])).lists("bucket_influencers")
    assert found[0][1].timestamp == 7


def test_a_bucket_time_that_is_behind_its_bucket_is_corrected() -> None:
    """The score of the bucket is stored already, so this is a change of its influencer only."""
    nested = [{"influencer_field_name": "bucket_time", "anomaly_score": 10.0}]
    catalog = catalog_of(bucket(0, anomaly_score=90.0, bucket_influencers=nested), bucket(1, anomaly_score=None))
    following, written = renormalised(catalog, buckets=at(0, anomaly_score=[90]))
    assert (written.counts, nested_scores(following, 0)) == (Counts(0, 1, 0), [90.0])
    _, written = renormalised(following, buckets=at(0, 0, anomaly_score=[1, 90]))
    assert (written.counts, written.changes) == (Counts(0, 0, 1), [])


def test_a_bucket_without_a_score_keeps_none() -> None:
    """A bucket without a score keeps none if only its influencers get new scores."""
    catalog = catalog_of(bucket(0, bucket_influencers=BLAMED))
    following, written = renormalised(catalog, bucket_influencers=at(0, anomaly_score=[1]))
    ((_, changes),) = written.changes
    assert np.isnan(scores_of(changes.replaced.new)).all()
    assert nested_scores(following, 0) == [90.0, 50.0, 40.0, 1.0]


UNKNOWN: list[tuple[dict[str, Any], str]] = [
    ({"buckets": at(0, 9, anomaly_score=[1, 2])}, "buckets.timestamp[1]"),
    ({"records": at(0, by_field_value=["a"], record_score=[1])}, "records.timestamp[0]"),
    ({"influencers": at(0, influencer_score=[1])}, "influencers.timestamp[0]"),
    (
        {"bucket_influencers": at(0, 0, influencer_field_name=["host", "user"], anomaly_score=[1, 2])},
        "bucket_influencers.timestamp[1]",
    ),
    ({"bucket_influencers": at(9, anomaly_score=[1])}, "bucket_influencers.timestamp[0]"),
    ({"bucket_influencers": at(1, anomaly_score=[1])}, "bucket_influencers.timestamp[0]"),
    (
        {"bucket_influencers": at(9, anomaly_score=[1]), "records": at(0, record_score=[1])},
        "records.timestamp[0]",
    ),
    (
        {"bucket_influencers": at(9, anomaly_score=[1]), "buckets": at(0, 9, anomaly_score=[1, 2])},
        "buckets.timestamp[1]",
    ),
]


@pytest.mark.parametrize(("given", "field"), UNKNOWN, ids=[field for _, field in UNKNOWN])
def test_results_that_are_not_stored_refuse_all_scores(given: dict[str, Any], field: str) -> None:
    """The error names the first row, in the order of the arguments."""
    catalog = catalog_of(bucket(0, bucket_influencers=BLAMED), bucket(1), record(0, by_field_value="b"))
    with pytest.raises(InvalidDocument) as caught:
        renormalised(catalog, **given)
    assert caught.value.field == field


def test_deleted_results_have_no_score() -> None:
    """A row that a delete has marked is unknown to `rescore`."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 4)
        catalog = catalog_of(*rows(0, 100))
        following = applied(catalog, delete_results(catalog, EVERYTHING._replace(start=5 * STEP, end=6 * STEP)))
        with pytest.raises(InvalidDocument):
            renormalised(following, buckets=at(5, anomaly_score=[1]))
        assert renormalised(following, buckets=at(4, anomaly_score=[1]))[1].counts.replaced == 1


def test_the_tables_of_a_job_without_results_are_empty() -> None:
    """Each kind has one empty table."""
    assert {kind: found.length for kind, found in empty_tables(sizes()).items()} == dict.fromkeys(SCHEMAS, 0)


@pytest.mark.parametrize(
    "before", [[], [bucket(0, anomaly_score=4)], [bucket(0, **FULL)]], ids=["new", "other", "same"]
)
def test_a_single_row_is_written_as_in_a_batch(before: list[Document]) -> None:
    """`write_row` has the result of `write_batch` for the only row of a batch."""
    catalog, nothing = catalog_of(*before), empty_tables(sizes())
    batch = read_documents([bucket(0, **FULL)], None)
    one, many = write_row(catalog, nothing, batch.rows), write_batch(catalog, nothing, batch)
    assert (one.counts, [*one.changes], [*one.rows]) == (many.counts, [*many.changes], [*many.rows])
    assert one.is_renormalised is many.is_renormalised is False
    assert {**one.jobs} == {**many.jobs}
    assert (len(one.jobs), len(many.jobs), many.jobs.get("none")) == (bool(one.jobs), bool(one.jobs), None)
    assert held(Catalog().with_jobs(one.jobs)) == held(Catalog().with_jobs(many.jobs))


# ---- batches with a row for each of many jobs


def of_many(row: int, *, first: int = 0, **fields: Any) -> list[Document]:
    """A bucket for each of some more jobs than there are shards."""
    return [bucket(row, job_id=f"job-{job}", **fields) for job in range(first, first + SHARDS + 50)]


def many_histories() -> Iterable[list[Document]]:
    """Batches in which most rows are new, and some are late, repeated, changed, of new jobs or with lists."""
    yield of_many(1)
    yield of_many(2, first=20)
    mixed = of_many(3)
    for job in range(0, len(mixed), 3):
        mixed[job] = bucket(job % 5, job_id=f"job-{job}", anomaly_score=float(job % 2))
    mixed[7] = bucket(4, job_id="job-7", bucket_influencers=BLAMED)
    mixed[11] = bucket(2, job_id="job-11", bucket_span=SPAN_S + 1)
    yield mixed
    yield of_many(4, is_interim=True)
    yield of_many(4)
    yield of_many(4)


def test_rows_of_many_jobs_are_written_as_those_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both loops give the same jobs, counts and changes, and also grow jobs out of the packed form."""
    resize(monkeypatch, small_job_rows=3)
    small = sizes()
    fast = slow = Catalog(sizes=small)
    for documents in many_histories():
        batch = read_documents(documents, None)
        assert len(batch.rows) >= ENTRIES * SHARDS
        found = write_batch(fast, empty_tables(small), batch)
        with monkeypatch.context() as patch:
            patch.setattr(writes, "_MANY", len(batch.rows))
            expected = write_batch(slow, empty_tables(small), batch)
        assert (found.counts, [*found.rows], set(found.jobs)) == (expected.counts, [*expected.rows], set(expected.jobs))
        fast, slow = applied(fast, found), applied(slow, expected)
        assert held(fast) == held(slow)
        for job_id, stored in slow.each_stored():
            assert type(fast.stored(job_id)) is type(stored)
            assert isinstance(stored, Job) or fast.stored(job_id) == stored
