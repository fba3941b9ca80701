"""One command for every figure: the index beside its peers, and the goals beside what was measured.

python -m benchmarks --with 10000000 --output report.md
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

from benchmarks import asking, fleet, report, weighing, writing
from benchmarks.goals import judge
from benchmarks.peers import KINDS, is_installed
from benchmarks.timing import FULL, ONCE, Effort, Figures, Table
from benchmarks.workloads import SMALLEST, bucket_columns

PARTS: Final = ("questions", "answers", "writes", "fleet", "memory")
"""What can be measured by itself."""

#: Beyond this many buckets some variants are left out: they say nothing of growth.
_ALL_VARIANTS: Final = 1_000_000

_UNDISTURBED: Final = 0.9


class Run:
    """What is measured with which effort, and the tables that there are so far."""

    def __init__(self, peers: Sequence[str], effort: Effort) -> None:
        self.effort = effort
        self.results: dict[tuple[str, int], Table] = {}
        self.notes: list[str] = []
        self._begun = perf_counter()
        self._peers = [name for name in peers if is_installed(name)]
        absent = [name for name in peers if not is_installed(name)]
        if absent:
            self.notes.append(f"left out, since they are not installed: {', '.join(absent)}")

    def peers_at(self, size: int) -> list[str]:
        """Those that are here, and are asked to hold so many rows."""
        return [name for name in self._peers if size <= KINDS[name].most]

    def put(self, part: str, size: int, title: str, unit: str, measure: Callable[[], Figures]) -> None:
        """Measure, and keep the table; it says so where others had a tenth of the core or more."""
        # Once for all of a part: with a list of a million dicts it takes a second.
        gc.collect()
        begun, worked = perf_counter(), process_time()
        figures = measure()
        now = perf_counter()
        share = (process_time() - worked) / max(1e-9, now - begun)
        words = f"; others were at work, this had {share:.0%} of its core" if share < _UNDISTURBED else ""
        self.results[part, size] = Table(f"{title}, {size:,}{words}", unit, figures)
        print(f"{now - self._begun:7.0f} s  {part}, {size:,}: {now - begun:.0f} s", file=sys.stderr, flush=True)

    def questions(self, size: int) -> None:
        """Every question, of buckets that look one way or another."""
        effort, sets = self.effort, asking.sets_for(size) if self.effort.rounds > 1 else 2
        for variant, words in asking.VARIANTS.items():
            if size <= _ALL_VARIANTS or variant in {"live", "worn"}:
                held = asking.setting(variant, size, self.peers_at(size))
                only = asking.BY_TIME if variant == "final" else ()
                ask = partial(asking.ask, held, effort, sets, only)
                self.put(f"questions {variant}", size, f"Questions, {words}", "µs", ask)
                if variant == "live":
                    self.put("dense count", size, "A count", "µs", partial(asking.count_dense, held, effort))
                    self.notes += [f"{size:,}: {name}: {said}" for name, said in asking.explain(held).items()]

    def answers(self, size: int) -> None:
        """From parameters, and to bodies and bytes."""
        held, effort = asking.setting("live", size, self.peers_at(size)), self.effort
        sets = 4 if effort.rounds > 1 else 1
        words = f"Parameters in, bytes out by {asking.encoder().name}"
        self.put("parameters", size, "Parameters", "µs", partial(asking.parse, held, effort))
        self.put("bodies", size, "Bodies of 100 buckets", "µs", partial(asking.read, held, effort))
        self.put("requests", size, words, "µs", partial(asking.answer_requests, held, effort, sets))
        del held
        first = partial(asking.ask_first, bucket_columns(size), effort)
        self.put("first", size, "The first question after a load", "µs", first)

    def writes(self, size: int) -> None:
        """Appended, replaced, rescored, loaded; pauses; readers beside a writer."""
        peers, effort = self.peers_at(size), self.effort
        each: dict[str, tuple[str, str, Callable[[], Figures]]] = {
            "appending": ("Appends", "µs", partial(writing.write_newest, size, peers, effort, interim=False)),
            "replacing": ("Versions", "µs", partial(writing.write_newest, size, peers, effort, interim=True)),
            "rescoring": ("Other scores", "ms", partial(writing.rescore, size, peers, effort)),
            "loading": ("Loads", "ms", partial(writing.load, size, peers, effort)),
            "documents": ("Documents", "a second", partial(writing.read_documents, size, effort)),
            "pauses": ("Pauses", "ms", partial(writing.pause, size, effort)),
            "readers": ("Readers beside a writer", "ms", partial(writing.read_beside, size, effort)),
        }
        for part, (title, unit, measure) in each.items():
            self.put(part, size, title, unit, measure)

    def memory(self, size: int) -> None:
        """Bytes a bucket."""
        self.put("weights", size, "Memory", "bytes a bucket", partial(weighing.weigh, size, self.peers_at(size)))

    def fleet(self, jobs: int) -> None:
        """Very many jobs."""
        asked: Figures = {}

        def write_and_ask() -> Figures:
            rates, found = fleet.measure(jobs, self.effort, self._peers)
            asked.update(found)
            return rates

        self.put("fleet writes", jobs, "Fleet, written", "documents a second", write_and_ask)
        self.results["fleet question", jobs] = Table(f"Fleet, asked, {jobs:,}", "µs", asked)

    def job_weights(self, jobs: int) -> None:
        """Bytes a small job."""
        self.put("job weights", jobs, "Memory of jobs", "bytes a job", partial(weighing.weigh_jobs, jobs))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, and write the report."""
    asked = _parser().parse_args(arguments)
    sizes = sorted({*asked.sizes, *asked.more})
    if sizes[0] < SMALLEST:
        _parser().error(f"at least {SMALLEST} buckets are needed to fill the windows of the questions")
    run = Run(asked.peers, ONCE if asked.once else FULL)
    parts: Mapping[str, Callable[[int], None]] = {
        "questions": run.questions,
        "answers": run.answers,
        "writes": run.writes,
        "memory": run.memory,
    }
    for size in sizes:
        for name, measure in parts.items():
            if name in asked.parts:
                measure(size)
    if "fleet" in asked.parts:
        run.fleet(asked.jobs)
    if "memory" in asked.parts:
        run.job_weights(max(10, asked.jobs // 10))
    text = report.markdown(run.results, {size: judge(run.results, size) for size in sizes}, run.notes)
    if asked.output:
        asked.output.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the index beside its peers.")
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="how many buckets; 10000 and 1000000")
    add("--with", type=int, nargs="+", default=[], dest="more", metavar="SIZE", help="further sizes, such as 10000000")
    add("--jobs", type=int, default=100_000, help="how many jobs a fleet has; 100000")
    add("--peers", nargs="*", choices=KINDS, default=list(KINDS), help="beside whom; all that are installed")
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured; everything")
    add("--once", action="store_true", help="run everything once: answers are checked, times say nothing")
    add("--output", type=Path, help="the file that the report goes to; standard output")
    return parser


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sys.exit(main())
