"""Counts of matches by score, as methods that indexes and snapshots share, documented once."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from bucketquery.client_reads import ClientReads
from bucketquery.errors import InvalidQuery
from bucketquery.model.frozen import FrozenMapping
from bucketquery.model.instants import Instant
from bucketquery.model.schema import Float64s, Int64s
from bucketquery.model.severity import MARKS, WORDS, Severity
from bucketquery.queries.parameters import read_thresholds
from bucketquery.queries.queries import QUERIES, AnyQuery

#: All matches, and those at or above the lowest score of each severity.
_MARKS: Final[Float64s] = np.array((0.0, *MARKS))


class CountReads(ClientReads):
    """The counts by score. A subclass gives the snapshot that they read."""

    __slots__ = ()

    def severity_counts(self, query: AnyQuery, *, now: Instant | None = None) -> Mapping[Severity, int]:
        """The number of matches of each severity.

        Args:
            query: a query value, not a lookup. Its ``sort``, ``desc``, ``from_``, ``size`` and ``expand`` do not apply.
            now: the instant of ``now`` in date math (default: the index's clock).

        Returns:
            An immutable mapping from ``low``, ``warning``, ``minor``, ``major`` and ``critical`` to a number, in this
            order. A match without a score counts as ``low``.

        Raises:
            InvalidQuery: ``query`` or ``now`` is invalid, or the query is a lookup.
            LimitExceeded: date math leaves the years 0001 to 9999.
            UnknownJob: a job is not known; the error names the first one.

        Complexity: as `threshold_counts` with five thresholds.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> columns = {"timestamp": [0, 300000, 600000, 900000], "bucket_span": 300, "anomaly_score": [0, 30, 60, 90]}
        >>> commit = index.upsert_columns(columns, job_id="web")
        >>> dict(index.severity_counts(BucketQuery(jobs="web")))
        {'low': 1, 'warning': 0, 'minor': 1, 'major': 1, 'critical': 1}
        """
        require_query(query)
        reaching = self._newest()._score_counts(query, _MARKS, now).tolist()
        below = [*reaching[1:], 0]
        return FrozenMapping({word: at - next_ for word, at, next_ in zip(WORDS, reaching, below, strict=True)})

    def threshold_counts(
        self, query: AnyQuery, thresholds: Iterable[float] | npt.ArrayLike, *, now: Instant | None = None
    ) -> Int64s:
        """For each threshold the number of matches that also reach it.

        Args:
            query: a query value, not a lookup. Its ``sort``, ``desc``, ``from_``, ``size`` and ``expand`` do not apply.
            thresholds: at most 10,000 numbers, in any order; 0, a negative number or NaN counts all matches.
            now: the instant of ``now`` in date math (default: the index's clock).

        Returns:
            A read-only int64 array, in the order of the thresholds.

        Raises:
            InvalidQuery: ``query``, ``thresholds`` or ``now`` is invalid, or the query is a lookup.
            LimitExceeded: there are more than 10,000 thresholds, or date math leaves the years 0001 to 9999.
            UnknownJob: a job is not known; the error names the first one.

        Complexity: O(k log n) for k thresholds and n results of one job, plus a comparison with about 1 in 250 of the
        window's scores for each. At most 131,072 scores of the window are sorted instead: O(w log w). Several jobs are
        counted one by one, or as one table if they are all jobs.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> columns = {"timestamp": [0, 300000, 600000, 900000], "bucket_span": 300, "anomaly_score": [0, 30, 60, 90]}
        >>> commit = index.upsert_columns(columns, job_id="web")
        >>> index.threshold_counts(BucketQuery(jobs="web"), [75, 60, 0]).tolist()
        [1, 2, 4]
        """
        require_query(query)
        counts = self._newest()._score_counts(query, read_thresholds(thresholds), now)
        counts.setflags(write=False)
        return counts


def require_query(query: object) -> None:
    """Refuse a value that is not a query.

    Raises:
        InvalidQuery: ``query`` is no query value.
    """
    if not isinstance(query, QUERIES):
        reason = f"[query] must be a BucketQuery, RecordQuery or InfluencerQuery, not {type(query).__name__}"
        raise InvalidQuery(reason, field="query", value=query)
