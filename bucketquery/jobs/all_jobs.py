"""Combined tables: the results of one kind of all jobs at one commit, and at later commits.

Two tables that do not overlap in time have the results. Jobs write at different moments of a bucket span, so the newest
results are written out of order. They lie in a small table, which is often copied. When it is too long, its older half
is appended to the large one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from bucketquery.jobs.job_labels import NO_LABEL, JobLabels
from bucketquery.jobs.pending import PendingCommit, RowEdits, edits, ids_of
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import JOB_LABEL, Schema
from bucketquery.model.sizes import Sizes
from bucketquery.queries.deletion import Deletion
from bucketquery.storage.combined import (
    bytes_of,
    cut,
    followed_by,
    index_keys,
    make_indexes,
    overlaid,
    relabelled,
    slice_of,
    with_rows,
    without_identities,
    without_labels,
)
from bucketquery.storage.deletes import live_in, reaches
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS


class AllJobs:
    """The combined tables of one kind at one commit; immutable.

    Attributes:
        schema: the schema of the tables, one of `COMBINED`.
        parts: tables that do not overlap in time, the oldest results first; together they have every result.
        labels: the labels in the column `JOB_LABEL`; each known job has one.
        recent_start: the first instant whose results lie in `recent`.
        old: the table of the results before it.
        recent: the table of the other results.
    """

    __slots__ = ("labels", "old", "parts", "recent", "recent_start", "schema")

    def __init__(self, schema: Schema, labels: JobLabels, recent_start: int, old: Table, recent: Table) -> None:
        self.schema = schema
        self.labels = labels
        self.recent_start = recent_start
        self.old = old
        self.recent = recent
        self.parts = tuple(part for part in (old, recent) if part.length) or (recent,)

    @classmethod
    def of(cls, segment: Segment, labels: JobLabels) -> "AllJobs":
        """The combined tables of the rows of a segment; no other code may refer to its arrays."""
        schema, sizes, length = segment.schema, segment.sizes, segment.length
        nothing, most = Table.empty(schema, sizes), sizes.recent_limit(length)
        if length <= most:
            return cls(schema, labels, FIRST_MS, nothing, table_of(segment))
        # The newest rows, half as many as the table of the newest ones may have, are copied. Their places in the
        # arrays are room for the rows that come next.
        timestamps = segment.column("timestamp")
        recent_start = timestamps.item(length - most // 2)
        first = int(timestamps.searchsorted(recent_start))
        recent = segment.select(np.arange(first, length))
        old = Segment(schema, first, segment.columns, segment.present, segment.dictionaries, {}, None, sizes)
        return cls(schema, labels, recent_start, table_of(old), table_of(recent))

    @property
    def length(self) -> int:
        """The number of results."""
        return self.old.length + self.recent.length

    @property
    def sizes(self) -> Sizes:
        """The sizes of the tables."""
        return self.recent.base.sizes

    def overlaid(self, commits: Sequence[PendingCommit]) -> "AllJobs":
        """The combined tables after some commits, made by a reader, which writes to nothing that others see.

        Raises:
            SpanTooLong: a span has more than 32 bits.

        O(k log n) for k changed rows; O(n) if a job was deleted.
        """
        return self._after(commits, _overlaid)

    def folded(self, commits: Sequence[PendingCommit]) -> "AllJobs":
        """The combined tables after some commits, made by the writer, which appends in place.

        Only one writer at a time may call this, and only for the newest combined tables. If the call fails, or its
        result is not published, the writer may call it again for the same tables. The result has all value indexes that
        readers have made for these tables.

        Raises:
            SpanTooLong: a span has more than 32 bits.

        Amortised O(k log n) for k changed rows. Late rows cost O(n / h) for a head of h rows.
        """
        made = self._after(commits, _written).balanced()
        keys = {*index_keys(self.old), *index_keys(self.recent)}
        for table, before in ((made.old, self.old), (made.recent, self.recent)):
            if table.base is not before.base:
                make_indexes(table, sorted(keys))
        return made

    def _after(self, commits: Sequence[PendingCommit], write: Callable[[Table, Segment, Segment], Table]) -> "AllJobs":
        """The combined tables after some commits; ``write`` stores some rows in a table and deletes others."""
        known, gone = ids_of(commits)
        labels, moved = self.labels.with_ids(known)
        old, recent = self.old, self.recent
        if moved is not None:
            old, recent = [relabelled(table, JOB_LABEL, moved, NO_LABEL) for table in (old, recent)]
        for edit in edits(commits, self.schema.kind, labels, self.sizes):
            if isinstance(edit, RowEdits):
                stored, deleted = _parted(edit.stored, self.recent_start), _parted(edit.deleted, self.recent_start)
                if edit.dropped is not None:
                    old, recent = [
                        without_labels(table, JOB_LABEL, edit.dropped, FIRST_MS, LAST_MS + 1) for table in (old, recent)
                    ]
                old, recent = write(old, stored[0], deleted[0]), write(recent, stored[1], deleted[1])
            else:
                old, recent = _without(old, edit, labels), _without(recent, edit, labels)
        return AllJobs(self.schema, labels.without(gone), self.recent_start, old, recent)

    def balanced(self) -> "AllJobs":
        """The same results. If `recent` is too long, its older half is moved to `old`."""
        old, recent = self.old, self.recent
        if recent.length <= self.sizes.recent_limit(old.length):
            return self
        longest = recent.base if recent.base.length else recent.head
        recent_start = longest.timestamp(longest.length // 2)
        if not recent.rows.before(recent_start):
            # Half of the rows or more have the first timestamp, and are moved together.
            recent_start += 1
        moved, recent = cut(recent, recent_start)
        return AllJobs(self.schema, self.labels, recent_start, followed_by(old, moved), recent)

    def bytes_of(self) -> dict[int, int]:
        """The bytes of the labels, and of each array and each cache of value indexes, by identity."""
        return {id(self.labels): self.labels.nbytes()} | bytes_of(self.old) | bytes_of(self.recent)

    def check(self, pending: int = 0) -> None:
        """Assert every invariant. ``pending`` is the number of rows that `overlaid` has added or deleted."""
        self.labels.check()
        for table in (self.old, self.recent):
            table.check(pending)
            of_rows = np.unique(table.rows.base.column(JOB_LABEL)[live_in(table.deleted, slice(0, table.base.length))])
            of_rows = np.union1d(of_rows, table.head.column(JOB_LABEL))
            assert np.isin(of_rows, self.labels.places).all(), "a row has the label of no job"
            assert (table.base.column(JOB_LABEL) < self.labels.space).all(), "a deleted row has no place by label"
        spans = self.old.time_span(), self.recent.time_span()
        assert spans[0] is None or spans[0][1] < self.recent_start
        assert spans[1] is None or spans[1][0] >= self.recent_start


def table_of(segment: Segment) -> Table:
    """A table whose base is a segment."""
    interim = segment.column("is_interim").nonzero()[0]
    return Table(segment, NO_ROWS, empty_segment(segment.schema, segment.sizes), interim)


def _parted(rows: Segment, instant: int) -> tuple[Segment, Segment]:
    """The rows before an instant, and the others."""
    first = int(rows.column("timestamp").searchsorted(instant))
    return slice_of(rows, 0, first), slice_of(rows, first, rows.length)


def _overlaid(table: Table, stored: Segment, deleted: Segment) -> Table:
    return overlaid(table, stored, deleted)


def _written(table: Table, stored: Segment, deleted: Segment) -> Table:
    return with_rows(without_identities(table, deleted), stored)


def _without(table: Table, deletion: Deletion, labels: JobLabels) -> Table:
    job_ids, start, end, interim_only = deletion
    if not (reaches(table.base, start, end) or reaches(table.head, start, end)):
        return table
    if job_ids is None:
        return table.delete(start, end, interim_only=interim_only)[0]
    return without_labels(table, JOB_LABEL, labels.table(job_ids), start, end, interim_only=interim_only)
