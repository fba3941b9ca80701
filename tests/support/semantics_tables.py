"""The parts of the rule tables in `semantics/`: named documents, rows, and the functions that run a row.

A row reads from left to right: the rule, its claim, the given documents, the query, the answer and the source.
Documents have names, so an answer is the names of its results in page order: ``"b a c"``. A row queries buckets, unless
it says ``of="record"`` or ``of="influencer"``.

Rules have the numbers of docs/semantics. Sources have its words: "ours" is a decision of this project, "the page" is
the API reference, and RFB, JRP and the like are codes for classes of the server. docs/semantics/index.md has the table
of codes under "Sources of the test rows".
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

import pytest

from bucketquery import (
    AnomalyRecord,
    Bucket,
    BucketPage,
    BucketQuery,
    BucketQueryError,
    Influencer,
    InfluencerPage,
    InfluencerQuery,
    InvalidQuery,
    Kind,
    RecordPage,
    RecordQuery,
    ResultsIndex,
    UnknownJob,
)
from bucketquery.testing import evaluate

JOB = "web"
HOUR_S = 3_600
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Document = Mapping[str, Any]
Documents = Mapping[str, Document]
Door = Literal["get_buckets", "get_records", "get_influencers", "search"]
Query = BucketQuery | RecordQuery | InfluencerQuery
Page = BucketPage | RecordPage | InfluencerPage
Result = Bucket | AnomalyRecord | Influencer

#: The call for each kind of results, and the name of its list in the body.
CALLS: Mapping[Kind, Door] = {"bucket": "get_buckets", "record": "get_records", "influencer": "get_influencers"}
LISTS: Mapping[Kind, str] = {"bucket": "buckets", "record": "records", "influencer": "influencers"}
QUERIES: Mapping[Kind, type[Query]] = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}
RESULTS: Mapping[Kind, type[Result]] = {"bucket": Bucket, "record": AnomalyRecord, "influencer": Influencer}
#: Each kind's current score: the field, and the parameter of the threshold.
SCORES: Mapping[Kind, str] = {"bucket": "anomaly_score", "record": "record_score", "influencer": "influencer_score"}
#: The kinds that sort by their score, highest first, by default (rule 15.1).
BY_SCORE: Sequence[Kind] = ("record", "influencer")
#: The fields of an identity: rules 12.1 and 20.identity.
IDENTITIES: Mapping[Kind, Sequence[str]] = {
    "bucket": ("job_id", "timestamp", "bucket_span"),
    "record": (
        "job_id",
        "timestamp",
        "bucket_span",
        "detector_index",
        "by_field_value",
        "over_field_value",
        "partition_field_value",
    ),
    "influencer": ("job_id", "timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
}


def at(text: str) -> int:
    """An instant in epoch milliseconds, computed by the standard library: ``at("1970-01-01T00:00:01Z") == 1000``."""
    moment = datetime.fromisoformat(text)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - EPOCH) // timedelta(milliseconds=1)


def bucket(when: str | int, **fields: Any) -> dict[str, Any]:
    """The document of one bucket of the job ``web``, an hour long and without scores by default."""
    timestamp = at(when) if isinstance(when, str) else when
    return {"result_type": "bucket", "job_id": JOB, "timestamp": timestamp, "bucket_span": HOUR_S} | fields


def record(when: str | int, **fields: Any) -> dict[str, Any]:
    """The document of one record of the job ``web`` in a bucket of an hour, without other fields by default."""
    return bucket(when) | {"result_type": "record"} | fields


def influencer(when: str | int, value: str | None = None, **fields: Any) -> dict[str, Any]:
    """The document of one influencer of the job ``web``: this value of ``host``, without other fields by default."""
    blamed = {} if value is None else {"influencer_field_name": "host", "influencer_field_value": value}
    return bucket(when) | {"result_type": "influencer"} | blamed | fields


def result(kind: Kind, when: str | int, **fields: Any) -> dict[str, Any]:
    """The document of one result of this kind of the job ``web``, an hour long; no other field unless given."""
    return bucket(when) | {"result_type": kind} | fields


def hours(count: int, **fields: Any) -> dict[str, dict[str, Any]]:
    """This number of hourly buckets from 2020-01-01 on, named ``h0``, ``h1``, ..."""
    first = at("2020-01-01T00:00Z")
    return {f"h{hour}": bucket(first + hour * HOUR_S * 1_000, **fields) for hour in range(count)}


def names(first: int, stop: int) -> str:
    """The names ``h<first>`` up to but not including ``h<stop>``; backwards if ``stop`` is the smaller."""
    step = 1 if first <= stop else -1
    return " ".join(f"h{hour}" for hour in range(first, stop, step))


def index_of(documents: Iterable[Document], **settings: Any) -> ResultsIndex:
    """A new index with the known job ``web`` and these documents."""
    index = ResultsIndex(**settings)
    index.put_job(JOB)
    index.upsert(documents)
    return index


class Row(Protocol):
    """The columns that every row has; a case gets its name from them."""

    @property
    def rule(self) -> str:
        """The number in docs/semantics."""

    @property
    def claim(self) -> str:
        """The claim of the row in a few words; rule and claim are the name of the case."""

    @property
    def source(self) -> str:
        """The source of the rule and its text there, or only the text."""


def each_row(*tables: Sequence[Row]) -> pytest.MarkDecorator:
    """Run a test once for each row of these tables. The name of each case starts with its rule."""
    rows = [row for table in tables for row in table]
    return pytest.mark.parametrize("row", rows, ids=[f"{row.rule} {row.claim}" for row in rows])


@dataclass(frozen=True, slots=True)
class Answered:
    """A query of these documents returns these results in this order.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents by name.
        asked: the parameters, by the API's names; `from_` for `from`.
        expected: the names of the page's results, in order.
        source: the source of the rule.
        count: the number of all matches; None if the page holds all of them.
        only: the one call that takes these parameters; None if both calls do.
        of: the kind of results that the row queries.
    """

    rule: str
    claim: str
    given: Documents
    asked: Mapping[str, Any]
    expected: str
    source: str
    _: KW_ONLY
    count: int | None = None
    only: Door | None = None
    of: Kind = "bucket"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error with its attributes. `field` lists the parameters that the error may name: ``start|timestamp``."""

    kind: type[BucketQueryError]
    status: int
    type: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A query of these documents raises this error. The columns are those of `Answered`."""

    rule: str
    claim: str
    given: Documents
    asked: Mapping[str, Any]
    expected: Refusal
    source: str
    _: KW_ONLY
    only: Door | None = None
    of: Kind = "bucket"


def invalid(field: str, reason: str, error_type: str = "illegal_argument_exception") -> Refusal:
    """The refusal of a parameter."""
    return Refusal(InvalidQuery, 400, error_type, field, reason)


def no_mapping(field: str) -> Refusal:
    """The refusal of a sort field that the mapping does not have."""
    return invalid("sort", f"No mapping found for [{field}] in order to sort on", "query_shard_exception")


def nested_context(field: str) -> Refusal:
    """The refusal of a sort field inside a nested object."""
    reason = f"it is mandatory to set the [nested] context on the nested sort field: [{field}]."
    return invalid("sort", reason, "query_shard_exception")


def unknown_job(job_id: str) -> Refusal:
    """The refusal of an unknown job, in the API's words."""
    reason = f"No known job with id '{job_id}'"
    return Refusal(UnknownJob, 404, "resource_not_found_exception", "job_id|jobs", reason)


AnyRow = TypeVar("AnyRow", Answered, Refused)


def scores_of(kind: Kind) -> dict[str, str]:
    """The two scores of a bucket, and the fields of this kind that stand for them."""
    return {"anomaly_score": SCORES[kind], "initial_anomaly_score": f"initial_{SCORES[kind]}"}


def documents_of(kind: Kind, given: Documents) -> Documents:
    """These buckets as documents of another kind, with the same scores; each influencer blames the host ``a``."""
    fields = scores_of(kind)
    blamed = {"influencer_field_name": "host", "influencer_field_value": "a"} if kind == "influencer" else {}
    return {
        name: {fields.get(field, field): value for field, value in document.items()} | {"result_type": kind} | blamed
        for name, document in given.items()
    }


def as_kind(row: AnyRow, kind: Kind) -> AnyRow:
    """The same row about another kind: the row is written about buckets, their score and get_buckets."""
    fields = scores_of(kind)
    changed = replace(
        row,
        claim=f"{kind}: {row.claim}",
        given=documents_of(kind, row.given),
        asked={
            fields.get(name, name): fields.get(value, value) if name == "sort" and type(value) is str else value
            for name, value in row.asked.items()
        },
        only=CALLS[kind] if row.only == "get_buckets" else row.only,
        of=kind,
    )
    if isinstance(changed, Refused):
        named = "|".join(fields.get(field, field) for field in changed.expected.field.split("|"))
        return replace(changed, expected=replace(changed.expected, field=named))
    return changed


def in_time_order(row: AnyRow) -> AnyRow:
    """The same row, asked in time order unless it names another order. Only buckets have time order by default."""
    return replace(row, asked={"sort": "timestamp", "desc": False, **row.asked})


def of_every_kind(*tables: Sequence[AnyRow]) -> list[AnyRow]:
    """The rows of these tables about buckets, and the same rows about records and influencers in time order."""
    rows = [row for table in tables for row in table]
    return rows + [in_time_order(as_kind(row, kind)) for kind in BY_SCORE for row in rows]


def ask(index: ResultsIndex, door: Door, asked: Mapping[str, Any], of: Kind = "bucket") -> Page:
    """The page, from a call with keywords or from a snapshot that searches with a query value."""
    if door == "search":
        query, now = question(asked, of)
        return index.snapshot().search(query, now=now)
    page: Page = getattr(index, door)(**_with_job("job_id", asked))
    return page


def question(asked: Mapping[str, Any], of: Kind = "bucket") -> tuple[Query, Any]:
    """The query value, and the `now` to search with."""
    parameters = _with_job("jobs", asked)
    now = parameters.pop("now", None)
    return QUERIES[of](**parameters), now


def doors(only: Door | None, of: Kind = "bucket") -> Sequence[Door]:
    """Every call that a row is for."""
    return (CALLS[of], "search") if only is None else (only,)


def assert_answered(row: Answered) -> None:
    """Assert that each call returns the row's page and count, and that the page is a slice of the scan."""
    index = index_of(row.given.values())
    expected = row.expected.split()
    count = len(expected) if row.count is None else row.count
    for door in doors(row.only, row.of):
        page = ask(index, door, row.asked, row.of)
        found = (names_of_keys(row.given, page.keys()), page.count, len(page))
        _assert_equal(found, (expected, count, len(expected)), door)
        _assert_equal(names_of(row.given, page), expected, f"{door}, iterated")
        _assert_equal({type(item) for item in page} - {RESULTS[row.of]}, set(), f"{door}, other values")
        body = page.to_dict()
        _assert_equal(list(body), ["count", LISTS[row.of]], f"{door}, the keys of the body")
        _assert_equal(names_of_bodies(row.given, body[LISTS[row.of]]), expected, f"{door}, in the body")
    if row.only in {None, "search"}:
        query, now = question(row.asked, row.of)
        scanned = names_of(row.given, index.scan(query, now=now))
        _assert_equal(len(scanned), count, "scan")
        _assert_equal(scanned[query.from_ :][: len(expected)], expected, "scan")
        bounds = (query.start, query.end, getattr(query, "timestamp", None))
        # The reference reads no text, and knows no error of a lookup that finds nothing.
        if not any(isinstance(bound, str) for bound in bounds) and (count or bounds[2] is None):
            answer = evaluate(row.given.values(), query)
            found = (names_of_bodies(row.given, answer[LISTS[row.of]]), answer["count"], len(answer[LISTS[row.of]]))
            _assert_equal(found, (expected, count, len(expected)), "the reference")


def assert_refused(row: Refused) -> None:
    """Assert that each call raises the row's error with its attributes."""
    index = index_of(row.given.values())
    for door in doors(row.only, row.of):
        with pytest.raises(BucketQueryError) as caught:
            ask(index, door, row.asked, row.of)
        assert_refusal(caught.value, row.expected)


def assert_refusal(error: BucketQueryError, expected: Refusal) -> None:
    """Assert that an error has exactly this class and these attributes."""
    carried = (type(error), error.status, error.type)
    _assert_equal(carried, (expected.kind, expected.status, expected.type), error.reason)
    assert error.field in expected.field.split("|"), f"field {error.field!r} is not {expected.field!r}"
    assert expected.reason in error.reason, f"{expected.reason!r} is not in {error.reason!r}"
    _assert_equal(str(error), error.reason, "str(error)")


def assert_same_body(actual: object, expected: object) -> None:
    """Assert that two bodies are the same JSON text: key order counts, and ``1``, ``1.0`` and ``true`` differ."""
    _assert_equal(json.dumps(actual), json.dumps(expected), "as JSON text")


def identity(document: Document) -> tuple[Any, ...]:
    """The identity of a document or of a result in a body, as `page.keys()` has it."""
    return _identity(document["result_type"], document.get)


def names_of_keys(given: Documents, keys: Iterable[tuple[Any, ...]]) -> list[str]:
    """The names of the documents that have these identities."""
    known = {identity(document): name for name, document in given.items()}
    return [known[key] for key in keys]


def names_of_bodies(given: Documents, bodies: Iterable[Document]) -> list[str]:
    """The names of the documents with these bodies."""
    return names_of_keys(given, map(identity, bodies))


def names_of(given: Documents, results: Iterable[Result]) -> list[str]:
    """The names of the documents of these values."""
    return names_of_keys(given, (_identity(item.result_type, partial(getattr, item)) for item in results))


def _assert_equal(actual: object, expected: object, about: str) -> None:
    assert actual == expected, f"{about}: {actual!r} is not {expected!r}"


def _with_job(name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: JOB, **asked}


def _identity(kind: Kind, value: Callable[[str], Any]) -> tuple[Any, ...]:
    # A record without a detector index belongs to detector 0.
    return tuple(value(name) or 0 if name == "detector_index" else value(name) for name in IDENTITIES[kind])
