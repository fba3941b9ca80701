"""Frames: the columns of pandas and polars as arrays, masked arrays and lists, with the real libraries and without."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, ResultsIndex
from bucketquery.ingest.frames import columns_of, is_frame, plain_column
from bucketquery.ingest.texts import Texts
from support.frames import (
    NA,
    ExtensionDtype,
    LazyFrame,
    PandasCategories,
    PandasFrame,
    PandasSeries,
    PolarsFrame,
    PolarsSeries,
)

DAY = 86_400_000
NEW_YEAR = 1_767_225_600_000
NOON = np.datetime64("2026-01-01T12:00", "us")


def shown(column: Any) -> tuple[str, list[Any]]:
    """The kind of a plain column and its entries; a masked entry is None."""
    if isinstance(column, Texts):
        return "texts", column.entries()
    kind = column.dtype.kind if isinstance(column, np.ndarray) else type(column).__name__
    return kind, np.ma.asarray(column).tolist() if isinstance(column, np.ma.MaskedArray) else list(column)


# ---- without the libraries

PLAIN: dict[str, tuple[Any, str, list[Any]]] = {
    "pandas floats": (PandasSeries([1.5, 2.0], "f8"), "f", [1.5, 2.0]),
    "pandas objects": (PandasSeries(["a", None, math.inf]), "O", ["a", None, math.inf]),
    "pandas naive instants": (PandasSeries(["2026", "NaT"], "M8[us]"), "M", [np.datetime64("2026", "us"), None]),
    "pandas nullable ints": (PandasSeries([2**60 + 1, None], ExtensionDtype("i")), "i", [2**60 + 1, None]),
    "pandas nullable unsigned": (PandasSeries([2**63, None], ExtensionDtype("u")), "u", [2**63, None]),
    "pandas nullable floats": (PandasSeries([0.5, None], ExtensionDtype("f")), "f", [0.5, None]),
    "pandas nullable booleans": (PandasSeries([True, None], ExtensionDtype("b")), "b", [True, None]),
    "pandas nullable without gaps": (PandasSeries([5, 6], ExtensionDtype("i")), "i", [5, 6]),
    "pandas text": (PandasSeries(["a", None], ExtensionDtype("U")), "O", ["a", None]),
    "pandas categories": (PandasCategories([1, -1, 1], ["b", "a"]), "texts", ["a", None, "a"]),
    "pandas categories without a row": (PandasCategories([], ["b", "a"]), "texts", []),
    "pandas categories of numbers": (PandasCategories([1, -1], [5, 7]), "O", [7, None]),
    "pandas instants with a zone": (PandasSeries([NOON, None], ExtensionDtype("M", "us")), "M", [NOON, None]),
    "pyarrow instants with a zone": (
        PandasSeries([NOON], ExtensionDtype("M", "ms", of_pyarrow=True)),
        "M",
        [NOON.astype("M8[ms]")],
    ),
    "pyarrow dates": (PandasSeries([date(2026, 1, 1)], ExtensionDtype("M")), "O", [date(2026, 1, 1)]),
    "polars ints": (PolarsSeries([1, 2], "Int64"), "i", [1, 2]),
    "polars ints with nulls": (PolarsSeries([2**60 + 1, None], "Int64"), "i", [2**60 + 1, None]),
    "polars floats with nulls": (PolarsSeries([0.5, None], "Float32"), "f", [0.5, None]),
    "polars booleans with nulls": (PolarsSeries([True, None], "Boolean"), "b", [True, None]),
    "polars text": (PolarsSeries(["a", None], "String"), "list", ["a", None]),
    "polars decimals": (PolarsSeries([Decimal(1)], "Decimal(38, 1)"), "list", [Decimal(1)]),
    "polars lists": (PolarsSeries([[1.0], None], "List(Float64)"), "list", [[1.0], None]),
    "polars instants": (PolarsSeries([NOON, None], "Datetime(us)"), "M", [NOON, None]),
    "polars dates": (PolarsSeries([date(2026, 1, 1)], "Date"), "M", [np.datetime64("2026-01-01")]),
}


@pytest.mark.parametrize(("column", "kind", "entries"), PLAIN.values(), ids=PLAIN.keys())
def test_a_series_becomes_an_array_a_masked_array_or_a_list(column: Any, kind: str, entries: list[Any]) -> None:
    """Integers with gaps stay exact, and a gap is masked, NaT or None."""
    found_kind, found = shown(plain_column(column, is_nested=False))
    gaps = [None if isinstance(entry, np.datetime64) and np.isnat(entry) else entry for entry in found]
    assert (found_kind, gaps) == (kind, entries)


def test_lists_that_pandas_keeps_as_arrays_are_lists_again() -> None:
    """This holds at every level, and only in a column of lists or objects."""
    entries = [np.array([1.0]), {"a": np.array([[1], [2]])}, [np.array(["x"], dtype=object)], None, "text"]
    found = plain_column(PandasSeries(entries), is_nested=True)
    assert found == [[1.0], {"a": [[1], [2]]}, [["x"]], None, "text"]
    kept = plain_column(PandasSeries(entries), is_nested=False)
    assert kept[0] is entries[0]
    assert plain_column(PandasSeries([1.5], "f8"), is_nested=True).tolist() == [1.5]


def test_a_list_that_holds_itself_is_copied_to_a_depth() -> None:
    """The copy ends, and the index refuses the list as nested too deeply."""
    endless: list[Any] = []
    endless.append(endless)
    frame = PandasFrame([("timestamp", [0]), ("bucket_span", [1]), ("causes", PandasSeries([[{"a": endless}]]))])
    with pytest.raises(InvalidDocument, match="nested more than 100 levels"):
        ResultsIndex().upsert_columns(frame, job_id="web", kind="record")


def test_any_other_column_stays_as_it_is() -> None:
    """Arrays, lists and objects with an attribute for every name are no series."""

    class Everything:
        def __getattr__(self, name: str) -> Any:
            return lambda: name

    columns: list[Any] = [[1], np.array([1]), None, 5, "text", Everything(), LazyFrame()]
    for column in columns:
        assert plain_column(column, is_nested=False) is column
    assert columns_of(Everything()) is None
    assert columns_of(LazyFrame()) is None
    assert columns_of(PandasSeries([1])) is None
    assert not any(map(is_frame, [*columns, PandasSeries([1]), PolarsSeries([1], "Int64")]))


def test_a_frame_has_names_and_columns() -> None:
    """Names may repeat and need not be text."""
    one, two = PandasSeries([1]), PandasSeries([2])
    assert columns_of(PandasFrame([("a", one), (("a", 5), two), ("a", two)])) == [
        ("a", one),
        (("a", 5), two),
        ("a", two),
    ]
    series = PolarsSeries([1], "Int64", "a")
    assert columns_of(PolarsFrame([series])) == [("a", series)]
    assert is_frame(PandasFrame([]))
    assert is_frame(PolarsFrame([]))


@pytest.mark.parametrize("kind", ["bucket", None])
def test_a_frame_is_no_iterable_of_documents(kind: Any) -> None:
    """It iterates over names or series. The error of `upsert` names the method that takes a frame."""
    frames: list[Any] = [
        PandasFrame([("timestamp", PandasSeries([0]))]),
        PolarsFrame([PolarsSeries([0], "Int64", "timestamp")]),
    ]
    for frame in frames:
        with pytest.raises(
            InvalidDocument, match=rf"not one {type(frame).__name__}: \[upsert_columns\] takes"
        ) as caught:
            ResultsIndex().upsert(frame, kind=kind)
        assert (caught.value.field, caught.value.value) == ("documents", frame)


def stored_by(columns: Any, kind: Any = "bucket", **job: str) -> list[dict[str, Any]]:
    """The results that an index has after these columns are written, in time order."""
    index = ResultsIndex()
    index.upsert_columns(columns, kind=kind, **job)
    get: Any = index.get_buckets if kind == "bucket" else index.get_records
    body: list[dict[str, Any]] = get(job_id="web", sort="timestamp", desc=False).to_dict()[f"{kind}s"]
    return body


def test_a_frame_is_stored_like_its_columns() -> None:
    """Gaps of nullable series and nulls are missing."""
    columns: dict[str, Any] = {
        "job_id": ["web", "web"],
        "timestamp": np.array([0, DAY]),
        "bucket_span": np.array([60, 60]),
        "anomaly_score": np.ma.array([5.0, 0.0], mask=[False, True]),
        "event_count": np.ma.array([2**60 + 1, 0], mask=[False, True]),
        "is_interim": [None, True],
        "scheduled_events": [["a"], None],
    }
    pandas = PandasFrame(
        [
            ("job_id", PandasSeries(["web", "web"], ExtensionDtype("O"))),
            ("timestamp", PandasSeries([0, DAY], ExtensionDtype("M", "ms"))),
            ("bucket_span", PandasSeries([60, 60], "i8")),
            ("anomaly_score", PandasSeries([5.0, None], ExtensionDtype("f"))),
            ("event_count", PandasSeries([2**60 + 1, None], ExtensionDtype("i"))),
            ("is_interim", PandasSeries([None, True], ExtensionDtype("b"))),
            ("scheduled_events", PandasSeries([np.array(["a"]), NA])),
        ]
    )
    polars = PolarsFrame(
        [
            PolarsSeries(["web", "web"], "Categorical", "job_id"),
            PolarsSeries([date(1970, 1, 1), date(1970, 1, 2)], "Date", "timestamp"),
            PolarsSeries([60, 60], "Int64", "bucket_span"),
            PolarsSeries([5.0, None], "Float64", "anomaly_score"),
            PolarsSeries([2**60 + 1, None], "Int64", "event_count"),
            PolarsSeries([None, True], "Boolean", "is_interim"),
            PolarsSeries([["a"], None], "List(String)", "scheduled_events"),
        ]
    )
    expected = stored_by(columns)
    assert [row["event_count"] for row in expected] == [2**60 + 1, 0]
    assert stored_by(pandas) == expected
    assert stored_by(polars) == expected


def test_scores_come_from_a_frame_too() -> None:
    """`renormalize` takes a frame as it takes a mapping, and refuses other columns."""
    index = ResultsIndex()
    index.upsert_columns({"timestamp": [0, DAY], "bucket_span": 60}, job_id="web")
    named: list[tuple[str, Any]] = [
        ("timestamp", PandasSeries([0], "i8")),
        ("bucket_span", PandasSeries([60], "i8")),
        ("anomaly_score", PandasSeries([50], ExtensionDtype("i"))),
    ]
    assert index.renormalize("web", buckets=PandasFrame(named)).replaced == 1
    with pytest.raises(InvalidDocument, match="not one of"):
        index.renormalize("web", buckets=PandasFrame([*named, ("event_count", PandasSeries([1], "i8"))]))


# ---- with the libraries


def test_the_nullable_series_of_pandas_are_read() -> None:
    """Each dtype that has gaps, in a frame, by itself and as an extension array."""
    pd = pytest.importorskip("pandas")
    nullable = {
        "timestamp": pd.Series([0, DAY], dtype="Int64"),
        "bucket_span": pd.Series([60, 60], dtype="UInt16"),
        "anomaly_score": pd.Series([5.5, None], dtype="Float64"),
        "initial_anomaly_score": pd.Series([None, 5], dtype="Int8"),
        "event_count": pd.Series([2**60 + 1, None], dtype="Int64"),
        "is_interim": pd.Series([None, True], dtype="boolean"),
        "job_id": pd.Series(["web", "web"], dtype="string"),
        "result_type": pd.Series(["bucket", None], dtype="category"),
    }
    expected = [
        {"timestamp": 0, "anomaly_score": 5.5, "event_count": 2**60 + 1, "is_interim": False},
        {"timestamp": DAY, "initial_anomaly_score": 5.0, "anomaly_score": 0.0, "event_count": 0, "is_interim": True},
    ]
    frame = pd.DataFrame(nullable)
    arrays = {name: series.array for name, series in nullable.items()}
    indexes = {name: pd.Index(series) for name, series in nullable.items()}
    for given in (frame, nullable, arrays, indexes, frame.convert_dtypes(), frame.set_index(pd.Index([7, 3]))):
        found = stored_by(given)
        assert [{name: row[name] for name in one} for row, one in zip(found, expected, strict=True)] == expected
    index = ResultsIndex()
    index.upsert_columns(frame)
    assert index.get_buckets(job_id="web", anomaly_score=1e-300).count == 1


ZONES = ["UTC", "Europe/Paris", "America/New_York", None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ZONES)
def test_the_times_of_pandas_are_read_in_utc(unit: str, zone: str | None) -> None:
    """A time with a zone is that instant; a naive one counts as UTC."""
    pd = pytest.importorskip("pandas")
    times = pd.date_range("2026-01-01", periods=3, freq="7h", tz="UTC").as_unit(unit)
    given = times.tz_convert(zone) if zone else times.tz_localize(None)
    frame = pd.DataFrame({"timestamp": given, "bucket_span": 60})
    expected = [NEW_YEAR + row * 7 * 3_600_000 for row in range(3)]
    for columns in (frame, {"timestamp": given, "bucket_span": 60}, {"timestamp": list(times), "bucket_span": 60}):
        assert [row["timestamp"] for row in stored_by(columns, job_id="web")] == expected


def test_a_missing_time_of_pandas_is_refused() -> None:
    """A timestamp is required, so NaT is refused at its row, with and without a zone."""
    pd = pytest.importorskip("pandas")
    for zone in ZONES:
        times = pd.Series(pd.to_datetime(["2026-01-01", None]).tz_localize(zone))
        # A naive time of Python is refused, and a naive column counts as UTC.
        for given in (times, list(times)) if zone else (times,):
            with pytest.raises(InvalidDocument, match="is required") as caught:
                ResultsIndex().upsert_columns({"timestamp": given, "bucket_span": 60}, job_id="web")
            assert caught.value.field == "columns.timestamp[1]"


def test_the_columns_of_pyarrow_in_pandas_are_read() -> None:
    """Numbers, text, times with a zone, dates, lists and structs."""
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")

    def column(values: list[Any], of: Any) -> Any:
        return pd.Series(values, dtype=pd.ArrowDtype(of))

    structs = pa.list_(pa.struct([("probability", pa.float64()), ("actual", pa.list_(pa.float64()))]))
    frame = pd.DataFrame(
        {
            "timestamp": column([datetime(2026, 1, 1, tzinfo=UTC)] * 2, pa.timestamp("us", "Europe/Paris")),
            "bucket_span": column([60, 61], pa.int32()),
            "record_score": column([Decimal("80.5"), None], pa.decimal128(5, 2)),
            "multi_bucket_impact": column([None, 0.5], pa.float64()),
            "is_interim": column([True, None], pa.bool_()),
            "function": column(["mean", None], pa.string()),
            "field_name": column(["size", None], pa.dictionary(pa.int8(), pa.string())),
            "actual": column([[1.0, 2.0], None], pa.list_(pa.float64())),
            "causes": column([[{"probability": 0.5, "actual": [1.0]}], None], structs),
            "geo_results": column([{"actual_point": "1,2"}, None], pa.struct([("actual_point", pa.string())])),
        }
    )
    first, second = stored_by(frame, "record", job_id="web")
    assert (first["timestamp"], first["record_score"], first["is_interim"]) == (NEW_YEAR, 80.5, True)
    assert (first["function"], first["field_name"], first["actual"]) == ("mean", "size", [1.0, 2.0])
    assert (first["causes"], first["geo_results"]) == (
        [{"probability": 0.5, "actual": [1.0]}],
        {"actual_point": "1,2"},
    )
    assert second.keys() & {"function", "field_name", "actual", "causes", "geo_results"} == set()
    assert (second["record_score"], second["multi_bucket_impact"]) == (0.0, 0.5)
    dates = {"timestamp": column([date(2026, 1, 1)], pa.date32()), "bucket_span": 60}
    assert stored_by(dates, job_id="web")[0]["timestamp"] == NEW_YEAR


def test_the_objects_and_the_text_of_pandas_are_read() -> None:
    """A NaN in text of the type that pandas 3 has is a gap; lists in objects may be arrays."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "timestamp": [0, DAY],
            "bucket_span": [60, 60],
            "function": pd.array(["mean", None], dtype=pd.StringDtype(na_value=np.nan)),
            "actual": [np.array([1.5]), None],
            "typical": [2.5, 3.5],
            "causes": [{"actual": 1}, None],
        }
    )
    first, second = stored_by(frame, "record", job_id="web")
    assert (first["function"], first["actual"], first["typical"], first["causes"]) == (
        "mean",
        [1.5],
        [2.5],
        [{"actual": [1.0]}],
    )
    assert "function" not in second
    assert "actual" not in second


REFUSED_FRAMES: dict[str, tuple[dict[str, Any], str, str]] = {
    "nan in floats": ({"anomaly_score": [1.0, math.nan]}, "columns.anomaly_score[1]", "a null of a nullable column"),
    "nan in objects": ({"job_id": ["web", math.nan]}, "columns.job_id[1]", "must be text, not float"),
    "time spans": ({"event_count": [timedelta(1)] * 2}, "columns.event_count[0]", "must be an integer, not "),
}


@pytest.mark.parametrize(("columns", "path", "words"), REFUSED_FRAMES.values(), ids=REFUSED_FRAMES.keys())
def test_a_bad_entry_of_a_pandas_frame_is_refused(columns: dict[str, Any], path: str, words: str) -> None:
    """A NaN of a plain column is not a gap."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"job_id": "web", "timestamp": [0, DAY], "bucket_span": 60} | columns)
    if "job_id" in columns:
        frame = frame.astype({"job_id": object})
    with pytest.raises(InvalidDocument, match=words) as caught:
        ResultsIndex().upsert_columns(frame)
    assert caught.value.field == path


def test_the_names_of_a_pandas_frame_are_checked() -> None:
    """Names that repeat, that are not text or that have several levels are refused; an empty frame lacks columns."""
    pd = pytest.importorskip("pandas")
    twice = pd.DataFrame([[0, 60, 1.0, 2.0]], columns=["timestamp", "bucket_span", "anomaly_score", "anomaly_score"])
    levels = pd.DataFrame([[0, 60]], columns=pd.MultiIndex.from_tuples([("timestamp", "min"), ("bucket_span", "")]))
    frames = {
        "columns.anomaly_score": twice,
        "columns.timestamp.min": levels,
        "columns.0": pd.DataFrame([[0, 60]]),
        "columns.timestamp": pd.DataFrame(),
        "columns.timestamp_": pd.DataFrame({"timestamp_": [0]}),
        "columns": pd.Series([0]),
    }
    for path, frame in frames.items():
        with pytest.raises(InvalidDocument) as caught:
            ResultsIndex().upsert_columns(frame, job_id="web")
        assert caught.value.field == path
    empty = pd.DataFrame({"timestamp": [], "bucket_span": []})
    assert ResultsIndex().upsert_columns(empty, job_id="web").sequence == 0


def test_the_series_of_polars_are_read() -> None:
    """Each type that a field can have, with nulls, in a frame and by itself."""
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "timestamp": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)],
            "bucket_span": [60, 60],
            "record_score": [5.5, None],
            "detector_index": [None, 2],
            "is_interim": [True, None],
            "function": ["mean", None],
            "actual": [[1.0, 2.0], None],
            "typical": [None, 2.5],
            "causes": [[{"probability": 0.5}], None],
            "geo_results": [{"actual_point": "1,2"}, None],
            "probability": [Decimal("0.5"), None],
        }
    )
    frame = frame.with_columns(
        pl.col("timestamp").dt.convert_time_zone("Europe/Paris"),
        pl.col("function").cast(pl.Categorical).alias("function"),
        pl.col("function").cast(pl.Enum(["mean"])).alias("function_description"),
    )
    for given in (frame, dict(zip(frame.columns, frame.get_columns(), strict=True))):
        first, second = stored_by(given, "record", job_id="web")
        assert (first["timestamp"], second["timestamp"]) == (NEW_YEAR, NEW_YEAR + DAY)
        assert (first["record_score"], first["is_interim"], first["detector_index"]) == (5.5, True, 0)
        assert (first["function"], first["function_description"], first["probability"]) == ("mean", "mean", 0.5)
        assert (first["actual"], first["causes"]) == ([1.0, 2.0], [{"probability": 0.5}])
        assert first["geo_results"] == {"actual_point": "1,2"}
        assert (second["detector_index"], second["typical"], second["is_interim"]) == (2, [2.5], False)
        assert second.keys() & {"function", "actual", "causes", "geo_results"} == set()


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_the_times_of_polars_are_read_in_utc(unit: str) -> None:
    """A time with a zone is that instant; a naive one and a date count as UTC. A null is refused at its row."""
    pl = pytest.importorskip("polars")
    naive = pl.Series([datetime(2026, 1, 1), datetime(2026, 1, 2)], dtype=pl.Datetime(unit))  # noqa: DTZ001 - naive
    paris = naive.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Paris")
    for given in (naive, paris, naive.cast(pl.Date)):
        found = stored_by({"timestamp": given, "bucket_span": 60}, job_id="web")
        assert [row["timestamp"] for row in found] == [NEW_YEAR, NEW_YEAR + DAY]
        with pytest.raises(InvalidDocument, match="is required") as caught:
            ResultsIndex().upsert_columns({"timestamp": given.shift(1), "bucket_span": 60}, job_id="web")
        assert caught.value.field == "columns.timestamp[0]"


def test_a_lazy_frame_is_refused() -> None:
    """It has no columns before it is collected."""
    pl = pytest.importorskip("polars")
    for lazy in (pl.DataFrame({"timestamp": [0], "bucket_span": [1]}).lazy(), LazyFrame()):
        with pytest.raises(InvalidDocument, match="a pandas or polars frame, not LazyFrame") as caught:
            ResultsIndex().upsert_columns(lazy, job_id="web")
        assert caught.value.field == "columns"


def test_the_stand_ins_are_read_like_the_real_series() -> None:
    """A stand-in gives the same plain column as the series that it stands for."""
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    pairs: list[tuple[Any, Any]] = [
        (PandasSeries([1.5, 2.5], "f8"), pd.Series([1.5, 2.5])),
        (PandasSeries([1, None], ExtensionDtype("i")), pd.Series([1, None], dtype="Int64")),
        (PandasSeries([True, None], ExtensionDtype("b")), pd.Series([True, None], dtype="boolean")),
        (PandasSeries(["a", None], ExtensionDtype("O")), pd.Series(["a", None], dtype="string")),
        (PandasCategories([0, -1], ["a"]), pd.Series(["a", None], dtype="category")),
        (PandasCategories([0, -1], [5]), pd.Series([5, None], dtype="category")),
        (
            PandasSeries([NOON], ExtensionDtype("M", "us")),
            pd.Series(pd.to_datetime([NOON]).tz_localize("UTC").as_unit("us")),
        ),
        (PolarsSeries([1, None], "Int64"), pl.Series([1, None], dtype=pl.Int64)),
        (PolarsSeries([True, None], "Boolean"), pl.Series([True, None])),
        (PolarsSeries(["a", None], "String"), pl.Series(["a", None])),
        (PolarsSeries([NOON], "Datetime(us)"), pl.Series([NOON.item()], dtype=pl.Datetime("us"))),
    ]
    for stand_in, real in pairs:
        assert shown(plain_column(stand_in, is_nested=False)) == shown(plain_column(real, is_nested=False))
