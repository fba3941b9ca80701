"""The REST door: what a body may say, of which JSON type each field is, and what a body leaves to the URL."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from support.request_tables import (
    FOURTH,
    ILLEGAL,
    JOBS,
    KINDS,
    NO_DATE,
    NO_NUMBER,
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
    illegal,
    no_boolean,
    post,
    unparsed,
    unrecognized,
    wrapped,
    wrong_type,
)
from support.semantics_tables import bucket, each_row

ALL = "h0 h1 h2 h3"
BUCKETS = f"{JOBS}/web/results/buckets"
#: One value of each JSON type, and what the server calls it.
TOKENS = {
    "VALUE_NULL": None,
    "VALUE_BOOLEAN": True,
    "VALUE_NUMBER": 1,
    "VALUE_STRING": "x",
    "START_ARRAY": ["x"],
    "START_OBJECT": {"x": 1},
}
#: Bodies that give what may not stand beside a timestamp.
GIVEN: Sequence[Mapping[str, Any]] = (
    {"start": "0"},
    {"end": 0},
    {"anomaly_score": 0},
    {"anomaly_score": "0.0", "desc": True},
    {"page": {"from": 0, "size": 1}},
    {"page": {}},
)
LATE = "Param [timestamp] is incompatible with [from,size,start,end,anomaly_score]"


def beside(name: str) -> str:
    """What is said of a parameter that comes after a timestamp."""
    return f"Param [{name}] is incompatible with [timestamp]."


def parsed(body: Any) -> Request:
    """A request whose body the host has parsed already."""
    return Request("POST", BUCKETS, None, body)


# ---- what is a body

BODIES = [
    Replied("20.rest-bodies", claim, WEB, asked, expected, source)
    for claim, asked, expected, source in (
        ("none", Request("POST", f"{BUCKETS}?desc=true", None, None), "h3 h2 h1 h0", "ours"),
        ("no bytes", post("buckets?desc=true", b""), "h3 h2 h1 h0", "ours"),
        ("no text", post("buckets?desc=true", ""), "h3 h2 h1 h0", "ours"),
        ("blank text", post("buckets?desc=true", " \n\t"), "h3 h2 h1 h0", "ours: counts as none"),
        ("blank bytes", post("buckets?desc=true", b" \r\n"), "h3 h2 h1 h0", "ours: counts as none"),
        ("an empty object", post("buckets", b"{}"), ALL, "ours"),
        ("bytes", post("buckets", b'{"desc": true}'), "h3 h2 h1 h0", "ours"),
        ("text", post("buckets", '{"desc": true}'), "h3 h2 h1 h0", "ours"),
        ("blanks around", post("buckets", b' \n{"desc": true}\n '), "h3 h2 h1 h0", "ours"),
        ("a mapping", parsed({"desc": True}), "h3 h2 h1 h0", "ours: taken as parsed"),
        ("an empty mapping", parsed({}), ALL, "ours: taken as parsed"),
        ("any mapping", parsed(MappingProxyType({"desc": True})), "h3 h2 h1 h0", "ours: taken as parsed"),
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
NO_BODIES = [
    Rejected("20.rest-bodies", claim, WEB, post("buckets", body), Failure(400, UNPARSED, "..."), "ours")
    for claim, body in (
        ("no JSON", b"desc=true"),
        ("half an object", b'{"desc": true'),
        ("a comma at the end", b'{"desc": true,}'),
        ("two objects", b"{}{}"),
        ("text behind it", b"{} x"),
        ("single quotes", b"{'desc': true}"),
        ("a bare name", b"{desc: true}"),
        ("a comment", b"{/* */}"),
        ("a name twice", b'{"desc": true, "desc": true}'),
        ("a name twice inside", b'{"page": {"from": 0, "from": 0}}'),
        ("NaN", b'{"anomaly_score": NaN}'),
        ("Infinity", b'{"anomaly_score": Infinity}'),
        ("-Infinity", b'{"start": -Infinity}'),
        ("too many digits", b'{"start": 1' + b"0" * 5_000 + b"}"),
        ("too deep", b'{"page": ' + b"[" * 200_000),
        ("too deep, and whole", b'{"foo": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        ("not UTF-8", b'{"sort": "\xff\xfe"}'),
        ("Latin-1", '{"sort": "é"}'.encode("latin-1")),
        ("a control character", b'{"sort": "\x01"}'),
        ("a wrong escape", rb'{"sort": "\x41"}'),
        ("a number with a zero before it", b'{"start": 01}'),
        ("a number with a plus", b'{"start": +1}'),
        ("True", b'{"desc": True}'),
    )
]
NO_OBJECTS = [
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
    """A body is an object in JSON, as bytes, as text, or parsed already."""
    assert_replied(row)


@each_row(NO_BODIES, NO_OBJECTS)
def test_what_is_no_object_is_refused(row: Rejected) -> None:
    """What is no JSON, or no object, is no body."""
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
        f"swallowed: {query}",
        WEB,
        post(f"influencers?{query}", {}),
        "i1 i3 i0",
        "the page: `GetInfluencersAction`",
    )
    for query in ("start=2021", "end=0", "start=2021&end=0", "start=x", "start", "end=&human=false")
]
BODY_ALONE = [
    Rejected(
        "10.1",
        f"{kind}?{query} beside {body}",
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
        f"not swallowed: {name}",
        WEB,
        post(f"influencers?{name}=1&start=0&end=1", {}),
        unrecognized("influencers", f"[{name}]{hint}"),
        "BASE: `GetInfluencersAction`",
    )
    # `start` has been read, so it is among the names that `sort` may be meant for.
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
def test_url_beside_a_body_is_read_for_job_and_timestamp(row: Replied) -> None:
    """With a body, the URL says which job and which bucket, and how the answer is shown; the rest the body says."""
    assert_replied(row)


@each_row(BODY_ALONE)
def test_parameter_beside_a_body_is_refused(row: Rejected) -> None:
    """With a body, nothing is merged: a parameter in the URL is one that is not known."""
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
TAKEN = {
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
    for name, taken in TAKEN.items()
    for token, value in TOKENS.items()
    if token not in taken and not (name in {"timestamp", "expand"} and kind != "buckets")
]
PARSED_AS_NO_JSON = [
    Rejected("10.4", f"parsed: {claim}", WEB, parsed(body), Failure(400, UNPARSED, "..."), "ours: no JSON")
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
    """Each field takes the JSON types that it has, and text where the server takes it."""
    assert_replied(row)


@each_row(UNKNOWN_FIELDS, WRONG_TYPES, PARSED_AS_NO_JSON)
def test_field_or_type_that_is_not_known_is_refused(row: Rejected) -> None:
    """A field that is not known, and one of another JSON type, is refused by name."""
    assert_rejected(row)


# ---- dates

DATES = [
    Replied("1.10", f"body: {claim}", WEB, post("buckets", body), expected, source)
    for claim, body, expected, source in (
        ("a number is milliseconds", {"start": SECOND, "end": FOURTH}, "h1 h2", "ours"),
        ("text is text", {"start": str(SECOND), "end": "2020-01-01T03:00Z"}, "h1 h2", "REQ"),
        ("a number of four digits is no year", {"start": 2021}, ALL, "ours"),
        ("text of four digits is a year", {"start": "2021"}, "", "REQ"),
        ("-1 is unset", {"start": -1, "end": -1}, ALL, "ours"),
        ("-1 as text is unset", {"start": "-1", "end": "-1"}, ALL, "1.5"),
        ("-2 is an instant", {"end": -2}, "", "ours"),
        ("null is unset", {"start": None, "end": None}, ALL, "REQ"),
        ("0 is an instant", {"end": 0}, "", "ours"),
        ("a fraction is floored", {"start": SECOND + 0.75, "end": FOURTH + 0.75}, "h1 h2", "ours"),
        ("an integral float", {"start": float(SECOND)}, "h1 h2 h3", "ours"),
        ("beyond 64 bits", {"start": -(10**30), "end": 10**30}, ALL, "ours: clamped"),
        ("beyond 64 bits, the other way", {"start": 10**30}, "", "ours: clamped"),
        ("date math", {"start": "now-23h", "end": "now-21h"}, "h1 h2", "REQ"),
    )
] + [
    Replied(
        "1.10",
        "body: floored below zero",
        {"h0": bucket(-2)},
        post("buckets", {"start": -1.5}),
        "h0",
        "ours",
    ),
    Replied("1.10", "body: of records", WEB, post("records", {"start": SECOND, "end": FOURTH}), "r1", "ours"),
    Replied(
        "1.10", "body: of influencers", WEB, post("influencers", {"start": SECOND + 0.5, "end": None}), "i1 i3", "ours"
    ),
]
WRONG_DATES = [
    Rejected(
        "1.10",
        "body: text in vain",
        WEB,
        post("buckets", {"start": ""}),
        wrapped(NO_DATE, "...cannot parse empty datetime..."),
        "1.9",
    ),
]


@each_row(DATES)
def test_date_of_a_body_is_text_or_number(row: Replied) -> None:
    """A number is epoch milliseconds, whatever its digits; text follows the grammar of dates; null is unset."""
    assert_replied(row)


@each_row(WRONG_DATES)
def test_date_text_of_a_body_is_read_by_the_search(row: Rejected) -> None:
    """Text that is no date has the right type, so it is found later."""
    assert_rejected(row)


# ---- a timestamp beside others

CONFLICTS = (
    [
        Rejected(
            "2.2", f"body: {json.dumps(body)}", WEB, post("buckets", body), bad_value(field, ILLEGAL, words), "REQ, OP"
        )
        for body, field, words in (
            ({"timestamp": "0", "start": "0"}, "start", beside("start")),
            ({"timestamp": "0", "end": 5}, "end", beside("end")),
            ({"timestamp": "0", "anomaly_score": 0}, "anomaly_score", beside("anomaly_score")),
            ({"timestamp": "0", "page": {"size": 1}}, "page", beside("from, size")),
            ({"timestamp": "0", "page": {}}, "page", beside("from, size")),
            ({"timestamp": "0", "start": "x", "end": "x"}, "start", beside("start")),
            ({"timestamp": "0", "end": "x", "start": "x"}, "end", beside("end")),
            ({"desc": True, "timestamp": 0, "sort": "x", "end": "x"}, "end", beside("end")),
            ({"start": "0", "timestamp": "0"}, "timestamp", LATE),
            ({"end": 0, "timestamp": "0"}, "timestamp", LATE),
            ({"anomaly_score": 0, "timestamp": "0"}, "timestamp", LATE),
            ({"page": {}, "timestamp": "0"}, "timestamp", LATE),
            ({"page": {"from": 0}, "start": "0", "timestamp": "0"}, "timestamp", LATE),
            ({"start": "0", "timestamp": "0", "end": "0"}, "timestamp", LATE),
        )
    ]
    + [
        Rejected(
            "2.2",
            f"path and body: {json.dumps(body)}",
            WEB,
            post(f"buckets/{SECOND}", body),
            illegal(LATE),
            "REST, REQ",
        )
        for body in GIVEN
    ]
    + [
        Rejected(
            "2.2",
            "query and body",
            WEB,
            post(f"buckets?timestamp={SECOND}", {"start": "0"}),
            illegal(LATE),
            "REST, REQ",
        ),
        Rejected(
            "2.2",
            "path and a conflict in the body",
            WEB,
            post(f"buckets/{SECOND}", {"timestamp": "0", "start": "0"}),
            bad_value("start", ILLEGAL, beside("start")),
            "REST, REQ",
        ),
    ]
)
NO_CONFLICTS = [
    Replied(
        "2.2", f"{where or 'body'}: {json.dumps(body)}", WEB, post(f"buckets{where}", body), "h1", "ours: not given"
    )
    for where, body in (
        ("", {"timestamp": str(SECOND), "start": None}),
        ("", {"start": None, "end": None, "timestamp": str(SECOND)}),
        ("", {"timestamp": str(SECOND), "end": -1}),
        ("", {"start": "-1", "timestamp": str(SECOND)}),
        (f"/{SECOND}", {"start": None, "end": "-1"}),
        (f"/{SECOND}", {"start": -1}),
        (f"/{SECOND}", {"sort": "event_count", "desc": True, "exclude_interim": True, "expand": False}),
    )
]


@each_row(NO_CONFLICTS)
def test_null_and_unset_are_no_conflict(row: Replied) -> None:
    """Null and -1 are not given, beside a timestamp as well."""
    assert_replied(row)


@each_row(CONFLICTS)
def test_conflict_in_a_body_is_told(row: Rejected) -> None:
    """The field that came second is the one that cannot be read; a timestamp of the path comes after the body."""
    assert_rejected(row)


# ---- numbers and booleans

SCORES_READ = [
    Replied("3.5", f"body: {claim}", WEB, post("buckets", f'{{"anomaly_score": {text}}}'), expected, "OP")
    for claim, text, expected in (
        ("an integer", "80", "h1 h3"),
        ("a float", "80.0", "h1 h3"),
        ("an exponent", "8.0e1", "h1 h3"),
        ("just above", "80.00000000000001", "h1"),
        ("zero", "0", ALL),
        ("below zero", "-5.5", ALL),
        ("beyond 64 bits", "1" + "0" * 30, ""),
        ("text", '"80.0"', "h1 h3"),
        ("text with blanks", '" 80 "', "h1 h3"),
        ("text with a type letter", '"80f"', "h1 h3"),
        ("text NaN", '"NaN"', ALL),
        ("text Infinity", '"Infinity"', ""),
        ("text too large", '"1e999"', ""),
    )
]
NO_SCORES = [
    Rejected(
        "3.5",
        f"body of {kind}: {text!r}",
        WEB,
        post(kind, {SCORES[kind]: text}),
        bad_value(SCORES[kind], NO_NUMBER, f'For input string: "{text}"' if text else "...", kind),
        "OP, DPD",
    )
    for kind in KINDS
    for text in ("abc", "", "80,5", "nan", "0x1p3", "true")
]
PAGES = [
    Replied("6.5", f"body: {page}", WEB, post("buckets", f'{{"page": {page}}}'), expected, "PAGE", count=4)
    for page, expected in (
        ('{"from": 1, "size": 2}', "h1 h2"),
        ('{"size": 2, "from": 1}', "h1 h2"),
        ('{"from": "1", "size": "2"}', "h1 h2"),
        ('{"from": 1.0, "size": 2.0}', "h1 h2"),
        ('{"from": 1e0}', "h1 h2 h3"),
        ('{"size": 0}', ""),
        ("{}", ALL),
    )
]
WRONG_PAGES = [
    Rejected(
        "6.5",
        f"body of {kind}: {page}",
        WEB,
        post(kind, f'{{"page": {page}}}'),
        bad_value("page", error, words, kind),
        "PAGE, OP",
    )
    for kind in KINDS
    for page, error, words in (
        ('{"from": "x"}', f"{UNPARSED}|{NO_NUMBER}|{ILLEGAL}", "..."),
        ('{"size": ""}', f"{UNPARSED}|{NO_NUMBER}|{ILLEGAL}", "..."),
        ('{"size": 1.5}', f"{UNPARSED}|{ILLEGAL}", "..."),
        ('{"from": "1.5"}', f"{UNPARSED}|{NO_NUMBER}|{ILLEGAL}", "..."),
        ('{"size": 2147483648}', f"{UNPARSED}|{ILLEGAL}", "..."),
        ('{"size": "2147483648"}', f"{UNPARSED}|{NO_NUMBER}|{ILLEGAL}", "..."),
        ('{"from": 1e300}', f"{UNPARSED}|{ILLEGAL}", "..."),
        ('{"from": true}', UNPARSED, "[page] from doesn't support values of type: VALUE_BOOLEAN"),
        ('{"from": null}', UNPARSED, "[page] from doesn't support values of type: VALUE_NULL"),
        ('{"size": [1]}', UNPARSED, "[page] size doesn't support values of type: START_ARRAY"),
        ('{"size": {}}', UNPARSED, "[page] size doesn't support values of type: START_OBJECT"),
    )
] + [
    Rejected(
        "6.2",
        f"body of {kind}: {page}",
        WEB,
        post(kind, f'{{"page": {page}}}'),
        bad_value("page", ILLEGAL, words, kind),
        "PAGE",
    )
    for kind in KINDS
    for page, words in (
        ('{"from": -1}', "Parameter [from] cannot be < 0"),
        ('{"size": -1}', "Parameter [size] cannot be < 0"),
        ('{"from": "-1"}', "Parameter [from] cannot be < 0"),
        ('{"size": -1, "from": -1}', "Parameter [from] cannot be < 0"),
    )
]
BOOLEANS = [
    Replied("4.4", f"body: {name} {value!r}", WEB, post("buckets", {name: value}), expected, "OP")
    for name, value, expected in (
        ("desc", True, "h3 h2 h1 h0"),
        ("desc", "true", "h3 h2 h1 h0"),
        ("desc", False, ALL),
        ("desc", "false", ALL),
        ("exclude_interim", True, "h0 h2 h3"),
        ("exclude_interim", "true", "h0 h2 h3"),
        ("exclude_interim", "false", ALL),
        ("expand", True, ALL),
        ("expand", "true", ALL),
    )
]
NO_BOOLEANS = [
    Rejected(
        "4.4",
        f"body of {kind}: {name} {value!r}",
        WEB,
        post(kind, {name: value}),
        bad_value(name, ILLEGAL, no_boolean(value), kind),
        "OP",
    )
    for kind, name in (
        ("buckets", "desc"),
        ("buckets", "expand"),
        ("buckets", "exclude_interim"),
        ("records", "exclude_interim"),
        ("influencers", "desc"),
    )
    for value in ("", "True", "1", "yes", " true")
]


@each_row(SCORES_READ, PAGES, BOOLEANS)
def test_value_of_a_body_is_read(row: Replied) -> None:
    """Numbers, integers and booleans are read, as they are and as text."""
    assert_replied(row)


@each_row(NO_SCORES, WRONG_PAGES, NO_BOOLEANS)
def test_value_of_a_body_that_cannot_be_read_is_refused(row: Rejected) -> None:
    """What has the right type and cannot be read is told with its cause."""
    assert_rejected(row)
