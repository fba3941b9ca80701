"""Tables that are only appended to: of the rows of one result, only that with the greatest version counts."""

from dataclasses import replace
from typing import Final

import narwhals.stable.v2 as nw

from bucketquery.errors import InvalidQuery
from bucketquery.frames.table import Table
from bucketquery.model.schema import Type

_KEY: Final = "bucketquery_part_"
_VERSION: Final = "bucketquery_version"
_NEWEST: Final = "bucketquery_newest"


def newest(table: Table, version: str | None) -> Table:
    """The rows with the greatest version of their result; all rows, if there are no versions.

    The rows must be those of jobs and a window only: any other condition may be met by an older version alone.

    Raises:
        InvalidQuery: the frame has no column of that name.
    """
    if version is None:
        return table
    dtype = table.frame.collect_schema().get(version)
    if dtype is None:
        reason = f"[{table.argument}] has no column [{version}] of versions"
        raise InvalidQuery(reason, field=table.argument)
    parts = _identity(table)
    names = [f"{_KEY}{number}" for number in range(len(parts))]
    column = nw.col(version)
    if dtype.is_float():
        # NaN is no version, although engines take it for the greatest.
        column = nw.when(~column.is_nan()).then(column)
    keys = zip((*names, _VERSION), (*parts, column), strict=True)
    frame = table.frame.with_columns(*(key.alias(name) for name, key in keys))
    frame = frame.with_columns(nw.col(_VERSION).max().over(*names).alias(_NEWEST))
    return replace(table, frame=frame.filter(nw.col(_VERSION) == nw.col(_NEWEST)))


def _identity(table: Table) -> list[nw.Expr]:
    """The expressions that are equal for two rows of one result.

    A missing text is not empty text. Some engines group no missing values, so a boolean says which are missing.
    """
    parts = [table.text("job_id")]
    for name in table.schema.identity:
        of = table.schema.by_name[name].type
        if not table.has(name):
            continue
        if of is Type.KEYWORD:
            text = table.text(name)
            parts += [text.is_null(), text.fill_null("")]
        elif of is Type.TIMESTAMP:
            parts.append(table.instant(name))
        else:
            parts.append(table.number(name).fill_null(0))
    return parts
