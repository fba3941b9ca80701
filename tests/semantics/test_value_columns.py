"""Our decisions on columns and on the types of a value: entries of other libraries, frames and series, gaps."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQueryError, Kind
from support.document_tables import (
    SIZES,
    T0,
    BadColumns,
    SameAs,
    assert_bad_columns,
    assert_same_as,
    invalid_document,
)
from support.semantics_tables import (
    CALLS,
    HOUR_S,
    JOB,
    SCORES,
    assert_refusal,
    assert_same_body,
    each_row,
    index_of,
    result,
)

HOUR_MS = 3_600_000
TIMES = [T0, T0 + HOUR_MS]
BASIC: dict[str, Any] = {"timestamp": TIMES, "bucket_span": HOUR_S}


class Number(IntEnum):
    """Integers with names."""

    FIVE = 5
    SIX = 6


class Word(str, Enum):  # noqa: UP042 - the classes that people have are older than `StrEnum`
    """Texts with names."""

    A = "a"
    JOB = "web"


class Unhashable(str):
    """Text that is no key of a dict."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # the class has no hash on purpose


def objects(*values: Any) -> Any:
    """An array of these objects."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def columns(kind: Kind, claim: str, field: str, column: Any, values: tuple[Any, Any]) -> SameAs:
    """A column of two results, and the values of the same documents; None is missing."""
    documents = [result(kind, time) | {field: value} for time, value in zip(TIMES, values, strict=True)]
    return SameAs("20.values", f"{kind} {field}: {claim}", kind, BASIC | {field: column}, documents, "20.columns")


ENTRIES = [
    row
    for kind, score in SCORES.items()
    for row in (
        columns(kind, "decimals", score, [Decimal("1.5"), Decimal(2)], (1.5, 2.0)),
        columns(kind, "decimals in an array", score, objects(Decimal("1.5"), None), (1.5, None)),
        columns(kind, "names", score, [Number.FIVE, None], (5.0, None)),
        columns(kind, "arrays without dimensions", score, [np.array(1.5), np.array(2)], (1.5, 2.0)),
        columns(kind, "half precision", score, np.array([0.5, 2], np.float16), (0.5, 2.0)),
        columns(kind, "long doubles", score, np.array([0.5, 2], np.longdouble), (0.5, 2.0)),
        columns(kind, "NaT in a list", score, [1.5, np.datetime64("NaT")], (1.5, None)),
        columns(kind, "booleans", "is_interim", [np.bool_(True), np.array(False)], (True, False)),
        columns(kind, "booleans in an array", "is_interim", objects(np.bool_(True), None), (True, None)),
    )
] + [
    columns("bucket", "decimals", "event_count", [Decimal(5), Decimal("6.0")], (5, 6)),
    columns("bucket", "names", "event_count", [Number.FIVE, Number.SIX], (5, 6)),
    columns(
        "bucket", "exact decimals", "event_count", [Decimal(2**53 + 1), Decimal(2**63 - 1)], (2**53 + 1, 2**63 - 1)
    ),
    columns("record", "names", "detector_index", [Number.FIVE, None], (5, None)),
    columns("record", "names of text", "by_field_value", [Word.A, None], ("a", None)),
    columns("record", "text without a hash", "by_field_value", [Unhashable("a"), Unhashable("b")], ("a", "b")),
    columns("record", "text in arrays", "function", [np.array("a"), np.str_("b")], ("a", "b")),
    columns("influencer", "names of text", "influencer_field_value", objects(Word.A, Unhashable("b")), ("a", "b")),
]
INSTANTS = [
    SameAs(
        "20.values",
        f"{kind}: {claim}",
        kind,
        BASIC | {"timestamp": times},
        [result(kind, T0), result(kind, T0 + 86_400_000)],
        "20.columns",
    )
    for kind in CALLS
    for claim, times in (
        ("dates", [date(2020, 1, 1), date(2020, 1, 2)]),
        ("dates in an array", objects(date(2020, 1, 1), date(2020, 1, 2))),
        ("datetimes", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, 1, tzinfo=timezone(timedelta(hours=1)))]),
        ("text", ["2020-01-01", "2020-01-02T00:00Z"]),
        ("decimals", [Decimal(T0), Decimal(T0 + 86_400_000)]),
        ("several kinds of instants", [T0, np.datetime64("2020-01-02", "D")]),
    )
]
SPANS = [
    SameAs(
        "20.values",
        f"a span of {value!r}",
        "bucket",
        BASIC | {"bucket_span": value},
        [result("bucket", time, bucket_span=5) for time in TIMES],
        "20.columns",
    )
    for value in (Number.FIVE, np.array(5), Decimal(5), [Number.FIVE, Decimal("5.0")])
] + [
    SameAs(
        "20.values",
        "names of jobs and types",
        "bucket",
        BASIC | {"job_id": [Word.JOB, np.str_("db")], "result_type": [np.str_("bucket"), Unhashable("bucket")]},
        [result("bucket", TIMES[0]), result("bucket", TIMES[1], job_id="db")],
        "20.columns",
        job_id=None,
    ),
]


@each_row(ENTRIES, INSTANTS, SPANS)
def test_entry_counts_by_the_base_type_of_its_class(row: SameAs) -> None:
    """A column with entries of other classes stores the same as documents."""
    assert_same_as(row)


#: Values of types that are no numbers; the error names the type.
OTHER_TYPES = (Fraction(5), 5j, timedelta(5), date(2020, 1, 1), b"5", [5], {"a": 5}, "5")
REFUSED = [
    BadColumns(
        "20.values",
        f"{kind} {type(value).__name__}",
        kind,
        BASIC | {SCORES[kind]: [1.0, value]},
        f"columns.{SCORES[kind]}[1]",
        "ours",
    )
    for kind in CALLS
    for value in OTHER_TYPES
]
NOT_FINITE = [
    BadColumns(
        "20.values", f"{kind} {claim}", kind, BASIC | {SCORES[kind]: column}, f"columns.{SCORES[kind]}[1]", "ours"
    )
    for kind in CALLS
    for claim, column in (
        ("a decimal that is no number", [1.0, Decimal("NaN")]),
        ("an infinite decimal", [1.0, Decimal("Infinity")]),
        ("a decimal that no double holds", [1.0, Decimal("1E+400")]),
        ("an array of one item", [1.0, np.array([5.0])]),
        ("an array of a bool", [1.0, np.array(True)]),
    )
] + [
    BadColumns(
        "20.values",
        "a decimal with a fraction",
        "bucket",
        BASIC | {"event_count": [1, Decimal("5.5")]},
        "columns.event_count[1]",
        "ours",
    ),
    BadColumns(
        "20.values",
        "a date as a count",
        "bucket",
        BASIC | {"event_count": [1, date(2020, 1, 1)]},
        "columns.event_count[1]",
        "ours",
    ),
    BadColumns(
        "20.values",
        "NaT as a timestamp",
        "bucket",
        BASIC | {"timestamp": [T0, np.datetime64("NaT")]},
        "columns.timestamp[1]",
        "ours",
    ),
]


@each_row(REFUSED)
def test_error_of_an_entry_names_the_type(row: BadColumns) -> None:
    """The error of an entry of another type names the path and the type."""
    value = row.columns[SCORES[row.kind]][1]
    assert_bad_columns(row, words=type(value).__name__)


@each_row(NOT_FINITE)
def test_bad_entry_is_refused(row: BadColumns) -> None:
    """An entry that is no finite number, no integer or no instant is refused with its position."""
    assert_bad_columns(row)


def gaps(value: float) -> Iterator[Any]:
    """Columns with NaN in the second row."""
    yield np.array([value, math.nan])
    yield [value, math.nan]
    yield objects(value, math.nan)
    yield np.array([value, math.nan], np.float32)
    yield np.ma.array([value, math.nan, 1.0][:2], mask=[False, False])


@pytest.mark.parametrize("kind", CALLS)
def test_error_of_nan_says_how_a_gap_is_written(kind: Kind) -> None:
    """20.values: NaN is refused in columns, and the error says how a gap is written."""
    for column in gaps(1.0):
        with pytest.raises(BucketQueryError) as caught:
            index_of([]).upsert_columns(BASIC | {SCORES[kind]: column}, job_id=JOB, kind=kind)
        assert_refusal(caught.value, invalid_document(f"columns.{SCORES[kind]}[1]"))
        assert "None" in caught.value.reason or "mask" in caught.value.reason, caught.value.reason


# ---- frames and series


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of another library and the documents that store the same results.

    Attributes:
        rule: its number.
        claim: what the row says; the library comes first.
        kind: the kind of the results.
        make: makes the columns from the library.
        documents: the same results.
        source: where the rule comes from.
        job_id: the job, None if there is a column.
    """

    rule: str
    claim: str
    kind: Kind
    make: Callable[[Any], Any]
    documents: list[dict[str, Any]]
    source: str
    _: KW_ONLY
    job_id: str | None = JOB

    @property
    def library(self) -> str:
        """The library that makes the columns."""
        return self.claim.partition(":")[0]


def of_both(claim: str, kind: Kind, columns: Mapping[str, Any], documents: list[dict[str, Any]]) -> list[Frame]:
    """A frame of each library with the same columns."""
    return [
        Frame("20.columns", f"pandas: {claim}", kind, lambda lib: lib.DataFrame(dict(columns)), documents, "ours"),
        Frame("20.columns", f"polars: {claim}", kind, lambda lib: lib.DataFrame(dict(columns)), documents, "ours"),
        Frame(
            "20.columns",
            f"pandas: {claim}, as series",
            kind,
            lambda lib: {name: lib.Series(values) for name, values in columns.items()},
            documents,
            "ours",
        ),
        Frame(
            "20.columns",
            f"polars: {claim}, as series",
            kind,
            lambda lib: {name: lib.Series(values) for name, values in columns.items()},
            documents,
            "ours",
        ),
    ]


def two(kind: Kind, **fields: tuple[Any, Any]) -> list[dict[str, Any]]:
    """Two results an hour apart; each field has one value for each, and None is missing."""
    return [
        result(kind, time) | {name: pair[row] for name, pair in fields.items() if pair[row] is not None}
        for row, time in enumerate(TIMES)
    ]


SPANNED = {"timestamp": TIMES, "bucket_span": [HOUR_S, HOUR_S]}
FRAMES = [
    *of_both("required columns", "bucket", SPANNED, two("bucket")),
    *of_both(
        "numbers",
        "bucket",
        SPANNED | {"anomaly_score": [1.5, 2.5], "event_count": [5, 6], "is_interim": [True, False]},
        two("bucket", anomaly_score=(1.5, 2.5), event_count=(5, 6), is_interim=(True, False)),
    ),
    *of_both(
        "text",
        "record",
        SPANNED | {"by_field_name": ["a", "a"], "by_field_value": ["b", "été"], "record_score": [1, 2]},
        two("record", by_field_name=("a", "a"), by_field_value=("b", "été"), record_score=(1.0, 2.0)),
    ),
    *of_both(
        "text with gaps",
        "influencer",
        SPANNED | {"influencer_field_name": ["host", "host"], "influencer_field_value": ["a", None]},
        two("influencer", influencer_field_name=("host", "host"), influencer_field_value=("a", None)),
    ),
    *of_both(
        "instants with a zone",
        "bucket",
        SPANNED | {"timestamp": [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 1, tzinfo=UTC)]},
        two("bucket"),
    ),
    *of_both(
        "event.ingested",
        "record",
        SPANNED | {"event.ingested": [5, 6]},
        two("record", event=({"ingested": 5}, {"ingested": 6})),
    ),
    *of_both(
        "lists",
        "record",
        SPANNED | {"typical": [[1.0], [2.0, 3.0]]},
        two("record", typical=([1.0], [2.0, 3.0])),
    ),
]
GAPS: Sequence[tuple[str, Kind, str, tuple[Any, Any]]] = (
    ("Int64", "bucket", "event_count", (5, None)),
    ("Int64", "bucket", "event_count", (2**53 + 1, None)),
    ("UInt8", "bucket", "event_count", (None, 200)),
    ("Float64", "bucket", "anomaly_score", (1.5, None)),
    ("Float32", "bucket", "anomaly_score", (None, 0.5)),
    ("boolean", "bucket", "is_interim", (True, None)),
    ("string", "record", "by_field_value", ("a", None)),
    ("str", "record", "by_field_value", ("a", None)),
    ("object", "record", "by_field_value", ("a", None)),
)


def of_nullable(dtype: str, field: str, values: tuple[Any, Any]) -> Callable[[Any], Any]:
    """A function that makes a frame with a nullable column from pandas."""
    return lambda pandas: pandas.DataFrame(SPANNED | {field: pandas.array(values, dtype=dtype)})


NULLABLE = [
    Frame(
        "20.columns",
        f"pandas: {dtype} {values}",
        kind,
        of_nullable(dtype, field, values),
        two(kind, **{field: values}),
        "ours: a gap is missing",
    )
    for dtype, kind, field, values in GAPS
]
PANDAS = [
    Frame(
        "20.columns",
        "pandas: another index",
        "bucket",
        lambda pandas: pandas.DataFrame(SPANNED | {"anomaly_score": [1.5, 2.5]}, index=[7, 3]),
        two("bucket", anomaly_score=(1.5, 2.5)),
        "ours: the index is not read",
    ),
    Frame(
        "20.columns",
        "pandas: series with indexes in another order",
        "bucket",
        lambda pandas: {
            "timestamp": pandas.Series(TIMES, index=[0, 1]),
            "bucket_span": HOUR_S,
            "anomaly_score": pandas.Series([1.5, 2.5], index=[1, 0]),
        },
        two("bucket", anomaly_score=(1.5, 2.5)),
        "ours: the index is not read",
    ),
    Frame(
        "20.columns",
        "pandas: an index of instants",
        "bucket",
        lambda pandas: pandas.DataFrame(SPANNED, index=pandas.to_datetime(["1999-01-01", "1999-01-02"])),
        two("bucket"),
        "ours: the index is not read",
    ),
    Frame(
        "20.columns",
        "pandas: a zone",
        "bucket",
        lambda pandas: pandas.DataFrame(
            SPANNED
            | {"timestamp": pandas.to_datetime(["2020-01-01T01:00", "2020-01-01T02:00"]).tz_localize("Europe/Berlin")}
        ),
        two("bucket"),
        "ours: in UTC",
    ),
    Frame(
        "20.columns",
        "pandas: no zone",
        "bucket",
        lambda pandas: pandas.DataFrame(
            SPANNED | {"timestamp": pandas.to_datetime(["2020-01-01T00:00", "2020-01-01T01:00"])}
        ),
        two("bucket"),
        "ours: datetime64",
    ),
    Frame(
        "20.columns",
        "pandas: a zone and a gap",
        "record",
        lambda pandas: pandas.DataFrame(
            SPANNED | {"event.ingested": pandas.to_datetime(["2020-01-01T01:00", None]).tz_localize("Europe/Berlin")}
        ),
        two("record", event=({"ingested": T0}, None)),
        "ours: NaT is missing",
    ),
    Frame(
        "20.columns",
        "pandas: a column of jobs",
        "bucket",
        lambda pandas: pandas.DataFrame(SPANNED | {"job_id": ["web", "db"], "result_type": ["bucket", "bucket"]}),
        [result("bucket", TIMES[0]), result("bucket", TIMES[1], job_id="db")],
        "ours: a column",
        job_id=None,
    ),
    Frame(
        "20.columns",
        "pandas: NA in a column of objects",
        "bucket",
        lambda pandas: SPANNED | {"anomaly_score": objects(1.5, pandas.NA), "event_count": [5, pandas.NaT]},
        two("bucket", anomaly_score=(1.5, None), event_count=(5, None)),
        "20.values: missing",
    ),
    Frame(
        "20.columns",
        "pandas: arrays in a series of objects",
        "record",
        lambda pandas: pandas.DataFrame(SPANNED | {"typical": objects(np.array([1.0, 2.0]), None)}),
        two("record", typical=([1.0, 2.0], None)),
        "ours: an array counts as a list",
    ),
    Frame(
        "20.columns",
        "pandas: arrays of text in a series of objects",
        "bucket",
        lambda pandas: {
            "timestamp": TIMES,
            "bucket_span": HOUR_S,
            "scheduled_events": pandas.Series([np.array(["sale", "fair"]), np.array([])], dtype="object"),
        },
        two("bucket", scheduled_events=(["sale", "fair"], [])),
        "ours: an array counts as a list",
    ),
    Frame(
        "20.columns",
        "pandas: no rows",
        "bucket",
        lambda pandas: pandas.DataFrame({name: pandas.Series([], dtype="int64") for name in SPANNED}),
        [],
        "an empty batch",
    ),
]
POLARS = [
    Frame(
        "20.columns",
        "polars: nulls",
        "bucket",
        lambda polars: polars.DataFrame(
            SPANNED | {"anomaly_score": [1.5, None], "event_count": [None, 2**53 + 1], "is_interim": [None, True]}
        ),
        two("bucket", anomaly_score=(1.5, None), event_count=(None, 2**53 + 1), is_interim=(None, True)),
        "ours: null is missing",
    ),
    Frame(
        "20.columns",
        "polars: only nulls",
        "bucket",
        lambda polars: polars.DataFrame(SPANNED | {"anomaly_score": polars.Series([None, None], dtype=polars.Float64)}),
        two("bucket"),
        "ours: null is missing",
    ),
    Frame(
        "20.columns",
        "polars: a zone",
        "bucket",
        lambda polars: polars.DataFrame(SPANNED).with_columns(
            polars.col("timestamp")
            .cast(polars.Datetime("ms"))
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone("Europe/Berlin")
        ),
        two("bucket"),
        "ours: in UTC",
    ),
    Frame(
        "20.columns",
        "polars: no zone",
        "bucket",
        lambda polars: polars.DataFrame(SPANNED).with_columns(
            polars.col("timestamp").cast(polars.Datetime("ms")).dt.cast_time_unit("us")
        ),
        two("bucket"),
        "ours: datetime64",
    ),
    Frame(
        "20.columns",
        "polars: a column of jobs",
        "bucket",
        lambda polars: polars.DataFrame(SPANNED | {"job_id": ["web", "db"]}),
        [result("bucket", TIMES[0]), result("bucket", TIMES[1], job_id="db")],
        "ours: a column",
        job_id=None,
    ),
    Frame(
        "20.columns",
        "polars: single precision and small integers",
        "bucket",
        lambda polars: polars.DataFrame(SPANNED).with_columns(
            polars.Series("anomaly_score", [0.5, 1.5], dtype=polars.Float32),
            polars.Series("event_count", [5, None], dtype=polars.UInt8),
        ),
        two("bucket", anomaly_score=(0.5, 1.5), event_count=(5, None)),
        "ours: numbers",
    ),
    Frame(
        "20.columns",
        "polars: lists of text",
        "bucket",
        lambda polars: polars.DataFrame(SPANNED | {"scheduled_events": [["sale"], None]}),
        two("bucket", scheduled_events=(["sale"], None)),
        "ours: lists",
    ),
]


@each_row(FRAMES, NULLABLE, PANDAS, POLARS)
def test_frame_stores_the_same_as_documents(row: Frame) -> None:
    """A frame, or series as columns, stores the same as documents."""
    library = pytest.importorskip(row.library)
    if row.claim.startswith("pandas: str ") and int(library.__version__.partition(".")[0]) < 3:
        pytest.skip("pandas has the type `str` from version 3 on")
    assert_same_as(
        SameAs(row.rule, row.claim, row.kind, row.make(library), row.documents, row.source, job_id=row.job_id)
    )


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Columns of another library that are refused, and the path of the bad value."""

    rule: str
    claim: str
    make: Callable[[Any], Any]
    field: str
    source: str


BAD: Sequence[tuple[str, dict[str, Any], str, str]] = (
    ("NaN", {"anomaly_score": [1.5, math.nan]}, "columns.anomaly_score[1]", "20.values: NaN is not missing"),
    ("an infinity", {"anomaly_score": [math.inf, 1.5]}, "columns.anomaly_score[0]", "ours: finite"),
    ("text as a number", {"anomaly_score": ["1", "2"]}, "columns.anomaly_score|columns.anomaly_score[0]", "ours"),
    ("a number as a boolean", {"is_interim": [0, 1]}, "columns.is_interim|columns.is_interim[0]", "ours"),
    ("a span of 0", {"bucket_span": [60, 0]}, "columns.bucket_span[1]", "ours: at least 1"),
    ("an unknown name", {"severity": ["low", "low"]}, "columns|columns.severity", "ours: names of the schema"),
    ("a fraction", {"event_count": [1.0, 1.5]}, "columns.event_count[1]", "ours: integers"),
)


def of_either(columns: dict[str, Any]) -> Callable[[Any], Any]:
    """A function that makes a frame of these columns from pandas or polars."""
    return lambda library: library.DataFrame(SPANNED | columns)


BAD_FRAMES = [
    BadFrame("20.columns", f"{library}: {claim}", of_either(columns), path, source)
    for library in ("pandas", "polars")
    for claim, columns, path, source in BAD
] + [
    BadFrame(
        "20.columns",
        "pandas: a gap in the timestamps",
        lambda pandas: pandas.DataFrame(SPANNED | {"timestamp": pandas.to_datetime(["2020-01-01", None])}),
        "columns.timestamp[1]",
        "ours: required",
    ),
    BadFrame(
        "20.columns",
        "pandas: a name that is not text",
        lambda pandas: pandas.DataFrame(SPANNED | {5: [1, 2]}),
        "columns|columns.5",
        "ours: refused",
    ),
    BadFrame(
        "20.columns",
        "pandas: two columns of one name",
        lambda pandas: pandas.DataFrame([[T0, 60, T0]], columns=["timestamp", "bucket_span", "timestamp"]),
        "columns|columns.timestamp",
        "ours: refused",
    ),
    BadFrame(
        "20.columns",
        "pandas: a gap in the spans",
        lambda pandas: pandas.DataFrame(SPANNED | {"bucket_span": pandas.array([60, None], dtype="Int64")}),
        "columns.bucket_span[1]",
        "ours: required",
    ),
    BadFrame(
        "20.columns",
        "polars: a null in the timestamps",
        lambda polars: polars.DataFrame(SPANNED | {"timestamp": [T0, None]}),
        "columns.timestamp[1]",
        "ours: required",
    ),
]


@each_row(BAD_FRAMES)
def test_bad_frame_is_refused(row: BadFrame) -> None:
    """A bad value of a frame is refused with its column and position."""
    columns = row.make(pytest.importorskip(row.claim.partition(":")[0]))
    assert_bad_columns(BadColumns(row.rule, row.claim, "bucket", columns, row.field, row.source))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frame_of_many_rows(library: str, size: int) -> None:
    """20.columns: frames of every size store the same as documents; the caller's frame stays as it is."""
    frames = pytest.importorskip(library)
    scores = [None if row % 3 == 0 else row % 90 + 0.5 for row in range(size)]
    columns = {"timestamp": [row * HOUR_MS for row in range(size)], "bucket_span": [HOUR_S] * size}
    frame = frames.DataFrame(
        columns
        | {
            "anomaly_score": frames.array(scores, dtype="Float64")
            if library == "pandas"
            else frames.Series(scores, dtype=frames.Float64)
        }
    )
    before = str(frame)
    index = index_of([])
    assert index.upsert_columns(frame, job_id=JOB).inserted == size
    assert str(frame) == before
    given = [
        result("bucket", row * HOUR_MS) | ({} if score is None else {"anomaly_score": score})
        for row, score in enumerate(scores)
    ]
    for asked in ({"sort": "anomaly_score"}, {"anomaly_score": 1.0}):
        found, expected = (one.get_buckets(job_id=JOB, size=size, **asked) for one in (index, index_of(given)))
        assert_same_body(found.to_dict(), expected.to_dict())


def test_frame_is_copied() -> None:
    """20.columns: a change of the frame after the call does not reach the stored values."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SPANNED | {"anomaly_score": [1.5, 2.5]})
    index = index_of([])
    index.upsert_columns(frame, job_id=JOB)
    frame.loc[:, "anomaly_score"] = 50.0
    frame.loc[:, "timestamp"] = 0
    assert index.get_buckets(job_id=JOB).column("anomaly_score").tolist() == [1.5, 2.5]
