"""Our decision on hosts that store the documents themselves: `keep_documents=False` and what it drops."""

import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bucketquery import BucketQueryError, Kind, ResultsIndex
from support.document_samples import THREE_BUCKETS, THREE_OF_EACH, THREE_RECORDS, page_of_three
from support.document_tables import invalid_document
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    QUERIES,
    Answered,
    Page,
    ask,
    assert_refusal,
    assert_same_body,
    doors,
    each_row,
    index_of,
    invalid,
    names_of_keys,
)

HOUR = 3_600_000


def answered_rows() -> Iterator[Answered]:
    """Every row of this folder about a page of results."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.samefile(__file__):
            continue
        for name, member in runpy.run_path(str(path)).items():
            marks: list[pytest.Mark] = getattr(member, "pytestmark", []) if name.startswith("test_") else []
            for mark in marks:
                if mark.name == "parametrize" and mark.args[0] == "row":
                    yield from (row for row in mark.args[1] if isinstance(row, Answered))


def test_every_answer_has_the_same_keys_without_documents() -> None:
    """Section 20, keep_documents: every row has the same keys and the same count if the index keeps no documents."""
    checked = 0
    for row in answered_rows():
        # A scan gives no page, and `expand` needs documents.
        if row.rule == "20.scan" or str(row.asked.get("expand")).lower() == "true":
            continue
        index = index_of(row.given.values(), keep_documents=False)
        expected = row.expected.split()
        count = len(expected) if row.count is None else row.count
        for door in doors(row.only, row.of):
            page = ask(index, door, row.asked, row.of)
            found = (names_of_keys(row.given, page.keys()), page.count, len(page))
            assert found == (expected, count, len(expected)), f"{row.rule} {row.claim}, {door}"
            checked += 1
    assert checked > 1_000


# ---- fields that the index keeps or drops


@dataclass(frozen=True, slots=True)
class Kept:
    """A field of the result `b` of a kind, and its value in the column; None if the index drops the field."""

    rule: str
    kind: Kind
    field: str
    expected: Any
    source: str

    @property
    def claim(self) -> str:
        """The kind and the field."""
        return f"{self.kind} {self.field}"


KEPT_FIELDS: Mapping[Kind, Mapping[str, Any]] = {
    "bucket": {
        "job_id": "web",
        "timestamp": HOUR,
        "bucket_span": 3_600,
        "anomaly_score": 90.0,
        "initial_anomaly_score": 95.5,
        "event_count": 3,
        "is_interim": True,
        "processing_time_ms": 12,
        "scheduled_events": ("sale", "fair"),
        "result_type": "bucket",
        "event.ingested": 7_000.0,
    },
    "record": {
        "job_id": "web",
        "timestamp": HOUR,
        "bucket_span": 3_600,
        "record_score": 90.0,
        "initial_record_score": 95.5,
        "probability": 1e-308,
        "multi_bucket_impact": -2.5,
        "detector_index": 2,
        "is_interim": True,
        "result_type": "record",
        "event.ingested": 7_000.0,
        "function": "mean",
        "function_description": "mean of",
        "field_name": "response",
        "by_field_name": "airline",
        "by_field_value": "AAL",
        "over_field_name": "user",
        "over_field_value": "ann",
        "partition_field_name": "zone",
        "partition_field_value": "east",
    },
    "influencer": {
        "job_id": "web",
        "timestamp": HOUR,
        "bucket_span": 3_600,
        "influencer_score": 90.0,
        "initial_influencer_score": 95.5,
        "probability": 1e-308,
        "is_interim": True,
        "result_type": "influencer",
        "event.ingested": 7_000.0,
        "influencer_field_name": "host",
        "influencer_field_value": "b",
    },
}
DROPPED_FIELDS: Mapping[Kind, Sequence[str]] = {
    "bucket": ("bucket_influencers",),
    "record": (
        "correlated_by_field_value",
        "typical",
        "actual",
        "causes",
        "influencers",
        "geo_results",
        "anomaly_score_explanation",
        "extra",
        "airline",
    ),
    "influencer": ("extra", "host"),
}
KEPT = [
    Kept("20.keep-documents", kind, field, expected, "ours: the field filters or sorts")
    for kind, fields in KEPT_FIELDS.items()
    for field, expected in fields.items()
]
DROPPED = [
    Kept("20.keep-documents", kind, field, None, "ours: the field neither filters nor sorts")
    for kind, names in DROPPED_FIELDS.items()
    for field in names
]


@each_row(KEPT)
def test_kept_field_has_the_same_column(row: Kept) -> None:
    """A field that filters or sorts has the same column with and without documents."""
    columns = [page_of_three(row.kind, keep=keep).column(row.field).tolist() for keep in (True, False)]
    assert_same_body(columns[0], columns[1])
    assert columns[0][1] == row.expected
    assert page_of_three(row.kind, size=0).column(row.field).tolist() == []


@each_row(DROPPED)
def test_column_of_a_dropped_field_is_refused(row: Kept) -> None:
    """The index drops a field that neither filters nor sorts, so its column raises an `InvalidQuery` of `name`."""
    with pytest.raises(BucketQueryError) as caught:
        page_of_three(row.kind).column(row.field)
    assert_refusal(caught.value, invalid("name", ""))


@dataclass(frozen=True, slots=True)
class Needs:
    """A use of a page that needs documents."""

    rule: str
    claim: str
    use: Callable[[Page], object]
    source: str


NEEDS = [
    Needs("20.keep-documents", "iteration", list, "ours"),
    Needs("20.keep-documents", "the first result", lambda page: page[0], "ours"),
    Needs("20.keep-documents", "the last result", lambda page: page[-1], "ours"),
    Needs("20.keep-documents", "a slice", lambda page: page[0:2], "ours"),
    Needs("20.keep-documents", "the body", lambda page: page.to_dict(), "ours"),
    Needs("20.keep-documents", "the body with human", lambda page: page.to_dict(human=True), "ours"),
]


@pytest.mark.parametrize("kind", CALLS)
@each_row(NEEDS)
def test_values_and_bodies_need_documents(row: Needs, kind: Kind) -> None:
    """Without documents, values and bodies raise an `InvalidQuery` of `documents`."""
    page = page_of_three(kind)
    with pytest.raises(BucketQueryError) as caught:
        row.use(page)
    assert_refusal(caught.value, invalid("documents", ""))
    assert (page.count, len(page), len(page.keys())) == (3, 3, 3)


@pytest.mark.parametrize("kind", CALLS)
def test_scan_needs_documents(kind: Kind) -> None:
    """Section 20, keep_documents: a scan with a match is refused, as the iteration of a page is."""
    index = index_of(THREE_OF_EACH[kind].values(), keep_documents=False)
    for reader in (index, index.snapshot()):
        with pytest.raises(BucketQueryError) as caught:
            list(reader.scan(QUERIES[kind](jobs=JOB)))
        assert_refusal(caught.value, invalid("documents", ""))


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("asked", [{"size": 0}, {"from_": 3}], ids=str)
def test_empty_page_needs_no_documents(kind: Kind, asked: dict[str, Any]) -> None:
    """Section 20, keep_documents: a page without results has an empty iteration and an empty body."""
    page = page_of_three(kind, **asked)
    assert list(page) == []
    assert_same_body(page.to_dict(), {"count": 3, LISTS[kind]: []})
    assert_same_body(page.to_dict(documents=[]), {"count": 3, LISTS[kind]: []})


def test_expand_needs_documents() -> None:
    """Section 20, keep_documents: `expand` shows documents of records, so it raises an `InvalidQuery` of `expand`."""
    index = index_of(THREE_BUCKETS.values(), keep_documents=False)
    for door in doors(None):
        with pytest.raises(BucketQueryError) as caught:
            ask(index, door, {"expand": True})
        assert_refusal(caught.value, invalid("expand", ""))
        assert ask(index, door, {"expand": False}).count == 3


def test_dropped_fields_are_not_compared() -> None:
    """Section 20, keep_documents: a document that differs only in dropped fields leaves the result unchanged."""
    index = ResultsIndex(keep_documents=False)
    assert index.upsert([THREE_RECORDS["b"]]).inserted == 1
    dropped = {"causes": [], "extra": 1, "typical": None, "correlated_by_field_value": None, "geo_results": {}}
    assert index.upsert([THREE_RECORDS["b"] | dropped]).unchanged == 1
    assert index.upsert([THREE_RECORDS["b"] | {"record_score": 91.0}]).replaced == 1
    assert index.sequence == 2


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (THREE_RECORDS["b"] | {"causes": [{"a": {5}}]}, "documents[0].causes[0].a"),
        (THREE_RECORDS["b"] | {"extra": {5}}, "documents[0].extra"),
        (THREE_BUCKETS["b"] | {"bucket_influencers": [5]}, "documents[0].bucket_influencers[0]"),
    ],
    ids=["causes", "an unknown key", "bucket influencers"],
)
def test_dropped_fields_are_checked(document: dict[str, Any], field: str) -> None:
    """Section 20, keep_documents: a bad value in a dropped field refuses the document."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex(keep_documents=False).upsert([document])
    assert_refusal(caught.value, invalid_document(field))
