"""What the doors say: REST requests and replies, tables for people, the tools for tests of its cost."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from benchmarks.claims.answers import page_with
from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim, Growth
from benchmarks.claims.held import buckets, job_ids
from benchmarks.claims.model import RESULT, numbered, plain_bodies, record_document
from benchmarks.claims.stock import MILLION, checked, columns
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, bucket_documents
from bucketquery import BucketQuery, testing
from bucketquery.answers.body import timestamp_strings
from bucketquery.elastic import handle
from bucketquery.elastic.calls import read_call
from bucketquery.elastic.replies import Reply
from bucketquery.elastic.requests import find_route, read_request
from bucketquery.model.schema import Kind
from bucketquery.tables import table
from bucketquery.testing.reference import evaluate
from bucketquery.testing.shapes import bucket_shape, influencer_shape, record_shape, timestamp_ms

QUADRATIC: Final = Growth("O(n²)", lambda size: size * size, is_seen=True)

_PATH: Final = f"/_ml/anomaly_detectors/{JOB}/results/buckets"


# Requests and replies


def requesting(page: int, size: int) -> Call:
    """The newest page of so many buckets."""
    ask = partial(handle, buckets(size), "GET", f"{_PATH}?desc=true&size={page}", max_result_window=size)
    return checked(ask, lambda reply: (reply.body["count"], len(reply.body["buckets"])) == (size, page))


def requesting_again_and_again(size: int) -> Call:
    """One bucket, which is said so often."""
    ask = partial(handle, buckets(1_024), "GET", f"{_PATH}?{'&'.join(['size=1'] * size)}")
    return checked(ask, lambda reply: len(reply.body["buckets"]) == 1)


def encoding(size: int, *, pretty: bool) -> Call:
    """A body of so many buckets, maybe for people."""
    reply = Reply(status=200, body={"count": size, "buckets": plain_bodies(size)}, _pretty=pretty)
    return checked(reply.encode, lambda found: json.loads(found) == reply.body)


def reading_a_request(size: int) -> Call:
    """One with a body of so many blanks."""
    call = read_call("POST", _PATH, None, b'{"anomaly_score": 75,' + b" " * size + b'"page": {"size": 5}}')
    route = find_route(call.path)
    assert route is not None
    return checked(partial(read_request, call, route), lambda request: request.parameters["size"] == 5)


def writing_a_table(kind: Kind, size: int) -> Call:
    """A page of so many, in colour."""
    write = partial(table, page_with(kind, size), JOB, in_colour=True)
    return checked(write, lambda text: text.count("\n") == size + 2 and f"{size:,} of {size:,}" in text)


# Tools for tests


def evaluating(size: int) -> Call:
    """The newest page of so many documents."""
    documents, query = bucket_documents(columns(size)), BucketQuery(jobs=JOB, desc=True)
    return checked(partial(evaluate, documents, query), lambda body: body["count"] == size)


def evaluating_expanded(size: int) -> Call:
    """A page of so many buckets, each with one of 256 records or none."""
    blame = {"bucket_influencers": [{"influencer_field_name": "host"}]}
    buckets_there = [{**document, **blame} for document in bucket_documents(columns(256))]
    records = [{**document, "result_type": "record", "record_score": 5.0} for document in buckets_there]
    query = BucketQuery(jobs=JOB, expand=True, size=size)
    evaluate_all = partial(evaluate, [*buckets_there, *records], query)
    return checked(evaluate_all, lambda body: [len(each["records"]) for each in body["buckets"]] == [1] * size)


def shaping_a_bucket(size: int) -> Call:
    """One with so many influencers and records."""
    document = {**RESULT, "bucket_influencers": [{"influencer_field_name": "host"}] * size}
    shape = partial(bucket_shape, document, [RESULT] * size)
    return checked(shape, lambda bucket: len(bucket["bucket_influencers"]) == len(bucket["records"]) == size)


def shaping_a_record(size: int) -> Call:
    """One with so many values in each part, of which none is of a field of the data."""
    document = {**record_document(size), "influencers": []}
    return checked(partial(record_shape, document), lambda shape: {**shape, **document} == shape)


def shaping_blame(size: int, *, fields: int) -> Call:
    """A record that gives so many values to so many fields of the data, and has as many others."""
    influencers = [
        {"influencer_field_name": f"field-{row % fields}", "influencer_field_values": [str(row)]} for row in range(size)
    ]
    shape = partial(record_shape, {**RESULT, "influencers": influencers, **numbered("other", size)})
    return checked(shape, lambda shown: sum(len(shown[f"field-{field}"]) for field in range(fields)) == size)


def shaping_much_blame(size: int) -> Call:
    """One that gives each of so many values to another field."""
    return shaping_blame(size, fields=size)


def shaping_an_influencer(size: int) -> Call:
    """One with so many unknown fields."""
    others = numbered("other", size)
    return checked(partial(influencer_shape, {**RESULT, **others}), lambda shape: {**shape, **others} == shape)


def reading_a_timestamp(size: int) -> Call:
    """So many milliseconds after the first, as text."""
    document = {"timestamp": timestamp_strings(np.array([FIRST_MS + size]))[0]}
    return checked(partial(timestamp_ms, document), (FIRST_MS + size).__eq__)


def drawing(strategy: st.SearchStrategy[Any], is_right: Callable[[Any], object]) -> Call:
    """Six of what it draws, the same each time."""
    seen: list[Any] = []

    @settings(max_examples=6, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def draw(drawn: Any) -> None:
        seen.append(drawn)

    def draw_anew() -> list[Any]:
        seen.clear()
        draw()
        return seen

    return checked(draw_anew, lambda all_drawn: any(all_drawn) and all(map(is_right, all_drawn)))


def drawing_documents(documents: Callable[..., st.SearchStrategy[list[Any]]], size: int) -> Call:
    """So many at most."""
    return drawing(documents(max_size=size), lambda drawn: len(drawn) <= size)


def drawing_queries(queries: Callable[..., st.SearchStrategy[Any]], size: int) -> Call:
    """Of so many jobs."""
    jobs = job_ids(size)
    return drawing(queries(jobs=jobs), lambda query: set(query.jobs) <= set(jobs))


_KINDS: Final[tuple[Kind, ...]] = ("bucket", "record", "influencer")
_RECORD_SHAPE: Final = "testing.shapes.record_shape"
_STRATEGIES: Final = "testing.strategies"

CLAIMS: Final = (
    Claim("elastic.handler.handle", "the newest page of n buckets", LOGARITHMIC, partial(requesting, 100)),
    Claim("elastic.handler.handle", "a page of n buckets", LINEAR, lambda size: requesting(size, size), 256, 8_192),
    Claim("elastic.handler.handle", "n parameters", LINEAR, requesting_again_and_again, 256, 16_384),
    Claim("elastic.replies.Reply.encode", "n buckets", LINEAR, partial(encoding, pretty=False)),
    Claim("elastic.replies.Reply.encode", "n buckets, for people", LINEAR, partial(encoding, pretty=True), 128, 8_192),
    Claim("elastic.requests.read_request", "a body of n bytes", LINEAR, reading_a_request, 16_384, MILLION),
    *(Claim("tables.table", f"n {kind}s", LINEAR, partial(writing_a_table, kind), 128, 8_192) for kind in _KINDS),
    Claim("testing.reference.evaluate", "n documents", LOGLINEAR, evaluating, 128, 8_192),
    Claim("testing.reference.evaluate", "n buckets with their records", LINEAR, evaluating_expanded, 4, 256),
    Claim("testing.shapes.bucket_shape", "n influencers and records", LINEAR, shaping_a_bucket, 128, 8_192),
    Claim(_RECORD_SHAPE, "n values in each part", LINEAR, shaping_a_record, 64, 4_096),
    Claim(_RECORD_SHAPE, "n values of a field", QUADRATIC, partial(shaping_blame, fields=1), 128, 2_048),
    Claim(_RECORD_SHAPE, "n values of as many fields", QUADRATIC, shaping_much_blame, 128, 2_048),
    Claim("testing.shapes.influencer_shape", "n other fields", LINEAR, shaping_an_influencer, 128, 8_192),
    Claim("testing.shapes.timestamp_ms", "n milliseconds after another", CONSTANT, reading_a_timestamp),
    *(
        Claim(
            f"{_STRATEGIES}.{draw.__name__}", "n at most", AT_MOST_LINEAR, partial(drawing_documents, draw), 20, 1_280
        )
        for draw in (
            testing.bucket_documents,
            testing.record_documents,
            testing.influencer_documents,
            testing.result_documents,
        )
    ),
    *(
        Claim(f"{_STRATEGIES}.{draw.__name__}", "of n jobs", CONSTANT, partial(drawing_queries, draw), 16, 1_024)
        for draw in (testing.bucket_queries, testing.record_queries, testing.influencer_queries)
    ),
)
"""Those of requests and replies, of tables, and of the tools for tests."""
