"""The catalogue: every job by its id, immutable, copied on write in three levels.

A commit to one job copies one of 1,024 small dicts, the list of its group, and the list of all groups. So it takes one
or two microseconds for any number of jobs. The dicts hold small jobs in the packed form of `small_jobs.py`; a reader
gets each of them as a new `Job`. `combined_cache.py` has the combined tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np
from sortedcontainers import SortedList

from bucketquery.errors import UnknownJob
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.combined_cache import CombinedCache, CommitTables
from bucketquery.jobs.combined_table import Split
from bucketquery.jobs.job import Job
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.jobs.small_jobs import Packed, Stored, job_of, time_span_of
from bucketquery.jobs.totals import Totals
from bucketquery.model.once import once
from bucketquery.model.schema import Schema
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.storage.table import Table

#: The number of groups, and of shards in each. A commit to one job copies one list of groups and one of shards.
_WIDTH: Final = 32
_SHARDS: Final = _WIDTH * _WIDTH
#: The hash of a job's id modulo this is the number of its shard.
SHARDS: Final = _SHARDS

_new: Final = object.__new__


class _Shard(dict[str, Stored]):
    """The jobs of one shard, which never changes after its catalogue is made."""

    __slots__ = ("__dict__", "__weakref__")

    @once
    def totals(self) -> Totals:
        """The row counts, timestamps and bytes of its jobs, added up."""
        small: list[Packed] = []
        tables: list[Table] = []
        for stored in self.values():
            if isinstance(stored, Job):
                tables += stored.tables.values()
            else:
                small.append(stored)
        return Totals.of(tables, small)


class Catalog:
    """All jobs at one commit; any number of threads may read it at once.

    Args:
        groups: the jobs; None if there are none.
        ids: a list for their sorted ids, shared by all catalogues with the same ids; None makes a new list.
        cache: the combined tables of all commits of an index; None makes an empty cache.
        sizes: the sizes of the index. They bound the jobs in packed form, and the tables of such jobs get them.

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("__dict__", "_cache", "_groups", "_sorted_ids", "sizes")

    def __init__(
        self,
        groups: Sequence[Sequence[_Shard]] | None = None,
        ids: list[SortedList] | None = None,
        cache: CombinedCache | None = None,
        sizes: Sizes = DEFAULT_SIZES,
    ) -> None:
        self.sizes = sizes
        self._groups = _NO_JOBS if groups is None else groups
        self._cache = CombinedCache() if cache is None else cache
        #: Empty until a reader of any of these catalogues reads the ids.
        self._sorted_ids = [] if ids is None else ids

    def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        stored = self.stored(job_id)
        return None if stored is None else job_of(job_id, stored, self.sizes)

    def stored(self, job_id: str) -> Stored | None:
        """The job as it is stored, or None. It is the same object in each catalogue until a write changes the job."""
        at = hash(job_id) % _SHARDS
        return self._groups[at // _WIDTH][at % _WIDTH].get(job_id)

    def known(self, job_id: str, field: str) -> Job:
        """The job that the parameter ``field`` names.

        Raises:
            UnknownJob: no job has this id.
        """
        # This does not call `get`, because the call would double the time.
        at = hash(job_id) % _SHARDS
        stored = self._groups[at // _WIDTH][at % _WIDTH].get(job_id)
        if stored is None:
            raise _unknown(job_id, field)
        return stored if type(stored) is Job else job_of(job_id, stored, self.sizes)

    def __contains__(self, job_id: str) -> bool:
        return self.stored(job_id) is not None

    def __iter__(self) -> Iterator[Job]:
        for shard in self._shards():
            for job_id, stored in shard.items():
                yield job_of(job_id, stored, self.sizes)

    def jobs_with_results(self, start: int, end: int) -> Iterator[Job]:
        """The jobs that may have results in ``[start, end)``, epoch ms; a small job without any there takes 0.2 us."""
        for shard in self._shards():
            for job_id, stored in shard.items():
                if not isinstance(stored, Job):
                    span = time_span_of(stored)
                    if span is None or span[1] < start or span[0] >= end:
                        continue
                yield job_of(job_id, stored, self.sizes)

    def __len__(self) -> int:
        return sum(map(len, self._shards()))

    def _shards(self) -> Iterator[_Shard]:
        return chain.from_iterable(self._groups)

    def job_ids(self) -> Iterator[str]:
        """The ids in any order."""
        return chain.from_iterable(self._shards())

    @once
    def ids(self) -> SortedList:
        """The ids in the order of their code points; the list must not be changed.

        Each set of ids is sorted once: O(j log j) for j jobs.
        """
        made = self._sorted_ids
        if not made:
            made.append(SortedList(self.job_ids()))
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
        for token in tokens:
            if self.stored(token) is None:
                raise _unknown(token, field)
        ranks = sorted(map(known.index, {*tokens}))
        return SelectedJobs(known, None if len(ranks) == len(known) else np.array(ranks, dtype=np.int64))

    def all_jobs(self, schema: Schema) -> AllJobs:
        """The results of all jobs of one kind as one table."""
        return self._all_jobs_of(schema)

    def _all_jobs_of(self, schema: Schema) -> AllJobs:
        made = self._all_jobs
        if schema.kind not in made:
            made[schema.kind] = AllJobs.of(schema, self)
        return made[schema.kind]

    @once
    def _all_jobs(self) -> dict[str, AllJobs]:
        return {}

    def with_jobs(self, jobs: Mapping[str, Stored]) -> "Catalog":
        """This catalogue with some jobs added or replaced; for the writer only.

        It copies only the shards of these jobs: O(k + j * k / shards) for k of j jobs.
        """
        if len(jobs) != 1:
            draft = Draft(self)
            for job_id, job in jobs.items():
                draft.put(job_id, job)
            return draft.finish(jobs)
        # Most commits change one job. This does not make a `Draft` or call `_following`: these take 1 us.
        ((job_id, job),) = jobs.items()
        groups = [*self._groups]
        at = hash(job_id) % _SHARDS
        group = [*groups[at // _WIDTH]]
        groups[at // _WIDTH] = group
        shard = group[at % _WIDTH] = _Shard(group[at % _WIDTH])
        is_new = job_id not in shard
        shard[job_id] = job
        cache = self._cache
        if cache.entries:
            cache.drop_useless(groups, jobs)
        following = _new(Catalog)
        following._groups = groups
        following._cache = cache
        following._sorted_ids = [] if is_new else self._sorted_ids
        following.sizes = self.sizes
        return following

    def _following(self, groups: Sequence[Sequence[_Shard]], jobs: Mapping[str, Stored], *, is_new: bool) -> "Catalog":
        """The next catalogue.

        Args:
            groups: its shards.
            jobs: the jobs that differ from this catalogue's.
            is_new: whether any of them is new.
        """
        cache = self._cache
        if cache.entries:
            cache.drop_useless(groups, jobs)
        return Catalog(groups, None if is_new else self._sorted_ids, cache, self.sizes)

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without one of its jobs; for the writer only. It copies the shard of the job."""
        at = hash(job_id) % _SHARDS
        shard = _Shard(self._groups[at // _WIDTH][at % _WIDTH])
        del shard[job_id]
        groups = _with_shards(self._groups, {at: shard})
        cache = self._cache
        if cache.entries:
            cache.drop_useless(groups, {job_id: None})
        return Catalog(groups, None, cache, self.sizes)

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
        """Bytes of the combined tables, without the tables of this catalogue: the result of `CommitTables.nbytes`."""
        return self._combined.nbytes()

    def check(self) -> None:
        """Assert every invariant of the catalogue and of its tables."""
        assert list(self.ids) == sorted(job.job_id for job in self)
        for at, shard in enumerate(self._shards()):
            jobs = {key: job_of(key, stored, self.sizes) for key, stored in shard.items()}
            totals = Totals.of(table for job in jobs.values() for table in job.tables.values())
            assert shard.totals[:4] == totals[:4], "the totals are those of other tables"
            for job_id, job in jobs.items():
                assert job_id == job.job_id
                assert hash(job_id) % _SHARDS == at
                for kind, table in job.tables.items():
                    assert table.kind == kind
                    table.check()


#: The groups of a catalogue without jobs. All these catalogues share one shard, which is never changed.
_NO_JOBS: Final[Sequence[Sequence[_Shard]]] = ((_Shard(),) * _WIDTH,) * _WIDTH


class Draft:
    """The next catalogue while the writer makes it: a mass write looks up and replaces each job in one step.

    Attributes:
        shards: the copies of shards by their numbers. The writer may put jobs into these.

    >>> draft = Draft(Catalog())
    >>> draft.put("web", Job("web"))
    >>> "web" in draft.finish({"web": Job("web")})
    True
    """

    __slots__ = ("_catalog", "shards")

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.shards: dict[int, dict[str, Stored]] = {}

    def shard(self, at: int) -> dict[str, Stored]:
        """The copy of a shard that has no copy yet."""
        copy = self.shards[at] = _Shard(self._catalog._groups[at // _WIDTH][at % _WIDTH])
        return copy

    def get(self, job_id: str) -> Stored | None:
        """A job as it is stored, or None."""
        shard = self.shards.get(hash(job_id) % _SHARDS)
        return self._catalog.stored(job_id) if shard is None else shard.get(job_id)

    def put(self, job_id: str, job: Stored) -> None:
        """Add or replace a job."""
        at = hash(job_id) % _SHARDS
        (self.shards.get(at) or self.shard(at))[job_id] = job

    def finish(self, jobs: Mapping[str, Stored]) -> Catalog:
        """The catalogue; ``jobs`` are those that were added or replaced."""
        catalog = self._catalog
        old, shards = catalog._groups, self.shards
        is_new = any(len(shard) > len(old[at // _WIDTH][at % _WIDTH]) for at, shard in shards.items())
        return catalog._following(_with_shards(old, shards), jobs, is_new=is_new)


def _with_shards(groups: Sequence[Sequence[_Shard]], shards: Mapping[int, dict[str, Stored]]) -> list[Sequence[_Shard]]:
    """The groups with other shards at some places."""
    following: list[Sequence[_Shard]] = [*groups]
    copied: dict[int, list[_Shard]] = {}
    for at, shard in shards.items():
        which = at // _WIDTH
        group = copied.get(which)
        if group is None:
            group = following[which] = copied[which] = [*groups[which]]
        assert isinstance(shard, _Shard), "a copy of a shard"
        group[at % _WIDTH] = shard
    return following


def _unknown(job_id: str, field: str) -> UnknownJob:
    return UnknownJob(f"No known job with id '{job_id[:300]}'", field=field, value=job_id)
