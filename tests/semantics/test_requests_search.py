"""What a request brings when it has been read: wrapped errors, the window, one bucket, and which error comes first."""

from urllib.parse import quote

from support.request_tables import (
    FOURTH,
    ILLEGAL,
    KINDS,
    NO_DATE,
    NO_SORT,
    NOTHING_THERE,
    SECOND,
    WEB,
    Rejected,
    Replied,
    assert_rejected,
    assert_replied,
    bad_value,
    get,
    illegal,
    no_boolean,
    post,
    unknown_job,
    unparsed,
    unrecognized,
    wrapped,
    wrong_type,
)
from support.semantics_tables import each_row, hours, names

LONG = "1" * 65
HOURS = hours(150)
WRONG_DATES = (
    ("x", NO_DATE, "failed to parse date field [x] with format [strict_date_optional_time||epoch_millis]..."),
    ("", NO_DATE, "...cannot parse empty datetime..."),
    ("||/d", NO_DATE, "...cannot parse empty datetime..."),
    ("now*1d", NO_DATE, "...operator not supported for date math [...]..."),
    ("now+1", NO_DATE, "...truncated date math [...]..."),
    ("now/2d", NO_DATE, "...rounding `/` can only be used on single unit types [...]..."),
    ("now+1q", NO_DATE, "...unit [q] not supported for date math [...]..."),
    ("2020-01-01T00:00Europe/Paris", NO_DATE, "failed to parse date field [...Europe/Paris]..."),
    (LONG, ILLEGAL, "..."),
    ("0000", ILLEGAL, "..."),
    ("now-9000y", ILLEGAL, "..."),
    ("2020||" + 9 * "+1d", ILLEGAL, "..."),
)


WRAPPED_DATES = (
    [
        Rejected(
            "1.9", f"{kind}?{name}={text}", WEB, get(f"{kind}?{name}={quote(text)}"), wrapped(error, words), "DMP, ours"
        )
        for kind, name in (("buckets", "start"), ("buckets", "end"), ("records", "start"), ("influencers", "end"))
        for text, error, words in WRONG_DATES
    ]
    + [
        Rejected("1.9", f"{kind} {name} {text}", WEB, post(kind, {name: text}), wrapped(error, words), "DMP, ours")
        for kind, name in (("buckets", "start"), ("buckets", "timestamp"), ("records", "end"), ("influencers", "start"))
        for text, error, words in WRONG_DATES
    ]
    + [
        Rejected(
            "1.9", f"a lookup of {text}", WEB, get(f"buckets/{quote(text, safe='')}"), wrapped(error, words), "DMP"
        )
        for text, error, words in WRONG_DATES
        if text
    ]
    + [
        Rejected(
            "1.9",
            "nothing stored",
            {},
            get("buckets?start=x"),
            wrapped(NO_DATE, "failed to parse date field [x]..."),
            "DMP",
        ),
        Rejected(
            "1.9",
            "size 0",
            WEB,
            get("buckets?size=0&end=x"),
            wrapped(NO_DATE, "failed to parse date field [x]..."),
            "DMP",
        ),
    ]
)

SORTS = (
    ("x", NO_SORT, "No mapping found for [x] in order to sort on"),
    ("", NO_SORT, "No mapping found for [] in order to sort on"),
    ("Timestamp", NO_SORT, "No mapping found for [Timestamp] in order to sort on"),
    ("bucket_influencers", NO_SORT, "No mapping found for [bucket_influencers] in order to sort on"),
    ("_score", NO_SORT, "No mapping found for [_score] in order to sort on"),
    ("_doc", NO_SORT, "No mapping found for [_doc] in order to sort on"),
    (
        "bucket_influencers.probability",
        NO_SORT,
        "it is mandatory to set the [nested] context on the nested sort field: [bucket_influencers.probability].",
    ),
    (
        "causes.probability",
        NO_SORT,
        "it is mandatory to set the [nested] context on the nested sort field: [causes.probability].",
    ),
    ("description", ILLEGAL, "Fielddata is disabled on [description]..."),
)
WRAPPED_SORTS = (
    [
        Rejected(
            "5.6", f"{kind}?sort={sort}", WEB, get(f"{kind}?sort={sort}"), wrapped(error, words), "FSB, ours: wrapped"
        )
        for kind in KINDS
        for sort, error, words in SORTS
    ]
    + [
        Rejected(
            "5.6", f"{kind} sort {sort!r}", WEB, post(kind, {"sort": sort}), wrapped(error, words), "FSB, ours: wrapped"
        )
        for kind in KINDS
        for sort, error, words in SORTS
    ]
    + [
        Rejected(
            "5.6",
            "in a lookup",
            WEB,
            get(f"buckets/{SECOND}?sort=x"),
            wrapped(NO_SORT, "No mapping found for [x] in order to sort on"),
            "FSB",
        ),
        Rejected(
            "5.6",
            "a bare sort",
            WEB,
            get("buckets?sort"),
            wrapped(NO_SORT, "No mapping found for [] in order to sort on"),
            "FSB",
        ),
    ]
)


def too_large(sum_of_both: int, window: int = 10_000) -> str:
    """What is said of a page beyond the result window."""
    bound = f"from + size must be less than or equal to: [{window}] but was [{sum_of_both}]"
    return f"Result window is too large, {bound}..."


PAST_THE_WINDOW = (
    [
        Rejected(
            "6.4", f"{kind}?{query}", WEB, get(f"{kind}?{query}"), wrapped(ILLEGAL, too_large(total)), "ours: wrapped"
        )
        for kind, query, total in (
            ("buckets", "size=10001", 10_001),
            ("buckets", "from=9901", 10_001),
            ("buckets", "from=9999&size=2", 10_001),
            ("buckets", "from=10001&size=0", 10_001),
            ("buckets", "from=2147483647&size=2147483647", 4_294_967_294),
            ("records", "size=10001", 10_001),
            ("influencers", "from=10000", 10_100),
        )
    ]
    + [
        Rejected(
            "6.4",
            f"{kind} {page}",
            WEB,
            post(kind, {"page": page}),
            wrapped(ILLEGAL, too_large(total)),
            "ours: wrapped",
        )
        for kind, page, total in (
            ("buckets", {"size": 10_001}, 10_001),
            ("buckets", {"from": 9_999, "size": 2}, 10_001),
            ("buckets", {"from": 10_001, "size": 0}, 10_001),
            ("records", {"from": 9_901}, 10_001),
            ("influencers", {"size": "20000"}, 20_000),
        )
    ]
    + [
        Rejected(
            "6.4",
            f"a window of {window}, {query or 'defaults'}",
            WEB,
            get(f"buckets{query}", max_result_window=window),
            wrapped(ILLEGAL, too_large(total, window)),
            "ours: the host's own",
        )
        for window, query, total in (
            (99, "", 100),
            (5, "?size=6", 6),
            (5, "?from=3&size=3", 6),
            (0, "?size=1", 1),
            (0, "?from=1&size=0", 1),
            (10_001, "?size=10002", 10_002),
        )
    ]
)
WITHIN_THE_WINDOW = [
    Replied("6.4", "size 10000", HOURS, get("buckets?size=10000"), names(0, 150), "HLRC: exactly the window"),
    Replied("6.4", "from 9900", HOURS, get("buckets?from=9900"), "", "HLRC: exactly the window", count=150),
    Replied("6.4", "from 10000 and size 0", HOURS, get("buckets?from=10000&size=0"), "", "HLRC", count=150),
    Replied("6.4", "page", HOURS, post("buckets", {"page": {"from": 9_999, "size": 1}}), "", "HLRC", count=150),
    Replied("6.4", "a wider window", HOURS, get("buckets?size=20000", max_result_window=20_000), names(0, 150), "ours"),
    Replied("6.4", "a window of 3", HOURS, get("buckets?size=3", max_result_window=3), names(0, 3), "ours", count=150),
    Replied("6.4", "a window of none", HOURS, get("buckets?size=0", max_result_window=0), "", "ours", count=150),
    Replied(
        "6.4", "a lookup has one", WEB, get(f"buckets/{SECOND}", max_result_window=1), "h1", "ours: from 0, size 1"
    ),
]


@each_row(WITHIN_THE_WINDOW)
def test_page_within_the_window_is_answered(row: Replied) -> None:
    """What reaches up to the result window and no farther is a page like any other."""
    assert_replied(row)


@each_row(WRAPPED_DATES, WRAPPED_SORTS, PAST_THE_WINDOW)
def test_what_the_search_finds_is_wrapped(row: Rejected) -> None:
    """Dates, sort and window fail as a search of all shards, with the cause inside."""
    assert_rejected(row)


SIZES_BEYOND = [
    Replied("20.from-size", claim, HOURS, asked, expected, "ours: at the door the window bounds", count=150)
    for claim, asked, expected in (
        ("door: the default size", get("buckets", max_size=2), names(0, 100)),
        ("door: a max_size of 0", get("buckets?size=3", max_size=0), names(0, 3)),
        ("door: up to the window", get("buckets?from=140&size=9860", max_size=2), names(140, 150)),
        ("door: in a body", post("buckets", {"page": {"from": 9_000, "size": 1_000}}), ""),
    )
]


@each_row(SIZES_BEYOND)
def test_max_size_plays_no_part_at_the_door(row: Replied) -> None:
    """The index's own bound does not bound what the door is asked."""
    assert_replied(row)


# ---- one bucket

LOOKUPS = [
    Replied("2.3", "in the path", WEB, get(f"buckets/{SECOND}"), "h1", "REST"),
    Replied("2.3", "none behind the slash", WEB, get("buckets/"), "h0 h1 h2 h3", "REST: empty is none"),
    Replied("2.3", "in the query", WEB, get(f"buckets?timestamp={SECOND}"), "h1", "REST: read by one call"),
    Replied("2.3", "empty in the query", WEB, get("buckets?timestamp="), "h0 h1 h2 h3", "REST: empty is none"),
    Replied("2.3", "path before query", WEB, get(f"buckets/{FOURTH}?timestamp={SECOND}"), "h3", "REST"),
    Replied("2.3", "in a body", WEB, post("buckets", {"timestamp": str(SECOND)}), "h1", "REQ"),
    Replied("2.3", "path before body", WEB, post(f"buckets/{FOURTH}", {"timestamp": str(SECOND)}), "h3", "REST"),
    Replied("2.3", "body, and none behind the slash", WEB, post("buckets/", {"timestamp": str(SECOND)}), "h1", "REST"),
    Replied("2.3", "path with an empty body", WEB, post(f"buckets/{SECOND}", {}), "h1", "REST"),
    Replied("2.3", "query beside a body", WEB, post(f"buckets?timestamp={SECOND}", {}), "h1", "REST: read by one call"),
    Replied("2.3", "query before body", WEB, post(f"buckets?timestamp={FOURTH}", {"timestamp": "x"}), "h3", "REST"),
    Replied("2.3", "a number in a body", WEB, post("buckets", {"timestamp": SECOND}), "h1", "ours: epoch milliseconds"),
    Replied("2.3", "text covers a stretch", WEB, get("buckets/2020-01-01"), "h0", "2.6", count=4),
    Replied("2.3", "the last of a stretch", WEB, get("buckets/2020-01-01?desc=true"), "h3", "2.7", count=4),
    Replied("2.3", "interim all the same", WEB, get(f"buckets/{SECOND}?exclude_interim=true"), "h1", "2.5"),
    Replied(
        "2.3",
        "beside all it may have",
        WEB,
        get(f"buckets/{SECOND}?desc=false&sort=event_count&expand=false&exclude_interim"),
        "h1",
        "2.1",
    ),
    Replied(
        "2.3",
        "in a body with all it may have",
        WEB,
        post("buckets", {"sort": "event_count", "timestamp": str(SECOND), "desc": False, "exclude_interim": True}),
        "h1",
        "2.1",
    ),
]
NOT_FOUND = [
    Rejected("2.4", claim, WEB, asked, NOTHING_THERE, "JRP, QP")
    for claim, asked in (
        ("door: in the path", get(f"buckets/{SECOND + 1}")),
        ("door: in the query", get("buckets?timestamp=2021")),
        ("door: in a body", post("buckets", {"timestamp": "2021"})),
        ("door: a number in a body", post("buckets", {"timestamp": SECOND - 1})),
        ("door: path before body", post("buckets/2021", {"timestamp": str(SECOND)})),
        ("door: -1 is that instant", get("buckets/-1")),
    )
]


@each_row(LOOKUPS)
def test_timestamp_is_where_it_is_looked_for(row: Replied) -> None:
    """A timestamp comes from the path, else from the query, else from the body."""
    assert_replied(row)


@each_row(NOT_FOUND)
def test_nothing_there_is_not_found(row: Rejected) -> None:
    """A lookup that matches nothing is a 404."""
    assert_rejected(row)


# ---- which error first

NO_START = wrapped(NO_DATE, "failed to parse date field [x]...")
UNMAPPED = wrapped(NO_SORT, "No mapping found for [x] in order to sort on")
NO_FROM = illegal("Failed to parse int parameter [from] with value [x]")
FIRST_ERRORS = [
    Rejected("20.which-error-first", f"door: {claim}", WEB, asked, expected, source)
    for claim, asked, expected, source in (
        ("human before from", get("buckets?from=x&human=x"), illegal(no_boolean("x")), "ours"),
        ("pretty before unknown names", get("buckets?foo=1&pretty=no"), illegal(no_boolean("no")), "ours"),
        ("from before unknown names", get("buckets?foo=1&from=x"), NO_FROM, "BASE"),
        ("desc before unknown names", get("records?foo=1&desc=x"), illegal(no_boolean("x")), "BASE"),
        ("from before the score", get("buckets?anomaly_score=x&from=x"), NO_FROM, "REST"),
        ("from before exclude_interim", get("buckets?exclude_interim=x&from=x"), NO_FROM, "REST"),
        (
            "negative before the score",
            get("buckets?anomaly_score=x&from=-1"),
            illegal("Parameter [from] cannot be < 0"),
            "REST",
        ),
        (
            "both ints before a negative",
            get("buckets?from=-1&size=x"),
            illegal("Failed to parse int parameter [size] with value [x]"),
            "REST",
        ),
        ("from before size", get("buckets?size=-1&from=-1"), illegal("Parameter [from] cannot be < 0"), "PAGE"),
        ("desc before expand", get("buckets?expand=y&desc=x"), illegal(no_boolean("x")), "REST"),
        ("expand before exclude_interim", get("buckets?exclude_interim=y&expand=x"), illegal(no_boolean("x")), "REST"),
        (
            "records: exclude_interim before from",
            get("records?from=x&exclude_interim=x"),
            illegal(no_boolean("x")),
            "ours",
        ),
        ("records: from before the score", get("records?record_score=x&from=x"), NO_FROM, "ours"),
        (
            "influencers: exclude_interim before from",
            get("influencers?from=x&exclude_interim=x"),
            illegal(no_boolean("x")),
            "ours",
        ),
        ("influencers: from before the score", get("influencers?influencer_score=x&from=x"), NO_FROM, "ours"),
        (
            "timestamp before unknown names",
            get("buckets/0?foo=1&size=1"),
            illegal("Param [from, size] is incompatible with [timestamp]."),
            "BASE",
        ),
        ("body before unknown names", post("buckets?start=0", {"foo": 1}), unparsed("unknown field [foo]"), "BASE"),
        (
            "unknown names before the job",
            get("buckets?foo=1", job="db"),
            unrecognized("buckets", "foo", job="db"),
            "BASE",
        ),
        ("from before the job", get("buckets?from=x", job="db"), NO_FROM, "20.which-error-first"),
        (
            "negative before the job",
            get("records?size=-1", job="db"),
            illegal("Parameter [size] cannot be < 0"),
            "ours",
        ),
        ("desc before the job", get("influencers?desc=x", job="db"), illegal(no_boolean("x")), "ours"),
        ("body before the job", post("buckets", {"desc": 1}, job="db"), wrong_type("desc", "VALUE_NUMBER"), "ours"),
        (
            "filter_path before the job",
            get("buckets?filter_path=x", job="db"),
            illegal("...[filter_path]...not supported..."),
            "ours",
        ),
        ("the job before a date", get("buckets?start=x", job="db"), unknown_job("db"), "TRANS"),
        ("the job before a timestamp", get("buckets/x", job="db"), unknown_job("db"), "TRANS"),
        ("the job before sort", get("buckets?sort=x", job="db"), unknown_job("db"), "TRANS"),
        ("the job before the window", get("buckets?size=10001", job="db"), unknown_job("db"), "TRANS"),
        ("the job before a date, in a body", post("records", {"start": "x"}, job="db"), unknown_job("db"), "TRANS"),
        ("the job before sort, in a body", post("influencers", {"sort": "x"}, job="db"), unknown_job("db"), "TRANS"),
        ("a job that cannot be before a date", get("buckets?start=x", job="_all"), unknown_job("_all"), "TRANS"),
        ("a date before sort", get("buckets?sort=x&start=x"), NO_START, "ours"),
        ("a date before the window", get("buckets?size=10001&end=x"), NO_START, "ours"),
        ("sort before the window", get("buckets?size=10001&sort=x"), UNMAPPED, "ours"),
        ("a date before sort, in a body", post("records", {"sort": "x", "end": "x"}), NO_START, "ours"),
        ("sort before nothing there", get("buckets/2021?sort=x"), UNMAPPED, "TRANS"),
        (
            "a number before a wrong type, in a body",
            post("buckets", {"anomaly_score": "x", "start": True}),
            bad_value("anomaly_score", "number_format_exception", 'For input string: "x"'),
            "OP",
        ),
        (
            "a wrong type before a number, in a body",
            post("buckets", {"start": True, "anomaly_score": "x"}),
            wrong_type("start", "VALUE_BOOLEAN"),
            "OP",
        ),
        (
            "an unknown field before a wrong type",
            post("buckets", {"foo": 1, "start": True}),
            unparsed("unknown field [foo]"),
            "OP",
        ),
        (
            "a wrong type before an unknown field",
            post("buckets", {"start": True, "foo": 1}),
            wrong_type("start", "VALUE_BOOLEAN"),
            "OP",
        ),
        (
            "a path's conflict before unknown names",
            post("buckets/0?size=1", {"start": "0"}),
            illegal("Param [timestamp] is incompatible with [from,size,start,end,anomaly_score]"),
            "BASE",
        ),
    )
]


@each_row(FIRST_ERRORS)
def test_first_error_is_told(row: Rejected) -> None:
    """Of several errors, that of the earlier step is told: the request, the job, the search, what it found."""
    assert_rejected(row)
