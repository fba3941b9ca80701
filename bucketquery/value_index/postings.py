"""Postings: the rows of each pair of keywords in two columns, such as the name and the value of an influencer.

Postings of one column have the same keyword twice in each pair.

Postings are immutable and cover the first rows of a segment. They hold keywords rather than codes, so they stay right
when a new keyword changes the codes of a column.
"""

from collections.abc import Mapping
from typing import Final
from weakref import ref

import numpy as np

from bucketquery.arrays.room import held_nbytes
from bucketquery.model.once import once
from bucketquery.model.schema import Array, Int32s, Int64s, Objects

#: A table of pairs is used if it has at most this many entries for each row; otherwise the pairs are sorted.
_PAIRS_PER_ROW: Final = 4
#: NumPy sorts integers of this many bits in one pass over the rows.
_SHORT_BITS: Final = 16


class Postings:
    """The rows of each pair of keywords. A row that misses a keyword of its pair has no group.

    Groups are numbered from 0, in the order of their pairs: by name, then by value.

    Attributes:
        groups: the group of each row, shape (covered,). A row without a group has the number of groups in its place.
        names: the name of each group.
        values: the value of each group.
    """

    __slots__ = ("__dict__", "__weakref__", "groups", "names", "values")

    def __init__(self, groups: Int32s, names: Objects, values: Objects) -> None:
        self.groups = groups
        self.names = names
        self.values = values

    @classmethod
    def of(
        cls, names: Int32s, values: Int32s, dictionary_of_names: Objects, dictionary_of_values: Objects
    ) -> "Postings":
        """The postings of two keyword columns.

        Args:
            names: the codes of the names; a negative code means none.
            values: the codes of the values.
            dictionary_of_names: the sorted names.
            dictionary_of_values: the sorted values.

        Complexity: O(n) for n rows. If there are more than 4 n pairs of a name and a value, O(n log n).

        >>> dictionaries = np.array(["host"], dtype=object), np.array(["a", "b"], dtype=object)
        >>> postings = Postings.of(np.array([0, 0, -1]), np.array([1, 0, 0]), *dictionaries)
        >>> postings.groups.tolist(), postings.values.tolist()
        ([1, 0, 2], ['a', 'b'])
        """
        width = max(len(dictionary_of_values), 1)
        pairs = names.astype(np.int64) * width + values
        has_none = (names < 0) | (values < 0)
        if len(dictionary_of_names) * width <= _PAIRS_PER_ROW * len(pairs):
            # The last entry is for the rows without a group.
            known = np.zeros(len(dictionary_of_names) * width + 1, dtype=np.bool_)
            pairs[has_none] = -1
            known[pairs] = True
            known[-1] = True
            numbers = np.cumsum(known, dtype=np.int32) - np.int32(1)
            groups, used = numbers[pairs], known[:-1].nonzero()[0]
        else:
            used, places = np.unique(pairs[~has_none], return_inverse=True)
            groups = np.full(len(pairs), len(used), dtype=np.int32)
            groups[~has_none] = places
        return cls(groups, dictionary_of_names[used // width], dictionary_of_values[used % width])

    @classmethod
    def of_column(cls, codes: Int32s, dictionary: Objects) -> "Postings":
        """The postings of one keyword column, paired with itself.

        Args:
            codes: the codes of the keywords; a negative code means none.
            dictionary: the sorted keywords.

        Complexity: O(n + d) for n rows and d keywords.

        >>> postings = Postings.of_column(np.array([2, -1, 0]), np.array(["a", "b", "c"], dtype=object))
        >>> postings.groups.tolist(), postings.values.tolist()
        ([1, 2, 0], ['a', 'c'])
        """
        # The last entry is for the rows without a keyword, whose code is negative.
        is_used = np.zeros(len(dictionary) + 1, dtype=np.bool_)
        is_used[codes] = True
        numbers = np.cumsum(is_used, dtype=np.int32) - np.int32(1)
        used = dictionary[is_used[:-1]]
        return cls(numbers[codes], used, used)

    def __len__(self) -> int:
        """The number of groups."""
        return len(self.names)

    @property
    def covered(self) -> int:
        """The number of rows that they cover."""
        return len(self.groups)

    @once
    def group_of(self) -> Mapping[tuple[str, str], int]:
        """The group of each pair. The first read costs O(g) for g groups."""
        return {pair: group for group, pair in enumerate(zip(self.names.tolist(), self.values.tolist(), strict=True))}

    def groups_in(self, other: "Postings") -> Int32s:
        """The group of other postings with the same pair as each group of these, -1 if there is none; shape (g,).

        The groups in the last other postings are remembered, but do not keep these alive.

        O(1), and O(g) for the first call.
        """
        known: tuple[ref[Postings], Int32s] | None = vars(self).get("_groups_in")
        if known is not None and known[0]() is other:
            return known[1]
        group_of = other.group_of
        pairs = zip(self.names.tolist(), self.values.tolist(), strict=True)
        groups = np.array([group_of.get(pair, -1) for pair in pairs], dtype=np.int32)
        # Two readers may both store theirs: each entry has its own postings.
        vars(self)["_groups_in"] = ref(other), groups
        return groups

    @once
    def _lists(self) -> tuple[Int32s, Int64s]:
        """The rows of all groups, one group after the other, then those without a group; and where each part begins."""
        starts = np.zeros(len(self) + 2, dtype=np.int64)
        np.cumsum(np.bincount(self.groups, minlength=len(self) + 1), out=starts[1:])
        return _stable_order(self.groups, len(self)).astype(np.int32), starts

    def rows(self, group: int, first: int, stop: int) -> Int32s:
        """The rows ``[first, stop)`` of a group, ascending, as a view; of the rows without one for ``len(self)``.

        Complexity: O(log n) for n rows; O(n) for the first call.
        """
        rows, starts = self._lists
        own: Int32s = rows[starts.item(group) : starts.item(group + 1)]
        # With a Python integer, NumPy would cast all rows to int64.
        low = int(own.searchsorted(np.int32(first))) if first else 0
        high = int(own.searchsorted(np.int32(stop))) if stop < self.covered else len(own)
        return own[low:high]

    def ends(self) -> tuple[Int32s, Int32s]:
        """The first and the last row of each group, shape (g,)."""
        rows, starts = self._lists
        return rows[starts[:-2]], rows[starts[1:-1] - 1]

    def nbytes(self) -> int:
        """Bytes of the arrays; keywords count as pointers."""
        arrays: list[Array] = [self.groups, self.names, self.values, *vars(self).get("_lists", ())]
        arrays += vars(self).get("_groups_in", ())[1:]
        return sum(map(held_nbytes, arrays))

    def check(self, names: Objects, values: Objects) -> None:
        """Assert every invariant, by the keywords of all covered rows."""
        pairs = [*zip(self.names.tolist(), self.values.tolist(), strict=True)]
        assert pairs == sorted(set(pairs)), "groups out of order"
        found = [pairs[group] if group < len(pairs) else None for group in self.groups.tolist()]
        given = zip(names.tolist(), values.tolist(), strict=True)
        assert found == [None if None in pair else pair for pair in given], "rows have the groups of other keywords"


def _stable_order(groups: Int32s, number: int) -> Int64s:
    """The rows by group, ascending within each; rows without a group come last."""
    bits = _SHORT_BITS
    if number < 1 << bits:
        return groups.astype(np.uint16).argsort(kind="stable")
    order = (groups & np.int32((1 << bits) - 1)).astype(np.uint16).argsort(kind="stable")
    return order[(groups >> np.int32(bits)).astype(np.uint16)[order].argsort(kind="stable")]
