"""Chunks: some documents of one kind as checked columns.

The columns of a chunk are checked as wholes if all their values have exactly the types of their fields. If not,
`checks` reads the chunk value by value, document by document.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import compress, repeat
from types import NoneType
from typing import Any

import numpy as np

from bucketquery.ingest import checks
from bucketquery.ingest.batch import Chunk, JobCodes, checked_column, whole_column
from bucketquery.ingest.checks import Owner, Unfit
from bucketquery.ingest.extra_fields import extra_fields_of
from bucketquery.model.scalars import base_form
from bucketquery.model.schema import EVENT_INGESTED, EXTRA_FIELDS, Document, Schema, Type
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists


class Refusal(Exception):
    """A row of a chunk cannot be stored; the path begins with the field's key."""

    def __init__(self, row: int, unfit: Unfit) -> None:
        super().__init__(row, unfit)
        self.row = row
        self.unfit = unfit


def read_chunk(schema: Schema, documents: Sequence[Document], codes: JobCodes) -> Chunk:
    """The chunk of some documents.

    Args:
        schema: the kind of all of them.
        documents: not modified.
        codes: the codes of the jobs; jobs that are new get one.

    Raises:
        Refusal: at the first bad field of the first bad document.
    """
    # Every class of mapping has `get`, but that of dicts can be called in half the time.
    are_dicts = set(map(type, documents)) == {dict}
    values_of = _values_of_dicts if are_dicts else _values
    job_ids = values_of(documents, "job_id")
    values: dict[str, Sequence[Any]] = {
        field.name: documents if field.type is Type.EXTRA_FIELDS else values_of(documents, field.key)
        for field in schema.fields
    }
    if EXTRA_FIELDS in values:
        # An event that is not an object is an unknown key, because a data field may have this name.
        values[EVENT_INGESTED] = _objects(values[EVENT_INGESTED])
    chunk = _read_whole(schema, job_ids, values, codes)
    return _read_rows(schema, job_ids, values, codes) if chunk is None else chunk


def _values(documents: Sequence[Document], key: str) -> list[Any]:
    """The value of a key in each document; None if it has none."""
    return [document.get(key) for document in documents]


def _values_of_dicts(documents: Sequence[Any], key: str) -> list[Any]:
    """The result of `_values` for documents that are all built-in dicts."""
    of_dict: Callable[[Any, str], Any] = dict.get
    return list(map(of_dict, documents, repeat(key)))


def _objects(values: Sequence[Any]) -> Sequence[Any]:
    """The values, with None in place of each that is not an object."""
    if set(map(type, values)) <= {dict, NoneType}:
        return values
    return [value if isinstance(value, Mapping) else None for value in values]


def _read_whole(
    schema: Schema, job_ids: Sequence[Any], values: Mapping[str, Sequence[Any]], codes: JobCodes
) -> Chunk | None:
    """The chunk if every column can be checked as a whole; None if one cannot."""
    columns = {}
    for field in schema.columns:
        column = whole_column(field, values[field.name])
        if column is None:
            return None
        columns[field.name] = column
    try:
        jobs = codes.whole(job_ids)
        lists = {}
        for field in schema.lists:
            given = values[field.name]
            if field.type is Type.INSTANT:
                instants = _whole_instants(given)
                if instants is None:
                    return None
                lists[field.name] = instants
                continue
            if field.type is Type.EXTRA_FIELDS:
                lists[field.name] = SparseLists.of_tuples([extra_fields_of(schema, document) for document in given])
                continue
            types = set(map(type, given))
            if not types <= {list, tuple, NoneType}:
                return None
            if types == {NoneType} or not any(given):
                # Most chunks have no lists of this field.
                lists[field.name] = NO_LISTS
                continue
            rows = list(compress(range(len(given)), given))
            tuples = [checks.listed(field, given[row], Owner.at(row, base_form(job_ids[row]), values)) for row in rows]
            lists[field.name] = SparseLists.of_rows(rows, tuples)
    except Unfit:
        return None
    return Chunk.of(jobs, columns, lists)


def _whole_instants(events: Sequence[Any]) -> SparseLists | None:
    """The instants of many events if all can be checked as a whole; None if one cannot."""
    types = set(map(type, events))
    if types == {NoneType}:
        return NO_LISTS
    if not types <= {dict, NoneType}:
        return None
    ingested = [None if event is None else event.get("ingested") for event in events]
    column = whole_column(checks.INGESTED, ingested)
    return None if column is None else column.instants()


def _read_rows(
    schema: Schema,
    job_ids: Sequence[Any],
    values: Mapping[str, Sequence[Any]],
    codes: JobCodes,
) -> Chunk:
    """The chunk, checked value by value.

    Raises:
        Refusal: at the first value that is refused.
    """
    jobs = []
    stored: dict[str, list[Any]] = {field.name: [] for field in schema.fields}
    fields = [(field, field.name, field.key) for field in schema.fields]
    for row, job_id in enumerate(job_ids):
        key = "job_id"
        try:
            jobs.append(codes.code(job_id))
            job_text = base_form(job_id)
            for field, name, own_key in fields:
                key = own_key
                value = values[name][row]
                if field.type.dtype is not None:
                    stored[name].append(checks.scalar(field, value))
                elif field.type is Type.EXTRA_FIELDS:
                    stored[name].append(extra_fields_of(schema, value))
                elif field.type is Type.INSTANT:
                    stored[name].append(checks.ingested(value))
                elif value is None:
                    stored[name].append(())
                else:
                    stored[name].append(checks.listed(field, value, Owner.at(row, job_text, stored)))
        except Unfit as unfit:
            raise Refusal(row, Unfit(unfit.reason, unfit.value, key + unfit.path)) from None
    columns = {field.name: checked_column(field, stored[field.name]) for field in schema.columns}
    lists = {
        field.name: checked_column(checks.INGESTED, stored[field.name]).instants()
        if field.type is Type.INSTANT
        else SparseLists.of_tuples(stored[field.name])
        for field in schema.lists
    }
    return Chunk.of(np.array(jobs, dtype=np.int64), columns, lists)
