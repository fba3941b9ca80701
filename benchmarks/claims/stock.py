"""What work is done on: buckets, tables and catalogues of any size. What is kept is not to be modified."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

import numpy as np

from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, Columns, bucket_columns
from bucketquery import BucketQuery
from bucketquery.columns.arrays import read_columns
from bucketquery.columns.catalog import Catalog, Job
from bucketquery.columns.segment import Segment
from bucketquery.columns.table import Table
from bucketquery.columns.view import NO_ROWS, Selection, View
from bucketquery.model.queries import Question, settle
from bucketquery.model.schema import BUCKET, Float64s, Int64s, Kind

_Result = TypeVar("_Result")

THOUSAND: Final = 1_024
MANY: Final = 131_072
MILLION: Final = 1_048_576

NAME: Final = "influencer_field_value"
EVENTS: Final = "scheduled_events"


def checked(call: Callable[[], _Result], is_right: Callable[[_Result], object]) -> Call:
    """What does some work, once it has been seen to do it right."""
    assert is_right(call())
    return call


def chances(size: int) -> Float64s:
    """Numbers of chance from 0 to 100."""
    return 100 * np.random.default_rng(size).random(size)


def even(size: int) -> Int64s:
    """The first even numbers."""
    return np.arange(0, 2 * size, 2)


def shuffled(values: Int64s) -> Int64s:
    """The same in an order of chance."""
    return np.random.default_rng(len(values)).permutation(values)


def number_of(rows: slice | Int64s) -> int:
    """How many rows these are."""
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


# Buckets


@cache
def columns(size: int) -> Columns:
    """So many final buckets."""
    return bucket_columns(size, interim=0)


def segment_of(given: Mapping[str, Any], kind: Kind = "bucket") -> Segment:
    """The same as a batch has them."""
    return read_columns(given, JOB, kind).segments[kind][JOB]


def picked(given: Mapping[str, Any], rows: Int64s | slice) -> dict[str, Any]:
    """Some rows of columns."""
    return {name: column[rows] for name, column in given.items()}


def late(size: int, count: int, part: int = 2) -> Segment:
    """So many buckets between so many others, some part of a span behind these."""
    among = picked(columns(size), np.linspace(0, size - 2, count).astype(np.int64))
    return segment_of({**among, "timestamp": among["timestamp"] + SPAN_MS // part})


@cache
def table(size: int) -> Table:
    """Of so many buckets, without room for more."""
    return Table.empty(BUCKET).upsert(segment_of(columns(size)))[0]


def without_ladders(of: Table) -> Table:
    """The same table, as it is before anybody has asked for the highest scores."""
    base = of.base
    fresh = Segment(base.schema, base.length, base.columns, base.present, base.texts, base.lists)
    return Table(fresh, of.dead, of.head, NO_ROWS)


@cache
def searched(size: int) -> Table:
    """Of so many buckets, too; its ladders are no other table's."""
    return without_ladders(table(size))


@cache
def worn(size: int, dead: int = 0, head: int = 0) -> Table:
    """So many buckets of which every other one of the first is dead, and a head, be it larger than it may become."""
    beside = late(size, head).packed() if head else Segment.empty(BUCKET)
    return Table(searched(size).base, even(dead), beside, NO_ROWS)


def anew(of: Table) -> View:
    """A view of a table that nobody has asked yet."""
    return View(of.base, of.dead, of.head)


def unread(of: Table, rows: Int64s) -> Selection:
    """Rows of a table that nobody has asked yet."""
    return Selection(anew(of), rows)


@cache
def eventful(size: int) -> View:
    """Of so many buckets that all have an event."""
    given: dict[str, Any] = {**columns(size), EVENTS: [[f"event {row % 7}"] for row in range(size)]}
    return View(segment_of(given), NO_ROWS, Segment.empty(BUCKET))


@cache
def named(size: int) -> Table:
    """So many influencers, each with a name of its own; one in the head has another one."""
    names = [*(f"host {row:07}" for row in range(size)), "host 00000001"]
    given = {
        "timestamp": FIRST_MS + SPAN_MS * np.arange(size + 1),
        "bucket_span": np.full(size + 1, SPAN_S),
        NAME: np.array(names, dtype=np.object_),
    }
    base, head = picked(given, slice(size)), picked(given, slice(size, None))
    return Table(segment_of(base, "influencer"), NO_ROWS, segment_of(head, "influencer"), NO_ROWS)


def reading(size: int) -> Selection:
    """So many rows of base and head, in an order of chance."""
    of = worn(MANY, 0, THOUSAND)
    rows = np.random.default_rng(size).choice(MANY + THOUSAND, size, replace=False)
    return Selection(of.rows, rows)


def question(**parameters: Any) -> Question:
    """What is asked of buckets."""
    return settle(BucketQuery(jobs=JOB, **parameters), lambda: 0)


def half(size: int) -> dict[str, int]:
    """The window of the middle half of so many buckets."""
    timestamps = columns(size)["timestamp"]
    return {"start": int(timestamps[size // 4]), "end": int(timestamps[-size // 4])}


# Jobs


@cache
def ids(jobs: int) -> tuple[str, ...]:
    """Those of so many jobs, in order."""
    return tuple(f"job-{number:07}" for number in range(jobs))


def jobs_of(job_ids: tuple[str, ...], rows: int) -> dict[str, Job]:
    """Jobs that all have the same so many buckets."""
    return {job_id: Job(job_id, None, {"bucket": table(rows)}) for job_id in job_ids}


@cache
def catalog(jobs: int, rows: int = 1) -> Catalog:
    """Of so many jobs with as many buckets each."""
    return Catalog().with_jobs(jobs_of(ids(jobs), rows))
