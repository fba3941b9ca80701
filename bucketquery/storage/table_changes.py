"""Table changes: which results a write inserted and replaced, and how many it left unchanged.

A write only stores references here, so changes that nobody reads cost nothing for any number of rows. The rows before a
write are read from the table before it; table changes keep that alive.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from bucketquery.model.once import once
from bucketquery.model.schema import Bools, Int64s
from bucketquery.storage.packed_rows import Layout, Row
from bucketquery.storage.packed_segment import segment_of_rows
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.view import NO_ROWS, View


class Counts(NamedTuple):
    """What a write did; each identity is counted once."""

    inserted: int
    replaced: int
    unchanged: int


class Replaced(NamedTuple):
    """Results before and after a write: row r of one is row r of the other, in identity order."""

    old: Selection
    new: Selection


class TableChanges(Protocol):
    """What a write did to the results of one table; it never changes, and any thread may read it."""

    @property
    def counts(self) -> Counts:
        """How many results were inserted, replaced and left unchanged."""

    @property
    def inserted(self) -> Selection:
        """The results that are new, in identity order."""

    @property
    def replaced(self) -> Replaced:
        """The results in which something differs. After `Table.rescore` `Replaced.new` has identity and score only."""


class RowPlaces(NamedTuple):
    """Where a table has the k rows of a batch: in its base, in its head, or nowhere.

    Attributes:
        in_base: which rows are in the base and not deleted, shape (k,).
        base_rows: the row of the base where each is, or before which it would be inserted.
        in_head: which rows are in the head.
        head_rows: as ``base_rows``, in the head.
    """

    in_base: Bools
    base_rows: Int64s
    in_head: Bools
    head_rows: Int64s

    def select(self, rows: Int64s) -> "RowPlaces":
        """The same of some rows."""
        return RowPlaces(self.in_base[rows], self.base_rows[rows], self.in_head[rows], self.head_rows[rows])


class BatchChanges:
    """What a batch did.

    Args:
        counts: of the batch.
        base: of the table before.
        head: of the table before.
        written: the rows of the batch that differ from what was there.
        found: where the table before has them.
    """

    __slots__ = ("__dict__", "_base", "_found", "_head", "_written", "counts")

    def __init__(self, counts: Counts, base: Segment, head: Segment, written: Segment, found: RowPlaces) -> None:
        self.counts = counts
        self._base = base
        self._head = head
        self._written = written
        self._found = found

    @once
    def inserted(self) -> Selection:
        """The results that are new, in identity order."""
        found = self._found
        return Selection.of(self._written)[(~(found.in_base | found.in_head)).nonzero()[0]]

    @once
    def replaced(self) -> Replaced:
        """The results in which something differs."""
        found = self._found
        rows = (found.in_base | found.in_head).nonzero()[0]
        numbers = np.where(found.in_head, found.head_rows + self._base.length, found.base_rows)[rows]
        return Replaced(Selection(View(self._base, NO_ROWS, self._head), numbers), Selection.of(self._written)[rows])


class RowChange:
    """What a single row did.

    Args:
        layout: of its record.
        old: the row that it replaced; None if it was inserted or changed nothing.
        new: the row; None if it changed nothing.
    """

    __slots__ = ("layout", "new", "old")

    def __init__(self, layout: Layout, old: Row | None, new: Row | None) -> None:
        self.layout = layout
        self.old = old
        self.new = new

    @property
    def counts(self) -> Counts:
        """One for what the row did."""
        return Counts(1, 0, 0) if self.old is None and self.new else Counts(0, 1, 0) if self.new else Counts(0, 0, 1)

    @property
    def inserted(self) -> Selection:
        """The row, if it is new."""
        return RowChanges(self.layout, [self]).inserted

    @property
    def replaced(self) -> Replaced:
        """The row, if it replaced one."""
        return RowChanges(self.layout, [self]).replaced


class RowChanges:
    """What single rows did, each with another identity.

    Args:
        layout: of their records.
        changes: what each did, in identity order.
    """

    __slots__ = ("_changes", "_layout")

    def __init__(self, layout: Layout, changes: Sequence[RowChange]) -> None:
        self._layout = layout
        self._changes = changes

    @property
    def counts(self) -> Counts:
        """Those of all of them."""
        return Counts(
            *(sum([change.counts[place] for change in self._changes]) for place in range(len(Counts._fields)))
        )

    @property
    def inserted(self) -> Selection:
        """The results that are new, in identity order."""
        return self._selection([change.new for change in self._changes if change.old is None and change.new])

    @property
    def replaced(self) -> Replaced:
        """The results in which something differs."""
        pairs = [(change.old, change.new) for change in self._changes if change.old and change.new]
        return Replaced(self._selection([old for old, _ in pairs]), self._selection([new for _, new in pairs]))

    def _selection(self, rows: Sequence[Row]) -> Selection:
        return Selection.of(segment_of_rows(self._layout, rows))
