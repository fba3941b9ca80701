"""Charts of scores: what is drawn, in which colour, and that the size is bounded and texts are escaped."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from bucketquery.answers.score_chart import COLOURS, bars, heat_map
from bucketquery.model.instants import LAST_MS

_NAMESPACE = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> list[tuple[float, float, float, float, str, str]]:
    """Left, top, width, height, colour and title of each box."""
    found = []
    for box in ET.fromstring(svg).iter(f"{_NAMESPACE}rect"):  # noqa: S314 - made by the function under test
        left, top, width, height = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        found.append((left, top, width, height, box.attrib["fill"], box[0].text or ""))
    return found


def texts(svg: str) -> list[str]:
    """The texts that are drawn, without titles."""
    drawn = ET.fromstring(svg).iter(f"{_NAMESPACE}text")  # noqa: S314 - as above
    return ["".join([text.text or "", *[child.tail or "" for child in text]]) for text in drawn]


def test_nothing_is_drawn_without_data() -> None:
    """No results, no lanes, or no cells."""
    nothing = np.empty(0)
    assert bars(nothing.astype(np.int64), nothing) == ""
    assert heat_map([], np.array([0, 1]), np.empty((0, 1))) == ""
    assert heat_map(["web"], np.array([], dtype=np.int64), np.empty((1, 0))) == ""


def test_a_bar_has_the_height_and_the_colour_of_its_score() -> None:
    """A missing score counts as 0, and a score beyond 0 to 100 is drawn at the end of the scale."""
    scores = [100.0, 50.0, np.nan, -5.0, 250.0]
    drawn = boxes(bars(np.arange(5) * 60_000, np.array(scores)))
    assert [height for *_, height, _, _ in drawn] == [56, 28, 2, 2, 56]
    assert [colour for *_, colour, _ in drawn] == [
        COLOURS[word] for word in ("critical", "major", "low", "low", "critical")
    ]
    assert [title for *_, title in drawn][:2] == ["100.00 critical", "50.00 major"]
    assert all(left >= 0 and left + width <= 640.05 and top >= 0 for left, top, width, *_ in drawn)


def test_bars_at_one_place_show_the_greatest_score() -> None:
    """Many results give a bounded number of bars, and no peak is lost."""
    scores = np.zeros(100_000)
    scores[77_777] = 90
    svg = bars(np.arange(100_000), scores)
    drawn = boxes(svg)
    assert len(drawn) <= 320
    assert [title for *_, title in drawn if title == "90.00 critical"] == ["90.00 critical"]
    assert len(svg) < 60_000


def test_one_result_is_one_narrow_bar() -> None:
    """A single instant has no extent."""
    assert [width for _, _, width, *_ in boxes(bars(np.array([5]), np.array([1.0])))] == [12]


@pytest.mark.parametrize(
    ("timestamps", "shown"),
    [
        ([0, 86_400_000], ["1970-01-01", "1970-01-02"]),
        ([60_000, 3_600_000], ["1970-01-01 00:01", "1970-01-01 01:00"]),
        ([-62_135_596_800_000, LAST_MS], ["0001-01-01", "9999-12-31 23:59"]),
    ],
)
def test_the_ends_are_named(timestamps: list[int], shown: list[str]) -> None:
    """To the minute, or to the day if it is a midnight."""
    assert texts(bars(np.array(timestamps), np.zeros(2))) == shown


def test_the_end_of_the_last_cell_may_lie_behind_the_year_9999() -> None:
    """It is no date."""
    edges = np.array([LAST_MS - 5, LAST_MS + 1])
    assert texts(heat_map(["web"], edges, np.array([[1.0]])))[-1] == f"{LAST_MS + 1} ms"


def test_an_empty_cell_is_not_drawn() -> None:
    """The others have the colours of their scores, at the places of their edges."""
    svg = heat_map(["a", "b"], np.array([0, 10, 40]), np.array([[np.nan, 30.0], [80.0, np.nan]]))
    drawn = boxes(svg)
    assert [(colour, title) for *_, colour, title in drawn] == [
        (COLOURS["minor"], "30.00 minor"),
        (COLOURS["critical"], "80.00 critical"),
    ]
    assert [round(left) for left, *_ in drawn] == [302, 190]
    assert [round(width) for _, _, width, *_ in drawn] == [337, 112]
    assert [top for _, top, *_ in drawn] == [1, 17]
    assert 'height="46"' in svg
    assert re.findall(r'<text x="(\d+)" y="(\d+)"', svg) == [("184", "12"), ("184", "28"), ("190", "43"), ("640", "43")]


def test_many_cells_are_drawn_as_few() -> None:
    """Neighbours are drawn as one with their greatest score; cells that are all empty stay empty."""
    scores = np.full((1, 1_000), np.nan)
    scores[0, 500:] = 1
    scores[0, 999] = 99
    drawn = boxes(heat_map(["web"], np.arange(1_001), scores))
    assert len(drawn) == 125
    assert drawn[-1][-1] == "99.00 critical"


def test_names_are_escaped_and_cut() -> None:
    """A name may be a script, and may steer a terminal. A longer part of its text is a title."""
    name = "<script>alert(1)</script>\x1b[2J" + "x" * 100
    svg = heat_map([name], np.array([0, 1]), np.array([[1.0]]))
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert texts(svg)[0] == "<script>alert(1)…xxxxxxxxxxxxxxx"
    (title,) = re.findall(r"<title>(&lt;.*?)</title>", svg)
    assert title.endswith("\\x1b[2J" + "x" * 100)
    assert len(heat_map(["x" * 10**6], np.array([0, 1]), np.array([[1.0]]))) < 1_000


def test_very_many_boxes_are_outlines_by_colour() -> None:
    """They have no titles, so that the largest chart stays below 400 kB."""
    scores = np.full((50, 20_000), 5.0)
    scores[:, 10_080:] = 80.0
    scores[0, 0:63] = np.nan
    svg = heat_map(["web"] * 50, np.arange(20_001), scores)
    assert len(svg) < 400_000
    outlines = ET.fromstring(svg).findall(f"{_NAMESPACE}path")  # noqa: S314 - as above
    drawn = [(outline.attrib["fill"], outline.attrib["d"].count("M")) for outline in outlines]
    # 63 cells are drawn as one.
    assert drawn == [(COLOURS["warning"], 50 * 160 - 1), (COLOURS["critical"], 50 * 158)]


@pytest.mark.parametrize(
    ("timestamps", "places"),
    [([0, 10, 30], [0, 209, 628]), ([30, 10, 0, 10], [0, 209, 628]), ([7, 7], [0]), ([0, 1, 10**9], [0, 638])],
)
def test_neighbours_have_bars_of_their_own(timestamps: list[int], places: list[int]) -> None:
    """There is a bar for each instant, unless the chart would have more than 320."""
    drawn = boxes(bars(np.array(timestamps), np.full(len(timestamps), 50.0)))
    assert [round(left) for left, *_ in drawn] == places


def test_bars_stand_on_the_axis() -> None:
    """The ends of time are below it. A low score has the lowest bar."""
    svg = bars(np.array([0, 60_000]), np.array([np.nan, 50.0]))
    assert [(top, height, title) for _, top, _, height, _, title in boxes(svg)] == [
        (54, 2, "0.00 low"),
        (28, 28, "50.00 major"),
    ]
    assert 'height="71"' in svg
    assert 'd="M0 56.5H640"' in svg
    assert re.findall(r'<text x="(\d+)" y="(\d+)"', svg) == [("0", "68"), ("640", "68")]
