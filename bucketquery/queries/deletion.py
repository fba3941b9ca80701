"""Deletions: which results a delete names, from its parameters."""

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.instants import FIRST_MS, LAST_MS, InstantRange, NowMath
from bucketquery.model.scalars import base_form, iterator_of
from bucketquery.queries.bounds import Bounds
from bucketquery.queries.job_tokens import MOST_JOBS
from bucketquery.queries.parameters import is_unset, read_boolean, read_bound


class Deletion(NamedTuple):
    """The results that a delete names, with every instant fixed.

    Attributes:
        job_ids: the ids of their jobs, each once; None: all jobs.
        start: first instant included, epoch ms.
        end: first instant excluded.
        interim_only: whether only interim results are named.
    """

    job_ids: tuple[str, ...] | None
    start: int
    end: int
    interim_only: bool


def read_deletion(job_id: Any, start: Any, end: Any, interim_only: Any, clock: Callable[[], int]) -> Deletion:
    """Read the parameters of a delete. The clock is read once, if date math contains ``now``.

    Raises:
        InvalidQuery: a parameter is invalid, or there is neither a bound nor ``interim_only``.
        LimitExceeded: more than `MOST_JOBS` ids are given, or a bound is a text beyond the limits of instants.

    >>> read_deletion(["web", "db", "web"], None, 60_000, False, lambda: 0)[2:]
    (60000, False)
    """
    job_ids = None if job_id is None else _read_job_ids(job_id)
    first, behind = _read_bound(start, "start"), _read_bound(end, "end")
    interim_only = read_boolean(interim_only, "interim_only")
    if first is None and behind is None and not interim_only:
        reason = "at least one of [start], [end] and [interim_only] must be given; delete_job deletes a whole job"
        raise InvalidQuery(reason, field="end")
    low, high = Bounds(first, behind).resolve(clock)
    return Deletion(job_ids, FIRST_MS if low is None else low, LAST_MS + 1 if high is None else high, interim_only)


def _read_job_ids(job_id: object) -> tuple[str, ...]:
    """The ids, each once, of one id or an iterable of ids. Any text is an id: an unknown one is an error later."""
    one = base_form(job_id)
    if type(one) is str:
        return (one,)
    ids = iterator_of(one)
    named = [] if ids is None else [base_form(each) for each in islice(ids, MOST_JOBS + 1)]
    if len(named) > MOST_JOBS:
        raise LimitExceeded(f"[job_id] names more than {MOST_JOBS} jobs", field="job_id", value=job_id)
    if named and all(type(each) is str for each in named):
        return tuple(dict.fromkeys(named))
    raise InvalidQuery("[job_id] must be the id of one job, or ids of several", field="job_id", value=job_id)


def _read_bound(value: Any, name: str) -> InstantRange | NowMath | None:
    """One side of the window; None if it is open. Unlike a query, a delete refuses -1."""
    if value is not None and is_unset(value):
        raise InvalidQuery(f"[{name}] must be an instant, and -1 is not one here", field=name, value=value)
    return read_bound(value, name)[1]
