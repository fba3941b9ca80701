"""Selected jobs: the known jobs that a query names, at one commit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bucketquery.model.once import once
from bucketquery.model.schema import Bools, Int64s


class SelectedJobs:
    """Some of the known jobs at one commit; immutable.

    Attributes:
        known: the ids of all known jobs, in order.
        ranks: the ranks of the selected jobs among the known ones, ascending; None if all are selected.
    """

    __slots__ = ("__dict__", "known", "ranks")

    def __init__(self, known: Sequence[str], ranks: Int64s | None) -> None:
        self.known = known
        self.ranks = ranks

    @property
    def is_all(self) -> bool:
        """Whether every known job is selected."""
        return self.ranks is None

    def __len__(self) -> int:
        return len(self.known) if self.ranks is None else len(self.ranks)

    @once
    def ids(self) -> tuple[str, ...]:
        """The ids of the selected jobs, in order."""
        known, ranks = self.known, self.ranks
        return tuple(known) if ranks is None else tuple([known[rank] for rank in ranks.tolist()])

    @once
    def label_filters(self) -> list[Any]:
        """The filter that a search has made of these jobs, with the labels that it is made of; at most one."""
        return []

    @once
    def mask(self) -> Bools:
        """For each known job, in order, whether it is selected."""
        if self.ranks is None:
            return np.ones(len(self.known), dtype=np.bool_)
        mask = np.zeros(len(self.known), dtype=np.bool_)
        mask[self.ranks] = True
        return mask
