"""Pure functions of arrays: what a search is made of."""

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


def live_rows(dead: Int64s, first: int, last: int) -> slice | Int64s:
    """The rows that hold the live ranks ``[first, last)``, which are not none.

    A slice where no dead row lies between, else an array.

    Args:
        dead: ascending rows that do not count.
        first: the lowest live rank.
        last: the live rank behind the highest.

    Complexity: O(d) for d dead rows, and O(r) for r rows where a dead one lies between.

    >>> live_rows(np.array([2], dtype=np.int64), 1, 3).tolist()
    [1, 3]
    """
    if not len(dead):
        return slice(first, last)
    ranks_before = dead - np.arange(len(dead))
    low = first + int(ranks_before.searchsorted(first, "right"))
    high = last + int(ranks_before.searchsorted(last - 1, "right"))
    if high - low == last - first:
        return slice(low, high)
    alive = np.ones(high - low, dtype=np.bool_)
    alive[dead[dead.searchsorted(low) : dead.searchsorted(high)] - low] = False
    return alive.nonzero()[0] + low


def ranked(keys: Array, missing: Bools | None, need: int, *, desc: bool) -> Int64s:
    """The first ``need`` positions in the order of the keys, all if there are fewer.

    Positions come in time order; equal keys keep it, or have it reversed where ``desc``. Missing keys are last both
    ways.

    Args:
        keys: shape (n,), numbers.
        missing: shape (n,), which keys are missing; None if none is.
        need: how many are wanted, at least one.
        desc: whether the greatest keys come first.

    Complexity: O(n + k log k) for the k that are needed.

    >>> ranked(np.array([1.0, 3.0, 3.0]), None, 2, desc=True).tolist()
    [2, 1]
    """
    if missing is None:
        given = np.arange(len(keys))
        rest = given[:0]
    else:
        given, rest = (~missing).nonzero()[0], missing.nonzero()[0]
    values = keys[given]
    if need < len(given):
        # Picked from the front; ~ turns integers around without overflow. NumPy is slow to pick from mass ties, and
        # most scores are 0: where the first tie is enough, nothing is picked.
        ranks = values if not desc else -values if values.dtype.kind == "f" else ~values
        worst = ranks.min()
        if np.count_nonzero(ranks == worst) < need:
            worst = np.partition(ranks, need - 1)[need - 1]
        picked = ranks < worst
        lacking = need - int(np.count_nonzero(picked))
        tied = (ranks == worst).nonzero()[0]
        picked[tied[-lacking:] if desc else tied[:lacking]] = True
        given, values = given[picked], values[picked]
    order = given[values.argsort(kind="stable")]
    # Ties go in the request's direction too, so the whole order is what turns around.
    return np.concatenate((order[::-1], rest[::-1]) if desc else (order, rest))[:need]
