"""The claims of value indexes and block counts."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

import numpy as np

from benchmarks.claims.claim import LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.inputs import MILLION, chances, checked
from benchmarks.timing import Call
from bucketquery.model.schema import Float64s, Int64s
from bucketquery.value_index.block_counts import BlockCounts, LazyBlockCounts
from bucketquery.value_index.level import Level
from bucketquery.value_index.value_index import ValueIndex

#: An array of this size gets block counts at the third call.
_MANY: Final = 262_144


# Value indexes


def level(size: int) -> Level:
    """A level of every third row of a column, with sort keys of 50 or more."""
    return Level.of(np.float64(50.0), 49.0, 3 * np.arange(size), 50 + chances(size) / 2)


def level_asked_before(size: int) -> Call:
    """Count nearly all rows of a level that has block counts."""
    of = level(size)
    for _ in range(3):
        of.count(0, size, 75.0)
    return checked(partial(of.count, 100, size - 100, 50.0), lambda found: found[0] == size - 200)


def corrections(size: int, step: int) -> tuple[Int64s, Float64s]:
    """Rows, and sort keys of which every other one is below 50."""
    return step * np.arange(size), np.where(np.arange(size) % 2, 60.0, 40.0)


@cache
def value_index(size: int) -> ValueIndex:
    """A value index of random numbers with a level at each severity; must not be modified."""
    return ValueIndex.of(chances(size), (3.0, 25.0, 50.0, 75.0))


def growing(size: int) -> ValueIndex:
    """A value index of ``size`` rows that came in batches of 256."""
    later = chances(256)
    newest = ValueIndex.of(later)
    for _ in range(256, size, 256):
        newest = newest.with_later(later)
    return newest


def appending(size: int) -> Call:
    """Append 64 rows into spare room."""
    newest = ValueIndex.of(chances(size)).with_later(chances(64))
    return checked(
        partial(newest.with_later, chances(64)), lambda grown: grown.covered == size + 128 and len(grown.levels) > 1
    )


def correcting(size: int, changed: int, *, is_read: bool) -> Call:
    """Correct the sort keys of some rows. Read every level if ``is_read``."""
    of, sort_keys, (rows, others) = value_index(size), chances(size), corrections(changed, 1)
    sort_keys[rows] = others

    def correct() -> ValueIndex:
        corrected = of.corrected(rows, others)
        assert corrected is not None
        return corrected

    def read() -> list[int]:
        return [len(each) for each in correct().levels]

    correct().check(sort_keys)
    return checked(read if is_read else correct, lambda _: read() != [len(each) for each in of.levels])


_VALUE_INDEXES: Final = (
    Claim(
        "value_index.level.Level.count",
        "n entries, compared",
        LINEAR,
        lambda n: checked(partial(level(n).count, 0, n, 75.0), lambda found: n > found[0] > n // 3),
        2_048,
        131_072,
    ),
    Claim(
        "value_index.level.Level.count",
        "n entries, with block counts",
        LOGARITHMIC,
        level_asked_before,
        _MANY,
        8 * _MANY,
    ),
    Claim(
        "value_index.value_index.ValueIndex.of",
        "n rows",
        LINEAR,
        lambda n: checked(partial(ValueIndex.of, chances(n), (75.0,)), lambda made: made.covered == n and made.levels),
        4_096,
        _MANY,
    ),
    Claim(
        "value_index.value_index.ValueIndex.with_later",
        "n rows, 256 at a time",
        LINEAR,
        lambda n: checked(partial(growing, n), lambda grown: grown.covered == n),
    ),
    Claim(
        "value_index.value_index.ValueIndex.with_later",
        "64 rows behind n",
        LOGARITHMIC,
        appending,
        4_096,
        _MANY,
    ),
    Claim(
        "value_index.value_index.ValueIndex.corrected",
        "n of a million rows",
        LINEAR,
        lambda n: correcting(MILLION, n, is_read=False),
    ),
    Claim(
        "value_index.value_index.ValueIndex.corrected",
        "64 of n rows",
        LOGARITHMIC,
        lambda n: correcting(n, 64, is_read=False),
        4_096,
        _MANY,
    ),
    Claim(
        "value_index.value_index.ValueIndex.corrected",
        "64 of n rows, and reading every level",
        LINEAR,
        lambda n: correcting(n, 64, is_read=True),
        16_384,
        MILLION,
    ),
)


# Block counts


#: Gives the count, and the number of values that were compared.
Count = Callable[[Float64s, int, int, float], tuple[int, int]]


def counting(values: Float64s, of: Callable[[Float64s], Count], threshold: float = 0.0) -> Call:
    """Count the values at or above a threshold, except the first and the last hundred."""
    right = int(np.count_nonzero(values[100:-100] >= threshold))
    assert right
    return checked(partial(of(values), values, 100, len(values) - 100, threshold), lambda found: found[0] == right)


def asked_before(values: Float64s) -> Count:
    """The count method of an object that has block counts, after three calls."""
    block_counts = LazyBlockCounts()
    for _ in range(3):
        block_counts.count(values, 0, len(values), 50.0)
    assert block_counts.nbytes()
    return block_counts.count


def asked_anew(values: Float64s, times: int) -> Callable[[], int]:
    """Ask a new object for the same count several times."""

    def ask() -> int:
        block_counts = LazyBlockCounts()
        return max(block_counts.count(values, 0, len(values), 50.0)[0] for _ in range(times))

    return ask


def tied(size: int) -> Float64s:
    """``2 * size`` values, of which the middle half are equal and fall into one class."""
    values = chances(2 * size)
    values[size // 2 : -(size // 2)] = 50.0
    return values


_BLOCK_COUNTS: Final = (
    Claim(
        "value_index.block_counts.BlockCounts.count",
        "all but the ends of n values",
        LOGARITHMIC,
        lambda n: counting(chances(n), lambda values: BlockCounts(values).count),
        16_384,
        MILLION,
    ),
    Claim(
        "value_index.block_counts.BlockCounts.count",
        "n values in the class that the threshold divides",
        LINEAR,
        lambda n: counting(tied(n), lambda values: BlockCounts(values).count, 50.0),
        8_192,
        524_288,
    ),
    Claim(
        "value_index.block_counts.LazyBlockCounts.count",
        "n values, for the first time",
        LINEAR,
        lambda n: checked(asked_anew(chances(n), 1), lambda found: n > found > n // 3),
        8_192,
        2 * _MANY,
    ),
    Claim(
        "value_index.block_counts.LazyBlockCounts.count",
        "n values, after the third time",
        LOGARITHMIC,
        lambda n: counting(chances(n), asked_before),
        2 * _MANY,
        16 * _MANY,
    ),
    Claim(
        "value_index.block_counts.LazyBlockCounts.count",
        "n values, for the third time",
        LOGLINEAR,
        lambda n: checked(asked_anew(chances(n), 3), lambda found: n > found > n // 3),
        _MANY,
        4 * _MANY,
    ),
)


CLAIMS: Final = (*_VALUE_INDEXES, *_BLOCK_COUNTS)
