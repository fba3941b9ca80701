"""Many jobs in one question: asked as if all their results lay in one table, with the job as the last key.

Small jobs are asked together, as a fleet, the others one by one; each gives the first of its matches, and these are
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
from bucketquery.jobs.combined_table import Fleet
from bucketquery.model.schema import RECORD, Array, Bools, Int64s, Objects, Schema, Type
from bucketquery.queries.resolved import Question
from bucketquery.search.expand import MOST_OF_A_PAGE, Expansion, expand, refuse_more
from bucketquery.search.plan import Plan
from bucketquery.search.search import key_of, search
from bucketquery.storage.keywords import encoded
from bucketquery.storage.row_copies import joined, segment_row
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.sparse_lists import Lists
from bucketquery.storage.table import Table
from bucketquery.storage.view import NO_ROWS

#: What may be skipped of a search of many jobs; each changes nothing but how long it takes. Tests take them out.
SHORTCUTS: Final = {"fleet", "deep"}

#: A page this deep in time order is looked for from where it begins.
_DEEP: Final = 1_000

#: A scan copies so many rows at once; with their records so many buckets.
_SCAN_ROWS: Final = 4_096
_SCAN_BUCKETS: Final = 64

#: Where a row is: its job, the segment, and its number there.
_Place = tuple[str, Segment, int]


class Rows(NamedTuple):
    """Some rows of many jobs, copied, in an order of their own.

    Attributes:
        rows: all of a segment that holds nothing else.
        job_ids: the job of each.
    """

    rows: Selection
    job_ids: tuple[str, ...]


class _Part(NamedTuple):
    """Some of what is asked: the results of a job, or those of the jobs of a fleet."""

    table: Table
    of: str | Fleet

    def places(self, rows: Selection, positions: Int64s) -> list[_Place]:
        """Where some rows of a selection are."""
        numbers = rows.rows
        if isinstance(numbers, slice):
            run = range(*numbers.indices(rows.view.base.length))
            chosen = [run[position] for position in positions.tolist()]
        else:
            chosen = numbers[positions].tolist()
        if isinstance(self.of, Fleet):
            return [self.of.place(row) for row in chosen]
        return [(self.of, *segment_row(rows.view, row)) for row in chosen]


class _Found(NamedTuple):
    """Where matches are, in order.

    Attributes:
        parts: where they come from, with some rows of each.
        starts: how many rows the parts before each part have, and all parts, shape (len(parts) + 1,).
        order: which of those rows they are, counted through all parts, shape (r,).
        matched: every match, before paging.
        looked_at: how many rows were compared.
    """

    parts: Sequence[tuple[_Part, Selection]]
    starts: Int64s
    order: Int64s
    matched: int
    looked_at: int

    @classmethod
    def of(cls, parts: Sequence[tuple[_Part, Selection]], order: Int64s, matched: int, looked_at: int) -> "_Found":
        """The same, and where each part begins."""
        return cls(parts, np.cumsum([0, *(len(rows) for _, rows in parts)]), order, matched, looked_at)

    def copied(self, schema: Schema) -> Rows:
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
        segment = joined(schema, [(segment, row) for _, segment, row in places])
        return Rows(Selection.of(segment), tuple([job_id for job_id, _, _ in places]))


def search_jobs(catalog: Catalog, jobs: Sequence[str], question: Question, *, by_job: bool) -> tuple[Rows, int, Plan]:
    """The page that the question asks of several jobs, the count of all their matches, and how they were found.

    Args:
        catalog: where the jobs are.
        jobs: their ids, each once.
        question: what is asked.
        by_job: whether the job leads the order.

    Raises:
        UnknownJob: one of them is not known; it is the first that is not.

    If the small jobs are many, one search answers them together. Each other job costs a search of its own. Merging p
    searches costs O(p k) for a page that ends at the k-th match.
    """
    found = _find(catalog, jobs, question, by_job=by_job)
    return found.copied(question.schema), found.matched, Plan("jobs", None, looked_at=found.looked_at)


def scan_jobs(catalog: Catalog, jobs: Sequence[str], question: Question, *, by_job: bool) -> Iterator[Rows]:
    """Every match of several jobs in order, some at a time; paging does not apply.

    Some bytes a match are kept, and about a hundred while they are found.

    Raises:
        UnknownJob: one of them is not known; it is the first that is not.
    """
    results = sum(table.length for table in _tables(catalog, jobs, question.schema).values())
    found = _find(catalog, jobs, question._replace(from_=0, size=results), by_job=by_job)
    step = _SCAN_BUCKETS if question.expand else _SCAN_ROWS
    for first in range(0, len(found.order), step):
        yield found._replace(order=found.order[first : first + step]).copied(question.schema)


def expand_jobs(
    catalog: Catalog, buckets: Rows, *, exclude_interim: bool, most: int | None = MOST_OF_A_PAGE
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
    copied = joined(RECORD, [place for some_places in shown for place in some_places])
    return Expansion.of(copied, [0, *np.cumsum([len(some_places) for some_places in shown]).tolist()])


def _find(catalog: Catalog, jobs: Sequence[str], question: Question, *, by_job: bool) -> _Found:
    if by_job:
        return _by_job(catalog, jobs, question)
    parts = _parts(catalog, jobs, question.schema)
    if len(parts) == 1:
        rows, count, plan = search(parts[0].table, question)
        return _Found.of([(parts[0], rows)], np.arange(len(rows)), count, plan.looked_at)
    matches = None
    if question.from_ > _DEEP and question.order_by[:1] in ((), ("timestamp",)) and "deep" in SHORTCUTS:
        matches = _count(parts, question)
        question = _from_its_page_on(parts, question)
    first, last = question.from_, question.from_ + question.size
    asked = question._replace(from_=0, size=last if question.size else 0)
    found: list[tuple[_Part, Selection]] = []
    count = looked_at = 0
    for part in parts:
        rows, own, plan = search(part.table, asked)
        count += own
        looked_at += plan.looked_at
        if len(rows):
            found.append((part, rows))
    return _Found.of(found, _merged(found, question, last)[first:], count if matches is None else matches, looked_at)


def _by_job(catalog: Catalog, jobs: Sequence[str], question: Question) -> _Found:
    """What is found where the job leads the order: job by job."""
    found: list[tuple[_Part, Selection]] = []
    skip, left, count, looked_at = question.from_, question.size, 0, 0
    tables = _tables(catalog, jobs, question.schema)
    for job_id in sorted(tables, reverse=question.desc):
        rows, own, plan = search(tables[job_id], question._replace(from_=skip, size=left))
        found.append((_Part(tables[job_id], job_id), rows))
        skip, left = max(0, skip - own), left - len(rows)
        count += own
        looked_at += plan.looked_at
    return _Found.of(found, np.arange(sum(len(rows) for _, rows in found)), count, looked_at)


def _parts(catalog: Catalog, jobs: Sequence[str], schema: Schema) -> list[_Part]:
    rolls = catalog.muster(jobs, schema) if "fleet" in SHORTCUTS else None
    if rolls is None:
        return [_Part(table, job_id) for job_id, table in _tables(catalog, jobs, schema).items()]
    alone = _tables(catalog, rolls[-1].others, schema, jobs)
    return [
        *(_Part(roll.table, roll.fleet) for roll in rolls),
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


def _count(parts: Sequence[_Part], question: Question) -> int:
    return sum(search(part.table, question._replace(from_=0, size=0))[1] for part in parts)


def _from_its_page_on(parts: Sequence[_Part], question: Question) -> Question:
    """The same question from the instant on at which its page begins, in time order.

    Of the matches of that instant some may still have to be skipped.
    """
    low, high = question.start, question.end
    while high - low > 1:
        middle = (low + high) // 2
        before = question._replace(start=middle) if question.desc else question._replace(end=middle)
        if (_count(parts, before) <= question.from_) == question.desc:
            high = middle
        else:
            low = middle
    before = question._replace(start=high) if question.desc else question._replace(end=low)
    skipped = question.from_ - _count(parts, before)
    return question._replace(end=high, from_=skipped) if question.desc else question._replace(start=low, from_=skipped)


def _merged(found: Sequence[tuple[_Part, Selection]], question: Question, need: int) -> Int64s:
    """The order of the rows of all parts, counted through all parts, of the first ``need``."""
    length = sum(len(rows) for _, rows in found)
    if len(found) <= 1:
        return np.arange(length)
    schema, desc = question.schema, question.desc
    names = dict.fromkeys((*question.order_by, *schema.ties))
    view = Selection.of(_keys_of(found, list(names), schema)).view

    def key(name: str, positions: Int64s) -> Key:
        is_tie = name not in question.order_by[:1]
        return key_of(Selection(view, positions), name, desc=desc, is_tie=is_tie)

    job_ids, _ = encoded([job_id for part, rows in found for job_id in _job_ids(part, rows)])
    keys = [partial(key, name) for name in names]
    return ranked(length, [*keys, lambda rows: Key.of(job_ids[rows], None, desc=desc)], need, desc=desc)


def _job_ids(part: _Part, rows: Selection) -> list[str]:
    if isinstance(part.of, Fleet):
        return [part.of.job_of(row) for row in _numbers(rows).tolist()]
    return [part.of] * len(rows)


def _keys_of(found: Sequence[tuple[_Part, Selection]], names: Sequence[str], schema: Schema) -> Segment:
    """What decides about the order of rows of several parts, of all parts together; only to be compared."""
    columns: dict[str, Array] = {}
    present: dict[str, Bools] = {}
    texts: dict[str, Objects] = {}
    lists: dict[str, Lists] = {}
    length = sum(len(rows) for _, rows in found)
    for name in names:
        of = schema.by_name[name].type
        if of is Type.KEYWORDS:
            lists[name] = Lists.of_tuples([some for _, rows in found for some in rows.lists(name)])
            continue
        values = np.concatenate([rows.column(name) for _, rows in found])
        if of is Type.KEYWORD:
            columns[name], texts[name] = encoded(values.tolist())
            continue
        columns[name] = values
        missing = [(rows.missing(name), len(rows)) for _, rows in found]
        present[name] = np.concatenate(
            [np.ones(own, dtype=np.bool_) if lacking is None else ~lacking for lacking, own in missing]
        )
    return Segment(schema, length, columns, present, texts, lists)


def _numbers(rows: Selection) -> Int64s:
    """The rows as their view numbers them."""
    if isinstance(rows.rows, slice):
        return np.arange(*rows.rows.indices(rows.view.base.length)) if len(rows) else NO_ROWS
    return rows.rows
