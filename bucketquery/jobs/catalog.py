"""The catalogue: every job by its id, immutable, copied on write in three levels.

The levels are the list of 32 shard groups, the lists of 32 shards in each, and the shards: 1,024 small dicts. A commit
to one job copies one dict and two lists. So it takes one or two microseconds for any number of jobs.
The dicts hold small jobs in the packed form of `small_jobs.py`; a reader gets each of them as a new `Job`.
`all_jobs.py` has the combined tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from sortedcontainers import SortedList

from bucketquery.errors import InvalidQuery
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.group_names import GroupNames
from bucketquery.jobs.job import Job
from bucketquery.jobs.known_jobs import KnownJobs, unknown_job
from bucketquery.jobs.pending import NO_CHANGES, CommitChanges
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.jobs.small_jobs import Packed, Stored, groups_of, job_of, span_given_to, time_span_of
from bucketquery.jobs.spans import GivenSpans
from bucketquery.jobs.totals import Totals
from bucketquery.jobs.upkeep import Pending, continued, nbytes, results_at, start
from bucketquery.model.once import once
from bucketquery.model.schema import Kind, Schema
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.storage.table import Table

#: The number of shard groups, and of shards in each.
_WIDTH: Final = 32
#: The number of shards. The hash of a job's id modulo this is the number of its shard.
SHARDS: Final = _WIDTH * _WIDTH
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

    @once
    def given_spans(self) -> GivenSpans:
        """The spans that its jobs were given."""
        return GivenSpans.of(map(span_given_to, self.values()))


class Catalog:
    """All jobs at one commit; any number of threads may read it at once.

    Args:
        shard_groups: the jobs; None if there are none.
        known: their ids and groups, shared by all catalogues with the same ones; None if no job has groups.
        sizes: the sizes of the index. They bound the jobs in packed form, and the tables of such jobs get them.

    >>> catalog = Catalog().with_jobs({"web": Job("web")})
    >>> "web" in catalog, len(catalog.without("web"))
    (True, 0)
    """

    __slots__ = ("__dict__", "_known", "_pending", "_shard_groups", "sizes")

    def __init__(
        self,
        shard_groups: Sequence[Sequence[_Shard]] | None = None,
        known: KnownJobs | None = None,
        sizes: Sizes = DEFAULT_SIZES,
    ) -> None:
        self.sizes = sizes
        self._shard_groups = _NO_JOBS if shard_groups is None else shard_groups
        self._known = KnownJobs(_NO_NAMES) if known is None else known
        #: The newest pending commit of each kind that a reader has asked `all_jobs` for; None if there is none.
        self._pending: Pending | None = None

    def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        stored = self.stored(job_id)
        return None if stored is None else job_of(job_id, stored, self.sizes)

    def stored(self, job_id: str) -> Stored | None:
        """The job as it is stored, or None. It is the same object in each catalogue until a write changes the job."""
        at = hash(job_id) % SHARDS
        return self._shard_groups[at // _WIDTH][at % _WIDTH].get(job_id)

    def known(self, job_id: str, field: str) -> Job:
        """The job that the parameter ``field`` names.

        Raises:
            UnknownJob: no job has this id.
        """
        # This does not call `get`, because the call would double the time.
        at = hash(job_id) % SHARDS
        stored = self._shard_groups[at // _WIDTH][at % _WIDTH].get(job_id)
        if stored is None:
            raise unknown_job(job_id, field)
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
        return chain.from_iterable(self._shard_groups)

    def job_ids(self) -> Iterator[str]:
        """The ids in any order."""
        return chain.from_iterable(self._shards())

    def whole_jobs(self) -> Iterator[Job]:
        """The jobs that are not in packed form. All jobs with groups are among them."""
        return (stored for shard in self._shards() for stored in shard.values() if isinstance(stored, Job))

    def each_stored(self) -> Iterator[tuple[str, Stored]]:
        """The id of each job, and the job as it is stored."""
        return chain.from_iterable(shard.items() for shard in self._shards())

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
        """The combined tables of one kind; None if a bucket span has more than 32 bits.

        The first call makes them: O(n log n) for n results. From then on the writer keeps them up to date. The first
        call on a later commit costs O(k log n) for the k rows that the writer has not worked in yet, each other call
        O(1).
        """
        made, kind = self._all_jobs, schema.kind
        if kind not in made:
            pending = self._pending
            if pending is None:
                # If two readers of two kinds do this at once, the tables of one of them serve this catalogue only.
                pending = self._pending = {}
            commit = pending.get(kind)
            if commit is None:
                commit = pending.setdefault(kind, start(self.sizes))
            made[kind] = results_at(commit, schema, self.each_stored, self.all_ids)
        return made[kind]

    @once
    def _all_jobs(self) -> dict[Kind, AllJobs | None]:
        """The combined tables, by kind."""
        return {}

    def with_jobs(self, jobs: Mapping[str, Stored], written: CommitChanges | None = None) -> "Catalog":
        """This catalogue with some jobs added or replaced; for the writer only.

        It copies only the shards of these jobs: O(k + j * k / shards) for k of j jobs.

        Args:
            jobs: the jobs.
            written: the changes of their results. If None, the next reader makes the combined tables anew.
        """
        if len(jobs) != 1:
            draft = Draft(self)
            for job_id, job in jobs.items():
                draft.put(job_id, job)
            return draft.finish(jobs, written)
        # Most commits change one job. This does not make a `Draft` or call `_following`: these take 1 us.
        ((job_id, job),) = jobs.items()
        shard_groups = [*self._shard_groups]
        at = hash(job_id) % SHARDS
        shards = [*shard_groups[at // _WIDTH]]
        shard_groups[at // _WIDTH] = shards
        shard = shards[at % _WIDTH] = _Shard(shards[at % _WIDTH])
        is_new = job_id not in shard
        shard[job_id] = job
        following = _new(Catalog)
        following._shard_groups = shard_groups
        following._known = KnownJobs(self._known.names) if is_new else self._known
        following.sizes = self.sizes
        pending = self._pending
        if pending is None or written is None:
            following._pending = None
        else:
            following._pending = continued(pending, written, (job_id,) if is_new else ())
        return following

    def _following(
        self,
        shard_groups: Sequence[Sequence[_Shard]],
        jobs: Mapping[str, Stored],
        written: CommitChanges | None,
        *,
        is_new: bool,
    ) -> "Catalog":
        """The next catalogue.

        Args:
            shard_groups: its shards.
            jobs: the jobs that differ from this catalogue's.
            written: the changes of their results, as in `with_jobs`.
            is_new: whether any of them is new.
        """
        following = Catalog(shard_groups, KnownJobs(self._known.names) if is_new else self._known, self.sizes)
        if self._pending is not None and written is not None:
            # Not ``jobs.keys()``: the jobs of a batch refer to this catalogue, which the chain would keep alive.
            following._pending = continued(self._pending, written, [*jobs] if is_new else ())
        return following

    def with_job(self, job_id: str, job: Stored) -> "Catalog":
        """This catalogue with one job added or replaced, whose groups may be other ones; for the writer only."""
        following = self.with_jobs({job_id: job}, NO_CHANGES)
        left, joined = groups_of(self.stored(job_id)), groups_of(job)
        if left != joined:
            names = self._known.names.changed(left, joined)
            following._known = following._known.with_names(names)
        return following

    def without(self, job_id: str) -> "Catalog":
        """This catalogue without one of its jobs; for the writer only. It copies the shard of the job."""
        at = hash(job_id) % SHARDS
        shard = _Shard(self._shard_groups[at // _WIDTH][at % _WIDTH])
        left = groups_of(shard.pop(job_id))
        names = self._known.names.changed(left, ()) if left else self._known.names
        following = Catalog(_with_shards(self._shard_groups, {at: shard}), KnownJobs(names), self.sizes)
        if self._pending is not None:
            following._pending = continued(self._pending, NO_CHANGES, (), job_id)
        return following

    def totals(self) -> Totals:
        """The row counts, timestamps and bytes of all jobs, added up.

        O(shards), plus O(j / shards) for each shard that has changed since the last call.
        """
        return Totals.sum_of(shard.totals for shard in self._shards())

    @once
    def given_spans(self) -> GivenSpans:
        """The spans that all jobs were given. First read: O(shards), and O(j / shards) for each changed shard."""
        return GivenSpans.sum_of(shard.given_spans for shard in self._shards())

    def nbytes_of_combined_tables(self) -> int:
        """Bytes of the combined tables, without the tables of this catalogue's jobs."""
        pending = self._pending
        return 0 if pending is None else nbytes(pending, self._all_jobs.copy().values())

    def check(self) -> None:
        """Assert every invariant of the catalogue and of its tables."""
        assert list(self.ids) == sorted(job.job_id for job in self)
        self._known.check(self)
        pending: Pending = self._pending or {}
        for kind, results in self._all_jobs.copy().items():
            if results is not None:
                # Many commits may be pending if they came while the first reader made the tables.
                results.check(pending[kind].weight if kind in pending else 0)
        for at, shard in enumerate(self._shards()):
            jobs = {key: job_of(key, stored, self.sizes) for key, stored in shard.items()}
            totals = Totals.of(table for job in jobs.values() for table in job.tables.values())
            assert shard.totals[:4] == totals[:4], "the totals are those of other tables"
            for job_id, job in jobs.items():
                assert job_id == job.job_id
                assert hash(job_id) % SHARDS == at
                for kind, table in job.tables.items():
                    assert table.kind == kind
                    table.check()


#: The shard groups of a catalogue without jobs. All these catalogues share one shard, which is never changed.
_NO_JOBS: Final[Sequence[Sequence[_Shard]]] = ((_Shard(),) * _WIDTH,) * _WIDTH
#: The names of a catalogue whose jobs have no groups.
_NO_NAMES: Final = GroupNames()


def _shared_name(name: str, field: str) -> InvalidQuery:
    reason = f"job and group names must be unique but job [{name}] and group [{name}] have the same name"
    return InvalidQuery(reason, field=field, value=name, type="resource_already_exists_exception")


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
        copy = self.shards[at] = _Shard(self._catalog._shard_groups[at // _WIDTH][at % _WIDTH])
        return copy

    def every_shard(self) -> list[dict[str, Stored]]:
        """The copies of all shards, in order. They are made now: no shard may have one yet."""
        copies = [*map(_Shard, self._catalog._shards())]
        self.shards.update(enumerate(copies))
        return [*copies]

    def get(self, job_id: str) -> Stored | None:
        """A job as it is stored, or None."""
        shard = self.shards.get(hash(job_id) % SHARDS)
        return self._catalog.stored(job_id) if shard is None else shard.get(job_id)

    def put(self, job_id: str, job: Stored) -> None:
        """Add or replace a job."""
        at = hash(job_id) % SHARDS
        (self.shards.get(at) or self.shard(at))[job_id] = job

    def finish(self, jobs: Mapping[str, Stored], written: CommitChanges | None = None) -> Catalog:
        """The catalogue; ``jobs`` are those that were added or replaced, ``written`` as in `Catalog.with_jobs`."""
        catalog = self._catalog
        old, shards = catalog._shard_groups, self.shards
        is_new = any(len(shard) > len(old[at // _WIDTH][at % _WIDTH]) for at, shard in shards.items())
        return catalog._following(_with_shards(old, shards), jobs, written, is_new=is_new)


def _with_shards(
    shard_groups: Sequence[Sequence[_Shard]], shards: Mapping[int, dict[str, Stored]]
) -> list[Sequence[_Shard]]:
    """The shard groups with other shards, which are given by their numbers."""
    following: list[Sequence[_Shard]] = [*shard_groups]
    copied: dict[int, list[_Shard]] = {}
    for at, shard in shards.items():
        which = at // _WIDTH
        group = copied.get(which)
        if group is None:
            group = following[which] = copied[which] = [*shard_groups[which]]
        assert isinstance(shard, _Shard), "a copy of a shard"
        group[at % _WIDTH] = shard
    return following
