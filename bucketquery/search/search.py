"""The search: from a question to the rows of its page and the exact count.

What only time decides is found by ranks: no column is touched but the timestamps. What a threshold or another order
decides is a scan of the window. Rows of the base and of the head are told apart by number: row ``r`` of the head is
``base.length + r``.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np

from bucketquery.columns.table import Table
from bucketquery.columns.view import Selection, View
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.queries import Question
from bucketquery.model.schema import Bools, Float64s, Int64s, Type
from bucketquery.search.kernels import Key, ranked, time_slice
from bucketquery.search.plan import BY_TIME, Plan

_SCAN_ROWS: Final = 4096


#: The rows of the page in its order, every match before paging, and how they were found.
Found = tuple[Selection, int, Plan]


def search(table: Table, question: Question) -> Found:
    """The page that the question asks for.

    Complexity: in time order without a threshold O(log n + page), and O(h) where h rows are late, interim or replaced;
    else O(w) for the w rows of the window, and where another order leads O(k log k) more for a page that ends at the
    k-th match.
    """
    view = table.final() if question.exclude_interim else table.rows
    if question.threshold is None and not question.order_by:
        return _by_time(view, question)
    matches = _matches(view, question)
    plan = Plan("scan", view.base.schema.score, len(matches))
    first, last = question.from_, question.from_ + question.size
    if first >= len(matches) or first == last:
        return Selection(view, matches[:0]), len(matches), plan
    if not question.order_by:
        rows = (matches[::-1] if question.desc else matches)[first:last]
    else:
        rows = _in_order(view, matches, question.order_by, last, desc=question.desc)[first:last]
    return Selection(view, rows), len(matches), plan


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


def _matches(view: View, question: Question) -> Int64s:
    """All rows that match, in time order."""
    base = time_slice(view.base.column("timestamp"), question.start, question.end)
    head = time_slice(view.head.column("timestamp"), question.start, question.end)
    score = view.base.schema.score
    keep = _at_or_above(view.base.column(score)[base], question.threshold)
    keep[view.dead[view.dead.searchsorted(base.start) : view.dead.searchsorted(base.stop)] - base.start] = False
    base_rows: Int64s = keep.nonzero()[0] + base.start
    head_rows = _at_or_above(view.head.column(score)[head], question.threshold).nonzero()[0] + head.start
    if not len(head_rows):
        return base_rows
    places = base_rows.searchsorted(view.head_places()[head_rows])
    merged: Int64s = np.insert(base_rows, places, head_rows + view.base.length)
    return merged


def _at_or_above(scores: Float64s, threshold: float | None) -> Bools:
    # A missing score is NaN, which is at or above nothing.
    return np.ones(len(scores), dtype=np.bool_) if threshold is None else scores >= threshold


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


def _in_order(view: View, matches: Int64s, order_by: Sequence[str], need: int, *, desc: bool) -> Int64s:
    """The first ``need`` matches in the order of some columns."""

    def key(name: str, positions: Int64s) -> Key:
        return key_of(Selection(view, matches[positions]), name, desc=desc, is_tie=name != order_by[0])

    return matches[ranked(len(matches), [partial(key, name) for name in order_by], need, desc=desc)]


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
