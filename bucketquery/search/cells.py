"""Cells: where the cells of a window begin and end, and the greatest score of each cell in some rows.

A long piece is read by the levels of its value index. The sparsest level has the greatest scores of most cells. The
cells without a row there are looked up in the next level, and the last of them in the rows themselves.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bucketquery.model.calendars import Unit, calendar_edges, too_many_cells
from bucketquery.model.schema import Array, Bools, Float64s, Int64s
from bucketquery.queries.swimlane_query import SwimlaneQuery
from bucketquery.search.pieces import Piece
from bucketquery.value_index.level import Level

#: The largest number of cells, and of scores in a swimlane.
MOST_CELLS: Final = 1_000_000


def edges_of(query: SwimlaneQuery, first: int, last: int) -> Int64s:
    """The first instant of each cell from that of ``first`` to that of ``last``, and the end of the last cell.

    Raises:
        LimitExceeded: there are more than `MOST_CELLS` cells.
        InvalidQuery: the zone of the query raises an error or has impossible offsets.
    """
    cell = query.cell
    if isinstance(cell, str):
        unit: Unit = cell  # type: ignore[assignment] # the query has checked it
        return calendar_edges(unit, query.tzinfo, first, last, MOST_CELLS)
    length = cell * 1_000
    low, high = first // length, last // length
    if high - low >= MOST_CELLS:
        raise too_many_cells(MOST_CELLS)
    return np.arange(low, high + 2, dtype=np.int64) * length


def maxima(piece: Piece, instants: Int64s) -> Float64s:
    """The greatest score of a piece in each cell; NaN for a cell without rows.

    Args:
        piece: the piece.
        instants: the edges of the cells, clipped to the window that the piece was made for; shape (cells + 1,).

    O(n) for n rows of the piece; much less if it has a value index and many rows for each cell.
    """
    bounds = piece.timestamps().searchsorted(instants)
    cells = len(instants) - 1
    index = None
    if piece.length >= max(piece.sizes.rows_for_levels, piece.sizes.rows_per_cell * cells):
        index = piece.value_index()
    if index is None:
        return _of_rows(piece, bounds)
    covered = min(piece.stop, index.covered)
    found = _by_levels(piece.part(piece.first, covered), bounds.clip(max=covered), index.levels)
    if covered < piece.stop:
        behind = _of_rows(piece.part(covered, piece.stop), bounds.clip(min=covered))
        found = np.fmax(found, behind)
    return found


def _by_levels(piece: Piece, bounds: Int64s, levels: Sequence[Level]) -> Float64s:
    """The result of `maxima` for rows that a value index covers."""
    cells = len(bounds) - 1
    found = np.full(cells, np.nan)
    lengths = bounds[1:] - bounds[:-1]
    waiting = lengths > 0
    narrow = bounds.astype(np.int32)
    for level in reversed(levels):
        # A missing score counts as 0.0 and is in no level, so a lower level may not decide a cell.
        if level.edge < 0.0:
            break
        if len(level) < piece.sizes.entries_per_cell * cells and level is not levels[0]:
            continue
        _, rows, scores = level.between(piece.first, piece.stop)
        if len(piece.deleted):
            alive = piece.is_alive(rows)
            rows, scores = rows[alive], scores[alive]
        places = rows.searchsorted(narrow)
        for first, stop in _runs(waiting, piece.sizes.most_runs):
            found[first:stop] = maxima_between(scores, places[first : stop + 1])
        waiting &= np.isnan(found)
        if lengths[waiting].sum() <= piece.sizes.few_rows:
            break
    for first, stop in _runs(waiting, piece.sizes.most_runs):
        part = piece.part(int(bounds[first]), int(bounds[stop]))
        found[first:stop] = _of_rows(part, bounds[first : stop + 1])
    return found


def _of_rows(piece: Piece, bounds: Int64s) -> Float64s:
    """The result of `maxima`, from the rows themselves."""
    scores = piece.segment.column(piece.segment.schema.score)[piece.rows]
    bounds = bounds - piece.first
    if len(piece.deleted):
        deleted = piece.deleted - piece.first
        scores = np.delete(scores, deleted)
        bounds = bounds - deleted.searchsorted(bounds)
    return maxima_between(scores, bounds)


def maxima_between(scores: Array, bounds: Int64s) -> Float64s:
    """The greatest of the scores between each two bounds; NaN if there is none. A missing score counts as 0.0.

    Args:
        scores: shape (n,), NaN if missing.
        bounds: places in ``scores``, ascending, shape (cells + 1,).

    O(n + c) for c cells.

    >>> maxima_between(np.array([5.0, 7.0, np.nan]), np.array([0, 2, 2, 3])).tolist()
    [7.0, nan, 0.0]
    """
    starts = bounds[:-1]
    filled = bounds[1:] > starts
    found = np.full(len(starts), np.nan)
    starts = starts[filled]
    if len(starts):
        # A cell without scores has no length, so each filled cell ends where the next one begins.
        scores = scores[: bounds[-1]]
        greatest = np.maximum.reduceat(scores, starts)
        missing = np.isnan(greatest)
        if missing.any():
            greatest = np.where(missing, np.fmax(np.fmax.reduceat(scores, starts), 0.0), greatest)
        found[filled] = greatest
    return found


def _runs(waiting: Bools, most: int) -> list[tuple[int, int]]:
    """The runs of waiting cells: first cell, and the one behind the last. One run rather than more than ``most``."""
    if waiting.all():
        return [(0, len(waiting))]
    changes = (waiting[1:] != waiting[:-1]).nonzero()[0] + 1
    ends: list[int] = [*([0] if waiting[0] else []), *changes.tolist(), *([len(waiting)] if waiting[-1] else [])]
    if len(ends) > 2 * most:
        return [(ends[0], ends[-1])]
    return [*zip(ends[::2], ends[1::2], strict=True)]
