"""Requests for overall buckets: where their parameters are read, and what is refused in which words."""

import json
from typing import Any

import pytest

from bucketquery import ResultsIndex
from bucketquery.elastic import handle
from bucketquery.elastic.overall import MOST_OVERALL_BUCKETS

PATH = "/_ml/anomaly_detectors/web/results/overall_buckets"
ACTION = "cluster:monitor/xpack/ml/job/results/overall_buckets/get"


@pytest.fixture(scope="module")
def index() -> ResultsIndex:
    """Two hours of a job, and one that is interim."""
    index = ResultsIndex(clock=lambda: 7_200_000)
    index.upsert(
        [
            {
                "job_id": "web",
                "timestamp": hour * 3_600_000,
                "bucket_span": 3600,
                "anomaly_score": 50 - 20 * hour,
                "is_interim": hour == 2,
            }
            for hour in range(3)
        ],
        kind="bucket",
    )
    return index


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"top_n": "3"},
        {"bucket_span": "2h"},
        {"overall_score": "30"},
        {"exclude_interim": "true"},
        {"start": "3600000", "end": "7200000"},
        {"start": "now-1h/h"},
        {"start": "-1", "end": "-1"},
        {"allow_no_match": "false"},
    ],
    ids=str,
)
def test_parameters_come_from_the_url_or_the_body(index: ResultsIndex, parameters: dict[str, Any]) -> None:
    """Both give the body of the index's answer, for both methods and both spellings of the path."""
    given = {**parameters, **({"top_n": int(parameters["top_n"])} if "top_n" in parameters else {})}
    expected = index.get_overall_buckets(job_id="web", **given)
    assert expected.count
    for path in (PATH, PATH.replace("/_ml", "/_xpack/ml"), f"{PATH}/"):
        for reply in (
            handle(index, "GET", path, parameters),
            handle(index, "POST", path, None, parameters),
            handle(index, "GET", path, {"source": json.dumps(parameters), "source_content_type": "application/json"}),
        ):
            assert reply.status == 200
            assert json.dumps(reply.body) == json.dumps(expected.to_dict())
    reply = handle(index, "GET", PATH, {**parameters, "human": "true"})
    assert reply.encode() == expected.to_json(human=True)


def test_a_body_has_numbers_and_booleans_too(index: ResultsIndex) -> None:
    """A JSON number stands for an instant, and a fraction of ``top_n`` is cut off."""
    body = {"job_id": "other", "top_n": 1.5, "overall_score": 30, "exclude_interim": True, "start": 0, "end": 3_600_000}
    found = handle(index, "POST", PATH, None, body).body
    assert [each["timestamp"] for each in found["overall_buckets"]] == [0]


def test_version_sevens_name_is_known_too(index: ResultsIndex) -> None:
    """`allow_no_jobs` is the older name of `allow_no_match`, which wins."""
    for parameters in ({"allow_no_jobs": "false"}, {"allow_no_jobs": "x", "allow_no_match": "true"}):
        status = handle(index, "GET", PATH, parameters).status
        assert status == (400 if "x" in parameters.values() else 200)


def refused(index: ResultsIndex, *request: Any) -> tuple[int, str, str, Any]:
    """Status, type, reason and cause of an error."""
    reply = handle(index, "POST", PATH, *request)
    error = reply.body["error"]
    return reply.status, error["type"], error["reason"], error.get("caused_by")


@pytest.mark.parametrize("bound", ["start", "end"])
@pytest.mark.parametrize("value", ["yesterday", "", "now+9999y", "2020||"])
def test_an_unreadable_bound_is_refused_before_the_job(index: ResultsIndex, bound: str, value: str) -> None:
    """14.3: the error is the same in the URL and in a body, and has the reason of the date."""
    if value == "2020||":
        value += "/x"
    reason = f"Query param [{bound}] with value [{value}] cannot be parsed as a date or converted to a number."
    for params, body in (({bound: value}, None), (None, {bound: value})):
        for job in ("web", "nobody"):
            reply = handle(index, "POST", PATH.replace("web", job), params, body)
            error = reply.body["error"]
            assert (reply.status, error["type"], error["reason"]) == (400, "parse_exception", reason)
            assert error["caused_by"]["type"] in {"parse_exception", "illegal_argument_exception"}
            is_parsed = error["caused_by"]["type"] == "parse_exception"
            assert (error["root_cause"][0] == error["caused_by"]) is is_parsed


@pytest.mark.parametrize(
    ("parameters", "kind", "reason"),
    [
        ({"top_n": "0"}, "illegal_argument_exception", "[topN] parameter must be positive, found [0]"),
        ({"top_n": "x"}, "illegal_argument_exception", "Failed to parse int parameter [top_n] with value [x]"),
        ({"bucket_span": "1.5h"}, "illegal_argument_exception", "failed to parse [1.5h], fractional time values are"),
        ({"bucket_span": "1m"}, "status_exception", "Param [bucket_span] must be greater or equal to the max"),
        ({"overall_score": "x"}, "number_format_exception", 'For input string: "x"'),
        ({"exclude_interim": "x"}, "illegal_argument_exception", "Failed to parse value [x] as only [true] or [false]"),
        ({"from": "0"}, "illegal_argument_exception", "contains unrecognized parameter: [from]"),
        ({"topn": "1"}, "illegal_argument_exception", "[topn] -> did you mean [top_n]?"),
        ({"timestamp": "0"}, "illegal_argument_exception", "contains unrecognized parameter: [timestamp]"),
    ],
)
def test_a_wrong_url_is_refused(index: ResultsIndex, parameters: dict[str, str], kind: str, reason: str) -> None:
    """The errors have the server's types and words."""
    status, of, words, cause = refused(index, parameters)
    assert (status, of, cause) == (400, kind, None)
    assert reason in words


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("top_n", 0, "[topN] parameter must be positive, found [0]"),
        ("bucket_span", "5M", "unit is missing or unrecognized"),
        ("overall_score", "x", 'For input string: "x"'),
        ("allow_no_match", "x", "Failed to parse value [x]"),
    ],
)
def test_a_wrong_field_is_the_cause(index: ResultsIndex, field: str, value: Any, reason: str) -> None:
    """A body's parser names the field, and the cause has the reason."""
    status, of, words, cause = refused(index, None, {field: value})
    assert (status, of) == (400, "x_content_parse_exception")
    assert words == f"[{ACTION}] failed to parse field [{field}]"
    assert reason in cause["reason"]


def test_a_field_of_another_type_is_refused(index: ResultsIndex) -> None:
    """A span in a body is text, and unknown fields are named."""
    words = refused(index, None, {"bucket_span": 3600})[2]
    assert words == f"[{ACTION}] bucket_span doesn't support values of type: VALUE_NUMBER"
    assert "unknown field [size]" in refused(index, None, {"size": 5})[2]
    assert "unrecognized parameter: [top_n]" in refused(index, {"top_n": "1"}, {})[2]


def test_jobs_methods_and_paths(index: ResultsIndex) -> None:
    """14.13: an unknown job is a 404. Other methods and paths are refused as for other results."""
    reply = handle(index, "GET", PATH.replace("web", "nobody"))
    assert (reply.status, reply.body["error"]["reason"]) == (404, "No known job with id 'nobody'")
    spaced = handle(index, "GET", PATH.replace("web", "w%20b"))
    assert (spaced.status, spaced.body["error"]["type"]) == (400, "illegal_argument_exception")
    assert handle(index, "PUT", PATH).headers["Allow"] == "GET,POST"
    assert handle(index, "OPTIONS", PATH).status == 200
    head = handle(index, "HEAD", PATH)
    assert (head.status, head.body) == (405, {})
    assert "no handler found" in handle(index, "GET", f"{PATH}/0").body["error"]


def test_at_most_ten_thousand_are_shown() -> None:
    """14.11: one more is a 400, and a window helps."""
    index = ResultsIndex()
    span = {"bucket_span": 1}
    number = MOST_OVERALL_BUCKETS + 1
    index.upsert([{"job_id": "web", "timestamp": second * 1000, **span} for second in range(number)], kind="bucket")
    assert refused(index) == (
        400,
        "status_exception",
        "Unable to return more than [10000] results; please use parameters [start] and [end] to limit the time range",
        None,
    )
    assert handle(index, "GET", PATH, None, {"start": 1000}).body["count"] == MOST_OVERALL_BUCKETS
    assert index.get_overall_buckets(job_id="web").count == number
