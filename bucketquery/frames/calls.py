"""The public functions. Each imports the package ``narwhals`` when it is called."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

from bucketquery.answers.overall import OverallBuckets
from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.count_reads import require_query
from bucketquery.frames.latest import Latest
from bucketquery.model.extras import needed
from bucketquery.model.instants import Instant
from bucketquery.queries.parameters import read_text
from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery


@overload
def search(
    frame: Any, query: BucketQuery, *, now: Instant | None = None, records: Any = None, max_size: int = 10_000
) -> BucketPage: ...
@overload
def search(
    frame: Any, query: RecordQuery, *, now: Instant | None = None, records: Any = None, max_size: int = 10_000
) -> RecordPage: ...
@overload
def search(
    frame: Any, query: InfluencerQuery, *, now: Instant | None = None, records: Any = None, max_size: int = 10_000
) -> InfluencerPage: ...
def search(
    frame: Any,
    query: BucketQuery | RecordQuery | InfluencerQuery,
    *,
    now: Instant | None = None,
    records: Any = None,
    max_size: int = 10_000,
) -> BucketPage | RecordPage | InfluencerPage:
    """The page of a query over a frame: the results, order, count and body that an index would return.

    The engine runs two queries: one counts, one sorts and cuts the page. With ``expand``, a third one reads the records
    of the page's buckets. The page is a copy, which does not change with the frame. Its ``sequence`` is 0 and its
    ``cursor`` is None: read further pages with ``from_``.

    Args:
        frame: the results of one kind, each once: a DuckDB relation, a Polars LazyFrame or DataFrame, a DataFrame of
            PySpark, pandas or sqlframe, a table of pyarrow or Ibis; or what `latest` returns. The rules list the
            columns; a missing column is a field that no result has.
        query: the query. A token without an asterisk is the id of a job, because a frame knows no groups.
        now: the instant of ``now`` in date math (default: the system's clock).
        records: a frame of records (default None), for a query with ``expand`` and a `BucketQuery` with ``where``.
        max_size: the largest ``size`` of a query (default 10,000).

    Raises:
        ImportError: the package ``narwhals`` is not installed.
        TypeError: ``frame`` is no frame.
        InvalidQuery: ``query`` is no query, the engine is not supported, a required column is missing, or a column has
            another type.
        InvalidDocument: a row is no valid result, several rows have one identity, or the engine orders or compares
            text otherwise than by code point.
        LimitExceeded: ``size`` exceeds ``max_size``, or the page would have more than 100,000 records.
        NotFound: a lookup matches no bucket.

    Complexity: the engine's two queries, and O(p log p) for p results on the page.

    >>> import duckdb
    >>> columns = "'web' AS job_id, 900000 * i AS timestamp, 900 AS bucket_span, i AS anomaly_score"
    >>> table = duckdb.sql(f"SELECT {columns} FROM range(100) AS numbers(i)")
    >>> page = search(table, BucketQuery(jobs="web", anomaly_score=75, sort="anomaly_score", desc=True, size=2))
    >>> page.count, [bucket.anomaly_score for bucket in page]
    (25, [99.0, 98.0])
    """
    require_query(query)
    page: BucketPage | RecordPage | InfluencerPage = _module("answer").answer(
        frame, query, records=records, now=now, max_size=max_size
    )
    return page


def overall_buckets(
    frame: Any,
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
    spans: Mapping[str, int] | None = None,
) -> OverallBuckets:
    """The overall buckets of several jobs in a frame of buckets, as `get_overall_buckets` of an index returns them.

    The engine gives the greatest score of each job in each interval, or in parts of it. The means of the ``top_n``
    greatest scores and the threshold are computed here.

    Args:
        frame: a frame of buckets, as for `search`.
        job_id: the jobs, as the ``jobs`` of a query names them.
        allow_no_match: whether it is no error if no job is selected (default True).
        bucket_span: length of an interval, as for an index.
        end: first instant excluded, rounded down to an interval; -1 leaves this side open.
        exclude_interim: leave interim buckets out (default False).
        overall_score: lowest overall score that is kept, a number or numeric text (default 0.0).
        start: first instant included, rounded up to an interval; -1 leaves this side open.
        top_n: number of jobs whose scores count (default 1).
        now: the instant of ``now`` in date math (default: the system's clock).
        spans: the spans of jobs in seconds, by job (default: the longest span of each job's buckets). If ``job_id``
            has ids only, and all have a span here, the engine does not look for the longest one in all buckets.

    Raises:
        ImportError: the package ``narwhals`` is not installed.
        InvalidQuery: as `search`; or a parameter is invalid, or ``bucket_span`` is too short.
        InvalidDocument: as `search`.
        LimitExceeded: a parameter exceeds a limit.
        UnknownJob: no job is selected, and ``allow_no_match`` is False.

    Complexity: the engine's two queries, and O(r log r) for the r groups that the engine returns: at most one for each
        job and unit of time that divides an interval.

    >>> import duckdb
    >>> rows = "('web', 0, 3600, 80.0), ('db', 0, 3600, 40.0)"
    >>> table = duckdb.sql(f"FROM (VALUES {rows}) t(job_id, timestamp, bucket_span, anomaly_score)")
    >>> [found.overall_score for found in overall_buckets(table, job_id="_all", top_n=2)]
    [60.0]
    """
    parameters = {
        "job_id": job_id,
        "allow_no_match": allow_no_match,
        "bucket_span": bucket_span,
        "end": end,
        "exclude_interim": exclude_interim,
        "overall_score": overall_score,
        "start": start,
        "top_n": top_n,
    }
    found: OverallBuckets = _module("overall").overall_of_frame(frame, spans=spans, now=now, parameters=parameters)
    return found


def latest(frame: Any, version: str) -> Latest:
    """A frame that is only appended to: `search` reads the row with the greatest version of each result.

    A newer row replaces an older one of its identity, whatever its score is and whether it is interim. The jobs and the
    window of a query are applied first, so that an engine can skip files.

    Args:
        frame: a frame, as for `search`.
        version: the name of a column that grows with each write, such as the sequence of a commit or the time of the
            write. It must have a value in each row, and differ between the rows of one result.

    Raises:
        InvalidQuery: ``version`` is not text.

    >>> import duckdb
    >>> rows = "('web', 0, 900, 80.0, 1), ('web', 0, 900, 20.0, 2)"
    >>> table = duckdb.sql(f"FROM (VALUES {rows}) t(job_id, timestamp, bucket_span, anomaly_score, written)")
    >>> search(latest(table, "written"), BucketQuery(jobs="web")).column("anomaly_score")
    array([20.])
    """
    return Latest(frame, read_text(version, "version"))


def _module(name: str) -> Any:
    """A module of this folder that needs narwhals.

    Raises:
        ImportError: narwhals is not installed.
    """
    with needed("distributed", "bucketquery.frames needs narwhals"):
        from bucketquery.frames import answer, overall  # noqa: PLC0415 - they need an optional dependency
    return answer if name == "answer" else overall
