"""The REST door: which error comes first if a request has several."""

from support.request_tables import (
    ILLEGAL,
    JOBS,
    NO_DATE,
    NO_SORT,
    WEB,
    Failure,
    Rejected,
    Request,
    assert_rejected,
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
from support.semantics_tables import each_row

BUCKETS = f"{JOBS}/web/results/buckets"
NO_START = wrapped(NO_DATE, "failed to parse date field [x]...")
UNMAPPED = wrapped(NO_SORT, "No mapping found for [x] in order to sort on")
NO_FROM = illegal("Failed to parse int parameter [from] with value [x]")
FIRST_ERRORS = [
    Rejected("20.which-error-first", f"door: {claim}", WEB, asked, expected, source)
    for claim, asked, expected, source in (
        ("human before from", get("buckets?from=x&human=x"), illegal(no_boolean("x")), "ours"),
        ("pretty before unknown parameters", get("buckets?foo=1&pretty=no"), illegal(no_boolean("no")), "ours"),
        ("from before unknown parameters", get("buckets?foo=1&from=x"), NO_FROM, "BASE"),
        ("desc before unknown parameters", get("records?foo=1&desc=x"), illegal(no_boolean("x")), "BASE"),
        ("from before the score", get("buckets?anomaly_score=x&from=x"), NO_FROM, "REST"),
        ("from before exclude_interim", get("buckets?exclude_interim=x&from=x"), NO_FROM, "REST"),
        (
            "a negative from before the score",
            get("buckets?anomaly_score=x&from=-1"),
            illegal("Parameter [from] cannot be < 0"),
            "REST",
        ),
        (
            "ints that cannot be read before a negative int",
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
            "timestamp before unknown parameters",
            get("buckets/0?foo=1&size=1"),
            illegal("Param [from, size] is incompatible with [timestamp]."),
            "BASE",
        ),
        (
            "body before unknown parameters",
            post("buckets?start=0", {"foo": 1}),
            unparsed("unknown field [foo]"),
            "BASE",
        ),
        (
            "unknown parameters before the job",
            get("buckets?foo=1", job="db"),
            unrecognized("buckets", "foo", job="db"),
            "BASE",
        ),
        ("from before the job", get("buckets?from=x", job="db"), NO_FROM, "20.which-error-first"),
        (
            "a negative size before the job",
            get("records?size=-1", job="db"),
            illegal("Parameter [size] cannot be < 0"),
            "ours",
        ),
        ("desc before the job", get("influencers?desc=x", job="db"), illegal(no_boolean("x")), "ours"),
        ("body before the job", post("buckets", {"desc": 1}, job="db"), wrong_type("desc", "VALUE_NUMBER"), "ours"),
        ("pretty before human", get("buckets?human=y&pretty=x"), illegal(no_boolean("x")), "ours"),
        ("human before error_trace", get("buckets?error_trace=y&human=x"), illegal(no_boolean("x")), "ours"),
        (
            "error_trace before format",
            get("buckets?format=yaml&error_trace=x"),
            illegal(no_boolean("x")),
            "ours",
        ),
        (
            "format before filter_path",
            get(f"buckets?filter_path={'a' * 5_000}&format=yaml"),
            Failure(406, ILLEGAL, "[format] is [yaml]..."),
            "ours",
        ),
        (
            "filter_path before from",
            get(f"buckets?from=x&filter_path={'a' * 5_000}"),
            illegal("[filter_path] is longer than 4096 characters"),
            "ours",
        ),
        ("pretty before the path", Request("GET", "/nowhere?pretty=x"), illegal(no_boolean("x")), "RC"),
        ("error_trace before the method", Request("PUT", f"{BUCKETS}?error_trace=x"), illegal(no_boolean("x")), "RC"),
        (
            "the size of a body before its fields",
            post("buckets", '{"foo": 1}' + " " * 2**20),
            Failure(413, ILLEGAL, "the body is larger than 1048576 bytes"),
            "ours",
        ),
        (
            "the type of a source before its fields",
            get("buckets?source={%22foo%22:1}&source_content_type=text/plain&foo"),
            Failure(400, "validation_exception", "...Unknown value for source_content_type [text/plain]..."),
            "10.7",
        ),
        ("the job before a date", get("buckets?start=x", job="db"), unknown_job("db"), "TRANS"),
        ("the job before a timestamp", get("buckets/x", job="db"), unknown_job("db"), "TRANS"),
        ("the job before sort", get("buckets?sort=x", job="db"), unknown_job("db"), "TRANS"),
        ("the job before the window", get("buckets?size=10001", job="db"), unknown_job("db"), "TRANS"),
        ("the job before a date, in a body", post("records", {"start": "x"}, job="db"), unknown_job("db"), "TRANS"),
        ("the job before sort, in a body", post("influencers", {"sort": "x"}, job="db"), unknown_job("db"), "TRANS"),
        ("a job with an illegal id before a date", get("buckets?start=x", job="_all"), unknown_job("_all"), "TRANS"),
        ("a date before sort", get("buckets?sort=x&start=x"), NO_START, "ours"),
        ("a date before the window", get("buckets?size=10001&end=x"), NO_START, "ours"),
        ("sort before the window", get("buckets?size=10001&sort=x"), UNMAPPED, "ours"),
        ("a date before sort, in a body", post("records", {"sort": "x", "end": "x"}), NO_START, "ours"),
        ("sort before a lookup without a match", get("buckets/2021?sort=x"), UNMAPPED, "TRANS"),
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
            "a conflict in the path before unknown parameters",
            post("buckets/0?size=1", {"start": "0"}),
            illegal("Param [timestamp] is incompatible with [from,size,start,end,anomaly_score]"),
            "BASE",
        ),
    )
]


@each_row(FIRST_ERRORS)
def test_reply_names_the_first_error(row: Rejected) -> None:
    """The reply names the first error in this order: the request, the job, the search, a lookup without a match."""
    assert_rejected(row)
