"""Overall buckets of several shards: first the longest span of all jobs, then the greatest score of each job.

A mean over jobs needs the scores of all jobs, which no shard has. So a shard returns the greatest score of each job in
each interval, without means and thresholds. The size of its answer is the number of these scores.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bucketquery.answers.overall import OverallBuckets
from bucketquery.errors import InvalidQuery, UnknownJob
from bucketquery.merge.tokens import Tokens, refuse_unknown
from bucketquery.model.instants import Instant
from bucketquery.model.scalars import iterator_of
from bucketquery.model.schema import Bools, Float64s, Int64s
from bucketquery.queries import overall as questions
from bucketquery.queries.overall import ResolvedOverall
from bucketquery.queries.parameters import read_now
from bucketquery.reads import Reads
from bucketquery.search.longest_span import longest_span
from bucketquery.search.overall import NOTHING_FOUND, FoundOverall, find_slots, spans_ms
from bucketquery.search.slots import greatest_of_each, runs_of, top_means
from bucketquery.storage.keywords import encode_keywords

_SECOND_MS = 1_000


class OverallOfShards(NamedTuple):
    """A question about the overall buckets of several shards, with every instant fixed. It pickles.

    Attributes:
        jobs: the tokens that select the jobs.
        allow_no_match: whether the tokens may select no job.
        resolved: all other parameters.
        fine_ms: the fine span; 0 if no job has a span, None if the shards were not asked for it yet.
        wide_ms: the length of an overall bucket.
    """

    jobs: tuple[str, ...]
    allow_no_match: bool
    resolved: ResolvedOverall
    fine_ms: int | None = None
    wide_ms: int = 0


class ShardSpan(NamedTuple):
    """The longest span and the jobs of a shard, for `with_spans`.

    Attributes:
        longest: the longest span of the selected jobs in seconds; 0 if none has a span.
        job_ids: the first two of the selected jobs, to tell whether all shards together have one.
        unknown: the names among the tokens that are neither a job nor a group of the shard.
    """

    longest: int
    job_ids: tuple[str, ...]
    unknown: tuple[str, ...]


class ShardOverall(NamedTuple):
    """The greatest score of each job of a shard in each interval of the fine span. It pickles.

    Attributes:
        numbers: the intervals that have a bucket, ascending, counted from the epoch.
        positions: for each score the position of its interval in ``numbers``.
        job_ids: for each score the job.
        scores: the scores; a missing one is 0.0.
        is_interim: for each interval whether it has an interim bucket.
        sequence: the commit that the shard read.
    """

    numbers: Int64s
    positions: Int64s
    job_ids: Sequence[str]
    scores: Float64s
    is_interim: Bools
    sequence: int


_NONE = ShardOverall(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), (), np.empty(0), np.empty(0, dtype=np.bool_), 0
)


def overall_question(*, now: Instant | None = None, **keywords: Any) -> OverallOfShards:
    """The question that shards get, from the keywords of `ResultsIndex.get_overall_buckets`.

    Args:
        now: the instant of ``now`` in date math (default: date math must not contain it).
        **keywords: the other keywords; ``job_id`` is needed.

    Raises:
        InvalidQuery: a parameter is invalid, or date math contains ``now`` and none is given.
        LimitExceeded: a parameter exceeds a limit.

    Complexity: O(j) for j jobs.

    >>> overall_question(job_id="_all", top_n=2, start="now-1d", now=86_400_000).resolved.start
    0
    """
    question = questions.overall_question(**keywords)
    resolved = question.resolve(_reader_of(now))
    return OverallOfShards(question.jobs, question.allow_no_match, resolved)


def ask_span(index: Reads, question: OverallOfShards) -> ShardSpan:
    """The longest span of the selected jobs of one shard, for `with_spans`. It runs where the index is.

    Args:
        index: the index or snapshot of the shard.
        question: the question.

    Complexity: O(j) for j selected jobs; for many of them it may make the combined tables, O(n log n).

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.put_job("web", bucket_span=300)
    >>> ask_span(index, overall_question(job_id="web,db"))
    ShardSpan(longest=300, job_ids=('web',), unknown=('db',))
    """
    catalog = index._newest()._catalog
    known, unknown = Tokens.of(question.jobs, catalog, "job_id")
    if not known:
        return ShardSpan(0, (), unknown)
    selected = catalog.select(known, "job_id")
    return ShardSpan(longest_span(catalog, selected), selected.ids[:2], unknown)


def with_spans(question: OverallOfShards, spans: Iterable[ShardSpan]) -> OverallOfShards:
    """The question with the length of its intervals, for `ask_overall` and `merge_overall`.

    Args:
        question: the question.
        spans: the spans of all shards.

    Raises:
        InvalidQuery: ``bucket_span`` is less than the longest span; or no spans are given.
        UnknownJob: a name is known to no shard, or no job is selected and ``allow_no_match`` is False.

    Complexity: O(s) for s shards.

    >>> question = overall_question(job_id="_all")
    >>> with_spans(question, [ShardSpan(300, ("web",), ()), ShardSpan(900, ("db",), ())]).fine_ms
    900000
    """
    given = [*spans]
    if not given:
        raise InvalidQuery("[spans] must be those of every shard", field="spans")
    refuse_unknown([span.unknown for span in given], "job_id")
    jobs = len({job_id for span in given for job_id in span.job_ids})
    if not jobs and not question.allow_no_match:
        tokens = ",".join(question.jobs)
        raise UnknownJob(f"No known job with id '{tokens[:300]}'", field="job_id", value=tokens)
    longest = max(span.longest for span in given)
    if not longest:
        return question._replace(fine_ms=0)
    fine, wide = spans_ms(question.resolved, longest, jobs)
    return question._replace(fine_ms=fine, wide_ms=wide)


def ask_overall(index: Reads, question: OverallOfShards) -> ShardOverall:
    """The scores of one shard, for `merge_overall`. It runs where the index is.

    Args:
        index: the index or snapshot of the shard.
        question: the question that `with_spans` returned.

    Raises:
        InvalidQuery: the question has no spans yet.

    Complexity: O(n log n) for the n buckets of the window. The answer has a score for each job and interval.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 7}
    >>> commit = index.upsert([bucket], kind="bucket")
    >>> question = overall_question(job_id="web")
    >>> ask_overall(index, with_spans(question, [ask_span(index, question)])).scores
    array([7.])
    """
    fine = _fine_of(question)
    snapshot = index._newest()
    known, _ = Tokens.of(question.jobs, snapshot._catalog, "job_id")
    if not known or not fine:
        return _NONE._replace(sequence=snapshot._sequence)
    selected = snapshot._catalog.select(known, "job_id")
    return ShardOverall(*find_slots(snapshot._catalog, selected, question.resolved, fine), snapshot._sequence)


def merge_overall(question: OverallOfShards, answers: Iterable[ShardOverall]) -> OverallBuckets:
    """The overall buckets of one index that has the results of all shards.

    ``sequence`` is the greatest of the shards' commits.

    Args:
        question: the question that `with_spans` returned.
        answers: the answers of all shards to it.

    Raises:
        InvalidQuery: the question has no spans yet, or ``answers`` is empty or has other values.

    Complexity: O(n log n) for n scores of all answers.

    >>> from bucketquery import ResultsIndex
    >>> shards = [ResultsIndex(), ResultsIndex()]
    >>> for shard, score in zip(shards, (40.0, 80.0)):
    ...     bucket = {"timestamp": 0, "bucket_span": 300, "anomaly_score": score, "job_id": f"web-{score:.0f}"}
    ...     commit = shard.upsert([bucket], kind="bucket")
    >>> question = overall_question(job_id="_all", top_n=2)
    >>> asked = with_spans(question, [ask_span(shard, question) for shard in shards])
    >>> [found.overall_score for found in merge_overall(asked, [ask_overall(shard, asked) for shard in shards])]
    [60.0]
    """
    fine, wide, resolved = _fine_of(question), question.wide_ms, question.resolved
    given = [*(iterator_of(answers) or ())]
    if not given or not all(isinstance(answer, ShardOverall) for answer in given):
        raise InvalidQuery("[answers] must be what ask_overall returned from every shard", field="answers")
    sequence = max(answer.sequence for answer in given)
    numbers = np.concatenate([_NONE.numbers, *(answer.numbers[answer.positions] for answer in given)])
    if not len(numbers):
        return OverallBuckets(NOTHING_FOUND, sequence)
    codes, job_ids = encode_keywords([job_id for answer in given for job_id in answer.job_ids])
    scores = np.concatenate([answer.scores for answer in given])
    numbers, owners, scores = greatest_of_each(numbers, codes.astype(np.int64), scores)
    shown, first, stop = runs_of(numbers)
    means, _ = top_means(scores, first, stop, min(resolved.top_n, len(job_ids)))
    interim = np.concatenate([answer.numbers[answer.is_interim] for answer in given])
    is_interim = np.isin(shown, interim)
    kept = means >= resolved.threshold
    if not kept.any():
        return OverallBuckets(NOTHING_FOUND, sequence)
    rows = np.repeat(kept, stop - first)
    numbers, owners, scores = numbers[rows], owners[rows], scores[rows]
    shown, means, is_interim = shown[kept], means[kept], is_interim[kept]
    if wide != fine:
        shown, begins, _ = runs_of(shown * fine // wide)
        means = np.maximum.reduceat(means, begins)
        is_interim = np.logical_or.reduceat(is_interim, begins)
        numbers, owners, scores = greatest_of_each(numbers * fine // wide, owners, np.maximum(scores, 0.0))
    found = FoundOverall(shown * wide, means, is_interim, wide // _SECOND_MS, None)
    begins = np.append(numbers.searchsorted(shown), len(numbers))
    return OverallBuckets(found, sequence, (begins, job_ids[owners].tolist(), scores))


def _reader_of(now: Instant | None) -> Callable[[], int]:
    """A function that returns the given instant in epoch ms, and refuses to if none is given."""

    def read() -> int:
        if now is None:
            reason = "[now] is needed, since each shard would read date math on [now] from its own clock"
            raise InvalidQuery(reason, field="now")
        return read_now(now)

    return read


def _fine_of(question: OverallOfShards) -> int:
    """The fine span of a question in ms.

    Raises:
        InvalidQuery: the question has no spans yet.
    """
    if question.fine_ms is None:
        raise InvalidQuery("[question] has no spans yet: give those of all shards to with_spans", field="question")
    return question.fine_ms
