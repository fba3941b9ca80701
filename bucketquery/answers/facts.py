"""The parts of a page: its rows, and what is known about them and about the results behind them."""

from typing import Final, NamedTuple

from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.expand import Expansion
from bucketquery.search.plan import Explanation
from bucketquery.storage.selection import Selection


class Rest(NamedTuple):
    """Where a page ends.

    Attributes:
        last: the last row in the table that stores it, with its masks; None: the page itself has it, not a copy.
        has_more: whether any match comes behind the page; None: the count tells.
        cursor: the cursor of an unpickled page.
    """

    last: Selection | None = None
    has_more: bool | None = None
    cursor: str | None = None


#: The count tells whether any match comes behind the page, and the page itself has its last row.
BY_COUNT: Final = Rest()


class Facts(NamedTuple):
    """The parts of a page.

    Attributes:
        job_id: the job of all results; if several jobs were searched, the job of each result.
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

    job_id: str | tuple[str, ...]
    rows: Selection
    matched: int
    explanation: Explanation
    sequence: int
    has_documents: bool
    expansion: Expansion | None
    query: AnyQuery | None = None
    resolved: ResolvedQuery | None = None
    rest: Rest | None = None
