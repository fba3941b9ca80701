"""Results as tables of other libraries: each measure runs once and checks its answers, and works are timed by pytest.

`python -m benchmarks --parts arrow` compares them with each other.
"""

from collections.abc import Callable

import pytest

from benchmarks.arrow_out import measure_pages, measure_tables
from benchmarks.goals import judge
from benchmarks.run import ARROW
from benchmarks.timing import ONCE, Effort, Figures, Table
from benchmarks.workloads import JOB, Benchmark, bucket_columns, index_of_columns
from bucketquery import BucketQuery

SIZE = 10_000


@pytest.mark.parametrize("measure", [measure for *_, measure in ARROW], ids=[part for part, *_ in ARROW])
def test_a_measure_checks_its_answers(measure: Callable[[int, Effort], Figures]) -> None:
    """Each measure runs once at a small size, and gives a time for each way of each work."""
    figures = measure(SIZE, ONCE)
    assert figures
    assert all(taken > 0 for row in figures.values() for taken in row.values())


def test_the_goal_of_a_page_is_judged() -> None:
    """A page of 100 buckets must be a stream in less than 0.4 ms."""
    for taken, is_met in ((399.0, True), (401.0, False)):
        row = {"stream": taken, "to_dict": 50.0}
        tables = {("arrow pages", SIZE): Table("", "µs", {"a page of 100 buckets": row})}
        (verdict,) = [verdict for verdict in judge(tables, SIZE) if "as Arrow" in verdict.work]
        assert verdict.is_met is is_met


def test_the_names_of_the_parts_differ() -> None:
    """Each measure has a part of its own, or one table would replace another."""
    assert len({part for part, *_ in ARROW}) == len(ARROW)
    assert {measure_tables, measure_pages} <= {measure for *_, measure in ARROW}


@pytest.mark.parametrize("length", [100, 10_000])
def test_a_page(benchmark: Benchmark, length: int) -> None:
    """A page in order of time as a stream."""
    page = index_of_columns(bucket_columns(SIZE)).search(BucketQuery(jobs=JOB, size=length))
    benchmark(page.__arrow_c_stream__)


def test_every_match(benchmark: Benchmark) -> None:
    """Every bucket as a stream."""
    matches = index_of_columns(bucket_columns(SIZE)).arrow(BucketQuery(jobs=JOB))
    assert len(matches) == SIZE
    benchmark(matches.__arrow_c_stream__)
