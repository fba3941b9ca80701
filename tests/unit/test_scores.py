"""New scores: the four arguments of `renormalize`, checked, sorted and put together by kind."""

import math
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidDocument, InvalidQuery
from bucketquery.ingest.scores import ARGUMENTS, Scores, read_scores
from bucketquery.model.instants import LAST_MS
from support.helpers import SPAN_S, STEP, without


def scored(**fields: Any) -> dict[str, Any]:
    """Columns of four scores of one job, out of order; ``fields`` replaces columns or adds some."""
    return {"timestamp": [3 * STEP, 0, STEP, 0], "bucket_span": SPAN_S, "anomaly_score": [3, 1.5, 2, -0.0]} | fields


def read(argument: str, columns: Any) -> Scores:
    """The scores of one argument."""
    (found,) = read_scores({argument: columns})
    return found


def columns_of(found: Scores) -> dict[str, list[Any]]:
    """The columns of scores, keywords as text."""
    segment = found.segment
    segment_rows = slice(0, segment.length)
    return {name: segment.values(name, segment_rows).tolist() for name in segment.columns}


def test_scores_are_sorted_and_the_last_wins() -> None:
    """``given`` has the identities in the order of the input, so that an error can name a row."""
    found = read("buckets", scored())
    columns = columns_of(found)
    assert columns == {
        "timestamp": [0, STEP, 3 * STEP],
        "bucket_span": [SPAN_S] * 3,
        "anomaly_score": [0.0, 2.0, 3.0],
    }
    assert math.copysign(1, columns["anomaly_score"][0]) == 1
    assert (found.named, found.repeated, found.nested) == ({}, 1, None)
    ((rank, error),) = found.unknown(np.array([0, 2]), [])
    assert (rank, error.field, error.value) == (0, "buckets.timestamp[0]", 3 * STEP)
    assert found.unknown(np.array([0]), [])[0][1].field == "buckets.timestamp[1]"
    assert "no bucket of this timestamp and bucket_span" in error.reason
    ascending = np.arange(3) * STEP
    assert read("buckets", scored(timestamp=ascending, anomaly_score=[1, 2, 3])).segment.length == 3


def test_scores_of_records_and_influencers_have_keywords() -> None:
    """Fields that are left out are missing. Keywords are sorted by their text, a missing one first."""
    given = scored(detector_index=[0, None, 1, 0], by_field_value=["b", None, "a", "c"], record_score=[1, 2, 3, 4])
    found = read("records", without(given, "anomaly_score"))
    assert columns_of(found) == {
        "timestamp": [0, 0, STEP, 3 * STEP],
        "bucket_span": [SPAN_S] * 4,
        "detector_index": [0, 0, 1, 0],
        "by_field_value": [None, "c", "a", "b"],
        "over_field_value": [None] * 4,
        "partition_field_value": [None] * 4,
        "record_score": [2.0, 4.0, 3.0, 1.0],
    }
    assert (found.named, found.repeated) == (None, 0)
    ((rank, error),) = found.unknown(np.array([1, 3]), [])
    assert (rank, error.field) == (1, "records.timestamp[0]")
    found = read("influencers", without(scored(influencer_score=[1, 2, 3, 4]), "anomaly_score"))
    assert columns_of(found)["influencer_score"] == [4.0, 3.0, 1.0]
    assert found.unknown(np.array([1]), [])[0][1].field == "influencers.timestamp[2]"


def test_scores_of_nested_influencers_are_put_with_their_buckets() -> None:
    """A bucket without a score of its own has NaN. Names are missing if they are left out."""
    nested = scored(influencer_field_name=["host", "bucket_time", None, "bucket_time"])
    found = read("bucket_influencers", nested)
    assert (found.given, found.repeated) == (None, 1)
    assert columns_of(found)["timestamp"] == [0, STEP, 3 * STEP]
    assert np.isnan(columns_of(found)["anomaly_score"]).all()
    assert found.named == {0: {"bucket_time": 0.0}, 1: {None: 2.0}, 2: {"host": 3.0}}
    both, records = read_scores(
        {
            "buckets": scored(timestamp=[STEP, 9 * STEP, -STEP, STEP], anomaly_score=[1, 2, 3, 4]),
            "records": without(scored(record_score=[1] * 4), "anomaly_score"),
            "influencers": None,
            "bucket_influencers": nested,
        }
    )
    assert (both.repeated, records.repeated) == (2, 1)
    columns = columns_of(both)
    assert columns["timestamp"] == [-STEP, 0, STEP, 3 * STEP, 9 * STEP]
    assert [None if math.isnan(score) else score for score in columns["anomaly_score"]] == [3.0, None, 4.0, None, 2.0]
    assert both.named == {1: {"bucket_time": 0.0}, 2: {None: 2.0}, 3: {"host": 3.0}}
    assert read("bucket_influencers", scored()).named == {0: {None: 0.0}, 1: {None: 2.0}, 2: {None: 3.0}}


def test_errors_name_the_argument_that_has_the_result() -> None:
    """A bucket that is not stored is an error of each argument that has it; a name is one of the influencers only."""
    nested = scored(influencer_field_name=["host", "bucket_time", None, "a"])
    (found,) = read_scores({"buckets": scored(timestamp=[STEP, 9 * STEP, STEP, STEP]), "bucket_influencers": nested})
    assert [(rank, error.field) for rank, error in found.unknown(np.array([1]), [])] == [
        (0, "buckets.timestamp[0]"),
        (3, "bucket_influencers.timestamp[2]"),
    ]
    nothing = np.array([], dtype=np.int64)
    ((rank, error),) = found.unknown(nothing, [(0, "a"), (2, "host")])
    assert (rank, error.field, error.value) == (3, "bucket_influencers.timestamp[0]", 3 * STEP)
    assert "no bucket with an influencer of this timestamp and bucket_span and influencer_field_name" in error.reason
    assert found.unknown(nothing, [(0, "a")])[0][1].field == "bucket_influencers.timestamp[3]"
    assert found.unknown(nothing, [(1, None)])[0][1].field == "bucket_influencers.timestamp[2]"
    assert [error.field for _, error in found.unknown(np.array([3]), [])] == ["buckets.timestamp[1]"]


def test_no_scores_at_all_are_refused() -> None:
    """At least one argument must be given, and an index without documents has no nested influencers."""
    for given in ({}, dict.fromkeys(ARGUMENTS)):
        with pytest.raises(InvalidQuery) as caught:
            read_scores(given)
        assert caught.value.field == "buckets"
    nested = scored()
    with pytest.raises(InvalidQuery) as caught:
        read_scores({"bucket_influencers": nested}, keep=False)
    assert (caught.value.field, caught.value.value is nested) == ("bucket_influencers", True)
    (found,) = read_scores({"buckets": scored(), "bucket_influencers": None}, keep=False)
    assert found.segment.length == 3


@pytest.mark.parametrize(
    ("argument", "columns", "field"),
    [
        ("records", scored(), "anomaly_score"),
        ("records", without(scored(record_score=[1] * 4, by_field_name=["a"] * 4), "anomaly_score"), "by_field_name"),
        ("records", without(scored(record_score=[1, 2, None, 4]), "anomaly_score"), "record_score[2]"),
        (
            "records",
            without(scored(record_score=[1] * 4, by_field_value=["a", 1, "b", 2]), "anomaly_score"),
            "by_field_value[1]",
        ),
        ("influencers", without(scored(), "anomaly_score"), "influencer_score"),
        ("bucket_influencers", scored(influencer_field_name=["a", 5, "b", "c"]), "influencer_field_name[1]"),
        ("bucket_influencers", scored(influencer_field_value=["a"] * 4), "influencer_field_value"),
        ("bucket_influencers", scored(anomaly_score=[1, 2, 3, math.nan]), "anomaly_score[3]"),
    ],
)
def test_the_path_of_an_error_begins_with_the_argument(argument: str, columns: Any, field: str) -> None:
    """The error names the column or the entry."""
    with pytest.raises(InvalidDocument) as caught:
        read_scores({argument: columns})
    assert caught.value.field == f"{argument}.{field}"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (scored(event_count=[1] * 4), "buckets.event_count"),
        (scored(initial_anomaly_score=None), "buckets.initial_anomaly_score"),
        (scored(job_id=["web"] * 4), "buckets.job_id"),
        (scored(result_type=["bucket"] * 4), "buckets.result_type"),
        (dict([*scored().items(), (5, 5)]), "buckets.5"),
        (without(scored(), "timestamp"), "buckets.timestamp"),
        (without(scored(), "bucket_span"), "buckets.bucket_span"),
        (without(scored(), "anomaly_score"), "buckets.anomaly_score"),
        (scored(anomaly_score=None), "buckets.anomaly_score"),
        (scored(anomaly_score=[1, 2, 3]), "buckets.anomaly_score"),
        (scored(anomaly_score=5), "buckets.anomaly_score"),
        (scored(anomaly_score=[1, None, 3, 4]), "buckets.anomaly_score[1]"),
        (scored(anomaly_score=np.ma.array([1.0] * 4, mask=[False, False, True, False])), "buckets.anomaly_score[2]"),
        (scored(anomaly_score=[1, 2, math.nan, 4]), "buckets.anomaly_score[2]"),
        (scored(anomaly_score=np.array([1, 2, 3, math.inf])), "buckets.anomaly_score[3]"),
        (scored(anomaly_score=[1, "2", 3, 4]), "buckets.anomaly_score[1]"),
        (scored(timestamp=[0, 1, None, 3]), "buckets.timestamp[2]"),
        (scored(timestamp=np.array([0, LAST_MS + 1, 2, 3])), "buckets.timestamp[1]"),
        (scored(bucket_span=0), "buckets.bucket_span"),
        (scored(bucket_span=[300, 300, 0, 300]), "buckets.bucket_span[2]"),
        ([scored()], "buckets"),
    ],
)
def test_bad_scores_are_refused(given: Any, field: str) -> None:
    """The error names the column or the entry. Timestamp, span and score are required; other columns are refused."""
    with pytest.raises(InvalidDocument) as caught:
        read_scores({"buckets": given})
    assert caught.value.field == field
