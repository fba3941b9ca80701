"""Swimlanes: equal to plain loops over the results, however these are stored; and the answer as a value."""

import copy
import json
import pickle
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidQuery, LimitExceeded, ResultsIndex, Snapshot, Swimlane, SwimlaneQuery, UnknownJob
from bucketquery.answers.swimlane import swimlane_of
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import BUCKET, INFLUENCER
from bucketquery.search.lane_sizes import LANE_SIZES
from support.helpers import lead_by_value, resize, sizes
from support.lanes import (
    ON_FEW_ROWS,
    SPAN_MS,
    buckets_of,
    combined_of,
    influencers_of,
    inside,
    plain_swimlane,
    random_results,
)

#: The number of random histories for each way.
ROUNDS = 8

JOBS = [f"job-{number}" for number in range(6)]

WAYS = {
    "as measured": LANE_SIZES,
    "on few rows": ON_FEW_ROWS,
    "job by job": replace(ON_FEW_ROWS, few_jobs=100),
    "tables of all jobs": replace(ON_FEW_ROWS, rows_per_table=0, last_rows_per_job=2),
    "rows at once": replace(ON_FEW_ROWS, rows_per_list=100, few_entries=0, few_undecided=0, most_runs=100),
    "levels for some cells": replace(ON_FEW_ROWS, entries_per_cell=1, rows_per_cell=2, rows_per_entry=3),
}


def filled(rng: random.Random, kind: str) -> ResultsIndex:
    """An index after random batches, replacements and deletes."""
    index = ResultsIndex()
    for job in JOBS:
        index.put_job(job)
    for _ in range(rng.randrange(5)):
        jobs = rng.sample(JOBS, rng.randrange(1, len(JOBS)))
        index.upsert(random_results(rng, kind, jobs, rng.randrange(1, 120)))
        if rng.random() < 0.3:
            first = rng.randrange(-20, 60) * SPAN_MS
            index.delete(start=first, end=first + 3 * SPAN_MS)
    return index


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
    return plain_swimlane(own, start, end, int(query.cell) * 1_000, query.from_, query.lanes)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", ["job", "host"])
def test_a_swimlane_is_that_of_plain_loops(by: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way the lanes and cells are found, the answer is the same."""
    lead_by_value(monkeypatch)
    resize(monkeypatch, head_rows=20)
    rng = random.Random(f"{by} {way}")  # noqa: S311
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
