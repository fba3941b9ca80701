"""Arrow in: what producers hand over, what happens if they fail, and what happens without nanoarrow."""

import gc
import sys
from typing import Any

import nanoarrow
import numpy as np
import pytest

from bucketquery import BucketQueryError, InvalidDocument, ResultsIndex
from bucketquery.ingest.arrow import ArrowColumn, arrow_column, arrow_columns, can_read_arrow, is_arrow
from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.texts import Texts
from support.arrow_arrays import StandIn, codes, columns, exported, lists, numbers, producer, struct, table, texts
from support.frames import PandasFrame, PandasSeries, PolarsSeries

LONG = "a text of more than twelve bytes"
ROWS = 3


def given() -> StandIn:
    """A table of three buckets."""
    return columns(
        ROWS,
        timestamp=numbers("tsm:UTC", [0, 1_000, 2_000]),
        bucket_span=numbers("i", [60] * ROWS),
        anomaly_score=numbers("g", [5.0, None, 7.0]),
        scheduled_events=texts("vu", [LONG, None, "b"]),
    )


@pytest.fixture
def without_nanoarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python without nanoarrow."""
    monkeypatch.setitem(sys.modules, "nanoarrow", None)


def test_the_class_says_whether_an_object_gives_arrow_data() -> None:
    """An object may have an attribute for every name, and a class is no producer itself."""

    class Everything:
        def __getattr__(self, name: str) -> Any:
            return lambda: name

    assert is_arrow(table(given()))
    assert is_arrow(table(given(), as_array=True))
    some: list[Any] = [Everything(), {}, [1], np.zeros(1), None, 5, type(table(given())), PandasSeries([1])]
    assert not any(map(is_arrow, some))


def test_a_table_gives_its_columns() -> None:
    """Columns are not read before they are asked for, so an unknown type is refused with its name."""
    named = arrow_columns("columns", table(given(), given()))
    assert [name for name, _ in named] == ["timestamp", "bucket_span", "anomaly_score", "scheduled_events"]
    found = dict(named)
    assert type(found["timestamp"]) is ArrowColumn
    scores, events = found["anomaly_score"].plain(), found["scheduled_events"].plain()
    assert np.ma.asarray(scores).tolist() == [5.0, None, 7.0] * 2
    assert isinstance(events, Texts)
    assert events.entries() == [LONG, None, "b"] * 2
    times = columns(1, time=StandIn("tts", 1, [None, np.zeros(1, "i4")]))
    ((_, column),) = arrow_columns("columns", table(times))
    with pytest.raises(Unfit, match=r"\[time\]"):
        column.plain()


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (numbers("l", [1]), "int64"),
        (numbers("g", [1.0]), "float64"),
        (numbers("tsu:UTC", [1]), "timestamp"),
        (numbers("tdD", [1]), "date32"),
        (numbers("b", [True]), "bool"),
        (texts("vu", ["a"]), "string_view"),
        (lists("+L", [1], numbers("l", [1])), "list"),
    ],
)
def test_an_array_is_no_table(array: StandIn, name: str) -> None:
    """The error has the name of the array's type, and not its code in the format of Arrow."""
    with pytest.raises(
        InvalidDocument, match=rf"\[columns\]: must be a table, not an array of the Arrow type \[{name}\]"
    ):
        arrow_columns("columns", table(array))


def test_one_array_is_a_column() -> None:
    """A stream has the rows of all its arrays."""
    assert np.asarray(arrow_column("x", table(numbers("l", [1]), numbers("l", [2]))).plain()).tolist() == [1, 2]
    assert np.asarray(arrow_column("x", exported(numbers("l", [1, 2]))).plain()).tolist() == [1, 2]


def test_arrays_outlive_their_producer() -> None:
    """A view keeps the memory that it shows, and nothing else is needed for that."""
    numbers_of = arrow_column("x", table(numbers("l", [*range(10_000)]))).plain()
    whole = dict(arrow_columns("columns", table(columns(10_000, n=numbers("l", [*range(10_000)])))))["n"].plain()
    gc.collect()
    others = [np.full(10_000, 7) for _ in range(20)]
    assert np.array_equal(np.asarray(numbers_of), np.arange(10_000))
    assert np.array_equal(np.asarray(whole), np.arange(10_000))
    assert len(others) == 20


def test_long_views_of_text_are_read_many_times() -> None:
    """A copy of such an array by nanoarrow 0.9.0 corrupts memory, so none is made."""
    values = [f"{LONG} {row}" for row in range(500)]
    for batch in range(100):
        expected = [f"{value} {batch}" for value in values]
        ((_, column),) = arrow_columns("x", table(columns(500, a=texts("vu", expected))))
        found = column.plain()
        assert isinstance(found, Texts)
        assert found.entries() == expected


# ---- producers that fail


def test_an_error_of_the_producer_passes_through() -> None:
    """It is not known what it means."""

    def fail() -> Any:
        raise LookupError("no such table")

    for method in ("__arrow_c_stream__", "__arrow_c_array__"):
        with pytest.raises(LookupError, match="no such table"):
            ResultsIndex().upsert_columns(producer(method, fail), job_id="web")


@pytest.mark.parametrize("handed", [5, None, "text", (1, 2), object()], ids=repr)
@pytest.mark.parametrize("method", ["__arrow_c_stream__", "__arrow_c_array__"])
def test_a_producer_must_hand_over_capsules(method: str, handed: Any) -> None:
    """Anything else is refused, in a table and in a column."""
    some = producer(method, lambda: handed)
    for columns_given, path in ((some, "columns"), ({"timestamp": some, "bucket_span": 60}, "columns.timestamp")):
        with pytest.raises(InvalidDocument, match=rf"failed to read \[{path}\]") as caught:
            ResultsIndex().upsert_columns(columns_given, job_id="web")
        assert caught.value.field == path


def test_a_stream_that_fails_is_refused_with_the_words_of_nanoarrow() -> None:
    """Here the stream was released before."""
    stream = table(given()).__arrow_c_stream__()
    nanoarrow.c_array_stream(stream).release()
    once = producer("__arrow_c_stream__", lambda: stream)
    with pytest.raises(InvalidDocument, match=r"failed to read \[columns\]: array stream is released") as caught:
        ResultsIndex().upsert_columns(once, job_id="web")
    assert (caught.value.field, caught.value.value) == ("columns", once)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    """No reader goes down to its end."""
    deep = numbers("l", [1])
    for _ in range(120):
        deep = struct([deep], 1)
    with pytest.raises(InvalidDocument, match="must not be nested more than 100 levels deep") as caught:
        ResultsIndex().upsert_columns(table(columns(1, timestamp=deep)), job_id="web")
    assert caught.value.field == "columns"


def test_the_arrays_of_a_stream_are_those_of_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """A struct with fewer children than its type is refused, and no memory beside it is read."""
    whole, short = given(), struct([numbers("l", [0] * ROWS)], ROWS)
    from bucketquery.ingest.arrow_parts import type_of  # noqa: PLC0415 - for this test only

    monkeypatch.setattr("bucketquery.ingest.arrow._taken", lambda *_: (type_of(whole), [short]))
    with pytest.raises(InvalidDocument, match="it has 1 children and should have 4") as caught:
        ResultsIndex().upsert_columns(table(whole), job_id="web")
    assert caught.value.field == "columns"


# ---- without nanoarrow


@pytest.mark.usefixtures("without_nanoarrow")
def test_a_table_needs_the_extra() -> None:
    """The error names it."""
    assert not can_read_arrow()
    some = producer("__arrow_c_stream__", lambda: None)
    for call in (
        lambda: ResultsIndex().upsert_columns(some, job_id="web"),
        lambda: arrow_column("columns.x", some),
    ):
        with pytest.raises(ImportError, match=r"pip install 'bucketquery\[arrow\]'") as caught:
            call()
        assert caught.value.name == "nanoarrow"


class Series(PolarsSeries):
    """A series of polars with the PyCapsule interface, which gives other entries."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        values = texts("u", ["through-arrow"])
        return table(codes("i", [0] * len(self.values), values)).__arrow_c_stream__()


class Array:
    """An array of another library, which NumPy can read too."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: object = None) -> Any:
        return np.array(self.values)

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return table(numbers("l", [1_000 + value for value in self.values])).__arrow_c_stream__()


def test_a_column_of_a_mapping_is_read_by_numpy_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nanoarrow its Arrow data are read."""
    mapping = {"timestamp": Array([0, 5]), "bucket_span": 60}
    index = ResultsIndex()
    index.upsert_columns(mapping, job_id="with")
    monkeypatch.setitem(sys.modules, "nanoarrow", None)
    index.upsert_columns(mapping, job_id="without")
    found = [index.get_buckets(job_id=job).column("timestamp").tolist() for job in ("with", "without")]
    assert found == [[1_000, 1_005], [0, 5]]


def test_only_the_codes_of_polars_come_through_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other series are read without: that is as fast, and the answer needs no extra."""
    index = ResultsIndex()

    def write(of: str, job: str) -> str:
        column = Series(["direct"], of)
        index.upsert_columns({"timestamp": [0], "bucket_span": 60, "function": column}, job_id=job, kind="record")
        found = index.get_records(job_id=job)[0].function
        assert found is not None
        return found

    assert write("String", "a") == "direct"
    assert write("Categorical(Categories(''))", "b") == write("Enum(categories=['a'])", "c") == "through-arrow"
    monkeypatch.setitem(sys.modules, "nanoarrow", None)
    assert write("Categorical(Categories(''))", "d") == "direct"


def test_a_frame_of_pandas_is_not_read_through_arrow() -> None:
    """Its own export needs pyarrow, turns NaN into null, and cannot hand over lists of objects."""

    class Frame(PandasFrame):
        def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
            raise AssertionError

    frame = Frame([("timestamp", PandasSeries([0], "i8")), ("bucket_span", PandasSeries([60], "i8"))])
    assert ResultsIndex().upsert_columns(frame, job_id="web").inserted == 1


def test_a_bad_table_changes_nothing() -> None:
    """It is read before the writer's lock is taken."""
    index = ResultsIndex()
    index.upsert_columns(table(given()), job_id="web")
    bad: list[Any] = [table(numbers("l", [1])), table(columns(1, timestamp=StandIn("tts", 1, [None, np.zeros(1)])))]
    for one in bad:
        with pytest.raises(BucketQueryError):
            index.upsert_columns(one, job_id="web")
    assert (index.sequence, index.get_buckets(job_id="web").count) == (1, ROWS)
