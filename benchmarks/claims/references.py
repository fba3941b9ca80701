"""The claims of the reference answers about many results: selections, overall buckets, swimlanes, lists and counts."""

from datetime import UTC
from functools import partial
from typing import Any, Final

from benchmarks.claims.claim import LINEAR, LOGLINEAR, Claim
from benchmarks.claims.inputs import checked, columns, job_ids
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, bucket_documents
from bucketquery import BucketQuery, testing
from bucketquery.testing.cells import cell_edges

_HOSTS: Final = 50


def cutting(size: int) -> Call:
    """Find the edges of ``size`` cells of a minute."""
    return checked(partial(cell_edges, 0, size * 60_000 - 1, 60, UTC), lambda edges: len(edges) == size + 1)


def selecting(size: int) -> Call:
    """Select all jobs but one by a pattern."""
    known: dict[str, list[str]] = {job_id: [] for job_id in job_ids(size)}
    return checked(partial(testing.selected, known, "job-*,-job-0"), lambda found: len(found) == size - 1)


def summarising(size: int) -> Call:
    """Evaluate the overall buckets of one job."""
    documents = bucket_documents(columns(size))
    return checked(partial(testing.evaluate_overall, documents, jobs=[JOB]), lambda body: body["count"] == size)


def drawing_a_swimlane(size: int) -> Call:
    """Evaluate a swimlane with one lane and ten cells."""
    documents, end = bucket_documents(columns(size)), FIRST_MS + size * SPAN_MS
    cell = max(1, size * SPAN_MS // 10_000)
    ask = partial(testing.evaluate_swimlane, documents, jobs=[JOB], cell=cell, start=FIRST_MS, end=end)
    return checked(ask, lambda found: len(found.lanes) == 1 and len(found.cells) >= 10)


def listing(size: int) -> Call:
    """Evaluate the top influencers of fifty hosts."""
    documents: list[dict[str, Any]] = [
        {
            **document,
            "result_type": "influencer",
            "influencer_field_name": "host",
            "influencer_field_value": f"host-{row % _HOSTS}",
            "influencer_score": 5.0,
        }
        for row, document in enumerate(bucket_documents(columns(size)))
    ]
    return checked(
        partial(testing.evaluate_top_influencers, documents, jobs=[JOB]), lambda found: found[0] == min(size, _HOSTS)
    )


def counting_severities(size: int) -> Call:
    """Count the buckets of each severity."""
    ask = partial(testing.evaluate_severity_counts, bucket_documents(columns(size)), BucketQuery(jobs=JOB))
    return checked(ask, lambda found: sum(found.values()) == size)


def counting_at_thresholds(size: int, thresholds: int = 4) -> Call:
    """Count the buckets at some thresholds that all of them reach."""
    documents, query = bucket_documents(columns(size)), BucketQuery(jobs=JOB)
    ask = partial(testing.evaluate_threshold_counts, documents, query, [0.0] * thresholds)
    return checked(ask, lambda found: found == [size] * thresholds)


def counting_at_many(thresholds: int) -> Call:
    """Count 256 buckets at ``thresholds`` thresholds."""
    return counting_at_thresholds(256, thresholds)


_LANES: Final = "testing.swimlanes"

CLAIMS: Final = (
    Claim("testing.cells.cell_edges", "n cells", LINEAR, cutting, 4_096, 65_536),
    Claim("testing.selection.selected", "two tokens of n jobs", LINEAR, selecting, 128, 8_192),
    Claim("testing.overall.evaluate_overall", "n documents", LOGLINEAR, summarising, 128, 8_192),
    Claim(f"{_LANES}.evaluate_swimlane", "n documents", LOGLINEAR, drawing_a_swimlane, 128, 8_192),
    Claim(f"{_LANES}.evaluate_top_influencers", "n documents", LOGLINEAR, listing, 128, 8_192),
    Claim(f"{_LANES}.evaluate_severity_counts", "n documents", LINEAR, counting_severities, 128, 8_192),
    Claim(f"{_LANES}.evaluate_threshold_counts", "n documents", LINEAR, counting_at_thresholds, 128, 8_192),
    Claim(f"{_LANES}.evaluate_threshold_counts", "n thresholds", LINEAR, counting_at_many, 128, 8_192),
)
