"""The catalogue: every job by its id, immutable, copied on write in three levels.

A commit to one job copies one of 1,024 small dicts, the list of its group, and the list of all groups. So it takes one
or two microseconds for any number of jobs. `all_jobs.py` has the combined tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np
from sortedcontainers import SortedList

from bucketquery.errors import UnknownJob
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.job import Job
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.jobs.totals import Totals
from bucketquery.model.once import once
from bucketquery.model.schema import Schema

#: The number of groups, and of shards in each. A commit to one job copies one list of groups and one of shards.
_WIDTH: Final = 32
_SHARDS: Final = _WIDTH * _WIDTH

_new: Final = object.__new__


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

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("__dict__", "_groups", "_sorted_ids")

    def __init__(
        self,
        groups: Sequence[Sequence[_Shard]] | None = None,
        ids: list[SortedList] | None = None,
    ) -> None:
        self._groups = _NO_JOBS if groups is None else groups
        #: Empty until a reader of any of these catalogues reads the ids.
        self._sorted_ids = [] if ids is None else ids

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
        """The results of all jobs of one kind as one table; None if there is no such table."""
        return self._all_jobs_of(schema)

    def _all_jobs_of(self, schema: Schema) -> AllJobs | None:
        made = self._all_jobs
        if schema.kind not in made:
            tables = [job.tables[schema.kind] for job in self if schema.kind in job.tables]
            spans = [part.column("bucket_span") for table in tables for part in (table.base, table.head)]
            is_wide = any((some >= 2**32).any() for some in spans)
            made[schema.kind] = None if is_wide else AllJobs.of(schema, self)
        return made[schema.kind]

    @once
    def _all_jobs(self) -> dict[str, AllJobs | None]:
        return {}

    def with_jobs(self, jobs: Mapping[str, Job]) -> "Catalog":
        """This catalogue with some jobs added or replaced; for the writer only.

        It copies only the shards of these jobs: O(k + j * k / shards) for k of j jobs.
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
        following._sorted_ids = [] if is_new else self._sorted_ids
        return following

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without one of its jobs; for the writer only. It copies the shard of the job."""
        groups = [*self._groups]
        del _own_shard(groups, hash(job_id) % _SHARDS, set())[job_id]
        return Catalog(groups)

    def totals(self) -> Totals:
        """The row counts, timestamps and bytes of all jobs, added up.

        O(shards), plus O(j / shards) for each shard that has changed since the last call.
        """
        return Totals.sum_of(shard.totals for shard in self._shards())

    def nbytes_of_combined_tables(self) -> int:
        """Bytes of the combined tables of all jobs that were made for this catalogue."""
        made = [all_jobs for all_jobs in self._all_jobs.copy().values() if all_jobs is not None]
        return sum(part.base.nbytes() + part.head.nbytes() for all_jobs in made for part in all_jobs.parts)

    def check(self) -> None:
        """Assert every invariant of the catalogue and of its tables."""
        assert list(self.ids) == sorted(job.job_id for job in self)
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
