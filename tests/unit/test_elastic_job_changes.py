"""Requests that change jobs: the spans that they name, and what they refuse."""

import pickle

import pytest

from bucketquery import InvalidQuery, ResultsIndex
from bucketquery.elastic import handle
from bucketquery.elastic.job_changes import WritesRefused, read_span

PATH = "/_ml/anomaly_detectors/new"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("5m", 300),
        ("2h", 7_200),
        ("3d", 259_200),
        ("1000ms", 1),
        ("2000000micros", 2),
        ("3000000000nanos", 3),
        ("\t1 s\n", 1),
        ("007s", 7),
        ("9223372036s", 9_223_372_036),
    ],
)
def test_a_span_is_read_in_every_unit(text: str, seconds: int) -> None:
    """The span comes back in seconds."""
    assert read_span(text) == seconds


@pytest.mark.parametrize(
    ("text", "words", "cause"),
    [
        ("x", "[analysis_config] failed to parse field [bucket_span]", "unit is missing or unrecognized"),
        ("\u0661s", "[analysis_config] failed to parse field [bucket_span]", "unit is missing or unrecognized"),
        ("9" * 5_000 + "s", "[analysis_config] failed to parse field [bucket_span]", "unit is missing or unrecognized"),
        ("9223372037s", "[analysis_config] failed to parse field [bucket_span]", "Values greater than"),
        ("0d", "bucket_span cannot be less or equal than 0. Value = 0d", None),
        ("-5s", "bucket_span cannot be less or equal than 0. Value = -5s", None),
        ("1ms", "bucket_span has to be a multiple of 1s; actual was '1ms'", None),
    ],
)
def test_a_wrong_span_is_refused(text: str, words: str, cause: str | None) -> None:
    """The error of the server's parser has a cause; that of its checks has none."""
    with pytest.raises(InvalidQuery) as caught:
        read_span(text)
    assert caught.value.reason == words
    if cause is None:
        assert caught.value.__cause__ is None
    else:
        assert cause in str(caught.value.__cause__)


def test_the_body_shows_every_cause() -> None:
    """A span that is no duration is the cause of a cause."""
    reply = handle(ResultsIndex(), "PUT", PATH, None, {"analysis_config": {"bucket_span": "x"}}, allow_writes=True)
    error = reply.body["error"]
    assert error["reason"] == "[job_details] failed to parse field [analysis_config]"
    assert error["caused_by"]["reason"] == "[analysis_config] failed to parse field [bucket_span]"
    assert error["caused_by"]["caused_by"] == {
        "type": "illegal_argument_exception",
        "reason": "failed to parse setting [bucket_span] with value [x] as a time value: "
        "unit is missing or unrecognized",
    }


def test_writes_are_refused_before_anything_else() -> None:
    """A request that may not write is not read further, and nothing changes."""
    index = ResultsIndex()
    for method, path in (("PUT", PATH), ("DELETE", PATH), ("POST", f"{PATH}/_open"), ("POST", f"{PATH}/_close")):
        reply = handle(index, method, path, "zzz=1", b"[")
        assert (reply.status, reply.body["error"]["type"]) == (403, "cluster_block_exception")
    assert index.sequence == 0


def test_the_refusal_of_writes_can_be_pickled() -> None:
    """The error keeps its status, its type and its field."""
    error = WritesRefused("blocked", field="allow_writes")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.status, copied.type, copied.field) == (WritesRefused, 403, error.type, "allow_writes")


def test_a_created_job_is_one_of_the_index() -> None:
    """The index knows the job and its span, and answers questions about it."""
    index = ResultsIndex()
    body = b'{"analysis_config": {"bucket_span": "90s"}}'
    assert handle(index, "PUT", PATH, None, body, allow_writes=True).status == 200
    assert (index.jobs(), index.stats("new")["bucket_span"]) == (("new",), 90)
    assert handle(index, "GET", f"{PATH}/results/buckets").body == {"count": 0, "buckets": []}
