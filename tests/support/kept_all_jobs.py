"""The results of all jobs, read plainly from a snapshot, and compared with those that the writer keeps up to date."""

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from bucketquery import ResultsIndex, Snapshot
from bucketquery import index as indexes
from bucketquery.arrays import room
from bucketquery.jobs import writes
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.model.schema import COMBINED, JOB_LABEL, SCHEMAS, Kind
from bucketquery.storage.selection import Selection
from bucketquery.storage.view import View
from support.helpers import all_rows

#: Sizes so small that a few rows fold, move to the older table, and move labels.
SMALL: Final[dict[str, int]] = {
    "pending_rows": 8,
    "pending_table": 1,
    "recent_rows": 16,
    "old_per_recent": 4,
    "old_per_head_row": 8,
    "old_per_deleted_row": 8,
    "fewest_labels": 4,
    "labels_per_job": 3,
    "head_rows": 6,
    "rows_one_by_one": 3,
    "value_index_rows": 4,
    "rows_behind": 3,
    "level_rows": 2,
    "block_values": 4,
}

Row = tuple[Any, ...]


def shrink(patch: pytest.MonkeyPatch, **sizes: Any) -> None:
    """Let the indexes that are made from now on keep few rows in each part, and treat a few rows as many.

    A few rows are a long batch, and arrays of a few entries reserve address space.
    """
    patch.setattr(indexes, "DEFAULT_SIZES", replace(vars(indexes)["DEFAULT_SIZES"], **SMALL | sizes))
    patch.setattr(writes, "_MANY", 4)
    patch.setattr(room, "_RESERVED_FROM", 32)


def read(snapshot: Snapshot, kind: Kind, *, final: bool = False) -> list[Row]:
    """The results of all jobs, job by job, each with its job in place of the label; None if a value is missing."""
    schema, found = COMBINED[kind], []
    names = [field.name for field in schema.columns if field.name != JOB_LABEL]
    for job in snapshot._catalog:
        table = job.tables.get(kind)
        if table is not None:
            found += [(*row, job.job_id) for row in _rows(table.final if final else table.rows, names)]
    return sorted(found, key=_key(kind))


def kept(results: AllJobs, *, final: bool = False) -> list[Row]:
    """The same of results that the writer keeps up to date, in their order."""
    names = [field.name for field in results.schema.columns]
    found = [row for part in results.parts for row in _rows(part.final if final else part.rows, names)]
    ids = results.labels.ids(np.array([row[-1] for row in found], dtype=np.uint32))
    return [(*row[:-1], job_id) for row, job_id in zip(found, ids, strict=True)]


def assert_kept(snapshot: Snapshot, kind: Kind) -> AllJobs | None:
    """Assert that a snapshot has the results of all jobs of a kind, and return them."""
    results = snapshot._catalog.all_jobs(SCHEMAS[kind])
    if results is not None:
        assert kept(results) == read(snapshot, kind)
        assert kept(results, final=True) == read(snapshot, kind, final=True)
        for job_id in snapshot.jobs():
            assert results.labels.label(job_id) is not None
        results.check(results.sizes.pending_rows)
    return results


def asked(index: ResultsIndex, kind: Kind = "bucket") -> AllJobs:
    """The results of all jobs at the newest commit, compared with a plain reading."""
    results = assert_kept(index.snapshot(), kind)
    assert results is not None
    return results


def _rows(view: View, names: list[str]) -> list[Row]:
    selection = Selection(view, all_rows(view))
    columns = []
    for name in names:
        values, missing = selection.column(name).tolist(), selection.missing(name)
        if missing is not None:
            values = [None if gone else value for value, gone in zip(values, missing.tolist(), strict=True)]
        columns.append([None if isinstance(value, float) and math.isnan(value) else value for value in values])
    return [*zip(*columns, strict=True)] if len(selection) else []


def _key(kind: Kind) -> Any:
    schema = COMBINED[kind]
    names = [field.name for field in schema.columns]
    at = [names.index(name) for name in schema.identity]
    # A missing number of a detector has the place of 0, and a missing keyword comes first.
    numbers = [schema.by_name[name].type.value != "keyword" for name in schema.identity]

    def key(row: Row) -> Row:
        return tuple(
            (row[place] or 0 if name != names[-1] else row[place])
            if is_number
            else (row[place] is not None, row[place] or "")
            for name, place, is_number in zip(schema.identity, at, numbers, strict=True)
        )

    return key
