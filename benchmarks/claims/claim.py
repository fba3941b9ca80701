"""What a docstring says of the cost, as something that can be measured: work of two sizes, and how it may grow."""

from collections.abc import Callable, Iterable
from math import floor, log2
from typing import Final, NamedTuple

from benchmarks.timing import Call, Effort, Figures, race

SLACK: Final = 3.0
"""How many times more than its growth a work may take: caches and allocators are not in any claim."""

SEEN: Final = 1 / 3
"""The power of its growth that must be seen, where it has to grow at all: what is constant covers a part of it."""


class Growth(NamedTuple):
    """How the cost of a work grows.

    Attributes:
        words: as the docstring says it, of n.
        at: what it costs at a size, in any unit.
        is_seen: whether a measurement that shows no growth would show nothing.
    """

    words: str
    at: Callable[[int], float]
    is_seen: bool


CONSTANT: Final = Growth("O(1)", lambda _: 1.0, is_seen=False)
LOGARITHMIC: Final = Growth("O(log n)", log2, is_seen=False)
LINEAR: Final = Growth("O(n)", float, is_seen=True)
LOGLINEAR: Final = Growth("O(n log n)", lambda size: size * log2(size), is_seen=True)
AT_MOST_LINEAR: Final = Growth("at most O(n)", float, is_seen=False)


class Claim(NamedTuple):
    """One thing that a docstring says of the cost.

    Attributes:
        of: whose docstring, by its name inside the package: ``index.ResultsIndex.snapshot``.
        work: what is done, and what n is: ``the newest page of n buckets``.
        growth: how the docstring says that it grows with n.
        make: for a size, what does the work; it has been checked that it does it, and it may be called again and again.
        small: the size that is measured first.
        large: the one that is measured beside it; 64 times as large, or less where that is enough.
    """

    of: str
    work: str
    growth: Growth
    make: Callable[[int], Call]
    small: int = 1_024
    large: int = 65_536


class Grown(NamedTuple):
    """What became of a claim.

    Attributes:
        small_us: what the work took at the small size, microseconds.
        large_us: the same at the large one.
        claimed: how many times as much it should be.
    """

    small_us: float
    large_us: float
    claimed: float

    @property
    def times(self) -> float:
        """How many times as much it was."""
        return self.large_us / self.small_us


def grown(claim: Claim, effort: Effort) -> Grown:
    """Both sizes measured in turn, by their quickest samples: what else the machine does meets long calls the most."""
    calls = {str(size): [claim.make(size)] for size in (claim.small, claim.large)}
    small, large = race(calls, effort, min).values()
    return Grown(small, large, claim.growth.at(claim.large) / claim.growth.at(claim.small))


def holds(claim: Claim, found: Grown) -> bool:
    """Whether the work grew as is said; and, where it has to grow, whether any growth was seen."""
    seen = not claim.growth.is_seen or found.times >= found.claimed**SEEN
    return seen and found.times <= SLACK * found.claimed


def tells(claim: Claim) -> bool:
    """Whether a growth by one more power of n would be refused between these sizes."""
    times = claim.large / claim.small
    claimed = claim.growth.at(claim.large) / claim.growth.at(claim.small)
    power = floor(log2(claimed) / log2(times) + 1e-9)
    return times ** (power + 1) > SLACK * claimed


def measure(claims: Iterable[Claim], effort: Effort) -> Figures:
    """Every claim: microseconds at both sizes, how many times as much that is and was said, and whether it holds."""
    figures = {}
    for claim in claims:
        found = grown(claim, effort)
        figures[f"`{claim.of}`: {claim.work}, {claim.growth.words}, {claim.small:,} to {claim.large:,}"] = {
            "small": found.small_us,
            "large": found.large_us,
            "grew": found.times,
            "claimed": found.claimed,
            "holds": float(holds(claim, found)),
        }
    return figures
