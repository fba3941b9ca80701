"""Orders: which results come first, as one value for pages, for merges of several tables and for expanded records.

Rows of one table are compared by the values of its columns, keywords by their codes. Codes of two tables differ, so
rows of several tables are compared by `RowKeys`, which do not depend on a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from bucketquery.arrays.ranking import ColumnValues, best, first_in_order, in_order
from bucketquery.model.schema import SCHEMAS, Array, Bools, Int64s, Kind, Schema, Type
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.window import with_head
from bucketquery.storage.keywords import MISSING, encode_keywords
from bucketquery.storage.selection import Selection
from bucketquery.storage.view import View
from bucketquery.value_index.value_index import sort_keys_of

#: The values of one column, and which rows miss it.
_RowKey = tuple[Array | list[str | None], Bools | None]


class SortColumn(NamedTuple):
    """A column that an order compares.

    Attributes:
        name: the name of a column, or of a list field of keywords or of instants.
        type: the type of its values.
        puts_missing_last: whether a row without a value comes last in both directions; if not, it has the default.
    """

    name: str
    type: Type
    puts_missing_last: bool


class RowKeys(NamedTuple):
    """The values that decide the order of some rows, comparable with those of any other table and job.

    Attributes:
        length: the number of rows.
        columns: for each compared column, and for the job, the values and a mask of the missing ones. Numbers are an
            array, text is a list with None for a missing one. The mask is None for text, and if no value is missing.
    """

    length: int
    columns: tuple[_RowKey, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Which results come first.

    Attributes:
        columns: the columns that are compared, the leading one first. With the job they make the order total.
        within: the first of these columns. Only these are compared within one table, whose rows are in identity order;
            that order breaks their ties.
        desc: whether every column is reversed, the job too.
        job_leads: whether the job is compared before all columns; if not, it is compared after them.
    """

    columns: tuple[SortColumn, ...]
    within: tuple[SortColumn, ...]
    desc: bool
    job_leads: bool

    @classmethod
    def of(cls, resolved: ResolvedQuery, schema: Schema | None = None) -> "Order":
        """The order of a query in a schema, default its own; one value for all queries with the same order."""
        return _order((schema or resolved.schema, resolved.order_by, resolved.desc, resolved.by_job))

    @property
    def lead(self) -> str:
        """The column that leads within a table; not for identity order, which has none."""
        return self.within[0].name

    @property
    def leads_by_time(self) -> bool:
        """Whether the timestamp is compared first, as a sort column or as the first key of the identity."""
        return self.columns[0].name == "timestamp"

    def first(self, view: View, rows: Array, need: int) -> Array:
        """The first ``need`` of some rows of a view, given in time order; all if there are fewer."""
        columns = [partial(self._values_at, view, rows, column) for column in self.within]
        return rows[first_in_order(len(rows), columns, need, desc=self.desc)]

    def first_of_numbers(self, view: View, rows: Array, head: Int64s, need: int, *, few: int, has_lead: bool) -> Array:
        """The result of `first_of_both`, found faster. It requires an order with one column, of numbers.

        Args:
            view: the view of the rows.
            rows: rows of the base, ascending.
            head: row numbers within the head, ascending.
            need: the number of wanted rows.
            few: this many sort keys or fewer are all sorted.
            has_lead: True if all rows are known to have a value in the column.
        """
        lead, desc = self.within[0].name, self.desc
        sort_keys = sort_keys_of(view.base.columns[lead][rows], desc=desc)
        if not len(head):
            if has_lead or not _is_missing(sort_keys):
                return rows[best(sort_keys, need, desc=desc, few=few)]
            return self.first(view, rows, need)
        head_sort_keys = sort_keys_of(view.head.columns[lead][head], desc=desc)
        if not has_lead and (_is_missing(sort_keys) or _is_missing(head_sort_keys)):
            return self.first_of_both(view, rows, head, need)
        if len(rows) >= need:
            order = best(sort_keys, need, desc=desc, few=few)
            enters = head_sort_keys >= sort_keys[order[-1]]
            if not enters.any():
                return rows[order]
            order.sort()
            rows, sort_keys = rows[order], sort_keys[order]
            head, head_sort_keys = head[enters], head_sort_keys[enters]
        places = rows.searchsorted(view.head_places[head])
        sort_keys = np.insert(sort_keys, places, head_sort_keys)
        return np.insert(rows, places, head + view.base.length)[best(sort_keys, need, desc=desc, few=few)]

    def first_of_both(self, view: View, rows: Array, head: Int64s, need: int) -> Array:
        """The first ``need`` of some rows of the base and of the head; there are at least ``need``.

        Args:
            view: the view of the rows.
            rows: rows of the base, ascending.
            head: row numbers within the head, ascending.
            need: the number of wanted rows.
        """
        return self.first(view, with_head(view, rows, head) if len(head) else rows, need)

    def around(self, view: View, rows: Array, head: Int64s, first: int, last: int) -> tuple[Array, Int64s, int]:
        """Of at least ``last`` rows, those with the ranks ``[first, last)`` and few others.

        O(n): the rows are parted by their leading value, and not sorted. The leading column has numbers.

        Args:
            view: the view of the rows.
            rows: rows of the base, ascending.
            head: row numbers within the head, ascending.
            first: the first rank.
            last: the rank behind the last one, greater than ``first``.

        Returns:
            The rows of the base and of the head that are left, ascending, and how many rows before them were left out.
        """
        lead, length = self.lead, len(rows)
        sort_keys = sort_keys_of(view.base.columns[lead][rows], desc=self.desc)
        if len(head):
            sort_keys = np.concatenate((sort_keys, sort_keys_of(view.head.columns[lead][head], desc=self.desc)))
        stays, skipped = ranked_between(sort_keys, first, last)
        return rows[stays[:length]], head[stays[length:]], skipped

    def sorted_within(self, rows: Selection, groups: Int64s) -> Int64s:
        """The positions of some rows of one view in order, group by group; groups ascend."""
        return in_order([self._values(rows, column) for column in self.within], groups, desc=self.desc)

    def row_keys(self, rows: Selection, job_ids: Sequence[str] | None) -> RowKeys:
        """The row keys of some rows.

        Args:
            rows: rows of any table.
            job_ids: the job of each row; None for rows of combined tables, which have a column for it.
        """
        columns: list[_RowKey] = []
        for column in self.columns:
            name = column.name
            if column.type is Type.KEYWORDS:
                columns.append((self._leading(rows.lists(name)), None))
            elif column.type is Type.INSTANT:
                columns.append(_instant_values(rows, name))
            elif column.type is Type.KEYWORD:
                columns.append((rows.column(name).tolist(), None))
            else:
                columns.append((rows.column(name), rows.missing(name) if column.puts_missing_last else None))
        if job_ids is None:
            return RowKeys(len(rows), tuple(columns))
        job: _RowKey = [*job_ids], None
        return RowKeys(len(job_ids), (job, *columns) if self.job_leads else (*columns, job))

    def merged(self, parts: Sequence[RowKeys], need: int) -> Int64s:
        """The first ``need`` rows of several parts in order, numbered across all parts; all if there are fewer.

        The rows of a single part must be in order already.
        """
        length = sum(part.length for part in parts)
        if len(parts) <= 1:
            return np.arange(length)
        columns = [
            partial(_at, _concatenated(column)) for column in zip(*[part.columns for part in parts], strict=True)
        ]
        return first_in_order(length, columns, need, desc=self.desc)

    def _values_at(self, view: View, rows: Array, column: SortColumn, positions: Int64s) -> ColumnValues:
        return self._values(Selection(view, rows[positions]), column)

    def _values(self, rows: Selection, column: SortColumn) -> ColumnValues:
        """The values of a column for some rows of one view; keywords as codes of that view."""
        name = column.name
        if column.type is Type.KEYWORDS:
            return _keyword_values(self._leading(rows.lists(name)))
        if column.type is Type.INSTANT:
            return _instant_values(rows, name)
        missing = rows.missing(name) if column.puts_missing_last else None
        if missing is not None and not missing.any():
            missing = None
        return ColumnValues(rows.comparable(name), missing)

    def _leading(self, lists: Sequence[tuple[Any, ...]]) -> list[str | None]:
        """The keyword that each list is sorted by: its least, or its greatest if the order is descending.

        Python orders text by code points, which is the order of its UTF-8 bytes.
        """
        leading = max if self.desc else min
        return [leading(some) if some else None for some in lists]


def order_of(kind: Kind, order_by: tuple[str, ...], *, desc: bool) -> Order:
    """The order of results of a kind, with the job as the last key.

    Args:
        kind: the kind of the results.
        order_by: the columns that are compared within a table, the leading one first; empty: identity order.
        desc: whether every column is reversed.

    If a column only breaks ties, a missing integer counts as its default, as it does in an identity. In any other case
    a row without a value comes last.

    >>> [column.name for column in order_of("bucket", ("anomaly_score",), desc=True).columns]
    ['anomaly_score', 'timestamp', 'bucket_span']
    """
    return _order((SCHEMAS[kind], order_by, desc, False))


@cache
def _order(asked: tuple[Schema, tuple[str, ...], bool, bool]) -> Order:
    """The order of results of a schema. The cache stays small: two orders for each field that can be sorted by."""
    schema, order_by, desc, by_job = asked
    fields = [schema.by_name[name] for name in dict.fromkeys((*order_by, *schema.ties))]
    columns = tuple(
        SortColumn(field.name, field.type, field.name in order_by[:1] or field.type is not Type.INTEGER)
        for field in fields
    )
    return Order(columns, columns[: len(order_by)], desc, by_job)


def ranked_between(sort_keys: Array, first: int, last: int) -> tuple[Bools, int]:
    """Which of some sort keys may have the ranks ``[first, last)``, the greatest first, and how many come before these.

    O(n): the sort keys are parted, and not sorted. Missing ones, NaN, come last.

    >>> stays, skipped = ranked_between(np.array([5.0, 1.0, 7.0, 5.0]), 1, 2)
    >>> stays.tolist(), skipped
    ([True, False, False, True], 1)
    """
    valued = sort_keys[~np.isnan(sort_keys)] if _is_missing(sort_keys) else sort_keys
    count = len(valued)
    if first >= count:
        # All rows with a value come before the page.
        return np.isnan(sort_keys), count
    places = [count - last, count - 1 - first] if last <= count else [count - 1 - first]
    parted = np.partition(valued, places)
    best = parted[places[-1]]
    is_before = sort_keys > best
    # Without a lowest value, missing values are on the page too.
    stays = (sort_keys <= best) & (sort_keys >= parted[places[0]]) if last <= count else ~is_before
    return stays, int(np.count_nonzero(is_before))


def is_of_numbers(view: View, name: str) -> bool:
    """Whether a column holds numbers and has no mask, in base and head."""
    return view.base.is_of_numbers(name) and (not view.head.length or view.head.is_of_numbers(name))


def _at(column: ColumnValues, positions: Int64s) -> ColumnValues:
    return ColumnValues(column.values[positions], None if column.missing is None else column.missing[positions])


def _concatenated(parts: Sequence[_RowKey]) -> ColumnValues:
    """The values of one column of several parts."""
    if isinstance(parts[0][0], list):
        return _keyword_values([*chain.from_iterable(keywords for keywords, _ in parts)])
    missing = None
    if any(lacking is not None and lacking.any() for _, lacking in parts):
        missing = np.concatenate(
            [np.zeros(len(values), dtype=np.bool_) if lacking is None else lacking for values, lacking in parts]
        )
    return ColumnValues(np.concatenate([values for values, _ in parts]), missing)


def _keyword_values(keywords: Sequence[str | None]) -> ColumnValues:
    codes, _ = encode_keywords(keywords)
    missing = codes == MISSING
    return ColumnValues(codes, missing if missing.any() else None)


def _instant_values(rows: Selection, name: str) -> ColumnValues:
    instants, present = rows.instants(name)
    return ColumnValues(instants, None if present.all() else ~present)


def _is_missing(sort_keys: Array) -> bool:
    """Whether any sort key is missing."""
    return sort_keys.dtype.kind == "f" and bool(np.isnan(sort_keys).any())
