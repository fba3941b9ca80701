"""The calls of the API's client, as methods that indexes and snapshots share, documented once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from bucketquery.answers.overall import OverallBuckets
from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.instants import Instant
from bucketquery.model.schema import Float64s, Int64s, Kind
from bucketquery.queries.client_keywords import client_query
from bucketquery.queries.overall import OverallQuestion, overall_question
from bucketquery.queries.queries import AnyQuery, BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.queries.swimlane_query import SwimlaneQuery
from bucketquery.queries.top_query import TopQuery
from bucketquery.search.cursor import Walk


class OneCommit(Protocol):
    """The part of a snapshot that the read methods need."""

    _catalog: Catalog
    _max_size: int
    _sequence: int

    def _page(self, query: AnyQuery, job_id: str | None, now: Instant | None, field: str, max_size: int | None) -> Any:
        """The page of a query."""

    def _page_behind(self, query: AnyQuery, walk: Walk) -> Any:
        """The page of a query behind a row key."""

    def _pages(self, query: AnyQuery, now: Instant | None) -> Iterator[Any]:
        """All pages of a query."""

    def _overall(self, question: OverallQuestion, now: Instant | None) -> OverallBuckets:
        """The overall buckets of a question."""

    def _scan(self, query: AnyQuery, now: Instant | None) -> Iterator[Any]:
        """Every match of a query in order."""

    def _arrow(self, query: AnyQuery, now: Instant | None, *, dictionaries: bool) -> Any:
        """Every match of a query, for libraries that read Arrow."""

    def _score_counts(self, query: AnyQuery, thresholds: Float64s, now: Instant | None) -> Int64s:
        """The number of matches of a query at each threshold."""

    def _changes(self, query: AnyQuery | None, since: object) -> Any:
        """The changes after a sequence."""

    def _history(self, key: object, kind: Kind) -> Any:
        """The changes of one result."""

    def _swimlane(self, query: SwimlaneQuery, now: Instant | None) -> Any:
        """The swimlane of a query."""

    def _top_influencers(self, query: TopQuery, now: Instant | None) -> Any:
        """The top influencers of a window."""


class ClientReads(ABC):
    """The calls with the keywords of the official client. A subclass gives the snapshot that they read."""

    __slots__ = ()

    @abstractmethod
    def _newest(self) -> OneCommit:
        """The snapshot to read."""

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

    def get_overall_buckets(
        self,
        *,
        job_id: str | Sequence[str],
        allow_no_match: bool | str | None = None,
        bucket_span: int | str | None = None,
        end: Instant | None = None,
        exclude_interim: bool | str | None = None,
        overall_score: float | str | None = None,
        start: Instant | None = None,
        top_n: int | None = None,
        now: Instant | None = None,
    ) -> OverallBuckets:
        """The overall buckets of several jobs: one summary of all of them for each interval of time.

        The keywords are those of the official client; None means not given. For each interval, the greatest score of
        each job counts. The overall score is the mean of the ``top_n`` greatest of these. An interval without a bucket
        has no overall bucket.

        Args:
            job_id: the jobs, as the ``jobs`` of a query names them.
            allow_no_match: whether it is no error if no job is selected (default True).
            bucket_span: length of an interval, text such as ``1h`` or a number of seconds; not less than the longest
                span of the jobs, which is the default. If it is longer, and ``top_n`` and the number of jobs are
                greater than 1, the intervals of the longest span are collected again.
            end: first instant excluded, rounded down to an interval; -1 leaves this side open.
            exclude_interim: leave interim buckets out (default False).
            overall_score: lowest overall score that is kept, a number or numeric text (default 0.0).
            start: first instant included, rounded up to an interval; -1 leaves this side open.
            top_n: number of jobs whose scores count (default 1).
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: a parameter has an invalid value, or ``bucket_span`` is too short; ``field`` names it.
            LimitExceeded: a parameter exceeds a limit.
            UnknownJob: a job is not known, or none is selected and ``allow_no_match`` is False.

        Complexity: O(n) for the n buckets of the window, O(n log j) for j jobs if ``top_n`` is greater than 1. With a
        threshold and ``top_n`` 1, O(r log r) for the r buckets of the sparsest level that has all buckets at or above
        it. The first question about many jobs also makes the combined tables: O(n log n) for all n buckets. The jobs
        of an interval are read when a caller reads them: O(b log b) for b buckets.
        Source: Get overall buckets in the API reference. If the reference and the server differ, this follows the
        server; the server fills gaps between intervals, and this does not.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> web = {"job_id": "web", "timestamp": 0, "bucket_span": 3600, "anomaly_score": 80}
        >>> commit = index.upsert([web, {**web, "job_id": "db", "anomaly_score": 40}], kind="bucket")
        >>> [found.overall_score for found in index.get_overall_buckets(job_id=["web", "db"], top_n=2)]
        [60.0]
        """
        question = overall_question(
            job_id=job_id,
            allow_no_match=allow_no_match,
            bucket_span=bucket_span,
            end=end,
            exclude_interim=exclude_interim,
            overall_score=overall_score,
            start=start,
            top_n=top_n,
        )
        return self._newest()._overall(question, now)

    def _page_of_job(self, query: AnyQuery, now: Instant | None) -> Any:
        """The page of a call that names its job by ``job_id``."""
        snapshot = self._newest()
        return snapshot._page(query, query.jobs[0], now, "job_id", snapshot._max_size)
