"""Results as tables of other libraries: through Arrow, and through columns of NumPy, as a user would without it."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from benchmarks.timing import Call, Effort, Figures, WrongAnswer, race
from benchmarks.workloads import JOB, bucket_columns
from bucketquery import BucketPage, BucketQuery, ResultsIndex

_NAMES: Final = (
    "timestamp",
    "bucket_span",
    "anomaly_score",
    "initial_anomaly_score",
    "event_count",
    "is_interim",
    "processing_time_ms",
)
"""The columns that a user without Arrow copies one by one. Arrow has these and four more."""

_PAGES: Final = (100, 10_000)

#: For each library, how it takes a value of Arrow, and the greatest score of its table.
_LIBRARIES: Final[Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Any], float]]]] = {
    "pyarrow": (
        lambda library, exporter: library.table(exporter),
        lambda table: max(max(chunk.to_numpy()) for chunk in table["anomaly_score"].chunks),
    ),
    "polars": (lambda library, exporter: library.DataFrame(exporter), lambda frame: frame["anomaly_score"].max()),
    "pandas": (
        lambda library, exporter: library.DataFrame.from_arrow(exporter),
        lambda frame: frame["anomaly_score"].max(),
    ),
    "duckdb": (
        lambda library, exporter: (
            library.connect().register("given", exporter).execute("select max(anomaly_score) from given").fetchall()
        ),
        lambda rows: rows[0][0],
    ),
}
#: For each library, how it makes a table of columns of NumPy.
_FROM_COLUMNS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "pyarrow": lambda library, columns: library.table(columns),
    "polars": lambda library, columns: library.DataFrame(columns),
    "pandas": lambda library, columns: library.DataFrame(columns),
}


def measure_tables(size: int, effort: Effort) -> Figures:
    """The time until each library has a table of every bucket, milliseconds.

    The library takes the value of `arrow` (*arrow*), the same with ``dictionaries`` (*codes*), or copies of the columns
    of a page (*columns*). DuckDB makes no table: it reads the greatest score.
    """
    columns = bucket_columns(size)
    index = ResultsIndex(max_size=size)
    index.upsert_columns(columns, job_id=JOB)
    query = BucketQuery(jobs=JOB, size=size)
    ways: dict[str, Callable[[], Any]] = {
        "arrow": partial(index.arrow, query),
        "codes": partial(index.arrow, query, dictionaries=True),
    }
    figures = {"a stream": _timed({way: _exporting(make) for way, make in ways.items()}, effort)}
    for name, (take, greatest) in _LIBRARIES.items():
        if (library := _installed(name)) is not None:
            calls = {way: _taking(partial(take, library), make) for way, make in ways.items()}
            if name in _FROM_COLUMNS:
                calls["columns"] = _taking(partial(_FROM_COLUMNS[name], library), partial(_columns, index, query))
            for way, call in calls.items():
                if greatest(call()) != columns["anomaly_score"].max():
                    raise WrongAnswer(f"{name}, {way}: another greatest score")
            figures[f"every bucket, {name}"] = _timed(calls, effort)
    return figures


def measure_pages(size: int, effort: Effort) -> Figures:
    """The time until a page that was searched before is a stream, microseconds; `to_dict` beside it."""
    index = ResultsIndex()
    index.upsert_columns(bucket_columns(size), job_id=JOB)
    figures: Figures = {}
    for length in _PAGES:
        page = index.search(BucketQuery(jobs=JOB, size=length))
        if len(page) != length:
            raise WrongAnswer(f"a page of {len(page)} buckets")
        calls: dict[str, list[Call]] = {"stream": [page.__arrow_c_stream__], "to_dict": [page.to_dict]}
        library = _installed("pyarrow")
        if library is not None:
            _check_page(library.table(page), page)
            calls["pyarrow table"] = [partial(library.table, page)]
        figures[f"a page of {length:,} buckets"] = race(calls, effort)
    return figures


MEASURES: Final = (
    ("arrow tables", "Every bucket as a table", "ms", measure_tables),
    ("arrow pages", "Pages as Arrow", "µs", measure_pages),
)
"""Each measure: its part, its title, its unit and its function of a size and an effort."""


def _installed(name: str) -> Any:
    """A library that reads Arrow; None if it is not installed, or is pandas before version 3."""
    library = None if find_spec(name) is None else import_module(name)
    is_old = name == "pandas" and library is not None and not hasattr(library.DataFrame, "from_arrow")
    return None if is_old else library


def _timed(calls: Mapping[str, Call], effort: Effort) -> dict[str, float]:
    """The time of each call, milliseconds."""
    return {way: taken / 1e3 for way, taken in race({way: [call] for way, call in calls.items()}, effort).items()}


def _exporting(make: Callable[[], Any]) -> Call:
    return lambda: make().__arrow_c_stream__()


def _taking(take: Callable[[Any], Any], make: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: take(make())


def _columns(index: ResultsIndex, query: BucketQuery) -> dict[str, Any]:
    page = index.search(query)
    return {name: page.column(name) for name in _NAMES}


def _check_page(table: Any, page: BucketPage) -> None:
    if table["anomaly_score"].to_pylist() != page.column("anomaly_score").tolist():
        raise WrongAnswer("a page leaves with other scores")
