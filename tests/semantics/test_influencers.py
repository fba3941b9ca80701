"""Rules 15.1 and 15.3, and our decisions on the order of influencers: what get_influencers answers."""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import InfluencerQuery, LimitExceeded
from support.semantics_tables import (
    JOB,
    Answered,
    Door,
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
    unknown_job,
)

HOUR = 3_600_000
influencers = partial(Answered, of="influencer")
refused = partial(Refused, of="influencer")

# One hour apart; "none" has no score at all.
SCORES = {
    "zero": influencer(0 * HOUR, "a", influencer_score=0.0),
    "low": influencer(1 * HOUR, "a", influencer_score=49.9999),
    "fifty": influencer(2 * HOUR, "a", influencer_score=50.0),
    "high": influencer(3 * HOUR, "a", influencer_score=75.5),
    "top": influencer(4 * HOUR, "a", influencer_score=100.0),
    "none": influencer(5 * HOUR, "a"),
}
ALL = "top high fifty low zero none"
RENORMALISED = {
    "fell": influencer(0, "a", influencer_score=10.0, initial_influencer_score=90.0),
    "rose": influencer(HOUR, "a", influencer_score=90.0, initial_influencer_score=10.0),
}
INTERIM = {
    "final": influencer(0 * HOUR, "a", is_interim=False, influencer_score=10.0),
    "live": influencer(1 * HOUR, "a", is_interim=True, influencer_score=90.0),
    "unsaid": influencer(2 * HOUR, "a", influencer_score=50.0),
    "null": influencer(3 * HOUR, "a", is_interim=None, influencer_score=20.0),
}
EVERY_KIND = {
    "bucket": bucket(0, anomaly_score=99.0, bucket_influencers=[{"influencer_field_name": "host"}]),
    "record": record(0, record_score=99.0, influencers=[{"influencer_field_name": "host"}]),
    "influencer": influencer(0, "a", influencer_score=5.0),
}

DEFAULTS = [
    influencers("15.1", "default: the highest score first, missing last", SCORES, {}, ALL, "JRP"),
    influencers("15.1", "desc False", SCORES, {"desc": False}, "zero low fifty high top none", "JRP"),
    influencers("15.1", "influencer_score by name, desc too", SCORES, {"sort": "influencer_score"}, ALL, "JRP"),
    influencers(
        "15.1", "another field, desc too", SCORES, {"sort": "timestamp"}, "none top high fifty low zero", "JRP: desc"
    ),
    influencers(
        "15.1",
        "time order must be asked for",
        SCORES,
        {"sort": "timestamp", "desc": False},
        "zero low fifty high top none",
        "JRP",
    ),
    influencers("15.1", "None is not given", SCORES, {"sort": None, "desc": None}, ALL, "ours", only="get_influencers"),
    influencers("15.1", "no other kind", EVERY_KIND, {}, "influencer", "JRP: of this result_type"),
    influencers("15.1", "a known job without influencers", {"b": bucket(0)}, {}, "", "ours: an empty page"),
]

AS_BUCKETS = [
    influencers("15.1", "start is included", SCORES, {"start": 3 * HOUR}, "top high none", "1.1"),
    influencers("15.1", "end is not", SCORES, {"end": 2 * HOUR}, "low zero", "1.1"),
    influencers("15.1", "-1 is unset", SCORES, {"start": "-1", "end": -1}, ALL, "1.5"),
    influencers("15.1", "an empty window", SCORES, {"start": HOUR, "end": HOUR}, "", "1.3"),
    influencers(
        "15.1",
        "date math of now",
        SCORES,
        {"start": "now/h", "end": "now/h+2h", "now": "1970-01-01T03:30Z"},
        "top high",
        "20.now",
    ),
    influencers("15.1", "a score matches itself", SCORES, {"influencer_score": 50}, "top high fifty", "3.1"),
    influencers(
        "15.1", "the next double", SCORES, {"influencer_score": math.nextafter(50, math.inf)}, "top high", "3.1"
    ),
    influencers("15.1", "the current score", RENORMALISED, {"influencer_score": 50}, "rose", "3.1"),
    influencers("15.1", "a missing score is below", SCORES, {"influencer_score": 5e-324}, "top high fifty low", "3.3"),
    influencers("15.1", "zero filters nothing", SCORES, {"influencer_score": 0}, ALL, "3.2"),
    influencers("15.1", "nor does less", SCORES, {"influencer_score": -5.0}, ALL, "3.2"),
    influencers("15.1", "nor does NaN", SCORES, {"influencer_score": math.nan}, ALL, "3.2"),
    influencers("15.1", "more than all", SCORES, {"influencer_score": math.inf}, "", "3.4"),
    influencers("15.1", "NumPy's number", SCORES, {"influencer_score": np.float32(75.5)}, "top high", "3.5"),
    influencers("15.1", "text", SCORES, {"influencer_score": "7.55e1"}, "top high", "3.5", only="get_influencers"),
    influencers("15.1", "what does not say is final", INTERIM, {"exclude_interim": True}, "unsaid null final", "4.2"),
    influencers(
        "15.1",
        "booleans as text",
        INTERIM,
        {"exclude_interim": "true", "desc": "false"},
        "final null unsaid",
        "4.4",
        only="get_influencers",
    ),
    influencers("15.1", "the first two", SCORES, {"size": 2}, "top high", "6.1", count=6),
    influencers("15.1", "the next two", SCORES, {"from_": 2, "size": 2}, "fifty low", "6.1", count=6),
    influencers(
        "15.1",
        "the next two, as an object",
        SCORES,
        {"page": {"from": 2, "size": 2}},
        "fifty low",
        "6.1",
        count=6,
        only="get_influencers",
    ),
    influencers("15.1", "size 0", SCORES, {"size": 0}, "", "6.3", count=6),
    influencers("15.1", "past the end", SCORES, {"from_": 6}, "", "6.3", count=6),
    influencers(
        "15.1",
        "all of it",
        SCORES,
        {"start": HOUR, "influencer_score": 50, "from_": 1, "size": 1},
        "high",
        "7",
        count=3,
    ),
]

# Alike in score; in time order: the span, the name and the value of each contradict its time.
TIES = {
    "old": influencer(0, "z", influencer_score=50.0, bucket_span=900),
    "new": influencer(HOUR, "y", influencer_score=50.0, bucket_span=60),
    "newest": influencer(2 * HOUR, "x", influencer_score=50.0, bucket_span=30, influencer_field_name="a"),
}
SPANS = {
    "short": influencer(0, "z", bucket_span=60),
    "long": influencer(0, "a", bucket_span=900),
}
NAMES = {
    "airline": influencer(0, "z", influencer_field_name="airline"),
    "host": influencer(0, "a"),
    "none": influencer(0, None, influencer_field_value="a"),
}
VALUES = {
    "b": influencer(0, "b"),
    "none": influencer(0, None, influencer_field_name="host"),
    "a": influencer(0, "a"),
    "empty": influencer(0, ""),
}
ORDER = [
    influencers("15.3", "equal scores: newest first", TIES, {}, "newest new old", "ours: the server leaves it open"),
    influencers("15.3", "ascending: oldest first", TIES, {"desc": False}, "old new newest", "ours"),
    influencers("15.3", "the page is cut after the ties", TIES, {"size": 1}, "newest", "ours", count=3),
    influencers("20.order-of-influencers", "time before span", TIES, {"sort": "job_id"}, "newest new old", "ours"),
    influencers("20.order-of-influencers", "span before name and value", SPANS, {}, "long short", "ours"),
    influencers(
        "20.order-of-influencers", "span, ascending", SPANS, {"desc": False}, "short long", "ours: shorter first"
    ),
    influencers("20.order-of-influencers", "name before value, missing last", NAMES, {}, "host airline none", "ours"),
    influencers(
        "20.order-of-influencers", "name, ascending", NAMES, {"desc": False}, "airline host none", "ours: missing last"
    ),
    influencers("20.order-of-influencers", "value, missing last", VALUES, {}, "b a empty none", "ours"),
    influencers(
        "20.order-of-influencers", "value, ascending", VALUES, {"desc": False}, "empty a b none", "ours: missing last"
    ),
    influencers(
        "20.order-of-influencers",
        "equal probabilities: time, not score",
        {
            "a": influencer(0, "a", probability=0.5, influencer_score=90.0),
            "b": influencer(HOUR, "a", probability=0.5, influencer_score=10.0),
        },
        {"sort": "probability"},
        "b a",
        "ours: the score is no tie-break",
    ),
]

MISSING_LAST = [
    influencers(
        "20.order-of-influencers",
        f"{field} missing is last{', desc' * desc}",
        {
            "n1": influencer(0 * HOUR),
            "high": influencer(1 * HOUR) | {field: high},
            "low": influencer(2 * HOUR) | {field: low},
            "n2": influencer(3 * HOUR) | {field: None},
        },
        {"sort": field, "desc": desc},
        "high low n2 n1" if desc else "low high n1 n2",
        "5.4: also after zero, false and empty text",
    )
    for field, low, high in (
        ("influencer_score", 0.0, 0.5),
        ("initial_influencer_score", 0.0, 0.5),
        ("probability", 0.0, 5e-324),
        ("is_interim", False, True),
        ("influencer_field_name", "", "a"),
        ("influencer_field_value", "", "a"),
    )
    for desc in (False, True)
]

# Every sortable field with an order of its own; where all are alike, time decides.
FIELDS = {
    "a": influencer(
        0 * HOUR,
        "3",
        bucket_span=900,
        influencer_score=2.0,
        initial_influencer_score=30.0,
        probability=0.2,
        is_interim=True,
        influencer_field_name="q",
    ),
    "b": influencer(
        1 * HOUR,
        "1",
        bucket_span=60,
        influencer_score=3.0,
        initial_influencer_score=20.0,
        probability=0.1,
        is_interim=False,
        influencer_field_name="r",
    ),
    "c": influencer(
        2 * HOUR,
        "2",
        bucket_span=300,
        influencer_score=1.0,
        initial_influencer_score=10.0,
        probability=0.3,
        is_interim=False,
        influencer_field_name="p",
    ),
}
ORDERS = (
    ("timestamp", "a b c"),
    ("@timestamp", "a b c"),
    ("influencer_score", "c a b"),
    ("initial_influencer_score", "c b a"),
    ("probability", "b a c"),
    ("bucket_span", "b c a"),
    ("is_interim", "b c a"),
    ("job_id", "a b c"),
    ("result_type", "a b c"),
    ("influencer_field_name", "c a b"),
    ("influencer_field_value", "b c a"),
)
NEVER_IN_INFLUENCERS = (
    "anomaly_score",
    "initial_anomaly_score",
    "event_count",
    "processing_time_ms",
    "scheduled_events",
    "record_score",
    "initial_record_score",
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
)
SORTABLE = [
    influencers(
        "20.sortable-fields",
        f"{field}{', desc' * desc}",
        FIELDS,
        {"sort": field, "desc": desc},
        " ".join(order.split()[::-1]) if desc else order,
        source,
    )
    for field, order, source in (
        *((field, order, "MAP: has doc values") for field, order in ORDERS),
        *((field, "a b c", "mapped, but never in influencers: time order") for field in NEVER_IN_INFLUENCERS),
    )
    for desc in (False, True)
]

TINY = {
    "zero": influencer(0, "a", probability=0.0),
    "small": influencer(1 * HOUR, "a", probability=1e-308),
    "least": influencer(2 * HOUR, "a", probability=5e-324),
    "large": influencer(3 * HOUR, "a", probability=1e-300),
    "none": influencer(4 * HOUR, "a"),
}
PROBABILITIES = [
    influencers(
        "9.12",
        "influencers, most unlikely first",
        TINY,
        {"sort": "probability", "desc": False},
        "zero least small large none",
        "ours: exact doubles",
    ),
    influencers(
        "9.12",
        "influencers, most likely first",
        TINY,
        {"sort": "probability"},
        "large small least zero none",
        "ours: exact doubles",
    ),
]


@each_row(DEFAULTS, AS_BUCKETS, ORDER, MISSING_LAST, SORTABLE, PROBABILITIES)
def test_influencers_are_answered_as_ruled(row: Answered) -> None:
    """get_influencers and an `InfluencerQuery` give the influencers of the row, in its order, and its count."""
    assert_answered(row)


def no_mapping(field: str) -> Refusal:
    """The refusal of a field that the mapping does not hold."""
    return invalid("sort", f"No mapping found for [{field}] in order to sort on", "query_shard_exception")


BAD: Sequence[tuple[str, Mapping[str, Any], Refusal, str, Door | None]] = (
    (
        "a threshold that is no number",
        {"influencer_score": "abc"},
        invalid("influencer_score", 'For input string: "abc"', "number_format_exception"),
        "3.5",
        "get_influencers",
    ),
    ("a threshold that is a bool", {"influencer_score": True}, invalid("influencer_score", ""), "3.5", None),
    ("a flag that is no boolean", {"desc": "yes"}, invalid("desc", "Failed to parse value [yes]"), "4.4", None),
    (
        "a bad date",
        {"end": "soon"},
        invalid("end", "failed to parse date field [soon]", "parse_exception"),
        "1.9",
        None,
    ),
    ("a negative size", {"size": -1}, invalid("size", "Parameter [size] cannot be < 0"), "6.2", None),
    (
        "a size above max_size",
        {"size": 10_001},
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "size", ""),
        "20.from-size",
        None,
    ),
    ("an unknown job", {"job_id": "db"}, unknown_job("db"), "11", "get_influencers"),
    ("an unknown job, question", {"jobs": "db"}, unknown_job("db"), "11", "search"),
)
REFUSED = [
    refused("5.6", "influencers by a data field's own name", SCORES, {"sort": "host"}, no_mapping("host"), "ours"),
    refused("5.6", "influencers by _doc", SCORES, {"sort": "_doc"}, no_mapping("_doc"), "ours"),
    refused("5.6", "influencers by severity", SCORES, {"sort": "severity"}, no_mapping("severity"), "ours: computed"),
    refused(
        "20.which-error-first",
        "influencers: a bad sort, then the unknown job",
        SCORES,
        {"job_id": "db", "sort": "x"},
        no_mapping("x"),
        "ours",
        only="get_influencers",
    ),
    *(
        refused("15.1", claim, SCORES, asked, expected, source, only=only)
        for claim, asked, expected, source, only in BAD
    ),
]


@each_row(REFUSED)
def test_influencers_are_refused_as_ruled(row: Refused) -> None:
    """A question for influencers that cannot be asked is refused with the words of its row."""
    assert_refused(row)


def test_a_question_has_the_defaults_of_the_call() -> None:
    """Rule 15.1: an `InfluencerQuery` of a job alone asks for every influencer, the highest score first."""
    query = InfluencerQuery(jobs=JOB)
    shown = (query.jobs, query.start, query.end, query.influencer_score, query.exclude_interim)
    assert shown == ((JOB,), None, None, 0.0, False)
    assert (query.sort, query.desc, query.from_, query.size) == ("influencer_score", True, 0, 100)
    assert query == InfluencerQuery(jobs=[JOB], end=-1, influencer_score=math.nan)
    assert hash(query) == hash(InfluencerQuery(jobs=JOB))
    assert query.replace(size=5).size == 5


def test_there_is_no_lookup() -> None:
    """Rule 15.1: influencers have no `timestamp` to look one up by, and no threshold or flag of other kinds."""
    invented: tuple[dict[str, Any], ...] = (
        {"timestamp": 0},
        {"anomaly_score": 5},
        {"record_score": 5},
        {"expand": True},
    )
    for keyword in invented:
        with pytest.raises(TypeError):
            InfluencerQuery(jobs=JOB, **keyword)
        with pytest.raises(TypeError):
            index_of([]).get_influencers(job_id=JOB, **keyword)


def test_arrival_plays_no_part() -> None:
    """Section 20, all orders: the same influencers give the same pages in whatever order and batches they came."""
    documents = [
        influencer(0, "b", influencer_score=5.0),
        influencer(0, "a", influencer_score=5.0),
        influencer(0, "a", influencer_field_name="airline", influencer_score=5.0),
        influencer(0, "a", bucket_span=60),
    ]
    answers = set()
    for order in itertools.permutations(documents):
        index = index_of(order[:2])
        index.upsert(order[2:])
        answers.add(
            tuple(
                tuple(index.get_influencers(job_id=JOB, sort=sort, desc=desc).keys())
                for sort in ("influencer_score", "timestamp", "influencer_field_value", "record_score")
                for desc in (False, True)
            )
        )
    assert len(answers) == 1
