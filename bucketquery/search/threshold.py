"""Matches: the rows of a window at or above a threshold or in a band, counted exactly and read only as far as needed.

The count finds candidates: rows of the base in time order, which include all matches of the base. They are the rows of
a level, and the rows after those that the value index covers. Some may be deleted. The matches of the head are listed
separately.

A band has an upper bound too. Its candidates are those of its threshold. Its count is the number of rows at or above
the threshold, minus the number at or above the bound.
"""

from typing import Final, Literal, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Bools, Int64s
from bucketquery.search.row_filter import RowFilter, count_rows, listed_rows
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.window import Window, with_head
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import NO_ROWS
from bucketquery.value_index.value_index import ValueIndex

#: Rows of the base; those of a level take half the bytes.
BaseRows = Array

#: The first look for some matches compares this many rows for each wanted match.
_PER_MATCH: Final = 4
#: The rows that pass a filter are listed, not counted, if a window without a threshold has at most this many rows.
_LISTED: Final = 65_536

_new_tuple: Final = tuple.__new__


class Candidates(NamedTuple):
    """Some rows of the base in time order. They include all matches of a range of the base.

    Attributes:
        first: the row of the first candidate if the candidates are consecutive rows, else its place in a level.
        length: the number of candidates.
        matched: the number of candidates that match.
        rows: the rows of the candidates; None if they are consecutive rows from ``first`` on.
        scores: their scores; None if all match.
    """

    first: int
    length: int
    matched: int
    rows: BaseRows | None
    scores: Array | None

    def matching(self, first: int, stop: int, threshold: float | None, below: float | None) -> BaseRows:
        """The rows of the matching candidates among the candidates ``[first, stop)``."""
        if self.scores is None:
            return np.arange(first, stop) + self.first if self.rows is None else self.rows[first:stop]
        scores = self.scores[first:stop]
        matches = scores >= threshold
        if below is not None:
            matches &= scores < below
        entries = matches.nonzero()[0]
        return entries + (self.first + first) if self.rows is None else self.rows[first:stop][entries]


class Matches(NamedTuple):
    """The rows of a window that match a threshold or a band; all rows if there is neither.

    Attributes:
        window: the window.
        threshold: the lowest score that matches, or None.
        shortcuts: which work may be skipped.
        candidates: the candidates of the base.
        head: the matches of the head, by their row numbers within the head.
        deleted: the rows of the base that would match if they were not deleted.
        matched: the number of matches.
        levels: the edges of the levels that were read to count them.
        rows_read: the number of rows that were compared to count them.
        below: the lowest score that is too high to match, or None; there is a threshold then.
        above: the number of rows at or above ``below``; 0 if it is None, and unknown, also 0, if there is a filter.
        row_filter: the filter that matches pass too; None if there is none.
        listed_by: the column whose lists gave the candidates; None if no list did.
    """

    window: Window
    threshold: float | None
    shortcuts: Shortcuts
    candidates: tuple[Candidates, ...]
    head: Int64s
    deleted: Int64s
    matched: int
    levels: tuple[float, ...]
    rows_read: int
    below: float | None = None
    above: int = 0
    row_filter: RowFilter | None = None
    listed_by: str | None = None

    @property
    def path(self) -> Literal["filter", "threshold", "scan"]:
        """The way in which the matches were counted."""
        return "filter" if self.listed_by is not None else "threshold" if self.levels else "scan"

    @classmethod
    def of(
        cls,
        window: Window,
        threshold: float | None,
        shortcuts: Shortcuts = ALL_SHORTCUTS,
        below: float | None = None,
        row_filter: RowFilter | None = None,
    ) -> "Matches":
        """Count the matches of a window."""
        view, head, deleted = window.view, NO_ROWS, window.deleted
        low, high = window.base.start, window.base.stop
        if window.head.start < window.head.stop:
            head = np.arange(window.head.start, window.head.stop)
        if threshold is None:
            every = Candidates(low, high - low, high - low, None, None)
            found = cls(window, None, shortcuts, (every,), head, deleted, window.length, (), 0)
            return found if row_filter is None else found.passing(row_filter)
        name, above = view.base.schema.score, 0
        if len(head):
            scores = view.head.column(name)[window.head]
            reach = scores >= threshold
            if below is not None:
                above += int(np.count_nonzero(scores >= below))
                reach &= scores < below
            head = head[reach]
        if len(deleted):
            scores = view.base.columns[name][deleted]
            reach = scores >= threshold
            if below is not None:
                above -= int(np.count_nonzero(scores >= below))
                reach &= scores < below
            deleted = deleted[reach]
        candidates, too_high, levels, rows_read = _counted(view.base, low, high, threshold, below, shortcuts)
        above += too_high
        matched = len(head) - len(deleted)
        for some in candidates:
            matched += some.matched
        # This does the same as the constructor of the named tuple, in half the time.
        fields = (
            window,
            threshold,
            shortcuts,
            candidates,
            head,
            deleted,
            matched,
            levels,
            rows_read,
            below,
            above,
            None,
            None,
        )
        found = _new_tuple(cls, fields)
        return found if row_filter is None else found.passing(row_filter)

    def passing(self, row_filter: RowFilter) -> "Matches":
        """The matches that pass a filter: O(m) for m matches, or for the rows that the filter lists."""
        view, head, deleted = self.window.view, self.head, self.deleted
        base = view.base
        if len(head):
            head = head[row_filter.passing(view.head, head)]
        if len(deleted):
            deleted = deleted[row_filter.passing(base, deleted)]
        low, high = self.window.base.start, self.window.base.stop
        listed = listed_rows(view, row_filter, low, high, sum([some.matched for some in self.candidates]))
        rows_read = self.rows_read + listed.rows_read
        candidates: list[Candidates] = []
        if listed.rows is not None:
            rows = listed.rows
            if self.threshold is not None:
                rows_read += len(rows)
                rows = rows[self._has_score(rows)]
            candidates.append(Candidates(0, len(rows), len(rows), rows, None))
        else:
            for some in self.candidates:
                if some.rows is None and some.scores is None and some.length > _LISTED:
                    own, compared = count_rows(view, row_filter, some.first, some.first + some.length)
                    rows_read += compared
                    candidates.append(some._replace(matched=own))
                    continue
                rows = some.matching(0, some.length, self.threshold, self.below)
                rows_read += len(rows)
                rows = rows[row_filter.passing(base, rows)]
                candidates.append(Candidates(0, len(rows), len(rows), rows, None))
        return self._replace(
            candidates=tuple(candidates),
            head=head,
            deleted=deleted,
            matched=len(head) - len(deleted) + sum([some.matched for some in candidates]),
            rows_read=rows_read,
            above=0,
            row_filter=row_filter,
            listed_by=listed.column,
        )

    def between(self, start: int, end: int) -> "Matches":
        """The matches of this window in a smaller one, by its instants."""
        return self.within(Window.of(self.window.view, start, end))

    def within(self, window: Window) -> "Matches":
        """The matches of this window in a smaller one of the same view.

        O(log m) if a filter has listed the m matches.
        """
        listed = [] if self.row_filter is None else [some.rows for some in self.candidates if some.rows is not None]
        if not listed or len(listed) < len(self.candidates):
            return Matches.of(window, self.threshold, self.shortcuts, self.below, self.row_filter)
        rows = [_between(own, window.base) for own in listed]
        candidates = tuple([Candidates(0, len(own), len(own), own, None) for own in rows])
        head, deleted = _between(self.head, window.head), _between(self.deleted, window.base)
        matched = len(head) - len(deleted) + sum([some.matched for some in candidates])
        return self._replace(
            window=window, candidates=candidates, head=head, deleted=deleted, matched=matched, rows_read=0
        )

    def first(self, need: int, *, desc: bool) -> tuple[BaseRows, int]:
        """The first ``need`` matching rows of the base, or the last if ``desc``; all if there are fewer.

        Returns:
            The rows, ascending in both directions, and the number of compared rows: about need / (share that matches).
            If no row is compared and none is deleted, the rows are a view: O(1).
        """
        if len(self.candidates) == 1 and not len(self.deleted):
            (some,) = self.candidates
            if some.scores is None and some.rows is not None:
                # No row is compared, and none is left out.
                return (some.rows[max(0, some.length - need) :] if desc else some.rows[:need]), 0
        found: list[BaseRows] = []
        rows_read = 0
        for some in reversed(self.candidates) if desc else self.candidates:
            passed = 0
            is_compared = some.scores is not None or (self.row_filter is not None and some.rows is None)
            step = max(self.shortcuts.smallest_look, _PER_MATCH * need) if is_compared else need
            while need > 0 and passed < some.length:
                left = some.length - passed
                # A call of `min` takes longer than the comparison.
                step = step if step < left else left  # noqa: FURB136
                first = some.length - passed - step if desc else passed
                rows = self.alive(some.matching(first, first + step, self.threshold, self.below))
                passed += step
                if is_compared:
                    rows_read += step
                step *= 2
                if len(rows) > need:
                    rows = rows[len(rows) - need :] if desc else rows[:need]
                need -= len(rows)
                found.append(rows)
        if len(found) == 1:
            return found[0], rows_read
        return (np.concatenate(found[::-1] if desc else found) if found else NO_ROWS), rows_read

    def among(self, rows: BaseRows) -> BaseRows:
        """The matches among some rows of the base in the window."""
        if self.threshold is not None:
            rows = rows[self._has_score(rows)]
        return self.alive(rows)

    def _has_score(self, rows: BaseRows) -> Bools:
        """Which of some rows of the base meet the condition on the score; there is a threshold."""
        base = self.window.view.base
        scores = base.columns[base.schema.score][rows]
        matches: Bools = scores >= self.threshold
        if self.below is not None:
            matches &= scores < self.below
        return matches

    def alive(self, rows: BaseRows) -> BaseRows:
        """The rows that are not deleted among some rows of the base that meet the condition on the score.

        If there is a filter, rows that do not pass it are left out too.
        """
        if self.row_filter is not None:
            rows = rows[self.row_filter.passing(self.window.view.base, rows)]
        if not len(self.deleted):
            return rows
        is_deleted, _ = find(self.deleted, rows)
        return rows[~is_deleted]

    def page(self, first: int, last: int, *, desc: bool) -> tuple[BaseRows, int]:
        """The matches ``[first, last)`` in time order, or in reverse time order if ``desc``.

        Returns:
            The rows, and the number of compared rows.
        """
        rows, rows_read = self.first(last, desc=desc)
        if len(self.head):
            rows = with_head(self.window.view, rows, self.head)
        return (rows[::-1][first:last] if desc else rows[first:last]), rows_read


def _between(ascending: Array, rows: slice) -> Array:
    """Some ascending rows that lie in a slice, as a view."""
    # With Python integers, NumPy would cast all rows to int64.
    low, high = ascending.searchsorted(np.array([rows.start, rows.stop], dtype=ascending.dtype))
    return ascending[low:high]


def _counted(  # noqa: PLR0917 - the bounds of rows and of scores belong together
    base: Segment, low: int, high: int, threshold: float, below: float | None, shortcuts: Shortcuts
) -> tuple[tuple[Candidates, ...], int, tuple[float, ...], int]:
    """The candidates among the rows ``[low, high)``.

    Returns:
        The candidates, the number of rows at or above ``below``, the levels that were read, and the number of compared
        rows.
    """
    # Take the column cut to this segment's rows. Later values in its array may be wrong: a newer segment that found no
    # room has written its rows into a copy.
    scores = base.column(base.schema.score)
    candidates: list[Candidates] = []
    levels: tuple[float, ...] = ()
    rows_read = above = 0
    if high - low > shortcuts.few_rows and shortcuts.levels:
        value_index = base.value_index(base.schema.score, desc=True)
        if value_index is not None and low < value_index.covered:
            stop = min(high, value_index.covered)
            known, levels, rows_read = _known(value_index, low, stop, scores, threshold)
            if below is not None:
                known, above, levels, rows_read = _below(
                    value_index, low, stop, scores, threshold, below, known, levels, rows_read
                )
            candidates.append(known)
            low = stop
    if low < high:
        own = scores[low:high]
        matched = int(np.count_nonzero(own >= threshold))
        if below is not None:
            too_high = int(np.count_nonzero(own >= below))
            above += too_high
            matched -= too_high
        candidates.append(Candidates(low, high - low, matched, None, own))
        rows_read += high - low
    return tuple(candidates), above, levels, rows_read


def _known(
    value_index: ValueIndex, low: int, high: int, scores: Array, threshold: float
) -> tuple[Candidates, tuple[float, ...], int]:
    """The candidates of a threshold among rows that a value index covers, by the sparsest level that has all matches.

    Returns:
        The candidates, the levels that were read, and the number of compared rows.
    """
    level = value_index.serving(threshold)
    if level is None:
        matched, compared = value_index.block_counts.count(scores, low, high, threshold)
        return Candidates(low, high - low, matched, None, scores[low:high]), (), compared
    first, rows, sort_keys = level.between(low, high)
    length = len(rows)
    levels = (float(level.edge),)
    if threshold <= level.least:
        # No candidate is below the threshold.
        return Candidates(first, length, length, rows, None), levels, 0
    matched, compared = level.count(first, first + length, threshold)
    return Candidates(first, length, matched, rows, sort_keys), levels, compared


def _below(  # noqa: PLR0917 - as `_counted`
    value_index: ValueIndex,
    low: int,
    high: int,
    scores: Array,
    threshold: float,
    below: float,
    reaching: Candidates,
    levels: tuple[float, ...],
    rows_read: int,
) -> tuple[Candidates, int, tuple[float, ...], int]:
    """The result of `_counted` for rows that a value index covers, by that of `_known` for the threshold."""
    too_high, read, compared = _known(value_index, low, high, scores, below)
    above = too_high.matched
    own = reaching.scores
    if own is None:
        # All candidates reach the threshold, but some may reach the bound.
        level = value_index.serving(threshold)
        assert level is not None  # only a level's entries match without a comparison
        _, _, own = level.between(low, high)
    reaching = reaching._replace(matched=reaching.matched - above, scores=own)
    return reaching, above, levels if read == levels else (*levels, *read), rows_read + compared
