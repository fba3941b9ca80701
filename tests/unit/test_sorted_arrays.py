"""Sorted arrays: each search gives the result of a simple one."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from bucketquery.arrays import sorted_arrays as ordered
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

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def times(*values: int) -> Int64s:
    """An array of timestamps."""
    return np.array(values, dtype=np.int64)


def test_a_value_is_found_at_its_place() -> None:
    """An absent value gets the place where it would be: before, between or after the others.

    The wanted values may be in any order.
    """
    values = [INT64_MIN, -1, 0, 5, INT64_MAX]
    for length in range(len(values) + 1):
        stored = values[:length]
        wanted = [5, 0, 7, INT64_MAX, INT64_MIN, -5, 5]
        found, places = find(np.array(stored, dtype=np.int64), np.array(wanted))
        assert found.tolist() == [value in stored for value in wanted]
        assert places.tolist() == [sum(other < value for other in stored) for value in wanted]
        assert found.dtype == np.bool_
        assert places.dtype == np.int64
        found, places = find(np.array(stored, dtype=np.int64), np.array([], dtype=np.int64))
        assert (found.tolist(), places.tolist()) == ([], [])


def test_the_lower_bound_counts_the_smaller_rows() -> None:
    """This holds for one to three columns, the edges of int64, equal timestamps and no rows."""
    rng = Random(5)
    values = (INT64_MIN, INT64_MIN + 1, -1, 0, 1, 2, INT64_MAX - 1, INT64_MAX)
    for length in (0, 1, 2, 7, 40):
        stored = sorted({(rng.choice(values), rng.choice(values), rng.choice(values)) for _ in range(length)})
        keys = [(rng.choice(values), rng.choice(values), rng.choice(values)) for _ in range(200)] + stored
        for width in (1, 2, 3):
            narrow = sorted({key[:width] for key in stored})
            columns = [np.array([row[at] for row in narrow], dtype=np.int64) for at in range(width)]
            wanted = [np.array([key[at] for key in keys], dtype=np.int64) for at in range(width)]
            expected = [sum(row < key[:width] for row in narrow) for key in keys]
            assert lower_bound(columns, wanted).tolist() == expected


def test_one_time_may_have_many_spans() -> None:
    """The lower bound finds each of 1,000 rows with one timestamp by its span."""
    times, spans = np.full(1_000, 5, dtype=np.int64), np.arange(1, 1_001)
    keys = np.array([0, 1, 500, 1_000, 1_001, INT64_MAX])
    assert lower_bound([times, spans], [np.full(6, 5), keys]).tolist() == [0, 0, 499, 999, 1_000, 1_000]
    assert lower_bound([times, spans], [np.array([4, 6]), np.array([7, 7])]).tolist() == [0, 1_000]


def test_rows_of_one_instant_are_found_by_their_last_column() -> None:
    """All keys have one time, or one time and one span, or some rows of two times."""
    rows = sorted((time, span, label) for time in (5, 9) for span in (60, 300) for label in range(0, 40, 2))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    some = [(5, 300, label) for label in (39, 7, 0, -1)], [(9, span, 11) for span in (300, 60, 1)]
    for keys in (*some, some[0] + some[1]):
        wanted = [np.array(column) for column in zip(*keys, strict=True)]
        assert lower_bound(columns, wanted).tolist() == [sum(row < key for row in rows) for key in keys]


def test_increasing_is_lexicographic() -> None:
    """Equal rows do not increase. A later column counts if the earlier ones are equal."""
    columns = [np.array([1, 1, 1, 2, 1]), np.array([1, 2, 2, 0, 9])]
    assert increasing(columns).tolist() == [True, False, True, False]
    assert increasing([np.array([5])]).tolist() == []
    assert increasing([np.array([], dtype=np.int64)]).tolist() == []


def simple_order(keys: Sequence[Sequence[int]]) -> list[int]:
    """The last row of each key, in the order of the keys."""
    last = {key: row for row, key in enumerate(zip(*keys, strict=True))}
    return [last[key] for key in sorted(last)]


@pytest.mark.parametrize("points_per_row", [0, ordered._GRID_POINTS_PER_ROW])
def test_rows_are_sorted_by_their_keys(points_per_row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of equal rows the last one stays.

    Keys are on a grid or not, one or several, constant or not, and at the edges of int64.
    """
    monkeypatch.setattr(ordered, "_GRID_POINTS_PER_ROW", points_per_row)
    rng = Random(6)
    edges = (INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX)
    for length in (0, 1, 2, 3, 50, 200):
        for step, spread in ((1, 1), (300_000, 1), (300_000, 3), (7, 100), (1, 10**12)):
            times = [rng.randrange(max(1, length * spread)) * step - 5 for _ in range(length)]
            off_grid = [time + (rng.random() < 0.01) for time in times]
            same, few = [5] * length, [rng.randrange(2) for _ in range(length)]
            far = [rng.choice(edges) for _ in range(length)]
            for keys in ([times], [same, times], [same, off_grid, same], [few, times, few], [same], [far], [same, far]):
                found = sort_order([np.array(key, dtype=np.int64) for key in keys])
                expected = simple_order(keys)
                assert ([*range(length)] if found is None else found.tolist()) == expected
                if expected == [*range(length)]:
                    assert found is None, "rows in order need no permutation"


def test_a_value_off_the_grid_is_sorted_too() -> None:
    """Every value that is sampled for the grid is on it. One other value is not."""
    values = [row * 10 for row in range(200)][::-1]
    values[150] += 1
    found = sort_order([np.array(values)])
    assert found is not None
    assert found.tolist() == simple_order([values])


@pytest.mark.parametrize("length", [65, 200, 1_000])
def test_two_values_between_the_same_points_of_a_grid_both_stay(length: int) -> None:
    """The first 64 values and the extremes lie on a grid. Two later values lie between the same two of its points."""
    rng = Random(length)
    # The last value is on the grid too; the two before it are not.
    values = [row * 10 for row in range(length)]
    rng.shuffle(values)
    point = (length // 2) * 10
    values += [point + 7, point + 3, length * 10]
    found = sort_order([np.array(values, dtype=np.int64)])
    assert found is not None
    assert len(found) == length + 3
    assert found.tolist() == simple_order([values])


@pytest.mark.parametrize("deleted", [(), (0,), (9,), (0, 1, 2), (7, 8, 9), (2, 5, 6), (0, 9), (1, 3, 5, 7)], ids=repr)
def test_ranks_are_found_among_live_rows(deleted: tuple[int, ...]) -> None:
    """If no deleted row lies between the first and the last, the rows are a slice. Otherwise they are an array."""
    live = [row for row in range(10) if row not in deleted]
    for first in range(len(live)):
        for last in range(first + 1, len(live) + 1):
            found = live_rows(np.array(deleted, dtype=np.int64), first, last)
            expected = live[first:last]
            if isinstance(found, slice):
                assert [*range(10)[found]] == expected
            else:
                assert found.tolist() == expected
            is_gapless = expected[-1] - expected[0] + 1 == len(expected)
            assert isinstance(found, slice) == is_gapless


@pytest.mark.parametrize("length", [0, 1, 5, 10, 19, 20, 21, 1_000, 79_190])
def test_a_sample_is_from_everywhere_and_at_uneven_distances(length: int) -> None:
    """If there are few values, the sample has all of them. Otherwise it has one of each section, at varying offsets."""
    sample = sampled(np.arange(length), 10).tolist()
    step = length // 10
    if step <= 1:
        assert sample == [*range(length)]
        return
    assert [value // step for value in sample] == [*range(length // step)]
    assert len({value % step for value in sample}) > 1 or step == 7_919


@pytest.mark.parametrize("stored", [(), (5,), (1, 3, 3, 3, 7), (INT64_MIN, 0, INT64_MAX)], ids=repr)
def test_a_window_is_half_open(stored: tuple[int, ...]) -> None:
    """A window includes its start and excludes its end. Empty and reversed windows are empty slices."""
    edges = (INT64_MIN, -1, 0, 1, 2, 3, 4, 5, 7, 8, INT64_MAX)
    for start in edges:
        for end in edges:
            found = time_slice(times(*stored), start, end)
            assert [*stored[found]] == [time for time in stored if start <= time < end]
            assert found.step is None
            assert 0 <= found.start <= found.stop <= len(stored)


def test_ranges_are_concatenated() -> None:
    """An empty range adds nothing."""
    starts, stops = times(3, 9, 9, 0), times(5, 9, 10, 3)
    integers, ranges = concatenated_ranges(starts, stops)
    assert (integers.tolist(), ranges.tolist()) == ([3, 4, 9, 0, 1, 2], [0, 0, 2, 3, 3, 3])
    assert [found.tolist() for found in concatenated_ranges(times(), times())] == [[], []]
