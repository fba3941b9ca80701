"""Rows: single results put into segments by hand.

What segments do for many rows with a few array operations a column costs more than the work itself for one row. Here
one row, a record with the lists beside it, is found, compared, appended in place, or put into and taken out of the
packed rows of a head. What two segments share is the very same object.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from bucketquery.model.schema import Bools
from bucketquery.storage.packed_rows import NOTHING, Layout, Packed, are_few, missing_bits
from bucketquery.storage.segment import Segment, packed_segment
from bucketquery.storage.sparse_lists import NO_LISTS, Entry, SparseLists

#: A result of its own: its columns, and its lists by their fields, none of them empty.
Row = tuple[bytes, Mapping[str, Entry]]
Identity = tuple[int, ...]

#: Packed rows that grow get room for so many more, or for a quarter of what they are.
_SMALLEST_ROOM: Final = 4
_ROWS_PER_SPARE: Final = 4


def packed_rows(layout: Layout, rows: Sequence[Row]) -> Segment:
    """The segment of some rows, in identity order."""
    lists: dict[str, tuple[list[int], list[Entry]]] = {}
    for at, (_, own) in enumerate(rows):
        for name, value in own.items():
            places, values = lists.setdefault(name, ([], []))
            places.append(at)
            values.append(value)
    made = {name: SparseLists.of_rows(*found) for name, found in lists.items()}
    return packed_segment(layout, b"".join([record for record, _ in rows]), made)


def row_at(segment: Segment, layout: Layout, at: int) -> Row:
    """One row of a segment, packed or not."""
    columns = segment.columns
    if isinstance(columns, Packed):
        record = bytes(columns.data[at * layout.size : (at + 1) * layout.size])
    else:
        missing = 0
        for name, mask in segment.present.items():
            if not mask[at]:
                missing |= layout.bits[name]
        record = layout.pack(*[columns[name].item(at) for name in layout.names], missing)
    return record, _lists_at(segment, at)


def place(segment: Segment, layout: Layout, identity: Identity) -> tuple[int, bool]:
    """Where a result of some identity is or would be, and whether it is there.

    O(1) behind the last row, else O(log n).
    """
    length, columns = segment.length, segment.columns
    if not length:
        return 0, False
    if isinstance(columns, Packed):
        data, size, identity_from = columns.data, layout.size, layout.identity_from
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
    if columns[layout.names[0]].item(length - 1) < identity[0]:
        return length, False
    low, high = 0, length
    for key, wanted in zip(segment.identities(), identity, strict=True):
        # Each column narrows the rows down to those that are equal so far.
        among = key[low:high]
        low, high = low + int(among.searchsorted(wanted)), low + int(among.searchsorted(wanted, "right"))
    return low, low < high


def append(segment: Segment, layout: Layout, row: Row) -> Segment:
    """The segment with a row behind it, as its own ``append`` and under the same condition.

    Amortised O(1).
    """
    columns, length, present = segment.columns, segment.length, segment.present
    record, lists = row
    missing = record[layout.missing_at]
    if isinstance(columns, Packed):
        if not are_few(length + 1):
            return segment.append(packed_rows(layout, [row]))
        data, start, stop = columns.data, length * layout.size, (length + 1) * layout.size
        known = missing_bits(present) if present else 0
        if stop > len(data):
            data = bytearray(start + max(_SMALLEST_ROOM, length // _ROWS_PER_SPARE) * layout.size)
            data[:start] = columns.data[:start]
            columns = Packed(layout, data)
            present = columns.masks(known | missing)
        elif missing & ~known:
            present = columns.masks(known | missing)
        assert isinstance(data, bytearray), "only what grew has room"
        data[start:stop] = record
    else:
        if length == len(columns["timestamp"]) or (missing and not _has_masks(present, layout, missing)):
            return segment.append(packed_rows(layout, [row]))
        # Behind the values stands the byte of what is missing.
        for name, value in zip(layout.names, layout.unpack_from(record), strict=False):
            columns[name][length] = value
        for name, mask in present.items():
            mask[length] = not missing & layout.bits[name]
    own = segment.lists
    if lists:
        own = dict(own)
        for name, entry in lists.items():
            own[name] = own.get(name, NO_LISTS).append_one(length, entry)
    return Segment(
        segment.schema, length + 1, columns, present, segment.dictionaries, own, segment.maintained_indexes()
    )


def put(segment: Segment, layout: Layout, at: int, row: Row, *, replaces: bool) -> Segment:
    """The packed segment with a row put in before the one at a place, or in place of it. A copy: O(n)."""
    return _edited(segment, layout, at, row, 0 if replaces else 1)


def take(segment: Segment, layout: Layout, at: int) -> Segment:
    """The packed segment without a row. A copy: O(n)."""
    if segment.length == 1:
        return Segment.empty(segment.schema)
    return _edited(segment, layout, at, (b"", NOTHING), -1)


def _edited(segment: Segment, layout: Layout, at: int, row: Row, shift: int) -> Segment:
    """The packed segment after a row was put in before a place (``shift`` is 1), taken out (-1) or replaced (0)."""
    packed, length, size = segment.columns, segment.length, layout.size
    assert isinstance(packed, Packed)
    record, lists = row
    behind = at if shift > 0 else at + 1
    records = b"".join((packed.data[: at * size], record, packed.data[behind * size : length * size]))
    own = segment.lists
    if own or lists:
        edited = {
            name: own.get(name, NO_LISTS).edited(at, lists.get(name), shift) for name in own.keys() | lists.keys()
        }
        own = {name: some for name, some in edited.items() if some.length}
    return packed_segment(layout, records, own)


def _has_masks(present: Mapping[str, Bools], layout: Layout, missing: int) -> bool:
    return all(name in present for name, bit in layout.bits.items() if missing & bit)


def _lists_at(segment: Segment, at: int) -> Mapping[str, Entry]:
    """The lists of one row."""
    if not segment.lists:
        return NOTHING
    found = {}
    for name, lists in segment.lists.items():
        rows, values = lists.used()
        entry = int(rows.searchsorted(at))
        if entry < len(rows) and rows.item(entry) == at:
            found[name] = values[entry]
    return found
