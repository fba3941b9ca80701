"""Our decision on the types of a value, in documents: numbers, booleans, text and instants of other libraries."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bucketquery import Kind, ResultsIndex
from support.document_tables import (
    FIRST_MS,
    LAST_MS,
    SIZES,
    SMALL_SIZES,
    T0,
    Accepted,
    BadDocument,
    accepted,
    assert_accepted,
    assert_accepted_together,
    assert_bad_document,
    assert_plain,
    bad,
    batch_of,
    note,
    page_without_others,
)
from support.semantics_tables import (
    BY_SCORE,
    CALLS,
    JOB,
    LISTS,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
    result,
)

RULE = "20.values"


class Number(IntEnum):
    """Integers with names."""

    FIVE = 5


class Word(str, Enum):  # noqa: UP042 - the classes that people have are older than `StrEnum`
    """Texts with names, whose `str` is another text in Python 3.11 and later."""

    A = "a"
    DAY = "2020-01-01"


class Name(StrEnum):
    """Texts with names, whose `str` is the text."""

    A = "a"


class Loud(str):
    """Text that is printed as another text."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper() + "!"

    def __repr__(self) -> str:
        return f"Loud({super().__repr__()})"


class Unhashable(str):
    """Text that is no key of a dict."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # the class has no hash on purpose

    def __repr__(self) -> str:
        return f"Unhashable({super().__repr__()})"


class Real(float):
    """A float with a class of its own."""

    __slots__ = ()


def _named(base: type) -> Callable[[Any], str]:
    """A `__repr__` that tells the value from one of the base class."""
    return lambda value: f"Alone({vars(base)['__repr__'](value)})"


class Alone:
    """The methods of a value that nobody may call."""

    __slots__ = ()

    def _called(self, *_: object) -> Any:
        raise AssertionError("a method of the value is called")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _called
    __bool__ = __int__ = __index__ = __float__ = __str__ = __len__ = __iter__ = __format__ = _called
    __add__ = __radd__ = __neg__ = __abs__ = __round__ = __trunc__ = __floor__ = __mod__ = _called
    is_integer = as_integer_ratio = encode = strip = _called
    __hash__ = None  # type: ignore[assignment]  # the class has no hash on purpose


class AloneInteger(Alone, int):  # type: ignore[misc]  # its methods have other types on purpose
    """An integer whose methods nobody may call."""

    __slots__ = ()
    __repr__ = _named(int)


class AloneFloat(Alone, float):  # type: ignore[misc]  # its methods have other types on purpose
    """A float whose methods nobody may call."""

    __slots__ = ()
    __repr__ = _named(float)


class AloneText(Alone, str):  # type: ignore[misc]  # its methods have other types on purpose
    """Text whose methods nobody may call."""

    __slots__ = ()
    __repr__ = _named(str)


class Moment(datetime):
    """A datetime with a class of its own, as pandas has one."""


class Day(date):
    """A date with a class of its own."""


def boxed(value: Any) -> Any:
    """The value in an array of objects without dimensions."""
    box = np.empty((), object)
    box[()] = value
    return box


NUMBERS = (
    (Decimal("80.5"), 80.5),
    (Decimal(80), 80.0),
    (Decimal("-0.0"), 0.0),
    (Decimal("1E+2"), 100.0),
    (Decimal("0.1"), 0.1),
    (Decimal("1.7E-4"), 0.00017),
    (Decimal("4.9E-324"), 5e-324),
    (Number.FIVE, 5.0),
    (Real(2.5), 2.5),
    (np.float16(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.array(5), 5.0),
    (np.array(2.5), 2.5),
    (np.array(0.5, np.float32), 0.5),
    (boxed(Decimal("2.5")), 2.5),
    (AloneInteger(5), 5.0),
    (AloneFloat(2.5), 2.5),
)
INTEGERS = (
    (Decimal(5), 5),
    (Decimal("5.0"), 5),
    (Decimal("5E+1"), 50),
    (Decimal(2**53 + 1), 2**53 + 1),
    (Decimal(2**63 - 1), 2**63 - 1),
    (Number.FIVE, 5),
    (Real(5.0), 5),
    (np.uint16(5), 5),
    (np.longdouble(5), 5),
    (np.array(5), 5),
    (np.array(5.0), 5),
    (np.array(2**53 + 1), 2**53 + 1),
    (boxed(5), 5),
    (AloneInteger(5), 5),
    (AloneFloat(5.0), 5),
)
BOOLEANS = (
    (np.bool_(True), True),
    (np.bool_(False), False),
    (np.array(True), True),
    (np.array(False), False),
    (boxed(True), True),
)
TEXTS = (
    (Word.A, "a"),
    (Name.A, "a"),
    (Loud("a"), "a"),
    (Unhashable("a"), "a"),
    (np.str_("a"), "a"),
    (np.array("a"), "a"),
    (AloneText("a"), "a"),
    (boxed("a"), "a"),
)
INSTANTS = (
    (date(2020, 1, 1), T0),
    (date(1, 1, 1), FIRST_MS),
    (date(9999, 12, 31), LAST_MS - 86_400_000 + 1),
    (Day(2020, 1, 1), T0),
    (Moment(2020, 1, 1, tzinfo=UTC), T0),
    (Moment(2020, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), T0),
    (Decimal(T0), T0),
    (Decimal(f"{T0}.0"), T0),
    (Number.FIVE, 5),
    (Word.DAY, T0),
    (Unhashable("2020-01-01"), T0),
    (np.str_("2020-01-01"), T0),
    (np.array(T0), T0),
    (np.array("2020-01-01"), T0),
    (np.array("2020-01-01", "datetime64[D]"), T0),
    (AloneInteger(T0), T0),
    (AloneText("2020-01-01"), T0),
    (boxed(date(2020, 1, 1)), T0),
    (boxed(datetime(2020, 1, 1, tzinfo=UTC)), T0),
)

#: The fields of each kind by what they hold.
DOUBLES: Mapping[Kind, Sequence[str]] = {
    "bucket": ("anomaly_score", "initial_anomaly_score"),
    "record": ("record_score", "initial_record_score", "probability", "multi_bucket_impact"),
    "influencer": ("influencer_score", "initial_influencer_score", "probability"),
}
LONGS: Mapping[Kind, Sequence[str]] = {
    "bucket": ("bucket_span", "event_count", "processing_time_ms"),
    "record": ("bucket_span", "detector_index"),
    "influencer": ("bucket_span",),
}
WORDS: Mapping[Kind, Sequence[str]] = {
    "bucket": (),
    "record": (
        "by_field_name",
        "by_field_value",
        "correlated_by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "function",
        "function_description",
        "field_name",
    ),
    "influencer": ("influencer_field_name", "influencer_field_value"),
}

ACCEPTED = [
    row
    for kind in CALLS
    for row in (
        *accepted(kind, "timestamp", "ours: instants", *INSTANTS, rule=RULE),
        *accepted(kind, "is_interim", "ours: booleans", *BOOLEANS, rule=RULE),
        *(row for name in DOUBLES[kind] for row in accepted(kind, name, "ours: numbers", *NUMBERS, rule=RULE)),
        *(row for name in LONGS[kind] for row in accepted(kind, name, "ours: integers", *INTEGERS, rule=RULE)),
        *(row for name in WORDS[kind] for row in accepted(kind, name, "ours: text", *TEXTS, rule=RULE)),
    )
]
ACCEPTED += [
    *accepted(
        "bucket", "event_count", "ours: counts may be negative", (Decimal(-5), -5), (np.array(-5), -5), rule=RULE
    ),
    *accepted("bucket", "scheduled_events", "ours: text", *(([value], [shown]) for value, shown in TEXTS), rule=RULE),
    *(
        row
        for name in ("typical", "actual")
        for row in accepted(
            "record", name, "ours: numbers", *(([value], [shown]) for value, shown in NUMBERS), rule=RULE
        )
    ),
    *accepted(
        "record",
        "influencers",
        "ours: text",
        *(
            (
                [{"influencer_field_name": value, "influencer_field_values": ["b", value]}],
                [{"influencer_field_name": shown, "influencer_field_values": ["b", shown]}],
            )
            for value, shown in TEXTS[:-1]
        ),
        rule=RULE,
    ),
]

UNKNOWN = (
    (Decimal(5), 5),
    (Decimal(-5), -5),
    (Decimal("5.0"), 5.0),
    (Decimal("5.50"), 5.5),
    (Decimal("1.7E-4"), 0.00017),
    (Decimal(2**63 - 1), 2**63 - 1),
    (Number.FIVE, 5),
    (Real(2.5), 2.5),
    *TEXTS,
    *BOOLEANS,
    (np.array(5), 5),
    (np.array(5.0), 5.0),
    (np.float16(0.5), 0.5),
    (np.datetime64("NaT"), None),
    (np.array("NaT", "datetime64[ms]"), None),
    (np.ma.masked, None),
    (AloneInteger(5), 5),
    (AloneFloat(2.5), 2.5),
)
#: The same values as an unknown key, and inside an object of a record.
ACCEPTED += [
    *(row for kind in BY_SCORE for row in accepted(kind, "extra", "ours: JSON", *UNKNOWN, rule=RULE)),
    *accepted("record", "causes", "ours: JSON", *(([{"a": [v]}], [{"a": [shown]}]) for v, shown in UNKNOWN), rule=RULE),
    *accepted("record", "geo_results", "ours: JSON", *(({"a": v}, {"a": shown}) for v, shown in UNKNOWN), rule=RULE),
    *accepted(
        "record",
        "extra",
        "ours: text with names as keys",
        ({Name.A: 1}, {"a": 1}),
        ({np.str_("a"): 1}, {"a": 1}),
        rule=RULE,
    ),
]


@each_row(ACCEPTED)
def test_value_counts_by_the_base_type_of_its_class(row: Accepted) -> None:
    """A value of another class is stored as the plain value, in batches of every size."""
    assert_accepted(row, SMALL_SIZES)


@pytest.mark.parametrize("kind", CALLS)
def test_values_of_one_large_batch_count_by_the_base_type_of_their_class(kind: Kind) -> None:
    """20.values: so are all of these values together, in a batch of more than a thousand documents."""
    assert_accepted_together(row for row in ACCEPTED if row.kind == kind)


@pytest.mark.parametrize(("name", "shown"), TEXTS, ids=[type(name).__name__ + "-" + repr(name) for name, _ in TEXTS])
@pytest.mark.parametrize("kind", CALLS)
def test_names_of_jobs_and_types_count_by_their_text(kind: Kind, name: Any, shown: str) -> None:
    """20.values: a job and a result type of another class of text are those of the plain text."""
    types: Sequence[Any] = (np.str_(kind), np.array(kind), Loud(kind), Unhashable(kind), boxed(kind))
    for size in SIZES:
        given = [result(kind, time, job_id=name) | {"result_type": of} for time, of in enumerate(types)]
        index = ResultsIndex()
        commit = index.upsert(batch_of(size, given, kind)[0])
        assert (dict(commit.skipped), index.jobs()) == ({}, tuple(sorted({shown, *((JOB,) if size > 5 else ())})))
        body = page_without_others(index, kind, job_id=shown).to_dict()
        assert (body["count"], {found["job_id"] for found in body[LISTS[kind]]}) == (5, {shown})
        assert_plain(body)
        assert [type(job_id) for job_id in index.jobs()] == [str] * len(index.jobs())


@pytest.mark.parametrize(("given", "shown"), TEXTS, ids=[type(name).__name__ + "-" + repr(name) for name, _ in TEXTS])
def test_skipped_types_count_by_their_text(given: Any, shown: str) -> None:
    """20.values: a type that is skipped is counted under its text."""
    skipped = ResultsIndex().upsert([bucket(0) | {"result_type": given}, bucket(0) | {"result_type": "a"}]).skipped
    assert dict(skipped) == {shown: 2}
    assert [type(name) for name in skipped] == [str]


NESTED = {
    "job_id": (Word.A, "a"),
    "influencer_field_name": (Loud("a"), "a"),
    "anomaly_score": (Decimal("80.5"), 80.5),
    "initial_anomaly_score": (np.array(5), 5.0),
    "raw_anomaly_score": (Number.FIVE, 5.0),
    "probability": (Decimal("1.7E-4"), 0.00017),
    "timestamp": (date(2020, 1, 1), T0),
    "bucket_span": (Decimal(60), 60),
    "is_interim": (np.array(True), True),
}


def test_values_of_nested_influencers_count_by_their_base_type() -> None:
    """20.values: the rule holds inside a bucket's influencers, in batches of every size."""
    nested = {name: given for name, (given, _) in NESTED.items()}
    for size in SIZES:
        given, _ = batch_of(size, [bucket(T0, bucket_influencers=[nested])], "bucket")
        (body,) = page_without_others(index_of(given), "bucket").to_dict()["buckets"]
        (shown,) = body["bucket_influencers"]
        assert_plain(shown)
        assert {name: shown[name] for name in NESTED} == {name: value for name, (_, value) in NESTED.items()}


# ---- missing values


@dataclass(frozen=True, slots=True)
class Missing:
    """The name of a value that counts as missing in a field of a kind; it may need a library."""

    rule: str
    kind: Kind
    field: str
    value: str
    source: str

    @property
    def claim(self) -> str:
        """The kind, the field and the value."""
        return f"{self.kind} {self.field} {self.value}"

    def given(self) -> Any:
        """The value; skips the test if its library is not installed."""
        library, _, name = self.value.partition(".")
        if library == "pandas":
            return getattr(pytest.importorskip("pandas"), name)
        return {
            "None": None,
            "NaT": np.datetime64("NaT"),
            "NaT in an array": np.array("NaT", "datetime64[ns]"),
            "masked": np.ma.masked,
        }[self.value]


MISSING_VALUES = ("None", "NaT", "NaT in an array", "masked", "pandas.NA", "pandas.NaT")
OPTIONAL: Mapping[Kind, Sequence[str]] = {
    "bucket": (
        "anomaly_score",
        "initial_anomaly_score",
        "event_count",
        "is_interim",
        "bucket_influencers",
        "processing_time_ms",
        "scheduled_events",
        "event",
        "records",
    ),
    "record": (
        *DOUBLES["record"],
        *WORDS["record"],
        "detector_index",
        "is_interim",
        "typical",
        "actual",
        "causes",
        "influencers",
        "geo_results",
        "anomaly_score_explanation",
        "event",
    ),
    "influencer": (*DOUBLES["influencer"], *WORDS["influencer"], "is_interim", "event"),
}
MISSING = [
    Missing(RULE, kind, name, value, "ours: missing, as null is")
    for kind, names in OPTIONAL.items()
    for name in names
    for value in MISSING_VALUES
]


@each_row(MISSING)
def test_value_of_an_optional_field_is_missing(row: Missing) -> None:
    """A missing value of another library stores the same result as no value, in batches of every size."""
    assert_missing(row.kind, [{row.field: row.given()}], SMALL_SIZES)


@pytest.mark.parametrize("kind", CALLS)
def test_values_of_optional_fields_are_missing_in_one_large_batch(kind: Kind) -> None:
    """20.values: so do all of these values together, in a batch of more than a thousand documents."""
    rows = [row for row in MISSING if row.kind == kind]
    assert_missing(kind, [{row.field: row.given()} for row in rows], SIZES[-1:])


def assert_missing(kind: Kind, values: Sequence[dict[str, Any]], sizes: Iterable[int]) -> None:
    """Assert that results with these values are stored as results without them."""
    plain = [result(kind, T0 + 3_600_000 * place) for place in range(len(values))]
    expected = page_without_others(index_of(plain), kind).to_dict()
    for size in sizes:
        with note(f"in a batch of {size}"):
            given = [bare | value for bare, value in zip(plain, values, strict=True)]
            index = index_of(batch_of(size, given, kind)[0])
            assert_same_body(page_without_others(index, kind).to_dict(), expected)
            assert index.upsert(plain).unchanged == len(plain)


REQUIRED = [
    Missing(RULE, kind, name, value, "ours: required")
    for kind in CALLS
    for name in ("job_id", "timestamp", "bucket_span")
    for value in MISSING_VALUES
]


@each_row(REQUIRED)
def test_missing_value_of_a_required_field_is_refused(row: Missing) -> None:
    """A missing value of another library in a required field refuses the batch, as null does."""
    (bad_document,) = bad(row.kind, row.field, row.source, row.given(), rule=RULE)
    assert_bad_document(bad_document, SMALL_SIZES)


@pytest.mark.parametrize("value", ["NA", "NaT"])
def test_pandas_values_inside_documents(value: str) -> None:
    """20.values: pandas's missing values count as null in unknown keys, in lists and in nested objects."""
    gap = getattr(pytest.importorskip("pandas"), value)
    given = record(T0, extra={"a": [gap]}, causes=[{"typical": gap}], zone=gap)
    shown = page_without_others(index_of([given]), "record").to_dict()["records"][0]
    assert_same_body([shown["extra"], shown["causes"], shown["zone"]], [{"a": [None]}, [{"typical": None}], None])
    nested = bucket(T0, bucket_influencers=[{"influencer_field_name": gap, "anomaly_score": gap, "is_interim": gap}])
    assert_same_body(
        page_without_others(index_of([nested]), "bucket").to_dict(),
        page_without_others(index_of([bucket(T0, bucket_influencers=[{}])]), "bucket").to_dict(),
    )
    for bad_document in bad("bucket", "scheduled_events", "ours: items are text", ["a", gap], path="[1]"):
        assert_bad_document(bad_document)


def test_pandas_timestamps_are_instants() -> None:
    """20.values: a pandas timestamp with a zone is an aware datetime; one without a zone is refused."""
    pandas = pytest.importorskip("pandas")
    aware = pandas.Timestamp("2020-01-01T01:00:00.25", tz="Europe/Berlin")
    for size in SIZES:
        given, _ = batch_of(size, [bucket(aware, event={"ingested": aware})], "bucket")
        (shown,) = page_without_others(index_of(given), "bucket").to_dict()["buckets"]
        assert (shown["timestamp"], shown["event"]["ingested"]) == (T0 + 250, T0 + 250)
    for bad_document in bad("bucket", "timestamp", "ours: no zone", pandas.Timestamp("2020-01-01")):
        assert_bad_document(bad_document)


# ---- refused values

NO_NUMBERS = (
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("-Infinity"),
    Decimal("1E+400"),
    np.array(math.nan),
    np.array(True),
    np.array("5"),
)
#: Values of types that are no numbers; the error names the type.
OTHER_TYPES = (
    Fraction(5),
    5j,
    np.array([5]),
    np.timedelta64(5, "s"),
    timedelta(5),
    date(2020, 1, 1),
    time(5),
    {5},
    b"5",
)
NO_INTEGERS = (Decimal("5.5"), Decimal(2**63), Decimal("1E+30"), np.array(5.5), np.array(2**63, np.uint64), Real(5.5))
NO_TEXTS = (np.bytes_(b"a"), bytearray(b"a"), Decimal(5), np.array(5), date(2020, 1, 1), ("a",), np.array(["a"]))
NO_BOOLEANS = (Number.FIVE, np.array(1), np.int64(1), Decimal(1), np.array("true"), Word.A, np.array([True]))
NO_INSTANTS = (
    Moment(2020, 1, 1),
    np.array(1.5),
    np.array([T0]),
    Decimal("1.5"),
    np.array("soon"),
    time(5),
    np.timedelta64(5, "s"),
)
REFUSED = [
    row
    for kind in CALLS
    for row in (
        *(row for name in DOUBLES[kind] for row in bad(kind, name, "ours: finite", *NO_NUMBERS, rule=RULE)),
        *(
            row
            for name in LONGS[kind]
            for row in bad(kind, name, "ours: integers", *NO_NUMBERS, *NO_INTEGERS, rule=RULE)
        ),
        *(row for name in WORDS[kind] for row in bad(kind, name, "ours: text", *NO_TEXTS, rule=RULE)),
        *bad(kind, "job_id", "ours: text", *NO_TEXTS, rule=RULE),
        *bad(kind, "result_type", "ours: text", *NO_TEXTS, rule=RULE),
        *bad(kind, "is_interim", "ours: booleans", *NO_BOOLEANS, rule=RULE),
        *bad(kind, "timestamp", "ours: instants", *NO_INSTANTS, rule=RULE),
    )
]
REFUSED += [
    *(
        row
        for kind in BY_SCORE
        for row in bad(
            kind,
            "extra",
            "ours: JSON",
            Decimal("NaN"),
            Decimal("Infinity"),
            Decimal(2**63),
            Decimal("1E+400"),
            np.array(math.nan),
            np.array([5]),
            date(2020, 1, 1),
            Fraction(5),
            rule=RULE,
        )
    ),
    *bad("record", "geo_results", "ours: JSON", {"a": [Decimal("NaN")]}, path=".a[0]", rule=RULE),
]


@each_row(REFUSED)
def test_batch_with_a_value_of_another_type_is_refused(row: BadDocument) -> None:
    """The error has the position and path of the bad value, in batches of every size."""
    assert_bad_document(row, SIZES)


NAMED = [
    row
    for kind in CALLS
    for names in (DOUBLES[kind], LONGS[kind])
    for name in names
    for row in bad(kind, name, "ours: the error names the type", *OTHER_TYPES, rule=RULE)
] + [
    row
    for kind in CALLS
    for name in (*WORDS[kind], "job_id")
    for row in bad(kind, name, "ours: the error names the type", 5j, Fraction(5), b"a", [5], rule=RULE)
]


@each_row(NAMED)
def test_error_names_the_type(row: BadDocument) -> None:
    """The error of a value of another type names the path and the type."""
    field = row.field.rpartition(".")[2]
    assert_bad_document(row, words=type(row.given[1][field]).__name__)


# ---- lists are read once


class Misleading(list[Any]):
    """A list whose length and truth are wrong, and that can be read only once."""

    def __init__(self, items: Sequence[Any]) -> None:
        super().__init__(items)
        self.reads = 0

    def __len__(self) -> int:
        return 0 if super().__len__() else 3

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[Any]:
        self.reads += 1
        assert self.reads == 1, "a list is read once"
        return super().__iter__()


@dataclass(frozen=True, slots=True)
class ReadOnce:
    """A field of a kind that holds a list, and its items."""

    rule: str
    kind: Kind
    field: str
    items: Sequence[Any]
    source: str

    @property
    def claim(self) -> str:
        """The kind, the field and the number of items."""
        return f"{self.kind} {self.field} of {len(self.items)}"


LISTS_OF: Sequence[tuple[Kind, str, Sequence[Any]]] = (
    ("bucket", "scheduled_events", ["b", "a"]),
    ("bucket", "bucket_influencers", [{"anomaly_score": 5}, {}]),
    ("bucket", "records", [{"detector_index": 1}, {}]),
    ("record", "typical", [1.0, 2.0]),
    ("record", "actual", [1.0]),
    ("record", "causes", [{"a": 1}, {}]),
    ("record", "influencers", [{"influencer_field_name": "host", "influencer_field_values": ["a"]}]),
    ("record", "extra", [1, [2]]),
    ("influencer", "extra", [{}]),
)
READ_ONCE = [
    ReadOnce(RULE, kind, name, items, "ours: only the items that were read count")
    for kind, name, some in LISTS_OF
    for items in (some, [])
]


@each_row(READ_ONCE)
def test_list_is_read_once(row: ReadOnce) -> None:
    """A list with a wrong length or truth stores its items, in batches of every size."""
    plain = index_of([result(row.kind, T0) | {row.field: row.items}])
    for size in SIZES:
        with note(f"in a batch of {size}"):
            misleading = Misleading(row.items)
            index = index_of(batch_of(size, [result(row.kind, T0) | {row.field: misleading}], row.kind)[0])
            assert misleading.reads == 1
            for kind in CALLS:
                found, expected = (page_without_others(one, kind).to_dict() for one in (index, plain))
                assert_same_body(found, expected)


def test_lists_in_lists_are_read_once() -> None:
    """20.values: so are the values of a record's influencers, and the batch itself."""
    values = Misleading(["a", "b"])
    given = record(T0, influencers=[{"influencer_field_name": "host", "influencer_field_values": values}])
    batch = Misleading([given, influencer(T0, "a")])
    commit = (index := index_of([])).upsert(batch)
    assert (commit.inserted, values.reads, batch.reads) == (2, 1, 1)
    assert index.get_records(job_id=JOB).to_dict()["records"][0]["host"] == ["a", "b"]
