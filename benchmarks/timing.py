"""Timing: contestants take turns in one process. Short calls are repeated.

The garbage collector is off, except where a measurement asks for it.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import repeat
from statistics import median
from time import perf_counter_ns
from typing import Any, Final, NamedTuple

Call = Callable[[], object]
Figures = dict[str, dict[str, float]]
"""The cost of each piece of work for each contestant: a row for the work, a column for the contestant."""


class WrongAnswer(Exception):
    """A contestant gave a wrong answer or an empty one."""


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        rounds: the maximum number of samples of each contestant.
        sample_ns: the minimum length of a sample, nanoseconds. Its calls are repeated until it is as long.
        budget_ns: the time of one contestant for one piece of work, nanoseconds. After `MIN_SAMPLES` samples, a
            contestant that has used it up is not measured again.
        seconds: the time of work without rounds, such as readers beside a writer.
    """

    rounds: int
    sample_ns: int
    budget_ns: int
    seconds: float


FULL: Final = Effort(rounds=15, sample_ns=4_000_000, budget_ns=1_500_000_000, seconds=3.0)
BRIEF: Final = Effort(rounds=5, sample_ns=1_000_000, budget_ns=300_000_000, seconds=0.3)
"""For a first look, and for each of the runs that `benchmarks.compare` compares."""
ONCE: Final = Effort(rounds=1, sample_ns=0, budget_ns=0, seconds=0.02)
"""Everything is run once and its answers are checked. The times mean nothing."""

MIN_SAMPLES: Final = 3
"""The minimum number of samples of a contestant; fewer only if the effort has fewer rounds."""


class Table(NamedTuple):
    """Figures with a title and their unit."""

    title: str
    unit: str
    figures: Figures

    def costs(self) -> Figures:
        """The figures as costs, where less is better. A rate per second becomes microseconds for one."""
        if "second" not in self.unit:
            return self.figures
        return {work: {name: 1e6 / rate for name, rate in row.items()} for work, row in self.figures.items()}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Turn the garbage collector off: it must not collect one contestant's garbage while another is timed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def collector(*, on: bool) -> AbstractContextManager[None]:
    """Leave the garbage collector on, as an application does, or turn it off."""
    return nullcontext() if on else undisturbed()


def race(
    contestants: Mapping[str, Sequence[Call]],
    effort: Effort,
    summary: Callable[[list[float]], float] = median,
    *,
    collects: bool = False,
) -> dict[str, float]:
    """The time of one call of each contestant, microseconds.

    The contestants take turns, and another one comes first in each round, so that other work on the machine disturbs
    all of them alike. A sample is all calls of a contestant, one after the other, repeated until the sample is long
    enough.

    Args:
        contestants: the calls of each.
        effort: how long to measure.
        summary: the figure for all samples of a contestant, default the median.
        collects: leave the garbage collector on, default off.
    """
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    if not contestants:
        return {}
    with collector(on=collects):
        loops = {name: _calibrate(calls, effort.sample_ns) for name, calls in contestants.items()}
        spent = dict.fromkeys(contestants, 0)
        names = list(contestants)
        for turn in range(effort.rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                if turn < MIN_SAMPLES or spent[name] < effort.budget_ns:
                    taken = _sample(contestants[name], loops[name])
                    spent[name] += taken
                    samples[name].append(taken / loops[name] / len(contestants[name]) / 1e3)
    return {name: summary(taken) for name, taken in samples.items()}


def _calibrate(calls: Sequence[Call], sample_ns: int) -> int:
    """The number of passes over all calls that make a sample long enough.

    It measures larger and larger numbers, because other work may disturb a single pass.
    """
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
    """The shortest time of three calls, nanoseconds. It is exact enough to choose between ways, but not to report."""

    def timed() -> int:
        begun = perf_counter_ns()
        call()
        return perf_counter_ns() - begun

    return min(timed() for _ in repeat(None, 3))


def alternate(
    contestants: Mapping[str, Callable[[Any], object]],
    inputs: Iterable[Any],
    *,
    collects: bool = False,
    clock: Callable[[], int] = perf_counter_ns,
) -> dict[str, list[float]]:
    """The time of each contestant for each input, microseconds. The contestants take turns; no call is repeated.

    Args:
        contestants: the work of each.
        inputs: the inputs. They may come from a generator, which prepares a turn outside the time.
        collects: leave the garbage collector on, default off.
        clock: nanoseconds, default those that pass. ``process_time_ns`` counts those that this process works.
    """
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    with collector(on=collects):
        for turn, one in enumerate(inputs):
            shift = turn % max(1, len(contestants))
            names = list(contestants)
            for name in names[shift:] + names[:shift]:
                work = contestants[name]
                begun = clock()
                result = work(one)
                taken[name].append((clock() - begun) / 1e3)
                # The memory of the result is freed here, after the clock has stopped.
                del result
    return taken
