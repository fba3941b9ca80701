"""Searches of some small jobs: their packed rows are joined into one segment, which is compared and sorted as a whole.

Each search of a small job takes longer than to compare its rows, so this is several times faster than one by one.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Final

import numpy as np

from bucketquery.arrays.ranking import ColumnValues, in_order
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Bools, Int64s, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.order import Order
from bucketquery.storage.packed_rows import EMPTY_MAPPING, PackedColumns, layout_of, missing_bits
from bucketquery.storage.packed_segment import PackedSegment, empty_segment
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.sparse_lists import SparseLists
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS, View

#: Joined rows are not sorted by fields of these types, which are not columns.
_NOT_SORTED: Final = frozenset({Type.KEYWORDS, Type.INSTANT})


def search_joined(
    tables: Mapping[str, Table], resolved: ResolvedQuery, most: int
) -> tuple[Selection, tuple[str, ...], int, int] | None:
    """The page of a query over some small jobs.

    Args:
        tables: the results of each job.
        resolved: the query.
        most: the largest number of rows to join.

    Returns:
        The rows of the page in order, the job of each, the count of all matches, and the number of compared rows. None
        if the kind has no packed rows, if a job has too many rows, or if the rows cannot be sorted.

    O(r log r) for the r rows of all jobs.
    """
    layout, order = layout_of(resolved.schema), Order.of(resolved)
    if layout is None or order.columns[0].type in _NOT_SORTED:
        return None
    job_ids = sorted(tables)
    segments: list[PackedSegment] = []
    lengths: list[int] = []
    has_deleted = False
    for job_id in job_ids:
        table = tables[job_id]
        base, head = table.base, table.head
        if not isinstance(base, PackedSegment):
            return None
        segments.append(base)
        if head.length:
            assert isinstance(head, PackedSegment), "a kind with records has a packed head"
            segments.append(head)
        lengths.append(base.length + head.length)
        has_deleted = has_deleted or len(table.deleted) > 0
    length = sum(lengths)
    if length > most:
        return None
    columns = PackedColumns(layout, b"".join([segment.records(layout) for segment in segments]))
    missing = 0
    for segment in segments:
        missing |= missing_bits(segment.present)
    lists = _joined_lists(segments)
    joined = PackedSegment(layout.schema, length, columns, columns.masks(missing), EMPTY_MAPPING, lists)
    rows = _matching(joined, resolved)
    if has_deleted:
        starts = accumulate(lengths, initial=0)
        deleted = [tables[job_id].deleted + start for job_id, start in zip(job_ids, starts, strict=False)]
        rows = rows[~np.isin(rows, np.concatenate(deleted))]
    jobs = np.repeat(np.arange(len(job_ids)), lengths)[rows]
    own = ColumnValues(jobs, None)
    compared = [
        ColumnValues(columns[name][rows], joined.missing(name, rows) if puts_missing_last else None)
        for name, _, puts_missing_last in order.columns
    ]
    keys = [own, *compared] if order.job_leads else [*compared, own]
    page = in_order(keys, desc=order.desc)[resolved.from_ : resolved.from_ + resolved.size]
    view = View(joined, NO_ROWS, empty_segment(layout.schema))
    found = Selection(view, rows[page])
    return found, tuple([job_ids[number] for number in jobs[page].tolist()]), len(rows), length


def _matching(segment: Segment, resolved: ResolvedQuery) -> Int64s:
    """The rows of a segment that match a query, in any order."""
    matches: Bools = np.ones(segment.length, dtype=np.bool_)
    if resolved.start > FIRST_MS or resolved.end <= LAST_MS:
        timestamps = segment.column("timestamp")
        matches = (timestamps >= resolved.start) & (timestamps < resolved.end)
    if resolved.threshold is not None:
        matches &= segment.column(segment.schema.score) >= resolved.threshold
    if resolved.exclude_interim:
        matches &= ~segment.column("is_interim")
    return matches.nonzero()[0]


def _joined_lists(segments: list[PackedSegment]) -> dict[str, SparseLists]:
    """The lists of several segments, one behind the other."""
    parts: dict[str, list[SparseLists]] = {}
    start = 0
    for segment in segments:
        # Most segments have no lists.
        if segment.lists:
            for name, lists in segment.lists.items():
                parts.setdefault(name, []).append(lists.shifted(start))
        start += segment.length
    return {name: SparseLists.merged(some) for name, some in parts.items()}
