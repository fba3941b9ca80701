"""The REST door, `bucketquery.elastic.handle`: paths, methods, what comes back and how it is shown."""

import dataclasses
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
    no_boolean,
    post,
    replies,
    unknown_job,
)
from support.semantics_tables import bucket, each_row, index_of

ANSWERED_PATHS = [
    Replied("20.rest-paths", "buckets", WEB, get("buckets"), "h0 h1 h2 h3", "REST"),
    Replied("20.rest-paths", "records", WEB, get("records"), "r1 r3 r0", "ours: the three siblings"),
    Replied("20.rest-paths", "influencers", WEB, get("influencers"), "i1 i3 i0", "ours: the three siblings"),
    Replied("20.rest-paths", "one bucket", WEB, get(f"buckets/{SECOND}"), "h1", "REST"),
    Replied("20.rest-paths", "a slash at the end", WEB, get("buckets/"), "h0 h1 h2 h3", "ours: ignored"),
    Replied("20.rest-paths", "a slash and a query", WEB, get("buckets/?size=1"), "h0", "ours: ignored", count=4),
    Replied("20.rest-paths", "a slash behind a timestamp", WEB, get(f"buckets/{SECOND}/"), "h1", "ours: ignored"),
    Replied("20.rest-paths", "a slash behind records", WEB, get("records/"), "r1 r3 r0", "ours: ignored"),
    Replied("20.rest-paths", "a slash behind influencers", WEB, get("influencers/"), "i1 i3 i0", "ours: ignored"),
    Replied("20.rest-paths", "escaped where not needed", WEB, get("buckets", job="%77e%62"), "h0 h1 h2 h3", "ours"),
    Replied("20.rest-paths", "timestamp, colons", WEB, get("buckets/2020-01-01T01:00Z"), "h1", "ours"),
    Replied("20.rest-paths", "timestamp, escaped", WEB, get("buckets/2020-01-01T01%3A00Z"), "h1", "ours"),
    Replied("20.rest-paths", "a slash in it", WEB, get("buckets/2020-01-01T01:30%7C%7C%2FH"), "h1", "ours: escaped"),
    Replied("20.rest-paths", "a plus in it", WEB, get("buckets/2020-01-01T02:00+01:00"), "h1", "ours: stays a plus"),
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


@each_row(ANSWERED_PATHS, NAMED_JOBS)
def test_path_finds_its_results(row: Replied) -> None:
    """A path of the three kinds gives the results of its job."""
    assert_replied(row)


@each_row(UNKNOWN_JOBS, WRONG_ESCAPES)
def test_path_of_a_known_shape_may_be_refused(row: Rejected) -> None:
    """A job that is not known is a 404, escapes that are none are a 400."""
    assert_rejected(row)


@dataclass(frozen=True, slots=True)
class Unhandled:
    """A request that no action takes, and what is said of it."""

    rule: str
    claim: str
    asked: Request
    status: int
    body: Mapping[str, Any]
    allow: str | None
    source: str


def no_handler(method: str, path: str) -> Unhandled:
    """A path that nothing is found under."""
    said = f"no handler found for uri [{path}] and method [{method}]"
    asked = Request(method, path)
    return Unhandled("20.rest-paths", f"{method} {path}", asked, 400, {"error": said}, None, "RC")


def wrong_method(method: str, path: str) -> Unhandled:
    """A path that is known, asked in a way that it is not known for."""
    said = f"Incorrect HTTP method for uri [{path}] and method [{method}], allowed: [GET, POST]"
    asked = Request(method, path)
    body = {"error": said, "status": 405}
    return Unhandled("20.rest-methods", f"{method} {path}", asked, 405, body, "GET,POST", "RC")


def options(path: str) -> Unhandled:
    """A path that is known, and the question how it may be asked."""
    asked = Request("OPTIONS", path)
    return Unhandled("20.rest-methods", f"OPTIONS {path}", asked, 200, {}, "GET,POST", "RC")


UNKNOWN_PATHS = [
    no_handler(method, path)
    for method in ("GET", "POST", "PUT", "OPTIONS")
    for path in ("/", f"{JOBS}/web/results/overall", f"{JOBS}//results/buckets")
] + [
    no_handler("GET", path)
    for path in (
        "",
        "/_ml",
        JOBS,
        f"{JOBS}/web",
        f"{JOBS}/web/results",
        f"{JOBS}/web/results/bucket",
        f"{JOBS}/web/results/Buckets",
        f"{JOBS}/web/results/buckets/0/1",
        f"{JOBS}/web/results/records/0",
        f"{JOBS}/web/results/influencers/0",
        f"{JOBS}/web/1/results/buckets",
        f"{JOBS}/results/buckets",
        "/_ML/anomaly_detectors/web/results/buckets",
        "/_xpack/ml/anomaly_detectors/web/results/buckets",
        f"/prefix{JOBS}/web/results/buckets",
        "/_search?size=1&q=%41",
        f"{JOBS}/web/model?from=x",
    )
]
WRONG_METHODS = [
    wrong_method(method, f"{JOBS}/web/results/{where}")
    for method in ("PUT", "DELETE", "HEAD", "PATCH", "TRACE", "get", "Post", "")
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
OPTIONS = [
    options(path)
    for path in (
        f"{JOBS}/web/results/buckets",
        f"{JOBS}/web/results/buckets/0",
        f"{JOBS}/web/results/records",
        f"{JOBS}/web/results/influencers",
        f"{JOBS}/no-such-job/results/buckets",
    )
]


@each_row(UNKNOWN_PATHS, WRONG_METHODS, OPTIONS)
def test_what_no_action_takes(row: Unhandled) -> None:
    """Nothing at a path, the wrong method, and OPTIONS are answered before anything else is read."""
    headers = dict(HEADERS) | ({} if row.allow is None else {"Allow": row.allow})
    index = index_of(WEB.values())
    for source in (index, index.snapshot()):
        reply = row.asked.put_to(source)
        assert (reply.status, dict(reply.body), dict(reply.headers)) == (row.status, row.body, headers)
        encoded = reply.encode()
        assert (
            encoded == b"" if row.asked.method == "OPTIONS" and row.status == 200 else json.loads(encoded) == row.body
        )


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request, and the bytes of its reply."""

    rule: str
    claim: str
    asked: Request
    expected: bytes
    source: str


UNKNOWN = b"No known job with id 'db'"
ENCODED = [
    Encoded("20.rest-replies", "an answer", get("buckets?start=2021"), b'{"count":0,"buckets":[]}', "ours: no blanks"),
    Encoded(
        "20.rest-replies",
        "an error",
        get("buckets", job="db"),
        b'{"error":{"root_cause":[{"type":"resource_not_found_exception","reason":"%b"}],'
        b'"type":"resource_not_found_exception","reason":"%b"},"status":404}' % (UNKNOWN, UNKNOWN),
        "ours: the server's order",
    ),
]


@each_row(ENCODED)
def test_reply_is_encoded_without_blanks(row: Encoded) -> None:
    """A reply becomes the shortest JSON text of its body, keys in order."""
    for _, reply in replies(WEB.values(), row.asked):
        assert reply.encode() == row.expected


@dataclass(frozen=True, slots=True)
class Shown:
    """A request that says how its answer is to be shown, and whether it is pretty and for people."""

    rule: str
    claim: str
    asked: Request
    pretty: bool
    human: bool
    source: str


SHOWN = [
    Shown("20.python-client-habits", claim, get(f"buckets{query}"), pretty, human, "BASE")
    for claim, query, pretty, human in (
        ("neither", "", False, False),
        ("pretty", "?pretty=true", True, False),
        ("pretty, bare", "?pretty", True, False),
        ("pretty, empty", "?pretty=", True, False),
        ("not pretty", "?pretty=false", False, False),
        ("human", "?human=true", False, True),
        ("human, bare", "?human", False, True),
        ("not human", "?human=false", False, False),
        ("both", "?human&pretty", True, True),
        ("beside a question", "?size=1&human=true&sort=event_count", False, True),
    )
] + [
    Shown(
        "20.python-client-habits",
        "beside a body",
        post("buckets?human&pretty=true", {}),
        True,
        True,
        "BASE",
    ),
    Shown("20.python-client-habits", "in a lookup", get(f"buckets/{SECOND}?human"), False, True, "BASE"),
    Shown(
        "20.python-client-habits",
        "as real booleans",
        Request("GET", f"{JOBS}/web/results/buckets", {"human": True, "pretty": True}),
        True,
        True,
        "BASE",
    ),
]


@each_row(SHOWN)
def test_answer_is_shown_as_asked(row: Shown) -> None:
    """``human`` adds timestamps for people, ``pretty`` line breaks, and nothing else is changed."""
    for _, reply in replies(WEB.values(), row.asked):
        assert reply.status == 200
        for shown in reply.body["buckets"]:
            place = list(shown).index("timestamp")
            assert (list(shown)[place - 1] == "timestamp_string") is row.human
            for inner in shown["bucket_influencers"]:
                assert ("timestamp_string" in inner) is row.human
        text = reply.encode().decode()
        assert json.loads(text) == reply.body
        if row.pretty:
            assert text.startswith(
                f'{{\n  "count" : {reply.body["count"]},\n  "buckets" : [\n    {{\n      "job_id" : "web",\n'
            )
            assert text.endswith("\n  ]\n}\n")
        else:
            assert "\n" not in text
            assert '" :' not in text
            assert '": ' not in text


UNSUPPORTED = [
    Rejected(
        "20.python-client-habits",
        f"{name}: {request.method} {request.path.rpartition('/')[2]}",
        WEB,
        request,
        illegal(f"...[{name}]...not supported..."),
        "ours",
    )
    for name in ("filter_path", "format", "error_trace")
    for request in (
        get(f"buckets?{name}=count"),
        get(f"buckets?{name}"),
        get(f"records?{name}=count"),
        post(f"influencers?{name}=count", {}),
        post(f"buckets/{SECOND}?{name}=true", {}),
    )
]
WRONG_FLAGS = [
    Rejected(
        "20.python-client-habits",
        f"{name}={value}",
        WEB,
        get(f"{kind}?{name}={value}"),
        illegal(no_boolean(value)),
        "BASE",
    )
    for name in ("human", "pretty")
    for value, kind in (("yes", "buckets"), ("True", "records"), ("1", "influencers"))
]


@each_row(UNSUPPORTED, WRONG_FLAGS)
def test_transport_parameter_is_refused(row: Rejected) -> None:
    """What is not supported of the answer's form is refused by name, and so is what is no boolean."""
    assert_rejected(row)


def test_errors_are_pretty_too() -> None:
    """``pretty`` is about whatever comes back."""
    text = get("buckets?pretty", job="db").put_to(index_of([])).encode()
    assert text.startswith(b'{\n  "error" : {\n    "root_cause" : [\n')
    assert text.endswith(b'  "status" : 404\n}\n')


def test_reply_is_json_whatever_is_stored() -> None:
    """Text that has no place in UTF-8 comes out as JSON all the same."""
    given = [bucket(0, scheduled_events=["\ud800", 'é\u2028"\\\x00', "日本"])]
    for query in ("", "?pretty"):
        reply = get(f"buckets{query}").put_to(index_of(given))
        assert json.loads(reply.encode().decode("utf-8")) == reply.body
        assert reply.body["buckets"][0]["scheduled_events"] == given[0]["scheduled_events"]


def test_reply_is_json_whatever_is_asked() -> None:
    """Text that has no place in UTF-8 is told in the error, as JSON."""
    for asked in (post("buckets", {"sort": "\udfff"}), Request("GET", f"{JOBS}/\ud800/results/buckets")):
        reply = asked.put_to(index_of([]))
        assert reply.status in {400, 404}
        assert json.loads(reply.encode().decode("utf-8")) == reply.body


def test_reply_cannot_be_changed() -> None:
    """A reply is a frozen value."""
    reply = get("buckets").put_to(index_of([]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        reply.status = 500  # type: ignore[misc] # that it fails is the claim


def test_door_reads_and_writes_nothing() -> None:
    """Whatever is asked, nothing is stored and no job becomes known."""
    index = index_of(WEB.values())
    before = index.sequence, tuple(index.jobs())
    for asked in (get("buckets"), get("buckets", job="new"), post("buckets", {"job_id": "new"}), get("x")):
        asked.put_to(index)
    assert (index.sequence, tuple(index.jobs())) == before


@pytest.mark.parametrize("index", [None, {}, "index", ResultsIndex, [bucket(0)]])
def test_wrong_index_is_a_type_error(index: Any) -> None:
    """What is no index and no snapshot is a mistake of the host."""
    with pytest.raises(TypeError):
        handle(index, "GET", f"{JOBS}/web/results/buckets")


@pytest.mark.parametrize("window", [-1, 1.5, "10", None, [10]])
def test_wrong_window_is_the_hosts_mistake(window: Any) -> None:
    """A result window that is no integer from zero on is refused by raising, whatever is asked."""
    for path in (f"{JOBS}/web/results/buckets", "/"):
        with pytest.raises(InvalidQuery):
            handle(index_of([]), "GET", path, max_result_window=window)
