"""A claim: the cost that a docstring states, as work that is measured at two sizes."""

from collections.abc import Callable, Iterable
from math import floor, log2
from typing import Final, NamedTuple

from benchmarks.timing import Call, Effort, Figures, race

SLACK: Final = 3.0
"""The factor by which a work may exceed the claimed growth, because claims leave out caches and allocators."""

SEEN: Final = 1 / 3
"""The power of the claimed growth that must be seen, because constant costs hide a part of it."""


class Growth(NamedTuple):
    """The growth of the cost of a work.

    Attributes:
        words: the growth in n, as the docstring states it.
        at: the cost at a size, in any unit.
        is_seen: whether a claim fails if the measurement shows no growth.
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
    """One cost that a docstring states.

    Attributes:
        of: the dotted name of the object with the docstring, inside the package: ``index.ResultsIndex.snapshot``.
        work: the work, which says what n counts: ``the newest page of n buckets``.
        growth: the growth of the cost with n.
        make: takes a size and returns a call that does the work. Checks the result once; the call may be repeated.
        small: the smaller size, default 1,024.
        large: the larger size, default 65,536; 64 times the smaller one, or less if that is enough.
    """

    of: str
    work: str
    growth: Growth
    make: Callable[[int], Call]
    small: int = 1_024
    large: int = 65_536


class MeasuredGrowth(NamedTuple):
    """The result of measuring a claim.

    Attributes:
        small_us: time at the small size, microseconds.
        large_us: time at the large size, microseconds.
        claimed: the ratio of both that the claim allows.
    """

    small_us: float
    large_us: float
    claimed: float

    @property
    def times(self) -> float:
        """The ratio that was measured."""
        return self.large_us / self.small_us


def measured_growth(claim: Claim, effort: Effort) -> MeasuredGrowth:
    """Measure both sizes in turn. The quickest samples count, because other processes disturb long calls most."""
    calls = {str(size): [claim.make(size)] for size in (claim.small, claim.large)}
    small, large = race(calls, effort, min).values()
    return MeasuredGrowth(small, large, claim.growth.at(claim.large) / claim.growth.at(claim.small))


def holds(claim: Claim, found: MeasuredGrowth) -> bool:
    """Whether the time grew at most `SLACK` times as much as claimed and, if growth must be seen, grew enough."""
    seen = not claim.growth.is_seen or found.times >= found.claimed**SEEN
    return seen and found.times <= SLACK * found.claimed


def can_fail(claim: Claim) -> bool:
    """Whether the sizes are far enough apart to refuse a growth by one more power of n."""
    times = claim.large / claim.small
    claimed = claim.growth.at(claim.large) / claim.growth.at(claim.small)
    power = floor(log2(claimed) / log2(times) + 1e-9)
    return times ** (power + 1) > SLACK * claimed


def measure(claims: Iterable[Claim], effort: Effort) -> Figures:
    """For each claim: microseconds at both sizes, the measured and the claimed ratio, and whether it holds."""
    figures = {}
    for claim in claims:
        found = measured_growth(claim, effort)
        figures[f"`{claim.of}`: {claim.work}, {claim.growth.words}, {claim.small:,} to {claim.large:,}"] = {
            "small": found.small_us,
            "large": found.large_us,
            "grew": found.times,
            "claimed": found.claimed,
            "holds": float(holds(claim, found)),
        }
    return figures
