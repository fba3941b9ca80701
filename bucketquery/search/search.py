"""The search: from a question to the rows of its page and the exact count.

What only time decides is found by ranks: no column is touched but the timestamps. A threshold is counted by `matches`.
For another order the first rows are looked for where they surely are: on the sparsest level that has enough of them, or
among the rows that share the best value. Where that promises nothing, all matches are put in order. Rows of the base
and of the head are told apart by number: row ``r`` of the head is ``base.length + r``.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from bucketquery.arrays.ranking import time_slice
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.order import Order, is_of_numbers
from bucketquery.search.plan import BY_TIME, Path, Plan
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.threshold import BaseRows, Matches
from bucketquery.search.window import Window
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS, View
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

#: The rows of the page in its order, every match before paging, and how they were found.
Found = tuple[Selection, int, Plan]


def search(table: Table, resolved: ResolvedQuery, shortcuts: Shortcuts = ALL_SHORTCUTS) -> Found:
    """The page that the question asks for; the shortcuts say what may be skipped."""
    view = table.final if resolved.exclude_interim else table.rows
    if resolved.threshold is None:
        if not resolved.order_by:
            return _by_time(view, resolved)
        is_open = resolved.start <= FIRST_MS and resolved.end > LAST_MS
        if is_open and resolved.from_ + resolved.size <= shortcuts.top_k_rows and shortcuts.top_k:
            return _kept(view, resolved, shortcuts)
    rows, count, plan = _by_value(view, resolved, shortcuts)
    return Selection(view, rows), count, plan


def _by_value(view: View, resolved: ResolvedQuery, shortcuts: Shortcuts) -> tuple[BaseRows, int, Plan]:
    matches = Matches(Window.of(view, resolved.start, resolved.end), resolved, shortcuts)
    first, last, count = resolved.from_, min(resolved.from_ + resolved.size, matches.count), matches.count
    rows: BaseRows
    if first >= last:
        rows, plan = NO_ROWS, _by_threshold(matches)
    elif not resolved.order_by:
        rows, plan = matches.page(first, last, desc=resolved.desc), _by_threshold(matches)
    else:
        rows, plan = _in_order(matches, resolved, last)
        rows = rows[first:]
    return rows, count, plan


def scan(table: Table, resolved: ResolvedQuery, shortcuts: Shortcuts = ALL_SHORTCUTS) -> Iterator[Selection]:
    """Every match in order, some at a time; paging does not apply.

    In time order the window is walked in parts, so that memory stays flat; another order keeps some bytes a match, and
    takes about a hundred while it is found.
    """
    everything = resolved._replace(from_=0, size=table.rows.length)
    if resolved.order_by:
        found, count, _ = search(table, everything, shortcuts)
        for first in range(0, count, shortcuts.scan_rows):
            yield found[first : first + shortcuts.scan_rows]
        return
    edges = _edges(table.rows, resolved, shortcuts.scan_rows)
    windows = list(pairwise(edges))
    for start, end in reversed(windows) if resolved.desc else windows:
        found, _, _ = search(table, everything._replace(start=start, end=end), shortcuts)
        yield found


def _by_time(view: View, resolved: ResolvedQuery) -> Found:
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


def _kept(view: View, resolved: ResolvedQuery, shortcuts: Shortcuts) -> Found:
    """The page of the first of all rows in some order, of which a view keeps those that were asked for once.

    The question that finds them tells how. Later ones tell that they read the cache, and no rows.
    """
    order = resolved.order_by, resolved.desc, shortcuts.top_k_rows
    kept = view.kept.get(order)
    if kept is None:
        # Two readers may both work this out, and come to the same.
        rows, _, plan = _by_value(view, resolved._replace(from_=0, size=shortcuts.top_k_rows), shortcuts)
        view.kept[order] = rows, Plan("cache", resolved.order_by[0])
    else:
        rows, plan = kept
    return Selection(view, rows[resolved.from_ : resolved.from_ + resolved.size]), view.length, plan


def _by_threshold(matches: Matches) -> Plan:
    path: Path = "threshold" if matches.levels else "scan"
    return Plan(path, matches.window.view.base.schema.score, matches.levels, matches.rows_read)


def _in_order(matches: Matches, resolved: ResolvedQuery, need: int) -> tuple[BaseRows, Plan]:
    """The first ``need`` matches, which are not fewer, in the order of some columns."""
    order = Order.of(resolved)
    lead, desc = order.lead, order.desc
    if lead == "timestamp" and matches.shortcuts.last_instant:
        # The first are those of the first instants, all of the last one among them.
        edge = Selection(matches.window.view, matches.page(need - 1, need, desc=desc)).column("timestamp").item()
        start, end = (edge, resolved.end) if desc else (resolved.start, edge + 1)
        matches = Matches(Window.of(matches.window.view, start, end), resolved, matches.shortcuts)
    elif matches.count > matches.shortcuts.few_matches and (leaders := _leaders(matches, order, need)) is not None:
        rows, plan = leaders
        return _first(matches, rows, order, need), plan
    rows_read = matches.rows_read + matches.count
    plan = Plan("threshold" if matches.levels else "scan", lead, matches.levels, rows_read)
    return _first(matches, matches.first(matches.count, desc=False), order, need), plan


def _first(matches: Matches, rows: BaseRows, order: Order, need: int) -> BaseRows:
    """The first ``need`` in order of some rows of the base, ascending, and of those of the head that match."""
    view = matches.window.view
    has_lead = matches.threshold is not None and order.lead == view.base.schema.score
    few = matches.shortcuts.few_sort_keys
    return order.first_of_both(view, rows, matches.head, need, few=few, has_lead=has_lead)


def _leaders(matches: Matches, order: Order, need: int) -> tuple[BaseRows, Plan] | None:
    """Rows of the base among which the first ``need`` matches of its order are, ascending; None where that is a guess.

    All of them match, and live.
    """
    view, base, lead, desc = matches.window.view, matches.window.base, order.lead, order.desc
    if not is_of_numbers(view, lead):
        return None
    value_index = view.base.value_index(lead, desc=desc)
    if value_index is None or base.start >= value_index.covered:
        return None
    stop = min(base.stop, value_index.covered)
    if not value_index.is_tied:
        leaders = _on_a_level(matches, value_index, order, need, stop) if matches.shortcuts.levels else None
    else:
        is_possible = len(order.within) == 1 and matches.shortcuts.ties
        leaders = _of_the_best(matches, value_index, order, need, stop) if is_possible else None
    if leaders is None or stop == base.stop:
        return leaders
    rows, plan = leaders
    later = np.arange(stop, base.stop)
    return np.concatenate((rows, matches.among(later))), plan._replace(rows_read=plan.rows_read + len(later))


def _on_a_level(
    matches: Matches, value_index: ValueIndex, order: Order, need: int, stop: int
) -> tuple[BaseRows, Plan] | None:
    """All matches before ``stop`` that are on the sparsest level that has ``need`` of them."""
    window, lead, desc = matches.window, order.lead, order.desc
    low, length = window.base.start, window.length
    is_implied = matches.threshold is None or (desc and lead == window.view.base.schema.score)
    wanted = matches.shortcuts.margin * need * (1 if is_implied else length / matches.count)
    share = (stop - low) / value_index.covered
    for level in reversed(value_index.levels):
        if len(level) * share < wanted:
            continue
        _, rows, _ = level.between(low, stop)
        if len(rows) > 2 * matches.count:
            return None
        matches.rows_read += len(rows)
        rows = matches.alive(rows) if is_implied else matches.among(rows)
        if len(rows) >= need:
            edge = float(sort_keys_of(level.edge, desc=desc))
            return rows, Plan("order", lead, (*matches.levels, edge), matches.rows_read)
    return None


def _of_the_best(
    matches: Matches, value_index: ValueIndex, order: Order, need: int, stop: int
) -> tuple[BaseRows, Plan] | None:
    """The first ``need`` matches before ``stop`` in time order, or the last, that have the best of all values."""
    window, lead, desc = matches.window, order.lead, order.desc
    column, value = window.view.base.columns[lead], sort_keys_of(value_index.best, desc=desc)
    low, looked, step, missing = window.base.start, 0, max(matches.shortcuts.first_look, 2 * need), need
    found: list[BaseRows] = []
    while missing > 0 and looked < stop - low:
        step = min(step, stop - low - looked)
        first = stop - looked - step if desc else low + looked
        rows = matches.among((column[first : first + step] == value).nonzero()[0] + first)
        looked += step
        matches.rows_read += step
        step *= 2
        missing -= len(rows)
        found.append(rows)
    if missing > 0:
        return None
    plan = Plan("order", lead, (*matches.levels, float(value)), matches.rows_read)
    return np.concatenate(found[::-1] if desc else found), plan


def _edges(view: View, resolved: ResolvedQuery, apart: int) -> list[int]:
    """The window's edges and instants between, ``apart`` rows of the base from each other."""
    timestamps = view.base.column("timestamp")
    window = time_slice(timestamps, resolved.start, resolved.end)
    between = timestamps[window.start + apart : window.stop : apart]
    return [resolved.start, *sorted(set(between.tolist())), resolved.end]
