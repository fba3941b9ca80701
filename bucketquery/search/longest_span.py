"""The longest span of the selected jobs, which decides how long an overall bucket is at least."""

from typing import Final

from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.jobs.spans import span_of
from bucketquery.model.schema import BUCKET

#: The spans of this many jobs or fewer are read from the jobs.
_FEW_JOBS: Final = 64


def longest_span(catalog: Catalog, selected: SelectedJobs, few_jobs: int = _FEW_JOBS) -> int:
    """The greatest span of some jobs, in seconds; 0 if none has a span.

    O(j) for j jobs. All jobs cost O(shards) if `put_job` gave all of them their spans, and O(n) for the n rows of the
    combined tables if it gave none. If only some of many jobs are selected, the jobs behind the first one with the
    longest span of all are not read.
    """
    greatest = None
    if len(selected) > few_jobs:
        greatest = _greatest(catalog)
        if selected.is_all and greatest is not None:
            return greatest
    longest = 0
    for job_id in selected.ids:
        longest = max(longest, span_of(catalog.known(job_id, "job_id")))
        if longest == greatest:
            break
    return longest


def _greatest(catalog: Catalog) -> int | None:
    """The greatest span of all jobs; None if it must be read from the jobs."""
    given = catalog.given_spans()
    if not given.missing:
        return given.greatest
    all_jobs = None if given.greatest else catalog.all_jobs(BUCKET)
    return None if all_jobs is None else max((table.rows.longest_span for table in all_jobs.parts), default=0)
