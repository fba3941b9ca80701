"""The answer to a question about overall buckets: a Python sequence whose values are made when a caller reads them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise, repeat
from operator import index as as_index
from typing import Any, Final, overload

import numpy as np

from bucketquery.answers.arrow import (
    BOOLEAN,
    DOUBLE,
    INTEGER,
    TEXT,
    TIMESTAMP,
    Fields,
    ListOf,
    Lists,
    Plain,
    Structs,
    Texts,
    schema_capsule,
    stream_capsule,
)
from bucketquery.answers.common import read_only, timestamp_strings, with_strings
from bucketquery.answers.notebook import MOST_SHOWN, overall_html
from bucketquery.answers.shown_columns import columns_of_overall
from bucketquery.errors import InvalidQuery, UnknownJob
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.encoding import json_bytes
from bucketquery.model.frozen import Immutable, filler, maker_of
from bucketquery.model.schema import Array, Float64s, Int64s
from bucketquery.model.text import brief
from bucketquery.queries.overall import OverallQuestion, ResolvedOverall
from bucketquery.queries.parameters import read_text
from bucketquery.results.overall import OverallBucket, OverallBucketJob, overall_objects
from bucketquery.search.overall import NOTHING_FOUND, FoundOverall, find_overall
from bucketquery.storage.keywords import encode_keywords

#: About this many jobs of overall buckets are read at once.
_JOBS_AT_ONCE: Final = 2**16

#: The columns in Arrow.
_FIELDS: Final[Fields] = (
    ("timestamp", TIMESTAMP),
    ("bucket_span", INTEGER),
    ("overall_score", DOUBLE),
    ("jobs", ListOf((("job_id", TEXT), ("max_anomaly_score", DOUBLE)))),
    ("is_interim", BOOLEAN),
)

_make_jobs = maker_of(OverallBucketJob)
_make_buckets = maker_of(OverallBucket)


class OverallBuckets(Immutable):
    """The overall buckets of several jobs, in time order.

    A sequence of `OverallBucket` values. A value and its list of jobs are made when they are read. Until then the
    answer keeps the columns of its commit in memory. Immutable, safe in any thread, picklable; a pickle has all lists
    of jobs, and no columns of the commit.

    Attributes:
        sequence: the commit that was read.

    Source: the API's response body.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> hour = {"bucket_span": 3600, "timestamp": 0}
    >>> scores = {"web": 80, "db": 40, "app": 6}
    >>> documents = [{**hour, "job_id": name, "anomaly_score": score} for name, score in scores.items()]
    >>> commit = index.upsert(documents, kind="bucket")
    >>> found = index.get_overall_buckets(job_id=["web", "db", "app"], top_n=2)
    >>> found.count, found[0].overall_score, [job.job_id for job in found[0].jobs]
    (1, 60.0, ['app', 'db', 'web'])
    """

    __slots__ = ("_found", "_lists", "sequence")

    sequence: int
    _found: FoundOverall
    _lists: "_Lists | None"

    def __init__(self, found: FoundOverall, sequence: int, lists: "_Lists | None" = None) -> None:
        _fill(self, found, lists, sequence)

    @property
    def count(self) -> int:
        """The number of overall buckets. There is no paging."""
        return len(self)

    def __len__(self) -> int:
        return len(self._found.timestamps)

    def __iter__(self) -> Iterator[OverallBucket]:
        for first, stop in self._parts():
            yield from self._values(first, stop)

    @overload
    def __getitem__(self, index: int) -> OverallBucket: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[OverallBucket]: ...
    def __getitem__(self, index: int | slice) -> OverallBucket | Sequence[OverallBucket]:
        """The overall bucket at a position, or several as a tuple. Only their jobs are read."""
        positions = range(len(self))[index] if isinstance(index, slice) else [range(len(self))[as_index(index)]]
        if isinstance(index, slice) and isinstance(positions, range) and positions.step == 1:
            return tuple(self._values(positions.start, positions.stop))
        found = [self._values(position, position + 1)[0] for position in positions]
        return tuple(found) if isinstance(index, slice) else found[0]

    def column(self, name: str) -> Array:
        """One field of every overall bucket, as an array that cannot be made writable.

        Args:
            name: ``timestamp`` and ``bucket_span`` are int64, ``overall_score`` is float64, ``is_interim`` is a bool.

        Returns:
            Shape (count,), in time order, a copy.

        Raises:
            InvalidQuery: overall buckets have no such column.

        Complexity: O(count). The lists of jobs are not read.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> index.get_overall_buckets(job_id="web").column("overall_score")
        array([0.])
        """
        name = read_text(name, "name")
        columns = {
            "timestamp": self._found.timestamps,
            "overall_score": self._found.scores,
            "is_interim": self._found.is_interim,
        }
        if name == "bucket_span":
            return read_only(np.full(len(self), self._found.span_s, dtype=np.int64))
        if name not in columns:
            reason = f"[name] must be a column of overall buckets, not [{brief(name)}]"
            raise InvalidQuery(reason, field="name", value=name)
        return read_only(columns[name])

    def to_dict(self, *, human: bool = False) -> dict[str, Any]:
        """The API's response body: ``count`` and ``overall_buckets``, with the API's keys in its order.

        Args:
            human: show each timestamp as text too, before its number.

        Complexity: O(n) for the n buckets that the overall buckets summarise.
        Source: Get overall buckets, response body.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
        >>> list(index.get_overall_buckets(job_id="web").to_dict(human=True)["overall_buckets"][0])[:3]
        ['timestamp_string', 'timestamp', 'bucket_span']
        """
        objects: list[dict[str, Any]] = []
        for first, stop in self._parts():
            objects += overall_objects(self._rows(first, stop, _job_objects))
        if human:
            objects = with_strings(objects, timestamp_strings(self._found.timestamps))
        return {"count": len(self), "overall_buckets": objects}

    def to_json(self, *, human: bool = False) -> bytes:
        """The result of `to_dict` as JSON in UTF-8, without blanks, with its keys in the same order.

        Args:
            human: show each timestamp as text too, before its number.

        Complexity: O(n) for the n buckets that the overall buckets summarise.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.get_overall_buckets(job_id="web").to_json()
        b'{"count":0,"overall_buckets":[]}'
        """
        return json_bytes(self.to_dict(human=human))

    def __arrow_c_schema__(self) -> object:
        """The schema of the overall buckets in Arrow, as a capsule."""
        return schema_capsule(_FIELDS)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The overall buckets in Arrow, as the capsule of a stream of one batch. A requested schema is ignored."""
        found, length = self._found, len(self)
        begins, ids, scores = self._jobs_between(0, length)
        jobs = Lists(np.diff(begins), Structs(len(ids), (Texts(*encode_keywords(ids)), Plain(scores))))
        spans = np.full(length, found.span_s, dtype=np.int64)
        columns = Plain(found.timestamps), Plain(spans), Plain(found.scores), jobs, Plain(found.is_interim)
        return stream_capsule(_FIELDS, [Structs(length, columns)])

    def _repr_html_(self) -> str:
        """The overall buckets as notebooks show them: the scores over time, and a table of at most 50."""
        found = self._found
        return overall_html(found.timestamps, found.scores, columns_of_overall(islice(self, MOST_SHOWN)))

    def _parts(self) -> Iterator[tuple[int, int]]:
        """The positions of all overall buckets in parts, whose jobs are read together."""
        lists, length = self._found.lists, len(self)
        step = length if lists is None else max(1, _JOBS_AT_ONCE // lists.most_jobs)
        return ((first, min(first + step, length)) for first in range(0, length, step or 1))

    def _values(self, first: int, stop: int) -> list[OverallBucket]:
        """The overall buckets at consecutive positions."""
        rows = [*self._rows(first, stop, _job_values)]
        timestamps, spans, scores, lists, is_interim = zip(*rows, strict=True) if rows else ((),) * 5
        fields = {
            "timestamp": timestamps,
            "bucket_span": spans,
            "overall_score": scores,
            "jobs": lists,
            "is_interim": is_interim,
        }
        return _make_buckets(len(rows), fields)

    def _rows(
        self, first: int, stop: int, make: Callable[[list[str], list[float]], Sequence[Any]]
    ) -> Iterator[tuple[int, int, float, Any, bool]]:
        """The fields of the overall buckets at consecutive positions, with the jobs as some function makes them."""
        found = self._found
        begins, ids, scores = self._jobs_between(first, stop)
        made = make(ids, scores.tolist())
        lists = [made[begin:end] for begin, end in pairwise(begins.tolist())]
        some = slice(first, stop)
        return zip(
            found.timestamps[some].tolist(),
            repeat(found.span_s),
            found.scores[some].tolist(),
            lists,
            found.is_interim[some].tolist(),
            strict=False,
        )

    def _jobs_between(self, first: int, stop: int) -> "_Lists":
        """The jobs of the overall buckets at consecutive positions."""
        lists = self._lists
        if lists is not None:
            begins, ids, scores = lists
            low, high = int(begins[first]), int(begins[stop])
            return begins[first : stop + 1] - low, ids[low:high], scores[low:high]
        if self._found.lists is None or first >= stop:
            return np.zeros(1, dtype=np.int64), [], np.empty(0)
        positions, ids, scores = self._found.lists.between(first, stop)
        return positions.searchsorted(np.arange(first, stop + 1)), ids, scores

    def __repr__(self) -> str:
        return f"<OverallBuckets: {len(self)} at commit {self.sequence}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle the jobs of the overall buckets, not the tables that they are read from.
        found = self._found
        return OverallBuckets, (found._replace(lists=None), self.sequence, self._jobs_between(0, len(self)))


#: Lists of jobs: where each begins and the last one ends, and the ids and scores of all, one list after the other.
_Lists = tuple[Int64s, list[str], Float64s]

_fill: Final = filler(OverallBuckets, "_found", "_lists", "sequence")


def _job_values(ids: list[str], scores: list[float]) -> tuple[OverallBucketJob, ...]:
    return tuple(_make_jobs(len(ids), {"job_id": ids, "max_anomaly_score": scores}))


def _job_objects(ids: list[str], scores: list[float]) -> list[dict[str, Any]]:
    return [{"job_id": job_id, "max_anomaly_score": score} for job_id, score in zip(ids, scores, strict=True)]


def overall_buckets_of(
    catalog: Catalog, question: OverallQuestion, resolved: ResolvedOverall, sequence: int
) -> OverallBuckets:
    """The overall buckets of the jobs that a question selects.

    Raises:
        UnknownJob: a token without an asterisk names no job, or no job is selected and the question needs one.
        InvalidQuery: ``bucket_span`` is less than the longest span of the jobs.
    """
    selected = catalog.select(question.jobs, "job_id")
    if len(selected):
        return OverallBuckets(find_overall(catalog, selected, resolved), sequence)
    if not question.allow_no_match:
        tokens = ",".join(question.jobs)
        raise UnknownJob(f"No known job with id '{tokens[:300]}'", field="job_id", value=tokens)
    return OverallBuckets(NOTHING_FOUND, sequence)
