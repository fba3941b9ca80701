"""Histories of writes, drawn by Hypothesis or made quickly from a seed, and a plain model of the stored results.

A history is a list of batches, a batch a list of documents of all kinds as `ResultsIndex.upsert` takes them. Both
makers aim at the hard cases of an index: late results, replacements, interim results that become final, identical
rewrites, batches of new scores only, several spans and many records at one timestamp, records without a bucket, records
in buckets, several jobs, ties, missing text beside empty text, single values in place of lists.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bucketquery import BucketQuery, InfluencerQuery, Kind, RecordQuery
from bucketquery.testing import SORTABLE, result_documents

Document = dict[str, Any]
Batch = list[Document]
History = list[Batch]
Query = BucketQuery | RecordQuery | InfluencerQuery
Identity = tuple[Any, ...]
Name = tuple[Kind, Identity]
#: The stored documents, by the kind of a result and its identity.
State = dict[Name, Document]

KINDS: tuple[Kind, ...] = ("bucket", "record", "influencer")
QUERIES: Mapping[str, type[Query]] = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}
SCORES: Mapping[str, str] = {"bucket": "anomaly_score", "record": "record_score", "influencer": "influencer_score"}

#: The fields of each kind that every index stores, and the type of their values.
FIELDS: Mapping[str, Mapping[str, type]] = {
    "bucket": {
        "anomaly_score": float,
        "initial_anomaly_score": float,
        "event_count": int,
        "is_interim": bool,
        "processing_time_ms": int,
    },
    "record": {
        "record_score": float,
        "initial_record_score": float,
        "probability": float,
        "multi_bucket_impact": float,
        "detector_index": int,
        "is_interim": bool,
        "function": str,
        "function_description": str,
        "field_name": str,
        "by_field_name": str,
        "by_field_value": str,
        "over_field_name": str,
        "over_field_value": str,
        "partition_field_name": str,
        "partition_field_value": str,
    },
    "influencer": {
        "influencer_score": float,
        "initial_influencer_score": float,
        "probability": float,
        "is_interim": bool,
        "influencer_field_name": str,
        "influencer_field_value": str,
    },
}
#: The documented fields that an index with `keep_documents=False` does not store.
DROPPED: Mapping[str, Sequence[str]] = {
    "bucket": ("bucket_influencers",),
    "record": (
        "correlated_by_field_value",
        "typical",
        "actual",
        "causes",
        "influencers",
        "geo_results",
        "anomaly_score_explanation",
    ),
    "influencer": (),
}
#: The fields that each kind can be sorted by.
SORT_FIELDS: Mapping[str, Sequence[str]] = {
    "bucket": SORTABLE[:12],
    **{
        kind: ("timestamp", "@timestamp", "bucket_span", "job_id", "result_type", "event.ingested", *FIELDS[kind])
        for kind in KINDS[1:]
    },
}
_IDENTIFIED_BY: Mapping[str, Sequence[str]] = {
    "bucket": (),
    "record": ("by_field_value", "over_field_value", "partition_field_value"),
    "influencer": ("influencer_field_name", "influencer_field_value"),
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_INSTANT = -62_135_596_800_000  # 0001-01-01T00:00:00.000Z
LAST_INSTANT = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
INT64_MAX = 2**63 - 1


# ---- the stored results of a history


def timestamp_ms(document: Mapping[str, Any]) -> int:
    """The document's timestamp in epoch milliseconds, whether it is a number or text."""
    return _instant_ms(document["timestamp"])


def ingested_ms(document: Mapping[str, Any]) -> int | None:
    """The instant of the document's `event` in epoch milliseconds; None if it has none."""
    event = document.get("event")
    given = event.get("ingested") if isinstance(event, dict) else None
    return None if given is None else _instant_ms(given)


def _instant_ms(given: str | float) -> int:
    if isinstance(given, str):
        return (datetime.fromisoformat(given) - EPOCH) // timedelta(milliseconds=1)
    return int(given)


def listed(value: Any) -> list[Any]:
    """The items of a list; a single value is the only item, and null has none."""
    if value is None:
        return []
    return [*value] if isinstance(value, list) else [value]


def results_in(batch: Iterable[Document]) -> Iterable[Document]:
    """The documents of a batch one by one: each bucket without its records, then these records."""
    for document in batch:
        if document.get("result_type") != "bucket" or "records" not in document:
            yield document
            continue
        yield {name: value for name, value in document.items() if name != "records"}
        for record in listed(document["records"]):
            taken = {
                name: document.get(name)
                for name in ("job_id", "timestamp", "bucket_span", "is_interim")
                if record.get(name) is None
            }
            yield {**record, **taken, "result_type": "record"}


def is_for_values_only(query: Query) -> bool:
    """Whether a query has a band of scores or a filter, which only a query value can have."""
    return bool(query.where) or isinstance(getattr(query, SCORES[kind_of(query)]), tuple)


def kind_of(query: Query) -> Kind:
    """The kind of results that a query asks for."""
    return next(kind for kind in KINDS if type(query) is QUERIES[kind])


def identity(document: Mapping[str, Any]) -> Identity:
    """The identity of a document, as in ``page.keys()``: a later document of the same identity replaces it."""
    kind = document["result_type"]
    key: Identity = (document["job_id"], timestamp_ms(document), int(document["bucket_span"]))
    if kind == "record":
        # A record without a detector index belongs to detector 0.
        key = (*key, int(document.get("detector_index") or 0))
    return (*key, *(document.get(name) for name in _IDENTIFIED_BY[kind]))


def fits(document: Mapping[str, Any]) -> bool:
    """Whether the document is a result of one of the kinds that are stored."""
    return document.get("result_type") in QUERIES


def apply_batch(state: Mapping[Name, Document], batch: Iterable[Document]) -> State:
    """A new state: the results of `batch` replace those of `state`, and later ones replace earlier ones."""
    results = filter(fits, results_in(batch))
    return {**state, **{(document["result_type"], identity(document)): document for document in results}}


def apply_history(history: Iterable[Batch]) -> list[Document]:
    """The documents that are stored after every batch."""
    state: State = {}
    for batch in history:
        state = apply_batch(state, batch)
    return list(state.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counts that the commit of a batch should have."""

    inserted: int
    replaced: int
    unchanged: int
    repeated: int
    skipped: Mapping[str, int]


def commit_counts(before: Mapping[Name, Document], batch: Batch, *, keep_documents: bool = True) -> Counts:
    """The counts of a commit: each identity once, as inserted, replaced or unchanged; other types by name."""
    after = apply_batch({}, batch)
    known = [name for name in after if name in before]
    unchanged = sum(
        stored_values(after[name], keep_documents=keep_documents)
        == stored_values(before[name], keep_documents=keep_documents)
        for name in known
    )
    skipped: dict[str, int] = {}
    for document in batch:
        if not fits(document):
            kind = document.get("result_type") or ""
            skipped[kind] = skipped.get(kind, 0) + 1
    return Counts(
        inserted=len(after) - len(known),
        replaced=len(known) - unchanged,
        unchanged=unchanged,
        repeated=sum(map(fits, results_in(batch))) - len(after),
        skipped=skipped,
    )


def stored_values(document: Mapping[str, Any], *, keep_documents: bool = True) -> tuple[Any, ...]:
    """The stored values of a document besides its job, timestamp and span; None if a value is missing.

    A bucket's empty list counts as missing, and its unknown keys are not stored.
    """
    kind = document["result_type"]
    values: tuple[Any, ...] = (ingested_ms(document), *(document.get(name) for name in FIELDS[kind]))
    if kind == "bucket":
        values += (tuple(listed(document.get("scheduled_events"))),)
        return (*values, _influences(document)) if keep_documents else values
    return (*values, *_only_shown(document)) if keep_documents else values


def _influences(bucket: Mapping[str, Any]) -> tuple[Any, ...]:
    scores = ("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability")
    of_the_bucket = {name: bucket.get(name) for name in ("job_id", "timestamp", "bucket_span", "is_interim")}
    shown = []
    for nested in listed(bucket.get("bucket_influencers")):
        own = {name: value if nested.get(name) is None else nested[name] for name, value in of_the_bucket.items()}
        shown.append(
            (
                nested.get("influencer_field_name"),
                *(nested.get(name) or 0.0 for name in scores),
                (own["job_id"], timestamp_ms(own), int(own["bucket_span"] or 0), bool(own["is_interim"])),
                ingested_ms(nested),
            )
        )
    return tuple(shown)


def _only_shown(document: Mapping[str, Any]) -> Iterable[Any]:
    kind = document["result_type"]
    for name in DROPPED[kind]:
        value = document.get(name)
        if value is not None and name in {"typical", "actual", "causes", "influencers"}:
            value = [_with_lists(item, name) for item in listed(value)]
        # These two are lists of doubles. The others come back as they are, so 1 and 1.0 differ.
        yield value if name in {"typical", "actual"} else json.dumps(value)
    yield json.dumps(unknown(document))


def _with_lists(item: Any, of: str) -> Any:
    """A cause or an influencer of a record with lists in place of its single values; anything else as it is."""
    if not isinstance(item, dict):
        return item
    changed: Document = {}
    if of == "causes":
        for name in ("typical", "actual"):
            if isinstance(item.get(name), int | float):
                changed[name] = [float(item[name]) or 0.0]
        if item.get("influencers") is not None:
            changed["influencers"] = [_with_lists(inner, "influencers") for inner in listed(item["influencers"])]
    elif of == "influencers" and isinstance(item.get("influencer_field_values"), str):
        changed["influencer_field_values"] = [item["influencer_field_values"]]
    return {**item, **changed}


def unknown(document: Mapping[str, Any]) -> Document:
    """The keys that are not documented for the document's kind but come back; a bucket has none."""
    kind = document["result_type"]
    if kind == "bucket":
        return {}
    known = {"job_id", "result_type", "timestamp", "bucket_span", *FIELDS[kind], *DROPPED[kind]}
    if isinstance(document.get("event"), dict | None):
        # An `event` that is not an object is the value of a data field.
        known.add("event")
    return {name: value for name, value in document.items() if name not in known}


# ---- histories drawn by Hypothesis


#: Changes of an earlier document: none, or another value, which may make it another result.
_REWRITES: tuple[Document, ...] = (
    {},
    {"is_interim": False},
    {"is_interim": True},
    {"anomaly_score": 75.0, "record_score": 75.0, "influencer_score": 75.0},
    {"anomaly_score": None, "record_score": None, "influencer_score": None},
    {"bucket_span": 3_600, "bucket_influencers": []},
    {"scheduled_events": ["Deploy"]},
    {"detector_index": None},
    {"over_field_value": ""},
    {"influencer_field_value": ""},
    {"probability": 5e-324},
    {"event": {"ingested": 1_767_225_600_000}},
    {"event": None},
    {"records": [{"detector_index": 1}, {"record_score": 75.0}]},
)
_OTHER_RESULTS: tuple[Batch, ...] = ([], [{"result_type": "model_plot"}], [{"_id": "quantiles"}])
_BATCHES = st.lists(
    st.tuples(
        result_documents(max_size=6),
        # An earlier document, counted from the newest, and its change.
        st.lists(st.tuples(st.integers(0, 20), st.sampled_from(_REWRITES)), max_size=4),
        st.sampled_from(_OTHER_RESULTS),
    ),
    max_size=4,
)


def histories() -> st.SearchStrategy[History]:
    """Up to four batches of new documents and of earlier ones: identical, final, rescored, of another span."""
    return _BATCHES.map(_history)


def _history(drawn: list[tuple[Batch, list[tuple[int, Document]], Batch]]) -> History:
    history: History = []
    earlier: list[Document] = []
    for documents, rewrites, others in drawn:
        again = [{**earlier[-1 - back % len(earlier)], **change} for back, change in rewrites if earlier]
        history.append([*documents, *again, *others])
        earlier += [*documents, *again]
    return history


# ---- histories from a seed: a thousand times quicker than Hypothesis


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The values that a history was made from, for queries on its edges."""

    jobs: Sequence[str]
    timestamps: Sequence[int]
    spans: Sequence[int]
    scores: Sequence[float]
    rows: int
    kinds: Sequence[Kind] = ("bucket",)


_JOBS = ("web", "Web-2", "web.prod", "données", "0", "\U0001f4a1")
_SPANS = ((900,), (300,), (60, 300), (300, 900, 3_600), (1, INT64_MAX))
_EVENTS = ("", "Deploy", "deploy", "été", "z", "\uffff", "\U00010000", "a", "a\x00")
_OTHERS: tuple[Document, ...] = (
    {"result_type": "bucket_influencer"},
    {"result_type": "model_plot"},
    {"_id": "quantiles"},
)
_SCORE_POOLS: tuple[tuple[float, ...], ...] = (
    (0.0, 0, 30.0, 29.9999996735, 75.0, 100),
    (3.0102999666,),
    (0.0, -0.0, 5e-324, 1e-323, 2.2250738585072014e-308, 2.225073858507201e-308),
    (-1.0, -5e-324, 0.0, 1e-300, 100.00000000000001, 1.7976931348623157e308),
    tuple(0.184671429 * n for n in range(40)),
)
#: Values that single precision or rounding cannot tell apart, and repeated ones.
_PROBABILITIES = (0.0, -0.0, 0, 5e-324, 1e-323, 1e-308, 1e-308, 1.0000000000000002e-308, 4.8e-16, 0.03, 1.0, 1)
_VALUES = ("", "a", "A", "été", "\uffff", "\U00010000", "a\x00", "host-1", "host-2")
#: Names of data fields: plain, nested in another, empty, reserved, and one that begins like a reserved name.
_FIELDS = ("host", "host", "host.name", "clientip", "", "function", "actual.value", "functional", "event")
_FUNCTIONS = ("mean", "rare", "Mean", "")
_DETECTORS = (0, 0, 1, 2, -1, INT64_MAX)
_IMPACTS = (0.0, -5, 5.0, -0.0, 4.999999999999999)
_LISTS: tuple[list[float] | float, ...] = ([], [18.0648015894], [5e-324, 1, -2.5], [0], 0, 18.0648015894)
_CAUSES: tuple[list[Document] | Document, ...] = (
    [],
    [{"probability": 1, "over_field_value": None}],
    [{"zebra": {"typical": [1.0, 1]}, "actual": []}, {"timestamp": "1970", "geo_results": {}}],
    [{"actual": 7, "b": 1, "typical": -0.0}, {"typical": None, "actual": [7]}],
    {"typical": 2.5, "zebra": {"typical": 5}},
    {"influencers": {"influencer_field_values": "a", "typical": 5}, "influencer_field_values": 5},
    [{"influencers": [{"influencer_field_values": ["a", 5]}, 5, {"influencers": 5}], "actual": None}],
)
_INFLUENCES: tuple[list[Document] | Document, ...] = (
    [],
    {"influencer_field_name": "host", "influencer_field_values": "host-1"},
    [{"influencer_field_name": "host", "influencer_field_values": ["a", "host-1", "a"]}],
    [{"influencer_field_values": ["b"]}, {"influencer_field_name": "host.name"}, {}],
    [
        {"influencer_field_name": "region", "influencer_field_values": ["z", "", "y"]},
        {"influencer_field_values": ["host-2"], "influencer_field_name": "host"},
        {"influencer_field_name": "", "influencer_field_values": ["x"]},
        {"influencer_field_name": "region", "influencer_field_values": ["y", "x"], "more": None},
    ],
)
_OBJECTS: tuple[Document, ...] = ({}, {"typical_point": "1.0,2.0", "other": [1, 1.0, True, None, {"é": ""}]})
#: Keys that are not documented for records or influencers: names of data fields and of other kinds' fields.
_UNKNOWN: tuple[Document, ...] = (
    {"host": ["host-2"]},
    {"host": "stored"},
    {"zone": 1, "host.name": None},
    {"anomaly_score": 1, "event_count": 1.0},
    {"extra": {"b": [True, {"a": -1}], "a": 2**53 + 1}},
    {"event.ingested": 5, "records": [{}]},
)

#: The fields of a record: name, chance, values; each part of an identity is often missing.
_OF_A_RECORD: Sequence[tuple[str, float, Sequence[Any]]] = (
    ("probability", 1.0, _PROBABILITIES),
    ("detector_index", 0.5, _DETECTORS),
    ("multi_bucket_impact", 0.3, _IMPACTS),
    ("function", 0.6, _FUNCTIONS),
    ("function_description", 0.3, _FUNCTIONS),
    ("field_name", 0.3, _FIELDS),
    ("by_field_name", 0.3, _FIELDS),
    ("by_field_value", 0.4, _VALUES),
    ("over_field_name", 0.3, _FIELDS),
    ("over_field_value", 0.4, _VALUES),
    ("partition_field_name", 0.3, _FIELDS),
    ("partition_field_value", 0.4, _VALUES),
    ("correlated_by_field_value", 0.1, _VALUES),
    ("typical", 0.2, _LISTS),
    ("actual", 0.2, _LISTS),
    ("influencers", 0.4, _INFLUENCES),
    ("causes", 0.1, _CAUSES),
    ("geo_results", 0.05, _OBJECTS),
    ("anomaly_score_explanation", 0.05, _OBJECTS),
)
_OF_AN_INFLUENCER: Sequence[tuple[str, float, Sequence[Any]]] = (
    ("probability", 1.0, _PROBABILITIES),
    ("influencer_field_name", 0.9, _FIELDS),
    ("influencer_field_value", 0.9, _VALUES),
)
#: Changes that make another result of nearly the same values, so that late sort keys break the tie.
_TWINS: Mapping[str, Sequence[Document]] = {
    "bucket": ({"bucket_span": 900, "bucket_influencers": []},),
    "record": (
        {"bucket_span": 900},
        *({"detector_index": detector} for detector in (None, *_DETECTORS)),
        *({f"{role}_field_value": value} for role in ("by", "over", "partition") for value in (None, "", "a")),
    ),
    "influencer": (
        {"bucket_span": 900},
        *({"influencer_field_value": value} for value in (None, "", "a", "A")),
        *({"influencer_field_name": name} for name in (None, "", "host")),
    ),
}

#: The kinds of a table; a kind that is named twice is drawn twice as often. Only the last has buckets with records.
_MIXES: tuple[tuple[Kind, ...], ...] = (
    *((kind,) for kind in KINDS),
    ("bucket", "bucket", "record", "record", "influencer"),
)
_MIX_WEIGHTS = (3, 3, 4, 6)


def seeded_history(rng: Random, rows: int) -> tuple[History, Domain]:
    """A history of about `rows` documents, rewrites included, and the values that it was made from."""
    kinds = rng.choices(_MIXES, weights=_MIX_WEIGHTS)[0]
    if len(kinds) > 1:
        rows *= 2
    make = _maker(rng, rows, rng.sample(_JOBS, rng.choice((1, 1, 1, 2, 3))), kinds)
    sizes = [0] * rng.choice((1, 3, 8, max(1, min(rows, 40))))
    for _ in range(rows):
        sizes[rng.randrange(len(sizes))] += 1
    history = []
    for size in sizes:
        history.append(make.batch(size))
        # An extra batch, not one of the others: those hold all kinds, and their rare cases must not become rarer.
        if "bucket" in kinds and rng.random() < 0.2:
            history.append(make.renormalised(size))
    return history, make.domain(rows)


def churned_history(rng: Random, kind: Kind) -> tuple[History, Domain]:
    """Thousands of results of one job and kind in order, then batches of late and rewritten ones."""
    rows = rng.randint(2_000, 2_500)
    make = _maker(rng, rows, [rng.choice(_JOBS)], (kind,))
    first = [make.write(make.next) for _ in range(rows)]
    make.spans = (300, 900)
    ways = (make.late, make.late, make.rewrite, make.finalised)
    history = [first, *([make.write(rng.choice(ways)) for _ in range(rng.randint(100, 500))] for _ in range(8))]
    for size in (200, 1_500):
        # The first size leaves the new scores in the head; the second copies the column.
        history += [make.renormalised(size)] if kind == "bucket" else []
    return history, make.domain(rows)


def _maker(rng: Random, rows: int, jobs: Sequence[str], kinds: Sequence[Kind]) -> "_Maker":
    pool = rng.choice(_SCORE_POOLS) if rng.random() < 0.7 else tuple(round(100 * rng.random(), 4) for _ in range(200))
    step = rng.choice((900_000, 300_000, 60_000, 1))
    last = LAST_INSTANT - 10 * step * (rows + 1)
    first = rng.choice((1_767_225_600_000, 1_767_225_600_123, 0, -1, FIRST_INSTANT, last))
    return _Maker(
        rng=rng,
        jobs=jobs,
        kinds=kinds,
        spans=rng.choice(_SPANS),
        scores=pool,
        first=first,
        step=step,
        advance=(0, 1, 1, 1) if kinds == ("bucket",) else rng.choice(((0, 0, 1), (0, 0, 0, 0, 0, 1))),
        missing=rng.choice((0.0, 0.3)),
    )


@dataclass(slots=True, kw_only=True)
class _Maker:
    rng: Random
    jobs: Sequence[str]
    kinds: Sequence[Kind]
    spans: Sequence[int]
    scores: Sequence[float]
    first: int
    step: int
    advance: Sequence[int]
    missing: float
    bucket: int = 0
    only: Kind | None = None
    written: list[Document] = field(default_factory=list)
    stored: State = field(default_factory=dict)

    def batch(self, size: int) -> Batch:
        """Documents written in one way or in all ways, and of one kind or of several."""
        ways = (self.next, self.next, self.late, self.rewrite, self.finalised)
        only = self.rng.choice(ways) if self.rng.random() < 0.5 else None
        self.only = self.rng.choice(self.kinds) if self.rng.random() < 0.3 else None
        batch = [self.write(only or self.rng.choice(ways)) for _ in range(size)]
        if self.rng.random() < 0.2:
            batch.append(self.rng.choice(_OTHERS))
        return batch

    def write(self, way: Callable[[], Document]) -> Document:
        """One document, remembered so that it can be written again."""
        document = way()
        self.written.append(document)
        bare = {name: value for name, value in document.items() if name != "records"}
        self.stored[document["result_type"], identity(document)] = bare
        return document

    def renormalised(self, size: int) -> Batch:
        """Stored buckets of one job with other current scores, sometimes one of them twice."""
        job_id = self.rng.choice(self.jobs)
        held = [name for name in self.stored if name[0] == "bucket" and name[1][0] == job_id]
        chosen = self.rng.choices(held, k=size) if held else []
        return [self.write(partial(self.scored, name)) for name in chosen]

    def scored(self, name: Name) -> Document:
        """A stored result with another current score."""
        return {**self.stored[name], SCORES[name[0]]: self.rng.choice(self.scores)}

    def domain(self, rows: int) -> Domain:
        """The values written so far, for queries."""
        return Domain(
            jobs=self.jobs,
            timestamps=sorted({timestamp_ms(document) for document in self.written}) or [self.first],
            spans=self.spans,
            scores=[float(score) for score in self.scores],
            rows=rows,
            kinds=self.kinds,
        )

    def next(self) -> Document:
        """A result behind all others, or at the instant of the last."""
        self.bucket += self.rng.choice(self.advance)
        return self.values(self.bucket)

    def late(self) -> Document:
        """A result between the written ones; its identity may be taken or new."""
        return self.values(self.rng.randrange(self.bucket + 1))

    def rewrite(self) -> Document:
        """A result that was written before: identical, with an unknown key, rescored, or with another identity."""
        if not self.written:
            return self.next()
        earlier = self.rng.choice(self.written[-50:] if self.rng.random() < 0.5 else self.written)
        kind = earlier["result_type"]
        rescored = {SCORES[kind]: self.rng.choice(self.scores)}
        ingested = {"event": self.event(timestamp_ms(earlier))}
        change = self.rng.choice(({}, {}, {"unknown": 1}, rescored, ingested, self.rng.choice(_TWINS[kind])))
        return {**earlier, **change}

    def finalised(self) -> Document:
        """The newest interim result as a final one; if there is none, a result of `next`."""
        for earlier in reversed(self.written[-20:]):
            if earlier.get("is_interim"):
                changed = {"event_count": self.rng.choice((0, 60))} if earlier["result_type"] == "bucket" else {}
                return {**earlier, "is_interim": False, **changed}
        return self.next()

    def values(self, bucket: int) -> Document:
        """A document for the `bucket`-th step; chance decides which optional fields it has."""
        rng = self.rng
        timestamp = self.first + bucket * self.step
        kind = rng.choice(self.kinds) if self.only is None else self.only
        document: Document = {
            "job_id": rng.choice(self.jobs),
            "timestamp": timestamp,
            "bucket_span": rng.choice(self.spans),
            "result_type": kind,
        }
        score = rng.choice(self.scores)
        name = SCORES[kind]
        optional: Document = {
            name: score,
            f"initial_{name}": score if rng.random() < 0.5 else rng.choice(self.scores),
            "is_interim": rng.random() < 0.2,
            "event": self.event(timestamp),
        }
        make = {"bucket": self.of_a_bucket, "record": self.of_a_record, "influencer": self.of_an_influencer}
        make[kind](document, optional)
        for name, value in optional.items():
            chance = rng.random()
            if chance >= self.missing:
                document[name] = value
            elif chance < self.missing / 3:
                document[name] = None
        if rng.random() < 0.1:
            document["timestamp"] = iso(timestamp)
        return document

    def of_a_bucket(self, document: Document, optional: Document) -> None:
        """Add the fields of a bucket."""
        rng = self.rng
        optional["event_count"] = rng.choice(
            (0, 60, 60, 2**53, 2**53 + 1, 2**53 + 1, INT64_MAX - 1, INT64_MAX, -1, -(2**63))
        )
        optional["processing_time_ms"] = rng.choice((0, 0, 1, 12, INT64_MAX))
        optional["bucket_influencers"] = []
        if rng.random() < (0.2 if len(self.kinds) == 1 else 0.6):
            optional["bucket_influencers"] = [self.influencer(document) for _ in range(rng.choice((1, 2)))]
        if rng.random() < 0.2:
            optional["scheduled_events"] = rng.choices(_EVENTS, k=rng.choice((0, 1, 2, 3)))
        for name in ("bucket_influencers", "scheduled_events"):
            if len(optional.get(name, ())) == 1 and rng.random() < 0.3:
                (optional[name],) = optional[name]
        if "record" in self.kinds and rng.random() < 0.15:
            records = [self.record_inside() for _ in range(rng.choice((0, 1, 1, 2)))]
            document["records"] = records[0] if len(records) == 1 and rng.random() < 0.3 else records

    def record_inside(self) -> Document:
        """A record in a bucket: it takes most values of its identity from the bucket."""
        rng = self.rng
        record: Document = {} if rng.random() < 0.8 else {"bucket_span": rng.choice(self.spans), "is_interim": None}
        optional: Document = {
            "record_score": rng.choice(self.scores),
            "is_interim": rng.random() < 0.5,
            "event": self.event(self.first),
        }
        self.of_a_record(record, optional)
        return record | {name: value for name, value in optional.items() if rng.random() >= self.missing}

    def event(self, timestamp: int) -> Any:
        """A value of `event`: mostly one of a few instants, so that there are ties; rarely no instant."""
        rng = self.rng
        if rng.random() < 0.1:
            return rng.choice((None, {}, {"ingested": None}, {"created": 5}))
        near = self.first + max(0, timestamp - self.first) // (7 * self.step) * self.step
        ingested = rng.choice((near, near, near, near + 1, FIRST_INSTANT, LAST_INSTANT, 0))
        return {"ingested": iso(ingested) if rng.random() < 0.1 else ingested}

    def of_a_record(self, document: Document, optional: Document) -> None:
        """Add the fields of a record."""
        self.some(_OF_A_RECORD, optional)
        self.unknown(document, optional)

    def of_an_influencer(self, document: Document, optional: Document) -> None:
        """Add the fields of an influencer."""
        self.some(_OF_AN_INFLUENCER, optional)
        self.unknown(document, optional)

    def unknown(self, document: Document, optional: Document) -> None:
        """Add unknown keys, or a data field called `event`, to a few documents."""
        if self.rng.random() < 0.2:
            document |= self.rng.choice(_UNKNOWN)
        if self.rng.random() < 0.05:
            optional["event"] = self.rng.choice(("login", ["login", "logout"], 5))

    def some(self, fields: Iterable[tuple[str, float, Sequence[Any]]], optional: Document) -> None:
        """Add values of some fields, each with its chance."""
        rng = self.rng
        for name, chance, values in fields:
            if rng.random() < chance:
                optional[name] = rng.choice(values)

    def influencer(self, bucket: Document) -> Document:
        """A nested influencer; some of its keys are missing."""
        keys: Document = {
            "job_id": self.rng.choice((bucket["job_id"], bucket["job_id"], "elsewhere")),
            "timestamp": bucket["timestamp"] + self.rng.choice((0, 0, self.step)),
            "bucket_span": self.rng.choice((bucket["bucket_span"], 60)),
            "result_type": "bucket_influencer",
            "influencer_field_name": self.rng.choice(("bucket_time", "host.name", None)),
            "initial_anomaly_score": self.rng.choice(self.scores),
            "anomaly_score": self.rng.choice(self.scores),
            "raw_anomaly_score": self.rng.choice((0.0, 10.4, None)),
            "probability": self.rng.choice((1.7e-32, 5e-324, 0.0, 1.0)),
            "is_interim": self.rng.choice((True, False, None)),
            "event": self.event(bucket["timestamp"]),
        }
        return {name: value for name, value in keys.items() if self.rng.random() < 0.7}


def iso(timestamp: int) -> str:
    """Epoch milliseconds as ISO text in UTC."""
    return (EPOCH + timedelta(milliseconds=timestamp)).isoformat(timespec="milliseconds")


_DTYPES: Mapping[type, type] = {float: np.float64, int: np.int64, bool: np.bool_}


def as_columns(rng: Random, batch: Sequence[Document]) -> tuple[dict[str, Any], str | None]:
    """Results of one kind as `ResultsIndex.upsert_columns` takes them: the columns, and the job if all share it.

    Unknown keys and the records in buckets have no column and are left out.
    """
    (kind,) = {document["result_type"] for document in batch}
    jobs = {document["job_id"] for document in batch}
    job_id = jobs.pop() if len(jobs) == 1 and rng.random() < 0.5 else None
    columns: dict[str, Any] = {"timestamp": np.array([timestamp_ms(document) for document in batch], np.int64)}
    if rng.random() < 0.5:
        columns["timestamp"] = columns["timestamp"].astype("datetime64[ms]")
    spans = [document["bucket_span"] for document in batch]
    columns["bucket_span"] = spans[0] if len(set(spans)) == 1 else np.array(spans, np.int64)
    if job_id is None:
        names = [document["job_id"] for document in batch]
        columns["job_id"] = names if rng.random() < 0.5 else np.array(names)
    for name, holds in FIELDS[kind].items():
        values = [document.get(name) for document in batch]
        missing = [value is None for value in values]
        if all(missing):
            continue
        if rng.random() < 0.3 or (holds is str and _ends_in_nul(values)):
            columns[name] = values
        elif holds is str:
            columns[name] = np.array(values, object) if any(missing) else np.array(values)
        else:
            filled: np.ndarray[Any, Any] = np.array([0 if value is None else value for value in values], _DTYPES[holds])
            columns[name] = np.ma.array(filled, mask=missing) if any(missing) else filled
    ingested = [ingested_ms(document) for document in batch]
    if any(instant is not None for instant in ingested):
        columns["event.ingested"] = ingested
    for name in (*DROPPED[kind], *(("scheduled_events",) if kind == "bucket" else ())):
        values = [document.get(name) for document in batch]
        if any(value is not None for value in values):
            columns[name] = values
    return columns, job_id


def rescored(bucket: Document, score: Any) -> Document:
    """A bucket after `ResultsIndex.renormalize`: its influencers named ``bucket_time`` get its new score, too."""
    changed = {**bucket, "anomaly_score": score}
    if listed(bucket.get("bucket_influencers")):
        changed["bucket_influencers"] = [
            {**nested, "anomaly_score": score} if nested.get("influencer_field_name") == "bucket_time" else nested
            for nested in listed(bucket["bucket_influencers"])
        ]
    return changed


def as_scores(state: Mapping[Name, Document], batch: Sequence[Document]) -> tuple[str, dict[str, Any]] | None:
    """A batch as `ResultsIndex.renormalize` takes it, job and columns; None if it changes more than scores."""
    if len({document["job_id"] for document in batch}) != 1:
        return None
    for document in batch:
        stored = state.get((document["result_type"], identity(document)))
        if document["result_type"] != "bucket" or stored is None or document.get("anomaly_score") is None:
            return None
        if listed(document.get("records")):
            return None
        if stored_values(rescored(stored, document["anomaly_score"])) != stored_values(document):
            return None
    columns = {
        "timestamp": [timestamp_ms(document) for document in batch],
        "bucket_span": np.array([document["bucket_span"] for document in batch], np.int64),
        "anomaly_score": [document["anomaly_score"] for document in batch],
    }
    return batch[0]["job_id"], columns


def _ends_in_nul(values: Sequence[str | None]) -> bool:
    # An array of text drops trailing NULs.
    return any(value is not None and value.endswith("\x00") for value in values)


def seeded_query(rng: Random, domain: Domain) -> Query:
    """A query on a history made from `domain`, mostly on its edges."""
    kind = rng.choice(domain.kinds if rng.random() < 0.99 else KINDS)
    sort = rng.choice(SORT_FIELDS[kind] if rng.random() < 0.9 else SORTABLE)
    if rng.random() < 0.5:
        sort = rng.choice((*("timestamp", SCORES[kind]) * 3, "event.ingested"))
    either: dict[str, Any] = {
        "jobs": rng.choice(domain.jobs) if rng.random() < 0.7 else _several(rng, domain.jobs),
        "exclude_interim": rng.random() < 0.3,
        "sort": sort,
        "desc": rng.random() < 0.5,
    }
    if kind == "bucket":
        either["expand"] = rng.random() < (0.1 if len(domain.kinds) == 1 else 0.7)
        if rng.random() < 0.1:
            either["exclude_interim"] = rng.random() < 0.6
            return BucketQuery(timestamp=rng.choice(domain.timestamps) + rng.choice((*[0] * 9, 1)), **either)
    start, end = _window(rng, domain)
    either |= {
        "start": start,
        "end": end,
        SCORES[kind]: _threshold(rng, domain),
        "from_": rng.choice((*[0] * 20, 1, 2, domain.rows // 8, domain.rows // 3, domain.rows, 10**30)),
        "size": rng.choice((*[100] * 7, *[10] * 7, 1, 2, 3, 5, 0, 10_000, 10_000, 10_000)),
    }
    return QUERIES[kind](**either)


def by_value(rng: Random, query: Query) -> Query:
    """The same query for a small page in the order of a number; a lookup stays as it is."""
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        return query
    kind = kind_of(query)
    numbers = [name for name, holds in FIELDS[kind].items() if holds is not str]
    sort = SCORES[kind] if rng.random() < 0.5 else rng.choice(numbers)
    return query.replace(sort=sort, from_=rng.choice((0, 0, 0, 1, 4)), size=rng.choice((0, 1, 2, 3, 5, 10)))


def _several(rng: Random, jobs: Sequence[str]) -> list[str]:
    """Some of the jobs, or all, in random order."""
    return rng.sample(jobs, max(1, rng.randint(len(jobs) // 2, len(jobs))))


def _window(rng: Random, domain: Domain) -> tuple[int | None, int | None]:
    """A window, mostly open on one side or both; few windows with both ends are reversed."""
    start, end = sorted((_edge(rng, domain), _edge(rng, domain)))
    if rng.random() < 0.05:
        start, end = end, start
    return (start if rng.random() < 0.4 else None), (end if rng.random() < 0.4 else None)


def _edge(rng: Random, domain: Domain) -> int:
    if rng.random() < 0.1:
        return rng.choice((-(2**63), INT64_MAX, 2**70, FIRST_INSTANT, LAST_INSTANT, 0))
    return rng.choice(domain.timestamps) + rng.choice((0, 0, 0, 1, -1, 1_000 * min(domain.spans)))


def _threshold(rng: Random, domain: Domain) -> float | tuple[float, float]:
    """Mostly a threshold, at times a band."""
    chance = rng.random()
    if chance < 0.5:
        return 0.0
    if chance > 0.9:
        return _band(rng, domain)
    if chance < 0.6:
        return rng.choice((-1.0, math.nan, math.inf, 5e-324, 75.0, 100.0, 50.5))
    score = min(rng.choices(domain.scores, k=2))
    return rng.choice((score, score, math.nextafter(score, math.inf), math.nextafter(score, -math.inf)))


def _band(rng: Random, domain: Domain) -> tuple[float, float]:
    """A band between two stored scores, or one with an open or an odd side."""
    low, high = sorted(rng.choices(domain.scores, k=2))
    low = rng.choice((*[low] * 6, -math.inf, -1.0, 0.0, 5e-324))
    high = rng.choice((*[high] * 6, math.inf, math.nextafter(high, math.inf), 100.0))
    return (low, high) if low < high else (low, math.nextafter(low, math.inf))
