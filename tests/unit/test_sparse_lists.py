"""Lists: rows that have none cost nothing, and whatever is done with rows, each keeps its own tuple."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import Int64s
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists

#: What ten rows have; the lists of them, and the same with garbage in the room behind.
TUPLES: list[tuple[Any, ...]] = [(), ("b",), ("c", "c"), (), (), ("f",), (), (), ("i", "j", "k"), ()]
FULL = SparseLists.of_tuples(TUPLES)


def array(*rows: int) -> Int64s:
    """Rows as an array."""
    return np.array(rows, dtype=np.int64)


def roomy() -> SparseLists:
    """The lists of the ten rows, with room for others."""
    rows, values = np.append(FULL.rows, (99, 99)), np.append(FULL.values, np.array([None, None]))
    return SparseLists(rows, values, FULL.length)


def told(lists: SparseLists, length: int = 10) -> list[tuple[Any, ...]]:
    """What each of some rows has."""
    lists.check(length)
    return lists.between(0, length)


BOTH = pytest.mark.parametrize("lists", [FULL, roomy()], ids=["full", "with room"])


def test_only_rows_with_something_have_lists() -> None:
    """An empty tuple is none; tuples of one length stay tuples."""
    found = SparseLists.of_tuples([(), ("a", "b"), (), ("c", "d")])
    assert found.rows.tolist() == [1, 3]
    assert found.values.tolist() == [("a", "b"), ("c", "d")]
    assert found.length == 2
    assert (SparseLists.of_tuples([()]).length, NO_LISTS.length) == (0, 0)


@BOTH
def test_tuples_are_taken_in_any_order(lists: SparseLists) -> None:
    """Of rows asked for twice as well; of none where nothing is."""
    for asked in (array(), array(0), array(9, 8, 2), array(1, 1, 0), array(5, 8)):
        assert lists.of_each(asked) == [TUPLES[row] for row in asked.tolist()]
        assert NO_LISTS.of_each(asked) == [()] * len(asked)


@BOTH
@pytest.mark.parametrize(("first", "stop"), [(0, 10), (1, 9), (2, 2), (5, 6), (7, 3), (10, 10), (0, 0)])
def test_rows_beside_each_other_are_taken_together(lists: SparseLists, first: int, stop: int) -> None:
    """Empty where there is none; of a span turned around nothing."""
    assert lists.between(first, stop) == TUPLES[first:stop]
    assert NO_LISTS.between(first, stop) == [()] * max(0, stop - first)


@BOTH
def test_a_selection_counts_from_zero(lists: SparseLists) -> None:
    """Of ascending rows, whether they have a list or not."""
    for rows in ([], [0], [1, 2], [0, 5, 9], [*range(10)]):
        assert told(lists.select(array(*rows)), len(rows)) == [TUPLES[row] for row in rows]
    assert NO_LISTS.select(array(0, 1)).length == 0


@BOTH
def test_an_order_takes_the_lists_along(lists: SparseLists) -> None:
    """Whichever it is; rows that it leaves out are gone."""
    for order in ([*range(9, -1, -1)], [5, 0, 8], [3], []):
        assert told(lists.reordered(array(*order)), len(order)) == [TUPLES[row] for row in order]
    assert NO_LISTS.reordered(array(1, 0)).length == 0


@BOTH
def test_rows_may_be_moved_apart_or_further_on(lists: SparseLists) -> None:
    """Each list goes with its row."""
    assert told(lists.moved(np.arange(0, 20, 2)), 20)[::2] == TUPLES
    assert told(lists.shifted(3), 13) == [(), (), (), *TUPLES]
    assert told(lists.shifted(3).shifted(-3)) == TUPLES


def test_parts_are_merged_in_the_order_of_their_rows() -> None:
    """One alone is itself."""
    even = np.arange(0, 10, 2)
    parts = [FULL.reordered(even).moved(even), FULL.reordered(even + 1).moved(even + 1)]
    assert told(SparseLists.merged(parts)) == told(SparseLists.merged(parts[::-1])) == TUPLES
    assert SparseLists.merged([FULL]) is FULL
    assert told(SparseLists.merged([FULL, NO_LISTS])) == TUPLES


def test_later_lists_are_written_into_the_room() -> None:
    """Where there is none, all are copied; the older lists see nothing of it either way."""
    old = roomy()
    new = old.append(SparseLists.of_tuples([("k",), (), ("m",)]).shifted(10))
    assert np.shares_memory(old.rows, new.rows)
    assert np.shares_memory(old.values, new.values)
    assert told(new, 13) == [*TUPLES, ("k",), (), ("m",)]
    newest = new.append(SparseLists.of_tuples([("n",)]).shifted(13))
    assert not np.shares_memory(new.rows, newest.rows)
    assert told(newest, 14) == [*told(new, 13), ("n",)]
    assert told(old) == TUPLES
    assert told(NO_LISTS.append(FULL)) == TUPLES


@BOTH
def test_lists_are_replaced_given_and_taken_away(lists: SparseLists) -> None:
    """For any rows, ascending; the others keep theirs."""
    others = SparseLists.of_tuples([("A",), (), ("C",), ()])
    rows = [0, 1, 2, 3]
    assert told(lists.replace(array(*rows), others)) == [("A",), (), ("C",), (), *TUPLES[4:]]
    assert told(lists.replace(np.arange(10), NO_LISTS)) == [()] * 10
    assert told(NO_LISTS.replace(array(1, 3, 5, 9), others)) == [(), ("A",), (), (), (), ("C",), (), (), (), ()]
    assert told(lists) == TUPLES


FAULTS: list[Callable[[], SparseLists]] = [
    lambda: SparseLists.of(array(2, 1), FULL.values[:2]),
    lambda: SparseLists.of(array(1, 1), FULL.values[:2]),
    lambda: SparseLists.of(array(-1), FULL.values[:1]),
    lambda: SparseLists.of(array(10), FULL.values[:1]),
    lambda: SparseLists.of(array(0), np.array([None])),
    lambda: SparseLists.of(array(0), np.fromiter([()], dtype=np.object_, count=1)),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_check_notices(fault: int) -> None:
    """Rows out of order, twice or outside, and what is no tuple with something in it."""
    with pytest.raises(AssertionError):
        FAULTS[fault]().check(10)
