"""Selected jobs: the known jobs that a query names, at one commit."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np

from bucketquery.model.once import once
from bucketquery.model.schema import Bools, Int64s

#: Ranges ``[start, stop)`` of ranks, ascending, not empty, and apart from each other.
Ranges = tuple[tuple[int, int], ...]


class SelectedJobs:
    """Some of the known jobs at one commit; immutable.

    Args:
        known: the ids of all known jobs, in order.
        ranks: the ranks of the selected jobs among the known ones, ascending; None: all are selected, or ``ranges`` has
            them.
        ranges: the selected jobs as ranges of ranks.

    Attributes:
        known: the ids of all known jobs, in order.
        ranges: the ranges of ranks that are selected; None if they are not known.
        is_all: whether every known job is selected.
    """

    __slots__ = ("__dict__", "_length", "_ranks", "is_all", "known", "ranges")

    def __init__(self, known: Sequence[str], ranks: Int64s | None, ranges: Ranges | None = None) -> None:
        self.known = known
        self._ranks = ranks
        if ranks is not None:
            self._length = len(ranks)
        else:
            if ranges is None:
                ranges = ((0, len(known)),) if known else ()
            self._length = sum([stop - start for start, stop in ranges])
        self.ranges = ranges
        self.is_all = self._length == len(known)

    def __len__(self) -> int:
        return self._length

    def __contains__(self, job_id: object) -> bool:
        """Whether a job is selected; O(log j) for j known jobs."""
        if type(job_id) is not str:
            return False
        known = self.known
        rank = bisect_left(known, job_id)
        if rank == len(known) or known[rank] != job_id:
            return False
        return self.is_all or bool(self.mask[rank])

    @once
    def ranks(self) -> Int64s | None:
        """The ranks of the selected jobs among the known ones, ascending; None if all are selected."""
        if self.is_all:
            return None
        if self._ranks is not None:
            return self._ranks
        parts = [np.arange(start, stop, dtype=np.int64) for start, stop in self.ranges or ()]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    @once
    def ids(self) -> tuple[str, ...]:
        """The ids of the selected jobs, in order."""
        known, ranges = self.known, self.ranges
        if self.is_all:
            return tuple(known)
        if ranges is None:
            return tuple(map(known.__getitem__, self._ranks.tolist())) if self._ranks is not None else ()
        if len(ranges) == 1:
            ((start, stop),) = ranges
            return tuple(known[start:stop])
        return tuple([job_id for start, stop in ranges for job_id in known[start:stop]])

    @once
    def label_filters(self) -> list[Any]:
        """The filter that a search has made of these jobs, with the labels that it is made of; at most one."""
        return []

    @once
    def mask(self) -> Bools:
        """For each known job, in order, whether it is selected."""
        mask = np.zeros(len(self.known), dtype=np.bool_)
        if self.ranges is None:
            mask[self._ranks] = True
        else:
            for start, stop in self.ranges:
                mask[start:stop] = True
        return mask
