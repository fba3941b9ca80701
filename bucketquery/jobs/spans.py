"""Spans: how long the buckets of a job are, from `put_job` or else from its stored buckets."""

from collections.abc import Iterable
from typing import NamedTuple

from bucketquery.jobs.job import Job
from bucketquery.model.schema import BUCKET


class GivenSpans(NamedTuple):
    """The spans that some jobs were given by `put_job`.

    Attributes:
        greatest: the greatest of them, in seconds; 0 if no job was given one.
        missing: the number of jobs that were given none.
    """

    greatest: int
    missing: int

    @classmethod
    def of(cls, given: Iterable[int | None]) -> "GivenSpans":
        """Those of some jobs, None for a job that was given none."""
        spans = [*given]
        return cls(max((span for span in spans if span is not None), default=0), spans.count(None))

    @classmethod
    def sum_of(cls, parts: Iterable["GivenSpans"]) -> "GivenSpans":
        """Those of one or more groups of jobs together."""
        greatest, missing = zip(*parts, strict=True)
        return cls(max(greatest), sum(missing))


def span_of(job: Job) -> int:
    """The span given to `put_job`, else the greatest span of its buckets, in seconds; 0 if it has neither.

    The first call costs O(n) for n buckets, once for each table.
    """
    if job.bucket_span is not None:
        return job.bucket_span
    table = job.tables.get(BUCKET.kind)
    return 0 if table is None else table.rows.longest_span
