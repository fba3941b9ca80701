"""Searches behind a row key: the first matches of one table that come after it, and the exact count of all matches.

In identity order the key gives a rank, and the page is found by ranks. In any other order the search reads
`Shortcuts.ahead_rows` matches, and the view stores them for the next pages.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import sampled
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Array, Int64s
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.order import is_of_numbers
from bucketquery.search.plan import BY_TIME, Explanation, Plan
from bucketquery.search.row_filter import RowFilter
from bucketquery.search.row_key import Boundary, RowKey
from bucketquery.search.search import among_rows, up_to_the_last_instant, with_value
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.threshold import BaseRows, Matches
from bucketquery.search.window import Window
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS, View
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

_new_tuple: Final = tuple.__new__

#: The number of walks for which a view stores matches that were read ahead.
_WALKS: Final = 4

#: If a level has more than N times the needed entries, a sample tells which of them are near the key.
_SAMPLED_FROM: Final = 8
#: The number of entries in the sample.
_SAMPLED_VALUES: Final = 512


class Behind(NamedTuple):
    """The first matches behind a row key.

    Attributes:
        rows: the matches, in order.
        matched: the count of all matches, before and behind the key.
        has_more: whether any match comes behind these.
        explanation: how they were found.
    """

    rows: Selection
    matched: int
    has_more: bool
    explanation: Explanation


class ReadAhead(NamedTuple):
    """The first matches behind a row key, for the pages that follow.

    Attributes:
        asked: the window, the threshold, the upper bound, the order and the filter.
        key: the key.
        rows: the matches, as the view numbers them, in order.
        is_all: whether no match comes behind them.
        matched: the count of all matches.
        explanation: how the rows were found.
    """

    asked: Any
    key: RowKey
    rows: Array
    is_all: bool
    matched: int
    explanation: Explanation


def search_after(
    table: Table,
    resolved: ResolvedQuery,
    boundary: Boundary,
    shortcuts: Shortcuts = ALL_SHORTCUTS,
    row_filter: RowFilter | None = None,
) -> Behind:
    """The first ``size`` matches behind a row key; ``from_`` does not apply.

    Args:
        table: the results.
        resolved: the query.
        boundary: the row key. Its cut texts are completed, if that is possible.
        shortcuts: which work may be skipped.
        row_filter: the filter that matches pass too; None if there is none.
    """
    view = table.final if resolved.exclude_interim else table.rows
    if resolved.order_by:
        return _by_value(view, resolved, boundary, shortcuts, row_filter)
    if resolved.threshold is None and row_filter is None:
        return _by_time(view, resolved, boundary)
    window = Window.of(view, resolved.start, resolved.end)
    matches = Matches.of(window, resolved.threshold, shortcuts, resolved.below, row_filter)
    behind = matches.within(boundary.narrowed(window))
    stop = min(resolved.size, behind.matched)
    rows, rows_read = behind.page(0, stop, desc=resolved.desc) if stop else (NO_ROWS, 0)
    rows_read += matches.rows_read + behind.rows_read
    column = matches.listed_by or view.base.schema.score
    explanation = Explanation(matches.path, column, matches.levels, rows_read)
    return Behind(Selection(view, rows), matches.matched, stop < behind.matched, explanation)


def _by_time(view: View, resolved: ResolvedQuery, boundary: Boundary) -> Behind:
    first = view.before(resolved.start) if resolved.start > FIRST_MS else 0
    last = view.before(resolved.end) if resolved.end <= LAST_MS else view.length
    rank, size, desc = boundary.rank(view), resolved.size, resolved.desc
    if desc:
        stop = max(first, min(rank, last))
        low, high = max(first, stop - size), stop
        has_more = low > first
    else:
        low = min(last, max(first, rank))
        high = min(last, low + size)
        has_more = high < last
    # This does the same as the constructor, in half the time.
    return _new_tuple(Behind, (Selection(view, (low, high, desc)), max(0, last - first), has_more, BY_TIME))


def _by_value(
    view: View, resolved: ResolvedQuery, boundary: Boundary, shortcuts: Shortcuts, row_filter: RowFilter | None
) -> Behind:
    """The page, from the rows that were read ahead if these contain it. If not, the search reads ahead anew."""
    size, order, key = resolved.size, boundary.order, boundary.key
    asked = resolved.start, resolved.end, resolved.threshold, resolved.below, order, row_filter
    others: list[ReadAhead] = []
    for known in tuple(view.read_ahead) if shortcuts.read_ahead else ():
        page: Behind | bool = False
        if known.asked == asked and key.is_at_or_behind(known.key, order):
            page = _page_of(view, known, boundary, size)
            if isinstance(page, Behind):
                return page
        if not page:
            others.append(known)
    need = max(size + 1, shortcuts.ahead_rows if shortcuts.read_ahead else 0)
    window = Window.of(view, resolved.start, resolved.end)
    matches = Matches.of(window, resolved.threshold, shortcuts, resolved.below, row_filter)
    rows, explanation = _first_behind(resolved, matches, boundary, need)
    if shortcuts.read_ahead and size < shortcuts.ahead_rows:
        # A copy, because a part of a larger array would keep the whole array in memory.
        cached = Explanation("cache", order.lead)
        known = ReadAhead(asked, key, rows.copy(), len(rows) < need, matches.matched, cached)
        # Two readers may both store what they read. Then one of the two is lost and read again.
        view.read_ahead[:] = [known, *others[: _WALKS - 1]]
    return Behind(Selection(view, rows[:size]), matches.matched, len(rows) > size, explanation)


def _page_of(view: View, known: ReadAhead, boundary: Boundary, size: int) -> Behind | bool:
    """The page from rows that were read ahead.

    If these may lack some of the page: whether they have its first row. Then the same walk has read them.
    """
    is_behind = boundary.is_before(view, known.rows)
    rest = int(np.count_nonzero(is_behind))
    if rest <= size and not known.is_all:
        return rest > 0
    first = len(known.rows) - rest
    rows = known.rows[first : first + size]
    return Behind(Selection(view, rows), known.matched, rest > size, known.explanation)


def _first_behind(
    resolved: ResolvedQuery, matches: Matches, boundary: Boundary, need: int
) -> tuple[Array, Explanation]:
    """The first ``need`` matches behind a row key, in order, all if there are fewer; and the explanation."""
    order, window = boundary.order, matches.window
    view, lead, desc = window.view, order.lead, order.desc
    if lead == "timestamp" and matches.shortcuts.last_instant:
        rows, rows_read = _from_the_instant(resolved, matches, boundary, need)
        column = matches.listed_by or lead
        return rows, Explanation(matches.path, column, matches.levels, matches.rows_read + rows_read)
    rows_read = matches.rows_read
    value_index = None
    if matches.matched > matches.shortcuts.few_matches and is_of_numbers(view, lead) and boundary.lead is not None:
        value_index = view.base.value_index(lead, desc=desc)
    if value_index is not None and window.base.start < min(window.base.stop, value_index.covered):
        # A value of the column's type, since an integer may not fit into a double.
        wanted = np.array([boundary.lead], dtype=view.base.columns[lead].dtype)
        sort_key = sort_keys_of(wanted, desc=desc)[0]
        if value_index.is_tied:
            found, compared, edge = _among_ties(matches, boundary, value_index, sort_key, need)
        else:
            found, compared, edge = _in_a_level(matches, boundary, value_index, sort_key, need)
        rows_read += compared
        if found is not None:
            head = matches.head[boundary.is_before_rows(view.head, matches.head)]
            rows = among_rows(matches, order, found, head, 0, min(need, len(found) + len(head)))
            return rows, Explanation("order", lead, (*matches.levels, edge), rows_read)
    rows, compared = matches.first(matches.matched, desc=False)
    rows_read += matches.matched + max(0, compared - matches.rows_read)
    rows = rows[boundary.is_before_rows(view.base, rows)]
    head = matches.head[boundary.is_before_rows(view.head, matches.head)]
    last = min(need, len(rows) + len(head))
    rows = among_rows(matches, order, rows, head, 0, last) if last else NO_ROWS
    return rows, Explanation(matches.path, matches.listed_by or lead, matches.levels, rows_read)


def _from_the_instant(resolved: ResolvedQuery, matches: Matches, boundary: Boundary, need: int) -> tuple[Array, int]:
    """The first ``need`` matches behind a row key in an order that time leads, and the number of rows read."""
    view, order, instant = matches.window.view, boundary.order, boundary.lead
    assert isinstance(instant, int)  # every result has a timestamp
    start, end = resolved.start, resolved.end
    start, end = (start, min(end, instant + 1)) if order.desc else (max(start, instant), end)
    at, rest = matches.between(instant, instant + 1), matches.between(start, end)
    rows_read = at.rows_read + rest.rows_read
    if not rest.matched:
        return NO_ROWS, rows_read
    # Some matches of the instant may come before the key.
    rows, compared = up_to_the_last_instant(rest, min(rest.matched, at.matched + need), desc=order.desc)
    return order.first(view, rows[boundary.is_before(view, rows)], need), rows_read + compared


def _in_a_level(
    matches: Matches, boundary: Boundary, value_index: ValueIndex, sort_key: Any, need: int
) -> tuple[BaseRows | None, int, float]:
    """Rows of the base behind a row key, among them the first ``need``; None if no level has as many.

    The levels are tried from the sparsest on. Rows outside a level have lower sort keys than all rows of the level.

    Returns:
        The rows, ascending; the number of compared rows; the edge of the level in the values of its column.
    """
    view, base, desc = matches.window.view, matches.window.base, boundary.order.desc
    stop = min(base.stop, value_index.covered)
    rows_read = 0
    for level in reversed(value_index.levels) if matches.shortcuts.levels else ():
        if level.edge > sort_key:
            continue
        _, rows, sort_keys = level.between(base.start, stop)
        rows_read += len(rows)
        entries = (sort_keys <= sort_key).nonzero()[0]
        if len(entries) < need:
            continue
        found = NO_ROWS
        for near in _nearest(sort_keys, entries, need):
            found = matches.among(rows[near])
            found = found[boundary.is_before_rows(view.base, found)]
            if len(found) >= need:
                break
        else:
            continue
        later = matches.among(np.arange(stop, base.stop))
        found = np.concatenate((found, later[boundary.is_before_rows(view.base, later)]))
        rows_read += base.stop - stop
        return found, rows_read, float(sort_keys_of(np.array([level.edge]), desc=desc)[0])
    return None, rows_read, 0.0


def _nearest(sort_keys: Array, entries: Int64s, need: int) -> Iterator[Int64s]:
    """The entries with the greatest sort keys among some entries of a level, about twice ``need``; then all of them.

    A sample gives the least sort key that is taken, so all entries need not be partitioned.
    """
    own = sort_keys[entries]
    if len(own) > _SAMPLED_FROM * need:
        sample = np.sort(sampled(own, _SAMPLED_VALUES))
        place = len(sample) - max(1, 2 * need * len(sample) // len(own))
        yield entries[own >= sample[place]]
    yield entries


def _among_ties(
    matches: Matches, boundary: Boundary, value_index: ValueIndex, sort_key: Any, need: int
) -> tuple[BaseRows | None, int, float]:
    """The result of `_in_a_level`, for a key with the best value of a column in which most rows have this value."""
    view, base, order = matches.window.view, matches.window.base, boundary.order
    if not matches.shortcuts.ties or sort_key != value_index.best or len(order.within) > 1:
        return None, 0, 0.0
    narrowed, covered = boundary.narrowed(matches.window), min(base.stop, value_index.covered)
    stop = min(narrowed.base.stop, covered)
    if narrowed.base.start >= stop:
        return None, 0, 0.0
    value = sort_keys_of(value_index.best, desc=order.desc)
    plan = Plan("value", "order", order.lead, (), NO_ROWS, 0, all_match=False, number=0, value=value, stop=stop)
    found, rows_read = with_value(plan, matches._replace(window=narrowed), need, desc=order.desc)
    if len(found) < need:
        return None, rows_read, 0.0
    later = matches.among(np.arange(covered, base.stop))
    found = np.concatenate((found, later[boundary.is_before_rows(view.base, later)]))
    return found, rows_read + base.stop - covered, float(value)
