"""Block counts: how many of a stretch of values are at or above a threshold, without a look at most of them.

The values are put into a few hundred classes by size, and for every some thousand values it is kept how many came
before in each class. So a count is a subtraction, but for the class that the threshold divides and the two ends of the
stretch, which are compared.
"""

from typing import Any

import numpy as np

from bucketquery.arrays.sorted_arrays import sampled
from bucketquery.model.schema import Array, Int32s, Int64s
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes


class BlockCounts:
    """The block counts of some values, which do not change.

    Attributes:
        length: how many they are.

    Args:
        values: shape (m,), numbers, NaN where missing.

    Making one sorts the values, O(m log m), and takes 12 bytes a value.

    >>> values = np.array([0.5, 2.0, 1.0, 3.0])
    >>> BlockCounts(values).count(values, 1, 4, 1.5)
    2
    """

    __slots__ = ("_before", "_block", "_edges", "_offsets", "_places", "_sorted", "length")

    def __init__(self, values: Array, sizes: Sizes = DEFAULT_SIZES) -> None:
        self.length = len(values)
        self._block = block = sizes.block_values
        ranked = np.sort(sampled(values[~np.isnan(values)], sizes.sampled_values))
        # What is less than every edge is in the first class, and what is missing, too.
        self._edges = np.unique(ranked[:: max(1, -(-len(ranked) // sizes.value_classes))])
        classes = self._edges.searchsorted(values, "right").astype(np.uint8)
        classes[np.isnan(values)] = 0
        number = len(self._edges) + 1
        blocks = len(values) // block
        # Row b, column c: how many of the values before block b are in class c or a higher one.
        cells = np.arange(blocks * block, dtype=np.int64) // block * number + classes[: blocks * block]
        counts = np.bincount(cells, minlength=blocks * number).reshape(blocks, number)
        self._before = np.zeros((blocks + 1, number + 1), dtype=np.int64)
        self._before[1:, :number] = counts.cumsum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
        # The values class by class, each class's in their order.
        order = classes.argsort(kind="stable")
        self._places: Int32s = order.astype(np.int32)
        self._sorted = values[order]
        self._offsets: Int64s = np.concatenate(([0], np.bincount(classes, minlength=number).cumsum()))

    def count(self, values: Array, first: int, stop: int, threshold: Any) -> int:
        """How many of the values from ``first`` on and before ``stop`` are at least ``threshold``.

        Args:
            values: those that it was made of; there may be others behind them.
            first: the first that is looked at.
            stop: what comes behind the last, not more than there were.
            threshold: what they are held against.

        Complexity: O(log m) and a comparison of the values of one class and of two blocks.
        """
        block = self._block
        low, high = -(-first // block), stop // block
        if low >= high:
            return _at_least(values[first:stop], threshold)
        divided = int(self._edges.searchsorted(threshold, "right"))
        total = self._before.item(high, divided + 1) - self._before.item(low, divided + 1)
        start, end = self._offsets[divided : divided + 2].tolist()
        places = self._places[start:end]
        from_, to = places.searchsorted(np.array((low * block, high * block), dtype=np.int32)).tolist()
        total += _at_least(self._sorted[start + from_ : start + to], threshold)
        total += _at_least(values[first : low * block], threshold)
        return total + _at_least(values[high * block : stop], threshold)

    def nbytes(self) -> int:
        """Bytes of its own arrays."""
        return sum(array.nbytes for array in (self._before, self._edges, self._offsets, self._places, self._sorted))


class LazyBlockCounts:
    """Counts of values that thresholds are held against again and again: compared, or counted by blocks once that pays.

    It may be asked of more values as time goes on, as long as the first ones stay the same.
    """

    __slots__ = ("_asked", "_block_counts", "_sizes")

    def __init__(self, sizes: Sizes = DEFAULT_SIZES) -> None:
        self._sizes = sizes
        self._asked = 0
        self._block_counts: BlockCounts | None = None

    def count(self, values: Array, first: int, stop: int, threshold: Any) -> int:
        """How many of the values from ``first`` on and before ``stop`` are at least ``threshold``.

        Complexity: O(stop - first) for the first few times and where these are few; then that of `Block counts.count`,
        and
        once that of making one.
        """
        sizes = self._sizes
        if stop - first <= sizes.compared_values:
            return _at_least(values[first:stop], threshold)
        block_counts = self._block_counts
        if (
            block_counts is None
            or len(values) - block_counts.length > block_counts.length // sizes.counted_per_value_behind
        ):
            self._asked += 1
            if self._asked <= sizes.compared_times:
                return _at_least(values[first:stop], threshold)
            # Two readers may both make it, and make the same.
            block_counts = self._block_counts = BlockCounts(values, sizes)
        known = min(stop, block_counts.length)
        return block_counts.count(values, first, known, threshold) + _at_least(
            values[max(first, known) : stop], threshold
        )

    def nbytes(self) -> int:
        """Bytes of the block counts, if there is one."""
        return 0 if self._block_counts is None else self._block_counts.nbytes()


def _at_least(values: Array, threshold: Any) -> int:
    return int(np.count_nonzero(values >= threshold))
