"""Pages: what was found, read only when asked for.

A page holds which rows it has, not what is in them. It pins the columns it was read from for as long as it is kept; to
let them go, pickle it or take what is needed of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import index as as_index
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, overload

import numpy as np

from bucketquery.answers.common import Documents, each_of, kept_documents, shown
from bucketquery.errors import InvalidQuery
from bucketquery.ingest.documents import read_shown
from bucketquery.model.encoding import encoded
from bucketquery.model.frozen import FrozenMapping, Immutable, filler
from bucketquery.model.schema import CONSTANT, Array, Document, Schema, Type
from bucketquery.model.text import brief
from bucketquery.queries.parameters import read_text
from bucketquery.search.expand import Expansion
from bucketquery.search.plan import Explanation
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection

_Value = TypeVar("_Value")


class Facts(NamedTuple):
    """What a page is made of.

    Attributes:
        job_id: the job of all its results, or that of each where several were asked.
        rows: which they are, in order.
        matched: how many match, before paging.
        explanation: how they were found.
        sequence: the commit that was read.
        has_documents: whether the index keeps what is only shown.
        expansion: the records that are brought along; None where none are asked for.
    """

    job_id: str | tuple[str, ...]
    rows: Selection
    matched: int
    explanation: Explanation
    sequence: int
    has_documents: bool
    expansion: Expansion | None


class Page(Immutable, ABC, Generic[_Value]):
    """What the pages of all kinds have in common.

    Attributes:
        count: every match, before paging.
        sequence: the commit it was read from.
    """

    __slots__ = ("_facts",)

    _schema: ClassVar[Schema]
    _facts: Facts

    def __init__(self, facts: Facts) -> None:
        _fill(self, facts)

    @property
    def count(self) -> int:
        """Every match, before paging.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web", size=0).count
        1
        """
        return self._facts.matched

    @property
    def sequence(self) -> int:
        """The commit it was read from.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.get_buckets(job_id="web").sequence
        1
        """
        return self._facts.sequence

    @property
    def _job_id(self) -> str | tuple[str, ...]:
        return self._facts.job_id

    def _job_at(self, positions: slice) -> str | tuple[str, ...]:
        job_id = self._facts.job_id
        return job_id if isinstance(job_id, str) else job_id[positions]

    @property
    def _rows(self) -> Selection:
        return self._facts.rows

    @property
    def _has_documents(self) -> bool:
        return self._facts.has_documents

    @property
    def _expansion(self) -> Expansion | None:
        return self._facts.expansion

    @abstractmethod
    def _values(self, rows: Selection, documents: Documents, positions: slice) -> list[_Value]:
        """The results at some positions of the page, of which these are the rows."""

    @abstractmethod
    def _bodies(self, documents: Documents, *, human: bool) -> list[dict[str, Any]]:
        """All results as the API writes them."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[_Value]:
        return iter(self._at(slice(None)))

    @overload
    def __getitem__(self, index: int) -> _Value: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_Value]: ...
    def __getitem__(self, index: int | slice) -> _Value | Sequence[_Value]:
        """The result at a position of the page, or several as a tuple. Complexity: O(len(page))."""
        if isinstance(index, slice):
            return tuple(self._at(index))
        position = range(len(self))[as_index(index)]
        return self._at(slice(position, position + 1))[0]

    def column(self, name: str) -> Array:
        """One field of every result on the page, as an array that nothing turns writable.

        Args:
            name: a documented field, not ``records`` or what values work out. ``timestamp`` is int64 epoch ms, scores
                are float64; text and what is nested are objects: text, tuples and immutable mappings, None or () where
                missing.

        Returns:
            Shape (len(page),), in page order, a copy; defaults where a document has nothing, and NaN where an answer
            shows nothing.

        Raises:
            InvalidQuery: such a result has no field of this name, or the index does not keep it.

        Complexity: O(len(page)).

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web").column("bucket_span")
        array([300])
        """
        name = read_text(name, "name")
        field = self._schema.by_name.get(name)
        if name in CONSTANT:
            text = self._job_id if name == "job_id" else self._schema.kind
            if not isinstance(text, str):
                return _frozen(np.array(text, dtype=np.str_))
            return _frozen(np.full(len(self), text, dtype=f"<U{len(text)}"))
        if field is None:
            reason = f"[name] must be a field of the {self._schema.plural}, not [{brief(name)}]"
            raise InvalidQuery(reason, field="name", value=name)
        if field.type is Type.KEYWORDS:
            return _frozen_objects(self._rows.lists(name))
        if field.type.dtype is None:
            if not self._has_documents:
                raise InvalidQuery(f"[{name}] is not kept by this index", field="name", value=name)
            return _frozen_objects([getattr(value, name) for value in self._unexpanded()])
        values = shown(self._rows, name)
        return _frozen_objects(values.tolist()) if field.type is Type.KEYWORD else _frozen(values)

    def keys(self) -> Sequence[tuple[Any, ...]]:
        """The identities in page order: the job first, timestamps in epoch ms, spans in seconds.

        ``(job_id, timestamp, bucket_span)`` of a bucket; of a record also detector_index, by_field_value,
        over_field_value and partition_field_value; of an influencer also influencer_field_name and
        influencer_field_value. A missing detector is 0, a missing text None.

        Complexity: O(len(page)).

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web").keys()
        (('web', 0, 300),)
        """
        columns = [self._rows.column(name).tolist() for name in self._schema.identity]
        return tuple(zip(each_of(self._job_id), *columns, strict=False))

    def to_dict(self, *, human: bool = False, documents: Iterable[Document] | None = None) -> dict[str, Any]:
        """The API's response body: ``count`` and the list, its keys in its order; fresh, the caller's to change.

        Args:
            human: show each timestamp as text too, before its number.
            documents: those that `keys` names, in that order, where a host keeps them itself. Where the index has a
                column, the column wins; expanded records are the index's own.

        Raises:
            InvalidQuery: the index keeps no documents, and there are none given.
            InvalidDocument: a document is not that of its key, or cannot be stored, or there are too many or too few.

        Complexity: O(len(page) + size of what is shown), and once O(r log r) for r expanded records.
        Source: Get buckets, Get records, Get influencers, response bodies.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> body = index.get_buckets(job_id="web").to_dict(human=True)
        >>> body["count"], body["buckets"][0]["timestamp_string"]
        (1, '1970-01-01T00:00:00.000Z')
        """
        own = self._documents(self._rows) if documents is None else self._of_host(documents)
        return {"count": self.count, self._schema.plural: self._bodies(own, human=human)}

    def to_json(self, *, human: bool = False) -> bytes:
        """What `to_dict` gives as JSON in UTF-8, without blanks, its keys in the same order.

        Written by orjson where that is installed (``pip install 'bucketquery[json]'``), else by the standard library.
        A double is written with the fewest digits that read back as it; which of ``1e-05`` and ``0.00001`` is written
        is up to the one that writes. Buckets with nothing nested are written straight from their columns.

        Args:
            human: show each timestamp as text too, before its number.

        Raises:
            InvalidQuery: the index keeps no documents.

        Complexity: O(len(page) + size of what is shown), and once O(r log r) for r expanded records.
        Source: Get buckets, Get records, Get influencers, response bodies.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web").to_json()[:52]
        b'{"count":1,"buckets":[{"job_id":"web","timestamp":0,'
        """
        bodies = self._json(self._documents(self._rows), human=human)
        return b'{"count":%d,"%b":%b}' % (self.count, self._schema.plural.encode(), bodies)

    def _json(self, documents: Documents, *, human: bool) -> bytes:
        """All results as JSON."""
        return encoded(self._bodies(documents, human=human))

    def _of_host(self, documents: Iterable[Document]) -> Documents:
        return read_shown(documents, self._schema, self.keys(), self._rows.column("is_interim").tolist())

    def _unexpanded(self) -> list[_Value]:
        """All results, without what is brought along."""
        return list(self)

    def _at(self, positions: slice) -> list[_Value]:
        rows = self._rows if positions == slice(None) else self._rows[positions]
        return self._values(rows, self._documents(rows), positions)

    def _documents(self, rows: Selection) -> Documents:
        if not self._has_documents and len(rows):
            reason = "[documents] are needed, and this index keeps none: take keys() and to_dict(documents=...)"
            raise InvalidQuery(reason, field="documents")
        return kept_documents(rows)

    def __repr__(self) -> str:
        job_id = self._job_id
        whose = f"of job {job_id!r}" if isinstance(job_id, str) else "of several jobs"
        what = f"{len(self)} of {self.count} {self._schema.plural} {whose} at commit {self.sequence}"
        return f"<{type(self).__name__}: {what}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Only the rows of the page travel, not the columns that they are rows of.
        job_id, rows, *others = self._facts
        return _restore, (type(self), job_id, rows.detach(), *others)

    def explain(self) -> Mapping[str, Any]:
        """How it was found, as data.

        Returns:
            An immutable mapping. ``path``, what led: ``time`` (two ranks and the rows between them; no column is read),
            ``threshold`` (the rows at or above it), ``order`` (the first rows of the order, of which those that match
            are picked), ``scan`` (every row of the window is compared), ``cache`` (the first 128 rows of this order,
            found by an earlier search of the same results; no row is read again) or ``jobs`` (several searches, and
            their results merged). ``column``, the one whose values led, None if only time did. ``levels``, the edges of
            the levels that were read, in the values of their columns. ``rows_read``, how many rows were compared one by
            one. ``rows_matched``, the count.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.get_buckets(job_id="web").explain()["path"]
        'time'
        """
        return FrozenMapping({**self._facts.explanation._asdict(), "rows_matched": self.count})


_fill = filler(Page, "_facts")


def _restore(page: type[Page[Any]], job_id: str | tuple[str, ...], rows: Segment, *others: Any) -> Page[Any]:
    return page(Facts(job_id, Selection.of(rows), *others))


def _frozen(values: Array) -> Array:
    # Bytes cannot be written to, and nothing behind them can: there is no array of ours below this one.
    return np.frombuffer(values.tobytes(), dtype=values.dtype)


def _frozen_objects(values: Sequence[Any]) -> Array:
    objects = np.fromiter(values, dtype=np.object_, count=len(values))
    return np.asarray(memoryview(objects).toreadonly())  # type: ignore[arg-type] # an array is a buffer
