"""Tables: one job's results of one kind, and how a batch is applied to them.

A table is a base and a head. The base holds final results in identity order and grows at its end, in place. The head is
a small segment beside it, copied on write: what came late, what is interim, what has a text that is new to the base,
and what replaced a row of the base, which is then deleted. A head that has grown too large is compacted: merged into a
new
base. So the endless interim, interim, final of a live job leaves nothing behind in the base, and an append in order
copies nothing.

Which of two versions of a result is newer is resolved here, before anything is published; a search never asks.
"""

from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import find, lower_bound
from bucketquery.model.once import once
from bucketquery.model.schema import Bools, Int64s, Kind, Schema
from bucketquery.storage.comparison import differing_parts, same_rows
from bucketquery.storage.gather import gather
from bucketquery.storage.packed_rows import Layout, Row, layout_of
from bucketquery.storage.packed_segment import PackedSegment, empty_segment, pack, segment_of_rows
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import NO_ROWS, View

#: A head may hold this many rows, or the base's length by `_BASE_ROWS_PER_HEAD_ROW` if that is more.
_HEAD_ROWS: Final = 1024
_BASE_ROWS_PER_HEAD_ROW: Final = 2048
#: More rows of a base than these, for each column in which they differ, are scattered into copies of those columns and
#: not put by in the head. Measured from 10^5 to 10^6 rows: to copy a column costs as much as 20 to 60 rows in the head
#: do, each with its part of the next compaction.
_ROWS_PER_COPY: Final = 32
#: A batch of so many rows of a job or fewer is put in one by one.
_ROWS_BY_HAND: Final = 16

#: The places of `Counts`.
INSERTED, REPLACED, UNCHANGED = range(3)


class Counts(NamedTuple):
    """What a batch did: each identity counted once."""

    inserted: int
    replaced: int
    unchanged: int


class UnknownRows(Exception):
    """Rows of a batch, ascending, whose results a table does not have."""

    def __init__(self, rows: Int64s) -> None:
        super().__init__(rows)
        self.rows = rows


class Table:
    """One job's results of one kind at one commit; immutable to readers.

    Attributes:
        base: the columns in identity order.
        deleted: which rows of it are not results any more, ascending.
        head: the packed rows beside it.
    """

    __slots__ = ("__dict__", "_interim", "base", "deleted", "head")

    def __init__(self, base: Segment, deleted: Int64s, head: Segment, interim: Int64s) -> None:
        self.base = base
        self.deleted = deleted
        self.head = head
        self._interim = interim

    @classmethod
    def empty(cls, schema: Schema) -> "Table":
        """A table of nothing."""
        return cls(empty_segment(schema), NO_ROWS, empty_segment(schema), NO_ROWS)

    @property
    def kind(self) -> Kind:
        """What the results are."""
        return self.base.schema.kind

    @property
    def length(self) -> int:
        """How many results there are."""
        return self.base.length - len(self.deleted) + self.head.length

    def time_span(self) -> tuple[int, int] | None:
        """First and last timestamp, or None where there is nothing."""
        # Not `rows`: after a sum over all jobs each of them would hold a view that nobody reads.
        return View(self.base, self.deleted, self.head).time_span()

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

    def upsert(self, batch: Segment) -> tuple["Table", Counts]:
        """The table with the rows of ``batch`` inserted or replaced by identity; this very table where nothing differs.

        This table and every older one answer as before. For the newest table only, by one writer at a time.

        Amortised O(k) for k rows that come in order. Other rows, and rows with new keywords, cost O(k log n + h);
        compacting a full head costs O(n). Each column that differs is copied, O(n), if more than `_ROWS_PER_COPY` rows
        for each of them are replaced.
        """
        layout = layout_of(self.kind)
        if layout is not None and batch.length <= _ROWS_BY_HAND:
            table, done = self, [0, 0, 0]
            for at in range(batch.length):
                table, what = table.put(batch.row(layout, at), layout)
                done[what] += 1
            return table, Counts(*done)
        known = _Known.of(self, batch)
        same = known.same_rows(self, batch)
        unchanged = int(np.count_nonzero(same))
        replaced = int(np.count_nonzero(known.in_base | known.in_head)) - unchanged
        counts = Counts(batch.length - replaced - unchanged, replaced, unchanged)
        if unchanged == batch.length:
            return self, counts
        if unchanged:
            changed = (~same).nonzero()[0]
            batch, known = batch.select(changed), known.select(changed)
        return self._write(batch, known), counts

    def put(self, row: Row, layout: Layout) -> tuple["Table", int]:
        """What `upsert` does, for a single row: it goes where a batch of it would go.

        Returns:
            The table, and the place in `Counts` that counts the row.

        Amortised O(1) for a row that comes in order, O(h) for an interim row, else O(log n + h). Compacting a full head
        costs O(n).
        """
        base, deleted, head = self.base, self.deleted, self.head
        identity = layout.identity_from(row[0])
        at, is_in_head = head.place(layout, identity) if head.length else (0, False)
        if is_in_head and head.row(layout, at) == row:
            return self, UNCHANGED
        base_row, is_in_base = base.place(layout, identity)
        if base_row == base.length and not row[0][layout.interim_at]:
            base = base.append_row(layout, row) or base.append(segment_of_rows(layout, [row]))
            if is_in_head:
                assert isinstance(head, PackedSegment)
                head = head.without_row(layout, at)
            return Table(base, deleted, head, self._interim), REPLACED if is_in_head else INSERTED
        what = REPLACED if is_in_head or is_in_base else INSERTED
        if is_in_base and not is_in_head:
            if base.row(layout, base_row) == row:
                return self, UNCHANGED
            deleted = np.insert(deleted, deleted.searchsorted(base_row), base_row)
        assert isinstance(head, PackedSegment)
        head = head.with_row(layout, at, row, replaces=is_in_head)
        table = Table(base, deleted, head, self._interim)
        return (table._compacted() if head.length > _head_limit(base) else table), what

    def rescore(self, scores: Segment) -> tuple["Table", Counts]:
        """The table with other scores for results that it has, and all else of them as it is.

        Args:
            scores: columns of the identity and of the score, and no others.

        Raises:
            UnknownRows: some results are not here.

        O(k log n + h) for k scores. More than `_ROWS_PER_COPY` scores copy one column: O(n).
        """
        base, deleted, head, name = self.base, self.deleted, self.head, scores.schema.score
        known = _Known.of(self, scores)
        if not (found := known.in_base | known.in_head).all():
            raise UnknownRows((~found).nonzero()[0])
        given = scores.column(name)
        in_base, in_head = known.in_base.nonzero()[0], known.in_head.nonzero()[0]
        # What is missing is NaN, and differs from every score.
        in_base = in_base[base.column(name)[known.base_rows[in_base]] != given[in_base]]
        in_head = in_head[head.column(name)[known.head_rows[in_head]] != given[in_head]]
        replaced = len(in_base) + len(in_head)
        counts = Counts(0, replaced, scores.length - replaced)
        if not replaced:
            return self, counts
        if len(in_head):
            head = head.rescore(known.head_rows[in_head], given[in_head])
        at, few = known.base_rows[in_base], 0 < len(in_base) <= min(_ROWS_PER_COPY, _head_limit(base))
        if len(in_base) and not few:
            base = base.rescore(at, given[in_base])
        table = Table(base, deleted, head, self._interim)
        if few:
            batch = base.select(at).rescore(np.arange(len(at)), given[in_base])
            table = table._write(batch, known.select(in_base))
        return table, counts

    def _write(self, batch: Segment, known: "_Known") -> "Table":
        """The table with the rows of ``batch``, all of which are new or differ; each goes where it costs least."""
        base, deleted, head, interim = self.base, self.deleted, self.head, self._interim
        is_final = ~batch.column("is_interim")
        in_place = known.in_base & is_final
        if _are_scattered(base, known.base_rows, batch, in_place.nonzero()[0]):
            base = base.replace(known.base_rows[in_place], batch.select(in_place.nonzero()[0]))
            interim = np.setdiff1d(interim, known.base_rows[in_place])
        else:
            in_place[:] = False
        is_deleted = known.in_base & ~in_place
        if is_deleted.any():
            deleted = np.union1d(deleted, known.base_rows[is_deleted])
        at_end = is_final & (known.base_rows == base.length)
        if batch.dictionaries and base.length > _head_limit(base) >= np.count_nonzero(at_end):
            # A text that is new to the base changes the codes of all its rows; a few such rows are put by for the
            # compaction.
            at_end &= base.has_keywords_of(batch)
        if count := int(np.count_nonzero(at_end)):
            base = base.append(batch.first(count) if at_end[:count].all() else batch.select(at_end.nonzero()[0]))
        to_head = ~(in_place | at_end)
        if to_head.any() or known.in_head.any():
            kept = np.ones(head.length, dtype=np.bool_)
            kept[known.head_rows[known.in_head]] = False
            head = pack(_merge(head, kept.nonzero()[0], batch, to_head.nonzero()[0]))
        table = Table(base, deleted, head, interim)
        return table._compacted() if head.length > _head_limit(base) else table

    def _compacted(self) -> "Table":
        """The same rows with the head merged into a new base.

        Its interim rows stay in the head, unless there are so many that the next compaction would come too soon.
        """
        base, deleted, head = self.base, self.deleted, self.head
        is_interim = head.column("is_interim")
        stays = is_interim & (2 * np.count_nonzero(is_interim) <= _head_limit(base))
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
        assert (deleted[1:] > deleted[:-1]).all(), "deleted rows out of order"
        assert not len(deleted) or (deleted[0] >= 0 and deleted[-1] < base.length)
        assert len(deleted) <= head.length, "a row died of which there is no newer version in the head"
        assert head is pack(head), "a head that could be packed is not"
        assert head.length <= _head_limit(base), "the head should have been compacted"
        known = _Known.of(self, head)
        assert not known.in_base.any(), "a result is both in the base and in the head"
        is_interim = base.column("is_interim").copy()
        is_interim[deleted] = False
        assert np.isin(is_interim.nonzero()[0], self._interim).all(), "an interim row of the base was forgotten"
        assert base.column("is_interim")[self._interim].all(), "a row of the base is taken for interim"
        final = self.final
        assert final.length == self.length - is_interim.sum() - head.column("is_interim").sum()
        assert not final.head.column("is_interim").any()


class _Known(NamedTuple):
    """Where a table has the rows of a batch already: in its base, alive, or in its head, or nowhere.

    The rows of base and head are where each is or would be inserted; shape (k,) for k rows of the batch, as the masks.
    """

    in_base: Bools
    base_rows: Int64s
    in_head: Bools
    head_rows: Int64s

    @classmethod
    def of(cls, table: Table, batch: Segment) -> "_Known":
        in_base, base_rows = _find(table.base, batch)
        is_deleted, _ = find(table.deleted, base_rows)
        in_base &= ~is_deleted
        return cls(in_base, base_rows, *_find(table.head, batch))

    def same_rows(self, table: Table, batch: Segment) -> Bools:
        """Whether each row of the batch is stored just so already."""
        same = np.zeros(batch.length, dtype=np.bool_)
        for segment, found, rows in (
            (table.base, self.in_base, self.base_rows),
            (table.head, self.in_head, self.head_rows),
        ):
            if found.any():
                same[found] = same_rows(segment, rows[found], batch, found.nonzero()[0])
        return same

    def select(self, rows: Int64s) -> "_Known":
        return _Known(self.in_base[rows], self.base_rows[rows], self.in_head[rows], self.head_rows[rows])


def _head_limit(base: Segment) -> int:
    return max(_HEAD_ROWS, base.length // _BASE_ROWS_PER_HEAD_ROW)


def _are_scattered(base: Segment, base_rows: Int64s, batch: Segment, rows: Int64s) -> bool:
    """Whether so many rows of a batch are in a base that copies of the columns in which they differ are cheapest."""
    if len(rows) <= min(_ROWS_PER_COPY, _head_limit(base)):
        return False
    return len(rows) > _head_limit(base) or len(rows) > _ROWS_PER_COPY * differing_parts(
        base, base_rows[rows], batch, rows
    )


def _find(segment: Segment, batch: Segment) -> tuple[Bools, Int64s]:
    """Whether the segment has each row of the batch, and where it is or would be inserted."""
    if not segment.length:
        return np.zeros(batch.length, dtype=np.bool_), np.zeros(batch.length, dtype=np.int64)
    keys = batch.identities_in(segment)
    rows = lower_bound(segment.identities(), keys)
    found = rows < segment.length
    for column, key in zip(segment.identities(), keys, strict=True):
        found[found] = column[rows[found]] == key[found]
    return found, rows


def _merge(these: Segment, rows: Int64s, those: Segment, other_rows: Int64s, spare: int = 0) -> Segment:
    """Rows of two segments in one, in identity order; none is in both."""
    others = [column[other_rows] for column in those.identities_in(these)]
    places = lower_bound([column[rows] for column in these.identities()], others) + np.arange(len(other_rows))
    length = len(rows) + len(other_rows)
    is_other = np.zeros(length, dtype=np.bool_)
    is_other[places] = True
    parts = [(these, rows, (~is_other).nonzero()[0]), (those, other_rows, places)]
    return gather(these.schema, parts, length, spare)
