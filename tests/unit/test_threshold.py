"""Matches: the rows of a window at or above a threshold, counted exactly, whatever value index exists already."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import BUCKET, Int64s
from bucketquery.queries.queries import BucketQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.threshold import Candidates, Matches
from bucketquery.search.window import Window, with_head
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.view import NO_ROWS, View
from support.helpers import JOB, ON_FEW_ROWS, STEP, bucket, lead_by_value, resize, segment, sizes
from support.shortcuts import only

#: The scores of 40 rows: some are below every level, some are equal, some are missing.
SCORES: Sequence[float | None] = [
    *(0.0, 0.0, 3.0, None, 75.0, 0.0, 75.0, 80.0, 0.0, 12.5),
    *(None, 0.0, 30.0, 0.0, 0.0, 75.0, 1.0, 2.0, 100.0, 0.0),
    *(0.0, 50.0, 0.0, 0.0, 3.0, 0.0, 74.9, None, 0.0, 0.0),
    *(0.0, 0.0, 5.0, 6.0, 0.0, 25.0, 25.0, 0.0, 0.0, 90.0),
]
THRESHOLDS = (None, 0.0, 1e-9, 0.5, 3.0, 12.0, 25.0, 26.0, 74.95, 75.0, 100.0, 100.5)


def scored(first: int, scores: Sequence[float | None]) -> Segment:
    """A segment of consecutive buckets with these scores."""
    return segment([bucket(first + row, anomaly_score=score) for row, score in enumerate(scores)])


def resolved(**parameters: Any) -> ResolvedQuery:
    """The resolved query with these parameters."""
    return resolve(BucketQuery(jobs=JOB, **parameters), lambda: 0)


def matched(view: View, shortcuts: Shortcuts = ON_FEW_ROWS, **parameters: Any) -> Matches:
    """The matches of a query with these parameters."""
    query = resolved(**parameters)
    return Matches.of(Window.of(view, query.start, query.end), query.threshold, shortcuts, query.below)


def counted(base: Segment, threshold: float) -> int:
    """The number of base rows at or above a threshold, as a search counts them."""
    return matched(View(base, NO_ROWS, empty_segment(BUCKET)), anomaly_score=threshold).matched


def numbered(view: View, start: int, end: int, threshold: float | None, below: float | None = None) -> list[int]:
    """The row numbers of the matches in a view, in time order; each row is compared by itself."""
    rows = np.array([row for row in range(view.base.length + view.head.length) if row not in view.deleted.tolist()])
    read = Selection(view, rows)
    columns = [read.column(name).tolist() for name in ("timestamp", "bucket_span", "anomaly_score")]
    found = [
        (timestamp, span, row)
        for row, timestamp, span, score in zip(rows.tolist(), *columns, strict=True)
        if start <= timestamp < end and (threshold is None or score >= threshold) and (below is None or score < below)
    ]
    return [row for _, _, row in sorted(found)]


# ---- windows

#: Head rows: three share their timestamp with a base row, one is later than the base. `REPLACED` replaces a base row.
HEAD = (
    bucket(4, bucket_span=60, anomaly_score=75.0),
    bucket(21, bucket_span=900, anomaly_score=0.0),
    bucket(39, bucket_span=900, anomaly_score=None),
    bucket(41, anomaly_score=3.0, is_interim=True),
)
REPLACED = bucket(9, anomaly_score=99.0)
EDGES = (-STEP, 0, 1, 4 * STEP, 9 * STEP + 1, 21 * STEP, 30 * STEP, 39 * STEP, 41 * STEP, 41 * STEP + 1, 99 * STEP)


def views(base: Segment) -> Iterator[View]:
    """A base alone, with deleted rows, with a head, and with both."""
    nothing = empty_segment(BUCKET)
    deleted = np.array([row for row in (0, 4, 5, 9, 18, 39) if row < base.length])
    yield View(base, NO_ROWS, nothing)
    yield View(base, deleted, nothing)
    yield View(base, NO_ROWS, segment(HEAD))
    yield View(base, deleted, segment([*HEAD, REPLACED]))


def test_a_window_has_the_rows_between_its_bounds() -> None:
    """A window has rows of base and head, and lists the deleted rows. Its length does not count the deleted rows."""
    for view in views(scored(0, SCORES)):
        for start in EDGES:
            for end in EDGES:
                window = Window.of(view, start, end)
                base = [row for row in range(40) if start <= row * STEP < end]
                assert [*range(40)[window.base]] == base
                assert window.deleted.tolist() == [row for row in view.deleted.tolist() if row in base]
                live = numbered(view, start, end, None)
                assert [view.base.length + row for row in range(view.head.length)[window.head]] == [
                    row for row in range(40, 40 + view.head.length) if row in live
                ]
                assert window.length == len(live)


def test_an_open_window_is_the_whole_view() -> None:
    """An open window reads no timestamp."""
    for view in views(scored(0, SCORES)):
        query = resolved()
        window = Window.of(view, query.start, query.end)
        assert (window.base, window.head) == (slice(0, 40), slice(0, view.head.length))
        assert window.deleted.tolist() == view.deleted.tolist()
        assert window.length == view.length
        assert "timestamps" not in vars(view)


# ---- matches


@pytest.fixture(
    params=[
        "value index not built yet",
        "value index of all rows",
        "value index of the first 23 rows",
        "value index of 46 rows",
        "too few rows for a value index",
    ]
)
def base(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Segment:
    """A segment of the 40 rows; the parameter says which rows its value index has."""
    lead_by_value(monkeypatch, behind=1_024)
    if request.param == "too few rows for a value index":
        resize(monkeypatch, value_index_rows=1_024)
    if request.param in {"value index not built yet", "value index of all rows", "too few rows for a value index"}:
        whole = scored(0, SCORES)
        if request.param == "value index of all rows":
            assert whole.value_index("anomaly_score", desc=True) is not None
        return whole
    first = empty_segment(BUCKET, sizes()).append(scored(0, SCORES[:23]))
    # Segments that appends make from this one share its value indexes from now on.
    assert (
        first.value_index("initial_anomaly_score" if "46" in request.param else "anomaly_score", desc=True) is not None
    )
    whole = first.append(scored(23, SCORES[23:]))
    if request.param == "value index of 46 rows":
        value_index = whole.append(scored(40, [99.0, 1.0, 75.0, 30.0, None, 0.0])).value_index(
            "anomaly_score", desc=True
        )
        assert value_index is not None
        assert value_index.covered == 46
    else:
        value_index = whole.value_index("anomaly_score", desc=True)
        assert value_index is not None
        assert value_index.covered == 23
    return whole


CONDITIONS: list[tuple[float | None, float | None]] = [
    *((threshold, None) for threshold in THRESHOLDS),
    *((-math.inf, high) for high in (3.0, math.inf)),
    *((0.0, high) for high in (1e-9, 75.0)),
    *((3.0, 12.0), (25.0, 75.0), (74.95, 75.0), (75.0, 100.5)),
]


@pytest.mark.parametrize("shortcuts", [ON_FEW_ROWS, only((), ON_FEW_ROWS)], ids=["all", "none"])
@pytest.mark.parametrize(("threshold", "below"), CONDITIONS)
def test_matches_equal_a_comparison_of_each_row(
    base: Segment, threshold: float | None, below: float | None, shortcuts: Shortcuts
) -> None:
    """In every window the count, the first and last matches, pages, and the matches among given rows are the same."""
    for view in views(base):
        for start, end in [(None, None), *pairwise(EDGES), *zip(EDGES, EDGES[3:], strict=False)]:
            window = {} if start is None else {"start": start, "end": end}
            query = resolved(**window)
            found = Matches.of(Window.of(view, query.start, query.end), threshold, shortcuts, below)
            expected = numbered(view, query.start, query.end, threshold, below)
            assert found.matched == len(expected)
            assert found.above == (0 if below is None else len(numbered(view, query.start, query.end, below)))
            again = found.between(query.start, query.end)
            assert (again.matched, again.above, again.below) == (found.matched, found.above, found.below)
            assert (found.head + 40).tolist() == [row for row in range(40, 46) if row in expected]
            in_base = [row for row in expected if row < 40]
            inside: Int64s = np.arange(found.window.base.start, found.window.base.stop)
            assert found.among(inside).tolist() == in_base
            for need in (1, 2, 5, 40, 10**30):
                assert found.first(need, desc=False)[0].tolist() == in_base[:need]
                assert found.first(need, desc=True)[0].tolist() == in_base[::-1][:need][::-1]
            assert with_head(view, np.array(in_base, dtype=np.int64), found.head).tolist() == expected
            for first, last in ((0, 1), (0, 3), (2, 7), (0, len(expected)), (5, 10**30)):
                assert found.page(first, last, desc=False)[0].tolist() == expected[first:last]
                assert found.page(first, last, desc=True)[0].tolist() == expected[::-1][first:last]


def test_a_value_index_is_read_if_one_exists(base: Segment) -> None:
    """The matches name the level that was read."""
    found = matched(View(base, NO_ROWS, empty_segment(BUCKET)), anomaly_score=75)
    assert bool(found.levels) == (base.value_index("anomaly_score", desc=True) is not None)


@pytest.mark.parametrize("rows", [None, [5, 8, 9, 13, 20]])
@pytest.mark.parametrize("scores", [None, [1.0, 75.0, 2.0, 80.0, 75.0]])
def test_candidates_select_their_matching_rows(rows: list[int] | None, scores: list[float] | None) -> None:
    """Candidates are consecutive rows or listed ones. Without scores all of them match."""
    entries = rows or [*range(7, 12)]
    some = Candidates(7, 5, 5, None if rows is None else np.array(rows), None if scores is None else np.array(scores))
    for first in range(6):
        for stop in range(first, 6):
            if scores is not None:
                assert some.matching(first, stop, 2.0, 80.0).tolist() == [
                    entries[at] for at in range(first, stop) if 2.0 <= scores[at] < 80.0
                ]
            assert some.matching(first, stop, 75.0, None).tolist() == [
                entries[at] for at in range(first, stop) if scores is None or scores[at] >= 75.0
            ]


def test_a_threshold_at_the_edge_of_a_level_compares_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matches are the rows of the level.

    A threshold between two levels is counted in the lower one, and a threshold below all levels in all rows. Both use
    block counts, so the count compares the rows of one class. The windows begin and end with a block.
    """
    lead_by_value(monkeypatch)
    ranks = np.random.default_rng(3).permutation(4_096)
    scores = ranks / 40.96
    base = segment([bucket(row, anomaly_score=float(score)) for row, score in enumerate(scores)])
    view = View(base, NO_ROWS, empty_segment(BUCKET))
    found = matched(view, anomaly_score=75)
    value_index = base.value_index("anomaly_score", desc=True)
    assert value_index is not None
    assert (found.levels, found.rows_read, found.matched) == ((75.0,), 0, 1_024)
    for desc in (False, True):
        rows, rows_read = found.first(10, desc=desc)
        assert np.shares_memory(rows, value_index.levels[0].entries()[0])
        assert rows_read == 0
    between = matched(view, anomaly_score=80)
    assert (between.levels, between.rows_read) == ((75.0,), 147), "a class has a seventh of the level"
    assert between.matched == np.count_nonzero(scores >= 80)
    below = matched(view, anomaly_score=74, start=96 * STEP, end=1_096 * STEP)
    of_class = int(np.count_nonzero(ranks[96:1_096] // 586 == 5))
    assert (below.levels, below.rows_read) == ((), of_class), "a class has a seventh of all rows"
    assert below.matched == np.count_nonzero(scores[96:1_096] >= 74)


def test_without_block_counts_a_count_compares_all_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The candidates are the rows of a level, or all rows if the threshold is below all levels."""
    lead_by_value(monkeypatch)
    resize(monkeypatch, compared_values=4_096)
    scores = np.random.default_rng(3).permutation(4_096) / 40.96
    base = segment([bucket(row, anomaly_score=float(score)) for row, score in enumerate(scores)])
    view = View(base, NO_ROWS, empty_segment(BUCKET))
    between, below = (matched(view, anomaly_score=threshold) for threshold in (80, 74))
    assert (between.levels, between.rows_read) == ((75.0,), 1_024)
    assert (below.levels, below.rows_read) == ((), 4_096)


@pytest.mark.parametrize("desc", [False, True])
def test_each_look_for_matches_reads_twice_as_many_rows(desc: bool) -> None:
    """If matches are dense, a page reads few rows of the window. Otherwise each look doubles the rows that it reads."""
    shortcuts = replace(ALL_SHORTCUTS, smallest_look=16)
    scores = [0.0] * 1_000
    scores[200] = scores[500] = scores[799] = 9.0
    found = matched(View(scored(0, scores), NO_ROWS, empty_segment(BUCKET)), shortcuts, anomaly_score=5)
    assert (found.matched, found.rows_read) == (3, 1_000)
    rows, rows_read = found.first(1, desc=desc)
    assert (rows.tolist(), rows_read) == ([799 if desc else 200], 16 + 32 + 64 + 128)
    assert found.rows_read == 1_000, "reading a page does not change the rows read by the count"
    dense = matched(View(scored(0, [9.0] * 1_000), NO_ROWS, empty_segment(BUCKET)), shortcuts, anomaly_score=5)
    rows, rows_read = dense.first(4, desc=desc)
    assert rows.tolist() == [*(range(996, 1_000) if desc else range(4))]
    assert (dense.rows_read, rows_read) == (1_000, 16)


def test_an_older_segment_counts_no_row_beyond_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """The older arrays lack rows that were appended after their room ran out. Their spare entries do not count."""
    lead_by_value(monkeypatch)
    resize(monkeypatch, counted_per_value_behind=1)
    # The arrays of the first rows have no spare capacity.
    old = empty_segment(BUCKET, sizes()).append(scored(0, [50.0] * 30)).append(scored(30, [90.0] * 10))
    capacity = len(old.columns["anomaly_score"])
    assert capacity > old.length
    assert counted(old, 90.0) == 10
    grown = old.append(scored(40, [50.0] * (capacity - 39)))
    newest = grown.append(scored(grown.length, [50.0] * 10))
    value_index = newest.value_index("anomaly_score", desc=True)
    assert value_index is not None
    assert value_index.covered > capacity, "the value index has rows beyond the capacity of the older arrays"
    # The writer has not written these entries, so they may hold any value.
    old.columns["anomaly_score"][old.length :] = 0.0
    assert counted(old, 1.0) == old.length
    assert counted(newest, 1.0) == np.count_nonzero(newest.column("anomaly_score") >= 1.0) == newest.length
