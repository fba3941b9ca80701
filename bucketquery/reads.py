"""The read methods of indexes and snapshots, documented once for both."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, overload

from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.answers.run import AnyPage
from bucketquery.errors import InvalidQuery
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.totals import Totals
from bucketquery.model.frozen import FrozenMapping
from bucketquery.model.instants import Instant
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import SCHEMAS
from bucketquery.queries.client_keywords import client_query
from bucketquery.queries.parameters import read_text
from bucketquery.queries.queries import QUERIES, AnyQuery, BucketQuery, InfluencerQuery, RecordQuery


class OneCommit(Protocol):
    """The part of a snapshot that the read methods need."""

    _catalog: Catalog
    _max_size: int
    _sequence: int

    def _page(self, query: AnyQuery, job_id: str | None, now: Instant | None, field: str, max_size: int | None) -> Any:
        """The page of a query."""

    def _scan(self, query: AnyQuery, now: Instant | None) -> Iterator[Any]:
        """Every match of a query in order."""


class Reads(ABC):
    """The read methods. A subclass gives the snapshot that they read."""

    __slots__ = ()

    @abstractmethod
    def _newest(self) -> OneCommit:
        """The snapshot to read."""

    @property
    def sequence(self) -> int:
        """The number of the commit that is read: 0 before the first commit; each commit adds one.

        >>> from bucketquery import ResultsIndex
        >>> ResultsIndex().sequence
        0
        """
        return self._newest()._sequence

    def __contains__(self, job_id: object) -> bool:
        """Whether a job is known: `put_job` named it, or a result of it was stored."""
        return type(text := base_form(job_id)) is str and text in self._newest()._catalog

    def jobs(self, pattern: str = "_all") -> Sequence[str]:
        """The ids of the known jobs, sorted by code point.

        Args:
            pattern: ``_all``, or the id of one job.

        Raises:
            UnknownJob: no job has this id.
            InvalidQuery: the pattern is not text, or it is a list, a wildcard or an exclusion, which are not supported.

        Complexity: O(j log j) for j jobs the first time after the set of jobs changed, then O(j); O(1) for one id.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.jobs()
        ('web',)
        """
        catalog = self._newest()._catalog
        pattern = read_text(pattern, "pattern")
        if pattern == "_all":
            return tuple(catalog.ids)
        if pattern.startswith(("-", "_")) or "*" in pattern or "," in pattern:
            raise InvalidQuery("[pattern] must be [_all] or the id of one job", field="pattern", value=pattern)
        return (catalog.known(pattern, "pattern").job_id,)

    def stats(self, job_id: str | None = None) -> Mapping[str, Any]:
        """The number, the size and the timestamps of the stored results, of all jobs or of one.

        Returns:
            An immutable mapping: ``jobs`` (or ``job_id`` and ``bucket_span``), ``rows`` by kind, ``bytes`` of the
            arrays, ``first_timestamp`` and ``last_timestamp`` in epoch ms, None if nothing is stored. The bytes include
            spare room, and for all jobs the combined tables. Text and nested values count as pointers.

        Raises:
            UnknownJob: no job has this id.
            InvalidQuery: ``job_id`` is not text.

        Complexity: for all jobs, the first call costs O(j) for j jobs. Later calls cost O(1024), plus O(j / 1024) for
        each job that has changed since. Each call also adds up the bytes of the tables of 2,048 rows or more. For one
        job O(1), plus O(h) for its h late, interim or replaced results.

        >>> from bucketquery import ResultsIndex
        >>> ResultsIndex().stats()["rows"]
        {'bucket': 0, 'record': 0, 'influencer': 0}
        """
        catalog = self._newest()._catalog
        if job_id is None:
            return FrozenMapping(
                {"jobs": len(catalog), **_stored(catalog.totals(), shared_bytes=catalog.nbytes_of_combined_tables())}
            )
        job_id = read_text(job_id, "job_id")
        job = catalog.known(job_id, "job_id")
        return FrozenMapping(
            {"job_id": job_id, "bucket_span": job.bucket_span, **_stored(Totals.of(job.tables.values()))}
        )

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
        """The buckets of a job. The keywords are those of the official client; None means not given.

        Args:
            job_id: the id of one job, not a pattern.
            timestamp: the instant of one bucket. Text covers a period, such as a day; the page then shows the first
                bucket in it.
            anomaly_score: lowest current score that matches, a number or numeric text; 0 or less matches every bucket.
            desc: sort every key descending (default False); missing values are last in both directions.
            end: first instant excluded; -1 leaves this side open.
            exclude_interim: leave interim buckets out; with ``timestamp`` only their interim records (default False).
            expand: add the records of each bucket on the page, lowest probability first (default False). A bucket
                without bucket influencers gets no records.
            from_: number of matches to skip (default 0), without limit.
            page: ``{"from": 0, "size": 100}`` in place of ``from_`` and ``size``.
            size: maximum number of buckets on the page (default 100).
            sort: the field that leads the order (default ``timestamp``).
            start: first instant included; -1 leaves this side open.
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: a parameter has an invalid value, or ``expand`` is given but the index keeps no documents;
                ``field`` names the parameter.
            LimitExceeded: a parameter exceeds a limit, or the page would have more than 100,000 records.
            UnknownJob: no job has this id.
            NotFound: no bucket is at ``timestamp``.

        Complexity: O(log n) in time order without a threshold. The first read of the page adds O(size). Once for each
        commit, a read also adds O(h log n) for h late, interim or replaced buckets; h is at most 1,024, or n / 2048 if
        that is more. With a threshold or in another order about O(from_ + size), plus the few rows of a level that do
        not match, plus O(n) once to build a value index. Without a value index O(w) for the w buckets of the window.
        ``expand`` adds O(b log n) for b buckets, and O(r log r) for their r records at the first read.
        Source: Get buckets in the API reference. If the reference and the server differ, this follows the server.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.upsert([{"job_id": "web", "result_type": "bucket", "timestamp": 0, "bucket_span": 300}])
        >>> index.get_buckets(job_id="web", end="2026-01-01").count
        1
        """
        found: BucketPage = self._page_of_job(
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
        """The records of a job. The keywords are those of the official client; None means not given.

        Args:
            job_id: the id of one job, not a pattern.
            desc: sort every key descending (default True); missing values are last in both directions. In time order
                the newest records therefore come first by default.
            end: first instant excluded; -1 leaves this side open.
            exclude_interim: leave interim records out (default False).
            from_: number of matches to skip (default 0), without limit.
            page: ``{"from": 0, "size": 100}`` in place of ``from_`` and ``size``.
            record_score: lowest current score that matches, a number or numeric text; 0 or less matches every record.
            size: maximum number of records on the page (default 100).
            sort: the field that leads the order (default ``record_score``). Ties are ordered by score, over, partition
                and by values, field name and function, and then by time.
            start: first instant included; -1 leaves this side open.
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: a parameter has an invalid value; ``field`` names it.
            LimitExceeded: a parameter exceeds a limit.
            UnknownJob: no job has this id.

        Complexity: in any order, as `get_buckets` with a threshold. If a keyword field leads the order, O(w) for the w
        records of the window, plus O(k log k) for a page that ends at the k-th match.
        Source: Get records in the API reference. If the reference and the server differ, this follows the server.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> record = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "record_score": 80}
        >>> commit = index.upsert([record, {**record, "detector_index": 1, "record_score": 90}], kind="record")
        >>> [record.record_score for record in index.get_records(job_id="web", record_score=75)]
        [90.0, 80.0]
        """
        found: RecordPage = self._page_of_job(
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
        """The influencers of a job. The keywords are those of the official client; None means not given.

        Args:
            job_id: the id of one job, not a pattern.
            desc: sort every key descending (default True); missing values are last in both directions. In time order
                the newest influencers therefore come first by default.
            end: first instant excluded; -1 leaves this side open.
            exclude_interim: leave interim influencers out (default False).
            from_: number of matches to skip (default 0), without limit.
            influencer_score: lowest current score that matches, a number or numeric text; 0 or less matches every
                influencer.
            page: ``{"from": 0, "size": 100}`` in place of ``from_`` and ``size``.
            size: maximum number of influencers on the page (default 100).
            sort: the field that leads the order (default ``influencer_score``). Ties are ordered by timestamp, span,
                field name and field value.
            start: first instant included; -1 leaves this side open.
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: a parameter has an invalid value; ``field`` names it.
            LimitExceeded: a parameter exceeds a limit.
            UnknownJob: no job has this id.

        Complexity: in any order, as `get_buckets` with a threshold. If a keyword field leads the order, O(w) for the w
        influencers of the window, plus O(k log k) for a page that ends at the k-th match.
        Source: Get influencers in the API reference. If the reference and the server differ, this follows the server.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.get_influencers(job_id="web").to_dict()
        {'count': 0, 'influencers': []}
        """
        found: InfluencerPage = self._page_of_job(
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
        """The page of a query. To repeat a search, build the query once.

        Args:
            query: a query value, which any number of searches may use.
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: ``query`` or ``now`` is invalid, or ``expand`` is set but the index keeps no documents.
            LimitExceeded: ``size`` is above the index's ``max_size``, date math leaves the years 0001 to 9999, or the
                page would have more than 100,000 records.
            UnknownJob: a job is not known; the error names the first one.
            NotFound: no bucket is at ``timestamp``.

        Complexity: as the call for one job, without its parameter checks. Many small jobs are searched as one combined
        table, built on first use and after many of them have changed. Other jobs are searched one by one.

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

        The scan reads the commit that is the newest at the call. For buckets of one job in time order, its memory stays
        flat. For any other order, for records and influencers, and for several jobs, it holds a few bytes a match, and
        needs about 100 bytes a match while it finds them.

        Raises:
            InvalidQuery: ``query`` or ``now`` is invalid, or the index keeps no documents.
            LimitExceeded: date math leaves the years 0001 to 9999.
            UnknownJob: a job is not known; the error names the first one.

        Complexity: O(m) in all for m buckets in time order without a threshold. In any other case at most O(w) more for
        the w results of the window. In another order O(m log m) more.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> list(index.scan(BucketQuery(jobs="web")))
        []
        """
        _check(query)
        return self._newest()._scan(query, now)

    def _page_of_job(self, query: AnyQuery, now: Instant | None) -> Any:
        """The page of a call that names its job by ``job_id``."""
        snapshot = self._newest()
        return snapshot._page(query, query._job_id, now, "job_id", snapshot._max_size)


def _check(query: object) -> None:
    if not isinstance(query, QUERIES):
        reason = f"[query] must be a BucketQuery, RecordQuery or InfluencerQuery, not {type(query).__name__}"
        raise InvalidQuery(reason, field="query", value=query)


def _stored(totals: Totals, *, shared_bytes: int = 0) -> dict[str, Any]:
    return {
        "rows": FrozenMapping(dict(zip(SCHEMAS, totals.rows, strict=True))),
        "bytes": totals.nbytes() + shared_bytes,
        "first_timestamp": totals.first,
        "last_timestamp": totals.last,
    }
