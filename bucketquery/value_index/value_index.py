"""Ladders: a column's rows by value, for those who want the highest, or all at or above a threshold.

A rung holds the rows whose value is at or above its edge, in time order, with their values beside. Each rung is about a
quarter of the one before it, so a threshold finds a rung that holds few more rows than match, and the best of a window
are in the sparsest rung that has enough of its rows. What is asked for is merit: of an order that begins with the
greatest the value itself, of one that begins with the least its opposite; so the code knows one direction only.

A ladder is immutable to its readers, and covers the first rows of a segment. Rows behind those are few, and whoever
asks compares them one by one. Missing values are on no rung.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bucketquery.arrays.sorted_arrays import find, roomy, sampled, with_room
from bucketquery.model.schema import Array, Bools, Int32s, Int64s
from bucketquery.value_index.block_counts import Counter

#: The sparsest rung has about so many rows, and each other about so many times as many as the next.
_SPARSEST: Final = 16
_STEP: Final = 4

#: A rung with more of the rows of the one before it is not worth its bytes.
_LARGEST_SHARE: Final = 0.6

#: Quantiles of so many values are close enough to those of all.
_SAMPLE: Final = 16_384

_MOST_ROWS: Final = 2**31

#: So many corrections may wait for somebody to read a rung.
_MOST_WAITING: Final = 4


class Rung:
    """The rows of a column with a merit of at least its edge.

    Attributes:
        edge: what a row's merit must be, at least.
        below: no row that is not here has a greater merit; minus infinity where all are here.
        least: the smallest merit of any row that is here.

    Both only come closer as rows are added, and so hold for those who see fewer rows, too.
    """

    __slots__ = ("_counter", "_entries", "_source", "_waiting", "below", "edge", "least")

    def __init__(
        self,
        edge: Any,
        below: float,
        least: float,
        entries: tuple[Int32s, Array, int] | None,
        *,
        source: tuple["Rung", Int64s, Array] | None = None,
        waiting: int = 0,
        counter: Counter | None = None,
    ) -> None:
        self.edge = edge
        self.below = below
        self.least = least
        # Rows and merits, with room behind the last, and how many are in use; None until a correction is worked in.
        self._entries = entries
        self._source = source
        # How many corrections waited when it was made, its own among them.
        self._waiting = waiting
        self._counter = counter or Counter()

    @classmethod
    def of(cls, edge: Any, below: float, rows: Array, merits: Array) -> "Rung":
        """The rung of some rows, ascending, at least one."""
        return cls(edge, below, merits.min().item(), (rows.astype(np.int32), merits, len(rows)))

    def __len__(self) -> int:
        return self._used()[2]

    def entries(self) -> tuple[Int32s, Array]:
        """The rows, ascending, and their merits, as views.

        The first call after a correction costs O(r) for r rows.
        """
        rows, merits, length = self._used()
        return rows[:length], merits[:length]

    def between(self, low: int, high: int) -> tuple[int, Int32s, Array]:
        """Its first entry of a row from ``low`` on, and the entries from there on and before the row ``high``."""
        rows, merits = self.entries()
        # A Python integer would have all rows cast to its dtype.
        first = int(rows.searchsorted(np.int32(low))) if low else 0
        stop = int(rows.searchsorted(np.int32(high)))
        return first, rows[first:stop], merits[first:stop]

    def count(self, first: int, stop: int, threshold: Any) -> int:
        """How many of the entries from ``first`` on and before ``stop`` have a merit of at least ``threshold``.

        Complexity: that of `Counter.count`.
        """
        return self._counter.count(self.entries()[1], first, stop, threshold)

    def with_later(self, rows: Int64s, merits: Array) -> "Rung":
        """This rung with the later rows that belong here, written behind the last where there is room.

        For the newest of the rungs over these arrays only, by one writer at a time.

        Amortised O(k) for k rows.
        """
        below, least, enters = self._bounds(merits)
        number = int(np.count_nonzero(enters))
        if not number:
            return Rung(self.edge, below, least, self._used(), counter=self._counter)
        old_rows, old_merits, length = self._used()
        capacity = roomy(len(old_rows), length + number)
        room, merit_room = with_room(old_rows, length, capacity), with_room(old_merits, length, capacity)
        merit_room[length : length + number] = merits[enters]
        room[length : length + number] = rows[enters]
        return Rung(self.edge, below, least, (room, merit_room, length + number), counter=self._counter)

    def corrected(self, rows: Int64s, merits: Array) -> "Rung":
        """This rung where some rows, ascending, have another merit; worked in when it is read.

        O(k) for k rows. If too many corrections wait already, they are worked in: O(r) for the r rows of the level.
        """
        below, least, _ = self._bounds(merits)
        waiting = self._waiting if self._entries is None else 0
        if waiting >= _MOST_WAITING:
            self._used()
            waiting = 0
        return Rung(self.edge, below, least, None, source=(self, rows, merits), waiting=waiting + 1)

    def _bounds(self, merits: Array) -> tuple[float, float, Bools]:
        """What `below` and `least` are with more rows, and which of those enter. A missing merit is at no edge."""
        enters = merits >= self.edge
        inside, outside = merits[enters], merits[merits < self.edge]
        below, least = self.below, self.least
        if len(inside):
            least = min(least, inside.min().item())
        if len(outside):
            below = max(below, outside.max().item())
        return below, least, enters

    def _used(self) -> tuple[Int32s, Array, int]:
        entries = self._entries
        if entries is None:
            # Two readers may both work this out, and come to the same; the later one may find it done.
            source = self._source
            if source is None:
                entries = self._entries
                assert entries is not None
                return entries
            entries = self._entries = _worked_in(self.edge, *source)
            self._source = None
        return entries

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included; of a correction that waits those of what it corrects."""
        entries, source = self._entries, self._source
        if entries is None and source is not None:
            rung, changed, changed_merits = source
            return rung.nbytes() + changed.nbytes + changed_merits.nbytes
        rows, merits, _ = self._used()
        return rows.nbytes + merits.nbytes + self._counter.nbytes()

    def check(self, merits: Array) -> None:
        """Assert every invariant, against the merits of all rows that are covered."""
        rows, own = self.entries()
        assert np.array_equal(rows, (merits >= self.edge).nonzero()[0]), "a rung has other rows than its edge says"
        assert (own == merits[rows]).all(), "a rung has other merits than the column"
        assert not len(own) or own.min() >= self.least
        outside = merits[merits < self.edge]
        assert not len(outside) or outside.max() <= self.below


class Ladder:
    """The rungs of a column, for one direction.

    Attributes:
        covered: how many rows it knows.
        best: no row that it knows has a greater merit; None where all are missing.
        is_tied: whether more than half of the rows had the best merit when it was made; then there are no rungs, since
            a short look along the rows finds enough of them.
        rungs: the densest first.
        counter: counts the rows that are covered, for thresholds that no rung serves.
    """

    __slots__ = ("_belows", "_made_of", "best", "counter", "covered", "is_tied", "rungs")

    def __init__(
        self,
        covered: int,
        best: Any,
        rungs: Sequence[Rung],
        made_of: int,
        *,
        is_tied: bool,
        counter: Counter | None = None,
    ) -> None:
        self.covered = covered
        self.best = best
        self.rungs = rungs
        self._belows = [rung.below for rung in rungs]
        self.is_tied = is_tied
        self.counter = counter or Counter()
        self._made_of = made_of

    @classmethod
    def of(cls, merits: Array, marks: Sequence[float] = ()) -> "Ladder":
        """The ladder of a column.

        Args:
            merits: shape (n,), numbers, NaN where missing.
            marks: thresholds that are asked for often; each becomes the edge of a rung.

        Complexity: O(n): some passes over the column, and fewer over each rung.
        """
        assert len(merits) < _MOST_ROWS, "rows of a rung are numbered in 32 bits"
        length = len(merits)
        best = np.fmax.reduce(merits) if length else None
        if best is None or np.isnan(best):
            return cls(length, None, (), length, is_tied=False)
        if 2 * np.count_nonzero(merits == best) > length:
            return cls(length, best, (), length, is_tied=True)
        return cls(length, best, tuple(_rungs(merits, marks)), length, is_tied=False)

    def serving(self, threshold: Any) -> Rung | None:
        """The sparsest rung with every row whose merit is at least ``threshold``; None where no rung has them all."""
        at = bisect_left(self._belows, threshold)
        return self.rungs[at - 1] if at else None

    def with_later(self, merits: Array) -> "Ladder":
        """The ladder of these and later rows.

        For the newest of the ladders over these arrays only, by one writer at a time.

        Args:
            merits: of the rows behind those that are covered.

        Complexity: O(k) amortised for k rows and each rung.
        """
        rows = np.arange(self.covered, self.covered + len(merits))
        rungs = [rung.with_later(rows, merits) for rung in self.rungs]
        best = None if self.best is None else np.fmax.reduce(merits, initial=self.best)
        return self._next(self.covered + len(merits), merits, best, rungs, self.counter)

    def corrected(self, rows: Int64s, merits: Array) -> "Ladder | None":
        """The ladder where some rows, ascending, have another merit; None where it had better be made anew.

        Complexity: O(k) for k rows and each rung, and O(r + k) for each rung of r rows when it is read, or where so
        many corrections wait already that these are worked in.
        """
        if self.best is None or len(rows) > self._made_of // _STEP:
            return None
        known = slice(0, int(rows.searchsorted(self.covered)))
        rows, merits = rows[known], merits[known]
        best = np.fmax.reduce(merits, initial=self.best)
        return self._next(self.covered, merits, best, [rung.corrected(rows, merits) for rung in self.rungs], None)

    def _next(self, covered: int, merits: Array, best: Any, rungs: Sequence[Rung], counter: Counter | None) -> "Ladder":
        if self.best is None and len(merits) and not np.isnan(merits).all():
            # Nothing is known of any row so far: better than a bound that is none.
            best = np.fmax.reduce(merits)
        return Ladder(covered, best, rungs, self._made_of, is_tied=self.is_tied, counter=counter)

    @property
    def is_outgrown(self) -> bool:
        """Whether so many rows have come since it was made that its rungs are those of another column."""
        return self.covered > 2 * self._made_of

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included."""
        return self.counter.nbytes() + sum(rung.nbytes() for rung in self.rungs)

    def check(self, merits: Array) -> None:
        """Assert every invariant, against the merits of all rows of the column."""
        known = merits[: self.covered]
        assert len(known) == self.covered
        valued = known[~np.isnan(known)]
        assert not len(valued) or (self.best is not None and valued.max() <= self.best)
        for rung in self.rungs:
            rung.check(known)
        assert not self.is_tied or not self.rungs
        edges = [rung.edge for rung in self.rungs]
        assert edges == sorted(set(edges)), "rungs out of order"


def merits_of(values: Array, *, desc: bool) -> Array:
    """The merits of a column's values: the greatest comes first. The array itself for ``desc``, else a copy.

    >>> merits_of(np.array([3, 5]), desc=False).tolist()
    [-4, -6]
    """
    if desc:
        return values
    # ~ turns integers around without overflow.
    return -values if values.dtype.kind == "f" else ~values


def _rungs(merits: Array, marks: Sequence[float]) -> list[Rung]:
    """The rungs of merits of which some are not missing, the densest first."""
    rungs: list[Rung] = []
    target = len(merits) // _STEP
    rung = _densest(merits, target)
    waiting = [mark for mark in marks if rung is None or mark > rung.edge]
    while rung is not None:
        rungs.append(rung)
        while target > _LARGEST_SHARE * len(rung):
            target //= _STEP
        following = _sparser(rung, target) if target >= _SPARSEST else None
        while waiting and (following is None or waiting[0] < following.edge):
            marked = _at_or_above(rung, waiting.pop(0))
            if marked is not None and len(marked) < len(rung):
                following = marked
                break
        rung = following
    return rungs


def _densest(merits: Array, target: int) -> Rung | None:
    """The first rung: of about ``target`` rows, or of all but those with the least merit if these are many."""
    worst = np.fmin.reduce(merits)
    enters = merits > worst
    if 2 * np.count_nonzero(enters) > len(merits):
        known = merits[~np.isnan(merits)]
        sample = np.sort(sampled(known, _SAMPLE))
        edge = sample[-max(1, len(sample) * target // len(known))]
        if edge == worst:
            return _taken(merits, enters)
        enters = merits >= edge
        if np.count_nonzero(enters) > 2 * target + _SPARSEST:
            # The edge is a value that very many have.
            enters = merits > edge
    return _taken(merits, enters)


def _taken(merits: Array, enters: Bools) -> Rung | None:
    rows = enters.nonzero()[0]
    if not len(rows):
        return None
    own = merits[rows]
    outside = merits[~enters]
    valued = outside[~np.isnan(outside)]
    return Rung.of(own.min(), valued.max().item() if len(valued) else -math.inf, rows, own)


def _sparser(rung: Rung, target: int) -> Rung | None:
    """A rung of about ``target`` of the rows of another; None where ties leave no such one."""
    _, merits = rung.entries()
    sample = sampled(merits, _SAMPLE)
    at = len(sample) - max(1, len(sample) * target // len(merits))
    edge = np.partition(sample, at)[at]
    found = _at_or_above(rung, edge)
    if found is None or len(found) <= _LARGEST_SHARE * len(rung):
        return found
    above = merits[merits > edge]
    return _at_or_above(rung, above.min()) if len(above) else None


def _at_or_above(rung: Rung, edge: Any) -> Rung | None:
    """The rows of a rung that are at or above an edge, as a rung; None where there are none."""
    rows, merits = rung.entries()
    enters = merits >= edge
    if not enters.any():
        return None
    outside = merits[~enters]
    below = outside.max().item() if len(outside) else rung.below
    return Rung.of(merits.dtype.type(edge), below, rows[enters], merits[enters])


def _worked_in(edge: Any, rung: Rung, changed: Int64s, merits: Array) -> tuple[Int32s, Array, int]:
    """The entries of a rung once some rows have another merit."""
    rows, own = rung.entries()
    changed_rows = changed.astype(np.int32)
    was_here, places = find(rows, changed_rows)
    stays = np.ones(len(rows), dtype=np.bool_)
    stays[places[was_here]] = False
    rows, own = rows[stays], own[stays]
    enters = merits >= edge
    new_rows = changed_rows[enters]
    entered = rows.searchsorted(new_rows)
    return np.insert(rows, entered, new_rows), np.insert(own, entered, merits[enters]), len(rows) + len(new_rows)
