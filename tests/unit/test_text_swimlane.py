"""Swimlanes as text: the characters of cells, the length of lines, colours, and names that are not trusted."""

import numpy as np
import pytest

from bucketquery.answers.swimlane import Swimlane
from bucketquery.answers.text_swimlane import PLAIN_SHADES, SHADES, swimlane_text
from bucketquery.model.instants import LAST_MS

HOUR = 3_600_000
NAN = float("nan")
KEY = "· low  ░ warning  ▒ minor  ▓ major  █ critical"


def swimlane(*rows: list[float], names: tuple[str, ...] | None = None, lane_count: int | None = None) -> Swimlane:
    """Lanes with a cell for each hour since the epoch."""
    names = tuple("abcdefgh"[: len(rows)]) if names is None else names
    edges = np.arange(len(rows[0]) + 1, dtype=np.int64) * HOUR
    return Swimlane(names, edges, np.array(rows), len(rows) if lane_count is None else lane_count, 1)


def shown(answer: Swimlane, width: int = 80, shades: str = SHADES) -> list[str]:
    """The lines without colours, of two jobs."""
    return swimlane_text(answer, ["web", "db"], width, shades=shades, in_colour=False).splitlines()


def test_a_character_shows_the_severity_of_a_cell() -> None:
    """A cell without results is a blank; a line ends with the greatest score of its lane."""
    answer = swimlane([2.99, 3, 25, 50, 75, NAN, 100], [NAN, NAN, -1, NAN, NAN, NAN, NAN], lane_count=5)
    assert shown(answer) == [
        "a  ·░▒▓█ █  100.00",
        "b    ·       -1.00",
        KEY,
        "2 of 5 lanes of 2 jobs, 7 cells from 1970-01-01T00:00:00Z to 1970-01-01T07:00:00Z",
    ]
    assert shown(answer, shades=PLAIN_SHADES)[:3] == [
        "a  .:-+# #  100.00",
        "b    .       -1.00",
        ". low  : warning  - minor  + major  # critical",
    ]


@pytest.mark.parametrize(("width", "cells", "each"), [(80, 65, 1), (80, 66, 2), (80, 131, 3), (5, 10, 1), (5, 11, 2)])
def test_a_line_is_not_longer_than_the_terminal(width: int, cells: int, each: int) -> None:
    """A character stands for several cells then, and shows their greatest score. Ten characters remain in any case."""
    first, _, counts = shown(swimlane([1.0] * (cells - 1) + [80.0], names=("abcdef",)), width)
    name, drawn, number = first.split("  ")
    assert (name, drawn, number) == ("abcdef", "·" * (-(-cells // each) - 1) + "█", "80.00")
    assert len(first) <= max(width, len(name) + len(number) + 4 + 10)
    assert counts.endswith(f", {each} cells a character") == (each > 1)


def test_cells_that_are_all_empty_stay_empty() -> None:
    """The greatest score of no results is none."""
    row = [NAN] * 200
    row[150] = 30.0
    line = shown(swimlane(row))[0]
    assert line.split() == ["a", "▒", "30.00"]


@pytest.mark.parametrize(
    ("edges", "ends"),
    [
        ([0, 24 * HOUR], "1970-01-01 to 1970-01-02"),
        ([0, 24 * HOUR + 1], "1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.001Z"),
        ([LAST_MS + 1 - 24 * HOUR, LAST_MS + 1], f"9999-12-31 to {LAST_MS + 1}"),
    ],
)
def test_midnights_are_dates(edges: list[int], ends: str) -> None:
    """The end of the last day of the year 9999 is no date."""
    answer = Swimlane(("a",), np.array(edges, dtype=np.int64), np.array([[1.0]]), 1, 1)
    assert shown(answer)[-1] == f"1 of 1 lanes of 2 jobs, 1 cells from {ends}"


def test_names_are_cut_and_escaped() -> None:
    """A name takes a third of the line, and cannot steer the terminal."""
    lines = shown(swimlane([1.0], [1.0], names=("web-" + "x" * 1_000_000 + "-cpu", "a\x1b[2J")))
    assert lines[0] == f"web-{'x' * 9}…{'x' * 8}-cpu  ·  1.00"
    assert lines[1] == f"a\\x1b[2J{' ' * 18}  ·  1.00"
    plain = shown(swimlane([1.0], names=("x" * 100,)), shades=PLAIN_SHADES)[0]
    assert plain == f"{'x' * 12}...{'x' * 11}  .  1.00"


def test_colours_are_those_of_severities() -> None:
    """Neighbours of one severity share a colour; blanks have none."""
    text = swimlane_text(swimlane([80.0, 90.0, NAN, 30.0]), ["web"], 80, shades=SHADES, in_colour=True)
    assert text.splitlines()[0] == "a  \x1b[1;31m██\x1b[m \x1b[33m▒\x1b[m  \x1b[1;31m90.00\x1b[m"
    assert text.splitlines()[1].startswith("\x1b[2m·\x1b[m low  ")


def test_without_lanes_the_counts_remain() -> None:
    """Without cells there are no edges of time."""
    assert shown(Swimlane((), np.empty(0, dtype=np.int64), np.empty((0, 0)), 0, 1)) == [
        "0 of 0 lanes of 2 jobs, 0 cells"
    ]
    assert shown(Swimlane((), np.array([0, HOUR]), np.empty((0, 1)), 3, 1)) == [
        "0 of 3 lanes of 2 jobs, 1 cells from 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z"
    ]
