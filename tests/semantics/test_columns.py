"""Our decision on columns: columns of a kind store the same results as documents."""

import math
from typing import Any

import numpy as np

from bucketquery import Kind
from support.document_tables import T0, SameAs, assert_same_as
from support.semantics_tables import (
    CALLS,
    HOUR_S,
    JOB,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
    result,
)

TIMES = np.array([T0, T0 + 3_600_000], dtype=np.int64)
BASIC: dict[str, Any] = {"timestamp": TIMES, "bucket_span": HOUR_S}
#: The columns of text that a record may have.
TEXTS = (
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
)


def columns(kind: Kind, claim: str, source: str = "ours", **fields: Any) -> SameAs:
    """Columns of two results an hour apart, and the same results as documents; None in a document is missing."""
    lists = {
        name: column.tolist(None) if isinstance(column, np.ma.MaskedArray) else column
        for name, column in fields.items()
    }
    documents = [
        result(kind, int(TIMES[row])) | {name: column[row] for name, column in lists.items()} for row in (0, 1)
    ]
    return SameAs("20.columns", f"{kind}: {claim}", kind, BASIC | fields, documents, source)


def texts(column: Any) -> dict[str, Any]:
    """The same column for every text field of a record."""
    return dict.fromkeys(TEXTS, column)


OF_EVERY_KIND = [
    row
    for kind in CALLS
    for row in (
        columns(kind, "required columns only", "ours: a column left out is missing"),
        columns(kind, "result_type", "ours: if every entry is the kind", result_type=[kind, kind]),
    )
]


def two(**fields: Any) -> list[dict[str, Any]]:
    """Two buckets an hour apart: each field has one value for each bucket, and None is missing."""
    return [bucket(T0 + row * 3_600_000) | {name: pair[row] for name, pair in fields.items()} for row in (0, 1)]


OF_BUCKETS = [
    SameAs("20.columns", f"bucket: {claim}", "bucket", BASIC | columns, documents, source)
    for claim, columns, documents, source in (
        ("a column of spans", {"bucket_span": np.array([60, 900])}, two(bucket_span=(60, 900)), "ours"),
        ("one NumPy span", {"bucket_span": np.int32(60)}, two(bucket_span=(60, 60)), "ours: one int"),
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
        ("scores of ints", {"anomaly_score": np.array([1, 2])}, two(anomaly_score=(1.0, 2.0)), "as documents"),
        ("minus zero", {"anomaly_score": np.array([-0.0, 1.0])}, two(anomaly_score=(0.0, 1.0)), "as documents"),
        (
            "masked",
            {"anomaly_score": np.ma.array([1.5, 9.0], mask=[False, True])},
            two(anomaly_score=(1.5, None)),
            "ours",
        ),
        (
            "NaN in a masked entry",
            {"anomaly_score": np.ma.array([1.5, math.nan], mask=[False, True])},
            two(anomaly_score=(1.5, None)),
            "ours",
        ),
        (
            "a masked array without masked entries",
            {"anomaly_score": np.ma.array([1.5, 2.5])},
            two(anomaly_score=(1.5, 2.5)),
            "ours",
        ),
        ("None in a list", {"anomaly_score": [1.5, None]}, two(anomaly_score=(1.5, None)), "ours"),
        (
            "None in an array of objects",
            {"event_count": np.array([5, None], object)},
            two(event_count=(5, None)),
            "ours",
        ),
        ("counts of uint8", {"event_count": np.array([5, 6], np.uint8)}, two(event_count=(5, 6)), "ours"),
        ("counts of integral floats", {"event_count": np.array([5.0, 6.0])}, two(event_count=(5, 6)), "as documents"),
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
        (
            "one time, two spans",
            {"timestamp": TIMES[[0, 0]], "bucket_span": np.array([900, 60])},
            [bucket(T0, bucket_span=900), bucket(T0, bucket_span=60)],
            "12.1",
        ),
        (
            "rows out of order, the last wins",
            {"timestamp": TIMES[[1, 0, 1]], "anomaly_score": [1.0, 2.0, 3.0]},
            [
                bucket(T0 + 3_600_000, anomaly_score=1.0),
                bucket(T0, anomaly_score=2.0),
                bucket(T0 + 3_600_000, anomaly_score=3.0),
            ],
            "ours: within a batch the last wins",
        ),
        (
            "arrays that are not contiguous",
            {"timestamp": np.repeat(TIMES, 2)[::2], "anomaly_score": np.arange(4, dtype=np.float64)[::-2]},
            two(anomaly_score=(3.0, 1.0)),
            "any array",
        ),
        ("no rows", {"timestamp": TIMES[:0]}, [], "an empty batch"),
    )
] + [
    SameAs(
        "20.columns",
        "bucket: a column of jobs",
        "bucket",
        BASIC | {"job_id": ["db", "web"], "anomaly_score": [1.0, 2.0]},
        [bucket(T0 + 3_600_000, anomaly_score=2.0), bucket(T0, job_id="db", anomaly_score=1.0)],
        "ours",
        job_id=None,
    ),
    SameAs(
        "20.columns",
        "bucket: a NumPy column of jobs",
        "bucket",
        BASIC | {"job_id": np.array(["web", "web"])},
        two(),
        "ours",
        job_id=None,
    ),
]


OF_RECORDS_AND_INFLUENCERS = [
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
    columns("record", "text with an empty text", **texts(["", "b"])),
    columns("record", "NumPy text", **texts(np.array(["a", "bcd"]))),
    columns("record", "text in an array of objects", **texts(np.array(["a\x00", None], object))),
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
    columns(
        "record",
        "data fields are generated from columns too",
        "9.6",
        by_field_name=["airline", "airline"],
        by_field_value=["AAL", "UAL"],
    ),
    columns(
        "influencer",
        "every column",
        "as documents",
        influencer_field_name=["host", "user"],
        influencer_field_value=np.array(["a", "b"]),
        influencer_score=np.ma.array([1.5, 9.0], mask=[False, True]),
        initial_influencer_score=[1, None],
        probability=np.array([1e-308, 5e-324]),
        is_interim=[None, True],
    ),
    SameAs(
        "20.columns",
        "record: an identity twice, the last wins",
        "record",
        {"timestamp": TIMES[[0, 0]], "bucket_span": 60, "detector_index": [None, 0], "record_score": [1.0, 2.0]},
        [
            record(T0, bucket_span=60, record_score=1.0),
            record(T0, bucket_span=60, detector_index=0, record_score=2.0),
        ],
        "12.1",
    ),
    SameAs(
        "20.columns",
        "record: an absent and an empty value are two records",
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


@each_row(OF_EVERY_KIND, OF_BUCKETS, OF_RECORDS_AND_INFLUENCERS)
def test_columns_store_the_same_as_documents(row: SameAs) -> None:
    """Columns give the same commit, jobs, bodies and keys as the documents of the row."""
    assert_same_as(row)


def test_columns_are_copied() -> None:
    """The index copies the arrays: a change after the call does not reach the stored values."""
    times, scores = TIMES.copy(), np.array([1.0, 2.0])
    index = index_of([])
    index.upsert_columns({"timestamp": times, "bucket_span": 60, "anomaly_score": scores}, job_id=JOB)
    times[:], scores[:] = 0, 50.0
    found = index.get_buckets(job_id=JOB)
    assert [(each.timestamp, each.anomaly_score) for each in found] == [(T0, 1.0), (T0 + 3_600_000, 2.0)]
