"""Arrays to checked columns: arrays of any kind may hold the values that documents may hold."""

import math
from array import array
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bucketquery.errors import InvalidDocument, InvalidQuery
from bucketquery.ingest.arrays import read_columns
from bucketquery.ingest.documents import read_documents
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.results.stored_influencer import DifferingInfluencer, StoredInfluencer
from bucketquery.storage.segment import Segment
from support.helpers import JOB, SPAN_S, STEP, addresses, bucket, segment, segments_of, stored, without

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LAST = "9999-12-31T23:59:59.999"


def read(**columns: Any) -> Segment:
    """The segment that columns of one job become."""
    batch = read_columns(columns, JOB, "bucket")
    assert batch.skipped == {}
    (found,) = segments_of(batch)["bucket"].values()
    found.check()
    return found


def refusal(columns: Any, job_id: Any = JOB) -> InvalidDocument:
    """The error that these columns raise."""
    with pytest.raises(InvalidDocument) as caught:
        read_columns(columns, job_id, "bucket")
    return caught.value


def column(name: str, values: Any) -> npt.NDArray[Any]:
    """The stored values of one column."""
    timestamps = [row * STEP for row in range(len(values))]
    return read(timestamp=timestamps, bucket_span=SPAN_S, **{name: values}).column(name)


def test_columns_store_the_same_as_documents() -> None:
    """Lists, tuples, arrays of objects and masked arrays store the values that documents store."""
    documents = [
        bucket(2, anomaly_score=5, event_count=None, is_interim=True, scheduled_events=["a"], bucket_influencers=[{}]),
        bucket(0, anomaly_score=None, event_count=INT64_MAX, is_interim=None, scheduled_events=[]),
        bucket(2, anomaly_score=-0.0, event_count=0, is_interim=False, bucket_influencers=[{"anomaly_score": 3}]),
    ]
    names = sorted({name for document in documents for name in document} - {"job_id"})
    given = {name: [document.get(name) for document in documents] for name in names}
    expected = stored(segment(documents))
    assert stored(read(**given)) == expected
    assert stored(read(**{name: tuple(values) for name, values in given.items()})) == expected
    objects = {name: np.fromiter(values, dtype=object, count=3) for name, values in given.items()}
    assert stored(read(**objects)) == expected
    masked = {
        "anomaly_score": np.ma.array([5.0, math.nan, -0.0], mask=[False, True, False]),
        "event_count": np.ma.array([7, INT64_MAX, 0], mask=[True, False, False]),
        "is_interim": np.ma.array([True, True, False], mask=[False, True, False]),
    }
    assert stored(read(**{**given, **masked})) == expected


def test_the_job_is_an_argument_or_a_column() -> None:
    """Exactly one of the two must be given. A column may name several jobs."""
    batch = read_columns({"timestamp": [0, 1, 2], "bucket_span": 1, "job_id": ["b", "a", "b"]}, None, "bucket")
    assert {job_id: found.length for job_id, found in segments_of(batch)["bucket"].items()} == {"b": 2, "a": 1}
    names = np.array(["b", "a"])
    batch = read_columns({"timestamp": [0, 1], "bucket_span": 1, "job_id": names}, None, "bucket")
    assert sorted(segments_of(batch)["bucket"]) == ["a", "b"]
    assert refusal({"timestamp": [0], "bucket_span": 1}, None).field == "columns.job_id"
    assert refusal({"timestamp": [0], "bucket_span": 1, "job_id": ["a"]}, "a").field == "job_id"
    assert refusal({"timestamp": [0], "bucket_span": 1, "job_id": ["a*"]}, None).field == "columns.job_id[0]"
    hidden = np.ma.array(["a", "b"], mask=[False, True])
    assert refusal({"timestamp": [0, 1], "bucket_span": 1, "job_id": hidden}, None).field == "columns.job_id[1]"
    with pytest.raises(InvalidQuery) as caught:
        read_columns({"timestamp": [0], "bucket_span": 1}, "a*", "bucket")
    assert caught.value.field == "job_id"


def test_columns_are_copied_and_not_modified() -> None:
    """The segment shares no memory with the caller's arrays, which keep their values."""
    given: dict[str, npt.NDArray[Any]] = {
        "timestamp": np.array([0, STEP]),
        "bucket_span": np.array([SPAN_S, SPAN_S]),
        "anomaly_score": np.array([1.0, -0.0]),
        "initial_anomaly_score": np.array([1.0, 2.0]),
        "event_count": np.array([1, 2]),
        "is_interim": np.array([True, False]),
        "processing_time_ms": np.array([1, 2]),
        "scheduled_events": np.fromiter([["a"], None], dtype=object, count=2),
    }
    before = {name: values.tolist() for name, values in given.items()}
    found = read(**given)
    for name, values in given.items():
        assert values.tolist() == before[name]
        assert not any(np.shares_memory(values, stored_values) for stored_values in found.columns.values())
        values.flags.writeable = False
    expected = stored(found)
    assert stored(read(**given)) == expected, "a read-only array can be read"
    frozen: Mapping[str, Any] = MappingProxyType(given)
    assert stored(segments_of(read_columns(frozen, JOB, "bucket"))["bucket"][JOB]) == expected
    given["anomaly_score"].flags.writeable = True
    given["anomaly_score"][:] = 9.0
    assert stored(found) == expected
    assert addresses(found).keys() == {*found.columns, "rows of scheduled_events", "values of scheduled_events"}


TIMESTAMPS: list[tuple[Any, list[int]]] = [
    (np.array([-5, FIRST_MS, LAST_MS]), [FIRST_MS, -5, LAST_MS]),
    (np.array([5, 6], dtype=np.uint64), [5, 6]),
    (np.array([5, 6], dtype=np.int8), [5, 6]),
    (np.array([5.0, 6.0]), [5, 6]),
    (np.array([5, 6], dtype=np.float16), [5, 6]),
    (np.array([5, 6], dtype=np.longdouble), [5, 6]),
    (np.array([5, 6], dtype=">i4"), [5, 6]),
    (np.array(["1970-01-01", "0001-01-01"], dtype="M8[D]"), [FIRST_MS, 0]),
    (np.array([LAST], dtype="M8[ms]"), [LAST_MS]),
    (np.array([LAST + "999"], dtype="M8[us]"), [LAST_MS]),
    (np.array([-1, 1_999_999], dtype="M8[ns]"), [-1, 1]),
    (np.array([-1], dtype="M8[as]"), [-1]),
    (np.array(["0001", "9999"], dtype="M8[Y]"), [FIRST_MS, 253_370_764_800_000]),
    (np.array(["1970-02"], dtype="M8[M]"), [31 * 86_400_000]),
    (np.array([2], dtype="M8[25s]"), [50_000]),
    (np.array(["1970-01-01", "1970-01-01T00:00:00.005Z"]), [0, 5]),
    (["1970-01-01", 5, np.datetime64(6, "ms"), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)], [0, 5, 6, 1_000]),
    (array("q", [5, 6]), [5, 6]),
    (deque([5, 6]), [5, 6]),
    (range(5, 7), [5, 6]),
]


@pytest.mark.parametrize(("timestamps", "expected"), TIMESTAMPS, ids=lambda part: repr(part)[:50])
def test_timestamps_come_in_any_array(timestamps: Any, expected: list[int]) -> None:
    """Numbers of any width and byte order, datetime64 of any unit, and dates are floored to milliseconds."""
    assert read(timestamp=timestamps, bucket_span=1).column("timestamp").tolist() == expected


BAD_TIMESTAMPS: list[tuple[Any, int]] = [
    (np.array([0, FIRST_MS - 1]), 1),
    (np.array([LAST_MS + 1]), 0),
    (np.array([0, 2**63], dtype=np.uint64), 1),
    (np.array([0.5]), 0),
    (np.array([math.nan]), 0),
    (np.array([math.inf], dtype=np.float16), 0),
    (np.array([2.0**63], dtype=np.float32), 0),
    (np.array(["NaT"], dtype="M8[ms]"), 0),
    (np.array(["NaT"], dtype="M8"), 0),
    (np.array(["2020-01-01", "9999-12-31", "12000-01-01"], dtype="M8[D]"), 2),
    (np.array([INT64_MAX], dtype="M8[Y]"), 0),
    (np.array([INT64_MAX, 0], dtype="M8[s]"), 0),
    (np.array([2**62], dtype="M8[100ns]"), 0),
    (np.array([-102_738], dtype="M8[W]"), 0),
    (np.array([True]), 0),
    (np.array([1j]), 0),
    (np.array([b"2020-01-01"]), 0),
    (np.ma.array([0, 5], mask=[False, True]), 1),
    ([0, None], 1),
    (["1970"], 0),
    ([[5]], 0),
]


@pytest.mark.parametrize(("timestamps", "row"), BAD_TIMESTAMPS)
def test_a_bad_timestamp_is_named_by_its_row(timestamps: Any, row: int) -> None:
    """A timestamp that is refused in a document is refused in a column too."""
    assert refusal({"timestamp": timestamps, "bucket_span": 1}).field == f"columns.timestamp[{row}]"


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s", "D", "M", "Y", "generic"])
@pytest.mark.parametrize("name", ["timestamp", "bucket_span", "event_count", "anomaly_score"])
def test_a_timedelta64_is_not_a_number(name: str, unit: str) -> None:
    """Arrays and lists of any unit are refused, because `tolist` turns some units into bare integers."""
    lengths = np.array([5], dtype="m8" if unit == "generic" else f"m8[{unit}]")
    for values in (lengths, list(lengths), lengths.astype(object) if unit in ("ms", "s", "D") else list(lengths)):
        columns = {"timestamp": [0], "bucket_span": 1, name: values}
        assert refusal(columns).field == f"columns.{name}[0]"


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (np.int64, [INT64_MIN, INT64_MAX]),
        (np.uint8, [0, 255]),
        (np.float64, [-(2.0**63), 2.0**62]),
        (np.float16, [-3, 2048]),
        (np.longdouble, [2**53 + 1, INT64_MIN]),
        (">i2", [-3, 4]),
    ],
)
def test_counts_come_in_any_array_of_numbers(dtype: Any, values: list[Any]) -> None:
    """Each number must be whole and in the range of int64."""
    found = column("event_count", np.array(values, dtype=dtype))
    assert found.tolist() == values
    assert found.dtype == np.int64


def test_scores_come_in_any_array_of_numbers() -> None:
    """Scores must be finite and are stored as doubles; -0.0 becomes 0.0."""
    assert column("anomaly_score", np.array([1, 2], dtype=np.int8)).tolist() == [1.0, 2.0]
    assert column("anomaly_score", np.array([0.5], dtype=np.float32)).tolist() == [0.5]
    assert column("anomaly_score", np.array([2**64 - 1], dtype=np.uint64)).tolist() == [2.0**64]
    assert not np.signbit(column("anomaly_score", np.array([-0.0]))).any()
    assert not np.signbit(column("anomaly_score", [-0.0, 1])).any()
    bad: list[Any] = [[0.0, math.nan], [0.0, math.inf], ["5"] * 2, [True] * 2, [1j] * 2]
    for values in bad:
        columns = {"timestamp": [0, 1], "bucket_span": 1, "anomaly_score": np.array(values)}
        assert refusal(columns).field.rpartition("[")[0] == "columns.anomaly_score"  # type: ignore[union-attr] # a path


def test_a_score_outside_the_range_of_a_double_is_refused_without_a_warning() -> None:
    """A long double may be finite and still be infinite as a double."""
    wide = np.array(["1", "1e4000"], dtype=np.longdouble)
    if not np.isfinite(wide[1]):
        pytest.skip("a long double is a double here")
    columns = {"timestamp": [0, 1], "bucket_span": 1, "anomaly_score": wide}
    assert refusal(columns).field == "columns.anomaly_score[1]"


def test_flags_are_booleans() -> None:
    """Numbers are refused, even 0 and 1."""
    assert column("is_interim", np.array([True, False])).tolist() == [True, False]
    assert column("is_interim", [np.True_, None]).tolist() == [True, False]
    for values in (np.array([0, 1]), np.array([0.0, 1.0]), np.array(["true", "false"]), [0, 1]):
        columns = {"timestamp": [0, 1], "bucket_span": 1, "is_interim": values}
        assert refusal(columns).field == "columns.is_interim[0]"


def test_keywords_come_in_any_array_of_text() -> None:
    """Numbers are refused, even as an array."""
    columns: dict[str, Any] = {"timestamp": [0, 1], "bucket_span": 1, "function": np.array(["mean", "max"])}
    documents = [
        {"job_id": JOB, "timestamp": at, "bucket_span": 1, "function": of} for at, of in ((0, "mean"), (1, "max"))
    ]
    found = segments_of(read_columns(columns, JOB, "record"))["record"][JOB]
    assert stored(found) == stored(segments_of(read_documents(documents, "record"))["record"][JOB])
    with pytest.raises(InvalidDocument) as caught:
        read_columns(columns | {"function": np.array([1, 2])}, JOB, "record")
    assert caught.value.field == "columns.function[0]"


def test_one_span_may_serve_all_rows() -> None:
    """The span may be a number of any type. The rules are those for an entry of an array."""
    for span in (300, 300.0, np.int16(300), np.array(300)):
        assert read(timestamp=[0, 1], bucket_span=span).column("bucket_span").tolist() == [300, 300]
    for bad in (0, True, np.True_, 0.5, math.nan, 2**63, np.array(0)):
        assert refusal({"timestamp": [0, 1], "bucket_span": bad}).field == "columns.bucket_span"
    assert refusal({"timestamp": [0, 1], "bucket_span": np.array([300, 0])}).field == "columns.bucket_span[1]"


def test_masked_entries_are_missing_whatever_their_values_are() -> None:
    """A masked entry may hold a value that would be refused. A mask that hides nothing is not stored."""
    scores = np.ma.array([math.nan, 5.0], mask=[True, False])
    counts = np.ma.array([math.inf, 5.0], mask=[True, False])
    timestamps = np.ma.array([0, STEP], mask=False)
    found = read(
        timestamp=timestamps, bucket_span=1, anomaly_score=scores, event_count=counts, is_interim=[True, False]
    )
    assert stored(found)[0][2:5] == (None, None, None)
    assert stored(found)[1][2:5] == (5.0, None, 5)
    assert sorted(found.present) == ["event_count", "processing_time_ms"]
    events = np.ma.array(np.fromiter([["a"], ["b"]], dtype=object, count=2), mask=[True, False])
    assert read(timestamp=timestamps, bucket_span=1, scheduled_events=events).lists_at(
        "scheduled_events", slice(0, 2)
    ) == [
        (),
        ("b",),
    ]


def test_a_column_of_masked_records_is_refused() -> None:
    """Its mask has a flag for each part of an entry; the error still names the column."""
    parts: Any = np.ma.array([(1,)], dtype=[("count", np.int64)], mask=[(True,)])
    assert "columns.event_count" in str(refusal({"timestamp": [0], "bucket_span": 1, "event_count": parts}).field)


@pytest.mark.parametrize(
    "events",
    [deque([["a"], ["b"]]), deque([["a"], ["b", "c"]]), deque([["a"], None])],
    ids=["one length", "two lengths", "missing"],
)
def test_lists_come_in_any_sequence(events: deque[list[str] | None]) -> None:
    """A sequence of lists is not read as a 2-d array, whether the lists have one length or several."""
    found = read(timestamp=[0, 1], bucket_span=1, scheduled_events=events)
    assert found.lists_at("scheduled_events", slice(0, 2)) == [tuple(some or ()) for some in events]


def test_nested_influencers_belong_to_their_row() -> None:
    """Each takes from its row the job, timestamp, span and `is_interim` that it does not have."""
    columns = {
        "timestamp": [1, 0],
        "bucket_span": [60, 300],
        "is_interim": [True, None],
        "bucket_influencers": [[{}], [{}]],
    }
    found = read(**columns)
    assert found.lists_at("bucket_influencers", slice(0, 2)) == [
        (StoredInfluencer(None, 0.0, 0.0, 0.0, 0.0, is_interim=False),),
        (StoredInfluencer(None, 0.0, 0.0, 0.0, 0.0, is_interim=True),),
    ]
    own: list[dict[str, Any]] = [{"timestamp": 0}, {"bucket_span": 300}, {"job_id": "db"}]
    for given in own:
        (first, other), _ = read(**{**columns, "bucket_influencers": [[{}], [{}, given]]}).lists_at(
            "bucket_influencers", slice(0, 2)
        )
        assert isinstance(first, StoredInfluencer)
        # The second row has the job of all rows, and comes first.
        is_of_row = given in ({"timestamp": 0}, {"bucket_span": 300})
        assert isinstance(other, StoredInfluencer if is_of_row else DifferingInfluencer)
    wrong: list[dict[str, Any]] = [{"timestamp": "x"}, {"bucket_span": 0}, {"job_id": "-"}]
    for given in wrong:
        bad = {**columns, "bucket_influencers": [[{}, given], [{}]]}
        assert refusal(bad).field == f"columns.bucket_influencers[0][1].{next(iter(given))}"


def test_the_type_may_be_a_column() -> None:
    """Each entry must be the kind of the batch or None."""
    columns: dict[str, Any] = {"timestamp": [0, 1], "bucket_span": 1}
    assert read(**columns, result_type=["bucket", None]).length == 2
    assert read(**columns, result_type=np.array(["bucket", "bucket"])).length == 2
    assert refusal({**columns, "result_type": ["bucket", "record"]}).field == "columns.result_type[1]"


MISSHAPEN: list[tuple[dict[str, Any], str]] = [
    ({"timestamp": [0]}, "columns.bucket_span"),
    ({"bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": None, "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": [0], "bucket_span": 1, "score": [1]}, "columns.score"),
    ({"timestamp": [0], "bucket_span": 1, 5: [1]}, "columns.5"),  # type: ignore[dict-item] # the test expects a refusal
    ({"timestamp": [0], "bucket_span": [1, 2]}, "columns.bucket_span"),
    ({"timestamp": [0], "bucket_span": 1, "event_count": []}, "columns.event_count"),
    ({"timestamp": 0, "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": "0", "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": {0: 1}, "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": {0}, "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": iter([0]), "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": np.zeros((1, 1)), "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": np.zeros(1, dtype=[("time", np.int64)]), "bucket_span": 1}, "columns.timestamp"),
    ({"timestamp": [0], "bucket_span": np.zeros((1, 1))}, "columns.bucket_span"),
    ({"timestamp": [0], "bucket_span": "1"}, "columns.bucket_span"),
]


@pytest.mark.parametrize(("columns", "path"), MISSHAPEN, ids=lambda part: repr(part)[:60])
def test_columns_are_1d_equally_long_and_named_as_fields(columns: dict[str, Any], path: str) -> None:
    """The error names the column. A required column that is missing is named too."""
    error = refusal(columns)
    assert error.field == path
    assert error.reason.startswith(f"failed to parse [{path}]: ")


@pytest.mark.parametrize("columns", [None, [], [("timestamp", [0])], np.zeros(1)])
def test_columns_come_by_name(columns: Any) -> None:
    """Anything but a mapping is refused."""
    assert refusal(columns).field == "columns"


NO_TIMESTAMPS: list[Any] = [
    [],
    (),
    np.array([]),
    np.array([], dtype="M8[ns]"),
    np.array([], dtype="M8"),
    np.ma.array([], dtype=np.int64),
]


@pytest.mark.parametrize("timestamps", NO_TIMESTAMPS, ids=repr)
def test_columns_without_rows_make_an_empty_batch(timestamps: Any) -> None:
    """The columns may be lists, tuples, arrays or masked arrays."""
    spans: list[Any] = [1, [], np.array([], dtype=np.int64)]
    for span in spans:
        batch = read_columns({"timestamp": timestamps, "bucket_span": span, "scheduled_events": []}, JOB, "bucket")
        assert segments_of(batch) == {"bucket": {}}


def test_a_column_left_out_is_missing() -> None:
    """A column that is None counts as left out."""
    alone = read(timestamp=[0], bucket_span=1)
    assert stored(alone) == [(0, 1, None, None, None, None, None, (), (), ())]
    assert stored(read(timestamp=[0], bucket_span=1, event_count=None)) == stored(alone)
    assert stored(alone) == stored(segment([without(bucket(0, bucket_span=1), "event_count")]))


INSTANT_COLUMNS: list[tuple[Any, list[int | None]]] = [
    (None, [None, None, None]),
    ([None] * 3, [None, None, None]),
    ([5, None, 0], [5, None, 0]),
    (("1970-01-01", -1.0, None), [0, -1, None]),
    (np.array([5, 6, 0], dtype=np.int32), [5, 6, 0]),
    (np.array([5.0, -6.0, 0.0]), [5, -6, 0]),
    (np.array([5, 6, 7], dtype="datetime64[s]"), [5_000, 6_000, 7_000]),
    (np.array([5, None, 7], dtype=object), [5, None, 7]),
    (np.ma.array([5, 0, 7], mask=[True, False, True]), [None, 0, None]),
    (np.ma.array([5, 6, 7], mask=[False] * 3), [5, 6, 7]),
    (np.ma.array([5, 6, 7], mask=[False, True, True], dtype="datetime64[ms]"), [5, None, None]),
]


@pytest.mark.parametrize(("given", "expected"), INSTANT_COLUMNS, ids=lambda part: repr(part)[:60])
@pytest.mark.parametrize("kind", ["bucket", "record", "influencer"])
def test_a_column_of_instants_may_have_gaps(given: Any, expected: list[int | None], kind: Any) -> None:
    """The column `event.ingested` holds what a timestamp may be. A gap is not stored, and 0 is."""
    before = None if given is None else [*given]
    batch = read_columns({"timestamp": [0, 1, 2], "bucket_span": 1, "event.ingested": given}, JOB, kind)
    found = segments_of(batch)[kind][JOB]
    found.check()
    lists = found.lists.get("event.ingested")
    stored_instants = [None] * 3 if lists is None else [row or None for row in lists.between(0, 3)]
    assert [instant or None for instant in expected] == stored_instants
    assert (0 if lists is None else lists.length) == sum(instant is not None for instant in expected)
    if isinstance(given, np.ndarray):
        assert lists is not None
        assert not np.shares_memory(lists.values, given)
        assert repr([*given]) == repr(before)


BAD_INSTANTS: list[tuple[Any, str]] = [
    ([0, "now"], "event.ingested[1]"),
    (np.array([0.5, 0.0]), "event.ingested[0]"),
    (np.array([0, LAST_MS + 1]), "event.ingested[1]"),
    (np.array([True, False]), "event.ingested[0]"),
    ([0], "event.ingested"),
    (np.zeros((2, 1)), "event.ingested"),
]


@pytest.mark.parametrize(("given", "path"), BAD_INSTANTS, ids=lambda part: repr(part)[:60])
def test_a_bad_column_of_instants_is_refused(given: Any, path: str) -> None:
    """The path has the name of the column. A column of the objects themselves is refused."""
    columns = {"timestamp": [0, 1], "bucket_span": 1, "event.ingested": given}
    assert refusal(columns).field == f"columns.{path}"
    assert refusal({"timestamp": [0], "bucket_span": 1, "event": [{"ingested": 0}]}).field == "columns.event"


class Raising(str):
    """Text that raises when it is read as a sequence."""

    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError("no method is called")


def test_a_single_value_in_place_of_a_column_is_refused() -> None:
    """No method of its class is called."""
    for given in (Raising("web"), "web", 5, np.array(5)):
        assert refusal({"timestamp": given, "bucket_span": 1}).field == "columns.timestamp"


class Name(StrEnum):
    """Texts of another class, which count by their base type."""

    WEB = "web"
    MEAN = "mean"


def test_texts_of_another_class_are_read_one_by_one() -> None:
    """Jobs and keywords of such a class are stored as built-in text."""
    columns = {"timestamp": [0, 1], "bucket_span": 1, "job_id": [Name.WEB, "db"], "function": [Name.MEAN, None]}
    batch = read_columns(columns, None, "record")
    found = segments_of(batch)["record"]
    assert [*found] == ["web", "db"]
    assert [found[job].values("function", slice(0, 1)).tolist() for job in found] == [["mean"], [None]]
    assert all(type(job) is str for job in found)
