"""Our decisions on the change feed: its changes, their reasons, and their effects on the matches of a query."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    InfluencerQuery,
    InvalidQuery,
    Kind,
    RecordQuery,
    ResultsIndex,
    UnknownJob,
)
from support.living import Step, delete, delete_job, perform, put_job, renormalize, upsert
from support.living_tables import BARE, CallRefused, Fed, assert_call_refused, assert_fed, line
from support.semantics_tables import (
    JOB,
    QUERIES,
    Refusal,
    assert_refusal,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)


def fed(
    rule: str, claim: str, writes: Sequence[Step], asked: Mapping[str, Any] | None, *expected: str, **more: Any
) -> Fed:
    """A row about the feed from the beginning, unless `since` says another place."""
    return Fed(rule, claim, writes, asked, more.pop("since", 0), expected, "ours", **more)


def scored(score: float | None, when: int = 0, **fields: Any) -> dict[str, Any]:
    """A bucket with a score, or without one."""
    return bucket(when, **({} if score is None else {"anomaly_score": score}), **fields)


def interim(score: float | None, when: int = 0, **fields: Any) -> dict[str, Any]:
    """An interim bucket."""
    return scored(score, when, is_interim=True, **fields)


NESTED: Mapping[str, Any] = {"bucket_influencers": [{"influencer_field_name": "host", "anomaly_score": 5.0}]}
OTHER_NESTED: Mapping[str, Any] = {"bucket_influencers": [{"influencer_field_name": "host", "anomaly_score": 6.0}]}

CHANGES = [
    fed("20.changes", "nothing was written", [], None),
    fed("20.changes", "an empty batch", [upsert()], None),
    fed("20.changes", "a new bucket", [upsert(scored(5))], None, "1 inserted entered: bucket 0, nothing -> 5"),
    fed(
        "20.changes",
        "a new bucket without a score",
        [upsert(scored(None))],
        None,
        "1 inserted entered: bucket 0, nothing -> no score",
    ),
    fed("20.changes", "a score of zero", [upsert(scored(0))], None, "1 inserted entered: bucket 0, nothing -> 0"),
    fed(
        "20.changes",
        "a score disappears",
        [upsert(scored(5)), upsert(scored(None))],
        None,
        "2 replaced stayed: bucket 0, 5 -> no score",
        since=1,
    ),
    fed(
        "20.changes",
        "a missing score becomes zero",
        [upsert(scored(None)), upsert(scored(0))],
        None,
        "2 replaced stayed: bucket 0, no score -> 0",
        since=1,
    ),
    fed(
        "20.changes",
        "another field, the same score",
        [upsert(scored(5)), upsert(scored(5, event_count=1))],
        None,
        "2 replaced stayed: bucket 0, 5 -> 5",
        since=1,
    ),
    fed("20.changes", "the same document", [upsert(scored(5)), upsert(scored(5.0))], None, since=1),
    fed("20.changes", "a key that is not stored", [upsert(scored(5)), upsert(scored(5, foo=1))], None, since=1),
    fed(
        "20.changes",
        "the same document beside a new one",
        [upsert(scored(5)), upsert(scored(5), scored(6, 1))],
        None,
        "2 inserted entered: bucket 1, nothing -> 6",
        since=1,
    ),
    fed("20.changes", "a skipped document", [upsert({"result_type": "model_plot"})], None),
    fed("20.changes", "a known job", [put_job(JOB), put_job(JOB, 60)], None),
    fed("20.changes", "a known job is deleted that has no results", [put_job("db"), delete_job("db")], None),
    fed(
        "20.changes",
        "of a repeated document the last counts",
        [upsert(scored(1), scored(2), scored(3))],
        None,
        "1 inserted entered: bucket 0, nothing -> 3",
    ),
    fed(
        "20.changes",
        "a repeated document whose last is the stored one",
        [upsert(scored(1)), upsert(scored(2), scored(1))],
        None,
        since=1,
    ),
    fed(
        "20.changes",
        "a stored result that is repeated",
        [upsert(scored(1)), upsert(scored(2), scored(3))],
        None,
        "2 replaced stayed: bucket 0, 1 -> 3",
        since=1,
    ),
    fed(
        "20.changes",
        "commits come in order",
        [upsert(scored(1, 9)), upsert(scored(2, 0)), upsert(scored(3, 9))],
        None,
        "1 inserted entered: bucket 9, nothing -> 1",
        "2 inserted entered: bucket 0, nothing -> 2",
        "3 replaced stayed: bucket 9, 1 -> 3",
    ),
    fed(
        "20.changes",
        "several kinds in one commit",
        [upsert(scored(1), record(0, record_score=2), influencer(0, "a", influencer_score=3))],
        None,
        "1 inserted entered: bucket 0, nothing -> 1",
        "1 inserted entered: record 0, nothing -> 2",
        "1 inserted entered: influencer 0 host a, nothing -> 3",
    ),
    fed(
        "20.changes",
        "several jobs in one commit",
        [upsert(scored(1), scored(2, job_id="db"))],
        None,
        "1 inserted entered: bucket 0, nothing -> 1",
        "1 inserted entered: db bucket 0, nothing -> 2",
    ),
    fed(
        "20.changes",
        "several spans at one timestamp",
        [upsert(scored(1), scored(2, bucket_span=60)), upsert(scored(3, bucket_span=60))],
        None,
        "1 inserted entered: bucket 0, nothing -> 1",
        "1 inserted entered: bucket 0 span 60, nothing -> 2",
        "2 replaced stayed: bucket 0 span 60, 2 -> 3",
    ),
    fed(
        "20.changes",
        "records with missing and empty texts",
        [
            upsert(record(0), record(0, by_field_value=""), record(0, by_field_value="", detector_index=1)),
            upsert(record(0, by_field_value="", record_score=5)),
        ],
        None,
        "1 inserted entered: record 0, nothing -> no score",
        "1 inserted entered: record 0 by '', nothing -> no score",
        "1 inserted entered: record 0 detector 1 by '', nothing -> no score",
        "2 replaced stayed: record 0 by '', no score -> 5",
    ),
    fed(
        "20.changes",
        "no record of the job has a text",
        [upsert(record(0)), delete(JOB, end=1)],
        None,
        "2 deleted left: record 0, no score -> nothing",
        since=1,
    ),
    fed(
        "20.changes",
        "influencers without a name or a value",
        [upsert(influencer(0), influencer(0, "")), upsert(influencer(0, influencer_score=5))],
        None,
        "1 inserted entered: influencer 0, nothing -> no score",
        "1 inserted entered: influencer 0 host , nothing -> no score",
        "2 replaced stayed: influencer 0, no score -> 5",
    ),
    fed(
        "20.changes",
        "the records in a bucket are results of their own",
        [upsert(scored(1, records=[{"record_score": 2}])), upsert(scored(1, records=[{"record_score": 3}]))],
        None,
        "2 replaced stayed: record 0, 2 -> 3",
        since=1,
    ),
    fed(
        "20.changes",
        "a nested influencer changes its bucket",
        [upsert(scored(1, **NESTED)), upsert(scored(1, **OTHER_NESTED))],
        None,
        "2 replaced stayed: bucket 0, 1 -> 1",
        since=1,
    ),
    fed(
        "20.changes",
        "without documents: a nested influencer changes nothing",
        [upsert(scored(1, **NESTED)), upsert(scored(1, **OTHER_NESTED))],
        None,
        since=1,
        settings=BARE,
    ),
    fed(
        "20.changes",
        "without documents: a list of a record changes nothing",
        [upsert(record(0, typical=[1])), upsert(record(0, typical=[2])), upsert(record(0, extra=1))],
        None,
        since=1,
        settings=BARE,
    ),
    fed(
        "20.changes",
        "without documents: a field that is stored",
        [upsert(record(0)), upsert(record(0, function="mean")), upsert(scored(1, scheduled_events=["a"]))],
        None,
        "2 replaced stayed: record 0, no score -> no score",
        "3 inserted entered: bucket 0, nothing -> 1",
        since=1,
        settings=BARE,
    ),
    fed(
        "20.changes",
        "a commit with many results, some of them new",
        [upsert(*(scored(1, ms) for ms in range(0, 40, 2))), upsert(*(scored(1 + ms % 2, ms) for ms in range(8)))],
        None,
        *(f"2 inserted entered: bucket {ms}, nothing -> 2" for ms in (1, 3, 5, 7)),
        since=1,
    ),
]

FINAL_AGAIN = [upsert(scored(80)), upsert(interim(80)), upsert(scored(80))]

REASONS = [
    fed("20.reasons", "inserted", [upsert(interim(5))], None, "1 inserted entered: bucket 0, nothing -> 5 interim"),
    fed(
        "20.reasons",
        "finalised",
        [upsert(interim(5)), upsert(scored(6))],
        None,
        "2 finalised stayed: bucket 0, 5 interim -> 6",
        since=1,
    ),
    fed(
        "20.reasons",
        "finalised at the same score",
        [upsert(interim(5)), upsert(scored(5))],
        None,
        "2 finalised stayed: bucket 0, 5 interim -> 5",
        since=1,
    ),
    fed(
        "20.reasons",
        "finalised by a document that says so",
        [upsert(interim(5)), upsert(scored(5, is_interim=False))],
        None,
        "2 finalised stayed: bucket 0, 5 interim -> 5",
        since=1,
    ),
    fed(
        "20.reasons",
        "interim twice",
        [upsert(interim(5)), upsert(interim(6))],
        None,
        "2 replaced stayed: bucket 0, 5 interim -> 6 interim",
        since=1,
    ),
    fed(
        "20.reasons",
        "final to interim",
        [upsert(scored(5)), upsert(interim(5))],
        None,
        "2 replaced stayed: bucket 0, 5 -> 5 interim",
        since=1,
    ),
    fed(
        "20.reasons",
        "a missing is_interim becomes False",
        [upsert(scored(5)), upsert(scored(5, is_interim=False))],
        None,
        "2 replaced stayed: bucket 0, 5 -> 5",
        since=1,
    ),
    fed(
        "20.reasons",
        "replaced at another score",
        [upsert(scored(5)), upsert(scored(6))],
        None,
        "2 replaced stayed: bucket 0, 5 -> 6",
        since=1,
    ),
    fed(
        "20.reasons",
        "renormalised, every kind",
        [
            upsert(scored(1), record(0, record_score=2), influencer(0, "a", influencer_score=3)),
            renormalize(
                buckets=[{"timestamp": 0, "bucket_span": 3_600, "anomaly_score": 11}],
                records=[{"timestamp": 0, "bucket_span": 3_600, "record_score": 12}],
                influencers=[
                    {
                        "timestamp": 0,
                        "bucket_span": 3_600,
                        "influencer_score": 13,
                        "influencer_field_name": "host",
                        "influencer_field_value": "a",
                    }
                ],
            ),
        ],
        None,
        "2 renormalised stayed: bucket 0, 1 -> 11",
        "2 renormalised stayed: record 0, 2 -> 12",
        "2 renormalised stayed: influencer 0 host a, 3 -> 13",
        since=1,
    ),
    fed(
        "20.reasons",
        "an interim result is renormalised",
        [upsert(interim(1)), renormalize(buckets=[{"timestamp": 0, "bucket_span": 3_600, "anomaly_score": 2}])],
        None,
        "2 renormalised stayed: bucket 0, 1 interim -> 2 interim",
        since=1,
    ),
    fed(
        "20.reasons",
        "a score that is the same is not renormalised",
        [
            upsert(scored(1), scored(2, 1)),
            renormalize(
                buckets=[
                    {"timestamp": 0, "bucket_span": 3_600, "anomaly_score": 1},
                    {"timestamp": 1, "bucket_span": 3_600, "anomaly_score": 9},
                ]
            ),
        ],
        None,
        "2 renormalised stayed: bucket 1, 2 -> 9",
        since=1,
    ),
    fed(
        "20.reasons",
        "a nested influencer is renormalised",
        [
            upsert(scored(1, **NESTED)),
            renormalize(
                bucket_influencers=[
                    {"timestamp": 0, "bucket_span": 3_600, "influencer_field_name": "host", "anomaly_score": 9}
                ]
            ),
        ],
        None,
        "2 renormalised stayed: bucket 0, 1 -> 1",
        since=1,
    ),
    fed(
        "20.reasons",
        "deleted by a window",
        [upsert(scored(1), record(0), scored(2, 5)), delete(JOB, end=5)],
        None,
        "2 deleted left: bucket 0, 1 -> nothing",
        "2 deleted left: record 0, no score -> nothing",
        since=1,
    ),
    fed(
        "20.reasons",
        "deleted with their job",
        [upsert(scored(1), influencer(0, "a", influencer_score=2), scored(2, job_id="db")), delete_job()],
        None,
        "2 deleted left: bucket 0, 1 -> nothing",
        "2 deleted left: influencer 0 host a, 2 -> nothing",
        since=1,
    ),
    fed(
        "20.reasons",
        "deleted by drop_interim",
        [
            upsert(
                interim(1), record(0, is_interim=True, record_score=2), record(0, detector_index=1, is_interim=True)
            ),
            upsert(scored(3), record(0, record_score=4), drop_interim=True),
        ],
        None,
        "2 finalised stayed: bucket 0, 1 interim -> 3",
        "2 finalised stayed: record 0, 2 interim -> 4",
        "2 deleted left: record 0 detector 1, no score interim -> nothing",
        since=1,
    ),
    fed(
        "20.reasons",
        "deleted, and inserted again",
        [upsert(scored(1)), delete(JOB, end=1), upsert(scored(1))],
        None,
        "2 deleted left: bucket 0, 1 -> nothing",
        "3 inserted entered: bucket 0, nothing -> 1",
        since=1,
    ),
    fed(
        "20.reasons",
        "final again after an interim one",
        FINAL_AGAIN,
        None,
        "2 replaced stayed: bucket 0, 80 -> 80 interim",
        "3 finalised stayed: bucket 0, 80 interim -> 80",
        since=1,
    ),
    fed(
        "20.reasons",
        "final again after its interim successor was deleted",
        [upsert(scored(80)), upsert(interim(80)), delete(JOB, interim_only=True), upsert(scored(80))],
        None,
        "3 deleted left: bucket 0, 80 interim -> nothing",
        "4 inserted entered: bucket 0, nothing -> 80",
        since=2,
    ),
]

CROSSING = [upsert(scored(70)), upsert(scored(80)), upsert(scored(90)), upsert(scored(70)), upsert(scored(80))]
AT_75 = {"anomaly_score": 75}
FINAL_ONLY = {"anomaly_score": 75, "exclude_interim": True}

EFFECTS = [
    fed(
        "20.effects",
        "a score crosses the threshold up, stays, goes down, and crosses again",
        CROSSING,
        AT_75,
        "2 replaced entered: bucket 0, 70 -> 80",
        "3 replaced stayed: bucket 0, 80 -> 90",
        "4 replaced left: bucket 0, 90 -> 70",
        "5 replaced entered: bucket 0, 70 -> 80",
    ),
    fed("20.effects", "below the threshold there is no change", [upsert(scored(70)), upsert(scored(74.9))], AT_75),
    fed(
        "20.effects",
        "exactly the threshold after",
        [upsert(scored(74)), upsert(scored(75))],
        AT_75,
        "2 replaced entered: bucket 0, 74 -> 75",
    ),
    fed(
        "20.effects",
        "exactly the threshold before",
        [upsert(scored(75)), upsert(scored(74))],
        AT_75,
        "2 replaced left: bucket 0, 75 -> 74",
        since=1,
    ),
    fed(
        "20.effects",
        "exactly the threshold on both sides",
        [upsert(scored(75)), upsert(scored(75, event_count=1))],
        AT_75,
        "2 replaced stayed: bucket 0, 75 -> 75",
        since=1,
    ),
    fed(
        "20.effects",
        "a result without a score is below every threshold",
        [upsert(scored(None)), upsert(scored(80)), upsert(scored(None))],
        AT_75,
        "2 replaced entered: bucket 0, no score -> 80",
        "3 replaced left: bucket 0, 80 -> no score",
    ),
    fed(
        "20.effects",
        "without a threshold a result without a score matches",
        [upsert(scored(None)), upsert(scored(80))],
        {},
        "1 inserted entered: bucket 0, nothing -> no score",
        "2 replaced stayed: bucket 0, no score -> 80",
    ),
    fed(
        "20.effects",
        "inserted above and below",
        [upsert(scored(80), scored(70, 1))],
        AT_75,
        "1 inserted entered: bucket 0, nothing -> 80",
    ),
    fed(
        "20.effects",
        "deleted above and below",
        [upsert(scored(80), scored(70, 1)), delete(JOB, start=0)],
        AT_75,
        "2 deleted left: bucket 0, 80 -> nothing",
        since=1,
    ),
    fed(
        "20.effects",
        "renormalised upwards and downwards",
        [
            upsert(scored(80), scored(70, 1)),
            renormalize(
                buckets=[
                    {"timestamp": 0, "bucket_span": 3_600, "anomaly_score": 70},
                    {"timestamp": 1, "bucket_span": 3_600, "anomaly_score": 80},
                ]
            ),
        ],
        AT_75,
        "2 renormalised left: bucket 0, 80 -> 70",
        "2 renormalised entered: bucket 1, 70 -> 80",
        since=1,
    ),
    fed("20.effects", "interim results are left out", [upsert(interim(80)), upsert(interim(90))], FINAL_ONLY),
    fed(
        "20.effects",
        "a final result at an unchanged score enters",
        [upsert(interim(80)), upsert(scored(80))],
        FINAL_ONLY,
        "2 finalised entered: bucket 0, 80 interim -> 80",
    ),
    fed("20.effects", "a final result below the threshold", [upsert(interim(80)), upsert(scored(70))], FINAL_ONLY),
    fed(
        "20.effects",
        "a final result becomes interim",
        [upsert(scored(80)), upsert(interim(80))],
        FINAL_ONLY,
        "2 replaced left: bucket 0, 80 -> 80 interim",
        since=1,
    ),
    fed(
        "20.effects",
        "an interim result is deleted",
        [upsert(interim(80)), delete(JOB, interim_only=True)],
        FINAL_ONLY,
    ),
    fed(
        "20.effects",
        "interim results included: it stays when it is final",
        [upsert(interim(80)), upsert(scored(80))],
        AT_75,
        "1 inserted entered: bucket 0, nothing -> 80 interim",
        "2 finalised stayed: bucket 0, 80 interim -> 80",
    ),
    fed(
        "20.effects",
        "interim results included: it leaves when the final score is low",
        [upsert(interim(80)), upsert(scored(70))],
        AT_75,
        "1 inserted entered: bucket 0, nothing -> 80 interim",
        "2 finalised left: bucket 0, 80 interim -> 70",
    ),
    fed(
        "20.effects",
        "the final result is written again after an interim one",
        FINAL_AGAIN,
        FINAL_ONLY,
        "1 inserted entered: bucket 0, nothing -> 80",
        "2 replaced left: bucket 0, 80 -> 80 interim",
        "3 finalised entered: bucket 0, 80 interim -> 80",
    ),
    fed(
        "20.effects",
        "the start of the window is included, its end is not",
        [upsert(*(scored(5, ms) for ms in (9, 10, 19, 20)))],
        {"start": 10, "end": 20},
        "1 inserted entered: bucket 10, nothing -> 5",
        "1 inserted entered: bucket 19, nothing -> 5",
    ),
    fed(
        "20.effects",
        "replaced in the window and outside",
        [upsert(scored(5, 9), scored(5, 10)), upsert(scored(6, 9), scored(6, 10))],
        {"start": 10},
        "2 replaced stayed: bucket 10, 5 -> 6",
        since=1,
    ),
    fed(
        "20.effects",
        "deleted in the window and outside",
        [upsert(scored(5, 9), scored(5, 10)), delete(JOB, start=0)],
        {"end": 10},
        "2 deleted left: bucket 9, 5 -> nothing",
        since=1,
    ),
    fed("20.effects", "an empty window", [upsert(scored(5))], {"start": 5, "end": 5}),
    fed("20.effects", "a reversed window", [upsert(scored(5, 5))], {"start": 9, "end": 1}),
    fed(
        "20.effects",
        "sort, direction, paging and expand do not apply",
        [upsert(scored(1), scored(2, 1), scored(3, 2))],
        {"sort": "anomaly_score", "desc": True, "from_": 1, "size": 1, "expand": True},
        "1 inserted entered: bucket 0, nothing -> 1",
        "1 inserted entered: bucket 1, nothing -> 2",
        "1 inserted entered: bucket 2, nothing -> 3",
    ),
    fed(
        "20.effects",
        "a size of zero",
        [upsert(scored(1))],
        {"size": 0},
        "1 inserted entered: bucket 0, nothing -> 1",
    ),
    fed(
        "20.effects",
        "records only",
        [upsert(scored(90), record(0, record_score=90), record(0, record_score=10, detector_index=1))],
        {"record_score": 50},
        "1 inserted entered: record 0, nothing -> 90",
        of="record",
    ),
    fed(
        "20.effects",
        "influencers only",
        [upsert(scored(90), influencer(0, "a", influencer_score=90), influencer(0, "b", influencer_score=10))],
        {"influencer_score": 50},
        "1 inserted entered: influencer 0 host a, nothing -> 90",
        of="influencer",
    ),
    fed(
        "20.effects",
        "a record crosses the threshold when it becomes final",
        [
            upsert(record(0, record_score=90, is_interim=True, over_field_value="o")),
            upsert(record(0, record_score=90, over_field_value="o")),
        ],
        {"record_score": 90, "exclude_interim": True},
        "2 finalised entered: record 0 over 'o', 90 interim -> 90",
        of="record",
    ),
    fed(
        "20.effects",
        "one job of several",
        [upsert(scored(1), scored(2, job_id="db"))],
        {"jobs": "db"},
        "1 inserted entered: db bucket 0, nothing -> 2",
    ),
    fed(
        "20.effects",
        "several jobs",
        [upsert(scored(1), scored(2, job_id="db"), scored(3, job_id="app"))],
        {"jobs": ["db", JOB]},
        "1 inserted entered: bucket 0, nothing -> 1",
        "1 inserted entered: db bucket 0, nothing -> 2",
    ),
    fed(
        "20.effects",
        "a job that is named twice",
        [upsert(scored(1))],
        {"jobs": [JOB, JOB]},
        "1 inserted entered: bucket 0, nothing -> 1",
    ),
    fed(
        "20.effects",
        "a lookup has the window of its instant",
        [upsert(scored(1, 4), scored(2, 5), scored(3, 6)), upsert(scored(9, 5))],
        {"timestamp": 5},
        "1 inserted entered: bucket 5, nothing -> 2",
        "2 replaced stayed: bucket 5, 2 -> 9",
    ),
    fed(
        "20.effects",
        "a lookup has the window of its text",
        [upsert(scored(1, -1), scored(2), scored(3, 86_399_999), scored(4, 86_400_000))],
        {"timestamp": "1970-01-01"},
        "1 inserted entered: bucket 0, nothing -> 2",
        "1 inserted entered: bucket 86399999, nothing -> 3",
    ),
    fed("20.effects", "a lookup that finds nothing", [upsert(scored(1))], {"timestamp": 5}),
    fed(
        "20.effects",
        "without a query: deleted left, inserted entered, the others stayed",
        [upsert(interim(1)), upsert(scored(1)), upsert(scored(2)), delete(JOB, end=1)],
        None,
        "1 inserted entered: bucket 0, nothing -> 1 interim",
        "2 finalised stayed: bucket 0, 1 interim -> 1",
        "3 replaced stayed: bucket 0, 1 -> 2",
        "4 deleted left: bucket 0, 2 -> nothing",
    ),
]

SINCE = [
    fed("20.since", "since is exclusive", CROSSING, None, "5 replaced stayed: bucket 0, 70 -> 80", since=4),
    fed("20.since", "the newest commit", CROSSING, None, since=5),
    fed("20.since", "a query without matches", CROSSING, {"anomaly_score": 99}),
    fed(
        "20.since",
        "the changes of a deleted job",
        [upsert(scored(80), scored(70, 1)), delete_job()],
        AT_75,
        "2 deleted left: bucket 0, 80 -> nothing",
        since=1,
    ),
    fed(
        "20.since",
        "a deleted job whose changes do not match",
        [upsert(scored(70)), delete_job()],
        AT_75,
        since=1,
    ),
    fed(
        "20.since",
        "a deleted job that is created again",
        [upsert(scored(80)), delete_job(), upsert(scored(90, 1))],
        AT_75,
        "2 deleted left: bucket 0, 80 -> nothing",
        "3 inserted entered: bucket 1, nothing -> 90",
        since=1,
    ),
    fed("20.since", "a known job without results", [put_job(JOB)], {}),
    fed("20.since", "a commit of another job", [put_job(JOB), upsert(scored(1, job_id="db"))], {}, since=1),
]

LISTED = [
    fed(
        "20.listing",
        "every match has entered with the newest commit",
        [upsert(scored(80), interim(90, 1), scored(70, 2)), upsert(scored(85))],
        AT_75,
        "2 None entered: bucket 0, nothing -> 85",
        "2 None entered: bucket 1, nothing -> 90 interim",
        since=None,
    ),
    fed(
        "20.listing",
        "interim results are left out",
        [upsert(scored(80), interim(90, 1))],
        FINAL_ONLY,
        "1 None entered: bucket 0, nothing -> 80",
        since=None,
    ),
    fed(
        "20.listing",
        "a result without a score",
        [upsert(scored(None))],
        {},
        "1 None entered: bucket 0, nothing -> no score",
        since=None,
    ),
    fed("20.listing", "an empty index without a query", [], None, since=None),
    fed("20.listing", "a known job without results", [put_job(JOB)], {}, since=None),
    fed(
        "20.listing",
        "without a query: every kind and job",
        [upsert(scored(1), record(0), influencer(0, "a"), scored(2, job_id="db"))],
        None,
        "1 None entered: bucket 0, nothing -> 1",
        "1 None entered: record 0, nothing -> no score",
        "1 None entered: influencer 0 host a, nothing -> no score",
        "1 None entered: db bucket 0, nothing -> 2",
        since=None,
    ),
    fed(
        "20.listing",
        "paging does not apply",
        [upsert(scored(1), scored(2, 1))],
        {"size": 1, "from_": 1},
        "1 None entered: bucket 0, nothing -> 1",
        "1 None entered: bucket 1, nothing -> 2",
        since=None,
    ),
    fed(
        "20.listing",
        "deleted results are not listed",
        [upsert(scored(1), scored(2, 1)), delete(JOB, end=1)],
        {},
        "2 None entered: bucket 1, nothing -> 2",
        since=None,
    ),
    fed(
        "20.listing",
        "an index that keeps no documents",
        [upsert(scored(1), record(0, by_field_value="x"))],
        None,
        "1 None entered: bucket 0, nothing -> 1",
        "1 None entered: record 0 by 'x', nothing -> no score",
        since=None,
        settings=BARE,
    ),
    fed(
        "20.listing",
        "an index that keeps no changes",
        [upsert(scored(1))],
        {},
        "1 None entered: bucket 0, nothing -> 1",
        since=None,
        settings={"changes_kept": 0},
    ),
]


@each_row(CHANGES, REASONS, EFFECTS, SINCE, LISTED)
def test_the_feed_has_the_changes_of_the_row(row: Fed) -> None:
    """The feed has exactly the lines of the row, in one call or in two, from the index and from a snapshot."""
    assert_fed(row)


HOST_A: Mapping[str, Any] = {"partition_field_name": "host", "partition_field_value": "a"}
HOST_B: Mapping[str, Any] = {**HOST_A, "partition_field_value": "b"}


def anomaly(score: float, when: int = 0, **fields: Any) -> dict[str, Any]:
    """A record with a score."""
    return record(when, record_score=score, **fields)


def filtered(
    claim: str, writes: Sequence[Step], where: Mapping[str, Any], *expected: str, of: Kind = "record", **more: Any
) -> Fed:
    """A row about a feed with a filter."""
    asked = {"where": where, **more.pop("asked", {})}
    return fed("20.where-elsewhere", claim, writes, asked, *expected, of=of, **more)


#: 40 records of two functions.
MANY = upsert(*(anomaly(50, when, function=("mean", "rare")[when % 2]) for when in range(40)))
#: One of them with another function, interim, so that it is stored apart from the others.
OTHER_FUNCTION = upsert(anomaly(60, 2, function="count", is_interim=True))

FILTERED = [
    filtered(
        "only the results of one host",
        [upsert(anomaly(90, **HOST_A), anomaly(80, **HOST_B), anomaly(70))],
        {"host": "a"},
        "1 inserted entered: record 0 partition 'a', nothing -> 90",
    ),
    filtered(
        "a function changes, the identity stays",
        [upsert(anomaly(90, function="mean")), upsert(anomaly(90, function="rare"))],
        {"function": "mean"},
        "1 inserted entered: record 0, nothing -> 90",
        "2 replaced left: record 0, 90 -> 90",
    ),
    filtered(
        "a function changes to the one of the filter",
        [upsert(anomaly(90, function="mean")), upsert(anomaly(90, function="rare"))],
        {"function": "rare"},
        "2 replaced entered: record 0, 90 -> 90",
    ),
    filtered(
        "both functions are values of the filter",
        [upsert(anomaly(90, function="mean")), upsert(anomaly(90, function="rare"))],
        {"function": ["mean", "rare"]},
        "2 replaced stayed: record 0, 90 -> 90",
        since=1,
    ),
    filtered(
        "neither function is",
        [upsert(anomaly(90, function="mean")), upsert(anomaly(90, function="rare"))],
        {"function": "max"},
    ),
    filtered(
        "a function disappears",
        [upsert(anomaly(90, function="mean")), upsert(anomaly(90))],
        {"function": None},
        "2 replaced entered: record 0, 90 -> 90",
    ),
    *(
        filtered(
            f"another {role} field has the same value",
            [
                upsert(anomaly(90, 0, **{f"{role}_field_name": "host", f"{role}_field_value": "a"})),
                upsert(anomaly(90, 0, **{f"{role}_field_name": "user", f"{role}_field_value": "a"})),
            ],
            {"host": "a"},
            f"1 inserted entered: record 0 {role} 'a', nothing -> 90",
            f"2 replaced left: record 0 {role} 'a', 90 -> 90",
        )
        for role in ("by", "over", "partition")
    ),
    filtered(
        "another field has the value, and the data field is missing from then on",
        [
            upsert(anomaly(90, by_field_name="host", by_field_value="a")),
            upsert(anomaly(90, by_field_name="user", by_field_value="a")),
        ],
        {"host": None},
        "2 replaced entered: record 0 by 'a', 90 -> 90",
    ),
    filtered(
        "a name without a value is no data field",
        [upsert(anomaly(90, by_field_name="host"))],
        {"host": None},
        "1 inserted entered: record 0, nothing -> 90",
    ),
    filtered(
        "the name of a field, whatever its value",
        [
            upsert(anomaly(90, by_field_name="host", by_field_value="a")),
            upsert(anomaly(90, by_field_name="user", by_field_value="a")),
        ],
        {"by_field_name": "user"},
        "2 replaced entered: record 0 by 'a', 90 -> 90",
    ),
    filtered(
        "a value of any field",
        [upsert(anomaly(90, by_field_value="a"), anomaly(80, over_field_value="a"))],
        {"by_field_value": "a"},
        "1 inserted entered: record 0 by 'a', nothing -> 90",
    ),
    filtered(
        "a value that is missing",
        [upsert(anomaly(90, by_field_value=""), anomaly(80))],
        {"by_field_value": None},
        "1 inserted entered: record 0, nothing -> 80",
    ),
    filtered(
        "a detector; a record without one has 0",
        [upsert(anomaly(90), anomaly(80, detector_index=1))],
        {"detector_index": [0, 2]},
        "1 inserted entered: record 0, nothing -> 90",
    ),
    filtered(
        "a detector that no record can have",
        [upsert(anomaly(90))],
        {"detector_index": 2**70},
    ),
    filtered("no value at all", [upsert(anomaly(90, function="mean"))], {"function": []}),
    filtered(
        "all fields of a filter must be met on one side",
        [upsert(anomaly(90, function="mean", **HOST_A)), upsert(anomaly(90, function="rare", **HOST_A))],
        {"function": "rare", "host": ["a", "b"]},
        "2 replaced entered: record 0 partition 'a', 90 -> 90",
    ),
    filtered(
        "a result is deleted",
        [upsert(anomaly(90, **HOST_A), anomaly(80, **HOST_B)), delete(JOB, end=1)],
        {"host": "b"},
        "2 deleted left: record 0 partition 'b', 80 -> nothing",
        since=1,
    ),
    filtered(
        "a job is deleted",
        [upsert(anomaly(90, function="mean"), anomaly(80, 1, function="rare")), delete_job()],
        {"function": "rare"},
        "2 deleted left: record 1, 80 -> nothing",
        since=1,
    ),
    filtered(
        "new scores: a result keeps what the filter reads, and crosses the threshold",
        [
            upsert(anomaly(70, function="mean"), anomaly(70, 1, function="rare")),
            renormalize(records=[{"timestamp": when, "bucket_span": 3_600, "record_score": 80.0} for when in (0, 1)]),
        ],
        {"function": "rare"},
        "2 renormalised entered: record 1, 70 -> 80",
        asked={"record_score": 75},
    ),
    filtered(
        "a score crosses the threshold when the function leaves the filter",
        [upsert(anomaly(70, function="mean")), upsert(anomaly(80, function="rare")), upsert(anomaly(80))],
        {"function": "mean"},
        asked={"record_score": 75},
    ),
    filtered(
        "an interim result becomes final with another function",
        [upsert(anomaly(90, function="mean", is_interim=True)), upsert(anomaly(90, function="rare"))],
        {"function": "mean"},
        "1 inserted entered: record 0, nothing -> 90 interim",
        "2 finalised left: record 0, 90 interim -> 90",
    ),
    filtered(
        "only final results match",
        [upsert(anomaly(90, function="rare", is_interim=True)), upsert(anomaly(90, function="rare"))],
        {"function": "rare"},
        "2 finalised entered: record 0, 90 interim -> 90",
        asked={"exclude_interim": True},
    ),
    filtered(
        "a result stored apart from the others has other keywords than they have",
        [MANY, OTHER_FUNCTION],
        {"function": "mean"},
        "2 replaced left: record 2, 50 -> 60 interim",
        since=1,
    ),
    filtered(
        "it is replaced in turn",
        [MANY, OTHER_FUNCTION, upsert(anomaly(70, 2, function="mean"), anomaly(70, 3, function="rare"))],
        {"function": ["count", "rare"]},
        "3 finalised left: record 2, 60 interim -> 70",
        "3 replaced stayed: record 3, 50 -> 70",
        since=2,
    ),
    filtered(
        "it is deleted together with others",
        [MANY, OTHER_FUNCTION, delete(JOB, start=1, end=4)],
        {"function": ["count", "rare"]},
        "3 deleted left: record 1, 50 -> nothing",
        "3 deleted left: record 2, 60 interim -> nothing",
        "3 deleted left: record 3, 50 -> nothing",
        since=2,
    ),
    filtered(
        "an index that keeps no documents",
        [upsert(anomaly(90, function="mean", **HOST_A)), upsert(anomaly(90, function="rare", **HOST_A))],
        {"function": "mean", "host": "a"},
        "2 replaced left: record 0 partition 'a', 90 -> 90",
        since=1,
        settings=BARE,
    ),
    filtered(
        "influencers of one host",
        [upsert(influencer(0, "a", influencer_score=90), influencer(0, "b", influencer_score=80))],
        {"host": "a"},
        "1 inserted entered: influencer 0 host a, nothing -> 90",
        of="influencer",
    ),
    filtered(
        "influencers of a field, one of them deleted",
        [upsert(influencer(0, "a", influencer_score=90), influencer(1, influencer_score=80)), delete(JOB, end=1)],
        {"influencer_field_name": "host"},
        "2 deleted left: influencer 0 host a, 90 -> nothing",
        of="influencer",
        since=1,
    ),
    filtered(
        "influencers without a value of a data field",
        [upsert(influencer(0, "a", influencer_score=90), influencer(1, influencer_score=80))],
        {"host": None},
        "1 inserted entered: influencer 1, nothing -> 80",
        of="influencer",
    ),
]


@each_row(FILTERED)
def test_a_filter_judges_both_sides_of_a_change(row: Fed) -> None:
    """The feed has exactly the lines of the row, in one call or in two, from the index and from a snapshot."""
    index = ResultsIndex(**row.settings)
    snapshots = []
    for write in row.writes:
        perform(index, write)
        snapshots.append(index.snapshot())
    query = QUERIES[row.of](**{"jobs": JOB, **(row.asked or {})})
    assert row.since is not None
    for results in (index, snapshots[-1]):
        assert sorted(line(change) for change in results.changes(query, since=row.since)) == sorted(row.expected)
    for middle in snapshots[row.since :]:
        if JOB in index:
            first = middle.changes(query, since=row.since)
            parts = [*first, *index.changes(query, since=first.sequence)]
            assert sorted(map(line, parts)) == sorted(row.expected)


HELD = [upsert(scored(1)), upsert(scored(2))]
RENEWED = [upsert(scored(1)), delete_job(), put_job("db")]


def refused(
    claim: str, writes: Sequence[Step], since: Any, query: Any, expected: Refusal, *, rule: str = "20.since"
) -> CallRefused:
    """A row about a refused call of `changes`."""
    return CallRefused(rule, claim, writes, lambda index: index.changes(query, since=since), expected, "ours")


REFUSED = [
    refused("beyond the newest commit", HELD, 3, None, invalid("since", "")),
    refused("beyond the newest commit, with a query", HELD, 3, BucketQuery(jobs=JOB), invalid("since", "")),
    refused("beyond an empty index", [], 1, None, invalid("since", "")),
    refused("negative", HELD, -1, None, invalid("since", "")),
    refused("text", HELD, "1", None, invalid("since", "")),
    refused("a float", HELD, 1.0, None, invalid("since", "")),
    refused("a bool", HELD, True, None, invalid("since", "")),
    refused("a job that is not known", HELD, 0, BucketQuery(jobs="nobody"), unknown_job("nobody")),
    refused("one of several jobs is not known", HELD, 0, BucketQuery(jobs=[JOB, "nobody"]), unknown_job("nobody")),
    refused("a deleted job, its changes read before", RENEWED, 2, BucketQuery(jobs=JOB), unknown_job(JOB)),
    refused(
        "a job that is not known, listed",
        HELD,
        None,
        BucketQuery(jobs="nobody"),
        unknown_job("nobody"),
        rule="20.listing",
    ),
    refused("a deleted job, listed", RENEWED, None, BucketQuery(jobs=JOB), unknown_job(JOB), rule="20.listing"),
    refused("the query is a dict", HELD, 0, {"jobs": JOB}, invalid("query", ""), rule="20.changes"),
    *(
        refused(
            f"buckets with a filter, since {since}",
            HELD,
            since,
            BucketQuery(jobs=JOB, where={"host": "a"}),
            invalid("where", ""),
            rule="20.where-elsewhere",
        )
        for since in (None, 0, 2)
    ),
]


@each_row(REFUSED)
def test_a_refused_feed(row: CallRefused) -> None:
    """The error has the class, the status and the field of the row."""
    assert_call_refused(row)


def test_a_snapshot_has_the_changes_up_to_its_own_commit() -> None:
    """Section 20, since: a snapshot's feed ends with its commit, and a later `since` is beyond it."""
    index = ResultsIndex()
    snapshots = [index.snapshot()]
    for write in CROSSING:
        perform(index, write)
        snapshots.append(index.snapshot())
    for number, snapshot in enumerate(snapshots):
        changes = snapshot.changes(since=0)
        assert (changes.sequence, [change.sequence for change in changes]) == (number, list(range(1, number + 1)))
        with pytest.raises(InvalidQuery):
            snapshot.changes(since=number + 1)


def test_the_query_may_change_between_two_calls() -> None:
    """Section 20, since: a sequence does not depend on the query."""
    index = index_of([scored(80), record(0, record_score=90)])
    first = index.changes(BucketQuery(jobs=JOB), since=0)
    perform(index, upsert(scored(90), record(0, record_score=95)))
    second = index.changes(RecordQuery(jobs=JOB), since=first.sequence)
    assert [line(change) for change in second] == ["3 replaced stayed: record 0, 90 -> 95"]
    third = index.changes(InfluencerQuery(jobs=JOB), since=second.sequence)
    assert (len(third), third.sequence) == (0, 3)


def test_one_window_judges_both_sides() -> None:
    """Section 20, effects: date math is resolved once for each call, so no result leaves because time passes."""
    times = [1_000_000]
    index = ResultsIndex(clock=lambda: times[0])
    perform(index, upsert(scored(5, 990_000)))
    watch = BucketQuery(jobs=JOB, start="now-1m")
    assert [change.effect for change in index.changes(watch, since=0)] == ["entered"]
    times[0] = 9_000_000
    assert list(index.changes(watch, since=1)) == []
    perform(index, upsert(scored(6, 990_000)))
    assert list(index.changes(watch, since=1)) == []
    perform(index, upsert(scored(6, 8_999_999)))
    assert [line(change) for change in index.changes(watch, since=1)] == [
        "3 inserted entered: bucket 8999999, nothing -> 6"
    ]


def test_the_count_follows_from_the_feed() -> None:
    """Section 20, effects: the count now is the count at `since`, plus the entered ones, minus those that left."""
    index = ResultsIndex()
    snapshots = [index.snapshot()]
    for write in [put_job(JOB), *CROSSING, *FINAL_AGAIN, delete(JOB, end=1), upsert(interim(99), scored(80, 1))]:
        perform(index, write)
        snapshots.append(index.snapshot())
    several: Sequence[Mapping[str, Any]] = ({}, AT_75, FINAL_ONLY, {"end": 1})
    for asked in several:
        query = BucketQuery(jobs=JOB, **asked)
        for before in snapshots[1:]:
            changes = index.changes(query, since=before.sequence)
            assert index.search(query).count == before.search(query).count + len(changes.entered) - len(changes.left)


def test_a_listing_and_the_changes_behind_it_leave_no_gap() -> None:
    """Section 20, listing: the listing, changed by the later feed, has the keys of the newest matches."""
    index = ResultsIndex()
    perform(index, put_job(JOB))
    query = BucketQuery(jobs=JOB, anomaly_score=75)
    for at, write in enumerate(CROSSING):
        perform(index, write)
        listed = index.changes(query, since=None)
        keys = {change.key for change in listed}
        for later in CROSSING[at + 1 :]:
            perform(index, later)
        for change in index.changes(query, since=listed.sequence):
            keys = keys - {change.key} if change.effect == "left" else keys | {change.key}
        assert keys == set(index.search(query).keys())
        perform(index, delete(JOB, end=1))


def test_changes_have_no_key_of_their_own() -> None:
    """The key of a change is that of the page, for every kind, and so reads on with `history`."""
    index = index_of([scored(1), record(0, by_field_value="", detector_index=3), influencer(0, "a")])
    by_kind = {change.kind: change.key for change in index.changes(since=0)}
    assert by_kind["bucket"] == index.get_buckets(job_id=JOB).keys()[0]
    assert by_kind["record"] == index.get_records(job_id=JOB).keys()[0]
    assert by_kind["influencer"] == index.get_influencers(job_id=JOB).keys()[0]
    for kind, key in by_kind.items():
        assert [change.reason for change in index.history(key, kind=kind)] == ["inserted"]


def test_a_refused_write_has_no_changes() -> None:
    """A batch that is refused leaves the feed as it was."""
    index = index_of([scored(1)])
    with pytest.raises(BucketQueryError):
        index.upsert([scored(2), scored("x", 1)])  # type: ignore[arg-type]
    changes = index.changes(since=0)
    assert (len(changes), changes.sequence) == (1, 2)


def test_a_deleted_job_is_unknown_once_its_changes_are_read() -> None:
    """Section 20, since: the changes of a deleted job are read once."""
    index = index_of([scored(80)])
    query = BucketQuery(jobs=JOB)
    since = index.sequence
    index.delete_job(JOB)
    changes = index.changes(query, since=since)
    assert [change.reason for change in changes.left] == ["deleted"]
    with pytest.raises(UnknownJob) as caught:
        index.changes(query, since=changes.sequence)
    assert_refusal(caught.value, unknown_job(JOB))
