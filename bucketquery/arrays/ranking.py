"""Pure functions of arrays: what a search is made of."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np

from bucketquery.model.schema import Array, Bools, Int64s


def time_slice(timestamps: Int64s, start: int, end: int) -> slice:
    """Rows whose timestamp lies in ``[start, end)``.

    A slice, not indices, so that whoever reads the columns gets views.

    Args:
        timestamps: shape (n,), int64, epoch ms, non-decreasing.
        start: first instant included.
        end: first instant excluded.

    Returns:
        A slice with step 1; empty when the window is empty or reversed.

    Complexity: O(log n) time, no allocation.
    Source: Get buckets, ``start`` and ``end``. The page has results come "after" start; the server includes start
    itself, and so do we.

    >>> quarter_hours = np.array([0, 900_000, 1_800_000], dtype=np.int64)
    >>> time_slice(quarter_hours, 900_000, 9_900_000)
    slice(1, 3, None)
    """
    low = int(timestamps.searchsorted(start))
    high = int(timestamps.searchsorted(end))
    return slice(low, max(low, high))


class Key(NamedTuple):
    """What a column says of the order of some rows.

    Attributes:
        ranks: shape (n,), numbers; the lowest come first, and those of rows that have none are all alike.
        missing: shape (n,), which have none and so come last; None if all have one.
    """

    ranks: Array
    missing: Bools | None

    @classmethod
    def of(cls, values: Array, missing: Bools | None, *, desc: bool) -> Self:
        """The key of a column's values; of ``desc`` the greatest come first. Complexity: O(n)."""
        if not desc:
            return cls(values, missing)
        # ~ turns integers around without overflow.
        return cls(-values if values.dtype.kind == "f" else ~values, missing)


def ranked(count: int, keys: Sequence[Callable[[Int64s], Key]], need: int, *, desc: bool) -> Int64s:
    """The first ``need`` of some positions in the order of the keys, all if there are fewer.

    Positions come in time order; what is equal in all keys keeps it, or has it reversed where ``desc``.

    Args:
        count: how many positions there are, from 0 on.
        keys: where the first is equal the second decides, and so on; each gives the key of the positions it is asked
            for, and is asked for no more than those that the ones before leave open.
        need: how many are wanted.
        desc: whether positions are reversed.

    Complexity: O(n) for each key that is needed to tell which are the first, and O(k log k) for the k that are.

    >>> scores = np.array([1.0, 3.0, 3.0])
    >>> ranked(3, [lambda positions: Key.of(scores[positions], None, desc=True)], 2, desc=True).tolist()
    [2, 1]
    """
    picked = np.sort(_first(count, keys, need, desc=desc))
    if desc:
        picked = picked[::-1]
    return picked[in_order([key(picked) for key in keys])]


def best(sort_keys: Array, need: int, *, desc: bool, few: int = 512) -> Int64s:
    """The positions of the ``need`` greatest sort keys, the greatest first; ties in order, or reversed for ``desc``.

    Args:
        sort_keys: shape (n,), numbers, none NaN.
        need: how many are wanted, from 1 to n.
        desc: whether of equal ones the last comes first.
        few: this many sort keys or fewer are all sorted, because picking the greatest takes as long.

    Complexity: O(n + k log k) for k wanted.

    >>> best(np.array([1.0, 3.0, 3.0]), 2, desc=True).tolist()
    [2, 1]
    """
    if len(sort_keys) > few:
        # NumPy is slow to pick from mass ties: where the first tie is enough, nothing is picked.
        edge = sort_keys.max()
        among: Int64s = (sort_keys == edge).nonzero()[0]
        if len(among) >= need:
            return among[: -need - 1 : -1] if desc else among[:need]
        edge = np.partition(sort_keys, len(sort_keys) - need)[len(sort_keys) - need]
        among = (sort_keys >= edge).nonzero()[0]
        return among[_descending(sort_keys[among], desc=desc)[:need]]
    return _descending(sort_keys, desc=desc)[:need]


def _descending(sort_keys: Array, *, desc: bool) -> Int64s:
    if desc:
        order: Int64s = sort_keys.argsort(kind="stable")[::-1]
    else:
        # Equal ones stay as they come, so the order cannot be turned around; ~ turns integers without overflow.
        order = (-sort_keys if sort_keys.dtype.kind == "f" else ~sort_keys).argsort(kind="stable")
    return order


def in_order(keys: Sequence[Key], *groups: Int64s) -> Int64s:
    """The order of rows by their keys, within groups if there are any; what is equal in all keys stays as it is.

    Complexity: O(n log n) for each key.

    >>> keys = [Key(np.array([0.5, 0.1, 0.2]), np.array([False, False, True]))]
    >>> in_order(keys).tolist(), in_order(keys, np.array([1, 0, 0])).tolist()
    ([1, 0, 2], [1, 2, 0])
    """
    if len(keys) == 1 and keys[0].missing is None and not groups:
        return keys[0].ranks.argsort(kind="stable")
    # The last one given to lexsort leads.
    leading_last: list[Array] = []
    for ranks, missing in reversed(keys):
        leading_last += [ranks] if missing is None else [ranks, missing]
    return np.lexsort([*leading_last, *groups])


def concatenated_ranges(starts: Int64s, stops: Int64s) -> tuple[Int64s, Int64s]:
    """The integers of several ranges, one range after the other, and the number of the range that each is of.

    Args:
        starts: shape (r,), the first of each.
        stops: shape (r,), what comes behind the last of each; not less than its start.

    Complexity: O(integers + r).

    >>> integers, ranges = concatenated_ranges(np.array([5, 9]), np.array([7, 10]))
    >>> integers.tolist(), ranges.tolist()
    ([5, 6, 9], [0, 0, 1])
    """
    lengths = stops - starts
    ranges = np.repeat(np.arange(len(starts)), lengths)
    behind = np.cumsum(lengths)
    return np.arange(len(ranges)) + (starts - behind + lengths)[ranges], ranges


def _first(count: int, keys: Sequence[Callable[[Int64s], Key]], need: int, *, desc: bool) -> Int64s:
    """The positions that `ranked` gives, in any order."""
    among = np.arange(count)
    chosen: list[Int64s] = []
    for key in keys:
        if not 0 < need < len(among):
            break
        ranks, missing = key(among)
        if missing is not None:
            given, lacking = among[~missing], among[missing]
            if len(given) <= need:
                chosen.append(given)
                need -= len(given)
                among = lacking
                continue
            among, ranks = given, ranks[~missing]
        # NumPy is slow to pick from mass ties, and most scores are 0: where the first tie is enough, nothing is picked.
        worst = ranks.min()
        if np.count_nonzero(ranks == worst) < need:
            worst = np.partition(ranks, need - 1)[need - 1]
        better = among[ranks < worst]
        chosen.append(better)
        need -= len(better)
        among = among[ranks == worst]
    # Only positions tell the rest apart.
    need = min(need, len(among))
    chosen.append(among[len(among) - need :] if desc else among[:need])
    return np.concatenate(chosen)
