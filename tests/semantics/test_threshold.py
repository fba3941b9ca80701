"""Rules 3.1 to 3.5: the threshold `anomaly_score`.

Each row runs for buckets, records and influencers. For the latter two, the threshold is `record_score` or
`influencer_score`.
"""

import math
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery
from support.semantics_tables import (
    JOB,
    Answered,
    Refused,
    assert_answered,
    assert_refused,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    invalid,
    of_every_kind,
)

# One hour apart; "none" has no score.
SCORES = {
    "zero": bucket(0, anomaly_score=0.0),
    "low": bucket(3_600_000, anomaly_score=49.9999),
    "fifty": bucket(7_200_000, anomaly_score=50.0),
    "high": bucket(10_800_000, anomaly_score=75.5),
    "top": bucket(14_400_000, anomaly_score=100.0),
    "none": bucket(18_000_000),
}
ALL = "zero low fifty high top none"
INF = math.inf

# The current score and the initial score disagree.
RENORMALISED = {
    "fell": bucket(0, anomaly_score=10.0, initial_anomaly_score=90.0),
    "rose": bucket(3_600_000, anomaly_score=90.0, initial_anomaly_score=10.0),
    "only_initial": bucket(7_200_000, initial_anomaly_score=90.0),
}
JUST_BELOW_30 = {"below": bucket(0, anomaly_score=29.9999996735), "at": bucket(3_600_000, anomaly_score=30)}
TINY = {
    "zero": bucket(0, anomaly_score=0.0),
    "minus_zero": bucket(3_600_000, anomaly_score=-0.0),
    "least": bucket(7_200_000, anomaly_score=5e-324),
    "negative": bucket(10_800_000, anomaly_score=-5.0),
    "none": bucket(14_400_000),
}
WIDE = {"minus": bucket(0, anomaly_score=-20.0), "over": bucket(3_600_000, anomaly_score=150.0)}
TENTH = {"tenth": bucket(0, anomaly_score=0.1), "single": bucket(3_600_000, anomaly_score=float(np.float32(0.1)))}

EQUALITY = [
    Answered("3.1", "an equal score matches", SCORES, {"anomaly_score": 50.0}, "fifty high top", "RFB: gte"),
    Answered("3.1", "an int is the same number", SCORES, {"anomaly_score": 50}, "fifty high top", "RFB: gte"),
    Answered(
        "3.1",
        "the next double above does not match",
        SCORES,
        {"anomaly_score": math.nextafter(50, INF)},
        "high top",
        "RFB",
    ),
    Answered(
        "3.1",
        "the next double below matches",
        SCORES,
        {"anomaly_score": math.nextafter(50, 0)},
        "fifty high top",
        "RFB",
    ),
    Answered(
        "3.1", "a score just below is not rounded up", JUST_BELOW_30, {"anomaly_score": 30}, "at", "RFB: exact doubles"
    ),
    Answered(
        "3.1",
        "an equal score of many digits matches",
        JUST_BELOW_30,
        {"anomaly_score": 29.9999996735},
        "below at",
        "RFB: exact doubles",
    ),
    Answered(
        "3.1", "the current score decides, not the initial one", RENORMALISED, {"anomaly_score": 50}, "rose", "BQB"
    ),
    Answered(
        "3.1",
        "desc does not reverse the comparison",
        SCORES,
        {"anomaly_score": 50, "desc": True},
        "top high fifty",
        "BQB",
    ),
    Answered(
        "3.1",
        "the sort field does not change the compared score",
        RENORMALISED,
        {"anomaly_score": 5, "sort": "initial_anomaly_score"},
        "rose fell",
        "BQB",
    ),
    Answered("3.1", "with a window", SCORES, {"anomaly_score": 50, "end": 14_400_000}, "fifty high", "RFB"),
    Answered("3.1", "with a page", SCORES, {"anomaly_score": 50, "size": 1}, "fifty", "RFB", count=3),
    Answered("3.1", "a NumPy double", SCORES, {"anomaly_score": np.float64(75.5)}, "high top", "ours: NumPy scalars"),
    Answered("3.1", "a NumPy integer", SCORES, {"anomaly_score": np.int32(50)}, "fifty high top", "ours"),
    Answered("3.1", "a NumPy single is its exact value", TENTH, {"anomaly_score": np.float32(0.1)}, "single", "ours"),
    Answered(
        "3.1", "a tenth", TENTH, {"anomaly_score": 0.1}, "tenth single", "RFB: the single 0.1 is slightly more than 0.1"
    ),
]

NO_FILTER = [
    Answered("3.2", "default", SCORES, {}, ALL, "RFB: 0.0"),
    Answered("3.2", "zero", SCORES, {"anomaly_score": 0}, ALL, "RFB: only if > 0.0"),
    Answered("3.2", "zero as a double", SCORES, {"anomaly_score": 0.0}, ALL, "RFB: only if > 0.0"),
    Answered("3.2", "minus zero", SCORES, {"anomaly_score": -0.0}, ALL, "RFB: only if > 0.0"),
    Answered("3.2", "negative", SCORES, {"anomaly_score": -5}, ALL, "RFB: only if > 0.0"),
    Answered("3.2", "the negative double nearest zero", SCORES, {"anomaly_score": -5e-324}, ALL, "RFB: only if > 0.0"),
    Answered("3.2", "NaN", SCORES, {"anomaly_score": math.nan}, ALL, "RFB: NaN > 0.0 is false"),
    Answered("3.2", "a NumPy NaN", SCORES, {"anomaly_score": np.float32("nan")}, ALL, "RFB: NaN > 0.0 is false"),
    Answered("3.2", "minus infinity", SCORES, {"anomaly_score": -INF}, ALL, "RFB: only if > 0.0"),
    Answered(
        "3.2", "a negative int below all doubles", SCORES, {"anomaly_score": -(10**400)}, ALL, "RFB: only if > 0.0"
    ),
    Answered("3.2", "negative scores match", TINY, {"anomaly_score": 0}, "zero minus_zero least negative none", "RFB"),
    Answered(
        "3.2", "a negative threshold filters nothing", WIDE, {"anomaly_score": -10}, "minus over", "RFB: only if > 0.0"
    ),
    Answered("3.2", "None", SCORES, {"anomaly_score": None}, ALL, "not given", only="get_buckets"),
    Answered("3.2", "the least positive double filters", TINY, {"anomaly_score": 5e-324}, "least", "RFB: > 0.0"),
]

MISSING = [
    Answered(
        "3.3", "a missing score matches no threshold", SCORES, {"anomaly_score": 1e-9}, "low fifty high top", "RFB, BKT"
    ),
    Answered("3.3", "without a threshold a missing score matches", SCORES, {"start": 18_000_000}, "none", "RFB, BKT"),
    Answered(
        "3.3",
        "null is a missing score",
        {"null": bucket(0, anomaly_score=None)},
        {"anomaly_score": 1e-9},
        "",
        "RFB, BKT",
    ),
    Answered(
        "3.3", "without a threshold null matches", {"null": bucket(0, anomaly_score=None)}, {}, "null", "RFB, BKT"
    ),
]

NO_RANGE_CHECK = [
    Answered("3.4", "100 matches exactly 100", SCORES, {"anomaly_score": 100.0}, "top", "REQ, RFB"),
    Answered("3.4", "101 matches nothing", SCORES, {"anomaly_score": 101}, "", "REQ, RFB"),
    Answered("3.4", "a score may be above 100", WIDE, {"anomaly_score": 101}, "over", "ours: no other range check"),
    Answered("3.4", "infinity matches nothing", SCORES, {"anomaly_score": INF}, "", "REQ, RFB"),
    Answered("3.4", "the largest double", SCORES, {"anomaly_score": 1.7976931348623157e308}, "", "REQ, RFB"),
    Answered("3.4", "an int above all doubles", SCORES, {"anomaly_score": 10**400}, "", "REQ, RFB"),
]

TEXT = [
    Answered("3.5", repr(text), SCORES, {"anomaly_score": text}, expected, source, only="get_buckets")
    for text, expected, source in (
        ("50.0", "fifty high top", "YML: text"),
        ("50", "fifty high top", "REST"),
        ("5e1", "fifty high top", "DPD: an exponent"),
        ("5E+1", "fifty high top", "DPD: an exponent"),
        ("500e-1", "fifty high top", "DPD: an exponent"),
        ("+50", "fifty high top", "DPD: a sign"),
        ("50.", "fifty high top", "DPD: no digit after the point"),
        (".5e2", "fifty high top", "DPD: no digit before the point"),
        ("  50 ", "fifty high top", "DPD: blanks are trimmed"),
        ("0050", "fifty high top", "DPD: leading zeros"),
        ("49.9999", "low fifty high top", "exact doubles"),
        ("0", ALL, "3.2"),
        ("-0.0", ALL, "3.2"),
        ("-5", ALL, "3.2"),
        ("NaN", ALL, "3.2"),
        ("-Infinity", ALL, "3.2"),
        ("1e-400", ALL, "too small for a double is 0"),
        ("Infinity", "", "3.4"),
        ("+Infinity", "", "3.4"),
        ("1e400", "", "too large for a double is infinite"),
    )
]

BAD_TEXT = [
    Refused(
        "3.5",
        repr(text),
        SCORES,
        {"anomaly_score": text},
        invalid("anomaly_score", reason, "number_format_exception"),
        source,
        only="get_buckets",
    )
    for text, reason, source in (
        ("abc", 'For input string: "abc"', "REST"),
        ("1_000", 'For input string: "1_000"', "no digit separators"),
        ("1,5", 'For input string: "1,5"', "a decimal point, not a comma"),
        ("nan", 'For input string: "nan"', "NaN is spelled in this case only"),
        ("inf", 'For input string: "inf"', "Infinity is spelled in full"),
        ("infinity", 'For input string: "infinity"', "Infinity is spelled in this case only"),
        ("\uff18\uff10", 'For input string: "\uff18\uff10"', "only ASCII digits"),
        ("0x50", 'For input string: "0x50"', "decimal digits only"),
        ("--5", 'For input string: "--5"', "at most one sign"),
        ("1e", 'For input string: "1e"', "an exponent needs digits"),
        ("e5", 'For input string: "e5"', "an exponent needs a number before it"),
        (".", 'For input string: "."', "at least one digit"),
        ("5 0", 'For input string: "5 0"', "blanks are allowed around a number only"),
        ("true", 'For input string: "true"', "not a number"),
        ("", "", "empty"),
        ("  ", "", "blank"),
    )
]

WRONG_TYPE = [
    Refused(
        "3.5",
        f"{door} {value!r}",
        SCORES,
        {"anomaly_score": value},
        invalid("anomaly_score", ""),
        "not a number",
        only=door,
    )
    for door in ("get_buckets", "search")
    for value in (True, False, [50], {"gte": 50}, b"50", 50j)
] + [
    Refused(
        "3.5",
        f"query {text!r}",
        SCORES,
        {"anomaly_score": text},
        invalid("anomaly_score", ""),
        "strict",
        only="search",
    )
    for text in ("50", "50.0", "NaN")
]


@each_row(of_every_kind(EQUALITY, NO_FILTER, MISSING, NO_RANGE_CHECK, TEXT))
def test_threshold_selects_the_expected_results(row: Answered) -> None:
    """A threshold selects the results of the row."""
    assert_answered(row)


@each_row(of_every_kind(BAD_TEXT, WRONG_TYPE))
def test_threshold_that_is_not_a_number_is_refused(row: Refused) -> None:
    """A threshold that is not a number raises the error of the row."""
    assert_refused(row)


def test_missing_score_is_shown_as_zero() -> None:
    """Rule 3.3: a bucket without a score shows 0.0, although it matches no threshold."""
    page = index_of([SCORES["none"]]).get_buckets(job_id=JOB)
    assert_same_body(page.to_dict()["buckets"][0]["anomaly_score"], 0.0)


@pytest.mark.parametrize(
    ("given", "stored"),
    [(math.nan, 0.0), (50, 50.0), (np.float64(75.5), 75.5), (-5, -5.0)],
    ids=["3.2 NaN is 0.0", "3.1 int", "3.1 NumPy double", "3.2 negative"],
)
def test_prepared_query_shows_its_threshold(given: Any, stored: float) -> None:
    """A query stores its threshold as a float, and NaN as 0.0, so queries with the same meaning are equal."""
    query = BucketQuery(jobs=JOB, anomaly_score=given)
    assert query.anomaly_score == stored
    assert query == BucketQuery(jobs=JOB, anomaly_score=stored)
    assert hash(query) == hash(BucketQuery(jobs=JOB, anomaly_score=stored))
