"""The REST door: which bodies are read, the fields and their JSON types, and parameters of the URL with a body."""

import json
from types import MappingProxyType
from typing import Any

from support.request_tables import (
    JOBS,
    KINDS,
    SCORES,
    SECOND,
    UNPARSED,
    WEB,
    Failure,
    Rejected,
    Replied,
    Request,
    assert_rejected,
    assert_replied,
    bad_value,
    post,
    unparsed,
    unrecognized,
    wrong_type,
)
from support.semantics_tables import each_row

ALL = "h0 h1 h2 h3"
BUCKETS = f"{JOBS}/web/results/buckets"
#: One value of each JSON type, by the server's name of the type.
TOKENS = {
    "VALUE_NULL": None,
    "VALUE_BOOLEAN": True,
    "VALUE_NUMBER": 1,
    "VALUE_STRING": "x",
    "START_ARRAY": ["x"],
    "START_OBJECT": {"x": 1},
}


def parsed(body: Any) -> Request:
    """A request with a body that the host has parsed."""
    return Request("POST", BUCKETS, None, body)


# ---- bodies that are read

BODIES = [
    Replied("20.rest-bodies", claim, WEB, asked, expected, source)
    for claim, asked, expected, source in (
        ("no body", Request("POST", f"{BUCKETS}?desc=true", None, None), "h3 h2 h1 h0", "ours"),
        ("no bytes", post("buckets?desc=true", b""), "h3 h2 h1 h0", "ours"),
        ("no text", post("buckets?desc=true", ""), "h3 h2 h1 h0", "ours"),
        ("blank text", post("buckets?desc=true", " \n\t"), "h3 h2 h1 h0", "ours: counts as no body"),
        ("blank bytes", post("buckets?desc=true", b" \r\n"), "h3 h2 h1 h0", "ours: counts as no body"),
        ("an empty object", post("buckets", b"{}"), ALL, "ours"),
        ("bytes", post("buckets", b'{"desc": true}'), "h3 h2 h1 h0", "ours"),
        ("text", post("buckets", '{"desc": true}'), "h3 h2 h1 h0", "ours"),
        ("blanks around", post("buckets", b' \n{"desc": true}\n '), "h3 h2 h1 h0", "ours"),
        ("a mapping", parsed({"desc": True}), "h3 h2 h1 h0", "ours: read as parsed"),
        ("an empty mapping", parsed({}), ALL, "ours: read as parsed"),
        ("any mapping", parsed(MappingProxyType({"desc": True})), "h3 h2 h1 h0", "ours: read as parsed"),
        ("UTF-8 with a mark", post("buckets", '{"desc": true}'.encode("utf-8-sig")), "h3 h2 h1 h0", "ours"),
        ("UTF-16", post("buckets", '{"desc": true}'.encode("utf-16")), "h3 h2 h1 h0", "ours"),
        ("UTF-16, no mark", post("buckets", '{"desc": true}'.encode("utf-16-le")), "h3 h2 h1 h0", "ours"),
        ("UTF-32", post("buckets", '{"desc": true}'.encode("utf-32")), "h3 h2 h1 h0", "ours"),
        ("escapes", post("buckets", rb'{"\u0064esc": "tr\u0075e"}'), "h3 h2 h1 h0", "ours"),
        (
            "many fields",
            post("buckets", {"sort": "event_count", "desc": False, "anomaly_score": 1}),
            "h1 h3 h0",
            "ours",
        ),
    )
] + [
    Replied(
        "10.1",
        f"{kind}: a body with GET",
        WEB,
        Request("GET", f"{JOBS}/web/results/{kind}", None, b'{"end": 0}'),
        "",
        "REST",
    )
    for kind in KINDS
]
NOT_JSON = [
    Rejected("20.rest-bodies", claim, WEB, post("buckets", body), Failure(400, UNPARSED, "..."), "ours")
    for claim, body in (
        ("a query instead of JSON", b"desc=true"),
        ("an unclosed object", b'{"desc": true'),
        ("a comma at the end", b'{"desc": true,}'),
        ("two objects", b"{}{}"),
        ("text after the object", b"{} x"),
        ("single quotes", b"{'desc': true}"),
        ("a bare name", b"{desc: true}"),
        ("a comment", b"{/* */}"),
        ("a name twice", b'{"desc": true, "desc": true}'),
        ("a name twice in a nested object", b'{"page": {"from": 0, "from": 0}}'),
        ("NaN", b'{"anomaly_score": NaN}'),
        ("Infinity", b'{"anomaly_score": Infinity}'),
        ("-Infinity", b'{"start": -Infinity}'),
        ("too many digits", b'{"start": 1' + b"0" * 5_000 + b"}"),
        ("too deep", b'{"page": ' + b"[" * 200_000),
        ("too deep, with every bracket closed", b'{"foo": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        ("not UTF-8", b'{"sort": "\xff\xfe"}'),
        ("Latin-1", '{"sort": "é"}'.encode("latin-1")),
        ("a control character", b'{"sort": "\x01"}'),
        ("a wrong escape", rb'{"sort": "\x41"}'),
        ("a number with a zero before it", b'{"start": 01}'),
        ("a number with a plus", b'{"start": +1}'),
        ("True", b'{"desc": True}'),
    )
]
NOT_OBJECTS = [
    Rejected(
        "20.rest-bodies",
        f"{kind}: {text}",
        WEB,
        post(kind, text),
        unparsed(f"Expected START_OBJECT but was: {token}", kind),
        "OP",
    )
    for kind in KINDS
    for text, token in (
        ("[]", "START_ARRAY"),
        ('[{"desc": true}]', "START_ARRAY"),
        ('"desc"', "VALUE_STRING"),
        ("1.5", "VALUE_NUMBER"),
        ("true", "VALUE_BOOLEAN"),
        ("null", "VALUE_NULL"),
    )
]


@each_row(BODIES)
def test_body_is_read(row: Replied) -> None:
    """A body is a JSON object as bytes, as text, or parsed by the host."""
    assert_replied(row)


@each_row(NOT_JSON, NOT_OBJECTS)
def test_body_that_is_not_an_object_is_refused(row: Rejected) -> None:
    """A body that is not JSON, or not an object, raises the error of the row."""
    assert_rejected(row)


# ---- body and URL

LEFT_TO_THE_URL = [
    Replied("10.1", claim, WEB, asked, expected, source)
    for claim, asked, expected, source in (
        ("an empty body leaves defaults", post("buckets", {}), ALL, "REST"),
        ("human and pretty", post("buckets?human=true&pretty", {}), ALL, "BASE"),
        ("job_id of the query", post("buckets?job_id=db", {}), ALL, "REST"),
        ("job_id of the body", post("buckets", {"job_id": "db"}), ALL, "10.3"),
        ("the path's timestamp", post(f"buckets/{SECOND}", {"desc": True}), "h1", "REST"),
    )
] + [
    Replied(
        "10.2",
        f"ignored: {query}",
        WEB,
        post(f"influencers?{query}", {}),
        "i1 i3 i0",
        "the page: `GetInfluencersAction`",
    )
    for query in ("start=2021", "end=0", "start=2021&end=0", "start=x", "start", "end=&human=false")
]
NOT_MERGED = [
    Rejected(
        "10.1",
        f"{kind}?{query} with {body}",
        WEB,
        post(f"{kind}?{query}", body),
        unrecognized(kind, *names),
        "REST, BASE",
    )
    for kind, query, body, names in (
        ("buckets", "start=0", {}, ("start",)),
        ("buckets", "start=0", {"start": "0"}, ("start",)),
        ("buckets", "start=0&end=1", {}, ("end", "start")),
        ("buckets", "size=1", {}, ("size",)),
        ("buckets", "from=x", {}, ("from",)),
        ("buckets", "anomaly_score=1", {}, ("anomaly_score",)),
        ("buckets", "sort=timestamp", {}, ("sort",)),
        ("buckets", "desc", {}, ("desc",)),
        ("buckets", "expand", {}, ("expand",)),
        ("buckets", "exclude_interim=true", {}, ("exclude_interim",)),
        ("buckets", "foo=1&desc=true", {"sort": "timestamp"}, ("desc", "foo")),
        ("records", "start=0", {}, ("start",)),
        ("records", "record_score=1&end=0", {}, ("end", "record_score")),
        ("influencers", "influencer_score=1&start=0", {}, ("influencer_score",)),
        ("influencers", "size=1&from=0", {}, ("from", "size")),
        ("influencers", "desc", {"page": {}}, ("desc",)),
    )
] + [
    Rejected(
        "10.2",
        f"not ignored: {name}",
        WEB,
        post(f"influencers?{name}=1&start=0&end=1", {}),
        unrecognized("influencers", f"[{name}]{hint}"),
        "BASE: `GetInfluencersAction`",
    )
    # The action has read `start`, so the reply suggests it for `sort`.
    for name, hint in (
        ("size", ""),
        ("from", ""),
        ("sort", " -> did you mean [start]?"),
        ("desc", ""),
        ("exclude_interim", ""),
        ("influencer_score", ""),
    )
]


@each_row(LEFT_TO_THE_URL)
def test_url_with_a_body_gives_job_and_timestamp(row: Replied) -> None:
    """With a body, only the job, the timestamp and the form of the answer come from the URL."""
    assert_replied(row)


@each_row(NOT_MERGED)
def test_parameter_with_a_body_is_refused(row: Rejected) -> None:
    """With a body, any other parameter in the URL is an unknown parameter: the two are not merged."""
    assert_rejected(row)


# ---- fields

UNKNOWN_FIELDS = (
    [
        Rejected(
            "10.3", f"{kind}: {name}", WEB, post(kind, {name: "x"}), unparsed(f"unknown field [{shown}]", kind), "OP"
        )
        for kind, name, shown in (
            ("buckets", "foo", "foo"),
            ("records", "foo", "foo"),
            ("influencers", "foo", "foo"),
            ("buckets", "query", "query"),
            ("buckets", "", ""),
            ("buckets", "human", "human"),
            ("influencers", "expand", "expand"),
        )
    ]
    + [
        Rejected(
            "10.3",
            f"{kind}: {name}, a near miss",
            WEB,
            post(kind, {name: "x"}),
            unparsed(f"unknown field [{name}] did you mean {hint}?", kind),
            "OP",
        )
        for kind, name, hint in (
            ("buckets", "anomaly_scor", "[anomaly_score]"),
            ("buckets", "desk", "[desc]"),
            ("buckets", "strat", "any of [sort, start]"),
            ("records", "record_scores", "[record_score]"),
            ("influencers", "exclude-interim", "[exclude_interim]"),
        )
    ]
    + [
        Rejected(
            "6.6",
            f"body of {kind}: {name}",
            WEB,
            post(kind, {name: 1}),
            unparsed(f"unknown field [{name}]", kind),
            "YML",
        )
        for kind in KINDS
        for name in ("from", "size")
    ]
    + [
        Rejected(
            "6.6",
            f"{kind} {page}",
            WEB,
            post(kind, {"page": page}),
            bad_value("page", UNPARSED, "[page] unknown field [...]...", kind),
            "PAGE",
        )
        for kind, page in (
            ("buckets", {"x": 1}),
            ("buckets", {"from": 0, "size": 1, "sort": "timestamp"}),
            ("records", {"from_": 1}),
            ("influencers", {"": None}),
        )
    ]
)
ACCEPTED = [
    Replied("10.4", claim, WEB, post("buckets", body), expected, source, count=count)
    for claim, body, expected, source, count in (
        ("desc true", {"desc": True}, "h3 h2 h1 h0", "REQ", None),
        ("desc text", {"desc": "true"}, "h3 h2 h1 h0", "REQ", None),
        ("exclude_interim true", {"exclude_interim": True}, "h0 h2 h3", "REQ", None),
        ("exclude_interim text", {"exclude_interim": "true"}, "h0 h2 h3", "REQ", None),
        ("expand text", {"expand": "false"}, ALL, "REQ", None),
        ("score number", {"anomaly_score": 80}, "h1 h3", "REQ", None),
        ("score text", {"anomaly_score": "80"}, "h1 h3", "REQ", None),
        ("start null", {"start": None, "end": None}, ALL, "REQ", None),
        ("sort text", {"sort": "event_count"}, "h1 h3 h0 h2", "REQ", None),
        ("job_id text", {"job_id": "web"}, ALL, "REQ", None),
        ("timestamp text", {"timestamp": "2020-01-01T01:00Z"}, "h1", "REQ", None),
        ("page object", {"page": {"from": 1, "size": 1}}, "h1", "REQ", 4),
    )
]
JSON_TYPES = {
    "job_id": {"VALUE_STRING"},
    "timestamp": {"VALUE_STRING", "VALUE_NUMBER"},
    "start": {"VALUE_STRING", "VALUE_NUMBER", "VALUE_NULL"},
    "end": {"VALUE_STRING", "VALUE_NUMBER", "VALUE_NULL"},
    "anomaly_score": {"VALUE_STRING", "VALUE_NUMBER"},
    "sort": {"VALUE_STRING"},
    "desc": {"VALUE_STRING", "VALUE_BOOLEAN"},
    "expand": {"VALUE_STRING", "VALUE_BOOLEAN"},
    "exclude_interim": {"VALUE_STRING", "VALUE_BOOLEAN"},
    "page": {"START_OBJECT"},
}
WRONG_TYPES = [
    Rejected(
        "1.10" if name in {"start", "end"} else "10.4",
        f"{kind}: {name} {json.dumps(value)}",
        WEB,
        post(kind, {SCORES[kind] if name == "anomaly_score" else name: value}),
        wrong_type(SCORES[kind] if name == "anomaly_score" else name, token, kind),
        "REQ, OP",
    )
    for kind in KINDS
    for name, accepted in JSON_TYPES.items()
    for token, value in TOKENS.items()
    if token not in accepted and not (name in {"timestamp", "expand"} and kind != "buckets")
]
PARSED_BUT_NOT_JSON = [
    Rejected("10.4", f"parsed: {claim}", WEB, parsed(body), Failure(400, UNPARSED, "..."), "ours: not JSON")
    for claim, body in (
        ("start NaN", {"start": float("nan")}),
        ("score infinite", {"anomaly_score": float("inf")}),
        ("start bytes", {"start": b"0"}),
        ("sort a set", {"sort": {"timestamp"}}),
        ("desc an object", {"desc": object()}),
        ("page a set", {"page": {"from"}}),
        ("timestamp a type", {"timestamp": int}),
    )
]


@each_row(ACCEPTED)
def test_field_of_its_type_is_read(row: Replied) -> None:
    """A field accepts its JSON types, and text if the server accepts text."""
    assert_replied(row)


@each_row(UNKNOWN_FIELDS, WRONG_TYPES, PARSED_BUT_NOT_JSON)
def test_unknown_field_or_type_is_refused(row: Rejected) -> None:
    """An unknown field, and a field of a wrong JSON type, are refused by name."""
    assert_rejected(row)
