"""Charts of scores as inline SVG, coloured by severity: bars over time, and heat maps of lanes and cells.

A chart has a bounded size: columns of time that lie too close are drawn as one, with their greatest score. Its texts
are escaped, since ids and values come from documents.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise
from typing import Final

import numpy as np

from bucketquery.model.schema import Float64s, Int64s
from bucketquery.model.severity import severity
from bucketquery.model.text import shortened, told_apart

#: The colours by severity, as people know them from Kibana.
COLOURS: Final = {
    "low": "#d2e9f7",
    "warning": "#8bc8fb",
    "minor": "#fdec25",
    "major": "#fba740",
    "critical": "#fe5050",
}

_WIDTH: Final = 640
_BARS_HEIGHT: Final = 56
_LANE_HEIGHT: Final = 16
_NAME_WIDTH: Final = 190
_TEXT_HEIGHT: Final = 14
_LONGEST_NAME: Final = 32
_LONGEST_TITLE: Final = 200
#: A chart draws at most this many columns of time.
_MOST_COLUMNS: Final = 320
#: Only a smaller heat map says the score of each box, which makes the box five times as long.
_MOST_TITLES: Final = 2_000
_FULL_SCORE: Final = 100.0
_LOWEST_BAR: Final = 2
_LOWEST_GAP: Final = 4.0
_WIDEST_BAR: Final = 12.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000


def bars(timestamps: Int64s, scores: Float64s) -> str:
    """Scores over time: a bar for each column of time, as high as the greatest score in it.

    Args:
        timestamps: epoch ms, shape (n,), in any order.
        scores: shape (n,), NaN if missing.

    Returns:
        An SVG element; an empty text if there are no scores.

    O(n log n).

    >>> bars(np.array([0, 60_000]), np.array([80.0, 4.0])).count("<rect")
    2
    """
    if not len(timestamps):
        return ""
    first, last = int(timestamps.min()), int(timestamps.max())
    # Two neighbours get columns of their own, if there are not too many.
    gaps = np.diff(np.unique(timestamps))
    columns = int(min(_MOST_COLUMNS, (last - first) / gaps.min() + 1)) if len(gaps) else 1
    # Floats are exact enough to choose a column of a picture, and do not overflow.
    at = ((timestamps.astype(np.float64) - first) / max(last - first, 1) * (columns - 1)).astype(np.int64)
    highest = np.full(columns, -np.inf)
    np.maximum.at(highest, at, np.nan_to_num(scores, nan=0.0))
    width = min(max(2.0, _WIDTH / columns - 1), _WIDEST_BAR)
    drawn = []
    for column in (highest > -np.inf).nonzero()[0].tolist():
        score = float(highest[column])
        height = max(_LOWEST_BAR, min(max(score, 0.0), _FULL_SCORE) / _FULL_SCORE * _BARS_HEIGHT)
        left = column / max(columns - 1, 1) * (_WIDTH - width)
        drawn.append(_box(left, _BARS_HEIGHT - height, width, height, score))
    axis = f'<path d="M0 {_BARS_HEIGHT + 0.5}H{_WIDTH}" stroke="currentColor" stroke-opacity="0.3"/>'
    return _svg(_BARS_HEIGHT + 1 + _TEXT_HEIGHT, [*drawn, axis, *_ends(0, _BARS_HEIGHT + 1, first, last)])


def heat_map(names: Sequence[str], edges: Int64s, scores: Float64s) -> str:
    """Lanes and cells as coloured boxes; a cell without results is not drawn.

    Args:
        names: the names of l lanes.
        edges: the edges of c cells, epoch ms, shape (c + 1,).
        scores: shape (l, c), NaN where a cell has no results.

    Returns:
        An SVG element; an empty text if there are no lanes or no cells.

    O(l * c).

    >>> heat_map(["web"], np.array([0, 60_000, 120_000]), np.array([[80.0, np.nan]])).count("<rect")
    1
    """
    if not len(names) or len(edges) < 2:  # noqa: PLR2004 - a cell has two edges
        return ""
    scores, places = _drawn_columns(scores, edges)
    drawn = [
        f'<text x="{_NAME_WIDTH - 6}" y="{(lane + 1) * _LANE_HEIGHT - 4}" text-anchor="end" fill="currentColor">'
        f"<title>{escape(shortened(name, _LONGEST_TITLE))}</title>{escape(shown)}</text>"
        for lane, (name, shown) in enumerate(zip(names, told_apart(names, _LONGEST_NAME), strict=True))
    ]
    boxes = [
        (left, lane * _LANE_HEIGHT + 1, _width(right - left), _LANE_HEIGHT - 2, score)
        for lane, row in enumerate(scores.tolist())
        for (left, right), score in zip(pairwise(places.tolist()), row, strict=True)
        if score == score  # noqa: PLR0124 - NaN differs from itself
    ]
    drawn += [_box(*box) for box in boxes] if len(boxes) <= _MOST_TITLES else _outlines(boxes)
    bottom = len(names) * _LANE_HEIGHT
    return _svg(bottom + _TEXT_HEIGHT, [*drawn, *_ends(_NAME_WIDTH, bottom, int(edges[0]), int(edges[-1]))])


def _drawn_columns(scores: Float64s, edges: Int64s) -> tuple[Float64s, Float64s]:
    """The scores of the drawn columns, at most `_MOST_COLUMNS`, and the places of their edges."""
    cells = len(edges) - 1
    starts = np.arange(0, cells, -(-cells // _MOST_COLUMNS))
    highest = np.fmax.reduceat(scores, starts, axis=1)
    own = np.append(edges[starts], edges[-1]).astype(np.float64)
    return highest, _NAME_WIDTH + (own - own[0]) / (own[-1] - own[0]) * (_WIDTH - _NAME_WIDTH)


def _width(space: float) -> float:
    """The width of a box in a space: a gap behind a narrow box would make its colour paler."""
    return space - 0.5 if space > _LOWEST_GAP else space


def _box(left: float, top: float, width: float, height: float, score: float) -> str:
    word = severity(score)
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{COLOURS[word]}">'
        f"<title>{score:.2f} {word}</title></rect>"
    )


def _outlines(boxes: Sequence[tuple[float, float, float, float, float]]) -> list[str]:
    """Very many boxes as one outline for each colour, without titles."""
    paths: dict[str, list[str]] = {colour: [] for colour in COLOURS.values()}
    for left, top, width, height, score in boxes:
        paths[COLOURS[severity(score)]].append(f"M{left:.1f} {top}h{width:.1f}v{height}h-{width:.1f}")
    return [f'<path d="{"".join(path)}" fill="{colour}"/>' for colour, path in paths.items() if path]


def _ends(left: int, top: int, first: int, last: int) -> list[str]:
    """The first and the last instant below a chart."""
    style = f'y="{top + _TEXT_HEIGHT - 3}" fill="currentColor" fill-opacity="0.7"'
    return [
        f'<text x="{left}" {style}>{_instant(first)}</text>',
        f'<text x="{_WIDTH}" {style} text-anchor="end">{_instant(last)}</text>',
    ]


def _instant(epoch_ms: int) -> str:
    """An instant to the minute, or only its day if it is a midnight."""
    try:
        shown = _EPOCH + timedelta(milliseconds=epoch_ms)
    except OverflowError:
        # The end of the last cell of the year 9999.
        return f"{epoch_ms} ms"
    return shown.date().isoformat() if epoch_ms % _DAY_MS == 0 else shown.isoformat(" ", "minutes").partition("+")[0]


def _svg(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="10" shape-rendering="crispEdges" role="img">{"".join(parts)}</svg>'
    )
