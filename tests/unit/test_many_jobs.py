"""Many jobs in one query: the answer is that of one table with all their results."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.errors import LimitExceeded, NotFound, UnknownJob
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search import job_by_job
from bucketquery.search.many_jobs import expand_jobs, scan_jobs, search_jobs
from bucketquery.search.search import search
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.testing import evaluate
from support.all_jobs import cut_all_jobs
from support.helpers import STEP, TOGETHER, ask_together, bucket, limit_heads, record
from support.shortcuts import EVERY, only, take

Document = dict[str, Any]

JOBS = ("web", "db", "a", "données", "big")
SORTS = ("timestamp", "anomaly_score", "event_count", "bucket_span", "scheduled_events", "job_id", "result_type")


def documents(rng: Random) -> list[list[Document]]:
    """Batches of buckets with few distinct values, so that many tie. One job is much larger than the others."""
    return [
        [
            bucket(
                rng.randrange(6 if job_id != "big" else 60),
                job_id=job_id,
                bucket_span=rng.choice((60, 300)),
                anomaly_score=rng.choice((None, 0.0, 50.0)),
                event_count=rng.choice((None, 0, 5)),
                is_interim=rng.random() < 0.3,
                scheduled_events=rng.choice((None, ["x"], ["é", "a"])),
            )
            for job_id in rng.choices(JOBS, weights=(1, 1, 1, 1, 3), k=rng.choice((1, 10, 40)))
        ]
        for _ in range(4)
    ]


def body(index: ResultsIndex, query: AnyQuery) -> object:
    """The answer of the index, or the name of its error."""
    try:
        return repr(index.search(query).to_dict())
    except NotFound:
        return "NotFound"


def expected(stored: Sequence[Document], query: AnyQuery) -> object:
    """The answer of the reference, or the name of its error."""
    try:
        return repr(evaluate(stored, query))
    except NotFound:
        return "NotFound"


def random_query(rng: Random) -> BucketQuery:
    """A random query of several jobs."""
    jobs = rng.sample(JOBS, rng.randint(2, len(JOBS)))
    either: dict[str, Any] = {"jobs": jobs, "sort": rng.choice(SORTS), "desc": rng.random() < 0.5}
    if rng.random() < 0.1:
        return BucketQuery(timestamp=rng.randrange(8) * STEP, **either)
    return BucketQuery(
        start=rng.choice((None, STEP)),
        end=rng.choice((None, 4 * STEP, 0)),
        anomaly_score=rng.choice((0.0, 0.0, 50.0)),
        exclude_interim=rng.random() < 0.3,
        from_=rng.choice((0, 0, 1, 5, 20, 10**20)),
        size=rng.choice((0, 1, 3, 100)),
        **either,
    )


@pytest.mark.parametrize(
    "shortcuts",
    [(), ("combined",), ("deep",), ("join",), ("combined", "deep"), ("combined", "join", "deep"), (*EVERY,)],
    ids=lambda names: "-".join(sorted(names)),
)
def test_a_query_of_many_jobs_has_the_answer_of_a_single_table(
    shortcuts: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shortcuts do not change the answer.

    Jobs may be searched in combined tables, joined, or searched one by one, and the search for a deep page may skip
    earlier rows. Combined tables have several parts.
    """
    limit_heads(monkeypatch, 4)
    for seed in range(6):
        rng = Random(seed)
        cut_all_jobs(monkeypatch, seed)
        index = take(ResultsIndex(), replace(only(shortcuts), deep_from=2, joined_per_job=20, **TOGETHER))
        for job_id in JOBS:
            index.put_job(job_id)
        stored: list[Document] = []
        for batch in documents(rng):
            index.upsert(batch)
            stored += batch
            for _ in range(25):
                query = random_query(rng)
                assert body(index, query) == expected(stored, query), query


@pytest.mark.parametrize("kind", [RecordQuery, InfluencerQuery])
def test_the_job_is_the_last_key_of_all_kinds(kind: type[RecordQuery | InfluencerQuery]) -> None:
    """The job is compared in the direction of the query. It is the first key if the query sorts by `job_id`."""
    result = "record" if kind is RecordQuery else "influencer"
    for together in (False, True):
        index = ask_together(ResultsIndex()) if together else ResultsIndex()
        index.upsert([bucket(row, job_id=job_id, result_type=result) for row in (1, 0) for job_id in ("b", "c", "a")])
        for desc, sort, order in (
            (False, "timestamp", "a0 b0 c0 a1 b1 c1"),
            (True, "timestamp", "c1 b1 a1 c0 b0 a0"),
            (False, "job_id", "a0 a1 b0 b1 c0 c1"),
            (True, "job_id", "c1 c0 b1 b0 a1 a0"),
            (False, "is_interim", "a0 b0 c0 a1 b1 c1"),
        ):
            keys = index.search(kind(jobs=["c", "a", "b"], sort=sort, desc=desc)).keys()
            assert " ".join(f"{key[0]}{key[1] // STEP}" for key in keys) == order


def test_the_first_unknown_job_is_named() -> None:
    """Jobs may be searched together or not."""
    for together in (False, True):
        index = ask_together(ResultsIndex()) if together else ResultsIndex()
        index.upsert([bucket(0, job_id=job_id) for job_id in ("a", "b", "c")])
        assert index.search(BucketQuery(jobs=["b", "a", "c"])).count == 3
        index.delete_job("c")
        for sort in ("timestamp", "job_id"):
            for jobs, unknown in ((["a", "c", "b"], "c"), (["x", "c"], "x"), (["b", "c", "x"], "c")):
                query = BucketQuery(jobs=jobs, sort=sort)
                with pytest.raises(UnknownJob) as caught:
                    index.search(query)
                assert (caught.value.field, caught.value.value) == ("jobs", unknown)
                with pytest.raises(UnknownJob):
                    index.scan(query)


def test_a_deep_page_by_time_does_not_list_earlier_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search of each job returns only rows with the timestamps of the page."""
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=job_id) for row in range(3_000) for job_id in ("a", "b")])
    sizes: list[int] = []

    def measured(*arguments: Any) -> Any:
        found = search(*arguments)
        sizes.append(len(found[0]))
        return found

    monkeypatch.setattr(job_by_job, "search", measured)
    for desc in (False, True):
        page = index.search(BucketQuery(jobs=["a", "b"], from_=4_001, size=3, desc=desc))
        row = 999 if desc else 2_000
        following = row - 1 if desc else row + 1
        first, second = ("a", "b") if not desc else ("b", "a")
        assert page.count == 6_000
        assert page.keys() == (
            (second, row * STEP, 300),
            (first, following * STEP, 300),
            (second, following * STEP, 300),
        )
    assert max(sizes) <= 4


@pytest.mark.parametrize("together", [False, True])
def test_a_scan_reads_a_limited_number_of_rows_at_a_time(together: bool) -> None:
    """With this limit, a scan of millions of rows does not hold all of them at once."""
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=job_id) for row in range(5) for job_id in ("a", "b")])
    query = BucketQuery(jobs=["a", "b"], desc=True)
    catalog, resolved = index.snapshot()._catalog, resolve(query, lambda: 0)
    shortcuts = Shortcuts(scan_rows=4, **(TOGETHER if together else {}))
    parts = list(scan_jobs(catalog, catalog.select(query.jobs, "jobs"), resolved, shortcuts))
    assert sorted(len(part.job_ids) for part in parts) == [2, 4, 4]
    scanned = [(found.job_id, found.timestamp // STEP) for found in take(index, shortcuts).scan(query)]
    assert scanned == [(job_id, row) for row in (4, 3, 2, 1, 0) for job_id in ("b", "a")]


def test_each_bucket_has_the_records_of_its_own_job() -> None:
    """This holds in pages and in scans. The limit of records on a page counts the records of all jobs."""
    influencers = [{"influencer_field_name": "host"}]
    index = ResultsIndex()
    index.upsert(
        [bucket(row, job_id=job_id, bucket_influencers=influencers) for row in (0, 1) for job_id in ("a", "b")]
    )
    index.upsert([record(0, detector, job_id="a", probability=0.5) for detector in (1, 2)])
    index.upsert([record(row, job_id="b", is_interim=row == 1) for row in (0, 1)])
    query = BucketQuery(jobs=["b", "a"], expand=True)
    shown = [[(each.job_id, each.detector_index) for each in found.records] for found in index.search(query)]
    assert shown == [[("a", 1), ("a", 2)], [("b", 0)], [], [("b", 0)]]
    assert [[(each.job_id, each.detector_index) for each in found.records] for found in index.scan(query)] == shown
    assert [len(found.records) for found in index.search(query.replace(exclude_interim=True))] == [2, 1, 0, 0]
    assert [len(found.records) for found in index.search(query)[1:3]] == [1, 0]
    bodies = index.search(query).to_dict()["buckets"]
    assert [[each["job_id"] for each in found.get("records", [])] for found in bodies] == [["a", "a"], ["b"], [], ["b"]]
    catalog = index.snapshot()._catalog
    rows, *_ = search_jobs(catalog, catalog.select(query.jobs, "jobs"), resolve(query, lambda: 0))
    records, ends = expand_jobs(catalog, rows, exclude_interim=False, most=4).records
    assert (len(records), ends) == (4, [0, 2, 3, 3, 4])
    with pytest.raises(LimitExceeded, match="would bring 4 records to one page, more than 3"):
        expand_jobs(catalog, rows, exclude_interim=False, most=3)


def test_the_plan_of_many_jobs_has_the_path_jobs() -> None:
    """Its ``rows_read`` is the number of rows that the searches of all jobs compared."""
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=job_id, anomaly_score=50.0) for row in range(3) for job_id in ("a", "b")])
    page = index.search(BucketQuery(jobs=["a", "b"], anomaly_score=1))
    assert page.explain()["path"] == "jobs"
    assert page.explain()["rows_read"] >= page.count == 6
    assert repr(page) == "<BucketPage: 6 of 6 buckets of several jobs at commit 1>"


@pytest.mark.parametrize("desc", [False, True])
def test_rows_read_of_a_deep_page_include_those_of_its_counts(desc: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for its first instant counts the matches of several windows, and compares rows for each count."""
    index = ResultsIndex()
    index.upsert([bucket(row, job_id=job_id, anomaly_score=50.0) for row in range(900) for job_id in ("a", "b")])
    compared: list[int] = []

    def measured(*arguments: Any) -> Any:
        found = search(*arguments)
        compared.append(found[2].rows_read)
        return found

    monkeypatch.setattr(job_by_job, "search", measured)
    query = BucketQuery(jobs=["a", "b"], anomaly_score=1, size=10, desc=desc)
    pages = [index.search(query.replace(from_=from_)) for from_ in (1_000, 1_001)]
    shallow, deep = [page.explain()["rows_read"] for page in pages]
    assert pages[0].keys()[1:] == pages[1].keys()[:-1]
    assert shallow == sum(compared[:2]), "two searches find a page that is not deep"
    assert deep == sum(compared[2:])
    first_count, first_step = sum(compared[2:4]), sum(compared[4:6])
    assert first_count == 1_800, "the first count compares all rows"
    assert deep > first_count + first_step
