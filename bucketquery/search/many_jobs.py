"""Searches of many jobs, answered as if all their results lay in one table, with the job as the last key of the order.

Few jobs are searched one by one (`job_by_job`), many in the combined tables (`together`). If combined
tables do not have the order of a query, they tell which jobs have matches, and only these are searched one by one. The
rows of a page are read when a caller asks for them (`job_rows`).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import RECORD
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.queries.where import filtered_schema
from bucketquery.search.entity_filter import EntityFilter
from bucketquery.search.expand import MOST_OF_A_PAGE, Expansion, expand, refuse_more
from bucketquery.search.job_by_job import Found, search_each, search_each_after, sources_of
from bucketquery.search.job_rows import Group, JobRows
from bucketquery.search.label_filter import LabelFilter
from bucketquery.search.plan import Explanation
from bucketquery.search.row_key import RowKey
from bucketquery.search.search import scan
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.together import Together
from bucketquery.storage.row_copies import copy_rows, segment_row
from bucketquery.storage.segment import Segment

#: The rows of a page, the count of all matches, whether any match comes behind the page (None if only the count tells),
#: and how the page was found.
Answer = tuple[JobRows, int, bool | None, Explanation]


def search_jobs(
    catalog: Catalog,
    selected: SelectedJobs,
    resolved: ResolvedQuery,
    shortcuts: Shortcuts = ALL_SHORTCUTS,
    key: RowKey | None = None,
) -> Answer:
    """The page of a query over several jobs.

    Args:
        catalog: the catalogue of the jobs.
        selected: the jobs of the query.
        resolved: the query.
        shortcuts: which work may be skipped.
        key: the page begins behind this row key; None: the page skips ``from_`` matches.
    """
    rows, matched, rows_read, has_more = _search(catalog, selected, resolved, shortcuts, key)
    return rows, matched, has_more, Explanation("jobs", rows_read=rows_read)


def scan_jobs(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts
) -> Iterator[JobRows]:
    """Every match of several jobs in order, some at a time; paging does not apply.

    In time order over many jobs, and in the order of jobs, memory stays flat. In any other case it holds a few bytes a
    match, and needs about 100 bytes a match while it finds the matches.
    """
    step = shortcuts.scan_buckets if resolved.expand else shortcuts.scan_rows
    for rows in _scanned(catalog, selected, resolved, shortcuts):
        for first in range(0, len(rows), step):
            yield rows if len(rows) <= step else rows.between(first, first + step)


def expand_jobs(
    catalog: Catalog, buckets: JobRows, *, exclude_interim: bool, most: int | None = MOST_OF_A_PAGE
) -> Expansion:
    """The records of buckets of several jobs. Each bucket gets those of its own job, as `expand` finds them.

    The records are copied at once, not when they are first read.

    Raises:
        LimitExceeded: the buckets have more than ``most`` records.
    """
    positions: dict[str, list[int]] = {}
    for position, job_id in enumerate(buckets.job_ids):
        positions.setdefault(job_id, []).append(position)
    expansions: list[tuple[list[int], Expansion]] = []
    for job_id, own in positions.items():
        some = buckets.copies[np.array(own, dtype=np.int64)]
        records = catalog.known(job_id, "jobs").table(RECORD)
        expansions.append((own, expand(some, records, exclude_interim=exclude_interim, most=None)))
    refuse_more(sum(expansion.total() for _, expansion in expansions), most)
    by_bucket: list[list[tuple[Segment, int]]] = [[] for _ in buckets.job_ids]
    for own, expansion in expansions:
        rows, ends = expansion.records
        numbers = rows.rows
        assert not isinstance(numbers, slice), "records are gathered by an array"
        places = [segment_row(rows.view, row) for row in numbers.tolist()]
        for position, (first, end) in zip(own, pairwise(ends), strict=True):
            by_bucket[position] = places[first:end]
    copied = copy_rows(RECORD, [place for places in by_bucket for place in places])
    return Expansion.of(copied, [0, *np.cumsum([len(places) for places in by_bucket]).tolist()])


def _search(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey | None
) -> Found:
    if resolved.where:
        job_ids, rows_read = jobs_to_filter(catalog, selected, resolved, shortcuts)
        found = _each(catalog, job_ids, resolved, shortcuts, key)
        return found._replace(rows_read=found.rows_read + rows_read)
    together = _together(catalog, selected, resolved, shortcuts)
    if together is not None and together.can_order(resolved):
        return together.search(resolved, shortcuts) if key is None else together.search_after(resolved, shortcuts, key)
    if together is None or len(selected) * shortcuts.sorted_per_job < together.window_rows(resolved):
        return _each(catalog, selected.ids, resolved, shortcuts, key)
    job_ids, counts, rows_read = together.counts(resolved, shortcuts)
    if not resolved.by_job:
        found = _each(catalog, job_ids, resolved, shortcuts, key)
        return found._replace(rows_read=found.rows_read + rows_read)
    before = np.cumsum([0, *counts.tolist()])
    total = before.item(-1)
    if resolved.desc:
        job_ids, before = job_ids[::-1], total - before[::-1]
    if key is None:
        first = max(0, int(before.searchsorted(min(resolved.from_, total), "right")) - 1)
        last = int(before.searchsorted(min(resolved.from_ + resolved.size, total)))
        resolved = resolved._replace(from_=resolved.from_ - before.item(first))
    else:
        # The job of the key may have fewer matches behind the key than it has in all.
        is_before = [(job_id > key.job_id) if resolved.desc else (job_id < key.job_id) for job_id in job_ids]
        first = sum(is_before)
        following = before.item(min(first + 1, len(job_ids)))
        last = int(before.searchsorted(min(following + resolved.size + 1, total)))
    found = _each(catalog, job_ids[first:last], resolved, shortcuts, key)
    return found._replace(matched=total, rows_read=found.rows_read + rows_read)


def jobs_to_filter(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts
) -> tuple[Sequence[str], int]:
    """The jobs that may have results which meet the entity filter of a query, and the number of compared rows.

    They are all selected jobs if combined tables cannot tell, or if the query has no such filter.
    """
    if not resolved.where:
        return selected.ids, 0
    schema = filtered_schema(resolved.schema)
    asked = resolved._replace(schema=schema)
    if schema is not resolved.schema:
        # The score of a bucket plays no part for its records.
        asked = asked._replace(threshold=None, below=None)
    together = _together(catalog, selected, asked, shortcuts)
    row_filter = None
    if together is not None:
        row_filter = EntityFilter(resolved.where, schema).among_all_jobs(together.all_jobs.schema)
    if together is None or row_filter is None:
        return selected.ids, 0
    job_ids, _, rows_read = together._replace(jobs=row_filter).counts(asked, shortcuts)
    if not selected.is_all:
        ids = frozenset(selected.ids)
        job_ids = [job_id for job_id in job_ids if job_id in ids]
    return job_ids, rows_read


def _each(
    catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, shortcuts: Shortcuts, key: RowKey | None
) -> Found:
    if key is None:
        return search_each(catalog, jobs, resolved, shortcuts)
    return search_each_after(catalog, jobs, resolved, shortcuts, key)


def _scanned(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts
) -> Iterator[JobRows]:
    """Every match in order, some at a time."""
    is_separate = resolved.by_job or resolved.where
    together = None if is_separate else _together(catalog, selected, resolved, shortcuts)
    job_ids, _ = jobs_to_filter(catalog, selected, resolved, shortcuts)
    if together is not None and together.can_order(resolved):
        yield from together.scan(resolved, shortcuts)
    elif resolved.by_job:
        sources = sources_of(catalog, job_ids, resolved, shortcuts)
        for job_id in sorted(sources, reverse=resolved.desc):
            table, row_filter = sources[job_id]
            for rows in scan(table, resolved, shortcuts, row_filter):
                yield JobRows(catalog, resolved.schema, [Group(rows, job_id)])
    else:
        sources = sources_of(catalog, job_ids, resolved, shortcuts)
        everything = resolved._replace(from_=0, size=sum(table.length for table, _ in sources.values()))
        yield search_each(catalog, [*sources], everything, shortcuts).rows


def _together(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts
) -> Together | None:
    """The combined tables for a query; None if its jobs should be searched one by one."""
    number, known = len(selected), len(selected.known)
    if not shortcuts.combined or number < shortcuts.few_jobs or number * shortcuts.known_per_job < known:
        return None
    all_jobs = catalog.all_jobs(resolved.schema)
    if all_jobs is None:
        return None
    together = Together(catalog, all_jobs, None)
    if selected.is_all:
        return together
    # The filter is made last, since it may look at each known job.
    if number * shortcuts.rows_per_job < together.window_rows(resolved):
        return None
    return together._replace(jobs=LabelFilter.of(selected, all_jobs.labels))
