"""Sparse lists: each row has its own tuple after every operation, and a row without a tuple has no entry."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import Int64s
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists

#: The tuples of ten rows, and the sparse lists of these rows.
TUPLES: list[tuple[Any, ...]] = [(), ("b",), ("c", "c"), (), (), ("f",), (), (), ("i", "j", "k"), ()]
FULL = SparseLists.of_tuples(TUPLES)


def array(*rows: int) -> Int64s:
    """Rows as an array."""
    return np.array(rows, dtype=np.int64)


def roomy() -> SparseLists:
    """The sparse lists of the ten rows, with garbage in spare room at the end of the arrays."""
    rows, values = np.append(FULL.rows, (99, 99)), np.append(FULL.values, np.array([None, None]))
    return SparseLists(rows, values, FULL.length)


def checked_tuples(lists: SparseLists, length: int = 10) -> list[tuple[Any, ...]]:
    """The tuple of each row before ``length``. The lists are checked first."""
    lists.check(length)
    return lists.between(0, length)


with_and_without_room = pytest.mark.parametrize("lists", [FULL, roomy()], ids=["without room", "with room"])


def test_only_rows_with_a_tuple_have_an_entry() -> None:
    """An empty tuple has no entry. Tuples of equal length do not become a two-dimensional array."""
    found = SparseLists.of_tuples([(), ("a", "b"), (), ("c", "d")])
    assert found.rows.tolist() == [1, 3]
    assert found.values.tolist() == [("a", "b"), ("c", "d")]
    assert found.length == 2
    assert (SparseLists.of_tuples([()]).length, NO_LISTS.length) == (0, 0)


@with_and_without_room
def test_tuples_are_taken_in_any_order(lists: SparseLists) -> None:
    """A row may be taken twice, and a row without an entry gives an empty tuple."""
    for rows in (array(), array(0), array(9, 8, 2), array(1, 1, 0), array(5, 8)):
        assert lists.of_each(rows) == [TUPLES[row] for row in rows.tolist()]
        assert NO_LISTS.of_each(rows) == [()] * len(rows)


@with_and_without_room
@pytest.mark.parametrize(("first", "stop"), [(0, 10), (1, 9), (2, 2), (5, 6), (7, 3), (10, 10), (0, 0)])
def test_consecutive_rows_are_taken_together(lists: SparseLists, first: int, stop: int) -> None:
    """A row without an entry gives an empty tuple, and a reversed range gives nothing."""
    assert lists.between(first, stop) == TUPLES[first:stop]
    assert NO_LISTS.between(first, stop) == [()] * max(0, stop - first)


@with_and_without_room
def test_selected_rows_are_numbered_from_zero(lists: SparseLists) -> None:
    """The selected rows are ascending, with or without an entry."""
    for rows in ([], [0], [1, 2], [0, 5, 9], [*range(10)]):
        assert checked_tuples(lists.select(array(*rows)), len(rows)) == [TUPLES[row] for row in rows]
    assert NO_LISTS.select(array(0, 1)).length == 0


@with_and_without_room
def test_reordered_rows_keep_their_tuples(lists: SparseLists) -> None:
    """Rows may be put in any order. The entries of rows that are left out are dropped."""
    for order in ([*range(9, -1, -1)], [5, 0, 8], [3], []):
        assert checked_tuples(lists.reordered(array(*order)), len(order)) == [TUPLES[row] for row in order]
    assert NO_LISTS.reordered(array(1, 0)).length == 0


@with_and_without_room
def test_rows_may_be_moved_apart_or_shifted(lists: SparseLists) -> None:
    """Each tuple moves with its row."""
    assert checked_tuples(lists.moved(np.arange(0, 20, 2)), 20)[::2] == TUPLES
    assert checked_tuples(lists.shifted(3), 13) == [(), (), (), *TUPLES]
    assert checked_tuples(lists.shifted(3).shifted(-3)) == TUPLES


@with_and_without_room
def test_a_part_is_a_copy_of_its_entries(lists: SparseLists) -> None:
    """A part has only the entries of its range, so a small part does not keep the others in memory."""
    part = lists.part(1, 3, first=2)
    assert checked_tuples(part, 8) == [("c", "c"), (), (), ("f",), (), (), (), ()]
    assert (len(part.rows), len(part.values)) == (2, 2)
    assert not np.shares_memory(part.rows, lists.rows)
    assert not np.shares_memory(part.values, lists.values)


def test_parts_are_merged_in_the_order_of_their_rows() -> None:
    """A single part is returned as it is."""
    even = np.arange(0, 10, 2)
    parts = [FULL.reordered(even).moved(even), FULL.reordered(even + 1).moved(even + 1)]
    assert checked_tuples(SparseLists.merged(parts)) == checked_tuples(SparseLists.merged(parts[::-1])) == TUPLES
    assert SparseLists.merged([FULL]) is FULL
    assert checked_tuples(SparseLists.merged([FULL, NO_LISTS])) == TUPLES


def test_later_lists_are_written_into_spare_room() -> None:
    """If there is no spare room, all entries are copied. The older lists do not change in either case."""
    old = roomy()
    new = old.append(SparseLists.of_tuples([("k",), (), ("m",)]).shifted(10))
    assert np.shares_memory(old.rows, new.rows)
    assert np.shares_memory(old.values, new.values)
    assert checked_tuples(new, 13) == [*TUPLES, ("k",), (), ("m",)]
    newest = new.append(SparseLists.of_tuples([("n",)]).shifted(13))
    assert not np.shares_memory(new.rows, newest.rows)
    assert checked_tuples(newest, 14) == [*checked_tuples(new, 13), ("n",)]
    assert checked_tuples(old) == TUPLES
    assert checked_tuples(NO_LISTS.append(FULL)) == TUPLES


@with_and_without_room
def test_lists_are_replaced_added_and_removed(lists: SparseLists) -> None:
    """The given rows are ascending, and all other rows keep their tuples."""
    others = SparseLists.of_tuples([("A",), (), ("C",), ()])
    rows = [0, 1, 2, 3]
    assert checked_tuples(lists.replace(array(*rows), others)) == [("A",), (), ("C",), (), *TUPLES[4:]]
    assert checked_tuples(lists.replace(np.arange(10), NO_LISTS)) == [()] * 10
    assert checked_tuples(NO_LISTS.replace(array(1, 3, 5, 9), others)) == [
        (),
        ("A",),
        (),
        (),
        (),
        ("C",),
        (),
        (),
        (),
        (),
    ]
    assert checked_tuples(lists) == TUPLES


FAULTS: list[Callable[[], SparseLists]] = [
    lambda: SparseLists.of(array(2, 1), FULL.values[:2]),
    lambda: SparseLists.of(array(1, 1), FULL.values[:2]),
    lambda: SparseLists.of(array(-1), FULL.values[:1]),
    lambda: SparseLists.of(array(10), FULL.values[:1]),
    lambda: SparseLists.of(array(0), np.array([None])),
    lambda: SparseLists.of(array(0), np.fromiter([()], dtype=np.object_, count=1)),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_check_finds_each_fault(fault: int) -> None:
    """A fault is a row out of order, repeated or out of range, or an entry that is not a tuple with items."""
    with pytest.raises(AssertionError):
        FAULTS[fault]().check(10)
