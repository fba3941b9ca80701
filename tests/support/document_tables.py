"""Rows and checks of the rule tables about documents and columns: accepted values, refused batches, bodies and commits.

A row reads like a row of `semantics_tables`. The refusal of a row names the path of the bad value, such as
``documents[1].anomaly_score``; ``|`` stands between several paths of which the error may name any.

A batch of one document, of a few, of some dozens and of thousands are written in different ways. A check that takes
`sizes` writes the documents of its row in a batch of each of these sizes, among others that its queries leave out.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pytest

from bucketquery import Bucket, BucketQueryError, InvalidDocument, Kind, ResultsIndex
from bucketquery.testing import evaluate
from bucketquery.testing.values import plain
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    QUERIES,
    SCORES,
    Refusal,
    assert_refusal,
    assert_same_body,
    at,
    bucket,
    index_of,
    influencer,
    record,
    result,
)

T0 = 1_577_836_800_000  # 2020-01-01T00:00Z
#: The first and the last instant of the years 0001 to 9999.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
#: Values that no field of numbers accepts.
NO_NUMBER: tuple[Any, ...] = (
    True,
    False,
    "5",
    "5.0",
    "x",
    "",
    math.nan,
    math.inf,
    -math.inf,
    np.float32("nan"),
    [5],
    {"value": 5},
    b"5",
    5j,
)


#: Sizes of batches, each of which an index writes in another way.
SIZES: Final = (1, 3, 20, 1_500)
#: The sizes for tables with many rows.
SMALL_SIZES: Final = SIZES[:-1]
#: The documents that only fill a batch lie at this instant or later.
FILLED_MS: Final = at("3000-01-01")


def batch_of(size: int, given: Iterable[Any], kind: Kind) -> tuple[list[Any], int]:
    """These documents among others of the kind, `size` in all unless more are given, and the position of the first."""
    given = [*given]
    others = _others(kind)[: max(0, size - len(given))]
    before = len(others) // 2
    return [*others[:before], *given, *others[before:]], before


@cache
def _others(kind: Kind) -> Sequence[Mapping[str, Any]]:
    """Documents from `FILLED_MS` on, without optional fields but the score."""
    times = range(FILLED_MS, FILLED_MS + 3_600_000 * max(SIZES), 3_600_000)
    return [MappingProxyType(result(kind, time, **{SCORES[kind]: 50.0})) for time in times]


@contextmanager
def note(text: str) -> Iterator[None]:
    """Add this note to an error."""
    try:
        yield
    except BaseException as error:
        error.add_note(text)
        raise


def page_without_others(index: ResultsIndex, kind: Kind, **asked: Any) -> Any:
    """The page of the results that do not only fill a batch, in ascending time order unless asked otherwise.

    They lie before the results that fill it, or all behind them.
    """
    asked = {"job_id": JOB, "sort": "timestamp", "desc": False, "size": 10_000} | asked
    before = getattr(index, CALLS[kind])(**{"end": FILLED_MS} | asked)
    behind = FILLED_MS + 3_600_000 * max(SIZES)
    return before if before.count or "start" in asked else getattr(index, CALLS[kind])(start=behind, **asked)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A value of one field of a document of this kind, and how the body shows it."""

    rule: str
    kind: Kind
    field: str
    value: Any
    shown: Any
    source: str

    @property
    def claim(self) -> str:
        """The kind, the field, and the value with its type."""
        return f"{self.kind} {self.field} {type(self.value).__name__} {self.value!r:.40}"


def accepted(
    kind: Kind, field: str, source: str, *pairs: tuple[Any, Any], rule: str = "20.documents"
) -> list[Accepted]:
    """Rows about one field: pairs of a value and the value that is shown."""
    return [Accepted(rule, kind, field, value, shown, source) for value, shown in pairs]


def assert_accepted(row: Accepted, sizes: Iterable[int] = (1,)) -> None:
    """Assert that the value is stored, and shown as the row says; every value that is shown is plain."""
    for size in sizes:
        with note(f"in a batch of {size}"):
            given, _ = batch_of(size, [result(row.kind, T0) | {row.field: row.value}], row.kind)
            page = page_without_others(index_of(given), row.kind)
            (body,) = page.to_dict()[LISTS[row.kind]]
            assert_same_body(body[row.field], row.shown)
            assert_plain(body)
            if row.field != "bucket_influencers":
                assert_frozen(getattr(page[0], row.field, None))
            assert_same_body(page[0].to_dict(), body)
    assert_by_reference(row.kind, result(row.kind, T0) | {row.field: row.value}, {row.field: row.shown})


def assert_by_reference(kind: Kind, document: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Assert that the reference shows these keys of the body of a document.

    The reference reads only some texts of instants, so a document whose instant is text is left out.
    """
    event = document.get("event")
    instants = (document["timestamp"], event.get("ingested") if isinstance(event, Mapping) else None)
    if any(isinstance(plain(instant), str) for instant in instants):
        return
    (shown,) = evaluate([document], QUERIES[kind](jobs=JOB))[LISTS[kind]]
    assert_same_body({name: value for name, value in shown.items() if name in body}, body)


def assert_accepted_together(rows: Iterable[Accepted]) -> None:
    """Assert the same of many rows about one kind, an hour apart in one batch of the greatest of `SIZES`.

    Rows about the field `timestamp` are left out.
    """
    rows = [row for row in rows if row.field != "timestamp"]
    (kind,) = {row.kind for row in rows}
    given = [result(kind, T0 + 3_600_000 * place) | {row.field: row.value} for place, row in enumerate(rows)]
    page = page_without_others(index_of(batch_of(max(SIZES), given, kind)[0]), kind)
    bodies = page.to_dict()[LISTS[kind]]
    assert_plain(bodies)
    for row, body in zip(rows, bodies, strict=True):
        with note(f"the row {row.rule} {row.claim}"):
            assert_same_body(body[row.field], row.shown)


@dataclass(frozen=True, slots=True)
class BadDocument:
    """A batch that is refused, and the path of the bad value; `kind` is given to `upsert`."""

    rule: str
    claim: str
    given: Any
    field: str
    source: str
    _: KW_ONLY
    kind: Any = None


def bad(
    kind: Kind, field: str, source: str, *values: Any, path: str = "", rule: str = "20.documents"
) -> list[BadDocument]:
    """Rows about one field of the second document of a batch, whose first document is good."""
    return [
        BadDocument(
            rule,
            f"{kind} {field} {type(value).__name__} {value!r:.60}",
            [result(kind, T0), result(kind, T0 + 1) | {field: value}],
            f"documents[1].{field}{path}",
            source,
        )
        for value in values
    ]


def assert_bad_document(row: BadDocument, sizes: Iterable[int] = (), words: str = "") -> None:
    """Assert that the batch is refused with the path of the row and these words, and that nothing of it is stored.

    The batch is written as it is, and again as a part of a batch of each of the sizes.
    """
    index = index_of([bucket(0), record(0), influencer(0, "a")])
    before = _contents(index)
    batches = [(row.given, 0), *(batch_of(size, row.given, row.kind or "bucket") for size in sizes)]
    for given, first in batches:
        with note(f"the batch begins at document {first}"):
            with pytest.raises(BucketQueryError) as caught:
                index.upsert(given, kind=row.kind)
            assert_refusal(caught.value, invalid_document(_later(row.field, first)))
            assert words in caught.value.reason
            assert _contents(index) == before


def _later(paths: str, by: int) -> str:
    """These paths in a batch with more documents before them."""
    return re.sub(r"documents\[(\d+)\]", lambda found: f"documents[{int(found[1]) + by}]", paths)


def invalid_document(field: str) -> Refusal:
    """The refusal of a document or a column, with the path of the bad value."""
    return Refusal(InvalidDocument, 400, "document_parsing_exception", field, "")


@dataclass(frozen=True, slots=True)
class Shown:
    """A stored document, and how it is shown.

    Attributes:
        rule: its number.
        claim: what the row says.
        given: the document; a bucket unless it names another type.
        body: the one result in the body.
        source: where the rule comes from.
        human: whether the body is asked for with `human=true`.
    """

    rule: str
    claim: str
    given: Mapping[str, Any]
    body: Mapping[str, Any]
    source: str
    _: KW_ONLY
    human: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of the document."""
        kind: Kind = self.given.get("result_type", "bucket")
        return kind

    def page(self) -> Any:
        """The page of an index that holds only this document."""
        return getattr(index_of([{"result_type": self.kind} | dict(self.given)]), CALLS[self.kind])(job_id=JOB)


def assert_shown(row: Shown, sizes: Iterable[int] = ()) -> None:
    """Assert that the page's body, the result's own body and the page as JSON are as the row says.

    So they are if the document is part of a batch of each of the sizes.
    """
    document = {"result_type": row.kind} | dict(row.given)
    pages = [(1, row.page())]
    pages += [
        (size, page_without_others(index_of(batch_of(size, [document], row.kind)[0]), row.kind)) for size in sizes
    ]
    for size, page in pages:
        with note(f"in a batch of {size}"):
            assert_same_body(page.to_dict(human=row.human), {"count": 1, LISTS[row.kind]: [row.body]})
            if not row.human:
                assert_same_body(page[0].to_dict(), row.body)
                assert_same_body(json.loads(page.to_json()), page.to_dict())
    if not row.human:
        assert_by_reference(row.kind, document, row.body)


#: Ways to give the same documents of a kind to `upsert`. Each returns what is given, and whether `kind` is given too.
WAYS_TO_WRITE: Final[Mapping[str, Callable[[Sequence[Mapping[str, Any]], Kind], tuple[Any, bool]]]] = {
    "a list": lambda documents, _: ([*documents], False),
    "a tuple": lambda documents, _: ((*documents,), False),
    "a generator": lambda documents, _: ((document for document in documents), False),
    "a chain of lists": lambda documents, _: (chain([], documents), False),
    "the values of a dict": lambda documents, _: (dict(enumerate(documents)).values(), False),
    "read-only mappings": lambda documents, _: ([MappingProxyType({**document}) for document in documents], False),
    "search hits": lambda documents, _: ([{"_id": str(n), "_source": one} for n, one in enumerate(documents)], False),
    "a response of a search": lambda documents, _: ({"hits": {"hits": [{"_source": one} for one in documents]}}, False),
    "an answer": lambda documents, kind: ({"count": len(documents), LISTS[kind]: [*documents]}, False),
    "an answer without types": lambda documents, kind: (
        {LISTS[kind]: [{n: v for n, v in one.items() if n != "result_type"} for one in documents]},
        False,
    ),
    "with a kind": lambda documents, _: ([*documents], True),
    "with a kind, without types": lambda documents, _: (
        [{n: v for n, v in one.items() if n != "result_type"} for one in documents],
        True,
    ),
}


def assert_shown_in_every_way(row: Shown) -> None:
    """Assert that the body is that of the row in each of `WAYS_TO_WRITE`.

    So it is if the host keeps the document: an index without documents is given it for the page.
    """
    document = {"result_type": row.kind} | dict(row.given)
    expected = {"count": 1, LISTS[row.kind]: [row.body]}
    for name, way in WAYS_TO_WRITE.items():
        with note(f"given as {name}"):
            given, has_kind = way([document], row.kind)
            index = index_of([])
            commit = index.upsert(given, kind=row.kind if has_kind else None)
            assert (commit.skipped, commit.repeated) == ({}, 0)
            assert_same_body(page_without_others(index, row.kind).to_dict(human=row.human), expected)
    for keep in (False, True):
        with note(f"given to the page of an index, keep_documents={keep}"):
            page = page_without_others(index_of([document], keep_documents=keep), row.kind)
            assert_same_body(page.to_dict(human=row.human, documents=[document]), expected)


def assert_plain(value: Any) -> None:
    """Assert that a value consists of dicts, lists and JSON scalars, of exactly these classes."""
    if type(value) is dict:
        assert {type(key) for key in value} <= {str}
        for inner in value.values():
            assert_plain(inner)
    elif type(value) is list:
        for inner in value:
            assert_plain(inner)
    else:
        assert type(value) in {type(None), bool, int, float, str}, repr(value)


def thawed(value: Any) -> Any:
    """The same value, with dicts for mappings and lists for tuples."""
    if isinstance(value, Mapping):
        return {key: thawed(inner) for key, inner in value.items()}
    return [thawed(inner) for inner in value] if isinstance(value, tuple) else value


def assert_frozen(value: Any) -> None:
    """Assert that a value consists of tuples, read-only mappings and JSON scalars."""
    if isinstance(value, Mapping):
        with pytest.raises(TypeError):
            value["x"] = 1  # type: ignore[index]  # a write must fail
        for inner in value.values():
            assert_frozen(inner)
    elif isinstance(value, tuple):
        for inner in value:
            assert_frozen(inner)
    else:
        assert type(value) in {type(None), bool, int, float, str}


@dataclass(frozen=True, slots=True)
class Wrote:
    """What a commit reports: its sequence, then inserted, replaced and unchanged."""

    sequence: int
    inserted: int
    replaced: int
    unchanged: int
    _: KW_ONLY
    skipped: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """Batches in order, what each commit reports, and what the index holds at the end.

    Attributes:
        rule: its number.
        claim: what the row says.
        batches: the batches.
        commits: what each commit reports.
        expected: the buckets as (timestamp, span, score), or how many buckets, records and influencers.
        source: where the rule comes from.
    """

    rule: str
    claim: str
    batches: list[list[dict[str, Any]]]
    commits: list[Wrote]
    expected: list[tuple[int, int, float]] | tuple[int, int, int]
    source: str


def assert_history(row: History) -> None:
    """Write each batch, and assert that its commit and the results at the end are as the row says."""
    index = ResultsIndex()
    for batch, wrote in zip(row.batches, row.commits, strict=True):
        commit = index.upsert(batch)
        assert (commit.inserted, commit.replaced, commit.unchanged) == (wrote.inserted, wrote.replaced, wrote.unchanged)
        assert (commit.sequence, index.sequence, commit.deleted) == (wrote.sequence, wrote.sequence, 0)
        assert (dict(commit.skipped), commit.repeated) == (wrote.skipped, wrote.repeated)
    if isinstance(row.expected, tuple):
        assert tuple(getattr(index, call)(job_id=JOB).count for call in CALLS.values()) == row.expected
    elif row.expected:
        page = index.get_buckets(job_id=JOB)
        assert _buckets(page) == row.expected
        assert (page.count, page.sequence) == (len(row.expected), row.commits[-1].sequence)
    else:
        assert JOB not in index


def assert_history_of_single_writes(row: History) -> None:
    """Write each document as a batch of its own, and assert that the buckets at the end are those of the row."""
    index = index_of([])
    for batch in row.batches:
        for document in batch:
            index.upsert(iter([document]))
    assert _buckets(index.get_buckets(job_id=JOB)) == row.expected


def _buckets(page: Iterable[Bucket]) -> list[tuple[int, int, float]]:
    return [(found.timestamp, found.bucket_span, found.anomaly_score) for found in page]


@dataclass(frozen=True, slots=True)
class SameAs:
    """Columns of a kind, and the documents that store the same results."""

    rule: str
    claim: str
    kind: Kind
    columns: Mapping[str, Any]
    documents: list[dict[str, Any]]
    source: str
    _: KW_ONLY
    job_id: str | None = JOB


def assert_same_as(row: SameAs) -> None:
    """Assert that the columns give the same commit, jobs, bodies and keys as the documents of the row."""
    by_columns, by_documents = index_of([]), index_of([])
    # Without `kind` the columns are buckets.
    kind: dict[str, Kind] = {} if row.kind == "bucket" else {"kind": row.kind}
    commit = by_columns.upsert_columns(row.columns, job_id=row.job_id, **kind)
    assert commit == by_documents.upsert(row.documents)
    assert by_columns.jobs() == by_documents.jobs()
    for job_id in by_columns.jobs():
        for asked in (
            {},
            {"sort": "anomaly_score"},
            {"sort": "event_count", "desc": True},
            {"sort": "probability"},
            {"sort": "timestamp", "desc": False},
            {"exclude_interim": True},
        ):
            found, expected = (
                getattr(index, CALLS[row.kind])(job_id=job_id, **asked) for index in (by_columns, by_documents)
            )
            assert_same_body(found.to_dict(), expected.to_dict())
            assert found.keys() == expected.keys()
    assert by_columns.upsert(row.documents).sequence == commit.sequence


@dataclass(frozen=True, slots=True)
class BadColumns:
    """Columns of a kind that are refused, and the path of the bad value."""

    rule: str
    claim: str
    kind: Kind
    columns: Any
    field: str
    source: str
    _: KW_ONLY
    job_id: str | None = JOB


def assert_bad_columns(row: BadColumns, words: str = "") -> None:
    """Assert that the columns are refused with the path of the row and these words, and that nothing is stored."""
    index = index_of([])
    before = index.sequence
    # Without `kind` the columns are buckets.
    kind: dict[str, Kind] = {} if row.kind == "bucket" else {"kind": row.kind}
    with pytest.raises(BucketQueryError) as caught:
        index.upsert_columns(row.columns, job_id=row.job_id, **kind)
    assert_refusal(caught.value, invalid_document(row.field))
    assert words in caught.value.reason
    assert (index.sequence, getattr(index, CALLS[row.kind])(job_id=JOB).count) == (before, 0)


def _contents(index: ResultsIndex) -> tuple[int, list[tuple[Any, ...]]]:
    """The sequence of an index, and the keys of all results of the job ``web``."""
    return index.sequence, [getattr(index, call)(job_id=JOB).keys() for call in CALLS.values()]
