"""Swimlane queries: the jobs, the window, the cells and the lanes of a swimlane, as a value that is checked once."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.calendars import UNITS, Unit, read_zone
from bucketquery.model.frozen import filler
from bucketquery.model.instants import Instant
from bucketquery.model.scalars import base_form
from bucketquery.model.text import brief
from bucketquery.queries.bounds import Bounds
from bucketquery.queries.job_tokens import read_jobs
from bucketquery.queries.parameters import read_boolean, read_integer, read_text
from bucketquery.queries.query_value import QueryValue

#: The longest cell in seconds: its edges fit into 64 bits.
MOST_SECONDS: Final = 10**15


class _Parsed(QueryValue):
    """The slots of a swimlane query that are no parameters."""

    __slots__ = ("_bounds",)

    _bounds: Bounds


@dataclass(frozen=True, slots=True, init=False, repr=False)
class SwimlaneQuery(_Parsed):
    """A prepared query for a swimlane: the greatest score of each lane in each cell of time.

    A frozen value like `BucketQuery`. `index.swimlane` answers it.

    Args:
        jobs: the jobs, as in `BucketQuery`.
        cell: the length of a cell: seconds as a positive integer, or ``"day"``, ``"week"`` or ``"month"``.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        tzinfo: the zone of calendar cells; None means UTC. It plays no part in the hash of the query.
        by: ``"job"``: a lane for each job, from the buckets; any other text: a lane for each value of the influencers
            with this ``influencer_field_name``.
        lanes: largest number of lanes.
        from_: number of lanes to skip.
        exclude_interim: leave interim results out.

    Raises:
        InvalidQuery: a parameter has an invalid value; ``field`` names it.
        LimitExceeded: there are too many jobs, a cell has more than 10^15 seconds, or a date text exceeds a limit.

    Complexity: O(j) for j jobs.

    >>> query = SwimlaneQuery(jobs="web", cell=3600, start="2026-01-01", end="2026-01-02")
    >>> query.replace(cell="day").cell, query.by, query.lanes
    ('day', 'job', 10)
    """

    jobs: tuple[str, ...]
    cell: int | str
    start: int | str | None
    end: int | str | None
    tzinfo: dt.tzinfo | None = field(hash=False)
    by: str
    lanes: int
    from_: int
    exclude_interim: bool

    def __init__(
        self,
        *,
        jobs: str | Iterable[str],
        cell: int | str,
        start: Instant | None = None,
        end: Instant | None = None,
        tzinfo: dt.tzinfo | None = None,
        by: str = "job",
        lanes: int = 10,
        from_: int = 0,
        exclude_interim: bool = False,
    ) -> None:
        tokens = read_jobs(jobs)
        bounds, canonical_start, canonical_end = Bounds.read(start, end)
        length = read_cell(cell)
        zone = None if tzinfo is None else read_zone(tzinfo, "tzinfo")
        if zone is not None and type(length) is int:
            reason = "[tzinfo] is the zone of calendar cells, and has no meaning for cells of seconds"
            raise InvalidQuery(reason, field="tzinfo", value=tzinfo)
        _fill(
            self,
            tokens,
            length,
            canonical_start,
            canonical_end,
            zone,
            read_text(by, "by"),
            _read_positive(lanes, "lanes"),
            read_integer(from_, "from", "from_"),
            read_boolean(exclude_interim, "exclude_interim"),
        )
        _fill_bounds(self, bounds)


# A dataclass gets its slots after its class body.
_fill: Final = filler(
    SwimlaneQuery, "jobs", "cell", "start", "end", "tzinfo", "by", "lanes", "from_", "exclude_interim"
)
_fill_bounds: Final = filler(_Parsed, "_bounds")


def read_cell(value: object) -> int | Unit:
    """The length of a cell: seconds, or a unit of the calendar.

    Raises:
        InvalidQuery: it is neither a positive integer nor the name of a unit.
        LimitExceeded: it has more than 10^15 seconds.

    >>> read_cell(300), read_cell("day")
    (300, 'day')
    """
    cell = base_form(value)
    if type(cell) is str and cell in UNITS:
        return cell
    if type(cell) is not int or cell < 1:
        units = ", ".join(UNITS)
        reason = f"[cell] must be a positive integer of seconds, or one of [{units}], found [{brief(value)}]"
        raise InvalidQuery(reason, field="cell", value=value)
    if cell > MOST_SECONDS:
        raise LimitExceeded(f"[cell] has more than {MOST_SECONDS} seconds", field="cell", value=value)
    return cell


def _read_positive(value: object, name: str) -> int:
    number = read_integer(value, name, name)
    if not number:
        raise InvalidQuery(f"[{name}] parameter must be positive, found [0]", field=name, value=value)
    return number
