"""Packed segments: a few rows as records, with room for more, and edits of single rows.

For one row, the fixed cost of an array operation on each column exceeds the cost of the work itself. A packed segment
finds, compares and edits one record instead. The heads of tables, the bases of small tables and small batches are
packed. A packed segment has columns like any other segment. `packed_rows` defines the records.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

from bucketquery.model.schema import Array, Float64s, Int64s, Schema
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.storage.packed_rows import EMPTY_MAPPING, Identity, Layout, PackedColumns, Row, layout_of, missing_bits
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists, lists_of_rows, not_empty, with_row_lists

#: Appending makes room for 4 more records, or for a quarter of their number if that is more.
_SMALLEST_ROOM: Final = 4
_ROWS_PER_SPARE: Final = 4


class PackedSegment(Segment):
    """A segment that stores its columns as records."""

    __slots__ = ()

    columns: PackedColumns

    def unpacked(self) -> Segment:
        """The same rows with each column in an array of its own."""
        columns = {name: self.column(name).copy() for name in self.columns}
        present = {name: self.mask(name).copy() for name in self.present}
        return Segment(self.schema, self.length, columns, present, EMPTY_MAPPING, self.lists, self._indexes, self.sizes)

    def prefix(self, length: int) -> Segment:
        """The first rows, copied."""
        return self if length == self.length else pack(self.select(np.arange(length)))

    def without(self, first: int, stop: int) -> Segment:
        """A copy without the rows ``[first, stop)``: O(n)."""
        data, size = self.columns.data, self.columns.layout.size
        records = b"".join((data[: first * size], data[stop * size : self.length * size]))
        if not records:
            return empty_segment(self.schema, self.sizes)
        lists = {}
        if self.lists:
            stays = np.delete(np.arange(self.length), slice(first, stop))
            lists = not_empty({name: some.select(stays) for name, some in self.lists.items()})
        return segment_of_records(self.columns.layout, records, lists, self.sizes)

    def append(self, later: Segment) -> Segment:
        """As `Segment.append`; the result is packed if it has few rows."""
        if not self.length:
            return later.with_sizes(self.sizes)
        grown = self.unpacked().append(later)
        return pack(grown) if grown.length <= self.sizes.packed_rows else grown

    def replace(self, rows: Int64s, others: Segment) -> Segment:
        """As `Segment.replace`; the result is not packed."""
        return self.unpacked().replace(rows, others)

    def rescore(self, rows: Int64s, scores: Float64s) -> Segment:
        """As `Segment.rescore`; all records are copied."""
        columns = PackedColumns(self.columns.layout, bytearray(self.columns.data))
        columns[self.schema.score][rows] = scores
        masks = columns.masks(missing_bits(self.present))
        return PackedSegment(self.schema, self.length, columns, masks, EMPTY_MAPPING, self.lists, None, self.sizes)

    def timestamp(self, row: int) -> int:
        """As `Segment.timestamp`."""
        layout = self.columns.layout
        timestamp: int = layout.identity_from(self.columns.data, row * layout.size)[0]
        return timestamp

    def record(self, layout: Layout, row: int) -> bytes:
        """A row as a record."""
        return bytes(self.columns.data[row * layout.size : (row + 1) * layout.size])

    def records(self, layout: Layout) -> bytes | bytearray:
        """All rows as records, one after the other."""
        return self.columns.data[: self.length * layout.size]

    def place(self, layout: Layout, identity: Identity) -> tuple[int, bool]:
        """As `Segment.place`."""
        length = self.length
        if not length:
            return 0, False
        data, size, identity_from = self.columns.data, layout.size, layout.identity_from
        if identity_from(data, (length - 1) * size) < identity:
            return length, False
        low, high = 0, length
        while low < high:
            middle = (low + high) >> 1
            if identity_from(data, middle * size) < identity:
                low = middle + 1
            else:
                high = middle
        return low, identity_from(data, low * size) == identity

    def append_row(self, layout: Layout, row: Row) -> Segment | None:
        """As `Segment.append_row`; None also if a packed segment may not have more rows."""
        columns, length, present, lists = self.columns, self.length, self.present, self.lists
        if length >= self.sizes.packed_rows:
            return None
        record, own = row
        missing = record[layout.missing_at]
        data, start, stop = columns.data, length * layout.size, (length + 1) * layout.size
        known = missing_bits(present) if present else 0
        if stop > len(data):
            data = bytearray(start + max(_SMALLEST_ROOM, length // _ROWS_PER_SPARE) * layout.size)
            data[:start] = columns.data[:start]
            columns = PackedColumns(layout, data)
            present = columns.masks(known | missing)
        elif missing & ~known:
            present = columns.masks(known | missing)
        assert isinstance(data, bytearray), "only appended records have room"
        data[start:stop] = record
        if own:
            lists = with_row_lists(lists, length, own)
        indexes = self._maintained_indexes()
        return PackedSegment(self.schema, length + 1, columns, present, EMPTY_MAPPING, lists, indexes, self.sizes)

    def with_row(self, layout: Layout, at: int, row: Row, *, replaces: bool) -> "PackedSegment":
        """A copy with a row inserted at a place, or written in place of the row there: O(n)."""
        return self._edited(layout, at, row, 0 if replaces else 1)

    def without_row(self, layout: Layout, at: int) -> Segment:
        """A copy without a row: O(n)."""
        return (
            empty_segment(self.schema, self.sizes)
            if self.length == 1
            else self._edited(layout, at, (b"", EMPTY_MAPPING), -1)
        )

    def _edited(self, layout: Layout, at: int, row: Row, shift: int) -> "PackedSegment":
        """A copy with a row inserted at a place (``shift`` is 1), removed (-1) or replaced (0)."""
        data, size, lists = self.columns.data, layout.size, self.lists
        record, own = row
        behind = at if shift > 0 else at + 1
        records = b"".join((data[: at * size], record, data[behind * size : self.length * size]))
        if lists or own:
            edited = {
                name: lists.get(name, NO_LISTS).edited(at, own.get(name), shift) for name in lists.keys() | own.keys()
            }
            lists = {name: some for name, some in edited.items() if some.length}
        return segment_of_records(layout, records, lists, self.sizes)

    def nbytes(self) -> int:
        """Bytes of the records, spare room included, and of sparse lists and value indexes."""
        return len(self.columns.data) + self._nbytes_beside()


def pack(segment: Segment) -> Segment:
    """The same rows as records without spare room; the segment itself if it is packed or cannot be."""
    layout = layout_of(segment.schema)
    if layout is None or isinstance(segment, PackedSegment):
        return segment
    return segment_of_records(layout, segment.records(layout), segment.lists, segment.sizes)


def empty_segment(schema: Schema, sizes: Sizes = DEFAULT_SIZES) -> Segment:
    """The segment without rows and without room. Each schema and `Sizes` shares one, since most heads are empty."""
    return _empty(schema, sizes)


def segment_of_records(
    layout: Layout,
    records: bytes | bytearray,
    lists: Mapping[str, SparseLists],
    sizes: Sizes = DEFAULT_SIZES,
) -> PackedSegment:
    """The segment of some records in identity order, with the lists beside them."""
    columns = PackedColumns(layout, records)
    length = len(records) // layout.size
    # Most batches have one record.
    missing = records[layout.missing_at] if length == 1 else layout.missing_in(records)
    masks = columns.masks(missing)
    return PackedSegment(layout.schema, length, columns, masks, EMPTY_MAPPING, lists or EMPTY_MAPPING, None, sizes)


def segment_of_rows(layout: Layout, rows: Sequence[Row]) -> PackedSegment:
    """The segment of some rows in identity order."""
    lists = lists_of_rows([own for _, own in rows])
    return segment_of_records(layout, b"".join([record for record, _ in rows]), lists)


@cache
def _empty(schema: Schema, sizes: Sizes) -> Segment:
    layout = layout_of(schema)
    if layout is not None:
        return segment_of_records(layout, b"", EMPTY_MAPPING, sizes)
    columns: Mapping[str, Array] = {field.name: np.empty(0, dtype=field.type.dtype) for field in schema.columns}
    return Segment(schema, 0, columns, EMPTY_MAPPING, EMPTY_MAPPING, EMPTY_MAPPING, None, sizes)
