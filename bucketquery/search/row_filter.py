"""Row filters: conditions beside window and score that decide which rows of a table match.

`Matches` takes one. A label filter lets the rows of some jobs pass, and an entity filter those of some entities. A view
stores what the last filters have found in it.
"""

from typing import Final, NamedTuple, Protocol

import numpy as np

from bucketquery.model.schema import Array, Bools
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import View

#: A view stores this many counts of rows that pass a filter.
_STORED_COUNTS: Final = 64
#: A view stores the rows of this many filters.
_STORED_LISTS: Final = 8


class Listed(NamedTuple):
    """The rows of a segment that pass a filter, from lists that the segment stores.

    Attributes:
        rows: the rows, ascending; None if there is no such list, or if comparing all rows is faster.
        column: the column whose list led; None if there is no list.
        rows_read: the number of rows that were compared.
    """

    rows: Array | None
    column: str | None
    rows_read: int


NOT_LISTED: Final = Listed(None, None, 0)


class RowFilter(Protocol):
    """A condition on rows. It never changes; two filters are equal only if they let the same rows pass."""

    __slots__ = ()

    def passing(self, segment: Segment, rows: slice | Array) -> Bools:
        """Which of some rows of a segment pass, shape (r,)."""

    def listed(self, segment: Segment, first: int, stop: int, most: int) -> Listed:
        """The rows among ``[first, stop)`` that pass, if at most ``most`` rows must be read for them."""


def listed_rows(view: View, row_filter: RowFilter, first: int, stop: int, most: int) -> Listed:
    """The rows of the base among ``[first, stop)`` that a filter lists.

    The view stores the last rows that were found by a comparison, until the next commit.
    """
    key = row_filter, first, stop
    known: dict[object, Listed] = view.lists_of_filters
    listed = known.get(key)
    if listed is None or listed.rows is None:
        listed = row_filter.listed(view.base, first, stop, most)
        # A view of a stored list is found again as fast as here.
        if listed.rows is not None and listed.rows.base is None:
            if len(known) >= _STORED_LISTS:
                known.clear()
            # Two readers may both store them, with the same result.
            known[key] = listed._replace(rows_read=0)
    return listed if listed.rows is None or len(listed.rows) <= most else NOT_LISTED


def count_rows(view: View, row_filter: RowFilter, first: int, stop: int) -> tuple[int, int]:
    """The number of rows that pass a filter among the rows ``[first, stop)`` of the base, and that of compared rows.

    The view stores the last counts.
    """
    key = row_filter, first, stop
    known = view.counts_of_filters
    count = known.get(key)
    if count is not None:
        return count, 0
    count = int(np.count_nonzero(row_filter.passing(view.base, slice(first, stop))))
    if len(known) >= _STORED_COUNTS:
        known.clear()
    # Two readers may both count, with the same result.
    known[key] = count
    return count, stop - first
