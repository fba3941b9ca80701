"""Rows and checks of the rule tables about documents and columns: accepted values, refused batches, bodies and commits.

A row reads like a row of `semantics_tables`. The refusal of a row names the path of the bad value, such as
``documents[1].anomaly_score``; ``|`` stands between several paths of which the error may name any.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
import pytest

from bucketquery import Bucket, BucketQueryError, InvalidDocument, Kind, ResultsIndex
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    Refusal,
    assert_refusal,
    assert_same_body,
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


def accepted(kind: Kind, field: str, source: str, *pairs: tuple[Any, Any]) -> list[Accepted]:
    """Rows about one field: pairs of a value and the value that is shown."""
    return [Accepted("20.documents", kind, field, value, shown, source) for value, shown in pairs]


def assert_accepted(row: Accepted) -> None:
    """Assert that the value is stored, and shown as the row says."""
    page = getattr(index_of([result(row.kind, T0) | {row.field: row.value}]), CALLS[row.kind])(job_id=JOB)
    assert_same_body(page.to_dict()[LISTS[row.kind]][0][row.field], row.shown)


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


def bad(kind: Kind, field: str, source: str, *values: Any, path: str = "") -> list[BadDocument]:
    """Rows about one field of the second document of a batch, whose first document is good."""
    return [
        BadDocument(
            "20.documents",
            f"{kind} {field} {type(value).__name__} {value!r:.60}",
            [result(kind, T0), result(kind, T0 + 1) | {field: value}],
            f"documents[1].{field}{path}",
            source,
        )
        for value in values
    ]


def assert_bad_document(row: BadDocument) -> None:
    """Assert that the batch is refused with the path of the row, and that no document of it is stored."""
    index = index_of([bucket(0), record(0), influencer(0, "a")])
    before = _contents(index)
    with pytest.raises(BucketQueryError) as caught:
        index.upsert(row.given, kind=row.kind)
    assert_refusal(caught.value, invalid_document(row.field))
    assert _contents(index) == before


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


def assert_shown(row: Shown) -> None:
    """Assert that the page's body and the result's own body are as the row says."""
    page = row.page()
    assert_same_body(page.to_dict(human=row.human), {"count": 1, LISTS[row.kind]: [row.body]})
    if not row.human:
        assert_same_body(page[0].to_dict(), row.body)


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
        assert dict(commit.skipped) == wrote.skipped
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


def _contents(index: ResultsIndex) -> tuple[int, list[tuple[Any, ...]]]:
    """The sequence of an index, and the keys of all results of the job ``web``."""
    return index.sequence, [getattr(index, call)(job_id=JOB).keys() for call in CALLS.values()]
