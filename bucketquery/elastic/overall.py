"""Requests for the overall buckets of several jobs."""

from typing import Final

from bucketquery.elastic.endpoints import OVERALL
from bucketquery.elastic.replies import Reply, late_reply
from bucketquery.elastic.requests import Route, read_request
from bucketquery.elastic.settings import JobCall
from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.text import brief
from bucketquery.queries.overall import OverallQuestion, ResolvedOverall
from bucketquery.snapshot import overall_of, resolve_overall

#: The server's limit of a reply, which has no pages.
MOST_OVERALL_BUCKETS: Final = 10_000


def answer_overall(asked: JobCall) -> Reply:
    """The overall buckets of the jobs that a request names.

    Raises:
        InvalidQuery: a parameter is unknown or invalid, or there are more than 10,000 overall buckets.
        UnknownJob: a job is not known, or none is selected and ``allow_no_match`` is false.

    Source: the server's ``RestGetOverallBucketsAction`` and ``TransportGetOverallBucketsAction``.
    """
    request = read_request(asked.call, Route(OVERALL, asked.job, None))
    parameters = request.parameters
    may_match_nothing = parameters.pop("allow_no_jobs", None)
    parameters.setdefault("allow_no_match", may_match_nothing)
    try:
        question: OverallQuestion = request.query(job_id=request.job_id, **parameters)
        resolved: ResolvedOverall = resolve_overall(asked.snapshot, question)
    except (InvalidQuery, LimitExceeded) as error:
        if error.field not in {"start", "end"}:
            raise
        reason = f"Query param [{error.field}] with value [{brief(error.value)}] cannot be parsed as a date or "
        reason += "converted to a number."
        raise InvalidQuery(reason, field=error.field, value=error.value, type="parse_exception") from error
    found = overall_of(asked.snapshot, question, resolved)
    if found.count > MOST_OVERALL_BUCKETS:
        reason = (
            f"Unable to return more than [{MOST_OVERALL_BUCKETS}] results; please use parameters [start] and [end] "
        )
        raise InvalidQuery(reason + "to limit the time range", type="status_exception")
    return late_reply(found, human=asked.call.response.human)
