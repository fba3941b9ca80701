"""Pages: what was found, read only when asked for.

A page holds which rows it has, not what is in them. It pins the columns it was read from for as long as it is kept; to
let them go, pickle it or take what is needed of it.
"""

from collections.abc import Iterator, Sequence
from operator import index as as_index
from typing import Any, overload

import numpy as np

from bucketquery.answers.body import bucket_bodies, bucket_values, shown
from bucketquery.columns.segment import Segment
from bucketquery.columns.view import Selection
from bucketquery.errors import InvalidQuery
from bucketquery.model.parameters import read_text
from bucketquery.model.results import Bucket
from bucketquery.model.schema import BUCKET, CONSTANT, Array
from bucketquery.model.text import brief


class BucketPage:
    """The part of the matching buckets that was asked for, in order, and how many match in all.

    A sequence of `Bucket` values, which are built when asked for. Immutable, safe in any thread, picklable.

    Attributes:
        count: every match, before paging.
        sequence: the commit it was read from.

    Source: the API's response body.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> documents = [{"job_id": "web", "timestamp": row, "bucket_span": 1} for row in range(5)]
    >>> commit = index.upsert(documents, kind="bucket")
    >>> page = index.get_buckets(job_id="web", size=2, from_=1)
    >>> page.count, len(page), [bucket.timestamp for bucket in page], page[-1].timestamp
    (5, 2, [1, 2], 2)
    """

    __slots__ = ("_job_id", "_rows", "count", "sequence")

    count: int
    sequence: int
    _job_id: str
    _rows: Selection

    def __init__(self, *, job_id: str, rows: Selection, count: int, sequence: int) -> None:
        put = object.__setattr__
        put(self, "_job_id", job_id)
        put(self, "_rows", rows)
        put(self, "count", count)
        put(self, "sequence", sequence)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Bucket]:
        return iter(bucket_values(self._job_id, self._rows))

    @overload
    def __getitem__(self, index: int) -> Bucket: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Bucket]: ...
    def __getitem__(self, index: int | slice) -> Bucket | Sequence[Bucket]:
        """The bucket at a position of the page, or several as a tuple. Complexity: O(len(page))."""
        if isinstance(index, slice):
            return tuple(bucket_values(self._job_id, self._rows[index]))
        position = range(len(self))[as_index(index)]
        return bucket_values(self._job_id, self._rows[position : position + 1])[0]

    def column(self, name: str) -> Array:
        """One field of every bucket on the page, as an array that nothing turns writable.

        Args:
            name: a key of the API's bucket. ``timestamp`` is int64 epoch ms, scores are float64; ``bucket_influencers``
                and ``scheduled_events`` are object arrays of tuples.

        Returns:
            Shape (len(page),), in page order, a copy; defaults where a document has nothing.

        Raises:
            InvalidQuery: a bucket has no such field.

        Complexity: O(len(page)).

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web").column("bucket_span")
        array([300])
        """
        name = read_text(name, "name")
        if name == "bucket_influencers":
            return _frozen_objects([bucket.bucket_influencers for bucket in self])
        if name == "scheduled_events":
            return _frozen_objects(self._rows.lists(name))
        if name in BUCKET.by_name:
            return _frozen(shown(self._rows, name))
        if name in CONSTANT:
            text = self._job_id if name == "job_id" else BUCKET.kind
            return _frozen(np.full(len(self), text, dtype=f"<U{len(text)}"))
        reason = f"[name] must be a field of a bucket, not [{brief(name)}]"
        raise InvalidQuery(reason, field="name", value=name)

    def keys(self) -> Sequence[tuple[Any, ...]]:
        """The identities ``(job_id, timestamp, bucket_span)`` in page order: epoch ms and seconds.

        Complexity: O(len(page)).

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web").keys()
        (('web', 0, 300),)
        """
        columns = [self._rows.column(name).tolist() for name in BUCKET.identity]
        return tuple((self._job_id, *identity) for identity in zip(*columns, strict=True))

    def to_dict(self, *, human: bool = False) -> dict[str, Any]:
        """The API's response body: ``count`` and ``buckets``, its keys in its order; fresh, the caller's to change.

        Args:
            human: show each timestamp as text too, before its number.

        Complexity: O(len(page)). Source: Get buckets, response body.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> body = index.get_buckets(job_id="web").to_dict(human=True)
        >>> body["count"], body["buckets"][0]["timestamp_string"]
        (1, '1970-01-01T00:00:00.000Z')
        """
        return {"count": self.count, BUCKET.plural: bucket_bodies(self._job_id, self._rows, human=human)}

    def __repr__(self) -> str:
        return f"<BucketPage: {len(self)} of {self.count} buckets of job {self._job_id!r} at commit {self.sequence}>"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("BucketPage is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("BucketPage is immutable")

    def __copy__(self) -> "BucketPage":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "BucketPage":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Only the rows of the page travel, not the columns that they are rows of.
        return _restore, (self._job_id, self._rows.detach(), self.count, self.sequence)


def _restore(job_id: str, rows: Segment, count: int, sequence: int) -> BucketPage:
    return BucketPage(job_id=job_id, rows=Selection.of(rows), count=count, sequence=sequence)


def _frozen(values: Array) -> Array:
    # Bytes cannot be written to, and nothing behind them can: there is no array of ours below this one.
    return np.frombuffer(values.tobytes(), dtype=values.dtype)


def _frozen_objects(values: Sequence[Any]) -> Array:
    objects = np.fromiter(values, dtype=np.object_, count=len(values))
    return np.asarray(memoryview(objects).toreadonly())  # type: ignore[arg-type] # an array is a buffer
