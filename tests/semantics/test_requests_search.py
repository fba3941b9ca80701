"""The REST door: errors that the search finds, the result window, and lookups of one bucket."""

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
    get,
    post,
    wrapped,
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
            "without documents",
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
            "sort without a value",
            WEB,
            get("buckets?sort"),
            wrapped(NO_SORT, "No mapping found for [] in order to sort on"),
            "FSB",
        ),
    ]
)


def too_large(sum_of_both: int, window: int = 10_000) -> str:
    """The reason for a page beyond the result window."""
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
    Replied("6.4", "a window of 0", HOURS, get("buckets?size=0", max_result_window=0), "", "ours", count=150),
    Replied(
        "6.4",
        "a lookup has a page of one",
        WEB,
        get(f"buckets/{SECOND}", max_result_window=1),
        "h1",
        "ours: from 0, size 1",
    ),
]


@each_row(WITHIN_THE_WINDOW)
def test_page_within_the_window_is_answered(row: Replied) -> None:
    """A page that ends within the result window is answered."""
    assert_replied(row)


@each_row(WRAPPED_DATES, WRAPPED_SORTS, PAST_THE_WINDOW)
def test_errors_of_the_search_are_wrapped(row: Rejected) -> None:
    """A bad date, sort field or window is shown as a failed search of all shards that contains the cause."""
    assert_rejected(row)


SIZES_BEYOND = [
    Replied("20.from-size", claim, HOURS, asked, expected, "ours: at the door only the window limits pages", count=150)
    for claim, asked, expected in (
        ("door: the default size above max_size", get("buckets", max_size=2), names(0, 100)),
        ("door: a max_size of 0", get("buckets?size=3", max_size=0), names(0, 3)),
        ("door: up to the window", get("buckets?from=140&size=9860", max_size=2), names(140, 150)),
        ("door: in a body", post("buckets", {"page": {"from": 9_000, "size": 1_000}}), ""),
    )
]


@each_row(SIZES_BEYOND)
def test_max_size_does_not_limit_requests(row: Replied) -> None:
    """The `max_size` of the index does not limit the pages of requests."""
    assert_replied(row)


# ---- one bucket

LOOKUPS = [
    Replied("2.3", "in the path", WEB, get(f"buckets/{SECOND}"), "h1", "REST"),
    Replied("2.3", "nothing after the slash", WEB, get("buckets/"), "h0 h1 h2 h3", "REST: empty is none"),
    Replied("2.3", "in the query", WEB, get(f"buckets?timestamp={SECOND}"), "h1", "REST: read by one call"),
    Replied("2.3", "empty in the query", WEB, get("buckets?timestamp="), "h0 h1 h2 h3", "REST: empty is none"),
    Replied("2.3", "path before query", WEB, get(f"buckets/{FOURTH}?timestamp={SECOND}"), "h3", "REST"),
    Replied("2.3", "in a body", WEB, post("buckets", {"timestamp": str(SECOND)}), "h1", "REQ"),
    Replied("2.3", "path before body", WEB, post(f"buckets/{FOURTH}", {"timestamp": str(SECOND)}), "h3", "REST"),
    Replied(
        "2.3",
        "in a body, with nothing after the slash",
        WEB,
        post("buckets/", {"timestamp": str(SECOND)}),
        "h1",
        "REST",
    ),
    Replied("2.3", "path with an empty body", WEB, post(f"buckets/{SECOND}", {}), "h1", "REST"),
    Replied(
        "2.3", "in the query with a body", WEB, post(f"buckets?timestamp={SECOND}", {}), "h1", "REST: read by one call"
    ),
    Replied("2.3", "query before body", WEB, post(f"buckets?timestamp={FOURTH}", {"timestamp": "x"}), "h3", "REST"),
    Replied("2.3", "a number in a body", WEB, post("buckets", {"timestamp": SECOND}), "h1", "ours: epoch milliseconds"),
    Replied("2.3", "text covers a day", WEB, get("buckets/2020-01-01"), "h0", "2.6", count=4),
    Replied("2.3", "the last bucket of a day", WEB, get("buckets/2020-01-01?desc=true"), "h3", "2.7", count=4),
    Replied(
        "2.3", "an interim bucket with exclude_interim", WEB, get(f"buckets/{SECOND}?exclude_interim=true"), "h1", "2.5"
    ),
    Replied(
        "2.3",
        "with every allowed parameter",
        WEB,
        get(f"buckets/{SECOND}?desc=false&sort=event_count&expand=false&exclude_interim"),
        "h1",
        "2.1",
    ),
    Replied(
        "2.3",
        "in a body with every allowed field",
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
        ("door: -1 is an instant", get("buckets/-1")),
    )
]


@each_row(LOOKUPS)
def test_timestamp_comes_from_path_query_or_body(row: Replied) -> None:
    """The timestamp comes from the path, else from the query, else from the body."""
    assert_replied(row)


@each_row(NOT_FOUND)
def test_lookup_without_a_match_is_not_found(row: Rejected) -> None:
    """A lookup without a match is a 404."""
    assert_rejected(row)
