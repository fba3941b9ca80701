"""Bad columns: the error names the column, and the row of a bad entry; the index stays as it was."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Never

import numpy as np
import pytest

from bucketquery import BucketQueryError, InvalidDocument, InvalidQuery, Kind, ResultsIndex
from support.frames import ExtensionDtype, LazyFrame, PandasFrame, PandasSeries, PolarsFrame, PolarsSeries
from support.malformed import (
    EACH_KIND,
    FIRST_MS,
    GAPS,
    HOUR,
    ILLEGAL,
    INF,
    LAST_MS,
    NAN,
    SHARED,
    Broken,
    EqualsEachEntry,
    Impostor,
    NeitherTrueNorFalse,
    RaisesAsNumber,
    RaisesWhenCompared,
    assert_carries,
    assert_passes_through,
    cases,
    state,
    stored,
    unchanged,
)


def columns(**fields: Any) -> dict[str, Any]:
    """Valid columns of four rows; the given columns replace or extend them."""
    return {"timestamp": np.arange(4, dtype=np.int64) * HOUR, "bucket_span": 900} | fields


def refusal(given: Any, *, job_id: Any = "web", kind: Any = "bucket") -> BucketQueryError:
    """Assert that these columns are refused and change nothing; return the error."""
    error = SHARED.refusal(lambda index: index.upsert_columns(given, job_id=job_id, kind=kind))
    assert error.status == 400
    return error


def refused(given: Any, *fields: str, job_id: Any = "web", kind: Any = "bucket") -> None:
    """Assert that these columns are an invalid document, and that the error names one of the given fields."""
    error = refusal(given, job_id=job_id, kind=kind)
    assert error.field in fields
    assert_carries(error, InvalidDocument, error.field, "document_parsing_exception")


class Year(StrEnum):
    """A year as an enumeration."""

    NOW = "2026"


BAD_ENTRIES: dict[str, tuple[str, Any, int]] = {
    "score nan": ("anomaly_score", np.array([1.0, 2.0, 3.0, NAN]), 3),
    "score nan in float32": ("anomaly_score", np.array([1, 2, NAN, 4], dtype=np.float32), 2),
    "score inf": ("anomaly_score", np.array([1.0, INF, NAN, 4.0]), 1),
    "score minus inf": ("initial_anomaly_score", [1.0, 2.0, 3.0, -INF], 3),
    "score nan in a list": ("anomaly_score", [NAN, 2.0, 3.0, 4.0], 0),
    "score text in objects": ("anomaly_score", np.array([1.0, "2", 3.0, 4.0], dtype=object), 1),
    "score nan in objects": ("anomaly_score", np.array([1.0, None, NAN, 4.0], dtype=object), 2),
    "score bool in objects": ("anomaly_score", np.array([1.0, 2.0, 3.0, True], dtype=object), 3),
    "score bool in a list": ("anomaly_score", [True, 0.5, 0.5, 0.5], 0),
    "score numpy bool in a list": ("anomaly_score", [0.5, np.True_, 0.5, 0.5], 1),
    "score decimal nan": ("anomaly_score", np.array([1, Decimal("sNaN"), 3, 4], dtype=object), 1),
    "score decimal past a double": ("anomaly_score", [1.0, 2.0, Decimal("1e400"), 4.0], 2),
    "score date": ("anomaly_score", [date(2020, 1, 1), 2.0, 3.0, 4.0], 0),
    "score raises as a number": ("anomaly_score", [1.0, RaisesAsNumber(), 3.0, 4.0], 1),
    "score claims to be a float": ("anomaly_score", [1.0, 2.0, 3.0, Impostor(float)], 3),
    "score an array in a list": ("anomaly_score", [1.0, 2.0, np.array([3.0]), 4.0], 2),
    "score fraction": ("anomaly_score", [1.0, 2.0, Fraction(1, 3), 4.0], 2),
    "score ten to the 400": ("anomaly_score", [1.0, 10**400, 3.0, 4.0], 1),
    "score ten to the 5000": ("anomaly_score", np.array([1.0, 10**5000, 3.0, 4.0], dtype=object), 1),
    "score a list": ("anomaly_score", np.array([1.0, None, [1.0], 4.0], dtype=object), 2),
    "score complex in objects": ("anomaly_score", np.array([1.0, 2j, 3.0, 4.0], dtype=object), 1),
    "score timedelta64 in objects": ("anomaly_score", np.array([1, np.timedelta64(1, "s"), 1, 1], dtype=object), 1),
    "count nan": ("event_count", np.array([1.0, NAN, 3.0, 4.0]), 1),
    "count inf": ("event_count", np.array([1.0, 2.0, INF, 4.0]), 2),
    "count with a fraction": ("event_count", np.array([1.0, 2.0, 3.5, 4.0]), 2),
    "count with a fraction in float16": ("event_count", np.array([1, 2, 3.5, 4], dtype=np.float16), 2),
    "count past int64 in floats": ("event_count", np.array([1.0, 2.0, 3.0, 2.0**63]), 3),
    "count below int64 in floats": ("event_count", np.array([1.0, -(2.0**64), 3.0, 4.0]), 1),
    "count past int64 in uint64": ("event_count", np.array([1, 2**63, 3, 4], dtype=np.uint64), 1),
    "count largest uint64": ("event_count", np.array([1, 2, 3, 2**64 - 1], dtype=np.uint64), 3),
    "count past int64 in a list": ("event_count", [2**63, -1, 1, 1], 0),
    "count far past int64 in a list": ("event_count", [1, 2, 2**70, 1], 2),
    "count bool in a list": ("event_count", [5, True, 5, 5], 1),
    "count bool in objects": ("event_count", np.array([5, 5, False, 5], dtype=object), 2),
    "count text in objects": ("event_count", np.array([5, 5, 5, "5"], dtype=object), 3),
    "processing time with a fraction": ("processing_time_ms", np.array([0.5, 1, 1, 1]), 0),
    "processing time past int64": ("processing_time_ms", np.array([1, 2, 3, 2**63], dtype=object), 3),
    "span zero": ("bucket_span", np.array([900, 0, 900, -1]), 1),
    "span negative": ("bucket_span", np.array([900, 900, -(2**63), 900]), 2),
    "span with a fraction": ("bucket_span", np.array([900.0, 900.0, 900.5, 900.0]), 2),
    "span nan": ("bucket_span", np.array([NAN, 900.0, 900.0, 900.0]), 0),
    "span null": ("bucket_span", np.array([900, None, 900, 900], dtype=object), 1),
    "span masked": ("bucket_span", np.ma.MaskedArray([900, 900, 900, 900], mask=[False, False, False, True]), 3),
    "span past int64": ("bucket_span", np.array([900, 900, 2**63, 900], dtype=np.uint64), 2),
    "time masked": ("timestamp", np.ma.MaskedArray([0, 1, 2, 3], mask=[False, True, False, False]), 1),
    "time null": ("timestamp", np.array([0, 1, None, 3], dtype=object), 2),
    "time nat": ("timestamp", np.array([0, 1, "NaT", 3], dtype="datetime64[ms]"), 2),
    "time past 9999": ("timestamp", np.array([0, 1, LAST_MS, LAST_MS + 1]), 3),
    "time before 1": ("timestamp", np.array([FIRST_MS, FIRST_MS - 1, 2, 3]), 1),
    "time smallest int64": ("timestamp", np.array([0, -(2**63), 2, 3]), 1),
    "time past int64 in uint64": ("timestamp", np.array([0, 1, 2**63, 3], dtype=np.uint64), 2),
    "time year 10000": ("timestamp", np.array([1, 2, 3, 10_000 - 1970], dtype="datetime64[Y]"), 3),
    "time year 0": ("timestamp", np.array([1, -1970, 3, 4], dtype="datetime64[Y]"), 1),
    "time seconds that overflow": ("timestamp", np.array([0, 2**62, 2, 3], dtype="datetime64[s]"), 1),
    "time hours that wrap": ("timestamp", np.array([0, 1, 2**64 // HOUR + 1, 3], dtype="datetime64[h]"), 2),
    "time us past 9999": ("timestamp", np.array([LAST_MS * 1000 + 1000, 1, 2, 3], dtype="datetime64[us]"), 0),
    "time us before 1": ("timestamp", np.array([0, FIRST_MS * 1000 - 1, 2, 3], dtype="datetime64[us]"), 1),
    "time bool in a list": ("timestamp", [0, HOUR, True, 3 * HOUR], 2),
    "time bad text in objects": ("timestamp", np.array([0, "x", 2, 3], dtype=object), 1),
    "time digits in objects": ("timestamp", np.array([0, 1, "2020", 3], dtype=object), 2),
    "time naive in objects": ("timestamp", np.array([0, 1, 2, datetime(2020, 1, 1)], dtype=object), 3),  # noqa: DTZ001 - the fault
    "interim number in objects": ("is_interim", np.array([True, False, 1, None], dtype=object), 2),
    "interim text in objects": ("is_interim", np.array([True, "false", True, None], dtype=object), 1),
    "interim number in a list": ("is_interim", [True, 1, False, False], 1),
    "interim float in a list": ("is_interim", [True, False, 0.0, False], 2),
    "count decimal with a fraction": ("event_count", [1, Decimal("2.5"), 3, 4], 1),
    "count decimal of a billion digits": ("event_count", [1, 2, Decimal("1e999999999"), 4], 2),
    "count neither true nor false": ("event_count", [NeitherTrueNorFalse(), 2, 3, 4], 0),
    "span missing": ("bucket_span", [900, GAPS["na"], 900, 900], 1),
    "time nat of pandas": ("timestamp", [0, 1, GAPS["nat"], 3], 2),
    "time nat in a masked array": ("timestamp", np.ma.array(["1970", "NaT", "1971", "1972"], dtype="M8[s]"), 1),
    "time digits of an enumeration": ("timestamp", [0, 1, 2, Year.NOW], 3),
    "time decimal with a fraction": ("timestamp", [Decimal("0.5"), 1, 2, 3], 0),
    "time raises when compared": ("timestamp", [0, RaisesWhenCompared(), 2, 3], 1),
    "interim a decimal": ("is_interim", [True, False, Decimal(1), None], 2),
    "interim one in an array": ("is_interim", [True, False, None, np.array(1)], 3),
    "influencers text": ("bucket_influencers", [[], "x", [], []], 1),
    "influencers an array": ("bucket_influencers", [[], [], np.array([{}]), []], 2),
    "influencers a number": ("bucket_influencers", [5, [], [], []], 0),
    "influencers a number in objects": ("bucket_influencers", np.array([None, [], [], 5], dtype=object), 3),
    "events an array": ("scheduled_events", [["a"], [], np.array(["b"]), []], 2),
    "events a set": ("scheduled_events", [["a"], {"b"}, [], []], 1),
    "events bytes": ("scheduled_events", np.array([b"a", b"b", b"c", b"d"]), 0),
    "events nan": ("scheduled_events", [["a"], None, NAN, []], 2),
    "events a number": ("scheduled_events", [["a"], [], [], 7], 3),
}


@cases(BAD_ENTRIES, ("name", "column", "row"))
def test_a_bad_entry_is_named_by_column_and_row(name: str, column: Any, row: int) -> None:
    """Each entry is checked like a field of a document, and the error names the first bad one."""
    refused(columns(**{name: column}), f"columns.{name}[{row}]")


BAD_JOB_IDS: dict[str, tuple[Any, int]] = {
    "empty": (np.array(["a", "", "b", "c"]), 1),
    "blank": (["a", "b", "c d", "e"], 2),
    "newline at the end": (["a", "b", "c", "d\n"], 3),
    "nul at the end in a list": (["a", "b\x00", "c", "d"], 1),
    "nul at the end in objects": (np.array(["a", "b", "c\x00", "d"], dtype=object), 2),
    "star": (["a*", "b", "c", "d"], 0),
    "comma": (["a", "b,c", "c", "d"], 1),
    "leading minus": (["a", "b", "-c", "d"], 2),
    "leading underscore": (np.array(["a", "b", "c", "_all"]), 3),
    "256 characters": (["a", "x" * 256, "c", "d"], 1),
    "null": (np.array(["a", None, "c", "d"], dtype=object), 1),
    "null in a list": (["a", "b", None, "d"], 2),
    "number in a list": (["a", "b", "c", 5], 3),
    "number in objects": (np.array(["a", 5, "c", "d"], dtype=object), 1),
    "bytes in a list": (["a", "b", b"c", "d"], 2),
    "nan in objects": (np.array([NAN, "b", "c", "d"], dtype=object), 0),
    "masked": (np.ma.MaskedArray(["a", "b", "c", "d"], mask=[False, False, True, False]), 2),
    "missing": (["a", "b", "c", GAPS["na"]], 3),
    "equals each entry": (["a", EqualsEachEntry(), "c", "d"], 1),
    "claims to be text": (["a", "b", Impostor(str), "d"], 2),
}


@EACH_KIND
@cases(BAD_JOB_IDS, ("column", "row"))
def test_a_bad_job_id_is_named_by_its_row(kind: Kind, column: Any, row: int) -> None:
    """A column of job ids is checked entry by entry."""
    refused(columns(job_id=column), f"columns.job_id[{row}]", job_id=None, kind=kind)


DEEP: dict[str, tuple[str, Any, str]] = {
    "probability": ("bucket_influencers", [[], None, [{}], [{"probability": "1"}]], "[3][0].probability"),
    "second influencer": ("bucket_influencers", [[{}, {"anomaly_score": NAN}], [], [], []], "[0][1].anomaly_score"),
    "influencer text": ("bucket_influencers", [[], ["x"], [], []], "[1][0]"),
    "influencer null": ("bucket_influencers", [[], [{}, None], [], []], "[1][1]"),
    "influencer of no job": ("bucket_influencers", [[], [], [{"job_id": "_all"}], []], "[2][0].job_id"),
    "influencer of no time": ("bucket_influencers", [[], [{"timestamp": True}], [], []], "[1][0].timestamp"),
    "influencer of no span": ("bucket_influencers", [[{"bucket_span": 0}], [], [], []], "[0][0].bucket_span"),
    "influencer with a bad event": ("bucket_influencers", [[{"event": 5}], [], [], []], "[0][0].event"),
    "event null": ("scheduled_events", [["a", None], [], [], []], "[0][1]"),
    "event number": ("scheduled_events", [["a"], [], ["a", "b", 5], []], "[2][2]"),
    "events of numbers": ("scheduled_events", [[1], [2], [3], [4]], "[0][0]"),
    "single influencer": ("bucket_influencers", [[], {"probability": "1"}, [], []], "[1].probability"),
    "missing in a list": ("scheduled_events", [["a"], [], ["b", GAPS["na"]], []], "[2][1]"),
}


@cases(DEEP, ("name", "column", "path"))
def test_a_fault_inside_a_list_is_named_by_its_full_path(name: str, column: Any, path: str) -> None:
    """The path goes through the column and the list down to the field of the influencer."""
    refused(columns(**{name: column}), f"columns.{name}{path}")


WHOLE_COLUMNS: dict[str, tuple[str, Any]] = {
    "score 2-d": ("anomaly_score", np.zeros((4, 1))),
    "score 2-d row": ("anomaly_score", np.zeros((1, 4))),
    "score 2-d list": ("anomaly_score", [[1.0], [2.0], [3.0], [4.0]]),
    "score ragged list": ("anomaly_score", [[1.0], [2.0, 3.0], [4.0], [5.0]]),
    "score 0-d": ("anomaly_score", np.array(5.0)),
    "score scalar": ("anomaly_score", 5.0),
    "score numpy scalar": ("anomaly_score", np.float64(5.0)),
    "score too long to be printed": ("anomaly_score", 10**5000),
    "score complex": ("anomaly_score", np.zeros(4, dtype=complex)),
    "score bools": ("anomaly_score", np.zeros(4, dtype=bool)),
    "score text": ("anomaly_score", np.array(["1", "2", "3", "4"])),
    "score bytes": ("anomaly_score", np.array([b"1", b"2", b"3", b"4"])),
    "score one text": ("anomaly_score", "1234"),
    "score one bytes": ("anomaly_score", b"1234"),
    "score datetimes": ("anomaly_score", np.zeros(4, dtype="datetime64[ms]")),
    "score timedeltas": ("anomaly_score", np.zeros(4, dtype="timedelta64[ms]")),
    "score structured": ("anomaly_score", np.zeros(4, dtype=[("a", "f8")])),
    "score void": ("anomaly_score", np.zeros(4, dtype="V8")),
    "score dict": ("anomaly_score", {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}),
    "score set": ("anomaly_score", {1.0, 2.0, 3.0, 4.0}),
    "score generator": ("anomaly_score", (float(row) for row in range(4))),
    "score object": ("anomaly_score", object()),
    "initial score bools": ("initial_anomaly_score", [True, False, True, False]),
    "count bools": ("event_count", np.ones(4, dtype=bool)),
    "count text": ("event_count", ["1", "2", "3", "4"]),
    "count timedeltas": ("event_count", np.zeros(4, dtype="timedelta64[s]")),
    "count complex": ("event_count", np.ones(4, dtype=np.complex64)),
    "count scalar": ("event_count", 5),
    "processing time bools": ("processing_time_ms", np.ones(4, dtype=bool)),
    "processing time 2-d": ("processing_time_ms", np.ones((2, 2), dtype=np.int64)),
    "span text": ("bucket_span", np.array(["1", "2", "3", "4"])),
    "span bools": ("bucket_span", np.ones(4, dtype=bool)),
    "span 2-d": ("bucket_span", np.ones((4, 4), dtype=np.int64)),
    "span zero for all": ("bucket_span", 0),
    "span negative for all": ("bucket_span", -900),
    "span true for all": ("bucket_span", True),
    "span fraction for all": ("bucket_span", 900.5),
    "span nan for all": ("bucket_span", NAN),
    "span text for all": ("bucket_span", "900"),
    "span past int64 for all": ("bucket_span", 2**63),
    "span too long to be printed for all": ("bucket_span", 10**5000),
    "span timedelta64 for all": ("bucket_span", np.timedelta64(900, "s")),
    "time bools": ("timestamp", np.ones(4, dtype=bool)),
    "time 2-d": ("timestamp", np.zeros((2, 2), dtype=np.int64)),
    "time 2-d memory": ("timestamp", memoryview(bytes(16)).cast("B", (4, 4))),
    "time scalar": ("timestamp", 0),
    "time 0-d": ("timestamp", np.array(0)),
    "time timedeltas": ("timestamp", np.zeros(4, dtype="timedelta64[ms]")),
    "time bytes": ("timestamp", np.array([b"2020-01-01"] * 4)),
    "time complex": ("timestamp", np.zeros(4, dtype=complex)),
    "interim numbers": ("is_interim", np.zeros(4, dtype=np.int64)),
    "interim byte-sized numbers": ("is_interim", np.zeros(4, dtype=np.uint8)),
    "interim floats": ("is_interim", np.zeros(4)),
    "interim text": ("is_interim", ["true", "false", "true", "false"]),
    "interim one for all": ("is_interim", True),
    "interim 2-d": ("is_interim", np.zeros((4, 1), dtype=bool)),
    "events numbers": ("scheduled_events", np.zeros(4)),
    "events texts in a table": ("scheduled_events", np.array([["a", "b"], ["c", "d"]])),
    "events one text": ("scheduled_events", "abcd"),
    "influencers numbers": ("bucket_influencers", np.zeros(4)),
    "influencers texts": ("bucket_influencers", ["a", "b", "c", "d"]),
    "score missing for all": ("anomaly_score", GAPS["na"]),
    "score a lazy frame": ("anomaly_score", LazyFrame()),
    "score a frame": ("anomaly_score", PandasFrame([("a", PandasSeries([1.0] * 4, "f8"))])),
    "score time spans of pandas": ("anomaly_score", PandasSeries([np.timedelta64(1, "s")] * 4, "m8[s]")),
    "score texts of pandas": ("anomaly_score", PandasSeries(["1"] * 4, ExtensionDtype("U"))),
    "score booleans of pandas": ("anomaly_score", PandasSeries([True] * 4, ExtensionDtype("b"))),
    "score times of polars": ("anomaly_score", PolarsSeries(["2026"] * 4, "Datetime(ms)")),
    "score lists of polars": ("anomaly_score", PolarsSeries([[1.0]] * 4, "List(Float64)")),
    "interim numbers of polars": ("is_interim", PolarsSeries([1] * 4, "Int8")),
    "span false for all": ("bucket_span", np.array(False)),
    "span decimal fraction for all": ("bucket_span", Decimal("900.5")),
    "span masked for all": ("bucket_span", np.ma.masked),
    "influencers one text": ("bucket_influencers", "abcd"),
}


@cases(WHOLE_COLUMNS, ("name", "column"))
def test_a_column_of_the_wrong_type_or_shape_is_refused(name: str, column: Any) -> None:
    """A column is one-dimensional and of its field's type; no text, bool or pair is taken for a number."""
    refused(columns(**{name: column}), f"columns.{name}", f"columns.{name}[0]")


@pytest.mark.parametrize("name", ["anomaly_score", "event_count", "is_interim", "scheduled_events", "timestamp"])
@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_columns_of_unequal_length_are_refused(name: str, rows: int) -> None:
    """All columns have the same number of rows; none is stretched or cut."""
    column: dict[str, Any] = {
        "anomaly_score": np.zeros(rows),
        "event_count": np.zeros(rows, dtype=np.int64),
        "is_interim": np.zeros(rows, dtype=bool),
        "scheduled_events": [[]] * rows,
        "timestamp": np.zeros(rows, dtype=np.int64),
    }
    given = columns(processing_time_ms=np.zeros(4, dtype=np.int64), bucket_span=np.full(4, 60))
    error = refusal(given | {name: column[name]})
    assert type(error) is InvalidDocument
    assert (error.field or "").startswith("columns")


SERIES: dict[str, tuple[str, Any, int]] = {
    "pandas nan": ("anomaly_score", PandasSeries([1.0, NAN, 3.0, 4.0], "f8"), 1),
    "pandas nullable nan": ("anomaly_score", PandasSeries([1.0, None, NAN, 4.0], ExtensionDtype("f")), 2),
    "pandas nullable span": ("bucket_span", PandasSeries([900, 900, None, 900], ExtensionDtype("i")), 2),
    "pandas span below one": ("bucket_span", PandasSeries([900, 0, None, 900], ExtensionDtype("i")), 1),
    "pandas count past int64": ("event_count", PandasSeries([1, None, 2**63, 4], ExtensionDtype("u")), 2),
    "pandas time missing": ("timestamp", PandasSeries([0, 1, 2, None], ExtensionDtype("M", "ms")), 3),
    "pandas list of an array of text": ("bucket_influencers", PandasSeries([[], np.array(["a"]), [], []]), 1),
    "pandas category missing": ("timestamp", PandasSeries([0, None, 2, 3], ExtensionDtype("O")), 1),
    "polars nan": ("anomaly_score", PolarsSeries([1.0, None, NAN, 4.0], "Float64"), 2),
    "polars null time": ("timestamp", PolarsSeries([0, 1, None, 3], "Datetime(ms)"), 2),
    "polars null span": ("bucket_span", PolarsSeries([None, 900, 900, 900], "Int32"), 0),
    "polars time of day": ("timestamp", PolarsSeries([0, 1, time(1), 3], "Time"), 2),
}


@cases(SERIES, ("name", "column", "row"))
def test_a_bad_entry_of_a_series_is_named_by_its_row(name: str, column: Any, row: int) -> None:
    """A gap of a nullable series is missing, and every other entry is checked like one of an array."""
    path = f"columns.{name}[{row}]"
    refused(columns(**{name: column}), path, f"{path}[0]")


NAN_COLUMNS: dict[str, tuple[str, Any]] = {
    "doubles": ("anomaly_score", np.array([1.0, NAN, 3.0, 4.0])),
    "halves": ("anomaly_score", np.array([1, NAN, 3, 4], dtype=np.float16)),
    "counts": ("event_count", np.array([1.0, NAN, 3.0, 4.0])),
    "booleans in objects": ("is_interim", np.array([True, NAN, False, None], dtype=object)),
    "lists": ("scheduled_events", [["a"], NAN, [], []]),
    "a list": ("anomaly_score", [1.0, NAN, 3.0, 4.0]),
    "a series": ("anomaly_score", PandasSeries([1.0, NAN, 3.0, 4.0], "f8")),
}


@cases(NAN_COLUMNS, ("name", "column"))
def test_the_error_for_nan_says_how_a_gap_is_written(name: str, column: Any) -> None:
    """Some libraries write a gap as NaN, which is refused here."""
    words = "; a gap is None, a masked entry, or a null of a nullable column"
    assert refusal(columns(**{name: column})).reason.endswith(words)


@pytest.mark.parametrize("name", ["timestamp", "bucket_span"])
def test_the_error_for_nan_in_a_required_column_says_nothing_of_gaps(name: str) -> None:
    """Such a column has no gaps. Neither does a list, or a single span."""
    for given in (columns(**{name: np.array([1.0, NAN, 3.0, 4.0])}), columns(scheduled_events=[[NAN], [], [], []])):
        assert "gap" not in refusal(given).reason
    assert "gap" not in refusal(columns(bucket_span=NAN)).reason


NAMES: dict[str, tuple[Any, str, str]] = {
    "twice": ("anomaly_score", "columns.anomaly_score", "is the name of two columns"),
    "number": (0, "columns.0", "must have text for its name, not int"),
    "none": (None, "columns.NoneType", "must have text for its name, not NoneType"),
    "levels": (("event_count", "sum"), "columns.event_count.sum", "must have text for its name, not tuple"),
    "empty level": (("event_count", ""), "columns.event_count.", "must have text for its name, not tuple"),
    "list": ([], "columns.list", "must have text for its name, not list"),
    "missing": (GAPS["na"], "columns.NAType", "must have text for its name, not NAType"),
    "index": ("index", "columns.index", "not a field of a bucket"),
    "claims to be text": (Impostor(str), "columns.Impostor", "must have text for its name, not Impostor"),
}


@cases(NAMES, ("name", "path", "words"))
def test_a_bad_name_of_a_column_of_a_frame_is_refused(name: Any, path: str, words: str) -> None:
    """A frame may have names that a mapping cannot have. The error names the column."""
    named = [*columns(anomaly_score=np.zeros(4)).items(), (name, PandasSeries([1.0] * 4, "f8"))]
    error = refusal(PandasFrame(named))
    assert_carries(error, InvalidDocument, path, "document_parsing_exception")
    assert words in error.reason


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("bucket", "function", "not a field of a bucket, but of [record]; the argument [kind] tells"),
        ("bucket", "probability", "not a field of a bucket, but of [record, influencer]; the argument [kind] tells"),
        ("influencer", "event_count", "not a field of an influencer, but of [bucket]; the argument [kind] tells"),
        ("bucket", "series", "not a field of a bucket"),
        ("record", "series", "not a field of a record; only the documents of [upsert] may have other fields"),
    ],
)
def test_the_error_for_an_unknown_field_says_where_it_may_stand(kind: Any, name: str, words: str) -> None:
    """A field of another kind often means that the kind was not given. Only documents have fields that nobody knows."""
    reason = refusal(columns(**{name: np.zeros(4)}), kind=kind).reason
    assert reason.startswith(f"failed to parse [columns.{name}]: {words}")
    assert (";" in reason) is (";" in words)


FRAMES: dict[str, tuple[Any, str]] = {
    "empty": (PandasFrame([]), "columns.timestamp"),
    "empty of polars": (PolarsFrame([]), "columns.timestamp"),
    "without a span": (PandasFrame([("timestamp", PandasSeries([0], "i8"))]), "columns.bucket_span"),
    "unequal": (PandasFrame([("timestamp", PandasSeries([0], "i8")), ("bucket_span", [1, 2])]), "columns.bucket_span"),
    "of a bad span": (
        PolarsFrame([PolarsSeries([0], "Int64", "timestamp"), PolarsSeries([0], "Int64", "bucket_span")]),
        "columns.bucket_span[0]",
    ),
    "lazy": (LazyFrame(), "columns"),
    "series": (PandasSeries([0], "i8"), "columns"),
    "series of polars": (PolarsSeries([0], "Int64"), "columns"),
}


@cases(FRAMES, ("frame", "path"))
def test_a_bad_frame_is_refused(frame: Any, path: str) -> None:
    """It needs the columns that a mapping needs; a series and a lazy frame are no frames."""
    refused(frame, path)


UNKNOWN: dict[str, tuple[Any, str]] = {
    "unknown": ("foo", "columns.foo"),
    "of another kind": ("record_score", "columns.record_score"),
    "wrong case": ("Timestamp", "columns.Timestamp"),
    "alias": ("@timestamp", "columns.@timestamp"),
    "source": ("_source", "columns._source"),
    "records": ("records", "columns.records"),
    "empty": ("", "columns."),
}


@cases(UNKNOWN, ("name", "path"))
def test_a_column_that_is_not_a_field_is_refused(name: str, path: str) -> None:
    """Only names of the schema are columns; a misspelt name is refused, not dropped."""
    refused(columns(**{name: np.zeros(4)}), path)


@pytest.mark.parametrize("name", [5, None, b"anomaly_score", ("a", "b"), True])
def test_a_column_name_that_is_not_text_is_refused(name: Any) -> None:
    """The name of a column must be text."""
    error = refusal(columns() | {name: np.zeros(4)})
    assert type(error) is InvalidDocument
    assert (error.field or "").startswith("columns")


@EACH_KIND
@pytest.mark.parametrize("name", ["timestamp", "bucket_span"])
def test_a_required_column_is_required(kind: Kind, name: str) -> None:
    """Time and span have no default, even if the job was put with a span."""
    given = columns()
    del given[name]
    refused(given, f"columns.{name}", kind=kind)
    index = ResultsIndex()
    index.put_job("web", bucket_span=900)
    with pytest.raises(InvalidDocument):
        index.upsert_columns(given, job_id="web", kind=kind)
    assert index.sequence == 1


@pytest.mark.parametrize(
    "given", [{}, {"anomaly_score": np.zeros(4)}, {"bucket_span": 60}], ids=["none", "a score", "a span for all"]
)
def test_a_batch_without_required_columns_is_refused(given: dict[str, Any]) -> None:
    """A batch without its required columns is refused, even if no other column has rows."""
    error = refusal(given)
    assert type(error) is InvalidDocument
    assert error.field == "columns.timestamp"


@pytest.mark.parametrize("both", [False, True])
def test_the_job_is_given_exactly_once(both: bool) -> None:
    """A job id comes either as a column or as the argument."""
    error = refusal(columns(job_id=["web"] * 4) if both else columns(), job_id="web" if both else None)
    assert isinstance(error, ValueError)
    assert "job_id" in (error.field or "")


@pytest.mark.parametrize(
    "job_id", ["", "_all", "-web", "a b", "a,b", "a*", "a\n", "x" * 256, 5, True, b"web", ["web"], 1.5], ids=repr
)
def test_an_invalid_job_id_argument_is_refused(job_id: Any) -> None:
    """The argument is a parameter and not a document, so its error is `InvalidQuery`."""
    assert_carries(refusal(columns(), job_id=job_id), InvalidQuery, "job_id", ILLEGAL)


@pytest.mark.parametrize(
    "kind", ["forecast", "bucket_influencer", "x", "", None, 5, True, b"bucket", ["bucket"]], ids=repr
)
@pytest.mark.parametrize("rows", [0, 4])
def test_an_unknown_kind_is_refused(kind: Any, rows: int) -> None:
    """A kind is bucket, record or influencer; any other is refused, even without rows."""
    assert_carries(refusal(columns(timestamp=np.arange(rows)), kind=kind), InvalidQuery, "kind", ILLEGAL)


@pytest.mark.parametrize(
    ("column", "row"),
    [
        (["bucket", "bucket", "record", "bucket"], 2),
        (np.array(["bucket", "Bucket", "bucket", "bucket"]), 1),
        (np.array(["bucket", "bucket", "bucket", 5], dtype=object), 3),
        (["", "bucket", "bucket", "bucket"], 0),
    ],
)
def test_a_result_type_against_the_kind_is_refused(column: Any, row: int) -> None:
    """Each entry of a column of result types must be the kind."""
    refused(columns(result_type=column), f"columns.result_type[{row}]")


NOT_MAPPINGS: dict[str, Any] = {
    "none": None,
    "number": 5,
    "text": "timestamp",
    "bytes": b"timestamp",
    "list": [],
    "list of pairs": list(columns().items()),
    "list of documents": [{"timestamp": 0, "bucket_span": 60}],
    "array": np.zeros(4),
    "structured array": np.zeros(4, dtype=[("timestamp", "i8"), ("bucket_span", "i8")]),
    "record array": np.zeros(4, dtype=[("timestamp", "i8"), ("bucket_span", "i8")]).view(np.recarray),
    "object": object(),
    "set": {"timestamp"},
}


@EACH_KIND
@cases(NOT_MAPPINGS, "given")
def test_a_value_that_is_not_a_mapping_of_columns_is_refused(kind: Kind, given: object) -> None:
    """Columns come in a mapping, by name."""
    refused(given, "columns", kind=kind)


def test_an_error_of_the_mapping_passes_through() -> None:
    """An exception of the caller's mapping reaches the caller; it is not reported as a bad column."""
    error = OSError("gone")
    given = Broken(error, keys=["timestamp", "bucket_span"])
    assert_passes_through(error, lambda index: index.upsert_columns(given, job_id="web"))


class RaisesAsArray:
    """A column that raises when it is made into an array."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __array__(self, dtype: object = None, copy: object = None) -> Never:
        raise self.error


@pytest.mark.parametrize("error", [OSError("gone"), MemoryError(), KeyboardInterrupt(), RuntimeError("no")], ids=repr)
def test_an_error_of_a_column_passes_through(error: BaseException) -> None:
    """If a column raises an exception when it is made into an array, the exception reaches the caller."""
    given = columns(anomaly_score=RaisesAsArray(error))
    assert_passes_through(error, lambda index: index.upsert_columns(given, job_id="web"))


def test_anything_that_becomes_an_array_is_a_column() -> None:
    """A column may be any object with `__array__`, such as a series of another library."""

    class Series:
        def __array__(self, dtype: object = None, copy: object = None) -> Any:
            return np.arange(4.0)

    index = ResultsIndex()
    assert index.upsert_columns(columns(anomaly_score=Series()), job_id="web").inserted == 4
    assert [row["anomaly_score"] for row in rows_of(index)] == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("row", [0, 1023, 1024, 1025, 4095, 4096, 4999])
@pytest.mark.parametrize("name", ["anomaly_score", "timestamp", "event_count"])
def test_one_bad_entry_among_thousands_is_refused(row: int, name: str) -> None:
    """The error names the row of the bad entry, and none of the good rows is stored."""
    given = columns(timestamp=np.arange(5_000) * HOUR, anomaly_score=np.zeros(5_000), event_count=np.zeros(5_000))
    given[name][row] = {"anomaly_score": NAN, "timestamp": LAST_MS + 1, "event_count": 0.5}[name]
    refused(given, f"columns.{name}[{row}]")


def rows_of(index: ResultsIndex, job_id: str = "web") -> list[dict[str, Any]]:
    """The stored buckets of a job, in time order."""
    body: list[dict[str, Any]] = index.get_buckets(job_id=job_id, size=10_000).to_dict()["buckets"]
    return body


class Misleading(list[Any]):
    """A list that yields other entries than it holds, and reports a wrong length."""

    def __init__(self, entries: list[Any], length: int) -> None:
        super().__init__(["hidden"])
        self.entries = entries
        self.length = length

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries)

    def __len__(self) -> int:
        return self.length


TIMES = [row * HOUR for row in range(4)]
FINE: dict[str, tuple[str, Any, list[Any]]] = {
    "big-endian times": ("timestamp", np.array(TIMES, dtype=">i8"), TIMES),
    "reversed times": ("timestamp", np.array(TIMES[::-1])[::-1], TIMES),
    "strided times": ("timestamp", np.repeat(np.array(TIMES), 3)[::3], TIMES),
    "read-only times": ("timestamp", np.frombuffer(np.array(TIMES).tobytes(), dtype=np.int64), TIMES),
    "uint64 times": ("timestamp", np.array(TIMES, dtype=np.uint64), TIMES),
    "times in hours": ("timestamp", np.arange(4).astype("datetime64[h]"), TIMES),
    "times in memory": ("timestamp", np.array(TIMES).data, TIMES),
    "times in billions of nanoseconds": ("timestamp", (np.array(TIMES) // 1000).astype("M8[1000000000ns]"), TIMES),
    "times in sevens of nanoseconds past int64": (
        "timestamp",
        np.array([-(2**62), 0, 2**62, 2**62 + 10**6], dtype="M8[7ns]"),
        [tick * 7 // 10**6 for tick in (-(2**62), 0, 2**62, 2**62 + 10**6)],
    ),
    "big-endian times in us": ("timestamp", (np.array(TIMES) * 1000).astype(">M8[us]"), TIMES),
    "times at the edges": ("timestamp", [FIRST_MS, -1, 0, LAST_MS], [FIRST_MS, -1, 0, LAST_MS]),
    "years at the edges": (
        "timestamp",
        np.array([1 - 1970, -1, 0, 9999 - 1970], dtype="M8[Y]"),
        [FIRST_MS, -365 * 24 * HOUR, 0, 253_370_764_800_000],
    ),
    "times below a ms": ("timestamp", np.array([-1, 0, 10**6, 2 * 10**6 + 999_999], dtype="M8[ns]"), [-1, 0, 1, 2]),
    "spans as small ints": ("bucket_span", np.array([1, 2, 3, 255], dtype=np.uint8), [1, 2, 3, 255]),
    "spans as floats": ("bucket_span", np.array([1.0, 2.0, 3.0, 1e15]), [1, 2, 3, 10**15]),
    "spans as a list": ("bucket_span", [1, 2, 3, 2**63 - 1], [1, 2, 3, 2**63 - 1]),
    "one span as numpy int": ("bucket_span", np.int32(60), [60] * 4),
    "one span as float": ("bucket_span", 60.0, [60] * 4),
    "scores as ints": ("anomaly_score", np.arange(4), [0.0, 1.0, 2.0, 3.0]),
    "scores as float32": ("anomaly_score", np.array([0.1] * 4, dtype=np.float32), [float(np.float32(0.1))] * 4),
    "scores as float16": ("anomaly_score", np.array([0.5] * 4, dtype=np.float16), [0.5] * 4),
    "scores big-endian": ("anomaly_score", np.array([1.5, 2.5, 3.5, 4.5], dtype=">f8"), [1.5, 2.5, 3.5, 4.5]),
    "scores strided": ("anomaly_score", np.arange(8.0)[::2], [0.0, 2.0, 4.0, 6.0]),
    "scores of a fortran matrix": ("anomaly_score", np.asfortranarray(np.eye(4))[1], [0.0, 1.0, 0.0, 0.0]),
    "scores broadcast": ("anomaly_score", np.broadcast_to(np.float64(7), 4), [7.0] * 4),
    "scores unaligned": (
        "anomaly_score",
        np.frombuffer(b"x" + np.arange(4.0).tobytes(), dtype=np.float64, offset=1),
        [0.0, 1.0, 2.0, 3.0],
    ),
    "scores in a memoryview": ("anomaly_score", memoryview(np.arange(4.0).data), [0.0, 1.0, 2.0, 3.0]),
    "scores in a tuple": ("anomaly_score", (1, 2.5, np.float32(3), np.int8(4)), [1.0, 2.5, 3.0, 4.0]),
    "scores past int64": ("anomaly_score", [2**64, 1, 1.5, -(2**70)], [2.0**64, 1.0, 1.5, -(2.0**70)]),
    "scores with nulls in objects": (
        "anomaly_score",
        np.array([1, None, 3.5, None], dtype=object),
        [1.0, 0.0, 3.5, 0.0],
    ),
    "scores with nulls in a list": ("anomaly_score", [None, 2.5, None, 4], [0.0, 2.5, 0.0, 4.0]),
    "scores all null": ("anomaly_score", [None] * 4, [0.0] * 4),
    "scores masked over nan": (
        "anomaly_score",
        np.ma.MaskedArray([NAN, 1.0, INF, 2.0], mask=[True, False, True, False]),
        [0.0, 1.0, 0.0, 2.0],
    ),
    "scores masked altogether": ("anomaly_score", np.ma.MaskedArray([1.0] * 4, mask=True), [0.0] * 4),
    "scores masked nowhere": ("anomaly_score", np.ma.MaskedArray([1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0]),
    "scores of minus zero": ("anomaly_score", np.array([-0.0, 0.0, -0.0, 1.0]), [0.0, 0.0, 0.0, 1.0]),
    "counts past a double in a mixed list": ("event_count", [2**53 + 1, 1.0, 2, 3], [2**53 + 1, 1, 2, 3]),
    "counts past a double with nulls": ("event_count", [2**53 + 1, None, 2**63 - 1, 3], [2**53 + 1, 0, 2**63 - 1, 3]),
    "counts past a double masked": (
        "event_count",
        np.ma.MaskedArray([2**53 + 1, 5, 2**63 - 1, -(2**63)], mask=[False, True, False, False]),
        [2**53 + 1, 0, 2**63 - 1, -(2**63)],
    ),
    "counts masked over too large ones": (
        "event_count",
        np.ma.MaskedArray(np.array([2**63, 1, 2, 3], dtype=np.uint64), mask=[True, False, False, False]),
        [0, 1, 2, 3],
    ),
    "counts uint64 inside": ("event_count", np.array([2**63 - 1, 0, 1, 2], dtype=np.uint64), [2**63 - 1, 0, 1, 2]),
    "counts of minus zero": ("event_count", np.array([-0.0, 1.0, 2.0, 3.0]), [0, 1, 2, 3]),
    "interim masked": (
        "is_interim",
        np.ma.MaskedArray([True, True, False, True], mask=[True, False, False, False]),
        [False, True, False, True],
    ),
    "interim in objects": (
        "is_interim",
        np.array([True, None, np.True_, False], dtype=object),
        [True, False, True, False],
    ),
    "interim strided": ("is_interim", np.array([True, False] * 4)[::2], [True] * 4),
    "times as dates": (
        "timestamp",
        [date(1970, 1, 1 + day) for day in range(4)],
        [24 * HOUR * day for day in range(4)],
    ),
    "times as decimals": ("timestamp", [Decimal(time) for time in TIMES], TIMES),
    "times as decimals in objects": ("timestamp", np.array([Decimal(time) for time in TIMES], dtype=object), TIMES),
    "times with an arithmetic of their own": (
        "timestamp",
        [datetime(1970, 1, 1, row, tzinfo=UTC) for row in range(4)],
        TIMES,
    ),
    "times in a list that says it is empty": ("timestamp", Misleading(TIMES, 0), TIMES),
    "scores in a list that says it is long": ("anomaly_score", Misleading([1, 2, 3, 4], 2**62), [1.0, 2.0, 3.0, 4.0]),
    "scores as decimals": ("anomaly_score", [Decimal("0.1"), None, Decimal(2), 3], [0.1, 0.0, 2.0, 3.0]),
    "scores with missing values": (
        "anomaly_score",
        [1.0, *[GAPS[name] for name in ("na", "nat", "masked")]],
        [1.0, 0.0, 0.0, 0.0],
    ),
    "scores in arrays": ("anomaly_score", [np.array(1.5), np.float32(2), 3, np.array(4)], [1.5, 2.0, 3.0, 4.0]),
    "one span as decimal": ("bucket_span", Decimal("60.0"), [60] * 4),
    "one span in an array": ("bucket_span", np.array(60), [60] * 4),
    "counts of pandas with gaps": (
        "event_count",
        PandasSeries([2**53 + 1, None, 2, 3], ExtensionDtype("i")),
        [2**53 + 1, 0, 2, 3],
    ),
    "counts of polars with nulls": (
        "event_count",
        PolarsSeries([2**53 + 1, None, 2, 3], "Int64"),
        [2**53 + 1, 0, 2, 3],
    ),
    "interim with missing values": (
        "is_interim",
        [True, GAPS["na"], np.True_, np.array(True)],
        [True, False, True, True],
    ),
    "single events": ("scheduled_events", ["a", ["b"], "", ("c",)], [["a"], ["b"], [""], ["c"]]),
    "single events in an array": ("scheduled_events", np.array(["a", "b", "c", "d"]), [["a"], ["b"], ["c"], ["d"]]),
    "influencers with nulls": ("bucket_influencers", [None, [], (), None], [[]] * 4),
    "result types": ("result_type", ["bucket"] * 4, ["bucket"] * 4),
    "result types as an array": ("result_type", np.array(["bucket"] * 4), ["bucket"] * 4),
}


@cases(FINE, ("name", "column", "expected"))
def test_a_valid_column_is_stored_exactly(name: str, column: Any, expected: list[Any]) -> None:
    """Byte order, strides, number types, masks and nulls change no stored value."""
    index = ResultsIndex()
    commit = index.upsert_columns(columns(**{name: column}), job_id="web")
    assert (commit.inserted, commit.sequence) == (4, 1)
    found = [row[name] for row in rows_of(index)]
    assert found == expected
    assert [str(value) for value in found] == [str(value) for value in expected]


@pytest.mark.parametrize(
    "column",
    [
        np.ma.MaskedArray([0.0, 5.0, NAN, 4.0], mask=[True, False, True, False]),
        np.array([None, 5.0, None, 4.0], dtype=object),
        [None, 5, None, 4],
    ],
    ids=["masked", "objects", "list"],
)
def test_a_masked_or_null_score_is_missing(column: Any) -> None:
    """A masked or null score is not zero: it comes last in both directions and matches no threshold."""
    index = ResultsIndex()
    index.upsert_columns(columns(anomaly_score=column), job_id="web")
    for desc, order in ((False, [3, 1, 0, 2]), (True, [1, 3, 2, 0])):
        page = index.get_buckets(job_id="web", sort="anomaly_score", desc=desc)
        assert [row.timestamp // HOUR for row in page] == order
    assert index.get_buckets(job_id="web", anomaly_score=1e-300).count == 2


@pytest.mark.parametrize("make", [list, tuple, np.array, lambda ids: np.array(ids, dtype=object), np.ma.array])
def test_job_ids_come_as_a_column_of_text(make: Callable[[list[str]], Any]) -> None:
    """Job ids come in a list, an array of text or of objects, or a masked array without a mask."""
    ids = ["a", "x" * 255, "b", "\U0001f600"]
    index = ResultsIndex()
    assert index.upsert_columns(columns(job_id=make(ids))).inserted == 4
    assert list(index.jobs()) == sorted(ids)
    assert {type(job_id) for job_id in index.jobs()} == {str}


@pytest.mark.parametrize("given", [columns(), MappingProxyType(columns())], ids=["dict", "proxy"])
def test_any_mapping_holds_columns(given: Mapping[str, Any]) -> None:
    """The columns may come in any mapping."""
    assert ResultsIndex().upsert_columns(given, job_id="web").inserted == 4


@pytest.mark.parametrize(
    "span", [60, [], np.array([], dtype=np.int64), np.array([])], ids=["one", "list", "ints", "any"]
)
@pytest.mark.parametrize("times", [[], np.array([], dtype=np.int64), np.array([], dtype="M8[ms]"), np.array([])])
def test_empty_columns_change_nothing(times: Any, span: Any) -> None:
    """Empty columns are accepted, publish nothing and make no job known."""
    index = stored()
    with unchanged(index):
        commit = index.upsert_columns({"timestamp": times, "bucket_span": span, "anomaly_score": []}, job_id="new")
    assert (commit.sequence, commit.inserted, commit.replaced, commit.unchanged) == (index.sequence, 0, 0, 0)
    assert "new" not in index


def test_empty_columns_with_job_ids_change_nothing() -> None:
    """An empty column of job ids is accepted and changes nothing."""
    index = stored()
    with unchanged(index):
        index.upsert_columns({"job_id": [], "timestamp": [], "bucket_span": []})


@pytest.mark.parametrize("rows", [4, 1_200])
@pytest.mark.parametrize("times", ["in order", "out of order"])
def test_a_column_changed_afterwards_changes_nothing_stored(rows: int, times: str) -> None:
    """The index copies arrays, lists and their contents, so the caller may change them afterwards."""
    order = np.arange(rows) if times == "in order" else np.random.default_rng(5).permutation(rows)
    influencers: list[Any] = [[{"influencer_field_name": "a", "anomaly_score": 1.0}] for _ in range(rows)]
    events: list[Any] = [["sale"] for _ in range(rows)]
    arrays: dict[str, Any] = {
        "timestamp": order * HOUR,
        "bucket_span": np.full(rows, 60),
        "anomaly_score": np.linspace(0.0, 100.0, rows),
        "initial_anomaly_score": np.linspace(0.0, 100.0, rows),
        "event_count": np.arange(rows),
        "is_interim": np.arange(rows) % 3 == 0,
        "processing_time_ms": np.ma.MaskedArray(np.arange(rows), mask=np.arange(rows) % 2 == 0),
    }
    views = {name: np.asarray(array).view() for name, array in arrays.items()}
    for view in views.values():
        view.setflags(write=False)
    given = views | {"processing_time_ms": arrays["processing_time_ms"]}
    given |= {"bucket_influencers": influencers, "scheduled_events": events}
    index = ResultsIndex()
    index.upsert_columns(given, job_id="web")
    page = index.get_buckets(job_id="web", size=10_000)
    before = (state(index), page.to_dict())
    assert before[0] == state(index)
    for array in arrays.values():
        array[...] = 1
    arrays["processing_time_ms"].mask = False
    for inner, texts in zip(influencers, events, strict=True):
        inner[0]["anomaly_score"] = 99.0
        inner.append({"influencer_field_name": "b"})
        texts[0] = "changed"
        texts.append("more")
    given.clear()
    assert state(index) == before[0]
    assert page.to_dict() == before[1]


def test_a_refused_load_leaves_a_usable_index() -> None:
    """The next good load is the next commit, on top of the last good one."""
    index, untouched = stored(), stored()
    bad: Any
    for bad in ({"anomaly_score": [NAN] * 4}, {"x": []}, {"bucket_influencers": [[], [], [], [5]]}):
        with pytest.raises(InvalidDocument):
            index.upsert_columns(columns(**bad), job_id="web")
    for other in (index, untouched):
        assert other.upsert_columns(columns(anomaly_score=[1, 2, 3, 4]), job_id="web").sequence == stored().sequence + 1
    assert state(index) == state(untouched)


def test_columns_are_not_written_to() -> None:
    """The caller's arrays, masks and lists keep their contents and flags."""
    given = columns(
        timestamp=np.array([3, 1, 2, 1]) * HOUR,
        anomaly_score=np.array([-0.0, 1.0, 2.0, 3.0]),
        event_count=np.ma.MaskedArray([1, 2, 3, 4], mask=[False, True, False, False]),
        scheduled_events=[["b", "a"], None, [], ["c"]],
    )
    copies: dict[str, Any] = {
        name: np.ma.copy(column) if isinstance(column, np.ndarray) else str(column) for name, column in given.items()
    }
    ResultsIndex().upsert_columns(given, job_id="web")
    for name, column in given.items():
        if isinstance(column, np.ndarray):
            assert column.tobytes() == copies[name].tobytes()
            assert column.flags.writeable
            column[0] = 1
        else:
            assert str(column) == copies[name]
    assert list(given["event_count"].mask) == [False, True, False, False]


def test_sequences_that_are_not_a_table_are_read_entry_by_entry() -> None:
    """The error names the first entry of the wrong type, in a ragged sequence or among result types."""
    ragged = deque([[1, 2], [3], 4, 5])
    refused(columns(anomaly_score=ragged), "columns.anomaly_score[0]")
    refused(columns(result_type=[np.array(["bucket", "bucket"])] * 4), "columns.result_type[0]")
