"""The catalogue: every job by its id, immutable, copied on write in three levels.

A write to one job copies one of a thousand small dicts, the list of its group, and that of all groups, so that it costs
a microsecond however many jobs there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final

from sortedcontainers import SortedList

from bucketquery.columns.table import Table
from bucketquery.errors import UnknownJob
from bucketquery.model.schema import Kind, Schema

#: Groups of so many dicts, and so many groups; either is what a commit to one job copies.
_WIDTH: Final = 32
_SHARDS: Final = _WIDTH * _WIDTH


class Job:
    """A job that is known: what was put of it, and its results by kind, made when first needed; never changed."""

    __slots__ = ("bucket_span", "job_id", "tables")

    def __init__(
        self, job_id: str, bucket_span: int | None = None, tables: Mapping[Kind, Table] = MappingProxyType({})
    ) -> None:
        self.job_id = job_id
        self.bucket_span = bucket_span
        self.tables = tables

    def table(self, schema: Schema) -> Table:
        """Its results of a kind, an empty table where it has none."""
        return self.tables.get(schema.kind) or Table.empty(schema)

    def with_table(self, table: Table) -> "Job":
        """The same job with other results of one kind."""
        kind = table.kind
        return Job(self.job_id, self.bucket_span, {**self.tables, kind: table})


class Catalog:
    """All jobs at one commit.

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("_groups", "_ids")

    def __init__(
        self, groups: Sequence[Sequence[Mapping[str, Job]]] | None = None, ids: SortedList | None = None
    ) -> None:
        self._groups = _NO_JOBS if groups is None else groups
        self._ids = ids

    def get(self, job_id: str) -> Job | None:
        """The job, or None. Complexity: O(1)."""
        at = hash(job_id) % _SHARDS
        return self._groups[at // _WIDTH][at % _WIDTH].get(job_id)

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
        return chain.from_iterable(shard.values() for shard in self._shards())

    def __len__(self) -> int:
        return sum(map(len, self._shards()))

    def _shards(self) -> Iterator[Mapping[str, Job]]:
        return chain.from_iterable(self._groups)

    def ids(self) -> SortedList:
        """The ids in the order of their code points; not to be changed.

        Complexity: O(j log j) for j jobs once for each set of jobs, then O(1).
        """
        ids = self._ids
        if ids is None:
            # Two readers may both make the list, and make the same.
            ids = self._ids = SortedList(chain.from_iterable(self._shards()))
        return ids

    def with_jobs(self, jobs: Mapping[str, Job]) -> "Catalog":
        """This catalogue with some jobs put in or replaced.

        Complexity: O(k + j * k / shards) for k of j jobs, at most O(j + k).
        """
        groups = [*self._groups]
        copies: dict[int, dict[str, Job]] = {}
        copied: set[int] = set()
        is_new = False
        for job_id, job in jobs.items():
            at = hash(job_id) % _SHARDS
            shard = copies.get(at)
            if shard is None:
                shard = copies[at] = _own_shard(groups, at, copied)
            is_new = is_new or job_id not in shard
            shard[job_id] = job
        return Catalog(groups, None if is_new else self._ids)

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without a job that is in it. Complexity: O(j / shards)."""
        groups = [*self._groups]
        del _own_shard(groups, hash(job_id) % _SHARDS, set())[job_id]
        return Catalog(groups)

    def check(self) -> None:
        """Assert every invariant, of every table too."""
        assert list(self.ids()) == sorted(job.job_id for job in self)
        for at, shard in enumerate(self._shards()):
            for job_id, job in shard.items():
                assert job_id == job.job_id
                assert hash(job_id) % _SHARDS == at
                for kind, table in job.tables.items():
                    assert table.kind == kind
                    table.check()


#: The groups of a catalogue without jobs; none of it is ever changed.
_NO_JOBS: Final[Sequence[Sequence[Mapping[str, Job]]]] = (({},) * _WIDTH,) * _WIDTH


def _own_shard(groups: list[Sequence[Mapping[str, Job]]], at: int, copied: set[int]) -> dict[str, Job]:
    """A copy of one shard, put in its place in a list of groups; its group is copied first if it was not before."""
    which = at // _WIDTH
    group = groups[which]
    if which not in copied:
        copied.add(which)
        group = groups[which] = [*group]
    assert isinstance(group, list), "a copy"
    shard = group[at % _WIDTH] = dict(group[at % _WIDTH])
    return shard
