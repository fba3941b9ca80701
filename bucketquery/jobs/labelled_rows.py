"""Rows of many jobs as columns, made without a call of NumPy for each row or for each small job."""

from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np

from bucketquery.arrays.packed_keys import last_of_each
from bucketquery.arrays.room import empty, ones
from bucketquery.model.schema import (
    COMBINED,
    JOB_LABEL,
    SCHEMAS,
    Array,
    Bools,
    Int32s,
    Int64s,
    Objects,
    Schema,
    Type,
    UInt32s,
)
from bucketquery.model.sizes import Sizes
from bucketquery.storage.keywords import MISSING, without_unused
from bucketquery.storage.packed_rows import Layout, PackedColumns, layout_of
from bucketquery.storage.packed_segment import PackedSegment, empty_segment
from bucketquery.storage.segment import Segment

_SPAN: Final = "bucket_span"
_LONGEST_SPAN: Final = 2**32 - 1


class SpanTooLong(Exception):
    """A span of 2**32 seconds or more, which no combined table can have."""


def packed_rows(layout: Layout, data: bytes, sizes: Sizes) -> Segment:
    """Records of any jobs, one after the other, as a segment: O(k), few calls.

    The rows are out of order and have only the columns of combined tables. So only these and the masks may be read.
    """
    columns, missing = layout.copies(data, [name for name in layout.names if name in COMBINED[layout.kind].by_name])
    present = PackedColumns(layout, data).masks(missing)
    return Segment(layout.schema, len(data) // layout.size, columns, present, {}, {}, None, sizes)


def joined(segments: Sequence[Segment], sizes: Sizes) -> list[Segment]:
    """The same rows in fewer segments: neighbours that are packed become one."""
    if len(segments) <= 1 or not any(isinstance(segment, PackedSegment) for segment in segments):
        return [*segments]
    found: list[Segment] = []
    records: list[bytes | bytearray] = []
    layout = layout_of(segments[0].schema)
    assert layout is not None, "its rows are packed"
    for segment in segments:
        if isinstance(segment, PackedSegment):
            columns = segment.columns
            data = columns.data
            # Most small tables are read here, so this does not call `records`.
            stop = segment.length * layout.size
            records.append(data if len(data) == stop else data[:stop])
            continue
        if records:
            found.append(packed_rows(layout, b"".join(records), sizes))
            records = []
        found.append(segment)
    if records:
        found.append(packed_rows(layout, b"".join(records), sizes))
    return found


class LabelledRows:
    """Rows of many jobs, in the schema of combined tables and in any order.

    Attributes:
        schema: one of `COMBINED`.
        columns: the columns, keywords as codes.
        present: the masks of columns in which a value is missing.
        dictionaries: the dictionaries of keyword columns in which any row has a keyword.
        sizes: the sizes of combined tables.
    """

    __slots__ = ("columns", "dictionaries", "present", "schema", "sizes")

    def __init__(
        self,
        schema: Schema,
        segments: Sequence[Segment],
        labels: UInt32s,
        sizes: Sizes,
        stays: Bools | None = None,
    ) -> None:
        """Read the rows of some segments of one kind.

        Args:
            schema: one of `COMBINED`.
            segments: the segments, one behind the other.
            labels: the label of each row's job.
            sizes: the sizes of combined tables.
            stays: which rows will be read; the spans of the others may have any length. None: all.

        Raises:
            SpanTooLong: a span has more than 32 bits.
        """
        self.schema = schema
        self.sizes = sizes
        self.columns: dict[str, Array] = {}
        self.present: dict[str, Bools] = {}
        self.dictionaries: dict[str, Objects] = {}
        parts = joined(segments, sizes) or [empty_segment(SCHEMAS[schema.kind])]
        lengths = [part.length for part in parts]
        for field in schema.columns:
            name = field.name
            if name == JOB_LABEL:
                self.columns[name] = labels
                continue
            column = parts[0].column(name) if len(parts) == 1 else np.concatenate([part.column(name) for part in parts])
            if name == _SPAN and column.max(where=True if stays is None else stays, initial=0) > _LONGEST_SPAN:
                raise SpanTooLong
            if field.type is Type.KEYWORD:
                column, dictionary = _recoded(column, [part.dictionary(name) for part in parts], lengths)
                if len(dictionary):
                    self.dictionaries[name] = dictionary
            self.columns[name] = column.astype(field.type.dtype, copy=False)
            if any(name in part.present for part in parts):
                mask = np.concatenate([part.mask(name) for part in parts])
                if not mask.all():
                    self.present[name] = mask

    @property
    def length(self) -> int:
        """The number of rows."""
        return len(self.columns["timestamp"])

    def last_of_each(self, stays: Bools | None = None) -> Int64s:
        """The rows in identity order; of rows with equal identities only the last, and only those that stay."""
        keys = [self.columns[name] for name in self.schema.identity]
        if stays is None:
            return last_of_each(keys)
        rows = stays.nonzero()[0]
        return rows[last_of_each([key[rows] for key in keys])]

    def segment(self, rows: Int64s, *, spare: int = 0) -> Segment:
        """Some of the rows, in identity order.

        Args:
            rows: the rows.
            spare: the number of further rows that the arrays have room for (default 0).
        """
        length = len(rows)
        columns = {}
        for name, column in self.columns.items():
            columns[name] = own = empty(length, length + spare, column.dtype)
            column.take(rows, out=own[:length], mode="clip")
        present = {}
        for name, mask in self.present.items():
            present[name] = marks = ones(length, length + spare)
            marks[:length] = mask[rows]
        return Segment(self.schema, length, columns, present, self.dictionaries, {}, None, self.sizes)


def _recoded(codes: Int32s, dictionaries: Sequence[Objects], lengths: Sequence[int]) -> tuple[Int32s, Objects]:
    """Translate codes of several dictionaries, one behind the other, into those of one dictionary."""
    distinct = {id(dictionary): dictionary for dictionary in dictionaries if len(dictionary)}
    if not distinct:
        return codes, np.empty(0, dtype=np.object_)
    if len(distinct) == 1:
        (dictionary,) = distinct.values()
        return without_unused(codes, dictionary)
    words = sorted(set(chain.from_iterable(dictionary.tolist() for dictionary in distinct.values())))
    code_of = {word: code for code, word in enumerate(words)}
    # The new codes of all dictionaries, one behind the other; the one of a missing keyword comes before each.
    new: list[int] = [MISSING]
    starts = {}
    for at, dictionary in distinct.items():
        starts[at] = len(new)
        new += map(code_of.__getitem__, dictionary.tolist())
        new.append(MISSING)
    shifts = np.repeat([starts.get(id(dictionary), 1) for dictionary in dictionaries], lengths)
    found = np.array(new, dtype=np.int32)[np.where(codes == MISSING, 0, codes + shifts)]
    return without_unused(found, np.array(words, dtype=np.object_))
