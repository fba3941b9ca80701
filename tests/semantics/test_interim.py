"""Rules 4.1 to 4.4: `exclude_interim`, and how a boolean may be written."""

from typing import Any

import pytest

from bucketquery import BucketQuery
from support.semantics_tables import (
    JOB,
    Answered,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    each_row,
    index_of,
    invalid,
)

MIXED = {
    "final": bucket(0, is_interim=False, anomaly_score=10.0),
    "interim": bucket(3_600_000, is_interim=True, anomaly_score=90.0),
    "unsaid": bucket(7_200_000, anomaly_score=50.0),
    "null": bucket(10_800_000, is_interim=None, anomaly_score=20.0),
    "live": bucket(14_400_000, is_interim=True),
}
ALL = "final interim unsaid null live"
FINAL = "final unsaid null"
LIVE = {name: MIXED[name] for name in ("interim", "live")}
SAME_TIME = {
    "short": bucket(0, bucket_span=60, is_interim=True),
    "long": bucket(0, bucket_span=3_600, is_interim=False),
}

INTERIM = [
    Answered("4.1", "default: both", MIXED, {}, ALL, "REQ, YML"),
    Answered("4.1", "False: both", MIXED, {"exclude_interim": False}, ALL, "REQ, YML"),
    Answered("4.2", "True: final ones", MIXED, {"exclude_interim": True}, FINAL, "RFB: missing and null are final"),
    Answered("4.2", "nothing but interim", LIVE, {"exclude_interim": True}, "", "RFB"),
    Answered("4.2", "desc", MIXED, {"exclude_interim": True, "desc": True}, "null unsaid final", "RFB"),
    Answered("4.2", "with a threshold", MIXED, {"exclude_interim": True, "anomaly_score": 20}, "unsaid null", "RFB"),
    Answered("4.2", "with a window", MIXED, {"exclude_interim": True, "start": 1, "end": 10_800_000}, "unsaid", "RFB"),
    Answered(
        "4.2",
        "before the page is cut",
        MIXED,
        {"exclude_interim": True, "from_": 1, "size": 1},
        "unsaid",
        "RFB: a filter",
        count=3,
    ),
    Answered(
        "4.2",
        "with another order",
        MIXED,
        {"exclude_interim": True, "sort": "anomaly_score", "desc": True},
        "unsaid null final",
        "RFB",
    ),
    Answered("4.2", "one of two at one instant", SAME_TIME, {"exclude_interim": True}, "long", "RFB"),
    Answered("4.3", "no mode gives interim only: True", MIXED, {"exclude_interim": True}, FINAL, "REQ"),
    Answered("4.3", "no mode gives interim only: False", MIXED, {"exclude_interim": False}, ALL, "REQ"),
]

SPELLINGS = [
    Answered("4.4", "text true", MIXED, {"exclude_interim": "true"}, FINAL, "OP, RR", only="get_buckets"),
    Answered("4.4", "text false", MIXED, {"exclude_interim": "false"}, ALL, "OP, RR", only="get_buckets"),
    Answered("4.4", "None is not given", MIXED, {"exclude_interim": None}, ALL, "ours", only="get_buckets"),
    Answered("4.4", "desc text true", LIVE, {"desc": "true"}, "live interim", "OP, RR", only="get_buckets"),
    Answered("4.4", "desc text false", LIVE, {"desc": "false"}, "interim live", "OP, RR", only="get_buckets"),
    Answered("4.4", "desc None is not given", LIVE, {"desc": None}, "interim live", "ours", only="get_buckets"),
]

NO_BOOLEAN = [
    Refused(
        "4.4",
        f"{field} {value!r}",
        MIXED,
        {field: value},
        invalid(field, f"Failed to parse value [{value}] as only [true] or [false] are allowed."),
        "OP, RR",
    )
    for field in ("exclude_interim", "desc", "expand")
    for value in ("True", "TRUE", "yes", "on", "1", "", " true", 1, 0, 1.0)
]

STRICT = [
    Refused(
        "4.4",
        f"question {field} {value!r}",
        MIXED,
        {field: value},
        invalid(field, "as only [true] or [false] are allowed."),
        "ours: a question is strict",
        only="search",
    )
    for field in ("exclude_interim", "desc", "expand")
    for value in ("true", "false")
]


@each_row(INTERIM, SPELLINGS)
def test_interim_is_answered_as_ruled(row: Answered) -> None:
    """Interim buckets are returned, or not, as the row says."""
    assert_answered(row)


@each_row(NO_BOOLEAN, STRICT)
def test_value_that_is_no_boolean_is_refused(row: Refused) -> None:
    """What is neither true nor false is refused with the server's words, whatever the parameter."""
    assert_refused(row)


def test_there_is_no_interim_only_parameter() -> None:
    """Rule 4.3: no parameter asks for interim buckets alone; an invented one is a TypeError."""
    invented: dict[str, Any] = {"only_interim": True}
    with pytest.raises(TypeError):
        BucketQuery(jobs=JOB, **invented)
    with pytest.raises(TypeError):
        index_of([]).get_buckets(job_id=JOB, **invented)
