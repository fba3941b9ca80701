"""Rules 20.where to 20.where-elsewhere: the parameter `where`, which filters results by their fields."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InvalidCursor, Kind, LimitExceeded
from bucketquery.testing import evaluate_severity_counts, evaluate_threshold_counts
from support.living import delete, delete_job, perform, renormalize, upsert
from support.living_tables import (
    CallRefused,
    Continued,
    Fed,
    Walked,
    assert_call_refused,
    assert_continued,
    assert_fed,
    assert_walked,
)
from support.request_tables import WEB, Rejected, assert_rejected, get, post, unparsed, unrecognized
from support.semantics_tables import (
    CALLS,
    JOB,
    QUERIES,
    Answered,
    Documents,
    Refusal,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
)

HOUR = 3_600_000

# ---- 20.where

# One record an hour, each with a score of its own, so that every page has the order of the names here.
RECORDS = {
    "a": record(0, partition_field_name="host", partition_field_value="a", function="mean", record_score=90),
    "b": record(HOUR, partition_field_name="host", partition_field_value="b", function="rare", record_score=50),
    "A": record(2 * HOUR, partition_field_name="host", partition_field_value="A", function="rare", record_score=40),
    "a2": record(3 * HOUR, partition_field_name="host", partition_field_value="a", function="rare", record_score=20),
    "none": record(4 * HOUR, function="Mean", record_score=10),
}
INFLUENCERS = {
    "host a": influencer(0, "a", influencer_score=80),
    "host b": influencer(0, "b", influencer_score=70),
    "user a": influencer(0, "a", influencer_score=60) | {"influencer_field_name": "user"},
    "no name": influencer(0, "a", influencer_score=50) | {"influencer_field_name": None},
    "no value": influencer(0, influencer_score=40, influencer_field_name="host"),
    "neither": influencer(0, influencer_score=30),
}
#: The names in the rows have no blanks.
NAMED = {name.replace(" ", "-"): document for name, document in INFLUENCERS.items()}


def of_records(rule: str, claim: str, where: Any, expected: str, given: Documents = RECORDS, **asked: Any) -> Answered:
    """A row about a filter of records."""
    count = asked.pop("count", None)
    return Answered(
        rule, claim, given, {"where": where, **asked}, expected, "ours", only="search", count=count, of="record"
    )


def of_influencers(rule: str, claim: str, where: Any, expected: str, given: Documents = NAMED) -> Answered:
    """A row about a filter of influencers."""
    return Answered(rule, claim, given, {"where": where}, expected, "ours", only="search", of="influencer")


WHERE = [
    of_records("20.where", "one value of one field", {"partition_field_value": "a"}, "a a2"),
    of_records("20.where", "several values mean any of them", {"partition_field_value": ["b", "A"]}, "b A"),
    of_records("20.where", "several fields mean all of them", {"partition_field_value": "a", "function": "rare"}, "a2"),
    of_records("20.where", "fields that no record has both of", {"partition_field_value": "b", "function": "mean"}, ""),
    of_records("20.where", "upper and lower case differ", {"partition_field_value": "A"}, "A"),
    of_records("20.where", "the whole text is compared", {"function": "mea"}, ""),
    of_records("20.where", "a star is a star", {"function": "m*"}, ""),
    of_records("20.where", "a text that no record has is no error", {"function": "sum"}, ""),
    of_records("20.where", "a text that none has beside one", {"function": ["sum", "mean"]}, "a"),
    of_records("20.where", "with a threshold", {"partition_field_value": "a"}, "a", record_score=75),
    of_records("20.where", "with a band", {"function": "rare"}, "A a2", record_score=(0, 50)),
    of_records("20.where", "with a window", {"partition_field_value": "a"}, "a2", start=HOUR),
    of_records("20.where", "the end of the window is excluded", {"partition_field_value": "a"}, "a", end=3 * HOUR),
    of_records("20.where", "lowest score first", {"function": "rare"}, "a2 A b", desc=False),
    of_records("20.where", "in time order", {"function": "rare"}, "b A a2", sort="timestamp", desc=False),
    of_records("20.where", "a page", {"function": "rare"}, "A", from_=1, size=1, count=3),
    of_records("20.where", "a page behind the matches", {"function": "rare"}, "", from_=3, count=3),
    of_records("20.where", "size 0 counts", {"function": "rare"}, "", size=0, count=3),
    of_records("20.where", "no fields are no filter", {}, "a b A a2 none"),
    of_records("20.where", "none is no filter", None, "a b A a2 none"),
    of_records(
        "20.where",
        "interim records are left out as ever",
        {"function": "mean"},
        "final",
        {"final": record(0, function="mean"), "interim": record(HOUR, function="mean", is_interim=True)},
        exclude_interim=True,
    ),
    of_influencers("20.where", "the value of an influencer", {"influencer_field_value": "a"}, "host-a user-a no-name"),
    of_influencers(
        "20.where",
        "name and value of an influencer",
        {"influencer_field_value": "a", "influencer_field_name": "user"},
        "user-a",
    ),
]


@each_row(WHERE)
def test_a_result_meets_all_fields_of_a_filter(row: Answered) -> None:
    """A result matches if it has, in every field, one of the values; all other conditions apply too."""
    assert_answered(row)


# ---- 20.where-fields

FULL = record(
    0,
    by_field_name="status",
    by_field_value="404",
    over_field_name="user",
    over_field_value="u",
    partition_field_name="host",
    partition_field_value="h",
    function="rare",
    function_description="rare values",
    field_name="bytes",
    detector_index=2,
    record_score=90,
)
OTHER = record(HOUR, detector_index=1, record_score=10)
#: One record with every field, and one with none.
FIELDS = {"full": FULL, "other": OTHER}

#: The same data field as by, over and partition field, or with a name or a value only.
PAIRS = {
    "by": record(0, by_field_name="host", by_field_value="a", record_score=90),
    "over": record(HOUR, over_field_name="host", over_field_value="a", record_score=80),
    "partition": record(2 * HOUR, partition_field_name="host", partition_field_value="a", record_score=70),
    "both": record(
        3 * HOUR,
        by_field_name="host",
        by_field_value="b",
        partition_field_name="host",
        partition_field_value="a",
        record_score=60,
    ),
    "crossed": record(
        4 * HOUR,
        by_field_name="host",
        by_field_value="b",
        over_field_name="user",
        over_field_value="a",
        record_score=50,
    ),
    "no-value": record(5 * HOUR, by_field_name="host", record_score=40),
    "no-name": record(6 * HOUR, by_field_value="a", record_score=30),
    "empty": record(7 * HOUR, by_field_name="host", by_field_value="", record_score=20),
    "nameless": record(8 * HOUR, by_field_name="", by_field_value="a", record_score=10),
}
#: Records whose other keys have the text.
ELSEWHERE = {
    "influencers": record(0, influencers=[{"influencer_field_name": "host", "influencer_field_values": ["a"]}]),
    "causes": record(HOUR, causes=[{"by_field_name": "host", "by_field_value": "a", "function": "mean"}]),
    "key": record(2 * HOUR, host=["a"]),
    "correlated": record(3 * HOUR, correlated_by_field_value="a"),
}

NAMES = [
    *(
        of_records("20.where-fields", f"{name} is a field of records", {name: FULL[name]}, "full", FIELDS)
        for name in FULL.keys() - {"result_type", "job_id", "timestamp", "bucket_span", "record_score"}
    ),
    of_records(
        "20.where-fields",
        "a data field has by, over and partition values",
        {"host": "a"},
        "by over partition both",
        PAIRS,
    ),
    of_records("20.where-fields", "each value of a data field counts", {"host": "b"}, "both crossed", PAIRS),
    of_records("20.where-fields", "name and value are of one pair", {"user": "a"}, "crossed", PAIRS),
    of_records("20.where-fields", "an empty value is a value", {"host": ""}, "empty", PAIRS),
    of_records("20.where-fields", "an empty name is a name", {"": "a"}, "nameless", PAIRS),
    of_records("20.where-fields", "names of data fields have case", {"Host": "a"}, "", PAIRS),
    of_records(
        "20.where-fields", "two fields may be met by one pair", {"host": "a", "by_field_value": "a"}, "by", PAIRS
    ),
    of_records(
        "20.where-fields",
        "two fields may be met by two pairs",
        {"host": "a", "by_field_value": "b"},
        "both",
        PAIRS,
    ),
    of_records("20.where-fields", "a data field that no record has", {"zone": "a"}, "", PAIRS),
    of_records("20.where-fields", "no other key of a record is searched", {"host": "a"}, "", ELSEWHERE),
    of_records("20.where-fields", "no field inside a cause is searched", {"function": "mean"}, "", ELSEWHERE),
    of_records(
        "20.where-fields",
        "a dotted name is one name",
        {"host.name": "a"},
        "dotted",
        {
            "dotted": record(0, by_field_name="host.name", by_field_value="a"),
            "plain": record(HOUR, by_field_name="host", by_field_value="a"),
        },
    ),
    of_records(
        "20.where-fields",
        "a data field with the name of a field is filtered by its pair",
        {"by_field_name": "function", "by_field_value": "mean"},
        "pair",
        {
            "pair": record(0, by_field_name="function", by_field_value="mean"),
            "own": record(HOUR, function="mean"),
        },
    ),
    of_records(
        "20.where-fields",
        "the name of a field is that field and no data field",
        {"function": "mean"},
        "own",
        {
            "pair": record(0, by_field_name="function", by_field_value="mean"),
            "own": record(HOUR, function="mean"),
        },
    ),
    of_influencers("20.where-fields", "a data field is the influencer's own", {"host": "a"}, "host-a"),
    of_influencers("20.where-fields", "several values of it", {"host": ["b", "a"]}, "host-a host-b"),
    of_influencers("20.where-fields", "another influencer's data field", {"user": "a"}, "user-a"),
    of_influencers(
        "20.where-fields",
        "an unknown key of an influencer is not searched",
        {"user": "z"},
        "",
        {"key": influencer(0, "a", user="z")},
    ),
]


@each_row(NAMES)
def test_a_name_is_a_field_or_a_data_field(row: Answered) -> None:
    """A name is a field of the results, or a data field: the values of the pairs with this name."""
    assert_answered(row)


def no_filter(kind: Kind, name: str, instead: str = "", of: str = "records") -> Refused:
    """A row about a name that no filter may have."""
    return Refused(
        "20.where-fields",
        f"{kind}: {name}",
        {},
        {"where": {name: "a"}},
        invalid("where", f"[where] cannot filter {of} by [{name}]{instead}"),
        "ours",
        only="search",
        of=kind,
    )


NO_NAMES = [
    no_filter("record", "record_score", "; use the parameter [record_score]"),
    no_filter("record", "job_id", "; use the parameter [jobs]"),
    no_filter("record", "timestamp", "; use the parameter [start] and [end]"),
    no_filter("record", "is_interim", "; use the parameter [exclude_interim]"),
    *(
        no_filter("record", name)
        for name in (
            "influencers",
            "causes",
            "probability",
            "bucket_span",
            "result_type",
            "event",
            "event_count",
            "correlated_by_field_value",
            "influencer_field_name",
            "influencer_field_value",
        )
    ),
    no_filter("bucket", "timestamp", "; use the parameter [start] and [end]"),
    no_filter("bucket", "anomaly_score", "; use the parameter [anomaly_score]"),
    no_filter("bucket", "event_count"),
    no_filter("bucket", "scheduled_events"),
    no_filter("bucket", "bucket_influencers"),
    no_filter("bucket", "influencer_field_name"),
    no_filter("influencer", "influencer_score", "; use the parameter [influencer_score]", "influencers"),
    *(no_filter("influencer", name, "", "influencers") for name in ("by_field_value", "function", "detector_index")),
]


@each_row(NO_NAMES)
def test_no_other_documented_key_is_a_name(row: Refused) -> None:
    """Any other documented key of any kind is refused; the message names the parameter to use, if there is one."""
    assert_refused(row)


# ---- 20.where-values

MISSING = {
    "all": record(0, function="mean", by_field_name="host", by_field_value="a", record_score=90),
    "other": record(HOUR, function="rare", by_field_name="user", by_field_value="a", record_score=80),
    "name": record(2 * HOUR, by_field_name="host", record_score=70),
    "value": record(3 * HOUR, by_field_value="a", record_score=60),
    "empty": record(4 * HOUR, function="", by_field_name="host", by_field_value="", record_score=50),
    "null": record(5 * HOUR, function=None, by_field_name=None, by_field_value=None, record_score=40),
}
DETECTORS = {
    "none": record(0, record_score=90),
    "zero": record(HOUR, detector_index=0, record_score=80),
    "two": record(2 * HOUR, detector_index=2, record_score=70),
    "float": record(3 * HOUR, detector_index=2.0, record_score=60),
    "large": record(4 * HOUR, detector_index=2**53 + 1, record_score=50),
    "minus": record(5 * HOUR, detector_index=-1, record_score=40),
}


class Text(str):
    """A text of another class."""

    __slots__ = ()


def values(claim: str, where: Any, expected: str, given: Documents = MISSING) -> Answered:
    """A row about the values of a filter."""
    return of_records("20.where-values", claim, where, expected, given)


VALUES = [
    values("text", {"function": "mean"}, "all"),
    values("a list", {"function": ["rare", "mean"]}, "all other"),
    values("a tuple, a value twice", {"function": ("mean", "mean")}, "all"),
    values("a set", {"function": {"mean"}}, "all"),
    values("a dict's keys", {"function": {"mean": 1}.keys()}, "all"),
    values("an array of text", {"function": np.array(["mean", "rare"])}, "all other"),
    values("text of NumPy", {"function": np.str_("mean")}, "all"),
    values("text of another class", {"function": [Text("mean")]}, "all"),
    values("another mapping", MappingProxyType({Text("function"): "mean"}), "all"),
    values("no value matches nothing", {"function": []}, ""),
    values("no value beside a field that is met", {"function": (), "by_field_value": "a"}, ""),
    values("None is a missing field", {"function": None}, "name value null"),
    values("None in a list", {"function": [None, "rare"]}, "other name value null"),
    values("an empty text is not missing", {"function": ""}, "empty"),
    values("a data field is missing without a pair of its name and a value", {"host": None}, "other name value null"),
    values("a data field that no record has is missing in all", {"zone": None}, "all other name value empty null"),
    values("a missing data field or a value", {"host": [None, "a"]}, "all other name value null"),
    values("a name is not missing if its value is", {"by_field_name": None}, "value null"),
    values("a value is not missing if its name is", {"by_field_value": None}, "name null"),
    values("no detector is detector 0", {"detector_index": 0}, "none zero", DETECTORS),
    values("a detector", {"detector_index": 2}, "two float", DETECTORS),
    values("several detectors", {"detector_index": [0, -1]}, "none zero minus", DETECTORS),
    values("no double holds this detector", {"detector_index": 2**53 + 1}, "large", DETECTORS),
    values("a detector beside it", {"detector_index": 2**53}, "", DETECTORS),
    values("a detector that no result can have", {"detector_index": [2**70, -(2**63), 2**63]}, "", DETECTORS),
    values("an integer of NumPy", {"detector_index": np.int64(2)}, "two float", DETECTORS),
    values("an array of integers", {"detector_index": np.array([0, 2], np.uint8)}, "none zero two float", DETECTORS),
    values("a range", {"detector_index": range(2)}, "none zero", DETECTORS),
    values("no detector at all", {"detector_index": []}, "", DETECTORS),
    of_influencers(
        "20.where-values", "an influencer without a name", {"influencer_field_name": None}, "no-name neither"
    ),
    of_influencers("20.where-values", "without a value", {"influencer_field_value": None}, "no-value neither"),
    of_influencers("20.where-values", "without this data field", {"host": None}, "user-a no-name no-value neither"),
    of_influencers("20.where-values", "with none of its values", {"host": []}, ""),
]


@each_row(VALUES)
def test_a_field_has_one_value_several_or_none(row: Answered) -> None:
    """Several values mean any of them, no value matches nothing, None matches a result that misses the field."""
    assert_answered(row)


def bad(claim: str, where: Any, reason: str = "", of: Kind = "record", expected: Refusal | None = None) -> Refused:
    """A row about a filter that is refused."""
    return Refused(
        "20.where-values",
        claim,
        {},
        {"where": where},
        expected or invalid("where", reason),
        "ours",
        only="search",
        of=of,
    )


def too_many(what: str) -> Refusal:
    """The refusal of a filter that is too large."""
    return Refusal(LimitExceeded, 400, "illegal_argument_exception", "where", f"[where] has more than {what}")


BAD = [
    bad("a text is no mapping", "host:a"),
    bad("a list of pairs is no mapping", [("host", "a")]),
    bad("a number is no mapping", 5),
    bad("a name that is no text", {5: "a"}),
    bad("None as a name", {None: "a"}),
    bad("a number as text", {"function": 5}),
    bad("a boolean as text", {"function": True}),
    bad("a number of NumPy", {"function": np.int64(5)}),
    bad("a float", {"host": 1.5}),
    bad("bytes", {"function": b"mean"}),
    bad("a number among texts", {"function": ["mean", 5]}),
    bad("a list in a list", {"function": [["mean"]]}),
    bad("a mapping as a value", {"function": {"mean": 1}}),
    bad("text as a detector", {"detector_index": "0"}),
    bad("None as a detector", {"detector_index": None}),
    bad("None among detectors", {"detector_index": [0, None]}),
    bad("a boolean as a detector", {"detector_index": False}),
    bad("a float as a detector", {"detector_index": 1.0}),
    bad("a number as the value of an influencer", {"host": 5}, of="influencer"),
    bad("a number as the value of a witness", {"host": 5}, of="bucket"),
    bad("101 fields", {f"f{number}": "a" for number in range(101)}, expected=too_many("100 fields")),
    bad("10,001 values", {"host": [str(number) for number in range(10_001)]}, expected=too_many("10000 values")),
    bad("10,001 times a value", {"host": ["a"] * 10_001}, expected=too_many("10000 values")),
    bad("10,001 values of two fields", {"host": ["a"] * 10_000, "user": "a"}, expected=too_many("10000 values")),
]


@each_row(BAD)
def test_no_other_value_is_taken(row: Refused) -> None:
    """A bad filter is an `InvalidQuery`, a too large one `LimitExceeded`; the field of the error is `where`."""
    assert_refused(row)


@dataclass(frozen=True, slots=True)
class Stored:
    """A filter, and the attribute `where` of its query."""

    rule: str
    claim: str
    asked: Any
    expected: tuple[tuple[str, tuple[Any, ...]], ...]
    source: str = "ours"
    _: KW_ONLY
    of: Kind = "record"


STORED = [
    Stored("20.where-values", "no filter", None, ()),
    Stored("20.where-values", "no fields", {}, ()),
    Stored("20.where-values", "one value", {"host": "a"}, (("host", ("a",)),)),
    Stored("20.where-values", "one missing value", {"host": None}, (("host", (None,)),)),
    Stored("20.where-values", "no value", {"host": []}, (("host", ()),)),
    Stored(
        "20.where-values",
        "fields by name, values each once and sorted, None last",
        {"user": ["b", None, "a", "b", None], "host": "x", "Host": "y"},
        (("Host", ("y",)), ("host", ("x",)), ("user", ("a", "b", None))),
    ),
    Stored("20.where-values", "integers", {"detector_index": [2, np.int64(0), 2]}, (("detector_index", (0, 2)),)),
    Stored(
        "20.where-values",
        "100 fields",
        {f"{n:02}": "a" for n in range(100)},
        tuple((f"{n:02}", ("a",)) for n in range(100)),
    ),
    Stored(
        "20.where-values",
        "10,000 values",
        {"host": [f"{number:04}" for number in range(10_000)]},
        (("host", tuple(f"{number:04}" for number in range(10_000))),),
    ),
    Stored("20.where-values", "of a bucket", {"host": Text("a")}, (("host", ("a",)),), of="bucket"),
    Stored("20.where-values", "of an influencer", {"host": "a"}, (("host", ("a",)),), of="influencer"),
]


@each_row(STORED)
def test_the_attribute_is_a_sorted_tuple(row: Stored) -> None:
    """Equal filters make equal queries, and `replace` takes the stored form back."""
    query = QUERIES[row.of](jobs=JOB, where=row.asked)
    assert query.where == row.expected
    assert {type(value) for _, held in query.where for value in held} <= {str, int, type(None)}
    backwards = QUERIES[row.of](jobs=JOB, where={name: held[::-1] for name, held in row.expected[::-1]})
    assert (query, hash(query)) == (backwards, hash(backwards))
    assert query.replace(size=1).where == row.expected
    assert query.replace(where=query.where) == query


# ---- 20.where-buckets

#: One bucket an hour; the last one is interim. Only the first has bucket influencers.
BUCKETS = {
    "h0": bucket(0, anomaly_score=10, bucket_influencers=[{"influencer_field_name": "host"}]),
    "h1": bucket(HOUR, anomaly_score=20),
    "h2": bucket(2 * HOUR, anomaly_score=30),
    "h3": bucket(3 * HOUR, anomaly_score=40),
    "h4": bucket(4 * HOUR, anomaly_score=50),
    "h5": bucket(5 * HOUR, anomaly_score=60, is_interim=True),
}


def on_host(hour: int, value: str, function: str | None = None, **fields: Any) -> dict[str, Any]:
    """A record of a host at an hour."""
    named = {"partition_field_name": "host", "partition_field_value": value, "function": function}
    return record(hour * HOUR, **named) | fields


WITNESSES = {
    **BUCKETS,
    "r0": on_host(0, "a", "mean", record_score=90),
    "r1": on_host(1, "a", "rare"),
    "r2": on_host(1, "b", "mean"),
    "r3": on_host(2, "b", "mean", bucket_span=900),
    "r4": on_host(3, "a", "mean", is_interim=True),
    "r5": on_host(4, "a", "mean", job_id="db"),
    "r6": on_host(5, "a", "sum"),
    # A record inside a bucket is a record of its own.
    "r7": record(6 * HOUR, by_field_name="host", by_field_value="a"),
}


def of_buckets(claim: str, where: Any, expected: str, given: Documents = WITNESSES, **asked: Any) -> Answered:
    """A row about a filter of buckets."""
    count = asked.pop("count", None)
    return Answered(
        "20.where-buckets", claim, given, {"where": where, **asked}, expected, "ours", only="search", count=count
    )


BY_WITNESS = [
    of_buckets("a bucket with a witness", {"host": "a"}, "h0 h1 h3 h5"),
    of_buckets("any span of the witness", {"host": "b"}, "h1 h2"),
    of_buckets("one record meets every field", {"host": "a", "function": "mean"}, "h0 h3"),
    of_buckets("two records do not meet them together", {"host": "b", "function": "rare"}, ""),
    of_buckets("a record of another job is no witness", {"host": "a"}, "h0 h1 h3 h5", sort="event_count"),
    of_buckets("no bucket influencers are needed", {"function": "rare"}, "h1"),
    of_buckets("without interim results the witness is final", {"host": "a"}, "h0 h1", exclude_interim=True),
    of_buckets("the bucket's own score meets the threshold", {"host": "a"}, "h3 h5", anomaly_score=35),
    of_buckets("the witness's score plays no part", {"host": "a"}, "", anomaly_score=75),
    of_buckets("the window is that of the bucket", {"host": "a"}, "h1 h3", start=HOUR, end=5 * HOUR),
    of_buckets("no value has no witness", {"host": []}, ""),
    of_buckets("a record without the field is a witness", {"zone": None}, "h0 h1 h2 h3 h5"),
    of_buckets("a bucket without records has no witness, not even of None", {"function": [None, "sum"]}, "h5"),
    of_buckets("a page by score", {"host": "a"}, "h3", sort="anomaly_score", desc=True, from_=1, size=1, count=4),
    of_buckets("a witness without a detector has detector 0", {"detector_index": 0, "host": "b"}, "h1 h2"),
    of_buckets(
        "buckets of two spans at one instant",
        {"host": "a"},
        "short long",
        {
            "short": bucket(0, bucket_span=900),
            "long": bucket(0),
            "late": bucket(900_000, bucket_span=900),
            "r": on_host(0, "a", bucket_span=60),
        },
    ),
]


@each_row(BY_WITNESS)
def test_a_bucket_matches_if_it_has_a_witness(row: Answered) -> None:
    """The witness is one record of the same job and instant, of any span, that meets every field."""
    assert_answered(row)


def test_records_in_a_bucket_are_witnesses() -> None:
    """Rule 20.where-buckets: a record that came inside its bucket is a record at its instant."""
    index = index_of([bucket(0, records=[{"by_field_name": "host", "by_field_value": "a"}]), bucket(HOUR)])
    assert index.search(BucketQuery(jobs=JOB, where={"host": "a"})).column("timestamp").tolist() == [0]


def test_expand_shows_the_records_that_it_always_shows() -> None:
    """Rule 20.where-buckets: a bucket on the page shows records that do not meet the filter too."""
    index = index_of([*BUCKETS.values(), on_host(0, "a", "mean"), on_host(0, "b", "rare"), on_host(1, "b")])
    for where, shown in (({"host": "a"}, [["a", "b"]]), ({"host": "b"}, [["a", "b"], []]), ({"host": "c"}, [])):
        page = index.search(BucketQuery(jobs=JOB, expand=True, where=where))
        assert [[one.partition_field_value for one in found.records] for found in page] == shown


def test_witnesses_follow_writes() -> None:
    """Rule 20.where-buckets: a bucket matches while its witness is stored, in each commit by itself."""
    index = index_of([bucket(0), on_host(0, "a", "mean")])
    query = BucketQuery(jobs=JOB, where={"host": "a", "function": "mean"})
    snapshots = [index.snapshot()]
    for write in (
        upsert(on_host(0, "a", "rare")),
        upsert(on_host(0, "a", "mean", bucket_span=900)),
        delete(JOB, start=0, end=1),
        upsert(bucket(0)),
        upsert(on_host(0, "a", "mean", is_interim=True)),
        upsert(bucket(0), drop_interim=True),
    ):
        perform(index, write)
        snapshots.append(index.snapshot())
    assert [snapshot.search(query).count for snapshot in snapshots] == [1, 0, 1, 0, 0, 1, 0]


# ---- 20.where-elsewhere

WALK = {
    "a0": on_host(0, "a", record_score=90),
    "b0": on_host(1, "b", record_score=80),
    "a1": on_host(2, "a", record_score=70),
    "a2": on_host(3, "a", record_score=60),
    "b1": on_host(4, "b", record_score=50),
    "a3": on_host(5, "a", record_score=40),
    "a4": on_host(6, "a", record_score=30),
}
BY_HOST = {"where": {"host": "a"}, "size": 2}
WALKS = [
    Walked("20.where-elsewhere", "by score", WALK, BY_HOST, "a0 a1 | a2 a3 | a4", "ours", of="record"),
    Walked(
        "20.where-elsewhere",
        "in time order",
        WALK,
        {**BY_HOST, "sort": "timestamp", "desc": True},
        "a4 a3 | a2 a1 | a0",
        "ours",
        of="record",
    ),
    Walked(
        "20.where-elsewhere", "other sizes", WALK, BY_HOST, "a0 a1 | a2 a3 a4", "ours", of="record", sizes=[3], count=5
    ),
    Walked("20.where-elsewhere", "no match", WALK, {"where": {"host": "c"}}, "", "ours", of="record"),
    Walked(
        "20.where-elsewhere",
        "buckets by their witnesses",
        {**BUCKETS, **{name: record for name, record in WITNESSES.items() if name != "r5"}},
        BY_HOST,
        "h0 h1 | h3 h5",
        "ours",
    ),
    Walked(
        "20.where-elsewhere",
        "influencers",
        NAMED,
        {"where": {"influencer_field_value": ["a", "b"]}, "size": 3},
        "host-a host-b user-a | no-name",
        "ours",
        of="influencer",
    ),
]


@each_row(WALKS)
def test_pages_behind_a_cursor_have_the_filter(row: Walked) -> None:
    """Pages behind a cursor, and those of `pages`, have the matches of the filter, each once."""
    assert_walked(row)


CONTINUED = [
    Continued(
        "20.where-elsewhere",
        "a result that no longer meets the filter is on no later page",
        WALK,
        BY_HOST,
        "a0 a1",
        [upsert(WALK["a2"] | {"partition_field_name": "user"})],
        "a3 a4",
        "ours",
        of="record",
    ),
    Continued(
        "20.where-elsewhere",
        "a new match behind the cursor is",
        WALK,
        BY_HOST,
        "a0 a1",
        [upsert(on_host(9, "a", record_score=65))],
        "new a2",
        "ours",
        of="record",
        later={"new": on_host(9, "a", record_score=65)},
    ),
    Continued(
        "20.where-elsewhere",
        "a bucket whose witness is new",
        WITNESSES,
        BY_HOST,
        "h0 h1",
        [upsert(on_host(2, "a"))],
        "h2 h3",
        "ours",
    ),
]


@each_row(CONTINUED)
def test_a_cursor_goes_on_in_a_later_commit(row: Continued) -> None:
    """The page behind a cursor has the matches of the newer commit."""
    assert_continued(row)


@pytest.mark.parametrize("kind", QUERIES)
def test_a_cursor_belongs_to_its_filter(kind: Kind) -> None:
    """Rule 20.where-elsewhere: another filter refuses the cursor, and an equal one in another spelling takes it."""
    index = index_of([*WITNESSES.values(), *NAMED.values(), *(influencer(hour * HOUR, "a") for hour in range(1, 4))])
    query = QUERIES[kind](jobs=JOB, where={"host": ["a", "b"]}, size=1)
    cursor = index.search(query).cursor
    assert cursor is not None
    others: list[dict[str, Any]] = [
        *({"host": values} for values in ("a", ["a", "b", None], [])),
        *({}, {"host": ["a", "b"], "user": None}),
    ]
    for other in others:
        with pytest.raises(InvalidCursor, match="another query"):
            index.search(query.replace(where=other), after=cursor)
    with pytest.raises(InvalidCursor, match="another query"):
        index.search(query, after=index.search(query.replace(where=None)).cursor)
    again = QUERIES[kind](jobs=JOB, where={"host": ("b", "a", "b")}, size=1)
    assert index.search(again, after=cursor).keys() == index.search(query.replace(from_=1)).keys()


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts by score of a query with a filter.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        asked: the parameters of the query.
        severities: the numbers from low to critical.
        reaching: the numbers of matches that reach 0, 50 and 75.
        source: the source of the rule.
        of: the kind of the query.
    """

    rule: str
    claim: str
    asked: Mapping[str, Any]
    severities: Sequence[int]
    reaching: Sequence[int]
    source: str = "ours"
    _: KW_ONLY
    of: Kind = "record"


COUNTED = [
    Counted("20.where-elsewhere", "records", {"where": {"host": "a"}}, [0, 0, 2, 2, 1], [5, 3, 1]),
    Counted("20.where-elsewhere", "of two values", {"where": {"host": ["a", "b"]}}, [0, 0, 2, 3, 2], [7, 5, 2]),
    Counted(
        "20.where-elsewhere",
        "and a threshold",
        {"where": {"host": "a"}, "record_score": 60},
        [0, 0, 0, 2, 1],
        [3, 3, 1],
    ),
    Counted(
        "20.where-elsewhere", "and a window", {"where": {"host": "a"}, "start": 3 * HOUR}, [0, 0, 2, 1, 0], [3, 1, 0]
    ),
    Counted("20.where-elsewhere", "no match", {"where": {"host": "c"}}, [0] * 5, [0] * 3),
    Counted(
        "20.where-elsewhere",
        "influencers",
        {"where": {"host": ["a", "b"]}},
        [0, 0, 0, 1, 1],
        [2, 2, 1],
        of="influencer",
    ),
    Counted("20.where-elsewhere", "buckets", {"where": {"host": "b"}}, [0, 1, 1, 0, 0], [2, 0, 0], of="bucket"),
]


@each_row(COUNTED)
def test_counts_by_score_have_the_filter(row: Counted) -> None:
    """`severity_counts` and `threshold_counts` count the matches of the filter, and so does the reference."""
    documents = [*WALK.values(), *BUCKETS.values(), *NAMED.values()]
    # The buckets of hours 1 and 4 have records of host b; here their scores are 20 and 26.
    documents.append(BUCKETS["h4"] | {"anomaly_score": 26})
    index = index_of(documents)
    query = QUERIES[row.of](jobs=JOB, **row.asked)
    for reader in (index, index.snapshot()):
        assert list(reader.severity_counts(query).values()) == row.severities
        assert reader.threshold_counts(query, [0, 50, 75]).tolist() == row.reaching
    assert list(evaluate_severity_counts(documents, query).values()) == row.severities
    assert evaluate_threshold_counts(documents, query, [0, 50, 75]) == row.reaching


def fed(claim: str, writes: Sequence[Any], *expected: str, since: int | None = 0, where: Any = None, **row: Any) -> Fed:
    """A row about the feed of a filter."""
    asked = {"where": {"function": "mean"} if where is None else where, **row.pop("asked", {})}
    return Fed("20.where-elsewhere", claim, writes, asked, since, expected, "ours", of=row.pop("of", "record"), **row)


def of_function(function: str | None, **fields: Any) -> dict[str, Any]:
    """A record with a function, or without one."""
    return record(0, **({} if function is None else {"function": function}), **fields)


FEEDS = [
    fed("a new match", [upsert(of_function("mean"))], "1 inserted entered: record 0, nothing -> no score"),
    fed("a new result that does not meet the filter", [upsert(of_function("rare"))]),
    fed(
        "a result that no longer meets the filter has left",
        [upsert(of_function("mean", record_score=5)), upsert(of_function("rare", record_score=5))],
        "1 inserted entered: record 0, nothing -> 5",
        "2 replaced left: record 0, 5 -> 5",
    ),
    fed(
        "a result that comes to meet the filter has entered",
        [upsert(of_function(None)), upsert(of_function("mean"))],
        "2 replaced entered: record 0, no score -> no score",
    ),
    fed(
        "a result that meets it before and after has stayed",
        [upsert(of_function("mean", record_score=5)), upsert(of_function("mean", record_score=6))],
        "1 inserted entered: record 0, nothing -> 5",
        "2 replaced stayed: record 0, 5 -> 6",
    ),
    fed("a change that never meets it", [upsert(of_function("rare")), upsert(of_function("Mean"))]),
    fed(
        "new scores",
        [
            upsert(of_function("mean", record_score=5)),
            renormalize(records=[{"timestamp": 0, "bucket_span": 3600, "record_score": 50}]),
        ],
        "1 inserted entered: record 0, nothing -> 5",
        "2 renormalised stayed: record 0, 5 -> 50",
    ),
    fed(
        "a threshold applies too",
        [
            upsert(of_function("mean", record_score=5)),
            renormalize(records=[{"timestamp": 0, "bucket_span": 3600, "record_score": 50}]),
        ],
        "2 renormalised entered: record 0, 5 -> 50",
        asked={"record_score": 25},
    ),
    fed(
        "a delete of a match and of another result",
        [upsert(of_function("mean"), of_function("rare", by_field_value="b")), delete(JOB, start=0)],
        "1 inserted entered: record 0, nothing -> no score",
        "2 deleted left: record 0, no score -> nothing",
    ),
    fed(
        "an interim result that becomes final as another function",
        [upsert(of_function("mean", is_interim=True)), upsert(of_function("rare"))],
        "1 inserted entered: record 0, nothing -> no score interim",
        "2 finalised left: record 0, no score interim -> no score",
    ),
    fed(
        "a data field changes its name",
        [
            upsert(record(0, by_field_name="host", by_field_value="a")),
            upsert(record(0, by_field_name="user", by_field_value="a")),
        ],
        "1 inserted entered: record 0 by 'a', nothing -> no score",
        "2 replaced left: record 0 by 'a', no score -> no score",
        where={"host": "a"},
    ),
    fed(
        "a missing field",
        [upsert(of_function("mean")), upsert(of_function(None))],
        "2 replaced entered: record 0, no score -> no score",
        where={"function": None},
    ),
    fed(
        "a missing detector is detector 0 before and after",
        [upsert(of_function("mean")), upsert(of_function("mean", detector_index=0))],
        "1 inserted entered: record 0, nothing -> no score",
        "2 replaced stayed: record 0, no score -> no score",
        where={"detector_index": 0},
    ),
    fed("no value", [upsert(of_function("mean"))], where={"function": []}),
    fed(
        "influencers",
        [upsert(influencer(0, "a", influencer_score=5), influencer(0, "b")), delete_job(JOB)],
        "1 inserted entered: influencer 0 host a, nothing -> 5",
        "2 deleted left: influencer 0 host a, 5 -> nothing",
        where={"host": "a"},
        of="influencer",
    ),
    fed(
        "a listing",
        [upsert(of_function("mean"), of_function("rare", by_field_value="b")), upsert(of_function("mean"))],
        "1 None entered: record 0, nothing -> no score",
        since=None,
    ),
    fed(
        "a filter of a bucket without fields is none",
        [upsert(bucket(0))],
        "1 inserted entered: bucket 0, nothing -> no score",
        where={},
        of="bucket",
    ),
]


@each_row(FEEDS)
def test_a_feed_has_the_filter_before_and_after(row: Fed) -> None:
    """The filter applies to the result before a change and to the one after it."""
    assert_fed(row)


def of_bucket_changes(claim: str, since: int | None, where: Any, writes: Sequence[Any] = ()) -> CallRefused:
    """A row about the feed of a query for buckets, which takes no filter."""
    return CallRefused(
        "20.where-elsewhere",
        claim,
        [upsert(bucket(0)), *writes],
        lambda index: index.changes(BucketQuery(jobs=JOB, where=where), since=since),
        invalid("where", ""),
        "ours",
    )


NO_FEEDS = [
    of_bucket_changes("from the first commit", 0, {"host": "a"}),
    of_bucket_changes("from the newest commit", 1, {"host": "a"}),
    of_bucket_changes("a listing", None, {"host": "a"}),
    of_bucket_changes("a filter that matches nothing", 0, {"host": []}),
    of_bucket_changes("of missing fields", 0, {"host": None}),
    of_bucket_changes("with a record to judge by", 0, {"host": "a"}, [upsert(on_host(0, "a"))]),
]


@each_row(NO_FEEDS)
def test_a_feed_of_buckets_takes_no_filter(row: CallRefused) -> None:
    """A bucket would enter or leave when a record changes, and the log has no such change."""
    assert_call_refused(row)


NO_LOOKUPS = [
    Refused(
        "20.where-elsewhere",
        f"a lookup {claim}",
        {"h0": bucket(0)},
        {"timestamp": 0, "where": where},
        invalid("where", "Param [where] is incompatible with [timestamp]."),
        "ours",
        only="search",
    )
    for claim, where in (("with one value", {"host": "a"}), ("with none", {"host": []}), ("with None", {"host": None}))
]


@each_row(NO_LOOKUPS)
def test_a_lookup_takes_no_filter(row: Refused) -> None:
    """`timestamp` excludes `where`, as it excludes a threshold."""
    assert_refused(row)


NOT_GIVEN: Sequence[Any] = (None, {}, ())
LOOKUPS = [
    Answered(
        "20.where-elsewhere",
        f"a lookup beside {where!r}",
        {"h0": bucket(0)},
        {"timestamp": 0, "where": where},
        "h0",
        "ours",
        only="search",
    )
    for where in NOT_GIVEN
]


@each_row(LOOKUPS)
def test_a_lookup_may_name_no_fields(row: Answered) -> None:
    """A filter without fields is no filter, so a lookup may have it."""
    assert_answered(row)


@dataclass(frozen=True, slots=True)
class NoKeyword:
    """A method of the API's client that has no such parameter."""

    rule: str
    claim: str
    call: str
    value: Any
    source: str


NO_KEYWORDS = [
    NoKeyword("20.where-elsewhere", f"{call} {value!r}", call, value, "ours: a TypeError")
    for call in CALLS.values()
    for value in ({"host": "a"}, {}, None)
]


@each_row(NO_KEYWORDS)
def test_the_methods_of_the_client_have_no_such_parameter(row: NoKeyword) -> None:
    """They refuse the name with a TypeError, as they refuse any other unknown one."""
    with pytest.raises(TypeError):
        getattr(index_of([]), row.call)(job_id=JOB, where=row.value)


NO_REQUESTS = [
    rejected
    for kind in ("buckets", "records", "influencers")
    for rejected in (
        Rejected(
            "20.where-elsewhere",
            f"{kind}: in the URL",
            WEB,
            get(f"{kind}?where=a"),
            unrecognized(kind, "where"),
            "ours",
        ),
        Rejected(
            "20.where-elsewhere",
            f"{kind}: in the body",
            WEB,
            post(kind, {"where": {"host": "a"}}),
            unparsed("unknown field [where]", kind),
            "ours",
        ),
    )
]


@each_row(NO_REQUESTS)
def test_the_rest_door_has_no_such_parameter(row: Rejected) -> None:
    """The REST door refuses the name as it refuses any other unknown one."""
    assert_rejected(row)
