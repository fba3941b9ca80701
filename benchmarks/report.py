"""The report as Markdown: machine and versions, a short table, the goals, a table for each part."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from benchmarks.goals import Verdict, best, judge, ratios, shown, times
from benchmarks.outcome import Outcome, Place, Results, in_short, sizes_of, usual_size
from benchmarks.peers import BY_HAND, KINDS, TITLES, WITH_AN_INDEX
from benchmarks.timing import Figures, Table

_MET: Final = {True: "met", False: "**not met**", None: ""}
#: *NumPy, ordered* is named beside the quickest peer only if it takes less than this part of its time.
_CLEARLY: Final = 0.9
_SHORT_HEADS: Final = (
    "work",
    "index",
    "read out",
    *(TITLES[name] for name in (*BY_HAND, "sqlite")),
    "best other engine",
    "quickest peer beside the index",
)
_OTHERS: Final = tuple(name for name in KINDS if name not in {*BY_HAND, "sqlite"})
#: The rows of the README's table: its words for each work, and the name of the work.
_README_WORKS: Final = {
    "the newest page": "Q3 last page",
    "a page at threshold 75": "Q4 threshold 75",
    "the top ten by score": "Q6 top 10 by score",
    "a count at threshold 50": "Q10 count at threshold 50, a half",
    "append a bucket, then the newest page": "W2 append a bucket",
}
_README_PEERS: Final = ("list", "numpy", "sqlite", "duckdb")


def markdown(outcome: Outcome, pictures: Iterable[str] = ()) -> str:
    """The whole report.

    Args:
        outcome: the outcome of a run.
        pictures: the names of the pictures beside the report, default none.
    """
    results = outcome.results
    sizes = sizes_of(results)
    lines = ["# What it costs", "", *place(outcome.place), *(f"- {note}" for note in outcome.notes), ""]
    lines += ["## In short", "", *short(outcome), ""]
    lines += [f"![{name}]({name})\n" for name in pictures]
    for size in sizes:
        lines += [f"## Goals, by the figures of {size:,} buckets", "", *_goals(judge(results, size)), ""]
    if not sizes:
        lines += ["## Goals", "", *_goals(judge(results, 0)), ""]
    for (part, _), table in results.items():
        lines += [f"## {table.title}", "", *(_claims(table) if part == "claims" else _rows(table)), ""]
    lines += ["## Growth of `search(prepared)`", "", *_growth(results), ""]
    lines += ["## How the index found each answer", "", *_plans(outcome.plans), ""]
    return "\n".join(lines)


def place(where: Place) -> list[str]:
    """The machine, the versions and the commit, a line each."""
    return [f"- {where.machine}", f"- {where.versions}", f"- commit {where.commit}"]


def short(outcome: Outcome) -> list[str]:
    """The section "In short", which docs/performance.md shows too: questions and writes beside the peers."""
    where, size = outcome.place, usual_size(outcome.results)
    if size is None:
        return ["nothing of one job was measured"]
    return [
        f"{size:,} buckets of one job, medians; {where.machine}; {where.versions}; commit {where.commit}.",
        "",
        f"| {' | '.join(_SHORT_HEADS)} |",
        f"| --- |{' ---: |' * (len(_SHORT_HEADS) - 1)}",
        *(
            f"| {name} | {' | '.join(_short(name, table))} |"
            for table in in_short(outcome.results)
            for name in table.figures
        ),
        "",
        "| the index alone | |",
        "| --- | ---: |",
        *(f"| {work} | {cost} |" for work, cost in _alone(outcome.results, size)),
    ]


def for_readme(outcome: Outcome) -> list[str]:
    """The README's table: five works beside four peers, and the machine."""
    where, size = outcome.place, usual_size(outcome.results)
    rows = {work: (table, row) for table in in_short(outcome.results) for work, row in table.figures.items()}
    if size is None or not rows.keys() >= set(_README_WORKS.values()):
        return ["not all of these works were measured"]
    heads = ("work", "index", "read out", *(TITLES[peer] for peer in _README_PEERS), "quickest peer beside the index")
    lines = [
        f"{size:,} buckets of one job, medians; {where.machine}; commit {where.commit}.",
        "",
        f"| {' | '.join(heads)} |",
        f"| --- |{' ---: |' * (len(heads) - 1)}",
    ]
    for words, work in _README_WORKS.items():
        table, row = rows[work]
        index, read_out, *_, quickest = _short(work, table)
        peers = (humane(row[peer], table.unit) if peer in row else "" for peer in _README_PEERS)
        lines.append(f"| {words} | {' | '.join((index, read_out, *peers, quickest))} |")
    return lines


def _alone(results: Results, size: int) -> Iterator[tuple[str, str]]:
    """The figures that no peer has, and the differences of two figures: each work and its cost."""
    for part, cells in _ALONE.items():
        for (name, of), table in results.items():
            if name == part and (of == size or part == "job weights"):
                for work, row in table.figures.items():
                    # Peers have rows of their own in some tables.
                    if work not in KINDS:
                        yield cells(work, row)


_ALONE: Final[Mapping[str, Callable[[str, Mapping[str, float]], tuple[str, str]]]] = {
    "parameters": lambda work, row: (
        f"`get_buckets(...)` over `search(query)`, {work}",
        humane(row["get_buckets"] - row["search"], "µs"),
    ),
    "bodies": lambda work, row: (
        f"`to_dict()` for each of 100 buckets, {work}",
        humane((row["search, to_dict"] - row["search"]) / 100, "µs"),
    ),
    "documents": lambda work, row: (work, f"{row['index']:,.0f} a second"),
    "first": lambda work, row: (f"{work}, the first time after a load", humane(row["the first time"], "µs")),
    "pauses": lambda work, row: (f"{work}, the longest of {row['buckets']:,.0f}", humane(row["longest"], "ms")),
    "readers": lambda work, row: (f"{work}: 99 of 100 newest pages", humane(row["99 of 100"], "ms")),
    "weights": lambda work, row: (f"a bucket{work.removeprefix('index')}", f"{row['traced']:.1f} bytes"),
    "job weights": lambda work, row: (work, f"{row['traced']:,.0f} bytes"),
}


def _short(name: str, table: Table) -> list[str]:
    row = table.figures[name]
    ways = [way for way in row if way not in KINDS]
    read = next((way for way in ways if way.endswith((", timestamps", ", keys"))), "")
    figures = [row.get(ways[0]) if ways else None, row.get(read), *(row.get(peer) for peer in (*BY_HAND, "sqlite"))]
    others = {peer: row[peer] for peer in _OTHERS if peer in row}
    cells = [humane(figure, table.unit) if figure is not None else "" for figure in figures]
    quickest = min(others, key=others.__getitem__, default="")
    cells.append(f"{humane(others[quickest], table.unit)} {TITLES[quickest]}" if others else "")
    return [*cells, beside(table.costs()[name])]


def humane(figure: float, unit: str) -> str:
    """A time in microseconds, milliseconds or seconds, below 1,000 if it can be; a rate as it is."""
    units = ("µs", "ms", "s")
    if unit not in units:
        return f"{figure:,.0f} a second"
    at = units.index(unit)
    while figure >= 1_000 and at + 1 < len(units):
        figure, at = figure / 1_000, at + 1
    return f"{shown(figure)} {units[at]}"


def beside(row: Mapping[str, float]) -> str:
    """The quickest peer of a row, with its time divided by the index's, and whether it wins.

    *NumPy, ordered* is added if it is clearly quicker than both.
    """
    rival = best(row)
    if not rival:
        return ""
    name, ratio = rival
    quickest = f"{TITLES[name]} {times(ratio)}" if ratio >= 1 else f"**{TITLES[name]} wins, {times(ratio)}**"
    ordered = ratios(row).get(WITH_AN_INDEX, ratio)
    return f"{quickest} (*ordered* {times(ordered)})" if ordered < _CLEARLY * min(1, ratio) else quickest


def _goals(verdicts: Iterable[Verdict]) -> list[str]:
    return [
        "| work | goal | result | |",
        "| --- | --- | --- | --- |",
        *(f"| {verdict.work} | {verdict.goal} | {verdict.result} | {_MET[verdict.is_met]} |" for verdict in verdicts),
    ]


def _rows(table: Table) -> list[str]:
    columns = list(dict.fromkeys(name for row in table.figures.values() for name in row))
    compares = any(name in KINDS for name in columns) and any(name not in KINDS for name in columns)
    heads = [table.unit, *columns, *(["quickest peer beside the index"] if compares else [])]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for name, row in table.figures.items():
        cells = [shown(row[column]) if column in row else "" for column in columns]
        if compares:
            cells.append(beside(table.costs()[name]))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _claims(table: Table) -> list[str]:
    lines = [
        f"| {table.unit} | small | large | times as much | as said | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, row in table.figures.items():
        cells = (*(shown(row[key]) for key in ("small", "large")), *(times(row[key]) for key in ("grew", "claimed")))
        lines.append(f"| {name} | {' | '.join(cells)} | {'holds' if row['holds'] else '**does not hold**'} |")
    return lines


def _growth(results: Results) -> list[str]:
    sizes = sorted(size for part, size in results if part == "questions live")
    if len(sizes) < 2:
        return ["two sizes are needed"]
    rows: dict[int, Figures] = {size: results["questions live", size].figures for size in sizes}
    lines = [
        f"| µs | {' | '.join(f'{size:,}' for size in sizes)} | largest to smallest |",
        f"| --- |{' ---: |' * (len(sizes) + 1)}",
    ]
    for name in rows[sizes[0]]:
        taken = [rows[size][name]["search"] for size in sizes]
        lines.append(f"| {name} | {' | '.join(map(shown, taken))} | {times(taken[-1] / taken[0])} |")
    return lines


def _plans(plans: Sequence[Mapping[str, Any]]) -> list[str]:
    names = list(dict.fromkeys(name for plan in plans for name in plan))
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    return [*lines, *(f"| {' | '.join(_cell(plan.get(name)) for name in names)} |" for plan in plans)]


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return "" if value is None else f"{value:,.4g}" if isinstance(value, float) else str(value)
