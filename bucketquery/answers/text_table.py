"""Pages as text tables: aligned columns, without empty columns, and a last line with the counts."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.answers.run import AnyPage
from bucketquery.answers.shown_columns import NUMBERS, columns_of
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Schema
from bucketquery.model.text import visible

_BOLD: Final = "1"
_COLOURS: Final = {"low": "2", "warning": "36", "minor": "33", "major": "31", "critical": "1;31"}

_SCHEMAS: Final[Mapping[type[AnyPage], Schema]] = MappingProxyType(
    {BucketPage: BUCKET, RecordPage: RECORD, InfluencerPage: INFLUENCER}
)


def table(page: AnyPage, job_id: str, *, in_colour: bool) -> str:
    """The page as lines of text: the titles, one line for each result, and the counts.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 80, "event_count": 7}
    >>> commit = index.upsert([bucket], kind="bucket")
    >>> print(table(index.get_buckets(job_id="web"), "web", in_colour=False), end="")
    timestamp             score  severity  initial  events
    1970-01-01T00:00:00Z  80.00  critical     0.00       7
    1 of 1 buckets of job web
    """
    schema, results = _SCHEMAS[type(page)], list[Any](page)
    columns = columns_of(schema.kind, results)
    no_colours = [""] * len(results)
    severities = [_COLOURS[result.severity] for result in results] if in_colour else no_colours
    shown = []
    for title, cells in columns.items():
        if any(cells):
            colours = severities if title in ("score", "severity") else no_colours
            shown.append(_aligned([title, *cells], [_BOLD if in_colour else "", *colours], is_number=title in NUMBERS))
    rows = ["  ".join(row).rstrip() for row in zip(*shown, strict=True)]
    return "\n".join([*rows, f"{len(results):,} of {page.count:,} {schema.plural} of job {visible(job_id)}\n"])


def _aligned(cells: Sequence[str], colours: Sequence[str], *, is_number: bool) -> list[str]:
    width = max(map(len, cells))
    padded = [cell.rjust(width) if is_number else cell.ljust(width) for cell in cells]
    return [f"\x1b[{colour}m{cell}\x1b[m" if colour else cell for cell, colour in zip(padded, colours, strict=True)]
