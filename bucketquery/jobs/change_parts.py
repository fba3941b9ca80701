"""Change parts: the changes of one write as columns, without a loop over the rows of a batch.

Identities and new scores are views of the batch's own columns, so a batch that only inserts is not copied. A view that
would keep a much larger array in memory is copied.
"""

from collections.abc import Container, Sequence
from typing import Any, Final

import numpy as np

from bucketquery.jobs.change_columns import (
    HAD,
    HAS,
    IS_INTERIM,
    LISTED,
    RENORMALISED,
    WAS_INTERIM,
    ChangeColumns,
    Flags,
)
from bucketquery.jobs.descriptions import (
    DESCRIPTIVE,
    Descriptions,
    Side,
    constant,
    described,
    described_in,
    descriptions_of,
)
from bucketquery.model.schema import BUCKET, RECORD, Array, Bools, Float64s, Int64s, Objects, Schema, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.storage.keywords import encode_keywords, without_unused
from bucketquery.storage.packed_rows import Layout, layout_of
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table_changes import BatchChanges, TableChanges

#: The changes of single rows, one after the other: the job, the record before (None if there was none), the record
#: after.
Entries = Sequence[Any]

_FLAG: Final = np.dtype(np.uint8)
_INT: Final = np.dtype(np.int64)
_DOUBLE: Final = np.dtype(np.float64)
#: A view is copied if the array that it keeps in memory is more than this many times as large.
_LARGER: Final = 2
#: Single rows are those of the only kind that can be packed.
_LAYOUT: Final = layout_of(BUCKET)


def columns_of_entries(entries: Entries, sequences: Int64s, times: Int64s) -> ChangeColumns:
    """The changes of single rows; the commit of each, and its time."""
    layout = _LAYOUT
    assert layout is not None, "buckets can be packed"
    schema = layout.schema
    job_ids = entries[::3]
    # A large batch has most jobs once, so their codes are their places.
    jobs = dict(zip(job_ids, range(len(job_ids)), strict=True))
    codes = None
    if len(jobs) < len(job_ids):
        jobs = {job_id: code for code, job_id in enumerate(jobs)}
    if len(jobs) == len(job_ids) > 1:
        codes = np.arange(len(jobs), dtype=np.int32)
    elif len(jobs) > 1:
        codes = np.array([jobs[job_id] for job_id in job_ids], dtype=np.int32)
    before, after = entries[1::3], entries[2::3]
    old_scores, flags = _side_of_rows(layout, before, HAD, WAS_INTERIM)
    scores, has = _side_of_rows(layout, after, HAS, IS_INTERIM)
    # A deleted row has no record of its own, so the identity is that of the record before.
    records = after if None not in after else [new or old for old, new in zip(before, after, strict=True)]
    joined = b"".join(records)
    return ChangeColumns(
        schema,
        jobs,
        codes,
        sequences,
        times,
        flags | has,
        old_scores,
        scores,
        [layout.column(joined, name).copy() for name in schema.identity],
    )


def matter(entries: Entries, resolved: ResolvedQuery, jobs: Container[str]) -> bool:
    """Whether any of a few changes of single rows belongs to the feed of a query: 1 us each, and columns take 25.

    Args:
        entries: the changes.
        resolved: the query.
        jobs: the jobs of the query.
    """
    layout = _LAYOUT
    assert layout is not None, "buckets can be packed"
    score_at, interim_at = layout.names.index(layout.schema.score), layout.interim_at
    start, end, threshold, exclude_interim = resolved[:4]
    below = resolved.below
    for at in range(0, len(entries), 3):
        if entries[at] in jobs:
            for record in entries[at + 1 : at + 3]:
                if record is None or (exclude_interim and record[interim_at]):
                    continue
                values = layout.unpack_from(record)
                # A missing score is NaN, which reaches no threshold.
                if (
                    start <= values[0] < end
                    and (threshold is None or values[score_at] >= threshold)
                    and (below is None or values[score_at] < below)
                ):
                    return True
    return False


def _side_of_rows(layout: Layout, records: Entries, has: int, interim: int) -> tuple[Float64s, Flags]:
    """The scores and the flags of one side of some changes; NaN and 0 for a record that is None."""
    missing = records.count(None)
    if missing == len(records):
        return constant(np.nan, _DOUBLE, missing), constant(0, _FLAG, missing)
    joined = b"".join(records if not missing else [record for record in records if record is not None])
    flags, scores = (
        _flags_of(layout.column(joined, "is_interim"), has, interim),
        layout.column(joined, layout.schema.score),
    )
    if not missing:
        return scores.copy(), flags
    known = np.array([record is not None for record in records], dtype=np.bool_)
    all_scores, all_flags = np.full(len(records), np.nan), np.zeros(len(records), dtype=_FLAG)
    all_scores[known], all_flags[known] = scores, flags
    return all_scores, all_flags


def parts_of_entries(entries: Entries, sequence: int, time: int, most: int, kept: int) -> list[ChangeColumns]:
    """The changes of single rows in one commit, in parts of at most ``most`` rows.

    If a job has more than ``kept`` rows, they are a part of their own, with ranges.
    """
    parts = []
    if len(entries) > 3 * kept:
        by_job: dict[str, list[Any]] = {}
        for at in range(0, len(entries), 3):
            by_job.setdefault(entries[at], []).extend(entries[at : at + 3])
        entries = [entry for own in by_job.values() if len(own) <= 3 * kept for entry in own]
        large = [own for own in by_job.values() if len(own) > 3 * kept]
        parts = [_of_commit(own, sequence, time).within(kept) for own in large]
    for first in range(0, len(entries), 3 * most):
        parts.append(_of_commit(entries[first : first + 3 * most], sequence, time))
    return parts


def _of_commit(entries: Entries, sequence: int, time: int) -> ChangeColumns:
    length = len(entries) // 3
    return columns_of_entries(entries, constant(sequence, _INT, length), constant(time, _INT, length))


def columns_of_table(
    job_id: str, changes: TableChanges, sequence: int, time: int, *, renormalised: bool
) -> list[ChangeColumns]:
    """The changes of one table in one commit; empty if nothing differs."""
    commit = (job_id, sequence, time, RENORMALISED if renormalised else 0)
    if isinstance(changes, BatchChanges):
        written, score = changes.written, changes.written.schema.score
        if not written.length:
            return []
        # New scores have no column ``is_interim``: the results are interim if they were before.
        after = written.column(score), written.columns.get("is_interim")
        had = changes.had()
        descriptions = _described_batch(changes, had)
        if had is None:
            return [_columns(commit, _of_segment(written), None, after, descriptions=descriptions)]
        before = changes.old_values(score, np.nan), changes.old_values("is_interim", missing=False)
        return [_columns(commit, _of_segment(written), before, after, had=had, descriptions=descriptions)]
    inserted, (old, new), deleted = changes.inserted, changes.replaced, changes.deleted
    parts = []
    if len(inserted):
        descriptions = _described(None, inserted)
        parts.append(_columns(commit, _of_selection(inserted), None, _values_of(inserted), descriptions=descriptions))
    if len(new):
        descriptions = _described(old, new)
        values = _values_of(old), _values_of(new)
        parts.append(_columns(commit, _of_selection(new), *values, descriptions=descriptions))
    if len(deleted):
        descriptions = _described(deleted, None)
        parts.append(_columns(commit, _of_selection(deleted), _values_of(deleted), None, descriptions=descriptions))
    return parts


def columns_of_listing(job_id: str, rows: Selection, sequence: int, time: int) -> ChangeColumns:
    """Some stored results as the changes of a listing, in their order."""
    return _columns((job_id, sequence, time, LISTED), _of_selection(rows), None, _values_of(rows))


#: A kind, the columns of its identity, and the dictionaries of those with keywords.
_Identity = tuple[Schema, list[Array], dict[str, Objects]]
#: The current scores of some results, and which of them are interim; None in place of the latter: as before.
_Values = tuple[Float64s, Bools | None]


def _columns(
    commit: tuple[str, int, int, int],
    identity: _Identity,
    before: _Values | None,
    after: _Values | None,
    *,
    had: Bools | None = None,
    descriptions: Descriptions | None = None,
) -> ChangeColumns:
    """The changes of one table.

    Args:
        commit: the job, the sequence, the time, and bits that all flag bytes have.
        identity: the results.
        before: their values before; None if none was there.
        after: their values after; None if none is there.
        had: which of them were there before; None: all of them, if there are values before.
        descriptions: their descriptions before and after; None if they have none.
    """
    job_id, sequence, time, common = commit
    schema, columns, dictionaries = identity
    length = len(columns[0])
    flags = constant(common | (0 if after is None else HAS), _FLAG, length)
    scores = old_scores = constant(np.nan, _DOUBLE, length)
    is_interim: Bools | None = None
    if before is not None:
        old_scores, is_interim = before
        assert is_interim is not None, "every result before is final or interim"
        flags = flags | _flags_of(is_interim, HAD, WAS_INTERIM)
        if had is not None:
            flags[~had] &= ~np.uint8(HAD)
    if after is not None:
        scores = _own(after[0])
        is_interim = is_interim if after[1] is None else after[1][:length]
        if is_interim is not None and is_interim.any():
            flags = flags | _flags_of(is_interim, 0, IS_INTERIM)
    of_commit = constant(sequence, _INT, length), constant(time, _INT, length)
    old_scores = _own(old_scores)
    return ChangeColumns(
        schema, {job_id: 0}, None, *of_commit, flags, old_scores, scores, columns, dictionaries, descriptions
    )


def _flags_of(is_interim: Bools, has: int, interim: int) -> Flags:
    """The bit ``has`` for each result, and the bit ``interim`` for the interim ones."""
    flags: Flags = is_interim.view(_FLAG) * np.uint8(interim) + np.uint8(has)
    return flags


def _of_segment(written: Segment) -> _Identity:
    columns, dictionaries = [], {}
    for name in written.schema.identity:
        column, dictionary = written.column(name), written.dictionary(name)
        if len(dictionary):
            if len(dictionary) > len(column):
                column, dictionary = without_unused(column, dictionary)
            dictionaries[name] = dictionary
        columns.append(_own(column))
    return written.schema, columns, dictionaries


def _of_selection(rows: Selection) -> _Identity:
    view, numbers = rows.view, rows.rows
    schema, segment = view.base.schema, view.base
    if not isinstance(numbers, slice):
        first_of_head = view.base.length
        if numbers.min() >= first_of_head:
            segment, numbers = view.head, numbers - first_of_head
        elif numbers.max() >= first_of_head:
            return _encoded(schema, [rows.column(name) for name in schema.identity])
    columns = [_own(segment.column(name)[numbers]) for name in schema.identity]
    return (
        schema,
        columns,
        {name: segment.dictionaries[name] for name in schema.identity if name in segment.dictionaries},
    )


def _encoded(schema: Schema, values: Sequence[Array]) -> _Identity:
    """The columns of an identity with codes in place of keywords."""
    columns, dictionaries = [], {}
    for name, column in zip(schema.identity, values, strict=True):
        if schema.by_name[name].type is Type.KEYWORD:
            column, dictionaries[name] = encode_keywords(column.tolist())  # noqa: PLW2901 - the same keywords
        columns.append(column)
    return schema, columns, dictionaries


def _described_batch(changes: BatchChanges, had: Bools | None) -> Descriptions | None:
    """The descriptions of the records of a batch; None for another kind."""
    written = changes.written
    if written.schema is not RECORD:
        return None
    before = described_in(changes.old_rows(), written.length) if had is not None else None
    # New scores have no descriptions: the results keep theirs.
    after = described(written, slice(0, written.length)) if _has_descriptions(written) else before
    return descriptions_of(written.length, before, after)


def _described(before: Selection | None, after: Selection | None) -> Descriptions | None:
    """The descriptions of selected records; None for another kind. No selection: no record is on that side."""
    rows = after if before is None else before
    assert rows is not None, "a change has a side"
    if rows.schema is not RECORD:
        return None
    of_before = None if before is None else _side(before)
    of_after = None if after is None else _side(after) if _has_descriptions(after.view.base) else of_before
    return descriptions_of(len(rows), of_before, of_after)


def _has_descriptions(segment: Segment) -> bool:
    return DESCRIPTIVE[0] in segment.columns


def _side(rows: Selection) -> Side:
    """The descriptions of selected records in identity order."""
    view, numbers = rows.view, rows.rows
    if isinstance(numbers, slice):
        return described(view.base, numbers)
    in_head = numbers >= view.base.length
    if not in_head.any():
        return described(view.base, numbers)
    base_places, head_places = (~in_head).nonzero()[0], in_head.nonzero()[0]
    of_head = view.head, numbers[head_places] - view.base.length, head_places
    return described_in([(view.base, numbers[base_places], base_places), of_head], len(numbers))


def _values_of(rows: Selection) -> _Values:
    segment = rows.view.base
    return rows.column(segment.schema.score), rows.column("is_interim") if "is_interim" in segment.columns else None


def _own(column: Array) -> Array:
    """The column itself; a copy if it would keep a much larger array, or records, in memory."""
    base: Any = column.base
    step = column.strides[0]
    if base is None or not step:
        return column
    is_small = step == column.itemsize and memoryview(base).nbytes <= _LARGER * column.nbytes
    return column if is_small else column.copy()
