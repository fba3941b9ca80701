"""Block counts: they give the number of values at or above a threshold that comparing each value gives."""

import numpy as np
import pytest

from bucketquery.model.schema import Array
from bucketquery.value_index.block_counts import BlockCounts, LazyBlockCounts
from support.helpers import resize, sizes

NAN = float("nan")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def compared_count(values: Array, first: int, stop: int, threshold: float) -> int:
    """The same count, value by value. A missing value is below every threshold."""
    return sum(value >= threshold for value in values[first:stop].tolist())


@pytest.fixture(params=[(2, 1), (4, 3), (5, 250)], ids=repr)
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make blocks of a few values and few classes, so that a short array has many blocks and shared classes."""
    block, classes = request.param
    resize(monkeypatch, block_values=block, value_classes=classes)


VALUES: dict[str, list[float]] = {
    "none": [],
    "one": [3.0],
    "all equal": [5.0] * 9,
    "all missing": [NAN] * 9,
    "ascending": [row / 2 for row in range(13)],
    "ties and gaps": [0.0, NAN, 0.0, 75.0, -0.0, 25.0, 75.0, NAN, 0.0, 100.0, 5e-324, 75.0, 25.0],
    "zero and below": [-3.0, -1.0, NAN, -2.0, 0.0, -0.0, -1.0, -3.0],
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_block_counts_agree_with_a_comparison(values: list[float]) -> None:
    """The counts are equal for any range of values, and for thresholds at, between, below and above all values.

    Counting does not modify the values.
    """
    given = np.array(values, dtype=np.float64)
    made = BlockCounts(given, sizes())
    assert made.length == len(values)
    for threshold in sorted({-9.0, 1e-9, 24.9, 75.000001, 1e9, *given[~np.isnan(given)].tolist()}):
        for first in range(len(values) + 1):
            for stop in range(first, len(values) + 1):
                counted, compared = made.count(given, first, stop, threshold)
                assert counted == compared_count(given, first, stop, threshold)
                assert made.counts(given, first, stop, np.array([threshold, 1e10])).tolist() == [counted, 0]
                assert 0 <= compared <= stop - first
    assert given.tobytes() == np.array(values, dtype=np.float64).tobytes()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("many", [0, 80])
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_many_edges_are_counted_as_each_of_them(values: list[float], many: int) -> None:
    """The counts of many ascending edges, repeats included, are those of each edge, for any range of values."""
    given = np.array(values, dtype=np.float64)
    made = BlockCounts(given, sizes())
    edges = np.array([-9.0, 1e-9, 3.0, 3.0, 24.9, 75.0, *np.linspace(75.0, 101, many)])
    for first in range(len(values) + 1):
        for stop in range(first, len(values) + 1):
            expected = [compared_count(given, first, stop, edge) for edge in edges.tolist()]
            assert made.counts(given, first, stop, edges).tolist() == expected


@pytest.mark.usefixtures("small")
def test_integers_are_counted_exactly() -> None:
    """The values include the extremes of int64, and two integers that are the same double."""
    values = np.array([INT64_MIN, INT64_MAX, 2**53, 2**53 + 1, 0, -1, 0, INT64_MAX, INT64_MIN + 1], dtype=np.int64)
    made = BlockCounts(values, sizes())
    for threshold in set(values.tolist()):
        for first in range(len(values)):
            for stop in range(first, len(values) + 1):
                counted, _ = made.count(values, first, stop, np.int64(threshold))
                assert counted == compared_count(values, first, stop, threshold)


@pytest.mark.parametrize("shape", ["spread", "clustered", "mostly zero"])
def test_block_counts_of_many_values_agree_with_a_comparison(shape: str) -> None:
    """Blocks and classes have their usual sizes, so most values of a range are not compared."""
    rng = np.random.default_rng(5)
    values = rng.random(40_000) * 100
    if shape == "clustered":
        values = np.abs(np.cumsum(rng.normal(0, 1, len(values)))) % 100
    elif shape == "mostly zero":
        values[rng.random(len(values)) < 0.9] = 0.0
    values[rng.random(len(values)) < 0.02] = NAN
    made = BlockCounts(values, sizes())
    for threshold in (1e-9, 3.0, 37.3, 99.9, float(np.nanmax(values)), 200.0):
        for first, stop in ((0, 40_000), (1, 39_999), (4_096, 8_192), (4_095, 8_193), (17, 4_000), (36_864, 40_000)):
            counted = int(np.count_nonzero(values[first:stop] >= threshold))
            assert made.count(values, first, stop, threshold)[0] == counted
    assert made.nbytes() < 12 * len(values) + 8 * 300 * 12, "twelve bytes a value, and a row of classes for each block"


@pytest.mark.parametrize(
    ("first", "stop", "count", "compared"),
    [
        (0, 40, 22, 4),
        (1, 39, 21, 3 + 4 + 3),
        (4, 40, 22, 4),
        (17, 40, 22, 3 + 0),
        (20, 36, 16, 0),
        (17, 23, 5, 6),
        (18, 19, 1, 1),
        (9, 9, 0, 0),
    ],
)
def test_a_count_says_how_many_values_were_compared(
    first: int, stop: int, count: int, compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks and classes have four values, and the threshold divides the class of 16 to 19.

    A count compares the values of this class in the whole blocks, and the values before and after the whole blocks. It
    compares all values of a range without a whole block.
    """
    resize(monkeypatch, block_values=4, value_classes=10)
    values = np.arange(40.0)
    assert BlockCounts(values, sizes()).count(values, first, stop, 17.5) == (count, compared)


# ---- lazy block counts


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make block counts at the third count of ten or more values, and again once the values have more than doubled."""
    resize(monkeypatch, block_values=4, compared_values=9, compared_times=2, counted_per_value_behind=1)


@pytest.mark.usefixtures("eager")
def test_lazy_block_counts_compare_until_block_counts_pay() -> None:
    """Few values are always compared. Many values are compared at the first two counts.

    The third count of many values makes block counts, and later counts use them. Each count says how many values it
    compared.
    """
    values = np.arange(20.0)
    lazy = LazyBlockCounts(sizes())
    for _ in range(9):
        assert lazy.count(values, 3, 12, 5.0) == (7, 9)
    for _ in range(2):
        assert lazy.count(values, 0, 20, 5.0) == (15, 20)
        assert lazy.nbytes() == 0
    assert lazy.count(values, 0, 20, 5.0) == (15, 1)
    assert lazy.nbytes() == BlockCounts(values, sizes()).nbytes() > 0
    made = lazy._block_counts
    assert lazy.count(values, 1, 19, 5.0) == (14, 3 + 1 + 3)
    assert lazy._block_counts is made


@pytest.mark.usefixtures("eager")
def test_three_edges_make_block_counts_at_once() -> None:
    """Few values are compared. Two edges of many values are compared, and three make the block counts."""
    values = np.arange(20.0)
    lazy = LazyBlockCounts(sizes())
    assert lazy.counts(values, 3, 12, np.arange(9.0)).tolist() == [9, 9, 9, 9, 8, 7, 6, 5, 4]
    assert lazy.counts(values, 0, 20, np.array([5.0, 9.0])).tolist() == [15, 11]
    assert lazy.nbytes() == 0
    assert lazy.counts(values, 0, 20, np.array([5.0, 9.0])).tolist() == [15, 11]
    assert lazy.nbytes() > 0
    more = np.append(values, [7.0, 3.0])
    assert lazy.counts(more, 0, 22, np.array([5.0, 9.0])).tolist() == [16, 11]
    assert lazy.counts(more, 0, 11, np.array([5.0, 9.0])).tolist() == [6, 2]


@pytest.mark.usefixtures("eager")
def test_later_values_are_compared_until_they_are_too_many() -> None:
    """If too many values are not covered, new block counts of all values are made.

    A count of fewer values leaves out the values behind them.
    """
    values = np.arange(50.0)[::-1].copy()
    lazy = LazyBlockCounts(sizes())
    for _ in range(3):
        lazy.count(values[:20], 0, 20, 40.0)
    made = lazy._block_counts
    assert made is not None
    for length in (21, 30, 40):
        # 25 is below all 20 values of the block counts, so only values outside whole blocks are compared.
        for first, stop, compared in (
            (0, length, length - 20),
            (19, length, length - 19),
            (20, length, length - 20),
            (5, 20, 3),
        ):
            counted = compared_count(values, first, stop, 25.0)
            assert lazy.count(values[:length], first, stop, 25.0) == (counted, compared)
        assert lazy._block_counts is made
    assert lazy.count(values[:40], 25, 40, 20.0) == (5, 15), "no value has block counts"
    assert lazy.count(values[:41], 0, 41, 25.0) == (25, 1 + 1)
    assert lazy._block_counts is not made
    assert lazy._block_counts is not None
    assert lazy._block_counts.length == 41
    for length in (10, 20, 33):
        # The block counts cover more values than these.
        for first in range(length):
            counted, _ = lazy.count(values[:length], first, length, 25.0)
            assert counted == compared_count(values, first, length, 25.0)
