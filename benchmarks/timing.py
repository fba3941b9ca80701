"""How time is taken: in turn, in one process, without the collector; calls repeated until the clock can tell them."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from statistics import median
from time import perf_counter_ns
from typing import Any, Final, NamedTuple

Call = Callable[[], object]
Figures = dict[str, dict[str, float]]
"""What each contestant took, by the work and the contestant's name."""


class WrongAnswer(Exception):
    """A contestant answered something else than what is right, or there is nothing that could be answered."""


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        rounds: how many samples of each contestant, at most.
        sample_ns: how long a sample lasts at least; its calls are repeated until it does.
        most_ns: how long one contestant may take for one work, once it has been three times; rounds beyond are left.
        seconds: how long what has no rounds goes on, such as readers beside a writer.
    """

    rounds: int
    sample_ns: int
    most_ns: int
    seconds: float


FULL: Final = Effort(rounds=15, sample_ns=4_000_000, most_ns=1_500_000_000, seconds=3.0)
BRIEF: Final = Effort(rounds=5, sample_ns=1_000_000, most_ns=300_000_000, seconds=0.3)
"""A first look; and each of many runs that are compared."""
ONCE: Final = Effort(rounds=1, sample_ns=0, most_ns=0, seconds=0.02)
"""Everything is run, and its answers are checked; the times say nothing."""

FEWEST: Final = 3
"""So many samples there are of everything, however long it takes."""


class Table(NamedTuple):
    """Figures with a title, and the unit that they are in."""

    title: str
    unit: str
    figures: Figures

    def costs(self) -> Figures:
        """The same, so that less is better: of rates the microseconds that each takes."""
        if "second" not in self.unit:
            return self.figures
        return {work: {name: 1e6 / rate for name, rate in row.items()} for work, row in self.figures.items()}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Garbage of one contestant is not collected while another is timed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def race(
    contestants: Mapping[str, Sequence[Call]], effort: Effort, told: Callable[[list[float]], float] = median
) -> dict[str, float]:
    """What each contestant takes for one call, microseconds: of its samples the median, or what else is told of them.

    All take turns, and whose turn is first moves on, so that whatever else the machine does meets them alike. A sample
    is all calls of a contestant, one after the other, as often as it takes to last.
    """
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    if not contestants:
        return {}
    with undisturbed():
        loops = {name: _calibrate(calls, effort.sample_ns) for name, calls in contestants.items()}
        spent = dict.fromkeys(contestants, 0)
        names = list(contestants)
        for turn in range(effort.rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                if turn < FEWEST or spent[name] < effort.most_ns:
                    taken = _sample(contestants[name], loops[name])
                    spent[name] += taken
                    samples[name].append(taken / loops[name] / len(contestants[name]) / 1e3)
    return {name: told(taken) for name, taken in samples.items()}


def _calibrate(calls: Sequence[Call], sample_ns: int) -> int:
    """How often all calls are repeated for a sample to last; found by trying, for a single pass may be disturbed."""
    _sample(calls, 1)
    loops = 1
    while (taken := _sample(calls, loops)) < sample_ns:
        loops = max(2 * loops, min(10 * loops, loops * sample_ns // max(1, taken)))
    return loops


def _sample(calls: Sequence[Call], loops: int) -> int:
    begun = perf_counter_ns()
    for _ in repeat(None, loops):
        for call in calls:
            call()
    return perf_counter_ns() - begun


def quickest_of_three(call: Call) -> int:
    """The least that a call takes, nanoseconds: for choosing between ways that differ by much, not for telling."""

    def timed() -> int:
        begun = perf_counter_ns()
        call()
        return perf_counter_ns() - begun

    return min(timed() for _ in repeat(None, 3))


def alternate(contestants: Mapping[str, Callable[[Any], object]], given: Sequence[Any]) -> dict[str, list[float]]:
    """What each contestant took for each of the things given, microseconds; in turn, nothing repeated."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    with undisturbed():
        for turn, one in enumerate(given):
            shift = turn % max(1, len(contestants))
            names = list(contestants)
            for name in names[shift:] + names[:shift]:
                work = contestants[name]
                begun = perf_counter_ns()
                made = work(one)
                taken[name].append((perf_counter_ns() - begun) / 1e3)
                del made
    return taken
