"""The same buckets loaded from NumPy, and from the tables of libraries: one job, and a column of jobs.

pandas and polars hand over frames, which are read without Arrow except for codes of polars. pyarrow and DuckDB hand
over Arrow data.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from benchmarks.questions import check, timestamps_of
from benchmarks.timing import Effort, Figures, WrongAnswer, alternate
from benchmarks.workloads import JOB, NEWEST, Columns, ResolvedQuery, answer_of, bucket_columns
from bucketquery import ResultsIndex

JOBS: Final = 100
"""The number of jobs of the columns of jobs."""

LIBRARIES: Final = ("pyarrow", "polars", "pandas", "duckdb")
_SAMPLES: Final = 7

Load = Callable[[object], ResultsIndex]


def measure_loading(size: int, effort: Effort) -> Figures:
    """The time to load buckets from each kind of table, milliseconds. A library that is not installed is left out.

    Raises:
        WrongAnswer: an index has other buckets than one that was given the documents.
    """
    columns = bucket_columns(size)
    jobs = [f"job-{row * JOBS // size:03}" for row in range(size)]
    # Neighbouring rows of a table that was written bucket by bucket belong to different jobs.
    mixed = [f"job-{row % JOBS:03}" for row in range(size)]
    return {
        "one job": _race(tables(columns), columns, effort),
        "a column of jobs as text": _race(tables(columns, jobs), columns, effort, jobs),
        "a column of jobs as text, mixed": _race(tables(columns, mixed), columns, effort, mixed),
        "a column of jobs as codes": _race(coded_tables(columns, jobs), columns, effort, jobs),
    }


def tables(columns: Columns, jobs: list[str] | None = None) -> dict[str, Any]:
    """The buckets as a mapping of NumPy arrays, and as a table of each installed library; with jobs as text."""
    given: dict[str, Any] = {**columns, **({} if jobs is None else {"job_id": jobs})}
    found: dict[str, Any] = {"NumPy": given}
    if find_spec("pyarrow"):
        found["pyarrow"] = import_module("pyarrow").table(given)
    if find_spec("polars"):
        found["polars"] = import_module("polars").DataFrame(given)
    if find_spec("pandas"):
        found["pandas"] = import_module("pandas").DataFrame(given)
    if find_spec("duckdb") and find_spec("pyarrow"):
        connection = import_module("duckdb").connect()
        connection.register("given", found["pyarrow"])
        connection.execute("create table buckets as from given")
        found["duckdb"] = connection.table("buckets")
    return found


def coded_tables(columns: Columns, jobs: list[str]) -> dict[str, Any]:
    """The buckets in tables whose jobs are codes of a dictionary, as far as a library is installed and has these."""
    found = tables(columns, jobs)
    del found["NumPy"]
    if "pyarrow" in found:
        table = found["pyarrow"]
        coded = table["job_id"].dictionary_encode()
        found["pyarrow"] = table.set_column(table.schema.get_field_index("job_id"), "job_id", coded)
    if "polars" in found:
        pl = import_module("polars")
        found["polars"] = found["polars"].with_columns(pl.col("job_id").cast(pl.Categorical))
    if "pandas" in found:
        found["pandas"] = found["pandas"].astype({"job_id": "category"})
    if "duckdb" in found:
        names = ", ".join(f"'{job}'" for job in dict.fromkeys(jobs))
        found["duckdb"] = found["duckdb"].project(f"* replace (job_id::enum({names}) as job_id)")
    return found


def load(table: Any, job_id: str | None) -> ResultsIndex:
    """A new index of a table."""
    index = ResultsIndex()
    index.upsert_columns(table, job_id=job_id)
    return index


def _race(
    given: Mapping[str, Any], columns: Columns, effort: Effort, jobs: list[str] | None = None
) -> dict[str, float]:
    """The median time of each load, milliseconds, after its answers were checked."""
    job_id = JOB if jobs is None else None
    for name, table in given.items():
        _check(name, load(table, job_id), columns, jobs)
    works: dict[str, Load] = {name: partial(_load_again, table, job_id) for name, table in given.items()}
    taken = alternate(works, [None] * min(_SAMPLES, effort.rounds))
    return {name: median(some) / 1e3 for name, some in taken.items()}


def _load_again(table: Any, job_id: str | None, _: object) -> ResultsIndex:
    return load(table, job_id)


def _check(name: str, index: ResultsIndex, columns: Columns, jobs: list[str] | None) -> None:
    """Check the newest page of each job.

    Raises:
        WrongAnswer: the index has other jobs, or a page is wrong.
    """
    if jobs is None:
        right = answer_of(columns, ResolvedQuery.of(NEWEST))
        page = index.search(NEWEST)
        check(f"load from {name}", (page.count, timestamps_of(page)), right, empty=False)
        return
    of_rows = np.array(jobs)
    if index.jobs() != tuple(sorted(set(jobs))):
        raise WrongAnswer(f"load from {name}: the index has other jobs")
    for job_id in (jobs[0], jobs[-1]):
        own = {key: column[of_rows == job_id] for key, column in columns.items()}
        page = index.search(NEWEST.replace(jobs=job_id))
        right = answer_of(own, ResolvedQuery.of(NEWEST))
        check(f"load {job_id} from {name}", (page.count, timestamps_of(page)), right, empty=False)


def measure_parquet(size: int, effort: Effort) -> Figures:
    """The time from a Parquet file to an index, milliseconds; nothing if pyarrow is not installed.

    Raises:
        WrongAnswer: the index has other buckets.
    """
    if not find_spec("pyarrow"):
        return {}
    pq: Any = import_module("pyarrow.parquet")
    columns = bucket_columns(size)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "buckets.parquet"
        pq.write_table(tables(columns)["pyarrow"], path)
        _check("Parquet", load(pq.read_table(path), JOB), columns, None)
        works: dict[str, Callable[[object], object]] = {
            "read_table and upsert_columns": lambda _: load(pq.read_table(path), JOB),
            "read_table": lambda _: pq.read_table(path),
        }
        taken = alternate(works, [None] * min(_SAMPLES, effort.rounds))
    return {"from Parquet": {name: median(some) / 1e3 for name, some in taken.items()}}


MEASURES: Final = (
    ("arrow loads", "Loads of buckets from tables", "ms", measure_loading),
    ("arrow Parquet", "Loads of buckets from Parquet", "ms", measure_parquet),
)
"""The measures of the part `arrow`: the name of each table, its title, its unit, and the function."""
