"""How far each road goes: the same query objects in process, on DuckDB, on Polars, and on Spark, over one set of files.

    python -m benchmarks.frames --rows 1000000 [--with-spark] [--folder FOLDER]

The rows are 15-minute buckets of 100 jobs. DuckDB writes them to Parquet, a folder for each job, sorted by time. Every
answer is compared with that of the index before anything is timed. The times are medians.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.frames import overall_buckets, search
from bucketquery.frames.conditions import in_jobs_and_window
from bucketquery.frames.table import Table
from bucketquery.queries.queries import resolve

JOBS: Final = 100
STEP_MS: Final = 900_000
DAY_MS: Final = 86_400_000
START_MS: Final = 1_767_225_600_000
RUNS: Final = 5


class Road(NamedTuple):
    """One way to answer: what it is called, and functions that answer its two kinds of questions."""

    name: str
    search: Callable[[BucketQuery], Any]
    overall: Callable[[Mapping[str, Any]], Any]


def columns_of(rows: int, seed: int = 0) -> dict[str, Any]:
    """Buckets of 100 jobs in job order: most scores are near 0, one in 500 is above 75."""
    rng = np.random.default_rng(seed)
    each = rows // JOBS
    score = np.round(100.0 * rng.random(each * JOBS) ** 40, 4)
    return {
        "job_id": np.repeat([f"job-{number:03}" for number in range(JOBS)], each),
        "timestamp": np.tile(START_MS + STEP_MS * np.arange(each, dtype=np.int64), JOBS),
        "bucket_span": np.full(each * JOBS, 900, dtype=np.int64),
        "anomaly_score": score,
        "initial_anomaly_score": score,
        "event_count": rng.integers(0, 1_000, each * JOBS),
        "is_interim": np.zeros(each * JOBS, dtype=np.bool_),
    }


def write_parquet(columns: Mapping[str, Any], folder: Path) -> None:
    """Write the rows to Parquet: a folder for each job, sorted by time, row groups of 122,880 rows."""
    connection: Any = import_module("duckdb").connect()
    # DuckDB finds the arrays by the name of the variable.
    connection.register("arrays", dict(columns))
    names = "* REPLACE (make_timestamptz(timestamp * 1000) AS timestamp)"
    connection.execute("SET TimeZone = 'UTC'")
    rows = f"SELECT {names} FROM arrays ORDER BY job_id, timestamp"
    connection.execute(f"COPY ({rows}) TO '{folder}' (FORMAT parquet, PARTITION_BY job_id)")


def questions(rows: int) -> dict[str, BucketQuery]:
    """The questions, by what they ask for."""
    each = rows // JOBS
    last = START_MS + STEP_MS * each
    day, month = max(last - DAY_MS, START_MS), max(last - 30 * DAY_MS, START_MS)
    return {
        "one job, the newest day": BucketQuery(jobs="job-007", start=day, size=100),
        "one job, the worst 10": BucketQuery(jobs="job-007", sort="anomaly_score", desc=True, size=10),
        "all jobs, score from 75, newest 100": BucketQuery(jobs="_all", anomaly_score=75, desc=True),
        "all jobs, the worst 10": BucketQuery(jobs="_all", sort="anomaly_score", desc=True, size=10),
        "all jobs, 30 days, the worst 100": BucketQuery(jobs="_all", start=month, sort="anomaly_score", desc=True),
        "all jobs, time order, the page in the middle": BucketQuery(jobs="_all", from_=rows // 2),
    }


def overall_question(rows: int) -> dict[str, Any]:
    """The parameters of overall buckets: 30 days, all jobs, an interval of an hour."""
    last = START_MS + STEP_MS * (rows // JOBS)
    return {"job_id": "*", "start": max(last - 30 * DAY_MS, START_MS), "bucket_span": "1h", "top_n": 3}


def in_process(columns: Mapping[str, Any]) -> Road:
    """An index in this process."""
    index = ResultsIndex()
    index.upsert_columns(columns)
    return Road("in process", index.search, lambda asked: index.get_overall_buckets(**asked))


def on_frame(name: str, frame: Any) -> Road:
    """An engine in this process or beside it."""
    return Road(name, lambda query: search(frame, query), lambda asked: overall_buckets(frame, **asked))


def duckdb_road(folder: Path) -> tuple[Road, Any]:
    """DuckDB over the files, and its relation."""
    connection: Any = import_module("duckdb").connect()
    connection.execute("SET TimeZone = 'UTC'")
    relation = connection.read_parquet(f"{folder}/*/*.parquet", hive_partitioning=True)
    return on_frame("DuckDB", relation), relation


def polars_road(folder: Path) -> Road:
    """Polars over the files."""
    polars: Any = import_module("polars")
    return on_frame("Polars", polars.scan_parquet(f"{folder}/*/*.parquet", hive_partitioning=True))


def spark_road(folder: Path) -> tuple[Road, Any]:
    """PySpark on two cores over the files, and its session."""
    sql: Any = import_module("pyspark.sql")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "3g")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "4")
        # A job that is called 7 is text.
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .getOrCreate()
    )
    return on_frame("Spark", session.read.parquet(str(folder))), session


def median_ms(call: Callable[[], Any], runs: int) -> float:
    """The median time of some runs, in ms."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        times.append(1_000 * (time.perf_counter() - begun))
    return statistics.median(times)


def table_of(roads: list[Road], rows: int, runs: int) -> list[str]:
    """The lines of a Markdown table with the times of each question; answers that differ raise.

    Raises:
        AssertionError: an engine gives another answer than the index.
    """
    lines = [
        f"| {rows:,} buckets, ms | " + " | ".join(road.name for road in roads) + " |",
        "| --- " * (len(roads) + 1) + "|",
    ]
    asked: dict[str, Callable[[Road], Any]] = {name: partial(_page, query) for name, query in questions(rows).items()}
    asked["overall buckets, 30 days by hours, top 3"] = partial(_overall, overall_question(rows))
    for name, ask in asked.items():
        expected = ask(roads[0])
        assert expected["count"], f"{name}: no result"
        cells = []
        for road in roads:
            assert ask(road) == expected, f"{road.name}: {name}"
            cells.append(f"{_shown(median_ms(partial(ask, road), runs))}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    return lines


def _shown(time_ms: float) -> str:
    """A time with two digits, or as a whole number."""
    return f"{time_ms:,.0f}" if time_ms >= 10 else f"{time_ms:.2g}"


def _page(query: BucketQuery, road: Road) -> Any:
    return road.search(query).to_dict()


def _overall(parameters: Mapping[str, Any], road: Road) -> Any:
    return road.overall(parameters).to_dict()


def plan_of(query: BucketQuery, relation: Any) -> str:
    """DuckDB's plan for the rows that a search compares: those of the jobs and the window of a query."""
    resolved = resolve(query, lambda: 0)
    rows = in_jobs_and_window(Table.of(relation, resolved.schema), query.jobs, resolved.start, resolved.end)
    return str(rows.frame.to_native().explain())


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--with-spark", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the files are written; a temporary folder by default")
    chosen = parser.parse_args()
    rows = chosen.rows // JOBS * JOBS
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="buckets"))
    session: Any = None
    try:
        columns = columns_of(rows)
        write_parquet(columns, folder / "parquet")
        duckdb, relation = duckdb_road(folder / "parquet")
        roads = [in_process(columns), duckdb, polars_road(folder / "parquet")]
        del columns
        if chosen.with_spark:
            with redirect_stderr(StringIO()):
                spark, session = spark_road(folder / "parquet")
            roads.append(spark)
        print("\n".join(table_of(roads, rows, chosen.runs)))
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
        print(f"\nParquet: {size / 2**20:,.0f} MiB in {len(list(folder.rglob('*.parquet')))} files")
        print(plan_of(questions(rows)["one job, the newest day"], relation))
    finally:
        if session is not None:
            session.stop()
        if chosen.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
