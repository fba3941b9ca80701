"""Questions about overall buckets: the parameters of `get_overall_buckets`, checked, and with every instant fixed."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from bucketquery.errors import InvalidQuery
from bucketquery.model.instants import Instant
from bucketquery.model.scalars import base_form
from bucketquery.model.text import brief
from bucketquery.queries.bounds import Bounds
from bucketquery.queries.client_keywords import read_boolean_text, read_double
from bucketquery.queries.durations import read_duration
from bucketquery.queries.job_tokens import read_jobs
from bucketquery.queries.parameters import read_score

_SECOND_MS: Final = 1_000


class ResolvedOverall(NamedTuple):
    """A question about overall buckets with every instant fixed.

    Attributes:
        start: the first instant, epoch ms, not yet rounded to an interval; None leaves this side open.
        end: the instant behind the last.
        threshold: the lowest overall score that is kept.
        top_n: the number of jobs whose scores count.
        span_ms: the length of an interval; None: the longest span of the jobs.
        bucket_span: the same as given, for errors.
        exclude_interim: whether interim buckets are left out.
    """

    start: int | None
    end: int | None
    threshold: float
    top_n: int
    span_ms: int | None
    bucket_span: object
    exclude_interim: bool


class OverallQuestion(NamedTuple):
    """The parameters of `get_overall_buckets`, checked.

    Attributes:
        jobs: the tokens that select the jobs.
        bounds: the window.
        allow_no_match: whether the tokens may select no job.
        others: all other parameters; the instants in it are not set.
    """

    jobs: tuple[str, ...]
    bounds: Bounds
    allow_no_match: bool
    others: ResolvedOverall

    def resolve(self, read_clock: Callable[[], int]) -> ResolvedOverall:
        """The question with every instant fixed. The clock is read once, if date math contains ``now``.

        Raises:
            LimitExceeded: date math leaves the years 0001 to 9999.
        """
        start, end = self.bounds.resolve(read_clock)
        return self.others._replace(start=start, end=end)


def overall_question(
    *,
    job_id: str | Sequence[str],
    allow_no_match: bool | str | None = None,
    bucket_span: int | str | None = None,
    end: Instant | None = None,
    exclude_interim: bool | str | None = None,
    overall_score: float | str | None = None,
    start: Instant | None = None,
    top_n: int | None = None,
) -> OverallQuestion:
    """The question that the official client's keywords make; None means not given.

    Args:
        job_id: the tokens that select jobs.
        allow_no_match: a bool or its text, default True.
        bucket_span: a duration as text, or seconds; default: the longest span of the jobs.
        end: first instant excluded; None and -1 leave this side open.
        exclude_interim: a bool or its text, default False.
        overall_score: a number or numeric text, default 0.0.
        start: first instant included; None and -1 leave this side open.
        top_n: the number of jobs whose scores count, default 1.

    Raises:
        InvalidQuery: a parameter is invalid.
        LimitExceeded: a parameter exceeds a limit.

    >>> overall_question(job_id="web", bucket_span="90m").others.span_ms
    5400000
    """
    number = 1 if top_n is None else read_top_n(top_n, "top_n")
    span_ms = None if bucket_span is None else read_span_ms(bucket_span, "bucket_span")
    if overall_score is not None:
        text = base_form(overall_score)
        overall_score = read_double(text, "overall_score") if type(text) is str else overall_score
    threshold = 0.0 if overall_score is None else read_score(overall_score, "overall_score")
    is_final = exclude_interim is not None and bool(read_boolean_text(exclude_interim, "exclude_interim"))
    bounds, _, _ = Bounds.read(start, end)
    may_match_nothing = allow_no_match is None or bool(read_boolean_text(allow_no_match, "allow_no_match"))
    others = ResolvedOverall(None, None, threshold, number, span_ms, bucket_span, is_final)
    return OverallQuestion(read_jobs(job_id, "job_id"), bounds, may_match_nothing, others)


def read_top_n(value: object, name: str) -> int:
    """The number of jobs whose scores count: a positive integer of any size.

    Raises:
        InvalidQuery: it is not.

    >>> read_top_n(3, "top_n")
    3
    """
    number = base_form(value)
    if type(number) is not int:
        reason = f"Failed to parse int parameter [{name}] with value [{brief(value)}]"
        raise InvalidQuery(reason, field=name, value=value)
    if number <= 0:
        raise InvalidQuery(f"[topN] parameter must be positive, found [{brief(number)}]", field=name, value=value)
    return number


def read_span_ms(value: object, name: str) -> int:
    """The length of an interval in ms: a duration as text, or a positive integer of seconds.

    Raises:
        InvalidQuery: it is neither.

    >>> read_span_ms("1h", "bucket_span"), read_span_ms(60, "bucket_span")
    (3600000, 60000)
    """
    span = base_form(value)
    if type(span) is str:
        return read_duration(span, name)
    if type(span) is int and span > 0:
        return span * _SECOND_MS
    reason = f"[{name}] must be a duration such as [1h], or a positive integer of seconds"
    raise InvalidQuery(reason, field=name, value=value)
