"""The buckets of several jobs by slots of time: their greatest scores, and their jobs.

The rows come from the combined tables, or from the own tables of a few jobs. Both are read through views, and both
give the same answers.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import BUCKET, JOB_LABEL, Array, Bools, Float64s, Int64s
from bucketquery.search.label_filter import LabelFilter, label_filter
from bucketquery.search.slot_sources import (
    ROW_SIZES,
    RowSizes,
    Source,
    interim_rows,
    of_selected,
    own_sources,
    rows_between,
    selected_rows,
    serves,
)
from bucketquery.search.slots import (
    Slots,
    greatest,
    greatest_of_each,
    joined_scores,
    runs_of,
    top_means,
    top_means_of_columns,
    without_missing,
)
from bucketquery.search.threshold import Matches
from bucketquery.search.window import Window
from bucketquery.storage.segment import Segment, SomeRows
from bucketquery.storage.view import View

_SCORE: Final = BUCKET.score
_NO_NUMBERS: Final[Int64s] = np.empty(0, dtype=np.int64)
_NO_SCORES: Final[Float64s] = np.empty(0)
#: Finding the rows of a slot in one table takes as long as reading this many rows.
_ROWS_PER_SLOT: Final = 8
#: A matrix is used if it has at most this many cells for each score.
_CELLS_PER_SCORE: Final = 2

#: Rows that are read: the slot, the owner and the score of each.
_Read = tuple[Int64s, Int64s, Float64s]


class SlotRows:
    """The buckets of the selected jobs in a window, by slots; immutable.

    Args:
        sources: the tables: several of one job each, or the combined tables.
        ids: the ids of the jobs by their number; for combined tables, `AllJobs`, which has them by label.
        jobs: which rows are of selected jobs; None if all are.
        window: the first instant, and the one behind the last; both begin a slot, or leave their side open.
        span: the length of a slot, ms.
        exclude_interim: whether interim buckets are left out.
        sizes: when each way pays off.
    """

    __slots__ = ("_exclude_interim", "_ids", "_jobs", "_sizes", "_sources", "_span", "_window", "views")

    def __init__(
        self,
        sources: Sequence[Source],
        ids: AllJobs | Sequence[str],
        jobs: LabelFilter | None,
        window: tuple[int, int],
        span: int,
        *,
        exclude_interim: bool,
        sizes: RowSizes = ROW_SIZES,
    ) -> None:
        self._sources = sources
        self._ids = ids
        self._jobs = jobs
        self._window = window
        self._span = span
        self._exclude_interim = exclude_interim
        self._sizes = sizes
        self.views = [source.table.final if exclude_interim else source.table.rows for source in sources]

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        selected: SelectedJobs,
        window: tuple[int, int],
        span: int,
        *,
        exclude_interim: bool,
        sizes: RowSizes = ROW_SIZES,
    ) -> "SlotRows":
        """The rows of the selected jobs, from the tables that are read fastest."""
        if len(selected) > sizes.few_jobs:
            all_jobs = catalog.all_jobs(BUCKET)
            if serves(all_jobs, selected, sizes):
                sources = [Source(table, None) for table in all_jobs.parts]
                jobs = label_filter(selected, all_jobs.labels)
                return cls(sources, all_jobs, jobs, window, span, exclude_interim=exclude_interim, sizes=sizes)
        ids = selected.ids
        sources = own_sources(catalog, ids)
        return cls(sources, ids, None, window, span, exclude_interim=exclude_interim, sizes=sizes)

    def with_own_tables(self, catalog: Catalog, ids: Sequence[str]) -> "SlotRows":
        """The same rows from the jobs' own tables."""
        sources = own_sources(catalog, ids)
        return SlotRows(
            sources,
            ids,
            None,
            self._window,
            self._span,
            exclude_interim=self._exclude_interim,
            sizes=self._sizes,
        )

    def ids(self, owners: Int64s) -> list[str]:
        """The ids of some owners."""
        ids = self._ids
        if isinstance(ids, AllJobs):
            return ids.labels.ids(owners.astype(np.uint32))
        return [ids[owner] for owner in owners.tolist()]

    def peaks(self, threshold: float) -> tuple[Int64s, Float64s]:
        """The slots with a score at or above a threshold, and the greatest score of each.

        Args:
            threshold: greater than 0.0, so that no bucket without a score reaches it.

        O(r log r) for the r rows that reach it, if the tables have value indexes.
        """
        read = []
        for view in self.views:
            window = Window.of(view, *self._window)
            matches = Matches.of(window, threshold)
            found_rows = [some.matching(0, some.length, threshold, None) for some in matches.candidates]
            # One array is taken as it is, because the rows of a level take half the bytes.
            rows: Array = found_rows[0] if len(found_rows) == 1 else np.concatenate([_NO_NUMBERS, *found_rows])
            if len(matches.deleted):
                rows = rows[~find(matches.deleted, rows)[0]]
            for segment, some in ((view.base, rows), (view.head, matches.head)):
                if len(some):
                    own = of_selected(self._jobs, segment, some)
                    read.append((segment.column("timestamp")[own] // self._span, segment.column(_SCORE)[own]))
        if not read:
            return _NO_NUMBERS, _NO_SCORES
        numbers, scores = (np.concatenate(columns) for columns in zip(*read, strict=True))
        if len(read) > 1:
            order = np.argsort(numbers, kind="stable")
            numbers, scores = numbers[order], scores[order]
        found, first, stop = runs_of(numbers)
        return found, greatest(scores, first, stop)

    def means(
        self, top_n: int, catalog: Catalog, selected: SelectedJobs, only: Int64s | None = None
    ) -> tuple[Int64s, Float64s]:
        """The slots that have rows, and the mean of the greatest scores of ``top_n`` jobs in each.

        Args:
            top_n: the number of jobs.
            catalog: the jobs; their own tables are read if that is faster.
            selected: the selected jobs.
            only: the numbers of the slots that are needed, ascending; None: all slots of the window. The result may
                have others, too.
        """
        rows = self
        if isinstance(self._ids, AllJobs):
            slots = [self._slots(view, only) for view in self.views]
            is_simple = [self._is_simple(view, some, top_n) for view, some in zip(self.views, slots, strict=True)]
            number, simple = (sum(map(len, is_simple)), sum(map(np.count_nonzero, is_simple)))
            if 2 * simple >= number:
                return self._means_of_slots(slots, is_simple, top_n, only)
            if sum(view.length for view in self.views) > self._sizes.rows_per_job * len(selected):
                rows = self.with_own_tables(catalog, selected.ids)
        if only is None or len(only) * len(rows.views) * _ROWS_PER_SLOT > sum(view.length for view in rows.views):
            # Finding the rows of many slots in many tables takes longer than reading all rows.
            return rows.means_of_rows(top_n)
        return rows.means_in(only, top_n)

    def means_in(self, numbers: Int64s, top_n: int) -> tuple[Int64s, Float64s]:
        """The result of `means` for the slots of some numbers, from all their rows."""
        found: list[tuple[Int64s, Float64s]] = []
        for some in self._in_parts(numbers):
            own, _, scores = self.jobs(some)
            slots, first, stop = runs_of(own)
            found.append((slots, top_means(scores, first, stop, top_n, self._sizes.slots)[0]))
        return joined_scores(found)

    def means_of_rows(self, top_n: int) -> tuple[Int64s, Float64s]:
        """The result of `means`, from all rows, one part of the window after the other."""
        ends = [end for view in self.views for end in self._ends(view)]
        if not ends:
            return _NO_NUMBERS, _NO_SCORES
        low, high = min(ends) // self._span, max(ends) // self._span + 1
        rows = sum(Window.of(view, *self._window).length for view in self.views)
        parts = max(1, min(-(-rows // self._sizes.rows_at_once), high - low))
        cuts = [low + (high - low) * part // parts for part in range(parts + 1)]
        found: list[tuple[Int64s, Float64s]] = []
        is_own = not isinstance(self._ids, AllJobs)
        for first, behind in pairwise(cuts):
            part = (first * self._span, behind * self._span)
            dense = self._dense(part) if is_own else None
            if dense is not None:
                found.append((dense[0], top_means_of_columns(dense[1], top_n)))
                continue
            numbers, _, scores = self._read([part])
            slots, begin, stop = runs_of(numbers)
            found.append((slots, top_means(scores, begin, stop, top_n, self._sizes.slots)[0]))
        return joined_scores(found)

    def _dense(self, stretch: tuple[int, int]) -> tuple[Int64s, Float64s] | None:
        """The greatest score of each job in each slot of a stretch of time, as a matrix; None if it would be sparse.

        It takes a third of the time of `_read`, which sorts the scores.

        Returns:
            The numbers of the slots that have rows, and the scores as a matrix: a row for each table, a column for each
            of these slots, and minus infinity where a job has no row.
        """
        lows, highs = (np.array([end], dtype=np.int64) for end in stretch)
        parts: list[tuple[int, Int64s, Float64s]] = []
        for row, view in enumerate(self.views):
            for segment, rows in rows_between(view, lows, highs):
                numbers, scores = self._slots_of_job(segment, rows)
                if len(numbers):
                    parts.append((row, numbers, scores))
        if not parts:
            return None
        least = min(numbers.item(0) for _, numbers, _ in parts)
        width = max(numbers.item(-1) for _, numbers, _ in parts) - least + 1
        if width * len(self.views) > _CELLS_PER_SCORE * sum(len(numbers) for _, numbers, _ in parts):
            return None
        matrix = np.full((len(self.views), width), -np.inf)
        for row, numbers, scores in parts:
            own = matrix[row]
            at = slice(0, width) if len(numbers) == width else numbers - least
            own[at] = np.maximum(own[at], scores)
        has_rows: Bools = np.any(matrix > -np.inf, axis=0)
        return has_rows.nonzero()[0] + least, matrix if has_rows.all() else matrix[:, has_rows]

    def _means_of_slots(
        self, slots: Sequence[Slots], is_simple: Sequence[Bools], top_n: int, only: Int64s | None
    ) -> tuple[Int64s, Float64s]:
        """The result of `means`, from the bases of combined tables.

        Deleted rows, rows of heads, and slots in two tables play a part in a few slots only. These are read again.
        """
        found: list[tuple[Int64s, Float64s]] = []
        again: list[Int64s] = []
        every = np.sort(np.concatenate([_NO_NUMBERS, *(some.numbers for some in slots)]))
        again.append(every[1:][every[1:] == every[:-1]])
        for view, some, simple in zip(self.views, slots, is_simple, strict=True):
            again.append(some.numbers[~simple])
            own = some if simple.all() else some.select(simple)
            scores = view.base.column(_SCORE)
            if self._jobs is not None and len(own.numbers):
                rows = selected_rows(self._jobs, view.base, int(own.first[0]), int(own.stop[-1]))
                own, scores = own.among(rows), scores[rows]
            means, last = top_means(scores, own.first, own.stop, top_n, self._sizes.slots)
            found.append((own.numbers, means))
            again += self._disturbed(view, own, last)
        numbers, means = joined_scores(found)
        changed = np.unique(np.concatenate(again))
        if only is not None:
            changed = changed[find(only, changed)[0]]
        if not len(changed):
            return numbers, means
        stays = ~find(changed, numbers)[0]
        more, their_means = self.means_in(changed, top_n)
        numbers, means = np.concatenate((numbers[stays], more)), np.concatenate((means[stays], their_means))
        order = np.argsort(numbers, kind="stable")
        return numbers[order], means[order]

    def _disturbed(self, view: View, slots: Slots, last: Float64s) -> Iterator[Int64s]:
        """The numbers of the slots whose greatest scores differ from those of the base."""
        window = Window.of(view, *self._window)
        head = np.arange(window.head.start, window.head.stop)
        for segment, rows, is_deleted in ((view.base, window.deleted, True), (view.head, head, False)):
            if not len(rows):
                continue
            some = of_selected(self._jobs, segment, rows)
            numbers = segment.column("timestamp")[some] // self._span
            scores = without_missing(segment.column(_SCORE)[some])
            is_here, at = find(slots.numbers, numbers)
            least = np.where(is_here, last.take(at, mode="clip"), -np.inf) if len(last) else np.full(len(at), -np.inf)
            yield numbers[scores >= least if is_deleted else scores > least]

    def _slots(self, view: View, only: Int64s | None) -> Slots:
        """The slots of the base, deleted rows included."""
        if only is None:
            return Slots.of(view.timestamps, Window.of(view, *self._window).base, self._span)
        first, stop = (
            view.timestamps.searchsorted(only * self._span),
            view.timestamps.searchsorted((only + 1) * self._span),
        )
        return Slots(only, first, stop).select(stop > first)

    def _is_simple(self, view: View, slots: Slots, top_n: int) -> Bools:
        """Which slots have no two rows of a job. If all rows have one timestamp and one span, their jobs differ."""
        if top_n == 1:
            return np.ones(len(slots.numbers), dtype=np.bool_)
        timestamps, spans = view.timestamps, view.base.column("bucket_span")
        first, last = slots.first, slots.stop - 1
        same: Bools = (timestamps[first] == timestamps[last]) & (spans[first] == spans[last])
        return same

    def _ends(self, view: View) -> Iterator[int]:
        """The first and last timestamps of base and head in the window."""
        window = Window.of(view, *self._window)
        for segment, rows in ((view.base, window.base), (view.head, window.head)):
            if rows.start < rows.stop:
                yield segment.timestamp(rows.start)
                yield segment.timestamp(rows.stop - 1)

    def interim(self, numbers: Int64s) -> Bools:
        """For each of some slots, ascending, whether it has an interim bucket."""
        is_interim = np.zeros(len(numbers), dtype=np.bool_)
        if self._exclude_interim or not len(numbers):
            return is_interim
        for source, view in zip(self._sources, self.views, strict=True):
            rows, head = interim_rows(source.table)
            for segment, some in ((view.base, rows), (view.head, head)):
                if len(some):
                    own = of_selected(self._jobs, segment, some)
                    is_here, at = find(numbers, segment.column("timestamp")[own] // self._span)
                    is_interim[at[is_here]] = True
        return is_interim

    def jobs(self, numbers: Int64s) -> _Read:
        """The greatest score of each job in each of some slots, by slot and then by job.

        Returns:
            The number of the slot, the owner and the score of each.
        """
        if not len(numbers):
            return _NO_NUMBERS, _NO_NUMBERS, _NO_SCORES
        ends = (np.diff(numbers) != 1).nonzero()[0]
        firsts = numbers[np.append(0, ends + 1)] * self._span
        behinds = (numbers[np.append(ends, len(numbers) - 1)] + 1) * self._span
        return self._read(list(zip(firsts.tolist(), behinds.tolist(), strict=True)))

    def _in_parts(self, numbers: Int64s) -> Iterator[Int64s]:
        """The numbers in parts. Each part has about `RowSizes.rows_at_once` rows, or one slot."""
        rows = 0
        lows, highs = numbers * self._span, (numbers + 1) * self._span
        for view in self.views:
            for timestamps in (view.timestamps, view.head_timestamps):
                rows += int((timestamps.searchsorted(highs) - timestamps.searchsorted(lows)).sum())
        parts = max(1, min(-(-rows // self._sizes.rows_at_once), len(numbers)))
        return iter(np.array_split(numbers, parts))

    def _read(self, stretches: Sequence[tuple[int, int]]) -> _Read:
        """The greatest score of each job in each slot of some stretches of time, ascending and disjoint."""
        lows, highs = (np.array(ends, dtype=np.int64) for ends in zip(*stretches, strict=True))
        parts: list[_Read] = []
        for source, view in zip(self._sources, self.views, strict=True):
            parts += self._read_source(source, view, lows, highs)
        if not parts:
            return _NO_NUMBERS, _NO_NUMBERS, _NO_SCORES
        if len(parts) == 1:
            return greatest_of_each(*parts[0])
        numbers, owners, scores = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return greatest_of_each(numbers, owners, scores)

    def _read_source(self, source: Source, view: View, lows: Int64s, highs: Int64s) -> Iterator[_Read]:
        for segment, rows in rows_between(view, lows, highs):
            if source.owner is None:
                own = of_selected(self._jobs, segment, rows)
                numbers = segment.column("timestamp")[own] // self._span
                yield numbers, segment.column(JOB_LABEL)[own].astype(np.int64), segment.column(_SCORE)[own]
            else:
                numbers, scores = self._slots_of_job(segment, rows)
                yield numbers, np.full(len(numbers), source.owner), scores

    def _slots_of_job(self, segment: Segment, rows: SomeRows) -> tuple[Int64s, Float64s]:
        """The slots of some rows of one job, ascending, and the greatest score of each."""
        numbers, scores = segment.column("timestamp")[rows] // self._span, segment.column(_SCORE)[rows]
        if (numbers[1:] > numbers[:-1]).all():
            return numbers, without_missing(scores)
        slots, first, stop = runs_of(numbers)
        return slots, greatest(scores, first, stop)
