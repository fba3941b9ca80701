"""Overall buckets of a frame: the engine gives the greatest score of each job in short intervals, an index the rest.

A small index takes the means and compares them with the threshold, because the sums of an engine have no fixed order.
"""

from collections.abc import Mapping
from typing import Any, Final

import narwhals.stable.v2 as nw

from bucketquery.answers.overall import OverallBuckets
from bucketquery.errors import InvalidDocument
from bucketquery.frames.clock import instant_of
from bucketquery.frames.conditions import final, in_jobs_and_window, job_selection
from bucketquery.frames.instants import steps
from bucketquery.frames.latest import Latest
from bucketquery.frames.newest import newest
from bucketquery.frames.rows import Columns, all_of
from bucketquery.frames.table import Table
from bucketquery.index import ResultsIndex
from bucketquery.model.instants import FIRST_MS, LAST_MS, Instant
from bucketquery.model.schema import BUCKET
from bucketquery.queries.job_tokens import ALL_JOBS
from bucketquery.queries.overall import OverallQuestion, ResolvedOverall, overall_question
from bucketquery.search.slot_sources import whole_slots

_SECOND_MS: Final = 1_000
_SCORE: Final = "anomaly_score"
_INTERIM: Final = "is_interim"


def overall_of_frame(
    given: Any, *, spans: Mapping[str, int] | None, now: Instant | None, parameters: dict[str, Any]
) -> OverallBuckets:
    """The overall buckets of a frame; `calls.overall_buckets` documents the arguments and the errors."""
    moment = instant_of(now)
    question = overall_question(**parameters)
    asked = question.resolve(lambda: moment)
    frame, version = given if isinstance(given, Latest) else (given, None)
    table = Table.of(frame, BUCKET, "frame")
    known = _spans(table, question, spans or {})
    index = ResultsIndex()
    for job_id, span in known.items():
        index.put_job(job_id, bucket_span=span)
    longest = max((span for span in known.values() if span is not None), default=None)
    if longest is not None:
        fine_ms = _fine_ms(longest * _SECOND_MS, asked, len(known))
        some = in_jobs_and_window(table, question.jobs, *whole_slots(asked.start, asked.end, fine_ms))
        columns = _greatest(final(newest(some, version), asked.exclude_interim), fine_ms)
        columns["bucket_span"] = [longest] * len(columns["timestamp"])
        index.upsert_columns(columns)
    # The engine has left out interim rows; an interval with another interim row has no other row.
    return index.get_overall_buckets(**{**parameters, "exclude_interim": None}, now=moment)


def _fine_ms(longest_ms: int, asked: ResolvedOverall, jobs: int) -> int:
    """The length of the intervals in which the scores are collected first, as `search.overall` chooses it."""
    is_direct = asked.span_ms is not None and (asked.top_n == 1 or jobs == 1)
    # The index refuses a span that is too short.
    return max(longest_ms, asked.span_ms or 0) if is_direct else longest_ms


def _spans(table: Table, question: OverallQuestion, given: Mapping[str, int]) -> dict[str, int | None]:
    """The span of each selected job in seconds, None if it has no bucket.

    A token without an asterisk names a job that is known, with or without buckets.
    """
    selects = job_selection(question.jobs)
    named = [token for token in question.jobs if not token.startswith("-") and "*" not in token and token != ALL_JOBS]
    known: dict[str, int | None] = {job_id: given.get(job_id) for job_id in named if selects(job_id)}
    if len(named) == len(question.jobs) and None not in known.values():
        return known
    every = in_jobs_and_window(table, question.jobs, FIRST_MS, LAST_MS + 1)
    keyed = every.frame.select(bucketquery_job=every.text("job_id"), bucketquery_span=every.number("bucket_span"))
    greatest = all_of(keyed.group_by("bucketquery_job").agg(nw.col("bucketquery_span").max()))
    for job_id, span in zip(greatest["bucketquery_job"], greatest["bucketquery_span"], strict=True):
        if not selects(job_id):
            reason = "[frame] the engine returned a job that the query does not select: it must compare by code points"
            raise InvalidDocument(reason, field="frame")
        known[job_id] = given.get(job_id, int(span))
    return known


def _greatest(table: Table, span_ms: int) -> Columns:
    """The greatest score of each job in parts of the intervals of a span, each at an instant of its part.

    The parts are whole units of the engine, such as hours. A zone may cut them elsewhere, so the last instant of each
    part is read too: if it is in another interval than the first, the scores are read instant by instant.
    """
    step = steps(*table.instants_of("timestamp"), span_ms)
    columns = _grouped(table, step)
    ends = columns.pop("bucketquery_last")
    if any(first // span_ms != last // span_ms for first, last in zip(columns["timestamp"], ends, strict=True)):
        columns = _grouped(table, None)
        del columns["bucketquery_last"]
    return columns


def _grouped(table: Table, step: nw.Expr | None) -> Columns:
    """The greatest score and the ends of each part of each job; None: each instant is a part."""
    at = table.instant("timestamp")
    score = table.number(_SCORE).fill_null(0.0) if table.has(_SCORE) else nw.lit(0.0)
    interim = nw.col(_INTERIM).fill_null(value=False) if table.has(_INTERIM) else nw.lit(value=False)
    keyed = table.frame.select(
        bucketquery_job=table.text("job_id"),
        bucketquery_part=at if step is None else step,
        bucketquery_at=at,
        bucketquery_score=score,
        bucketquery_interim=interim.cast(nw.Int8),
    )
    found = all_of(
        keyed.group_by("bucketquery_job", "bucketquery_part").agg(
            nw.col("bucketquery_at").min().alias("bucketquery_first"),
            nw.col("bucketquery_at").max().alias("bucketquery_last"),
            nw.col("bucketquery_score").max(),
            nw.col("bucketquery_interim").max(),
        )
    )
    return {
        "job_id": found["bucketquery_job"],
        "timestamp": [int(first) for first in found["bucketquery_first"]],
        _SCORE: [float(greatest) for greatest in found["bucketquery_score"]],
        _INTERIM: [bool(any_interim) for any_interim in found["bucketquery_interim"]],
        "bucketquery_last": [int(last) for last in found["bucketquery_last"]],
    }
