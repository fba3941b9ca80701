"""The REST door: how replies are encoded, and the parameters that change how an answer is shown."""

import dataclasses
import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from support.request_tables import (
    FIRST,
    ILLEGAL,
    JOBS,
    NO_DATE,
    NO_NUMBER,
    NO_SORT,
    NOTHING_THERE,
    SECOND,
    UNPARSED,
    WEB,
    Failure,
    Problem,
    Rejected,
    Request,
    assert_rejected,
    bad_page,
    bad_value,
    get,
    illegal,
    no_boolean,
    post,
    record,
    replies,
    unknown_job,
    unparsed,
    wrapped,
)
from support.semantics_tables import bucket, each_row, index_of


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
    """A reply is encoded as JSON without blanks, with the keys in order."""
    for _, reply in replies(WEB.values(), row.asked):
        assert reply.encode() == row.expected


@dataclass(frozen=True, slots=True)
class Shown:
    """A request, and whether its answer has line breaks (`pretty`) and timestamps for people (`human`)."""

    rule: str
    claim: str
    asked: Request
    pretty: bool
    human: bool
    source: str


SHOWN = [
    Shown("10.5", claim, get(f"buckets{query}"), pretty, human, "ARC")
    for claim, query, pretty, human in (
        ("neither", "", False, False),
        ("pretty", "?pretty=true", True, False),
        ("pretty without a value", "?pretty", True, False),
        ("pretty with an empty value", "?pretty=", True, False),
        ("not pretty", "?pretty=false", False, False),
        ("human", "?human=true", False, True),
        ("human without a value", "?human", False, True),
        ("not human", "?human=false", False, False),
        ("both", "?human&pretty", True, True),
        ("with other parameters", "?size=1&human=true&sort=event_count", False, True),
        ("blank", "?human=%20&pretty=+", False, False),
        ("error_trace", "?error_trace&pretty", True, False),
        ("error_trace of a value", "?error_trace=true&human", False, True),
        ("no error_trace", "?error_trace=false", False, False),
        ("a blank error_trace", "?error_trace=+", False, False),
        ("format json", "?format=json", False, False),
        ("format JSON", "?format=JSON&pretty", True, False),
        ("format vnd_json", "?format=vnd_json", False, False),
        ("no format", "?format=", False, False),
        ("a word that is no format", "?format=xml", False, False),
        ("a media type", "?format=application/yaml", False, False),
        ("an empty filter_path", "?filter_path=&human", False, True),
        ("a filter_path of commas", "?filter_path=,%20,", False, False),
        ("a filter_path that leaves out nothing", "?filter_path=-&pretty", True, False),
    )
] + [
    Shown(
        "20.python-client-habits",
        "with a body",
        post("buckets?human&pretty=true&error_trace&format=json&filter_path=", {}),
        True,
        True,
        "BASE",
    ),
    Shown("10.5", "in a lookup", get(f"buckets/{SECOND}?human"), False, True, "ARC"),
    Shown(
        "20.python-client-habits",
        "as Python booleans",
        Request("GET", f"{JOBS}/web/results/buckets", {"human": True, "pretty": True}),
        True,
        True,
        "BASE",
    ),
]


@each_row(SHOWN)
def test_answer_is_shown_as_asked(row: Shown) -> None:
    """``human`` adds timestamps for people and ``pretty`` adds line breaks; they change nothing else."""
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


WRONG_FORMATS = [
    Rejected(
        "10.5",
        f"{request.method} {request.path.rpartition('/')[2]}",
        WEB,
        request,
        Failure(406, ILLEGAL, f"[format] is [{name}], but replies are written as [json] only"),
        "XCT, ours: 406",
    )
    for name in ("yaml", "cbor", "smile", "YAML", "vnd_yaml", "vnd_cbor", "vnd_smile")
    for request in (
        get(f"buckets?format={name}"),
        get(f"records?pretty&format={name}", job="db"),
        post(f"influencers?format={name}", "["),
        Request("PUT", f"/nowhere?format={name}"),
    )
]
WRONG_FLAGS = [
    Rejected(
        "10.5",
        f"{name}={value}",
        WEB,
        get(f"{kind}?{name}={value}"),
        illegal(no_boolean(value)),
        "ARC" if name != "error_trace" else "RC",
    )
    for name in ("human", "pretty", "error_trace")
    for value, kind in (("yes", "buckets"), ("True", "records"), ("1", "influencers"))
]
LONG_FILTERS = [
    Rejected("10.6", claim, WEB, get("buckets", {"filter_path": text}), illegal(words), "ours")
    for claim, text, words in (
        ("too long", "a" * 4_097, "[filter_path] is longer than 4096 characters"),
        ("far too long", "**." * 1_000_000, "[filter_path] is longer than 4096 characters"),
        ("too many paths", "a," * 101, "[filter_path] has more than 100 paths"),
        ("too many paths to leave out", "-a ," * 101, "[filter_path] has more than 100 paths"),
    )
]
UNFILTERED = [
    Rejected("10.6", f"not filtered: {claim}", WEB, asked, expected, "ARC")
    for claim, asked, expected in (
        ("an unknown job", get("buckets?filter_path=count", job="db"), unknown_job("db")),
        ("a wrong parameter", get("buckets?filter_path=status&size=x"), illegal("Failed to parse int parameter...")),
        ("a failed search", get("buckets?filter_path=-error&sort=x"), wrapped(NO_SORT, "No mapping found for [x]...")),
        ("no match", get("buckets/2021?filter_path=error.type"), NOTHING_THERE),
        ("a body", post("buckets?filter_path=*", {"foo": 1}), unparsed("unknown field [foo]")),
        ("a format", get("buckets?filter_path=x&format=yaml"), Failure(406, ILLEGAL, "...")),
    )
]


@each_row(WRONG_FORMATS, WRONG_FLAGS, LONG_FILTERS)
def test_wrong_response_parameter_is_refused(row: Rejected) -> None:
    """A flag that is no boolean, a format other than JSON, and a long filter are refused for every path."""
    assert_rejected(row)


@each_row(UNFILTERED)
def test_error_is_not_filtered(row: Rejected) -> None:
    """An error has all of its parts, whatever ``filter_path`` says."""
    assert_rejected(row)


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter of the buckets of `WEB`, and the parts that are shown."""

    rule: str
    claim: str
    filter_path: str
    expected: dict[str, Any]
    source: str


TIMES = [{"timestamp": FIRST}, {"timestamp": SECOND}]
NAMES = {"job_id": "web", "result_type": "bucket"}
#: The influencer of the second bucket of `WEB`.
BLAMED = {
    "job_id": "web",
    "result_type": "bucket_influencer",
    "initial_anomaly_score": 0.0,
    "anomaly_score": 90.0,
    "raw_anomaly_score": 0.0,
    "probability": 0.0,
    "timestamp": SECOND,
    "bucket_span": 3_600,
    "is_interim": True,
}
LIKELY = {name: value for name, value in BLAMED.items() if name != "probability"}
#: The first two buckets of `WEB`, as an answer shows them.
WHOLE: list[dict[str, Any]] = [
    {
        "job_id": "web",
        "timestamp": when,
        "anomaly_score": score,
        "bucket_span": 3_600,
        "initial_anomaly_score": 0.0,
        "event_count": count,
        "is_interim": score == 90.0,
        "bucket_influencers": blamed,
        "processing_time_ms": 0,
        "result_type": "bucket",
    }
    for when, score, count, blamed in (
        (FIRST, 10.0, 5, []),
        (SECOND, 90.0, 3, [BLAMED]),
    )
]


def without(*names: str) -> list[dict[str, Any]]:
    """The first two buckets without some of their keys."""
    return [{name: value for name, value in shown.items() if name not in names} for shown in WHOLE]


FILTERED = [
    Filtered("10.6", f"filter_path={text}", text, expected, source)
    for text, expected, source in (
        # ---- parts that are shown
        ("count", {"count": 4}, "FPATH, FPF"),
        ("count,buckets", {"count": 4, "buckets": WHOLE}, "FPATH, FPF"),
        ("buckets,count", {"count": 4, "buckets": WHOLE}, "FPATH: in the answer's order"),
        (" count , ,", {"count": 4}, "ARC: trimmed"),
        ("buckets.timestamp", {"buckets": TIMES}, "FPATH, FPF"),
        ("buckets.time*", {"buckets": TIMES}, "FPATH: a pattern"),
        ("*.timestamp", {"buckets": TIMES}, "FPATH: a pattern"),
        ("*ets.*m*p", {"buckets": TIMES}, "FPATH: a pattern"),
        ("b*k*s.timestamp", {"buckets": TIMES}, "FPATH: a pattern"),
        ("buckets.t*t*t*", {}, "FPATH: three are needed"),
        ("c*n*", {"count": 4}, "FPATH: a pattern"),
        ("count*", {"count": 4}, "FPATH: none or more"),
        ("co**nt", {"count": 4}, "FPATH: one key only"),
        ("*", {"count": 4, "buckets": WHOLE}, "FPATH, FPF"),
        ("**", {"count": 4, "buckets": WHOLE}, "FPATH, FPF"),
        ("*.*", {"buckets": WHOLE}, "FPATH: no key below a number"),
        ("**.timestamp", {"buckets": [TIMES[0], TIMES[1] | {"bucket_influencers": [{"timestamp": SECOND}]}]}, "FPATH"),
        ("**.count", {}, "FPATH: at least one key above"),
        ("**.**.timestamp", {"buckets": [{"bucket_influencers": [{"timestamp": SECOND}]}]}, "FPATH: two keys above"),
        (
            "buckets.**.timestamp",
            {"buckets": [{"bucket_influencers": [{"timestamp": SECOND}]}]},
            "FPATH: at least one between",
        ),
        (
            "buckets.bucket_influencers",
            {"buckets": [{"bucket_influencers": []}, {"bucket_influencers": [BLAMED]}]},
            "FPF",
        ),
        (
            "buckets.bucket_influencers.job_id",
            {"buckets": [{"bucket_influencers": [{"job_id": "web"}]}]},
            "FPF: an item without parts is left out",
        ),
        ("buckets.job_id,buckets.result_type", {"buckets": [NAMES, NAMES]}, "FPATH: paths with one beginning"),
        ("buckets.job_id,buckets", {"buckets": WHOLE}, "FPATH: the shorter path"),
        ("buckets,buckets.job_id", {"buckets": WHOLE}, "FPATH: the shorter path"),
        ("nothing", {}, "FPF: whole body empty"),
        ("Count", {}, "FPATH: upper and lower case apart"),
        ("count.x", {}, "FPF: no parts of a number"),
        ("buckets.0", {}, "FPF: items have no names"),
        ("buckets.timestamp.", {}, "FPATH: an empty name"),
        (".count", {}, "FPATH: a name that begins with a dot"),
        ("buckets..timestamp", {}, "FPATH: a name that begins with a dot"),
        ("buckets\\.timestamp", {}, "FPATH: a dot in a name"),
        # ---- parts that are left out
        ("-count", {"buckets": WHOLE}, "FPATH, FPF"),
        ("-buckets", {"count": 4}, "FPATH, FPF"),
        ("-count,-buckets", {}, "FPF: whole body empty"),
        ("-*", {}, "FPF"),
        ("-**", {}, "FPF"),
        ("-nothing", {"count": 4, "buckets": WHOLE}, "FPF"),
        ("-count.x", {"count": 4, "buckets": WHOLE}, "FPF: no parts of a number"),
        ("- count", {"buckets": WHOLE}, "ARC: trimmed"),
        ("--count", {"count": 4, "buckets": WHOLE}, "FPATH: a name that begins with a hyphen"),
        ("-buckets.*_*", {"count": 4, "buckets": TIMES}, "FPATH: a pattern"),
        ("-buckets.*", {"count": 4}, "FPF: all that it has"),
        ("-buckets.bucket_influencers", {"count": 4, "buckets": without("bucket_influencers")}, "FPATH, FPF"),
        (
            "-buckets.bucket_influencers.*",
            {"count": 4, "buckets": [WHOLE[0], without("bucket_influencers")[1]]},
            "FPF: an array that was empty stays",
        ),
        (
            "-**.probability",
            {"count": 4, "buckets": [WHOLE[0], WHOLE[1] | {"bucket_influencers": [LIKELY]}]},
            "FPATH: at any depth",
        ),
        # ---- both
        ("buckets,-buckets.*_*", {"buckets": TIMES}, "FPF"),
        ("-buckets.*_*,buckets", {"buckets": TIMES}, "FPF: in any order"),
        ("buckets.timestamp,-buckets", {}, "FPF: left out at last"),
        ("count,-buckets", {"count": 4}, "FPF"),
        ("**.timestamp,-**.bucket_influencers", {"buckets": TIMES}, "FPF"),
        ("buckets.t*,buckets.j*,-**.job_id", {"buckets": TIMES}, "FPF"),
    )
]


@each_row(FILTERED)
def test_filter_path_shows_parts_of_an_answer(row: Filtered) -> None:
    """An answer has the parts that ``filter_path`` shows, in its own order, whether the body or the bytes are read."""
    for asked in (
        get("buckets?size=2", {"filter_path": row.filter_path}),
        get(f"buckets?size=2&filter_path={quote(row.filter_path)}"),
        post(f"buckets?filter_path={quote(row.filter_path)}", {"page": {"size": 2}}),
    ):
        for about, reply in replies(WEB.values(), asked):
            encoded = reply.encode()
            assert (reply.status, json.dumps(reply.body)) == (200, json.dumps(row.expected)), about
            assert encoded == json.dumps(row.expected, separators=(",", ":")).encode()
        (_, pretty), *_ = replies(WEB.values(), replace(asked, path=asked.path.replace("buckets?", "buckets?pretty&")))
        assert json.loads(pretty.encode()) == row.expected
        assert pretty.encode().startswith(b"{\n" if row.expected else b"{}\n")


def test_filter_path_reaches_names_with_dots() -> None:
    """A field of the data may have a dot in its name; a path to it needs a backslash, or a pattern."""
    given = [record(FIRST) | {"host.name": ["a"], "host": {"name": "b"}}]
    for text, expected in (
        ("records.host.name", {"host": {"name": "b"}}),
        ("records.host\\.name", {"host.name": ["a"]}),
        ("records.h*.name", {"host": {"name": "b"}}),
        ("records.h*.n*,records.*.na*", {"host": {"name": "b"}}),
        ("records.h*name", {"host.name": ["a"]}),
        ("records.h*", {"host.name": ["a"], "host": {"name": "b"}}),
    ):
        reply = get("records", {"filter_path": text}).put_to(index_of(given))
        (shown,) = reply.body["records"]
        assert shown == expected, text
    reply = get("records", {"filter_path": "-records.host\\.name"}).put_to(index_of(given))
    assert ("host" in reply.body["records"][0], "host.name" in reply.body["records"][0]) == (True, False)


CAUSES = [
    Rejected("10.8", claim, WEB, asked, expected, "SPE, EEX")
    for claim, asked, expected in (
        ("the result window", get("buckets?size=10001"), wrapped(ILLEGAL, "Result window is too large...")),
        ("a text field", get("records?sort=description"), wrapped(ILLEGAL, "Fielddata is disabled...")),
        ("an unknown field", get("buckets?sort=x"), wrapped(NO_SORT, "No mapping found for [x]...")),
        ("a bad date", get("buckets?start=x"), wrapped(NO_DATE, "failed to parse date field [x]...")),
        ("a date beyond the limits", get("buckets?start=0000"), wrapped(ILLEGAL, "...")),
    )
] + [
    Rejected("10.8", claim, WEB, post("buckets", body), expected, "OP, COP, EEX")
    for claim, body, expected in (
        ("a number", {"anomaly_score": "x"}, bad_value("anomaly_score", NO_NUMBER, 'For input string: "x"')),
        (
            "a number of a page",
            {"page": {"from": "x"}},
            bad_page(
                "buckets",
                Problem(UNPARSED, "[page] failed to parse field [from]"),
                Problem(NO_NUMBER, 'For input string: "x"'),
            ),
        ),
        (
            "an unknown field of a page",
            {"page": {"frm": 1}},
            bad_page("buckets", Problem(UNPARSED, "[page] unknown field [frm] did you mean [from]?")),
        ),
    )
]


@each_row(CAUSES)
def test_error_shows_its_causes(row: Rejected) -> None:
    """An error of a body has its causes, and the parser's innermost error as its root; a failed search has a guess."""
    assert_rejected(row)


def test_errors_are_pretty_too() -> None:
    """``pretty`` also applies to errors."""
    text = get("buckets?pretty", job="db").put_to(index_of([])).encode()
    assert text.startswith(b'{\n  "error" : {\n    "root_cause" : [\n')
    assert text.endswith(b'  "status" : 404\n}\n')


def test_reply_with_any_stored_text_is_json() -> None:
    """Stored text that UTF-8 cannot encode is valid JSON in the reply."""
    given = [bucket(0, scheduled_events=["\ud800", 'é\u2028"\\\x00', "日本"])]
    for query in ("", "?pretty"):
        reply = get(f"buckets{query}").put_to(index_of(given))
        assert json.loads(reply.encode().decode("utf-8")) == reply.body
        assert reply.body["buckets"][0]["scheduled_events"] == given[0]["scheduled_events"]


def test_reply_with_any_requested_text_is_json() -> None:
    """Text of a request that UTF-8 cannot encode is valid JSON in the error."""
    for asked in (post("buckets", {"sort": "\udfff"}), Request("GET", f"{JOBS}/\ud800/results/buckets")):
        reply = asked.put_to(index_of([]))
        assert reply.status in {400, 404}
        assert json.loads(reply.encode().decode("utf-8")) == reply.body


def test_reply_cannot_be_changed() -> None:
    """A reply is a frozen value: a write to an attribute fails."""
    reply = get("buckets").put_to(index_of([]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        reply.status = 500  # type: ignore[misc] # the write must fail
