"""Packed rows: columns, masks that are read from bits, and equal records for equal rows."""

import math
import pickle
import struct
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.storage import packed_rows
from bucketquery.storage.packed_rows import EMPTY_MAPPING, PackedColumns, layout_of, missing_bits
from bucketquery.storage.packed_segment import PackedSegment, empty_segment, pack
from support.helpers import FULL, SPAN_S, STEP, bucket, layout, resize, rows, segment, stored

LAYOUT = layout()


def test_only_kinds_without_keywords_have_a_layout() -> None:
    """The identity comes first, then the widest fields, and records are aligned."""
    assert layout_of(BUCKET) is LAYOUT
    assert (layout_of(RECORD), layout_of(INFLUENCER)) == (None, None)
    assert LAYOUT.names[:2] == BUCKET.identity
    assert sorted(LAYOUT.names) == sorted(field.name for field in BUCKET.columns)
    assert (LAYOUT.schema, LAYOUT.kind) == (BUCKET, "bucket")
    assert LAYOUT.size == 56
    assert LAYOUT.bits.keys() == {"event_count", "is_interim", "processing_time_ms"}


def test_packing_does_not_change_rows() -> None:
    """Columns, masks and lists are equal. Packing packed rows or unpacking arrays returns the same segment."""
    documents = [bucket(0, **FULL), bucket(1), bucket(2, anomaly_score=0.0, is_interim=True), bucket(3, event_count=0)]
    in_arrays = segment(documents)
    found = pack(in_arrays)
    found.check()
    assert isinstance(found, PackedSegment)
    assert stored(found) == stored(in_arrays)
    assert found.lists == in_arrays.lists
    assert pack(found) is found
    assert in_arrays.unpacked() is in_arrays
    again = found.unpacked()
    assert stored(again) == stored(in_arrays)
    assert again.present.keys() == in_arrays.present.keys() == {"event_count", "is_interim", "processing_time_ms"}
    for name, column in found.columns.items():
        assert column.dtype == in_arrays.columns[name].dtype
        assert np.array_equal(column, in_arrays.columns[name], equal_nan=column.dtype.kind == "f")
    assert len(found.columns) == len(in_arrays.columns)
    assert found.nbytes() == 4 * 56 + sum(some.rows.nbytes + some.values.nbytes for some in found.lists.values())
    unpickled = pickle.loads(pickle.dumps(found))
    unpickled.check()
    assert stored(unpickled) == stored(in_arrays)


def test_only_columns_with_missing_values_have_masks() -> None:
    """A score and an unknown name never have a mask."""
    found = pack(segment([bucket(0, **FULL), bucket(1, event_count=5)]))
    assert sorted(found.present) == ["is_interim", "processing_time_ms"]
    assert len(found.present) == 2
    assert found.present["is_interim"].tolist() == [True, False]
    for name in ("event_count", "anomaly_score", "nothing"):
        assert name not in found.present
    assert missing_bits(found.present) == LAYOUT.bits["is_interim"] | LAYOUT.bits["processing_time_ms"]
    full = pack(segment(rows(0, 3, **FULL)))
    assert full.present is EMPTY_MAPPING
    assert missing_bits(EMPTY_MAPPING) == 0


@pytest.mark.parametrize("block", [1, 2, 3, 4])
def test_columns_are_copied_block_by_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copies are the columns, and the bits are those of every block. No records have no values and no bits."""
    monkeypatch.setattr(packed_rows, "_BLOCK", block)
    packed = pack(segment([bucket(0, **FULL), bucket(1, **FULL), bucket(2, event_count=5)]))
    assert isinstance(packed, PackedSegment)
    data = packed.records(LAYOUT)
    columns, missing = LAYOUT.copies(data, ["timestamp", "anomaly_score", "is_interim"])
    assert list(columns) == ["timestamp", "anomaly_score", "is_interim"]
    for name, column in columns.items():
        assert column.flags.c_contiguous
        assert column.dtype == packed.column(name).dtype
        assert np.array_equal(column, packed.column(name), equal_nan=column.dtype.kind == "f")
    assert missing == LAYOUT.bits["is_interim"] | LAYOUT.bits["processing_time_ms"]
    nothing, missing = LAYOUT.copies(b"", ["timestamp"])
    assert (nothing["timestamp"].tolist(), missing) == ([], 0)


def test_an_empty_segment_is_packed() -> None:
    """The columns of an empty segment have no rows, and its records are empty bytes."""
    empty = empty_segment(BUCKET)
    assert isinstance(empty.columns, PackedColumns)
    assert empty.columns.data == b""
    assert [len(column) for column in empty.columns.values()] == [0] * 7
    assert (LAYOUT.records(0, empty.columns, {}), LAYOUT.missing_in(b"")) == (b"", 0)


def test_equal_rows_have_equal_records() -> None:
    """Every missing score is stored as the same NaN, bit for bit, however it was read."""
    missing: list[Any] = [
        segment([bucket(0)]),
        segment([bucket(row) for row in range(40)]).select(np.array([0])),
        segment([bucket(0, anomaly_score=None, is_interim=None)]),
    ]
    records = {found.records(LAYOUT) for found in missing}
    assert {pack(found).records(LAYOUT) for found in missing} == records
    assert len(records) == 1
    (nan,) = struct.unpack_from("=d", records.pop(), 16)
    assert math.isnan(nan)


def test_rescored_packed_rows_are_a_copy() -> None:
    """The records of a packed segment are read-only bytes."""
    old = pack(segment(rows(0, 3, **FULL)))
    new = old.rescore(np.array([1]), np.array([50.0]))
    new.check()
    assert isinstance(new, PackedSegment)
    assert new.column("anomaly_score").tolist() == [5.0, 50.0, 5.0]
    assert old.column("anomaly_score").tolist() == [5.0] * 3
    with pytest.raises(ValueError, match="read-only"):
        old.column("anomaly_score")[0] = 1.0


def test_an_append_stays_packed_up_to_packed_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer segment has arrays with spare room, and older segments do not change."""
    resize(monkeypatch, packed_rows=4)
    two = pack(segment([bucket(0, **FULL), bucket(1)]))
    four = two.append(segment([bucket(2, event_count=3), bucket(3, **FULL)]))
    four.check()
    assert isinstance(four, PackedSegment)
    five = four.append(segment([bucket(4)]))
    five.check()
    assert not isinstance(five, PackedSegment)
    assert len(five.columns["timestamp"]) > 5
    documents = [bucket(0, **FULL), bucket(1), bucket(2, event_count=3), bucket(3, **FULL), bucket(4)]
    assert stored(five) == stored(segment(documents))
    assert stored(four) == stored(segment(documents[:4]))
    assert stored(two) == stored(segment(documents[:2]))
    changed = four.replace(np.array([1]), segment([bucket(1, **FULL)]))
    changed.check()
    assert stored(changed)[1] == stored(segment([bucket(1, **FULL)]))[0]
    assert stored(four) == stored(segment(documents[:4]))
    assert changed.column("timestamp").tolist() == [0, STEP, 2 * STEP, 3 * STEP]
    assert set(changed.column("bucket_span").tolist()) == {SPAN_S}
