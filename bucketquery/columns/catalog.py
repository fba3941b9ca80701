"""The catalogue: every job by its id, immutable, copied on write in two levels.

A write to one job copies one of a few hundred small dicts and the tuple that holds them, so that it costs microseconds
however many jobs there are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import chain
from typing import Final

from sortedcontainers import SortedList

from bucketquery.columns.table import Table
from bucketquery.errors import UnknownJob
from bucketquery.model.schema import Kind, Schema

_SHARDS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job that is known: what was put of it, and its results by kind, made when first needed."""

    job_id: str
    bucket_span: int | None = None
    tables: Mapping[Kind, Table] = dataclass_field(default_factory=dict)

    def table(self, schema: Schema) -> Table:
        """Its results of a kind, an empty table where it has none."""
        return self.tables.get(schema.kind) or Table.empty(schema)

    def with_table(self, table: Table) -> "Job":
        """The same job with other results of one kind."""
        kind = table.rows.base.schema.kind
        return Job(job_id=self.job_id, bucket_span=self.bucket_span, tables={**self.tables, kind: table})


class Catalog:
    """All jobs at one commit.

    >>> catalog = Catalog().with_jobs({"web": Job(job_id="web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("_ids", "_shards")

    def __init__(self, shards: tuple[Mapping[str, Job], ...] = ({},) * _SHARDS, ids: SortedList | None = None) -> None:
        self._shards = shards
        self._ids = ids

    def get(self, job_id: str) -> Job | None:
        """The job, or None. Complexity: O(1)."""
        return self._shards[hash(job_id) % _SHARDS].get(job_id)

    def known(self, job_id: str, field: str) -> Job:
        """The job that a parameter named ``field`` asks for. Complexity: O(1).

        Raises:
            UnknownJob: there is no job of this id.
        """
        job = self.get(job_id)
        if job is None:
            raise UnknownJob(f"No known job with id '{job_id[:300]}'", field=field, value=job_id)
        return job

    def __contains__(self, job_id: str) -> bool:
        return self.get(job_id) is not None

    def __iter__(self) -> Iterator[Job]:
        return chain.from_iterable(shard.values() for shard in self._shards)

    def __len__(self) -> int:
        return sum(map(len, self._shards))

    def ids(self) -> SortedList:
        """The ids in the order of their code points; not to be changed.

        Complexity: O(j log j) for j jobs once for each set of jobs, then O(1).
        """
        ids = self._ids
        if ids is None:
            # Two readers may both make the list, and make the same.
            ids = self._ids = SortedList(chain.from_iterable(self._shards))
        return ids

    def with_jobs(self, jobs: Mapping[str, Job]) -> "Catalog":
        """This catalogue with some jobs put in or replaced.

        Complexity: O(shards + k + j * k / shards), at most O(j + k).
        """
        shards = list(self._shards)
        copies: dict[int, dict[str, Job]] = {}
        is_new = False
        for job_id, job in jobs.items():
            at = hash(job_id) % _SHARDS
            if at not in copies:
                shards[at] = copies[at] = dict(shards[at])
            is_new = is_new or job_id not in copies[at]
            copies[at][job_id] = job
        return Catalog(tuple(shards), None if is_new else self._ids)

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without a job that is in it. Complexity: O(shards + j / shards)."""
        at = hash(job_id) % _SHARDS
        shard = {known: job for known, job in self._shards[at].items() if known != job_id}
        return Catalog((*self._shards[:at], shard, *self._shards[at + 1 :]))

    def check(self) -> None:
        """Assert every invariant, of every table too."""
        assert list(self.ids()) == sorted(job.job_id for job in self)
        for at, shard in enumerate(self._shards):
            for job_id, job in shard.items():
                assert job_id == job.job_id
                assert hash(job_id) % _SHARDS == at
                for kind, table in job.tables.items():
                    assert table.rows.base.schema.kind == kind
                    table.check()
