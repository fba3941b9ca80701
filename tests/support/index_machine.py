"""The rule machine: an index beside a dict of documents, and a rule for every write that an index has."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bucketquery import BucketQuery, Commit, InvalidDocument, InvalidQuery, Kind, ResultsIndex, Snapshot, UnknownJob
from bucketquery.testing import evaluate
from support.cases import all_matches, outcome
from support.filters import sometimes_filtered
from support.helpers import ON_FEW_ROWS, ask_together, lead_by_value, limit_heads, resize, without
from support.living_model import Rescored, deleted, overtaken, rescored, score_columns
from support.shortcuts import take
from support.spellings import respelled
from support.strategies import (
    FIRST_INSTANT,
    INT64_MAX,
    KINDS,
    QUERIES,
    Batch,
    Document,
    Domain,
    Name,
    Query,
    State,
    apply_batch,
    as_columns,
    commit_counts,
    kind_of,
    listed,
    seeded_query,
    timestamp_ms,
    unknown,
)

STEP = 300_000
#: The jobs and their first timestamps: in 2026, at the first instant, and near the last.
STARTS = {"web": 1_767_225_600_000, "db": FIRST_INSTANT, "données": 253_402_300_800_000 - 10**6 * STEP}
SPANS = (300, 3_600, INT64_MAX)
SCORES = (None, 0.0, -0.0, 3.0, 29.9999996735, 75, 75.0, 100.0)
COUNTS = (None, 0, 1, 60, 2**53 + 1, INT64_MAX, -(2**63))
EVENTS: tuple[list[str] | str | None, ...] = (
    None,
    [],
    "Deploy",
    ["Deploy"],
    ["deploy", "Deploy"],
    ["été", "\U00010000"],
)
#: Values of `event`: some instants, none, and the value of a data field, which a bucket does not have.
WRITTEN: tuple[Document | None, ...] = (None, {}, *({"ingested": ms} for ms in (0, 0, 1, STARTS["web"], FIRST_INSTANT)))
OF_A_DATA_FIELD = (["login"], "login")
INFLUENCERS: tuple[list[Document] | Document | None, ...] = (
    None,
    [],
    [{"influencer_field_name": "bucket_time", "anomaly_score": 75.0, "is_interim": True}],
    [{"probability": 1e-308}, {"influencer_field_name": "host", "raw_anomaly_score": 3}],
    {"job_id": "elsewhere", "timestamp": 0, "bucket_span": 60, "event": {"ingested": 5}},
)
#: Records in a bucket: none, one, or several of which one is repeated.
RECORDS: tuple[list[Document] | Document, ...] = (
    [],
    {"record_score": 75.0},
    [{"detector_index": 1}, {"is_interim": True}, {"detector_index": 0, "event": {"ingested": 1}}],
)
#: The values of a record's own fields. The fields of an identity have few values, so that identities repeat.
RECORD_VALUES: Mapping[str, Sequence[Any]] = {
    "probability": (None, 0.0, 5e-324, 1e-308, 1, 1.0),
    "multi_bucket_impact": (None, -5.0, 5),
    "detector_index": (None, 0, 1),
    "function": (None, "", "mean", "Mean"),
    "function_description": (None, "mean"),
    "field_name": (None, "", "\uffff", "\U00010000"),
    "by_field_name": (None, "", "host", "function"),
    "by_field_value": (None, None, "", "a"),
    "over_field_name": (None, "host"),
    "over_field_value": (None, None, None, "b"),
    "partition_field_name": (None, "zone"),
    "partition_field_value": (None, None, None, "", "é"),
    "correlated_by_field_value": (None, "c"),
    "typical": (None, [], [1, 2.5]),
    "actual": (None, [5e-324]),
    "causes": (None, [], [{"probability": 1, "b": {"a": None}}]),
    "influencers": (None, [], [{"influencer_field_name": "host", "influencer_field_values": ["b", "a", "b"]}]),
    "geo_results": (None, {}, {"typical_point": "1.0,2.0"}),
    "anomaly_score_explanation": (None, {"anomaly_length": 2}),
}
INFLUENCER_VALUES: Mapping[str, Sequence[Any]] = {
    "probability": (None, 0.0, 5e-324, 1e-308, 1, 1.0),
    "influencer_field_name": (None, "", "host", "job_id"),
    "influencer_field_value": (None, "", "a", "A", "\U00010000"),
}
#: Keys that are not documented; their values come back as they are.
UNKNOWN_VALUES: Mapping[str, Sequence[Any]] = {
    "host": (None, ["own"], "own"),
    "extra": (None, 1, {"b": [True], "a": {}}),
}
#: The fields that a batch may change in every document of a kind: one, so that few columns differ, or many.
CHANGES: tuple[Mapping[Kind, Sequence[str]], ...] = (
    {"bucket": ("anomaly_score",), "record": ("record_score",), "influencer": ("influencer_score",)},
    {"bucket": ("event_count",), "record": ("probability",), "influencer": ("probability",)},
    {
        "bucket": ("processing_time_ms", "scheduled_events"),
        "record": ("function", "by_field_name", "correlated_by_field_value"),
        "influencer": ("initial_influencer_score",),
    },
    {"bucket": ("bucket_influencers",), "record": ("influencers", "host"), "influencer": ("extra",)},
    {
        "bucket": ("anomaly_score", "initial_anomaly_score", "event_count", "bucket_influencers", "scheduled_events"),
        "record": ("record_score", "initial_record_score", "probability", "field_name", "typical", "actual", "causes"),
        "influencer": ("influencer_score", "initial_influencer_score", "probability", "host"),
    },
    {"bucket": ("event",), "record": ("event",), "influencer": ("event",)},
)
UNFIT: tuple[tuple[Kind, Document], ...] = (
    ("bucket", {"anomaly_score": "high"}),
    ("bucket", {"timestamp": None}),
    ("bucket", {"bucket_span": 0}),
    ("bucket", {"event_count": 2**63}),
    ("bucket", {"scheduled_events": [None]}),
    ("bucket", {"bucket_influencers": [{"bucket_span": 0}]}),
    ("bucket", {"event": {"ingested": "soon"}}),
    ("record", {"probability": math.nan}),
    ("record", {"detector_index": 0.5}),
    ("record", {"over_field_value": 7}),
    ("record", {"typical": [True]}),
    ("record", {"influencers": [{"influencer_field_values": [None]}]}),
    ("record", {"causes": [{"deep": math.inf}]}),
    ("influencer", {"influencer_field_value": ["a"]}),
    ("influencer", {"bucket_span": None}),
    ("influencer", {"event": {"ingested": "soon"}}),
)

jobs = st.sampled_from(sorted(STARTS))
seeds = st.integers(0, 2**32 - 1)
#: The number of rows in a write, as a share of the rows that a head may hold.
parts = st.sampled_from((0.0, 0.5, 1.0, 1.5, 3.0))
doors = st.sampled_from(("documents", "documents", "kinds", "columns"))
#: The kinds of a batch.
mixes = st.sampled_from((*((kind,) for kind in KINDS), KINDS, KINDS, KINDS))


def document(
    rng: Random, job_id: str, timestamp: int, span: int, *, is_interim: bool, full: float, kinds: Sequence[Kind] = KINDS
) -> Document:
    """A result of one of the kinds, with values that collide; it has each optional field with chance ``full``."""
    kind = kinds[0] if len(kinds) == 1 else rng.choice(kinds)
    if kind == "bucket":
        optional: Document = {
            "anomaly_score": rng.choice(SCORES),
            "initial_anomaly_score": rng.choice(SCORES),
            "event_count": rng.choice(COUNTS),
            "processing_time_ms": rng.choice(COUNTS),
            "scheduled_events": rng.choice(EVENTS),
            "bucket_influencers": rng.choice(INFLUENCERS),
            "event": rng.choice(WRITTEN),
        }
        if len(kinds) == len(KINDS) and rng.random() < 0.1:
            optional["records"] = rng.choice(RECORDS)
    else:
        optional = {f"{kind}_score": rng.choice(SCORES), f"initial_{kind}_score": rng.choice(SCORES)}
        optional["event"] = rng.choice((*WRITTEN, *WRITTEN, *OF_A_DATA_FIELD))
        values = {**(RECORD_VALUES if kind == "record" else INFLUENCER_VALUES), **UNKNOWN_VALUES}
        optional |= {name: rng.choice(choice) for name, choice in values.items()}
    if is_interim or rng.random() < 0.5:
        optional["is_interim"] = is_interim
    given = {name: value for name, value in optional.items() if name == "is_interim" or rng.random() < full}
    return {"result_type": kind, "job_id": job_id, "timestamp": timestamp, "bucket_span": span, **given}


def in_time(names: Iterable[Name]) -> list[Name]:
    """Names of stored results in time order; a fixed order breaks ties."""
    return sorted(names, key=lambda name: (name[1][:3], repr(name)))


def nested_places(buckets: Iterable[Document]) -> list[tuple[int, int, str | None]]:
    """The timestamp, span and influencer name of each influencer in some buckets, in time order, each name once."""
    places = {
        (timestamp_ms(bucket), int(bucket["bucket_span"]), nested.get("influencer_field_name"))
        for bucket in buckets
        for nested in listed(bucket.get("bucket_influencers"))
    }
    return sorted(places, key=repr)


@dataclass(frozen=True, slots=True)
class Older:
    """An older snapshot, and the answers of the dict when it was taken."""

    snapshot: Snapshot
    stored: State
    answers: Sequence[tuple[Query, str]]


class IndexMachine(RuleBasedStateMachine):
    """A `ResultsIndex` beside a dict of documents by kind and identity.

    A step is one write or some queries. After each, the index checks its own invariants, and every older snapshot
    gives the answers that it gave when it was taken.
    """

    #: The number of rows that a head may hold, and the number of base rows that allow it one more.
    head_rows: ClassVar[int]
    base_rows_per_head_row: ClassVar[int | None] = None
    most_rows: ClassVar[int] = 400
    keep_documents: ClassVar[bool] = True
    #: The fewest examples to run. The first example is always the simplest history, which writes nothing.
    fewest: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        limit_heads(self.patch, self.head_rows, self.base_rows_per_head_row)
        self.resize()
        self.index = self.new_index()
        ask_together(self.index)
        self.stored: State = {}
        self.spans: dict[str, int | None] = {}
        self.sequence = 0
        self.older: list[Older] = []

    def new_index(self) -> ResultsIndex:
        """The index of this machine."""
        return ResultsIndex(max_size=10**6, keep_documents=self.keep_documents)

    def resize(self) -> None:
        """Change the sizes of the index that is made next."""

    def teardown(self) -> None:
        """Undo the changes of sizes."""
        self.patch.undo()

    # ---- parts of the rules

    def of_job(self, job_id: str, kinds: Sequence[Kind] = KINDS) -> Batch:
        """The dict's documents of a job, in the order of first writes."""
        return self.of_jobs((job_id,), kinds)

    def of_jobs(self, job_ids: Sequence[str], kinds: Sequence[Kind] = KINDS) -> Batch:
        """The dict's documents of some jobs, in the order of first writes."""
        return [stored for (kind, key), stored in self.stored.items() if key[0] in job_ids and kind in kinds]

    def size(self, part: float) -> int:
        """The number of rows in a write; at most 2 once the dict holds ``most_rows`` documents."""
        rows = 1 + int(part * self.head_rows)
        return rows if len(self.stored) < self.most_rows else min(rows, 2)

    def first_free(self, job_id: str) -> int:
        """The first timestamp after every result of a job."""
        held = [timestamp for _, (job, timestamp, *_) in self.stored if job == job_id]
        return max(held) + STEP if held else STARTS[job_id]

    def expected(self, commit: Commit, batch: Batch, dropped: Collection[Name] = ()) -> None:
        """Compare a commit with the dict's counts for its batch, then apply the batch to the dict.

        Args:
            commit: the commit.
            batch: its batch.
            dropped: the results that the commit deleted.
        """
        counts = commit_counts(self.stored, batch, keep_documents=self.keep_documents)
        changes = bool(counts.inserted or counts.replaced or dropped)
        self.sequence += changes
        assert commit == Commit(
            sequence=self.sequence,
            inserted=counts.inserted,
            replaced=counts.replaced,
            unchanged=counts.unchanged,
            deleted=len(dropped),
            skipped=dict(counts.skipped),
            repeated=counts.repeated,
        )
        left = {name: stored for name, stored in self.stored.items() if name not in dropped} if dropped else self.stored
        self.stored = apply_batch(left, batch)
        for job_id, kind in sorted({(name[1][0], name[0]) for name in apply_batch({}, batch)}):
            self.spans.setdefault(job_id, None)
            if changes:
                self.same_whole(job_id, kind)

    def write(self, batch: Batch, door: str = "documents", rng: Random | None = None) -> None:
        """Write a batch through one of the doors; every door except "documents" takes one kind at a time."""
        if door == "documents":
            self.expected(self.index.upsert(batch), batch)
            return
        for kind in KINDS:
            of_kind = [document for document in batch if document.get("result_type") == kind]
            if door == "columns" and of_kind:
                of_kind = [without(document, "records", *unknown(document)) for document in of_kind]
                columns, job_id = as_columns(rng or Random(0), of_kind)
                self.expected(self.index.upsert_columns(columns, job_id=job_id, kind=kind), of_kind)
            elif of_kind:
                untyped = [without(document, "result_type") for document in of_kind]
                self.expected(self.index.upsert(untyped, kind=kind), of_kind)

    def answer(self, query: Query) -> str:
        """The answer of the dict."""
        if not self.knows(query):
            return "UnknownJob"
        return outcome(lambda: evaluate(self.of_jobs(query.jobs, self.heeded(query)), query))

    def knows(self, query: Query) -> bool:
        """Whether the dict knows all jobs of a query."""
        return self.spans.keys() >= set(query.jobs)

    def heeded(self, query: Query) -> Sequence[Kind]:
        """The kinds that decide an answer."""
        reads_records = isinstance(query, BucketQuery) and (query.expand or query.where)
        return KINDS if reads_records else (kind_of(query),)

    def asked(self, source: ResultsIndex | Snapshot, query: Query, stored: State) -> str:  # noqa: ARG002 - for machines without documents
        """The answer of the index."""
        return outcome(lambda: source.search(query).to_dict())

    def same_whole(self, job_id: str, *kinds: Kind) -> None:
        """Assert that all results of a job come back, with interim ones and without."""
        for kind in kinds or KINDS:
            for exclude_interim in (False, True):
                query = QUERIES[kind](jobs=job_id, size=10**6, exclude_interim=exclude_interim)
                assert self.asked(self.index, query, self.stored) == self.answer(query)

    def queries(self, seed: int, number: int) -> list[Query]:
        """Queries on the edges of the stored results."""
        rng = Random(seed)
        domain = Domain(
            jobs=sorted(STARTS),
            timestamps=sorted({timestamp for _, (_, timestamp, *_) in self.stored}) or [0],
            spans=SPANS,
            scores=[float(score) for score in SCORES if score is not None],
            rows=len(self.stored),
            kinds=KINDS,
        )
        return [sometimes_filtered(seeded_query(rng, domain), self.stored.values(), str(seed)) for _ in range(number)]

    # ---- writes

    @rule(job_id=jobs, part=parts, door=doors, seed=seeds, full=st.sampled_from((0.0, 0.5, 1.0)), kinds=mixes)
    def append(self, job_id: str, part: float, door: str, *, seed: int, full: float, kinds: Sequence[Kind]) -> None:
        """Write final results after all others, sometimes with several spans at one time."""
        rng = Random(seed)
        timestamp, span = self.first_free(job_id), 0
        batch = []
        for _ in range(self.size(part)):
            batch.append(document(rng, job_id, timestamp, SPANS[span], is_interim=False, full=full, kinds=kinds))
            span += 1
            if span == len(SPANS) or rng.random() < 0.6:
                timestamp, span = timestamp + STEP, 0
        self.write(batch, door, rng)

    @rule(job_id=jobs, part=parts, door=doors, seed=seeds, interim=st.sampled_from((0.0, 0.5)), kinds=mixes)
    def late(self, job_id: str, part: float, door: str, *, seed: int, interim: float, kinds: Sequence[Kind]) -> None:
        """Write results between the others: new ones, other spans, the same identities."""
        rng = Random(seed)
        places = max(1, (self.first_free(job_id) - STARTS[job_id]) // STEP)
        batch = []
        for _ in range(self.size(part)):
            timestamp = STARTS[job_id] + rng.randrange(places) * STEP + rng.choice((0, 0, 1))
            is_interim, span = rng.random() < interim, rng.choice(SPANS)
            batch.append(document(rng, job_id, timestamp, span, is_interim=is_interim, full=0.7, kinds=kinds))
        self.write(batch, door, rng)

    @rule(part=parts, door=doors, seed=seeds)
    def several_jobs(self, part: float, door: str, seed: int) -> None:
        """Write all jobs and kinds in one batch, one result twice, and a result of another type."""
        rng = Random(seed)
        batch = []
        for _ in range(self.size(part)):
            job_id = rng.choice(sorted(STARTS))
            timestamp = self.first_free(job_id) + rng.randrange(-3, 3) * STEP
            timestamp = max(timestamp, STARTS[job_id])
            batch.append(document(rng, job_id, timestamp, 300, is_interim=rng.random() < 0.3, full=0.7))
        batch.append({**batch[0], "anomaly_score": 1.0, "probability": 1e-9})
        if door == "documents":
            batch.append({"result_type": "model_plot", "job_id": "nobody"})
        self.write(batch, door, rng)

    @precondition(lambda self: self.stored)
    @rule(part=parts, seed=seeds)
    def same_again(self, part: float, seed: int) -> None:
        """Write stored results in another spelling: nothing changes and nothing is published."""
        rng = Random(seed)
        chosen = rng.sample(in_time(self.stored), min(self.size(part), len(self.stored)))
        batch = [self.stored[name] for name in chosen]
        before = self.index.snapshot()
        commit = self.index.upsert([respelled(rng, stored) for stored in batch])
        self.expected(commit, batch)
        assert commit.unchanged == len(batch)
        assert self.index.snapshot() is before

    @precondition(lambda self: self.stored)
    @rule(part=parts, door=doors, seed=seeds, names=st.sampled_from(CHANGES), drop=st.booleans())
    def rescore(self, part: float, door: str, seed: int, names: Mapping[Kind, Sequence[str]], drop: bool) -> None:
        """Write other values for some results; sometimes a final one becomes interim, or the other way round."""
        rng = Random(seed)
        batch = []
        for name in rng.sample(in_time(self.stored), min(self.size(part), len(self.stored))):
            changed = self.changed(rng, self.stored[name], names, drop)
            if rng.random() < 0.3:
                changed["is_interim"] = rng.random() < 0.5
            batch.append(changed)
        self.write(batch, door, rng)

    @precondition(lambda self: self.stored)
    @rule(job_id=jobs, door=doors, seed=seeds, names=st.sampled_from(CHANGES), drop=st.booleans(), kinds=mixes)
    def replace_many(
        self,
        job_id: str,
        door: str,
        *,
        seed: int,
        names: Mapping[Kind, Sequence[str]],
        drop: bool,
        kinds: Sequence[Kind],
    ) -> None:
        """Write other values for nearly all final results of a job, and some new results after them."""
        rng = Random(seed)
        batch = [
            self.changed(rng, stored, names, drop)
            for stored in sorted(self.of_job(job_id, kinds), key=timestamp_ms)
            if not stored.get("is_interim") and rng.random() < 0.95
        ]
        timestamp = self.first_free(job_id)
        for row in range(rng.randrange(3)):
            is_interim = rng.random() < 0.3
            new = document(rng, job_id, timestamp + row * STEP, 300, is_interim=is_interim, full=0.5, kinds=kinds)
            batch.append(new)
        self.write(batch, door, rng)

    def changed(self, rng: Random, stored: Document, names: Mapping[Kind, Sequence[str]], drop: bool) -> Document:
        """A document with other values in some fields, or without these fields."""
        kind = stored["result_type"]
        other = document(
            rng,
            stored["job_id"],
            stored["timestamp"],
            stored["bucket_span"],
            is_interim=False,
            full=1.0,
            kinds=(kind,),
        )
        rest = without(stored, *names[kind])
        return rest if drop else {**rest, **{name: other[name] for name in names[kind]}}

    @rule(
        job_id=jobs,
        part=parts,
        seed=seeds,
        stray=st.sampled_from((None, None, None, *KINDS)),
        kinds=mixes,
        nested=st.booleans(),
    )
    def renormalize(
        self, job_id: str, part: float, *, seed: int, stray: Kind | None, kinds: Sequence[Kind], nested: bool
    ) -> None:
        """Renormalize some results of some kinds, one of each twice; if ``stray``, also one that is not stored."""
        rng = Random(seed)
        chosen: dict[str, list[tuple[Any, float]]] = {}
        for kind in kinds:
            held = in_time(name for name in self.stored if name[0] == kind and name[1][0] == job_id)
            if held:
                names = rng.sample(held, min(1 + int(part * self.head_rows), len(held)))
                names.append(names[0])
                chosen[f"{kind}s"] = [(name[1], float(rng.choice(SCORES) or 0.0)) for name in names]
        if nested and self.keep_documents:
            places = nested_places(self.of_job(job_id, ("bucket",)))
            some = rng.sample(places, min(1 + int(part * self.head_rows), len(places)))
            if some:
                chosen["bucket_influencers"] = [(place, float(rng.choice(SCORES) or 0.0)) for place in (*some, some[0])]
        if not chosen:
            return
        if stray is not None:
            self.refused_scores(job_id, chosen, stray)
            return
        after = rescored(self.stored, job_id, chosen, keep_documents=self.keep_documents)
        commit = self.index.renormalize(
            job_id, **{name: score_columns(rng, name, rows) for name, rows in chosen.items()}
        )
        self.sequence += bool(after.replaced)
        assert commit == Commit(
            sequence=self.sequence, replaced=after.replaced, unchanged=after.unchanged, repeated=after.repeated
        )
        self.take_scores(after)
        self.same_whole(job_id)

    def take_scores(self, after: Rescored) -> None:
        """Take the state after new scores."""
        self.stored = after.stored

    def refused_scores(self, job_id: str, chosen: dict[str, list[tuple[Any, float]]], stray: Kind) -> None:
        """Renormalize results of which one is not stored: nothing changes, and the error names its row."""
        name, free = f"{stray}s", self.first_free(job_id)
        missing: tuple[Any, ...] = (job_id, free, 300)
        if stray == "record":
            missing = (*missing, 0, None, None, None)
        elif stray == "influencer":
            missing = (*missing, None, None)
        rows = [*chosen.get(name, ()), (missing, 1.0), (missing, 2.0)]
        before = self.index.snapshot()
        known = job_id in self.spans
        with pytest.raises(InvalidDocument if known else UnknownJob) as caught:
            self.index.renormalize(
                job_id, **{of: score_columns(Random(0), of, some) for of, some in {**chosen, name: rows}.items()}
            )
        assert not known or caught.value.field == f"{name}.timestamp[{len(rows) - 2}]"
        assert self.index.snapshot() is before

    @rule(job_id=jobs, rounds=st.integers(1, 3), seed=seeds)
    def live(self, job_id: str, rounds: int, seed: int) -> None:
        """Write a job's newest bucket, its records and influencer as interim, then as final."""
        rng = Random(seed)
        timestamp = self.first_free(job_id)
        for is_interim in [True] * rounds + [False]:
            kinds: list[Kind] = ["bucket", "record", "record", "influencer"]
            self.write(
                [
                    document(rng, job_id, timestamp, 300, is_interim=is_interim, full=1.0, kinds=(kind,))
                    for kind in kinds
                ]
            )

    @rule(job_id=jobs, part=parts, door=doors, seed=seeds, among=st.booleans(), kinds=mixes)
    def interim(self, job_id: str, part: float, door: str, *, seed: int, among: bool, kinds: Sequence[Kind]) -> None:
        """Write interim results, sometimes enough to compact the head."""
        rng = Random(seed)
        timestamp = STARTS[job_id] if among else self.first_free(job_id)
        self.write(
            [
                document(rng, job_id, timestamp + row * STEP, 300, is_interim=True, full=0.7, kinds=kinds)
                for row in range(self.size(part))
            ],
            door,
            rng,
        )

    @precondition(lambda self: any(stored.get("is_interim") for stored in self.stored.values()))
    @rule(door=doors, seed=seeds, share=st.sampled_from((0.2, 1.0)))
    def finish(self, door: str, seed: int, share: float) -> None:
        """Write interim results as final, whether they are in the base or in the head."""
        rng = Random(seed)
        interim = [self.stored[name] for name in in_time(self.stored) if self.stored[name].get("is_interim")]
        batch = [{**stored, "is_interim": False} for stored in interim if rng.random() < share]
        self.write(batch, door, rng)

    @rule(seed=seeds, part=parts, unfit=st.sampled_from(UNFIT), door=doors)
    def refused(self, seed: int, part: float, unfit: tuple[Kind, Document], door: str) -> None:
        """A batch with one bad result changes nothing of any kind."""
        rng = Random(seed)
        kind, bad = unfit
        kinds = KINDS if door == "documents" else (kind,)
        batch = []
        for _ in range(self.size(part)):
            job_id = rng.choice([*STARTS, "never"])
            timestamp = self.first_free(job_id) if job_id in STARTS else 0
            batch.append(document(rng, job_id, timestamp, 300, is_interim=rng.random() < 0.3, full=1.0, kinds=kinds))
        good = document(rng, "web", STARTS["web"], 300, is_interim=False, full=1.0, kinds=(kind,))
        batch.insert(rng.randrange(len(batch) + 1), {**good, **bad})
        before = self.index.snapshot()
        if door == "columns":
            names = sorted({name for given in batch for name in given if name not in unknown(given)} - {"event"})
            columns = {name: [given.get(name) for given in batch] for name in names}
            events = [given.get("event") for given in batch]
            columns["event.ingested"] = [one.get("ingested") if isinstance(one, dict) else None for one in events]
            write = partial(self.index.upsert_columns, columns, kind=kind)
        else:
            write = partial(self.index.upsert, batch, kind=kind if door == "kinds" else None)
        with pytest.raises(InvalidDocument):
            write()
        assert self.index.snapshot() is before

    @rule(kind=st.sampled_from(("bucket_influencer", "model_plot", None)), number=st.integers(0, 2))
    def passed_over(self, kind: str | None, number: int) -> None:
        """An empty batch, or one of other result types, publishes nothing."""
        before = self.index.snapshot()
        self.expected(self.index.upsert([{"result_type": kind}] * number), [{"result_type": kind}] * number)
        assert self.index.snapshot() is before

    @rule(job_id=jobs, bucket_span=st.sampled_from((None, 300, 3_600)))
    def put_job(self, job_id: str, bucket_span: int | None) -> None:
        """Put a job, or replace its span; its results stay."""
        self.sequence += job_id not in self.spans or self.spans[job_id] != bucket_span
        self.spans[job_id] = bucket_span
        assert self.index.put_job(job_id, bucket_span=bucket_span) == Commit(sequence=self.sequence)
        self.same_whole(job_id)

    @rule(job_id=jobs)
    def delete_job(self, job_id: str) -> None:
        """Delete a job with all its results; a later write may create it again."""
        if job_id not in self.spans:
            with pytest.raises(UnknownJob):
                self.index.delete_job(job_id)
            return
        self.sequence += 1
        deleted = len(self.of_job(job_id))
        del self.spans[job_id]
        self.stored = {name: stored for name, stored in self.stored.items() if name[1][0] != job_id}
        assert self.index.delete_job(job_id) == Commit(sequence=self.sequence, deleted=deleted)
        self.same_whole(job_id)

    @rule(
        who=st.sampled_from(("one", "one", "several", "all")),
        where=st.sampled_from(("oldest", "oldest", "newest", "newest", "middle", "everything", "nothing", "no window")),
        interim_only=st.booleans(),
        seed=seeds,
    )
    def delete(self, who: str, where: str, *, interim_only: bool, seed: int) -> None:
        """Delete a window of one job, of some or of all, or only its interim results; the jobs stay known."""
        rng = Random(seed)
        job_ids = {"one": rng.sample(sorted(STARTS), 1), "several": rng.sample(sorted(STARTS), 2)}.get(who)
        given = job_ids[0] if job_ids and who == "one" else job_ids
        times = sorted(name[1][1] for name in self.stored if not job_ids or name[1][0] in job_ids) or [0]
        low = times[min(len(times) - 1, int(rng.choice((0.05, 0.3, 0.7)) * len(times)))]
        high = times[min(len(times) - 1, int(rng.choice((0.3, 0.7, 0.95)) * len(times)))] + rng.choice((0, 1))
        window: dict[str, int] = {
            "oldest": {"end": low},
            "newest": {"start": high},
            "middle": {"start": low, "end": high},
            "everything": {"start": times[0]},
            "nothing": {"start": low, "end": low},
            "no window": {},
        }[where]
        write = partial(self.index.delete, given, interim_only=interim_only or not window, **window)
        before = self.index.snapshot()
        if not set(job_ids or ()) <= self.spans.keys():
            with pytest.raises(UnknownJob):
                write()
            assert self.index.snapshot() is before
            return
        left = deleted(self.stored, job_ids, interim_only=interim_only or not window, **window)
        number = len(self.stored) - len(left)
        self.sequence += bool(number)
        self.stored = left
        assert write() == Commit(sequence=self.sequence, deleted=number)
        assert number or self.index.snapshot() is before
        for job_id in job_ids or sorted(self.spans):
            self.same_whole(job_id)

    @precondition(lambda self: self.stored)
    @rule(job_id=jobs, seed=seeds, part=parts)
    def overtake(self, job_id: str, seed: int, part: float) -> None:
        """Write final buckets and some of their results; they drop the interim results that they overtake."""
        rng = Random(seed)
        held = in_time(name for name in self.stored if name[1][0] == job_id)
        live = [name for name in held if self.stored[name].get("is_interim")] or held
        times = [name[1][1] for name in rng.sample(live, min(self.size(part), len(live)))]
        batch = []
        for timestamp in times:
            is_interim = rng.random() < 0.2
            batch.append(
                document(rng, job_id, timestamp, rng.choice(SPANS), is_interim=is_interim, full=0.7, kinds=("bucket",))
            )
        written = [self.stored[name] for name in held if name[1][1] in times and rng.random() < 0.3]
        batch += [{**stored, "is_interim": rng.random() < 0.3} for stored in written]
        batch += [batch[0]] if batch and rng.random() < 0.3 else []
        dropped = overtaken(self.stored, batch)
        self.expected(self.index.upsert(batch, drop_interim=True), batch, dropped)

    # ---- queries

    @rule(seed=seeds)
    def keep_snapshot(self, seed: int) -> None:
        """Take a snapshot; if there are then more than four, drop one of them."""
        queries = self.queries(seed, 3)
        queries += [QUERIES[kind](jobs=job_id, size=10**6) for job_id in STARTS for kind in KINDS]
        answers = [(query, self.answer(query)) for query in queries]
        self.older.append(Older(self.index.snapshot(), self.stored, answers))
        if len(self.older) > 4:
            del self.older[Random(seed).randrange(len(self.older))]

    @rule(seed=seeds)
    def ask(self, seed: int) -> None:
        """Pages and scans on the edges of the stored results are those of the dict."""
        for query in self.queries(seed, 8):
            assert self.asked(self.index, query, self.stored) == self.answer(query), query
            if self.knows(query):
                self.scan(query, all_matches(self.of_jobs(query.jobs, self.heeded(query)), query))

    def scan(self, query: Query, results: Batch) -> None:
        """Assert that a scan gives every match in order."""
        scanned = [found.to_dict() for found in self.index.scan(query)]
        assert repr(scanned) == repr(results), query

    # ---- invariants

    @invariant()
    def checks_itself(self) -> None:
        """The index's own invariants hold."""
        self.index.check()

    @invariant()
    def sequence_is_counted(self) -> None:
        """The sequence counts the writes that changed something; jobs and rows are the dict's."""
        assert self.index.sequence == self.sequence
        assert self.index.jobs() == tuple(sorted(self.spans))
        stats = self.index.stats()
        rows = {kind: sum(kind == of for of, _ in self.stored) for kind in KINDS}
        assert (stats["jobs"], stats["rows"]) == (len(self.spans), rows)
        for job_id, span in self.spans.items():
            assert job_id in self.index
            names = [name for name in self.stored if name[1][0] == job_id]
            timestamps = [timestamp for _, (_, timestamp, *_) in names]
            of_job = self.index.stats(job_id)
            assert of_job["bucket_span"] == span
            assert of_job["rows"] == {kind: sum(kind == of for of, _ in names) for kind in KINDS}
            ends = (min(timestamps), max(timestamps)) if timestamps else (None, None)
            assert (of_job["first_timestamp"], of_job["last_timestamp"]) == ends

    @invariant()
    def older_snapshots_answer_as_before(self) -> None:
        """No write changes a snapshot that was taken before it."""
        for older in self.older:
            older.snapshot.check()
            for query, answer in older.answers:
                assert self.asked(older.snapshot, query, older.stored) == answer, query


class WithoutDocuments(IndexMachine):
    """An index without documents: the host has them, and a page names the documents that it needs."""

    head_rows = 8
    keep_documents = False

    def answer(self, query: Query) -> str:
        """The answer of the dict; `expand` is refused, because records need their documents."""
        if isinstance(query, BucketQuery) and query.expand:
            return "InvalidQuery"
        return super().answer(query)

    def asked(self, source: ResultsIndex | Snapshot, query: Query, stored: State) -> str:
        """The answer of the index with the documents that it names."""
        return outcome(lambda: self.filled(source, query, stored))

    def filled(self, source: ResultsIndex | Snapshot, query: Query, stored: State) -> Document:
        """The body of a page, with the dict's documents for its keys."""
        page = source.search(query)
        keys = list(page.keys())
        assert len(page) == len(keys)
        body = page.to_dict(documents=[stored[kind_of(query), key] for key in keys])
        assert body["count"] == page.count
        if keys:
            with pytest.raises(InvalidQuery):
                page.to_dict()
        return body

    def queries(self, seed: int, number: int) -> list[Query]:
        """The queries of all machines. A query for an unknown job has no `expand`, so that it has only one fault."""
        return [
            query.replace(expand=False) if isinstance(query, BucketQuery) and not self.knows(query) else query
            for query in super().queries(seed, number)
        ]

    def scan(self, query: Query, results: Batch) -> None:
        """Assert that a scan raises an error, because no match can be shown without its document."""
        if results:
            with pytest.raises(InvalidQuery):
                next(self.index.scan(query))


class WithValueIndexes(IndexMachine):
    """Value indexes of any number of rows, and queries that read them after every write.

    Because of these queries the next write always finds value indexes to extend, to correct or to drop.
    """

    head_rows = 4
    fewest = 2
    #: The rows that a value index may be behind, the covered rows that allow one more, the corrections that may wait.
    behind: ClassVar[int] = 0
    behind_share: ClassVar[int] = 64
    most_waiting: ClassVar[int] = 4
    #: About how many rows the sparsest level has.
    sparsest: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        take(self.index, ON_FEW_ROWS)
        self.asked_last = self.sequence

    def resize(self) -> None:
        """Use the sizes of value indexes that the class gives."""
        lead_by_value(self.patch, behind=self.behind, sparsest=self.sparsest)
        resize(self.patch, covered_per_row_behind=self.behind_share, waiting_corrections=self.most_waiting)

    def query_by_value(self, rng: Random, job_id: str) -> Query:
        """A query that can be answered by value: it has a threshold, an order by value, or both."""
        kind = rng.choice(KINDS)
        score = "anomaly_score" if kind == "bucket" else f"{kind}_score"
        asked: Document = {
            "sort": rng.choice((score, score, f"initial_{score}", "bucket_span", "is_interim")),
            "desc": rng.random() < 0.6,
            "size": rng.choice((1, 3, 10)),
            "from_": rng.choice((0, 0, 2)),
            "exclude_interim": rng.random() < 0.3,
            score: rng.choice((0.0, 0.0, 1e-9, 30.0, 75.0, 100.0)),
        }
        if rng.random() < 0.3:
            del asked["sort"]
        if rng.random() < 0.4:
            asked["start"] = STARTS[job_id] + rng.randrange(20) * STEP
            asked["end"] = asked["start"] + rng.choice((5, 40)) * STEP
        return QUERIES[kind](jobs=job_id, **asked)

    def queries(self, seed: int, number: int) -> list[Query]:
        """The queries of all machines, and the same number of queries by value."""
        rng = Random(seed)
        known = sorted(self.spans) or sorted(STARTS)
        return super().queries(seed, number) + [self.query_by_value(rng, rng.choice(known)) for _ in range(number)]

    @invariant()
    def answers_by_value_are_the_dicts(self) -> None:
        """After each write some queries by value on every job have the dict's answers."""
        if self.asked_last == self.sequence:
            return
        take(self.index, ON_FEW_ROWS)
        self.asked_last = self.sequence
        rng = Random(self.sequence)
        for job_id in sorted(self.spans):
            for query in [self.query_by_value(rng, job_id) for _ in range(3)]:
                assert self.asked(self.index, query, self.stored) == self.answer(query), query
