"""`bucketquery.frames`: what the rules leave open, on DuckDB, and on stand-ins for the other engines."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    InfluencerQuery,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    RecordQuery,
)
from bucketquery.frames import answer, filters, instants, latest, overall, overall_buckets, rows, search, sorting
from bucketquery.frames.clock import instant_of
from bucketquery.frames.conditions import in_jobs_and_window, job_selection
from bucketquery.frames.documents import documents_of
from bucketquery.frames.table import Table, _in_utc, _prepared, _with_nullable_booleans
from bucketquery.model.schema import BUCKET, RECORD
from bucketquery.testing import evaluate
from support.duckdb_frames import relation
from support.engine_stand_ins import Eager, Lazy, Native, Series

ENGINE = nw.Implementation
DAY = 86_400_000
HOUR = 3_600_000
AT = {"job_id": "web", "timestamp": 0, "bucket_span": 3600}
BLAMED = [{"influencer_field_name": "host"}]


def bucket(timestamp: int, **fields: Any) -> dict[str, Any]:
    """A bucket of the job ``web``."""
    return {**AT, "timestamp": timestamp, **fields}


def body_of(documents: list[dict[str, Any]], query: Any, kind: str = "bucket") -> dict[str, Any]:
    """The body by the reference."""
    return evaluate([{"result_type": kind, **document} for document in documents], query)


# ---- the calls


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without narwhals a call raises ImportError, whose text names the extra that installs it."""
    for name in [name for name in sys.modules if name.startswith("bucketquery.frames.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("answer", "overall"):
        monkeypatch.delattr(sys.modules["bucketquery.frames"], name)
    monkeypatch.setitem(sys.modules, "narwhals.stable.v2", None)
    with pytest.raises(ImportError, match=r"pip install 'bucketquery\[distributed\]'") as caught:
        search(None, BucketQuery(jobs="web"))
    assert caught.value.name == "narwhals.stable.v2"
    with pytest.raises(ImportError, match=r"pip install 'bucketquery\[distributed\]'"):
        overall_buckets(None, job_id="web")


def test_only_frames_are_searched() -> None:
    """A list is no frame."""
    with pytest.raises(TypeError):
        search([1, 2], BucketQuery(jobs="web"))


def test_a_version_is_the_name_of_a_column() -> None:
    """`latest` takes text only."""
    assert latest("a frame", "written") == ("a frame", "written")
    with pytest.raises(InvalidQuery):
        latest("a frame", 5)  # type: ignore[arg-type] # refused


def test_now_is_the_given_instant_or_that_of_the_clock() -> None:
    """Date math means the instant of `now`; without it, that of the system's clock, which is later than 2020."""
    assert instant_of(datetime(1970, 1, 2, tzinfo=UTC)) == DAY
    assert instant_of(None) > 1_577_836_800_000
    frame = relation([bucket(0), bucket(HOUR)])
    query = BucketQuery(jobs="web", start="now-1h")
    assert search(frame, query, now=2 * HOUR).keys() == (("web", HOUR, 3600),)
    assert search(frame, query).count == 0


def test_a_page_has_all_of_a_page() -> None:
    """The page of a frame is read, shown and pickled as that of an index; only the cursor is missing."""
    page = search(relation([bucket(0), bucket(HOUR)]), BucketQuery(jobs="web", size=1))
    assert (page.count, len(page), page[0].timestamp, page.cursor, page.sequence) == (2, 1, 0, None, 0)
    assert page.to_dict(human=True)["buckets"][0]["timestamp_string"] == "1970-01-01T00:00:00.000Z"
    assert b'"count":2' in page.to_json()


VARIED = [
    bucket(0, anomaly_score=5.0, is_interim=True, scheduled_events=["b", "a"]),
    bucket(1, anomaly_score=90.0, is_interim=False, scheduled_events=[]),
    bucket(2, scheduled_events=["c"]),
]


@pytest.mark.parametrize(
    "query",
    [
        BucketQuery(jobs="web", exclude_interim=True),
        BucketQuery(jobs="_all,nobody", anomaly_score=(5.0, 90.0)),
        BucketQuery(jobs="_all,-web,-db,web", sort="is_interim", desc=True),
        BucketQuery(jobs=[*(f"job-{number}" for number in range(70)), "web"], sort="scheduled_events"),
        BucketQuery(jobs="*", sort="scheduled_events", desc=True),
        BucketQuery(jobs="web", sort="result_type", desc=True),
        BucketQuery(jobs="nobody", expand=True),
    ],
)
def test_queries_are_answered_as_by_the_reference(query: BucketQuery) -> None:
    """Conditions, tokens and sort fields give the bodies of the reference."""
    assert search(relation(VARIED), query, records=relation([])).to_dict() == body_of(VARIED, query)


def test_missing_columns_meet_no_threshold() -> None:
    """A frame without scores, or without a column for interim results, has no scores and no interim results."""
    frame = relation([bucket(0)])
    assert search(frame, BucketQuery(jobs="web", anomaly_score=5)).count == 0
    assert search(frame, BucketQuery(jobs="web", anomaly_score=(0.0, 5.0))).count == 0
    assert search(frame, BucketQuery(jobs="web", exclude_interim=True, sort="event_count")).count == 1


def test_parameters_are_refused() -> None:
    """A page may be too large, a frame of records or a column of versions may be missing, and a bucket too."""
    frame = relation([bucket(0)])
    with pytest.raises(LimitExceeded, match="max_size"):
        search(frame, BucketQuery(jobs="web", size=11), max_size=10)
    with pytest.raises(InvalidQuery, match="frame of records"):
        search(frame, BucketQuery(jobs="web", expand=True))
    with pytest.raises(InvalidQuery, match=r"no column \[x\]"):
        search(latest(frame, "x"), BucketQuery(jobs="web"))
    with pytest.raises(NotFound):
        search(frame, BucketQuery(jobs="web", timestamp=5))


def test_rows_that_cannot_be_a_page_are_refused() -> None:
    """A result twice, another job, and another order."""
    nocase = {"job_id": "TEXT COLLATE NOCASE"}
    with pytest.raises(InvalidDocument, match="several rows"):
        search(relation([bucket(0), bucket(0)]), BucketQuery(jobs="web"))
    with pytest.raises(InvalidDocument, match="a job that the query does not select"):
        search(relation([bucket(0, job_id="WEB")], **nocase), BucketQuery(jobs="web"))
    with pytest.raises(InvalidDocument, match="another order"):
        search(relation([bucket(0, job_id="a"), bucket(0, job_id="B")], **nocase), BucketQuery(jobs="_all"))


def test_the_newest_row_of_a_result_counts() -> None:
    """The identity of a record has texts, of which a missing one is not an empty one."""
    records = [
        {**AT, "record_score": 1.0, "written": 1},
        {**AT, "record_score": 2.0, "written": 2, "by_field_value": ""},
        {**AT, "record_score": 3.0, "written": 3, "detector_index": 0},
    ]
    page = search(latest(relation(records), "written"), RecordQuery(jobs="web"))
    assert page.column("record_score").tolist() == [3.0, 2.0]


# ---- pages in time order, far behind


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("types", [{}, {"timestamp": "TIMESTAMP"}])
@pytest.mark.parametrize(("from_", "size"), [(0, 3), (3, 2), (4, 5), (6, 1), (11, 4), (12, 3), (40, 3), (3, 0)])
def test_a_deep_page_sorts_some_days_only(
    desc: bool, types: dict[str, str], from_: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages in time order that count the results of each day first are those of the reference, before 1970 too."""
    monkeypatch.setattr(answer, "DEEP", 0)
    stored = [bucket(day * DAY + hour * HOUR) for day in (-2, 0, 1, 5) for hour in (0, 7, 23)]
    given = [
        {**one, "timestamp": datetime.fromtimestamp(one["timestamp"] / 1000, UTC).replace(tzinfo=None)}
        if types
        else one
        for one in stored
    ]
    query = BucketQuery(jobs="web", desc=desc, from_=from_, size=size)
    assert search(relation(given, **types), query).to_dict() == body_of(stored, query)


def test_days_that_overlap_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a zone's clock goes back over midnight, two days overlap, and all matches are sorted."""
    monkeypatch.setattr(answer, "DEEP", 0)
    monkeypatch.setattr(answer, "day", lambda name, dtype: nw.col(name) % 2 + 0 * len(str(dtype)))
    stored = [bucket(time) for time in range(5)]
    query = BucketQuery(jobs="web", from_=1, size=2)
    assert search(relation(stored), query).to_dict() == body_of(stored, query)


def test_other_orders_are_never_cut_by_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page by score, or by job, is cut from all matches."""
    monkeypatch.setattr(answer, "DEEP", 0)
    monkeypatch.setattr(answer, "day", lambda *_: pytest.fail("no days are counted"))
    frame = relation([bucket(0, anomaly_score=1.0), bucket(HOUR, anomaly_score=2.0)])
    for sort in ("anomaly_score", "job_id"):
        assert len(search(frame, BucketQuery(jobs="web", sort=sort, from_=1))) == 1


# ---- records


def test_records_are_fetched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The records of many instants are fetched by several queries, and a record of another pair is left out."""
    monkeypatch.setattr(answer, "_INSTANTS_AT_ONCE", 2)
    stored = [
        bucket(time, job_id=job, bucket_influencers=BLAMED)
        for job in ("a", "b")
        for time in range(5)
        if (job, time) != ("b", 2)
    ]
    records = [{**AT, "job_id": job, "timestamp": time} for job in ("a", "b", "c") for time in range(6)]
    query = BucketQuery(jobs="a,b", expand=True)
    expected = evaluate(
        [{"result_type": "bucket", **one} for one in stored] + [{"result_type": "record", **one} for one in records],
        query,
    )
    assert search(relation(stored), query, records=relation(records)).to_dict() == expected
    versions = latest(relation([{**record, "written": 1} for record in records]), "written")
    assert search(relation(stored), query, records=versions).to_dict() == expected


def test_records_at_the_first_and_last_instant_are_found() -> None:
    """The first and the last instant of all have no literal beyond them."""
    first, last = -62_135_596_800_000, 253_402_300_799_999
    stored = [bucket(time, bucket_influencers=BLAMED) for time in (first, last)]
    found = search(
        relation(stored), BucketQuery(jobs="web", expand=True), records=relation([bucket(first), bucket(last)])
    )
    assert [len(one.records) for one in found] == [1, 1]


def test_an_empty_page_expands_nothing() -> None:
    """No records are fetched if no bucket is on the page."""
    assert search(relation([]), BucketQuery(jobs="web", expand=True), records=relation([])).to_dict() == {
        "count": 0,
        "buckets": [],
    }


def test_a_table_that_changes_between_two_queries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the page has fewer rows than the count promises, the call raises."""
    monkeypatch.setattr(answer, "number_of", lambda _: 3)
    with pytest.raises(InvalidDocument, match="has changed between two queries"):
        search(relation([bucket(0)]), BucketQuery(jobs="web"))


# ---- entity filters

HOSTS = [
    {**AT, "by_field_name": "host", "by_field_value": "a", "function": "mean"},
    {**AT, "timestamp": 1, "over_field_name": "host", "over_field_value": "b", "detector_index": 1},
    {**AT, "timestamp": 2, "is_interim": True, "by_field_value": "a", "partition_field_value": "c"},
]


@pytest.mark.parametrize(
    ("where", "times"),
    [
        ({"by_field_value": "a"}, [0, 2]),
        ({"by_field_value": ["a", None]}, [0, 1, 2]),
        ({"host": ["b", "c"]}, [1]),
        ({"host": None}, [2]),
        ({"host": [None, "a"], "function": "mean"}, [0]),
        ({"host": []}, []),
        ({"function": []}, []),
        ({"detector_index": 0}, [0, 2]),
        ({"detector_index": []}, []),
        ({"field_name": "x"}, []),
        ({"field_name": None}, [0, 1, 2]),
    ],
)
def test_filters_are_equalities(where: dict[str, Any], times: list[int]) -> None:
    """A result has, in every field, one of its values; buckets have a record at their instant that does."""
    records = RecordQuery(jobs="web", where=where, sort="timestamp", desc=False)
    assert search(relation(HOSTS), records).column("timestamp").tolist() == times
    connection = duckdb.connect()
    frames = [
        relation(rows, connection=connection, table=name)
        for name, rows in (("buckets", [bucket(time) for time in range(3)]), ("records", HOSTS))
    ]
    for exclude_interim in (False, True):
        query = BucketQuery(jobs="web", where=where, exclude_interim=exclude_interim)
        expected = [time for time in times if time != 2 or not exclude_interim]
        assert search(frames[0], query, records=frames[1]).column("timestamp").tolist() == expected


def test_filters_of_frames_without_these_columns() -> None:
    """A missing column is missing in every row; a record without a detector has detector 0."""
    for where, count in (({"host": None, "detector_index": 0}, 1), ({"host": "a"}, 0), ({"detector_index": 1}, 0)):
        assert search(relation([{**AT}]), RecordQuery(jobs="web", where=where)).count == count
    influencers = relation([{**AT, "influencer_field_name": "host", "influencer_field_value": "a"}])
    assert search(influencers, InfluencerQuery(jobs="web", where={"host": ["a", "b"]})).count == 1


def test_filters_of_buckets_need_records() -> None:
    """A frame of records is needed, whose timestamps have the type of those of the buckets, and latest rows count."""
    query, frame = BucketQuery(jobs="web", where={"host": "a"}), relation([bucket(0)])
    with pytest.raises(InvalidQuery, match="frame of records"):
        search(frame, query)
    with pytest.raises(InvalidQuery, match="timestamps of its type"):
        search(frame, query, records=relation([], timestamp="TIMESTAMP"))
    connection = duckdb.connect()
    versions = [{**HOSTS[0], "written": 1}, {**HOSTS[0], "by_field_name": "zone", "written": 2}]
    buckets = relation([bucket(0)], connection=connection, table="buckets")
    records = relation(versions, connection=connection, table="records")
    assert search(buckets, query, records=records).count == 1
    assert search(buckets, query, records=latest(records, "written")).count == 0


def test_frames_in_memory_are_joined_by_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows whose job and instant the other frame has are kept; an empty frame stays as it is."""
    names = filters._KEYS
    kept: list[Any] = []
    monkeypatch.setattr(Eager, "filter", lambda _, stays: kept.append(stays))
    first, second = (
        Eager({names[0]: Series(["a"] * len(times), nw.String), names[1]: Series(times, nw.Datetime("ms"))})
        for times in ([1, 2], [2, 3])
    )
    filters._semi_join(first, second)
    assert kept == [[False, True]]
    empty = first[:0]
    assert filters._semi_join(empty, second) is empty


# ---- overall buckets


def test_overall_buckets_see_the_newest_rows() -> None:
    """Of several rows of one bucket, that with the greatest version counts."""
    frame = latest(
        relation([bucket(0, anomaly_score=9.0, written=1), bucket(0, anomaly_score=5.0, written=2)]), "written"
    )
    assert [found.overall_score for found in overall_buckets(frame, job_id="_all")] == [5.0]


def test_overall_buckets_need_exact_job_ids() -> None:
    """A collation that finds another job ends in an error."""
    frame = relation([bucket(0, job_id="WEB")], job_id="TEXT COLLATE NOCASE")
    with pytest.raises(InvalidDocument, match="a job that the query does not select"):
        overall_buckets(frame, job_id="web")


def test_overall_buckets_of_nothing() -> None:
    """A named job without buckets has no overall buckets; a span that is given spares a query for it."""
    frame = relation([bucket(0, anomaly_score=7.0)])
    assert overall_buckets(frame, job_id="nobody").count == 0
    assert [found.bucket_span for found in overall_buckets(frame, job_id="web", spans={"web": 7200})] == [7200]
    assert overall_buckets(relation([bucket(0)]), job_id="web", exclude_interim=True)[0].overall_score == 0.0


def test_overall_buckets_refuse_a_span_that_is_too_short() -> None:
    """The error is that of an index."""
    with pytest.raises(InvalidQuery, match="must be greater or equal to the max bucket_span"):
        overall_buckets(relation([bucket(0)]), job_id="web", bucket_span=60)


def test_parts_that_straddle_an_interval_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a zone begins its hours elsewhere, an interval is read instant by instant."""
    # Hours that begin at half past.
    monkeypatch.setattr(overall, "steps", lambda name, _, span: (nw.col(name) - HOUR // 2) // HOUR + 0 * (span % 2))
    scores = {HOUR + 2_700_000: 1.0, 2 * HOUR + 300_000: 9.0, 3 * HOUR: 2.0}
    frame = relation([bucket(time, anomaly_score=score) for time, score in scores.items()])
    found = overall_buckets(frame, job_id="_all", bucket_span="2h")
    assert [(one.timestamp // HOUR, one.overall_score) for one in found] == [(0, 1.0), (2, 9.0)]


def test_scores_of_parts_are_those_of_the_engine() -> None:
    """Hours are the parts of an interval of two hours; the engine returns a row for each."""
    table = Table.of(relation([bucket(minute * 60_000, anomaly_score=float(minute)) for minute in range(90)]), BUCKET)
    columns = overall._greatest(table, 2 * HOUR)
    found = zip(columns["timestamp"], columns["anomaly_score"], strict=True)
    assert sorted(found) == [(0, 59.0), (HOUR, 89.0)]


# ---- jobs


def test_tokens_select_ids_by_the_same_rules_in_python() -> None:
    """Tokens apply from left to right: a later one selects again what an earlier one excludes."""
    jobs = ["a", "ab", "b", "b.c"]
    for tokens, selected in (
        (("_all",), jobs),
        (("*", "-a*"), ["b", "b.c"]),
        (("a*", "-_all", "b"), ["b"]),
        (("*.*",), ["b.c"]),
        (("ab", "b", "-b"), ["ab"]),
    ):
        assert [job for job in jobs if job_selection(tokens)(job)] == selected
        frame = relation([{**AT, "job_id": job} for job in jobs])
        assert [key[0] for key in search(frame, BucketQuery(jobs=tokens)).keys()] == selected  # noqa: SIM118


# ---- instants


@pytest.mark.parametrize("engine", [ENGINE.PYSPARK, ENGINE.SQLFRAME, ENGINE.POLARS])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_literals_of_other_engines_are_expressions(engine: nw.Implementation, zone: str | None) -> None:
    """Spark reads text, and Polars casts; on DuckDB both select the same rows as a literal."""
    of = "TIMESTAMP" if zone is None else "TIMESTAMPTZ"
    frame = nw.from_native(relation([bucket(0) | {"timestamp": "1970-01-01 00:00:01"}], timestamp=of))
    dtype = nw.Datetime("us", zone)
    for moment, count in ((1_000, 1), (1_001, 0)):
        low, _ = instants.in_window("timestamp", dtype, engine, moment, 2**60)
        assert low is not None
        assert rows.number_of(frame.filter(low)) == count


@pytest.mark.parametrize(
    "time", ["1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000999", "1969-12-31 23:59:59.998"]
)
def test_duckdb_has_a_column_of_milliseconds(time: str) -> None:
    """A timestamp with a zone is rounded down, before 1970 too, and the column itself is still compared."""
    frame = relation([bucket(0) | {"timestamp": f"{time}+00"}], zone="Asia/Kolkata", timestamp="TIMESTAMPTZ")
    expected = int(np.datetime64(time, "us").astype(np.int64) // 1000)
    query = BucketQuery(jobs="web", start=expected, end=expected + 1, sort="timestamp")
    assert search(frame, query).column("timestamp").tolist() == [expected]


def test_instants_without_a_zone_are_cut_as_text_in_spark() -> None:
    """The session's zone plays no part."""
    frame = nw.from_native(relation([bucket(0) | {"timestamp": "1970-01-01 00:00:01.123999"}], timestamp="TIMESTAMP"))
    cut = frame.select(instants.instant("timestamp", nw.Datetime("us"), ENGINE.PYSPARK))
    assert rows.all_of(cut) == {"timestamp": [1_123]}


def test_a_window_of_nanoseconds_ends_where_they_end() -> None:
    """A timestamp in nanoseconds reaches from 1677 to 2262; a bound beyond it is no literal."""
    dtype = nw.Datetime("ns")
    assert instants.in_window("timestamp", dtype, ENGINE.DUCKDB, -(10**13), 10**13) == (None, None)
    frame = relation([bucket(0) | {"timestamp": "1970-01-01 00:00:00"}], timestamp="TIMESTAMP_NS")
    assert search(frame, BucketQuery(jobs="web", start=-(10**13), end=10**13)).count == 1
    assert search(frame, BucketQuery(jobs="web", start=10**13)).count == 0
    assert search(frame, BucketQuery(jobs="web", end=-(10**13))).count == 0


def test_instants_may_be_floats() -> None:
    """A column of pandas has floats where an integer is missing; NaN is a missing instant."""
    stored = [bucket(0, **{"event.ingested": 5.0}), bucket(1, **{"event.ingested": float("nan")}), bucket(2)]
    frame = relation(stored, **{"event.ingested": "DOUBLE"})
    page = search(frame, BucketQuery(jobs="web", sort="event.ingested"))
    assert [one.event_ingested for one in page] == [5, None, None]


@pytest.mark.parametrize(
    ("span", "unit"), [(2 * DAY, "1d"), (5 * HOUR, "1h"), (90_000, None), (60_000, "1m"), (7_000, "1s"), (1_500, None)]
)
def test_intervals_are_cut_at_whole_units(span: int, unit: str | None) -> None:
    """The greatest unit that divides the interval is used; days only in UTC."""
    for zone in (None, "UTC", "America/New_York"):
        step = instants.steps("timestamp", nw.Datetime("us", zone), span)
        assert (step is None) == (unit is None and span % 1_000 != 0)
    moments = nw.from_native(relation([bucket(0), bucket(span - 1), bucket(span)]))
    step = instants.steps("timestamp", nw.Int64(), span)
    assert step is not None
    first, *_, last = rows.all_of(moments.select(step.alias("step")))["step"]
    assert first < last


# ---- rows


def test_arrays_become_values() -> None:
    """Masked entries and NaN are None; instants of every unit are milliseconds, rounded down."""
    assert rows._of_numpy(np.ma.array([1, 2], mask=[True, False])) == [None, 2]
    assert rows._of_numpy(np.array([1.5, np.nan])) == [1.5, None]
    for unit, value in (("s", -2), ("ms", -2_000), ("us", -1_999_999), ("ns", -1_999_999_999)):
        assert rows._of_numpy(np.array([value], f"datetime64[{unit}]")) == [-2_000]


def test_frames_in_memory_are_cut_by_rows() -> None:
    """A page of a frame in memory is a part of it; NaN and null are None."""
    frame = Eager({"a": Series([1, 2, 3], nw.Int64), "b": Series([0.5, float("nan"), None], nw.Float64)})
    assert rows.page_of(frame, ["a", "b"], 1, 5) == {"a": [2, 3], "b": [None, None]}  # type: ignore[list-item] # names
    assert rows.number_of(frame) == 3
    assert rows.all_of(Eager({"at": Series([5, None], nw.Datetime("ns"))})) == {"at": [5, None]}


@pytest.mark.parametrize(
    ("engine", "calls"),
    [
        (ENGINE.POLARS, ["slice(1, 2)"]),
        (ENGINE.IBIS, ["limit(2, 1)"]),
        (ENGINE.DUCKDB, ["limit(2, 1)"]),
        (ENGINE.PYSPARK, ["offset(1)", "limit(2, 0)"]),
        (ENGINE.PYSPARK_CONNECT, ["offset(1)", "limit(2, 0)"]),
    ],
)
def test_engines_cut_the_page(engine: nw.Implementation, calls: list[str]) -> None:
    """Each engine skips rows by its own means."""
    native = Native(Eager({"a": Series([1, 2, 3, 4], nw.Int64)}), [])
    cut = rows._CUTS[engine](native, 1, 2)
    assert cut.calls == calls
    assert rows.all_of(cut.becomes) == {"a": [2, 3]}


def test_spark_has_no_offset_of_nothing() -> None:
    """The first page has a limit only, so Spark keeps the first rows of each partition."""
    assert rows._CUTS[ENGINE.PYSPARK](Native(Eager({"a": Series([1, 2], nw.Int64)}), []), 0, 1).calls == ["limit(1, 0)"]


def test_a_frame_without_an_offset_is_cut_behind_the_engine() -> None:
    """A frame of sqlframe skips no rows, so the rows before the page are dropped where they are collected."""
    frame = Lazy(Eager({"a": Series([1, 2, 3, 4], nw.Int64)}), ENGINE.SQLFRAME)
    assert rows.page_of(frame, ["a"], 1, 2) == {"a": [2, 3]}  # type: ignore[list-item] # names


def test_other_lazy_frames_are_collected_by_narwhals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A native frame of any engine but DuckDB is collected by narwhals."""
    eager = Eager({"a": Series([1, 2, 3], nw.Int64)})
    monkeypatch.setattr("bucketquery.frames.rows.nw.from_native", lambda native: Lazy(native.becomes, ENGINE.PYSPARK))
    assert rows.page_of(Lazy(eager, ENGINE.PYSPARK), ["a"], 1, 1) == {"a": [2]}  # type: ignore[list-item] # names


# ---- documents


def test_rows_become_documents() -> None:
    """A missing value has no key, an integral float of an integer column is an integer, and nested gaps go."""
    columns: dict[str, list[Any]] = {
        "job_id": ["web", "web"],
        "timestamp": [0.0, 1],
        "event_count": [5.0, None],
        "event_ingested": [7.0, None],
        "scheduled_events": [np.array(["a"]), None],
        "bucket_influencers": [
            np.array([{"anomaly_score": float("nan"), "timestamp": datetime(1970, 1, 1), "event_ingested": 3}]),  # noqa: DTZ001 - a zone is missing
            ({"event.ingested": 4},),
        ],
    }
    first, second = documents_of(columns, BUCKET, "frame")
    nested = {"timestamp": datetime(1970, 1, 1, tzinfo=UTC), "event": {"ingested": 3}}
    assert first == {
        "job_id": "web",
        "timestamp": 0,
        "event_count": 5,
        "event": {"ingested": 7},
        "scheduled_events": ["a"],
        "bucket_influencers": [nested],
    }
    assert second == {"job_id": "web", "timestamp": 1, "bucket_influencers": [{"event": {"ingested": 4}}]}


def test_extra_fields_become_fields() -> None:
    """The fields of each text are those of its row. An empty text has none."""
    columns = {"extra_fields": ['{"host": "a"}', ""], "job_id": ["web", "web"]}
    assert documents_of(columns, RECORD, "frame") == [{"host": "a", "job_id": "web"}, {"job_id": "web"}]


# ---- tables


def test_only_the_files_of_jobs_and_window_are_read(tmp_path: Path) -> None:
    """DuckDB's plan reads the folder of the job only, and compares the column of the timestamps itself."""
    given = relation(
        [{**AT, "job_id": job, "timestamp": f"1970-01-0{day} 00:00:00"} for job in "abc" for day in (1, 2)],
        timestamp="TIMESTAMPTZ",
    )
    given.query("given", f"COPY given TO '{tmp_path}/parquet' (FORMAT parquet, PARTITION_BY job_id)")
    files = duckdb.read_parquet(f"{tmp_path}/parquet/*/*.parquet", hive_partitioning=True)
    table = in_jobs_and_window(Table.of(files, BUCKET), ("b",), DAY, 2 * DAY)
    plan = str(table.frame.to_native().explain())
    assert "Scanning Files: 1/3" in plan
    # DuckDB 1 writes no space.
    assert "timestamp>='1970-01-02" in plan.replace(" ", "")
    assert search(files, BucketQuery(jobs="b", start=DAY)).keys() == (("b", DAY, 3600),)


def test_an_engine_that_is_not_listed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the engine."""
    monkeypatch.setattr("bucketquery.frames.table.engine_of", lambda _: ENGINE.DASK)
    with pytest.raises(InvalidQuery, match="a frame of dask, which is not supported"):
        search(relation([bucket(0)]), BucketQuery(jobs="web"))


def test_the_instant_of_the_write_is_renamed_by_each_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark needs its own function, because it reads a name with a dot as a path; sqlframe cannot, so it refuses."""
    frame = Eager({"event.ingested": Series([1], nw.Int64)}, ENGINE.POLARS)
    assert _prepared(frame, "frame").columns == ["event_ingested"]
    monkeypatch.setattr("bucketquery.frames.table.nw.from_native", lambda native: native)
    found: Any = _prepared(Lazy(frame, ENGINE.PYSPARK), "frame")
    assert found.calls == ["rename(event.ingested, event_ingested)"]
    quoted = Lazy(Eager({"`event.ingested`": Series([1], nw.Int64)}), ENGINE.SQLFRAME)
    with pytest.raises(InvalidQuery, match="sqlframe reads no name with a dot"):
        _prepared(quoted, "frame")


def test_duckdb_itself_renames_the_instant_of_the_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB 1 would look for a table of the name before the dot that narwhals gives it."""
    monkeypatch.setattr(nw.LazyFrame, "rename", None)
    frame = relation([{**bucket(0), "event.ingested": 5}])
    assert search(frame, BucketQuery(jobs="web")).to_dict()["buckets"][0]["event"] == {"ingested": 5}


class Times:
    """A column of pandas with a time zone."""

    def __init__(self, tz: str | None) -> None:
        self.dtype = self
        self.dt = self
        self.tz = tz

    def tz_convert(self, tz: str) -> "Times":
        """The column in another zone."""
        return Times(tz)


class Frame(dict[str, Any]):
    """A frame of pandas: columns by name, and what was assigned."""

    def assign(self, **columns: Any) -> "Frame":
        """The frame with other columns."""
        return Frame({**self, **columns})


def test_frames_of_pandas_are_read_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns with a zone become columns in UTC, and the caller's frame stays as it is."""
    monkeypatch.setattr("bucketquery.frames.table.nw.from_native", lambda native: native)
    frame = Eager({"timestamp": Series([1], nw.Int64)}, ENGINE.PANDAS)
    frame.native = Frame(timestamp=Times("America/New_York"), other=Times("Asia/Kolkata"))
    found: Any = _in_utc(frame)
    assert (found["timestamp"].tz, found["other"].tz) == ("UTC", "Asia/Kolkata")
    assert frame.native["timestamp"].tz == "America/New_York"
    frame.native = Frame(timestamp=Times(None))
    assert _in_utc(frame) is frame
    monkeypatch.setattr("bucketquery.frames.table._in_utc", lambda _: Eager({"a": Series([1], nw.Int64)}))
    monkeypatch.setattr("bucketquery.frames.table._with_nullable_booleans", lambda frame: frame)
    assert _prepared(frame, "frame").columns == ["a"]


class Flags(list[Any]):
    """A column of objects of pandas."""

    dtype: Any = object

    def dropna(self) -> list[Any]:
        """The values that are there."""
        return [flag for flag in self if flag is not None]

    def astype(self, dtype: str) -> str:
        """The name of the type in place of the converted column."""
        return dtype


@pytest.mark.parametrize(
    ("flags", "expected"), [([True, None], "boolean"), ([None], "boolean"), (["true", None], "objects")]
)
def test_objects_of_pandas_become_booleans_if_all_are(
    flags: list[Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a column whose values are booleans is converted, in a copy of the frame."""
    monkeypatch.setattr("bucketquery.frames.table.nw.from_native", lambda native: native)
    frame: Any = Eager({"timestamp": Series([1], nw.Int64)}, ENGINE.PANDAS)
    frame.native = Frame(is_interim=Flags(flags))
    found: Any = _with_nullable_booleans(frame)
    assert (found is frame) is (expected == "objects")
    assert found is frame or found["is_interim"] == expected
    assert frame.native["is_interim"] == flags


@pytest.mark.parametrize("flags", [[True, None], [None, None], [False, True]])
def test_booleans_of_pandas_may_be_missing(flags: list[bool | None]) -> None:
    """Pandas has objects where a boolean is missing; such a result is final, and the caller's frame stays as it is."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({**AT, "timestamp": [0, HOUR], "is_interim": pandas.Series(flags, dtype=object)})
    finals = [hour * HOUR for hour, flag in enumerate(flags) if not flag]
    query = BucketQuery(jobs="web", sort="timestamp", desc=False)
    assert search(frame, query.replace(exclude_interim=True)).column("timestamp").tolist() == finals
    assert [found.is_interim for found in search(frame, query)] == [bool(flag) for flag in flags]
    assert frame["is_interim"].dtype == object


def test_other_objects_of_pandas_are_no_booleans() -> None:
    """The words true and false are refused."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({**AT, "timestamp": [0], "is_interim": pandas.Series(["true"], dtype=object)})
    with pytest.raises(InvalidQuery, match="must be booleans"):
        search(frame, BucketQuery(jobs="web"))


def test_lists_of_pandas_are_ordered_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that are objects are ordered by their least or greatest text; a missing or an empty one has none."""
    lists: list[Any] = [np.array(["b", "a"]), None, float("nan"), [], "c"]
    frame = Eager({"scheduled_events": Series(lists, nw.Object)})
    table = Table(
        frame=frame, schema=BUCKET, types={"scheduled_events": nw.Object}, engine=ENGINE.PANDAS, argument="frame"
    )
    made: list[Any] = []
    monkeypatch.setattr("bucketquery.frames.sorting.nw.new_series", lambda *arguments, **_: made.append(arguments[1]))
    for desc in (False, True):
        sorting._one_of_list(table, "scheduled_events", desc=desc)
    assert made == [["a", None, None, None, "c"], ["b", None, None, None, "c"]]


def test_a_column_of_lists_is_not_checked_in_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of pandas tells nothing about the values of objects, so a column of them is accepted."""
    columns = {"job_id": nw.String, "timestamp": nw.Int64, "bucket_span": nw.Int64, "scheduled_events": nw.Object}
    frame = Eager({name: Series([], dtype) for name, dtype in columns.items()})
    frame.native = Frame()
    monkeypatch.setattr("bucketquery.frames.table.nw.from_native", lambda _: frame)
    assert Table.of("given", BUCKET).types["scheduled_events"] == nw.Object


def test_an_enum_is_shown_as_text() -> None:
    """The values of an ENUM are sorted and shown as text."""
    frame = relation([bucket(0, job_id="b"), bucket(0, job_id="a")], job_id="ENUM ('b', 'a')")
    assert search(frame, BucketQuery(jobs="_all")).column("job_id").tolist() == ["a", "b"]


def test_numbers_of_any_type_are_compared() -> None:
    """Scores may be integers or single precision; integers have no NaN."""
    for of in ("BIGINT", "FLOAT"):
        frame = relation([bucket(0, anomaly_score=80), bucket(1, anomaly_score=5)], anomaly_score=of)
        page = search(frame, BucketQuery(jobs="web", anomaly_score=75, sort="anomaly_score"))
        assert page.column("anomaly_score").tolist() == [80.0]


@pytest.mark.parametrize("make", ["DataFrame", "LazyFrame"])
def test_bounds_are_not_rounded_to_single_precision(make: str) -> None:
    """A score of single precision is below a bound that would be equal to it in that precision."""
    polars = pytest.importorskip("polars")
    scores = np.array([0.7, 0.8], dtype=np.float32)
    assert float(scores[0]) < 0.7
    frame = getattr(polars, make)({**AT, "timestamp": [0, 1], "anomaly_score": scores})
    assert search(frame, BucketQuery(jobs="web", anomaly_score=(0.1, 0.7))).count == 1


def test_a_missing_detector_orders_as_zero() -> None:
    """As a tie, a missing detector index counts as 0."""
    records = [{**AT, "detector_index": 1}, {**AT}, {**AT, "detector_index": -1}]
    page = search(relation(records), RecordQuery(jobs="web", desc=False))
    assert [one.detector_index for one in page] == [-1, 0, 1]
