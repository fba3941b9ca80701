"""Ranking: each function gives the result of a simple sort in Python."""

from functools import partial
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.arrays.ranking import ColumnValues, best, first_in_order, in_order
from bucketquery.model.schema import Array, Bools, Int64s

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def values_at(values: Array, missing: Bools | None, positions: Int64s) -> ColumnValues:
    """The values at some positions, and which of them are missing."""
    return ColumnValues(values[positions], None if missing is None else missing[positions])


KEYS: list[tuple[str, list[Any]]] = [
    ("float64", [0.0, 5.0, 5.0, 5e-324, 100.0, 3.0]),
    ("int64", [INT64_MIN, INT64_MAX, 2**53, 2**53 + 1, 0, -1]),
    ("bool", [True, False]),
]


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize(("dtype", "values"), KEYS)
def test_the_first_in_order_are_those_of_a_full_sort(dtype: str, values: list[Any], desc: bool) -> None:
    """Ties are in time order, and missing keys come last.

    Descending order reverses the ties, and also the missing keys among themselves.
    """
    rng = Random(7)
    for length in (0, 1, 2, 5, 40):
        for missing_share in (0.0, 0.3, 1.0):
            picked = [rng.choice(values) for _ in range(length)]
            gone = [rng.random() < missing_share for _ in range(length)]
            given = sorted(
                (row for row in range(length) if not gone[row]), key=lambda row: (picked[row], row), reverse=desc
            )
            rest = sorted((row for row in range(length) if gone[row]), reverse=desc)
            keys: Array = np.array(picked, dtype=dtype)
            keys[gone] = 0  # the value that is stored for a missing key
            before = keys.tolist()
            missing = np.array(gone, dtype=np.bool_) if any(gone) or rng.random() < 0.5 else None
            key = partial(values_at, keys, missing)
            for need in (1, 2, 3, length // 2 + 1, length + 1, 10**30):
                assert first_in_order(length, [key], need, desc=desc).tolist() == (given + rest)[:need]
            assert keys.tolist() == before, "the keys are not modified"


@pytest.mark.parametrize("few", [0, 20, 512])
@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize(("dtype", "values"), KEYS)
def test_the_best_are_those_of_a_full_sort(dtype: str, values: list[Any], desc: bool, few: int) -> None:
    """The greatest keys come first, and descending order reverses ties.

    Up to ``few`` keys are all sorted. If there are more keys, the greatest are picked before they are sorted.
    """
    rng = Random(9)
    for length in (1, 2, 5, 40, 700):
        for given in ([rng.choice(values) for _ in range(length)], [values[0]] * length):
            sort_keys: Array = np.array(given, dtype=dtype)
            expected = sorted(range(length)[::-1] if desc else range(length), key=given.__getitem__, reverse=True)
            for need in {1, min(2, length), length // 2 + 1, length}:
                assert best(sort_keys, need, desc=desc, few=few).tolist() == expected[:need]
            assert sort_keys.tolist() == given, "the keys are not modified"


@pytest.mark.parametrize("desc", [False, True])
def test_the_next_key_decides_between_equal_rows(desc: bool) -> None:
    """The three keys have few distinct values, and some are missing.

    Rows that are equal in all three keys stay in time order, which descending order reverses.
    """
    rng = Random(8)
    for length in (1, 2, 7, 60):
        columns = [[rng.choice([None, 0, 1, 2]) for _ in range(length)] for _ in range(3)]
        arrays = [np.array([value or 0 for value in column], dtype=np.int64) for column in columns]
        masks = [np.array([value is None for value in column]) for column in columns]
        sign = -1 if desc else 1
        expected = sorted(
            range(length),
            key=lambda row: (
                *((column[row] is None, sign * (column[row] or 0)) for column in columns),
                sign * row,
            ),
        )
        keys = [partial(values_at, array, mask) for array, mask in zip(arrays, masks, strict=True)]
        for need in range(length + 2):
            assert first_in_order(length, keys, need, desc=desc).tolist() == expected[:need]
        assert in_order([key(np.arange(length)) for key in keys], desc=desc).tolist() == sorted(
            range(length),
            key=lambda row: [(column[row] is None, sign * (column[row] or 0)) for column in columns],
        )


@pytest.mark.parametrize("desc", [False, True])
def test_the_first_of_a_thousand_distinct_keys_are_those_of_a_full_sort(desc: bool) -> None:
    """The keys are partitioned at the exact rank. The test tries 4,000 pairs of keys and ``need``."""
    for seed in range(40):
        values = np.random.default_rng(seed).permutation(1_000 + seed)
        expected = np.argsort(-values if desc else values)
        key = partial(values_at, values, None)
        for need in range(1 + seed % 10, len(values), 10):
            assert np.array_equal(first_in_order(len(values), [key], need, desc=desc), expected[:need]), (seed, need)


def test_a_key_is_read_only_for_rows_that_earlier_keys_leave_open() -> None:
    """Two of ten rows are needed. Three rows tie in the first key, so the second key is read only for these."""
    reads: list[list[int]] = []
    first, second = np.array([5, 1, 1, 7, 1, 9, 9, 9, 9, 9]), np.arange(10)

    def watched(positions: Int64s) -> ColumnValues:
        reads.append(positions.tolist())
        return ColumnValues(second[positions], None)

    keys = [lambda positions: ColumnValues(-first[positions], None), watched]
    assert first_in_order(10, keys, 2, desc=True).tolist() == [4, 2]
    assert reads == [[1, 2, 4], [4, 2]]


@pytest.mark.parametrize("desc", [False, True])
def test_groups_ascend_in_either_direction(desc: bool) -> None:
    """Descending order reverses only the rows within a group. Missing values come last in a group."""
    rng = Random(12)
    for length in (1, 5, 60):
        groups = [rng.randrange(3) for _ in range(length)]
        column = [rng.choice([None, 0.0, 1.0, 2.0]) for _ in range(length)]
        values = np.array([np.nan if value is None else value for value in column])
        found = in_order([ColumnValues(values, np.isnan(values))], np.array(groups, dtype=np.int64), desc=desc)
        sign = -1 if desc else 1
        assert found.tolist() == sorted(
            range(length), key=lambda row: (groups[row], column[row] is None, sign * (column[row] or 0))
        )
