"""The feed: which changes of the log a call returns, listings, and the history of one result."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from bucketquery.answers.change_rows import Block, ChangeRows, judged
from bucketquery.answers.changes import Changes, no_changes
from bucketquery.errors import ChangesExpired, InvalidQuery
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.change_columns import ChangeColumns
from bucketquery.jobs.change_log import ChangeLog, Chunk, Part
from bucketquery.jobs.change_parts import columns_of_listing
from bucketquery.jobs.job import Job
from bucketquery.jobs.known_jobs import unknown_job
from bucketquery.jobs.matching_jobs import MatchingJobs
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import SCHEMAS, Kind, Schema, Type
from bucketquery.queries.job_tokens import ALL_JOBS
from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.results.changes import Change, ChangeRange
from bucketquery.search.entity_filter import filter_of
from bucketquery.search.search import search
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table

_INT64: Final = range(-(2**63), 2**63)


def changes_after(  # noqa: PLR0917 - keyword arguments would take longer
    log: ChangeLog | None,
    catalog: Catalog,
    sequence: int,
    since: object,
    query: AnyQuery | None,
    resolved: ResolvedQuery | None,
) -> Changes:
    """The changes after a sequence.

    Args:
        log: the log of the index; None if it keeps no changes.
        catalog: the jobs of the commit that is read.
        sequence: its number.
        since: a sequence.
        query: the query; None: all kinds and jobs.
        resolved: the query with every instant fixed.

    Raises:
        InvalidQuery: ``since`` is not the sequence of a commit up to this one.
        ChangesExpired: the log has dropped changes of a job of the query after ``since``.
        UnknownJob: a job is not known, and the log has no change of it after ``since``.
    """
    first = since if type(since) is int else base_form(since)
    if type(first) is not int or not 0 <= first <= sequence:
        reason = f"[since] must be None or an integer from 0 to the commit that is read, {sequence}"
        raise InvalidQuery(reason, field="since", value=since)
    chunks = log.chunks(first, sequence) if log is not None and first < sequence else []
    jobs: Sequence[str] | MatchingJobs = () if query is None else query.jobs
    if query is not None and (len(query.jobs) > 1 or catalog.get(query.jobs[0]) is None):
        jobs = _jobs_of(query.jobs, catalog, lambda name: _require_changes(log, chunks, name, first))
    # The writer may drop parts while the chunks are found, so the log is asked afterwards which it has dropped.
    if first < sequence:
        oldest = sequence if log is None else log.last_dropped
        if first < oldest:
            if log is not None and query is not None:
                oldest = log.oldest(jobs)
            # An older snapshot can answer its own sequence, whatever was dropped later.
            _refuse_older(first, min(oldest, sequence))
    if not chunks:
        return no_changes(sequence)
    return Changes(ChangeRows(partial(_judge, chunks, jobs, resolved)), 0, sequence)


def _require_changes(log: ChangeLog | None, chunks: Sequence[Chunk], job_id: str, since: int) -> None:
    """Refuse an unknown job, unless the log has or had a change of it after ``since``."""
    if log is None or not (any(chunk.has_change_of(job_id) for chunk in chunks) or log.has_dropped(job_id, since)):
        raise unknown_job(job_id, "jobs")


def _jobs_of(
    tokens: Sequence[str], catalog: Catalog, require_changes: Callable[[str], None]
) -> Sequence[str] | MatchingJobs:
    """The jobs of a query in a feed.

    Args:
        tokens: the tokens of the query.
        catalog: the jobs of the commit that is read.
        require_changes: refuses a name that is neither a job nor a group, if the feed has no change of it.
    """
    unknown = set()
    is_literal = True
    for token in tokens:
        name = token.removeprefix("-")
        if catalog.get(name) is not None:
            is_literal = is_literal and token[0] != "-"
        elif "*" in name or name == ALL_JOBS or catalog.has_group(name):
            is_literal = False
        else:
            require_changes(name)
            unknown.add(name)
            is_literal = is_literal and token[0] != "-"
    if is_literal:
        return tokens
    known = tuple([token for token in tokens if token.removeprefix("-") not in unknown]) if unknown else tokens
    return MatchingJobs(catalog.select(known, "jobs"), tokens)


def _refuse_older(since: int, oldest: int) -> None:
    if since < oldest:
        reason = f"[since] is too old: the log has dropped changes after commit {since}; it begins after {oldest}"
        raise ChangesExpired(reason, field="since", value=since, oldest=oldest)


def _judge(
    chunks: Sequence[Chunk], jobs: Sequence[str] | MatchingJobs, resolved: ResolvedQuery | None
) -> tuple[list[Block], tuple[ChangeRange, ...]]:
    named = jobs if isinstance(jobs, MatchingJobs) else frozenset(jobs)
    found = [
        judged(chunk.columns(), resolved, named)
        for chunk in chunks
        if resolved is None or chunk.matters(resolved, named)
    ]
    ranges = [
        each
        for chunk in chunks
        if isinstance(chunk.source, Part)
        for each in chunk.source.columns.ranges
        if resolved is None or _lacks(each, resolved, named)
    ]
    return [block for block in found if block is not None], tuple(ranges)


def _lacks(found: ChangeRange, resolved: ResolvedQuery, jobs: frozenset[str] | MatchingJobs) -> bool:
    """Whether the changes of a query may lack some of a range."""
    if found.kind != resolved.schema.kind or found.job_id not in jobs:
        return False
    meets = found.first < resolved.end and found.last >= resolved.start
    return meets and (resolved.threshold is None or resolved.threshold < found.floor)


def listing(  # noqa: PLR0917 - as `changes_after`
    catalog: Catalog,
    sequence: int,
    time: int,
    query: AnyQuery | None,
    resolved: ResolvedQuery | None,
    shortcuts: Shortcuts,
) -> Changes:
    """Every match of a query at a commit, as entered; without a query, every result.

    Args:
        catalog: the jobs of the commit.
        sequence: its number.
        time: when it was made, epoch ms.
        query: the query; None: all kinds and jobs.
        resolved: the query with every instant fixed.
        shortcuts: which work a search may skip.

    Raises:
        UnknownJob: a job is not known.
    """
    jobs: Iterable[Job] = catalog
    if query is not None:
        jobs = [catalog.known(job_id, "jobs") for job_id in catalog.select(query.jobs, "jobs").ids]

    def read() -> tuple[list[Block], tuple[ChangeRange, ...]]:
        found = []
        for job in jobs:
            for table in job.tables.values():
                rows = _all_matches(job, table, resolved, shortcuts)
                if len(rows):
                    found.append(judged(columns_of_listing(job.job_id, rows, sequence, time), None))
        return [block for block in found if block is not None], ()

    return Changes(ChangeRows(read), 0, sequence)


def _all_matches(job: Job, table: Table, resolved: ResolvedQuery | None, shortcuts: Shortcuts) -> Selection:
    """Every match of a table in time order; every row if there is no query."""
    view = table.rows
    if resolved is None:
        return Selection(view, (0, view.length, False))
    if table.kind != resolved.schema.kind:
        return Selection(view, (0, 0, False))
    everything = resolved._replace(order_by=(), desc=False, from_=0, size=view.length)
    rows, _, _ = search(table, everything, shortcuts, filter_of(job, resolved, shortcuts))
    return rows


def history_of(log: ChangeLog | None, catalog: Catalog, sequence: int, key: object, kind: Kind) -> tuple[Change, ...]:
    """The changes of one result that the log still has, oldest first.

    Raises:
        InvalidQuery: no result of this kind can have this key.
        UnknownJob: the job is not known, and the log has no change of it.
    """
    identity = _read_key(key, SCHEMAS[kind])
    job_id = identity[0]
    chunks = [] if log is None else log.chunks(-1, sequence)
    if catalog.get(job_id) is None and not any(chunk.has_change_of(job_id) for chunk in chunks):
        catalog.known(job_id, "key")
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
