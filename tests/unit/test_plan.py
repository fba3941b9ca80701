"""Plans: chosen from exact counts before a row of the page is read, each a value that explains itself."""

from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import RECORD
from bucketquery.queries.queries import BucketQuery, RecordQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.order import Order
from bucketquery.search.plan import Explanation, Plan, choose
from bucketquery.search.search import search
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.threshold import Matches
from bucketquery.search.window import Window
from bucketquery.storage.table import Table
from support.helpers import JOB, STEP, bucket, record, table
from support.shortcuts import OF_ONE, only

ROWS = 4_096


@pytest.fixture(scope="module")
def opposed() -> Table:
    """Buckets of which the busiest have the lowest scores, so that the first by events are not those that match."""
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
    """A query of the job."""
    return resolve(BucketQuery(jobs=JOB, **parameters), lambda: 0)


def counted(of: Table, asked: ResolvedQuery, shortcuts: Shortcuts = ALL_SHORTCUTS) -> Matches:
    """The matches of a query."""
    return Matches.of(Window.of(of.rows, asked.start, asked.end), asked.threshold, shortcuts)


def all_plans(of: Table, asked: ResolvedQuery, need: int, shortcuts: Shortcuts = ALL_SHORTCUTS) -> list[Plan]:
    """Every plan for the first matches of a query, each chosen as if the one before had found too few."""
    matches, order = counted(of, asked, shortcuts), Order.of(asked)
    plans = [choose(matches, order, need)]
    while plans[-1].access in {"level", "value"}:
        plans.append(choose(matches, order, need, plans[-1]))
    return plans


def test_a_plan_is_chosen_without_reading(opposed: Table) -> None:
    """Its rows are a view of a level. Chosen again it is the same, and the counts are as they were."""
    asked = resolved(sort="event_count", desc=True, anomaly_score=75.0, start=0)
    matches = counted(opposed, asked)
    before = matches._replace()
    plan, again = (choose(matches, Order.of(asked), 10) for _ in range(2))
    value_index = opposed.base.value_index("event_count", desc=True)
    assert value_index is not None
    level = value_index.levels[plan.number]
    assert np.shares_memory(plan.rows, level.entries()[0])
    assert np.array_equal(plan.rows, again.rows)
    assert plan._replace(rows=None) == again._replace(rows=None)  # type: ignore[arg-type] # arrays have no one truth
    assert all(now is then for now, then in zip(matches, before, strict=True))
    assert plan.explain(5) == Explanation("order", "event_count", (75.0, float(level.edge)), 5)


def test_denser_levels_follow_and_all_matches_are_last(opposed: Table) -> None:
    """A level has fewer rows than the next; one with many more rows than there are matches is not worth it."""
    asked = resolved(sort="event_count", desc=True, anomaly_score=50.0, start=0)
    plans = all_plans(opposed, asked, 10)
    assert [plan.access for plan in plans[:-1]] == ["level"] * (len(plans) - 1)
    assert plans[-1][:4] == ("all", "threshold", "event_count", (50.0,))
    lengths = [len(plan.rows) for plan in plans[:-1]]
    assert len(lengths) > 1
    assert lengths == sorted(set(lengths))
    few = resolved(sort="event_count", desc=True, anomaly_score=80.0, start=0)
    matches = counted(opposed, few)
    assert [len(plan.rows) for plan in all_plans(opposed, few, 10)] == [256, 0]
    assert 2 * matches.matched < 1_024 < 4 * matches.matched, "the next level has 1,024 rows"


def test_all_that_was_read_is_told_also_where_plans_failed(opposed: Table) -> None:
    """No bucket among the busiest matches, so every level is read in vain, and then all matches."""
    asked = resolved(sort="event_count", desc=True, anomaly_score=50.0, start=0, size=10)
    matches, plans = counted(opposed, asked), all_plans(opposed, asked, 10)
    page, count, explanation = search(opposed, asked)
    in_vain = sum(len(plan.rows) for plan in plans[:-1])
    assert explanation == plans[-1].explain(matches.rows_read + in_vain + count)
    expected = np.sort(opposed.base.column("event_count")[opposed.base.column("anomaly_score") >= 50.0])[::-1][:10]
    assert page.column("event_count").tolist() == expected.tolist()


CHOICES: list[tuple[dict[str, Any], str, str]] = [
    ({"sort": "event_count"}, "level", "levels"),
    ({"sort": "bucket_span"}, "value", "ties"),
    ({"sort": "event_count", "start": 0, "end": 200 * STEP}, "all", ""),
    ({"sort": "scheduled_events"}, "all", ""),
]


@pytest.mark.parametrize(("asked", "access", "shortcut"), CHOICES, ids=repr)
def test_each_access_is_chosen_where_it_reads_less(
    opposed: Table, asked: dict[str, Any], access: str, shortcut: str
) -> None:
    """And not without its shortcut: then all matches are read."""
    query = resolved(**asked)
    assert all_plans(opposed, query, 10)[0].access == access
    assert all_plans(opposed, query, 10)[-1].access == "all"
    assert [plan.access for plan in all_plans(opposed, query, 10, only(OF_ONE - {shortcut}))] == ["all"] or not shortcut


def test_records_by_time_are_sorted_up_to_an_instant_only() -> None:
    """The last instant of the page is read whole, from whichever end; what lies behind it is not."""
    of = table(
        [record(row, detector, record_score=float(detector)) for row in range(50) for detector in range(4)],
        [record(7, 9)],
        schema=RECORD,
    )
    for desc in (False, True):
        asked = resolve(RecordQuery(jobs=JOB, sort="timestamp", desc=desc, size=10, start=0), lambda: 0)
        plan = choose(counted(of, asked), Order.of(asked), 10)
        assert (plan.access, plan.explain(0)) == ("instants", Explanation("scan", "timestamp"))
        page, count, explanation = search(of, asked)
        assert (len(page), count, explanation) == (10, 201, Explanation("scan", "timestamp", (), 12))
        without, _, slower = search(of, asked, only(OF_ONE - {"last_instant"}))
        assert slower.rows_read == 201
        for name in ("timestamp", "detector_index"):
            assert page.column(name).tolist() == without.column(name).tolist()
