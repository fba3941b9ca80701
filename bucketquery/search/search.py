"""The search: from a question to the rows of its page and the exact count.

What only time decides is found by ranks: no column is touched but the timestamps. A threshold is counted by `matches`.
For another order the first rows are looked for where they surely are: on the sparsest rung that has enough of them, or
among the rows that share the best value. Where that promises nothing, all matches are put in order. Rows of the base
and of the head are told apart by number: row ``r`` of the head is ``base.length + r``.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np

from bucketquery.columns.ladder import Ladder, merits_of
from bucketquery.columns.table import Table
from bucketquery.columns.view import NO_ROWS, Selection, View
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.queries import Question
from bucketquery.model.schema import Array, Bools, Int64s, Type
from bucketquery.search.kernels import Key, best, ranked, time_slice
from bucketquery.search.matches import Matches, Rows, Window
from bucketquery.search.plan import BY_TIME, SHORTCUTS, Path, Plan

_SCAN_ROWS: Final = 4096

#: So few matches are put in order more quickly than others are looked for.
_FEW_MATCHES: Final = 256

#: A rung is tried if it should have so many times the rows that are needed.
_MARGIN: Final = 1.25

#: So many of the first of each order asked for are kept with a view.
_KEPT: Final = 128

#: Rows with the best value are looked for in so many rows at first.
_FIRST_LOOK: Final = 512

#: The rows of the page in its order, every match before paging, and how they were found.
Found = tuple[Selection, int, Plan]


def search(table: Table, question: Question) -> Found:
    """The page that the question asks for.

    Complexity: in time order without a threshold O(log n + page), and O(h) where h rows are late, interim or replaced;
    with a threshold or in another order about O(page + the few rows of a rung that do not match) where a ladder leads,
    once O(n) for each column and direction; else O(w) for the w rows of the window, and O(k log k) for a page of
    another order that ends at the k-th match.
    """
    view = table.final() if question.exclude_interim else table.rows
    if question.threshold is None:
        if not question.order_by:
            return _by_time(view, question)
        is_open = question.start <= FIRST_MS and question.end > LAST_MS
        if is_open and question.from_ + question.size <= _KEPT and "kept" in SHORTCUTS:
            return _kept(view, question)
    rows, count, plan = _by_value(view, question)
    return Selection(view, rows), count, plan


def _by_value(view: View, question: Question) -> tuple[Rows, int, Plan]:
    matches = Matches(Window.of(view, question.start, question.end), question)
    first, last, count = question.from_, min(question.from_ + question.size, matches.count), matches.count
    rows: Rows
    if first >= last:
        rows, plan = NO_ROWS, _by_threshold(matches)
    elif not question.order_by:
        rows, plan = matches.page(first, last, desc=question.desc), _by_threshold(matches)
    else:
        rows, plan = _in_order(matches, question, last)
        rows = rows[first:]
    return rows, count, plan


def scan(table: Table, question: Question) -> Iterator[Selection]:
    """Every match in order, some at a time; paging does not apply.

    In time order the window is walked in parts, so that memory stays flat; another order keeps some bytes a match, and
    takes about a hundred while it is found.

    Complexity: O(matches) in all in time order without a threshold; else O(w) more for the w rows of the window, and
    where another order leads O(m log m) for the m matches.
    """
    everything = question._replace(from_=0, size=table.rows.length)
    if question.order_by:
        found, count, _ = search(table, everything)
        for first in range(0, count, _SCAN_ROWS):
            yield found[first : first + _SCAN_ROWS]
        return
    edges = _edges(table.rows, question)
    windows = list(pairwise(edges))
    for start, end in reversed(windows) if question.desc else windows:
        found, _, _ = search(table, everything._replace(start=start, end=end))
        yield found


def _by_time(view: View, question: Question) -> Found:
    first = view.before(question.start) if question.start > FIRST_MS else 0
    last = view.before(question.end) if question.end <= LAST_MS else view.length
    count = last - first
    if count <= 0:
        return Selection(view, (0, 0, False)), 0, BY_TIME
    skipped, shown = question.from_, question.from_ + question.size
    if question.desc:
        first, last = (last - shown if shown < count else first), (last - skipped if skipped < count else first)
    else:
        first, last = (first + skipped if skipped < count else last), (first + shown if shown < count else last)
    return Selection(view, (first, last, question.desc)), count, BY_TIME


def _kept(view: View, question: Question) -> Found:
    """The page of the first of all rows in some order, of which a view keeps those that were asked for once.

    The question that finds them tells how. Later ones tell that they read the cache, and no rows.
    """
    order = question.order_by, question.desc
    kept = view.kept.get(order)
    if kept is None:
        # Two readers may both work this out, and come to the same.
        rows, _, plan = _by_value(view, question._replace(from_=0, size=_KEPT))
        view.kept[order] = rows, Plan("cache", question.order_by[0])
    else:
        rows, plan = kept
    return Selection(view, rows[question.from_ : question.from_ + question.size]), view.length, plan


def _by_threshold(matches: Matches) -> Plan:
    path: Path = "threshold" if matches.rungs else "scan"
    return Plan(path, matches.window.view.base.schema.score, matches.rungs, matches.looked_at)


def _in_order(matches: Matches, question: Question, need: int) -> tuple[Rows, Plan]:
    """The first ``need`` matches, which are not fewer, in the order of some columns."""
    lead, desc = question.order_by[0], question.desc
    if lead == "timestamp" and "first by time" in SHORTCUTS:
        # The first are those of the first instants, all of the last one among them.
        edge = Selection(matches.window.view, matches.page(need - 1, need, desc=desc)).column("timestamp").item()
        start, end = (edge, question.end) if desc else (question.start, edge + 1)
        matches = Matches(Window.of(matches.window.view, start, end), question)
    elif matches.count > _FEW_MATCHES and (leaders := _leaders(matches, question, need)) is not None:
        rows, plan = leaders
        return _first(matches, rows, question, need), plan
    looked_at = matches.looked_at + matches.count
    plan = Plan("threshold" if matches.rungs else "scan", lead, matches.rungs, looked_at)
    return _first(matches, matches.first(matches.count, desc=False), question, need), plan


def _first(matches: Matches, rows: Rows, question: Question, need: int) -> Rows:
    """The first ``need`` in the order of the question of some rows of the base, ascending, and of those of the head."""
    view, lead, desc, head = matches.window.view, question.order_by[0], question.desc, matches.head
    if len(question.order_by) == 1 and _is_of_numbers(view, lead):
        merits = merits_of(view.base.columns[lead][rows], desc=desc)
        head_merits = merits_of(view.head.columns[lead][head], desc=desc)
        is_threshold = lead == view.base.schema.score and question.threshold is not None
        if is_threshold or not (_is_missing(merits) or _is_missing(head_merits)):
            if len(rows) >= need:
                order = best(merits, need, desc=desc)
                enters = head_merits >= merits[order[-1]]
                if not enters.any():
                    return rows[order]
                order.sort()
                rows, merits, head, head_merits = rows[order], merits[order], head[enters], head_merits[enters]
            places = rows.searchsorted(view.head_places()[head])
            merits = np.insert(merits, places, head_merits)
            return np.insert(rows, places, head + view.base.length)[best(merits, need, desc=desc)]
    if len(head):
        rows = matches.with_head(rows, head)
    return _sorted(view, rows, question, need)


def _is_missing(merits: Array) -> bool:
    """Whether one of some values is missing."""
    return merits.dtype.kind == "f" and bool(np.isnan(merits).any())


def _is_of_numbers(view: View, name: str) -> bool:
    return view.base.is_of_numbers(name) and view.head.is_of_numbers(name)


def _leaders(matches: Matches, question: Question, need: int) -> tuple[Rows, Plan] | None:
    """Rows of the base among which the first ``need`` matches of its order are, ascending; None where that is a guess.

    All of them match, and live.
    """
    view, base, lead, desc = matches.window.view, matches.window.base, question.order_by[0], question.desc
    if not _is_of_numbers(view, lead):
        return None
    ladder = view.base.ladder(lead, desc=desc)
    if ladder is None or base.start >= ladder.covered:
        return None
    stop = min(base.stop, ladder.covered)
    if not ladder.is_tied:
        leaders = _on_a_rung(matches, ladder, question, need, stop) if "rungs" in SHORTCUTS else None
    else:
        is_possible = len(question.order_by) == 1 and "ties" in SHORTCUTS
        leaders = _of_the_best(matches, ladder, question, need, stop) if is_possible else None
    if leaders is None or stop == base.stop:
        return leaders
    rows, plan = leaders
    later = np.arange(stop, base.stop)
    return np.concatenate((rows, matches.among(later))), plan._replace(looked_at=plan.looked_at + len(later))


def _on_a_rung(matches: Matches, ladder: Ladder, question: Question, need: int, stop: int) -> tuple[Rows, Plan] | None:
    """All matches before ``stop`` that are on the sparsest rung that has ``need`` of them."""
    window, lead, desc = matches.window, question.order_by[0], question.desc
    low, length = window.base.start, window.length
    is_implied = matches.threshold is None or (desc and lead == window.view.base.schema.score)
    wanted = _MARGIN * need * (1 if is_implied else length / matches.count)
    share = (stop - low) / ladder.covered
    for rung in reversed(ladder.rungs):
        if len(rung) * share < wanted:
            continue
        _, rows, _ = rung.between(low, stop)
        if len(rows) > 2 * matches.count:
            return None
        matches.looked_at += len(rows)
        rows = matches.alive(rows) if is_implied else matches.among(rows)
        if len(rows) >= need:
            edge = float(merits_of(rung.edge, desc=desc))
            return rows, Plan("order", lead, (*matches.rungs, edge), matches.looked_at)
    return None


def _of_the_best(
    matches: Matches, ladder: Ladder, question: Question, need: int, stop: int
) -> tuple[Rows, Plan] | None:
    """The first ``need`` matches before ``stop`` in time order, or the last, that have the best of all values."""
    window, lead, desc = matches.window, question.order_by[0], question.desc
    column, value = window.view.base.columns[lead], merits_of(ladder.best, desc=desc)
    low, looked, step, missing = window.base.start, 0, max(_FIRST_LOOK, 2 * need), need
    found: list[Rows] = []
    while missing > 0 and looked < stop - low:
        step = min(step, stop - low - looked)
        first = stop - looked - step if desc else low + looked
        rows = matches.among((column[first : first + step] == value).nonzero()[0] + first)
        looked += step
        matches.looked_at += step
        step *= 2
        missing -= len(rows)
        found.append(rows)
    if missing > 0:
        return None
    plan = Plan("order", lead, (*matches.rungs, float(value)), matches.looked_at)
    return np.concatenate(found[::-1] if desc else found), plan


def _sorted(view: View, rows: Rows, question: Question, need: int) -> Rows:
    """The first ``need`` of some rows, which are in time order, in the order of the question."""
    order_by, desc = question.order_by, question.desc

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

    Complexity: O(r) for r rows; for texts O(d) where base and head of a table have d.
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


def _edges(view: View, question: Question) -> list[int]:
    """The window's edges and instants between, some thousand rows of the base apart."""
    timestamps = view.base.column("timestamp")
    window = time_slice(timestamps, question.start, question.end)
    between = timestamps[window.start + _SCAN_ROWS : window.stop : _SCAN_ROWS]
    return [question.start, *sorted(set(between.tolist())), question.end]
