"""The cache of combined tables: which ones an index has, and when one is rebuilt.

The cache does not import the catalogue, which passes its shards as arguments. `combined_table.py` has the rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final
from weakref import ref

from bucketquery.jobs.combined_table import CombinedTable, Split
from bucketquery.jobs.job import Job
from bucketquery.jobs.small_jobs import Packed, Stored, job_of, rows_of
from bucketquery.model.once import is_made, once
from bucketquery.model.schema import BUCKET, Kind, Schema
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.storage.table import Table

#: All jobs of a commit, by id. A shard never changes, and weak references to it are possible. A write makes new shards
#: for the jobs that it changes, and leaves each job at its place: in the same shard of the same group.
Groups = Sequence[Sequence[Mapping[str, Stored]]]
#: The results of one kind of a job as they are stored: its table, or the packed form of a small job; None if none.
_Result = Table | Packed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CombineSizes:
    """The sizes that decide which jobs are searched together, and when a combined table is rebuilt.

    Attributes:
        fewest_jobs: a query of fewer than N jobs is searched job by job.
        known_per_job: a query that names fewer than 1 in N known jobs is searched job by job.
        small_rows: a job with more than N results of a kind is searched by itself. A shared search would not be faster,
            and the copies of its rows would cost memory.
        few_changed: a combined table is not rebuilt for N changed jobs or fewer.
        jobs_per_changed: a combined table is not rebuilt if 1 in N of its jobs or fewer have changed.

    >>> CombineSizes(fewest_jobs=2).fewest_jobs
    2
    """

    fewest_jobs: int = 16
    known_per_job: int = 64
    small_rows: int = 2_048
    few_changed: int = 64
    jobs_per_changed: int = 16


#: The sizes of an index, found by measuring searches of 100,000 jobs.
COMBINE_SIZES: Final = CombineSizes()


class CombinedCache:
    """The newest combined table of each kind. All commits of an index share one cache.

    Readers add tables, in any thread and at any time. If two readers make a table at the same time, the cache keeps one
    of the two, and each reader uses its own. Only the writer calls `drop_useless`.

    A combined table takes about 30 bytes a row, and keeps the tables of its jobs alive. The cache drops it when a newer
    one replaces it, or at the first write after which a search would rebuild it. A commit also keeps the combined table
    that it was searched with, as long as the commit exists.

    Args:
        sizes: the sizes that decide which jobs are combined.
    """

    __slots__ = ("entries", "sizes")

    def __init__(self, sizes: CombineSizes = COMBINE_SIZES) -> None:
        self.sizes = sizes
        #: The combined table of each kind. If it is empty, the writer need not call `drop_useless`.
        self.entries: dict[Kind, _Entry] = {}

    def drop_useless(self, groups: Groups, jobs: Mapping[str, Stored | None]) -> None:
        """After a write, drop each table that the next search would rebuild, so that its memory is free at once.

        Args:
            groups: the jobs after the write.
            jobs: the jobs that the write changed, None for a deleted one.

        The first call for a table compares every shard; later calls compare only the given jobs.
        """
        # A copy, because a reader may put in another table at the same time.
        for kind, entry in self.entries.copy().items():
            if not entry.serves_after(groups, jobs):
                self.entries.pop(kind, None)


class CommitTables:
    """The combined tables that serve one commit. Any number of threads may read them.

    Args:
        cache: the index's cache. A table that is made for this commit is put there too.
        groups: the jobs of the commit.
    """

    __slots__ = ("__dict__", "_cache", "_changes", "_groups")

    def __init__(self, cache: CombinedCache, groups: Groups) -> None:
        self._cache = cache
        self._groups = groups
        self._changes: dict[Kind, _Changes] = {}

    @once
    def _known(self) -> int:
        """The number of jobs."""
        return sum(map(len, chain.from_iterable(self._groups)))

    def combine(self, jobs: Sequence[str], schema: Schema) -> tuple[Split, ...] | None:
        """Split a query of many jobs into searches of combined tables, and jobs to search one by one.

        Args:
            jobs: the ids of the query, each once, known or not.
            schema: the kind.

        Returns:
            The searches of one or two combined tables; the jobs that the last one leaves are searched one by one. None
            if all jobs should be searched one by one.

        The first call combines all jobs: O(j log j + n log n) for j jobs with n results. The first call on a later
        commit combines only the changed jobs: O(shards + n), and O(j / shards) for each changed shard. It combines all
        jobs again only if many have changed. Any other call costs the same as `CombinedTable.split`.
        """
        sizes = self._cache.sizes
        if len(jobs) < sizes.fewest_jobs or len(jobs) * sizes.known_per_job < self._known:
            return None
        changes = self._changes_of(schema)
        split = changes.entry.combined.split(jobs, changes.stale)
        if min(len(split.others), len(changes.small)) < sizes.fewest_jobs:
            return (split,)
        return split, changes.combined.split(split.others, frozenset())

    def nbytes(self) -> int:
        """Bytes of the combined tables of the cache and of this commit, without the tables of this commit's jobs.

        The sum includes the arrays of each combined table, and the old tables of jobs that have changed since it was
        made. O(shards), and O(j / shards) for each changed shard.
        """
        own = [*self._changes.copy().values()]
        entries = {id(entry): entry for entry in self._cache.entries.copy().values()}
        entries |= {id(changes.entry): changes.entry for changes in own}
        combined = [entry.combined for entry in entries.values()]
        combined += [changes.combined for changes in own if is_made(changes, "combined")]
        tables = {id(table): table for entry in entries.values() for table in entry.old_tables(self._groups)}
        return sum(table.nbytes() for table in combined) + sum(table.nbytes() for table in tables.values())

    def _changes_of(self, schema: Schema) -> "_Changes":
        """The entry that serves this commit, and the jobs that have changed since it was made."""
        # A commit keeps the first table that serves it. So two commits that are searched in turn do not replace each
        # other's table in the cache.
        changes = self._changes.get(schema.kind)
        if changes is None:
            entry = self._cache.entries.get(schema.kind)
            changes = None if entry is None else entry.changes(self._groups)
            if changes is None:
                entry = self._cache.entries[schema.kind] = _Entry.of(self._groups, schema, self._cache.sizes)
                changes = _Changes(entry, frozenset(), {})
            self._changes[schema.kind] = changes
        return changes


class _Entry:
    """A combined table of all small jobs of one commit, and the jobs that the writer has changed since.

    Attributes:
        combined: the combined table.
        schema: the kind.
    """

    __slots__ = (
        "_changed",
        "_gone",
        "_members",
        "_most_changed",
        "_most_gone",
        "_number_of",
        "_results",
        "_shards",
        "_sizes",
        "_tables",
        "combined",
        "schema",
    )

    def __init__(  # noqa: PLR0917 - the parts of the one kind of entries
        self,
        schema: Schema,
        sizes: CombineSizes,
        combined: CombinedTable,
        results: Sequence[_Result],
        shards: Sequence["ref[Mapping[str, Stored]]"],
        members: Sequence[Sequence[str]],
    ) -> None:
        self.schema = schema
        self.combined = combined
        self._number_of = combined.jobs.number_of
        self._tables = combined.jobs.tables
        #: The results of each combined job as they were stored.
        self._results = results
        #: Weak references to the shards of that commit, so that an entry keeps no results of large jobs alive.
        self._shards = shards
        #: The ids of the combined jobs in each shard.
        self._members = members
        self._sizes = sizes
        self._most_changed = max(sizes.few_changed, len(combined.job_ids) // sizes.jobs_per_changed)
        self._most_gone = len(combined.job_ids) // 2
        #: The changed jobs, and the deleted ones among them. Only the writer reads and writes these two. The first is
        #: None until the first write, because the reader that made the entry may have read an older commit.
        self._changed: set[str] | None = None
        self._gone: set[str] = set()

    @classmethod
    def of(cls, groups: Groups, schema: Schema, sizes: CombineSizes) -> "_Entry":
        """The entry of all small jobs."""
        shards, members = [], []
        results: dict[str, _Result] = {}
        for shard in chain.from_iterable(groups):
            small: dict[str, _Result] = {}
            for job_id, job in shard.items():
                found = _result_of(job, schema.kind)
                if _is_small(found, sizes):
                    small[job_id] = found
            shards.append(ref(shard))
            members.append((*small,))
            results |= small
        combined = _combined_of(schema, results)
        return cls(schema, sizes, combined, [results[job_id] for job_id in combined.job_ids], shards, members)

    def serves_after(self, groups: Groups, jobs: Mapping[str, Stored | None]) -> bool:
        """Whether the table should stay in the cache after a write to some jobs; for the writer only.

        The table should be dropped if too many jobs have changed, since the next search would rebuild it. It should
        also be dropped if more than half of its jobs are deleted, since it would waste memory.
        """
        changed, gone = self._changed, self._gone
        candidates: Iterable[tuple[str, Stored | None]] = jobs.items()
        if changed is None:
            changed = self._changed = set()
            candidates = self._candidates(groups)
        for job_id, job in candidates:
            if self._is_changed(job_id, job):
                changed.add(job_id)
                if job is None:
                    gone.add(job_id)
                else:
                    gone.discard(job_id)
                if len(changed) > self._most_changed or len(gone) > self._most_gone:
                    return False
            else:
                changed.discard(job_id)
                gone.discard(job_id)
        return True

    def changes(self, groups: Groups) -> "_Changes | None":
        """The changes from the commit that was combined to another commit; None if the table must be rebuilt."""
        stale: list[str] = []
        small: dict[str, _Result] = {}
        count = 0
        for job_id, job in self._candidates(groups):
            if self._is_changed(job_id, job):
                count += 1
                if count > self._most_changed:
                    return None
                if job_id in self._number_of:
                    stale.append(job_id)
                if job is not None:
                    found = _result_of(job, self.schema.kind)
                    if _is_small(found, self._sizes):
                        small[job_id] = found
        return _Changes(self, frozenset(stale), small)

    def old_tables(self, groups: Groups) -> Iterator[Table]:
        """The tables that the combined table keeps alive although the commit does not have them."""
        for job_id, _ in self._candidates(groups):
            number = self._number_of.get(job_id)
            table = None if number is None else self._tables[number]
            if table is not None:
                yield table

    def _candidates(self, groups: Groups) -> Iterator[tuple[str, Stored | None]]:
        """All jobs that have changed, and a few others. Only shards that have changed are searched for them."""
        number_of, results, kind = self._number_of, self._results, self.schema.kind
        for shard, then, members in zip(chain.from_iterable(groups), self._shards, self._members, strict=True):
            if then() is not shard:
                for job_id in members:
                    job = shard.get(job_id)
                    # Most jobs have not changed. This skips a call of `_is_changed` for each of them.
                    if job is None or _result_of(job, kind) is not results[number_of[job_id]]:
                        yield job_id, job
                for job_id, job in shard.items():
                    if job_id not in number_of:
                        yield job_id, job

    def _is_changed(self, job_id: str, job: Stored | None) -> bool:
        """Whether a job counts as changed.

        A combined job has changed if it is deleted or has another table. Any other job counts if it is small, since a
        new combined table would have it.
        """
        found = None if job is None else _result_of(job, self.schema.kind)
        number = self._number_of.get(job_id)
        if number is not None:
            return job is None or found is not self._results[number]
        return job is not None and _is_small(found, self._sizes)


class _Changes:
    """The changes from the commit that an entry was made from to the commit that it serves.

    Attributes:
        entry: the entry.
        stale: the jobs of the entry that have another table in this commit, or are unknown there.
        small: the tables of the small jobs that have another table in the entry, or are not in it.
    """

    __slots__ = ("__dict__", "entry", "small", "stale")

    def __init__(self, entry: _Entry, stale: frozenset[str], small: Mapping[str, _Result]) -> None:
        self.entry = entry
        self.stale = stale
        self.small = small

    @once
    def combined(self) -> CombinedTable:
        """The combined table of the small jobs that have changed."""
        return _combined_of(self.entry.schema, self.small)


def _result_of(job: Stored, kind: Kind) -> _Result:
    if isinstance(job, Job):
        return job.tables.get(kind)
    return job if kind == BUCKET.kind else None


def _combined_of(schema: Schema, results: Mapping[str, _Result]) -> CombinedTable:
    job_ids = sorted(results)
    tables = []
    for job_id in job_ids:
        found = results[job_id]
        if found is not None and not isinstance(found, Table):
            found = job_of(job_id, found, DEFAULT_SIZES).tables.get(schema.kind)
        tables.append(found)
    return CombinedTable.of(schema, job_ids, tables)


def _is_small(found: _Result, sizes: CombineSizes) -> bool:
    """Whether a job is small enough to be combined; its result is None if it has no results."""
    if found is None:
        return True
    return (found.length if isinstance(found, Table) else rows_of(found)) <= sizes.small_rows
