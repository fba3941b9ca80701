"""Packed keys: rows in the order of several columns, by one sort of integers."""

import numpy as np
import pytest

from bucketquery.arrays.packed_keys import last_of_each
from bucketquery.model.schema import Array


def expected(keys: list[Array]) -> list[int]:
    """The same by a dict."""
    last = {tuple(int(key[row]) for key in keys): row for row in range(len(keys[0]))}
    return [last[key] for key in sorted(last)]


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_in_order_and_only_the_last_of_each_is_included(seed: int) -> None:
    """It holds for one word, for several words, for keys that are constant and for steps between values."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(1, 200))
    ranges = [(0, 3), (-5, 2**31), (7, 8), (0, 2**40), (-(2**62), 2**62)]
    keys = []
    for _ in range(rng.integers(1, 5)):
        low, high = ranges[rng.integers(len(ranges))]
        step = int(rng.choice([1, 1_000]))
        keys.append(rng.integers(low, high, length) // step * step)
    keys.append(rng.integers(0, 5, length).astype(np.uint32))
    keys.append(rng.integers(-1, 5, length).astype(np.int32))
    assert last_of_each(keys).tolist() == expected(keys)


def test_keys_without_a_common_step_behind_the_sample_are_packed_as_they_are() -> None:
    """The first values have a common step, and a later one does not."""
    key = np.append(np.arange(0, 800, 8), [3, 8_000])
    assert last_of_each([key]).tolist() == expected([key])


def test_values_that_lie_too_far_apart_are_ranked() -> None:
    """The difference of the least and the greatest value leaves int64."""
    key = np.array([2**63 - 1, -(2**63), 0, 0])
    assert last_of_each([key]).tolist() == [1, 3, 0]


def test_a_long_key_is_sorted_beside_the_numbers_of_its_rows() -> None:
    """Key and number together have more than 63 bits."""
    key = np.array([2**62, 0, 1, 2**62])
    assert last_of_each([key]).tolist() == [1, 2, 3]


def test_no_rows_have_no_order() -> None:
    """No rows, no keys."""
    assert last_of_each([np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint32)]).tolist() == []
