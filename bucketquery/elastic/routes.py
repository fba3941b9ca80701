"""The paths other than those of one job's results, and the function that answers each method there."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from bucketquery.elastic.cluster import answer_info
from bucketquery.elastic.job_changes import answer_close, answer_delete, answer_open, answer_put
from bucketquery.elastic.jobs import answer_jobs, answer_stats
from bucketquery.elastic.overall import answer_overall
from bucketquery.elastic.replies import Reply
from bucketquery.elastic.settings import JobCall
from bucketquery.queries.job_tokens import ALL_JOBS

_Answers = Mapping[str, Callable[[JobCall], Reply]]

_INFO: Final[_Answers] = {"GET": answer_info, "HEAD": answer_info}
_JOBS: Final[_Answers] = {"GET": answer_jobs}
_JOB: Final[_Answers] = {"GET": answer_jobs, "PUT": answer_put, "DELETE": answer_delete}
_STATS: Final[_Answers] = {"GET": answer_stats}
_OVERALL: Final[_Answers] = {"GET": answer_overall, "POST": answer_overall}
#: The answers of each path below a job.
_BELOW: Final[Mapping[str, _Answers]] = {
    "_stats": _STATS,
    "_open": {"POST": answer_open},
    "_close": {"POST": answer_close},
}


class OtherRoute(NamedTuple):
    """A path other than those of one job's results.

    Attributes:
        answers: the function that answers each method.
        job: the text where a job belongs, decoded; ``_all`` if the path has none.
    """

    answers: _Answers
    job: str = ALL_JOBS


def find_other_route(path: str) -> OtherRoute | None:
    """The route of an encoded path that is not one of a job's results; None if there is none.

    Source: the server's ``RestMainAction``, ``RestGetJobsAction``, ``RestGetJobStatsAction``, ``RestPutJobAction``,
    ``RestDeleteJobAction``, ``RestOpenJobAction``, ``RestCloseJobAction`` and ``RestGetOverallBucketsAction``.

    >>> find_other_route("/_ml/anomaly_detectors/web%2Cdb/_stats").job
    'web,db'
    """
    match path.rstrip("/").split("/"):
        case [""]:
            return OtherRoute(_INFO)
        case ["", "_ml", "anomaly_detectors", *rest] | ["", "_xpack", "ml", "anomaly_detectors", *rest]:
            return _job_route(rest)
    return None


def _job_route(rest: list[str]) -> OtherRoute | None:
    """The route of what follows the path of all jobs."""
    match rest:
        case []:
            return OtherRoute(_JOBS)
        case ["_stats"]:
            return OtherRoute(_STATS)
        case [job]:
            return OtherRoute(_JOB, unquote(job))
        case [job, below] if below in _BELOW:
            return OtherRoute(_BELOW[below], unquote(job))
        case [jobs, "results", "overall_buckets"]:
            return OtherRoute(_OVERALL, unquote(jobs))
    return None
