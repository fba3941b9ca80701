"""What the index says of its cost."""

from itertools import count
from typing import Final

from benchmarks.asking import loaded
from benchmarks.claims.claim import CONSTANT, Claim
from benchmarks.timing import Call
from benchmarks.workloads import JOB, bucket_columns, next_buckets


def taking_a_snapshot(size: int) -> Call:
    """Of an index of so many buckets."""
    index = loaded(bucket_columns(size))
    assert index.snapshot().stats()["rows"]["bucket"] == size
    return index.snapshot


def appending_a_bucket(size: int) -> Call:
    """Behind so many, each time the next."""
    columns = bucket_columns(size, interim=0)
    index, coming, number = loaded(columns), next_buckets(columns, interim=0), count(size + 1)

    def append() -> None:
        index.upsert([next(coming)])

    append()
    assert index.get_buckets(job_id=JOB, size=0).count == next(number)
    return append


CLAIMS: Final = (
    Claim("index.ResultsIndex.snapshot", "of n buckets", CONSTANT, taking_a_snapshot),
    Claim("index.ResultsIndex.upsert", "one bucket in order behind n", CONSTANT, appending_a_bucket),
)
