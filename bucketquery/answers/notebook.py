"""Answers as HTML for notebooks: a table with severities as colours, and a chart of the scores over time.

Every text from a document is escaped. At most 50 results and 50 lanes are shown. The HTML has no script and no style
sheet, and takes its text colour from the page that shows it.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from bucketquery.answers.score_chart import COLOURS, bars, heat_map
from bucketquery.answers.shown_columns import NUMBERS, columns_of, two_decimals
from bucketquery.model.schema import Float64s, Int64s, Schema
from bucketquery.model.severity import severity
from bucketquery.model.text import shortened, visible

#: The largest number of rows in a table, and of lanes in a heat map.
MOST_SHOWN: Final = 50
#: A text in a table has at most this many characters; the values of influencers have any length.
_LONGEST_CELL: Final = 300


def results_html(  # noqa: PLR0917 - the parts of a page
    schema: Schema,
    keys: Sequence[tuple[Any, ...]],
    results: Sequence[Any] | None,
    timestamps: Int64s,
    scores: Float64s,
    count: int,
) -> str:
    """The results of a page as HTML: all their scores over time, and a table of the first ones.

    Args:
        schema: the kind of the results.
        keys: the identities of the first results, at most `MOST_SHOWN`.
        results: the values of these results; None if the index keeps no documents, so the table shows the identities.
        timestamps: epoch ms of all results of the page, shape (n,).
        scores: shape (n,), NaN if missing.
        count: the number of all matches.

    O(n).

    >>> from bucketquery.model.schema import BUCKET
    >>> results_html(BUCKET, [("<b>", 0, 300)], None, np.array([0]), np.array([80.0]), 1).count("&lt;b&gt;")
    2
    """
    first = np.nan_to_num(scores[: len(keys)]).tolist()
    jobs = {job_id for job_id, *_ in keys}
    whose = f"job {next(iter(jobs))}" if len(jobs) == 1 else "several jobs"
    caption = f"{len(scores):,} of {count:,} {schema.plural}" + (f" of {whose}" if jobs else "")
    if len(keys) < len(scores):
        caption += f"; the first {len(keys)} are shown"
    columns = _identities(schema, keys, first) if results is None else columns_of(schema.kind, results)
    return _block(caption, bars(timestamps, scores), _table(columns, [severity(score) for score in first]))


def swimlane_html(names: Sequence[str], edges: Int64s, scores: Float64s, lane_count: int) -> str:
    """A swimlane as HTML: a heat map of its first lanes.

    Args:
        names: the names of l lanes.
        edges: the edges of c cells, epoch ms, shape (c + 1,).
        scores: shape (l, c), NaN where a cell has no results.
        lane_count: the number of all lanes.

    O(l * c).

    >>> swimlane_html(["web"], np.array([0, 60_000]), np.array([[80.0]]), 1).count("<rect")
    1
    """
    shown = min(len(names), MOST_SHOWN)
    caption = f"{len(names):,} of {lane_count:,} lanes, {max(len(edges) - 1, 0):,} cells"
    if shown < len(names):
        caption += f"; the first {shown} lanes are shown"
    return _block(caption, heat_map(names[:shown], edges, scores[:shown]))


def overall_html(timestamps: Int64s, scores: Float64s, columns: Mapping[str, Sequence[str]]) -> str:
    """Overall buckets as HTML: their scores over time, and a table of the first ones.

    Args:
        timestamps: epoch ms, shape (n,).
        scores: shape (n,).
        columns: the cells of the first results, by title, at most `MOST_SHOWN` each.

    O(n).

    >>> overall_html(np.array([0]), np.array([80.0]), {"timestamp": ["1970"]}).count("<rect")
    1
    """
    shown = min(len(timestamps), MOST_SHOWN)
    caption = f"{len(timestamps):,} overall buckets"
    if shown < len(timestamps):
        caption += f"; the first {shown} are shown"
    severities = [severity(score) for score in scores[:shown].tolist()]
    return _block(caption, bars(timestamps, scores), _table(columns, severities))


def top_html(columns: Mapping[str, Sequence[str]], scores: Float64s, shown: int, count: int) -> str:
    """Top influencers as HTML: a table of the first ones.

    Args:
        columns: the cells of the first entries, by title, at most `MOST_SHOWN` each.
        scores: the greatest scores of these entries.
        shown: the number of entries in the answer.
        count: the number of all entries.

    >>> top_html({"value": ["<b>"], "score": ["80.00"]}, np.array([80.0]), 1, 7).count("&lt;b&gt;")
    1
    """
    caption = f"{shown:,} of {count:,} influencers"
    if len(scores) < shown:
        caption += f"; the first {len(scores)} are shown"
    return _block(caption, _table(columns, [severity(score) for score in scores.tolist()]))


def _identities(schema: Schema, keys: Sequence[tuple[Any, ...]], scores: Sequence[float]) -> dict[str, list[str]]:
    """The identities and the scores of some results."""
    names = ("job_id", *schema.identity)
    columns = {
        name: ["" if key[at] is None else visible(str(key[at])) for key in keys] for at, name in enumerate(names)
    }
    return {**columns, "score": [two_decimals(score) for score in scores]}


def _table(columns: Mapping[str, Sequence[str]], severities: Sequence[str]) -> str:
    """A table without empty columns. Scores have the colour of their severity."""
    titles = [title for title, cells in columns.items() if any(cells)]
    if not titles:
        return ""
    head = "".join([f'<th style="text-align:{_side(title)}">{escape(title)}</th>' for title in titles])
    rows = []
    for row, word in enumerate(severities):
        cells = []
        for title in titles:
            colour = f";background:{COLOURS[word]};color:#000" if title in ("score", "severity") else ""
            shown = escape(shortened(columns[title][row], _LONGEST_CELL))
            cells.append(f'<td style="text-align:{_side(title)}{colour}">{shown}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _side(title: str) -> str:
    return f"{'right' if title in NUMBERS else 'left'}{';white-space:nowrap' if title == 'timestamp' else ''}"


def _block(caption: str, *parts: str) -> str:
    return f"<div><div>{escape(visible(caption))}</div>{''.join(parts)}</div>"
