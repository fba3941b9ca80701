"""Searches of several jobs one by one, whose first matches are merged by their row keys.

A few jobs are searched in this way, and any number in an order that combined tables do not have. `many_jobs` says when.
Small jobs are joined instead (`joined_jobs`).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import Int64s, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.queries.where import filtered_schema
from bucketquery.search.after import search_after
from bucketquery.search.entity_filter import EntityFilter, filter_of
from bucketquery.search.job_rows import Group, JobRows
from bucketquery.search.joined_jobs import Joined, search_joined
from bucketquery.search.order import Order, RowKeys, ranked_between
from bucketquery.search.row_filter import RowFilter
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


class Source(NamedTuple):
    """The results of one job, and the filter that its matches pass; None if there is none."""

    table: Table
    row_filter: RowFilter | None


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
    sources, order = sources_of(catalog, jobs, resolved, shortcuts), Order.of(resolved)
    joined = _joined(sources, resolved, shortcuts)
    if joined is not None:
        page = JobRows(catalog, resolved.schema, joined.groups, joined.order)
        return Found(page, joined.matched, joined.rows_read)
    if order.job_leads:
        return _in_order_of_jobs(catalog, sources, resolved, shortcuts)
    total, rows_read = None, 0
    if len(sources) > 1 and resolved.from_ > shortcuts.deep_from and order.leads_by_time and shortcuts.deep:
        total, rows_read = _count(sources.values(), resolved, shortcuts)
        resolved, compared = _from_its_page_on([*sources.values()], resolved, shortcuts)
        rows_read += compared
    first, last = resolved.from_, resolved.from_ + resolved.size
    # The search of a single job skips the matches itself.
    asked = resolved if len(sources) == 1 else resolved._replace(from_=0, size=last if resolved.size else 0)
    groups: list[Group] = []
    matched = 0
    for job_id, (table, row_filter) in sources.items():
        rows, own, explanation = search(table, asked, shortcuts, row_filter)
        matched += own
        rows_read += explanation.rows_read
        if len(rows):
            groups.append(Group(rows, job_id))
    merged = None if len(sources) == 1 else merge(groups, order, first, last)
    page = JobRows(catalog, resolved.schema, groups, merged)
    return Found(page, matched if total is None else total, rows_read)


def search_each_after(
    catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey
) -> Found:
    """The first ``size`` matches behind a row key. Each job gives as many, and one more, to tell if any follow."""
    order, sources = Order.of(resolved), sources_of(catalog, jobs, resolved, shortcuts)
    if key.has_cut_text:
        views = [table.final if resolved.exclude_interim else table.rows for table, _ in sources.values()]
        key = completed(key, order, views)
    joined = _joined(sources, resolved, shortcuts, key)
    if joined is not None:
        page = JobRows(catalog, resolved.schema, joined.groups, joined.order)
        return Found(page, joined.matched, joined.rows_read, joined.has_more)
    asked = resolved._replace(from_=0, size=resolved.size + 1 if resolved.size else 0)
    groups: list[Group] = []
    matched = rows_read = 0
    for job_id, (table, row_filter) in sources.items():
        if order.job_leads and job_id != key.job_id:
            # All rows of the job come before the key, or all come behind it.
            comes_behind = (job_id < key.job_id) if order.desc else (job_id > key.job_id)
            own = asked if comes_behind else asked._replace(size=0)
            rows, count, explanation = search(table, own, shortcuts, row_filter)
        else:
            boundary = Boundary.of(order, key, job_id)
            rows, count, _, explanation = search_after(table, asked, boundary, shortcuts, row_filter)
        matched += count
        rows_read += explanation.rows_read
        if len(rows):
            groups.append(Group(rows, job_id))
    merged = merge(groups, order, 0, asked.size)
    has_more = len(merged) > resolved.size
    return Found(JobRows(catalog, resolved.schema, groups, merged[: resolved.size]), matched, rows_read, has_more)


def _joined(
    sources: Mapping[str, Source], resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey | None = None
) -> Joined | None:
    """The page of small jobs; None if they should be searched one by one."""
    if not shortcuts.join or len(sources) <= 1:
        return None
    tables = {job_id: table for job_id, (table, _) in sources.items()}
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


def sources_of(
    catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts
) -> dict[str, Source]:
    """The results of some jobs; a job without results of this kind has none."""
    found: dict[str, Source] = {}
    # Made once: a filter may have thousands of values.
    entities = EntityFilter(resolved.where, filtered_schema(resolved.schema)) if resolved.where else None
    for job_id in jobs:
        job = catalog.known(job_id, "jobs")
        table = job.tables.get(resolved.schema.kind)
        if table is not None:
            found[job_id] = Source(table, filter_of(job, resolved, shortcuts, entities) if entities else None)
    return found


def _in_order_of_jobs(
    catalog: Catalog, sources: Mapping[str, Source], resolved: ResolvedQuery, shortcuts: Shortcuts
) -> Found:
    """The page in an order that the job leads: job after job."""
    groups: list[Group] = []
    skip, left, matched, rows_read = resolved.from_, resolved.size, 0, 0
    for job_id in sorted(sources, reverse=resolved.desc):
        table, row_filter = sources[job_id]
        rows, own, explanation = search(table, resolved._replace(from_=skip, size=left), shortcuts, row_filter)
        if len(rows):
            groups.append(Group(rows, job_id))
        skip, left = max(0, skip - own), left - len(rows)
        matched += own
        rows_read += explanation.rows_read
    return Found(JobRows(catalog, resolved.schema, groups), matched, rows_read)


def _count(sources: Iterable[Source], resolved: ResolvedQuery, shortcuts: Shortcuts) -> tuple[int, int]:
    """The count of all matches of some jobs, and the number of compared rows."""
    matched = rows_read = 0
    asked = resolved._replace(from_=0, size=0)
    for table, row_filter in sources:
        _, own, explanation = search(table, asked, shortcuts, row_filter)
        matched += own
        rows_read += explanation.rows_read
    return matched, rows_read


def _from_its_page_on(
    sources: Sequence[Source], resolved: ResolvedQuery, shortcuts: Shortcuts
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
        count, compared = _count(sources, before, shortcuts)
        rows_read += compared
        if (count <= resolved.from_) == resolved.desc:
            high = middle
        else:
            low = middle
    before = resolved._replace(start=high) if resolved.desc else resolved._replace(end=low)
    count, compared = _count(sources, before, shortcuts)
    rows_read += compared
    skipped = resolved.from_ - count
    rest = resolved._replace(end=high) if resolved.desc else resolved._replace(start=low)
    return rest._replace(from_=skipped), rows_read
