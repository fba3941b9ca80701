"""Row groups: the rows of a segment by the pair of their keywords, from postings that the segment stores.

A segment of few rows stores no postings; they are made for the asked rows. So are those of the rows behind the covered
ones.
"""

from typing import NamedTuple

from bucketquery.storage.segment import Segment
from bucketquery.value_index.group_totals import GroupTotals
from bucketquery.value_index.postings import Postings


class RowGroups(NamedTuple):
    """The groups of some consecutive rows of a segment.

    Attributes:
        postings: the postings of the rows, and perhaps of others.
        offset: the row of the segment that the postings number 0.
        first: the first row.
        stop: the row behind the last.
    """

    postings: Postings
    offset: int
    first: int
    stop: int


def row_groups(segment: Segment, name: str, value: str, first: int, stop: int) -> list[RowGroups]:
    """The groups of the rows ``[first, stop)``, in one part or two.

    Args:
        segment: the segment.
        name: the keyword column that leads the order of the groups.
        value: the other keyword column.
        first: the first row.
        stop: the row behind the last.

    The first call for a segment costs O(n) for its n rows. Later calls cost O(b) for the b rows behind the covered
    ones.
    """
    parts = []
    if segment.may_have_value_indexes():
        postings = stored_postings(segment, name, value)
        covered = min(stop, postings.covered)
        if first < covered:
            parts.append(RowGroups(postings, 0, first, covered))
            first = covered
    if first < stop:
        parts.append(RowGroups(_made(segment, name, value, slice(first, stop)), first, first, stop))
    return parts


def group_totals(segment: Segment, name: str, value: str, postings: Postings, rows: int) -> GroupTotals:
    """The totals of the groups of some postings that a segment stores, by blocks of rows; the segment stores them.

    Args:
        segment: the segment.
        name: the keyword column that leads the order of the groups.
        value: the other keyword column.
        postings: the postings.
        rows: the number of rows in a block.

    The first call for a segment costs O(n) for its n rows, each later one O(1).
    """
    score = segment.schema.score
    return segment.index_cache().totals((name, value, score), postings, segment.column(score), rows)


def stored_postings(segment: Segment, name: str, value: str) -> Postings:
    """The postings of two keyword columns, or of one with itself, that a segment of many rows stores.

    They cover its first rows, and perhaps rows of later segments.

    The first call for a segment costs O(n) for its n rows, each later one O(1).
    """
    cache, pair = segment.index_cache(), (name, value)
    found = cache.near_postings(pair, segment.length)
    # Two readers may both make them. The two results differ at most in how many later rows they cover.
    return cache.put_postings(pair, _made(segment, *pair, slice(0, segment.length))) if found is None else found


def _made(segment: Segment, name: str, value: str, rows: slice) -> Postings:
    names = segment.column(name)[rows]
    if name == value:
        return Postings.of_column(names, segment.dictionary(name))
    return Postings.of(names, segment.column(value)[rows], segment.dictionary(name), segment.dictionary(value))
