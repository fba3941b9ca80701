"""Ranking: which rows come first, by pure functions of arrays."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bucketquery.model.schema import Array, Bools, Int64s


class ColumnValues(NamedTuple):
    """The values of one column for some rows, as an order compares them.

    Attributes:
        values: shape (n,), numbers; the same number for all rows without a value.
        missing: shape (n,), which rows have no value and so come last; None if all have one.
    """

    values: Array
    missing: Bools | None


def first_in_order(count: int, columns: Sequence[Callable[[Int64s], ColumnValues]], need: int, *, desc: bool) -> Int64s:
    """The first ``need`` of some positions, sorted by some columns; all positions if there are fewer.

    The positions are in time order. Positions with equal values in all columns stay in that order, or in its reverse if
    ``desc``.

    Args:
        count: the number of positions, which begin at 0.
        columns: functions that return the values at some positions. A later column breaks the ties of the earlier
            ones, and is read at tied positions only.
        need: the number of wanted positions.
        desc: True: the greatest values come first; False: the lowest.

    Complexity: O(n) for each column that breaks ties, and O(k log k) for k positions returned.

    >>> scores = np.array([1.0, 3.0, 3.0])
    >>> first_in_order(3, [lambda positions: ColumnValues(scores[positions], None)], 2, desc=True).tolist()
    [2, 1]
    """
    picked = np.sort(_first(count, columns, need, desc=desc))
    if desc:
        picked = picked[::-1]
    if len(columns) <= 1:
        return picked[in_order([column(picked) for column in columns], desc=desc)]
    lead = columns[0](picked)
    order = in_order([lead], desc=desc)
    ties = _ties(lead, order)
    number = np.count_nonzero(ties)
    if 2 * number > len(ties):
        # Sorting all rows by all columns takes less time than finding the rows without a tie.
        return picked[in_order([lead, *[column(picked) for column in columns[1:]]], desc=desc)]
    if number:
        # Most pages have few ties. Only these rows read the columns that break them.
        is_tied = np.zeros(len(order), dtype=np.bool_)
        is_tied[1:] |= ties
        is_tied[:-1] |= ties
        groups = np.cumsum(np.concatenate(([False], ~ties)))[is_tied]
        tied = order[is_tied]
        within = in_order([column(picked[tied]) for column in columns[1:]], groups, desc=desc)
        order[is_tied] = tied[within]
    return picked[order]


def _ties(column: ColumnValues, order: Int64s) -> Bools:
    """Which rows of an order equal the row after them in a column, shape (n - 1,). Rows without a value are equal."""
    values, missing = column.values[order], column.missing
    ties: Bools = values[1:] == values[:-1]
    if missing is not None:
        lacking = missing[order]
        ties = np.where(lacking[1:] | lacking[:-1], lacking[1:] & lacking[:-1], ties)
    return ties


def best(sort_keys: Array, need: int, *, desc: bool, few: int = 512) -> Int64s:
    """The positions of the ``need`` greatest sort keys, the greatest first; ties in order, or reversed if ``desc``.

    Args:
        sort_keys: shape (n,), numbers without NaN.
        need: the number of wanted positions, from 1 to n.
        desc: whether the last of equal sort keys comes first.
        few: if there are at most N sort keys, all are sorted, because picking the greatest takes as long (default 512).

    Complexity: O(n + k log k) for k wanted.

    >>> best(np.array([1.0, 3.0, 3.0]), 2, desc=True).tolist()
    [2, 1]
    """
    if len(sort_keys) > few:
        # `np.partition` is slow if many values are equal. If enough rows share the greatest value, it is not called.
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
        # Reversing the result would reverse ties too, so the sort keys are negated; ~ does so without overflow.
        order = (-sort_keys if sort_keys.dtype.kind == "f" else ~sort_keys).argsort(kind="stable")
    return order


def in_order(columns: Sequence[ColumnValues], groups: Int64s | None = None, *, desc: bool) -> Int64s:
    """The order of rows by some columns, group by group if there are groups; tied rows stay in their order.

    Complexity: O(n log n) for each column.

    >>> columns = [ColumnValues(np.array([0.5, 0.1, 0.2]), np.array([False, False, True]))]
    >>> in_order(columns, desc=False).tolist(), in_order(columns, np.array([1, 0, 0]), desc=False).tolist()
    ([1, 0, 2], [1, 2, 0])
    """
    # If `desc`, the reversed rows are sorted ascending and the result is reversed, so tied rows stay in their order.
    step = -1 if desc else 1
    # The last key of `np.lexsort` leads.
    leading_last: list[Array] = []
    for values, missing in reversed(columns):
        leading_last.append(values[::step])
        if missing is not None:
            leading_last.append(~missing[::-1] if desc else missing)
    if groups is not None:
        leading_last.append(-groups[::-1] if desc else groups)
    order: Int64s = leading_last[0].argsort(kind="stable") if len(leading_last) == 1 else np.lexsort(leading_last)
    return len(order) - 1 - order[::-1] if desc else order


def _first(count: int, columns: Sequence[Callable[[Int64s], ColumnValues]], need: int, *, desc: bool) -> Int64s:
    """The positions that `first_in_order` returns, in any order."""
    among = np.arange(count)
    chosen: list[Int64s] = []
    for column in columns:
        if not 0 < need < len(among):
            break
        values, missing = column(among)
        if missing is not None:
            given, lacking = among[~missing], among[missing]
            if len(given) <= need:
                chosen.append(given)
                need -= len(given)
                among = lacking
                continue
            among, values = given, values[~missing]
        # `np.partition` is slow if many values are equal, and most scores are 0. If enough positions share the best
        # value, it is not called.
        edge = values.max() if desc else values.min()
        if np.count_nonzero(values == edge) < need:
            place = len(values) - need if desc else need - 1
            edge = np.partition(values, place)[place]
        better = among[values > edge if desc else values < edge]
        chosen.append(better)
        need -= len(better)
        among = among[values == edge]
    # The other positions are tied in all columns, so only their order decides.
    need = min(need, len(among))
    chosen.append(among[len(among) - need :] if desc else among[:need])
    return np.concatenate(chosen)
