"""Joined jobs: the rows of small jobs are compared and sorted together, as if they lay in one table."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.model.schema import Kind
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search.joined_jobs import search_joined
from bucketquery.search.shortcuts import ALL_SHORTCUTS
from bucketquery.storage.table import Table
from bucketquery.testing import evaluate
from support.helpers import STEP, bucket, record, resize
from support.shortcuts import only, take

JOBS = ("b", "a", "c")
SORTS = ("timestamp", "anomaly_score", "event_count", "bucket_span", "is_interim", "job_id", "processing_time_ms")


def tables(index: ResultsIndex, kind: Kind = "bucket") -> Mapping[str, Table]:
    """The tables of all jobs."""
    catalog = index.snapshot()._catalog
    return {job.job_id: job.tables[kind] for job in catalog if kind in job.tables}


def asked(query: AnyQuery) -> Any:
    """The resolved query."""
    return resolve(query, lambda: 0)


@pytest.mark.parametrize("seed", range(8))
def test_joined_jobs_have_the_answer_of_a_single_table(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads, deleted rows, missing values and lists are read; cursors and pickled pages too."""
    if seed % 2:
        resize(monkeypatch, head_rows=3)
    rng = Random(seed)
    index = take(ResultsIndex(), only({"join"}))
    stored: dict[tuple[str, int, int], dict[str, Any]] = {}
    for _ in range(4):
        batch = [
            bucket(
                rng.randrange(8),
                job_id=rng.choice(JOBS),
                bucket_span=rng.choice((60, 300)),
                anomaly_score=rng.choice((None, 0.0, 50.0, 75.0)),
                event_count=rng.choice((None, 0, 5)),
                is_interim=rng.random() < 0.3,
                scheduled_events=rng.choice((None, ["x"])),
                bucket_influencers=rng.choice((None, [{"influencer_field_name": "host"}])),
            )
            for _ in range(12)
        ]
        index.upsert(batch)
        stored |= {(one["job_id"], one["timestamp"], one["bucket_span"]): one for one in batch}
        jobs = tuple(job_id for job_id in JOBS if job_id in index)
        for _ in range(20):
            query = BucketQuery(
                jobs=jobs,
                sort=rng.choice(SORTS),
                desc=rng.random() < 0.5,
                start=rng.choice((None, 2 * STEP)),
                end=rng.choice((None, 6 * STEP)),
                anomaly_score=rng.choice((0, 50.0)),
                exclude_interim=rng.random() < 0.3,
                from_=rng.choice((0, 3, 10**20)),
                size=rng.choice((0, 2, 5, 100)),
            )
            page = index.search(query)
            expected = repr(evaluate(list(stored.values()), query))
            assert repr(page.to_dict()) == repr(pickle.loads(pickle.dumps(page)).to_dict()) == expected
            if page.cursor is not None:
                following = index.search(query, after=page.cursor)
                assert repr(following.to_dict()) == repr(
                    evaluate(list(stored.values()), query.replace(from_=query.from_ + query.size))
                )


def test_too_many_rows_and_lists_are_not_joined() -> None:
    """The limit counts all rows. Lists and instants are no columns to sort by."""
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=job_id) for job_id in JOBS for row in range(5)])
    query = BucketQuery(jobs=JOBS, size=3)
    found = search_joined(tables(index), asked(query), 15)
    assert found is not None
    ((rows, job_ids),) = found.groups
    assert (rows.column("timestamp").tolist(), job_ids) == ([0, 0, 0], ("a", "b", "c"))
    assert (found.matched, found.rows_read, found.has_more, found.order) == (15, 15, True, None)
    assert search_joined(tables(index), asked(query), 14) is None
    for sort in ("scheduled_events", "event.ingested"):
        assert search_joined(tables(index), asked(query.replace(sort=sort)), 15) is None


def influencer(row: int, **fields: Any) -> dict[str, Any]:
    """An influencer of a bucket."""
    return bucket(row, result_type="influencer", influencer_field_name="host", **fields)


@pytest.mark.repeats
@pytest.mark.parametrize("seed", range(6))
def test_rows_that_are_not_packed_are_joined_by_columns(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records, influencers and large jobs have the pages of searches one by one, forwards by cursor too."""
    resize(monkeypatch, head_rows=5)
    rng = Random(seed)
    index = ResultsIndex()
    for job_id in JOBS:
        for _ in range(3):
            index.upsert(
                [
                    *(
                        bucket(rng.randrange(90), job_id=job_id, event_count=rng.choice((None, 1, 2)))
                        for _ in range(60 if job_id == "c" else 5)
                    ),
                    *(
                        record(
                            rng.randrange(6),
                            rng.choice((None, 0, 1)),
                            job_id=job_id,
                            by_field_value=rng.choice((None, "", "x", job_id)),
                            probability=rng.choice((0.1, 0.5)),
                            record_score=rng.choice((None, 5.0)),
                            is_interim=rng.random() < 0.3,
                        )
                        for _ in range(12)
                    ),
                    *(
                        influencer(rng.randrange(6), job_id=job_id, influencer_field_value=rng.choice("xyz"))
                        for _ in range(9)
                    ),
                ]
            )
    one_by_one = index.snapshot()._with_shortcuts(only(()))
    joined = index.snapshot()._with_shortcuts(only({"join"}, replace(ALL_SHORTCUTS, joined_per_job=10**6)))
    sorts = {
        BucketQuery: ("event_count", "timestamp", "job_id"),
        RecordQuery: ("probability", "detector_index", "by_field_value", "record_score", "is_interim", "job_id"),
        InfluencerQuery: ("influencer_field_value", "influencer_score", "timestamp"),
    }
    for kind, names in sorts.items():
        for sort in names:
            for desc in (False, True):
                query: Any = kind(jobs=JOBS, sort=sort, desc=desc, size=rng.choice((1, 4, 30)), exclude_interim=desc)
                pages = [one_by_one.search(query), joined.search(query)]
                while pages[0] is not None:
                    assert repr(pages[1].to_dict()) == repr(pages[0].to_dict()), query
                    assert pages[1].cursor == pages[0].cursor
                    if pages[0].cursor is None or rng.random() < 0.1:
                        break
                    cursor = pages[0].cursor
                    pages = [one_by_one.search(query, after=cursor), joined.search(query, after=cursor)]


@pytest.mark.parametrize("desc", [False, True])
def test_pages_by_job_are_merged_from_many_rows(desc: bool) -> None:
    """The job leads, so no row is left out by the next column."""
    index = take(ResultsIndex(max_size=10_000), only(()))
    index.upsert([bucket(row, job_id=job_id) for job_id in JOBS for row in range(600)])
    query = BucketQuery(jobs=JOBS, sort="job_id", desc=desc, size=250)
    everything = index.search(query.replace(size=10_000)).keys()
    assert [key for page in index.pages(query) for key in page.keys()] == list(everything)  # noqa: SIM118 - a method of pages


def test_results_of_joined_jobs_show_their_records() -> None:
    """Each bucket has those of its own job."""
    index = ResultsIndex()
    index.upsert([bucket(0, job_id=job_id, bucket_influencers=[{"influencer_field_name": "x"}]) for job_id in JOBS])
    index.upsert([record(0, number, job_id=job_id) for number, job_id in enumerate(JOBS)])
    page = index.search(BucketQuery(jobs=JOBS, expand=True))
    assert [(found.job_id, [each.detector_index for each in found.records]) for found in page] == [
        ("a", [1]),
        ("b", [0]),
        ("c", [2]),
    ]
    assert [found.job_id for found in page[1:]] == ["b", "c"]
    assert page[-1].job_id == "c"
