"""Plans: `explain` shows how the answer of a page was found."""

import pickle
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, ResultsIndex
from support.helpers import FULL, JOB, SPAN_S, STEP, bucket, index_with_tables, lead_by_value, table_of

MANY = 100_000
DAY = 86_400_000


@pytest.fixture(scope="module")
def many() -> ResultsIndex:
    """100,000 buckets: 70 % of the scores are 0, 1 % are above 25 and 0.1 % above 75."""
    rng = np.random.default_rng(5)
    found = ResultsIndex()
    columns = {
        "timestamp": np.arange(MANY) * STEP,
        "bucket_span": SPAN_S,
        "anomaly_score": np.interp(rng.random(MANY), [0, 0.7, 0.9, 0.99, 0.999, 1], [0, 0, 1, 25, 75, 100]),
        "event_count": rng.lognormal(6, 0.5, MANY).astype(np.int64),
        "is_interim": np.arange(MANY) >= MANY - 3,
    }
    found.upsert_columns(columns, job_id=JOB)
    return found


@pytest.fixture(scope="module")
def few() -> ResultsIndex:
    """An index whose base alternates empty and full buckets, with one deleted row and a head of three rows."""
    found = index_with_tables()
    found.upsert([bucket(row, **(FULL if row % 2 else {})) for row in range(20)])
    found.upsert([bucket(11, event_count=9), bucket(12, bucket_span=60, **FULL), bucket(30, is_interim=True)])
    assert len(table_of(found).rows.deleted) == 1
    assert table_of(found).rows.head.length == 3
    return found


#: Parameters, and the path and the column that they lead to.
EXPLAINED: list[tuple[dict[str, Any], str, str | None]] = [
    ({}, "time", None),
    ({"desc": True}, "time", None),
    ({"start": 9 * DAY, "end": 10 * DAY, "from_": 5}, "time", None),
    ({"timestamp": 9 * DAY}, "time", None),
    ({"exclude_interim": True, "desc": True}, "time", None),
    ({"start": 900_000 * DAY}, "time", None),
    ({"anomaly_score": 75}, "threshold", "anomaly_score"),
    ({"anomaly_score": 75, "desc": True, "exclude_interim": True}, "threshold", "anomaly_score"),
    ({"anomaly_score": 50, "start": 9 * DAY, "end": 180 * DAY, "size": 0}, "threshold", "anomaly_score"),
    (
        {"anomaly_score": 25, "start": 9 * DAY, "end": 39 * DAY, "sort": "anomaly_score", "desc": True, "size": 20},
        "threshold",
        "anomaly_score",
    ),
    ({"anomaly_score": 37.3}, "threshold", "anomaly_score"),
    ({"anomaly_score": 0.005}, "threshold", "anomaly_score"),
    ({"sort": "anomaly_score", "desc": True, "size": 10}, "order", "anomaly_score"),
    ({"sort": "anomaly_score", "size": 10}, "order", "anomaly_score"),
    ({"sort": "anomaly_score", "desc": True, "anomaly_score": 3, "size": 10}, "order", "anomaly_score"),
    ({"sort": "event_count", "desc": True}, "order", "event_count"),
    ({"sort": "event_count"}, "order", "event_count"),
    (
        {"sort": "event_count", "desc": True, "anomaly_score": 1, "start": 9 * DAY, "end": 99 * DAY},
        "order",
        "event_count",
    ),
    ({"sort": "is_interim"}, "order", "is_interim"),
    ({"sort": "event_count", "size": 9_000}, "order", "event_count"),
    ({"sort": "event_count", "size": 10_000, "from_": 60_000}, "scan", "event_count"),
    ({"sort": "event_count", "start": 9 * DAY, "end": 9 * DAY + 5 * STEP}, "scan", "event_count"),
    ({"sort": "scheduled_events"}, "scan", "scheduled_events"),
]


@pytest.mark.parametrize(("parameters", "path", "column"), EXPLAINED, ids=repr)
def test_a_page_explains_how_it_was_found(
    many: ResultsIndex, parameters: dict[str, Any], path: str, column: str | None
) -> None:
    """The plan names the path and the column. Its levels and its number of rows read agree with the stored rows."""
    page = many.get_buckets(job_id=JOB, **parameters)
    plan = page.explain()
    assert list(plan) == ["path", "column", "levels", "rows_read", "rows_matched"]
    assert (plan["path"], plan["column"], plan["rows_matched"]) == (path, column, page.count)
    window = many.get_buckets(
        job_id=JOB, **{name: parameters[name] for name in ("start", "end") if name in parameters}, size=0
    )
    scores = table_of(many).rows.base.column("anomaly_score")
    threshold = parameters.get("anomaly_score", 0)
    if path == "time":
        assert (plan["levels"], plan["rows_read"]) == ((), 0)
    elif path == "scan":
        assert plan["levels"] == ()
        assert plan["rows_read"] >= window.count
    elif path == "threshold":
        (edge,) = plan["levels"]
        assert not ((scores >= threshold) & (scores < edge)).any(), "the level has every match"
        if threshold == edge:
            assert plan["rows_read"] == (page.count if "sort" in parameters else 0)
        else:
            assert page.count <= plan["rows_read"] < MANY // 3
    else:
        edge = plan["levels"][-1]
        values = page.column(column or "")
        assert (values >= edge).all() if parameters.get("desc") else (values <= edge).all()
        assert len(page) <= plan["rows_read"] < MANY
        if len(plan["levels"]) == 2:
            assert not ((scores >= threshold) & (scores < plan["levels"][0])).any()


def test_the_lowest_score_of_a_severity_is_a_level(many: ResultsIndex) -> None:
    """If fewer than a quarter of all rows are at or above that score, no row is compared."""
    for score in (3.0, 25.0, 50.0, 75.0):
        plan = many.get_buckets(job_id=JOB, anomaly_score=score).explain()
        assert (plan["path"], plan["levels"], plan["rows_read"]) == ("threshold", (score,), 0)


def test_few_rows_are_scanned(few: ResultsIndex) -> None:
    """A value index of few rows would not be faster."""
    for parameters, column in (
        ({"anomaly_score": 1.0}, "anomaly_score"),
        ({"sort": "event_count"}, "event_count"),
        ({"sort": "anomaly_score", "desc": True, "anomaly_score": 1.0}, "anomaly_score"),
    ):
        page = few.get_buckets(job_id=JOB, **parameters)
        plan = page.explain()
        assert (plan["path"], plan["column"], plan["levels"]) == ("scan", column, ())
        assert plan["rows_matched"] == page.count


def test_an_explanation_is_immutable_and_pickled_with_its_page(many: ResultsIndex) -> None:
    """The unpickled page explains itself as before."""
    page = many.get_buckets(job_id=JOB, anomaly_score=75, size=3)
    plan: Any = page.explain()
    assert pickle.loads(pickle.dumps(page)).explain() == plan
    with pytest.raises(TypeError):
        plan["path"] = "time"
    assert page.explain()["path"] == "threshold"


@pytest.mark.parametrize(("sort", "found_by"), [("event_count", "order"), ("scheduled_events", "scan")])
def test_a_cached_answer_explains_that_it_read_no_rows(sort: str, found_by: str) -> None:
    """From the second search in the same order on, the path is ``cache``, until the results change."""
    index = index_with_tables()
    index.upsert_columns(
        {"timestamp": np.arange(5_000) * STEP, "bucket_span": SPAN_S, "event_count": np.arange(5_000) * 7 % 5_000},
        job_id=JOB,
    )
    index.upsert([bucket(0, job_id="other")])
    first = index.get_buckets(job_id=JOB, sort=sort, size=10)
    assert first.explain()["path"] == found_by
    assert first.explain()["rows_read"] > 0
    cached = {"path": "cache", "column": sort, "levels": (), "rows_read": 0, "rows_matched": 5_000}
    again = index.get_buckets(job_id=JOB, sort=sort, from_=5, size=10)
    assert again.explain() == cached
    assert again.keys()[:5] == first.keys()[5:]
    assert first.explain()["path"] == found_by, "a page explains its own search"
    index.upsert([bucket(1, job_id="other")])
    assert index.get_buckets(job_id=JOB, sort=sort, size=20).explain() == cached
    # The cache does not answer another direction, another view, a window, or a page past the cached rows.
    others: list[dict[str, Any]] = [{"desc": True}, {"exclude_interim": True, "start": 0}, {"start": 0}, {"from_": 120}]
    for parameters in others:
        assert index.get_buckets(job_id=JOB, sort=sort, **{"size": 10, **parameters}).explain()["path"] != "cache"
    index.upsert([bucket(5_000, event_count=9)])
    assert index.get_buckets(job_id=JOB, sort=sort, size=10).explain()["path"] == found_by
    both = BucketQuery(jobs=[JOB, "other"], sort=sort, size=5)
    assert index.search(both).explain()["rows_read"] > 0
    plan = index.search(both).explain()
    assert (plan["path"], plan["rows_read"]) == ("jobs", 0), "the second time, neither of the two searches reads rows"


def test_rows_read_include_rows_that_did_not_match() -> None:
    """Most buckets have the greatest processing time, and none of these buckets matches.

    The search reads all rows to find matches with the greatest time. It finds none, so it then reads all matches.
    """
    index = ResultsIndex()
    size = 20_000
    is_match = np.arange(size) % 20 == 0
    columns = {
        "timestamp": np.arange(size) * STEP,
        "bucket_span": 300,
        "anomaly_score": np.where(is_match, 90.0, 0.0),
        "processing_time_ms": np.where(is_match, 5, 9),
    }
    index.upsert_columns(columns, job_id=JOB)
    page = index.get_buckets(job_id=JOB, anomaly_score=75, sort="processing_time_ms", desc=True, size=10)
    assert (page.count, page.explain()["path"]) == (1_000, "threshold")
    assert page.explain()["rows_read"] == size + page.count


def test_an_empty_page_reads_only_the_rows_of_its_count() -> None:
    """A page of size 0, or one that begins after the last match, reads no other row."""
    index = ResultsIndex()
    scores = np.arange(600) % 100
    index.upsert_columns(
        {"timestamp": np.arange(600) * STEP, "bucket_span": SPAN_S, "anomaly_score": scores}, job_id=JOB
    )
    parameters: list[dict[str, Any]] = [{"size": 0}, {"from_": 6}, {"from_": 60, "desc": True}]
    for asked in parameters:
        page = index.search(BucketQuery(jobs=JOB, anomaly_score=99, **asked))
        assert (page.count, len(page)) == (6, 0)
        assert page.explain()["rows_read"] == 600


def test_rows_read_fall_once_there_are_block_counts() -> None:
    """No level serves the threshold. The first two counts compare all rows, later ones those of a class and two blocks.

    A page adds the rows that it compares to find its matches.
    """
    index = ResultsIndex()
    size = 300_000
    scores = np.random.default_rng(7).random(size) * 100
    index.upsert_columns(
        {"timestamp": np.arange(size) * STEP, "bucket_span": SPAN_S, "anomaly_score": scores}, job_id=JOB
    )
    rows_read = []
    for _ in range(4):
        page = index.get_buckets(job_id=JOB, anomaly_score=37.3, size=0)
        assert page.count == np.count_nonzero(scores >= 37.3)
        rows_read.append(page.explain()["rows_read"])
    assert rows_read[:2] == [size, size]
    assert 0 < rows_read[2] == rows_read[3] < 2 * 4_096 + size // 100
    page = index.get_buckets(job_id=JOB, anomaly_score=37.3, size=10)
    assert page.explain()["rows_read"] == rows_read[3] + 256


def test_rows_read_include_rows_compared_to_list_all_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Block counts count the matches. Then the search compares all rows to list the matches, and sorts these."""
    lead_by_value(monkeypatch)
    index = ResultsIndex()
    rows = np.random.default_rng(8).permutation(4_096)
    index.upsert_columns(
        {
            "timestamp": np.arange(4_096) * STEP,
            "bucket_span": SPAN_S,
            "anomaly_score": rows / 40.96,
            "event_count": rows,
        },
        job_id=JOB,
    )
    parameters: dict[str, Any] = {"anomaly_score": 20, "sort": "event_count", "from_": 3_000}
    page = index.get_buckets(job_id=JOB, **parameters)
    assert page.explain()["path"] == "scan"
    counted = index.get_buckets(job_id=JOB, anomaly_score=20, size=0).explain()["rows_read"]
    assert counted == 586, "a class has a seventh of all rows"
    assert page.explain()["rows_read"] == 4_096 + page.count


def test_rows_compared_to_count_and_to_list_all_matches_are_read_once() -> None:
    """The count compares the whole window. To list the matches, the search compares only the first rows again."""
    index = ResultsIndex()
    index.upsert([bucket(row, anomaly_score=90.0 if row < 10 else 0.0) for row in range(1_000)])
    page = index.get_buckets(job_id=JOB, anomaly_score=75, sort="event_count", size=5)
    assert (page.count, page.explain()["path"], page.explain()["rows_read"]) == (10, "scan", 1_000 + 10)


@pytest.mark.parametrize("desc", [False, True])
def test_rows_read_of_records_by_time_are_all_that_were_compared(desc: bool) -> None:
    """Ten records lie at five instants, and the page of three ends in the middle of an instant.

    The search compares all ten records to count them, and all ten to find the page. It compares the two records of the
    page's last instant twice. Then it sorts the four records up to that instant.
    """
    index = ResultsIndex()
    rows = np.arange(10)
    columns = {
        "timestamp": rows // 2 * STEP,
        "bucket_span": 300,
        "detector_index": rows % 2,
        "record_score": 60.0 + rows,
    }
    index.upsert_columns(columns, job_id=JOB, kind="record")
    page = index.get_records(job_id=JOB, sort="timestamp", desc=desc, record_score=50, size=3)
    assert [(record.timestamp // STEP, record.detector_index) for record in page] == (
        [(4, 1), (4, 0), (3, 1)] if desc else [(0, 0), (0, 1), (1, 0)]
    )
    assert page.explain()["rows_read"] == 10 + 10 + 2 + 2 + 4
