"""Sparse lists: each row has its own tuple after every operation, and a row without a tuple has no entry."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import Int64s
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists, lists_of_rows, row_lists, with_row_lists

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


#: The instants of ten rows, of which 0 is one, and their lists.
INSTANTS: list[int | None] = [None, 0, -1, None, None, 5, None, None, 2**62, None]
FULL_INSTANTS = SparseLists.of_instants(
    np.array([instant or 0 for instant in INSTANTS], dtype=np.int64),
    np.array([instant is not None for instant in INSTANTS], dtype=np.bool_),
)


def instants_of(lists: SparseLists, length: int = 10) -> list[int | None]:
    """The instant of each row before ``length``. The lists are checked first."""
    lists.check(length)
    assert not lists.length or lists.values.dtype == np.int64
    values, present = lists.instants(np.arange(length))
    assert not values[~present].any()
    return [instant if has else None for instant, has in zip(values.tolist(), present.tolist(), strict=True)]


def test_instants_are_an_array() -> None:
    """An instant of 0 has an entry. If all rows have one, no mask is needed."""
    assert instants_of(FULL_INSTANTS) == INSTANTS
    assert FULL_INSTANTS.rows.tolist() == [1, 2, 5, 8]
    assert instants_of(SparseLists.of_instants(array(0, -5), None), 2) == [0, -5]
    assert instants_of(SparseLists.of_rows([1, 4], [0, 7]), 5) == [None, 0, None, None, 7]
    assert instants_of(NO_LISTS) == [None] * 10
    values, present = FULL_INSTANTS.instants(array(8, 1, 0, 8))
    assert (values.tolist(), present.tolist()) == ([2**62, 0, 0, 2**62], [True, True, False, True])


def test_instants_are_numbers_after_every_operation() -> None:
    """No operation turns them into objects, also if one side has none."""
    order = array(8, 0, 1)
    assert instants_of(FULL_INSTANTS.reordered(order), 3) == [2**62, None, 0]
    assert instants_of(FULL_INSTANTS.select(array(1, 3, 5)), 3) == [0, None, 5]
    assert instants_of(FULL_INSTANTS.prefix(6), 6) == INSTANTS[:6]
    assert instants_of(FULL_INSTANTS.part(1, 3, first=2), 4) == [-1, None, None, 5]
    assert instants_of(FULL_INSTANTS.moved(np.arange(0, 20, 2)), 20)[::2] == INSTANTS
    nothing = FULL_INSTANTS.replace(np.arange(10), NO_LISTS)
    later = FULL_INSTANTS.shifted(10)
    for empty in (NO_LISTS, nothing):
        assert instants_of(empty) == [None] * 10
        assert instants_of(empty.append(later), 20) == [None] * 10 + INSTANTS
        assert not np.shares_memory(empty.append(later).rows, later.rows)
        assert not np.shares_memory(empty.append(later).values, later.values)
        assert instants_of(FULL_INSTANTS.append(empty)) == INSTANTS
        assert instants_of(empty.append_one(3, 0), 4) == [None, None, None, 0]
        assert instants_of(empty.edited(2, 0, 1), 3) == [None, None, 0]
        assert instants_of(empty.edited(2, None, -1), 3) == [None] * 3
        assert instants_of(empty.replace(np.arange(10), FULL_INSTANTS)) == INSTANTS
        for parts in ([empty, FULL_INSTANTS], [FULL_INSTANTS, empty], [empty, FULL_INSTANTS, later]):
            assert instants_of(SparseLists.merged(parts), 20)[:10] == INSTANTS
    assert SparseLists.merged([NO_LISTS, nothing]).length == 0
    assert instants_of(FULL_INSTANTS.append(later).append_one(20, -3), 21) == [*INSTANTS, *INSTANTS, -3]
    replaced = FULL_INSTANTS.replace(array(1, 3), SparseLists.of_rows([1], [9]))
    assert instants_of(replaced) == [None, None, -1, 9, *INSTANTS[4:]]


@pytest.mark.parametrize("row", range(11))
@pytest.mark.parametrize("full", [TUPLES, INSTANTS], ids=["tuples", "instants"])
def test_one_row_is_inserted_replaced_or_removed(row: int, full: list[Any]) -> None:
    """The edit is a copy. The rows after it are renumbered."""
    lists = FULL if full is TUPLES else FULL_INSTANTS
    read: Any = checked_tuples if full is TUPLES else instants_of
    value, nothing = (("new",), ()) if full is TUPLES else (0, None)
    for given in (value, None):
        expected = [*full[:row], nothing if given is None else given, *full[row:]]
        assert read(lists.edited(row, given, 1), 11) == expected
        if row < 10:
            assert read(lists.edited(row, given, 0)) == [*full[:row], expected[row], *full[row + 1 :]]
    if row < 10:
        assert read(lists.edited(row, None, -1), 9) == [*full[:row], *full[row + 1 :]]
    assert read(lists) == full


def test_rows_are_compared_with_their_counterparts() -> None:
    """A row without an entry equals only a row without one. An instant of 0 is an entry."""
    for lists, others in (
        (FULL, SparseLists.of_tuples([("b",), (), ("x",), ("c", "c")])),
        (roomy(), SparseLists.of_tuples([("b",), (), ("x",), ("c", "c")])),
        (FULL_INSTANTS, SparseLists.of_rows([0, 2, 3], [0, 7, -1])),
    ):
        rows, counterparts = array(1, 1, 0, 1, 2, 0), array(0, 1, 1, 2, 3, 3)
        expected = [True, False, True, False, True, False]
        assert lists.same(rows, others, counterparts).tolist() == expected
        assert others.same(counterparts, lists, rows).tolist() == expected
        assert lists.same(np.arange(10), lists, np.arange(10)).all()
        assert lists.same(array(0, 1), NO_LISTS, array(0, 1)).tolist() == [True, False]
    assert NO_LISTS.same(array(3), NO_LISTS, array(4)).tolist() == [True]
    # Spare room has no rows, whatever is in it.
    for lists, others in ((FULL, roomy()), (roomy(), FULL)):
        assert lists.same(array(1, 99), others, array(1, 99)).tolist() == [True, True]
    assert FULL.same(array(1), roomy(), array(99)).tolist() == [False]
    assert FULL.same(array(0), roomy(), array(99)).tolist() == [True]


def test_rows_with_lists_become_sparse_lists() -> None:
    """Each field has lists only for the rows that have some."""
    found = lists_of_rows([{}, {"a": ("x",), "b": 0}, {"b": 7}])
    assert found.keys() == {"a", "b"}
    assert checked_tuples(found["a"], 3) == [(), ("x",), ()]
    assert instants_of(found["b"], 3) == [None, 0, 7]
    assert [row_lists(found, row) for row in range(3)] == [{}, {"a": ("x",), "b": 0}, {"b": 7}]
    assert type(row_lists(found, 1)["b"]) is int
    grown = with_row_lists(found, 3, {"b": -1, "c": ("y",)})
    assert [row_lists(grown, row) for row in range(4)][1:] == [{"a": ("x",), "b": 0}, {"b": 7}, {"b": -1, "c": ("y",)}]
    assert lists_of_rows([]) == lists_of_rows([{}]) == {}


FAULTS: list[Callable[[], SparseLists]] = [
    lambda: SparseLists.of(array(2, 1), FULL.values[:2]),
    lambda: SparseLists.of(array(1, 1), FULL.values[:2]),
    lambda: SparseLists.of(array(-1), FULL.values[:1]),
    lambda: SparseLists.of(array(10), FULL.values[:1]),
    lambda: SparseLists.of(array(0), np.array([None])),
    lambda: SparseLists.of(array(0), np.fromiter([()], dtype=np.object_, count=1)),
    lambda: SparseLists.of(array(0), np.fromiter([5], dtype=np.object_, count=1)),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_check_finds_each_fault(fault: int) -> None:
    """A fault is a row out of order, repeated or out of range, or an entry that is not a tuple with items."""
    with pytest.raises(AssertionError):
        FAULTS[fault]().check(10)


def test_a_run_has_the_lists_of_its_rows() -> None:
    """Rows are renumbered. A run to the end keeps the room for later lists; any other run has none."""
    whole = SparseLists.of_rows([1, 4, 6], [("a",), ("b",), ("c",)]).append_one(9, ("d",))
    for first, stop, expected in (
        (0, None, {1: "a", 4: "b", 6: "c", 9: "d"}),
        (4, None, {0: "b", 2: "c", 5: "d"}),
        (0, 6, {1: "a", 4: "b"}),
        (2, 7, {2: "b", 4: "c"}),
        (7, 9, {}),
    ):
        run = whole.run(first, stop)
        run.check(100)
        rows, values = run.used()
        assert dict(zip(rows.tolist(), [value for (value,) in values], strict=True)) == expected
        assert (len(run.rows) > run.length) is (stop is None)
        grown = run.append_one(50, ("e",))
        assert grown.used()[0].tolist() == [*expected, 50]
        if expected:
            assert (grown.values is run.values) is (stop is None)
    assert whole.used()[0].tolist() == [1, 4, 6, 9]
