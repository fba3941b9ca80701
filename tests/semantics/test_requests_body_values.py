"""The values of a body at the REST door: dates, a timestamp with other fields, numbers and booleans."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from support.request_tables import (
    FOURTH,
    ILLEGAL,
    KINDS,
    NO_DATE,
    NO_NUMBER,
    SCORES,
    SECOND,
    UNPARSED,
    WEB,
    Problem,
    Rejected,
    Replied,
    assert_rejected,
    assert_replied,
    bad_page,
    bad_value,
    illegal,
    no_boolean,
    post,
    wrapped,
)
from support.semantics_tables import bucket, each_row

ALL = "h0 h1 h2 h3"
#: Bodies with a field that conflicts with a timestamp.
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
    """The reason for a parameter after a timestamp."""
    return f"Param [{name}] is incompatible with [timestamp]."


# ---- dates

DATES = [
    Replied("1.10", f"body: {claim}", WEB, post("buckets", body), expected, source)
    for claim, body, expected, source in (
        ("a number is milliseconds", {"start": SECOND, "end": FOURTH}, "h1 h2", "ours"),
        ("text is text", {"start": str(SECOND), "end": "2020-01-01T03:00Z"}, "h1 h2", "REQ"),
        ("a number of four digits is milliseconds", {"start": 2021}, ALL, "ours"),
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
        "body: empty text",
        WEB,
        post("buckets", {"start": ""}),
        wrapped(NO_DATE, "...cannot parse empty datetime..."),
        "1.9",
    ),
]


@each_row(DATES)
def test_date_of_a_body_is_text_or_number(row: Replied) -> None:
    """A number is epoch milliseconds, text follows the grammar of dates, and null is unset."""
    assert_replied(row)


@each_row(WRONG_DATES)
def test_search_refuses_bad_date_text_of_a_body(row: Rejected) -> None:
    """Text has the right JSON type, so the search refuses bad date text, not the parser."""
    assert_rejected(row)


# ---- a timestamp with other fields

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
def test_null_and_unset_do_not_conflict(row: Replied) -> None:
    """With a timestamp, null and -1 count as not given."""
    assert_replied(row)


@each_row(CONFLICTS)
def test_conflict_in_a_body_is_refused(row: Rejected) -> None:
    """The error names the field that is read later; a timestamp of the path is read after the body."""
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
    Replied("6.5", f"body: {page}", WEB, post("buckets", f'{{"page": {page}}}'), expected, source, count=4)
    for page, expected, source in (
        ('{"from": 1, "size": 2}', "h1 h2", "PAGE"),
        ('{"size": 2, "from": 1}', "h1 h2", "PAGE"),
        ('{"from": "1", "size": "2"}', "h1 h2", "PAGE"),
        ('{"from": 1.0, "size": 2.0}', "h1 h2", "PAGE"),
        ('{"from": 1e0}', "h1 h2 h3", "PAGE"),
        ('{"size": 0}', "", "PAGE"),
        ("{}", ALL, "PAGE"),
        ('{"from": 1.9, "size": 2.999}', "h1 h2", "AXP: cut off"),
        ('{"from": "1.0", "size": "2.0"}', "h1 h2", "AXP: as a double"),
        ('{"from": "1.9"}', "h1 h2 h3", "AXP: cut off"),
        ('{"from": " 1", "size": "2\\t"}', "h1 h2", "AXP: trimmed"),
        ('{"from": "1e0", "size": "+2d"}', "h1 h2", "AXP: a type letter"),
        ('{"from": "NaN"}', ALL, "AXP: cast to an int"),
        ('{"from": "-0.9", "size": -0.5}', "", "AXP: cut off"),
    )
]
NO_INT = "Numeric value (...) out of range of int (-2147483648 - 2147483647)"
WRONG_NUMBERS = [
    Rejected(
        "6.5",
        f"body of {kind}: {page}",
        WEB,
        post(kind, f'{{"page": {page}}}'),
        bad_page(kind, Problem(UNPARSED, f"[page] failed to parse field [{field}]"), Problem(error, words)),
        "AXP, OP",
    )
    for kind in KINDS
    for page, field, error, words in (
        ('{"from": "x"}', "from", NO_NUMBER, 'For input string: "x"'),
        ('{"size": ""}', "size", NO_NUMBER, "empty String"),
        ('{"size": " "}', "size", NO_NUMBER, "empty String"),
        ('{"from": 1, "size": "1_0"}', "size", NO_NUMBER, 'For input string: "1_0"'),
        ('{"size": 2147483648}', "size", UNPARSED, NO_INT),
        ('{"from": -2147483649}', "from", UNPARSED, NO_INT),
        ('{"size": 2147483647.5}', "size", UNPARSED, NO_INT),
        ('{"from": 1e300}', "from", UNPARSED, NO_INT),
        ('{"from": 1e999}', "from", UNPARSED, NO_INT),
        ('{"size": "2147483648"}', "size", ILLEGAL, "Value [2147483648] is out of range for an integer"),
        ('{"size": "-1e10"}', "size", ILLEGAL, "Value [-1e10] is out of range for an integer"),
        ('{"size": "Infinity"}', "size", ILLEGAL, "Value [Infinity] is out of range for an integer"),
    )
]
WRONG_PAGES = [
    Rejected(
        "6.5",
        f"body of {kind}: {page}",
        WEB,
        post(kind, f'{{"page": {page}}}'),
        bad_page(kind, Problem(UNPARSED, words)),
        "PAGE, OP",
    )
    for kind in KINDS
    for page, words in (
        ('{"from": true}', "[page] from doesn't support values of type: VALUE_BOOLEAN"),
        ('{"from": null}', "[page] from doesn't support values of type: VALUE_NULL"),
        ('{"size": [1]}', "[page] size doesn't support values of type: START_ARRAY"),
        ('{"size": {}}', "[page] size doesn't support values of type: START_OBJECT"),
    )
]
NO_PAGE = Problem(UNPARSED, "Failed to build [page] after last required field arrived")
NEGATIVE_PAGES = [
    Rejected(
        "6.2",
        f"body of {kind}: {page}",
        WEB,
        post(kind, f'{{"page": {page}}}'),
        bad_page(kind, NO_PAGE, Problem(ILLEGAL, words)),
        "PAGE",
    )
    for kind in KINDS
    for page, words in (
        ('{"from": -1}', "Parameter [from] cannot be < 0"),
        ('{"size": -1}', "Parameter [size] cannot be < 0"),
        ('{"from": "-1"}', "Parameter [from] cannot be < 0"),
        ('{"size": -1.5}', "Parameter [size] cannot be < 0"),
    )
] + [
    Rejected(
        "6.5",
        f"body of {kind}: {page}",
        WEB,
        post(kind, f'{{"page": {page}}}'),
        bad_page(
            kind,
            Problem(UNPARSED, f"[page] failed to parse field [{last}]"),
            NO_PAGE,
            Problem(ILLEGAL, f"Parameter [{wrong}] cannot be < 0"),
        ),
        "PAGE, COP",
    )
    for kind in KINDS
    for page, last, wrong in (
        ('{"size": -1, "from": -1}', "from", "from"),
        ('{"from": -1, "size": 5}', "size", "from"),
        ('{"from": 5, "size": -1}', "size", "size"),
        ('{"from": -1, "size": -1, "x": 1}', "size", "from"),
    )
]
BOOLEANS = [
    Replied("4.4", f"body: {name} {value!r}", WEB, post("buckets", {name: value}), expected, "OP, BOOL")
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
        ("desc", "", ALL),
        ("desc", " \t\u2003", ALL),
        ("exclude_interim", "", ALL),
        ("expand", " ", ALL),
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
    for value in ("True", "1", "yes", " true", "\xa0")
]


@each_row(SCORES_READ, PAGES, BOOLEANS)
def test_value_of_a_body_is_read(row: Replied) -> None:
    """Numbers and booleans are read as JSON values and as text."""
    assert_replied(row)


@each_row(NO_SCORES, WRONG_NUMBERS, WRONG_PAGES, NEGATIVE_PAGES, NO_BOOLEANS)
def test_value_of_a_body_that_cannot_be_read_is_refused(row: Rejected) -> None:
    """A value of the right JSON type that cannot be read is refused with its cause."""
    assert_rejected(row)
