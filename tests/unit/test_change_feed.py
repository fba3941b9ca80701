"""The feed: what may be asked, listings, and the history of one result."""

from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    InvalidQuery,
    LimitExceeded,
    ResultsIndex,
    UnknownJob,
)
from support.helpers import SPAN_S, STEP, bucket, record


def influencer(row: int, **fields: Any) -> dict[str, Any]:
    """An influencer in the ``row``-th bucket."""
    return bucket(row, result_type="influencer", **fields)


@pytest.mark.parametrize("since", [-1, 3, True, 1.0, "1", np.bool_(True), 2**70, np.float64(1)])
def test_a_since_that_is_no_sequence_is_refused(since: Any) -> None:
    """`since` must be None or an integer up to the commit that is read."""
    index = ResultsIndex()
    index.upsert([bucket(0)])
    index.put_job("b")
    for query in (None, BucketQuery(jobs="web")):
        with pytest.raises(InvalidQuery) as caught:
            index.changes(query, since=since)
        assert (caught.value.field, caught.value.value) == ("since", since)


def test_since_may_be_a_numpy_integer() -> None:
    """NumPy's integers count as integers."""
    index = ResultsIndex()
    index.upsert([bucket(0)])
    assert len(index.changes(since=np.int64(0))) == 1  # type: ignore[arg-type] # the annotation says int


def test_a_query_must_be_a_query() -> None:
    """`changes` refuses any other object, and a query of an unknown job."""
    index = ResultsIndex()
    with pytest.raises(InvalidQuery) as caught:
        index.changes("web", since=0)  # type: ignore[arg-type] # the query must be refused
    assert caught.value.field == "query"
    for since in (0, None):
        with pytest.raises(UnknownJob) as unknown:
            index.changes(BucketQuery(jobs="web"), since=since)
        assert unknown.value.field == "jobs"


def test_a_subclass_of_a_query_is_a_query() -> None:
    """A feed with an instance of a subclass is that of the base class."""

    class Named(BucketQuery):
        __slots__ = ()

    index = ResultsIndex()
    index.upsert([bucket(0)])
    assert len(index.changes(Named(jobs="web"), since=0)) == 1


def test_the_window_is_resolved_once_by_the_clock() -> None:
    """One window judges both sides of each change, so passing time is no change."""
    times = [0, 0, 10 * STEP]
    index = ResultsIndex(clock=lambda: times.pop(0))
    index.upsert([bucket(row) for row in range(12)])
    index.upsert([bucket(row, event_count=1) for row in range(12)])
    changes = index.changes(BucketQuery(jobs="web", start="now-10m", end="now"), since=1)
    assert [change.key[1] // STEP for change in changes.stayed] == [8, 9]
    assert times == []
    late = ResultsIndex(clock=lambda: 253_402_300_799_999)
    late.put_job("web")
    with pytest.raises(LimitExceeded):
        late.changes(BucketQuery(jobs="web", start="now+1d"), since=0)


def test_a_lookup_has_the_window_of_its_instant() -> None:
    """A lookup without a match is no error here, and ignores the threshold."""
    index = ResultsIndex()
    index.upsert([bucket(0), bucket(1, is_interim=True)])
    assert [change.key[1] for change in index.changes(BucketQuery(jobs="web", timestamp=STEP), since=0)] == [STEP]
    for since in (0, None):
        assert list(index.changes(BucketQuery(jobs="web", timestamp=5), since=since)) == []
    assert len(index.changes(BucketQuery(jobs="web", timestamp=STEP), since=None)) == 1


def test_a_listing_is_everything_at_its_commit() -> None:
    """A listing without a query has every kind and job. Later writes do not change it, even if it is read later."""
    index = ResultsIndex(clock=lambda: 7)
    assert len(index.changes(since=None)) == 0
    index.upsert([bucket(0, anomaly_score=5), bucket(1, job_id="b", is_interim=True), record(0, by_field_value="x")])
    index.upsert([bucket(row) for row in range(2, 30)])
    listed = index.changes(since=None)
    snapshot = index.snapshot()
    index.delete_job("web")
    assert (len(listed), listed.sequence) == (31, 2)
    assert {(change.sequence, change.time, change.reason, change.effect) for change in listed} == {
        (2, 7, None, "entered")
    }
    assert {change.kind for change in listed} == {"bucket", "record"}
    assert listed.column("is_interim").tolist().count(True) == 1
    assert listed.ranges == ()
    assert list(snapshot.changes(since=None)) == list(listed)
    assert [change.kind for change in index.changes(since=None)] == ["bucket"]


def test_a_listing_in_order_of_time() -> None:
    """A job's matches come in time order, whatever order the query has."""
    index = ResultsIndex()
    index.upsert([bucket(row, anomaly_score=row * 7 % 100) for row in range(100)])
    index.upsert([bucket(row, is_interim=True) for row in (3, 50, 200)])
    query = BucketQuery(jobs="web", anomaly_score=50, sort="anomaly_score", desc=True, size=2, from_=1)
    rows = [change.key[1] // STEP for change in index.changes(query, since=None)]
    assert rows == [row for row in range(100) if row * 7 % 100 >= 50 and row not in {3, 50}]
    everything = index.changes(query.replace(anomaly_score=0), since=None)
    assert [change.key[1] // STEP for change in everything] == [*range(100), 200]


@pytest.mark.parametrize(
    "key",
    [
        "web",
        ("web",),
        ("web", 0),
        ["web", 0, SPAN_S],
        ("web", 0, SPAN_S, 0),
        (5, 0, SPAN_S),
        ("web", True, SPAN_S),
        ("web", 0.0, SPAN_S),
        ("web", 2**63, SPAN_S),
        ("web", None, SPAN_S),
    ],
)
def test_a_key_that_no_page_has_is_refused(key: Any) -> None:
    """A key is a tuple of the types of `page.keys()`."""
    index = ResultsIndex()
    index.put_job("web")
    with pytest.raises(InvalidQuery) as caught:
        index.history(key)
    assert (caught.value.field, caught.value.value) == ("key", key)


def test_a_history_is_of_one_kind_and_result() -> None:
    """A history has no change of another kind, of another text or of another job."""
    index = ResultsIndex()
    index.upsert([bucket(0), record(0, by_field_value="a"), record(0, by_field_value="b"), bucket(0, job_id="b")])
    index.upsert([record(0, by_field_value="b", record_score=3)])
    key = ("web", np.int64(0), SPAN_S, 0, "b", None, None)
    assert [change.sequence for change in index.history(key, kind="record")] == [1, 2]
    assert index.history(("web", 0, SPAN_S, 0, "c", None, None), kind="record") == ()
    assert index.history(("web", 0, SPAN_S, 0, None, None, None), kind="record") == ()
    assert index.history(("web", 1, SPAN_S)) == ()
    assert len(index.history(("web", 0, SPAN_S))) == len(index.history(("b", 0, SPAN_S))) == 1
    assert len(index.snapshot().history(key, kind="record")) == 2
    for kind in ("rows", None, 5):
        with pytest.raises(InvalidQuery) as caught:
            index.history(key, kind=kind)  # type: ignore[arg-type] # the kind must be refused
        assert caught.value.field == "kind"
    with pytest.raises(InvalidQuery):
        index.history(("web", 0, SPAN_S, 0, 5, None, None), kind="record")
    with pytest.raises(UnknownJob) as unknown:
        index.history(("c", 0, SPAN_S))
    assert unknown.value.field == "key"
