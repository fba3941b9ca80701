"""Requests: which endpoint a path leads to, and in which order URL and body are read."""

from typing import Any

import pytest

from bucketquery import InvalidQuery
from bucketquery.elastic.calls import read_call
from bucketquery.elastic.endpoints import ENDPOINTS
from bucketquery.elastic.requests import Request, Route, find_route, read_request

JOB = "/_ml/anomaly_detectors/web/results"
BUCKETS = f"{JOB}/buckets"
RECORDS = f"{JOB}/records"
INFLUENCERS = f"{JOB}/influencers"
ACTION = "[cluster:monitor/xpack/ml/job/results/buckets/get]"
INCOMPATIBLE = "Param [timestamp] is incompatible with [from,size,start,end,anomaly_score]"


def request(path: str, params: Any = None, body: Any = None) -> Request:
    """The request that a call makes."""
    call = read_call("GET", path, params, body)
    route = find_route(call.path)
    assert route is not None
    return read_request(call, route)


def parameters(path: str, params: Any = None, body: Any = None) -> dict[str, Any]:
    """The query keywords that a call gives."""
    return request(path, params, body).parameters


def refused(path: str, params: Any = None, body: Any = None) -> tuple[str, ...]:
    """Type and reason of the error, then those of its cause if it has one."""
    with pytest.raises(InvalidQuery) as caught:
        request(path, params, body)
    errors = [caught.value, caught.value.__cause__]
    return tuple(text for error in errors if isinstance(error, InvalidQuery) for text in (error.type, error.reason))


def reason(path: str, params: Any = None, body: Any = None) -> str:
    """The innermost reason why a call is refused."""
    return refused(path, params, body)[-1]


# ---- paths


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (BUCKETS, ("buckets", "web", None)),
        (f"{BUCKETS}/", ("buckets", "web", None)),
        (f"{BUCKETS}/2026", ("buckets", "web", "2026")),
        (f"{BUCKETS}/2026/", ("buckets", "web", "2026")),
        (f"{BUCKETS}/a+b%2B%2f%25", ("buckets", "web", "a+b+/%")),
        (RECORDS, ("records", "web", None)),
        (f"{RECORDS}///", ("records", "web", None)),
        ("/_ml/anomaly_detectors//results/records", ("records", "", None)),
        ("/_xpack/ml/anomaly_detectors/w%2Fb/results/buckets/1/", ("buckets", "w/b", "1")),
        (f"{INFLUENCERS}/", ("influencers", "web", None)),
        ("/_ml/anomaly_detectors/%C3%A9%2541/results/records", ("records", "é%41", None)),
        ("/_ml/anomaly_detectors/\ud800/results/records", ("records", "\ud800", None)),
    ],
)
def test_paths_lead_to_endpoints(path: str, route: tuple[str, str, str | None]) -> None:
    """Each segment is decoded once, and a trailing slash is ignored."""
    results, *rest = route
    assert find_route(path) == Route(ENDPOINTS[results], *rest)  # type: ignore[arg-type] # the rest is two texts


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "bytes",
        BUCKETS[1:],
        JOB,
        f"{JOB}/overall_buckets",
        f"{JOB}/Buckets",
        f"{BUCKETS}/1/2",
        f"{RECORDS}/1",
        f"{INFLUENCERS}/1",
        f"//{BUCKETS}",
        f"{BUCKETS}//1",
        "/_xpack/_ml/anomaly_detectors/web/results/buckets",
        "/_%6dl/anomaly_detectors/web/results/buckets",
    ],
)
def test_other_paths_have_no_endpoint(path: str) -> None:
    """Paths without an endpoint include one with a timestamp after records or influencers, and one with an escape.

    Only the job and the timestamp may have escapes.
    """
    assert find_route(path) is None


# ---- URLs


def test_a_url_gives_the_keywords_of_a_query() -> None:
    """Dates and the field to sort by stay text. Other values are parsed."""
    query = "size=5&from=2&start=2026&end=&anomaly_score=75&sort=&desc&expand=false&exclude_interim=true"
    read = {"start": "2026", "end": "", "anomaly_score": 75.0, "sort": "", "desc": True, "expand": False}
    assert parameters(BUCKETS, query) == {**read, "exclude_interim": True, "from_": 2, "size": 5}
    assert parameters(RECORDS, "record_score=5&start=-1") == {"record_score": 5.0}
    assert parameters(INFLUENCERS, "influencer_score=5&size=0") == {"influencer_score": 5.0, "size": 0}
    assert request(BUCKETS)[1:] == ("web", {})


def test_a_timestamp_comes_from_the_path_or_the_query_string() -> None:
    """The timestamp in the path comes first, and empty text counts as no timestamp.

    Records have no lookup, so their endpoint refuses the parameter.
    """
    assert parameters(f"{BUCKETS}/1?timestamp=2") == {"timestamp": "1"}
    assert parameters(f"{BUCKETS}/?timestamp=2&start=-1") == {"timestamp": "2"}
    assert parameters(f"{BUCKETS}?timestamp=&start=5&job_id=other") == {"start": "5"}
    assert "unrecognized parameter: [timestamp]" in reason(RECORDS, "timestamp=5&start=5")


def test_a_lookup_takes_no_window() -> None:
    """A lookup also refuses a threshold and a page, even with default values.

    An open side of the window counts as not given.
    """
    for given, name in {"start=5": "start", "end=": "end", "anomaly_score=0": "anomaly_score"}.items():
        assert refused(f"{BUCKETS}/1", given) == (
            "illegal_argument_exception",
            f"Param [{name}] is incompatible with [timestamp].",
        )
    for given in ("from=0", "size=100"):
        assert reason(f"{BUCKETS}/1", given) == "Param [from, size] is incompatible with [timestamp]."
    expected = {"timestamp": "1", "sort": "timestamp", "desc": True, "expand": True, "exclude_interim": True}
    assert parameters(f"{BUCKETS}/1", "start=-1&end=-1&sort=timestamp&desc&expand&exclude_interim") == expected


@pytest.mark.parametrize(
    ("path", "order"),
    [
        (BUCKETS, ["size=x", "from=-1", "start=5", "anomaly_score=x", "desc=d", "expand=e", "exclude_interim=i"]),
        (RECORDS, ["exclude_interim=i", "size=x", "from=-1", "record_score=x", "desc=d"]),
        (INFLUENCERS, ["exclude_interim=i", "size=x", "from=-1", "influencer_score=x", "desc=d"]),
    ],
)
def test_the_first_wrong_parameter_in_the_servers_order_is_reported(path: str, order: list[str]) -> None:
    """``pretty`` comes first and unknown names come last. The order in the URL does not matter."""
    at = f"{BUCKETS}/1" if path == BUCKETS else path
    wrong = ["pretty=1", *order, "zzz=1"]
    alone = [reason(at, parameter) for parameter in wrong]
    assert len(set(alone)) == len(wrong)
    for first in range(len(wrong)):
        assert reason(at, "&".join(reversed(wrong[first:]))) == alone[first]


def test_unknown_names_are_reported_in_alphabetical_order() -> None:
    """The message suggests known names, and shows the decoded path without its query string."""
    path = "/_ml/anomaly_detectors/a%20b/results/buckets/"
    message = "request [/_ml/anomaly_detectors/a b/results/buckets/] contains unrecognized parameter"
    assert refused(path, "page=1") == ("illegal_argument_exception", f"{message}: [page]")
    assert reason(path, {"zzz": 1, "ends": 1, "sart": 1}) == (
        f"{message}s: [ends] -> did you mean [end]?, [sart] -> did you mean any of [start, sort]?, [zzz]"
    )


@pytest.mark.parametrize("query", ["pretty", "human=false", "error_trace", "format=json", "filter_path=count"])
def test_parameters_that_shape_a_reply_are_known(query: str) -> None:
    """They are known with a body and without one, and suggested for a misspelled name."""
    assert parameters(BUCKETS, query) == parameters(BUCKETS, query, {}) == {}
    assert parameters(BUCKETS, f"{query}&size=5") == {"size": 5}
    name = query.partition("=")[0]
    without: Any
    for without in (None, {}):
        assert f"[{name}s] -> did you mean [{name}]?" in reason(BUCKETS, f"{name}s", without)


def test_a_blank_flag_is_unset() -> None:
    """An empty one is true."""
    assert parameters(BUCKETS, "desc=&expand=+&exclude_interim=%09") == {"desc": True}


def test_a_long_path_is_shown_in_part() -> None:
    """The message shows 1,000 characters of it, and 100 of each name."""
    message = reason(f"/_ml/anomaly_detectors/{'a' * 5_000}/results/buckets", {"z" * 5_000: "1"})
    assert message.startswith(f"request [/_ml/anomaly_detectors/{'a' * 977}...] contains unrecognized parameter: [zzz")
    assert message.endswith(f"[{'z' * 100}]")


# ---- bodies


def test_a_body_gives_the_keywords_of_a_query() -> None:
    """A body is JSON in any UTF encoding, or parsed already. If there is a body, the URL gives no keywords."""
    body = '{"job_id": "other", "start": 5, "end": null, "anomaly_score": "75", "page": {"size": 5}, "desc": "true"}'
    expected = {"start": 5, "anomaly_score": 75.0, "desc": True, "size": 5}
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        assert parameters(BUCKETS, "human&pretty&job_id=x", body.encode(encoding)) == expected
    assert parameters(BUCKETS, None, body) == parameters(BUCKETS, None, f"\ufeff{body}") == expected
    assert parameters(RECORDS, None, {"record_score": 5}) == {"record_score": 5}
    assert parameters(INFLUENCERS, None, {"influencer_score": 0.5}) == {"influencer_score": 0.5}


@pytest.mark.parametrize("body", [None, b"", "", b" \n\t", "  ", "\ufeff ".encode(), " ".encode("utf-16")])
def test_a_blank_body_counts_as_no_body(body: Any) -> None:
    """The parameters come from the URL, as without a body."""
    assert parameters(BUCKETS, "start=5", body) == {"start": "5"}


@pytest.mark.parametrize("body", [b"{}", "{}", {}])
def test_beside_any_body_the_url_may_not_have_parameters(body: Any) -> None:
    """An empty object is a body too.

    The message suggests no names. Influencers ignore ``start`` and ``end``.
    """
    message = "contains unrecognized parameter"
    assert reason(BUCKETS, "start=x&human", body) == f"request [{BUCKETS}] {message}: [start]"
    assert reason(RECORDS, "end=5&start=5", body) == f"request [{RECORDS}] {message}s: [end], [start]"
    assert parameters(INFLUENCERS, "start=x&end=y", body) == {}
    assert reason(INFLUENCERS, "size=5", body) == f"request [{INFLUENCERS}] {message}: [size]"


def test_an_error_of_the_body_comes_before_one_of_the_url() -> None:
    """The name of the endpoint begins the message."""
    for body, why in (
        ("{", "the body is not JSON: "),
        ("[" * 10**5, "the body is nested too deeply"),
        (b"\x1f\x8b", "the body is damaged gzip: "),
    ):
        kind, message = refused(BUCKETS, "zzz", body)
        assert kind == "x_content_parse_exception"
        assert message.startswith(f"{ACTION} {why}")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("[]", "START_ARRAY"),
        ("null", "VALUE_NULL"),
        ("5", "VALUE_NUMBER"),
        ('"x"', "VALUE_STRING"),
        ("true", "VALUE_BOOLEAN"),
        ([{}], "START_ARRAY"),
        (5, "VALUE_NUMBER"),
        (object(), "VALUE_EMBEDDED_OBJECT"),
    ],
)
def test_a_body_must_be_an_object(body: Any, word: str) -> None:
    """This holds for text and for a body that the caller has parsed."""
    assert refused(BUCKETS, None, body) == (
        "x_content_parse_exception",
        f"{ACTION} Expected START_OBJECT but was: {word}",
    )


def test_the_first_wrong_field_is_reported() -> None:
    """Fields are read in the body's order. Unknown names in the URL are refused after that."""
    assert refused(BUCKETS, "zzz", '{"start": true, "foo": 1}') == (
        "x_content_parse_exception",
        f"{ACTION} start doesn't support values of type: VALUE_BOOLEAN",
    )
    assert reason(BUCKETS, "zzz", '{"foo": 1, "start": true}') == f"{ACTION} unknown field [foo]"
    assert reason(BUCKETS, None, '{"size": 1}') == f"{ACTION} unknown field [size]"
    assert reason(RECORDS, None, '{"expand": 1}').endswith("records/get] unknown field [expand]")


def test_a_value_that_cannot_be_parsed_is_the_cause_of_the_error() -> None:
    """The error names the field, and its cause says what is wrong with the value."""
    outer = ("x_content_parse_exception", f"{ACTION} failed to parse field [anomaly_score]")
    body = {"anomaly_score": "abc"}
    assert refused(BUCKETS, None, body) == (*outer, "number_format_exception", 'For input string: "abc"')
    outer = ("x_content_parse_exception", f"{ACTION} failed to parse field [page]")
    body = {"page": {"from": -1}}  # type: ignore[dict-item] # the body above holds text
    built = ("x_content_parse_exception", "Failed to build [page] after last required field arrived")
    assert refused(BUCKETS, None, body) == (*outer, *built)


def test_a_lookup_and_a_window_exclude_each_other_in_a_body() -> None:
    """The message depends on the order of the fields. An empty page counts as given, an open side does not."""
    for window, names in {
        "start": "start",
        "end": "end",
        "anomaly_score": "anomaly_score",
        "page": "from, size",
    }.items():
        value: Any = {} if window == "page" else 0
        error = refused(BUCKETS, None, {"timestamp": 1, window: value})
        assert error[1:] == (
            f"{ACTION} failed to parse field [{window}]",
            "illegal_argument_exception",
            f"Param [{names}] is incompatible with [timestamp].",
        )
        error = refused(BUCKETS, None, {window: value, "timestamp": 1})
        assert error[1::2] == (f"{ACTION} failed to parse field [timestamp]", INCOMPATIBLE)
        assert refused(f"{BUCKETS}/1", None, {window: value}) == ("illegal_argument_exception", INCOMPATIBLE)
    assert parameters(BUCKETS, None, {"start": None, "timestamp": 1, "end": -1}) == {"timestamp": 1}


def test_a_timestamp_in_the_url_overrides_the_one_in_the_body() -> None:
    """The timestamp may be in the path or in the query string.

    Records have no lookup, so their endpoint refuses the parameter.
    """
    assert parameters(f"{BUCKETS}/5", None, {"timestamp": 1}) == {"timestamp": "5"}
    assert parameters(BUCKETS, "timestamp=5", {"timestamp": 1, "sort": "x"}) == {"timestamp": "5", "sort": "x"}
    assert parameters(BUCKETS, "timestamp=", {"timestamp": 1}) == {"timestamp": 1}
    assert "unrecognized parameter: [timestamp]" in reason(RECORDS, "timestamp=5", {"start": 5})


# ---- bodies in the URL


def test_source_is_read_as_a_body() -> None:
    """It is read only if there is no other body, and needs the media type of JSON."""
    source = {"source": '{"desc": true}', "source_content_type": "application/json"}
    assert parameters(BUCKETS, source) == parameters(BUCKETS, source, b" ") == {"desc": True}
    assert parameters(f"{BUCKETS}/5", {**source, "human": True}) == {"desc": True, "timestamp": "5"}
    assert parameters(INFLUENCERS, {**source, "start": "x"}) == {"desc": True}
    assert reason(BUCKETS, {**source, "desc": True}) == f"request [{BUCKETS}] contains unrecognized parameter: [desc]"
    assert reason(BUCKETS, source, {}).endswith("parameters: [source], [source_content_type]")
    assert reason(BUCKETS, {"source_content_type": "application/json"}).endswith("parameter: [source_content_type]")


@pytest.mark.parametrize(
    "media_type", ["application/json", "APPLICATION/ JSON ", "application/*;q=1", "application/x-ndjson"]
)
def test_the_media_type_of_a_source_is_json(media_type: str) -> None:
    """Its parameters are ignored, and so are upper case and blanks around the subtype."""
    assert parameters(BUCKETS, {"source": "{}", "source_content_type": media_type}) == {}


@pytest.mark.parametrize(
    ("media_type", "kind", "words"),
    [
        (
            "text/json",
            "validation_exception",
            "Validation Failed: 1: Unknown value for source_content_type [text/json];",
        ),
        ("application/cbor", "validation_exception", "Validation Failed: 1: Unknown value for source_content_type"),
        ("json", "illegal_argument_exception", "invalid Content-Type header [json]"),
        ("", "illegal_argument_exception", "invalid Content-Type header []"),
        ("a b/c", "illegal_argument_exception", "invalid Content-Type header [a b/c]"),
        ("x" * 5_000, "illegal_argument_exception", f"invalid Content-Type header [{'x' * 100}]"),
    ],
)
def test_another_media_type_of_a_source_is_refused(media_type: str, kind: str, words: str) -> None:
    """A text that is no media type has another error than an unknown media type."""
    error = refused(BUCKETS, {"source": "{}", "source_content_type": media_type})
    assert error[0] == kind
    assert error[1].startswith(words)


def test_an_empty_source_is_refused() -> None:
    """It counts as a body, unlike an empty body."""
    for text in ("", " "):
        source = {"source": text, "source_content_type": "application/json"}
        assert reason(BUCKETS, source) == f"{ACTION} Expected START_OBJECT but was: null"
