"""The REST door: which bodies are read, the fields and their JSON types, and parameters of the URL with a body."""

import gzip
import json
import zlib
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import numpy as np

from support.request_tables import (
    JOBS,
    KINDS,
    SCORES,
    SECOND,
    UNPARSED,
    WEB,
    Failure,
    Problem,
    Rejected,
    Replied,
    Request,
    assert_rejected,
    assert_replied,
    bad_page,
    get,
    illegal,
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

#: The largest body that is read.
LARGEST = b'{"desc": true}' + b" " * (2**20 - 14)
#: Gzip with the name of a file, as the command writes it.
NAMED_GZIP = b"\x1f\x8b\x08\x08" + bytes(6) + b"q.json\x00" + gzip.compress(b'{"desc": true}', mtime=0)[10:]

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
        ("gzip", post("buckets", gzip.compress(b'{"desc": true}')), "h3 h2 h1 h0", "ours: by its first bytes"),
        ("gzip of UTF-16", post("buckets", gzip.compress('{"desc": true}'.encode("utf-16"))), "h3 h2 h1 h0", "ours"),
        ("gzip of blanks", post("buckets?desc=true", gzip.compress(b" \n")), "h3 h2 h1 h0", "ours: counts as no body"),
        ("gzip of nothing", post("buckets?desc=true", gzip.compress(b"")), "h3 h2 h1 h0", "ours: counts as no body"),
        ("gzip with a name", post("buckets", NAMED_GZIP), "h3 h2 h1 h0", "ours"),
        ("the largest body", post("buckets", LARGEST), "h3 h2 h1 h0", "ours: 1 MiB"),
        ("gzip of the largest body", post("buckets", gzip.compress(LARGEST)), "h3 h2 h1 h0", "ours: 1 MiB"),
        ("a comment", post("buckets", b'{/* newest first */ "desc": true}'), "h3 h2 h1 h0", "JXC"),
        ("comments between all", post("buckets", b'/**/{/*"*/"desc"/***/:/*/*/true/* */}//'), "h3 h2 h1 h0", "JXC"),
        ("a comment to the end of a line", post("buckets", '{"desc": // why\r"true"\n}//x'), "h3 h2 h1 h0", "JXC"),
        ("no comment in a string", post("buckets", {"desc": True, "job_id": 'a/*"//*/'}), "h3 h2 h1 h0", "JXC"),
        ("a comment in gzip", post("buckets", gzip.compress(b'{"desc": true} //')), "h3 h2 h1 h0", "JXC"),
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
        ("a comment without an end", b'{"desc": true} /*'),
        ("the shortest comment without an end", b'{"desc": true} /*/'),
        ("a comment of another language", b'{"desc": true} # why'),
        ("a comment in a word", b'{"desc": tr/**/ue}'),
        ("a comment in a number", b'{"start": 1/**/2}'),
        ("a name without quotes beside a comment", b"{/* */ desc: true}"),
        ("gzip, cut off", gzip.compress(b'{"desc": true}')[:-1]),
        ("gzip, its first bytes", gzip.compress(b'{"desc": true}')[:12]),
        ("gzip, two bytes", b"\x1f\x8b"),
        ("gzip, another checksum", gzip.compress(b'{"desc": true}')[:-8] + bytes(8)),
        ("gzip, damaged", b"\x1f\x8b" + b"?" * 40),
        ("gzip, more after it", gzip.compress(b'{"desc": true}') + b" "),
        ("gzip, twice after another", gzip.compress(b"{}") * 2),
        ("gzip of gzip", gzip.compress(gzip.compress(b'{"desc": true}'))),
        ("gzip of no JSON", gzip.compress(b"desc=true")),
        ("deflate without gzip", zlib.compress(b'{"desc": true}')),
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
TOO_LARGE = [
    Rejected(
        "20.rest-bodies",
        f"too large: {claim}",
        WEB,
        asked,
        Failure(413, "illegal_argument_exception", "the body is larger than 1048576 bytes"),
        "ours: 1 MiB",
    )
    for claim, asked in (
        ("a byte more", post("buckets", LARGEST + b" ")),
        ("text", post("records", "{" + " " * 2**20 + "}")),
        ("blanks", post("buckets", b" " * (2**20 + 1))),
        ("no JSON", post("buckets", b"x" * 2**21)),
        ("gzip of a byte more", post("buckets", gzip.compress(LARGEST + b" "))),
        ("gzip of blanks", post("influencers", gzip.compress(b" " * 2**24))),
        ("gzip, itself too large", post("buckets", b"\x1f\x8b" + bytes(2**20))),
        ("source", get("buckets", {"source": "{}" + " " * 2**20, "source_content_type": "application/json"})),
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


@each_row(NOT_JSON, TOO_LARGE, NOT_OBJECTS)
def test_body_that_is_not_an_object_is_refused(row: Rejected) -> None:
    """A body that is not JSON, not an object or too large gets the error of the row."""
    assert_rejected(row)


# ---- values that the host has parsed

WORD: Any = Enum("WORD", {"TRUE": "true", "DESC": "desc"}, type=str)
PARSED = [
    Replied("20.rest-bodies", f"parsed: {claim}", WEB, parsed(body), expected, "ours")
    for claim, body, expected in (
        ("NumPy's true", {"desc": np.True_}, "h3 h2 h1 h0"),
        ("NumPy's false", {"desc": np.False_}, ALL),
        ("NumPy's text", {"desc": np.str_("true")}, "h3 h2 h1 h0"),
        ("text of an enumeration", {"desc": WORD.TRUE}, "h3 h2 h1 h0"),
        ("a name of an enumeration", {WORD.DESC: True}, "h3 h2 h1 h0"),
        ("NumPy's integer", {"start": np.int64(SECOND)}, "h1 h2 h3"),
        ("NumPy's double", {"anomaly_score": np.float32(80)}, "h1 h3"),
        ("a decimal", {"anomaly_score": Decimal("80.0")}, "h1 h3"),
        ("a decimal with a fraction", {"anomaly_score": Decimal("80.5")}, "h1"),
        ("a decimal as an instant", {"start": Decimal(SECOND)}, "h1 h2 h3"),
        ("bytes of another type", bytearray(b'{"desc": true}'), "h3 h2 h1 h0"),
        ("a view of bytes", memoryview(b'{"desc": true}'), "h3 h2 h1 h0"),
    )
] + [
    Replied("20.rest-bodies", "parsed: a page of decimals", WEB, parsed(page), "h1", "ours", count=4)
    for page in ({"page": {"from": Decimal(1), "size": Decimal("1.5")}},)
]


@each_row(PARSED)
def test_parsed_value_is_read_as_what_it_means(row: Replied) -> None:
    """Values of NumPy, decimals and text of a subclass count as the JSON that they mean."""
    assert_replied(row)


# ---- a body in the URL


def source(text: str, media_type: str | None = "application/json", **more: str) -> Request:
    """A request whose URL has a body."""
    given = {"source": text} | ({} if media_type is None else {"source_content_type": media_type}) | more
    return get("buckets?" + "&".join(f"{name}={quote(value)}" for name, value in given.items()))


SOURCES = [
    Replied("10.7", claim, WEB, asked, expected, "RR, XCT", count=count)
    for claim, asked, expected, count in (
        ("source", source('{"desc": true}'), "h3 h2 h1 h0", None),
        ("a page", source('{"page": {"from": 1, "size": 1}}'), "h1", 4),
        ("an empty object", source("{}"), ALL, None),
        ("a comment", source("{} // all"), ALL, None),
        ("upper case", source('{"desc": true}', "Application/JSON"), "h3 h2 h1 h0", None),
        ("with a parameter", source('{"desc": true}', "application/json ; charset=utf-8"), "h3 h2 h1 h0", None),
        ("blanks after the slash", source('{"desc": true}', "application/ json "), "h3 h2 h1 h0", None),
        ("NDJSON", source('{"desc": true}', "application/x-ndjson"), "h3 h2 h1 h0", None),
        ("any type", source('{"desc": true}', "application/*"), "h3 h2 h1 h0", None),
        ("the server's", source("{}", "application/vnd.elasticsearch+json;compatible-with=8"), ALL, None),
        ("the server's NDJSON", source("{}", "application/vnd.elasticsearch+x-ndjson"), ALL, None),
        ("in params", get("buckets", {"source": "{}", "source_content_type": "application/json"}), ALL, None),
        ("with a timestamp", source('{"timestamp": "0"}', timestamp=str(SECOND)), "h1", None),
        ("beside a blank body", Request("POST", source('{"desc": true}').path, None, b" "), "h3 h2 h1 h0", None),
    )
]
NO_TYPE = "Validation Failed: 1: source and source_content_type parameters are required;"
INVALID = "validation_exception"
WRONG_SOURCES = [
    Rejected("10.7", claim, WEB, asked, expected, "RR, XCT")
    for claim, asked, expected in (
        ("no type", source("{}", None), Failure(400, INVALID, NO_TYPE)),
        ("no type, and no JSON", source("x", None), Failure(400, INVALID, NO_TYPE)),
        ("an empty type", source("{}", ""), illegal("invalid Content-Type header []")),
        ("no subtype", source("{}", "json"), illegal("invalid Content-Type header [json]")),
        ("an empty subtype", source("{}", "application/"), illegal("invalid Content-Type header [application/]")),
        ("two slashes", source("{}", "a/b/c"), illegal("invalid Content-Type header [a/b/c]")),
        ("a blank before the slash", source("{}", "application /json"), illegal("invalid Content-Type header [...]")),
        ("a letter that is not ASCII", source("{}", "application/jsön"), illegal("invalid Content-Type header [...]")),
        ("only a parameter", source("{}", ";"), illegal("...Content-Type header...")),
        *(
            (
                name,
                source("{}", name),
                Failure(400, INVALID, f"Validation Failed: 1: Unknown value for source_content_type [{name}];"),
            )
            for name in ("text/plain", "application/yaml", "application/smile", "application/jsonp", "*/*")
        ),
        ("an empty source", source(""), unparsed("Expected START_OBJECT but was: null")),
        ("a blank source", source(" "), unparsed("Expected START_OBJECT but was: null")),
        ("an array", source("[]"), unparsed("Expected START_OBJECT but was: START_ARRAY")),
        ("no JSON", source("{"), Failure(400, UNPARSED, "...the body is not JSON...")),
        ("an unknown field", source('{"foo": 1}'), unparsed("unknown field [foo]")),
        ("beside another parameter", source("{}", desc="true"), unrecognized("buckets", "desc")),
        (
            "a type without source",
            get("buckets?source_content_type=x/y"),
            unrecognized("buckets", "source_content_type"),
        ),
        (
            "beside a body",
            Request("POST", source("{}").path, None, b"{}"),
            unrecognized("buckets", "source", "source_content_type"),
        ),
    )
]


@each_row(SOURCES)
def test_source_is_a_body(row: Replied) -> None:
    """If there is no other body, ``source`` is one, of a media type of JSON."""
    assert_replied(row)


@each_row(WRONG_SOURCES)
def test_wrong_source_is_refused(row: Rejected) -> None:
    """A source without a media type, of another type, or beside a body gets the error of the row."""
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
            bad_page(kind, Problem(UNPARSED, "[page] unknown field [...]...")),
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
