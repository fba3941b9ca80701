"""Plans: which way led to an answer, told as data."""

from typing import Final, Literal, NamedTuple

Path = Literal["time", "scan"]


class Plan(NamedTuple):
    """How an answer was found.

    Attributes:
        path: what led: ``time`` (two ranks and what lies between, no column is read) or ``scan`` (every row of the
            window is compared).
        column: the column whose values were compared; None where none was.
        looked_at: how many rows were compared.
    """

    path: Path
    column: str | None
    looked_at: int


BY_TIME: Final = Plan("time", None, 0)
