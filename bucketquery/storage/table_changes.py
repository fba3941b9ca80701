"""Table changes: which results a write inserted, replaced and deleted, and how many it left unchanged.

A write stores only references here, so changes that nobody reads cost O(1) for any number of rows. The changes of a
batch read the old versions of rows from the base and the head before the write, and so keep both in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from bucketquery.model.once import once
from bucketquery.model.schema import Array, Bools, Int64s, Kind
from bucketquery.storage.packed_rows import EMPTY_MAPPING, Layout, Row
from bucketquery.storage.packed_segment import segment_of_rows
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.view import NO_ROWS, View


class Counts(NamedTuple):
    """The numbers of inserted, replaced, unchanged and deleted results; each identity counts once."""

    inserted: int
    replaced: int
    unchanged: int
    deleted: int = 0


class Replaced(NamedTuple):
    """Results before and after a write: row r of one is row r of the other, in identity order."""

    old: Selection
    new: Selection


class TableChanges(Protocol):
    """The changes that a write made to one table. They never change, and any thread may read them."""

    @property
    def counts(self) -> Counts:
        """The numbers of inserted, replaced, unchanged and deleted results."""

    @property
    def kind(self) -> Kind:
        """The kind of the results."""

    def rows_after(self) -> tuple[Sequence[Segment], bool]:
        """Segments of the changed results, and whether they are stored now; False if they are deleted."""

    @property
    def inserted(self) -> Selection:
        """The results that are new, in identity order."""

    @property
    def replaced(self) -> Replaced:
        """The results with a changed value. After `Table.rescore`, `Replaced.new` has identity and score only."""

    @property
    def deleted(self) -> Selection:
        """The results that were deleted, in identity order."""


class RowPlaces(NamedTuple):
    """Where a table has the k rows of a batch: in its base, in its head, or nowhere.

    Attributes:
        in_base: which rows are in the base and not deleted, shape (k,).
        base_rows: for each row its row in the base, or the row that it would be inserted before.
        in_head: which rows are in the head.
        head_rows: for each row its row in the head, or the row that it would be inserted before.
    """

    in_base: Bools
    base_rows: Int64s
    in_head: Bools
    head_rows: Int64s

    def select(self, rows: Int64s) -> "RowPlaces":
        """The places of some of the rows."""
        return RowPlaces(self.in_base[rows], self.base_rows[rows], self.in_head[rows], self.head_rows[rows])


class BatchChanges:
    """The changes of a batch.

    Args:
        counts: the counts of the batch.
        base: the base of the table before the write.
        head: the head of the table before the write.
        written: the rows of the batch that are new or differ from the stored ones.
        found: their places in the table before the write.
        known: columns of their older versions, by name, that the writer has read already; all of them have one.
    """

    __slots__ = ("__dict__", "_base", "_found", "_head", "_known", "counts", "written")

    def __init__(  # noqa: PLR0917 - the parts of the one kind of changes
        self,
        counts: Counts,
        base: Segment,
        head: Segment,
        written: Segment,
        found: RowPlaces,
        known: Mapping[str, Array] = EMPTY_MAPPING,
    ) -> None:
        self.counts = counts
        self._base = base
        self._head = head
        self.written = written
        self._found = found
        self._known = known

    @property
    def kind(self) -> Kind:
        """The kind of the results."""
        return self.written.schema.kind

    def rows_after(self) -> tuple[Sequence[Segment], bool]:
        """The written rows. New scores are completed by the other columns of the stored results."""
        written, found = self.written, self._found
        if "is_interim" in written.columns:
            return (written,), True
        scores, completed = written.column(written.schema.score), []
        for segment, has, rows in (
            (self._base, found.in_base, found.base_rows),
            (self._head, found.in_head, found.head_rows),
        ):
            if has.any():
                own = segment.select(rows[has])
                completed.append(own.rescore(np.arange(own.length), scores[has]))
        return completed, True

    def had(self) -> Bools | None:
        """Which written rows had an older version; None if none had one."""
        found = self._found
        had = found.in_base | found.in_head
        return had if had.any() else None

    def old_rows(self) -> list[tuple[Segment, Int64s, Int64s]]:
        """The older versions: for base and head the segment, its rows, and the written rows that replace them."""
        found = self._found
        return [
            (self._base, found.base_rows[found.in_base], found.in_base.nonzero()[0]),
            (self._head, found.head_rows[found.in_head], found.in_head.nonzero()[0]),
        ]

    def old_values(self, name: str, missing: Any) -> Array:
        """The values of a column before the write, for each written row; ``missing`` for a new row."""
        if name in self._known:
            return self._known[name]
        found, column = self._found, self._base.column(name)
        if len(column) and found.in_base.all():
            return column[found.base_rows]
        old = np.full(self.written.length, missing, dtype=column.dtype)
        old[found.in_base] = column[found.base_rows[found.in_base]]
        old[found.in_head] = self._head.column(name)[found.head_rows[found.in_head]]
        return old

    @once
    def inserted(self) -> Selection:
        """The results that are new, in identity order."""
        found = self._found
        return Selection.of(self.written)[(~(found.in_base | found.in_head)).nonzero()[0]]

    @once
    def replaced(self) -> Replaced:
        """The results in which something differs."""
        found = self._found
        rows = (found.in_base | found.in_head).nonzero()[0]
        numbers = np.where(found.in_head, found.head_rows + self._base.length, found.base_rows)[rows]
        return Replaced(Selection(View(self._base, NO_ROWS, self._head), numbers), Selection.of(self.written)[rows])

    @property
    def deleted(self) -> Selection:
        """No results."""
        return Selection(View(self._base, NO_ROWS, self._head), NO_ROWS)


class Deletions:
    """The changes of a delete.

    Args:
        base: the base of the table before the delete.
        head: the head of the table before the delete.
        number: the number of deleted results.
        find: returns the deleted rows of the base and those of the head, ascending; no row that was deleted before. It
            is called when a caller reads the results.
    """

    __slots__ = ("__dict__", "_base", "_find", "_head", "counts")

    def __init__(self, base: Segment, head: Segment, number: int, find: Callable[[], tuple[Int64s, Int64s]]) -> None:
        self._base = base
        self._head = head
        self._find = find
        self.counts = Counts(0, 0, 0, number)

    @property
    def kind(self) -> Kind:
        """The kind of the results."""
        return self._base.schema.kind

    def rows_after(self) -> tuple[Sequence[Segment], bool]:
        """The deleted results of the base, and those of the head."""
        base_rows, head_rows = self._find()
        return (self._base.select(base_rows), self._head.select(head_rows)), False

    @property
    def inserted(self) -> Selection:
        """No results."""
        return Selection(View(self._base, NO_ROWS, self._head), NO_ROWS)

    @property
    def replaced(self) -> Replaced:
        """No results."""
        return Replaced(self.inserted, self.inserted)

    @once
    def deleted(self) -> Selection:
        """The deleted results, in identity order."""
        view, (base_rows, head_rows) = View(self._base, NO_ROWS, self._head), self._find()
        places = base_rows.searchsorted(view.head_places[head_rows])
        return Selection(view, np.insert(base_rows, places, head_rows + self._base.length))

    def records(self, layout: Layout) -> list[bytes]:
        """The records of the deleted results, those of the base first; for a few of them faster than columns."""
        base_rows, head_rows = self._find()
        base = [self._base.record(layout, row) for row in base_rows.tolist()]
        return base + [self._head.record(layout, row) for row in head_rows.tolist()]


class RowChanges:
    """The changes of single rows with different identities.

    Args:
        layout: the layout of their records.
        pairs: the row that each changed row replaced, None if it is new, and the row itself; in identity order.
        unchanged: the number of rows that changed nothing.
    """

    __slots__ = ("layout", "pairs", "unchanged")

    def __init__(self, layout: Layout, pairs: Sequence[tuple[Row | None, Row]], unchanged: int) -> None:
        self.layout = layout
        self.pairs = pairs
        self.unchanged = unchanged

    @property
    def kind(self) -> Kind:
        """The kind of the results."""
        return self.layout.kind

    def rows_after(self) -> tuple[Sequence[Segment], bool]:
        """The changed rows."""
        return (segment_of_rows(self.layout, [new for _, new in self.pairs]),), True

    @property
    def counts(self) -> Counts:
        """The numbers of inserted, replaced and unchanged rows."""
        inserted = [old for old, _ in self.pairs].count(None)
        return Counts(inserted, len(self.pairs) - inserted, self.unchanged)

    @property
    def inserted(self) -> Selection:
        """The results that are new, in identity order."""
        return self._selection([new for old, new in self.pairs if old is None])

    @property
    def replaced(self) -> Replaced:
        """The results in which something differs."""
        pairs = [(old, new) for old, new in self.pairs if old is not None]
        return Replaced(self._selection([old for old, _ in pairs]), self._selection([new for _, new in pairs]))

    @property
    def deleted(self) -> Selection:
        """No results."""
        return self._selection([])

    def _selection(self, rows: Sequence[Row]) -> Selection:
        return Selection.of(segment_of_rows(self.layout, rows))
