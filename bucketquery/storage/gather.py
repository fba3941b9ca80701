"""Gathering: rows of several segments as one new segment."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bucketquery.arrays.sorted_arrays import lower_bound
from bucketquery.model.schema import Array, Bools, Int32s, Int64s, Objects, Schema
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from bucketquery.storage.keywords import NO_KEYWORDS, merge_dictionaries, without_unused
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import SparseLists, not_empty


def gather(
    schema: Schema,
    parts: Iterable[tuple[Segment, Int64s, Int64s]],
    length: int,
    sizes: Sizes = DEFAULT_SIZES,
    *,
    spare: int = 0,
) -> Segment:
    """A new segment with rows of several segments.

    Args:
        schema: the kind of all segments.
        parts: for each segment, some of its rows and their places in the new one; both ascend.
        length: the number of rows in all parts.
        sizes: the sizes of the new segment.
        spare: the number of further rows that the new segment has room for (default 0).

    O(length), plus O(l log length) for l lists and O(d log d) for d keywords.
    """
    parts = [part for part in parts if part[0].length]
    capacity = length + spare
    columns = {field.name: np.empty(capacity, dtype=field.type.dtype) for field in schema.columns}
    present: dict[str, Bools] = {}
    dictionaries = _gather_keywords(parts, columns)
    lists: dict[str, list[SparseLists]] = {}
    for segment, rows, places in parts:
        for name in columns.keys() - dictionaries.keys():
            columns[name][:length][places] = segment.column(name)[rows]
        for name, mask in segment.present.items():
            if name not in present:
                present[name] = np.ones(capacity, dtype=np.bool_)
            present[name][:length][places] = mask[: segment.length][rows]
        for name, some in segment.lists.items():
            lists.setdefault(name, []).append(some.select(rows).moved(places))
    merged = {name: SparseLists.merged(found) for name, found in lists.items()}
    return Segment(schema, length, columns, present, dictionaries, not_empty(merged), None, sizes)


def merge(these: Segment, rows: Int64s, those: Segment, other_rows: Int64s, spare: int = 0) -> Segment:
    """Rows of two segments as one segment in identity order; no identity is in both."""
    others = [column[other_rows] for column in those.identities_in(these)]
    places = lower_bound([column[rows] for column in these.identities()], others) + np.arange(len(other_rows))
    length = len(rows) + len(other_rows)
    is_other = np.zeros(length, dtype=np.bool_)
    is_other[places] = True
    parts = [(these, rows, (~is_other).nonzero()[0]), (those, other_rows, places)]
    return gather(these.schema, parts, length, these.sizes, spare=spare)


def _gather_keywords(
    parts: Sequence[tuple[Segment, Int64s, Int64s]], columns: Mapping[str, Array]
) -> dict[str, Objects]:
    """Write the codes of the parts' rows into columns; return the dictionaries, without unused keywords."""
    dictionaries = {}
    for name in {name for segment, _, _ in parts for name in segment.dictionaries}:
        dictionary = NO_KEYWORDS
        gathered: list[tuple[Int32s, Int64s]] = []
        for segment, rows, places in parts:
            codes, own = without_unused(segment.column(name)[rows], segment.dictionary(name))
            dictionary, before, there = merge_dictionaries(dictionary, own)
            if before is not None:
                gathered = [(before[known], at) for known, at in gathered]
            gathered.append((there[codes], places))
        for codes, places in gathered:
            columns[name][places] = codes
        dictionaries[name] = dictionary
    return dictionaries
