"""Swimlanes as text: a line for each lane, in which a character stands for one cell or several."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import numpy as np

from bucketquery.answers.shown_columns import instants, two_decimals
from bucketquery.answers.swimlane import Swimlane
from bucketquery.answers.text_table import COLOURS, named
from bucketquery.model.schema import Float64s
from bucketquery.model.severity import WORDS, severity
from bucketquery.model.text import told_apart

#: The characters of the severities, from low to critical. A terminal of any encoding has the second ones.
SHADES: Final = "·░▒▓█"
PLAIN_SHADES: Final = ".:-+#"

_GAP: Final = "  "
#: The name of a lane takes at most this part of a line, and at least some characters.
_PART_OF_NAMES: Final = 3
_SHORTEST_NAME: Final = 12
_FEWEST_COLUMNS: Final = 10
_DAY_MS: Final = 86_400_000


def swimlane_text(swimlane: Swimlane, jobs: Sequence[str], width: int, *, shades: str, in_colour: bool) -> str:
    """The swimlane as lines of text: its lanes with their greatest scores, a key, and the edges of time and the counts.

    A cell without results is a blank. If a line would be too long, a character stands for several cells and shows the
    greatest of their scores.

    Args:
        swimlane: the answer.
        jobs: the ids of the jobs that were read.
        width: the length of a line. The lines of a very narrow terminal are longer than that.
        shades: the characters of the severities, `SHADES` or `PLAIN_SHADES`.
        in_colour: whether characters and scores have the colours of their severities.

    O(l * c) for l lanes and c cells.

    >>> from bucketquery import ResultsIndex, SwimlaneQuery
    >>> index = ResultsIndex()
    >>> hour = {"job_id": "web", "bucket_span": 3600}
    >>> scores = {0: 20, 1: 80, 3: 60}
    >>> commit = index.upsert(
    ...     [{**hour, "timestamp": 3_600_000 * row, "anomaly_score": score} for row, score in scores.items()],
    ...     kind="bucket",
    ... )
    >>> swimlane = index.swimlane(SwimlaneQuery(jobs="web", cell=3600))
    >>> print(swimlane_text(swimlane, ["web"], 80, shades=PLAIN_SHADES, in_colour=False), end="")
    web  :# +  80.00
    . low  : warning  - minor  + major  # critical
    1 of 1 lanes of job web, 4 cells from 1970-01-01T00:00:00Z to 1970-01-01T04:00:00Z
    """
    columns = len(swimlane.cells)
    counts = f"{len(swimlane):,} of {swimlane.lane_count:,} lanes of {named(jobs)}, {columns:,} cells"
    if columns:
        counts += f" from {' to '.join(_ends([int(swimlane.edges[0]), int(swimlane.edges[-1])]))}"
    if not len(swimlane):
        return f"{counts}\n"
    best = np.fmax.reduce(swimlane.scores, axis=1).tolist()
    numbers = [two_decimals(score) for score in best]
    # The three dots of an encoding without shades are three characters.
    dots = "…" if shades == SHADES else "..."
    longest = max(_SHORTEST_NAME, width // _PART_OF_NAMES)
    names = told_apart(swimlane.lanes, longest, dots)
    name_width, number_width = max(map(len, names)), max(map(len, numbers))
    room = max(_FEWEST_COLUMNS, width - name_width - number_width - 2 * len(_GAP))
    cells_each = -(-columns // room)
    drawn = np.fmax.reduceat(swimlane.scores, np.arange(0, columns, cells_each), axis=1)
    lines = [
        _GAP.join(
            [
                name.ljust(name_width),
                _shaded(row, shades, in_colour=in_colour),
                _coloured(number.rjust(number_width), severity(score), in_colour=in_colour),
            ]
        )
        for name, row, number, score in zip(names, drawn, numbers, best, strict=True)
    ]
    key = [f"{_coloured(shade, word, in_colour=in_colour)} {word}" for shade, word in zip(shades, WORDS, strict=True)]
    if cells_each > 1:
        counts += f", {cells_each:,} cells a character"
    return "\n".join([*lines, _GAP.join(key), f"{counts}\n"])


def _ends(edges: list[int]) -> list[str]:
    """The first and the last edge; dates if both are midnights of UTC."""
    texts = instants(edges)
    return texts if any(edge % _DAY_MS for edge in edges) else [text.partition("T")[0] for text in texts]


def _shaded(scores: Float64s, shades: str, *, in_colour: bool) -> str:
    """The characters of some scores. Neighbours of one severity share one code of a colour."""
    words = ["" if score != score else severity(score) for score in scores.tolist()]  # noqa: PLR0124 - NaN
    by_word: dict[str, str] = dict(zip(WORDS, shades, strict=True))
    parts = []
    for word, same in groupby(words):
        length = len(list(same))
        parts.append(_coloured(by_word[word] * length, word, in_colour=in_colour) if word else " " * length)
    return "".join(parts)


def _coloured(text: str, word: str, *, in_colour: bool) -> str:
    return f"\x1b[{COLOURS[word]}m{text}\x1b[m" if in_colour else text
