"""What windows and matches say of their cost."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, Claim
from benchmarks.claims.stock import MANY, anew, chances, checked, half, question, searched, worn
from benchmarks.timing import Call
from bucketquery.columns.view import View
from bucketquery.search.matches import Matches, Stretch, Window


def matches(view: View, threshold: float | None = None) -> Matches:
    """Those of all rows."""
    asked = question()._replace(threshold=threshold)
    return Matches(Window.of(view, asked.start, asked.end), asked)


def first(view: View, threshold: float | None, need: int) -> Call:
    """The first so many that match."""
    return checked(partial(matches(view, threshold).first, need, desc=False), lambda rows: len(rows) == need)


def stretching(size: int) -> Call:
    """So many scores, of which some match."""
    scores = chances(size)
    return checked(
        partial(Stretch(7, size, 0, None, scores).matching, 0, size, 50.0),
        lambda rows: (scores[rows - 7] >= 50).all() and len(rows) == np.count_nonzero(scores >= 50),
    )


def surviving(of: Callable[[Matches], Callable[..., Any]], rows: int, dead: int) -> Call:
    """Those of so many rows that match and live, where every other one of the first is dead."""
    held = matches(worn(MANY, dead).rows)
    return checked(partial(of(held), np.arange(rows)), lambda living: len(living) == max(rows - dead, rows // 2))


CLAIMS: Final = (
    Claim(
        "search.matches.Window.of",
        "a half of n rows, base and head",
        LOGARITHMIC,
        lambda n: checked(
            partial(Window.of, worn(n, n // 4, n // 4).rows, **half(n)), lambda window: abs(window.length - n // 2) < 9
        ),
    ),
    Claim("search.matches.Stretch.matching", "n rows", LINEAR, stretching),
    Claim(
        "search.matches.Matches.first",
        "n rows, compared",
        LINEAR,
        lambda n: first(searched(MANY).rows, 0.01, n),
        512,
        32_768,
    ),
    Claim(
        "search.matches.Matches.first",
        "n rows beside dead ones, without a threshold",
        LINEAR,
        lambda n: first(worn(524_288, 100).rows, None, n),
        4_096,
        262_144,
    ),
    Claim(
        "search.matches.Matches.first",
        "n rows at a severity",
        CONSTANT,
        lambda n: first(searched(MANY).rows, 3.0, n),
        128,
        8_192,
    ),
    Claim("search.matches.Matches.among", "n rows", LINEAR, lambda n: surviving(lambda held: held.among, n, 100)),
    Claim(
        "search.matches.Matches.among",
        "a hundred rows beside n dead ones",
        LOGARITHMIC,
        lambda n: surviving(lambda held: held.among, 100, n),
    ),
    Claim("search.matches.Matches.alive", "n rows", LINEAR, lambda n: surviving(lambda held: held.alive, n, 100)),
    Claim(
        "search.matches.Matches.alive",
        "a hundred rows beside n dead ones",
        LOGARITHMIC,
        lambda n: surviving(lambda held: held.alive, 100, n),
    ),
    Claim(
        "search.matches.Matches.with_head",
        "n rows and two of the head",
        LINEAR,
        lambda n: checked(
            partial(matches(worn(524_288, 0, 64).rows).with_head, np.arange(n), np.arange(2)),
            lambda rows: len(rows) == n + 2,
        ),
        4_096,
        262_144,
    ),
    Claim(
        "search.matches.Matches.with_head",
        "two of n rows of the head, for the first time",
        LINEAR,
        lambda n: checked(
            lambda: matches(anew(worn(MANY, 0, n))).with_head(np.arange(2), np.arange(2)), lambda rows: len(rows) == 4
        ),
    ),
    Claim(
        "search.matches.Matches.page",
        "up to the n-th of base and head",
        LINEAR,
        lambda n: checked(
            partial(matches(worn(524_288, 0, 64).rows).page, n - 100, n, desc=True), lambda rows: len(rows) == 100
        ),
        4_096,
        262_144,
    ),
    Claim(
        "search.matches.Matches.page",
        "up to the n-th at a severity",
        CONSTANT,
        lambda n: checked(
            partial(matches(searched(MANY).rows, 3.0).page, n - 100, n, desc=True), lambda rows: len(rows) == 100
        ),
        128,
        8_192,
    ),
)
