"""The answer about overall buckets: a sequence of values, columns, and the response body."""

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from bucketquery import InvalidQuery, OverallBucket, OverallBucketJob, OverallBuckets, ResultsIndex, UnknownJob
from bucketquery.answers import overall as room

HOUR = 3_600_000


@pytest.fixture
def index() -> ResultsIndex:
    """Three hours of two jobs; the second hour has one of them, and the third an interim bucket."""
    index = ResultsIndex()
    index.upsert(
        [
            {
                "job_id": job,
                "timestamp": hour * HOUR,
                "bucket_span": 3600,
                "anomaly_score": score,
                "is_interim": hour == 2,
            }
            for job, hour, score in (("web", 0, 80), ("db", 0, 40), ("web", 1, 10), ("db", 2, 30), ("web", 2, 2))
        ],
        kind="bucket",
    )
    return index


@pytest.fixture
def answer(index: ResultsIndex) -> OverallBuckets:
    """All of them, by the mean of both jobs."""
    return index.get_overall_buckets(job_id=["web", "db"], top_n=2)


def job(name: str, score: float) -> OverallBucketJob:
    """A job of an overall bucket."""
    return OverallBucketJob(job_id=name, max_anomaly_score=score)


def test_an_answer_is_a_sequence_of_values(answer: OverallBuckets) -> None:
    """14.10: the values come in time order, by position, as slices and one by one."""
    values = [*answer]
    assert (answer.count, len(answer), answer.sequence) == (3, 3, 1)
    assert values[0] == OverallBucket(
        timestamp=0, bucket_span=3600, overall_score=60.0, jobs=(job("db", 40.0), job("web", 80.0)), is_interim=False
    )
    assert [(each.timestamp, each.overall_score, each.is_interim, len(each.jobs)) for each in values[1:]] == [
        (HOUR, 10.0, False, 1),
        (2 * HOUR, 16.0, True, 2),
    ]
    assert [answer[number] for number in (-3, 1, 2)] == values
    assert answer[1:] == tuple(values[1:])
    assert answer[::-2] == (values[2], values[0])
    assert answer[3:] == answer[2:1] == ()
    with pytest.raises(IndexError):
        answer[3]
    assert repr(answer) == "<OverallBuckets: 3 at commit 1>"


def test_a_value_has_what_a_bucket_has(answer: OverallBuckets) -> None:
    """The instant as a datetime, the severity and the result type."""
    first = answer[0]
    assert (first.time, first.severity) == (datetime(1970, 1, 1, tzinfo=UTC), "major")
    assert first.result_type == "overall_bucket"
    with pytest.raises(AttributeError):
        first.timestamp = 5  # type: ignore[misc] # the values are frozen
    with pytest.raises(OverflowError):
        _ = OverallBucket(timestamp=-(2**62), bucket_span=1, overall_score=0.0, jobs=(), is_interim=False).time


def test_columns_are_arrays_that_cannot_be_written(answer: OverallBuckets) -> None:
    """Lists of jobs are not a column."""
    for name, values in (
        ("timestamp", [0, HOUR, 2 * HOUR]),
        ("bucket_span", [3600] * 3),
        ("overall_score", [60.0, 10.0, 16.0]),
        ("is_interim", [False, False, True]),
    ):
        column = answer.column(name)
        assert column.tolist() == values
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.flags.writeable = True
    for name in ("jobs", "result_type", "anomaly_score"):
        with pytest.raises(InvalidQuery, match="must be a column of overall buckets"):
            answer.column(name)


@pytest.mark.parametrize("jobs_at_once", [1, 4, 2**16])
def test_the_body_has_the_keys_in_the_apis_order(
    answer: OverallBuckets, jobs_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.10: with ``human`` each timestamp is shown as text too. The lists may be read in parts."""
    monkeypatch.setattr(room, "_JOBS_AT_ONCE", jobs_at_once)
    body = answer.to_dict()
    assert list(body) == ["count", "overall_buckets"]
    assert json.dumps(body["overall_buckets"][1]) == (
        '{"timestamp": 3600000, "bucket_span": 3600, "overall_score": 10.0, '
        '"jobs": [{"job_id": "web", "max_anomaly_score": 10.0}], "is_interim": false, "result_type": "overall_bucket"}'
    )
    assert body["overall_buckets"] == [each.to_dict() for each in answer]
    human = answer.to_dict(human=True)
    assert list(human["overall_buckets"][0])[:2] == ["timestamp_string", "timestamp"]
    assert human["overall_buckets"][2]["timestamp_string"] == "1970-01-01T02:00:00.000Z"
    for shown, as_text in ((body, answer.to_json()), (human, answer.to_json(human=True))):
        assert json.loads(as_text) == shown
        assert list(json.loads(as_text)["overall_buckets"][0]) == list(shown["overall_buckets"][0])


def test_a_pickle_has_the_lists_of_jobs(index: ResultsIndex, answer: OverallBuckets) -> None:
    """It needs no index, and gives the same values, columns and bodies. A copy is the answer itself."""
    again: OverallBuckets = pickle.loads(pickle.dumps(answer))
    assert again.to_dict() == answer.to_dict()
    assert (again[1], again[1:], again.sequence) == (answer[1], answer[1:], 1)
    assert again.column("overall_score").tolist() == answer.column("overall_score").tolist()
    assert pickle.loads(pickle.dumps(again)).to_json() == answer.to_json()
    assert copy.copy(answer) is copy.deepcopy(answer) is answer
    with pytest.raises(AttributeError):
        answer.sequence = 5
    empty = index.get_overall_buckets(job_id="web", overall_score=100)
    assert pickle.loads(pickle.dumps(empty)).to_dict() == {"count": 0, "overall_buckets": []}


def test_an_answer_stays_that_of_its_commit(index: ResultsIndex, answer: OverallBuckets) -> None:
    """Later writes change neither scores nor lists that are read later."""
    index.delete("web", start=0)
    index.upsert([{"job_id": "db", "timestamp": 0, "bucket_span": 3600, "anomaly_score": 99}], kind="bucket")
    assert answer[0].jobs == (job("db", 40.0), job("web", 80.0))
    assert index.get_overall_buckets(job_id=["web", "db"])[0].jobs == (job("db", 99.0),)


def test_index_and_snapshot_give_the_same_answer(index: ResultsIndex) -> None:
    """``now`` is the instant of the argument, or of the clock."""
    for source in (index, index.snapshot()):
        for start in ("now-1h", HOUR):
            found = source.get_overall_buckets(job_id="web", start=start, now=2 * HOUR)
            assert found.column("timestamp").tolist() == [HOUR, 2 * HOUR]
    clocked = ResultsIndex(clock=lambda: HOUR)
    clocked.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 60}], kind="bucket")
    assert [clocked.get_overall_buckets(job_id="web", start=start).count for start in ("now", "now-1h")] == [0, 1]
    with pytest.raises(InvalidQuery):
        index.get_overall_buckets(job_id="web", now="now")


def test_an_index_without_documents_answers_too() -> None:
    """Overall buckets are made of columns only."""
    index = ResultsIndex(keep_documents=False)
    index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 60, "anomaly_score": 5}], kind="bucket")
    assert index.get_overall_buckets(job_id="web").to_dict()["count"] == 1


def test_an_unknown_job_is_an_error(index: ResultsIndex) -> None:
    """14.13: if no job is selected, the answer is empty, unless a match is demanded."""
    with pytest.raises(UnknownJob, match="No known job with id 'nobody'"):
        index.get_overall_buckets(job_id=["web", "nobody"])
    index.put_job("idle")
    assert index.get_overall_buckets(job_id="idle").to_dict() == {"count": 0, "overall_buckets": []}
    catalog: Any = index.snapshot()._catalog
    catalog.__dict__["select"] = lambda _tokens, _field: ()
    assert index.get_overall_buckets(job_id="web").to_dict() == {"count": 0, "overall_buckets": []}
    with pytest.raises(UnknownJob) as caught:
        index.get_overall_buckets(job_id=["web", "db"], allow_no_match=False)
    assert (caught.value.reason, caught.value.field) == ("No known job with id 'web,db'", "job_id")
