"""Combined tables of all jobs in several parts, as an index has them after many commits."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.model.instants import FIRST_MS
from bucketquery.model.schema import Schema
from bucketquery.storage.gather import merge
from bucketquery.storage.packed_rows import layout_of
from bucketquery.storage.packed_segment import empty_segment, pack
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS
from support.helpers import sizes

#: The combined tables in one part, before any test patches the method.
_whole = Catalog.all_jobs


def of_parts(schema: Schema, parts: Sequence[Table], labels: JobLabels) -> AllJobs:
    """Combined tables with these parts, of any number."""
    made = AllJobs.__new__(AllJobs)
    made.schema, made.labels, made.parts = schema, labels, tuple(parts)
    made.recent_start, made.old = FIRST_MS, Table.empty(schema)
    made.recent = parts[-1] if parts else made.old
    return made


def in_parts(all_jobs: AllJobs, rng: Random, parts: int) -> AllJobs:
    """The same results in several parts, cut between instants. Each part has a head and deleted rows."""
    segment = _live(all_jobs).with_sizes(sizes())
    timestamps = segment.column("timestamp")
    instants = np.unique(timestamps).tolist()
    cuts = sorted(rng.sample(instants, min(parts - 1, len(instants))))
    edges = [0, *timestamps.searchsorted(cuts).tolist(), segment.length]
    tables = [_part(segment.select(np.arange(*ends)), rng) for ends in pairwise(edges)]
    return of_parts(all_jobs.schema, tables, all_jobs.labels)


def cut_all_jobs(patch: pytest.MonkeyPatch, seed: Any) -> None:
    """Let every catalogue have combined tables in one to four parts."""
    rng = Random(f"{seed} parts")
    known: dict[tuple[int, str], tuple[Catalog, AllJobs | None]] = {}

    def all_jobs(catalog: Catalog, schema: Schema) -> AllJobs | None:
        key = id(catalog), schema.kind
        if key not in known:
            # The catalogue is stored too, so that no other one gets its number.
            made = _whole(catalog, schema)
            known[key] = catalog, None if made is None else in_parts(made, rng, rng.choice((1, 2, 3, 4)))
        return known[key][1]

    patch.setattr(Catalog, "all_jobs", all_jobs)


def _live(all_jobs: AllJobs) -> Segment:
    """All results as one segment without deleted rows."""
    whole: Segment = empty_segment(all_jobs.schema).unpacked()
    for part in all_jobs.parts:
        live = np.setdiff1d(np.arange(part.base.length), part.deleted)
        whole = whole.append(merge(part.base, live, part.head, np.arange(part.head.length)))
    return whole


def _part(segment: Segment, rng: Random) -> Table:
    """A table of some rows: most in the base, some in the head, some of these with an older version in the base."""
    schema, length = segment.schema, segment.length
    in_head = np.array([row for row in range(length) if rng.random() < 0.25], dtype=np.int64)
    is_old = np.array([rng.random() < 0.5 for _ in in_head], dtype=np.bool_)
    stays = np.setdiff1d(np.arange(length), in_head[~is_old])
    base = segment.select(stays)
    deleted = stays.searchsorted(in_head[is_old])
    if len(deleted):
        # An older version has another score, and may be interim.
        columns = {**base.columns, schema.score: base.columns[schema.score].copy()}
        columns[schema.score][deleted] = [rng.choice((0.0, 50.0, 99.0)) for _ in deleted]
        base = Segment(schema, base.length, columns, base.present, base.dictionaries, base.lists, None, base.sizes)
    head = segment.select(in_head) if len(in_head) else empty_segment(schema, segment.sizes)
    if layout_of(schema) is not None:
        head = pack(head)
    interim = base.column("is_interim").nonzero()[0]
    base.check()
    head.check()
    return Table(base, deleted if len(deleted) else NO_ROWS, head, interim)
