"""Row copies: single rows of many tables, found by identity, as one new segment; for a page of many jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bucketquery.model.schema import Array, Bools, Int64s, Objects, Schema, Type
from bucketquery.storage.comparison import find_rows
from bucketquery.storage.keywords import MISSING, encode_columns, encode_keywords
from bucketquery.storage.packed_rows import Layout, PackedColumns, layout_of
from bucketquery.storage.packed_segment import PackedSegment
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import lists_of_rows, row_lists
from bucketquery.storage.table import Table
from bucketquery.storage.view import View


def segment_row(of: Table | View, row: int) -> tuple[Segment, int]:
    """The segment of a row, and the row's number in that segment.

    Args:
        of: the table or view of the row.
        row: the row's number there: base rows first, then head rows.
    """
    return (of.base, row) if row < of.base.length else (of.head, row - of.base.length)


def find_row(table: Table, identity: tuple[Any, ...]) -> tuple[Segment, int]:
    """The segment of a stored result, and its row there.

    Args:
        table: the results of a job, among them this one.
        identity: the values of the identity, text for keywords.

    O(log n). The array operations of `find_all` take ten times as long for one row.
    """
    if table.head.length:
        row = _row_of(table.head, identity)
        if row is not None:
            return table.head, row
    # The base may have an older version of a row of the head, so it comes second.
    row = _row_of(table.base, identity)
    assert row is not None, "the table has the result"
    return table.base, row


def find_all(table: Table, keys: Sequence[Array]) -> Int64s:
    """The numbers that the view of all rows of a table gives to some stored results.

    Args:
        table: the results of a job, among them these.
        keys: the columns of the identities, text for keywords; shape (r,) each.

    O(r log n), and O(r log r) for each column of keywords.
    """
    schema = table.base.schema
    columns, dictionaries = encode_columns(schema, dict(zip(schema.identity, keys, strict=True)))
    identities = Segment(schema, len(keys[0]), columns, {}, dictionaries, {})
    in_head, head_rows = find_rows(table.head, identities)
    _, base_rows = find_rows(table.base, identities)
    return np.where(in_head, table.base.length + head_rows, base_rows)


def _row_of(segment: Segment, identity: tuple[Any, ...]) -> int | None:
    """The row of an identity; None if the segment has no such row."""
    if isinstance(segment, PackedSegment):
        row, is_found = segment.place(segment.columns.layout, identity)
        return row if is_found else None
    columns, length, timestamp = segment.columns, segment.length, identity[0]
    timestamps = columns["timestamp"][:length]
    low = int(timestamps.searchsorted(timestamp))
    if low == length or timestamps.item(low) != timestamp:
        return None
    # Most timestamps are those of one row.
    is_single = low + 1 == length or timestamps.item(low + 1) != timestamp
    stop = low + 1 if is_single else int(timestamps.searchsorted(timestamp, "right"))
    for name, value in zip(segment.schema.identity[1:], identity[1:], strict=True):
        wanted = _code_of(segment, name, value) if value is None or isinstance(value, str) else value
        column = columns[name]
        if stop - low > 1:
            among = column[low:stop]
            low, stop = low + int(among.searchsorted(wanted)), low + int(among.searchsorted(wanted, "right"))
        if low == stop or column.item(low) != wanted:
            return None
    return low


def _code_of(segment: Segment, name: str, keyword: str | None) -> int:
    """The code of a keyword, or one that no row has."""
    if keyword is None:
        return MISSING
    dictionary = segment.dictionary(name)
    code = int(dictionary.searchsorted(keyword))
    return code if code < len(dictionary) and dictionary[code] == keyword else len(dictionary)


def copy_rows(schema: Schema, places: Sequence[tuple[Segment, int]]) -> Segment:
    """A segment with copies of single rows, in the order of ``places``. It can only be read.

    Its rows may be out of identity order, as in `Selection.detach`.

    Args:
        schema: the kind of all the segments.
        places: the segment and the row number of each row to copy.
    """
    layout = layout_of(schema)
    masks: Mapping[str, Bools]
    if layout is None:
        columns, dictionaries = _copy_columns(schema, places)
        masks = _copy_masks(schema, places)
    else:
        (columns, masks), dictionaries = _copy_records(layout, places), {}
    # Most pages have no lists at all.
    has_lists = any(segment.lists for segment, _ in places)
    lists = lists_of_rows([row_lists(segment.lists, row) for segment, row in places]) if has_lists else {}
    return Segment(schema, len(places), columns, masks, dictionaries, lists)


def _copy_records(
    layout: Layout, places: Sequence[tuple[Segment, int]]
) -> tuple[dict[str, Array], Mapping[str, Bools]]:
    """The columns of single rows, and the masks of those in which any row misses the field.

    They are copied as records, since most of their segments are packed.
    """
    records = b"".join([segment.record(layout, row) for segment, row in places])
    columns = {name: layout.column(records, name).copy() for name in layout.names}
    return columns, PackedColumns(layout, records).masks(layout.missing_in(records))


def _copy_masks(schema: Schema, places: Sequence[tuple[Segment, int]]) -> dict[str, Bools]:
    """The masks of the columns that have one in any of the segments."""
    masks: dict[str, Bools] = {}
    for field in schema.columns:
        name = field.name
        if field.may_have_mask and any(name in segment.present for segment, _ in places):
            each = ((segment.present.get(name), row) for segment, row in places)
            masks[name] = np.array([mask is None or mask.item(row) for mask, row in each], dtype=np.bool_)
    return masks


def _copy_columns(schema: Schema, places: Sequence[tuple[Segment, int]]) -> tuple[dict[str, Array], dict[str, Objects]]:
    """The columns of single rows, and a dictionary for each keyword column in which any row has a keyword."""
    columns: dict[str, Array] = {}
    dictionaries: dict[str, Objects] = {}
    for field in schema.columns:
        name = field.name
        stored = [segment.columns[name].item(row) for segment, row in places]
        if field.type is Type.KEYWORD:
            stored = [
                None if code == MISSING else segment.dictionaries[name][code]
                for code, (segment, _) in zip(stored, places, strict=True)
            ]
            columns[name], dictionary = encode_keywords(stored)
            if len(dictionary):
                dictionaries[name] = dictionary
        else:
            columns[name] = np.array(stored, dtype=field.type.dtype)
    return columns, dictionaries
