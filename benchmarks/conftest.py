"""The fixtures of all benchmarks: generated buckets and the folder of the large sets; and the table of medians."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.workloads import SMALLEST, Columns, SortedBuckets, bucket_columns, bucket_documents, index_of_columns
from bucketquery import ResultsIndex

#: The contestants in the order of the table's columns.
CONTESTANTS = (
    "search",
    "get_buckets",
    "index",
    "index, without a log",
    "cursor, timestamps",
    "from_, timestamps",
    "unexpanded",
    "expanded",
    "without event",
    "with event",
    "arrays",
    "pandas",
    "polars",
    "list",
    "sqlite",
    "reference",
)


@pytest.fixture(scope="session")
def columns() -> Columns:
    """The generated buckets; the number is in BUCKETQUERY_BENCH_SIZE, default 10,000. Must not be modified."""
    size = int(os.environ.get("BUCKETQUERY_BENCH_SIZE", SMALLEST))
    if size < SMALLEST:
        pytest.fail(f"BUCKETQUERY_BENCH_SIZE must be at least {SMALLEST}, not {size}")
    return bucket_columns(size)


@pytest.fixture(scope="session")
def sorted_buckets(columns: Columns) -> SortedBuckets:
    """The sorted list of the generated buckets. Must not be modified."""
    return SortedBuckets(bucket_documents(columns))


@pytest.fixture(scope="session")
def index(columns: Columns) -> ResultsIndex:
    """The index of the generated buckets. Must not be modified."""
    return index_of_columns(columns)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the large sets, from BUCKETQUERY_DATA. Skips the benchmark, with a reason, if that is not set."""
    folder = os.environ.get("BUCKETQUERY_DATA")
    if not folder:
        pytest.skip("BUCKETQUERY_DATA is not set; it must name the folder of the large sets of real buckets")
    return Path(folder)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write a table with the medians of each group side by side."""
    session = getattr(config, "_benchmarksession", None)
    medians: dict[str, dict[str, float]] = defaultdict(dict)
    notes = []
    for measured in session.benchmarks if session else ():
        contestant = measured.extra_info.get("contestant")
        if contestant and measured.stats.rounds:
            medians[measured.group][contestant] = measured.stats.median
            notes += [
                f"{measured.group}, {contestant}: {name} {value}"
                for name, value in measured.extra_info.items()
                if name != "contestant"
            ]
    notes += [
        f"{name}: {value}" for report in terminalreporter.getreports("passed") for name, value in report.user_properties
    ]
    if not medians:
        return
    present = [name for name in CONTESTANTS if any(name in row for row in medians.values())]
    write = terminalreporter.write_line
    terminalreporter.section("medians, microseconds; in brackets the ratio to the first of the row")
    write(f"| | {' | '.join(present)} |")
    write(f"| --- |{' ---: |' * len(present)}")
    for group, row in medians.items():
        first = next(row[name] for name in CONTESTANTS if name in row)
        write(f"| {group} | {' | '.join(_cell(row[name], first) if name in row else '' for name in present)} |")
    for note in notes:
        write(note)


def _cell(median: float, first: float) -> str:
    ratio = median / first
    shown = f"{median * 1e6:,.1f}" if median < 1e-4 else f"{median * 1e6:,.0f}"
    return shown if median == first else f"{shown} ({f'{ratio:.2g}' if ratio < 10 else f'{ratio:,.0f}'})"
