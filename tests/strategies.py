"""Histories of writes, drawn by Hypothesis or made quickly from a seed, and a plain model of what they leave stored.

A history is a list of batches, a batch a list of documents as `ResultsIndex.upsert` takes them. Both makers aim at what
an index finds hard: late buckets, replacements, interim then final, identical rewrites, several spans at one timestamp,
several jobs, ties.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bucketquery import BucketQuery
from bucketquery.testing import SORTABLE, bucket_documents

Document = dict[str, Any]
Batch = list[Document]
History = list[Batch]
Identity = tuple[str, int, int]
State = dict[Identity, Document]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_INSTANT = -62_135_596_800_000  # 0001-01-01T00:00:00.000Z
LAST_INSTANT = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
INT64_MAX = 2**63 - 1


# What a history leaves stored


def timestamp_ms(document: Mapping[str, Any]) -> int:
    """The document's timestamp in epoch milliseconds, whichever way it is written."""
    given = document["timestamp"]
    if isinstance(given, str):
        return (datetime.fromisoformat(given) - EPOCH) // timedelta(milliseconds=1)
    return int(given)


def identity(document: Mapping[str, Any]) -> Identity:
    """Job, timestamp and span: what a later document must share to replace this one."""
    return document["job_id"], timestamp_ms(document), int(document["bucket_span"])


def apply_batch(state: Mapping[Identity, Document], batch: Iterable[Document]) -> State:
    """A new state: `state` with the buckets of `batch` written over it, later ones over earlier ones."""
    written = {identity(document): document for document in batch if document.get("result_type") == "bucket"}
    return {**state, **written}


def apply_history(history: Iterable[Batch]) -> list[Document]:
    """The bucket documents that are stored once every batch has been written."""
    state: State = {}
    for batch in history:
        state = apply_batch(state, batch)
    return list(state.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a commit of one batch should say about it."""

    inserted: int
    replaced: int
    unchanged: int
    skipped: Mapping[str, int]


def tally(before: Mapping[Identity, Document], batch: Batch) -> Tally:
    """The counts of a commit: each identity once, as inserted, replaced or unchanged; other result types by name."""
    after = apply_batch({}, batch)
    known = [name for name in after if name in before]
    unchanged = sum(stored_values(after[name]) == stored_values(before[name]) for name in known)
    skipped: dict[str, int] = {}
    for document in batch:
        if document.get("result_type") != "bucket":
            kind = document.get("result_type") or ""
            skipped[kind] = skipped.get(kind, 0) + 1
    return Tally(
        inserted=len(after) - len(known), replaced=len(known) - unchanged, unchanged=unchanged, skipped=skipped
    )


def stored_values(document: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is kept of a bucket document: None for what is missing, an empty list counts as missing, no unknown keys."""
    plain = ("anomaly_score", "initial_anomaly_score", "event_count", "is_interim", "processing_time_ms")
    scores = ("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability")
    is_interim = bool(document.get("is_interim"))
    influencers = tuple(
        (
            nested.get("influencer_field_name"),
            *(nested.get(name) or 0.0 for name in scores),
            is_interim if nested.get("is_interim") is None else nested["is_interim"],
        )
        for nested in document.get("bucket_influencers") or ()
    )
    return (
        *(document.get(name) for name in plain),
        influencers,
        tuple(document.get("scheduled_events") or ()),
    )


# Drawn by Hypothesis


_BATCHES = st.lists(
    st.tuples(
        bucket_documents(max_size=6),
        # Which earlier document, counted from the newest, and what becomes of it.
        st.lists(
            st.tuples(
                st.integers(0, 20),
                st.sampled_from(
                    (
                        {},
                        {"is_interim": False},
                        {"is_interim": True},
                        {"anomaly_score": 75.0},
                        {"anomaly_score": None},
                        {"bucket_span": 3_600, "bucket_influencers": []},
                        {"scheduled_events": ["Deploy"]},
                    )
                ),
            ),
            max_size=4,
        ),
        st.sampled_from(([], [{"result_type": "record"}], [{"_id": "quantiles"}])),
    ),
    max_size=4,
)


def histories() -> st.SearchStrategy[History]:
    """Up to four batches of new documents, and of earlier ones again: identical, final, rescored, of another span."""
    return _BATCHES.map(_history)


def _history(drawn: list[tuple[Batch, list[tuple[int, Document]], Batch]]) -> History:
    history: History = []
    earlier: list[Document] = []
    for documents, rewrites, others in drawn:
        again = [{**earlier[-1 - back % len(earlier)], **change} for back, change in rewrites if earlier]
        history.append([*documents, *again, *others])
        earlier += [*documents, *again]
    return history


# Made from a seed: a thousand times quicker, and so the way to very many cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The values a history was made from, for questions that hit its edges."""

    jobs: Sequence[str]
    timestamps: Sequence[int]
    spans: Sequence[int]
    scores: Sequence[float]
    rows: int


_JOBS = ("web", "Web-2", "web.prod", "données", "0", "\U0001f4a1")
_SPANS = ((900,), (300,), (60, 300), (300, 900, 3_600), (1, INT64_MAX))
_EVENTS = ("", "Deploy", "deploy", "été", "z", "\uffff", "\U00010000", "a", "a\x00")
_OTHERS: tuple[Document, ...] = ({"result_type": "record"}, {"result_type": "model_plot"}, {"_id": "quantiles"})
_SCORE_POOLS: tuple[tuple[float, ...], ...] = (
    (0.0, 0, 30.0, 29.9999996735, 75.0, 100),
    (3.0102999666,),
    (0.0, -0.0, 5e-324, 1e-323, 2.2250738585072014e-308, 2.225073858507201e-308),
    (-1.0, -5e-324, 0.0, 1e-300, 100.00000000000001, 1.7976931348623157e308),
    tuple(0.184671429 * n for n in range(40)),
)


def seeded_history(rng: Random, rows: int) -> tuple[History, Domain]:
    """A history of about `rows` bucket documents, rewrites included, and what it was made from."""
    make = _maker(rng, rows, rng.sample(_JOBS, rng.choice((1, 1, 1, 2, 3))))
    sizes = [0] * rng.choice((1, 3, 8, max(1, min(rows, 40))))
    for _ in range(rows):
        sizes[rng.randrange(len(sizes))] += 1
    history = [make.batch(size) for size in sizes]
    return history, make.domain(rows)


def churned_history(rng: Random) -> tuple[History, Domain]:
    """Thousands of buckets of one job in order, then thousands late and again, some at a time."""
    rows = rng.randint(2_000, 2_500)
    make = _maker(rng, rows, [rng.choice(_JOBS)])
    first = [make.write(make.next) for _ in range(rows)]
    make.spans = (300, 900)
    ways = (make.late, make.late, make.rewrite, make.finalised)
    history = [first, *([make.write(rng.choice(ways)) for _ in range(rng.randint(100, 500))] for _ in range(8))]
    return history, make.domain(rows)


def _maker(rng: Random, rows: int, jobs: Sequence[str]) -> "_Maker":
    pool = rng.choice(_SCORE_POOLS) if rng.random() < 0.7 else tuple(round(100 * rng.random(), 4) for _ in range(200))
    step = rng.choice((900_000, 300_000, 60_000, 1))
    last = LAST_INSTANT - 10 * step * (rows + 1)
    first = rng.choice((1_767_225_600_000, 1_767_225_600_123, 0, -1, FIRST_INSTANT, last))
    return _Maker(
        rng=rng,
        jobs=jobs,
        spans=rng.choice(_SPANS),
        scores=pool,
        first=first,
        step=step,
        missing=rng.choice((0.0, 0.3)),
    )


@dataclass(slots=True, kw_only=True)
class _Maker:
    rng: Random
    jobs: Sequence[str]
    spans: Sequence[int]
    scores: Sequence[float]
    first: int
    step: int
    missing: float
    bucket: int = 0
    written: list[Document] = field(default_factory=list)

    def batch(self, size: int) -> Batch:
        """Rows of one way of writing, or of all ways mixed."""
        ways = (self.next, self.next, self.late, self.rewrite, self.finalised)
        only = self.rng.choice(ways) if self.rng.random() < 0.5 else None
        batch = [self.write(only or self.rng.choice(ways)) for _ in range(size)]
        if self.rng.random() < 0.2:
            batch.append(self.rng.choice(_OTHERS))
        return batch

    def write(self, way: Callable[[], Document]) -> Document:
        """One document, remembered so that it can be written again."""
        document = way()
        self.written.append(document)
        return document

    def domain(self, rows: int) -> Domain:
        """What was written so far, for questions."""
        return Domain(
            jobs=self.jobs,
            timestamps=sorted({timestamp_ms(document) for document in self.written}) or [self.first],
            spans=self.spans,
            scores=[float(score) for score in self.scores],
            rows=rows,
        )

    def next(self) -> Document:
        """A bucket not before any other, at times at the same instant."""
        self.bucket += self.rng.choice((0, 1, 1, 1))
        return self.values(self.bucket, interim=0.2)

    def late(self) -> Document:
        """A bucket somewhere in what was written already; its identity may be taken or new."""
        return self.values(self.rng.randrange(self.bucket + 1), interim=0.2)

    def rewrite(self) -> Document:
        """A bucket written before, once more: identical, in other spelling, or rescored."""
        if not self.written:
            return self.next()
        earlier = self.rng.choice(self.written[-50:] if self.rng.random() < 0.5 else self.written)
        change = self.rng.choice(({}, {}, {"unknown": 1}, {"anomaly_score": self.rng.choice(self.scores)}))
        return {**earlier, **change}

    def finalised(self) -> Document:
        """The newest interim bucket as a final one; without one, a next bucket."""
        for earlier in reversed(self.written[-20:]):
            if earlier.get("is_interim"):
                return {**earlier, "is_interim": False, "event_count": self.rng.choice((0, 60))}
        return self.next()

    def values(self, bucket: int, *, interim: float) -> Document:
        """A document for the `bucket`-th step, every optional field present or not, as chance will have it."""
        rng = self.rng
        timestamp = self.first + bucket * self.step
        document: Document = {
            "job_id": rng.choice(self.jobs),
            "timestamp": timestamp,
            "bucket_span": rng.choice(self.spans),
            "result_type": "bucket",
        }
        score = rng.choice(self.scores)
        optional: Document = {
            "anomaly_score": score,
            "initial_anomaly_score": score if rng.random() < 0.5 else rng.choice(self.scores),
            "event_count": rng.choice((0, 1, 60, 60, 60, 2**53, 2**53 + 1, INT64_MAX - 1, INT64_MAX, -1, -(2**63))),
            "is_interim": rng.random() < interim,
            "processing_time_ms": rng.choice((0, 0, 1, 12, INT64_MAX)),
            "bucket_influencers": [],
        }
        if rng.random() < 0.2:
            optional["bucket_influencers"] = [self.influencer(document) for _ in range(rng.choice((1, 2)))]
        if rng.random() < 0.2:
            optional["scheduled_events"] = rng.choices(_EVENTS, k=rng.choice((0, 1, 2, 3)))
        for name, value in optional.items():
            chance = rng.random()
            if chance >= self.missing:
                document[name] = value
            elif chance < self.missing / 3:
                document[name] = None
        if rng.random() < 0.1:
            document["timestamp"] = iso(timestamp)
        return document

    def influencer(self, bucket: Document) -> Document:
        """A nested influencer, some of its keys left to their defaults."""
        keys: Document = {
            "job_id": bucket["job_id"],
            "timestamp": bucket["timestamp"],
            "bucket_span": bucket["bucket_span"],
            "result_type": "bucket_influencer",
            "influencer_field_name": self.rng.choice(("bucket_time", "host.name", None)),
            "initial_anomaly_score": self.rng.choice(self.scores),
            "anomaly_score": self.rng.choice(self.scores),
            "raw_anomaly_score": self.rng.choice((0.0, 10.4, None)),
            "probability": self.rng.choice((1.7e-32, 5e-324, 0.0, 1.0)),
            "is_interim": self.rng.choice((True, False, None)),
        }
        return {name: value for name, value in keys.items() if self.rng.random() < 0.7}


def iso(timestamp: int) -> str:
    """Epoch milliseconds as ISO text in UTC."""
    return (EPOCH + timedelta(milliseconds=timestamp)).isoformat(timespec="milliseconds")


def respelled(rng: Random, document: Document) -> Document:
    """The same document written another way: NumPy scalars, integral floats, other instants, or as a search hit."""
    way = rng.randrange(12)
    if way == 0:
        return {"_index": ".ml-anomalies-shared", "_source": document}
    given = {name: value for name, value in document.items() if value is not None}
    changed: Document = {}
    if way == 1 and "timestamp" in given:
        timestamp = timestamp_ms(document)
        moment = EPOCH + timedelta(milliseconds=timestamp)
        changed["timestamp"] = rng.choice((moment, np.datetime64(timestamp, "ms"), np.int64(timestamp), iso(timestamp)))
    elif way in {2, 3}:
        spelling = np.int64 if way == 2 else _integral_float
        names = {"event_count", "processing_time_ms", "bucket_span"} & given.keys()
        changed = {name: spelling(given[name]) for name in names}
    elif way == 4:
        changed = {name: np.float64(given[name]) for name in {"anomaly_score", "initial_anomaly_score"} & given.keys()}
    return {**document, **changed}


def _integral_float(number: int) -> float | int:
    return float(number) if abs(number) <= 2**53 else number


def as_columns(rng: Random, batch: Sequence[Document]) -> tuple[dict[str, Any], str | None]:
    """The buckets of a batch as `ResultsIndex.upsert_columns` takes them: the columns, and the job if all share it."""
    buckets = [document for document in batch if document.get("result_type") == "bucket"]
    jobs = {document["job_id"] for document in buckets}
    job_id = jobs.pop() if len(jobs) == 1 and rng.random() < 0.5 else None
    columns: dict[str, Any] = {"timestamp": np.array([timestamp_ms(document) for document in buckets], np.int64)}
    if rng.random() < 0.5:
        columns["timestamp"] = columns["timestamp"].astype("datetime64[ms]")
    spans = [document["bucket_span"] for document in buckets]
    columns["bucket_span"] = spans[0] if len(set(spans)) == 1 else np.array(spans, np.int64)
    if job_id is None:
        names = [document["job_id"] for document in buckets]
        columns["job_id"] = names if rng.random() < 0.5 else np.array(names)
    dtypes = {
        "anomaly_score": np.float64,
        "initial_anomaly_score": np.float64,
        "event_count": np.int64,
        "is_interim": np.bool_,
        "processing_time_ms": np.int64,
    }
    for name, dtype in dtypes.items():
        values = [document.get(name) for document in buckets]
        missing = [value is None for value in values]
        if all(missing):
            continue
        if rng.random() < 0.3:
            columns[name] = values
        else:
            filled: np.ndarray[Any, Any] = np.array([0 if value is None else value for value in values], dtype)
            columns[name] = np.ma.array(filled, mask=missing) if any(missing) else filled
    for name in ("bucket_influencers", "scheduled_events"):
        lists = [document.get(name) for document in buckets]
        if any(lists):
            columns[name] = lists
    return columns, job_id


def seeded_query(rng: Random, domain: Domain) -> BucketQuery:
    """A question about a history made from `domain`, on its edges as a rule."""
    sort = rng.choice(SORTABLE[:11] if rng.random() < 0.9 else SORTABLE)
    if rng.random() < 0.5:
        sort = rng.choice(("timestamp", "anomaly_score"))
    either: dict[str, Any] = {
        "jobs": rng.choice(domain.jobs),
        "exclude_interim": rng.random() < 0.3,
        "expand": rng.random() < 0.1,
        "sort": sort,
        "desc": rng.random() < 0.5,
    }
    if rng.random() < 0.08:
        return BucketQuery(timestamp=rng.choice(domain.timestamps) + rng.choice((*[0] * 9, 1)), **either)
    start, end = _window(rng, domain)
    return BucketQuery(
        start=start,
        end=end,
        anomaly_score=_threshold(rng, domain),
        from_=rng.choice((*[0] * 20, 1, 2, domain.rows // 8, domain.rows // 3, domain.rows, 10**30)),
        size=rng.choice((*[100] * 7, *[10] * 7, 1, 2, 3, 5, 0, 10_000, 10_000, 10_000)),
        **either,
    )


def _window(rng: Random, domain: Domain) -> tuple[int | None, int | None]:
    """Open more often than not; where both ends are given, seldom reversed."""
    start, end = sorted((_edge(rng, domain), _edge(rng, domain)))
    if rng.random() < 0.05:
        start, end = end, start
    return (start if rng.random() < 0.4 else None), (end if rng.random() < 0.4 else None)


def _edge(rng: Random, domain: Domain) -> int:
    if rng.random() < 0.1:
        return rng.choice((-(2**63), INT64_MAX, 2**70, FIRST_INSTANT, LAST_INSTANT, 0))
    return rng.choice(domain.timestamps) + rng.choice((0, 0, 0, 1, -1, 1_000 * min(domain.spans)))


def _threshold(rng: Random, domain: Domain) -> float:
    chance = rng.random()
    if chance < 0.5:
        return 0.0
    if chance < 0.6:
        return rng.choice((-1.0, math.nan, math.inf, 5e-324, 75.0, 100.0, 50.5))
    score = min(rng.choices(domain.scores, k=2))
    return rng.choice((score, score, math.nextafter(score, math.inf), math.nextafter(score, -math.inf)))
