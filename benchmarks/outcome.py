"""What a run has measured, where and with what; as a file, so that it can be drawn, told and compared again."""

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

_PACKAGES: Final = ("numpy", "sortedcontainers", "duckdb", "polars", "pandas", "pyarrow", "orjson")
_CPU: Final = Path("/proc/cpuinfo")

Results = Mapping[tuple[str, int], Table]
"""Every table by its part and its size: of buckets, of records or of jobs."""

#: The size that is told in short, if it was measured.
_USUAL: Final = 1_000_000
_IN_SHORT: Final = ("questions live", "requests", "appending", "replacing", "highest", "rescoring", "loading")
_OF_ONE_JOB: Final = (*_IN_SHORT, "pauses", "weights")


class Place(NamedTuple):
    """Where it was measured.

    Attributes:
        machine: the processor, the cores that were used, the system.
        versions: of Python and of every package that took part.
        commit: of the index; with a word where files of the package were not as committed.
    """

    machine: str
    versions: str
    commit: str


class Outcome(NamedTuple):
    """All that a run leaves.

    Attributes:
        place: where it was measured.
        notes: what a reader of the figures should know besides.
        results: the figures.
        plans: how the index found the answer to each question at each size, as it tells itself.
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
        said = [
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--", "bucketquery"))
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{said[0]} and changes on top of it" if said[1] else said[0]


def sizes_of(results: Results) -> list[int]:
    """How many buckets one job had, each time that anything of one job was measured."""
    return sorted({size for part, size in results if part in _OF_ONE_JOB})


def usual_size(results: Results) -> int | None:
    """The size that is told in short: a million if it was measured, else the largest."""
    sizes = sizes_of(results)
    return _USUAL if _USUAL in sizes else sizes[-1] if sizes else None


def in_short(results: Results) -> list[Table]:
    """The tables that are told in short: questions and writes of the usual size, and those of a fleet."""
    size = usual_size(results)
    return [
        table for (part, of), table in results.items() if part.startswith("fleet") or (part in _IN_SHORT and of == size)
    ]


def write(outcome: Outcome, path: Path) -> None:
    """Put it into a file, which `read` reads."""
    body: dict[str, Any] = {
        **outcome.place._asdict(),
        "notes": list(outcome.notes),
        "plans": list(outcome.plans),
        "tables": [{"part": part, "size": size, **table._asdict()} for (part, size), table in outcome.results.items()],
    }
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Outcome:
    """What a file has."""
    body = json.loads(path.read_text(encoding="utf-8"))
    results = {
        (table["part"], table["size"]): Table(table["title"], table["unit"], table["figures"])
        for table in body["tables"]
    }
    return Outcome(Place(body["machine"], body["versions"], body["commit"]), body["notes"], results, body["plans"])
