"""Block counts: counts of a stretch of values at or above a threshold, against comparing each of them."""

import numpy as np
import pytest

from bucketquery.model.schema import Array
from bucketquery.value_index.block_counts import BlockCounts, LazyBlockCounts
from support.helpers import resize, sizes

NAN = float("nan")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def plainly(values: Array, first: int, stop: int, threshold: float) -> int:
    """The same count, value by value; what is missing is at no threshold."""
    return sum(value >= threshold for value in values[first:stop].tolist())


@pytest.fixture(params=[(2, 1), (4, 3), (5, 250)], ids=repr)
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few values and few classes, so that a few values have many of the one and share the other."""
    block, classes = request.param
    resize(monkeypatch, block_values=block, value_classes=classes)


VALUES: dict[str, list[float]] = {
    "none": [],
    "one": [3.0],
    "all alike": [5.0] * 9,
    "all missing": [NAN] * 9,
    "ascending": [row / 2 for row in range(13)],
    "ties and gaps": [0.0, NAN, 0.0, 75.0, -0.0, 25.0, 75.0, NAN, 0.0, 100.0, 5e-324, 75.0, 25.0],
    "below nothing": [-3.0, -1.0, NAN, -2.0, 0.0, -0.0, -1.0, -3.0],
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_a_block_counts_counts_as_a_comparison_does(values: list[float]) -> None:
    """Any stretch, at, between, below and above all values; and nothing happens to them."""
    given = np.array(values, dtype=np.float64)
    made = BlockCounts(given, sizes())
    assert made.length == len(values)
    for threshold in sorted({-9.0, 1e-9, 24.9, 75.000001, 1e9, *given[~np.isnan(given)].tolist()}):
        for first in range(len(values) + 1):
            for stop in range(first, len(values) + 1):
                assert made.count(given, first, stop, threshold) == plainly(given, first, stop, threshold)
    assert given.tobytes() == np.array(values, dtype=np.float64).tobytes()


@pytest.mark.usefixtures("small")
def test_whole_numbers_are_counted_in_blocks_exactly() -> None:
    """The least and the greatest there are, and two that no double tells apart."""
    values = np.array([INT64_MIN, INT64_MAX, 2**53, 2**53 + 1, 0, -1, 0, INT64_MAX, INT64_MIN + 1], dtype=np.int64)
    made = BlockCounts(values, sizes())
    for threshold in set(values.tolist()):
        for first in range(len(values)):
            for stop in range(first, len(values) + 1):
                counted = made.count(values, first, stop, np.int64(threshold))
                assert counted == plainly(values, first, stop, threshold)


@pytest.mark.parametrize("shape", ["spread", "clustered", "mostly nothing"])
def test_a_block_counts_of_many_values_counts_as_a_comparison_does(shape: str) -> None:
    """With blocks and classes as they are, where most of a stretch is never looked at."""
    rng = np.random.default_rng(5)
    values = rng.random(40_000) * 100
    if shape == "clustered":
        values = np.abs(np.cumsum(rng.normal(0, 1, len(values)))) % 100
    elif shape == "mostly nothing":
        values[rng.random(len(values)) < 0.9] = 0.0
    values[rng.random(len(values)) < 0.02] = NAN
    made = BlockCounts(values, sizes())
    for threshold in (1e-9, 3.0, 37.3, 99.9, float(np.nanmax(values)), 200.0):
        for first, stop in ((0, 40_000), (1, 39_999), (4_096, 8_192), (4_095, 8_193), (17, 4_000), (36_864, 40_000)):
            counted = int(np.count_nonzero(values[first:stop] >= threshold))
            assert made.count(values, first, stop, threshold) == counted
    assert made.nbytes() < 12 * len(values) + 8 * 300 * 12, "twelve bytes a value, and a row of classes for each block"


# ---- counters


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten values are many, and the third count of so many is often; a block counts serves for twice its values."""
    resize(monkeypatch, block_values=4, compared_values=9, compared_times=2, counted_per_value_behind=1)


@pytest.mark.usefixtures("eager")
def test_a_counter_compares_until_a_block_counts_pays() -> None:
    """Few values always, many the first two times; the third time a block counts is made, and from then on used."""
    values = np.arange(20.0)
    block_counts = LazyBlockCounts(sizes())
    for _ in range(9):
        assert block_counts.count(values, 3, 12, 5.0) == 7
    for _ in range(2):
        assert block_counts.count(values, 0, 20, 5.0) == 15
        assert block_counts.nbytes() == 0
    assert block_counts.count(values, 0, 20, 5.0) == 15
    assert block_counts.nbytes() == BlockCounts(values, sizes()).nbytes() > 0
    made = block_counts._block_counts
    assert block_counts.count(values, 1, 19, 5.0) == 14
    assert block_counts._block_counts is made


@pytest.mark.usefixtures("eager")
def test_what_came_behind_a_block_counts_is_compared_until_it_is_too_much() -> None:
    """The block counts is made anew of all of them then; those who see fewer values count among these alone."""
    values = np.arange(50.0)[::-1].copy()
    block_counts = LazyBlockCounts(sizes())
    for _ in range(3):
        block_counts.count(values[:20], 0, 20, 40.0)
    made = block_counts._block_counts
    assert made is not None
    for length in (21, 30, 40):
        for first, stop in ((0, length), (19, length), (20, length), (5, 20)):
            assert block_counts.count(values[:length], first, stop, 25.0) == plainly(values, first, stop, 25.0)
        assert block_counts._block_counts is made
    assert block_counts.count(values[:41], 0, 41, 25.0) == 25
    assert block_counts._block_counts is not made
    assert block_counts._block_counts is not None
    assert block_counts._block_counts.length == 41
    for length in (10, 20, 33):
        # The block counts knows rows that these do not have.
        for first in range(length):
            assert block_counts.count(values[:length], first, length, 25.0) == plainly(values, first, length, 25.0)
