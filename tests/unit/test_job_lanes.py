"""Job lanes: how the lanes of many jobs are counted, by the last rows of a window and by the tables of other jobs."""

from dataclasses import replace

import pytest

from bucketquery import ResultsIndex
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET
from bucketquery.search.job_lanes import LanesOfAllJobs, LanesOfTables, LaneWindow, job_lanes
from bucketquery.storage.table import Table
from support.all_jobs import of_parts
from support.helpers import lead_by_value, sizes
from support.lanes import ON_FEW_ROWS


@pytest.fixture
def leading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows have value indexes."""
    lead_by_value(monkeypatch)


Rows = dict[str, list[int]]

#: The hours at which each job has a bucket; the score of a bucket is its hour. The last job has none.
EVEN: Rows = {"a": [1, 2, 3], "b": [1, 2, 3], "c": [1, 2, 3], "d": []}
#: One job has only old buckets.
UNEVEN: Rows = {"a": [*range(9, 30)], "b": [*range(10, 31)], "c": [2]}


def made(hours: Rows) -> tuple[ResultsIndex, AllJobs]:
    """An index, and its combined table with value indexes."""
    index = ResultsIndex()
    for job, own in hours.items():
        index.put_job(job)
        index.upsert(
            [{"job_id": job, "timestamp": hour, "bucket_span": 60, "anomaly_score": hour} for hour in own],
            kind="bucket",
        )
    combined = index.snapshot()._catalog.all_jobs(BUCKET)
    assert combined is not None
    parts = [
        Table(table.base.with_sizes(sizes()), table.deleted, table.head.with_sizes(sizes()), table._interim)
        for table in combined.parts
    ]
    return index, of_parts(combined.schema, parts, combined.labels)


@pytest.mark.usefixtures("leading")
@pytest.mark.parametrize("rows_per_other", [0, 100])
@pytest.mark.parametrize("last_rows", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("hours", "instants", "count"),
    [
        (EVEN, (FIRST_MS, LAST_MS), 3),
        (EVEN, (2, 3), 3),
        (EVEN, (4, 9), 0),
        (UNEVEN, (FIRST_MS, LAST_MS), 3),
        (UNEVEN, (3, LAST_MS), 2),
        (UNEVEN, (30, LAST_MS), 1),
        (UNEVEN, (2, 12), 3),
    ],
)
def test_the_lanes_are_the_jobs_in_the_window(
    hours: Rows, instants: tuple[int, int], count: int, last_rows: int, rows_per_other: int
) -> None:
    """However many of the last rows are read, the number of lanes is the number of jobs with a result."""
    index, combined = made(hours)
    catalog = index.snapshot()._catalog
    chosen = [*hours]
    start, end = instants
    for jobs in (chosen, chosen[1:]):
        window = LaneWindow(
            start,
            end,
            exclude_interim=False,
            sizes=replace(ON_FEW_ROWS, last_rows_per_job=last_rows, rows_per_other=rows_per_other),
        )
        expected = [(-max(own), job) for job in jobs if (own := [hour for hour in hours[job] if start <= hour < end])]
        assert jobs is not chosen or len(expected) == count
        selected = catalog.select(tuple(jobs), "jobs")
        for lanes in (LanesOfAllJobs(catalog, selected, window, combined), LanesOfTables(catalog, jobs, window)):
            page = lanes.page(0, 1)
            assert page.lane_count == len(expected)
            assert page.names == tuple(job for _, job in sorted(expected)[:1])


def test_a_few_jobs_are_read_from_their_own_tables() -> None:
    """The combined table is made only for a selection of many jobs."""
    index, _ = made(EVEN)
    catalog = index.snapshot()._catalog
    selected = catalog.select(tuple(EVEN), "jobs")
    window = LaneWindow(FIRST_MS, LAST_MS, exclude_interim=False)
    assert isinstance(job_lanes(catalog, selected, window), LanesOfTables)
    window = window._replace(sizes=replace(ON_FEW_ROWS, few_jobs=3))
    assert isinstance(job_lanes(catalog, selected, window), LanesOfAllJobs)


def test_without_a_combined_table_every_job_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue may have no combined table; then even many jobs are read one by one."""
    index, _ = made(EVEN)
    catalog = index.snapshot()._catalog
    monkeypatch.setattr(type(catalog), "all_jobs", lambda *_: None)
    window = LaneWindow(FIRST_MS, LAST_MS, exclude_interim=False, sizes=replace(ON_FEW_ROWS, few_jobs=0))
    lanes = job_lanes(catalog, catalog.select(tuple(EVEN), "jobs"), window)
    assert lanes.page(0, 9).names == ("a", "b", "c")
