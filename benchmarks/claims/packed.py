"""What packed rows and single rows say of their cost."""

from functools import cache, partial
from itertools import count
from typing import Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, Claim
from benchmarks.claims.made import (
    BUCKET,
    EVENTS,
    FEW,
    LAYOUT,
    Maker,
    are_same,
    buckets,
    list_at,
    listed,
    masked,
    packed,
)
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, SPAN_MS, SPAN_S
from bucketquery.columns import rows as single
from bucketquery.columns.packed import NOTHING, Packed, missing_bits
from bucketquery.columns.rows import Row, packed_rows
from bucketquery.columns.segment import Segment, packed_segment

# Records


@cache
def records(size: int) -> bytes:
    """Of so many, the first without a number of events."""
    held = masked(size)
    return LAYOUT.records(size, held.columns, held.present)


def viewing_a_column(size: int) -> Call:
    """Of so many records."""
    assert np.array_equal(LAYOUT.column(records(size), "timestamp"), buckets(size).column("timestamp"))
    return partial(LAYOUT.column, records(size), "timestamp")


def viewing_what_is_missing(size: int) -> Call:
    """Of so many records, as bytes."""
    assert LAYOUT.missing(records(size)).nonzero()[0].tolist() == [0]
    return partial(LAYOUT.missing, records(size))


def gathering_what_is_missing(size: int) -> Call:
    """Of so many records, as bits."""
    assert LAYOUT.missing_bits(records(size)) == LAYOUT.bits["event_count"]
    return partial(LAYOUT.missing_bits, records(size))


def remembering_what_is_missing(size: int) -> Call:
    """Of the masks of so many."""
    masks = masked(size).packed().present
    assert missing_bits(masks) == LAYOUT.bits["event_count"]
    return partial(missing_bits, masks)


def writing_records(size: int) -> Call:
    """Of so many rows of arrays, one without a value."""
    held = masked(size)
    made = LAYOUT.records(size, held.columns, held.present)
    assert are_same(packed_segment(LAYOUT, made, NOTHING), held)
    return partial(LAYOUT.records, size, held.columns, held.present)


# Single rows


def row_of(timestamp: int) -> bytes:
    """The record of a bucket."""
    values = {"timestamp": timestamp, "bucket_span": SPAN_S, "event_count": 400, "processing_time_ms": 5}
    return LAYOUT.pack(*[values.get(name, 0) for name in LAYOUT.names], 0)


def putting_rows_together(size: int) -> Call:
    """So many, every second one with a list."""
    held = listed(size // 2)
    rows = [single.row_at(held, LAYOUT, at) for at in range(size)]
    assert are_same(packed_rows(LAYOUT, rows), held)
    return partial(packed_rows, LAYOUT, rows)


def reading_a_row(lists: int, *, is_packed: bool) -> Call:
    """With its list, among so many others."""
    held, at = listed(lists), lists // 2 * 2
    read: Segment = held.packed() if is_packed else held
    record, own = single.row_at(read, LAYOUT, at)
    assert are_same(packed_rows(LAYOUT, [(record, own)]), held.select(np.array([at])))
    assert own == {EVENTS: list_at(at)}
    return partial(single.row_at, read, LAYOUT, at)


def placing(size: int, *, of: Maker, behind: bool) -> Call:
    """A result that comes behind all others, or that is among them."""
    held, at = of(size), size if behind else size // 3
    timestamp = int(held.column("timestamp")[-1]) + 1 if behind else int(held.column("timestamp")[at])
    assert single.place(held, LAYOUT, (timestamp, SPAN_S)) == (at, not behind)
    return partial(single.place, held, LAYOUT, (timestamp, SPAN_S))


def appending_again_and_again(size: int) -> Call:
    """One behind those that are there by then."""
    grown = buckets(size)
    times = count(int(grown.column("timestamp")[-1]) + SPAN_MS, SPAN_MS)

    def append() -> None:
        nonlocal grown
        grown = single.append(grown, LAYOUT, (row_of(next(times)), NOTHING))

    append()
    grown.check()
    assert are_same(grown.first(size), buckets(size))
    assert grown.length == size + 1
    return append


def appending_packed(size: int) -> Call:
    """So many, from none on."""
    rows = [(row_of(FIRST_MS + at * SPAN_MS), NOTHING) for at in range(size)]

    def append_all() -> Segment:
        grown = Segment.empty(BUCKET)
        for row in rows:
            grown = single.append(grown, LAYOUT, row)
        return grown

    assert isinstance(append_all().columns, Packed)
    assert are_same(append_all(), packed_rows(LAYOUT, rows))
    return append_all


def putting_in(size: int) -> Call:
    """One before another in the middle."""
    held, at = packed(size), size // 2
    row: Row = row_of(int(held.column("timestamp")[at]) - 1), NOTHING
    made = single.put(held, LAYOUT, at, row, replaces=False)
    assert single.row_at(made, LAYOUT, at) == row
    assert are_same(single.take(made, LAYOUT, at), held)
    return partial(single.put, held, LAYOUT, at, row, replaces=False)


def taking_out(size: int) -> Call:
    """One in the middle."""
    held, at = packed(size), size // 2
    assert are_same(single.take(held, LAYOUT, at), held.select(np.delete(np.arange(size), at)))
    return partial(single.take, held, LAYOUT, at)


CLAIMS: Final = tuple(
    claim._replace(of=f"columns.{claim.of}")
    for claim in (
        Claim("packed.Layout.column", "of n records", CONSTANT, viewing_a_column),
        Claim("packed.Layout.missing", "of n records", CONSTANT, viewing_what_is_missing),
        Claim("packed.Layout.missing_bits", "of n records", LINEAR, gathering_what_is_missing, *FEW),
        Claim("packed.Layout.records", "of n rows", LINEAR, writing_records, 512, 16_384),
        Claim("packed.missing_bits", "of masks of n records", CONSTANT, remembering_what_is_missing),
        Claim("rows.packed_rows", "n rows", LINEAR, putting_rows_together, *FEW),
        Claim("rows.row_at", "among n lists", LOGARITHMIC, partial(reading_a_row, is_packed=False)),
        Claim("rows.row_at", "packed, among n lists", LOGARITHMIC, partial(reading_a_row, is_packed=True)),
        *(
            Claim("rows.place", f"{where} n {how} rows", growth, partial(placing, of=of, behind=where == "behind"))
            for how, of in (("plain", buckets), ("packed", packed))
            for where, growth in (("behind", CONSTANT), ("among", LOGARITHMIC))
        ),
        Claim("rows.append", "behind n rows and the earlier ones", CONSTANT, appending_again_and_again),
        Claim("rows.append", "n packed ones, from none on", LINEAR, appending_packed, 4, 64),
        Claim("rows.put", "among n packed ones", LINEAR, putting_in),
        Claim("rows.take", "from among n packed ones", LINEAR, taking_out),
    )
)
"""Records first, then single rows."""
