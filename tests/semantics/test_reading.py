"""Our decisions on reading: what a page gives, what a scan yields, and what the index says of all that is stored."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bucketquery import Bucket, BucketInfluencer, BucketPage, BucketQuery, BucketQueryError, LimitExceeded, ResultsIndex
from semantics_tables import (
    JOB,
    Answered,
    Documents,
    Refusal,
    Refused,
    assert_refusal,
    bucket,
    each_row,
    index_of,
    invalid,
    question,
    unknown_job,
)

HOUR = 3_600_000
BLAMED = {"influencer_field_name": "host", "anomaly_score": 80.0}
#: In time order: a c b d. Only `b` says all there is to say.
BUCKETS = {
    "a": bucket(0, anomaly_score=5.0, event_count=7),
    "b": bucket(
        HOUR,
        anomaly_score=90.0,
        initial_anomaly_score=95.5,
        event_count=3,
        is_interim=True,
        processing_time_ms=12,
        bucket_influencers=[BLAMED],
        scheduled_events=["sale", "fair"],
    ),
    "c": bucket(HOUR, bucket_span=60),
    "d": bucket(2 * HOUR, anomaly_score=90.0),
}


def page_of(documents: Documents, **asked: Any) -> BucketPage:
    """The page of a question, asked by keywords."""
    return index_of(documents.values()).get_buckets(job_id=JOB, **asked)


# ---- pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken out of the page ``a c b d``, by position or by slice, and the names of what comes."""

    rule: str
    claim: str
    taken: int | slice
    expected: str
    source: str


TAKEN = [
    Taken("20.pages", "the first", 0, "a", "ours: a sequence"),
    Taken("20.pages", "the last", -1, "d", "ours: a sequence"),
    Taken("20.pages", "some", slice(1, 3), "c b", "ours: slices are tuples"),
    Taken("20.pages", "some and past the end", slice(2, 99), "b d", "ours: slices are tuples"),
    Taken("20.pages", "none", slice(4, 9), "", "ours: slices are tuples"),
    Taken("20.pages", "all, backwards", slice(None, None, -1), "d b c a", "ours: slices are tuples"),
]


@each_row(TAKEN)
def test_page_is_a_sequence_of_buckets(row: Taken) -> None:
    """A position gives a `Bucket`, a slice a tuple of them, and both are those that iteration gives."""
    page = page_of(BUCKETS)
    taken = page[row.taken]
    found = taken if isinstance(taken, tuple) else (taken,)
    assert isinstance(taken, tuple) == isinstance(row.taken, slice)
    assert all(type(item) is Bucket for item in found)
    known = {(item["timestamp"], item["bucket_span"]): name for name, item in BUCKETS.items()}
    assert [known[item.timestamp, item.bucket_span] for item in found] == row.expected.split()
    everything = list(page)
    expected = everything[row.taken]
    assert list(found) == (expected if isinstance(expected, list) else [expected])
    assert len(page) == 4


def test_page_ends() -> None:
    """There is nothing at a position past the end."""
    for position in (4, -5):
        with pytest.raises(IndexError):
            page_of(BUCKETS)[position]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A question, and the identities in its page."""

    rule: str
    claim: str
    asked: Mapping[str, Any]
    expected: tuple[tuple[str, int, int], ...]
    source: str


KEYS = [
    Keyed(
        "20.pages",
        "job, timestamp and span",
        {},
        (("web", 0, 3_600), ("web", HOUR, 60), ("web", HOUR, 3_600), ("web", 2 * HOUR, 3_600)),
        "12.1",
    ),
    Keyed("20.pages", "of the page alone", {"from_": 1, "size": 1}, (("web", HOUR, 60),), "ours"),
    Keyed("20.pages", "none", {"size": 0}, (), "ours"),
]


@each_row(KEYS)
def test_keys_are_identities(row: Keyed) -> None:
    """The keys of a page are a tuple of the identities of its buckets, in plain Python values."""
    keys = page_of(BUCKETS, **row.asked).keys()
    assert (type(keys), keys) == (tuple, row.expected)
    assert all([type(part) for part in key] == [str, int, int] for key in keys)


@dataclass(frozen=True, slots=True)
class Column:
    """A field, its values in the page ``a c b d``, and the kind of the array: NumPy's letter."""

    rule: str
    claim: str
    expected: Sequence[Any]
    kind: str
    source: str


COLUMNS = [
    Column("20.pages", "job_id", ["web"] * 4, "U", "ours: NumPy text"),
    Column("20.pages", "timestamp", [0, HOUR, HOUR, 2 * HOUR], "i", "ours: page order"),
    Column("20.pages", "anomaly_score", [5.0, 0.0, 90.0, 90.0], "f", "ours: the default where missing"),
    Column("20.pages", "bucket_span", [3_600, 60, 3_600, 3_600], "i", "ours: page order"),
    Column("20.pages", "initial_anomaly_score", [0.0, 0.0, 95.5, 0.0], "f", "ours: the default where missing"),
    Column("20.pages", "event_count", [7, 0, 3, 0], "i", "ours: the default where missing"),
    Column("20.pages", "is_interim", [False, False, True, False], "b", "ours: the default where missing"),
    Column("20.pages", "processing_time_ms", [0, 0, 12, 0], "i", "ours: the default where missing"),
    Column("20.pages", "scheduled_events", [(), (), ("sale", "fair"), ()], "O", "ours: tuples"),
    Column("20.pages", "result_type", ["bucket"] * 4, "U", "ours: NumPy text"),
]


@each_row(COLUMNS)
def test_column_is_one_field_in_page_order(row: Column) -> None:
    """A column has its field's values in page order, and cannot be written to or be made writable."""
    page = page_of(BUCKETS)
    column = page.column(row.claim)
    assert (column.tolist(), column.dtype.kind, column.shape) == (list(row.expected), row.kind, (4,))
    assert page_of(BUCKETS, desc=True).column(row.claim).tolist() == list(row.expected)[::-1]
    assert page_of(BUCKETS, size=0).column(row.claim).tolist() == []
    with pytest.raises(ValueError, match="read-only"):
        column[0] = column[1]
    with pytest.raises(ValueError, match="WRITEABLE"):
        column.flags.writeable = True


def test_column_of_influencers_is_tuples_of_them() -> None:
    """The bucket influencers of a page are an array of tuples, as the buckets themselves have them."""
    page = page_of(BUCKETS)
    column = page.column("bucket_influencers")
    assert column.dtype == np.object_
    assert column.tolist() == [item.bucket_influencers for item in page]
    (blamed,) = column[2]
    assert type(blamed) is BucketInfluencer
    assert (blamed.influencer_field_name, blamed.anomaly_score) == ("host", 80.0)


@dataclass(frozen=True, slots=True)
class NoColumn:
    """A name that no field has."""

    rule: str
    claim: str
    name: Any
    source: str


NO_COLUMNS = [
    NoColumn("20.pages", repr(name), name, source)
    for name, source in (
        ("nothing", "ours"),
        ("", "ours"),
        ("Anomaly_Score", "ours: names are exact"),
        ("records", "8.1: none are held"),
        ("record_score", "20.sortable-fields: never in buckets"),
        ("bucket_influencers.probability", "ours: one field"),
        (None, "ours"),
        (5, "ours"),
    )
]


@each_row(NO_COLUMNS)
def test_unknown_column_is_refused(row: NoColumn) -> None:
    """A column of another name is an `InvalidQuery` about the parameter `name`."""
    with pytest.raises(BucketQueryError) as caught:
        page_of(BUCKETS).column(row.name)
    assert_refusal(caught.value, invalid("name", ""))


def test_page_says_which_commit_was_read() -> None:
    """The `sequence` of a page is that of the commit it was read from, whatever is written afterwards."""
    index = ResultsIndex()
    first = index.upsert([BUCKETS["a"]])
    before = index.get_buckets(job_id=JOB)
    second = index.upsert([BUCKETS["b"]])
    after = index.get_buckets(job_id=JOB)
    assert (before.sequence, after.sequence) == (first.sequence, second.sequence) == (1, 2)


@dataclass(frozen=True, slots=True)
class Pickled:
    """Something to pickle, and whether it can be."""

    rule: str
    claim: str
    value: Any
    can_be: bool
    source: str


_INDEX = index_of(BUCKETS.values())
_PAGE = _INDEX.get_buckets(job_id=JOB, sort="anomaly_score", desc=True)
_ERROR = LimitExceeded("Parameter [size] is too large", field="size", value=10**9)
PICKLED = [
    Pickled("20.pages", "a page", _PAGE, True, "ours"),
    Pickled("20.pages", "a bucket", _PAGE[0], True, "ours"),
    Pickled("20.pages", "a bucket influencer", _PAGE[1].bucket_influencers[0], True, "ours"),
    Pickled("20.pages", "a commit", ResultsIndex().upsert(BUCKETS.values()), True, "ours"),
    Pickled("20.pages", "a query", BucketQuery(jobs=JOB, start="now-1d", anomaly_score=75.0), True, "ours"),
    Pickled("20.pages", "an error", _ERROR, True, "20.errors"),
    Pickled("20.pages", "an index", _INDEX, False, "ours: its documents can be pickled"),
    Pickled("20.pages", "a snapshot", _INDEX.snapshot(), False, "ours: its pages can be pickled"),
]


@each_row(PICKLED)
def test_values_pickle_and_stores_do_not(row: Pickled) -> None:
    """What answers are made of comes back equal; what holds everything refuses with a `TypeError`."""
    if not row.can_be:
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(row.value)
        return
    assert facts(pickle.loads(pickle.dumps(row.value))) == facts(row.value)


def facts(value: Any) -> Any:
    """What must be the same of two values: pages by all they show, errors by all they carry, others by being equal."""
    if isinstance(value, BucketPage):
        return value.count, value.sequence, value.keys(), value.to_dict(), list(value)
    if isinstance(value, BucketQueryError):
        return type(value), value.status, value.type, value.reason, value.field, value.value
    return value


# ---- scans -----------------------------------------------------------------------------------------------------------

SCANNED = [
    Answered("20.scan", "every match in order", BUCKETS, {}, "a c b d", "ours"),
    Answered("20.scan", "size does not apply", BUCKETS, {"size": 1}, "a c b d", "ours"),
    Answered("20.scan", "nor does size 0", BUCKETS, {"size": 0}, "a c b d", "ours"),
    Answered("20.scan", "from_ does not apply", BUCKETS, {"from_": 3}, "a c b d", "ours"),
    Answered("20.scan", "another order", BUCKETS, {"sort": "anomaly_score", "desc": True}, "d b a c", "5.2"),
    Answered("20.scan", "the window", BUCKETS, {"start": HOUR, "end": 2 * HOUR, "size": 1}, "c b", "1.1"),
    Answered("20.scan", "the threshold", BUCKETS, {"anomaly_score": 90, "from_": 1}, "b d", "3.1"),
    Answered("20.scan", "without interim buckets", BUCKETS, {"exclude_interim": True, "size": 2}, "a c d", "4.2"),
    Answered("20.scan", "all of a lookup's stretch", BUCKETS, {"timestamp": "1970-01-01"}, "a c b d", "2.7"),
    Answered("20.scan", "a lookup, desc", BUCKETS, {"timestamp": HOUR, "desc": True}, "b c", "2.7"),
    Answered("20.scan", "a lookup that finds nothing", BUCKETS, {"timestamp": 1}, "", "20.lookup"),
    Answered("20.scan", "no match", BUCKETS, {"anomaly_score": 91}, "", "ours"),
    Answered("20.scan", "an empty job", {}, {}, "", "11"),
]


@each_row(SCANNED)
def test_scan_yields_every_match(row: Answered) -> None:
    """A scan gives the buckets of its row as `Bucket` values, one by one, of the index and of a snapshot alike."""
    index = index_of(row.given.values())
    query, now = question(row.asked)
    for reader in (index, index.snapshot()):
        found = list(reader.scan(query, now=now))
        known = {(item["timestamp"], item["bucket_span"]): name for name, item in row.given.items()}
        assert [known[item.timestamp, item.bucket_span] for item in found] == row.expected.split()
        assert all(type(item) is Bucket for item in found)


NO_SCAN = [
    Refused("20.scan", "an unknown job", BUCKETS, {"jobs": "db"}, unknown_job("db"), "11"),
    Refused(
        "20.scan",
        "now out of the years",
        BUCKETS,
        {"start": "now+1y", "now": "9999-06-01"},
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "start", ""),
        "1.7",
    ),
    Refused(
        "20.scan", "now that is no instant", BUCKETS, {"now": "soon"}, invalid("now", "", "parse_exception"), "20.now"
    ),
]


@each_row(NO_SCAN)
def test_scan_is_refused_by_the_call(row: Refused) -> None:
    """An error is raised where the scan is asked for, not where its first bucket is."""
    query, now = question(row.asked)
    with pytest.raises(BucketQueryError) as caught:
        index_of(row.given.values()).scan(query, now=now)
    assert_refusal(caught.value, row.expected)


# ---- what is stored --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stats:
    """Jobs that are put with their spans, documents, the job that is asked for, and what is said; but for `bytes`."""

    rule: str
    claim: str
    put: Mapping[str, int | None]
    given: Sequence[Mapping[str, Any]]
    job_id: str | None
    expected: Mapping[str, Any]
    source: str


NOTHING = {"rows": {"bucket": 0}, "first_timestamp": None, "last_timestamp": None}
TWO_JOBS = [bucket(HOUR), bucket(HOUR, bucket_span=60), bucket(-5), bucket(9 * HOUR, job_id="db")]
STATS = [
    Stats("20.stats", "nothing", {}, [], None, {"jobs": 0} | NOTHING, "ours"),
    Stats("20.stats", "a job without buckets", {"web": None}, [], None, {"jobs": 1} | NOTHING, "20.jobs"),
    Stats(
        "20.stats",
        "everything",
        {"idle": 60},
        TWO_JOBS,
        None,
        {"jobs": 3, "rows": {"bucket": 4}, "first_timestamp": -5, "last_timestamp": 9 * HOUR},
        "ours",
    ),
    Stats(
        "20.stats",
        "one job",
        {},
        TWO_JOBS,
        "web",
        {"job_id": "web", "bucket_span": None, "rows": {"bucket": 3}, "first_timestamp": -5, "last_timestamp": HOUR},
        "ours: no span was put",
    ),
    Stats(
        "20.stats",
        "the span as it was put",
        {"db": 900},
        TWO_JOBS,
        "db",
        {
            "job_id": "db",
            "bucket_span": 900,
            "rows": {"bucket": 1},
            "first_timestamp": 9 * HOUR,
            "last_timestamp": 9 * HOUR,
        },
        "20.jobs: the span describes the job",
    ),
    Stats(
        "20.stats",
        "one job without buckets",
        {"idle": 60},
        TWO_JOBS,
        "idle",
        {"job_id": "idle", "bucket_span": 60} | NOTHING,
        "ours",
    ),
    Stats(
        "20.stats",
        "a replaced bucket counts once, a skipped document not at all",
        {},
        [bucket(0), bucket(0, event_count=1), {"result_type": "record"}],
        None,
        {"jobs": 1, "rows": {"bucket": 1}, "first_timestamp": 0, "last_timestamp": 0},
        "12.1",
    ),
]


@each_row(STATS)
def test_stats_say_what_is_stored(row: Stats) -> None:
    """The figures of everything, or of one job, are those of the row; `bytes` is not 0 where something is stored."""
    index = ResultsIndex()
    for job_id, span in row.put.items():
        index.put_job(job_id, bucket_span=span)
    for document in row.given:
        index.upsert([document])
    for reader in (index, index.snapshot()):
        said = dict(reader.stats(row.job_id) if row.job_id else reader.stats())
        size = said.pop("bytes")
        assert said == row.expected
        assert type(size) is int
        assert size > 0 or not row.expected["rows"]["bucket"]


def test_stats_of_an_unknown_job_are_refused() -> None:
    """There is nothing to say of a job that is not known."""
    for job_id in ("db", "_all", ""):
        with pytest.raises(BucketQueryError) as caught:
            index_of(BUCKETS.values()).stats(job_id)
        assert_refusal(caught.value, unknown_job(job_id))
