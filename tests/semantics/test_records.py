"""Rules 15.1 and 15.2, and our decisions on the order of records: what get_records answers.

What records share with buckets is shown here in a few rows each; the tables of windows, dates, thresholds and pages go
through all of it.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import LimitExceeded, RecordQuery
from support.semantics_tables import (
    JOB,
    Answered,
    Door,
    Refusal,
    Refused,
    assert_answered,
    assert_refused,
    at,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

HOUR = 3_600_000
records = partial(Answered, of="record")
refused = partial(Refused, of="record")

# One hour apart; "none" has no score at all.
SCORES = {
    "zero": record(0 * HOUR, record_score=0.0),
    "low": record(1 * HOUR, record_score=49.9999),
    "fifty": record(2 * HOUR, record_score=50.0),
    "high": record(3 * HOUR, record_score=75.5),
    "top": record(4 * HOUR, record_score=100.0),
    "none": record(5 * HOUR),
}
ALL = "top high fifty low zero none"
# The server's own test has these two.
JUNE = {
    "june1": record("2016-06-01T00:00:00Z", bucket_span=1, record_score=60.0),
    "june2": record("2016-06-02T00:00:00Z", bucket_span=1, record_score=80.0, is_interim=True),
}
RENORMALISED = {
    "fell": record(0, record_score=10.0, initial_record_score=90.0),
    "rose": record(HOUR, record_score=90.0, initial_record_score=10.0),
}
INTERIM = {
    "final": record(0 * HOUR, is_interim=False, record_score=10.0),
    "live": record(1 * HOUR, is_interim=True, record_score=90.0),
    "unsaid": record(2 * HOUR, record_score=50.0),
    "null": record(3 * HOUR, is_interim=None, record_score=20.0),
}
EVERY_KIND = {
    "bucket": bucket(0, anomaly_score=99.0),
    "record": record(0, record_score=5.0),
    "influencer": influencer(0, "a", influencer_score=99.0),
}

DEFAULTS = [
    records("15.1", "default: the highest score first, missing last", SCORES, {}, ALL, "RQB"),
    records("15.1", "desc False", SCORES, {"desc": False}, "zero low fifty high top none", "RQB"),
    records("15.1", "record_score by name, desc too", SCORES, {"sort": "record_score"}, ALL, "RQB: desc stays true"),
    records(
        "15.1", "another field, desc too", SCORES, {"sort": "timestamp"}, "none top high fifty low zero", "RQB: desc"
    ),
    records(
        "15.1",
        "time order must be asked for",
        SCORES,
        {"sort": "timestamp", "desc": False},
        "zero low fifty high top none",
        "RQB",
    ),
    records("15.1", "None is not given", SCORES, {"sort": None, "desc": None}, ALL, "ours", only="get_records"),
    records("15.1", "the server's test", JUNE, {}, "june2 june1", "RYML"),
    records("15.1", "its second page", JUNE, {"from_": 1, "size": 1}, "june1", "RYML", count=2),
    records(
        "15.1",
        "its second page, as an object",
        JUNE,
        {"page": {"from": 1, "size": 1}},
        "june1",
        "RYML",
        count=2,
        only="get_records",
    ),
    records("15.1", "exclude_interim false", JUNE, {"exclude_interim": False}, "june2 june1", "RYML"),
    records("15.1", "exclude_interim true", JUNE, {"exclude_interim": True}, "june1", "RYML"),
    records(
        "15.1",
        "its window",
        JUNE,
        {"start": "2016-05-01T00:00:00Z", "end": "2016-06-01T01:00:00Z"},
        "june1",
        "RYML",
    ),
    records("15.1", "no other kind", EVERY_KIND, {}, "record", "RQB: of this result_type"),
    records("15.1", "a known job without records", {"b": bucket(0)}, {}, "", "ours: an empty page"),
]

AS_BUCKETS = [
    records("15.1", "start is included", SCORES, {"start": 3 * HOUR}, "top high none", "1.1"),
    records("15.1", "end is not", SCORES, {"end": 2 * HOUR}, "low zero", "1.1"),
    records("15.1", "both", SCORES, {"start": 1 * HOUR, "end": 4 * HOUR}, "high fifty low", "1.1"),
    records("15.1", "-1 is unset", SCORES, {"start": -1, "end": "-1"}, ALL, "1.5"),
    records("15.1", "a reversed window", SCORES, {"start": 4 * HOUR, "end": HOUR}, "", "1.3"),
    records(
        "15.1",
        "date math of now",
        SCORES,
        {"start": "now-1h", "end": "now+1h", "now": "1970-01-01T03:30Z"},
        "top high",
        "20.now",
    ),
    records("15.1", "a score matches itself", SCORES, {"record_score": 50}, "top high fifty", "3.1"),
    records("15.1", "the next double", SCORES, {"record_score": math.nextafter(50, math.inf)}, "top high", "3.1"),
    records("15.1", "the current score", RENORMALISED, {"record_score": 50}, "rose", "3.1"),
    records("15.1", "a missing score is below", SCORES, {"record_score": 5e-324}, "top high fifty low", "3.3"),
    records("15.1", "zero filters nothing", SCORES, {"record_score": 0}, ALL, "3.2"),
    records("15.1", "nor does less", SCORES, {"record_score": -5.0}, ALL, "3.2"),
    records("15.1", "nor does NaN", SCORES, {"record_score": math.nan}, ALL, "3.2"),
    records("15.1", "more than all", SCORES, {"record_score": 101}, "", "3.4"),
    records("15.1", "NumPy's number", SCORES, {"record_score": np.float32(75.5)}, "top high", "3.5"),
    records("15.1", "text", SCORES, {"record_score": "75.50"}, "top high", "3.5", only="get_records"),
    records("15.1", "what does not say is final", INTERIM, {"exclude_interim": True}, "unsaid null final", "4.2"),
    records(
        "15.1", "booleans as text", INTERIM, {"exclude_interim": "true"}, "unsaid null final", "4.4", only="get_records"
    ),
    records("15.1", "desc as text", JUNE, {"desc": "false"}, "june1 june2", "4.4", only="get_records"),
    records("15.1", "the first two", SCORES, {"size": 2}, "top high", "6.1", count=6),
    records("15.1", "the next two", SCORES, {"from_": 2, "size": 2}, "fifty low", "6.1", count=6),
    records("15.1", "from alone", SCORES, {"from_": 4}, "zero none", "6.1", count=6),
    records("15.1", "size 0", SCORES, {"size": 0}, "", "6.3", count=6),
    records("15.1", "past the end", SCORES, {"from_": 10**20}, "", "6.3", count=6),
    records(
        "15.1",
        "all of it",
        SCORES,
        {"start": HOUR, "record_score": 50, "from_": 1, "size": 1},
        "high",
        "7",
        count=3,
    ),
]

# Equal in the sort field; each key decides where all before it are equal, whatever the later ones say.
KEYS: tuple[tuple[str, Any, Any], ...] = (
    ("record_score", 1.0, 2.0),
    ("over_field_value", "a", "b"),
    ("partition_field_value", "a", "b"),
    ("by_field_value", "a", "b"),
    ("field_name", "a", "b"),
    ("function", "a", "b"),
    ("timestamp", 0, HOUR),
    ("bucket_span", 60, 900),
    ("detector_index", 1, 2),
)


def two_by(place: int) -> dict[str, dict[str, Any]]:
    """Two records, alike in all keys before this one: `less` has less of it, and more of every later one."""
    earlier = {name: low for name, low, _ in KEYS[:place]}
    name, low, high = KEYS[place]
    later_low = {key: least for key, least, _ in KEYS[place + 1 :]}
    later_high = {key: most for key, _, most in KEYS[place + 1 :]}
    return {
        "more": record(0, probability=0.5) | earlier | {name: high} | later_low,
        "less": record(0, probability=0.5) | earlier | {name: low} | later_high,
    }


PRECEDENCE = [
    records(
        rule,
        f"{name} before all after it{', desc' * desc}",
        two_by(place),
        {"sort": "probability", "desc": desc},
        "more less" if desc else "less more",
        source,
    )
    for place, (name, _, _) in enumerate(KEYS)
    for desc in (False, True)
    for rule, source in [("15.2", "RQB") if place < 6 else ("20.order-of-records", "ours: what RQB leaves open")]
]
PRECEDENCE += [
    records(
        "15.2",
        f"{name} missing is last{', desc' * desc}",
        {
            "n1": record(0 * HOUR, probability=0.5),
            "high": record(1 * HOUR, probability=0.5, **{name: high}),
            "n2": record(2 * HOUR, probability=0.5, **{name: None}),
            "low": record(3 * HOUR, probability=0.5, **{name: low}),
        },
        {"sort": "probability", "desc": desc},
        "high low n2 n1" if desc else "low high n1 n2",
        "RQB, FSB: _last",
    )
    for name, low, high in KEYS[:6]
    for desc in (False, True)
]

# Equal scores: the older one has the greater value.
OVERS = {"old": record(0, record_score=50.0, over_field_value="b"), "new": record(HOUR, record_score=50.0)} | {
    "newest": record(2 * HOUR, record_score=50.0, over_field_value="a")
}
SAME_BUCKET = {
    "one": record(0, detector_index=1),
    "unsaid": record(0),
    "minus": record(0, detector_index=-1),
}
ZEROS = {
    "plus": record(0, record_score=0.0),
    "minus": record(HOUR, record_score=-0.0),
    "none": record(2 * HOUR),
}
TIES = [
    records("15.2", "time is no tie-break before the values", OVERS, {}, "old newest new", "RQB"),
    records("15.2", "the same, ascending", OVERS, {"desc": False}, "newest old new", "RQB"),
    records("15.2", "nor where nothing else is said", OVERS, {"sort": "job_id"}, "old newest new", "RQB"),
    records("15.2", "the page is cut after the ties", OVERS, {"from_": 1, "size": 1}, "newest", "RQB", count=3),
    records(
        "15.2",
        "by the values when sorted by function",
        OVERS,
        {"sort": "function", "desc": False},
        "newest old new",
        "RQB",
    ),
    records(
        "20.order-of-records",
        "equal in all else: newest first",
        {"a": record(0), "b": record(HOUR), "c": record(2 * HOUR)},
        {},
        "c b a",
        "ours",
    ),
    records(
        "20.order-of-records",
        "equal in all else, ascending: oldest first",
        {"a": record(0), "b": record(HOUR), "c": record(2 * HOUR)},
        {"desc": False},
        "a b c",
        "ours",
    ),
    records(
        "20.order-of-records",
        "one instant: longer span first",
        {"short": record(0, bucket_span=60), "long": record(0, bucket_span=900)},
        {},
        "long short",
        "ours",
    ),
    records(
        "20.order-of-records",
        "as a tie, no detector is detector 0",
        SAME_BUCKET,
        {"desc": False},
        "minus unsaid one",
        "ours: its identity takes it so",
    ),
    records("20.order-of-records", "the same, desc", SAME_BUCKET, {}, "one unsaid minus", "ours"),
    records(
        "20.order-of-records",
        "as the sort field, no detector is missing",
        SAME_BUCKET,
        {"sort": "detector_index", "desc": False},
        "minus one unsaid",
        "5.4: missing values are last",
    ),
    records(
        "20.order-of-records",
        "as the sort field, desc",
        SAME_BUCKET | {"two": record(0, detector_index=2)},
        {"sort": "detector_index"},
        "two one minus unsaid",
        "5.4",
    ),
    records("20.order-of-records", "zero and minus zero are equal", ZEROS, {}, "minus plus none", "ours: -0.0 is 0.0"),
]

NUMBERS: tuple[tuple[str, Any, Any], ...] = (
    ("record_score", 0.0, 0.5),
    ("initial_record_score", 0.0, 0.5),
    ("probability", 0.0, 5e-324),
    ("multi_bucket_impact", -5.0, 0.0),
    ("detector_index", -1, 0),
    ("is_interim", False, True),
)
TEXTS = (
    "function",
    "function_description",
    "field_name",
    "by_field_name",
    "by_field_value",
    "over_field_name",
    "over_field_value",
    "partition_field_name",
    "partition_field_value",
)
MISSING_LAST = [
    records(
        "20.order-of-records",
        f"{field} missing is last{', desc' * desc}",
        {
            "n1": record(0 * HOUR),
            "high": record(1 * HOUR, **{field: high}),
            "low": record(2 * HOUR, **{field: low}),
            "n2": record(3 * HOUR, **{field: None}),
        },
        {"sort": field, "desc": desc},
        "high low n2 n1" if desc else "low high n1 n2",
        "5.4: also after zero, false and empty text",
    )
    for field, low, high in (*NUMBERS, *((field, "", "a") for field in TEXTS))
    for desc in (False, True)
]

# Every sortable field with an order of its own; where all are alike, the scores decide: c a b.
FIELDS = {
    "a": record(
        0 * HOUR,
        bucket_span=900,
        record_score=2.0,
        initial_record_score=30.0,
        probability=0.2,
        multi_bucket_impact=-5.0,
        detector_index=1,
        is_interim=True,
        function="min",
        function_description="low",
        field_name="z",
        by_field_name="q",
        by_field_value="2",
        over_field_name="c",
        over_field_value="1",
        partition_field_name="1",
        partition_field_value="3",
    ),
    "b": record(
        1 * HOUR,
        bucket_span=60,
        record_score=3.0,
        initial_record_score=20.0,
        probability=0.1,
        multi_bucket_impact=5.0,
        detector_index=0,
        is_interim=False,
        function="max",
        function_description="high",
        field_name="y",
        by_field_name="p",
        by_field_value="3",
        over_field_name="b",
        over_field_value="3",
        partition_field_name="2",
        partition_field_value="1",
    ),
    "c": record(
        2 * HOUR,
        bucket_span=300,
        record_score=1.0,
        initial_record_score=10.0,
        probability=0.3,
        multi_bucket_impact=0.0,
        detector_index=2,
        is_interim=False,
        function="mean",
        function_description="mean",
        field_name="x",
        by_field_name="r",
        by_field_value="1",
        over_field_name="a",
        over_field_value="2",
        partition_field_name="3",
        partition_field_value="2",
    ),
}
ORDERS = (
    ("timestamp", "a b c"),
    ("@timestamp", "a b c"),
    ("record_score", "c a b"),
    ("initial_record_score", "c b a"),
    ("probability", "b a c"),
    ("multi_bucket_impact", "a c b"),
    ("detector_index", "b a c"),
    ("bucket_span", "b c a"),
    ("is_interim", "c b a"),
    ("job_id", "c a b"),
    ("result_type", "c a b"),
    ("function", "b c a"),
    ("function_description", "b a c"),
    ("field_name", "c b a"),
    ("by_field_name", "b a c"),
    ("by_field_value", "c a b"),
    ("over_field_name", "c b a"),
    ("over_field_value", "a c b"),
    ("partition_field_name", "a b c"),
    ("partition_field_value", "b c a"),
)
NEVER_IN_RECORDS = (
    "anomaly_score",
    "initial_anomaly_score",
    "event_count",
    "processing_time_ms",
    "scheduled_events",
    "influencer_score",
    "initial_influencer_score",
    "raw_anomaly_score",
    "influencer_field_name",
    "influencer_field_value",
)
SORTABLE = [
    records(
        "20.sortable-fields",
        f"{field}{', desc' * desc}",
        FIELDS,
        {"sort": field, "desc": desc},
        " ".join(order.split()[::-1]) if desc else order,
        source,
    )
    for field, order, source in (
        *((field, order, "MAP: has doc values") for field, order in ORDERS),
        *((field, "c a b", "mapped, but never in records: the ties decide") for field in NEVER_IN_RECORDS),
    )
    for desc in (False, True)
] + [
    records(
        "20.sortable-fields",
        "a stored key that is no field of records",
        {
            "a": record(0, record_score=1.0, anomaly_score=9.0, event_count=9),
            "b": record(HOUR, record_score=2.0, anomaly_score=1.0, event_count=1),
        },
        {"sort": "anomaly_score"},
        "b a",
        "ours: missing whatever the key says",
    ),
    records(
        "20.sortable-fields",
        "detectors are exact",
        {
            "past": record(0, detector_index=2**53 + 1),
            "at": record(HOUR, detector_index=2**53),
            "most": record(2 * HOUR, detector_index=2**63 - 1),
            "least": record(3 * HOUR, detector_index=-(2**63)),
        },
        {"sort": "detector_index"},
        "most past at least",
        "ours: integers inside int64",
    ),
]

#: Text by its UTF-8 bytes, that is by code points.
ALPHABET = {
    "small": record(0, by_field_value="a"),
    "capital": record(0, by_field_value="Z"),
    "none": record(0),
    "accent": record(0, by_field_value="\u00e9"),
    "digit": record(0, by_field_value="1"),
    "longer": record(0, by_field_value="ab"),
    "emoji": record(0, by_field_value="\U0001f600"),
    "halfwidth": record(0, by_field_value="\uffee"),
    "empty": record(0, by_field_value=""),
    "zero": record(0, by_field_value="a\x00"),
}
IN_BYTE_ORDER = "empty digit capital small zero longer accent halfwidth emoji"
AGAINST = " ".join(IN_BYTE_ORDER.split()[::-1])
TEXT_ORDER = [
    records(
        "20.all-orders",
        "text by UTF-8 bytes",
        ALPHABET,
        {"sort": "by_field_value", "desc": False},
        f"{IN_BYTE_ORDER} none",
        "ours: not by UTF-16",
    ),
    records(
        "20.all-orders", "text, desc", ALPHABET, {"sort": "by_field_value"}, f"{AGAINST} none", "ours: not by UTF-16"
    ),
    records("20.all-orders", "text as a tie", ALPHABET, {"desc": False}, f"{IN_BYTE_ORDER} none", "ours"),
    records("20.all-orders", "text as a tie, desc", ALPHABET, {}, f"{AGAINST} none", "ours"),
]

TINY = {
    "zero": record(0, probability=0.0),
    "small": record(1 * HOUR, probability=1e-308),
    "least": record(2 * HOUR, probability=5e-324),
    "double": record(3 * HOUR, probability=2e-308),
    "large": record(4 * HOUR, probability=1e-300),
    "none": record(5 * HOUR),
}
PROBABILITIES = [
    records(
        "9.12",
        "most unlikely first",
        TINY,
        {"sort": "probability", "desc": False},
        "zero least small double large none",
        "ours: exact doubles",
    ),
    records(
        "9.12",
        "most likely first",
        TINY,
        {"sort": "probability"},
        "large double small least zero none",
        "ours: exact doubles",
    ),
]


@each_row(DEFAULTS, AS_BUCKETS, PRECEDENCE, TIES, MISSING_LAST, SORTABLE, TEXT_ORDER, PROBABILITIES)
def test_records_are_answered_as_ruled(row: Answered) -> None:
    """get_records and a `RecordQuery` give the records of the row, in its order, and its count."""
    assert_answered(row)


def no_mapping(field: str) -> Refusal:
    """The refusal of a field that the mapping does not hold."""
    return invalid("sort", f"No mapping found for [{field}] in order to sort on", "query_shard_exception")


UNSORTABLE = [
    refused("5.6", field, SCORES, {"sort": field}, no_mapping(field), source)
    for field, source in (
        ("airline", "ours: a data field's own name is no field of the mapping"),
        ("causes", "FSB: an object"),
        ("influencers", "FSB: an object"),
        ("geo_results", "FSB: an object"),
        ("anomaly_score_explanation", "FSB: an object"),
        ("typical", "ours: not of the list in 20.sortable-fields"),
        ("actual", "ours: not of the list in 20.sortable-fields"),
        ("correlated_by_field_value", "ours: not of the list in 20.sortable-fields"),
        ("timestamp_string", "a key of the body only"),
        ("_doc", "ours: there is no order of arrival"),
    )
] + [
    refused(
        "5.6",
        f"nested {field}",
        SCORES,
        {"sort": field},
        invalid(
            "sort",
            f"it is mandatory to set the [nested] context on the nested sort field: [{field}].",
            "query_shard_exception",
        ),
        "FSB",
    )
    for field in ("causes.probability", "influencers.influencer_field_name", "bucket_influencers.anomaly_score")
]

BAD: Sequence[tuple[str, Mapping[str, Any], Refusal, str, Door | None]] = (
    (
        "a threshold that is no number",
        {"record_score": "abc"},
        invalid("record_score", 'For input string: "abc"', "number_format_exception"),
        "3.5",
        "get_records",
    ),
    ("a threshold as text in a question", {"record_score": "50"}, invalid("record_score", ""), "3.5", "search"),
    ("a threshold that is a bool", {"record_score": True}, invalid("record_score", ""), "3.5", None),
    (
        "a flag that is no boolean",
        {"exclude_interim": "yes"},
        invalid("exclude_interim", "Failed to parse value [yes]"),
        "4.4",
        None,
    ),
    (
        "a bad date",
        {"start": "soon"},
        invalid("start", "failed to parse date field [soon]", "parse_exception"),
        "1.9",
        None,
    ),
    ("an empty date", {"end": ""}, invalid("end", "cannot parse empty datetime", "parse_exception"), "1.9", None),
    ("a negative size", {"size": -1}, invalid("size", "Parameter [size] cannot be < 0"), "6.2", None),
    ("a negative from", {"from_": -1}, invalid("from_", "Parameter [from] cannot be < 0"), "6.2", None),
    (
        "a size that is no integer",
        {"size": "5"},
        invalid("size", "Failed to parse int parameter [size] with value [5]"),
        "6.2",
        None,
    ),
    (
        "page and size",
        {"page": {"size": 1}, "size": 1},
        invalid("page|page.size|size", ""),
        "6.1",
        "get_records",
    ),
    (
        "a size above max_size",
        {"size": 10_001},
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "size", ""),
        "20.from-size",
        None,
    ),
    ("a sort that is no text", {"sort": ["record_score"]}, invalid("sort", ""), "5.7", None),
)
BAD_QUESTIONS = [
    refused("15.1", claim, SCORES, asked, expected, source, only=only) for claim, asked, expected, source, only in BAD
]
JOBS = [
    refused("15.1", "an unknown job", SCORES, {"job_id": "db"}, unknown_job("db"), "11", only="get_records"),
    refused("15.1", "a pattern", SCORES, {"job_id": "w*"}, unknown_job("w*"), "11", only="get_records"),
    refused("15.1", "an unknown job, question", SCORES, {"jobs": "db"}, unknown_job("db"), "11", only="search"),
    refused("15.1", "two jobs", SCORES, {"jobs": ["web", "db"]}, unknown_job("db"), "20.jobs", only="search"),
    refused(
        "20.which-error-first",
        "records: a bad sort, then the unknown job",
        SCORES,
        {"job_id": "db", "sort": "x"},
        no_mapping("x"),
        "ours",
        only="get_records",
    ),
]


@each_row(UNSORTABLE, BAD_QUESTIONS, JOBS)
def test_records_are_refused_as_ruled(row: Refused) -> None:
    """A question for records that cannot be asked is refused with the words of its row."""
    assert_refused(row)


def test_a_question_has_the_defaults_of_the_call() -> None:
    """Rule 15.1: a `RecordQuery` of a job alone asks for every record, the highest score first."""
    query = RecordQuery(jobs=JOB)
    shown = (query.jobs, query.start, query.end, query.record_score, query.exclude_interim)
    assert shown == ((JOB,), None, None, 0.0, False)
    assert (query.sort, query.desc, query.from_, query.size) == ("record_score", True, 0, 100)
    assert query == RecordQuery(jobs=[JOB], start=-1, record_score=math.nan)
    assert hash(query) == hash(RecordQuery(jobs=JOB))
    assert query.replace(desc=False).desc is False


def test_there_is_no_lookup() -> None:
    """Rule 15.1: records have no `timestamp` to look one up by, and no threshold or flag of buckets."""
    invented: tuple[dict[str, Any], ...] = ({"timestamp": 0}, {"anomaly_score": 5}, {"expand": True})
    for keyword in invented:
        with pytest.raises(TypeError):
            RecordQuery(jobs=JOB, **keyword)
        with pytest.raises(TypeError):
            index_of([]).get_records(job_id=JOB, **keyword)


def test_arrival_plays_no_part() -> None:
    """Section 20, all orders: the same records give the same pages in whatever order and batches they came."""
    documents = [
        record(0, record_score=5.0, over_field_value="b"),
        record(0, record_score=5.0, over_field_value="a", detector_index=1),
        record(0, record_score=5.0, over_field_value="a"),
        record(at("1970-01-01T01:00Z"), bucket_span=60, by_field_value="a"),
    ]
    answers = set()
    for order in itertools.permutations(documents):
        index = index_of(order[:2])
        index.upsert(order[2:])
        answers.add(
            tuple(
                tuple(index.get_records(job_id=JOB, sort=sort, desc=desc).keys())
                for sort in ("record_score", "timestamp", "by_field_value", "detector_index", "anomaly_score")
                for desc in (False, True)
            )
        )
    assert len(answers) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("asked", [{}, {"desc": False}, {"sort": "by_field_value"}, {"sort": "timestamp"}], ids=str)
def test_pages_laid_end_to_end_are_the_whole(asked: dict[str, Any], size: int) -> None:
    """Rule 6.1: pages of any size, one after the other, are all records in order, each once."""
    index = index_of(ALPHABET.values())
    whole = index.get_records(job_id=JOB, **asked).keys()
    pages = [index.get_records(job_id=JOB, from_=skipped, size=size, **asked) for skipped in range(0, 10, size)]
    laid = [key for keys in (page.keys() for page in pages) for key in keys]
    assert laid == list(whole)
    assert len(set(laid)) == 10
