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


def page_of(job: Job, query: AnyQuery, question: Question, **of_index: Any) -> AnyPage:
    """The page that a question asks of a job's results; ``of_index`` is what the page is told of its index.

    Raises:
        NotFound: a lookup that matches nothing.
        LimitExceeded: there are too many records to bring.

    Complexity: that of the search.
    """
    schema = schema_of(query)
    found = search(job.table(schema), question)
    parts = {"job_id": job.job_id, "rows": found.page, "count": found.count, **of_index}
    if not isinstance(query, BucketQuery):
        return _PAGES[schema.kind](**parts)
    if question.is_lookup and not found.count:
        raise NotFound("Could not find requested buckets", field="timestamp", value=query.timestamp)
    if query.expand:
        # A lookup shows an interim bucket even so, but heeds the flag for the records.
        parts["expansion"] = expand(found.page, job.table(RECORD), exclude_interim=query.exclude_interim)
    return BucketPage(**parts)


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
