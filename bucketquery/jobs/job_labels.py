"""Job labels: an integer for each job id. Labels ascend as the ids do, so rows of many jobs are ordered by integers."""

from collections.abc import Iterable, Sequence

import numpy as np

from bucketquery.model.schema import UInt32s

_LABELS = 2**32


class JobLabels:
    """The labels of some job ids. A label never changes; new ids get labels between those of their neighbours.

    Args:
        ids: the ids, in order.
    """

    __slots__ = ("_id_of", "_label_of")

    def __init__(self, ids: Sequence[str]) -> None:
        step = _LABELS // (len(ids) + 1)
        self._label_of = {job_id: (rank + 1) * step for rank, job_id in enumerate(ids)}
        self._id_of = {label: job_id for job_id, label in self._label_of.items()}

    def label(self, job_id: str) -> int | None:
        """The label of an id; None if it has none."""
        return self._label_of.get(job_id)

    def labels(self, job_ids: Iterable[str]) -> UInt32s:
        """The labels of some ids, which all have one."""
        label_of = self._label_of
        return np.array([label_of[job_id] for job_id in job_ids], dtype=np.uint32)

    def ids(self, labels: UInt32s) -> list[str]:
        """The ids of some labels."""
        id_of = self._id_of
        return [id_of[label] for label in labels.tolist()]
