"""Our decisions on deletes: the results of a window, and interim results that a final bucket overtakes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, InvalidQuery, ResultsIndex
from support.document_tables import invalid_document
from support.living import Step, delete, delete_job, perform, upsert
from support.living_tables import CallRefused, Left, assert_call_refused, assert_left, bodies, everything
from support.semantics_tables import (
    JOB,
    Documents,
    assert_refusal,
    at,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

HOUR = 3_600_000
HOURLY = {name: bucket(number * HOUR) for number, name in enumerate("abcd")}
DAY = at("2026-01-01")
DAYS = {f"day{number}": bucket(DAY + number * 24 * HOUR) for number in range(4)}
KINDS = {"bucket": bucket(0), "record": record(0), "influencer": influencer(0, "a")}
JOBS = {
    "web0": bucket(0),
    "web1": record(HOUR),
    "db0": influencer(0, "a", job_id="db"),
    "db1": bucket(HOUR, job_id="db"),
    "app0": bucket(0, job_id="app"),
}
STATES = {
    "final": bucket(0, is_interim=False),
    "silent": bucket(1),
    "interim": bucket(2, is_interim=True),
    "null": bucket(3, is_interim=None),
}


def deleting(claim: str, given: Documents, write: Step, expected: str, **more: Any) -> Left:
    """A row about `delete`."""
    return Left("20.delete", claim, given, write, expected, "ours", **more)


WINDOWS = [
    deleting("the end is excluded", HOURLY, delete(JOB, end=HOUR), "b c d"),
    deleting("one millisecond behind a result", HOURLY, delete(JOB, end=HOUR + 1), "c d"),
    deleting("the start is included", HOURLY, delete(JOB, start=3 * HOUR), "a b c"),
    deleting("a start one millisecond behind a result", HOURLY, delete(JOB, start=2 * HOUR + 1), "a b c"),
    deleting("the first results", HOURLY, delete(JOB, start=0, end=2 * HOUR), "c d"),
    deleting("results in the middle", HOURLY, delete(JOB, start=HOUR, end=3 * HOUR), "a d"),
    deleting("one result", HOURLY, delete(JOB, start=HOUR, end=HOUR + 1), "a c d"),
    deleting("the last results", HOURLY, delete(JOB, start=2 * HOUR), "a b"),
    deleting("every result, and the job stays known", HOURLY, delete(JOB, start=0), ""),
    deleting("every result, by an end", HOURLY, delete(JOB, end=4 * HOUR), ""),
    deleting("a window between two results", HOURLY, delete(JOB, start=1, end=HOUR), "a b c d"),
    deleting("a window behind all results", HOURLY, delete(JOB, start=4 * HOUR), "a b c d"),
    deleting("a window before all results", HOURLY, delete(JOB, end=0), "a b c d"),
    deleting("an empty window", HOURLY, delete(JOB, start=HOUR, end=HOUR), "a b c d"),
    deleting("a reversed window", HOURLY, delete(JOB, start=2 * HOUR, end=HOUR), "a b c d"),
    deleting("a job without results", {}, delete(JOB, start=0), ""),
    deleting("a start of None is open", HOURLY, delete(JOB, start=None, end=HOUR), "b c d"),
    deleting("an end of None is open", HOURLY, delete(JOB, start=HOUR, end=None), "a"),
    deleting(
        "every span of one timestamp",
        {"hour": bucket(0), "minute": bucket(0, bucket_span=60), "later": bucket(1, bucket_span=60)},
        delete(JOB, end=1),
        "later",
    ),
    deleting(
        "the span of a result does not reach into the window",
        {"long": bucket(0, bucket_span=86_400), "short": bucket(HOUR, bucket_span=60)},
        delete(JOB, start=HOUR),
        "long",
    ),
    deleting("before 1970", {"old": bucket(-2), "epoch": bucket(0)}, delete(JOB, end=0), "epoch"),
    deleting("integers beyond 64 bits", HOURLY, delete(JOB, start=-(2**70), end=2**70), ""),
]

INSTANTS = [
    deleting("a date is its first instant", DAYS, delete(JOB, end="2026-01-02"), "day1 day2 day3"),
    deleting("text is read as in a query", DAYS, delete(JOB, start="2026-01-03T00:00+01:00"), "day0 day1"),
    deleting(
        "date math on a date", DAYS, delete(JOB, start="2026-01-01||+1d", end="2026-01-01||+2d"), "day0 day2 day3"
    ),
    deleting("now is the index's clock", DAYS, delete(JOB, end="now-1d"), "day2 day3", now=DAY + 3 * 24 * HOUR),
    deleting(
        "one now for both sides",
        DAYS,
        delete(JOB, start="now-2d/d", end="now/d"),
        "day0 day3",
        now=DAY + 3 * 24 * HOUR + 5,
    ),
    deleting("a datetime64", DAYS, delete(JOB, start=np.datetime64("2026-01-02")), "day0"),
    deleting("the last millisecond of 1969 as text", {"a": bucket(-1), "b": bucket(0)}, delete(JOB, end="-1."), "a b"),
    deleting(
        "the last millisecond of 1969 with a zone",
        {"a": bucket(-1), "b": bucket(-2)},
        delete(JOB, start="1969-12-31T23:59:59.999Z"),
        "b",
    ),
]

OF_KINDS = [
    deleting("every kind", KINDS, delete(JOB, end=1), ""),
    deleting(
        "records without a bucket, with missing and empty texts",
        {
            "plain": record(0),
            "empty": record(0, by_field_value=""),
            "both": record(0, by_field_value="a", over_field_value="b", detector_index=2),
            "part": record(0, partition_field_value="z"),
            "kept": record(1, by_field_value=""),
        },
        delete(JOB, end=1),
        "kept",
    ),
    deleting(
        "influencers with a missing name or value",
        {"bare": influencer(0), "value": influencer(0, ""), "kept": influencer(1, "")},
        delete(JOB, end=1),
        "kept",
    ),
    deleting(
        "only records are in the window",
        {"bucket": bucket(0), "record": record(HOUR), "influencer": influencer(0, "a")},
        delete(JOB, start=HOUR),
        "bucket influencer",
    ),
]

INTERIM = [
    deleting("interim results only", STATES, delete(JOB, interim_only=True), "final silent null"),
    deleting("interim_only is off", STATES, delete(JOB, start=0, interim_only=False), ""),
    deleting("interim results in a window", STATES, delete(JOB, end=2, interim_only=True), "final silent interim null"),
    deleting("an interim result at the start", STATES, delete(JOB, start=2, interim_only=True), "final silent null"),
    deleting(
        "interim results of every kind",
        {
            "bucket": bucket(0, is_interim=True),
            "record": record(0, is_interim=True),
            "influencer": influencer(0, "a", is_interim=True),
            "kept": record(0, detector_index=1),
        },
        delete(JOB, interim_only=True),
        "kept",
    ),
    deleting("no interim results", KINDS, delete(JOB, interim_only=True), "bucket record influencer"),
]

OF_JOBS = [
    deleting("one job", JOBS, delete("db", start=0), "web0 web1 app0", jobs="app db web"),
    deleting("several jobs", JOBS, delete(["db", "app"], end=1), "web0 web1 db1", jobs="app db web"),
    deleting("a tuple of jobs", JOBS, delete(("web",), end=1), "web1 db0 db1 app0", jobs="app db web"),
    deleting("a job that is named twice", JOBS, delete(["db", "db"], end=1), "web0 web1 db1 app0", jobs="app db web"),
    deleting("all jobs", JOBS, delete(None, end=1), "web1 db1", jobs="app db web"),
    deleting("all jobs, and one has results there", JOBS, delete(start=HOUR), "web0 db0 app0", jobs="app db web"),
    deleting(
        "interim results of all jobs",
        {name: document | {"is_interim": name.endswith("0")} for name, document in JOBS.items()},
        delete(interim_only=True),
        "web1 db1",
        jobs="app db web",
    ),
]


@each_row(WINDOWS, INSTANTS, OF_KINDS, INTERIM, OF_JOBS)
def test_a_delete_leaves_the_other_results(row: Left) -> None:
    """An index, with documents or without, has the results of the row; commit and feed say what was deleted."""
    assert_left(row)


ILLEGAL = "illegal_argument_exception"
HELD = [upsert(*JOBS.values(), bucket(2 * HOUR))]


def refused(claim: str, field: str, *arguments: Any, error_type: str = ILLEGAL, **named: Any) -> CallRefused:
    """A delete that is refused as an invalid query."""
    return CallRefused(
        "20.delete",
        claim,
        HELD,
        lambda index: index.delete(*arguments, **named),
        invalid(field, "", error_type),
        "ours",
    )


REFUSED = [
    refused("neither a window nor interim_only", "end", JOB),
    refused("nothing at all", "end"),
    refused("interim_only is False and no window", "end", JOB, interim_only=False),
    refused("a window of None", "end", JOB, start=None, end=None),
    refused("an end of -1", "end", JOB, end=-1),
    refused("a start of -1", "start", JOB, start=-1),
    refused("an end of -1 as text", "end", JOB, end="-1"),
    refused("a start of -1 as text", "start", JOB, start="-1", end=5),
    refused("an end of -1 as an integer of NumPy", "end", JOB, end=np.int64(-1)),
    refused("a bad date", "end", JOB, end="yesterday", error_type="parse_exception"),
    refused("bad date math", "start", JOB, start="now/2d", error_type="parse_exception"),
    refused("a float", "start", JOB, start=5.0),
    refused("a bool", "end", JOB, end=True),
    refused("interim_only is a number", "interim_only", JOB, interim_only=1),
    refused("no job ids", "job_id", [], end=5),
    refused("no job ids in a generator", "job_id", iter(()), end=5),
    refused("a job id is a number", "job_id", 5, end=5),
    refused("one of the job ids is a number", "job_id", [JOB, 5], end=5),
    CallRefused(
        "20.delete", "an unknown job", HELD, lambda index: index.delete("nobody", end=5), unknown_job("nobody"), "ours"
    ),
    CallRefused(
        "20.delete",
        "an unknown job beside known ones",
        HELD,
        lambda index: index.delete([JOB, "nobody", "db"], end=5),
        unknown_job("nobody"),
        "ours: nothing is deleted then",
    ),
    CallRefused(
        "20.delete",
        "an id is literal: a wildcard",
        HELD,
        lambda index: index.delete("w*", end=5),
        unknown_job("w*"),
        "ours",
    ),
    CallRefused(
        "20.delete",
        "an id is literal: _all",
        HELD,
        lambda index: index.delete("_all", end=5),
        unknown_job("_all"),
        "ours",
    ),
    CallRefused(
        "20.delete",
        "an unknown job, and a window without results",
        HELD,
        lambda index: index.delete("nobody", start=5, end=5),
        unknown_job("nobody"),
        "ours",
    ),
    CallRefused(
        "20.delete",
        "a deleted job",
        [*HELD, delete_job("db")],
        lambda index: index.delete("db", end=5),
        unknown_job("db"),
        "ours",
    ),
]


@each_row(REFUSED)
def test_a_refused_delete_changes_nothing(row: CallRefused) -> None:
    """The error has the class, the status and the field of the row, and the index keeps its snapshot."""
    assert_call_refused(row)


# ---- interim results that a final bucket overtakes

LIVE = {
    "bucket": bucket(0, is_interim=True),
    "record0": record(0, is_interim=True),
    "record1": record(0, detector_index=1, is_interim=True),
    "host": influencer(0, "a", is_interim=True),
}
FINAL = {"done": bucket(0)}


def overtaking(claim: str, given: Documents, batch: Documents, expected: str, **more: Any) -> Left:
    """A row about `drop_interim`."""
    write = more.pop("write", upsert(*batch.values(), drop_interim=True))
    return Left("20.drop-interim", claim, given, write, expected, "ours", batch=batch, **more)


OVERTAKEN = [
    overtaking("a final bucket deletes every interim kind", LIVE, FINAL, "done", counts={"replaced": 1}),
    overtaking(
        "written results stay",
        LIVE,
        {**FINAL, "known": record(0)},
        "done known",
        counts={"replaced": 2},
    ),
    overtaking(
        "an interim result of the batch stays",
        LIVE,
        {**FINAL, "again": record(0, is_interim=True, record_score=5)},
        "done again",
        counts={"replaced": 2},
    ),
    overtaking(
        "an interim result that the batch leaves unchanged stays",
        LIVE,
        {**FINAL, "again": LIVE["record0"]},
        "done again",
        counts={"replaced": 1, "unchanged": 1},
    ),
    overtaking(
        "final results stay",
        {"bucket": bucket(0, is_interim=True), "record": record(0), "null": influencer(0, is_interim=None)},
        FINAL,
        "done record null",
        counts={"replaced": 1},
    ),
    overtaking(
        "an interim bucket deletes nothing",
        LIVE,
        {"still": bucket(0, is_interim=True, anomaly_score=5)},
        "still record0 record1 host",
        counts={"replaced": 1},
    ),
    overtaking(
        "a final record deletes nothing",
        LIVE,
        {"known": record(0)},
        "bucket known record1 host",
        counts={"replaced": 1},
    ),
    overtaking(
        "another timestamp",
        {**LIVE, "next": record(1, is_interim=True), "before": record(-1, is_interim=True)},
        FINAL,
        "done next before",
        counts={"replaced": 1},
    ),
    overtaking(
        "another job",
        {"mine": record(0, is_interim=True), "other": record(0, is_interim=True, job_id="db")},
        FINAL,
        "done other",
        counts={"inserted": 1},
        jobs="db web",
    ),
    overtaking(
        "another span",
        {"minute": bucket(0, bucket_span=60, is_interim=True), "record": record(0, bucket_span=60, is_interim=True)},
        FINAL,
        "done",
        counts={"inserted": 1},
    ),
    overtaking(
        "a final bucket of another span stays",
        {"minute": bucket(0, bucket_span=60), "record": record(0, bucket_span=60, is_interim=True)},
        FINAL,
        "minute done",
        counts={"inserted": 1},
    ),
    overtaking(
        "a bucket that is new",
        {"record": record(0, is_interim=True)},
        FINAL,
        "done",
        counts={"inserted": 1},
    ),
    overtaking(
        "a bucket that is unchanged",
        {"done": bucket(0), "record": record(0, is_interim=True)},
        FINAL,
        "done",
        counts={"unchanged": 1},
    ),
    overtaking(
        "a bucket that is unchanged, and nothing is interim",
        {"done": bucket(0), "record": record(0)},
        FINAL,
        "done record",
        counts={"unchanged": 1},
    ),
    overtaking(
        "of a repeated bucket the last counts: interim",
        LIVE,
        {},
        "bucket record0 record1 host",
        write=upsert(bucket(0), bucket(0, is_interim=True), drop_interim=True),
        counts={"unchanged": 1, "repeated": 1},
    ),
    overtaking(
        "of a repeated bucket the last counts: final",
        LIVE,
        FINAL,
        "done",
        write=upsert(bucket(0, is_interim=True), bucket(0), drop_interim=True),
        counts={"replaced": 1, "repeated": 1},
    ),
    overtaking(
        "buckets of several jobs and timestamps",
        {
            "web0": record(0, is_interim=True),
            "web1": record(1, is_interim=True),
            "db0": record(0, is_interim=True, job_id="db"),
            "db1": influencer(1, "a", is_interim=True, job_id="db"),
        },
        {"web": bucket(1), "db": bucket(0, job_id="db")},
        "web0 web db db1",
        counts={"inserted": 2},
        jobs="db web",
    ),
    overtaking(
        "the records in a bucket are written by the batch",
        LIVE,
        {"done": bucket(0), "inside": record(0)},
        "done inside",
        write=upsert(bucket(0, records=[{}]), drop_interim=True),
        counts={"replaced": 2},
    ),
    overtaking(
        "records with missing and empty texts",
        {
            "none": record(0, is_interim=True),
            "empty": record(0, is_interim=True, by_field_value=""),
            "over": record(0, is_interim=True, over_field_value="a"),
        },
        {"done": bucket(0), "known": record(0, by_field_value="")},
        "done known",
        counts={"inserted": 1, "replaced": 1},
    ),
    overtaking("an empty batch", LIVE, {}, "bucket record0 record1 host"),
    overtaking(
        "without drop_interim nothing is deleted",
        LIVE,
        FINAL,
        "done record0 record1 host",
        write=upsert(bucket(0)),
        counts={"replaced": 1},
    ),
]


@each_row(OVERTAKEN)
def test_a_final_bucket_overtakes_interim_results(row: Left) -> None:
    """An index, with documents and without, has the results of the row, in one commit."""
    assert_left(row)


ONE: Any = 1
DROPS_REFUSED = [
    CallRefused(
        "20.drop-interim",
        "drop_interim is a number",
        [upsert(*LIVE.values())],
        lambda index: index.upsert([bucket(0)], drop_interim=ONE),
        invalid("drop_interim", ""),
        "ours",
    ),
    CallRefused(
        "20.drop-interim",
        "a bad document deletes nothing",
        [upsert(*LIVE.values())],
        lambda index: index.upsert([bucket(0), bucket(1, anomaly_score="x")], drop_interim=True),
        invalid_document("documents[1].anomaly_score"),
        "ours",
    ),
]


@each_row(DROPS_REFUSED)
def test_a_refused_batch_deletes_nothing(row: CallRefused) -> None:
    """The error has the class, the status and the field of the row, and the index keeps its snapshot."""
    assert_call_refused(row)


# ---- sequences that a store may get wrong

SEQUENCES: Mapping[str, tuple[list[Step], Documents]] = {
    "a final result is written again after its interim successor was deleted": (
        [upsert(bucket(0)), upsert(bucket(0, is_interim=True)), delete(JOB, interim_only=True), upsert(bucket(0))],
        {"a": bucket(0)},
    ),
    "a deleted result does not come back with the next write": (
        [
            upsert(bucket(0), bucket(1)),
            upsert(bucket(0, is_interim=True)),
            delete(JOB, interim_only=True),
            upsert(bucket(2)),
        ],
        {"b": bucket(1), "c": bucket(2)},
    ),
    "the last results are deleted and others appended": (
        [upsert(*(bucket(ms) for ms in range(5))), delete(JOB, start=3), upsert(bucket(3, anomaly_score=9), bucket(9))],
        {"a": bucket(0), "b": bucket(1), "c": bucket(2), "d": bucket(3, anomaly_score=9), "e": bucket(9)},
    ),
    "the first results are deleted and written again": (
        [upsert(*(bucket(ms) for ms in range(5))), delete(JOB, end=3), upsert(bucket(1, anomaly_score=9))],
        {"a": bucket(1, anomaly_score=9), "b": bucket(3), "c": bucket(4)},
    ),
    "everything is deleted and something written": (
        [upsert(bucket(0), record(0)), delete(start=-9), upsert(record(0, record_score=5))],
        {"a": record(0, record_score=5)},
    ),
    "a job is deleted and created again": (
        [upsert(bucket(0), record(0)), delete_job(), upsert(bucket(0, anomaly_score=5))],
        {"a": bucket(0, anomaly_score=5)},
    ),
    "a result that drop_interim deleted is written again, equal": (
        [upsert(record(0, is_interim=True)), upsert(bucket(0), drop_interim=True), upsert(record(0, is_interim=True))],
        {"a": bucket(0), "b": record(0, is_interim=True)},
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("settings", [{}, {"keep_documents": False}], ids=["with documents", "without documents"])
def test_no_deleted_result_comes_back(name: str, settings: dict[str, Any]) -> None:
    """The index has the results that were written last and not deleted since; each older snapshot has its own."""
    steps, expected = SEQUENCES[name]
    index, seen = ResultsIndex(**settings), []
    for step in steps:
        before = index.sequence
        perform(index, step)
        index.check()
        assert index.sequence == before + 1
        snapshot = index.snapshot()
        seen.append((snapshot, everything(snapshot), bodies(snapshot) if JOB in snapshot else {}))
    assert bodies(index) == bodies(index_of(expected.values(), **settings))
    for snapshot, names, shown in seen:
        assert everything(snapshot) == names
        assert (bodies(snapshot) if JOB in snapshot else {}) == shown


def test_a_delete_is_one_commit_for_all_jobs() -> None:
    """A delete of several jobs publishes once, and the commit counts the results of all of them."""
    index = index_of(JOBS.values())
    before = index.sequence
    commit = index.delete(end=HOUR)
    assert (commit.sequence, commit.deleted, index.jobs()) == (before + 1, 3, ("app", "db", "web"))


def test_a_delete_that_deletes_nothing_is_no_commit() -> None:
    """The index keeps its snapshot, and the commit has its sequence."""
    index = index_of(HOURLY.values())
    older = index.snapshot()
    for arguments in ({"end": 0}, {"start": 4 * HOUR}, {"start": 5, "end": 5}, {"interim_only": True}):
        commit = index.delete(JOB, **arguments)
        assert (commit.sequence, commit.deleted) == (older.sequence, 0)
        assert index.snapshot() is older


def test_a_refused_batch_keeps_its_interim_results() -> None:
    """A batch with drop_interim that is refused deletes nothing, although its final bucket is valid."""
    index = index_of(LIVE.values())
    with pytest.raises(InvalidDocument):
        index.upsert([bucket(0), record(0, timestamp="x")], drop_interim=True)
    assert index.get_records(job_id=JOB).count == 2


def test_the_words_for_minus_one_are_those_of_the_rule() -> None:
    """Section 20, delete: -1 is no instant here, for `start` and for `end`."""
    index = index_of(HOURLY.values())
    for field in ("start", "end"):
        window: dict[str, Any] = {field: -1}
        with pytest.raises(InvalidQuery) as caught:
            index.delete(JOB, **window)
        assert_refusal(caught.value, invalid(field, f"[{field}] must be an instant, and -1 is not one here"))


def test_records_of_the_same_bucket_follow_their_own_timestamps() -> None:
    """A nested influencer goes with its bucket; a record inside a bucket is a result of its own."""
    index = index_of([bucket(0, records=[{}], bucket_influencers=[{"influencer_field_name": "host"}]), record(1)])
    assert index.delete(JOB, end=1).deleted == 2
    remaining = partial(index.get_records, job_id=JOB)
    assert [found.timestamp for found in remaining()] == [1]
