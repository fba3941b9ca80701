"""Swimlanes: equal to plain loops over the results, however these are stored; and the answer as a value."""

import copy
import json
import pickle
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    InvalidQuery,
    LimitExceeded,
    ResultsIndex,
    Snapshot,
    Swimlane,
    SwimlaneQuery,
    UnknownJob,
)
from bucketquery.answers.swimlane import swimlane_of
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import BUCKET, INFLUENCER
from support.helpers import lead_by_value, resize, sizes
from support.lanes import (
    JOBS,
    ROUNDS,
    SPAN_MS,
    WAYS,
    buckets_of,
    combined_of,
    filled,
    influencers_of,
    inside,
    plain_swimlane,
    zone_named,
)


def asked(index: ResultsIndex, query: SwimlaneQuery, way: str) -> dict[str, Any]:
    """The answer as a dict, without the sequence."""
    snapshot = index.snapshot()
    found = swimlane_of(snapshot._catalog, query, query._bounds.resolve(lambda: 0), snapshot.sequence, WAYS[way])
    shown = found.to_dict()
    assert shown.pop("sequence") == index.sequence
    json.dumps(shown)
    return shown


def random_query(rng: random.Random, **parameters: Any) -> SwimlaneQuery:
    """A random window, page and length of cells."""
    bounds = [rng.choice((None, rng.randrange(-25, 65) * SPAN_MS + rng.choice((0, 1, -7)))) for _ in "se"]
    return SwimlaneQuery(
        jobs=JOBS if rng.random() < 0.5 else rng.sample(JOBS, rng.randrange(1, len(JOBS))),
        start=bounds[0],
        end=bounds[1],
        cell=rng.choice((300, 301, 900, 7_200, 10**6)),
        lanes=rng.choice((1, 2, 3, 10)),
        from_=rng.choice((0, 0, 1, 4)),
        exclude_interim=rng.random() < 0.5,
        **parameters,
    )


def expected(index: ResultsIndex, query: SwimlaneQuery) -> dict[str, Any]:
    """The answer by plain loops."""
    entries = buckets_of(index, query.jobs) if query.by == "job" else influencers_of(index, query.jobs, query.by)
    start, end = query.start, query.end
    assert not isinstance(start, str)
    assert not isinstance(end, str)
    own = inside(entries, start, end, exclude_interim=query.exclude_interim)
    return plain_swimlane(own, start, end, cell_ms=int(query.cell) * 1_000, from_=query.from_, lanes=query.lanes)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", ["job", "host"])
def test_a_swimlane_is_that_of_plain_loops(by: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way the lanes and cells are found, the answer is the same."""
    lead_by_value(monkeypatch)
    resize(monkeypatch, head_rows=20)
    rng = random.Random(f"{by} {way}")
    for _ in range(ROUNDS):
        kind = "bucket" if by == "job" else "influencer"
        index = filled(rng, kind)
        with monkeypatch.context() as patch:
            if rng.random() < 0.8:
                made = combined_of(index.snapshot(), BUCKET if by == "job" else INFLUENCER, sizes(), rng)
                patch.setattr(Catalog, "all_jobs", lambda _, __, made=made: made)
            for _ in range(8):
                query = random_query(rng, by=by)
                assert asked(index, query, way) == expected(index, query), query
            index.check()


def lanes(scores: dict[str, list[float | None]], **fields: Any) -> ResultsIndex:
    """An index of hourly buckets, the scores of each job in order; None: no score."""
    index = ResultsIndex()
    index.upsert(
        [
            {
                "job_id": job,
                "timestamp": hour * 3_600_000,
                "bucket_span": 3600,
                **({} if score is None else {"anomaly_score": score}),
                **fields,
            }
            for job, own in scores.items()
            for hour, score in enumerate(own)
        ],
        kind="bucket",
    )
    return index


def test_the_answer_has_arrays_that_nobody_can_change() -> None:
    """Names, cells, edges and scores are those of the rule; no array can be made writable."""
    index = lanes({"web": [10, None, 30], "db": [-5]})
    found = index.swimlane(SwimlaneQuery(jobs=["web", "db"], cell=3600))
    assert (found.lanes, found.lane_count, found.sequence, len(found)) == (("web", "db"), 2, 1, 2)
    assert found.cells.tolist() == [0, 3_600_000, 7_200_000]
    assert found.edges.tolist() == [0, 3_600_000, 7_200_000, 10_800_000]
    assert found.scores.shape == (2, 3)
    assert found.to_dict() == {
        "lanes": ["web", "db"],
        "cells": [0, 3_600_000, 7_200_000],
        "edges": [0, 3_600_000, 7_200_000, 10_800_000],
        "scores": [[10.0, 0.0, 30.0], [-5.0, None, None]],
        "lane_count": 2,
        "sequence": 1,
    }
    for array in (found.cells, found.edges, found.scores):
        with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
            array.setflags(write=True)
    assert repr(found) == "<Swimlane: 2 of 2 lanes, 3 cells, at commit 1>"


def test_a_swimlane_can_be_compared_copied_and_pickled() -> None:
    """Cells without results are equal, although NaN is not. A copy is the answer itself. Nothing can be changed."""
    index = lanes({"web": [10, None, 30], "db": [-5]})
    query = SwimlaneQuery(jobs=["web", "db"], cell=3600)
    found = index.swimlane(query)
    unpickled = pickle.loads(pickle.dumps(found))
    assert found == unpickled == index.snapshot().swimlane(query)
    assert hash(found) == hash(unpickled)
    assert not unpickled.scores.flags.writeable
    assert found != index.swimlane(query.replace(cell=60))
    assert found != index.swimlane(query.replace(lanes=1))
    assert found != "text"
    assert copy.copy(found) is copy.deepcopy(found) is found
    with pytest.raises(AttributeError):
        found.lanes = ()


def test_calendar_cells_have_the_zones_days() -> None:
    """On the day on which the clock changes, a cell has 23 hours."""
    index = lanes({"web": [1.0] * 72})
    zone = zone_named("America/New_York")
    start = datetime(1970, 4, 25, tzinfo=zone)
    index.upsert(
        [{"job_id": "web", "timestamp": start + timedelta(hours=hour), "bucket_span": 3600} for hour in range(72)],
        kind="bucket",
    )
    found = index.swimlane(SwimlaneQuery(jobs="web", cell="day", tzinfo=zone, start=start, end="1970-04-28T04:00Z"))
    assert np.diff(found.edges).tolist() == [86_400_000, 82_800_000, 86_400_000]


EMPTY: dict[str, Any] = {"lanes": [], "cells": [], "edges": [], "scores": [], "lane_count": 0, "sequence": 1}


@pytest.mark.parametrize("by", ["job", "host"])
@pytest.mark.parametrize(
    "window", [{}, {"start": 0}, {"end": 0}, {"start": 5, "end": 5}, {"start": 9, "end": 5}, {"start": 10**18}]
)
def test_a_window_without_cells(by: str, window: dict[str, Any]) -> None:
    """Without results, an open window has no cells. A window of no length has none either."""
    index = ResultsIndex()
    index.put_job("web")
    assert index.swimlane(SwimlaneQuery(jobs="web", cell=60, by=by, **window)).to_dict() == EMPTY


def test_a_closed_window_without_results_has_cells() -> None:
    """The cells of a window with two sides do not depend on the results."""
    index = ResultsIndex()
    index.put_job("web")
    found = index.swimlane(SwimlaneQuery(jobs="web", cell=60, start=-1_000, end=60_001))
    assert found.edges.tolist() == [-60_000, 0, 60_000, 120_000]
    assert found.scores.shape == (0, 3)


@pytest.mark.parametrize("cell", [1, 315, "day"])
def test_too_many_cells_are_refused_before_they_are_made(cell: Any) -> None:
    """Cells of a second over centuries take no memory."""
    index = ResultsIndex()
    index.upsert(
        [{"job_id": "web", "timestamp": date, "bucket_span": 60} for date in ("0001-01-01", "9999-01-01")],
        kind="bucket",
    )
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="more than 1000000 cells") as caught:
            index.swimlane(SwimlaneQuery(jobs="web", cell=cell, tzinfo=UTC if cell == "day" else None))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.field == "cell"


def test_a_swimlane_has_a_million_scores_at_most() -> None:
    """The lanes of the page count, not those that could be there."""
    index = lanes({"web": [1], "db": [2]})
    query = SwimlaneQuery(jobs=["web", "db"], cell=1, start=0, end=1_000_000_000)
    assert index.swimlane(query.replace(lanes=1)).scores.shape == (1, 1_000_000)
    assert index.swimlane(query.replace(lanes=10**30, from_=1)).scores.shape == (1, 1_000_000)
    with pytest.raises(LimitExceeded, match="more than 1000000 scores"):
        index.swimlane(query)
    with pytest.raises(LimitExceeded, match="more than 1000000 cells"):
        index.swimlane(query.replace(lanes=1, end=1_000_000_001))


def test_what_is_no_swimlane_query_is_refused() -> None:
    """Another query, an unknown job and a ``now`` that needs a clock are errors."""
    index = lanes({"web": [1]})
    for query in (BucketQuery(jobs="web"), None, "web"):
        with pytest.raises(InvalidQuery, match="must be a SwimlaneQuery"):
            index.swimlane(query)  # type: ignore[arg-type]
    with pytest.raises(UnknownJob):
        index.swimlane(SwimlaneQuery(jobs=["web", "db"], cell=60))
    with pytest.raises(InvalidQuery, match="now"):
        index.swimlane(SwimlaneQuery(jobs="web", cell=60), now="now")


def test_date_math_means_the_given_now() -> None:
    """``now`` is the given instant, or else the clock's; it is not read if no date needs it."""
    index = ResultsIndex(clock=lambda: 3_600_000)
    index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 60}], kind="bucket")
    query = SwimlaneQuery(jobs="web", cell=3600, start="now-1h", end="now")
    assert index.swimlane(query).edges.tolist() == [0, 3_600_000]
    assert index.swimlane(query, now=7_200_000).edges.tolist() == [3_600_000, 7_200_000]


def test_a_snapshot_answers_for_its_commit() -> None:
    """Later writes do not change the swimlane of a snapshot."""
    index = lanes({"web": [10]})
    before = index.snapshot()
    index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 3600, "anomaly_score": 90}], kind="bucket")
    query = SwimlaneQuery(jobs="web", cell=3600)
    assert before.swimlane(query).scores.tolist() == [[10.0]]
    assert index.swimlane(query).scores.tolist() == [[90.0]]
    assert isinstance(before, Snapshot)
    assert isinstance(before.swimlane(query), Swimlane)
