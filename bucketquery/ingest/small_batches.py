"""Small batches: up to 16 simple documents, read one by one into packed rows.

Checking a column of one value as an array takes many times as long as testing the value. This module accepts a batch
only if all of its documents are certainly valid. It raises no errors: `documents` reads a rejected batch again and
decides.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isfinite, nan
from operator import itemgetter
from typing import Any, Final

from bucketquery.ingest import checks
from bucketquery.ingest.batch import STORED_TYPES, Batch
from bucketquery.ingest.checks import Owner, Unfit
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import EVENT_INGESTED, SCHEMAS, Kind, Schema, Type
from bucketquery.model.text import is_job_id
from bucketquery.storage.packed_rows import EMPTY_MAPPING, Layout, Row, layout_of
from bucketquery.storage.sparse_lists import Entry

#: Cached, since few jobs are written one document at a time, and each is written often.
_is_job_id: Final = lru_cache(maxsize=1024)(is_job_id)
#: The types whose empty values are valid for every list field.
_EMPTY: Final = (list, tuple)
#: A larger batch is read faster column by column.
_MOST: Final = 16


def read_small_batch(documents: object, kind: Kind | None, *, keep: bool) -> Batch | None:
    """The batch of a few documents that are certainly valid; None if `read_documents` must decide.

    Args:
        documents: not modified.
        kind: the kind of all of them; None routes each by its ``result_type``.
        keep: True keeps display fields too; False keeps only the fields that queries filter or sort by.
    """
    if (type(documents) is not list and type(documents) is not tuple) or len(documents) > _MOST:
        return None
    rows: list[Any] = []
    for document in documents:
        if type(document) is not dict or "_source" in document:
            return None
        said = document.get("result_type", kind)
        reader = _READERS.get(said) if type(said) is str else None
        job_id = document.get("job_id")
        if reader is None or (kind is not None and said != kind) or type(job_id) is not str or not _is_job_id(job_id):
            return None
        if "records" in document and said == "bucket":
            return None
        row = reader.row(document, job_id, keep=keep)
        if row is None:
            return None
        rows += (job_id, reader.layout, row[0], row[1])
    given = len(documents)
    if given > 1:
        # The last document of an identity wins.
        named = {}
        for at in range(0, len(rows), 4):
            entries = rows[at : at + 4]
            job_id, layout, record, _ = entries
            named[layout.kind, job_id, layout.identity_from(record)] = entries
        rows = [entry for name in sorted(named) for entry in named[name]]
    return Batch({}, EMPTY_MAPPING, rows, given - len(rows) // 4)


class _SmallBatchReader:
    """Reads documents of one kind."""

    __slots__ = ("_fields", "_interim", "_known", "_lists", "_minima", "_only_shown", "_take", "layout")

    def __init__(self, schema: Schema, layout: Layout) -> None:
        self.layout = layout
        self._only_shown = schema.only_shown
        self._fields = [schema.by_name[name] for name in layout.names]
        self._interim = layout.names.index("is_interim")
        self._take = itemgetter(*layout.names)
        self._minima = [(at, field.minimum) for at, field in enumerate(self._fields) if field.minimum is not None]
        self._lists = [(field.name, field) for field in schema.lists if field.type is not Type.INSTANT]
        self._known: dict[tuple[type, ...], _Plan] = {}

    def row(self, document: dict[str, Any], job_id: str, *, keep: bool) -> Row | None:
        """The row of a document; None if it may be invalid."""
        try:
            values = [*self._take(document)]
        except KeyError:
            values = [document.get(name) for name in self.layout.names]
        types = tuple(map(type, values))
        plan = self._known.get(types) or self._plan(types)
        if plan is None:
            return None
        missing, fills, doubles = plan
        for at, default in fills:
            values[at] = default
        try:
            for at in doubles:
                # Adding 0.0 turns -0.0 into 0.0.
                values[at] += 0.0
            record = self.layout.pack(*values, missing)
            return (
                (record, self._listed(document, job_id, values, keep=keep))
                if self._is_in_bounds(values, doubles)
                else None
            )
        except (OverflowError, struct.error, Unfit):
            # An integer is outside the range of a double or of int64, or a list has a bad entry.
            return None

    def _is_in_bounds(self, values: Sequence[Any], doubles: Sequence[int]) -> bool:
        if not FIRST_MS <= values[0] <= LAST_MS:
            return False
        for at, minimum in self._minima:
            if values[at] < minimum:
                return False
        for at in doubles:  # noqa: SIM110 - a generator costs more than this loop over a few doubles
            if not isfinite(values[at]):
                return False
        return True

    def _listed(
        self, document: dict[str, Any], job_id: str, values: Sequence[Any], *, keep: bool
    ) -> Mapping[str, Entry]:
        lists: dict[str, Entry] = {}
        for name, field in self._lists:
            given = document.get(name)
            # Only lists and tuples are tested for emptiness: the test may raise for another type.
            if given is not None and (type(given) not in _EMPTY or given):
                entry = checks.listed(field, given, Owner(job_id, values[0], values[1], values[self._interim]))
                # A list of a subclass may be true and yield no item.
                if entry and (keep or name not in self._only_shown):
                    lists[name] = entry
        if "event" in document:
            instant = checks.ingested(document["event"])
            if instant is not None:
                lists[EVENT_INGESTED] = instant
        return lists or EMPTY_MAPPING

    def _plan(self, types: tuple[type, ...]) -> "_Plan | None":
        """The plan to store values of these types; None if a field does not store one of them unchanged."""
        missing, fills, doubles = 0, [], []
        for at, (field, of) in enumerate(zip(self._fields, types, strict=True)):
            if of not in STORED_TYPES[field.type] or (of is type(None) and field.required):
                return None
            if of is type(None):
                fills.append((at, nan if field.type is Type.DOUBLE else field.default))
                missing |= self.layout.bits.get(field.name, 0)
            elif field.type is Type.DOUBLE:
                doubles.append(at)
        # The cache stays small: one plan for each set of missing fields and each choice of int or float.
        plan = self._known[types] = (missing, fills, doubles)
        return plan


#: For one combination of types: the bits of missing fields, (position, default) of each, and the positions of doubles.
_Plan = tuple[int, list[tuple[int, Any]], list[int]]

_READERS: Final = {
    kind: _SmallBatchReader(schema, layout)
    for kind, schema in SCHEMAS.items()
    if (layout := layout_of(schema)) is not None
}
