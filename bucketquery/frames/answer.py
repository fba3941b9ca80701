"""The answer to a query about a frame: the engine counts, sorts and cuts; a small index makes the page.

The small index holds the rows of the page only. It checks each row as it checks documents, and it sorts them again. So
an engine that compares text by a collation, or takes NaN for a number, ends in an error and not in a wrong page.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import or_
from typing import Any, Final, NamedTuple

import narwhals.stable.v2 as nw

from bucketquery.answers.facts import BY_COUNT
from bucketquery.answers.run import AnyPage
from bucketquery.errors import InvalidDocument, InvalidQuery, LimitExceeded, NotFound
from bucketquery.frames.clock import instant_of
from bucketquery.frames.conditions import final, in_jobs_and_window, is_one_of, job_selection, joined, matching
from bucketquery.frames.documents import documents_of
from bucketquery.frames.filters import filtered, with_witness
from bucketquery.frames.instants import day, in_window, instant
from bucketquery.frames.latest import Latest
from bucketquery.frames.newest import newest
from bucketquery.frames.rows import all_of, number_of, page_of
from bucketquery.frames.sorting import in_order
from bucketquery.frames.table import CODED, Table
from bucketquery.index import ResultsIndex
from bucketquery.model.instants import Instant
from bucketquery.model.schema import BUCKET, RECORD, Schema
from bucketquery.queries.job_tokens import ALL_JOBS
from bucketquery.queries.parameters import read_count
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.order import Order

#: From this number of skipped results on, the results of each day are counted first, and only some days are sorted.
#: A count by days takes longer than a count; at 10**7 rows, sorting 10,000 results costs little more than 100.
DEEP: Final = 10_000
#: The records of this number of instants are fetched by one query, which compares them one by one.
_INSTANTS_AT_ONCE: Final = 500

_Document = dict[str, Any]


class _Asked(NamedTuple):
    """A query with every instant fixed, and the instant of ``now``."""

    query: AnyQuery
    resolved: ResolvedQuery
    now: int


def answer(given: Any, query: AnyQuery, *, records: Any, now: Instant | None, max_size: object) -> AnyPage:
    """The page of a query; `calls.search` documents the arguments and the errors."""
    moment = instant_of(now)
    asked = _Asked(query, resolve(query, lambda: moment), moment)
    resolved = asked.resolved
    most = read_count(max_size, "max_size")
    if resolved.size > most and not resolved.is_lookup:
        reason = f"Parameter [size] cannot be > {most}, the [max_size]"
        raise LimitExceeded(reason, field="size", value=resolved.size)
    if resolved.expand and records is None:
        raise InvalidQuery("[records] must be a frame of records, because the query has [expand]", field="records")
    if resolved.schema is BUCKET and resolved.where and records is None:
        raise InvalidQuery("[records] must be a frame of records, because the query has [where]", field="records")
    table = _matches(given, asked, resolved.schema, "frame")
    if resolved.where:
        table = _filtered(table, records, asked)
    count, documents = _page(table, resolved)
    if resolved.is_lookup and not count:
        reason = "Could not find requested buckets"
        raise NotFound(reason, field="timestamp", value=getattr(query, "timestamp", None))
    expanded = _records(records, documents, asked) if resolved.expand else []
    return _page_of_index(documents, expanded, count, asked)


def _matches(given: Any, asked: _Asked, schema: Schema, argument: str) -> Table:
    """The rows of a frame that match a query."""
    frame, version = given if isinstance(given, Latest) else (given, None)
    table, resolved = Table.of(frame, schema, argument), asked.resolved
    table = in_jobs_and_window(table, asked.query.jobs, resolved.start, resolved.end)
    return matching(newest(table, version), resolved)


def _filtered(table: Table, records: Any, asked: _Asked) -> Table:
    """The rows that meet the entity filter of a query; buckets meet it by a record."""
    resolved = asked.resolved
    if resolved.schema is not BUCKET:
        return filtered(table, resolved.where)
    frame, version = records if isinstance(records, Latest) else (records, None)
    witnesses = in_jobs_and_window(Table.of(frame, RECORD, "records"), asked.query.jobs, resolved.start, resolved.end)
    witnesses = final(newest(witnesses, version), resolved.exclude_interim)
    return with_witness(table, filtered(witnesses, resolved.where))


def _page(table: Table, resolved: ResolvedQuery) -> tuple[int, list[_Document]]:
    """The number of matches, and the documents of the page in the engine's order."""
    order = Order.of(resolved)
    from_, size = resolved.from_, resolved.size
    if from_ >= DEEP and size and order.leads_by_time and not order.job_leads:
        count, table, offset = _days_of_page(table, resolved)
    else:
        count, offset = number_of(table.frame), from_
    size = min(size, count - from_)
    if size <= 0:
        return count, []
    columns = page_of(in_order(table, order), _read_columns(table), offset, size)
    documents = documents_of(columns, table.schema, table.argument)
    if len(documents) != size:
        reason = f"[{table.argument}] has changed between two queries: {len(documents)} results on a page of {size}"
        raise InvalidDocument(reason, field=table.argument)
    return count, documents


def _read_columns(table: Table) -> list[nw.Expr]:
    """The columns that documents are made of; instants are rounded down, and an ENUM is text.

    DuckDB hands over the values of an ENUM by pandas, which may not be installed.
    """
    found = []
    for name, dtype in table.types.items():
        if dtype == nw.Datetime or name == "timestamp":
            found.append(table.instant(name).alias(name))
        elif any(dtype == coded for coded in CODED):
            found.append(table.text(name).alias(name))
        else:
            found.append(nw.col(name))
    return found


class _Day(NamedTuple):
    """The results of one day: the first and the last instant, and their number."""

    first: int
    last: int
    number: int


def _days_of_page(table: Table, resolved: ResolvedQuery) -> tuple[int, Table, int]:
    """The number of matches, the rows of the days that the page has results of, and the offset in these rows."""
    name, dtype = table.instants_of("timestamp")
    frame = table.frame.select(bucketquery_day=day(name, dtype), bucketquery_at=nw.col(name))
    counted = frame.group_by("bucketquery_day").agg(
        nw.col("bucketquery_at").min().alias("first"),
        nw.col("bucketquery_at").max().alias("last"),
        nw.len().alias("number"),
    )
    # The ends of a day are rounded down, not each instant of it.
    ends = (instant(end, dtype, table.engine).alias(end) for end in ("first", "last"))
    columns = all_of(counted.select(*ends, "number"))
    days = sorted(_Day(*map(int, values)) for values in zip(*columns.values(), strict=True))
    count = sum(found.number for found in days)
    if any(earlier.last >= later.first for earlier, later in pairwise(days)):
        # The clock of the session's time zone was set back over midnight, so two days overlap.
        return count, table, resolved.from_
    skipped = 0
    chosen: list[_Day] = []
    for found in reversed(days) if resolved.desc else days:
        if skipped + found.number <= resolved.from_ and not chosen:
            skipped += found.number
        elif sum(each.number for each in chosen) + skipped < resolved.from_ + resolved.size:
            chosen.append(found)
    if not chosen:
        return count, table, resolved.from_
    first, last = min(found.first for found in chosen), max(found.last for found in chosen)
    hit = table.where(*in_window("timestamp", table.types["timestamp"], table.engine, first, last + 1))
    return count, hit, resolved.from_ - skipped


def _records(given: Any, buckets: Sequence[_Document], asked: _Asked) -> list[_Document]:
    """The records of the jobs and the instants of buckets that show records."""
    shown = [bucket for bucket in buckets if bucket.get("bucket_influencers")]
    found: list[_Document] = []
    for jobs, instants in _parts(shown):
        resolved = asked.resolved._replace(
            start=instants[0],
            end=instants[-1] + 1,
            threshold=None,
            below=None,
            exclude_interim=asked.resolved.exclude_interim_records,
            schema=RECORD,
        )
        frame, version = given if isinstance(given, Latest) else (given, None)
        table = Table.of(frame, RECORD, "records")
        dtype = table.types["timestamp"]
        table = table.where(
            is_one_of(jobs, table.text("job_id")),
            *in_window("timestamp", dtype, table.engine, resolved.start, resolved.end),
            joined([_at(table, dtype, moment) for moment in instants], or_),
        )
        table = matching(newest(table, version), resolved)
        columns = all_of(table.frame.select(*_read_columns(table)))
        found += documents_of(columns, RECORD, "records")
    pairs = {(bucket["job_id"], bucket["timestamp"]) for bucket in shown}
    return [record for record in found if (record["job_id"], record["timestamp"]) in pairs]


def _parts(buckets: Sequence[_Document]) -> Iterator[tuple[list[str], list[int]]]:
    """The jobs and the instants of buckets, in parts of consecutive instants."""
    instants = sorted({bucket["timestamp"] for bucket in buckets})
    for begin in range(0, len(instants), _INSTANTS_AT_ONCE):
        part = instants[begin : begin + _INSTANTS_AT_ONCE]
        within = range(part[0], part[-1] + 1)
        yield sorted({bucket["job_id"] for bucket in buckets if bucket["timestamp"] in within}), part


def _at(table: Table, dtype: Any, moment: int) -> nw.Expr:
    """Whether a row is at an instant."""
    low, high = in_window("timestamp", dtype, table.engine, moment, moment + 1)
    conditions = [condition for condition in (low, high) if condition is not None]
    return joined(conditions, lambda one, other: one & other)


def _page_of_index(documents: list[_Document], records: list[_Document], count: int, asked: _Asked) -> AnyPage:
    """The page of the documents, by an index that holds only these."""
    query, resolved = asked.query, asked.resolved
    index = ResultsIndex(max_size=max(len(documents), 1))
    _store(index, documents, resolved.schema, "frame")
    _store(index, records, RECORD, "records")
    # The engine has applied the filter; the records of the page need not have the witnesses of its buckets.
    again: AnyQuery = query.replace(jobs=ALL_JOBS, where=())
    if not resolved.is_lookup:
        again = again.replace(from_=0, size=len(documents))
    selects = job_selection(query.jobs)
    if not all(selects(document["job_id"]) for document in documents):
        raise _compares_otherwise("a job that the query does not select")
    if not documents:
        again = again.replace(expand=False) if resolved.expand else again
    page: AnyPage = index.search(again, now=asked.now)
    if page.keys() != tuple(_identity(document, resolved.schema) for document in documents):
        raise _compares_otherwise("another order, or results that do not match")
    facts = page._facts._replace(matched=count, sequence=0, query=None, resolved=None, rest=BY_COUNT)
    return type(page)(facts)


def _store(index: ResultsIndex, documents: list[_Document], schema: Schema, argument: str) -> None:
    """Put the rows of a page into the small index. The paths of errors begin with the argument that gave the rows."""
    if not documents:
        return
    try:
        commit = index.upsert(documents, kind=schema.kind)
    except InvalidDocument as error:
        reason, path = (text.replace("documents", argument, 1) for text in (error.reason, str(error.field)))
        raise InvalidDocument(reason, field=path, value=error.value) from None
    if commit.repeated:
        reason = (
            f"[{argument}] has several rows of one result; give latest({argument}, version) if one replaces another"
        )
        raise InvalidDocument(reason, field=argument)


def _identity(document: _Document, schema: Schema) -> tuple[Any, ...]:
    """The identity of a document, as ``page.keys()`` has it."""
    default = {"detector_index": 0}
    return (document["job_id"], *(document.get(name, default.get(name)) for name in schema.identity))


def _compares_otherwise(what: str) -> InvalidDocument:
    reason = f"[frame] the engine returned {what}: it must compare text by code points, as it does without a collation"
    return InvalidDocument(reason, field="frame")
