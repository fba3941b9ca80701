"""The REST door: how replies are encoded, and the parameters that change how an answer is shown."""

import dataclasses
import json
from dataclasses import dataclass

import pytest

from support.request_tables import (
    JOBS,
    SECOND,
    WEB,
    Rejected,
    Request,
    assert_rejected,
    get,
    illegal,
    no_boolean,
    post,
    replies,
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
    Shown("20.python-client-habits", claim, get(f"buckets{query}"), pretty, human, "BASE")
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
    )
] + [
    Shown(
        "20.python-client-habits",
        "with a body",
        post("buckets?human&pretty=true", {}),
        True,
        True,
        "BASE",
    ),
    Shown("20.python-client-habits", "in a lookup", get(f"buckets/{SECOND}?human"), False, True, "BASE"),
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


UNSUPPORTED = [
    Rejected(
        "20.python-client-habits",
        f"{name}: {request.method} {request.path.rpartition('/')[2]}",
        WEB,
        request,
        illegal(f"...[{name}]...not supported..."),
        "ours",
    )
    for name in ("filter_path", "format", "error_trace")
    for request in (
        get(f"buckets?{name}=count"),
        get(f"buckets?{name}"),
        get(f"records?{name}=count"),
        post(f"influencers?{name}=count", {}),
        post(f"buckets/{SECOND}?{name}=true", {}),
    )
]
WRONG_FLAGS = [
    Rejected(
        "20.python-client-habits",
        f"{name}={value}",
        WEB,
        get(f"{kind}?{name}={value}"),
        illegal(no_boolean(value)),
        "BASE",
    )
    for name in ("human", "pretty")
    for value, kind in (("yes", "buckets"), ("True", "records"), ("1", "influencers"))
]


@each_row(UNSUPPORTED, WRONG_FLAGS)
def test_transport_parameter_is_refused(row: Rejected) -> None:
    """An unsupported parameter is refused by name. `human` and `pretty` refuse a value that is not a boolean."""
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
