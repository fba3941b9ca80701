"""Writes: from the jobs of one commit to the jobs of the next, without publishing them.

A write makes new tables for the jobs that it changes. It changes nothing that a reader sees, so it may fail at any
point. The index publishes its result.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from bucketquery.ingest.batch import Batch
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job import Job
from bucketquery.model.schema import SCHEMAS, Kind
from bucketquery.model.sizes import Sizes
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from bucketquery.storage.table_changes import Counts, RowChanges, TableChanges

#: For each kind, the table of a job without results.
EmptyTables = Mapping[Kind, Table]

_new_tuple: Final = tuple.__new__


class Written(NamedTuple):
    """What a write did.

    Attributes:
        jobs: the changed jobs, by id.
        counts: the numbers of inserted, replaced, unchanged and deleted results.
        changes: the job and the changes of each table that the write touched. Some of them may be without changes.
        is_renormalised: whether the write only gave new scores.
        rows: the changes of single rows, which `changes` does not have: the job, the record that the row replaced
            (None if it is new) and its own record, one row after the other in one list.
    """

    jobs: Mapping[str, Job]
    counts: Counts
    changes: list[tuple[str, TableChanges]]
    is_renormalised: bool = False
    rows: Sequence[str | bytes | None] = ()


def empty_tables(sizes: Sizes) -> EmptyTables:
    """The tables of a job without results, for an index with these sizes."""
    return {schema.kind: Table.empty(schema, sizes) for schema in SCHEMAS.values()}


def write_batch(catalog: Catalog, nothing: EmptyTables, batch: Batch) -> Written:
    """Insert or replace the results of a batch by identity."""
    changed: dict[str, Job] = {}
    changes: list[tuple[str, TableChanges]] = []
    # One flat list: a tuple for each row would cost more, and the garbage collector would visit all of them.
    rows: list[str | bytes | None] = []
    inserted = replaced = unchanged = 0
    for job_id, layout, row in batch.rows:
        job = changed.get(job_id) or catalog.get(job_id) or Job(job_id)
        table = job.tables.get(layout.kind) or nothing[layout.kind]
        new, before = table.put(row, layout)
        if new is table:
            unchanged += 1
            continue
        changed[job_id] = job.with_table(new)
        if before is None:
            inserted += 1
            rows += (job_id, None, row[0])
        else:
            replaced += 1
            rows += (job_id, before[0], row[0])
    for kind, segments in batch.parts.items():
        for job_id, segment in segments.items():
            job = changed.get(job_id) or catalog.get(job_id) or Job(job_id)
            old = job.tables.get(kind) or nothing[kind]
            new, of_table = old.upsert(segment)
            counts = of_table.counts
            inserted += counts.inserted
            replaced += counts.replaced
            unchanged += counts.unchanged
            if new is not old:
                changed[job_id] = job.with_table(new)
                if isinstance(of_table, RowChanges):
                    for before, row in of_table.pairs:
                        rows += (job_id, None if before is None else before[0], row[0])
                else:
                    changes.append((job_id, of_table))
    # This does the same as the constructors of the named tuples, in half the time.
    counts = _new_tuple(Counts, (inserted, replaced, unchanged, 0))
    return _new_tuple(Written, (changed, counts, changes, False, rows))


def rescore(job: Job, scores: Segment) -> Written:
    """Replace scores of a job's stored results.

    Raises:
        UnknownRows: the job does not have some of the results.
    """
    old = job.table(scores.schema)
    new, changes = old.rescore(scores)
    jobs = {} if new is old else {job.job_id: job.with_table(new)}
    return Written(jobs, changes.counts, [(job.job_id, changes)], is_renormalised=True)


def delete_all(job: Job, *, with_changes: bool = True) -> Written:
    """Delete all results of a job that is deleted itself; the changes are left out if nobody reads them."""
    deleted = sum(table.length for table in job.tables.values())
    return Written({}, Counts(0, 0, 0, deleted), _all_of([job]) if with_changes else [])


def _all_of(jobs: Iterable[Job]) -> list[tuple[str, TableChanges]]:
    """The deletes of all results of some jobs."""
    return [(job.job_id, table.all_deleted()) for job in jobs for table in job.tables.values()]
