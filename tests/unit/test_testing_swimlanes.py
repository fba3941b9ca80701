"""The reference for swimlanes, top influencers and counts by score, tested by examples worked out by hand."""

from datetime import UTC, date, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bucketquery import BucketQuery, InfluencerQuery, InvalidQuery, LimitExceeded
from bucketquery.testing import (
    evaluate_severity_counts,
    evaluate_swimlane,
    evaluate_threshold_counts,
    evaluate_top_influencers,
)
from bucketquery.testing.cells import cell_edges, first_instant

HOUR = 3_600_000
DAY = 24 * HOUR


def bucket(hour: int, score: float | None, job_id: str = "web", **fields: Any) -> dict[str, Any]:
    """A bucket of an hour."""
    at = {"result_type": "bucket", "job_id": job_id, "timestamp": hour * HOUR, "bucket_span": 3_600}
    return {**at, "anomaly_score": score, **fields}


def host(hour: int, value: str | None, score: float | None, job_id: str = "web", **fields: Any) -> dict[str, Any]:
    """An influencer, a host."""
    at = {"result_type": "influencer", "job_id": job_id, "timestamp": hour * HOUR, "bucket_span": 3_600}
    blamed = {"influencer_field_name": "host", "influencer_field_value": value, "influencer_score": score}
    return {**at, **blamed, **fields}


BUCKETS = [bucket(0, 5), bucket(0, 7, bucket_span=60), bucket(2, None), bucket(1, 30, "db"), bucket(1, 80, "no")]
HOSTS = [host(0, "a", 4), host(1, "a", 3), host(0, "b", 6), host(0, None, 99), host(1, "b", 0, is_interim=True)]


def test_a_swimlane_has_the_greatest_scores() -> None:
    """Lanes come by their greatest score; cells without results have None."""
    found = evaluate_swimlane(BUCKETS, jobs=["web", "db"], cell=3_600)
    assert found.lanes == ["db", "web"]
    assert found.cells == [0, HOUR, 2 * HOUR]
    assert found.edges == [0, HOUR, 2 * HOUR, 3 * HOUR]
    assert found.scores == [[None, 30.0, None], [7.0, None, 0.0]]
    page = evaluate_swimlane(BUCKETS, jobs=["web", "db"], cell=3_600, lanes=1, from_=1, start=-1, end=HOUR)
    assert (page.lanes, page.scores, page.lane_count) == ([], [], 1)
    of_hosts = evaluate_swimlane(HOSTS, jobs=["web"], cell=7_200, by="host", exclude_interim=True)
    assert (of_hosts.lanes, of_hosts.scores) == (["b", "a"], [[6.0], [4.0]])


def test_no_result_and_no_window_make_no_cell() -> None:
    """An open window without results has no cells, nor has a window of no length; a window alone has its cells."""
    for start, end in ((None, None), (0, None), (None, 5), (5, 5)):
        assert evaluate_swimlane([], jobs=["web"], cell=1, start=start, end=end).edges == []
    assert evaluate_swimlane([], jobs=["web"], cell=1, start=0, end=1).edges == [0, 1_000]


def test_too_many_cells_and_scores_are_refused() -> None:
    """A million scores and a million cells are the most."""
    two = [bucket(0, 1), bucket(0, 1, "db")]
    for documents, cell, end in (([], 1, 10**9 + 1), (two, 1, 500_000_001), ([], "day", 1_000_002 * DAY)):
        with pytest.raises(LimitExceeded):
            evaluate_swimlane(documents, jobs=["web", "db"], cell=cell, start=0, end=end)


def test_cells_follow_the_calendar() -> None:
    """Days, weeks and months begin at midnight of the zone, or with the first instant after a missing midnight."""
    assert cell_edges(-1, 0, 1, UTC) == [-1_000, 0, 1_000]
    assert cell_edges(0, 0, "week", UTC) == [-3 * DAY, 4 * DAY]
    assert cell_edges(31 * DAY, 59 * DAY, "month", UTC) == [31 * DAY, 59 * DAY, 90 * DAY]
    assert cell_edges(0, 0, "day", timezone(timedelta(hours=-1))) == [HOUR - DAY, HOUR]
    berlin, sao_paulo, apia = map(ZoneInfo, ("Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"))
    assert first_instant(date(2024, 4, 1), berlin) - first_instant(date(2024, 3, 31), berlin) == 23 * HOUR
    assert first_instant(date(2018, 11, 5), sao_paulo) - first_instant(date(2018, 11, 4), sao_paulo) == 23 * HOUR
    last = first_instant(date(2011, 12, 29), apia)
    assert cell_edges(last, last + DAY, "day", apia) == [last, last + DAY, last + 2 * DAY]


def test_influencers_are_listed_by_maximum_or_sum() -> None:
    """Influencers without a value do not count; ties come by name."""
    count, entries = evaluate_top_influencers(HOSTS, jobs=["web"])
    assert (count, [one["influencer_field_value"] for one in entries]) == (2, ["b", "a"])
    count, entries = evaluate_top_influencers(HOSTS, jobs=["web"], by="sum", size=1, field="host")
    assert (count, entries) == (
        2,
        [
            {
                "influencer_field_name": "host",
                "influencer_field_value": "a",
                "max_influencer_score": 4.0,
                "sum_influencer_score": 7.0,
                "count": 2,
            }
        ],
    )
    assert evaluate_top_influencers(HOSTS, jobs=["web"], field="user") == (0, [])
    assert evaluate_top_influencers(HOSTS, jobs=["web"], start=HOUR, exclude_interim=True)[0] == 1


def test_matches_are_counted_by_score() -> None:
    """A match without a score is low, and reaches no threshold above 0."""
    query = BucketQuery(jobs=["web", "db"])
    assert list(evaluate_severity_counts(BUCKETS, query).values()) == [1, 2, 1, 0, 0]
    assert evaluate_threshold_counts(BUCKETS, query, [30.0, 0, 5, float("nan"), 31]) == [1, 4, 3, 4, 0]
    assert evaluate_threshold_counts(HOSTS, InfluencerQuery(jobs="web", influencer_score=4), [-1, 6]) == [3, 2]
    with pytest.raises(LimitExceeded):
        evaluate_threshold_counts([], query, [0] * 10_001)
    lookup = BucketQuery(jobs="web", timestamp=0)
    with pytest.raises(InvalidQuery, match="lookup"):
        evaluate_severity_counts([], lookup)
    with pytest.raises(InvalidQuery, match="lookup"):
        evaluate_threshold_counts([], lookup, [1])
