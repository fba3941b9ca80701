"""Arrays with room: an eighth, or reserved address space that takes no memory until it is written."""

import os
import sys

import numpy as np
import pytest

from bucketquery.arrays import room
from bucketquery.arrays.room import (
    copied,
    empty,
    held_entries,
    held_nbytes,
    hidden_entries,
    ones,
    reserved_capacity,
    roomy,
    with_room,
)
from bucketquery.model.schema import Array

needs_reserves = pytest.mark.skipif(
    sys.platform not in {"linux", "darwin"}, reason="the system reserves no address space"
)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of ten entries are long."""
    monkeypatch.setattr(room, "_RESERVED_FROM", 10)


def reserved(length: int = 10, capacity: int = 8_000) -> Array:
    """An array with reserved entries."""
    array = empty(length, capacity, np.int64)
    array[:length] = np.arange(length)
    return array


@pytest.mark.parametrize(
    ("capacity", "length", "expected"), [(5, 0, 5), (5, 5, 5), (5, 6, 22), (0, 1, 17), (0, 128, 144), (0, 800, 900)]
)
def test_room_grows_by_an_eighth(capacity: int, length: int, expected: int) -> None:
    """It grows by at least 16 entries, and only if the capacity is too small."""
    assert roomy(capacity, length) == expected


def test_an_array_with_room_is_not_copied() -> None:
    """An array without room is copied, up to the entries in use."""
    array = np.array([5, 6, 7], dtype=np.int64)
    assert with_room(array, 2, 3, 3) is array
    longer = with_room(array, 2, 3, 4)
    assert len(longer) == 4
    assert longer.dtype == np.int64
    assert longer[:2].tolist() == [5, 6]
    assert not np.shares_memory(longer, array)
    assert held_nbytes(longer) == 32


@needs_reserves
def test_long_arrays_reserve_a_multiple() -> None:
    """The multiple is given. 0 reserves nothing, and so do short arrays."""
    assert roomy(5, 10, 8) == reserved_capacity(10, 8) == 80
    assert reserved_capacity(10, 0) == reserved_capacity(9, 8) == 0
    assert roomy(10, 10, 8) == 10, "the capacity suffices"


@needs_reserves
def test_only_written_entries_count() -> None:
    """The entries that are written count, also if later arrays write them; views keep what their array keeps."""
    array = reserved()
    assert (len(array), held_nbytes(array), held_entries(array), hidden_entries(array)) == (8_000, 80, 10, 0)
    assert with_room(array, 10, 30, 30) is array
    assert held_entries(array) == 30
    assert with_room(array, 10, 20, 20) is array
    assert held_entries(array) == 30, "an older length takes nothing back"
    grown = with_room(array, 30, 8_001, 64_000)
    assert (len(grown), held_entries(grown), grown[:10].tolist()) == (64_000, 8_001, list(range(10)))


@needs_reserves
def test_views_of_reserved_arrays() -> None:
    """A view at the end has the room of its array. Hidden are the entries before it, or written ones behind it."""
    array = reserved(100)
    behind, first = array[40:], array[:70]
    assert (hidden_entries(behind), held_entries(behind)) == (40, 100)
    assert (hidden_entries(first), held_entries(first)) == (30, 100)
    assert with_room(behind, 60, 80, 80) is behind
    assert held_entries(array) == 120
    assert hidden_entries(array[10:20]) == 110


@needs_reserves
def test_copies_keep_the_room() -> None:
    """And take no more memory than the entries. Ordinary arrays are copied whole."""
    array = reserved()
    copy = copied(array, 10)
    copy[3] = -1
    assert (len(copy), held_entries(copy)) == (8_000, 10)
    assert array[:10].tolist() == list(range(10))
    plain = np.arange(12)
    assert copied(plain, 10).tolist() == plain.tolist()


def test_objects_are_in_ordinary_memory() -> None:
    """NumPy refuses an array of objects over the memory of another owner."""
    lists = np.array([(1,), (2, 3)], dtype=np.object_)
    grown = with_room(lists, 2, 3, 1_000)
    assert (len(grown), grown[:2].tolist()) == (1_000, [(1,), (2, 3)])


@needs_reserves
def test_masks_begin_true() -> None:
    """The room behind them has no values yet."""
    mask = ones(12, 100)
    assert mask.dtype == np.bool_
    assert mask[:12].all()
    assert (len(mask), held_nbytes(mask)) == (100, 12)


def test_an_eighth_is_in_ordinary_memory() -> None:
    """All of it counts, and so does the room of a short array."""
    assert held_entries(empty(800, 900, np.int64)) == 900
    assert held_entries(empty(1, 9, np.int64)) == 9


@needs_reserves
@pytest.mark.parametrize(("first", "length"), [(0, 5_000), (100, 4_900), (4_995, 5)])
def test_copies_are_reserved_whatever_share_is_in_use(first: int, length: int) -> None:
    """More than half of the room may be in use, or few entries may remain after those before them are gone."""
    array = reserved(5_000)[first:]
    copy = copied(array, length)
    assert (len(copy), held_entries(copy)) == (8_000 - first, length)
    assert copy[:length].tolist() == array[:length].tolist()
    assert held_entries(ones(length, len(array))) == length


@pytest.mark.parametrize("reason", ["another system", "no address space left", "a limit of the process"])
def test_without_address_space_an_eighth_is_spare(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """Nothing is reserved then, and an array that asks for room gets ordinary memory."""
    if reason == "another system":
        monkeypatch.setattr(room, "_IS_LAZY", False)
    elif reason == "a limit of the process":
        resource = pytest.importorskip("resource")
        monkeypatch.setattr(resource, "getrlimit", lambda _: (2**30, 2**30))
    else:

        def refuse(*_: object, **__: object) -> None:
            raise OSError("no address space left")

        monkeypatch.setattr(room, "_Reserved", type("_Refused", (), {"__new__": refuse}))
    assert roomy(5, 800, 8) == 900
    array = empty(100, 1_000, np.int64)
    assert (len(array), held_entries(array)) == (1_000, 1_000)


@needs_reserves
@pytest.mark.parametrize("advice", [None, 9_999, room._HUGEPAGE], ids=["unknown", "refused", "followed"])
def test_large_pages_change_no_value(monkeypatch: pytest.MonkeyPatch, advice: int | None) -> None:
    """The system may not know large pages, or may refuse them. The entries in use need not fill the last page."""
    monkeypatch.setattr(room, "_LARGE", 10_000)
    monkeypatch.setattr(room, "_HUGEPAGE", advice)
    array = reserved(3_000, 24_000)
    assert array[:3_000].tolist() == list(range(3_000))
    assert held_nbytes(array) == 24_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@needs_reserves
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_process_has_memory_of_its_own() -> None:
    """A child sees neither the later writes of its parent, nor does the parent see those of the child."""
    array = reserved()
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        array[0] = -1
        os.write(writes, bytes([int(array[1])]))
        os._exit(0)
    os.waitpid(child, 0)
    seen = os.read(reads, 1)
    os.close(reads)
    os.close(writes)
    assert seen == b"\x01"
    assert array[0] == 0
