"""What the ways in say of their cost: documents, arrays, and the batches that they become."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGLINEAR, Claim
from benchmarks.claims.made import BUCKET, EVENTS, FEW, INFLUENCER, NEAR, list_at, lists_of
from benchmarks.timing import Call
from benchmarks.workloads import JOB, SPAN_MS, SPAN_S, Columns, bucket_columns, bucket_documents, shuffled
from bucketquery.columns.arrays import read_columns, read_scores
from bucketquery.columns.batch import Batch, Chunk, Column, assemble, checked_column, joined, whole_column
from bucketquery.columns.documents import read_documents, read_shown
from bucketquery.columns.lists import NO_LISTS
from bucketquery.columns.plain import read_plain
from bucketquery.columns.rest import rest_of, unpacked
from bucketquery.model.schema import REST, SCHEMAS

RECORD: Final = SCHEMAS["record"]

In = Callable[[Columns], Columns]
"""In which order they come."""


@cache
def ungridded(size: int) -> Columns:
    """So many buckets in order of time, whose timestamps are no points of a grid; not to be modified."""
    columns = bucket_columns(size)
    beside = np.random.default_rng(size).integers(0, SPAN_MS, size)
    return {**columns, "timestamp": columns["timestamp"] + beside}


def as_they_are(columns: Columns) -> Columns:
    """In order."""
    return columns


def is_whole(batch: Batch | None, columns: Columns) -> bool:
    """Whether a batch has all buckets of one job, in order."""
    assert batch is not None
    held = batch.segments["bucket"][JOB]
    return all(np.array_equal(held.column(name), column) for name, column in columns.items())


# Arrays


def reading_columns(size: int, *, order: In) -> Call:
    """So many buckets."""
    columns = order(ungridded(size))
    assert is_whole(read_columns(columns, JOB, "bucket"), ungridded(size))
    return partial(read_columns, columns, JOB, "bucket")


def scores_of(columns: Columns) -> Columns:
    """What new scores are told by."""
    return {name: columns[name] for name in (*BUCKET.identity, BUCKET.score)}


def reading_scores(size: int, *, order: In) -> Call:
    """So many of them."""
    columns, wanted = scores_of(order(ungridded(size))), scores_of(ungridded(size))
    segment = read_scores(columns, "bucket").segment
    assert all(np.array_equal(segment.column(name), column) for name, column in wanted.items())
    return partial(read_scores, columns, "bucket")


def naming_what_is_unknown(size: int) -> Call:
    """The one that came last, of so many."""
    columns = scores_of(shuffled(ungridded(size)))
    scores = read_scores(columns, "bucket")
    rows = scores.segment.column("timestamp").searchsorted(columns["timestamp"][-1:])
    assert scores.unknown(rows).field == f"columns.timestamp[{size - 1}]"
    return partial(scores.unknown, rows)


# Batches


def chunk_of(columns: Columns, *, jobs: int = 1) -> Chunk:
    """A chunk of some buckets, the first half with lists; each so many are of other jobs."""
    size = len(columns["timestamp"])
    lists = {field.name: NO_LISTS for field in BUCKET.lists} | {EVENTS: lists_of(size // 4)}
    held = {name: Column(column, None) for name, column in columns.items()}
    return Chunk.of(np.arange(size) * jobs // size, held, lists)


def assembling(size: int, *, order: In) -> Call:
    """So many buckets of one job."""
    columns = order(ungridded(size))
    chunks: Mapping[Any, Sequence[Chunk]] = {"bucket": [chunk_of(columns)]}
    batch = assemble(chunks, [JOB], {})
    lists = batch.segments["bucket"][JOB].lists[EVENTS]
    assert is_whole(batch, ungridded(size))
    assert (lists.length, set(lists.values)) == (size // 4, {list_at(row) for row in range(0, size // 2, 2)})
    return partial(assemble, chunks, [JOB], {})


def assembling_jobs(size: int) -> Call:
    """A bucket for each of so many jobs."""
    chunks: Mapping[Any, Sequence[Chunk]] = {"bucket": [chunk_of(bucket_columns(size), jobs=size)]}
    jobs = [f"job-{number}" for number in range(size)]
    batch = assemble(chunks, jobs, {})
    assert [job_id for job_id, _, _ in batch.rows] == jobs
    return partial(assemble, chunks, jobs, {})


def joining(size: int, parts: int) -> Call:
    """So many buckets in so many chunks."""
    columns = bucket_columns(size)
    ends = np.arange(parts + 1) * size // parts
    chunks = [
        chunk_of({name: column[low:high] for name, column in columns.items()})
        for low, high in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    ]
    made = joined(BUCKET, chunks)
    assert all(np.array_equal(made.columns[name], column) for name, column in columns.items())
    assert made.lists[EVENTS].length == size // 4
    return partial(joined, BUCKET, chunks)


def checking_a_column(size: int, *, name: str, gaps: bool, check: Callable[..., Column | None] = whole_column) -> Call:
    """So many values of a field, the first of them missing where there are gaps."""
    values: list[Any] = bucket_columns(size)[name].tolist()
    values[0] = None if gaps else values[0]
    column = check(BUCKET.by_name[name], values)
    assert column is not None
    assert column.values.tolist()[1:] == values[1:]
    assert (column.present is not None) is gaps
    return partial(check, BUCKET.by_name[name], values)


# Documents


def reading_documents(size: int, *, order: In) -> Call:
    """So many buckets."""
    documents = bucket_documents(order(ungridded(size)))
    assert is_whole(read_documents(documents, None), ungridded(size))
    return partial(read_documents, documents, None)


def reading_plain(size: int) -> Call:
    """So few that they are read by hand."""
    documents = bucket_documents(shuffled(ungridded(size)))
    assert is_whole(read_plain(documents, None, keep=True), ungridded(size))
    return partial(read_plain, documents, None, keep=True)


def reading_what_is_shown(size: int) -> Call:
    """Of so many influencers, each with a note."""
    documents = [
        {
            "job_id": JOB,
            "timestamp": at * SPAN_MS,
            "bucket_span": SPAN_S,
            "influencer_field_value": "a host",
            "note": at,
        }
        for at in range(size)
    ]
    keys = [(JOB, at * SPAN_MS, SPAN_S, None, "a host") for at in range(size)]
    shown = read_shown(documents, INFLUENCER, keys, [False] * size)
    assert unpacked(shown[REST]) == [{"note": at} for at in range(size)]
    return partial(read_shown, documents, INFLUENCER, keys, [False] * size)


# The rest


def keeping_the_rest(size: int) -> Call:
    """So many values in one part, of a documented name or of any other."""
    document = {"timestamp": 0, "actual": [float(number) for number in range(size)], "note": ["text"] * size}
    assert unpacked([rest_of(RECORD, document)]) == [{"actual": document["actual"], "note": document["note"]}]
    return partial(rest_of, RECORD, document)


def reading_the_rest(size: int) -> Call:
    """Of so many rows, every second one without."""
    texts = ["" if number % 2 else f'{{"actual":[{number}]}}' for number in range(size)]
    assert unpacked(texts) == [{} if number % 2 else {"actual": [number]} for number in range(size)]
    return partial(unpacked, texts)


CLAIMS: Final = tuple(
    claim._replace(of=f"columns.{claim.of}")
    for claim in (
        *(
            Claim(of, f"n {what} {how}", growth, partial(make, order=order), *sizes)
            for of, what, make, most, fewer in (
                ("arrays.read_columns", "buckets", reading_columns, NEAR, ()),
                ("arrays.read_scores", "scores", reading_scores, (4_096, 131_072), ()),
                ("batch.assemble", "buckets", assembling, NEAR, FEW),
                ("documents.read_documents", "buckets", reading_documents, FEW, FEW),
            )
            for how, growth, order, sizes in (
                ("in order", LINEAR, as_they_are, most),
                ("in an order of chance", LOGLINEAR, shuffled, fewer),
            )
        ),
        Claim("arrays.Scores.unknown", "one of n scores", LINEAR, naming_what_is_unknown),
        Claim("batch.assemble", "a bucket for each of n jobs", LINEAR, assembling_jobs, *FEW),
        Claim("batch.joined", "n rows in 4 chunks", LINEAR, partial(joining, parts=4), 2_048, 65_536),
        Claim("batch.joined", "n rows in one chunk", CONSTANT, partial(joining, parts=1)),
        Claim("batch.whole_column", "n doubles", LINEAR, partial(checking_a_column, name="anomaly_score", gaps=False)),
        Claim(
            "batch.whole_column",
            "n integers, one missing",
            LINEAR,
            partial(checking_a_column, name="event_count", gaps=True),
        ),
        Claim(
            "batch.checked_column",
            "n integers",
            LINEAR,
            partial(checking_a_column, name="event_count", gaps=False, check=checked_column),
        ),
        Claim("documents.read_shown", "n influencers", LINEAR, reading_what_is_shown, *FEW),
        Claim("plain.read_plain", "n buckets", LOGLINEAR, reading_plain, 2, 16),
        Claim("rest.rest_of", "2 n values", LINEAR, keeping_the_rest, *FEW),
        Claim("rest.unpacked", "n texts", LINEAR, reading_the_rest, *FEW),
    )
)
"""Arrays and documents in either order first."""
