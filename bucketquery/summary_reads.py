"""Swimlanes and top influencers, as methods that indexes and snapshots share, documented once."""

from collections.abc import Iterable

from bucketquery.answers.swimlane import Swimlane
from bucketquery.answers.top_influencers import TopInfluencers
from bucketquery.count_reads import CountReads
from bucketquery.errors import InvalidQuery
from bucketquery.model.instants import Instant
from bucketquery.queries.swimlane_query import SwimlaneQuery
from bucketquery.queries.top_query import read_top_query


class SummaryReads(CountReads):
    """The methods whose answers summarise many results. A subclass gives the snapshot that they read."""

    __slots__ = ()

    def swimlane(self, query: SwimlaneQuery, *, now: Instant | None = None) -> Swimlane:
        """The greatest score of each lane in each cell of time: of each job, or of each value of an influencer.

        Args:
            query: a query value, which any number of calls may use.
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: ``query`` or ``now`` is invalid, or the zone of the query fails.
            LimitExceeded: there are more than 1,000,000 cells, or scores on the page; or date math leaves the years
                0001 to 9999.
            UnknownJob: a job is not known; the error names the first one.

        Complexity: at most O(n log n) for the n results of the window, plus O(c) for c cells and O(j) for j jobs. The
        value indexes name the lanes with the greatest scores, and give most cells. So the time hardly grows with n,
        except at the first call, which makes the indexes: O(n).

        >>> from bucketquery import ResultsIndex, SwimlaneQuery
        >>> index = ResultsIndex()
        >>> bucket = {"timestamp": 0, "bucket_span": 300}
        >>> scores = {"web": 20, "db": 80}
        >>> commit = index.upsert(
        ...     [{**bucket, "job_id": job, "anomaly_score": score} for job, score in scores.items()], kind="bucket"
        ... )
        >>> swimlane = index.swimlane(SwimlaneQuery(jobs=["web", "db"], cell="day"))
        >>> swimlane.lanes, swimlane.scores.tolist()
        (('db', 'web'), [[80.0], [20.0]])
        """
        _check(query)
        found: Swimlane = self._newest()._swimlane(query, now)
        return found

    def top_influencers(
        self,
        *,
        jobs: str | Iterable[str],
        field: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        by: str = "max",
        size: int = 10,
        from_: int = 0,
        exclude_interim: bool = False,
        now: Instant | None = None,
    ) -> TopInfluencers:
        """Influencers of several jobs over a window, by their greatest score or by the sum of their scores.

        Args:
            jobs: the jobs, as in `BucketQuery`.
            field: the only ``influencer_field_name`` that counts (default: all).
            start: first instant included; None and -1 leave this side open.
            end: first instant excluded; None and -1 leave this side open.
            by: ``"max"`` orders by the greatest score, ``"sum"`` by the sum.
            size: largest number of entries.
            from_: number of entries to skip.
            exclude_interim: leave interim results out.
            now: the instant of ``now`` in date math (default: the index's clock).

        Raises:
            InvalidQuery: a parameter has an invalid value; ``field`` names it.
            LimitExceeded: there are too many jobs, or a date text exceeds a limit.
            UnknownJob: a job is not known; the error names the first one.

        Complexity: at most O(n) for the n results of the window. By the greatest score, the value index names the
        entries. For the sum, the index stores the totals of blocks of results. So the time hardly grows with n, except
        at the first call, which makes the indexes: O(n).

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> influencer = {"job_id": "web", "bucket_span": 300, "influencer_field_name": "airline"}
        >>> commit = index.upsert(
        ...     [
        ...         {**influencer, "timestamp": time, "influencer_field_value": value, "influencer_score": score}
        ...         for time, value, score in [(0, "AAL", 60), (0, "JZA", 40), (300_000, "JZA", 30)]
        ...     ],
        ...     kind="influencer",
        ... )
        >>> [each.influencer_field_value for each in index.top_influencers(jobs="web", by="sum")]
        ['JZA', 'AAL']
        """
        query = read_top_query(
            jobs=jobs,
            field=field,
            start=start,
            end=end,
            by=by,
            size=size,
            from_=from_,
            exclude_interim=exclude_interim,
        )
        found: TopInfluencers = self._newest()._top_influencers(query, now)
        return found


def _check(query: object) -> None:
    if not isinstance(query, SwimlaneQuery):
        reason = f"[query] must be a SwimlaneQuery, not {type(query).__name__}"
        raise InvalidQuery(reason, field="query", value=query)
