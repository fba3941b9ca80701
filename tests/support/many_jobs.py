"""Histories of many small jobs from a seed, and answers about many jobs made from answers about one.

Rule 20.many-jobs: a query for several jobs is answered as if all results lay in one table. So the expected answer is
made job by job and sorted by plain Python: `merged`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, NotFound, ResultsIndex, Snapshot, UnknownJob
from bucketquery.testing import deleted, overtaken, rescored, selected
from bucketquery.testing.reference import value_of
from support.filters import sometimes_filtered
from support.index_machine import document
from support.strategies import (
    KINDS,
    SCORES,
    SORT_FIELDS,
    Batch,
    Document,
    Domain,
    Name,
    Query,
    State,
    apply_batch,
    by_value,
    kind_of,
    listed,
    seeded_query,
)

#: Ids whose order by code point differs from other orders, and families of them for wildcards.
IDS = (
    *("web", "Web", "web-1", "web-2", "web-10", "web.prod", "w", "db-eu-1", "db-us-1", "db-us-2", "a", "Z", "0"),
    *("é", "\uffee", "\U0001f4a1", "x" * 255, "a.b", "données", "z"),
    # A document may make a job known whose id is the name of a group.
    "shop",
)
GROUPS = ("shop", "Shop", "db", "web-group", "é-group")
#: Tokens that select nothing, one, many or all of `IDS`, or remove some.
TOKENS = (
    *("_all", "*", "web-*", "*-1", "*us*", "w*", "W*", "*é*", "nothing-*", "d*-*-1", "**", "a*b", "shop*", "*group"),
    *("-web-*", "-*-1", "-db-*", "-_all", "-a*", "-nothing-*", "-*group*"),
)
STEP = 60_000
#: The number of commits whose moments are kept.
MOMENTS_KEPT = 4_000
#: Most results lie around the epoch, so that some timestamps are negative.
FIRST = -20 * STEP

TIES: Mapping[str, Sequence[str]] = {
    "bucket": ("timestamp", "bucket_span"),
    "record": (
        *("record_score", "over_field_value", "partition_field_value", "by_field_value", "field_name", "function"),
        *("timestamp", "bucket_span", "detector_index", "by_field_value", "over_field_value", "partition_field_value"),
    ),
    "influencer": ("timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """The stored results at one commit, and the known jobs with their groups and with the spans of `put_job`."""

    stored: State
    known: Mapping[str, tuple[str, ...]]
    spans: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """A history of writes to an index, and the moment of each commit, which is kept before it is published."""

    index: ResultsIndex
    rng: Random
    ids: Sequence[str]
    spans: Sequence[int]
    moments: dict[int, Moment] = field(default_factory=lambda: {0: Moment({}, {})})
    late: float = 0.3
    newest: int = 0
    most: int = 400
    first: int = FIRST
    step_ms: int = STEP

    @property
    def now(self) -> Moment:
        """The moment of the newest commit."""
        return self.moments[self.index.sequence]

    def at(self, row: int) -> int:
        """The instant of a row."""
        return self.first + row * self.step_ms

    def step(self) -> None:
        """Make one write; a history with too many results drops the oldest half of its time."""
        if len(self.now.stored) > self.most:
            self.drop_oldest()
            return
        writes: Sequence[tuple[Callable[[], None], int]] = (
            (self.upsert, 12),
            (self.replace, 4),
            (self.finish, 2),
            (self.renormalise, 2),
            (self.delete, 3),
            (self.put_job, 2),
            (self.drop_job, 1),
        )
        self.rng.choices([write for write, _ in writes], weights=[weight for _, weight in writes])[0]()

    def publish(
        self,
        stored: State,
        known: Mapping[str, tuple[str, ...]],
        write: Callable[[], Any],
        spans: Mapping[str, int] | None = None,
    ) -> None:
        """Make a write that leads to this moment, or changes nothing."""
        sequence = self.index.sequence
        self.moments[sequence + 1] = Moment(stored, known, self.now.spans if spans is None else spans)
        self.moments.pop(sequence - MOMENTS_KEPT, None)
        write()
        assert self.index.sequence in {sequence, sequence + 1}

    def knowing(self, stored: State) -> dict[str, tuple[str, ...]]:
        """The jobs known after a batch."""
        return {**self.now.known, **{key[0]: self.now.known.get(key[0], ()) for _, key in stored}}

    def one(self, job_id: str) -> Document:
        """A new document of a job, mostly one of the newest, with values that collide."""
        rng = self.rng
        row = rng.randrange(self.newest + 1) if rng.random() < self.late else self.newest
        return document(rng, job_id, self.at(row), rng.choice(self.spans), is_interim=rng.random() < 0.2, full=0.7)

    def take(self, batch: Batch, **named: Any) -> None:
        """Write a batch."""
        stored = self.now.stored
        if named.get("drop_interim"):
            gone = overtaken(stored, batch)
            stored = {name: value for name, value in stored.items() if name not in gone}
        after = apply_batch(stored, batch)
        self.publish(after, self.knowing(after), lambda: self.index.upsert(batch, **named))

    def upsert(self) -> None:
        """Write results of some jobs, of one row or of several, in one piece or in several."""
        rng = self.rng
        self.newest += rng.choice((0, 1, 1, 2))
        batch = [self.one(rng.choice(self.ids)) for _ in range(rng.choice((1, 1, 2, 5, 20, 40)))]
        pieces = rng.choice((1, 1, 1, 4))
        for piece in range(pieces):
            self.take(batch[piece::pieces], **({"drop_interim": True} if rng.random() < 0.2 else {}))

    def some(self, number: int) -> list[Name]:
        """Some stored results, in a fixed order."""
        names = sorted(self.now.stored, key=repr)
        return self.rng.sample(names, min(number, len(names)))

    def replace(self) -> None:
        """Write stored results again, some with another score or without one."""
        rng, stored = self.rng, self.now.stored
        changes: Sequence[Any] = ("same", None, 0.0, 75.0, -1.0, 33.3)
        batch: Batch = []
        for name in self.some(rng.choice((1, 3, 10))):
            score = rng.choice(changes)
            batch.append({**stored[name], **({} if score == "same" else {SCORES[name[0]]: score})})
        self.take(batch)

    def finish(self) -> None:
        """Write interim results as final ones."""
        stored = self.now.stored
        interim = [name for name in self.some(20) if stored[name].get("is_interim")]
        self.take([{**stored[name], "is_interim": False} for name in interim])

    def renormalise(self) -> None:
        """Give new scores to some buckets of one job."""
        rng = self.rng
        chosen = [name[1] for name in self.some(60) if name[0] == "bucket"]
        chosen = [key for key in chosen if key[0] == chosen[0][0]]
        if chosen:
            job_id = chosen[0][0]
            rows = [
                {"timestamp": key[1], "bucket_span": key[2], "anomaly_score": rng.choice((0.0, 25.0, 75.0, 99.5))}
                for key in chosen
            ]
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            after: Any = {**self.now.stored, **rescored(self.now.stored, job_id, buckets=rows)}
            self.publish(after, self.now.known, lambda: self.index.renormalize(job_id, buckets=columns))

    def delete(self) -> None:
        """Delete results of some jobs or of all, in a window, or the interim ones."""
        rng, now = self.rng, self.now
        named: dict[str, Any] = {}
        if rng.random() < 0.4:
            named["end"] = self.at(rng.randrange(self.newest // 2 + 1))
        if rng.random() < 0.3:
            named["start"] = self.at(rng.randrange(self.newest + 1))
        if rng.random() < 0.3:
            named["interim_only"] = True
        some = rng.sample(sorted(now.known), min(len(now.known), rng.choice((1, 2, 5))))
        jobs = some if some and rng.random() < 0.8 else None
        if not named:
            named["end"] = self.at(2)
        gone = deleted(now.stored, jobs, **named)
        after = {name: value for name, value in now.stored.items() if name not in gone}
        self.publish(after, now.known, lambda: self.index.delete(jobs, **named))

    def drop_oldest(self) -> None:
        """Delete the results of the first half of the time."""
        now = self.now
        times = sorted(name[1][1] for name in now.stored)
        end = times[len(times) // 2] + 1
        gone = deleted(now.stored, None, end=end)
        after = {name: value for name, value in now.stored.items() if name not in gone}
        self.publish(after, now.known, lambda: self.index.delete(end=end))

    def put_job(self) -> None:
        """Put a new job or a known one."""
        rng, now = self.rng, self.now
        taken = {group for groups in now.known.values() for group in groups}
        job_id = rng.choice([job for job in self.ids if job not in taken] or ["free"])
        free = [group for group in GROUPS if group not in now.known and group != job_id]
        groups = tuple(sorted(rng.sample(free, rng.choice((0, 1, 2)))))
        named: dict[str, Any] = {"groups": groups}
        if rng.random() < 0.5:
            named["bucket_span"] = rng.choice((60, 300))
        spans = {job: span for job, span in now.spans.items() if job != job_id}
        if "bucket_span" in named:
            spans[job_id] = named["bucket_span"]
        known = {**now.known, job_id: groups}
        self.publish(now.stored, known, lambda: self.index.put_job(job_id, **named), spans)

    def drop_job(self) -> None:
        """Delete a job with its results."""
        now = self.now
        if not now.known:
            return
        job_id = self.rng.choice(sorted(now.known))
        after = {name: value for name, value in now.stored.items() if name[1][0] != job_id}
        known = {job: groups for job, groups in now.known.items() if job != job_id}
        spans = {job: span for job, span in now.spans.items() if job != job_id}
        self.publish(after, known, lambda: self.index.delete_job(job_id), spans)


def questions(rng: Random, moment: Moment, spans: Sequence[int], newest: int, number: int) -> list[Query]:
    """Queries about some known jobs, about all of them, or about those that tokens select."""
    domain = Domain(
        jobs=sorted(moment.known) or ["web"],
        timestamps=[FIRST + row * STEP for row in range(newest + 1)],
        spans=spans,
        scores=[0.0, 3.0, 75.0, 100.0, 29.9999996735],
        rows=max(1, len(moment.stored)),
        kinds=KINDS,
    )
    found: list[Query] = []
    for _ in range(number):
        query = seeded_query(rng, domain)
        if rng.random() < 0.4:
            query = by_value(rng, query)
        is_lookup = isinstance(query, BucketQuery) and query.timestamp is not None
        if not is_lookup and query.size > 40 and rng.random() < 0.5:
            query = query.replace(size=rng.choice((1, 7, 25)))
        if is_lookup and query.exclude_interim:
            # Only the records that such a lookup shows depend on the flag: semantics/test_lookup.py has rows for them.
            query = query.replace(expand=False)
        query = query.replace(jobs=tokens(rng, moment))
        found.append(sometimes_filtered(query, moment.stored.values(), str(newest)))
    return found


def tokens(rng: Random, moment: Moment) -> list[str]:
    """Tokens in a random order: ids, groups, wildcards and exclusions; the first is no exclusion."""
    known = sorted(moment.known)
    if rng.random() < 0.05:
        # This is no job and no group, so the question is refused.
        return [*known[:2], "nobody"]
    if not known:
        return ["_all"]
    chance = rng.random()
    if chance < 0.4:
        return rng.sample(known, rng.randint(1, len(known)))
    if chance < 0.5:
        return rng.choice((["_all"], known[::-1], ["*", "-" + rng.choice(known)]))
    literals = [*known, *(group for groups in moment.known.values() for group in groups)]
    drawn = [rng.choice((*TOKENS, rng.choice(literals), "-" + rng.choice(literals))) for _ in range(rng.randint(1, 5))]
    first = next((place for place, token in enumerate(drawn) if not token.startswith("-")), None)
    return drawn[first:] if first is not None else ["_all", *drawn]


# ---- the answer about many jobs, made job by job


def order_key(stored: Document, query: Query) -> tuple[Any, ...]:
    """The place of a result in the order of a query: missing values last in both directions, the job last."""
    kind = kind_of(query)
    leading: Any = None
    if query.sort == "scheduled_events":
        events = listed(stored.get("scheduled_events")) if kind == "bucket" else []
        leading = (max if query.desc else min)(events) if events else None
    elif query.sort in SORT_FIELDS[kind]:
        leading = value_of(stored, query.sort)
    ties = [value_of(stored, name) for name in TIES[kind]]
    if kind == "record":
        ties[8] = ties[8] or 0
    values = (leading, *ties, stored["job_id"])
    return tuple((value is not None if query.desc else value is None, value) for value in values)


def merged(source: Snapshot, moment: Moment, query: Query) -> list[tuple[tuple[Any, ...], Document]]:
    """The identity and the body of every match, from one answer for each job, sorted by plain Python."""
    kind = kind_of(query)
    if isinstance(query, BucketQuery) and isinstance(query.timestamp, int):
        # A lookup matches a window of one millisecond.
        window: Any = {"start": query.timestamp, "end": query.timestamp + 1, "expand": query.expand, "size": 10**6}
        asked: Query = BucketQuery(jobs=query.jobs, **window)
    else:
        asked = query.replace(from_=0, size=10**6)
    found: list[tuple[tuple[Any, ...], Document]] = []
    for job_id in selected(moment.known, query.jobs):
        page: Any = source.search(asked.replace(jobs=job_id))
        found += zip(page.keys(), page.to_dict()[f"{kind}s"], strict=True)
    return sorted(found, key=lambda one: order_key(moment.stored[kind, one[0]], query), reverse=query.desc)


def assert_as_merged(source: Snapshot, moment: Moment, query: Query) -> Any:
    """Assert that an answer is the one made job by job; return its page, or None if there is an error."""
    kind = kind_of(query)
    try:
        want = merged(source, moment, query)
    except UnknownJob as unknown:
        with pytest.raises(UnknownJob, match=f"^{re.escape(unknown.reason)}$"):
            source.search(query)
        return None
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        try:
            page: Any = source.search(query)
        except NotFound:
            assert not want, (query, want)
            return None
        expected = want[:1]
    else:
        page = source.search(query)
        expected = want[query.from_ : query.from_ + query.size]
    assert page.count == len(want), query
    assert [*page.keys()] == [key for key, _ in expected], query
    assert page.column("job_id").tolist() == [key[0] for key, _ in expected], query
    assert page.column("timestamp").tolist() == [key[1] for key, _ in expected], query
    assert repr(page.to_dict()[f"{kind}s"]) == repr([body for _, body in expected]), query
    return page
