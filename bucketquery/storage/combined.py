"""Edits of combined tables.

A combined table is an ordinary one, and `Table` makes most of its edits. This module makes the others: edits by a
reader for itself, deletes by identity or by job, and moves from one table to the next.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from bucketquery.arrays.room import empty, held_nbytes, memory_of
from bucketquery.arrays.sorted_arrays import time_slice
from bucketquery.model.instants import FIRST_MS
from bucketquery.model.schema import Bools, Int64s, UInt32s
from bucketquery.storage.deletes import live_in, without_run
from bucketquery.storage.gather import merge
from bucketquery.storage.packed_rows import PackedColumns, missing_bits
from bucketquery.storage.packed_segment import PackedSegment, pack
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS
from bucketquery.value_index.index_cache import IndexCache

#: A column, and whether an order begins with its greatest values.
IndexKey = tuple[str, bool]


def overlaid(table: Table, batch: Segment, gone: Segment) -> Table:
    """A table after some writes, made by a reader: it shares the base, writes nothing in place and never compacts.

    Args:
        table: the table.
        batch: rows that are new or replace others by identity.
        gone: the identities of deleted rows; rows that the table does not have are left out.

    O((k + h) log n) for k rows and a head of h rows, and O(d) for d deleted rows.
    """
    parts = [part for part in (batch, gone) if part.length]
    if not parts:
        return table
    deleted, head = table.deleted, table.head
    stays = np.ones(head.length, dtype=np.bool_)
    for part in parts:
        found = table._find(part)
        if found.in_base.any():
            deleted = np.union1d(deleted, found.base_rows[found.in_base])
        stays[found.head_rows[found.in_head]] = False
    head = pack(merge(head, stays.nonzero()[0], batch, np.arange(batch.length)))
    return Table(table.base, deleted, head, table._interim)


def without_identities(table: Table, gone: Segment) -> Table:
    """A table without the rows of some identities; rows that it does not have are left out. O(k log n + h)."""
    if not gone.length:
        return table
    found = table._find(gone)
    return table._without(found.base_rows[found.in_base], found.head_rows[found.in_head])[0]


def without_labels(
    table: Table, name: str, is_named: Bools, start: int, end: int, *, interim_only: bool = False
) -> Table:
    """A table without the rows of some jobs in a window.

    Args:
        table: the table.
        name: the column that has the label of each row's job.
        is_named: for each label, whether it is that of one of the jobs.
        start: first instant included, epoch ms.
        end: first instant excluded.
        interim_only: whether only interim rows are deleted.

    O(k) for the k rows of the window.
    """
    base, head = table.base, table.head
    if interim_only:
        base_rows = table._live_interim()
        run = time_slice(base.column("timestamp"), start, end)
        base_rows = base_rows[base_rows.searchsorted(run.start) : base_rows.searchsorted(run.stop)]
        base_rows = base_rows[_is_named(base.column(name)[base_rows], is_named)]
    else:
        base_rows = _named_rows(base, name, is_named, start, end)
        if len(table.deleted):
            base_rows = np.setdiff1d(base_rows, table.deleted, assume_unique=True)
    head_rows = _named_rows(head, name, is_named, start, end)
    if interim_only:
        head_rows = head_rows[head.column("is_interim")[head_rows]]
    return table._without(base_rows, head_rows)[0]


def _named_rows(segment: Segment, name: str, is_named: Bools, start: int, end: int) -> Int64s:
    run = time_slice(segment.column("timestamp"), start, end)
    rows: Int64s = _is_named(segment.column(name)[run], is_named).nonzero()[0] + run.start
    return rows


def _is_named(labels: UInt32s, is_named: Bools) -> Bools:
    """Which labels are named."""
    if np.count_nonzero(is_named) == 1:
        # A comparison takes a third of the time of a look into a table.
        one: Bools = labels == np.uint32(is_named.argmax())
        return one
    return is_named.take(labels)


def with_rows(table: Table, stored: Segment) -> Table:
    """A table with some rows, new or in place of others by identity; for the writer only.

    The table is the one that `Table.upsert` returns. O(k) amortised for k final rows without keywords that are later
    than all rows of the table; else as `Table.upsert`.
    """
    if not stored.length:
        return table
    first, parts = stored.timestamp(0), (table.base, table.head)
    is_later = all(not part.length or part.timestamp(part.length - 1) < first for part in parts)
    # A new keyword may change all codes of the base, which `upsert` avoids.
    if is_later and not stored.dictionaries and not stored.column("is_interim").any():
        return followed_by(table, stored)
    return table.upsert(stored)[0]


def followed_by(table: Table, later: Segment) -> Table:
    """A table followed by later rows, interim ones too, appended in place; for the writer only. O(k) amortised."""
    base, first = table.base, table.base.length
    is_interim = later.column("is_interim").nonzero()[0] + first
    interim = np.concatenate((table._interim, is_interim)) if len(is_interim) else table._interim
    return Table(base.append(later), table.deleted, table.head, interim)


def cut(table: Table, instant: int) -> tuple[Segment, Table]:
    """The rows before an instant as one segment, and a table of the others with its value indexes. O(n).

    A table with a head or with deleted rows loses its value indexes.
    """
    base, head = table.base, table.head
    first = time_slice(base.column("timestamp"), FIRST_MS, instant).stop
    if not (head.length or len(table.deleted)) and 0 < first < base.length:
        rest = without_run(base, NO_ROWS, table._interim, slice(0, first))
        # A copy, as views would keep the rows before the instant in memory.
        columns = {name: column[: rest.base.length].copy() for name, column in rest.base.columns.items()}
        present = {name: mask[: rest.base.length].copy() for name, mask in rest.base.present.items()}
        kept = Segment(
            base.schema, rest.base.length, columns, present, base.dictionaries, {}, rest.base._indexes, base.sizes
        )
        return slice_of(base, 0, first), Table(kept, NO_ROWS, head, rest.interim)
    base_rows = live_in(table.deleted, time_slice(base.column("timestamp"), FIRST_MS, instant))
    head_rows = np.arange(time_slice(head.column("timestamp"), FIRST_MS, instant).stop)
    before = merge(base, base_rows, head, head_rows)
    after, _ = table.delete(FIRST_MS, instant)
    return before, after


def slice_of(segment: Segment, first: int, stop: int) -> Segment:
    """The rows ``[first, stop)`` of a segment without lists, as views."""
    if first == 0 and stop == segment.length:
        return segment
    columns = {name: column[first:stop] for name, column in segment.columns.items()}
    present = {name: mask[first:stop] for name, mask in segment.present.items()}
    return Segment(segment.schema, stop - first, columns, present, segment.dictionaries, {}, None, segment.sizes)


def relabelled(table: Table, name: str, moved: UInt32s, no_label: int) -> Table:
    """A table with other labels in the same order; all other arrays are shared. O(n) for the one column.

    If a deleted row has a label that no job has, its new label would be out of order. So the rows are copied without
    deleted ones.

    Args:
        table: the table.
        name: the column of labels.
        moved: for each label its new label.
        no_label: the new label of labels that no job has.
    """
    of_deleted = moved.take(table.base.column(name)[table.deleted])
    if (of_deleted == np.uint32(no_label)).any():
        table = table._compacted()
    return Table(
        _relabelled(table.base, name, moved), table.deleted, _relabelled(table.head, name, moved), table._interim
    )


def _relabelled(segment: Segment, name: str, moved: UInt32s) -> Segment:
    if not segment.length:
        return segment
    if isinstance(segment, PackedSegment):
        columns = PackedColumns(segment.columns.layout, bytearray(segment.columns.data))
        columns[name][: segment.length] = moved.take(segment.column(name))
        masks = columns.masks(missing_bits(segment.present))
        return PackedSegment(segment.schema, segment.length, columns, masks, {}, {}, None, segment.sizes)
    column = empty(segment.length, len(segment.columns[name]), np.uint32)
    column[: segment.length] = moved.take(segment.column(name))
    every = {**segment.columns, name: column}
    return Segment(
        segment.schema,
        segment.length,
        every,
        segment.present,
        segment.dictionaries,
        {},
        segment._indexes,
        segment.sizes,
    )


def index_keys(table: Table) -> Sequence[IndexKey]:
    """The value indexes that readers have made for the base of a table."""
    indexes = table.base._indexes
    return () if indexes is None else indexes.keys()


def make_indexes(table: Table, keys: Iterable[IndexKey]) -> None:
    """Make value indexes of a base that no reader has seen yet, so that readers need not: O(n) for each that it lacks.

    They go into a cache of its own. Other segments would see those of a write that fails.
    """
    base = table.base
    if not base.may_have_value_indexes():
        return
    for name, desc in keys:
        indexes = base._indexes
        if indexes is None or indexes.near(name, base.length, desc=desc) is None:
            base._indexes = IndexCache(base.sizes) if indexes is None else indexes.copy()
            base.value_index(name, desc=desc)


def bytes_of(table: Table) -> dict[int, int]:
    """The bytes of each array and of each cache of value indexes of a table, by identity; spare room counts.

    Tables that share arrays have them under the same identity.
    """
    found = {id(rows): rows.nbytes for rows in (table.deleted, table._interim)}
    for segment in (table.base, table.head):
        if isinstance(segment, PackedSegment):
            found[id(segment.columns.data)] = len(segment.columns.data)
        else:
            for array in (*segment.columns.values(), *segment.present.values(), *segment.dictionaries.values()):
                found[id(memory_of(array))] = held_nbytes(array)
        if segment._indexes is not None:
            found[id(segment._indexes)] = segment._indexes.nbytes()
    return found
