"""Answers to resolved queries of all kinds: a page, or every match one by one."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from bucketquery.answers.anomalies import expanded_values, influencer_values, record_values
from bucketquery.answers.buckets import bucket_values
from bucketquery.answers.common import display_fields
from bucketquery.answers.facts import Facts, Rest
from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.errors import NotFound
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job import Job
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.after import search_after
from bucketquery.search.cursor import Walk
from bucketquery.search.entity_filter import filter_of
from bucketquery.search.expand import expand
from bucketquery.search.many_jobs import expand_jobs, scan_jobs, search_jobs
from bucketquery.search.order import Order
from bucketquery.search.row_key import Boundary, RowKey, completed
from bucketquery.search.search import scan, search
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts

_new_tuple: Final = tuple.__new__

#: The ends of pages behind a row key: with matches behind them, and without.
_MORE: Final = Rest(has_more=True)
_LAST: Final = Rest(has_more=False)

#: A scan of expanded buckets reads at most this many records at once, or all records of one bucket.
_RECORDS_AT_ONCE: Final = 4096

AnyPage = BucketPage | RecordPage | InfluencerPage

_PAGES: Final[Mapping[str, Callable[..., AnyPage]]] = MappingProxyType(
    {BUCKET.kind: BucketPage, RECORD.kind: RecordPage, INFLUENCER.kind: InfluencerPage}
)
_VALUES: Final[Mapping[str, Callable[..., list[Any]]]] = MappingProxyType(
    {BUCKET.kind: bucket_values, RECORD.kind: record_values, INFLUENCER.kind: influencer_values}
)


def page_of(  # noqa: PLR0917 - keyword arguments would take longer
    job: Job,
    query: AnyQuery,
    resolved: ResolvedQuery,
    sequence: int,
    has_documents: bool,  # noqa: FBT001 - keyword arguments would take longer
    shortcuts: Shortcuts = ALL_SHORTCUTS,
) -> AnyPage:
    """The page of a query over one job's results.

    Args:
        job: the job.
        query: the query.
        resolved: the same query with every instant fixed.
        sequence: the number of the commit that is read.
        has_documents: whether the index keeps documents.
        shortcuts: which work may be skipped.

    Raises:
        NotFound: a lookup matches no bucket.
        LimitExceeded: the buckets of the page have too many records.
    """
    schema = resolved.schema
    row_filter = filter_of(job, resolved, shortcuts) if resolved.where else None
    rows, count, explanation = search(job.table(schema), resolved, shortcuts, row_filter)
    if resolved.is_lookup and not count:
        raise NotFound("Could not find requested buckets", field="timestamp", value=getattr(query, "timestamp", None))
    records = None
    if resolved.expand:
        records = expand(rows, job.table(RECORD), exclude_interim=resolved.exclude_interim_records)
    # This does the same as the constructor of the named tuple, in half the time.
    facts = job.job_id, rows, count, explanation, sequence, has_documents, records, query, resolved, None
    return _PAGES[schema.kind](_new_tuple(Facts, facts))


def page_behind(  # noqa: PLR0917 - as `page_of`
    job: Job,
    query: AnyQuery,
    walk: Walk,
    sequence: int,
    has_documents: bool,  # noqa: FBT001 - as `page_of`
    shortcuts: Shortcuts = ALL_SHORTCUTS,
) -> AnyPage:
    """The page behind a row key, over one job's results.

    The arguments are those of `page_of`, with the row key beside the resolved query.

    Raises:
        LimitExceeded: the buckets of the page have too many records.
    """
    resolved, key = walk
    table, order = job.table(resolved.schema), Order.of(resolved)
    if key.has_cut_text:
        key = completed(key, order, [table.final if resolved.exclude_interim else table.rows])
    boundary, row_filter = Boundary.of(order, key, job.job_id), filter_of(job, resolved, shortcuts)
    rows, count, has_more, explanation = search_after(table, resolved, boundary, shortcuts, row_filter)
    records = None
    if resolved.expand:
        records = expand(rows, job.table(RECORD), exclude_interim=resolved.exclude_interim_records)
    rest = _MORE if has_more else _LAST
    fields = (job.job_id, rows, count, explanation, sequence, has_documents, records, query, resolved, rest)
    return _PAGES[resolved.schema.kind](_new_tuple(Facts, fields))


def results_of(job: Job, resolved: ResolvedQuery, shortcuts: Shortcuts = ALL_SHORTCUTS) -> Iterator[Any]:
    """Every match of one job, in order, one by one."""
    schema = resolved.schema
    values = _VALUES[schema.kind]
    for rows in scan(job.table(schema), resolved, shortcuts, filter_of(job, resolved, shortcuts)):
        if not resolved.expand:
            yield from values(job.job_id, rows, display_fields(rows))
            continue
        expansion = expand(rows, job.table(RECORD), exclude_interim=resolved.exclude_interim_records, most=None)
        for positions, records in expansion.batches(_RECORDS_AT_ONCE):
            some = rows[positions]
            yield from bucket_values(job.job_id, some, display_fields(some), expanded_values(job.job_id, records))


def page_of_jobs(  # noqa: PLR0917 - as `page_of`
    catalog: Catalog,
    selected: SelectedJobs,
    query: AnyQuery,
    resolved: ResolvedQuery,
    sequence: int,
    shortcuts: Shortcuts,
    key: RowKey | None = None,
    *,
    has_documents: bool,
) -> AnyPage:
    """The page of a query over the results of several jobs, as if they lay in one table.

    The arguments are those of `page_of`, with the catalogue and the selected jobs in place of the job. If a row key is
    given, the page begins behind it, and ``from_`` does not apply.

    Raises:
        NotFound: a lookup matches no bucket.
        LimitExceeded: the buckets of the page have too many records.
    """
    rows, count, has_more, explanation = search_jobs(catalog, selected, resolved, shortcuts, key)
    if resolved.is_lookup and not count:
        raise NotFound("Could not find requested buckets", field="timestamp", value=getattr(query, "timestamp", None))
    records = None
    if resolved.expand:
        records = expand_jobs(catalog, rows, exclude_interim=resolved.exclude_interim_records)
    rest = None if has_more is None else _MORE if has_more else _LAST
    facts = None, rows, count, explanation, sequence, has_documents, records, query, resolved, rest
    return _PAGES[resolved.schema.kind](_new_tuple(Facts, facts))


def results_of_jobs(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts
) -> Iterator[Any]:
    """Every match of several jobs, in order, one by one."""
    values = _VALUES[resolved.schema.kind]
    for rows in scan_jobs(catalog, selected, resolved, shortcuts):
        job_ids = rows.job_ids
        if not resolved.expand:
            yield from values(job_ids, rows, display_fields(rows))
            continue
        records = expand_jobs(catalog, rows, exclude_interim=resolved.exclude_interim_records, most=None)
        yield from bucket_values(job_ids, rows, display_fields(rows), expanded_values(job_ids, records))
