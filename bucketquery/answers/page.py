"""Pages: what was found, read only when asked for.

A page holds positions, not rows. It pins the columns it was read from for as long as it is kept; to let them go, pickle
it or take what is needed of it.
"""

from collections.abc import Iterator, Sequence
from operator import index as as_index
from typing import Any, Final, overload

import numpy as np

from bucketquery.answers.body import bucket_dicts, timestamp_strings
from bucketquery.columns.segment import Rows
from bucketquery.columns.table import View
from bucketquery.errors import InvalidQuery
from bucketquery.model.parameters import brief, check_text
from bucketquery.model.results import Bucket, BucketInfluencer
from bucketquery.model.schema import BUCKET, CONSTANT, Array, Type
from bucketquery.search.search import Found

_COLUMNS: Final = tuple(field.name for field in BUCKET.columns)
_LISTS: Final = tuple(field.name for field in BUCKET.lists)


class BucketPage:
    """The part of the matching buckets that was asked for, in order, and how many match in all.

    A sequence of `Bucket` values, which are built when asked for. Immutable, safe in any thread, picklable.

    Attributes:
        count: every match, before paging.
        sequence: the commit it was read from.
    """

    __slots__ = ("_job_id", "_rows", "_view", "count", "sequence")

    count: int
    sequence: int
    _job_id: str
    _view: View
    _rows: Rows

    def __init__(self, *, job_id: str, found: Found, sequence: int) -> None:
        put = object.__setattr__
        put(self, "_job_id", job_id)
        put(self, "_view", found.view)
        put(self, "_rows", found.rows)
        put(self, "count", found.count)
        put(self, "sequence", sequence)

    def __len__(self) -> int:
        if isinstance(self._rows, slice):
            return len(range(*self._rows.indices(self._view.base.length)))
        return len(self._rows)

    def __iter__(self) -> Iterator[Bucket]:
        return iter(buckets(self._job_id, self._view, self._rows))

    @overload
    def __getitem__(self, index: int) -> Bucket: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Bucket]: ...
    def __getitem__(self, index: int | slice) -> Bucket | Sequence[Bucket]:
        """The bucket at a position of the page, or several as a tuple. Complexity: O(len(page))."""
        positions = self._positions()
        if isinstance(index, slice):
            return tuple(buckets(self._job_id, self._view, positions[index]))
        at = range(len(positions))[as_index(index)]
        return buckets(self._job_id, self._view, positions[at : at + 1])[0]

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
        """
        check_text(name, "name")
        if name == "bucket_influencers":
            return _frozen_objects([bucket.bucket_influencers for bucket in self])
        if name == "scheduled_events":
            return _frozen_objects(self._view.take_lists(name, self._rows))
        if name in _COLUMNS:
            return _frozen(shown(self._view, name, self._rows))
        if name in CONSTANT:
            text = self._job_id if name == "job_id" else BUCKET.kind
            return _frozen(np.full(len(self), text, dtype=f"<U{len(text)}"))
        reason = f"[name] must be a field of a bucket, not [{brief(name)}]"
        raise InvalidQuery(reason, field="name", value=name)

    def keys(self) -> Sequence[tuple[Any, ...]]:
        """The identities ``(job_id, timestamp, bucket_span)`` in page order. Complexity: O(len(page))."""
        columns = [self._view.take(name, self._rows).tolist() for name in BUCKET.identity]
        return tuple((self._job_id, *identity) for identity in zip(*columns, strict=True))

    def to_dict(self, *, human: bool = False) -> dict[str, Any]:
        """The API's response body: ``count`` and ``buckets``, its keys in its order; fresh, the caller's to change.

        Args:
            human: show each timestamp as text too, before its number.

        Complexity: O(len(page)). Source: Get buckets, response body.
        """
        timestamps = self._view.take("timestamp", self._rows)
        columns = [shown(self._view, name, self._rows).tolist() for name in _COLUMNS]
        lists = [self._view.take_lists(name, self._rows) for name in _LISTS]
        strings = timestamp_strings(timestamps) if human else None
        return {"count": self.count, BUCKET.plural: bucket_dicts(self._job_id, columns, lists, strings)}

    def _positions(self) -> Array:
        if isinstance(self._rows, slice):
            return np.arange(*self._rows.indices(self._view.base.length), dtype=np.int64)
        return self._rows

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
        return _restore, (self._job_id, self._view.detach(self._rows), self.count, self.sequence)


def buckets(job_id: str, view: View, rows: Rows) -> list[Bucket]:
    """The values of some rows. Complexity: O(r) for r rows."""
    columns = [shown(view, name, rows).tolist() for name in _COLUMNS]
    lists = [view.take_lists(name, rows) for name in _LISTS]
    return [
        Bucket(
            job_id=job_id,
            timestamp=timestamp,
            anomaly_score=score,
            bucket_span=span,
            initial_anomaly_score=initial,
            event_count=count,
            is_interim=is_interim,
            bucket_influencers=tuple(
                BucketInfluencer(job_id=job_id, timestamp=timestamp, bucket_span=span, **stored._asdict())
                for stored in influencers
            ),
            processing_time_ms=milliseconds,
            scheduled_events=events,
        )
        for timestamp, span, score, initial, count, is_interim, milliseconds, influencers, events in zip(
            *columns, *lists, strict=True
        )
    ]


def shown(view: View, name: str, rows: Rows) -> Array:
    """A column's values as they are shown: the default where missing. Complexity: O(r) for r rows."""
    values = view.take(name, rows)
    field = BUCKET.by_name[name]
    if field.type is not Type.DOUBLE:
        return values
    # Only a missing double is not stored as its default.
    missing = np.isnan(values)
    return np.where(missing, field.default, values) if missing.any() else values


def _restore(job_id: str, view: View, count: int, sequence: int) -> BucketPage:
    return BucketPage(job_id=job_id, found=Found(view, slice(0, view.length), count), sequence=sequence)


def _frozen(values: Array) -> Array:
    # Bytes cannot be written to, and nothing behind them can: there is no array of ours below this one.
    return np.frombuffer(values.tobytes(), dtype=values.dtype)


def _frozen_objects(values: Sequence[Any]) -> Array:
    objects = np.fromiter(values, dtype=np.object_, count=len(values))
    return np.asarray(memoryview(objects).toreadonly())  # type: ignore[arg-type] # an array is a buffer
