"""The claims of pure array functions: sorted arrays and ranking."""

from functools import partial
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.inputs import MILLION, chances, checked, even
from benchmarks.timing import Call
from bucketquery.arrays.ranking import ColumnValues, best, first_in_order, in_order
from bucketquery.arrays.room import with_room
from bucketquery.arrays.sorted_arrays import (
    concatenated_ranges,
    find,
    increasing,
    live_rows,
    lower_bound,
    sampled,
    sort_order,
    time_slice,
)
from bucketquery.model.schema import Int64s

_MANY: Final = 262_144


def shuffled(values: Int64s) -> Int64s:
    """The same values in random order."""
    return np.random.default_rng(len(values)).permutation(values)


# Sorted arrays


def finding(rows: int, wanted: int) -> Call:
    """Find values; half of them are in the array."""
    return checked(partial(find, even(rows), np.arange(wanted)), lambda found: found[0].sum() == wanted // 2)


def bounds(rows: int, keys: int, *, is_tied: bool) -> Call:
    """Find keys among rows. Tied rows have one timestamp, so the spans decide."""
    spans = even(rows)
    columns = [np.zeros_like(spans) if is_tied else spans, spans]
    rows_of_keys = np.linspace(0, rows - 1, keys).astype(np.int64)
    return checked(
        partial(lower_bound, columns, [column[rows_of_keys] for column in columns]),
        lambda found: np.array_equal(found, rows_of_keys),
    )


def skipping_deleted(deleted: Int64s, first: int, last: int) -> Call:
    """Find the rows of some ranks, and skip deleted rows."""
    return checked(
        partial(live_rows, deleted, first, last),
        lambda rows: (rows.stop - rows.start if isinstance(rows, slice) else len(rows)) == last - first,
    )


def ordering(*keys: Int64s) -> Call:
    """Order rows whose keys all differ."""
    right = np.lexsort(keys[::-1])
    return checked(partial(sort_order, keys), lambda order: order is not None and np.array_equal(order, right))


def concatenating(ranges: int, each: int) -> Call:
    """Concatenate ranges of the same length."""
    starts = even(ranges) * each
    return checked(
        partial(concatenated_ranges, starts, starts + each),
        lambda found: len(np.unique(found[0])) == ranges * each and found[1][-1] == ranges - 1,
    )


_SORTED_ARRAYS: Final = (
    Claim("arrays.sorted_arrays.find", "n values among a million", LINEAR, lambda n: finding(MILLION, n)),
    Claim("arrays.sorted_arrays.find", "a hundred values among n", LOGARITHMIC, lambda n: finding(n, 100)),
    Claim(
        "arrays.sorted_arrays.lower_bound",
        "n keys among 65,536 rows",
        LINEAR,
        lambda n: bounds(65_536, n, is_tied=False),
    ),
    Claim(
        "arrays.sorted_arrays.lower_bound",
        "a hundred keys among n rows",
        LOGARITHMIC,
        lambda n: bounds(n, 100, is_tied=False),
    ),
    Claim(
        "arrays.sorted_arrays.lower_bound",
        "a hundred keys among n rows of one timestamp",
        LOGARITHMIC,
        lambda n: bounds(n, 100, is_tied=True),
    ),
    Claim(
        "arrays.sorted_arrays.increasing",
        "n rows of two columns",
        LINEAR,
        lambda n: checked(partial(increasing, [np.zeros(n), even(n)]), lambda greater: greater.sum() == n - 1),
    ),
    Claim(
        "arrays.sorted_arrays.live_rows",
        "a hundred rows beside n deleted ones",
        LINEAR,
        lambda n: skipping_deleted(even(n), 0, 100),
        4_096,
        _MANY,
    ),
    Claim(
        "arrays.sorted_arrays.live_rows",
        "n rows with a deleted one between",
        LINEAR,
        lambda n: skipping_deleted(np.array([n // 2]), 0, n),
        4_096,
        _MANY,
    ),
    Claim(
        "arrays.sorted_arrays.sort_order",
        "n keys in order",
        LINEAR,
        lambda n: checked(partial(sort_order, [even(n)]), lambda order: order is None),
        4_096,
        _MANY,
    ),
    Claim(
        "arrays.sorted_arrays.sort_order",
        "n points of a grid",
        LINEAR,
        lambda n: ordering(np.zeros(n, dtype=np.int64), shuffled(even(n))),
    ),
    Claim(
        "arrays.sorted_arrays.sort_order",
        "n random keys",
        LOGLINEAR,
        lambda n: ordering(shuffled(even(n) ** 2)),
        16_384,
        131_072,
    ),
    Claim(
        "arrays.sorted_arrays.sort_order",
        "n pairs of keys",
        LOGLINEAR,
        lambda n: ordering(shuffled(even(n)) % 256, shuffled(even(n))),
        16_384,
        131_072,
    ),
    Claim(
        "arrays.sorted_arrays.sampled",
        "n of a million values",
        LINEAR,
        lambda n: checked(partial(sampled, even(MILLION), n), lambda sample: len(np.unique(sample)) == n),
    ),
    Claim(
        "arrays.sorted_arrays.sampled",
        "128 of n values",
        CONSTANT,
        lambda n: checked(partial(sampled, even(n), 128), lambda sample: len(np.unique(sample)) == 128),
    ),
    Claim(
        "arrays.room.with_room",
        "for one more than n, a copy",
        LINEAR,
        lambda n: checked(
            partial(with_room, even(n), n, n + 1, n + 1), lambda copy: len(copy) == n + 1 and copy[n - 1]
        ),
        4_096,
        _MANY,
    ),
    Claim(
        "arrays.room.with_room",
        "for one more than n, with spare room",
        CONSTANT,
        lambda n: checked(partial(with_room, even(n + 1), n, n + 1, n + 1), lambda array: len(array) == n + 1),
    ),
    Claim(
        "arrays.sorted_arrays.time_slice",
        "a window of n rows",
        LOGARITHMIC,
        lambda n: checked(partial(time_slice, even(n), 100, n), lambda rows: rows == slice(50, n // 2)),
    ),
    Claim("arrays.sorted_arrays.concatenated_ranges", "n integers", LINEAR, lambda n: concatenating(16, n // 16)),
    Claim("arrays.sorted_arrays.concatenated_ranges", "n ranges", LINEAR, lambda n: concatenating(n, 1)),
)

# Ranking


def ranking(size: int, need: int) -> Call:
    """Rank numbers by two keys; many have the same first key."""
    tied, values = np.arange(size) % 8, chances(size)
    columns = [partial(values_at, tied), partial(values_at, values)]
    right = np.lexsort([values, tied])[:need]
    return checked(
        partial(first_in_order, size, columns, need, desc=False),
        lambda found: np.array_equal(found, right) and len(found) > 1,
    )


def values_at(values: np.ndarray[Any, Any], positions: np.ndarray[Any, Any]) -> ColumnValues:
    """The values of some positions."""
    return ColumnValues(values[positions], None)


def picking(size: int, need: int) -> Call:
    """Pick the highest numbers."""
    values = chances(size)
    right = values.argsort()[::-1][:need]
    return checked(partial(best, values, need, desc=True), lambda found: np.array_equal(found, right))


_RANKING: Final = (
    Claim("arrays.ranking.first_in_order", "a hundred of n positions", LINEAR, lambda n: ranking(n, 100)),
    Claim("arrays.ranking.first_in_order", "all n positions", LOGLINEAR, lambda n: ranking(n, n), 16_384, 131_072),
    Claim("arrays.ranking.best", "a hundred of n", LINEAR, lambda n: picking(n, 100)),
    Claim("arrays.ranking.best", "all of n", LOGLINEAR, lambda n: picking(n, n), 16_384, 131_072),
    Claim(
        "arrays.ranking.in_order",
        "n rows by one key",
        LOGLINEAR,
        lambda n: checked(
            partial(in_order, [ColumnValues(shuffled(even(n)), None)], desc=False), lambda order: order[0] != 0
        ),
        16_384,
        131_072,
    ),
    Claim(
        "arrays.ranking.in_order",
        "n rows by two keys in groups",
        LOGLINEAR,
        lambda n: checked(
            partial(
                in_order,
                [ColumnValues(even(n) % 8, even(n) % 6 == 0), ColumnValues(chances(n), None)],
                even(n) % 64,
                desc=False,
            ),
            lambda order: len(np.unique(order)) == n,
        ),
        16_384,
        131_072,
    ),
)

CLAIMS: Final = (*_SORTED_ARRAYS, *_RANKING)
