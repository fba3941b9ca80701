"""Documents that must not be stored: the index refuses each with the path of its fault, and does not change."""

import contextlib
import itertools
import threading
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InvalidDocument, InvalidQuery, Kind, ResultsIndex, UnknownJob
from support.helpers import PATIENCE_S
from support.malformed import (
    BOOLEANS,
    EACH_KIND,
    FIRST_MS,
    GAPS,
    HOUR,
    ILLEGAL,
    INF,
    LAST_MS,
    NAN,
    NO_FINITE_DECIMALS,
    SHARED,
    UNPRINTABLE_INTEGERS,
    Broken,
    EqualsEachEntry,
    Impostor,
    NeitherTrueNorFalse,
    RaisesAsNumber,
    RaisesWhenCompared,
    Unprintable,
    array_in_an_array,
    assert_carries,
    assert_passes_through,
    bucket,
    cases,
    deep_list,
    nested,
    odd,
    recursive_list,
    refusal,
    result,
    state,
    stored,
    unchanged,
)
from support.strategies import FIELDS, KINDS


def refused(documents: Any, field: str, *, kind: Any = None) -> InvalidDocument:
    """The error of a batch that is refused at exactly this path and changes nothing."""
    error = refusal_at(documents, field, kind=kind)
    SHARED.check()
    return error


def refusal_at(documents: Any, field: str, *, kind: Any = None) -> InvalidDocument:
    """The error of a batch that is refused at exactly this path."""
    error = refusal(lambda: SHARED.index.upsert(documents, kind=kind))
    assert isinstance(error, InvalidDocument)
    assert_carries(error, InvalidDocument, field, "document_parsing_exception")
    return error


def refused_in_each_field(kinds: Iterable[Kind], holds: type, value: Any, *more: str) -> None:
    """Assert that a value is refused in each field of this type, and in some more fields, of some kinds."""
    for kind in kinds:
        names = [*more, *(name for name, of in FIELDS[kind].items() if of is holds)]
        assert names
        for name in names:
            refusal_at(among_good(result(kind, **{name: value})), f"documents[2].{name}")
    # One check for all fields, because a check takes longer than a refusal.
    SHARED.check()


def among_good(bad: Any) -> list[Any]:
    """A batch that would insert one bucket and replace another before the bad document."""
    return [bucket(job_id="fresh", timestamp=5 * HOUR), bucket(timestamp=0, anomaly_score=11.0), bad]


class Misleading(list[Any]):
    """A list that yields other items than it holds, and reports a wrong length."""

    def __init__(self, items: list[Any], length: int = 0) -> None:
        super().__init__(["hidden"] * 3)
        self.items = items
        self.length = length

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __len__(self) -> int:
        return self.length


class One(IntEnum):
    """One as an enumeration."""

    ONE = 1


class Year(StrEnum):
    """A year as an enumeration."""

    NOW = "2026"


NO_NUMBER: dict[str, Any] = {
    **odd(60),
    **BOOLEANS,
    **UNPRINTABLE_INTEGERS,
    "digits as text": "60",
    "fraction as text": "1.5",
    "numpy text": np.str_("60"),
    "empty text": "",
    "megabytes of text": "6" * 5_000_000,
    "nan": NAN,
    "inf": INF,
    "minus inf": -INF,
    "numpy nan": np.float32("nan"),
    "numpy inf": np.float64("inf"),
    "ten to the 400": 10**400,
    "minus ten to the 400": -(10**400),
    "datetime64": np.datetime64(60, "ms"),
    "date": date(2020, 1, 1),
    "text in an array": np.array("60"),
    "bool in an array": np.array(True),
    **NO_FINITE_DECIMALS,
}

NO_INTEGER: dict[str, Any] = NO_NUMBER | {
    "half": 1.5,
    "numpy half": np.float32(0.5),
    "two to the 63": 2**63,
    "below int64": -(2**63) - 1,
    "float two to the 63": 2.0**63,
    "float below int64": -(2.0**64),
    "huge float": 1e300,
    "uint64 above int64": np.uint64(2**63),
    "decimal with a fraction": Decimal("60.5"),
    "tiny decimal": Decimal("1e-999999"),
    "decimal past int64": Decimal(2**63),
    "decimal of a billion digits": Decimal("1e999999999"),
    "long double with a fraction": np.longdouble(60.5),
    "half in an array": np.array(0.5),
}

NO_DOUBLE: dict[str, Any] = NO_NUMBER | {
    "nan as text": "NaN",
    "two to the 1024": 2**1024,
    "decimal past a double": Decimal("-1e400"),
}

NO_BOOLEAN: dict[str, Any] = {
    **odd(True),
    "bytes of true": b"true",
    "one": 1,
    "zero": 0,
    "float": 1.0,
    "text": "true",
    "other text": "yes",
    "empty text": "",
    "numpy one": np.int8(1),
    "nan": NAN,
    "decimal": Decimal(1),
    "date": date(2020, 1, 1),
    "text in an array": np.array("true"),
    "one in an array": np.array(1),
    "member of an enumeration": One.ONE,
}

NO_TEXT: dict[str, Any] = {
    **odd("web"),
    **BOOLEANS,
    **UNPRINTABLE_INTEGERS,
    "number": 5,
    "nan": NAN,
    "decimal": Decimal(5),
    "date": date(2020, 1, 1),
    "number in an array": np.array(5),
    "member of an enumeration": One.ONE,
}

NO_JOB_ID: dict[str, Any] = NO_TEXT | {
    **GAPS,
    "none": None,
    "empty": "",
    "256 characters": "x" * 256,
    "megabytes": "x" * 5_000_000,
    "256 astral characters": "\U0001f600" * 256,
    "comma": "a,b",
    "star": "a*",
    "only a star": "*",
    "blank": "a b",
    "only a blank": " ",
    "blank before": " web",
    "blank after": "web ",
    "tab": "a\tb",
    "newline": "a\nb",
    "newline at the end": "web\n",
    "carriage return": "a\rb",
    "form feed": "a\x0cb",
    "no-break space": "a\u00a0b",
    "em space": "a\u2003b",
    "ideographic space": "a\u3000b",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "next line": "a\x85b",
    "nul": "a\x00",
    "bell": "a\x07b",
    "escape": "\x1b[2J",
    "unit separator": "a\x1fb",
    "delete": "a\x7f",
    "c1 control": "a\x9b",
    "leading minus": "-web",
    "only a minus": "-",
    "leading underscore": "_web",
    "only an underscore": "_",
    "everything": "_all",
}

NO_TIMESTAMP: dict[str, Any] = {
    **odd(0),
    **BOOLEANS,
    **UNPRINTABLE_INTEGERS,
    "bytes of a date": b"2020-01-01",
    **GAPS,
    **NO_FINITE_DECIMALS,
    "decimal with a fraction": Decimal("0.5"),
    "decimal of a billion digits": Decimal("1e999999999"),
    "digits in an array": np.array("1577836800000"),
    "member of an enumeration of text": Year.NOW,
    "none": None,
    "half": 1.5,
    "nan": NAN,
    "inf": INF,
    "nat": np.datetime64("NaT"),
    "nat in ms": np.datetime64("NaT", "ms"),
    "two to the 63": 2**63,
    "below int64": -(2**63) - 1,
    "ten to the 400": 10**400,
    "past the year 9999": LAST_MS + 1,
    "before the year 1": FIRST_MS - 1,
    "largest int64": 2**63 - 1,
    "smallest int64": -(2**63),
    "float past the year 9999": float(LAST_MS + 1),
    "aware datetime past the year 9999": datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1))),
    "aware datetime before the year 1": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    "datetime64 ms past the year 9999": np.datetime64(LAST_MS + 1, "ms"),
    "datetime64 ms before the year 1": np.datetime64(FIRST_MS - 1, "ms"),
    "datetime64 us before the year 1": np.datetime64(FIRST_MS * 1000 - 1, "us"),
    "datetime64 day past the year 9999": np.datetime64("10000-01-01", "D"),
    "datetime64 day before the year 1": np.datetime64("0000-12-31", "D"),
    "datetime64 year 10000": np.datetime64("10000", "Y"),
    "datetime64 year 0": np.datetime64("0000", "Y"),
    "datetime64 year 292 million": np.datetime64(292_000_000, "Y"),
    "datetime64 seconds that overflow": np.datetime64(2**62, "s"),
    "datetime64 hours that wrap to a small number": np.datetime64(2**64 // HOUR + 1, "h"),
    "datetime64 weeks that overflow": np.datetime64(-(2**60), "W"),
    "empty text": "",
    "blank text": " ",
    "epoch digits": "1577836800000",
    "negative digits": "-1",
    "a year in digits": "2020",
    "now": "now",
    "now and math": "now-1d",
    "date and math": "2020-01-01||+1d",
    "date and rounding": "2020-01-01||/d",
    "today": "today",
    "nat text": "NaT",
    "word": "yesterday",
    "blank instead of T": "2020-01-01 00:00",
    "lower-case t": "2020-01-01t00:00",
    "one-digit month": "2020-1-01",
    "month 13": "2020-13-01",
    "february 30": "2020-02-30",
    "february 29 of a common year": "2019-02-29",
    "hour 24": "2020-01-01T24:00",
    "minute 60": "2020-01-01T00:60",
    "second 60": "2020-01-01T00:00:60",
    "ten fraction digits": "2020-01-01T00:00:00.0123456789",
    "zone without an hour": "2020-01-01Z",
    "region": "2020-01-01T00:00Europe/Berlin",
    "offset too large": "2020-01-01T00:00+18:01",
    "leading blank": " 2020-01-01",
    "trailing blank": "2020-01-01 ",
    "trailing newline": "2020-01-01\n",
    "trailing nul": "2020-01-01\x00",
    "full-width digits": "\uff12\uff10\uff12\uff10-01-01",
    "minus sign before a date": "-2020-01-01",
    "year 0": "0000-06-01",
    "five-digit year": "10000-01-01",
    "pushed past 9999 by its offset": "9999-12-31T23:59:59.999-00:01",
    "pushed before 1 by its offset": "0001-01-01T00:00+00:01",
    "lone surrogate": "\ud800",
}


@cases(NO_INTEGER)
def test_a_value_that_is_not_an_integer_is_refused(value: object) -> None:
    """Every integer field refuses booleans, text, fractions, other types and numbers outside int64."""
    refused_in_each_field(KINDS, int, value, "bucket_span")


@cases(NO_DOUBLE)
def test_a_value_that_is_not_a_finite_number_is_refused(value: object) -> None:
    """Every field of doubles refuses booleans, text, NaN, infinities and numbers too large for a double."""
    refused_in_each_field(KINDS, float, value)


@cases(NO_BOOLEAN)
def test_a_value_that_is_not_a_boolean_is_refused(value: object) -> None:
    """`is_interim` takes booleans only."""
    refused_in_each_field(KINDS, bool, value)


@cases(NO_TEXT)
def test_a_value_that_is_not_text_is_refused(value: object) -> None:
    """Names and values of fields are text or missing."""
    refused_in_each_field(("record", "influencer"), str, value)


@cases(NO_JOB_ID)
def test_a_value_that_could_not_be_a_job_id_is_refused(value: object) -> None:
    """A job id is text of 1 to 255 characters without the forbidden ones."""
    for kind in KINDS:
        refusal_at(among_good(result(kind, job_id=value)), "documents[2].job_id")
    SHARED.check()


@cases(NO_TIMESTAMP)
def test_a_value_that_is_not_an_instant_of_the_years_1_to_9999_is_refused(value: object) -> None:
    """A stored timestamp is epoch ms, a calendar date or an aware instant, inside the years 0001 to 9999."""
    for kind in KINDS:
        refusal_at(among_good(result(kind, timestamp=value)), "documents[2].timestamp")
    SHARED.check()


@pytest.mark.parametrize("value", [0, -1, -(2**63), 0.0, -0.0, np.int64(0), 0.5, -1.0], ids=repr)
def test_a_bucket_span_below_one_is_refused(value: object) -> None:
    """A bucket lasts at least one second."""
    for kind in KINDS:
        refusal_at(among_good(result(kind, bucket_span=value)), "documents[2].bucket_span")
    SHARED.check()


@EACH_KIND
@pytest.mark.parametrize("name", ["job_id", "timestamp", "bucket_span"])
@pytest.mark.parametrize("how", ["absent", "null"])
def test_a_result_without_an_identity_field_is_refused(kind: Kind, name: str, how: str) -> None:
    """A result must have a job, a timestamp and a span; null counts as absent."""
    bad = result(kind, **{name: None})
    if how == "absent":
        del bad[name]
    refused(among_good(bad), f"documents[2].{name}")


LISTS: dict[str, tuple[dict[str, Any], str]] = {
    "influencers as text": ({"bucket_influencers": "bucket_time"}, "bucket_influencers"),
    "influencers as empty text": ({"bucket_influencers": ""}, "bucket_influencers"),
    "influencers as bytes": ({"bucket_influencers": b""}, "bucket_influencers"),
    "one influencer with a bad score": (
        {"bucket_influencers": nested(probability="x")},
        "bucket_influencers.probability",
    ),
    "influencers as a set": ({"bucket_influencers": {5}}, "bucket_influencers"),
    "influencers as an array": ({"bucket_influencers": np.array([{}])}, "bucket_influencers"),
    "influencers as a number": ({"bucket_influencers": 5}, "bucket_influencers"),
    "influencers as zero": ({"bucket_influencers": 0}, "bucket_influencers"),
    "influencers as false": ({"bucket_influencers": False}, "bucket_influencers"),
    "influencers as nan": ({"bucket_influencers": NAN}, "bucket_influencers"),
    "influencers unprintable": ({"bucket_influencers": Unprintable()}, "bucket_influencers"),
    "influencer null": ({"bucket_influencers": [None]}, "bucket_influencers[0]"),
    "influencer text": ({"bucket_influencers": ["bucket_time"]}, "bucket_influencers[0]"),
    "influencer a list": ({"bucket_influencers": [[nested()]]}, "bucket_influencers[0]"),
    "influencer a list of pairs": ({"bucket_influencers": [[("probability", 1.0)]]}, "bucket_influencers[0]"),
    "influencer nested deep": ({"bucket_influencers": deep_list()}, "bucket_influencers[0]"),
    "influencer a list that contains itself": ({"bucket_influencers": recursive_list()}, "bucket_influencers[0]"),
    "second influencer a number": ({"bucket_influencers": [nested(), 5]}, "bucket_influencers[1]"),
    "events as an array": ({"scheduled_events": np.array(["sale"])}, "scheduled_events"),
    "events as a set": ({"scheduled_events": {"sale"}}, "scheduled_events"),
    "events as an iterator": ({"scheduled_events": iter(["sale"])}, "scheduled_events"),
    "events in an array without dimensions": ({"scheduled_events": array_in_an_array(["sale"])}, "scheduled_events"),
    "events in a list that hides a number": ({"scheduled_events": Misleading(["sale", 5])}, "scheduled_events[1]"),
    "influencers in a list that hides text": ({"bucket_influencers": Misleading(["x"])}, "bucket_influencers[0]"),
    "events as bytes": ({"scheduled_events": b"sale"}, "scheduled_events"),
    "events as a mapping": ({"scheduled_events": {"sale": 1}}, "scheduled_events"),
    "events as a number": ({"scheduled_events": 1}, "scheduled_events"),
    "events as false": ({"scheduled_events": False}, "scheduled_events"),
    "event null": ({"scheduled_events": [None]}, "scheduled_events[0]"),
    "second event null": ({"scheduled_events": ["sale", None]}, "scheduled_events[1]"),
    "event a number": ({"scheduled_events": [5]}, "scheduled_events[0]"),
    "event bytes": ({"scheduled_events": ["a", "b", b"c"]}, "scheduled_events[2]"),
    "event a list": ({"scheduled_events": [["sale"]]}, "scheduled_events[0]"),
    "event nested deep": ({"scheduled_events": deep_list()}, "scheduled_events[0]"),
    "event a list that contains itself": ({"scheduled_events": recursive_list()}, "scheduled_events[0]"),
    "event unprintable": ({"scheduled_events": [Unprintable()]}, "scheduled_events[0]"),
}


@cases(LISTS, ("fields", "path"))
def test_a_list_of_the_wrong_shape_is_refused(fields: dict[str, Any], path: str) -> None:
    """Influencers are mappings, and events are text, in a list or single. The error names the wrong list or entry."""
    refused(among_good(bucket(**fields)), f"documents[2].{path}")


INFLUENCER_FIELDS: dict[str, tuple[str, Any]] = {
    "name a number": ("influencer_field_name", 5),
    "name true": ("influencer_field_name", True),
    "name bytes": ("influencer_field_name", b"bucket_time"),
    "name a list": ("influencer_field_name", ["bucket_time"]),
    "score nan": ("anomaly_score", NAN),
    "score inf": ("anomaly_score", INF),
    "score text": ("anomaly_score", "4.0"),
    "score true": ("anomaly_score", True),
    "score decimal nan": ("anomaly_score", Decimal("sNaN")),
    "score raises as a number": ("anomaly_score", RaisesAsNumber()),
    "score neither true nor false": ("raw_anomaly_score", NeitherTrueNorFalse()),
    "name raises when compared": ("influencer_field_name", RaisesWhenCompared()),
    "result type equals each entry": ("result_type", EqualsEachEntry()),
    "job equals each entry": ("job_id", EqualsEachEntry()),
    "score ten to the 400": ("anomaly_score", 10**400),
    "score unprintable": ("anomaly_score", Unprintable()),
    "initial score text": ("initial_anomaly_score", "4.0"),
    "initial score minus inf": ("initial_anomaly_score", -INF),
    "initial score a list": ("initial_anomaly_score", [4.0]),
    "raw score false": ("raw_anomaly_score", False),
    "raw score nan": ("raw_anomaly_score", np.float64("nan")),
    "raw score timedelta64": ("raw_anomaly_score", np.timedelta64(4, "s")),
    "probability text": ("probability", "1e-300"),
    "probability nan": ("probability", NAN),
    "probability numpy bool": ("probability", np.False_),
    "probability in an array": ("probability", np.array([0.5])),
    "probability a mapping": ("probability", {}),
    "interim one": ("is_interim", 1),
    "interim text": ("is_interim", "false"),
    "job with a blank after": ("job_id", "web "),
    "job a number": ("job_id", 5),
    "job forbidden": ("job_id", "_all"),
    "time in the year 10000": ("timestamp", 253_402_300_800_000),
    "time as date math": ("timestamp", "2020-01-01||+1d"),
    "time true": ("timestamp", True),
    "time digits": ("timestamp", str(HOUR)),
    "time nan": ("timestamp", NAN),
    "time naive": ("timestamp", datetime(1970, 1, 1, 1)),  # noqa: DTZ001 - the fault
    "time too large": ("timestamp", 2**63),
    "span zero": ("bucket_span", 0),
    "span text": ("bucket_span", "900"),
    "span true": ("bucket_span", True),
    "span a fraction off": ("bucket_span", 900.5),
    "event a text": ("event", "2020-01-01"),
    "event a list": ("event", [{"ingested": 0}]),
}


@cases(INFLUENCER_FIELDS, ("name", "value"))
def test_a_bad_field_of_a_nested_influencer_is_refused(name: str, value: object) -> None:
    """Each field of a nested influencer is checked; its own job, time and span must be those that a bucket may have."""
    bad = bucket(bucket_influencers=[nested(), nested(**{name: value})])
    refused(among_good(bad), f"documents[2].bucket_influencers[1].{name}")


NO_DOCUMENTS: dict[str, Any] = {
    "none": None,
    "number": 5,
    "text": "web",
    "bytes": b"{}",
    "list": [],
    "list of pairs": list(bucket().items()),
    "tuple": (),
    "set": {"job_id"},
    "true": True,
    "array": np.array([1]),
    "unprintable": Unprintable(),
    "mapping class": dict,
}


@cases(NO_DOCUMENTS, "document")
@pytest.mark.parametrize("kind", [None, "bucket"])
def test_a_document_that_is_not_a_mapping_is_refused(document: object, kind: str | None) -> None:
    """Only a mapping is a document, whether or not the kind is given."""
    refused(among_good(document), "documents[2]", kind=kind)


NO_BATCHES: dict[str, Any] = {
    "none": None,
    "number": 5,
    "nan": NAN,
    "object": object(),
    "unprintable": Unprintable(),
    "text": "web",
    "empty text": "",
    "one mapping": bucket(),
    "empty mapping": {},
    "mapping proxy": MappingProxyType(bucket()),
    "user dict": UserDict(bucket()),
}


@cases(NO_BATCHES, "documents")
def test_documents_that_are_not_a_batch_are_refused(documents: object) -> None:
    """One mapping, text, and values that cannot be iterated over are not a batch of documents."""
    refused(documents, "documents")


@pytest.mark.parametrize("source", [5, "text", [], [bucket()], b"{}", True, NAN], ids=repr)
def test_a_search_hit_whose_source_is_not_a_mapping_is_refused(source: object) -> None:
    """The error names the `_source` of the hit."""
    refused(among_good({"_id": "x", "_source": source}), "documents[2]._source")


HITS: dict[str, tuple[dict[str, Any], str]] = {
    "score": ({"anomaly_score": NAN}, "anomaly_score"),
    "span": ({"bucket_span": 0}, "bucket_span"),
    "time": ({"timestamp": "2020"}, "timestamp"),
    "job": ({"job_id": "_all"}, "job_id"),
    "missing": ({"job_id": None}, "job_id"),
    "events": ({"scheduled_events": ["a", 5]}, "scheduled_events[1]"),
    "influencers": ({"bucket_influencers": [nested(probability=INF)]}, "bucket_influencers[0].probability"),
    "result type": ({"result_type": 5}, "result_type"),
}


@cases(HITS, ("fields", "path"))
def test_the_path_into_a_search_hit_names_its_source(fields: dict[str, Any], path: str) -> None:
    """The path of a fault inside a search hit begins with its `_source`."""
    refused(among_good({"_index": "i", "_source": bucket(**fields)}), f"documents[2]._source.{path}")


@pytest.mark.parametrize("value", [5, True, False, 0, b"bucket", ["bucket"], {"bucket": 1}, NAN], ids=repr)
@pytest.mark.parametrize("kind", [None, "bucket"])
def test_a_result_type_that_is_not_text_is_refused(value: object, kind: str | None) -> None:
    """A result type that is not text is an error; only text can name another kind to skip."""
    refused(among_good(bucket(result_type=value)), "documents[2].result_type", kind=kind)


@cases(odd("bucket"))
@pytest.mark.parametrize("kind", [None, "bucket"])
def test_an_odd_result_type_is_refused(value: object, kind: str | None) -> None:
    """Whatever it does when it is compared, it is no text, in few documents and in many."""
    refused(among_good(bucket(result_type=value)), "documents[2].result_type", kind=kind)
    refused([*among_good(bucket(result_type=value)), *[bucket()] * 20], "documents[2].result_type", kind=kind)


@pytest.mark.parametrize("value", ["record", "influencer", "bucket_influencer", "model_plot", "Bucket", "bucket ", ""])
def test_a_result_type_against_the_kind_is_refused(value: str) -> None:
    """If the kind is given, no document may name another kind."""
    refused(among_good(bucket(result_type=value)), "documents[2].result_type", kind="bucket")


UNKNOWN_KINDS: dict[str, Any] = {
    "forecast": "forecast",
    "bucket_influencer": "bucket_influencer",
    "unknown": "x",
    "empty": "",
    "wrong case": "Bucket",
    "number": 5,
    "true": True,
    "bytes": b"bucket",
    "list": ["bucket"],
    "dict": {},
    "unprintable": Unprintable(),
}


@cases(UNKNOWN_KINDS, "kind")
@pytest.mark.parametrize("documents", [[], [bucket(timestamp=7 * HOUR)]], ids=["nothing", "a bucket"])
def test_an_unknown_kind_is_refused(kind: Any, documents: list[Any]) -> None:
    """A kind is bucket, record or influencer; any other kind is an invalid parameter, whatever the documents are."""
    error = SHARED.refusal(lambda index: index.upsert(documents, kind=kind))
    assert_carries(error, InvalidQuery, "kind", ILLEGAL)


FIRST_FAULTS: dict[str, tuple[list[Any], str]] = {
    "the first document": ([bucket(), bucket(event_count="1"), bucket(job_id=5)], "documents[1].event_count"),
    "job before time": ([bucket(timestamp="x", job_id="")], "documents[0].job_id"),
    "time before span": ([bucket(bucket_span=0, timestamp=NAN)], "documents[0].timestamp"),
    "span before score": ([bucket(anomaly_score=NAN, bucket_span="1")], "documents[0].bucket_span"),
    "score before initial score": (
        [bucket(initial_anomaly_score="1", anomaly_score=INF)],
        "documents[0].anomaly_score",
    ),
    "initial score before event count": (
        [bucket(event_count=0.5, initial_anomaly_score=INF)],
        "documents[0].initial_anomaly_score",
    ),
    "event count before interim": ([bucket(is_interim=1, event_count=0.5)], "documents[0].event_count"),
    "interim before influencers": ([bucket(bucket_influencers=5, is_interim=1)], "documents[0].is_interim"),
    "influencers before processing time": (
        [bucket(processing_time_ms="1", bucket_influencers=[5])],
        "documents[0].bucket_influencers[0]",
    ),
    "processing time before events": (
        [bucket(scheduled_events="x", processing_time_ms="1")],
        "documents[0].processing_time_ms",
    ),
    "a fault before a document that is not a mapping": ([bucket(is_interim=1), 5], "documents[0].is_interim"),
    "a document that is not a mapping before a fault": ([5, bucket(is_interim=1)], "documents[0]"),
    "a skipped document is not checked": (
        [bucket(result_type="forecast", job_id=5), bucket(job_id=5)],
        "documents[1].job_id",
    ),
    "an overwritten document is checked": ([bucket(is_interim=1), bucket()], "documents[0].is_interim"),
}


@cases(FIRST_FAULTS, ("documents", "path"))
def test_the_first_of_several_faults_is_named(documents: list[Any], path: str) -> None:
    """The error names the first bad document, and in it the first bad field in the documented order."""
    refused(documents, path)


@pytest.mark.parametrize("position", [0, 1, 1023, 1024, 1025, 2048, 4095, 4096, 5000])
@pytest.mark.parametrize(
    ("fields", "path"), [({"anomaly_score": NAN}, ".anomaly_score"), ({"timestamp": "2020"}, ".timestamp")]
)
def test_one_bad_document_among_thousands_is_refused(position: int, fields: dict[str, Any], path: str) -> None:
    """The error names the position of the bad document, and none of the good documents is stored."""
    documents: list[Any] = [bucket(job_id=f"job{row % 7}", timestamp=row * 900_000) for row in range(5_001)]
    documents[position] = bucket(**fields)
    refused(documents, f"documents[{position}]{path}")


@pytest.mark.parametrize("position", [0, 1023, 1024, 5000])
def test_one_none_among_thousands_of_documents_is_refused(position: int) -> None:
    """The error names the position of the None that a generator yields."""
    documents: list[Any] = [bucket(timestamp=row * 900_000) for row in range(5_001)]
    documents[position] = None
    refused((document for document in documents), f"documents[{position}]")


@pytest.mark.parametrize(
    "error",
    [RuntimeError("no"), ValueError("no"), OSError("no"), TypeError("no"), AttributeError("no"), RecursionError("no")],
    ids=repr,
)
@pytest.mark.parametrize("kind", [None, "bucket"])
def test_an_error_of_a_mapping_passes_through(error: Exception, kind: Any) -> None:
    """The caller's own exception is not taken for a bad document, and nothing is stored."""
    assert_passes_through(error, lambda index: index.upsert(among_good(Broken(error)), kind=kind))


@pytest.mark.parametrize("place", ["nested", "source"])
def test_an_error_of_a_nested_mapping_passes_through(place: str) -> None:
    """An exception of an influencer, or of the source of a search hit, reaches the caller."""
    error = OSError("gone")
    bad = bucket(bucket_influencers=[Broken(error)]) if place == "nested" else {"_source": Broken(error)}
    assert_passes_through(error, lambda index: index.upsert(among_good(bad), kind="bucket"))


@pytest.mark.parametrize("after", [0, 1, 1023, 1024, 1025])
@pytest.mark.parametrize("error", [RuntimeError("no"), ValueError("no"), GeneratorExit(), TypeError("no")], ids=repr)
def test_an_error_of_the_iterable_passes_through(after: int, error: BaseException) -> None:
    """If the iterable of documents raises an exception, it reaches the caller and nothing is stored."""

    def documents() -> Iterator[dict[str, Any]]:
        for row in range(after):
            yield bucket(job_id="fresh", timestamp=row * 900_000)
        raise error

    assert_passes_through(error, lambda index: index.upsert(documents()))


def test_an_error_of_iter_passes_through() -> None:
    """A batch whose own `__iter__` fails is not taken for a value that cannot be iterated over."""
    error = ConnectionError("closed")

    class Closed:
        def __iter__(self) -> Iterator[Any]:
            raise error

    assert_passes_through(error, lambda index: index.upsert(Closed()))


@pytest.mark.parametrize("good", [0, 1, 1024, 5_000])
def test_documents_that_write_to_the_index_meanwhile_do_not_deadlock(good: int) -> None:
    """The index reads the caller's iterable before it takes the writer's lock, so the iterable may write too."""
    index = ResultsIndex()

    def documents() -> Iterator[dict[str, Any]]:
        for row in range(good):
            yield bucket(timestamp=row * 900_000)
        index.upsert([bucket(job_id="inner")])
        yield bucket(job_id="outer")

    writer = threading.Thread(target=lambda: index.upsert(documents()), daemon=True)
    writer.start()
    writer.join(PATIENCE_S)
    assert not writer.is_alive()
    assert set(index.jobs()) == {"inner", "outer"} | ({"web"} if good else set())


FINE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an id of one character": ({"job_id": "x"}, {"job_id": "x"}),
    "an id of 255 characters": ({"job_id": "x" * 255}, {"job_id": "x" * 255}),
    "an id of 255 astral characters": ({"job_id": "\U0001f600" * 255}, {"job_id": "\U0001f600" * 255}),
    "an id with odd characters": ({"job_id": "A.b-c_d%/\\'\"[]?"}, {"job_id": "A.b-c_d%/\\'\"[]?"}),
    "an id of NumPy text": ({"job_id": np.str_("np")}, {"job_id": "np"}),
    "the first instant": ({"timestamp": FIRST_MS}, {"timestamp": FIRST_MS}),
    "the last instant": ({"timestamp": LAST_MS}, {"timestamp": LAST_MS}),
    "the first instant as text": ({"timestamp": "0001-01-01T00:00:00.000Z"}, {"timestamp": FIRST_MS}),
    "the last instant as text": ({"timestamp": "9999-12-31T23:59:59.999Z"}, {"timestamp": LAST_MS}),
    "the last instant with nanoseconds": ({"timestamp": "9999-12-31T23:59:59.999999999Z"}, {"timestamp": LAST_MS}),
    "inside the years because of its offset": ({"timestamp": "0001-01-01T18:00:00+18:00"}, {"timestamp": FIRST_MS}),
    "the first instant as datetime": ({"timestamp": datetime.min.replace(tzinfo=UTC)}, {"timestamp": FIRST_MS}),
    "the last instant as datetime": ({"timestamp": datetime.max.replace(tzinfo=UTC)}, {"timestamp": LAST_MS}),
    "the first instant in us": ({"timestamp": np.datetime64(FIRST_MS * 1000, "us")}, {"timestamp": FIRST_MS}),
    "the last instant in us": ({"timestamp": np.datetime64(LAST_MS * 1000 + 999, "us")}, {"timestamp": LAST_MS}),
    "the first year in years": ({"timestamp": np.datetime64("0001", "Y")}, {"timestamp": FIRST_MS}),
    "minus one": ({"timestamp": -1}, {"timestamp": -1}),
    "half a ms before the epoch": ({"timestamp": np.datetime64(-1, "us")}, {"timestamp": -1}),
    "picoseconds": ({"timestamp": np.datetime64(-1, "ps")}, {"timestamp": -1}),
    "a date": ({"timestamp": date(1970, 1, 2)}, {"timestamp": 24 * HOUR}),
    "the first date": ({"timestamp": date.min}, {"timestamp": FIRST_MS}),
    "a decimal time": ({"timestamp": Decimal("5.00")}, {"timestamp": 5}),
    "a time in an array": ({"timestamp": np.array(5)}, {"timestamp": 5}),
    "a decimal span": ({"bucket_span": Decimal("1e3")}, {"bucket_span": 1000}),
    "a span of an enumeration": ({"bucket_span": One.ONE}, {"bucket_span": 1}),
    "a decimal count": ({"event_count": Decimal(2**63 - 1)}, {"event_count": 2**63 - 1}),
    "a decimal score": ({"anomaly_score": Decimal("80.1")}, {"anomaly_score": 80.1}),
    "a subnormal decimal": ({"anomaly_score": Decimal("1e-320")}, {"anomaly_score": 1e-320}),
    "a score in an array": ({"anomaly_score": np.array(np.float32(0.5))}, {"anomaly_score": 0.5}),
    "an interim in an array": ({"is_interim": np.array(True)}, {"is_interim": True}),
    "an event of an enumeration": ({"scheduled_events": [Year.NOW]}, {"scheduled_events": ["2026"]}),
    "a single event": ({"scheduled_events": "sale"}, {"scheduled_events": ["sale"]}),
    "a single empty event": ({"scheduled_events": ""}, {"scheduled_events": [""]}),
    "events that are said to be none": ({"scheduled_events": Misleading(["a"])}, {"scheduled_events": ["a"]}),
    "events that are said to be many": ({"scheduled_events": Misleading([], 2**62)}, {"anomaly_score": 0.0}),
    "integral float time": ({"timestamp": 1e12}, {"timestamp": 10**12}),
    "numpy time": ({"timestamp": np.int32(5)}, {"timestamp": 5}),
    "a month": ({"timestamp": "1970-02"}, {"timestamp": 31 * 24 * HOUR}),
    "a trailing T": ({"timestamp": "1970-01-02T"}, {"timestamp": 24 * HOUR}),
    "a comma before the fraction": ({"timestamp": "1970-01-01T00:00:00,5Z"}, {"timestamp": 500}),
    "named zone": ({"timestamp": "1970-01-01T01UTC"}, {"timestamp": HOUR}),
    "span of one": ({"bucket_span": 1}, {"bucket_span": 1}),
    "span as float": ({"bucket_span": 1.0}, {"bucket_span": 1}),
    "span as numpy float": ({"bucket_span": np.float32(60)}, {"bucket_span": 60}),
    "span as numpy int": ({"bucket_span": np.uint8(60)}, {"bucket_span": 60}),
    "largest span": ({"bucket_span": 2**63 - 1}, {"bucket_span": 2**63 - 1}),
    "largest count": ({"event_count": 2**63 - 1}, {"event_count": 2**63 - 1}),
    "smallest count": ({"event_count": -(2**63)}, {"event_count": -(2**63)}),
    "smallest count as float": ({"event_count": -(2.0**63)}, {"event_count": -(2**63)}),
    "uint64 count inside": ({"event_count": np.uint64(2**63 - 1)}, {"event_count": 2**63 - 1}),
    "count that a double cannot hold": ({"event_count": 2**53 + 1}, {"event_count": 2**53 + 1}),
    "minus zero count": ({"event_count": -0.0}, {"event_count": 0}),
    "negative processing time": ({"processing_time_ms": -5}, {"processing_time_ms": -5}),
    "processing time past int32": ({"processing_time_ms": 2**40}, {"processing_time_ms": 2**40}),
    "score beyond 100": ({"anomaly_score": 1e300}, {"anomaly_score": 1e300}),
    "negative score": ({"anomaly_score": -1}, {"anomaly_score": -1.0}),
    "subnormal score": ({"anomaly_score": 5e-324}, {"anomaly_score": 5e-324}),
    "score past int64": ({"anomaly_score": 2**64}, {"anomaly_score": 2.0**64}),
    "score float32": ({"anomaly_score": np.float32(0.1)}, {"anomaly_score": float(np.float32(0.1))}),
    "score float16": ({"anomaly_score": np.float16(0.5)}, {"anomaly_score": 0.5}),
    "score numpy int": ({"anomaly_score": np.int8(-3)}, {"anomaly_score": -3.0}),
    "numpy boolean": ({"is_interim": np.True_}, {"is_interim": True}),
    "nulls": (
        dict.fromkeys(
            [
                "anomaly_score",
                "initial_anomaly_score",
                "event_count",
                "is_interim",
                "bucket_influencers",
                "processing_time_ms",
                "scheduled_events",
            ]
        ),
        {
            "anomaly_score": 0.0,
            "event_count": 0,
            "is_interim": False,
            "bucket_influencers": [],
            "processing_time_ms": 0,
        },
    ),
    "unknown keys": ({"partition_scores": [object()], "_id": NAN, "records_total": 5}, {"anomaly_score": 0.0}),
    "keys that are not text": ({"anomaly_score": 1.0}, {"anomaly_score": 1.0}),
    "tuples for lists": ({"bucket_influencers": (), "scheduled_events": ("a",)}, {"scheduled_events": ["a"]}),
    "an event with a nul at its end": ({"scheduled_events": ["a\x00", "a"]}, {"scheduled_events": ["a\x00", "a"]}),
    "an empty event": ({"scheduled_events": [""]}, {"scheduled_events": [""]}),
    "its own result type": ({"result_type": "bucket"}, {"result_type": "bucket"}),
}


@cases(FINE, ("fields", "expected"))
def test_a_value_at_the_edge_is_stored_as_it_is(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """A value just inside the limits is stored exactly, and comes back with JSON's own types."""
    index = ResultsIndex()
    document = bucket(**fields)
    if len(fields) == 1 and "anomaly_score" in fields:
        document |= {5: "unknown", None: NAN}  # type: ignore[dict-item]
    commit = index.upsert([document])
    assert (commit.inserted, commit.sequence, dict(commit.skipped)) == (1, 1, {})
    index.check()
    (job_id,) = index.jobs()
    (body,) = index.get_buckets(job_id=job_id).to_dict()["buckets"]
    for name, value in expected.items():
        assert body[name] == value
        assert type(body[name]) is type(value)
    if "scheduled_events" not in expected:
        assert "scheduled_events" not in body


class MisleadingTuple(tuple[Any, ...]):
    """A tuple that yields other items than it holds, and has no length."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter([tuple.__getitem__(self, 0)] * (tuple.__len__(self) - 1))

    def __len__(self) -> int:
        raise RuntimeError("no length")


LISTS_THAT_MISLEAD: dict[str, tuple[Any, int]] = {
    "empty, says it is full": (Misleading([], 5), 0),
    "full, says it is empty": (Misleading([{}, {}], 0), 2),
    "empty, says it is longer than memory": (Misleading([], 2**62), 0),
    "tuple without items": (MisleadingTuple([{}]), 0),
    "tuple with items": (MisleadingTuple([{}, {}, {}]), 2),
}


@cases(LISTS_THAT_MISLEAD, ("given", "length"))
@pytest.mark.parametrize("number", [1, 40])
@pytest.mark.parametrize("make", [list, iter], ids=["list", "iterator"])
def test_the_items_of_a_list_are_those_that_it_yields(
    number: int, make: Callable[[Any], Any], given: Any, length: int
) -> None:
    """One document and many store the same, copied first or not; an empty list is stored as none."""
    index = ResultsIndex()
    index.upsert(make([bucket(timestamp=row * HOUR, bucket_influencers=given) for row in range(number)]))
    index.upsert(make([result("record", timestamp=row * HOUR, causes=given) for row in range(number)]))
    index.check()
    assert {len(row.bucket_influencers) for row in index.get_buckets(job_id="web")} == {length}
    assert {len(row.causes) for row in index.get_records(job_id="web")} == {length}
    index.upsert([bucket(timestamp=row * HOUR, bucket_influencers=[{}] * length) for row in range(number)])
    assert index.sequence == 2


@cases(GAPS)
@pytest.mark.parametrize("number", [1, 40])
def test_a_missing_value_of_another_library_is_missing(number: int, value: object) -> None:
    """It is missing in every field that need not be given, in a single document and in a batch."""
    optional = [name for name in FIELDS["bucket"] if name not in {"timestamp", "bucket_span"}]
    fields = dict.fromkeys([*optional, "bucket_influencers", "scheduled_events", "records"], value)
    inner = nested() | {"anomaly_score": value, "job_id": value, "timestamp": value, "is_interim": value}
    documents = [bucket(timestamp=row * HOUR, **fields) for row in range(number)]
    documents.append(bucket(timestamp=number * HOUR, bucket_influencers=[inner], records=[{"is_interim": value}]))
    index, plain = ResultsIndex(), ResultsIndex()
    index.upsert(documents)
    plain.upsert([bucket(timestamp=row * HOUR) for row in range(number)])
    plain.upsert([bucket(timestamp=number * HOUR, bucket_influencers=[nested(anomaly_score=None)], records=[{}])])
    assert state(index)[4:] == state(plain)[4:]
    index.check()


@cases(GAPS)
def test_a_missing_value_of_another_library_is_null_in_json(value: object) -> None:
    """It is stored as null in an unknown key and inside a record's objects, and leaves out a documented part."""
    index = ResultsIndex()
    fields = {"typical": value, "causes": [{"actual": value, "deep": [value]}], "geo_results": value, "extra": value}
    index.upsert([result("record", **fields)])
    (found,) = index.get_records(job_id="web").to_dict()["records"]
    assert found.keys() & {"typical", "geo_results"} == set()
    assert (found["causes"], found["extra"]) == ([{"actual": None, "deep": [None]}], None)


NUMBERS_IN_JSON: dict[str, tuple[Any, Any]] = {
    "whole decimal": (Decimal(5), 5),
    "decimal in powers": (Decimal("1e3"), 1000),
    "decimal with a zero fraction": (Decimal("5.0"), 5.0),
    "decimal with a fraction": (Decimal("0.1"), 0.1),
    "minus zero decimal": (Decimal("-0.0"), -0.0),
    "int of an enumeration": (One.ONE, 1),
    "array without dimensions": (np.array(0.5), 0.5),
    "long double": (np.longdouble(0.5), 0.5),
}


@cases(NUMBERS_IN_JSON, ("value", "expected"))
def test_a_number_in_an_unknown_key_is_an_integer_or_a_float(value: object, expected: object) -> None:
    """A decimal that is written without a fraction is an integer."""
    index = ResultsIndex()
    index.upsert([result("record", extra={"a": [value]})])
    (found,) = index.get_records(job_id="web").to_dict()["records"]
    assert repr(found["extra"]) == repr({"a": [expected]})


NO_JSON: dict[str, tuple[Any, str]] = {
    "decimal past int64": (Decimal(2**63), "outside the range of int64"),
    "decimal of a billion digits": (Decimal("1e999999999"), "outside the range of int64"),
    "decimal past a double": (Decimal("1" * 400 + ".5"), "outside the range of a double"),
    "decimal nan": (Decimal("sNaN"), "must be a finite number, not nan"),
    "date": (date(2020, 1, 1), "must be JSON, not date"),
    "array": (np.array([1]), "must be JSON, not ndarray"),
    "raises when compared": (RaisesWhenCompared(), "must be JSON, not RaisesWhenCompared"),
    "claims to be text": (Impostor(str), "must be JSON, not Impostor"),
    "list that hides bytes": (Misleading([b"x"]), "must be JSON, not bytes"),
}


@cases(NO_JSON, ("value", "words"))
def test_a_value_that_is_not_json_is_refused_in_an_unknown_key(value: object, words: str) -> None:
    """The error names the key and says why."""
    error = refused(
        among_good(result("influencer", extra={"a": value})),
        "documents[2].extra.a" + "[0]" * (type(value) is Misleading),
    )
    assert words in error.reason


class Unhashable(str):
    """Text without a hash, which no dict can have as a key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment] # the point


class Pairs(Mapping[Any, Any]):
    """A mapping of pairs, whose keys need no hash."""

    def __init__(self, *pairs: tuple[Any, Any]) -> None:
        self.pairs = pairs

    def __getitem__(self, key: Any) -> Any:
        for mine, value in self.pairs:
            if type(mine) is not list and str.__eq__(mine, key):
                return value
        raise KeyError

    def __iter__(self) -> Iterator[Any]:
        return iter([key for key, _ in self.pairs])

    def __len__(self) -> int:
        return len(self.pairs)

    def items(self) -> Any:
        """The pairs themselves."""
        return self.pairs


@pytest.mark.parametrize("make", [list, iter, lambda documents: (document for document in documents)])
def test_text_without_a_hash_is_text(make: Callable[[Any], Any]) -> None:
    """This holds for values, for keys of a document and of an object in it, and in a document that is copied first."""
    text: Any = Unhashable
    fields = {"job_id": text("web"), "result_type": text("record"), "function": text("mean"), "timestamp": 0}
    pairs = [(text(name), value) for name, value in fields.items()]
    document = Pairs(*pairs, (text("bucket_span"), 60), (text("host"), Pairs((text("a"), [text("b")]))))
    index = ResultsIndex()
    assert index.upsert(make([document])).inserted == 1
    (found,) = index.get_records(job_id=text("web"), sort=text("timestamp"), desc=text("false")).to_dict()["records"]
    assert (found["function"], found["host"]) == ("mean", {"a": ["b"]})
    assert index.upsert(make([document]), kind=text("record")).unchanged == 1
    assert text("web") in index
    assert index.search(BucketQuery(jobs=[text("web")])).count == 0
    assert index.get_buckets(job_id="web", page=Pairs((text("size"), 5))).count == 0
    columns = Pairs((text("timestamp"), [1]), (text("bucket_span"), 60), (text("job_id"), [text("web")]))
    assert index.upsert_columns(columns, kind=text("influencer")).inserted == 1


def test_a_key_that_is_no_text_and_has_no_hash_is_refused() -> None:
    """This holds in a document that is copied, too."""
    document = result("record", host=Pairs(([], 1)))
    for given in ([document], iter([document])):
        refused(given, "documents[0].host")


@pytest.mark.parametrize("name", ["anomaly_score", "initial_anomaly_score"])
@pytest.mark.parametrize("zero", [-0.0, np.float32(-0.0), np.float64(-0.0)], ids=repr)
def test_minus_zero_is_zero(name: str, zero: object) -> None:
    """Every answer shows a score of -0.0 as 0.0, and replacing one by the other changes nothing."""
    index = ResultsIndex()
    index.upsert([bucket(**{name: zero})])
    (row,) = index.get_buckets(job_id="web")
    assert str(row.to_dict()[name]) == "0.0"
    assert str(getattr(row, name)) == "0.0"
    commit = index.upsert([bucket(**{name: 0.0})])
    assert (commit.unchanged, commit.sequence) == (1, 1)


@pytest.mark.parametrize("name", ["anomaly_score", "initial_anomaly_score", "raw_anomaly_score", "probability"])
def test_minus_zero_is_zero_in_an_influencer(name: str) -> None:
    """Answers show -0.0 as 0.0 in every number of a nested influencer."""
    index = ResultsIndex()
    index.upsert([bucket(bucket_influencers=[nested(**{name: -0.0})])])
    (row,) = index.get_buckets(job_id="web")
    assert str(row.to_dict()["bucket_influencers"][0][name]) == "0.0"


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="long double is double here")
def test_a_long_double_past_a_double_is_refused() -> None:
    """A long double is refused if it would become infinite as a double."""
    refused(among_good(bucket(anomaly_score=np.finfo(np.longdouble).max)), "documents[2].anomaly_score")


@pytest.mark.parametrize(
    "fields",
    [
        {"job_id": "web", "timestamp": HOUR, "bucket_span": 900, "is_interim": True},
        {"timestamp": "1970-01-01T01:00:00Z"},
        {"timestamp": datetime(1970, 1, 1, 1, tzinfo=UTC), "bucket_span": 900.0},
        {"timestamp": np.datetime64(1, "h"), "bucket_span": np.int16(900)},
        {"timestamp": None, "bucket_span": None, "job_id": None, "is_interim": None, "probability": None},
        {"influencer_field_name": None},
        {"unknown": [1], "result_type": "bucket_influencer"},
        {"probability": 0, "raw_anomaly_score": 10.4, "anomaly_score": -1},
        {"probability": 5e-324},
    ],
    ids=str,
)
def test_an_influencer_that_agrees_with_its_bucket_is_stored(fields: dict[str, Any]) -> None:
    """Job, time and span may be left out, or equal the bucket's in another spelling."""
    index = ResultsIndex()
    index.upsert([bucket(bucket_influencers=[nested(**fields)])])
    (row,) = index.get_buckets(job_id="web")
    (inner,) = row.to_dict()["bucket_influencers"]
    assert (inner["job_id"], inner["timestamp"], inner["bucket_span"]) == ("web", HOUR, 900)
    assert inner["is_interim"] is bool(fields.get("is_interim"))
    assert "unknown" not in inner
    assert ("influencer_field_name" in inner) == (fields.get("influencer_field_name", "") is not None)


@pytest.mark.parametrize(
    "make", [dict, OrderedDict, UserDict, MappingProxyType, ChainMap], ids=lambda make: make.__name__
)
@pytest.mark.parametrize("hit", [False, True])
def test_any_mapping_is_a_document(make: Callable[[Any], Any], hit: bool) -> None:
    """A document, a hit, its source and an influencer may be any mapping."""
    document = make(bucket(bucket_influencers=[make(nested())]))
    index = ResultsIndex()
    assert index.upsert([make({"_source": document}) if hit else document]).inserted == 1
    assert len(index.get_buckets(job_id="web")[0].bucket_influencers) == 1


@pytest.mark.parametrize(
    "make",
    [list, tuple, iter, lambda rows: (row for row in rows), lambda rows: map(dict, rows), np.array],
    ids=["list", "tuple", "iterator", "generator", "map", "array"],
)
def test_any_iterable_is_a_batch(make: Callable[[list[Any]], Any]) -> None:
    """A batch may be a list, an iterator, a generator or an array of objects."""
    assert ResultsIndex().upsert(make([bucket(), bucket(timestamp=0)])).inserted == 2


def test_skipped_documents_are_counted_and_not_checked() -> None:
    """A document of another result type, or without one, may hold anything, and its job stays unknown."""
    index = stored()
    sequence = index.sequence
    documents: list[dict[str, Any]] = [
        {"result_type": "forecast", "job_id": 5},
        {"result_type": "forecast", "timestamp": NAN},
        {"result_type": "bucket_influencer", "job_id": "new"},
        {"job_id": "other"},
        {},
        {"result_type": None, "job_id": "third"},
        {"_source": {"result_type": "model_plot", "job_id": "fourth"}},
    ]
    with unchanged(index):
        commit = index.upsert(documents)
    assert dict(commit.skipped) == {"forecast": 2, "bucket_influencer": 1, "": 3, "model_plot": 1}
    assert (commit.sequence, commit.inserted, commit.replaced, commit.unchanged) == (sequence, 0, 0, 0)


def test_a_refused_batch_makes_no_job_known() -> None:
    """A job stays unknown if only a refused batch names it, or if `put_job` refuses its span."""
    index = stored()
    bad: Any
    for bad in (bucket(job_id="new", bucket_span=0), bucket(job_id="new"), 5):
        with pytest.raises(InvalidDocument):
            index.upsert([bucket(job_id="new"), bad, bucket(bucket_span=0)])
    with pytest.raises(InvalidQuery):
        index.put_job("new", bucket_span=0)
    assert "new" not in index
    assert index.sequence == stored().sequence


def test_a_refused_batch_leaves_a_usable_index() -> None:
    """A good batch after refused ones is the next commit, and leaves the same state as without them."""
    index, untouched = stored(), stored()
    for bad in (bucket(bucket_span=0), 5, bucket(job_id="new", bucket_influencers=[5])):
        with pytest.raises(InvalidDocument):
            index.upsert(among_good(bad))
    for other in (index, untouched):
        assert other.upsert(among_good(bucket(timestamp=9 * HOUR))).sequence == stored().sequence + 1
    assert state(index) == state(untouched)


def test_an_empty_batch_changes_nothing() -> None:
    """An empty batch publishes nothing: the sequence stays."""
    index = stored()
    documents: Any
    for documents in ([], (), iter([]), itertools.islice(iter([bucket()]), 0)):
        with unchanged(index):
            commit = index.upsert(documents)
        counts = (commit.inserted, commit.replaced, commit.unchanged, commit.deleted)
        assert (commit.sequence, counts) == (index.sequence, (0, 0, 0, 0))


@pytest.mark.parametrize(
    "fields",
    [
        {"job_id": "a\ud800"},
        {"scheduled_events": ["a", "\ud800"]},
        {"bucket_influencers": [nested(influencer_field_name="\udfff")]},
    ],
    ids=["job_id", "event", "influencer"],
)
def test_text_that_utf8_cannot_hold_is_refused_or_stored_and_readable(fields: dict[str, Any]) -> None:
    """JSON can spell a lone surrogate. The index refuses it or stores it, and then every read works."""
    index = ResultsIndex()
    index.upsert([bucket(timestamp=0, scheduled_events=["zz"])])
    try:
        index.upsert([bucket(**fields)])
    except InvalidDocument:
        assert index.sequence == 1
    for job_id in index.jobs():
        for sort in ("timestamp", "job_id", "scheduled_events", "anomaly_score"):
            page = index.get_buckets(job_id=job_id, sort=sort, desc=True)
            assert len(page.to_dict()["buckets"]) == page.count
            for name in ("job_id", "scheduled_events", "bucket_influencers"):
                assert len(page.column(name)) == page.count


def test_the_error_carries_the_given_value() -> None:
    """The error's value is the caller's own object."""
    given = ["not", "a", "number"]
    assert refused([bucket(anomaly_score=given)], "documents[0].anomaly_score").value is given
    assert refused([bucket(), bucket(bucket_span=0)], "documents[1].bucket_span").value == 0


class OtherStr(str):
    """Text for which `str()` returns another text."""

    __slots__ = ()

    def __str__(self) -> str:
        return "a b,*"


def test_an_id_is_checked_as_it_is_stored() -> None:
    """An id of a subclass of str is refused, or the text that was checked is stored."""
    index = ResultsIndex()
    with contextlib.suppress(InvalidDocument):
        index.upsert([bucket(job_id=OtherStr("web"))])
    with contextlib.suppress(InvalidQuery):
        index.put_job(OtherStr("web"))
    with contextlib.suppress(InvalidDocument):
        index.upsert_columns({"job_id": [OtherStr("web")], "timestamp": [0], "bucket_span": [1]})
    assert set(index.jobs()) <= {"web"}


class Caseless(str):
    """Text that ignores case when it is compared, as in some libraries."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str.lower(self) == str.lower(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(str.lower(self))


def test_job_ids_are_compared_as_plain_text() -> None:
    """An id of a subclass of str is compared as plain str, and comes back as plain str."""
    index = ResultsIndex()
    index.upsert([bucket(job_id="Web", timestamp=7), bucket(job_id="web", timestamp=8)])
    assert index.put_job(Caseless("Web"), bucket_span=5).sequence == 2
    assert [found.timestamp for found in index.get_buckets(job_id=Caseless("Web"))] == [7]
    assert [found.timestamp for found in index.search(BucketQuery(jobs=Caseless("web")))] == [8]
    assert Caseless("WEB") not in index
    for ask in (index.delete_job, index.jobs, index.stats):
        with pytest.raises(UnknownJob):
            ask(Caseless("WEB"))
    assert index.jobs(Caseless("Web")) == ("Web",)
    page = index.get_buckets(job_id=Caseless("Web"))
    said = [
        page.to_dict()["buckets"][0]["job_id"],
        page.keys()[0][0],
        page[0].job_id,
        index.stats(Caseless("Web"))["job_id"],
    ]
    assert [type(job_id) for job_id in said] == [str] * 4
    assert index.delete_job(Caseless("Web")).deleted == 1
    assert index.jobs() == ("web",)


@pytest.mark.parametrize("key", ["job_id", "result_type", "influencer_field_name"])
def test_a_list_of_names_in_an_influencer_is_refused(key: str) -> None:
    """An array is refused like any other value that is not text, although it compares with text entry by entry."""
    for names in (np.array(["web"]), np.array(["web", "idle"]), ["web"]):
        refused([bucket(bucket_influencers=[{key: names}])], f"documents[0].bucket_influencers[0].{key}")


def test_a_datetime64_without_a_unit_is_not_a_time() -> None:
    """A datetime64 without a unit is refused, because its number could be of any unit."""
    unitless = np.array([5]).astype("M8")
    refused([bucket(timestamp=unitless[0])], "documents[0].timestamp")
    columns = {"timestamp": unitless, "bucket_span": 60}
    error = SHARED.refusal(lambda index: index.upsert_columns(columns, job_id="web"))
    assert_carries(error, InvalidDocument, "columns.timestamp[0]", "document_parsing_exception")
