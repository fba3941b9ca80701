"""The cache of value indexes: how long a value index serves, and how the writer passes it on to the next segment."""

import numpy as np
import pytest

from bucketquery.model.schema import Float64s
from bucketquery.model.sizes import Sizes
from bucketquery.value_index.index_cache import IndexCache

#: A value index serves while it is at most 4 rows behind, plus one row for each 10 rows that it covers.
SIZES = Sizes(rows_behind=4, covered_per_row_behind=10, level_rows=2)


def scores(length: int) -> Float64s:
    """Distinct scores that are not in the order of the rows."""
    return np.random.default_rng(length).permutation(np.arange(length, dtype=np.float64))


def cache_of(column: Float64s, *, desc: bool = True) -> IndexCache:
    """A cache with the value index of one column, ``score``."""
    cache = IndexCache(SIZES)
    cache.make("score", column, desc=desc, marks=())
    return cache


def test_a_value_index_is_found_by_column_and_direction() -> None:
    """Another column has no value index yet, and neither has the other direction of the same column."""
    cache = IndexCache(SIZES)
    assert cache.near("score", 40, desc=True) is None
    made = cache.make("score", scores(40), desc=True, marks=())
    assert cache.near("score", 40, desc=True) is made
    assert cache.near("score", 40, desc=False) is None
    assert cache.near("other", 40, desc=True) is None


@pytest.mark.parametrize(("length", "serves"), [(30, True), (40, True), (48, True), (49, False)])
def test_a_value_index_serves_segments_that_are_near(length: int, serves: bool) -> None:
    """The value index covers 40 rows. A segment may have fewer rows, or up to 8 more: 4, plus a tenth of 40."""
    assert (cache_of(scores(40)).near("score", length, desc=True) is not None) == serves


def test_an_outgrown_value_index_no_longer_serves() -> None:
    """After the rows have doubled, the levels no longer suit the column."""
    column = scores(81)
    cache = cache_of(column[:40])
    assert cache.maintained({"score": column}, 80).near("score", 80, desc=True) is not None
    assert cache.maintained({"score": column}, 81).near("score", 81, desc=True) is None


def test_the_writer_extends_value_indexes_that_are_behind() -> None:
    """A cache with value indexes fewer than 4 rows behind stays as it is.

    From 4 rows on, a new cache has value indexes of all rows, and the old cache does not change.
    """
    column = scores(60)
    cache = cache_of(column[:40])
    cache.make("score", column[:42], desc=False, marks=())
    assert cache.maintained({"score": column}, 43) is cache
    later = cache.maintained({"score": column}, 44)
    assert later is not cache
    for desc in (True, False):
        extended = later.near("score", 44, desc=desc)
        assert extended is not None
        assert extended.covered == 44
    later.check({"score": column}, 44)
    old = cache.near("score", 40, desc=True)
    assert old is not None
    assert old.covered == 40
    cache.check({"score": column}, 42)


def test_the_writer_corrects_value_indexes_of_changed_columns() -> None:
    """The value index of an unchanged column stays the same. A changed column gets a corrected value index."""
    before = {"score": scores(40), "events": scores(40)}
    after = {"score": before["score"].copy(), "events": before["events"]}
    rows = np.array([3, 7])
    after["score"][rows] = [50.0, -1.0]
    cache = cache_of(before["score"])
    events = cache.make("events", before["events"], desc=True, marks=())
    corrected = cache.corrected(before, after, rows)
    assert corrected is not None
    assert corrected.near("events", 40, desc=True) is events
    corrected.check(after, 40)
    cache.check(before, 40)
    found = corrected.near("score", 40, desc=True)
    assert found is not None
    assert found.best == 50.0


def test_a_value_index_with_too_many_changed_rows_is_left_out() -> None:
    """If more than a quarter of the rows differ, the next reader makes a new value index."""
    before, rows = {"score": scores(40)}, np.arange(11)
    after = {"score": before["score"].copy()}
    after["score"][rows] += 100
    assert cache_of(before["score"]).corrected(before, after, rows[:10]) is not None
    assert cache_of(before["score"]).corrected(before, after, rows) is None


def test_the_bytes_of_a_cache_are_those_of_its_value_indexes() -> None:
    """An empty cache has no bytes, and each value index adds its own."""
    cache = IndexCache(SIZES)
    assert cache.nbytes() == 0
    sizes = [cache.make("score", scores(40), desc=desc, marks=()).nbytes() for desc in (True, False)]
    assert all(size > 0 for size in sizes)
    assert cache.nbytes() == sum(sizes)


def test_a_check_finds_a_value_index_of_other_values() -> None:
    """`check` tests only value indexes that cover no more rows than the segment. Others belong to a newer segment."""
    cache = cache_of(scores(40))
    cache.check({"score": scores(40)}, 40)
    cache.check({"score": scores(40)[::-1]}, 39)
    with pytest.raises(AssertionError):
        cache.check({"score": scores(40)[::-1]}, 40)


def test_a_cut_keeps_the_value_indexes_of_the_rows_that_stay() -> None:
    """Value indexes without such a row, or without any value, are left out; without any there is no cache."""
    columns = {"score": np.arange(10.0), "missing": np.full(10, np.nan)}
    cache = IndexCache(SIZES)
    assert cache.between_rows(0, 5) is None
    for name, column in columns.items():
        cache.make(name, column, desc=True, marks=())
    found = cache.between_rows(2, 8)
    assert found is not None
    assert found.near("missing", 6, desc=True) is None
    index = found.near("score", 6, desc=True)
    assert index is not None
    assert index.covered == 6
    found.check({name: column[2:8] for name, column in columns.items()}, 6)
    assert cache.between_rows(10, None) is None
