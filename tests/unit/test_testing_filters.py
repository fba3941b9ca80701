"""The reference's reading of entity filters, tested by examples worked out by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, settings

from bucketquery import BucketQuery, InfluencerQuery, InvalidQuery, RecordQuery
from bucketquery.testing import (
    bucket_queries,
    evaluate,
    evaluate_after,
    evaluate_severity_counts,
    evaluate_threshold_counts,
    influencer_queries,
    listing,
    matching_changes,
    record_queries,
    stored_results,
)
from bucketquery.testing.filters import meets, witnessed

HOUR = 3_600_000
AT = {"job_id": "web", "timestamp": 0, "bucket_span": 3_600}
RECORD = {**AT, "result_type": "record"}
BUCKET = {**AT, "result_type": "bucket"}
#: The same data field is the by and the partition field; the over field has a name only.
TWO_HOSTS = {
    "by_field_name": "host",
    "by_field_value": "a",
    "over_field_name": "user",
    "partition_field_name": "host",
    "partition_field_value": "b",
    "influencers": [{"influencer_field_name": "host", "influencer_field_values": ["c"]}],
    "zone": ["z"],
}


def passes(document: dict[str, Any], **where: Any) -> bool:
    """Whether a record passes a filter of these fields."""
    return meets(document, "record", RecordQuery(jobs="web", where=where).where)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"host": "a"}, True),
        ({"host": ["b", "x"]}, True),
        ({"host": "c"}, False),
        ({"host": None}, False),
        ({"host": []}, False),
        ({"user": None}, True),
        ({"user": ""}, False),
        ({"zone": "z"}, False),
        ({"zone": None}, True),
        ({"over_field_name": "user"}, True),
        ({"over_field_value": None}, True),
        ({"function": None, "host": "b"}, True),
        ({"function": None, "host": "x"}, False),
        ({"detector_index": 0}, True),
        ({"detector_index": [1, 2]}, False),
        ({}, True),
    ],
    ids=str,
)
def test_a_record_meets_every_field(where: dict[str, Any], expected: bool) -> None:
    """One of the values in each field, by the three pairs and the record's own fields."""
    assert passes(TWO_HOSTS, **where) is expected


def test_values_count_by_their_base_type() -> None:
    """Text of NumPy and an integral detector are compared as plain values; a gap is a missing field."""
    stored = {"function": np.str_("mean"), "by_field_name": np.str_("host"), "by_field_value": np.str_("a")}
    assert passes(stored, function="mean", host="a")
    assert passes({"detector_index": 2.0}, detector_index=2)
    assert passes({"function": np.ma.masked}, function=None)


def test_an_influencer_has_one_pair() -> None:
    """Its other keys are not searched, even if records have such fields."""
    host = {"influencer_field_name": "host", "influencer_field_value": "a", "by_field_name": "x", "by_field_value": "b"}
    for where, expected in (
        ({"host": "a"}, True),
        ({"host": "b"}, False),
        ({"x": "b"}, False),
        ({"x": None}, True),
        ({"influencer_field_value": "a", "influencer_field_name": "host"}, True),
        ({"influencer_field_value": None}, False),
    ):
        assert meets(host, "influencer", InfluencerQuery(jobs="web", where=where).where) is expected


def test_a_witness_is_one_record_of_the_job_and_instant() -> None:
    """It meets every field by itself, and is final if interim results are left out."""
    records = [
        {**RECORD, "function": "mean", "timestamp": "1970-01-01T01:00:00+00:00"},
        {**RECORD, "function": "rare", "field_name": "x"},
        {**RECORD, "function": "mean", "job_id": "db", "is_interim": True},
    ]
    query = BucketQuery(jobs="web", where={"function": "mean"})
    assert witnessed(records, query) == {("web", HOUR), ("db", 0)}
    assert witnessed(records, query.replace(exclude_interim=True)) == {("web", HOUR)}
    assert witnessed(records, query.replace(where={"function": "mean", "field_name": "x"})) == set()


def test_every_answer_of_the_reference_has_the_filter() -> None:
    """Pages, pages behind a result, and counts by score; a replaced record is no witness."""
    documents = [
        {**BUCKET, "anomaly_score": 80},
        {**BUCKET, "timestamp": HOUR},
        {**RECORD, "function": "rare"},
        {**RECORD, "function": "mean", "record_score": 60},
        {**RECORD, "function": "mean", "timestamp": HOUR, "record_score": 50},
        {**RECORD, "function": "rare", "timestamp": 2 * HOUR},
    ]
    for query, instants in (
        (BucketQuery(jobs="web", where={"function": "mean"}), [0, HOUR]),
        (BucketQuery(jobs="web", where={"function": "rare"}), []),
        (RecordQuery(jobs="web", where={"function": "mean"}), [0, HOUR]),
        (RecordQuery(jobs="web", where={"function": ["rare", None]}), [2 * HOUR]),
    ):
        body = evaluate(documents, query)
        results = body["buckets" if isinstance(query, BucketQuery) else "records"]
        assert [result["timestamp"] for result in results] == instants
        assert body["count"] == len(instants) == sum(evaluate_severity_counts(documents, query).values())
        assert evaluate_threshold_counts(documents, query, [0]) == [len(instants)]
    behind = evaluate_after(documents, BucketQuery(jobs="web", where={"function": "mean"}), documents[0])
    assert (behind["count"], [bucket["timestamp"] for bucket in behind["buckets"]]) == (2, [HOUR])


def test_a_feed_has_the_filter_on_both_sides() -> None:
    """A record enters, leaves or stays by its fields before and after a write."""
    mean, rare = (stored_results([{**RECORD, "function": name}]) for name in ("mean", "rare"))
    query = RecordQuery(jobs="web", where={"function": "mean"})
    assert [change.effect for change in matching_changes(rare, mean, query)] == ["entered"]
    assert [change.effect for change in matching_changes(mean, rare, query)] == ["left"]
    assert matching_changes({}, rare, query) == []
    assert [change.effect for change in listing(mean, query)] == ["entered"]
    assert listing(rare, query) == []


def test_a_feed_of_buckets_with_a_filter_is_refused() -> None:
    """The field of the error is `where`, for a listing too, and even if nothing changed."""
    query = BucketQuery(jobs="web", where={"function": []})
    asks: list[Callable[[], object]] = [lambda: matching_changes({}, {}, query), lambda: listing({}, query)]
    for ask in asks:
        with pytest.raises(InvalidQuery) as caught:
            ask()
        assert caught.value.field == "where"
    assert matching_changes({}, {}, query.replace(where={})) == []


@pytest.mark.parametrize("maker", [bucket_queries, record_queries, influencer_queries])
def test_some_drawn_queries_have_a_filter(maker: Any) -> None:
    """The strategies draw filters of several fields, of several values, of none, and of a missing field."""
    search = settings(max_examples=2_000, database=None, phases=[Phase.generate])
    claims: list[Callable[[Any], bool]] = [
        lambda query: not query.where,
        lambda query: len(query.where) > 1,
        lambda query: any(len(values) > 1 for _, values in query.where),
        lambda query: any(not values for _, values in query.where),
        lambda query: any(None in values for _, values in query.where),
        lambda query: any(name == "host" for name, _ in query.where),
    ]
    for claim in claims:
        assert claim(find(maker(), claim, settings=search))
