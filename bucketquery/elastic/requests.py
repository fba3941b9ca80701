"""Requests: the endpoint and the parameters of a call, by the API's rules for URLs and bodies."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import unquote

from bucketquery.elastic.calls import Call
from bucketquery.elastic.endpoints import (
    ENDPOINTS,
    PAGE,
    PARAMETERS,
    Endpoint,
    did_you_mean,
    json_type,
    malformed,
    typed,
)
from bucketquery.errors import InvalidQuery
from bucketquery.model.text import brief
from bucketquery.queries.queries import AnyQuery

_RESPONSE: Final = ("human", "pretty")
_UNSUPPORTED: Final = ("error_trace", "filter_path", "format")
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
        query: the class of the query.
        job_id: the job of the results.
        parameters: keywords of the query. The query checks dates, the field to sort by and the window.
        human: whether each timestamp is also shown as text.
    """

    query: Callable[..., AnyQuery]
    job_id: str
    parameters: dict[str, Any]
    human: bool


def find_route(path: str) -> Route | None:
    """The route of an encoded path; None if no endpoint has it.

    >>> find_route("/_ml/anomaly_detectors/web/results/buckets/2026-01-01T00%3A00")[1:]
    ('web', '2026-01-01T00:00')
    """
    match [unquote(segment) for segment in path.rstrip("/").split("/")]:
        case ["", "_ml", "anomaly_detectors", job_id, "results", results, *more] if job_id and results in ENDPOINTS:
            endpoint = ENDPOINTS[results]
            if not more or (endpoint.has_lookup and len(more) == 1):
                return Route(endpoint, job_id, more[0] if more else None)
    return None


def read_request(call: Call, route: Route) -> Request:
    """Read the request of a call to the endpoint of its path.

    If there is a body, the parameters of the query are read from it. Beside a body, three parameters of the query
    string are read: ``human``, ``pretty`` and, for buckets, ``timestamp``. This timestamp overrides that of the body,
    and a timestamp in the path overrides both. ``job_id`` and, for influencers, ``start`` and ``end`` are allowed in
    the query string and ignored. An error in a known parameter is raised before one for unknown parameters.

    Raises:
        InvalidQuery: the server would refuse the request. If the value of a field in the body is invalid, the error has
            a cause.

    Source: the server's ``BaseRestHandler``, ``RestGetBucketsAction``, ``RestGetRecordsAction`` and
    ``RestGetInfluencersAction``.

    >>> from bucketquery.elastic.calls import read_call
    >>> call = read_call("GET", "/_ml/anomaly_detectors/web/results/buckets", "from=5&anomaly_score=75", None)
    >>> read_request(call, find_route(call.path)).parameters
    {'anomaly_score': 75.0, 'from_': 5}
    """
    url, endpoint = call.url, route.endpoint
    response = read_response(url)
    timestamp = (route.timestamp or url.get("timestamp") or None) if endpoint.has_lookup else None
    body = read_body(call.body, endpoint.action)
    if body is None:
        known = {*endpoint.parameters, *PAGE} - {"page"}
        page = {name: url[name] for name in PAGE if name in url}
        parameters = _of_url({**url, "page": page or None, "timestamp": timestamp}, endpoint.parameters)
    else:
        known = set(endpoint.beside_body)
        parameters = _of_body(body, endpoint)
        if timestamp is not None:
            _put(parameters, "timestamp", timestamp)
    refuse_unknown(call, known | {"job_id"})
    page = parameters.pop("page", {})
    return Request(endpoint.query, route.job_id, parameters | page, response.get("human", False))


def read_body(body: Any, action: str) -> dict[str, Any] | None:
    """The fields of the body; None if there is no body or the body is blank.

    Args:
        body: as in a call.
        action: the server's name for the endpoint, as its errors have it.

    Raises:
        InvalidQuery: the body is not a JSON object.
    """
    if isinstance(body, bytes | str):
        try:
            text = body.decode(json.detect_encoding(body)) if isinstance(body, bytes) else body
            text = text.removeprefix("\ufeff")
            if not text.strip():
                return None
            body = _DECODER.decode(text)
        except (RecursionError, MemoryError):
            raise malformed(f"[{action}] the body is nested too deeply") from None
        except ValueError as error:
            reason = str(error).partition(";")[0]  # leave out Python's advice behind the semicolon
            raise malformed(f"[{action}] the body is not JSON: {reason}") from None
    elif body is None:
        return None
    if not isinstance(body, dict):
        raise malformed(f"[{action}] Expected START_OBJECT but was: {json_type(body)}")
    return body


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"Duplicate field '{brief(name)}'")
        fields[name] = value
    return fields


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_without_repeats)


def read_response(url: Mapping[str, str]) -> dict[str, Any]:
    """The parameters that say how a reply is written.

    Raises:
        InvalidQuery: a parameter is invalid, or not supported.
    """
    for name in _UNSUPPORTED:
        if name in url:
            raise InvalidQuery(f"parameter [{name}] is not supported", field=name, value=url[name])
    return _of_url(url, _RESPONSE)


def _of_url(given: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name in names:
        value = given.get(name)
        if value is not None:
            _put(parameters, name, value or PARAMETERS[name].bare)
    return parameters


def _of_body(body: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name, value in typed(body, endpoint.action, {"job_id", *endpoint.parameters}):
        try:
            _put(parameters, name, value)
        except InvalidQuery as error:
            raise malformed(f"[{endpoint.action}] failed to parse field [{name}]") from error
    return parameters


def _put(parameters: dict[str, Any], name: str, value: Any) -> None:
    """Read a parameter and, if it is set, add it to the others. A lookup and a window exclude each other."""
    read = PARAMETERS[name].read(value, name)
    if read is None:
        return
    if name in _WINDOW and "timestamp" in parameters:
        raise InvalidQuery(f"Param [{_WINDOW[name]}] is incompatible with [timestamp].", field=name, value=value)
    if name == "timestamp" and not parameters.keys().isdisjoint(_WINDOW):
        reason = "Param [timestamp] is incompatible with [from,size,start,end,anomaly_score]"
        raise InvalidQuery(reason, field=name, value=value)
    parameters[name] = read


def refuse_unknown(call: Call, known: set[str]) -> None:
    """Refuse parameters that are neither known nor say how a reply is written.

    Raises:
        InvalidQuery: there is one.
    """
    known |= {*_RESPONSE}
    unknown = sorted(call.url.keys() - known)
    if unknown:
        hints = {brief(name): did_you_mean(name, known) for name in unknown[:_MOST_LISTED]}
        listed = ", ".join(f"[{name}] ->{hint}" if hint else f"[{name}]" for name, hint in hints.items())
        listed += f" and {len(unknown) - _MOST_LISTED} more" * (len(unknown) > _MOST_LISTED)
        plural = "s" if len(unknown) > 1 else ""
        raise InvalidQuery(f"request [{unquote(call.path)}] contains unrecognized parameter{plural}: {listed}")
