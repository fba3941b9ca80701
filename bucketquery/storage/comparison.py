"""Comparison: which rows of two segments have equal identities, or equal values."""

from collections.abc import Iterator

import numpy as np

from bucketquery.arrays.sorted_arrays import lower_bound
from bucketquery.model.schema import Bools, Int64s
from bucketquery.storage.segment import Segment, same_values
from bucketquery.storage.sparse_lists import NO_LISTS
from bucketquery.storage.table_changes import RowPlaces


def find_rows(segment: Segment, batch: Segment) -> tuple[Bools, Int64s]:
    """For each row of a batch, whether a segment has it, and its row there or the row it would be inserted before."""
    if not segment.length:
        return np.zeros(batch.length, dtype=np.bool_), np.zeros(batch.length, dtype=np.int64)
    keys = batch.identities_in(segment)
    rows = lower_bound(segment.identities(), keys)
    found = rows < segment.length
    for column, key in zip(segment.identities(), keys, strict=True):
        found[found] = column[rows[found]] == key[found]
    return found, rows


def same_as_stored(base: Segment, head: Segment, batch: Segment, found: RowPlaces) -> Bools:
    """Which rows of a batch equal the stored ones.

    Args:
        base: the base of a table.
        head: its head.
        batch: the batch.
        found: the places of its rows in the table.
    """
    same = np.zeros(batch.length, dtype=np.bool_)
    for segment, has, rows in ((base, found.in_base, found.base_rows), (head, found.in_head, found.head_rows)):
        if has.any():
            same[has] = same_rows(segment, rows[has], batch, has.nonzero()[0])
    return same


def same_rows(these: Segment, rows: Int64s, those: Segment, other_rows: Int64s) -> Bools:
    """Which rows of a segment equal their counterparts in another; a missing value equals only a missing value.

    Args:
        these: a segment.
        rows: rows of it, shape (k,).
        those: another segment of the same kind.
        other_rows: the counterpart of each row, shape (k,).
    """
    same = np.ones(len(rows), dtype=np.bool_)
    for part in _same_parts(these, rows, those, other_rows):
        same &= part
    return same


def differing_parts(these: Segment, rows: Int64s, those: Segment, other_rows: Int64s) -> int:
    """The number of columns and sparse lists in which any row differs from its counterpart."""
    return sum([not part.all() for part in _same_parts(these, rows, those, other_rows)])


def _same_parts(these: Segment, rows: Int64s, those: Segment, other_rows: Int64s) -> Iterator[Bools]:
    """Which rows equal their counterparts, for each column and then for each sparse list."""
    for field in these.schema.columns:
        same = same_values(these.column(field.name)[rows], those.column_in(these, field.name)[other_rows])
        if field.name in these.present or field.name in those.present:
            same &= these.mask(field.name)[rows] == those.mask(field.name)[other_rows]
        yield same
    for name in these.lists.keys() | those.lists.keys():
        yield these.lists.get(name, NO_LISTS).same(rows, those.lists.get(name, NO_LISTS), other_rows)
