"""Our decisions on the log behind the feed: its bound, ranges, sequences and times, and the history of a result."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bucketquery import BucketQuery, ChangesExpired, InvalidQuery, Kind, RecordQuery, ResultsIndex
from support.living import Step, delete, delete_job, perform, put_job, renormalize, upsert
from support.living_tables import (
    CallRefused,
    Fed,
    Ranged,
    assert_call_refused,
    assert_fed,
    assert_ranged,
    expired,
    line,
    ranges_of,
)
from support.semantics_tables import (
    JOB,
    Refusal,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

ALL = BucketQuery(jobs=JOB)


def scored(*scores: float, first: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """Buckets with these scores, a millisecond apart."""
    return [bucket(first + ms, anomaly_score=score, **fields) for ms, score in enumerate(scores)]


# ---- expiry


def test_every_since_is_complete_or_expired() -> None:
    """Section 20, changes-kept: from `oldest` on, every `since` has all changes; before it, none is answered."""
    index = ResultsIndex(changes_kept=5)
    for number in range(1, 30):
        perform(index, upsert(*scored(number)))
        oldest = 0
        if number > 5:
            with pytest.raises(ChangesExpired) as caught:
                index.changes(ALL, since=0)
            oldest = caught.value.oldest
            assert number - 5 <= oldest <= number
        for since in range(oldest):
            with pytest.raises(ChangesExpired) as caught:
                index.changes(ALL, since=since)
            assert caught.value.oldest == oldest
        for since in range(oldest, number + 1):
            changes = index.changes(ALL, since=since)
            assert [change.sequence for change in changes] == list(range(since + 1, number + 1))


def test_a_log_that_is_exactly_full_drops_nothing() -> None:
    """Section 20, changes-kept: the bound itself is allowed, by single commits and by one."""
    index = ResultsIndex(changes_kept=4)
    perform(index, upsert(*scored(1, 2)))
    perform(index, upsert(*scored(3)))
    perform(index, upsert(*scored(4)))
    assert len(index.changes(since=0)) == 4
    perform(index, upsert(*scored(5)))
    with pytest.raises(ChangesExpired):
        index.changes(since=0)
    whole = ResultsIndex(changes_kept=4)
    perform(whole, upsert(*scored(1, 2, 3, 4)))
    assert (len(whole.changes(since=0)), tuple(whole.changes(since=0).ranges)) == (4, ())


def test_a_noisy_job_does_not_expire_a_quiet_one() -> None:
    """Section 20, changes-kept: only a dropped commit of the query's own jobs expires a `since`."""
    index = ResultsIndex(changes_kept=5)
    perform(index, upsert(*scored(1)))
    for number in range(40):
        perform(index, upsert(*scored(number, job_id="noisy")))
    quiet = index.changes(ALL, since=1)
    assert (len(quiet), quiet.sequence) == (0, 41)
    with pytest.raises(ChangesExpired) as caught:
        index.changes(ALL, since=0)
    assert caught.value.oldest == 1
    for asked in (BucketQuery(jobs="noisy"), BucketQuery(jobs=[JOB, "noisy"]), None):
        with pytest.raises(ChangesExpired) as caught:
            index.changes(asked, since=1)
        assert 1 < caught.value.oldest <= 41
        assert index.changes(asked, since=caught.value.oldest).sequence == 41


def test_a_job_that_never_changed_expires_nothing() -> None:
    """Section 20, changes-kept: a known job without dropped changes answers from the beginning."""
    index = ResultsIndex(changes_kept=2)
    perform(index, put_job(JOB))
    for number in range(9):
        perform(index, upsert(*scored(number, job_id="noisy")))
    assert len(index.changes(ALL, since=0)) == 0


def test_commits_without_changes_do_not_fill_the_log() -> None:
    """Section 20, changes-kept: only changes count; known jobs and unchanged documents are none."""
    index = ResultsIndex(changes_kept=2)
    perform(index, upsert(*scored(1, 2)))
    for span in range(1, 9):
        perform(index, put_job(JOB, span))
        perform(index, upsert(*scored(1, 2)))
    assert len(index.changes(since=0)) == 2


def test_a_listing_recovers() -> None:
    """Section 20, changes-kept: after an expiry, the listing has every match, and the feed goes on behind it."""
    index = ResultsIndex(changes_kept=2)
    for number in range(9):
        perform(index, upsert(*scored(number, first=number)))
    listed = index.changes(ALL, since=None)
    assert (len(listed), listed.sequence) == (9, 9)
    perform(index, upsert(*scored(90)))
    assert [line(change) for change in index.changes(ALL, since=listed.sequence)] == [
        "10 replaced stayed: bucket 0, 0 -> 90"
    ]


def test_deletes_fill_the_log_like_other_changes() -> None:
    """Section 20, changes-kept: deleted results are changes of their job, a deleted job too."""
    index = ResultsIndex(changes_kept=3)
    perform(index, upsert(*scored(1, 2)))
    perform(index, delete_job())
    assert [change.reason for change in index.changes(ALL, since=1)] == ["deleted", "deleted"]
    perform(index, upsert(*scored(1, 2, job_id="db")))
    with pytest.raises(ChangesExpired):
        index.changes(ALL, since=0)


def reading(rule: str, claim: str, writes: Sequence[Step], query: Any, **more: Any) -> CallRefused:
    """A row about a refused call of `changes`."""
    since, expected = more.pop("since"), more.pop("expected", expired())
    return CallRefused(
        rule, claim, writes, lambda index: index.changes(query, since=since), expected, "ours", settings=more
    )


NOTHING_KEPT: dict[str, Any] = {"changes_kept": 0}
EXPIRED = [
    reading("20.changes-kept", "a log of no changes", [upsert(*scored(1))], None, since=0, **NOTHING_KEPT),
    reading("20.changes-kept", "a log of no changes, a query", [upsert(*scored(1))], ALL, since=0, **NOTHING_KEPT),
    reading(
        "20.changes-kept",
        "a log of no changes, the commit before the newest",
        [upsert(*scored(1)), upsert(*scored(2))],
        ALL,
        since=1,
        **NOTHING_KEPT,
    ),
    reading(
        "20.changes-kept", "a log of one change", [upsert(*scored(1)), upsert(*scored(2))], ALL, since=0, changes_kept=1
    ),
]


def constructed(claim: str, rule: str, field: str, value: Any) -> CallRefused:
    """A row about an argument of the index."""
    return CallRefused(rule, claim, [], lambda _: ResultsIndex(**{field: value}), invalid(field, ""), "ours")


CONSTRUCTED = [
    constructed(f"{field} is {value!r}", rule, field, value)
    for field, rule in (("changes_kept", "20.changes-kept"), ("first_sequence", "20.first-sequence"))
    for value in (-1, "5", 5.0, True, None)
]
FIRST = {"first_sequence": 1_000}
SEQUENCES = [
    reading("20.first-sequence", claim, writes, query, since=since, expected=expected, **FIRST)
    for claim, writes, query, since, expected in (
        ("a since below the first sequence", [upsert(*scored(1))], None, 999, expired()),
        ("a since below it, with a query", [upsert(*scored(1))], ALL, 0, expired()),
        ("an empty index", [], None, 999, expired()),
        ("beyond the newest commit", [upsert(*scored(1))], None, 1_002, invalid("since", "")),
        ("beyond an empty index", [], None, 1_001, invalid("since", "")),
        ("a negative since", [], None, -1, invalid("since", "")),
    )
]


@each_row(EXPIRED, CONSTRUCTED, SEQUENCES)
def test_a_refused_since(row: CallRefused) -> None:
    """The error has the class, the status and the field of the row."""
    assert_call_refused(row)


FED = [
    Fed(
        "20.changes-kept",
        "a log of no changes answers the newest commit",
        [upsert(*scored(1))],
        None,
        1,
        [],
        "ours",
        settings={"changes_kept": 0},
    ),
    Fed(
        "20.changes-kept",
        "a log of no changes, with a query",
        [upsert(*scored(1))],
        {},
        1,
        [],
        "ours",
        settings={"changes_kept": 0},
    ),
    Fed(
        "20.first-sequence",
        "the first commit is the next number",
        [upsert(*scored(1))],
        None,
        1_000,
        ["1001 inserted entered: bucket 0, nothing -> 1"],
        "ours",
        settings=FIRST,
    ),
    Fed("20.first-sequence", "an empty index", [], None, 1_000, [], "ours", settings=FIRST),
    Fed(
        "20.first-sequence",
        "a listing",
        [upsert(*scored(1))],
        None,
        None,
        ["1001 None entered: bucket 0, nothing -> 1"],
        "ours",
        settings=FIRST,
    ),
    Fed(
        "20.first-sequence",
        "epoch milliseconds",
        [upsert(*scored(1))],
        {},
        1_767_225_600_000,
        ["1767225600001 inserted entered: bucket 0, nothing -> 1"],
        "ours",
        settings={"first_sequence": 1_767_225_600_000},
    ),
]


@each_row(FED)
def test_the_feed_of_a_bounded_log(row: Fed) -> None:
    """The feed has exactly the lines of the row."""
    assert_fed(row)


def test_the_oldest_of_a_restarted_index_is_its_first_sequence() -> None:
    """Section 20, first-sequence: `oldest` is at least the first sequence, and can be read from."""
    index = ResultsIndex(first_sequence=1_000)
    perform(index, upsert(*scored(1)))
    with pytest.raises(ChangesExpired) as caught:
        index.changes(since=2)
    assert caught.value.oldest == 1_000
    assert len(index.changes(since=caught.value.oldest)) == 1
    assert (index.sequence, index.snapshot().sequence, index.search(ALL).sequence) == (1_001, 1_001, 1_001)


# ---- ranges

LOW = [1.0] * 20


def ranged(claim: str, writes: Sequence[Step], asked: dict[str, Any] | None, *expected: str, **more: Any) -> Ranged:
    """A row about ranges, in a log of ten changes."""
    return Ranged("20.changes-kept", claim, writes, asked, expected, "ours", **more)


RANGED = [
    ranged("no result reaches 3", [upsert(*scored(*LOW))], {}, "1 inserted bucket web 0 to 19: 20 below 3"),
    ranged("a threshold at the floor", [upsert(*scored(*LOW))], {"anomaly_score": 3}),
    ranged(
        "a threshold below the floor",
        [upsert(*scored(*LOW))],
        {"anomaly_score": 2.9},
        "1 inserted bucket web 0 to 19: 20 below 3",
    ),
    ranged("without a query", [upsert(*scored(*LOW))], None, "1 inserted bucket web 0 to 19: 20 below 3"),
    ranged(
        "one more result than the log keeps",
        [upsert(*scored(*[1.0] * 11))],
        {},
        "1 inserted bucket web 0 to 10: 11 below 3",
    ),
    ranged("a tenth reaches 3: it is the floor", [upsert(*scored(*LOW, 3.0))], {"anomaly_score": 3}, changes=1),
    ranged(
        "more than a tenth reach 3",
        [upsert(*scored(*LOW, 3.0, 3.0))],
        {"anomaly_score": 3},
        "1 inserted bucket web 0 to 21: 22 below 25",
    ),
    ranged("more than a tenth reach 3, a threshold at 25", [upsert(*scored(*LOW, 3.0, 3.0))], {"anomaly_score": 25}),
    ranged(
        "more than a tenth reach 25",
        [upsert(*scored(*LOW, 25.0, 49.9))],
        {"anomaly_score": 25},
        "1 inserted bucket web 0 to 21: 22 below 50",
    ),
    ranged(
        "more than a tenth reach 50",
        [upsert(*scored(*LOW, 50.0, 74.9))],
        {"anomaly_score": 50},
        "1 inserted bucket web 0 to 21: 22 below 75",
    ),
    ranged("a tenth reaches 75", [upsert(*scored(*LOW, 74.9, 75.0))], {"anomaly_score": 75}, changes=1),
    ranged(
        "more than a tenth reach 75",
        [upsert(*scored(*LOW, 75.0, 75.0))],
        {"anomaly_score": 75},
        "1 inserted bucket web 0 to 21: 22 below inf",
    ),
    ranged(
        "a window that meets the range at its end",
        [upsert(*scored(*LOW))],
        {"start": 19},
        "1 inserted bucket web 0 to 19: 20 below 3",
    ),
    ranged("a window behind the range", [upsert(*scored(*LOW))], {"start": 20}),
    ranged(
        "a window that meets the range at its start",
        [upsert(*scored(*LOW))],
        {"end": 1},
        "1 inserted bucket web 0 to 19: 20 below 3",
    ),
    ranged("a window before the range", [upsert(*scored(*LOW))], {"end": 0}),
    ranged("another kind", [upsert(*scored(*LOW))], {}, of="record"),
    ranged(
        "records",
        [upsert(*(record(ms, record_score=1) for ms in range(12)))],
        {},
        "1 inserted record web 0 to 11: 12 below 3",
        of="record",
    ),
    ranged(
        "influencers",
        [upsert(*(influencer(ms, "a") for ms in range(12)))],
        {},
        "1 inserted influencer web 0 to 11: 12 below 3",
        of="influencer",
    ),
    ranged("another job", [put_job("db"), upsert(*scored(*LOW))], {"jobs": "db"}),
    ranged(
        "results of another job are changes beside the range",
        [upsert(*scored(*LOW), *scored(1, job_id="db"))],
        {"jobs": ["db", JOB]},
        "1 inserted bucket web 0 to 19: 20 below 3",
        changes=1,
    ),
    ranged(
        "one range for each reason",
        [upsert(*scored(*[1.0] * 8)), upsert(*scored(*[2.0] * 16))],
        {},
        "2 replaced bucket web 0 to 7: 8 below 3",
        "2 inserted bucket web 8 to 15: 8 below 3",
        since=1,
    ),
    ranged(
        "an old score reaches 75",
        [upsert(*scored(*[80.0] * 8, *[1.0] * 2)), upsert(*scored(*[1.5] * 20))],
        {"anomaly_score": 75},
        "2 replaced bucket web 0 to 9: 10 below inf",
        "2 inserted bucket web 10 to 19: 10 below inf",
        since=1,
    ),
    ranged(
        "a deleted job",
        [upsert(*scored(*LOW)), delete_job()],
        {},
        "2 deleted bucket web 0 to 19: 20 below 3",
        since=1,
    ),
    ranged(
        "a delete",
        [upsert(*scored(*LOW)), delete(JOB, start=2)],
        {},
        "2 deleted bucket web 2 to 19: 18 below 3",
        since=1,
    ),
    ranged(
        "new scores",
        [
            upsert(*scored(*LOW)),
            renormalize(buckets=[{"timestamp": ms, "bucket_span": 3_600, "anomaly_score": 2} for ms in range(15)]),
        ],
        {},
        "2 renormalised bucket web 0 to 14: 15 below 3",
        since=1,
    ),
    ranged(
        "interim results that are final",
        [upsert(*scored(*LOW, is_interim=True)), upsert(*scored(*LOW))],
        {},
        "2 finalised bucket web 0 to 19: 20 below 3",
        since=1,
    ),
]


@each_row(RANGED)
def test_a_large_write_is_kept_as_ranges(row: Ranged) -> None:
    """The answer has the ranges of the row, and the changes beside them that a query may rely on."""
    assert_ranged(row)


def test_a_range_has_the_commit_and_its_time() -> None:
    """Section 20, changes-kept: a range has its sequence, time, reason, kind, job, timestamps, count and floor."""
    index = ResultsIndex(changes_kept=10, clock=lambda: 77)
    perform(index, upsert(*scored(*LOW)))
    (found,) = index.changes(since=0).ranges
    assert (found.sequence, found.time, found.reason, found.kind, found.job_id) == (1, 77, "inserted", "bucket", JOB)
    assert (found.first, found.last, found.count, found.floor) == (0, 19, 20, 3)
    assert ranges_of(index.changes(since=1)) == []


def test_a_threshold_at_the_floor_gets_every_change() -> None:
    """Section 20, changes-kept: above the floor the feed is exact, so a score that crosses it enters and leaves."""
    index = ResultsIndex(changes_kept=10)
    perform(index, upsert(*scored(*LOW, 80.0)))
    changes = index.changes(BucketQuery(jobs=JOB, anomaly_score=75), since=0)
    assert [line(change) for change in changes] == ["1 inserted entered: bucket 20, nothing -> 80"]
    perform(index, upsert(*scored(*[2.0] * 21)))
    changes = index.changes(BucketQuery(jobs=JOB, anomaly_score=75), since=1)
    assert [line(change) for change in changes] == ["2 replaced left: bucket 20, 80 -> 2"]
    assert ranges_of(changes) == []


def test_an_infinite_floor_keeps_no_change() -> None:
    """Section 20, changes-kept: if more than a tenth reach 75, every query gets the range."""
    index = ResultsIndex(changes_kept=10)
    perform(index, upsert(*scored(*[99.0] * 20)))
    changes = index.changes(BucketQuery(jobs=JOB, anomaly_score=99), since=0)
    assert (len(changes), [found.floor for found in changes.ranges]) == (0, [math.inf])


# ---- times


def bucket_scores(score: float) -> Step:
    """A new score for the first bucket."""
    return renormalize(buckets=[{"timestamp": 0, "bucket_span": 3_600, "anomaly_score": score}])


#: Writes that make a commit after `HELD`, and writes that make none.
HELD = [put_job(JOB), upsert(*scored(1, 2), record(0, is_interim=True))]
COMMITS = {
    "put_job": put_job("db"),
    "delete_job": delete_job(),
    "upsert": upsert(*scored(5)),
    "drop_interim": upsert(bucket(0), drop_interim=True),
    "delete": delete(JOB, end=1),
    "renormalize": bucket_scores(50),
}
NO_COMMITS = {
    "put_job": put_job(JOB),
    "upsert": upsert(*scored(1)),
    "an empty batch": upsert(),
    "delete": delete(JOB, end=0),
    "renormalize": bucket_scores(1),
}


@pytest.mark.parametrize("name", COMMITS)
def test_a_commit_reads_the_clock_once(name: str) -> None:
    """Section 20, commit-time: the commit and its changes have the time of the one reading."""
    readings = [10]
    read: list[int] = []

    def clock() -> int:
        read.append(readings[0])
        return readings[0]

    index = ResultsIndex(clock=clock)
    for write in HELD:
        perform(index, write)
    read.clear()
    readings[0] = 99
    commit = perform(index, COMMITS[name])
    assert (commit.time, read) == (99, [99])
    assert {change.time for change in index.changes(since=2)} <= {99}


@pytest.mark.parametrize("name", NO_COMMITS)
def test_a_write_without_a_commit_has_the_time_of_the_newest(name: str) -> None:
    """Section 20, commit-time: such a write calls no clock."""
    readings = [10]
    index = ResultsIndex(clock=lambda: readings.pop() if readings else 10)
    for write in HELD:
        perform(index, write)
    readings.append(99)
    assert perform(index, NO_COMMITS[name]).time == 10
    assert readings == [99]


@pytest.mark.parametrize("name", COMMITS)
@pytest.mark.parametrize("reading", [5.0, None, "5"])
def test_a_clock_without_an_integer_refuses_the_commit(name: str, reading: Any) -> None:
    """Section 20, now: the write raises TypeError and changes nothing, and the next write works."""
    readings: list[Any] = [10]
    index = ResultsIndex(clock=lambda: readings[0])
    for write in HELD:
        perform(index, write)
    older = index.snapshot()
    readings[0] = reading
    with pytest.raises(TypeError):
        perform(index, COMMITS[name])
    assert index.snapshot() is older
    readings[0] = 20
    commit = perform(index, COMMITS[name])
    assert (commit.sequence, commit.time) == (3, 20)
    assert {change.sequence for change in index.changes(since=0)} == {2} | ({3} if name != "put_job" else set())


def test_times_never_go_back() -> None:
    """Section 20, commit-time: a clock that goes back gives the time of the commit before."""
    readings = iter([50, 40, 60, 10])
    index = ResultsIndex(clock=lambda: next(readings))
    times = [perform(index, upsert(*scored(number))).time for number in range(4)]
    assert times == [50, 50, 60, 60]
    assert [change.time for change in index.changes(since=0)] == times
    assert [change.time for change in index.history((JOB, 0, 3_600))] == times
    assert {change.time for change in index.changes(since=None)} == {60}


def test_an_index_without_commits_has_the_time_zero() -> None:
    """Section 20, commit-time: a write that makes no commit returns 0 if there is none."""
    assert ResultsIndex(clock=lambda: 5).upsert([]).time == 0


def test_columns_have_times_too() -> None:
    """Section 20, commit-time: `upsert_columns` reads the clock once too."""
    index = ResultsIndex(clock=lambda: 5)
    assert index.upsert_columns({"timestamp": [0], "bucket_span": 60}, job_id=JOB).time == 5


TIMED = [
    Fed(
        "20.commit-time",
        "a clock that goes back changes no order",
        [upsert(*scored(1)), upsert(*scored(2))],
        {},
        1,
        ["2 replaced stayed: bucket 0, 1 -> 2"],
        "ours",
    ),
    Fed(
        "20.now",
        "a feed without now calls no clock",
        [upsert(*scored(1))],
        {"start": 0},
        0,
        ["1 inserted entered: bucket 0, nothing -> 1"],
        "ours",
    ),
]


@each_row(TIMED)
def test_the_feed_reads_no_clock(row: Fed) -> None:
    """The feed has exactly the lines of the row, though the clock gives one time for each commit and no more."""
    readings = iter(range(len(row.writes), 0, -1))
    assert_fed(replace(row, settings={"clock": readings.__next__}))


# ---- history

RECORD = record(0, record_score=5, detector_index=1, by_field_value="", over_field_value="o")
RECORD_KEY = (JOB, 0, 3_600, 1, "", "o", None)
LIFE = [
    upsert(bucket(0, anomaly_score=1, is_interim=True), RECORD, influencer(0, "a"), *scored(9, first=1)),
    upsert(bucket(0, anomaly_score=2), *scored(10, first=1)),
    bucket_scores(3),
    upsert(bucket(0, anomaly_score=3)),
    upsert(bucket(0, anomaly_score=4), RECORD | {"record_score": 6}),
    delete(JOB, end=1),
]
HISTORIES: dict[str, tuple[tuple[Any, ...], Kind, list[str]]] = {
    "a bucket": (
        (JOB, 0, 3_600),
        "bucket",
        [
            "1 inserted entered: bucket 0, nothing -> 1 interim",
            "2 finalised stayed: bucket 0, 1 interim -> 2",
            "3 renormalised stayed: bucket 0, 2 -> 3",
            "4 replaced stayed: bucket 0, 3 -> 4",
            "5 deleted left: bucket 0, 4 -> nothing",
        ],
    ),
    "a record with texts": (
        RECORD_KEY,
        "record",
        [
            "1 inserted entered: record 0 detector 1 by '' over 'o', nothing -> 5",
            "4 replaced stayed: record 0 detector 1 by '' over 'o', 5 -> 6",
            "5 deleted left: record 0 detector 1 by '' over 'o', 6 -> nothing",
        ],
    ),
    "an influencer": (
        (JOB, 0, 3_600, "host", "a"),
        "influencer",
        [
            "1 inserted entered: influencer 0 host a, nothing -> no score",
            "5 deleted left: influencer 0 host a, no score -> nothing",
        ],
    ),
    "another bucket": (
        (JOB, 1, 3_600),
        "bucket",
        ["1 inserted entered: bucket 1, nothing -> 9", "2 replaced stayed: bucket 1, 9 -> 10"],
    ),
    "another span": ((JOB, 0, 60), "bucket", []),
    "a missing text is not an empty one": ((JOB, 0, 3_600, 1, None, "o", None), "record", []),
    "a text that no result has": ((JOB, 0, 3_600, "host", "zebra"), "influencer", []),
}


def lines_before(lines: list[str], sequence: int) -> list[str]:
    """The lines of the commits up to a sequence."""
    return [text for text in lines if int(text.split(" ")[0]) <= sequence]


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("settings", [{}, {"keep_documents": False}], ids=["with documents", "without documents"])
def test_the_history_of_a_result(name: str, settings: dict[str, Any]) -> None:
    """Section 20, history: the changes of one result, oldest first; a snapshot has those up to its own commit."""
    key, kind, expected = HISTORIES[name]
    index = ResultsIndex(**settings)
    snapshots = []
    for write in LIFE:
        perform(index, write)
        snapshots.append(index.snapshot())
    found = index.history(key, kind=kind)
    assert (type(found), [line(change) for change in found]) == (tuple, expected)
    assert {(change.kind, change.key) for change in found} <= {(kind, key)}
    for snapshot in snapshots:
        kept = [line(change) for change in snapshot.history(key, kind=kind)]
        assert kept == lines_before(expected, snapshot.sequence)


def test_the_history_of_a_deleted_job() -> None:
    """Section 20, history: a job that the log has changes of has a history; a later job of this id goes on with it."""
    index = ResultsIndex()
    for write in (upsert(*scored(1)), delete_job()):
        perform(index, write)
    expected = ["1 inserted entered: bucket 0, nothing -> 1", "2 deleted left: bucket 0, 1 -> nothing"]
    assert [line(change) for change in index.history((JOB, 0, 3_600))] == expected
    perform(index, upsert(*scored(5)))
    expected.append("3 inserted entered: bucket 0, nothing -> 5")
    assert [line(change) for change in index.history((JOB, 0, 3_600))] == expected


def test_a_history_begins_where_the_log_begins() -> None:
    """Section 20, history: the log has dropped the oldest changes, and the history has the others."""
    index = ResultsIndex(changes_kept=3)
    for number in range(9):
        perform(index, upsert(*scored(number)))
    found = [change.score for change in index.history((JOB, 0, 3_600))]
    assert 0 < len(found) <= 3
    assert found == [6.0, 7.0, 8.0][-len(found) :]


def looked_up(claim: str, key: Any, expected: Refusal, **kind: Any) -> CallRefused:
    """A row about a refused history."""
    return CallRefused("20.history", claim, HELD, lambda index: index.history(key, **kind), expected, "ours")


KEY = invalid("key", "")
HISTORIES_REFUSED = [
    looked_up("a text", "web", KEY),
    looked_up("a list", [JOB, 0, 3_600], KEY),
    looked_up("an empty key", (), KEY),
    looked_up("a key without a span", (JOB, 0), KEY),
    looked_up("the key of a record for a bucket", RECORD_KEY, KEY),
    looked_up("the key of a bucket for a record", (JOB, 0, 3_600), KEY, kind="record"),
    looked_up("the key of an influencer for a record", (JOB, 0, 3_600, "host", "a"), KEY, kind="record"),
    looked_up("a job that is a number", (5, 0, 3_600), KEY),
    looked_up("a timestamp as text", (JOB, "0", 3_600), KEY),
    looked_up("a span as text", (JOB, 0, "3600"), KEY),
    looked_up("a detector as text", (JOB, 0, 3_600, "1", None, None, None), KEY, kind="record"),
    looked_up("a value that is a number", (JOB, 0, 3_600, "host", 5), KEY, kind="influencer"),
    looked_up("an unknown kind", (JOB, 0, 3_600), invalid("kind", ""), kind="model_plot"),
    looked_up("a job that is not known", ("nobody", 0, 3_600), replace(unknown_job("nobody"), field="key")),
]


@each_row(HISTORIES_REFUSED)
def test_a_refused_history(row: CallRefused) -> None:
    """The error has the class, the status and the field of the row."""
    assert_call_refused(row)


def test_a_known_job_without_changes_has_an_empty_history() -> None:
    """Section 20, history: the job is known, so the result may come."""
    assert index_of([]).history((JOB, 0, 3_600)) == ()


def test_the_feed_of_records_is_not_expired_by_buckets() -> None:
    """A `since` is refused by job and not by kind; the error says where to go on."""
    index = ResultsIndex(changes_kept=2)
    perform(index, upsert(record(0)))
    for number in range(6):
        perform(index, upsert(*scored(number)))
    with pytest.raises(ChangesExpired) as caught:
        index.changes(RecordQuery(jobs=JOB), since=1)
    assert len(index.changes(RecordQuery(jobs=JOB), since=caught.value.oldest)) == 0
    with pytest.raises(InvalidQuery):
        index.changes(RecordQuery(jobs=JOB), since=99)
