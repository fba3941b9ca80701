"""Pending commits: those since the combined tables were last made, as an immutable chain.

Each commit is one entry, and refers to the entry before it. A catalogue refers to its newest entry, so older catalogues
and failed writes see nothing of later ones.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from bucketquery.jobs.batch_rows import BatchRows
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.jobs.labelled_rows import LabelledRows, packed_rows
from bucketquery.jobs.small_jobs import LAYOUT
from bucketquery.model.schema import COMBINED, JOB_LABEL, Bools, Kind, Schema, UInt32s
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.queries.deletion import Deletion
from bucketquery.storage.segment import Segment
from bucketquery.storage.table_changes import TableChanges


class CommitChanges(Protocol):
    """The changes of a commit, as a write describes them: `jobs.writes.Written`."""

    @property
    def rows(self) -> Sequence[str | bytes | None]:
        """The changes of single rows, flat: the job, the record before, the record after."""

    @property
    def changes(self) -> Sequence[tuple[str, TableChanges]]:
        """The job and the changes of each table that the write touched."""

    @property
    def deletion(self) -> Deletion | None:
        """The window that the write deleted."""


class _NoChanges(NamedTuple):
    """The changes of a commit that changes no results, or all results of a job at once."""

    rows: Sequence[str | bytes | None] = ()
    changes: Sequence[tuple[str, TableChanges]] = ()
    deletion: Deletion | None = None


NO_CHANGES: Final = _NoChanges()


class ChangedRows(NamedTuple):
    """The changes of one table, without the table before the write, which a chain would keep in memory.

    Attributes:
        segments: the changed rows.
        is_stored: whether they are stored now; False if they are deleted.
    """

    segments: Sequence[Segment]
    is_stored: bool


class PendingCommit(NamedTuple):
    """The changes of one commit to the results of one kind.

    Attributes:
        previous: the commit before it; None for the first of a chain.
        chain: the values that all commits of a chain share; it does not refer to the commits.
        number: its place in the chain.
        weight: the work that all commits of the chain so far need, in rows.
        rows: the changes of single rows, flat: the job, the record before, the record after.
        changes: the job and the changes of each table; none if the commit deleted a window.
        deletion: the window that the commit deleted; None for any other commit. It stands for the rows, too.
        ids: ids of jobs of which some are new.
        gone: the id of the job that the commit deleted.
    """

    previous: "PendingCommit | None"
    chain: Any
    number: int = 0
    weight: int = 0
    rows: Sequence[Any] = ()
    changes: Sequence[tuple[str, ChangedRows]] = ()
    deletion: Deletion | None = None
    ids: Collection[str] = ()
    gone: str | None = None


def between(number: int, last: PendingCommit) -> list[PendingCommit]:
    """The commits of a chain after the one with a number, up to the last one, oldest first."""
    found = []
    commit: PendingCommit | None = last
    while commit is not None and commit.number > number:
        found.append(commit)
        commit = commit.previous
    found.reverse()
    return found


def ids_of(commits: Iterable[PendingCommit]) -> tuple[set[str], set[str]]:
    """The ids that some commits may have made known, deleted or not; and those of jobs that they deleted for good."""
    known: set[str] = set()
    gone: set[str] = set()
    for commit in commits:
        if commit.ids:
            known.update(commit.ids)
            gone.difference_update(commit.ids)
        if commit.gone is not None:
            known.add(commit.gone)
            gone.add(commit.gone)
    return known, gone


class RowEdits(NamedTuple):
    """The edits that some commits make to the combined tables.

    Attributes:
        dropped: for each label whether all rows of the job are deleted first; None if no job is.
        stored: the rows that are stored afterwards, in identity order.
        deleted: the identities that are not stored afterwards, in identity order.
    """

    dropped: Bools | None
    stored: Segment
    deleted: Segment


def edits(
    commits: Sequence[PendingCommit], kind: Kind, labels: JobLabels, sizes: Sizes
) -> Iterator[RowEdits | Deletion]:
    """The edits of some commits, in order: windows to delete, and the rows between them.

    Args:
        commits: the commits, oldest first.
        kind: the kind of the results.
        labels: the labels of all jobs of the commits, also of those that the commits delete.
        sizes: the sizes of combined tables.

    Raises:
        SpanTooLong: a span has more than 32 bits.

    O(k log k) for k rows, and some microseconds for each table of a batch.
    """
    run = _Run()
    for commit in commits:
        if commit.deletion is None:
            run.add(commit)
            continue
        if run:
            yield run.edits(COMBINED[kind], labels, sizes)
            run = _Run()
        yield commit.deletion
    if run:
        yield run.edits(COMBINED[kind], labels, sizes)


class _Run:
    """The rows of consecutive commits that delete no window."""

    __slots__ = ("_entries", "_gone", "_ids", "_is_stored", "_length", "_lengths", "_segments")

    def __init__(self) -> None:
        #: The single rows of each commit that are not in a segment yet, flat.
        self._entries: list[Sequence[Any]] = []
        self._segments: list[Segment] = []
        #: For each segment its number of rows, their jobs, and which of them are stored: one value or one each.
        self._lengths: list[int] = []
        self._ids: list[str | Sequence[str] | BatchRows] = []
        self._is_stored: list[bool | Bools] = []
        self._length = 0
        #: For each deleted job, the number of rows before it was last deleted.
        self._gone: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._entries or self._segments or self._gone)

    def add(self, commit: PendingCommit) -> None:
        """Add the rows of a commit."""
        rows = commit.rows
        if isinstance(rows, BatchRows):
            self._join()
            self._put(packed_rows(LAYOUT, rows.data, DEFAULT_SIZES), rows, is_stored=True)
        elif rows:
            self._entries.append(rows)
        if commit.gone is not None:
            self._join()
            self._gone[commit.gone] = self._length
        elif commit.changes:
            self._join()
            for job_id, (segments, is_stored) in commit.changes:
                for segment in segments:
                    self._put(segment, job_id, is_stored)

    def _join(self) -> None:
        """Make one segment of the single rows so far, so that their order among the others is known."""
        if not self._entries:
            return
        entries = self._entries[0] if len(self._entries) == 1 else [*chain.from_iterable(self._entries)]
        self._entries = []
        after = entries[2::3]
        is_stored: bool | Bools = True
        try:
            data = b"".join(after)
        except TypeError:
            # A deleted row has no record. To look for one first would take a millisecond for each 100,000 rows.
            is_stored = np.array([record is not None for record in after], dtype=np.bool_)
            data = b"".join([record or before for before, record in zip(entries[1::3], after, strict=True)])
        self._put(packed_rows(LAYOUT, data, DEFAULT_SIZES), entries[::3], is_stored)

    def _put(self, segment: Segment, ids: str | Sequence[str] | BatchRows, is_stored: bool | Bools) -> None:  # noqa: FBT001
        if segment.length:
            self._segments.append(segment)
            self._lengths.append(segment.length)
            self._ids.append(ids)
            self._is_stored.append(is_stored)
            self._length += segment.length

    def edits(self, schema: Schema, labels: JobLabels, sizes: Sizes) -> RowEdits:
        """The edits of all added commits."""
        self._join()
        lengths = np.array(self._lengths, dtype=np.int64)
        if all(type(ids) is str for ids in self._ids):
            of_rows = labels.labels(self._ids).repeat(lengths)  # type: ignore[arg-type] # all are texts
        else:
            of_rows = np.concatenate(
                [
                    labels.labels([ids]).repeat(length) if isinstance(ids, str) else _labels_of_each(labels, ids)
                    for ids, length in zip(self._ids, self._lengths, strict=True)
                ]
            )
        rows = LabelledRows(schema, self._segments, of_rows, sizes)
        dropped = stays = None
        if self._gone:
            # Rows that were written before their job was deleted do not count.
            dropped = labels.table(self._gone)
            first = np.zeros(labels.space, dtype=np.int64)
            first[labels.labels(self._gone)] = [*self._gone.values()]
            stays = np.arange(rows.length) >= first[rows.columns[JOB_LABEL]]
        order = rows.last_of_each(stays)
        if all(each is True for each in self._is_stored):
            return RowEdits(dropped, rows.segment(order), rows.segment(order[:0]))
        is_stored = np.concatenate(
            [
                np.broadcast_to(np.bool_(is_stored), length) if isinstance(is_stored, bool) else is_stored
                for is_stored, length in zip(self._is_stored, self._lengths, strict=True)
            ]
        )[order]
        return RowEdits(dropped, rows.segment(order[is_stored]), rows.segment(order[~is_stored]))


def _labels_of_each(labels: JobLabels, rows: Sequence[str] | BatchRows) -> UInt32s:
    """The label of each row, given the ids of the rows or all of a batch."""
    return labels.of_batch(rows.ids, rows.hashes) if isinstance(rows, BatchRows) else labels.labels(rows)
