"""Requests that create, delete, open and close jobs. They are refused unless the host allows writes."""

import re
from typing import Any, Final

from bucketquery.elastic.bodies import read_body
from bucketquery.elastic.endpoints import json_type, malformed
from bucketquery.elastic.flags import read_flags, refuse_body
from bucketquery.elastic.jobs import DEFAULT_SPAN_S, NO_MATCH, find_jobs, job_object, may_match_nothing, unknown_job
from bucketquery.elastic.replies import Reply
from bucketquery.elastic.settings import JobCall
from bucketquery.errors import BucketQueryError, InvalidQuery
from bucketquery.index import ResultsIndex
from bucketquery.model.text import brief

_LONGEST_ID: Final = 64
_ID: Final = re.compile("[a-z0-9]([a-z0-9_.-]*[a-z0-9])?")
_MOST_NANOSECONDS: Final = 2**63 - 1
_DURATION: Final = re.compile(r"\s*(-?[0-9]{1,19})\s*(nanos|micros|ms|s|m|h|d)\s*", re.ASCII)
_NANOSECONDS: Final = {
    "nanos": 1,
    "micros": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_SECOND: Final = _NANOSECONDS["s"]
_TIMEOUTS: Final = ("timeout", "master_timeout")
_SOURCE_INDICES: Final = ("allow_no_indices", "expand_wildcards", "ignore_throttled", "ignore_unavailable")


class WritesRefused(BucketQueryError):
    """The host does not allow requests to change the index, or answers from a snapshot.

    >>> WritesRefused("blocked").status, WritesRefused("blocked").type
    (403, 'cluster_block_exception')
    """

    _status = 403
    _type = "cluster_block_exception"


def answer_put(asked: JobCall) -> Reply:
    """Make a job known, and show it.

    Of the body only ``job_id``, ``groups`` and ``analysis_config.bucket_span`` are read.

    Raises:
        WritesRefused: the host does not allow writes.
        InvalidQuery: the server would not create this job, the job is known already, or a group has the name of a job.
        LimitExceeded: there are more than 1,000 groups.

    Source: the server's ``RestPutJobAction``, ``PutJobAction`` and ``Job``.
    """
    index = _writable(asked)
    read_flags(asked.call, ignored=(*_TIMEOUTS, *_SOURCE_INDICES))
    body = read_body(asked.call.body, "job_details")
    if body is None:
        raise InvalidQuery("request body is required", type="parse_exception")
    span, groups = _read_job(body, asked.job)
    if asked.job in asked.snapshot:
        reason = f"The job cannot be created with the Id '{asked.job}'. The Id is already used."
        raise InvalidQuery(reason, field="job_id", value=asked.job, type="resource_already_exists_exception")
    index.put_job(asked.job, bucket_span=span, groups=groups)
    return Reply(status=200, body=job_object(index.snapshot(), asked.job, asked.settings.version))


def answer_delete(asked: JobCall) -> Reply:
    """Delete a job and its results.

    Raises:
        WritesRefused: the host does not allow writes.
        InvalidQuery: a parameter is unknown or invalid, or there is a body.
        UnknownJob: the job is not known.

    Source: the server's ``RestDeleteJobAction``.
    """
    index = _writable(asked)
    read_flags(asked.call, ("force", "wait_for_completion", "delete_user_annotations"), _TIMEOUTS)
    refuse_body(asked.call)
    index.delete_job(asked.job)
    return Reply(status=200, body={"acknowledged": True})


def answer_open(asked: JobCall) -> Reply:
    """Confirm that a job is open. The index has no such state, so this changes nothing.

    Raises:
        WritesRefused: the host does not allow writes.
        InvalidQuery: a parameter is unknown, or the body is not an object.
        UnknownJob: the job is not known.

    Source: the server's ``RestOpenJobAction``.
    """
    _writable(asked)
    read_flags(asked.call, ignored=("timeout",))
    read_body(asked.call.body, "open_job_params")
    if asked.job not in asked.snapshot:
        raise unknown_job(asked.job)
    return Reply(status=200, body={"opened": True, "node": ""})


def answer_close(asked: JobCall) -> Reply:
    """Confirm that jobs are closed. The index has no such state, so this changes nothing.

    Raises:
        WritesRefused: the host does not allow writes.
        InvalidQuery: a parameter is unknown or invalid, or the body is not an object.
        UnknownJob: a job is not known.

    Source: the server's ``RestCloseJobAction``.
    """
    _writable(asked)
    flags = read_flags(asked.call, (*NO_MATCH, "force"), ("timeout",))
    body = read_body(asked.call.body, "close_job_params") or {}
    given = {name: value for name, value in body.items() if isinstance(value, bool)}
    find_jobs(asked.snapshot, asked.job, allow_no_match=may_match_nothing(flags | given))
    return Reply(status=200, body={"closed": True})


def read_span(text: str) -> int:
    """The seconds of a bucket span in the API's notation.

    Raises:
        InvalidQuery: it is not a duration, or not a positive number of whole seconds.

    Source: the server's ``TimeValue`` and ``TimeUtils``.

    >>> read_span("15m"), read_span("3600000ms")
    (900, 3600)
    """
    try:
        nanoseconds = _read_duration(text)
    except InvalidQuery as error:
        raise malformed("[analysis_config] failed to parse field [bucket_span]") from error
    if nanoseconds <= 0:
        raise _wrong_span(f"bucket_span cannot be less or equal than 0. Value = {brief(text)}", text)
    seconds, rest = divmod(nanoseconds, _SECOND)
    if rest:
        raise _wrong_span(f"bucket_span has to be a multiple of 1s; actual was '{brief(text)}'", text)
    return seconds


def _read_duration(text: str) -> int:
    """The nanoseconds of a duration."""
    found = _DURATION.fullmatch(text)
    if found is None:
        reason = f"failed to parse setting [bucket_span] with value [{brief(text)}] as a time value: "
        raise _wrong_span(reason + "unit is missing or unrecognized", text)
    nanoseconds = int(found[1]) * _NANOSECONDS[found[2]]
    if nanoseconds > _MOST_NANOSECONDS:
        reason = f"Values greater than {_MOST_NANOSECONDS} nanoseconds are not supported: {brief(text)}"
        raise _wrong_span(reason, text)
    return nanoseconds


def _writable(asked: JobCall) -> ResultsIndex:
    if asked.settings.allow_writes and isinstance(asked.source, ResultsIndex):
        return asked.source
    because = "a snapshot never changes" if asked.settings.allow_writes else "the host does not set [allow_writes]"
    raise WritesRefused(f"blocked by: [FORBIDDEN/6/cluster read-only (api)]; {because}", field="allow_writes")


def _read_job(body: dict[str, Any], job_id: str) -> tuple[int, list[str]]:
    """The span and the groups of a job that a body describes, after its id is checked."""
    named = body.get("job_id", job_id)
    if not isinstance(named, str):
        raise malformed(f"[job_details] job_id doesn't support values of type: {json_type(named)}")
    span = _read_analysis(body["analysis_config"]) if "analysis_config" in body else None
    groups = _read_groups(body.get("groups", []))
    if named != job_id:
        reason = (
            f"Inconsistent job_id; '{brief(named)}' specified in the body differs from '{brief(job_id)}' "
            "specified as a URL argument"
        )
        raise InvalidQuery(reason, field="job_id", value=named)
    if span is None:
        raise InvalidQuery("An analysis_config must be set", field="analysis_config")
    if not _ID.fullmatch(job_id):
        reason = (
            f"Invalid job_id; '{brief(job_id)}' can contain lowercase alphanumeric (a-z and 0-9), hyphens or "
            "underscores; must start and end with alphanumeric"
        )
        raise InvalidQuery(reason, field="job_id", value=job_id)
    if len(job_id) > _LONGEST_ID:
        reason = f"The job id cannot contain more than {_LONGEST_ID} characters."
        raise InvalidQuery(reason, field="job_id", value=job_id)
    for group in groups:
        if not _ID.fullmatch(group):
            reason = (
                f"Invalid group id '{brief(group)}'; can contain lowercase alphanumeric (a-z and 0-9), hyphens or "
                "underscores; must start and end with alphanumeric"
            )
            raise InvalidQuery(reason, field="groups", value=group)
    return span, groups


def _read_groups(groups: Any) -> list[str]:
    """The names of groups that a body gives. The server reads one text as a list of one name."""
    named = groups if isinstance(groups, list) else [groups]
    for group in named:
        if not isinstance(group, str):
            raise malformed(f"[job_details] groups doesn't support values of type: {json_type(group)}")
    return named


def _read_analysis(config: Any) -> int:
    if not isinstance(config, dict):
        raise malformed(f"[job_details] analysis_config doesn't support values of type: {json_type(config)}")
    if "bucket_span" not in config:
        return DEFAULT_SPAN_S
    span = config["bucket_span"]
    try:
        if not isinstance(span, str):
            raise malformed(f"[analysis_config] bucket_span doesn't support values of type: {json_type(span)}")
        return read_span(span)
    except InvalidQuery as error:
        raise malformed("[job_details] failed to parse field [analysis_config]") from error


def _wrong_span(reason: str, text: str) -> InvalidQuery:
    return InvalidQuery(reason, field="bucket_span", value=text)
