"""What claims are measured on from outside: indexes of so many results, made once and not written to."""

from functools import cache

import numpy as np

from benchmarks.claims.stock import MILLION, columns
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, worn
from bucketquery import ResultsIndex, Snapshot
from bucketquery.columns.catalog import Catalog
from bucketquery.columns.segment import Segment
from bucketquery.columns.table import Table
from bucketquery.model.schema import BUCKET, Kind


@cache
def buckets(size: int) -> ResultsIndex:
    """An index of them; not to be written to."""
    index = ResultsIndex(max_size=MILLION)
    index.upsert_columns(columns(size), job_id=JOB)
    return index


@cache
def worn_buckets(size: int, worn_out: int) -> ResultsIndex:
    """An index of so many, where so many of them were late or replaced; not to be written to."""
    index = again(buckets(size))
    for document in worn(columns(size), late=worn_out // 2, replaced=worn_out // 2).written:
        index.upsert([document])
    return index


@cache
def anomalies(kind: Kind, size: int) -> ResultsIndex:
    """An index of so many records or influencers, one for each span, of fifty hosts; not to be written to."""
    of = columns(size)
    hosts = [f"host-{row % 50}" for row in range(size)]
    entity = {"by_field_value": hosts} if kind == "record" else {"influencer_field_value": hosts}
    given = {
        **{name: of[name] for name in ("timestamp", "bucket_span", "is_interim")},
        f"{kind}_score": of["anomaly_score"],
        "probability": np.random.default_rng(size).random(size),
        **entity,
    }
    index = ResultsIndex(max_size=MILLION)
    index.upsert_columns(given, job_id=JOB, kind=kind)
    return index


@cache
def blamed(size: int) -> ResultsIndex:
    """An index of so many buckets with an influencer and a record each; not to be written to."""
    index = again(anomalies("record", size))
    nested = [{"influencer_field_name": "host", "anomaly_score": 5.0}]
    index.upsert_columns({**columns(size), "bucket_influencers": [nested] * size}, job_id=JOB)
    return index


def job_ids(size: int) -> list[str]:
    """Those of so many jobs."""
    return [f"job-{number}" for number in range(size)]


@cache
def fleet(jobs: int, each: int = 1) -> ResultsIndex:
    """An index of so many jobs with so many buckets each, their scores from 0 to 100; not to be written to."""
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


def again(index: ResultsIndex) -> ResultsIndex:
    """Another index at the commit of one, to be written to as long as nothing is written behind what is there."""
    other = ResultsIndex(max_size=MILLION)
    other._snapshot = index._snapshot
    return other


def unmustered(index: ResultsIndex) -> Snapshot:
    """The commit of one, as if nobody had asked many jobs together."""
    held = index.snapshot()
    return held._next(Catalog(held._catalog._groups))


def unread(index: ResultsIndex) -> ResultsIndex:
    """Another index of the same buckets, as if nobody had asked for any."""
    other = again(index)
    old = other._snapshot._catalog.known(JOB, "job_id").table(BUCKET)
    base = Segment(BUCKET, old.base.length, old.base.columns, old.base.present, old.base.texts, old.base.lists)
    table = Table(base, old.dead, old.head, old._interim)
    catalog = other._snapshot._catalog
    other._snapshot = other._snapshot._next(catalog.with_jobs({JOB: catalog.known(JOB, "job_id").with_table(table)}))
    return other
