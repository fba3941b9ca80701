"""The claims of overall buckets."""

from functools import cache, partial
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import AT_MOST_LINEAR, LINEAR, Claim
from benchmarks.claims.inputs import checked, job_ids
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, SPAN_MS, SPAN_S
from bucketquery import OverallBuckets, ResultsIndex

#: The number of jobs that share the buckets of most claims.
_JOBS: Final = 16


@cache
def jobs_side_by_side(size: int, jobs: int) -> ResultsIndex:
    """An index of ``size`` buckets of some jobs, which all have the same spans of time; must not be modified."""
    each = size // jobs
    index = ResultsIndex()
    index.upsert_columns(
        {
            "job_id": np.repeat(np.array(job_ids(jobs)), each),
            "timestamp": np.tile(FIRST_MS + SPAN_MS * np.arange(each), jobs),
            "bucket_span": np.full(size, SPAN_S),
            "anomaly_score": 100 * np.random.default_rng(size).random(size),
        }
    )
    return index


def asking(size: int, *, jobs: int = _JOBS, **parameters: Any) -> Call:
    """Ask for the overall buckets of all jobs, and leave their lists unread."""
    index = jobs_side_by_side(size, jobs)
    ask = partial(index.get_overall_buckets, job_id=index.jobs(), **parameters)
    return checked(ask, lambda found: found.count > 0)


def answer(size: int) -> OverallBuckets:
    """The overall buckets of ``size`` buckets."""
    index = jobs_side_by_side(size, _JOBS)
    return index.get_overall_buckets(job_id=index.jobs())


def reading_a_column(size: int) -> Call:
    """Read the scores of ``size`` overall buckets."""
    return checked(partial(answer(size * _JOBS).column, "overall_score"), lambda found: len(found) == size)


def writing(method: str, size: int) -> Call:
    """Write all overall buckets of ``size`` buckets as a body, or as JSON."""
    return checked(getattr(answer(size), method), lambda found: str(found).count("max_anomaly_score") == size)


def writing_one(size: int) -> Call:
    """Write an overall bucket of ``size`` jobs as a body."""
    index = jobs_side_by_side(size, size)
    (found,) = index.get_overall_buckets(job_id=index.jobs())
    return checked(found.to_dict, lambda body: len(body["jobs"]) == size)


_ASK: Final = "client_reads.ClientReads.get_overall_buckets"
_ANSWER: Final = "answers.overall.OverallBuckets"

CLAIMS: Final = (
    Claim(_ASK, "n buckets of 16 jobs", AT_MOST_LINEAR, asking, 16_384, 1_048_576),
    Claim(_ASK, "n buckets of 16 jobs, three of each", AT_MOST_LINEAR, partial(asking, top_n=3), 16_384, 1_048_576),
    Claim(_ASK, "n buckets of 16 jobs, at 99", AT_MOST_LINEAR, partial(asking, overall_score=99), 16_384, 1_048_576),
    Claim(f"{_ANSWER}.column", "n overall buckets", AT_MOST_LINEAR, reading_a_column),
    Claim(f"{_ANSWER}.to_dict", "n buckets of 16 jobs", LINEAR, partial(writing, "to_dict"), 512, 32_768),
    Claim(f"{_ANSWER}.to_json", "n buckets of 16 jobs", LINEAR, partial(writing, "to_json"), 512, 32_768),
    Claim("results.overall.OverallBucket.to_dict", "n jobs", LINEAR, writing_one, 128, 8_192),
)
