"""Pages as text tables: aligned columns, without empty columns, and a last line with the counts."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bucketquery.answers.overall import OverallBuckets
from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.answers.run import AnyPage
from bucketquery.answers.shown_columns import NUMBERS, columns_of, columns_of_overall
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Schema
from bucketquery.model.text import visible

#: The codes of a terminal for titles, and by severity.
BOLD: Final = "1"
COLOURS: Final = {"low": "2", "warning": "36", "minor": "33", "major": "31", "critical": "1;31"}

_SCHEMAS: Final[Mapping[type[AnyPage], Schema]] = MappingProxyType(
    {BucketPage: BUCKET, RecordPage: RECORD, InfluencerPage: INFLUENCER}
)


def table(page: AnyPage, jobs: Sequence[str], *, in_colour: bool) -> str:
    """The page as lines of text: the titles, one line for each result, and the counts.

    Args:
        page: the answer.
        jobs: the ids of the jobs that were searched. If there are several, each line names the job of its result.
        in_colour: whether titles are bold, and scores have the colours of their severities.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 80, "event_count": 7}
    >>> commit = index.upsert([bucket], kind="bucket")
    >>> print(table(index.get_buckets(job_id="web"), ["web"], in_colour=False), end="")
    timestamp             score  severity  initial  events
    1970-01-01T00:00:00Z  80.00  critical     0.00       7
    1 of 1 buckets of job web
    """
    schema, results = _SCHEMAS[type(page)], list[Any](page)
    columns = columns_of(schema.kind, results)
    if len(jobs) > 1:
        columns["job"] = [visible(result.job_id) for result in results]
    counts = f"{len(results):,} of {page.count:,} {schema.plural} of {named(jobs)}"
    return _lines(columns, [result.severity for result in results], counts, in_colour=in_colour)


def overall_table(overall: OverallBuckets, jobs: Sequence[str], *, in_colour: bool) -> str:
    """Overall buckets as lines of text: the titles, one line for each, and the counts.

    Args:
        overall: the answer.
        jobs: the ids of the jobs that were summarised.
        in_colour: as for `table`.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"timestamp": 0, "bucket_span": 300, "anomaly_score": 80}
    >>> commit = index.upsert([{**bucket, "job_id": name} for name in ("web", "db")], kind="bucket")
    >>> print(overall_table(index.get_overall_buckets(job_id="_all"), index.jobs(), in_colour=False), end="")
    timestamp             score  severity  jobs  worst jobs
    1970-01-01T00:00:00Z  80.00  critical     2  db 80.00, web 80.00
    1 overall buckets of 300 s of 2 jobs
    """
    columns = columns_of_overall(overall)
    span = f" of {overall[0].bucket_span:,} s" if overall.count else ""
    counts = f"{overall.count:,} overall buckets{span} of {named(jobs)}"
    return _lines(columns, columns["severity"], counts, in_colour=in_colour)


def named(jobs: Sequence[str]) -> str:
    """The job, or the number of the jobs.

    >>> named(["web"]), named([])
    ('job web', '0 jobs')
    """
    return f"job {visible(jobs[0])}" if len(jobs) == 1 else f"{len(jobs):,} jobs"


def _lines(columns: Mapping[str, Sequence[str]], severities: Sequence[str], counts: str, *, in_colour: bool) -> str:
    """The columns that are not empty, side by side, and a last line with the counts."""
    no_colours = [""] * len(severities)
    coloured = [COLOURS[word] for word in severities] if in_colour else no_colours
    shown = []
    for title, cells in columns.items():
        if any(cells):
            colours = coloured if title in ("score", "severity") else no_colours
            shown.append(_aligned([title, *cells], [BOLD if in_colour else "", *colours], is_number=title in NUMBERS))
    rows = ["  ".join(row).rstrip() for row in zip(*shown, strict=True)]
    return "\n".join([*rows, f"{counts}\n"])


def _aligned(cells: Sequence[str], colours: Sequence[str], *, is_number: bool) -> list[str]:
    width = max(map(len, cells))
    padded = [cell.rjust(width) if is_number else cell.ljust(width) for cell in cells]
    return [f"\x1b[{colour}m{cell}\x1b[m" if colour else cell for cell, colour in zip(padded, colours, strict=True)]
