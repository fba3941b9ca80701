"""The inputs of the claims: numbers, columns and indexes of any size. The cached ones must not be modified."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

import numpy as np

from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, Columns, Document, bucket_columns, fragmented
from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex, Snapshot
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import BUCKET, Float64s, Int64s, Kind
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table

_Result = TypeVar("_Result")

MANY: Final = 131_072
MILLION: Final = 1_048_576

RESULT: Final[Document] = {"job_id": JOB, "timestamp": FIRST_MS, "bucket_span": SPAN_S}


def checked(call: Callable[[], _Result], is_right: Callable[[_Result], object]) -> Call:
    """The call itself. Its result is checked once."""
    assert is_right(call())
    return call


# Numbers


def chances(size: int) -> Float64s:
    """Random numbers from 0 to 100."""
    return 100 * np.random.default_rng(size).random(size)


def even(size: int) -> Int64s:
    """The first even numbers."""
    return np.arange(0, 2 * size, 2)


# Documents and columns


def numbered(word: str, size: int) -> dict[str, int]:
    """``size`` fields with a numbered name and their number as value."""
    return {f"{word}-{row}": row for row in range(size)}


def job_ids(size: int) -> list[str]:
    """The ids of ``size`` jobs."""
    return [f"job-{number}" for number in range(size)]


@cache
def columns(size: int) -> Columns:
    """Columns of ``size`` final buckets."""
    return bucket_columns(size, interim=0)


# Indexes


@cache
def bucket_index(size: int) -> ResultsIndex:
    """An index of ``size`` buckets of one job."""
    index = ResultsIndex(max_size=MILLION)
    index.upsert_columns(columns(size), job_id=JOB)
    return index


@cache
def fragmented_index(size: int, writes: int) -> ResultsIndex:
    """A copy of `bucket_index` after ``writes`` single writes: half are late buckets, half replace others."""
    index = copy_of(bucket_index(size))
    for document in fragmented(columns(size), late=writes // 2, replaced=writes // 2).written:
        index.upsert([document])
    return index


@cache
def anomaly_index(kind: Kind, size: int) -> ResultsIndex:
    """An index of ``size`` records or influencers, one for each span, of fifty hosts."""
    source = columns(size)
    hosts = [f"host-{row % 50}" for row in range(size)]
    entity = {"by_field_value": hosts} if kind == "record" else {"influencer_field_value": hosts}
    given = {
        **{name: source[name] for name in ("timestamp", "bucket_span", "is_interim")},
        f"{kind}_score": source["anomaly_score"],
        "probability": np.random.default_rng(size).random(size),
        **entity,
    }
    index = ResultsIndex(max_size=MILLION)
    index.upsert_columns(given, job_id=JOB, kind=kind)
    return index


@cache
def index_with_records(size: int) -> ResultsIndex:
    """An index of ``size`` buckets with one influencer and one record each."""
    index = copy_of(anomaly_index("record", size))
    influencers = [{"influencer_field_name": "host", "anomaly_score": 5.0}]
    index.upsert_columns({**columns(size), "bucket_influencers": [influencers] * size}, job_id=JOB)
    return index


@cache
def many_jobs_index(jobs: int, each: int = 1) -> ResultsIndex:
    """An index of many jobs with ``each`` buckets for every job. The scores go from 0 to 100."""
    size = jobs * each
    given = {
        "job_id": job_ids(jobs) * each,
        "timestamp": FIRST_MS + SPAN_MS * np.arange(size),
        "bucket_span": SPAN_S,
        "anomaly_score": np.random.default_rng(size).permutation(np.linspace(0, 100, size)),
    }
    index = ResultsIndex(max_size=MILLION)
    index.upsert_columns(given)
    return index


def copy_of(index: ResultsIndex) -> ResultsIndex:
    """Another index at the same commit. Only one of the copies may append, because they share the arrays."""
    other = ResultsIndex(max_size=MILLION)
    other._snapshot = index._snapshot
    return other


def without_combined_tables(index: ResultsIndex) -> Snapshot:
    """The newest commit of an index without its combined tables."""
    snapshot = index.snapshot()
    return snapshot._next(Catalog(snapshot._catalog._shard_groups), now=0)


def without_value_indexes(index: ResultsIndex) -> ResultsIndex:
    """Another index of the same buckets without value indexes."""
    other = copy_of(index)
    old = other._snapshot._catalog.known(JOB, "job_id").table(BUCKET)
    base = Segment(BUCKET, old.base.length, old.base.columns, old.base.present, old.base.dictionaries, old.base.lists)
    table = Table(base, old.deleted, old.head, old._interim)
    catalog = other._snapshot._catalog
    other._snapshot = other._snapshot._next(
        catalog.with_jobs({JOB: catalog.known(JOB, "job_id").with_table(table)}), now=0
    )
    return other


# Pages


def page_with(kind: Kind, size: int) -> Any:
    """One page with all results of an index."""
    if kind == "bucket":
        return bucket_index(size).search(BucketQuery(jobs=JOB, size=size))
    return anomaly_index(kind, size).search((RecordQuery if kind == "record" else InfluencerQuery)(jobs=JOB, size=size))
