"""Plans: each is chosen from exact counts before a row of the page is read, and gives an explanation of the answer."""

from typing import Any

import numpy as np
import pytest

from bucketquery import ResultsIndex
from bucketquery.model.schema import RECORD
from bucketquery.queries.queries import BucketQuery, RecordQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search import plan as plan_module
from bucketquery.search.order import Order
from bucketquery.search.plan import Explanation, Plan, _best_below, bounded_plan, choose
from bucketquery.search.search import first_candidates, search
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.threshold import Matches
from bucketquery.search.window import Window
from bucketquery.storage.table import Table
from support.helpers import JOB, STEP, bucket, record, table
from support.shortcuts import OF_ONE, only

ROWS = 4_096


@pytest.fixture(scope="module")
def opposed() -> Table:
    """Buckets whose scores fall as their event counts rise, so buckets with many events are below the thresholds."""
    rows = np.random.default_rng(4).permutation(ROWS).tolist()
    return table(
        [
            bucket(
                at, event_count=row, anomaly_score=100 * (1 - row / ROWS) ** 3, processing_time_ms=9 if row % 64 else 5
            )
            for at, row in enumerate(rows)
        ]
    )


def resolved(**parameters: Any) -> ResolvedQuery:
    """The resolved query with these parameters."""
    return resolve(BucketQuery(jobs=JOB, **parameters), lambda: 0)


def counted(of: Table, query: ResolvedQuery, shortcuts: Shortcuts = ALL_SHORTCUTS) -> Matches:
    """The matches of a query."""
    return Matches.of(Window.of(of.rows, query.start, query.end), query.threshold, shortcuts, query.below)


def all_plans(of: Table, query: ResolvedQuery, need: int, shortcuts: Shortcuts = ALL_SHORTCUTS) -> list[Plan]:
    """Every plan for the first matches of a query; each is chosen as if the previous one had found too few matches."""
    matches, order = counted(of, query, shortcuts), Order.of(query)
    plans = [choose(matches, order, need)]
    while plans[-1].access in {"level", "value"}:
        plans.append(choose(matches, order, need, plans[-1]))
    return plans


def test_choosing_a_plan_reads_no_row(opposed: Table) -> None:
    """The rows of a plan are a view of a level. A second choice is equal and leaves the counts unchanged."""
    query = resolved(sort="event_count", desc=True, anomaly_score=75.0, start=0)
    matches = counted(opposed, query)
    before = matches._replace()
    plan, again = (choose(matches, Order.of(query), 10) for _ in range(2))
    value_index = opposed.base.value_index("event_count", desc=True)
    assert value_index is not None
    level = value_index.levels[plan.number]
    assert np.shares_memory(plan.rows, level.entries()[0])
    assert np.array_equal(plan.rows, again.rows)
    assert plan._replace(rows=None) == again._replace(rows=None)  # type: ignore[arg-type] # the truth of an array is ambiguous
    assert all(now is then for now, then in zip(matches, before, strict=True))
    assert plan.explain(5) == Explanation("order", "event_count", (75.0, float(level.edge)), 5)


def test_plans_try_denser_levels_before_all_matches(opposed: Table) -> None:
    """Each level has fewer rows than the next. A level with many more rows than matches is not tried."""
    query = resolved(sort="event_count", desc=True, anomaly_score=50.0, start=0)
    plans = all_plans(opposed, query, 10)
    assert [plan.access for plan in plans[:-1]] == ["level"] * (len(plans) - 1)
    assert plans[-1][:4] == ("all", "threshold", "event_count", (50.0,))
    lengths = [len(plan.rows) for plan in plans[:-1]]
    assert len(lengths) > 1
    assert lengths == sorted(set(lengths))
    few = resolved(sort="event_count", desc=True, anomaly_score=80.0, start=0)
    matches = counted(opposed, few)
    assert [len(plan.rows) for plan in all_plans(opposed, few, 10)] == [256, 0]
    assert 2 * matches.matched < 1_024 < 4 * matches.matched, "the next level has 1,024 rows"


@pytest.mark.parametrize(
    ("band", "accesses", "numbers"),
    [
        ((50.0, 75.0), ["level", "level", "level", "all"], "levels"),
        ((0.0, 20.0), ["level", "all"], "the column"),
        ((74.0, 75.0), ["all"], "few matches"),
    ],
)
def test_a_band_by_score_skips_the_rows_above_it(
    opposed: Table, band: tuple[float, float], accesses: list[str], numbers: str
) -> None:
    """The level has the rows above the band too; if none has as many, the column is read. Few rows are listed."""
    query = resolved(sort="anomaly_score", desc=True, anomaly_score=band, start=0, size=10)
    scores = opposed.base.column("anomaly_score")
    plans = all_plans(opposed, query, 10)
    assert plans[0].access == accesses[0]
    assert plans[-1].access == "all"
    page, count, explanation = search(opposed, query)
    inside = np.sort(scores[(scores >= band[0]) & (scores < band[1])])[::-1]
    assert (count, page.column("anomaly_score").tolist()) == (len(inside), inside[:10].tolist())
    if numbers == "levels":
        above = int((scores >= band[1]).sum())
        assert all(plan.compared > above + 10 for plan in plans[:-1])
        assert [len(plan.rows) < plan.compared // 2 for plan in plans[:1]] == [True]
        assert explanation.path == "order"
    if numbers == "the column":
        assert plans[0].number == -1
        assert plans[0].compared == ROWS
        assert 10 <= len(plans[0].rows) < ROWS // 4
        assert len(plans) == 2


def test_the_best_sort_keys_below_a_bound_are_taken_by_a_sample() -> None:
    """About twice the needed sort keys are listed; all below the bound if the sample tells too little."""
    sort_keys = np.random.default_rng(7).permutation(100_000) / 1_000
    for below, need, most in (
        (50.0, 10, 2_000),
        (50.0, 1_000, 6_000),
        (0.02, 10, 20),
        (50.0, 30_000, 50_000),
        (0.0, 5, 0),
    ):
        places = _best_below(sort_keys, below, need)
        inside = np.sort(sort_keys[sort_keys < below])
        assert min(need, len(inside)) <= len(places) <= most
        assert np.array_equal(np.sort(sort_keys[places]), inside[len(inside) - len(places) :])
        assert (np.diff(places) > 0).all()
    # The sample has every value here, and more than half of them are equal.
    tied = np.array([5.0] * 20 + [1.0, 9.0])
    assert _best_below(tied, 9.0, 2).tolist() == [*range(20)]
    assert _best_below(tied, 5.0, 2).tolist() == [20]
    assert _best_below(tied[:0], 5.0, 2).tolist() == []


@pytest.mark.parametrize("deleted", [(), (3, 700, 2_000)])
def test_a_bounded_plan_reads_all_matches_at_or_above_its_bound(opposed: Table, deleted: tuple[int, ...]) -> None:
    """It reads the sparsest level that has them, unless a plan without the bound reads a level as sparse."""
    scores, counts = (opposed.base.column(name) for name in ("anomaly_score", "event_count"))
    of = Table(opposed.base, np.array(deleted, dtype=np.int64), opposed.head, opposed._interim)
    for threshold, least, need, level in (
        (0.0, 4_000, 200, 256),
        (0.0, 4_000, 100, None),
        (10.0, 4_050, 60, 64),
        (30.0, 3_500, 900, 1_024),
        (50.0, 2_000, 500, None),
    ):
        query = resolved(sort="event_count", desc=True, anomaly_score=threshold, end=3_000 * STEP)
        matches, order = counted(of, query), Order.of(query)
        plan = bounded_plan(matches, order, need, least)
        rows, _ = first_candidates(matches, order, need, least)
        if level is None:
            assert plan is None
            assert rows.tolist() == first_candidates(matches, order, need)[0].tolist()
            continue
        assert plan is not None
        assert set(plan.rows.tolist()) == set((counts[:3_000] >= ROWS - level).nonzero()[0].tolist())
        wanted = (counts[:3_000] >= least) & (scores[:3_000] >= threshold)
        wanted[list(deleted)] = False
        assert set(wanted.nonzero()[0].tolist()) <= set(rows.tolist())
        assert not set(deleted) & set(rows.tolist())
        assert (scores[rows] >= threshold).all()


def test_no_bounded_plan_is_made_where_no_level_pays(opposed: Table) -> None:
    """Few matches are all read; a bound below all levels, or one that is missing, bounds nothing."""
    query = resolved(sort="event_count", desc=True, start=0)
    matches, order = counted(opposed, query), Order.of(query)
    assert bounded_plan(matches, order, 300, 4_000) is not None
    assert bounded_plan(matches, order, 300, -1) is None
    assert bounded_plan(matches, order, 300, float("nan")) is None
    for shortcuts in (Shortcuts(levels=False), Shortcuts(few_matches=ROWS)):
        assert bounded_plan(counted(opposed, query, shortcuts), order, 300, 4_000) is None


def test_a_sample_that_finds_too_few_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the sample misses the greatest values below the bound, all below it are listed."""
    monkeypatch.setattr(plan_module, "sampled", lambda values, _: values[-4:])
    sort_keys = np.array([1.0, 2.0, 3.0, 4.0, 50.0, 51.0, 52.0, 53.0])
    assert _best_below(sort_keys, 90.0, 1).tolist() == [5, 6, 7]
    monkeypatch.setattr(plan_module, "sampled", lambda *_: np.array([60.0, 61.0, 62.0, 63.0]))
    assert _best_below(sort_keys, 90.0, 1).tolist() == [*range(8)]


def test_a_band_without_the_most_common_value_is_not_looked_for_by_it() -> None:
    """Most buckets have the score 0. A search for the lowest scores of a band above 0 does not look for 0."""
    of = table([bucket(at, anomaly_score=float(max(0, at - 3_000))) for at in range(ROWS)])
    for band, access in (((1.0, 2_000.0), "all"), ((0.0, 2_000.0), "value")):
        query = resolved(sort="anomaly_score", anomaly_score=band, start=0, size=10)
        assert all_plans(of, query, 10)[0].access == access
        page, _, _ = search(of, query)
        assert page.column("anomaly_score").tolist() == ([*range(1, 11)] if access == "all" else [0] * 10)


def test_an_explanation_counts_rows_of_failed_plans(opposed: Table) -> None:
    """No bucket with many events matches, so the search reads every level without success, then all matches."""
    query = resolved(sort="event_count", desc=True, anomaly_score=50.0, start=0, size=10)
    matches, plans = counted(opposed, query), all_plans(opposed, query, 10)
    page, count, explanation = search(opposed, query)
    without_success = sum(len(plan.rows) for plan in plans[:-1])
    assert explanation == plans[-1].explain(matches.rows_read + without_success + count)
    expected = np.sort(opposed.base.column("event_count")[opposed.base.column("anomaly_score") >= 50.0])[::-1][:10]
    assert page.column("event_count").tolist() == expected.tolist()


CHOICES: list[tuple[dict[str, Any], str, str]] = [
    ({"sort": "event_count"}, "level", "levels"),
    ({"sort": "bucket_span"}, "value", "ties"),
    ({"sort": "event_count", "start": 0, "end": 200 * STEP}, "all", ""),
    ({"sort": "scheduled_events"}, "all", ""),
]


@pytest.mark.parametrize(("parameters", "access", "shortcut"), CHOICES, ids=repr)
def test_each_access_is_chosen_if_it_reads_fewer_rows(
    opposed: Table, parameters: dict[str, Any], access: str, shortcut: str
) -> None:
    """If the shortcut of an access is off, the search reads all matches."""
    query = resolved(**parameters)
    assert all_plans(opposed, query, 10)[0].access == access
    assert all_plans(opposed, query, 10)[-1].access == "all"
    assert [plan.access for plan in all_plans(opposed, query, 10, only(OF_ONE - {shortcut}))] == ["all"] or not shortcut


def test_a_page_of_records_by_time_is_sorted_up_to_its_last_instant() -> None:
    """The search reads all records of the last instant and none beyond it, in either direction."""
    of = table(
        [record(row, detector, record_score=float(detector)) for row in range(50) for detector in range(4)],
        [record(7, 9)],
        schema=RECORD,
    )
    for desc in (False, True):
        query = resolve(RecordQuery(jobs=JOB, sort="timestamp", desc=desc, size=10, start=0), lambda: 0)
        plan = choose(counted(of, query), Order.of(query), 10)
        assert (plan.access, plan.explain(0)) == ("instants", Explanation("scan", "timestamp"))
        page, count, explanation = search(of, query)
        assert (len(page), count, explanation) == (10, 201, Explanation("scan", "timestamp", (), 12))
        without, _, slower = search(of, query, only(OF_ONE - {"last_instant"}))
        assert slower.rows_read == 201
        for name in ("timestamp", "detector_index"):
            assert page.column(name).tolist() == without.column(name).tolist()


@pytest.mark.parametrize("processing_time_ms", [9, 8])
@pytest.mark.parametrize("desc", [False, True])
def test_a_window_with_head_rows_only_is_sorted(desc: bool, processing_time_ms: int) -> None:
    """The window has no row of the base, and more rows of the head than ``few_matches``.

    All values of the base are equal. A plan that looks for this value would find no row of the base in the window.
    """
    index = ResultsIndex()
    rows = np.arange(3_000)
    times = np.where(rows < 1_500, rows, rows + 1_000) * STEP
    index.upsert_columns({"timestamp": times, "bucket_span": 300, "processing_time_ms": np.full(3_000, 9)}, job_id=JOB)
    interim = [bucket(1_500 + row, processing_time_ms=row % 3, is_interim=True) for row in range(300)]
    index.upsert([*interim, bucket(1_900, processing_time_ms=processing_time_ms, is_interim=True)])
    page = index.get_buckets(
        job_id=JOB, sort="processing_time_ms", desc=desc, size=4, start=1_500 * STEP, end=2_000 * STEP
    )
    found = [(found.timestamp // STEP - 1_500, found.processing_time_ms) for found in page]
    assert (page.count, found) == (
        301,
        [(400, processing_time_ms), (299, 2), (296, 2), (293, 2)] if desc else [(0, 0), (3, 0), (6, 0), (9, 0)],
    )
