"""Searches of many jobs in the combined tables.

Combined tables do not overlap in time, so in time order they are searched one after the other. In the order of one
column of numbers, the candidates of all tables are sorted once. In any other order, and for a deep page, the first
matches of each table are merged by their row keys, which are numbers and text of the combined tables.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.arrays.ranking import best
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import JOB_LABEL, Array, Int64s, Type, UInt32s
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.after import search_after
from bucketquery.search.job_by_job import Found, merge
from bucketquery.search.job_rows import Group, JobRows
from bucketquery.search.order import Order, is_of_numbers
from bucketquery.search.row_filter import RowFilter
from bucketquery.search.row_key import Boundary, RowKey, completed
from bucketquery.search.search import first_candidates, scan, search
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.search.threshold import Matches
from bucketquery.search.window import Window
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.view import View
from bucketquery.value_index.value_index import sort_keys_of

#: The types of columns by which combined tables can be sorted. Columns of other types may lack the mask of a missing
#: value, which comes last.
_SORTABLE: Final = frozenset({Type.TIMESTAMP, Type.UNSIGNED, Type.DOUBLE, Type.KEYWORD})
#: The bisection starts here. Most indexes have no greater score; if many are greater, a deep page takes longer.
_HIGH_SCORE: Final = 128.0
#: The most steps of the bisection for the first score of a deep page.
_MOST_STEPS: Final = 24


class Candidates(NamedTuple):
    """Rows of one combined table, among which are all of its rows on a page.

    Attributes:
        view: the view of the rows.
        rows: the rows in identity order, as the view numbers them.
        sort_keys: their sort keys.
        head: rows of the head by their numbers there, ascending; they are not among ``rows`` yet.
    """

    view: View
    rows: Array
    sort_keys: Array
    head: Int64s

    def with_head(self, lead: str, least: Any, *, desc: bool) -> "Candidates":
        """These rows and those of the head whose sort key in the column ``lead`` is not less than ``least``.

        All rows of the head if ``least`` is None. Rows of the head without a value are among them.
        """
        view, head = self.view, self.head
        sort_keys = sort_keys_of(view.head.columns[lead][head], desc=desc)
        if least is not None:
            enters = ~(sort_keys < least)
            head, sort_keys = head[enters], sort_keys[enters]
        if not len(head):
            return self
        places = self.rows.searchsorted(view.places_of(head))
        rows = np.insert(self.rows, places, head + view.base.length)
        return Candidates(view, rows, np.insert(self.sort_keys, places, sort_keys), head)


class Together(NamedTuple):
    """The combined tables for a query of many jobs.

    Attributes:
        catalog: the jobs.
        all_jobs: the combined tables.
        jobs: the filter that matches pass: those of the jobs that the query names; None if it names all.
    """

    catalog: Catalog
    all_jobs: AllJobs
    jobs: RowFilter | None

    def can_order(self, resolved: ResolvedQuery) -> bool:
        """Whether the combined tables have the order of a query."""
        if resolved.by_job:
            return False
        field = self.all_jobs.schema.by_name.get(resolved.order_by[0]) if resolved.order_by else None
        return not resolved.order_by or (field is not None and field.type in _SORTABLE)

    def search(self, resolved: ResolvedQuery, shortcuts: Shortcuts) -> Found:
        """The page of a query in an order that `can_order` allows: one search for each table."""
        order = Order.of(resolved, self.all_jobs.schema)
        parts = self._parts(resolved, order)
        is_merged = not (order.leads_by_time or len(parts) == 1)
        if is_merged and not (resolved.from_ > shortcuts.deep_from and shortcuts.deep):
            found = self._first_of_numbers(parts, resolved, order, shortcuts)
            if found is not None:
                return found
        asked = resolved._replace(schema=self.all_jobs.schema)
        if is_merged:
            return self._merged(parts, asked, order, shortcuts)
        groups: list[Group] = []
        matched = rows_read = 0
        for part in parts:
            rows, own, explanation = search(part, asked, shortcuts, self.jobs)
            matched += own
            rows_read += explanation.rows_read
            if len(rows):
                groups.append(Group(rows, self.all_jobs.labels))
            asked = asked._replace(from_=max(0, asked.from_ - own), size=asked.size - len(rows))
        return Found(JobRows(self.catalog, resolved.schema, groups), matched, rows_read)

    def _first_of_numbers(
        self, parts: Sequence[Table], resolved: ResolvedQuery, order: Order, shortcuts: Shortcuts
    ) -> Found | None:
        """The result of `_merged`, found faster; None unless the order has one column, of numbers that all rows have.

        Identities break ties, and the tables do not overlap in time. So the tables, one behind the other, are in the
        order of ties, and the candidates of all of them are sorted once.
        """
        views = [part.final if resolved.exclude_interim else part.rows for part in parts]
        lead, desc = order.lead, order.desc
        if len(order.within) > 1 or not all(is_of_numbers(view, lead) for view in views):
            return None
        first, last = resolved.from_, resolved.from_ + resolved.size
        some: list[Candidates] = []
        matched = rows_read = 0
        # A sort key that at least ``last`` matches reach; None until it is known.
        least: Any = None
        for view in views:
            window = Window.of(view, resolved.start, resolved.end)
            matches = Matches.of(window, resolved.threshold, shortcuts, resolved.below, self.jobs)
            own = matches.matched
            matched += own
            rows_read += matches.rows_read
            if own and resolved.size:
                rows, read = first_candidates(matches, order, min(last, own), least)
                rows_read += read
                sort_keys = sort_keys_of(view.base.columns[lead].take(rows), desc=desc)
                if least is None and len(rows) >= last:
                    least = np.partition(sort_keys, len(rows) - last)[len(rows) - last]
                some.append(Candidates(view, rows, sort_keys, matches.head))
        if first >= min(last, matched):
            return Found(JobRows(self.catalog, resolved.schema, ()), matched, rows_read)
        sort_keys = some[0].sort_keys if len(some) == 1 else np.concatenate([each.sort_keys for each in some])
        if any(len(each.head) for each in some):
            # Most rows of a head come behind the page.
            place = len(sort_keys) - last
            least = np.partition(sort_keys, place)[place] if place >= 0 else None
            some = [each.with_head(lead, least, desc=desc) if len(each.head) else each for each in some]
            sort_keys = np.concatenate([each.sort_keys for each in some])
        if np.isnan(sort_keys.max()):
            # The greatest of some numbers is NaN if any of them is: a row has no value.
            return None
        page = best(sort_keys, min(last, matched), desc=desc, few=shortcuts.few_sort_keys)[first:]
        groups = [Group(Selection(view, rows), self.all_jobs.labels) for view, rows, _, _ in some]
        return Found(JobRows(self.catalog, resolved.schema, groups, page), matched, rows_read)

    def _merged(self, parts: Sequence[Table], asked: ResolvedQuery, order: Order, shortcuts: Shortcuts) -> Found:
        """The page of a query in an order that time does not lead, from several tables."""
        skips, matched, rows_read = [0] * len(parts), 0, 0
        is_deep = asked.from_ > shortcuts.deep_from and shortcuts.deep
        if is_deep and asked.size and order.desc and order.lead == asked.schema.score:
            skips, rows_read = self._before_page(parts, asked, shortcuts)
        first = asked.from_ - sum(skips)
        last = first + asked.size
        groups: list[Group] = []
        for part, skip in zip(parts, skips, strict=True):
            own_page = asked._replace(from_=skip, size=last if asked.size else 0)
            rows, own, explanation = search(part, own_page, shortcuts, self.jobs)
            matched += own
            rows_read += explanation.rows_read
            if len(rows):
                groups.append(Group(rows, self.all_jobs.labels))
        page = merge(groups, order, first, last)
        return Found(JobRows(self.catalog, asked.schema, groups, page), matched, rows_read)

    def _before_page(self, parts: Sequence[Table], asked: ResolvedQuery, shortcuts: Shortcuts) -> tuple[list[int], int]:
        """For each table a number of matches that come before a page by descending score; and the compared rows.

        Bisection finds a score that slightly fewer than ``from_`` matches reach. A step takes microseconds a table.
        """
        # A threshold beyond the upper bound of a band would have no matches.
        low = max(0.0, asked.threshold or 0.0)
        high = _HIGH_SCORE if asked.below is None else min(_HIGH_SCORE, asked.below)
        skips, rows_read = [0] * len(parts), 0
        middle = high
        for _ in range(_MOST_STEPS):
            if low >= high:
                break
            counts: list[int] = []
            at_least = asked._replace(threshold=middle, order_by=(), from_=0, size=0)
            for part in parts:
                _, own, explanation = search(part, at_least, shortcuts, self.jobs)
                counts.append(own)
                rows_read += explanation.rows_read
            if sum(counts) <= asked.from_:
                high, skips = middle, counts
                if asked.from_ - sum(counts) <= shortcuts.deep_from:
                    break
            else:
                low = middle
            middle = (low + high) / 2
        return skips, rows_read

    def search_after(self, resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey) -> Found:
        """The first ``size`` matches behind a row key, in an order that `can_order` allows."""
        asked = resolved._replace(schema=self.all_jobs.schema, from_=0)
        order = Order.of(asked)
        parts = self._parts(asked, order)
        boundary = Boundary.of_label(order, key, self.label(key.job_id))
        if key.has_cut_text:
            views = [part.final if resolved.exclude_interim else part.rows for part in parts]
            boundary = boundary._replace(key=completed(boundary.key, order, views))
        is_in_turn = order.leads_by_time or len(parts) == 1
        if not is_in_turn and asked.size:
            asked = asked._replace(size=asked.size + 1)
        groups: list[Group] = []
        matched = rows_read = 0
        has_more = False
        for part in parts:
            rows, own, is_followed, explanation = search_after(part, asked, boundary, shortcuts, self.jobs)
            matched += own
            rows_read += explanation.rows_read
            has_more = has_more or is_followed
            if len(rows):
                groups.append(Group(rows, self.all_jobs.labels))
            if is_in_turn:
                asked = asked._replace(size=asked.size - len(rows))
        merged = None
        if not is_in_turn:
            merged = merge(groups, order, 0, asked.size)
            has_more = has_more or len(merged) > resolved.size
            merged = merged[: resolved.size]
        return Found(JobRows(self.catalog, resolved.schema, groups, merged), matched, rows_read, has_more)

    def scan(self, resolved: ResolvedQuery, shortcuts: Shortcuts) -> Iterator[JobRows]:
        """Every match in order, some at a time; memory stays flat in time order."""
        asked = resolved._replace(schema=self.all_jobs.schema)
        if asked.order_by:
            found = self.search(resolved._replace(from_=0, size=self.length), shortcuts)
            for first in range(0, len(found.rows), shortcuts.scan_rows):
                yield found.rows.between(first, first + shortcuts.scan_rows)
            return
        for part in self._parts(asked, Order.of(asked)):
            for rows in scan(part, asked, shortcuts, self.jobs):
                yield JobRows(self.catalog, resolved.schema, [Group(rows, self.all_jobs.labels)])

    def counts(self, resolved: ResolvedQuery, shortcuts: Shortcuts) -> tuple[Sequence[str], Int64s, int]:
        """The jobs with matches, in order, the number of matches of each, and the number of compared rows.

        O(m log m) for m matches.
        """
        asked = resolved._replace(schema=self.all_jobs.schema, order_by=(), desc=False, from_=0, size=self.length)
        found: list[UInt32s] = [np.empty(0, dtype=np.uint32)]
        rows_read = 0
        for part in self.all_jobs.parts:
            rows, _, explanation = search(part, asked, shortcuts, self.jobs)
            rows_read += explanation.rows_read
            found.append(rows.column(JOB_LABEL))
        labels, counts = np.unique(np.concatenate(found), return_counts=True)
        return self.all_jobs.labels.ids(labels), counts, rows_read

    @property
    def length(self) -> int:
        """The number of results of all jobs."""
        return sum(part.length for part in self.all_jobs.parts)

    def window_rows(self, resolved: ResolvedQuery) -> int:
        """The number of results of all jobs in the window of a query."""
        views = [part.rows for part in self.all_jobs.parts]
        return sum(view.before(resolved.end) - view.before(resolved.start) for view in views)

    def label(self, job_id: str) -> float:
        """The label of a job; if it has none, a number between the labels of its neighbours in the order of ids."""
        labels, known = self.all_jobs.labels, self.catalog.ids
        own = labels.label(job_id)
        if own is not None:
            return own
        later = known.islice(known.bisect_left(job_id))
        following = next((label for each in later if (label := labels.label(each)) is not None), None)
        return float("inf") if following is None else following - 0.5

    def _parts(self, resolved: ResolvedQuery, order: Order) -> Sequence[Table]:
        """The tables that may have matches in the window, in the direction of the order."""
        parts = self.all_jobs.parts
        return parts[::-1] if resolved.desc and order.leads_by_time else parts
