"""The jobs of an index as the API shows them, and their statistics.

The index knows the id of a job, its span, its groups and its results. The other fields that the API promises have the
server's defaults. Fields that the server may leave out are left out.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from bucketquery.answers.common import timestamp_strings
from bucketquery.elastic.flags import read_flags, refuse_body
from bucketquery.elastic.replies import Reply
from bucketquery.elastic.settings import JobCall
from bucketquery.errors import UnknownJob
from bucketquery.queries.job_tokens import ALL_JOBS
from bucketquery.queries.queries import BucketQuery
from bucketquery.snapshot import Snapshot, ids_of_token, page_of_any_size

#: The names of one parameter; the second is that of version 7.
NO_MATCH: Final = ("allow_no_match", "allow_no_jobs")
#: The server's span of a job that names none.
DEFAULT_SPAN_S: Final = 300

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
#: The numbers that the server counts while it reads its input, which the index never sees.
_INPUT_COUNTS: Final = (
    "processed_record_count",
    "processed_field_count",
    "input_bytes",
    "input_field_count",
    "invalid_date_count",
    "missing_field_count",
    "out_of_order_timestamp_count",
    "empty_bucket_count",
    "sparse_bucket_count",
)


def find_jobs(snapshot: Snapshot, expression: str, *, allow_no_match: bool) -> list[str]:
    """The ids of the jobs that an expression names, sorted by code point.

    Args:
        snapshot: the commit that answers.
        expression: ids of jobs, names of groups, and patterns of both, separated by commas; or ``_all``. An asterisk in
            a pattern stands for any text.
        allow_no_match: whether a pattern may match no job.

    Raises:
        UnknownJob: a named job is not known, or a pattern matches no job and should.

    Complexity: O(1) for each id, and O(j) for each pattern of j jobs. The last patterns are remembered.
    Source: the server's ``ExpandedIdsMatcher``.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> for name in ("db-1", "web-1", "web-2"):
    ...     commit = index.put_job(name)
    >>> find_jobs(index.snapshot(), "web-*,db-1", allow_no_match=True)
    ['db-1', 'web-1', 'web-2']
    """
    tokens = [token.strip() for token in dict.fromkeys(expression.split(",")) if token.strip()]
    if tokens in ([], [ALL_JOBS]):
        tokens = ["*"]
    found: set[str] = set()
    missing: list[str] = []
    for token in tokens:
        matches = _ids_of(snapshot, token)
        found.update(matches)
        if not matches and not ("*" in token and allow_no_match):
            missing.append(token)
    if missing:
        raise unknown_job(",".join(missing))
    return sorted(found)


def _ids_of(snapshot: Snapshot, token: str) -> Sequence[str]:
    """The ids of the jobs of one token, which is a pattern, an id or a group; there are no exclusions."""
    if token in snapshot:
        return (token,)
    if token == ALL_JOBS or token[0] == "-":
        return ()
    try:
        return ids_of_token(snapshot, token)
    except UnknownJob:
        return ()


def unknown_job(job_id: str) -> UnknownJob:
    """The error for a job that is not known.

    >>> unknown_job("web").reason
    "No known job with id 'web'"
    """
    return UnknownJob(f"No known job with id '{job_id[:300]}'", field="job_id", value=job_id)


def job_object(snapshot: Snapshot, job_id: str, version: str, *, exclude_generated: bool = False) -> dict[str, Any]:
    """A known job as the API shows it.

    Args:
        snapshot: the commit that answers.
        job_id: the id of the job.
        version: the server's version.
        exclude_generated: whether to leave out the fields that a request to create a job must not have.

    Source: the server's ``Job``.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.put_job("web", bucket_span=900)
    >>> job_object(index.snapshot(), "web", "9.2.1")["analysis_config"]
    {'bucket_span': '15m', 'detectors': [], 'influencers': []}
    """
    generated = {} if exclude_generated else {"job_type": "anomaly_detector", "job_version": version}
    groups = [*snapshot.stats(job_id)["groups"]]
    return {
        "job_id": job_id,
        **generated,
        # Like the server, this leaves out the groups of a job without any.
        **({"groups": groups} if groups else {}),
        "analysis_config": {
            "bucket_span": span_text(_span_of(snapshot, job_id)),
            "detectors": [],
            "influencers": [],
        },
        "data_description": {"time_field": "time", "time_format": "epoch_ms"},
        "model_snapshot_retention_days": 10,
        "daily_model_snapshot_retention_after_days": 1,
        "results_index_name": "shared",
        "allow_lazy_open": False,
    }


def span_text(span_s: int) -> str:
    """A span in seconds as the API writes it, in the largest unit without a remainder.

    >>> span_text(900), span_text(86_400), span_text(90)
    ('15m', '1d', '90s')
    """
    return next(f"{span_s // length}{unit}" for unit, length in _UNITS if span_s % length == 0)


def answer_jobs(asked: JobCall) -> Reply:
    """The jobs that a request names.

    Raises:
        InvalidQuery: a parameter is unknown or invalid, or there is a body.
        UnknownJob: a job is not known.

    Source: the server's ``RestGetJobsAction``.
    """
    flags = read_flags(asked.call, (*NO_MATCH, "exclude_generated"))
    refuse_body(asked.call)
    snapshot, version = asked.snapshot, asked.settings.version
    excluded = flags.get("exclude_generated", False)
    found = find_jobs(snapshot, asked.job, allow_no_match=may_match_nothing(flags))
    return _listed([job_object(snapshot, job_id, version, exclude_generated=excluded) for job_id in found])


def answer_stats(asked: JobCall) -> Reply:
    """The statistics of the jobs that a request names.

    Raises:
        InvalidQuery: a parameter is unknown or invalid, or there is a body.
        UnknownJob: a job is not known.

    Source: the server's ``RestGetJobStatsAction`` and ``GetJobsStatsAction``.
    """
    flags = read_flags(asked.call, NO_MATCH)
    refuse_body(asked.call)
    found = find_jobs(asked.snapshot, asked.job, allow_no_match=may_match_nothing(flags))
    return _listed([_stats_of(asked.snapshot, job_id, human=asked.call.response.human) for job_id in found])


def may_match_nothing(flags: dict[str, bool]) -> bool:
    """Whether a pattern of the request may match no job; it may by default.

    >>> may_match_nothing({}), may_match_nothing({"allow_no_jobs": False})
    (True, False)
    """
    return next((flags[name] for name in NO_MATCH if name in flags), True)


def _listed(jobs: list[dict[str, Any]]) -> Reply:
    return Reply(status=200, body={"count": len(jobs), "jobs": jobs})


def _stats_of(snapshot: Snapshot, job_id: str, *, human: bool) -> dict[str, Any]:
    stored = snapshot.stats(job_id)
    buckets = stored["rows"]["bucket"]
    counts = {"job_id": job_id, **dict.fromkeys(_INPUT_COUNTS, 0), "bucket_count": buckets}
    times = {"earliest_record_timestamp": "first_timestamp", "latest_record_timestamp": "last_timestamp"}
    for name, key in times.items():
        if stored[key] is not None:
            if human:
                (counts[f"{name}_string"],) = timestamp_strings(np.array([stored[key]], dtype=np.int64))
            counts[name] = stored[key]
    return {
        "job_id": job_id,
        "data_counts": {**counts, "input_record_count": 0},
        "forecasts_stats": {"total": 0, "forecasted_jobs": 0},
        "state": "closed",
        "timing_stats": {"job_id": job_id, "bucket_count": buckets, "total_bucket_processing_time_ms": 0.0},
    }


def _span_of(snapshot: Snapshot, job_id: str) -> int:
    """The span of a job: that of `put_job`, or that of its newest bucket, or the server's default."""
    span: int | None = snapshot.stats(job_id)["bucket_span"]
    if span is None:
        newest = page_of_any_size(snapshot, BucketQuery(jobs=job_id, desc=True, size=1))
        span = int(newest.column("bucket_span")[0]) if newest.count else DEFAULT_SPAN_S
    return span
