"""Answers are documents: an answer that is stored again gives the same answer; batches of any form store the same."""

import json
from collections.abc import Mapping, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bucketquery import BucketQuery, Commit, InfluencerQuery, Kind, RecordQuery, ResultsIndex
from bucketquery.testing import evaluate, result_documents
from bucketquery.testing.strategies import JOBS
from support.cases import EVERYTHING
from support.spellings import as_given, nested, respelled
from support.strategies import (
    KINDS,
    QUERIES,
    Batch,
    Document,
    History,
    apply_batch,
    apply_history,
    commit_counts,
    histories,
    identity,
    results_in,
)

LARGEST_PAGE = 10_000
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.lists(st.integers(0, 40), max_size=6)


def everything(kind: Kind, **asked: Any) -> Any:
    """The query for all results of a kind of every job, in time order."""
    return QUERIES[kind](jobs=JOBS, sort="timestamp", desc=False, size=LARGEST_PAGE, **asked)


def index_of(*batches: Any, keep_documents: bool = True) -> ResultsIndex:
    """An index that knows the jobs of the strategies, with these batches."""
    index = ResultsIndex(keep_documents=keep_documents)
    for job_id in JOBS:
        index.put_job(job_id)
    for batch in batches:
        index.upsert(batch)
    return index


def in_order(results: Sequence[Document]) -> list[Document]:
    """Results by identity, and the records in each bucket too; a missing value that is shown changes the order."""

    def key(result: Document) -> str:
        return repr(identity(result))

    return [
        {**result, "records": sorted(result["records"], key=key)}
        if result["result_type"] == "bucket" and "records" in result
        else result
        for result in sorted(results, key=key)
    ]


def shown_alike(found: Mapping[str, Any], expected: Mapping[str, Any], plural: str) -> bool:
    """Whether two answers hold the same results, whatever their order."""
    return repr(in_order(found[plural])) == repr(in_order(expected[plural]))


@given(histories(), st.booleans(), st.sampled_from((0.0, 3.0, 75.0)), SEEDS)
def test_expanded_page_comes_back(history: History, exclude_interim: bool, threshold: float, seed: int) -> None:
    """The buckets and records of an expanded page, stored again, are shown as on the page.

    The first page shows the defaults of missing values, so the second trip gives exactly the same page.
    """
    query = everything("bucket", expand=True, exclude_interim=exclude_interim, anomaly_score=threshold)
    first = index_of(*history).search(query).to_dict()
    shown = [record for bucket in first["buckets"] for record in bucket.get("records", ())]
    second = index_of()
    commit = second.upsert(Random(seed).choice((first, first["buckets"], SimpleNamespace(body=first))))
    # Two buckets of one instant show the same records.
    assert commit.inserted == len(first["buckets"]) + len({identity(record) for record in shown})
    assert commit.inserted + commit.repeated == len(first["buckets"]) + len(shown)
    again = second.search(query).to_dict()
    assert again["count"] == first["count"]
    assert shown_alike(again, first, "buckets")
    third = index_of(json.loads(second.search(query).to_json()))
    assert repr(third.search(query).to_dict()) == repr(again)
    assert third.upsert(again).unchanged == commit.inserted


@given(histories(), st.sampled_from(KINDS), SEEDS)
def test_page_of_every_kind_comes_back(history: History, kind: Kind, seed: int) -> None:
    """A page of buckets, records or influencers, stored again in any spelling, shows the same results."""
    rng, plural = Random(seed), f"{kind}s"
    body = index_of(*history).search(everything(kind)).to_dict()
    given = as_given(rng, [respelled(rng, result) for result in body[plural]])
    second = index_of(given)
    again = second.search(everything(kind)).to_dict()
    assert shown_alike(again, body, plural)
    assert repr(evaluate(body, everything(kind))) == repr(again)
    assert second.upsert(body).unchanged == body["count"]


def counted(commit: Commit) -> int:
    """The number of documents and nested records that a commit says it was given."""
    written = commit.inserted + commit.replaced + commit.unchanged + commit.repeated
    return written + sum(commit.skipped.values())


@given(histories(), SIZES, SEEDS, st.booleans())
def test_batches_of_any_size_and_form_store_the_same(
    history: History, sizes: list[int], seed: int, keep_documents: bool
) -> None:
    """Documents in batches of any size, container and spelling store the same results, and the counts add up."""
    rng = Random(seed)
    documents = [document for batch in history for document in batch]
    index, state = index_of(keep_documents=keep_documents), apply_batch({}, [])
    for size in [*sizes, len(documents)]:
        batch, documents = documents[:size], documents[size:]
        commit = index.upsert(as_given(rng, [respelled(rng, document) for document in nested(rng, batch)]))
        counts = commit_counts(state, batch, keep_documents=keep_documents)
        assert (commit.inserted, commit.replaced, commit.unchanged, commit.repeated, dict(commit.skipped)) == (
            counts.inserted,
            counts.replaced,
            counts.unchanged,
            counts.repeated,
            counts.skipped,
        )
        assert counted(commit) == len([*results_in(batch)])
        state = apply_batch(state, batch)
    for kind in KINDS:
        page, expected = index.search(everything(kind)), evaluate(apply_history(history), everything(kind))
        assert (page.count, [*page.keys()]) == (expected["count"], [identity(one) for one in expected[f"{kind}s"]])
        if keep_documents:
            assert repr(page.to_dict()) == repr(expected)


@given(result_documents(max_size=12), st.sampled_from((1, 2, 17, 130)), SEEDS)
def test_large_batches_store_the_same(documents: Batch, times: int, seed: int) -> None:
    """The same documents many times in one batch are counted as repeated, and the last of each identity wins."""
    rng = Random(seed)
    batch = [document for _ in range(times) for document in rng.sample(documents, len(documents))]
    index = index_of()
    commit = index.upsert(as_given(rng, [respelled(rng, document) for document in nested(rng, batch)]))
    results = [*results_in(batch)]
    identities = {(one["result_type"], identity(one)) for one in results}
    assert (commit.inserted, commit.repeated) == (len(identities), len(results) - len(identities))
    for kind in KINDS:
        assert repr(index.search(everything(kind)).to_dict()) == repr(evaluate(batch, everything(kind)))


@given(histories())
def test_reference_reads_histories_as_they_are(history: History) -> None:
    """The reference gives the same answer for all documents ever written and for those that are stored in the end."""
    everything_written = [document for batch in history for document in batch]
    for query in (
        BucketQuery(jobs=JOBS, expand=True, size=EVERYTHING),
        RecordQuery(jobs=JOBS, sort="event.ingested"),
        InfluencerQuery(jobs=JOBS, sort="event.ingested", desc=False),
    ):
        assert repr(evaluate(everything_written, query)) == repr(evaluate(apply_history(history), query))
