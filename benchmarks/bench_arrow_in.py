"""The time to load the same buckets from NumPy and from the tables of each installed library.

Before a load is timed, its newest page is compared with the right one.
"""

from functools import partial

import pytest

from benchmarks.arrow_in import LIBRARIES, coded_tables, load, measure_loading, measure_parquet, tables
from benchmarks.timing import ONCE
from benchmarks.workloads import JOB, Benchmark, Columns


@pytest.mark.parametrize("jobs", ["one job", "text", "codes"])
@pytest.mark.parametrize("contestant", ["NumPy", *LIBRARIES])
def test_a_table_is_loaded(benchmark: Benchmark, contestant: str, jobs: str, columns: Columns) -> None:
    """Load a table of one job, or with a column of a hundred jobs."""
    names = [f"job-{row % 100:03}" for row in range(len(columns["timestamp"]))]
    made = coded_tables(columns, names) if jobs == "codes" else tables(columns, None if jobs == "one job" else names)
    if contestant not in made:
        pytest.skip(f"{contestant} is not installed, or has no codes")
    work = partial(load, made[contestant], JOB if jobs == "one job" else None)
    assert work().stats()["rows"]["bucket"] == len(columns["timestamp"])
    benchmark.group = f"load a table, {jobs}"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(work, rounds=5)


def test_every_load_is_measured() -> None:
    """Each row has a figure for NumPy, or for a library with codes."""
    figures = {**measure_loading(10_000, ONCE), **measure_parquet(10_000, ONCE)}
    assert list(figures)[:2] == ["one job", "a column of jobs as text"]
    assert all(figure > 0 for row in figures.values() for figure in row.values())


if __name__ == "__main__":
    from benchmarks.timing import FULL

    for title, row in {**measure_loading(1_000_000, FULL), **measure_parquet(1_000_000, FULL)}.items():
        print(title, {name: round(figure) for name, figure in row.items()})
