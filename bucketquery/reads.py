"""The questions that indexes and snapshots answer, documented once for both."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, overload

from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.answers.run import AnyPage
from bucketquery.errors import InvalidQuery
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.frozen import FrozenMapping
from bucketquery.model.instants import Instant
from bucketquery.model.schema import SCHEMAS
from bucketquery.model.text import built_in_str
from bucketquery.queries.client_keywords import client_query
from bucketquery.queries.parameters import read_text
from bucketquery.queries.queries import QUERIES, AnyQuery, BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.storage.table import Table


class OneCommit(Protocol):
    """The part of a snapshot that the questions need."""

    _catalog: Catalog
    _max_size: int
    _sequence: int

    def _page(self, query: AnyQuery, job_id: str | None, now: Instant | None, field: str, max_size: int | None) -> Any:
        """The page that a query asks for."""

    def _scan(self, query: AnyQuery, now: Instant | None) -> Iterator[Any]:
        """Every match of a query in order."""


class Reads(ABC):
    """The questions; a subclass names the snapshot that answers them."""

    __slots__ = ()

    @abstractmethod
    def _newest(self) -> OneCommit:
        """The snapshot that is asked."""

    @property
    def sequence(self) -> int:
        """The number of the commit that is read: 0 before the first, one more with each that changed something.

        >>> from bucketquery import ResultsIndex
        >>> ResultsIndex().sequence
        0
        """
        return self._newest()._sequence

    def __contains__(self, job_id: object) -> bool:
        """Whether a job is known: it was put, or a result of it was stored."""
        return isinstance(job_id, str) and built_in_str(job_id) in self._newest()._catalog

    def jobs(self, pattern: str = "_all") -> Sequence[str]:
        """The ids of the jobs that are known, in the order of their code points.

        Args:
            pattern: ``_all``, or the id of one job.

        Raises:
            UnknownJob: there is no job of this id.
            InvalidQuery: a list, a wildcard or an exclusion, which are not known yet, or no text.

        Complexity: O(j log j) for j jobs once for each set of jobs, then O(j); O(1) for one id.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.jobs()
        ('web',)
        """
        catalog = self._newest()._catalog
        pattern = read_text(pattern, "pattern")
        if pattern == "_all":
            return tuple(catalog.ids())
        if pattern.startswith(("-", "_")) or "*" in pattern or "," in pattern:
            raise InvalidQuery("[pattern] must be [_all] or the id of one job", field="pattern", value=pattern)
        return (catalog.known(pattern, "pattern").job_id,)

    def stats(self, job_id: str | None = None) -> Mapping[str, Any]:
        """What is stored: of everything, or of one job.

        Returns:
            An immutable mapping: ``jobs`` (or ``job_id`` and ``bucket_span``), ``rows`` by kind, ``bytes`` of the
            arrays that hold them (spare room included; of texts and nested values the pointers only),
            ``first_timestamp`` and ``last_timestamp`` in epoch ms, None where nothing is stored.

        Raises:
            UnknownJob: there is no job of this id.
            InvalidQuery: ``job_id`` is no text.

        Complexity: O(j) for j jobs, O(1) for one, and O(h) where h of its results are late, interim or replaced.

        >>> from bucketquery import ResultsIndex
        >>> ResultsIndex().stats()["rows"]
        {'bucket': 0, 'record': 0, 'influencer': 0}
        """
        catalog = self._newest()._catalog
        if job_id is None:
            return FrozenMapping(
                {"jobs": len(catalog), **_stored([table for job in catalog for table in job.tables.values()])}
            )
        job_id = read_text(job_id, "job_id")
        job = catalog.known(job_id, "job_id")
        return FrozenMapping({"job_id": job_id, "bucket_span": job.bucket_span, **_stored(list(job.tables.values()))})

    def get_buckets(
        self,
        *,
        job_id: str,
        timestamp: Instant | None = None,
        anomaly_score: float | str | None = None,
        desc: bool | str | None = None,
        end: Instant | None = None,
        exclude_interim: bool | str | None = None,
        expand: bool | str | None = None,
        from_: int | None = None,
        page: Mapping[str, int] | None = None,
        size: int | None = None,
        sort: str | None = None,
        start: Instant | None = None,
        now: Instant | None = None,
    ) -> BucketPage:
        """The API call, with the official client's own keywords; None is not given.

        Args:
            job_id: one job, literally; no pattern.
            timestamp: the one bucket at this instant, or the first in what its text covers.
            anomaly_score: lowest current score that matches; a number or numeric text; 0 and less let every bucket
                match.
            desc: reverse every key of the order; missing values are last both ways.
            end: first instant excluded; -1 leaves this side open.
            exclude_interim: leave interim buckets out; ignored beside ``timestamp``.
            expand: bring the records of each bucket on the page, the most unlikely first. A bucket without bucket
                influencers gets none, even where there are some.
            from_: how many matches to skip, without limit; 0 if not given.
            page: ``{"from": 0, "size": 100}`` in place of ``from_`` and ``size``.
            size: how many matches the page holds at most; 100 if not given.
            sort: the field that leads the order; ``timestamp`` if not given.
            start: first instant included; -1 leaves this side open.
            now: what date math takes for now; the index's clock if not given.

        Raises:
            InvalidQuery: a parameter has a value no query may have; ``field`` names it. Also ``expand`` where the index
                keeps no documents.
            LimitExceeded: a parameter is past a bound, or there are more than 100,000 records to bring.
            UnknownJob: there is no job of this id.
            NotFound: nothing is at ``timestamp``.

        Complexity: in time order without a threshold O(log n), and when the page is first read O(size), and O(h log n)
        once a commit where h buckets are late, interim or replaced (a thousand, or n / 2048 if that is more). With a
        threshold or in another order about O(from_ + size + the few rows of a level that do not match), once O(n) to
        make a value index; where none leads, O(w) for the w buckets of the window. To ``expand`` a page of b buckets
        O(b log n) more, and O(r log r) for its r records when they are first read.
        Source: Get buckets; where its page and the server differ, the server.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "result_type": "bucket", "timestamp": 0, "bucket_span": 300}])
        >>> index.get_buckets(job_id="web", end="2026-01-01").count
        1
        """
        found: BucketPage = self._asked(
            client_query(
                BucketQuery,
                job_id=job_id,
                timestamp=timestamp,
                score=anomaly_score,
                desc=desc,
                end=end,
                exclude_interim=exclude_interim,
                expand=expand,
                from_=from_,
                page=page,
                size=size,
                sort=sort,
                start=start,
            ),
            now,
        )
        return found

    def get_records(
        self,
        *,
        job_id: str,
        desc: bool | str | None = None,
        end: Instant | None = None,
        exclude_interim: bool | str | None = None,
        from_: int | None = None,
        page: Mapping[str, int] | None = None,
        record_score: float | str | None = None,
        size: int | None = None,
        sort: str | None = None,
        start: Instant | None = None,
        now: Instant | None = None,
    ) -> RecordPage:
        """The records of a job, with the official client's own keywords; None is not given.

        Args:
            job_id: one job, literally; no pattern.
            desc: reverse every key of the order, also if not given; missing values are last both ways. So in order of
                time the newest come first unless it is False.
            end: first instant excluded; -1 leaves this side open.
            exclude_interim: leave interim records out.
            from_: how many matches to skip, without limit; 0 if not given.
            page: ``{"from": 0, "size": 100}`` in place of ``from_`` and ``size``.
            record_score: lowest current score that matches; a number or numeric text; 0 and less let every record
                match.
            size: how many matches the page holds at most; 100 if not given.
            sort: the field that leads the order, ``record_score`` if not given; then come the score, the values, the
                field and the function, and only then the time. A field that records never have leaves it to those.
            start: first instant included; -1 leaves this side open.
            now: what date math takes for now; the index's clock if not given.

        Raises:
            InvalidQuery: a parameter has a value no query may have; ``field`` names it.
            LimitExceeded: a parameter is past a bound.
            UnknownJob: there is no job of this id.

        Complexity: as `get_buckets` with a threshold or in another order, in order of time too; O(w) for the w records
        of the window where texts lead, and O(k log k) for a page that ends at the k-th match.
        Source: Get records; where its page and the server differ, the server.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> record = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "record_score": 80}
        >>> commit = index.upsert([record, {**record, "detector_index": 1, "record_score": 90}], kind="record")
        >>> [record.record_score for record in index.get_records(job_id="web", record_score=75)]
        [90.0, 80.0]
        """
        found: RecordPage = self._asked(
            client_query(
                RecordQuery,
                job_id=job_id,
                score=record_score,
                desc=desc,
                end=end,
                exclude_interim=exclude_interim,
                from_=from_,
                page=page,
                size=size,
                sort=sort,
                start=start,
            ),
            now,
        )
        return found

    def get_influencers(
        self,
        *,
        job_id: str,
        desc: bool | str | None = None,
        end: Instant | None = None,
        exclude_interim: bool | str | None = None,
        from_: int | None = None,
        influencer_score: float | str | None = None,
        page: Mapping[str, int] | None = None,
        size: int | None = None,
        sort: str | None = None,
        start: Instant | None = None,
        now: Instant | None = None,
    ) -> InfluencerPage:
        """The influencers of a job, with the official client's own keywords; None is not given.

        Args:
            job_id: one job, literally; no pattern.
            desc: reverse every key of the order, also if not given; missing values are last both ways. So in order of
                time the newest come first unless it is False.
            end: first instant excluded; -1 leaves this side open.
            exclude_interim: leave interim influencers out.
            from_: how many matches to skip, without limit; 0 if not given.
            influencer_score: lowest current score that matches; a number or numeric text; 0 and less let every
                influencer match.
            page: ``{"from": 0, "size": 100}`` in place of ``from_`` and ``size``.
            size: how many matches the page holds at most; 100 if not given.
            sort: the field that leads the order, ``influencer_score`` if not given; then come timestamp, span, name and
                value. A field that influencers never have leaves it to those.
            start: first instant included; -1 leaves this side open.
            now: what date math takes for now; the index's clock if not given.

        Raises:
            InvalidQuery: a parameter has a value no query may have; ``field`` names it.
            LimitExceeded: a parameter is past a bound.
            UnknownJob: there is no job of this id.

        Complexity: as `get_buckets` with a threshold or in another order, in order of time too; O(w) for the w
        influencers of the window where texts lead, and O(k log k) for a page that ends at the k-th match.
        Source: Get influencers; where its page and the server differ, the server.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.get_influencers(job_id="web").to_dict()
        {'count': 0, 'influencers': []}
        """
        found: InfluencerPage = self._asked(
            client_query(
                InfluencerQuery,
                job_id=job_id,
                score=influencer_score,
                desc=desc,
                end=end,
                exclude_interim=exclude_interim,
                from_=from_,
                page=page,
                size=size,
                sort=sort,
                start=start,
            ),
            now,
        )
        return found

    @overload
    def search(self, query: BucketQuery, *, now: Instant | None = None) -> BucketPage: ...
    @overload
    def search(self, query: RecordQuery, *, now: Instant | None = None) -> RecordPage: ...
    @overload
    def search(self, query: InfluencerQuery, *, now: Instant | None = None) -> InfluencerPage: ...
    def search(self, query: AnyQuery, *, now: Instant | None = None) -> AnyPage:
        """The page that a prepared query asks for.

        Args:
            query: to be reused as often as one likes.
            now: what date math takes for now; the index's clock if not given.

        Raises:
            InvalidQuery: ``expand``, but the index keeps no documents.
            LimitExceeded: ``size`` is more than the index allows, date math leaves the years 0001 to 9999, or there are
                more than 100,000 records to bring.
            UnknownJob: one of the jobs is not known; the first that is not is named.
            NotFound: nothing is at ``timestamp``.

        Complexity: as `get_buckets` and its siblings, without the checks of their parameters; of many small jobs as if
        they were one table, which is put together when it is first asked and when a part of them has changed, and else
        for each job.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.search(BucketQuery(jobs="web")).to_dict()
        {'count': 0, 'buckets': []}
        """
        snapshot = self._newest()
        if type(query) not in QUERIES:
            _check(query)
        page: AnyPage = snapshot._page(query, query._job_id, now, "jobs", snapshot._max_size)
        return page

    def scan(self, query: AnyQuery, *, now: Instant | None = None) -> Iterator[Any]:
        """Every match in order, one by one; ``from_`` and ``size`` do not apply.

        In time order of one job's buckets memory stays flat; any order of the other kinds, another one of buckets, and
        several jobs, keep some bytes a match, and take about a hundred while they are found. What is read is the commit
        at the time of the call.

        Raises:
            InvalidQuery: the index keeps no documents.
            LimitExceeded: date math leaves the years 0001 to 9999.
            UnknownJob: one of the jobs is not known; the first that is not is named.

        Complexity: O(matches) in all in time order of buckets without a threshold; else O(w) more at most for the w
        results of the window, and O(m log m) for m matches in another order.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> list(index.scan(BucketQuery(jobs="web")))
        []
        """
        _check(query)
        return self._newest()._scan(query, now)

    def _asked(self, query: AnyQuery, now: Instant | None) -> Any:
        """The page of a call, whose job is its ``job_id``."""
        snapshot = self._newest()
        return snapshot._page(query, query._job_id, now, "job_id", snapshot._max_size)


def _check(query: object) -> None:
    if not isinstance(query, QUERIES):
        reason = f"[query] must be a BucketQuery, RecordQuery or InfluencerQuery, not {type(query).__name__}"
        raise InvalidQuery(reason, field="query", value=query)


def _stored(tables: Sequence[Table]) -> dict[str, Any]:
    rows = dict.fromkeys(SCHEMAS, 0)
    for table in tables:
        rows[table.kind] += table.length
    spans = [span for table in tables if (span := table.time_span()) is not None]
    return {
        "rows": FrozenMapping(rows),
        "bytes": sum(table.nbytes() for table in tables),
        "first_timestamp": min((first for first, _ in spans), default=None),
        "last_timestamp": max((last for _, last in spans), default=None),
    }
