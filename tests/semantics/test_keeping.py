"""Our decision on hosts that keep the documents themselves: `keep_documents=False` and `to_dict(documents=...)`."""

import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import pytest

from bucketquery import BucketQueryError, InvalidDocument, Kind, ResultsIndex
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    QUERIES,
    Answered,
    Documents,
    Page,
    Refusal,
    ask,
    assert_refusal,
    assert_same_body,
    bucket,
    doors,
    each_row,
    identity,
    index_of,
    influencer,
    invalid,
    names_of_keys,
    record,
)

HOUR = 3_600_000
#: Three of each kind, one after the other; the middle one says all there is to say.
BUCKETS = {
    "a": bucket(0, anomaly_score=5.0),
    "b": bucket(
        HOUR,
        anomaly_score=90.0,
        initial_anomaly_score=95.5,
        event_count=3,
        is_interim=True,
        processing_time_ms=12,
        bucket_influencers=[{"influencer_field_name": "host", "anomaly_score": 80.0}],
        scheduled_events=["sale", "fair"],
    ),
    "c": bucket(2 * HOUR),
}
RECORDS = {
    "a": record(0, record_score=5.0),
    "b": record(
        HOUR,
        record_score=90.0,
        initial_record_score=95.5,
        probability=1e-308,
        multi_bucket_impact=-2.5,
        detector_index=2,
        is_interim=True,
        by_field_name="airline",
        by_field_value="AAL",
        correlated_by_field_value="UAL",
        over_field_name="user",
        over_field_value="ann",
        partition_field_name="zone",
        partition_field_value="east",
        function="mean",
        function_description="mean of",
        field_name="response",
        typical=[1.0],
        actual=[2.0],
        causes=[{"probability": 0.5}],
        influencers=[{"influencer_field_name": "host", "influencer_field_values": ["a"]}],
        geo_results={"typical_point": "1,2"},
        anomaly_score_explanation={"anomaly_type": "spike"},
        extra={"deep": [1]},
    ),
    "c": record(2 * HOUR),
}
INFLUENCERS = {
    "a": influencer(0, "a", influencer_score=5.0),
    "b": influencer(
        HOUR,
        "b",
        influencer_score=90.0,
        initial_influencer_score=95.5,
        probability=1e-308,
        is_interim=True,
        extra=[None],
    ),
    "c": influencer(2 * HOUR, "c"),
}
GIVEN: Mapping[Kind, Documents] = {"bucket": BUCKETS, "record": RECORDS, "influencer": INFLUENCERS}


def page_of(kind: Kind, *, keep: bool = False, **asked: Any) -> Page:
    """The page of a kind in time order, of an index that keeps no documents unless said otherwise."""
    index = index_of(GIVEN[kind].values(), keep_documents=keep)
    page: Page = getattr(index, CALLS[kind])(**{"job_id": JOB, "sort": "timestamp", "desc": False} | asked)
    return page


def answered_rows() -> Iterator[Answered]:
    """Every row of this folder that is about a page of results."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.samefile(__file__):
            continue
        for name, member in runpy.run_path(str(path)).items():
            marks: list[pytest.Mark] = getattr(member, "pytestmark", []) if name.startswith("test_") else []
            for mark in marks:
                if mark.name == "parametrize" and mark.args[0] == "row":
                    yield from (row for row in mark.args[1] if isinstance(row, Answered))


def test_every_answer_has_the_same_keys_without_documents() -> None:
    """Section 20, keep_documents: no row of a table has other keys or another count where no documents are kept."""
    checked = 0
    for row in answered_rows():
        if row.rule == "20.scan" or row.asked.get("expand") in {True, "true"}:
            continue  # the answer of a scan is no page, and what is expanded needs documents
        index = index_of(row.given.values(), keep_documents=False)
        expected = row.expected.split()
        count = len(expected) if row.count is None else row.count
        for door in doors(row.only, row.of):
            page = ask(index, door, row.asked, row.of)
            found = (names_of_keys(row.given, page.keys()), page.count, len(page))
            assert found == (expected, count, len(expected)), f"{row.rule} {row.claim}, {door}"
            checked += 1
    assert checked > 1_000


# ---- what is kept ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A field of the middle result of a kind, its value in the column, or None where the field is dropped."""

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
    Kept("20.keep-documents", kind, field, expected, "ours: it filters or sorts")
    for kind, fields in KEPT_FIELDS.items()
    for field, expected in fields.items()
]
DROPPED = [
    Kept("20.keep-documents", kind, field, None, "ours: it neither filters nor sorts")
    for kind, names in DROPPED_FIELDS.items()
    for field in names
]


@each_row(KEPT)
def test_column_of_a_kept_field_is_there(row: Kept) -> None:
    """A field that filters or sorts is a column with and without documents, the same one."""
    columns = [page_of(row.kind, keep=keep).column(row.field).tolist() for keep in (True, False)]
    assert_same_body(columns[0], columns[1])
    assert columns[0][1] == row.expected
    assert page_of(row.kind, size=0).column(row.field).tolist() == []


@each_row(DROPPED)
def test_column_of_a_dropped_field_is_refused(row: Kept) -> None:
    """A field that neither filters nor sorts is not kept, and its column is an `InvalidQuery` about `name`."""
    with pytest.raises(BucketQueryError) as caught:
        page_of(row.kind).column(row.field)
    assert_refusal(caught.value, invalid("name", ""))


@dataclass(frozen=True, slots=True)
class Needs:
    """Something that needs the documents, done to a page that has some results."""

    rule: str
    claim: str
    use: Callable[[Page], object]
    source: str


NEEDS = [
    Needs("20.keep-documents", "iterating", list, "ours"),
    Needs("20.keep-documents", "the first one", lambda page: page[0], "ours"),
    Needs("20.keep-documents", "the last one", lambda page: page[-1], "ours"),
    Needs("20.keep-documents", "some", lambda page: page[0:2], "ours"),
    Needs("20.keep-documents", "the body", lambda page: page.to_dict(), "ours"),
    Needs("20.keep-documents", "the body for people", lambda page: page.to_dict(human=True), "ours"),
]


@pytest.mark.parametrize("kind", CALLS)
@each_row(NEEDS)
def test_what_needs_documents_is_refused(row: Needs, kind: Kind) -> None:
    """Values and bodies cannot be made of what is not kept: an `InvalidQuery` about `documents`."""
    page = page_of(kind)
    with pytest.raises(BucketQueryError) as caught:
        row.use(page)
    assert_refusal(caught.value, invalid("documents", ""))
    assert (page.count, len(page), len(page.keys())) == (3, 3, 3)


@pytest.mark.parametrize("kind", CALLS)
def test_scan_needs_documents(kind: Kind) -> None:
    """Section 20, keep_documents: a scan that finds something is refused as a page's iteration is."""
    index = index_of(GIVEN[kind].values(), keep_documents=False)
    for reader in (index, index.snapshot()):
        with pytest.raises(BucketQueryError) as caught:
            list(reader.scan(QUERIES[kind](jobs=JOB)))
        assert_refusal(caught.value, invalid("documents", ""))


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("asked", [{"size": 0}, {"from_": 3}], ids=str)
def test_empty_page_needs_no_documents(kind: Kind, asked: dict[str, Any]) -> None:
    """Section 20, keep_documents: a page without results has its values and its body, which are none."""
    page = page_of(kind, **asked)
    assert list(page) == []
    assert_same_body(page.to_dict(), {"count": 3, LISTS[kind]: []})
    assert_same_body(page.to_dict(documents=[]), {"count": 3, LISTS[kind]: []})


def test_expand_needs_documents() -> None:
    """Section 20, keep_documents: `expand` asks for records as they are, so it is an `InvalidQuery` of that name."""
    index = index_of(BUCKETS.values(), keep_documents=False)
    for door in doors(None):
        with pytest.raises(BucketQueryError) as caught:
            ask(index, door, {"expand": True})
        assert_refusal(caught.value, invalid("expand", ""))
        assert ask(index, door, {"expand": False}).count == 3


def test_what_is_not_kept_is_not_compared() -> None:
    """Section 20, keep_documents: a document that differs only in what is dropped leaves the result unchanged."""
    index = ResultsIndex(keep_documents=False)
    assert index.upsert([RECORDS["b"]]).inserted == 1
    dropped = {"causes": [], "extra": 1, "typical": None, "correlated_by_field_value": None, "geo_results": {}}
    assert index.upsert([RECORDS["b"] | dropped]).unchanged == 1
    assert index.upsert([RECORDS["b"] | {"record_score": 91.0}]).replaced == 1
    assert index.sequence == 2


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (RECORDS["b"] | {"causes": [{"a": {5}}]}, "documents[0].causes[0].a"),
        (RECORDS["b"] | {"extra": {5}}, "documents[0].extra"),
        (BUCKETS["b"] | {"bucket_influencers": [5]}, "documents[0].bucket_influencers[0]"),
    ],
    ids=["causes", "an unknown key", "bucket influencers"],
)
def test_what_is_not_kept_is_checked(document: dict[str, Any], field: str) -> None:
    """Section 20, keep_documents: a document that could not be stored with documents is refused without them too."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex(keep_documents=False).upsert([document])
    assert_refusal(caught.value, Refusal(InvalidDocument, 400, "document_parsing_exception", field, ""))


# ---- the host's own documents ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lent:
    """What a host hands to `to_dict` for the page ``a b c`` of a kind, and the results in the body.

    Attributes:
        rule: its number.
        claim: what the row says.
        kind: the kind of results on the page.
        lent: the documents handed in.
        expected: the documents of which an index that keeps them has the same body.
        source: where the rule comes from.
        human: whether the body is asked for with `human=true`.
    """

    rule: str
    claim: str
    kind: Kind
    lent: list[Any]
    expected: list[Any]
    source: str
    _: KW_ONLY
    human: bool = False


LENT = [
    Lent("20.keep-documents", f"{kind}: the documents themselves", kind, [*given.values()], [*given.values()], "ours")
    for kind, given in GIVEN.items()
] + [
    Lent(
        "20.keep-documents",
        "for people",
        "record",
        [*RECORDS.values()],
        [*RECORDS.values()],
        "ours",
        human=True,
    ),
    Lent(
        "20.keep-documents",
        "search hits",
        "record",
        [{"_id": name, "_source": given} for name, given in RECORDS.items()],
        [*RECORDS.values()],
        "ours: unwrapped",
    ),
    Lent(
        "20.keep-documents",
        "the index's columns win",
        "record",
        [
            RECORDS["a"] | {"record_score": 6.0},
            RECORDS["b"] | {"record_score": 1.0, "probability": 0.5, "is_interim": False, "function": "max"},
            RECORDS["c"],
        ],
        [*RECORDS.values()],
        "ours",
    ),
    Lent(
        "20.keep-documents",
        "the host's documents say the rest",
        "record",
        [
            RECORDS["a"],
            RECORDS["b"] | {"causes": [{"other": 1}], "actual": [3], "extra": None},
            RECORDS["c"] | {"new": 1},
        ],
        [
            RECORDS["a"],
            RECORDS["b"] | {"causes": [{"other": 1}], "actual": [3], "extra": None},
            RECORDS["c"] | {"new": 1},
        ],
        "ours",
    ),
    Lent(
        "20.keep-documents",
        "a bucket's columns win, its influencers are the host's",
        "bucket",
        [
            BUCKETS["a"],
            BUCKETS["b"]
            | {
                "anomaly_score": 1.0,
                "scheduled_events": ["other"],
                "event_count": 9,
                "bucket_influencers": [{"influencer_field_name": "user"}],
            },
            BUCKETS["c"],
        ],
        [BUCKETS["a"], BUCKETS["b"] | {"bucket_influencers": [{"influencer_field_name": "user"}]}, BUCKETS["c"]],
        "ours",
    ),
    Lent(
        "20.keep-documents",
        "one instant, however it is written",
        "influencer",
        [INFLUENCERS["a"] | {"timestamp": "1970-01-01"}, INFLUENCERS["b"] | {"bucket_span": 3_600.0}, INFLUENCERS["c"]],
        [*INFLUENCERS.values()],
        "20.identity",
    ),
]


@pytest.mark.parametrize("keep", [False, True], ids=["not kept", "kept"])
@each_row(LENT)
def test_body_is_made_of_the_host_s_documents(row: Lent, keep: bool) -> None:
    """A host's documents, in the order of the keys, give the body that an index with those documents gives."""
    page = page_of(row.kind, keep=keep)
    assert page.keys() == tuple(identity(given) for given in GIVEN[row.kind].values())
    expected = getattr(index_of(row.expected), CALLS[row.kind])(job_id=JOB, sort="timestamp", desc=False)
    assert_same_body(page.to_dict(human=row.human, documents=iter(row.lent)), expected.to_dict(human=row.human))


def test_documents_are_in_the_order_of_the_keys() -> None:
    """Section 20, keep_documents: a page in another order takes its documents in that order."""
    page = page_of("record", desc=True)
    body = page.to_dict(documents=[RECORDS[name] for name in "cba"])
    assert [shown["timestamp"] for shown in body["records"]] == [2 * HOUR, HOUR, 0]
    assert body["records"][1]["extra"] == {"deep": [1]}


@dataclass(frozen=True, slots=True)
class BadLoan:
    """Documents that are not those of the page ``a b c``, and the path that the error names."""

    rule: str
    claim: str
    kind: Kind
    lent: Any
    field: str
    source: str


BAD_LOANS = [
    BadLoan("20.keep-documents", claim, "record", lent, field, source)
    for claim, lent, field, source in (
        ("none", [], "documents", "ours: too few"),
        ("one too few", [RECORDS["a"], RECORDS["b"]], "documents", "ours: too few"),
        ("one too many", [*RECORDS.values(), RECORDS["a"]], "documents", "ours: too many"),
        ("another one", [RECORDS["a"], RECORDS["b"], record(3 * HOUR)], "documents[2]", "ours: another identity"),
        ("another order", [RECORDS["b"], RECORDS["a"], RECORDS["c"]], "documents[0]", "ours: in the keys' order"),
        (
            "another detector",
            [RECORDS["a"], RECORDS["b"] | {"detector_index": 3}, RECORDS["c"]],
            "documents[1]",
            "ours: another identity",
        ),
        (
            "empty text for an absent value",
            [RECORDS["a"], RECORDS["b"], RECORDS["c"] | {"by_field_value": ""}],
            "documents[2]",
            "20.identity",
        ),
        (
            "another job",
            [RECORDS["a"], RECORDS["b"], RECORDS["c"] | {"job_id": "db"}],
            "documents[2]|documents[2].job_id",
            "ours: another identity",
        ),
        (
            "a bad score",
            [RECORDS["a"], RECORDS["b"] | {"record_score": "x"}, RECORDS["c"]],
            "documents[1].record_score",
            "ours: checked as what is stored",
        ),
        (
            "a bad cause in a search hit",
            [{"_source": RECORDS["a"] | {"causes": [{"a": {5}}]}}, RECORDS["b"], RECORDS["c"]],
            "documents[0]._source.causes[0].a",
            "ours: checked as what is stored",
        ),
        (
            "another kind",
            [RECORDS["a"], RECORDS["b"], RECORDS["c"] | {"result_type": "bucket"}],
            "documents[2].result_type|documents[2]",
            "20.commits",
        ),
        ("no object", [RECORDS["a"], 5, RECORDS["c"]], "documents[1]", "ours: checked as what is stored"),
    )
] + [
    BadLoan(
        "20.keep-documents",
        "another bucket",
        "bucket",
        [BUCKETS["a"], BUCKETS["b"] | {"bucket_span": 60, "bucket_influencers": []}, BUCKETS["c"]],
        "documents[1]",
        "ours: another identity",
    ),
    BadLoan(
        "20.keep-documents",
        "another influencer",
        "influencer",
        [INFLUENCERS["a"], INFLUENCERS["b"] | {"influencer_field_value": "x"}, INFLUENCERS["c"]],
        "documents[1]",
        "ours: another identity",
    ),
]


@pytest.mark.parametrize("keep", [False, True], ids=["not kept", "kept"])
@each_row(BAD_LOANS)
def test_other_documents_are_refused(row: BadLoan, keep: bool) -> None:
    """Documents that are too few, too many, others or bad are an `InvalidDocument` that names the first of them."""
    with pytest.raises(BucketQueryError) as caught:
        page_of(row.kind, keep=keep).to_dict(documents=row.lent)
    assert_refusal(caught.value, Refusal(InvalidDocument, 400, "document_parsing_exception", row.field, ""))
