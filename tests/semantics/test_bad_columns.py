"""Our decision on columns: which columns are refused, and the path that the error names."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bucketquery import Kind
from support.document_tables import FIRST_MS, LAST_MS, T0, BadColumns, assert_bad_columns
from support.semantics_tables import HOUR_S, each_row

TIMES = np.array([T0, T0 + 3_600_000], dtype=np.int64)
BASIC: dict[str, Any] = {"timestamp": TIMES, "bucket_span": HOUR_S}


def bad_entry(kind: Kind, field: str, value: Any, path: str, source: str, *, of: str = "") -> BadColumns:
    """Columns of two rows with one bad field; `of` names the case if the value is not a clear name."""
    claim = of or f"{field} {value!r:.50}"
    return BadColumns("20.columns", f"{kind}: {claim}", kind, BASIC | {field: value}, path, source)


LENGTHS = "columns|columns.timestamp|columns.anomaly_score|columns.bucket_span|columns.scheduled_events"
BAD_COLUMNS = [
    bad_entry("bucket", "anomaly_score", np.array([1.0, math.nan]), "columns.anomaly_score[1]", "ours: NaN is refused"),
    bad_entry("bucket", "anomaly_score", np.array([math.inf, 1.0]), "columns.anomaly_score[0]", "ours: finite"),
    bad_entry("bucket", "anomaly_score", [1.0, math.nan], "columns.anomaly_score[1]", "ours: NaN is refused"),
    bad_entry("bucket", "anomaly_score", np.array([1.0, "x"], object), "columns.anomaly_score[1]", "as documents"),
    bad_entry(
        "bucket", "anomaly_score", np.array([1.0, True], object), "columns.anomaly_score[1]", "as documents: no bools"
    ),
    bad_entry(
        "bucket",
        "anomaly_score",
        np.array([True, False]),
        "columns.anomaly_score|columns.anomaly_score[0]",
        "as documents: no bools",
    ),
    bad_entry(
        "bucket", "anomaly_score", ["1", "2"], "columns.anomaly_score|columns.anomaly_score[0]", "as documents: no text"
    ),
    bad_entry(
        "bucket",
        "anomaly_score",
        np.ma.array([math.nan, 1.0], mask=[False, True]),
        "columns.anomaly_score[0]",
        "the entry is not masked",
        of="NaN beside a masked entry",
    ),
    bad_entry(
        "bucket",
        "initial_anomaly_score",
        np.array([1.0, -math.inf]),
        "columns.initial_anomaly_score[1]",
        "ours: finite",
    ),
    bad_entry("bucket", "event_count", np.array([1.0, 1.5]), "columns.event_count[1]", "ours: integral floats"),
    bad_entry("bucket", "event_count", np.array([1.0, math.nan]), "columns.event_count[1]", "ours: NaN is refused"),
    bad_entry("bucket", "event_count", np.array([1, 2**63], np.uint64), "columns.event_count[1]", "ours: inside int64"),
    bad_entry("bucket", "event_count", np.array([1.0, 2.0**63]), "columns.event_count[1]", "ours: inside int64"),
    bad_entry("bucket", "processing_time_ms", [1, "2"], "columns.processing_time_ms[1]", "as documents: no text"),
    bad_entry(
        "bucket", "is_interim", np.array([0, 1]), "columns.is_interim|columns.is_interim[0]", "as documents: bools"
    ),
    bad_entry("bucket", "timestamp", np.array([T0, LAST_MS + 1]), "columns.timestamp[1]", "ours: years 0001 to 9999"),
    bad_entry("bucket", "timestamp", np.array([FIRST_MS - 1, T0]), "columns.timestamp[0]", "ours: years 0001 to 9999"),
    bad_entry(
        "bucket",
        "timestamp",
        np.array(["2020-01-01", "NaT"], "datetime64[ms]"),
        "columns.timestamp[1]",
        "ours: required",
    ),
    bad_entry(
        "bucket", "timestamp", np.array([10**9, 0], "datetime64[Y]"), "columns.timestamp[0]", "ours: years 0001 to 9999"
    ),
    bad_entry(
        "bucket",
        "timestamp",
        np.ma.array(TIMES, mask=[False, True]),
        "columns.timestamp[1]",
        "ours: required",
        of="a masked timestamp",
    ),
    bad_entry("bucket", "timestamp", np.array([T0, 1.5]), "columns.timestamp[1]", "ours: integral floats"),
    bad_entry("bucket", "bucket_span", np.array([60, 0]), "columns.bucket_span[1]", "ours: at least 1"),
    bad_entry("bucket", "bucket_span", 0, "columns.bucket_span|columns.bucket_span[0]", "ours: at least 1"),
    bad_entry("bucket", "bucket_span", [60, None], "columns.bucket_span[1]", "ours: required"),
    bad_entry("bucket", "scheduled_events", [[], 5], "columns.scheduled_events[1]", "ours: text or lists"),
    bad_entry("bucket", "scheduled_events", [[], ["a", 5]], "columns.scheduled_events[1][1]", "ours: text"),
    bad_entry("bucket", "bucket_influencers", [[{}, 5], []], "columns.bucket_influencers[0][1]", "ours: objects"),
    bad_entry(
        "bucket",
        "bucket_influencers",
        [[], [{"probability": "x"}]],
        "columns.bucket_influencers[1][0].probability",
        "ours",
    ),
    bad_entry(
        "bucket",
        "bucket_influencers",
        [[{"timestamp": "soon"}], []],
        "columns.bucket_influencers[0][0].timestamp",
        "ours: an instant",
    ),
    bad_entry(
        "bucket", "result_type", ["bucket", "record"], "columns.result_type|columns.result_type[1]", "ours: the kind"
    ),
    bad_entry("bucket", "severity", ["low", "low"], "columns|columns.severity", "ours: names of the schema only"),
    bad_entry(
        "bucket", "timestamp_string", ["x", "x"], "columns|columns.timestamp_string", "ours: names of the schema only"
    ),
    bad_entry("bucket", "anomaly_score", np.ones(3), LENGTHS, "ours: equal lengths", of="unequal lengths"),
    bad_entry(
        "bucket", "anomaly_score", np.ones((2, 1)), "columns|columns.anomaly_score", "ours: 1-d", of="two dimensions"
    ),
    bad_entry("bucket", "bucket_span", np.full(3, 60), LENGTHS, "ours: equal lengths", of="unequal spans"),
    bad_entry("bucket", "scheduled_events", [[]], LENGTHS, "ours: equal lengths", of="unequal lists"),
    BadColumns(
        "20.columns",
        "bucket: no timestamp",
        "bucket",
        {"bucket_span": [60]},
        "columns.timestamp|columns",
        "ours: required",
    ),
    BadColumns(
        "20.columns", "bucket: no span", "bucket", {"timestamp": TIMES}, "columns.bucket_span|columns", "ours: required"
    ),
    BadColumns(
        "20.columns", "bucket: no job", "bucket", BASIC, "columns.job_id|columns", "ours: required", job_id=None
    ),
    BadColumns(
        "20.columns",
        "bucket: a bad job",
        "bucket",
        BASIC | {"job_id": ["web", "a b"]},
        "columns.job_id[1]",
        "ours: jobs",
        job_id=None,
    ),
    BadColumns(
        "20.columns",
        "bucket: a missing job",
        "bucket",
        BASIC | {"job_id": ["web", None]},
        "columns.job_id[1]",
        "ours: required",
        job_id=None,
    ),
]


#: Names that are not in the schema of the kind, although a body or another kind has them.
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
    ("bucket", "event", [{"ingested": 5}, None]),
    ("record", "event", [{"ingested": 5}, None]),
)
BAD_COLUMNS += [
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
    bad_entry("record", "typical", [[1.0], "5"], "columns.typical[1]", "as documents: a number or a list"),
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
    """Columns are checked like documents: the error names column and position, and nothing is stored."""
    assert_bad_columns(row)
