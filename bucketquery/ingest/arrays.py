"""Arrays to checked columns: bulk input.

Columns may hold the same values as documents; `checks` has the definitions. `columns` has their names and
lengths. `scores` reads new scores in the same way.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from bucketquery.errors import InvalidDocument
from bucketquery.ingest import checks
from bucketquery.ingest.batch import (
    Batch,
    Chunk,
    Column,
    JobCodes,
    assemble,
    checked_column,
    in_bounds,
    refused,
    whole_column,
)
from bucketquery.ingest.checks import Owner, Unfit
from bucketquery.ingest.columns import as_arrays, is_single, named_columns
from bucketquery.ingest.extra_fields import fields_of_text, fields_to_text, part
from bucketquery.ingest.texts import Texts, texts_of
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.scalars import base_form, base_or_none
from bucketquery.model.schema import (
    BUCKET,
    EVENT_INGESTED,
    EXTRA_FIELDS_COLUMN,
    INFLUENCER,
    SCHEMAS,
    Array,
    Field,
    Int64s,
    Kind,
    Schema,
    Type,
)
from bucketquery.model.text import are_job_ids, brief
from bucketquery.queries.parameters import read_job_id
from bucketquery.storage.keywords import MISSING, NO_KEYWORDS
from bucketquery.storage.sparse_lists import NO_LISTS, SparseLists

_Stored = TypeVar("_Stored")

_BESIDE_THE_SCHEMA: Final = frozenset({"job_id", "result_type"})
_INT64_EDGE: Final = 2**63
#: Units of datetime64 whose int64 range lies inside the years 0001 to 9999, so the bounds cannot be converted to them.
_INSIDE_THE_YEARS: Final = frozenset({"ns", "ps", "fs", "as"})
#: Added to the reason if an entry is NaN, which is how some libraries write a gap.
_HOW_TO_WRITE_A_GAP: Final = "; a gap is None, a masked entry, or a null of a nullable column"
#: The kinds of arrays that may hold text.
_TEXT: Final = frozenset("OUT")
#: The columns that have no gaps.
_NO_GAPS: Final = frozenset({"job_id", "timestamp", "bucket_span"})


def read_columns(columns: object, job_id: str | None, kind: Kind, *, keep: bool = True) -> Batch:
    """A batch of arrays by field name, checked, copied and sorted.

    Args:
        columns: 1-d arrays of equal length, a frame of pandas or polars, or an Arrow table; ``timestamp`` in epoch ms
            or datetime64, ``bucket_span`` an array or one int. A value is missing if its field is left out, if it is
            masked, if it is None in a list or an object array, or if it is a null of a series or of an Arrow array.
        job_id: the job of all rows; None if a column ``job_id`` names the job of each row.
        kind: the kind of all rows.
        keep: True keeps display fields too; False keeps only the fields that queries filter or sort by.

    Raises:
        InvalidDocument: a column or an entry cannot be stored; ``field`` is its path, such as
            ``columns.anomaly_score[3]``.
        InvalidQuery: ``job_id`` is not a valid job id.
    """
    schema = SCHEMAS[kind]
    has_extra_fields = any(field.type is Type.EXTRA_FIELDS for field in schema.lists)
    allowed = _BESIDE_THE_SCHEMA | schema.by_name.keys() | ({EXTRA_FIELDS_COLUMN} if has_extra_fields else set())
    named = named_columns("columns", columns, allowed, lambda name: _not_a_field(name, kind), schema.fields)
    given = as_arrays("columns", schema, named)
    length = len(given["timestamp"])
    jobs, ids = _jobs(given.get("job_id"), job_id, length)
    stored = {field.name: checked("columns", field, given.get(field.name), length) for field in schema.columns}

    values = {name: column.values for name, column in stored.items()}
    lists = {
        field.name: _extra_fields(schema, given, length)
        if field.type is Type.EXTRA_FIELDS
        else _instants(given.get(field.name), length)
        if field.type is Type.INSTANT
        else _lists(field, given.get(field.name), lambda row: Owner.at(row, ids[jobs[row]], values))
        for field in schema.lists
    }
    if "result_type" in given:
        texts = as_texts(given["result_type"])
        if texts is None or any(text != kind for text in texts.distinct):
            _each("columns", "result_type", given["result_type"], lambda value, _: _check_kind(value, kind))
    chunk = Chunk.of(jobs, stored, lists)
    return assemble({kind: [chunk if keep else chunk.without(schema.only_shown)]}, ids, {})


def _not_a_field(name: str, kind: Kind) -> str:
    """The reason for refusing a column of this name, and where the field may stand."""
    others = [schema.kind for schema in SCHEMAS.values() if name in schema.by_name]
    hint = "" if kind == BUCKET.kind else "; only the documents of [upsert] may have other fields"
    if others:
        hint = f", but of [{', '.join(others)}]; the argument [kind] tells which results the columns hold"
    return f"not a field of {'an' if kind == INFLUENCER.kind else 'a'} {kind}{hint}"


def _jobs(column: Any, job_id: str | None, length: int) -> tuple[Int64s, Sequence[str]]:
    """The job of each row as a code, and the ids of the jobs in the order of their codes."""
    if (column is None) == (job_id is None):
        reason = "the job must be given by a column [job_id] or by the argument, and not by both"
        raise InvalidDocument(reason, field="columns.job_id" if job_id is None else "job_id", value=job_id)
    if column is None:
        # A broadcast view: one code for all rows, without memory for each.
        return np.broadcast_to(np.int64(0), length), [read_job_id(job_id)]
    texts = as_texts(column)
    if texts is not None and texts.is_complete() and (not texts.distinct or are_job_ids(texts.distinct)):
        return texts.codes.astype(np.int64), texts.distinct
    codes = JobCodes()
    jobs = np.array(_each("columns", "job_id", column, lambda value, _: codes.code(value)), dtype=np.int64)
    return jobs, codes.ids()


def checked(argument: str, field: Field, given: Any, length: int) -> Column:
    """The checked column, a copy. ``argument`` is the name of the argument that has it."""
    if given is None and not field.required:
        return _missing(field, length)
    if field.name == "bucket_span" and is_single(given):
        try:
            return Column(np.full(length, checks.scalar(field, given), dtype=np.int64), None)
        except Unfit as unfit:
            raise refused(f"{argument}.bucket_span", unfit) from None
    if field.type is Type.KEYWORD:
        texts = as_texts(given)
        if texts is None:
            entries = _each(argument, field.name, given, lambda value, _: checks.scalar(field, value))
            texts = texts_of(entries)
            assert texts is not None
        codes, keywords = texts.encoded()
        return Column(codes, None, keywords)
    whole = _whole_array(field, given)
    if whole is None:
        return checked_column(field, _each(argument, field.name, given, lambda value, _: checks.scalar(field, value)))
    return whole


def as_texts(given: Any) -> Texts | None:
    """The texts of a column that has nothing but built-in texts and gaps; None if single entries must be checked."""
    if isinstance(given, Texts):
        return given
    if not isinstance(given, list | tuple) and np.ma.getdata(given).dtype.kind not in _TEXT:
        return None
    return texts_of(_entries(given))


def _missing(field: Field, length: int) -> Column:
    """The column of a field that is not given."""
    if field.type is Type.KEYWORD:
        return Column(np.full(length, MISSING, dtype=np.int32), None, NO_KEYWORDS)
    if field.type is Type.DOUBLE:
        return Column(np.full(length, np.nan), None)
    return Column(np.zeros(length, dtype=field.type.dtype), np.zeros(length, dtype=np.bool_))


def _whole_array(field: Field, given: Any) -> Column | None:
    """The column if it can be checked as a whole; None if single entries must be checked."""
    if isinstance(given, Texts):
        return None
    if isinstance(given, list | tuple):
        return whole_column(field, given)
    if given.dtype.kind == "O":
        return whole_column(field, given.tolist())
    bare = np.ma.getdata(given)
    gaps = np.ma.getmaskarray(given) if isinstance(given, np.ma.MaskedArray) else None
    if bare.dtype.kind == "M" and (not_a_time := np.isnat(bare)).any():
        gaps = not_a_time if gaps is None else gaps | not_a_time
    if gaps is None:
        values = _converted(field, bare)
        return None if values is None else Column(values, None)
    present = ~gaps
    dense = _converted(field, bare[present])
    if dense is None or (field.required and not present.all()):
        return None
    values = np.full(len(given), np.nan if field.type is Type.DOUBLE else 0, dtype=dense.dtype)
    values[present] = dense
    return Column(values, None if field.type is Type.DOUBLE or present.all() else present)


def _converted(field: Field, array: Array) -> Array | None:
    """A copy of the array in the column's dtype; None if an entry is outside the field's bounds."""
    dtype_kind = array.dtype.kind
    if field.type is Type.BOOLEAN:
        return array.copy() if dtype_kind == "b" else None
    if field.type is Type.TIMESTAMP and dtype_kind == "M":
        column = _milliseconds(array)
    elif dtype_kind not in "iuf":
        return None
    elif field.type is Type.DOUBLE:
        with np.errstate(over="ignore"):
            doubles = array.astype(np.float64)
        doubles += 0.0
        return doubles if np.isfinite(doubles).all() else None
    else:
        column = _integers(array)
    return column if column is not None and in_bounds(field, column) else None


def _integers(array: Array) -> Int64s | None:
    dtype_kind = array.dtype.kind
    if dtype_kind == "f":
        # Half precision cannot represent the bounds that it is compared with.
        array = array.astype(np.promote_types(array.dtype, np.float64))
        if not (np.isfinite(array) & (array == np.floor(array)) & (abs(array) < _INT64_EDGE)).all():
            return None
    if dtype_kind == "u" and (array >= np.uint64(_INT64_EDGE)).any():
        return None
    return array.astype(np.int64)


def _milliseconds(array: Array) -> Int64s | None:
    unit, multiple = np.datetime_data(array.dtype)
    if np.isnat(array).any() or unit == "generic":
        return None
    if unit in _INSIDE_THE_YEARS and multiple != 1:
        # NumPy multiplies first, and a product outside int64 wraps around.
        return None
    if unit not in _INSIDE_THE_YEARS:
        # A cast between units wraps around silently, so cast the bounds and compare the values in their own unit.
        first, last = (np.datetime64(bound, "ms").astype(array.dtype) for bound in (FIRST_MS, LAST_MS))
        if not ((first <= array) & (array <= last)).all():
            return None
    return array.astype("datetime64[ms]").astype(np.int64)


def _lists(field: Field, given: Any, owner: Callable[[int], Owner]) -> SparseLists:
    if given is None:
        return NO_LISTS
    is_nested = field.type is Type.BUCKET_INFLUENCERS

    def listed(value: object, row: int) -> tuple[object, ...]:
        if value is None:
            return ()
        return checks.listed(field, _with_events(value) if is_nested else value, owner(row))

    return SparseLists.of_tuples(_each("columns", field.name, given, listed))


def _with_events(influencers: object) -> object:
    """Nested influencers with an object `event` in place of the flat instant that a struct has for it."""
    if type(influencers) is not list:
        return influencers
    return [
        {**one, "event": {"ingested": one[EVENT_INGESTED]}} if type(one) is dict and EVENT_INGESTED in one else one
        for one in influencers
    ]


def _instants(given: Any, length: int) -> SparseLists:
    return NO_LISTS if given is None else checked("columns", checks.INGESTED, given, length).instants()


def _extra_fields(schema: Schema, given: Mapping[str, Any], length: int) -> SparseLists:
    """The extra fields of each row as text, made from the columns of the parts and from the column of JSON texts."""
    named = [field for field in schema.parts if field.name in given]
    parts: list[dict[str, Any]] = [{} for _ in range(length if named else 0)]
    for field in named:
        for row, value in enumerate(_parts(field, given[field.name])):
            if value is not None:
                parts[row][field.name] = value
    if EXTRA_FIELDS_COLUMN in given:
        others = _each(
            "columns", EXTRA_FIELDS_COLUMN, given[EXTRA_FIELDS_COLUMN], lambda value, _: fields_of_text(schema, value)
        )
        parts = (
            [_merged(schema, row, *both) for row, both in enumerate(zip(parts, others, strict=True))]
            if named
            else others
        )
    return SparseLists.of_tuples([fields_to_text(some) for some in parts])


def _merged(schema: Schema, row: int, parts: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a row from columns of their own, and its other extra fields, in the order of a document's."""
    for name in others:
        if name in parts:
            path = f"columns.{EXTRA_FIELDS_COLUMN}[{row}].{brief(name)}"
            raise refused(path, Unfit(f"is given by the column [{name}] too", others[name]))
    both = {**parts, **others}
    documented = [field.name for field in schema.parts if field.name in both]
    return {name: both[name] for name in (*documented, *(name for name in both if name not in documented))}


def _parts(field: Field, given: Any) -> list[Any]:
    def stored(value: object, _: int) -> Any:
        return None if value is None else part(field, value)

    return _each("columns", field.name, given, stored)


def _each(argument: str, name: str, given: Any, store: Callable[[object, int], _Stored]) -> list[_Stored]:
    """The result of ``store`` for each entry and its row; a masked entry is None.

    Raises:
        InvalidDocument: ``store`` refuses an entry; the error names the first.
    """
    stored = []
    for row, value in enumerate(_entries(given)):
        try:
            stored.append(store(value, row))
        except Unfit as unfit:
            bad = base_form(unfit.value)
            is_gap = name not in _NO_GAPS and not unfit.path and type(bad) is float and math.isnan(bad)
            reason = unfit.reason + _HOW_TO_WRITE_A_GAP * is_gap
            raise refused(f"{argument}.{name}[{row}]{unfit.path}", Unfit(reason, unfit.value)) from None
    return stored


def _entries(given: Any) -> Sequence[object]:
    if isinstance(given, Texts):
        return given.entries()
    if isinstance(given, list | tuple):
        return given
    bare = np.ma.getdata(given)
    # `tolist` turns some datetime64 and timedelta64 values into bare integers, so keep NumPy's scalars.
    entries = list(bare) if bare.dtype.kind in "mM" else bare.tolist()
    if not isinstance(given, np.ma.MaskedArray):
        return entries
    masks = np.ma.getmaskarray(given).tolist()
    return [None if masked else entry for entry, masked in zip(entries, masks, strict=True)]


def _check_kind(value: object, kind: Kind) -> None:
    said = base_or_none(value)
    if said is not None and not (type(said) is str and said == kind):
        raise Unfit(f"must be [{kind}]", value)
