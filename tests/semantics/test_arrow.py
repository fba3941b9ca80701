"""Our decisions on Arrow tables: which answers are tables, their columns, nulls and rows. nanoarrow reads them."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nanoarrow
import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    InfluencerQuery,
    LimitExceeded,
    RecordQuery,
    ResultsIndex,
    SwimlaneQuery,
)
from bucketquery.answers import arrow
from support.arrow import COLUMNS, read
from support.helpers import address, table_of
from support.semantics_tables import (
    Document,
    Refusal,
    assert_refusal,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

HOUR = 3_600_000
Read = Callable[[Any], Any]

#: Four buckets of an hour, in the order of time. The second has no score; the last is interim.
FOUR = [
    bucket(0, anomaly_score=50.0, event_count=7),
    bucket(HOUR),
    bucket(HOUR, bucket_span=60, anomaly_score=90.0, scheduled_events=["sale"]),
    bucket(2 * HOUR, anomaly_score=90.0, is_interim=True),
]
#: Two records and an influencer; only one record has extra fields.
OTHERS = [
    record(0, record_score=5.0, by_field_value="a", actual=[1.5], typical=[0.5], airline="AAL"),
    record(HOUR, record_score=90.0),
    influencer(0, "a", influencer_score=5.0),
]
NESTED = {
    "job_id": "web",
    "timestamp": 0,
    "bucket_span": 3_600,
    "influencer_field_name": "host",
    "initial_anomaly_score": 0.0,
    "anomaly_score": 3.5,
    "raw_anomaly_score": 0.0,
    "probability": 0.0,
    "is_interim": False,
    "event.ingested": None,
}


@dataclass(frozen=True, slots=True)
class Table:
    """The values of some columns of a table."""

    rule: str
    claim: str
    given: Sequence[Document]
    exporter: Read
    expected: Mapping[str, Sequence[Any]]
    source: str = "ours"


@dataclass(frozen=True, slots=True)
class Types:
    """The types of the columns of a table, in order."""

    rule: str
    claim: str
    exporter: Read
    expected: Mapping[str, str]
    source: str = "ours"


@dataclass(frozen=True, slots=True)
class Denied:
    """A call that is refused."""

    rule: str
    claim: str
    call: Read
    refusal: Refusal
    source: str = "ours"


def matches(**asked: Any) -> Read:
    """Every match of a query for buckets."""
    return lambda index: index.arrow(BucketQuery(**({"jobs": "web"} | asked)))


def page(**asked: Any) -> Read:
    """A page of buckets."""
    return lambda index: index.search(BucketQuery(**({"jobs": "web"} | asked)))


def records(index: ResultsIndex) -> Any:
    """Every record, in the order of time."""
    return index.arrow(RecordQuery(jobs="web", sort="timestamp", desc=False))


def later(index: ResultsIndex) -> Any:
    """Every bucket, of a commit after which all of them are deleted and others are written."""
    found = index.arrow(BucketQuery(jobs="web"))
    index.delete("web", end=5 * HOUR)
    index.upsert([bucket(9 * HOUR)])
    return found


HOURS = [0, HOUR, HOUR, 2 * HOUR]
SUMMARISED = [*FOUR, bucket(0, job_id="db", anomaly_score=30.0)]

TABLES = [
    Table("26.1", "a page", FOUR, page(), {"timestamp": HOURS}),
    Table("26.1", "every match", FOUR, matches(), {"timestamp": HOURS}),
    Table("26.1", "a batch of the matches", FOUR, lambda index: next(matches()(index).batches()), {"timestamp": HOURS}),
    Table("26.1", "every match of a snapshot", FOUR, lambda index: matches()(index.snapshot()), {"timestamp": HOURS}),
    Table(
        "26.1", "a page of records", OTHERS, lambda index: index.get_records(job_id="web"), {"record_score": [90, 5]}
    ),
    Table(
        "26.1",
        "a page of influencers",
        OTHERS,
        lambda index: index.get_influencers(job_id="web"),
        {"influencer_field_value": ["a"]},
    ),
    Table("26.2", "the job of each row", SUMMARISED, matches(jobs="_all"), {"job_id": ["db", *["web"] * 4]}),
    Table(
        "26.2",
        "a nested influencer as an answer shows it",
        [bucket(0, bucket_influencers=[{"influencer_field_name": "host", "anomaly_score": 3.5}])],
        page(),
        {"bucket_influencers": [[NESTED]]},
    ),
    Table(
        "26.2",
        "the instants of writing",
        [bucket(0, event={"ingested": 5}), bucket(1)],
        page(),
        {"event.ingested": [5, None]},
        "20.event",
    ),
    Table("26.3", "a score", FOUR, page(), {"anomaly_score": [50.0, 90.0, None, 90.0]}),
    Table("26.3", "an integer", FOUR, matches(), {"event_count": [7, None, None, None]}),
    Table("26.3", "a boolean", FOUR, matches(), {"is_interim": [None, None, None, True]}),
    Table("26.3", "text", OTHERS, records, {"by_field_value": ["a", None]}),
    Table("26.3", "the detector", OTHERS, records, {"detector_index": [None, None]}),
    Table("26.3", "no events are an empty list", FOUR, page(), {"scheduled_events": [[], ["sale"], [], []]}),
    Table("26.3", "no influencers are an empty list", FOUR, matches(), {"bucket_influencers": [[]] * 4}),
    Table(
        "26.4",
        "one JSON object, or null",
        OTHERS,
        records,
        {"extra_fields": [{"typical": [0.5], "actual": [1.5], "airline": "AAL"}, None]},
    ),
    Table(
        "26.5",
        "in the order of the page",
        FOUR,
        page(sort="anomaly_score", desc=True, size=1),
        {"timestamp": [HOURS[3]]},
    ),
    Table(
        "26.5", "from_ and size", FOUR, page(from_=1, size=2), {"timestamp": [HOUR, HOUR], "bucket_span": [60, 3_600]}
    ),
    Table("26.5", "descending", FOUR, page(desc=True, size=3), {"bucket_span": [3_600, 3_600, 60]}),
    Table("26.5", "a page without results", FOUR, page(size=0), {"timestamp": []}),
    Table(
        "26.5",
        "a pickled page",
        FOUR,
        lambda index: pickle.loads(pickle.dumps(page()(index))),
        {"event_count": [7, None, None, None], "is_interim": [None, None, None, True]},
    ),
    Table("26.6", "from_ and size do not apply", FOUR, matches(from_=3, size=1), {"timestamp": HOURS}),
    Table(
        "26.6", "the order", FOUR, matches(sort="anomaly_score", desc=True), {"timestamp": [HOURS[3], HOUR, 0, HOUR]}
    ),
    Table("26.6", "the window", FOUR, matches(start=HOUR, end=2 * HOUR), {"bucket_span": [60, 3_600]}, "1.1"),
    Table("26.6", "the threshold", FOUR, matches(anomaly_score=60), {"timestamp": [HOUR, 2 * HOUR]}, "3.1"),
    Table("26.6", "without interim buckets", FOUR, matches(exclude_interim=True), {"timestamp": HOURS[:3]}, "4.2"),
    Table("26.6", "every bucket of a lookup", FOUR, matches(timestamp=HOUR), {"bucket_span": [60, 3_600]}, "20.scan"),
    Table("26.6", "a lookup that finds nothing", FOUR, matches(timestamp=5), {"timestamp": []}, "20.scan"),
    Table("26.6", "later writes", FOUR, later, {"timestamp": HOURS, "anomaly_score": [50.0, 90.0, None, 90.0]}),
    Table("26.6", "many jobs", SUMMARISED, matches(jobs="w*,db", anomaly_score=40), {"timestamp": [0, HOUR, 2 * HOUR]}),
    Table(
        "26.7",
        "the same values",
        OTHERS,
        lambda index: index.arrow(RecordQuery(jobs="web"), dictionaries=True),
        {"by_field_value": [None, "a"], "job_id": ["web", "web"]},
    ),
    Table(
        "26.9",
        "overall buckets",
        SUMMARISED,
        lambda index: index.get_overall_buckets(job_id="_all", top_n=2, end=HOUR),
        {
            "timestamp": [0],
            "bucket_span": [3_600],
            "overall_score": [40.0],
            "jobs": [[{"job_id": "db", "max_anomaly_score": 30.0}, {"job_id": "web", "max_anomaly_score": 50.0}]],
            "is_interim": [False],
        },
    ),
    Table(
        "26.9",
        "a swimlane has a row for each cell with results",
        SUMMARISED,
        lambda index: index.swimlane(SwimlaneQuery(jobs="_all", cell=3_600)),
        {
            "lane": ["web", "web", "web", "db"],
            "cell": [0, HOUR, 2 * HOUR, 0],
            "cell_end": [HOUR, 2 * HOUR, 3 * HOUR, HOUR],
            "score": [50.0, 90.0, 90.0, 30.0],
        },
    ),
    Table(
        "26.9",
        "top influencers",
        OTHERS,
        lambda index: index.top_influencers(jobs="web"),
        {
            "influencer_field_name": ["host"],
            "influencer_field_value": ["a"],
            "max_influencer_score": [5.0],
            "sum_influencer_score": [5.0],
            "count": [1],
        },
    ),
    Table(
        "26.10",
        "half of a surrogate pair",
        [record(0, by_field_value="a\udfffb")],
        records,
        {"by_field_value": ["a\ufffdb"]},
    ),
]


@each_row(TABLES)
def test_a_table_has_these_values(row: Table) -> None:
    """Each named column has the values of the row, in the order of the rows."""
    found = read(row.exporter(index_of(row.given)))
    assert {name: [values[name] for values in found.rows] for name in row.expected} == row.expected


WITHOUT_DOCUMENTS = {
    kind: {name: of for name, of in columns.items() if name not in {"extra_fields", "bucket_influencers"}}
    for kind, columns in COLUMNS.items()
}


def coded(index: ResultsIndex) -> Any:
    """Every influencer, with codes for its keywords."""
    return index.arrow(InfluencerQuery(jobs="web"), dictionaries=True)


TYPES = [
    Types("26.2", "buckets", page(), COLUMNS["bucket"]),
    Types("26.2", "every bucket", matches(), COLUMNS["bucket"]),
    Types("26.2", "records", records, COLUMNS["record"]),
    Types("26.2", "influencers", lambda index: index.get_influencers(job_id="web"), COLUMNS["influencer"]),
    Types(
        "26.7",
        "codes of keywords",
        coded,
        {
            **COLUMNS["influencer"],
            **dict.fromkeys(("job_id", "influencer_field_name", "influencer_field_value"), "dictionary(int32)<string>"),
        },
    ),
]


@each_row(TYPES)
def test_a_table_has_these_types(row: Types) -> None:
    """The columns of the row, in its order, whether there are results or not."""
    for given in ([], [*FOUR, *OTHERS]):
        found = read(row.exporter(index_of(given)))
        assert [*found.types.items()] == [*row.expected.items()]


KEPT_BY_THE_HOST = [
    Types("26.4", "buckets whose documents the host keeps", page(), WITHOUT_DOCUMENTS["bucket"]),
    Types("26.4", "records whose documents the host keeps", records, WITHOUT_DOCUMENTS["record"]),
]


@each_row(KEPT_BY_THE_HOST)
def test_an_index_without_documents_lacks_columns(row: Types) -> None:
    """Without documents there are no display fields, and so no columns for them."""
    index = index_of([*FOUR, *OTHERS], keep_documents=False)
    assert read(row.exporter(index)).types == row.expected


DENIED = [
    Denied("26.6", "an unknown job", matches(jobs="db"), unknown_job("db"), "11"),
    Denied(
        "26.6",
        "date math on now past year 9999",
        lambda index: index.arrow(BucketQuery(jobs="web", start="now+1y"), now="9999-06-01"),
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "start", ""),
        "1.7",
    ),
    Denied("26.6", "no query", lambda index: index.arrow("web"), invalid("query", "")),
    Denied(
        "26.7",
        "text in place of a boolean",
        lambda index: index.arrow(BucketQuery(jobs="web"), dictionaries="true"),
        invalid("dictionaries", "as only [true] or [false] are allowed"),
    ),
]


@each_row(DENIED)
def test_the_call_is_refused(row: Denied) -> None:
    """The call itself raises the error of the row."""
    index = index_of([])
    with pytest.raises(BucketQueryError) as caught:
        row.call(index)
    assert_refusal(caught.value, row.refusal)


TOO_LONG = [
    Denied(
        "26.10",
        "more text than a batch may have",
        lambda index: records(index).__arrow_c_stream__(),
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "", "at most 5 bytes"),
    )
]


@each_row(TOO_LONG)
def test_too_much_text_is_refused(row: Denied, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is lowered to 5 bytes here; the ids of the jobs of two records have 6."""
    monkeypatch.setattr(arrow, "MOST_TEXT", 5)
    with pytest.raises(LimitExceeded, match=row.refusal.reason) as caught:
        row.call(index_of(OTHERS))
    assert (caught.value.status, caught.value.field) == (row.refusal.status, None)


@dataclass(frozen=True, slots=True)
class Shared:
    """Whether the timestamps of a table are those of the index, or a copy."""

    rule: str
    claim: str
    exporter: Read
    is_shared: bool
    source: str = "ours"


SHARED = [
    Shared("26.8", "every bucket in the order of time", matches(), is_shared=True),
    Shared("26.8", "a page in the order of time", page(size=100), is_shared=True),
    Shared("26.8", "a batch", lambda index: next(matches()(index).batches()), is_shared=True),
    Shared("26.8", "descending", matches(desc=True), is_shared=False),
    Shared("26.8", "from a threshold on", matches(anomaly_score=5), is_shared=False),
    Shared("26.8", "the jobs of a page of several jobs", matches(jobs="*"), is_shared=False),
]


@each_row(SHARED)
def test_numbers_are_shared_or_copied(row: Shared) -> None:
    """The first buffer of timestamps begins where those of the index do, or elsewhere."""
    index = index_of([bucket(0, job_id="db")])
    times = np.arange(3_000) * HOUR
    index.upsert_columns({"timestamp": times, "bucket_span": 3_600, "anomaly_score": times % 11 / 1}, job_id="web")
    base = table_of(index, "web").base
    batch = next(iter(nanoarrow.ArrayStream(row.exporter(index)).read_all().iter_chunks()))
    timestamps = nanoarrow.c_array(batch).child(1).buffers[1]
    assert (timestamps == address(base.columns["timestamp"])) is row.is_shared
