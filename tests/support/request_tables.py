"""Rule tables of requests: the requests to the REST door, the types of rows, and the functions that check a row.

A row has the columns of `semantics_tables`: the rule, its claim, the given documents, the request, the reply and the
source. The request is a `Request` as a client sends it: method, path with query, separate parameters if there are any,
body. The reply is the names of the results on the page, or a `Failure`. In the text of a failure, ``...`` stands for
any text.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from bucketquery import ResultsIndex, Snapshot
from bucketquery.elastic import Reply, handle
from support.semantics_tables import HOUR_S, JOB, Document, Documents, at, bucket, index_of

JOBS: Final = "/_ml/anomaly_detectors"
HEADERS: Final = MappingProxyType({"content-type": "application/json", "x-elastic-product": "Elasticsearch"})
KINDS: Final = ("buckets", "records", "influencers")
#: The name of each kind's threshold.
SCORES: Final = MappingProxyType(
    {"buckets": "anomaly_score", "records": "record_score", "influencers": "influencer_score"}
)

ILLEGAL: Final = "illegal_argument_exception"
UNPARSED: Final = "x_content_parse_exception"
NOT_THERE: Final = "resource_not_found_exception"
NO_NUMBER: Final = "number_format_exception"
NO_DATE: Final = "parse_exception"
NO_SORT: Final = "query_shard_exception"


def record(when: str | int, detector: int = 0, **fields: Any) -> dict[str, Any]:
    """The document of a record in a bucket of the job ``web``, without scores by default."""
    return bucket(when) | {"result_type": "record", "detector_index": detector} | fields


def influencer(when: str | int, value: str, **fields: Any) -> dict[str, Any]:
    """The document of an influencer of the job ``web``: a host of this name, without scores by default."""
    blamed = {"influencer_field_name": "host", "influencer_field_value": value}
    return bucket(when) | {"result_type": "influencer"} | blamed | fields


FIRST: Final = at("2020-01-01T00:00Z")
"""The start of the four hours that most rows query."""
SECOND: Final = FIRST + HOUR_S * 1_000
FOURTH: Final = FIRST + 3 * HOUR_S * 1_000

#: Four buckets: the second is interim, the third has no score. Three have a record and an influencer each.
WEB: Final[Documents] = MappingProxyType(
    {
        "h0": bucket(FIRST, anomaly_score=10.0, event_count=5),
        "h1": bucket(
            SECOND, anomaly_score=90.0, event_count=3, is_interim=True, bucket_influencers=[{"anomaly_score": 90.0}]
        ),
        "h2": bucket("2020-01-01T02:00Z"),
        "h3": bucket(FOURTH, anomaly_score=80.0, event_count=4),
        "r0": record(FIRST, record_score=10.0, probability=0.01),
        "r1": record(SECOND, record_score=90.0, probability=1e-9, is_interim=True),
        "r3": record(FOURTH, record_score=50.0, probability=1e-5),
        "i0": influencer(FIRST, "a", influencer_score=10.0),
        "i1": influencer(SECOND, "b", influencer_score=90.0, is_interim=True),
        "i3": influencer(FOURTH, "c", influencer_score=50.0),
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the REST door.

    Attributes:
        method: GET, POST, or another.
        path: as in the request line, with or without a query.
        params: a query separate from the path.
        body: as it arrives, or parsed.
        max_result_window: the host's argument of `handle`, not part of the request.
        max_size: the host's argument of the index, not part of the request.
        version: the host's argument of `handle`, not part of the request.
        allow_writes: the host's argument of `handle`, not part of the request.
    """

    method: str
    path: str
    params: Any = None
    body: Any = None
    _: KW_ONLY
    max_result_window: int = 10_000
    max_size: int = 10_000
    version: str = "9.2.1"
    allow_writes: bool = False

    def put_to(self, source: ResultsIndex | Snapshot) -> Reply:
        """The reply of the REST door."""
        return handle(
            source,
            self.method,
            self.path,
            self.params,
            self.body,
            max_result_window=self.max_result_window,
            version=self.version,
            allow_writes=self.allow_writes,
        )


def get(where: str, params: Any = None, *, job: str = JOB, **host: Any) -> Request:
    """A request without a body: ``get("buckets?size=1")``; the job is escaped as in the path."""
    return Request("GET", f"{JOBS}/{job}/results/{where}", params, None, **host)


def post(where: str, body: Any, params: Any = None, *, job: str = JOB) -> Request:
    """A request with a body: text or bytes, or an object sent as JSON: ``post("buckets", {"sort": "job_id"})``."""
    sent = body if isinstance(body, str | bytes) else json.dumps(body).encode()
    return Request("POST", f"{JOBS}/{job}/results/{where}", params, sent)


class Problem(NamedTuple):
    """The type of an error, ``a|b`` if either is right, and its words."""

    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as the REST door shows it.

    Attributes:
        status: the HTTP status.
        type: the error's own type; the type of the cause if the server wraps it.
        reason: its text, in which ``...`` stands for any text.
        caused_by: its cause, then the cause of that, and so on; empty unless a field could not be read.
        wrapped: whether the search found the error; the server then reports a failure of all shards.
    """

    status: int
    type: str
    reason: str
    _: KW_ONLY
    caused_by: tuple[Problem, ...] = ()
    wrapped: bool = False

    def error(self, problems: list[dict[str, Any]]) -> dict[str, Any]:
        """The object ``error`` of the body, from the types and reasons of the error and of its causes."""
        if self.wrapped:
            (problem,) = problems
            guessed = {"caused_by": problem | {"caused_by": problem}} if self.type == ILLEGAL else {}
            return {
                "root_cause": [problem],
                "type": "search_phase_execution_exception",
                "reason": "all shards failed",
                "phase": "query",
                "grouped": True,
                "failed_shards": [{"shard": 0, "index": ".ml-anomalies-shared", "reason": problem}],
                **guessed,
            }
        # The parser's own errors come first, and the last of them is the root.
        parser = [problem for problem in problems if problem["type"] == UNPARSED]
        shown: dict[str, Any] = {}
        for problem in reversed(problems):
            shown = problem | ({"caused_by": shown} if shown else {})
        return {"root_cause": [parser[-1] if parser else problems[0]]} | shown


def illegal(reason: str) -> Failure:
    """A refusal of the URL."""
    return Failure(400, ILLEGAL, reason)


def wrapped(error_type: str, reason: str) -> Failure:
    """A refusal that the server finds while it searches."""
    return Failure(400, error_type, reason, wrapped=True)


def unparsed(reason: str, kind: str = "buckets", *caused_by: Problem) -> Failure:
    """The refusal of a body; its reason begins with the name of the action."""
    action = f"[cluster:monitor/xpack/ml/job/results/{kind}/get]"
    return Failure(400, UNPARSED, f"{action} {reason}", caused_by=caused_by)


def wrong_type(field: str, token: str, kind: str = "buckets") -> Failure:
    """The refusal of a field of the wrong JSON type."""
    return unparsed(f"{field} doesn't support values of type: {token}", kind)


def bad_value(field: str, error_type: str, reason: str, kind: str = "buckets") -> Failure:
    """The refusal of a field of the right JSON type that cannot be read."""
    return unparsed(f"failed to parse field [{field}]", kind, Problem(error_type, reason))


def bad_page(kind: str, *caused_by: Problem) -> Failure:
    """The refusal of a page, from the outermost cause to the innermost."""
    return unparsed("failed to parse field [page]", kind, *caused_by)


def no_boolean(value: str) -> str:
    """The error text for text in place of a boolean."""
    return f"Failed to parse value [{value}] as only [true] or [false] are allowed."


def unrecognized(where: str, *names: str, job: str = JOB) -> Failure:
    """The refusal of unknown parameters in a URL; a name may have a suggestion after it."""
    shown = ", ".join(name if "]" in name else f"[{name}]" for name in names)
    plural = "s" if len(names) > 1 else ""
    return illegal(f"request [{JOBS}/{job}/results/{where}] contains unrecognized parameter{plural}: {shown}")


def unknown_job(job: str) -> Failure:
    """The failure for an unknown job."""
    return Failure(404, NOT_THERE, f"No known job with id '{job}'")


NOTHING_THERE: Final = Failure(404, NOT_THERE, "Could not find requested buckets")


@dataclass(frozen=True, slots=True)
class Replied:
    """A request about these documents returns these results in this order.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents by name.
        asked: the request.
        expected: the names of the page's results, in order.
        source: the source of the rule.
        count: the number of all matches; None if the page holds all of them.
    """

    rule: str
    claim: str
    given: Documents
    asked: Request
    expected: str
    source: str
    _: KW_ONLY
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request about these documents gets this failure. The columns are those of `Replied`."""

    rule: str
    claim: str
    given: Documents
    asked: Request
    expected: Failure
    source: str


def replies(given: Iterable[Document], asked: Request) -> Iterator[tuple[str, Reply]]:
    """The replies of an index and of its snapshot; to both GET and POST if the request has one of these methods."""
    # `now` is the end of the documents' day.
    index = index_of(given, clock=lambda: at("2020-01-02T00:00Z"), max_size=asked.max_size)
    methods = ("GET", "POST") if asked.method in {"GET", "POST"} else (asked.method,)
    for method in methods:
        request = replace(asked, method=method)
        yield f"{method}, index", request.put_to(index)
        yield f"{method}, snapshot", request.put_to(index.snapshot())


def assert_replied(row: Replied) -> None:
    """Assert that each reply has the row's page and count, under the right key, and encodes to the same JSON."""
    expected = row.expected.split()
    kind = kind_of(row.asked)
    known = {identity(document): name for name, document in row.given.items()}
    for about, reply in replies(row.given.values(), row.asked):
        assert reply.status == 200, f"{about}: {reply.body}"
        assert dict(reply.headers) == HEADERS, about
        assert list(reply.body) == ["count", kind], about
        assert [known[identity(result)] for result in reply.body[kind]] == expected, about
        assert reply.body["count"] == (len(expected) if row.count is None else row.count), about
        assert json.loads(reply.encode()) == reply.body, about


def assert_rejected(row: Rejected) -> None:
    """Assert that each reply is the row's failure, with its whole body, and encodes to the same JSON."""
    for about, reply in replies(row.given.values(), row.asked):
        assert_failure(reply, row.expected, about)
        assert json.loads(reply.encode()) == reply.body, about


def assert_failure(reply: Reply, expected: Failure, about: str = "") -> None:
    """Assert that a reply is this failure and nothing else."""
    assert reply.status == expected.status, f"{about}: {reply.body}"
    assert dict(reply.headers) == HEADERS, about
    assert_failure_body(reply.body, expected, about)


def assert_failure_body(body: Mapping[str, Any], expected: Failure, about: str = "") -> None:
    """Assert that a body is this failure and nothing else."""
    assert set(body) == {"error", "status"}, f"{about}: {body}"
    assert body["status"] == expected.status, about
    told = [dict(body["error"]["root_cause"][0] if expected.wrapped else body["error"])]
    while "caused_by" in told[-1]:
        told.append(told[-1]["caused_by"])
    problems = [{"type": each["type"], "reason": each["reason"]} for each in told]
    wanted = [Problem(expected.type, expected.reason), *expected.caused_by]
    assert len(problems) == len(wanted), f"{about}: {body}"
    for problem, (error_type, reason) in zip(problems, wanted, strict=True):
        assert problem["type"] in error_type.split("|"), f"{about}: {body}"
        assert says(problem["reason"], reason), f"{about}: {problem['reason']!r} is not {reason!r}"
    assert body["error"] == expected.error(problems), about
    assert list(body["error"]) == list(expected.error(problems)), about


def says(words: str, expected: str) -> bool:
    """Whether the words are as expected; ``...`` stands for any text."""
    pattern = ".*".join(map(re.escape, expected.split("...")))
    return re.fullmatch(pattern, words, re.DOTALL) is not None


def kind_of(asked: Request) -> str:
    """The kind of results that a request is for."""
    match = re.search(r"/results/(\w+)", asked.path)
    assert match is not None, asked.path
    return match[1]


def identity(document: Document) -> tuple[Any, ...]:
    """The identity of a result, from its document or its body."""
    named = ("by_field_value", "over_field_value", "partition_field_value")
    extra: dict[str, tuple[Any, ...]] = {
        "bucket": (),
        "record": (document.get("detector_index", 0), *map(document.get, named)),
        "influencer": (document.get("influencer_field_name"), document.get("influencer_field_value")),
    }
    kind = document["result_type"]
    return (kind, document["job_id"], document["timestamp"], document["bucket_span"], *extra[kind])
