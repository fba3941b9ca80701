"""Our decisions on what may be stored as a record or an influencer: documents, columns, and which are bad."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQueryError, InvalidDocument, Kind
from support.semantics_tables import (
    CALLS,
    HOUR_S,
    JOB,
    LISTS,
    Refusal,
    assert_refusal,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
)

T0 = 1_577_836_800_000  # 2020-01-01T00:00Z
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999

KINDS: tuple[Kind, ...] = ("record", "influencer")
DOUBLES: Mapping[Kind, tuple[str, ...]] = {
    "record": ("record_score", "initial_record_score", "probability", "multi_bucket_impact"),
    "influencer": ("influencer_score", "initial_influencer_score", "probability"),
}
TEXTS: Mapping[Kind, tuple[str, ...]] = {
    "record": (
        "by_field_name",
        "by_field_value",
        "correlated_by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "function",
        "function_description",
        "field_name",
    ),
    "influencer": ("influencer_field_name", "influencer_field_value"),
}


def document(kind: Kind, when: int = T0, **fields: Any) -> dict[str, Any]:
    """A document of this kind."""
    return bucket(when) | {"result_type": kind} | fields


# ---- what is taken ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """A value of one field of a document of a kind, and how the body shows it."""

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


def taken(kind: Kind, field: str, source: str, *pairs: tuple[Any, Any]) -> list[Taken]:
    """Rows for one field, of values and what is shown for them."""
    return [Taken("20.documents", kind, field, value, shown, source) for value, shown in pairs]


TAKEN = [
    row
    for kind, fields in DOUBLES.items()
    for field in fields
    for row in taken(
        kind,
        field,
        "ours: finite numbers, no other range check",
        (0, 0.0),
        (50, 50.0),
        (-5.5, -5.5),
        (150, 150.0),
        (-0.0, 0.0),
        (5e-324, 5e-324),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (np.float32(50.5), 50.5),
        (np.uint8(50), 50.0),
    )
] + [
    row
    for kind, fields in TEXTS.items()
    for field in fields
    for row in taken(
        kind, field, "ours: text", ("a", "a"), ("", ""), ("\u00e9\U0001f600", "\u00e9\U0001f600"), ("a\x00", "a\x00")
    )
]
for _kind in KINDS:
    TAKEN += [
        *taken(
            _kind,
            "timestamp",
            "ours: as of buckets",
            (T0, T0),
            (float(T0), T0),
            (FIRST_MS, FIRST_MS),
            (LAST_MS, LAST_MS),
            ("2020-01-01T01:00:00+01:00", T0),
            (datetime(2020, 1, 1, tzinfo=UTC), T0),
            (np.datetime64("2020-01-01", "D"), T0),
        ),
        *taken(_kind, "bucket_span", "ours: at least 1", (1, 1), (900.0, 900), (2**63 - 1, 2**63 - 1)),
        *taken(_kind, "is_interim", "ours: bools", (True, True), (False, False), (np.bool_(True), True), (None, False)),
    ]
TAKEN += [
    *taken(
        "record",
        "detector_index",
        "ours: integers inside int64",
        (0, 0),
        (5, 5),
        (5.0, 5),
        (-5, -5),
        (np.int8(-5), -5),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (None, 0),
    ),
    *(
        row
        for field in ("typical", "actual")
        for row in taken(
            "record",
            field,
            "ours: a list of finite numbers",
            ([], []),
            ([5], [5.0]),
            ((1, 2.5, -0.0), [1.0, 2.5, 0.0]),
            ([np.float32(0.5), np.int64(3)], [0.5, 3.0]),
            ([5e-324], [5e-324]),
        )
    ),
    *taken("record", "causes", "ours: a list of objects", ([], []), ([{}], [{}]), (({"a": "x"},), [{"a": "x"}])),
    *taken(
        "record",
        "influencers",
        "ours: a list of objects",
        ([], []),
        ([{}], [{}]),
        ([{"influencer_field_values": ()}], [{"influencer_field_values": []}]),
    ),
    *taken("record", "geo_results", "ours: an object", ({}, {}), ({"a": [1]}, {"a": [1]})),
    *taken("record", "anomaly_score_explanation", "ours: an object", ({}, {}), ({"a": None}, {"a": None})),
]


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


TAKEN += [
    Taken("20.unknown-fields", kind, "extra", value, shown, source)
    for kind in KINDS
    for value, shown, source in (
        (None, None, "ours: null included"),
        (True, True, "ours: JSON"),
        (5, 5, "ours: JSON"),
        (2**63 - 1, 2**63 - 1, "ours: integers inside int64"),
        (-(2**63), -(2**63), "ours: integers inside int64"),
        (5.5, 5.5, "ours: JSON"),
        (1e300, 1e300, "ours: finite"),
        (5.0, 5.0, "ours: as it was stored"),
        ("", "", "ours: JSON"),
        ([], [], "ours: JSON"),
        ((1, ("a", None)), [1, ["a", None]], "ours: a tuple is a list"),
        ({}, {}, "ours: JSON"),
        ({"": {"b": 1, "a": [{}]}}, {"": {"b": 1, "a": [{}]}}, "ours: in its own order"),
        (np.int16(5), 5, "ours: NumPy's number is Python's"),
        (np.float64(5.0), 5.0, "ours: NumPy's number is Python's"),
        (np.float32(0.5), 0.5, "ours: NumPy's number is Python's"),
        (nested(90), nested(90), "ours: up to 100 levels"),
    )
]


@each_row(TAKEN)
def test_value_is_taken(row: Taken) -> None:
    """A value of the row's kind is stored, and shown as the API shows it."""
    page = getattr(index_of([document(row.kind) | {row.field: row.value}]), CALLS[row.kind])(job_id=JOB)
    assert_same_body(page.to_dict()[LISTS[row.kind]][0][row.field], row.shown)


# ---- what is refused -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BadDocument:
    """A batch that is refused, and the path that the error names; ``|`` between several that may be named."""

    rule: str
    claim: str
    given: Any
    field: str
    source: str
    _: KW_ONLY
    kind: Any = None


def bad(kind: Kind, field: str, source: str, *values: Any, path: str = "") -> list[BadDocument]:
    """Rows for one field of the second document of a batch, the first being good."""
    return [
        BadDocument(
            "20.documents",
            f"{kind} {field} {type(value).__name__} {value!r:.60}",
            [document(kind), document(kind, T0 + 1) | {field: value}],
            f"documents[1].{field}{path}",
            source,
        )
        for value in values
    ]


NO_NUMBER = (True, "5", "", math.nan, math.inf, -math.inf, np.float32("nan"), [5], {"value": 5}, b"5", 5j)

BAD_VALUES = [
    *(
        row
        for kind, fields in DOUBLES.items()
        for field in fields
        for row in bad(kind, field, "ours: finite numbers", *NO_NUMBER, 10**400)
    ),
    *(
        row
        for kind, fields in TEXTS.items()
        for field in fields
        for row in bad(kind, field, "ours: text or null", 5, True, b"a", ["a"], {})
    ),
    *bad("record", "detector_index", "ours: integers inside int64", *NO_NUMBER, 1.5, 2**63, -(2**63) - 1, 1e300),
]
for _kind in KINDS:
    BAD_VALUES += [
        *bad(_kind, "timestamp", "ours: required", None),
        *bad(
            _kind,
            "timestamp",
            "ours: as of buckets",
            True,
            1.5,
            "2020",
            "now",
            "soon",
            LAST_MS + 1,
            np.datetime64("NaT"),
        ),
        *bad(_kind, "bucket_span", "ours: required, at least 1", None, 0, -1, 0.5, "60", True),
        *bad(_kind, "job_id", "ours: required text", None, 5, "", "a b", "w*", "_all", "x" * 256),
        *bad(_kind, "is_interim", "ours: bools", 0, 1, "true", []),
        *bad(_kind, "result_type", "ours: text", 5, True, [_kind]),
    ]
BAD_VALUES += [
    *(
        row
        for field in ("typical", "actual")
        for row in (
            *bad("record", field, "ours: a list", 5, 5.0, "5", {"a": 1}, True),
            *bad(
                "record",
                field,
                "ours: of finite numbers",
                ["5"],
                [None],
                [True],
                [[5]],
                [math.nan],
                [10**400],
                path="[0]",
            ),
            *bad("record", field, "ours: of finite numbers", [1.0, math.inf], [1.0, "x"], path="[1]"),
        )
    ),
    *(
        row
        for field in ("causes", "influencers")
        for row in (
            *bad("record", field, "ours: a list", "x", 5, {}, {"probability": 0.5}, True),
            *bad("record", field, "ours: of objects", [None], ["x"], [5], [[{}]], path="[0]"),
            *bad("record", field, "ours: of objects", [{}, "x"], path="[1]"),
        )
    ),
    *bad(
        "record",
        "causes",
        "ours: JSON",
        [{"probability": math.nan}],
        [{"probability": math.inf}],
        path="[0].probability",
    ),
    *bad("record", "causes", "ours: JSON", [{}, {"typical": [1, math.nan]}], path="[1].typical[1]"),
    *bad("record", "causes", "ours: JSON", [{"when": datetime(2020, 1, 1, tzinfo=UTC)}], path="[0].when"),
    *bad("record", "causes", "ours: integers inside int64", [{"a": {"b": 2**63}}], path="[0].a.b"),
    *bad(
        "record",
        "influencers",
        "INFL: text",
        [{"influencer_field_name": 5}],
        [{"influencer_field_name": ["host"]}],
        path="[0].influencer_field_name",
    ),
    *bad(
        "record",
        "influencers",
        "INFL: a list of texts",
        [{"influencer_field_values": "a"}],
        [{"influencer_field_values": 5}],
        [{"influencer_field_values": {}}],
        path="[0].influencer_field_values",
    ),
    *bad(
        "record",
        "influencers",
        "INFL: a list of texts",
        [{"influencer_field_values": ["a", 5]}],
        [{"influencer_field_values": ["a", None]}],
        path="[0].influencer_field_values[1]",
    ),
    *bad("record", "influencers", "ours: JSON", [{}, {"extra": math.nan}], path="[1].extra"),
    *(
        row
        for field in ("geo_results", "anomaly_score_explanation")
        for row in (
            *bad("record", field, "ours: an object", "1,2", 5, [], [{}], True),
            *bad("record", field, "ours: JSON", {"a": math.nan}, {"a": b"x"}, {"a": {1, 2}}, path=".a"),
            *bad("record", field, "ours: JSON", {"a": [{"b": 1e400}]}, path=".a[0].b"),
        )
    ),
]
BAD_VALUES += [
    row
    for kind in KINDS
    for row in (
        *bad(
            kind, "extra", "ours: JSON", math.nan, -math.inf, b"x", {1, 2}, 5j, object, datetime(2020, 1, 1, tzinfo=UTC)
        ),
        *bad(kind, "extra", "ours: integers inside int64", 2**63, -(2**63) - 1, 10**400),
        *bad(kind, "extra", "ours: NumPy scalars alone", np.array([1, 2]), np.datetime64("2020-01-01")),
        *bad(kind, "extra", "ours: JSON", {"name": math.nan}, {"name": {"x"}}, path=".name"),
        *bad(kind, "extra", "ours: JSON", [0, (1, math.nan)], path="[1][1]"),
        *bad(kind, "extra", "ours: JSON", {"a": [{"b": [np.float32("inf")]}]}, path=".a[0].b[0]"),
    )
]

SHAPES: tuple[tuple[str, Kind, str], ...] = (("9.6", "record", "REC"), ("9.11", "influencer", "INFR"))
REQUIRED = [
    BadDocument(
        rule,
        f"{kind} without {field}",
        [{name: value for name, value in document(kind).items() if name != field}],
        f"documents[0].{field}",
        source,
    )
    for rule, kind, source in SHAPES
    for field in ("job_id", "timestamp", "bucket_span")
]

OTHER_TYPES: Mapping[Kind, tuple[Any, ...]] = {
    "record": ("bucket", "influencer", "Record", "", 5),
    "influencer": ("bucket", "record", "bucket_influencer"),
}
WHERE = [
    BadDocument(
        "20.a-bad-document",
        "the first document, whatever its kind",
        [bucket(T0), record(T0, causes="x"), influencer(T0, "a", influencer_score="x"), bucket(T0, anomaly_score="x")],
        "documents[1].causes",
        "ours: the first document",
    ),
    BadDocument(
        "20.a-bad-document",
        "positions are those of the batch, not of the kind",
        [{}, bucket(T0), record(T0), influencer(T0, "a", influencer_score="x")],
        "documents[3].influencer_score",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "a cause inside a search hit",
        [{"_id": "x", "_source": record(T0, causes=[{}, {"probability": math.nan}])}],
        "documents[0]._source.causes[1].probability",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "an unknown key inside a search hit",
        [record(T0), {"_source": record(T0, host={"name": math.nan})}],
        "documents[1]._source.host.name",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "a record that a later one of the batch replaces",
        [record(T0, host=math.nan), record(T0)],
        "documents[0].host",
        "ours: checked before written",
    ),
    BadDocument("20.a-bad-document", "one record instead of several", record(T0), "documents", "ours"),
] + [
    BadDocument(
        "20.commits",
        f"kind {kind} given, result_type {result_type!r}",
        [document(kind), document(kind) | {"result_type": result_type}],
        "documents[1].result_type",
        "ours: absent or that kind",
        kind=kind,
    )
    for kind, result_types in OTHER_TYPES.items()
    for result_type in result_types
]


@each_row(BAD_VALUES, REQUIRED, WHERE)
def test_bad_document_refuses_the_batch(row: BadDocument) -> None:
    """A bad document is refused with its position and path, and of its batch nothing is stored."""
    index = index_of([bucket(0), record(0), influencer(0, "a")])
    before = index.sequence
    with pytest.raises(BucketQueryError) as caught:
        index.upsert(row.given, kind=row.kind)
    assert_refusal(caught.value, Refusal(InvalidDocument, 400, "document_parsing_exception", row.field, ""))
    assert index.sequence == before
    assert [getattr(index, call)(job_id=JOB).count for call in CALLS.values()] == [1, 1, 1]


@pytest.mark.parametrize(
    "value", [nested(110), {"a": nested(110)}, [{"a": nested(5_000)}]], ids=["list", "object", "deep"]
)
@pytest.mark.parametrize("field", ["extra", "causes"])
def test_too_deep_a_value_is_refused(field: str, value: Any) -> None:
    """Section 20, documents: what is more than 100 levels deep is refused, naming a path in the field."""
    index = index_of([])
    if field == "causes":
        value = [{"a": value}]
    with pytest.raises(InvalidDocument) as caught:
        index.upsert([record(T0), record(T0 + 1, **{field: value})])
    assert (caught.value.field or "").startswith(f"documents[1].{field}")
    assert index.get_records(job_id=JOB).count == 0


@pytest.mark.parametrize("key", [5, None, b"a", ("a",)])
@pytest.mark.parametrize("field", ["extra", "geo_results"])
def test_key_that_is_no_text_is_refused(field: str, key: Any) -> None:
    """Section 20, documents: an object's keys are text."""
    with pytest.raises(InvalidDocument) as caught:
        index_of([]).upsert([record(T0, **{field: {"a": 1, key: 2}})])
    assert (caught.value.field or "").startswith(f"documents[0].{field}")


# ---- kinds -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Routed:
    """A batch, with or without `kind`, and how many buckets, records and influencers are stored of it."""

    rule: str
    claim: str
    given: list[Any]
    stored: tuple[int, int, int]
    skipped: Mapping[str, int]
    source: str
    _: KW_ONLY
    kind: Any = None


UNTYPED = {name: value for name, value in bucket(T0).items() if name != "result_type"}
ROUTED = [
    Routed(
        "20.other-result-types",
        "each to its kind",
        [record(T0), bucket(T0), influencer(T0, "a"), record(T0 + 1)],
        (1, 2, 1),
        {},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "search hits",
        [{"_id": "x", "_source": record(T0)}, {"_source": influencer(T0, "a")}],
        (0, 1, 1),
        {},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "names are exact, and others are skipped",
        [record(T0) | {"result_type": name} for name in ("Record", "records", "bucket_influencer", "model_plot")],
        (0, 0, 0),
        {"Record": 1, "records": 1, "bucket_influencer": 1, "model_plot": 1},
        "ours",
    ),
    Routed("20.other-result-types", "kind record, no type", [UNTYPED], (0, 1, 0), {}, "ours", kind="record"),
    Routed(
        "20.other-result-types",
        "kind influencer, no type",
        [UNTYPED, {"_source": UNTYPED | {"influencer_field_name": "host", "result_type": None}}],
        (0, 0, 2),
        {},
        "ours: null is missing",
        kind="influencer",
    ),
    Routed("20.other-result-types", "kind record, that type", [record(T0)], (0, 1, 0), {}, "ours", kind="record"),
]


@each_row(ROUTED)
def test_document_is_routed_by_its_result_type(row: Routed) -> None:
    """Buckets, records and influencers are stored as what they are; other result types are skipped and counted."""
    index = index_of([])
    commit = index.upsert(iter(row.given), kind=row.kind)
    assert (commit.inserted, dict(commit.skipped)) == (sum(row.stored), row.skipped)
    assert tuple(getattr(index, call)(job_id=JOB).count for call in CALLS.values()) == row.stored


# ---- columns ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SameAs:
    """Columns of a kind, and the documents they are the same as."""

    rule: str
    claim: str
    kind: Kind
    columns: Mapping[str, Any]
    documents: list[dict[str, Any]]
    source: str
    _: KW_ONLY
    job_id: str | None = JOB


TIMES = np.array([T0, T0 + 3_600_000], dtype=np.int64)
BASIC: dict[str, Any] = {"timestamp": TIMES, "bucket_span": HOUR_S}


def columns(kind: Kind, claim: str, source: str = "ours", **fields: Any) -> SameAs:
    """Two results an hour apart: each field is a column of two entries, and None is missing in the documents."""
    lists = {
        name: column.tolist(None) if isinstance(column, np.ma.MaskedArray) else column
        for name, column in fields.items()
    }
    documents = [
        document(kind, int(TIMES[row])) | {name: column[row] for name, column in lists.items()} for row in (0, 1)
    ]
    return SameAs("20.columns", f"{kind}: {claim}", kind, BASIC | fields, documents, source)


def texts(column: Any) -> dict[str, Any]:
    """The same column for each text of a record."""
    return dict.fromkeys(TEXTS["record"], column)


COLUMNS = [
    columns("record", "the least", "ours: a column left out is missing"),
    columns(
        "record",
        "numbers",
        "as documents",
        record_score=np.array([1.5, 2.5], np.float32),
        initial_record_score=np.array([1, 2]),
        probability=np.array([1e-308, 5e-324]),
        multi_bucket_impact=np.array([-5.0, 5.0]),
        detector_index=np.array([2**63 - 1, -(2**63)]),
    ),
    columns(
        "record",
        "masked entries",
        "ours: missing",
        record_score=np.ma.array([1.5, math.nan], mask=[False, True]),
        detector_index=np.ma.array([1, 9], mask=[False, True]),
        is_interim=np.ma.array([True, True], mask=[True, False]),
    ),
    columns(
        "record",
        "None in lists",
        "ours: missing",
        probability=[0.5, None],
        detector_index=[None, 3],
        function=["min", None],
    ),
    columns("record", "interim", is_interim=np.array([True, False])),
    columns("record", "text, and empty text", **texts(["", "b"])),
    columns("record", "text of NumPy", **texts(np.array(["a", "bcd"]))),
    columns("record", "text of objects", **texts(np.array(["a\x00", None], object))),
    columns("record", "typical and actual", "ours: sequences of lists", typical=[[1, 2.5], []], actual=((0.5,), None)),
    columns("record", "causes", "ours: sequences of lists", causes=[[{"probability": 0.5}, {}], None]),
    columns(
        "record",
        "influencers",
        "ours: sequences of lists",
        influencers=[None, [{"influencer_field_name": "host", "influencer_field_values": ["a", "b"]}]],
    ),
    columns(
        "record",
        "objects",
        "ours: sequences of objects",
        geo_results=[{"typical_point": "1,2"}, None],
        anomaly_score_explanation=[{}, {"anomaly_type": "dip"}],
    ),
    columns("record", "result_type", "ours: if every entry is the kind", result_type=["record", "record"]),
    columns(
        "record",
        "data fields come from columns too",
        "9.6",
        by_field_name=["airline", "airline"],
        by_field_value=["AAL", "UAL"],
    ),
    columns("influencer", "the least", "ours: a column left out is missing"),
    columns(
        "influencer",
        "everything",
        "as documents",
        influencer_field_name=["host", "user"],
        influencer_field_value=np.array(["a", "b"]),
        influencer_score=np.ma.array([1.5, 9.0], mask=[False, True]),
        initial_influencer_score=[1, None],
        probability=np.array([1e-308, 5e-324]),
        is_interim=[None, True],
    ),
    columns("influencer", "result_type", "ours: if every entry is the kind", result_type=["influencer"] * 2),
    SameAs(
        "20.columns",
        "record: one identity twice, the last wins",
        "record",
        {"timestamp": TIMES[[0, 0]], "bucket_span": 60, "detector_index": [None, 0], "record_score": [1.0, 2.0]},
        [record(T0, bucket_span=60, detector_index=0, record_score=2.0)],
        "12.1",
    ),
    SameAs(
        "20.columns",
        "record: absent and empty values are two",
        "record",
        {"timestamp": TIMES[[0, 0]], "bucket_span": HOUR_S, "by_field_value": [None, ""]},
        [record(T0), record(T0, by_field_value="")],
        "20.identity",
    ),
    SameAs(
        "20.columns",
        "influencer: a column of jobs",
        "influencer",
        BASIC
        | {"job_id": ["db", "web"], "influencer_field_name": ["host", "host"], "influencer_field_value": ["a", "a"]},
        [influencer(T0 + 3_600_000, "a"), influencer(T0, "a", job_id="db")],
        "ours",
        job_id=None,
    ),
    SameAs(
        "20.columns", "record: no rows", "record", {"timestamp": TIMES[:0], "bucket_span": 60}, [], "an empty batch"
    ),
]


@each_row(COLUMNS)
def test_columns_are_the_same_as_documents(row: SameAs) -> None:
    """Columns store what the same documents store: the same bodies, the same order, the same commit."""
    by_columns, by_documents = index_of([]), index_of([])
    commit = by_columns.upsert_columns(row.columns, job_id=row.job_id, kind=row.kind)
    assert commit == by_documents.upsert(row.documents)
    assert by_columns.jobs() == by_documents.jobs()
    for job_id in by_columns.jobs():
        for asked in ({}, {"sort": "probability"}, {"sort": "timestamp", "desc": False}, {"exclude_interim": True}):
            found, expected = (
                getattr(index, CALLS[row.kind])(job_id=job_id, **asked) for index in (by_columns, by_documents)
            )
            assert_same_body(found.to_dict(), expected.to_dict())
            assert found.keys() == expected.keys()
    assert by_columns.upsert(row.documents).sequence == commit.sequence


@dataclass(frozen=True, slots=True)
class BadColumns:
    """Columns of a kind that are refused, and the path that the error names; ``|`` between several that may be."""

    rule: str
    claim: str
    kind: Kind
    columns: Any
    field: str
    source: str


def bad_entry(kind: Kind, field: str, value: Any, path: str, source: str) -> BadColumns:
    """Columns of two rows of which one field is bad."""
    return BadColumns("20.columns", f"{kind} {field} {value!r:.50}", kind, BASIC | {field: value}, path, source)


#: Names that the schema of a kind does not have, though a body or another kind may.
NO_FIELDS: Sequence[tuple[Kind, str, Any]] = (
    ("record", "airline", [["AAL"], ["UAL"]]),
    ("record", "anomaly_score", [1.0, 2.0]),
    ("record", "influencer_score", [1.0, 2.0]),
    ("record", "bucket_influencers", [[], []]),
    ("record", "timestamp_string", ["x", "x"]),
    ("record", "causes.probability", [0.5, 0.5]),
    ("influencer", "host", ["a", "b"]),
    ("influencer", "record_score", [1.0, 2.0]),
    ("influencer", "influencer_field_values", [["a"], ["b"]]),
    ("bucket", "record_score", [1.0, 2.0]),
    ("bucket", "records", [[], []]),
)
BAD_COLUMNS = [
    bad_entry("record", "record_score", np.array([1.0, math.nan]), "columns.record_score[1]", "ours: NaN is refused"),
    bad_entry("record", "probability", [0.5, "x"], "columns.probability[1]", "as documents"),
    bad_entry("record", "detector_index", np.array([1.0, 1.5]), "columns.detector_index[1]", "ours: integral floats"),
    bad_entry("record", "is_interim", [True, 1], "columns.is_interim[1]", "as documents: bools"),
    bad_entry("record", "by_field_value", ["a", 5], "columns.by_field_value[1]", "as documents: text"),
    bad_entry(
        "record",
        "function",
        np.array([1, 2]),
        "columns.function|columns.function[0]",
        "as documents: text",
    ),
    bad_entry("record", "typical", [[1.0], [1.0, math.nan]], "columns.typical[1][1]", "as documents: finite"),
    bad_entry("record", "typical", [[1.0], 5], "columns.typical[1]", "as documents: lists"),
    bad_entry(
        "record", "causes", [[], [{}, {"probability": math.inf}]], "columns.causes[1][1].probability", "as documents"
    ),
    bad_entry("record", "causes", [[], [5]], "columns.causes[1][0]", "as documents: objects"),
    bad_entry(
        "record",
        "influencers",
        [[{"influencer_field_values": ["a", 5]}], []],
        "columns.influencers[0][0].influencer_field_values[1]",
        "as documents: text",
    ),
    bad_entry("record", "geo_results", [{}, []], "columns.geo_results[1]", "as documents: an object"),
    bad_entry("record", "geo_results", [{}, {"a": b"x"}], "columns.geo_results[1].a", "as documents"),
    bad_entry("record", "timestamp", [T0, None], "columns.timestamp[1]", "ours: required"),
    bad_entry("record", "bucket_span", [60, 0], "columns.bucket_span[1]", "ours: at least 1"),
    bad_entry(
        "record", "result_type", ["record", "bucket"], "columns.result_type|columns.result_type[1]", "ours: the kind"
    ),
    bad_entry("influencer", "influencer_score", [math.nan, 1.0], "columns.influencer_score[0]", "ours: NaN is refused"),
    bad_entry(
        "influencer", "influencer_field_value", ["a", b"b"], "columns.influencer_field_value[1]", "as documents: text"
    ),
] + [
    bad_entry(kind, name, value, f"columns|columns.{name}", "ours: names of the schema only")
    for kind, name, value in NO_FIELDS
]


@each_row(BAD_COLUMNS)
def test_bad_columns_are_refused(row: BadColumns) -> None:
    """Columns are checked as documents are, named by column and position, and nothing of them is stored."""
    index = index_of([])
    before = index.sequence
    with pytest.raises(BucketQueryError) as caught:
        index.upsert_columns(row.columns, job_id=JOB, kind=row.kind)
    assert_refusal(caught.value, Refusal(InvalidDocument, 400, "document_parsing_exception", row.field, ""))
    assert (index.sequence, getattr(index, CALLS[row.kind])(job_id=JOB).count) == (before, 0)
