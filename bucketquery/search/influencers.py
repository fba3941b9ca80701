"""Influencers in a window: one number for each name and value, whichever jobs and segments have its results.

Each segment has postings of its own influencers. Their numbers are those of the part with the most influencers; the
influencers that only other parts have come after them.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.once import is_made, once
from bucketquery.model.schema import INFLUENCER, JOB_LABEL, Array, Bools, Float64s, Int64s
from bucketquery.search.cells import maxima_between
from bucketquery.search.job_lanes import LanePage, LaneWindow, all_jobs_if_many
from bucketquery.search.label_filter import LabelFilter, label_filter
from bucketquery.search.lane_keys import ends_of, walk
from bucketquery.search.lane_sizes import LANE_SIZES, LaneSizes
from bucketquery.search.pieces import Piece
from bucketquery.storage.row_groups import RowGroups, group_totals, row_groups
from bucketquery.value_index.group_totals import Totals, rows_of_a_block

_NAME: Final = "influencer_field_name"
_VALUE: Final = "influencer_field_value"


class InfluencerScores(NamedTuple):
    """The scores of some influencers in a window, one entry for each.

    Attributes:
        best: the greatest score.
        sums: the sum of the scores.
        counts: the number of results.
    """

    best: Float64s
    sums: Float64s
    counts: Int64s


class InfluencerPiece(NamedTuple):
    """A piece of influencers, whose keys are their numbers.

    Attributes:
        piece: the piece.
        groups: the postings of its rows.
        numbers: the number of each group, -1 if it does not count; the last entry is for rows without a group.
        jobs: which rows are of selected jobs; None if all are.
    """

    piece: Piece
    groups: RowGroups
    numbers: Int64s
    jobs: LabelFilter | None

    def keys(self, rows: slice | Array) -> Int64s:
        """The numbers of the influencers of some rows; -1 for a row that does not count."""
        keys = self.numbers[self.groups.postings.groups[self._own(rows)]]
        if self.jobs is not None:
            keys[~self._is_selected(rows)] = -1
        return keys

    def _is_selected(self, rows: slice | Array) -> Bools:
        assert self.jobs is not None
        return self.jobs.mask(self.piece.segment.column(JOB_LABEL)[rows])

    def rows_of(self, group: int) -> Array:
        """The rows of a group that count, ascending."""
        postings, offset, first, stop = self.groups
        rows: Array = postings.rows(group, first - offset, stop - offset)
        if offset:
            rows = rows + np.int32(offset)
        rows = self.piece.alive(rows)
        return rows if self.jobs is None else rows[self._is_selected(rows)]

    def totals(self) -> Totals:
        """The totals of each group, and at last those of the rows without a group.

        O(n) for n rows. If all rows count, it is O(b g) for b blocks of rows and g groups, and the rows of the blocks
        that the window cuts or that have deleted rows. The first such call costs O(n) for n rows of the segment.
        """
        piece, sizes, postings = self.piece, self.piece.sizes, self.groups.postings
        rest: list[tuple[int, int]] = [(piece.first, piece.stop)]
        found = Totals.none(len(self.numbers))
        rows = rows_of_a_block(postings, sizes.rows_per_block, sizes.block_rows_per_group)
        first, stop = -(-piece.first // rows), piece.stop // rows
        if self.jobs is None and not self.groups.offset and first < stop and piece.segment.may_have_value_indexes():
            blocks = np.arange(first, stop)
            cut = np.unique(piece.deleted // rows)
            whole = blocks[~find(cut, blocks)[0]]
            if len(whole):
                found = group_totals(piece.segment, _NAME, _VALUE, postings, rows).among(whole)
                ends = [*(whole * rows).tolist(), piece.stop]
                begins = [piece.first, *((whole + 1) * rows).tolist()]
                rest = [(low, high) for low, high in zip(begins, ends, strict=True) if low < high]
        for low, high in rest:
            found.add(*self._replace(piece=piece.part(low, high)).groups_and_scores())
        return found

    def groups_and_scores(self) -> tuple[Array, Float64s]:
        """The groups and scores of all rows of the selected jobs."""
        rows: slice | Array = self.piece.rows
        if len(self.piece.deleted) or self.jobs is not None:
            rows = self.piece.live_rows()
            rows = rows if self.jobs is None else rows[self._is_selected(rows)]
        return self.groups.postings.groups[self._own(rows)], self.piece.scores(rows)

    def _own(self, rows: slice | Array) -> slice | Array:
        """The rows as the postings number them."""
        offset = self.groups.offset
        return slice(rows.start - offset, rows.stop - offset) if isinstance(rows, slice) else rows - offset

    def mark(self, seen: Bools) -> None:
        """Mark the numbers of all influencers with a row that counts."""
        postings, offset, first, stop = self.groups
        if self.jobs is not None or len(self.piece.deleted) or len(postings) > stop - first:
            keys = self.keys(self.piece.live_rows())
            seen[keys[keys >= 0]] = True
            return
        low, high = first - offset, stop - offset
        firsts, lasts = postings.ends()
        # The last entry is for rows without a group; their number is -1.
        is_inside = np.zeros(len(postings) + 1, dtype=np.bool_)
        is_inside[:-1] = ((firsts >= low) & (firsts < high)) | ((lasts >= low) & (lasts < high))
        undecided = ((firsts < low) & (lasts >= high)).nonzero()[0]
        if len(undecided) > self.piece.sizes.few_undecided:
            is_inside[postings.groups[low:high]] = True
        else:
            for group in undecided.tolist():
                is_inside[group] = len(postings.rows(group, low, high)) > 0
        numbers = self.numbers[is_inside]
        seen[numbers[numbers >= 0]] = True


class Influencers:
    """The influencers of some jobs in a window.

    Args:
        pieces: the pieces of their tables.
        field: the only name that counts; None: all.
        jobs: which rows are of selected jobs; None if all are.
        sizes: when each way to read them pays off.
    """

    def __init__(
        self, pieces: Iterable[Piece], field: str | None, jobs: LabelFilter | None = None, sizes: LaneSizes = LANE_SIZES
    ) -> None:
        self._sizes = sizes
        parts = [
            (piece.part(groups.first, groups.stop), groups)
            for piece in pieces
            for groups in row_groups(piece.segment, _NAME, _VALUE, piece.first, piece.stop)
        ]
        parts.sort(key=lambda part: len(part[1].postings), reverse=True)
        self._main = parts[0][1].postings if parts else None
        self._others: list[tuple[str, str]] = []
        added: dict[tuple[str, str], int] = {}
        self._pieces = [
            InfluencerPiece(piece, groups, self._numbers(groups, field, added), jobs) for piece, groups in parts
        ]

    def _numbers(self, groups: RowGroups, field: str | None, added: dict[tuple[str, str], int]) -> Int64s:
        """The number of each group of a part; new influencers are added."""
        postings, main = groups.postings, self._main
        assert main is not None
        numbers = np.full(len(postings) + 1, -1, dtype=np.int64)
        first, stop = 0, len(postings)
        if field is not None:
            first, stop = (int(postings.names.searchsorted(field, side)) for side in ("left", "right"))
        if postings is main:
            numbers[first:stop] = np.arange(first, stop)
            return numbers
        numbers[first:stop] = postings.groups_in(main)[first:stop]
        unknown = (numbers[first:stop] < 0).nonzero()[0] + first
        if len(unknown) and groups.stop - groups.first < len(postings):
            used = postings.groups[groups.first - groups.offset : groups.stop - groups.offset]
            unknown = np.intersect1d(unknown, used)
        for group in unknown.tolist():
            pair = postings.names[group], postings.values[group]
            number = added.get(pair)
            if number is None:
                number = added[pair] = len(main) + len(added)
                self._others.append(pair)
            numbers[group] = number
        return numbers

    @property
    def _total(self) -> int:
        return 0 if self._main is None else len(self._main) + len(self._others)

    def pair(self, number: int) -> tuple[str, str]:
        """The name and the value of an influencer."""
        main = self._main
        assert main is not None
        if number >= len(main):
            return self._others[number - len(main)]
        return main.names[number], main.values[number]

    def ends(self) -> tuple[int, int] | None:
        """The timestamps of the first and of the last result; None if there is none."""
        return ends_of(self._pieces)

    def count(self) -> int:
        """The number of influencers with a result: O(g) for g influencers, or O(n) for n results in the window."""
        seen = np.zeros(self._total, dtype=np.bool_)
        for piece in self._pieces:
            piece.mark(seen)
        return int(np.count_nonzero(seen))

    def page(self, from_: int, size: int, *, by_sum: bool) -> tuple[list[int], int]:
        """The numbers of the influencers ``[from_, from_ + size)`` in order, and the number of all influencers.

        By the greatest score: O(e) for the e rows that reach the score of the last of them, if the value index can name
        them. Otherwise O(n) for n rows in the window.
        """
        known = None if by_sum else walk(self._pieces, from_ + size)
        if known is not None:
            return self._ordered(*known, from_, size), self.count()
        totals = self._totals
        keys = totals.counts.nonzero()[0]
        values = totals.sums if by_sum else totals.best
        return self._ordered(keys, values[keys], from_, size), len(keys)

    def _ordered(self, keys: Int64s, values: Float64s, from_: int, size: int) -> list[int]:
        """Some of the keys, the greatest value first; equal ones by name, then by value."""
        need = from_ + size
        if not size or from_ >= len(keys):
            return []
        if need < len(keys):
            least = np.partition(values, len(keys) - need)[len(keys) - need]
            keys, values = keys[values >= least], values[values >= least]
        if self._others:
            order = sorted(zip((-values).tolist(), map(self.pair, keys.tolist()), keys.tolist(), strict=True))
            return [key for _, _, key in order[from_:need]]
        # The numbers of one part are in the order of their names and values.
        ordered: list[int] = keys[np.lexsort((keys, -values))[from_:need]].tolist()
        return ordered

    @once
    def _totals(self) -> Totals:
        """The totals of each influencer."""
        best, sums, counts = totals = Totals.none(self._total)
        for piece in self._pieces:
            own = piece.totals()
            known = piece.numbers >= 0
            numbers = piece.numbers[known]
            best[numbers] = np.maximum(best[numbers], own.best[known])
            sums[numbers] += own.sums[known]
            counts[numbers] += own.counts[known]
        return totals

    def whole_scores(self, numbers: Sequence[int]) -> InfluencerScores:
        """The scores of some influencers over the whole window.

        O(r) for their r results; O(n) for the n results of the window if there are many influencers.
        """
        if len(numbers) > self._sizes.few_entries or is_made(self, "_totals"):
            totals = self._totals
            counts = totals.counts[numbers]
            best = np.where(counts > 0, totals.best[numbers], np.nan)
            return InfluencerScores(best, totals.sums[numbers], counts)
        best, sums = np.full(len(numbers), np.nan), np.zeros(len(numbers))
        counts = np.zeros(len(numbers), dtype=np.int64)
        for piece in self._pieces:
            for group, entry in self._entries(piece, numbers):
                rows = piece.rows_of(group)
                if len(rows):
                    scores = piece.piece.scores(rows)
                    best[entry] = np.fmax(best[entry], scores.max())
                    sums[entry] += scores.sum()
                    counts[entry] += len(rows)
        return InfluencerScores(best, sums, counts)

    def scores(self, numbers: Sequence[int], instants: Int64s) -> Float64s:
        """The greatest score of each influencer and cell, NaN if it has no results; shape (numbers, cells).

        Args:
            numbers: the influencers.
            instants: the edges of the cells, clipped to the window.
        """
        scores = np.full((len(numbers), len(instants) - 1), np.nan)
        for piece in self._pieces:
            bounds = piece.piece.timestamps().searchsorted(instants)
            entries = self._entries(piece, numbers)
            if piece.piece.length <= piece.piece.sizes.rows_per_list * len(entries):
                self._scatter(scores, piece, numbers, bounds)
                continue
            for group, entry in entries:
                rows = piece.rows_of(group)
                found = maxima_between(piece.piece.scores(rows), rows.searchsorted(bounds.astype(rows.dtype)))
                np.fmax(scores[entry], found, out=scores[entry])
        return scores

    def _scatter(self, scores: Float64s, piece: InfluencerPiece, numbers: Sequence[int], bounds: Int64s) -> None:
        """Put the scores of all rows of a piece into the cells of their influencers."""
        rows = piece.piece.live_rows()
        entries = self._entry_of(numbers)[piece.keys(rows)]
        rows, entries = rows[entries >= 0], entries[entries >= 0]
        cells = bounds.searchsorted(rows, "right") - 1
        np.fmax.at(scores, (entries, cells), piece.piece.scores(rows))

    def _entry_of(self, numbers: Sequence[int]) -> Int64s:
        """The place of each influencer in ``numbers``, -1 if it is not there; the last entry is for the number -1."""
        entry_of = np.full(self._total + 1, -1, dtype=np.int64)
        entry_of[numbers] = np.arange(len(numbers))
        return entry_of

    def _entries(self, piece: InfluencerPiece, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """The groups of a piece that are among some influencers, each with its place among them."""
        entries = self._entry_of(numbers)[piece.numbers[:-1]]
        groups = (entries >= 0).nonzero()[0]
        return [*zip(groups.tolist(), entries[groups].tolist(), strict=True)]


class InfluencerLanes:
    """A lane for each value of the influencers with one name."""

    def __init__(self, influencers: Influencers) -> None:
        self._influencers = influencers

    def ends(self) -> tuple[int, int] | None:
        """The timestamps of the first and of the last result; None if there is none."""
        return self._influencers.ends()

    def page(self, from_: int, lanes: int) -> LanePage:
        """The lanes ``[from_, from_ + lanes)``. The costs are those of `Influencers.page`."""
        influencers = self._influencers
        numbers, count = influencers.page(from_, lanes, by_sum=False)
        names = tuple(influencers.pair(number)[1] for number in numbers)
        return LanePage(names, count, lambda instants: influencers.scores(numbers, instants))


def influencers_of(catalog: Catalog, selected: SelectedJobs, window: LaneWindow, field: str | None) -> Influencers:
    """The influencers of the selected jobs in a window."""
    all_jobs = all_jobs_if_many(catalog, selected, INFLUENCER, window.sizes)
    if all_jobs is not None:
        pieces = [piece for table in all_jobs.parts for piece in window.pieces(table)]
        return Influencers(pieces, field, label_filter(selected, all_jobs.labels), window.sizes)
    tables = [job.tables.get(INFLUENCER.kind) for job_id in selected.ids if (job := catalog.get(job_id)) is not None]
    return Influencers(
        [piece for table in tables if table is not None for piece in window.pieces(table)], field, None, window.sizes
    )
