"""The search: from a question to the rows of its page and the exact count.

What only time decides is found by ranks: no column is touched but the timestamps. A threshold is counted by `matches`.
For another order the first rows are looked for where they surely are: on the sparsest level that has enough of them, or
among the rows that share the best value. Where that promises nothing, all matches are put in order. Rows of the base
and of the head are told apart by number: row ``r`` of the head is ``base.length + r``.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np

from bucketquery.arrays.ranking import Key, best, ranked, time_slice
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Array, Bools, Int64s, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.plan import BY_TIME, SHORTCUTS, Path, Plan
from bucketquery.search.threshold import BaseRows, Matches
from bucketquery.search.window import Window
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS, View
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

_SCAN_ROWS: Final = 4096

#: So few matches are put in order more quickly than others are looked for.
_FEW_MATCHES: Final = 256

#: A level is tried if it should have so many times the rows that are needed.
_MARGIN: Final = 1.25

#: So many of the first of each order asked for are kept with a view.
_KEPT: Final = 128

#: Rows with the best value are looked for in so many rows at first.
_FIRST_LOOK: Final = 512

#: The rows of the page in its order, every match before paging, and how they were found.
Found = tuple[Selection, int, Plan]


def search(table: Table, resolved: ResolvedQuery) -> Found:
    """The page that the question asks for."""
    view = table.final if resolved.exclude_interim else table.rows
    if resolved.threshold is None:
        if not resolved.order_by:
            return _by_time(view, resolved)
        is_open = resolved.start <= FIRST_MS and resolved.end > LAST_MS
        if is_open and resolved.from_ + resolved.size <= _KEPT and "kept" in SHORTCUTS:
            return _kept(view, resolved)
    rows, count, plan = _by_value(view, resolved)
    return Selection(view, rows), count, plan


def _by_value(view: View, resolved: ResolvedQuery) -> tuple[BaseRows, int, Plan]:
    matches = Matches(Window.of(view, resolved.start, resolved.end), resolved)
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


def scan(table: Table, resolved: ResolvedQuery) -> Iterator[Selection]:
    """Every match in order, some at a time; paging does not apply.

    In time order the window is walked in parts, so that memory stays flat; another order keeps some bytes a match, and
    takes about a hundred while it is found.
    """
    everything = resolved._replace(from_=0, size=table.rows.length)
    if resolved.order_by:
        found, count, _ = search(table, everything)
        for first in range(0, count, _SCAN_ROWS):
            yield found[first : first + _SCAN_ROWS]
        return
    edges = _edges(table.rows, resolved)
    windows = list(pairwise(edges))
    for start, end in reversed(windows) if resolved.desc else windows:
        found, _, _ = search(table, everything._replace(start=start, end=end))
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


def _kept(view: View, resolved: ResolvedQuery) -> Found:
    """The page of the first of all rows in some order, of which a view keeps those that were asked for once.

    The question that finds them tells how. Later ones tell that they read the cache, and no rows.
    """
    order = resolved.order_by, resolved.desc
    kept = view.kept.get(order)
    if kept is None:
        # Two readers may both work this out, and come to the same.
        rows, _, plan = _by_value(view, resolved._replace(from_=0, size=_KEPT))
        view.kept[order] = rows, Plan("cache", resolved.order_by[0])
    else:
        rows, plan = kept
    return Selection(view, rows[resolved.from_ : resolved.from_ + resolved.size]), view.length, plan


def _by_threshold(matches: Matches) -> Plan:
    path: Path = "threshold" if matches.levels else "scan"
    return Plan(path, matches.window.view.base.schema.score, matches.levels, matches.rows_read)


def _in_order(matches: Matches, resolved: ResolvedQuery, need: int) -> tuple[BaseRows, Plan]:
    """The first ``need`` matches, which are not fewer, in the order of some columns."""
    lead, desc = resolved.order_by[0], resolved.desc
    if lead == "timestamp" and "first by time" in SHORTCUTS:
        # The first are those of the first instants, all of the last one among them.
        edge = Selection(matches.window.view, matches.page(need - 1, need, desc=desc)).column("timestamp").item()
        start, end = (edge, resolved.end) if desc else (resolved.start, edge + 1)
        matches = Matches(Window.of(matches.window.view, start, end), resolved)
    elif matches.count > _FEW_MATCHES and (leaders := _leaders(matches, resolved, need)) is not None:
        rows, plan = leaders
        return _first(matches, rows, resolved, need), plan
    rows_read = matches.rows_read + matches.count
    plan = Plan("threshold" if matches.levels else "scan", lead, matches.levels, rows_read)
    return _first(matches, matches.first(matches.count, desc=False), resolved, need), plan


def _first(matches: Matches, rows: BaseRows, resolved: ResolvedQuery, need: int) -> BaseRows:
    """The first ``need`` in the order of the question of some rows of the base, ascending, and of those of the head."""
    view, lead, desc, head = matches.window.view, resolved.order_by[0], resolved.desc, matches.head
    if len(resolved.order_by) == 1 and _is_of_numbers(view, lead):
        sort_keys = sort_keys_of(view.base.columns[lead][rows], desc=desc)
        head_sort_keys = sort_keys_of(view.head.columns[lead][head], desc=desc)
        is_threshold = lead == view.base.schema.score and resolved.threshold is not None
        if is_threshold or not (_is_missing(sort_keys) or _is_missing(head_sort_keys)):
            if len(rows) >= need:
                order = best(sort_keys, need, desc=desc)
                enters = head_sort_keys >= sort_keys[order[-1]]
                if not enters.any():
                    return rows[order]
                order.sort()
                rows, sort_keys, head, head_sort_keys = (
                    rows[order],
                    sort_keys[order],
                    head[enters],
                    head_sort_keys[enters],
                )
            places = rows.searchsorted(view.head_places[head])
            sort_keys = np.insert(sort_keys, places, head_sort_keys)
            return np.insert(rows, places, head + view.base.length)[best(sort_keys, need, desc=desc)]
    if len(head):
        rows = matches.with_head(rows, head)
    return _sorted(view, rows, resolved, need)


def _is_missing(sort_keys: Array) -> bool:
    """Whether one of some values is missing."""
    return sort_keys.dtype.kind == "f" and bool(np.isnan(sort_keys).any())


def _is_of_numbers(view: View, name: str) -> bool:
    return view.base.is_of_numbers(name) and view.head.is_of_numbers(name)


def _leaders(matches: Matches, resolved: ResolvedQuery, need: int) -> tuple[BaseRows, Plan] | None:
    """Rows of the base among which the first ``need`` matches of its order are, ascending; None where that is a guess.

    All of them match, and live.
    """
    view, base, lead, desc = matches.window.view, matches.window.base, resolved.order_by[0], resolved.desc
    if not _is_of_numbers(view, lead):
        return None
    value_index = view.base.value_index(lead, desc=desc)
    if value_index is None or base.start >= value_index.covered:
        return None
    stop = min(base.stop, value_index.covered)
    if not value_index.is_tied:
        leaders = _on_a_level(matches, value_index, resolved, need, stop) if "levels" in SHORTCUTS else None
    else:
        is_possible = len(resolved.order_by) == 1 and "ties" in SHORTCUTS
        leaders = _of_the_best(matches, value_index, resolved, need, stop) if is_possible else None
    if leaders is None or stop == base.stop:
        return leaders
    rows, plan = leaders
    later = np.arange(stop, base.stop)
    return np.concatenate((rows, matches.among(later))), plan._replace(rows_read=plan.rows_read + len(later))


def _on_a_level(
    matches: Matches, value_index: ValueIndex, resolved: ResolvedQuery, need: int, stop: int
) -> tuple[BaseRows, Plan] | None:
    """All matches before ``stop`` that are on the sparsest level that has ``need`` of them."""
    window, lead, desc = matches.window, resolved.order_by[0], resolved.desc
    low, length = window.base.start, window.length
    is_implied = matches.threshold is None or (desc and lead == window.view.base.schema.score)
    wanted = _MARGIN * need * (1 if is_implied else length / matches.count)
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
    matches: Matches, value_index: ValueIndex, resolved: ResolvedQuery, need: int, stop: int
) -> tuple[BaseRows, Plan] | None:
    """The first ``need`` matches before ``stop`` in time order, or the last, that have the best of all values."""
    window, lead, desc = matches.window, resolved.order_by[0], resolved.desc
    column, value = window.view.base.columns[lead], sort_keys_of(value_index.best, desc=desc)
    low, looked, step, missing = window.base.start, 0, max(_FIRST_LOOK, 2 * need), need
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


def _sorted(view: View, rows: BaseRows, resolved: ResolvedQuery, need: int) -> BaseRows:
    """The first ``need`` of some rows, which are in time order, in the order of the question."""
    order_by, desc = resolved.order_by, resolved.desc

    def key(name: str, positions: Int64s) -> Key:
        return key_of(Selection(view, rows[positions]), name, desc=desc, is_tie=name != order_by[0])

    return rows[ranked(len(rows), [partial(key, name) for name in order_by], need, desc=desc)]


def key_of(rows: Selection, name: str, *, desc: bool, is_tie: bool) -> Key:
    """What a column says of the order of some rows.

    Args:
        rows: of any table.
        name: a column, or a field of several texts.
        desc: whether the greatest come first.
        is_tie: whether it decides only where another one does not. A missing number counts as its default there, as it
            does in an identity; where it leads it is last.
    """
    of = rows.view.base.schema.by_name[name].type
    if of is Type.KEYWORDS:
        return Key.of(*_keyword_keys(rows.lists(name), desc=desc), desc=desc)
    missing = None if is_tie and of is Type.INTEGER else rows.missing(name)
    if missing is not None and not missing.any():
        missing = None
    return Key.of(rows.comparable(name), missing, desc=desc)


def _keyword_keys(texts: Sequence[tuple[Any, ...]], *, desc: bool) -> tuple[Int64s, Bools]:
    """Keys that order lists as their least text does, or for ``desc`` as their greatest; and which have none.

    Python orders text by code points, which is the order of its UTF-8 bytes.
    """
    leading = [(max if desc else min)(some) if some else None for some in texts]
    places = {text: place for place, text in enumerate(sorted({text for text in leading if text is not None}))}
    keys = np.array([places.get(text, 0) for text in leading], dtype=np.int64)
    return keys, np.array([text is None for text in leading], dtype=np.bool_)


def _edges(view: View, resolved: ResolvedQuery) -> list[int]:
    """The window's edges and instants between, some thousand rows of the base apart."""
    timestamps = view.base.column("timestamp")
    window = time_slice(timestamps, resolved.start, resolved.end)
    between = timestamps[window.start + _SCAN_ROWS : window.stop : _SCAN_ROWS]
    return [resolved.start, *sorted(set(between.tolist())), resolved.end]
