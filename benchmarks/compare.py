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

Costs = Mapping[str, float]
"""What every work took in one run, less being better."""


class Change(NamedTuple):
    """What became of a work.

    Attributes:
        work: what is done, by whom.
        old: what it took, in the unit of its table; the median of its runs.
        new: what it takes now.
        ratio: how many times as much that is; the median of the rounds.
        noise: how much the ratio may be away from 1 without saying anything.
    """

    work: str
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

    The noise of a work is the largest difference that its second runs of the older commit have shown, or what nineteen
    in twenty of all works stay within by their medians, or three in a hundred: whichever is most.
    """
    works = [work for work in rounds[0].old if all(work in costs for some in rounds for costs in some)]
    noises = {work: [_distance(some.again[work], some.old[work]) for some in rounds] for work in works}
    of_all = sorted(median(noise) for noise in noises.values())
    usual = of_all[int(_MOST_OF_ALL * (len(of_all) - 1))] if of_all else 0.0
    found = [
        Change(
            work,
            median(costs[work] for some in rounds for costs in (some.old, some.again)),
            median(some.new[work] for some in rounds),
            median(some.new[work] / _middle(some.old[work], some.again[work]) for some in rounds),
            max(_LEAST, usual, *noises[work]),
        )
        for work in works
    ]
    return sorted(found, key=lambda change: change.ratio, reverse=True)


def _distance(one: float, other: float) -> float:
    """How much larger the larger one is, as a part of the smaller."""
    return max(one, other) / min(one, other) - 1


def _middle(one: float, other: float) -> float:
    return float((one * other) ** 0.5)


def table(found: Sequence[Change]) -> list[str]:
    """What became slower, what became quicker, and how many works did neither; Markdown."""
    lines = []
    slower, quicker = [each for each in found if each.is_slower], [each for each in found[::-1] if each.is_quicker]
    for words, some in (("slower", slower), ("quicker", quicker)):
        if some:
            lines += [f"{len(some)} became {words}:", "", "| work | old | new | new / old | noise |"]
            lines += ["| --- | ---: | ---: | ---: | ---: |"]
            lines += [
                f"| {each.work} | {shown(each.old)} | {shown(each.new)} | {each.ratio:.2f}x | {each.noise:.0%} |"
                for each in some
            ]
            lines.append("")
    return [*lines, f"{len(found) - len(slower) - len(quicker)} of {len(found)} are the same within the noise"]


def costs_of(figures: Path) -> Costs:
    """What every work took, by the figures of a run."""
    return {
        f"{work} ({part}, {contestant})": cost
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
        raise SystemExit(f"the benchmarks of this checkout do not run with the package in question:\n{done.stderr}")
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
    """Compare; 1 where something became slower."""
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
