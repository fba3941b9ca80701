"""Pages: the results of a search, read only when a caller asks for them.

A page holds the numbers of its rows, not their values. As long as the page exists, it keeps the columns of its commit
in memory. To release them, pickle the page, or copy the needed values.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import index as as_index
from typing import Any, ClassVar, Generic, TypeVar, overload

import numpy as np

from bucketquery.answers.arrow import Fields, schema_capsule
from bucketquery.answers.arrow_rows import fields_of, parts_of, rows_capsule
from bucketquery.answers.common import DisplayFields, display_fields, each_of, read_only, read_only_objects, shown
from bucketquery.answers.facts import BY_COUNT, Facts, Rest
from bucketquery.answers.notebook import MOST_SHOWN, results_html
from bucketquery.errors import InvalidQuery
from bucketquery.ingest.documents import read_display_fields
from bucketquery.model.encoding import json_bytes
from bucketquery.model.frozen import FrozenMapping, Immutable, filler
from bucketquery.model.schema import CONSTANT, Array, Document, Schema, Type
from bucketquery.model.text import brief
from bucketquery.queries.parameters import read_text
from bucketquery.search.cursor import Walk, write_cursor
from bucketquery.search.expand import Expansion
from bucketquery.search.job_rows import AnyRows, JobRows
from bucketquery.search.order import Order
from bucketquery.search.row_key import RowKey
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection

_Value = TypeVar("_Value")


class Page(Immutable, ABC, Generic[_Value]):
    """The base of the pages of all kinds.

    Attributes:
        count: the number of all matches, before paging.
        sequence: the commit that the page was read from.
        cursor: the text that ``search(query, after=...)`` takes to return the next page; None if no match comes after.
    """

    __slots__ = ("_facts",)

    _schema: ClassVar[Schema]
    _facts: Facts

    def __init__(self, facts: Facts) -> None:
        _fill(self, facts)

    @property
    def count(self) -> int:
        """The number of all matches, before paging.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web", size=0).count
        1
        """
        return self._facts.matched

    @property
    def sequence(self) -> int:
        """The commit that the page was read from.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.get_buckets(job_id="web").sequence
        1
        """
        return self._facts.sequence

    @property
    def cursor(self) -> str | None:
        """The text that stands for the last result of the page: a search with ``after=`` returns the next page.

        None if no match comes after the page, if ``size`` is 0, and for a lookup. It is ASCII text of at most 1,024
        characters that may stand in a URL. It belongs to the query with any ``size``, ``from_`` and ``expand``. It
        stays valid in later commits, if its result is deleted, and in another process with the same results.

        Complexity: O(j) for the j jobs of the query, at each read.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> hours = [{"job_id": "web", "timestamp": hour * 3_600_000, "bucket_span": 3600} for hour in range(3)]
        >>> commit = index.upsert(hours, kind="bucket")
        >>> query = BucketQuery(jobs="web", size=2)
        >>> page = index.search(query)
        >>> index.search(query, after=page.cursor).keys()
        (('web', 7200000, 3600),)
        """
        walk = self._next_walk()
        if walk is None:
            rest = self._facts.rest
            return None if rest is None else rest.cursor
        query = self._facts.query
        assert query is not None  # it has the walk
        return write_cursor(query, *walk, self.sequence)

    def _next_walk(self) -> Walk | None:
        """The query with its window, and the row key of the last result; None if no match comes behind it.

        Also None for an unpickled page, which has only its cursor.
        """
        facts = self._facts
        resolved, rows = facts.resolved, facts.rows
        if resolved is None:
            return None
        has_more = (facts.rest or BY_COUNT).has_more
        length = len(rows)
        if has_more is None:
            has_more = not resolved.is_lookup and resolved.from_ + length < self.count
        if not has_more or not length:
            return None
        job_id = rows.last_job() if isinstance(rows, JobRows) else facts.job_id
        assert isinstance(job_id, str), "rows of several jobs tell the job of each"
        segment, row = rows.last()
        return resolved, RowKey.of(Order.of(resolved), segment, row, job_id)

    @property
    def _job_id(self) -> str | tuple[str, ...]:
        facts = self._facts
        if facts.job_id is not None:
            return facts.job_id
        assert isinstance(facts.rows, JobRows)
        return facts.rows.job_ids

    def _job_at(self, positions: slice) -> str | tuple[str, ...]:
        job_id = self._job_id
        return job_id if isinstance(job_id, str) else job_id[positions]

    @property
    def _rows(self) -> AnyRows:
        return self._facts.rows

    @property
    def _has_documents(self) -> bool:
        return self._facts.has_documents

    @property
    def _expansion(self) -> Expansion | None:
        return self._facts.expansion

    @abstractmethod
    def _values(self, rows: AnyRows, display: DisplayFields, positions: slice) -> list[_Value]:
        """The results at some positions of the page, whose rows are ``rows``."""

    @abstractmethod
    def _objects(self, display: DisplayFields, *, human: bool) -> list[dict[str, Any]]:
        """All results as response objects."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[_Value]:
        return iter(self._at(slice(None)))

    @overload
    def __getitem__(self, index: int) -> _Value: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_Value]: ...
    def __getitem__(self, index: int | slice) -> _Value | Sequence[_Value]:
        """The result at a position of the page, or several results as a tuple. Complexity: O(len(page))."""
        if isinstance(index, slice):
            return tuple(self._at(index))
        position = range(len(self))[as_index(index)]
        return self._at(slice(position, position + 1))[0]

    def column(self, name: str) -> Array:
        """One field of every result on the page, as an array that cannot be made writable.

        Args:
            name: a documented field, except ``records`` and computed properties. ``timestamp`` is int64 epoch ms,
                scores are float64, and so is ``event.ingested``. Text and nested fields are objects: text, tuples and
                immutable mappings, None or () if missing.

        Returns:
            Shape (len(page),), in page order, a copy. A missing field is its default, or NaN if an answer omits it.

        Raises:
            InvalidQuery: results of this kind have no such field, or the index does not store it.

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
                return read_only(np.array(text, dtype=np.str_))
            return read_only(np.full(len(self), text, dtype=f"<U{len(text)}"))
        if field is None:
            reason = f"[name] must be a field of the {self._schema.plural}, not [{brief(name)}]"
            raise InvalidQuery(reason, field="name", value=name)
        if field.type is Type.INSTANT:
            instants, present = self._rows.instants(name)
            return read_only(np.where(present, instants, np.nan))
        if field.type is Type.KEYWORDS:
            return read_only_objects(self._rows.lists(name))
        if field.type.dtype is None:
            if not self._has_documents:
                raise InvalidQuery(f"[{name}] is not stored in this index", field="name", value=name)
            return read_only_objects([getattr(value, name) for value in self._unexpanded()])
        values = shown(self._rows, name)
        return read_only_objects(values.tolist()) if field.type is Type.KEYWORD else read_only(values)

    def keys(self) -> Sequence[tuple[Any, ...]]:
        """The identities in page order: the job first, timestamps in epoch ms, spans in seconds.

        A bucket has ``(job_id, timestamp, bucket_span)``. A record adds detector_index, by_field_value,
        over_field_value and partition_field_value; an influencer adds influencer_field_name and
        influencer_field_value. A missing detector is 0, missing text is None.

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
        """The API's response body: ``count`` and the list, with the API's keys in its order; the caller may change it.

        Args:
            human: show each timestamp as text too, before its number.
            documents: the documents of `keys`, in that order, if a host keeps them itself. If the index has a column
                for a field, the column wins. Expanded records come from the index.

        Raises:
            InvalidQuery: the index keeps no documents, and none are given.
            InvalidDocument: a document does not belong to its key, or is invalid, or there are too many or too few.

        Complexity: O(len(page) + size of the body), and once O(r log r) for r expanded records.
        Source: Get buckets, Get records, Get influencers, response bodies.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> body = index.get_buckets(job_id="web").to_dict(human=True)
        >>> body["count"], body["buckets"][0]["timestamp_string"]
        (1, '1970-01-01T00:00:00.000Z')
        """
        display = self._display_fields(self._rows) if documents is None else self._host_fields(documents)
        return {"count": self.count, self._schema.plural: self._objects(display, human=human)}

    def to_json(self, *, human: bool = False) -> bytes:
        """The result of `to_dict` as JSON in UTF-8, without blanks, with its keys in the same order.

        orjson writes it if it is installed (the extra ``[json]``), else the standard library does. Both write a double
        with the fewest digits that read back as the same double. They differ only in how they spell very small and very
        large doubles, such as ``1e-05`` and ``0.00001``. If a page has many buckets of one job and no nested values, it
        is written from its columns, which is faster.

        Args:
            human: show each timestamp as text too, before its number.

        Raises:
            InvalidQuery: the index keeps no documents.

        Complexity: O(len(page) + size of the body), and once O(r log r) for r expanded records.
        Source: Get buckets, Get records, Get influencers, response bodies.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_buckets(job_id="web").to_json()[:52]
        b'{"count":1,"buckets":[{"job_id":"web","timestamp":0,'
        """
        results = self._results_json(self._display_fields(self._rows), human=human)
        return b'{"count":%d,"%b":%b}' % (self.count, self._schema.plural.encode(), results)

    def __arrow_c_schema__(self) -> object:
        """The schema of the page's columns in Arrow, as a capsule."""
        return schema_capsule(self._fields())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The results of the page in Arrow, without expanded records, as the capsule of a stream.

        A requested schema is ignored.
        """
        parts = parts_of(self._rows, self._job_id)
        return rows_capsule(parts, self._schema, self._fields(), has_documents=self._has_documents)

    def _fields(self) -> Fields:
        return fields_of(self._schema, has_documents=self._has_documents)

    def _results_json(self, display: DisplayFields, *, human: bool) -> bytes:
        """All results as JSON."""
        return json_bytes(self._objects(display, human=human))

    def _host_fields(self, documents: Iterable[Document]) -> DisplayFields:
        """The display fields of a host's own documents."""
        return read_display_fields(documents, self._schema, self.keys(), self._rows.column("is_interim").tolist())

    def _unexpanded(self) -> list[_Value]:
        """All results, without expanded records."""
        return list(self)

    def _at(self, positions: slice) -> list[_Value]:
        rows = self._rows if positions == slice(None) else self._rows[positions]
        return self._values(rows, self._display_fields(rows), positions)

    def _display_fields(self, rows: AnyRows) -> DisplayFields:
        if len(rows):
            require_documents(self)
        return display_fields(rows)

    def __repr__(self) -> str:
        # The jobs of several jobs' results are not read.
        job_id = self._facts.job_id
        whose = f"of job {job_id!r}" if isinstance(job_id, str) else "of several jobs"
        what = f"{len(self)} of {self.count} {self._schema.plural} {whose} at commit {self.sequence}"
        return f"<{type(self).__name__}: {what}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle the rows of the page only, not the columns of all rows.
        facts = self._facts._replace(query=None, resolved=None, rest=Rest(cursor=self.cursor))
        _, rows, *others = facts
        return _restore, (type(self), self._job_id, rows.detach(), *others)

    def _repr_html_(self) -> str:
        """The page as notebooks show it: the scores over time, and a table of at most 50 results."""
        keys = self.keys()[:MOST_SHOWN]
        results = self[:MOST_SHOWN] if self._has_documents else None
        scores = self.column(self._schema.score)
        return results_html(self._schema, keys, results, self.column("timestamp"), scores, self.count)

    def explain(self) -> Mapping[str, Any]:
        """How the page was found, as data.

        Returns:
            An immutable mapping with these keys:

            - ``path``: the way that the search took. ``time``: the rows between two ranks; no column is read.
              ``threshold``: the rows at or above the threshold. ``order``: the first rows of the order, from which the
              matches are picked. ``scan``: every row of the window, compared or counted by block counts. ``cache``:
              the first 128 rows of this order, found by an earlier search of the same results, or the rows that an
              earlier search behind a cursor has read ahead. ``jobs``: a search of several jobs, together or one by one.
            - ``column``: the score, or the first column of the order; None for the paths ``time`` and ``jobs``.
            - ``levels``: the edges of the levels that were read, as values of their columns.
            - ``rows_read``: the number of rows that were compared one by one, without the few late and replaced rows
              that are counted separately.
            - ``rows_matched``: the count.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.get_buckets(job_id="web").explain()["path"]
        'time'
        """
        return FrozenMapping({**self._facts.explanation._asdict(), "rows_matched": self.count})


_fill = filler(Page, "_facts")


def require_documents(page: Page[Any]) -> None:
    """Refuse to show results if the index keeps no documents; an empty page shows none.

    Raises:
        InvalidQuery: the index keeps no documents, and the page is not empty.
    """
    if not page._has_documents and len(page):
        reason = "[documents] are needed, and this index does not keep them: give those of keys() to to_dict()"
        raise InvalidQuery(reason, field="documents")


def _restore(page: type[Page[Any]], job_id: str | tuple[str, ...], rows: Segment, *others: Any) -> Page[Any]:
    return page(Facts(job_id, Selection.of(rows), *others))
