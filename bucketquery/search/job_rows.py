"""Rows of several jobs in the order of a page, read like a selection.

The rows are those that searches have found: in the tables of single jobs, or in combined tables. A combined table has
the keys of a result, its score, and whether it is interim. A reader of any other field finds the rows in the tables of
their jobs, once for all fields. A few rows of each job are copied one by one; if there are many, columns are gathered.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, Union

import numpy as np

from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.model.once import is_made, once
from bucketquery.model.schema import COMBINED, JOB_LABEL, SCHEMAS, Array, Bools, Int64s, Schema
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.row_copies import copy_rows, find_all, find_row, segment_row
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table

#: Columns of several jobs are concatenated if there are at least this many rows for each job; else rows are copied.
_CONCATENATED_FROM: Final = 8
#: A page stores all compared rows of combined tables if there are at most N of them for each of its own rows.
_COMPARED_PER_ROW: Final = 4


class Group(NamedTuple):
    """Rows that one search has found.

    Attributes:
        rows: the rows.
        jobs: the job of all rows, or the job of each; for rows of a combined table, the labels of its jobs.
    """

    rows: Selection
    jobs: str | tuple[str, ...] | JobLabels

    @property
    def is_combined(self) -> bool:
        """Whether the rows are those of a combined table."""
        return not isinstance(self.jobs, (str, tuple))

    def at(self, positions: Int64s) -> "Group":
        """The rows at some positions."""
        jobs = self.jobs
        return Group(
            self.rows[positions], tuple([jobs[at] for at in positions.tolist()]) if isinstance(jobs, tuple) else jobs
        )

    def job_ids(self) -> Sequence[str]:
        """The job of each row."""
        rows, jobs = self
        if isinstance(jobs, str):
            return [jobs] * len(rows)
        return jobs if isinstance(jobs, tuple) else jobs.ids(rows.column(JOB_LABEL))


class JobRows:
    """Some rows of several jobs; immutable. Columns are gathered when a caller reads them.

    Attributes:
        schema: the schema of the kind.

    Args:
        catalog: the jobs.
        schema: the kind.
        groups: the rows, group by group. All groups are of single jobs, or all are of combined tables.
        order: the rows in their order, numbered across all groups; None if they are in order. Rows that it leaves out
            are left out.
    """

    __slots__ = ("__dict__", "_catalog", "_groups", "_order", "schema")

    def __init__(self, catalog: Catalog, schema: Schema, groups: Sequence[Group], order: Int64s | None = None) -> None:
        self._catalog = catalog
        self.schema = SCHEMAS[schema.kind]
        self._groups = groups or (Group(Selection.of(empty_segment(self.schema)), ""),)
        self._order = order
        if order is not None and not (groups and groups[0].is_combined and _are_few(groups, len(order))):
            self._groups, self._order = self._some(order)

    def _some(self, order: Int64s) -> tuple[Sequence[Group], Int64s | None]:
        """The groups and the order with some rows only, given by their numbers across all groups."""
        if len(self._groups) == 1:
            return (self._groups[0].at(order),), None
        by_group = order.argsort()
        ascending = order.take(by_group)
        groups: list[Group] = []
        first = low = 0
        for group in self._groups:
            stop = first + len(group.rows)
            high = int(ascending.searchsorted(stop))
            if low < high:
                groups.append(group.at(ascending[low:high] - first))
            first, low = stop, high
        if not groups:
            return (self._groups[0].at(order),), None
        return groups, by_group.argsort()

    def __len__(self) -> int:
        return sum([len(rows) for rows, _ in self._groups]) if self._order is None else len(self._order)

    def __getitem__(self, positions: slice | Int64s) -> "AnyRows":
        """The rows at some positions, in O(r) for the r rows of this one."""
        if is_made(self, "copies"):
            return self.copies[positions]
        order = np.arange(len(self)) if self._order is None else self._order
        return JobRows(self._catalog, self.schema, self._groups, order[positions])

    def between(self, first: int, stop: int) -> "JobRows":
        """The rows at the positions ``[first, stop)``, for a scan, which reads each part once."""
        order = np.arange(len(self)) if self._order is None else self._order
        return JobRows(self._catalog, self.schema, self._groups, order[first:stop])

    @once
    def job_ids(self) -> tuple[str, ...]:
        """The job of each row."""
        labels_of = self._groups[0].jobs
        if isinstance(labels_of, JobLabels):
            # All groups have the same labels.
            return tuple(labels_of.ids(self._combined_column(JOB_LABEL)))
        job_ids: list[str] = []
        for group in self._groups:
            job_ids += group.job_ids()
        return tuple(job_ids if self._order is None else [job_ids[at] for at in self._order.tolist()])

    def last(self) -> tuple[Segment, int]:
        """The segment of the job's own table that has the last row, and its number there; there is at least one row."""
        return self._tail.places[0]

    def last_job(self) -> str:
        """The job of the last row; there is at least one row."""
        return self._tail.job_ids[0]

    @once
    def _tail(self) -> "JobRows":
        """The last row."""
        return self.between(len(self) - 1, len(self))

    @once
    def copies(self) -> Selection:
        """Copies of the rows."""
        return Selection.of(copy_rows(self.schema, self.places))

    @once
    def places(self) -> list[tuple[Segment, int]]:
        """Where the tables of their jobs store the rows: segments and rows there."""
        if self._groups[0].is_combined:
            identities = zip(*[self._combined_column(name).tolist() for name in self.schema.identity], strict=True)
            each = zip(self.job_ids, identities, strict=True)
            return [find_row(self._table(job_id), identity) for job_id, identity in each]
        places: list[tuple[Segment, int]] = []
        for rows, _ in self._groups:
            view, numbers = rows.view, rows.rows
            if isinstance(numbers, slice):
                numbers = np.arange(*numbers.indices(view.base.length))
            places += [segment_row(view, row) for row in numbers.tolist()]
        return places if self._order is None else [places[at] for at in self._order.tolist()]

    @once
    def _is_concatenated(self) -> bool:
        """Whether columns are read from the tables of the jobs without copies of single rows."""
        groups = self._groups
        if groups[0].is_combined:
            return False
        return len(groups) == 1 or len(self) >= _CONCATENATED_FROM * len(groups)

    @once
    def _source(self) -> "AnyRows":
        """The same rows with all fields, if columns are not concatenated."""
        if not self._groups[0].is_combined:
            return self.copies
        labels = self._combined_column(JOB_LABEL)
        by_label = labels.argsort(kind="stable")
        ascending = labels[by_label]
        starts = np.append(0, (ascending[1:] != ascending[:-1]).nonzero()[0] + 1)
        if len(labels) < _CONCATENATED_FROM * len(starts):
            return self.copies
        labels_of = self._groups[0].jobs
        assert not isinstance(labels_of, (str, tuple))
        ids = labels_of.ids(ascending[starts])
        columns = [self._combined_column(name)[by_label] for name in self.schema.identity]
        groups: list[Group] = []
        for job_id, (first, stop) in zip(ids, pairwise([*starts.tolist(), len(labels)]), strict=True):
            table = self._table(job_id)
            numbers = find_all(table, [column[first:stop] for column in columns])
            groups.append(Group(Selection(table.rows, numbers), job_id))
        return JobRows(self._catalog, self.schema, groups, by_label.argsort())

    def _table(self, job_id: str) -> Table:
        job = self._catalog.get(job_id)
        assert job is not None, "a combined table has results of known jobs"
        return job.tables[self.schema.kind]

    def _is_combined_column(self, name: str) -> bool:
        """Whether the rows are those of combined tables, and these have a column."""
        return self._groups[0].is_combined and name in COMBINED[self.schema.kind].by_name

    def _combined_column(self, name: str) -> Array:
        """A column of the combined tables, in the order of the rows."""
        return self._concatenated(lambda rows: rows.column(name))

    def _concatenated(self, read: Callable[[Selection], Array]) -> Array:
        """An array of each group, joined in the order of the rows."""
        parts = [read(rows) for rows, _ in self._groups]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return values if self._order is None else values[self._order]

    def column(self, name: str) -> Array:
        """A column's values, keywords as text; a missing value is NaN, None or the default."""
        if self._is_concatenated:
            return self._concatenated(lambda rows: rows.column(name))
        if self._is_combined_column(name):
            values = self._combined_column(name)
            # Spans have fewer bits in combined tables.
            return values.astype(np.int64) if values.dtype == np.uint32 else values
        return self._source.column(name)

    def missing(self, name: str) -> Bools | None:
        """Which rows miss a column's field; None if no row does."""
        if not self._is_concatenated:
            return self._source.missing(name)
        lacking = [rows.missing(name) for rows, _ in self._groups]
        if all(some is None for some in lacking):
            return None
        each = zip(self._groups, lacking, strict=True)
        parts = [np.zeros(len(rows), dtype=np.bool_) if some is None else some for (rows, _), some in each]
        missing: Bools = np.concatenate(parts)
        return missing if self._order is None else missing[self._order]

    def lists(self, name: str) -> list[Any]:
        """A list field's tuples; empty if a row has none."""
        if not self._is_concatenated:
            return self._source.lists(name)
        lists: list[Any] = []
        for rows, _ in self._groups:
            lists += rows.lists(name)
        return lists if self._order is None else [lists[at] for at in self._order.tolist()]

    def instants(self, name: str) -> tuple[Int64s, Bools]:
        """An instant of each row in epoch ms, 0 for a row that has none, and which rows have one; shape (r,)."""
        if not self._is_concatenated:
            return self._source.instants(name)
        instants = self._concatenated(lambda rows: rows.instants(name)[0])
        return instants, self._concatenated(lambda rows: rows.instants(name)[1])

    def may_have(self, name: str) -> bool:
        """Whether any of the rows may have a list."""
        if not self._is_concatenated:
            return self._source.may_have(name)
        return any(rows.may_have(name) for rows, _ in self._groups)

    def detach(self) -> Segment:
        """Copies of these rows in their order. They can only be read, since they may be out of identity order."""
        return self.copies.detach()


def _are_few(groups: Sequence[Group], wanted: int) -> bool:
    """Whether a column of all rows of some groups is read in less time than the wanted ones are picked."""
    return sum([len(rows) for rows, _ in groups]) <= _COMPARED_PER_ROW * wanted


#: The rows of a page.
AnyRows = Union[Selection, JobRows]  # noqa: UP007 - a method above names it in quotes
