"""The outcome of a run: its figures, its machine and its versions; written to a file and read again."""

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.timing import Table

_PACKAGES: Final = ("numpy", "sortedcontainers", "duckdb", "polars", "pandas", "pyarrow", "nanoarrow", "orjson")
_CPU: Final = Path("/proc/cpuinfo")

Results = Mapping[tuple[str, int], Table]
"""Every table, by its part and its size: a number of buckets, records or jobs."""

#: The names of parts in the run in `results`, and their names today. Remove this when a new run is stored there.
_RENAMED: Final = {
    "questions worn": "questions fragmented",
    "fleet writes": "many jobs writes",
    "fleet question": "many jobs question",
}

#: The size that the section "In short" shows, if it was measured.
_USUAL: Final = 1_000_000
_IN_SHORT: Final = ("questions live", "requests", "appending", "replacing", "highest", "rescoring", "loading")
_LIVING: Final = ("log, single writes", "log, batches", "changes", "cursors", "deletes")
_OF_ONE_JOB: Final = (*_IN_SHORT, *_LIVING, "arrow tables", "arrow pages", "pauses", "weights")


class Place(NamedTuple):
    """The machine, the versions and the commit of a run.

    Attributes:
        machine: the processor, the number of cores used, the system.
        versions: the versions of Python and of every package that took part.
        commit: the commit of the index, with a note if files of the package differ from it.
    """

    machine: str
    versions: str
    commit: str


class Outcome(NamedTuple):
    """The outcome of a run.

    Attributes:
        place: the machine, the versions and the commit.
        notes: remarks for a reader of the figures.
        results: the figures.
        plans: the plan of each question at each size, as the index explains it.
    """

    place: Place
    notes: Sequence[str]
    results: Results
    plans: Sequence[Mapping[str, Any]]


def here() -> Place:
    """This machine, these versions, this commit."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    installed = [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    return Place(
        f"{_processor()}, {usable} of {os.cpu_count()} cores used, {platform.system()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {', '.join(installed)}",
        _commit(),
    )


def _processor() -> str:
    if _CPU.exists():
        for line in _CPU.read_text(encoding="utf-8").splitlines():
            if "model name" in line:
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    root = Path(__file__).parent.parent
    try:
        head, changes = [
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--", "bucketquery"))
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head} and changes on top of it" if changes else head


def sizes_of(results: Results) -> list[int]:
    """The sizes at which one job was measured, as numbers of buckets."""
    return sorted({size for part, size in results if part in _OF_ONE_JOB})


def usual_size(results: Results) -> int | None:
    """The size of the section "In short": a million if it was measured, else the largest; None if there is none."""
    sizes = sizes_of(results)
    return _USUAL if _USUAL in sizes else sizes[-1] if sizes else None


def in_short(results: Results) -> list[Table]:
    """The tables of the section "In short": questions and writes at the usual size, and those of many jobs."""
    usual = usual_size(results)
    # The set with the most jobs is measured first. The questions have the same names in every set.
    across = next((key for key in results if key[0].startswith("across warm")), None)
    return [
        table
        for (part, size), table in results.items()
        if part.startswith("many jobs") or (part, size) == across or (part in _IN_SHORT and size == usual)
    ]


def write(outcome: Outcome, path: Path) -> None:
    """Write an outcome to a file, which `read` reads."""
    body: dict[str, Any] = {
        **outcome.place._asdict(),
        "notes": list(outcome.notes),
        "plans": list(outcome.plans),
        "tables": [{"part": part, "size": size, **table._asdict()} for (part, size), table in outcome.results.items()],
    }
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Outcome:
    """The outcome in a file."""
    body = json.loads(path.read_text(encoding="utf-8"))
    results = {
        (_RENAMED.get(table["part"], table["part"]), table["size"]): Table(
            table["title"], table["unit"], table["figures"]
        )
        for table in body["tables"]
    }
    return Outcome(Place(body["machine"], body["versions"], body["commit"]), body["notes"], results, body["plans"])
