"""The parts of a page: its rows, and what is known about them and about the results behind them."""

from typing import Final, NamedTuple

from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.expand import Expansion
from bucketquery.search.job_rows import AnyRows
from bucketquery.search.plan import Explanation


class Rest(NamedTuple):
    """Where a page ends.

    Attributes:
        has_more: whether any match comes behind the page; None: the count tells.
        cursor: the cursor of an unpickled page.
    """

    has_more: bool | None = None
    cursor: str | None = None


#: The count tells whether any match comes behind the page.
BY_COUNT: Final = Rest()


class Facts(NamedTuple):
    """The parts of a page.

    Attributes:
        job_id: the job of all results; if several jobs were searched, the job of each result, or None if the rows tell.
        rows: the results, in order.
        matched: the number of matches, before paging.
        explanation: how the results were found.
        sequence: the commit that was read.
        has_documents: whether the index keeps documents, and so has display fields.
        expansion: the records of the page's buckets; None if the query does not expand.
        query: the query; None in an unpickled page.
        resolved: the same query with its window; None in an unpickled page.
        rest: where the page ends, if more is known than its rows and the count.
    """

    job_id: str | tuple[str, ...] | None
    rows: AnyRows
    matched: int
    explanation: Explanation
    sequence: int
    has_documents: bool
    expansion: Expansion | None
    query: AnyQuery | None = None
    resolved: ResolvedQuery | None = None
    rest: Rest | None = None
