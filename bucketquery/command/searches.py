"""The questions of the command: the method of the index that answers each kind, for one job and for several."""

from collections.abc import Mapping
from typing import Any, Final

from bucketquery.answers.overall import OverallBuckets
from bucketquery.answers.run import AnyPage
from bucketquery.answers.swimlane import Swimlane
from bucketquery.index import ResultsIndex
from bucketquery.queries.client_keywords import client_query
from bucketquery.queries.job_tokens import ALL_JOBS, read_jobs
from bucketquery.queries.queries import AnyQuery, BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.queries.swimlane_query import SwimlaneQuery

Answer = AnyPage | OverallBuckets | Swimlane

#: The kinds that summarise jobs: all of them, unless an option names some.
SUMMARIES: Final = ("overall", "swimlane")
_QUERIES: Final[Mapping[str, tuple[type[AnyQuery], str]]] = {
    "buckets": (BucketQuery, "anomaly_score"),
    "records": (RecordQuery, "record_score"),
    "influencers": (InfluencerQuery, "influencer_score"),
}


def names_one_job(jobs: str) -> bool:
    """Whether a text is the literal id of one job, even if no job can have it.

    >>> names_one_job("web"), names_one_job("web-*"), names_one_job("web,db"), names_one_job("_all")
    (True, False, False, False)
    """
    return "," not in jobs and "*" not in jobs and jobs != ALL_JOBS


def answer_of(index: ResultsIndex, kind: str, jobs: str, parameters: Mapping[str, Any]) -> Answer:
    """The answer to the question of one call.

    Args:
        index: holds the results.
        kind: ``buckets``, ``records``, ``influencers``, ``overall`` or ``swimlane``.
        jobs: the jobs as a user types them: ids and patterns with commas between them.
        parameters: all of the kind; None means not given.

    Raises:
        InvalidQuery: a parameter has an invalid value.
        LimitExceeded: a parameter exceeds a limit.
        UnknownJob: a job is not known.
        NotFound: no bucket is at ``timestamp``.

    >>> index = ResultsIndex()
    >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
    >>> answer_of(index, "overall", "w*", {"top_n": None})
    <OverallBuckets: 1 at commit 1>
    """
    if kind == "swimlane":
        given = {name: value for name, value in parameters.items() if value is not None}
        return index.swimlane(SwimlaneQuery(jobs=jobs, **given))
    if kind == "overall":
        return index.get_overall_buckets(job_id=jobs, **parameters)
    given = dict(parameters)
    where = given.pop("where", None)
    if names_one_job(jobs) and where is None:
        if kind == "buckets":
            return index.get_buckets(job_id=jobs, **given)
        return (index.get_records if kind == "records" else index.get_influencers)(job_id=jobs, **given)
    tokens = read_jobs(jobs, "job_id")
    query, score_name = _QUERIES[kind]
    score = given.pop(score_name)
    return index.search(
        client_query(query, job_id="", score=score, page=None, **given).replace(jobs=tokens, where=where)
    )
