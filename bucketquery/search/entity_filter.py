"""Entity filters: which rows meet the ``where`` of a query.

A segment of many rows stores postings: the rows of each keyword of a column, or of each name and value of a data field.
The filter reads the shortest list of its fields, and compares the codes of all other fields in these rows. Buckets have
no such fields. Their filter has the instants of the records that meet ``where``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import find, time_slice
from bucketquery.jobs.job import Job
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Array, Bools, Int64s, Kind, Objects, Schema
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.queries.where import DETECTOR_INDEX, Where, filtered_schema
from bucketquery.search.row_filter import NOT_LISTED, Listed, RowFilter
from bucketquery.search.shortcuts import Shortcuts
from bucketquery.search.threshold import Matches
from bucketquery.search.window import Window
from bucketquery.storage.keywords import MISSING
from bucketquery.storage.row_groups import stored_postings
from bucketquery.storage.segment import Segment
from bucketquery.storage.table import Table
from bucketquery.value_index.postings import Postings

#: The columns that name data fields, each with the column of the value.
PAIRS: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        RECORD.kind: tuple((f"{role}_field_name", f"{role}_field_value") for role in ("by", "over", "partition")),
        INFLUENCER.kind: (("influencer_field_name", "influencer_field_value"),),
    }
)
#: Up to this many codes are compared one by one; more are looked up in a table.
_FEW_CODES: Final = 4
#: A view stores the instants of this many filters.
_STORED_INSTANTS: Final = 16


class Condition(NamedTuple):
    """One field of a filter.

    Attributes:
        name: the name of the field.
        columns: the columns of its values, each after the column that must have ``name``; None: the column itself is
            the field.
        values: the values that a row may have, ascending.
        takes_missing: whether a row without a value passes.
    """

    name: str
    columns: tuple[tuple[str | None, str], ...]
    values: Array
    takes_missing: bool

    @property
    def is_data_field(self) -> bool:
        """Whether the field is a data field."""
        return self.columns[0][0] is not None


def _conditions(where: Where, schema: Schema) -> tuple[Condition, ...]:
    found = []
    for name, values in where:
        columns: tuple[tuple[str | None, str], ...] = ((None, name),) if name in schema.by_name else PAIRS[schema.kind]
        present = [value for value in values if value is not None]
        array = np.array(present, dtype=np.int64 if name == DETECTOR_INDEX else np.object_)
        found.append(Condition(name, columns, array, takes_missing=len(present) < len(values)))
    return tuple(found)


class EntityFilter(RowFilter):
    """The rows of records or influencers that meet ``where``; immutable.

    Args:
        where: the fields and their values.
        schema: the kind of the results.
    """

    __slots__ = ("_conditions", "_key")

    def __init__(self, where: Where, schema: Schema) -> None:
        self._key = where, schema.kind
        self._conditions = _conditions(where, schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EntityFilter) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the filter compares."""
        return frozenset(
            name for condition in self._conditions for pair in condition.columns for name in pair if name is not None
        )

    def among_all_jobs(self, schema: Schema) -> "EntityFilter | None":
        """A filter for combined tables that lets every row of this filter pass, and perhaps others.

        None if combined tables lack the columns of every field.
        """
        narrowed = EntityFilter((), schema)
        narrowed._key = self._key
        narrowed._conditions = tuple(
            [
                condition
                for condition in self._conditions
                if all(value in schema.by_name for _, value in condition.columns)
                and not (condition.is_data_field and condition.takes_missing)
            ]
        )
        return narrowed if narrowed._conditions else None

    def passing(self, segment: Segment, rows: slice | Array) -> Bools:
        """Which of some rows of a segment meet every field.

        For each field O(r), and O(w log d) for w values and d keywords; O(d log w) if there are fewer keywords.
        """
        first, *others = self._conditions
        passes = _meets(segment, first, rows)
        for condition in others:
            passes &= _meets(segment, condition, rows)
        return passes

    def listed(self, segment: Segment, first: int, stop: int, most: int) -> Listed:
        """The rows among ``[first, stop)`` that meet every field, from the shortest list of any field.

        O(log n) for one value of one field, with rows as a view. O(l) for the shortest l rows in all other cases. The
        first call for a segment and a field costs O(n).
        """
        if not segment.may_have_value_indexes():
            return NOT_LISTED
        shortest: _Lists | None = None
        lead = self._conditions[0]
        for condition in self._conditions:
            lists = _lists(segment, condition, first, stop)
            if lists is not None and (shortest is None or lists.length < shortest.length):
                shortest, lead = lists, condition
        if shortest is None or shortest.length > most:
            return NOT_LISTED
        rows, rows_read = shortest.rows(are_apart=not lead.is_data_field), 0
        for condition in self._conditions:
            if condition is not lead:
                rows_read = shortest.length
                # `compress` takes a third of the time of a mask in brackets.
                rows = rows.compress(_meets(segment, condition, rows))
        if shortest.covered < stop:
            later = slice(max(first, shortest.covered), stop)
            rows_read += later.stop - later.start
            rows = np.concatenate((rows, self.passing(segment, later).nonzero()[0] + later.start))
        return Listed(rows, lead.name, rows_read)


class InstantFilter(RowFilter):
    """The buckets at some instants; immutable. It equals itself only.

    Args:
        instants: the instants, ascending, each once, epoch ms.
    """

    __slots__ = ("_instants",)

    def __init__(self, instants: Int64s) -> None:
        self._instants = instants

    def passing(self, segment: Segment, rows: slice | Array) -> Bools:
        """Which of some buckets lie at one of the instants: O(r log i) for r buckets and i instants."""
        return find(self._instants, segment.columns["timestamp"][rows])[0]

    def listed(self, segment: Segment, first: int, stop: int, most: int) -> Listed:
        """The buckets among ``[first, stop)`` at the instants: O(i log n) for i instants from the first to the last."""
        instants, timestamps = self._instants, segment.column("timestamp")[first:stop]
        if len(timestamps):
            instants = instants[time_slice(instants, timestamps.item(0), timestamps.item(-1) + 1)]
        if len(instants) > most:
            return NOT_LISTED
        found, places = find(timestamps, instants)
        rows = [places.compress(found)]
        # Buckets of other spans follow at the same instant.
        while len(rows[-1]):
            later = rows[-1] + 1
            later = later[later < len(timestamps)]
            rows.append(later.compress(timestamps[later] == timestamps[later - 1]))
        joined = np.concatenate(rows)
        if any(len(some) for some in rows[1:]):
            joined.sort(kind="stable")
        return Listed(joined + first, "timestamp", 0)


def filter_of(
    job: Job, resolved: ResolvedQuery, shortcuts: Shortcuts, entities: EntityFilter | None = None
) -> RowFilter | None:
    """The filter of a query over one job's results; None if the query has none.

    Args:
        job: the job.
        resolved: the query.
        shortcuts: which work may be skipped.
        entities: the rows that meet ``where``; None: it is made.
    """
    if not resolved.where:
        return None
    if entities is None:
        entities = EntityFilter(resolved.where, filtered_schema(resolved.schema))
    return entities if resolved.schema is not BUCKET else _witnessed(job.table(RECORD), entities, resolved, shortcuts)


def _witnessed(records: Table, entities: EntityFilter, resolved: ResolvedQuery, shortcuts: Shortcuts) -> InstantFilter:
    """The filter of buckets by their records in the window. The view of the records stores the last ones.

    O(m) for m records in the window that meet ``where``.
    """
    view = records.final if resolved.exclude_interim else records.rows
    key = entities, resolved.start, resolved.end
    known: dict[Any, InstantFilter] = view.instants_of_filters
    found = known.get(key)
    if found is None:
        window = Window.of(view, resolved.start, resolved.end)
        matches = Matches.of(window, None, shortcuts, None, entities)
        rows, _ = matches.first(matches.matched, desc=False)
        instants = view.base.columns["timestamp"][rows]
        if len(matches.head):
            instants = np.concatenate((instants, view.head.columns["timestamp"][matches.head]))
            # A stable sort is fast if most values ascend.
            instants.sort(kind="stable")
        found = InstantFilter(instants.compress(_is_new(instants)))
        if len(known) >= _STORED_INSTANTS:
            known.clear()
        # Two readers may both make one, with the same instants.
        known[key] = found
    return found


def _is_new(ascending: Array) -> Bools:
    """Which of some ascending numbers differ from the one before. `np.unique` would take forty times as long."""
    is_new = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=is_new[1:])
    return is_new


class _Lists(NamedTuple):
    """Lists of rows that together have all covered rows of a condition.

    Attributes:
        lists: the rows of each list, ascending.
        covered: the postings cover the rows before this one.
        length: the number of rows of all lists.
    """

    lists: list[Array]
    covered: int
    length: int

    def rows(self, *, are_apart: bool) -> Array:
        """The rows of all lists, ascending, each once; ``are_apart``: no row is in two lists."""
        if len(self.lists) == 1:
            return self.lists[0]
        if not self.lists:
            return np.empty(0, dtype=np.int64)
        joined = np.sort(np.concatenate(self.lists))
        return joined if are_apart else joined.compress(_is_new(joined))


def _lists(segment: Segment, condition: Condition, first: int, stop: int) -> _Lists | None:
    """The lists of a condition; None if no postings have them."""
    if condition.name == DETECTOR_INDEX or (condition.is_data_field and condition.takes_missing):
        return None
    found: list[tuple[Postings, list[int]]] = []
    for name_column, column in condition.columns:
        if name_column is None or name_column not in segment.columns:
            postings = stored_postings(segment, column, column)
            pairs = [(value, value) for value in condition.values.tolist()]
        else:
            if not len(segment.dictionary(name_column)):
                continue
            postings = stored_postings(segment, name_column, column)
            pairs = [(condition.name, value) for value in condition.values.tolist()]
        groups = [group for pair in pairs if (group := postings.group_of.get(pair)) is not None]
        if condition.takes_missing:
            groups.append(len(postings))
        found.append((postings, groups))
    covered = min([stop, *(postings.covered for postings, _ in found)])
    lists = [postings.rows(group, first, covered) for postings, groups in found for group in groups]
    return _Lists(lists, covered, sum(map(len, lists)))


def _meets(segment: Segment, condition: Condition, rows: slice | Array) -> Bools:
    """Which of some rows meet a condition."""
    if condition.name == DETECTOR_INDEX:
        # A missing value is stored as its default, which is 0.
        return np.isin(segment.columns[DETECTOR_INDEX][rows], condition.values)
    if condition.is_data_field:
        return _meets_data_field(segment, condition, rows)
    ((_, column),) = condition.columns
    codes = _codes(segment, column, condition.values)
    return _has_code(segment, column, rows, [*codes, MISSING] if condition.takes_missing else codes)


def _meets_data_field(segment: Segment, condition: Condition, rows: slice | Array) -> Bools:
    """Which of some rows have one of the values in a data field; in combined tables, in a data field of any name."""
    meets: list[Bools] = []
    has_value: list[Bools] = []
    for name_column, column in condition.columns:
        here = _has_code(segment, column, rows, _codes(segment, column, condition.values))
        if name_column in segment.columns:
            assert name_column is not None
            name = np.array([condition.name], dtype=np.object_)
            has_name = _has_code(segment, name_column, rows, _codes(segment, name_column, name))
            here &= has_name
            has_value.append(has_name & (segment.columns[column][rows] != MISSING))
        meets.append(here)
    if condition.takes_missing:
        assert len(has_value) == len(meets), "combined tables get no such condition"
        meets.append(~np.logical_or.reduce(has_value))
    found: Bools = np.logical_or.reduce(meets)
    return found


def _codes(segment: Segment, column: str, values: Objects) -> list[int]:
    """The codes of the values that a column's dictionary has. The shorter of both is looked up in the longer one."""
    dictionary = segment.dictionary(column)
    if len(dictionary) < len(values):
        found, _ = find(values, dictionary)
        codes: list[int] = found.nonzero()[0].tolist()
    else:
        found, places = find(dictionary, values)
        codes = places[found].tolist()
    return codes


def _has_code(segment: Segment, column: str, rows: slice | Array, codes: list[int]) -> Bools:
    """Which of some rows have one of some codes in a column."""
    own = segment.columns[column][rows]
    if len(codes) > _FEW_CODES:
        # A missing keyword has the code -1, which picks the last entry.
        passes = np.zeros(len(segment.dictionary(column)) + 1, dtype=np.bool_)
        passes[codes] = True
        return passes[own]
    found = np.zeros(len(own), dtype=np.bool_)
    for code in codes:
        found |= own == code
    return found
