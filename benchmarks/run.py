"""A run: measures part by part, and keeps each table as soon as it is measured."""

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from benchmarks import (
    across,
    arrow_in,
    arrow_out,
    deletes,
    feed,
    filters,
    job_sets,
    living,
    many_jobs,
    memory,
    pauses,
    questions,
    real,
    records,
    shards,
    summaries,
    walks,
    writes,
)
from benchmarks.outcome import Outcome, here
from benchmarks.peers import KINDS, is_installed
from benchmarks.timing import Effort, Figures, Table
from benchmarks.workloads import bucket_columns
from bucketquery import BucketQuery, BucketQueryError, RecordQuery, ResultsIndex

#: The measures of the part `arrow`: the name of each table, its title, its unit, and a function of size and effort.
ARROW: Final[Sequence[tuple[str, str, str, Callable[[int, Effort], Figures]]]] = (
    *arrow_out.MEASURES,
    *arrow_in.MEASURES,
)

#: At larger sizes only *live* and *fragmented* buckets are measured. The other sets do not show growth.
_ALL_BUCKET_SETS: Final = 1_000_000

#: If this process had a smaller share of its core, the title of the table says so.
_UNDISTURBED: Final = 0.9
_RECORDS: Final = 100_000
_FILTERED: Final = 1_000_000


class Run:
    """The settings of a run, and the tables measured so far.

    Args:
        peers: the names of the peers. Those that are not installed are left out, with a note.
        effort: how long to measure.
        keep: called with the whole outcome after each table.
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
        """Everything that was measured so far."""
        return Outcome(self._place, self._notes, self._results, self._plans)

    def peers_at(self, size: int) -> list[str]:
        """The installed peers that are measured with ``size`` rows."""
        return [name for name in self._peers if size <= KINDS[name].max_rows]

    def put(self, part: str, size: int, title: str, unit: str, measure: Callable[[], Figures]) -> None:
        """Measure a table and keep it. If this process had less than `_UNDISTURBED` of its core, the title says so."""
        # Collect once for each table: with a list of a million dicts it takes a second.
        gc.collect()
        begun, worked = perf_counter(), process_time()
        figures = measure()
        now = perf_counter()
        share = (process_time() - worked) / max(1e-9, now - begun)
        note = f"; others were at work, this had {share:.0%} of its core" if share < _UNDISTURBED else ""
        self._results[part, size] = Table(f"{title}, {size:,}{note}", unit, figures)
        self._keep(self.outcome())
        print(f"{now - self._begun:7.0f} s  {part}, {size:,}: {now - begun:.0f} s", file=sys.stderr, flush=True)

    def questions(self, size: int) -> None:
        """Measure every question over each set of buckets."""
        effort, most = self.effort, questions.variants_at(size) if self.effort.rounds > 1 else 2
        for bucket_set, description in questions.BUCKET_SETS.items():
            if size <= _ALL_BUCKET_SETS or bucket_set in {"live", "fragmented"}:
                setting = questions.make_setting(bucket_set, size, self.peers_at(size))
                letters = questions.BY_TIME if bucket_set == "final" else ()
                measure = partial(questions.measure_questions, setting, effort, most, letters)
                self.put(f"questions {bucket_set}", size, f"Questions, {description}", "µs", measure)
                if bucket_set == "live":
                    count = partial(questions.measure_dense_count, setting, effort)
                    self.put("dense count", size, "A count", "µs", count)
                    self._plans += [
                        {"question": f"{name}, {size:,}", **plan} for name, plan in questions.plans(setting)
                    ]

    def answers(self, size: int) -> None:
        """Measure questions by parameters, and pages as bodies and bytes."""
        setting, effort = questions.make_setting("live", size, self.peers_at(size)), self.effort
        most = 4 if effort.rounds > 1 else 1
        requests = f"Parameters in, bytes out by {questions.encoder().name}"
        self.put("parameters", size, "Parameters", "µs", partial(questions.measure_parameters, setting, effort))
        self.put("bodies", size, "Bodies of 100 buckets", "µs", partial(questions.measure_bodies, setting, effort))
        self.put("requests", size, requests, "µs", partial(questions.measure_requests, setting, effort, most))
        del setting
        first = partial(questions.measure_first, bucket_columns(size), effort)
        self.put("first", size, "The first question after a load", "µs", first)

    def writes(self, size: int) -> None:
        """Measure appends, replacements, other scores and loads."""
        peers, effort = self.peers_at(size), self.effort
        tables: dict[str, tuple[str, str, Callable[[], Figures]]] = {
            "appending": ("Appends", "µs", partial(writes.measure_newest, size, peers, effort, interim=False)),
            "replacing": ("Versions", "µs", partial(writes.measure_newest, size, peers, effort, interim=True)),
            "highest": ("Appends and the highest", "µs", partial(writes.measure_highest, size, peers, effort)),
            "rescoring": ("Other scores", "ms", partial(writes.measure_rescoring, size, peers, effort)),
            "loading": ("Loads", "ms", partial(writes.measure_loading, size, peers, effort)),
            "documents": ("Documents", "a second", partial(writes.measure_documents, size, effort)),
        }
        for part, (title, unit, measure) in tables.items():
            self.put(part, size, title, unit, measure)

    def living(self, size: int) -> None:
        """Measure the log of changes, the feed, cursors and deletes; nothing, with a note, if the index lacks them."""
        # Old commits may be measured too. Their index has no log, no cursors and no deletes.
        if not hasattr(ResultsIndex, "changes"):
            self._notes.append("left out, since this commit lacks them: living results")
            return
        peers, effort = [name for name in self._peers if name in {"sqlite", "duckdb"}], self.effort
        tables: dict[str, tuple[str, str, Callable[[], Figures]]] = {
            "log, single writes": (
                "Single writes with a log",
                "µs",
                partial(living.measure_single_writes, size, effort),
            ),
            "log, batches": ("Batches with a log", "ms", partial(living.measure_batches, size, effort)),
            "changes": ("The change feed", "µs", partial(feed.measure_changes, size, effort, peers)),
            "cursors": ("Cursors", "µs", partial(walks.measure_cursors, size, effort, peers)),
            "deletes": ("Deletes", "ms", partial(deletes.measure_deletes, size, effort, peers)),
        }
        for part, (title, unit, measure) in tables.items():
            self.put(part, size, title, unit, measure)

    def arrow(self, size: int) -> None:
        """Measure results as tables of other libraries; nothing, with a note, if the index lacks Arrow."""
        if not hasattr(ResultsIndex, "arrow") or not find_spec("nanoarrow"):
            self._notes.append("left out, since this commit or this machine lacks it: Arrow")
            return
        for part, title, unit, measure in ARROW:
            self.put(part, size, title, unit, partial(measure, size, self.effort))

    def pauses(self, size: int) -> None:
        """Measure the longest pauses of writes, and of a reader beside a writer."""
        self.put("pauses", size, "Pauses", "ms", partial(pauses.measure_writes, size, self.effort))
        self.put("readers", size, "Readers beside a writer", "ms", partial(pauses.measure_readers, size, self.effort))

    def memory(self, size: int) -> None:
        """Measure bytes a bucket."""
        measure = partial(memory.measure_buckets, size, self.peers_at(size))
        self.put("weights", size, "Memory", "bytes a bucket", measure)

    def many_jobs(self, jobs: int) -> None:
        """Measure writes of very many jobs, what the combined tables cost, and the memory of a small job."""
        others: dict[str, Figures] = {}

        def measure() -> Figures:
            rates, others["collections"], others["weights"] = many_jobs.measure_writes(jobs, self.effort, self._peers)
            return rates

        self.put("many jobs writes", jobs, "Many jobs, writes", "documents a second", measure)
        upkeep = partial(many_jobs.measure_upkeep, jobs, self.effort)
        title = "Writes while questions over all jobs are asked"
        self.put("all jobs writes", jobs, title, "µs a document", upkeep)
        title = f"The combined tables, {jobs:,}"
        self._results["all jobs weights", jobs] = Table(title, "bytes a row", others["weights"])
        title = f"A full collection of garbage, {jobs:,}"
        self._results["collections", jobs] = Table(title, "ms", others["collections"])
        tenth = max(10, jobs // 10)
        self.put("job weights", tenth, "Memory of jobs", "bytes a job", partial(memory.measure_jobs, tenth))

    def across(self, jobs: int, sizes: Sequence[int]) -> None:
        """Measure questions over many jobs: of generated sets and of the real one, if its folder is named."""
        # Old commits refuse `_all`.
        if not _accepts_all():
            self._notes.append("left out, since this commit has no patterns of jobs: questions across jobs")
            return
        shapes = [(jobs, 10), (max(10, jobs // 1_000), max(100, jobs * 10 // max(10, jobs // 1_000)))]
        for size in sizes:
            if size > _ALL_BUCKET_SETS:
                shapes += [(100, size // 100), (size // 1_000, 1_000)]
        for many, each in shapes:
            self._across(partial(job_sets.generated, many, each), has_parts=(many, each) == shapes[0])
        if folder := os.environ.get("BUCKETQUERY_DATA"):
            self._across(partial(_real_set, Path(folder)))

    def _across(self, make: Callable[[], job_sets.JobSet], *, has_parts: bool = False) -> None:
        contest = across.Contest(make(), self._peers)
        name, many, effort = contest.jobs.name, len(contest.jobs.ids), self.effort
        self.put(f"across warm {name}", many, f"Across {name}", "µs", partial(across.measure_warm, contest, effort))
        if has_parts:
            select = partial(across.measure_selection, contest, effort)
            self.put("selection", many, "Selection of jobs", "µs", select)
            parts = partial(across.measure_parts, contest, effort)
            self.put(f"across parts {name}", many, f"Parts of {name}", "µs", parts)
            if shards.can_merge():
                merges = partial(shards.measure, contest, shards.shards_of(contest.jobs), effort)
                self.put(f"across shards {name}", many, f"Shards of {name}", "µs", merges)
        first = partial(across.measure_first, contest, effort)
        self.put(f"across first {name}", many, f"Across {name}, the first time after writes", "µs", first)

    def summaries(self, jobs: int, sizes: Sequence[int]) -> None:
        """Measure overall buckets, swimlanes, top influencers and counts by score; a note if the index lacks them."""
        if summaries.SwimlaneQuery is None or not _accepts_all():
            self._notes.append("left out, since this commit lacks them: summaries of many jobs")
            return
        rows, few = jobs * 10, max(10, jobs // 1_000)
        shapes = [(few, max(100, rows // few)), (10 * few, max(100, rows // (10 * few)))]
        for size in sizes:
            if size > _ALL_BUCKET_SETS:
                shapes += [(100, size // 100), (size // 1_000, 1_000)]
        for many, each in shapes:
            setting = summaries.Setting(job_sets.generated(many, each), self._peers)
            measure = partial(summaries.measure, setting, self.effort)
            name = setting.jobs.name
            self.put(f"summaries {name}", many, f"Summaries of {name}", "µs", measure)

    def real(self) -> None:
        """Measure the real sets: the repository's, and the large ones if their folder is named."""
        folder = os.environ.get("BUCKETQUERY_DATA")
        if not folder:
            self._notes.append("left out, since BUCKETQUERY_DATA does not name their folder: the large real sets")
        for known, place in ((real.REPOSITORY, real.SAMPLES), (real.BOTH_FULL, folder)):
            if place:
                documents, size = known.read(Path(place)), known.buckets
                ask = partial(real.measure_questions, known, documents, self.effort, self._peers)
                self.put("real questions", size, "Real buckets, questions", "µs", ask)
                load = partial(real.measure_loading, known, documents, self.effort)
                self.put("real loads", size, "Real buckets, loads", "documents a second", load)
                weigh = partial(real.measure_memory, known, documents)
                self.put("real weights", size, "Memory of real buckets", "bytes a bucket", weigh)

    def records(self) -> None:
        """Measure records, five for each bucket: expanded, on pages of their own, and written."""
        size = _RECORDS if self.effort.rounds > 1 else 5_000
        tables: dict[str, tuple[str, str, Callable[[int, Effort], Figures]]] = {
            "records": ("Records, questions", "µs", records.measure_questions),
            "record loads": ("Records, loads", "records a second", records.measure_loading),
            "record appends": ("Records, appends", "µs", records.measure_appending),
        }
        for part, (title, unit, measure) in tables.items():
            self.put(part, size, title, unit, partial(measure, size, self.effort))

    def filters(self) -> None:
        """Measure entity filters: of one job and of many. A note if the index lacks them."""
        # Old commits may be measured too. Their queries have no filter.
        if not hasattr(RecordQuery(jobs="web"), "where"):
            self._notes.append("left out, since this commit lacks them: entity filters")
            return
        effort, size = self.effort, _FILTERED if self.effort.rounds > 1 else filters.SMALLEST
        setting = filters.Setting(size, self._peers)
        asked = filters.questions(setting)
        tables: dict[str, tuple[str, str, Callable[[], Figures]]] = {
            "filters": ("Entity filters", "µs", partial(filters.measure_questions, setting, asked, effort)),
            "filters first": (
                "Entity filters, the first time",
                "ms",
                partial(filters.measure_first, setting, effort),
            ),
            "filters weights": (
                "Memory of entity filters",
                "bytes a record",
                partial(filters.measure_memory, setting),
            ),
            "filters after appends": (
                "Entity filters after an append",
                "µs",
                partial(filters.measure_after_appends, setting, effort),
            ),
        }
        for part, (title, unit, measure) in tables.items():
            self.put(part, size, title, unit, measure)
        many = filters.Setting(size, self._peers, jobs=max(20, size // 1_000))
        asked = filters.questions_of_many_jobs(many)
        measure = partial(filters.measure_questions, many, asked, effort)
        self.put("filters of many jobs", size, f"Entity filters, {many.jobs:,} jobs", "µs", measure)

    def claims(self) -> None:
        """Measure every claim of complexity. If everything is run once, the verdicts mean nothing."""
        # Claims use the package's inner modules, which another commit may not have, so they are imported here only.
        claims = import_module("benchmarks.claims")
        title = "Costs in docstrings, and how they grew"
        self.put("claims", len(claims.CLAIMS), title, "µs", partial(claims.measure, claims.CLAIMS, self.effort))


def _accepts_all() -> bool:
    """Whether a query can name all jobs by a pattern."""
    try:
        ResultsIndex().search(BucketQuery(jobs=across.ALL, size=0))
    except BucketQueryError:
        return False
    return True


def _real_set(folder: Path) -> job_sets.JobSet:
    documents = real.BOTH_FULL.read(folder)
    return job_sets.of_documents(f"{real.BOTH_FULL.jobs} real jobs", documents)
