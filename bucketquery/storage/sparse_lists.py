"""Sparse lists: a field's tuples beside the columns, stored only for the rows that have one.

Nested influencers and scheduled events are stored in this way, since most buckets have neither. The extra fields of a
document are stored in the same way, as one text in place of a tuple. So is the instant at which a result was written,
as an int in place of a tuple. Instants are an array of int64, so that they take 16 bytes a row with the row's number.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, Final, NamedTuple, Self

import numpy as np

from bucketquery.arrays.room import roomy, with_room
from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Bools, Int64s

_INSTANT: Final = np.dtype(np.int64)
_ENTRY: Final = np.dtype(np.object_)

#: The stored value of a row: its tuple, the text of its extra fields, or its instant in epoch ms.
Entry = tuple[Any, ...] | str | int


class SparseLists(NamedTuple):
    """The lists of one field; immutable to readers, as a segment is.

    Attributes:
        rows: the rows that have a list, ascending.
        values: their tuples or texts, none of them empty; or their instants, which may be 0. If there are no rows, the
            dtype has no meaning.
        length: the number of used entries of both arrays; the entries after them are room for `append`.
    """

    rows: Int64s
    values: Array
    length: int

    @classmethod
    def of(cls, rows: Int64s, values: Array) -> Self:
        """The lists of some rows, in arrays without spare room."""
        return cls(rows, values, len(rows))

    @classmethod
    def of_tuples(cls, tuples: Sequence[Entry]) -> Self:
        """The lists of rows, one for each row; empty ones are not stored. See `of_instants` for instants."""
        rows = list(compress(range(len(tuples)), tuples))
        return cls.of_rows(rows, [tuples[row] for row in rows])

    @classmethod
    def of_rows(cls, rows: Sequence[int], entries: Sequence[Entry]) -> Self:
        """The lists of some rows, ascending; none is empty."""
        dtype = _INSTANT if entries and isinstance(entries[0], int) else _ENTRY
        # `np.array` would make a 2-d array of tuples with equal lengths.
        values: Array = np.fromiter(entries, dtype=dtype, count=len(rows))
        return cls.of(np.array(rows, dtype=np.int64), values)

    @classmethod
    def of_instants(cls, instants: Int64s, present: Bools | None) -> Self:
        """The instants of rows, one for each row. ``present`` says which rows have one; None means that all do."""
        rows = np.arange(len(instants)) if present is None else present.nonzero()[0]
        return cls.of(rows, instants if present is None else instants[rows])

    @classmethod
    def merged(cls, parts: Sequence["SparseLists"]) -> "SparseLists":
        """The lists of several parts as one; no row has a list in two of them."""
        parts = [part for part in parts if part.length]
        if len(parts) <= 1:
            return parts[0] if parts else NO_LISTS
        used = [part.used() for part in parts]
        rows = np.concatenate([rows for rows, _ in used])
        values = np.concatenate([values for _, values in used])
        order = rows.argsort(kind="stable")
        return cls.of(rows[order], values[order])

    def used(self) -> tuple[Int64s, Array]:
        """The used entries of both arrays, as views."""
        return self.rows[: self.length], self.values[: self.length]

    def of_each(self, rows: Int64s) -> list[Any]:
        """The tuple of each of ``rows``, in any order; empty if a row has none."""
        having, values = self.used()
        taken: list[Any] = [()] * len(rows)
        found, entries = find(having, rows)
        for place, entry in zip(found.nonzero()[0].tolist(), entries[found].tolist(), strict=True):
            taken[place] = values[entry]
        return taken

    def instants(self, rows: Int64s) -> tuple[Int64s, Bools]:
        """The instant of each of ``rows``, in any order, and which of them have one; 0 for a row that has none."""
        having, values = self.used()
        taken = np.zeros(len(rows), dtype=np.int64)
        found, entries = find(having, rows)
        taken[found] = values[entries[found]]
        return taken, found

    def having(self, rows: Int64s) -> Bools:
        """Which of ``rows``, in any order, have a list."""
        found, _ = find(self.rows[: self.length], rows)
        return found

    def same(self, rows: Int64s, others: "SparseLists", other_rows: Int64s) -> Bools:
        """Which of ``rows`` have the same list as their counterparts in other lists, or no list like them."""
        found, entries = find(self.rows[: self.length], rows)
        others_found, other_entries = find(others.rows[: others.length], other_rows)
        same: Bools = found == others_found
        both = (found & others_found).nonzero()[0]
        same[both] = self.values[entries[both]] == others.values[other_entries[both]]
        return same

    def between(self, first: int, stop: int) -> list[Any]:
        """The tuple of each row from ``first`` on and before ``stop``; empty if a row has none."""
        taken: list[Any] = [()] * max(0, stop - first)
        low, high = self._entries(first, stop)
        for row, value in zip(self.rows[low:high].tolist(), self.values[low:high].tolist(), strict=True):
            taken[row - first] = value
        return taken

    def part(self, low: int, high: int, first: int) -> "SparseLists":
        """The entries from ``low`` on and before ``high``, copied; row ``first`` becomes row 0."""
        return SparseLists.of(self.rows[low:high] - first, self.values[low:high].copy())

    def prefix(self, stop: int) -> "SparseLists":
        """The lists of the rows before ``stop``, over the same arrays but without room."""
        length = int(self.rows[: self.length].searchsorted(stop))
        return SparseLists(self.rows[:length], self.values[:length], length)

    def run(self, first: int, stop: int | None) -> "SparseLists":
        """The lists of the rows ``[first, stop)``, renumbered from 0, over the same values.

        If ``stop`` is None, they are those of all rows from ``first`` on, and keep the room for later ones. Otherwise
        they have no room, so the next append copies them.

        O(l) for l lists; O(log l) if ``first`` is 0.
        """
        low = int(self.rows[: self.length].searchsorted(first))
        high = self.length if stop is None else int(self.rows[: self.length].searchsorted(stop))
        kept = slice(low, None if stop is None else high)
        rows = self.rows[kept] - first if first else self.rows[kept]
        return SparseLists(rows, self.values[kept], high - low)

    def select(self, rows: Int64s) -> "SparseLists":
        """The lists of some rows, ascending, renumbered from 0.

        The result of `reordered`, found faster if lists are few.
        """
        having, values = self.used()
        found, places = find(rows, having)
        return SparseLists.of(places[found], values[found])

    def reordered(self, order: Int64s) -> "SparseLists":
        """The lists of the rows in ``order``, in that order, renumbered from 0."""
        having, values = self.used()
        found, entries = find(having, order)
        return SparseLists.of(found.nonzero()[0], values[entries[found]])

    def moved(self, places: Int64s) -> "SparseLists":
        """The same lists with row ``r`` renumbered to ``places[r]``; the places ascend."""
        rows, values = self.used()
        return SparseLists.of(places[rows], values)

    def shifted(self, by: int) -> "SparseLists":
        """The same lists with ``by`` added to each row."""
        rows, values = self.used()
        return SparseLists.of(rows + by, values)

    def append(self, later: "SparseLists") -> "SparseLists":
        """These lists followed by those of later rows.

        They are written in place if there is room, under the same conditions as `Segment.append`.

        Amortised O(k) for k lists.
        """
        later_rows, later_values = later.used()
        if not self.length:
            # The values of an empty field may have another dtype.
            return SparseLists.of(later_rows.copy(), later_values.copy())
        length = self.length + later.length
        capacity = roomy(len(self.rows), length)
        rows = with_room(self.rows, self.length, length, capacity)
        values = with_room(self.values, self.length, length, capacity)
        rows[self.length : length] = later_rows
        values[self.length : length] = later_values
        return SparseLists(rows, values, length)

    def append_one(self, row: int, value: Entry) -> "SparseLists":
        """These lists followed by that of one later row, as `append` does it. Amortised O(1)."""
        if not self.length:
            return SparseLists.of_rows([row], [value])
        capacity = roomy(len(self.rows), self.length + 1)
        rows = with_room(self.rows, self.length, self.length + 1, capacity)
        values = with_room(self.values, self.length, self.length + 1, capacity)
        rows[self.length] = row
        values[self.length] = value
        return SparseLists(rows, values, self.length + 1)

    def edited(self, row: int, value: Entry | None, shift: int) -> "SparseLists":
        """These lists after one row was inserted (``shift`` is 1), removed (-1) or replaced (0).

        Args:
            row: the row.
            value: its list after the edit; None if it has none.
            shift: the number that is added to the rows after it.

        The result is a copy: O(l) for l lists.
        """
        rows, values = self.used()
        low = int(rows.searchsorted(row))
        high = low + (shift <= 0 and low < len(rows) and rows.item(low) == row)
        if high > low and value is not None:
            # A live job replaces its interim bucket again and again, so its lists stay in the same row.
            values = values.copy()
            values[low] = value
            return SparseLists.of(rows, values)
        given = NO_LISTS if value is None else SparseLists.of_rows([row], [value])
        if not self.length:
            return given
        return SparseLists.of(
            np.concatenate((rows[:low], given.rows, rows[high:] + shift)),
            # An empty array of another dtype must not change the dtype.
            np.concatenate((values[:low], values[:0] if value is None else given.values, values[high:])),
        )

    def replace(self, rows: Int64s, others: "SparseLists") -> "SparseLists":
        """These lists with those of ``rows``, ascending, replaced by the lists of ``others``."""
        having, values = self.used()
        gone, _ = find(rows, having)
        return SparseLists.merged([SparseLists.of(having[~gone], values[~gone]), others.moved(rows)])

    def check(self, stop: int) -> None:
        """Assert every invariant; all rows come before ``stop``."""
        rows, values = self.used()
        assert (rows[1:] > rows[:-1]).all(), "lists out of order"
        assert not len(rows) or (rows[0] >= 0 and rows[-1] < stop), "a list of a row that does not exist"
        is_valid = values.dtype == _INSTANT or all(isinstance(value, tuple | str) and value for value in values)
        assert is_valid, "an empty or invalid list"

    def _entries(self, first: int, stop: int) -> tuple[int, int]:
        low, high = self.rows[: self.length].searchsorted((first, stop)).tolist()
        return low, high


NO_LISTS: Final = SparseLists.of_tuples([])


def not_empty(lists: Mapping[str, SparseLists]) -> dict[str, SparseLists]:
    """The sparse lists in which any row has a list."""
    return {name: some for name, some in lists.items() if some.length}


def row_lists(lists: Mapping[str, SparseLists], row: int) -> dict[str, Entry]:
    """The lists of one row."""
    found: dict[str, Entry] = {}
    for name, some in lists.items():
        rows, values = some.used()
        entry = int(rows.searchsorted(row))
        if entry < len(rows) and rows.item(entry) == row:
            found[name] = values.item(entry)
    return found


def lists_of_rows(rows: Iterable[Mapping[str, Entry]]) -> dict[str, SparseLists]:
    """The sparse lists of some rows, from the lists of each row."""
    entries: dict[str, tuple[list[int], list[Entry]]] = {}
    for row, own in enumerate(rows):
        for name, entry in own.items():
            having, values = entries.setdefault(name, ([], []))
            having.append(row)
            values.append(entry)
    return {name: SparseLists.of_rows(*found) for name, found in entries.items()}


def with_row_lists(lists: Mapping[str, SparseLists], row: int, own: Mapping[str, Entry]) -> dict[str, SparseLists]:
    """Sparse lists followed by those of one later row, written in place if there is room."""
    grown = dict(lists)
    for name, entry in own.items():
        grown[name] = grown.get(name, NO_LISTS).append_one(row, entry)
    return grown
