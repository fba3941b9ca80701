"""Searches of several jobs one by one, whose first matches are merged by their row keys.

A few jobs are searched in this way, and any number in an order that combined tables do not have. `many_jobs` says when.
Small jobs are joined instead (`joined_jobs`).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import Int64s, Schema, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.after import search_after
from bucketquery.search.job_rows import Group, JobRows
from bucketquery.search.joined_jobs import Joined, search_joined
from bucketquery.search.order import Order, RowKeys, ranked_between
from bucketquery.search.row_key import Boundary, RowKey, completed
from bucketquery.search.search import search
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.storage.table import Table
from bucketquery.value_index.value_index import sort_keys_of

#: The types of numbers for which a missing value needs no mask.
_NUMBERS: Final = frozenset({Type.TIMESTAMP, Type.UNSIGNED, Type.DOUBLE})
#: This many rows or fewer are all merged; leaving some out would take as long.
_FEW: Final = 512
#: Rows are left out by their leading value if there are more than N for each rank that is wanted.
_ROWS_PER_RANK: Final = 2


class Found(NamedTuple):
    """The page of a query over several jobs.

    Attributes:
        rows: the rows of the page, in order.
        matched: the count of all matches, before paging.
        rows_read: the number of compared rows.
        has_more: whether any match comes behind the page; None if only the count tells.
    """

    rows: JobRows
    matched: int
    rows_read: int
    has_more: bool | None = None


def search_each(catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts) -> Found:
    """The page of a query over some jobs, which are all known; each job costs one search unless all are small.

    Merging p searches costs O(p k) for a page that ends at the k-th match.
    """
    tables, order = tables_of(catalog, jobs, resolved.schema), Order.of(resolved)
    joined = _joined(tables, resolved, shortcuts)
    if joined is not None:
        page = JobRows(catalog, resolved.schema, joined.groups, joined.order)
        return Found(page, joined.matched, joined.rows_read)
    if order.job_leads:
        return _in_order_of_jobs(catalog, tables, resolved, shortcuts)
    total, rows_read = None, 0
    if len(tables) > 1 and resolved.from_ > shortcuts.deep_from and order.leads_by_time and shortcuts.deep:
        total, rows_read = _count(tables.values(), resolved, shortcuts)
        resolved, compared = _from_its_page_on([*tables.values()], resolved, shortcuts)
        rows_read += compared
    first, last = resolved.from_, resolved.from_ + resolved.size
    # The search of a single job skips the matches itself.
    asked = resolved if len(tables) == 1 else resolved._replace(from_=0, size=last if resolved.size else 0)
    groups: list[Group] = []
    matched = 0
    for job_id, table in tables.items():
        rows, own, explanation = search(table, asked, shortcuts)
        matched += own
        rows_read += explanation.rows_read
        if len(rows):
            groups.append(Group(rows, job_id))
    merged = None if len(tables) == 1 else merge(groups, order, first, last)
    page = JobRows(catalog, resolved.schema, groups, merged)
    return Found(page, matched if total is None else total, rows_read)


def search_each_after(
    catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey
) -> Found:
    """The first ``size`` matches behind a row key. Each job gives as many, and one more, to tell if any follow."""
    order, tables = Order.of(resolved), tables_of(catalog, jobs, resolved.schema)
    if key.has_cut_text:
        views = [table.final if resolved.exclude_interim else table.rows for table in tables.values()]
        key = completed(key, order, views)
    joined = _joined(tables, resolved, shortcuts, key)
    if joined is not None:
        page = JobRows(catalog, resolved.schema, joined.groups, joined.order)
        return Found(page, joined.matched, joined.rows_read, joined.has_more)
    asked = resolved._replace(from_=0, size=resolved.size + 1 if resolved.size else 0)
    groups: list[Group] = []
    matched = rows_read = 0
    for job_id, table in tables.items():
        if order.job_leads and job_id != key.job_id:
            # All rows of the job come before the key, or all come behind it.
            comes_behind = (job_id < key.job_id) if order.desc else (job_id > key.job_id)
            own = asked if comes_behind else asked._replace(size=0)
            rows, count, explanation = search(table, own, shortcuts)
        else:
            rows, count, _, explanation = search_after(table, asked, Boundary.of(order, key, job_id), shortcuts)
        matched += count
        rows_read += explanation.rows_read
        if len(rows):
            groups.append(Group(rows, job_id))
    merged = merge(groups, order, 0, asked.size)
    has_more = len(merged) > resolved.size
    return Found(JobRows(catalog, resolved.schema, groups, merged[: resolved.size]), matched, rows_read, has_more)


def _joined(
    tables: Mapping[str, Table], resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey | None = None
) -> Joined | None:
    """The page of small jobs; None if they should be searched one by one."""
    if not shortcuts.join or len(tables) <= 1:
        return None
    return search_joined(tables, resolved, shortcuts.joined_per_job * len(tables), key)


def merge(groups: Sequence[Group], order: Order, first: int, last: int) -> Int64s:
    """The rows of several groups with the ranks ``[first, last)``, in order, numbered across all groups.

    Each group is in order. O(n) for the n rows of all groups if numbers lead, and O(k log k) for k rows that may have
    these ranks.
    """
    total = sum([len(rows) for rows, _ in groups])
    if len(groups) <= 1 or first >= total or first >= last:
        return np.arange(min(first, total), min(last, total))
    leads = not order.job_leads and order.columns[0].type in _NUMBERS
    if not leads or total <= _FEW or total <= _ROWS_PER_RANK * (last - first):
        return order.merged([_row_keys(group, order) for group in groups], last)[first:]
    lead = order.columns[0].name
    sort_keys = sort_keys_of(np.concatenate([rows.column(lead) for rows, _ in groups]), desc=order.desc)
    stays, skipped = ranked_between(sort_keys, first, min(last, total))
    numbers = stays.nonzero()[0]
    starts = np.cumsum([0, *(len(rows) for rows, _ in groups)])
    cuts = numbers.searchsorted(starts).tolist()
    keys = [
        _row_keys(group.at(numbers[low:high] - start), order)
        for group, start, (low, high) in zip(groups, starts.tolist(), pairwise(cuts), strict=False)
    ]
    return numbers[order.merged(keys, last - skipped)[first - skipped :]]


def _row_keys(group: Group, order: Order) -> RowKeys:
    return order.row_keys(group.rows, None if group.is_combined else group.job_ids())


def tables_of(catalog: Catalog, jobs: Sequence[str], schema: Schema) -> dict[str, Table]:
    """The tables of some jobs; a job without results of this kind has none."""
    found = {job_id: catalog.known(job_id, "jobs").tables.get(schema.kind) for job_id in jobs}
    return {job_id: table for job_id, table in found.items() if table is not None}


def _in_order_of_jobs(
    catalog: Catalog, tables: dict[str, Table], resolved: ResolvedQuery, shortcuts: Shortcuts
) -> Found:
    """The page in an order that the job leads: job after job."""
    groups: list[Group] = []
    skip, left, matched, rows_read = resolved.from_, resolved.size, 0, 0
    for job_id in sorted(tables, reverse=resolved.desc):
        rows, own, explanation = search(tables[job_id], resolved._replace(from_=skip, size=left), shortcuts)
        if len(rows):
            groups.append(Group(rows, job_id))
        skip, left = max(0, skip - own), left - len(rows)
        matched += own
        rows_read += explanation.rows_read
    return Found(JobRows(catalog, resolved.schema, groups), matched, rows_read)


def _count(tables: Iterable[Table], resolved: ResolvedQuery, shortcuts: Shortcuts) -> tuple[int, int]:
    """The count of all matches of some tables, and the number of compared rows."""
    matched = rows_read = 0
    asked = resolved._replace(from_=0, size=0)
    for table in tables:
        _, own, explanation = search(table, asked, shortcuts)
        matched += own
        rows_read += explanation.rows_read
    return matched, rows_read


def _from_its_page_on(
    tables: Sequence[Table], resolved: ResolvedQuery, shortcuts: Shortcuts
) -> tuple[ResolvedQuery, int]:
    """The same query, with a window that begins at the instant where its page begins in time order.

    Some matches of that instant may still have to be skipped.

    Returns:
        The query, and the number of compared rows.
    """
    low, high = resolved.start, resolved.end
    rows_read = 0
    while high - low > 1:
        middle = (low + high) // 2
        before = resolved._replace(start=middle) if resolved.desc else resolved._replace(end=middle)
        count, compared = _count(tables, before, shortcuts)
        rows_read += compared
        if (count <= resolved.from_) == resolved.desc:
            high = middle
        else:
            low = middle
    before = resolved._replace(start=high) if resolved.desc else resolved._replace(end=low)
    count, compared = _count(tables, before, shortcuts)
    rows_read += compared
    skipped = resolved.from_ - count
    rest = resolved._replace(end=high) if resolved.desc else resolved._replace(start=low)
    return rest._replace(from_=skipped), rows_read
