"""Our decision on stats: counts, times and bytes of the stored results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import BucketQueryError, ResultsIndex
from support.semantics_tables import assert_refusal, bucket, each_row, index_of, influencer, record, unknown_job

HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Stats:
    """Jobs and their spans, documents, the job that is asked for (None: all), and the figures except `bytes`."""

    rule: str
    claim: str
    put: Mapping[str, int | None]
    given: Sequence[Mapping[str, Any]]
    job_id: str | None
    expected: Mapping[str, Any]
    source: str


def rows(buckets: int = 0, records: int = 0, influencers: int = 0) -> dict[str, int]:
    """The numbers of buckets, records and influencers."""
    return {"bucket": buckets, "record": records, "influencer": influencers}


NOTHING = {"rows": rows(), "first_timestamp": None, "last_timestamp": None}
TWO_JOBS = [bucket(HOUR), bucket(HOUR, bucket_span=60), bucket(-5), bucket(9 * HOUR, job_id="db")]
KINDS = [record(3 * HOUR), bucket(HOUR), influencer(-5, "a"), influencer(0, "a"), record(0, job_id="db")]
STATS = [
    Stats("20.stats", "an empty index", {}, [], None, {"jobs": 0} | NOTHING, "ours"),
    Stats("20.stats", "a job without buckets", {"web": None}, [], None, {"jobs": 1} | NOTHING, "20.jobs"),
    Stats(
        "20.stats",
        "everything",
        {"idle": 60},
        TWO_JOBS,
        None,
        {"jobs": 3, "rows": rows(4), "first_timestamp": -5, "last_timestamp": 9 * HOUR},
        "ours",
    ),
    Stats(
        "20.stats",
        "one job",
        {},
        TWO_JOBS,
        "web",
        {
            "job_id": "web",
            "bucket_span": None,
            "groups": (),
            "rows": rows(3),
            "first_timestamp": -5,
            "last_timestamp": HOUR,
        },
        "ours: no span was put",
    ),
    Stats(
        "20.stats",
        "the span that was put",
        {"db": 900},
        TWO_JOBS,
        "db",
        {
            "job_id": "db",
            "bucket_span": 900,
            "groups": (),
            "rows": rows(1),
            "first_timestamp": 9 * HOUR,
            "last_timestamp": 9 * HOUR,
        },
        "20.jobs: the span describes the job",
    ),
    Stats(
        "20.stats",
        "one job without buckets",
        {"idle": 60},
        TWO_JOBS,
        "idle",
        {"job_id": "idle", "bucket_span": 60, "groups": ()} | NOTHING,
        "ours",
    ),
    Stats(
        "20.stats",
        "a replaced bucket counts once, a skipped document does not count",
        {},
        [bucket(0), bucket(0, event_count=1), {"result_type": "model_plot"}],
        None,
        {"jobs": 1, "rows": rows(1), "first_timestamp": 0, "last_timestamp": 0},
        "12.1",
    ),
    Stats(
        "20.stats",
        "every kind",
        {},
        KINDS,
        None,
        {"jobs": 2, "rows": rows(1, 2, 2), "first_timestamp": -5, "last_timestamp": 3 * HOUR},
        "ours: the first and the last of all kinds",
    ),
    Stats(
        "20.stats",
        "every kind of one job",
        {},
        KINDS,
        "web",
        {
            "job_id": "web",
            "bucket_span": None,
            "groups": (),
            "rows": rows(1, 1, 2),
            "first_timestamp": -5,
            "last_timestamp": 3 * HOUR,
        },
        "ours",
    ),
    Stats(
        "20.stats",
        "only records",
        {},
        [record(5), record(5, detector_index=1), record(5, record_score=1.0)],
        None,
        {"jobs": 1, "rows": rows(0, 2), "first_timestamp": 5, "last_timestamp": 5},
        "12.1",
    ),
]


@each_row(STATS)
def test_stats_say_what_is_stored(row: Stats) -> None:
    """The figures of the index or of one job are those of the row; `bytes` is above 0 if results are stored."""
    index = ResultsIndex()
    for job_id, span in row.put.items():
        index.put_job(job_id, bucket_span=span)
    for document in row.given:
        index.upsert([document])
    for reader in (index, index.snapshot()):
        said = dict(reader.stats(row.job_id) if row.job_id else reader.stats())
        size = said.pop("bytes")
        assert said == row.expected
        assert type(size) is int
        assert size > 0 or not any(row.expected["rows"].values())


def test_stats_of_an_unknown_job_are_refused() -> None:
    """`stats` of an unknown job raises UnknownJob."""
    for job_id in ("db", "_all", ""):
        with pytest.raises(BucketQueryError) as caught:
            index_of([bucket(0)]).stats(job_id)
        assert_refusal(caught.value, unknown_job(job_id))
