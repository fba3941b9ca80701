"""The claims of swimlanes, top influencers and postings."""

from functools import cache, partial
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, Claim
from benchmarks.claims.inputs import (
    MILLION,
    bucket_index,
    chances,
    checked,
    copy_of,
    job_ids,
    many_jobs_index,
    without_value_indexes,
)
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S
from bucketquery import ResultsIndex, SwimlaneQuery
from bucketquery.model.schema import Int32s
from bucketquery.value_index.postings import Postings

_HOSTS: Final = 50


@cache
def influencer_index(size: int) -> ResultsIndex:
    """An index of ``size`` influencers of fifty hosts, one for each span."""
    given: dict[str, Any] = {
        "timestamp": FIRST_MS + SPAN_MS * np.arange(size),
        "bucket_span": SPAN_S,
        "influencer_field_name": ["host"] * size,
        "influencer_field_value": [f"host-{row % _HOSTS}" for row in range(size)],
        "influencer_score": chances(size),
    }
    index = ResultsIndex()
    index.upsert_columns(given, job_id=JOB, kind="influencer")
    return index


def codes(size: int) -> Int32s:
    """Codes of fifty keywords, which take turns."""
    return (np.arange(size) % _HOSTS).astype(np.int32)


def postings_of(size: int) -> Postings:
    """The postings of ``size`` rows of fifty hosts."""
    hosts = np.array([f"host-{row:02}" for row in range(_HOSTS)], dtype=np.object_)
    return Postings.of(np.zeros(size, dtype=np.int32), codes(size), np.array(["host"], dtype=np.object_), hosts)


def making_postings(size: int) -> Call:
    """Make the postings of ``size`` rows."""
    return checked(lambda: postings_of(size), lambda postings: len(postings) == _HOSTS)


def making_postings_of_a_column(size: int) -> Call:
    """Make the postings of one column of ``size`` rows."""
    own, hosts = codes(size), np.array([f"host-{row:02}" for row in range(_HOSTS)], dtype=np.object_)
    return checked(lambda: Postings.of_column(own, hosts), lambda postings: len(postings) == _HOSTS)


def reading_postings(size: int, *, is_first: bool = False) -> Call:
    """Read the rows of one host among the rows in the middle."""
    made = postings_of(size)

    def read() -> int:
        postings = Postings(made.groups, made.names, made.values) if is_first else made
        return len(postings.rows(3, size // 4, size // 2))

    return checked(read, lambda rows: rows > size // (8 * _HOSTS))


def swimlane_of_buckets(size: int, *, is_first: bool = False, cells: int = 10) -> Call:
    """The cells of one job with ``size`` buckets."""
    index = bucket_index(size)
    query = SwimlaneQuery(jobs=JOB, cell=max(1, size * SPAN_S // cells))

    def ask() -> Any:
        return (without_value_indexes(index) if is_first else index).swimlane(query)

    return checked(ask, lambda found: len(found) == 1 and len(found.cells) >= cells)


def swimlane_of_jobs(size: int) -> Call:
    """The ten lanes with the greatest scores among ``size`` jobs."""
    snapshot = many_jobs_index(size).snapshot()
    query = SwimlaneQuery(jobs=job_ids(size), cell=10**9)
    return checked(lambda: snapshot.swimlane(query), lambda found: found.lane_count == size)


def swimlane_of_hosts(size: int) -> Call:
    """Ten cells of ten hosts with ``size`` influencers."""
    index = influencer_index(size)
    query = SwimlaneQuery(jobs=JOB, by="host", cell=max(1, size * SPAN_S // 10))
    return checked(lambda: index.swimlane(query), lambda found: found.lane_count == _HOSTS)


def top(by: str, size: int) -> Call:
    """The one host with the greatest score, or with the greatest sum."""
    index = influencer_index(size)
    return checked(lambda: index.top_influencers(jobs=JOB, by=by, size=1), lambda found: found.count == _HOSTS)


def reading_a_column(size: int) -> Call:
    """Read a column of many entries."""
    index = copy_of(influencer_index(size))
    found = index.top_influencers(jobs=JOB, size=size)
    return checked(partial(found.column, "count"), lambda column: column.sum() == size)


def making_a_query(size: int) -> Call:
    """Make a query for ``size`` jobs."""
    jobs = job_ids(size)
    return checked(lambda: SwimlaneQuery(jobs=jobs, cell="day"), lambda query: len(query.jobs) == size)


_SWIMLANE: Final = "summary_reads.SummaryReads.swimlane"
_TOP: Final = "summary_reads.SummaryReads.top_influencers"
_POSTINGS: Final = "value_index.postings.Postings"

CLAIMS: Final = (
    Claim(_SWIMLANE, "ten cells of n buckets", LOGARITHMIC, swimlane_of_buckets, 65_536, MILLION),
    Claim(
        _SWIMLANE,
        "ten cells of n buckets, the first time",
        LINEAR,
        partial(swimlane_of_buckets, is_first=True),
        65_536,
        MILLION,
    ),
    Claim(
        _SWIMLANE, "n cells of 65,536 buckets", LINEAR, lambda n: swimlane_of_buckets(65_536, cells=n), 4_096, 262_144
    ),
    Claim(_SWIMLANE, "the worst ten of n jobs", AT_MOST_LINEAR, swimlane_of_jobs, 256, 4_096),
    Claim(_SWIMLANE, "ten hosts, n influencers", AT_MOST_LINEAR, swimlane_of_hosts, 16_384, 262_144),
    Claim(_TOP, "by the greatest score, n influencers", AT_MOST_LINEAR, partial(top, "max"), 16_384, 262_144),
    Claim(_TOP, "by the sum, n influencers", AT_MOST_LINEAR, partial(top, "sum"), 16_384, MILLION),
    Claim("answers.top_influencers.TopInfluencers.column", "of n influencers", CONSTANT, reading_a_column),
    Claim("queries.swimlane_query.SwimlaneQuery", "n jobs", LINEAR, making_a_query, 256, 8_192),
    Claim(f"{_POSTINGS}.of", "n rows", LINEAR, making_postings, 16_384, MILLION),
    Claim(f"{_POSTINGS}.of_column", "n rows", LINEAR, making_postings_of_a_column, 16_384, MILLION),
    Claim(f"{_POSTINGS}.rows", "n rows", LOGARITHMIC, reading_postings, 16_384, MILLION),
    Claim(
        f"{_POSTINGS}.rows", "n rows, the first time", LINEAR, partial(reading_postings, is_first=True), 16_384, MILLION
    ),
)
