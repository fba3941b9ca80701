"""Every write the index has, in any order, with snapshots and questions between: a rule machine against a dict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from bucketquery import BucketQuery, Commit, InvalidDocument, ResultsIndex, Snapshot, UnknownJob
from bucketquery.columns.view import View
from bucketquery.testing import evaluate
from cases import outcome, whole
from helpers import limit_heads, moved, table_of
from strategies import (
    FIRST_INSTANT,
    INT64_MAX,
    Batch,
    Document,
    Domain,
    State,
    apply_batch,
    as_columns,
    identity,
    respelled,
    seeded_query,
    tally,
)

STEP = 300_000
#: The jobs and where their time begins: in our days, at the first instant of all, near the last.
STARTS = {"web": 1_767_225_600_000, "db": FIRST_INSTANT, "données": 253_402_300_800_000 - 10**6 * STEP}
SPANS = (300, 3_600, INT64_MAX)
SCORES = (None, 0.0, -0.0, 3.0, 29.9999996735, 75, 75.0, 100.0)
COUNTS = (None, 0, 1, 60, 2**53 + 1, INT64_MAX, -(2**63))
EVENTS: tuple[list[str] | None, ...] = (None, [], ["Deploy"], ["deploy", "Deploy"], ["été", "\U00010000"])
INFLUENCERS: tuple[list[Document] | None, ...] = (
    None,
    [],
    [{"influencer_field_name": "bucket_time", "anomaly_score": 75.0, "is_interim": True}],
    [{"probability": 1e-308}, {"influencer_field_name": "host", "raw_anomaly_score": 3}],
)
#: What a batch may change in every document of it: one field, so that only some columns differ, or many.
CHANGES: tuple[tuple[str, ...], ...] = (
    ("anomaly_score",),
    ("event_count",),
    ("processing_time_ms", "scheduled_events"),
    ("bucket_influencers",),
    ("anomaly_score", "initial_anomaly_score", "event_count", "bucket_influencers", "scheduled_events"),
)
UNFIT: tuple[Document, ...] = (
    {"anomaly_score": "high"},
    {"timestamp": None},
    {"bucket_span": 0},
    {"event_count": 2**63},
    {"scheduled_events": [None]},
    {"bucket_influencers": [{"timestamp": 5}]},
)

jobs = st.sampled_from(sorted(STARTS))
seeds = st.integers(0, 2**32 - 1)
#: How many rows a write has, as parts of what a head may hold: fewer, as many, more.
parts = st.sampled_from((0.0, 0.5, 1.0, 1.5, 3.0))
doors = st.sampled_from(("documents", "documents", "columns"))


def document(rng: Random, job_id: str, timestamp: int, span: int, *, is_interim: bool, full: float) -> Document:
    """A bucket with values that collide; each optional field is there with the chance ``full``."""
    optional: Document = {
        "anomaly_score": rng.choice(SCORES),
        "initial_anomaly_score": rng.choice(SCORES),
        "event_count": rng.choice(COUNTS),
        "processing_time_ms": rng.choice(COUNTS),
        "scheduled_events": rng.choice(EVENTS),
        "bucket_influencers": rng.choice(INFLUENCERS),
    }
    if is_interim or rng.random() < 0.5:
        optional["is_interim"] = is_interim
    given = {name: value for name, value in optional.items() if name == "is_interim" or rng.random() < full}
    return {"result_type": "bucket", "job_id": job_id, "timestamp": timestamp, "bucket_span": span, **given}


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot, and what the dict answered when it was taken."""

    snapshot: Snapshot
    answers: Sequence[tuple[BucketQuery, str]]


class IndexMachine(RuleBasedStateMachine):
    """A `ResultsIndex` beside a dict of documents by identity.

    A step is one write or some questions. After each, whatever the index can check of itself holds, and every snapshot
    that was kept answers as it did.
    """

    #: How many rows a head holds, and a base for one more of them.
    head_rows: ClassVar[int]
    base_rows_per_head_row: ClassVar[int | None] = None
    most_rows: ClassVar[int] = 400

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        limit_heads(self.patch, self.head_rows, self.base_rows_per_head_row)
        self.index = ResultsIndex(max_size=10**6)
        self.stored: State = {}
        self.spans: dict[str, int | None] = {}
        self.sequence = 0
        self.kept: list[Kept] = []

    def teardown(self) -> None:
        """Let heads hold what they hold."""
        self.patch.undo()

    # ---- what the rules are made of

    def of_job(self, job_id: str) -> Batch:
        """What the dict holds of a job, in time order."""
        return [self.stored[name] for name in sorted(name for name in self.stored if name[0] == job_id)]

    def size(self, part: float) -> int:
        """How many rows a write has; fewer once the dict holds enough to be slow."""
        rows = 1 + int(part * self.head_rows)
        return rows if len(self.stored) < self.most_rows else min(rows, 2)

    def first_free(self, job_id: str) -> int:
        """The first timestamp behind every bucket of a job."""
        held = [timestamp for job, timestamp, _ in self.stored if job == job_id]
        return max(held) + STEP if held else STARTS[job_id]

    def expected(self, commit: Commit, batch: Batch) -> None:
        """Hold a commit against what the dict makes of its batch, which is then applied."""
        counts = tally(self.stored, batch)
        self.sequence += bool(counts.inserted or counts.replaced)
        assert commit == Commit(
            sequence=self.sequence,
            inserted=counts.inserted,
            replaced=counts.replaced,
            unchanged=counts.unchanged,
            skipped=dict(counts.skipped),
        )
        self.stored = apply_batch(self.stored, batch)
        for job_id in {document["job_id"] for document in batch if document.get("result_type") == "bucket"}:
            self.spans.setdefault(job_id, None)
            self.same_whole(job_id)

    def write(self, batch: Batch, door: str = "documents", rng: Random | None = None) -> None:
        """Write a batch through one door or the other."""
        if door == "columns":
            columns, job_id = as_columns(rng or Random(0), batch)
            self.expected(self.index.upsert_columns(columns, job_id=job_id), batch)
        else:
            self.expected(self.index.upsert(batch), batch)

    def answer(self, query: BucketQuery) -> str:
        """What the dict answers."""
        if query.jobs[0] not in self.spans:
            return "UnknownJob"
        return outcome(lambda: evaluate(self.of_job(query.jobs[0]), query))

    def same_whole(self, job_id: str) -> None:
        """All of a job comes back, in both views."""
        for exclude_interim in (False, True):
            query = BucketQuery(jobs=job_id, size=10**6, exclude_interim=exclude_interim)
            assert outcome(lambda: self.index.search(query).to_dict()) == self.answer(query)  # noqa: B023

    def queries(self, seed: int, number: int) -> list[BucketQuery]:
        """Questions on the edges of what is stored."""
        rng = Random(seed)
        domain = Domain(
            jobs=sorted(STARTS),
            timestamps=sorted({timestamp for _, timestamp, _ in self.stored}) or [0],
            spans=SPANS,
            scores=[float(score) for score in SCORES if score is not None],
            rows=len(self.stored),
        )
        return [seeded_query(rng, domain) for _ in range(number)]

    # ---- writes

    @rule(job_id=jobs, part=parts, door=doors, seed=seeds, full=st.sampled_from((0.0, 0.5, 1.0)))
    def append(self, job_id: str, part: float, door: str, seed: int, full: float) -> None:
        """Final buckets behind all others, now and then several spans of one time."""
        rng = Random(seed)
        timestamp, span = self.first_free(job_id), 0
        batch = []
        for _ in range(self.size(part)):
            batch.append(document(rng, job_id, timestamp, SPANS[span], is_interim=False, full=full))
            span += 1
            if span == len(SPANS) or rng.random() < 0.6:
                timestamp, span = timestamp + STEP, 0
        self.write(batch, door, rng)

    @rule(job_id=jobs, part=parts, door=doors, seed=seeds, interim=st.sampled_from((0.0, 0.5)))
    def late(self, job_id: str, part: float, door: str, seed: int, interim: float) -> None:
        """Buckets among the others: new ones between, other spans beside, others of the same identity."""
        rng = Random(seed)
        places = max(1, (self.first_free(job_id) - STARTS[job_id]) // STEP)
        batch = []
        for _ in range(self.size(part)):
            timestamp = STARTS[job_id] + rng.randrange(places) * STEP + rng.choice((0, 0, 1))
            is_interim = rng.random() < interim
            batch.append(document(rng, job_id, timestamp, rng.choice(SPANS), is_interim=is_interim, full=0.7))
        self.write(batch, door, rng)

    @rule(part=parts, door=doors, seed=seeds)
    def several_jobs(self, part: float, door: str, seed: int) -> None:
        """Buckets of all jobs in one batch, one of them twice, and a result of another type."""
        rng = Random(seed)
        batch = []
        for _ in range(self.size(part)):
            job_id = rng.choice(sorted(STARTS))
            timestamp = self.first_free(job_id) + rng.randrange(-3, 3) * STEP
            timestamp = max(timestamp, STARTS[job_id])
            batch.append(document(rng, job_id, timestamp, 300, is_interim=rng.random() < 0.3, full=0.7))
        batch.append({**batch[0], "anomaly_score": 1.0})
        if door == "documents":
            batch.append({"result_type": "record", "job_id": "nobody"})
        self.write(batch, door, rng)

    @precondition(lambda self: self.stored)
    @rule(part=parts, seed=seeds)
    def same_again(self, part: float, seed: int) -> None:
        """Buckets that are stored already, spelled another way: nothing changes and nothing is published."""
        rng = Random(seed)
        chosen = rng.sample(sorted(self.stored), min(self.size(part), len(self.stored)))
        batch = [self.stored[name] for name in chosen]
        before = self.index.snapshot()
        commit = self.index.upsert([respelled(rng, stored) for stored in batch])
        self.expected(commit, batch)
        assert commit.unchanged == len(batch)
        assert self.index.snapshot() is before

    @precondition(lambda self: self.stored)
    @rule(part=parts, door=doors, seed=seeds, names=st.sampled_from(CHANGES), drop=st.booleans())
    def rescore(self, part: float, door: str, seed: int, names: tuple[str, ...], drop: bool) -> None:
        """Other values for some buckets; final ones become interim and the other way round now and then."""
        rng = Random(seed)
        batch = []
        for name in rng.sample(sorted(self.stored), min(self.size(part), len(self.stored))):
            changed = self.changed(rng, self.stored[name], names, drop)
            if rng.random() < 0.3:
                changed["is_interim"] = rng.random() < 0.5
            batch.append(changed)
        self.write(batch, door, rng)

    @precondition(lambda self: self.stored)
    @rule(job_id=jobs, door=doors, seed=seeds, names=st.sampled_from(CHANGES), drop=st.booleans())
    def replace_many(self, job_id: str, door: str, seed: int, names: tuple[str, ...], drop: bool) -> None:
        """Other values for nearly all final buckets of a job, and some new ones behind them."""
        rng = Random(seed)
        batch = [
            self.changed(rng, stored, names, drop)
            for stored in self.of_job(job_id)
            if not stored.get("is_interim") and rng.random() < 0.95
        ]
        timestamp = self.first_free(job_id)
        for row in range(rng.randrange(3)):
            is_interim = rng.random() < 0.3
            batch.append(document(rng, job_id, timestamp + row * STEP, 300, is_interim=is_interim, full=0.5))
        self.write(batch, door, rng)

    def changed(self, rng: Random, stored: Document, names: tuple[str, ...], drop: bool) -> Document:
        """A document with other values in some fields, or without them."""
        other = document(rng, stored["job_id"], stored["timestamp"], stored["bucket_span"], is_interim=False, full=1.0)
        kept = {name: value for name, value in stored.items() if name not in names}
        return kept if drop else {**kept, **{name: other[name] for name in names}}

    @rule(job_id=jobs, rounds=st.integers(1, 3), seed=seeds)
    def live(self, job_id: str, rounds: int, seed: int) -> None:
        """Interim, interim, final: the life of a job's newest bucket."""
        rng = Random(seed)
        timestamp = self.first_free(job_id)
        for _ in range(rounds):
            self.write([document(rng, job_id, timestamp, 300, is_interim=True, full=1.0)])
        self.write([document(rng, job_id, timestamp, 300, is_interim=False, full=1.0)])

    @rule(job_id=jobs, part=parts, door=doors, seed=seeds, among=st.booleans())
    def interim(self, job_id: str, part: float, door: str, seed: int, among: bool) -> None:
        """Interim buckets, up to so many that they seal."""
        rng = Random(seed)
        timestamp = STARTS[job_id] if among else self.first_free(job_id)
        self.write(
            [
                document(rng, job_id, timestamp + row * STEP, 300, is_interim=True, full=0.7)
                for row in range(self.size(part))
            ],
            door,
            rng,
        )

    @precondition(lambda self: any(stored.get("is_interim") for stored in self.stored.values()))
    @rule(door=doors, seed=seeds, share=st.sampled_from((0.2, 1.0)))
    def finish(self, door: str, seed: int, share: float) -> None:
        """Interim buckets become final, wherever they lie by now."""
        rng = Random(seed)
        interim = [self.stored[name] for name in sorted(self.stored) if self.stored[name].get("is_interim")]
        batch = [{**stored, "is_interim": False} for stored in interim if rng.random() < share]
        self.write(batch, door, rng)

    @rule(seed=seeds, part=parts, unfit=st.sampled_from(UNFIT), door=doors)
    def refused(self, seed: int, part: float, unfit: Document, door: str) -> None:
        """A batch with one bad bucket changes nothing."""
        rng = Random(seed)
        batch = []
        for _ in range(self.size(part)):
            job_id = rng.choice([*STARTS, "never"])
            timestamp = self.first_free(job_id) if job_id in STARTS else 0
            batch.append(document(rng, job_id, timestamp, 300, is_interim=rng.random() < 0.3, full=1.0))
        batch.insert(rng.randrange(len(batch) + 1), {**batch[0], **unfit})
        before = self.index.snapshot()
        names = sorted({name for given in batch for name in given})
        columns = {name: [given.get(name) for given in batch] for name in names}
        write = (
            partial(self.index.upsert, batch) if door == "documents" else partial(self.index.upsert_columns, columns)
        )
        with pytest.raises(InvalidDocument):
            write()
        assert self.index.snapshot() is before

    @rule(kind=st.sampled_from(("record", "model_plot", None)), number=st.integers(0, 2))
    def passed_over(self, kind: str | None, number: int) -> None:
        """An empty batch, or one of other results, publishes nothing."""
        before = self.index.snapshot()
        self.expected(self.index.upsert([{"result_type": kind}] * number), [{"result_type": kind}] * number)
        assert self.index.snapshot() is before

    @rule(job_id=jobs, bucket_span=st.sampled_from((None, 300, 3_600)))
    def put_job(self, job_id: str, bucket_span: int | None) -> None:
        """A job is made known, or its span replaced; its buckets stay."""
        self.sequence += job_id not in self.spans or self.spans[job_id] != bucket_span
        self.spans[job_id] = bucket_span
        assert self.index.put_job(job_id, bucket_span=bucket_span) == Commit(sequence=self.sequence)
        self.same_whole(job_id)

    @rule(job_id=jobs)
    def delete_job(self, job_id: str) -> None:
        """A job goes with all its buckets, and may come again."""
        if job_id not in self.spans:
            with pytest.raises(UnknownJob):
                self.index.delete_job(job_id)
            return
        self.sequence += 1
        deleted = len(self.of_job(job_id))
        del self.spans[job_id]
        self.stored = {name: stored for name, stored in self.stored.items() if name[0] != job_id}
        assert self.index.delete_job(job_id) == Commit(sequence=self.sequence, deleted=deleted)
        self.same_whole(job_id)

    # ---- questions

    @rule(seed=seeds)
    def keep_snapshot(self, seed: int) -> None:
        """A snapshot is kept, the oldest of many let go."""
        queries = [*self.queries(seed, 2), *(BucketQuery(jobs=job_id, size=10**6) for job_id in STARTS)]
        self.kept.append(Kept(self.index.snapshot(), [(query, self.answer(query)) for query in queries]))
        if len(self.kept) > 4:
            del self.kept[Random(seed).randrange(len(self.kept))]

    @rule(seed=seeds)
    def ask(self, seed: int) -> None:
        """Pages and scans, on every edge of what is stored, are the dict's."""
        for query in self.queries(seed, 8):
            page = outcome(lambda: self.index.search(query).to_dict())  # noqa: B023
            assert page == self.answer(query), query
            if query.jobs[0] in self.spans:
                scanned = [found.to_dict() for found in self.index.scan(query)]
                assert repr(scanned) == repr(whole(self.of_job(query.jobs[0]), query)), query

    # ---- what always holds

    @invariant()
    def checks_itself(self) -> None:
        """The index's own invariants hold."""
        self.index.check()

    @invariant()
    def sequence_is_counted(self) -> None:
        """The sequence is the number of writes that changed something; jobs and rows are the dict's."""
        assert self.index.sequence == self.sequence
        assert self.index.jobs() == tuple(sorted(self.spans))
        stats = self.index.stats()
        assert (stats["jobs"], stats["rows"]) == (len(self.spans), {"bucket": len(self.stored)})
        for job_id, span in self.spans.items():
            assert job_id in self.index
            timestamps = [timestamp for job, timestamp, _ in self.stored if job == job_id]
            of_job = self.index.stats(job_id)
            assert of_job["bucket_span"] == span
            assert of_job["rows"] == {"bucket": len(timestamps)}
            ends = (min(timestamps), max(timestamps)) if timestamps else (None, None)
            assert (of_job["first_timestamp"], of_job["last_timestamp"]) == ends

    @invariant()
    def kept_snapshots_answer_as_before(self) -> None:
        """No write reaches a snapshot that was taken before it."""
        for kept in self.kept:
            kept.snapshot.check()
            for query, answer in kept.answers:
                assert outcome(lambda: kept.snapshot.search(query).to_dict()) == answer  # noqa: B023


class TinyHeads(IndexMachine):
    """Heads of four rows: nearly every write seals or scatters."""

    head_rows = 4


class SmallHeads(IndexMachine):
    """Heads of sixteen rows: dead rows gather for a while."""

    head_rows = 16


class GrowingHeads(IndexMachine):
    """Heads that grow with the base, as those of very large tables do."""

    head_rows = 2
    base_rows_per_head_row = 4


class RealHeads(IndexMachine):
    """Heads as they are, and batches of thousands."""

    head_rows = 1_024
    most_rows = 8_000


#: The machines, and which part of the profile's examples each gets.
MACHINES: dict[type[IndexMachine], int] = {TinyHeads: 5, SmallHeads: 5, GrowingHeads: 10, RealHeads: 10}


EACH_MACHINE = pytest.mark.parametrize(
    ("machine", "part"), MACHINES.items(), ids=[machine.__name__ for machine in MACHINES]
)


def run_machine(machine: type[IndexMachine], part: int, profile: settings) -> None:
    """Run a machine with its part of the profile's examples."""
    steps = min(profile.stateful_step_count, 30) if machine is RealHeads else profile.stateful_step_count
    examples = max(1, profile.max_examples // part)
    run_state_machine_as_test(machine, settings=settings(profile, max_examples=examples, stateful_step_count=steps))


@EACH_MACHINE
def test_every_history_is_the_dicts(machine: type[IndexMachine], part: int) -> None:
    """Whatever is written in whatever order, every answer, count and older snapshot is as a plain dict has it."""
    run_machine(machine, part, settings())


@pytest.mark.thorough
@EACH_MACHINE
def test_every_long_history_is_the_dicts(machine: type[IndexMachine], part: int) -> None:
    """So it is over many more and longer histories."""
    run_machine(machine, part, settings.get_profile("thorough"))


def test_identities_are_the_dicts_own() -> None:
    """The dict knows a bucket by job, timestamp and span, in whatever way these are written."""
    found = document(Random(0), "web", 0, 300, is_interim=False, full=1.0)
    assert (
        identity(found)
        == identity({**found, "timestamp": "1970-01-01T00:00:00Z", "bucket_span": 300.0})
        == ("web", 0, 300)
    )


# ---- the machine goes every way there is


def seen(machine: IndexMachine, write: Callable[[], Any]) -> tuple[View, View]:
    """The rows of the job before and after a step of the machine, which then checks itself."""
    before = table_of(machine.index).rows
    write()
    machine.checks_itself()
    machine.sequence_is_counted()
    machine.kept_snapshots_answer_as_before()
    return before, table_of(machine.index).rows


def test_the_machine_writes_in_every_way() -> None:
    """Its rules append in place, leave dead rows, copy and scatter, and seal, final rows and interim ones alike."""
    machine = TinyHeads()
    try:
        machine.append("web", part=3.0, door="documents", seed=1, full=1.0)
        machine.keep_snapshot(seed=1)

        before, after = seen(machine, lambda: machine.append("web", part=0.5, door="documents", seed=2, full=1.0))
        assert after.base.length == before.base.length + 3
        assert moved(before.base, after.base) <= {
            f"{part} of {name}" for part in ("rows", "values") for name in ("bucket_influencers", "scheduled_events")
        }, "an append in place copies no column"
        machine.keep_snapshot(seed=2)

        before, after = seen(machine, lambda: machine.late("web", part=0.5, door="documents", seed=3, interim=0.0))
        assert len(after.dead) + after.head.length > 0, "a few rows go beside the base"
        assert after.base is before.base
        machine.keep_snapshot(seed=3)

        before, after = seen(machine, lambda: machine.late("web", part=3.0, door="documents", seed=4, interim=0.0))
        assert not after.head.length, "a head too large is sealed"
        assert not len(after.dead)
        assert "timestamp" in moved(before.base, after.base)
        machine.keep_snapshot(seed=4)

        names = ("anomaly_score",)
        before, after = seen(
            machine, lambda: machine.replace_many("web", door="documents", seed=7, names=names, drop=True)
        )
        columns = moved(before.base, after.base) & set(after.base.columns)
        assert columns == {"anomaly_score"}, "many rows are scattered into copies of the columns that differ"

        before, after = seen(machine, lambda: machine.interim("web", 3.0, "documents", seed=6, among=False))
        assert after.base.column("is_interim").sum() == 13, "more interim rows than a head may hold are sealed too"
        assert not after.head.length

        before, after = seen(machine, lambda: machine.finish("documents", seed=7, share=1.0))
        assert not after.base.column("is_interim").any()
        machine.ask(seed=8)
    finally:
        machine.teardown()
