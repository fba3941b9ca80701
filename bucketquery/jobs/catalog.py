"""The catalogue: every job by its id, immutable, copied on write in three levels.

A write to one job copies one of a thousand small dicts, the list of its group, and that of all groups, so that it costs
a microsecond however many jobs there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from sortedcontainers import SortedList

from bucketquery.errors import UnknownJob
from bucketquery.jobs.combined_table import SMALL_ROWS, CombinedTable, Split
from bucketquery.jobs.job import Job
from bucketquery.model.schema import Kind, Schema
from bucketquery.storage.table import Table

#: Groups of so many dicts, and so many groups; either is what a commit to one job copies.
_WIDTH: Final = 32
_SHARDS: Final = _WIDTH * _WIDTH

#: Jobs are asked together where they are so many, and so large a part of all that are known.
_MANY: Final = 16
_KNOWN_PER_ASKED: Final = 64

#: A combined table is made anew where more of its jobs have changed than these, or than this part of them.
_FEW_CHANGED: Final = 64
_JOBS_PER_CHANGED: Final = 16


class _Combined(NamedTuple):
    """A combined table, and what it was made of.

    Attributes:
        combined: all small jobs that there were.
        shards: the catalogue's; None where one has a large job, whose results are not to be kept for this.
        members: which of the combined table's jobs are in each, and what they had.
    """

    combined: CombinedTable
    shards: Sequence[Mapping[str, Job] | None]
    members: Sequence[Mapping[str, Table | None]]


class _Changed(NamedTuple):
    """How a catalogue differs from what a combined table was made of.

    Attributes:
        combined: the combined table.
        stale: its jobs that have another table here, or are unknown.
        small: the jobs that have another table here than there, or none there, and could be in a combined table.
    """

    combined: _Combined
    stale: frozenset[str]
    small: Mapping[str, Table | None]


class Catalog:
    """All jobs at one commit.

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("_changes", "_combined_tables", "_groups", "_ids", "_seconds")

    def __init__(
        self,
        groups: Sequence[Sequence[Mapping[str, Job]]] | None = None,
        ids: SortedList | None = None,
        combined_tables: dict[Kind, _Combined] | None = None,
    ) -> None:
        self._groups = _NO_JOBS if groups is None else groups
        self._ids = ids
        #: The newest combined table of each kind, shared by all catalogues of an index.
        self._combined_tables = {} if combined_tables is None else combined_tables
        #: How this one differs from them, and the combined tables of those jobs alone that have changed; made when
        #: first wanted.
        self._changes: dict[Kind, _Changed] | None = None
        self._seconds: dict[Kind, tuple[_Changed, CombinedTable]] | None = None

    def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        at = hash(job_id) % _SHARDS
        return self._groups[at // _WIDTH][at % _WIDTH].get(job_id)

    def known(self, job_id: str, field: str) -> Job:
        """The job that a parameter named ``field`` asks for.

        Raises:
            UnknownJob: there is no job of this id.
        """
        # As `get`, whose own call would take as long.
        at = hash(job_id) % _SHARDS
        job = self._groups[at // _WIDTH][at % _WIDTH].get(job_id)
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

        Each set of jobs is sorted once: O(j log j) for j jobs.
        """
        ids = self._ids
        if ids is None:
            # Two readers may both make the list, and make the same.
            ids = self._ids = SortedList(chain.from_iterable(self._shards()))
        return ids

    def with_jobs(self, jobs: Mapping[str, Job]) -> "Catalog":
        """This catalogue with some jobs put in or replaced.

        The k jobs cost O(k + j * k / shards) of j, since only their shards are copied.
        """
        groups = [*self._groups]
        if len(jobs) == 1:
            # Most commits are to one job.
            ((job_id, job),) = jobs.items()
            shard = _own_shard(groups, hash(job_id) % _SHARDS, set())
            ids = self._ids if job_id in shard else None
            shard[job_id] = job
            return Catalog(groups, ids, self._combined_tables)
        copies: dict[int, dict[str, Job]] = {}
        copied: set[int] = set()
        is_new = False
        for job_id, job in jobs.items():
            at = hash(job_id) % _SHARDS
            own = copies.get(at)
            if own is None:
                own = copies[at] = _own_shard(groups, at, copied)
            is_new = is_new or job_id not in own
            own[job_id] = job
        return Catalog(groups, None if is_new else self._ids, self._combined_tables)

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without a job that is in it. It copies the shard of the job."""
        groups = [*self._groups]
        del _own_shard(groups, hash(job_id) % _SHARDS, set())[job_id]
        return Catalog(groups, None, self._combined_tables)

    def combine(self, jobs: Sequence[str], schema: Schema) -> tuple[Split, ...] | None:
        """How to ask many jobs together; None where they are better asked one by one.

        Returns:
            What to ask of one combined table, or of two; those that are left by the last are asked one by one.

        The first call combines all jobs: O(j log j + n log n) for j jobs with n results. A later call combines all of
        them again only if many jobs have changed. The first call on a new commit costs O(shards + n), and O(j / shards)
        for each changed shard; it combines the changed jobs alone. Any other call costs O(shards).
        """
        if len(jobs) < _MANY or len(jobs) * _KNOWN_PER_ASKED < len(self):
            return None
        # What served this catalogue once serves it on: else an older snapshot and the newest one, asked in turn, would
        # each replace the combined table of the other.
        changed = (self._changes or {}).get(schema.kind)
        if changed is None and (combined := self._combined_tables.get(schema.kind)) is not None:
            changed = self._changed(combined, schema.kind)
        if changed is None:
            # Two readers may both make one; any will do.
            combined = self._combined_tables[schema.kind] = self._combine(schema)
            changed = self._changed(combined, schema.kind)
            assert changed is not None  # nothing has
        split = changed.combined.combined.split(jobs, changed.stale)
        if min(len(split.others), len(changed.small)) < _MANY:
            return (split,)
        return split, self._second(changed, schema).split(split.others, frozenset())

    def _combine(self, schema: Schema) -> _Combined:
        """A combined table of all small jobs."""
        shards: list[Mapping[str, Job] | None] = []
        members: list[dict[str, Table | None]] = []
        everybody: dict[str, Table | None] = {}
        for shard in self._shards():
            own: dict[str, Table | None] = {}
            for job_id, job in shard.items():
                table = job.tables.get(schema.kind)
                if table is None or table.length <= SMALL_ROWS:
                    own[job_id] = table
            is_small = len(own) == len(shard) and all(map(_has_little, shard.values()))
            shards.append(shard if is_small else None)
            members.append(own)
            everybody |= own
        return _Combined(_combined_of(schema, everybody), shards, members)

    def _changed(self, combined: _Combined, kind: Kind) -> _Changed | None:
        """How this differs from what a combined table was made of; None where it should be made anew."""
        changes = self._changes = self._changes or {}
        stale: list[str] = []
        now: dict[str, Table | None] = {}
        absent: Any = object()
        for shard, then, members in zip(self._shards(), combined.shards, combined.members, strict=True):
            if then is not shard:
                for job_id, table in members.items():
                    job = shard.get(job_id)
                    if (absent if job is None else job.tables.get(kind)) is not table:
                        stale.append(job_id)
                        if job is not None:
                            now[job_id] = job.tables.get(kind)
                now |= {job_id: shard[job_id].tables.get(kind) for job_id in shard.keys() - members.keys()}
        small = {job_id: table for job_id, table in now.items() if table is None or table.length <= SMALL_ROWS}
        new = sum(map(combined.combined.lacks, small))
        if len(stale) + new > max(_FEW_CHANGED, len(combined.combined.job_ids) // _JOBS_PER_CHANGED):
            return None
        found = changes[kind] = _Changed(combined, frozenset(stale), small)
        return found

    def _second(self, changed: _Changed, schema: Schema) -> CombinedTable:
        """The combined table of the small jobs that have changed."""
        seconds = self._seconds = self._seconds or {}
        known = seconds.get(schema.kind)
        if known is None or known[0] is not changed:
            known = seconds[schema.kind] = changed, _combined_of(schema, changed.small)
        return known[1]

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


def _combined_of(schema: Schema, tables: Mapping[str, Table | None]) -> CombinedTable:
    job_ids = sorted(tables)
    return CombinedTable.of(schema, job_ids, [tables[job_id] for job_id in job_ids])


def _has_little(job: Job) -> bool:
    """Whether all of a job's tables are small."""
    return all(table.length <= SMALL_ROWS for table in job.tables.values())


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
