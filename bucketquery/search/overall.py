"""Overall buckets: the greatest scores of several jobs in each interval of time.

The scores are computed at once, from columns. The list of jobs of an interval is as large as its rows, so it is read
only for the intervals that a caller reads.

Source: the server's ``TransportGetOverallBucketsAction``, ``OverallBucketsProvider`` and ``OverallBucketsAggregator``.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from bucketquery.errors import InvalidQuery
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import Bools, Float64s, Int64s
from bucketquery.queries.overall import ResolvedOverall
from bucketquery.search.longest_span import longest_span
from bucketquery.search.slot_rows import SlotRows
from bucketquery.search.slot_sources import ROW_SIZES, RowSizes, whole_slots
from bucketquery.search.slots import greatest_of_each, runs_of

_SECOND_MS: Final = 1_000
_MINUTE_S: Final = 60
#: No interval is longer, so that its ends fit int64; one of this length has all instants after 1970.
_LONGEST_MS: Final = 2**62
_NOTHING: Final[Int64s] = np.empty(0, dtype=np.int64)


class JobLists(NamedTuple):
    """The jobs of each overall bucket, read when they are asked for.

    Attributes:
        rows: the buckets of the jobs, by the slots of the fine span.
        numbers: the numbers of the slots that were kept, ascending.
        first: the position of the first slot of each overall bucket in ``numbers``.
        is_regrouped: whether an overall bucket may have several slots.
        most_jobs: no overall bucket has more jobs.
    """

    rows: SlotRows
    numbers: Int64s
    first: Int64s
    is_regrouped: bool
    most_jobs: int

    def between(self, first: int, stop: int) -> tuple[Int64s, list[str], Float64s]:
        """The jobs of consecutive overall buckets, in the order of the buckets, then of the ids.

        Returns:
            For each job the position of its overall bucket, its id and its greatest score.
        """
        begin = int(self.first[first])
        end = int(self.first[stop]) if stop < len(self.first) else len(self.numbers)
        slots, owners, scores = self.rows.jobs(self.numbers[begin:end])
        at = self.numbers.searchsorted(slots)
        positions = self.first.searchsorted(at, "right") - 1
        if self.is_regrouped:
            positions, owners, scores = greatest_of_each(positions, owners, np.maximum(scores, 0.0))
        return positions, self.rows.ids(owners), scores


class FoundOverall(NamedTuple):
    """The overall buckets of a question, in time order.

    Attributes:
        timestamps: the starts of the intervals, epoch ms.
        scores: the overall scores.
        is_interim: whether each has an interim bucket.
        span_s: the length of an interval, seconds; 0 if there are none.
        lists: the jobs of each; None if there are none.
    """

    timestamps: Int64s
    scores: Float64s
    is_interim: Bools
    span_s: int
    lists: JobLists | None


NOTHING_FOUND: Final = FoundOverall(_NOTHING, np.empty(0), np.empty(0, dtype=np.bool_), 0, None)


def find_overall(
    catalog: Catalog, selected: SelectedJobs, asked: ResolvedOverall, sizes: RowSizes = ROW_SIZES
) -> FoundOverall:
    """The overall buckets of the selected jobs.

    Raises:
        InvalidQuery: ``bucket_span`` is less than the longest span of the jobs.
    """
    longest = longest_span(catalog, selected)
    if not longest:
        return NOTHING_FOUND
    fine, wide = spans_ms(asked, longest, len(selected))
    window = whole_slots(asked.start, asked.end, fine)
    rows = SlotRows.of(catalog, selected, window, fine, exclude_interim=asked.exclude_interim, sizes=sizes)
    # A job counts once in an interval, so the greatest number of scores is that of the jobs.
    top_n = min(asked.top_n, len(selected))
    numbers, scores = _scores(rows, catalog, selected, top_n, asked.threshold)
    kept = scores >= asked.threshold
    if not kept.all():
        numbers, scores = numbers[kept], scores[kept]
    if not len(numbers):
        return NOTHING_FOUND
    is_interim = rows.interim(numbers)
    shown, first = numbers, np.arange(len(numbers))
    if wide != fine:
        shown, first, _ = runs_of(numbers * fine // wide)
        scores = np.maximum.reduceat(scores, first)
        is_interim = np.logical_or.reduceat(is_interim, first)
    lists = JobLists(rows, numbers, first, wide != fine, len(selected))
    return FoundOverall(shown * wide, scores, is_interim, wide // _SECOND_MS, lists)


def find_slots(
    catalog: Catalog, selected: SelectedJobs, asked: ResolvedOverall, fine: int
) -> tuple[Int64s, Int64s, list[str], Float64s, Bools]:
    """The greatest score of each job in each slot of the fine span, before means and thresholds.

    Args:
        catalog: the jobs.
        selected: the selected jobs.
        asked: the question. Only its window and ``exclude_interim`` apply.
        fine: the fine span in ms.

    Returns:
        The numbers of the slots that have a bucket, ascending. For each job in each of them, in the order of slots and
        ids: the position of its slot, its id and its greatest score. For each slot whether it has an interim bucket.
    """
    window = whole_slots(asked.start, asked.end, fine)
    rows = SlotRows.of(catalog, selected, window, fine, exclude_interim=asked.exclude_interim, sizes=ROW_SIZES)
    numbers, _ = rows.means(1, catalog, selected)
    slots, owners, scores = rows.jobs(numbers)
    return numbers, numbers.searchsorted(slots), rows.ids(owners), scores, rows.interim(numbers)


def spans_ms(asked: ResolvedOverall, longest: int, jobs: int) -> tuple[int, int]:
    """The fine span and the length of an overall bucket, in ms.

    Args:
        asked: the question.
        longest: the longest span of the jobs, in seconds.
        jobs: the number of selected jobs.

    Raises:
        InvalidQuery: ``bucket_span`` is less than the longest span.
    """
    span_ms = asked.span_ms
    if span_ms is not None and span_ms < longest * _SECOND_MS:
        reason = f"Param [bucket_span] must be greater or equal to the max bucket_span [{_span_text(longest)}]"
        raise InvalidQuery(reason, field="bucket_span", value=asked.bucket_span, type="status_exception")
    fine = longest * _SECOND_MS
    if span_ms is not None and (asked.top_n == 1 or jobs == 1):
        fine = span_ms
    wide = fine if span_ms is None else span_ms
    return min(fine, _LONGEST_MS), min(wide, _LONGEST_MS)


def _scores(
    rows: SlotRows, catalog: Catalog, selected: SelectedJobs, top_n: int, threshold: float
) -> tuple[Int64s, Float64s]:
    """The slots that may reach a threshold, and their overall scores."""
    if threshold > 0.0:
        # A mean of n numbers may be rounded up by n units of the last place, and cancellation doubles that.
        low = threshold if top_n == 1 else threshold * (1.0 - 4.0 * top_n * math.ulp(1.0))
        numbers, peaks = rows.peaks(low)
        return (numbers, peaks) if top_n == 1 else rows.means(top_n, catalog, selected, numbers)
    return rows.means(top_n, catalog, selected)


def _span_text(seconds: int) -> str:
    """A span in minutes, or in seconds if it has a part of a minute.

    >>> _span_text(3600), _span_text(90)
    ('60m', '90s')
    """
    minutes, rest = divmod(seconds, _MINUTE_S)
    return f"{seconds}s" if rest else f"{minutes}m"
