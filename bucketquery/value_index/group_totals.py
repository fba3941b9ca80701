"""Group totals: the greatest score, the sum and the number of rows of each group of postings, by blocks of rows.

Totals are immutable and belong to the scores of one segment. A missing score counts as 0.0.
"""

from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.room import held_nbytes
from bucketquery.model.schema import Array, Float64s, Int32s, Int64s
from bucketquery.value_index.postings import Postings

#: The rows of postings are in about this many blocks at most.
_BLOCKS: Final = 128


class Totals(NamedTuple):
    """The greatest score, the sum and the number of rows of each group.

    Attributes:
        best: the greatest scores; minus infinity for a group without rows.
        sums: the sums.
        counts: the numbers of rows.
    """

    best: Float64s
    sums: Float64s
    counts: Int64s

    @classmethod
    def none(cls, number: int) -> "Totals":
        """Those of no rows, for some number of groups."""
        return cls(np.full(number, -np.inf), np.zeros(number), np.zeros(number, dtype=np.int64))

    def add(self, groups: Array, scores: Float64s) -> None:
        """Add some rows, in place.

        Args:
            groups: the group of each row.
            scores: the score of each row; none is missing.

        O(n + g) for n rows and g groups.

        >>> totals = Totals.none(2)
        >>> totals.add(np.array([1, 1]), np.array([2.0, 3.0]))
        >>> [each.tolist() for each in totals]
        [[-inf, 3.0], [0.0, 5.0], [0, 2]]
        """
        number = len(self.best)
        np.maximum.at(self.best, groups, scores)
        np.add(self.sums, np.bincount(groups, scores, number), out=self.sums)
        np.add(self.counts, np.bincount(groups, minlength=number), out=self.counts)


class GroupTotals(NamedTuple):
    """The totals of the groups of some postings in each block of rows; the rows behind the last whole block have none.

    Attributes:
        postings: the postings.
        rows: the number of rows in a block.
        best: as in `Totals`, shape (blocks, groups + 1); the last column is for rows without a group.
        sums: likewise.
        counts: likewise.
    """

    postings: Postings
    rows: int
    best: Float64s
    sums: Float64s
    counts: Int32s

    @classmethod
    def of(cls, postings: Postings, scores: Float64s, rows: int) -> "GroupTotals":
        """The totals of the covered rows that have a score.

        Args:
            postings: the postings.
            scores: the scores of the rows of a segment, which may be fewer or more than the covered ones; NaN if
                missing.
            rows: the number of rows in a block.

        O(n + b g) for n rows, b blocks and g groups.

        >>> one = np.array([0, 0, 0]), np.array(["a"], dtype=object)
        >>> postings = Postings.of(one[0], one[0], one[1], one[1])
        >>> GroupTotals.of(postings, np.array([1.0, 5.0, np.nan]), 1).sums.tolist()
        [[1.0, 0.0], [5.0, 0.0], [0.0, 0.0]]
        """
        blocks, number = min(postings.covered, len(scores)) // rows, len(postings) + 1
        best, sums = np.empty((blocks, number)), np.empty((blocks, number))
        counts = np.empty((blocks, number), dtype=np.int32)
        for block in range(blocks):
            some = slice(block * rows, (block + 1) * rows)
            own = scores[some]
            totals = Totals.none(number)
            totals.add(postings.groups[some], np.where(np.isnan(own), 0.0, own))
            best[block], sums[block], counts[block] = totals
        return cls(postings, rows, best, sums, counts)

    def among(self, blocks: Int64s) -> Totals:
        """The totals of some blocks, ascending, at least one.

        O(b g) for b blocks and g groups.
        """
        # A slice is not copied.
        first, last = int(blocks[0]), int(blocks[-1])
        some: slice | Int64s = slice(first, last + 1) if last - first + 1 == len(blocks) else blocks
        return Totals(
            self.best[some].max(axis=0), self.sums[some].sum(axis=0), self.counts[some].sum(axis=0, dtype=np.int64)
        )

    def nbytes(self) -> int:
        """Bytes of the arrays, without the postings."""
        return sum(held_nbytes(each) for each in (self.best, self.sums, self.counts))

    def check(self, scores: Float64s) -> None:
        """Assert every invariant, by the scores of all rows that the blocks have."""
        right = GroupTotals.of(self.postings, scores[: len(self.best) * self.rows], self.rows)
        for own, other in ((self.best, right.best), (self.sums, right.sums), (self.counts, right.counts)):
            assert np.array_equal(own, other), "totals of other scores"


def rows_of_a_block(postings: Postings, least: int, per_group: int) -> int:
    """The number of rows in a block of the totals of some postings.

    Args:
        postings: the postings.
        least: the least number of rows.
        per_group: the least number of rows for each group.

    >>> none, one = np.zeros(0, dtype=np.int32), np.array(["a"], dtype=object)
    >>> rows_of_a_block(Postings.of(none, none, one, one), 100, 8)
    100
    """
    return max(least, per_group * len(postings), postings.covered // _BLOCKS)
