"""Arrays with room for later entries, and how much memory they keep.

An array that grows is copied into a larger one. With an eighth of spare room, each new entry costs the copy of about
eight old ones. Arrays of combined tables reserve address space instead: the operating system provides a page of memory
when its first byte is written, so room takes no memory before that.
"""

import mmap
import sys
from contextlib import suppress
from typing import Final

import numpy as np

from bucketquery.model.schema import Array, Bools

_SMALLEST_GROWTH: Final = 16

#: Shorter arrays reserve no address space: their copies are fast, and each reservation takes a page or more.
_RESERVED_FROM: Final = 2**18
#: Upper bound of the bytes of one row in all columns. `reserved_capacity` tests whether the system has address space
#: for them.
_ENTRY_BYTES: Final = 64

#: Whether the system allocates a page when it is first written. Windows charges reserved memory at once.
_IS_LAZY: bool = sys.platform in {"linux", "darwin"}
#: Private memory, as a child process must not see the writes of its parent. Python has `MAP_NORESERVE` since 3.13.
_FLAGS: Final[int] = sum(getattr(mmap, f"MAP_{name}", 0) for name in ("PRIVATE", "ANONYMOUS", "NORESERVE"))

#: From this many bytes on, NumPy asks for large pages of memory.
_LARGE: Final = 2**22
#: The advice to use large pages; None if the system knows none.
_HUGEPAGE: Final[int | None] = getattr(mmap, "MADV_HUGEPAGE", None)


class _Reserved(mmap.mmap):
    """Reserved address space, the owner of an array.

    Attributes:
        used: the number of entries that have been written, or that the writer is about to write.
    """

    used: int


def roomy(capacity: int, length: int, reserved: int = 0) -> int:
    """The capacity for ``length`` entries: the current one if it suffices, else one with entries to spare.

    Args:
        capacity: the current capacity.
        length: the number of entries.
        reserved: reserve address space for N times the entries of a long array, if the system has it. With 0, the
            default, and for short arrays, an eighth is spare.

    >>> roomy(100, 100), roomy(100, 200)
    (100, 225)
    """
    if length <= capacity:
        return capacity
    return reserved_capacity(length, reserved) or length + _spare(length)


def reserved_capacity(length: int, reserved: int) -> int:
    """N times the entries of a long array, if the system has address space for them; else 0.

    >>> reserved_capacity(100, 8)
    0
    """
    if reserved and length >= _RESERVED_FROM and _reserve(reserved * length * _ENTRY_BYTES) is not None:
        return reserved * length
    return 0


def empty(length: int, capacity: int, dtype: np.dtype[np.generic] | type[np.generic]) -> Array:
    """A new array for ``capacity`` entries, of which the caller is about to write the first ``length``.

    If a long array has more spare room than an eighth, address space is reserved for it. An array of objects gets
    ordinary memory, because NumPy can make no such array over other memory.

    >>> len(empty(2, 3, np.int64))
    3
    """
    own = np.dtype(dtype)
    if capacity >= _RESERVED_FROM and capacity > length + _spare(length) and not own.hasobject:
        owner = _reserve(capacity * own.itemsize)
        if owner is not None:
            owner.used = length
            _use_large_pages(owner, length * own.itemsize)
            return np.ndarray(capacity, own, buffer=owner)
    return np.empty(capacity, dtype=own)


def ones(length: int, capacity: int) -> Bools:
    """A new mask with room, as `empty` makes it; its first ``length`` entries are True.

    >>> ones(2, 3)[:2].tolist()
    [True, True]
    """
    mask: Bools = empty(length, capacity, np.bool_)
    mask[:length] = True
    return mask


def with_room(array: Array, length: int, used: int, capacity: int) -> Array:
    """The array itself if it has room for ``capacity`` entries, else a larger copy with its first ``length`` entries.

    Args:
        array: the array.
        length: the number of its entries.
        used: the number of entries in use once the caller has written the new ones.
        capacity: the capacity that `roomy` has found for them.

    Complexity: O(length) if it is copied, else O(1).

    >>> with_room(np.array([5, 6, 7]), 2, 3, 4)[:2].tolist()
    [5, 6]
    """
    if len(array) >= capacity:
        owner = _owner(array)
        if owner is not None:
            # A view with room ends where its array ends.
            owner.used = max(owner.used, used + len(_viewed(array)) - len(array))
        return array
    copy = empty(used, capacity, array.dtype)
    copy[:length] = array[:length]
    return copy


def copied(array: Array, length: int) -> Array:
    """A copy of an array with its first ``length`` entries and the same capacity.

    >>> copied(np.array([5, 6, 7]), 3).tolist()
    [5, 6, 7]
    """
    if _owner(array) is None:
        return array.copy()
    copy = empty(length, len(array), array.dtype)
    copy[:length] = array[:length]
    return copy


def held_nbytes(array: Array) -> int:
    """The bytes that an array keeps in memory: for a view, those of the array that it is a view of.

    Reserved entries that have not been written do not count.

    >>> values = np.zeros(100, dtype=np.int64)
    >>> held_nbytes(values), held_nbytes(values[90:]), values[90:].nbytes
    (800, 800, 80)
    """
    owner = _owner(array)
    return _viewed(array).nbytes if owner is None else owner.used * array.itemsize


def memory_of(array: Array) -> object:
    """The owner of the memory of an array. Arrays that share memory have the same owner.

    >>> values = np.zeros(100)
    >>> memory_of(values[90:]) is memory_of(values)
    True
    """
    owner = _owner(array)
    return _viewed(array) if owner is None else owner


def held_entries(array: Array) -> int:
    """The number of entries that a 1-d array keeps in memory, counted as `held_nbytes` counts bytes.

    >>> held_entries(np.zeros(100)[90:])
    100
    """
    return held_nbytes(array) // array.itemsize


def hidden_entries(array: Array) -> int:
    """The number of entries that a 1-d view keeps in memory without showing them; 0 for any other array.

    >>> hidden_entries(np.zeros(100)[90:])
    90
    """
    viewed = _viewed(array)
    if viewed is array:
        return 0
    first = (_address(array) - _address(viewed)) // array.itemsize
    return first + max(0, held_entries(array) - first - len(array))


def _spare(length: int) -> int:
    """The number of spare entries behind ``length`` entries if no address space is reserved."""
    return max(_SMALLEST_GROWTH, length // 8)


def _viewed(array: Array) -> Array:
    """The array that another is a view of, or the array itself."""
    base = array.base
    return base if isinstance(base, np.ndarray) else array


def _owner(array: Array) -> _Reserved | None:
    """The owner of the reserved memory of an array; None if it has not been reserved."""
    base: object = _viewed(array).base
    return base if isinstance(base, _Reserved) else None


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _reserve(nbytes: int) -> _Reserved | None:
    """Address space for some bytes; None if the system has none."""
    if not _IS_LAZY or _is_limited():
        return None
    try:
        return _Reserved(-1, nbytes, flags=_FLAGS)
    except (OSError, OverflowError):
        return None


def _use_large_pages(owner: _Reserved, nbytes: int) -> None:
    """Ask for large pages for the first bytes of a long array, as NumPy does. They make scattered reads faster.

    The advice excludes the other bytes, or a large page of unwritten room would take memory.
    """
    if nbytes >= _LARGE and _HUGEPAGE is not None:
        # A kernel without large pages refuses. Small pages give the same values.
        with suppress(OSError):
            owner.madvise(_HUGEPAGE, 0, nbytes - nbytes % mmap.PAGESIZE)


def _is_limited() -> bool:
    """Whether the address space of the process is limited. Such a limit counts reserved space like used memory."""
    import resource  # noqa: PLC0415 # Windows has no such module

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
