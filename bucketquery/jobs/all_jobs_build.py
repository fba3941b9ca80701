"""Builds combined tables from the tables of all jobs, for the first reader of a kind."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from bucketquery.arrays.room import reserved_capacity
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.job import Job
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.jobs.labelled_rows import LabelledRows
from bucketquery.jobs.small_jobs import LAYOUT, Stored, records_of
from bucketquery.model.schema import BUCKET, COMBINED, Int64s, Kind
from bucketquery.model.sizes import Sizes
from bucketquery.storage.packed_segment import segment_of_records
from bucketquery.storage.segment import Segment

#: The arrays have room for one more row for every N.
_ROWS_PER_SPARE: Final = 16


def read_all_jobs(kind: Kind, jobs: Iterable[tuple[str, Stored]], ids: Sequence[str], sizes: Sizes) -> AllJobs:
    """The combined tables of one kind, made from the tables of all jobs.

    Args:
        kind: the kind.
        jobs: the id of each job, and the job as it is stored.
        ids: their ids, in order.
        sizes: the sizes of combined tables.

    Raises:
        SpanTooLong: a span has more than 32 bits.

    O(n log n) for n results; 0.4 s for 10^6 results of 10^5 jobs.
    """
    labels = JobLabels([*ids], None, sizes)
    own: list[str] = []
    segments: list[Segment] = []
    lengths: list[int] = []
    heads: list[tuple[str, Segment]] = []
    deleted: list[tuple[int, Int64s]] = []
    # One loop for everything: with very many jobs, most of its time passes until their objects are in the caches.
    small: list[bytes] = []
    small_ids: list[str] = []
    for job_id, stored in jobs:
        if not isinstance(stored, Job):
            small.append(records_of(stored))
            small_ids.append(job_id)
            continue
        table = stored.tables.get(kind)
        if table is None:
            continue
        base, head = table.base, table.head
        if len(table.deleted):
            deleted.append((len(lengths), table.deleted))
        if head.length:
            heads.append((job_id, head))
        own.append(job_id)
        segments.append(base)
        lengths.append(base.length)
    for job_id, head in heads:
        own.append(job_id)
        segments.append(head)
        lengths.append(head.length)
    if kind == BUCKET.kind and small:
        # The records of all small jobs are one segment. Its rows are sorted with all others.
        own += small_ids
        segments.append(segment_of_records(LAYOUT, b"".join(small), {}))
        lengths += [len(records) // LAYOUT.size for records in small]
    counts = np.array(lengths, dtype=np.int64)
    stays = None
    if deleted:
        starts = counts.cumsum() - counts
        stays = np.ones(counts.sum(), dtype=np.bool_)
        stays[np.concatenate([some + starts[at] for at, some in deleted])] = False
    rows = LabelledRows(COMBINED[kind], segments, labels.labels(own).repeat(counts), sizes, stays)
    order = rows.last_of_each(stays)
    capacity = reserved_capacity(len(order), sizes.reserved)
    if capacity:
        return AllJobs.of(rows.segment(order, spare=capacity - len(order)), labels)
    # The rows that `AllJobs.of` moves to the table of the newest results leave room, too.
    room = len(order) // _ROWS_PER_SPARE
    is_parted = len(order) > sizes.recent_limit(len(order))
    spare = max(0, room - sizes.recent_limit(len(order)) // 2) if is_parted else room
    return AllJobs.of(rows.segment(order, spare=spare), labels)
