"""Resolved queries: queries with every instant fixed in milliseconds."""

import math
import pickle
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import LimitExceeded
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.queries.queries import QUERIES, AnyQuery, BucketQuery, InfluencerQuery, RecordQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery

Kind = type[AnyQuery]

SCORES: dict[Kind, str] = {
    BucketQuery: "anomaly_score",
    RecordQuery: "record_score",
    InfluencerQuery: "influencer_score",
}
#: Every result of a job, in time order.
OPEN = ResolvedQuery(
    start=FIRST_MS,
    end=LAST_MS + 1,
    threshold=None,
    exclude_interim=False,
    order_by=(),
    by_job=False,
    desc=False,
    from_=0,
    size=100,
    is_lookup=False,
    expand=False,
    exclude_interim_records=False,
    schema=BUCKET,
    below=None,
    where=(),
)
#: The resolved query of each kind if only the job is given.
RESOLVED: dict[Kind, ResolvedQuery] = {
    BucketQuery: OPEN,
    RecordQuery: OPEN._replace(order_by=RECORD.ties, desc=True, schema=RECORD),
    InfluencerQuery: OPEN._replace(order_by=("influencer_score", *INFLUENCER.ties), desc=True, schema=INFLUENCER),
}

each_kind = pytest.mark.parametrize("kind", QUERIES)


def make(kind: Kind, **parameters: Any) -> AnyQuery:
    """A query of this kind, for the job ``web`` unless another is named."""
    return kind(**{"jobs": "web", **parameters})


def no_clock() -> int:
    """A clock that must not be read."""
    raise AssertionError("the clock was read")


@each_kind
@pytest.mark.parametrize("unset", [None, -1, "-1", np.int64(-1)])
def test_an_unset_bound_leaves_its_side_open(kind: Kind, unset: Any) -> None:
    """The bound is stored as None for each spelling of unset."""
    query = make(kind, start=unset, end=unset)
    assert (query.start, query.end) == (None, None)
    assert resolve(query, no_clock) == RESOLVED[kind]


@each_kind
@pytest.mark.parametrize("side", ["start", "end"])
def test_the_instant_minus_one_survives_replace_and_pickle(kind: Kind, side: str) -> None:
    """A datetime may be the instant -1, although the number -1 means unset."""
    query = make(kind, **{side: datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)})
    expected = RESOLVED[kind]._replace(**{side: -1})  # type: ignore[arg-type] # both sides are integers
    for same in (query, query.replace(size=100), pickle.loads(pickle.dumps(query))):
        assert same == query
        assert resolve(same, no_clock) == expected


@each_kind
def test_a_query_without_now_is_resolved_once(kind: Kind) -> None:
    """It is resolved when it is made, and no clock is read."""
    query = make(kind)
    assert resolve(query, no_clock) == RESOLVED[kind]
    assert resolve(query, no_clock) is resolve(query, no_clock)


@each_kind
def test_a_query_with_now_reads_the_clock_once(kind: Kind) -> None:
    """Both bounds use one reading. The next search reads the clock again."""
    query = make(kind, start="now-1s", end="now")
    instants = iter((5_000, 9_000))
    assert resolve(query, instants.__next__)[:2] == (4_000, 5_000)
    assert resolve(query, instants.__next__)[:2] == (8_000, 9_000)


@each_kind
def test_a_bound_is_the_start_of_the_span_that_its_text_covers(kind: Kind) -> None:
    """Neither bound is rounded up. Distant instants are clamped to the years that can be stored."""
    query = make(kind, start="1970-01-02", end="1970-01-03T00||/M")
    assert resolve(query, no_clock)[:2] == (86_400_000, 0)
    far = make(kind, start=-(2**70), end=2**70)
    assert resolve(far, no_clock) == RESOLVED[kind]
    behind = make(kind, start=LAST_MS + 5, end="-99999999999999999999")
    assert resolve(behind, no_clock)[:2] == (LAST_MS + 1, FIRST_MS)


@each_kind
def test_a_threshold_filters_only_above_zero(kind: Kind) -> None:
    """With zero, a negative number or NaN, results without a score match too."""
    for nothing in (0, -0.0, -5, math.nan, -math.inf):
        assert resolve(make(kind, **{SCORES[kind]: nothing}), no_clock).threshold is None
    for something in (5e-324, 100, math.inf):
        assert resolve(make(kind, **{SCORES[kind]: something}), no_clock).threshold == something


@each_kind
def test_only_a_sort_by_job_puts_the_job_first(kind: Kind) -> None:
    """It changes no other part of a query in which all results tie. A lookup keeps it."""
    tied = resolve(make(kind, sort="result_type"), no_clock)
    assert not tied.by_job
    assert resolve(make(kind, sort="job_id"), no_clock) == tied._replace(by_job=True)
    assert resolve(BucketQuery(jobs="web", sort="job_id", timestamp=0), no_clock).by_job


@each_kind
def test_interim_results_and_the_page_are_resolved_as_given(kind: Kind) -> None:
    """Only a lookup changes them."""
    query = make(kind, exclude_interim=True, from_=3, size=4)
    expected = RESOLVED[kind]._replace(exclude_interim=True, exclude_interim_records=True, from_=3, size=4)
    assert resolve(query, no_clock) == expected


def test_a_lookup_resolves_to_the_first_bucket_of_its_range() -> None:
    """It ignores ``exclude_interim`` for the bucket, but not for its records. Order and direction still count."""
    query = BucketQuery(jobs="web", timestamp="1970-01-02T00:00", exclude_interim=True, sort="event_count", desc=True)
    expected = OPEN._replace(
        start=86_400_000,
        end=86_460_000,
        order_by=("event_count",),
        desc=True,
        size=1,
        is_lookup=True,
        exclude_interim_records=True,
    )
    assert resolve(query, no_clock) == expected
    assert resolve(BucketQuery(jobs="web", timestamp=-1), no_clock)[:2] == (-1, 0)
    assert resolve(BucketQuery(jobs="web", timestamp="now/d"), lambda: 5)[:2] == (0, 86_400_000)
    assert resolve(BucketQuery(jobs="web", timestamp=2**70), no_clock)[:2] == (LAST_MS + 1, LAST_MS + 1)


@pytest.mark.parametrize(
    ("kind", "name"), [*((kind, name) for kind in QUERIES for name in ("start", "end")), (BucketQuery, "timestamp")]
)
def test_date_math_that_leaves_the_years_at_a_search_is_refused(kind: Kind, name: str) -> None:
    """The error has the name and the value of the parameter."""
    query = make(kind, **{name: "now+1y"})
    with pytest.raises(LimitExceeded) as caught:
        resolve(query, lambda: LAST_MS)
    assert (caught.value.field, caught.value.value) == (name, "now+1y")
