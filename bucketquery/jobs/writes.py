"""Writes: from the jobs of one commit to the jobs of the next, without publishing them.

A write makes new tables for the jobs that it changes. It changes nothing that a reader sees, so it may fail at any
point. The index publishes its result.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import add, itemgetter
from struct import Struct
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.errors import InvalidDocument
from bucketquery.ingest.batch import ENTRIES, Batch
from bucketquery.ingest.scores import Scores
from bucketquery.jobs.batch_rows import BatchRows
from bucketquery.jobs.catalog import SHARDS, Catalog, Draft
from bucketquery.jobs.changed_jobs import ChangedJobs
from bucketquery.jobs.job import Job
from bucketquery.jobs.small_jobs import (
    FIRST,
    LAYOUT,
    NOTHING,
    Stored,
    job_of,
    most_bytes,
    put,
    stored_of,
)
from bucketquery.model.schema import BUCKET, SCHEMAS, Kind
from bucketquery.model.sizes import Sizes
from bucketquery.queries.deletion import Deletion
from bucketquery.storage.deletes import reaches
from bucketquery.storage.packed_rows import EMPTY_MAPPING, Layout, Row, layout_of
from bucketquery.storage.packed_segment import segment_of_rows
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table, UnknownRows
from bucketquery.storage.table_changes import Counts, Deletions, RowChanges, TableChanges

#: For each kind, the table of a job without results.
EmptyTables = Mapping[Kind, Table]

#: From this number of single rows on, a write copies every shard at once.
_MANY: Final = SHARDS
#: A record begins with its timestamp.
_TIME: Final = Struct("=q")
assert LAYOUT.names[0] == "timestamp"

_new_tuple: Final = tuple.__new__


class Written(NamedTuple):
    """The result of a write.

    Attributes:
        jobs: the changed jobs as they will be stored, by id.
        counts: the numbers of inserted, replaced, unchanged and deleted results.
        changes: the job and the changes of each table that the write touched; some may have no changes.
        is_renormalised: whether the write only gave new scores.
        rows: the changes of single rows, which `changes` does not have: the job, the record that the row replaced
            (None if it is new) and its own record (None if it was deleted), one row after the other in one list.
        deletion: the window that the write deleted; None if it was another write.
        draft: the next catalogue, if the write has begun it. It has the changed jobs.
    """

    jobs: Mapping[str, Stored]
    counts: Counts
    changes: Sequence[tuple[str, TableChanges]]
    is_renormalised: bool = False
    rows: Sequence[str | bytes | None] = ()
    deletion: Deletion | None = None
    draft: Draft | None = None


#: The counts of a write of one row, and the whole result if the row is stored already.
_INSERTED: Final = Counts(1, 0, 0)
_REPLACED: Final = Counts(0, 1, 0)
_SAME_ROW: Final = Written({}, Counts(0, 0, 1), ())
#: The result of a write that changed no results.
NO_RESULTS: Final = Written({}, Counts(0, 0, 0), ())


def empty_tables(sizes: Sizes) -> EmptyTables:
    """The tables of a job without results, for an index with these sizes."""
    return {schema.kind: Table.empty(schema, sizes) for schema in SCHEMAS.values()}


def put_job(catalog: Catalog, job_id: str, bucket_span: int | None, groups: tuple[str, ...]) -> Catalog | None:
    """The catalogue after a job was made known, or got another span or other groups; None if nothing differs.

    Raises:
        InvalidQuery: the id is the name of a group, or a group has the id of a job.
    """
    catalog.refuse_shared_names(job_id, groups)
    known = catalog.get(job_id)
    if known is not None and known.bucket_span == bucket_span and known.groups == groups:
        return None
    tables = {} if known is None else known.tables
    return catalog.with_job(job_id, stored_of(Job(job_id, bucket_span, tables, groups)))


def write_row(catalog: Catalog, nothing: EmptyTables, entries: Sequence[Any]) -> Written:
    """Insert or replace a single result: the result of `write_batch` for a batch of one row, 0.4 us sooner.

    Args:
        catalog: the jobs.
        nothing: the tables of a job without results.
        entries: the result, as `Batch.rows` has it.
    """
    job_id, layout, record, lists = entries
    stored = catalog.stored(job_id) or NOTHING
    following: Stored
    if isinstance(stored, Job):
        # This does not call `_put`, because the call takes 0.1 us.
        table = stored.tables.get(layout.kind) or nothing[layout.kind]
        new, old = table.put((record, lists), layout)
        if new is table:
            return _SAME_ROW
        following, before = stored.with_table(new), None if old is None else old[0]
    else:
        following, before = _put(stored, entries, catalog.sizes, nothing)
        if following is stored:
            return _SAME_ROW
    counts = _INSERTED if before is None else _REPLACED
    return _new_tuple(Written, ({job_id: following}, counts, (), False, (job_id, before, record), None, None))


def _put(stored: Stored, entries: Sequence[Any], sizes: Sizes, nothing: EmptyTables) -> tuple[Stored, bytes | None]:
    """Insert or replace a single result of a job.

    Returns:
        The job after the write, and the record that was replaced, None if there was none. If nothing differs, the job
        is the given object.
    """
    job_id, layout, record, lists = entries
    if not isinstance(stored, Job):
        following, before = put(stored, record, lists, most_bytes(sizes))
        if following is not None:
            return following, before
    job = job_of(job_id, stored, sizes)
    table = job.tables.get(layout.kind) or nothing[layout.kind]
    new, old = table.put((record, lists), layout)
    return job if new is table else job.with_table(new), None if old is None else old[0]


def _write_many_rows(
    draft: Draft, sizes: Sizes, nothing: EmptyTables, batch: Batch
) -> tuple[Sequence[str | bytes | None], int, int]:
    """The result of `_write_rows` for a batch of many rows, each of another job: two thirds of the time."""
    # The garbage collector runs while these are made, so it must not find the lists below: it would visit each item.
    shards = draft.every_shard()
    ids, records, lists = batch.rows[::ENTRIES], batch.rows[2::ENTRIES], batch.rows[3::ENTRIES]
    number = len(ids)
    before: list[bytes | None] = [None] * number
    most, time_from, size = most_bytes(sizes), _TIME.unpack_from, LAYOUT.size
    hashes = np.fromiter(map(hash, ids), dtype=np.int64, count=number)
    data = b"".join(records)
    numbers, times = (hashes % SHARDS).tolist(), LAYOUT.column(data, "timestamp").tolist()
    unchanged: list[int] = []
    for at, which, job_id, time, record, own in zip(range(number), numbers, ids, times, records, lists, strict=True):
        shard = shards[which]
        stored = shard.get(job_id, NOTHING)
        if type(stored) is bytes and own is EMPTY_MAPPING:
            # Most rows are later than the last one of a small job, or the first one of a job.
            stop = len(stored)
            if stop < most and (stop == FIRST or time_from(stored, stop - size)[0] < time):
                shard[job_id] = stored + record
                continue
        following, before[at] = _put(stored, (job_id, LAYOUT, record, own), sizes, nothing)
        if following is stored:
            unchanged.append(at)
            continue
        shard[job_id] = following
    if unchanged:
        changes = np.ones(number, dtype=np.bool_)
        changes[unchanged] = False
        changed = changes.tolist()
        ids, records, before = [[*compress(some, changed)] for some in (ids, records, before)]
        hashes, data = hashes[changes], b"".join(records)
    rows = BatchRows(ids, hashes, before, records, data)
    return rows, len(ids) - before.count(None), len(unchanged)


def _write_rows(
    draft: Draft, sizes: Sizes, nothing: EmptyTables, batch: Batch
) -> tuple[Sequence[str | bytes | None], int, int]:
    """Insert or replace the single results of a batch.

    Args:
        draft: the next catalogue.
        sizes: the sizes of the index.
        nothing: the tables of a job without results.
        batch: the batch.

    Returns:
        The changes, as `Written.rows` has them, and the numbers of replaced and unchanged results.
    """
    if len(batch.rows) >= _MANY * ENTRIES:
        return _write_many_rows(draft, sizes, nothing, batch)
    # One flat list: a tuple for each row would cost more, and the garbage collector would visit all of them.
    rows: list[str | bytes | None] = []
    most, identity_from, size = most_bytes(sizes), LAYOUT.identity_from, LAYOUT.size
    shards = draft.shards
    replaced = unchanged = 0
    for job_id, layout, record, lists in batch.each_row():
        # This does not call `Draft.get` and `Draft.put`, because the calls would double the time of the loop.
        at = hash(job_id) % SHARDS
        shard = shards.get(at)
        if shard is None:
            shard = draft.shard(at)
        stored = shard.get(job_id, NOTHING)
        if type(stored) is bytes and not lists:
            # Most rows come after the last one of a small job. This takes a third of the time of `put`.
            stop = len(stored)
            if FIRST < stop < most and identity_from(stored, stop - size) < identity_from(record):
                shard[job_id] = stored + record
                rows += (job_id, None, record)
                continue
        following, before = _put(stored, (job_id, layout, record, lists), sizes, nothing)
        if following is stored:
            unchanged += 1
            continue
        shard[job_id] = following
        rows += (job_id, before, record)
        replaced += before is not None
    return rows, replaced, unchanged


def write_batch(catalog: Catalog, nothing: EmptyTables, batch: Batch, *, drop_interim: bool = False) -> Written:
    """Insert or replace the results of a batch by identity; `drop_overtaken` says what ``drop_interim`` does."""
    changes: list[tuple[str, TableChanges]] = []
    draft = Draft(catalog)
    rows, replaced, unchanged = _write_rows(draft, catalog.sizes, nothing, batch)
    inserted = len(rows) // 3 - replaced
    of_parts: list[str | bytes | None] = []
    for kind, segments in batch.parts.items():
        for job_id, segment in segments.items():
            stored = draft.get(job_id) or NOTHING
            job = job_of(job_id, stored, catalog.sizes)
            table = job.tables.get(kind) or nothing[kind]
            new, of_table = table.upsert(segment)
            counts = of_table.counts
            inserted += counts.inserted
            replaced += counts.replaced
            unchanged += counts.unchanged
            if new is not table:
                draft.put(job_id, stored_of(job.with_table(new)))
                if isinstance(of_table, RowChanges):
                    for old, row in of_table.pairs:
                        of_parts += (job_id, None if old is None else old[0], row[0])
                else:
                    changes.append((job_id, of_table))
    if of_parts:
        rows = [*rows, *of_parts]
    # This does the same as the constructors of the named tuples, in half the time.
    counts = _new_tuple(Counts, (inserted, replaced, unchanged, 0))
    changed = ChangedJobs(draft, rows, changes)
    written = _new_tuple(Written, (changed, counts, changes, False, rows, None, draft if changed else None))
    return drop_overtaken(catalog, batch, written) if drop_interim else written


def drop_overtaken(catalog: Catalog, batch: Batch, written: Written) -> Written:
    """Delete the interim results that the final buckets of a batch have overtaken, after the batch was written.

    They are the interim results of the job and timestamp of each final bucket that the batch does not have.

    Args:
        catalog: the jobs before the batch.
        batch: the batch.
        written: the result of `write_batch`.
    """
    own: dict[tuple[str, Kind], list[Segment]] = {}
    for kind, segments in batch.parts.items():
        for job_id, segment in segments.items():
            own[job_id, kind] = [segment]
    rows: dict[tuple[str, Layout], list[Row]] = {}
    for job_id, layout, record, lists in batch.each_row():
        rows.setdefault((job_id, layout), []).append((record, lists))
    for (job_id, layout), some in rows.items():
        own.setdefault((job_id, layout.kind), []).append(segment_of_rows(layout, some))
    jobs, changes, rows_of_all, deleted = {**written.jobs}, [*written.changes], [*written.rows], 0
    for (job_id, kind), buckets in own.items():
        if kind != BUCKET.kind:
            continue
        instants = np.concatenate([some.column("timestamp")[~some.column("is_interim")] for some in buckets])
        stored = jobs.get(job_id) or catalog.known(job_id, "job_id")
        job = job_of(job_id, stored, catalog.sizes)
        for table in job.tables.values() if len(instants) else ():
            new, of_table = table.delete_overtaken(np.unique(instants), own.get((job_id, table.kind), ()))
            if new is not table:
                job = job.with_table(new)
                jobs[job_id] = stored_of(job)
                _note(job_id, table, of_table, rows_of_all, changes)
                deleted += of_table.counts.deleted
    counts = written.counts._replace(deleted=deleted)
    return written._replace(jobs=jobs, counts=counts, changes=changes, rows=rows_of_all, draft=None)


def rescore(job: Job, scores: Iterable[Scores]) -> Written:
    """Replace scores of a job's stored results.

    Raises:
        InvalidDocument: the job does not have some of the results; the error names the first of them.
    """
    known, counts = job, Counts(0, 0, 0)
    changes: list[tuple[str, TableChanges]] = []
    errors: list[tuple[int, InvalidDocument]] = []
    for some in scores:
        old = job.table(some.segment.schema)
        try:
            new, of_table = old.rescore(some.segment, some.named)
        except UnknownRows as unknown:
            errors += some.unknown(unknown.rows, unknown.names)
            continue
        counts = Counts(*map(add, counts, of_table.counts))
        if new is not old:
            job = job.with_table(new)
            changes.append((job.job_id, of_table))
    if errors:
        raise min(errors, key=itemgetter(0))[1]
    return Written({} if job is known else {job.job_id: stored_of(job)}, counts, changes, is_renormalised=True)


def delete_results(catalog: Catalog, named: Deletion) -> Written:
    """Delete the results that a deletion names.

    Raises:
        UnknownJob: a job is not known.
    """
    job_ids, start, end, interim_only = named
    jobs: dict[str, Stored] = {}
    changes: list[tuple[str, TableChanges]] = []
    rows: list[str | bytes | None] = []
    deleted = 0
    for known in (
        catalog.jobs_with_results(start, end)
        if job_ids is None
        else [catalog.known(job_id, "job_id") for job_id in job_ids]
    ):
        job = known
        for table in known.tables.values():
            if not (reaches(table.base, start, end) or reaches(table.head, start, end)):
                # Most tables of many jobs. This takes a tenth of the time of a delete.
                continue
            new, of_table = table.delete(start, end, interim_only=interim_only)
            if new is not table:
                job = job.with_table(new)
                _note(job.job_id, table, of_table, rows, changes)
                deleted += of_table.counts.deleted
        if job is not known:
            jobs[job.job_id] = stored_of(job)
    return Written(jobs, Counts(0, 0, 0, deleted), changes, rows=rows, deletion=named)


def _note(
    job_id: str,
    table: Table,
    of_table: TableChanges,
    rows: list[str | bytes | None],
    changes: list[tuple[str, TableChanges]],
) -> None:
    """Add the deletes of one table to the changes of a write.

    A few deletes of a kind that can be packed are added as single rows: 3 us for one rather than 60.
    """
    layout = layout_of(table.base.schema)
    few = of_table.counts.deleted <= table.base.sizes.rows_one_by_one
    if layout is not None and few and isinstance(of_table, Deletions):
        for record in of_table.records(layout):
            rows += (job_id, record, None)
    else:
        changes.append((job_id, of_table))


def delete_all(job: Job, *, with_changes: bool = True) -> Written:
    """Delete all results of a job that is deleted itself; the changes are left out if nobody reads them."""
    deleted = sum(table.length for table in job.tables.values())
    return Written({}, Counts(0, 0, 0, deleted), _all_of([job]) if with_changes else [])


def _all_of(jobs: Iterable[Job]) -> list[tuple[str, TableChanges]]:
    """The deletes of all results of some jobs."""
    return [(job.job_id, table.all_deleted()) for job in jobs for table in job.tables.values()]
