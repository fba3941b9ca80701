"""Searches in combined tables: of all jobs or of some, in several parts, in every order that they have."""

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import BUCKET
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search import many_jobs, row_filter, threshold, together
from bucketquery.search.many_jobs import search_jobs
from bucketquery.search.search import search
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.together import Together
from support.all_jobs import cut_all_jobs, in_parts
from support.helpers import ON_FEW_ROWS, STEP, TOGETHER, bucket, lead_by_value, record
from support.shortcuts import take

JOBS = tuple(f"job-{number:02d}" for number in range(40))
SIZES: Shortcuts = replace(ALL_SHORTCUTS, **TOGETHER)


def filled(rng: Random, rows: int = 30) -> ResultsIndex:
    """An index of 40 jobs with buckets of few scores, so that many tie, and some records and influencers."""
    index = take(ResultsIndex(max_size=10**6), SIZES)
    index.upsert(
        bucket(
            rng.randrange(rows),
            job_id=job_id,
            bucket_span=rng.choice((60, 300)),
            anomaly_score=rng.choice((None, 0.0, 0.0, 10.0, 50.0, 75.5, 99.0)),
            event_count=rng.choice((None, 0, 5)),
            is_interim=rng.random() < 0.2,
        )
        for job_id in JOBS
        for _ in range(rows)
    )
    for kind in ("record", "influencer"):
        index.upsert(
            bucket(
                rng.randrange(rows),
                result_type=kind,
                job_id=job_id,
                influencer_field_name="host",
                influencer_field_value=rng.choice("xyz"),
                by_field_value=rng.choice((None, "", "x", "y")),
                **{f"{kind}_score": rng.choice((None, 0.0, 50.0))},
            )
            for job_id in JOBS
            for _ in range(5)
        )
    return index


def asked(rng: Random) -> AnyQuery:
    """A random query."""
    kind: Any = rng.choice((BucketQuery, BucketQuery, RecordQuery, InfluencerQuery))
    score = {BucketQuery: "anomaly_score", RecordQuery: "record_score", InfluencerQuery: "influencer_score"}[kind]
    sorts = ["timestamp", score, score, "bucket_span", "is_interim", "job_id", "initial_" + score]
    sorts += {BucketQuery: ["event_count", "scheduled_events"], RecordQuery: ["by_field_value", "detector_index"]}.get(
        kind, ["influencer_field_value"]
    )
    jobs = rng.choice((JOBS, JOBS[::2], JOBS[3:], (*JOBS[:5], *JOBS[20:30]), tuple(rng.sample(JOBS, 7))))
    query: AnyQuery = kind(
        jobs=jobs,
        sort=rng.choice(sorts),
        desc=rng.random() < 0.5,
        start=rng.choice((None, 5 * STEP)),
        end=rng.choice((None, 20 * STEP)),
        exclude_interim=rng.random() < 0.3,
        from_=rng.choice((0, 0, 3, 200)),
        size=rng.choice((0, 1, 10, 500)),
        **{score: rng.choice((0, 0, 10.0, 60.0))},
    )
    return query


@pytest.mark.parametrize("seed", range(6))
def test_searches_together_find_what_searches_one_by_one_find(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count, order, page, values and the pages behind it, with value indexes on few rows or without."""
    rng = Random(seed)
    if seed % 2:
        lead_by_value(monkeypatch)
        monkeypatch.setattr(threshold, "_LISTED", 10)
    cut_all_jobs(monkeypatch, seed)
    index = filled(rng)
    sizes = replace(ON_FEW_ROWS if seed % 2 else ALL_SHORTCUTS, deep_from=20, **TOGETHER)
    plain = index.snapshot()._with_shortcuts(replace(ALL_SHORTCUTS, combined=False, join=False))
    fast = index.snapshot()._with_shortcuts(sizes)
    for _ in range(60):
        query = asked(rng)
        expected, found = plain.search(query), fast.search(query)
        assert (found.count, found.keys()) == (expected.count, expected.keys()), query
        assert found.to_dict() == expected.to_dict()
        assert found.cursor == expected.cursor
        if found.cursor is not None:
            following, behind = plain.search(query, after=found.cursor), fast.search(query, after=found.cursor)
            assert (behind.count, behind.keys(), behind.cursor) == (
                following.count,
                following.keys(),
                following.cursor,
            ), query


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_scan_together_has_all_matches(parts: int, monkeypatch: pytest.MonkeyPatch, *, desc: bool) -> None:
    """In time order a scan never searches for all matches at once; with a filter it leaves out other jobs."""
    index = filled(Random(1))
    whole = Catalog.all_jobs
    monkeypatch.setattr(
        Catalog,
        "all_jobs",
        lambda catalog, schema: in_parts(known, Random(2), parts) if (known := whole(catalog, schema)) else None,
    )
    for jobs in (JOBS, JOBS[::3]):
        for sort in ("timestamp", "anomaly_score", "event_count", "job_id"):
            query = BucketQuery(jobs=jobs, sort=sort, desc=desc, size=10**6, anomaly_score=10)
            assert list(index.scan(query)) == list(index.search(query))
    longest: list[int] = []

    def measured(*arguments: Any) -> Any:
        found = search(*arguments)
        longest.append(len(found[0]))
        return found

    monkeypatch.setattr(together, "search", measured)
    few = index.snapshot()._with_shortcuts(replace(SIZES, scan_rows=16))
    scanned = list(few.scan(BucketQuery(jobs=JOBS, desc=desc)))
    assert longest == []
    assert len(scanned) == index.search(BucketQuery(jobs=JOBS)).count


def test_all_jobs_and_few_jobs_are_searched_as_the_sizes_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The combined tables are not even made for fewer jobs, or for few among many known ones."""
    index = filled(Random(2))
    catalog = index.snapshot()._catalog
    made: list[str] = []
    whole = Catalog.all_jobs

    def watched(of: Catalog, schema: Any) -> AllJobs | None:
        made.append(schema.kind)
        return whole(of, schema)

    monkeypatch.setattr(Catalog, "all_jobs", watched)
    resolved = resolve(BucketQuery(jobs=JOBS, size=5), lambda: 0)
    every = SelectedJobs(catalog.ids, None)
    some = SelectedJobs(catalog.ids, np.arange(20))
    for selected, sizes, is_together, is_made in (
        (every, ALL_SHORTCUTS, True, True),
        (every, replace(ALL_SHORTCUTS, few_jobs=41), False, False),
        (every, replace(ALL_SHORTCUTS, combined=False), False, False),
        (some, ALL_SHORTCUTS, True, True),
        (some, replace(ALL_SHORTCUTS, known_per_job=1), False, False),
        (some, replace(ALL_SHORTCUTS, rows_per_job=1), False, True),
    ):
        made.clear()
        found = many_jobs._together(catalog, selected, resolved, sizes)
        assert (found is not None, bool(made)) == (is_together, is_made)
        rows, count, _, explanation = search_jobs(catalog, selected, resolved, sizes)
        assert (len(rows), explanation.path) == (5, "jobs")
        assert count == sum(catalog.known(job_id, "jobs").table(BUCKET).length for job_id in selected.ids)
    monkeypatch.setattr(Catalog, "all_jobs", lambda _catalog, _schema: None)
    assert many_jobs._together(catalog, every, resolved, ALL_SHORTCUTS) is None


def test_spans_that_combined_tables_cannot_hold_are_found_one_by_one() -> None:
    """One such span is enough."""
    index = take(ResultsIndex(), SIZES)
    index.upsert([bucket(0, job_id="a", bucket_span=2**32), bucket(0, job_id="b")])
    assert index.snapshot()._catalog.all_jobs(BUCKET) is None
    assert [key[2] for key in index.search(BucketQuery(jobs=["a", "b"])).keys()] == [300, 2**32]  # noqa: SIM118
    walk = [page.keys()[0][2] for page in index.pages(BucketQuery(jobs=["a", "b"], size=1, sort="bucket_span"))]
    assert walk == [300, 2**32]


def test_a_cursor_of_a_span_that_is_gone_is_followed() -> None:
    """Its span does not fit into combined tables, and neither does a negative one of a cursor that was made up."""
    index = take(ResultsIndex(), SIZES)
    index.upsert([bucket(row, job_id=job_id) for row in (0, 1) for job_id in "abc"])
    index.upsert([bucket(0, job_id="b", bucket_span=2**33), bucket(0, job_id="d")])
    for sort in ("timestamp", "bucket_span"):
        for desc in (False, True):
            query = BucketQuery(jobs=[*"abcd"], sort=sort, desc=desc)
            keys = index.search(query).keys()
            at = [key[2] for key in keys].index(2**33)
            cursor = index.search(query.replace(size=at + 1)).cursor
            if cursor is not None:
                deleted = take(ResultsIndex(), SIZES)
                deleted.upsert([bucket(row, job_id=job_id) for row in (0, 1) for job_id in "abc"])
                deleted.upsert([bucket(0, job_id="d")])
                assert deleted.search(query, after=cursor).keys() == keys[at + 1 :]


def test_a_job_without_a_label_lies_between_its_neighbours() -> None:
    """The label of an unknown job is half a label before the next one, and infinite behind the last one."""
    index = filled(Random(3))
    catalog = index.snapshot()._catalog
    all_jobs = catalog.all_jobs(BUCKET)
    assert all_jobs is not None
    found = Together(catalog, all_jobs, None)
    first = all_jobs.labels.label(JOBS[0])
    assert first is not None
    assert found.label(JOBS[0]) == first
    assert found.label("a") == first - 0.5
    assert found.label("z") == float("inf")
    query = BucketQuery(jobs=JOBS, size=1)
    cursor = index.search(query).cursor
    for desc in (False, True):
        page = index.search(query.replace(desc=desc))
        cursor, job_id = page.cursor, page.keys()[0][0]
        index.delete_job(job_id)
        index.put_job(job_id)
        expected = index.search(query.replace(desc=desc)).keys()
        assert index.search(query.replace(desc=desc), after=cursor).keys() == expected


def test_a_deep_page_by_score_skips_the_matches_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search of each part returns few rows before the page. A score of 128 or more only takes longer."""
    cut_all_jobs(monkeypatch, 11)
    index = take(ResultsIndex(max_size=10**6), replace(SIZES, deep_from=10))
    rng = Random(4)
    index.upsert(
        bucket(row, job_id=job_id, anomaly_score=rng.random() * 100) for row in range(50) for job_id in JOBS[:20]
    )
    query = BucketQuery(jobs=JOBS[:20], sort="anomaly_score", desc=True, size=10)
    expected = index.search(query.replace(size=1_000)).keys()
    lengths: list[int] = []

    def measured(*arguments: Any) -> Any:
        found = search(*arguments)
        lengths.append(len(found[0]))
        return found

    monkeypatch.setattr(together, "search", measured)
    for first in (0, 300, 700, 995):
        assert index.search(query.replace(from_=first)).keys() == expected[first : first + 10]
        assert max(lengths) <= 10 + 10
    lengths.clear()
    assert index.search(query.replace(from_=300, anomaly_score=200)).keys() == ()
    index.upsert([bucket(row, job_id=job_id, anomaly_score=200.0) for row in range(50) for job_id in JOBS[:20]])
    many = index.search(query.replace(from_=300))
    assert many.count == 1_000
    assert {found.anomaly_score for found in many} == {200.0}


def test_counts_of_some_jobs_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second search of the same window counts nothing anew. Only the last counts are stored."""
    monkeypatch.setattr(threshold, "_LISTED", 10)
    monkeypatch.setattr(row_filter, "_STORED_COUNTS", 2)
    index = filled(Random(5))
    snapshot = index.snapshot()
    catalog = snapshot._catalog
    selected = SelectedJobs(catalog.ids, np.arange(0, 40, 2))
    resolved = resolve(BucketQuery(jobs=JOBS, size=5), lambda: 0)
    read = [search_jobs(catalog, selected, resolved, SIZES)[3].rows_read for _ in range(2)]
    assert read[0] > 3 * read[1]
    for start in range(5):
        search_jobs(catalog, selected, resolved._replace(start=start * STEP), SIZES)
    every = catalog.all_jobs(BUCKET)
    assert every is not None
    (part,) = every.parts
    assert len(part.rows.counts_of_filters) in {1, 2}


def test_records_are_merged_by_their_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keywords of two parts have other codes."""
    cut_all_jobs(monkeypatch, 3)
    index = take(ResultsIndex(), SIZES)
    index.upsert(
        record(row, job_id=job_id, by_field_value=f"{row % 3}", record_score=5.0) for row in range(9) for job_id in "ab"
    )
    for sort in ("by_field_value", "record_score"):
        keys = index.search(RecordQuery(jobs=["a", "b"], sort=sort, desc=False)).keys()
        assert [key[4] for key in keys] == ["0"] * 6 + ["1"] * 6 + ["2"] * 6


def test_candidates_of_all_parts_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts with a head, whose rows may be on the page, tie with it, or come behind it; no row key is compared."""
    cut_all_jobs(monkeypatch, 5)
    index = take(ResultsIndex(max_size=10**6), SIZES)
    rng = Random(8)
    index.upsert(
        bucket(row, job_id=job_id, anomaly_score=float(rng.randrange(30))) for row in range(30) for job_id in JOBS
    )
    plain = replace(ALL_SHORTCUTS, combined=False, join=False)
    query = BucketQuery(jobs=JOBS, sort="anomaly_score", size=20)
    monkeypatch.setattr(together, "merge", None)
    for score in (0.0, 29.0, 50.0):
        index.upsert(
            bucket(row, job_id=job_id, anomaly_score=score, is_interim=True)
            for row in (2, 3, 29)
            for job_id in JOBS[:3]
        )
        for desc in (False, True):
            for fields in ({}, {"from_": 7}, {"size": 1_300}, {"start": 29 * STEP}, {"size": 0}, {"start": 10**15}):
                asked_for = query.replace(desc=desc, **fields)
                expected = index.snapshot()._with_shortcuts(plain).search(asked_for)
                for _ in range(2):
                    found = index.search(asked_for)
                    assert (found.count, found.keys()) == (expected.count, expected.keys()), asked_for


def test_rows_without_a_score_are_merged_by_row_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come last."""
    cut_all_jobs(monkeypatch, 2)
    index = take(ResultsIndex(), SIZES)
    index.upsert(
        bucket(row, job_id=job_id, anomaly_score=None if row % 2 else row * 1.0) for row in range(6) for job_id in "ab"
    )
    keys = index.search(BucketQuery(jobs=["a", "b"], sort="anomaly_score", desc=True)).keys()
    assert [key[1] // STEP for key in keys] == [4, 4, 2, 2, 0, 0, 5, 5, 3, 3, 1, 1]
