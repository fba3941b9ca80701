"""Rules 5.1 to 5.7, and our decisions on the order of buckets, all orders and sortable fields."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import Kind
from support.semantics_tables import (
    CALLS,
    JOB,
    Answered,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    each_row,
    hours,
    index_of,
    influencer,
    invalid,
    nested_context,
    no_mapping,
    record,
)

HOUR = 3_600_000
HOURS = hours(3)

DEFAULTS = [
    Answered("5.1", "time, ascending", HOURS, {}, "h0 h1 h2", "REQ"),
    Answered("5.1", "desc", HOURS, {"desc": True}, "h2 h1 h0", "REQ"),
    Answered("5.1", "desc False", HOURS, {"desc": False}, "h0 h1 h2", "REQ"),
    Answered("5.1", "timestamp by name", HOURS, {"sort": "timestamp"}, "h0 h1 h2", "REQ"),
    Answered("5.1", "a field without desc", HOURS, {"sort": "event_count"}, "h0 h1 h2", "REQ: desc stays false"),
    Answered("5.1", "sort None", HOURS, {"sort": None}, "h0 h1 h2", "ours: not given", only="get_buckets"),
]

# Five buckets, an hour apart: three with a score of 50, one with a higher and one with a lower score.
TIES = {
    "a": bucket(0 * HOUR, anomaly_score=50.0),
    "b": bucket(1 * HOUR, anomaly_score=90.0),
    "c": bucket(2 * HOUR, anomaly_score=50.0),
    "d": bucket(3 * HOUR, anomaly_score=10.0),
    "e": bucket(4 * HOUR, anomaly_score=50.0),
}
ZEROS = {
    "plus": bucket(0, anomaly_score=0.0),
    "minus": bucket(HOUR, anomaly_score=-0.0),
    "one": bucket(-HOUR, anomaly_score=1),
}

TIED = [
    Answered("5.2", "equal scores, oldest first", TIES, {"sort": "anomaly_score"}, "d a c e b", "BQB, YML"),
    Answered("5.2", "desc: newest first", TIES, {"sort": "anomaly_score", "desc": True}, "b e c a d", "BQB, YML"),
    Answered(
        "5.2", "paging comes after the tie-break", TIES, {"sort": "anomaly_score", "size": 2}, "d a", "BQB", count=5
    ),
    Answered(
        "5.2",
        "paging comes after the tie-break, desc",
        TIES,
        {"sort": "anomaly_score", "desc": True, "from_": 1, "size": 2},
        "e c",
        "BQB",
        count=5,
    ),
    Answered(
        "5.2", "a threshold keeps the ties", TIES, {"sort": "anomaly_score", "anomaly_score": 50}, "a c e b", "BQB"
    ),
    Answered(
        "5.2",
        "no result has the sort field",
        HOURS,
        {"sort": "anomaly_score", "desc": True},
        "h2 h1 h0",
        "BQB: time, descending too",
    ),
    Answered(
        "5.2",
        "zero and minus zero are equal",
        ZEROS,
        {"sort": "anomaly_score"},
        "plus minus one",
        "ours: -0.0 is 0.0",
    ),
    Answered(
        "5.2",
        "zero and minus zero are equal, desc",
        ZEROS,
        {"sort": "anomaly_score", "desc": True},
        "one minus plus",
        "ours",
    ),
]

# Three spans at the same instant with equal scores, and one bucket an hour later.
SPANS = {
    "long": bucket(0, bucket_span=3_600, anomaly_score=50.0),
    "short": bucket(0, bucket_span=60, anomaly_score=50.0),
    "middle": bucket(0, bucket_span=900, anomaly_score=50.0),
    "later": bucket(HOUR, bucket_span=1, anomaly_score=50.0),
}

SPAN_TIES = [
    Answered("5.3", "time ties: shorter span first", SPANS, {}, "short middle long later", "ours"),
    Answered("5.3", "time ties, desc: longer span first", SPANS, {"desc": True}, "later long middle short", "ours"),
    Answered(
        "20.order-of-buckets",
        "sort field, time, span",
        SPANS,
        {"sort": "anomaly_score"},
        "short middle long later",
        "ours",
    ),
    Answered(
        "20.order-of-buckets",
        "sort field, time, span, desc",
        SPANS,
        {"sort": "anomaly_score", "desc": True},
        "later long middle short",
        "ours",
    ),
    Answered(
        "20.order-of-buckets",
        "span as the sort field",
        SPANS,
        {"sort": "bucket_span"},
        "later short middle long",
        "ours",
    ),
    Answered(
        "20.order-of-buckets",
        "a page of buckets at the same instant",
        SPANS,
        {"from_": 1, "size": 2},
        "middle long",
        "ours",
        count=4,
    ),
]

# Lists of events sort by their smallest event ascending, and by their largest event descending.
EVENTS = {
    "mz": bucket(0 * HOUR, scheduled_events=["m", "z"]),
    "none": bucket(1 * HOUR),
    "ab": bucket(2 * HOUR, scheduled_events=["b", "a"]),
    "ay": bucket(3 * HOUR, scheduled_events=["y", "a"]),
    "empty": bucket(4 * HOUR, scheduled_events=[]),
    "n": bucket(5 * HOUR, scheduled_events=["n"]),
}
ALPHABET = {
    "small": bucket(0 * HOUR, scheduled_events=["a"]),
    "capital": bucket(1 * HOUR, scheduled_events=["Z"]),
    "accent": bucket(2 * HOUR, scheduled_events=["\u00e9"]),
    "digit": bucket(3 * HOUR, scheduled_events=["1"]),
    "longer": bucket(4 * HOUR, scheduled_events=["ab"]),
    "emoji": bucket(5 * HOUR, scheduled_events=["\U0001f600"]),
    "halfwidth": bucket(6 * HOUR, scheduled_events=["\uffee"]),
    "empty": bucket(7 * HOUR, scheduled_events=[""]),
    "zero": bucket(8 * HOUR, scheduled_events=["a\x00"]),
}
IN_BYTE_ORDER = "empty digit capital small zero longer accent halfwidth emoji"

EVENT_ORDER = [
    Answered(
        "5.5",
        "@timestamp ties sort by span",
        SPANS,
        {"sort": "@timestamp"},
        "short middle long later",
        "a second key of time changes nothing",
    ),
    Answered(
        "5.5", "events sort by the smallest", EVENTS, {"sort": "scheduled_events"}, "ab ay mz n none empty", "FSB: min"
    ),
    Answered(
        "20.all-orders",
        "events sort by the largest, desc",
        EVENTS,
        {"sort": "scheduled_events", "desc": True},
        "mz ay n ab empty none",
        "FSB: max; an absent and an empty list are missing values",
    ),
    Answered("5.5", "by UTF-8 bytes", ALPHABET, {"sort": "scheduled_events"}, IN_BYTE_ORDER, "not by UTF-16"),
    Answered(
        "5.5",
        "by UTF-8 bytes, desc",
        ALPHABET,
        {"sort": "scheduled_events", "desc": True},
        " ".join(IN_BYTE_ORDER.split()[::-1]),
        "not by UTF-16",
    ),
]

CUTS = [
    Answered(
        "20.all-orders", "desc is not a filter", HOURS, {"desc": True, "size": 1}, "h2", "the newest of all", count=3
    ),
    Answered("20.all-orders", "desc skips the newest", HOURS, {"desc": True, "from_": 2}, "h0", "ours", count=3),
    Answered(
        "20.all-orders",
        "desc with a window",
        HOURS,
        {"desc": True, "end": HOURS["h2"]["timestamp"], "size": 1},
        "h1",
        "ours",
        count=2,
    ),
]


@each_row(DEFAULTS, TIED, SPAN_TIES, EVENT_ORDER, CUTS)
def test_buckets_are_in_the_expected_order(row: Answered) -> None:
    """A query returns the buckets of the row in its order, for each sort field and direction."""
    assert_answered(row)


UNSORTABLE = (
    [
        Refused("5.6", f"unmapped {field!r}", HOURS, {"sort": field}, no_mapping(field), source)
        for field, source in (
            ("unknown", "FSB"),
            ("", "FSB: no field"),
            ("Timestamp", "FSB: names are exact"),
            ("anomaly_score ", "FSB: names are exact"),
            ("timestamp_string", "a key of the body, not a field"),
            ("bucket_influencers", "FSB: an object"),
            ("records", "a key of the body, not a field"),
            ("severity", "not a field of the server"),
            ("_score", "FSB: not special in this call"),
            ("maxAnomalyScore", "FSB"),
        )
    ]
    + [
        Refused(
            "5.6",
            f"nested {field}",
            HOURS,
            {"sort": field},
            nested_context(field),
            "FSB",
        )
        for field in (
            "bucket_influencers.anomaly_score",
            "bucket_influencers.influencer_field_name",
            "bucket_influencers.timestamp",
        )
    ]
    + [
        Refused("5.6", f"text {field}", HOURS, {"sort": field}, invalid("sort", field), "MAP: no doc values")
        for field in ("description", "terms", "examples", "all_field_values")
    ]
)

SEVERAL_KEYS = [
    Refused("5.7", "two names in one text", HOURS, {"sort": "timestamp,job_id"}, no_mapping("timestamp,job_id"), "REQ"),
    Refused("5.7", "a direction in the text", HOURS, {"sort": "timestamp:desc"}, no_mapping("timestamp:desc"), "REQ"),
    *(
        Refused("5.7", repr(value), HOURS, {"sort": value}, invalid("sort", ""), "REQ: a single string")
        for value in (["timestamp"], ("timestamp", "job_id"), {"timestamp": "desc"}, b"timestamp", 5, True)
    ),
]


@each_row(UNSORTABLE, SEVERAL_KEYS)
def test_field_that_cannot_be_sorted_by_is_refused(row: Refused) -> None:
    """A sort field that no search may have raises the error of the row."""
    assert_refused(row)


@dataclass(frozen=True, slots=True)
class NotASort:
    """A sort field that the server accepts and this library refuses."""

    rule: str
    claim: str
    source: str


@each_row([NotASort("5.6", "_doc", "ours: there is no order of arrival")])
def test_index_order_is_refused(row: NotASort) -> None:
    """The library keeps no order of arrival, so it refuses `_doc`."""
    with pytest.raises(ValueError, match=row.claim):
        index_of([]).get_buckets(job_id=JOB, sort=row.claim)


#: Results that tie in some field, and the fields to sort by.
TIED_RESULTS: Mapping[Kind, tuple[Sequence[Mapping[str, Any]], Sequence[str]]] = {
    "bucket": (
        (
            bucket(0, bucket_span=60, anomaly_score=5.0, scheduled_events=["b"]),
            bucket(0, bucket_span=900, anomaly_score=5.0, is_interim=True),
            bucket(HOUR, anomaly_score=5.0, scheduled_events=["b", "a"]),
            bucket(2 * HOUR, is_interim=True),
        ),
        ("timestamp", "anomaly_score", "is_interim", "scheduled_events", "record_score"),
    ),
    "record": (
        (
            record(0, record_score=5.0, over_field_value="b"),
            record(0, record_score=5.0, over_field_value="a", detector_index=1),
            record(0, record_score=5.0, over_field_value="a"),
            record(HOUR, bucket_span=60, by_field_value="a"),
        ),
        ("record_score", "timestamp", "by_field_value", "detector_index", "anomaly_score"),
    ),
    "influencer": (
        (
            influencer(0, "b", influencer_score=5.0),
            influencer(0, "a", influencer_score=5.0),
            influencer(0, "a", influencer_field_name="airline", influencer_score=5.0),
            influencer(0, "a", bucket_span=60),
        ),
        ("influencer_score", "timestamp", "influencer_field_value", "record_score"),
    ),
}


@pytest.mark.parametrize("kind", CALLS)
def test_order_of_arrival_does_not_matter(kind: Kind) -> None:
    """Section 20, all orders: the same documents give the same pages in any order of arrival and in any batches."""
    documents, fields = TIED_RESULTS[kind]
    answers = set()
    for order in itertools.permutations(documents):
        index = index_of(order[:2])
        index.upsert(order[2:])
        answers.add(
            tuple(
                getattr(index, CALLS[kind])(job_id=JOB, sort=field, desc=desc).keys()
                for field in fields
                for desc in (False, True)
            )
        )
    assert len(answers) == 1
