"""A job: its bucket span, and a table of its results for each kind."""

from collections.abc import Mapping
from types import MappingProxyType

from bucketquery.model.schema import Kind, Schema
from bucketquery.storage.table import Table


class Job:
    """A known job. It never changes; a write makes a new one.

    Attributes:
        job_id: its id.
        bucket_span: the length of its buckets in seconds, given to `put_job`; None if unknown.
        tables: its results by kind. A kind that was never written has no table.
    """

    __slots__ = ("bucket_span", "job_id", "tables")

    def __init__(
        self, job_id: str, bucket_span: int | None = None, tables: Mapping[Kind, Table] = MappingProxyType({})
    ) -> None:
        self.job_id = job_id
        self.bucket_span = bucket_span
        self.tables = tables

    def table(self, schema: Schema) -> Table:
        """Its results of a kind; an empty table if it has none."""
        return self.tables.get(schema.kind) or Table.empty(schema)

    def with_table(self, table: Table) -> "Job":
        """The same job with other results of one kind."""
        kind = table.kind
        return Job(self.job_id, self.bucket_span, {**self.tables, kind: table})
