"""Deletes: how rows leave the base of a table.

A delete costs least if it copies nothing. So the first rows of a base leave it as its arrays are cut at the front, and
appends in place go on behind the rest. The last rows leave as the arrays are cut at the end. A cut array has no room:
the next append copies it, because older segments still see the rows behind the cut. Any other row becomes a deleted row
of the base, until there are too many of these.

Arrays that were cut stay in memory as a whole. `is_worn` says when a copy should give this memory back.
"""

from typing import NamedTuple

import numpy as np

from bucketquery.arrays.room import held_entries, hidden_entries
from bucketquery.model.schema import Int64s
from bucketquery.storage.packed_segment import PackedSegment, empty_segment, pack
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import not_empty
from bucketquery.storage.view import NO_ROWS


class Remaining(NamedTuple):
    """The base of a table after a delete.

    Attributes:
        base: the base.
        deleted: its deleted rows, ascending.
        interim: its interim rows, ascending; some may be deleted.
    """

    base: Segment
    deleted: Int64s
    interim: Int64s


def without_run(base: Segment, deleted: Int64s, interim: Int64s, run: slice) -> Remaining:
    """A base without consecutive rows. At either end they are cut off, elsewhere they become deleted rows.

    Args:
        base: the base.
        deleted: its deleted rows, ascending; some may be in the run.
        interim: its interim rows, ascending.
        run: the rows to delete, at least one.

    A cut costs O(r) for the rows r of lists, value indexes, deleted and interim rows, and O(log r) at the end. In any
    other case O(k + d) for k rows and d deleted rows.
    """
    first, stop = run.start, run.stop
    if not first and stop == base.length:
        return Remaining(empty_segment(base.schema, base.sizes), NO_ROWS, NO_ROWS)
    if not first:
        return Remaining(_run(base, stop, None), _behind(deleted, stop), _behind(interim, stop))
    if stop == base.length:
        return Remaining(
            _run(base, 0, first), deleted[: deleted.searchsorted(first)], interim[: interim.searchsorted(first)]
        )
    low, high = deleted.searchsorted((first, stop))
    return Remaining(base, np.concatenate((deleted[:low], np.arange(first, stop), deleted[high:])), interim)


def reaches(segment: Segment, start: int, end: int) -> bool:
    """Whether the rows of a segment begin before ``end`` and end at ``start`` or later. O(1)."""
    length = segment.length
    return length > 0 and segment.timestamp(0) < end and segment.timestamp(length - 1) >= start


def without_rows(head: Segment, rows: Int64s) -> Segment:
    """A head without some rows, ascending, at least one: a copy, O(h)."""
    if len(rows) == head.length:
        return empty_segment(head.schema, head.sizes)
    first, stop = rows.item(0), rows.item(len(rows) - 1) + 1
    if isinstance(head, PackedSegment) and stop - first == len(rows):
        return head.without(first, stop)
    return pack(head.select(np.delete(np.arange(head.length), rows)))


def live_in(deleted: Int64s, run: slice) -> Int64s:
    """The rows of a run that are not deleted, ascending. O(k) for k rows."""
    rows = np.arange(run.start, run.stop)
    low, high = deleted.searchsorted((run.start, run.stop))
    return rows if low == high else np.delete(rows, deleted[low:high] - run.start)


def is_worn(base: Segment, deleted: Int64s) -> bool:
    """Whether a base should be copied after a delete: it has too many deleted rows, or its arrays hide too many."""
    column, sizes = base.columns["timestamp"], base.sizes
    hidden = hidden_entries(column)
    is_hiding = sizes.entries_per_hidden * hidden > held_entries(column)
    return is_hiding or len(deleted) > sizes.deleted_limit(base.length)


def _behind(rows: Int64s, first: int) -> Int64s:
    """The rows from ``first`` on, renumbered from 0."""
    return rows[rows.searchsorted(first) :] - first if len(rows) else rows


def _run(segment: Segment, first: int, stop: int | None) -> Segment:
    """The rows ``[first, stop)`` of a segment, over the same arrays; packed rows are copied.

    Args:
        segment: the segment.
        first: the first row; 0 if ``stop`` is given.
        stop: the row after the last; None: all rows from ``first`` on, and the room behind them.
    """
    length = (segment.length if stop is None else stop) - first
    if isinstance(segment, PackedSegment):
        return segment.without(0, first) if stop is None else segment.without(stop, segment.length)
    kept = slice(first, stop)
    columns = {name: column[kept] for name, column in segment.columns.items()}
    present = {name: mask[kept] for name, mask in segment.present.items()}
    lists = not_empty({name: lists.run(first, stop) for name, lists in segment.lists.items()})
    indexes = segment.value_indexes_between(first, stop) if length >= segment.sizes.value_index_rows else None
    return Segment(segment.schema, length, columns, present, segment.dictionaries, lists, indexes, segment.sizes)
