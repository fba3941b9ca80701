"""Block counts: how many consecutive values are at or above a threshold, without reading most of them.

The values are divided into 250 classes by size, and into blocks of 4,096 in their order. For each block and each class,
the block counts store how many values of the class come before the block. So a count is a subtraction. Only the values
of the class that the threshold divides, and those of the first and the last block, are compared.
"""

from typing import Any

import numpy as np

from bucketquery.arrays.sorted_arrays import counts_reaching, sampled
from bucketquery.model.schema import Array, Int32s, Int64s
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes


class BlockCounts:
    """The block counts of some values.

    Attributes:
        length: the number of values.

    Args:
        values: shape (m,), numbers, NaN if missing; they must not change.
        sizes: the sizes of blocks and classes.

    Making them sorts the values: O(m log m). They take 12 bytes a value.

    >>> values = np.array([0.5, 2.0, 1.0, 3.0])
    >>> BlockCounts(values).count(values, 1, 4, 1.5)
    (2, 3)
    """

    __slots__ = ("_before", "_block", "_edges", "_offsets", "_places", "_sorted", "length")

    def __init__(self, values: Array, sizes: Sizes = DEFAULT_SIZES) -> None:
        self.length = len(values)
        self._block = block = sizes.block_values
        ranked = np.sort(sampled(values[~np.isnan(values)], sizes.sampled_values))
        # The first class has the missing values, and those less than every edge.
        self._edges = np.unique(ranked[:: max(1, -(-len(ranked) // sizes.value_classes))])
        classes = self._edges.searchsorted(values, "right").astype(np.uint8)
        classes[np.isnan(values)] = 0
        number = len(self._edges) + 1
        blocks = len(values) // block
        # In row b, column c: the number of values before block b in class c or a higher class.
        cells = np.arange(blocks * block, dtype=np.int64) // block * number + classes[: blocks * block]
        counts = np.bincount(cells, minlength=blocks * number).reshape(blocks, number)
        self._before = np.zeros((blocks + 1, number + 1), dtype=np.int64)
        self._before[1:, :number] = counts.cumsum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
        # The values by class; within a class they stay in their order.
        order = classes.argsort(kind="stable")
        self._places: Int32s = order.astype(np.int32)
        self._sorted = values[order]
        self._offsets: Int64s = np.concatenate(([0], np.bincount(classes, minlength=number).cumsum()))

    def count(self, values: Array, first: int, stop: int, threshold: Any) -> tuple[int, int]:
        """How many of the values from ``first`` on and before ``stop`` are at least ``threshold``.

        Args:
            values: the values of these block counts, and perhaps others after them.
            first: the place of the first value to count.
            stop: the place after the last one, at most `length`.
            threshold: the least value to count.

        Returns:
            The count, and the number of values that were compared.

        Complexity: O(log m), plus a comparison with the values of one class and of two blocks.
        """
        block = self._block
        low, high = -(-first // block), stop // block
        if low >= high:
            return _compared(values[first:stop], threshold)
        begin, end = low * block, high * block
        divided = int(self._edges.searchsorted(threshold, "right"))
        total = self._before.item(high, divided + 1) - self._before.item(low, divided + 1)
        start, after = self._offsets[divided : divided + 2].tolist()
        places = self._places[start:after]
        from_, to = places.searchsorted(np.array((begin, end), dtype=np.int32)).tolist()
        total += _at_least(self._sorted[start + from_ : start + to], threshold)
        total += _at_least(values[first:begin], threshold) + _at_least(values[end:stop], threshold)
        return total, (to - from_) + (begin - first) + (stop - end)

    def counts(self, values: Array, first: int, stop: int, edges: Array) -> Int64s:
        """The counts of `count` for each of some ascending edges.

        O(k log m) for k edges, plus a comparison with the values of one class for each, and with those of two blocks.
        """
        block = self._block
        low, high = -(-first // block), stop // block
        if low >= high:
            return counts_reaching(values[first:stop], edges)
        begin, end = low * block, high * block
        divided = self._edges.searchsorted(edges, "right")
        totals: Int64s = self._before[high, divided + 1] - self._before[low, divided + 1]
        borders = np.array((begin, end), dtype=np.int32)
        classes, at = np.unique(divided, return_index=True)
        for number, start, after in zip(classes.tolist(), at.tolist(), [*at[1:].tolist(), len(edges)], strict=True):
            offset, behind = self._offsets.item(number), self._offsets.item(number + 1)
            from_, to = self._places[offset:behind].searchsorted(borders).tolist()
            totals[start:after] += counts_reaching(self._sorted[offset + from_ : offset + to], edges[start:after])
        beside = np.concatenate((values[first:begin], values[end:stop]))
        return totals + counts_reaching(beside, edges)

    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in (self._before, self._edges, self._offsets, self._places, self._sorted))


class LazyBlockCounts:
    """Counts values at or above a threshold by comparing them, and by block counts once these pay.

    Later calls may give more values, as long as the first ones stay the same.

    Args:
        sizes: the sizes above which block counts pay.
    """

    __slots__ = ("_block_counts", "_comparisons", "_sizes")

    def __init__(self, sizes: Sizes = DEFAULT_SIZES) -> None:
        self._sizes = sizes
        self._comparisons = 0
        # This is not a `once` value, because the block counts are made again when too many values lie behind them.
        self._block_counts: BlockCounts | None = None

    def count(self, values: Array, first: int, stop: int, threshold: Any) -> tuple[int, int]:
        """How many of the values from ``first`` on and before ``stop`` are at least ``threshold``.

        Returns:
            The count, and the number of values that were compared.

        Complexity: O(stop - first) for at most 131,072 values, and for the first two calls with more. Other calls cost
        what `BlockCounts.count` does, and the first of them makes the block counts.
        """
        if stop - first <= self._sizes.compared_values:
            return _compared(values[first:stop], threshold)
        block_counts = self._made(values, 1)
        if block_counts is None:
            return _compared(values[first:stop], threshold)
        known = min(stop, block_counts.length)
        counted, compared = block_counts.count(values, first, known, threshold)
        behind = values[max(first, known) : stop]
        return counted + _at_least(behind, threshold), compared + len(behind)

    def counts(self, values: Array, first: int, stop: int, edges: Array) -> Int64s:
        """The counts of `count` for each of some ascending edges.

        O(n log n) for at most 131,072 values. Otherwise as `BlockCounts.counts`, and the first call with at least three
        edges makes the block counts.
        """
        is_short = stop - first <= self._sizes.compared_values
        block_counts = None if is_short else self._made(values, len(edges))
        if block_counts is None:
            return counts_reaching(values[first:stop], edges)
        known = min(stop, block_counts.length)
        counted = block_counts.counts(values, first, known, edges)
        behind = values[max(first, known) : stop]
        return counted + counts_reaching(behind, edges) if len(behind) else counted

    def _made(self, values: Array, times: int) -> BlockCounts | None:
        """The block counts, for this number of counts; None if they do not pay yet."""
        sizes = self._sizes
        block_counts = self._block_counts
        if (
            block_counts is None
            or len(values) - block_counts.length > block_counts.length // sizes.counted_per_value_behind
        ):
            self._comparisons += times
            if self._comparisons <= sizes.compared_times:
                return None
            # Two readers may both make them, with the same result.
            block_counts = self._block_counts = BlockCounts(values, sizes)
        return block_counts

    def nbytes(self) -> int:
        """Bytes of the block counts; 0 if they are not made yet."""
        return 0 if self._block_counts is None else self._block_counts.nbytes()


def _compared(values: Array, threshold: Any) -> tuple[int, int]:
    """How many values are at least ``threshold``, and how many there are; each is compared."""
    return _at_least(values, threshold), len(values)


def _at_least(values: Array, threshold: Any) -> int:
    return int(np.count_nonzero(values >= threshold))
