"""The upkeep of combined tables: the first reader makes them, and each commit hands them on to the next.

The first reader of a kind starts a chain at its catalogue and reads all jobs. Each later commit adds itself to
the chain. The writer works the commits into the tables from time to time, before it publishes. A reader works in the
few that remain, and the next reader goes on from its tables. All of this is part of a catalogue, so a failed write
leaves no trace, and older catalogues stay as they are.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.all_jobs_build import read_all_jobs
from bucketquery.jobs.labelled_rows import SpanTooLong
from bucketquery.jobs.pending import ChangedRows, CommitChanges, PendingCommit, between
from bucketquery.jobs.small_jobs import Stored
from bucketquery.model.schema import BUCKET, Kind, Schema
from bucketquery.model.sizes import Sizes, sizes_of_all_jobs
from bucketquery.storage.table_changes import TableChanges

#: The kind of single rows.
_PACKED: Final = BUCKET.kind
#: Combined tables are given up once the writer has worked in more than N times their rows since a reader last asked.
_LENGTHS_UNASKED: Final = 2

_new_tuple: Final = tuple.__new__

#: The newest pending commit of each kind that a reader has asked for.
Pending = dict[Kind, PendingCommit]


class Made(NamedTuple):
    """The combined tables after a commit of a chain.

    Attributes:
        results: the combined tables; None if a span has more than 32 bits.
        number: the number of the commit.
        weight: its weight.
    """

    results: AllJobs | None
    number: int
    weight: int


class Overlaid(NamedTuple):
    """The combined tables at a commit, made by a reader from those of an earlier one.

    Attributes:
        number: the number of the commit in its chain.
        results: the combined tables.
    """

    number: int
    results: AllJobs


class Chain:
    """The values that the commits of a chain share.

    Attributes:
        sizes: the sizes of combined tables.
        unasked: the number of rows that the writer has worked in since a reader last asked.
        made: the combined tables that the commits of the chain follow; None until its first reader has made them. If
            two readers make them, either may be stored.
        overlaid: the combined tables that a reader has made of these for a later commit. The next reader works in only
            the commits after it. None if no reader has made any. Any reader may set it.
        is_asked: whether a reader has asked since the chain began. Any reader may set it.
        limit: a commit of single rows only adds itself to the chain if its weight is less.
    """

    __slots__ = ("is_asked", "limit", "made", "overlaid", "sizes", "unasked")

    def __init__(self, sizes: Sizes, unasked: int = 0) -> None:
        self.sizes = sizes
        self.unasked = unasked
        self.made: Made | None = None
        self.overlaid: Overlaid | None = None
        self.is_asked = False
        self.limit = sizes.pending_rows

    def put(self, results: AllJobs | None, number: int, weight: int) -> None:
        """Let the chain go on from the combined tables after one of its commits."""
        self.made = Made(results, number, weight)
        self.limit = 0 if results is None else weight + self.sizes.pending_rows


def start(sizes: Sizes) -> PendingCommit:
    """The first commit of a new chain, for a catalogue of an index with these sizes."""
    return PendingCommit(None, Chain(sizes_of_all_jobs(sizes)))


def results_at(
    commit: PendingCommit,
    schema: Schema,
    jobs: Callable[[], Iterable[tuple[str, Stored]]],
    ids: Callable[[], Sequence[str]],
) -> AllJobs | None:
    """The combined tables at a commit; None if a span has more than 32 bits.

    Args:
        commit: the newest commit of a chain that the catalogue has.
        schema: the kind.
        jobs: returns the jobs of the catalogue as they are stored; it is called if they are read.
        ids: returns their ids, in order; it is called if the jobs are read.

    O(n log n) for n results if no reader has made the tables of the chain yet, or if they are newer than the catalogue.
    In any other case O(k log n + h) for k rows changed since a reader last asked, and heads of h rows.
    """
    chain: Chain = commit.chain
    chain.is_asked = True
    made = chain.made
    if made is None or made.number > commit.number:
        results: AllJobs | None
        try:
            results = read_all_jobs(schema.kind, jobs(), ids(), chain.sizes)
        except SpanTooLong:
            results = None
        if made is None:
            chain.put(results, commit.number, commit.weight)
        return results
    if made.results is None or made.number == commit.number:
        return made.results
    known = chain.overlaid
    if known is not None and known.number <= commit.number:
        number, results = known
    else:
        number, results = made.number, made.results
    if number == commit.number:
        return results
    try:
        results = results.overlaid(between(number, commit))
    except SpanTooLong:
        return None
    if known is None or known.number < commit.number:
        # If two readers do this at the same time, either may come last.
        chain.overlaid = Overlaid(commit.number, results)
    return results


def continued(pending: Pending, written: CommitChanges, ids: Collection[str], gone: str | None = None) -> Pending:
    """The pending commits of the next catalogue; for the writer only.

    Args:
        pending: those of the present catalogue, some kinds perhaps just added by a reader.
        written: the changes of the commit.
        ids: the ids of its jobs if some of them are new, else empty.
        gone: the id of a deleted job; None for any other commit.

    O(1) for a single row, and amortised the cost of `AllJobs.folded` for its rows.
    """
    following: Pending = {}
    rows, changes = written.rows, written.changes
    has_rows_only = rows and not (changes or ids or gone or written.deletion)
    # A copy, because a reader may add a kind at the same time.
    for kind, last in pending.copy().items():
        if has_rows_only:
            # Nearly all commits. A call of `_after` would take a microsecond more.
            if kind != _PACKED:
                following[kind] = last
                continue
            chain, weight = last.chain, last.weight + len(rows) // 3
            if weight < chain.limit:
                following[kind] = _new_tuple(
                    PendingCommit, (last, chain, last.number + 1, weight, rows, (), None, (), None)
                )
                continue
        commit = _after(last, kind, written, ids, gone)
        if commit is not None:
            following[kind] = commit
    return following


def _after(
    last: PendingCommit, kind: Kind, written: CommitChanges, ids: Collection[str], gone: str | None
) -> PendingCommit | None:
    """The newest pending commit of a kind after a commit; None if the combined tables are given up."""
    rows, deletion = written.rows if kind == _PACKED else (), written.deletion
    changes = written.changes and [each for each in written.changes if each[1].kind == kind]
    if not (rows or changes or deletion or ids or gone):
        return last
    chain: Chain = last.chain
    sizes, made = chain.sizes, chain.made
    weight = last.weight + (len(rows) // 3 or 1) + len(ids)
    if changes:
        weight += sum([sizes.pending_table + _changed(each[1]) for each in changes])
    # A deleted window stands for the changes of its commit.
    changed = [] if deletion else [(job_id, ChangedRows(*each.rows_after())) for job_id, each in changes]
    commit = _new_tuple(PendingCommit, (last, chain, last.number + 1, weight, rows, changed, deletion, ids, gone))
    if made is None:
        return commit if weight <= sizes.most_pending else None
    if made.results is None:
        # A commit that deletes may delete the long span, so the next reader finds out.
        return None if _deletes(commit) else last
    if deletion is None and weight - made.weight < sizes.pending_rows:
        return commit
    unasked = 0 if chain.is_asked else chain.unasked + weight - made.weight
    if unasked > _LENGTHS_UNASKED * max(made.results.length, sizes.pending_rows):
        return None
    return _folded(commit, made.results, made.number, unasked)


def _folded(commit: PendingCommit, results: AllJobs, number: int, unasked: int) -> PendingCommit | None:
    """The first commit of a new chain, whose combined tables have all commits up to this one; None: given up."""
    chain: Chain = commit.chain
    following = Chain(chain.sizes, unasked)
    commits = between(number, commit)
    made: AllJobs | None
    try:
        made = results.folded(commits)
    except SpanTooLong:
        if any(map(_deletes, commits)):
            # One of them may have deleted the long span again, so the next reader finds out.
            return None
        made = None
    following.put(made, 0, 0)
    return PendingCommit(None, following)


def _changed(changes: TableChanges) -> int:
    inserted, replaced, _, deleted = changes.counts
    return inserted + replaced + deleted


def _deletes(commit: PendingCommit) -> bool:
    """Whether a commit deletes any results."""
    is_window = commit.deletion is not None or commit.gone is not None
    return is_window or None in commit.rows[2::3] or not all(each[1].is_stored for each in commit.changes)


def nbytes(pending: Pending, own: Iterable[AllJobs | None]) -> int:
    """Bytes of the combined tables that a catalogue refers to; each array counts once.

    Args:
        pending: the pending commits of the catalogue.
        own: the combined tables that its readers have made.
    """
    chains = [commit.chain for commit in pending.copy().values()]
    made = [each for chain in chains for each in (chain.made, chain.overlaid)]
    found = [*own, *(each.results for each in made if each is not None)]
    sizes: dict[int, int] = {}
    for results in found:
        if results is not None:
            sizes |= results.bytes_of()
    return sum(sizes.values())
