"""Our decision on the types of a value, in parameters of queries."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, BucketQueryError, InvalidQuery, RecordQuery
from support.semantics_tables import (
    JOB,
    Answered,
    Door,
    Refused,
    ask,
    assert_answered,
    assert_refused,
    at,
    bucket,
    doors,
    each_row,
    index_of,
    invalid,
    of_every_kind,
)

RULE = "20.values"


class Number(IntEnum):
    """Integers with names."""

    ONE = 1


class Word(str, Enum):  # noqa: UP042 - the classes that people have are older than `StrEnum`
    """Texts with names, whose `str` is another text in Python 3.11 and later."""

    JOB = "web"
    DAY = "2020-01-02"
    TIME = "timestamp"
    TRUE = "true"
    TEN = "10"


class Unhashable(str):
    """Text that is no key of a dict."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # the class has no hash on purpose


def boxed(value: Any) -> Any:
    """The value in an array of objects without dimensions."""
    box = np.empty((), object)
    box[()] = value
    return box


SECOND_MS = at("2020-01-02T00:00Z")
#: The midnights of three days, and a noon; `c` is interim.
DAYS = {
    "a": bucket("2020-01-01T00:00Z", anomaly_score=5.0),
    "b": bucket("2020-01-02T00:00Z", anomaly_score=90.0),
    "n": bucket("2020-01-02T12:00Z", anomaly_score=80.0),
    "c": bucket("2020-01-03T00:00Z", anomaly_score=80.5, is_interim=True),
}

DATES = [
    Answered(RULE, "start as a date", DAYS, {"start": date(2020, 1, 2)}, "b n c", "ours: midnight in UTC"),
    Answered(RULE, "end as a date", DAYS, {"end": date(2020, 1, 2)}, "a", "ours: midnight in UTC"),
    Answered(
        RULE,
        "a day between dates",
        DAYS,
        {"start": date(2020, 1, 2), "end": date(2020, 1, 3)},
        "b n",
        "ours: half open",
    ),
    Answered(
        RULE,
        "now as a date",
        DAYS,
        {"start": "now", "now": date(2020, 1, 2)},
        "b n c",
        "ours: an instant",
    ),
    Answered(RULE, "start as text in an array", DAYS, {"start": np.array("2020-01-02")}, "b n c", "ours"),
    Answered(RULE, "start as an int in an array", DAYS, {"start": np.array(SECOND_MS)}, "b n c", "ours"),
    Answered(
        RULE,
        "start as a datetime64 in an array",
        DAYS,
        {"start": np.array("2020-01-02", "datetime64[D]")},
        "b n c",
        "ours",
    ),
    Answered(RULE, "start as a date in an array", DAYS, {"start": boxed(date(2020, 1, 2))}, "b n c", "ours"),
    Answered(
        RULE,
        "start as a datetime in an array",
        DAYS,
        {"start": boxed(datetime(2020, 1, 2, tzinfo=UTC))},
        "b n c",
        "ours",
    ),
    Answered(RULE, "start as a name", DAYS, {"start": Word.DAY}, "b n c", "ours: its text"),
    Answered(RULE, "end as a name with a number", DAYS, {"end": Number.ONE}, "", "ours: milliseconds"),
]
#: Only `b` lies at the instant; the text covers the day.
LOOKUPS = [
    Answered(RULE, "timestamp as a date", DAYS, {"timestamp": date(2020, 1, 2)}, "b", "ours: one instant", count=1),
    Answered(
        "20.types", "timestamp as a date", DAYS, {"timestamp": date(2020, 1, 2)}, "b", "ours: one instant", count=1
    ),
    Answered("2.6", "a date is one instant", DAYS, {"timestamp": date(2020, 1, 2)}, "b", "ours", count=1),
    Answered(RULE, "timestamp as text of a day", DAYS, {"timestamp": Word.DAY}, "b", "2.6: a day", count=2),
    Answered(RULE, "timestamp in an array", DAYS, {"timestamp": np.array(SECOND_MS)}, "b", "ours", count=1),
]
NUMBERS = [
    Answered(RULE, f"threshold {value!r}", DAYS, {"anomaly_score": value}, found, "ours: a number")
    for value, found in (
        (Decimal(80), "b n c"),
        (Decimal("80.5"), "b c"),
        (Decimal("80.500000000000014"), "b"),
        (Decimal("-0.0"), "a b n c"),
        (Decimal("1E+400"), ""),
        (Number.ONE, "a b n c"),
        (np.float16(80.5), "b c"),
        (np.longdouble(80.5), "b c"),
        (np.array(80.5), "b c"),
        (np.array(80), "b n c"),
        (boxed(Decimal("80.5")), "b c"),
    )
]
BOOLEANS = [
    Answered(RULE, f"{name} {value!r}", DAYS, {name: value}, found, "ours: a boolean")
    for name, if_true, if_false in (("exclude_interim", "a b n", "a b n c"), ("desc", "c n b a", "a b n c"))
    for value, found in (
        (np.bool_(True), if_true),
        (np.bool_(False), if_false),
        (np.array(True), if_true),
        (np.array(False), if_false),
    )
] + [
    Answered("4.4", "NumPy's True", DAYS, {"exclude_interim": np.bool_(True)}, "a b n", "ours"),
    Answered("4.4", "NumPy's False", DAYS, {"exclude_interim": np.bool_(False)}, "a b n c", "ours"),
    Answered("4.4", "a name of text", DAYS, {"desc": Word.TRUE}, "c n b a", "OP, RR: its text", only="get_buckets"),
]
EXPAND = [
    Answered(RULE, f"expand {value!r}", DAYS, {"expand": value}, "a b n c", "ours: a boolean")
    for value in (np.bool_(True), np.bool_(False), np.array(True))
]
PAGES = [
    Answered(RULE, f"{name} {value!r}", DAYS, {name: value}, found, "ours: an integer", count=4)
    for name, found in (("from_", "b n c"), ("size", "a"))
    for value in (Number.ONE, np.int8(1), np.uint64(1), np.array(1), boxed(1))
] + [
    Answered(
        RULE,
        "a page",
        DAYS,
        {"page": {"from": np.array(1), "size": Number.ONE}},
        "b",
        "ours: an integer",
        count=4,
        only="get_buckets",
    )
]
TEXTS = [
    Answered(RULE, f"sort {type(value).__name__}", DAYS, {"sort": value, "desc": True}, "c n b a", "ours: its text")
    for value in (Word.TIME, Unhashable("timestamp"), np.str_("timestamp"), np.array("timestamp"))
]
JOB_PARAMETERS: Sequence[tuple[str, Door]] = (("job_id", "get_buckets"), ("jobs", "search"))
JOBS = [
    Answered(RULE, f"{name} {type(value).__name__}", DAYS, {name: value}, "a b n c", "ours: its text", only=only)
    for name, only in JOB_PARAMETERS
    for value in (Word.JOB, Unhashable(JOB), np.str_(JOB), np.array(JOB))
] + [
    Answered(RULE, "jobs of names", DAYS, {"jobs": [Word.JOB, Unhashable(JOB)]}, "a b n c", "ours", only="search"),
    Answered(RULE, "an array of jobs", DAYS, {"jobs": np.array([JOB, JOB])}, "a b n c", "20.jobs", only="search"),
    Answered(RULE, "text of a number", DAYS, {"anomaly_score": Word.TEN}, "b n c", "3.5: its text", only="get_buckets"),
]


@each_row(of_every_kind(DATES, NUMBERS, BOOLEANS, PAGES, TEXTS), LOOKUPS, EXPAND, JOBS)
def test_parameter_counts_by_the_base_type_of_its_class(row: Answered) -> None:
    """A parameter of another class finds the results that the plain value finds."""
    assert_answered(row)


def wrong(name: str, *values: Any, source: str = "ours", field: str | None = None) -> list[Refused]:
    """Rows about values that a parameter refuses, in a call and in a query."""
    return [
        Refused(
            RULE,
            f"{name} {type(value).__name__} {value!r}",
            DAYS,
            {name: value},
            invalid(field or name, "", "illegal_argument_exception"),
            source,
        )
        for value in values
    ]


REFUSED = [
    *(
        row
        for name in ("from_", "size")
        for row in wrong(
            name,
            Decimal(1),
            1.0,
            np.float64(1.0),
            np.array(1.0),
            True,
            np.bool_(True),
            np.array(True),
            Fraction(1),
            np.datetime64("NaT"),
            source="ours: integers only",
        )
    ),
    *(
        row
        for name in ("start", "end")
        for row in wrong(
            name,
            Decimal(5),
            5.0,
            np.array(5.0),
            np.bool_(True),
            np.array("NaT", "datetime64[ms]"),
            boxed(datetime(2020, 1, 1)),  # noqa: DTZ001 - naive is what is refused
            np.array([5]),
            np.timedelta64(5, "s"),
            Fraction(5),
        )
    ),
    *wrong(
        "anomaly_score",
        np.array(True),
        np.bool_(True),
        np.array([80.0]),
        Fraction(80),
        5j,
        date(2020, 1, 1),
        np.datetime64("NaT"),
    ),
    *(
        row
        for name in ("exclude_interim", "desc")
        for row in wrong(
            name,
            np.int64(1),
            np.array(1),
            Number.ONE,
            Decimal(1),
            np.array([True]),
            date(2020, 1, 1),
            np.datetime64("NaT"),
        )
    ),
    *wrong(
        "sort", np.array(5), date(2020, 1, 1), Number.ONE, Decimal(5), np.array(["timestamp"]), np.datetime64("NaT")
    ),
]
LOOKUPS_REFUSED = wrong(
    "timestamp", Decimal(5), 5.0, np.array("NaT", "datetime64[s]"), np.bool_(True), np.array([5])
) + wrong("expand", np.int64(1), np.array(1), Number.ONE, Decimal(1), np.datetime64("NaT"))


@each_row(of_every_kind(REFUSED), LOOKUPS_REFUSED)
def test_parameter_of_another_type_is_refused(row: Refused) -> None:
    """A parameter of another type raises an error that names it."""
    assert_refused(row)


@pytest.mark.parametrize("value", ["NA", "NaT"])
@pytest.mark.parametrize(
    "name", ["start", "end", "timestamp", "anomaly_score", "exclude_interim", "desc", "expand", "sort", "from_", "size"]
)
def test_pandas_gap_is_refused_as_a_parameter(name: str, value: str) -> None:
    """20.values: in a parameter only None is missing. A missing value of pandas is refused, as NaT is."""
    gap = getattr(pytest.importorskip("pandas"), value)
    index = index_of(DAYS.values())
    for door in doors(None):
        with pytest.raises(BucketQueryError) as caught:
            ask(index, door, {name: gap})
        assert (type(caught.value), caught.value.field) == (InvalidQuery, name)


def test_pandas_timestamp_is_an_instant() -> None:
    """20.values: a pandas timestamp with a zone is an aware datetime."""
    pandas = pytest.importorskip("pandas")
    index = index_of(DAYS.values())
    moment = pandas.Timestamp("2020-01-02T01:00", tz="Europe/Berlin")
    for name, count in (("start", 3), ("end", 1), ("timestamp", 1)):
        for door in doors(None):
            assert ask(index, door, {name: moment}).count == count


def plain_values(query: Any) -> list[Any]:
    """The values of a query, those in its tuple of jobs too."""
    return [
        value
        for name in ("jobs", "start", "end", "sort", "desc", "exclude_interim", "from_", "size")
        for shown in [getattr(query, name)]
        for value in (shown if isinstance(shown, tuple) else [shown])
    ]


def test_query_holds_plain_values() -> None:
    """20.values: the attributes of a query are plain values, so it equals the query of plain values."""
    given: dict[str, Any] = {
        "jobs": [Word.JOB],
        "start": date(2020, 1, 2),
        "end": np.array(SECOND_MS + 1),
        "sort": np.str_("timestamp"),
        "desc": np.bool_(True),
        "exclude_interim": np.array(True),
        "from_": Number.ONE,
        "size": np.array(1),
    }
    plain: dict[str, Any] = {
        "jobs": JOB,
        "start": SECOND_MS,
        "end": SECOND_MS + 1,
        "sort": "timestamp",
        "desc": True,
        "exclude_interim": True,
        "from_": 1,
        "size": 1,
    }
    query = BucketQuery(**given, anomaly_score=Decimal("80.5"), expand=np.bool_(True))  # type: ignore[arg-type]  # as people have it
    same = BucketQuery(**plain, anomaly_score=80.5, expand=True)
    assert (query, hash(query), repr(query)) == (same, hash(same), repr(same))
    assert {type(value) for value in (*plain_values(query), query.anomaly_score, query.expand)} <= {
        str,
        int,
        float,
        bool,
    }
    assert repr(RecordQuery(**given, record_score=boxed(5))) == repr(RecordQuery(**plain, record_score=5.0))
    assert query.replace(size=np.int8(2)).size == 2
