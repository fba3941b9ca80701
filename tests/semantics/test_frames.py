"""Queries on frames: the rules of chapter 29, on DuckDB."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import duckdb
import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    InfluencerQuery,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    RecordQuery,
    UnknownJob,
)
from bucketquery.frames import latest, overall_buckets, search
from bucketquery.testing import evaluate, evaluate_overall
from support.duckdb_frames import relation
from support.semantics_tables import each_row

HOUR = 3_600_000
AT = {"job_id": "web", "timestamp": 0, "bucket_span": 3600}


def bucket(hour: int = 0, score: float | None = None, **fields: Any) -> dict[str, Any]:
    """A bucket of the job ``web``."""
    return {**AT, "timestamp": hour * HOUR, "anomaly_score": score, **fields}


RECORDS = [
    {**AT, "by_field_name": "host", "by_field_value": "a", "record_score": 1.0},
    {**AT, "timestamp": HOUR, "over_field_name": "host", "over_field_value": "b", "detector_index": 1},
    {**AT, "timestamp": 2 * HOUR, "by_field_name": "host", "by_field_value": "a", "is_interim": True},
    {**AT, "timestamp": 3 * HOUR, "function": "rare", "by_field_value": "a"},
]


def by(**where: Any) -> RecordQuery:
    """A query for records in time order that meet a filter."""
    return RecordQuery(jobs="web", sort="timestamp", desc=False, where=where)


FOUR = [bucket(0, 5.0), bucket(1, 90.0), bucket(2), bucket(3, 90.0, is_interim=True)]
JOBS = [bucket(0, 5.0, job_id=job) for job in ("web-1", "web-2", "db", "Web-1")]


@dataclass(frozen=True, slots=True)
class Framed:
    """A query on a frame gives the body of the reference, whose results are at these hours, or of these jobs.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        rows: the rows of the frame.
        query: the query.
        expected: the count, and the hour of each result on the page; a job in place of the hour if there are several.
        source: the source of the rule.
        types: the types of columns.
        zone: the time zone of the session.
        given: the documents for the reference, if they differ from the rows.
        version: the column of versions; None: the frame has each result once.
        records: the rows of the frame of records.
    """

    rule: str
    claim: str
    rows: list[dict[str, Any]]
    query: BucketQuery | RecordQuery | InfluencerQuery
    expected: tuple[int, list[Any]]
    source: str
    _: KW_ONLY
    types: Mapping[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    given: list[dict[str, Any]] | None = None
    version: str | None = None
    records: list[dict[str, Any]] | None = None


def web(**parameters: Any) -> BucketQuery:
    """A query for buckets of the job ``web``."""
    return BucketQuery(jobs="web", **parameters)


NAN = float("nan")
TEXTS = ["", "B", "a", "\uffff", "\U00010000"]
AT_ONE = "1970-01-01 01:00:00.000999"
BLAMED = [{"influencer_field_name": "host"}]
ANSWERED = [
    Framed("29.1", "time order", FOUR, web(), (4, [0, 1, 2, 3]), "ours"),
    Framed("29.1", "by score, missing last", FOUR, web(sort="anomaly_score", desc=True), (4, [3, 1, 0, 2]), "ours"),
    Framed("29.1", "a threshold", FOUR, web(anomaly_score=75), (2, [1, 3]), "ours"),
    Framed("29.1", "a band", FOUR, web(anomaly_score=(0.0, 90.0)), (1, [0]), "ours"),
    Framed("29.1", "final buckets", FOUR, web(exclude_interim=True), (3, [0, 1, 2]), "ours"),
    Framed("29.1", "a window", FOUR, web(start=HOUR, end=3 * HOUR), (2, [1, 2]), "ours"),
    Framed("29.1", "an empty window", FOUR, web(start=5 * HOUR), (0, []), "ours"),
    Framed("29.1", "a lookup", FOUR, web(timestamp=3 * HOUR, exclude_interim=True), (1, [3]), "ours"),
    Framed("29.2", "other columns are ignored", [bucket(0, note="x")], web(), (1, [0]), "ours", given=[bucket(0)]),
    Framed(
        "29.2",
        "extra fields of a record",
        [{**AT, "extra_fields": '{"actual": [9.0], "host": "a"}'}],
        RecordQuery(jobs="web"),
        (1, [0]),
        "ours",
        given=[{**AT, "actual": [9.0], "host": "a"}],
    ),
    Framed(
        "29.2",
        "the instant of the write, by both names",
        [bucket(0, **{"event.ingested": 7}), bucket(1, **{"event.ingested": 5})],
        web(sort="event.ingested"),
        (2, [1, 0]),
        "ours",
        given=[bucket(0, event={"ingested": 7}), bucket(1, event={"ingested": 5})],
    ),
    Framed(
        "29.2",
        "nested influencers",
        [bucket(0, 5.0, bucket_influencers=[{"influencer_field_name": "host", "event_ingested": 3}])],
        web(),
        (1, [0]),
        "ours",
        given=[bucket(0, 5.0, bucket_influencers=[{"influencer_field_name": "host", "event": {"ingested": 3}}])],
    ),
    Framed(
        "29.2",
        "scheduled events",
        [bucket(0, scheduled_events=["b", "a"]), bucket(1, scheduled_events=[]), bucket(2, scheduled_events=["c"])],
        web(sort="scheduled_events", desc=True),
        (3, [2, 0, 1]),
        "ours",
    ),
    Framed(
        "29.3",
        "a timestamp without a zone is UTC",
        [bucket(timestamp=AT_ONE)],
        web(timestamp=HOUR),
        (1, [1]),
        "ours",
        types={"timestamp": "TIMESTAMP"},
        zone="Asia/Kolkata",
        given=[bucket(1)],
    ),
    Framed(
        "29.3",
        "a timestamp with a zone",
        [bucket(timestamp=f"{AT_ONE}+00")],
        web(start=HOUR, end=HOUR + 1),
        (1, [1]),
        "20.types",
        types={"timestamp": "TIMESTAMPTZ"},
        zone="Asia/Kolkata",
        given=[bucket(1)],
    ),
    Framed(
        "29.3",
        "nanoseconds are rounded down",
        [bucket(timestamp="1970-01-01 00:59:59.999999999"), bucket(timestamp="1970-01-01 01:00:00")],
        web(end=HOUR),
        (1, [0.9999997222222222]),
        "20.types",
        types={"timestamp": "TIMESTAMP_NS"},
        given=[bucket(timestamp=HOUR - 1)],
    ),
    Framed(
        "29.4",
        "NaN is missing: last, descending",
        [bucket(0, NAN), bucket(1), bucket(2, 7.0)],
        web(sort="anomaly_score", desc=True),
        (3, [2, 1, 0]),
        "ours",
        given=[bucket(0), bucket(1), bucket(2, 7.0)],
    ),
    Framed(
        "29.4",
        "NaN reaches no threshold",
        [bucket(0, NAN), bucket(1, 7.0)],
        web(anomaly_score=5),
        (1, [1]),
        "ours",
        given=[bucket(1, 7.0)],
    ),
    Framed("29.4", "a missing column", [{**AT}], web(sort="event_count"), (1, [0]), "ours"),
    Framed("29.4", "a missing score reaches no threshold", [{**AT}], web(anomaly_score=5), (0, []), "ours"),
    Framed("29.4", "a missing score is in no band", [{**AT}], web(anomaly_score=(-1.0, 5.0)), (0, []), "ours"),
    Framed("29.4", "no column says which is interim", [{**AT}], web(exclude_interim=True), (1, [0]), "ours"),
    Framed("29.5", "ids", JOBS, BucketQuery(jobs="web-1,db"), (2, ["db", "web-1"]), "ours"),
    Framed("29.5", "a pattern", JOBS, BucketQuery(jobs="we*"), (2, ["web-1", "web-2"]), "ours"),
    Framed("29.5", "a pattern with more parts", JOBS, BucketQuery(jobs="*e*1"), (2, ["Web-1", "web-1"]), "ours"),
    Framed("29.5", "all but some", JOBS, BucketQuery(jobs="_all,-web-1,-W*"), (2, ["db", "web-2"]), "ours"),
    Framed("29.5", "an unknown job", JOBS, BucketQuery(jobs="nobody"), (0, []), "ours"),
    Framed(
        "29.5",
        "more ids than are compared one by one",
        JOBS,
        BucketQuery(jobs=[f"job-{number}" for number in range(70)] + ["db"]),
        (1, ["db"]),
        "ours",
    ),
    Framed(
        "29.7",
        "the newest row counts",
        [bucket(0, 90.0, written=1), bucket(0, 5.0, written=2), bucket(1, 90.0, written=1)],
        web(anomaly_score=75),
        (1, [1]),
        "ours",
        given=[bucket(0, 5.0), bucket(1, 90.0)],
        version="written",
    ),
    Framed(
        "29.7",
        "a newest row that is interim",
        [bucket(0, 5.0, written=1), bucket(0, 5.0, written=2, is_interim=True)],
        web(exclude_interim=True),
        (0, []),
        "ours",
        given=[bucket(0, 5.0, is_interim=True)],
        version="written",
    ),
    Framed(
        "29.7",
        "a row without a version",
        [bucket(0, 5.0, written=1), bucket(1, 5.0)],
        web(),
        (1, [0]),
        "ours",
        given=[bucket(0, 5.0)],
        version="written",
    ),
    Framed(
        "29.7",
        "NaN is no version",
        [bucket(0, 5.0, written=1.0), bucket(0, 90.0, written=float("nan"))],
        web(),
        (1, [0]),
        "ours",
        given=[bucket(0, 5.0)],
        types={"written": "DOUBLE"},
        version="written",
    ),
    Framed(
        "29.7",
        "a missing text is not empty text",
        [
            {**AT, "record_score": 1.0, "written": 1},
            {**AT, "record_score": 2.0, "by_field_value": "", "written": 2},
            {**AT, "record_score": 3.0, "detector_index": 0, "written": 3},
        ],
        RecordQuery(jobs="web", sort="record_score", desc=False),
        (2, [0, 0]),
        "ours",
        given=[
            {**AT, "record_score": 2.0, "by_field_value": ""},
            {**AT, "record_score": 3.0, "detector_index": 0},
        ],
        version="written",
    ),
    Framed(
        "29.8",
        "records of the buckets that show some",
        [bucket(0, bucket_influencers=BLAMED), bucket(1)],
        web(expand=True),
        (2, [0, 1]),
        "ours",
        records=[{**AT, "detector_index": 1}, {**AT, "timestamp": HOUR}, {**AT, "job_id": "db"}],
    ),
    Framed(
        "29.8",
        "final records",
        [bucket(0, bucket_influencers=BLAMED)],
        web(timestamp=0, expand=True, exclude_interim=True),
        (1, [0]),
        "ours",
        records=[{**AT, "detector_index": 1}, {**AT, "is_interim": True}],
    ),
    Framed(
        "29.9",
        "text by code point",
        [{**AT, "by_field_value": text, "detector_index": 1} for text in TEXTS],
        RecordQuery(jobs="web", sort="by_field_value", desc=True),
        (5, [0] * 5),
        "ours",
    ),
    Framed(
        "29.9",
        "an ENUM becomes text",
        [bucket(0, job_id="b"), bucket(0, job_id="a")],
        BucketQuery(jobs="_all"),
        (2, ["a", "b"]),
        "ours",
        types={"job_id": "ENUM ('b', 'a')"},
    ),
    *(
        Framed(
            "29.13",
            claim,
            RECORDS,
            query,
            (len(hours), hours),
            "ours",
            given=[RECORDS[hour] for hour in hours],
        )
        for claim, query, hours in (
            ("a field", by(by_field_value="a"), [0, 2, 3]),
            ("a data field", by(host=["a", "b"]), [0, 1, 2]),
            ("a missing data field", by(host=None), [3]),
            ("a missing field", by(by_field_value=[None, "b"]), [1]),
            ("two fields", by(host="a", function=None), [0, 2]),
            ("detectors", by(detector_index=[0, 7]), [0, 2, 3]),
            ("no value", by(host=[], by_field_value=[]), []),
            ("no detector", by(detector_index=[]), []),
            ("a column that is missing", by(partition_field_value="a"), []),
            ("a column that is missing in every row", by(partition_field_value=None), [0, 1, 2, 3]),
        )
    ),
    Framed(
        "29.13",
        "a data field of influencers",
        [{**AT, "influencer_field_name": "host", "influencer_field_value": value} for value in "ab"],
        InfluencerQuery(jobs="web", where={"host": "b"}),
        (1, [0]),
        "ours",
        given=[{**AT, "influencer_field_name": "host", "influencer_field_value": "b"}],
    ),
    Framed(
        "29.13",
        "data fields of a frame without any",
        [{**AT}],
        RecordQuery(jobs="web", where={"host": [None], "zone": None, "detector_index": 0}),
        (1, [0]),
        "ours",
    ),
    Framed(
        "29.13",
        "buckets by their records",
        FOUR,
        web(where={"host": "a"}),
        (2, [0, 2]),
        "ours",
        given=[FOUR[0], FOUR[2]],
        records=RECORDS,
    ),
    Framed(
        "29.13",
        "buckets by final records",
        FOUR,
        web(where={"host": "a"}, exclude_interim=True),
        (1, [0]),
        "ours",
        given=[FOUR[0]],
        records=RECORDS,
    ),
    Framed("29.10", "a page behind others", FOUR, web(from_=1, size=2), (4, [1, 2]), "ours"),
    Framed("29.10", "a page behind all", FOUR, web(from_=2**70), (4, []), "ours"),
    Framed("29.10", "no page", FOUR, web(size=0), (4, []), "ours"),
]


def body_of(row: Framed) -> dict[str, Any]:
    """The body of the row's query on its frame. Both frames have one connection, because DuckDB joins no others."""
    connection = duckdb.connect()
    frame: Any = relation(row.rows, row.zone, connection=connection, **row.types)
    records = relation(row.records, connection=connection, table="records") if row.records is not None else None
    frame = latest(frame, row.version) if row.version else frame
    return search(frame, row.query, records=records).to_dict()


@each_row(ANSWERED)
def test_a_frame_answers(row: Framed) -> None:
    """The body is that of the reference, with the results that the row names."""
    body = body_of(row)
    (plural,) = body.keys() - {"count"}
    given = row.rows if row.given is None else row.given
    documents = [{"result_type": plural[:-1], **document} for document in given]
    documents += [{"result_type": "record", **record} for record in row.records or ()]
    # The given documents meet the filter.
    assert repr(body) == repr(evaluate(documents, row.query.replace(where=())))
    by_job = any(isinstance(expected, str) for expected in row.expected[1])
    shown = [found["job_id"] if by_job else found["timestamp"] / HOUR for found in body[plural]]
    assert (body["count"], shown) == row.expected


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """A call on a frame raises this error.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        rows: the rows of the frame.
        query: the query.
        expected: the class of the error, its field, and words of its reason.
        source: the source of the rule.
        types: the types of columns.
        options: the other arguments of `search`.
        version: the column of versions; None: the frame has each result once.
    """

    rule: str
    claim: str
    rows: list[dict[str, Any]]
    query: Any
    expected: tuple[type[Exception], str, str]
    source: str
    _: KW_ONLY
    types: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None


TWICE = [bucket(0, 5.0), bucket(0, 90.0)]
REFUSED = [
    FrameRefused(
        "29.1", "no bucket at an instant", FOUR, web(timestamp=5), (NotFound, "timestamp", "not find"), "ours"
    ),
    FrameRefused(
        "29.2",
        "a column of another type",
        [bucket(0)],
        web(),
        (InvalidQuery, "frame", "[event_count] of the type [String], which must be numbers"),
        "ours",
        types={"event_count": "TEXT"},
    ),
    FrameRefused(
        "29.2",
        "extra fields that are not JSON",
        [{**AT, "extra_fields": "{"}],
        RecordQuery(jobs="web"),
        (InvalidDocument, "frame.extra_fields", "a JSON object, not [{]"),
        "ours",
    ),
    FrameRefused(
        "29.2",
        "extra fields that are no object",
        [{**AT, "extra_fields": "[]"}],
        InfluencerQuery(jobs="web"),
        (InvalidDocument, "frame.extra_fields", "a JSON object, not [[]]"),
        "ours",
    ),
    FrameRefused(
        "29.2",
        "an extra field that has a column",
        [{**AT, "record_score": 5.0, "extra_fields": '{"record_score": 50}'}],
        RecordQuery(jobs="web"),
        (InvalidDocument, "frame.extra_fields.record_score", "a column of its own"),
        "ours",
    ),
    FrameRefused(
        "29.2",
        "extra fields that are nested too deeply",
        [{**AT, "extra_fields": "[" * 10_000}],
        RecordQuery(jobs="web"),
        (InvalidDocument, "frame.extra_fields", "a JSON object"),
        "ours",
    ),
    FrameRefused(
        "29.2",
        "a row that is no result",
        [bucket(0, -1.0, bucket_span=0)],
        web(),
        (InvalidDocument, "frame[0].bucket_span", "failed to parse [frame[0].bucket_span]"),
        "ours",
    ),
    FrameRefused(
        "29.2",
        "a record that is no result",
        [bucket(0, 5.0), bucket(1, 90.0, bucket_influencers=[{"influencer_field_name": "host"}])],
        web(expand=True),
        (InvalidDocument, "records[0].bucket_span", "failed to parse [records[0].bucket_span]"),
        "ours",
        options={"records": relation([{**AT, "timestamp": HOUR, "bucket_span": 0}])},
    ),
    FrameRefused("29.6", "a result twice", TWICE, web(), (InvalidDocument, "frame", "several rows"), "ours"),
    FrameRefused(
        "29.7",
        "one version twice",
        [bucket(0, 5.0, written=1), bucket(0, 9.0, written=1)],
        web(),
        (InvalidDocument, "frame", "several rows"),
        "ours",
        version="written",
    ),
    FrameRefused("29.7", "no such column", FOUR, web(), (InvalidQuery, "frame", "no column [x]"), "ours", version="x"),
    FrameRefused("29.8", "no frame of records", FOUR, web(expand=True), (InvalidQuery, "records", "expand"), "ours"),
    FrameRefused(
        "29.13", "no frame of records", FOUR, web(where={"host": "a"}), (InvalidQuery, "records", "where"), "ours"
    ),
    FrameRefused(
        "29.13",
        "timestamps of another type",
        FOUR,
        web(where={"host": "a"}),
        (InvalidQuery, "records", "timestamps of its type"),
        "ours",
        options={"records": relation([], timestamp="TIMESTAMP")},
    ),
    FrameRefused(
        "29.9",
        "a collation that finds another job",
        [bucket(0, job_id="web"), bucket(0, job_id="WEB")],
        web(),
        (InvalidDocument, "frame", "a job that the query does not select"),
        "ours",
        types={"job_id": "TEXT COLLATE NOCASE"},
    ),
    FrameRefused(
        "29.9",
        "a collation that sorts otherwise",
        [{**AT, "by_field_value": "a"}, {**AT, "by_field_value": "B"}],
        RecordQuery(jobs="web", sort="by_field_value", desc=False),
        (InvalidDocument, "frame", "another order"),
        "ours",
        types={"by_field_value": "TEXT COLLATE NOCASE"},
    ),
    FrameRefused(
        "29.10",
        "a page that is too large",
        FOUR,
        web(size=11),
        (LimitExceeded, "size", "[max_size]"),
        "ours",
        options={"max_size": 10},
    ),
    FrameRefused("29.12", "no query", FOUR, "web", (InvalidQuery, "query", "BucketQuery"), "ours"),
    FrameRefused(
        "29.12",
        "a type that is not listed",
        [bucket(timestamp="2026-01-01")],
        web(),
        (InvalidQuery, "frame", "[timestamp] of the type [Date]"),
        "ours",
        types={"timestamp": "DATE"},
    ),
]


@each_row(REFUSED)
def test_a_frame_is_refused(row: FrameRefused) -> None:
    """The error has the class, the field and the words of the row."""
    frame: Any = relation(row.rows, **row.types)
    frame = latest(frame, row.version) if row.version else frame
    of, name, words = row.expected
    with pytest.raises(of) as caught:
        search(frame, row.query, **row.options)
    assert isinstance(caught.value, BucketQueryError)
    assert caught.value.field == name
    assert words in caught.value.reason


@dataclass(frozen=True, slots=True)
class FrameSummed:
    """Overall buckets of a frame are those of the reference.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        rows: the rows of the frame.
        asked: the parameters, without the jobs.
        jobs: the jobs, as the call names them.
        expected: the hour and the score of each overall bucket.
        source: the source of the rule.
        known: the jobs for the reference.
        types: the types of columns.
        zone: the time zone of the session.
    """

    rule: str
    claim: str
    rows: list[dict[str, Any]]
    asked: Mapping[str, Any]
    jobs: Any
    expected: list[tuple[float, float]]
    source: str
    _: KW_ONLY
    known: tuple[str, ...] = ("web", "db")
    types: Mapping[str, str] = field(default_factory=dict)
    zone: str = "UTC"


TWO = [bucket(0, 80.0), bucket(0, 40.0, job_id="db"), bucket(1, 20.0), bucket(2, is_interim=True), bucket(3, NAN)]
SUMMED = [
    FrameSummed("29.11", "the greatest score", TWO, {}, "_all", [(0, 80.0), (1, 20.0), (2, 0.0), (3, 0.0)], "ours"),
    FrameSummed(
        "29.11", "the mean", TWO, {"top_n": 2, "exclude_interim": True}, "*", [(0, 60.0), (1, 20.0), (3, 0.0)], "ours"
    ),
    FrameSummed("29.11", "longer intervals", TWO, {"bucket_span": 7200}, "web,db", [(0, 80.0), (2, 0.0)], "ours"),
    FrameSummed(
        "29.11", "collected again", TWO, {"bucket_span": 7200, "top_n": 2}, "web,db", [(0, 60.0), (2, 0.0)], "ours"
    ),
    FrameSummed(
        "29.11",
        "a window of whole intervals",
        TWO,
        {"start": 1, "end": 3 * HOUR - 1, "overall_score": 5.0},
        "_all",
        [(1, 20.0)],
        "ours",
    ),
    FrameSummed("29.11", "spans as arguments", TWO, {"spans": {"web": 7200}}, "web", [(0, 80.0), (2, 0.0)], "ours"),
    FrameSummed("29.11", "a job without buckets", TWO, {}, "nobody", [], "ours", known=("nobody",)),
    FrameSummed("29.11", "a frame without scores", [{**AT}], {}, "_all", [(0, 0.0)], "ours"),
    FrameSummed(
        "29.11",
        "timestamps in a zone that begins hours elsewhere",
        [bucket(timestamp=f"1970-01-01 0{hour}:45:00+00", anomaly_score=hour) for hour in range(3)],
        {},
        "_all",
        [(0, 0.0), (1, 1.0), (2, 2.0)],
        "ours",
        types={"timestamp": "TIMESTAMPTZ"},
        zone="Asia/Kolkata",
    ),
    FrameSummed(
        "29.11",
        "intervals that no unit of the engine divides",
        [bucket(timestamp="1970-01-01 00:00:00", bucket_span=1, anomaly_score=3.0)],
        {"bucket_span": "1500ms"},
        "_all",
        [(0, 3.0)],
        "ours",
        types={"timestamp": "TIMESTAMP"},
    ),
]


@each_row(SUMMED)
def test_a_frame_has_overall_buckets(row: FrameSummed) -> None:
    """The body is that of the reference, with the scores that the row names."""
    frame = relation(row.rows, row.zone, **row.types)
    body = overall_buckets(frame, job_id=row.jobs, **row.asked).to_dict()
    assert [(found["timestamp"] / HOUR, found["overall_score"]) for found in body["overall_buckets"]] == row.expected
    if not row.types:
        documents = [
            {
                "result_type": "bucket",
                **given,
                "anomaly_score": None if given.get("anomaly_score") is NAN else given.get("anomaly_score"),
            }
            for given in row.rows
        ]
        known = ("web",) if row.jobs == "web" else row.known
        assert repr(body) == repr(evaluate_overall(documents, jobs=known, **row.asked))


def test_a_call_that_needs_a_job_is_refused_without_one() -> None:
    """A pattern that selects no job is an error if `allow_no_match` is False."""
    with pytest.raises(UnknownJob):
        overall_buckets(relation(FOUR), job_id="x*", allow_no_match=False)
