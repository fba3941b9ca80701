"""Row filters: conditions beside window and score that decide which rows of a table match.

`Matches` takes one. A label filter lets the rows of some jobs pass, and an entity filter those of some entities.
"""

from typing import Final, NamedTuple, Protocol

from bucketquery.model.schema import Array, Bools
from bucketquery.storage.segment import Segment


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
