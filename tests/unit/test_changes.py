"""Changes: a sequence of values and columns that are made when they are read, and the errors of a feed."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    Change,
    ChangeRange,
    Changes,
    ChangesExpired,
    InfluencerQuery,
    InvalidQuery,
    RecordQuery,
    ResultsIndex,
    UnknownJob,
)
from support.helpers import SPAN_S, STEP, bucket, record


def influencer(row: int, **fields: Any) -> dict[str, Any]:
    """An influencer in the ``row``-th bucket."""
    return bucket(row, result_type="influencer", **fields)


@pytest.fixture
def index() -> ResultsIndex:
    """An index with commits of every reason and kind, at the times 10, 20, and so on."""
    times = iter(range(10, 1000, 10))
    found = ResultsIndex(clock=lambda: next(times))
    found.upsert([bucket(0, anomaly_score=80, is_interim=True), record(0, by_field_value="a", record_score=40)])
    found.upsert([bucket(0, anomaly_score=80), bucket(1)])
    found.renormalize("web", buckets={"timestamp": [0], "bucket_span": SPAN_S, "anomaly_score": [60.0]})
    found.upsert([bucket(0, anomaly_score=60, event_count=1), influencer(0, influencer_score=5)])
    found.delete_job("web")
    return found


def test_each_change_says_what_happened(index: ResultsIndex) -> None:
    """Every attribute of every change, in the order of the commits; within a commit the order is not specified."""
    kinds = ("bucket", "record", "influencer")
    shown = [
        (c.sequence, c.time, c.reason, c.effect, c.kind, c.old_score, c.score, c.was_interim, c.is_interim)
        for c in sorted(index.changes(since=0), key=lambda change: (change.sequence, kinds.index(change.kind)))
    ]
    assert shown == [
        (1, 10, "inserted", "entered", "bucket", None, 80.0, None, True),
        (1, 10, "inserted", "entered", "record", None, 40.0, None, False),
        (2, 20, "finalised", "stayed", "bucket", 80.0, 80.0, True, False),
        (2, 20, "inserted", "entered", "bucket", None, None, None, False),
        (3, 30, "renormalised", "stayed", "bucket", 80.0, 60.0, False, False),
        (4, 40, "replaced", "stayed", "bucket", 60.0, 60.0, False, False),
        (4, 40, "inserted", "entered", "influencer", None, 5.0, None, False),
        (5, 50, "deleted", "left", "bucket", 60.0, None, False, None),
        (5, 50, "deleted", "left", "bucket", None, None, False, None),
        (5, 50, "deleted", "left", "record", 40.0, None, False, None),
        (5, 50, "deleted", "left", "influencer", 5.0, None, False, None),
    ]


def test_keys_are_those_of_pages() -> None:
    """A column without any text, a missing detector and a missing text read as in `page.keys()`."""
    index = ResultsIndex()
    blamed = [{}, {"influencer_field_name": "host"}, {"influencer_field_name": "host", "influencer_field_value": "a"}]
    index.upsert([bucket(0)])
    index.upsert([{key: value for key, value in record(0).items() if key != "detector_index"}])
    index.upsert([influencer(0)])
    index.upsert([*(influencer(1, **some) for some in blamed), record(2, by_field_value="b", over_field_value="o")])
    index.upsert([record(row, row, by_field_value=f"v{row}") for row in range(30)])
    for query in (BucketQuery(jobs="web"), RecordQuery(jobs="web"), InfluencerQuery(jobs="web")):
        keys = sorted(index.search(query).keys(), key=repr)
        for since in (0, None):
            changes = index.changes(query, since=since)
            assert sorted((change.key for change in changes), key=repr) == keys
        for key in keys:
            (change,) = index.history(key, kind=query._schema.kind)
            assert change.key == key


def changes_of(index: ResultsIndex) -> list[Change]:
    """Every change that the log has."""
    return list(index.changes(since=0))


def test_unchanged_documents_are_no_changes() -> None:
    """The same document, an equal score, a skipped and a repeated document make no change; NaN is None."""
    index = ResultsIndex()
    index.upsert([bucket(0, anomaly_score=5), bucket(1), record(0)])
    index.upsert([bucket(0, anomaly_score=5), bucket(1), record(0), bucket(0, result_type="forecast")])
    index.renormalize("web", buckets={"timestamp": [0], "bucket_span": SPAN_S, "anomaly_score": [5.0]})
    index.put_job("web", bucket_span=60)
    index.upsert([bucket(2, anomaly_score=1), bucket(2, anomaly_score=2), bucket(1), bucket(0, anomaly_score=5)])
    index.upsert([*(bucket(row, anomaly_score=5) for row in range(1, 40)), bucket(0, anomaly_score=5), bucket(1)])
    changes = index.changes(since=1)
    assert [(change.sequence, change.score) for change in changes if change.sequence < 4] == [(3, 2.0)]
    assert len(changes) == 1 + 38
    assert {change.key[1] // STEP for change in changes if change.sequence == 4} == set(range(2, 40))
    first = [change for change in changes_of(index) if change.sequence == 1]
    assert sorted([change.score for change in first], key=repr) == [5.0, None, None]
    assert all(type(change.score) in {float, type(None)} for change in changes)


def test_a_missing_score_matches_no_threshold() -> None:
    """A result without a score matches only a query without a threshold."""
    index = ResultsIndex()
    index.upsert([bucket(0)])
    index.upsert([bucket(0, anomaly_score=60)])
    index.upsert([bucket(0)])
    effects = [change.effect for change in index.changes(BucketQuery(jobs="web", anomaly_score=50), since=0)]
    assert effects == ["entered", "left"]
    effects = [change.effect for change in index.changes(BucketQuery(jobs="web"), since=0)]
    assert effects == ["entered", "stayed", "stayed"]


def test_a_sequence_of_changes(index: ResultsIndex) -> None:
    """Length, iteration, indices and slices agree, also of one effect."""
    changes = index.changes(since=0)
    every = list(changes)
    assert len(changes) == len(every) == 11
    assert [changes[at] for at in range(-11, 11)] == every + every
    assert changes[2:8:2] == tuple(every[2:8:2])
    assert changes[::-1] == tuple(every[::-1])
    assert changes[5:5] == ()
    for some, effect in ((changes.entered, "entered"), (changes.left, "left"), (changes.stayed, "stayed")):
        assert list(some) == [change for change in every if change.effect == effect]
        assert some.sequence == changes.sequence
        assert some[-1] == list(some)[-1]
    assert list(changes.entered.entered) == list(changes.entered)
    assert list(changes.entered.left) == []
    with pytest.raises(IndexError):
        changes[11]
    with pytest.raises(TypeError):
        changes["a"]  # type: ignore[call-overload] # the index must be refused
    assert bool(changes)
    assert not index.changes(since=index.sequence)
    assert repr(changes) == "<Changes: 11, up to commit 5>"
    assert repr(changes.left) == "<Changes: 4 that left, up to commit 5>"


def test_columns_are_read_only_arrays(index: ResultsIndex) -> None:
    """Each column has an attribute of every change. A missing number is NaN, and a missing object is None."""
    changes = index.changes(since=0)
    for name in ("sequence", "time", "reason", "effect", "kind", "was_interim", "is_interim"):
        assert changes.column(name).tolist() == [getattr(change, name) for change in changes]
    for name in ("old_score", "score"):
        expected = [np.nan if value is None else value for value in (getattr(change, name) for change in changes)]
        np.testing.assert_array_equal(changes.column(name), expected)
    assert changes.column("job_id").tolist() == ["web"] * 11
    assert changes.column("timestamp").tolist() == [change.key[1] for change in changes]
    assert changes.column("bucket_span").tolist() == [SPAN_S] * 11
    assert changes.entered.column("sequence").tolist() == [1, 1, 2, 4]
    for some in (changes, changes.left, index.changes(since=5)):
        for name, dtype in (("sequence", np.int64), ("score", np.float64), ("reason", np.object_)):
            column = some.column(name)
            assert column.dtype == dtype
            assert len(column) == len(some)
            with pytest.raises(ValueError, match="WRITEABLE"):
                column.setflags(write=True)
    for wrong in ("anomaly_score", "key", 5):
        with pytest.raises(InvalidQuery) as caught:
            changes.column(wrong)  # type: ignore[arg-type] # the name must be refused
        assert caught.value.field == "name"


def test_changes_pickle_and_are_immutable(index: ResultsIndex) -> None:
    """A pickle has the changes and ranges, and is small whatever the index holds."""
    index.upsert([bucket(row, event_count=row) for row in range(5_000)])
    index.upsert([record(row, by_field_value=f"text {row}") for row in range(200)])
    small = ResultsIndex(changes_kept=10)
    small.upsert([bucket(row) for row in range(50)])
    query = RecordQuery(jobs="web", end=3 * STEP)
    jobs = ResultsIndex()
    for job_id in "abcabd":
        jobs.upsert([bucket(ord(job_id), job_id=job_id, event_count=jobs.sequence)])
    for changes in (
        index.changes(since=0),
        index.changes(since=0).left,
        index.changes(query, since=6),
        index.changes(query, since=None),
        jobs.changes(since=0),
        jobs.changes(BucketQuery(jobs=("b", "d")), since=0),
        index.changes(since=index.sequence),
        small.changes(since=0),
    ):
        again = pickle.loads(pickle.dumps(changes))
        assert list(again) == list(changes)
        assert (again.sequence, again.ranges, repr(again)) == (changes.sequence, changes.ranges, repr(changes))
        assert list(again.entered) == list(changes.entered)
        assert copy.copy(changes) is copy.deepcopy(changes) is changes
    assert len(pickle.dumps(index.changes(query, since=6))) < 3_000
    changes = index.changes(since=0)
    with pytest.raises(AttributeError):
        changes.sequence = 1
    first = changes[0]
    assert pickle.loads(pickle.dumps(first)) == first
    with pytest.raises(AttributeError):
        first.score = 1.0  # type: ignore[misc] # the assignment must fail
    assert isinstance(first, Change)
    assert isinstance(changes, Changes)


def test_changes_of_many_jobs_come_in_commit_order() -> None:
    """Jobs and kinds that the log stores apart are put into the order of their commits."""
    index = ResultsIndex()
    for row in range(40):
        index.upsert([bucket(row, job_id=f"job-{row % 3}")])
        index.upsert([record(row, job_id="b", by_field_value="x")])
        index.upsert([bucket(row + at, job_id="c", anomaly_score=row) for at in range(20)])
    changes = index.changes(since=0)
    sequences = changes.column("sequence").tolist()
    assert sequences == sorted(sequences) == [change.sequence for change in changes]
    assert changes.column("job_id").tolist() == [change.key[0] for change in changes]
    assert changes[::-7] == tuple(list(changes)[::-7])
    some = index.changes(BucketQuery(jobs=("job-1", "c")), since=50)
    assert {change.key[0] for change in some} == {"job-1", "c"}
    assert some.column("timestamp").tolist() == [change.key[1] for change in some]
    assert [change.sequence for change in some] == sorted(change.sequence for change in some)
    assert len(index.changes(BucketQuery(jobs="c", start=1, end=5 * STEP), since=0)) == len(
        [change for change in changes if change.key[0] == "c" and 1 <= change.key[1] < 5 * STEP]
    )


# ---- the settings of the index


@pytest.mark.parametrize("name", ["changes_kept", "first_sequence"])
@pytest.mark.parametrize("value", [-1, 1.0, "1", True, None])
def test_the_settings_must_be_counts(name: str, value: Any) -> None:
    """`changes_kept` and `first_sequence` must be non-negative integers."""
    with pytest.raises(InvalidQuery) as caught:
        ResultsIndex(**{name: value})
    assert (caught.value.field, caught.value.value) == (name, value)


def test_the_first_sequence_expires_what_is_older() -> None:
    """Sequences begin there, and an older `since` expires."""
    with pytest.raises(InvalidQuery):
        ResultsIndex(first_sequence=2**62)
    index = ResultsIndex()
    for kept in (0, 10):
        index = ResultsIndex(first_sequence=1_000, changes_kept=kept)
        assert index.sequence == 1_000
        assert list(index.changes(since=1_000)) == []
        with pytest.raises(ChangesExpired) as caught:
            index.changes(since=999)
        assert caught.value.oldest == 1_000
        assert index.upsert([bucket(0)]).sequence == 1_001
    assert len(index.changes(since=1_000)) == 1
    with pytest.raises(ChangesExpired):
        index.changes(BucketQuery(jobs="web"), since=5)
    with pytest.raises(UnknownJob):
        index.changes(BucketQuery(jobs="b"), since=5)


def test_commits_have_times_that_never_fall() -> None:
    """A clock that goes back repeats the last time; before the first commit the time is 0."""
    times = [-5, 9, 3, 12]
    index = ResultsIndex(clock=lambda: times.pop(0))
    assert index.upsert([]).time == 0
    commits = [index.upsert([bucket(row)]) for row in range(4)]
    assert [commit.time for commit in commits] == [-5, 9, 9, 12]
    assert index.changes(since=0).column("time").tolist() == [-5, 9, 9, 12]
    assert index.upsert([bucket(0)]).time == 12


# ---- ranges


def test_ranges_stand_for_too_many_changes() -> None:
    """Each reason has a range. A query at or above the floor gets all its changes and no range."""
    index = ResultsIndex(changes_kept=100, clock=lambda: 9)
    # 5 of 200 scores reach 75, and 12 reach 50.
    scores = [80.0] * 5 + [60.0] * 7 + [10.0] * 188
    columns = {"timestamp": [row * STEP for row in range(200)], "bucket_span": SPAN_S}
    index.upsert_columns({**columns, "anomaly_score": scores}, job_id="web")
    query = BucketQuery(jobs="web", anomaly_score=75)
    changes = index.changes(query, since=0)
    assert ([change.score for change in changes], changes.ranges) == ([80.0] * 5, ())
    expected = ChangeRange(
        sequence=1,
        time=9,
        reason="inserted",
        kind="bucket",
        job_id="web",
        first=0,
        last=199 * STEP,
        count=200,
        floor=75.0,
    )
    below = index.changes(query.replace(anomaly_score=74), since=0)
    assert (len(below), below.ranges, below.entered.ranges) == (5, (expected,), (expected,))
    assert index.changes(since=0).ranges == (expected,)
    for other in (
        BucketQuery(jobs="web", start=200 * STEP),
        BucketQuery(jobs="web", end=0),
        RecordQuery(jobs="web"),
    ):
        assert index.changes(other, since=0).ranges == ()
    index.put_job("b")
    assert index.changes(BucketQuery(jobs="b"), since=0).ranges == ()
    # Now all fall, but for one result that is new; their old scores decide too.
    index.upsert([*(bucket(row, anomaly_score=1) for row in range(200)), bucket(500)])
    changes = index.changes(query, since=1)
    assert [(change.effect, change.score) for change in changes] == [("left", 1.0)] * 5
    ranges = index.changes(since=1).ranges
    assert [(found.reason, found.count, found.floor) for found in ranges] == [
        ("inserted", 1, 75.0),
        ("replaced", 200, 75.0),
    ]
    assert index.changes(since=3).ranges == ()


def test_a_floor_may_be_infinite() -> None:
    """If more than a tenth reach 75, the log keeps no single change."""
    index = ResultsIndex(changes_kept=10)
    index.upsert([bucket(row, anomaly_score=99) for row in range(50)])
    changes = index.changes(BucketQuery(jobs="web", anomaly_score=100), since=0)
    assert (len(changes), [found.floor for found in changes.ranges]) == (0, [float("inf")])
    index.delete_job("web")
    assert [found.reason for found in index.changes(BucketQuery(jobs="web"), since=0).ranges] == ["inserted", "deleted"]
    index.upsert([bucket(row, job_id="b") for row in range(9)])
    assert len(index.changes(since=2).ranges) == 0
