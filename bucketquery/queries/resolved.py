"""Queries with every instant fixed, as a search takes them."""

from typing import NamedTuple

from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Schema
from bucketquery.queries.where import Where


class ResolvedQuery(NamedTuple):
    """A query with every instant fixed, without the API's spellings.

    Attributes:
        start: first instant included, epoch ms.
        end: first instant excluded.
        threshold: lowest score that matches; None lets every result match, including one without a score. If ``below``
            is given, there is a threshold too.
        exclude_interim: whether only final results match.
        order_by: the columns that order the matches, the leading one first. For records and influencers they include
            the columns that break ties. For buckets there is at most one column, and identity order breaks its ties.
            Without a column, buckets are in identity order.
        by_job: whether the job is compared before these columns. It decides only a search of several jobs.
        desc: whether every key of the order is descending.
        from_: number of matches to skip.
        size: largest number of matches on the page.
        is_lookup: whether this is a lookup by ``timestamp``; a lookup without a match is an error.
        expand: whether the page includes the records of its buckets.
        exclude_interim_records: whether the page includes only the final records of its buckets.
        schema: the kind of results.
        below: lowest score that is too high to match; None: no score is too high.
        where: the fields that must have certain values; empty: no field must.
    """

    start: int
    end: int
    threshold: float | None
    exclude_interim: bool
    order_by: tuple[str, ...]
    by_job: bool
    desc: bool
    from_: int
    size: int
    is_lookup: bool
    expand: bool
    exclude_interim_records: bool
    schema: Schema
    below: float | None
    where: Where


def clamp(moment: int) -> int:
    """The instant, clamped to the instants that can be stored and the first one after them.

    No result is stored outside that range, so no answer changes, and the instant fits the dtype of the column.
    """
    if moment < FIRST_MS:
        return FIRST_MS
    return moment if moment <= LAST_MS else LAST_MS + 1
