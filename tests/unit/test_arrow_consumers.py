"""The libraries that read Arrow, as they are: pyarrow, polars, pandas and DuckDB take every answer of an index.

The extra `bench` has them. A test whose library is not installed is skipped and says so; `.ci/run` runs this file with
all of them.
"""

import doctest
import gc
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, Kind, RecordQuery, ResultsIndex, SwimlaneQuery
from bucketquery.answers.arrow_rows import batches_of, parts_of
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from support.arrow import COLUMNS, Row, expected_rows, plain
from support.helpers import address
from support.semantics_tables import QUERIES, SCORES, Document, Query, result

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "frames.md"
HOUR = 3_600_000
ROWS = 1_700
#: A text of more than 12 bytes, which a view of text does not hold itself, and one that is not ASCII.
LONG, FOREIGN = "a text that is longer than twelve bytes", "größer als zwölf Bytes \U0001f4c8"
KINDS: tuple[Kind, ...] = ("bucket", "record", "influencer")


# ---- the libraries


def library(name: str) -> Any:
    """A library; skips the test if it is not installed, or is pandas before version 3, which reads no Arrow."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed; the extra [bench] has it")
    found = import_module(name)
    if name == "pandas" and int(found.__version__.partition(".")[0]) < 3:
        pytest.skip("pandas reads Arrow from version 3 on")
    return found


def by_pyarrow(exporter: Any) -> list[Any]:
    """The rows by pyarrow, which also checks every value of every array."""
    table = library("pyarrow").table(exporter)
    table.validate(full=True)
    rows: list[Any] = table.to_pylist()
    return rows


def by_polars(exporter: Any) -> list[Any]:
    """The rows by polars."""
    rows: list[Any] = library("polars").DataFrame(exporter).to_dicts()
    return rows


def by_pandas(exporter: Any) -> list[Any]:
    """The rows by pandas; its gaps become None."""
    pandas = library("pandas")

    def value_of(value: Any) -> Any:
        if isinstance(value, np.ndarray | list):
            return [*map(value_of, value)]
        if isinstance(value, dict):
            return {name: value_of(entry) for name, entry in value.items()}
        if pandas.isna(value):
            return None
        return value.to_pydatetime() if isinstance(value, pandas.Timestamp) else value

    frame = pandas.DataFrame.from_arrow(exporter)
    return [
        dict(zip(frame.columns, map(value_of, row), strict=True)) for row in frame.itertuples(index=False, name=None)
    ]


def by_duckdb(exporter: Any) -> list[Any]:
    """The rows by DuckDB."""
    found = library("duckdb").connect().register("given", exporter).execute("select * from given")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


LIBRARIES: Mapping[str, Callable[[Any], list[Any]]] = {
    "pyarrow": by_pyarrow,
    "polars": by_polars,
    "pandas": by_pandas,
    "duckdb": by_duckdb,
}
each_library = pytest.mark.parametrize("name", LIBRARIES)


def rows_by(name: str, exporter: Any) -> list[Any]:
    """The rows of an exporter by a library, with instants in epoch ms and extra fields parsed."""
    return [plain(row) for row in LIBRARIES[name](exporter)]


# ---- the results


def made(kind: Kind, hour: int, job_id: str = "web") -> Document:
    """A result with nulls, long text and nested values, each in other rows."""
    fields: dict[str, Any] = {"job_id": job_id, "bucket_span": 3_600}
    if hour % 5:
        fields[SCORES[kind]] = hour * 7 % 101 / 1.5
    if hour % 3:
        fields["is_interim"] = hour % 4 == 0
    if kind == "bucket":
        if hour % 4:
            fields["event_count"] = hour
        if hour % 7 == 0:
            fields["scheduled_events"] = [LONG, FOREIGN][: hour % 3]
            fields["bucket_influencers"] = [
                {"influencer_field_name": LONG, "anomaly_score": 1.5, "is_interim": False},
                {"influencer_field_name": "bucket_time", "timestamp": hour, "event": {"ingested": hour}},
            ]
        return result(kind, hour * HOUR, **fields)
    if hour % 6 == 0:
        fields |= {"event": {"ingested": hour * HOUR + 1}, "airline": FOREIGN}
    if kind == "influencer":
        return result(
            kind, hour * HOUR, **fields, influencer_field_name="host", influencer_field_value=f"{LONG} {hour % 9}"
        )
    if hour % 2:
        fields |= {"by_field_value": f"{FOREIGN} {hour % 11}", "actual": [1.5, hour], "detector_index": hour % 3}
    return result(kind, hour * HOUR, **fields, function=("mean", LONG)[hour % 2])


@cache
def results(kind: Kind) -> tuple[ResultsIndex, list[Document]]:
    """An index with results of 42 jobs, late ones in a head and deleted ones, and the documents that are left."""
    index = ResultsIndex(max_size=10 * ROWS)
    first = [made(kind, hour) for hour in range(ROWS)]
    late = [result(kind, hour * HOUR + 1, bucket_span=60) for hour in range(500, 600, 7)]
    newest = [made(kind, hour) for hour in range(ROWS, ROWS + 3)]
    others = [made(kind, hour, f"job-{job:02}") for job in range(41) for hour in range(job, job + 9)]
    for batch in (first, late, newest[::-1], others):
        index.upsert(batch)
    index.delete("web", start=900 * HOUR, end=1_000 * HOUR)
    kept = [
        each
        for each in (*first, *late, *newest, *others)
        if each["job_id"] != "web" or not 900 * HOUR <= each["timestamp"] < 1_000 * HOUR
    ]
    table = stored(index, kind)
    assert (table.base.length, table.head.length) > (0, 0), "these results are not in a base and a head"
    return index, kept


def stored(index: ResultsIndex, kind: Kind) -> Table:
    """The table of the job ``web``."""
    return index._snapshot._catalog.known("web", "job_id").tables[kind]


def asked(kind: Kind) -> Iterator[Query]:
    """Queries of one job and of many, in several orders, with many matches and with none."""
    make: Any = QUERIES[kind]
    score = SCORES[kind]
    by_time: dict[str, Any] = {"sort": "timestamp", "desc": False}
    yield make(jobs="web", **by_time)
    yield make(jobs="web", sort="timestamp", desc=True)
    yield make(jobs="web", sort=score, desc=True, exclude_interim=True)
    yield make(jobs="web", **by_time, **{score: 60.0})
    yield make(jobs="web", start=100 * HOUR, end=1_400 * HOUR, **by_time)
    yield make(jobs="web", start=10**12, **by_time)
    yield make(jobs="_all", **by_time)
    yield make(jobs="job-0*,web", sort=score, desc=True)
    yield make(jobs=["job-03", "job-30"], sort="job_id", desc=True)


@cache
def wanted(kind: Kind) -> list[tuple[Query, list[Row]]]:
    """The queries of a kind, and the rows that each should have."""
    return [(query, [*expected_rows(results(kind)[1], query)]) for query in asked(kind)]


@pytest.mark.parametrize("kind", KINDS)
@each_library
def test_every_match_is_read(name: str, kind: Kind) -> None:
    """A library reads the rows of `arrow` with every value and every null: text of any length, lists, structs."""
    index, _ = results(kind)
    library(name)
    for query, expected in wanted(kind):
        for dictionaries in (False, True):
            assert rows_by(name, index.arrow(query, dictionaries=dictionaries)) == expected, query


@pytest.mark.parametrize("kind", KINDS)
@each_library
def test_a_page_is_read(name: str, kind: Kind) -> None:
    """A library reads a page, one that was pickled, and a page without results, which has its columns all the same."""
    index, _ = results(kind)
    for query, expected in wanted(kind):
        page = index.search(query.replace(size=500, from_=2))
        assert rows_by(name, page) == expected[2:502], query
        assert rows_by(name, pickle.loads(pickle.dumps(page))) == expected[2:502], query
    nothing = index.search(QUERIES[kind](jobs="web", size=0))
    assert rows_by(name, nothing) == []
    assert [*library("pyarrow").schema(nothing).names] == [*COLUMNS[kind]]


@each_library
def test_batches_are_read(name: str) -> None:
    """A library reads each batch alone, and all of them together are the matches."""
    index, _ = results("record")
    for query, expected in wanted("record"):
        rows = [row for batch in index.arrow(query).batches() for row in rows_by(name, batch)]
        assert rows == expected


@each_library
def test_summaries_are_read(name: str) -> None:
    """A library reads overall buckets, a swimlane and top influencers."""
    buckets, _ = results("bucket")
    overall = buckets.get_overall_buckets(job_id="_all", end=20 * HOUR, top_n=2)
    assert rows_by(name, overall) == [
        {key: value for key, value in shown.items() if key != "result_type"}
        for shown in overall.to_dict()["overall_buckets"]
    ]
    lanes = buckets.swimlane(SwimlaneQuery(jobs="_all", cell=7_200, start=0, end=60 * HOUR))
    body = lanes.to_dict()
    assert rows_by(name, lanes) == [
        {"lane": lane, "cell": body["edges"][cell], "cell_end": body["edges"][cell + 1], "score": score}
        for lane, scores in zip(body["lanes"], body["scores"], strict=True)
        for cell, score in enumerate(scores)
        if score is not None
    ]
    top = results("influencer")[0].top_influencers(jobs="_all")
    assert rows_by(name, top) == top.to_dict()["influencers"]


# ---- memory


def test_pyarrow_reads_the_memory_of_the_index() -> None:
    """Numbers that lie side by side are not copied, from any row on. Those of the head are a batch of their own."""
    pa = library("pyarrow")
    index = ResultsIndex(max_size=50_000)
    hours = np.arange(40_000)
    index.upsert_columns(
        {"timestamp": hours * HOUR, "bucket_span": 3_600, "anomaly_score": hours / 1_000}, job_id="web"
    )
    index.upsert([result("bucket", hour * HOUR, anomaly_score=5, is_interim=True) for hour in range(40_000, 40_900)])
    table = stored(index, "bucket")
    assert (table.base.length, table.head.length) == (40_000, 900)
    for exporter in (index.arrow(BucketQuery(jobs="web")), index.search(BucketQuery(jobs="web", size=50_000))):
        found = pa.table(exporter)
        assert (found.num_rows, found["job_id"].num_chunks) == (40_900, 2)
        for name in ("timestamp", "bucket_span", "anomaly_score"):
            assert found[name].chunk(0).buffers()[1].address == address(table.base.columns[name]), name
    window = pa.table(index.arrow(BucketQuery(jobs="web", start=5 * HOUR)))
    assert window["timestamp"].chunk(0).buffers()[1].address == address(table.base.columns["timestamp"]) + 5 * 8


def test_the_codes_of_a_pickled_page_are_not_copied() -> None:
    """The rows of an unpickled page lie side by side, so the codes of keywords are read where they are."""
    library("pyarrow")
    index = ResultsIndex(max_size=ROWS)
    index.upsert([made("record", hour) for hour in range(ROWS)])
    page = pickle.loads(pickle.dumps(index.search(RecordQuery(jobs="web", size=ROWS))))
    segment = page._rows.view.base
    ((part,),) = batches_of(parts_of(page._rows, page._job_id))
    for name in ("function", "by_field_value"):
        assert isinstance(part.rows, Selection)
        assert address(part.rows.codes(name)[0]) == address(segment.columns[name]), name


def test_polars_reads_the_memory_of_the_index() -> None:
    """Numbers that lie side by side in the base are not copied."""
    pl = library("polars")
    index = ResultsIndex()
    index.upsert([{**made("bucket", hour), "anomaly_score": hour, "is_interim": False} for hour in range(ROWS)])
    base = stored(index, "bucket").base
    frame = pl.DataFrame(index.arrow(BucketQuery(jobs="web")))
    for name in ("timestamp", "bucket_span", "anomaly_score"):
        chunk = frame[name].to_physical().get_chunks()[0]
        assert address(chunk.to_numpy(allow_copy=False)) == address(base.columns[name]), name


def arrays_of(name: str, exporter: Any) -> list[Any]:
    """Arrays of NumPy over the memory that a library holds, without a copy if it can."""
    if name == "pyarrow":
        table = library(name).table(exporter)
        return [np.frombuffer(table[column].chunk(0).buffers()[1], dtype=np.int64) for column in _NUMBERS]
    frame = library(name).DataFrame(exporter)
    return [frame[column].to_physical().to_numpy(allow_copy=True) for column in _NUMBERS]


_NUMBERS = ("timestamp", "bucket_span", "anomaly_score")


@pytest.mark.parametrize("name", ["pyarrow", "polars"])
def test_no_array_can_be_made_writable(name: str) -> None:
    """The arrays that a library gives out over the index's memory are read-only, and stay so."""
    index = ResultsIndex()
    index.upsert([result("bucket", hour * HOUR, anomaly_score=hour) for hour in range(ROWS)])
    for array in arrays_of(name, index.arrow(BucketQuery(jobs="web"))):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_a_frame_of_pandas_is_a_copy() -> None:
    """A frame may be written to; the index keeps its values."""
    pandas = library("pandas")
    index = ResultsIndex()
    index.upsert([result("bucket", hour * HOUR, anomaly_score=hour) for hour in range(ROWS)])
    frame = pandas.DataFrame.from_arrow(index.arrow(BucketQuery(jobs="web")))
    frame.loc[:, "anomaly_score"] = -1.0
    index.check()
    assert index.get_buckets(job_id="web").column("anomaly_score").tolist()[:3] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("name", ["pyarrow", "polars"])
def test_a_table_stays_as_it_was(name: str) -> None:
    """Appends, replacements, new scores and deletes change no table; what was not read yet stays as it was too."""
    index = ResultsIndex()
    hours = [result("bucket", hour * HOUR, anomaly_score=hour % 100) for hour in range(ROWS)]
    index.upsert(hours)
    unread = index.arrow(BucketQuery(jobs="web"))
    before = rows_by(name, unread)
    make = library(name).table if name == "pyarrow" else library(name).DataFrame
    table = make(unread)
    index.upsert([result("bucket", hour * HOUR, anomaly_score=1) for hour in range(ROWS, 2 * ROWS)])
    index.upsert([result("bucket", hour * HOUR, anomaly_score=99) for hour in range(0, ROWS, 3)])
    spans = np.full(ROWS, 3_600)
    scores = {"timestamp": np.arange(ROWS) * HOUR, "bucket_span": spans, "anomaly_score": spans / 100}
    index.renormalize("web", buckets=scores)
    index.delete("web", end=1_000 * HOUR)
    index.delete("web", start=1_700 * HOUR)
    index.upsert(hours[::-1])
    index.delete_job("web")
    assert [plain(row) for row in (table.to_pylist() if name == "pyarrow" else table.to_dicts())] == before
    assert rows_by(name, unread) == before


@pytest.mark.parametrize("name", ["pyarrow", "polars"])
def test_a_table_outlives_the_index(name: str) -> None:
    """The index, the page and the snapshot may be dropped first; the memory is filled with other values after them."""
    make = library(name).table if name == "pyarrow" else library(name).DataFrame

    def exported() -> Any:
        index = ResultsIndex()
        index.upsert([made("bucket", hour) for hour in range(ROWS)])
        return make(index.get_buckets(job_id="web", size=ROWS)), make(index.arrow(BucketQuery(jobs="web", size=1)))

    tables = exported()
    gc.collect()
    filled = [np.full(ROWS, number) for number in range(200)]
    expected = expected_rows([made("bucket", hour) for hour in range(ROWS)], BucketQuery(jobs="web"))
    for table in tables:
        rows = table.to_pylist() if name == "pyarrow" else table.to_dicts()
        assert [plain(row) for row in rows] == expected
    assert len(filled) == 200


@each_library
def test_threads_read_at_once(name: str) -> None:
    """Many threads read one page and one value of `arrow`, and each gets all rows."""
    index, _ = results("bucket")
    query, expected = wanted("bucket")[0]
    library(name)
    exporters = [index.arrow(query), index.search(query.replace(size=len(expected)))] * 4
    with ThreadPoolExecutor(8) as pool:
        assert all(rows == expected for rows in pool.map(partial(rows_by, name), exporters))


UNTIL_THE_END = """
from bucketquery import BucketQuery, ResultsIndex
index = ResultsIndex()
index.upsert([{{"job_id": "web", "timestamp": hour, "bucket_span": 1}} for hour in range(9000)], kind="bucket")
matches, page = index.arrow(BucketQuery(jobs="web")), index.get_buckets(job_id="web")
table = {}
unread = page.__arrow_c_stream__()
print(len(matches))
"""


@each_library
def test_a_table_may_live_until_the_interpreter_ends(name: str) -> None:
    """An interpreter that ends while a library holds the memory of an index ends without an error."""
    library(name)
    reading = {
        "pyarrow": "pyarrow.table(matches)",
        "polars": "polars.DataFrame(matches)",
        "pandas": "pandas.DataFrame.from_arrow(matches)",
        "duckdb": "duckdb.sql('select * from matches')",
    }
    script = f"import {name}\n" + UNTIL_THE_END.format(reading[name])
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "9000\n", "")


def test_duckdb_asks_for_one_stream_a_query() -> None:
    """A schema beside the stream lets DuckDB read the matches once."""
    duckdb = library("duckdb")
    index, _ = results("bucket")
    matches = index.arrow(BucketQuery(jobs="web"))
    streams = []

    class Counted:
        """The matches, which counts the streams."""

        def __arrow_c_schema__(self) -> object:
            return matches.__arrow_c_schema__()

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            streams.append(requested_schema)
            return matches.__arrow_c_stream__(requested_schema)

    given = Counted()
    found = duckdb.connect().register("given", given).execute("select count(*), max(event_count) from given").fetchone()
    assert found == (matches.count, ROWS + 2)
    assert len(streams) == 1


# ---- the guide


def test_the_examples_of_the_guide_run(tmp_path: Path) -> None:
    """The examples of docs/guide/frames.md about answers run in their order, with the real libraries."""
    for name in LIBRARIES:
        library(name)
    text, _, _ = GUIDE.read_text(encoding="utf-8").partition("\n## Frames into an index")
    names: dict[str, Any] = {"path": tmp_path / "buckets.parquet"}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        examples = doctest.DocTestParser().get_examples(block)
        exec("".join(one.source for one in examples) or block, names)  # noqa: S102 - the project's own page
    assert names["worst"] == [(87.5,)]
    assert (names["table"].num_rows, names["frame"].height, len(names["old_friend"])) == (4, 3, 4)
    assert names["heat_map"].width == 5
    assert names["pyarrow"].parquet.read_table(names["path"]).num_rows == 8
