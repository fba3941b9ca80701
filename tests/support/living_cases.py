"""Cases for the differential tests of deletes, new scores, the feed and cursors, from a seed.

A `Life` is a history of writes of every kind and the cases that are asked on the way: feeds from some commit on, and
walks over pages, each page of which may be read from a later commit. The loop writes the life to an engine and compares
each commit, the stored results and every case with the reference.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, Protocol

from bucketquery import BucketQuery
from bucketquery.testing import deleted, evaluate, evaluate_after, matching_changes, overtaken
from support.cases import EVERYTHING, plural
from support.filters import sometimes_filtered
from support.living import (
    Feed,
    Moment,
    Rows,
    Step,
    Stored,
    after,
    delete,
    delete_job,
    expected_feed,
    in_any_order,
    is_known,
    moments,
    one_or_more,
    put_job,
    renormalize,
    upsert,
)
from support.strategies import (
    KINDS,
    QUERIES,
    SCORES,
    Document,
    Domain,
    Query,
    commit_counts,
    identity,
    kind_of,
    listed,
    seeded_history,
    seeded_query,
    timestamp_ms,
)

LOOP = "tests/properties/test_living.py::test_seeded_cases_of_lives_are_answered_alike"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCase:
    """A feed, read after `state` steps; without a query if it is None, a listing if `since` is None."""

    state: int
    query: Query | None
    since: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkCase:
    """A walk by cursors: page for page, its size and the number of steps before it. The last two stay the same."""

    query: Query
    states: Sequence[int]
    sizes: Sequence[int]

    @property
    def state(self) -> int:
        """The number of steps before the case can be asked."""
        return self.states[-1]

    @property
    def is_frozen(self) -> bool:
        """Whether one snapshot has all pages."""
        return len(set(self.states)) == 1

    def page(self, number: int) -> tuple[int, Query]:
        """The state and the query of a page."""
        last = len(self.states) - 1
        return self.states[min(number, last)], self.query.replace(size=self.sizes[min(number, last)])


LivingCase = FeedCase | WalkCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A history, the moments that it goes through, and its cases in the order of the states that they need."""

    seed: str
    steps: Sequence[Step]
    reached: Sequence[Moment]
    cases: Sequence[LivingCase]
    domain: Domain
    first_sequence: int
    keep_documents: bool


# ---- lives from a seed


@lru_cache(maxsize=128)
def seeded_life(seed: str) -> Life:
    """The life of a seed: up to about a hundred documents, as many steps as there are batches and half as many more."""
    rng = Random(seed)
    history, domain = seeded_history(rng, rng.choice((3, 10, 20, 40, 40, 80)))
    keep_documents = rng.random() < 0.8
    first = rng.choice((0, 0, 1_000, 1_767_225_600_000))
    steps: list[Step] = [put_job(job_id) for job_id in domain.jobs if rng.random() < 0.8]
    stored: Stored = {}
    jobs: Mapping[str, int | None] = {}
    for batch in history:
        upserts = [upsert(*batch, drop_interim=rng.random() < 0.5)]
        if rng.random() < 0.2:
            upserts.append(upsert(*batch[: rng.randint(0, 3)]))
        for step in upserts:
            stored, jobs = after(stored, jobs, step)
            steps.append(step)
        for make in rng.choices(_OTHER_STEPS, k=rng.choice((1, 1, 2))):
            other = make(rng, domain, stored, jobs, keep_documents)
            if other is not None:
                stored, jobs = after(stored, jobs, other)
                steps.append(other)
    reached = moments(steps, first=first, keep_documents=keep_documents)
    cases = [_case(rng, domain, reached, keep_documents=keep_documents) for _ in range(40)]
    return Life(
        seed=seed,
        steps=steps,
        reached=reached,
        cases=sorted(cases, key=lambda case: case.state),
        domain=domain,
        first_sequence=first,
        keep_documents=keep_documents,
    )


def _some_jobs(rng: Random, jobs: Mapping[str, object]) -> Any:
    known = sorted(jobs)
    if not known or rng.random() < 0.3:
        return None
    return rng.choice(known) if rng.random() < 0.6 else rng.sample(known, rng.randint(1, len(known)))


def _delete(rng: Random, domain: Domain, _: Stored, jobs: Mapping[str, object], __: bool) -> Step | None:
    start, end = sorted(rng.choice(domain.timestamps) + rng.choice((0, 0, 1, -1)) for _ in range(2))
    way, interim_only = rng.randrange(6), rng.random() < 0.4
    window: dict[str, Any] = [
        {"start": start, "end": end},
        {"start": start, "end": start + 1},
        {"end": start},
        {"start": end},
        {"start": end, "end": start},
        {},
    ][way]
    # -1 is refused here.
    window = {name: instant for name, instant in window.items() if instant != -1}
    if interim_only or not window:
        window["interim_only"] = True
    return delete(_some_jobs(rng, jobs), **window)


def _delete_job(rng: Random, _: Domain, __: Stored, jobs: Mapping[str, object], ___: bool) -> Step | None:
    return delete_job(rng.choice(sorted(jobs))) if jobs and rng.random() < 0.3 else None


def _finalise(rng: Random, domain: Domain, stored: Stored, _: Mapping[str, object], __: bool) -> Step | None:
    """Final buckets at instants with interim results, and some of these results again, interim or final."""
    interim = [document for document in stored.values() if document.get("is_interim")]
    if not interim or "bucket" not in domain.kinds:
        return None
    batch: list[Document] = []
    for document in rng.sample(interim, min(len(interim), rng.choice((1, 1, 3)))):
        bucket = {"result_type": "bucket", "job_id": document["job_id"], "timestamp": document["timestamp"]}
        final = {**bucket, "bucket_span": rng.choice(domain.spans), "is_interim": False}
        if rng.random() < 0.6:
            batch.append({**document, "is_interim": rng.random() < 0.6})
        known = [
            other
            for (kind, key), other in stored.items()
            if kind == "bucket" and key[:2] == identity(document)[:2] and not other.get("is_interim")
        ]
        if known and rng.random() < 0.6:
            final = dict(rng.choice(known))
        last = rng.choice(("final", "final", "interim", "both"))
        batch += [final] if last != "interim" else []
        batch += [{**final, "is_interim": True}] if last != "final" else []
    return upsert(*batch, drop_interim=rng.random() < 0.9)


#: The fields of a row of new scores beside the timestamp, the span and the score.
_NAMED_BY: Mapping[str, Sequence[str]] = {
    "bucket": (),
    "record": ("detector_index", "by_field_value", "over_field_value", "partition_field_value"),
    "influencer": ("influencer_field_name", "influencer_field_value"),
}


def _renormalise(
    rng: Random, domain: Domain, stored: Stored, jobs: Mapping[str, object], documents: bool
) -> Step | None:
    if not jobs:
        return None
    job_id = rng.choice(sorted(jobs))
    tables: dict[str, Rows] = {}
    for kind in KINDS:
        held = [document for (of, key), document in stored.items() if of == kind and key[0] == job_id]
        if held and rng.random() < 0.7:
            chosen = rng.choices(held, k=rng.choice((1, 2, len(held))))
            tables[f"{kind}s"] = [
                {
                    **_place(document),
                    **{name: document[name] for name in _NAMED_BY[kind] if document.get(name) is not None},
                    SCORES[kind]: _score(rng, domain, document.get(SCORES[kind])),
                }
                for document in chosen
            ]
    blamed = [
        (document, nested)
        for (of, key), document in stored.items()
        if of == "bucket" and key[0] == job_id and documents
        for nested in listed(document.get("bucket_influencers"))
    ]
    if blamed and rng.random() < 0.6:
        tables["bucket_influencers"] = [
            {
                **_place(document),
                "influencer_field_name": nested.get("influencer_field_name"),
                "anomaly_score": _score(rng, domain, nested.get("anomaly_score")),
            }
            for document, nested in rng.choices(blamed, k=rng.choice((1, 2, 4)))
        ]
    return renormalize(job_id, **tables) if tables else None


def _place(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"timestamp": timestamp_ms(document), "bucket_span": document["bucket_span"]}


def _score(rng: Random, domain: Domain, held: Any) -> float:
    return float(held) if held is not None and rng.random() < 0.2 else rng.choice(domain.scores)


_OTHER_STEPS = (_delete, _delete, _delete, _delete_job, _finalise, _finalise, _finalise, _renormalise, _renormalise)


def _case(rng: Random, domain: Domain, reached: Sequence[Moment], *, keep_documents: bool) -> LivingCase:
    newest = len(reached) - 1
    state = max(rng.randint(0, newest), rng.randint(0, newest))
    query = sometimes_filtered(seeded_query(rng, domain), reached[state].stored.values(), str(state))
    if rng.random() < 0.02:
        query = query.replace(jobs="nobody")
    if not keep_documents and isinstance(query, BucketQuery):
        query = query.replace(expand=False)
    if rng.random() < 0.5:
        first, last = reached[0].sequence, reached[state].sequence
        since = None if rng.random() < 0.15 else max(rng.randint(first, last), rng.choice((first, last - 2)))
        if isinstance(query, BucketQuery):
            # A feed of buckets takes no filter.
            query = query.replace(where={})
        return FeedCase(state=state, query=None if rng.random() < 0.2 else query, since=since)
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        query = QUERIES["bucket"](jobs=query.jobs, sort=query.sort, desc=query.desc)
    if rng.random() < 0.7:
        query = query.replace(sort=rng.choice(("timestamp", SCORES[kind_of(query)])))
    if query.from_ > 5 and rng.random() < 0.8:
        query = query.replace(from_=0)
    sizes = rng.choices((1, 1, 2, 3, 5, 10), k=rng.choice((1, 2, 4)))
    if rng.random() < 0.5:
        return WalkCase(query=query, states=[state] * len(sizes), sizes=sizes)
    return WalkCase(query=query, states=sorted(rng.randint(state // 2, newest) for _ in sizes), sizes=sizes)


def seeded_lives(seed: str, cases: int) -> Iterator[Life]:
    """Whole lives with at least `cases` cases in all; from life 17 on if the seed is "0.17"."""
    name, _, first = seed.partition(".")
    number = int(first or 0)
    while cases > 0:
        life = seeded_life(f"{name}.{number}")
        yield life
        cases -= len(life.cases)
        number += 1


# ---- answers of the reference


def counts_of(life: Life, number: int) -> dict[str, int]:
    """The counts that the commit of a step should have; `number` is the state that it leads to."""
    moment, step = life.reached[number], life.steps[number - 1]
    counts = dict.fromkeys(("inserted", "replaced", "unchanged", "repeated", "deleted"), 0)
    arguments = dict(step.arguments)
    if step.call == "delete":
        counts["deleted"] = len(deleted(moment.before, one_or_more(arguments.pop("job_id")), **arguments))
    elif step.call == "delete_job":
        counts["deleted"] = len(deleted(moment.before, [arguments["job_id"]]))
    elif step.call == "renormalize":
        job_id = arguments.pop("job_id")
        changes = matching_changes(moment.before, moment.stored, renormalised=True, keep_documents=life.keep_documents)
        named = [
            (
                table,
                identity({**row, "job_id": job_id, "result_type": _KIND_OF[table]}),
                row.get(_ALSO_BY.get(table, "")),
            )
            for table, rows in arguments.items()
            for row in rows
        ]
        results = {("buckets" if table == "bucket_influencers" else table, key) for table, key, _ in named}
        counts |= {
            "replaced": len(changes),
            "unchanged": len(results) - len(changes),
            "repeated": len(named) - len(set(named)),
        }
    elif step.call == "upsert":
        batch = list(arguments["documents"])
        found = commit_counts(dict(moment.before), batch, keep_documents=life.keep_documents)  # type: ignore[arg-type]
        counts |= {name: getattr(found, name) for name in ("inserted", "replaced", "unchanged", "repeated")}
        if arguments.get("drop_interim"):
            counts["deleted"] = len(overtaken(moment.before, batch))
    return counts


_KIND_OF: Mapping[str, str] = {
    "buckets": "bucket",
    "bucket_influencers": "bucket",
    "records": "record",
    "influencers": "influencer",
}
_ALSO_BY: Mapping[str, str] = {"bucket_influencers": "influencer_field_name"}


def contents(stored: Stored, jobs: Sequence[str], *, keep_documents: bool) -> str:
    """All results of some jobs by kind, as text; of an index without documents their keys."""
    if not jobs:
        return "nothing"
    asked = [QUERIES[kind](jobs=jobs, sort="timestamp", desc=False, size=EVERYTHING) for kind in KINDS]
    return repr([shown(evaluate(stored.values(), query), query, keep_documents=keep_documents) for query in asked])


def shown(body: Mapping[str, Any], query: Query, *, keep_documents: bool) -> Any:
    """A response body; for an index without documents, its count and keys."""
    return body if keep_documents else (body["count"], [identity(result) for result in body[plural(query)]])


def feed_outcome(feed: Callable[..., Feed], life: Life, case: FeedCase, reached: Sequence[Moment]) -> str:
    """A feed as text; the name of the error if a job is not known."""
    if case.query is not None and not is_known(reached, case.query, case.since):
        return "UnknownJob"
    return repr(in_any_order(feed(reached, case.query, case.since, keep_documents=life.keep_documents)))


Answer = Callable[..., Mapping[str, Any]]


def walk_outcome(
    life: Life,
    case: WalkCase,
    reached: Sequence[Moment],
    *,
    behind: Answer = evaluate_after,
    more: Answer = evaluate_after,
) -> str:
    """The pages of a walk as text: the body of each, and whether it has a cursor.

    Args:
        life: the life.
        case: the walk.
        reached: the moments that the pages are read from.
        behind: the function that answers the page behind a result.
        more: the function that says whether there is one.
    """
    pages: list[Any] = []
    last: Mapping[str, Any] | None = None
    while True:
        state, query = case.page(len(pages))
        moment = reached[state]
        if not moment.jobs.keys() >= set(query.jobs):
            return repr([*pages, "UnknownJob"])
        documents = list(moment.stored.values())
        body = evaluate(documents, query) if last is None else behind(documents, query, last)
        rows = body[plural(query)]
        if rows:
            last = moment.stored[kind_of(query), identity(rows[-1])]
        goes_on = bool(rows and last and more(documents, query.replace(size=1), last)[plural(query)])
        pages.append((shown(body, query, keep_documents=life.keep_documents), goes_on))
        if not goes_on:
            return repr(pages)


# ---- the loop


class LivingEngine(Protocol):
    """An engine that the loop can test."""

    def write(self, life: Life, number: int) -> Mapping[str, int]:
        """Make the step that leads to state `number`, and return the counts of its commit, with its sequence."""

    def contents(self, life: Life, number: int) -> str:
        """All stored results, in the form of `contents`."""

    def feed(self, life: Life, case: FeedCase) -> str:
        """A feed, in the form of `feed_outcome`."""

    def walk(self, life: Life, case: WalkCase) -> str:
        """A walk, in the form of `walk_outcome`."""


def play_life(life: Life, engine: LivingEngine) -> None:
    """Write a life to the engine; compare its commits, its results and its cases with the reference.

    Raises:
        AssertionError: the engine and the reference differ.
    """
    state = 0
    rng = Random(f"{life.seed} contents")
    for number, case in enumerate(life.cases):
        try:
            while state < case.state:
                state += 1
                _write(life, state, engine, looks=rng.random() < _chance_to_look(life.steps[state - 1]))
            if isinstance(case, FeedCase):
                wanted = feed_outcome(expected_feed, life, case, life.reached[: case.state + 1])
                found = engine.feed(life, case)
            else:
                wanted, found = walk_outcome(life, case, life.reached), engine.walk(life, case)
            assert found == wanted, f"the answers differ\nengine:    {found}\nreference: {wanted}\ncase: {case!r}"
        except Exception as error:
            steps = "\n".join(f"    {place}. {step!r}" for place, step in enumerate(life.steps[: state + 1], start=1))
            error.add_note(
                f"Case {number} of life {life.seed}, after step {state} of {len(life.steps)}. To repeat it:\n"
                f"BUCKETQUERY_SEED={life.seed} BUCKETQUERY_CASES=1 python -m pytest {LOOP}\n{steps[:5_000]}"
            )
            raise


def _chance_to_look(step: Step) -> float:
    """The chance that all results are compared after a step: high if it deletes results or gives new scores."""
    return 0.1 if step.call in {"upsert", "put_job"} and "drop_interim" not in step.arguments else 0.6


def _write(life: Life, state: int, engine: LivingEngine, *, looks: bool) -> None:
    wanted = {**counts_of(life, state), "sequence": life.reached[state].sequence}
    found = engine.write(life, state)
    assert found == wanted, f"the commits of step {state} differ: {found} is not {wanted}"
    if looks:
        moment = life.reached[state]
        held = contents(moment.stored, sorted(moment.jobs), keep_documents=life.keep_documents)
        assert engine.contents(life, state) == held, f"the results after step {state} differ"


def count_lives(lives: Iterator[Life], open_engine: Callable[[Life], LivingEngine]) -> Counter[str]:
    """Play every life against a new engine, and return the numbers of lives and cases."""
    seen: Counter[str] = Counter()
    for life in lives:
        play_life(life, open_engine(life))
        seen["lives"] += 1
        seen["cases"] += len(life.cases)
    return seen
