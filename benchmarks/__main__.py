"""One command for every figure: the index beside its peers, and the goals beside what was measured.

python -m benchmarks --with 10000000 --output report
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import outcome, report
from benchmarks.peers import KINDS
from benchmarks.pictures import draw
from benchmarks.run import Run
from benchmarks.timing import BRIEF, FULL, ONCE
from benchmarks.workloads import SMALLEST

PARTS: Final = ("questions", "answers", "writes", "pauses", "memory", "fleet", "real", "records", "claims")
"""What can be measured by itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, and write the report."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    sizes = sorted({*asked.sizes, *asked.more})
    if sizes[0] < SMALLEST:
        parser.error(f"at least {SMALLEST} buckets are needed to fill the windows of the questions")
    folder: Path = asked.output
    if not asked.redraw:
        folder.mkdir(parents=True, exist_ok=True)
        effort = ONCE if asked.once else BRIEF if asked.brief else FULL
        # As soon as there are some, so that a run that is ended leaves what it has measured.
        run = Run(asked.peers, effort, lambda found: outcome.write(found, folder / "figures.json"))
        _measure(run, asked.parts, sizes, asked.jobs)
    found = outcome.read(folder / "figures.json")
    pictures = draw(found, folder)
    (folder / "report.md").write_text(report.markdown(found, pictures), encoding="utf-8")
    print(f"{folder / 'report.md'}, {', '.join(pictures) or 'no pictures: these need matplotlib and two sizes'}")
    return 0


def _measure(run: Run, parts: Sequence[str], sizes: Sequence[int], jobs: int) -> None:
    of_one_job: Mapping[str, Callable[[int], None]] = {
        "questions": run.questions,
        "answers": run.answers,
        "writes": run.writes,
        "pauses": run.pauses,
        "memory": run.memory,
    }
    for size in sizes:
        for name, measure in of_one_job.items():
            if name in parts:
                measure(size)
    others: Mapping[str, Callable[[], None]] = {
        "fleet": partial(run.fleet, jobs),
        "real": run.real,
        "records": run.records,
        "claims": run.claims,
    }
    for name, measure_others in others.items():
        if name in parts:
            measure_others()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the index beside its peers.")
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="how many buckets; 10000 and 1000000")
    add("--with", type=int, nargs="+", default=[], dest="more", metavar="SIZE", help="further sizes, such as 10000000")
    add("--jobs", type=int, default=100_000, help="how many jobs a fleet has; 100000")
    add("--peers", nargs="*", choices=KINDS, default=list(KINDS), help="beside whom; all that are installed")
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured; everything")
    add("--brief", action="store_true", help="fewer and shorter samples: the figures are less sure")
    add("--once", action="store_true", help="run everything once: answers are checked, times say nothing")
    add("--output", type=Path, default=Path("report"), help="the folder for report, pictures and figures; report")
    add("--redraw", action="store_true", help="measure nothing: report and pictures of the figures that are there")
    return parser


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sys.exit(main())
