"""Many jobs in one question: asked as if all their results lay in one table, with the job as the last key.

Small jobs are asked together, as a combined table, the others one by one; each gives the first of its matches, and
these are
merged by the keys of the order. The rows of a page are copied out of the tables of their jobs, so that it is read like
any other.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.ranking import Key, ranked
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.combined_table import CombinedTable
from bucketquery.model.schema import RECORD, Array, Bools, Int64s, Objects, Schema, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.expand import MOST_OF_A_PAGE, Expansion, expand, refuse_more
from bucketquery.search.plan import Plan
from bucketquery.search.search import key_of, search
from bucketquery.storage.keywords import encode_keywords
from bucketquery.storage.row_copies import copy_rows, segment_row
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.sparse_lists import SparseLists
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS

#: What may be skipped of a search of many jobs; each changes nothing but how long it takes. Tests take them out.
SHORTCUTS: Final = {"combined", "deep"}

#: A page this deep in time order is looked for from where it begins.
_DEEP: Final = 1_000

#: A scan copies so many rows at once; with their records so many buckets.
_SCAN_ROWS: Final = 4_096
_SCAN_BUCKETS: Final = 64

#: Where a row is: its job, the segment, and its number there.
_Place = tuple[str, Segment, int]


class CopiedRows(NamedTuple):
    """Some rows of many jobs, copied, in an order of their own.

    Attributes:
        rows: all of a segment that holds nothing else.
        job_ids: the job of each.
    """

    rows: Selection
    job_ids: tuple[str, ...]


class _Part(NamedTuple):
    """Some of what is asked: the results of a job, or those of the jobs of a combined table."""

    table: Table
    of: str | CombinedTable

    def places(self, rows: Selection, positions: Int64s) -> list[_Place]:
        """Where some rows of a selection are."""
        numbers = rows.rows
        if isinstance(numbers, slice):
            run = range(*numbers.indices(rows.view.base.length))
            chosen = [run[position] for position in positions.tolist()]
        else:
            chosen = numbers[positions].tolist()
        if isinstance(self.of, CombinedTable):
            return [self.of.place(row) for row in chosen]
        return [(self.of, *segment_row(rows.view, row)) for row in chosen]


class _Found(NamedTuple):
    """Where matches are, in order.

    Attributes:
        parts: where they come from, with some rows of each.
        starts: how many rows the parts before each part have, and all parts, shape (len(parts) + 1,).
        order: which of those rows they are, counted through all parts, shape (r,).
        matched: every match, before paging.
        rows_read: how many rows were compared.
    """

    parts: Sequence[tuple[_Part, Selection]]
    starts: Int64s
    order: Int64s
    matched: int
    rows_read: int

    @classmethod
    def of(cls, parts: Sequence[tuple[_Part, Selection]], order: Int64s, matched: int, rows_read: int) -> "_Found":
        """The same, and where each part begins."""
        return cls(parts, np.cumsum([0, *(len(rows) for _, rows in parts)]), order, matched, rows_read)

    def copied(self, schema: Schema) -> CopiedRows:
        """They themselves."""
        # A scan asks for some of the rows at a time, and most parts have nothing on a page.
        by_part = self.order.argsort(kind="stable")
        ascending = self.order[by_part]
        cuts = ascending.searchsorted(self.starts).tolist()
        placed: list[_Place] = []
        for (part, rows), start, (low, high) in zip(self.parts, self.starts.tolist(), pairwise(cuts), strict=False):
            if low < high:
                placed += part.places(rows, ascending[low:high] - start)
        places = [placed[position] for position in by_part.argsort().tolist()]
        segment = copy_rows(schema, [(segment, row) for _, segment, row in places])
        return CopiedRows(Selection.of(segment), tuple([job_id for job_id, _, _ in places]))


def search_jobs(
    catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, *, by_job: bool
) -> tuple[CopiedRows, int, Plan]:
    """The page that the question asks of several jobs, the count of all their matches, and how they were found.

    Args:
        catalog: where the jobs are.
        jobs: their ids, each once.
        resolved: what is asked.
        by_job: whether the job leads the order.

    Raises:
        UnknownJob: one of them is not known; it is the first that is not.

    If the small jobs are many, one search answers them together. Each other job costs a search of its own. Merging p
    searches costs O(p k) for a page that ends at the k-th match.
    """
    found = _find(catalog, jobs, resolved, by_job=by_job)
    return found.copied(resolved.schema), found.matched, Plan("jobs", None, rows_read=found.rows_read)


def scan_jobs(catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, *, by_job: bool) -> Iterator[CopiedRows]:
    """Every match of several jobs in order, some at a time; paging does not apply.

    Some bytes a match are kept, and about a hundred while they are found.

    Raises:
        UnknownJob: one of them is not known; it is the first that is not.
    """
    results = sum(table.length for table in _tables(catalog, jobs, resolved.schema).values())
    found = _find(catalog, jobs, resolved._replace(from_=0, size=results), by_job=by_job)
    step = _SCAN_BUCKETS if resolved.expand else _SCAN_ROWS
    for first in range(0, len(found.order), step):
        yield found._replace(order=found.order[first : first + step]).copied(resolved.schema)


def expand_jobs(
    catalog: Catalog, buckets: CopiedRows, *, exclude_interim: bool, most: int | None = MOST_OF_A_PAGE
) -> Expansion:
    """The records that belong to buckets of several jobs, each those of its own job, as `expand` has them.

    They are copied at once.

    Raises:
        LimitExceeded: there are more than ``most``.
    """
    positions: dict[str, list[int]] = {}
    for position, job_id in enumerate(buckets.job_ids):
        positions.setdefault(job_id, []).append(position)
    expansions: list[tuple[list[int], Expansion]] = []
    for job_id, own in positions.items():
        some = Selection(buckets.rows.view, np.array(own, dtype=np.int64))
        records = catalog.known(job_id, "jobs").table(RECORD)
        expansions.append((own, expand(some, records, exclude_interim=exclude_interim, most=None)))
    refuse_more(sum(expansion.total() for _, expansion in expansions), most)
    shown: list[list[tuple[Segment, int]]] = [[] for _ in buckets.job_ids]
    for own, expansion in expansions:
        found, ends = expansion.records()
        places = [segment_row(found.view, row) for row in _numbers(found).tolist()]
        for position, first, end in zip(own, ends[:-1], ends[1:], strict=True):
            shown[position] = places[first:end]
    copied = copy_rows(RECORD, [place for some_places in shown for place in some_places])
    return Expansion.of(copied, [0, *np.cumsum([len(some_places) for some_places in shown]).tolist()])


def _find(catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery, *, by_job: bool) -> _Found:
    if by_job:
        return _by_job(catalog, jobs, resolved)
    parts = _parts(catalog, jobs, resolved.schema)
    if len(parts) == 1:
        rows, count, plan = search(parts[0].table, resolved)
        return _Found.of([(parts[0], rows)], np.arange(len(rows)), count, plan.rows_read)
    matches = None
    if resolved.from_ > _DEEP and resolved.order_by[:1] in ((), ("timestamp",)) and "deep" in SHORTCUTS:
        matches = _count(parts, resolved)
        resolved = _from_its_page_on(parts, resolved)
    first, last = resolved.from_, resolved.from_ + resolved.size
    asked = resolved._replace(from_=0, size=last if resolved.size else 0)
    found: list[tuple[_Part, Selection]] = []
    count = rows_read = 0
    for part in parts:
        rows, own, plan = search(part.table, asked)
        count += own
        rows_read += plan.rows_read
        if len(rows):
            found.append((part, rows))
    return _Found.of(found, _merged(found, resolved, last)[first:], count if matches is None else matches, rows_read)


def _by_job(catalog: Catalog, jobs: Sequence[str], resolved: ResolvedQuery) -> _Found:
    """What is found where the job leads the order: job by job."""
    found: list[tuple[_Part, Selection]] = []
    skip, left, count, rows_read = resolved.from_, resolved.size, 0, 0
    tables = _tables(catalog, jobs, resolved.schema)
    for job_id in sorted(tables, reverse=resolved.desc):
        rows, own, plan = search(tables[job_id], resolved._replace(from_=skip, size=left))
        found.append((_Part(tables[job_id], job_id), rows))
        skip, left = max(0, skip - own), left - len(rows)
        count += own
        rows_read += plan.rows_read
    return _Found.of(found, np.arange(sum(len(rows) for _, rows in found)), count, rows_read)


def _parts(catalog: Catalog, jobs: Sequence[str], schema: Schema) -> list[_Part]:
    splits = catalog.combine(jobs, schema) if "combined" in SHORTCUTS else None
    if splits is None:
        return [_Part(table, job_id) for job_id, table in _tables(catalog, jobs, schema).items()]
    alone = _tables(catalog, splits[-1].others, schema, jobs)
    return [
        *(_Part(split.table, split.combined) for split in splits),
        *(_Part(table, job_id) for job_id, table in alone.items()),
    ]


def _tables(
    catalog: Catalog, jobs: Sequence[str], schema: Schema, named: Sequence[str] | None = None
) -> dict[str, Table]:
    """What each of some jobs has, if it has anything; an unknown one is refused, the first of all that are named."""
    tables: dict[str, Table] = {}
    for job_id in jobs:
        job = catalog.get(job_id)
        if job is None:
            job = catalog.known(next(each for each in named or jobs if each not in catalog), "jobs")
        table = job.tables.get(schema.kind)
        if table is not None:
            tables[job_id] = table
    return tables


def _count(parts: Sequence[_Part], resolved: ResolvedQuery) -> int:
    return sum(search(part.table, resolved._replace(from_=0, size=0))[1] for part in parts)


def _from_its_page_on(parts: Sequence[_Part], resolved: ResolvedQuery) -> ResolvedQuery:
    """The same question from the instant on at which its page begins, in time order.

    Of the matches of that instant some may still have to be skipped.
    """
    low, high = resolved.start, resolved.end
    while high - low > 1:
        middle = (low + high) // 2
        before = resolved._replace(start=middle) if resolved.desc else resolved._replace(end=middle)
        if (_count(parts, before) <= resolved.from_) == resolved.desc:
            high = middle
        else:
            low = middle
    before = resolved._replace(start=high) if resolved.desc else resolved._replace(end=low)
    skipped = resolved.from_ - _count(parts, before)
    return resolved._replace(end=high, from_=skipped) if resolved.desc else resolved._replace(start=low, from_=skipped)


def _merged(found: Sequence[tuple[_Part, Selection]], resolved: ResolvedQuery, need: int) -> Int64s:
    """The order of the rows of all parts, counted through all parts, of the first ``need``."""
    length = sum(len(rows) for _, rows in found)
    if len(found) <= 1:
        return np.arange(length)
    schema, desc = resolved.schema, resolved.desc
    names = dict.fromkeys((*resolved.order_by, *schema.ties))
    view = Selection.of(_keys_of(found, list(names), schema)).view

    def key(name: str, positions: Int64s) -> Key:
        is_tie = name not in resolved.order_by[:1]
        return key_of(Selection(view, positions), name, desc=desc, is_tie=is_tie)

    job_ids, _ = encode_keywords([job_id for part, rows in found for job_id in _job_ids(part, rows)])
    keys = [partial(key, name) for name in names]
    return ranked(length, [*keys, lambda rows: Key.of(job_ids[rows], None, desc=desc)], need, desc=desc)


def _job_ids(part: _Part, rows: Selection) -> list[str]:
    if isinstance(part.of, CombinedTable):
        return [part.of.job_of(row) for row in _numbers(rows).tolist()]
    return [part.of] * len(rows)


def _keys_of(found: Sequence[tuple[_Part, Selection]], names: Sequence[str], schema: Schema) -> Segment:
    """What decides about the order of rows of several parts, of all parts together; only to be compared."""
    columns: dict[str, Array] = {}
    present: dict[str, Bools] = {}
    dictionaries: dict[str, Objects] = {}
    lists: dict[str, SparseLists] = {}
    length = sum(len(rows) for _, rows in found)
    for name in names:
        of = schema.by_name[name].type
        if of is Type.KEYWORDS:
            lists[name] = SparseLists.of_tuples([some for _, rows in found for some in rows.lists(name)])
            continue
        values = np.concatenate([rows.column(name) for _, rows in found])
        if of is Type.KEYWORD:
            columns[name], dictionaries[name] = encode_keywords(values.tolist())
            continue
        columns[name] = values
        missing = [(rows.missing(name), len(rows)) for _, rows in found]
        present[name] = np.concatenate(
            [np.ones(own, dtype=np.bool_) if lacking is None else ~lacking for lacking, own in missing]
        )
    return Segment(schema, length, columns, present, dictionaries, lists)


def _numbers(rows: Selection) -> Int64s:
    """The rows as their view numbers them."""
    if isinstance(rows.rows, slice):
        return np.arange(*rows.rows.indices(rows.view.base.length)) if len(rows) else NO_ROWS
    return rows.rows
