"""The search: it finds the rows of a resolved query's page, and the exact count.

A page in time order without a threshold is found by ranks; only timestamps are read. For any other page, `threshold`
counts the matches first. Then `plan` chooses how to find the page, and this module carries the plan out. Rows of base
and head have different numbers: row ``r`` of the head is ``base.length + r``.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from bucketquery.arrays.sorted_arrays import time_slice
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Int64s
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.order import Order, is_of_numbers
from bucketquery.search.plan import BY_TIME, Explanation, Plan, bounded_plan, choose
from bucketquery.search.row_filter import RowFilter
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.threshold import BaseRows, Matches
from bucketquery.search.window import Window
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS, View

#: The rows of the page in its order, the count of all matches, and how they were found.
Answer = tuple[Selection, int, Explanation]


def search(
    table: Table, resolved: ResolvedQuery, shortcuts: Shortcuts = ALL_SHORTCUTS, row_filter: RowFilter | None = None
) -> Answer:
    """The page that a query asks for.

    Args:
        table: the results.
        resolved: the query.
        shortcuts: which work may be skipped.
        row_filter: the filter that matches pass too; None if there is none.
    """
    view = table.final if resolved.exclude_interim else table.rows
    if resolved.threshold is None and row_filter is None:
        if not resolved.order_by:
            return _by_time(view, resolved)
        is_open = resolved.start <= FIRST_MS and resolved.end > LAST_MS
        if is_open and resolved.from_ + resolved.size <= shortcuts.top_k_rows and shortcuts.top_k:
            return _from_cache(view, resolved, shortcuts)
    rows, count, explanation = _by_plan(view, resolved, shortcuts, row_filter)
    return Selection(view, rows), count, explanation


def scan(
    table: Table,
    resolved: ResolvedQuery,
    shortcuts: Shortcuts = ALL_SHORTCUTS,
    row_filter: RowFilter | None = None,
) -> Iterator[Selection]:
    """Every match in order, some at a time; paging does not apply.

    In time order the window is read in parts, so that memory stays flat. In any other order the scan holds a few bytes
    a match, and needs about 100 bytes a match while it finds the matches.
    """
    everything = resolved._replace(from_=0, size=table.rows.length)
    if resolved.order_by:
        found, count, _ = search(table, everything, shortcuts, row_filter)
        for first in range(0, count, shortcuts.scan_rows):
            yield found[first : first + shortcuts.scan_rows]
        return
    edges = _edges(table.rows, resolved, shortcuts.scan_rows)
    windows = list(pairwise(edges))
    for start, end in reversed(windows) if resolved.desc else windows:
        found, _, _ = search(table, everything._replace(start=start, end=end), shortcuts, row_filter)
        yield found


def _by_time(view: View, resolved: ResolvedQuery) -> Answer:
    first = view.before(resolved.start) if resolved.start > FIRST_MS else 0
    last = view.before(resolved.end) if resolved.end <= LAST_MS else view.length
    count = last - first
    if count <= 0:
        return Selection(view, (0, 0, False)), 0, BY_TIME
    skipped, shown = resolved.from_, resolved.from_ + resolved.size
    if resolved.desc:
        first, last = (last - shown if shown < count else first), (last - skipped if skipped < count else first)
    else:
        first, last = (first + skipped if skipped < count else last), (first + shown if shown < count else last)
    return Selection(view, (first, last, resolved.desc)), count, BY_TIME


def _from_cache(view: View, resolved: ResolvedQuery, shortcuts: Shortcuts) -> Answer:
    """A page of the first rows of an order over all rows. The first search finds them, and the view stores them.

    The first search explains how it found them. Later searches explain that they read the cache and no row.
    """
    key = resolved.order_by, resolved.desc, shortcuts.top_k_rows
    known = view.top_k_cache.get(key)
    if known is None:
        # Two readers may both find them, with the same result.
        rows, _, explanation = _by_plan(view, resolved._replace(from_=0, size=shortcuts.top_k_rows), shortcuts)
        view.top_k_cache[key] = rows, Explanation("cache", resolved.order_by[0])
    else:
        rows, explanation = known
    return Selection(view, rows[resolved.from_ : resolved.from_ + resolved.size]), view.length, explanation


def _by_plan(
    view: View, resolved: ResolvedQuery, shortcuts: Shortcuts, row_filter: RowFilter | None = None
) -> tuple[BaseRows, int, Explanation]:
    """Count the matches, choose a plan, and carry it out; if it finds too few, choose the next."""
    window = Window.of(view, resolved.start, resolved.end)
    matches = Matches.of(window, resolved.threshold, shortcuts, resolved.below, row_filter)
    count, rows_read = matches.matched, matches.rows_read
    first = resolved.from_
    last = first + resolved.size
    # A call of `min` takes longer than the comparison.
    last = last if last < count else count  # noqa: FURB136
    if first >= last or not resolved.order_by:
        # There is nothing to choose: matches come in time order.
        rows, read = matches.page(first, last, desc=resolved.desc) if first < last else (NO_ROWS, 0)
        column = matches.listed_by or view.base.schema.score
        return rows, count, Explanation(matches.path, column, matches.levels, rows_read + read)
    order = Order.of(resolved)
    plan = choose(matches, order, last)
    found, read = _carry_out(plan, matches, order, first, last)
    while found is None:
        rows_read += read
        plan = choose(matches, order, last, plan)
        found, read = _carry_out(plan, matches, order, first, last)
    return found, count, plan.explain(rows_read + read)


def first_candidates(matches: Matches, order: Order, need: int, least: Any = None) -> tuple[BaseRows, int]:
    """Rows of the base, ascending, that include all of the first ``need`` matches that lie there.

    Args:
        matches: the matches, at least ``need``.
        order: an order that time does not lead.
        need: the number of wanted matches, at least one.
        least: the lowest sort key of a wanted match; None: any.

    Returns:
        The rows, which all match, and the number of rows read for them.
    """
    within = None if least is None else bounded_plan(matches, order, need, least)
    if within is not None:
        rows, read = _read(within, matches, order, 0)
        assert rows is not None, "a search for no rows finds enough"
        return rows, read
    rows_read = 0
    plan = choose(matches, order, need)
    rows, read = _read(plan, matches, order, need)
    while rows is None:
        rows_read += read
        plan = choose(matches, order, need, plan)
        rows, read = _read(plan, matches, order, need)
    return rows, rows_read + read


def _carry_out(plan: Plan, matches: Matches, order: Order, first: int, need: int) -> tuple[BaseRows | None, int]:
    """The matches ``[first, need)`` in order, or None if the plan finds too few; and how many rows it read."""
    if plan.access == "instants":
        rows, rows_read = up_to_the_last_instant(matches, need, desc=order.desc)
        return order.first(matches.window.view, rows, need)[first:], rows_read
    found, rows_read = _read(plan, matches, order, need)
    return (None if found is None else among_rows(matches, order, found, matches.head, first, need)), rows_read


def _read(plan: Plan, matches: Matches, order: Order, need: int) -> tuple[BaseRows | None, int]:
    """The matches of the base that a plan reads, ascending, or None if they are too few; and how many rows it read."""
    desc = order.desc
    if plan.access == "all":
        rows, compared = matches.first(matches.matched, desc=False)
        # A row that is compared for the count and again here is added once. With block counts the count compares few.
        return rows, matches.matched + max(0, compared - matches.rows_read)
    if plan.access == "level":
        rows, rows_read = (matches.alive if plan.all_match else matches.among)(plan.rows), plan.compared
    else:
        rows, rows_read = with_value(plan, matches, need, desc=desc)
    if len(rows) < need:
        return None, rows_read
    stop = matches.window.base.stop
    if plan.stop < stop:
        rows = np.concatenate((rows, matches.among(np.arange(plan.stop, stop))))
        rows_read += stop - plan.stop
    return rows, rows_read


def among_rows(  # noqa: PLR0917 - rows and ranks belong together
    matches: Matches, order: Order, rows: BaseRows, head: Int64s, first: int, last: int
) -> BaseRows:
    """The rows ``[first, last)`` in order among some matches, of which there are at least ``last``.

    Args:
        matches: all matches.
        order: the order, which is not led by time or by no column.
        rows: rows of the base, ascending.
        head: row numbers within the head, ascending.
        first: the number of rows to skip.
        last: the number of rows up to the end of the page.
    """
    view, shortcuts, lead = matches.window.view, matches.shortcuts, order.lead
    of_numbers = is_of_numbers(view, lead)
    if first >= shortcuts.skip_from and first and of_numbers and shortcuts.skip:
        rows, head, skipped = order.around(view, rows, head, first, last)
        first, last = first - skipped, last - skipped
    if len(order.within) > 1 or not of_numbers:
        return order.first_of_both(view, rows, head, last)[first:]
    has_lead = matches.threshold is not None and lead == view.base.schema.score
    found = order.first_of_numbers(view, rows, head, last, few=shortcuts.few_sort_keys, has_lead=has_lead)
    return found[first:]


def with_value(plan: Plan, matches: Matches, need: int, *, desc: bool) -> tuple[BaseRows, int]:
    """The first matches that have the value of a plan, or the last if ``desc``; and the number of rows read.

    It finds at least ``need`` matches, or all before the plan's stop if there are fewer. Each look reads twice the rows
    of the one before.
    """
    view, start = matches.window.view, matches.window.base.start
    column, length = view.base.columns[plan.column], plan.stop - start
    passed, step, missing = 0, max(matches.shortcuts.first_look, 2 * need), need
    found: list[BaseRows] = []
    while missing > 0 and passed < length:
        step = min(step, length - passed)
        first = plan.stop - passed - step if desc else start + passed
        rows = matches.among((column[first : first + step] == plan.value).nonzero()[0] + first)
        passed += step
        step *= 2
        missing -= len(rows)
        found.append(rows)
    return np.concatenate(found[::-1] if desc else found), passed


def up_to_the_last_instant(matches: Matches, need: int, *, desc: bool) -> tuple[BaseRows, int]:
    """The first ``need`` matches by time, or the last if ``desc``, with all other matches of the last instant.

    Also the number of rows read. The matches come in time order. All other matches have later instants (earlier ones if
    ``desc``), so no other key can put them first.
    """
    view = matches.window.view
    rows, rows_read = matches.page(0, need, desc=desc)
    if need >= matches.matched:
        # No match is left out.
        return (rows[::-1] if desc else rows), rows_read
    edge = Selection(view, rows[-1:]).column("timestamp").item()
    of_edge = matches.between(edge, edge + 1)
    there, read_there = of_edge.page(0, of_edge.matched, desc=desc)
    both = np.concatenate((rows[: (rows == there[0]).argmax()], there))
    return both[::-1] if desc else both, rows_read + of_edge.rows_read + read_there + len(both)


def _edges(view: View, resolved: ResolvedQuery, apart: int) -> list[int]:
    """The edges of the window, and between them the instant of every ``apart``-th row of the base."""
    timestamps = view.base.column("timestamp")
    window = time_slice(timestamps, resolved.start, resolved.end)
    between = timestamps[window.start + apart : window.stop : apart]
    return [resolved.start, *sorted(set(between.tolist())), resolved.end]
