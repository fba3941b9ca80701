"""Slots: equal intervals of time, and the greatest scores of the rows in each.

A slot has the number ``floor(timestamp / span)``. These functions read arrays only. They do not know which rows are
deleted, and whose results the rows are.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import concatenated_ranges
from bucketquery.model.schema import Array, Bools, Float64s, Int64s

#: If the rows of a window have fewer slots than one for every N rows, the first row of each is found by bisection.
_ROWS_PER_BISECTION: Final = 8


class SlotSizes(NamedTuple):
    """The sizes from which each way to find the greatest scores pays off. They change the time, and no answer.

    Attributes:
        block_rows: the number of rows in a block, of which only the greatest score is read first.
        blocks_per_line: blocks are used if a slot has this many for each wanted score.
        sorted_cells: at most this many scores are sorted at once, unless one slot has more.
    """

    block_rows: int = 64
    blocks_per_line: int = 4
    sorted_cells: int = 2**17


#: The sizes found by measurement.
SLOT_SIZES: Final = SlotSizes()


class Slots(NamedTuple):
    """The slots that have rows, ascending.

    Attributes:
        numbers: the numbers of the slots.
        first: the first row of each.
        stop: the row behind the last of each.
    """

    numbers: Int64s
    first: Int64s
    stop: Int64s

    @classmethod
    def of(cls, timestamps: Int64s, rows: slice, span: int) -> "Slots":
        """The slots of consecutive rows.

        Args:
            timestamps: epoch ms, ascending.
            rows: the rows, with step 1.
            span: the length of a slot, ms.

        O(s log n) for s slots, or O(n) if there are many.

        >>> Slots.of(np.array([0, 5, 10, 30]), slice(0, 4), 10)[:2]
        (array([0, 1, 3]), array([0, 2, 3]))
        """
        inside = timestamps[rows]
        if not len(inside):
            return NO_SLOTS
        lowest, highest = inside.item(0) // span, inside.item(-1) // span
        if (highest - lowest) * _ROWS_PER_BISECTION < len(inside):
            numbers = np.arange(lowest, highest + 1)
            first = _even(inside, numbers, span)
            if first is None:
                first = inside.searchsorted(numbers * span)
            stop = np.append(first[1:], len(inside))
            has_rows = stop > first
            if not has_rows.all():
                numbers, first, stop = numbers[has_rows], first[has_rows], stop[has_rows]
        else:
            numbers, first, stop = runs_of(inside // span)
        return cls(numbers, first + rows.start, stop + rows.start)

    def select(self, which: Bools | Int64s) -> "Slots":
        """Some of the slots."""
        return Slots(self.numbers[which], self.first[which], self.stop[which])

    def among(self, rows: Int64s) -> "Slots":
        """The slots that have some of the given rows, as slots of these rows alone.

        Args:
            rows: rows, ascending.
        """
        first, stop = rows.searchsorted(self.first), rows.searchsorted(self.stop)
        return Slots(self.numbers, first, stop).select(stop > first)


def _even(timestamps: Int64s, numbers: Int64s, span: int) -> Int64s | None:
    """The first row of each slot if all have the same number of rows, in a tenth of the time; else None."""
    size, rest = divmod(len(timestamps), len(numbers))
    if rest:
        return None
    begins, ends = timestamps[::size], timestamps[size - 1 :: size]
    instants = numbers * span
    is_even = (begins >= instants).all() and (ends[:-1] < instants[1:]).all()
    return np.arange(0, len(timestamps), size) if is_even else None


_NONE: Final[Int64s] = np.empty(0, dtype=np.int64)
NO_SLOTS: Final = Slots(_NONE, _NONE, _NONE)


def runs_of(values: Array) -> tuple[Array, Int64s, Int64s]:
    """Each run of equal values: the value, the first position and the position behind the last.

    >>> runs_of(np.array([5, 5, 7]))
    (array([5, 7]), array([0, 2]), array([2, 3]))
    """
    if not len(values):
        return values, _NONE, _NONE
    changes = (values[1:] != values[:-1]).nonzero()[0] + 1
    first = np.concatenate(([0], changes))
    return values[first], first, np.append(changes, len(values))


def greatest(scores: Float64s, first: Int64s, stop: Int64s) -> Float64s:
    """The greatest score of each slot; a missing score counts as 0.0. Each slot has at least one row.

    >>> greatest(np.array([1.0, 5.0, np.nan]), np.array([0, 2]), np.array([2, 3])).tolist()
    [5.0, 0.0]
    """
    if not len(first):
        return np.empty(0)
    found = _greatest(scores, first, stop)
    # NumPy's maximum of NaN and any number is NaN.
    return _greatest(without_missing(scores), first, stop) if np.isnan(found).any() else found


def without_missing(scores: Float64s) -> Float64s:
    """The scores, with 0.0 for a missing one. They are copied only if one is missing."""
    if not len(scores) or not np.isnan(scores.min()):
        return scores
    return np.where(np.isnan(scores), 0.0, scores)


def _greatest(scores: Float64s, first: Int64s, stop: Int64s) -> Float64s:
    last = int(stop[-1])
    if (first[1:] == stop[:-1]).all():
        found: Float64s = np.maximum.reduceat(scores[:last], first)
        return found
    ends = np.empty(2 * len(first), dtype=np.int64)
    ends[::2], ends[1::2] = first, stop
    every: Float64s = np.maximum.reduceat(scores[:last], ends[:-1])
    return every[::2]


def top_means(
    scores: Float64s, first: Int64s, stop: Int64s, top_n: int, sizes: SlotSizes = SLOT_SIZES
) -> tuple[Float64s, Float64s]:
    """The mean of the greatest scores of each slot, and the last of these scores.

    The scores are added one after the other, the greatest first, so the order of the rows plays no part.

    Args:
        scores: shape (n,); a missing one is NaN and counts as 0.0.
        first: the first row of each slot, ascending.
        stop: the row behind the last of each; each slot has at least one row.
        top_n: the number of scores. If a slot has fewer, the mean is that of all, and the second result is minus
            infinity.
        sizes: the sizes of blocks.

    O(n) for ``top_n`` 1, else O(n log c) for slots of c rows. A small ``top_n`` in large slots is O(n).

    >>> means, last = top_means(np.array([1.0, 5.0, 3.0, 9.0]), np.array([0, 3]), np.array([3, 4]), 2)
    >>> means.tolist(), last.tolist()
    ([4.0, 9.0], [3.0, -inf])
    """
    if top_n == 1 or not len(first):
        found = greatest(scores, first, stop)
        return found, found
    low, high = int(first[0]), int(stop[-1])
    scores, first = without_missing(scores[low:high]), first - low
    counts = stop - low - first
    sums, last = np.empty(len(first)), np.empty(len(first))
    # Slots of similar lengths are sorted together.
    lengths = np.frexp(counts)[1]
    for length in np.unique(lengths).tolist():
        which = (lengths == length).nonzero()[0]
        _sum_tops(scores, first, counts, which, top_n, sizes, sums, last)
    return sums / np.minimum(counts, top_n), last


def top_means_of_columns(scores: Float64s, top_n: int) -> Float64s:
    """The mean of the greatest scores of each column of a matrix, which has minus infinity where it has no score.

    Each column has a score. The order of the rows plays no part.

    >>> top_means_of_columns(np.array([[5.0, 1.0], [-np.inf, 3.0]]), 2).tolist()
    [5.0, 2.0]
    """
    if top_n == 1:
        found: Float64s = scores.max(axis=0)
        return found
    rows = scores.T.copy()
    rows.sort(axis=1)
    lines = rows[:, ::-1][:, :top_n]
    means: Float64s = _sums(lines) / np.count_nonzero(lines > -np.inf, axis=1)
    return means


def _sums(lines: Float64s) -> Float64s:
    """The sum of each row, from left to right; minus infinity counts as nothing."""
    # NumPy's `sum` adds in pairs.
    sums: Float64s = np.add.accumulate(np.where(lines == -np.inf, 0.0, lines), axis=1)[:, -1]
    return sums


def _sum_tops(  # noqa: PLR0917 - the arrays of one caller
    scores: Float64s,
    first: Int64s,
    counts: Int64s,
    which: Int64s,
    top_n: int,
    sizes: SlotSizes,
    sums: Float64s,
    last: Float64s,
) -> None:
    """Fill ``sums`` and ``last`` for some slots of similar lengths."""
    widest = int(counts[which].max())
    step = max(1, sizes.sorted_cells // widest)
    if int(counts[which].min()) >= top_n * sizes.blocks_per_line * sizes.block_rows:
        # A slot leaves only a few of its blocks to be sorted.
        step *= sizes.block_rows
    for at in range(0, len(which), step):
        some = which[at : at + step]
        lines = _top_lines(scores, first[some], counts[some], min(top_n, widest), sizes)
        last[some] = lines[:, top_n - 1] if top_n <= widest else -np.inf
        sums[some] = _sums(lines)


def _top_lines(scores: Float64s, first: Int64s, counts: Int64s, top_n: int, sizes: SlotSizes) -> Float64s:
    """The greatest scores of each slot, shape (slots, top_n), descending; minus infinity where a slot has fewer."""
    widest = int(counts.max())
    if int(counts.min()) >= top_n * sizes.blocks_per_line * sizes.block_rows:
        return _top_lines_of_blocks(scores, first, counts, top_n, sizes)
    rows = _padded(scores, first, counts, widest)
    rows.sort(axis=1)
    lines = np.full((len(first), top_n), -np.inf)
    number = min(top_n, widest)
    lines[:, :number] = rows[:, ::-1][:, :number]
    return lines


def _padded(scores: Float64s, first: Int64s, counts: Int64s, widest: int) -> Float64s:
    """A copy of the scores of each slot as one row of a matrix, filled up with minus infinity."""
    if (counts == widest).all() and (first[1:] - first[:-1] == widest).all():
        start = int(first[0])
        return scores[start : start + widest * len(first)].reshape(-1, widest).copy()
    places = np.arange(widest)
    rows: Float64s = scores.take(first[:, None] + places, mode="clip")
    rows[places >= counts[:, None]] = -np.inf
    return rows


def _top_lines_of_blocks(scores: Float64s, first: Int64s, counts: Int64s, top_n: int, sizes: SlotSizes) -> Float64s:
    """The result of `_top_lines` for large slots.

    Let t be the n-th greatest of the greatest scores of blocks. Then n scores are at least t, and those above t lie in
    fewer than n blocks. So the n greatest are those above t, and as many t as are missing.
    """
    blocks = -(-counts // sizes.block_rows)
    numbers, slot = concatenated_ranges(np.zeros(len(blocks), dtype=np.int64), blocks)
    starts = numbers * sizes.block_rows + first[slot]
    stops = np.minimum(starts + sizes.block_rows, (first + counts)[slot])
    tops = _greatest(scores, starts, stops)
    behind = np.cumsum(blocks)
    least = _top_lines(tops, behind - blocks, blocks, top_n, sizes)[:, -1]
    read = tops > least[slot]
    rows, block = concatenated_ranges(starts[read], stops[read])
    slot = slot[read][block]
    values = scores[rows]
    is_above = values > least[slot]
    values, slot = values[is_above], slot[is_above]
    above = np.bincount(slot, minlength=len(first))
    lines = np.full((len(first), top_n), -np.inf)
    has_some = above.nonzero()[0]
    if len(has_some):
        begin = np.cumsum(above) - above
        lines[has_some] = _top_lines(values, begin[has_some], above[has_some], top_n, sizes)
    return np.where(lines == -np.inf, least[:, None], lines)


def greatest_of_each(numbers: Int64s, owners: Int64s, scores: Float64s) -> tuple[Int64s, Int64s, Float64s]:
    """The greatest score of each owner in each slot, in the order of slots, then of owners.

    Args:
        numbers: the slot of each row.
        owners: the owner of each row, in 32 bits.
        scores: the score of each row; a missing one counts as 0.0.

    O(n) if the rows are in this order and none is repeated, else O(n log n).

    >>> greatest_of_each(np.array([1, 0, 1]), np.array([7, 7, 7]), np.array([1.0, 2.0, 3.0]))
    (array([0, 1]), array([7, 7]), array([2., 3.]))
    """
    scores = without_missing(scores)
    if len(numbers) < 2:  # noqa: PLR2004 - one row needs no order
        return numbers, owners, scores
    later = numbers[1:] > numbers[:-1]
    same = numbers[1:] == numbers[:-1]
    if (later | (same & (owners[1:] > owners[:-1]))).all():
        return numbers, owners, scores
    least = int(numbers.min())
    if int(numbers.max()) - least < 2**31:
        order = np.argsort(((numbers - least) << 32) | owners, kind="stable")
    else:
        order = np.lexsort((owners, numbers))
    numbers, owners, scores = numbers[order], owners[order], scores[order]
    is_new = np.ones(len(numbers), dtype=np.bool_)
    is_new[1:] = (numbers[1:] != numbers[:-1]) | (owners[1:] != owners[:-1])
    first = is_new.nonzero()[0]
    if len(first) == len(numbers):
        return numbers, owners, scores
    return numbers[first], owners[first], np.maximum.reduceat(scores, first)


def joined_scores(parts: Sequence[tuple[Int64s, Float64s]]) -> tuple[Int64s, Float64s]:
    """The numbers of slots and their scores, of several parts in this order.

    >>> joined_scores([(np.array([1]), np.array([0.5])), (np.array([7]), np.array([2.0]))])
    (array([1, 7]), array([0.5, 2. ]))
    """
    if len(parts) == 1:
        return parts[0]
    numbers, scores = zip(*parts, strict=True) if parts else ((), ())
    return np.concatenate((_NONE, *numbers)), np.concatenate((np.empty(0), *scores))
