"""Sorted arrays: find values, rows and ranges of rows, sort rows and sample values."""

from collections.abc import Sequence
from math import gcd
from typing import Final

import numpy as np

from bucketquery.model.schema import Array, Bools, Int64s

#: A prime, so it seldom shares a factor with the distance between two values of a sample.
_UNEVEN: Final = 7919

_INT64_MAX: Final = 2**63 - 1

#: A grid sorts values if it has fewer points than this for each value; 0 turns grids off.
_GRID_POINTS_PER_ROW: Final = 4
#: The number of values that the distance between two points of a grid is computed from.
_GRID_SAMPLE: Final = 64

#: For this many edges or fewer, values are compared with each; sorting the values would take longer.
FEW_EDGES: Final = 64


def find(ascending: Array, wanted: Array) -> tuple[Bools, Int64s]:
    """Whether each wanted value is in the array, and the place where it is or would be inserted.

    Args:
        ascending: shape (n,), numbers or text, no value twice.
        wanted: shape (m,), values of the same type, in any order.

    Complexity: O(m log n).

    >>> found, places = find(np.array([2, 5, 9]), np.array([5, 7, 10]))
    >>> found.tolist(), places.tolist()
    ([True, False, False], [1, 2, 3])
    """
    if not len(ascending):
        return np.zeros(len(wanted), dtype=np.bool_), np.zeros(len(wanted), dtype=np.int64)
    places = ascending.searchsorted(wanted)
    # The place of a value greater than all others is behind the last one; "clip" compares it with the last one.
    found: Bools = ascending.take(places, mode="clip") == wanted
    return found, places


def has(rows: Int64s, row: int) -> bool:
    """Whether a row is in an ascending array of rows. O(log n).

    >>> has(np.array([2, 5]), 5), has(np.array([2, 5]), 6)
    (True, False)
    """
    at = int(rows.searchsorted(row))
    return at < len(rows) and rows.item(at) == row


def lower_bound(columns: Sequence[Array], keys: Sequence[Array]) -> Int64s:
    """For each key the first row that is not less, comparing column by column.

    Args:
        columns: shape (n,) each, rows in lexicographic order.
        keys: one array for each column, shape (m,) each.

    Complexity: O(m log n).

    >>> timestamps, spans = np.array([0, 5, 5, 9]), np.array([60, 60, 300, 60])
    >>> lower_bound([timestamps, spans], [np.array([5, 9]), np.array([300, 61])]).tolist()
    [2, 4]
    """
    low = columns[0].searchsorted(keys[0])
    # The first column nearly always decides. The others decide only if the first row that equals a key in the first
    # column is less than the key.
    unresolved = (columns[0].take(low, mode="clip") == keys[0]).nonzero()[0] if len(columns[0]) else low[:0]
    if not len(unresolved):
        return low
    unresolved = unresolved[_less(columns, low[unresolved], keys, unresolved)]
    if not len(unresolved):
        return low
    wanted = keys[0][unresolved]
    high = low.copy()
    high[unresolved] = columns[0].searchsorted(wanted, "right")
    # Rows that are written together often share their instant. Then the other columns are searched without rounds.
    if wanted[0] == wanted[-1] and (wanted == wanted[0]).all():
        start, stop = low.item(unresolved[0]), high.item(unresolved[0])
        others = [key[unresolved] for key in keys[1:]]
        low[unresolved] = lower_bound([column[start:stop] for column in columns[1:]], others) + start
        return low
    low[unresolved] += 1
    while len(unresolved := unresolved[low[unresolved] < high[unresolved]]):
        # Each round halves the rows where a key may belong.
        middle = (low[unresolved] + high[unresolved]) >> 1
        less = _less(columns, middle, keys, unresolved)
        low[unresolved[less]] = middle[less] + 1
        high[unresolved[~less]] = middle[~less]
    return low


def increasing(columns: Sequence[Array]) -> Bools:
    """Whether each row from the second on is greater than the row before it; shape (n - 1,).

    Rows are compared column by column.

    Complexity: O(n).

    >>> increasing([np.array([0, 5, 5]), np.array([60, 300, 300])]).tolist()
    [True, False]
    """
    greater = columns[0][1:] > columns[0][:-1]
    equal = columns[0][1:] == columns[0][:-1]
    for column in columns[1:]:
        greater |= equal & (column[1:] > column[:-1])
        equal &= column[1:] == column[:-1]
    return greater


def live_rows(deleted: Int64s, first: int, last: int) -> slice | Int64s:
    """The rows with the ranks ``[first, last)`` among the live rows.

    The result is a slice if no deleted row lies between these rows, else an array.

    Args:
        deleted: the deleted rows, ascending.
        first: the lowest rank.
        last: the rank behind the highest; greater than ``first``.

    Complexity: O(d) for d deleted rows. O(r) more for r rows if a deleted row lies between them.

    >>> live_rows(np.array([2], dtype=np.int64), 1, 3).tolist()
    [1, 3]
    """
    if not len(deleted):
        return slice(first, last)
    ranks_before = deleted - np.arange(len(deleted))
    low = first + int(ranks_before.searchsorted(first, "right"))
    high = last + int(ranks_before.searchsorted(last - 1, "right"))
    if high - low == last - first:
        return slice(low, high)
    alive = np.ones(high - low, dtype=np.bool_)
    alive[deleted[deleted.searchsorted(low) : deleted.searchsorted(high)] - low] = False
    return alive.nonzero()[0] + low


def sort_order(keys: Sequence[Int64s]) -> Int64s | None:
    """The rows in the order of their keys. Of rows with equal keys, only the last is included.

    None if all rows are in this order already.

    Args:
        keys: shape (n,) each; the first leads.

    Complexity: O(n) if the rows are sorted. Also O(n) if only one key varies and its values are points of a grid with
    fewer than 4 n points, such as the timestamps of one job's buckets. O(n log n) in all other cases.

    >>> sort_order([np.array([5, 3, 5])]).tolist(), sort_order([np.array([3, 5])])
    ([1, 2], None)
    """
    if not len(keys[0]):
        return None
    keys = [key for key in keys if key[0] != key[-1] or key.min() != key.max()] or keys[:1]
    # If the first key increases, the other keys need not be compared.
    if (keys[0][1:] > keys[0][:-1]).all() or (len(keys) > 1 and increasing(keys).all()):
        return None
    order = _grid_order(keys[0]) if len(keys) == 1 else None
    if order is None:
        order = np.lexsort(keys[::-1])
        last = np.ones(len(order), dtype=np.bool_)
        last[:-1] = increasing([key[order] for key in keys])
        order = order[last]
    return order


def _grid_order(values: Int64s) -> Int64s | None:
    """The result of `sort_order`, by a grid with a point for each value; None if no grid is small enough."""
    first, last = values.min(), values.max()
    extent = int(last) - int(first)
    if extent > _INT64_MAX:
        return None
    step = max(1, gcd(extent, *(values[:_GRID_SAMPLE] - first).tolist()))
    if extent // step >= _GRID_POINTS_PER_ROW * len(values):
        return None
    points, beside = np.divmod(values - first, step)
    if beside.any():
        return None
    rows = np.full(extent // step + 1, -1, dtype=np.int64)
    # The last row of a point overwrites the others.
    rows[points] = np.arange(len(values))
    return rows[rows >= 0]


def sampled(values: Array, most: int) -> Array:
    """A sample of values, taken at uneven distances; all values if there are fewer than twice ``most``.

    Complexity: O(most).

    >>> len(sampled(np.arange(1_000_000), 16_384)), len(sampled(np.arange(5), 16_384))
    (16393, 5)
    """
    step = len(values) // most
    if step <= 1:
        return values
    # Values may repeat at a fixed distance, such as a day. A sample at even distances might contain only such repeats.
    numbers = np.arange(len(values) // step)
    sample: Array = values[numbers * step + numbers * _UNEVEN % step]
    return sample


def counts_reaching(values: Array, edges: Array) -> Int64s:
    """For each of some ascending edges the number of values at or above it; NaN reaches none.

    O(n k) for n values and few edges k; O((n + k) log n) for more.

    >>> counts_reaching(np.array([1.0, 3.0, np.nan, 2.0]), np.array([1.0, 2.5, 9.0])).tolist()
    [3, 1, 0]
    """
    if len(edges) <= FEW_EDGES:
        return np.array([np.count_nonzero(values >= edge) for edge in edges], dtype=np.int64)
    ranked = np.sort(values)
    # Missing values are sorted behind all others.
    valued = ranked.searchsorted(np.nan) if ranked.dtype.kind == "f" else len(ranked)
    reaching: Int64s = valued - ranked.searchsorted(edges)
    return reaching


def _less(columns: Sequence[Array], rows: Int64s, keys: Sequence[Array], which: Int64s) -> Bools:
    """Whether rows are less than some keys that equal them in the first column."""
    less = np.zeros(len(rows), dtype=np.bool_)
    equal = np.ones(len(rows), dtype=np.bool_)
    for column, key in zip(columns[1:], keys[1:], strict=True):
        here, wanted = column[rows], key[which]
        less |= equal & (here < wanted)
        equal &= here == wanted
    return less


def time_slice(timestamps: Int64s, start: int, end: int) -> slice:
    """Rows whose timestamp lies in ``[start, end)``.

    It is a slice rather than an array, so columns read with it are views.

    Args:
        timestamps: shape (n,), int64, epoch ms, non-decreasing.
        start: first instant included.
        end: first instant excluded.

    Returns:
        A slice with step 1; empty if the window is empty or reversed.

    Complexity: O(log n) time, no allocation.
    Source: Get buckets, ``start`` and ``end``. The reference says that results come "after" start. The server includes
    the start itself, and so does this library.

    >>> quarter_hours = np.array([0, 900_000, 1_800_000], dtype=np.int64)
    >>> time_slice(quarter_hours, 900_000, 9_900_000)
    slice(1, 3, None)
    """
    low = int(timestamps.searchsorted(start))
    high = int(timestamps.searchsorted(end))
    return slice(low, max(low, high))


def concatenated_ranges(starts: Int64s, stops: Int64s) -> tuple[Int64s, Int64s]:
    """The integers of several ranges, one range after the other, and the number of the range of each integer.

    Args:
        starts: shape (r,), the first integer of each range.
        stops: shape (r,), the integer after the last of each range; not less than its start.

    Complexity: O(integers + r).

    >>> integers, ranges = concatenated_ranges(np.array([5, 9]), np.array([7, 10]))
    >>> integers.tolist(), ranges.tolist()
    ([5, 6, 9], [0, 0, 1])
    """
    lengths = stops - starts
    ranges = np.repeat(np.arange(len(starts)), lengths)
    behind = np.cumsum(lengths)
    return np.arange(len(ranges)) + (starts - behind + lengths)[ranges], ranges
