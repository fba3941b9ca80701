"""Rules 4.1 to 4.4: `exclude_interim`, and how a boolean may be written.

Each row runs for buckets, records and influencers, except rows about `expand`, which only buckets have.
"""

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
    of_every_kind,
)

MIXED = {
    "final": bucket(0, is_interim=False, anomaly_score=10.0),
    "interim": bucket(3_600_000, is_interim=True, anomaly_score=90.0),
    "absent": bucket(7_200_000, anomaly_score=50.0),
    "null": bucket(10_800_000, is_interim=None, anomaly_score=20.0),
    "live": bucket(14_400_000, is_interim=True),
}
ALL = "final interim absent null live"
FINAL = "final absent null"
LIVE = {name: MIXED[name] for name in ("interim", "live")}
SAME_TIME = {
    "short": bucket(0, bucket_span=60, is_interim=True),
    "long": bucket(0, bucket_span=3_600, is_interim=False),
}

INTERIM = [
    Answered("4.1", "default: both", MIXED, {}, ALL, "REQ, YML"),
    Answered("4.1", "False: both", MIXED, {"exclude_interim": False}, ALL, "REQ, YML"),
    Answered(
        "4.2", "True: final results only", MIXED, {"exclude_interim": True}, FINAL, "RFB: missing and null are final"
    ),
    Answered("4.2", "only interim results are stored", LIVE, {"exclude_interim": True}, "", "RFB"),
    Answered("4.2", "desc", MIXED, {"exclude_interim": True, "desc": True}, "null absent final", "RFB"),
    Answered("4.2", "with a threshold", MIXED, {"exclude_interim": True, "anomaly_score": 20}, "absent null", "RFB"),
    Answered("4.2", "with a window", MIXED, {"exclude_interim": True, "start": 1, "end": 10_800_000}, "absent", "RFB"),
    Answered(
        "4.2",
        "the filter applies before paging",
        MIXED,
        {"exclude_interim": True, "from_": 1, "size": 1},
        "absent",
        "RFB: a filter",
        count=3,
    ),
    Answered(
        "4.2",
        "with another order",
        MIXED,
        {"exclude_interim": True, "sort": "anomaly_score", "desc": True},
        "absent null final",
        "RFB",
    ),
    Answered("4.2", "one of two results at the same instant", SAME_TIME, {"exclude_interim": True}, "long", "RFB"),
    Answered("4.3", "True does not select only interim results", MIXED, {"exclude_interim": True}, FINAL, "REQ"),
    Answered("4.3", "False does not select only interim results", MIXED, {"exclude_interim": False}, ALL, "REQ"),
]

SPELLINGS = [
    Answered("4.4", "text true", MIXED, {"exclude_interim": "true"}, FINAL, "OP, RR", only="get_buckets"),
    Answered("4.4", "text false", MIXED, {"exclude_interim": "false"}, ALL, "OP, RR", only="get_buckets"),
    Answered("4.4", "None is not given", MIXED, {"exclude_interim": None}, ALL, "ours", only="get_buckets"),
    Answered("4.4", "desc text true", LIVE, {"desc": "true"}, "live interim", "OP, RR", only="get_buckets"),
    Answered("4.4", "desc text false", LIVE, {"desc": "false"}, "interim live", "OP, RR", only="get_buckets"),
]
# For the other kinds the default of `desc` is True: rule 15.1.
DEFAULT_DESC = [
    Answered("4.4", "desc None is not given", LIVE, {"desc": None}, "interim live", "ours", only="get_buckets"),
]


def no_boolean(field: str, value: object) -> Refused:
    """A row about a value that is not a boolean, which both a call and a query refuse."""
    expected = invalid(field, f"Failed to parse value [{value}] as only [true] or [false] are allowed.")
    return Refused("4.4", f"{field} {value!r}", MIXED, {field: value}, expected, "OP, RR")


def text_in_a_query(field: str, value: str) -> Refused:
    """A row about a boolean as text, which a call accepts and a query refuses."""
    expected = invalid(field, "as only [true] or [false] are allowed.")
    return Refused(
        "4.4", f"query {field} {value!r}", MIXED, {field: value}, expected, "ours: a query is strict", only="search"
    )


NO_BOOLEANS = ("True", "TRUE", "yes", "on", "1", "", " true", 1, 0, 1.0)
WRONG = [no_boolean(field, value) for field in ("exclude_interim", "desc") for value in NO_BOOLEANS]
WRONG += [text_in_a_query(field, value) for field in ("exclude_interim", "desc") for value in ("true", "false")]
WRONG_EXPAND = [no_boolean("expand", value) for value in NO_BOOLEANS]
WRONG_EXPAND += [text_in_a_query("expand", value) for value in ("true", "false")]


@each_row(of_every_kind(INTERIM, SPELLINGS), DEFAULT_DESC)
def test_exclude_interim_selects_the_expected_results(row: Answered) -> None:
    """The page includes or excludes interim results as the row says."""
    assert_answered(row)


@each_row(of_every_kind(WRONG), WRONG_EXPAND)
def test_value_that_is_not_a_boolean_is_refused(row: Refused) -> None:
    """A value other than true and false is refused in the server's words, for every boolean parameter."""
    assert_refused(row)


def test_there_is_no_interim_only_parameter() -> None:
    """Rule 4.3: no parameter selects only interim buckets; an unknown keyword raises TypeError."""
    invented: dict[str, Any] = {"only_interim": True}
    with pytest.raises(TypeError):
        BucketQuery(jobs=JOB, **invented)
    with pytest.raises(TypeError):
        index_of([]).get_buckets(job_id=JOB, **invented)
