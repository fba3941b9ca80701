"""Our decisions on new scores: which scores change, which results are unchanged, and what is refused."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, ResultsIndex
from support.document_tables import invalid_document
from support.living import delete_job, upsert
from support.living_tables import BARE, CallRefused, Rescored, assert_call_refused, assert_rescored
from support.semantics_tables import (
    JOB,
    Documents,
    Refusal,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

AT: Mapping[str, Any] = {"timestamp": 0, "bucket_span": 3_600}


def to(score: float, **fields: Any) -> dict[str, Any]:
    """A row for a bucket, or for the influencers of one."""
    return {**AT, "anomaly_score": score, **fields}


def record_to(score: float, **fields: Any) -> dict[str, Any]:
    """A row for a record."""
    return {**AT, "record_score": score, **fields}


def influencer_to(score: float, **fields: Any) -> dict[str, Any]:
    """A row for an influencer."""
    return {**AT, "influencer_score": score, **fields}


def blaming(*pairs: tuple[str | None, float | None], **fields: Any) -> dict[str, Any]:
    """A bucket with influencers of these names and scores."""
    blamed = [
        {key: value for key, value in (("influencer_field_name", name), ("anomaly_score", score)) if value is not None}
        | {"initial_anomaly_score": 99.0, "raw_anomaly_score": 7.0, "probability": 0.25}
        for name, score in pairs
    ]
    return bucket(0, **{"anomaly_score": 90.0, "initial_anomaly_score": 95.0, "bucket_influencers": blamed, **fields})


def rescored(
    claim: str,
    given: Documents,
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    expected: Mapping[str, float | list[float]],
    commit: tuple[int, int, int],
    **more: Any,
) -> Rescored:
    """A row about `renormalize`."""
    return Rescored("20.renormalise", claim, given, tables, expected, commit, "ours", **more)


EACH = {
    "bucket": bucket(0, anomaly_score=90.0, initial_anomaly_score=91.0, event_count=5, scheduled_events=["a"]),
    "record": record(0, record_score=80.0, initial_record_score=81.0, function="mean", extra={"a": 1}),
    "influencer": influencer(0, "a", influencer_score=70.0, initial_influencer_score=71.0),
}
RECORDS = {
    "plain": record(0, record_score=1.0),
    "second": record(0, record_score=2.0, detector_index=1),
    "empty": record(0, record_score=3.0, by_field_value=""),
    "full": record(
        0, record_score=4.0, detector_index=1, by_field_value="b", over_field_value="o", partition_field_value="p"
    ),
    "minute": record(0, record_score=5.0, bucket_span=60),
    "later": record(1, record_score=6.0),
    "other": record(0, record_score=7.0, job_id="db"),
}
INFLUENCERS = {
    "bare": influencer(0, influencer_score=1.0),
    "a": influencer(0, "a", influencer_score=2.0),
    "empty": influencer(0, "", influencer_score=3.0),
    "named": influencer(0, influencer_score=4.0, influencer_field_name="host"),
    "valued": influencer(0, influencer_score=5.0, influencer_field_value="a"),
}
NAMED = {"influencer_field_name": "host", "influencer_field_value": "a"}

OF_EVERY_KIND = [
    rescored("a bucket", EACH, {"buckets": [to(40)]}, {"bucket": 40.0}, (1, 0, 0)),
    rescored("a record", EACH, {"records": [record_to(40)]}, {"record": 40.0}, (1, 0, 0)),
    rescored("an influencer", EACH, {"influencers": [influencer_to(40, **NAMED)]}, {"influencer": 40.0}, (1, 0, 0)),
    rescored(
        "every kind in one commit",
        EACH,
        {"buckets": [to(1)], "records": [record_to(2)], "influencers": [influencer_to(3, **NAMED)]},
        {"bucket": 1.0, "record": 2.0, "influencer": 3.0},
        (3, 0, 0),
    ),
    rescored("the same score", EACH, {"buckets": [to(90)], "records": [record_to(80.0)]}, {}, (0, 2, 0)),
    rescored(
        "one of two has the same score",
        EACH,
        {"buckets": [to(90)], "records": [record_to(5)]},
        {"record": 5.0},
        (1, 1, 0),
    ),
    rescored(
        "the next double", EACH, {"buckets": [to(np.nextafter(90, 91))]}, {"bucket": 90.00000000000001}, (1, 0, 0)
    ),
    rescored(
        "an interim result stays interim",
        {"a": bucket(0, is_interim=True)},
        {"buckets": [to(5)]},
        {"a": 5.0},
        (1, 0, 0),
    ),
    rescored("a missing score becomes zero", {"a": bucket(0)}, {"buckets": [to(0)]}, {}, (1, 0, 0)),
    rescored("a negative zero is zero", {"a": bucket(0, anomaly_score=0.0)}, {"buckets": [to(-0.0)]}, {}, (0, 1, 0)),
    rescored("the last row wins", EACH, {"buckets": [to(1), to(2)]}, {"bucket": 2.0}, (1, 0, 1)),
    rescored("the last row has the stored score", EACH, {"buckets": [to(1), to(90)]}, {}, (0, 1, 1)),
    rescored(
        "rows of several kinds do not repeat each other",
        EACH,
        {"buckets": [to(1), to(2), to(3)], "records": [record_to(5)]},
        {"bucket": 3.0, "record": 5.0},
        (2, 0, 2),
    ),
]

IDENTITIES = [
    rescored("a record without detector and texts", RECORDS, {"records": [record_to(50)]}, {"plain": 50.0}, (1, 0, 0)),
    rescored(
        "detector 0 is the missing one",
        RECORDS,
        {"records": [record_to(50, detector_index=0)]},
        {"plain": 50.0},
        (1, 0, 0),
    ),
    rescored("another detector", RECORDS, {"records": [record_to(50, detector_index=1)]}, {"second": 50.0}, (1, 0, 0)),
    rescored("an empty text", RECORDS, {"records": [record_to(50, by_field_value="")]}, {"empty": 50.0}, (1, 0, 0)),
    rescored(
        "every text",
        RECORDS,
        {
            "records": [
                record_to(50, detector_index=1, by_field_value="b", over_field_value="o", partition_field_value="p")
            ]
        },
        {"full": 50.0},
        (1, 0, 0),
    ),
    rescored("another span", RECORDS, {"records": [record_to(50, bucket_span=60)]}, {"minute": 50.0}, (1, 0, 0)),
    rescored("another timestamp", RECORDS, {"records": [record_to(50, timestamp=1)]}, {"later": 50.0}, (1, 0, 0)),
    rescored(
        "several rows, some with missing values",
        RECORDS,
        {"records": [record_to(51), record_to(52, by_field_value=""), record_to(53, detector_index=1)]},
        {"plain": 51.0, "empty": 52.0, "second": 53.0},
        (3, 0, 0),
    ),
    rescored(
        "rows in any order",
        RECORDS,
        {"records": [record_to(52, timestamp=1), record_to(51)]},
        {"plain": 51.0, "later": 52.0},
        (2, 0, 0),
    ),
    rescored(
        "an influencer without name and value",
        INFLUENCERS,
        {"influencers": [influencer_to(50)]},
        {"bare": 50.0},
        (1, 0, 0),
    ),
    rescored(
        "an influencer without a value",
        INFLUENCERS,
        {"influencers": [influencer_to(50, influencer_field_name="host")]},
        {"named": 50.0},
        (1, 0, 0),
    ),
    rescored(
        "an influencer without a name",
        INFLUENCERS,
        {"influencers": [influencer_to(50, influencer_field_value="a")]},
        {"valued": 50.0},
        (1, 0, 0),
    ),
    rescored(
        "an influencer with an empty value",
        INFLUENCERS,
        {"influencers": [influencer_to(50, influencer_field_name="host", influencer_field_value="")]},
        {"empty": 50.0},
        (1, 0, 0),
    ),
]

TIMED = {"a": blaming(("bucket_time", 90.0), ("host", 50.0))}
TWICE = {"a": blaming(("host", 50.0), ("region", 40.0), ("host", 30.0))}
NAMELESS = {"a": blaming((None, 50.0), ("host", 40.0), ("", 30.0))}

NESTED = [
    rescored(
        "bucket_time follows its bucket",
        TIMED,
        {"buckets": [to(40)]},
        {"a": 40.0, "a's influencers": [40.0, 50.0]},
        (1, 0, 0),
    ),
    rescored(
        "a row of its own wins over the bucket's score",
        TIMED,
        {"buckets": [to(40)], "bucket_influencers": [to(30, influencer_field_name="bucket_time")]},
        {"a": 40.0, "a's influencers": [30.0, 50.0]},
        (1, 0, 0),
    ),
    rescored(
        "a row for another influencer, and bucket_time follows",
        TIMED,
        {"buckets": [to(40)], "bucket_influencers": [to(30, influencer_field_name="host")]},
        {"a": 40.0, "a's influencers": [40.0, 30.0]},
        (1, 0, 0),
    ),
    rescored(
        "an influencer without its bucket",
        TIMED,
        {"bucket_influencers": [to(30, influencer_field_name="host")]},
        {"a's influencers": [90.0, 30.0]},
        (1, 0, 0),
    ),
    rescored(
        "bucket_time without its bucket",
        TIMED,
        {"bucket_influencers": [to(30, influencer_field_name="bucket_time")]},
        {"a's influencers": [30.0, 50.0]},
        (1, 0, 0),
    ),
    rescored(
        "the bucket's score is the same, bucket_time's is not",
        {"a": blaming(("bucket_time", 10.0))},
        {"buckets": [to(90)]},
        {"a's influencers": [90.0]},
        (1, 0, 0),
    ),
    rescored(
        "everything has its score",
        TIMED,
        {"buckets": [to(90)], "bucket_influencers": [to(50, influencer_field_name="host")]},
        {},
        (0, 1, 0),
    ),
    rescored(
        "only an influencer, with its score",
        TIMED,
        {"bucket_influencers": [to(50, influencer_field_name="host")]},
        {},
        (0, 1, 0),
    ),
    rescored(
        "all influencers of a name",
        TWICE,
        {"bucket_influencers": [to(5, influencer_field_name="host")]},
        {"a's influencers": [5.0, 40.0, 5.0]},
        (1, 0, 0),
    ),
    rescored(
        "two names of one bucket are one result",
        TWICE,
        {"bucket_influencers": [to(5, influencer_field_name="host"), to(6, influencer_field_name="region")]},
        {"a's influencers": [5.0, 6.0, 5.0]},
        (1, 0, 0),
    ),
    rescored(
        "the last row of a name wins",
        TWICE,
        {"bucket_influencers": [to(5, influencer_field_name="host"), to(6, influencer_field_name="host")]},
        {"a's influencers": [6.0, 40.0, 6.0]},
        (1, 0, 1),
    ),
    rescored(
        "a missing name is the influencer without one",
        NAMELESS,
        {"bucket_influencers": [to(5)]},
        {"a's influencers": [5.0, 40.0, 30.0]},
        (1, 0, 0),
    ),
    rescored(
        "an empty name is not a missing one",
        NAMELESS,
        {"bucket_influencers": [to(5, influencer_field_name="")]},
        {"a's influencers": [50.0, 40.0, 5.0]},
        (1, 0, 0),
    ),
    rescored(
        "an influencer without a score",
        {"a": blaming(("host", None))},
        {"bucket_influencers": [to(5, influencer_field_name="host")]},
        {"a's influencers": [5.0]},
        (1, 0, 0),
    ),
    rescored(
        "only the bucket of that span",
        {"a": blaming(("bucket_time", 90.0)), "minute": blaming(("bucket_time", 90.0), bucket_span=60)},
        {"bucket_influencers": [to(5, influencer_field_name="bucket_time")]},
        {"a's influencers": [5.0]},
        (1, 0, 0),
    ),
    rescored(
        "standalone influencers stay",
        {**TIMED, "host": influencer(0, "a", influencer_score=50.0)},
        {"bucket_influencers": [to(5, influencer_field_name="host")]},
        {"a's influencers": [90.0, 5.0]},
        (1, 0, 0),
    ),
    rescored(
        "nested influencers stay",
        {**TIMED, "host": influencer(0, "a", influencer_score=50.0)},
        {"influencers": [influencer_to(5, **NAMED)]},
        {"host": 5.0},
        (1, 0, 0),
    ),
    rescored(
        "a bucket and its influencers count once",
        {**TIMED, "other": bucket(1, anomaly_score=1.0)},
        {
            "buckets": [to(40), to(2, timestamp=1)],
            "bucket_influencers": [to(30, influencer_field_name="host")],
        },
        {"a": 40.0, "a's influencers": [40.0, 30.0], "other": 2.0},
        (2, 0, 0),
    ),
    rescored(
        "an influencer in place of a list",
        {"a": bucket(0, bucket_influencers={"influencer_field_name": "host", "anomaly_score": 5.0})},
        {"bucket_influencers": [to(6, influencer_field_name="host")]},
        {"a's influencers": [6.0]},
        (1, 0, 0),
    ),
]

WITHOUT_DOCUMENTS = [
    rescored(
        "an index without documents: buckets",
        {"a": bucket(0, anomaly_score=90.0), "b": bucket(1)},
        {"buckets": [to(40)]},
        {"a": 40.0},
        (1, 0, 0),
        settings=BARE,
    ),
    rescored(
        "an index without documents: nothing is left of bucket_time",
        TIMED,
        {"buckets": [to(90)]},
        {},
        (0, 1, 0),
        settings=BARE,
    ),
    rescored(
        "an index without documents: records and influencers",
        {"a": record(0, by_field_value="x"), "b": influencer(0, "a")},
        {"records": [record_to(40, by_field_value="x")], "influencers": [influencer_to(50, **NAMED)]},
        {"a": 40.0, "b": 50.0},
        (2, 0, 0),
        settings=BARE,
    ),
]


@each_row(OF_EVERY_KIND, IDENTITIES, NESTED, WITHOUT_DOCUMENTS)
def test_new_scores_change_nothing_else(row: Rescored) -> None:
    """The scores of the row change, in one commit; every other value, and every older snapshot, stays."""
    assert_rescored(row)


COLUMNS: Mapping[str, Any] = {"timestamp": [0], "bucket_span": 3_600}
BUCKETS = {**COLUMNS, "anomaly_score": [5]}
RECORD_SCORES = {**COLUMNS, "record_score": [5]}
HELD = [upsert(*EACH.values(), TIMED["a"], bucket(0, job_id="db"))]


def refused(claim: str, expected: Refusal, call: Callable[[ResultsIndex], object], **settings: Any) -> CallRefused:
    """A row about a refused call of `renormalize`."""
    return CallRefused("20.renormalise", claim, HELD, call, expected, "ours", settings=settings)


def unknown_row(claim: str, field: str, **tables: Any) -> CallRefused:
    """A row about rows without a stored result."""
    return refused(claim, invalid_document(field), lambda index: index.renormalize(JOB, **tables))


REFUSED = [
    unknown_row("a bucket that is not stored", "buckets.timestamp[0]", buckets={**BUCKETS, "timestamp": [1]}),
    unknown_row("another span", "buckets.timestamp[0]", buckets={**BUCKETS, "bucket_span": 60}),
    unknown_row(
        "the first of two rows",
        "buckets.timestamp[1]",
        buckets={"timestamp": [0, 7, 0, 8], "bucket_span": 3_600, "anomaly_score": [1, 2, 3, 4]},
    ),
    unknown_row(
        "a record of another detector", "records.timestamp[0]", records={**RECORD_SCORES, "detector_index": [5]}
    ),
    unknown_row("a record of another text", "records.timestamp[0]", records={**RECORD_SCORES, "by_field_value": ["a"]}),
    unknown_row(
        "a record with an empty text", "records.timestamp[0]", records={**RECORD_SCORES, "by_field_value": [""]}
    ),
    unknown_row(
        "an influencer of another value",
        "influencers.timestamp[0]",
        influencers={
            **COLUMNS,
            "influencer_score": [5],
            "influencer_field_name": ["host"],
            "influencer_field_value": ["b"],
        },
    ),
    unknown_row(
        "a kind that is stored beside an unknown one",
        "records.timestamp[0]",
        buckets=BUCKETS,
        records={**RECORD_SCORES, "timestamp": [1]},
    ),
    unknown_row(
        "influencers of a bucket that is not stored",
        "bucket_influencers.timestamp[0]",
        bucket_influencers={**BUCKETS, "timestamp": [1], "influencer_field_name": ["host"]},
    ),
    unknown_row(
        "an influencer that the bucket does not have",
        "bucket_influencers.timestamp[0]",
        bucket_influencers={**BUCKETS, "influencer_field_name": ["region"]},
    ),
    unknown_row("an unknown column", "buckets.event_count", buckets={**BUCKETS, "event_count": [1]}),
    unknown_row(
        "the initial score", "buckets.initial_anomaly_score", buckets={**BUCKETS, "initial_anomaly_score": [1]}
    ),
    unknown_row("a job column", "records.job_id", records={**RECORD_SCORES, "job_id": ["web"]}),
    unknown_row("the column of another kind", "buckets.detector_index", buckets={**BUCKETS, "detector_index": [0]}),
    unknown_row("no score", "records.record_score", records=COLUMNS),
    unknown_row("no timestamp", "buckets.timestamp", buckets={"bucket_span": 3_600, "anomaly_score": [5]}),
    unknown_row("no span", "buckets.bucket_span", buckets={"timestamp": [0], "anomaly_score": [5]}),
    unknown_row(
        "a score that is not finite", "buckets.anomaly_score[0]", buckets={**BUCKETS, "anomaly_score": [float("nan")]}
    ),
    unknown_row("a missing score", "buckets.anomaly_score[0]", buckets={**BUCKETS, "anomaly_score": [None]}),
    unknown_row("a missing timestamp", "records.timestamp[0]", records={**RECORD_SCORES, "timestamp": [None]}),
    refused("no argument", invalid("buckets", ""), lambda index: index.renormalize(JOB)),
    refused(
        "every argument is None",
        invalid("buckets", ""),
        lambda index: index.renormalize(JOB, buckets=None, records=None),
    ),
    refused("an unknown job", unknown_job("nobody"), lambda index: index.renormalize("nobody", buckets=BUCKETS)),
    refused("a pattern", unknown_job("w*"), lambda index: index.renormalize("w*", buckets=BUCKETS)),
    refused("the job is a number", invalid("job_id", ""), lambda index: index.renormalize(5, buckets=BUCKETS)),  # type: ignore[arg-type]
    CallRefused(
        "20.renormalise",
        "a deleted job",
        [*HELD, delete_job("db")],
        lambda index: index.renormalize("db", buckets=BUCKETS),
        unknown_job("db"),
        "ours",
    ),
    refused(
        "bucket_influencers of an index without documents",
        invalid("bucket_influencers", ""),
        lambda index: index.renormalize(JOB, bucket_influencers={**BUCKETS, "influencer_field_name": ["host"]}),
        keep_documents=False,
    ),
]


@each_row(REFUSED)
def test_refused_scores_change_nothing(row: CallRefused) -> None:
    """The error has the class, the status and the field of the row, and the index keeps its snapshot."""
    assert_call_refused(row)


@pytest.mark.parametrize("bad", ["buckets", "records", "influencers"])
def test_an_unknown_result_of_one_kind_refuses_every_kind(bad: str) -> None:
    """No kind gets its scores if a row of another kind has no stored result."""
    index = index_of(EACH.values())
    tables = {
        "buckets": BUCKETS,
        "records": RECORD_SCORES,
        "influencers": {**COLUMNS, "influencer_score": [5], **{name: [value] for name, value in NAMED.items()}},
    }
    with pytest.raises(InvalidDocument):
        index.renormalize(JOB, **{**tables, bad: {**tables[bad], "timestamp": [9]}})
    assert index.get_buckets(job_id=JOB)[0].anomaly_score == 90.0
    assert index.get_records(job_id=JOB)[0].record_score == 80.0
    assert index.get_influencers(job_id=JOB)[0].influencer_score == 70.0


def test_columns_are_taken_as_in_upsert_columns() -> None:
    """Arrays, masked arrays, one span for all rows and datetime64 are read as `upsert_columns` reads them."""
    index = index_of(RECORDS.values())
    texts = np.ma.array(["", "x"], mask=[False, True])
    commit = index.renormalize(
        JOB,
        records={
            "timestamp": np.array([0, 0], "datetime64[ms]"),
            "bucket_span": 3_600,
            "record_score": np.array([50, 60]),
            "by_field_value": texts,
        },
    )
    assert commit.replaced == 2
    found = {record.by_field_value: record.record_score for record in index.get_records(job_id=JOB, record_score=50)}
    assert found == {"": 50.0, None: 60.0}


def test_renormalised_results_are_written_again_unchanged() -> None:
    """The stored result has the new score: the old document replaces it, and one with the new score does not."""
    index = index_of([EACH["bucket"]])
    index.renormalize(JOB, buckets=BUCKETS)
    assert index.upsert([{**EACH["bucket"], "anomaly_score": 5}]).unchanged == 1
    assert index.upsert([EACH["bucket"]]).replaced == 1


def test_columns_without_rows_change_nothing() -> None:
    """Columns of no rows make no commit."""
    index = index_of(EACH.values())
    older = index.snapshot()
    commit = index.renormalize(JOB, buckets={"timestamp": [], "bucket_span": 3_600, "anomaly_score": []})
    assert (commit.sequence, commit.replaced, commit.unchanged) == (older.sequence, 0, 0)
    assert index.snapshot() is older
