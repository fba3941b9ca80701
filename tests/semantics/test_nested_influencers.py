"""Our decision on bucket influencers: values of their own, and those that their bucket gives them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import ResultsIndex
from support.document_tables import (
    FILLED_MS,
    FIRST_MS,
    LAST_MS,
    SIZES,
    T0,
    BadDocument,
    History,
    SameAs,
    Shown,
    Wrote,
    assert_bad_document,
    assert_history,
    assert_same_as,
    assert_shown,
    assert_shown_in_every_way,
    bad,
    batch_of,
    page_without_others,
)
from support.semantics_tables import CALLS, JOB, assert_same_body, bucket, each_row, index_of, record

RULE = "20.bucket-influencers"
#: What a bucket at 0 gives to its influencers.
OF_THE_BUCKET = {"job_id": "web", "timestamp": 0, "bucket_span": 3_600, "is_interim": False}


def body(nested: Mapping[str, Any], **of_the_bucket: Any) -> dict[str, Any]:
    """The body of a bucket at 0 with one influencer, whose documented values are these."""
    named = {"influencer_field_name": nested["influencer_field_name"]} if "influencer_field_name" in nested else {}
    scores = dict.fromkeys(("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability"), 0.0)
    own = OF_THE_BUCKET | {name: value for name, value in nested.items() if name in OF_THE_BUCKET}
    given = {name: value for name, value in nested.items() if name in scores}
    shown = {"job_id": own["job_id"], "result_type": "bucket_influencer", **named, **(scores | given)}
    shown |= {name: own[name] for name in ("timestamp", "bucket_span", "is_interim")}
    return {
        "job_id": "web",
        "timestamp": 0,
        "anomaly_score": 0.0,
        "bucket_span": 3_600,
        "initial_anomaly_score": 0.0,
        "event_count": 0,
        "is_interim": False,
        "bucket_influencers": [shown],
        "processing_time_ms": 0,
        "result_type": "bucket",
    } | of_the_bucket


def shown(claim: str, nested: Mapping[str, Any], values: Mapping[str, Any], source: str, **fields: Any) -> Shown:
    """A bucket at 0 with one influencer, and the influencer's values in the body."""
    return Shown(RULE, claim, bucket(0, bucket_influencers=[nested], **fields), body(values, **fields), source)


OWN = [
    shown("no values of its own", {}, {}, "ours: those of the bucket"),
    shown("another job", {"job_id": "db"}, {"job_id": "db"}, "BINF: a value of its own"),
    shown("a job of any legal name", {"job_id": "données/1"}, {"job_id": "données/1"}, "20.jobs: legal"),
    shown("the same job", {"job_id": "web"}, {"job_id": "web"}, "BINF"),
    shown("another timestamp", {"timestamp": 60_000}, {"timestamp": 60_000}, "BINF"),
    shown("a timestamp as text", {"timestamp": "2020-01-01"}, {"timestamp": T0}, "20.documents: as a bucket"),
    shown("an aware datetime", {"timestamp": datetime(2020, 1, 1, tzinfo=UTC)}, {"timestamp": T0}, "20.documents"),
    shown("an earlier timestamp", {"timestamp": FIRST_MS}, {"timestamp": FIRST_MS}, "ours: as a bucket"),
    shown("a later timestamp", {"timestamp": LAST_MS}, {"timestamp": LAST_MS}, "ours: as a bucket"),
    shown("another span", {"bucket_span": 60}, {"bucket_span": 60}, "BINF"),
    shown("a span as a double", {"bucket_span": 60.0}, {"bucket_span": 60}, "20.documents: as a bucket"),
    shown("the greatest span", {"bucket_span": 2**63 - 1}, {"bucket_span": 2**63 - 1}, "20.documents: as a bucket"),
    shown("interim in a final bucket", {"is_interim": True}, {"is_interim": True}, "BINF"),
    shown("final in an interim bucket", {"is_interim": False}, {"is_interim": False}, "BINF", is_interim=True),
    shown("interim as its bucket", {}, {"is_interim": True}, "ours: the bucket's", is_interim=True),
    shown("null values", dict.fromkeys(OF_THE_BUCKET), {}, "20.documents: null is missing"),
    shown(
        "every value of its own",
        {
            "job_id": "db",
            "timestamp": -1,
            "bucket_span": 60,
            "is_interim": True,
            "influencer_field_name": "host",
            "anomaly_score": 80,
            "initial_anomaly_score": 81.5,
            "raw_anomaly_score": 10.4,
            "probability": 1.7e-32,
            "result_type": "bucket_influencer",
        },
        {
            "job_id": "db",
            "timestamp": -1,
            "bucket_span": 60,
            "is_interim": True,
            "influencer_field_name": "host",
            "anomaly_score": 80.0,
            "initial_anomaly_score": 81.5,
            "raw_anomaly_score": 10.4,
            "probability": 1.7e-32,
        },
        "BINF",
    ),
    shown("a null type", {"result_type": None}, {}, "20.documents: null is missing"),
    shown("unknown keys", {"host": "a", "influencer_field_value": "a", "zone": {}}, {}, "ours: dropped"),
    shown("records in an influencer", {"records": [{"record_score": "x"}]}, {}, "20.records-in-buckets: unknown"),
    shown("null scores", {"anomaly_score": None, "probability": None}, {}, "ours: 0.0 by default"),
]


@each_row(OWN)
def test_values_of_its_own_come_back(row: Shown) -> None:
    """An influencer shows its own values and else those of its bucket, in batches of every size and in every way."""
    assert_shown(row, SIZES)
    assert_shown_in_every_way(row)


@pytest.mark.parametrize("size", SIZES)
def test_attributes_are_the_influencers_own(size: int) -> None:
    """20.bucket-influencers: the attributes are those of the body."""
    own = {"job_id": "db", "timestamp": 60_000, "bucket_span": 60, "is_interim": True}
    (found,) = page_without_others(
        index_of(batch_of(size, [bucket(0, bucket_influencers=[own, {}])], "bucket")[0]), "bucket"
    )
    assert [
        (blamed.job_id, blamed.timestamp, blamed.bucket_span, blamed.is_interim) for blamed in found.bucket_influencers
    ] == [("db", 60_000, 60, True), ("web", 0, 3_600, False)]


@pytest.mark.parametrize("size", SIZES)
def test_no_query_filters_by_an_influencers_values(size: int) -> None:
    """20.bucket-influencers: job, window and `exclude_interim` are those of the bucket; the job stays unknown."""
    own = {"job_id": "db", "timestamp": 60_000, "bucket_span": 60, "is_interim": True}
    index = ResultsIndex()
    index.upsert(batch_of(size, [bucket(0, bucket_influencers=[own])], "bucket")[0])
    assert (index.jobs(), "db" in index) == ((JOB,), False)
    for asked, count in (({"start": 60_000}, 0), ({"end": 1}, 1), ({"exclude_interim": True}, 1)):
        assert page_without_others(index, "bucket", **{"end": FILLED_MS} | asked).count == count
    assert index.get_buckets(job_id=JOB, timestamp=0).count == 1


def test_expand_takes_the_buckets_own_job_and_instant() -> None:
    """20.bucket-influencers: `expand` looks for the records of the bucket, not for those of its influencers' values."""
    own = {"job_id": "db", "timestamp": 60_000}
    given = [
        bucket(0, bucket_influencers=[own]),
        record(0, record_score=1.0),
        record(60_000, record_score=2.0),
        record(60_000, job_id="db", record_score=3.0),
    ]
    (found,) = index_of(given).get_buckets(job_id=JOB, expand=True)
    assert [shown.record_score for shown in found.records] == [1.0]


REFUSED = [
    row
    for field, source, values in (
        ("job_id", "20.jobs", ("", "a b", "w*", "_all", "-web", "x" * 256, 5, b"db", ["db"])),
        (
            "timestamp",
            "20.documents",
            ("soon", "", "now", str(T0), True, 1.5, [0], FIRST_MS - 1, LAST_MS + 1, datetime(2020, 1, 1)),  # noqa: DTZ001 - naive is refused
        ),
        ("bucket_span", "20.documents", (0, -1, 0.5, "60", True, 2**63)),
        ("is_interim", "20.documents", (0, 1, "true", [])),
        ("result_type", "ours: of that type", ("bucket", "record", "influencer", "model_plot", "", 5)),
        ("influencer_field_name", "BINF: text", (5, ["host"], True)),
    )
    for value in values
    for row in bad("bucket", "bucket_influencers", source, [{}, {field: value}], path=f"[1].{field}", rule=RULE)
]


@each_row(REFUSED)
def test_value_that_no_bucket_could_have_is_refused(row: BadDocument) -> None:
    """A bad value has the path of the influencer, in batches of every size."""
    assert_bad_document(row, SIZES)


NAMED: dict[str, Any] = {"influencer_field_name": "host"}


def again(claim: str, first: Mapping[str, Any], second: Mapping[str, Any], *, replaced: bool) -> History:
    """A bucket written twice, with one influencer each time."""
    return History(
        RULE,
        claim,
        [[bucket(0, bucket_influencers=[{**NAMED, **first}])], [bucket(0, bucket_influencers=[{**NAMED, **second}])]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0) if replaced else Wrote(1, 0, 0, 1)],
        (1, 0, 0),
        "20.commits",
    )


COMMITS = [
    again("the bucket's own values", {}, OF_THE_BUCKET, replaced=False),
    again("another job", {}, {"job_id": "db"}, replaced=True),
    again("another job twice", {"job_id": "db"}, {"job_id": "db"}, replaced=False),
    again("another timestamp", {}, {"timestamp": 1}, replaced=True),
    again("the same timestamp as text", {"timestamp": 0}, {"timestamp": "1970-01-01"}, replaced=False),
    again("another span", {}, {"bucket_span": 60}, replaced=True),
    again("interim", {}, {"is_interim": True}, replaced=True),
    again("unknown keys", {}, {"zone": 1}, replaced=False),
    again("its type", {}, {"result_type": "bucket_influencer"}, replaced=False),
]


@each_row(COMMITS)
def test_commit_compares_the_influencers_values(row: History) -> None:
    """A bucket counts as replaced if a value of an influencer differs."""
    assert_history(row)


COLUMNS = [
    SameAs(
        "20.columns",
        "bucket: influencers with values of their own",
        "bucket",
        {
            "timestamp": np.array([0, 1]),
            "bucket_span": 3_600,
            "bucket_influencers": [[{"job_id": "db", "timestamp": 60_000, "bucket_span": 60}, {}], None],
        },
        [bucket(0, bucket_influencers=[{"job_id": "db", "timestamp": 60_000, "bucket_span": 60}, {}]), bucket(1)],
        RULE,
    )
]


@each_row(COLUMNS)
def test_columns_store_the_influencers_values(row: SameAs) -> None:
    """A column of influencers with values of their own stores the same as documents."""
    assert_same_as(row)


def test_renamed_job_of_a_bucket_is_not_that_of_its_influencers() -> None:
    """20.bucket-influencers: a copied bucket of another job keeps its influencers as they are written."""
    first = index_of([bucket(0, bucket_influencers=[{"anomaly_score": 5}])])
    (copied,) = first.get_buckets(job_id=JOB).to_dict()["buckets"]
    second = ResultsIndex()
    second.upsert([copied | {"job_id": "copy"}])
    (found,) = second.get_buckets(job_id="copy").to_dict()["buckets"]
    assert_same_body(found, copied | {"job_id": "copy"})
    assert found["bucket_influencers"][0]["job_id"] == JOB
    assert [getattr(second, call)(job_id="copy").count for call in CALLS.values()] == [1, 0, 0]
