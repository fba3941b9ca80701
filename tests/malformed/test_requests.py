"""Requests that make no sense: each gets a status and an error body, and none raises an exception."""

import bz2
import contextlib
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bucketquery import InvalidDocument, ResultsIndex
from bucketquery.elastic import Reply, handle
from support.malformed import BOOLEANS, HOUR, ILLEGAL, Unprintable, cases, odd
from support.malformed import NOT_FOUND as NOT_THERE
from support.request_tables import JOBS as PREFIX
from support.request_tables import KINDS as PLURALS
from support.request_tables import NO_NUMBER, UNPARSED
from support.semantics_tables import JOB

JOBS = ("web", "données", "web/1", "100%", "a+b", "日本")
BUCKETS = f"{PREFIX}/web/results/buckets"
RECORDS = f"{PREFIX}/web/results/records"
INFLUENCERS = f"{PREFIX}/web/results/influencers"

WRAPPED = "search_phase_execution_exception"
INVALID = "validation_exception"
#: Every status that a reply may have.
STATUSES = {200, 400, 403, 404, 405, 406, 413}


def stored() -> ResultsIndex:
    """Six jobs with four hours of results, some interim or with bucket influencers, and one job without results."""
    index = ResultsIndex(clock=lambda: 2 * HOUR)
    index.put_job("idle")
    for job in JOBS:
        for hour in range(4):
            row = {"job_id": job, "bucket_span": 3_600, "timestamp": hour * HOUR, "is_interim": hour == 3}
            blamed = [{"influencer_field_name": "host", "anomaly_score": 25.0 * hour}] if hour % 2 else []
            index.upsert(
                [
                    row | {"result_type": "bucket", "anomaly_score": 25.0 * hour, "bucket_influencers": blamed},
                    row | {"result_type": "record", "record_score": 25.0 * hour, "detector_index": hour},
                    row
                    | {
                        "result_type": "influencer",
                        "influencer_score": 25.0 * hour,
                        "influencer_field_name": "host",
                        "influencer_field_value": f"h{hour}",
                    },
                ]
            )
    return index


#: Shared by the tests of this file, which only read it.
INDEX = stored()


class Unhelpful(Unprintable):
    """A value that raises when it is shown, compared, or taken for true or false."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    __hash__ = None  # type: ignore[assignment] # cannot be hashed


def no_json(constant: str) -> None:
    """Fail on NaN and infinities, which JSON does not have."""
    raise AssertionError(constant)


def texts(value: Any) -> Iterator[str]:
    """Every text in a body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def check(method: Any, reply: Reply) -> None:
    """Assert what holds of every reply: a known status, and a body that is JSON of a known shape."""
    is_options_reply = isinstance(method, str) and method == "OPTIONS" and reply.status == 200
    is_head_reply = isinstance(method, str) and method == "HEAD"
    assert reply.status in STATUSES
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-elastic-product"] == "Elasticsearch"
    assert "Allow" not in reply.headers or reply.status == 405 or is_options_reply
    encoded = reply.encode()
    if is_options_reply or is_head_reply:
        assert (encoded, reply.body) == (b"", {})
        return
    assert json.loads(encoded.decode("utf-8"), parse_constant=no_json) == reply.body
    if reply.status == 200:
        assert not reply.body or next(iter(reply.body)) in {"count", *PLURALS, "name"}
        return
    assert all(len(text) < 5_000 for text in texts(reply.body))
    error = reply.body["error"]
    if isinstance(error, str):
        assert reply.body == {"error": error} | ({"status": 405} if reply.status == 405 else {})
        assert ("Allow" in reply.headers) == ("allowed: [" in error)
        return
    assert reply.body["status"] == reply.status
    assert list(error)[:3] == ["root_cause", "type", "reason"]
    assert [sorted(cause) for cause in error["root_cause"]] == [["reason", "type"]]
    assert all(isinstance(error[name], str) for name in ("type", "reason"))


WRONG_BODIES: list[tuple[Any, int, str]] = [
    # ---- not JSON
    (b"x", 400, UNPARSED),
    ("x", 400, UNPARSED),
    (b"{", 400, UNPARSED),
    (b"}", 400, UNPARSED),
    (b"{]", 400, UNPARSED),
    (b'{"start"}', 400, UNPARSED),
    (b'{"start":}', 400, UNPARSED),
    (b'{"start": 0,}', 400, UNPARSED),
    (b'{"start": 0 "end": 1}', 400, UNPARSED),
    (b'{"start": 0}}', 400, UNPARSED),
    (b'{"start": 0} {"start": 0}', 400, UNPARSED),
    (b'{"start": 0} null', 400, UNPARSED),
    (b"{'start': 0}", 400, UNPARSED),
    (b"{start: 0}", 400, UNPARSED),
    (b"{1: 0}", 400, UNPARSED),
    (b"{null: 0}", 400, UNPARSED),
    (b'{"start": 0x10}', 400, UNPARSED),
    (b'{"start": 010}', 400, UNPARSED),
    (b'{"start": 1_000}', 400, UNPARSED),
    (b'{"start": .5}', 400, UNPARSED),
    (b'{"start": 5.}', 400, UNPARSED),
    (b'{"start": 1e}', 400, UNPARSED),
    (b'{"start": nan}', 400, UNPARSED),
    (b'{"anomaly_score": NaN}', 400, UNPARSED),
    (b'{"anomaly_score": -Infinity}', 400, UNPARSED),
    (b'{"desc": TRUE}', 400, UNPARSED),
    (b'{"desc": None}', 400, UNPARSED),
    (b'{"desc": undefined}', 400, UNPARSED),
    (b'{"sort": "timestamp}', 400, UNPARSED),
    (b'{"sort": "time\nstamp"}', 400, UNPARSED),
    (rb'{"sort": "\q"}', 400, UNPARSED),
    (rb'{"sort": "\u12"}', 400, UNPARSED),
    (b'{"sort": "timestamp"} # why', 400, UNPARSED),
    (b'{"sort": "timestamp"} / why', 400, UNPARSED),
    (b'{"sort": "timestamp"} /* why', 400, UNPARSED),
    (b'{"sort": "timestamp"} */', 400, UNPARSED),
    (b'{"sort": "timestamp" <!-- why -->}', 400, UNPARSED),
    (b'{"so/**/rt": "timestamp"}', 400, UNPARSED),
    (b"// {}", 400, UNPARSED),
    (b'{"sort": "time/*', 400, UNPARSED),
    (b"/*" * 100_000, 400, UNPARSED),
    (b'"' + b'\\"' * 100_000, 400, UNPARSED),
    (b'{"sort": "timestamp", "sort": "timestamp"}', 400, UNPARSED),
    (rb'{"sort": "timestamp", "s\u006frt": "timestamp"}', 400, UNPARSED),
    (b'{"page": {"size": 1, "size": 1}}', 400, UNPARSED),
    (b"[" * 100_000, 400, UNPARSED),
    (b'{"a":' * 100_000, 400, UNPARSED),
    (b'{"start": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, UNPARSED),
    (b'{"start": ' + b"9" * 10_000 + b"}", 400, UNPARSED),
    (b'{"page": {"size": ' + b"9" * 10_000 + b"}}", 400, UNPARSED),
    (b"\x00", 400, UNPARSED),
    (b"\x80", 400, UNPARSED),
    (b'{"sort": "\xe9"}', 400, UNPARSED),
    (b'{"sort": "\xed\xa0\x80"}', 400, UNPARSED),
    ('{"start": 0}'.encode("utf-16-le")[:-1], 400, UNPARSED),
    (b"start=0&end=1", 400, UNPARSED),
    (b"<start>0</start>", 400, UNPARSED),
    (b"--- start: 0", 400, UNPARSED),
    (b":)\n\xfa", 400, UNPARSED),
    # ---- compressed, or large
    (b"\x1f\x8b", 400, UNPARSED),
    (b"\x1f\x8b{}", 400, UNPARSED),
    (b"\x1f\x8b\x08" + bytes(100), 400, UNPARSED),
    (b"\x1f\x8b\x09" + bytes(100), 400, UNPARSED),
    (b"\x1f\x8b\x08\x04" + b"\xff" * 100, 400, UNPARSED),
    (gzip.compress(b"{}")[:-4], 400, UNPARSED),
    (gzip.compress(b"{}") + b"{}", 400, UNPARSED),
    (gzip.compress(gzip.compress(b"{}")), 400, UNPARSED),
    (gzip.compress(b"[]"), 400, UNPARSED),
    (gzip.compress(b"\x80"), 400, UNPARSED),
    (gzip.compress(b'{"size": 1}'), 400, UNPARSED),
    (gzip.compress(b'{"start": "soon"}'), 400, WRAPPED),
    (gzip.compress(b'{"timestamp": "1999"}'), 404, NOT_THERE),
    (gzip.compress(bytes(2**22)), 413, ILLEGAL),
    (gzip.compress(b"{" * 2**22), 413, ILLEGAL),
    (b"\x1f\x8b" * 2**20, 413, ILLEGAL),
    (zlib.compress(b"{}"), 400, UNPARSED),
    (bz2.compress(b"{}"), 400, UNPARSED),
    (b"{}" + b" " * 2**20, 413, ILLEGAL),
    (b" " * 2**21, 413, ILLEGAL),
    ("[" * 2**21, 413, ILLEGAL),
    # ---- JSON, but not an object
    (b"[]", 400, UNPARSED),
    (b"[{}]", 400, UNPARSED),
    (b"0", 400, UNPARSED),
    (b"-1.5e3", 400, UNPARSED),
    (b'""', 400, UNPARSED),
    (b'"{}"', 400, UNPARSED),
    (b"true", 400, UNPARSED),
    (b"null", 400, UNPARSED),
    # ---- an object, but not a query
    ({"": 1}, 400, UNPARSED),
    ({"Start": 0}, 400, UNPARSED),
    ({"start ": 0}, 400, UNPARSED),
    ({"start": 0, "\ud800": 1}, 400, UNPARSED),
    ({"from": 0}, 400, UNPARSED),
    ({"size": 0}, 400, UNPARSED),
    ({"record_score": 0}, 400, UNPARSED),
    ({"query": {"match_all": {}}}, 400, UNPARSED),
    ({"bool": True}, 400, UNPARSED),
    ({"human": True}, 400, UNPARSED),
    ({"job_id": None}, 400, UNPARSED),
    ({"job_id": ["web"]}, 400, UNPARSED),
    ({"job_id": 1}, 400, UNPARSED),
    ({"timestamp": None}, 400, UNPARSED),
    ({"timestamp": [0]}, 400, UNPARSED),
    ({"timestamp": True}, 400, UNPARSED),
    ({"start": False}, 400, UNPARSED),
    ({"start": [0]}, 400, UNPARSED),
    ({"start": {"gte": 0}}, 400, UNPARSED),
    ({"end": [[]]}, 400, UNPARSED),
    ({"anomaly_score": None}, 400, UNPARSED),
    ({"anomaly_score": True}, 400, UNPARSED),
    ({"anomaly_score": "high"}, 400, UNPARSED),
    ({"anomaly_score": "0x10"}, 400, UNPARSED),
    ({"anomaly_score": " "}, 400, UNPARSED),
    ({"anomaly_score": "\ud800"}, 400, UNPARSED),
    ({"anomaly_score": {}}, 400, UNPARSED),
    ({"sort": None}, 400, UNPARSED),
    ({"sort": ["timestamp"]}, 400, UNPARSED),
    ({"sort": {"timestamp": "asc"}}, 400, UNPARSED),
    ({"sort": 0}, 400, UNPARSED),
    ({"desc": None}, 400, UNPARSED),
    ({"desc": 0}, 400, UNPARSED),
    ({"desc": "yes"}, 400, UNPARSED),
    ({"desc": "\xa0"}, 400, UNPARSED),
    ({"desc": "true "}, 400, UNPARSED),
    ({"expand": []}, 400, UNPARSED),
    ({"exclude_interim": "False"}, 400, UNPARSED),
    ({"page": None}, 400, UNPARSED),
    ({"page": 1}, 400, UNPARSED),
    ({"page": []}, 400, UNPARSED),
    ({"page": "from"}, 400, UNPARSED),
    ({"page": {"from": None}}, 400, UNPARSED),
    ({"page": {"from": {}}}, 400, UNPARSED),
    ({"page": {"from": -1}}, 400, UNPARSED),
    ({"page": {"from": -1.5}}, 400, UNPARSED),
    ({"page": {"from": "-1.5"}}, 400, UNPARSED),
    ({"page": {"from": "0x1p3"}}, 400, UNPARSED),
    ({"page": {"from": "1,5"}}, 400, UNPARSED),
    ({"page": {"from": "1f1"}}, 400, UNPARSED),
    ({"page": {"size": "-Infinity"}}, 400, UNPARSED),
    ({"page": {"size": "2147483648"}}, 400, UNPARSED),
    ({"page": {"size": 2147483647.5}}, 400, UNPARSED),
    ({"page": {"size": True}}, 400, UNPARSED),
    ({"page": {"from": -1, "size": -1}}, 400, UNPARSED),
    ({"page": {"from": 2**31}}, 400, UNPARSED),
    ({"page": {"from": 1e308}}, 400, UNPARSED),
    ({"page": {"size": -(2**63)}}, 400, UNPARSED),
    ({"page": {"size": "ten"}}, 400, UNPARSED),
    ({"page": {"size": 1, "x": 1}}, 400, UNPARSED),
    ({"page": {"page": {}}}, 400, UNPARSED),
    ({"timestamp": 0, "start": 0}, 400, UNPARSED),
    ({"start": 0, "timestamp": 0}, 400, UNPARSED),
    ({"timestamp": 0, "page": {}}, 400, UNPARSED),
    # ---- a query without an answer
    ({"start": "soon"}, 400, WRAPPED),
    ({"start": ""}, 400, WRAPPED),
    ({"start": "2020-02-30"}, 400, WRAPPED),
    ({"start": "\ud800"}, 400, WRAPPED),
    ({"start": "\x00"}, 400, WRAPPED),
    ({"end": "now" + "+1d" * 100_000}, 400, WRAPPED),
    ({"end": "now/"}, 400, WRAPPED),
    ({"timestamp": "x"}, 400, WRAPPED),
    ({"sort": ""}, 400, WRAPPED),
    ({"sort": "x" * 100_000}, 400, WRAPPED),
    ({"sort": "\ud800"}, 400, WRAPPED),
    ({"sort": "_doc"}, 400, WRAPPED),
    ({"sort": "bucket_influencers.anomaly_score"}, 400, WRAPPED),
    ({"page": {"size": 10_001}}, 400, WRAPPED),
    ({"page": {"from": 2**31 - 1, "size": 2**31 - 1}}, 400, WRAPPED),
    ({"timestamp": "1999"}, 404, NOT_THERE),
    ({"timestamp": 1}, 404, NOT_THERE),
    ({"timestamp": 10**30}, 404, NOT_THERE),
]


def of(job: str, where: str = "buckets") -> str:
    """The path of a job's results; the job is given as the path spells it."""
    return f"{PREFIX}/{job}/results/{where}"


def shorten(value: Any) -> str:
    """A name for a case, short and printable."""
    text = value if isinstance(value, str) else repr(value)
    return f"{text[:50]}...{len(text)}" if len(text) > 60 else text


@pytest.mark.parametrize(("body", "status", "error_type"), WRONG_BODIES, ids=[shorten(row[0]) for row in WRONG_BODIES])
def test_wrong_body_is_refused(body: Any, status: int, error_type: str) -> None:
    """A body that is not a query, or has no answer, gets the status and error type of its row, as text and parsed."""
    sent = json.dumps(body) if isinstance(body, Mapping) else body
    ways: list[Any] = [sent, sent.encode()] if isinstance(sent, str) else [sent]
    for way in ways + ([body] if isinstance(body, Mapping) else []):
        for method in ("GET", "POST"):
            reply = handle(INDEX, method, BUCKETS, None, way)
            check(method, reply)
            assert (reply.status, reply.body["error"]["type"]) == (status, error_type)


WRONG_QUERIES = [
    ("foo=1", 400, ILLEGAL),
    ("foo", 400, ILLEGAL),
    ("=", 400, ILLEGAL),
    ("%00=1", 400, ILLEGAL),
    ("Start=0", 400, ILLEGAL),
    ("from_=0", 400, ILLEGAL),
    ("page=0", 400, ILLEGAL),
    ("record_score=0", 400, ILLEGAL),
    ("filter_path=" + "a" * 4_097, 400, ILLEGAL),
    ("filter_path=" + "," * 5_000, 400, ILLEGAL),
    ("filter_path=" + "**," * 101, 400, ILLEGAL),
    ("filter_paths=count", 400, ILLEGAL),
    ("filter_path=count&foo=1", 400, ILLEGAL),
    ("filter_path=count&start=x", 400, WRAPPED),
    ("format=yaml", 406, ILLEGAL),
    ("format=CBOR", 406, ILLEGAL),
    ("format=vnd_smile&size=x", 406, ILLEGAL),
    ("error_trace=yes", 400, ILLEGAL),
    ("error_trace=TRUE", 400, ILLEGAL),
    ("error_trace&size=x", 400, ILLEGAL),
    ("source={}", 400, INVALID),
    ("source", 400, INVALID),
    ("source={}&source_content_type=text/plain", 400, INVALID),
    ("source={}&source_content_type=application/yaml", 400, INVALID),
    ("source={}&source_content_type", 400, ILLEGAL),
    ("source={}&source_content_type=json", 400, ILLEGAL),
    ("source={}&source_content_type=" + "/" * 5_000, 400, ILLEGAL),
    ("source_content_type=application/json", 400, ILLEGAL),
    ("source=&source_content_type=application/json", 400, UNPARSED),
    ("source=[]&source_content_type=application/json", 400, UNPARSED),
    ("source={%22a%22:1}&source_content_type=application/json", 400, UNPARSED),
    ("source=%1F%8B&source_content_type=application/json", 400, UNPARSED),
    ("source={}&source_content_type=application/json&size=1", 400, ILLEGAL),
    ("source={%22sort%22:%22x%22}&source_content_type=application/json", 400, WRAPPED),
    ("human=x", 400, ILLEGAL),
    ("pretty=2", 400, ILLEGAL),
    ("from=", 400, ILLEGAL),
    ("from=x", 400, ILLEGAL),
    ("from=1.0", 400, ILLEGAL),
    ("from=-1", 400, ILLEGAL),
    ("from=+-1", 400, ILLEGAL),
    ("from=2147483648", 400, ILLEGAL),
    ("size=" + "9" * 10_000, 400, ILLEGAL),
    ("size=0x1", 400, ILLEGAL),
    ("size=1e3", 400, ILLEGAL),
    ("size=NaN", 400, ILLEGAL),
    ("size=null", 400, ILLEGAL),
    ("size=%2", 400, ILLEGAL),
    ("size=%G0", 400, ILLEGAL),
    ("%", 400, ILLEGAL),
    ("desc=1", 400, ILLEGAL),
    ("desc=True", 400, ILLEGAL),
    ("desc=true+", 400, ILLEGAL),
    ("desc=%C2%A0", 400, ILLEGAL),
    ("from=+5", 400, ILLEGAL),
    ("size=5.0", 400, ILLEGAL),
    ("expand=all", 400, ILLEGAL),
    ("exclude_interim=no", 400, ILLEGAL),
    ("timestamp=0&start=0", 400, ILLEGAL),
    ("timestamp=0&size=1", 400, ILLEGAL),
    ("timestamp=0&anomaly_score=0", 400, ILLEGAL),
    ("anomaly_score=", 400, NO_NUMBER),
    ("anomaly_score=x", 400, NO_NUMBER),
    ("anomaly_score=1,5", 400, NO_NUMBER),
    ("anomaly_score=0x1p3", 400, NO_NUMBER),
    ("anomaly_score=1dd", 400, NO_NUMBER),
    ("anomaly_score=%D9%A1", 400, NO_NUMBER),
    ("anomaly_score=infinity", 400, NO_NUMBER),
    ("start=", 400, WRAPPED),
    ("start", 400, WRAPPED),
    ("start=x", 400, WRAPPED),
    ("start=0000", 400, WRAPPED),
    ("start=2020-13", 400, WRAPPED),
    ("start=2020-01-01+00:00", 400, WRAPPED),
    ("start=2020-01-01T00:00Europe/Paris", 400, WRAPPED),
    ("start=" + "1" * 1_000, 400, WRAPPED),
    ("end=now-1", 400, WRAPPED),
    ("end=now+99999999999999999999y", 400, WRAPPED),
    ("end=%00", 400, WRAPPED),
    ("timestamp=x", 400, WRAPPED),
    ("sort=", 400, WRAPPED),
    ("sort=x", 400, WRAPPED),
    ("sort=timestamp,job_id", 400, WRAPPED),
    ("sort=timestamp:desc", 400, WRAPPED),
    ("sort=description", 400, WRAPPED),
    ("sort=%F0%9F%98%80", 400, WRAPPED),
    ("size=10001", 400, WRAPPED),
    ("from=2147483647", 400, WRAPPED),
    ("timestamp=1999", 404, NOT_THERE),
    ("timestamp=-1", 404, NOT_THERE),
]


@pytest.mark.parametrize(
    ("query", "status", "error_type"), WRONG_QUERIES, ids=[shorten(row[0]) for row in WRONG_QUERIES]
)
def test_wrong_query_is_refused(query: str, status: int, error_type: str) -> None:
    """A bad query string gets the status and error type of its row, in the path and separate from it."""
    for path, params in ((f"{BUCKETS}?{query}", None), (BUCKETS, query), (BUCKETS, f"?{query}")):
        for method in ("GET", "POST"):
            reply = handle(INDEX, method, path, params)
            check(method, reply)
            assert (reply.status, reply.body["error"]["type"]) == (status, error_type)


WRONG_PATHS: list[tuple[str, int, str | None]] = [
    ("?size=1", 400, ILLEGAL),
    ("/?size=1", 400, ILLEGAL),
    ("/?human=x", 400, ILLEGAL),
    ("x", 400, None),
    ("*", 400, None),
    ("\x00", 400, None),
    ("http://127.0.0.1/", 400, None),
    ("/_ml", 400, None),
    ("/_ml/anomaly_detectors/web/_stats/x", 400, None),
    ("/_ml/anomaly_detectors/web/stats", 400, None),
    ("/_ml/anomaly_detectors/web/results", 400, None),
    ("/_ml/anomaly_detectors/web/results/", 400, None),
    ("/_ml/anomaly_detectors/web/results/x", 400, None),
    ("/_ml/anomaly_detectors/web/results/BUCKETS", 400, None),
    ("/_ml/anomaly_detectors/web/results/bucketsx", 400, None),
    ("/_ml/anomaly_detectors/web/results/buckets/0/0", 400, None),
    ("/_ml/anomaly_detectors/web/results/records/0", 400, None),
    ("/_ml/anomaly_detectors/web/buckets", 400, None),
    ("/_ml/anomaly_detectors//results/buckets", 404, NOT_THERE),
    ("//_ml/anomaly_detectors/web/results/buckets", 400, None),
    ("/_ml//anomaly_detectors/web/results/buckets", 400, None),
    ("/_ml/anomaly_detectors/web/results//buckets", 400, None),
    ("/_ml/anomaly_detectors/web/results/buckets//0", 400, None),
    ("/_ml/anomaly_detectors/web/results/%62uckets", 400, None),
    ("/_ML/anomaly_detectors/web/results/buckets", 400, None),
    ("/_xpack/ml/anomaly_detectors/web/results", 400, None),
    ("/_xpack/_ml/anomaly_detectors/web/results/buckets", 400, None),
    ("/_xpack/ml/anomaly_detectors/db/results/buckets", 404, NOT_THERE),
    ("/_xpack/ml/anomaly_detectors/web/results/buckets/1999", 404, NOT_THERE),
    ("/" + "x" * 100_000, 400, None),
    (f"/x?{'y' * 100_000}", 400, None),
    ("/_ml/anomaly_detectors/web/1/results/buckets", 400, None),
    ("/_ml/anomaly_detector/web/results/buckets", 400, None),
    (of("%"), 400, ILLEGAL),
    (of("%zz"), 400, ILLEGAL),
    (of("web%2"), 400, ILLEGAL),
    (f"{BUCKETS}/%", 400, ILLEGAL),
    (f"{BUCKETS}/0%1", 400, ILLEGAL),
    (f"{BUCKETS}?%", 400, ILLEGAL),
    (f"{BUCKETS}/x", 400, WRAPPED),
    (f"{BUCKETS}/%00", 400, WRAPPED),
    (f"{BUCKETS}/0%2F0", 400, WRAPPED),
    (f"{BUCKETS}/2020-01-01T25", 400, WRAPPED),
    (f"{BUCKETS}/now%2F2d", 400, WRAPPED),
    (f"{BUCKETS}/" + "9" * 65, 400, WRAPPED),
    (f"{BUCKETS}/1999", 404, NOT_THERE),
    (f"{BUCKETS}/5", 404, NOT_THERE),
    (f"{BUCKETS}/-1", 404, NOT_THERE),
    (of("db"), 404, NOT_THERE),
    (of("db", "records"), 404, NOT_THERE),
    (of("db", "influencers"), 404, NOT_THERE),
    (of("db", "buckets/0"), 404, NOT_THERE),
    (of("idle", "buckets/0"), 404, NOT_THERE),
    (of("web%20"), 404, NOT_THERE),
    (of("web%00"), 404, NOT_THERE),
    (of("a%20b"), 404, NOT_THERE),
    (of("a b"), 404, NOT_THERE),
    (of("%20"), 404, NOT_THERE),
    (of("*"), 404, NOT_THERE),
    (of("web,idle"), 404, NOT_THERE),
    (of("_all"), 404, NOT_THERE),
    (of("-web"), 404, NOT_THERE),
    (of("web%252F1"), 404, NOT_THERE),
    (of("x" * 100_000), 404, NOT_THERE),
    (of("\ud800"), 404, NOT_THERE),
]


@pytest.mark.parametrize(("path", "status", "error_type"), WRONG_PATHS, ids=[shorten(row[0]) for row in WRONG_PATHS])
def test_wrong_path_is_refused(path: str, status: int, error_type: str | None) -> None:
    """A wrong path gets the status and error type of its row. A path without a handler gets the server's words."""
    # The paths without results have GET only.
    for method in ("GET",) if path.startswith(("?", "/?")) else ("GET", "POST"):
        reply = handle(INDEX, method, path)
        check(method, reply)
        told = reply.body["error"]
        assert (reply.status, None if isinstance(told, str) else told["type"]) == (status, error_type)
        if error_type is None:
            shown = path if len(path) <= 1_000 else f"{path[:1_000]}..."
            assert told == f"no handler found for uri [{shown}] and method [{method}]"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "CONNECT", "get", "GET ", "", "GÉT", "\ud800", "head"])
@pytest.mark.parametrize("path", [BUCKETS, f"{BUCKETS}/0", RECORDS, INFLUENCERS, f"{BUCKETS}?foo=1"])
def test_wrong_method_is_refused(method: str, path: str) -> None:
    """A method that the path does not have gets a 405 that lists GET and POST, even if more is wrong."""
    reply = handle(INDEX, method, path, {"from": "x"}, b"[")
    check(method, reply)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET,POST")
    words = "Incorrect HTTP method for uri" if method in {"PUT", "DELETE", "HEAD", "PATCH", "CONNECT"} else "Unexpected"
    assert reply.body["error"].startswith(words)


ODD: dict[str, Any] = {
    **odd("x"),
    **BOOLEANS,
    "integer": 0,
    "float": 1.5,
    "bytearray": bytearray(b"{}"),
    "class": int,
    "unhelpful": Unhelpful(),
    "mapping with a key that is not text": {1: 2},
}
EACH_ODD = cases(ODD, "odd")
#: Values that Hypothesis can show.
ODD_AND_SHOWN = [ODD[name] for name in sorted(ODD.keys() - {"unhelpful", "unprintable", "list nested deep"})]


@EACH_ODD
def test_argument_of_any_type_is_answered(odd: Any) -> None:
    """A method, path, query or body of any type gets a reply, and no exception."""
    for arguments in ((odd, BUCKETS), ("GET", odd), ("GET", BUCKETS, odd), ("POST", BUCKETS, None, odd)):
        check(None, handle(INDEX, *arguments))
    assert handle(INDEX, odd, BUCKETS).status == handle(INDEX, odd, "/nowhere").status == 405
    assert handle(INDEX, "GET", odd).status == 400


@EACH_ODD
def test_value_of_any_type_is_answered(odd: Any) -> None:
    """A parameter or a field of a body may have a value of any type: the reply is an answer or a refusal."""
    for name in ("start", "end", "timestamp", "anomaly_score", "sort", "desc", "expand", "exclude_interim", "page"):
        check("GET", handle(INDEX, "GET", BUCKETS, {name: odd}))
        check("GET", handle(INDEX, "GET", BUCKETS, {"human": odd, "from": odd, "foo": odd}))
        check("POST", handle(INDEX, "POST", BUCKETS, None, {name: odd}))
        check("POST", handle(INDEX, "POST", BUCKETS, None, {"page": {"size": odd}}))


def test_deep_mapping_is_refused() -> None:
    """A parsed body that is deeply nested is refused like any other wrong type."""
    deep: Any = {}
    for _ in range(100_000):
        deep = {"page": deep}
    reply = handle(INDEX, "POST", BUCKETS, None, deep)
    check("POST", reply)
    assert (reply.status, reply.body["error"]["type"]) == (400, UNPARSED)


def test_mapping_that_contains_itself_is_refused() -> None:
    """A parsed body that contains itself is refused like any other wrong type."""
    endless: dict[str, Any] = {}
    endless["page"] = endless
    reply = handle(INDEX, "POST", BUCKETS, None, endless)
    check("POST", reply)
    assert (reply.status, reply.body["error"]["type"]) == (400, UNPARSED)


# ---- anything at all

NAMES = st.sampled_from(
    [
        "start",
        "end",
        "timestamp",
        "anomaly_score",
        "record_score",
        "influencer_score",
        "sort",
        "desc",
        "expand",
        "exclude_interim",
        "page",
        "from",
        "size",
        "job_id",
        "human",
        "pretty",
        "filter_path",
        "strat",
    ]
)
TEXTS = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "1",
        "3600000",
        "2020",
        "now",
        "now/d",
        "1970-01-01||/d",
        "true",
        "false",
        "timestamp",
        "80.0",
        "NaN",
        "web",
    ]
)
#: Any text, also with characters that UTF-8 cannot hold.
ANY_TEXT = TEXTS | st.text() | st.text(st.characters())
SCALARS = (
    ANY_TEXT
    | st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 12_000)
    | st.floats()
    | st.sampled_from([0, 3_600_000, 10_800_000, -(2**63), 2**63, 10**400])
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
ODD_VALUES = NESTED | st.binary() | st.sampled_from(ODD_AND_SHOWN)
OBJECTS = st.dictionaries(NAMES | ANY_TEXT, NESTED, max_size=5) | st.dictionaries(NAMES, SCALARS, max_size=3)
WRITTEN = OBJECTS.map(json.dumps)
BODIES = (
    st.none()
    | WRITTEN
    | WRITTEN.map(str.encode)
    | WRITTEN.map(lambda text: text.encode("utf-16"))
    | OBJECTS
    | st.dictionaries(NAMES, ODD_VALUES, max_size=3)
    | NESTED.map(json.dumps)
    | st.text()
    | st.binary()
    | ODD_VALUES
)
METHODS = st.sampled_from(["GET", "POST"]) | st.sampled_from(["PUT", "OPTIONS", "HEAD", "get"]) | ANY_TEXT | ODD_VALUES
QUERIES = st.lists(
    st.tuples(
        NAMES | ANY_TEXT,
        st.sampled_from(["=", "", "=="]),
        ANY_TEXT.map(lambda text: quote(text, errors="replace")) | ANY_TEXT,
    ),
    max_size=4,
).map(lambda parts: "&".join(map("".join, parts)))
SEGMENTS = st.sampled_from([quote(job, safe="") for job in JOBS]) | st.just("idle") | ANY_TEXT
KNOWN_PATHS = st.builds(
    "{}/{}/results/{}{}".format,
    st.just(PREFIX),
    SEGMENTS,
    st.sampled_from([*PLURALS, "buckets/", "buckets/0", "buckets/2020-01-01", "buckets/3600000"]),
    st.just("") | QUERIES.map("?{}".format),
)
PATHS = KNOWN_PATHS | st.lists(SEGMENTS).map("/".join) | ANY_TEXT | ODD_VALUES
PARAMS = (
    st.none()
    | QUERIES
    | st.dictionaries(NAMES, SCALARS, max_size=3)
    | st.dictionaries(NAMES | ANY_TEXT, ODD_VALUES, max_size=4)
    | ODD_VALUES
)


@given(METHODS, PATHS, PARAMS, BODIES)
def test_anything_is_answered(method: Any, path: Any, params: Any, body: Any) -> None:
    """Every request gets a reply that a server can send."""
    check(method, handle(INDEX, method, path, params, body))


@given(st.sampled_from(PLURALS), PARAMS, BODIES)
@example("buckets", {"start": float("nan")}, None)
@example("buckets", None, {"start": float("inf")})
@example("records", None, b'{"start": 1e400}')
@example("influencers", None, b'{"page": {"size": 1e400}}')
@example("buckets", None, b'{"anomaly_score": 1e400}')
@example("buckets", None, b'{"timestamp": -1e400}')
def test_anything_asked_of_a_job_is_answered(kind: str, params: Any, body: Any) -> None:
    """Every request for a known job gets the same reply by GET and by POST, and a server can send it."""
    path = f"{PREFIX}/donn%C3%A9es/results/{kind}"
    reply = handle(INDEX, "GET", path, params, body)
    check("GET", reply)
    assert reply.status != 405
    again = handle(INDEX, "POST", path, params, body)
    assert (again.status, again.body, dict(again.headers)) == (reply.status, reply.body, dict(reply.headers))


@given(KNOWN_PATHS, QUERIES)
def test_query_in_the_path_and_as_params_gets_the_same_reply(path: str, query: str) -> None:
    """A query in the path and the same query as `params` get the same reply."""
    bare = path.partition("?")[0]
    assume(not query.startswith("?"))
    within, apart = handle(INDEX, "GET", f"{bare}?{query}"), handle(INDEX, "GET", bare, query)
    assert within.status == apart.status
    if within.status == 200 or isinstance(within.body["error"], dict):
        assert within.body == apart.body


class Impostor:
    """An object that claims to be text."""

    @property
    def __class__(self) -> Any:
        return str

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError


class Nameless:
    """An object that raises when it is asked for its class."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError


class UnhelpfulNumber(float):
    """A number that raises when it is shown."""

    def __str__(self) -> str:
        raise RuntimeError("no str")

    __repr__ = __str__


@pytest.mark.parametrize("odd_class", [Impostor, Nameless, UnhelpfulNumber])
def test_method_and_path_that_break_when_read_are_answered(odd_class: type[Any]) -> None:
    """Objects that break when they are read get a refusal, in place of a method, path, query or body."""
    odd = odd_class()
    for arguments in ((odd, BUCKETS), ("GET", odd), ("GET", BUCKETS, odd), ("POST", BUCKETS, None, odd)):
        reply = handle(INDEX, *arguments)
        assert 400 <= reply.status < 500
        json.loads(reply.encode())


def test_very_many_unknown_parameters_are_refused_in_few_words() -> None:
    """The reply names the first unknown parameters; it does not repeat a query of a megabyte."""
    for query in ("&".join(f"p{number}=1" for number in range(20_000)), "x" * 1_000_000 + "=1"):
        reply = handle(INDEX, "GET", BUCKETS, query)
        assert reply.status == 400
        assert len(reply.encode()) < 20_000


def test_stored_document_makes_no_answer_fail() -> None:
    """A document whose keys are of a subclass of str is refused, or can be shown."""

    class Key(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return self is other

        def __hash__(self) -> int:
            return id(self)

    index = ResultsIndex()
    index.put_job(JOB)
    record: Any = {"result_type": "record", "job_id": JOB, "timestamp": 0, "bucket_span": 60, Key("influencers"): [5]}
    with contextlib.suppress(InvalidDocument):
        index.upsert([record])
    check("GET", handle(index, "GET", RECORDS))
