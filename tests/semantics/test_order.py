"""Rules 5.1 to 5.7, and our decisions on the order of buckets, all orders and sortable fields."""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from support.semantics_tables import (
    JOB,
    Answered,
    Refusal,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    each_row,
    hours,
    index_of,
    invalid,
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

# Three at 50, an hour apart; one below, one above.
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
        "5.2", "the page is cut after the tie-break", TIES, {"sort": "anomaly_score", "size": 2}, "d a", "BQB", count=5
    ),
    Answered(
        "5.2",
        "desc page",
        TIES,
        {"sort": "anomaly_score", "desc": True, "from_": 1, "size": 2},
        "e c",
        "BQB",
        count=5,
    ),
    Answered(
        "5.2", "a threshold keeps the ties", TIES, {"sort": "anomaly_score", "anomaly_score": 50}, "a c e b", "BQB"
    ),
    Answered("5.2", "all alike", HOURS, {"sort": "anomaly_score", "desc": True}, "h2 h1 h0", "BQB: time, in desc too"),
    Answered(
        "5.2",
        "zero and minus zero are equal",
        ZEROS,
        {"sort": "anomaly_score"},
        "plus minus one",
        "ours: -0.0 is 0.0",
    ),
    Answered("5.2", "the same, desc", ZEROS, {"sort": "anomaly_score", "desc": True}, "one minus plus", "ours"),
]

# One instant, three spans, equal scores, and one bucket an hour later.
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
        "a page within one instant",
        SPANS,
        {"from_": 1, "size": 2},
        "middle long",
        "ours",
        count=4,
    ),
]

# What is missing: unsaid in "n1", null in "n2".
GAPS = {
    "n1": bucket(0 * HOUR),
    "two": bucket(1 * HOUR, anomaly_score=2.0, initial_anomaly_score=2.0, event_count=2, processing_time_ms=2),
    "zero": bucket(2 * HOUR, anomaly_score=0.0, initial_anomaly_score=0.0, event_count=0, processing_time_ms=0),
    "n2": bucket(3 * HOUR, anomaly_score=None, initial_anomaly_score=None, event_count=None, processing_time_ms=None),
    "one": bucket(4 * HOUR, anomaly_score=1.0, initial_anomaly_score=1.0, event_count=1, processing_time_ms=1),
}
NUMBERS = ("anomaly_score", "initial_anomaly_score", "event_count", "processing_time_ms")
INTERIM = {
    "none": bucket(0 * HOUR),
    "live": bucket(1 * HOUR, is_interim=True),
    "final": bucket(2 * HOUR, is_interim=False),
    "null": bucket(3 * HOUR, is_interim=None),
    "live2": bucket(4 * HOUR, is_interim=True),
}
NEGATIVE = {"none": bucket(0), "minus": bucket(HOUR, anomaly_score=-5.0), "plus": bucket(2 * HOUR, anomaly_score=5.0)}

MISSING_LAST = (
    [
        Answered(
            "5.4", f"{field}, ascending", GAPS, {"sort": field}, "zero one two n1 n2", "FSB: _last; 0 is not missing"
        )
        for field in NUMBERS
    ]
    + [
        Answered("5.4", f"{field}, desc", GAPS, {"sort": field, "desc": True}, "two one zero n2 n1", "FSB: _last again")
        for field in NUMBERS
    ]
    + [
        Answered("5.4", "a page of missing ones", GAPS, {"sort": "event_count", "from_": 3}, "n1 n2", "FSB", count=5),
        Answered(
            "5.4", "below a negative", NEGATIVE, {"sort": "anomaly_score"}, "minus plus none", "FSB: after, not as 0"
        ),
        Answered(
            "5.4", "below it in desc too", NEGATIVE, {"sort": "anomaly_score", "desc": True}, "plus minus none", "FSB"
        ),
        Answered("5.4", "is_interim", INTERIM, {"sort": "is_interim"}, "final live live2 none null", "FSB"),
        Answered(
            "5.4",
            "is_interim, desc",
            INTERIM,
            {"sort": "is_interim", "desc": True},
            "live2 live final null none",
            "FSB",
        ),
    ]
)

# Every sortable field with another order than time.
FIELDS = {
    "a": bucket(
        0,
        bucket_span=900,
        anomaly_score=2.0,
        initial_anomaly_score=30.0,
        event_count=7,
        is_interim=True,
        processing_time_ms=0,
    ),
    "b": bucket(
        HOUR,
        bucket_span=60,
        anomaly_score=3.0,
        initial_anomaly_score=20.0,
        event_count=9,
        is_interim=False,
        processing_time_ms=5,
    ),
    "c": bucket(
        2 * HOUR,
        bucket_span=300,
        anomaly_score=1.0,
        initial_anomaly_score=10.0,
        event_count=8,
        is_interim=False,
        processing_time_ms=-5,
    ),
}
ORDERS = (
    ("timestamp", "a b c"),
    ("@timestamp", "a b c"),
    ("anomaly_score", "c a b"),
    ("initial_anomaly_score", "c b a"),
    ("event_count", "a c b"),
    ("bucket_span", "b c a"),
    ("is_interim", "b c a"),
    ("processing_time_ms", "c a b"),
    ("job_id", "a b c"),
    ("result_type", "a b c"),
)
EXACT = {
    "past": bucket(0, event_count=2**53 + 1),
    "at": bucket(HOUR, event_count=2**53),
    "most": bucket(2 * HOUR, event_count=2**63 - 1),
    "near": bucket(3 * HOUR, event_count=2**63 - 2),
    "none": bucket(4 * HOUR),
    "least": bucket(5 * HOUR, event_count=-(2**63)),
}

SORTABLE = (
    [Answered("5.5", f"{field}", FIELDS, {"sort": field}, order, "MAP: has doc values") for field, order in ORDERS]
    + [
        Answered(
            "5.5", f"{field}, desc", FIELDS, {"sort": field, "desc": True}, " ".join(order.split()[::-1]), "the reverse"
        )
        for field, order in ORDERS
    ]
    + [
        Answered(
            "5.5", "longs are exact", EXACT, {"sort": "event_count"}, "least at past near most none", "MAP: a long"
        ),
        Answered(
            "5.5", "longs, desc", EXACT, {"sort": "event_count", "desc": True}, "most near past at least none", "MAP"
        ),
        Answered(
            "5.5", "@timestamp, spans", SPANS, {"sort": "@timestamp"}, "short middle long later", "redundant second key"
        ),
    ]
)

NEVER_IN_BUCKETS = [
    Answered(
        "20.sortable-fields",
        f"{field} {direction}",
        TIES,
        {"sort": field, "desc": direction == "desc"},
        "e d c b a" if direction == "desc" else "a b c d e",
        "mapped, but never in buckets: all missing, time order",
    )
    for field in (
        "record_score",
        "initial_record_score",
        "influencer_score",
        "initial_influencer_score",
        "probability",
        "raw_anomaly_score",
        "multi_bucket_impact",
        "detector_index",
        "function",
        "function_description",
        "field_name",
        "by_field_name",
        "by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "influencer_field_name",
        "influencer_field_value",
    )
    for direction in ("asc", "desc")
]

# Several events: the smallest counts ascending, the largest descending.
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
    Answered("5.5", "events: the smallest", EVENTS, {"sort": "scheduled_events"}, "ab ay mz n none empty", "FSB: min"),
    Answered(
        "20.all-orders",
        "events, desc: the largest",
        EVENTS,
        {"sort": "scheduled_events", "desc": True},
        "mz ay n ab empty none",
        "FSB: max; no list and an empty one are missing",
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
    Answered("20.all-orders", "desc skips from the end", HOURS, {"desc": True, "from_": 2}, "h0", "ours", count=3),
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


@each_row(DEFAULTS, TIED, SPAN_TIES, MISSING_LAST, SORTABLE, NEVER_IN_BUCKETS, EVENT_ORDER, CUTS)
def test_order_is_as_ruled(row: Answered) -> None:
    """An order gives the buckets of its row, one after the other."""
    assert_answered(row)


def no_mapping(field: str) -> Refusal:
    """The refusal of a field that the mapping does not hold."""
    return invalid("sort", f"No mapping found for [{field}] in order to sort on", "query_shard_exception")


UNSORTABLE = (
    [
        Refused("5.6", f"unmapped {field!r}", HOURS, {"sort": field}, no_mapping(field), source)
        for field, source in (
            ("unknown", "FSB"),
            ("", "FSB: no field"),
            ("Timestamp", "FSB: names are exact"),
            ("anomaly_score ", "FSB: names are exact"),
            ("timestamp_string", "a key of the body only"),
            ("bucket_influencers", "FSB: an object"),
            ("records", "a key of the body only"),
            ("severity", "no field of the server"),
            ("_score", "FSB: not special here"),
            ("maxAnomalyScore", "FSB"),
        )
    ]
    + [
        Refused(
            "5.6",
            f"nested {field}",
            HOURS,
            {"sort": field},
            invalid(
                "sort",
                f"it is mandatory to set the [nested] context on the nested sort field: [{field}].",
                "query_shard_exception",
            ),
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
def test_sort_is_refused_as_ruled(row: Refused) -> None:
    """A sort field that no search may have is refused with the words of its row."""
    assert_refused(row)


@dataclass(frozen=True, slots=True)
class NotASort:
    """A name that the server takes and this library does not."""

    rule: str
    claim: str
    source: str


@each_row([NotASort("5.6", "_doc", "ours: there is no order of arrival")])
def test_index_order_is_refused(row: NotASort) -> None:
    """There is no order of arrival, so `_doc` is refused."""
    with pytest.raises(ValueError, match=row.claim):
        index_of([]).get_buckets(job_id=JOB, sort=row.claim)


def test_arrival_plays_no_part() -> None:
    """The same documents give the same pages in whatever order and in however many batches they came."""
    documents = [
        bucket(0, bucket_span=60, anomaly_score=5.0, scheduled_events=["b"]),
        bucket(0, bucket_span=900, anomaly_score=5.0, is_interim=True),
        bucket(HOUR, anomaly_score=5.0, scheduled_events=["b", "a"]),
        bucket(2 * HOUR, is_interim=True),
    ]
    answers = set()
    for order in itertools.permutations(documents):
        index = index_of(order[:2])
        index.upsert(order[2:])
        answers.add(
            tuple(
                tuple(index.get_buckets(job_id=JOB, sort=sort, desc=desc).keys())
                for sort in ("timestamp", "anomaly_score", "is_interim", "scheduled_events", "record_score")
                for desc in (False, True)
            )
        )
    assert len(answers) == 1


@pytest.mark.parametrize(("field", "order"), ORDERS)
def test_desc_is_the_reverse(field: str, order: str) -> None:
    """Where nothing is missing, descending is ascending read backwards, page by page as well."""
    index = index_of(FIELDS.values())
    ascending = index.get_buckets(job_id=JOB, sort=field)
    backwards: list[Any] = []
    for skipped in range(len(order.split())):
        backwards.extend(index.get_buckets(job_id=JOB, sort=field, desc=True, from_=skipped, size=1))
    assert backwards == list(ascending)[::-1]
