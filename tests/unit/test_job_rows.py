"""Rows of several jobs: keys and scores come from combined tables, all else from the tables of the jobs, when read."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.answers.page import Page
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.once import is_made
from bucketquery.model.schema import BUCKET
from bucketquery.search import job_rows
from bucketquery.search.job_rows import JobRows
from bucketquery.search.shortcuts import ALL_SHORTCUTS
from bucketquery.storage.row_copies import find_all, find_row
from bucketquery.storage.segment import Segment
from support.all_jobs import cut_all_jobs
from support.helpers import STEP, TOGETHER, bucket, record
from support.shortcuts import only, take

JOBS = tuple(f"job-{number:02d}" for number in range(20))
BLAMED = [{"influencer_field_name": "host"}]


def many(patch: pytest.MonkeyPatch, each: int, **fields: Any) -> ResultsIndex:
    """An index of many jobs with ``each`` buckets, whose searches read combined tables in several parts."""
    cut_all_jobs(patch, each)
    index = take(ResultsIndex(), only({"combined"}, replace(ALL_SHORTCUTS, **TOGETHER)))
    index.upsert(
        [
            bucket(row, job_id=job_id, anomaly_score=float((7 * row + number) % 40), event_count=number, **fields)
            for row in range(each)
            for number, job_id in enumerate(JOBS)
        ]
    )
    return index


@pytest.fixture
def located(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows that each search in the tables of jobs has looked for."""
    numbers: list[int] = []

    def one(table: Any, identity: Any) -> tuple[Segment, int]:
        numbers.append(1)
        return find_row(table, identity)

    def several(table: Any, keys: Any) -> Any:
        numbers.append(len(keys[0]))
        return find_all(table, keys)

    monkeypatch.setattr(job_rows, "find_row", one)
    monkeypatch.setattr(job_rows, "find_all", several)
    return numbers


def rows_of(page: Page[Any]) -> JobRows:
    """The rows of a page."""
    rows = page._rows
    assert isinstance(rows, JobRows)
    return rows


def test_keys_and_scores_are_read_without_the_tables_of_the_jobs(
    monkeypatch: pytest.MonkeyPatch, located: list[int]
) -> None:
    """So a page of many rows that nobody reads further costs what its search costs."""
    index = many(monkeypatch, 5)
    page = index.search(BucketQuery(jobs=JOBS, sort="anomaly_score", desc=True, size=30))
    scores = page.column("anomaly_score").tolist()
    assert scores == sorted(scores, reverse=True)
    assert page.column("timestamp").dtype == page.column("bucket_span").dtype == np.int64
    assert page.column("is_interim").tolist() == [False] * 30
    assert len(page.keys()) == len(page.column("job_id")) == len(page) == 30
    assert repr(page) == "<BucketPage: 30 of 100 buckets of several jobs at commit 1>"
    assert located == []
    assert page.cursor is not None
    assert located == [1], "a cursor has the values of the last row"


@pytest.mark.parametrize("sort", ["timestamp", "anomaly_score"])
@pytest.mark.parametrize(("each", "size"), [(5, 30), (40, 500)])
def test_each_row_is_located_once(
    each: int, size: int, sort: Any, monkeypatch: pytest.MonkeyPatch, located: list[int]
) -> None:
    """Bodies, values and columns share what the first of them has found; so do parts of the page."""
    index = many(monkeypatch, each)
    page = index.search(BucketQuery(jobs=JOBS, size=size, sort=sort, desc=sort != "timestamp"))
    counts = page.column("event_count").tolist()
    assert sum(located) == size
    assert [found.event_count for found in page] == counts
    assert [shown["event_count"] for shown in page.to_dict()["buckets"]] == counts
    assert counts == [JOBS.index(key[0]) for key in page.keys()]  # noqa: SIM118 - a method of pages
    assert sum(located) == size
    if each == 5:
        assert [found.event_count for found in page[3:7]] == counts[3:7]
        assert page[-1].event_count == counts[-1]
        assert sum(located) == size


def test_a_part_of_an_unread_page_locates_only_its_rows(monkeypatch: pytest.MonkeyPatch, located: list[int]) -> None:
    """This holds for pages from one part of the combined tables and from several."""
    index = many(monkeypatch, 5)
    for sort in ("timestamp", "anomaly_score"):
        located.clear()
        page = index.search(BucketQuery(jobs=JOBS, sort=sort, size=60))
        assert [(found.job_id, found.timestamp, found.bucket_span) for found in page[10:13]] == list(page.keys()[10:13])
        assert sum(located) == 3
        assert len(page[60:]) == 0
        assert not is_made(rows_of(page), "copies")


@pytest.mark.parametrize(("each", "size"), [(5, 30), (40, 300)])
def test_rows_that_a_page_leaves_out_are_not_located(
    each: int, size: int, monkeypatch: pytest.MonkeyPatch, located: list[int]
) -> None:
    """Keys and scores of a page in the order of scores are picked from the rows that were compared."""
    index = many(monkeypatch, each)
    plain = index.snapshot()._with_shortcuts(only(()))
    query = BucketQuery(jobs=JOBS, sort="anomaly_score", desc=True, size=size)
    page, expected = index.search(query), plain.search(query)
    assert (len(page), page.keys()) == (size, expected.keys())
    assert sum(map(len, (group.rows for group in rows_of(page)._groups))) > size
    assert located == []
    assert page.column("event_count").tolist() == expected.column("event_count").tolist()
    assert sum(located) == size
    part = index.search(query.replace(from_=1, size=2))
    assert sum(map(len, (group.rows for group in rows_of(part)._groups))) == 2
    assert part.keys() == expected.keys()[1:3]
    assert list(page) == list(expected)


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("sort", ["timestamp", "anomaly_score", "is_interim"])
def test_long_pages_have_the_newest_versions(sort: Any, monkeypatch: pytest.MonkeyPatch, *, desc: bool) -> None:
    """Rows of base and head are located in any order, replaced ones in the head."""
    index = many(monkeypatch, 80)
    late = [(row, job_id) for row in (3, 20, 79, 80) for job_id in JOBS]
    index.upsert(
        bucket(row, job_id=job_id, anomaly_score=99.0 - row, event_count=1_000 + row, is_interim=True)
        for row, job_id in late
    )
    counts = {(job_id, row * STEP): number for row in range(80) for number, job_id in enumerate(JOBS)}
    counts |= {(job_id, row * STEP): 1_000 + row for row, job_id in late}
    page = index.search(BucketQuery(jobs=JOBS, sort=sort, desc=desc, size=700))
    expected = [counts[job_id, timestamp] for job_id, timestamp, _ in page.keys()]  # noqa: SIM118 - a method of pages
    assert page.column("event_count").tolist() == expected
    assert [found.event_count for found in page] == expected


def test_rows_of_large_pages_are_gathered_job_by_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """All fields of records and buckets are those of the jobs' own pages, missing ones and lists included."""
    cut_all_jobs(monkeypatch, 3)
    index = take(ResultsIndex(), only({"combined"}, replace(ALL_SHORTCUTS, **TOGETHER)))
    for number, job_id in enumerate(JOBS[:3]):
        index.upsert(
            [
                bucket(
                    row,
                    job_id=job_id,
                    event_count=None if row % 3 else number,
                    scheduled_events=["deploy"] if row % 5 == 0 else None,
                    bucket_influencers=BLAMED if row % 4 == 0 else None,
                    event={"ingested": row} if row % 2 else None,
                )
                for row in range(20)
            ]
        )
        index.upsert(
            [
                record(
                    row,
                    detector,
                    job_id=job_id,
                    by_field_value=None if row % 3 else f"{detector} {row}",
                    multi_bucket_impact=None if row % 2 else 1.5,
                    function="mean",
                    actual=[float(row)],
                )
                for row in range(10)
                for detector in range(2)
            ]
        )
    for kind in (BucketQuery, RecordQuery):
        for sort in ("timestamp", "is_interim"):
            query = kind(jobs=JOBS[:3], sort=sort, desc=False, size=100)
            page = index.search(query)
            alone = [each for job_id in JOBS[:3] for each in index.search(query.replace(jobs=job_id))]
            assert sorted(map(repr, page)) == sorted(map(repr, alone))
            ((name, bodies),) = [(name, body) for name, body in page.to_dict().items() if name != "count"]
            own = [body for job_id in JOBS[:3] for body in index.search(query.replace(jobs=job_id)).to_dict()[name]]
            assert sorted(map(repr, bodies)) == sorted(map(repr, own))
    buckets = index.search(BucketQuery(jobs=JOBS[:3], size=100))
    assert rows_of(buckets).detach().length == 60
    assert buckets.column("event.ingested").tolist()[3::6] == [float(row) for row in range(1, 20, 2)]


def test_columns_of_few_jobs_are_concatenated(located: list[int]) -> None:
    """Jobs that are searched one by one have their rows already; a few rows of each are copied."""
    index = take(ResultsIndex(), only(()))
    for job_id in JOBS[:3]:
        index.upsert(
            [
                bucket(
                    row,
                    job_id=job_id,
                    event_count=row or (None if job_id == JOBS[1] else 0),
                    scheduled_events=["x"] * (row % 2),
                )
                for row in range(20)
            ]
        )
    for size in (60, 10):
        page = index.search(BucketQuery(jobs=JOBS[:3], size=size, desc=True))
        assert page.column("event_count").tolist() == [19 - row // 3 for row in range(size)]
        assert [len(each) for each in page.column("scheduled_events")] == [(19 - row // 3) % 2 for row in range(size)]
        assert is_made(rows_of(page), "copies") is (size == 10)
        assert rows_of(page).missing("timestamp") is None
        missing = rows_of(page).missing("anomaly_score")
        assert missing is not None
        assert missing.all()
        assert not rows_of(page).may_have("event.ingested")
    lacking = rows_of(index.search(BucketQuery(jobs=JOBS[:3]))).missing("event_count")
    assert lacking is not None
    assert lacking.nonzero()[0].tolist() == [1]
    assert located == []


def test_a_page_without_rows_has_the_columns_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dtypes are those of other pages."""
    index = many(monkeypatch, 2)
    for query in (BucketQuery(jobs=JOBS, size=0), RecordQuery(jobs=JOBS), InfluencerQuery(jobs=JOBS, size=0)):
        page: Page[Any] = index.search(query)
        assert len(page) == len(page.keys()) == 0
        assert page.column("timestamp").dtype == np.int64
        assert page.to_dict()["count"] == page.count
    empty = JobRows(Catalog(), BUCKET, [])
    assert (len(empty), empty.job_ids, empty.lists("scheduled_events")) == (0, (), [])


def test_rows_at_one_instant_are_found_by_all_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans, detectors and entities differ; missing text is not empty text."""
    cut_all_jobs(monkeypatch, 0)
    index = take(ResultsIndex(), only({"combined"}, replace(ALL_SHORTCUTS, **TOGETHER)))
    texts = (None, "", "a", "b")
    for job_id in JOBS[:2]:
        for part in (0, 1):
            index.upsert(
                [
                    record(0, detector, job_id=job_id, by_field_value=by, over_field_value=over, probability=0.5 + part)
                    for detector in (part, 2 + part)
                    for by in texts
                    for over in texts
                ]
            )
        index.upsert([bucket(0, job_id=job_id, bucket_span=span, event_count=span) for span in range(60, 160)])
    page = index.search(RecordQuery(jobs=JOBS[:2], size=15, from_=40))
    assert all(found.probability == 0.5 + found.detector_index % 2 for found in page)
    assert [(found.by_field_value, found.over_field_value) for found in page] == [key[4:6] for key in page.keys()]  # noqa: SIM118
    for size in (9, 150):
        buckets = index.search(BucketQuery(jobs=JOBS[:2], size=size))
        assert buckets.column("event_count").tolist() == buckets.column("bucket_span").tolist()
