"""Row keys: they compare as their results do, and draw a boundary through any table."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, RecordQuery, ResultsIndex
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search.order import Order
from bucketquery.search.row_key import Boundary, CutText, RowKey, digest_of
from bucketquery.storage.selection import Selection
from support.helpers import JOB, STEP, ask_together, bucket, segment, table
from support.shortcuts import only


def order(sort: str = "anomaly_score", *, desc: bool = False) -> Order:
    """The order of a query for buckets."""
    return Order.of(resolve(BucketQuery(jobs=JOB, sort=sort, desc=desc), lambda: 0))


def test_the_key_of_a_row_has_its_values() -> None:
    """A key has each value in the type of its column, and None for a missing one."""
    rows = Selection.of(segment([bucket(0, anomaly_score=5.0), bucket(1, event_count=2**53 + 1)]))
    first, second = (rows[slice(row, row + 1)] for row in range(2))
    assert RowKey.of(order(), *first.last(), JOB) == RowKey((5.0, 0, 300), JOB)
    assert RowKey.of(order(), *second.last(), JOB) == RowKey((None, STEP, 300), JOB)
    assert RowKey.of(order("event_count"), *first.last(), JOB) == RowKey((None, 0, 300), JOB)
    assert RowKey.of(order("event_count"), *second.last(), JOB) == RowKey((2**53 + 1, STEP, 300), JOB)
    assert RowKey.of(order("job_id"), *first.last(), JOB) == RowKey((0, 300), JOB)


@pytest.mark.parametrize("desc", [False, True])
def test_keys_compare_as_their_results_do(desc: bool) -> None:
    """Values lead, then the job; missing values come last in both directions."""
    values: list[tuple[Any, ...]] = [(1.0, 0, 300), (1.0, 5, 300), (2.0, 0, 300)]
    keys = [RowKey(each, job_id) for each in values for job_id in ("a", "b")]
    missing = [RowKey((None, 0, 300), job_id) for job_id in ("a", "b")]
    keys = [*keys[::-1], *missing[::-1]] if desc else [*keys, *missing]
    found = order(desc=desc)
    for first, second in pairwise(keys):
        assert second.is_at_or_behind(first, found)
        assert not first.is_at_or_behind(second, found)
        assert first.is_at_or_behind(first, found)


def test_the_job_of_keys_may_lead() -> None:
    """If a query sorts by the job, a key of a later job comes behind all others."""
    low, high = RowKey((5, 300), "a"), RowKey((0, 300), "b")
    assert high.is_at_or_behind(low, order("job_id"))
    assert not high.is_at_or_behind(low, order("timestamp"))


def test_a_cut_text_leaves_the_comparison_open() -> None:
    """If a text is cut, only an equal key is known to be at or behind the other."""
    found = order("scheduled_events")
    cut = RowKey((CutText("a", digest_of("abc")), 0, 300), JOB)
    whole = RowKey(("b", 0, 300), JOB)
    assert cut.has_cut_text
    assert not whole.has_cut_text
    assert cut.is_at_or_behind(cut, found)
    assert not whole.is_at_or_behind(cut, found)
    assert not cut.is_at_or_behind(whole, found)


@pytest.mark.parametrize("desc", [False, True])
def test_ties_of_another_job_come_behind_by_the_job(desc: bool) -> None:
    """The rows of a job that tie with a key come behind it if their job does."""
    found = table([bucket(0), bucket(1), bucket(2)])
    view, key = found.rows, RowKey((STEP, 300), "k")
    for job_id, is_behind in (("a", desc), ("k", False), ("z", not desc)):
        boundary = Boundary.of(order("timestamp", desc=desc), key, job_id)
        assert boundary.is_before_rows(view.base, np.arange(3)).tolist() == [desc, is_behind, not desc]
        assert boundary.edge(view.base) == (2 if is_behind == desc else 1)
    for span, edge in ((60, 1), (900, 2)):
        # No bucket of the instant has the span of the key.
        boundary = Boundary.of(order("timestamp", desc=desc), RowKey((STEP, span), JOB), JOB)
        assert boundary.edge(view.base) == edge
        assert boundary.rank(view) == edge


@pytest.mark.parametrize("sort", ["timestamp", "anomaly_score", "bucket_span"])
@pytest.mark.parametrize("desc", [False, True])
def test_jobs_of_a_combined_table_are_walked(sort: str, desc: bool) -> None:
    """Many jobs have a bucket of one instant and span; pages end between them, in windows and with a threshold."""
    index = ask_together(ResultsIndex())
    jobs = ["c", "a", "e", "b", "d"]
    for job_id in jobs:
        index.upsert(
            bucket(row, job_id=job_id, bucket_span=span, anomaly_score=float(row))
            for row in range(3)
            for span in (60, 300)
        )
    for threshold in (0, 1):
        query: AnyQuery = BucketQuery(jobs=jobs, sort=sort, desc=desc, size=2, anomaly_score=threshold)
        expected = index.snapshot()._with_shortcuts(only(())).search(query.replace(size=100)).keys()
        assert [key for page in index.pages(query) for key in page.keys()] == list(expected)  # noqa: SIM118 - a method of pages
        # The jobs that have changed are searched one by one, and the combined table lacks the job of some keys.
        index.upsert([bucket(9, job_id="b", anomaly_score=1.0)])
        expected = index.snapshot()._with_shortcuts(only(())).search(query.replace(size=100)).keys()
        assert [key for page in index.pages(query) for key in page.keys()] == list(expected)  # noqa: SIM118 - a method of pages


def test_a_key_of_a_deleted_job_lies_between_others() -> None:
    """A combined table does not have the job of the key."""
    jobs = ["a", "b", "c"]
    for desc in (False, True):
        index = ask_together(ResultsIndex())
        for job_id in jobs:
            index.upsert([bucket(row, job_id=job_id) for row in range(2)])
        query = BucketQuery(jobs=jobs, desc=desc, size=2)
        cursor = index.search(query).cursor
        index.delete_job("b")
        index.put_job("b")
        fresh = ask_together(ResultsIndex())
        for job_id in ("a", "c"):
            fresh.upsert([bucket(row, job_id=job_id) for row in range(2)])
        fresh.put_job("b")
        timestamp = STEP if desc else 0
        expected = ("a" if desc else "c", timestamp, 300)
        for source in (index, fresh):
            assert source.search(query, after=cursor).keys()[0] == expected


def test_records_of_a_job_that_has_none_are_walked() -> None:
    """A job without results of the kind takes no part."""
    index = ResultsIndex()
    index.put_job("a")
    index.put_job("b")
    assert [page.count for page in index.pages(RecordQuery(jobs=["a", "b"]))] == [0]
