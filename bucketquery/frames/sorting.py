"""The order of a query as columns that an engine sorts by: all in one direction, and missing values last."""

from collections.abc import Iterable
from typing import Any, Final

import narwhals.stable.v2 as nw

from bucketquery.frames.table import AnyFrame, Table
from bucketquery.model.schema import Type
from bucketquery.search.order import Order, SortColumn

_KEY: Final = "bucketquery_key_"


def in_order(table: Table, order: Order) -> AnyFrame:
    """The rows of a table in order. The frame has more columns than the table: the keys.

    A missing column does not change the order, because its value is missing in every row.
    """
    columns = [*order.columns]
    job = SortColumn("job_id", Type.KEYWORD, puts_missing_last=True)
    columns.insert(0 if order.job_leads else len(columns), job)
    keys = [_key(table, column, desc=order.desc) for column in columns if table.has(column.name)]
    names = [f"{_KEY}{number}" for number in range(len(keys))]
    keyed = table.frame.with_columns(*(key.alias(name) for name, key in zip(names, keys, strict=True)))
    return keyed.sort(*names, descending=order.desc, nulls_last=True)


def _key(table: Table, column: SortColumn, *, desc: bool) -> nw.Expr | nw.Series[Any]:
    name = column.name
    if column.type in {Type.TIMESTAMP, Type.INSTANT}:
        return table.instant(name)
    if column.type is Type.KEYWORD:
        return table.text(name)
    if column.type is Type.KEYWORDS:
        return _one_of_list(table, name, desc=desc)
    if column.type is Type.BOOLEAN:
        return nw.col(name)
    key = table.number(name)
    return key if column.puts_missing_last else key.fill_null(0)


def _one_of_list(table: Table, name: str, *, desc: bool) -> nw.Expr | nw.Series[Any]:
    """The text that orders a list: the greatest if descending, else the least; null for an empty list."""
    if table.types[name] == nw.List:
        return nw.col(name).list.max() if desc else nw.col(name).list.min()
    # Lists of pandas are objects, which only Python reads.
    frame = table.frame
    assert isinstance(frame, nw.DataFrame), "only pandas has objects"
    choose = max if desc else min
    texts = [choose(texts, default=None) for texts in map(_texts_of, frame.get_column(name).to_list())]
    return nw.new_series(name, texts, nw.String, backend=frame.implementation)


def _texts_of(value: Any) -> Iterable[str]:
    """The texts of a list, of a single text, or of a missing list, which is None or NaN."""
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, Iterable) else ()
