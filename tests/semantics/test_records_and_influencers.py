"""Rule 15.1: get_records and get_influencers take the parameters of get_buckets, and sort by score, highest first.

The tables of windows, thresholds, interim results, counts and pages already run for every kind in time order. The rows
here use each parameter in the default order of records and influencers.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery import InfluencerQuery, Kind, LimitExceeded, RecordQuery
from support.semantics_tables import (
    BY_SCORE,
    CALLS,
    JOB,
    QUERIES,
    SCORES,
    Answered,
    Documents,
    Refusal,
    Refused,
    as_kind,
    assert_answered,
    assert_refused,
    bucket,
    documents_of,
    each_row,
    index_of,
    influencer,
    invalid,
    no_mapping,
    record,
    unknown_job,
)

HOUR = 3_600_000

# Documents are written as buckets; `as_kind` turns them into results of the kind. One hour apart; "none" has no score.
GIVEN = {
    "zero": bucket(0 * HOUR, anomaly_score=0.0),
    "low": bucket(1 * HOUR, anomaly_score=49.9999),
    "fifty": bucket(2 * HOUR, anomaly_score=50.0),
    "high": bucket(3 * HOUR, anomaly_score=75.5),
    "top": bucket(4 * HOUR, anomaly_score=100.0),
    "none": bucket(5 * HOUR),
}
ALL = "top high fifty low zero none"
RENORMALISED = {
    "fell": bucket(0, anomaly_score=10.0, initial_anomaly_score=90.0),
    "rose": bucket(HOUR, anomaly_score=90.0, initial_anomaly_score=10.0),
}
INTERIM = {
    "final": bucket(0 * HOUR, is_interim=False, anomaly_score=10.0),
    "live": bucket(1 * HOUR, is_interim=True, anomaly_score=90.0),
    "absent": bucket(2 * HOUR, anomaly_score=50.0),
    "null": bucket(3 * HOUR, is_interim=None, anomaly_score=20.0),
}
BLAMED = [{"influencer_field_name": "host"}]
EVERY_KIND: Mapping[Kind, Documents] = {
    "record": {
        "bucket": bucket(0, anomaly_score=99.0),
        "record": record(0, record_score=5.0),
        "influencer": influencer(0, "a", influencer_score=99.0),
    },
    "influencer": {
        "bucket": bucket(0, anomaly_score=99.0, bucket_influencers=BLAMED),
        "record": record(0, record_score=99.0, influencers=BLAMED),
        "influencer": influencer(0, "a", influencer_score=5.0),
    },
}


def each(*rows: Answered) -> list[Answered]:
    """These rows, once about records and once about influencers."""
    return [as_kind(row, kind) for kind in BY_SCORE for row in rows]


def keywords(claim: str, asked: Mapping[str, Any], expected: str, source: str, count: int | None = None) -> Answered:
    """A row about the documents of GIVEN, with parameters that only the call with keywords accepts."""
    return Answered("15.1", claim, GIVEN, asked, expected, source, count=count, only="get_buckets")


def defaults(kind: Kind, source: str) -> list[Answered]:
    """The rows about the default order of a kind; `source` is the class of the server that defines it."""
    rows = [
        Answered("15.1", "default: the highest score first, missing last", GIVEN, {}, ALL, source),
        Answered("15.1", "desc False", GIVEN, {"desc": False}, "zero low fifty high top none", source),
        Answered(
            "15.1",
            "desc stays True with the score by name",
            GIVEN,
            {"sort": "anomaly_score"},
            ALL,
            f"{source}: desc stays true",
        ),
        Answered(
            "15.1",
            "desc stays True with another field",
            GIVEN,
            {"sort": "timestamp"},
            "none top high fifty low zero",
            f"{source}: desc",
        ),
        Answered(
            "15.1",
            "ascending time order must be asked for",
            GIVEN,
            {"sort": "timestamp", "desc": False},
            "zero low fifty high top none",
            source,
        ),
        keywords("None is not given", {"sort": None, "desc": None}, ALL, "ours"),
    ]
    return [as_kind(row, kind) for row in rows] + [
        Answered(
            "15.1",
            f"{kind}: no other kind",
            EVERY_KIND[kind],
            {},
            kind,
            f"{source}: of this result_type",
            of=kind,
        ),
        Answered(
            "15.1",
            f"{kind}: a known job without results of the kind",
            {"b": bucket(0)},
            {},
            "",
            "ours: an empty page",
            of=kind,
        ),
    ]


DEFAULTS = [*defaults("record", "RQB"), *defaults("influencer", "JRP")]

WINDOW = each(
    Answered("15.1", "start is included", GIVEN, {"start": 3 * HOUR}, "top high none", "1.1"),
    Answered("15.1", "end is excluded", GIVEN, {"end": 2 * HOUR}, "low zero", "1.1"),
    Answered("15.1", "start and end", GIVEN, {"start": 1 * HOUR, "end": 4 * HOUR}, "high fifty low", "1.1"),
    Answered("15.1", "-1 is unset", GIVEN, {"start": -1, "end": "-1"}, ALL, "1.5"),
    Answered("15.1", "-1 is unset, the other way round", GIVEN, {"start": "-1", "end": -1}, ALL, "1.5"),
    Answered("15.1", "a reversed window", GIVEN, {"start": 4 * HOUR, "end": HOUR}, "", "1.3"),
    Answered("15.1", "an empty window", GIVEN, {"start": HOUR, "end": HOUR}, "", "1.3"),
    Answered(
        "15.1",
        "date math on now",
        GIVEN,
        {"start": "now-1h", "end": "now+1h", "now": "1970-01-01T03:30Z"},
        "top high",
        "20.now",
    ),
    Answered(
        "15.1",
        "date math that rounds now",
        GIVEN,
        {"start": "now/h", "end": "now/h+2h", "now": "1970-01-01T03:30Z"},
        "top high",
        "20.now",
    ),
)

THRESHOLD = each(
    Answered("15.1", "an equal score matches", GIVEN, {"anomaly_score": 50}, "top high fifty", "3.1"),
    Answered(
        "15.1",
        "the next double above does not match",
        GIVEN,
        {"anomaly_score": math.nextafter(50, math.inf)},
        "top high",
        "3.1",
    ),
    Answered("15.1", "the current score decides", RENORMALISED, {"anomaly_score": 50}, "rose", "3.1"),
    Answered("15.1", "a missing score is below", GIVEN, {"anomaly_score": 5e-324}, "top high fifty low", "3.3"),
    Answered("15.1", "zero filters nothing", GIVEN, {"anomaly_score": 0}, ALL, "3.2"),
    Answered("15.1", "a negative threshold filters nothing", GIVEN, {"anomaly_score": -5.0}, ALL, "3.2"),
    Answered("15.1", "NaN filters nothing", GIVEN, {"anomaly_score": math.nan}, ALL, "3.2"),
    Answered("15.1", "101 matches nothing", GIVEN, {"anomaly_score": 101}, "", "3.4"),
    Answered("15.1", "infinity matches nothing", GIVEN, {"anomaly_score": math.inf}, "", "3.4"),
    Answered("15.1", "a NumPy number", GIVEN, {"anomaly_score": np.float32(75.5)}, "top high", "3.5"),
    keywords("text", {"anomaly_score": "75.50"}, "top high", "3.5"),
    keywords("text with an exponent", {"anomaly_score": "7.55e1"}, "top high", "3.5"),
)

BOOLEANS = each(
    Answered(
        "15.1",
        "a result without is_interim is final",
        INTERIM,
        {"exclude_interim": True},
        "absent null final",
        "4.2",
    ),
    Answered(
        "15.1",
        "exclude_interim as text",
        INTERIM,
        {"exclude_interim": "true"},
        "absent null final",
        "4.4",
        only="get_buckets",
    ),
    Answered(
        "15.1",
        "exclude_interim and desc as text",
        INTERIM,
        {"exclude_interim": "true", "desc": "false"},
        "final null absent",
        "4.4",
        only="get_buckets",
    ),
)

PAGES = each(
    Answered("15.1", "the first two", GIVEN, {"size": 2}, "top high", "6.1", count=6),
    Answered("15.1", "the next two", GIVEN, {"from_": 2, "size": 2}, "fifty low", "6.1", count=6),
    keywords("the next two, as an object", {"page": {"from": 2, "size": 2}}, "fifty low", "6.1", count=6),
    Answered("15.1", "from without size", GIVEN, {"from_": 4}, "zero none", "6.1", count=6),
    Answered("15.1", "size 0", GIVEN, {"size": 0}, "", "6.3", count=6),
    Answered("15.1", "from at the end", GIVEN, {"from_": 6}, "", "6.3", count=6),
    Answered("15.1", "from far past the end", GIVEN, {"from_": 10**20}, "", "6.3", count=6),
    Answered(
        "15.1",
        "window, threshold and page together",
        GIVEN,
        {"start": HOUR, "anomaly_score": 50, "from_": 1, "size": 1},
        "high",
        "7",
        count=3,
    ),
)


@each_row(DEFAULTS, WINDOW, THRESHOLD, BOOLEANS, PAGES)
def test_records_and_influencers_take_the_parameters_of_buckets(row: Answered) -> None:
    """The call and the query of a kind give the results of the row, the highest score first."""
    assert_answered(row)


def refused(claim: str, asked: Mapping[str, Any], expected: Refusal, source: str, *, only: Any = None) -> list[Refused]:
    """A row of rule 15.1, once about records and once about influencers."""
    return [as_kind(Refused("15.1", claim, GIVEN, asked, expected, source, only=only), kind) for kind in BY_SCORE]


BAD_PARAMETERS = [
    *refused(
        "a threshold that is not a number",
        {"anomaly_score": "abc"},
        invalid("anomaly_score", 'For input string: "abc"', "number_format_exception"),
        "3.5",
        only="get_buckets",
    ),
    *refused(
        "a threshold as text in a query", {"anomaly_score": "50"}, invalid("anomaly_score", ""), "3.5", only="search"
    ),
    *refused("a threshold that is a bool", {"anomaly_score": True}, invalid("anomaly_score", ""), "3.5"),
    *refused(
        "exclude_interim that is not a boolean",
        {"exclude_interim": "yes"},
        invalid("exclude_interim", "Failed to parse value [yes]"),
        "4.4",
    ),
    *refused("desc that is not a boolean", {"desc": "yes"}, invalid("desc", "Failed to parse value [yes]"), "4.4"),
    *refused(
        "a bad start",
        {"start": "soon"},
        invalid("start", "failed to parse date field [soon]", "parse_exception"),
        "1.9",
    ),
    *refused(
        "a bad end", {"end": "soon"}, invalid("end", "failed to parse date field [soon]", "parse_exception"), "1.9"
    ),
    *refused("an empty date", {"end": ""}, invalid("end", "cannot parse empty datetime", "parse_exception"), "1.9"),
    *refused("a negative size", {"size": -1}, invalid("size", "Parameter [size] cannot be < 0"), "6.2"),
    *refused("a negative from", {"from_": -1}, invalid("from_", "Parameter [from] cannot be < 0"), "6.2"),
    *refused(
        "a size that is not an integer",
        {"size": "5"},
        invalid("size", "Failed to parse int parameter [size] with value [5]"),
        "6.2",
    ),
    *refused(
        "page and size", {"page": {"size": 1}, "size": 1}, invalid("page|page.size|size", ""), "6.1", only="get_buckets"
    ),
    *refused(
        "a size above max_size",
        {"size": 10_001},
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "size", ""),
        "20.from-size",
    ),
]
JOBS = [
    *refused("an unknown job", {"job_id": "db"}, unknown_job("db"), "11", only="get_buckets"),
    *refused("a pattern", {"job_id": "w*"}, unknown_job("w*"), "11", only="get_buckets"),
    *refused("an unknown job in a query", {"jobs": "db"}, unknown_job("db"), "11", only="search"),
    *refused("two jobs, one unknown", {"jobs": ["web", "db"]}, unknown_job("db"), "20.jobs", only="search"),
]
SORTS = [
    Refused(
        "15.1",
        f"{kind}: a sort that is not text",
        documents_of(kind, GIVEN),
        {"sort": [SCORES[kind]]},
        invalid("sort", ""),
        "5.7",
        of=kind,
    )
    for kind in BY_SCORE
] + [
    Refused(
        "20.which-error-first",
        f"{kind}: a bad sort, then the unknown job",
        documents_of(kind, GIVEN),
        {"job_id": "db", "sort": "x"},
        no_mapping("x"),
        "ours",
        only=CALLS[kind],
        of=kind,
    )
    for kind in BY_SCORE
]


@each_row(BAD_PARAMETERS, JOBS, SORTS)
def test_bad_parameters_of_records_and_influencers_are_refused(row: Refused) -> None:
    """A bad parameter of a search for records or influencers raises the error of the row."""
    assert_refused(row)


@pytest.mark.parametrize("kind", BY_SCORE)
def test_query_has_the_defaults_of_the_call(kind: Kind) -> None:
    """Rule 15.1: a query with only a job matches every result of the kind, the highest score first."""
    query_class, score = QUERIES[kind], SCORES[kind]
    query: Any = query_class(jobs=JOB)
    shown = (query.jobs, query.start, query.end, getattr(query, score), query.exclude_interim)
    assert shown == ((JOB,), None, None, 0.0, False)
    assert (query.sort, query.desc, query.from_, query.size) == (score, True, 0, 100)
    for same in ({"start": -1}, {"end": -1}):
        given: dict[str, Any] = {**same, score: math.nan}
        assert query == query_class(jobs=[JOB], **given)
    assert hash(query) == hash(query_class(jobs=JOB))
    assert (query.replace(size=5).size, query.replace(desc=False).desc) == (5, False)


#: Keywords of other kinds, or of no kind.
INVENTED: Mapping[Kind, Sequence[Mapping[str, Any]]] = {
    "record": ({"timestamp": 0}, {"anomaly_score": 5}, {"influencer_score": 5}, {"expand": True}),
    "influencer": ({"timestamp": 0}, {"anomaly_score": 5}, {"record_score": 5}, {"expand": True}),
}


@pytest.mark.parametrize("kind", BY_SCORE)
def test_there_is_no_lookup(kind: Kind) -> None:
    """Rule 15.1: `timestamp`, `expand` and the threshold of another kind are unknown keywords and raise TypeError."""
    query_class: Any = RecordQuery if kind == "record" else InfluencerQuery
    for keyword in INVENTED[kind]:
        with pytest.raises(TypeError):
            query_class(jobs=JOB, **keyword)
        with pytest.raises(TypeError):
            getattr(index_of([]), CALLS[kind])(job_id=JOB, **keyword)
