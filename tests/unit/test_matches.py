"""Matches: the rows of a window at or above a threshold, counted exactly, whoever asked before and of which commit."""

from collections.abc import Sequence

import numpy as np
import pytest

from bucketquery.columns import segment as segments
from bucketquery.columns import tally
from bucketquery.columns.segment import Segment
from bucketquery.columns.view import NO_ROWS, View
from bucketquery.model.queries import BucketQuery, settle
from bucketquery.model.schema import BUCKET
from bucketquery.search import matches
from bucketquery.search.matches import Matches, Window
from helpers import JOB, bucket, segment


def scored(first: int, scores: Sequence[float]) -> Segment:
    """Buckets of consecutive rows with these scores."""
    return segment([bucket(first + row, anomaly_score=score) for row, score in enumerate(scores)])


def counted(base: Segment, threshold: float) -> int:
    """How many rows of a base are at or above a threshold, as a search counts them."""
    question = settle(BucketQuery(jobs=JOB, anomaly_score=threshold), lambda: 0)
    window = Window.of(View(base, NO_ROWS, Segment.empty(BUCKET)), question.start, question.end)
    return Matches(window, question).count


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ladders of any segment, kept up at once, and tallies from the first count on, which serve for long."""
    monkeypatch.setattr(segments, "_LADDER_ROWS", 0)
    monkeypatch.setattr(segments, "_BEHIND", 0)
    monkeypatch.setattr(matches, "_FEW_ROWS", 0)
    monkeypatch.setattr(tally, "_FEW", 0)
    monkeypatch.setattr(tally, "_SELDOM", 0)
    monkeypatch.setattr(tally, "_BLOCK", 4)
    monkeypatch.setattr(tally, "_BEHIND_SHARE", 1)


@pytest.mark.usefixtures("eager")
def test_an_older_segment_tallies_no_row_behind_its_own() -> None:
    """Its arrays have no rows that came once their room was used up, and what stands there instead counts nowhere."""
    old = Segment.empty(BUCKET).append(scored(0, [50.0] * 30 + [90.0] * 10))
    capacity = len(old.columns["anomaly_score"])
    assert counted(old, 90.0) == 10
    grown = old.append(scored(40, [50.0] * (capacity - 39)))
    newest = grown.append(scored(grown.length, [50.0] * 10))
    ladder = newest.ladder("anomaly_score", desc=True)
    assert ladder is not None
    assert ladder.covered > capacity, "the ladder knows rows that the older arrays have no room for"
    # Nobody has written there: it may hold anything.
    old.columns["anomaly_score"][old.length :] = 0.0
    assert counted(old, 1.0) == old.length
    assert counted(newest, 1.0) == np.count_nonzero(newest.column("anomaly_score") >= 1.0) == newest.length
