"""Pages: immutable sequences of values, for rows of any layout, before and after pickling."""

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    Bucket,
    BucketInfluencer,
    BucketPage,
    BucketQuery,
    InvalidDocument,
    InvalidQuery,
    Kind,
    RecordQuery,
    ResultsIndex,
)
from bucketquery.answers.page import Page
from bucketquery.storage.selection import Selection
from support.helpers import (
    JOB,
    SPAN_S,
    STEP,
    WRITERS,
    assert_bytes_are_the_body,
    bucket,
    index_with_tables,
    record,
    rows,
    table_of,
    write_by,
)

FULL: dict[str, Any] = {
    "anomaly_score": 5.0,
    "initial_anomaly_score": 6.0,
    "event_count": 7,
    "is_interim": False,
    "processing_time_ms": 8,
    "scheduled_events": ["a"],
    "bucket_influencers": [{"influencer_field_name": "host", "anomaly_score": 5.0}],
}
#: Pages of a slice, a reversed slice, positions in base and head, another order, and no rows.
PAGES: dict[str, dict[str, Any]] = {
    "slice": {"start": 2 * STEP, "end": 8 * STEP, "size": 4},
    "reversed slice": {"end": 3 * STEP, "desc": True},
    "positions": {"start": 8 * STEP},
    "reversed positions": {"start": 8 * STEP, "desc": True},
    "by event count": {"sort": "event_count", "desc": True},
    "empty": {"size": 0},
}
#: The kind of dtype of each column.
DTYPE_KINDS = {
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
    """An index whose base alternates empty and full buckets, with one deleted row and a head of three rows."""
    found = index_with_tables()
    found.upsert([bucket(row, **(FULL if row % 2 else {})) for row in range(20)])
    found.upsert([bucket(11, event_count=9), bucket(12, bucket_span=60, **FULL), bucket(30, is_interim=True)])
    assert len(table_of(found).rows.deleted) == 1
    assert table_of(found).rows.head.length == 3
    return found


@pytest.fixture(params=PAGES)
def page(index: ResultsIndex, request: pytest.FixtureRequest) -> BucketPage:
    """The page of each entry of ``PAGES`` in turn."""
    return index.get_buckets(job_id=JOB, **PAGES[request.param])


def test_a_page_is_a_sequence_of_buckets(page: BucketPage) -> None:
    """Iteration, positions from both ends, and slices give the same values."""
    found = list(page)
    assert len(page) == len(found)
    assert all(type(bucket) is Bucket for bucket in found)
    assert [page[at] for at in range(len(page))] == found
    assert [page[at - len(page)] for at in range(len(page))] == found
    for part in (slice(None), slice(1, 3), slice(None, None, -1), slice(5, 1, -2), slice(99, None), slice(-2, None)):
        assert page[part] == tuple(found[part])
    if found:
        assert page[np.int64(0)] == found[0]  # type: ignore[call-overload] # it has __index__
    for at in (len(page), -len(page) - 1):
        with pytest.raises(IndexError):
            page[at]
    wrong: Any = "0"
    with pytest.raises(TypeError):
        page[wrong]


def test_columns_keys_and_body_show_the_same_buckets(page: BucketPage) -> None:
    """Each of the three has the values of the buckets, in the same order."""
    found = list(page)
    for name, kind in DTYPE_KINDS.items():
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
def test_the_bytes_of_a_page_are_its_body_as_json(
    page: BucketPage, writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys stay in order. Every encoder gives the same bytes, and so does an unpickled page."""
    write_by(monkeypatch, writer)
    assert_bytes_are_the_body(page)


def test_the_bytes_of_a_page_need_the_documents() -> None:
    """If the index stores no documents, only an empty page has bytes."""
    lean = ResultsIndex(keep_documents=False)
    lean.upsert(rows(0, 50))
    with pytest.raises(InvalidQuery) as caught:
        lean.get_buckets(job_id=JOB).to_json()
    assert caught.value.field == "documents"
    assert lean.get_buckets(job_id=JOB, size=0).to_json() == b'{"count":50,"buckets":[]}'


def test_a_page_has_python_values(page: BucketPage) -> None:
    """No bucket, key or body contains a NumPy scalar."""
    scalars = (str, int, float, bool)
    for found in page:
        for name in DTYPE_KINDS:
            value = getattr(found, name)
            assert type(value) in scalars or (
                type(value) is tuple and all(type(part) in (str, BucketInfluencer) for part in value)
            )
    assert all(type(part) in scalars for key in page.keys() for part in key)  # noqa: SIM118 - a page is not a mapping
    assert all(type(value) in (*scalars, list) for shown in page.to_dict()["buckets"] for value in shown.values())


def test_missing_fields_have_defaults(index: ResultsIndex) -> None:
    """A bucket that was written without scores and lists has zeros and empty tuples."""
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


def test_nested_influencers_have_the_key_of_their_bucket(index: ResultsIndex) -> None:
    """An influencer nested in a bucket has the job, timestamp and span of the bucket."""
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


@pytest.mark.parametrize("name", DTYPE_KINDS)
def test_columns_of_a_page_are_read_only(page: BucketPage, name: str) -> None:
    """No flag makes a column writable, and no column is a view of a stored array."""
    column = page.column(name)
    assert not column.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        column.flags.writeable = True
    with pytest.raises(ValueError, match="read-only"):
        column[...] = 0
    rows = page._rows
    assert isinstance(rows, Selection)
    held = rows.view.base.columns
    assert not any(np.shares_memory(column, array) for array in held.values() if column.dtype.kind != "O")


def test_a_page_is_immutable(page: BucketPage) -> None:
    """No attribute can be set, added or deleted. Changing a body does not change the page."""
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


def test_a_pickled_page_has_only_its_own_rows(page: BucketPage) -> None:
    """The unpickled page gives the same answers, without the columns of the index. A copy is the page itself."""
    assert copy.copy(page) is page
    assert copy.deepcopy([page])[0] is page
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        found = pickle.loads(pickle.dumps(page, protocol))
        assert (found.count, found.sequence, len(found)) == (page.count, page.sequence, len(page))
        assert found.to_dict(human=True) == page.to_dict(human=True)
        assert list(found) == list(page)
        assert [found[at] for at in range(len(found))] == list(page)
        assert found[::-1] == page[::-1]
        for name in DTYPE_KINDS:
            assert found.column(name).tolist() == page.column(name).tolist()
            assert found.column(name).dtype == page.column(name).dtype
        assert found._rows.view.base.length == len(page)
        assert repr(pickle.loads(pickle.dumps(found))) == repr(page)


@pytest.mark.parametrize("jobs", [["web"], ["web", "db"], ["web", "db", "app"]])
@pytest.mark.parametrize("kind", ["bucket", "record"])
def test_a_pickled_page_knows_which_values_are_missing(kind: Kind, jobs: list[str]) -> None:
    """Its order of rows by any field is that of the page, also by integers and booleans that some results miss."""
    optional = {"event_count": 0, "processing_time_ms": 0, "detector_index": 0, "is_interim": False, "function": "a"}
    index = ResultsIndex()
    for first in (0, 3):
        given = [
            {name: value for bit, (name, value) in enumerate(optional.items()) if (first + row) >> bit & 1}
            for row in range(32)
        ]
        own = ({"job_id": job_id, "result_type": kind, "record_score": 1.0, "anomaly_score": 1.0} for job_id in jobs)
        index.upsert([bucket(2 * row + first, **fields, **each) for each in own for row, fields in enumerate(given)])
    query = {"bucket": BucketQuery, "record": RecordQuery}[kind](jobs=jobs)
    pages: list[Page[Any]] = [
        index.search(query.replace(sort=sort, desc=desc, from_=from_, size=size))
        for sort in ("timestamp", "event_count" if kind == "bucket" else "detector_index", "is_interim")
        for desc in (False, True)
        for from_, size in ((0, 5), (7, 100), (0, 0))
    ]
    for page in pages:
        found = pickle.loads(pickle.dumps(page))
        for name in (field.name for field in page._schema.columns):
            before, after = page._rows.missing(name), found._rows.missing(name)
            none = np.zeros(len(page), dtype=np.bool_)
            assert (none if after is None else after).tolist() == (none if before is None else before).tolist(), name
        assert found.cursor == page.cursor
        assert found.keys() == page.keys()
        assert repr(found.to_dict()) == repr(page.to_dict())


def test_a_pickled_page_does_not_grow_with_the_index() -> None:
    """The size of a pickle depends only on the rows of the page."""
    index = ResultsIndex()
    index.upsert(rows(0, 5_000, anomaly_score=5.0))
    assert len(pickle.dumps(index.get_buckets(job_id=JOB, size=2))) < 3_000


@pytest.mark.parametrize("name", ["", "nothing", "@timestamp", "records", "x" * 500, 5, None, ["timestamp"]])
def test_an_unknown_column_is_refused(index: ResultsIndex, name: Any) -> None:
    """The reason stays short for a long name."""
    with pytest.raises(InvalidQuery) as caught:
        index.get_buckets(job_id=JOB).column(name)
    assert (caught.value.field, caught.value.value) == ("name", name)
    assert len(caught.value.reason) < 200


@pytest.mark.parametrize("job_id", ["a", "a" * 255, "données", "\U0001f4a1"])
def test_text_columns_hold_the_whole_id(job_id: str) -> None:
    """The id may be long and in any script. An empty page has the column too."""
    index = ResultsIndex()
    index.upsert(rows(0, 2, job_id=job_id))
    assert index.get_buckets(job_id=job_id).column("job_id").tolist() == [job_id] * 2
    assert index.get_buckets(job_id=job_id, size=0).column("job_id").tolist() == []


def test_the_job_column_of_several_jobs_has_the_job_of_each_row() -> None:
    """It is NumPy text, and a type column is the same for all rows."""
    index = ResultsIndex()
    index.upsert([{"result_type": "bucket", "job_id": job, "timestamp": 0, "bucket_span": 60} for job in ("b", "aa")])
    page = index.search(BucketQuery(jobs=["aa", "b"]))
    assert page.column("job_id").tolist() == ["aa", "b"]
    assert page.column("job_id").dtype.kind == "U"
    assert page.column("result_type").tolist() == ["bucket", "bucket"]


@pytest.mark.parametrize("documents", [[5], ["bucket"], [None]])
def test_hosts_documents_are_objects(documents: Any) -> None:
    """Anything else is refused by its position."""
    index = ResultsIndex(keep_documents=False)
    index.upsert([{"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 60}])
    with pytest.raises(InvalidDocument) as caught:
        index.get_buckets(job_id="web").to_dict(documents=documents)
    assert caught.value.field == "documents[0]"


def test_the_repr_of_a_page_describes_it(index: ResultsIndex) -> None:
    """The repr has the number of buckets on the page, the count, the job and the commit."""
    page = index.get_buckets(job_id=JOB, size=3)
    assert repr(page) == "<BucketPage: 3 of 22 buckets of job 'web' at commit 2>"


def test_later_writes_do_not_change_a_page() -> None:
    """The rows of the page may be replaced, moved or deleted in the index."""
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


# ---- slices of an expanded page

_BOUNDS: Sequence[int | None] = (None, 0, 1, 2, 3, -1, -2, 9, -9)
_STEPS: Sequence[int | None] = (None, 1, 2, 3, -1, -2)


@pytest.mark.parametrize("unpickled", [False, True], ids=["original", "unpickled"])
@pytest.mark.parametrize("desc", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("jobs", [["a"], ["a", "b", "c"]], ids=["one job", "three jobs"])
def test_a_slice_of_an_expanded_page_is_the_slice_of_its_values(jobs: list[str], desc: bool, unpickled: bool) -> None:
    """Each bucket has the records of its own job and instant, for every start, stop and step of a slice."""
    index = ResultsIndex()
    for place, job_id in enumerate(["a", "b", "c"]):
        # The number of records differs from bucket to bucket; some buckets have none.
        for row in range(7 if len(jobs) == 1 else 3):
            influencers = [{"influencer_field_name": "host"}] if (place + row) % 4 else []
            index.upsert([bucket(row, job_id=job_id, bucket_influencers=influencers)])
            index.upsert([record(row, detector, job_id=job_id) for detector in range(1 + (2 * place + row) % 5)])
    page = index.search(BucketQuery(jobs=jobs, expand=True, desc=desc))
    if unpickled:
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
