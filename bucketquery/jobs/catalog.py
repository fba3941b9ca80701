"""The catalogue: every job by its id, immutable, copied on write in three levels.

A commit to one job copies one of 1,024 small dicts, the list of its group, and the list of all groups. So it takes one
or two microseconds for any number of jobs. `combined_cache.py` has the combined tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
from sortedcontainers import SortedList

from bucketquery.errors import UnknownJob
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.combined_cache import CombinedCache, CommitTables
from bucketquery.jobs.combined_table import Split
from bucketquery.jobs.job import Job
from bucketquery.jobs.pending import CommitChanges
from bucketquery.jobs.selected_jobs import SelectedJobs
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


class Catalog:
    """All jobs at one commit; any number of threads may read it at once.

    Args:
        groups: the jobs; None if there are none.
        ids: a list for their sorted ids, shared by all catalogues with the same ids; None makes a new list.
        cache: the combined tables of all commits of an index; None makes an empty cache.

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("__dict__", "_cache", "_groups", "_pending", "_sorted_ids")

    def __init__(
        self,
        groups: Sequence[Sequence[_Shard]] | None = None,
        ids: list[SortedList] | None = None,
        cache: CombinedCache | None = None,
    ) -> None:
        self._groups = _NO_JOBS if groups is None else groups
        self._cache = CombinedCache() if cache is None else cache
        #: Empty until a reader of any of these catalogues reads the ids.
        self._sorted_ids = [] if ids is None else ids
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

    @once
    def ids(self) -> SortedList:
        """The ids in the order of their code points; the list must not be changed.

        Each set of ids is sorted once: O(j log j) for j jobs.
        """
        made = self._sorted_ids
        if not made:
            made.append(SortedList(chain.from_iterable(self._shards())))
        return made[0]

    def select(self, tokens: Sequence[str], field: str) -> SelectedJobs:
        """The known jobs that some tokens select.

        Args:
            tokens: the tokens, checked.
            field: the parameter that has them, for errors.

        Raises:
            UnknownJob: a token without an asterisk names no job; the error names the first one.
        """
        known = self.ids
        ranks = sorted({known.index(self.known(token, field).job_id) for token in tokens})
        return SelectedJobs(known, None if len(ranks) == len(known) else np.array(ranks, dtype=np.int64))

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
            made[kind] = results_at(commit, schema, self, lambda: self.ids)
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
        cache = self._cache
        if cache.entries:
            cache.drop_useless(groups, jobs)
        # This does the same as the constructor, in half the time.
        following = _new(Catalog)
        following._groups = groups
        following._cache = cache
        following._sorted_ids = [] if is_new else self._sorted_ids
        pending = self._pending
        if pending is None or written is None:
            following._pending = None
        else:
            following._pending = continued(pending, written, jobs.keys() if is_new else ())
        return following

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without one of its jobs; for the writer only. It copies the shard of the job."""
        groups = [*self._groups]
        del _own_shard(groups, hash(job_id) % _SHARDS, set())[job_id]
        cache = self._cache
        if cache.entries:
            cache.drop_useless(groups, {job_id: None})
        following = Catalog(groups, None, cache)
        if self._pending is not None:
            following._pending = continued(self._pending, _NO_CHANGES, (), job_id)
        return following

    def totals(self) -> Totals:
        """The row counts, timestamps and bytes of all jobs, added up.

        O(shards), plus O(j / shards) for each shard that has changed since the last call.
        """
        return Totals.sum_of(shard.totals for shard in self._shards())

    @once
    def _combined(self) -> CommitTables:
        """The combined tables that serve this catalogue."""
        return CommitTables(self._cache, self._groups)

    def combine(self, jobs: Sequence[str], schema: Schema) -> tuple[Split, ...] | None:
        """How to search many jobs together: the result of `CommitTables.combine`."""
        return self._combined.combine(jobs, schema)

    def nbytes_of_combined_tables(self) -> int:
        """Bytes of the combined tables and of the results of all jobs, without the tables of this catalogue's jobs."""
        pending = self._pending
        return self._combined.nbytes() + (0 if pending is None else nbytes(pending, self._all_jobs.copy().values()))

    def check(self) -> None:
        """Assert every invariant of the catalogue and of its tables."""
        assert list(self.ids) == sorted(job.job_id for job in self)
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
