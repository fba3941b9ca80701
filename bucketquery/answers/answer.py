"""Answers to settled questions: a page, or every match one by one, of whatever kind is asked for."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from bucketquery.answers.anomalies import expanded_values, influencer_values, record_values
from bucketquery.answers.body import bucket_values, kept_documents
from bucketquery.answers.page import BucketPage, InfluencerPage, RecordPage
from bucketquery.columns.catalog import Job
from bucketquery.errors import NotFound
from bucketquery.model.queries import AnyQuery, BucketQuery, Question, schema_of
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.search.expand import expand
from bucketquery.search.search import scan, search

AnyPage = BucketPage | RecordPage | InfluencerPage

_PAGES: Final[Mapping[str, Callable[..., AnyPage]]] = MappingProxyType(
    {RECORD.kind: RecordPage, INFLUENCER.kind: InfluencerPage}
)
_VALUES: Final[Mapping[str, Callable[..., list[Any]]]] = MappingProxyType(
    {BUCKET.kind: bucket_values, RECORD.kind: record_values, INFLUENCER.kind: influencer_values}
)


def page_of(job: Job, query: AnyQuery, question: Question, *, sequence: int, has_documents: bool) -> AnyPage:
    """The page that a question asks of a job's results.

    Args:
        job: whose results are asked.
        query: what was asked.
        question: what that means now.
        sequence: the commit that is read.
        has_documents: whether the index keeps what is only shown.

    Raises:
        NotFound: a lookup that matches nothing.
        LimitExceeded: there are too many records to bring.

    Complexity: that of the search.
    """
    schema = schema_of(query)
    found = search(job.table(schema), question)
    rows, count, job_id = found.page, found.count, job.job_id
    if not isinstance(query, BucketQuery):
        page = _PAGES[schema.kind]
        return page(job_id=job_id, rows=rows, count=count, sequence=sequence, has_documents=has_documents)
    if question.is_lookup and not count:
        raise NotFound("Could not find requested buckets", field="timestamp", value=query.timestamp)
    expansion = None
    if query.expand:
        # A lookup shows an interim bucket even so, but heeds the flag for the records.
        expansion = expand(rows, job.table(RECORD), exclude_interim=query.exclude_interim)
    return BucketPage(
        job_id=job_id,
        rows=rows,
        count=count,
        sequence=sequence,
        has_documents=has_documents,
        expansion=expansion,
    )


def results_of(job: Job, query: AnyQuery, question: Question) -> Iterator[Any]:
    """Every result of a job that matches, in order, one by one.

    Complexity: that of the scan.
    """
    schema = schema_of(query)
    values = _VALUES[schema.kind]
    for rows in scan(job.table(schema), question):
        documents = kept_documents(rows)
        if isinstance(query, BucketQuery) and query.expand:
            records = expand(rows, job.table(RECORD), exclude_interim=query.exclude_interim, most=None)
            yield from bucket_values(job.job_id, rows, documents, expanded_values(job.job_id, records))
        else:
            yield from values(job.job_id, rows, documents)
