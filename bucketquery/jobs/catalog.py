"""The catalogue: every job by its id, immutable, copied on write in three levels.

A write to one job copies one of a thousand small dicts, the list of its group, and that of all groups, so that it costs
a microsecond however many jobs there are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple
from weakref import ref

from sortedcontainers import SortedList

from bucketquery.errors import UnknownJob
from bucketquery.jobs.combined_table import SMALL_ROWS, CombinedTable, Split
from bucketquery.jobs.job import Job
from bucketquery.jobs.totals import Totals
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


class _Shard(dict[str, Job]):
    """The jobs of one shard; never changed once its catalogue is made."""

    __slots__ = ("__weakref__", "_totals")

    def totals(self) -> Totals:
        """What its jobs hold, added up when somebody first asks."""
        totals: Totals | None = getattr(self, "_totals", None)
        if totals is None:
            # Two readers may both work this out, and come to the same.
            totals = self._totals = Totals.of(table for job in self.values() for table in job.tables.values())
        return totals


class _Combined:
    """A combined table, what it was made of, and how many of its jobs the writer has changed since.

    Attributes:
        combined: all small jobs that there were.
        shards: those of the catalogue, held weakly: a combined table keeps no other results alive.
        members: the combined table's jobs in each shard, and their tables.
        most_changed: how many jobs may have changed before a combined table is made anew.
    """

    __slots__ = ("_changed", "_gone", "_most_gone", "combined", "members", "most_changed", "shards")

    def __init__(
        self, combined: CombinedTable, shards: Sequence["ref[_Shard]"], members: Sequence[Mapping[str, Table | None]]
    ) -> None:
        self.combined = combined
        self.shards = shards
        self.members = members
        self.most_changed = max(_FEW_CHANGED, len(combined.job_ids) // _JOBS_PER_CHANGED)
        self._most_gone = len(combined.job_ids) // 2
        #: The jobs that make `Catalog.combine` count a change, and those of its jobs that are deleted. The writer alone
        #: reads and writes both. None until its first write: a reader may have read an older catalogue.
        self._changed: set[str] | None = None
        self._gone: set[str] = set()

    def serves(self, groups: Sequence[Sequence[_Shard]], kind: Kind, job_ids: Iterable[str]) -> bool:
        """Whether the combined table is worth its memory after a write to some jobs; for the writer only.

        It is not if so many jobs have changed that the next search would make another one, or if more than half of its
        jobs are deleted. The first call looks at every shard, later ones at the given jobs only.
        """
        changed, gone = self._changed, self._gone
        if changed is None:
            changed = self._changed = set()
            job_ids = self._in_other_shards(chain.from_iterable(groups))
        for job_id in job_ids:
            at = hash(job_id) % _SHARDS
            job, members = groups[at // _WIDTH][at % _WIDTH].get(job_id), self.members[at]
            table = None if job is None else job.tables.get(kind)
            gone.discard(job_id)
            if job is None:
                is_changed = job_id in members
                if is_changed:
                    gone.add(job_id)
            elif job_id in members:
                is_changed = table is not members[job_id]
            else:
                is_changed = table is None or table.length <= SMALL_ROWS
            if not is_changed:
                changed.discard(job_id)
                continue
            changed.add(job_id)
            if len(changed) > self.most_changed or len(gone) > self._most_gone:
                return False
        return True

    def _in_other_shards(self, shards: Iterable[_Shard]) -> Iterator[str]:
        """The jobs of those shards that are not the combined table's, before or now."""
        for shard, then, members in zip(shards, self.shards, self.members, strict=True):
            if then() is not shard:
                yield from members.keys() | shard.keys()

    def old_tables(self, shards: Iterable[_Shard], kind: Kind) -> Iterator[Table]:
        """The tables that the combined table keeps alive and that a catalogue of these shards has not."""
        for shard, then, members in zip(shards, self.shards, self.members, strict=True):
            if then() is not shard:
                for job_id, table in members.items():
                    if table is not None and ((job := shard.get(job_id)) is None or job.tables.get(kind) is not table):
                        yield table


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
        groups: Sequence[Sequence[_Shard]] | None = None,
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

    def _shards(self) -> Iterator[_Shard]:
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
            if self._combined_tables:
                self._let_go(groups, jobs)
            return Catalog(groups, ids, self._combined_tables)
        copies: dict[int, _Shard] = {}
        copied: set[int] = set()
        is_new = False
        for job_id, job in jobs.items():
            at = hash(job_id) % _SHARDS
            own = copies.get(at)
            if own is None:
                own = copies[at] = _own_shard(groups, at, copied)
            is_new = is_new or job_id not in own
            own[job_id] = job
        if self._combined_tables:
            self._let_go(groups, jobs)
        return Catalog(groups, None if is_new else self._ids, self._combined_tables)

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without a job that is in it. It copies the shard of the job."""
        groups = [*self._groups]
        del _own_shard(groups, hash(job_id) % _SHARDS, set())[job_id]
        if self._combined_tables:
            self._let_go(groups, (job_id,))
        return Catalog(groups, None, self._combined_tables)

    def _let_go(self, groups: Sequence[Sequence[_Shard]], job_ids: Iterable[str]) -> None:
        """Drop the combined tables that a write to some jobs has made useless, so that their memory is free at once."""
        # Readers may put in others meanwhile.
        for kind, combined in self._combined_tables.copy().items():
            if not combined.serves(groups, kind, job_ids):
                self._combined_tables.pop(kind, None)

    def totals(self) -> Totals:
        """What all jobs hold.

        O(shards), plus O(j / shards) for each shard that has changed since the last call.
        """
        return Totals.joined(shard.totals() for shard in self._shards())

    def nbytes_of_combined_tables(self) -> int:
        """Bytes that combined tables hold beside the tables of this catalogue.

        These are the arrays of each combined table, and the tables of jobs that have changed or are deleted since it
        was made.

        O(shards), plus O(j / shards) for each shard that has changed.
        """
        combined_tables: dict[int, CombinedTable] = {}
        tables: dict[int, Table] = {}
        changes = (self._changes or {}).copy()
        for kind, combined in [
            *self._combined_tables.copy().items(),
            *((kind, own.combined) for kind, own in changes.items()),
        ]:
            if id(combined.combined) not in combined_tables:
                combined_tables[id(combined.combined)] = combined.combined
                tables |= {id(table): table for table in combined.old_tables(self._shards(), kind)}
        combined_tables |= {id(combined): combined for _, combined in (self._seconds or {}).copy().values()}
        own = sum(combined.nbytes() for combined in combined_tables.values())
        return own + sum(table.nbytes() for table in tables.values())

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
        shards: list[ref[_Shard]] = []
        members: list[dict[str, Table | None]] = []
        everybody: dict[str, Table | None] = {}
        for shard in self._shards():
            own: dict[str, Table | None] = {}
            for job_id, job in shard.items():
                table = job.tables.get(schema.kind)
                if table is None or table.length <= SMALL_ROWS:
                    own[job_id] = table
            shards.append(ref(shard))
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
            if then() is not shard:
                for job_id, table in members.items():
                    job = shard.get(job_id)
                    if (absent if job is None else job.tables.get(kind)) is not table:
                        stale.append(job_id)
                        if job is not None:
                            now[job_id] = job.tables.get(kind)
                now |= {job_id: shard[job_id].tables.get(kind) for job_id in shard.keys() - members.keys()}
        small = {job_id: table for job_id, table in now.items() if table is None or table.length <= SMALL_ROWS}
        new = sum(map(combined.combined.lacks, small))
        if len(stale) + new > combined.most_changed:
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
            totals = Totals.of(table for job in shard.values() for table in job.tables.values())
            assert shard.totals()[:3] == totals[:3], "rows or timestamps that were added up for other tables"
            for job_id, job in shard.items():
                assert job_id == job.job_id
                assert hash(job_id) % _SHARDS == at
                for kind, table in job.tables.items():
                    assert table.kind == kind
                    table.check()


def _combined_of(schema: Schema, tables: Mapping[str, Table | None]) -> CombinedTable:
    job_ids = sorted(tables)
    return CombinedTable.of(schema, job_ids, [tables[job_id] for job_id in job_ids])


#: The groups of a catalogue without jobs; none of it is ever changed.
_NO_JOBS: Final[Sequence[Sequence[_Shard]]] = ((_Shard(),) * _WIDTH,) * _WIDTH


def _own_shard(groups: list[Sequence[_Shard]], at: int, copied: set[int]) -> _Shard:
    """A copy of one shard, put in its place in a list of groups; its group is copied first if it was not before."""
    which = at // _WIDTH
    group = groups[which]
    if which not in copied:
        copied.add(which)
        group = groups[which] = [*group]
    assert isinstance(group, list), "a copy"
    shard = group[at % _WIDTH] = _Shard(group[at % _WIDTH])
    return shard
