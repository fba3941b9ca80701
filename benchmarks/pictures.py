"""The pictures of a run: the time of each question by the number of buckets, and every peer beside the index.

matplotlib draws them. If it is not installed, there are none.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from benchmarks.goals import best, ratios, times
from benchmarks.outcome import Outcome, Results, in_short
from benchmarks.peers import KINDS, TITLES

_INK: Final = "#24292f"
_PALE: Final = "#8b949e"
_INDEX: Final = "#c2410c"
#: The colours differ in lightness. No two differ only as red and green, which colour-blind readers confuse.
_COLOURS: Final = {
    "list": "#000000",
    "numpy": "#0072b2",
    "ordered": "#9ecae9",
    "sqlite": "#009e73",
    "duckdb": "#b8a100",
    "polars": "#56b4e9",
    "pandas": "#cc79a7",
    "pyarrow": "#7f5ab6",
}
_MARKS: Final = dict(zip(KINDS, "ossv^DPX", strict=True))
#: The two lines of the index: an unread page, as a list gives one, and read timestamps, as an engine gives them.
_INDEX_LINES: Final = {
    "search": {"label": "bucketquery", "linewidth": 2.6, "marker": "o", "markersize": 4},
    "search, timestamps": {"label": "bucketquery, read out", "linewidth": 1.6, "linestyle": (0, (2, 1))},
}
_GRID: Final = {"color": "#e5e7eb", "linewidth": 0.6}
_COLUMNS: Final = 5


def draw(outcome: Outcome, folder: Path) -> list[str]:
    """Write the pictures into a folder.

    Returns:
        The names of the files; empty if matplotlib is not installed.
    """
    if not find_spec("matplotlib"):
        return []
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("svg")
    style = {
        # The same figures make the same file on every machine. Letters are paths, because paths need no font.
        "svg.hashsalt": "bucketquery",
        "svg.fonttype": "path",
        "font.size": 9,
        "text.color": _INK,
        "axes.edgecolor": _PALE,
        "axes.labelcolor": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _INK,
        "ytick.color": _INK,
    }
    plot: Any = import_module("matplotlib.pyplot")
    written = []
    with matplotlib.rc_context(style):
        for name, figure in (
            ("latency.svg", _latency(plot, outcome.results)),
            ("ratios.svg", _ratios(plot, outcome.results)),
        ):
            if figure is not None:
                figure.savefig(folder / name, metadata={"Date": None, "Creator": None}, facecolor="white")
                plot.close(figure)
                written.append(name)
    return written


def _latency(plot: Any, results: Results) -> Any:
    """A panel for each question, with logarithmic axes and a line for each contestant; None if fewer than two sizes."""
    tables = {size: table.figures for (part, size), table in sorted(results.items()) if part == "questions live"}
    if len(tables) < 2:
        return None
    names = list(next(iter(tables.values())))
    # The last panel is for the legend.
    rows = len(names) // _COLUMNS + 1
    size = (12.5, 2.1 * rows)
    figure, panels = plot.subplots(
        rows, _COLUMNS, figsize=size, sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    for panel, name in zip(panels.flat, names, strict=False):
        for contestant in (*KINDS, *_INDEX_LINES):
            line = {size: figures[name][contestant] for size, figures in tables.items() if contestant in figures[name]}
            if line:
                panel.plot(list(line), list(line.values()), **_pen(contestant))
        panel.set_title(fill(name, 28), fontsize=9, loc="left")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.minorticks_off()
        panel.grid(visible=True, **_GRID)
    for panel in panels[:, 0]:
        panel.set_ylabel("µs")
    for panel in panels[-1]:
        panel.set_xlabel("buckets")
    for panel in panels.flat[len(names) :]:
        panel.axis("off")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    panels.flat[-1].legend(handles[::-1], labels[::-1], loc="center", frameon=False)
    return figure


def _pen(contestant: str) -> Mapping[str, Any]:
    if contestant in _INDEX_LINES:
        return {"color": _INDEX, **_INDEX_LINES[contestant]}
    return {
        "color": _COLOURS[contestant],
        "label": TITLES[contestant],
        "linewidth": 1,
        "marker": _MARKS[contestant],
        "markersize": 3.5,
    }


def _ratios(plot: Any, results: Results) -> Any:
    """A row for each work, with the time of each peer divided by the index's; None without peers."""
    works = (work for table in in_short(results) for work in table.costs().items())
    rows = {name: row for name, row in works if best(row)}
    points = {name: ratios(row) for name, row in rows.items()}
    if not points:
        return None
    figure, panel = plot.subplots(figsize=(12.5, 0.3 * len(points) + 1.2), layout="constrained")
    beside = panel.get_yaxis_transform()
    for at, row in enumerate(rows.values()):
        quickest, ratio = best(row) or ("", 1.0)
        wins = ratio < 1
        panel.barh(at, ratio - 1, left=1, height=0.6, color="#d1d5db" if wins else "#fed7aa", zorder=1)
        words = f"{TITLES[quickest]} {times(ratio)}"
        panel.text(1.01, at, words, transform=beside, va="center", weight="bold" if wins else "normal")
    for peer in KINDS:
        heights = [at for at, some in enumerate(points.values()) if peer in some]
        taken = [some[peer] for some in points.values() if peer in some]
        if heights:
            panel.scatter(taken, heights, s=26, color=_COLOURS[peer], marker=_MARKS[peer], label=TITLES[peer], zorder=3)
    panel.axvline(1, color=_INDEX, linewidth=2, zorder=2)
    panel.text(1.01, -1, "quickest peer", transform=beside, va="center", color=_PALE)
    panel.set_xscale("log")
    panel.minorticks_off()
    panel.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:,.0f}x" if ratio >= 1 else f"{ratio:g}x")
    panel.set_yticks(range(len(points)), list(points))
    panel.tick_params(axis="y", length=0)
    panel.set_ylim(len(points) - 0.5, -1.5)
    panel.grid(visible=True, axis="x", zorder=0, **_GRID)
    panel.set_xlabel("how many times as long as bucketquery it takes; left of the line the peer is quicker")
    figure.legend(loc="outside upper center", ncols=len(KINDS), frameon=False)
    return figure
