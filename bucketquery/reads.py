"""The read methods of indexes and snapshots, documented once for both."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from bucketquery.answers.changes import Changes
from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.answers.run import AnyPage
from bucketquery.count_reads import require_query
from bucketquery.jobs.totals import Totals
from bucketquery.model.frozen import FrozenMapping
from bucketquery.model.instants import Instant
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import SCHEMAS, Kind
from bucketquery.queries.job_tokens import read_jobs
from bucketquery.queries.parameters import read_boolean, read_kind, read_text
from bucketquery.queries.queries import QUERIES, AnyQuery, BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.results.changes import Change
from bucketquery.search.cursor import read_cursor
from bucketquery.summary_reads import SummaryReads


class Reads(SummaryReads):
    """The read methods. A subclass gives the snapshot that they read."""

    __slots__ = ()

    @property
    def sequence(self) -> int:
        """The number of the commit that is read; each commit adds one.

        Before the first commit it is the index's ``first_sequence``, 0 by default.

        >>> from bucketquery import ResultsIndex
        >>> ResultsIndex().sequence
        0
        """
        return self._newest()._sequence

    def __contains__(self, job_id: object) -> bool:
        """Whether a job is known: `put_job` named it, or a result of it was stored."""
        return type(text := base_form(job_id)) is str and text in self._newest()._catalog

    def jobs(self, pattern: str | Iterable[str] = "_all") -> Sequence[str]:
        """The ids of the known jobs that a pattern selects, sorted by code point, as a tuple.

        Args:
            pattern: ids of jobs, names of groups, patterns with ``*``, ``_all``, and exclusions that begin with ``-``:
                a text with commas between them, or an iterable of such texts. They apply from left to right (default
                ``_all``: every job).

        Raises:
            UnknownJob: a token without an asterisk names neither a job nor a group; the error names the first one.
            InvalidQuery: there is no token, the first one is an exclusion, or one could match no job.
            LimitExceeded: there are more than 100,000 tokens, or one has more than 256 characters or 8 asterisks.

        Complexity: O(1) for one id. For j jobs O(j log j) the first time after the set of jobs changed. Then O(log j)
        for a few ids and prefixes such as ``web-*``, and O(j) for any other pattern. The last patterns are remembered:
        O(1). O(k) more to make the tuple of k ids.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commits = [index.put_job(name, groups=["shop"]) for name in ("web-1", "web-2", "db")]
        >>> index.jobs(), index.jobs("web-*"), index.jobs("shop,-web-1")
        (('db', 'web-1', 'web-2'), ('web-1', 'web-2'), ('db', 'web-2'))
        """
        catalog = self._newest()._catalog
        tokens = read_jobs(pattern, "pattern")
        if len(tokens) == 1 and (job := catalog.get(tokens[0])) is not None:
            return (job.job_id,)
        return catalog.select(tokens, "pattern").ids

    def stats(self, job_id: str | None = None) -> Mapping[str, Any]:
        """The number, the size and the timestamps of the stored results, of all jobs or of one.

        Returns:
            An immutable mapping: ``jobs`` (or ``job_id``, ``bucket_span`` and ``groups``), ``rows`` by kind, ``bytes``
            of the arrays, ``first_timestamp`` and ``last_timestamp`` in epoch ms, None if nothing is stored. The bytes
            include spare room, and for all jobs the combined tables, but not the change log. Text and nested values
            count as pointers.

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
        of_job = {"job_id": job_id, "bucket_span": job.bucket_span, "groups": job.groups}
        return FrozenMapping({**of_job, **_stored(Totals.of(job.tables.values()))})

    @overload
    def search(self, query: BucketQuery, *, now: Instant | None = None, after: str | None = None) -> BucketPage: ...
    @overload
    def search(self, query: RecordQuery, *, now: Instant | None = None, after: str | None = None) -> RecordPage: ...
    @overload
    def search(
        self, query: InfluencerQuery, *, now: Instant | None = None, after: str | None = None
    ) -> InfluencerPage: ...
    def search(self, query: AnyQuery, *, now: Instant | None = None, after: str | None = None) -> AnyPage:
        """The page of a query. To repeat a search, build the query once.

        Args:
            query: a query value, which any number of searches may use.
            now: the instant of ``now`` in date math (default: the index's clock). It does not apply with ``after``.
            after: the ``cursor`` of a page of this query: the page begins behind the last result of that page, and
                ``from_`` does not apply. The cursor carries the window, so date math means the same instants on every
                page (default: the page skips ``from_`` matches).

        Raises:
            InvalidQuery: ``query`` or ``now`` is invalid, or ``expand`` is set but the index keeps no documents.
            InvalidCursor: ``after`` is not text, was cut or changed, or belongs to another query; or the query is a
                lookup.
            LimitExceeded: ``size`` is above the index's ``max_size``, date math leaves the years 0001 to 9999, or the
                page would have more than 100,000 records.
            UnknownJob: a token without an asterisk names neither a job nor a group; the error names the first one.
            NotFound: no bucket is at ``timestamp``.

        Complexity: as the call for one job, without its parameter checks. Many jobs are searched in combined tables of
        all jobs, built on first use. Few jobs are searched one by one. A page of several jobs is read late: its fields
        other than keys and scores are found when they are first read.
        Behind a cursor, a page in time order without a threshold costs O(log n), however deep it is. In any other order
        it costs at most O(w) for the w results of the window, and reads 2,048 results ahead. The next pages of the same
        commit then cost O(2048).

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.search(BucketQuery(jobs="web")).to_dict()
        {'count': 0, 'buckets': []}
        """
        snapshot = self._newest()
        if type(query) not in QUERIES:
            require_query(query)
        page: AnyPage
        if after is not None:
            page = snapshot._page_behind(query, read_cursor(query, after))
            return page
        page = snapshot._page(query, query._job_id, now, "jobs", snapshot._max_size)
        return page

    def pages(self, query: AnyQuery, *, now: Instant | None = None) -> Iterator[Any]:
        """Page after page of one commit: the one that is the newest at the call.

        The first page skips ``from_`` matches. Each later one begins behind the page before it. The last page is the
        one whose ``cursor`` is None. A query without matches yields one empty page. An index that keeps no documents
        has pages too.

        Args:
            query: a query value, not a lookup.
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: as `search` does; also if ``size`` is 0, or if the query is a lookup.
            LimitExceeded: as `search` does. If a later page would have more than 100,000 records, the iteration raises.
            UnknownJob: a token without an asterisk names neither a job nor a group; the error names the first one.

        Complexity: that of a `search` behind a cursor for each page. No cursor is written or read.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> hours = [{"job_id": "web", "timestamp": hour * 3_600_000, "bucket_span": 3600} for hour in range(3)]
        >>> commit = index.upsert(hours, kind="bucket")
        >>> [len(page) for page in index.pages(BucketQuery(jobs="web", size=2))]
        [2, 1]
        """
        require_query(query)
        pages: Iterator[Any] = self._newest()._pages(query, now)
        return pages

    def scan(self, query: AnyQuery, *, now: Instant | None = None) -> Iterator[Any]:
        """Every match in order, one by one; ``from_`` and ``size`` do not apply.

        The scan reads the commit that is the newest at the call. For buckets of one job in time order, its memory stays
        flat. For any other order, for records and influencers, and for several jobs, it holds a few bytes a match, and
        needs about 100 bytes a match while it finds them.

        Raises:
            InvalidQuery: ``query`` or ``now`` is invalid, or the index keeps no documents.
            LimitExceeded: date math leaves the years 0001 to 9999.
            UnknownJob: a token without an asterisk names neither a job nor a group; the error names the first one.

        Complexity: O(m) in all for m buckets in time order without a threshold. In any other case at most O(w) more for
        the w results of the window. In another order O(m log m) more.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> list(index.scan(BucketQuery(jobs="web")))
        []
        """
        require_query(query)
        return self._newest()._scan(query, now)

    def arrow(self, query: AnyQuery, *, now: Instant | None = None, dictionaries: bool = False) -> Any:
        """Every match in order, for libraries that read Arrow: pyarrow, polars, pandas, DuckDB and others.

        ``from_``, ``size`` and ``expand`` do not apply. The value reads the commit that is the newest at the call. It
        has ``__arrow_c_stream__``, ``batches()`` with at most 65,536 rows each, and ``count``. It needs the extra
        ``[arrow]``.

        Args:
            query: a query value.
            now: the instant of ``now`` in date math (default: the index's clock).
            dictionaries: whether the job and the keywords are codes into a dictionary, which pandas reads as
                categories (default False: text).

        Raises:
            ImportError: nanoarrow is not installed.
            InvalidQuery: ``query`` or ``now`` is invalid, or ``dictionaries`` is not a bool.
            LimitExceeded: date math leaves the years 0001 to 9999.
            UnknownJob: a token without an asterisk names neither a job nor a group; the error names the first one.

        Complexity: O(1) for one job. The matches are found, as `scan` finds them, when a library reads them.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> hours = [{"job_id": "web", "timestamp": hour * 3_600_000, "bucket_span": 3600} for hour in range(3)]
        >>> commit = index.upsert(hours, kind="bucket")
        >>> index.arrow(BucketQuery(jobs="web")).count
        3
        """
        require_query(query)
        return self._newest()._arrow(query, now, dictionaries=read_boolean(dictionaries, "dictionaries"))

    def changes(self, query: AnyQuery | None = None, *, since: int | None) -> Changes:
        """The changes of the commits after ``since``, in order; with a query, only those that touch its matches.

        Args:
            query: a query value. Its ``sort``, ``desc``, ``from_``, ``size`` and ``expand`` do not apply. None (the
                default): every change of every kind and job.
            since: the sequence of the last commit that the caller knows, exclusive. ``changes.sequence`` is the next
                one to give. None lists everything that matches now, to begin or to begin again.

        Raises:
            ChangesExpired: the log has dropped changes after ``since``; ``oldest`` is the lowest that it can answer.
            InvalidQuery: ``query`` is not a query, ``query`` is a `BucketQuery` with ``where``, or ``since`` is not a
                sequence up to the newest.
            LimitExceeded: date math leaves the years 0001 to 9999.
            UnknownJob: a token without an asterisk names neither a job nor a group, and the log has no change of such a
                job after ``since``.

        Complexity: O(p) for the p parts of the log after ``since``: one for each batch, and one for every 2,048 single
        results. O(c) more for their c changes when the answer is first read. A listing costs as `scan` of each
        job.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> since = index.sequence
        >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 80}
        >>> commit = index.upsert([bucket], kind="bucket")
        >>> changes = index.changes(BucketQuery(jobs="web", anomaly_score=75), since=since)
        >>> [(change.key, change.score) for change in changes.entered], changes.sequence
        ([(('web', 0, 300), 80.0)], 1)
        """
        snapshot = self._newest()
        if query is not None and type(query) not in QUERIES:
            require_query(query)
        found: Changes = snapshot._changes(query, since)
        return found

    def history(self, key: tuple[Any, ...], *, kind: Kind = "bucket") -> Sequence[Change]:
        """The changes of one result that the log still has, oldest first, as a tuple.

        Args:
            key: the identity of the result as in ``page.keys()``: the job first.
            kind: the kind of the result (default ``bucket``).

        Raises:
            InvalidQuery: no result of this kind can have this key.
            UnknownJob: the job is not known, and the log has no change of it.

        Complexity: O(c) for the c changes in the log. Each part of the log takes a few comparisons of arrays.

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300}
        >>> commits = [index.upsert([{**bucket, "anomaly_score": score}], kind="bucket") for score in (90, 20)]
        >>> [(change.reason, change.score) for change in index.history(("web", 0, 300))]
        [('inserted', 90.0), ('replaced', 20.0)]
        """
        found: Sequence[Change] = self._newest()._history(key, read_kind(kind))
        return found


def _stored(totals: Totals, *, shared_bytes: int = 0) -> dict[str, Any]:
    return {
        "rows": FrozenMapping(dict(zip(SCHEMAS, totals.rows, strict=True))),
        "bytes": totals.nbytes() + shared_bytes,
        "first_timestamp": totals.first,
        "last_timestamp": totals.last,
    }
