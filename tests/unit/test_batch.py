"""Batches: checks of whole columns, chunks joined into one batch, and the split by job."""

import math
from typing import Any

import numpy as np
import pytest

from bucketquery.ingest.batch import (
    Chunk,
    Column,
    JobCodes,
    assemble,
    checked_column,
    in_bounds,
    refused,
    whole_column,
)
from bucketquery.ingest.checks import Unfit
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET, Field
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists
from support.helpers import segments_of

INT64_MAX = 2**63 - 1


def test_a_column_of_stored_types_is_checked_as_a_whole() -> None:
    """If a value has another type or is out of bounds, the answer is None. The values are then checked one by one."""
    count, score, flag, time = (
        BUCKET.by_name[name] for name in ("event_count", "anomaly_score", "is_interim", "timestamp")
    )
    odd: list[tuple[Field, list[Any]]] = [
        (count, [1, 2.0]),
        (count, [True]),
        (count, [2**63]),
        (score, ["5"]),
        (score, [math.nan]),
        (score, [None, math.inf]),
        (score, [2**1024]),
        (flag, [0]),
        (time, [None]),
        (time, [FIRST_MS - 1]),
        (BUCKET.by_name["bucket_span"], [5, 0]),
    ]
    for field, values in odd:
        assert whole_column(field, values) is None, (field.name, values)
    simple: list[tuple[Field, list[Any]]] = [
        (count, []),
        (score, [None]),
        (flag, [None, True]),
        (time, [FIRST_MS, LAST_MS]),
        (count, [None, 1]),
    ]
    for field, values in simple:
        found = whole_column(field, values)
        assert found is not None
        column, present, keywords = found
        assert keywords is None
        assert (column.dtype, len(column)) == (field.type.dtype, len(values))
        assert present is None or present.tolist() == [value is not None for value in values]
        assert (present is None) == (None not in values or field is score)


def test_a_column_must_be_inside_the_bounds_of_its_field() -> None:
    """An empty column is inside any bounds."""
    span, time, count = (BUCKET.by_name[name] for name in ("bucket_span", "timestamp", "event_count"))
    assert in_bounds(span, np.array([1, INT64_MAX]))
    assert not in_bounds(span, np.array([1, 0]))
    assert in_bounds(time, np.array([FIRST_MS, LAST_MS]))
    assert not in_bounds(time, np.array([0, LAST_MS + 1]))
    assert not in_bounds(time, np.array([FIRST_MS - 1, 0]))
    assert in_bounds(count, np.array([-(2**63), INT64_MAX]))
    for field in (span, time, count):
        assert in_bounds(field, np.array([], dtype=np.int64))


def test_job_codes_follow_the_first_appearance_of_each_job() -> None:
    """Each id is checked, and stored as a `str` even if it came as a subclass."""

    class Text(str):
        __slots__ = ()

    codes = JobCodes()
    assert [codes.code(job_id) for job_id in ("b", Text("a"), "b", "a")] == [0, 1, 0, 1]
    assert codes.ids() == ["b", "a"]
    assert [type(job_id) for job_id in codes.ids()] == [str, str]
    for job_ids in (["a", "c", "b", "c"], ["a", Text("c"), "b", "c"], []):
        assert codes.whole(job_ids).tolist() == [codes.ids().index(job_id) for job_id in job_ids]
    assert codes.ids() == ["b", "a", "c"]
    bad: list[list[Any]] = [["a", "a*"], ["a", None]]
    for wrong in bad:
        with pytest.raises(Unfit):
            codes.whole(wrong)
    for job_id, words in ((None, "is required"), (5, "must be text, not int"), ("_a", "must be text of 1 to 255")):
        with pytest.raises(Unfit, match=words):
            codes.code(job_id)


def test_a_refusal_names_path_and_value() -> None:
    """The reason of a refusal repeats the path."""
    error = refused("columns.x", Unfit("is bad", 5))
    assert (error.reason, error.field, error.value) == ("failed to parse [columns.x]: is bad", "columns.x", 5)


def columns(timestamps: list[int], counts: list[int | None]) -> dict[str, Column]:
    """Columns of buckets with these timestamps and event counts, and no other optional values."""
    given: dict[str, list[Any]] = {
        "timestamp": list(timestamps),
        "bucket_span": [300] * len(timestamps),
        "event_count": list(counts),
    }
    nothing = [None] * len(timestamps)
    return {field.name: checked_column(field, given.get(field.name, nothing)) for field in BUCKET.columns}


def chunk(jobs: list[int], timestamps: list[int], counts: list[int | None], events: list[tuple[str, ...]]) -> Chunk:
    """A chunk of buckets with these jobs, timestamps, event counts and scheduled events."""
    lists = {**dict.fromkeys(["bucket_influencers", "event.ingested"], NO_LISTS)}
    lists["scheduled_events"] = SparseLists.of_tuples(events)
    return Chunk.of(np.array(jobs, dtype=np.int64), columns(timestamps, counts), lists)


def test_chunks_are_joined_by_job() -> None:
    """Rows are in identity order, and the last row of an identity wins. Masks and lists stay with their rows."""
    one = chunk([1, 0, 1], [5, 9, 3], [7, 8, 9], [("a",), (), ("b",)])
    two = chunk([0, 1], [2, 5], [1, None], [("c",), ()])
    assert "event_count" not in one.present
    found = segments_of(assemble({"bucket": [one, two]}, ["db", "web"], {}))["bucket"]
    for of_job in found.values():
        of_job.check()
    assert {job_id: of_job.column("timestamp").tolist() for job_id, of_job in found.items()} == {
        "db": [2, 9],
        "web": [3, 5],
    }
    assert found["web"].mask("event_count").tolist() == [True, False]
    assert "event_count" not in found["db"].present
    assert found["web"].lists_at("scheduled_events", slice(0, 2)) == [("b",), ()]
    assert found["db"].lists_at("scheduled_events", slice(0, 2)) == [("c",), ()]
    assert found["db"].lists.keys() == {"scheduled_events"}


def test_a_chunk_of_one_job_in_order_is_not_copied() -> None:
    """The rows of several jobs are copied for each job; an empty chunk gives no jobs."""
    # With this number of rows a job is not packed, even if there is a second job with one row.
    many = 2 * DEFAULT_SIZES.packed_rows + 2
    times, events = [*range(many)], [(), ("a",), *[()] * (many - 2)]
    whole = chunk([0] * many, times, [1] * many, events)
    alone = segments_of(assemble({"bucket": [whole]}, ["db"], {}))["bucket"]["db"]
    assert all(np.shares_memory(alone.columns[name], values) for name, values in whole.columns.items())
    one = chunk([0] * many + [1], [*times, 1], [1] * many + [None], [*events, ()])
    found = segments_of(assemble({"bucket": [one]}, ["db", "web"], {}))["bucket"]
    assert {job_id: of_job.length for job_id, of_job in found.items()} == {"db": many, "web": 1}
    assert not any(np.shares_memory(found["db"].columns[name], values) for name, values in one.columns.items())
    assert found["db"].lists_at("scheduled_events", slice(0, 2)) == [(), ("a",)]
    assert segments_of(assemble({"bucket": [chunk([], [], [], [])]}, [], {})) == {"bucket": {}}


def test_one_result_of_each_job_is_a_single_row() -> None:
    """A single row has its own lists. If one job has two results, every job gets a segment."""
    one = chunk([0, 1, 2], [9, 5, 3], [7, None, 9], [("a",), (), ("b",)])
    batch = assemble({"bucket": [one]}, ["db", "web", "auth"], {})
    assert batch.parts == {}
    assert [job_id for job_id, *_ in batch.each_row()] == ["db", "web", "auth"]
    found = segments_of(batch)["bucket"]
    assert {job_id: of_job.column("timestamp").tolist() for job_id, of_job in found.items()} == {
        "db": [9],
        "web": [5],
        "auth": [3],
    }
    assert [found[job_id].lists_at("scheduled_events", slice(0, 1)) for job_id in found] == [[("a",)], [()], [("b",)]]
    assert found["web"].mask("event_count").tolist() == [False]
    assert len(assemble({"bucket": [chunk([0], [1], [2], [()])]}, ["db"], {}).rows) == 4
    assert not assemble({"bucket": [chunk([0, 1, 1], [1, 2, 3], [1, 1, 1], [()] * 3)]}, ["db", "web"], {}).rows


def test_ids_of_chunks_without_repeats_have_their_positions_as_codes() -> None:
    """From the first repeated or invalid id on, each id is looked up. Earlier ids keep their codes."""
    codes = JobCodes()
    assert codes.whole(["b", "a"]).tolist() == [0, 1]
    assert codes.whole(["d", "c"]).tolist() == [2, 3]
    assert codes.ids() == ["b", "a", "d", "c"]
    assert codes.whole(["e", "a", "e"]).tolist() == [4, 1, 4]
    assert codes.whole(["f", "b"]).tolist() == [5, 0]
    assert codes.ids() == ["b", "a", "d", "c", "e", "f"]
    refusing = JobCodes()
    assert refusing.whole(["b"]).tolist() == [0]
    with pytest.raises(Unfit):
        refusing.whole(["c", "c*"])
    assert refusing.code("b") == 0
