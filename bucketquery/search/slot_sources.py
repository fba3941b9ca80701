"""The tables that overall buckets are computed from: the combined tables, or the own tables of a few jobs."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeGuard

import numpy as np

from bucketquery.arrays.sorted_arrays import concatenated_ranges, find
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET, JOB_LABEL, Int64s
from bucketquery.search.label_filter import LabelFilter
from bucketquery.search.slots import SLOT_SIZES, SlotSizes
from bucketquery.storage.segment import Segment, SomeRows
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS, View


class RowSizes(NamedTuple):
    """The sizes from which each way to read rows pays off. They change the time, and no answer.

    Attributes:
        few_jobs: this many jobs or fewer are read from their own tables.
        rows_per_job: to read one more own table takes as long as to read this many rows of the combined tables.
        rows_at_once: at most about this many rows are sorted at once.
        slots: the sizes of slots.
    """

    few_jobs: int = 8
    rows_per_job: int = 4_000
    rows_at_once: int = 2**20
    slots: SlotSizes = SLOT_SIZES


#: The sizes found by measurement.
ROW_SIZES: Final = RowSizes()


class Source(NamedTuple):
    """One table of the rows.

    Attributes:
        table: the table.
        owner: the number of the job that owns all rows; None if a column has the label of each row's job.
    """

    table: Table
    owner: int | None


def own_sources(catalog: Catalog, ids: Sequence[str]) -> list[Source]:
    """The own tables of some jobs, each with the number of the job; a job without buckets has none."""
    jobs = [catalog.get(job_id) for job_id in ids]
    return [
        Source(job.tables[BUCKET.kind], number)
        for number, job in enumerate(jobs)
        if job is not None and BUCKET.kind in job.tables
    ]


def serves(all_jobs: AllJobs | None, selected: SelectedJobs, sizes: RowSizes) -> TypeGuard[AllJobs]:
    """Whether there are combined tables, and they are read faster than the own tables of the selected jobs."""
    if all_jobs is None:
        return False
    if selected.is_all:
        return True
    rows = sum(table.length for table in all_jobs.parts)
    others = rows * (len(selected.known) - len(selected)) // len(selected.known)
    return others < len(selected) * sizes.rows_per_job


def of_selected(jobs: LabelFilter | None, segment: Segment, rows: SomeRows) -> SomeRows:
    """Those of some rows that are of selected jobs; None selects all."""
    if jobs is None:
        return rows
    if isinstance(rows, slice):
        return selected_rows(jobs, segment, rows.start, rows.stop)
    return rows[jobs.mask(segment.column(JOB_LABEL)[rows])]


def selected_rows(jobs: LabelFilter, segment: Segment, low: int, high: int) -> Int64s:
    """Those of the rows ``[low, high)`` that are of selected jobs."""
    rows: Int64s = jobs.mask(segment.column(JOB_LABEL)[low:high]).nonzero()[0] + low
    return rows


def rows_between(view: View, lows: Int64s, highs: Int64s) -> Iterator[tuple[Segment, SomeRows]]:
    """The rows of a view in some stretches of time: those of the base, and those of the head.

    Args:
        view: the view.
        lows: the first instants of the stretches, ascending.
        highs: the instants behind them; the stretches are disjoint.
    """
    for segment, timestamps in ((view.base, view.timestamps), (view.head, view.head_timestamps)):
        starts, stops = timestamps.searchsorted(lows), timestamps.searchsorted(highs)
        rows: SomeRows
        if len(starts) == 1:
            rows = slice(int(starts[0]), int(stops[0]))
            if rows.start == rows.stop:
                continue
        else:
            rows = concatenated_ranges(starts, stops)[0]
            if not len(rows):
                continue
        if segment is view.base and len(view.deleted):
            low, high = view.deleted.searchsorted((starts[0], stops[-1])).tolist()
            if low < high:
                some = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
                rows = some[~find(view.deleted[low:high], some)[0]]
        yield segment, rows


def interim_rows(table: Table) -> tuple[Int64s, Int64s]:
    """The interim rows of a table: of the base, without the deleted ones, and of the head."""
    rows, final = table.rows, table.final
    if final is rows:
        return NO_ROWS, NO_ROWS
    in_base = final.deleted[~find(rows.deleted, final.deleted)[0]]
    return in_base, rows.head.column("is_interim").nonzero()[0]


def whole_slots(start: int | None, end: int | None, span: int) -> tuple[int, int]:
    """The window of the whole slots between two instants, of which either may be open.

    >>> whole_slots(1, 25, 10)
    (10, 20)
    """
    first = FIRST_MS if start is None else -(-start // span) * span
    behind = LAST_MS + 1 if end is None else end // span * span
    return min(max(first, FIRST_MS), LAST_MS + 1), min(max(behind, FIRST_MS), LAST_MS + 1)
