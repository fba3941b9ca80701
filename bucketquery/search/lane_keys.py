"""Lane keys: pieces whose rows belong to lanes, and the lanes with the greatest scores.

A key is an integer that stands for a lane: the label of a job, or the number of an influencer. A row of no lane has the
key -1. The walk reads the results from the greatest score down, level by level, until enough lanes are known.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bucketquery.model.schema import Array, Float64s, Int64s
from bucketquery.search.pieces import Piece


class KeyedPiece(Protocol):
    """A piece with a key for each of its rows."""

    @property
    def piece(self) -> Piece:
        """The piece."""

    def keys(self, rows: slice | Array) -> Int64s:
        """The keys of some of its rows; -1 for a row of no lane."""


def best_of(keys: Int64s, scores: Float64s) -> tuple[Int64s, Float64s]:
    """The distinct keys, ascending and without -1, and the greatest score of each.

    O(n log n) for n keys.

    >>> [found.tolist() for found in best_of(np.array([7, 3, 7, -1]), np.array([1.0, 2.0, 5.0, 9.0]))]
    [[3, 7], [2.0, 5.0]]
    """
    order = keys.argsort(kind="stable")
    order = order[int((keys < 0).sum()) :]
    keys = keys[order]
    if not len(keys):
        return keys, np.empty(0)
    starts = np.append(True, keys[1:] != keys[:-1]).nonzero()[0]
    return keys[starts], np.maximum.reduceat(scores[order], starts)


def walk(pieces: Sequence[KeyedPiece], need: int) -> tuple[Int64s, Float64s] | None:
    """All lanes that have a score at or above some threshold, at least ``need`` of them, with their greatest scores.

    Every other lane has smaller scores only.

    Returns:
        The keys, ascending, and their greatest scores. None if the value indexes cannot name enough lanes, or if
        reading all rows is as fast.

    O(e) for e rows at or above the threshold, and about four times as many that did not suffice.
    """
    longest = max((each.piece for each in pieces), key=lambda piece: piece.length, default=None)
    index = None if longest is None or longest.length <= 2 * longest.sizes.few_rows else longest.value_index()
    if longest is None or index is None:
        return None
    for level in reversed(index.levels):
        _, rows, _ = level.between(longest.first, min(longest.stop, index.covered))
        # A missing score counts as 0.0, and no level has it.
        if level.edge <= 0.0 or longest.sizes.rows_per_entry * len(rows) > longest.length:
            return None
        if len(rows) < need and level is not index.levels[0]:
            continue
        found = [(each, *each.piece.at_or_above(float(level.edge))) for each in pieces]
        keys = np.concatenate([each.keys(own) for each, own, _ in found])
        known = best_of(keys, np.concatenate([scores for _, _, scores in found]))
        if len(known[0]) >= need:
            return known
    return None


def all_best(pieces: Sequence[KeyedPiece]) -> tuple[Int64s, Float64s]:
    """The keys of all lanes, ascending, and their greatest scores: O(n log n) for n rows, in bounded memory."""
    keys, scores = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for each in pieces:
        step = each.piece.sizes.rows_at_once
        for first in range(each.piece.first, each.piece.stop, step):
            part = each.piece.part(first, first + step)
            rows = part.live_rows() if len(part.deleted) else part.rows
            own, best = best_of(each.keys(rows), part.scores(rows))
            keys.append(own)
            scores.append(best)
    return best_of(np.concatenate(keys), np.concatenate(scores))


def ends_of(pieces: Sequence[KeyedPiece]) -> tuple[int, int] | None:
    """The timestamps of the first and of the last row of any lane; None if there is none.

    O(r) for the r rows before the first and behind the last one of a lane.
    """
    instants = []
    for each in pieces:
        first = _first_row(each)
        if first is not None:
            instants += [each.piece.segment.timestamp(row) for row in (first, _last_row(each))]
    return (min(instants), max(instants)) if instants else None


def _first_row(each: KeyedPiece) -> int | None:
    piece, low, look = each.piece, each.piece.first, each.piece.sizes.first_look
    while low < piece.stop:
        rows = piece.part(low, low + look).live_rows()
        found = (each.keys(rows) >= 0).nonzero()[0]
        if len(found):
            return int(rows[found[0]])
        low, look = low + look, 2 * look
    return None


def _last_row(each: KeyedPiece) -> int:
    """The last row of a lane; there is one."""
    piece, high, look = each.piece, each.piece.stop, each.piece.sizes.first_look
    while True:
        rows = piece.part(high - look, high).live_rows()
        found = (each.keys(rows) >= 0).nonzero()[0]
        if len(found):
            return int(rows[found[-1]])
        high, look = high - look, 2 * look
