"""The change log: the changes of the last commits of an index, for one writer and any number of readers without locks.

All snapshots of an index share one log, and each reads it up to its own commit. So a write first adds its changes, and
then one assignment publishes the snapshot that sees them. Until then no reader looks at them.

The changes of single rows go into open lists, which grow at their ends. After `Sizes.open_changes` rows they become
columns. The changes of a batch are columns at once, one part for each table. A reader takes one `_State`. The lists in
it only grow, behind the entries that the state describes. If a write fails, its changes stay behind the newest commit,
and the next write starts from copies of the lists without them.

The log is bounded by rows. It drops whole parts, oldest first, and remembers for each job the last commit that it has
dropped.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.change_columns import ChangeColumns, merged
from bucketquery.jobs.change_parts import columns_of_entries, columns_of_table, matter, parts_of_entries
from bucketquery.jobs.matching_jobs import MatchingJobs
from bucketquery.jobs.writes import Written
from bucketquery.model.schema import BUCKET
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.queries.resolved import ResolvedQuery

#: From more single rows than this on, columns take less time than a loop.
_FEW_ROWS: Final = 16
#: A commit of many single rows becomes about this many parts, so that not all of it is dropped at once.
_PARTS_OF_ROWS: Final = 16


class Part(NamedTuple):
    """Changes that the log keeps or drops together.

    Attributes:
        columns: the changes.
        first: the first commit among them.
        last: the last commit among them.
        made_at: the commit in which the log made the part. It never falls from one part to the next; ``last`` may.
    """

    columns: ChangeColumns
    first: int
    last: int
    made_at: int

    @property
    def weight(self) -> int:
        """The number of rows that the part counts as; ranges without rows count as one."""
        return self.columns.length or 1


class OpenRows:
    """The changes of single rows that are not in columns yet. The lists only grow.

    Attributes:
        entries: the job, the record before and the record after of each row, one row after the other.
        sequences: the commit of each write. It is added last, so the other lists are never shorter.
        times: the time of each commit.
        stops: the number of entries up to the end of each commit.
    """

    __slots__ = ("entries", "sequences", "stops", "times")

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.sequences: list[int] = []
        self.times: list[int] = []
        self.stops: list[int] = []

    def between(self, since: int, sequence: int) -> tuple[int, int]:
        """The positions ``[first, stop)`` in `sequences` of the commits after ``since`` up to ``sequence``."""
        return bisect_right(self.sequences, since), bisect_right(self.sequences, sequence)

    def columns(self, first: int, stop: int) -> ChangeColumns:
        """The changes of the commits at the positions ``[first, stop)``, at least one, as columns."""
        start = self.stops[first - 1] if first else 0
        stops = self.stops[first:stop]
        sequences = np.array(self.sequences[first:stop], dtype=np.int64)
        times = np.array(self.times[first:stop], dtype=np.int64)
        if stops[-1] - start > 3 * len(stops):
            counts = np.diff([start, *stops]) // 3
            sequences, times = sequences.repeat(counts), times.repeat(counts)
        return columns_of_entries(self.entries[start : stops[-1]], sequences, times)

    def since(self, first: int) -> "OpenRows":
        """A copy of the rows of the commits from a position on."""
        copy, start = OpenRows(), self.stops[first - 1]
        copy.sequences, copy.times = self.sequences[first:], self.times[first:]
        copy.stops = [stop - start for stop in self.stops[first:]]
        copy.entries = self.entries[start:]
        return copy

    def up_to(self, sequence: int) -> "OpenRows":
        """A copy of the rows of commits up to ``sequence``."""
        copy, (_, stop) = OpenRows(), self.between(-1, sequence)
        copy.sequences, copy.times, copy.stops = self.sequences[:stop], self.times[:stop], self.stops[:stop]
        copy.entries = self.entries[: self.stops[stop - 1] if stop else 0]
        return copy


class _State(NamedTuple):
    """The parts ``[start, stop)`` of a list and the open rows: all that a reader sees. One assignment replaces it."""

    parts: list[Part | None]
    start: int
    stop: int
    open: OpenRows


class Chunk(NamedTuple):
    """Changes between two commits, before they are read.

    Attributes:
        source: a part, or open rows.
        first: for a part, the first sequence that the reader asks for; for open rows, the position of the first commit.
        stop: for a part, the last such sequence; for open rows, the position behind the last commit.
    """

    source: Part | OpenRows
    first: int
    stop: int

    def columns(self) -> ChangeColumns:
        """The changes as columns."""
        source = self.source
        if isinstance(source, OpenRows):
            return source.columns(self.first, self.stop)
        columns = source.columns
        if self.first <= source.first and source.last <= self.stop:
            return columns
        low, high = columns.sequences.searchsorted(self.first), columns.sequences.searchsorted(self.stop, "right")
        return columns.take(slice(int(low), int(high)))

    def matters(self, resolved: ResolvedQuery, jobs: Container[str]) -> bool:
        """Whether a change may belong to the feed of a query; exact for a few single rows, which are buckets."""
        source = self.source
        if isinstance(source, Part) or resolved.schema is not BUCKET:
            return isinstance(source, Part)
        start, stop = source.stops[self.first - 1] if self.first else 0, source.stops[self.stop - 1]
        return stop - start > 3 * _FEW_ROWS or matter(source.entries[start:stop], resolved, jobs)

    def has_change_of(self, job_id: str) -> bool:
        """Whether there is a change of a job."""
        source = self.source
        if isinstance(source, OpenRows):
            starts = [0, *source.stops]
            return job_id in source.entries[starts[self.first] : starts[self.stop] : 3]
        if job_id not in source.columns.jobs:
            return False
        columns = self.columns()
        code = columns.jobs[job_id]
        return columns.codes is None or bool((columns.codes == code).any())


class ChangeLog:
    """The changes of the last commits.

    Args:
        kept: the largest number of changes.
        first_sequence: the sequence of the index without commits.
        sizes: the sizes.
    """

    __slots__ = (
        "_dropped",
        "_kept",
        "_limit",
        "_merge_from",
        "_prune_at",
        "_room",
        "_rows",
        "_sizes",
        "_small_rows",
        "_state",
        "is_dirty",
        "last_dropped",
    )

    def __init__(self, kept: int, first_sequence: int, sizes: Sizes = DEFAULT_SIZES) -> None:
        assert kept > 0, "an index that keeps no changes has no log"
        self._kept = kept
        #: The largest number of open rows.
        self._limit = min(sizes.open_changes, max(1, kept // 4))
        #: Small parts are merged once they have this number of rows together.
        self._merge_from = min(sizes.small_changes, self._limit)
        self._sizes = sizes
        self._state = _State([], 0, 0, OpenRows())
        #: The rows of all parts.
        self._rows = 0
        #: The rows of small parts since these were last merged.
        self._small_rows = 0
        #: The number of entries that the open rows may have before the writer does more than append.
        self._room = 3 * self._limit
        #: Whether a write has begun that is not published yet. A failed write leaves this True.
        self.is_dirty = False
        #: The last dropped commit of each job, and that of the jobs that are not listed.
        self._dropped: tuple[dict[str, int], int] = ({}, first_sequence)
        self._prune_at = sizes.dropped_jobs
        #: The last commit of which any change was dropped.
        self.last_dropped = first_sequence

    def add(self, written: Written, sequence: int, time: int) -> bool:
        """Add the changes of a write; for the writer only. Once the commit is published, `is_dirty` becomes False.

        Args:
            written: the write.
            sequence: the commit that it will be.
            time: the time of that commit, epoch ms.

        Returns:
            Whether `trim` must follow the publication.
        """
        if self.is_dirty:
            self._cut(sequence - 1)
        self.is_dirty = True
        rows = written.rows
        if rows:
            open_rows = self._state.open
            entries = open_rows.entries
            if len(entries) + len(rows) > self._room:
                return self._add_parts(written, sequence, time)
            entries += rows
            open_rows.stops.append(len(entries))
            open_rows.times.append(time)
            open_rows.sequences.append(sequence)
        if written.changes:
            return self._add_parts(written._replace(rows=()), sequence, time)
        return False

    @property
    def _small(self) -> int:
        """The largest number of rows in a small part."""
        return self._merge_from // self._sizes.small_changes_per_part

    def _add_parts(self, written: Written, sequence: int, time: int) -> bool:
        parts, start, stop, open_rows = self._state
        rows, added = [*written.rows], []
        if rows:
            if open_rows.sequences:
                columns = open_rows.columns(0, len(open_rows.sequences))
                added.append(Part(columns, open_rows.sequences[0], open_rows.sequences[-1], sequence))
                open_rows = OpenRows()
            if len(rows) <= 3 * self._limit:
                open_rows.entries += rows
                open_rows.stops.append(len(rows))
                open_rows.times.append(time)
                open_rows.sequences.append(sequence)
            else:
                most = max(self._limit, self._kept // _PARTS_OF_ROWS)
                new = parts_of_entries(rows, sequence, time, most, self._kept)
                added += [Part(columns, sequence, sequence, sequence) for columns in new]
        for job_id, changes in written.changes:
            new = columns_of_table(job_id, changes, sequence, time, renormalised=written.is_renormalised)
            added += [Part(columns.within(self._kept), sequence, sequence, sequence) for columns in new]
        if self._small_rows >= self._merge_from or (start > self._sizes.dropped_parts and 2 * start > stop):
            # Readers may still read the old list, so it stays as it is.
            parts = _merged(parts[start:stop], self._merge_from, self._small)
            start, stop = 0, len(parts)
            self._small_rows = 0
        parts += added
        self._state = _State(parts, start, stop + len(added), open_rows)
        for part in added:
            self._rows += part.weight
            if part.weight <= self._small:
                self._small_rows += part.weight
        return True

    def _cut(self, sequence: int) -> None:
        """Forget the changes of a write that was not published, and so all after the commit ``sequence``."""
        state = self._state
        parts = [part for part in state.parts[state.start : state.stop] if part is not None and part.last <= sequence]
        self._state = _State([*parts], 0, len(parts), state.open.up_to(sequence))
        self._rows = sum([part.weight for part in parts])
        self._small_rows = 0
        # The next write makes room.
        self._room = -1

    def trim(self, catalog: Catalog) -> None:
        """Drop the oldest changes beyond the bound; for the writer only, after the publication."""
        state = self._state
        parts, start, stop, open_rows = state
        first = start
        excess = self._rows + len(open_rows.entries) // 3 - self._kept
        while excess > 0 and start < stop:
            part = parts[start]
            assert part is not None, "only dropped parts are None"
            older = bisect_left(open_rows.sequences, part.made_at)
            if older:
                self._note(open_rows.columns(0, older))
                excess -= open_rows.stops[older - 1] // 3
                open_rows = open_rows.since(older)
                continue
            self._note(part.columns)
            excess -= part.weight
            start += 1
        if start > first or open_rows is not state.open:
            # A reader of the old state finds None, then reads `_dropped`, and so knows which changes it lacks.
            self._state = _State(parts, start, stop, open_rows)
            self._rows -= sum([part.weight for part in parts[first:start] if part is not None])
            parts[first:start] = [None] * (start - first)
            if len(self._dropped[0]) > self._prune_at:
                self._prune(catalog)
        self._room = 3 * min(self._limit, self._kept - self._rows)

    def _note(self, columns: ChangeColumns) -> None:
        """Remember for each job of some changes that they are dropped."""
        dropped, last = self._dropped[0], columns.last_by_job()
        if min(last.values()) < self.last_dropped:
            # A part may hold later commits than the next one.
            last = {job_id: max(at, dropped.get(job_id, -1)) for job_id, at in last.items()}
        dropped.update(last)
        self.last_dropped = max([self.last_dropped, *last.values()])

    def _prune(self, catalog: Catalog) -> None:
        """Forget the dropped commits of unknown jobs, so that they take no memory if jobs come and go for ever.

        From then on, a job that the log does not list counts as one of them. So all known jobs are listed: O(j).
        """
        dropped, before = self._dropped
        self._dropped = ({job_id: dropped.get(job_id, before) for job_id in catalog.job_ids()}, self.last_dropped)
        self._prune_at = max(self._sizes.dropped_jobs, 2 * len(self._dropped[0]))

    def oldest(self, jobs: Iterable[str] | MatchingJobs) -> int:
        """The lowest ``since`` from which no change of some jobs has been dropped."""
        dropped, of_others = self._dropped
        if isinstance(jobs, MatchingJobs):
            # A job that is not listed may match too. The writer adds jobs, so the dict is copied, in one step.
            return max([of_others, *(last for job_id, last in dropped.copy().items() if job_id in jobs)])
        return max([dropped.get(job_id, of_others) for job_id in jobs], default=of_others)

    def has_dropped(self, job_id: str, since: int) -> bool:
        """Whether the log remembers that it has dropped a change of a job after ``since``."""
        return self._dropped[0].get(job_id, -1) > since

    def chunks(self, since: int, sequence: int) -> list[Chunk]:
        """The changes after ``since`` up to ``sequence``, in the order in which the log took them.

        The caller reads `oldest` or `last_dropped` afterwards. If the writer drops a part meanwhile, the part is left
        out here, and those two name its commits.
        """
        parts, start, stop, open_rows = self._state
        found = []
        while stop > start:
            stop -= 1
            part = parts[stop]
            if part is None or part.made_at <= since:
                break
            if part.first <= sequence and part.last > since:
                found.append(Chunk(part, since + 1, sequence))
        found.reverse()
        low, high = open_rows.between(since, sequence)
        if low < high:
            found.append(Chunk(open_rows, low, high))
        return found

    def stored(self) -> Iterator[Part]:
        """The parts, oldest first, for tests."""
        parts, start, stop, _ = self._state
        return (part for part in parts[start:stop] if part is not None)


def _merged(parts: Sequence[Part | None], most: int, small_rows: int) -> list[Part | None]:
    """The same changes with neighbouring small parts as one.

    Args:
        parts: parts, oldest first.
        most: once merged parts have this number of rows, the next small parts begin another one.
        small_rows: the largest number of rows in a small part.
    """
    kept: list[Part | None] = []
    small: list[Part] = []
    rows = 0
    for part in (*parts, None):
        is_small = part is not None and part.weight <= small_rows and not part.columns.ranges
        if small and (not is_small or rows >= most):
            kept += _one_for_each_kind(small)
            small, rows = [], 0
        if part is not None and is_small:
            small.append(part)
            rows += part.weight
        elif part is not None:
            kept.append(part)
    return kept


def _one_for_each_kind(small: Sequence[Part]) -> list[Part]:
    by_kind: dict[str, list[Part]] = {}
    for part in small:
        by_kind.setdefault(part.columns.schema.kind, []).append(part)
    made_at = small[-1].made_at
    return [
        Part(merged([p.columns for p in some]), min([p.first for p in some]), max([p.last for p in some]), made_at)
        for some in by_kind.values()
    ]
