"""Searches of many jobs, answered as if all their results lay in one table, with the job as the last key of the order.

Small jobs are searched together, as a combined table, and the others one by one. Each search gives its first matches,
and these are merged by their row keys. The rows of a page are copied out of the tables of their jobs, so that the page
is read like any other.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.combined_table import CombinedTable
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import RECORD, Int64s, Schema
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.after import search_after
from bucketquery.search.expand import MOST_OF_A_PAGE, Expansion, expand, refuse_more
from bucketquery.search.order import Order, RowKeys
from bucketquery.search.plan import Explanation
from bucketquery.search.row_key import Boundary, RowKey, completed
from bucketquery.search.search import search
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.storage.row_copies import copy_rows, segment_row
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table

#: The place of a stored row: its job, its segment, and its row number there.
_Place = tuple[str, Segment, int]


class CopiedRows(NamedTuple):
    """Copies of some rows of many jobs, in the order of a page.

    Attributes:
        rows: all rows of a new segment that has the copies.
        job_ids: the job of each row.
        last: the last row where it is stored, with its masks; None if there are no rows.
        has_more: whether any match comes behind these rows; None if only the count tells.
    """

    rows: Selection
    job_ids: tuple[str, ...]
    last: Selection | None = None
    has_more: bool | None = None


class _Group(NamedTuple):
    """Jobs that are searched together: a single job, or the jobs of a combined table.

    Attributes:
        table: their results.
        jobs: the id of the job, or the combined table.
    """

    table: Table
    jobs: str | CombinedTable

    def places(self, rows: Selection, positions: Int64s) -> list[_Place]:
        """The places of the rows at some positions of a selection."""
        numbers = rows.rows
        if isinstance(numbers, slice):
            # A scan calls this for each part, so only the numbers of these positions are made.
            every = range(*numbers.indices(rows.view.base.length))
            chosen = [every[position] for position in positions.tolist()]
        else:
            chosen = numbers[positions].tolist()
        if isinstance(self.jobs, CombinedTable):
            return [self.jobs.place(row) for row in chosen]
        return [(self.jobs, *segment_row(rows.view, row)) for row in chosen]

    def row_keys(self, rows: Selection, order: Order) -> RowKeys:
        """The row keys of some rows of the table."""
        if isinstance(self.jobs, CombinedTable):
            return order.row_keys(rows, [self.jobs.job_of(row) for row in _numbers(rows)])
        return order.row_keys(rows, [self.jobs] * len(rows))


class _Merged(NamedTuple):
    """The first matches of several groups, in order.

    Attributes:
        groups: the groups, with the first matches of each.
        starts: for each group the number of first matches before it, and then their total; shape (len(groups) + 1,).
        order: the first matches of all groups in order, numbered across all groups; shape (r,).
        matched: the count of all matches, before paging.
        rows_read: the number of compared rows.
        has_more: whether any match comes behind these; None if only the count tells.
    """

    groups: Sequence[tuple[_Group, Selection]]
    starts: Int64s
    order: Int64s
    matched: int
    rows_read: int
    has_more: bool | None = None

    @classmethod
    def of(
        cls,
        groups: Sequence[tuple[_Group, Selection]],
        order: Int64s,
        matched: int,
        rows_read: int,
        *,
        has_more: bool | None = None,
    ) -> "_Merged":
        """The merged matches, with ``starts`` computed from the groups."""
        return cls(groups, np.cumsum([0, *(len(rows) for _, rows in groups)]), order, matched, rows_read, has_more)

    def copied(self, schema: Schema) -> CopiedRows:
        """Copies of the rows."""
        # Most groups have no row on a page, or in a part of a scan. So the rows are cut by group, to skip these groups.
        by_group = self.order.argsort(kind="stable")
        ascending = self.order[by_group]
        cuts = ascending.searchsorted(self.starts).tolist()
        placed: list[_Place] = []
        for (group, rows), start, (low, high) in zip(self.groups, self.starts.tolist(), pairwise(cuts), strict=False):
            if low < high:
                placed += group.places(rows, ascending[low:high] - start)
        places = [placed[position] for position in by_group.argsort().tolist()]
        segment = copy_rows(schema, [(segment, row) for _, segment, row in places])
        job_ids = tuple([job_id for job_id, _, _ in places])
        return CopiedRows(Selection.of(segment), job_ids, self._last(), self.has_more)

    def _last(self) -> Selection | None:
        """The last row."""
        if not len(self.order):
            return None
        group = int(self.starts.searchsorted(self.order[-1], "right")) - 1
        return self.groups[group][1][self.order[-1:] - self.starts[group]]


def search_jobs(
    catalog: Catalog,
    selected: SelectedJobs,
    resolved: ResolvedQuery,
    shortcuts: Shortcuts = ALL_SHORTCUTS,
    key: RowKey | None = None,
) -> tuple[CopiedRows, int, Explanation]:
    """The page of a query over several jobs, the count of all matches, and how they were found.

    Args:
        catalog: the catalogue of the jobs.
        selected: the jobs of the query.
        resolved: the query.
        shortcuts: which work may be skipped.
        key: the page begins behind this row key; None: the page skips ``from_`` matches.

    If there are many small jobs, one search covers all of them. Each other job costs one search. Merging p
    searches costs O(p k) for a page that ends at the k-th match.
    """
    if key is None:
        merged = _search(catalog, selected.ids, resolved, shortcuts)
    else:
        merged = _search_after(catalog, selected.ids, resolved, shortcuts, key)
    return merged.copied(resolved.schema), merged.matched, Explanation("jobs", rows_read=merged.rows_read)


def scan_jobs(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts
) -> Iterator[CopiedRows]:
    """Every match of several jobs in order, some at a time; paging does not apply.

    It holds a few bytes a match, and needs about 100 bytes a match while it finds the matches.
    """
    results = sum(table.length for table in _tables(catalog, selected.ids, resolved.schema).values())
    merged = _search(catalog, selected.ids, resolved._replace(from_=0, size=results), shortcuts)
    step = shortcuts.scan_buckets if resolved.expand else shortcuts.scan_rows
    for first in range(0, len(merged.order), step):
        yield merged._replace(order=merged.order[first : first + step]).copied(resolved.schema)


def expand_jobs(
    catalog: Catalog, buckets: CopiedRows, *, exclude_interim: bool, most: int | None = MOST_OF_A_PAGE
) -> Expansion:
    """The records of buckets of several jobs. Each bucket gets those of its own job, as `expand` finds them.

    The records are copied at once, not when they are first read.

    Raises:
        LimitExceeded: the buckets have more than ``most`` records.
    """
    positions: dict[str, list[int]] = {}
    for position, job_id in enumerate(buckets.job_ids):
        positions.setdefault(job_id, []).append(position)
    expansions: list[tuple[list[int], Expansion]] = []
    for job_id, own in positions.items():
        some = Selection(buckets.rows.view, np.array(own, dtype=np.int64))
        records = catalog.known(job_id, "jobs").table(RECORD)
        expansions.append((own, expand(some, records, exclude_interim=exclude_interim, most=None)))
    refuse_more(sum(expansion.total() for _, expansion in expansions), most)
    by_bucket: list[list[tuple[Segment, int]]] = [[] for _ in buckets.job_ids]
    for own, expansion in expansions:
        rows, ends = expansion.records
        places = [segment_row(rows.view, row) for row in _numbers(rows)]
        for position, (first, end) in zip(own, pairwise(ends), strict=True):
            by_bucket[position] = places[first:end]
    copied = copy_rows(RECORD, [place for places in by_bucket for place in places])
    return Expansion.of(copied, [0, *np.cumsum([len(places) for places in by_bucket]).tolist()])


def _search(catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts) -> _Merged:
    order = Order.of(resolved)
    if order.job_leads:
        return _job_by_job(catalog, jobs, resolved, shortcuts)
    groups = _groups(catalog, jobs, resolved.schema, shortcuts)
    if len(groups) == 1:
        rows, matched, explanation = search(groups[0].table, resolved, shortcuts)
        return _Merged.of([(groups[0], rows)], np.arange(len(rows)), matched, explanation.rows_read)
    total, rows_read = None, 0
    if resolved.from_ > shortcuts.deep_from and order.leads_by_time and shortcuts.deep:
        total, rows_read = _count(groups, resolved, shortcuts)
        resolved, compared = _from_its_page_on(groups, resolved, shortcuts)
        rows_read += compared
    first, last = resolved.from_, resolved.from_ + resolved.size
    asked = resolved._replace(from_=0, size=last if resolved.size else 0)
    found: list[tuple[_Group, Selection]] = []
    matched = 0
    for group in groups:
        rows, own, explanation = search(group.table, asked, shortcuts)
        matched += own
        rows_read += explanation.rows_read
        if len(rows):
            found.append((group, rows))
    return _Merged.of(found, _merge(found, order, last)[first:], matched if total is None else total, rows_read)


def _search_after(
    catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey
) -> _Merged:
    """The first ``size`` matches behind a row key. Each group gives as many, and one more, to tell if any follow."""
    order = Order.of(resolved)
    if order.job_leads:
        groups = [_Group(table, job_id) for job_id, table in _tables(catalog, jobs, resolved.schema).items()]
    else:
        groups = _groups(catalog, jobs, resolved.schema, shortcuts)
    if key.has_cut_text:
        tables = [group.table for group in groups]
        key = completed(key, order, [table.final if resolved.exclude_interim else table.rows for table in tables])
    asked = resolved._replace(from_=0, size=resolved.size + 1 if resolved.size else 0)
    found: list[tuple[_Group, Selection]] = []
    matched = rows_read = 0
    for group in groups:
        if order.job_leads and isinstance(group.jobs, str) and group.jobs != key.job_id:
            # All rows of the job come before the key, or all come behind it.
            comes_behind = (group.jobs < key.job_id) if order.desc else (group.jobs > key.job_id)
            own = asked if comes_behind else asked._replace(size=0)
            rows, count, explanation = search(group.table, own, shortcuts)
        else:
            boundary = Boundary.of(order, key, group.jobs)
            rows, count, _, explanation = search_after(group.table, asked, boundary, shortcuts)
        matched += count
        rows_read += explanation.rows_read
        if len(rows):
            found.append((group, rows))
    merged = _merge(found, order, asked.size)
    has_more = len(merged) > resolved.size
    return _Merged.of(found, merged[: resolved.size], matched, rows_read, has_more=has_more)


def _job_by_job(catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts) -> _Merged:
    """The matches in an order that the job leads: job after job."""
    found: list[tuple[_Group, Selection]] = []
    skip, left, matched, rows_read = resolved.from_, resolved.size, 0, 0
    tables = _tables(catalog, jobs, resolved.schema)
    for job_id in sorted(tables, reverse=resolved.desc):
        rows, own, explanation = search(tables[job_id], resolved._replace(from_=skip, size=left), shortcuts)
        found.append((_Group(tables[job_id], job_id), rows))
        skip, left = max(0, skip - own), left - len(rows)
        matched += own
        rows_read += explanation.rows_read
    return _Merged.of(found, np.arange(sum(len(rows) for _, rows in found)), matched, rows_read)


def _groups(catalog: Catalog, jobs: Sequence[str], schema: Schema, shortcuts: Shortcuts) -> list[_Group]:
    """The jobs in groups. One search answers each group."""
    splits = catalog.combine(jobs, schema) if shortcuts.combined else None
    if splits is None:
        return [_Group(table, job_id) for job_id, table in _tables(catalog, jobs, schema).items()]
    alone = _tables(catalog, splits[-1].others, schema, jobs)
    return [
        *(_Group(split.table, split.combined) for split in splits),
        *(_Group(table, job_id) for job_id, table in alone.items()),
    ]


def _tables(
    catalog: Catalog, jobs: Sequence[str], schema: Schema, named: Sequence[str] | None = None
) -> dict[str, Table]:
    """The tables of some jobs; a job without results of this kind has none.

    Raises:
        UnknownJob: a job is not known; the error names the first unknown job of ``named``, or of ``jobs`` if None.
    """
    tables: dict[str, Table] = {}
    for job_id in jobs:
        job = catalog.get(job_id)
        if job is None:
            job = catalog.known(next(each for each in named or jobs if each not in catalog), "jobs")
        table = job.tables.get(schema.kind)
        if table is not None:
            tables[job_id] = table
    return tables


def _count(groups: Sequence[_Group], resolved: ResolvedQuery, shortcuts: Shortcuts) -> tuple[int, int]:
    """The count of all matches of the groups, and the number of compared rows."""
    matched = rows_read = 0
    asked = resolved._replace(from_=0, size=0)
    for group in groups:
        _, own, explanation = search(group.table, asked, shortcuts)
        matched += own
        rows_read += explanation.rows_read
    return matched, rows_read


def _from_its_page_on(
    groups: Sequence[_Group], resolved: ResolvedQuery, shortcuts: Shortcuts
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
        count, compared = _count(groups, before, shortcuts)
        rows_read += compared
        if (count <= resolved.from_) == resolved.desc:
            high = middle
        else:
            low = middle
    before = resolved._replace(start=high) if resolved.desc else resolved._replace(end=low)
    count, compared = _count(groups, before, shortcuts)
    rows_read += compared
    skipped = resolved.from_ - count
    rest = resolved._replace(end=high) if resolved.desc else resolved._replace(start=low)
    return rest._replace(from_=skipped), rows_read


def _merge(found: Sequence[tuple[_Group, Selection]], order: Order, need: int) -> Int64s:
    """The first ``need`` matches of all groups in order, numbered across all groups."""
    if len(found) <= 1:
        return np.arange(sum(len(rows) for _, rows in found))
    return order.merged([group.row_keys(rows, order) for group, rows in found], need)


def _numbers(rows: Selection) -> list[int]:
    """The rows as their view numbers them."""
    if isinstance(rows.rows, slice):
        return [*range(*rows.rows.indices(rows.view.base.length))]
    numbers: list[int] = rows.rows.tolist()
    return numbers
