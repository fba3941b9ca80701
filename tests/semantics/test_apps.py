"""The apps `bucketquery.elastic.wsgi` and `asgi`, and the nodes of the official client."""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from bucketquery import ResultsIndex, elastic
from support.apps import Answer, through_asgi, through_wsgi
from support.request_tables import FIRST, HEADERS, JOBS, WEB, post
from support.semantics_tables import bucket, each_row

BODY = b'{"anomaly_score": 50}'
NAMED = ("web", "a/b", "donn\u00e9es", "100%", "a+b", "%2F")
BUCKETS = f"{JOBS}/web/results/buckets"
PATH = f"{JOBS}/{{}}/results/buckets"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to an app gets this status, and a body that has these values.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        target: the encoded path and query.
        expected: the status, then the count or the error's text.
        source: the source of the rule.
        method: of the request.
        body: of the request.
        wsgi: other entries of the WSGI environment; None removes one, and an ellipsis leaves out this app.
        asgi: other entries of the ASGI scope, likewise.
        options: arguments of the app.
    """

    rule: str
    claim: str
    target: str
    expected: tuple[int, Any]
    source: str
    _: KW_ONLY
    method: str = "GET"
    body: bytes = b""
    wsgi: Any = field(default_factory=dict)
    asgi: Any = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of the official client on nodes of an index gives this value.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        call: the name of the client's method.
        keywords: its keywords.
        expected: the value at a key of the answer, and the key; None if the answer itself is the value.
        source: the source of the rule.
        options: the client's other arguments.
    """

    rule: str
    claim: str
    call: str
    keywords: Mapping[str, Any]
    expected: tuple[str | None, Any]
    source: str
    _: KW_ONLY
    options: Mapping[str, Any] = field(default_factory=dict)


def index_of_names() -> ResultsIndex:
    """The job ``web``, and a job with one bucket for each other name that a path must escape."""
    index = ResultsIndex()
    index.upsert([*WEB.values(), *(bucket(FIRST, job_id=name) for name in NAMED[1:])])
    return index


PATHS = [
    Sent("20.apps", "a query", f"{BUCKETS}?size=1", (200, 4), "ours"),
    Sent("20.apps", "a body", BUCKETS, (200, 2), "ours", method="POST", body=BODY),
    Sent("20.apps", "the server", "/", (200, None), "ours"),
    Sent(
        "20.apps",
        "a refusal",
        f"{BUCKETS}?size=x",
        (400, "Failed to parse int parameter [size] with value [x]"),
        "ours",
    ),
    Sent(
        "20.apps", "an unknown path", "/_search", (400, "no handler found for uri [/_search] and method [GET]"), "ours"
    ),
    *[
        Sent("20.apps", f"the job {name!r}", PATH.format(escaped), (200, 1), "ours: as it was sent")
        for name, escaped in zip(NAMED[1:], ("a%2Fb", "donn%C3%A9es", "100%25", "a+b", "%252F"), strict=True)
    ],
    Sent(
        "20.apps",
        "a slash without the path as it was sent",
        PATH.format("a%2Fb"),
        (400, f"no handler found for uri [{PATH.format('a/b')}] and method [GET]"),
        "ours: the decoded path",
        wsgi={"RAW_URI": None},
        asgi={"raw_path": None},
    ),
    Sent(
        "20.apps",
        "another name of the path as it was sent",
        PATH.format("a%2Fb"),
        (200, 1),
        "ours",
        wsgi={"RAW_URI": None, "REQUEST_URI": PATH.format("a%2Fb")},
        asgi=...,
    ),
    Sent(
        "20.apps",
        "a path that was sent and then changed",
        PATH.format("100%25"),
        (200, 1),
        "ours: the decoded path",
        wsgi={"RAW_URI": "/before"},
        asgi={"raw_path": b"/before"},
    ),
    Sent(
        "20.apps",
        "a server that leaves slashes escaped",
        PATH.format("a%2Fb"),
        (200, 1),
        "ours",
        wsgi={"PATH_INFO": PATH.format("a%2Fb")},
        asgi={"path": PATH.format("a%2Fb")},
    ),
    Sent(
        "20.apps",
        "no UTF-8",
        PATH.format("%FF"),
        (404, "No known job with id '\ufffd'"),
        "ours",
    ),
]
PREFIXES = [
    Sent(
        "20.apps",
        "below a prefix",
        f"/es{PATH.format('a%2Fb')}",
        (200, 1),
        "ours",
        wsgi={"SCRIPT_NAME": "/es", "PATH_INFO": PATH.format("a/b")},
        asgi={"root_path": "/es"},
    ),
    Sent(
        "20.apps",
        "below a prefix that is not in the path",
        PATH.format("a%2Fb"),
        (200, 1),
        "ours: set by a proxy",
        wsgi={"SCRIPT_NAME": "/es"},
        asgi={"root_path": "/es"},
    ),
    Sent(
        "20.apps",
        "below a prefix that the path lacks and the sent path has",
        f"/es{PATH.format('a%2Fb')}",
        (200, 1),
        "ours: older frameworks",
        wsgi=...,
        asgi={"root_path": "/es", "path": PATH.format("a/b")},
    ),
    Sent(
        "20.apps",
        "below an escaped prefix of two parts",
        f"/d%C3%A9/es{PATH.format('a%2Fb')}",
        (200, 1),
        "ours",
        wsgi={"SCRIPT_NAME": "/d\u00c3\u00a9/es", "PATH_INFO": PATH.format("a/b")},
        asgi={"root_path": "/d\u00e9/es"},
    ),
    Sent(
        "20.apps",
        "below a prefix with an escaped slash",
        f"/e%2Fs{PATH.format('web')}",
        (200, 4),
        "ours: the decoded path",
        wsgi={"SCRIPT_NAME": "/e/s", "PATH_INFO": PATH.format("web")},
        asgi={"root_path": "/e/s"},
    ),
    Sent(
        "20.apps",
        "the prefix itself",
        "/es",
        (200, None),
        "ours: the server",
        wsgi={"SCRIPT_NAME": "/es", "PATH_INFO": ""},
        asgi={"root_path": "/es/"},
    ),
]
BODIES = [
    Sent("20.apps", "the longest body", BUCKETS, (200, 4), "ours", body=b" " * 2**20),
    Sent(
        "20.apps",
        "a longer body",
        BUCKETS,
        (413, "the body has more than 1048576 bytes"),
        "ours",
        body=b" " * (2**20 + 1),
    ),
    Sent(
        "20.apps",
        "the host's bound",
        BUCKETS,
        (413, "the body has more than 20 bytes"),
        "ours",
        body=BODY,
        options={"max_body_bytes": 20},
    ),
    Sent("20.apps", "no body allowed", BUCKETS, (200, 4), "ours", options={"max_body_bytes": 0}),
    Sent(
        "20.apps",
        "a body that ends early",
        BUCKETS,
        (400, "the body ended after 21 of 22 bytes"),
        "ours",
        body=BODY,
        wsgi={"CONTENT_LENGTH": "22"},
        asgi=...,
    ),
    *[
        Sent(
            "20.apps",
            f"the length {length[:9]!r} of {len(length)} characters",
            BUCKETS,
            (status, reason),
            "ours",
            body=BODY,
            wsgi={"CONTENT_LENGTH": length},
            asgi=...,
        )
        for length, status, reason in (
            ("x", 400, "the header content-length is not a number"),
            ("-1", 400, "the header content-length is not a number"),
            ("\u00b2", 400, "the header content-length is not a number"),
            ("9" * 50, 413, "the body has more than 1048576 bytes"),
            ("9" * 5_000, 413, "the body has more than 1048576 bytes"),
        )
    ],
    Sent(
        "20.apps", "no length", BUCKETS, (200, 4), "ours: no body", body=BODY, wsgi={"CONTENT_LENGTH": None}, asgi=...
    ),
    Sent(
        "20.apps",
        "an empty length",
        BUCKETS,
        (200, 4),
        "ours: no body",
        body=BODY,
        wsgi={"CONTENT_LENGTH": ""},
        asgi=...,
    ),
    Sent(
        "20.apps",
        "parts that the server ends",
        BUCKETS,
        (200, 2),
        "ours",
        body=BODY,
        wsgi={"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
        asgi=...,
    ),
    Sent(
        "20.apps",
        "too many parts that the server ends",
        BUCKETS,
        (413, "the body has more than 20 bytes"),
        "ours",
        body=BODY,
        wsgi={"CONTENT_LENGTH": None, "wsgi.input_terminated": True},
        asgi=...,
        options={"max_body_bytes": 20},
    ),
    Sent(
        "20.apps",
        "parts that nothing ends",
        BUCKETS,
        (411, "the server does not end a body without a content-length"),
        "ours",
        body=BODY,
        wsgi={"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"},
        asgi=...,
    ),
]
HOST = [
    Sent("20.apps", "the result window", f"{BUCKETS}?size=3", (400, ...), "ours", options={"max_result_window": 2}),
    Sent("20.apps", "writes refused", f"{JOBS}/web", (403, ...), "ours", method="DELETE"),
    Sent(
        "20.apps", "writes allowed", f"{JOBS}/web", (200, None), "ours", method="DELETE", options={"allow_writes": True}
    ),
    Sent("20.apps", "HEAD", "/", (200, None), "ours", method="HEAD"),
    Sent("20.apps", "HEAD refused", BUCKETS, (405, None), "ours", method="HEAD"),
    Sent(
        "20.apps",
        "HEAD with a long body",
        "/",
        (413, None),
        "ours",
        method="HEAD",
        body=BODY,
        options={"max_body_bytes": 1},
    ),
]
CALLS = [
    Asked("20.client-nodes", "buckets", "ml.get_buckets", {"job_id": "web", "anomaly_score": 50}, ("count", 2), "ours"),
    Asked("20.client-nodes", "a name", "ml.get_records", {"job_id": "a/b"}, ("count", 0), "ours"),
    Asked("20.client-nodes", "influencers", "ml.get_influencers", {"job_id": "web", "size": 1}, ("count", 3), "ours"),
    Asked("20.client-nodes", "jobs", "ml.get_jobs", {}, ("count", 6), "ours"),
    Asked("20.client-nodes", "writes", "ml.delete_job", {"job_id": "web"}, ("acknowledged", True), "ours"),
    Asked("20.client-nodes", "ping", "ping", {}, (None, True), "ours"),
    Asked("20.client-nodes", "the tagline", "info", {}, ("tagline", "You Know, for Search"), "ours"),
    Asked(
        "20.client-nodes",
        "compression",
        "ml.get_buckets",
        {"job_id": "web", "sort": "event_count"},
        ("count", 4),
        "ours",
        options={"http_compress": True},
    ),
    Asked(
        "20.client-nodes",
        "the client's own headers",
        "ml.get_buckets",
        {"job_id": "web"},
        ("count", 4),
        "ours",
        options={"basic_auth": ("user", "password"), "headers": {"x-opaque-id": "5"}},
    ),
]


def answers(row: Sent) -> list[Answer]:
    """The answers of both apps, or of the one that the row is about."""
    found: list[Answer] = []
    if row.wsgi is not ...:
        app = elastic.wsgi(index_of_names(), **row.options)
        found.append(through_wsgi(app, row.method, row.target, row.body, **row.wsgi))
    if row.asgi is not ...:
        asgi_app = elastic.asgi(index_of_names(), **row.options)
        found.append(through_asgi(asgi_app, row.method, row.target, row.body, **row.asgi))
    return found


@each_row(PATHS, PREFIXES, BODIES, HOST)
def test_apps_send_what_the_door_replies(row: Sent) -> None:
    """Status, headers and body are those of the row."""
    status, told = row.expected
    for answer in answers(row):
        assert answer.status == status, answer
        assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
        if row.method == "HEAD":
            assert answer.body == b""
            assert "content-length" not in answer.headers
            continue
        assert answer.headers["content-length"] == str(len(answer.body))
        body = json.loads(answer.body)
        if status == 200:
            assert body.get("count") == told
        elif told is not ...:
            error = body["error"]
            assert (error if isinstance(error, str) else error["reason"]) == told


@each_row(CALLS)
def test_nodes_of_the_client_ask_the_index(row: Asked) -> None:
    """The client gets the answer of its row without a server."""
    with elastic.client(index_of_names(), **row.options) as client:
        call: Any = client
        for name in row.call.split("."):
            call = getattr(call, name)
        answer = call(**row.keywords)
    key, value = row.expected
    assert (answer if key is None else answer[key]) == value


def test_an_app_answers_from_the_newest_commit() -> None:
    """An index shows later writes, a snapshot does not."""
    index = index_of_names()
    apps = elastic.wsgi(index), elastic.wsgi(index.snapshot())
    index.upsert([bucket(0)])
    counts = [json.loads(through_wsgi(app, "POST", BUCKETS, BODY).body)["count"] for app in apps]
    assert counts == [2, 2]
    counts = [json.loads(through_wsgi(app, "GET", BUCKETS).body)["count"] for app in apps]
    assert counts == [5, 4]


def test_an_app_names_its_version() -> None:
    """The version is an argument of both apps."""
    for answer in (
        through_wsgi(elastic.wsgi(ResultsIndex(), version="8.19.0"), "GET", "/"),
        through_asgi(elastic.asgi(ResultsIndex(), version="8.19.0"), "GET", "/"),
    ):
        assert json.loads(answer.body)["version"]["number"] == "8.19.0"


def test_an_app_sends_the_bytes_of_the_door() -> None:
    """The body is the same as that of `handle` for the same request."""
    asked = post("buckets", {"expand": True})
    index = index_of_names()
    expected = asked.put_to(index)
    for answer in (
        through_wsgi(elastic.wsgi(index), asked.method, asked.path, asked.body),
        through_asgi(elastic.asgi(index), asked.method, asked.path, asked.body),
    ):
        assert answer.body == expected.encode()
