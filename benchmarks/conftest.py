"""What every benchmark may ask for: the made buckets, the folder of the large sets; and the table of the medians."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.workloads import JOB, SMALLEST, Columns, SortedBuckets, bucket_columns, bucket_documents
from bucketquery import ResultsIndex

#: The contestants in the order of the table's columns.
CONTESTANTS = ("search", "get_buckets", "index", "unexpanded", "expanded", "list", "reference")


@pytest.fixture(scope="session")
def columns() -> Columns:
    """The made buckets: BUCKETQUERY_BENCH_SIZE of them, 10,000 unless told; not to be modified."""
    size = int(os.environ.get("BUCKETQUERY_BENCH_SIZE", SMALLEST))
    if size < SMALLEST:
        pytest.fail(f"BUCKETQUERY_BENCH_SIZE must be at least {SMALLEST}, not {size}")
    return bucket_columns(size)


@pytest.fixture(scope="session")
def plain(columns: Columns) -> SortedBuckets:
    """The plain list over the made buckets; not to be modified."""
    return SortedBuckets(bucket_documents(columns))


@pytest.fixture(scope="session")
def index(columns: Columns) -> ResultsIndex:
    """The index over the made buckets; not to be modified."""
    index = ResultsIndex()
    index.upsert_columns(columns, job_id=JOB)
    return index


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the large sets, named by BUCKETQUERY_DATA; without it, what asks for it is skipped and says so."""
    folder = os.environ.get("BUCKETQUERY_DATA")
    if not folder:
        pytest.skip("BUCKETQUERY_DATA names no folder with the large sets of real buckets")
    return Path(folder)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the medians of each group side by side, as the table that the README shows."""
    session = getattr(config, "_benchmarksession", None)
    medians: dict[str, dict[str, float]] = defaultdict(dict)
    notes = []
    for done in session.benchmarks if session else ():
        contestant = done.extra_info.get("contestant")
        if contestant and done.stats.rounds:
            medians[done.group][contestant] = done.stats.median
            notes += [
                f"{done.group}, {contestant}: {name} {value}"
                for name, value in done.extra_info.items()
                if name != "contestant"
            ]
    notes += [
        f"{name}: {value}" for report in terminalreporter.getreports("passed") for name, value in report.user_properties
    ]
    if not medians:
        return
    present = [name for name in CONTESTANTS if any(name in row for row in medians.values())]
    write = terminalreporter.write_line
    terminalreporter.section("medians, microseconds; in brackets how many times the first of the row")
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
