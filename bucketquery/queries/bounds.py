"""The two sides of a window as parameters, and the instants that they mean at one search."""

from collections.abc import Callable
from typing import Any, NamedTuple

from bucketquery.model.instants import InstantRange, NowMath
from bucketquery.queries.parameters import read_bound
from bucketquery.queries.resolved import clamp


class Bounds(NamedTuple):
    """The parsed sides of a window; a side that is None is open."""

    start: InstantRange | NowMath | None
    end: InstantRange | NowMath | None

    @classmethod
    def read(cls, start: Any, end: Any) -> tuple["Bounds", int | str | None, int | str | None]:
        """The bounds, and the canonical values of both parameters.

        Raises:
            InvalidQuery: one of them is not an instant.
            LimitExceeded: one of them is a text beyond the limits of instants.

        >>> Bounds.read(0, -1)[1:]
        (0, None)
        """
        canonical_start, first = read_bound(start, "start")
        canonical_end, behind = read_bound(end, "end")
        return cls(first, behind), canonical_start, canonical_end

    def resolve(self, now: Callable[[], int]) -> tuple[int | None, int | None]:
        """The first instant of the window and the first one behind it, epoch ms; None if a side is open.

        An instant outside the years 0001 to 9999 becomes the nearest end of these years.

        Args:
            now: returns epoch ms; called at most once, and only if date math contains ``now``.

        Raises:
            LimitExceeded: date math leaves the years 0001 to 9999.
        """
        instant = now() if NowMath in (type(self.start), type(self.end)) else 0
        return _moment(self.start, instant, "start"), _moment(self.end, instant, "end")


def _moment(bound: InstantRange | NowMath | None, now: int, name: str) -> int | None:
    if bound is None:
        return None
    return clamp((bound.resolve(now, name) if isinstance(bound, NowMath) else bound).first)
