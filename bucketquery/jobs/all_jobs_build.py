"""The results of all jobs, read from the tables of the jobs: what the first reader of a kind makes."""

from collections.abc import Iterable, Sequence

import numpy as np

from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.job import Job
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.jobs.job_rows import JobRows
from bucketquery.model.schema import COMBINED, SCHEMAS, Int64s, Kind
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes, sizes_of_all_jobs
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table

#: The arrays have room for one more row for every N.
_ROWS_PER_SPARE = 8


def sizes_in(jobs: Iterable[Job]) -> Sizes:
    """The sizes of the tables of all jobs, from those of the first table; `DEFAULT_SIZES` if no job has one."""
    found = (table.base.sizes for job in jobs for table in job.tables.values())
    return sizes_of_all_jobs(next(found, DEFAULT_SIZES))


def read_all_jobs(kind: Kind, jobs: Iterable[Job], ids: Sequence[str], sizes: Sizes) -> AllJobs:
    """Read the results of one kind from the tables of all jobs.

    Args:
        kind: the kind.
        jobs: the jobs.
        ids: their ids, in order.
        sizes: the sizes of the tables of all jobs.

    Raises:
        SpanTooLong: a span has more than 32 bits.

    O(n log n) for n results; 0.4 s for 10^6 results of 10^5 jobs.
    """
    labels = JobLabels([*ids], None, sizes)
    own: list[str] = []
    segments: list[Segment] = []
    tables: list[Table] = []
    for job in jobs:
        table = job.tables.get(kind)
        if table is None:
            continue
        own.append(job.job_id)
        segments.append(table.base)
        tables.append(table)
    heads = [(job_id, table.head) for job_id, table in zip(own, tables, strict=True) if table.head.length]
    lengths = np.array([segment.length for segment in segments], dtype=np.int64)
    deleted = [table.deleted + start for table, start in _with_deleted(tables, lengths)]
    own += [job_id for job_id, _ in heads]
    segments += [head for _, head in heads]
    lengths = np.append(lengths, np.array([head.length for _, head in heads], dtype=np.int64))
    rows = JobRows(COMBINED[SCHEMAS[kind].kind], segments, labels.labels(own).repeat(lengths), sizes)
    stays = None
    if deleted:
        stays = np.ones(rows.length, dtype=np.bool_)
        stays[np.concatenate(deleted)] = False
    order = rows.last_of_each(stays)
    # The rows that `AllJobs.of` moves to the table of the newest results leave room, too.
    room = len(order) // _ROWS_PER_SPARE
    is_parted = len(order) > sizes.recent_limit(len(order))
    spare = max(0, room - sizes.recent_limit(len(order)) // 2) if is_parted else room
    return AllJobs.of(rows.segment(order, spare=spare), labels)


def _with_deleted(tables: Sequence[Table], lengths: Int64s) -> Iterable[tuple[Table, int]]:
    """The tables with deleted rows, and the number of base rows of all tables before each."""
    starts = (lengths.cumsum() - lengths).tolist()
    return [(table, start) for table, start in zip(tables, starts, strict=True) if len(table.deleted)]
