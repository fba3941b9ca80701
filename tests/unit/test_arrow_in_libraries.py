"""Tables of the libraries that people have, in the types that these give them: the index stores what documents store.

Each library is needed by its own tests only, which are skipped where it is not installed.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, Kind, ResultsIndex
from support.arrow_arrays import producer
from support.semantics_tables import CALLS, result

LONG = "a text of more than twelve bytes, with ä"
T0 = 1_577_836_800_000
HOUR = 3_600_000
ROWS = 7

BUCKETS: list[dict[str, Any]] = [
    result("bucket", T0 + row * HOUR)
    | {"job_id": f"job-{row % 2}", "bucket_span": 3_600, "anomaly_score": 1.5 * row, "event_count": row}
    | {"is_interim": row > 5, "scheduled_events": [LONG, "b"] if row == 2 else []}
    | {"bucket_influencers": [{"influencer_field_name": LONG, "anomaly_score": 2.5}] if row % 3 == 0 else []}
    for row in range(ROWS)
]
RECORDS: list[dict[str, Any]] = [
    result("record", T0 + row * HOUR)
    | {"job_id": f"job-{row % 2}", "bucket_span": 3_600, "record_score": 1.5 * row, "detector_index": row % 3}
    | {"function": "mean", "partition_field_name": "host", "partition_field_value": f"{LONG} {row % 4}"}
    | {"actual": [0.5, float(row)], "typical": [1.0]}
    | {"causes": [{"probability": 0.5, "function": "mean"}] if row % 2 else []}
    | {"influencers": [{"influencer_field_name": "host", "influencer_field_values": [LONG, "b"]}]}
    for row in range(ROWS)
]
DOCUMENTS: Mapping[Kind, list[dict[str, Any]]] = {"bucket": BUCKETS, "record": RECORDS}


def plain(kind: Kind) -> dict[str, list[Any]]:
    """The columns of the documents, with instants in UTC."""
    names = [name for name in DOCUMENTS[kind][0] if name != "result_type"]
    columns = {name: [document[name] for document in DOCUMENTS[kind]] for name in names}
    columns["timestamp"] = [datetime.fromtimestamp(time // 1_000, UTC) for time in columns["timestamp"]]
    return columns


def bodies(index: ResultsIndex, kind: Kind) -> list[dict[str, Any]]:
    """Everything that an index has of a kind, job by job."""
    return [getattr(index, CALLS[kind])(job_id=job, size=100).to_dict() for job in index.jobs()]


def assert_stored(table: Any, kind: Kind) -> None:
    """Assert that a table stores what the documents store, and that the documents then change nothing."""
    by_table, by_documents = ResultsIndex(), ResultsIndex()
    by_documents.upsert(DOCUMENTS[kind])
    assert by_table.upsert_columns(table, kind=kind).inserted == ROWS
    gc.collect()
    assert bodies(by_table, kind) == bodies(by_documents, kind)
    assert by_table.upsert(DOCUMENTS[kind]).unchanged == ROWS
    by_table.check()


def pa_table(kind: Kind) -> Any:
    """The documents as a table of pyarrow."""
    return pytest.importorskip("pyarrow").table(plain(kind))


def with_types(table: Any, types: Mapping[str, Any]) -> Any:
    """The table with other types of some columns."""
    for name, of in types.items():
        if name in table.column_names:
            table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(of))
    return table


PYARROW: dict[str, Callable[[Any, Any], Any]] = {
    "table": lambda _, table: table,
    "batch": lambda _, table: table.combine_chunks().to_batches()[0],
    "reader": lambda _, table: table.to_reader(max_chunksize=3),
    "chunks": lambda pa, table: pa.concat_tables([table.slice(0, 2), table.slice(2, 1), table.slice(3)]),
    "a slice": lambda pa, table: pa.concat_tables([table, table]).slice(ROWS - 2, ROWS),
    "a struct": lambda _, table: table.to_struct_array().combine_chunks(),
    "columns": lambda _, table: {name: table[name] for name in table.column_names},
    "dictionaries": lambda pa, table: with_types(
        table, dict.fromkeys(["job_id", "function", "partition_field_value"], pa.dictionary(pa.int8(), pa.string()))
    ),
    "views of text": lambda pa, table: with_types(
        table, dict.fromkeys(["job_id", "function", "partition_field_value"], pa.string_view())
    ),
    "large": lambda pa, table: with_types(
        table,
        {
            "job_id": pa.large_string(),
            "partition_field_value": pa.large_string(),
            "actual": pa.large_list(pa.float32()),
            "scheduled_events": pa.large_list(pa.large_string()),
        },
    ),
    "lists of a size": lambda pa, table: with_types(
        table, {"actual": pa.list_(pa.float64(), 2), "typical": pa.list_(pa.float64(), 1)}
    ),
    "views of lists": lambda pa, table: {
        name: pa.array(column.to_pylist(), pa.list_view(column.type.value_type))
        if "list" in str(column.type)
        else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    },
    "small numbers": lambda pa, table: with_types(
        table,
        {
            "bucket_span": pa.uint16(),
            "anomaly_score": pa.float16(),
            "record_score": pa.float32(),
            "event_count": pa.int8(),
            "detector_index": pa.uint8(),
        },
    ),
    "decimals": lambda pa, table: with_types(
        table,
        {
            "bucket_span": pa.decimal128(20, 0),
            "anomaly_score": pa.decimal128(20, 3),
            "record_score": pa.decimal256(60, 3),
            "event_count": pa.decimal256(50, 2),
        },
    ),
    "seconds": lambda pa, table: with_types(table, {"timestamp": pa.timestamp("s", "Asia/Kolkata")}),
    "naive nanoseconds": lambda pa, table: with_types(table, {"timestamp": pa.timestamp("ns")}),
    "milliseconds": lambda pa, table: with_types(
        with_types(table, {"timestamp": pa.timestamp("ms")}), {"timestamp": pa.int64()}
    ),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("way", PYARROW)
def test_pyarrow(way: str, kind: Kind) -> None:
    """Every type that a column may have, in every container."""
    pa = pytest.importorskip("pyarrow")
    assert_stored(PYARROW[way](pa, pa_table(kind)), kind)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_one_array_of_pyarrow(kind: Kind) -> None:
    """A producer that gives an array and no stream; its long views of text are not copied."""
    pa = pytest.importorskip("pyarrow")
    table = PYARROW["views of text"](pa, pa_table(kind))
    batch = table.combine_chunks().to_batches()[0]
    one = producer("__arrow_c_array__", batch.__arrow_c_array__)
    for _ in range(4):
        assert_stored(one, kind)


def test_a_parquet_file(tmp_path: Any) -> None:
    """One line from a file to an index."""
    pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "buckets.parquet"
    pq.write_table(pa_table("bucket"), path)
    assert_stored(pq.read_table(path), "bucket")
    assert_stored(pq.read_table(path, read_dictionary=["job_id"]), "bucket")


def test_run_end_encoded_columns_and_times_are_refused() -> None:
    """The error names the column and the type."""
    pa = pytest.importorskip("pyarrow")
    table = pa_table("bucket")
    at = table.schema.get_field_index("anomaly_score")
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([ROWS], pa.int32()), pa.array([5.0]))
    times = pa.array([20_000] * ROWS, pa.int32()).cast(pa.time32("s"))
    for column, name in ((runs, "run_end_encoded"), (times, "time"), (pa.array([b"a"] * ROWS), "binary")):
        with pytest.raises(InvalidDocument, match=rf"\[columns.anomaly_score\]: .*\[{name}\]"):
            ResultsIndex().upsert_columns(table.set_column(at, "anomaly_score", column))


def test_a_reader_that_fails_is_refused_with_its_words() -> None:
    """The first batch was good."""
    pa = pytest.importorskip("pyarrow")
    table = pa_table("bucket")

    def batches() -> Any:
        yield table.to_batches()[0]
        raise OSError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    index = ResultsIndex()
    with pytest.raises(InvalidDocument, match="the disk is gone") as caught:
        index.upsert_columns(reader)
    assert caught.value.field == "columns"
    assert index.jobs() == ()


def test_nulls_of_pyarrow() -> None:
    """NaN under a null is missing, and any other NaN is refused by its row."""
    pa = pytest.importorskip("pyarrow")
    scores = pa.array([1.0, float("nan"), 3.0], mask=np.array([False, True, False]))
    table = {"timestamp": pa.array([0, 1, 2]), "bucket_span": pa.array([60, 60, 60]), "anomaly_score": scores}
    index = ResultsIndex()
    index.upsert_columns(table, job_id="web")
    assert index.get_buckets(job_id="web").column("anomaly_score").tolist() == [1.0, 0.0, 3.0]
    with pytest.raises(InvalidDocument) as caught:
        index.upsert_columns(table | {"anomaly_score": pa.array([1.0, 2.0, float("nan")])}, job_id="web")
    assert caught.value.field == "columns.anomaly_score[2]"


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("way", ["frame", "text as codes", "slices", "stream", "columns", "struct"])
def test_polars(way: str, kind: Kind) -> None:
    """Its text is in views, most of them longer than a view."""
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(plain(kind))
    texts = [name for name in ("job_id", "function", "partition_field_value") if name in frame.columns]
    ways: dict[str, Any] = {
        "frame": frame,
        "text as codes": frame.with_columns(pl.col(texts).cast(pl.Categorical)),
        "slices": pl.concat([frame.slice(0, 3), frame.slice(3)], rechunk=False),
        "stream": producer("__arrow_c_stream__", frame.__arrow_c_stream__),
        "columns": {name: frame[name] for name in frame.columns},
        "struct": producer("__arrow_c_stream__", lambda: frame.to_struct().__arrow_c_stream__()),
    }
    for _ in range(3):
        assert_stored(ways[way], kind)


def test_the_types_of_polars_that_arrow_does_not_have() -> None:
    """A frame with `Int128` is read without Arrow; its stream is refused by the name of the column."""
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"timestamp": pl.Series([0, None], dtype=pl.Int128), "bucket_span": [60, 60]})
    stream = producer("__arrow_c_stream__", frame.__arrow_c_stream__)
    with pytest.raises(InvalidDocument) as caught:
        ResultsIndex().upsert_columns(frame, job_id="web")
    assert caught.value.field == "columns.timestamp[1]"
    with pytest.raises(InvalidDocument, match=r"\[columns.timestamp\]: must not be of the Arrow type \[Int128\]"):
        ResultsIndex().upsert_columns(stream, job_id="web")
    with pytest.raises(InvalidDocument, match=r"LazyFrame; call \.collect\(\) first"):
        ResultsIndex().upsert_columns(frame.lazy(), job_id="web")
    decimals = {"timestamp": [0, 1], "bucket_span": 60, "anomaly_score": pl.Series([Decimal("0.1"), Decimal(10**20)])}
    index = ResultsIndex()
    index.upsert_columns(decimals, job_id="web")
    assert index.get_buckets(job_id="web").column("anomaly_score").tolist() == [0.1, 1e20]


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("way", ["frame", "stream", "another index", "text as codes"])
def test_pandas(way: str, kind: Kind) -> None:
    """A frame is read as it is. Its export has another index as a column, which is not read."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(plain(kind))
    if way == "text as codes":
        names = [name for name in ("job_id", "function", "partition_field_value") if name in frame]
        assert_stored(frame.astype(dict.fromkeys(names, "category")), kind)
    elif way == "frame":
        assert_stored(frame, kind)
    else:
        pytest.importorskip("pyarrow")
        if not hasattr(frame, "__arrow_c_stream__"):
            pytest.skip("this pandas has no Arrow stream")
        if way == "another index":
            frame = frame.iloc[::-1]
        assert_stored(
            producer("__arrow_c_stream__", frame.__arrow_c_stream__),
            kind,
        )


def test_categories_of_pandas() -> None:
    """Unused categories make no jobs, gaps are missing, and categories of other types are checked entry by entry."""
    pd = pytest.importorskip("pandas")
    jobs = pd.Categorical(["b", "a", "b"], categories=["a*", "a", "b"])
    frame = pd.DataFrame({"timestamp": [0, 1, 2], "bucket_span": 60, "job_id": jobs})
    for column in (frame["job_id"], jobs, pd.CategoricalIndex(jobs)):
        index = ResultsIndex()
        given = {"timestamp": [0, 1, 2], "bucket_span": 60, "job_id": column}
        assert index.upsert_columns(given).inserted == 3
        assert index.jobs() == ("a", "b")
    gaps = frame.assign(function=pd.Categorical(["x", None, "y"]), detector_index=pd.Categorical([7, None, 5]))
    index = ResultsIndex()
    index.upsert_columns(gaps, kind="record")
    found = index.get_records(job_id="b", sort="timestamp", desc=False)
    assert [(one.function, one.detector_index) for one in found] == [("x", 7), ("y", 5)]
    with pytest.raises(InvalidDocument) as caught:
        index.upsert_columns(frame.assign(function=pd.Categorical([1, 2, 1])), kind="record")
    assert caught.value.field == "columns.function[0]"
    with pytest.raises(InvalidDocument) as caught:
        index.upsert_columns(frame.assign(job_id=pd.Categorical(["a", None, "a*"])))
    assert caught.value.field == "columns.job_id[1]"


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_duckdb(kind: Kind) -> None:
    """A relation, with text as an ENUM, and a query that computes its columns."""
    duckdb = pytest.importorskip("duckdb")
    table = pa_table(kind)
    connection = duckdb.connect()
    connection.execute("set timezone = 'America/New_York'")
    connection.register("given", table)
    connection.execute("create table results as from given")
    assert_stored(connection.sql("from results"), kind)
    connection.execute("create type jobs as enum ('job-1', 'job-0', 'unused')")
    assert_stored(connection.sql("select * replace (job_id::jobs as job_id) from results"), kind)
    computed = "select * replace (bucket_span::hugeint as bucket_span, timestamp::timestamp_ns as timestamp)"
    connection.execute("set timezone = 'UTC'")
    assert_stored(connection.sql(f"{computed} from results"), kind)
    assert_stored(connection.sql("from results").to_arrow_reader(2), kind)


def test_a_question_that_fails_in_duckdb() -> None:
    """Its own error passes through, or is refused with its words; nothing is stored."""
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql("select error('no such bucket') as timestamp, 60 as bucket_span")
    index = ResultsIndex()
    with pytest.raises((InvalidDocument, duckdb.Error), match="no such bucket"):
        index.upsert_columns(relation, job_id="web")
    assert index.jobs() == ()


def test_every_instant_of_a_day_in_every_unit() -> None:
    """Instants are floored to milliseconds, before 1970 too."""
    pa = pytest.importorskip("pyarrow")
    times = [datetime(1969, 12, 31, 12, tzinfo=UTC) + timedelta(milliseconds=row * 86_399) for row in range(1_000)]
    expected = [round((time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)) for time in times]
    for unit in ("ms", "us", "ns"):
        for zone in (None, "UTC", "Europe/Paris"):
            column = pa.array(times, pa.timestamp(unit, zone))
            index = ResultsIndex()
            index.upsert_columns({"timestamp": column, "bucket_span": 60}, job_id="web")
            found: Sequence[int] = index.get_buckets(job_id="web", size=1_000).column("timestamp").tolist()
            assert found == expected


def random_column(pa: Any, rng: np.random.Generator, values: list[Any], types: Sequence[Any]) -> Any:
    """The values in a random type, in chunks that are slices of longer arrays, dictionaries included."""
    of = types[int(rng.integers(len(types)))]
    is_coded = of in {pa.string(), pa.string_view(), pa.large_string()} and rng.random() < 0.5
    if pa.types.is_decimal(of):
        values = [None if value is None else Decimal(str(value)) for value in values]
    chunks: list[Any] = []
    first = 0
    while first < len(values) or not chunks:
        stop = first + int(rng.integers(0, len(values) + 1))
        before = int(rng.integers(0, 12))
        padded = pa.array([None] * before + values[first:stop] + values[:3], of)
        if is_coded:
            padded = padded.cast(pa.string()).dictionary_encode()
        chunks.append(padded.slice(before, len(values[first:stop])))
        first = stop
    return pa.chunked_array(chunks)


def test_random_tables_store_what_their_documents_store() -> None:
    """Random types, nulls, chunks, offsets and orders, of two hundred seeded tables."""
    pa = pytest.importorskip("pyarrow")
    texts, lists = [pa.string(), pa.string_view(), pa.large_string()], [pa.list_, pa.large_list, pa.list_view]
    counts = [pa.int8(), pa.uint16(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(9, 2)]
    cause = pa.struct({"probability": pa.float64(), "function": pa.string_view()})
    fields: dict[str, tuple[Sequence[Any], Callable[[np.random.Generator], Any]]] = {
        "record_score": ([pa.float32(), pa.float64(), pa.decimal256(40, 1)], lambda rng: float(rng.integers(200)) / 2),
        "detector_index": (counts, lambda rng: int(rng.integers(100))),
        "is_interim": ([pa.bool_()], lambda rng: bool(rng.integers(2))),
        "function": (texts, lambda rng: ("mean", "", LONG, LONG + "!", "ä")[int(rng.integers(5))]),
        "by_field_value": (texts, lambda rng: f"{LONG} {rng.integers(5)}"),
        "actual": ([of(pa.float64()) for of in lists], lambda rng: rng.integers(9, size=rng.integers(3)).tolist()),
        "causes": (
            [of(cause) for of in lists],
            lambda rng: [{"probability": 0.5}, {"function": LONG}, {}][: int(rng.integers(4))],
        ),
        "job_id": (texts, lambda rng: f"job-{rng.integers(3)}"),
    }
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = int(rng.integers(0, 30))
        times = (rng.permutation(rows) * 1_000).tolist()
        units = [pa.timestamp("s"), pa.timestamp("ms", "UTC"), pa.timestamp("us", "Asia/Tokyo"), pa.timestamp("ns")]
        instants = [datetime.fromtimestamp(time // 1_000, UTC) for time in times]
        table = {"timestamp": random_column(pa, rng, instants, units)}
        table["bucket_span"] = random_column(pa, rng, [60] * rows, counts)
        documents: list[dict[str, Any]] = [result("record", time) | {"bucket_span": 60} for time in times]
        for name, (types, draw) in fields.items():
            if name != "job_id" and rng.random() < 0.3:
                continue
            nulls = 0.0 if name == "job_id" else rng.choice([0.0, 0.3, 1.0])
            values = [None if rng.random() < nulls else draw(rng) for _ in range(rows)]
            table[name] = random_column(pa, rng, values, types)
            for document, value in zip(documents, values, strict=True):
                if value is not None:
                    document[name] = value
        by_table, by_documents = ResultsIndex(), ResultsIndex()
        given = pa.table(table) if seed % 2 else table
        commit, expected = by_table.upsert_columns(given, kind="record"), by_documents.upsert(documents)
        assert commit.inserted == expected.inserted, seed
        assert by_table.jobs() == by_documents.jobs(), seed
        assert bodies(by_table, "record") == bodies(by_documents, "record"), seed
        by_table.check()
