"""Index, reference and SQLite give the same answers, over histories of writes, now and on snapshots kept from before.

The seeded loop runs BUCKETQUERY_CASES cases (2,000 unless told) of BUCKETQUERY_SEED ("0" unless told). Another seed is
another set of cases, so processes share the work by running different seeds. "0.17" begins with table 17 of seed 0:
that is how a failure says it can be had again.
"""

import os
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketquery import BucketQuery, Commit, ResultsIndex, Snapshot
from bucketquery.testing import bucket_documents, bucket_queries, evaluate
from cases import Case, Table, count_cases, outcome, seeded_tables, whole
from sql import SqlBuckets
from strategies import Batch, History, apply_history, as_columns, histories, identity, respelled, tally

CASES = int(os.environ.get("BUCKETQUERY_CASES", "2000"))
SEED = os.environ.get("BUCKETQUERY_SEED", "0")


# From a seed, very many


def test_seeded_cases_are_answered_alike() -> None:
    """Index, reference and SQLite agree on every case of the seed; so do all ways to write and to read."""
    seen = count_cases(seeded_tables(SEED, CASES), IndexEngine)
    assert seen["cases"] >= CASES


def test_churned_cases_are_answered_alike() -> None:
    """So they do on a table so large, and written late and again so often, that what was put off must be done."""
    assert count_cases(seeded_tables(f"churned-{SEED}", CASES // 200), IndexEngine)["cases"] >= CASES // 200


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(10))
def test_very_many_seeded_cases_are_answered_alike(part: int) -> None:
    """So they do on a hundred thousand cases each of ten more seeds."""
    assert count_cases(seeded_tables(f"thorough-{part}-{SEED}", 100_000), IndexEngine)["cases"] >= 100_000


class IndexEngine:
    """The library, written to and asked in the various ways it offers."""

    def __init__(self, table: Table) -> None:
        self.rng = Random(f"{table.seed} as the index has it")
        self.index = ResultsIndex()
        for job_id in sorted(table.put):
            self.index.put_job(job_id)
        self.snapshots = [self.index.snapshot()]

    def write(self, table: Table, state: int) -> None:
        """Write one batch in one of the ways; what the index says about it must be so."""
        before = self.index.sequence
        commit, batch = write_somehow(self.rng, self.index, table.history[state - 1])
        self.snapshots.append(self.index.snapshot())
        counts = tally(table.states[state - 1], batch)
        assert (commit.inserted, commit.replaced, commit.unchanged, commit.deleted, dict(commit.skipped)) == (
            counts.inserted,
            counts.replaced,
            counts.unchanged,
            0,
            counts.skipped,
        )
        assert commit.sequence == self.index.sequence == before + (counts.inserted + counts.replaced > 0)
        assert self.index.jobs() == tuple(sorted(table.jobs(state)))
        assert self.index.stats()["rows"] == {"bucket": len(table.states[state])}

    def ask(self, table: Table, case: Case) -> str:
        """The page of the case, asked in one of the ways."""
        snapshot = self.snapshots[case.state]
        way = self.rng.randrange(10)
        if way == 0:
            return outcome(call, snapshot, case.query)
        if way == 1 and table.jobs(case.state).issuperset(case.query.jobs):
            look_closely(table, case, snapshot)
        newest = case.state == case.written and self.rng.random() < 0.5
        return outcome(search, self.index if newest else snapshot, case.query)


def write_somehow(rng: Random, index: ResultsIndex, batch: Batch) -> tuple[Commit, Batch]:
    """Write a batch in one of the ways there are; the commit, and what of the batch was handed over."""
    buckets = [document for document in batch if document.get("result_type") == "bucket"]
    way = rng.randrange(5)
    if way == 0 and buckets:
        columns, job_id = as_columns(rng, buckets)
        return index.upsert_columns(columns, job_id=job_id), buckets
    if way == 1:
        bare = [{name: value for name, value in document.items() if name != "result_type"} for document in buckets]
        return index.upsert(bare, kind="bucket"), buckets
    if way == 2:
        return index.upsert(iter(batch)), batch
    return index.upsert([respelled(rng, document) for document in batch]), batch


def search(results: ResultsIndex | Snapshot, query: BucketQuery) -> dict[str, Any]:
    """The response body to a prepared question."""
    return results.search(query).to_dict()


def call(snapshot: Snapshot, query: BucketQuery) -> dict[str, Any]:
    """The same question in the keywords of the API's client."""
    shared: dict[str, Any] = {
        "job_id": query.jobs[0],
        "exclude_interim": query.exclude_interim,
        "expand": query.expand,
        "sort": query.sort,
        "desc": query.desc,
    }
    if query.timestamp is not None:
        return snapshot.get_buckets(timestamp=query.timestamp, **shared).to_dict()
    paging: Mapping[str, Any] = {"from_": query.from_, "size": query.size}
    if query.size % 2:
        paging = {"page": {"from": query.from_, "size": query.size}}
    return snapshot.get_buckets(
        start=query.start, end=query.end, anomaly_score=query.anomaly_score, **paging, **shared
    ).to_dict()


def look_closely(table: Table, case: Case, snapshot: Snapshot) -> None:
    """Everything else that a page, a scan and pages laid end to end say must be what the response body says."""
    query, buckets = case.query, whole(table.documents(case.state), case.query)
    assert repr([bucket.to_dict() for bucket in snapshot.scan(query)]) == repr(buckets)
    if query.timestamp is not None:
        return
    page = snapshot.search(query)
    body = page.to_dict()["buckets"]
    assert page.sequence == snapshot.sequence
    assert len(page) == len(body)
    assert repr([bucket.to_dict() for bucket in page]) == repr(body)
    assert list(page.keys()) == [identity(bucket) for bucket in body]
    for name in ("job_id", "timestamp", "anomaly_score", "bucket_span", "event_count", "is_interim"):
        assert repr(page.column(name).tolist()) == repr([bucket[name] for bucket in body])
    assert repr(laid_end_to_end(snapshot, query, size=len(buckets) // 3 + 1)) == repr(buckets)


def laid_end_to_end(snapshot: Snapshot, query: BucketQuery, *, size: int) -> list[dict[str, Any]]:
    """The buckets of all pages of one size, up to the first empty one."""
    buckets: list[dict[str, Any]] = []
    while page := snapshot.search(query.replace(from_=len(buckets), size=size)).to_dict()["buckets"]:
        buckets += page
    return buckets


# Drawn by Hypothesis, which makes a failure small


def snapshot_of(history: History, query: BucketQuery) -> Snapshot:
    """The state that a history leads to, in which the job of the query is known."""
    index = ResultsIndex()
    index.put_job(query.jobs[0])
    for batch in history:
        index.upsert(batch)
    return index.snapshot()


@given(histories(), bucket_queries())
def test_drawn_histories_are_answered_alike(history: History, query: BucketQuery) -> None:
    """Index and reference agree on whatever Hypothesis can think of."""
    answer = outcome(search, snapshot_of(history, query), query)
    assert answer == outcome(evaluate, apply_history(history), query)


@given(histories(), bucket_queries())
def test_reference_and_sqlite_agree(history: History, query: BucketQuery) -> None:
    """The judges agree among themselves, each having replaced and filtered in its own way."""
    with SqlBuckets(history) as sql:
        assert outcome(sql.answer, query) == outcome(evaluate, apply_history(history), query)


@given(histories(), bucket_queries())
def test_kept_snapshots_answer_as_they_did(history: History, query: BucketQuery) -> None:
    """No later write is seen in a snapshot, whether or not it was asked before that write."""
    index = ResultsIndex()
    index.put_job(query.jobs[0])
    kept = []
    for batch in history:
        index.upsert(batch)
        asked, unasked = index.snapshot(), index.snapshot()
        kept.append((asked, unasked, outcome(search, asked, query)))
    for written, (asked, unasked, answer) in enumerate(kept, start=1):
        assert answer == outcome(evaluate, apply_history(history[:written]), query)
        assert answer == outcome(search, asked, query)
        assert answer == outcome(search, unasked, query)


@given(bucket_documents(), bucket_queries(), st.integers(0, 2**32))
def test_columns_lead_where_documents_lead(documents: Batch, query: BucketQuery, seed: int) -> None:
    """A bulk load of columns and the same documents as one batch leave the same answers."""
    index = ResultsIndex()
    index.put_job(query.jobs[0])
    if documents:
        columns, job_id = as_columns(Random(seed), documents)
        index.upsert_columns(columns, job_id=job_id)
    answer = outcome(search, index, query)
    assert answer == outcome(search, snapshot_of([documents], query), query)
    assert answer == outcome(evaluate, documents, query)


@given(histories(), bucket_queries())
def test_a_scan_is_every_match_in_order(history: History, query: BucketQuery) -> None:
    """A scan heeds the conditions and the order of a query, and no page."""
    scanned = [bucket.to_dict() for bucket in snapshot_of(history, query).scan(query)]
    assert repr(scanned) == repr(whole(apply_history(history), query))


@given(histories(), bucket_queries().filter(lambda query: query.timestamp is None), st.integers(1, 7))
def test_pages_laid_end_to_end_are_the_whole(history: History, query: BucketQuery, size: int) -> None:
    """Pages of any size, one after the other, have every match once and in order."""
    buckets = laid_end_to_end(snapshot_of(history, query), query, size=size)
    assert repr(buckets) == repr(whole(apply_history(history), query))
