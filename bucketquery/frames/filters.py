"""Entity filters on frames: values as equalities, and buckets by the records at their instants.

The rules are those of an index. A column that is missing is missing in every row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import or_

import narwhals.stable.v2 as nw

from bucketquery.errors import InvalidQuery
from bucketquery.frames.conditions import joined
from bucketquery.frames.engines import engine_of
from bucketquery.frames.rows import all_of
from bucketquery.frames.table import AnyFrame, Table
from bucketquery.model.schema import INFLUENCER, Schema
from bucketquery.queries.where import DETECTOR_INDEX, Value, Where

_ROLES = ("by", "over", "partition")
_KEYS = ("bucketquery_job", "bucketquery_instant")


def filtered(table: Table, where: Where) -> Table:
    """The records or influencers that have, in every field, one of its values."""
    return table.where(*(_meets(table, name, values) for name, values in where))


def with_witness(buckets: Table, records: Table) -> Table:
    """The buckets that have a witness: one of the given records, which meet the filter, at their job and instant.

    Raises:
        InvalidQuery: the frames are of two engines, or their timestamps are of two types.
    """
    keyed = [_keyed(table) for table in (buckets, records)]
    types = [frame.collect_schema()[_KEYS[1]] for frame in keyed]
    kinds = [(type(frame), engine_of(frame)) for frame in keyed]
    if types[0] != types[1] or kinds[0] != kinds[1]:
        reason = "[records] must be of the engine of [frame], and have timestamps of its type, because of [where]"
        raise InvalidQuery(reason, field="records")
    return replace(buckets, frame=_semi_join(*keyed))


def _semi_join(frame: AnyFrame, other: AnyFrame) -> AnyFrame:
    """The rows of a frame whose keys the other frame has."""
    if isinstance(frame, nw.LazyFrame):
        assert isinstance(other, nw.LazyFrame), "both are of one class"
        return frame.join(other.select(*_KEYS), on=[*_KEYS], how="semi")
    # pyarrow joins no tables that have lists.
    assert isinstance(other, nw.DataFrame), "both are of one class"
    known = set(_keys_of(other))
    stays = [keys in known for keys in _keys_of(frame)]
    # An empty list would be no condition.
    return frame.filter(stays) if stays else frame


def _keys_of(frame: AnyFrame) -> Iterator[tuple[str, int]]:
    return zip(*all_of(frame.select(*_KEYS)).values(), strict=True)


def _keyed(table: Table) -> AnyFrame:
    keys = (table.text("job_id").alias(_KEYS[0]), table.instant("timestamp").alias(_KEYS[1]))
    return table.frame.with_columns(*keys)


def _meets(table: Table, name: str, values: Sequence[Value]) -> nw.Expr:
    """Whether a result has one of some values in a field."""
    pairs = _pairs(table.schema, name)
    if pairs:
        present = [
            (table.text(field), table.text(value)) for field, value in pairs if table.has(field) and table.has(value)
        ]
        alternatives = [(field == name) & _is_one_of(text, values) for field, text in present if _texts(values)]
        if None in values:
            has_value = [((field == name) & ~text.is_null()).fill_null(value=False) for field, text in present]
            alternatives.append(~joined(has_value, or_) if has_value else _always())
        return joined(alternatives, or_) if alternatives else _never()
    if name == DETECTOR_INDEX:
        if not table.has(name):
            return _always() if 0 in values else _never()
        number = table.number(name).fill_null(0)
        return joined([number == value for value in values], or_) if values else _never()
    if not table.has(name):
        return _always() if None in values else _never()
    text = table.text(name)
    alternatives = [_is_one_of(text, values)] if _texts(values) else []
    alternatives += [text.is_null()] if None in values else []
    return joined(alternatives, or_) if alternatives else _never()


def _pairs(schema: Schema, name: str) -> list[tuple[str, str]]:
    """The columns for the names and the values of a data field; none if it is a field of the results."""
    if name in schema.by_name:
        return []
    if schema is INFLUENCER:
        return [("influencer_field_name", "influencer_field_value")]
    return [(f"{role}_field_name", f"{role}_field_value") for role in _ROLES]


def _texts(values: Sequence[Value]) -> list[Value]:
    return [value for value in values if value is not None]


def _is_one_of(text: nw.Expr, values: Sequence[Value]) -> nw.Expr:
    """Whether a text is one of some values, which are compared one by one; an engine then skips files."""
    return joined([text == value for value in _texts(values)], or_)


def _never() -> nw.Expr:
    # A comparison of a column, because some engines filter by no literal.
    return nw.col("timestamp").is_null()


def _always() -> nw.Expr:
    return ~nw.col("timestamp").is_null()
