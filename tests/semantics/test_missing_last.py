"""Rule 5.4: results without the sort field are last, ascending and descending."""

from collections.abc import Mapping, Sequence
from typing import Any

from bucketquery import Kind
from support.semantics_tables import Answered, Documents, assert_answered, bucket, each_row, influencer, record

HOUR = 3_600_000

# Values are absent in "n1" and null in "n2".
GAPS = {
    "n1": bucket(0 * HOUR),
    "two": bucket(1 * HOUR, anomaly_score=2.0, initial_anomaly_score=2.0, event_count=2, processing_time_ms=2),
    "zero": bucket(2 * HOUR, anomaly_score=0.0, initial_anomaly_score=0.0, event_count=0, processing_time_ms=0),
    "n2": bucket(3 * HOUR, anomaly_score=None, initial_anomaly_score=None, event_count=None, processing_time_ms=None),
    "one": bucket(4 * HOUR, anomaly_score=1.0, initial_anomaly_score=1.0, event_count=1, processing_time_ms=1),
}
BUCKET_NUMBERS = ("anomaly_score", "initial_anomaly_score", "event_count", "processing_time_ms")
INTERIM = {
    "none": bucket(0 * HOUR),
    "live": bucket(1 * HOUR, is_interim=True),
    "final": bucket(2 * HOUR, is_interim=False),
    "null": bucket(3 * HOUR, is_interim=None),
    "live2": bucket(4 * HOUR, is_interim=True),
}
NEGATIVE = {"none": bucket(0), "minus": bucket(HOUR, anomaly_score=-5.0), "plus": bucket(2 * HOUR, anomaly_score=5.0)}

MISSING_LAST = (
    [
        Answered(
            "5.4", f"{field}, ascending", GAPS, {"sort": field}, "zero one two n1 n2", "FSB: _last; 0 is not missing"
        )
        for field in BUCKET_NUMBERS
    ]
    + [
        Answered("5.4", f"{field}, desc", GAPS, {"sort": field, "desc": True}, "two one zero n2 n1", "FSB: _last again")
        for field in BUCKET_NUMBERS
    ]
    + [
        Answered(
            "5.4",
            "a page of results without the field",
            GAPS,
            {"sort": "event_count", "from_": 3},
            "n1 n2",
            "FSB",
            count=5,
        ),
        Answered(
            "5.4",
            "missing is after a negative score",
            NEGATIVE,
            {"sort": "anomaly_score"},
            "minus plus none",
            "FSB: after, not as 0",
        ),
        Answered(
            "5.4",
            "missing is after a negative score, desc",
            NEGATIVE,
            {"sort": "anomaly_score", "desc": True},
            "plus minus none",
            "FSB",
        ),
        Answered("5.4", "is_interim", INTERIM, {"sort": "is_interim"}, "final live live2 none null", "FSB"),
        Answered(
            "5.4",
            "is_interim, desc",
            INTERIM,
            {"sort": "is_interim", "desc": True},
            "live2 live final null none",
            "FSB",
        ),
    ]
)

RECORD_NUMBERS: tuple[tuple[str, Any, Any], ...] = (
    ("record_score", 0.0, 0.5),
    ("initial_record_score", 0.0, 0.5),
    ("probability", 0.0, 5e-324),
    ("multi_bucket_impact", -5.0, 0.0),
    ("detector_index", -1, 0),
    ("is_interim", False, True),
)
RECORD_TEXTS = (
    "function",
    "function_description",
    "field_name",
    "by_field_name",
    "by_field_value",
    "over_field_name",
    "over_field_value",
    "partition_field_name",
    "partition_field_value",
)


def gaps(kind: Kind, field: str, low: Any, high: Any) -> Documents:
    """Four results of a kind: the field is absent in `n1`, null in `n2`, and has these values in `low` and `high`."""
    make = {"record": record, "influencer": influencer}[kind]
    return {
        "n1": make(0 * HOUR),
        "high": make(1 * HOUR) | {field: high},
        "low": make(2 * HOUR) | {field: low},
        "n2": make(3 * HOUR) | {field: None},
    }


#: The fields of each kind with a low and a high value. Zero, False and empty text are values: they are not missing.
LOW_AND_HIGH: Mapping[Kind, Sequence[tuple[str, Any, Any]]] = {
    "record": (*RECORD_NUMBERS, *((field, "", "a") for field in RECORD_TEXTS)),
    "influencer": (
        ("influencer_score", 0.0, 0.5),
        ("initial_influencer_score", 0.0, 0.5),
        ("probability", 0.0, 5e-324),
        ("is_interim", False, True),
        ("influencer_field_name", "", "a"),
        ("influencer_field_value", "", "a"),
    ),
}
MISSING_LAST += [
    Answered(
        f"20.order-of-{kind}s",
        f"{field} missing is last{', desc' * desc}",
        gaps(kind, field, low, high),
        {"sort": field, "desc": desc},
        "high low n2 n1" if desc else "low high n1 n2",
        "5.4: also after zero, false and empty text",
        of=kind,
    )
    for kind, rows in LOW_AND_HIGH.items()
    for field, low, high in rows
    for desc in (False, True)
]


@each_row(MISSING_LAST)
def test_missing_values_are_last(row: Answered) -> None:
    """Sorting by a field that some results lack gives the results of the row in its order."""
    assert_answered(row)
