"""Cells, pieces and the walk: each function against a plain loop over a few rows."""

import math
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bucketquery import LimitExceeded, SwimlaneQuery
from bucketquery.model.schema import Array, Int64s
from bucketquery.search.cells import MOST_CELLS, edges_of, maxima, maxima_between
from bucketquery.search.lane_keys import all_best, best_of, ends_of, walk
from bucketquery.search.lane_sizes import LANE_SIZES, LaneSizes
from bucketquery.search.pieces import Piece, pieces_of
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import NO_ROWS
from support.helpers import STEP, bucket, lead_by_value, resize, segment, table
from support.lanes import ON_FEW_ROWS


def scored(scores: list[float | None], first: int = 0) -> Segment:
    """A segment of buckets with these scores; None: no score."""
    return segment(
        bucket(first + row, **({} if score is None else {"anomaly_score": score})) for row, score in enumerate(scores)
    )


def piece_of(some: Segment, deleted: Int64s = NO_ROWS, sizes: LaneSizes = ON_FEW_ROWS) -> Piece:
    """All rows of a segment as a piece."""
    return Piece(some, 0, some.length, deleted, sizes)


class ByScore:
    """A piece whose rows are in the lane of their row number modulo 5; a row of the lane 4 is in none."""

    def __init__(self, piece: Piece) -> None:
        self.piece = piece

    def keys(self, rows: slice | Array) -> Int64s:
        """The lane of each row."""
        numbers = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows.astype(np.int64)
        return np.where(numbers % 5 == 4, -1, numbers % 5)


def random_scores(rng: random.Random, number: int) -> list[float | None]:
    """Scores that often tie, some missing and some negative."""
    return [rng.choice((None, 0.0, -3.0, 10.0, 50.0, rng.randrange(99) / 4)) for _ in range(number)]


def plain(scores: list[float | None], deleted: list[int], bounds: list[int]) -> list[float | None]:
    """The greatest score between each two bounds; None if there is no row."""
    found: list[float | None] = []
    for low, high in pairwise(bounds):
        own = [scores[row] or 0.0 for row in range(low, high) if row not in deleted]
        found.append(max(own) if own else None)
    return found


def as_list(maxima: Array) -> list[float | None]:
    """An array with None in place of NaN."""
    return [None if math.isnan(value) else value for value in maxima.tolist()]


@pytest.mark.parametrize("is_negative", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [
        LANE_SIZES,
        ON_FEW_ROWS,
        replace(ON_FEW_ROWS, most_runs=100),
        replace(ON_FEW_ROWS, entries_per_cell=1),
        replace(ON_FEW_ROWS, few_rows=20),
    ],
    ids=["as measured", "on few rows", "many runs", "entries", "pieces"],
)
def test_maxima_are_those_of_a_loop(sizes: LaneSizes, is_negative: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels, rows behind a value index and deleted rows do not change the greatest scores."""
    lead_by_value(monkeypatch, behind=8)
    rng = random.Random(f"{sizes} {is_negative}")
    for _ in range(60):
        number, behind = rng.randrange(1, 40), rng.randrange(6)
        scores = random_scores(rng, number + behind)
        if is_negative:
            scores = [score if score is None else -abs(score) - 1 for score in scores]
        some = scored(scores[:number])
        some.value_index("anomaly_score", desc=True)
        if behind:
            some = some.append(scored(scores[number:], number))
        deleted = sorted(rng.sample(range(number), rng.randrange(number)))
        bounds = sorted(rng.randrange(number + behind + 1) for _ in range(rng.randrange(2, 9)))
        piece = piece_of(some, np.array(deleted, dtype=np.int64), sizes).part(bounds[0], bounds[-1])
        found = maxima(piece, np.array(bounds) * STEP)
        assert as_list(found) == plain(scores, deleted, bounds)


def test_an_empty_cell_is_not_a_number() -> None:
    """A cell between equal bounds has no score, and no other cell gets its place."""
    scores = np.array([5.0, np.nan, 7.0, np.nan])
    assert as_list(maxima_between(scores, np.array([0, 0, 1, 1, 3, 4, 4]))) == [None, 5.0, None, 7.0, 0.0, None]
    assert as_list(maxima_between(scores, np.array([2, 2]))) == [None]


def test_cells_of_seconds_begin_at_multiples_of_their_length() -> None:
    """Before the epoch too; the first cell has the first instant and the last cell the last one."""
    query = SwimlaneQuery(jobs="web", cell=7)
    assert edges_of(query, -1, 0).tolist() == [-7_000, 0, 7_000]
    assert edges_of(query, 6_999, 6_999).tolist() == [0, 7_000]
    assert len(edges_of(query, 0, 7_000 * MOST_CELLS - 1)) == MOST_CELLS + 1
    with pytest.raises(LimitExceeded):
        edges_of(query, 0, 7_000 * MOST_CELLS)
    longest = query.replace(cell=10**15)
    assert edges_of(longest, -1, 5).tolist() == [-(10**18), 0, 10**18]


def test_the_pieces_of_a_window_are_its_base_and_its_head() -> None:
    """A window whose base rows are all deleted has no piece of the base."""
    some = table([bucket(row) for row in range(5)], [bucket(row, is_interim=True) for row in (5, 6)])
    assert [(piece.first, piece.stop) for piece in pieces_of(some.rows, 0, 9 * STEP, LANE_SIZES)] == [(0, 5), (0, 2)]
    assert [(piece.first, piece.stop) for piece in pieces_of(some.rows, STEP, 2 * STEP, LANE_SIZES)] == [(1, 2)]
    replaced, _ = some.upsert(segment([bucket(2, anomaly_score=9)]))
    (head,) = pieces_of(replaced.rows, 2 * STEP, 3 * STEP, LANE_SIZES)
    assert head.segment is replaced.head


def test_the_rows_at_or_above_a_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of levels, rows behind a value index and deleted rows are those of a loop."""
    lead_by_value(monkeypatch, behind=8)
    rng = random.Random(1)
    for _ in range(60):
        number, behind = rng.randrange(1, 40), rng.randrange(6)
        scores = random_scores(rng, number + behind)
        some = scored(scores[:number])
        some.value_index("anomaly_score", desc=True)
        if behind:
            some = some.append(scored(scores[number:], number))
        deleted = sorted(rng.sample(range(number), rng.randrange(number)))
        piece = piece_of(some, np.array(deleted, dtype=np.int64), replace(ON_FEW_ROWS, few_rows=rng.choice((0, 30))))
        low, high = sorted((rng.randrange(number + behind + 1), rng.randrange(number + behind + 1)))
        threshold = rng.choice((0.5, 10.0, 24.0, 51.0))
        found, own = piece.part(low, high).at_or_above(threshold)
        wanted = [row for row in range(low, high) if (scores[row] or 0.0) >= threshold and row not in deleted]
        assert found.tolist() == wanted
        assert own.tolist() == [scores[row] for row in wanted]


def test_the_best_of_each_key() -> None:
    """The key -1 stands for no lane. No keys have no best."""
    keys, best = best_of(np.array([2, -1, 1, 2]), np.array([5.0, 9.0, 7.0, 6.0]))
    assert (keys.tolist(), best.tolist()) == ([1, 2], [7.0, 6.0])
    assert [some.tolist() for some in best_of(np.array([-1]), np.array([5.0]))] == [[], []]
    assert [some.tolist() for some in all_best([])] == [[], []]


def test_a_walk_names_the_greatest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk finds at least the needed lanes, every other lane is below them, or it finds nothing."""
    lead_by_value(monkeypatch)
    assert walk([], 1) is None
    rng = random.Random(2)
    names_some = 0
    for _ in range(60):
        pieces = [
            ByScore(piece_of(scored(random_scores(rng, rng.randrange(1, 40))), np.arange(rng.randrange(3))))
            for _ in range(rng.randrange(1, 3))
        ]
        pieces = [ByScore(each.piece.part(0, each.piece.stop)) for each in pieces]
        keys, best = all_best(pieces)
        greatest = dict(zip(keys.tolist(), best.tolist(), strict=True))
        need = rng.randrange(1, 4)
        known = walk(pieces, need)
        if known is not None:
            names_some += 1
            named = dict(zip(known[0].tolist(), known[1].tolist(), strict=True))
            assert len(named) >= need
            assert named == {key: greatest[key] for key in named}
            assert all(greatest[key] < min(named.values()) for key in greatest.keys() - named.keys())
    assert names_some


def test_a_short_table_is_not_walked() -> None:
    """A table without a value index, or of few rows, is read as a whole."""
    assert walk([ByScore(piece_of(scored([5.0] * 9), sizes=LANE_SIZES))], 1) is None
    assert walk([ByScore(piece_of(scored([5.0] * 9)))], 1) is None


def test_the_ends_are_those_of_rows_in_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of no lane and deleted rows do not count, at either end."""
    resize(monkeypatch, packed_rows=0)
    some = scored([1.0] * 15)
    deleted = np.array([0, 1, 2, 13])
    assert ends_of([ByScore(piece_of(some, deleted))]) == (3 * STEP, 12 * STEP)
    assert ends_of([ByScore(piece_of(some).part(4, 5)), ByScore(piece_of(some).part(5, 7))]) == (5 * STEP, 6 * STEP)
    assert ends_of([ByScore(piece_of(some).part(4, 5))]) is None
    assert ends_of([]) is None
