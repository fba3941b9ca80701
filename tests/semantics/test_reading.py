"""Our decisions on reading: what a page gives, what a scan yields, and what the index says of all that is stored."""

import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    Bucket,
    BucketInfluencer,
    BucketPage,
    BucketQuery,
    BucketQueryError,
    InfluencerPage,
    Kind,
    LimitExceeded,
    RecordPage,
    ResultsIndex,
)
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    QUERIES,
    RESULTS,
    Answered,
    Documents,
    Page,
    Refusal,
    Refused,
    assert_refusal,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    names_of,
    question,
    record,
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


#: Three records and two influencers, and a bucket beside them.
OTHERS = {
    "b": bucket(0, anomaly_score=99.0),
    "r1": record(0, record_score=10.0),
    "r2": record(0, detector_index=1, record_score=20.0),
    "r3": record(
        HOUR,
        probability=0.5,
        multi_bucket_impact=-2.5,
        record_score=30.0,
        initial_record_score=35.0,
        is_interim=True,
        detector_index=7,
        by_field_name="airline",
        by_field_value="AAL",
        correlated_by_field_value="UAL",
        over_field_name="user",
        over_field_value="ann",
        partition_field_name="zone",
        partition_field_value="east",
        function="mean",
        function_description="mean of",
        field_name="response",
        typical=[1, 2.5],
        actual=[3],
        causes=[{"probability": 0.5}],
        influencers=[{"influencer_field_name": "host", "influencer_field_values": ["a"]}],
        geo_results={"typical_point": "1,2"},
        anomaly_score_explanation={"anomaly_type": "spike"},
        extra=[1, {"deep": None}],
    ),
    "i1": influencer(0, "a", influencer_score=10.0),
    "i2": influencer(
        HOUR, "b", influencer_score=20.0, initial_influencer_score=25.0, probability=0.5, is_interim=True, extra={}
    ),
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


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """A field of a kind, and its values in time order, the detectors of an instant ascending."""

    rule: str
    kind: Kind
    field: str
    expected: Sequence[Any]
    source: str

    @property
    def claim(self) -> str:
        """The kind and the field."""
        return f"{self.kind} {self.field}"


OTHER_COLUMNS = [
    ColumnOf("20.pages", "record", field, expected, source)
    for field, expected, source in (
        ("job_id", ["web"] * 3, "ours: page order"),
        ("timestamp", [0, 0, HOUR], "ours: page order"),
        ("bucket_span", [3_600] * 3, "ours: page order"),
        ("record_score", [10.0, 20.0, 30.0], "ours: page order"),
        ("initial_record_score", [0.0, 0.0, 35.0], "ours: the default where missing"),
        ("probability", [0.0, 0.0, 0.5], "ours: the default where missing"),
        ("detector_index", [0, 1, 7], "ours: the default where missing"),
        ("is_interim", [False, False, True], "ours: the default where missing"),
        ("result_type", ["record"] * 3, "ours"),
    )
] + [
    ColumnOf("20.pages", "influencer", field, expected, source)
    for field, expected, source in (
        ("job_id", ["web"] * 2, "ours: page order"),
        ("timestamp", [0, HOUR], "ours: page order"),
        ("bucket_span", [3_600] * 2, "ours: page order"),
        ("influencer_score", [10.0, 20.0], "ours: page order"),
        ("initial_influencer_score", [0.0, 25.0], "ours: the default where missing"),
        ("probability", [0.0, 0.5], "ours: the default where missing"),
        ("is_interim", [False, True], "ours: the default where missing"),
        ("influencer_field_name", ["host"] * 2, "ours: page order"),
        ("influencer_field_value", ["a", "b"], "ours: page order"),
        ("result_type", ["influencer"] * 2, "ours"),
    )
]
#: What an answer leaves out where a record has none: NaN for a number, None for a text, () for a list.
OPTIONAL_COLUMNS = [
    ColumnOf("20.pages", "record", field, expected, "ours: where an answer shows nothing")
    for field, expected in (
        ("multi_bucket_impact", [math.nan, math.nan, -2.5]),
        ("by_field_value", [None, None, "AAL"]),
        ("function", [None, None, "mean"]),
        ("correlated_by_field_value", [None, None, "UAL"]),
        ("typical", [(), (), (1.0, 2.5)]),
        ("actual", [(), (), (3.0,)]),
    )
]
#: Where every record of a page has the field.
FULL_COLUMNS = [
    ColumnOf("20.pages", "record", field, [expected], "ours")
    for field, expected in (
        ("multi_bucket_impact", -2.5),
        ("by_field_name", "airline"),
        ("by_field_value", "AAL"),
        ("correlated_by_field_value", "UAL"),
        ("over_field_name", "user"),
        ("over_field_value", "ann"),
        ("partition_field_name", "zone"),
        ("partition_field_value", "east"),
        ("function", "mean"),
        ("function_description", "mean of"),
        ("field_name", "response"),
        ("typical", (1.0, 2.5)),
        ("actual", (3.0,)),
    )
]


def other_page(kind: Kind, **asked: Any) -> Page:
    """The page of the records or influencers in time order."""
    call = getattr(index_of(OTHERS.values()), CALLS[kind])
    page: Page = call(**{"job_id": JOB, "sort": "timestamp", "desc": False} | asked)
    return page


@each_row(OTHER_COLUMNS)
def test_column_of_records_and_influencers_is_in_page_order(row: ColumnOf) -> None:
    """A column has its field's values in page order, and cannot be written to or be made writable."""
    column = other_page(row.kind).column(row.field)
    assert column.tolist() == list(row.expected)
    assert other_page(row.kind, desc=True).column(row.field).tolist() == list(row.expected)[::-1]
    assert other_page(row.kind, size=0).column(row.field).tolist() == []
    with pytest.raises(ValueError, match="read-only"):
        column[0] = column[1]
    with pytest.raises(ValueError, match="WRITEABLE"):
        column.flags.writeable = True


@each_row(OPTIONAL_COLUMNS)
def test_column_shows_where_an_answer_has_nothing(row: ColumnOf) -> None:
    """A number that a record need not have is NaN where it is missing, a text None, and a list the empty tuple."""
    assert repr(other_page(row.kind).column(row.field).tolist()) == repr(list(row.expected))


@each_row(FULL_COLUMNS)
def test_column_of_any_field_of_records_is_there(row: ColumnOf) -> None:
    """Every documented scalar and list of a record is a column; lists are tuples in it."""
    assert other_page(row.kind, start=HOUR).column(row.field).tolist() == list(row.expected)


@pytest.mark.parametrize("field", ["causes", "influencers", "geo_results", "anomaly_score_explanation"])
def test_column_of_objects_is_of_the_values_own(field: str) -> None:
    """A column of objects has what the records themselves have."""
    page = other_page("record", start=HOUR)
    assert page.column(field).tolist() == [getattr(item, field) for item in page]


NO_COLUMNS = [
    NoColumn("20.pages", repr(name), name, source)
    for name, source in (
        ("nothing", "ours"),
        ("", "ours"),
        ("Anomaly_Score", "ours: names are exact"),
        ("records", "8.6: a key of the body only"),
        ("record_score", "20.sortable-fields: never in buckets"),
        ("bucket_influencers.probability", "ours: one field"),
        (None, "ours"),
        (5, "ours"),
    )
]


NO_OTHER_COLUMNS = [
    NoColumn("20.pages", f"{kind} {name!r}", (kind, name), source)
    for kind, name, source in (
        ("record", "anomaly_score", "20.sortable-fields: never in records"),
        ("record", "airline", "ours: no field, though the body has it"),
        ("record", "extra", "ours: no field, though the body has it"),
        ("record", "@timestamp", "ours: a name to sort by"),
        ("record", "influencer_score", "20.sortable-fields: never in records"),
        ("record", "severity", "ours: computed"),
        ("influencer", "host", "ours: no field, though the body has it"),
        ("influencer", "record_score", "20.sortable-fields: never in influencers"),
        ("influencer", "detector_index", "20.sortable-fields: never in influencers"),
    )
]


@each_row(NO_COLUMNS)
def test_unknown_column_is_refused(row: NoColumn) -> None:
    """A column of another name is an `InvalidQuery` about the parameter `name`."""
    with pytest.raises(BucketQueryError) as caught:
        page_of(BUCKETS).column(row.name)
    assert_refusal(caught.value, invalid("name", ""))


@each_row(NO_OTHER_COLUMNS)
def test_unknown_column_of_records_and_influencers_is_refused(row: NoColumn) -> None:
    """What records or influencers have no field of is no column of theirs, whatever the documents say."""
    kind, name = row.name
    with pytest.raises(BucketQueryError) as caught:
        other_page(kind).column(name)
    assert_refusal(caught.value, invalid("name", ""))


@pytest.mark.parametrize("kind", ["record", "influencer"])
def test_page_of_records_and_influencers_is_a_sequence(kind: Kind) -> None:
    """A position gives a value, a slice a tuple of values, and the body has one object for each."""
    page = other_page(kind)
    everything: list[Any] = list(page)
    assert len(page) == len(everything) == page.count > 1
    assert [type(item) for item in everything] == [RESULTS[kind]] * len(everything)
    assert (page[0], page[-1]) == (everything[0], everything[-1])
    assert page[:2] == tuple(everything[:2])
    assert page.to_dict() == {"count": len(everything), LISTS[kind]: [item.to_dict() for item in everything]}
    with pytest.raises(IndexError):
        page[len(everything)]


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
EXPANDED = [bucket(0, bucket_influencers=[BLAMED]), bucket(HOUR), record(0, extra=[1]), record(0, detector_index=1)]
PICKLED = [
    Pickled("20.pages", "a page", _PAGE, True, "ours"),
    Pickled("20.pages", "a bucket", _PAGE[0], True, "ours"),
    Pickled("20.pages", "a bucket influencer", _PAGE[1].bucket_influencers[0], True, "ours"),
    Pickled("20.pages", "an expanded page", index_of(EXPANDED).get_buckets(job_id=JOB, expand=True), True, "8.6"),
    Pickled("20.pages", "a page of records", other_page("record"), True, "ours"),
    Pickled("20.pages", "a record", other_page("record")[2], True, "ours"),
    Pickled("20.pages", "a page of influencers", other_page("influencer"), True, "ours"),
    Pickled("20.pages", "an influencer", other_page("influencer")[1], True, "ours"),
    Pickled("20.pages", "a question for records", QUERIES["record"](jobs=JOB, start="now-1d"), True, "ours"),
    Pickled("20.pages", "a question for influencers", QUERIES["influencer"](jobs=JOB, desc=False), True, "ours"),
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
    if isinstance(value, BucketPage | RecordPage | InfluencerPage):
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
    Answered("20.scan", "records", OTHERS, {}, "r3 r2 r1", "15.1", of="record"),
    Answered(
        "20.scan", "records, size does not apply", OTHERS, {"size": 1, "from_": 2}, "r3 r2 r1", "ours", of="record"
    ),
    Answered("20.scan", "records from a threshold on", OTHERS, {"record_score": 20}, "r3 r2", "3.1", of="record"),
    Answered("20.scan", "influencers", OTHERS, {"size": 1}, "i2 i1", "15.1", of="influencer"),
    Answered("20.scan", "influencers, ascending", OTHERS, {"desc": False}, "i1 i2", "ours", of="influencer"),
    Answered("20.scan", "no influencers", BUCKETS, {}, "", "15.1", of="influencer"),
]


@each_row(SCANNED)
def test_scan_yields_every_match(row: Answered) -> None:
    """A scan gives the results of its row as values, one by one, of the index and of a snapshot alike."""
    index = index_of(row.given.values())
    query, now = question(row.asked, row.of)
    for reader in (index, index.snapshot()):
        found = list(reader.scan(query, now=now))
        assert names_of(row.given, found) == row.expected.split()
        assert all(type(item) is RESULTS[row.of] for item in found)


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


def rows(buckets: int = 0, records: int = 0, influencers: int = 0) -> dict[str, int]:
    """How many of each kind there are."""
    return {"bucket": buckets, "record": records, "influencer": influencers}


NOTHING = {"rows": rows(), "first_timestamp": None, "last_timestamp": None}
TWO_JOBS = [bucket(HOUR), bucket(HOUR, bucket_span=60), bucket(-5), bucket(9 * HOUR, job_id="db")]
KINDS = [record(3 * HOUR), bucket(HOUR), influencer(-5, "a"), influencer(0, "a"), record(0, job_id="db")]
STATS = [
    Stats("20.stats", "nothing", {}, [], None, {"jobs": 0} | NOTHING, "ours"),
    Stats("20.stats", "a job without buckets", {"web": None}, [], None, {"jobs": 1} | NOTHING, "20.jobs"),
    Stats(
        "20.stats",
        "everything",
        {"idle": 60},
        TWO_JOBS,
        None,
        {"jobs": 3, "rows": rows(4), "first_timestamp": -5, "last_timestamp": 9 * HOUR},
        "ours",
    ),
    Stats(
        "20.stats",
        "one job",
        {},
        TWO_JOBS,
        "web",
        {"job_id": "web", "bucket_span": None, "rows": rows(3), "first_timestamp": -5, "last_timestamp": HOUR},
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
            "rows": rows(1),
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
        [bucket(0), bucket(0, event_count=1), {"result_type": "model_plot"}],
        None,
        {"jobs": 1, "rows": rows(1), "first_timestamp": 0, "last_timestamp": 0},
        "12.1",
    ),
    Stats(
        "20.stats",
        "every kind",
        {},
        KINDS,
        None,
        {"jobs": 2, "rows": rows(1, 2, 2), "first_timestamp": -5, "last_timestamp": 3 * HOUR},
        "ours: the first and the last of all kinds",
    ),
    Stats(
        "20.stats",
        "every kind of one job",
        {},
        KINDS,
        "web",
        {
            "job_id": "web",
            "bucket_span": None,
            "rows": rows(1, 1, 2),
            "first_timestamp": -5,
            "last_timestamp": 3 * HOUR,
        },
        "ours",
    ),
    Stats(
        "20.stats",
        "records alone",
        {},
        [record(5), record(5, detector_index=1), record(5, record_score=1.0)],
        None,
        {"jobs": 1, "rows": rows(0, 2), "first_timestamp": 5, "last_timestamp": 5},
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
        assert size > 0 or not any(row.expected["rows"].values())


def test_stats_of_an_unknown_job_are_refused() -> None:
    """There is nothing to say of a job that is not known."""
    for job_id in ("db", "_all", ""):
        with pytest.raises(BucketQueryError) as caught:
            index_of(BUCKETS.values()).stats(job_id)
        assert_refusal(caught.value, unknown_job(job_id))
