"""The REST door, `bucketquery.elastic.handle`: which paths and methods it answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from bucketquery import InvalidQuery, ResultsIndex
from bucketquery.elastic import handle
from support.request_tables import (
    HEADERS,
    JOBS,
    KINDS,
    SECOND,
    WEB,
    Rejected,
    Replied,
    Request,
    assert_rejected,
    assert_replied,
    get,
    illegal,
    post,
    unknown_job,
)
from support.semantics_tables import bucket, each_row, index_of


def older(where: str) -> Request:
    """A request to the path that clients of 6.x use."""
    return Request("GET", f"/_xpack/ml/anomaly_detectors/web/results/{where}")


ANSWERED_PATHS = [
    Replied("20.rest-paths", "buckets", WEB, get("buckets"), "h0 h1 h2 h3", "REST"),
    Replied("20.rest-paths", "records", WEB, get("records"), "r1 r3 r0", "ours: the three kinds"),
    Replied("20.rest-paths", "influencers", WEB, get("influencers"), "i1 i3 i0", "ours: the three kinds"),
    Replied("20.rest-paths", "one bucket", WEB, get(f"buckets/{SECOND}"), "h1", "REST"),
    Replied("20.rest-paths", "a slash at the end", WEB, get("buckets/"), "h0 h1 h2 h3", "PTRIE"),
    Replied("20.rest-paths", "slashes at the end", WEB, get("buckets///"), "h0 h1 h2 h3", "PTRIE"),
    Replied("20.rest-paths", "a slash before the query", WEB, get("buckets/?size=1"), "h0", "PTRIE", count=4),
    Replied("20.rest-paths", "a slash after a timestamp", WEB, get(f"buckets/{SECOND}/"), "h1", "PTRIE"),
    Replied("20.rest-paths", "a slash after records", WEB, get("records/"), "r1 r3 r0", "PTRIE"),
    Replied("20.rest-paths", "a slash after influencers", WEB, get("influencers/"), "i1 i3 i0", "PTRIE"),
    Replied("20.rest-paths", "needless escapes", WEB, get("buckets", job="%77e%62"), "h0 h1 h2 h3", "ours"),
    Replied("20.rest-paths", "a timestamp with colons", WEB, get("buckets/2020-01-01T01:00Z"), "h1", "ours"),
    Replied("20.rest-paths", "an escaped timestamp", WEB, get("buckets/2020-01-01T01%3A00Z"), "h1", "ours"),
    Replied(
        "20.rest-paths",
        "an escaped slash in a timestamp",
        WEB,
        get("buckets/2020-01-01T01:30%7C%7C%2FH"),
        "h1",
        "ours: escaped",
    ),
    Replied(
        "20.rest-paths", "a plus in a timestamp", WEB, get("buckets/2020-01-01T02:00+01:00"), "h1", "ours: stays a plus"
    ),
]
OLDER_PATHS = [
    Replied("20.rest-paths", f"the older path of {where}", WEB, older(where), expected, "REST")
    for where, expected in (
        ("buckets", "h0 h1 h2 h3"),
        ("buckets/", "h0 h1 h2 h3"),
        (f"buckets/{SECOND}", "h1"),
        ("buckets?end=2020-01-01T01:00Z", "h0"),
        ("records", "r1 r3 r0"),
        ("influencers/", "i1 i3 i0"),
    )
]
NAMED_JOBS = [
    Replied(
        "20.rest-paths",
        f"job {job!r} as {path}",
        {"b": bucket(0, job_id=job), "other": bucket(60_000, job_id="other")},
        get("buckets", job=path),
        "b",
        "ours: decoded once",
    )
    for job, path in (
        ("données", "donn%C3%A9es"),
        ("données", "donn%c3%a9es"),
        ("données", "données"),
        ("web/1", "web%2F1"),
        ("100%", "100%25"),
        ("100%25", "100%2525"),
        ("a+b", "a+b"),
        ("a+b", "a%2Bb"),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("buckets", "buckets"),
        ("日本", quote("日本")),
    )
]
UNKNOWN_JOBS = [
    Rejected("11", f"unknown: {path}", WEB, get("buckets", job=path), unknown_job(job), "TRANS")
    for path, job in (
        ("db", "db"),
        ("WEB", "WEB"),
        ("w*", "w*"),
        ("_all", "_all"),
        ("web,db", "web,db"),
        ("a%20b", "a b"),
        ("web%2F1", "web/1"),
        ("100%2525", "100%25"),
        ("a+b", "a+b"),
        ("a" * 300, "a" * 300),
    )
] + [Rejected("11", f"unknown: {kind}", WEB, get(kind, job="db"), unknown_job("db"), "TRANS") for kind in KINDS]
UNKNOWN_JOBS += [
    Rejected("20.rest-paths", f"an empty job: {where}", WEB, get(where, job=""), unknown_job(""), "PTRIE")
    for where in ("buckets", "records/", "influencers?size=1", "buckets/0")
] + [
    Rejected("20.rest-replies", "a long job", WEB, get("buckets", job="a" * 5_000), unknown_job("a" * 300), "ours"),
]

WRONG_ESCAPES = [
    Rejected("20.rest-paths", f"wrong escape: {job}, {where}", WEB, get(where, job=job), illegal("..."), "ours")
    for job, where in (
        ("web%zz", "buckets"),
        ("web%", "buckets"),
        ("web%a", "influencers"),
        ("web%2", "records"),
        ("web", "buckets/2020%"),
        ("web", "buckets/%g0"),
    )
]


@each_row(ANSWERED_PATHS, OLDER_PATHS, NAMED_JOBS)
def test_path_finds_its_results(row: Replied) -> None:
    """The path of a kind gives the results of its job."""
    assert_replied(row)


@each_row(UNKNOWN_JOBS, WRONG_ESCAPES)
def test_unknown_job_and_wrong_escape_are_refused(row: Rejected) -> None:
    """An unknown job is a 404; a wrong escape is a 400."""
    assert_rejected(row)


@dataclass(frozen=True, slots=True)
class Unhandled:
    """A request that no action handles, and its reply."""

    rule: str
    claim: str
    asked: Request
    status: int
    body: Mapping[str, Any]
    allow: str | None
    source: str


def no_handler(method: str, path: str, source: str = "RC") -> Unhandled:
    """A request with an unknown path."""
    text = f"no handler found for uri [{path}] and method [{method}]"
    asked = Request(method, path)
    return Unhandled("20.rest-paths", f"{method} {path}", asked, 400, {"error": text}, None, source)


def wrong_method(method: str, path: str) -> Unhandled:
    """A request with a known path and a method that the path does not have."""
    text = f"Incorrect HTTP method for uri [{path}] and method [{method}], allowed: [GET, POST]"
    asked = Request(method, path)
    body = {"error": text, "status": 405}
    return Unhandled("20.rest-methods", f"{method} {path}", asked, 405, body, "GET,POST", "RC")


def no_method(method: str, path: str, allow: str | None) -> Unhandled:
    """A request with a method that HTTP does not have."""
    allowed = "" if allow is None else ", allowed: [GET, POST]"
    body = {"error": f"Unexpected http method: {method[:100]}{allowed}", "status": 405}
    asked = Request(method, path)
    return Unhandled("20.rest-methods", f"{method[:20]} {path}", asked, 405, body, allow, "RC, NHR")


def options(path: str) -> Unhandled:
    """An OPTIONS request with a known path."""
    asked = Request("OPTIONS", path)
    return Unhandled("20.rest-methods", f"OPTIONS {path}", asked, 200, {}, "GET,POST", "RC")


UNKNOWN_PATHS = [
    no_handler(method, path)
    for method in ("GET", "POST", "PUT")
    for path in (f"{JOBS}/web/results/overall", f"/{JOBS}/web/results/buckets")
] + [
    no_handler("GET", path)
    for path in (
        "/_ml",
        f"{JOBS}/web/_update",
        f"{JOBS}/web/results",
        f"{JOBS}/web/results/bucket",
        f"{JOBS}/web/results/Buckets",
        f"{JOBS}/web/results/BUCKETS",
        f"{JOBS}/web/results/b%75ckets",
        f"{JOBS}/web/results/buckets/0/1",
        f"{JOBS}/web/results/buckets//0",
        f"{JOBS}/web/results//buckets",
        f"{JOBS}/web/results/records/0",
        f"{JOBS}/web/results/influencers/0",
        f"{JOBS}/web/1/results/buckets",
        f"{JOBS}/results/buckets",
        "/_ML/anomaly_detectors/web/results/buckets",
        "/%5Fml/anomaly_detectors/web/results/buckets",
        "/_xpack/anomaly_detectors/web/results/buckets",
        "/_xpack/_ml/anomaly_detectors/web/results/buckets",
        "/_xpack/ml/anomaly_detectors/web/results",
        f"/prefix{JOBS}/web/results/buckets",
        "/_search?size=1&q=%41",
        f"{JOBS}/web/model?from=x",
    )
]
LONG = "/" + "a" * 5_000
RECORDS = f"{JOBS}/web/results/records?"
LONG_PATHS = [
    Unhandled(
        "20.rest-replies",
        claim,
        Request(method, path),
        status,
        {"error": words} | ({"status": 405} if status == 405 else {}),
        allow,
        "ours: 1,000 characters",
    )
    for claim, method, path, status, words, allow in (
        (
            "a long path",
            "GET",
            LONG,
            400,
            f"no handler found for uri [{LONG[:1_000]}...] and method [GET]",
            None,
        ),
        (
            "a path of 1,000 characters",
            "GET",
            LONG[:1_000],
            400,
            f"no handler found for uri [{LONG[:1_000]}] and method [GET]",
            None,
        ),
        (
            "a long query",
            "PUT",
            RECORDS + LONG,
            405,
            f"Incorrect HTTP method for uri [{(RECORDS + LONG)[:1_000]}...] and method [PUT], allowed: [GET, POST]",
            "GET,POST",
        ),
    )
]
WRONG_METHODS = [
    wrong_method(method, f"{JOBS}/web/results/{where}")
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT")
    for where in ("buckets", "records")
] + [
    wrong_method("PUT", path)
    for path in (
        f"{JOBS}/web/results/influencers",
        f"{JOBS}/web/results/buckets/0",
        f"{JOBS}/web/results/buckets?size=1&foo",
        f"{JOBS}/web/results/buckets?from=x",
        f"{JOBS}/no-such-job/results/buckets",
        f"{JOBS}/donn%C3%A9es/results/buckets",
    )
]
NO_METHODS = [
    no_method(method, path, allow)
    for method in ("get", "Post", "", "GET ", "PROPFIND", "G" * 5_000)
    for path, allow in ((f"{JOBS}/web/results/buckets?foo", "GET,POST"), ("/nowhere", None))
]
OPTIONS = [
    options(path)
    for path in (
        f"{JOBS}/web/results/buckets",
        f"{JOBS}/web/results/buckets/0",
        f"{JOBS}/web/results/records",
        f"{JOBS}/web/results/influencers",
        f"{JOBS}/no-such-job/results/buckets",
        "/_xpack/ml/anomaly_detectors/web/results/records",
    )
] + [
    Unhandled("20.rest-methods", f"OPTIONS {path}", Request("OPTIONS", path), 200, {}, None, "RC")
    for path in ("/nowhere", f"{JOBS}/web/results/overall")
]


@each_row(UNKNOWN_PATHS, LONG_PATHS, WRONG_METHODS, NO_METHODS, OPTIONS)
def test_request_without_an_action_is_answered_first(row: Unhandled) -> None:
    """An unknown path, a wrong method and OPTIONS are answered before anything else is read."""
    headers = dict(HEADERS) | ({} if row.allow is None else {"Allow": row.allow})
    index = index_of(WEB.values())
    for source in (index, index.snapshot()):
        reply = row.asked.put_to(source)
        assert (reply.status, dict(reply.body), dict(reply.headers)) == (row.status, row.body, headers)
        encoded = reply.encode()
        assert (
            encoded == b"" if row.asked.method == "OPTIONS" and row.status == 200 else json.loads(encoded) == row.body
        )


def test_requests_write_nothing() -> None:
    """A request stores nothing and makes no job known."""
    index = index_of(WEB.values())
    before = index.sequence, tuple(index.jobs())
    for asked in (get("buckets"), get("buckets", job="new"), post("buckets", {"job_id": "new"}), get("x")):
        asked.put_to(index)
    assert (index.sequence, tuple(index.jobs())) == before


@pytest.mark.parametrize("index", [None, {}, "index", ResultsIndex, [bucket(0)]])
def test_wrong_index_is_a_type_error(index: Any) -> None:
    """A value that is neither an index nor a snapshot raises TypeError."""
    with pytest.raises(TypeError):
        handle(index, "GET", f"{JOBS}/web/results/buckets")


@pytest.mark.parametrize("window", [-1, 1.5, "10", None, [10]])
def test_wrong_window_raises(window: Any) -> None:
    """A `max_result_window` that is not an integer from 0 on raises InvalidQuery, for every path."""
    for path in (f"{JOBS}/web/results/buckets", "/"):
        with pytest.raises(InvalidQuery):
            handle(index_of([]), "GET", path, max_result_window=window)
