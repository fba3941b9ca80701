"""A query with every instant fixed: what a search is given."""

from typing import NamedTuple

from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Schema


class ResolvedQuery(NamedTuple):
    """What the search is asked: a resolved query.

    Attributes:
        start: first instant included, epoch ms.
        end: first instant excluded.
        threshold: lowest score that matches; None lets every result match, also one without a score.
        exclude_interim: whether only final results are looked at.
        order_by: the columns that order the matches, the first one first; where they say nothing more, and where there
            are none, identities decide.
        desc: whether every key of the order is reversed.
        from_: how many matches are skipped.
        size: how many matches the page holds at most.
        is_lookup: whether nothing found is an error.
        expand: whether the records of the page's buckets are brought.
        exclude_interim_records: whether only final ones are brought.
        schema: the kind of results that is asked for.
    """

    start: int
    end: int
    threshold: float | None
    exclude_interim: bool
    order_by: tuple[str, ...]
    desc: bool
    from_: int
    size: int
    is_lookup: bool
    expand: bool
    exclude_interim_records: bool
    schema: Schema


def clamp(moment: int) -> int:
    """The instant, or the nearest bound of the stored ones.

    No result is stored outside the bounds, so no answer changes, and the instant fits the dtype of the column.
    """
    if moment < FIRST_MS:
        return FIRST_MS
    return moment if moment <= LAST_MS else LAST_MS + 1
