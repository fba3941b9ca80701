"""Deletes, new scores, the feed and cursors of an index and of the reference agree over histories of writes.

The seeded loop runs BUCKETQUERY_CASES cases (default 400) of BUCKETQUERY_SEED (default "0"). A failure shows a seed
such as "0.17", which begins with life 17 of seed 0 and so repeats the failure. A quarter of that number run on indexes
that take every shortcut they can, on some that take none, and on some with each of a few small logs.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from operator import itemgetter
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQueryError, ChangesExpired, ResultsIndex, UnknownJob
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.testing import (
    ExpectedChange,
    deleted,
    evaluate,
    evaluate_after,
    listing,
    matching_changes,
    overtaken,
    rescored,
    stored_results,
)
from support.cases import plural, seeded_tables
from support.living import (
    Feed,
    Moment,
    Step,
    Stored,
    after,
    expected_feed,
    found_feed,
    in_any_order,
    perform,
)
from support.living_cases import (
    Answer,
    FeedCase,
    Life,
    WalkCase,
    contents,
    count_lives,
    counts_of,
    feed_outcome,
    seeded_lives,
    walk_outcome,
)
from support.shortcuts import AS_THEY_ARE, WAYS, shortcuts_for, take
from support.sql import SqlResults
from support.strategies import KINDS, QUERIES, SCORES, Query, as_columns, fits, identity, kind_of, listed, unknown

pytestmark = pytest.mark.usefixtures("decoding_cursors")

CASES = int(os.environ.get("BUCKETQUERY_CASES", "400"))
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
#: CASES divided by this is the number of cases with every shortcut, without any, and with few changes kept.
CASES_PER_VARIANT = 4


# ---- the index


class IndexEngine:
    """An index with a snapshot of every state.

    Args:
        life: the history to write and the cases to ask.
        shortcuts: the shortcuts of its searches.
        changes_kept: the bound of its log.
        prepare: called with the index before anything is written.
    """

    def __init__(
        self,
        life: Life,
        shortcuts: Shortcuts = ALL_SHORTCUTS,
        *,
        changes_kept: int = 100_000,
        prepare: Callable[[ResultsIndex], object] | None = None,
    ) -> None:
        self.rng = Random(f"{life.seed} as the index has it")
        self.changes_kept = changes_kept
        settings: dict[str, Any] = {"changes_kept": changes_kept, "first_sequence": life.first_sequence}
        self.index = take(ResultsIndex(keep_documents=life.keep_documents, **settings), shortcuts)
        if prepare is not None:
            prepare(self.index)
        self.snapshots = [self.index.snapshot()]

    def write(self, life: Life, number: int) -> Mapping[str, int]:
        """Make the step, a batch of one kind sometimes as columns, and read some feeds before and behind it."""
        step = life.steps[number - 1]
        commit = perform(self.index, step) if self.rng.random() < 0.8 else self.as_columns(step)
        if self.rng.random() < 0.2:
            self.index.check()
        self.snapshots.append(self.index.snapshot())
        assert self.index.jobs() == tuple(sorted(life.reached[number].jobs))
        names = ("inserted", "replaced", "unchanged", "repeated", "deleted", "sequence")
        return {name: getattr(commit, name) for name in names}

    def as_columns(self, step: Step) -> Any:
        """Make the step by `upsert_columns` if it can be made so."""
        held = [document for document in step.arguments.get("documents", ()) if fits(document)]
        kinds = {document["result_type"] for document in held}
        plain = len(kinds) == 1 and not any(unknown(document) or "records" in document for document in held)
        if not plain or "drop_interim" in step.arguments:
            return perform(self.index, step)
        columns, job_id = as_columns(self.rng, held)
        return self.index.upsert_columns(columns, job_id=job_id, kind=kinds.pop())

    def contents(self, life: Life, number: int) -> str:
        """All results, from the pages of a walk."""
        jobs = sorted(life.reached[number].jobs)
        if not jobs:
            return "nothing"
        found = []
        for kind in KINDS:
            query = QUERIES[kind](jobs=jobs, sort="timestamp", desc=False, size=10_000)
            found.append(self.shown(life, self.snapshots[number].search(query)))
        return repr(found)

    def shown(self, life: Life, page: Any) -> Any:
        """A page in the form of `shown`."""
        return page.to_dict() if life.keep_documents else (page.count, list(page.keys()))

    def feed(self, life: Life, case: FeedCase) -> str:
        """The feed of the state's snapshot, or of the index if it is the newest state."""
        reached = life.reached[: case.state + 1]
        wanted = feed_outcome(expected_feed, life, case, reached)
        results = self.snapshots[case.state]
        if case.state == len(self.snapshots) - 1 and self.rng.random() < 0.5:
            results = self.index  # type: ignore[assignment]  # it has the same calls
        try:
            changes = results.changes(case.query, since=case.since)
        except (ChangesExpired, UnknownJob) as error:
            return wanted if self.may_refuse(life, case, error) else type(error).__name__
        except BucketQueryError as error:
            return type(error).__name__
        assert changes.sequence == life.reached[case.state].sequence
        for effect in ("entered", "left", "stayed"):
            assert list(getattr(changes, effect)) == [change for change in changes if change.effect == effect]
        if changes.ranges:
            assert all(some.count > 0 for some in changes.ranges)
            assert self.changes_kept < 100_000
            return wanted
        return repr(in_any_order(found_feed(changes)))

    def may_refuse(self, life: Life, case: FeedCase, error: ChangesExpired | UnknownJob) -> bool:
        """Whether the log may have dropped changes of a feed, so that the error takes their place."""
        written = expected_feed(life.reached[: len(self.snapshots)], None, life.first_sequence)
        # A log of no changes answers the newest commit only, whether or not it had changes.
        if self.changes_kept and len(written) <= self.changes_kept:
            return False
        if isinstance(error, ChangesExpired):
            return case.since is not None and case.since < error.oldest
        # A deleted job is unknown once its changes are dropped.
        return case.query is not None and not life.reached[case.state].jobs.keys() >= set(case.query.jobs)

    def walk(self, life: Life, case: WalkCase) -> str:
        """The pages by their cursors; sometimes those of `pages`."""
        if case.is_frozen and len(case.sizes) == 1 and self.rng.random() < 0.5:
            snapshot = self.snapshots[case.state]
            if not life.reached[case.state].jobs.keys() >= set(case.query.jobs):
                return "['UnknownJob']"
            walk = snapshot.pages(case.query.replace(size=case.sizes[0]))
            return repr([(self.shown(life, page), page.cursor is not None) for page in walk])
        pages: list[Any] = []
        cursor: str | None = None
        while True:
            state, query = case.page(len(pages))
            snapshot = self.snapshots[state]
            try:
                page = snapshot.search(query) if cursor is None else snapshot.search(query, after=cursor)
            except BucketQueryError as error:
                return repr([*pages, type(error).__name__])
            cursor = page.cursor
            pages.append((self.shown(life, page), cursor is not None))
            if cursor is None:
                return repr(pages)


@pytest.mark.parametrize("shortcuts", WAYS)
def test_seeded_cases_of_lives_are_answered_alike(shortcuts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index and reference agree on every commit, feed and walk of the seed, for every way to store and search."""
    cases, seed = CASES, SEED
    if shortcuts != AS_THEY_ARE:
        cases, seed = -(-CASES // CASES_PER_VARIANT), f"{shortcuts}-{SEED}"
    assert count_lives(seeded_lives(seed, cases), engines(shortcuts, monkeypatch))["cases"] >= cases


@pytest.mark.parametrize("changes_kept", [0, 1, 7, 40])
def test_a_bounded_log_changes_only_what_expires(changes_kept: int) -> None:
    """A feed that a small log answers is the whole feed; it expires only if changes had to be dropped."""
    cases = CASES // (2 * CASES_PER_VARIANT)
    opened = partial(IndexEngine, changes_kept=changes_kept)
    assert count_lives(seeded_lives(f"kept-{changes_kept}-{SEED}", cases), opened)["cases"] >= cases


@pytest.mark.thorough
@pytest.mark.parametrize("shortcuts", WAYS)
def test_very_many_seeded_cases_of_lives_are_answered_alike(shortcuts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index and reference agree on 20,000 cases for every way to store and search."""
    lives = seeded_lives(f"thorough-{shortcuts}-{SEED}", 20_000)
    assert count_lives(lives, engines(shortcuts, monkeypatch))["cases"] >= 20_000


def engines(shortcuts: str, patch: pytest.MonkeyPatch) -> Callable[[Life], IndexEngine]:
    """A function that opens an index for a life; the index searches in one of `WAYS`."""

    def opened(life: Life) -> IndexEngine:
        forced = shortcuts_for(patch, shortcuts, life.seed)
        return IndexEngine(life, forced)

    return opened


@pytest.mark.parametrize("seed", [SEED, f"led-{SEED}"])
def test_reference_and_sqlite_agree_on_the_page_behind_a_page(seed: str) -> None:
    """The page behind the last result of another is the same by plain lists and by SQL, also on a later state."""
    seen: Counter[str] = Counter()
    # More than half as many, since a filter leaves few matches.
    for table in seeded_tables(seed, CASES * 2 // 3):
        with SqlResults(table.history) as sql:
            for case in table.cases:
                is_lookup = getattr(case.query, "timestamp", None) is not None
                if is_lookup or not table.jobs(case.state).issuperset(case.query.jobs):
                    continue
                query = case.query.replace(size=min(case.query.size, 10))
                rows = evaluate(table.documents(case.state), query)[plural(query)]
                if not rows:
                    continue
                kind, key = kind_of(query), identity(rows[-1])
                for state in {case.state, case.written}:
                    wanted = evaluate_after(table.documents(state), query, table.states[case.state][kind, key])
                    found = sql.answer(query, state=state, after=key, after_state=case.state)
                    assert repr(found) == repr(wanted), f"table {table.seed}, state {state}, {query!r}, behind {key}"
                    seen["a page"] += 1
                    seen["not the last"] += bool(wanted[plural(query)])
    assert seen["a page"] > CASES // 5
    assert seen["not the last"] > CASES // 10


# ---- the cases include the hard ones

#: The fewest occurrences among 1,500 cases.
WANTED = {
    "a delete of some results": 25,
    "a delete of nothing": 10,
    "a delete of interim results": 10,
    "a result exactly at the start of a delete": 20,
    "a result exactly at the end of a delete": 20,
    "a deleted job with results": 5,
    "a job created again": 3,
    "overtaken interim results": 12,
    "overtaken results of another span or kind": 4,
    "interim results that the batch writes": 3,
    "a renormalised bucket": 20,
    "a renormalised record": 20,
    "a renormalised influencer": 20,
    "a bucket changed by its influencers only": 5,
    "bucket_time follows": 5,
    "a repeated row of new scores": 20,
    "a step that changes nothing": 30,
    "inserted": 200,
    "replaced": 50,
    "finalised": 30,
    "renormalised": 50,
    "deleted": 200,
    "entered": 500,
    "left": 100,
    "stayed": 100,
    "a replaced result that enters": 10,
    "a replaced result that leaves": 10,
    "a final result that enters": 3,
    "a change without a score before": 20,
    "a listing with matches": 50,
    "a feed of several commits": 100,
    "a feed of a job that is deleted": 1,
    "a feed of an unknown job": 5,
    "a walk of several pages": 200,
    "a walk that changes on the way": 50,
    "a walk whose last page is full": 30,
    "a page that ends in a tie": 100,
    "a page that ends in missing values": 20,
    "a cursor whose result was deleted": 4,
    "a cursor of several jobs": 50,
    "an index without documents": 5,
}


def test_seeded_lives_are_not_vacuous() -> None:
    """Among 1,500 cases, each hard case occurs often enough."""
    seen: Counter[str] = Counter()
    for life in seeded_lives("0", 1_500):
        seen["an index without documents"] += not life.keep_documents
        for number, step in enumerate(life.steps, start=1):
            _look_at_step(life, number, step, seen)
        for case in life.cases:
            if isinstance(case, FeedCase):
                _look_at_feed(life, case, seen)
            else:
                _look_at_walk(life, case, seen)
    assert {name: seen[name] for name, least in WANTED.items() if seen[name] < least} == {}


def _look_at_step(life: Life, number: int, step: Step, seen: Counter[str]) -> None:
    moment, before = life.reached[number], life.reached[number].before
    changes = matching_changes(before, moment.stored, renormalised=moment.renormalised)
    seen.update(change.reason or "" for change in changes)
    seen["a step that changes nothing"] += moment.sequence == life.reached[number - 1].sequence
    arguments = step.arguments
    if step.call == "delete":
        gone = before.keys() - moment.stored.keys()
        seen["a delete of some results"] += 0 < len(gone) < len(before)
        seen["a delete of nothing"] += not gone
        seen["a delete of interim results"] += bool(gone and "interim_only" in arguments)
        for bound in ("start", "end"):
            times = {key[1] for _, key in before}
            seen[f"a result exactly at the {bound} of a delete"] += arguments.get(bound) in times
    elif step.call == "delete_job":
        seen["a deleted job with results"] += bool(changes)
        seen["a job created again"] += any(arguments["job_id"] in later.jobs for later in life.reached[number + 1 :])
    elif step.call == "upsert" and "drop_interim" in arguments:
        batch = stored_results(arguments["documents"])
        gone = overtaken(before, arguments["documents"])
        final = {key for (kind, key) in batch if kind == "bucket"}
        seen["overtaken interim results"] += bool(gone)
        seen["overtaken results of another span or kind"] += any(key[:3] not in final for _, key in gone)
        written = [name for name in batch if name in before and before[name].get("is_interim")]
        seen["interim results that the batch writes"] += bool(gone and written)
    elif step.call == "renormalize":
        seen["a repeated row of new scores"] += counts_of(life, number)["repeated"] > 0
        for change in changes:
            seen[f"a renormalised {change.kind}"] += change.old_score != change.score
            seen["a bucket changed by its influencers only"] += change.old_score == change.score
            nested = [one.get("influencer_field_name") for one in _influencers(before[change.kind, change.key])]
            seen["bucket_time follows"] += "bucket_time" in nested and change.old_score != change.score


def _influencers(document: Mapping[str, Any]) -> list[Any]:
    return listed(document.get("bucket_influencers"))


def _look_at_feed(life: Life, case: FeedCase, seen: Counter[str]) -> None:
    reached = life.reached[: case.state + 1]
    if feed_outcome(expected_feed, life, case, reached) == "UnknownJob":
        seen["a feed of an unknown job"] += 1
        return
    feed = expected_feed(reached, case.query, case.since)
    if case.since is None:
        seen["a listing with matches"] += bool(feed)
        return
    seen["a feed of several commits"] += len({sequence for sequence, _ in feed}) > 1
    if case.query is not None:
        seen["a feed of a job that is deleted"] += not reached[-1].jobs.keys() >= set(case.query.jobs)
        for _, change in feed:
            seen["a replaced result that enters"] += (change.reason, change.effect) == ("replaced", "entered")
            seen["a replaced result that leaves"] += (change.reason, change.effect) == ("replaced", "left")
            seen["a final result that enters"] += (change.reason, change.effect) == ("finalised", "entered")
    for _, change in feed:
        seen[change.effect] += 1
        seen["a change without a score before"] += change.old_score is None and change.was_interim is not None


def _look_at_walk(life: Life, case: WalkCase, seen: Counter[str]) -> None:
    last: Mapping[str, Any] | None = None
    number = 0
    while True:
        state, query = case.page(number)
        moment = life.reached[state]
        if not moment.jobs.keys() >= set(query.jobs):
            return
        documents = list(moment.stored.values())
        body = evaluate(documents, query) if last is None else evaluate_after(documents, query, last)
        rows = body[plural(query)]
        if last is not None:
            seen["a cursor whose result was deleted"] += (kind_of(query), identity(last)) not in moment.stored
            seen["a cursor of several jobs"] += len(set(query.jobs)) > 1
        if not rows:
            return
        last = moment.stored[kind_of(query), identity(rows[-1])]
        rest = evaluate_after(documents, query.replace(size=10_000), last)[plural(query)]
        number += 1
        if not rest:
            seen["a walk of several pages"] += number > 1
            seen["a walk that changes on the way"] += number > 1 and not case.is_frozen
            seen["a walk whose last page is full"] += len(rows) == query.size
            return
        following = moment.stored[kind_of(query), identity(rest[0])]
        if query.sort in {SCORES[kind_of(query)], "timestamp"}:
            tied = last.get(query.sort) == following.get(query.sort)
            seen["a page that ends in a tie"] += tied and last.get(query.sort) is not None
            seen["a page that ends in missing values"] += last.get(query.sort) is None


# ---- the loop notices faults


class ModelEngine:
    """The reference with one fault, in its writes, its feed or its walks."""

    def __init__(
        self,
        _: Life,
        *,
        writes: Callable[[Stored, Mapping[str, int | None], Step], tuple[Stored, Mapping[str, int | None]]] = after,
        feed: Callable[..., Feed] = expected_feed,
        behind: Answer = evaluate_after,
        more: Answer = evaluate_after,
    ) -> None:
        self.writes, self.feeds, self.behind, self.more = writes, feed, behind, more

    def write(self, life: Life, number: int) -> Mapping[str, int]:
        """The counts of the reference, as only the results show a faulty write."""
        return {**counts_of(life, number), "sequence": life.reached[number].sequence}

    def contents(self, life: Life, number: int) -> str:
        """The results after one faulty step."""
        before = life.reached[number - 1]
        stored, jobs = self.writes(before.stored, before.jobs, life.steps[number - 1])
        return contents(stored, sorted(jobs), keep_documents=life.keep_documents)

    def feed(self, life: Life, case: FeedCase) -> str:
        """The faulty feed."""
        return feed_outcome(self.feeds, life, case, life.reached[: case.state + 1])

    def walk(self, life: Life, case: WalkCase) -> str:
        """The faulty walk."""
        return walk_outcome(life, case, life.reached, behind=self.behind, more=self.more)


def _with_arguments(call: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """A fault in the arguments of a write."""

    def writes(stored: Stored, jobs: Mapping[str, int | None], step: Step) -> Any:
        changed = Step(step.call, change(dict(step.arguments))) if step.call == call else step
        return after(stored, jobs, changed)

    return {"writes": writes}


def _without(gone: Callable[[Stored, Step], set[Any]], call: str) -> dict[str, Any]:
    """A fault in the results that a delete, or a batch with `drop_interim`, deletes."""

    def writes(stored: Stored, jobs: Mapping[str, int | None], step: Step) -> Any:
        if step.call != call or (call == "upsert" and "drop_interim" not in step.arguments):
            return after(stored, jobs, step)
        left = {name: document for name, document in stored.items() if name not in gone(stored, step)}
        if call == "upsert":
            _, known = after(stored, jobs, step)
            return {**left, **stored_results(step.arguments["documents"])}, known
        return left, jobs

    return {"writes": writes}


def _deleted(stored: Stored, step: Step, **changed: Any) -> set[Any]:
    named = {**step.arguments, **changed}
    job_id = named.pop("job_id")
    return deleted(stored, [job_id] if isinstance(job_id, str) else job_id, **named)


def _moved(bound: str, by: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda named: {**named, bound: named[bound] + by} if bound in named else named


def _is_interim(document: Mapping[str, Any]) -> bool:
    return bool(document.get("is_interim"))


def _finals(step: Step) -> list[tuple[Any, ...]]:
    batch = stored_results(step.arguments["documents"])
    return [key for (kind, key), document in batch.items() if kind == "bucket" and not _is_interim(document)]


def _overtaken(
    is_gone: Callable[[tuple[Any, ...], str, tuple[Any, ...]], bool], *, spares: bool = True
) -> dict[str, Any]:
    """A fault in what a final bucket overtakes: a claim about its key, and the kind and the key of a result."""

    def gone(stored: Stored, step: Step) -> set[Any]:
        batch = stored_results(step.arguments["documents"])
        return {
            name
            for name, document in stored.items()
            if _is_interim(document) and not (spares and name in batch)
            if any(is_gone(final, *name) for final in _finals(step))
        }

    return _without(gone, "upsert")


def _only_new_buckets(stored: Stored, step: Step) -> set[Any]:
    """The fault that a bucket which is unchanged overtakes nothing."""
    changed = [
        document
        for name, document in stored_results(step.arguments["documents"]).items()
        if name[0] != "bucket"
        or matching_changes({name: stored.get(name, {})} if name in stored else {}, {name: document})
    ]
    return overtaken(stored, changed) - stored_results(step.arguments["documents"]).keys()


def _any_final_of_a_batch(stored: Stored, step: Step) -> set[Any]:
    """The fault that a document counts which a later one of its identity has replaced."""
    documents = step.arguments["documents"]
    every = {
        (document["job_id"], identity(document)[1])
        for document in documents
        if fits(document) and document["result_type"] == "bucket" and not _is_interim(document)
    }
    batch = stored_results(documents)
    return {
        name
        for name, document in stored.items()
        if _is_interim(document) and name not in batch and name[1][:2] in every
    }


def _scores(change: Callable[[Stored, Stored, Step], Stored]) -> dict[str, Any]:
    """A fault in new scores: made of the results before, those after, and the step."""

    def writes(stored: Stored, jobs: Mapping[str, int | None], step: Step) -> Any:
        rescored_too, known = after(stored, jobs, step)
        return (change(stored, rescored_too, step), known) if step.call == "renormalize" else (rescored_too, known)

    return {"writes": writes}


def _initial_too(before: Stored, stored: Stored, _: Step) -> Stored:
    return {
        name: document
        if before[name] is document
        else {**document, f"initial_{SCORES[name[0]]}": document.get(SCORES[name[0]])}
        for name, document in stored.items()
    }


def _nested_stay(before: Stored, stored: Stored, _: Step) -> Stored:
    return {
        name: {**document, "bucket_influencers": before[name].get("bucket_influencers")}
        if name[0] == "bucket"
        else document
        for name, document in stored.items()
    }


def _without_tables(*tables: str) -> Callable[[Stored, Stored, Step], Stored]:
    def changed(before: Stored, _: Stored, step: Step) -> Stored:
        kept = {name: value for name, value in step.arguments.items() if name not in tables}
        return after(before, {}, Step(step.call, kept))[0]

    return changed


def _time_does_not_follow(before: Stored, stored: Stored, step: Step) -> Stored:
    """The fault that only rows of `bucket_influencers` change influencers."""
    rows = step.arguments.get("bucket_influencers", ())
    without = _nested_stay(before, stored, step)
    return {**without, **rescored(without, step.arguments["job_id"], bucket_influencers=rows)}


def _time_always_follows(before: Stored, stored: Stored, step: Step) -> Stored:
    """The fault that a row of `buckets` wins over one of `bucket_influencers` for `bucket_time`."""
    rows = step.arguments.get("buckets", ())
    nested = _without_tables("buckets")(before, stored, step)
    return {
        **stored,
        **{name: document for name, document in nested.items() if name[0] == "bucket"},
        **rescored(nested, step.arguments["job_id"], buckets=rows),
    }


def _first_row_wins(before: Stored, _: Stored, step: Step) -> Stored:
    changed = {name: rows if name == "job_id" else rows[::-1] for name, rows in step.arguments.items()}
    return after(before, {}, Step(step.call, changed))[0]


Reached = Sequence[Moment]


def _feed(change: Callable[[ExpectedChange], ExpectedChange | None]) -> dict[str, Any]:
    """A fault in every change of a feed; None leaves it out."""

    def feed(reached: Reached, query: Query | None, since: int | None, **named: Any) -> Feed:
        found = [(number, change(one)) for number, one in expected_feed(reached, query, since, **named)]
        return [(number, one) for number, one in found if one is not None]

    return {"feed": feed}


def _asked(change: Callable[[Query], Query]) -> dict[str, Any]:
    """A fault in the query of a feed."""
    return {
        "feed": lambda reached, query, since, **named: expected_feed(
            reached, None if query is None else change(query), since, **named
        )
    }


def _since(by: int) -> dict[str, Any]:
    return {
        "feed": lambda reached, query, since, **named: expected_feed(
            reached, query, None if since is None else since + by, **named
        )
    }


def _shifted(bound: str, by: int) -> Callable[[Query], Query]:
    return lambda query: (
        query.replace(**{bound: getattr(query, bound) + by}) if isinstance(getattr(query, bound), int) else query
    )


def _above_threshold(query: Query) -> Query:
    name = SCORES[kind_of(query)]
    threshold = getattr(query, name)
    if isinstance(threshold, tuple):
        return query
    return query.replace(**{name: threshold + 1e-9}) if threshold > 0 else query


def _without_the_bound(query: Query) -> Query:
    """The fault of reading a band as a threshold."""
    name = SCORES[kind_of(query)]
    band = getattr(query, name)
    return query.replace(**{name: band[0]}) if isinstance(band, tuple) else query


def _one_side(change: ExpectedChange) -> ExpectedChange:
    """The fault of judging the new side only: a result that was stored before stays or leaves."""
    if change.effect == "entered" and change.was_interim is not None:
        return change._replace(effect="stayed")
    return change


def _score_or_zero(change: ExpectedChange) -> ExpectedChange:
    return change._replace(old_score=change.old_score or 0.0)


def _reason(old: str, new: str) -> Callable[[ExpectedChange], ExpectedChange]:
    return lambda change: change._replace(reason=new) if change.reason == old else change


def _only_if(claim: Callable[[ExpectedChange], bool]) -> Callable[[ExpectedChange], ExpectedChange | None]:
    return lambda change: change if claim(change) else None


def _forgetful(reached: Reached, query: Query | None, since: int | None, **named: Any) -> Feed:
    """The fault of one change for each result and call, the newest one."""
    newest = {
        (change.kind, change.key): (number, change) for number, change in expected_feed(reached, query, since, **named)
    }
    return list(newest.values())


def _every_write(reached: Reached, query: Query | None, since: int | None, **named: Any) -> Feed:
    """The fault of a change for a document that is the same."""
    found = expected_feed(reached, query, since, **named)
    for before, moment in pairwise(reached):
        if query is None and since is not None and moment.sequence > max(since, before.sequence):
            same = [
                name
                for name, document in moment.stored.items()
                if name in moment.before and document is not moment.before[name]
                if not matching_changes(
                    {name: moment.before[name]}, {name: document}, keep_documents=named["keep_documents"]
                )
            ]
            found += [(moment.sequence, listing({name: moment.stored[name]})[0]) for name in same]
    return sorted(found, key=itemgetter(0))


def _after(change: Callable[[list[Any], Query, Mapping[str, Any]], Mapping[str, Any]]) -> dict[str, Any]:
    """A fault in the page behind a result."""
    return {"behind": change}


def _skips_ties(documents: list[Any], query: Query, last: Mapping[str, Any]) -> Mapping[str, Any]:
    rest = evaluate_after(documents, query.replace(size=10_000), last)
    kept = [row for row in rest[plural(query)] if query.sort not in row or row[query.sort] != _shown_value(query, last)]
    return {**rest, plural(query): kept[: query.size]}


def _shown_value(query: Query, last: Mapping[str, Any]) -> Any:
    (row,) = evaluate(
        [last],
        query.replace(size=1, from_=0, start=None, end=None, exclude_interim=False, **{SCORES[kind_of(query)]: 0.0}),
    )[plural(query)]
    return row.get(query.sort)


def _repeats_last(documents: list[Any], query: Query, last: Mapping[str, Any]) -> Mapping[str, Any]:
    body = evaluate_after(documents, query, last)
    again = [
        row
        for row in evaluate(documents, query.replace(from_=0, size=10_000))[plural(query)]
        if identity(row) == identity(last)
    ]
    return {**body, plural(query): [*again, *body[plural(query)]][: query.size]}


def _from_again(documents: list[Any], query: Query, last: Mapping[str, Any]) -> Mapping[str, Any]:
    body = evaluate_after(documents, query.replace(size=10_000), last)
    return {**body, plural(query): body[plural(query)][query.from_ :][: query.size]}


def _count_of_the_rest(documents: list[Any], query: Query, last: Mapping[str, Any]) -> Mapping[str, Any]:
    body = evaluate_after(documents, query, last)
    return {**body, "count": len(evaluate_after(documents, query.replace(size=10_000), last)[plural(query)])}


def _no_missing(documents: list[Any], query: Query, last: Mapping[str, Any]) -> Mapping[str, Any]:
    body = evaluate_after(documents, query.replace(size=10_000), last)
    stored = stored_results(documents)
    kept = [
        row
        for row in body[plural(query)]
        if query.sort != SCORES[kind_of(query)] or stored[kind_of(query), identity(row)].get(query.sort) is not None
    ]
    return {**body, plural(query): kept[: query.size]}


def _by_place(documents: list[Any], query: Query, last: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fault of a cursor that looks for the result itself: once it is deleted, the walk begins anew."""
    if (kind_of(query), identity(last)) in stored_results(documents):
        return evaluate_after(documents, query, last)
    return evaluate(documents, query.replace(from_=0))


def _by_present_value(documents: list[Any], query: Query, last: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fault of a cursor that reads the value of its result anew."""
    return evaluate_after(documents, query, stored_results(documents).get((kind_of(query), identity(last)), last))


def _always_more(documents: list[Any], query: Query, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fault of a cursor on every page that is not empty."""
    return {plural(query): evaluate(documents, query.replace(from_=0, size=1))[plural(query)]}


FAULTS: dict[str, dict[str, Any]] = {
    "delete: the end is included": _with_arguments("delete", _moved("end", 1)),
    "delete: the start is excluded": _with_arguments("delete", _moved("start", 1)),
    "delete: interim_only is forgotten": _with_arguments("delete", lambda named: {**named, "interim_only": False}),
    "delete: all jobs": _with_arguments("delete", lambda named: {**named, "job_id": None}),
    "delete: the window is forgotten for interim results": _with_arguments(
        "delete", lambda named: {"job_id": named["job_id"], "interim_only": True} if "interim_only" in named else named
    ),
    "delete: only buckets": _without(
        lambda stored, step: {name for name in _deleted(stored, step) if name[0] == "bucket"}, "delete"
    ),
    "delete: a result that says nothing is interim": _without(
        lambda stored, step: {
            name
            for name in _deleted(stored, step, interim_only=False)
            if not step.arguments.get("interim_only") or stored[name].get("is_interim") is not False
        },
        "delete",
    ),
    "drop_interim: nothing": _without(lambda *_: set(), "upsert"),
    "drop_interim: only the span of the bucket": _overtaken(lambda final, _, key: key[:3] == final[:3]),
    "drop_interim: only buckets": _overtaken(lambda final, kind, key: kind == "bucket" and key[:2] == final[:2]),
    "drop_interim: every instant": _overtaken(lambda final, _, key: key[0] == final[0]),
    "drop_interim: every instant up to the bucket": _overtaken(
        lambda final, _, key: key[0] == final[0] and key[1] <= final[1]
    ),
    "drop_interim: every job": _overtaken(lambda final, _, key: key[1] == final[1]),
    "drop_interim: final results too": _without(
        lambda stored, step: {
            name
            for name in stored
            if name not in stored_results(step.arguments["documents"])
            if any(name[1][:2] == final[:2] for final in _finals(step))
        },
        "upsert",
    ),
    "drop_interim: an interim bucket too": _without(
        lambda stored, step: {
            name
            for name, document in stored.items()
            if _is_interim(document) and name not in stored_results(step.arguments["documents"])
            if any(
                kind == "bucket" and key[:2] == name[1][:2] for kind, key in stored_results(step.arguments["documents"])
            )
        },
        "upsert",
    ),
    "drop_interim: an unchanged bucket does not count": _without(_only_new_buckets, "upsert"),
    "drop_interim: a document that was replaced counts": _without(_any_final_of_a_batch, "upsert"),
    "renormalize: the initial score too": _scores(_initial_too),
    "renormalize: no influencers of buckets": _scores(_nested_stay),
    "renormalize: bucket_time does not follow": _scores(_time_does_not_follow),
    "renormalize: bucket_time always follows": _scores(_time_always_follows),
    "renormalize: no records": _scores(_without_tables("records")),
    "renormalize: no influencers": _scores(_without_tables("influencers")),
    "renormalize: the first row wins": _scores(_first_row_wins),
    "feed: since is included": _since(-1),
    "feed: a commit is missed": _since(1),
    "feed: interim results count": _asked(lambda query: query.replace(exclude_interim=False)),
    "feed: the start is excluded": _asked(_shifted("start", 1)),
    "feed: the end is included": _asked(_shifted("end", 1)),
    "feed: the threshold is excluded": _asked(_above_threshold),
    "feed: the end of a band is forgotten": _asked(_without_the_bound),
    "feed: the threshold is forgotten": _asked(lambda query: query.replace(**{SCORES[kind_of(query)]: 0.0})),
    "feed: the first job only": _asked(lambda query: query.replace(jobs=query.jobs[0])),
    "feed: only the new side is judged": _feed(_one_side),
    "feed: a missing score is zero": _feed(_score_or_zero),
    "feed: finalised is replaced": _feed(_reason("finalised", "replaced")),
    "feed: replaced is finalised": _feed(_reason("replaced", "finalised")),
    "feed: renormalised is replaced": _feed(_reason("renormalised", "replaced")),
    "feed: nothing stays": _feed(_only_if(lambda change: change.effect != "stayed")),
    "feed: nothing is deleted": _feed(_only_if(lambda change: change.reason != "deleted")),
    "feed: a change needs another score": _feed(
        _only_if(lambda change: change.old_score != change.score or change.was_interim != change.is_interim)
    ),
    "feed: the newest change of a result only": {"feed": _forgetful},
    "feed: a document that is the same": {"feed": _every_write},
    "cursor: ties are skipped": _after(_skips_ties),
    "cursor: the last result comes again": _after(_repeats_last),
    "cursor: from_ applies again": _after(_from_again),
    "cursor: the count is that of the rest": _after(_count_of_the_rest),
    "cursor: missing values are lost": _after(_no_missing),
    "cursor: a deleted result begins anew": _after(_by_place),
    "cursor: the present value of its result": _after(_by_present_value),
    "cursor: a full last page has one": {"more": _always_more},
}


def test_the_loop_passes_the_reference_itself() -> None:
    """The reference itself passes the loop."""
    assert count_lives(seeded_lives("0", 400), ModelEngine)["cases"] >= 400


def test_the_loop_notices_a_fault_of_each_part() -> None:
    """The loop ends at the first difference in the results, in a feed or in a walk."""
    for name in ("delete: only buckets", "feed: since is included", "cursor: ties are skipped"):
        with pytest.raises(AssertionError, match="differ"):
            count_lives(seeded_lives("0", 1_000), partial(ModelEngine, **FAULTS[name]))


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAULTS)
def test_the_lives_show_a_fault(name: str) -> None:
    """A single wrong edge, reason, effect or place changes an answer among 5,000 cases."""
    with pytest.raises(AssertionError, match="differ"):
        count_lives(seeded_lives("0", 5_000), partial(ModelEngine, **FAULTS[name]))


def test_a_difference_shows_the_command_that_repeats_the_life() -> None:
    """The failure shows a command that runs only the life with the fault, and the steps before it."""
    with pytest.raises(AssertionError) as caught:
        count_lives(seeded_lives("0.3", 1_000), partial(ModelEngine, **FAULTS["cursor: from_ applies again"]))
    (note,) = caught.value.__notes__
    assert "BUCKETQUERY_CASES=1 python -m pytest tests/properties/test_living.py::" in note
    assert "upsert(" in note
