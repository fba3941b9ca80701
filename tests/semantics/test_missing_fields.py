"""Our decisions on severity and on missing fields, which show a default but count as missing in filters and orders."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import Kind
from support.document_tables import T0
from support.semantics_tables import CALLS, JOB, LISTS, SCORES, assert_same_body, bucket, each_row, index_of, result


@dataclass(frozen=True, slots=True)
class Default:
    """A field that a document of this kind lacks, and its default: as an attribute, in the body and in the column."""

    rule: str
    kind: Kind
    field: str
    attribute: Any
    body: Any
    column: Any
    source: str

    @property
    def claim(self) -> str:
        """The kind and the field."""
        return f"{self.kind} {self.field}"


def default(kind: Kind, field: str, value: Any, source: str) -> Default:
    """A field whose default is the same everywhere."""
    return Default("20.missing-fields", kind, field, value, value, value, source)


DEFAULTS = [
    default("bucket", "anomaly_score", 0.0, "9.2"),
    default("bucket", "initial_anomaly_score", 0.0, "9.2"),
    default("bucket", "event_count", 0, "9.2"),
    default("bucket", "is_interim", False, "9.2"),
    default("bucket", "processing_time_ms", 0, "9.2"),
    Default("20.missing-fields", "bucket", "bucket_influencers", (), [], (), "9.2"),
    Default("20.missing-fields", "bucket", "scheduled_events", (), "absent", (), "9.1: only if not empty"),
    default("bucket", "result_type", "bucket", "9.1"),
    default("record", "probability", 0.0, "9.6"),
    default("record", "record_score", 0.0, "9.6"),
    default("record", "initial_record_score", 0.0, "9.6"),
    default("record", "detector_index", 0, "9.6"),
    default("record", "is_interim", False, "9.6"),
    default("record", "result_type", "record", "9.6"),
    default("influencer", "probability", 0.0, "9.11"),
    default("influencer", "influencer_score", 0.0, "9.11"),
    default("influencer", "initial_influencer_score", 0.0, "9.11"),
    default("influencer", "is_interim", False, "9.11"),
    default("influencer", "result_type", "influencer", "9.11"),
]


@pytest.mark.parametrize("null", [False, True], ids=["absent", "null"])
@each_row(DEFAULTS)
def test_missing_field_shows_its_default(row: Default, null: bool) -> None:
    """A field that is absent or null shows its default as an attribute, in the body and in the column."""
    fields = [each.field for each in DEFAULTS if each.kind == row.kind and each.field != "result_type"]
    document = result(row.kind, T0) | (dict.fromkeys(fields) if null else {})
    page = getattr(index_of([document]), CALLS[row.kind])(job_id=JOB)
    assert_same_body(getattr(page[0], row.field), row.attribute)
    assert_same_body(page.to_dict()[LISTS[row.kind]][0].get(row.field, "absent"), row.body)
    column = page.column(row.field).tolist()
    assert column == [row.column]
    assert_same_body(column, [row.column])


def test_missing_field_shows_its_default_beside_others() -> None:
    """If one bucket has a field and another does not, the column holds the value and the default."""
    full = bucket(T0 + 1, anomaly_score=5.0, event_count=2**53 + 1, is_interim=True, scheduled_events=["a"])
    page = index_of([bucket(T0), full]).get_buckets(job_id=JOB)
    assert page.column("anomaly_score").tolist() == [0.0, 5.0]
    assert page.column("event_count").tolist() == [0, 2**53 + 1]
    assert page.column("is_interim").tolist() == [False, True]
    assert page.column("scheduled_events").tolist() == [(), ("a",)]


@pytest.mark.parametrize("kind", CALLS)
def test_missing_score_is_missing_to_filter_and_sort(kind: Kind) -> None:
    """A result without a score shows 0.0, but it matches no threshold and sorts last."""
    score = SCORES[kind]
    given = [result(kind, T0), result(kind, T0 + 1, **{score: -1.0}), result(kind, T0 + 2, **{score: 0.0})]
    call = getattr(index_of(given), CALLS[kind])
    assert call(job_id=JOB, **{score: 5e-324}).count == 0
    assert [found.timestamp - T0 for found in call(job_id=JOB, sort=score, desc=False)] == [1, 2, 0]


@dataclass(frozen=True, slots=True)
class Severe:
    """A current score, and the severity of a result with it."""

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


#: Fields of each kind that do not change the severity.
BESIDE: Mapping[Kind, Mapping[str, Any]] = {"bucket": {}, "record": {"multi_bucket_impact": 5.0}, "influencer": {}}


@pytest.mark.parametrize("kind", CALLS)
@each_row(SEVERITIES)
def test_severity_follows_the_current_score(row: Severe, kind: Kind) -> None:
    """The severity of a result follows its current score by fixed limits; the initial score does not matter."""
    for initial in (None, 0.0, 100.0):
        scores = {SCORES[kind]: row.score, f"initial_{SCORES[kind]}": initial}
        index = index_of([result(kind, T0, **scores, **BESIDE[kind])])
        assert getattr(index, CALLS[kind])(job_id=JOB)[0].severity == row.severity
