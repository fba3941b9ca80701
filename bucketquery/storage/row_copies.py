"""Row copies: single rows of many segments as one new segment, for a page of many jobs."""

from collections.abc import Sequence

import numpy as np

from bucketquery.model.schema import Array, Objects, Schema, Type
from bucketquery.storage.keywords import MISSING, encode_keywords
from bucketquery.storage.packed_rows import Layout, layout_of
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


def copy_rows(schema: Schema, places: Sequence[tuple[Segment, int]]) -> Segment:
    """A segment with copies of single rows, in the order of ``places``. It can only be read.

    Its rows may be out of identity order, and it has no masks, as in `Selection.detach`.

    Args:
        schema: the kind of all the segments.
        places: the segment and the row number of each row to copy.
    """
    layout = layout_of(schema)
    columns, dictionaries = _copy_columns(schema, places) if layout is None else (_copy_records(layout, places), {})
    # Most pages have no lists at all.
    has_lists = any(segment.lists for segment, _ in places)
    lists = lists_of_rows([row_lists(segment.lists, row) for segment, row in places]) if has_lists else {}
    return Segment(schema, len(places), columns, {}, dictionaries, lists)


def _copy_records(layout: Layout, places: Sequence[tuple[Segment, int]]) -> dict[str, Array]:
    """The columns of single rows. They are copied as records, since most of their segments are packed."""
    records = b"".join([segment.record(layout, row) for segment, row in places])
    return {name: layout.column(records, name).copy() for name in layout.names}


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
