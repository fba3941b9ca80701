"""Requests: the endpoint and the parameters of a call, by the API's rules for URLs and bodies."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from bucketquery.elastic.bodies import read_body
from bucketquery.elastic.calls import Call, echoed
from bucketquery.elastic.endpoints import ENDPOINTS, PAGE, PARAMETERS, Endpoint, did_you_mean, malformed, typed
from bucketquery.elastic.response_parameters import RESPONSE_PARAMETERS
from bucketquery.errors import InvalidQuery
from bucketquery.model.text import brief

#: The parameters that give a body in the URL.
_SOURCE: Final = ("source", "source_content_type")
#: The media types of JSON.
_JSON: Final = frozenset(
    {
        "application/json",
        "application/x-ndjson",
        "application/*",
        "application/vnd.elasticsearch+json",
        "application/vnd.elasticsearch+x-ndjson",
    }
)
_MEDIA_TYPE = re.compile(r"[\w!#$%&'*+.^`|~-]+/[\w!#$%&'*+.^`|~-]+", re.ASCII)
#: An error lists at most this number of unknown names.
_MOST_LISTED: Final = 10
#: The parameters that exclude a timestamp, and their names in the error.
_WINDOW: Final = {"page": "from, size", "start": "start", "end": "end", "anomaly_score": "anomaly_score"}


class Route(NamedTuple):
    """The endpoint, the job and the timestamp of a path."""

    endpoint: Endpoint
    job_id: str
    timestamp: str | None


class Request(NamedTuple):
    """A request that has been read.

    Attributes:
        query: the function that makes the query.
        job_id: the job of the results.
        parameters: keywords of the query. The query checks dates, the field to sort by and the window.
    """

    query: Callable[..., Any]
    job_id: str
    parameters: dict[str, Any]


def find_route(path: str) -> Route | None:
    """The route of an encoded path; None if no endpoint has it.

    >>> find_route("/_ml/anomaly_detectors/web/results/buckets/2026-01-01T00%3A00")[1:]
    ('web', '2026-01-01T00:00')
    """
    match path.rstrip("/").split("/"):
        case ["", "_ml", "anomaly_detectors", job_id, "results", results, *more] | [
            "",
            "_xpack",
            "ml",
            "anomaly_detectors",
            job_id,
            "results",
            results,
            *more,
        ] if results in ENDPOINTS:
            endpoint = ENDPOINTS[results]
            if not more or (endpoint.has_lookup and len(more) == 1):
                return Route(endpoint, unquote(job_id), unquote(more[0]) if more else None)
    return None


def read_request(call: Call, route: Route) -> Request:
    """Read the request of a call to the endpoint of its path.

    If there is a body, the parameters of the query are read from it. ``source`` in the query string is a body if there
    is no other. With a body, the query string may have ``job_id`` and, for buckets, ``timestamp``. This timestamp
    overrides that of the body, and a timestamp in the path overrides both. ``job_id`` and, for influencers, ``start``
    and ``end`` are allowed there and ignored. An error in a known parameter is raised before one for unknown
    parameters.

    Raises:
        InvalidQuery: the server would refuse the request. If the value of a field in the body is invalid, the error has
            a cause.
        BodyTooLarge: the body is too large.

    Source: the server's ``BaseRestHandler``, ``RestGetBucketsAction``, ``RestGetRecordsAction`` and
    ``RestGetInfluencersAction``.

    >>> from bucketquery.elastic.calls import read_call
    >>> call = read_call("GET", "/_ml/anomaly_detectors/web/results/buckets", "from=5&anomaly_score=75", None)
    >>> read_request(call, find_route(call.path)).parameters
    {'anomaly_score': 75.0, 'from_': 5}
    """
    url, endpoint = call.url, route.endpoint
    timestamp = (route.timestamp or url.get("timestamp") or None) if endpoint.has_lookup else None
    body = read_body(call.body, endpoint.action)
    also_known = {"job_id", *RESPONSE_PARAMETERS}
    if body is None and "source" in url:
        body = _read_source(url, endpoint.action)
        also_known.update(_SOURCE)
    if body is None:
        known = {*endpoint.parameters}
        if "page" in known:
            known = {*known, *PAGE} - {"page"}
        page = {name: url[name] for name in PAGE if name in url}
        parameters = _of_url({**url, "page": page or None, "timestamp": timestamp}, endpoint.parameters)
    else:
        known = set(endpoint.beside_body)
        parameters = _of_body(body, endpoint)
        if timestamp is not None:
            _put(parameters, "timestamp", timestamp, _read_timestamp)
    refuse_unknown(call, known | also_known)
    page = parameters.pop("page", {})
    return Request(endpoint.query, route.job_id, parameters | page)


def _read_source(url: Mapping[str, str], action: str) -> dict[str, Any]:
    """The fields of the body that ``source`` gives."""
    media_type = url.get("source_content_type")
    if media_type is None:
        raise _invalid("source and source_content_type parameters are required", "source_content_type", None)
    main, slash, sub = media_type.partition(";")[0].partition("/")
    name = f"{main}{slash}{sub.strip()}"
    if not _MEDIA_TYPE.fullmatch(name):
        reason = f"invalid Content-Type header [{brief(media_type)}]"
        raise InvalidQuery(reason, field="source_content_type", value=media_type)
    if name.lower() not in _JSON:
        reason = f"Unknown value for source_content_type [{brief(media_type)}]"
        raise _invalid(reason, "source_content_type", media_type)
    body = read_body(url["source"], action)
    if body is None:
        raise malformed(f"[{action}] Expected START_OBJECT but was: null")
    return body


def _invalid(reason: str, name: str, value: str | None) -> InvalidQuery:
    """The error of a validation that finds one thing wrong."""
    return InvalidQuery(f"Validation Failed: 1: {reason};", field=name, value=value, type="validation_exception")


def _of_url(given: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name in names:
        value = given.get(name)
        if value is not None:
            _put(parameters, name, value, PARAMETERS[name].from_url)
    return parameters


def _of_body(body: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name, value in typed(body, endpoint.action, {"job_id", *endpoint.parameters}):
        try:
            _put(parameters, name, value, PARAMETERS[name].from_body)
        except InvalidQuery as error:
            raise malformed(f"[{endpoint.action}] failed to parse field [{name}]") from error
    return parameters


def _put(parameters: dict[str, Any], name: str, value: Any, read_by: Callable[[Any, str], Any]) -> None:
    """Read a parameter and, if it is set, add it to the others. A lookup and a window exclude each other."""
    read = read_by(value, name)
    if read is None:
        return
    if name in _WINDOW and "timestamp" in parameters:
        raise InvalidQuery(f"Param [{_WINDOW[name]}] is incompatible with [timestamp].", field=name, value=value)
    if name == "timestamp" and not parameters.keys().isdisjoint(_WINDOW):
        reason = "Param [timestamp] is incompatible with [from,size,start,end,anomaly_score]"
        raise InvalidQuery(reason, field=name, value=value)
    parameters[name] = read


_read_timestamp: Final = PARAMETERS["timestamp"].from_url


def refuse_unknown(call: Call, known: set[str]) -> None:
    """Refuse parameters of the URL that are not known.

    Raises:
        InvalidQuery: there is one.
    """
    unknown = sorted(call.url.keys() - known)
    if unknown:
        hints = {brief(name): did_you_mean(name, known) for name in unknown[:_MOST_LISTED]}
        listed = ", ".join(f"[{name}] ->{hint}" if hint else f"[{name}]" for name, hint in hints.items())
        listed += f" and {len(unknown) - _MOST_LISTED} more" * (len(unknown) > _MOST_LISTED)
        plural = "s" if len(unknown) > 1 else ""
        raise InvalidQuery(f"request [{echoed(unquote(call.path))}] contains unrecognized parameter{plural}: {listed}")
