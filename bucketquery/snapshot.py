"""Snapshots: all read methods on one commit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn

from bucketquery.answers.arrow_matches import ArrowMatches, matches_of, matches_of_jobs
from bucketquery.answers.change_feed import changes_after, history_of, listing
from bucketquery.answers.changes import Changes
from bucketquery.answers.overall import OverallBuckets, overall_buckets_of
from bucketquery.answers.run import AnyPage, page_behind, page_of, page_of_jobs, results_of, results_of_jobs
from bucketquery.answers.swimlane import Swimlane, swimlane_of
from bucketquery.answers.top_influencers import TopInfluencers, top_influencers_of
from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.change_log import ChangeLog
from bucketquery.jobs.job import Job
from bucketquery.model.instants import Instant
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import BUCKET, Float64s, Int64s, Kind
from bucketquery.queries.overall import OverallQuestion, ResolvedOverall
from bucketquery.queries.parameters import read_now
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.queries.swimlane_query import SwimlaneQuery
from bucketquery.queries.top_query import TopQuery
from bucketquery.reads import Reads
from bucketquery.results.changes import Change
from bucketquery.search.cursor import Walk
from bucketquery.search.entity_filter import filter_of
from bucketquery.search.job_by_job import Source
from bucketquery.search.row_key import RowKey, with_whole_job
from bucketquery.search.score_counts import sources_to_count, threshold_counts
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts

_new: Final = object.__new__


class Snapshot(Reads):
    """The results of all jobs at one commit.

    `ResultsIndex.snapshot` returns one in O(1). Any thread may read it, and later writes to the index do not change
    it. It keeps the columns of its commit in memory.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> before = index.snapshot()
    >>> commit = index.put_job("web")
    >>> "web" in index, "web" in before
    (True, False)
    """

    __slots__ = (
        "__weakref__",
        "_catalog",
        "_clock",
        "_has_documents",
        "_log",
        "_made_at",
        "_max_size",
        "_sequence",
        "_shortcuts",
    )

    def __init__(
        self,
        catalog: Catalog,
        sequence: int,
        max_size: int,
        clock: Callable[[], int],
        *,
        has_documents: bool,
        shortcuts: Shortcuts = ALL_SHORTCUTS,
        time: int | None = None,
        log: ChangeLog | None = None,
    ) -> None:
        self._catalog = catalog
        self._sequence = sequence
        self._max_size = max_size
        self._clock = clock
        self._has_documents = has_documents
        self._shortcuts = shortcuts
        #: When the commit was made, epoch ms; None before the first commit.
        self._made_at = time
        #: The changes of the index, shared by all its snapshots; None if it keeps none.
        self._log = log

    @property
    def _time(self) -> int:
        """When the commit was made, epoch ms; 0 before the first commit."""
        return self._made_at or 0

    def _newest(self) -> "Snapshot":
        return self

    def _next(self, catalog: Catalog, now: int) -> "Snapshot":
        """The snapshot of the next commit.

        Args:
            catalog: its jobs.
            now: the instant of the clock, epoch ms. If it is before the time of this commit, that time is repeated.
        """
        before = self._made_at
        # This does the same as the constructor, in half the time.
        following = _new(Snapshot)
        following._catalog = catalog
        following._sequence = self._sequence + 1
        following._max_size = self._max_size
        following._clock = self._clock
        following._has_documents = self._has_documents
        following._shortcuts = self._shortcuts
        following._made_at = now if before is None or now > before else before
        following._log = self._log
        return following

    def _with_shortcuts(self, shortcuts: Shortcuts) -> "Snapshot":
        """This commit with other shortcuts, for tests. Later commits inherit them."""
        return Snapshot(
            self._catalog,
            self._sequence,
            self._max_size,
            self._clock,
            has_documents=self._has_documents,
            shortcuts=shortcuts,
            time=self._made_at,
            log=self._log,
        )

    def _page(self, query: AnyQuery, job_id: str | None, now: Instant | None, field: str, max_size: int | None) -> Any:
        """The page of a query.

        Args:
            query: the query.
            job_id: the query's only token; None if it has several, or a pattern.
            now: the instant of ``now``; None: the clock's.
            field: the parameter that names the job, for errors.
            max_size: the largest ``size``; None: no limit.
        """
        resolved = query._resolved
        if resolved is None or now is not None:
            resolved = self._resolve(query, now)
        if max_size is not None and resolved.size > max_size and not resolved.is_lookup:
            raise _too_large(resolved.size, max_size)
        if not self._has_documents and resolved.expand:
            raise _without_documents()
        job = None if job_id is None else self._catalog.get(job_id)
        if job is None:
            if job_id is not None and field != "jobs":
                # A call about one job takes its literal id.
                self._catalog.known(job_id, field)
            return self._page_of_jobs(query, resolved, field)
        return page_of(job, query, resolved, self._sequence, self._has_documents, self._shortcuts)

    def _page_behind(self, query: AnyQuery, walk: Walk) -> Any:
        """The page of a query behind a row key."""
        resolved, key = walk
        if key.job_digest is not None:
            key = with_whole_job(key, self._catalog.all_ids(), desc=resolved.desc)
            walk = (resolved, key)
        if resolved.size > self._max_size:
            raise _too_large(resolved.size, self._max_size)
        if not self._has_documents and resolved.expand:
            raise _without_documents()
        job = self._only_job(query)
        if job is None or job.job_id != key.job_id:
            # The key of another job is a shard's: it knows only one of the jobs of the router's query.
            return self._page_of_jobs(query, resolved, "jobs", key)
        return page_behind(job, query, walk, self._sequence, self._has_documents, self._shortcuts)

    def _page_of_jobs(self, query: AnyQuery, resolved: ResolvedQuery, field: str, key: RowKey | None = None) -> Any:
        """The page of a query over the jobs that its tokens select, behind a row key if there is one."""
        return page_of_jobs(
            self._catalog,
            self._catalog.select(query.jobs, field),
            query,
            resolved,
            self._sequence,
            self._shortcuts,
            key,
            has_documents=self._has_documents,
        )

    def _pages(self, query: AnyQuery, now: Instant | None) -> Iterator[Any]:
        """All pages of a query, by row keys."""
        if query._parsed.timestamp is not None:
            raise InvalidQuery("[timestamp] finds one result, so it has no pages", field="timestamp")
        if not query.size:
            raise InvalidQuery("[size] must be positive, or the pages would not end", field="size", value=query.size)
        return self._walk(query, self._page(query, query._job_id, now, "jobs", self._max_size))

    def _walk(self, query: AnyQuery, page: Any) -> Iterator[Any]:
        """A page and all pages behind it."""
        yield page
        while walk := page._next_walk():
            page = self._page_behind(query, walk)
            yield page

    def _overall(self, question: OverallQuestion, now: Instant | None) -> OverallBuckets:
        return overall_of(self, question, question.resolve(self._now(now)))

    def _scan(self, query: AnyQuery, now: Instant | None) -> Iterator[Any]:
        resolved = self._resolve(query, now)
        if not self._has_documents:
            reason = "[documents] are needed to make values, and this index does not keep them"
            raise InvalidQuery(reason, field="documents")
        job = self._only_job(query)
        if job is None:
            selected = self._catalog.select(query.jobs, "jobs")
            return results_of_jobs(self._catalog, selected, resolved, self._shortcuts)
        return results_of(job, resolved, self._shortcuts)

    def _arrow(self, query: AnyQuery, now: Instant | None, *, dictionaries: bool) -> ArrowMatches:
        resolved, sequence, shortcuts = self._resolve(query, now), self._sequence, self._shortcuts
        kept = {"has_documents": self._has_documents, "dictionaries": dictionaries}
        job = self._only_job(query)
        if job is None:
            selected = self._catalog.select(query.jobs, "jobs")
            return matches_of_jobs(self._catalog, selected, resolved, sequence, shortcuts, **kept)
        return matches_of(job, resolved, sequence, shortcuts, **kept)

    def _score_counts(self, query: AnyQuery, thresholds: Float64s, now: Instant | None) -> Int64s:
        """The number of matches of a query at each threshold."""
        if query._parsed.timestamp is not None:
            raise InvalidQuery("[timestamp] finds one result, so nothing is counted by score", field="timestamp")
        resolved = self._resolve(query, now)
        sources: Iterable[Source]
        job = self._only_job(query)
        if job is None:
            selected = self._catalog.select(query.jobs, "jobs")
            sources = sources_to_count(self._catalog, selected, resolved, self._shortcuts)
        else:
            sources = [Source(job.table(resolved.schema), filter_of(job, resolved, self._shortcuts))]
        return threshold_counts(sources, resolved, thresholds, self._shortcuts)

    def _changes(self, query: AnyQuery | None, since: object) -> Changes:
        resolved = None if query is None else query._resolved or self._resolve(query, None)
        if resolved is not None and resolved.where and resolved.schema is BUCKET:
            reason = "[where] cannot filter the changes of buckets: the log does not say which records a bucket had"
            raise InvalidQuery(reason, field="where", value=resolved.where)
        if since is None:
            return listing(self._catalog, self._sequence, self._time, query, resolved, self._shortcuts)
        return changes_after(self._log, self._catalog, self._sequence, since, query, resolved)

    def _history(self, key: object, kind: Kind) -> tuple[Change, ...]:
        return history_of(self._log, self._catalog, self._sequence, key, kind)

    def _swimlane(self, query: SwimlaneQuery, now: Instant | None) -> Swimlane:
        return swimlane_of(self._catalog, query, query._bounds.resolve(self._now(now)), self._sequence)

    def _top_influencers(self, query: TopQuery, now: Instant | None) -> TopInfluencers:
        return top_influencers_of(self._catalog, query, self._now(now), self._sequence)

    def _only_job(self, query: AnyQuery) -> Job | None:
        """The job of a query whose only token is the id of a known job; None for any other query."""
        job_id = query._job_id
        return None if job_id is None else self._catalog.get(job_id)

    def _now(self, now: Instant | None) -> Callable[[], int]:
        """A function that returns the instant of ``now`` in epoch ms: the given one, or that of the clock."""
        if now is None:
            return self._read_clock
        instant = read_now(now)
        return lambda: instant

    def _resolve(self, query: AnyQuery, now: Instant | None) -> ResolvedQuery:
        return resolve(query, self._now(now))

    def _read_clock(self) -> int:
        return self._epoch_ms(self._clock())

    def _epoch_ms(self, read: object) -> int:
        """The time that a clock returned.

        Raises:
            TypeError: it is not an integer.
        """
        now = base_form(read)
        if type(now) is int:
            return now
        raise TypeError(f"clock must return int epoch milliseconds, not {type(read).__name__}")

    def _commit_time(self, read: object) -> int:
        """The time of a commit that a clock returned.

        Raises:
            TypeError: it is not an integer.
            ValueError: it is outside int64, so the log could not store it.
        """
        now = self._epoch_ms(read)
        if -(2**63) <= now < 2**63:
            return now
        raise ValueError("clock must return epoch milliseconds inside int64")

    def check(self) -> None:
        """Assert every invariant of the stored data, for tests. Complexity: at most O(n)."""
        self._catalog.check()

    def __repr__(self) -> str:
        return f"<Snapshot: {len(self._catalog)} jobs at commit {self._sequence}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Snapshot cannot be pickled or copied; pickle the pages or documents that are needed")


def _too_large(size: int, max_size: int) -> LimitExceeded:
    return LimitExceeded(f"Parameter [size] cannot be > {max_size}, the index's max_size", field="size", value=size)


def _without_documents() -> InvalidQuery:
    reason = "[expand] needs documents, and this index does not keep them"
    return InvalidQuery(reason, field="expand", value=True)


def require_job(snapshot: Snapshot, job_id: str) -> None:
    """Refuse a job that a snapshot does not know; the id is not a pattern.

    Raises:
        UnknownJob: no job has this id.
    """
    snapshot._catalog.known(job_id, "job_id")


def ids_of_token(snapshot: Snapshot, token: str) -> Sequence[str]:
    """The ids of the jobs that one token selects, sorted; the token has no ``-``.

    Raises:
        UnknownJob: a token without an asterisk names neither a job nor a group.
    """
    return snapshot._catalog.select((token,), "job_id").ids


def page_of_any_size(snapshot: Snapshot, query: AnyQuery) -> AnyPage:
    """The page of a query about one job, for a door with its own limit: the index's ``max_size`` does not apply.

    Raises:
        InvalidQuery: the query has ``expand``, but the index keeps no documents.
        LimitExceeded: date math leaves the years 0001 to 9999, or the page would have more than 100,000 records.
        UnknownJob: the job is not known.
        NotFound: no bucket is at ``timestamp``.
    """
    page: AnyPage = snapshot._page(query, query.jobs[0], None, "job_id", None)
    return page


def resolve_overall(snapshot: Snapshot, question: OverallQuestion) -> ResolvedOverall:
    """A question about overall buckets with every instant fixed, by the clock of the index.

    Raises:
        LimitExceeded: date math leaves the years 0001 to 9999.
    """
    return question.resolve(snapshot._read_clock)


def overall_of(snapshot: Snapshot, question: OverallQuestion, resolved: ResolvedOverall) -> OverallBuckets:
    """The overall buckets of a question whose instants are fixed.

    Raises:
        InvalidQuery: ``bucket_span`` is too short.
        UnknownJob: a job is not known, or none is selected and the question needs one.
    """
    return overall_buckets_of(snapshot._catalog, question, resolved, snapshot._sequence)
