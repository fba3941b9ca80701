"""Shortcuts: a value that a snapshot passes to its searches; two snapshots of one commit may have different ones."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.answers import run
from bucketquery.jobs.catalog import Catalog
from bucketquery.search.job_rows import JobRows
from bucketquery.search.many_jobs import expand_jobs
from bucketquery.search.shortcuts import ALL_SHORTCUTS
from support.helpers import JOB, STEP, bucket, record
from support.shortcuts import EVERY, only, take

#: A query for each shortcut that `explain` names, its path with only that shortcut, and its path without any.
EXPLAINED: list[tuple[str, dict[str, Any], str, str]] = [
    ("levels", {"anomaly_score": 75.0}, "threshold", "scan"),
    ("levels", {"sort": "event_count", "start": 0}, "order", "scan"),
    ("ties", {"sort": "is_interim", "start": 0}, "order", "scan"),
    ("top_k", {"sort": "event_count"}, "cache", "scan"),
]


@pytest.fixture(scope="module")
def index() -> ResultsIndex:
    """5,000 buckets, enough for the search to take every shortcut."""
    found = ResultsIndex()
    rows = np.arange(5_000)
    columns = {
        "timestamp": rows * STEP,
        "bucket_span": 300,
        "anomaly_score": rows * 7 % 5_000 / 50,
        "event_count": rows * 11 % 5_000,
        "is_interim": np.zeros(5_000, dtype=np.bool_),
    }
    found.upsert_columns(columns, job_id=JOB)
    return found


def test_all_shortcuts_are_on_by_default() -> None:
    """Every switch is on, none can be assigned to, and values with equal fields are equal."""
    assert all(getattr(ALL_SHORTCUTS, name) for name in EVERY)
    assert not any(getattr(only(()), name) for name in EVERY)
    with pytest.raises(FrozenInstanceError):
        ALL_SHORTCUTS.levels = False  # type: ignore[misc] # the assignment must fail
    assert {only(EVERY), replace(ALL_SHORTCUTS, levels=True)} == {ALL_SHORTCUTS}


@pytest.mark.parametrize(("name", "parameters", "path", "path_without"), EXPLAINED, ids=repr)
def test_snapshots_of_one_commit_search_with_their_own_shortcuts(
    index: ResultsIndex, name: str, parameters: dict[str, Any], path: str, path_without: str
) -> None:
    """Two snapshots searched in turn find the same page by different paths, and neither affects the other."""
    with_it, without = index.snapshot()._with_shortcuts(only({name})), index.snapshot()._with_shortcuts(only(()))
    with_it.get_buckets(job_id=JOB, **parameters)
    for _ in range(2):
        pages = [snapshot.get_buckets(job_id=JOB, **parameters) for snapshot in (with_it, without)]
        assert [page.explain()["path"] for page in pages] == [path, path_without]
        assert pages[0].keys() == pages[1].keys()
        assert pages[0].sequence == pages[1].sequence == index.sequence


def test_later_commits_inherit_the_shortcuts() -> None:
    """Shortcuts set on an index hold for its later commits; a snapshot taken earlier has its own."""
    index = ResultsIndex()
    before = index.snapshot()
    take(index, only(()))
    assert index.snapshot()._shortcuts == only(())
    index.upsert([bucket(0)])
    assert index.snapshot()._shortcuts == only(())
    assert before._shortcuts == ALL_SHORTCUTS


def test_a_small_top_k_cache_shortens_no_page_of_another_snapshot(index: ResultsIndex) -> None:
    """Both snapshots search one view. Each gives a page of the size of its own cache."""
    snapshot = index.snapshot()
    for size in (3, 128):
        page = snapshot._with_shortcuts(replace(ALL_SHORTCUTS, top_k_rows=size)).get_buckets(
            job_id=JOB, sort="anomaly_score", desc=True, size=size
        )
        assert len(page) == size


def test_a_scan_uses_the_shortcuts_of_its_snapshot(index: ResultsIndex) -> None:
    """The scan reads `scan_rows` rows at a time, for one job and for several, with the same results."""
    index.put_job("other")
    for jobs in ([JOB], [JOB, "other"]):
        for sort in ("timestamp", "event_count"):
            query = BucketQuery(jobs=jobs, sort=sort, end=50 * STEP)
            few = index.snapshot()._with_shortcuts(replace(ALL_SHORTCUTS, scan_rows=7, scan_buckets=3))
            assert list(few.scan(query)) == list(index.scan(query)) == list(index.search(query))


def test_a_scan_of_several_jobs_expands_some_buckets_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads `scan_buckets` buckets and their records at a time, with the same results."""
    index = ResultsIndex()
    for job_id in ("web", "db"):
        nested = [{"influencer_field_name": "host"}]
        index.upsert(bucket(row, job_id=job_id, bucket_influencers=nested) for row in range(5))
        index.upsert(record(row, job_id=job_id) for row in range(5))
    expanded: list[int] = []

    def watched(catalog: Catalog, found: JobRows, **named: Any) -> Any:
        expanded.append(len(found.job_ids))
        return expand_jobs(catalog, found, **named)

    monkeypatch.setattr(run, "expand_jobs", watched)
    query = BucketQuery(jobs=["web", "db"], expand=True)
    few = index.snapshot()._with_shortcuts(replace(ALL_SHORTCUTS, scan_buckets=3))
    found = list(few.scan(query))
    assert expanded == [3, 3, 3, 1]
    assert found == list(index.scan(query)) == list(index.search(query))
    assert all(value.records for value in found)
