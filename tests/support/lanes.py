"""Swimlanes and top influencers by plain loops, random results for them, and combined tables in every state."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, ResultsIndex, Snapshot
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.model.schema import COMBINED, JOB_LABEL, Array, Schema, Type
from bucketquery.model.sizes import Sizes
from bucketquery.search.lane_sizes import LANE_SIZES, LaneSizes
from bucketquery.storage.keywords import encode_keywords
from bucketquery.storage.packed_segment import pack
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from support.all_jobs import of_parts

SPAN_MS: Final = 300_000

#: All ways are taken on few rows as they are on many; many jobs are two.
ON_FEW_ROWS: Final = LaneSizes(
    few_jobs=1,
    few_rows=0,
    rows_for_levels=0,
    rows_per_cell=0,
    entries_per_cell=0,
    most_runs=1,
    rows_per_entry=1,
    first_look=1,
    rows_at_once=3,
    rows_per_table=10**6,
    last_rows_per_job=1,
    rows_per_other=0,
    rows_per_list=0,
    few_entries=10**6,
    few_undecided=10**6,
    rows_per_block=2,
    block_rows_per_group=0,
)


#: The number of random histories for each way.
ROUNDS: Final = 8

JOBS: Final = [f"job-{number}" for number in range(6)]

#: Ways to find lanes and cells, by name.
WAYS: Final = {
    "as measured": LANE_SIZES,
    "on few rows": ON_FEW_ROWS,
    "job by job": replace(ON_FEW_ROWS, few_jobs=100),
    "last rows": replace(ON_FEW_ROWS, last_rows_per_job=3),
    "all rows": replace(ON_FEW_ROWS, rows_per_other=100),
    "tables of all jobs": replace(ON_FEW_ROWS, rows_per_table=0, last_rows_per_job=2),
    "rows at once": replace(ON_FEW_ROWS, rows_per_list=100, few_entries=0, few_undecided=0, most_runs=100),
    "levels for some cells": replace(ON_FEW_ROWS, entries_per_cell=1, rows_per_cell=2, rows_per_entry=3),
}


def zone_named(name: str) -> ZoneInfo:
    """A time zone. The test is skipped if the machine has no data about zones."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zone data")


class Entry(NamedTuple):
    """A result: its lane or its influencer, its timestamp, its score, and whether it is interim."""

    key: Any
    timestamp: int
    score: float
    is_interim: bool


def buckets_of(source: ResultsIndex | Snapshot, jobs: Iterable[str]) -> list[Entry]:
    """The buckets of some jobs, with the job as key."""
    found = [each for job in jobs for each in source.scan(BucketQuery(jobs=job))]
    return [Entry(each.job_id, each.timestamp, each.anomaly_score, each.is_interim) for each in found]


def influencers_of(source: ResultsIndex | Snapshot, jobs: Iterable[str], field: str | None = None) -> list[Entry]:
    """The influencers of some jobs that have a name and a value, with both as key."""
    found = [each for job in jobs for each in source.scan(InfluencerQuery(jobs=job, sort="timestamp", desc=False))]
    pairs = [((each.influencer_field_name, each.influencer_field_value), each) for each in found]
    return [
        Entry(pair, each.timestamp, each.influencer_score, each.is_interim)
        for pair, each in pairs
        if None not in pair and field in {None, pair[0]}
    ]


def inside(entries: Iterable[Entry], start: int | None, end: int | None, *, exclude_interim: bool) -> list[Entry]:
    """The results of a window."""
    return [
        entry
        for entry in entries
        if (start is None or start <= entry.timestamp)
        and (end is None or entry.timestamp < end)
        and not (exclude_interim and entry.is_interim)
    ]


def plain_swimlane(
    entries: Sequence[Entry], start: int | None, end: int | None, *, cell_ms: int, from_: int, lanes: int
) -> dict[str, Any]:
    """The swimlane of the results of a window, as `Swimlane.to_dict` shows it, without the sequence."""
    by_lane: dict[Any, list[Entry]] = {}
    for entry in entries:
        by_lane.setdefault(entry.key, []).append(entry)
    order = sorted((-max(entry.score for entry in own), key) for key, own in by_lane.items())
    page = [key for _, key in order[from_ : from_ + lanes]]
    instants = [entry.timestamp for entry in entries]
    edges: list[int] = []
    is_empty = start is not None and end is not None and start >= end
    if not is_empty and (instants or None not in {start, end}):
        first = min(instants) if start is None else start
        last = max(instants) if end is None else end - 1
        edges = [cell * cell_ms for cell in range(first // cell_ms, last // cell_ms + 2)]
    scores = []
    for key in page:
        row: list[float | None] = []
        for low, high in pairwise(edges):
            own = [entry.score for entry in by_lane[key] if low <= entry.timestamp < high]
            row.append(max(own) if own else None)
        scores.append(row)
    names = [key if isinstance(key, str) else key[1] for key in page]
    return {"lanes": names, "cells": edges[:-1], "edges": edges, "scores": scores, "lane_count": len(order)}


def plain_top(entries: Sequence[Entry], *, by_sum: bool, from_: int, size: int) -> dict[str, Any]:
    """The top influencers of the results of a window, as `TopInfluencers.to_dict` shows them."""
    scores: dict[tuple[str, str], list[float]] = {}
    for entry in entries:
        scores.setdefault(entry.key, []).append(entry.score)
    order = sorted((-(sum(own) if by_sum else max(own)), key) for key, own in scores.items())
    page = [
        {
            "influencer_field_name": key[0],
            "influencer_field_value": key[1],
            "max_influencer_score": max(scores[key]),
            "sum_influencer_score": sum(scores[key]),
            "count": len(scores[key]),
        }
        for _, key in order[from_ : from_ + size]
    ]
    return {"count": len(order), "influencers": page}


def random_results(rng: random.Random, kind: str, jobs: Sequence[str], number: int) -> list[dict[str, Any]]:
    """Random results of one kind, with scores that often tie."""
    results = []
    for _ in range(number):
        result = {
            "result_type": kind,
            "job_id": rng.choice(jobs),
            "timestamp": rng.randrange(-20, 60) * SPAN_MS,
            "bucket_span": rng.choice((300, 600)),
            "is_interim": rng.random() < 0.2,
        }
        score = rng.choice((None, None, 0, -5, 10, 10, 50, rng.randrange(800) / 8))
        if score is not None:
            result["anomaly_score" if kind == "bucket" else "influencer_score"] = score
        if kind == "influencer":
            for key, values in (("influencer_field_name", ("host", "user")), ("influencer_field_value", "abcdefg")):
                if rng.random() < 0.9:
                    result[key] = rng.choice(values)
        results.append(result)
    return results


def combined_of(source: Snapshot, schema: Schema, sizes: Sizes, rng: random.Random) -> AllJobs:
    """The results of all jobs as two tables, with rows in heads, and deleted rows with and without newer versions."""
    known = source.jobs()
    labels = JobLabels(known)
    combined = COMBINED[schema.kind]
    rows = []
    for job_id in known:
        job = source._catalog.get(job_id)
        assert job is not None
        table = job.tables.get(schema.kind)
        if table is not None:
            found = table.rows.find(0, table.length)
            numbers = table.rows.numbered(*found) if isinstance(found, tuple) else found
            rows += _rows(table, numbers, combined, labels.label(job_id))
    middle = rng.randrange(-20, 60) * SPAN_MS
    early = [row for row in rows if row["timestamp"] < middle]
    late = [row for row in rows if row["timestamp"] >= middle]
    parts = tuple(_table(part, combined, sizes, rng) for part in (early, late))
    return of_parts(combined, parts, labels)


def _rows(table: Table, numbers: Any, schema: Schema, label: int | None) -> list[dict[str, Any]]:
    from bucketquery.storage.selection import Selection  # noqa: PLC0415

    some = Selection(table.rows, numbers)
    columns = {field.name: some.column(field.name).tolist() for field in schema.columns if field.name != JOB_LABEL}
    return [
        {**dict(zip(columns, values, strict=True)), JOB_LABEL: label} for values in zip(*columns.values(), strict=True)
    ]


def _table(rows: list[dict[str, Any]], schema: Schema, sizes: Sizes, rng: random.Random) -> Table:
    to_head = {at for at in range(len(rows)) if rng.random() < 0.2}
    has_deleted = rng.random() < 0.5
    stale = {at for at in to_head if has_deleted}
    base = [(row, False) for at, row in enumerate(rows) if at not in to_head]
    base += [({**rows[at], schema.score: 99.0}, True) for at in stale]
    base += [({**row, "timestamp": row["timestamp"] + 1, schema.score: 98.0}, True) for row in rows[::7] if has_deleted]
    base.sort(key=lambda entry: _identity(entry[0], schema))
    deleted = np.array([at for at, (_, is_deleted) in enumerate(base) if is_deleted], dtype=np.int64)
    segment = _segment([row for row, _ in base], schema, sizes)
    head = pack(_segment([rows[at] for at in to_head], schema, sizes))
    return Table(segment, deleted, head, segment.column("is_interim").nonzero()[0])


def _identity(row: dict[str, Any], schema: Schema) -> tuple[Any, ...]:
    return tuple((row[name] is not None, row[name] or 0) for name in schema.identity)


def _segment(rows: list[dict[str, Any]], schema: Schema, sizes: Sizes) -> Segment:
    rows = sorted(rows, key=lambda row: _identity(row, schema))
    columns: dict[str, Array] = {}
    dictionaries = {}
    for field in schema.columns:
        values = [row[field.name] for row in rows]
        if field.type is Type.KEYWORD:
            columns[field.name], dictionary = encode_keywords(values)
            if len(dictionary):
                dictionaries[field.name] = dictionary
        else:
            columns[field.name] = np.array(values, dtype=field.type.dtype)
    return Segment(schema, len(rows), columns, {}, dictionaries, {}, None, sizes)


def filled(rng: random.Random, kind: str) -> ResultsIndex:
    """An index after random batches, replacements and deletes."""
    index = ResultsIndex()
    for job in JOBS:
        index.put_job(job)
    for _ in range(rng.randrange(5)):
        jobs = rng.sample(JOBS, rng.randrange(1, len(JOBS)))
        index.upsert(random_results(rng, kind, jobs, rng.randrange(1, 120)))
        if rng.random() < 0.3:
            first = rng.randrange(-20, 60) * SPAN_MS
            index.delete(start=first, end=first + 3 * SPAN_MS)
    return index
