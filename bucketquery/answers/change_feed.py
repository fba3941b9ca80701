"""The feed: which changes of the log a call returns, listings, and the history of one result."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from bucketquery.answers.change_rows import Block, ChangeRows, judged
from bucketquery.answers.changes import Changes, no_changes
from bucketquery.errors import ChangesExpired, InvalidQuery
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.change_columns import ChangeColumns
from bucketquery.jobs.change_log import ChangeLog, Chunk, Part
from bucketquery.jobs.change_parts import columns_of_listing
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import SCHEMAS, Kind, Schema, Type
from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.results.changes import Change, ChangeRange
from bucketquery.search.search import search
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table

_INT64: Final = range(-(2**63), 2**63)


class Commit(NamedTuple):
    """The commit that a feed reads.

    Attributes:
        catalog: its jobs.
        sequence: its number.
        time: when it was made, epoch ms.
        log: the log of its index; None if the index keeps no changes.
        shortcuts: which work a search may skip.
    """

    catalog: Catalog
    sequence: int
    time: int
    log: ChangeLog | None
    shortcuts: Shortcuts


def changes_after(commit: Commit, since: object, query: AnyQuery | None, resolved: ResolvedQuery | None) -> Changes:
    """The changes after a sequence; a listing if it is None.

    Args:
        commit: the commit that is read.
        since: a sequence, or None.
        query: the query; None: all kinds and jobs.
        resolved: the query with every instant fixed.

    Raises:
        InvalidQuery: ``since`` is neither None nor the sequence of a commit up to this one.
        ChangesExpired: the log has dropped changes of a job of the query after ``since``.
        UnknownJob: a job is not known, and the log has no change of it after ``since``.
    """
    jobs = () if query is None else query.jobs
    catalog, sequence = commit.catalog, commit.sequence
    if since is None:
        for job_id in jobs:
            catalog.known(job_id, "jobs")
        return Changes(ChangeRows(partial(_list, commit, jobs, resolved)), 0, sequence)
    first = since if type(since) is int else base_form(since)
    if type(first) is not int or not 0 <= first <= sequence:
        reason = f"[since] must be None or an integer from 0 to the commit that is read, {sequence}"
        raise InvalidQuery(reason, field="since", value=since)
    log = commit.log
    chunks = log.chunks(first, sequence) if log is not None and first < sequence else []
    for job_id in jobs:
        if catalog.get(job_id) is None:
            _require_changes(commit, chunks, job_id, first)
    # Parts may be dropped while the chunks are found, so this comes afterwards.
    if first < sequence:
        oldest = sequence if log is None else log.last_dropped
        if first < oldest:
            if log is not None and query is not None:
                oldest = log.oldest(jobs)
            _refuse_older(first, oldest)
    if not chunks:
        return no_changes(sequence)
    return Changes(ChangeRows(partial(_judge, chunks, jobs, resolved)), 0, sequence)


def _require_changes(commit: Commit, chunks: Sequence[Chunk], job_id: str, since: int) -> None:
    """Refuse an unknown job, unless the log has or had a change of it after ``since``."""
    log = commit.log
    if log is None or not (any(chunk.has_change_of(job_id) for chunk in chunks) or log.has_dropped(job_id, since)):
        commit.catalog.known(job_id, "jobs")


def _refuse_older(since: int, oldest: int) -> None:
    if since < oldest:
        reason = f"[since] is too old: the log has dropped changes after commit {since}; it begins after {oldest}"
        raise ChangesExpired(reason, field="since", value=since, oldest=oldest)


def _judge(
    chunks: Sequence[Chunk], jobs: Sequence[str], resolved: ResolvedQuery | None
) -> tuple[list[Block], tuple[ChangeRange, ...]]:
    named = frozenset(jobs)
    found = [judged(chunk.columns(), resolved, named) for chunk in chunks]
    ranges = [
        each
        for chunk in chunks
        if isinstance(chunk.source, Part)
        for each in chunk.source.columns.ranges
        if resolved is None or _lacks(each, resolved, named)
    ]
    return [block for block in found if block is not None], tuple(ranges)


def _lacks(found: ChangeRange, resolved: ResolvedQuery, jobs: frozenset[str]) -> bool:
    """Whether the changes of a query may lack some of a range."""
    if found.kind != resolved.schema.kind or found.job_id not in jobs:
        return False
    meets = found.first < resolved.end and found.last >= resolved.start
    return meets and (resolved.threshold is None or resolved.threshold < found.floor)


def _list(
    commit: Commit, jobs: Sequence[str], resolved: ResolvedQuery | None
) -> tuple[list[Block], tuple[ChangeRange, ...]]:
    catalog, found = commit.catalog, []
    for job_id in catalog.ids if resolved is None else jobs:
        job = catalog.known(job_id, "jobs")
        for table in job.tables.values():
            rows = _all_matches(table, resolved, commit.shortcuts)
            if len(rows):
                columns = columns_of_listing(job_id, rows, commit.sequence, commit.time)
                found.append(judged(columns, None))
    return [block for block in found if block is not None], ()


def _all_matches(table: Table, resolved: ResolvedQuery | None, shortcuts: Shortcuts) -> Selection:
    """Every match of a table in time order; every row if there is no query."""
    view = table.rows
    if resolved is None:
        return Selection(view, (0, view.length, False))
    if table.kind != resolved.schema.kind:
        return Selection(view, (0, 0, False))
    rows, _, _ = search(table, resolved._replace(order_by=(), desc=False, from_=0, size=view.length), shortcuts)
    return rows


def history_of(commit: Commit, key: object, kind: Kind) -> tuple[Change, ...]:
    """The changes of one result that the log still has, oldest first.

    Raises:
        InvalidQuery: no result of this kind can have this key.
        UnknownJob: the job is not known, and the log has no change of it.
    """
    identity = _read_key(key, SCHEMAS[kind])
    job_id = identity[0]
    log = commit.log
    chunks = [] if log is None else log.chunks(-1, commit.sequence)
    if commit.catalog.get(job_id) is None and not any(chunk.has_change_of(job_id) for chunk in chunks):
        commit.catalog.known(job_id, "key")
    found = [_of_key(chunk, identity, kind) for chunk in chunks]
    blocks = [block for columns in found if columns is not None and (block := judged(columns, None)) is not None]
    rows = ChangeRows(lambda: (blocks, ()))
    return tuple(rows.changes(rows.rows(0)))


def _of_key(chunk: Chunk, identity: tuple[Any, ...], kind: Kind) -> ChangeColumns | None:
    columns = chunk.columns()
    return columns.take(columns.of_key(identity)) if columns.schema.kind == kind else None


def _read_key(key: object, schema: Schema) -> tuple[Any, ...]:
    """A key in base forms."""
    names = schema.identity
    if isinstance(key, tuple) and len(key) == len(names) + 1:
        job_id, *values = [base_form(value) for value in key]
        if type(job_id) is str and all(map(_fits, (schema.by_name[name].type for name in names), values)):
            return job_id, *values
    shown = ", ".join(("job_id", *names))
    raise InvalidQuery(f"[key] must be a tuple as keys() has: ({shown})", field="key", value=key)


def _fits(of: Type, value: object) -> bool:
    """Whether a column of an identity may have a value."""
    if of is Type.KEYWORD:
        return value is None or type(value) is str
    return type(value) is int and value in _INT64
