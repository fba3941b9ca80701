"""Deletes, new scores and changes as plain functions of dicts of documents; they share no code with the index."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import numpy as np

from bucketquery import BucketQuery, Change, Kind
from support.strategies import (
    KINDS,
    SCORES,
    Batch,
    Document,
    Name,
    Query,
    State,
    apply_batch,
    kind_of,
    listed,
    stored_values,
    timestamp_ms,
)

#: The columns of an identity besides the job, for each argument of `renormalize`.
_PLACES: Mapping[str, Sequence[str]] = {
    "buckets": ("timestamp", "bucket_span"),
    "records": (
        "timestamp",
        "bucket_span",
        "detector_index",
        "by_field_value",
        "over_field_value",
        "partition_field_value",
    ),
    "influencers": ("timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
    "bucket_influencers": ("timestamp", "bucket_span", "influencer_field_name"),
}
_NEEDED = ("timestamp", "bucket_span")
_SCORE_COLUMNS: Mapping[str, str] = {
    "buckets": "anomaly_score",
    "records": "record_score",
    "influencers": "influencer_score",
    "bucket_influencers": "anomaly_score",
}


# ---- writes


def deleted(
    state: State, jobs: Collection[str] | None, *, start: int | None = None, end: int | None = None, interim_only: bool
) -> State:
    """The state after a delete."""

    def stays(name: Name, document: Document) -> bool:
        job_id, timestamp = name[1][:2]
        outside = (start is not None and timestamp < start) or (end is not None and timestamp >= end)
        return outside or (jobs is not None and job_id not in jobs) or (interim_only and not is_interim(document))

    return {name: document for name, document in state.items() if stays(name, document)}


def overtaken(state: State, batch: Batch) -> set[Name]:
    """The interim results that a batch with `drop_interim` deletes."""
    written = apply_batch({}, batch)
    final = {name[1][:2] for name, document in written.items() if name[0] == "bucket" and not is_interim(document)}
    return {
        name
        for name, document in state.items()
        if name[1][:2] in final and is_interim(document) and name not in written
    }


@dataclass(frozen=True, slots=True)
class Rescored:
    """The state after new scores, and the counts of their commit."""

    stored: State
    replaced: int
    unchanged: int
    repeated: int


def rescored(
    state: State, job_id: str, scores: Mapping[str, Sequence[tuple[Any, float]]], *, keep_documents: bool = True
) -> Rescored:
    """The state after new scores.

    Args:
        state: the state before.
        job_id: the job.
        scores: for each argument of `renormalize`, places and their scores. The place of a result is its identity; the
            place of nested influencers is the timestamp and span of their bucket, and their name.
        keep_documents: whether nested influencers are stored.
    """
    changed: State = {}
    repeated = 0
    newest = {argument: dict(rows) for argument, rows in scores.items()}
    for argument, rows in newest.items():
        repeated += len(scores[argument]) - len(rows)
        if argument == "bucket_influencers":
            continue
        kind: Kind = next(of for of in KINDS if f"{of}s" == argument)
        for key, score in rows.items():
            changed[kind, key] = {**state[kind, key], SCORES[kind]: score + 0.0}
    nested: dict[Name, dict[str | None, float]] = {}
    for key, score in newest.get("buckets", {}).items():
        nested.setdefault(("bucket", key), {})["bucket_time"] = score + 0.0
    for (timestamp, span, name), score in newest.get("bucket_influencers", {}).items():
        nested.setdefault(("bucket", (job_id, timestamp, span)), {})[name] = score + 0.0
    for bucket, of_names in nested.items() if keep_documents else ():
        document = changed.get(bucket, state[bucket])
        influencers = [
            {**one, "anomaly_score": of_names[one.get("influencer_field_name")]}
            if one.get("influencer_field_name") in of_names
            else one
            for one in listed(document.get("bucket_influencers"))
        ]
        if influencers:
            document = {**document, "bucket_influencers": influencers}
        changed[bucket] = document
    replaced = {
        name: document
        for name, document in changed.items()
        if differ(state[name], document, keep_documents=keep_documents)
    }
    stored = {name: replaced.get(name, document) for name, document in state.items()}
    return Rescored(stored, len(replaced), len(changed) - len(replaced), repeated)


def score_columns(rng: Random, argument: str, rows: Sequence[tuple[Any, float]]) -> dict[str, Any]:
    """New scores as columns. A column without a value is left out by chance, and then it is missing everywhere."""
    places = [place[1:] if argument != "bucket_influencers" else place for place, _ in rows]
    columns: dict[str, Any] = {}
    for name, values in zip(_PLACES[argument], zip(*places, strict=True), strict=True):
        if name not in _NEEDED and {*values} <= {None, 0} and rng.random() < 0.7:
            continue
        columns[name] = np.array(values, np.int64) if isinstance(values[0], int) else list(values)
    spans = set(columns["bucket_span"].tolist())
    if len(spans) == 1 and rng.random() < 0.5:
        columns["bucket_span"] = spans.pop()
    columns[_SCORE_COLUMNS[argument]] = [score for _, score in rows]
    return columns


# ---- changes


class Seen(NamedTuple):
    """What a change says, without its commit and its effect."""

    reason: str | None
    kind: Kind
    key: tuple[Any, ...]
    old_score: float | None
    score: float | None
    was_interim: bool | None
    is_interim: bool | None

    @property
    def name(self) -> Name:
        """The result."""
        return self.kind, self.key


def seen(change: Change) -> Seen:
    """What a change of the index says."""
    assert type(change.key) is tuple
    for score in (change.old_score, change.score):
        # NaN stands for a missing score inside the index only.
        assert score is None or (type(score) is float and not math.isnan(score)), change
    for interim in (change.was_interim, change.is_interim):
        assert interim is None or type(interim) is bool, change
    return Seen(
        change.reason,
        change.kind,
        change.key,
        change.old_score,
        change.score,
        change.was_interim,
        change.is_interim,
    )


def is_interim(document: Mapping[str, Any]) -> bool:
    """Whether a result is interim; one that does not say it is final."""
    return bool(document.get("is_interim"))


def score_of(name: Name, document: Mapping[str, Any]) -> float | None:
    """The current score of a result; None if it has none."""
    score = document.get(SCORES[name[0]])
    return None if score is None else float(score)


def differ(before: Document, after: Document, *, keep_documents: bool = True) -> bool:
    """Whether two documents of one identity store something different."""
    return before is not after and (
        stored_values(before, keep_documents=keep_documents) != stored_values(after, keep_documents=keep_documents)
    )


def changes_between(
    before: State, after: State, *, renormalised: bool = False, keep_documents: bool = True
) -> dict[Name, Seen]:
    """The changes of a commit, from the states before and after it."""
    found = {}
    for name in {**before, **after} if before is not after else ():
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None:
            if not differ(old, new, keep_documents=keep_documents):
                continue
            reason = "finalised" if is_interim(old) and not is_interim(new) else "replaced"
            reason = "renormalised" if renormalised else reason
        else:
            reason = "deleted" if new is None else "inserted"
        found[name] = Seen(
            reason,
            *name,
            None if old is None else score_of(name, old),
            None if new is None else score_of(name, new),
            None if old is None else is_interim(old),
            None if new is None else is_interim(new),
        )
    return found


def listing(state: State, query: Query | None) -> dict[Name, Seen]:
    """The listing of a state: every match without an old side."""
    found = {}
    for name, document in state.items():
        new = Seen(None, *name, None, score_of(name, document), None, is_interim(document))
        if query is None or matches(query, name, new.score, is_interim=bool(new.is_interim)):
            found[name] = new
    return found


def lowest(query: Query) -> float:
    """The lowest score that a query matches, by its threshold or its band."""
    condition = getattr(query, SCORES[kind_of(query)])
    return float(condition[0] if isinstance(condition, tuple) else condition)


def matches(query: Query, name: Name, score: float | None, *, is_interim: bool) -> bool:
    """Whether a query matches a result; the result's kind, key, score and interim flag decide it."""
    kind, (job_id, timestamp, *_) = name
    if kind != kind_of(query) or job_id not in query.jobs:
        return False
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        return bool(timestamp == query.timestamp)
    start, end, threshold = query.start, query.end, getattr(query, SCORES[kind])
    if (start is not None and timestamp < start) or (end is not None and timestamp >= end):
        return False
    if isinstance(threshold, tuple):
        if score is None or not threshold[0] <= score < threshold[1]:
            return False
    elif threshold > 0.0 and (score is None or score < threshold):
        return False
    return not (query.exclude_interim and is_interim)


def effect(query: Query | None, change: Seen) -> str | None:
    """What a change did to the matches of a query; None if neither side matches."""
    sides = ((change.old_score, change.was_interim), (change.score, change.is_interim))
    before, after = (
        interim is not None and (query is None or matches(query, change.name, score, is_interim=interim))
        for score, interim in sides
    )
    return {(False, True): "entered", (True, False): "left", (True, True): "stayed"}.get((before, after))


# ---- the bounded log


@dataclass(frozen=True, slots=True)
class Thinned:
    """The changes of one commit, job and kind that a log keeps if they are too many, and the ranges of all of them."""

    floor: float
    kept: dict[Name, Seen]
    #: For each reason the first and last timestamp, and the number of changes.
    ranges: dict[str, tuple[int, int, int]] = field(default_factory=dict)


def thinned(changes: Iterable[Seen], changes_kept: int) -> Thinned:
    """What a log keeps of the changes of one commit, job and kind."""
    group = {change.name: change for change in changes}
    if len(group) <= changes_kept:
        return Thinned(-math.inf, group)
    reached = {name: max(change.old_score or 0.0, change.score or 0.0) for name, change in group.items()}
    floors = (float(mark) for mark in (3, 25, 50, 75))
    floor = next(
        (mark for mark in floors if sum(score >= mark for score in reached.values()) * 10 <= changes_kept), math.inf
    )
    ranges = {}
    for reason in {str(change.reason) for change in group.values()}:
        times = sorted(change.key[1] for change in group.values() if change.reason == reason)
        ranges[reason] = (times[0], times[-1], len(times))
    return Thinned(floor, {name: change for name, change in group.items() if reached[name] >= floor}, ranges)


def meets(query: Query | None, kind: Kind, job_id: str, first: int, last: int) -> bool:
    """Whether the window of a query meets a range."""
    if query is None:
        return True
    if kind != kind_of(query) or job_id not in query.jobs:
        return False
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        return bool(first <= timestamp_ms({"timestamp": query.timestamp}) <= last)
    return (query.start is None or last >= query.start) and (query.end is None or first < query.end)  # type: ignore[operator]
