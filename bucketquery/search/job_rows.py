"""Rows of several jobs in the order of a page, read like a selection.

The rows are those that searches have found: in the tables of single jobs, or in combined tables. A combined table has
the keys of a result, its score, and whether it is interim. A reader of any other field makes copies of the rows from
the tables of their jobs, once for all fields.
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
from bucketquery.storage.row_copies import copy_rows, find_row, segment_row
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection

#: Columns of several jobs are concatenated if there are at least this many rows for each job; else rows are copied.
_CONCATENATED_FROM: Final = 8


class Group(NamedTuple):
    """Rows that one search has found.

    Attributes:
        rows: the rows.
        jobs: the job of all rows; for rows of a combined table, the labels of its jobs.
    """

    rows: Selection
    jobs: str | JobLabels


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
        if order is not None:
            self._groups, self._order = self._some(order)

    def _some(self, order: Int64s) -> tuple[Sequence[Group], Int64s | None]:
        """The groups and the order with some rows only, given by their numbers across all groups."""
        if len(self._groups) == 1:
            ((rows, jobs),) = self._groups
            return (Group(rows[order], jobs),), None
        starts = np.cumsum([0, *(len(rows) for rows, _ in self._groups)])
        by_group = order.argsort(kind="stable")
        ascending = order[by_group]
        cuts = ascending.searchsorted(starts).tolist()
        groups = [
            Group(rows[ascending[low:high] - start], jobs)
            for (rows, jobs), start, (low, high) in zip(self._groups, starts.tolist(), pairwise(cuts), strict=False)
            if low < high
        ]
        if not groups:
            return (Group(self._groups[0].rows[order], self._groups[0].jobs),), None
        return groups, by_group.argsort()

    def __len__(self) -> int:
        return sum([len(rows) for rows, _ in self._groups])

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
        job_ids: list[str] = []
        for rows, jobs in self._groups:
            job_ids += [jobs] * len(rows) if isinstance(jobs, str) else jobs.ids(rows.column(JOB_LABEL))
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
        """Copies of the rows, without masks."""
        return Selection.of(copy_rows(self.schema, self.places))

    @once
    def places(self) -> list[tuple[Segment, int]]:
        """Where the tables of their jobs store the rows: segments and rows there."""
        places: list[tuple[Segment, int]] = []
        for rows, jobs in self._groups:
            if isinstance(jobs, str):
                view = rows.view
                every = rows.rows
                numbers = np.arange(*every.indices(view.base.length)) if isinstance(every, slice) else every
                places += [segment_row(view, row) for row in numbers.tolist()]
            else:
                places += self._found(rows, jobs)
        return places if self._order is None else [places[at] for at in self._order.tolist()]

    def _found(self, rows: Selection, labels: JobLabels) -> list[tuple[Segment, int]]:
        """Where the tables of their jobs store some rows of a combined table."""
        kind, get = self.schema.kind, self._catalog.get
        identities = zip(*[rows.column(name).tolist() for name in self.schema.identity], strict=True)
        found: list[tuple[Segment, int]] = []
        for job_id, identity in zip(labels.ids(rows.column(JOB_LABEL)), identities, strict=True):
            job = get(job_id)
            assert job is not None, "a combined table has results of known jobs"
            found.append(find_row(job.tables[kind], identity))
        return found

    @once
    def _is_concatenated(self) -> bool:
        """Whether columns are read from the tables of the jobs without copies of single rows."""
        groups = self._groups
        is_few = len(groups) == 1 or len(self) >= _CONCATENATED_FROM * len(groups)
        return is_few and all(isinstance(jobs, str) for _, jobs in groups)

    def _has_keys(self, name: str) -> bool:
        """Whether the rows are those of combined tables, and these have a column."""
        return not isinstance(self._groups[0].jobs, str) and name in COMBINED[self.schema.kind].by_name

    def _together(self, read: Callable[[Selection], Array]) -> Array:
        parts = [read(rows) for rows, _ in self._groups]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return values if self._order is None else values[self._order]

    def column(self, name: str) -> Array:
        """A column's values, keywords as text; a missing value is NaN, None or the default."""
        if self._is_concatenated:
            return self._together(lambda rows: rows.column(name))
        if self._has_keys(name):
            dtype = self.schema.by_name[name].type.dtype
            values = self._together(lambda rows: rows.column(name))
            # Spans have fewer bits in combined tables.
            return values if values.dtype.kind == "O" else values.astype(dtype, copy=False)
        return self.copies.column(name)

    def missing(self, name: str) -> Bools | None:
        """Which rows miss a column's field, as far as a page shows it: doubles and keywords; None if no row does."""
        return self.copies.missing(name)

    def lists(self, name: str) -> list[Any]:
        """A list field's tuples; empty if a row has none."""
        if not self._is_concatenated:
            return self.copies.lists(name)
        lists: list[Any] = []
        for rows, _ in self._groups:
            lists += rows.lists(name)
        return lists if self._order is None else [lists[at] for at in self._order.tolist()]

    def instants(self, name: str) -> tuple[Int64s, Bools]:
        """An instant of each row in epoch ms, 0 for a row that has none, and which rows have one; shape (r,)."""
        if not self._is_concatenated:
            return self.copies.instants(name)
        return self._together(lambda rows: rows.instants(name)[0]), self._together(lambda rows: rows.instants(name)[1])

    def may_have(self, name: str) -> bool:
        """Whether any of the rows may have a list."""
        if not self._is_concatenated:
            return self.copies.may_have(name)
        return any(rows.may_have(name) for rows, _ in self._groups)

    def detach(self) -> Segment:
        """Copies of these rows in their order. They can only be read, since they may be out of identity order."""
        return self.copies.view.base


#: The rows of a page.
AnyRows = Union[Selection, JobRows]  # noqa: UP007 - a method above names it in quotes
