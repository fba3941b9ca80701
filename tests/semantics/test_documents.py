"""Our decisions on what may be stored as a bucket: documents, columns, missing and unknown fields, other types."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQueryError, InvalidDocument, ResultsIndex
from support.semantics_tables import (
    HOUR_S,
    JOB,
    Refusal,
    assert_refusal,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    invalid,
)

T0 = 1_577_836_800_000  # 2020-01-01T00:00Z
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Taken:
    """A value of one field of a document, and how the body shows it."""

    rule: str
    field: str
    value: Any
    shown: Any
    source: str

    @property
    def claim(self) -> str:
        """The field and the value, with its type."""
        return f"{self.field} {type(self.value).__name__} {self.value!r}"


def taken(field: str, source: str, *pairs: tuple[Any, Any]) -> list[Taken]:
    """Rows for one field, of values and what is shown for them."""
    return [Taken("20.documents", field, value, shown, source) for value, shown in pairs]


TIMESTAMPS = taken(
    "timestamp",
    "ours: epoch ms, calendar text, aware datetime, datetime64; years 0001 to 9999",
    (T0, T0),
    (float(T0), T0),
    (np.int64(T0), T0),
    (np.float64(T0), T0),
    (np.uint64(T0), T0),
    (0, 0),
    (-1, -1),
    (-1.0, -1),
    (-0.0, 0),
    (2020, 2020),
    (FIRST_MS, FIRST_MS),
    (LAST_MS, LAST_MS),
    ("2020-01-01", T0),
    ("2020-01", T0),
    ("2020-01-01T", T0),
    ("2020-01-01T00", T0),
    ("2020-01-01T00:00Z", T0),
    ("2020-01-01T01:00:00+01:00", T0),
    ("2020-01-01T00:00:00.250Z", T0 + 250),
    ("2020-01-01T00:00:00,25UTC", T0 + 250),
    ("1969-12-31T23:59:59.999Z", -1),
    ("0001-01-01", FIRST_MS),
    ("9999-12-31T23:59:59.999Z", LAST_MS),
    (datetime(2020, 1, 1, tzinfo=UTC), T0),
    (datetime(2019, 12, 31, 19, tzinfo=timezone(timedelta(hours=-5))), T0),
    (np.datetime64("2020-01-01", "D"), T0),
    (np.datetime64("2020", "Y"), T0),
    (np.datetime64("2020-01-01T00:00:00.250000000", "ns"), T0 + 250),
)
SPANS = taken(
    "bucket_span",
    "ours: at least 1, inside int64",
    (1, 1),
    (3_600, 3_600),
    (3_600.0, 3_600),
    (np.int16(900), 900),
    (np.float32(900), 900),
    (7 * 86_400, 604_800),
    (2**63 - 1, 2**63 - 1),
)
LONGS = [
    row
    for field in ("event_count", "processing_time_ms")
    for row in taken(
        field,
        "ours: integers inside int64, no other range check",
        (0, 0),
        (5, 5),
        (5.0, 5),
        (-5, -5),
        (np.int8(-5), -5),
        (np.uint64(5), 5),
        (np.float64(5), 5),
        (-0.0, 0),
        (2**53 + 1, 2**53 + 1),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (-9_223_372_036_854_775_808.0, -(2**63)),
        (None, 0),
    )
]
DOUBLES = [
    row
    for field in ("anomaly_score", "initial_anomaly_score")
    for row in taken(
        field,
        "ours: finite numbers, no other range check",
        (0, 0.0),
        (50, 50.0),
        (50.5, 50.5),
        (-5.0, -5.0),
        (150, 150.0),
        (-0.0, 0.0),
        (5e-324, 5e-324),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (np.float64(50.5), 50.5),
        (np.float32(50.5), 50.5),
        (np.int64(50), 50.0),
        (np.uint8(50), 50.0),
        (None, 0.0),
    )
]
OTHERS = [
    *taken("is_interim", "ours: bools", (True, True), (False, False), (None, False)),
    *taken("scheduled_events", "ours: a list of text", (["b", "a"], ["b", "a"]), (("b",), ["b"]), ([""], [""])),
]


@each_row(TIMESTAMPS, SPANS, LONGS, DOUBLES, OTHERS)
def test_value_is_taken(row: Taken) -> None:
    """A value of the row's kind is stored, and shown as the API shows it: longs as longs, scores as doubles."""
    page = index_of([bucket(T0) | {row.field: row.value}]).get_buckets(job_id=JOB)
    assert_same_body(page.to_dict()["buckets"][0][row.field], row.shown)


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


def bad_values(field: str, source: str, *values: Any) -> list[BadDocument]:
    """Rows for one field of the second document of a batch, the first being good."""
    return [
        BadDocument(
            "20.documents",
            f"{field} {type(value).__name__} {value!r:.40}",
            [bucket(T0), bucket(T0 + 1) | {field: value}],
            f"documents[1].{field}",
            source,
        )
        for value in values
    ]


NO_NUMBER = (
    True,
    False,
    "5",
    "5.0",
    "x",
    math.nan,
    math.inf,
    -math.inf,
    np.float32("nan"),
    [5],
    {"value": 5},
    b"5",
    5j,
)

BAD_VALUES = [
    *bad_values("timestamp", "ours: required", None),
    *bad_values("timestamp", "ours", True, 1.5, math.nan, math.inf, [T0], {}, b"2020-01-01", np.datetime64("NaT")),
    *bad_values("timestamp", "ours: years 0001 to 9999", FIRST_MS - 1, LAST_MS + 1, -(2**63), 2**63, 10**30, 1e300),
    *bad_values("timestamp", "ours: years 0001 to 9999", "0000-01-01", "9999-12-31T23:59:59-01:00", "0001-01-01T00+01"),
    *bad_values("timestamp", "ours: years 0001 to 9999", np.datetime64("0000-12-31", "D"), np.datetime64(10**9, "Y")),
    *bad_values(
        "timestamp", "ours: calendar text only", "2020", str(T0), "-1", "now", "now/d", "2020-01-01||/d", "5000"
    ),
    *bad_values(
        "timestamp", "1.6", "", "2020-01-01 00:00", "2020-02-30", " 2020-01-01", "2020-01-01\n", "soon", "2020-1-1"
    ),
    *bad_values("timestamp", "ours: a naive datetime", datetime(2020, 1, 1)),  # noqa: DTZ001 - this is what is refused
    *bad_values("bucket_span", "ours: required", None),
    *bad_values("bucket_span", "ours: at least 1", 0, -1, 0.0, -(2**63)),
    *bad_values("bucket_span", "ours: integers inside int64", 0.5, 3_600.5, 2**63, 10**30, 9_223_372_036_854_775_808.0),
    *bad_values("bucket_span", "ours: numbers", *NO_NUMBER, "1h"),
    *bad_values(
        "job_id", "ours: required text", None, 5, b"web", ["web"], "", "a b", "a,b", "w*", "_all", "-web", "x" * 256
    ),
    *(
        row
        for field in ("anomaly_score", "initial_anomaly_score")
        for row in bad_values(field, "ours: finite numbers", *NO_NUMBER, 10**400)
    ),
    *(
        row
        for field in ("event_count", "processing_time_ms")
        for row in bad_values(
            field,
            "ours: integers inside int64",
            *NO_NUMBER,
            1.5,
            2**63,
            -(2**63) - 1,
            9_223_372_036_854_775_808.0,
            1e300,
            np.uint64(2**63),
        )
    ),
    *bad_values("is_interim", "ours: bools", 0, 1, 1.0, "true", "false", "yes", []),
    *bad_values("scheduled_events", "ours: a list of text", "maintenance", 5, {"a": 1}, True),
    *bad_values("bucket_influencers", "ours: a list of objects", "host", 5, {"influencer_field_name": "host"}, True),
    *bad_values("result_type", "ours: text", 5, True, ["bucket"]),
]

INSIDE_LISTS = [
    BadDocument(
        "20.documents", f"{field} {value!r:.50}", [bucket(T0, **{field: value})], f"documents[0].{field}{path}", source
    )
    for field, value, path, source in (
        ("scheduled_events", [None], "[0]", "ours: elements are text"),
        ("scheduled_events", ["a", None], "[1]", "ours: elements are text"),
        ("scheduled_events", ["a", "b", 5], "[2]", "ours: elements are text"),
        ("scheduled_events", [["a"]], "[0]", "ours: elements are text"),
        ("bucket_influencers", [None], "[0]", "ours: elements are objects"),
        ("bucket_influencers", [{}, "host"], "[1]", "ours: elements are objects"),
        ("bucket_influencers", [{"job_id": "db"}], "[0].job_id", "ours: the bucket's own"),
        ("bucket_influencers", [{}, {"timestamp": T0 + 1}], "[1].timestamp", "ours: the bucket's own"),
        ("bucket_influencers", [{"timestamp": "2020-01-02"}], "[0].timestamp", "ours: the bucket's own"),
        ("bucket_influencers", [{"timestamp": "soon"}], "[0].timestamp", "ours"),
        ("bucket_influencers", [{"bucket_span": 60}], "[0].bucket_span", "ours: the bucket's own"),
        ("bucket_influencers", [{"bucket_span": "3600"}], "[0].bucket_span", "ours: no text"),
        ("bucket_influencers", [{"is_interim": 1}], "[0].is_interim", "ours: bools"),
        ("bucket_influencers", [{"influencer_field_name": 5}], "[0].influencer_field_name", "BINF: text"),
        ("bucket_influencers", [{"anomaly_score": "5"}], "[0].anomaly_score", "ours: numbers"),
        ("bucket_influencers", [{"anomaly_score": math.nan}], "[0].anomaly_score", "ours: finite"),
        ("bucket_influencers", [{"initial_anomaly_score": True}], "[0].initial_anomaly_score", "ours: numbers"),
        ("bucket_influencers", [{"raw_anomaly_score": math.inf}], "[0].raw_anomaly_score", "ours: finite"),
        ("bucket_influencers", [{}, {}, {"probability": -math.inf}], "[2].probability", "ours: finite"),
    )
]

REQUIRED = [
    BadDocument(
        "9.2",
        f"without {field}",
        [{name: value for name, value in bucket(T0).items() if name != field}],
        f"documents[0].{field}",
        "BKT",
    )
    for field in ("job_id", "timestamp", "bucket_span")
]

MALFORMED = {
    "job_id": "",
    "timestamp": "soon",
    "bucket_span": 0,
    "anomaly_score": "x",
    "initial_anomaly_score": "x",
    "event_count": "x",
    "is_interim": "x",
    "bucket_influencers": "x",
    "processing_time_ms": "x",
    "scheduled_events": "x",
}
WHICH_FIRST = [
    BadDocument(
        "20.a-bad-document",
        f"{field} before those after it",
        [bucket(T0) | dict(reversed([*MALFORMED.items()][place:]))],
        f"documents[0].{field}",
        "ours: the first field",
    )
    for place, field in enumerate(MALFORMED)
] + [
    BadDocument(
        "20.a-bad-document",
        "the first document",
        [bucket(T0), bucket(T0, scheduled_events="x"), bucket(T0) | {"job_id": ""}],
        "documents[1].scheduled_events",
        "ours: the first document",
    ),
    BadDocument(
        "20.a-bad-document",
        "skipped ones take a position too",
        [{"result_type": "model_plot"}, {}, bucket(T0), bucket(T0, anomaly_score="x")],
        "documents[3].anomaly_score",
        "ours: documents[3].anomaly_score",
    ),
    BadDocument(
        "20.a-bad-document",
        "one that a later one of the batch replaces",
        [bucket(T0, anomaly_score="x"), bucket(T0, anomaly_score=5.0)],
        "documents[0].anomaly_score",
        "ours: checked before written",
    ),
    BadDocument(
        "20.a-bad-document",
        "inside a search hit",
        [bucket(T0), {"_id": "x", "_source": bucket(T0, anomaly_score="x")}],
        "documents[1]._source.anomaly_score",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "deep inside a search hit",
        [{"_source": bucket(T0, bucket_influencers=[{"probability": "x"}])}],
        "documents[0]._source.bucket_influencers[0].probability",
        "ours",
    ),
    BadDocument("20.a-bad-document", "no object", [bucket(T0), 5], "documents[1]", "ours"),
    BadDocument("20.a-bad-document", "null", [None], "documents[0]", "ours"),
    BadDocument("20.a-bad-document", "text", ["{}"], "documents[0]", "ours"),
    BadDocument("20.a-bad-document", "a hit without an object", [{"_source": 5}], "documents[0]._source", "ours"),
    BadDocument("20.a-bad-document", "one document instead of several", bucket(T0), "documents", "ours"),
    BadDocument("20.a-bad-document", "text instead of several", "[]", "documents", "ours"),
]

OTHER_KIND = [
    BadDocument(
        "20.commits",
        f"kind given, result_type {result_type!r}",
        [bucket(T0), bucket(T0) | {"result_type": result_type}],
        "documents[1].result_type",
        "ours: absent or that kind",
        kind="bucket",
    )
    for result_type in ("record", "bucket_influencer", "Bucket", "", 5)
]


@each_row(BAD_VALUES, INSIDE_LISTS, REQUIRED, WHICH_FIRST, OTHER_KIND)
def test_bad_document_refuses_the_batch(row: BadDocument) -> None:
    """A bad document is refused with its position and path, and of its batch nothing is stored."""
    index = index_of([bucket(0, anomaly_score=1.0)])
    before = index.sequence
    with pytest.raises(BucketQueryError) as caught:
        index.upsert(row.given, kind=row.kind)
    assert_refusal(caught.value, Refusal(InvalidDocument, 400, "document_parsing_exception", row.field, ""))
    assert index.sequence == before
    assert [found.timestamp for found in index.get_buckets(job_id=JOB)] == [0]


@pytest.mark.parametrize("kind", ["Bucket", "records", "bucket_influencer", "overall_bucket", "", 5])
def test_kind_that_is_not_held_is_refused(kind: Any) -> None:
    """Section 20, commits: a kind that the library does not hold is a fault of the parameter, not of a document."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex().upsert([], kind=kind)
    assert_refusal(caught.value, invalid("kind", ""))
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex().upsert_columns({"timestamp": [0], "bucket_span": 60}, job_id=JOB, kind=kind)
    assert_refusal(caught.value, invalid("kind", ""))


@dataclass(frozen=True, slots=True)
class Routed:
    """A batch, with or without `kind`, how many are stored and what is skipped."""

    rule: str
    claim: str
    given: list[Any]
    stored: int
    skipped: Mapping[str, int]
    source: str
    _: KW_ONLY
    kind: Any = None


WITHOUT_TYPE = {name: value for name, value in bucket(T0).items() if name != "result_type"}
ROUTED = [
    Routed("20.other-result-types", "a bucket", [bucket(T0)], 1, {}, "ours"),
    Routed(
        "20.other-result-types", "a search hit", [{"_index": "i", "_id": "x", "_source": bucket(T0)}], 1, {}, "ours"
    ),
    Routed(
        "20.other-result-types",
        "model_plot",
        [bucket(T0) | {"result_type": "model_plot"}],
        0,
        {"model_plot": 1},
        "ours",
    ),
    Routed(
        "20.other-result-types", "a name is exact", [bucket(T0) | {"result_type": "Bucket"}], 0, {"Bucket": 1}, "ours"
    ),
    Routed("20.other-result-types", "none", [WITHOUT_TYPE], 0, {"": 1}, "ours"),
    Routed("20.other-result-types", "null", [WITHOUT_TYPE | {"result_type": None}], 0, {"": 1}, "null is missing"),
    Routed("20.other-result-types", "no fields at all", [{}], 0, {"": 1}, "ours"),
    Routed(
        "20.other-result-types",
        "a hit of another type",
        [{"_source": {"result_type": "model_plot"}}],
        0,
        {"model_plot": 1},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "what is skipped is not checked",
        [{"result_type": "model_plot", "timestamp": "soon", "job_id": 5, "bucket_span": -1, "anomaly_score": math.nan}],
        0,
        {"model_plot": 1},
        "ours: never an error",
    ),
    Routed(
        "20.other-result-types",
        "a mixed dump",
        [{}, bucket(T0), {"result_type": "a"}, {"result_type": "b"}, bucket(T0 + 1), {"result_type": "a"}, {}],
        2,
        {"": 2, "a": 2, "b": 1},
        "ours: counted by type",
    ),
    Routed("20.other-result-types", "kind given, no type", [WITHOUT_TYPE], 1, {}, "ours: kind says it", kind="bucket"),
    Routed(
        "20.other-result-types",
        "kind given, null",
        [WITHOUT_TYPE | {"result_type": None}],
        1,
        {},
        "null is missing",
        kind="bucket",
    ),
    Routed("20.other-result-types", "kind given, the same", [bucket(T0)], 1, {}, "ours", kind="bucket"),
    Routed("20.other-result-types", "kind given, a hit", [{"_source": WITHOUT_TYPE}], 1, {}, "ours", kind="bucket"),
]


@each_row(ROUTED)
def test_document_is_routed_by_its_result_type(row: Routed) -> None:
    """Buckets are stored; result types that are not held, and documents without one, are skipped and counted."""
    index = index_of([])
    commit = index.upsert(iter(row.given), kind=row.kind)
    assert (commit.inserted, dict(commit.skipped)) == (row.stored, row.skipped)
    assert index.get_buckets(job_id=JOB).count == row.stored


@dataclass(frozen=True, slots=True)
class Default:
    """A field that a document lacks: the bucket's attribute, the key of the body, and the entry of the column."""

    rule: str
    claim: str
    attribute: Any
    body: Any
    column: Any
    source: str


DEFAULTS = [
    Default("20.missing-fields", "anomaly_score", 0.0, 0.0, 0.0, "9.2"),
    Default("20.missing-fields", "initial_anomaly_score", 0.0, 0.0, 0.0, "9.2"),
    Default("20.missing-fields", "event_count", 0, 0, 0, "9.2"),
    Default("20.missing-fields", "is_interim", False, False, False, "9.2"),
    Default("20.missing-fields", "processing_time_ms", 0, 0, 0, "9.2"),
    Default("20.missing-fields", "bucket_influencers", (), [], (), "9.2"),
    Default("20.missing-fields", "scheduled_events", (), "absent", (), "9.1: only if not empty"),
    Default("20.missing-fields", "result_type", "bucket", "bucket", "bucket", "9.1"),
]


@pytest.mark.parametrize(
    "given", [bucket(T0), bucket(T0) | {row.claim: None for row in DEFAULTS[:-1]}], ids=["unsaid", "null"]
)
@each_row(DEFAULTS)
def test_missing_field_is_shown_by_its_default(row: Default, given: dict[str, Any]) -> None:
    """What a document lacks is shown by its default in the bucket, in the body and in the column."""
    page = index_of([given]).get_buckets(job_id=JOB)
    assert_same_body(getattr(page[0], row.claim), row.attribute)
    assert_same_body(page.to_dict()["buckets"][0].get(row.claim, "absent"), row.body)
    assert page.column(row.claim).tolist() == [row.column]


def test_missing_field_is_shown_by_its_default_beside_others() -> None:
    """A field that one bucket lacks and another has is the default in the first and itself in the second."""
    full = bucket(T0 + 1, anomaly_score=5.0, event_count=2**53 + 1, is_interim=True, scheduled_events=["a"])
    page = index_of([bucket(T0), full]).get_buckets(job_id=JOB)
    assert page.column("anomaly_score").tolist() == [0.0, 5.0]
    assert page.column("event_count").tolist() == [0, 2**53 + 1]
    assert page.column("is_interim").tolist() == [False, True]
    assert page.column("scheduled_events").tolist() == [(), ("a",)]


def test_missing_field_is_missing_to_filter_and_sort() -> None:
    """What a document lacks matches no threshold and is sorted last, though it is shown as 0.0."""
    index = index_of([bucket(T0), bucket(T0 + 1, anomaly_score=-1.0), bucket(T0 + 2, anomaly_score=0.0)])
    assert index.get_buckets(job_id=JOB, anomaly_score=5e-324).count == 0
    assert [found.timestamp - T0 for found in index.get_buckets(job_id=JOB, sort="anomaly_score")] == [1, 2, 0]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A field that buckets do not have, with whatever value."""

    rule: str
    claim: str
    value: Any
    source: str


UNKNOWN = [
    Unknown("20.unknown-fields", name, value, source)
    for name, value, source in (
        ("partition_scores", [], "9.2: in older buckets"),
        ("foo", {"deep": [1, math.nan]}, "9.2"),
        ("record_count", "x", "9.2: in buckets of version 5.4"),
        ("timestamp_string", 5, "9.3: written on output only"),
        ("records", [{"record_score": "x"}], "8.6: written on output only"),
        ("record_score", "x", "ours: a field of records"),
        ("severity", "critical", "ours: computed"),
        ("Anomaly_Score", "x", "names are exact"),
    )
]


@each_row(UNKNOWN)
def test_unknown_field_is_dropped(row: Unknown) -> None:
    """A field that buckets do not have is neither checked nor kept."""
    page = index_of([bucket(T0) | {row.claim: row.value}]).get_buckets(job_id=JOB)
    plain = index_of([bucket(T0)]).get_buckets(job_id=JOB)
    assert_same_body(page.to_dict(), plain.to_dict())


@dataclass(frozen=True, slots=True)
class Severe:
    """A current score, and how severe it is."""

    rule: str
    score: float | None
    severity: str
    source: str

    @property
    def claim(self) -> str:
        """The score and the severity."""
        return f"{self.score!r} is {self.severity}"


SEVERITIES = [
    Severe("20.severity", score, severity, source)
    for score, severity, source in (
        (None, "low", "missing is shown as 0.0"),
        (-5.0, "low", "ours: below 3"),
        (0.0, "low", "ours: below 3"),
        (math.nextafter(3, 0), "low", "ours: no rounding"),
        (2.9999999, "low", "ours: no rounding"),
        (3, "warning", "ours: from 3"),
        (math.nextafter(25, 0), "warning", "ours: no rounding"),
        (25.0, "minor", "ours: from 25"),
        (math.nextafter(50, 0), "minor", "ours: no rounding"),
        (50.0, "major", "ours: from 50"),
        (math.nextafter(75, 0), "major", "ours: no rounding"),
        (74.9999999, "major", "ours: no rounding"),
        (75.0, "critical", "ours: from 75"),
        (100.0, "critical", "ours: from 75"),
        (150.0, "critical", "ours: from 75"),
    )
]


@each_row(SEVERITIES)
def test_severity_is_of_the_current_score(row: Severe) -> None:
    """Severity has fixed marks, and the initial score plays no part."""
    for initial in (None, 0.0, 100.0):
        document = bucket(T0, anomaly_score=row.score, initial_anomaly_score=initial)
        assert index_of([document]).get_buckets(job_id=JOB)[0].severity == row.severity


@dataclass(frozen=True, slots=True)
class SameAs:
    """Columns, and the documents they are the same as."""

    rule: str
    claim: str
    columns: Mapping[str, Any]
    documents: list[dict[str, Any]]
    source: str
    _: KW_ONLY
    job_id: str | None = JOB


def two(**fields: Any) -> list[dict[str, Any]]:
    """Two buckets an hour apart with these values, a pair for each field; None is missing."""
    return [bucket(T0 + row * 3_600_000) | {name: pair[row] for name, pair in fields.items()} for row in (0, 1)]


TIMES = np.array([T0, T0 + 3_600_000], dtype=np.int64)
BASIC: dict[str, Any] = {"timestamp": TIMES, "bucket_span": HOUR_S}

COLUMNS = [
    SameAs("20.columns", claim, BASIC | columns, documents, source)
    for claim, columns, documents, source in (
        ("the least", {}, two(), "ours: a column left out is missing"),
        ("a column of spans", {"bucket_span": np.array([60, 900])}, two(bucket_span=(60, 900)), "ours"),
        ("one span of NumPy", {"bucket_span": np.int32(60)}, two(bucket_span=(60, 60)), "ours: one int"),
        (
            "lists",
            {"timestamp": TIMES.tolist(), "bucket_span": [60, 900]},
            two(bucket_span=(60, 900)),
            "ours: any array",
        ),
        ("datetime64 in ms", {"timestamp": TIMES.astype("datetime64[ms]")}, two(), "ours"),
        ("datetime64 in ns", {"timestamp": TIMES.astype("datetime64[ms]").astype("datetime64[ns]")}, two(), "ours"),
        (
            "datetime64 in hours",
            {"timestamp": np.array(["2020-01-01T00", "2020-01-01T01"], "datetime64[h]")},
            two(),
            "ours",
        ),
        ("integral floats", {"timestamp": TIMES.astype(np.float64)}, two(), "as documents"),
        ("scores", {"anomaly_score": np.array([1.5, 2.5])}, two(anomaly_score=(1.5, 2.5)), "ours"),
        ("singles", {"anomaly_score": np.array([1.5, 2.5], np.float32)}, two(anomaly_score=(1.5, 2.5)), "as documents"),
        ("int scores", {"anomaly_score": np.array([1, 2])}, two(anomaly_score=(1.0, 2.0)), "as documents"),
        ("minus zero", {"anomaly_score": np.array([-0.0, 1.0])}, two(anomaly_score=(0.0, 1.0)), "as documents"),
        (
            "masked",
            {"anomaly_score": np.ma.array([1.5, 9.0], mask=[False, True])},
            two(anomaly_score=(1.5, None)),
            "ours",
        ),
        (
            "masked NaN",
            {"anomaly_score": np.ma.array([1.5, math.nan], mask=[False, True])},
            two(anomaly_score=(1.5, None)),
            "ours",
        ),
        ("nothing masked", {"anomaly_score": np.ma.array([1.5, 2.5])}, two(anomaly_score=(1.5, 2.5)), "ours"),
        ("None in a list", {"anomaly_score": [1.5, None]}, two(anomaly_score=(1.5, None)), "ours"),
        ("None in objects", {"event_count": np.array([5, None], object)}, two(event_count=(5, None)), "ours"),
        ("counts", {"event_count": np.array([5, 6], np.uint8)}, two(event_count=(5, 6)), "ours"),
        ("float counts", {"event_count": np.array([5.0, 6.0])}, two(event_count=(5, 6)), "as documents"),
        (
            "large counts",
            {"event_count": np.array([2**63 - 1, -(2**63)])},
            two(event_count=(2**63 - 1, -(2**63))),
            "exact",
        ),
        (
            "large counts beside a missing one",
            {"event_count": np.ma.array([2**53 + 1, 0], mask=[False, True])},
            two(event_count=(2**53 + 1, None)),
            "exact",
        ),
        ("interim", {"is_interim": np.array([True, False])}, two(is_interim=(True, False)), "ours"),
        (
            "masked interim",
            {"is_interim": np.ma.array([True, True], mask=[False, True])},
            two(is_interim=(True, None)),
            "ours",
        ),
        ("events", {"scheduled_events": [["b", "a"], []]}, two(scheduled_events=(["b", "a"], [])), "ours: lists"),
        (
            "influencers",
            {"bucket_influencers": [[{"influencer_field_name": "host"}], []]},
            two(bucket_influencers=([{"influencer_field_name": "host"}], [])),
            "ours: lists",
        ),
        ("result_type", {"result_type": ["bucket", "bucket"]}, two(), "ours: if every entry is the kind"),
        (
            "one time, two spans",
            {"timestamp": TIMES[[0, 0]], "bucket_span": np.array([900, 60])},
            [bucket(T0, bucket_span=900), bucket(T0, bucket_span=60)],
            "12.1",
        ),
        (
            "not in order, the last wins",
            {"timestamp": TIMES[[1, 0, 1]], "anomaly_score": [1.0, 2.0, 3.0]},
            [bucket(T0, anomaly_score=2.0), bucket(T0 + 3_600_000, anomaly_score=3.0)],
            "ours: within a batch the last wins",
        ),
        (
            "not contiguous",
            {"timestamp": np.repeat(TIMES, 2)[::2], "anomaly_score": np.arange(4, dtype=np.float64)[::-2]},
            two(anomaly_score=(3.0, 1.0)),
            "any array",
        ),
        ("no rows", {"timestamp": TIMES[:0]}, [], "an empty batch"),
    )
] + [
    SameAs(
        "20.columns",
        "a column of jobs",
        BASIC | {"job_id": ["db", "web"], "anomaly_score": [1.0, 2.0]},
        [bucket(T0 + 3_600_000, anomaly_score=2.0), bucket(T0, job_id="db", anomaly_score=1.0)],
        "ours",
        job_id=None,
    ),
    SameAs(
        "20.columns",
        "a column of jobs of NumPy",
        BASIC | {"job_id": np.array(["web", "web"])},
        two(),
        "ours",
        job_id=None,
    ),
]


@each_row(COLUMNS)
def test_columns_are_the_same_as_documents(row: SameAs) -> None:
    """Columns store what the same documents store: the same bodies, the same order, the same commit."""
    by_columns, by_documents = index_of([]), index_of([])
    commit = by_columns.upsert_columns(row.columns, job_id=row.job_id)
    assert commit == by_documents.upsert(row.documents)
    assert by_columns.jobs() == by_documents.jobs()
    for job_id in by_columns.jobs():
        for asked in ({}, {"sort": "anomaly_score"}, {"sort": "event_count", "desc": True}, {"exclude_interim": True}):
            expected = by_documents.get_buckets(**({"job_id": job_id} | asked)).to_dict()
            assert_same_body(by_columns.get_buckets(**({"job_id": job_id} | asked)).to_dict(), expected)
    assert by_columns.upsert(row.documents).sequence == commit.sequence


@dataclass(frozen=True, slots=True)
class BadColumns:
    """Columns that are refused, and the path that the error names; ``|`` between several that may be named."""

    rule: str
    claim: str
    columns: Any
    field: str
    source: str
    _: KW_ONLY
    job_id: str | None = JOB


def bad_entry(field: str, value: Any, path: str, source: str, *, of: str = "") -> BadColumns:
    """Columns of two rows of which one field is bad."""
    return BadColumns("20.columns", of or f"{field} {value!r:.40}", BASIC | {field: value}, path, source)


LENGTHS = "columns|columns.timestamp|columns.anomaly_score|columns.bucket_span|columns.scheduled_events"
BAD_COLUMNS = [
    bad_entry("anomaly_score", np.array([1.0, math.nan]), "columns.anomaly_score[1]", "ours: NaN is refused"),
    bad_entry("anomaly_score", np.array([math.inf, 1.0]), "columns.anomaly_score[0]", "ours: finite"),
    bad_entry("anomaly_score", [1.0, math.nan], "columns.anomaly_score[1]", "ours: NaN is refused"),
    bad_entry("anomaly_score", np.array([1.0, "x"], object), "columns.anomaly_score[1]", "as documents"),
    bad_entry("anomaly_score", np.array([1.0, True], object), "columns.anomaly_score[1]", "as documents: no bools"),
    bad_entry(
        "anomaly_score",
        np.array([True, False]),
        "columns.anomaly_score|columns.anomaly_score[0]",
        "as documents: no bools",
    ),
    bad_entry("anomaly_score", ["1", "2"], "columns.anomaly_score|columns.anomaly_score[0]", "as documents: no text"),
    bad_entry(
        "anomaly_score",
        np.ma.array([math.nan, 1.0], mask=[False, True]),
        "columns.anomaly_score[0]",
        "not masked",
        of="NaN beside a masked one",
    ),
    bad_entry("initial_anomaly_score", np.array([1.0, -math.inf]), "columns.initial_anomaly_score[1]", "ours: finite"),
    bad_entry("event_count", np.array([1.0, 1.5]), "columns.event_count[1]", "ours: integral floats"),
    bad_entry("event_count", np.array([1.0, math.nan]), "columns.event_count[1]", "ours: NaN is refused"),
    bad_entry("event_count", np.array([1, 2**63], np.uint64), "columns.event_count[1]", "ours: inside int64"),
    bad_entry("event_count", np.array([1.0, 2.0**63]), "columns.event_count[1]", "ours: inside int64"),
    bad_entry("processing_time_ms", [1, "2"], "columns.processing_time_ms[1]", "as documents: no text"),
    bad_entry("is_interim", np.array([0, 1]), "columns.is_interim|columns.is_interim[0]", "as documents: bools"),
    bad_entry("timestamp", np.array([T0, LAST_MS + 1]), "columns.timestamp[1]", "ours: years 0001 to 9999"),
    bad_entry("timestamp", np.array([FIRST_MS - 1, T0]), "columns.timestamp[0]", "ours: years 0001 to 9999"),
    bad_entry("timestamp", np.array(["2020-01-01", "NaT"], "datetime64[ms]"), "columns.timestamp[1]", "ours: required"),
    bad_entry("timestamp", np.array([10**9, 0], "datetime64[Y]"), "columns.timestamp[0]", "ours: years 0001 to 9999"),
    bad_entry(
        "timestamp",
        np.ma.array(TIMES, mask=[False, True]),
        "columns.timestamp[1]",
        "ours: required",
        of="a masked timestamp",
    ),
    bad_entry("timestamp", np.array([T0, 1.5]), "columns.timestamp[1]", "ours: integral floats"),
    bad_entry("bucket_span", np.array([60, 0]), "columns.bucket_span[1]", "ours: at least 1"),
    bad_entry("bucket_span", 0, "columns.bucket_span|columns.bucket_span[0]", "ours: at least 1"),
    bad_entry("bucket_span", [60, None], "columns.bucket_span[1]", "ours: required"),
    bad_entry("scheduled_events", [[], "x"], "columns.scheduled_events[1]", "ours: lists"),
    bad_entry("scheduled_events", [[], ["a", 5]], "columns.scheduled_events[1][1]", "ours: text"),
    bad_entry("bucket_influencers", [[{}, 5], []], "columns.bucket_influencers[0][1]", "ours: objects"),
    bad_entry(
        "bucket_influencers", [[], [{"probability": "x"}]], "columns.bucket_influencers[1][0].probability", "ours"
    ),
    bad_entry(
        "bucket_influencers",
        [[{"timestamp": T0 + 1}], []],
        "columns.bucket_influencers[0][0].timestamp",
        "ours: the bucket's own",
    ),
    bad_entry("result_type", ["bucket", "record"], "columns.result_type|columns.result_type[1]", "ours: the kind"),
    bad_entry("severity", ["low", "low"], "columns|columns.severity", "ours: names of the schema only"),
    bad_entry("timestamp_string", ["x", "x"], "columns|columns.timestamp_string", "ours: names of the schema only"),
    bad_entry("anomaly_score", np.ones(3), LENGTHS, "ours: equal lengths", of="unequal lengths"),
    bad_entry("anomaly_score", np.ones((2, 1)), "columns|columns.anomaly_score", "ours: 1-d", of="two dimensions"),
    bad_entry("bucket_span", np.full(3, 60), LENGTHS, "ours: equal lengths", of="unequal spans"),
    bad_entry("scheduled_events", [[]], LENGTHS, "ours: equal lengths", of="unequal lists"),
    BadColumns("20.columns", "no timestamp", {"bucket_span": [60]}, "columns.timestamp|columns", "ours: required"),
    BadColumns("20.columns", "no span", {"timestamp": TIMES}, "columns.bucket_span|columns", "ours: required"),
    BadColumns("20.columns", "no job", BASIC, "columns.job_id|columns", "ours: required", job_id=None),
    BadColumns(
        "20.columns", "a bad job", BASIC | {"job_id": ["web", "a b"]}, "columns.job_id[1]", "ours: jobs", job_id=None
    ),
    BadColumns(
        "20.columns",
        "a missing job",
        BASIC | {"job_id": ["web", None]},
        "columns.job_id[1]",
        "ours: required",
        job_id=None,
    ),
]


@each_row(BAD_COLUMNS)
def test_bad_columns_are_refused(row: BadColumns) -> None:
    """Columns are checked as documents are, named by column and position, and nothing of them is stored."""
    index = index_of([])
    before = index.sequence
    with pytest.raises(BucketQueryError) as caught:
        index.upsert_columns(row.columns, job_id=row.job_id)
    assert_refusal(caught.value, Refusal(InvalidDocument, 400, "document_parsing_exception", row.field, ""))
    assert (index.sequence, index.get_buckets(job_id=JOB).count) == (before, 0)


def test_columns_are_copied() -> None:
    """What the caller does with an array afterwards does not change what is stored."""
    times, scores = TIMES.copy(), np.array([1.0, 2.0])
    index = ResultsIndex()
    index.upsert_columns({"timestamp": times, "bucket_span": 60, "anomaly_score": scores}, job_id=JOB)
    times[:], scores[:] = 0, 50.0
    found = index.get_buckets(job_id=JOB)
    assert [(each.timestamp, each.anomaly_score) for each in found] == [(T0, 1.0), (T0 + 3_600_000, 2.0)]
