"""Slots: where they begin, and the greatest scores of their rows."""

from typing import Any

import numpy as np
import pytest

from bucketquery.search.slots import (
    Slots,
    SlotSizes,
    greatest,
    greatest_of_each,
    runs_of,
    top_means,
    top_means_of_columns,
)

SIZES = {
    "default": SlotSizes(),
    "blocks of two": SlotSizes(block_rows=2, blocks_per_line=1, sorted_cells=8),
    "blocks of three": SlotSizes(block_rows=3, blocks_per_line=2, sorted_cells=50),
}


@pytest.mark.parametrize("span", [1, 3, 10, 1_000, 2**62])
@pytest.mark.parametrize(
    "timestamps",
    [
        [],
        [-5],
        [-11, -10, -1, 0, 0, 9, 10, 25, 1_000_000],
        [*range(0, 400, 2)],
        [*range(400), *range(601, 1_000)],
        [number // 20 * 10 for number in range(400)],
        [*range(0, 390, 10)] + [395] * 11,
    ],
    ids=len,
)
def test_slots_are_those_of_the_floor(timestamps: list[int], span: int) -> None:
    """Each slot has the rows with its number, before the epoch too, however many there are."""
    given = np.array(timestamps, dtype=np.int64)
    for rows in (slice(0, len(given)), slice(len(given) // 3, len(given) // 2)):
        found = Slots.of(given, rows, span)
        inside = [timestamp // span for timestamp in timestamps[rows]]
        assert found.numbers.tolist() == sorted(set(inside))
        for number, first, stop in zip(*(column.tolist() for column in found), strict=True):
            assert rows.start <= first < stop <= rows.stop
            assert [timestamp // span for timestamp in timestamps[first:stop]] == [number] * inside.count(number)


def test_runs_are_the_stretches_of_equal_values() -> None:
    """No values have no runs."""
    assert [column.tolist() for column in runs_of(np.array([], dtype=np.int64))] == [[], [], []]
    assert [column.tolist() for column in runs_of(np.array([3, 3, 4, 3]))] == [[3, 4, 3], [0, 2, 3], [2, 3, 4]]


def test_no_slots_have_no_scores() -> None:
    """Without slots, both results are empty."""
    nothing = np.array([], dtype=np.int64)
    assert not len(greatest(np.empty(0), nothing, nothing))
    assert [len(column) for column in top_means(np.empty(0), nothing, nothing, 3)] == [0, 0]


def plain_top(values: list[float], top_n: int) -> tuple[float, float]:
    """The mean and the last of the greatest values, by a loop."""
    known = sorted((0.0 if value != value else value for value in values), reverse=True)  # noqa: PLR0124 - NaN
    total = 0.0
    for value in known[:top_n]:
        total += value
    return total / min(top_n, len(known)), known[top_n - 1] if len(known) >= top_n else -np.inf


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("with_missing", [False, True])
def test_the_greatest_scores_are_those_of_a_sorted_list(sizes: SlotSizes, with_missing: bool) -> None:
    """The mean and the last score are exact for slots of any length, with ties, gaps and missing scores."""
    random = np.random.default_rng(5)
    for _ in range(60):
        counts = random.choice([1, 2, 3, 7, 8, 9, 40, 300], size=random.integers(1, 12))
        gaps = random.choice([0, 0, 2], size=len(counts)) if random.random() < 0.5 else np.zeros(len(counts), np.int64)
        stop = np.cumsum(counts + gaps)
        first = stop - counts
        scores = random.choice([0.0, -1.0, 0.1, 75.0], size=stop[-1] + 2) + random.choice([0.0, 0.3], size=stop[-1] + 2)
        if with_missing:
            scores[random.random(len(scores)) < 0.2] = np.nan
        slots = [scores[low:high].tolist() for low, high in zip(first.tolist(), stop.tolist(), strict=True)]
        for top_n in (1, 2, 3, 5, 50):
            means, last = top_means(scores, first, stop, top_n, sizes)
            expected = [plain_top(values, top_n) for values in slots]
            assert means.tolist() == [mean for mean, _ in expected]
            if top_n > 1:
                assert last.tolist() == [least for _, least in expected]
        assert greatest(scores, first, stop).tolist() == [plain_top(values, 1)[0] for values in slots]


def test_equal_slots_side_by_side_are_read_as_one_matrix() -> None:
    """The scores themselves stay as they are."""
    scores = np.array([3.0, 1.0, 2.0, 9.0])
    means, last = top_means(scores, np.array([0, 2]), np.array([2, 4]), 2)
    assert (means.tolist(), last.tolist(), scores.tolist()) == ([2.0, 5.5], [1.0, 2.0], [3.0, 1.0, 2.0, 9.0])


@pytest.mark.parametrize("top_n", [1, 2, 9])
def test_the_columns_of_a_matrix_are_slots(top_n: int) -> None:
    """A column without a score in some rows has the mean of the others."""
    random = np.random.default_rng(3)
    matrix = np.where(random.random((5, 40)) < 0.3, -np.inf, random.random((5, 40)))
    matrix[0] = 0.5
    expected = [plain_top([value for value in column if value > -np.inf], top_n)[0] for column in matrix.T.tolist()]
    assert top_means_of_columns(matrix, top_n).tolist() == expected


@pytest.mark.parametrize("distance", [1, 2**40])
def test_each_owner_counts_once_in_a_slot(distance: int) -> None:
    """The greatest score of an owner counts, and slots may lie far apart."""
    numbers, owners = np.array([0, 0, 1, 0]) * distance, np.array([2**32 - 1, 5, 5, 5])
    found = greatest_of_each(numbers, owners, np.array([1.0, np.nan, 3.0, -2.0]))
    rows: list[Any] = [tuple(row) for row in zip(*(column.tolist() for column in found), strict=True)]
    assert rows == [(0, 5, 0.0), (0, 2**32 - 1, 1.0), (distance, 5, 3.0)]
    again = greatest_of_each(*found)
    assert all(one is other for one, other in zip(found, again, strict=True))
    swapped = greatest_of_each(np.array([1, 0]), np.array([1, 1]), np.array([1.0, 2.0]))
    assert [column.tolist() for column in swapped] == [[0, 1], [1, 1], [2.0, 1.0]]
