"""Index, reference and SQLite give the same answers over histories of writes, on the newest state and on older ones.

The seeded loop runs BUCKETQUERY_CASES cases (default 1,000) of BUCKETQUERY_SEED (default "0"). Another seed is another
set of cases, so processes share the work by running different seeds. A failure shows a seed such as "0.17", which
begins with table 17 of seed 0 and so repeats the failure. BUCKETQUERY_CASES / CASES_PER_SHORTCUT further cases run on
an index that takes every shortcut it can, and the same number on an index that takes none.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketquery import (
    BucketPage,
    BucketQuery,
    Commit,
    InfluencerPage,
    Kind,
    RecordPage,
    RecordQuery,
    ResultsIndex,
    Snapshot,
)
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.testing import bucket_queries, evaluate, influencer_queries, record_queries, result_documents
from support.all_jobs import cut_all_jobs
from support.cases import Case, Table, all_matches, count_cases, outcome, plural, seeded_tables
from support.helpers import ask_together
from support.shortcuts import AS_THEY_ARE, FORCED, OFF, WAYS, shortcuts_for, take
from support.spellings import as_given, nested, respelled
from support.sql import SqlResults
from support.strategies import (
    FIELDS,
    KINDS,
    QUERIES,
    SCORES,
    SORT_FIELDS,
    Batch,
    Document,
    History,
    Query,
    State,
    apply_history,
    as_columns,
    as_scores,
    commit_counts,
    fits,
    histories,
    identity,
    is_for_values_only,
    kind_of,
    results_in,
    unknown,
)

CASES = int(os.environ.get("BUCKETQUERY_CASES", "1000"))
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
#: BUCKETQUERY_CASES divided by this is the number of cases with every shortcut, and of cases without any.
CASES_PER_SHORTCUT = 4


# ---- cases from a seed


@pytest.mark.parametrize("shortcuts", WAYS)
def test_seeded_cases_are_answered_alike(shortcuts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index, reference and SQLite agree on every case of the seed, for every way to write, read and search."""
    cases, seed = CASES, SEED
    if shortcuts != AS_THEY_ARE:
        cases, seed = -(-CASES // CASES_PER_SHORTCUT), f"led-{SEED.removeprefix('led-')}"
    assert count_cases(seeded_tables(seed, cases), engines(shortcuts, monkeypatch))["cases"] >= cases


@pytest.mark.parametrize("kind", KINDS)
def test_churned_cases_are_answered_alike(kind: Kind) -> None:
    """Index, reference and SQLite agree on large tables whose late and repeated writes compact and copy columns."""
    cases = CASES // 300
    assert count_cases(seeded_tables(f"churned-{kind}-{SEED}", cases), IndexEngine)["cases"] >= cases


@pytest.mark.parametrize("way", WAYS)
def test_jobs_that_are_asked_together_are_answered_alike(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index, reference and SQLite agree if two jobs or more are searched in combined tables, which have many parts."""

    def opened(table: Table) -> IndexEngine:
        shortcuts = shortcuts_for(monkeypatch, way, table.seed)
        cut_all_jobs(monkeypatch, table.seed)
        return IndexEngine(table, replace(shortcuts, combined=True), prepare=ask_together)

    cases = CASES // 5
    assert count_cases(seeded_tables(f"together-{way}-{SEED}", cases), opened)["cases"] >= cases


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(10))
def test_very_many_seeded_cases_are_answered_alike(part: int) -> None:
    """Index, reference and SQLite agree on 100,000 cases of each of ten more seeds."""
    assert count_cases(seeded_tables(f"thorough-{part}-{SEED}", 100_000), IndexEngine)["cases"] >= 100_000


@pytest.mark.thorough
@pytest.mark.parametrize("shortcuts", [FORCED, OFF])
def test_very_many_cases_are_answered_alike(shortcuts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index, reference and SQLite agree on 100,000 cases with every shortcut, and on 100,000 without any."""
    tables = seeded_tables(f"led-{shortcuts}-{SEED}", 100_000)
    assert count_cases(tables, engines(shortcuts, monkeypatch))["cases"] >= 100_000


@pytest.mark.thorough
@pytest.mark.parametrize("shortcuts", [FORCED, OFF])
@pytest.mark.parametrize("kind", KINDS)
def test_very_many_churned_cases_are_answered_alike(
    kind: Kind, shortcuts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Index, reference and SQLite agree on many large, often rewritten tables, with every shortcut and without any."""
    tables = seeded_tables(f"churned-{kind}-{shortcuts}-{SEED}", 500)
    assert count_cases(tables, engines(shortcuts, monkeypatch))["cases"] >= 500


def engines(shortcuts: str, patch: pytest.MonkeyPatch) -> Callable[[Table], "IndexEngine"]:
    """A function that opens an index for a table; the index searches in one of `WAYS`."""

    def opened(table: Table) -> IndexEngine:
        forced = shortcuts_for(patch, shortcuts, table.seed)
        return IndexEngine(table, forced, asks_by_value=shortcuts == FORCED)

    return opened


class IndexEngine:
    """An index that is written and searched in every way that the library offers.

    Args:
        table: the history to write and the cases to ask.
        shortcuts: the shortcuts of its searches.
        asks_by_value: whether readers search by value after every write, so that the next write finds value indexes to
            extend or correct.
        prepare: called with each index before anything is written.
    """

    def __init__(
        self,
        table: Table,
        shortcuts: Shortcuts = ALL_SHORTCUTS,
        *,
        asks_by_value: bool = False,
        prepare: Callable[[ResultsIndex], object] | None = None,
    ) -> None:
        self.rng = Random(f"{table.seed} as the index has it")
        self.asks_by_value = asks_by_value
        self.index = ResultsIndex()
        #: For some tables, a second index without documents, which is written and asked like the first.
        self.bare = ResultsIndex(keep_documents=False) if self.rng.random() < 0.2 else None
        for index in self.indexes():
            take(index, shortcuts)
            if prepare is not None:
                prepare(index)
            for job_id in sorted(table.put):
                index.put_job(job_id)
        self.snapshots = [self.index.snapshot()]
        self.bare_snapshots = [] if self.bare is None else [self.bare.snapshot()]

    def indexes(self) -> list[ResultsIndex]:
        """The indexes to write to."""
        return [self.index] if self.bare is None else [self.index, self.bare]

    def write(self, table: Table, state: int) -> None:
        """Write one batch in a random way, and check the commit."""
        for index in self.indexes():
            before = index.sequence
            commit, batch = write_somehow(self.rng, index, table.history[state - 1], table.states[state - 1])
            counts = commit_counts(table.states[state - 1], batch, keep_documents=index is not self.bare)
            assert (commit.inserted, commit.replaced, commit.unchanged, commit.repeated, commit.deleted) == (
                counts.inserted,
                counts.replaced,
                counts.unchanged,
                counts.repeated,
                0,
            )
            assert dict(commit.skipped) == counts.skipped
            assert commit.sequence == index.sequence == before + (counts.inserted + counts.replaced > 0)
            assert index.jobs() == tuple(sorted(table.jobs(state)))
            stored = [kind for kind, _ in table.states[state]]
            assert index.stats()["rows"] == {kind: stored.count(kind) for kind in KINDS}
        self.snapshots.append(self.index.snapshot())
        if self.bare is not None:
            self.bare_snapshots.append(self.bare.snapshot())
        if self.asks_by_value:
            self.search_by_value(table)

    def search_by_value(self, table: Table) -> None:
        """Search by value on the newest state and on an older one, without a check of the answers."""
        rng, domain = self.rng, table.domain
        for snapshots in (self.snapshots, self.bare_snapshots):
            for snapshot in (*3 * snapshots[-1:], *rng.sample(snapshots[:-1], min(1, len(snapshots[:-1])))):
                kind = rng.choice(domain.kinds)
                asked: dict[str, Any] = {
                    "jobs": rng.choice(domain.jobs),
                    "sort": rng.choice((SCORES[kind], *SORT_FIELDS[kind])),
                    "desc": rng.random() < 0.5,
                    SCORES[kind]: rng.choice((0.0, *rng.sample(domain.scores, 1))),
                }
                outcome(snapshot.search, QUERIES[kind](size=3, **asked))

    def ask(self, table: Table, case: Case) -> str:
        """The outcome of the case, from a random way to ask."""
        snapshot = self.snapshots[case.state]
        known = table.jobs(case.state).issuperset(case.query.jobs)
        way = self.rng.randrange(10)
        if way == 0 and len(case.query.jobs) == 1 and not is_for_values_only(case.query):
            return outcome(call, snapshot, case.query)
        if way == 1 and known:
            look_closely(table, case, snapshot)
        if way < 6 and known and self.bare_snapshots:
            look_at_keys(self.rng, table, case, self.bare_snapshots[case.state])
        newest = case.state == case.written and self.rng.random() < 0.5
        return outcome(search, self.index if newest else snapshot, case.query)


def write_somehow(rng: Random, index: ResultsIndex, batch: Batch, before: State) -> tuple[Commit, Batch]:
    """Write a batch in a random way, and return the commit and the part of the batch that was written."""
    held = [document for document in batch if fits(document)]
    kinds = [kind for kind in KINDS if any(document["result_type"] == kind for document in held)]
    way = rng.randrange(5)
    if way == 0 and len(kinds) == 1 and not any(unknown(document) or "records" in document for document in held):
        columns, job_id = as_columns(rng, held)
        return index.upsert_columns(columns, job_id=job_id, kind=kinds[0]), held
    if way == 1 and len(kinds) == 1:
        bare = [{name: value for name, value in document.items() if name != "result_type"} for document in held]
        return index.upsert(bare, kind=kinds[0]), held
    if way > 1 and (scores := as_scores(before, held)) is not None:
        job_id, columns = scores
        return index.renormalize(job_id, buckets=columns), held
    if way == 2:
        return index.upsert(as_given(rng, nested(rng, batch))), batch
    return index.upsert(as_given(rng, [respelled(rng, document) for document in nested(rng, batch)])), batch


def search(results: ResultsIndex | Snapshot, query: Query) -> dict[str, Any]:
    """The response body to a query."""
    return results.search(query).to_dict()


def call(snapshot: Snapshot, query: Query) -> dict[str, Any]:
    """The response body to a query that is asked with the keywords of the API's client: no band, no filter."""
    shared: dict[str, Any] = {
        "job_id": query.jobs[0],
        "exclude_interim": query.exclude_interim,
        "sort": query.sort,
        "desc": query.desc,
    }
    if isinstance(query, BucketQuery):
        shared["expand"] = query.expand
        if query.timestamp is not None:
            return snapshot.get_buckets(timestamp=query.timestamp, **shared).to_dict()
    shared |= {"start": query.start, "end": query.end}
    shared |= (
        {"page": {"from": query.from_, "size": query.size}}
        if query.size % 2
        else {
            "from_": query.from_,
            "size": query.size,
        }
    )
    score = getattr(query, SCORES[kind_of(query)])
    if isinstance(query, BucketQuery):
        return snapshot.get_buckets(anomaly_score=score, **shared).to_dict()
    if isinstance(query, RecordQuery):
        return snapshot.get_records(record_score=score, **shared).to_dict()
    return snapshot.get_influencers(influencer_score=score, **shared).to_dict()


PAGES: Mapping[Kind, type] = {"bucket": BucketPage, "record": RecordPage, "influencer": InfluencerPage}


def look_closely(table: Table, case: Case, snapshot: Snapshot) -> None:
    """Assert that a page, a scan and pages laid end to end hold what the response body shows."""
    query, results = case.query, all_matches(table.documents(case.state), case.query)
    assert repr([result.to_dict() for result in snapshot.scan(query)]) == repr(results)
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        return
    page = snapshot.search(query)
    body = page.to_dict()[plural(query)]
    assert type(page) is PAGES[kind_of(query)]
    assert page.sequence == snapshot.sequence
    assert len(page) == len(body)
    assert repr([result.to_dict() for result in page]) == repr(body)
    assert list(page.keys()) == [identity(result) for result in body]
    for name in ("job_id", "timestamp", "bucket_span", "is_interim", SCORES[kind_of(query)]):
        assert repr(page.column(name).tolist()) == repr([result[name] for result in body])
    assert repr(laid_end_to_end(snapshot, query, size=len(results) // 3 + 1)) == repr(results)
    # A missing score is shown as 0.0.
    scores = [result[SCORES[kind_of(query)]] for result in results]
    assert list(snapshot.severity_counts(query).values()) == [
        sum(low <= score < high for score in scores) for low, high in pairwise((-math.inf, 3, 25, 50, 75, math.inf))
    ]
    thresholds = [0.0, -1.0, *(score for score in scores[:5] if score > 0), 50.0, 1e-300]
    assert snapshot.threshold_counts(query, thresholds).tolist() == [
        sum(score >= threshold or threshold <= 0 for score in scores) for threshold in thresholds
    ]


def look_at_keys(rng: Random, table: Table, case: Case, bare: Snapshot) -> None:
    """Assert that an index without documents has the same count and keys, and the same body if given documents."""
    query = case.query.replace(expand=False) if isinstance(case.query, BucketQuery) else case.query
    expected = outcome(evaluate, table.documents(case.state), query)
    if expected == "NotFound":
        assert outcome(bare.search, query) == expected
        return
    body = evaluate(table.documents(case.state), query)
    page = bare.search(query)
    keys = [identity(result) for result in body[plural(query)]]
    assert (page.count, list(page.keys())) == (body["count"], keys)
    stored = table.states[case.state]
    hosts = [host_document(rng, stored[kind_of(query), key]) for key in keys]
    assert repr(page.to_dict(documents=hosts)) == expected


def host_document(rng: Random, document: Document) -> Document:
    """A document as a host may have it: in another spelling, or with outdated values of indexed fields."""
    if rng.random() < 0.7:
        return respelled(rng, document)
    fields, named = FIELDS[document["result_type"]], identity(document)
    stale = {name: False if holds is bool else holds(1) for name, holds in fields.items() if rng.random() < 0.3}
    changed = {**document, **stale}
    return changed if identity(changed) == named else document


def laid_end_to_end(snapshot: Snapshot, query: Query, *, size: int) -> list[dict[str, Any]]:
    """The results of all pages of one size, up to the first empty one."""
    results: list[dict[str, Any]] = []
    while page := snapshot.search(query.replace(from_=len(results), size=size)).to_dict()[plural(query)]:
        results += page
    return results


# ---- cases drawn by Hypothesis, which shrinks a failure


def index_that_knows(query: Query) -> ResultsIndex:
    """An index without results that knows the jobs of the query."""
    index = ResultsIndex()
    for job_id in query.jobs:
        index.put_job(job_id)
    return index


def snapshot_of(history: History, query: Query) -> Snapshot:
    """The state after a history, in which the jobs of the query are known."""
    index = index_that_knows(query)
    for batch in history:
        index.upsert(batch)
    return index.snapshot()


def queries() -> st.SearchStrategy[Query]:
    """Queries of all kinds."""
    return st.one_of(bucket_queries(), record_queries(), influencer_queries())


def in_a_window(query: Query) -> bool:
    """Whether a query is not a lookup."""
    return not isinstance(query, BucketQuery) or query.timestamp is None


@given(histories(), queries())
def test_drawn_histories_are_answered_alike(history: History, query: Query) -> None:
    """Index and reference agree on drawn histories and queries."""
    answer = outcome(search, snapshot_of(history, query), query)
    assert answer == outcome(evaluate, apply_history(history), query)


@given(histories(), queries())
def test_reference_and_sqlite_agree(history: History, query: Query) -> None:
    """Reference and SQLite agree, though each replaces and filters in its own way."""
    with SqlResults(history) as sql:
        assert outcome(sql.answer, query) == outcome(evaluate, apply_history(history), query)


@given(histories(), queries())
def test_older_snapshots_give_their_old_answers(history: History, query: Query) -> None:
    """A snapshot shows no later write, whether or not it was asked before that write."""
    index = index_that_knows(query)
    older = []
    for batch in history:
        index.upsert(batch)
        asked, unasked = index.snapshot(), index.snapshot()
        older.append((asked, unasked, outcome(search, asked, query)))
    for written, (asked, unasked, answer) in enumerate(older, start=1):
        assert answer == outcome(evaluate, apply_history(history[:written]), query)
        assert answer == outcome(search, asked, query)
        assert answer == outcome(search, unasked, query)


@given(result_documents(), queries(), st.integers(0, 2**32))
def test_columns_and_documents_store_the_same(documents: Batch, query: Query, seed: int) -> None:
    """Columns, loaded a kind at a time, and the same documents in one batch give the same answers."""
    documents = [
        {name: value for name, value in document.items() if name not in unknown(document)}
        for document in results_in(documents)
    ]
    index = index_that_knows(query)
    for kind in KINDS:
        of_kind = [document for document in documents if document["result_type"] == kind]
        if of_kind:
            columns, job_id = as_columns(Random(seed), of_kind)
            index.upsert_columns(columns, job_id=job_id, kind=kind)
    answer = outcome(search, index, query)
    assert answer == outcome(search, snapshot_of([documents], query), query)
    assert answer == outcome(evaluate, documents, query)


@given(histories(), queries())
def test_a_scan_is_every_match_in_order(history: History, query: Query) -> None:
    """A scan follows the conditions and the order of a query, and ignores its page."""
    scanned = [result.to_dict() for result in snapshot_of(history, query).scan(query)]
    assert repr(scanned) == repr(all_matches(apply_history(history), query))


@given(histories(), queries().filter(in_a_window), st.integers(1, 7))
def test_pages_laid_end_to_end_are_the_whole(history: History, query: Query, size: int) -> None:
    """Pages of any size, one after the other, hold every match once and in order."""
    results = laid_end_to_end(snapshot_of(history, query), query, size=size)
    assert repr(results) == repr(all_matches(apply_history(history), query))
