"""Plans: how an answer is found, told as data."""

from typing import Final, Literal, NamedTuple

Path = Literal["time", "threshold", "order", "scan", "cache", "jobs"]


class Plan(NamedTuple):
    """How an answer was found.

    Attributes:
        path: what led. ``time``: two ranks and what lies between, no column is read. ``threshold``: the rows at or
            above it. ``order``: the first of the order, among which those that match are picked. ``scan``: every row of
            the window. ``cache``: the first rows of the order, which an earlier question found. ``jobs``: several
            searches, and what they found merged.
        column: the column that led; None where only time did.
        levels: the edges of the levels that were read, in the values of their columns.
        rows_read: how many rows were compared one by one.
    """

    path: Path
    column: str | None = None
    levels: tuple[float, ...] = ()
    rows_read: int = 0


BY_TIME: Final = Plan("time")
