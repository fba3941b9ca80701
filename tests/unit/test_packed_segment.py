"""Packed segments: finding, appending, inserting and removing single rows, and older segments that do not change."""

from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import BUCKET
from bucketquery.storage.packed_rows import Row
from bucketquery.storage.packed_segment import PackedSegment, empty_segment, pack, segment_of_rows
from bucketquery.storage.segment import Segment
from support.helpers import FULL, SPAN_S, STEP, bucket, layout, moved, resize, rows, segment, sizes, stored

LAYOUT = layout()


def row(number: int, **fields: Any) -> Row:
    """A bucket as a single row."""
    return segment([bucket(number, **fields)]).row(LAYOUT, 0)


def packed(documents: list[dict[str, Any]]) -> PackedSegment:
    """Buckets as a packed segment."""
    found = pack(segment(documents)) if documents else empty_segment(BUCKET)
    assert isinstance(found, PackedSegment)
    return found


def appended(older: Segment, new: Row) -> Segment:
    """The segment after a table appends the row to it."""
    return older.append_row(LAYOUT, new) or older.append(segment_of_rows(LAYOUT, [new]))


def random_fields(rng: Random) -> dict[str, Any]:
    """Random fields of a bucket; each may be missing."""
    given = {**FULL, "event_count": rng.randrange(3), "is_interim": rng.random() < 0.3}
    return {name: value for name, value in given.items() if rng.random() < 0.7}


def test_a_row_is_the_same_from_packed_rows_and_from_arrays() -> None:
    """Rows taken from either can be made into a segment again."""
    rng = Random(1)
    documents = [bucket(number, **random_fields(rng)) for number in range(30)]
    plain = segment(documents)
    as_packed_rows = pack(plain)
    taken = [plain.row(LAYOUT, at) for at in range(30)]
    assert taken == [as_packed_rows.row(LAYOUT, at) for at in range(30)]
    found = segment_of_rows(LAYOUT, taken)
    found.check()
    assert stored(found) == stored(plain)
    assert segment_of_rows(LAYOUT, []).length == 0


@pytest.mark.parametrize("as_arrays", [False, True])
def test_place_finds_stored_and_missing_identities(as_arrays: bool) -> None:
    """The identity may lie before, between or behind the stored rows, or between two spans of one time."""
    identities = [(time * STEP, span) for time in (1, 2, 2, 2, 5, 5, 8) for span in (60, 300)]
    present = sorted(set(identities))
    found = segment([bucket(time // STEP, bucket_span=span) for time, span in present])
    found = found.unpacked() if as_arrays else pack(found)
    for time in range(10):
        for span in (1, 60, 61, 300, 3_600):
            identity = (time * STEP, span)
            expected = (sum(other < identity for other in present), identity in present)
            assert found.place(LAYOUT, identity) == expected
    assert empty_segment(BUCKET).place(LAYOUT, (0, 1)) == (0, False)
    assert empty_segment(BUCKET).unpacked().place(LAYOUT, (0, 1)) == (0, False)


@pytest.mark.parametrize("packed_rows", [0, 8, 64])
def test_rows_appended_one_by_one_equal_a_batch(packed_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment of up to ``packed_rows`` rows is packed, a longer one has arrays. Older segments do not change."""
    resize(monkeypatch, packed_rows=packed_rows)
    rng = Random(packed_rows)
    documents = [bucket(number, **random_fields(rng)) for number in range(100)]
    newest, earlier = empty_segment(BUCKET, sizes()), []
    copies = 0
    for at, document in enumerate(documents):
        older = newest
        newest = appended(older, segment([document]).row(LAYOUT, 0))
        newest.check()
        assert isinstance(newest, PackedSegment) == (newest.length <= max(1, packed_rows))
        copies += "timestamp" in moved(older, newest)
        if at % 20 == 0:
            earlier.append((newest, stored(newest)))
    assert stored(newest) == stored(segment(documents))
    assert copies < 25
    for older, before in earlier:
        assert stored(older) == before


def test_an_unpublished_row_is_overwritten() -> None:
    """The next append to packed rows writes over it."""
    base = empty_segment(BUCKET)
    for number in range(3):
        base = appended(base, row(number, **FULL))
    unpublished = appended(base, row(3))
    again = appended(base, row(4, **{**FULL, "event_count": 9}))
    assert moved(base, unpublished) == moved(base, again) == set()
    assert stored(again) == stored(segment([*rows(0, 3, **FULL), bucket(4, **{**FULL, "event_count": 9})]))
    assert stored(base) == stored(segment(rows(0, 3, **FULL)))


def test_a_row_may_be_inserted_and_removed_anywhere() -> None:
    """The row may have lists or none. Older segments do not change. Removing the only row gives the empty segment."""
    rng = Random(2)
    for _ in range(30):
        documents = {number: bucket(number, **random_fields(rng)) for number in rng.sample(range(20), 6)}
        present = sorted(documents)
        old = packed([documents[number] for number in present])
        before = stored(old)
        number = rng.randrange(20)
        at, is_there = old.place(LAYOUT, (number * STEP, SPAN_S))
        new = bucket(number, **random_fields(rng))
        found = old.with_row(LAYOUT, at, segment([new]).row(LAYOUT, 0), replaces=is_there)
        found.check()
        expected = {**documents, number: new}
        assert stored(found) == stored(segment([expected[number] for number in sorted(expected)]))
        at = rng.randrange(6)
        less = old.without_row(LAYOUT, at)
        less.check()
        assert stored(less) == before[:at] + before[at + 1 :]
        assert stored(old) == before
    assert packed([bucket(0, **FULL)]).without_row(LAYOUT, 0) is empty_segment(BUCKET)
    assert packed([]).with_row(LAYOUT, 0, row(0, **FULL), replaces=False).length == 1


def test_a_row_with_a_missing_value_adds_a_mask() -> None:
    """If the segment lacks a mask, the row is appended as a batch. If it has all masks, the row is written in place."""
    base = segment(rows(0, 100, **FULL)).append(segment(rows(100, 101, **FULL)))
    grown = appended(base, row(101))
    grown.check()
    assert sorted(grown.present) == ["event_count", "is_interim", "processing_time_ms"]
    more = appended(grown, row(102, **{**FULL, "is_interim": None}))
    assert moved(grown, more) == set()
    assert more.mask("event_count").tolist() == [True] * 101 + [False, True]
    assert more.mask("is_interim").tolist() == [True] * 101 + [False, False]
    assert np.array_equal(base.mask("event_count"), np.ones(101, dtype=np.bool_))


@pytest.mark.parametrize(("first", "stop"), [(0, 2), (3, 5), (1, 4), (0, 5), (2, 2)])
def test_rows_leave_a_packed_segment(first: int, stop: int) -> None:
    """The result is a copy without consecutive rows; each other row keeps its lists."""
    documents = [bucket(row, **(FULL if row % 2 else {"event_count": row})) for row in range(5)]
    whole = pack(segment(documents))
    assert isinstance(whole, PackedSegment)
    left = whole.without(first, stop)
    left.check()
    assert isinstance(left, PackedSegment)
    assert stored(left) == stored(segment(documents[:first] + documents[stop:]))
    assert stored(whole) == stored(segment(documents))
