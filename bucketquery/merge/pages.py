"""Pages of several shards as one page: the query that each shard gets, its answer, and the merge.

Rows are compared by the row keys that also merge the jobs of one index, so the merged page has the order of one index.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar, overload

from bucketquery.answers.common import timestamp_string
from bucketquery.answers.facts import Facts, Rest
from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.answers.run import AnyPage
from bucketquery.count_reads import require_query
from bucketquery.errors import InvalidCursor, InvalidQuery, LimitExceeded, NotFound
from bucketquery.jobs.catalog import Catalog
from bucketquery.merge.tokens import Tokens, refuse_unknown
from bucketquery.model.instants import FIRST_MS, LAST_MS, Instant, NowMath
from bucketquery.model.scalars import iterator_of
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Int64s
from bucketquery.queries.parameters import read_now
from bucketquery.queries.queries import AnyQuery, BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.queries.query import Query
from bucketquery.reads import Reads
from bucketquery.search.cursor import Walk, read_cursor
from bucketquery.search.expand import MOST_OF_A_PAGE, Expansion, refuse_more
from bucketquery.search.job_by_job import merge
from bucketquery.search.job_rows import Group, JobRows
from bucketquery.search.order import Order
from bucketquery.search.plan import Explanation
from bucketquery.search.row_key import digest_of
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.row_copies import copy_rows
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection

_Asked = TypeVar("_Asked", bound=Query)

_PAGES: Final[Mapping[str, Callable[[Facts], AnyPage]]] = MappingProxyType(
    {BUCKET.kind: BucketPage, RECORD.kind: RecordPage, INFLUENCER.kind: InfluencerPage}
)
#: A page of merged rows looks up no job, so one empty catalogue serves all.
_NO_JOBS: Final = Catalog()
_NOW: Final = "now"


class Records(NamedTuple):
    """The records of the buckets of an answer.

    Attributes:
        rows: the records of all buckets, bucket by bucket.
        ends: 0, and then for each bucket the number of records up to its end.
    """

    rows: Segment
    ends: Sequence[int]


class ShardPage(NamedTuple):
    """The answer of one shard: its rows, detached from its index. It pickles, and its size is that of its rows.

    Attributes:
        rows: the results, in order.
        job_id: the job of all results, or the job of each; None if the shard found none to search.
        matched: the number of matches of the shard.
        records: the records of the buckets; None if the query does not expand.
        has_more: whether any match of the shard comes behind its rows; None: the count tells.
        rows_read: the number of rows that the shard compared one by one.
        sequence: the commit that the shard read.
        has_documents: whether the shard keeps documents.
        unknown: the names among the query's tokens that are neither a job nor a group of the shard.
        question: a digest of the query that the shard was asked, and of the cursor.
    """

    rows: Segment
    job_id: str | tuple[str, ...] | None
    matched: int
    records: Records | None
    has_more: bool | None
    rows_read: int
    sequence: int
    has_documents: bool
    unknown: tuple[str, ...]
    question: bytes


def resolve_now(query: _Asked, now: Instant) -> _Asked:
    """The query with an instant in place of each ``now``, so that all shards read the same window.

    A router calls it once, before `shard_query`, and keeps the query for the merge and for later pages. A query without
    ``now`` is returned unchanged.

    Args:
        query: the query.
        now: the instant of ``now``, for example that of the router's clock in epoch milliseconds.

    Raises:
        InvalidQuery: ``now`` is not an instant, or ``query`` is no query value.
        LimitExceeded: ``now`` or date math leaves the years 0001 to 9999, or the text becomes too long.

    Complexity: O(j) for j jobs.

    >>> resolve_now(BucketQuery(jobs="web", start="now-1d/d"), 1_767_225_600_000).start
    '2026-01-01T00:00:00.000Z||-1d/d'
    """
    require_query(query)
    instant = read_now(now)
    if not FIRST_MS <= instant <= LAST_MS:
        raise LimitExceeded("[now] leaves the years 0001 to 9999", field=_NOW, value=now)
    anchor = timestamp_string(instant)
    changes = {}
    for name, text in _texts_of_now(query).items():
        steps = text.removeprefix(_NOW)
        changes[name] = f"{anchor}||{steps}" if steps else anchor
    return query.replace(**changes) if changes else query


def shard_query(query: _Asked) -> _Asked:
    """The query that each shard must answer: the same one without ``from_``, with a page that ends where its page ends.

    A shard cannot know which of its matches are skipped, so it returns its first ``from_ + size`` ones. A lookup and
    a query with ``size=0`` stay as they are.

    Args:
        query: the query of the merged page, without ``now`` (`resolve_now`).

    Raises:
        InvalidQuery: date math contains ``now``, which each shard would read from its own clock; or ``query`` is no
            query value.

    Complexity: O(j) for j jobs.

    >>> asked = shard_query(BucketQuery(jobs="web", from_=200, size=100))
    >>> asked.from_, asked.size
    (0, 300)
    """
    require_query(query)
    _refuse_now(query)
    return _first_rows(query)


def ask(index: Reads, query: AnyQuery, *, after: str | None = None) -> ShardPage:
    """The answer of one shard, for `merge_pages`. It runs where the index is.

    Names that the shard does not know select nothing, and a lookup that finds nothing is an empty answer.

    Args:
        index: the index or snapshot of the shard.
        query: the query that `shard_query` returned.
        after: the ``cursor`` of a merged page of this query: the answer begins behind it (default: at the first match).

    Raises:
        InvalidCursor: ``after`` is not the cursor of this query, or one of its texts was cut.
        InvalidQuery: date math contains ``now`` and there is no cursor; ``expand`` needs documents, which the shard
            does not keep; or ``query`` is no query value.
        LimitExceeded: ``size`` is more than the shard's ``max_size``, or the buckets of its answer have more than
            100,000 records.

    Complexity: that of the search, and O(r) to copy its r rows.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300}], kind="bucket")
    >>> answer = ask(index, shard_query(BucketQuery(jobs="web,db")))
    >>> answer.matched, answer.unknown
    (1, ('db',))
    """
    require_query(query)
    walk = _walk(query, after)
    snapshot = index._newest()
    known, unknown = Tokens.of(query.jobs, snapshot._catalog, "jobs")
    question = _digest(query, after)
    if not known:
        return _nothing(query, snapshot._sequence, unknown, question)
    # The cursor belongs to the query with all its tokens, so it was read before.
    own = query if known == query.jobs else query.replace(jobs=known)
    try:
        if walk is None:
            page = snapshot._page(own, own._job_id, None, "jobs", snapshot._max_size)
        else:
            page = snapshot._page_behind(own, walk)
    except NotFound:
        return _nothing(query, snapshot._sequence, unknown, question)
    facts: Facts = page._facts
    records = None
    if facts.expansion is not None:
        found, ends = facts.expansion.records
        records = Records(found.detach(), ends)
    return ShardPage(
        rows=facts.rows.detach(),
        job_id=page._job_id,
        matched=facts.matched,
        records=records,
        has_more=None if facts.rest is None else facts.rest.has_more,
        rows_read=facts.explanation.rows_read,
        sequence=facts.sequence,
        has_documents=facts.has_documents,
        unknown=unknown,
        question=question,
    )


@overload
def merge_pages(query: BucketQuery, answers: Iterable[ShardPage], *, after: str | None = None) -> BucketPage: ...
@overload
def merge_pages(query: RecordQuery, answers: Iterable[ShardPage], *, after: str | None = None) -> RecordPage: ...
@overload
def merge_pages(
    query: InfluencerQuery, answers: Iterable[ShardPage], *, after: str | None = None
) -> InfluencerPage: ...
def merge_pages(query: AnyQuery, answers: Iterable[ShardPage], *, after: str | None = None) -> AnyPage:
    """The page of one index that has the results of all shards.

    Its results, their order, ``count``, bodies, keys, columns and cursor are those of that index. ``sequence`` is the
    greatest of the shards' commits. The answers may be in any order.

    Args:
        query: the query of the page, without ``now``; not the one that `shard_query` returned.
        answers: the answers of all shards, each to ``shard_query(query)`` and to the same ``after``.
        after: the ``cursor`` of an earlier merged page of this query, that all shards got too (default: none).

    Raises:
        InvalidCursor: ``after`` is not the cursor of this query, or one of its texts was cut.
        InvalidQuery: date math contains ``now`` and there is no cursor; there is no answer, or one to another query; or
            ``query`` is no query value.
        LimitExceeded: the buckets of the page have more than 100,000 records.
        NotFound: a lookup matches no bucket of any shard.
        UnknownJob: a name is known to no shard.

    Complexity: O(n) for the n rows of all answers if numbers lead, and O(k log k) for k rows that may be on the page.

    >>> from bucketquery import ResultsIndex
    >>> shards = [ResultsIndex(), ResultsIndex()]
    >>> for shard, score in zip(shards, (40.0, 80.0)):
    ...     bucket = {"timestamp": 0, "bucket_span": 300, "anomaly_score": score, "job_id": f"web-{score:.0f}"}
    ...     commit = shard.upsert([bucket], kind="bucket")
    >>> query = BucketQuery(jobs="_all", sort="anomaly_score", desc=True, size=1)
    >>> page = merge_pages(query, [ask(shard, shard_query(query)) for shard in shards])
    >>> page.count, page[0].job_id, page.cursor is None
    (2, 'web-80', False)
    """
    require_query(query)
    walk = _walk(query, after)
    resolved = query._resolve(0) if walk is None else walk[0]
    schema, questions = resolved.schema, {_digest(_first_rows(query), after)}
    if after is not None:
        # Behind a cursor `from_` does not apply, so a shard may be asked the query itself.
        questions.add(_digest(query, after))
    given = [*(iterator_of(answers) or ())]
    if not given or not all(isinstance(answer, ShardPage) and answer.question in questions for answer in given):
        reason = "[answers] must be what ask returned from every shard for shard_query(query) and the same [after]"
        raise InvalidQuery(reason, field="answers")
    refuse_unknown([answer.unknown for answer in given], "jobs")
    count = sum(answer.matched for answer in given)
    if resolved.is_lookup and not count:
        raise NotFound("Could not find requested buckets", field="timestamp", value=getattr(query, "timestamp", None))
    found = [answer for answer in given if answer.rows.length]
    first = 0 if walk is not None else resolved.from_
    groups = [Group(Selection.of(answer.rows), answer.job_id or ()) for answer in found]
    positions = merge(groups, Order.of(resolved), first, first + resolved.size)
    rest = None
    if walk is not None:
        total = sum(answer.rows.length for answer in found)
        rest = Rest(has_more=total > resolved.size or any(answer.has_more for answer in given))
    facts = Facts(
        job_id=_only_job(query, given),
        rows=JobRows(_NO_JOBS, schema, groups, positions),
        matched=count,
        explanation=Explanation("jobs", rows_read=sum(answer.rows_read for answer in given)),
        sequence=max(answer.sequence for answer in given),
        has_documents=all(answer.has_documents for answer in given),
        expansion=_expansion(found, positions) if resolved.expand else None,
        query=query,
        resolved=resolved,
        rest=rest,
    )
    return _PAGES[schema.kind](facts)


def _first_rows(query: _Asked) -> _Asked:
    """The query with a page that begins at the first match and ends where its page ends."""
    if query._parsed.timestamp is not None or not query.size:
        return query
    return query.replace(from_=0, size=query.from_ + query.size)


def _digest(query: AnyQuery, after: str | None) -> bytes:
    """A digest of a query with all its parameters, and of the cursor that the answer begins behind."""
    return digest_of(repr((query, after)))


def _only_job(query: AnyQuery, answers: Iterable[ShardPage]) -> str | None:
    """The job of a query whose only token is the id of a job; None for any other query."""
    if query._job_id is None:
        return None
    jobs = {answer.job_id for answer in answers if answer.job_id is not None}
    job_id = jobs.pop() if len(jobs) == 1 else None
    return job_id if isinstance(job_id, str) else None


def _texts_of_now(query: Query) -> dict[str, str]:
    """The parameters of a query whose date math contains ``now``, and their texts."""
    parsed = query._parsed
    instants = {"start": parsed.start, "end": parsed.end, "timestamp": parsed.timestamp}
    return {name: instant.text for name, instant in instants.items() if isinstance(instant, NowMath)}


def _refuse_now(query: Query) -> None:
    """Refuse a query whose window depends on a clock.

    Raises:
        InvalidQuery: date math contains ``now``.
    """
    for name, text in _texts_of_now(query).items():
        reason = f"[{name}] contains [now], which each shard would read from its own clock: call resolve_now first"
        raise InvalidQuery(reason, field=name, value=text)


def _walk(query: AnyQuery, after: str | None) -> Walk | None:
    """The window and the row key of a cursor; None without one.

    Raises:
        InvalidCursor: it is not the cursor of this query, or one of its texts was cut.
        InvalidQuery: there is no cursor, and date math contains ``now``.
    """
    if after is None:
        _refuse_now(query)
        return None
    walk = read_cursor(query, after)
    _, key = walk
    if key.has_cut_text or key.job_digest is not None:
        # Only the shard that has the result could complete the text, and the others would skip or repeat rows.
        reason = "[after] has a text that is too long for a cursor, which shards cannot continue: use [from_]"
        raise InvalidCursor(reason, field="after", value=after)
    return walk


def _nothing(query: AnyQuery, sequence: int, unknown: tuple[str, ...], question: bytes) -> ShardPage:
    """The answer of a shard that has none of the jobs, or no bucket at the instant of a lookup."""
    is_expanded = query._parsed.expand
    return ShardPage(
        rows=empty_segment(query._schema),
        job_id=None,
        matched=0,
        records=Records(empty_segment(RECORD), (0,)) if is_expanded else None,
        has_more=False,
        rows_read=0,
        sequence=sequence,
        has_documents=True,
        unknown=unknown,
        question=question,
    )


def _expansion(answers: Sequence[ShardPage], positions: Int64s) -> Expansion:
    """The records of the buckets at some positions, numbered across all answers.

    Raises:
        LimitExceeded: there are more than a page may show.
    """
    starts = [0, *accumulate(answer.rows.length for answer in answers)]
    places: list[tuple[Segment, int]] = []
    ends = [0]
    for position in positions.tolist():
        number = bisect_right(starts, position) - 1
        records = answers[number].records
        assert records is not None, "each shard got a query that expands"
        own = position - starts[number]
        places += [(records.rows, row) for row in range(records.ends[own], records.ends[own + 1])]
        ends.append(len(places))
    refuse_more(len(places), MOST_OF_A_PAGE)
    return Expansion.of(copy_rows(RECORD, places), ends)
