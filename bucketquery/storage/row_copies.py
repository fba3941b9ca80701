"""Copies of single rows from many segments, as one new segment."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bucketquery.model.schema import Array, Objects, Schema, Type
from bucketquery.storage.keywords import MISSING, encode_keywords
from bucketquery.storage.packed_rows import Layout, layout_of
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import SparseLists
from bucketquery.storage.table import Table
from bucketquery.storage.view import View


def segment_row(of: Table | View, row: int) -> tuple[Segment, int]:
    """The segment of a row, by the number that views have for it, and its number there."""
    return (of.base, row) if row < of.base.length else (of.head, row - of.base.length)


def copy_rows(schema: Schema, places: Sequence[tuple[Segment, int]]) -> Segment:
    """Copies of single rows of any segments in this order, which need not be that of identities: only to be read.

    As `Selection.detach` leaves them.
    """
    layout = layout_of(schema.kind)
    columns, dictionaries = _copy_columns(schema, places) if layout is None else (_copy_records(layout, places), {})
    lists: dict[str, SparseLists] = {}
    for field in schema.lists:
        name = field.name
        having = [position for position, (segment, _) in enumerate(places) if name in segment.lists]
        if having:
            tuples: list[Any] = [()] * len(places)
            for position in having:
                segment, row = places[position]
                tuples[position] = segment.lists_at(name, slice(row, row + 1))[0]
            lists[name] = SparseLists.of_tuples(tuples)
    return Segment(schema, len(places), columns, {}, dictionaries, lists)


def _copy_records(layout: Layout, places: Sequence[tuple[Segment, int]]) -> dict[str, Array]:
    """The columns of single rows of any segments."""
    records = b"".join([segment.record(layout, row) for segment, row in places])
    return {name: layout.column(records, name).copy() for name in layout.names}


def _copy_columns(schema: Schema, places: Sequence[tuple[Segment, int]]) -> tuple[dict[str, Array], dict[str, Objects]]:
    """The columns of single rows of any segments, and the dictionaries of those that have texts."""
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
