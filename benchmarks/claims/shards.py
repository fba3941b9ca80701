"""The claims of merges of the answers of shards."""

from functools import cache, partial
from typing import Any, Final

from benchmarks.claims.claim import AT_MOST_LINEAR, LINEAR, LOGLINEAR, Claim
from benchmarks.claims.inputs import MILLION, bucket_index, checked, job_ids, many_jobs_index
from benchmarks.claims.overall import jobs_side_by_side
from benchmarks.timing import Call
from benchmarks.workloads import JOB
from bucketquery import BucketQuery, ResultsIndex, merge

_SHARDS: Final = 4
_NOW: Final = 1_767_225_600_000


@cache
def shards(size: int) -> tuple[ResultsIndex, ...]:
    """Indexes that have ``size`` buckets together; must not be modified."""
    found = []
    for number in range(_SHARDS):
        index = ResultsIndex(max_size=MILLION)
        index.upsert(
            [
                {"result_type": "bucket", "job_id": f"job-{number}", "timestamp": row * 1_000, "bucket_span": 1}
                for row in range(size // _SHARDS)
            ]
        )
        found.append(index)
    return tuple(found)


def fixing(size: int) -> Call:
    """Resolve ``now`` in a query of ``size`` jobs."""
    query = BucketQuery(jobs=job_ids(size), start="now-1d")
    return checked(partial(merge.resolve_now, query, _NOW), lambda found: found.start != query.start)


def preparing(size: int) -> Call:
    """Make the query of a shard from one of ``size`` jobs."""
    query = BucketQuery(jobs=job_ids(size), from_=5)
    return checked(partial(merge.shard_query, query), lambda found: found.from_ == 0)


def asking(size: int) -> Call:
    """Ask a shard for ``size`` buckets."""
    ask = partial(merge.ask, bucket_index(size), BucketQuery(jobs=JOB, size=size))
    return checked(ask, lambda found: found.rows.length == size)


def merging(size: int) -> Call:
    """Merge a page of ``size`` buckets from shards that have ``size`` in all."""
    query = BucketQuery(jobs="_all", size=size)
    answers = [merge.ask(shard, merge.shard_query(query)) for shard in shards(size)]
    return checked(partial(merge.merge_pages, query, answers), lambda page: page.count == len(page) == size)


def overall_asked(size: int) -> Call:
    """Make a question about ``size`` jobs."""
    return checked(partial(merge.overall_question, job_id=job_ids(size)), lambda found: len(found.jobs) == size)


def asking_for_spans(size: int) -> Call:
    """Ask a shard of ``size`` jobs for their longest span."""
    question = merge.overall_question(job_id="_all")
    return checked(partial(merge.ask_span, many_jobs_index(size), question), lambda found: found.longest > 0)


def giving_spans(size: int) -> Call:
    """Give a question the spans of ``size`` shards."""
    question, spans = merge.overall_question(job_id="_all"), [merge.ShardSpan(60, ("a", "b"), ())] * size
    return checked(partial(merge.with_spans, question, spans), lambda found: found.fine_ms == 60_000)


def with_answers(size: int) -> tuple[Any, list[Any]]:
    """A question about ``size`` buckets of some jobs, and the answer of their only shard."""
    index, question = jobs_side_by_side(size, 16), merge.overall_question(job_id="_all", top_n=3)
    question = merge.with_spans(question, [merge.ask_span(index, question)])
    return question, [merge.ask_overall(index, question)]


def asking_for_scores(size: int) -> Call:
    """Ask a shard for the scores of ``size`` buckets."""
    question, _ = with_answers(size)
    ask = partial(merge.ask_overall, jobs_side_by_side(size, 16), question)
    return checked(ask, lambda found: len(found.scores) == size)


def merging_scores(size: int) -> Call:
    """Merge ``size`` scores of two shards, one of which has nothing."""
    question, answers = with_answers(size)
    answers.append(merge.ask_overall(ResultsIndex(), question))
    return checked(partial(merge.merge_overall, question, answers), lambda found: found.count == size // 16)


CLAIMS: Final = (
    Claim("merge.pages.resolve_now", "now in a query of n jobs", AT_MOST_LINEAR, fixing, 64, 4_096),
    Claim("merge.pages.shard_query", "the query of a shard, of n jobs", AT_MOST_LINEAR, preparing, 64, 4_096),
    Claim("merge.pages.ask", "the answer of a shard with n rows", LINEAR, asking),
    Claim("merge.pages.merge_pages", "a page of n rows from 4 shards", LOGLINEAR, merging),
    Claim("merge.overall.overall_question", "a question about n jobs", AT_MOST_LINEAR, overall_asked, 64, 4_096),
    Claim("merge.overall.ask_span", "the longest span of n jobs", AT_MOST_LINEAR, asking_for_spans, 64, 4_096),
    Claim("merge.overall.with_spans", "the spans of n shards", LINEAR, giving_spans, 64, 4_096),
    Claim("merge.overall.ask_overall", "the scores of n buckets", LOGLINEAR, asking_for_scores),
    Claim("merge.overall.merge_overall", "the overall buckets of n scores", LOGLINEAR, merging_scores),
)
