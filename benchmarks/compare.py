"""Two commits beside each other: what became slower or quicker by more than the noise.

python -m benchmarks.compare main

Each commit is measured again and again in a process of its own, the older one twice as often. What its second run takes
beside its first is noise: nothing has changed between them. Both are measured by the benchmarks of this checkout.
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

#: What is repeated often enough within a run that its median says something.
_PARTS: Final = ("questions", "answers", "writes", "memory")
_PASSED_OVER: Final = ("first",)

#: Less than this nobody notices, however quiet the machine is.
_LEAST: Final = 0.03
_MOST_OF_ALL: Final = 0.95
#: Three standard errors of a median, from the median of the differences between two runs of the same: 1.25 for a median
#: instead of a mean, 1.48 for a median instead of a standard deviation, and a run beside two varies less than two runs.
_ERRORS: Final = 3 * 1.2533 * 1.4826 * 0.75**0.5


class Work(NamedTuple):
    """What is done.

    Attributes:
        name: what, and by which way of the index.
        unit: what its cost is in.
    """

    name: str
    unit: str


Costs = Mapping[Work, float]
"""What every work took in one run, less being better."""


class Change(NamedTuple):
    """What became of a work.

    Attributes:
        work: which.
        old: what it took; the median of its runs.
        new: what it takes now.
        ratio: how many times as much that is; the median of the rounds.
        noise: how much the ratio may be away from 1 without saying anything.
    """

    work: Work
    old: float
    new: float
    ratio: float
    noise: float

    @property
    def is_slower(self) -> bool:
        """Whether it takes more, by more than the noise."""
        return self.ratio > 1 + self.noise

    @property
    def is_quicker(self) -> bool:
        """Whether it takes less, by more than the noise."""
        return self.ratio < 1 / (1 + self.noise)


class Round(NamedTuple):
    """Three runs close to each other in time.

    Attributes:
        old: of the older commit.
        new: of the newer one.
        again: of the older one once more.
    """

    old: Costs
    new: Costs
    again: Costs


def changes(rounds: Sequence[Round]) -> list[Change]:
    """Every work that all runs have measured, the one first that became slowest.

    The noise of a work comes from how far the two runs of the older commit are from each other in each round: three
    standard errors, so more rounds make it less. It is never less than what nineteen in twenty works of the same unit
    show by the median of their rounds, nor than three in a hundred.
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
                max(_LEAST, exp(max(own, usual[work.unit])) - 1),
            )
        )
    return sorted(found, key=lambda change: change.ratio, reverse=True)


def _usual(apart: Sequence[Sequence[float]]) -> float:
    """What most works stay within where nothing has changed, by the medians of their rounds."""
    found = sorted(abs(median(some)) for some in apart)
    return found[int(_MOST_OF_ALL * (len(found) - 1))]


def table(found: Sequence[Change]) -> list[str]:
    """What became slower, what became quicker, and how many works did neither; Markdown."""
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
    """What every work took, by the figures of a run."""
    return {
        Work(f"{work} ({part}, {contestant})", "µs" if "second" in found.unit else found.unit): cost
        for (part, _), found in read(figures).results.items()
        if part not in _PASSED_OVER
        for work, row in found.costs().items()
        for contestant, cost in row.items()
    }


def put(commit: str | None, folder: Path) -> None:
    """The package of a commit, or as it is in the checkout, and beside it the benchmarks of the checkout."""
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
    """Measure what lies in a folder, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "--brief", "--sizes", str(size), "--peers", "--parts", *parts]
    # The folder comes first on the path of a module that is run there, and an installed package after it.
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"the benchmarks of this checkout do not run with the package:\n{done.stderr}", file=sys.stderr)
        raise SystemExit(2)
    return costs_of(folder / "report" / "figures.json")


def rounds_of(folders: tuple[Path, Path], rounds: int, size: int, parts: Sequence[str]) -> Iterator[Round]:
    """Measure in turn; which comes first moves on, so that whatever else the machine does meets all alike."""
    old, new = folders
    order = [("old", old), ("new", new), ("again", old)]
    for turn in range(rounds):
        found = {}
        for name, folder in order[turn % 3 :] + order[: turn % 3]:
            found[name] = run(folder, size, parts)
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        yield Round(**found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 1 where something became slower, 2 where nothing could be compared."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Compare two commits.")
    add = parser.add_argument
    add("old", help="the older commit, as git names it")
    add("new", nargs="?", help="the newer one; the checkout as it is")
    add("--size", type=int, default=100_000, help="how many buckets; 100000")
    add("--rounds", type=int, default=5, help="how often each is measured, the older one twice as often; 5")
    add("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="what is measured; everything")
    asked = parser.parse_args(arguments)
    if asked.size < SMALLEST or asked.rounds < 1:
        parser.error(f"at least {SMALLEST} buckets and one round are needed")
    with TemporaryDirectory() as made:
        folders = (Path(made) / "old", Path(made) / "new")
        for commit, folder in zip((asked.old, asked.new), folders, strict=True):
            try:
                put(commit, folder)
            except subprocess.CalledProcessError as error:
                parser.error(error.stderr.decode(errors="replace").strip())
        found = changes(list(rounds_of(folders, asked.rounds, asked.size, asked.parts)))
    print(f"{asked.old} and {asked.new or 'this checkout'}, {asked.size:,} buckets, {asked.rounds} rounds\n")
    print("\n".join(table(found)))
    return int(any(change.is_slower for change in found))


if __name__ == "__main__":
    sys.exit(main())
