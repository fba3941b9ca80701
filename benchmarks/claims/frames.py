"""The claims of `bucketquery.frames`, on relations of DuckDB."""

from typing import Final

import duckdb

from benchmarks.claims.claim import LOGLINEAR, Claim
from benchmarks.claims.inputs import checked
from benchmarks.timing import Call
from bucketquery import BucketQuery
from bucketquery.frames import overall_buckets, search


def relation(rows: int) -> duckdb.DuckDBPyRelation:
    """A table of some minutes of one job."""
    connection = duckdb.connect()
    columns = "'web' AS job_id, 60000 * i AS timestamp, 60 AS bucket_span, i % 100 + 0.5 AS anomaly_score"
    connection.execute(f"CREATE TABLE minutes AS SELECT {columns} FROM range({rows}) AS numbers(i)")
    return connection.table("minutes")


def searching(size: int) -> Call:
    """Search a frame for a page of all its buckets."""
    frame, query = relation(size), BucketQuery(jobs="web", size=size)
    return checked(lambda: search(frame, query, max_size=size), lambda page: len(page) == page.count == size)


def summarising(size: int) -> Call:
    """Ask for the overall buckets of a frame, an interval for each bucket."""
    frame = relation(size)
    return checked(lambda: overall_buckets(frame, job_id="web"), lambda found: len(found) == size)


CLAIMS: Final = (
    Claim("frames.calls.search", "a page of n buckets of a frame", LOGLINEAR, searching, large=16_384),
    # The two queries of the engine cost as much as thousands of overall buckets.
    Claim("frames.calls.overall_buckets", "n overall buckets", LOGLINEAR, summarising, small=16_384, large=262_144),
)
