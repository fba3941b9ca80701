"""A rule machine compares the change feed, listings, histories and cursors of an index with every state that it had."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from bucketquery import BucketQuery, Change, Changes, ChangesExpired, Commit, ResultsIndex, Snapshot, UnknownJob
from support.cases import all_matches, plural
from support.index_machine import IndexMachine, WithoutDocuments, WithValueIndexes, seeds
from support.living_model import (
    Rescored,
    Seen,
    changes_between,
    effect,
    is_interim,
    listing,
    lowest,
    meets,
    score_of,
    seen,
    thinned,
)
from support.strategies import Batch, Name, Query, State, apply_batch
from support.tiers import of_tier

#: The time of the twins.
TICK = 7
Feed = dict[int, dict[Name, tuple[Seen, str]]]


class Twinned(ResultsIndex):
    """An index whose writes are made in some twins too; `alone` gets all but its batches of documents and columns."""

    __slots__ = ("alone", "commit", "twins")

    def __init__(self, twins: Sequence[ResultsIndex], alone: ResultsIndex, **settings: Any) -> None:
        super().__init__(**settings)
        self.twins = twins
        self.alone = alone
        self.commit: Commit | None = None

    def _twice(self, name: str, /, *given: Any, **named: Any) -> Commit:
        commit: Commit = getattr(ResultsIndex, name)(self, *given, **named)
        for twin in self.twins:
            assert getattr(twin, name)(*given, **named) == commit
        if not name.startswith("upsert"):
            assert getattr(self.alone, name)(*given, **named).deleted == commit.deleted
        self.commit = commit
        return commit

    def upsert(self, *given: Any, **named: Any) -> Commit:
        """Write documents everywhere."""
        return self._twice("upsert", *given, **named)

    def upsert_columns(self, *given: Any, **named: Any) -> Commit:
        """Write columns everywhere."""
        return self._twice("upsert_columns", *given, **named)

    def renormalize(self, *given: Any, **named: Any) -> Commit:
        """Give new scores everywhere."""
        return self._twice("renormalize", *given, **named)

    def delete(self, *given: Any, **named: Any) -> Commit:
        """Delete results everywhere."""
        return self._twice("delete", *given, **named)

    def put_job(self, *given: Any, **named: Any) -> Commit:
        """Put a job everywhere."""
        return self._twice("put_job", *given, **named)

    def delete_job(self, *given: Any, **named: Any) -> Commit:
        """Delete a job everywhere."""
        return self._twice("delete_job", *given, **named)


def fed(changes: Iterable[Change]) -> Feed:
    """Changes by commit and result. It asserts that commits come in order and that no result comes twice in one."""
    found: Feed = {}
    newest = -1
    for change in changes:
        assert change.sequence >= newest
        newest = change.sequence
        of_commit = found.setdefault(newest, {})
        one = seen(change)
        assert one.name not in of_commit, f"{one.name} changes twice in commit {newest}"
        assert change.effect is not None
        of_commit[one.name] = one, change.effect
    return found


@dataclass(slots=True)
class Walk:
    """A walk over the index in time order that takes a page now and then."""

    query: Query
    cursor: str
    passed: list[Any]
    #: The results that have matched since the walk began.
    throughout: set[Any]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A place in a walk over a snapshot, and the results that are left."""

    snapshot: Snapshot
    query: Query
    cursor: str
    left: Sequence[Any]
    count: int = field(default=0)


class LivingMachine(IndexMachine):
    """An index with a change feed beside the dict of every commit.

    Twins of the index get all of its writes: some with small logs, and one that gets each document of a batch alone.
    """

    most_rows = 120
    #: The rows that the logs of the twins keep.
    kept: ClassVar[Sequence[int]] = (12, 60, 0)

    def new_index(self) -> ResultsIndex:
        """The index of this machine, and its twins. Its clock jumps forwards and backwards."""
        self.states: dict[int, State] = {0: {}}
        self.known: dict[int, Collection[str]] = {0: ()}
        self.differences: dict[int, dict[Name, Seen]] = {}
        self.times: dict[int, int] = {0: 0}
        self.read: list[int] = []
        self.noted = 0
        self.walks: list[Walk] = []
        self.frozen: list[Frozen] = []
        ticks = Random(7)

        def clock() -> int:
            self.read.append(ticks.randrange(-5, 1_000))
            return self.read[-1]

        common: dict[str, Any] = {"max_size": 10**6, "keep_documents": self.keep_documents}
        self.twins = [ResultsIndex(changes_kept=kept, clock=lambda: TICK, **common) for kept in self.kept]
        self.alone = ResultsIndex(clock=lambda: TICK, **common)
        return Twinned(self.twins, self.alone, clock=clock, **common)

    def note(self, *, renormalised: bool = False) -> None:
        """Keep the newest state with its changes, if there is a new commit."""
        if self.sequence == self.noted:
            return
        assert self.sequence == self.noted + 1
        self.differences[self.sequence] = changes_between(
            self.states[self.noted], self.stored, renormalised=renormalised, keep_documents=self.keep_documents
        )
        self.states[self.sequence] = self.stored
        self.noted = self.sequence
        assert isinstance(self.index, Twinned)
        assert self.index.commit is not None
        self.times[self.sequence] = self.index.commit.time
        # The commit's time is the last one that the clock gave, or the time of the commit before.
        before = self.times[self.sequence - 1] if self.sequence > 1 else -1_000
        assert self.index.commit.time == max(before, self.read[-1])
        for walk in self.walks:
            walk.throughout &= self.matching(walk.query, self.stored)

    def expected(self, commit: Commit, batch: Batch, dropped: Collection[Name] = ()) -> None:
        """Compare a commit with that of the dict, and with the commits of its documents one by one."""
        before = self.alone.sequence
        super().expected(commit, batch, dropped)
        self.note()
        self.known[self.sequence] = frozenset(self.spans)
        results = [*apply_batch({}, batch).values()]
        if dropped:
            self.alone.upsert(results, drop_interim=True)
        else:
            for document in results:
                self.alone.upsert([document])
        one_by_one: dict[Name, Seen] = {}
        for of_commit in fed(self.alone.changes(since=before)).values():
            assert not one_by_one.keys() & of_commit.keys()
            one_by_one |= {name: change for name, (change, _) in of_commit.items()}
        together = self.differences[self.sequence] if commit.inserted + commit.replaced + commit.deleted else {}
        assert one_by_one == together

    def take_scores(self, after: Rescored) -> None:
        """Take the state after new scores."""
        super().take_scores(after)
        self.note(renormalised=True)

    def feed(self, query: Query | None, since: int, until: int) -> Feed | None:
        """The feed that the dicts give; None if the query names a job that is unknown and has no changes."""
        commits = range(since + 1, until + 1)
        if query is not None:
            heard = {name[1][0] for commit in commits for name in self.differences[commit]}
            if not set(query.jobs) <= {*self.known[until], *heard}:
                return None
        found: Feed = {}
        for commit in commits:
            changes = [(change, effect(query, change)) for change in self.differences[commit].values()]
            of_commit = {change.name: (change, of_query) for change, of_query in changes if of_query is not None}
            if of_commit:
                found[commit] = of_commit
        return found

    def matching(self, query: Query, stored: State) -> set[Any]:
        """The identities that a query matches in a state."""
        return {name[1] for name in listing(stored, query)}

    def change_queries(self, rng: Random, number: int) -> list[Query]:
        """Queries for changes. Without documents an index has no `expand`."""
        found: list[Query] = []
        for query in self.queries(rng.randrange(2**32), number):
            if isinstance(query, BucketQuery) and query.timestamp is not None:
                found.append(BucketQuery(jobs=query.jobs, timestamp=query.timestamp))
            else:
                # A plain log has no fields to filter by; properties/test_living.py reads feeds with filters.
                found.append(query.replace(where={}, **{"expand": False} if isinstance(query, BucketQuery) else {}))
        return found

    def walk_queries(self, rng: Random, number: int) -> list[Query]:
        """Queries with cursors whose jobs are known, with small pages."""
        found = [
            query.replace(size=rng.choice((1, 2, 3, 7, 50)))
            for query in self.queries(rng.randrange(2**32), number)
            if self.knows(query) and not (isinstance(query, BucketQuery) and query.timestamp is not None)
        ]
        if self.keep_documents:
            return found
        return [query.replace(expand=False) if isinstance(query, BucketQuery) else query for query in found]

    def begin(self) -> Random:
        """Keep the newest state, and make the numbers of a check."""
        self.note()
        self.known[self.sequence] = frozenset(self.spans)
        return Random(self.sequence * 1_000 + len(self.stored))

    # ---- rules

    @rule(seed=seeds)
    def keep_snapshot(self, seed: int) -> None:
        """Take a snapshot, and begin walks over it and over the index."""
        super().keep_snapshot(seed)
        self.begin()
        rng = Random(seed)
        for query in self.walk_queries(rng, 4):
            page = self.index.search(query)
            if page.cursor is not None:
                keys = self.index.search(query.replace(from_=0, size=10**6)).keys()
                left = keys[query.from_ + len(page) :]
                self.frozen.append(Frozen(self.index.snapshot(), query, page.cursor, left, page.count))
            in_order = query.replace(sort="timestamp", from_=0)
            page = self.index.search(in_order)
            if page.cursor is not None:
                matching = self.matching(in_order, self.stored)
                self.walks.append(Walk(in_order, page.cursor, [*page.keys()], matching))
        del self.frozen[:-6], self.walks[:-6]

    @precondition(lambda self: self.walks)
    @rule(seed=seeds)
    def walk_on(self, seed: int) -> None:
        """Take the next page of a walk in time order; at its end, whatever matched throughout came exactly once."""
        rng = Random(seed)
        walk = rng.choice(self.walks)
        if not self.knows(walk.query):
            self.walks.remove(walk)
            return
        page = self.index.search(walk.query.replace(size=rng.choice((1, 3, 10))), after=walk.cursor)
        walk.passed += page.keys()
        assert page.count == len(self.matching(walk.query, self.stored))
        assert len({*walk.passed}) == len(walk.passed), "a result came twice"
        if page.cursor is None:
            assert walk.throughout <= {*walk.passed}, "a result was left out"
            self.walks.remove(walk)
        else:
            walk.cursor = page.cursor

    # ---- invariants

    @invariant()
    def the_feed_is_the_dicts(self) -> None:
        """From any commit on, the feed has every difference between the dicts of two commits, and nothing else."""
        rng = self.begin()
        newest = self.sequence
        for since in {max(0, newest - 1), newest, rng.randint(0, newest), max(0, newest - rng.randrange(9))}:
            changes = self.index.changes(since=since)
            assert changes.sequence == newest
            assert len(changes) == sum(map(len, self.differences_since(since)))
            found = fed(changes)
            assert found == self.feed(None, since, newest)
            assert {change.time for change in changes} <= {self.times[commit] for commit in found}
            assert all(change.time == self.times[change.sequence] for change in changes)
            # Replayed on the dict of that commit, it gives the newest one.
            replayed = {
                name: (score_of(name, stored), bool(stored.get("is_interim")))
                for name, stored in self.states[since].items()
            }
            for of_commit in found.values():
                for name, (change, _) in of_commit.items():
                    assert replayed.get(name, (None, None)) == (change.old_score, change.was_interim)
                    if change.is_interim is None:
                        del replayed[name]
                    else:
                        replayed[name] = change.score, change.is_interim
            assert replayed == sides(self.stored)

    def differences_since(self, since: int) -> list[dict[Name, Seen]]:
        """The changes of each commit after one."""
        return [self.differences[commit] for commit in range(since + 1, self.sequence + 1)]

    @invariant()
    def effects_turn_the_matches_then_into_those_now(self) -> None:
        """A query's feed is the plain feed, filtered; its effects turn the matches then into the matches now."""
        rng = self.begin()
        for query in self.change_queries(rng, 4):
            since = rng.randint(max(0, self.sequence - 12), self.sequence)
            want = self.feed(query, since, self.sequence)
            if want is None:
                with pytest.raises(UnknownJob):
                    self.index.changes(query, since=since)
                continue
            changes = self.index.changes(query, since=since)
            assert fed(changes) == want, query
            assert changes.sequence == self.sequence
            matching = self.matching(query, self.states[since])
            for change in changes:
                if change.effect == "entered":
                    assert change.key not in matching
                    matching.add(change.key)
                else:
                    assert change.key in matching
                    if change.effect == "left":
                        matching.remove(change.key)
            assert matching == self.matching(query, self.stored)
            for name in ("entered", "left", "stayed"):
                assert [*map(seen, getattr(changes, name))] == [seen(one) for one in changes if one.effect == name]
            for column in ("sequence", "score", "old_score"):
                assert_same_column(changes, column)
            if self.knows(query) and not (isinstance(query, BucketQuery) and query.timestamp is not None):
                count_then = len(self.matching(query, self.states[since]))
                assert self.index.search(query.replace(from_=0, size=0)).count == count_then + len(
                    changes.entered
                ) - len(changes.left)

    @invariant()
    def feeds_add_up(self) -> None:
        """The feed up to a kept snapshot and the feed after it are the whole feed."""
        rng = self.begin()
        for older in self.older:
            middle = older.snapshot.sequence
            since = rng.randint(0, middle)
            for query in (None, *self.change_queries(rng, 1)):
                want = self.feed(query, since, middle)
                if want is None:
                    continue
                before = older.snapshot.changes(query, since=since)
                assert before.sequence == middle
                assert fed(before) == want
                whole, after = self.feed(query, since, self.sequence), self.feed(query, middle, self.sequence)
                if whole is not None and after is not None:
                    assert fed(before) | fed(self.index.changes(query, since=middle)) == whole
                    assert fed(self.index.changes(query, since=since)) == whole

    @invariant()
    def listings_are_the_dicts(self) -> None:
        """A listing has every match, of the index and of every kept snapshot; then watching gives the newest state."""
        rng = self.begin()
        for query in (None, *self.change_queries(rng, 2)):
            assert_listing(self.index, query, self.stored, self.sequence, self.spans)
        for older in self.older:
            for query in (None, *self.change_queries(rng, 1)):
                sequence = older.snapshot.sequence
                assert_listing(older.snapshot, query, older.stored, sequence, self.known[sequence])

    @invariant()
    def histories_are_the_dicts(self) -> None:
        """The history of a result has each of its changes, oldest first, whether it is stored or not."""
        rng = self.begin()
        names = sorted({name for changes in self.differences.values() for name in changes}, key=repr)
        for kind, key in rng.sample(names, min(3, len(names))):
            want = [
                (commit, changes[kind, key])
                for commit, changes in sorted(self.differences.items())
                if (kind, key) in changes
            ]
            found = self.index.history(key, kind=kind)
            assert [(change.sequence, seen(change)) for change in found] == want
            assert [change.effect for change in found] == [effect(None, change) for _, change in want]

    @invariant()
    def logs_of_any_size_differ_in_what_expires(self) -> None:
        """A twin with a small log has the same changes, or says from where on it has them."""
        rng = self.begin()
        newest = self.sequence
        for twin, kept in zip(self.twins, self.kept, strict=True):
            assert twin.sequence == newest
            for since in {newest, max(0, newest - 1), max(0, newest - 3), rng.randint(0, newest)}:
                for query in (None, *self.change_queries(rng, 1)):
                    self.compare_small(twin, kept, query, since)

    def compare_small(self, twin: ResultsIndex, kept: int, query: Query | None, since: int) -> None:
        """Compare the feed of a small log with that of the dicts."""
        want = self.feed(query, since, self.sequence)
        changes = asked(twin, query, since)
        if isinstance(changes, ChangesExpired):
            oldest = changes.oldest
            assert since < oldest <= self.sequence
            below = asked(twin, query, oldest - 1)
            # A deleted job whose changes were dropped is unknown, if it has no change after that commit.
            assert isinstance(below, ChangesExpired) or self.feed(query, oldest - 1, self.sequence) is None or not kept
            assert isinstance(asked(twin, query, oldest), Changes | UnknownJob)
            return
        if isinstance(changes, UnknownJob):
            # A log that keeps nothing does not remember a deleted job.
            assert want is None or not kept
            return
        assert want is not None
        assert len(changes) <= kept
        less, ranges = self.thinned_feed(query, since, kept)
        assert fed(changes) == {commit: of_commit for commit, of_commit in less.items() if of_commit}
        assert {
            (one.sequence, one.reason, one.kind, one.job_id, one.first, one.last, one.count, one.floor, one.time)
            for one in changes.ranges
        } == ranges
        assert len(changes.ranges) == len(ranges)

    def thinned_feed(self, query: Query | None, since: int, kept: int) -> tuple[Feed, set[tuple[Any, ...]]]:
        """The feed of a log that keeps some rows of a commit only, and its ranges."""
        found: Feed = {}
        ranges = set()
        for commit in range(since + 1, self.sequence + 1):
            groups: dict[tuple[str, Any], list[Seen]] = {}
            for change in self.differences[commit].values():
                groups.setdefault((change.key[0], change.kind), []).append(change)
            found[commit] = {}
            for (job_id, kind), group in groups.items():
                less = thinned(group, kept)
                for name, change in less.kept.items():
                    of_query = effect(query, change)
                    if of_query is not None:
                        found[commit][name] = change, of_query
                exact = query is not None and lowest(query) >= less.floor
                for reason, (first, last, count) in less.ranges.items():
                    if not exact and meets(query, kind, job_id, first, last):
                        ranges.add((commit, reason, kind, job_id, first, last, count, less.floor, TICK))
        return found, ranges

    @invariant()
    def walks_are_all_matches(self) -> None:
        """Pages laid end to end are all matches in order, with documents or without."""
        rng = self.begin()
        for query in self.walk_queries(rng, 3):
            whole = self.index.search(query.replace(from_=0, size=10**6))
            keys: list[Any] = []
            shown: list[Any] = []
            pages = 0
            page = self.index.search(query)
            while True:
                keys += page.keys()
                if self.keep_documents:
                    shown += page.to_dict()[plural(query)]
                assert page.count == whole.count
                pages += 1
                assert pages <= whole.count + 1, "the walk does not end"
                if page.cursor is None:
                    break
                assert page.cursor.isascii()
                assert len(page.cursor) <= 1_024
                assert len(page) == query.size
                page = self.index.search(query.replace(from_=rng.choice((0, 5))), after=page.cursor)
            assert keys == [*whole.keys()][query.from_ :], query
            if self.keep_documents:
                documents = self.of_jobs(query.jobs, self.heeded(query))
                assert repr(shown) == repr(all_matches(documents, query)[query.from_ :]), query
            walked = [page.keys() for page in self.index.pages(query)]
            assert [key for some in walked for key in some] == keys
            assert len(walked) == pages

    @invariant()
    def frozen_walks_go_on(self) -> None:
        """A cursor of a kept snapshot gives the same next page as before."""
        for frozen in self.frozen:
            page = frozen.snapshot.search(frozen.query, after=frozen.cursor)
            assert page.keys() == frozen.left[: frozen.query.size]
            assert page.count == frozen.count
            assert (page.cursor is None) == (len(frozen.left) <= frozen.query.size)


def asked(source: ResultsIndex, query: Query | None, since: int) -> Changes | ChangesExpired | UnknownJob:
    """The changes after a commit, or the error in their place."""
    try:
        return source.changes(query, since=since)
    except (ChangesExpired, UnknownJob) as error:
        return error


def sides(state: State) -> dict[Name, tuple[float | None, bool]]:
    """The score and the interim flag of each result."""
    return {name: (score_of(name, stored), is_interim(stored)) for name, stored in state.items()}


def assert_listing(
    source: ResultsIndex | Snapshot, query: Query | None, stored: State, sequence: int, known: Collection[str]
) -> None:
    """Assert that a listing has every match of a state as entered, in no commit but the newest."""
    if query is not None and not set(query.jobs) <= {*known}:
        with pytest.raises(UnknownJob):
            source.changes(query, since=None)
        return
    listed = source.changes(query, since=None)
    assert listed.sequence == sequence
    want = listing(stored, query)
    assert len(listed) == len(want)
    assert {one.name: one for one in map(seen, listed)} == want
    assert {(change.sequence, change.effect) for change in listed} <= {(sequence, "entered")}
    assert len(listed.entered) == len(want)
    assert not listed.left
    assert not listed.stayed


def assert_same_column(changes: Changes, name: str) -> None:
    """Assert that a column has the values of the changes; a missing value is None or NaN."""
    values = [None if value != value else value for value in changes.column(name).tolist()]  # noqa: PLR0124 - NaN
    assert values == [getattr(change, name) for change in changes]


class TinyHeads(LivingMachine):
    """Heads of four rows: nearly every write compacts, or copies columns."""

    head_rows = 4


class GrowingHeads(LivingMachine):
    """Heads that grow with the base, as those of very large tables do."""

    head_rows = 2
    base_rows_per_head_row = 4


class LivingWithoutDocuments(LivingMachine, WithoutDocuments):
    """An index without documents: it has the feed, and pages of keys."""


class LivingWithValueIndexes(LivingMachine, WithValueIndexes):
    """Value indexes of any number of rows, asked after every write, so that deletes and appends find some."""


#: The machines, and the part of the profile's examples that each runs.
MACHINES: dict[type[LivingMachine], int] = {
    TinyHeads: 10,
    GrowingHeads: 10,
    LivingWithoutDocuments: 10,
    LivingWithValueIndexes: 10,
}

EACH_MACHINE = pytest.mark.parametrize(
    ("machine", "part"), MACHINES.items(), ids=[machine.__name__ for machine in MACHINES]
)


def run_machine(machine: type[LivingMachine], part: int, profile: settings) -> None:
    """Run a machine with its part of the profile's examples."""
    # The first example is always the simplest history, which writes nothing.
    examples = max(2, profile.max_examples // part)
    run_state_machine_as_test(machine, settings=settings(profile, max_examples=examples))


@EACH_MACHINE
def test_every_history_is_fed_whole(machine: type[LivingMachine], part: int) -> None:
    """After writes in any order, feeds, listings, histories and walks are those of the dicts of all commits."""
    run_machine(machine, part, settings(stateful_step_count=of_tier(15, 25)))


@pytest.mark.thorough
@EACH_MACHINE
def test_every_long_history_is_fed_whole(machine: type[LivingMachine], part: int) -> None:
    """After many more and longer histories, feeds, listings, histories and walks are those of the dicts."""
    run_machine(machine, part, settings.get_profile("thorough"))
