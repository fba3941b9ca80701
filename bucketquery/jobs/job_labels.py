"""Job labels: an integer for each job id. Labels ascend as the ids do, so rows of many jobs are ordered by integers.

Labels of an epoch do not change. A new id gets a label between those of its neighbours. If there is none left, all ids
get new labels: a new epoch.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from bucketquery.model.once import once
from bucketquery.model.schema import Bools, Int64s, UInt32s
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes

#: The label of no id.
NO_LABEL: Final = 2**32 - 1
#: Ids after the last one, or before the first one, get labels at this distance if there is room.
_STEP: Final = 32
#: A new epoch leaves one of N labels free before its first label, and as many after its last one.
_MARGIN: Final = 4


class JobLabels:
    """The labels of some job ids; immutable.

    Args:
        ids: the ids, in order.
        places: their labels, ascending; None spreads them evenly: a new epoch.
        sizes: the sizes that limit the labels.
        space: the least `space` (default 0).

    Attributes:
        places: the labels of all ids, ascending.
        space: the length of a table by label, at most a few entries for each id. The labels that removed ids had in
            this epoch are below it too, as deleted rows may still have them.

    >>> labels = JobLabels(["db", "web"])
    >>> labels.ids(labels.labels(["web", "db"])), labels.label("app")
    (['web', 'db'], None)
    """

    __slots__ = ("__dict__", "_batch", "_ids", "_sizes", "places", "space")

    def __init__(
        self, ids: Sequence[str], places: UInt32s | None = None, sizes: Sizes = DEFAULT_SIZES, space: int = 0
    ) -> None:
        # The garbage collector visits a long list each time, and a tuple of texts once.
        self._ids = tuple(ids)
        self._sizes = sizes
        # The hashes of the ids of the latest batch, with their labels.
        self._batch: tuple[Int64s, UInt32s] | None = None
        self.places = _spread(len(ids), _most_labels(len(ids), sizes)) if places is None else places
        self.space = max(space, self.places.item(-1) + 1 if len(self.places) else 0)

    def __len__(self) -> int:
        return len(self._ids)

    @once
    def _label_of(self) -> dict[str, int]:
        return dict(zip(self._ids, self.places.tolist(), strict=True))

    def label(self, job_id: str) -> int | None:
        """The label of an id; None if it has none."""
        return self._label_of.get(job_id)

    def labels(self, job_ids: Iterable[str]) -> UInt32s:
        """The labels of some ids, which all have one."""
        return np.fromiter(map(self._label_of.__getitem__, job_ids), dtype=np.uint32)

    def of_batch(self, job_ids: Sequence[str], hashes: Int64s) -> UInt32s:
        """The labels of the ids of a batch, which all have one.

        If hosts write the results of all jobs in the same order again and again, this compares the hashes with those
        of the batch before, and looks up no id. Any thread may call this: the labels are right whichever batch is
        remembered.

        Args:
            job_ids: the ids.
            hashes: the hash of each.
        """
        known = self._batch
        if known is not None and np.array_equal(known[0], hashes) and self._has_distinct_hashes:
            return known[1]
        labels = self.labels(job_ids)
        self._batch = hashes, labels
        return labels

    @once
    def _has_distinct_hashes(self) -> bool:
        """Whether no two ids have the same hash. Then equal hashes mean equal ids."""
        hashes = np.sort(np.fromiter(map(hash, self._ids), dtype=np.int64))
        return not (hashes[1:] == hashes[:-1]).any()

    def known_labels(self, job_ids: Iterable[str]) -> UInt32s:
        """The labels of those of some ids that have one, in the order of the ids."""
        label_of = self._label_of.get
        return np.array([label for job_id in job_ids if (label := label_of(job_id)) is not None], dtype=np.uint32)

    def ids(self, labels: UInt32s) -> list[str]:
        """The ids of some labels. O(k log j) for k of j labels."""
        ranks = self.places.searchsorted(labels.astype(np.uint32, copy=False))
        ids = self._ids
        return [ids[rank] for rank in ranks.tolist()]

    def table(self, job_ids: Iterable[str]) -> Bools:
        """For each label, whether it is that of one of some ids; shape (`space`,). Unknown ids are left out."""
        found = np.zeros(self.space, dtype=np.bool_)
        found[self.known_labels(job_ids)] = True
        return found

    def with_ids(self, job_ids: Collection[str]) -> "Extended":
        """These labels and those of more ids; the ids that have one already are left out.

        O(j + k log k) for k new ids beside j.
        """
        known = self._label_of
        new = sorted(set(job_ids).difference(known))
        if not new:
            return Extended(self, None)
        before = len(self._ids)
        # Sorted lists one behind the other are merged in O(j + k).
        merged = sorted([*self._ids, *new])
        among = np.array(_ranks(self._ids, new), dtype=np.int64)
        own = _between(self.places, among, _most_labels(len(merged), self._sizes))
        if own is None:
            following = JobLabels(merged, None, self._sizes)
            moved = np.full(self.space, NO_LABEL, dtype=np.uint32)
            is_old = np.ones(len(merged), dtype=np.bool_)
            is_old[among + np.arange(len(new))] = False
            moved[self.places] = following.places[is_old]
            return Extended(following, moved)
        following = JobLabels(merged, np.insert(self.places, among, own), self._sizes, self.space)
        assert len(following.places) == before + len(new)
        # The dict of the new labels is that of the old ones and a few more entries.
        vars(following)["_label_of"] = {**known, **dict(zip(new, own.tolist(), strict=True))}
        return Extended(following, None)

    def without(self, job_ids: Collection[str]) -> "JobLabels":
        """These labels without those of some ids; the labels of all others stay. O(j + k log j) for k ids."""
        gone = sorted({job_id for job_id in job_ids if job_id in self._label_of})
        if not gone:
            return self
        label_of, ids, behind = self._label_of.copy(), list[str](), 0
        ranks = [bisect_left(self._ids, job_id) for job_id in gone]
        for rank, job_id in zip(ranks, gone, strict=True):
            ids += self._ids[behind:rank]
            behind = rank + 1
            del label_of[job_id]
        ids += self._ids[behind:]
        following = JobLabels(ids, np.delete(self.places, ranks), self._sizes, self.space)
        vars(following)["_label_of"] = label_of
        return following

    def nbytes(self) -> int:
        """Bytes of the labels, and of the pointers to their ids."""
        batch = 0 if self._batch is None else sum([some.nbytes for some in self._batch])
        return self.places.nbytes + batch + len(self._ids) * np.dtype(np.intp).itemsize

    def check(self) -> None:
        """Assert every invariant."""
        assert list(self._ids) == sorted(set(self._ids)), "ids out of order"
        assert len(self.places) == len(self._ids)
        assert self.places.dtype == np.uint32
        assert (self.places[1:] > self.places[:-1]).all(), "labels out of order"
        known: Mapping[str, int] = self._label_of
        assert known == dict(zip(self._ids, self.places.tolist(), strict=True))


class Extended(NamedTuple):
    """Labels with more ids.

    Attributes:
        labels: the labels.
        moved: for each label of the epoch before its label now, `NO_LABEL` if no id has it; None if no label has
            changed.
    """

    labels: JobLabels
    moved: UInt32s | None


def _most_labels(ids: int, sizes: Sizes) -> int:
    return max(sizes.fewest_labels, sizes.labels_per_job * ids)


def _spread(ids: int, most: int) -> UInt32s:
    """Labels for some ids at equal distances, in the middle of all labels if that leaves enough for each."""
    margin = most // _MARGIN if most >= 2 * _MARGIN * ids else 0
    first, last = margin, most - margin
    return (first + np.arange(1, ids + 1) * (last - first) // (ids + 1)).astype(np.uint32)


def _ranks(ids: Sequence[str], new: Sequence[str]) -> list[int]:
    """For each new id the number of known ids before it; both ascend."""
    if not ids or new[0] > ids[-1]:
        return [len(ids)] * len(new)
    ranks = []
    low = 0
    for job_id in new:
        low = bisect_left(ids, job_id, low)
        ranks.append(low)
    return ranks


def _between(places: UInt32s, among: Int64s, most: int) -> UInt32s | None:
    """Labels for new ids between known ones; None if there are too few.

    Args:
        places: the known labels, ascending.
        among: for each new id the number of known ids before it, ascending.
        most: all labels are below this.
    """
    bounds = np.concatenate(([-1], places.astype(np.int64), [most]))
    # The new ids of one gap: how many, and which of them each id is.
    starts = np.flatnonzero(np.append(True, among[1:] != among[:-1]))
    counts = np.diff(np.append(starts, len(among)))
    which = np.arange(len(among)) - np.repeat(starts, counts)
    below, above, number = bounds[among], bounds[among + 1], np.repeat(counts, counts)
    if ((above - below - 1) < number).any():
        return None
    labels = below + (above - below) * (which + 1) // (number + 1)
    if len(places):
        # Ids are often made in ascending or descending order, so a step at either end leaves room for many more.
        at_end = (among == len(places)) & (below + _STEP * number < most)
        labels = np.where(at_end, below + _STEP * (which + 1), labels)
        at_start = (among == 0) & (above - _STEP * number >= 0)
        labels = np.where(at_start, above - _STEP * (number - which), labels)
    found: UInt32s = labels.astype(np.uint32)
    return found
