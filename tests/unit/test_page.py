"""Pages: sequences of values that nobody can change, whichever rows they hold, and however they travel."""

import copy
import json
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery import Bucket, BucketInfluencer, BucketPage, BucketQuery, InvalidQuery, ResultsIndex
from bucketquery.model.encoding import json_bytes
from support.helpers import JOB, SPAN_S, STEP, WRITERS, bucket, record, rows, table_of, write_by

FULL: dict[str, Any] = {
    "anomaly_score": 5.0,
    "initial_anomaly_score": 6.0,
    "event_count": 7,
    "is_interim": False,
    "processing_time_ms": 8,
    "scheduled_events": ["a"],
    "bucket_influencers": [{"influencer_field_name": "host", "anomaly_score": 5.0}],
}
#: A page of a slice, of one backwards, of positions in base and head, of another order, of nothing.
PAGES: dict[str, dict[str, Any]] = {
    "slice": {"start": 2 * STEP, "end": 8 * STEP, "size": 4},
    "backwards": {"end": 3 * STEP, "desc": True},
    "positions": {"start": 8 * STEP},
    "positions backwards": {"start": 8 * STEP, "desc": True},
    "by count": {"sort": "event_count", "desc": True},
    "none": {"size": 0},
}
NAMES = {
    "job_id": "U",
    "timestamp": "i",
    "anomaly_score": "f",
    "bucket_span": "i",
    "initial_anomaly_score": "f",
    "event_count": "i",
    "is_interim": "b",
    "bucket_influencers": "O",
    "processing_time_ms": "i",
    "scheduled_events": "O",
    "result_type": "U",
}


@pytest.fixture(scope="module")
def index() -> ResultsIndex:
    """A base of full and empty rows in turn, deleted rows, and a head."""
    found = ResultsIndex()
    found.upsert([bucket(row, **(FULL if row % 2 else {})) for row in range(20)])
    found.upsert([bucket(11, event_count=9), bucket(12, bucket_span=60, **FULL), bucket(30, is_interim=True)])
    assert len(table_of(found).rows.deleted) == 1
    assert table_of(found).rows.head.length == 3
    return found


@pytest.fixture(params=PAGES)
def page(index: ResultsIndex, request: pytest.FixtureRequest) -> BucketPage:
    """One of the pages."""
    return index.get_buckets(job_id=JOB, **PAGES[request.param])


def test_a_page_is_a_sequence_of_buckets(page: BucketPage) -> None:
    """By iteration, by position from both ends, by slices; each time the same values."""
    found = list(page)
    assert len(page) == len(found)
    assert all(type(bucket) is Bucket for bucket in found)
    assert [page[at] for at in range(len(page))] == found
    assert [page[at - len(page)] for at in range(len(page))] == found
    for part in (slice(None), slice(1, 3), slice(None, None, -1), slice(5, 1, -2), slice(99, None), slice(-2, None)):
        assert page[part] == tuple(found[part])
    if found:
        assert page[np.int64(0)] == found[0]  # type: ignore[call-overload] # whatever can stand for an int
    for at in (len(page), -len(page) - 1):
        with pytest.raises(IndexError):
            page[at]
    wrong: Any = "0"
    with pytest.raises(TypeError):
        page[wrong]


def test_columns_keys_and_body_are_the_buckets(page: BucketPage) -> None:
    """One and the same page, in whatever shape it is asked for."""
    found = list(page)
    for name, kind in NAMES.items():
        column = page.column(name)
        assert column.dtype.kind == kind
        assert column.tolist() == [getattr(bucket, name) for bucket in found]
    assert page.keys() == tuple((bucket.job_id, bucket.timestamp, bucket.bucket_span) for bucket in found)
    body = page.to_dict()
    assert list(body) == ["count", "buckets"]
    assert body == {"count": page.count, "buckets": [bucket.to_dict() for bucket in found]}
    assert [list(shown) for shown in body["buckets"]] == [list(bucket.to_dict()) for bucket in found]
    human = page.to_dict(human=True)
    assert [shown["timestamp_string"] for shown in human["buckets"]] == [
        f"{bucket.time:%Y-%m-%dT%H:%M:%S}.000Z" for bucket in found
    ]


@pytest.mark.parametrize("writer", WRITERS)
def test_bytes_are_the_body(page: BucketPage, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON, key by key, whoever writes it; that of a page that has travelled too."""
    write_by(monkeypatch, writer)
    travelled = pickle.loads(pickle.dumps(page))
    for human in (False, True):
        written = page.to_json(human=human)
        assert repr(json.loads(written)) == repr(page.to_dict(human=human))
        assert written == json_bytes(page.to_dict(human=human)) == travelled.to_json(human=human)


def test_bytes_need_the_documents_too() -> None:
    """Where the index keeps none, only an empty page is JSON, as it is a body."""
    lean = ResultsIndex(keep_documents=False)
    lean.upsert(rows(0, 50))
    with pytest.raises(InvalidQuery) as caught:
        lean.get_buckets(job_id=JOB).to_json()
    assert caught.value.field == "documents"
    assert lean.get_buckets(job_id=JOB, size=0).to_json() == b'{"count":50,"buckets":[]}'


def test_a_page_is_read_as_python_values(page: BucketPage) -> None:
    """No NumPy scalar leaves in a bucket, a key or a body."""
    plain = (str, int, float, bool)
    for found in page:
        for name in NAMES:
            value = getattr(found, name)
            assert type(value) in plain or (
                type(value) is tuple and all(type(part) in (str, BucketInfluencer) for part in value)
            )
    assert all(type(part) in plain for key in page.keys() for part in key)  # noqa: SIM118 - a page is no mapping
    assert all(type(value) in (*plain, list) for shown in page.to_dict()["buckets"] for value in shown.values())


def test_missing_fields_show_defaults(index: ResultsIndex) -> None:
    """In values, columns and body."""
    (found,) = index.get_buckets(job_id=JOB, timestamp=0)
    assert found == Bucket(
        job_id=JOB,
        timestamp=0,
        anomaly_score=0.0,
        bucket_span=SPAN_S,
        initial_anomaly_score=0.0,
        event_count=0,
        is_interim=False,
        bucket_influencers=(),
        processing_time_ms=0,
        scheduled_events=(),
    )


def test_nested_influencers_are_their_buckets(index: ResultsIndex) -> None:
    """With its job, time and span."""
    (found,) = index.get_buckets(job_id=JOB, timestamp=STEP)
    assert found.bucket_influencers == (
        BucketInfluencer(
            job_id=JOB,
            influencer_field_name="host",
            initial_anomaly_score=0.0,
            anomaly_score=5.0,
            raw_anomaly_score=0.0,
            probability=0.0,
            timestamp=STEP,
            bucket_span=SPAN_S,
            is_interim=False,
        ),
    )


@pytest.mark.parametrize("name", NAMES)
def test_arrays_that_leave_are_read_only(page: BucketPage, name: str) -> None:
    """No flag turns them writable, and none of them is a view of what is stored."""
    column = page.column(name)
    assert not column.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        column.flags.writeable = True
    with pytest.raises(ValueError, match="read-only"):
        column[...] = 0
    held = page._rows.view.base.columns
    assert not any(np.shares_memory(column, array) for array in held.values() if column.dtype.kind != "O")


def test_a_page_is_immutable(page: BucketPage) -> None:
    """No attribute can be set, added or deleted; a body is the caller's own."""
    for name in ("count", "sequence", "_rows", "other"):
        with pytest.raises(AttributeError):
            setattr(page, name, 5)
    for name in ("count", "sequence"):
        with pytest.raises(AttributeError):
            delattr(page, name)
    body = page.to_dict()
    before = page.to_dict()
    for shown in body["buckets"]:
        shown["bucket_influencers"].append("x")
        shown.get("scheduled_events", []).append("x")
        shown.clear()
    assert page.to_dict() == before


def test_a_page_travels_with_its_rows_only(page: BucketPage) -> None:
    """Pickled, it answers all as before, and holds no column of the index; a copy is the page itself."""
    assert copy.copy(page) is page
    assert copy.deepcopy([page])[0] is page
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        found = pickle.loads(pickle.dumps(page, protocol))
        assert (found.count, found.sequence, len(found)) == (page.count, page.sequence, len(page))
        assert found.to_dict(human=True) == page.to_dict(human=True)
        assert list(found) == list(page)
        assert [found[at] for at in range(len(found))] == list(page)
        assert found[::-1] == page[::-1]
        for name in NAMES:
            assert found.column(name).tolist() == page.column(name).tolist()
            assert found.column(name).dtype == page.column(name).dtype
        assert found._rows.view.base.length == len(page)
        assert repr(pickle.loads(pickle.dumps(found))) == repr(page)


def test_a_pickle_is_as_large_as_the_page() -> None:
    """Not as the index."""
    index = ResultsIndex()
    index.upsert(rows(0, 5_000, anomaly_score=5.0))
    assert len(pickle.dumps(index.get_buckets(job_id=JOB, size=2))) < 3_000


@pytest.mark.parametrize("name", ["", "nothing", "@timestamp", "records", "x" * 500, 5, None, ["timestamp"]])
def test_an_unknown_column_is_refused(index: ResultsIndex, name: Any) -> None:
    """By a reason that does not grow with what was given."""
    with pytest.raises(InvalidQuery) as caught:
        index.get_buckets(job_id=JOB).column(name)
    assert (caught.value.field, caught.value.value) == ("name", name)
    assert len(caught.value.reason) < 200


@pytest.mark.parametrize("job_id", ["a", "a" * 255, "données", "\U0001f4a1"])
def test_text_columns_hold_the_whole_id(job_id: str) -> None:
    """However long and whatever it is written in; on an empty page too."""
    index = ResultsIndex()
    index.upsert(rows(0, 2, job_id=job_id))
    assert index.get_buckets(job_id=job_id).column("job_id").tolist() == [job_id] * 2
    assert index.get_buckets(job_id=job_id, size=0).column("job_id").tolist() == []


def test_a_page_tells_what_it_is(index: ResultsIndex) -> None:
    """How many of how many, of which job and commit."""
    page = index.get_buckets(job_id=JOB, size=3)
    assert repr(page) == "<BucketPage: 3 of 22 buckets of job 'web' at commit 2>"


def test_a_page_outlives_later_writes() -> None:
    """Its rows stay what they were, whatever becomes of them; in place, in the head, replaced or deleted."""
    index = ResultsIndex()
    index.upsert([bucket(row, **FULL) for row in range(40)])
    pages: Sequence[BucketPage] = [index.get_buckets(job_id=JOB, **parameters) for parameters in PAGES.values()]
    before = [page.to_dict() for page in pages]
    index.upsert(rows(40, 45, event_count=1))
    index.upsert(rows(0, 45, event_count=2, bucket_influencers=[{}, {}]))
    index.upsert_columns({"timestamp": np.arange(2_000) * STEP, "bucket_span": SPAN_S}, job_id=JOB)
    assert [page.to_dict() for page in pages] == before
    index.delete_job(JOB)
    assert [page.to_dict() for page in pages] == before


# ---- how it was found

MANY = 100_000
DAY = 86_400_000


@pytest.fixture(scope="module")
def many() -> ResultsIndex:
    """A hundred thousand buckets: seven in ten scores are 0, one in a hundred is above 25, one in a thousand 75."""
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


@pytest.mark.parametrize(("asked", "path", "column"), EXPLAINED, ids=repr)
def test_a_page_explains_how_it_was_found(
    many: ResultsIndex, asked: dict[str, Any], path: str, column: str | None
) -> None:
    """What led; and what it says of levels and rows is what these rows are."""
    page = many.get_buckets(job_id=JOB, **asked)
    told = page.explain()
    assert list(told) == ["path", "column", "levels", "rows_read", "rows_matched"]
    assert (told["path"], told["column"], told["rows_matched"]) == (path, column, page.count)
    window = many.get_buckets(job_id=JOB, **{name: asked[name] for name in ("start", "end") if name in asked}, size=0)
    scores = table_of(many).rows.base.column("anomaly_score")
    threshold = asked.get("anomaly_score", 0)
    if path == "time":
        assert (told["levels"], told["rows_read"]) == ((), 0)
    elif path == "scan":
        assert told["levels"] == ()
        assert told["rows_read"] >= window.count
    elif path == "threshold":
        (edge,) = told["levels"]
        assert not ((scores >= threshold) & (scores < edge)).any(), "the level has all that match"
        if threshold == edge:
            assert told["rows_read"] == (page.count if "sort" in asked else 0)
        else:
            assert page.count <= told["rows_read"] < MANY // 3
    else:
        edge = told["levels"][-1]
        values = page.column(column or "")
        assert (values >= edge).all() if asked.get("desc") else (values <= edge).all()
        assert len(page) <= told["rows_read"] < MANY
        if len(told["levels"]) == 2:
            assert not ((scores >= threshold) & (scores < told["levels"][0])).any()


def test_the_marks_of_severity_are_levels(many: ResultsIndex) -> None:
    """Where fewer rows are at or above one than a quarter of all, nothing is compared at it."""
    for mark in (3.0, 25.0, 50.0, 75.0):
        told = many.get_buckets(job_id=JOB, anomaly_score=mark).explain()
        assert (told["path"], told["levels"], told["rows_read"]) == ("threshold", (mark,), 0)


def test_few_rows_are_compared(index: ResultsIndex) -> None:
    """A value index is no help to them."""
    for asked, column in (
        ({"anomaly_score": 1.0}, "anomaly_score"),
        ({"sort": "event_count"}, "event_count"),
        ({"sort": "anomaly_score", "desc": True, "anomaly_score": 1.0}, "anomaly_score"),
    ):
        page = index.get_buckets(job_id=JOB, **asked)
        told = page.explain()
        assert (told["path"], told["column"], told["levels"]) == ("scan", column, ())
        assert told["rows_matched"] == page.count


def test_an_explanation_travels_and_is_nobodys_to_change(many: ResultsIndex) -> None:
    """It is that of the page, wherever that is."""
    page = many.get_buckets(job_id=JOB, anomaly_score=75, size=3)
    told: Any = page.explain()
    assert pickle.loads(pickle.dumps(page)).explain() == told
    with pytest.raises(TypeError):
        told["path"] = "time"
    assert page.explain()["path"] == "threshold"


@pytest.mark.parametrize(("sort", "found_by"), [("event_count", "order"), ("scheduled_events", "scan")])
def test_a_cached_answer_tells_that_it_read_no_rows(sort: str, found_by: str) -> None:
    """Its path is ``cache``, from the second question in the same order on, and until the results change."""
    index = ResultsIndex()
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
    assert first.explain()["path"] == found_by, "a page tells how it was found itself"
    index.upsert([bucket(1, job_id="other")])
    assert index.get_buckets(job_id=JOB, sort=sort, size=20).explain() == cached
    # Another direction, another view, a window and a page past the cached rows are found by themselves.
    others: list[dict[str, Any]] = [{"desc": True}, {"exclude_interim": True, "start": 0}, {"start": 0}, {"from_": 120}]
    for asked in others:
        assert index.get_buckets(job_id=JOB, sort=sort, **{"size": 10, **asked}).explain()["path"] != "cache"
    index.upsert([bucket(5_000, event_count=9)])
    assert index.get_buckets(job_id=JOB, sort=sort, size=10).explain()["path"] == found_by
    both = BucketQuery(jobs=[JOB, "other"], sort=sort, size=5)
    assert index.search(both).explain()["rows_read"] > 0
    told = index.search(both).explain()
    assert (told["path"], told["rows_read"]) == ("jobs", 0), "what both searches read, which is nothing"


def test_what_was_looked_at_in_vain_is_told_too() -> None:
    """Most buckets share the greatest time, and none of those match: all have been compared before the matches are."""
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


# ---- parts of a page that was expanded

_BOUNDS: Sequence[int | None] = (None, 0, 1, 2, 3, -1, -2, 9, -9)
_STEPS: Sequence[int | None] = (None, 1, 2, 3, -1, -2)


@pytest.mark.parametrize("travelled", [False, True], ids=["here", "pickled"])
@pytest.mark.parametrize("desc", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("jobs", [["a"], ["a", "b", "c"]], ids=["one job", "three jobs"])
def test_a_slice_of_an_expanded_page_is_the_slice_of_its_values(jobs: list[str], desc: bool, travelled: bool) -> None:
    """Each bucket has the records of its own job and instant, for every start, stop and step of a slice."""
    index = ResultsIndex()
    for place, job_id in enumerate(["a", "b", "c"]):
        # The number of records differs from bucket to bucket; some buckets have none.
        for row in range(7 if len(jobs) == 1 else 3):
            influencers = [{"influencer_field_name": "host"}] if (place + row) % 4 else []
            index.upsert([bucket(row, job_id=job_id, bucket_influencers=influencers)])
            index.upsert([record(row, detector, job_id=job_id) for detector in range(1 + (2 * place + row) % 5)])
    page = index.search(BucketQuery(jobs=jobs, expand=True, desc=desc))
    if travelled:
        page = pickle.loads(pickle.dumps(page))
    values = list(page)
    assert len({len(value.records) for value in values}) > 2
    for value in values:
        assert {(each.job_id, each.timestamp) for each in value.records} <= {(value.job_id, value.timestamp)}
    for start in _BOUNDS:
        for stop in _BOUNDS:
            for step in _STEPS:
                assert page[start:stop:step] == tuple(values[start:stop:step]), (start, stop, step)
    assert [page[position] for position in range(len(page))] == values
