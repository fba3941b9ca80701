"""The REST door: overall buckets, their path, their parameters in URL and body, and their errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import ResultsIndex
from bucketquery.elastic import handle
from support.request_tables import (
    HEADERS,
    ILLEGAL,
    JOBS,
    NO_DATE,
    NOT_THERE,
    UNPARSED,
    Failure,
    Problem,
    Rejected,
    Request,
    assert_rejected,
    get,
    illegal,
    no_boolean,
    replies,
    unknown_job,
    unrecognized,
)
from support.semantics_tables import Document, Documents, bucket, each_row

HOUR = 3_600_000
OVERALL = "overall_buckets"

#: Four hours of the job ``web``, two of ``db``: the second hour is interim, the third empty.
GIVEN: Documents = {
    "web0": bucket(0, anomaly_score=50),
    "db0": bucket(0, job_id="db", anomaly_score=20),
    "web1": bucket(HOUR, anomaly_score=10, is_interim=True),
    "db1": bucket(HOUR, job_id="db", anomaly_score=90),
    "web3": bucket(3 * HOUR, anomaly_score=30),
}


@dataclass(frozen=True, slots=True)
class Scored:
    """A request about these documents returns these overall scores, by the hour of their interval.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents by name.
        asked: the request.
        expected: the overall scores by hour, in order.
        source: the source of the rule.
    """

    rule: str
    claim: str
    given: Documents
    asked: Request
    expected: Mapping[Any, float]
    source: str


def ask(params: Any = None, job: str = "_all") -> Request:
    """A request with parameters in its URL."""
    return get(OVERALL, params, job=job)


def post(body: Any, params: Any = None, job: str = "_all") -> Request:
    """A request with a body."""
    return Request("POST", f"{JOBS}/{job}/results/{OVERALL}", params, json.dumps(body).encode())


ALL = {0: 50.0, 1: 90.0, 3: 30.0}
ANSWERED = [
    Scored(rule, claim, GIVEN, asked, expected, source)
    for rule, claim, asked, expected, source in (
        ("14.1", "the defaults", ask(), ALL, "GOBA"),
        ("14.1", "one job", ask(job="db"), {0: 20.0, 1: 90.0}, "GOBA"),
        ("14.1", "ids with commas", ask(job="db,web"), ALL, "GOBA"),
        ("14.1", "an escaped comma", ask(job="db%2Cweb"), ALL, "GOBA"),
        ("14.1", "a wildcard", ask(job="d*"), {0: 20.0, 1: 90.0}, "GOBA"),
        ("14.1", "an asterisk", ask(job="*"), ALL, "GOBA"),
        ("14.1", "exclude_interim", ask("exclude_interim=true"), {0: 50.0, 1: 90.0, 3: 30.0}, "GOBA"),
        ("14.1", "exclude_interim, one job", ask("exclude_interim=true", "web"), {0: 50.0, 3: 30.0}, "GOBA"),
        ("14.1", "an empty body", post({}), ALL, "GOBA"),
        ("14.1", "exclude_interim in the body", post({"exclude_interim": True}, job="web"), {0: 50.0, 3: 30.0}, "GOBA"),
        ("14.2", "top_n", ask("top_n=2"), {0: 35.0, 1: 50.0, 3: 30.0}, "GOBA"),
        ("14.2", "top_n in the body", post({"top_n": 2}), {0: 35.0, 1: 50.0, 3: 30.0}, "GOBA"),
        ("14.2", "top_n in the body, as text", post({"top_n": "2"}), {0: 35.0, 1: 50.0, 3: 30.0}, "GOBA"),
        ("14.3", "start and end", ask("start=3600000&end=1970-01-01T02:00Z"), {1: 90.0}, "GOBA"),
        ("14.3", "start and end in the body", post({"start": 3_600_000, "end": "7200000"}), {1: 90.0}, "GOBA"),
        ("14.3", "-1 is unset", ask("start=-1&end=-1"), ALL, "GOBA"),
        ("14.3", "now is the clock", ask("end=now", "web"), {0: 50.0, 1: 10.0, 3: 30.0}, "GOBA"),
        ("14.3", "text is rounded down", ask("end=1970-01-01T03:59Z"), {0: 50.0, 1: 90.0}, "GOBA"),
        ("14.4", "bucket_span", ask("bucket_span=2h"), {0: 90.0, 2: 30.0}, "TV"),
        ("14.4", "bucket_span in the body", post({"bucket_span": "120m"}), {0: 90.0, 2: 30.0}, "TV"),
        ("14.4", "bucket_span of the longest span", ask("bucket_span=3600s"), ALL, "TV"),
        ("14.6", "bounds are rounded to the fine span", ask("start=1&end=7199999"), {}, "TOBA"),
        ("14.8", "overall_score", ask("overall_score=50"), {0: 50.0, 1: 90.0}, "OBP"),
        ("14.8", "overall_score in the body", post({"overall_score": 50.5}), {1: 90.0}, "OBP"),
        ("14.9", "a longer span and top_n", ask("bucket_span=2h&top_n=2"), {0: 50.0, 2: 30.0}, "OBA"),
        ("14.13", "a wildcard without a match", ask(job="x*"), {}, "TOBA"),
        ("14.13", "allow_no_match", ask("allow_no_match=true", "x*"), {}, "TOBA"),
        ("14.13", "all jobs are excluded", ask(job="*,-*"), {}, "TOBA"),
    )
]

#: One bucket more than the door answers, and as many as it does.
SECONDS: Documents = {f"s{second}": bucket(second * 1_000, bucket_span=1) for second in range(10_001)}
BOUNDED = [
    Scored("14.11", "10,000", SECONDS, ask("end=10000000"), {second / 3_600: 0.0 for second in range(10_000)}, "TOBA"),
    Scored("14.11", "a longer span", SECONDS, ask("bucket_span=10000s"), {0: 0.0, 10_000 / 3_600: 0.0}, "TOBA"),
]

NO_INSTANT = "Query param [{}] with value [{}] cannot be parsed as a date or converted to a number."


def no_instant(name: str, value: str) -> Failure:
    """The refusal of a bound."""
    return Failure(400, NO_DATE, NO_INSTANT.format(name, value))


def in_body(reason: str, *caused_by: Problem) -> Failure:
    """The refusal of a body; the name of the action is left out."""
    return Failure(400, UNPARSED, f"...{reason}", caused_by=caused_by)


REFUSED = [
    Rejected(rule, claim, GIVEN, asked, expected, source)
    for rule, claim, asked, expected, source in (
        ("14.2", "top_n=0", ask("top_n=0"), illegal("[topN] parameter must be positive, found [0]"), "GOBA"),
        ("14.2", "top_n=-3", ask("top_n=-3"), illegal("[topN] parameter must be positive, found [-3]"), "GOBA"),
        (
            "14.2",
            "top_n before an unknown job",
            ask("top_n=0", "nobody"),
            illegal("[topN] parameter must be positive, found [0]"),
            "GOBA",
        ),
        (
            "14.4",
            "below the longest span",
            Request("GET", f"{JOBS}/web/results/{OVERALL}?bucket_span=59m"),
            Failure(
                400,
                "status_exception",
                "Param [bucket_span] must be greater or equal to the max bucket_span [...]",
            ),
            "TOBA",
        ),
        (
            "14.13",
            "an unknown id",
            ask(job="nobody"),
            unknown_job("nobody"),
            "TOBA",
        ),
        ("14.13", "an unknown id beside a known one", ask(job="web,nobody"), unknown_job("nobody"), "TOBA"),
        ("14.13", "an unknown id, allowed", ask("allow_no_match=true", "nobody"), unknown_job("nobody"), "TOBA"),
        ("14.13", "a wildcard, not allowed", ask("allow_no_match=false", "x*"), unknown_job("x*"), "TOBA"),
        ("14.1", "no booleans but true and false", ask("exclude_interim=1"), illegal(no_boolean("1")), "GOBA"),
        ("14.1", "there is no paging", ask("size=1"), unrecognized(OVERALL, "size", job="_all"), "GOBA"),
        (
            "14.1",
            "there is no sort",
            ask("sort=timestamp"),
            unrecognized(OVERALL, "[sort] -> did you mean [start]?", job="_all"),
            "GOBA",
        ),
    )
]
#: The cause, which these failures also have, is not compared.
DATES = [
    Rejected(rule, claim, GIVEN, asked, expected, source)
    for rule, claim, asked, expected, source in (
        ("14.3", "an unreadable start", ask("start=x"), no_instant("start", "x"), "GOBA"),
        ("14.3", "an unreadable end", ask("end=2020-13-01"), no_instant("end", "2020-13-01"), "GOBA"),
        ("14.3", "an unreadable start, unknown job", ask("start=x", "nobody"), no_instant("start", "x"), "GOBA"),
        ("14.3", "in a body", post({"start": "x"}), no_instant("start", "x"), "GOBA"),
    )
]
OF_A_BODY = [
    Rejected(rule, claim, GIVEN, asked, expected, source)
    for rule, claim, asked, expected, source in (
        (
            "14.1",
            "there is no paging in a body",
            post({"page": {"size": 1}}),
            in_body("unknown field [page]..."),
            "GOBA",
        ),
        (
            "14.2",
            "top_n 0 in a body",
            post({"top_n": 0}),
            in_body("failed to parse field [top_n]", Problem(ILLEGAL, "[topN] parameter must be positive, found [0]")),
            "GOBA",
        ),
    )
]
MANY = [
    Rejected(
        "14.11",
        "10,001",
        SECONDS,
        ask(),
        Failure(
            400,
            "status_exception",
            "Unable to return more than [10000] results; please use parameters [start] and [end] to limit the time "
            "range",
        ),
        "TOBA",
    ),
]


@each_row(ANSWERED, BOUNDED)
def test_requests_are_answered(row: Scored) -> None:
    """Each reply has the row's overall scores in order, and encodes to the same JSON."""
    index = ResultsIndex(clock=lambda: 24 * HOUR)
    index.upsert(row.given.values())
    for reader in (index, index.snapshot()):
        reply = row.asked.put_to(reader)
        assert reply.status == 200, reply.body
        assert dict(reply.headers) == HEADERS
        assert list(reply.body) == ["count", OVERALL]
        shown: list[Document] = reply.body[OVERALL]
        assert {one["timestamp"] / HOUR: one["overall_score"] for one in shown} == row.expected
        assert [one["timestamp"] for one in shown] == sorted(one["timestamp"] for one in shown)
        assert reply.body["count"] == len(shown) == len(row.expected)
        assert json.loads(reply.encode()) == reply.body


@each_row(REFUSED, OF_A_BODY, MANY)
def test_requests_are_refused(row: Rejected) -> None:
    """Each reply is the row's failure, with its whole body."""
    assert_rejected(row)


@each_row(DATES)
def test_bad_dates_are_refused(row: Rejected) -> None:
    """Each reply has the row's status, type and reason."""
    for about, reply in replies(row.given.values(), row.asked):
        error = reply.body["error"]
        found = (reply.status, error["type"], error["reason"])
        assert found == (row.expected.status, row.expected.type, row.expected.reason), about


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_are_refused(method: str) -> None:
    """The path takes GET and POST only."""
    index = ResultsIndex()
    index.put_job("web")
    assert handle(index, method, f"{JOBS}/web/results/{OVERALL}").status == 405


def test_the_two_methods_give_one_reply() -> None:
    """GET and POST give the same reply."""
    found = [reply.body for _, reply in replies(GIVEN.values(), ask("top_n=2"))]
    assert len(found) == 4
    assert all(body == found[0] for body in found)
    assert found[0]["count"] == 3


def test_an_index_without_jobs() -> None:
    """Every job of an empty index is no job: an empty answer, or a failure if that is not allowed."""
    empty = ResultsIndex()
    assert ask().put_to(empty).body == {"count": 0, OVERALL: []}
    refused = ask("allow_no_match=false").put_to(empty)
    assert (refused.status, refused.body["error"]["type"]) == (404, NOT_THERE)
