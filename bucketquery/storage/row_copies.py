"""Row copies: single rows of many segments, copied into one new segment, for pages of several jobs."""

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
    """The segment that has a row, and its row there, by the number that views give it."""
    return (of.base, row) if row < of.base.length else (of.head, row - of.base.length)


def copy_rows(schema: Schema, places: Sequence[tuple[Segment, int]]) -> Segment:
    """Copies of single rows in this order. As that need not be identity order, they can only be read.

    They have no masks, as those of `Selection.detach`.
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
    """The columns of single rows of any segments, and the dictionaries of keyword columns."""
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
