"""What views and selections say of their cost."""

from functools import partial
from typing import Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.stock import (
    EVENTS,
    MANY,
    NAME,
    THOUSAND,
    anew,
    checked,
    columns,
    eventful,
    named,
    number_of,
    picked,
    reading,
    segment_of,
    table,
    unread,
    worn,
)
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS
from bucketquery.columns.table import Table
from bucketquery.columns.view import Selection, View


def finding(of: Table, first: int, last: int, *, is_new: bool) -> Call:
    """The rows of some ranks, by a view that is new each time or the same."""
    same = of.rows
    return checked(
        (lambda: anew(of).at(first, last)) if is_new else partial(same.at, first, last),
        lambda rows: number_of(rows) == last - first,
    )


def finding_runs(size: int, newest: int, dead: int = 0, *, is_new: bool = False) -> Call:
    """The last rows of a base and the first of a head behind it, by a view that is new each time or the same."""
    given = columns(size + newest)
    base, head = (segment_of(picked(given, rows)) for rows in (slice(size), slice(size, None)))
    gone, head = np.arange(dead), head.packed()
    same = View(base, gone, head)
    return checked(
        lambda: (View(base, gone, head) if is_new else same).find(size - dead - 100, size - dead + 1),
        lambda runs: runs == (slice(size - 100, size), slice(0, 1)),
    )


def comparing(size: int, count: int, *, is_new: bool) -> Call:
    """The names of so many of the last, each with those of so many others, and of the one in the head."""
    of, rows = named(size), np.arange(size - count + 1, size + 1)
    known = Selection(of.rows, rows)
    return checked(
        lambda: (unread(of, rows) if is_new else known).comparable(NAME),
        lambda codes: (codes[1:-1] > codes[:-2]).all() and codes[-1] < codes[0],
    )


def events_of(events: int, size: int) -> Selection:
    """So many of so many buckets that have events."""
    return Selection(eventful(events), np.linspace(0, events - 1, size).astype(np.int64)[::-1])


def reading_ranks(size: int) -> Call:
    """The rows of so many ranks that have been read once."""
    ranks = Selection(worn(MANY, 100).rows, (0, size, True))
    assert number_of(ranks.rows) == size
    return lambda: ranks.rows


CLAIMS: Final = (
    Claim(
        "columns.view.View.before",
        "an instant among n rows",
        LOGARITHMIC,
        lambda n: checked(
            partial(worn(n, n // 4, n // 4).rows.before, int(columns(n)["timestamp"][n // 2])),
            lambda rank: rank > n // 4,
        ),
    ),
    Claim(
        "columns.view.View.find",
        "the newest of n rows and of a head",
        LOGARITHMIC,
        lambda n: finding_runs(n, 3),
    ),
    Claim(
        "columns.view.View.find",
        "the newest rows behind n dead ones",
        LINEAR,
        lambda n: finding_runs(524_288, 3, n),
        4_096,
        262_144,
    ),
    Claim(
        "columns.view.View.find",
        "beside n rows of a head, for the first time",
        LINEAR,
        lambda n: finding_runs(MANY, n, is_new=True),
    ),
    Claim(
        "columns.view.View.numbered",
        "n rows of the base, and as many of a head",
        LINEAR,
        lambda n: checked(
            partial(table(MANY).rows.numbered, slice(0, n), slice(0, n)),
            lambda rows: rows.tolist()[n:] == [*range(MANY, MANY + n)],
        ),
    ),
    Claim(
        "columns.view.View.at",
        "a hundred ranks of n rows",
        LOGARITHMIC,
        lambda n: finding(worn(n), n // 2, n // 2 + 100, is_new=True),
    ),
    Claim(
        "columns.view.View.at",
        "n ranks in base and head",
        LINEAR,
        lambda n: finding(worn(MANY, 0, THOUSAND), 100, 100 + n, is_new=False),
    ),
    Claim(
        "columns.view.View.at",
        "a hundred ranks behind n dead rows",
        LINEAR,
        lambda n: finding(worn(524_288, n), 2 * n, 2 * n + 100, is_new=False),
        2_048,
        131_072,
    ),
    Claim(
        "columns.view.View.at",
        "n ranks with dead rows between",
        LINEAR,
        lambda n: finding(worn(524_288, 100), 0, n, is_new=False),
        4_096,
        262_144,
    ),
    Claim(
        "columns.view.View.at",
        "a hundred ranks beside n rows of a head, for the first time",
        LINEAR,
        lambda n: finding(worn(MANY, 0, n), 500, 600, is_new=True),
    ),
    Claim(
        "columns.view.View.head_places",
        "of n rows, for the first time",
        LINEAR,
        lambda n: checked(lambda: anew(worn(MANY, 0, n)).head_places(), lambda places: len(np.unique(places)) == n),
    ),
    Claim(
        "columns.view.View.head_places",
        "of n rows, once they were asked for",
        CONSTANT,
        lambda n: checked(worn(MANY, 0, n).rows.head_places, lambda places: len(places) == n),
    ),
    Claim(
        "columns.view.View.common_codes",
        "of n texts, for the first time",
        LINEAR,
        lambda n: checked(lambda: anew(named(n)).common_codes(NAME), lambda codes: codes[0] is not None),
        4_096,
        MANY,
    ),
    Claim(
        "columns.view.View.common_codes",
        "of n texts, once they were asked for",
        CONSTANT,
        lambda n: checked(partial(named(n).rows.common_codes, NAME), lambda codes: codes[0] is not None),
    ),
    Claim(
        "columns.view.View.time_span",
        "with n dead rows",
        LINEAR,
        lambda n: checked(worn(MANY, n).rows.time_span, lambda span: span is not None and span[0] > FIRST_MS),
    ),
    Claim(
        "columns.view.Selection.rows",
        "n ranks with dead rows between, for the first time",
        LINEAR,
        lambda n: checked(
            lambda: Selection(worn(524_288, 100).rows, (0, n, True)).rows, lambda rows: number_of(rows) == n
        ),
        4_096,
        262_144,
    ),
    Claim("columns.view.Selection.rows", "n ranks, once they were read", CONSTANT, reading_ranks),
    Claim(
        "columns.view.Selection.__getitem__",
        "a hundred of n rows",
        LINEAR,
        lambda n: checked(lambda: Selection(table(MANY).rows, slice(0, n))[50:150], lambda some: len(some) == 100),
        2_048,
        MANY,
    ),
    Claim(
        "columns.view.Selection.column",
        "n rows of base and head",
        LINEAR,
        lambda n: checked(partial(reading(n).column, "timestamp"), lambda column: len(np.unique(column)) == n),
    ),
    Claim(
        "columns.view.Selection.column",
        "n rows beside each other",
        CONSTANT,
        lambda n: checked(
            partial(Selection(table(MANY).rows, slice(0, n)).column, "timestamp"), lambda column: len(column) == n
        ),
    ),
    Claim(
        "columns.view.Selection.comparable",
        "n numbers",
        LINEAR,
        lambda n: checked(partial(reading(n).comparable, "timestamp"), lambda column: len(np.unique(column)) == n),
    ),
    Claim(
        "columns.view.Selection.comparable",
        "few rows, n of 65,536 texts",
        LOGLINEAR,
        lambda n: comparing(65_536, n, is_new=False),
        128,
        8_000,
    ),
    Claim(
        "columns.view.Selection.comparable",
        "n texts, for the first time",
        LINEAR,
        lambda n: comparing(n, n // 4, is_new=True),
        4_096,
        MANY,
    ),
    Claim(
        "columns.view.Selection.missing",
        "n rows of base and head",
        LINEAR,
        lambda n: checked(partial(reading(n).missing, "anomaly_score"), lambda lacking: not np.any(lacking)),
    ),
    Claim(
        "columns.view.Selection.lists",
        "of n rows",
        LINEAR,
        lambda n: checked(partial(events_of(MANY, n).lists, EVENTS), all),
    ),
    Claim(
        "columns.view.Selection.lists",
        "of a hundred of n rows",
        LOGARITHMIC,
        lambda n: checked(partial(events_of(n, 100).lists, EVENTS), all),
    ),
    Claim(
        "columns.view.Selection.having",
        "of n rows",
        LINEAR,
        lambda n: checked(partial(events_of(MANY, n).having, EVENTS), all),
    ),
    Claim(
        "columns.view.Selection.having",
        "of a hundred of n rows",
        LOGARITHMIC,
        lambda n: checked(partial(events_of(n, 100).having, EVENTS), all),
    ),
    Claim(
        "columns.view.Selection.detach",
        "n rows of base and head",
        LINEAR,
        lambda n: checked(reading(n).detach, lambda copies: copies.length == n),
    ),
)
