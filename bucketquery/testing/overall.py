"""The reference answer about overall buckets: the buckets of several jobs in one interval of time, over plain dicts.

Not here: the words of errors that the REST door has, and reading texts.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bucketquery.errors import InvalidQuery
from bucketquery.testing.living import stored_results
from bucketquery.testing.shapes import Document
from bucketquery.testing.values import double, plain, timestamp_ms

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def evaluate_overall(
    documents: Iterable[Document] | Any,
    *,
    jobs: Iterable[str],
    spans: Mapping[str, int] | None = None,
    bucket_span: int | None = None,
    start: int | None = None,
    end: int | None = None,
    top_n: int = 1,
    overall_score: float = 0.0,
    exclude_interim: bool = False,
) -> dict[str, Any]:
    """The API's response body of "get overall buckets" over `documents`.

    Args:
        documents: as `evaluate` takes them.
        jobs: the ids of the selected jobs; `selected` makes them from tokens.
        spans: the spans that `put_job` gave, in seconds, by job.
        bucket_span: the parameter, in seconds.
        start: the first instant of the window, in epoch ms; None or -1 leaves this side open.
        end: the first instant after the window; None or -1 leaves this side open.
        top_n: the number of scores in the mean of an interval.
        overall_score: the lowest score of an interval that is kept.
        exclude_interim: whether interim buckets are left out.

    Returns:
        A new dict like that of ``to_dict()``, with the keys ``count`` and ``overall_buckets``.

    Raises:
        InvalidQuery: `top_n` is not positive, or `bucket_span` is below the longest span.

    Complexity: O(n log n) for n documents.
    Source: docs/semantics/overall-buckets.md.

    >>> web = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900, "anomaly_score": 80}
    >>> db = {**web, "job_id": "db", "anomaly_score": 50}
    >>> answer = evaluate_overall([web, db], jobs=["web", "db"], top_n=2)
    >>> answer["count"], answer["overall_buckets"][0]["overall_score"]
    (1, 65.0)
    """
    if top_n < 1:
        reason = f"[topN] parameter must be positive, found [{top_n}]"
        raise InvalidQuery(reason, field="top_n", value=top_n)
    chosen = sorted(set(jobs))
    buckets = [
        document for (kind, key), document in stored_results(documents).items() if kind == "bucket" and key[0] in chosen
    ]
    longest = _longest(buckets, chosen, spans or {})
    if longest is None:
        return {"count": 0, "overall_buckets": []}
    if bucket_span is not None and bucket_span < longest:
        reason = f"Param [bucket_span] must be greater or equal to the max bucket_span [{_as_text(longest)}]"
        raise InvalidQuery(reason, field="bucket_span", value=bucket_span, type="status_exception")
    is_direct = bucket_span is not None and (top_n == 1 or len(chosen) == 1)
    fine = bucket_span if bucket_span is not None and is_direct else longest
    step = fine * 1_000
    first = None if start is None or start == -1 else -(-start // step) * step
    behind = None if end is None or end == -1 else end // step * step
    intervals: dict[int, list[Document]] = {}
    for bucket in buckets:
        timestamp = timestamp_ms(bucket)
        is_inside = (first is None or timestamp >= first) and (behind is None or timestamp < behind)
        if is_inside and not (exclude_interim and plain(bucket.get("is_interim"))):
            intervals.setdefault(timestamp // step * step, []).append(bucket)
    found = [_interval(at, fine, intervals[at], top_n) for at in sorted(intervals)]
    kept = [one for one in found if one["overall_score"] >= overall_score]
    if bucket_span is not None and bucket_span != fine:
        kept = _collected(kept, bucket_span)
    return {"count": len(kept), "overall_buckets": kept}


def _longest(buckets: list[Document], jobs: list[str], spans: Mapping[str, int]) -> int | None:
    """The longest span of the jobs that have one."""
    found: dict[str, int] = {}
    for bucket in buckets:
        job, span = plain(bucket["job_id"]), int(plain(bucket["bucket_span"]))
        found[job] = max(span, found.get(job, span))
    found |= {job: spans[job] for job in jobs if job in spans}
    return max(found.values(), default=None)


def _as_text(seconds: int) -> str:
    """The span in the greatest unit that divides it, up to minutes: ``60m``."""
    size, unit = next((size, unit) for size, unit in _UNITS if size <= 60 and seconds % size == 0)  # noqa: PLR2004
    return f"{seconds // size}{unit}"


def _interval(timestamp: int, span: int, buckets: list[Document], top_n: int) -> dict[str, Any]:
    """One overall bucket from all buckets of its interval."""
    best: dict[str, float] = {}
    for bucket in buckets:
        job, score = plain(bucket["job_id"]), double(bucket.get("anomaly_score"))
        best[job] = max(score, best.get(job, score))
    greatest = sorted(best.values(), reverse=True)[:top_n]
    total = 0.0
    for score in greatest:
        # `sum` may compensate for rounding.
        total += score
    mean = total / len(greatest)
    return _shape(timestamp, span, mean, best, is_interim=any(plain(bucket.get("is_interim")) for bucket in buckets))


def _collected(kept: list[dict[str, Any]], span: int) -> list[dict[str, Any]]:
    """Overall buckets of a longer span from kept ones."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for one in kept:
        groups.setdefault(one["timestamp"] // (span * 1_000) * span * 1_000, []).append(one)
    found = []
    for timestamp, group in sorted(groups.items()):
        best: dict[str, float] = {}
        for job in (job for one in group for job in one["jobs"]):
            best[job["job_id"]] = max(job["max_anomaly_score"], best.get(job["job_id"], 0.0))
        score = max(one["overall_score"] for one in group)
        found.append(_shape(timestamp, span, score, best, is_interim=any(one["is_interim"] for one in group)))
    return found


def _shape(timestamp: int, span: int, score: float, best: Mapping[str, float], *, is_interim: bool) -> dict[str, Any]:
    return {
        "timestamp": timestamp,
        "bucket_span": span,
        "overall_score": score,
        "jobs": [{"job_id": job, "max_anomaly_score": best[job]} for job in sorted(best)],
        "is_interim": is_interim,
        "result_type": "overall_bucket",
    }
