"""What segments say of their cost."""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.lists import Ask, having, taking
from benchmarks.claims.made import (
    BUCKET,
    EVENTS,
    FAR,
    FEW,
    HOST,
    INFLUENCER,
    LAYOUT,
    NEAR,
    Maker,
    are_same,
    buckets,
    dealt_rows,
    hosts,
    influencers,
    list_at,
    listed,
    masked,
    packed,
    some_rows,
)
from benchmarks.timing import Call
from benchmarks.workloads import SPAN_MS
from bucketquery.columns.lists import Lists
from bucketquery.columns.ordered import with_room
from bucketquery.columns.packed import NOTHING, Packed
from bucketquery.columns.segment import Segment, coded, gather, packed_segment
from bucketquery.columns.texts import decoded
from bucketquery.model.schema import Int64s

MANY: Final = 65_536
"""So many rows there are where their number does not grow."""
BYTES: Final = (65_536, 2_097_152)
"""Sizes where a row takes a byte, and little else."""


def half_listed(size: int) -> Segment:
    """So many buckets, half with lists."""
    return listed(size // 2)


def rescored(held: Segment, rows: Int64s) -> Segment:
    """Some rows of another; every second one with another score."""
    some = held.select(rows)
    return some.rescore(np.arange(len(rows)), some.column("anomaly_score") + np.arange(len(rows)) % 2)


# What is asked of them


def knowing_texts(rows: int, texts: int, known: int) -> Call:
    """Which rows have texts that are known; half of the texts are, the lower ones."""
    held, other = influencers(known, known), influencers(rows, texts, 2 * known - texts)
    assert np.array_equal(held.has_texts_of(other), other.column(HOST) < texts // 2)
    return partial(held.has_texts_of, other)


def reading_values(rows: int) -> Call:
    """The scores of some rows."""
    held, wanted = buckets(MANY), dealt_rows(rows, MANY)
    assert np.array_equal(held.values("anomaly_score", wanted), held.column("anomaly_score")[wanted])
    return partial(held.values, "anomaly_score", wanted)


def reading_texts(rows: int) -> Call:
    """The hosts of some rows."""
    held, wanted = influencers(MANY, 64), dealt_rows(rows, MANY)
    names = [*hosts(64).tolist(), None]
    assert held.values(HOST, wanted).tolist() == [names[code] for code in held.column(HOST)[wanted].tolist()]
    return partial(held.values, HOST, wanted)


def bare(size: int) -> Segment:
    """So many rows of which nothing else is told."""
    return Segment(BUCKET, size, NOTHING, NOTHING, NOTHING, NOTHING)


def reading_a_mask(size: int, *, of: Maker, missing: int) -> Call:
    """Of a column that misses so many values."""
    held = of(size)
    assert np.count_nonzero(held.mask("event_count")) == size - missing
    return partial(held.mask, "event_count")


def reading_what_is_missing(rows: int, *, of: Maker, name: str, at: int) -> Call:
    """Of some rows, the first of them the only one without a value."""
    held, wanted = of(MANY), dealt_rows(rows, MANY)
    wanted[0] = at
    missing = held.missing(name, wanted)
    assert missing is not None
    assert np.array_equal(missing, wanted == at)
    return partial(held.missing, name, wanted)


def comparing(rows: int, of: int, *, how: str, like: Maker = buckets, is_masked: bool = False) -> Call:
    """Some rows with the same in a segment of their own, where every second one has another score; or a mask, too."""
    held, chosen, there = like(of), some_rows(rows, of // 2), np.arange(rows)
    others = rescored(held, chosen)
    if is_masked:
        others = Segment(BUCKET, rows, others.columns, {"event_count": there >= 0}, NOTHING, NOTHING)
    assert np.array_equal(held.same_rows(chosen, others, there), there % 2 == 0)
    assert held.differing(chosen, others, there) == 1
    return partial(getattr(held, how), chosen, others, there)


def meeting_texts(here: int, there: int, *, how: str) -> Call:
    """Rows of 64 texts, of two segments that know so many: compared, put in the place of the others, or behind them."""
    starts = (0, 128 if how == "append" else 0)
    held, others = (
        Segment(INFLUENCER, 128, influencers(128, 64, start=start).columns, NOTHING, {HOST: hosts(texts)}, NOTHING)
        for start, texts in zip(starts, (here, there), strict=True)
    )
    rows = np.arange(128)
    given = {"append": (others,), "replace": (rows, others)}.get(how, (rows, others, rows))
    call: Callable[[], Any] = partial(getattr(held, how), *given)
    if how in {"append", "replace"}:
        assert are_same(call().select(rows + starts[1]), others)
    else:
        assert np.all(call() if how == "same_rows" else call() == 0)
    return call


def taking_a_stretch(rows: int, lists: int) -> Call:
    """Those of rows beside each other, the last first."""
    held, wanted = listed(lists), range(lists + rows // 2, lists - rows // 2, -1)
    asked = slice(wanted.start, wanted.stop, -1)
    assert held.take_lists(EVENTS, asked) == [list_at(row) for row in wanted]
    return partial(held.take_lists, EVENTS, asked)


def asking_for_a_ladder(size: int, *, anew: bool) -> Call:
    """Of a segment that has it, or of one that has none so far."""

    def made() -> Segment:
        return Segment(BUCKET, size, buckets(size).columns, NOTHING, NOTHING, NOTHING)

    held = made()
    ladder = held.ladder("event_count", desc=True)
    assert ladder is not None
    assert (ladder.covered, bool(ladder.rungs)) == (size, True)
    assert held.ladder("event_count", desc=True) is ladder
    return lambda: (made() if anew else held).ladder("event_count", desc=True)


def checking(size: int) -> Call:
    """That it is whole."""
    return masked(size).check


# What is made of them


def packing(size: int) -> Call:
    """All of them, one without a value."""
    held = masked(size)
    made = held.packed()
    assert isinstance(made.columns, Packed)
    assert are_same(made, held)
    return held.packed


def unpacking(size: int) -> Call:
    """All of them, one without a value."""
    held = masked(size).packed()
    assert not isinstance(held.unpacked().columns, Packed)
    assert are_same(held.unpacked(), held)
    return held.unpacked


def selecting(rows: int, of: int, *, step: int) -> Call:
    """Some of so many rows, and their lists; every so many rows there is one."""
    held, chosen = listed(of // step, step), some_rows(rows, of // 2)
    made = held.select(chosen)
    assert np.array_equal(made.column("timestamp"), held.column("timestamp")[chosen])
    assert made.take_lists(EVENTS, slice(None)) == [list_at(row, step) for row in chosen.tolist()]
    return partial(held.select, chosen)


def appending(later: int) -> Call:
    """So many behind a single one, where there is room for them."""
    every = buckets(later + 1)
    columns = {name: with_room(column[:1], 1, later + 2) for name, column in every.columns.items()}
    one, others = Segment(BUCKET, 1, columns, NOTHING, NOTHING, NOTHING), every.select(np.arange(1, later + 1))
    made = one.append(others)
    assert are_same(made, every)
    assert all(made.columns[name] is column for name, column in columns.items())
    return partial(one.append, others)


def appending_again_and_again(size: int) -> Call:
    """One behind those that are there by then."""
    grown, row = buckets(size), buckets(size).select(np.arange(size - 1, size))
    times = count(int(grown.column("timestamp")[-1]) + SPAN_MS, SPAN_MS)

    def append() -> None:
        nonlocal grown
        columns = {**row.columns, "timestamp": np.array([next(times)])}
        grown = grown.append(Segment(BUCKET, 1, columns, NOTHING, NOTHING, NOTHING))

    append()
    grown.check()
    assert are_same(grown.first(size), buckets(size))
    assert grown.length == size + 1
    return append


def appending_texts(size: int, *, first: int) -> Call:
    """A text and a row without one, where there is room for the rows."""
    held = influencers(size, 64).append(influencers(2, 1, start=size))
    later = influencers(2, 1, first, size + 2)
    made = held.append(later)
    made.check()
    assert made.values(HOST, slice(size + 2, None)).tolist() == [hosts(1, first)[0], None]
    return partial(held.append, later)


def replacing(rows: int, size: int, *, change: Callable[[Segment, Int64s], Segment]) -> Call:
    """Some rows by what they are after some change."""
    held, chosen = half_listed(size), some_rows(rows, size // 2)
    others = change(held, chosen)
    made = held.replace(chosen, others)
    made.check()
    assert are_same(made.select(chosen), others)
    return partial(held.replace, chosen, others)


def with_events(held: Segment, rows: Int64s) -> Segment:
    """Some rows of another, each with an event of its own."""
    lists = Lists.of_rows(range(len(rows)), [("event",)] * len(rows))
    return Segment(BUCKET, len(rows), held.select(rows).columns, NOTHING, NOTHING, {EVENTS: lists})


def rescoring(size: int, *, of: Maker) -> Call:
    """A few of them."""
    held, rows = of(size), some_rows(64, size // 2)
    scores = np.linspace(1.0, 99.0, 64)
    made = held.rescore(rows, scores)
    assert np.array_equal(made.column("anomaly_score")[rows], scores)
    assert np.count_nonzero(made.column("anomaly_score") != held.column("anomaly_score")) == 64
    return partial(held.rescore, rows, scores)


def coding(rows: int, texts: int) -> Call:
    """Columns of which one has so many texts, and one none."""
    held = influencers(rows, texts)
    columns = {field.name: held.values(field.name, slice(None)) for field in held.schema.columns}
    made, dictionaries = coded(held.schema, columns)
    assert list(dictionaries) == [HOST]
    assert np.array_equal(decoded(made[HOST], dictionaries[HOST]), columns[HOST])
    return partial(coded, held.schema, columns)


def making_a_segment(size: int) -> Call:
    """Of so many records, one without a value."""
    records = LAYOUT.records(size, masked(size).columns, masked(size).present)
    assert are_same(packed_segment(LAYOUT, records, NOTHING), masked(size))
    return partial(packed_segment, LAYOUT, records, NOTHING)


def gathering(size: int, held: Segment) -> Call:
    """All rows of what is cut in two, those at odd places from the one and the others from the other."""
    halves = [np.arange(at, size, 2) for at in range(2)]
    parts = [(held.select(rows), np.arange(len(rows)), rows) for rows in halves]
    made = gather(held.schema, parts, size)
    made.check()
    assert are_same(made, held)
    return partial(gather, held.schema, parts, size)


def take_lists(lists: int) -> Ask:
    """What takes them, of a segment with so many."""
    return partial(listed(lists).take_lists, EVENTS)


def have_lists(lists: int) -> Ask:
    """What tells who has one of so many."""
    return partial(listed(lists).having, EVENTS)


CLAIMS: Final = tuple(
    claim._replace(of=f"columns.segment.{claim.of}")
    for claim in (
        Claim("Segment.has_texts_of", "n rows, 64 texts", LINEAR, partial(knowing_texts, texts=64, known=64), *FAR),
        Claim("Segment.has_texts_of", "n texts, n known", LOGLINEAR, lambda size: knowing_texts(size, size, size)),
        Claim("Segment.has_texts_of", "64 texts, n known", LOGARITHMIC, partial(knowing_texts, 64, 64)),
        Claim("Segment.values", "n scores", LINEAR, reading_values),
        Claim("Segment.values", "n texts", LINEAR, reading_texts),
        Claim("Segment.mask", "of n rows, none kept", LINEAR, partial(reading_a_mask, of=bare, missing=0), *BYTES),
        Claim("Segment.mask", "of n rows, kept", CONSTANT, partial(reading_a_mask, of=masked, missing=1)),
        *(
            Claim(
                "Segment.missing",
                f"{what} of n rows",
                LINEAR,
                partial(reading_what_is_missing, of=of, name=name, at=at),
            )
            for what, of, name, at in (
                ("doubles", masked, "initial_anomaly_score", 0),
                ("integers", masked, "event_count", 0),
                ("texts", partial(influencers, texts=64), HOST, MANY // 2),
            )
        ),
        *(
            claim
            for how in ("same_rows", "differing")
            for claim in (
                Claim(f"Segment.{how}", "n rows of 131,072", LINEAR, partial(comparing, of=2 * MANY, how=how)),
                Claim(f"Segment.{how}", "64 rows of n", CONSTANT, partial(comparing, 64, how=how)),
                Claim(
                    f"Segment.{how}",
                    "64 rows of n, half with lists",
                    LOGARITHMIC,
                    partial(comparing, 64, how=how, like=half_listed),
                ),
                Claim(
                    f"Segment.{how}",
                    "64 rows of n, a mask there",
                    AT_MOST_LINEAR,
                    partial(comparing, 64, how=how, is_masked=True),
                    *FAR,
                ),
            )
        ),
        Claim("Segment.take_lists", "n rows, 1,024 lists", LINEAR, partial(taking, lists=1_024, of=take_lists), *FEW),
        Claim("Segment.take_lists", "256 rows, n lists", LOGARITHMIC, partial(taking, 256, of=take_lists)),
        Claim("Segment.take_lists", "a slice of n", LINEAR, lambda size: taking_a_stretch(size, size)),
        Claim("Segment.take_lists", "a slice of 100, n lists", LOGARITHMIC, partial(taking_a_stretch, 100)),
        Claim("Segment.having", "n rows, 1,024 lists", LINEAR, partial(having, lists=1_024, of=have_lists), *FEW),
        Claim("Segment.having", "256 rows, n lists", LOGARITHMIC, partial(having, 256, of=have_lists)),
        Claim("Segment.ladder", "of n rows, made", LINEAR, partial(asking_for_a_ladder, anew=True), *FAR),
        Claim("Segment.ladder", "of n rows, kept", CONSTANT, partial(asking_for_a_ladder, anew=False), *FAR),
        Claim("Segment.check", "n rows", LINEAR, checking, *FAR),
        *(
            claim
            for how in ("same_rows", "differing", "append", "replace")
            for claim in (
                Claim(f"Segment.{how}", "n texts there", LINEAR, partial(meeting_texts, 64, how=how)),
                Claim(f"Segment.{how}", "n texts here", LOGARITHMIC, partial(meeting_texts, there=64, how=how)),
            )
        ),
        Claim("Segment.packed", "n rows", LINEAR, packing),
        Claim("Segment.unpacked", "n rows", LINEAR, unpacking),
        Claim("Segment.select", "n rows of 131,072", LINEAR, partial(selecting, of=2 * MANY, step=MANY)),
        Claim("Segment.select", "64 rows of n, half with lists", LINEAR, partial(selecting, 64, step=2), *NEAR),
        Claim("Segment.append", "n rows behind one", LINEAR, appending, 2_048, 131_072),
        Claim("Segment.append", "a row behind n and the earlier ones", CONSTANT, appending_again_and_again),
        Claim("Segment.append", "a known text behind n rows", CONSTANT, partial(appending_texts, first=0)),
        Claim("Segment.append", "a new text behind n rows", LINEAR, partial(appending_texts, first=1), *FAR),
        Claim("Segment.replace", "64 scores of n", LINEAR, partial(replacing, 64, change=rescored), 32_768, 1_048_576),
        Claim("Segment.replace", "64 lists of n", LOGLINEAR, partial(replacing, 64, change=with_events), *NEAR),
        Claim(
            "Segment.replace", "64 rows of n by the same", LOGARITHMIC, partial(replacing, 64, change=Segment.select)
        ),
        Claim(
            "Segment.replace", "n rows by the same", LINEAR, partial(replacing, size=2 * MANY, change=Segment.select)
        ),
        Claim("Segment.rescore", "64 rows of n", LINEAR, partial(rescoring, of=buckets), *NEAR),
        Claim("Segment.rescore", "64 rows of n, packed", LINEAR, partial(rescoring, of=packed)),
        Claim("coded", "n rows of 64 texts", LINEAR, partial(coding, texts=64)),
        Claim("coded", "n rows of as many texts", LOGLINEAR, lambda size: coding(size, size), 256, 4_096),
        Claim("packed_segment", "n records", LINEAR, making_a_segment, *FEW),
        Claim("gather", "n rows", LINEAR, lambda size: gathering(size, buckets(size))),
        Claim("gather", "n rows, half with lists", LOGLINEAR, lambda size: gathering(size, half_listed(size))),
        Claim(
            "gather",
            "n rows, as many texts",
            LOGLINEAR,
            lambda size: gathering(size, influencers(size, size)),
            large=16_384,
        ),
    )
)
"""What is asked of segments first, then what is made of them."""
