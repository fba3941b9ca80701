"""The catalogue: every job by its id, immutable, copied on write in three levels.

A commit to one job copies one of 1,024 small dicts, the list of its group, and the list of all groups. So it takes one
or two microseconds for any number of jobs. `all_jobs.py` has the combined tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from sortedcontainers import SortedList

from bucketquery.errors import InvalidQuery
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.group_names import GroupNames
from bucketquery.jobs.job import Job
from bucketquery.jobs.known_jobs import KnownJobs, unknown_job
from bucketquery.jobs.pending import CommitChanges
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.jobs.spans import GivenSpans
from bucketquery.jobs.totals import Totals
from bucketquery.jobs.upkeep import Pending, continued, nbytes, results_at, start
from bucketquery.model.once import once
from bucketquery.model.schema import Schema
from bucketquery.queries.deletion import Deletion
from bucketquery.storage.table_changes import TableChanges

#: The number of groups, and of shards in each. A commit to one job copies one list of groups and one of shards.
_WIDTH: Final = 32
_SHARDS: Final = _WIDTH * _WIDTH

_new: Final = object.__new__


class _NoChanges(NamedTuple):
    """The changes of a commit that only deletes a job."""

    rows: Sequence[str | bytes | None] = ()
    changes: Sequence[tuple[str, TableChanges]] = ()
    deletion: Deletion | None = None


_NO_CHANGES: Final = _NoChanges()


class _Shard(dict[str, Job]):
    """The jobs of one shard, which never changes after its catalogue is made."""

    __slots__ = ("__dict__", "__weakref__")

    @once
    def totals(self) -> Totals:
        """The row counts, timestamps and bytes of its jobs, added up."""
        return Totals.of(table for job in self.values() for table in job.tables.values())

    @once
    def given_spans(self) -> GivenSpans:
        """The spans that its jobs were given."""
        return GivenSpans.of(self.values())


class Catalog:
    """All jobs at one commit; any number of threads may read it at once.

    Args:
        groups: the jobs; None if there are none.
        known: their ids and groups, shared by all catalogues with the same ones; None if no job has groups.

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("__dict__", "_groups", "_known", "_pending")

    def __init__(
        self,
        groups: Sequence[Sequence[_Shard]] | None = None,
        known: KnownJobs | None = None,
    ) -> None:
        self._groups = _NO_JOBS if groups is None else groups
        self._known = KnownJobs(_NO_NAMES) if known is None else known
        #: The newest pending commit of each kind that a reader has asked `all_jobs` for; None if there is none.
        self._pending: Pending | None = None

    def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        at = hash(job_id) % _SHARDS
        return self._groups[at // _WIDTH][at % _WIDTH].get(job_id)

    def known(self, job_id: str, field: str) -> Job:
        """The job that the parameter ``field`` names.

        Raises:
            UnknownJob: no job has this id.
        """
        # This does not call `get`, because the call would double the time.
        at = hash(job_id) % _SHARDS
        job = self._groups[at // _WIDTH][at % _WIDTH].get(job_id)
        if job is None:
            raise unknown_job(job_id, field)
        return job

    def __contains__(self, job_id: str) -> bool:
        return self.get(job_id) is not None

    def __iter__(self) -> Iterator[Job]:
        return chain.from_iterable(shard.values() for shard in self._shards())

    def __len__(self) -> int:
        return sum(map(len, self._shards()))

    def _shards(self) -> Iterator[_Shard]:
        return chain.from_iterable(self._groups)

    @once
    def ids(self) -> SortedList:
        """The ids in the order of their code points; the list must not be changed.

        Each set of ids is sorted once: O(j log j) for j jobs.
        """
        return self._known.ids(self)

    def all_ids(self) -> Sequence[str]:
        """The ids in the order of their code points, as a tuple."""
        return self._known.texts(self).texts

    def select(self, tokens: Sequence[str], field: str) -> SelectedJobs:
        """The known jobs that some tokens select. The last selections are remembered.

        Args:
            tokens: the tokens, checked, as a tuple.
            field: the parameter that has them, for errors.

        Raises:
            UnknownJob: a token without an asterisk names neither a job nor a group; the error names the first one.

        O(log j) for each of a few ids and prefixes of j jobs. O(j) more if there are other tokens or many of them.
        """
        known = self._known
        selected = known.remembered(tokens)
        return known.select(tokens, field, self) if selected is None else selected

    def has_group(self, name: str) -> bool:
        """Whether any job is in a group of this name."""
        return name in self._known.names

    def refuse_shared_names(self, job_id: str, groups: Sequence[str]) -> None:
        """Refuse a name that would be that of a job and of a group.

        Raises:
            InvalidQuery: the id is the name of a group, or one of the groups has the id of this job or a known one.
        """
        if job_id in self._known.names:
            raise _shared_name(job_id, "job_id")
        for name in groups:
            if name == job_id or name in self:
                raise _shared_name(name, "groups")

    def all_jobs(self, schema: Schema) -> AllJobs | None:
        """The results of all jobs of one kind as one table; None if a bucket span has more than 32 bits.

        The first call makes the table: O(n log n) for n results. From then on the writer keeps it up to date. The first
        call on a later commit costs O(k log n) for the k rows that the writer has not worked in yet, each other call
        O(1).
        """
        made, kind = self._all_jobs, schema.kind
        if kind not in made:
            pending = self._pending
            if pending is None:
                # If two readers of two kinds do this at once, one of the two tables serves this catalogue only.
                pending = self._pending = {}
            commit = pending.get(kind)
            if commit is None:
                commit = pending.setdefault(kind, start(self))
            made[kind] = results_at(commit, schema, self, self.all_ids)
        return made[kind]

    @once
    def _all_jobs(self) -> dict[str, AllJobs | None]:
        """The results of all jobs, by kind."""
        return {}

    def with_jobs(self, jobs: Mapping[str, Job], written: CommitChanges | None = None) -> "Catalog":
        """This catalogue with some jobs added or replaced; for the writer only.

        It copies only the shards of these jobs: O(k + j * k / shards) for k of j jobs.

        Args:
            jobs: the jobs.
            written: the changes of their results. With None, the next reader makes the results of all jobs anew.
        """
        groups = [*self._groups]
        if len(jobs) == 1:
            # Most commits change one job. This does not call `_own_shard`, because the call takes 0.2 us.
            ((job_id, job),) = jobs.items()
            at = hash(job_id) % _SHARDS
            group = [*groups[at // _WIDTH]]
            groups[at // _WIDTH] = group
            shard = group[at % _WIDTH] = _Shard(group[at % _WIDTH])
            is_new = job_id not in shard
            shard[job_id] = job
        else:
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
        # This does the same as the constructor, in half the time.
        following = _new(Catalog)
        following._groups = groups
        following._known = KnownJobs(self._known.names) if is_new else self._known
        pending = self._pending
        if pending is None or written is None:
            following._pending = None
        else:
            following._pending = continued(pending, written, jobs.keys() if is_new else ())
        return following

    def with_job(self, job: Job) -> "Catalog":
        """This catalogue with one job added or replaced, whose groups may be other ones; for the writer only."""
        job_id = job.job_id
        before = self.get(job_id)
        following = self.with_jobs({job_id: job}, _NO_CHANGES)
        left = () if before is None else before.groups
        if left != job.groups:
            names = self._known.names.changed(left, job.groups)
            following._known = following._known.with_names(names)
        return following

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without one of its jobs; for the writer only. It copies the shard of the job."""
        groups = [*self._groups]
        shard = _own_shard(groups, hash(job_id) % _SHARDS, set())
        names = self._known.names
        left = shard.pop(job_id).groups
        following = Catalog(groups, KnownJobs(names.changed(left, ()) if left else names))
        if self._pending is not None:
            following._pending = continued(self._pending, _NO_CHANGES, (), job_id)
        return following

    def totals(self) -> Totals:
        """The row counts, timestamps and bytes of all jobs, added up.

        O(shards), plus O(j / shards) for each shard that has changed since the last call.
        """
        return Totals.sum_of(shard.totals for shard in self._shards())

    def given_spans(self) -> GivenSpans:
        """The spans that all jobs were given.

        O(shards), plus O(j / shards) for each shard that has changed since the last call.
        """
        return GivenSpans.sum_of(shard.given_spans for shard in self._shards())

    def nbytes_of_combined_tables(self) -> int:
        """Bytes of the results of all jobs, without the tables of this catalogue's jobs."""
        pending = self._pending
        return 0 if pending is None else nbytes(pending, self._all_jobs.copy().values())

    def check(self) -> None:
        """Assert every invariant of the catalogue and of its tables."""
        assert list(self.ids) == sorted(job.job_id for job in self)
        self._known.check(self)
        for results in self._all_jobs.copy().values():
            if results is not None:
                results.check(results.sizes.pending_rows)
        for at, shard in enumerate(self._shards()):
            totals = Totals.of(table for job in shard.values() for table in job.tables.values())
            assert shard.totals[:3] == totals[:3], "the totals are those of other tables"
            for job_id, job in shard.items():
                assert job_id == job.job_id
                assert hash(job_id) % _SHARDS == at
                for kind, table in job.tables.items():
                    assert table.kind == kind
                    table.check()


#: The groups of a catalogue without jobs. All these catalogues share one shard, which is never changed.
_NO_JOBS: Final[Sequence[Sequence[_Shard]]] = ((_Shard(),) * _WIDTH,) * _WIDTH


#: The names of a catalogue whose jobs have no groups.
_NO_NAMES: Final = GroupNames()


def _shared_name(name: str, field: str) -> InvalidQuery:
    reason = f"job and group names must be unique but job [{name}] and group [{name}] have the same name"
    return InvalidQuery(reason, field=field, value=name, type="resource_already_exists_exception")


def _own_shard(groups: list[Sequence[_Shard]], at: int, copied: set[int]) -> _Shard:
    """A copy of one shard, put at its place in new groups.

    Args:
        groups: the new groups. A copy replaces the group of the shard, unless the group is a copy already.
        at: the number of the shard.
        copied: the numbers of the groups that are copies already. The number of this group is added.
    """
    which = at // _WIDTH
    group = groups[which]
    if which not in copied:
        copied.add(which)
        group = groups[which] = [*group]
    assert isinstance(group, list), "a copy"
    shard = group[at % _WIDTH] = _Shard(group[at % _WIDTH])
    return shard
