"""What is measured, part by part; each table is kept as soon as it is there."""

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from benchmarks import asking, fleet, pauses, real, records, weighing, writing
from benchmarks.outcome import Outcome, here
from benchmarks.peers import KINDS, is_installed
from benchmarks.timing import Effort, Figures, Table
from benchmarks.workloads import bucket_columns

#: Beyond this many buckets some variants are left out: they say nothing of growth.
_ALL_VARIANTS: Final = 1_000_000

_UNDISTURBED: Final = 0.9
_RECORDS: Final = 100_000


class Run:
    """What is measured with which effort, and the tables that there are so far.

    Args:
        peers: beside whom; who is not installed is left out, and that is noted.
        effort: how long to measure.
        keep: is given all that there is, each time that there is more.
    """

    def __init__(self, peers: Sequence[str], effort: Effort, keep: Callable[[Outcome], object]) -> None:
        self.effort = effort
        self._keep = keep
        self._results: dict[tuple[str, int], Table] = {}
        self._notes: list[str] = []
        self._plans: list[Mapping[str, Any]] = []
        self._begun = perf_counter()
        self._place = here()
        self._peers = [name for name in peers if is_installed(name)]
        absent = [name for name in peers if not is_installed(name)]
        if absent:
            self._notes.append(f"left out, since they are not installed: {', '.join(absent)}")

    def outcome(self) -> Outcome:
        """All that was measured so far."""
        return Outcome(self._place, self._notes, self._results, self._plans)

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
        self._results[part, size] = Table(f"{title}, {size:,}{words}", unit, figures)
        self._keep(self.outcome())
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
                    self._plans += [{"question": f"{name}, {size:,}", **plan} for name, plan in asking.explain(held)]

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
        """Appended, replaced, rescored, loaded."""
        peers, effort = self.peers_at(size), self.effort
        each: dict[str, tuple[str, str, Callable[[], Figures]]] = {
            "appending": ("Appends", "µs", partial(writing.write_newest, size, peers, effort, interim=False)),
            "replacing": ("Versions", "µs", partial(writing.write_newest, size, peers, effort, interim=True)),
            "highest": ("Appends and the highest", "µs", partial(writing.write_then_highest, size, peers, effort)),
            "rescoring": ("Other scores", "ms", partial(writing.rescore, size, peers, effort)),
            "loading": ("Loads", "ms", partial(writing.load, size, peers, effort)),
            "documents": ("Documents", "a second", partial(writing.read_documents, size, effort)),
        }
        for part, (title, unit, measure) in each.items():
            self.put(part, size, title, unit, measure)

    def pauses(self, size: int) -> None:
        """The longest pause of a write, and of a reader beside a writer."""
        self.put("pauses", size, "Pauses", "ms", partial(pauses.pause, size, self.effort))
        self.put("readers", size, "Readers beside a writer", "ms", partial(pauses.read_beside, size, self.effort))

    def memory(self, size: int) -> None:
        """Bytes a bucket."""
        self.put("weights", size, "Memory", "bytes a bucket", partial(weighing.weigh, size, self.peers_at(size)))

    def fleet(self, jobs: int) -> None:
        """Very many jobs: written, asked, and what the small ones weigh."""
        asked: Figures = {}

        def write_and_ask() -> Figures:
            rates, found = fleet.measure(jobs, self.effort, self._peers)
            asked.update(found)
            return rates

        self.put("fleet writes", jobs, "Fleet, written", "documents a second", write_and_ask)
        self._results["fleet question", jobs] = Table(f"Fleet, asked, {jobs:,}", "µs", asked)
        tenth = max(10, jobs // 10)
        self.put("job weights", tenth, "Memory of jobs", "bytes a job", partial(weighing.weigh_jobs, tenth))

    def real(self) -> None:
        """Real buckets of many jobs: the repository's, and the large sets where their folder is named."""
        folder = os.environ.get("BUCKETQUERY_DATA")
        if not folder:
            self._notes.append("left out, since BUCKETQUERY_DATA names no folder with them: the large real sets")
        for known, place in ((real.REPOSITORY, real.SAMPLES), (real.BOTH_FULL, folder)):
            if place:
                documents, size = known.read(Path(place)), known.buckets
                ask = partial(real.questions, known, documents, self.effort, self._peers)
                self.put("real questions", size, "Real buckets, asked", "µs", ask)
                load = partial(real.loads, known, documents, self.effort)
                self.put("real loads", size, "Real buckets, written", "documents a second", load)
                weigh = partial(real.weigh, known, documents)
                self.put("real weights", size, "Memory of real buckets", "bytes a bucket", weigh)

    def records(self) -> None:
        """Records, five for each bucket: expanded, on pages of their own, written."""
        size = _RECORDS if self.effort.rounds > 1 else 5_000
        each: dict[str, tuple[str, str, Callable[[int, Effort], Figures]]] = {
            "records": ("Records, asked", "µs", records.measure),
            "record loads": ("Records, written", "records a second", records.load),
            "record appends": ("Records, one by one", "µs", records.append),
        }
        for part, (title, unit, measure) in each.items():
            self.put(part, size, title, unit, partial(measure, size, self.effort))

    def claims(self) -> None:
        """Every claim of complexity; whether it holds says nothing where everything is run once."""
        # They know rooms of the package from inside; whoever measures another commit has no use for them.
        claims = import_module("benchmarks.claims")
        title = "What docstrings say of the cost, and how it grew"
        self.put("claims", len(claims.CLAIMS), title, "µs", partial(claims.measure, claims.CLAIMS, self.effort))
