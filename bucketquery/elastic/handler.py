"""The handler: it answers a request from one commit."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bucketquery.answers.run import AnyPage
from bucketquery.elastic.calls import Call, read_call
from bucketquery.elastic.replies import (
    METHODS,
    Reply,
    all_shards_failed,
    answer,
    options,
    refusal,
    shaped,
    unknown_path,
    without_body,
    wrong_method,
)
from bucketquery.elastic.requests import Request, find_route, read_request
from bucketquery.elastic.response_parameters import NO_PARAMETERS
from bucketquery.elastic.routes import find_other_route
from bucketquery.elastic.settings import DEFAULT_VERSION, JobCall, Settings, read_settings, require_index
from bucketquery.errors import BucketQueryError, InvalidQuery, LimitExceeded
from bucketquery.index import ResultsIndex
from bucketquery.model.text import built_in_str
from bucketquery.snapshot import Snapshot, page_of_any_size, require_job


def handle(
    index: ResultsIndex | Snapshot,
    method: str,
    path: str,
    params: Mapping[str, str] | str | None = None,
    body: bytes | str | Mapping[str, Any] | None = None,
    *,
    max_result_window: int = 10_000,
    version: str = DEFAULT_VERSION,
    allow_writes: bool = False,
) -> Reply:
    """The reply of the API's server to a request for the results of a job, for jobs, or for the server's version.

    The reply to an invalid request is an error; no request raises.

    Args:
        index: an index, whose newest commit is searched, or a snapshot. If it keeps no documents, the reply for a page
            that is not empty is a 400. With a ``size`` of 0 the reply has the count.
        method: ``GET`` or ``POST`` for results, with the same effect. The reply to ``HEAD`` has no body.
        path: the path as in the request line, percent-encoded, with or without its query string. For results it is
            ``/_ml/anomaly_detectors/{job_id}/results/`` and then ``buckets``, ``buckets/{timestamp}``, ``records``,
            ``influencers`` or ``overall_buckets``; for jobs ``/_ml/anomaly_detectors``, with or without ``/{job_id}``,
            and then nothing or ``/_stats``; for the version ``/``. ``/_xpack/ml`` in place of ``/_ml`` is the older
            spelling.
        params: the query string, or its parameters; they override those of ``path``. ``pretty``, ``human``,
            ``filter_path``, ``format`` and ``error_trace`` are read for every path.
        body: JSON, encoded or parsed; bytes may be compressed by gzip. If there is a body, the parameters of the query
            are read from it only. The query string may then have ``timestamp`` for buckets. ``job_id`` and, for
            influencers, ``start`` and ``end`` are ignored there, as the server ignores them. Its other parameters are
            refused.
        max_result_window: the largest ``from + size``; the index's ``max_size`` does not apply here.
        version: the server's version that the replies about the server and about jobs name, from 7.0.0 to 9.99.99.
        allow_writes: whether requests may create and delete jobs (default False: the reply is a 403). A snapshot
            refuses them in any case.

    Raises:
        TypeError: ``index`` is neither an index nor a snapshot.
        InvalidQuery: ``max_result_window`` is not a non-negative integer, ``version`` is not such a version, or
            ``allow_writes`` is not a bool.

    Complexity: O(request), then as the method of a snapshot with the name of the path. The answer is read when a
    caller reads the reply's body or encodes it. A request for j jobs costs O(j).
    Source: the server's ``BaseRestHandler``, ``RestGetBucketsAction``, ``RestGetRecordsAction``,
    ``RestGetInfluencersAction`` and ``RestGetOverallBucketsAction``; ``RestMainAction``, ``RestGetJobsAction``,
    ``RestGetJobStatsAction``, ``RestPutJobAction``, ``RestDeleteJobAction``, ``RestOpenJobAction`` and
    ``RestCloseJobAction`` for the other paths.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.put_job("web")
    >>> handle(index, "GET", "/_ml/anomaly_detectors/web/results/buckets?start=2026-01-01&size=5").body
    {'count': 0, 'buckets': []}
    >>> reply = handle(index, "POST", "/_ml/anomaly_detectors/web/results/buckets", body=b'{"anomaly_score": "high"}')
    >>> reply.status, reply.body["error"]["caused_by"]
    (400, {'type': 'number_format_exception', 'reason': 'For input string: "high"'})
    """
    require_index(index)
    settings = read_settings(max_result_window, version, allow_writes)
    response = NO_PARAMETERS
    try:
        call = read_call(method, path, params, body)
        response = call.response
        reply = _reply(index, call, settings)
    except BucketQueryError as error:
        reply = refusal(error)
    return without_body(reply) if _is_head(method) else shaped(reply, response)


def _is_head(method: object) -> bool:
    if type(method) is str:
        return method == "HEAD"
    with suppress(Exception):  # reading an object runs code of its class, which may raise any exception
        return isinstance(method, str) and built_in_str(method) == "HEAD"
    return False


def _reply(index: ResultsIndex | Snapshot, call: Call, settings: Settings) -> Reply:
    snapshot = index.snapshot() if isinstance(index, ResultsIndex) else index
    route = find_route(call.path)
    if route is None:
        return _other_reply(index, snapshot, call, settings)
    if call.method == "OPTIONS":
        return options()
    if call.method not in METHODS:
        return wrong_method(call.method, call.uri)
    request = read_request(call, route)
    require_job(snapshot, request.job_id)
    try:
        page = _search(snapshot, request, settings.max_result_window)
    except (InvalidQuery, LimitExceeded) as error:
        # The server fetches records after the search, so the shards do not report this error.
        if error.field == "expand":
            raise
        return all_shards_failed(error)
    return answer(page, human=call.response.human)


def _other_reply(index: ResultsIndex | Snapshot, snapshot: Snapshot, call: Call, settings: Settings) -> Reply:
    """The reply for a path other than those of results."""
    route = find_other_route(call.path)
    if route is None:
        return unknown_path(call.method, call.uri)
    if call.method == "OPTIONS":
        return options([*route.answers])
    if call.method not in route.answers:
        return wrong_method(call.method, call.uri, [*route.answers])
    return route.answers[call.method](JobCall(index, snapshot, call, route.job, settings))


def _search(snapshot: Snapshot, request: Request, max_result_window: int) -> AnyPage:
    query = request.query(jobs=request.job_id, **request.parameters)
    last = 1 if "timestamp" in request.parameters else query.from_ + query.size
    if last > max_result_window:
        reason = (
            f"Result window is too large, from + size must be less than or equal to: [{max_result_window}] "
            f"but was [{last}]. The service sets this limit with [max_result_window]."
        )
        raise InvalidQuery(reason, field="size", value=query.size)
    return page_of_any_size(snapshot, query)
