"""Rules 20.score-bands, 20.severity-counts and 20.threshold-counts: an upper bound of scores, and counts by score."""

import math
import pickle
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from bucketquery import BucketQuery, InvalidCursor, InvalidQuery, Kind, LimitExceeded, ResultsIndex, UnknownJob
from support.living import delete, renormalize, upsert
from support.living_tables import Fed, Walked, assert_fed, assert_walked
from support.semantics_tables import (
    JOB,
    QUERIES,
    SCORES,
    Answered,
    Documents,
    Query,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    documents_of,
    each_row,
    index_of,
    invalid,
    of_every_kind,
    unknown_job,
)

HOUR = 3_600_000
INF = math.inf

# One hour apart; "none" has no score.
GIVEN = {
    "minus": bucket(0, anomaly_score=-5.0),
    "zero": bucket(HOUR, anomaly_score=0.0),
    "low": bucket(2 * HOUR, anomaly_score=24.999),
    "edge": bucket(3 * HOUR, anomaly_score=25.0),
    "interim": bucket(4 * HOUR, anomaly_score=30.0, is_interim=True),
    "fifty": bucket(5 * HOUR, anomaly_score=50.0),
    "top": bucket(6 * HOUR, anomaly_score=100.0),
    "none": bucket(7 * HOUR),
}
BEYOND = {"over": bucket(0, anomaly_score=150.0), "infinite": bucket(HOUR, anomaly_score=1e308)}


def band(claim: str, low: Any, high: Any, expected: str, given: Documents = GIVEN, **asked: Any) -> Answered:
    """A row about a band in a query value."""
    count = asked.pop("count", None)
    return Answered(
        "20.score-bands",
        claim,
        given,
        {"anomaly_score": (low, high), **asked},
        expected,
        "ours",
        only="search",
        count=count,
    )


BANDS = [
    band("has its low end and not its high end", 25, 50, "edge interim"),
    band("one double more has the high end", 25, math.nextafter(50, INF), "edge interim fifty"),
    band("one double less does not have the low end", math.nextafter(25, INF), 50, "interim"),
    band("from 0 on leaves out missing and negative scores", 0, 25, "zero low"),
    band("minus zero is zero", -0.0, 25, "zero low"),
    band("from below 0 on has negative scores and no missing ones", -10, 25, "minus zero low"),
    band("without a low end has no missing score", -INF, 25, "minus zero low"),
    band("with an infinite high end", 50, INF, "fifty top"),
    band("from minus infinity to infinity has every score", -INF, INF, "minus zero low edge interim fifty top"),
    band("above 100", 101, INF, "over infinite", BEYOND),
    band("an integer beyond all doubles is infinite", 50, 10**400, "fifty top"),
    band("a negative integer beyond all doubles", -(10**400), 0, "minus"),
    band("no score is in it", 60, 70, ""),
    band("below every score", -20, -5, ""),
    band("NumPy numbers", np.float32(25), np.int64(50), "edge interim"),
    band("with a window", 0, 101, "low edge interim", start=2 * HOUR, end=5 * HOUR),
    band("with interim buckets left out", 25, 51, "edge fifty", exclude_interim=True),
    band("with a page", 0, 101, "low", from_=1, size=1, count=6),
    band("size 0", 25, 50, "", size=0, count=2),
    band("by score, highest first", 0, 50, "interim edge low zero", sort="anomaly_score", desc=True),
    band("by score, lowest first", 0, 50, "zero low edge interim", sort="anomaly_score"),
    band("by score, a page", 0, 101, "fifty interim", sort="anomaly_score", desc=True, from_=1, size=2, count=6),
    band("in reverse time order", 0, 30, "edge low zero", desc=True),
    band("by another field", 25, 101, "edge interim fifty top", sort="event_count"),
]


@each_row(of_every_kind(BANDS))
def test_a_band_has_its_low_end_and_not_its_high_end(row: Answered) -> None:
    """A result matches if its score is at least the low end and less than the high end."""
    assert_answered(row)


class Pair(NamedTuple):
    """A tuple of another class."""

    low: Any
    high: Any


def with_score(kind: Kind, given: Any) -> Query:
    """A query of a kind with this threshold or band."""
    parameters: dict[str, Any] = {SCORES[kind]: given}
    return QUERIES[kind](jobs=JOB, **parameters)


@pytest.mark.parametrize("kind", QUERIES)
def test_the_attribute_is_a_pair_of_floats(kind: Kind) -> None:
    """Lists and tuples become a tuple of two floats; equal bands make equal queries, which can be copied."""
    name = SCORES[kind]
    queries = [with_score(kind, given) for given in ((25, 50), [25.0, 50.0], Pair(25, np.int32(50)))]
    for query in queries:
        assert getattr(query, name) == (25.0, 50.0)
        assert [type(end) for end in getattr(query, name)] == [float, float]
        assert query == queries[0]
        assert hash(query) == hash(queries[0])
        assert f"{name}=(25.0, 50.0)" in repr(query)
        assert eval(repr(query), {type(query).__name__: type(query)}) == query  # noqa: S307 - our own text
        assert pickle.loads(pickle.dumps(query)) == deepcopy(query) == query.replace() == query
        assert query.replace(**{name: 25}) != query
    assert with_score(kind, (-0.0, 50)) == with_score(kind, (0.0, 50))


NO_BAND = "(low, high)"


class Odd(list[float]):
    """A list that would iterate differently from what it holds."""

    def __iter__(self) -> Iterator[float]:
        return iter((25.0, 50.0))

    def __len__(self) -> int:
        return 2


def refused(claim: str, given: Any, reason: str) -> Refused:
    """A row about a value that is no band."""
    expected = invalid("anomaly_score", reason)
    return Refused("20.score-bands", claim, {}, {"anomaly_score": given}, expected, "ours", only="search")


REFUSED = [
    refused("no number", (), NO_BAND),
    refused("one number", (25,), NO_BAND),
    refused("three numbers", (0, 25, 50), NO_BAND),
    refused("very many numbers", [0] * 100_000, NO_BAND),
    refused("an empty list that says it has two", Odd(), NO_BAND),
    refused("equal ends", (25, 25), "low < high"),
    refused("reversed ends", [50, 25], "low < high"),
    refused("minus zero and zero are equal", (-0.0, 0.0), "low < high"),
    refused("infinity has nothing above it", (INF, INF), "low < high"),
    refused("the low end is NaN", (math.nan, 50), "NaN"),
    refused("the high end is NaN", (25, math.nan), "NaN"),
    refused("a bool", (True, 50), "must be a number"),
    refused("text", ("25", "50"), "must be a number"),
    refused("None", (25, None), "must be a number"),
    refused("a pair in a pair", ((25, 30), 50), "must be a number"),
    refused("a set", {25, 50}, "must be a number"),
    refused("a mapping", {25: 50}, "must be a number"),
    refused("an array", np.array([25.0, 50.0]), "must be a number"),
    refused("a generator", (end for end in (25, 50)), "must be a number"),
    refused("a range", range(25, 75, 25), "must be a number"),
    refused("bytes", b"ab", "must be a number"),
]


@each_row(of_every_kind(REFUSED))
def test_no_other_pair_is_a_band(row: Refused) -> None:
    """A band is a tuple or a list of two numbers, the lower one first; NaN is refused."""
    assert_refused(row)


@pytest.mark.parametrize(("call", "kind"), [("get_buckets", "bucket"), ("get_records", "record")])
def test_the_client_keywords_take_no_band(call: str, kind: Kind) -> None:
    """`get_buckets` refuses a pair as it refuses any value that is not a number."""
    with pytest.raises(InvalidQuery, match="must be a number, not tuple") as caught:
        getattr(index_of(()), call)(job_id=JOB, **{SCORES[kind]: (25, 50)})
    assert caught.value.field == SCORES[kind]


def test_a_lookup_takes_no_band() -> None:
    """A band is incompatible with `timestamp`, as a threshold is."""
    with pytest.raises(InvalidQuery, match="incompatible") as caught:
        BucketQuery(jobs=JOB, timestamp=0, anomaly_score=(0, 50))
    assert caught.value.field == "anomaly_score"


def fed(claim: str, writes: Sequence[Any], *expected: str, asked: Any = (25, 50)) -> Fed:
    """A row about the feed of a band."""
    return Fed("20.score-bands", claim, writes, {"anomaly_score": asked}, 0, expected, "ours")


def scored(score: float | None) -> dict[str, Any]:
    """A bucket with a score, or without one."""
    return bucket(0, **({} if score is None else {"anomaly_score": score}))


FEEDS = [
    fed("a new result in the band", [upsert(scored(25))], "1 inserted entered: bucket 0, nothing -> 25"),
    fed("a new result above it", [upsert(scored(50))]),
    fed("a new result without a score", [upsert(scored(None))], asked=(-INF, INF)),
    fed(
        "it leaves upwards",
        [upsert(scored(30)), upsert(scored(50))],
        "1 inserted entered: bucket 0, nothing -> 30",
        "2 replaced left: bucket 0, 30 -> 50",
    ),
    fed(
        "it comes back from above",
        [upsert(scored(90)), renormalize(buckets=[{"timestamp": 0, "bucket_span": 3600, "anomaly_score": 49}])],
        "2 renormalised entered: bucket 0, 90 -> 49",
    ),
    fed("it passes the band", [upsert(scored(10)), upsert(scored(90))]),
    fed(
        "it stays",
        [upsert(scored(25)), upsert(scored(49.9))],
        "1 inserted entered: bucket 0, nothing -> 25",
        "2 replaced stayed: bucket 0, 25 -> 49.9",
    ),
    fed("a delete above the band", [upsert(scored(90)), delete(JOB, start=0)]),
]


@each_row(FEEDS)
def test_a_feed_of_a_band(row: Fed) -> None:
    """A result leaves a band at both ends, and enters it from both sides."""
    assert_fed(row)


def test_a_feed_of_a_band_names_the_ranges_that_it_may_lack() -> None:
    """A range whose changes are all below the band is not named; one that may have scores of the band is."""
    index = ResultsIndex(changes_kept=10)
    index.upsert([bucket(hour * HOUR, anomaly_score=hour % 60) for hour in range(600)])
    (lacking,) = index.changes(since=0).ranges
    floor = lacking.floor
    assert [
        len(index.changes(BucketQuery(jobs=JOB, anomaly_score=condition), since=0).ranges)
        for condition in ((floor, 1e9), (floor - 1, floor), (-INF, 1), floor)
    ] == [0, 1, 1, 0]


WALKS = [
    Walked(
        "20.score-bands",
        f"pages behind a cursor, {claim}",
        GIVEN,
        {"anomaly_score": (0, 51), "size": 2, **asked},
        expected,
        "ours",
    )
    for claim, asked, expected in (
        ("in time order", {}, "zero low | edge interim | fifty"),
        ("newest first", {"desc": True}, "fifty interim | edge low | zero"),
        ("by score", {"sort": "anomaly_score", "desc": True}, "fifty interim | edge low | zero"),
    )
]


@each_row(WALKS)
def test_a_walk_through_a_band(row: Walked) -> None:
    """Pages behind a cursor have the results of the band, each once."""
    assert_walked(row)


def test_a_cursor_belongs_to_its_band() -> None:
    """The cursor of a band is refused by the threshold and by another band, and taken by an equal query."""
    index = index_of(GIVEN.values())
    query = BucketQuery(jobs=JOB, anomaly_score=(0, 51), size=2)
    cursor = index.search(query).cursor
    assert cursor is not None
    for other in (0, 0.5, (0, 52), (-1, 51)):
        with pytest.raises(InvalidCursor, match="another query"):
            index.search(query.replace(anomaly_score=other), after=cursor)
    again = index.search(BucketQuery(jobs=JOB, anomaly_score=(-0.0, 51.0), size=2), after=cursor)
    assert [found.anomaly_score for found in again] == [25.0, 30.0]


def test_several_jobs_and_scans_have_the_band() -> None:
    """A band over several jobs, and a scan, have the results of the band; a page's records are not filtered."""
    blamed = {"bucket_influencers": [{"influencer_field_name": "host"}]}
    index = ResultsIndex()
    for job_id in ("web", "db"):
        index.upsert([{**document, **blamed, "job_id": job_id} for document in GIVEN.values()])
        index.upsert([{**bucket(3 * HOUR), "job_id": job_id, "result_type": "record", "record_score": 90}])
    query = BucketQuery(jobs=["web", "db"], anomaly_score=(25, 50), expand=True)
    page = index.search(query)
    assert page.count == 4
    assert [len(found.records) for found in page] == [1, 1, 0, 0]
    assert [found.anomaly_score for found in index.scan(query)] == [25.0, 25.0, 30.0, 30.0]


# ---- counts by score


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts by score of a query.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        asked: the parameters of the query.
        expected: for severities the numbers from low to critical; else the number at each threshold.
        source: the source of the rule.
        thresholds: the thresholds; None: the severities are counted.
        given: the documents by name.
    """

    rule: str
    claim: str
    asked: Mapping[str, Any]
    expected: Sequence[int]
    source: str = "ours"
    _: KW_ONLY
    thresholds: Any = None
    given: Documents = field(default_factory=lambda: GIVEN)


MARKS = {f"m{number}": bucket(number * HOUR, anomaly_score=score) for number, score in enumerate(
    (2.9999999999999996, 3, 24.99, 25, 49.99, 50, 74.99, 75, 100)
)}  # fmt: skip
SEVERITIES = "20.severity-counts"
SEVERITY_COUNTS = [
    Counted(SEVERITIES, "each mark belongs to its own word", {}, [1, 2, 2, 2, 2], given=MARKS),
    Counted(SEVERITIES, "without a score is low, and so are negative scores", {}, [3, 1, 2, 1, 1]),
    Counted(SEVERITIES, "no results", {}, [0, 0, 0, 0, 0], given={}),
    Counted(SEVERITIES, "paging and order play no part", {"from_": 5, "size": 0, "desc": True}, [3, 1, 2, 1, 1]),
    Counted(SEVERITIES, "a size above max_size", {"size": 10**9}, [3, 1, 2, 1, 1]),
    Counted(SEVERITIES, "a window", {"start": 2 * HOUR, "end": 6 * HOUR}, [0, 1, 2, 1, 0]),
    Counted(SEVERITIES, "a window without length", {"start": HOUR, "end": HOUR}, [0, 0, 0, 0, 0]),
    Counted(SEVERITIES, "without interim results", {"exclude_interim": True}, [3, 1, 1, 1, 1]),
    Counted(SEVERITIES, "a threshold", {"anomaly_score": 25}, [0, 0, 2, 1, 1]),
    Counted(SEVERITIES, "a threshold between two marks", {"anomaly_score": 30}, [0, 0, 1, 1, 1]),
    Counted(SEVERITIES, "a low threshold leaves out missing scores", {"anomaly_score": 1e-9}, [0, 1, 2, 1, 1]),
    Counted(SEVERITIES, "a band", {"anomaly_score": (0, 50)}, [1, 1, 2, 0, 0]),
    Counted(SEVERITIES, "a band within one severity", {"anomaly_score": (25, 30)}, [0, 0, 1, 0, 0]),
    Counted(SEVERITIES, "a band below 0", {"anomaly_score": (-INF, 0)}, [1, 0, 0, 0, 0]),
]
THRESHOLDS = "20.threshold-counts"
THRESHOLD_COUNTS = [
    Counted(THRESHOLDS, "each number is the count", {}, [4, 2, 0, 1], thresholds=[25, 50, 101, 100.0]),
    Counted(THRESHOLDS, "0 and below and NaN filter nothing", {}, [8] * 5, thresholds=[0, -0.0, -5, math.nan, -INF]),
    Counted(THRESHOLDS, "the least positive threshold", {}, [5], thresholds=(5e-324,)),
    Counted(
        THRESHOLDS, "infinity and numbers beyond all doubles", {}, [0, 0, 8], thresholds=[INF, 10**400, -(10**400)]
    ),
    Counted(THRESHOLDS, "any order, with repeats", {}, [1, 4, 1, 8], thresholds=(100, 25, 100, 0)),
    Counted(THRESHOLDS, "no thresholds", {}, [], thresholds=[]),
    Counted(THRESHOLDS, "a generator", {}, [4, 2], thresholds=lambda: (score for score in (25, 50))),
    Counted(THRESHOLDS, "an array of doubles", {}, [4, 8], thresholds=np.array([25.0, math.nan])),
    Counted(THRESHOLDS, "an array of integers", {}, [4, 2], thresholds=np.array([25, 50], dtype=np.uint8)),
    Counted(THRESHOLDS, "an array of singles", {}, [4], thresholds=np.array([25], dtype=">f4")),
    Counted(THRESHOLDS, "NumPy numbers in a list", {}, [4], thresholds=[np.int64(25)]),
    Counted(
        THRESHOLDS, "the greater of two thresholds counts", {"anomaly_score": 30}, [3, 3, 2], thresholds=[0, 25, 50]
    ),
    Counted(
        THRESHOLDS, "a band ends where it ends", {"anomaly_score": (25, 50)}, [2, 1, 0, 0], thresholds=[0, 30, 50, 60]
    ),
    Counted(THRESHOLDS, "a band below 0", {"anomaly_score": (-10, 25)}, [3, 3, 1], thresholds=[-1, 0, 1]),
    Counted(THRESHOLDS, "10,000 thresholds", {}, [2] * 10_000, thresholds=[50] * 10_000),
    Counted(THRESHOLDS, "a window", {"start": "1970-01-01T03:00Z"}, [4, 5], thresholds=[25, 0]),
    Counted(THRESHOLDS, "no results", {}, [0, 0], thresholds=[0, 50], given={}),
]


@each_row(SEVERITY_COUNTS, THRESHOLD_COUNTS)
@pytest.mark.parametrize("kind", QUERIES)
def test_counts_by_score(row: Counted, kind: Kind) -> None:
    """An index and its snapshot count the matches of each kind; the counts of several jobs are added up."""
    documents = documents_of(kind, row.given).values()
    index = index_of(documents)
    index.put_job("empty")
    index.put_job("db")
    index.upsert([{**document, "job_id": "db"} for document in documents])
    asked = {SCORES[kind] if name == "anomaly_score" else name: value for name, value in row.asked.items()}
    for reader in (index, index.snapshot()):
        for jobs in ("web", ["db", "empty"], ["web", "db", "empty"]):
            query = QUERIES[kind](jobs=jobs, **asked)
            times = 2 if len(jobs) == 3 and jobs != "web" else 1
            if row.thresholds is None:
                counts = reader.severity_counts(query)
                assert list(counts) == ["low", "warning", "minor", "major", "critical"]
                assert list(counts.values()) == [times * number for number in row.expected]
                assert {type(number) for number in counts.values()} == {int}
                continue
            thresholds = row.thresholds() if callable(row.thresholds) else row.thresholds
            found = reader.threshold_counts(query, thresholds)
            assert found.tolist() == [times * number for number in row.expected]
            assert found.dtype == np.int64


def test_counts_by_score_are_read_only() -> None:
    """Neither the mapping nor the array can be changed."""
    index = index_of(GIVEN.values())
    severities: Any = index.severity_counts(BucketQuery(jobs=JOB))
    with pytest.raises(TypeError):
        severities["low"] = 0
    counts = index.threshold_counts(BucketQuery(jobs=JOB), [25])
    with pytest.raises(ValueError, match="read-only"):
        counts[0] = 0


def test_now_is_the_instant_of_date_math() -> None:
    """`now` gives the instant of date math in both calls."""
    index = index_of(GIVEN.values())
    query = BucketQuery(jobs=JOB, start="now-1h", end="now")
    assert index.threshold_counts(query, [0, 60], now=7 * HOUR).tolist() == [1, 1]
    assert index.severity_counts(query, now=HOUR)["low"] == 1


@pytest.mark.parametrize(
    "thresholds",
    ["75", b"75", 75, None, ["75"], [True], [None], [[75]], [(25, 50)], np.array([True]), np.array(["75"]),
     np.array([[75.0]]), np.array(75.0), np.ma.masked_array([75.0], [True]), np.array([None])],
    ids=repr,
)  # fmt: skip
def test_thresholds_are_numbers(thresholds: Any) -> None:
    """Thresholds are an iterable of numbers; text, bools and missing values are refused."""
    with pytest.raises(InvalidQuery) as caught:
        index_of(()).threshold_counts(BucketQuery(jobs=JOB), thresholds)
    assert caught.value.field == "thresholds"


def endless() -> Iterator[int]:
    """Thresholds without an end."""
    while True:
        yield 1


@pytest.mark.parametrize("thresholds", [[1] * 10_001, np.ones(10_001), endless()], ids=["list", "array", "endless"])
def test_there_are_at_most_10000_thresholds(thresholds: Any) -> None:
    """More than 10,000 thresholds are refused, even if they have no end."""
    with pytest.raises(LimitExceeded) as caught:
        index_of(()).threshold_counts(BucketQuery(jobs=JOB), thresholds)
    assert caught.value.field == "thresholds"


@pytest.mark.parametrize("call", [lambda index, query: index.severity_counts(query),
                                  lambda index, query: index.threshold_counts(query, [1])])  # fmt: skip
def test_no_counts_by_score_of_a_lookup_or_of_an_unknown_job(call: Any) -> None:
    """A lookup, a value that is no query and an unknown job are refused."""
    index = index_of(GIVEN.values())
    with pytest.raises(InvalidQuery) as refused_lookup:
        call(index, BucketQuery(jobs=JOB, timestamp=0))
    assert refused_lookup.value.field == "timestamp"
    with pytest.raises(InvalidQuery, match="must be a BucketQuery") as refused_value:
        call(index, None)
    assert refused_value.value.field == "query"
    for jobs in ("cache", [JOB, "cache"]):
        with pytest.raises(UnknownJob, match=unknown_job("cache").reason):
            call(index, BucketQuery(jobs=jobs))
    bare = ResultsIndex(keep_documents=False)
    bare.put_job(JOB)
    call(bare, BucketQuery(jobs=JOB, expand=True))
