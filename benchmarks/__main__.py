"""The command for every figure: measures the index beside its peers, and writes a report with each goal and its result.

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

PARTS: Final = (
    "questions",
    "answers",
    "writes",
    "living",
    "arrow",
    "pauses",
    "memory",
    "many-jobs",
    "across",
    "summaries",
    "real",
    "records",
    "filters",
    "claims",
)
"""The parts of a run, each of which can be measured alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the chosen parts, and write the report."""
    parser = _parser()
    options = parser.parse_args(arguments)
    sizes = sorted({*options.sizes, *options.more})
    if sizes[0] < SMALLEST:
        parser.error(f"at least {SMALLEST} buckets are needed to fill the windows of the questions")
    folder: Path = options.output
    if not options.redraw:
        folder.mkdir(parents=True, exist_ok=True)
        effort = ONCE if options.once else BRIEF if options.brief else FULL
        # The figures are written after each table, so a run that is stopped leaves its tables.
        run = Run(options.peers, effort, lambda measured: outcome.write(measured, folder / "figures.json"))
        _measure(run, options.parts, sizes, options.jobs)
    measured = outcome.read(folder / "figures.json")
    pictures = draw(measured, folder)
    (folder / "report.md").write_text(report.markdown(measured, pictures), encoding="utf-8")
    drawn = ", ".join(pictures) or "no pictures: they need matplotlib, and peers or two sizes"
    print(f"{folder / 'report.md'}, {drawn}")
    return 0


def _measure(run: Run, parts: Sequence[str], sizes: Sequence[int], jobs: int) -> None:
    of_one_job: Mapping[str, Callable[[int], None]] = {
        "questions": run.questions,
        "answers": run.answers,
        "writes": run.writes,
        "living": run.living,
        "arrow": run.arrow,
        "pauses": run.pauses,
        "memory": run.memory,
    }
    for size in sizes:
        for name, measure in of_one_job.items():
            if name in parts:
                measure(size)
    others: Mapping[str, Callable[[], None]] = {
        "many-jobs": partial(run.many_jobs, jobs),
        "across": partial(run.across, jobs, sizes),
        "summaries": partial(run.summaries, jobs, sizes),
        "real": run.real,
        "records": run.records,
        "filters": run.filters,
        "claims": run.claims,
    }
    for name, measure_others in others.items():
        if name in parts:
            measure_others()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the index beside its peers.")
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="numbers of buckets; 10000 1000000")
    add("--with", type=int, nargs="+", default=[], dest="more", metavar="SIZE", help="more sizes, such as 10000000")
    add("--jobs", type=int, default=100_000, help="number of jobs of many-jobs, across and summaries; 100000")
    add("--peers", nargs="*", choices=KINDS, default=list(KINDS), help="the peers; all that are installed")
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="the parts to measure; all")
    add("--brief", action="store_true", help="fewer and shorter samples: the figures are less certain")
    add("--once", action="store_true", help="run everything once: answers are checked, times mean nothing")
    add("--output", type=Path, default=Path("report"), help="the folder for report, pictures and figures; report")
    add("--redraw", action="store_true", help="measure nothing: make report and pictures from the folder's figures")
    return parser


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sys.exit(main())
