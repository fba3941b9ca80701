"""Tables: one job's results of one kind, and where each written row goes.

A table is a base and a head. The base holds final results in identity order and grows at its end, in place. The head is
a small segment beside it, copied on write. It holds late rows, interim rows, rows with a keyword that is new to the
base, and newer versions of base rows. The older version of such a row is a deleted row of the base. A delete makes
deleted rows too; these have no newer version.

A head that has become too large is compacted: it is merged into a new base. An append in order copies nothing. A live
job replaces each interim row until the row is final. Interim rows usually lie in the head, so this leaves no deleted
rows in the base.

The writer decides which of two versions of a result is newer before it publishes. A search never compares versions.
"""

from collections.abc import Sequence

import numpy as np

from bucketquery.arrays.sorted_arrays import find, has, time_slice
from bucketquery.model.once import once
from bucketquery.model.schema import Int64s, Kind, Schema
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.storage.comparison import differing_parts, find_rows, same_as_stored
from bucketquery.storage.deletes import is_worn, live_in, without_rows, without_run
from bucketquery.storage.gather import merge
from bucketquery.storage.nested_scores import ScoresByName, rescored_copies, rescored_influencers
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
from bucketquery.storage.ways import WAYS_OF_ONE, is_scattered, ways


class UnknownRows(Exception):
    """A table does not have the results of some rows of a batch, or some of their nested influencers.

    Attributes:
        rows: the rows without a result, ascending.
        names: the row and the name of each missing influencer; the results of these rows are stored.
    """

    def __init__(self, rows: Int64s, names: Sequence[tuple[int, str | None]] = ()) -> None:
        super().__init__(rows, names)
        self.rows = rows
        self.names = names


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
        layout = layout_of(self.base.schema)
        if layout is not None and batch.length <= self.base.sizes.rows_one_by_one:
            table, pairs = self, []
            for row in [batch.row(layout, at) for at in range(batch.length)]:
                before = table
                table, old = before.put(row, layout)
                if table is not before:
                    pairs.append((old, row))
            return table, RowChanges(layout, pairs, batch.length - len(pairs))
        found = self._find(batch)
        same = same_as_stored(self.base, self.head, batch, found)
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
        # If the head has a newer version, the row of the base is deleted. A delete leaves rows without a newer version.
        in_base = in_base and not in_head and not (len(deleted) and has(deleted, base_row))
        if in_base:
            old = base.row(layout, base_row)
            if old == row:
                return self, old
        at_end, to_head, is_deleted = WAYS_OF_ONE[not row[0][layout.interim_at], in_base, base_row == base.length]
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

    def rescore(self, scores: Segment, named: ScoresByName | None = None) -> tuple["Table", TableChanges]:
        """Replace the scores of stored results, and those of influencers nested in them.

        Args:
            scores: the columns of the identity and of the score, and no others. NaN leaves a score as it is.
            named: the scores of nested influencers, by the row of ``scores`` and their name; None if results of this
                kind have none. An influencer ``bucket_time`` that is not named gets the score of its bucket.

        Returns:
            The new table and its changes. A result with another nested influencer is replaced, too.

        Raises:
            UnknownRows: the table does not have some of the results or influencers.

        O(k log n + h) for k scores and a head of h rows. More than `Sizes.rows_per_copy` scores copy one column: O(n).
        If nested influencers change, the changed results are copied: O(k) more, and O(l) for l lists.
        """
        base, head, name = self.base, self.head, scores.schema.score
        found = self._find(scores)
        given = scores.column(name)
        influencers, missing = rescored_influencers(base, head, found, given, named)
        is_known = found.in_base | found.in_head
        if missing or not is_known.all():
            raise UnknownRows((~is_known).nonzero()[0], missing)
        old = given.copy()
        old[found.in_base] = base.column(name)[found.base_rows[found.in_base]]
        old[found.in_head] = head.column(name)[found.head_rows[found.in_head]]
        # A missing score is NaN, so it differs from every score.
        is_given = ~np.isnan(given)
        differs = (old != given) & is_given
        differs[list(influencers)] = True
        rows = differs.nonzero()[0]
        counts = Counts(0, len(rows), scores.length - len(rows))
        if counts.unchanged:
            scores, found, old = scores.select(rows), found.select(rows), old[rows]
        final = {} if len(self._interim) or head.length else {"is_interim": np.zeros(len(rows), dtype=np.bool_)}
        known = {name: old, **final}
        if influencers:
            batch = rescored_copies(base, head, found, np.where(is_given[rows], given[rows], old), rows, influencers)
            return self._write(batch, found), BatchChanges(counts, base, head, batch, found, known)
        return self._rescore(scores, found), BatchChanges(counts, base, head, scores, found, known)

    def _rescore(self, scores: Segment, found: RowPlaces) -> "Table":
        """The table with other scores of stored results, and nothing else changed."""
        base, head, given, table = self.base, self.head, scores.column(scores.schema.score), self
        if found.in_head.any():
            head = head.rescore(found.head_rows[found.in_head], given[found.in_head])
            table = Table(base, self.deleted, head, self._interim)
        rows = found.base_rows[found.in_base]
        if is_scattered(base, len(rows), lambda: 1):
            return Table(base.rescore(rows, given[found.in_base]), self.deleted, head, self._interim)
        if len(rows):
            batch = base.select(rows).rescore(np.arange(len(rows)), given[found.in_base])
            return table._write(batch, found.select(found.in_base.nonzero()[0]))
        return table

    def delete(self, start: int, end: int, *, interim_only: bool = False) -> tuple["Table", TableChanges]:
        """Delete the results of the window ``[start, end)``, epoch ms; with ``interim_only`` only the interim ones.

        Returns:
            The new table and its changes. If the window has no such results, the table is this one.

        O(k + h) for k rows and a head of h rows. The first rows of the base also cost O(r) for the rows r of lists and
        value indexes. Amortised O(n): the next append after a delete of the last rows, and many rows in the middle,
        copy the base.
        """
        base, head = self.base, self.head
        if interim_only and not (head.length or len(self._interim)):
            return self._without(NO_ROWS, NO_ROWS)
        run = time_slice(base.column("timestamp"), start, end)
        in_head = time_slice(head.column("timestamp"), start, end) if head.length else slice(0, 0)
        head_rows = np.arange(in_head.start, in_head.stop)
        if not interim_only:
            return self._without(live_in(self.deleted, run), head_rows, run)
        base_rows = self._live_interim()
        base_rows = base_rows[base_rows.searchsorted(run.start) : base_rows.searchsorted(run.stop)]
        return self._without(base_rows, head_rows[head.column("is_interim")[in_head]])

    def delete_overtaken(self, instants: Int64s, written: Sequence[Segment]) -> tuple["Table", TableChanges]:
        """Delete the interim results at some instants, except those that a batch has just written.

        Args:
            instants: the instants, ascending.
            written: the results of the batch.

        O(i + h) for i interim rows of the base and a head of h rows, and O(k log n) for k written results.
        """
        base_rows, (head_rows,) = self._live_interim(), self.head.column("is_interim").nonzero()
        base_rows = base_rows[find(instants, self.base.column("timestamp")[base_rows])[0]]
        head_rows = head_rows[find(instants, self.head.column("timestamp")[head_rows])[0]]
        for some in written if len(base_rows) or len(head_rows) else ():
            found = self._find(some)
            base_rows = np.setdiff1d(base_rows, found.base_rows[found.in_base], assume_unique=True)
            head_rows = np.setdiff1d(head_rows, found.head_rows[found.in_head], assume_unique=True)
        return self._without(base_rows, head_rows)

    def _live_interim(self) -> Int64s:
        return self._interim[~find(self.deleted, self._interim)[0]]

    def _without(self, base_rows: Int64s, head_rows: Int64s, run: slice | None = None) -> tuple["Table", TableChanges]:
        """The table without some rows.

        Args:
            base_rows: rows of the base, ascending; none is deleted.
            head_rows: rows of the head, ascending.
            run: the rows of the base from the first of ``base_rows`` to the last, if no other row lies between them.
        """
        base, deleted, head, interim = self.base, self.deleted, self.head, self._interim
        number = len(base_rows) + len(head_rows)
        changes = Deletions(base, head, number, lambda: (base_rows, head_rows))
        if not number:
            return self, changes
        if len(base_rows) and run is not None:
            base, deleted, interim = without_run(base, deleted, interim, run)
        elif len(base_rows):
            deleted = np.union1d(deleted, base_rows)
        if len(head_rows):
            head = without_rows(head, head_rows)
        table = Table(base, deleted, head, interim)
        return table._compacted() if is_worn(base, deleted) else table._within_limit(), changes

    def all_deleted(self) -> TableChanges:
        """The changes of a delete of all results. O(1); the first read costs O(n) for n results of the base."""
        base, deleted, head = self.base, self.deleted, self.head
        every = slice(0, base.length)
        return Deletions(base, head, self.length, lambda: (live_in(deleted, every), np.arange(head.length)))

    def _find(self, batch: Segment) -> RowPlaces:
        """Where this table has the rows of a batch."""
        in_base, base_rows = find_rows(self.base, batch)
        is_deleted, _ = find(self.deleted, base_rows)
        return RowPlaces(in_base & ~is_deleted, base_rows, *find_rows(self.head, batch))

    def _write(self, batch: Segment, found: RowPlaces) -> "Table":
        """The table with a batch written. Each row of the batch is new or differs from the stored one."""
        base, deleted, head, interim = self.base, self.deleted, self.head, self._interim
        is_final = ~batch.column("is_interim")
        rows = (found.in_base & is_final).nonzero()[0]
        scatters = is_scattered(base, len(rows), lambda: differing_parts(base, found.base_rows[rows], batch, rows))
        at_end = found.base_rows == base.length
        limit = base.sizes.head_limit(base.length)
        if batch.dictionaries and base.length > limit >= np.count_nonzero(at_end & is_final):
            # A keyword that is new to the base may change the codes of all base rows. If only a few rows would be
            # appended, those with such a keyword go to the head.
            at_end &= base.has_keywords_of(batch)
        scattered, at_end, to_head, is_deleted = ways(is_final, found.in_base, at_end, scatters=scatters)
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
            head = pack(merge(head, stays.nonzero()[0], batch, to_head.nonzero()[0]))
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
        limit = base.sizes.head_limit(base.length - len(deleted))
        stays = is_interim & (2 * np.count_nonzero(is_interim) <= limit)
        live = np.ones(base.length, dtype=np.bool_)
        live[deleted] = False
        length = base.length - len(deleted) + head.length
        compacted = merge(base, live.nonzero()[0], head, (~stays).nonzero()[0], spare=length // 8)
        interim = compacted.column("is_interim").nonzero()[0]
        return Table(compacted, NO_ROWS, pack(head.select(stays.nonzero()[0])), interim)

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included."""
        return self.base.nbytes() + self.head.nbytes() + self.deleted.nbytes + self._interim.nbytes

    def check(self, pending: int = 0) -> None:
        """Assert every invariant. ``pending`` is the number of rows that `overlaid` has added or deleted."""
        base, deleted, head = self.base, self.deleted, self.head
        assert (self.rows.base, self.rows.head) == (base, head)
        assert self.rows.deleted is deleted
        base.check()
        head.check()
        assert head.sizes is base.sizes, "the parts of a table have different sizes"
        assert (deleted[1:] > deleted[:-1]).all(), "deleted rows out of order"
        assert not len(deleted) or (deleted[0] >= 0 and deleted[-1] < base.length)
        assert head is pack(head), "a head that could be packed is not"
        limit, deleted_limit = base.sizes.head_limit(base.length), base.sizes.deleted_limit(base.length)
        assert head.length <= limit + pending, "the head should have been compacted"
        newer = np.count_nonzero(find_rows(base, head)[0])
        assert len(deleted) <= deleted_limit + newer + pending, "deleted rows without a newer version need compacting"
        assert not self._find(head).in_base.any(), "a result is both in the base and in the head"
        is_interim = base.column("is_interim").copy()
        is_interim[deleted] = False
        assert np.isin(is_interim.nonzero()[0], self._interim).all(), "an interim row of the base is not listed"
        assert base.column("is_interim")[self._interim].all(), "a final row of the base is listed as interim"
        final = self.final
        assert final.length == self.length - is_interim.sum() - head.column("is_interim").sum()
        assert not final.head.column("is_interim").any()
