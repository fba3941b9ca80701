"""The results of all jobs of one kind as one table: what a commit has, and how it is made from the jobs."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import sort_order
from bucketquery.jobs.job import Job
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.model.schema import COMBINED, JOB_LABEL, Array, Schema, Type
from bucketquery.storage.keywords import encode_keywords
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS


class AllJobs(NamedTuple):
    """The results of one kind of all jobs at one commit; immutable.

    Attributes:
        schema: the schema of the tables, one of `COMBINED`.
        parts: tables that do not overlap in time, the oldest results first; together they have every result.
        labels: the labels in the column `JOB_LABEL`.
    """

    schema: Schema
    parts: tuple[Table, ...]
    labels: JobLabels

    @classmethod
    def of(cls, kind: Schema, jobs: Iterable[Job]) -> "AllJobs":
        """The results of some jobs, read from their tables: O(n log n) for n results."""
        known = sorted(jobs, key=lambda job: job.job_id)
        labels = JobLabels([job.job_id for job in known])
        schema = COMBINED[kind.kind]
        own = [(job.job_id, job.tables[kind.kind]) for job in known if kind.kind in job.tables]
        rows = [Selection(table.rows, (0, table.length, False)) for _, table in own]
        columns: dict[str, Array] = {
            JOB_LABEL: np.repeat(labels.labels([job_id for job_id, _ in own]), [len(some) for some in rows])
        }
        dictionaries = {}
        for field in schema.columns:
            if field.name == JOB_LABEL:
                continue
            parts = [some.column(field.name) for some in rows]
            if field.type is Type.KEYWORD:
                columns[field.name], dictionaries[field.name] = encode_keywords(
                    [value for part in parts for value in part.tolist()]
                )
            else:
                values = np.concatenate(parts) if parts else np.empty(0)
                columns[field.name] = values.astype(field.type.dtype)
        order = sort_order([columns[name] for name in schema.identity])
        if order is not None:
            columns = {name: column[order] for name, column in columns.items()}
        segment = Segment(
            schema, len(columns["timestamp"]), columns, {}, {k: v for k, v in dictionaries.items() if len(v)}, {}
        )
        interim = columns["is_interim"].nonzero()[0]
        return cls(schema, (Table(segment, NO_ROWS, empty_segment(schema), interim),), labels)
