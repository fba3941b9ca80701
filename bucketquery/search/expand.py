"""Expansions: the records of a page's buckets, gathered together when they are first read."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from bucketquery.arrays.sorted_arrays import concatenated_ranges, find
from bucketquery.errors import LimitExceeded
from bucketquery.model.instants import LAST_MS
from bucketquery.model.once import MadeOnce, once
from bucketquery.model.schema import RECORD, Int64s
from bucketquery.search.order import order_of
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.view import View

#: The most records that a bucket shows; these are the first ones in `_ORDER`.
MOST_OF_A_BUCKET: Final = 10_000
#: The most records that all buckets of a page show together.
MOST_OF_A_PAGE: Final = 100_000

#: The least probable records come first. All records of a bucket have one timestamp, so timestamps are not compared.
_ORDER: Final = order_of(
    RECORD.kind, ("probability", *(name for name in RECORD.ties if name != "timestamp")), desc=False
)

#: For each bucket the first row of its records in a segment, and the row after the last.
_Ranges = tuple[Int64s, Int64s]


class Expansion(MadeOnce):
    """The records of the buckets of a page, read when they are first needed; immutable to its readers.

    Args:
        view: the view of the records.
        buckets: the buckets of the page; None if their ranges are set directly.
    """

    __slots__ = ("_buckets", "_ranges", "_records", "_view")

    _ranges: tuple[_Ranges, _Ranges]
    _records: tuple[Selection, list[int]]

    def __init__(self, view: View, buckets: Selection | None) -> None:
        self._view = view
        self._buckets = buckets

    @classmethod
    def of(cls, records: Segment, ends: list[int]) -> "Expansion":
        """The expansion of copied records.

        Args:
            records: the records of all buckets, bucket by bucket.
            ends: 0, and then for each bucket the number of records up to its end.
        """
        rows = Selection.of(records)
        expansion = cls(rows.view, None)
        bounds, none = np.array(ends, dtype=np.int64), np.zeros(len(ends) - 1, dtype=np.int64)
        expansion._ranges = (bounds[:-1], bounds[1:]), (none, none)
        expansion._records = rows, ends
        return expansion

    @once
    def ranges(self) -> tuple[_Ranges, _Ranges]:
        """For each bucket the rows of its records, in the base and in the head."""
        buckets, view = self._buckets, self._view
        assert buckets is not None
        # A bucket without influencers shows no records, so it gets an instant at which no record can be stored.
        timestamps = np.where(buckets.having("bucket_influencers"), buckets.column("timestamp"), LAST_MS + 1)
        return _rows_at(view.base, timestamps), _rows_at(view.head, timestamps)

    def batches(self, most: int) -> Iterator[tuple[slice, "Expansion"]]:
        """The buckets in batches, each with its own expansion.

        A batch has at most ``most`` records, or a single bucket. O(b) for b buckets: no record is read.
        """
        first = total = 0
        counts = _counts(self._view, *self.ranges).tolist()
        for bucket, count in enumerate(counts):
            if first < bucket and total + count > most:
                yield slice(first, bucket), self._part(first, bucket)
                first, total = bucket, 0
            total += count
        yield slice(first, len(counts)), self._part(first, len(counts))

    def total(self) -> int:
        """The number of records that all buckets show."""
        return int(_counts(self._view, *self.ranges).sum())

    def _part(self, first: int, stop: int) -> "Expansion":
        """The expansion of the buckets ``[first, stop)``."""
        (base_first, base_stop), (head_first, head_stop) = self.ranges
        part = Expansion(self._view, None)
        part._ranges = (
            (base_first[first:stop], base_stop[first:stop]),
            (head_first[first:stop], head_stop[first:stop]),
        )
        return part

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle the records of the page only, not the columns of all records.
        records, ends = self.records
        return Expansion.of, (records.detach(), ends)

    @once
    def records(self) -> tuple[Selection, list[int]]:
        """The records of all buckets, bucket by bucket, and where each bucket ends among them.

        The list of ends has 0, and then for each bucket the number of records up to its end.

        The first read finds and sorts them.
        """
        view, (in_base, in_head) = self._view, self.ranges
        rows, buckets = concatenated_ranges(*in_base)
        is_deleted, _ = find(view.deleted, rows)
        head_rows, head_buckets = concatenated_ranges(*in_head)
        rows = np.concatenate((rows[~is_deleted], head_rows + view.base.length))
        buckets = np.concatenate((buckets[~is_deleted], head_buckets))
        records = Selection(view, rows)
        order = _ORDER.sorted_within(records, buckets)
        buckets = buckets[order]
        first = buckets.searchsorted(np.arange(len(in_base[0]) + 1))
        is_shown = np.arange(len(order)) - first[buckets] < MOST_OF_A_BUCKET
        counts = np.minimum(np.diff(first), MOST_OF_A_BUCKET)
        return Selection(view, rows[order[is_shown]]), [0, *np.cumsum(counts).tolist()]


def expand(buckets: Selection, table: Table, *, exclude_interim: bool, most: int | None = MOST_OF_A_PAGE) -> Expansion:
    """The records of some buckets: a bucket with influencers has all records of its instant, of any span.

    Args:
        buckets: the buckets of a page.
        table: the records of the same job.
        exclude_interim: whether only final records are read.
        most: the largest number of records in all; None: no limit.

    Raises:
        LimitExceeded: the buckets have more than ``most`` records.

    The first read finds, gathers and sorts the records.
    Source: the server's ``JobResultsProvider``, which searches for each bucket's records in this order.
    """
    view = table.final if exclude_interim else table.rows
    expansion = Expansion(view, buckets)
    if most is not None and _bound(buckets, view) > most:
        refuse_more(expansion.total(), most)
    return expansion


def _bound(buckets: Selection, view: View) -> int:
    """An upper bound of the number of records that some buckets show.

    It assumes that each bucket shows all records between the first bucket and the last. It costs two binary searches,
    O(b + log n) for b buckets and n records. The exact number costs two searches for each bucket.
    """
    if not len(buckets):
        return 0
    timestamps = buckets.column("timestamp")
    return len(buckets) * (view.before(timestamps.max().item() + 1) - view.before(timestamps.min().item()))


def refuse_more(total: int, most: int | None) -> None:
    """Refuse more records than a page may show.

    Raises:
        LimitExceeded: ``total`` is more than ``most``.
    """
    if most is not None and total > most:
        reason = f"[expand] would bring {total} records to one page, more than {most}"
        raise LimitExceeded(reason, field="expand", value=True)


def _counts(view: View, base: _Ranges, head: _Ranges) -> Int64s:
    """The number of records that each bucket shows."""
    counts = base[1] - base[0] + head[1] - head[0]
    if len(view.deleted):
        counts -= view.deleted.searchsorted(base[1]) - view.deleted.searchsorted(base[0])
    shown: Int64s = np.minimum(counts, MOST_OF_A_BUCKET)
    return shown


def _rows_at(segment: Segment, timestamps: Int64s) -> _Ranges:
    stored = segment.column("timestamp")
    return stored.searchsorted(timestamps), stored.searchsorted(timestamps, "right")
