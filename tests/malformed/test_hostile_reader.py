"""A reader that tries to write through its answers, and a caller that goes on changing its documents."""

import contextlib
import copy
import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InvalidDocument, ResultsIndex
from support.malformed import COLUMNS, HOUR, bucket, cases

ROWS = 300


def hourly(timestamp: int, **fields: Any) -> dict[str, Any]:
    """A bucket of an hour."""
    return bucket(timestamp=timestamp, bucket_span=3_600, **fields)


def stored() -> ResultsIndex:
    """An index of 300 hourly buckets, some without values, and then a rewritten, a late and an interim bucket."""
    index = ResultsIndex(clock=lambda: 0)
    rows = np.arange(ROWS)
    index.put_job("idle")
    index.upsert_columns(
        {
            "timestamp": rows * HOUR,
            "bucket_span": 3600,
            "anomaly_score": (rows * 37 % 1009) / 10,
            "initial_anomaly_score": np.ma.MaskedArray(rows % 97 / 1.0, mask=rows % 5 == 0),
            "event_count": rows % 60,
            "is_interim": rows >= ROWS - 2,
            "processing_time_ms": np.ma.MaskedArray(rows % 7, mask=rows % 3 == 0),
            "bucket_influencers": [[{"influencer_field_name": "bucket_time"}] if row % 50 == 0 else [] for row in rows],
            "scheduled_events": [["sale", "b"] if row % 70 == 0 else [] for row in rows],
        },
        job_id="web",
    )
    blamed = [{"anomaly_score": 9.0}]
    index.upsert(
        [
            hourly(200 * HOUR, anomaly_score=100.0, bucket_influencers=blamed),
            hourly(277 * HOUR + 1, scheduled_events=["late"]),
            hourly(2 * ROWS * HOUR, is_interim=True),
        ]
    )
    return index


SHAPES: dict[str, dict[str, Any]] = {
    "time slice": {"start": 100 * HOUR, "end": 150 * HOUR},
    "time slice descending": {"start": 100 * HOUR, "end": 150 * HOUR, "desc": True},
    "first page": {"size": 10},
    "last page": {"size": 10, "desc": True},
    "whole": {"size": 10_000},
    "whole descending": {"size": 10_000, "desc": True},
    "deep page": {"from_": 150, "size": 20},
    "rewritten rows": {"start": 195 * HOUR, "end": 205 * HOUR},
    "late rows": {"start": 276 * HOUR, "end": 279 * HOUR},
    "head rows": {"start": (ROWS - 3) * HOUR},
    "final only": {"start": (ROWS - 5) * HOUR, "exclude_interim": True},
    "threshold": {"anomaly_score": 50.0},
    "threshold at a severity": {"anomaly_score": 75, "size": 7},
    "threshold descending": {"anomaly_score": 99, "desc": True},
    "threshold in a window": {"anomaly_score": 25, "start": 50 * HOUR, "end": 250 * HOUR},
    "score order": {"sort": "anomaly_score", "desc": True},
    "score order ascending": {"sort": "anomaly_score", "size": 10_000},
    "other order": {"sort": "event_count", "desc": True},
    "order by events": {"sort": "scheduled_events"},
    "order by nothing": {"sort": "record_score"},
    "lookup": {"timestamp": 123 * HOUR},
    "lookup of a rewritten row": {"timestamp": 200 * HOUR},
    "lookup of a day": {"timestamp": "1970-01-03"},
    "empty": {"start": 5, "end": 5},
    "count only": {"size": 0},
    "past the end": {"from_": 10**30},
}


def answers(index: ResultsIndex) -> list[Any]:
    """The current answers of the index, through every array that a reader could have changed."""
    bodies = [index.get_buckets(job_id="web", **params).to_dict() for params in SHAPES.values()]
    thresholds = [
        index.get_buckets(job_id="web", anomaly_score=score, size=0).count for score in (1, 3, 25, 33, 50, 75, 99)
    ]
    scanned = [row.to_dict() for row in index.scan(BucketQuery(jobs="web", sort="anomaly_score", desc=True))]
    return [bodies, thresholds, scanned, dict(index.stats("web")), index.sequence]


def reachable(array: Any) -> Iterator[Any]:
    """The array, its base, the base of that and so on, with the buffer of each."""
    waiting: list[Any] = [array]
    met: list[Any] = []
    while waiting:
        found = waiting.pop()
        if found is None or any(found is other for other in met):
            continue
        met.append(found)
        yield found
        if isinstance(found, np.ndarray):
            waiting.append(found.base)
        if isinstance(found, memoryview):
            waiting.append(found.obj)
        elif not isinstance(found, str | int | float | tuple):
            try:
                waiting.append(memoryview(found))
            except (TypeError, ValueError, BufferError):
                continue


def spoil(found: Any) -> None:
    """Try many ways to write to an array or a buffer, and ignore the errors."""

    def attempts() -> Iterator[Callable[[], Any]]:
        if isinstance(found, np.ndarray):
            yield partial(found.setflags, write=True)
            yield partial(operator.setitem, found, Ellipsis, found[::-1].copy())
            yield partial(found.fill, 1)
            yield partial(np.add, found, 1, out=found)
            yield partial(np.copyto, found, 1)
            yield partial(np.put, found, 0, 1)
            yield lambda: np.asarray(found.data).fill(1)
        elif not (isinstance(found, memoryview) and found.format == "O"):
            # The raw bytes of an array of objects are pointers: a write to them would crash the process.
            yield lambda: np.frombuffer(found, dtype=np.uint8).fill(1)
            yield lambda: operator.methodcaller("__setitem__", 0, 255)(memoryview(found).cast("B"))
            yield lambda: operator.setitem(found, slice(None), bytes(len(found)))
        yield lambda: np.asarray(found).fill(1)

    for attempt in attempts():
        with contextlib.suppress(TypeError, ValueError, BufferError, IndexError, NotImplementedError):
            attempt()


@cases(SHAPES, "params")
def test_no_array_of_a_page_changes_the_index(params: dict[str, Any]) -> None:
    """A write to a column, its bases or its buffers changes no answer of the index."""
    index = stored()
    page = index.get_buckets(job_id="web", **params)
    for name in COLUMNS:
        for found in list(reachable(page.column(name))):
            spoil(found)
    assert answers(index) == ANSWERS
    write_more(index)
    assert answers(index) == ANSWERS_AFTER


def write_more(index: ResultsIndex) -> ResultsIndex:
    """The index after a write that replaces and adds some rows."""
    index.upsert([hourly(hour * HOUR, anomaly_score=77.0) for hour in (3, 210, ROWS + 1, 3 * ROWS)])
    return index


ANSWERS = answers(stored())
ANSWERS_AFTER = answers(write_more(stored()))


@cases(SHAPES, "params")
def test_no_array_of_a_page_changes_the_page(params: dict[str, Any]) -> None:
    """A write to a column, its bases or its buffers does not change the page in any of its forms."""
    page = stored().get_buckets(job_id="web", **params)
    body, keys, rows = page.to_dict(), page.keys(), list(page)
    columns = {name: page.column(name).tolist() for name in COLUMNS}
    for name in COLUMNS:
        for found in list(reachable(page.column(name))):
            spoil(found)
    assert (page.to_dict(), page.keys(), list(page)) == (body, keys, rows)
    assert {name: page.column(name).tolist() for name in COLUMNS} == columns


@cases(SHAPES, "params")
def test_a_column_cannot_be_made_writable(params: dict[str, Any]) -> None:
    """No flag of a column or of its views lets a reader write to it."""
    page = SHARED.get_buckets(job_id="web", **params)
    for column in map(page.column, COLUMNS):
        assert len(column) == len(page)
        assert not column.flags.writeable
        flags: list[Callable[[], Any]] = [
            partial(column.setflags, write=True),
            partial(setattr, column.flags, "writeable", True),
            partial(column.view().setflags, write=True),
            partial(column[:].setflags, write=True),
        ]
        for attempt in flags:
            with pytest.raises(ValueError, match=r"(?i)writeable"):
                attempt()
        writes: list[Callable[[], Any]] = [
            partial(operator.setitem, column, Ellipsis, column[::-1]),
            partial(np.copyto, column, column.copy()),
            column.sort,
        ]
        for attempt in writes:
            with pytest.raises(ValueError, match="read-only"):
                attempt()


SHARED = stored()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_copy_of_a_column_is_the_readers_own(name: str) -> None:
    """A reader that wants to write takes a copy, which is writable."""
    page = SHARED.get_buckets(job_id="web", size=5)
    mine = page.column(name).copy()
    mine[...] = mine[::-1]
    assert mine.flags.writeable
    assert page.to_dict() == SHARED.get_buckets(job_id="web", size=5).to_dict()


@cases(SHAPES, "params")
def test_bodies_are_fresh(params: dict[str, Any]) -> None:
    """A reader may change every dict and list of a body, also nested ones."""
    index = stored()
    page = index.get_buckets(job_id="web", **params)
    pristine = copy.deepcopy(page.to_dict())

    def ruin(value: Any) -> None:
        if isinstance(value, dict):
            for item in list(value.values()):
                ruin(item)
            value.clear()
            value["ruined"] = True
        elif isinstance(value, list):
            for item in value:
                ruin(item)
            value[:] = ["ruined"]

    ruin(page.to_dict())
    ruin(page.to_dict(human=True))
    for row in page:
        ruin(row.to_dict())
        for inner in row.bucket_influencers:
            ruin(inner.to_dict())
    assert page.to_dict() == pristine
    assert answers(index) == ANSWERS


def test_two_bodies_share_nothing() -> None:
    """No two rows, and no two bodies, share a dict or a list."""
    page = SHARED.get_buckets(job_id="web", size=10_000)
    first, second = page.to_dict(), page.to_dict()
    seen: set[int] = set()

    def mutable(value: Any) -> Iterator[Any]:
        if isinstance(value, dict | list):
            yield value
            for item in value.values() if isinstance(value, dict) else value:
                yield from mutable(item)

    for body in (first, second):
        for value in mutable(body):
            assert id(value) not in seen
            seen.add(id(value))


def documents() -> list[dict[str, Any]]:
    """Documents with every kind of nesting."""
    return [
        {
            "_id": "web_bucket_0_900",
            "_source": {
                "job_id": "web",
                "result_type": "bucket",
                "timestamp": np.datetime64(0, "ms"),
                "bucket_span": 900.0,
                "anomaly_score": -0.0,
                "bucket_influencers": [{"influencer_field_name": "a", "anomaly_score": np.float32(4), "extra": [1]}],
                "scheduled_events": ["sale"],
                "unknown": {"a": [1]},
            },
        },
        {
            "job_id": "web",
            "result_type": "bucket",
            "timestamp": "1970-01-02",
            "bucket_span": 900,
            "anomaly_score": 50,
            "initial_anomaly_score": None,
            "bucket_influencers": [],
            "scheduled_events": ["z", "a"],
        },
        {"job_id": "web", "timestamp": 0, "bucket_span": 900, "result_type": "record", "influencers": [{"a": []}]},
    ]


def test_documents_are_not_written_to() -> None:
    """A good batch and a refused one leave their documents as they were."""
    given, untouched = documents(), documents()
    index = ResultsIndex()
    index.upsert(given)
    assert given == untouched
    given.append(bucket(bucket_span=0))
    with pytest.raises(InvalidDocument):
        index.upsert(given)
    assert given[:-1] == untouched


def test_documents_changed_afterwards_change_nothing() -> None:
    """The index keeps no reference to the caller's documents."""
    given = documents()
    index = ResultsIndex()
    index.upsert(given)
    page = index.get_buckets(job_id="web")
    body = page.to_dict()
    source = given[0]["_source"]
    source["anomaly_score"] = 99.0
    source["bucket_influencers"][0]["anomaly_score"] = 99.0
    source["bucket_influencers"].append({"influencer_field_name": "b"})
    source["scheduled_events"][0] = "changed"
    given[1]["scheduled_events"].clear()
    given[1]["bucket_influencers"].append({"influencer_field_name": "b"})
    source.clear()
    given.clear()
    assert page.to_dict() == body
    assert index.get_buckets(job_id="web").to_dict() == body


def test_a_document_changed_after_it_was_yielded_is_stored_as_it_was() -> None:
    """A caller may reuse one dict for all its documents; the index copies each when it is yielded."""

    def reused() -> Iterator[dict[str, Any]]:
        document: dict[str, Any] = {"job_id": "web", "result_type": "bucket", "bucket_span": 900}
        influencer: dict[str, Any] = {}
        events: list[str] = []
        for row in range(2_100):
            document["timestamp"] = row * HOUR
            document["anomaly_score"] = float(row)
            influencer["anomaly_score"] = float(row)
            document["bucket_influencers"] = [influencer]
            events[:] = [str(row)]
            document["scheduled_events"] = events
            yield document

    index = ResultsIndex()
    assert index.upsert(reused()).inserted == 2_100
    for row, found in enumerate(index.get_buckets(job_id="web", size=10_000)):
        assert (found.anomaly_score, found.bucket_influencers[0].anomaly_score) == (float(row), float(row))
        assert found.scheduled_events == (str(row),)


def test_parameters_are_copied_and_not_written_to() -> None:
    """A query copies the mapping or list that it is given."""
    jobs = ["web"]
    query = BucketQuery(jobs=jobs)
    jobs[0] = "idle"
    assert query.jobs == ("web",)
    paging = {"from": 1, "size": 2}
    page = SHARED.get_buckets(job_id="web", page=paging)
    assert paging == {"from": 1, "size": 2}
    body = page.to_dict()
    paging.clear()
    assert page.to_dict() == body


def test_an_older_page_and_snapshot_stay_as_they_were() -> None:
    """No later write of any kind changes an older page or snapshot."""
    index = stored()
    snapshot = index.snapshot()
    pages = {name: index.get_buckets(job_id="web", **params) for name, params in SHAPES.items()}
    held = {name: {column: page.column(column) for column in COLUMNS} for name, page in pages.items()}
    texts = {name: {column: array.tolist() for column, array in arrays.items()} for name, arrays in held.items()}
    bodies = {name: page.to_dict() for name, page in pages.items()}
    rows = np.arange(ROWS)
    scores = {"timestamp": rows * HOUR, "bucket_span": 3600, "anomaly_score": np.full(ROWS, 1.0)}
    writes: list[Callable[[], Any]] = [
        lambda: index.upsert([hourly(3 * ROWS * HOUR, anomaly_score=1.0)]),
        lambda: index.upsert([hourly(123 * HOUR, anomaly_score=1.0)]),
        lambda: index.upsert([hourly(hour * HOUR + 7) for hour in range(0, ROWS, 2)]),
        lambda: index.upsert([hourly(2 * ROWS * HOUR, anomaly_score=1.0)]),
        lambda: index.upsert_columns(scores, job_id="web"),
        lambda: index.upsert_columns(scores | {"timestamp": (rows + 10 * ROWS) * HOUR}, job_id="web"),
        lambda: index.delete_job("web"),
        lambda: index.upsert([hourly(0, anomaly_score=5.0)]),
    ]
    for write in writes:
        sequence = index.sequence
        write()
        assert index.sequence == sequence + 1
        for name, page in pages.items():
            assert page.to_dict() == bodies[name]
            assert {column: array.tolist() for column, array in held[name].items()} == texts[name]
    for name, params in SHAPES.items():
        assert snapshot.get_buckets(job_id="web", **params).to_dict() == bodies[name]


def test_a_scan_goes_on_over_the_commit_that_it_began_with() -> None:
    """Later writes, and the deletion of the job, do not change a scan that is under way."""
    index = stored()
    for params in ({}, {"sort": "anomaly_score", "desc": True}, {"anomaly_score": 50.0}, {"desc": True}):
        options: dict[str, Any] = params
        query = BucketQuery(jobs="web", **options)
        expected = list(index.scan(query))
        under_way = index.scan(query)
        begun = [next(under_way) for _ in range(10)]
        untouched = index.scan(query)
        index.delete_job("web")
        index.upsert([hourly(5)])
        assert begun + list(under_way) == expected
        assert list(untouched) == expected
        index = stored()
