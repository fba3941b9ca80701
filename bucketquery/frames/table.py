"""A caller's frame as a table of results: its columns are checked, and each has one expression.

A column may be missing, and so may a value: as null or as NaN. The expressions hide how frames differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import narwhals.stable.v2 as nw

from bucketquery.errors import InvalidQuery
from bucketquery.frames.engines import ENGINES, SPARK_LIKE, engine_of
from bucketquery.frames.instants import instant, milliseconds_in_duckdb
from bucketquery.model.schema import EVENT_INGESTED, EXTRA_FIELDS, EXTRA_FIELDS_COLUMN, Schema, Type
from bucketquery.model.text import brief

AnyFrame = nw.LazyFrame[Any] | nw.DataFrame[Any]

#: The name that the column for the instant of ``event`` has here: in Spark, a dot in a name leads into a struct.
INGESTED: Final = "event_ingested"

#: The types of text that engines store as codes.
CODED: Final = (nw.Categorical, nw.Enum)
_TEXT: Final = (nw.String, *CODED)


class _Rule(NamedTuple):
    """The types that a column may have, and their name for errors."""

    types: tuple[Any, ...]
    name: str


_NUMBERS: Final = _Rule((), "numbers")
_INSTANTS: Final = _Rule((nw.Datetime,), "timestamps, or integers of epoch milliseconds")
_TEXTS: Final = _Rule(_TEXT, "text")
_RULES: Final[Mapping[Type, _Rule]] = {
    Type.TIMESTAMP: _INSTANTS,
    Type.INSTANT: _INSTANTS,
    Type.INTEGER: _NUMBERS,
    Type.DOUBLE: _NUMBERS,
    Type.BOOLEAN: _Rule((nw.Boolean,), "booleans"),
    Type.KEYWORD: _TEXTS,
    Type.EXTRA_FIELDS: _TEXTS,
    Type.KEYWORDS: _Rule((nw.List,), "lists of text"),
    Type.BUCKET_INFLUENCERS: _Rule((nw.List,), "lists of structs"),
}
_LISTS: Final = frozenset({Type.KEYWORDS, Type.BUCKET_INFLUENCERS})
_JOB_ID: Final = "job_id"
_INTERIM: Final = "is_interim"
#: The beginning of the names of columns that are added.
_MS: Final = "bucketquery_ms_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A frame of results of one kind.

    Attributes:
        frame: the frame.
        schema: the kind of its results.
        types: the type of each column that the kind has and the frame has too, by its name in the frame.
        engine: the engine.
        argument: the parameter that gave the frame, for errors.
    """

    frame: AnyFrame
    schema: Schema
    types: Mapping[str, Any]
    engine: nw.Implementation
    argument: str

    @classmethod
    def of(cls, given: Any, schema: Schema, argument: str = "frame") -> "Table":
        """The table of a caller's frame.

        Raises:
            TypeError: it is no frame.
            InvalidQuery: its engine is not supported, a required column is missing, or a column has another type.
        """
        frame: AnyFrame = nw.from_native(given)
        engine = engine_of(frame)
        if engine not in ENGINES:
            reason = f"[{argument}] is a frame of {engine.name.lower()}, which is not supported"
            raise InvalidQuery(reason, field=argument)
        frame = _prepared(frame, argument)
        found = frame.collect_schema()
        fields = {column_of(field.name): field.type for field in schema.fields} | {_JOB_ID: Type.KEYWORD}
        types = {name: found[name] for name in fields if name in found}
        for name in (_JOB_ID, *(field.name for field in schema.fields if field.required)):
            if name not in types:
                reason = f"[{argument}] has no column [{name}], which every frame of {schema.plural} needs"
                raise InvalidQuery(reason, field=argument)
        for name, dtype in types.items():
            # Lists of pandas are objects, which tell nothing; a column without rows counts as text.
            if engine is not nw.Implementation.PANDAS or fields[name] not in _LISTS:
                _check(name, dtype, _RULES[fields[name]], argument)
        return cls(frame=frame, schema=schema, types=types, engine=engine, argument=argument)

    def where(self, *conditions: nw.Expr | None) -> "Table":
        """The rows that meet all conditions; None is no condition."""
        given = [condition for condition in conditions if condition is not None]
        return replace(self, frame=self.frame.filter(*given)) if given else self

    def has(self, name: str) -> bool:
        """Whether the frame has the column of a field."""
        return column_of(name) in self.types

    def text(self, name: str) -> nw.Expr:
        """A column of text. An ENUM would be sorted by the places of its values, so it becomes text."""
        column = nw.col(name)
        return column if self.types[name] == nw.String else column.cast(nw.String)

    def instant(self, name: str) -> nw.Expr:
        """A column of instants, rounded down to milliseconds; an integer or a timestamp."""
        return instant(*self.instants_of(name), self.engine)

    def instants_of(self, name: str) -> tuple[str, Any]:
        """The column that has the instants of a field, and its type: its own, or that of milliseconds."""
        name = column_of(name)
        if self.engine is nw.Implementation.DUCKDB and _has_zone(self.types[name]):
            return f"{_MS}{name}", nw.Int64()
        return name, self.types[name]

    def number(self, name: str) -> nw.Expr:
        """A column of numbers; NaN, which engines sort as the greatest number, becomes null, and -0.0 becomes 0.0."""
        dtype = self.types[name]
        column = nw.col(name)
        if dtype.is_integer():
            return column
        if dtype != nw.Float64:
            column = column.cast(nw.Float64)
        return nw.when(~column.is_nan()).then(column + 0.0)

    def is_within(self, name: str, low: float, high: float | None) -> nw.Expr:
        """Whether a column of numbers is at least ``low``, and less than ``high`` if that is not None.

        NaN is not, although engines compare it as greater. Polars would round a bound to the column's precision, so a
        column of other numbers becomes one of doubles.
        """
        dtype = self.types[name]
        column = nw.col(name)
        if not dtype.is_integer() and dtype != nw.Float64:
            column = column.cast(nw.Float64)
        within = column >= low if high is None else (column >= low) & (column < high)
        return within if dtype.is_integer() else within & ~column.is_nan()


def column_of(name: str) -> str:
    """The name that the column of a field has in a table.

    >>> column_of("timestamp"), column_of("event.ingested"), column_of("")
    ('timestamp', 'event_ingested', 'extra_fields')
    """
    if name == EVENT_INGESTED:
        return INGESTED
    return EXTRA_FIELDS_COLUMN if name == EXTRA_FIELDS else name


def _prepared(frame: AnyFrame, argument: str) -> AnyFrame:
    """The frame with names and types that every step understands."""
    engine = engine_of(frame)
    if engine is nw.Implementation.PANDAS:
        frame = _with_nullable_booleans(_in_utc(frame))
    names = frame.collect_schema().names()
    if f"`{EVENT_INGESTED}`" in names:
        reason = f"[{argument}] must name the column [{EVENT_INGESTED}] [{INGESTED}]: sqlframe reads no name with a dot"
        raise InvalidQuery(reason, field=argument)
    if EVENT_INGESTED in names:
        if engine in SPARK_LIKE:
            renamed: AnyFrame = nw.from_native(frame.to_native().withColumnRenamed(EVENT_INGESTED, INGESTED))
            return renamed
        if engine is nw.Implementation.DUCKDB:
            # For a name with a dot that narwhals gives it, DuckDB 1 looks for a table.
            frame = nw.from_native(frame.to_native().project(f'* RENAME ("{EVENT_INGESTED}" AS {INGESTED})'))
        else:
            frame = frame.rename({EVENT_INGESTED: INGESTED})
    return _with_milliseconds(frame) if engine is nw.Implementation.DUCKDB else frame


def _has_zone(dtype: Any) -> bool:
    return dtype == nw.Datetime and dtype.time_zone is not None


def _with_milliseconds(frame: AnyFrame) -> AnyFrame:
    """A relation of DuckDB with a column of milliseconds beside each column of timestamps with a zone."""
    types = frame.collect_schema()
    zoned = [name for name in ("timestamp", INGESTED) if name in types and _has_zone(types[name])]
    if not zoned:
        return frame
    added = ", ".join(f"{milliseconds_in_duckdb(name)} AS {_MS}{name}" for name in zoned)
    changed: AnyFrame = nw.from_native(frame.to_native().project(f"*, {added}"))
    return changed


def _in_utc(frame: AnyFrame) -> AnyFrame:
    """A frame of pandas whose timestamps have no time zone but UTC; the types of other zones are not understood."""
    native = frame.to_native()
    zoned = {
        name: native[name].dt.tz_convert("UTC")
        for name in ("timestamp", EVENT_INGESTED)
        if name in native and getattr(native[name].dtype, "tz", None) is not None
    }
    changed: AnyFrame = nw.from_native(native.assign(**zoned)) if zoned else frame
    return changed


def _with_nullable_booleans(frame: AnyFrame) -> AnyFrame:
    """A frame of pandas whose booleans may be missing. A column of its usual types then has objects."""
    native = frame.to_native()
    if _INTERIM not in native or native[_INTERIM].dtype != object or {*map(type, native[_INTERIM].dropna())} - {bool}:
        return frame
    changed: AnyFrame = nw.from_native(native.assign(**{_INTERIM: native[_INTERIM].astype("boolean")}))
    return changed


def _check(name: str, dtype: Any, rule: _Rule, argument: str) -> None:
    """Refuse a column of another type."""
    if any(dtype == allowed for allowed in rule.types):
        return
    if rule in {_NUMBERS, _INSTANTS} and dtype.is_numeric():
        return
    reason = f"[{argument}] has the column [{name}] of the type [{brief(str(dtype))}], which must be {rule.name}"
    raise InvalidQuery(reason, field=argument)
