"""Job lanes: a lane for each job with a bucket in a window.

A few jobs are read from their own tables. Of many jobs, the combined tables name those with the greatest scores, and
only their own tables are read for the cells.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import BUCKET, JOB_LABEL, Array, Float64s, Int64s, Schema
from bucketquery.search.cells import maxima
from bucketquery.search.label_filter import LabelFilter, label_filter
from bucketquery.search.lane_keys import all_best, ends_of, walk
from bucketquery.search.lane_sizes import LANE_SIZES, LaneSizes
from bucketquery.search.pieces import Piece, pieces_of
from bucketquery.storage.table import Table
from bucketquery.storage.view import View

_NO_LABELS: Final[Int64s] = np.empty(0, dtype=np.int64)


class LaneWindow(NamedTuple):
    """The results that lanes are made of.

    Attributes:
        start: first instant included, epoch ms.
        end: first instant excluded.
        exclude_interim: whether only final results count.
        sizes: when each way to read them pays off.
    """

    start: int
    end: int
    exclude_interim: bool
    sizes: LaneSizes = LANE_SIZES

    def view(self, table: Table) -> View:
        """The view of a table with these results."""
        return table.final if self.exclude_interim else table.rows

    def pieces(self, table: Table) -> Iterable[Piece]:
        """The pieces of a table."""
        return pieces_of(self.view(table), self.start, self.end, self.sizes)


class LanePage(NamedTuple):
    """Some lanes in order.

    Attributes:
        names: their names.
        lane_count: the number of all lanes.
        scores: takes the edges of cells, clipped to the window. It returns the greatest score of each lane and cell,
            NaN if it has no results; shape (lanes, cells).
    """

    names: tuple[str, ...]
    lane_count: int
    scores: Callable[[Int64s], Float64s]


class LanesOfTables:
    """The lanes of some jobs, read from their own tables."""

    def __init__(self, catalog: Catalog, job_ids: Iterable[str], window: LaneWindow) -> None:
        self._window = window
        self._jobs: list[tuple[str, list[Piece]]] = []
        for job_id in job_ids:
            pieces = _pieces_of_job(catalog, job_id, window)
            if pieces:
                self._jobs.append((job_id, pieces))

    def ends(self) -> tuple[int, int] | None:
        """The timestamps of the first and of the last result; None if there is none."""
        return ends_of([_OneLane(piece) for _, pieces in self._jobs for piece in pieces])

    def page(self, from_: int, lanes: int) -> LanePage:
        """The lanes ``[from_, from_ + lanes)``.

        O(j) for j jobs, and the sparse levels of their value indexes.
        """
        whole = np.array([self._window.start, self._window.end])
        best = [(-cells_of(pieces, whole).item(0), job_id) for job_id, pieces in self._jobs]
        pieces = dict(self._jobs)
        names = tuple(job_id for _, job_id in sorted(best)[from_ : from_ + lanes])
        return LanePage(names, len(best), lambda instants: _matrix([pieces[job_id] for job_id in names], instants))


class LanesOfAllJobs:
    """The lanes of many jobs, in the order that the combined tables give."""

    def __init__(self, catalog: Catalog, selected: SelectedJobs, window: LaneWindow, all_jobs: AllJobs) -> None:
        self._catalog = catalog
        self._selected = selected
        self._window = window
        self._labels = all_jobs.labels
        jobs = label_filter(selected, all_jobs.labels)
        self._pieces = [JobPiece(piece, jobs) for table in all_jobs.parts for piece in window.pieces(table)]

    def ends(self) -> tuple[int, int] | None:
        """The timestamps of the first and of the last result; None if there is none."""
        return ends_of(self._pieces)

    def page(self, from_: int, lanes: int) -> LanePage:
        """The lanes ``[from_, from_ + lanes)``.

        O(e) for the e rows that reach the score of the last of them, and O(j) to count the lanes of j jobs. If the
        value index cannot name the lanes, O(n log n) for n rows in the window, or the cost of `LanesOfTables`.
        """
        known = walk(self._pieces, from_ + lanes)
        if known is None:
            if self._length > self._window.sizes.rows_per_table * len(self._selected):
                return LanesOfTables(self._catalog, self._selected.ids, self._window).page(from_, lanes)
            known = all_best(self._pieces)
            count = len(known[0])
        else:
            count = self._count()
        keys, best = known
        first = np.lexsort((keys, -best))[from_ : from_ + lanes]
        names = tuple(self._labels.ids(keys[first].astype(np.uint32)))
        return LanePage(names, count, lambda instants: self._scores(names, instants))

    def _last_seen(self, rows: int) -> Int64s:
        """The labels of the selected jobs with a result among the last rows of some piece, ascending."""
        seen = _NO_LABELS
        # The newest piece often has a result of each job, so that no other needs to be read.
        for each in reversed(self._pieces):
            part = each.piece.part(each.piece.stop - rows, each.piece.stop)
            labels = each.keys(part.live_rows() if len(part.deleted) else part.rows)
            if len(seen):
                labels = np.concatenate((labels, seen))
            if not (labels[1:] > labels[:-1]).all():
                # The labels of one instant ascend, and often each job has a result at the last one.
                labels = np.sort(labels)
                labels = labels[np.append(True, labels[1:] != labels[:-1])]
            seen = labels[int(labels.searchsorted(0)) :]
            if len(seen) == len(self._selected):
                break
        return seen

    def _scores(self, names: Sequence[str], instants: Int64s) -> Float64s:
        return _matrix([_pieces_of_job(self._catalog, job_id, self._window) for job_id in names], instants)

    @property
    def _length(self) -> int:
        return sum(each.piece.length for each in self._pieces)

    def _count(self) -> int:
        """The number of selected jobs with a result in the window."""
        jobs, sizes, length = len(self._selected), self._window.sizes, self._length
        seen = self._last_seen(jobs)
        if len(seen) < jobs < length:
            seen = self._last_seen(min(length, sizes.last_rows_per_job * jobs))
        others = jobs - len(seen)
        if others and length > sizes.last_rows_per_job * jobs:
            if length <= sizes.rows_per_other * others:
                return len(self._last_seen(length))
            named = self._labels.ids(seen.astype(np.uint32))
            rest = set(self._selected.ids).difference(named)
            return len(seen) + sum(1 for job_id in rest if _pieces_of_job(self._catalog, job_id, self._window))
        return len(seen)


class JobPiece(NamedTuple):
    """A piece of a combined table, whose keys are the labels of the jobs.

    Attributes:
        piece: the piece.
        jobs: which rows are of selected jobs; None if all are.
    """

    piece: Piece
    jobs: LabelFilter | None

    def keys(self, rows: slice | Array) -> Int64s:
        """The labels of some rows; -1 for a job that is not selected."""
        labels = self.piece.segment.column(JOB_LABEL)[rows]
        keys = labels.astype(np.int64)
        if self.jobs is not None:
            keys[~self.jobs.mask(labels)] = -1
        return keys


class _OneLane(NamedTuple):
    """A piece of one job's table; all rows are of one lane."""

    piece: Piece

    def keys(self, rows: slice | Array) -> Int64s:
        assert not isinstance(rows, slice)
        return np.zeros(len(rows), dtype=np.int64)


def all_jobs_if_many(catalog: Catalog, selected: SelectedJobs, schema: Schema, sizes: LaneSizes) -> AllJobs | None:
    """The combined tables of a kind if more jobs are selected than `LaneSizes.few_jobs`; else None."""
    return catalog.all_jobs(schema) if len(selected) > sizes.few_jobs else None


def job_lanes(catalog: Catalog, selected: SelectedJobs, window: LaneWindow) -> LanesOfTables | LanesOfAllJobs:
    """The lanes of the selected jobs."""
    all_jobs = all_jobs_if_many(catalog, selected, BUCKET, window.sizes)
    if all_jobs is None:
        return LanesOfTables(catalog, selected.ids, window)
    return LanesOfAllJobs(catalog, selected, window, all_jobs)


def _pieces_of_job(catalog: Catalog, job_id: str, window: LaneWindow) -> list[Piece]:
    job = catalog.get(job_id)
    table = None if job is None else job.tables.get(BUCKET.kind)
    return [] if table is None else [*window.pieces(table)]


def cells_of(pieces: Iterable[Piece], instants: Int64s) -> Float64s:
    """The greatest score of one lane in each cell, NaN if it has no results."""
    found: Float64s | None = None
    for piece in pieces:
        own = maxima(piece, instants)
        found = own if found is None else np.fmax(found, own)
    return np.full(len(instants) - 1, np.nan) if found is None else found


def _matrix(lanes: Sequence[Iterable[Piece]], instants: Int64s) -> Float64s:
    scores = np.empty((len(lanes), len(instants) - 1))
    for row, pieces in enumerate(lanes):
        scores[row] = cells_of(pieces, instants)
    return scores
