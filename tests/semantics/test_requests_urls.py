"""The REST door: how the query of a URL is written, and its dates, numbers, booleans and names."""

from types import MappingProxyType

from support.request_tables import (
    FOURTH,
    JOBS,
    KINDS,
    NO_NUMBER,
    NO_SORT,
    SCORES,
    SECOND,
    WEB,
    Failure,
    Rejected,
    Replied,
    Request,
    assert_rejected,
    assert_replied,
    get,
    illegal,
    no_boolean,
    unrecognized,
    wrapped,
)
from support.semantics_tables import bucket, each_row

ALL = "h0 h1 h2 h3"
BUCKETS = f"{JOBS}/web/results/buckets"

# ---- how a query is written

WRITTEN = [
    Replied("20.rest-queries", claim, WEB, asked, expected, "ours", count=count)
    for claim, asked, expected, count in (
        ("in the path", get("buckets?size=1&from=2"), "h2", 4),
        ("in params, as text", get("buckets", "size=1&from=2"), "h2", 4),
        ("in params, with a question mark", get("buckets", "?size=1&from=2"), "h2", 4),
        ("in params, as a mapping", get("buckets", {"size": "1", "from": "2"}), "h2", 4),
        ("in params, as any mapping", get("buckets", MappingProxyType({"size": "1"})), "h0", 4),
        ("in params, an empty mapping", get("buckets", {}), ALL, None),
        ("in params, empty text", get("buckets", ""), ALL, None),
        ("only a question mark", get("buckets?"), ALL, None),
        ("in params, only a question mark", get("buckets", "?"), ALL, None),
        ("an empty part", get("buckets?&size=1&"), "h0", 4),
        ("path and params: params win", get("buckets?size=1", {"size": "2"}), "h0 h1", 4),
        ("path and params: params win as text", get("buckets?size=1", "size=2"), "h0 h1", 4),
        ("path and params: different names", get("buckets?size=1", {"from": "3"}), "h3", 4),
        ("the last value of a name wins", get("buckets?size=3&size=1"), "h0", 4),
        ("the last value of a name wins over a wrong value", get("buckets?size=x&size=1"), "h0", 4),
        ("escaped value", get("buckets?end=2020-01-01T01%3A00Z"), "h0", None),
        ("escaped name", get("buckets?%73ize=1"), "h0", 4),
        ("an equals sign in a value", get("buckets?desc=true&sort=event_count&job_id=a=b"), "h0 h3 h1 h2", None),
        ("plus is a blank", get("buckets?anomaly_score=+80+"), "h1 h3", None),
        ("in params, plus is a blank", get("buckets", "anomaly_score=+80+"), "h1 h3", None),
        ("plus is a plus in a mapping", get("buckets", {"start": "2020-01-01||+1H"}), "h1 h2 h3", None),
        ("an escaped plus", get("buckets?start=2020-01-01%7C%7C%2B1H"), "h1 h2 h3", None),
        ("a slash in a value", get("buckets?start=2020-01-01T01:30||/H"), "h1 h2 h3", None),
        ("a mapping's number", get("buckets", {"size": 1, "from": 2}), "h2", 4),
        ("a mapping's float", get("buckets", {"anomaly_score": 80.0}), "h1 h3", None),
        ("a mapping's instant", get("buckets", {"start": FOURTH}), "h3", None),
        ("a mapping's true", get("buckets", {"desc": True}), "h3 h2 h1 h0", None),
        ("a mapping's false", get("buckets", {"desc": False}), ALL, None),
        ("a mapping's None is an empty value", get("buckets", {"desc": None}), "h3 h2 h1 h0", None),
        ("job_id comes from the path", get("buckets?job_id=db"), ALL, None),
        ("in params, job_id comes from the path", get("buckets", {"job_id": "db"}), ALL, None),
    )
]
BADLY_WRITTEN = [
    Rejected("20.rest-queries", claim, WEB, asked, illegal("..."), "ours: a wrong escape")
    for claim, asked in (
        ("%zz", get("buckets?sort=%zz")),
        ("%", get("buckets?sort=%")),
        ("%a", get("buckets?sort=%a")),
        ("%a&", get("buckets?sort=%a&size=1")),
        ("% in a name", get("buckets?si%ze=1")),
        ("in params", get("buckets", "sort=%zz")),
        ("in params, with a question mark", get("buckets", "?sort=%2")),
    )
] + [
    Rejected(
        "20.rest-queries",
        "a percent is a percent in a mapping",
        WEB,
        get("buckets", {"sort": "%41"}),
        wrapped(NO_SORT, "No mapping found for [%41] in order to sort on"),
        "ours",
    ),
]


@each_row(WRITTEN)
def test_query_is_read(row: Replied) -> None:
    """A query means the same in the path, as text in `params` and as a mapping in `params`."""
    assert_replied(row)


@each_row(BADLY_WRITTEN)
def test_wrong_escape_is_refused(row: Rejected) -> None:
    """A percent sign needs two hexadecimal digits after it, except in a mapping, which has no escapes."""
    assert_rejected(row)


# ---- dates

DATES = [
    Replied("1.10", claim, WEB, get(f"buckets?{query}"), expected, source)
    for claim, query, expected, source in (
        ("URL: digits are milliseconds", f"start={SECOND}&end={FOURTH}", "h1 h2", "RR: text"),
        ("URL: four digits are a year", "start=2021", "", "RR: text"),
        ("URL: five digits are milliseconds", "start=02021", ALL, "RR: text"),
        ("URL: -1 is unset", "start=-1&end=-1", ALL, "ours"),
        ("URL: date math", "start=now-23h&end=now-21h", "h1 h2", "RR: text"),
        ("URL: a fraction", f"start={SECOND}.9", "h1 h2 h3", "RR: text"),
    )
]


@each_row(DATES)
def test_dates_of_a_url_are_text(row: Replied) -> None:
    """A date of a URL is text, so digits follow the grammar of dates."""
    assert_replied(row)


# ---- numbers

DOUBLES = [
    Replied("3.5", f"URL: {shown}", WEB, get(f"buckets?anomaly_score={text}"), expected, "REST, DPD")
    for shown, text, expected in (
        ("a number", "80", "h1 h3"),
        ("a float", "80.0", "h1 h3"),
        ("an exponent", "8e1", "h1 h3"),
        ("just above", "80.00000000000001", "h1"),
        ("blanks around", "%2080%09", "h1 h3"),
        ("a type letter", "80d", "h1 h3"),
        ("a sign", "%2B80", "h1 h3"),
        ("zero", "0", ALL),
        ("below zero", "-5", ALL),
        ("NaN", "NaN", ALL),
        ("Infinity", "Infinity", ""),
        ("-Infinity", "-Infinity", ALL),
        ("too large", "1e999", ""),
    )
]
NO_DOUBLES = [
    Rejected(
        "3.5",
        f"URL: {kind} {text!r}",
        WEB,
        get(f"{kind}?{SCORES[kind]}={text}"),
        Failure(400, NO_NUMBER, f'For input string: "{text}"' if text else "..."),
        "REST, DPD",
    )
    for kind in KINDS
    for text in ("abc", "", "80,5", "1e", "nan", "inf", "0x1p3", "8_0", "true", "٨")
]
INTEGERS = [
    Replied("6.5", f"URL: {query}", WEB, get(f"buckets?{query}"), expected, "RR", count=4)
    for query, expected in (
        ("from=1&size=2", "h1 h2"),
        ("from=%2B1&size=%2B2", "h1 h2"),
        ("from=001&size=02", "h1 h2"),
        ("size=-0", ""),
    )
]
NO_INTEGERS = [
    Rejected(
        "6.5",
        f"URL: {kind} {name}={shown}",
        WEB,
        get(f"{kind}?{name}={text}"),
        illegal(f"Failed to parse int parameter [{name}] with value [{shown}]"),
        "RR",
    )
    for kind in KINDS
    for name in ("from", "size")
    for text, shown in (
        ("x", "x"),
        ("", ""),
        ("1.0", "1.0"),
        ("1e1", "1e1"),
        ("%201", " 1"),
        ("1+", "1 "),
        ("--1", "--1"),
        ("1_0", "1_0"),
        ("0x1", "0x1"),
        ("true", "true"),
        ("2147483648", "2147483648"),
        ("-2147483649", "-2147483649"),
        ("99999999999999999999", "99999999999999999999"),
    )
] + [
    Rejected(
        "6.5",
        f"URL: bare {name}",
        WEB,
        get(f"buckets?{name}"),
        illegal(f"Failed to parse int parameter [{name}] with value []"),
        "RR",
    )
    for name in ("from", "size")
]
NEGATIVE = [
    Rejected(
        "6.2",
        f"URL: {kind} {name}={value}",
        WEB,
        get(f"{kind}?{name}={value}"),
        illegal(f"Parameter [{name}] cannot be < 0"),
        "PAGE",
    )
    for kind in KINDS
    for name in ("from", "size")
    for value in (-1, -2_147_483_648)
]


@each_row(DOUBLES, INTEGERS)
def test_number_of_a_url_is_read(row: Replied) -> None:
    """A threshold is read as a Java double, `from` and `size` as Java ints."""
    assert_replied(row)


@each_row(NO_DOUBLES, NO_INTEGERS, NEGATIVE)
def test_value_that_is_not_a_number_is_refused(row: Rejected) -> None:
    """A value that is not a number is refused: a threshold in Java's words, `from` and `size` in the server's words."""
    assert_rejected(row)


# ---- booleans

BOOLEANS = [
    Replied("4.4", f"URL: {query or 'nothing'}", WEB, get(f"buckets{query}"), expected, "RR")
    for query, expected in (
        ("", ALL),
        ("?desc=true", "h3 h2 h1 h0"),
        ("?desc=false", ALL),
        ("?desc", "h3 h2 h1 h0"),
        ("?desc=", "h3 h2 h1 h0"),
        ("?desc=&exclude_interim", "h3 h2 h0"),
        ("?exclude_interim=true", "h0 h2 h3"),
        ("?exclude_interim=false", ALL),
        ("?exclude_interim", "h0 h2 h3"),
        ("?exclude_interim=", "h0 h2 h3"),
        ("?expand", ALL),
        ("?expand=", ALL),
        ("?expand=true", ALL),
        ("?expand=false", ALL),
        ("?desc=%20", ALL),
        ("?exclude_interim=+%09", ALL),
    )
] + [
    Replied("4.4", "URL: records, a blank desc keeps the default", WEB, get("records?desc=+"), "r1 r3 r0", "RR, BOOL"),
]
NO_BOOLEANS = [
    Rejected("4.4", f"URL: {kind}?{name}={value}", WEB, get(f"{kind}?{name}={value}"), illegal(no_boolean(value)), "RR")
    for kind, name in (
        ("buckets", "desc"),
        ("buckets", "expand"),
        ("buckets", "exclude_interim"),
        ("records", "desc"),
        ("influencers", "exclude_interim"),
    )
    for value in ("True", "FALSE", "1", "0", "yes", "on", "null", "truetrue")
]


@each_row(BOOLEANS)
def test_boolean_of_a_url_is_read(row: Replied) -> None:
    """``true`` and ``false`` are booleans, and a name without a value is true."""
    assert_replied(row)


@each_row(NO_BOOLEANS)
def test_value_that_is_not_a_boolean_is_refused(row: Rejected) -> None:
    """Only ``true``, ``false`` and no value are booleans; the error quotes any other value."""
    assert_rejected(row)


# ---- a timestamp with other parameters

CONFLICTS = [
    Rejected(
        "2.2",
        f"URL: {where} and {query}",
        WEB,
        get(f"{where}{'&' if '?' in where else '?'}{query}"),
        illegal(f"Param [{shown}] is incompatible with [timestamp]."),
        "REST, REQ",
    )
    for where in (f"buckets/{SECOND}", f"buckets?timestamp={SECOND}")
    for query, shown in (
        ("from=0", "from, size"),
        ("size=100", "from, size"),
        ("from=0&size=1", "from, size"),
        ("start=2020", "start"),
        (f"end={FOURTH}", "end"),
        ("anomaly_score=0", "anomaly_score"),
        ("anomaly_score=NaN", "anomaly_score"),
        ("start=0&size=1", "from, size"),
        ("anomaly_score=0&end=1", "end"),
        ("end=1&start=0", "start"),
    )
] + [
    Rejected(
        "2.2",
        "URL: a lookup without a match",
        WEB,
        get("buckets/2021?size=1"),
        illegal("Param [from, size] is incompatible with [timestamp]."),
        "REST, REQ",
    ),
    Rejected(
        "2.2",
        "URL: an unknown job",
        WEB,
        get("buckets/2021?size=1", job="db"),
        illegal("Param [from, size] is incompatible with [timestamp]."),
        "REST, REQ",
    ),
]
NO_CONFLICTS = [
    Replied("2.2", f"URL: {query}", WEB, get(f"buckets/{SECOND}?{query}"), "h1", "ours: not given")
    for query in ("start=-1", "end=-1", "start=-1&end=-1")
]


@each_row(NO_CONFLICTS)
def test_unset_bound_does_not_conflict(row: Replied) -> None:
    """With a timestamp, a bound of -1 counts as not given."""
    assert_replied(row)


@each_row(CONFLICTS)
def test_conflict_with_a_timestamp_is_refused(row: Rejected) -> None:
    """The error names the first conflicting parameter, in the order page, window, threshold."""
    assert_rejected(row)


# ---- names

UNKNOWN_NAMES = [
    Rejected("10.1", f"{kind}?{query}", WEB, get(f"{kind}?{query}"), unrecognized(kind, *names), "BASE")
    for kind, query, names in (
        ("buckets", "foo=1", ("foo",)),
        ("buckets", "foo", ("foo",)),
        ("records", "foo=1", ("foo",)),
        ("influencers", "foo=1", ("foo",)),
        ("buckets", "foo=1&bar=2", ("bar", "foo")),
        ("buckets", "foo=1&bar=2&baz=3&size=1", ("bar", "baz", "foo")),
        ("buckets", "From=1", ("[From] -> did you mean [from]?",)),
        ("buckets", "desk=true", ("[desk] -> did you mean [desc]?",)),
        ("buckets", "anomaly_scor=1", ("[anomaly_scor] -> did you mean [anomaly_score]?",)),
        ("buckets", "strat=0", ("[strat] -> did you mean any of [sort, start]?",)),
        ("records", "excludeinterim", ("[excludeinterim] -> did you mean [exclude_interim]?",)),
        ("buckets", "foo=1&desk=true", ("[desk] -> did you mean [desc]?", "foo")),
        ("buckets", "q=%2A", ("q",)),
        ("buckets", "include_interim=true", ("[include_interim] -> did you mean [exclude_interim]?",)),
        ("buckets", "=1", ("",)),
        ("buckets", "%F0%9F%98%80=1", ("😀",)),
    )
] + [
    Rejected(
        "10.1",
        "the path is shown unescaped",
        {"b": bucket(0, job_id="données")},
        get("buckets?foo=1", job="donn%C3%A9es"),
        unrecognized("buckets", "foo", job="données"),
        "BASE",
    ),
    Rejected("10.1", "after a timestamp", WEB, get("buckets/0?foo=1"), unrecognized("buckets/0", "foo"), "BASE"),
    Rejected("10.1", "in params", WEB, Request("GET", BUCKETS, {"foo": "1"}), unrecognized("buckets", "foo"), "BASE"),
    Rejected(
        "6.6", "URL: page", WEB, get("buckets?page=1"), unrecognized("buckets", "page"), "REST: from and size alone"
    ),
    Rejected(
        "6.6",
        "URL: from_",
        WEB,
        get("buckets?from_=1"),
        unrecognized("buckets", "[from_] -> did you mean [from]?"),
        "REST",
    ),
    Rejected(
        "6.6", "URL: page of records", WEB, get("records?page=1"), unrecognized("records", "page"), "REST: the same"
    ),
]


@each_row(UNKNOWN_NAMES)
def test_unknown_name_is_refused(row: Rejected) -> None:
    """The error names the unknown parameters in sorted order, with the known parameters that they resemble."""
    assert_rejected(row)
