"""Answers: a page or every match, for a query of each kind."""

from typing import Any

import pytest

from bucketquery import (
    AnomalyRecord,
    Bucket,
    BucketPage,
    BucketQuery,
    Influencer,
    InfluencerPage,
    InfluencerQuery,
    RecordPage,
    RecordQuery,
    ResultsIndex,
)
from bucketquery.answers.run import page_of, results_of
from bucketquery.errors import LimitExceeded, NotFound
from bucketquery.jobs.job import Job
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search.expand import expand
from bucketquery.search.many_jobs import expand_jobs
from support.helpers import JOB, STEP, bucket, record

INFLUENCERS = [{"influencer_field_name": "bucket_time"}]
KINDS = [
    (BucketQuery(jobs=JOB), BucketPage, Bucket),
    (RecordQuery(jobs=JOB), RecordPage, AnomalyRecord),
    (InfluencerQuery(jobs=JOB), InfluencerPage, Influencer),
]


def job(*documents: dict[str, Any]) -> Job:
    """A job with these results."""
    index = ResultsIndex()
    index.put_job(JOB)
    index.upsert(documents)
    return index.snapshot()._catalog.known(JOB, "job_id")


def page(of: Job, query: AnyQuery) -> Any:
    """The page of a query."""
    return page_of(of, query, resolve(query, lambda: 0), sequence=7, has_documents=True)


def every(of: Job, query: AnyQuery) -> list[Any]:
    """Every match of a query, without paging."""
    return list(results_of(of, resolve(query, lambda: 0)))


@pytest.mark.parametrize(("query", "page_type", "value_type"), KINDS, ids=lambda entry: getattr(entry, "__name__", ""))
def test_each_kind_of_query_has_its_own_page(query: AnyQuery, page_type: type, value_type: type) -> None:
    """The page has values of that kind, in order. It is empty if the job has no results of the kind."""
    filled = job(
        *(bucket(row) for row in range(3)),
        *(record(row) for row in range(3)),
        *(bucket(row, result_type="influencer") for row in range(3)),
    )
    found = page(filled, query.replace(size=2))
    kind: object = type(found)
    assert kind is page_type
    assert (found.count, len(found), found.sequence) == (3, 2, 7)
    assert [type(value) for value in every(filled, query)] == [value_type] * 3
    assert every(filled, query)[:2] == list(found)
    assert (page(job(), query).count, every(job(), query)) == (0, [])


def test_a_lookup_without_a_bucket_raises_not_found() -> None:
    """Only buckets can be looked up; records and influencers cannot."""
    with pytest.raises(NotFound) as caught:
        page(job(bucket(0)), BucketQuery(jobs=JOB, timestamp=5))
    assert (caught.value.field, caught.value.value) == ("timestamp", 5)


def test_a_lookup_can_exclude_interim_records() -> None:
    """The lookup returns an interim bucket either way."""
    filled = job(
        bucket(0, is_interim=True, bucket_influencers=INFLUENCERS),
        record(0, is_interim=True),
        record(0, 1, is_interim=False),
    )
    for exclude_interim, detectors in ((False, [0, 1]), (True, [1])):
        query = BucketQuery(jobs=JOB, timestamp=0, expand=True, exclude_interim=exclude_interim)
        (found,) = page(filled, query)
        assert [each.detector_index for each in found.records] == detectors


def test_a_scan_expands_buckets() -> None:
    """Each bucket of a scan has its records, as on a page of all buckets."""
    filled = job(
        *(bucket(row, bucket_influencers=INFLUENCERS if row % 2 else []) for row in range(5_000)),
        *(record(row) for row in range(0, 5_000, 3)),
    )
    query = BucketQuery(jobs=JOB, expand=True)
    found = every(filled, query)
    assert found == list(page(filled, query.replace(size=5_000)))
    with_records = [value.timestamp // STEP for value in found if value.records]
    assert with_records == [row for row in range(0, 5_000, 3) if row % 2]
    assert not any(value.records for value in every(filled, query.replace(expand=False)))


@pytest.mark.parametrize("jobs", [[JOB], [JOB, "other"]], ids=["one job", "two jobs"])
def test_a_scan_has_no_limit_of_records(jobs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with more records than the limit is refused. A scan gives the same buckets with all their records."""
    for expanding in (expand, expand_jobs):
        monkeypatch.setattr(expanding, "__kwdefaults__", {"most": 5})
    index = ResultsIndex()
    for job_id in jobs:
        index.upsert(bucket(row, job_id=job_id, bucket_influencers=INFLUENCERS) for row in range(6))
        index.upsert(record(row, job_id=job_id) for row in range(6))
    query = BucketQuery(jobs=jobs, expand=True)
    with pytest.raises(LimitExceeded):
        index.search(query)
    found = list(index.scan(query))
    assert [(value.timestamp, len(value.records)) for value in found] == [
        (row * STEP, 1) for row in range(6) for _ in jobs
    ]
