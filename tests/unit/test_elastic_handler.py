"""The handler: one request, one commit, one reply."""

import gzip
from typing import Any, cast

import pytest

from bucketquery import InvalidQuery, LimitExceeded, ResultsIndex
from bucketquery.elastic import Reply, handle
from bucketquery.search.expand import expand
from support.helpers import JOB, STEP, bucket, record, rows

RESULTS = f"/_ml/anomaly_detectors/{JOB}/results"
BUCKETS = f"{RESULTS}/buckets"


@pytest.fixture
def index() -> ResultsIndex:
    """An index with ten buckets of one job, and a job without buckets."""
    found = ResultsIndex(max_size=3, clock=lambda: 5 * STEP)
    found.upsert(rows(0, 10, anomaly_score=5.0))
    found.put_job("empty")
    return found


def cause(reply: Reply) -> dict[str, Any]:
    """The cause of a failed search."""
    error = reply.body["error"]
    assert (reply.status, error["type"]) == (400, "search_phase_execution_exception")
    found: dict[str, Any] = error["failed_shards"][0]["reason"]
    return found


def test_the_body_of_a_reply_is_that_of_the_page(index: ResultsIndex) -> None:
    """Parameters in the URL or in a body give the same reply, by GET or POST. ``human`` adds text beside timestamps."""
    expected = index.get_buckets(job_id=JOB, start=STEP, size=2)
    for method in ("GET", "POST"):
        for request in (
            (f"{BUCKETS}?start={STEP}&size=2", None, None),
            (BUCKETS, None, {"start": STEP, "page": {"size": 2}}),
        ):
            reply = handle(index, method, *request)
            assert (reply.status, reply.body) == (200, expected.to_dict())
    reply = handle(index, "GET", BUCKETS, f"human&start={STEP}&size=2")
    assert reply.body == expected.to_dict(human=True)
    assert handle(index, "GET", "/_ml/anomaly_detectors/empty/results/buckets").body == {"count": 0, "buckets": []}


def test_a_snapshot_answers_as_of_its_commit(index: ResultsIndex) -> None:
    """An index answers as of its newest commit."""
    before = index.snapshot()
    index.upsert([bucket(10)])
    assert [handle(source, "GET", BUCKETS).body["count"] for source in (before, index)] == [10, 11]


def test_the_method_and_the_path_are_checked_first(index: ResultsIndex) -> None:
    """Other mistakes in the request do not change the reply, except in the parameters that shape it."""
    wrong = "?size=x&zzz"
    assert handle(index, "PUT", "/x", body="[").body["error"].startswith("no handler found for uri [/x]")
    reply = handle(index, "PUT", BUCKETS + wrong, body="[")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET,POST")
    assert f"uri [{BUCKETS}{wrong}] and method [PUT]" in reply.body["error"]
    assert "Unexpected http method: get," in handle(index, "get", BUCKETS + wrong, body="[").body["error"]
    reply = handle(index, "OPTIONS", BUCKETS + wrong, body="[")
    assert (reply.status, reply.headers["Allow"], reply.encode()) == (200, "GET,POST", b"")
    for method, path in (("PUT", BUCKETS), ("GET", "/x"), ("OPTIONS", BUCKETS)):
        assert handle(index, method, path, "pretty=1", "[").body["error"]["reason"].startswith("Failed to parse value")
        assert handle(index, method, path, "format=yaml", "[").status == 406


def test_every_reply_may_be_pretty(index: ResultsIndex) -> None:
    """Errors of any kind are indented too, except if the URL cannot be read or the reply cannot be shaped."""
    for path in (BUCKETS, "/x", "/_ml/anomaly_detectors/none/results/buckets", f"{BUCKETS}/2026"):
        assert handle(index, "GET", path, "pretty").encode().startswith(b'{\n  "')
        assert b"\n" not in handle(index, "GET", path).encode()
    for query in ("pretty&%", "pretty&human=x"):
        assert b"\n" not in handle(index, "GET", f"{BUCKETS}?{query}").encode()


def test_an_answer_may_be_filtered(index: ResultsIndex) -> None:
    """Body and bytes have the parts that the URL asks for, beside a body too. An error has all of its parts."""
    params: Any
    for params, body in (("filter_path=count", None), ({"filter_path": "count", "human": True}, {"desc": True})):
        reply = handle(index, "POST", BUCKETS, params, body)
        assert (reply.status, reply.body, reply.encode()) == (200, {"count": 10}, b'{"count":10}')
    reply = handle(index, "GET", f"{BUCKETS}?filter_path=nothing")
    assert (reply.body, reply.encode()) == ({}, b"{}")
    for path in ("/x", f"{BUCKETS}?size=x", f"{BUCKETS}/2026", f"{BUCKETS}?sort=x"):
        plain = handle(index, "GET", path)
        assert handle(index, "GET", path, "filter_path=count").body == plain.body or path == "/x"
        assert "error" in handle(index, "GET", path, "filter_path=-error").body


def test_a_body_may_be_compressed_or_too_large(index: ResultsIndex) -> None:
    """The statuses of a body that is refused are 400 and 413."""
    assert len(handle(index, "POST", BUCKETS, None, gzip.compress(b'{"page": {"size": 3}}')).body["buckets"]) == 3
    for body, status in ((b"\x1f\x8b", 400), (b"{" + b" " * 2**20, 413), (gzip.compress(bytes(2**24)), 413)):
        reply = handle(index, "POST", BUCKETS, None, body)
        assert (reply.status, reply.body["status"]) == (status, status)


def test_the_job_is_looked_up_after_reading_and_before_searching(index: ResultsIndex) -> None:
    """An unreadable parameter gives 400. An unknown job gives 404, even if the search would fail too."""
    nowhere = BUCKETS.replace(JOB, "no*")
    assert handle(index, "GET", nowhere, "size=x").status == 400
    reply = handle(index, "GET", nowhere, "start=x&sort=x&size=10001")
    assert (reply.status, reply.body["error"]["reason"]) == (404, "No known job with id 'no*'")
    assert "caused_by" not in reply.body["error"]


@pytest.mark.parametrize(
    ("query", "kind", "words"),
    [
        ("start=x", "parse_exception", "failed to parse date field [x]"),
        ("end=", "parse_exception", "cannot parse empty datetime"),
        ("timestamp=x", "parse_exception", "failed to parse date field [x]"),
        ("start=9999||%2B1y", "illegal_argument_exception", "[start] leaves the years 0001 to 9999"),
        ("start=now%2B9999y", "illegal_argument_exception", "[start] leaves the years 0001 to 9999"),
        ("sort=x&size=10001", "query_shard_exception", "No mapping found for [x]"),
        ("sort=examples", "illegal_argument_exception", "Fielddata is disabled on [examples]"),
        (
            "size=10001",
            "illegal_argument_exception",
            "Result window is too large, from + size must be less than or equal",
        ),
        ("size=0&from=10001", "illegal_argument_exception", "to: [10000] but was [10001]"),
    ],
)
def test_an_error_of_the_search_is_wrapped(index: ResultsIndex, query: str, kind: str, words: str) -> None:
    """The error may be about a date, the field to sort by, or the result window."""
    found = cause(handle(index, "GET", BUCKETS, query))
    assert found["type"] == kind
    assert words in found["reason"]


def test_the_handler_limits_the_result_window(index: ResultsIndex) -> None:
    """The handler ignores the maximum size of the index. A lookup counts as a result window of 1."""
    assert len(handle(index, "GET", BUCKETS, "size=10000").body["buckets"]) == 10
    assert handle(index, "GET", BUCKETS, "size=4&from=1", max_result_window=5).status == 200
    assert "[5] but was [6]" in cause(handle(index, "GET", BUCKETS, "size=5&from=1", max_result_window=5))["reason"]
    assert handle(index, "GET", BUCKETS, "timestamp=0", max_result_window=1).body["count"] == 1
    assert "[0] but was [1]" in cause(handle(index, "GET", BUCKETS, "timestamp=0", max_result_window=0))["reason"]
    with pytest.raises(LimitExceeded):
        index.get_buckets(job_id=JOB, size=4)


def test_a_lookup_without_a_match_is_not_a_failed_search(index: ResultsIndex) -> None:
    """The error of such a lookup is not wrapped."""
    reply = handle(index, "GET", f"{BUCKETS}/2026")
    error = {"type": "resource_not_found_exception", "reason": "Could not find requested buckets"}
    assert (reply.status, reply.body) == (404, {"error": {"root_cause": [error], **error}, "status": 404})


def test_records_and_influencers_have_their_own_endpoints(index: ResultsIndex) -> None:
    """Each kind is filtered and sorted by its own score, the highest first."""
    index.upsert([record(row, record_score=row * 10) for row in range(5)])
    index.upsert([bucket(row, result_type="influencer", influencer_score=row * 10) for row in range(5)])
    for kind, expected in (
        ("record", index.get_records(job_id=JOB, record_score=20, size=2)),
        ("influencer", index.get_influencers(job_id=JOB, influencer_score=20, size=2)),
    ):
        assert (expected.count, len(expected)) == (3, 2)
        reply = handle(index, "POST", f"{RESULTS}/{kind}s", None, {f"{kind}_score": 20, "page": {"size": 2}})
        assert (reply.status, reply.body) == (200, expected.to_dict())
        assert handle(index, "GET", f"{RESULTS}/{kind}s?{kind}_score=20&size=2").body == expected.to_dict()


def test_too_many_records_are_not_a_failed_search(index: ResultsIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search found the buckets. Only their records are too many, so the error is not wrapped."""
    index.upsert([bucket(0, bucket_influencers=[{"anomaly_score": 5.0}]), record(0), record(0, detector=1)])
    assert len(handle(index, "GET", f"{BUCKETS}?expand").body["buckets"][0]["records"]) == 2
    monkeypatch.setitem(cast("dict[str, Any]", expand.__kwdefaults__), "most", 1)
    reply = handle(index, "GET", f"{BUCKETS}?expand")
    assert (reply.status, reply.body["error"]["type"]) == (400, "illegal_argument_exception")
    assert reply.body["error"]["reason"].startswith("[expand] ")


def test_an_index_without_documents_refuses_queries_that_need_them() -> None:
    """The error is not wrapped. An empty page needs no documents."""
    index = ResultsIndex(keep_documents=False)
    index.upsert(rows(0, 10))
    for query, words in {"": "[documents] are needed", "size=0&expand": "[expand] needs documents"}.items():
        reply = handle(index, "GET", BUCKETS, query)
        assert (reply.status, reply.body["error"]["type"]) == (400, "illegal_argument_exception")
        assert reply.body["error"]["reason"].startswith(words)
    assert handle(index, "GET", BUCKETS, "size=0").body == {"count": 10, "buckets": []}


def test_a_wrong_index_raises() -> None:
    """No request can cause this error, so there is no reply for it."""
    wrong: Any
    for wrong in (None, {}, ResultsIndex):
        with pytest.raises(TypeError, match="index must be a ResultsIndex or a Snapshot"):
            handle(wrong, "GET", BUCKETS)


@pytest.mark.parametrize("window", [-1, None, 5.0, True, "5"])
def test_a_wrong_result_window_raises(index: ResultsIndex, window: Any) -> None:
    """The error is raised for any request, even one with an unknown path."""
    with pytest.raises(InvalidQuery, match="max_result_window"):
        handle(index, "GET", "/x", max_result_window=window)


@pytest.mark.parametrize(
    "odd", [None, 5, b"x", object(), [], {5: object()}, float("nan"), "\ud800", pytest.param(10**5_000, id="long")]
)
def test_no_request_raises(index: ResultsIndex, odd: Any) -> None:
    """An odd value in any place of a request gets a reply that can be encoded."""
    for request in (
        (odd, BUCKETS),
        ("GET", odd),
        ("GET", BUCKETS, odd),
        ("GET", BUCKETS, {"start": odd}),
        ("GET", BUCKETS, None, odd),
        ("POST", BUCKETS, None, {"start": odd}),
        ("POST", BUCKETS, None, {"page": odd}),
        ("POST", BUCKETS, None, {"page": {"from": odd}}),
    ):
        reply = handle(index, *request)
        assert reply.status in {200, 400, 404, 405}
        assert reply.encode().decode().startswith('{"')


def test_the_reply_to_head_has_no_body(index: ResultsIndex) -> None:
    """A method of a subclass of text counts too. The status and the headers are those of the reply."""

    class Method(str):
        __slots__ = ()

    for method in ("HEAD", Method("HEAD")):
        for path, status in (("/", 200), (BUCKETS, 405), ("/x", 400), ("/%", 400)):
            reply = handle(index, method, path, "pretty")
            assert (reply.status, reply.body, reply.encode()) == (status, {}, b"")
            assert reply.headers["x-elastic-product"] == "Elasticsearch"


def test_parameters_that_shape_a_reply_hold_for_jobs(index: ResultsIndex) -> None:
    """``filter_path`` and ``pretty`` work on every path; the server's description is indented anyway."""
    jobs = "/_ml/anomaly_detectors"
    assert handle(index, "GET", f"{jobs}?filter_path=count").body == {"count": 2}
    assert handle(index, "GET", f"{jobs}/_stats?filter_path=jobs.data_counts.bucket_count").body == {
        "jobs": [{"data_counts": {"bucket_count": 0}}, {"data_counts": {"bucket_count": 10}}]
    }
    assert handle(index, "GET", f"{jobs}?pretty").encode().startswith(b'{\n  "count" : 2')
    for query in ("", "?human", "?filter_path=tagline,name&human"):
        assert handle(index, "GET", f"/{query}").encode().startswith(b'{\n  "')
    assert handle(index, "GET", "/?filter_path=tagline&pretty=false").encode() == b'{"tagline":"You Know, for Search"}'
    assert handle(index, "GET", f"{jobs}?format=yaml").status == 406
