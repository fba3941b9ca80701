"""The cache of value indexes: which one serves a column, when one is made anew, and how the writer keeps them right."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from bucketquery.model.schema import Array
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.value_index.index_cache import IndexCache
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

#: A value index of 40 rows may be 4 + 40 // 10 rows behind; the writer keeps it up from 4 rows on.
SIZES: Final = replace(DEFAULT_SIZES, rows_behind=4, covered_per_row_behind=10, level_rows=1)


def column(length: int) -> Array:
    """Scores that differ, the same for the same row."""
    return np.arange(length) * 37 % 101 * 1.0


def columns(length: int) -> dict[str, Array]:
    """Two columns of a segment."""
    return {"one": column(length), "other": -column(length)}


def ask(cache: IndexCache, length: int, name: str = "one", *, desc: bool = True) -> ValueIndex:
    """The value index that a reader of some rows gets."""
    return cache.value_index(name, columns(length)[name], desc=desc, marks=())


def edges(value_index: ValueIndex) -> list[float]:
    """The edges of the levels."""
    return [level.edge for level in value_index.levels]


def changed(before: Mapping[str, Array], name: str, *rows: int) -> dict[str, Array]:
    """The columns with other values in some rows of one of them; the others are the same arrays."""
    after = before[name].copy()
    after[list(rows)] = 1_000.0
    return {**before, name: after}


def test_a_value_index_is_made_once_for_each_column_and_direction() -> None:
    """All later readers get the one that the first reader made; it has a level for each mark."""
    cache = IndexCache(SIZES)
    made = {(name, desc): ask(cache, 40, name, desc=desc) for name in ("one", "other") for desc in (False, True)}
    assert len({id(value_index) for value_index in made.values()}) == 4
    for (name, desc), value_index in made.items():
        assert ask(cache, 40, name, desc=desc) is value_index
        assert value_index.best == sort_keys_of(columns(40)[name], desc=desc).max()
    marked = cache.value_index("third", column(40), desc=True, marks=(90.0,))
    assert 90.0 in edges(marked)


def test_a_value_index_serves_while_it_is_near_enough() -> None:
    """It may be some rows behind, more if it covers many, and any number of rows ahead of an older reader."""
    cache = IndexCache(SIZES)
    first = ask(cache, 40)
    assert all(ask(cache, length) is first for length in (1, 39, 41, 48))
    second = ask(cache, 49)
    assert (second is first, second.covered) == (False, 49)
    assert ask(cache, 40) is second


def test_an_outgrown_value_index_is_made_anew() -> None:
    """Its levels suit the rows that it was made of; with more than twice as many rows they are too dense."""
    cache = IndexCache(SIZES)
    made = ask(cache, 20)
    cache = cache.kept_up(columns(40), 40)
    kept = ask(cache, 40)
    assert (kept.covered, edges(kept)) == (40, edges(made))
    cache = cache.kept_up(columns(44), 44)
    anew = ask(cache, 44)
    assert edges(anew) == edges(ValueIndex.of(column(44), (), SIZES)) != edges(made)
    assert ask(cache, 44) is anew


def test_the_writer_keeps_value_indexes_up_for_later_rows() -> None:
    """It lets few rows wait; if one value index is far behind, it keeps all of them up. Older readers keep theirs."""
    cache = IndexCache(SIZES)
    assert cache.kept_up({}, 1_000) is cache
    one, other = ask(cache, 40), ask(cache, 42, "other", desc=False)
    assert cache.kept_up(columns(43), 43) is cache
    later = cache.kept_up(columns(44), 44)
    assert (ask(later, 44).covered, ask(later, 44, "other", desc=False).covered) == (44, 44)
    later.check(columns(44), 44)
    assert (ask(cache, 40), ask(cache, 42, "other", desc=False)) == (one, other)
    cache.check(columns(42), 42)


def test_readers_of_old_rows_and_of_new_ones_add_to_caches_of_their_own() -> None:
    """The writer never changes a cache, and a value index that one reader makes is not seen beside other rows."""
    old = IndexCache(SIZES)
    ask(old, 40)
    new = old.kept_up(columns(44), 44)
    of_old, of_new = ask(old, 40, "other"), ask(new, 44, "other")
    assert (ask(old, 40, "other"), ask(new, 44, "other")) == (of_old, of_new)
    assert (of_old.covered, of_new.covered) == (40, 44)


def test_a_correction_is_taken_over_for_the_columns_that_differ() -> None:
    """The value index of an unchanged column is shared; readers of the old values keep the old one."""
    before, cache = columns(40), IndexCache(SIZES)
    one, other = ask(cache, 40), ask(cache, 40, "other")
    after = changed(before, "one", 3, 17)
    corrected = cache.corrected(before, after, np.array([3, 17]))
    assert corrected is not None
    corrected.check(after, 40)
    cache.check(before, 40)
    assert corrected.value_index("one", after["one"], desc=True, marks=()).best == 1_000.0
    assert (ask(corrected, 40, "other"), ask(cache, 40).best) == (other, one.best)


def test_a_value_index_is_left_out_if_too_many_rows_differ() -> None:
    """More than a level's share of its rows; without any value index there is no cache."""
    before, cache = columns(40), IndexCache(SIZES)
    most = 40 // SIZES.level_step
    assert cache.corrected(before, changed(before, "one", 0), np.array([0])) is None
    ask(cache, 40)
    few, many = ((changed(before, "one", *range(stop)), np.arange(stop)) for stop in (most, most + 1))
    assert cache.corrected(before, *few) is not None
    assert cache.corrected(before, *many) is None
    other = ask(cache, 40, "other")
    rest = cache.corrected(before, *many)
    assert rest is not None
    assert rest.nbytes() == other.nbytes()
    assert ask(rest, 40, "other") is other


def test_its_bytes_are_those_of_its_value_indexes() -> None:
    """A cache that nobody asked has none."""
    cache = IndexCache(SIZES)
    assert cache.nbytes() == 0
    one = ask(cache, 40)
    assert cache.nbytes() == one.nbytes() > 0
    other = ask(cache, 40, "other")
    assert cache.nbytes() == one.nbytes() + other.nbytes()


@pytest.mark.parametrize("desc", [False, True], ids=["least first", "greatest first"])
def test_a_check_finds_a_value_index_of_other_values(desc: bool) -> None:
    """It leaves out one that covers more rows: that belongs to a newer segment."""
    cache = IndexCache(SIZES)
    ask(cache, 40, desc=desc)
    wrong = changed(columns(40), "one", 0)
    cache.check(columns(40), 40)
    cache.check(wrong, 39)
    with pytest.raises(AssertionError):
        cache.check(wrong, 40)
