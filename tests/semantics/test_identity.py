"""Rule 12.1, and our decisions on identity and commits: what is the same bucket, and what a write reports."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, ResultsIndex
from support.semantics_tables import JOB, assert_same_body, bucket, each_row

Batch = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Wrote:
    """What a commit reports: its sequence, then inserted, replaced and unchanged."""

    sequence: int
    inserted: int
    replaced: int
    unchanged: int
    _: KW_ONLY
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """Batches, one after the other, what each commit reports, and the buckets at the end: time, span, score."""

    rule: str
    claim: str
    batches: list[Batch]
    commits: list[Wrote]
    buckets: list[tuple[int, int, float]]
    source: str


IDENTITY = [
    History(
        "12.1",
        "the same triple replaces",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0)],
        [(0, 3_600, 2.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "another span is another bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, bucket_span=60, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 1, 0, 0)],
        [(0, 60, 2.0), (0, 3_600, 1.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "another time is another bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(1, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 1, 0, 0)],
        [(0, 3_600, 1.0), (1, 3_600, 2.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "another job is another bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, job_id="db", anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 1, 0, 0)],
        [(0, 3_600, 1.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "the whole document is replaced",
        [[bucket(0, anomaly_score=9.0, event_count=5)], [bucket(0, event_count=5)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0)],
        [(0, 3_600, 0.0)],
        "BKT.getId: nothing is merged",
    ),
    History(
        "12.1",
        "final replaces interim, and interim final",
        [[bucket(0, is_interim=True)], [bucket(0, is_interim=False)], [bucket(0, is_interim=True)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0), Wrote(3, 0, 1, 0)],
        [(0, 3_600, 0.0)],
        "BKT.getId: is_interim is no part of it",
    ),
    History(
        "20.identity",
        "one instant, however it is written",
        [
            [bucket(1_577_836_800_000, anomaly_score=1.0)],
            [bucket(0, anomaly_score=2.0) | {"timestamp": "2020-01-01"}],
            [bucket(0, anomaly_score=3.0) | {"timestamp": "2020-01-01T01:00:00.000+01:00"}],
            [bucket(0, anomaly_score=4.0) | {"timestamp": datetime(2020, 1, 1, tzinfo=UTC)}],
            [bucket(0, anomaly_score=5.0) | {"timestamp": np.datetime64("2020-01-01", "D")}],
            [bucket(0, anomaly_score=6.0) | {"timestamp": 1_577_836_800_000.0, "bucket_span": 3_600.0}],
            [bucket(0, anomaly_score=7.0) | {"timestamp": np.int64(1_577_836_800_000), "bucket_span": np.int16(3_600)}],
        ],
        [Wrote(1, 1, 0, 0), *(Wrote(sequence, 0, 1, 0) for sequence in range(2, 8))],
        [(1_577_836_800_000, 3_600, 7.0)],
        "ours: exact values",
    ),
    History(
        "20.identity",
        "the last of a batch wins, counted once",
        [[bucket(0, anomaly_score=1.0), bucket(0, anomaly_score=3.0), bucket(0, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0)],
        [(0, 3_600, 2.0)],
        "ours",
    ),
    History(
        "20.identity",
        "the last of a batch wins, apart and in another order",
        [
            [
                bucket(0, anomaly_score=1.0),
                bucket(9, anomaly_score=5.0),
                bucket(-9, anomaly_score=4.0),
                bucket(0, anomaly_score=2.0),
            ]
        ],
        [Wrote(1, 3, 0, 0)],
        [(-9, 3_600, 4.0), (0, 3_600, 2.0), (9, 3_600, 5.0)],
        "ours",
    ),
    History(
        "20.identity",
        "the last of a batch wins over a stored one",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=9.0), bucket(0, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0)],
        [(0, 3_600, 2.0)],
        "ours",
    ),
]

COMMITS = [
    History("20.commits", "an empty batch", [[]], [Wrote(0, 0, 0, 0)], [], "ours: sequence starts at 0"),
    History(
        "20.commits",
        "the same again",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=1.0)], [bucket(1)]],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1), Wrote(2, 1, 0, 0)],
        [(0, 3_600, 1.0), (1, 3_600, 0.0)],
        "ours: what changes nothing publishes nothing",
    ),
    History(
        "20.commits",
        "all three at once",
        [
            [bucket(0, anomaly_score=1.0), bucket(1, anomaly_score=1.0)],
            [bucket(0, anomaly_score=1.0), bucket(1, anomaly_score=2.0), bucket(2, anomaly_score=3.0)],
        ],
        [Wrote(1, 2, 0, 0), Wrote(2, 1, 1, 1)],
        [(0, 3_600, 1.0), (1, 3_600, 2.0), (2, 3_600, 3.0)],
        "ours",
    ),
    History(
        "20.commits",
        "the last of a batch is as stored",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=2.0), bucket(0, anomaly_score=1.0)]],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1)],
        [(0, 3_600, 1.0)],
        "ours: each identity once",
    ),
    History(
        "20.commits",
        "skipped only",
        [[bucket(0) | {"result_type": "model_plot"}, {"quantile_state": ""}]],
        [Wrote(0, 0, 0, 0, skipped={"model_plot": 1, "": 1})],
        [],
        "ours: changes nothing",
    ),
    History(
        "20.commits",
        "skipped beside stored",
        [[{"result_type": "model_plot"}, bucket(0), {"result_type": "model_plot"}, {"result_type": "timing_stats"}]],
        [Wrote(1, 1, 0, 0, skipped={"model_plot": 2, "timing_stats": 1})],
        [(0, 3_600, 0.0)],
        "ours",
    ),
]


def again(claim: str, first: dict[str, Any], second: dict[str, Any], *, replaced: bool, source: str) -> History:
    """One bucket written twice: replaced if some stored value differs, else unchanged."""
    score = second["anomaly_score"] if isinstance(second.get("anomaly_score"), int | float) else 0.0
    return History(
        "20.commits",
        claim,
        [[bucket(0) | first], [bucket(0) | second]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0) if replaced else Wrote(1, 0, 0, 1)],
        [(0, 3_600, float(score))],
        source,
    )


NAMED = {"influencer_field_name": "bucket_time"}

STORED_VALUES = [
    again("50 is 50.0", {"anomaly_score": 50}, {"anomaly_score": 50.0}, replaced=False, source="scores are doubles"),
    again("-0.0 is 0.0", {"anomaly_score": 0.0}, {"anomaly_score": -0.0}, replaced=False, source="ours"),
    again("2.0 is 2", {"event_count": 2}, {"event_count": 2.0}, replaced=False, source="ours: integral floats"),
    again("null is missing", {"anomaly_score": None}, {}, replaced=False, source="ours"),
    again("unknown fields are dropped", {}, {"foo": 1}, replaced=False, source="ours"),
    again("zero is not missing", {}, {"anomaly_score": 0.0}, replaced=True, source="ours: missing values are missing"),
    again("missing is not zero", {"event_count": 0}, {}, replaced=True, source="ours: missing values are missing"),
    again("False is not missing", {}, {"is_interim": False}, replaced=True, source="ours: missing values are missing"),
    again(
        "the next double", {"anomaly_score": 50.0}, {"anomaly_score": 50.00000000000001}, replaced=True, source="exact"
    ),
    again("the next long", {"event_count": 2**53}, {"event_count": 2**53 + 1}, replaced=True, source="exact"),
    again(
        "initial score", {"initial_anomaly_score": 1.0}, {"initial_anomaly_score": 2.0}, replaced=True, source="ours"
    ),
    again("processing time", {"processing_time_ms": 1}, {"processing_time_ms": 2}, replaced=True, source="ours"),
    again("events", {"scheduled_events": ["a"]}, {"scheduled_events": ["b"]}, replaced=True, source="ours"),
    again(
        "events in another order",
        {"scheduled_events": ["a", "b"]},
        {"scheduled_events": ["b", "a"]},
        replaced=True,
        source="shown so",
    ),
    again("the same events", {"scheduled_events": ["a"]}, {"scheduled_events": ("a",)}, replaced=False, source="ours"),
    again(
        "an influencer's score",
        {"bucket_influencers": [NAMED | {"anomaly_score": 1.0}]},
        {"bucket_influencers": [NAMED | {"anomaly_score": 2.0}]},
        replaced=True,
        source="ours",
    ),
    again(
        "an influencer's defaults written out",
        {"bucket_influencers": [NAMED]},
        {"bucket_influencers": [NAMED | {"job_id": JOB, "timestamp": 0, "bucket_span": 3_600, "probability": 0.0}]},
        replaced=False,
        source="ours: defaults of nested ones",
    ),
    again(
        "influencers in another order",
        {"bucket_influencers": [NAMED, {"influencer_field_name": "host"}]},
        {"bucket_influencers": [{"influencer_field_name": "host"}, NAMED]},
        replaced=True,
        source="shown so",
    ),
]


@each_row(IDENTITY, COMMITS, STORED_VALUES)
def test_history_is_as_ruled(row: History) -> None:
    """Each batch of a history is reported as its row says, and the buckets at the end are the row's."""
    index = ResultsIndex()
    for batch, wrote in zip(row.batches, row.commits, strict=True):
        commit = index.upsert(batch)
        assert (commit.inserted, commit.replaced, commit.unchanged) == (wrote.inserted, wrote.replaced, wrote.unchanged)
        assert (commit.sequence, index.sequence, commit.deleted) == (wrote.sequence, wrote.sequence, 0)
        assert dict(commit.skipped) == wrote.skipped
    if row.buckets:
        page = index.get_buckets(job_id=JOB)
        assert [(found.timestamp, found.bucket_span, found.anomaly_score) for found in page] == row.buckets
        assert (page.count, page.sequence) == (len(row.buckets), row.commits[-1].sequence)


@each_row(IDENTITY, COMMITS, STORED_VALUES)
def test_history_is_the_same_in_one_batch_a_document(row: History) -> None:
    """The buckets at the end are the same when every document is a batch of its own."""
    index = ResultsIndex()
    index.put_job(JOB)
    for batch in row.batches:
        for document in batch:
            index.upsert(iter([document]))
    page = index.get_buckets(job_id=JOB)
    assert [(found.timestamp, found.bucket_span, found.anomaly_score) for found in page] == row.buckets


def test_sequence_counts_every_write_that_changes_something() -> None:
    """Section 20, commits: jobs put and deleted count as well as documents, and what changes nothing does not."""
    index = ResultsIndex()
    assert index.sequence == index.snapshot().sequence == 0
    assert index.put_job(JOB).sequence == 1
    assert index.put_job(JOB).sequence == 1
    assert index.put_job(JOB, bucket_span=60).sequence == 2
    assert index.put_job(JOB, bucket_span=60).sequence == 2
    assert index.upsert([bucket(0)]).sequence == 3
    assert index.delete_job(JOB).sequence == 4
    assert index.sequence == index.snapshot().sequence == 4


def test_refused_batch_is_no_commit() -> None:
    """Section 20, commits: a write that is refused changes nothing, the sequence and the known jobs included."""
    index = ResultsIndex()
    with pytest.raises(InvalidDocument):
        index.upsert([bucket(0), bucket(1, job_id="db"), bucket(2, anomaly_score="x")])
    assert (index.sequence, index.jobs()) == (0, ())


def test_snapshot_keeps_its_commit() -> None:
    """A snapshot and its pages show their own commit, whatever is written later."""
    index = ResultsIndex()
    index.upsert([bucket(0, anomaly_score=1.0)])
    before, page = index.snapshot(), index.get_buckets(job_id=JOB)
    index.upsert([bucket(0, anomaly_score=2.0), bucket(1)])
    assert (before.sequence, page.sequence, index.sequence) == (1, 1, 2)
    assert [found.anomaly_score for found in before.get_buckets(job_id=JOB)] == [1.0]
    assert [found.anomaly_score for found in page] == [1.0]
    assert_same_body(page.to_dict()["buckets"][0]["anomaly_score"], 1.0)


def test_documents_are_copied() -> None:
    """What the caller does with a document afterwards does not change what is stored."""
    events, influencer = ["a"], {"influencer_field_name": "host"}
    document = bucket(0, scheduled_events=events, bucket_influencers=[influencer])
    index = ResultsIndex()
    index.upsert([document])
    document["anomaly_score"] = 50.0
    events.append("b")
    influencer["influencer_field_name"] = "other"
    found = index.get_buckets(job_id=JOB)[0]
    assert (found.anomaly_score, found.scheduled_events) == (0.0, ("a",))
    assert found.bucket_influencers[0].influencer_field_name == "host"
