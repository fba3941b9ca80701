"""What was measured, as Markdown: the machine, a table for each part, the goals."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.goals import Results, Verdict, best, times
from benchmarks.peers import KINDS
from benchmarks.timing import Table

_PACKAGES = ("numpy", "sortedcontainers", "duckdb", "polars", "pandas", "pyarrow", "orjson")
_CPU = Path("/proc/cpuinfo")
_MET = {True: "met", False: "**not met**", None: "not measured"}


def machine() -> list[str]:
    """Where and with what it was measured, a line each."""
    model = platform.processor() or platform.machine()
    if _CPU.exists():
        names = (
            line.partition(":")[2].strip()
            for line in _CPU.read_text(encoding="utf-8").splitlines()
            if "model name" in line
        )
        model = next(names, model)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    installed = [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    return [
        f"{model}, {usable} of {os.cpu_count()} cores used, {platform.system()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {', '.join(installed)}",
        f"commit {_commit()}",
    ]


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


def markdown(results: Results, verdicts: Mapping[int, Sequence[Verdict]], notes: Iterable[str]) -> str:
    """The whole report."""
    lines = ["# What it costs", "", *machine(), *notes, ""]
    for size, some in verdicts.items():
        lines += [
            f"## Goals, by the figures of {size:,} buckets",
            "",
            "| work | goal | result | |",
            "| --- | --- | --- | --- |",
        ]
        lines += [f"| {one.work} | {one.goal} | {one.result} | {_MET[one.is_met]} |" for one in some]
        lines.append("")
    for table in results.values():
        lines += [f"## {table.title}", "", *_rows(table), ""]
    lines += ["## Growth of `search(prepared)`", "", *_growth(results), ""]
    return "\n".join(lines)


def _rows(table: Table) -> list[str]:
    columns = list(dict.fromkeys(name for row in table.figures.values() for name in row))
    compares = any(name in KINDS for name in columns) and any(name not in KINDS for name in columns)
    heads = [table.unit, *columns, *(["best peer beside the index"] if compares else [])]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for name, row in table.figures.items():
        cells = [shown(row[column]) if column in row else "" for column in columns]
        if compares:
            # Of rates the larger is the better one.
            found = best({key: 1 / value for key, value in row.items()} if "second" in table.unit else row)
            cells.append(f"{found[0]} {times(found[1])}" if found else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def shown(figure: float) -> str:
    """A figure with three digits that say something, or all before the point."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}" if figure >= 0.1 else f"{figure:.3f}"


def _growth(results: Results) -> list[str]:
    sizes = sorted(size for part, size in results if part == "questions live")
    if not sizes:
        return ["not measured"]
    rows = {size: results["questions live", size].figures for size in sizes}
    lines = [
        f"| µs | {' | '.join(f'{size:,}' for size in sizes)} | largest to smallest |",
        f"| --- |{' ---: |' * (len(sizes) + 1)}",
    ]
    for name in rows[sizes[0]]:
        taken = [rows[size][name]["search"] for size in sizes]
        lines.append(f"| {name} | {' | '.join(map(shown, taken))} | {times(taken[-1] / taken[0])} |")
    return lines
