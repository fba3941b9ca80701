"""Tables: one job's results of one kind, and where each written row goes.

A table is a base and a head. The base holds final results in identity order and grows at its end, in place. The head is
a small segment beside it, copied on write. It holds late rows, interim rows, rows with a keyword that is new to the
base, and newer versions of base rows. The older version of such a row is a deleted row of the base.

A head that has become too large is compacted: it is merged into a new base. An append in order copies nothing. A live
job replaces each interim row until the row is final. Interim rows usually lie in the head, so this leaves no deleted
rows in the base.

The writer decides which of two versions of a result is newer before it publishes. A search never compares versions.
"""

from collections.abc import Callable
from itertools import product
from typing import Final, TypeVar

import numpy as np

from bucketquery.arrays.sorted_arrays import find, lower_bound
from bucketquery.model.once import once
from bucketquery.model.schema import Bools, Int64s, Kind, Schema
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.storage.comparison import differing_parts, same_rows
from bucketquery.storage.gather import gather
from bucketquery.storage.packed_rows import Layout, Row, layout_of
from bucketquery.storage.packed_segment import PackedSegment, empty_segment, pack, segment_of_rows
from bucketquery.storage.segment import Segment
from bucketquery.storage.table_changes import (
    BatchChanges,
    Counts,
    Deletions,
    RowChanges,
    RowPlaces,
    TableChanges,
)
from bucketquery.storage.view import NO_ROWS, View

#: A condition: of a single row, or of each row of a batch.
_Claim = TypeVar("_Claim", bool, Bools)


class UnknownRows(Exception):
    """A table does not have the results of some rows of a batch; ``rows`` has these rows, ascending."""

    def __init__(self, rows: Int64s) -> None:
        super().__init__(rows)
        self.rows = rows


class Table:
    """One job's results of one kind at one commit; immutable to readers.

    Attributes:
        base: most results, in identity order.
        deleted: the deleted rows of the base, ascending.
        head: the other results, packed if the kind can be packed.
    """

    __slots__ = ("__dict__", "_interim", "base", "deleted", "head")

    def __init__(self, base: Segment, deleted: Int64s, head: Segment, interim: Int64s) -> None:
        self.base = base
        self.deleted = deleted
        self.head = head
        self._interim = interim

    @classmethod
    def empty(cls, schema: Schema, sizes: Sizes = DEFAULT_SIZES) -> "Table":
        """The table without results, for an index with these sizes."""
        nothing = empty_segment(schema, sizes)
        return cls(nothing, NO_ROWS, nothing, NO_ROWS)

    @property
    def kind(self) -> Kind:
        """The kind of the results."""
        return self.base.schema.kind

    @property
    def length(self) -> int:
        """The number of results."""
        return self.base.length - len(self.deleted) + self.head.length

    def time_span(self) -> tuple[int, int] | None:
        """First and last timestamp, or None if there are no results, in O(d) for d deleted rows."""
        base, head, deleted = self.base, self.head, self.deleted
        ends: list[int] = []
        first, stop = 0, base.length
        if len(deleted):
            ranks = np.arange(len(deleted))
            first += int(np.count_nonzero(deleted == ranks))
            stop -= int(np.count_nonzero(deleted[::-1] == base.length - 1 - ranks))
        if first < stop:
            ends += (base.timestamp(first), base.timestamp(stop - 1))
        if head.length:
            ends += (head.timestamp(0), head.timestamp(head.length - 1))
        return (min(ends), max(ends)) if ends else None

    @once
    def rows(self) -> View:
        """All rows."""
        return View(self.base, self.deleted, self.head)

    @once
    def final(self) -> View:
        """The rows without the interim ones; `rows` itself if there are none."""
        rows = self.rows
        is_interim = rows.head.column("is_interim")
        if not (len(self._interim) or is_interim.any()):
            return rows
        deleted = np.union1d(rows.deleted, self._interim)
        return View(rows.base, deleted, rows.head.select((~is_interim).nonzero()[0]))

    def upsert(self, batch: Segment) -> tuple["Table", TableChanges]:
        """Insert or replace the rows of a batch by identity.

        This table and all older ones stay as they are. Only one writer at a time may call this, and only for the newest
        table.

        Returns:
            The new table and its changes. If no row differs, the table is this one.

        Amortised O(k) for k rows in order. Late rows, and rows with new keywords, cost O(k log n + h). Compacting
        a full head costs O(n). If more rows are replaced than `Sizes.rows_per_copy` for each differing column, each of
        these columns is copied: O(n).
        """
        layout = layout_of(self.kind)
        if layout is not None and batch.length <= self.base.sizes.rows_one_by_one:
            table, pairs = self, []
            for row in [batch.row(layout, at) for at in range(batch.length)]:
                before = table
                table, old = before.put(row, layout)
                if table is not before:
                    pairs.append((old, row))
            return table, RowChanges(layout, pairs, batch.length - len(pairs))
        found = self._find(batch)
        same = self._same_rows(batch, found)
        unchanged = int(np.count_nonzero(same))
        replaced = int(np.count_nonzero(found.in_base | found.in_head)) - unchanged
        counts = Counts(batch.length - replaced - unchanged, replaced, unchanged)
        if unchanged:
            differs = (~same).nonzero()[0]
            batch, found = batch.select(differs), found.select(differs)
        table = self._write(batch, found) if batch.length else self
        return table, BatchChanges(counts, self.base, self.head, batch, found)

    def put(self, row: Row, layout: Layout) -> tuple["Table", Row | None]:
        """Insert or replace a single row, as `upsert` does with a batch of one row.

        Returns:
            The new table, and the row that was replaced, None if there was none. If nothing differs, the table is this
            one.

        Amortised O(1) for a row in order, O(h) for an interim row, else O(log n + h). Compacting a full head costs
        O(n).
        """
        base, deleted, head = self.base, self.deleted, self.head
        identity = layout.identity_from(row[0])
        old, head_row, in_head = None, 0, False
        if head.length:
            head_row, in_head = head.place(layout, identity)
            if in_head:
                old = head.row(layout, head_row)
                if old == row:
                    return self, old
        base_row, in_base = base.place(layout, identity)
        # If the head has a newer version, the row of the base is deleted.
        in_base = in_base and not in_head and not (len(deleted) and _has(deleted, base_row))
        if in_base:
            old = base.row(layout, base_row)
            if old == row:
                return self, old
        at_end, to_head, is_deleted = _WAYS_OF_ONE[not row[0][layout.interim_at], in_base, base_row == base.length]
        if at_end:
            base = base.append_row(layout, row) or base.append(segment_of_rows(layout, [row]))
            if not in_head:
                return Table(base, deleted, head, self._interim), old
        if is_deleted:
            deleted = np.insert(deleted, deleted.searchsorted(base_row), base_row)
        assert isinstance(head, PackedSegment), "a kind with records has a packed head"
        head = head.with_row(layout, head_row, row, replaces=in_head) if to_head else head.without_row(layout, head_row)
        table = Table(base, deleted, head, self._interim)
        return table._within_limit(), old

    def rescore(self, scores: Segment) -> tuple["Table", TableChanges]:
        """Replace the scores of stored results and nothing else.

        Args:
            scores: the columns of the identity and of the score, and no others.

        Raises:
            UnknownRows: the table does not have some of the results.

        O(k log n + h) for k scores and a head of h rows. More than `Sizes.rows_per_copy` scores copy one column: O(n).
        """
        base, head, name = self.base, self.head, scores.schema.score
        found = self._find(scores)
        if not (known := found.in_base | found.in_head).all():
            raise UnknownRows((~known).nonzero()[0])
        given = scores.column(name)
        old = given.copy()
        old[found.in_base] = base.column(name)[found.base_rows[found.in_base]]
        old[found.in_head] = head.column(name)[found.head_rows[found.in_head]]
        # A missing score is NaN, so it differs from every score.
        differs = (old != given).nonzero()[0]
        counts = Counts(0, len(differs), scores.length - len(differs))
        if counts.unchanged:
            scores, found, given = scores.select(differs), found.select(differs), given[differs]
        changes = BatchChanges(counts, base, head, scores, found)
        table = self
        if found.in_head.any():
            head = head.rescore(found.head_rows[found.in_head], given[found.in_head])
            table = Table(base, self.deleted, head, self._interim)
        rows = found.base_rows[found.in_base]
        if _is_scattered(base, len(rows), lambda: 1):
            table = Table(base.rescore(rows, given[found.in_base]), self.deleted, head, self._interim)
        elif len(rows):
            batch = base.select(rows).rescore(np.arange(len(rows)), given[found.in_base])
            table = table._write(batch, found.select(found.in_base.nonzero()[0]))
        return table, changes

    def all_deleted(self) -> TableChanges:
        """The changes of a delete of all results. O(n) for n results of the base."""
        live = np.ones(self.base.length, dtype=np.bool_)
        live[self.deleted] = False
        return Deletions(self.base, self.head, live.nonzero()[0], np.arange(self.head.length))

    def _find(self, batch: Segment) -> RowPlaces:
        """Where this table has the rows of a batch."""
        in_base, base_rows = _find(self.base, batch)
        is_deleted, _ = find(self.deleted, base_rows)
        return RowPlaces(in_base & ~is_deleted, base_rows, *_find(self.head, batch))

    def _same_rows(self, batch: Segment, found: RowPlaces) -> Bools:
        """Which rows of the batch equal the stored ones."""
        same = np.zeros(batch.length, dtype=np.bool_)
        for segment, has, rows in (
            (self.base, found.in_base, found.base_rows),
            (self.head, found.in_head, found.head_rows),
        ):
            if has.any():
                same[has] = same_rows(segment, rows[has], batch, has.nonzero()[0])
        return same

    def _write(self, batch: Segment, found: RowPlaces) -> "Table":
        """The table with a batch written. Each row of the batch is new or differs from the stored one."""
        base, deleted, head, interim = self.base, self.deleted, self.head, self._interim
        is_final = ~batch.column("is_interim")
        rows = (found.in_base & is_final).nonzero()[0]
        scatters = _is_scattered(base, len(rows), lambda: differing_parts(base, found.base_rows[rows], batch, rows))
        at_end = found.base_rows == base.length
        limit = base.sizes.head_limit(base.length)
        if batch.dictionaries and base.length > limit >= np.count_nonzero(at_end & is_final):
            # A keyword that is new to the base may change the codes of all base rows. If only a few rows would be
            # appended, those with such a keyword go to the head.
            at_end &= base.has_keywords_of(batch)
        scattered, at_end, to_head, is_deleted = _ways(is_final, found.in_base, at_end, scatters=scatters)
        if scatters:
            base = base.replace(found.base_rows[scattered], batch.select(rows))
            interim = np.setdiff1d(interim, found.base_rows[scattered])
        if is_deleted.any():
            deleted = np.union1d(deleted, found.base_rows[is_deleted])
        if count := int(np.count_nonzero(at_end)):
            base = base.append(batch.prefix(count) if at_end[:count].all() else batch.select(at_end.nonzero()[0]))
        if to_head.any() or found.in_head.any():
            stays = np.ones(head.length, dtype=np.bool_)
            stays[found.head_rows[found.in_head]] = False
            head = pack(_merge(head, stays.nonzero()[0], batch, to_head.nonzero()[0]))
        table = Table(base, deleted, head, interim)
        return table._within_limit()

    def _within_limit(self) -> "Table":
        """This table itself, or a compacted one if the head is too large."""
        # Most heads are small enough for any base.
        rows, sizes = self.head.length, self.base.sizes
        is_small = rows <= sizes.head_rows or rows <= sizes.head_limit(self.base.length)
        return self if is_small else self._compacted()

    def _compacted(self) -> "Table":
        """The same rows with the head merged into a new base.

        Interim rows stay in the head, since most become final soon. If they fill more than half of its limit, they are
        merged too. If they stayed, the next compaction would follow too soon.
        """
        base, deleted, head = self.base, self.deleted, self.head
        is_interim = head.column("is_interim")
        stays = is_interim & (2 * np.count_nonzero(is_interim) <= base.sizes.head_limit(base.length))
        live = np.ones(base.length, dtype=np.bool_)
        live[deleted] = False
        length = base.length - len(deleted) + head.length
        compacted = _merge(base, live.nonzero()[0], head, (~stays).nonzero()[0], spare=length // 8)
        interim = compacted.column("is_interim").nonzero()[0]
        return Table(compacted, NO_ROWS, pack(head.select(stays.nonzero()[0])), interim)

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included."""
        return self.base.nbytes() + self.head.nbytes() + self.deleted.nbytes + self._interim.nbytes

    def check(self) -> None:
        """Assert every invariant."""
        base, deleted, head = self.base, self.deleted, self.head
        assert (self.rows.base, self.rows.head) == (base, head)
        assert self.rows.deleted is deleted
        base.check()
        head.check()
        assert head.sizes is base.sizes, "the parts of a table have different sizes"
        assert (deleted[1:] > deleted[:-1]).all(), "deleted rows out of order"
        assert not len(deleted) or (deleted[0] >= 0 and deleted[-1] < base.length)
        assert len(deleted) <= head.length, "a row is deleted, but the head has no newer version of it"
        assert head is pack(head), "a head that could be packed is not"
        assert head.length <= base.sizes.head_limit(base.length), "the head should have been compacted"
        assert not self._find(head).in_base.any(), "a result is both in the base and in the head"
        is_interim = base.column("is_interim").copy()
        is_interim[deleted] = False
        assert np.isin(is_interim.nonzero()[0], self._interim).all(), "an interim row of the base is not listed"
        assert base.column("is_interim")[self._interim].all(), "a final row of the base is listed as interim"
        final = self.final
        assert final.length == self.length - is_interim.sum() - head.column("is_interim").sum()
        assert not final.head.column("is_interim").any()


def _ways(
    is_final: _Claim, in_base: _Claim, at_end: _Claim, *, scatters: bool
) -> tuple[_Claim, _Claim, _Claim, _Claim]:
    """Where each new or changed row goes: the one policy, for single rows and batches.

    A final row after the last one of the base is appended to it. A final row that replaces a row of the base is
    scattered into copies of the columns if these pay. Every other row goes to the head: it is interim, late, or the
    newer version of a row of the base, which is then deleted. A row that replaces a row of the head removes it there.

    Args:
        is_final: whether a row is final.
        in_base: whether it replaces a row of the base.
        at_end: whether it can be appended to the base.
        scatters: whether copies of the columns pay for the rows that could be scattered.

    Returns:
        Four conditions: the row is scattered; it is appended; it goes to the head; the row of the base that it replaces
        is deleted.
    """
    scattered = in_base & is_final & scatters
    appended = at_end & is_final
    return scattered, appended, (scattered | appended) ^ True, in_base ^ scattered


#: By its arguments, the results of `_ways` for a single row. The first is left out: a single row is never scattered.
_WAYS_OF_ONE: Final = {claims: _ways(*claims, scatters=False)[1:] for claims in product((False, True), repeat=3)}


def _is_scattered(base: Segment, rows: int, parts: Callable[[], int]) -> bool:
    """Whether copies of columns and sparse lists of a base pay for the replaced rows; for one row they never do.

    Args:
        base: the base.
        rows: the number of its rows that are replaced by final ones.
        parts: counts the columns and sparse lists in which any of these rows differs.
    """
    limit, per_copy = base.sizes.head_limit(base.length), base.sizes.rows_per_copy
    return rows > 1 and (rows > limit or (rows > per_copy and rows > per_copy * parts()))


def _has(rows: Int64s, row: int) -> bool:
    """Whether a row is in an ascending array of rows."""
    at = int(rows.searchsorted(row))
    return at < len(rows) and rows.item(at) == row


def _find(segment: Segment, batch: Segment) -> tuple[Bools, Int64s]:
    """For each row of a batch, whether a segment has it, and its row there or the row it would be inserted before."""
    if not segment.length:
        return np.zeros(batch.length, dtype=np.bool_), np.zeros(batch.length, dtype=np.int64)
    keys = batch.identities_in(segment)
    rows = lower_bound(segment.identities(), keys)
    found = rows < segment.length
    for column, key in zip(segment.identities(), keys, strict=True):
        found[found] = column[rows[found]] == key[found]
    return found, rows


def _merge(these: Segment, rows: Int64s, those: Segment, other_rows: Int64s, spare: int = 0) -> Segment:
    """Rows of two segments as one segment in identity order; no identity is in both."""
    others = [column[other_rows] for column in those.identities_in(these)]
    places = lower_bound([column[rows] for column in these.identities()], others) + np.arange(len(other_rows))
    length = len(rows) + len(other_rows)
    is_other = np.zeros(length, dtype=np.bool_)
    is_other[places] = True
    parts = [(these, rows, (~is_other).nonzero()[0]), (those, other_rows, places)]
    return gather(these.schema, parts, length, these.sizes, spare=spare)
