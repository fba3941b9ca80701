"""Rule 12.1, and our decision on commits: what a write changes, and what its commit reports."""

from collections.abc import Mapping
from typing import Any

import pytest

from bucketquery import InvalidDocument, Kind, ResultsIndex
from support.document_tables import History, Wrote, assert_history, assert_history_of_single_writes
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    SCORES,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
    result,
)

COMMITS = [
    History("20.commits", "an empty batch", [[]], [Wrote(0, 0, 0, 0)], [], "ours: sequence starts at 0"),
    History(
        "20.commits",
        "the same documents again",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=1.0)], [bucket(1)]],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1), Wrote(2, 1, 0, 0)],
        [(0, 3_600, 1.0), (1, 3_600, 0.0)],
        "ours: a write without changes publishes nothing",
    ),
    History(
        "20.commits",
        "inserted, replaced and unchanged in one batch",
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
        "the last of a batch equals the stored bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=2.0), bucket(0, anomaly_score=1.0)]],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1, repeated=1)],
        [(0, 3_600, 1.0)],
        "ours: each identity once",
    ),
    History(
        "20.commits",
        "only skipped documents",
        [[bucket(0) | {"result_type": "model_plot"}, {"quantile_state": ""}]],
        [Wrote(0, 0, 0, 0, skipped={"model_plot": 1, "": 1})],
        [],
        "ours: changes nothing",
    ),
    History(
        "20.commits",
        "skipped and stored documents",
        [[{"result_type": "model_plot"}, bucket(0), {"result_type": "model_plot"}, {"result_type": "timing_stats"}]],
        [Wrote(1, 1, 0, 0, skipped={"model_plot": 2, "timing_stats": 1})],
        [(0, 3_600, 0.0)],
        "ours",
    ),
]


def again(claim: str, first: dict[str, Any], second: dict[str, Any], *, replaced: bool, source: str) -> History:
    """One bucket written twice: it is replaced if a stored value differs, and otherwise unchanged."""
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
    again("zero is not missing", {}, {"anomaly_score": 0.0}, replaced=True, source="ours: missing values stay missing"),
    again("missing is not zero", {"event_count": 0}, {}, replaced=True, source="ours: missing values stay missing"),
    again("False is not missing", {}, {"is_interim": False}, replaced=True, source="ours: missing values stay missing"),
    again(
        "the next double", {"anomaly_score": 50.0}, {"anomaly_score": 50.00000000000001}, replaced=True, source="exact"
    ),
    again("the next long", {"event_count": 2**53}, {"event_count": 2**53 + 1}, replaced=True, source="exact"),
    again(
        "the initial score",
        {"initial_anomaly_score": 1.0},
        {"initial_anomaly_score": 2.0},
        replaced=True,
        source="ours",
    ),
    again("the processing time", {"processing_time_ms": 1}, {"processing_time_ms": 2}, replaced=True, source="ours"),
    again("the events", {"scheduled_events": ["a"]}, {"scheduled_events": ["b"]}, replaced=True, source="ours"),
    again(
        "events in another order",
        {"scheduled_events": ["a", "b"]},
        {"scheduled_events": ["b", "a"]},
        replaced=True,
        source="shown in this order",
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
        "explicit defaults of an influencer",
        {"bucket_influencers": [NAMED]},
        {"bucket_influencers": [NAMED | {"job_id": JOB, "timestamp": 0, "bucket_span": 3_600, "probability": 0.0}]},
        replaced=False,
        source="ours: defaults of nested objects",
    ),
    again(
        "influencers in another order",
        {"bucket_influencers": [NAMED, {"influencer_field_name": "host"}]},
        {"bucket_influencers": [{"influencer_field_name": "host"}, NAMED]},
        replaced=True,
        source="shown in this order",
    ),
]


@each_row(COMMITS, STORED_VALUES)
def test_commits_of_buckets_report_what_changed(row: History) -> None:
    """Each commit reports the counts of the row, and at the end the index holds the buckets of the row."""
    assert_history(row)


@each_row(COMMITS, STORED_VALUES)
def test_each_document_as_a_batch_of_its_own_stores_the_same(row: History) -> None:
    """At the end the index holds the buckets of the row, even if every document is written as a batch of its own."""
    assert_history_of_single_writes(row)


OF_EVERY_KIND = [
    History(
        "12.1",
        "three kinds at the same instant are three results",
        [[bucket(0), record(0), influencer(0, "a")]],
        [Wrote(1, 3, 0, 0)],
        (1, 1, 1),
        "BKT, REC, INFR",
    ),
    History(
        "20.commits",
        "kinds in any order are counted together",
        [[influencer(0, "a"), record(0), bucket(0)], [bucket(0), record(0, record_score=1.0), influencer(0, "b")]],
        [Wrote(1, 3, 0, 0), Wrote(2, 1, 1, 1)],
        (1, 1, 2),
        "ours",
    ),
    History(
        "20.identity",
        "the last of a batch wins, counted once",
        [[record(0, record_score=1.0), influencer(0, "a"), record(0, record_score=2.0), record(0, detector_index=0)]],
        [Wrote(1, 2, 0, 0, repeated=2)],
        (0, 1, 1),
        "ours",
    ),
    History(
        "20.commits",
        "the same documents again",
        [[record(0, causes=[{"a": 1}], extra=[1])], [record(0, causes=({"a": 1},), extra=(1,))]],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1)],
        (0, 1, 0),
        "ours: a write without changes publishes nothing",
    ),
    History(
        "20.commits",
        "skipped documents are counted by type",
        [[record(0), {"result_type": "model_plot"}, influencer(0, "a"), {"result_type": "bucket_influencer"}, {}]],
        [Wrote(1, 2, 0, 0, skipped={"model_plot": 1, "bucket_influencer": 1, "": 1})],
        (0, 1, 1),
        "ours",
    ),
]


def record_again(claim: str, first: dict[str, Any], second: dict[str, Any], *, replaced: bool, source: str) -> History:
    """One record written twice: it is replaced if a stored value differs, and otherwise unchanged."""
    return History(
        "20.commits",
        claim,
        [[record(0) | first], [record(0) | second]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0) if replaced else Wrote(1, 0, 0, 1)],
        (0, 1, 0),
        source,
    )


CAUSES = [{"probability": 0.5, "function": "mean"}]
RECORDS_AGAIN = [
    record_again(
        "50 is 50.0", {"record_score": 50}, {"record_score": 50.0}, replaced=False, source="scores are doubles"
    ),
    record_again("typical of integers", {"typical": [1]}, {"typical": [1.0]}, replaced=False, source="9.6: doubles"),
    record_again("null is missing", {"function": None}, {}, replaced=False, source="ours"),
    record_again(
        "a default is not missing", {}, {"probability": 0.0}, replaced=True, source="ours: missing values stay missing"
    ),
    record_again(
        "detector 0 is not a missing detector",
        {},
        {"detector_index": 0},
        replaced=True,
        source="ours: although the identity is the same",
    ),
    record_again(
        "the next double",
        {"probability": 1e-308},
        {"probability": 1.000000000000001e-308},
        replaced=True,
        source="exact",
    ),
    record_again("empty text is not missing", {}, {"function": ""}, replaced=True, source="9.6: it is shown"),
    record_again("an empty list is not missing", {}, {"actual": []}, replaced=True, source="9.6: it is shown"),
    record_again(
        "a cause's value",
        {"causes": CAUSES},
        {"causes": [CAUSES[0] | {"probability": 0.25}]},
        replaced=True,
        source="ours",
    ),
    record_again("an unknown key", {}, {"extra": 1}, replaced=True, source="20.unknown-fields: it is stored"),
    record_again(
        "an unknown key with null", {}, {"extra": None}, replaced=True, source="20.unknown-fields: it is stored"
    ),
    record_again("another value of an unknown key", {"extra": [1]}, {"extra": [2]}, replaced=True, source="ours"),
    record_again(
        "the same unknown keys", {"extra": {"a": [1, None]}}, {"extra": {"a": [1, None]}}, replaced=False, source="ours"
    ),
]


@each_row(OF_EVERY_KIND, RECORDS_AGAIN)
def test_commits_of_every_kind_report_what_changed(row: History) -> None:
    """Each commit reports the counts of the row, and at the end the index holds the row's number of each kind."""
    assert_history(row)


def test_sequence_counts_every_write_with_a_change() -> None:
    """Section 20, commits: `put_job`, `delete_job` and `upsert` count if they change something."""
    index = ResultsIndex()
    assert index.sequence == index.snapshot().sequence == 0
    assert index.put_job(JOB).sequence == 1
    assert index.put_job(JOB).sequence == 1
    assert index.put_job(JOB, bucket_span=60).sequence == 2
    assert index.put_job(JOB, bucket_span=60).sequence == 2
    assert index.upsert([bucket(0)]).sequence == 3
    assert index.delete_job(JOB).sequence == 4
    assert index.sequence == index.snapshot().sequence == 4


#: A bad document of each kind.
REFUSED: Mapping[Kind, dict[str, Any]] = {kind: result(kind, 2, **{score: "x"}) for kind, score in SCORES.items()}


@pytest.mark.parametrize("kind", CALLS)
def test_refused_batch_is_not_a_commit(kind: Kind) -> None:
    """Section 20, commits: a refused write changes neither the sequence nor the known jobs."""
    index = ResultsIndex()
    with pytest.raises(InvalidDocument):
        index.upsert([bucket(0), bucket(1, job_id="db"), record(0), influencer(0, "a"), REFUSED[kind]])
    assert (index.sequence, index.jobs()) == (0, ())


@pytest.mark.parametrize("kind", CALLS)
def test_snapshot_and_page_keep_their_commit(kind: Kind) -> None:
    """A snapshot and a page show the results of their own commit, not of later commits."""
    score, call = SCORES[kind], CALLS[kind]
    extra = {} if kind == "bucket" else {"extra": 1}
    index = ResultsIndex()
    index.upsert([result(kind, 0, **{score: 1.0}, **extra)])
    before, page = index.snapshot(), getattr(index, call)(job_id=JOB)
    index.upsert([result(kind, 0, **{score: 2.0}), result(kind, 1)])
    assert (before.sequence, page.sequence, index.sequence) == (1, 1, 2)
    assert [getattr(found, score) for found in getattr(before, call)(job_id=JOB)] == [1.0]
    assert [getattr(found, score) for found in page] == [1.0]
    (body,) = page.to_dict()[LISTS[kind]]
    assert_same_body({name: body[name] for name in (score, *extra)}, {score: 1.0, **extra})


def test_buckets_are_copied() -> None:
    """The index copies a bucket: a change of the document after the call does not reach the stored bucket."""
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


@pytest.mark.parametrize("kind", CALLS)
def test_deletion_of_a_job_deletes_every_kind(kind: Kind) -> None:
    """Section 20, jobs: `delete_job` deletes the results of every kind, and the commit reports how many."""
    index = index_of([bucket(0), bucket(1), record(0), influencer(0, "a"), influencer(0, "b"), influencer(1, "a")])
    assert index.delete_job(JOB).deleted == 6
    index.put_job(JOB)
    assert_same_body(getattr(index, CALLS[kind])(job_id=JOB).to_dict(), {"count": 0, LISTS[kind]: []})
    index.upsert([bucket(0) | {"result_type": kind}])
    assert getattr(index, CALLS[kind])(job_id=JOB).count == 1
