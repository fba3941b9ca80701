"""The claims of the doors: REST requests and replies, and the tools for tests."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.inputs import bucket_index, checked, columns, many_jobs_index, page_with
from benchmarks.timing import Call
from benchmarks.workloads import JOB, bucket_documents
from bucketquery import BucketQuery, testing
from bucketquery.elastic import Reply, asgi, client, handle, wsgi
from bucketquery.elastic.jobs import find_jobs

_PATH: Final = f"/_ml/anomaly_detectors/{JOB}/results/buckets"


# Requests and replies


def requesting(page: int, size: int) -> Call:
    """Request the newest page of an index."""
    ask = partial(handle, bucket_index(size), "GET", f"{_PATH}?desc=true&size={page}", max_result_window=size)
    return checked(ask, lambda reply: (reply.body["count"], len(reply.body["buckets"])) == (size, page))


def requesting_with_repeats(size: int) -> Call:
    """Request one bucket, and repeat one parameter ``size`` times."""
    ask = partial(handle, bucket_index(1_024), "GET", f"{_PATH}?{'&'.join(['size=1'] * size)}")
    return checked(ask, lambda reply: len(reply.body["buckets"]) == 1)


def answering(size: int) -> Call:
    """Request the newest page of an index, and encode it."""
    ask = partial(handle, bucket_index(size), "GET", f"{_PATH}?desc=true&size={size}", max_result_window=size)
    return checked(lambda: ask().encode(), lambda found: len(json.loads(found)["buckets"]) == size)


def encoding(size: int, *, pretty: bool) -> Call:
    """Encode a body of ``size`` buckets, indented or not."""
    reply = Reply(status=200, body=page_with("bucket", size).to_dict(), _pretty=pretty)
    return checked(reply.encode, lambda found: json.loads(found) == reply.body)


# Apps, the official client, jobs


def sending_by_wsgi(size: int) -> Call:
    """Send a page of all buckets of an index through the WSGI app."""
    app = wsgi(bucket_index(size), max_result_window=size)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": _PATH, "QUERY_STRING": f"size={size}"}
    return checked(
        lambda: app(environ, lambda _status, _headers: None),
        lambda parts: len(json.loads(b"".join(parts))["buckets"]) == size,
    )


def sending_by_asgi(size: int) -> Call:
    """Send a page of all buckets of an index through the ASGI app, which never waits here."""
    app = asgi(bucket_index(size), max_result_window=size)
    scope = {"type": "http", "method": "GET", "path": _PATH, "query_string": f"size={size}".encode()}
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    def run() -> bytes:
        sent.clear()
        with suppress(StopIteration):
            app(scope, receive, send).__await__().send(None)
        return b"".join(sent)

    return checked(run, lambda found: len(json.loads(found)["buckets"]) == size)


def asking_by_client(size: int) -> Call:
    """Ask for the newest page of an index through the official client."""
    asked = client(bucket_index(size))
    return checked(lambda: asked.ml.get_buckets(job_id=JOB, desc=True), lambda answer: answer["count"] == size)


def finding_jobs(size: int) -> Call:
    """Find the jobs of a pattern among many."""
    snapshot = many_jobs_index(size).snapshot()
    find = partial(find_jobs, snapshot, "*1*", allow_no_match=True)
    return checked(find, lambda found: 0 < len(found) < size)


def finding_a_job(size: int) -> Call:
    """Find one job among many by its id."""
    snapshot = many_jobs_index(size).snapshot()
    (first, *_) = snapshot.jobs()
    return checked(partial(find_jobs, snapshot, first, allow_no_match=True), lambda found: found == [first])


# Tools for tests


def evaluating(size: int) -> Call:
    """Evaluate the newest page of many documents."""
    documents, query = bucket_documents(columns(size)), BucketQuery(jobs=JOB, desc=True)
    return checked(partial(testing.evaluate, documents, query), lambda body: body["count"] == size)


def evaluating_expanded(size: int) -> Call:
    """Evaluate a page of buckets, each with one of 256 records."""
    influencers = {"bucket_influencers": [{"influencer_field_name": "host"}]}
    buckets = [{**document, **influencers} for document in bucket_documents(columns(256))]
    records = [{**document, "result_type": "record", "record_score": 5.0} for document in buckets]
    query = BucketQuery(jobs=JOB, expand=True, size=size)
    evaluate_all = partial(testing.evaluate, [*buckets, *records], query)
    return checked(evaluate_all, lambda body: [len(each["records"]) for each in body["buckets"]] == [1] * size)


def drawing(documents: Callable[..., st.SearchStrategy[list[Any]]], size: int) -> Call:
    """Draw six lists of documents, the same lists at each call."""
    lists: list[Any] = []

    @settings(max_examples=6, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(documents(max_size=size))
    def draw(drawn: Any) -> None:
        lists.append(drawn)

    def draw_again() -> list[Any]:
        lists.clear()
        draw()
        return lists

    return checked(draw_again, lambda drawn: any(drawn) and all(len(each) <= size for each in drawn))


_HANDLE: Final = "elastic.handler.handle"
_ENCODE: Final = "elastic.replies.Reply.encode"
_FIND_JOBS: Final = "elastic.jobs.find_jobs"
_EVALUATE: Final = "testing.reference.evaluate"
_STRATEGIES: Final = (
    ("testing.strategies.bucket_documents", testing.bucket_documents),
    ("testing.strategies.record_documents", testing.record_documents),
    ("testing.strategies.influencer_documents", testing.influencer_documents),
    ("testing.strategies.result_documents", testing.result_documents),
)

CLAIMS: Final = (
    Claim(_HANDLE, "the newest page of n buckets", LOGARITHMIC, partial(requesting, 100)),
    Claim(_HANDLE, "n parameters", LINEAR, requesting_with_repeats, 256, 16_384),
    Claim(_ENCODE, "a page of n buckets", LINEAR, answering, 256, 8_192),
    Claim(_ENCODE, "n buckets", LINEAR, partial(encoding, pretty=False)),
    Claim(_ENCODE, "n buckets, indented", LINEAR, partial(encoding, pretty=True), 128, 8_192),
    Claim("elastic.wsgi_app.wsgi", "a page of n buckets", LINEAR, sending_by_wsgi, 256, 8_192),
    Claim("elastic.asgi_app.asgi", "a page of n buckets", LINEAR, sending_by_asgi, 256, 8_192),
    Claim("elastic.clients.client", "the newest page of n buckets", LOGARITHMIC, asking_by_client),
    Claim(_FIND_JOBS, "a pattern of n jobs", LINEAR, finding_jobs, 2_048, 65_536),
    Claim(_FIND_JOBS, "one of n jobs", CONSTANT, finding_a_job, 256, 16_384),
    Claim(_EVALUATE, "n documents", LOGLINEAR, evaluating, 128, 8_192),
    Claim(_EVALUATE, "n buckets with their records", LINEAR, evaluating_expanded, 4, 256),
    *(Claim(of, "n at most", AT_MOST_LINEAR, partial(drawing, draw), 20, 1_280) for of, draw in _STRATEGIES),
)
