"""Label filters: which rows of a combined table belong to the selected jobs.

A filter compares labels with a few ranges if the selected jobs lie close together in the order of ids. For any
other jobs it reads a table that has a flag for each block of labels. If this table would have more than 2^24 flags, the
filter looks the labels up in the sorted labels of the selected jobs.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import JOB_LABEL, Array, Bools, UInt32s
from bucketquery.search.row_filter import NOT_LISTED, Listed, RowFilter
from bucketquery.storage.segment import Segment

#: A filter compares labels with at most this many ranges.
_MOST_RANGES: Final = 4
#: The largest number of flags of a table.
_MOST_FLAGS: Final = 2**24


class LabelFilter(RowFilter):
    """Which labels belong to the selected jobs; immutable.

    Args:
        ranges: the first and the last label of each range, if the labels are compared.
        flags: a flag for each block of labels; None if there is no table.
        labels: the labels of the selected jobs, ascending.
        shift: the binary logarithm of the number of labels in a block.
        first: the number of the first block.
    """

    __slots__ = ("_first", "_flags", "_labels", "_ranges", "_shift")

    def __init__(
        self,
        ranges: Sequence[tuple[int, int]] = (),
        flags: Bools | None = None,
        labels: UInt32s | None = None,
        shift: int = 0,
        first: int = 0,
    ) -> None:
        self._ranges = [(np.uint32(low), np.uint32(high - low)) for low, high in ranges]
        self._flags = flags
        self._labels = labels
        self._shift = np.uint32(shift)
        self._first = np.uint32(first)

    @classmethod
    def of(cls, selected: SelectedJobs, labels: JobLabels) -> "LabelFilter":
        """The filter of some jobs. ``selected`` stores it, so it is made once for the same labels.

        O(r) for at most `_MOST_RANGES` ranges of r jobs, else O(j) for all j known jobs.
        """
        for made_of, known in selected.label_filters:
            if made_of is labels:
                assert isinstance(known, LabelFilter)
                return known
        found = cls._made(selected, labels)
        # Two readers may both make one, and both are equal.
        selected.label_filters[:] = [(labels, found)]
        return found

    @classmethod
    def _made(cls, selected: SelectedJobs, labels: JobLabels) -> "LabelFilter":
        known, ranks = selected.known, selected.ranks
        assert ranks is not None, "all jobs need no filter"
        edges = (np.diff(ranks) != 1).nonzero()[0] + 1
        if len(edges) < _MOST_RANGES:
            runs = [run.tolist() for run in np.split(ranks, edges) if len(run)]
            ends = [
                (
                    _first_label(labels, map(known.__getitem__, run)),
                    _first_label(labels, map(known.__getitem__, run[::-1])),
                )
                for run in runs
            ]
            return cls([(low, high) for low, high in ends if low is not None and high is not None])
        every = [labels.label(job_id) for job_id in known]
        has_label = np.array([label is not None for label in every], dtype=np.bool_)
        ascending = np.array([label for label in every if label is not None], dtype=np.uint32)
        return cls.of_mask(ascending, selected.mask[has_label])

    @classmethod
    def of_mask(cls, labels: UInt32s, is_selected: Bools) -> "LabelFilter":
        """The filter of some labels.

        Args:
            labels: the labels of all known jobs, ascending.
            is_selected: which of them the filter lets pass.
        """
        if not is_selected.any():
            return cls()
        changes = (is_selected[1:] != is_selected[:-1]).nonzero()[0]
        # No block may have labels of both sorts. Two labels lie in different blocks if they differ in a higher bit.
        differing = labels[changes] ^ labels[changes + 1]
        shift = differing.min().item().bit_length() - 1 if len(differing) else 31
        blocks = labels >> np.uint32(shift)
        first, last = blocks.item(0), blocks.item(-1)
        if last - first >= _MOST_FLAGS:
            return cls(labels=labels[is_selected])
        flags = np.zeros(last - first + 1, dtype=np.bool_)
        flags[blocks[is_selected] - np.uint32(first)] = True
        return cls(flags=flags, shift=shift, first=first)

    def mask(self, labels: UInt32s) -> Bools:
        """Which of some labels of known jobs belong to the selected ones, shape (n,). O(n), or O(n log j).

        The answer for another label is arbitrary, but always the same. Only deleted rows have such labels.
        """
        if self._flags is not None:
            blocks = labels >> self._shift
            blocks -= self._first
            found: Bools = self._flags.take(blocks, mode="clip")
            return found
        if self._labels is not None:
            return find(self._labels, labels)[0]
        passes = np.zeros(len(labels), dtype=np.bool_)
        for low, length in self._ranges:
            # A label below the range becomes a great number, so one comparison suffices.
            passes |= labels - low <= length
        return passes

    def passing(self, segment: Segment, rows: slice | Array) -> Bools:
        """Which of some rows of a combined table belong to the selected jobs."""
        return self.mask(segment.columns[JOB_LABEL][rows])

    def listed(self, segment: Segment, first: int, stop: int, most: int) -> Listed:  # noqa: ARG002 - it has no lists
        """No rows: the rows of a job are not listed."""
        return NOT_LISTED


def label_filter(selected: SelectedJobs, labels: JobLabels) -> LabelFilter | None:
    """The filter of some jobs; None if all jobs are selected, since then every row passes."""
    return None if selected.is_all else LabelFilter.of(selected, labels)


def _first_label(labels: JobLabels, job_ids: Iterable[str]) -> int | None:
    """The label of the first id that has one."""
    return next((label for job_id in job_ids if (label := labels.label(job_id)) is not None), None)
