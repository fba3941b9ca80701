"""Joined jobs: the rows of small jobs are compared and sorted together, as if they lay in one table."""

import pickle
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, RecordQuery, ResultsIndex
from bucketquery.model.schema import Kind
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search.joined_jobs import search_joined
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


def test_large_jobs_and_records_are_not_joined() -> None:
    """Only packed rows are joined, and no more than a limit. Lists and instants are no columns to sort by."""
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=job_id) for job_id in JOBS for row in range(5)])
    query = BucketQuery(jobs=JOBS, size=3)
    found = search_joined(tables(index), asked(query), 15)
    assert found is not None
    rows, job_ids, count, compared = found
    assert (rows.column("timestamp").tolist(), job_ids, count, compared) == ([0, 0, 0], ("a", "b", "c"), 15, 15)
    assert search_joined(tables(index), asked(query), 14) is None
    for sort in ("scheduled_events", "event.ingested"):
        assert search_joined(tables(index), asked(query.replace(sort=sort)), 15) is None
    index.upsert([bucket(row, job_id="c") for row in range(500)])
    assert search_joined(tables(index), asked(query), 10**6) is None
    index.upsert([record(0, job_id=job_id) for job_id in JOBS])
    assert search_joined(tables(index, "record"), asked(RecordQuery(jobs=JOBS)), 10**6) is None


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
