"""Comparison: which rows of two segments have equal values."""

from collections.abc import Iterator

import numpy as np

from bucketquery.model.schema import Bools, Int64s
from bucketquery.storage.segment import Segment, same_values
from bucketquery.storage.sparse_lists import NO_LISTS


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
