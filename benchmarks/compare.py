"""The command that compares two commits: it lists the works that became slower or quicker by more than the noise.

python -m benchmarks.compare main

In each round the older commit is measured twice and the newer one once, each time in a process of its own. Nothing
changes between the two runs of the older commit, so their difference is noise. The benchmarks of this checkout measure
both commits. They use only the package's public API, so a commit with other modules can be measured too.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from math import exp, log
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.goals import shown
from benchmarks.outcome import read
from benchmarks.workloads import SMALLEST

ROOT: Final = Path(__file__).parent.parent

#: The parts that repeat each work often enough within a run for a stable median.
_PARTS: Final = ("questions", "answers", "writes", "memory")
#: This part takes longer than the others together, so it runs only if it is named.
_ON_REQUEST: Final = ("living",)
_LEFT_OUT: Final = ("first",)
#: A ratio of two other columns and its noise, which are no costs.
_NO_COSTS: Final = ("times", "noise")

#: A smaller change is not listed, however quiet the machine is.
_MIN_NOISE: Final = 0.03
_NEARLY_ALL: Final = 0.95
#: These factors turn the median difference between two runs of the same commit into three standard errors of a median.
#: 1.25 turns the error of a mean into that of a median. 1.48 turns a median difference into a standard deviation. The
#: last is below 1 because the difference between one run and the mean of two varies less than that between two runs.
_ERRORS: Final = 3 * 1.2533 * 1.4826 * 0.75**0.5


class Work(NamedTuple):
    """A work of the benchmarks.

    Attributes:
        name: the work, its part, and the way of the index.
        unit: the unit of its cost.
    """

    name: str
    unit: str


Costs = Mapping[Work, float]
"""The cost of every work in one run, less being better."""


class Change(NamedTuple):
    """The costs of a work in both commits.

    Attributes:
        work: the work.
        old: its cost in the older commit, the median of the runs.
        new: its cost in the newer commit, the median of the runs.
        ratio: new divided by old, the median of the rounds.
        noise: the distance from 1 within which a ratio means nothing.
    """

    work: Work
    old: float
    new: float
    ratio: float
    noise: float

    @property
    def is_slower(self) -> bool:
        """Whether the cost rose by more than the noise."""
        return self.ratio > 1 + self.noise

    @property
    def is_quicker(self) -> bool:
        """Whether the cost fell by more than the noise."""
        return self.ratio < 1 / (1 + self.noise)


class Round(NamedTuple):
    """Three runs close to each other in time.

    Attributes:
        old: the first run of the older commit.
        new: the run of the newer commit.
        again: the second run of the older commit.
    """

    old: Costs
    new: Costs
    again: Costs


def changes(rounds: Sequence[Round]) -> list[Change]:
    """The change of every work that all runs have measured, the highest ratio first.

    The noise of a work is three standard errors of the difference between the two runs of the older commit, so more
    rounds make it smaller. It is at least the difference within which 19 of 20 works of the same unit stay, and at
    least 3 %.
    """
    works = [work for work in rounds[0].old if all(work in costs for some in rounds for costs in some)]
    apart = {work: [log(some.again[work] / some.old[work]) for some in rounds] for work in works}
    units = {work.unit for work in works}
    usual = {unit: _usual([apart[work] for work in works if work.unit == unit]) for unit in units}
    found = []
    for work in works:
        own = _ERRORS * median(map(abs, apart[work])) / len(rounds) ** 0.5
        found.append(
            Change(
                work,
                median(costs[work] for some in rounds for costs in (some.old, some.again)),
                median(some.new[work] for some in rounds),
                median(some.new[work] / (some.old[work] * some.again[work]) ** 0.5 for some in rounds),
                max(_MIN_NOISE, exp(max(own, usual[work.unit])) - 1),
            )
        )
    return sorted(found, key=lambda change: change.ratio, reverse=True)


def _usual(apart: Sequence[Sequence[float]]) -> float:
    """The difference within which 19 of 20 works stay if nothing has changed, by the medians of their rounds."""
    differences = sorted(abs(median(some)) for some in apart)
    return differences[int(_NEARLY_ALL * (len(differences) - 1))]


def table(found: Sequence[Change]) -> list[str]:
    """The slower works, the quicker ones, and the number of the others; Markdown."""
    lines = []
    slower, quicker = [each for each in found if each.is_slower], [each for each in found[::-1] if each.is_quicker]
    for words, some in (("slower", slower), ("quicker", quicker)):
        if some:
            lines += [f"{len(some)} became {words}:", "", "| work | unit | old | new | new / old | noise |"]
            lines += ["| --- | --- | ---: | ---: | ---: | ---: |", *map(_row, some), ""]
    return [*lines, f"{len(found) - len(slower) - len(quicker)} of {len(found)} are the same within the noise"]


def _row(change: Change) -> str:
    name, unit = change.work
    figures = f"{shown(change.old)} | {shown(change.new)} | {change.ratio:.2f}x | {change.noise:.0%}"
    return f"| {name} | {unit} | {figures} |"


def costs_of(figures: Path) -> Costs:
    """The cost of every work in the figures of a run."""
    return {
        Work(f"{work} ({part}, {contestant})", "µs" if "second" in found.unit else found.unit): cost
        for (part, _), found in read(figures).results.items()
        if part not in _LEFT_OUT
        for work, row in found.costs().items()
        for contestant, cost in row.items()
        if contestant not in _NO_COSTS
    }


def put(commit: str | None, folder: Path) -> None:
    """Copy the package of a commit into a folder, and the benchmarks of the checkout.

    Args:
        commit: the commit, as git names it; None for the package of the checkout.
        folder: the folder to make.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks", ignore=ignored)
    if commit is None:
        shutil.copytree(ROOT / "bucketquery", folder / "bucketquery", ignore=ignored)
        return
    archive = subprocess.run(
        ["git", "archive", commit, "bucketquery"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")


def run(folder: Path, size: int, parts: Sequence[str]) -> Costs:
    """Measure the package in a folder, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "--brief", "--sizes", str(size), "--peers", "--parts", *parts]
    # With `-m` the working folder comes first on the path, before an installed package.
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"the benchmarks of this checkout do not run with the package:\n{done.stderr}", file=sys.stderr)
        raise SystemExit(2)
    return costs_of(folder / "report" / "figures.json")


def rounds_of(folders: tuple[Path, Path], rounds: int, size: int, parts: Sequence[str]) -> Iterator[Round]:
    """Measure round by round. Another run comes first in each, so that other work on the machine disturbs all alike."""
    old, new = folders
    order = [("old", old), ("new", new), ("again", old)]
    for turn in range(rounds):
        runs = {}
        for name, folder in order[turn % 3 :] + order[: turn % 3]:
            runs[name] = run(folder, size, parts)
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        yield Round(**runs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two commits.

    Returns:
        1 if a work became slower, else 0. Exits with 2 if the benchmarks do not run with one of the commits.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Compare two commits.")
    add = parser.add_argument
    add("old", help="the older commit, as git names it")
    add("new", nargs="?", help="the newer commit; this checkout with its changes")
    add("--size", type=int, default=100_000, help="number of buckets; 100000")
    add("--rounds", type=int, default=5, help="number of rounds, each with two runs of the older commit; 5")
    add(
        "--parts",
        nargs="+",
        choices=(*_PARTS, *_ON_REQUEST),
        default=_PARTS,
        help="the parts to measure; all but living",
    )
    options = parser.parse_args(arguments)
    if options.size < SMALLEST or options.rounds < 1:
        parser.error(f"at least {SMALLEST} buckets and one round are needed")
    with TemporaryDirectory() as place:
        folders = (Path(place) / "old", Path(place) / "new")
        for commit, folder in zip((options.old, options.new), folders, strict=True):
            try:
                put(commit, folder)
            except subprocess.CalledProcessError as error:
                parser.error(error.stderr.decode(errors="replace").strip())
        found = changes(list(rounds_of(folders, options.rounds, options.size, options.parts)))
    newer = options.new or "this checkout"
    print(f"{options.old} and {newer}, {options.size:,} buckets, {options.rounds} rounds\n")
    print("\n".join(table(found)))
    return int(any(change.is_slower for change in found))


if __name__ == "__main__":
    sys.exit(main())
