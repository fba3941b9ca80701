"""Searches behind a row key: the page and the count are those of a scan, and few rows are read."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, LimitExceeded, RecordQuery, ResultsIndex, Snapshot
from bucketquery.queries.queries import AnyQuery
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.storage.view import View
from support.helpers import (
    JOB,
    ON_FEW_ROWS,
    STEP,
    ask_together,
    bucket,
    index_with_tables,
    lead_by_value,
    limit_heads,
    record,
    rows,
    table_of,
)
from support.shortcuts import only, take

FEW: Shortcuts = replace(ON_FEW_ROWS, ahead_rows=4)


def keys_of(pages: Any) -> list[Any]:
    """The keys of all results of some pages."""
    return [key for page in pages for key in page.keys()]  # noqa: SIM118 - a method of pages


def walk(source: ResultsIndex | Snapshot, query: AnyQuery) -> Iterator[Any]:
    """The pages of a query by cursor."""
    page = source.search(query)
    yield page
    while page.cursor is not None:
        page = source.search(query, after=page.cursor)
        yield page


def paths(source: ResultsIndex | Snapshot, query: AnyQuery) -> list[str]:
    """How the pages of a walk were found."""
    return [page.explain()["path"] for page in walk(source, query)]


def assert_walks(source: ResultsIndex, query: AnyQuery) -> None:
    """Assert that a walk has all matches of the query in order, by cursor and by `pages`."""
    expected = list(source.snapshot()._with_shortcuts(only(())).search(query.replace(size=10_000)).keys())
    assert keys_of(walk(source, query)) == expected
    assert keys_of(source.pages(query)) == expected


def view_of(index: ResultsIndex) -> View:
    """The view of all buckets of the job."""
    return table_of(index).rows


def drawn(rng: Random, count: int) -> list[dict[str, Any]]:
    """Buckets whose values tie and are missing."""
    return [
        bucket(
            rng.randrange(3 * count),
            anomaly_score=rng.choice((None, 0.0, 50.0, round(100 * rng.random(), 1))),
            event_count=rng.choice((0, 3, 2**53 + 1, 2**53, -5)),
            processing_time_ms=rng.choice((None, 0, 7)),
            is_interim=rng.random() < 0.2,
            scheduled_events=rng.choice((None, ["b", "a"], ["é"])),
            **rng.choice(({}, {"event": {"ingested": rng.randrange(5)}})),
        )
        for _ in range(count)
    ]


SORTS = ("timestamp", "anomaly_score", "event_count", "processing_time_ms", "is_interim", "bucket_span")


@pytest.mark.parametrize("sort", [*SORTS, "scheduled_events", "event.ingested"])
@pytest.mark.parametrize("desc", [False, True])
def test_pages_laid_end_to_end_are_all_matches(sort: str, desc: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables with heads and deleted rows, small sizes of all structures, windows and thresholds."""
    lead_by_value(monkeypatch, behind=3)
    limit_heads(monkeypatch, 8)
    rng = Random(f"{sort} {desc}")
    for shortcuts in (FEW, replace(FEW, few_matches=10**6), only((), FEW), replace(FEW, last_instant=False)):
        index = take(ResultsIndex(), shortcuts)
        for _ in range(8):
            index.upsert(drawn(rng, 20))
            window: dict[str, Any] = rng.choice(({}, {"start": 5 * STEP}, {"start": 9 * STEP, "end": 40 * STEP}))
            for size in (1, 3, 50):
                query = BucketQuery(
                    jobs=JOB,
                    sort=sort,
                    desc=desc,
                    size=size,
                    exclude_interim=rng.random() < 0.3,
                    anomaly_score=rng.choice((0, 50, 50.1)),
                    **window,
                )
                assert_walks(index, query)
        index.check()


def test_ascending_integers_beyond_doubles_end() -> None:
    """The sort key of an ascending integer is ~x, and 2**53 + 1 is not rounded to 2**53."""
    index = take(ResultsIndex(), FEW)
    counts = [2**53 + 1, 2**53, 2**53 + 2, 0, 5, 2**62, 2**62 + 1, 2**53 + 1]
    index.upsert([bucket(row, event_count=count) for row, count in enumerate(counts)])
    for desc in (False, True):
        query = BucketQuery(jobs=JOB, sort="event_count", desc=desc, size=1)
        found = [counts[timestamp // STEP] for _, timestamp, _ in keys_of(walk(index, query))]
        assert found == sorted(counts, reverse=desc)


@pytest.mark.parametrize("desc", [False, True])
def test_levels_of_integers_are_walked(desc: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk with a value index has each result once, though a double cannot tell its integers apart."""
    lead_by_value(monkeypatch)
    index = take(ResultsIndex(), FEW)
    index.upsert([bucket(row, event_count=2**53 + row * 7 % 64) for row in range(64)])
    query = BucketQuery(jobs=JOB, sort="event_count", desc=desc, size=2)
    assert_walks(index, query)
    assert "order" in paths(index, query)


def test_the_head_is_read_before_a_page_is_called_the_last() -> None:
    """The last matches of the order lie in the head: no page before them is the last one."""
    index = index_with_tables()
    index.upsert([bucket(2 * row, anomaly_score=50.0 + row) for row in range(20)])
    index.upsert([bucket(5, anomaly_score=1.0)])
    assert view_of(index).head.length
    for shortcuts in (ALL_SHORTCUTS, FEW, only(())):
        pages = list(
            walk(
                index.snapshot()._with_shortcuts(shortcuts),
                BucketQuery(jobs=JOB, sort="anomaly_score", desc=True, size=20),
            )
        )
        assert [len(page) for page in pages] == [20, 1]
        pages = list(walk(index.snapshot()._with_shortcuts(shortcuts), BucketQuery(jobs=JOB, size=5)))
        assert keys_of(pages)[3][1] == 5 * STEP


def test_deleted_rows_without_a_newer_version_are_left_out() -> None:
    """A view may have deleted rows, and no row in its head."""
    index = ResultsIndex()
    index.upsert([bucket(row, anomaly_score=float(row), is_interim=row % 3 == 0) for row in range(30)])
    for sort in ("timestamp", "anomaly_score"):
        for desc in (False, True):
            assert_walks(index, BucketQuery(jobs=JOB, sort=sort, desc=desc, exclude_interim=True, size=4))


def many(scores: Any) -> ResultsIndex:
    """An index with enough buckets for value indexes."""
    index = ResultsIndex()
    numbers = np.arange(len(scores))
    index.upsert_columns(
        {
            "timestamp": numbers * STEP,
            "bucket_span": 300,
            "anomaly_score": scores,
            "is_interim": np.zeros(len(scores), np.bool_),
        },
        job_id=JOB,
    )
    return index


def test_a_walk_by_score_reads_ahead_of_its_pages() -> None:
    """The first page behind a cursor reads a level, the next ones read what it has stored; any page may be repeated."""
    index = many(np.arange(20_000) * 7_919 % 20_000 / 200.0)
    query = BucketQuery(jobs=JOB, sort="anomaly_score", desc=True, size=500)
    pages = [page for page, _ in zip(walk(index, query), range(10), strict=False)]
    assert [page.explain()["path"] for page in pages][:5] == ["order", "order", "cache", "cache", "cache"]
    assert keys_of(pages) == list(index.search(query.replace(size=5_000)).keys())
    assert len(view_of(index).read_ahead) == 1
    again = index.search(query, after=pages[-2].cursor)
    assert again.keys() == pages[-1].keys()
    assert again.explain()["path"] == "cache"


def test_a_sample_tells_which_rows_of_a_level_are_near_the_key() -> None:
    """A level has many more rows than are needed, of distinct and of tied values; some near the key are deleted."""
    numbers = np.arange(20_000)
    for scores in (numbers * 7_919 % 20_000 / 200.0, numbers % 4.0, numbers // 10 % 100.0):
        index = take(many(scores), replace(FEW, ahead_rows=20))
        index.upsert([bucket(row, anomaly_score=0.5) for row in range(0, 20_000, 400)])
        for from_ in (0, 100, 3_000):
            query = BucketQuery(jobs=JOB, sort="anomaly_score", desc=True, size=10, from_=from_)
            behind = index.search(query, after=index.search(query).cursor)
            assert behind.explain()["path"] == "order"
            assert behind.keys() == index.search(query.replace(from_=from_ + 10)).keys()


def test_few_rows_are_kept_and_the_walks_of_few_queries() -> None:
    """A view stores `ahead_rows` rows for each of the last four walks, and none for a page that is larger."""
    index = many(np.arange(20_000) * 7_919 % 20_000 / 200.0)
    query = BucketQuery(jobs=JOB, sort="anomaly_score", desc=True, size=10)
    for threshold in range(1, 8):
        page = index.search(query.replace(anomaly_score=threshold))
        index.search(query.replace(anomaly_score=threshold), after=page.cursor)
    kept = view_of(index).read_ahead
    assert len(kept) == 4
    assert all(len(known.rows) == ALL_SHORTCUTS.ahead_rows and known.rows.base is None for known in kept)
    large = query.replace(size=3_000)
    index.search(large, after=index.search(large).cursor)
    assert view_of(index).read_ahead == kept
    # A cursor before the rows that were read ahead does not read them.
    shallow, deep = index.search(query), index.search(query.replace(from_=500))
    for page in (deep, shallow, deep):
        assert (
            index.search(query, after=page.cursor).keys()
            == index.search(query.replace(from_=500 * (page is deep) + 10)).keys()
        )


def test_another_order_of_jobs_does_not_read_the_same_rows() -> None:
    """A walk that compares jobs first and one that compares them last store their rows separately."""
    index = take(ResultsIndex(), FEW)
    for job_id in ("a", "b"):
        index.upsert([bucket(row, job_id=job_id, anomaly_score=float(row)) for row in range(9)])
    for sort in ("anomaly_score", "job_id", "anomaly_score", "result_type"):
        for desc in (False, True):
            assert_walks(index, BucketQuery(jobs=["a", "b"], sort=sort, desc=desc, size=2))


def test_ties_of_the_best_value_are_walked_along_the_rows() -> None:
    """If most rows have the best value, a page behind one of them reads few rows."""
    query = BucketQuery(jobs=JOB, sort="anomaly_score", size=100)
    index = ResultsIndex()
    for scores in (np.zeros(5_000), np.where(np.arange(5_000) % 10 < 7, 0.0, 5.0)):
        index = many(scores)
        index.upsert([bucket(5_000 + row, anomaly_score=0.0) for row in range(5)])
        assert_walks(index, query.replace(size=700))
        page = index.search(query)
        behind = index.search(query, after=page.cursor)
        assert behind.explain()["path"] == "order"
        assert 0 < behind.explain()["rows_read"] < 5_000
    # Behind the last one there are none, so all rows are compared.
    view_of(index).read_ahead.clear()
    last = index.search(query.replace(from_=3_504, size=1))
    assert index.search(query, after=last.cursor).explain()["path"] == "scan"


def test_a_page_deep_in_time_reads_no_column() -> None:
    """In time order, and without a threshold, any page is found by ranks."""
    index = many(np.zeros(5_000))
    for desc in (False, True):
        page = index.search(BucketQuery(jobs=JOB, desc=desc, from_=4_000))
        behind = index.search(BucketQuery(jobs=JOB, desc=desc), after=page.cursor)
        assert behind.explain()["path"] == "time"
        assert behind.keys() == index.search(BucketQuery(jobs=JOB, desc=desc, from_=4_100)).keys()
        assert behind.count == 5_000


def test_a_cursor_of_another_state_may_lie_anywhere() -> None:
    """The result of a cursor and all results around it may be gone. The page then has the matches behind its place."""
    full, other = ResultsIndex(), ResultsIndex()
    full.upsert([bucket(row, anomaly_score=float(row % 90)) for row in range(100)])
    other.upsert([bucket(200, anomaly_score=3.0)])
    for sort in ("timestamp", "anomaly_score", "event_count"):
        for desc in (False, True):
            for threshold in (0, 2):
                query = BucketQuery(jobs=JOB, sort=sort, desc=desc, anomaly_score=threshold, size=50)
                page = other.search(query, after=full.search(query).cursor)
                assert page.count == 1
                assert page.cursor is None
                assert len(page) == {"timestamp": not desc, "anomaly_score": desc, "event_count": not desc}[sort]


def test_a_walk_over_commits_in_time_order_meets_each_lasting_match_once() -> None:
    """Writes between the pages add, replace and rescore results; those that match throughout come exactly once."""
    rng = Random(5)
    for desc in (False, True):
        index = ResultsIndex()
        index.upsert([bucket(3 * row, anomaly_score=float(row)) for row in range(60)])
        query = BucketQuery(jobs=JOB, desc=desc, size=4)
        page = index.search(query)
        found: list[Any] = []
        while True:
            found += page.keys()
            index.upsert([bucket(rng.randrange(180), anomaly_score=rng.random()) for _ in range(5)])
            if page.cursor is None:
                break
            page = index.search(query, after=page.cursor)
        assert len(found) == len(set(found))
        assert {(JOB, 3 * row * STEP, 300) for row in range(60)} <= set(found)


def test_records_led_by_time_are_walked_from_the_instant_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page may end between records of one instant; the next page begins behind its last record."""
    limit_heads(monkeypatch, 4)
    for shortcuts in (FEW, only(())):
        index = take(ResultsIndex(), shortcuts)
        rng = Random(3)
        for _ in range(4):
            index.upsert(
                [
                    record(
                        rng.randrange(4),
                        rng.randrange(6),
                        by_field_value=rng.choice((None, "a", "é")),
                        record_score=rng.choice((1.0, 9.0)),
                    )
                    for _ in range(20)
                ]
            )
        for sort in ("timestamp", "record_score", "by_field_value", "probability", "detector_index"):
            for desc in (False, True):
                windows: list[dict[str, Any]] = [{}, {"start": STEP, "end": 3 * STEP}]
                for window in windows:
                    query = RecordQuery(
                        jobs=JOB, sort=sort, desc=desc, size=3, record_score=rng.choice((0, 5)), **window
                    )
                    assert_walks(index, query)
                    beside = query.replace(start=None, end=None)
                    assert_walks(index, beside)


def test_a_key_at_the_edge_of_its_window_has_nothing_behind_it() -> None:
    """If the result of a cursor is gone and no match comes behind it, the page is empty."""
    index, other = ResultsIndex(), ResultsIndex()
    index.upsert([record(0, detector) for detector in range(3)])
    other.upsert([record(9)])
    query = RecordQuery(jobs=JOB, sort="timestamp", desc=True, size=1)
    assert len(other.search(query, after=index.search(query).cursor)) == 0


def test_long_texts_are_cut_and_found_again() -> None:
    """A walk over texts with one long beginning meets each once, in one job, in several, and in combined tables."""
    for jobs in ([JOB], [JOB, "db"]):
        for combined in (False, True):
            index = ResultsIndex()
            if combined:
                ask_together(index)
            for job_id in jobs:
                index.upsert(
                    [
                        record(0, by_field_value="é" * 2_000 + end, job_id=job_id)
                        for end in ("b", "a", "", "c", "\U0010ffff")
                    ]
                )
                index.upsert(
                    bucket(row, job_id=job_id, scheduled_events=["x" * 2_000 + str(row), "z"]) for row in range(4)
                )
            for desc in (False, True):
                assert_walks(index, RecordQuery(jobs=jobs, sort="by_field_value", desc=desc, size=1))
                assert_walks(index, BucketQuery(jobs=jobs, sort="scheduled_events", desc=desc, size=1))


def test_a_deleted_result_with_a_cut_text_ends_all_with_its_beginning() -> None:
    """Without the whole text, the next page begins behind all texts with the same beginning."""
    beginning = "x" * 2_000
    cases: list[tuple[AnyQuery, list[dict[str, Any]]]] = [
        (
            RecordQuery(jobs=JOB, sort="by_field_value"),
            [record(0, by_field_value=text) for text in ("a", beginning + "a", beginning + "b", "z")],
        ),
        (
            BucketQuery(jobs=JOB, sort="scheduled_events"),
            [
                bucket(row, scheduled_events=[text])
                for row, text in enumerate(("a", beginning + "a", beginning + "b", "z"))
            ],
        ),
        (
            RecordQuery(jobs=JOB, sort="by_field_value"),
            [
                record(0, by_field_value=text)
                for text in ("a", "\U0010ffff" * 2_000 + "a", "\U0010ffff" * 2_000 + "b", None)
            ],
        ),
    ]
    for query, results in cases:
        for desc in (False, True):
            full, gone = ResultsIndex(), ResultsIndex()
            full.upsert(results)
            asked = query.replace(desc=desc, size=2)
            cursor, shown = full.search(asked).cursor, full.search(asked).keys()
            removed = [result for result in results if key_of(result) == shown[-1]]
            gone.upsert([result for result in results if result not in removed])
            # All keys after the page, without the other result with this beginning.
            long = {key_of(results[1]), key_of(results[2])}
            expected = [key for key in full.search(asked.replace(size=4)).keys()[2:] if key not in long]
            for _ in range(2):
                page = gone.search(asked, after=cursor)
                assert list(page.keys()) == expected
                assert page.count == 3


def key_of(result: dict[str, Any]) -> tuple[Any, ...]:
    """The identity of a bucket or record of these tests."""
    key = (JOB, result["timestamp"], 300)
    return key if result["result_type"] == "bucket" else (*key, 0, result["by_field_value"], None, None)


def test_influencers_of_several_jobs_are_walked() -> None:
    """In each direction, the job breaks ties of all columns."""
    index = ResultsIndex()
    for job_id in ("b", "a", "c"):
        index.upsert(
            [
                {
                    "result_type": "influencer",
                    "job_id": job_id,
                    "timestamp": 0,
                    "bucket_span": 300,
                    "influencer_field_name": "host",
                    "influencer_field_value": value,
                    "influencer_score": 5.0,
                }
                for value in ("x", "y", "z")
            ]
        )
    for combined in (False, True):
        if combined:
            ask_together(index)
        for sort in ("influencer_score", "timestamp", "influencer_field_value", "job_id"):
            for desc in (False, True):
                for size in (1, 2, 4):
                    assert_walks(index, InfluencerQuery(jobs=["c", "a", "b"], sort=sort, desc=desc, size=size))


def test_missing_integers_of_several_jobs_stay_missing() -> None:
    """A page copies its rows without masks, but the key of its last row has None for a missing value."""
    index = ResultsIndex()
    for job_id in ("b", "a"):
        index.upsert([bucket(row, job_id=job_id, event_count=row if row < 3 else None) for row in range(6)])
    for desc in (False, True):
        assert_walks(index, BucketQuery(jobs=["b", "a"], sort="event_count", desc=desc, size=1))


def test_an_empty_page_and_a_page_of_size_0_have_no_cursor() -> None:
    """Such a page has no cursor, for one job and for several, also behind another page."""
    index = ResultsIndex()
    for job_id in ("b", "a"):
        index.upsert(rows(0, 3, job_id=job_id))
    for jobs in (["a"], ["a", "b"]):
        for sort in ("timestamp", "anomaly_score", "job_id"):
            query = BucketQuery(jobs=jobs, sort=sort, size=1)
            cursor = index.search(query).cursor
            assert index.search(query.replace(size=0)).cursor is None
            page = index.search(query.replace(size=0), after=cursor)
            assert (len(page), page.count, page.cursor) == (0, 3 * len(jobs), None)
            assert index.search(query.replace(from_=10)).cursor is None
            assert [len(page) for page in index.pages(query.replace(start=99 * STEP))] == [0]


def test_expanded_pages_are_walked() -> None:
    """Each page has the records of its own buckets. A page behind a cursor has the limit of its size."""
    index = ResultsIndex()
    for job_id in ("b", "a"):
        nested = [{"influencer_field_name": "host"}]
        index.upsert(bucket(row, job_id=job_id, bucket_influencers=nested) for row in range(3))
        index.upsert(record(row, job_id=job_id) for row in range(3))
    for jobs in (["a"], ["a", "b"]):
        query = BucketQuery(jobs=jobs, expand=True, size=2)
        found = [value for page in walk(index, query) for value in page]
        assert found == list(index.scan(query))
        assert all(value.records for value in found)
    query = BucketQuery(jobs="a", size=1)
    with pytest.raises(LimitExceeded):
        index.search(query.replace(size=10_001), after=index.search(query).cursor)
