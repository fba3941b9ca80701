"""Our decision on pages: the columns of a page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketInfluencer, BucketQueryError, Kind
from support.document_samples import FOUR_BUCKETS, OTHER_KINDS
from support.semantics_tables import (
    CALLS,
    JOB,
    Page,
    assert_refusal,
    each_row,
    index_of,
    invalid,
)

HOUR = 3_600_000


def page_of(kind: Kind, **asked: Any) -> Page:
    """The page of this kind in ascending time order."""
    given = FOUR_BUCKETS if kind == "bucket" else OTHER_KINDS
    page: Page = getattr(index_of(given.values()), CALLS[kind])(
        **{"job_id": JOB, "sort": "timestamp", "desc": False} | asked
    )
    return page


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """A field of a kind, its values in ascending time order, and NumPy's letter for the kind of the array."""

    rule: str
    kind: Kind
    field: str
    expected: Sequence[Any]
    source: str
    _: KW_ONLY
    dtype: str | None = None

    @property
    def claim(self) -> str:
        """The kind and the field."""
        return f"{self.kind} {self.field}"


COLUMNS = [
    ColumnOf("20.pages", "bucket", "job_id", ["web"] * 4, "ours: NumPy text", dtype="U"),
    ColumnOf("20.pages", "bucket", "timestamp", [0, HOUR, HOUR, 2 * HOUR], "ours: page order", dtype="i"),
    ColumnOf(
        "20.pages", "bucket", "anomaly_score", [5.0, 0.0, 90.0, 90.0], "ours: the default where missing", dtype="f"
    ),
    ColumnOf("20.pages", "bucket", "bucket_span", [3_600, 60, 3_600, 3_600], "ours: page order", dtype="i"),
    ColumnOf(
        "20.pages",
        "bucket",
        "initial_anomaly_score",
        [0.0, 0.0, 95.5, 0.0],
        "ours: the default where missing",
        dtype="f",
    ),
    ColumnOf("20.pages", "bucket", "event_count", [7, 0, 3, 0], "ours: the default where missing", dtype="i"),
    ColumnOf(
        "20.pages", "bucket", "is_interim", [False, False, True, False], "ours: the default where missing", dtype="b"
    ),
    ColumnOf("20.pages", "bucket", "processing_time_ms", [0, 0, 12, 0], "ours: the default where missing", dtype="i"),
    ColumnOf("20.pages", "bucket", "scheduled_events", [(), (), ("sale", "fair"), ()], "ours: tuples", dtype="O"),
    ColumnOf("20.pages", "bucket", "result_type", ["bucket"] * 4, "ours: NumPy text", dtype="U"),
]
#: The number of results of each kind before and after the one with every field.
AROUND: Mapping[Kind, tuple[int, int]] = {"bucket": (2, 1), "record": (2, 0), "influencer": (1, 0)}
#: The instant of one result; the others have none.
INSTANTS = [
    ColumnOf("20.event", kind, "event.ingested", [math.nan] * before + [7_000.0] + [math.nan] * after, "20.pages")
    for kind, (before, after) in AROUND.items()
]


OTHER_COLUMNS = [
    ColumnOf("20.pages", "record", field, expected, source)
    for field, expected, source in (
        ("job_id", ["web"] * 3, "ours: page order"),
        ("timestamp", [0, 0, HOUR], "ours: page order"),
        ("bucket_span", [3_600] * 3, "ours: page order"),
        ("record_score", [10.0, 20.0, 30.0], "ours: page order"),
        ("initial_record_score", [0.0, 0.0, 35.0], "ours: the default where missing"),
        ("probability", [0.0, 0.0, 0.5], "ours: the default where missing"),
        ("detector_index", [0, 1, 7], "ours: the default where missing"),
        ("is_interim", [False, False, True], "ours: the default where missing"),
        ("result_type", ["record"] * 3, "ours"),
    )
] + [
    ColumnOf("20.pages", "influencer", field, expected, source)
    for field, expected, source in (
        ("job_id", ["web"] * 2, "ours: page order"),
        ("timestamp", [0, HOUR], "ours: page order"),
        ("bucket_span", [3_600] * 2, "ours: page order"),
        ("influencer_score", [10.0, 20.0], "ours: page order"),
        ("initial_influencer_score", [0.0, 25.0], "ours: the default where missing"),
        ("probability", [0.0, 0.5], "ours: the default where missing"),
        ("is_interim", [False, True], "ours: the default where missing"),
        ("influencer_field_name", ["host"] * 2, "ours: page order"),
        ("influencer_field_value", ["a", "b"], "ours: page order"),
        ("result_type", ["influencer"] * 2, "ours"),
    )
]
#: Fields that an answer omits if a record lacks them: NaN for a number, None for a text, () for a list.
OPTIONAL_COLUMNS = [
    ColumnOf("20.pages", "record", field, expected, "ours: the answer omits the field")
    for field, expected in (
        ("multi_bucket_impact", [math.nan, math.nan, -2.5]),
        ("by_field_value", [None, None, "AAL"]),
        ("function", [None, None, "mean"]),
        ("correlated_by_field_value", [None, None, "UAL"]),
        ("typical", [(), (), (1.0, 2.5)]),
        ("actual", [(), (), (3.0,)]),
    )
]
#: Fields of the one record that has them all.
FULL_COLUMNS = [
    ColumnOf("20.pages", "record", field, [expected], "ours")
    for field, expected in (
        ("multi_bucket_impact", -2.5),
        ("by_field_name", "airline"),
        ("by_field_value", "AAL"),
        ("correlated_by_field_value", "UAL"),
        ("over_field_name", "user"),
        ("over_field_value", "ann"),
        ("partition_field_name", "zone"),
        ("partition_field_value", "east"),
        ("function", "mean"),
        ("function_description", "mean of"),
        ("field_name", "response"),
        ("typical", (1.0, 2.5)),
        ("actual", (3.0,)),
    )
]


@each_row(COLUMNS, OTHER_COLUMNS)
def test_column_is_one_field_in_page_order(row: ColumnOf) -> None:
    """A column has the values of its field in page order, and it stays read-only."""
    column = page_of(row.kind).column(row.field)
    assert (column.tolist(), column.shape) == (list(row.expected), (len(row.expected),))
    assert row.dtype is None or column.dtype.kind == row.dtype
    assert page_of(row.kind, desc=True).column(row.field).tolist() == list(row.expected)[::-1]
    assert page_of(row.kind, size=0).column(row.field).tolist() == []
    with pytest.raises(ValueError, match="read-only"):
        column[0] = column[1]
    with pytest.raises(ValueError, match="WRITEABLE"):
        column.flags.writeable = True


def test_column_of_bucket_influencers_holds_tuples() -> None:
    """The column `bucket_influencers` holds the tuples of the buckets."""
    page = index_of(FOUR_BUCKETS.values()).get_buckets(job_id=JOB)
    column = page.column("bucket_influencers")
    assert column.dtype == np.object_
    assert column.tolist() == [item.bucket_influencers for item in page]
    (blamed,) = column[2]
    assert type(blamed) is BucketInfluencer
    assert (blamed.influencer_field_name, blamed.anomaly_score) == ("host", 80.0)


@each_row(OPTIONAL_COLUMNS, INSTANTS)
def test_column_shows_missing_values(row: ColumnOf) -> None:
    """If an optional field is missing, a number is NaN, a text is None and a list is an empty tuple."""
    assert repr(page_of(row.kind).column(row.field).tolist()) == repr(list(row.expected))


@each_row(FULL_COLUMNS)
def test_every_field_of_a_record_is_a_column(row: ColumnOf) -> None:
    """Every documented scalar and list of a record is a column; its lists are tuples."""
    assert page_of(row.kind, start=HOUR).column(row.field).tolist() == list(row.expected)


@pytest.mark.parametrize("field", ["causes", "influencers", "geo_results", "anomaly_score_explanation"])
def test_column_of_objects_holds_the_records_values(field: str) -> None:
    """A column of objects holds the values of the records."""
    page = page_of("record", start=HOUR)
    assert page.column(field).tolist() == [getattr(item, field) for item in page]


@dataclass(frozen=True, slots=True)
class NoColumn:
    """A name that is not a field of this kind."""

    rule: str
    kind: Kind
    name: Any
    source: str

    @property
    def claim(self) -> str:
        """The kind and the name."""
        return f"{self.kind} {self.name!r}"


NO_COLUMNS = [
    NoColumn("20.pages", "bucket", name, source)
    for name, source in (
        ("nothing", "ours"),
        ("", "ours"),
        ("Anomaly_Score", "ours: names are exact"),
        ("records", "8.6: a key of the body only"),
        ("event", "20.event: the column is event.ingested"),
        ("record_score", "20.sortable-fields: never in buckets"),
        ("bucket_influencers.probability", "ours: a name of one field only"),
        (None, "ours"),
        (5, "ours"),
    )
]


NOT_FIELDS: Sequence[tuple[Kind, str, str]] = (
    ("record", "anomaly_score", "20.sortable-fields: never in records"),
    ("record", "airline", "ours: a key of the body, not a field"),
    ("record", "extra", "ours: a key of the body, not a field"),
    ("record", "@timestamp", "ours: a name to sort by"),
    ("record", "influencer_score", "20.sortable-fields: never in records"),
    ("record", "severity", "ours: computed"),
    ("influencer", "host", "ours: a key of the body, not a field"),
    ("influencer", "record_score", "20.sortable-fields: never in influencers"),
    ("influencer", "detector_index", "20.sortable-fields: never in influencers"),
)
NO_OTHER_COLUMNS = [NoColumn("20.pages", kind, name, source) for kind, name, source in NOT_FIELDS]


@each_row(NO_COLUMNS, NO_OTHER_COLUMNS)
def test_unknown_column_is_refused(row: NoColumn) -> None:
    """A name that is not a field of the kind raises an `InvalidQuery` of `name`, even if a document has it."""
    with pytest.raises(BucketQueryError) as caught:
        page_of(row.kind).column(row.name)
    assert_refusal(caught.value, invalid("name", ""))
