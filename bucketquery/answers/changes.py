"""Changes: the answer of a feed, a Python sequence whose values are made when a caller reads them."""

from collections.abc import Iterator, Sequence
from operator import index as as_index
from typing import Any, Final, overload

import numpy as np

from bucketquery.answers.change_rows import EFFECTS, ENTERED, LEFT, STAYED, Block, ChangeRows
from bucketquery.answers.common import read_only, read_only_objects
from bucketquery.errors import InvalidQuery
from bucketquery.model.frozen import Immutable, filler
from bucketquery.model.schema import Array
from bucketquery.model.text import brief
from bucketquery.queries.parameters import read_text
from bucketquery.results.changes import Change, ChangeRange

#: The dtypes of the columns; texts and values that may be None are objects.
_DTYPES: Final = {
    "sequence": np.dtype(np.int64),
    "time": np.dtype(np.int64),
    "reason": None,
    "effect": None,
    "kind": None,
    "job_id": None,
    "timestamp": np.dtype(np.int64),
    "bucket_span": np.dtype(np.int64),
    "old_score": np.dtype(np.float64),
    "score": np.dtype(np.float64),
    "was_interim": None,
    "is_interim": None,
}


class Changes(Immutable):
    """The changes after a commit, in the order of their commits.

    A sequence of `Change` values, which are made when they are read. With a query, it has the changes that touch its
    matches. Unread changes cost nothing, but they keep the changes of the log in memory. Immutable, safe in any thread,
    picklable; a pickle carries only its own changes.

    Attributes:
        sequence: the commit that was read; give it as the next ``since``.

    >>> from bucketquery import BucketQuery, ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 50}
    >>> commits = [index.upsert([{**bucket, "anomaly_score": score}], kind="bucket") for score in (50, 90, 95, 10)]
    >>> changes = index.changes(BucketQuery(jobs="web", anomaly_score=75), since=0)
    >>> [(change.sequence, change.effect, change.score) for change in changes], changes.sequence
    ([(2, 'entered', 90.0), (3, 'stayed', 95.0), (4, 'left', 10.0)], 4)
    """

    __slots__ = ("_effect", "_rows", "sequence")

    sequence: int
    _rows: ChangeRows
    #: The effect of these changes; 0 if they have all effects.
    _effect: int

    def __init__(self, rows: ChangeRows, effect: int, sequence: int) -> None:
        _fill(self, rows, effect, sequence)

    @property
    def entered(self) -> "Changes":
        """The changes after which a result matches that did not match before. Complexity: O(1) until it is read.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> len(index.changes(since=0).entered), len(index.changes(since=0).left)
        (1, 0)
        """
        return self._of(ENTERED)

    @property
    def left(self) -> "Changes":
        """The changes after which a result no longer matches. Complexity: O(1) until it is read."""
        return self._of(LEFT)

    @property
    def stayed(self) -> "Changes":
        """The changes before and after which a result matches. Complexity: O(1) until it is read."""
        return self._of(STAYED)

    def _of(self, effect: int) -> "Changes":
        if self._effect in {0, effect}:
            return Changes(self._rows, effect, self.sequence)
        return Changes(_NO_ROWS, effect, self.sequence)

    @property
    def ranges(self) -> tuple[ChangeRange, ...]:
        """The ranges of changes that the log does not keep one by one; () if no change is missing here.

        A query with a threshold at or above the floor of a range gets all its changes, and not the range.

        >>> from bucketquery import ResultsIndex
        >>> ResultsIndex().changes(since=0).ranges
        ()
        """
        return self._rows.ranges

    def column(self, name: str) -> Array:
        """One attribute of every change, as an array that cannot be made writable.

        Args:
            name: ``sequence``, ``time``, ``timestamp`` and ``bucket_span`` are int64; ``old_score`` and ``score`` are
                float64, NaN if there is none; ``reason``, ``effect``, ``kind``, ``job_id``, ``was_interim`` and
                ``is_interim`` are objects, None if there is none.

        Returns:
            Shape (len(changes),), in the same order, a copy.

        Raises:
            InvalidQuery: changes have no such column.

        Complexity: O(len(changes)). A column of numbers makes no Python object for each value.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.changes(since=0).column("bucket_span")
        array([300])
        """
        name = read_text(name, "name")
        if name not in _DTYPES:
            raise InvalidQuery(f"[name] must be a column of changes, not [{brief(name)}]", field="name", value=name)
        rows, dtype = self._rows, _DTYPES[name]
        if dtype is None:
            return read_only_objects(rows.objects(name, self._effect))
        return read_only(rows.numbers(name, self._effect).astype(dtype))

    def __len__(self) -> int:
        return len(self._rows.rows(self._effect))

    def __iter__(self) -> Iterator[Change]:
        return iter(self._rows.changes(self._rows.rows(self._effect)))

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Change]: ...
    def __getitem__(self, index: int | slice) -> Change | Sequence[Change]:
        """The change at a position, or several changes as a tuple."""
        rows = self._rows.rows(self._effect)
        if isinstance(index, slice):
            return tuple(self._rows.changes(rows[index]))
        position = range(len(rows))[as_index(index)]
        return self._rows.changes(rows[position : position + 1])[0]

    def __repr__(self) -> str:
        what = f" that {EFFECTS[self._effect]}" if self._effect else ""
        return f"<Changes: {len(self)}{what}, up to commit {self.sequence}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._rows.detached(self._effect), self.ranges, self._effect, self.sequence)


_fill = filler(Changes, "_rows", "_effect", "sequence")

_NO_ROWS: Final = ChangeRows(lambda: ((), ()))


def no_changes(sequence: int) -> Changes:
    """The changes of a feed that has none."""
    return Changes(_NO_ROWS, 0, sequence)


def _restore(blocks: Sequence[Block], ranges: tuple[ChangeRange, ...], effect: int, sequence: int) -> Changes:
    return Changes(ChangeRows(lambda: (blocks, ranges)), effect, sequence)
