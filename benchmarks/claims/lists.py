"""What lists and columns of texts say of their cost."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.made import FAR, FEW, NEAR, codes_of, dealt_rows, host, hosts, list_at, lists_of, some_rows
from benchmarks.timing import Call
from bucketquery.columns.lists import Entry, Lists
from bucketquery.columns.texts import compact, decoded, encoded, in_terms_of, merged
from bucketquery.model.schema import Int64s

Ask = Callable[[Int64s], Any]
"""What is asked of some rows."""

# Lists


def told(lists: Lists) -> list[tuple[int, Entry]]:
    """The rows that have a list, each with it."""
    rows, values = lists.used()
    return list(zip(rows.tolist(), values.tolist(), strict=True))


def merging(lists: int) -> Call:
    """So many in all, in parts whose rows lie among each other's."""
    every = Lists.of_tuples([(f"event {row}",) for row in range(lists)])
    parts = [every.select(np.arange(at, lists, 16)).moved(np.arange(at, lists, 16)) for at in range(16)]
    assert told(Lists.merged(parts)) == told(every)
    return partial(Lists.merged, parts)


def taking(rows: int, lists: int, *, of: Callable[[int], Ask] = lambda lists: lists_of(lists).take) -> Call:
    """The lists of some rows, one by one."""
    take, wanted = of(lists), dealt_rows(rows, 2 * lists)
    assert take(wanted) == [list_at(row) for row in wanted.tolist()]
    return partial(take, wanted)


def having(rows: int, lists: int, *, of: Callable[[int], Ask] = lambda lists: lists_of(lists).having) -> Call:
    """Whether each of some rows has one."""
    have, wanted = of(lists), dealt_rows(rows, 2 * lists)
    assert np.array_equal(have(wanted), wanted % 2 == 0)
    return partial(have, wanted)


def taking_a_stretch(rows: int, lists: int) -> Call:
    """The lists of rows beside each other, about the middle."""
    first, stop = lists - rows // 2, lists - rows // 2 + rows
    assert lists_of(lists).between(first, stop) == [list_at(row) for row in range(first, stop)]
    return partial(lists_of(lists).between, first, stop)


def cutting(lists: int) -> Call:
    """All but the first and the last, in arrays of their own."""
    held = lists_of(lists)
    assert told(held.part(1, lists - 1, 2)) == [(row - 2, list_at(row)) for row in range(2, 2 * lists - 2, 2)]
    return partial(held.part, 1, lists - 1, 2)


def taking_the_first(lists: int) -> Call:
    """Those before a row in the middle."""
    assert told(lists_of(lists).first(lists)) == told(lists_of(lists // 2))
    return partial(lists_of(lists).first, lists)


def selecting(lists: int, rows: int) -> Call:
    """Those of some rows, from everywhere; where there are more of these, the lists are further from each other."""
    most = max(lists, rows)
    step = 2 * most // lists
    held, chosen = lists_of(lists, step), some_rows(rows, most)
    wanted = [(at, list_at(row, step)) for at, row in enumerate(chosen.tolist()) if row % step == 0]
    assert told(held.select(chosen)) == wanted
    assert wanted
    return partial(held.select, chosen)


def reordering(rows: int, lists: int) -> Call:
    """Those of some rows, from here and there."""
    held, order = lists_of(lists), dealt_rows(rows, 2 * lists)
    wanted = [(at, list_at(row)) for at, row in enumerate(order.tolist()) if row % 2 == 0]
    assert told(held.reordered(order)) == wanted
    assert wanted
    return partial(held.reordered, order)


def moving(lists: int) -> Call:
    """Each to a place further on by half of its own."""
    held, places = lists_of(lists), np.arange(2 * lists) * 3 // 2
    assert held.moved(places).rows.tolist() == list(range(0, 3 * lists, 3))
    return partial(held.moved, places)


def shifting(lists: int) -> Call:
    """All by the same."""
    held = lists_of(lists)
    assert held.shifted(7).rows.tolist() == list(range(7, 2 * lists + 7, 2))
    return partial(held.shifted, 7)


def appending_many(later: int) -> Call:
    """Behind a single one, which has no room for them."""
    one, others = lists_of(1), lists_of(later).shifted(2)
    assert told(one.append(others)) == [(0, list_at(0)), *((row + 2, list_at(row)) for row in range(0, 2 * later, 2))]
    return partial(one.append, others)


def appending_again_and_again(lists: int, *, alone: bool) -> Call:
    """One behind those that are there by then, in either way."""
    grown, event = lists_of(lists), ("event",)

    def append() -> None:
        nonlocal grown
        row = 2 * grown.length
        grown = grown.append_one(row, event) if alone else grown.append(Lists.of_rows([row], [event]))

    append()
    assert told(grown) == [*told(lists_of(lists)), (2 * lists, event)]
    return append


def editing(lists: int) -> Call:
    """One put in among the others."""
    held, row, event = lists_of(lists), lists | 1, ("event",)
    made = held.edited(row, event, 1)
    assert told(made.first(row)) == told(held.first(row))
    assert told(made)[(row + 1) // 2] == (row, event)
    assert made.length == lists + 1
    return partial(held.edited, row, event, 1)


def replacing(lists: int) -> Call:
    """Those of a few rows, of which half had none."""
    held, rows, event = lists_of(lists), some_rows(64, lists), ("event",)
    others = Lists.of_rows(range(64), [event] * 64)
    made = held.replace(rows, others)
    assert made.length == lists + 32
    assert made.take(rows) == [event] * 64
    return partial(held.replace, rows, others)


def checking_lists(lists: int) -> Call:
    """That they are whole."""
    return partial(lists_of(lists).check, 2 * lists)


# Texts


def encoding(rows: int, texts: int) -> Call:
    """So many rows that have so many texts, one of them none."""
    given = [None if code < 0 else host(code) for code in codes_of(rows, texts).tolist()]
    codes, dictionary = encoded(given)
    assert dictionary.tolist() == sorted({text for text in given if text is not None})
    assert decoded(codes, dictionary).tolist() == given
    return partial(encoded, given)


def decoding(rows: int) -> Call:
    """So many rows that have a few texts."""
    codes, dictionary = codes_of(rows, 64), hosts(64)
    assert decoded(codes, dictionary).tolist() == [None if code < 0 else host(2 * code) for code in codes.tolist()]
    return partial(decoded, codes, dictionary)


def comparing(rows: int, others: int, texts: int) -> Call:
    """Rows of a dictionary whose every text lies between two of the other."""
    codes = codes_of(rows, others)
    terms = in_terms_of(hosts(texts), codes, hosts(others, 1))
    places = np.minimum(codes + 0.5, texts - 0.5)
    assert np.array_equal(terms, np.where(codes < 0, -1, places))
    return partial(in_terms_of, hosts(texts), codes, hosts(others, 1))


def merging_what_is_there(others: int, texts: int) -> Call:
    """A dictionary of some of the texts of another."""
    held = hosts(texts)
    given = held[np.arange(others) * texts // others]
    both, first, other = merged(held, given)
    assert both is held
    assert first is None
    assert both[other[:-1]].tolist() == given.tolist()
    return partial(merged, held, given)


def merging_a_new_text(texts: int) -> Call:
    """A dictionary of one text that the other has not."""
    held, given = hosts(texts), hosts(1, texts | 1)
    both, first, other = merged(held, given)
    assert len(both) == texts + 1
    assert first is not None
    assert both[first[:-1]].tolist() == held.tolist()
    assert both[other[:-1]].tolist() == given.tolist()
    return partial(merged, held, given)


def compacting(rows: int, texts: int) -> Call:
    """Rows of which none has the last text."""
    codes, dictionary = codes_of(rows, texts - 1), hosts(texts)
    made, used = compact(codes, dictionary)
    assert len(used) < texts
    assert decoded(made, used).tolist() == decoded(codes, dictionary).tolist()
    return partial(compact, codes, dictionary)


def compacting_few(rows: int, texts: int) -> Call:
    """Rows of so few texts that only those are looked at."""
    assert rows < texts // 8
    return compacting(rows, texts)


CLAIMS: Final = (
    Claim("columns.lists.Lists.merged", "n lists, of rows among each other", LOGLINEAR, merging),
    Claim("columns.lists.Lists.take", "n rows of 1,024 lists", LINEAR, partial(taking, lists=1_024), *FEW),
    Claim("columns.lists.Lists.take", "256 rows of n lists", LOGARITHMIC, partial(taking, 256)),
    Claim("columns.lists.Lists.having", "n rows of 1,024 lists", LINEAR, partial(having, lists=1_024), *FEW),
    Claim("columns.lists.Lists.having", "256 rows of n lists", LOGARITHMIC, partial(having, 256)),
    Claim("columns.lists.Lists.between", "n rows, half with lists", LINEAR, lambda size: taking_a_stretch(size, size)),
    Claim("columns.lists.Lists.between", "100 rows of n lists", LOGARITHMIC, partial(taking_a_stretch, 100)),
    Claim("columns.lists.Lists.part", "all but two of n lists", LINEAR, cutting),
    Claim("columns.lists.Lists.first", "half of n lists", LOGARITHMIC, taking_the_first),
    Claim("columns.lists.Lists.select", "n lists, 1,024 rows", LINEAR, partial(selecting, rows=1_024)),
    Claim("columns.lists.Lists.select", "256 lists, n rows", LOGARITHMIC, partial(selecting, 256)),
    Claim("columns.lists.Lists.reordered", "n rows of 1,024 lists", LINEAR, partial(reordering, lists=1_024), *FEW),
    Claim("columns.lists.Lists.reordered", "256 rows of n lists", LOGARITHMIC, partial(reordering, 256)),
    Claim("columns.lists.Lists.moved", "n lists", LINEAR, moving),
    Claim("columns.lists.Lists.shifted", "n lists", LINEAR, shifting, *NEAR),
    Claim("columns.lists.Lists.append", "n lists behind one", LINEAR, appending_many),
    Claim(
        "columns.lists.Lists.append",
        "one list behind n and the earlier ones",
        CONSTANT,
        partial(appending_again_and_again, alone=False),
    ),
    Claim(
        "columns.lists.Lists.append_one",
        "behind n lists and the earlier ones",
        CONSTANT,
        partial(appending_again_and_again, alone=True),
    ),
    Claim("columns.lists.Lists.edited", "one among n lists", LINEAR, editing),
    Claim("columns.lists.Lists.replace", "64 among n lists", LOGLINEAR, replacing),
    Claim("columns.lists.Lists.check", "n lists", LINEAR, checking_lists),
    Claim("columns.texts.encoded", "n rows of 64 texts", LINEAR, partial(encoding, texts=64)),
    Claim("columns.texts.encoded", "n rows of as many texts", LOGLINEAR, lambda size: encoding(size, size), 64, 4_096),
    Claim("columns.texts.decoded", "n rows", LINEAR, decoding),
    Claim("columns.texts.in_terms_of", "n rows, 64 texts", LINEAR, partial(comparing, others=64, texts=64), *FAR),
    Claim("columns.texts.in_terms_of", "n texts and rows", LINEAR, lambda size: comparing(size, size, texts=1_024)),
    Claim("columns.texts.in_terms_of", "of a dictionary of n", LOGARITHMIC, partial(comparing, 64, 64)),
    Claim("columns.texts.merged", "n of the 16,384 texts", LINEAR, partial(merging_what_is_there, texts=16_384), *FEW),
    Claim("columns.texts.merged", "64 of the n texts", LOGARITHMIC, partial(merging_what_is_there, 64)),
    Claim("columns.texts.merged", "a new one among n texts", LINEAR, merging_a_new_text),
    Claim("columns.texts.compact", "n rows of 1,024 texts", LINEAR, partial(compacting, texts=1_024)),
    Claim("columns.texts.compact", "n rows of as many texts", LINEAR, lambda size: compacting(size, size)),
    Claim(
        "columns.texts.compact",
        "n rows of 8 n texts",
        LOGLINEAR,
        lambda size: compacting_few(size, 8 * size + 8),
        256,
        4_096,
    ),
    Claim("columns.texts.compact", "64 rows of n texts", CONSTANT, partial(compacting_few, 64)),
)
"""Lists first, then texts."""
