"""Searches of small jobs: their rows are joined into one segment, which is compared and sorted as a whole.

Each search of a small job takes longer than to compare its rows, so this is several times faster than one by one.
Packed rows are joined as bytes. If any rows are not packed, only the columns that the query compares are joined.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.ranking import ColumnValues, first_in_order, in_order
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET, Array, Bools, Int64s, Schema, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.entity_filter import EntityFilter
from bucketquery.search.job_rows import Group
from bucketquery.search.order import Order
from bucketquery.search.row_key import Boundary, RowKey
from bucketquery.storage.keywords import encode_keywords
from bucketquery.storage.packed_rows import EMPTY_MAPPING, PackedColumns, layout_of, missing_bits
from bucketquery.storage.packed_segment import PackedSegment, empty_segment
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.sparse_lists import SparseLists
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS, View

#: Joined rows are not sorted by fields of these types, which are not columns.
_NOT_SORTED: Final = frozenset({Type.KEYWORDS, Type.INSTANT})
#: All matches are sorted if they are at most this many times the wanted ones; to look for these would take as long.
_SORTED_PER_WANTED: Final = 8


class Joined(NamedTuple):
    """The page of a query over small jobs.

    Attributes:
        groups: the rows of the page.
        order: the rows in order, numbered across all groups; None if they are in order.
        matched: the count of all matches.
        rows_read: the number of compared rows.
        has_more: whether any match comes behind the page.
    """

    groups: Sequence[Group]
    order: Int64s | None
    matched: int
    rows_read: int
    has_more: bool


def search_joined(
    tables: Mapping[str, Table], resolved: ResolvedQuery, most: int, key: RowKey | None = None
) -> Joined | None:
    """The page of a query over some small jobs.

    Args:
        tables: the results of each job.
        resolved: the query.
        most: the largest number of rows to join.
        key: the page begins behind this row key; None: it skips ``from_`` matches.

    Returns:
        None if there are too many rows, or if their columns do not have the order.

    O(r) for the r rows of all jobs, and O(k log k) for a page that ends at the k-th match.
    """
    order = Order.of(resolved)
    if order.columns[0].type in _NOT_SORTED or (resolved.where and resolved.schema is BUCKET):
        # Each job has its own instants at which its records meet an entity filter.
        return None
    row_filter = EntityFilter(resolved.where, resolved.schema) if resolved.where else None
    job_ids = sorted(tables)
    own = [tables[job_id] for job_id in job_ids]
    lengths = [table.base.length + table.head.length for table in own]
    length = sum(lengths)
    if length > most:
        return None
    segments: list[Segment] = []
    for table in own:
        segments.append(table.base)
        if table.head.length:
            segments.append(table.head)
    joined = _packed(segments) or _of_columns(segments, resolved.schema, order, row_filter)
    starts = np.cumsum([0, *lengths])
    rows = _matching(joined, resolved)
    if row_filter is not None:
        rows = rows[row_filter.passing(joined, rows)]
    deleted = [table.deleted + start for table, start in zip(own, starts.tolist(), strict=False) if len(table.deleted)]
    if deleted:
        rows = rows[~np.isin(rows, np.concatenate(deleted))]
    matched, first = len(rows), resolved.from_
    jobs = np.repeat(np.arange(len(job_ids)), lengths)[rows]
    if key is not None:
        behind = _behind(joined, rows, job_ids, jobs, Boundary(order, key, False, None))  # noqa: FBT003 - no row ties
        rows, jobs, first = rows[behind], jobs[behind], 0
    last = min(len(rows), first + resolved.size)
    page = _in_order(joined, rows, jobs, order, last)[first:]
    chosen, of_jobs = rows[page], jobs[page]
    has_more = last < len(rows)
    if isinstance(joined, PackedSegment):
        view = View(joined, NO_ROWS, empty_segment(resolved.schema))
        each = tuple([job_ids[number] for number in of_jobs.tolist()])
        return Joined([Group(Selection(view, chosen), each)], None, matched, length, has_more)
    by_job = of_jobs.argsort(kind="stable")
    numbers = np.unique(of_jobs)
    cuts = pairwise([*of_jobs[by_job].searchsorted(numbers).tolist(), len(by_job)])
    groups = [
        Group(Selection(own[number].rows, chosen[by_job[low:high]] - starts[number]), job_ids[number])
        for number, (low, high) in zip(numbers.tolist(), cuts, strict=True)
    ]
    return Joined(groups, by_job.argsort(), matched, length, has_more)


def _packed(segments: Sequence[Segment]) -> PackedSegment | None:
    """All rows of some segments as one packed segment; None if any of them is not packed."""
    missing = 0
    parts: list[bytes | bytearray] = []
    lists: dict[str, list[SparseLists]] = {}
    start = 0
    layout = layout_of(segments[0].schema)
    if layout is None:
        return None
    for segment in segments:
        if not isinstance(segment, PackedSegment):
            return None
        parts.append(segment.records(layout))
        if segment.present:
            missing |= missing_bits(segment.present)
        # Most segments have no lists.
        if segment.lists:
            for name, some in segment.lists.items():
                lists.setdefault(name, []).append(some.shifted(start))
        start += segment.length
    columns = PackedColumns(layout, b"".join(parts))
    merged = {name: SparseLists.merged(some) for name, some in lists.items()}
    return PackedSegment(layout.schema, start, columns, columns.masks(missing), EMPTY_MAPPING, merged)


def _of_columns(segments: Sequence[Segment], schema: Schema, order: Order, row_filter: EntityFilter | None) -> Segment:
    """All rows of some segments, with the columns that a query compares."""
    columns: dict[str, Array] = {}
    present: dict[str, Bools] = {}
    dictionaries = {}
    filtered = () if row_filter is None else row_filter.columns
    for name in {"timestamp", "is_interim", schema.score, *(column.name for column in order.columns), *filtered}:
        if schema.by_name[name].type is Type.KEYWORD:
            values = [segment.values(name, slice(0, segment.length)) for segment in segments]
            columns[name], dictionaries[name] = encode_keywords(np.concatenate(values).tolist())
        else:
            columns[name] = np.concatenate([segment.column(name) for segment in segments])
        if any(name in segment.present for segment in segments):
            present[name] = np.concatenate([segment.mask(name) for segment in segments])
    return Segment(schema, len(columns["timestamp"]), columns, present, dictionaries, {})


def _matching(segment: Segment, resolved: ResolvedQuery) -> Int64s:
    """The rows of a segment that match a query, ascending."""
    matches: Bools = np.ones(segment.length, dtype=np.bool_)
    if resolved.start > FIRST_MS or resolved.end <= LAST_MS:
        timestamps = segment.column("timestamp")
        matches = (timestamps >= resolved.start) & (timestamps < resolved.end)
    if resolved.threshold is not None:
        scores = segment.column(segment.schema.score)
        matches &= scores >= resolved.threshold
        if resolved.below is not None:
            matches &= scores < resolved.below
    if resolved.exclude_interim:
        matches &= ~segment.column("is_interim")
    return matches.nonzero()[0]


def _behind(segment: Segment, rows: Int64s, job_ids: Sequence[str], jobs: Int64s, boundary: Boundary) -> Bools:
    """Which of some rows come behind a row key; ``jobs`` has the number of the job of each."""
    order, job_id = boundary.order, boundary.key.job_id
    later = [(each < job_id) if order.desc else (each > job_id) for each in job_ids]
    of_later_job = np.array(later, dtype=np.bool_)[jobs]
    behind = boundary.is_before_rows(segment, rows)
    if order.job_leads:
        is_own = np.array([each == job_id for each in job_ids], dtype=np.bool_)[jobs]
        return of_later_job | (behind & is_own)
    # Only a row that ties with all values of the key depends on its job.
    return behind | (boundary._replace(ties=True).is_before_rows(segment, rows) & of_later_job)


def _in_order(segment: Segment, rows: Int64s, jobs: Int64s, order: Order, need: int) -> Int64s:
    """The positions of the first ``need`` of some rows in an order."""
    if len(rows) <= _SORTED_PER_WANTED * need:
        every = np.arange(len(rows))
        return in_order([column(every) for column in _compared(segment, rows, jobs, order)], desc=order.desc)[:need]
    return first_in_order(len(rows), _compared(segment, rows, jobs, order), need, desc=order.desc)


def _compared(segment: Segment, rows: Int64s, jobs: Int64s, order: Order) -> list["partial[ColumnValues]"]:
    """Functions that return the values of each compared column at some positions."""
    columns = [partial(_values, segment, rows, name, puts_last) for name, _, puts_last in order.columns]
    of_jobs = partial(_jobs, jobs)
    return [of_jobs, *columns] if order.job_leads else [*columns, of_jobs]


def _values(segment: Segment, rows: Int64s, name: str, puts_missing_last: bool, at: Int64s) -> ColumnValues:  # noqa: FBT001 - as `partial` passes it
    some = rows[at]
    missing = segment.missing(name, some) if puts_missing_last else None
    return ColumnValues(segment.columns[name][some], missing if missing is not None and missing.any() else None)


def _jobs(jobs: Int64s, at: Int64s) -> ColumnValues:
    return ColumnValues(jobs[at], None)
