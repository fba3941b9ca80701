"""The catalogue: every job by its id, immutable, copied on write in three levels.

A write to one job copies one of a thousand small dicts, the list of its group, and that of all groups, so that it costs
a microsecond however many jobs there are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from weakref import ref

from sortedcontainers import SortedList

from bucketquery.columns.fleet import SMALL_ROWS, Fleet, Roll
from bucketquery.columns.table import Table, Totals
from bucketquery.errors import UnknownJob
from bucketquery.model.schema import Kind, Schema

#: Groups of so many dicts, and so many groups; either is what a commit to one job copies.
_WIDTH: Final = 32
_SHARDS: Final = _WIDTH * _WIDTH

#: Jobs are asked together where they are so many, and so large a part of all that are known.
_MANY: Final = 16
_KNOWN_PER_ASKED: Final = 64

#: A fleet is made anew where more of its jobs have changed than these, or than this part of them.
_FEW_CHANGED: Final = 64
_JOBS_PER_CHANGED: Final = 16


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


class _Mustered:
    """A fleet, what it was made of, and how many of its jobs the writer has changed since.

    Attributes:
        fleet: all small jobs that there were.
        shards: those of the catalogue, held weakly: a fleet keeps no other results alive.
        members: the fleet's jobs in each shard, and their tables.
        most_changed: how many jobs may have changed before a fleet is made anew.
    """

    __slots__ = ("_changed", "_gone", "_most_gone", "fleet", "members", "most_changed", "shards")

    def __init__(
        self, fleet: Fleet, shards: Sequence["ref[_Shard]"], members: Sequence[Mapping[str, Table | None]]
    ) -> None:
        self.fleet = fleet
        self.shards = shards
        self.members = members
        self.most_changed = max(_FEW_CHANGED, len(fleet.job_ids) // _JOBS_PER_CHANGED)
        self._most_gone = len(fleet.job_ids) // 2
        #: The jobs that make `Catalog.muster` count a change, and those of its jobs that are deleted. The writer alone
        #: reads and writes both. None until its first write: a reader may have read an older catalogue.
        self._changed: set[str] | None = None
        self._gone: set[str] = set()

    def serves(self, groups: Sequence[Sequence[_Shard]], kind: Kind, job_ids: Iterable[str]) -> bool:
        """Whether the fleet is worth its memory after a write to some jobs; for the writer only.

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
        """The jobs of those shards that are not the fleet's, before or now."""
        for shard, then, members in zip(shards, self.shards, self.members, strict=True):
            if then() is not shard:
                yield from members.keys() | shard.keys()

    def old_tables(self, shards: Iterable[_Shard], kind: Kind) -> Iterator[Table]:
        """The tables that the fleet keeps alive and that a catalogue of these shards has not."""
        for shard, then, members in zip(shards, self.shards, self.members, strict=True):
            if then() is not shard:
                for job_id, table in members.items():
                    if table is not None and ((job := shard.get(job_id)) is None or job.tables.get(kind) is not table):
                        yield table


class _Changed(NamedTuple):
    """How a catalogue differs from what a fleet was made of.

    Attributes:
        mustered: the fleet.
        stale: its jobs that have another table here, or are unknown.
        small: the jobs that have another table here than there, or none there, and could be in a fleet.
    """

    mustered: _Mustered
    stale: frozenset[str]
    small: Mapping[str, Table | None]


class Catalog:
    """All jobs at one commit.

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("_changes", "_fleets", "_groups", "_ids", "_seconds")

    def __init__(
        self,
        groups: Sequence[Sequence[_Shard]] | None = None,
        ids: SortedList | None = None,
        fleets: dict[Kind, _Mustered] | None = None,
    ) -> None:
        self._groups = _NO_JOBS if groups is None else groups
        self._ids = ids
        #: The newest fleet of each kind, shared by all catalogues of an index.
        self._fleets = {} if fleets is None else fleets
        #: How this one differs from them, and the fleets of those jobs alone that have changed; made when first wanted.
        self._changes: dict[Kind, _Changed] | None = None
        self._seconds: dict[Kind, tuple[_Changed, Fleet]] | None = None

    def get(self, job_id: str) -> Job | None:
        """The job, or None. Complexity: O(1)."""
        at = hash(job_id) % _SHARDS
        return self._groups[at // _WIDTH][at % _WIDTH].get(job_id)

    def known(self, job_id: str, field: str) -> Job:
        """The job that a parameter named ``field`` asks for. Complexity: O(1).

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
        if len(jobs) == 1:
            # Most commits are to one job.
            ((job_id, job),) = jobs.items()
            shard = _own_shard(groups, hash(job_id) % _SHARDS, set())
            ids = self._ids if job_id in shard else None
            shard[job_id] = job
            if self._fleets:
                self._let_go(groups, jobs)
            return Catalog(groups, ids, self._fleets)
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
        if self._fleets:
            self._let_go(groups, jobs)
        return Catalog(groups, None if is_new else self._ids, self._fleets)

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without a job that is in it. Complexity: O(j / shards)."""
        groups = [*self._groups]
        del _own_shard(groups, hash(job_id) % _SHARDS, set())[job_id]
        if self._fleets:
            self._let_go(groups, (job_id,))
        return Catalog(groups, None, self._fleets)

    def _let_go(self, groups: Sequence[Sequence[_Shard]], job_ids: Iterable[str]) -> None:
        """Drop the fleets that serve no longer after a write to some jobs, so that their memory comes back at once."""
        # Readers may put in others meanwhile.
        for kind, mustered in self._fleets.copy().items():
            if not mustered.serves(groups, kind, job_ids):
                self._fleets.pop(kind, None)

    def totals(self) -> Totals:
        """What all jobs hold.

        Complexity: O(shards), and O(j / shards) for each shard that has changed since somebody asked.
        """
        return Totals.joined(shard.totals() for shard in self._shards())

    def nbytes_of_fleets(self) -> int:
        """Bytes that fleets hold beside the tables of this catalogue.

        These are the arrays of each fleet, and the tables of jobs that have changed or are deleted since it was made.

        Complexity: O(shards), and O(j / shards) for each shard that has changed.
        """
        fleets: dict[int, Fleet] = {}
        tables: dict[int, Table] = {}
        changes = (self._changes or {}).copy()
        for kind, mustered in [*self._fleets.copy().items(), *((kind, own.mustered) for kind, own in changes.items())]:
            if id(mustered.fleet) not in fleets:
                fleets[id(mustered.fleet)] = mustered.fleet
                tables |= {id(table): table for table in mustered.old_tables(self._shards(), kind)}
        fleets |= {id(fleet): fleet for _, fleet in (self._seconds or {}).copy().values()}
        own = sum(fleet.nbytes() for fleet in fleets.values())
        return own + sum(table.nbytes() for table in tables.values())

    def muster(self, jobs: Sequence[str], schema: Schema) -> tuple[Roll, ...] | None:
        """How to ask many jobs together; None where they are better asked one by one.

        Returns:
            What to ask of one fleet, or of two; those that are left by the last are asked one by one.

        Complexity: O(j log j + n log n) for all j jobs and their n results once for every so many jobs that change;
        O(shards + n) for another commit, O(j / shards) for each shard that has changed, and the first for the jobs that
        have changed alone; else O(shards).
        """
        if len(jobs) < _MANY or len(jobs) * _KNOWN_PER_ASKED < len(self):
            return None
        # What served this catalogue once serves it on: else an older snapshot and the newest one, asked in turn, would
        # each replace the fleet of the other.
        changed = (self._changes or {}).get(schema.kind)
        if changed is None and (mustered := self._fleets.get(schema.kind)) is not None:
            changed = self._changed(mustered, schema.kind)
        if changed is None:
            # Two readers may both make one; any will do.
            mustered = self._fleets[schema.kind] = self._muster(schema)
            changed = self._changed(mustered, schema.kind)
            assert changed is not None  # nothing has
        roll = changed.mustered.fleet.roll(jobs, changed.stale)
        if min(len(roll.others), len(changed.small)) < _MANY:
            return (roll,)
        return roll, self._second(changed, schema).roll(roll.others, frozenset())

    def _muster(self, schema: Schema) -> _Mustered:
        """A fleet of all small jobs."""
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
        return _Mustered(_fleet_of(schema, everybody), shards, members)

    def _changed(self, mustered: _Mustered, kind: Kind) -> _Changed | None:
        """How this differs from what a fleet was made of; None where it should be made anew."""
        changes = self._changes = self._changes or {}
        stale: list[str] = []
        now: dict[str, Table | None] = {}
        absent: Any = object()
        for shard, then, members in zip(self._shards(), mustered.shards, mustered.members, strict=True):
            if then() is not shard:
                for job_id, table in members.items():
                    job = shard.get(job_id)
                    if (absent if job is None else job.tables.get(kind)) is not table:
                        stale.append(job_id)
                        if job is not None:
                            now[job_id] = job.tables.get(kind)
                now |= {job_id: shard[job_id].tables.get(kind) for job_id in shard.keys() - members.keys()}
        small = {job_id: table for job_id, table in now.items() if table is None or table.length <= SMALL_ROWS}
        new = sum(map(mustered.fleet.lacks, small))
        if len(stale) + new > mustered.most_changed:
            return None
        found = changes[kind] = _Changed(mustered, frozenset(stale), small)
        return found

    def _second(self, changed: _Changed, schema: Schema) -> Fleet:
        """The fleet of the small jobs that have changed."""
        seconds = self._seconds = self._seconds or {}
        known = seconds.get(schema.kind)
        if known is None or known[0] is not changed:
            known = seconds[schema.kind] = changed, _fleet_of(schema, changed.small)
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


def _fleet_of(schema: Schema, tables: Mapping[str, Table | None]) -> Fleet:
    job_ids = sorted(tables)
    return Fleet.of(schema, job_ids, [tables[job_id] for job_id in job_ids])


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
