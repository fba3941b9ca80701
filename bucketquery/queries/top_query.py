"""The parameters of a list of top influencers, checked."""

from typing import Any, NamedTuple

from bucketquery.errors import InvalidQuery
from bucketquery.model.scalars import base_form
from bucketquery.model.text import brief
from bucketquery.queries.bounds import Bounds
from bucketquery.queries.job_tokens import read_jobs
from bucketquery.queries.parameters import read_boolean, read_integer, read_text


class TopQuery(NamedTuple):
    """The parameters of a list of top influencers, checked.

    Attributes:
        jobs: the tokens that select the jobs.
        field: the only ``influencer_field_name`` that counts; None: all.
        bounds: the window.
        by_sum: whether the order is by the sum of the scores, rather than by the greatest.
        size: largest number of entries.
        from_: number of entries to skip.
        exclude_interim: whether only final results count.
    """

    jobs: tuple[str, ...]
    field: str | None
    bounds: Bounds
    by_sum: bool
    size: int
    from_: int
    exclude_interim: bool


def read_top_query(
    *, jobs: Any, field: Any, start: Any, end: Any, by: Any, size: Any, from_: Any, exclude_interim: Any
) -> TopQuery:
    """Check the parameters.

    Raises:
        InvalidQuery: a parameter has an invalid value; ``field`` names it.
        LimitExceeded: there are too many jobs, or a date text exceeds a limit.

    >>> rest = {"field": None, "start": None, "end": None, "size": 10, "from_": 0, "exclude_interim": False}
    >>> read_top_query(jobs="web", by="sum", **rest).by_sum
    True
    """
    tokens = read_jobs(jobs)
    name = None if field is None else read_text(field, "field")
    bounds, _, _ = Bounds.read(start, end)
    order = base_form(by)
    if type(order) is not str or order not in {"max", "sum"}:
        raise InvalidQuery(f"[by] must be one of [max, sum], found [{brief(by)}]", field="by", value=by)
    number, skipped = read_integer(size, "size", "size"), read_integer(from_, "from", "from_")
    is_final = read_boolean(exclude_interim, "exclude_interim")
    return TopQuery(tokens, name, bounds, order == "sum", number, skipped, is_final)
