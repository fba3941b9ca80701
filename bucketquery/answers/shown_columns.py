"""The columns in which people read results: titles, and the cell of each result as text."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import Any, Final

from bucketquery.model.instants import datetime_of
from bucketquery.model.numbers import is_number
from bucketquery.model.schema import BUCKET, RECORD, Kind
from bucketquery.model.text import visible
from bucketquery.results.anomalies import AnomalyRecord, Influencer
from bucketquery.results.buckets import Bucket
from bucketquery.results.overall import OverallBucket
from bucketquery.results.top_influencer import TopInfluencer

_Cells = dict[str, list[str]]

#: The titles of the columns of numbers.
NUMBERS: Final = frozenset(
    {"span", "score", "initial", "events", "records", "probability", "actual", "typical", "jobs", "sum", "results"}
)
#: The column of an overall bucket's jobs names at most this many.
_WORST_JOBS: Final = 3


def columns_of(kind: Kind, results: Sequence[Any]) -> dict[str, list[str]]:
    """The cells of some results, by the title of their column; an empty text for a missing value.

    Args:
        kind: the kind of the results.
        results: values of this kind.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
    >>> columns_of("bucket", index.get_buckets(job_id="web")[:1])["timestamp"]
    ['1970-01-01T00:00:00Z']
    """
    if kind == BUCKET.kind:
        return _of_buckets(results)
    return _of_records(results) if kind == RECORD.kind else _of_influencers(results)


def columns_of_overall(overall: Iterable[OverallBucket]) -> dict[str, list[str]]:
    """The cells of some overall buckets, by the title of their column; an empty text for a missing value.

    Args:
        overall: the overall buckets, read one by one, since each may have very many jobs. The jobs with the greatest
            scores are named, ties by id.

    O(j) for the j jobs of all of them.

    >>> from bucketquery.results.overall import OverallBucketJob
    >>> jobs = (OverallBucketJob(job_id="db", max_anomaly_score=80.0),)
    >>> found = OverallBucket(timestamp=0, bucket_span=300, overall_score=80.0, jobs=jobs, is_interim=False)
    >>> columns_of_overall([found])["worst jobs"]
    ['db 80.00']
    """
    timestamps: list[int] = []
    cells: _Cells = {title: [] for title in ("score", "severity", "interim", "jobs", "worst jobs")}
    for found in overall:
        timestamps.append(found.timestamp)
        cells["score"].append(two_decimals(found.overall_score))
        cells["severity"].append(found.severity)
        cells["interim"].append("interim" if found.is_interim else "")
        cells["jobs"].append(f"{len(found.jobs):,}")
        cells["worst jobs"].append(_listed(_worst(found)))
    return {"timestamp": instants(timestamps), **cells}


def _worst(found: OverallBucket) -> Iterator[str]:
    """The jobs with the greatest scores, each with its score."""
    for job in nsmallest(_WORST_JOBS, found.jobs, key=lambda job: (-job.max_anomaly_score, job.job_id)):
        yield f"{job.job_id} {two_decimals(job.max_anomaly_score)}"


def columns_of_top(influencers: Sequence[TopInfluencer]) -> dict[str, list[str]]:
    """The cells of some top influencers, by the title of their column.

    Args:
        influencers: the entries of a list of top influencers; their greatest score has the title ``score``.

    >>> columns_of_top([])["sum"]
    []
    """
    return {
        "field": [visible(entry.influencer_field_name) for entry in influencers],
        "value": [visible(entry.influencer_field_value) for entry in influencers],
        "score": [two_decimals(entry.max_influencer_score) for entry in influencers],
        "sum": [f"{entry.sum_influencer_score:,.2f}" for entry in influencers],
        "results": [f"{entry.count:,}" for entry in influencers],
    }


def _of_buckets(buckets: Sequence[Bucket]) -> _Cells:
    return {
        **_of_all(buckets, "anomaly_score"),
        "events": [f"{bucket.event_count:,}" for bucket in buckets],
        **_interim(buckets),
        "records": [f"{len(bucket.records):,}" if bucket.records else "" for bucket in buckets],
        "influencers": [
            _listed(each.influencer_field_name for each in bucket.bucket_influencers) for bucket in buckets
        ],
        "scheduled events": [_listed(bucket.scheduled_events) for bucket in buckets],
    }


def _of_records(records: Sequence[AnomalyRecord]) -> _Cells:
    values = [_values(record) for record in records]
    return {
        **_of_all(records, "record_score"),
        "probability": [f"{record.probability:.3g}" for record in records],
        **_interim(records),
        "function": [_function(record) for record in records],
        "actual": [actual for actual, _ in values],
        "typical": [typical for _, typical in values],
        "of": [_listed(_entities(record)) for record in records],
    }


def _of_influencers(influencers: Sequence[Influencer]) -> _Cells:
    return {
        **_of_all(influencers, "influencer_score"),
        "probability": [f"{influencer.probability:.3g}" for influencer in influencers],
        **_interim(influencers),
        "field": [visible(influencer.influencer_field_name or "") for influencer in influencers],
        "value": [visible(influencer.influencer_field_value or "") for influencer in influencers],
    }


def _of_all(results: Sequence[Any], score: str) -> _Cells:
    spans_differ = len({result.bucket_span for result in results}) > 1
    jobs_differ = len({result.job_id for result in results}) > 1
    return {
        "job": [visible(result.job_id) if jobs_differ else "" for result in results],
        "timestamp": instants(result.timestamp for result in results),
        "span": [f"{result.bucket_span} s" if spans_differ else "" for result in results],
        "score": [two_decimals(getattr(result, score)) for result in results],
        "severity": [result.severity for result in results],
        "initial": [two_decimals(getattr(result, f"initial_{score}")) for result in results],
    }


def _interim(results: Sequence[Any]) -> _Cells:
    return {"interim": ["interim" if result.is_interim else "" for result in results]}


def _values(record: AnomalyRecord) -> tuple[str, str]:
    """The actual and the typical values of a record; those of its cause if it has none and a single cause.

    The record of a population has its values in its causes only. The values of several causes have no common meaning,
    so their number is shown.
    """
    actual: Any = record.actual
    typical: Any = record.typical
    if not actual and not typical:
        causes = record.causes
        if len(causes) > 1:
            return f"{len(causes):,} causes", ""
        for cause in causes:
            actual, typical = cause.get("actual"), cause.get("typical")
    return _numbers(actual), _numbers(typical)


def _numbers(values: Any) -> str:
    """The numbers in a list. The index stores any JSON in the lists of a cause, and a cause may have no list."""
    listed = values if isinstance(values, tuple) else (values,)
    return _listed(f"{value:.6g}" for value in listed if is_number(value))


def _function(record: AnomalyRecord) -> str:
    function = record.function or ""
    return visible(f"{function}({record.field_name})" if record.field_name else function)


def _entities(record: AnomalyRecord) -> list[str]:
    """The entities of an anomaly: the fields that split the analysis, with their values."""
    fields = (
        (record.by_field_name, record.by_field_value),
        (record.over_field_name, record.over_field_value),
        (record.partition_field_name, record.partition_field_value),
    )
    return [f"{name or ''}={value}" for name, value in fields if value is not None]


def instants(timestamps: Iterable[int]) -> list[str]:
    """Instants as the command's options take them: to the second if all have whole seconds, or to the millisecond.

    Args:
        timestamps: epoch ms. One outside the years 0001 to 9999 is shown as epoch ms.

    >>> instants([0, 60_000]), instants([1])
    (['1970-01-01T00:00:00Z', '1970-01-01T00:01:00Z'], ['1970-01-01T00:00:00.001Z'])
    """
    given = [*timestamps]
    precision = "milliseconds" if any(timestamp % 1000 for timestamp in given) else "seconds"
    return [_instant(timestamp, precision) for timestamp in given]


def _instant(timestamp: int, precision: str) -> str:
    try:
        return datetime_of(timestamp).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
    except OverflowError:
        return str(timestamp)


def two_decimals(score: float) -> str:
    """The score cut to two decimals, not rounded: a score that is shown as 75.00 is critical.

    >>> two_decimals(74.999)
    '74.99'
    """
    text = f"{score:.2f}"
    return text if float(text) <= score else f"{score - 0.005:.2f}"


def _listed(names: Iterable[str | None]) -> str:
    return visible(", ".join(filter(None, names)))
