"""What ladders and tallies say of their cost."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.stock import MILLION, chances, checked, even
from benchmarks.timing import Call
from bucketquery.columns.ladder import Ladder, Rung, merits_of
from bucketquery.columns.tally import Counter, Tally
from bucketquery.model.schema import Float64s, Int64s

#: More values than this are not compared again and again.
_MANY: Final = 262_144


# Ladders


def rung(size: int) -> Rung:
    """One of so many rows, every third row of a column, and of merits from 50 on."""
    return Rung.of(np.float64(50.0), 49.0, 3 * np.arange(size), 50 + chances(size) / 2)


def rung_asked_before(size: int) -> Call:
    """A count of nearly all of its rows, once a rung has been asked so often that it has a tally."""
    of = rung(size)
    for _ in range(3):
        of.count(0, size, 75.0)
    return checked(partial(of.count, 100, size - 100, 50.0), lambda found: found == size - 200)


def rung_checked(size: int) -> Call:
    """The check of such a rung, against its column."""
    merits = np.full(3 * size, 49.0)
    rows, own = rung(size).entries()
    merits[rows] = own
    call = partial(rung(size).check, merits)
    call()
    return call


def corrections(size: int, step: int) -> tuple[Int64s, Float64s]:
    """Rows, and merits of which every other one is below 50."""
    return step * np.arange(size), np.where(np.arange(size) % 2, 60.0, 40.0)


def correcting(size: int, changed: int) -> Call:
    """So many of its rows, of which half leave it."""
    of = rung(size)
    return checked(
        partial(of.corrected, *corrections(changed, 3)), lambda corrected: len(corrected) == size - changed // 2
    )


def correcting_again(size: int, times: int, *, is_read: bool) -> Call:
    """A rung so many times, before anybody reads it; and then it may be read."""
    of, (rows, merits) = rung(size), corrections(64, 3)

    def correct() -> Rung:
        newest = of
        for _ in range(times):
            newest = newest.corrected(rows, merits)
        return newest

    return checked((lambda: correct().entries()) if is_read else correct, lambda _: len(correct()) == size - 32)


def growing_rung(size: int) -> Rung:
    """One that came to its rows sixty-four at a time."""
    newest, later = rung(64), np.full(64, 75.0)
    for first in range(64, size, 64):
        newest = newest.with_later(3 * np.arange(first, first + 64), later)
    return newest


def appending_to_a_rung(size: int) -> Call:
    """Eight rows behind so many, where there is room."""
    later = np.full(8, 75.0)
    newest = rung(size).with_later(np.arange(3 * size, 3 * size + 8), later)
    rows = np.arange(3 * size + 8, 3 * size + 16)
    return checked(partial(newest.with_later, rows, later), lambda grown: len(grown) == size + 16)


@cache
def ladder(size: int) -> Ladder:
    """That of numbers of chance, with a rung at each of the severities; not to be modified."""
    return Ladder.of(chances(size), (3.0, 25.0, 50.0, 75.0))


def growing_ladder(size: int) -> Ladder:
    """One that came to its rows two hundred and fifty-six at a time."""
    later = chances(256)
    newest = Ladder.of(later)
    for _ in range(256, size, 256):
        newest = newest.with_later(later)
    return newest


def appending_to_a_ladder(size: int) -> Call:
    """Sixty-four rows behind so many, where there is room."""
    newest = Ladder.of(chances(size)).with_later(chances(64))
    return checked(
        partial(newest.with_later, chances(64)), lambda grown: grown.covered == size + 128 and len(grown.rungs) > 1
    )


def correcting_a_ladder(size: int, changed: int, *, is_read: bool) -> Call:
    """So many rows have another merit; and then all rungs may be read."""
    of, merits, (rows, others) = ladder(size), chances(size), corrections(changed, 1)
    merits[rows] = others

    def correct() -> Ladder:
        corrected = of.corrected(rows, others)
        assert corrected is not None
        return corrected

    def read() -> list[int]:
        return [len(each) for each in correct().rungs]

    correct().check(merits)
    return checked(read if is_read else correct, lambda _: read() != [len(each) for each in of.rungs])


def ladder_checked(size: int) -> Call:
    """The check of a ladder."""
    assert len(ladder(size).rungs) > 1
    return partial(ladder(size).check, chances(size))


_LADDERS: Final = (
    Claim(
        "columns.ladder.Rung.entries",
        "of a rung of n rows",
        CONSTANT,
        lambda n: checked(rung(n).entries, lambda entries: len(entries[0]) == len(entries[1]) == n),
    ),
    Claim(
        "columns.ladder.Rung.entries",
        "of n rows, after a correction of sixty-four",
        LINEAR,
        lambda n: correcting_again(n, 1, is_read=True),
        4_096,
        131_072,
    ),
    Claim(
        "columns.ladder.Rung.between",
        "a hundred of n rows",
        LOGARITHMIC,
        lambda n: checked(partial(rung(n).between, 1_500, 1_800), lambda found: len(found[1]) == 100),
    ),
    Claim(
        "columns.ladder.Rung.count",
        "n entries, compared",
        LINEAR,
        lambda n: checked(partial(rung(n).count, 0, n, 75.0), lambda count: n > count > n // 3),
        2_048,
        131_072,
    ),
    Claim("columns.ladder.Rung.count", "n entries, tallied", LOGARITHMIC, rung_asked_before, _MANY, 8 * _MANY),
    Claim(
        "columns.ladder.Rung.with_later",
        "n rows, sixty-four at a time",
        LINEAR,
        lambda n: checked(partial(growing_rung, n), lambda grown: len(grown) == n),
    ),
    Claim("columns.ladder.Rung.with_later", "eight rows behind n", CONSTANT, appending_to_a_rung),
    Claim("columns.ladder.Rung.corrected", "n of a million rows", LINEAR, lambda n: correcting(MILLION, n)),
    Claim("columns.ladder.Rung.corrected", "sixty-four of n rows", CONSTANT, lambda n: correcting(n, 64)),
    Claim(
        "columns.ladder.Rung.corrected",
        "five times sixty-four of n rows, of which four wait",
        LINEAR,
        lambda n: correcting_again(n, 5, is_read=False),
        4_096,
        _MANY,
    ),
    Claim("columns.ladder.Rung.check", "of n rows", LINEAR, rung_checked),
    Claim(
        "columns.ladder.Ladder.of",
        "n rows",
        LINEAR,
        lambda n: checked(partial(Ladder.of, chances(n), (75.0,)), lambda made: made.covered == n and made.rungs),
        4_096,
        _MANY,
    ),
    Claim(
        "columns.ladder.Ladder.with_later",
        "n rows, two hundred and fifty-six at a time",
        LINEAR,
        lambda n: checked(partial(growing_ladder, n), lambda grown: grown.covered == n),
    ),
    Claim(
        "columns.ladder.Ladder.with_later", "sixty-four rows behind n", LOGARITHMIC, appending_to_a_ladder, 4_096, _MANY
    ),
    Claim(
        "columns.ladder.Ladder.corrected",
        "n of a million rows",
        LINEAR,
        lambda n: correcting_a_ladder(MILLION, n, is_read=False),
    ),
    Claim(
        "columns.ladder.Ladder.corrected",
        "sixty-four of n rows",
        LOGARITHMIC,
        lambda n: correcting_a_ladder(n, 64, is_read=False),
        4_096,
        _MANY,
    ),
    Claim(
        "columns.ladder.Ladder.corrected",
        "sixty-four of n rows, and reading all rungs",
        LINEAR,
        lambda n: correcting_a_ladder(n, 64, is_read=True),
        16_384,
        MILLION,
    ),
    Claim("columns.ladder.Ladder.check", "of n rows", LINEAR, ladder_checked),
    Claim(
        "columns.ladder.merits_of",
        "n values, the greatest first",
        CONSTANT,
        lambda n: checked(partial(merits_of, even(n), desc=True), lambda merits: merits[-1] == 2 * n - 2),
    ),
    Claim(
        "columns.ladder.merits_of",
        "n values, the least first",
        LINEAR,
        lambda n: checked(partial(merits_of, even(n), desc=False), lambda merits: (merits[:-1] > merits[1:]).all()),
        2_048,
        131_072,
    ),
)


# Tallies


Count = Callable[[Float64s, int, int, float], int]


def counting(values: Float64s, of: Callable[[Float64s], Count], threshold: float = 0.0) -> Call:
    """How many values, but for those at both ends, are at or above a threshold; unless told, all are."""
    right = int(np.count_nonzero(values[100:-100] >= threshold))
    assert right
    return checked(partial(of(values), values, 100, len(values) - 100, threshold), lambda found: found == right)


def asked_before(values: Float64s) -> Count:
    """A counter that has been asked so often that it has a tally."""
    counter = Counter()
    for _ in range(3):
        counter.count(values, 0, len(values), 50.0)
    assert counter.nbytes()
    return counter.count


def asked_anew(values: Float64s, times: int) -> Callable[[], int]:
    """What a new counter says when it is asked so many times."""

    def ask() -> int:
        counter = Counter()
        return max(counter.count(values, 0, len(values), 50.0) for _ in range(times))

    return ask


def tied(size: int) -> Float64s:
    """So many values that are alike, and so of one class, among as many others."""
    values = chances(2 * size)
    values[size // 2 : -(size // 2)] = 50.0
    return values


_TALLIES: Final = (
    Claim(
        "columns.tally.Tally",
        "of n values",
        LOGLINEAR,
        lambda n: checked(partial(Tally, chances(n)), lambda tally: tally.length == n),
        16_384,
        MILLION,
    ),
    Claim(
        "columns.tally.Tally.count",
        "all but the ends of n values",
        LOGARITHMIC,
        lambda n: counting(chances(n), lambda values: Tally(values).count),
        16_384,
        MILLION,
    ),
    Claim(
        "columns.tally.Tally.count",
        "where n values are in the class that is divided",
        LINEAR,
        lambda n: counting(tied(n), lambda values: Tally(values).count, 50.0),
        8_192,
        524_288,
    ),
    Claim(
        "columns.tally.Counter.count",
        "n values, for the first time",
        LINEAR,
        lambda n: checked(asked_anew(chances(n), 1), lambda found: n > found > n // 3),
        8_192,
        2 * _MANY,
    ),
    Claim(
        "columns.tally.Counter.count",
        "n values, asked again and again",
        LOGARITHMIC,
        lambda n: counting(chances(n), asked_before),
        2 * _MANY,
        16 * _MANY,
    ),
    Claim(
        "columns.tally.Counter.count",
        "n values, for the third time",
        LOGLINEAR,
        lambda n: checked(asked_anew(chances(n), 3), lambda found: n > found > n // 3),
        _MANY,
        4 * _MANY,
    ),
)


CLAIMS: Final = (*_LADDERS, *_TALLIES)
