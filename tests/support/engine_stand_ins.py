"""Stand-ins for the frames and series of narwhals, and for native frames: enough for tests without the engines."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import narwhals.stable.v2 as nw


class Series:
    """A column of values; its `dt.timestamp` returns them as milliseconds."""

    def __init__(self, values: Sequence[Any], dtype: Any) -> None:
        self.values = values
        self.dtype = dtype

    @property
    def dt(self) -> Self:
        """The column again, for its method `timestamp`."""
        return self

    def timestamp(self, unit: str) -> Self:
        """The column, whose values are in the unit already."""
        assert unit == "ms"
        return self

    def is_null(self) -> "Series":
        """Which values are None."""
        return Series([value is None for value in self.values], nw.Boolean)

    def to_list(self) -> list[Any]:
        """The values."""
        return [*self.values]


class Eager(nw.DataFrame[Any]):
    """A frame in memory, as columns by name."""

    implementation: Any = None

    def __init__(self, columns: Mapping[str, Series], engine: nw.Implementation = nw.Implementation.PANDAS) -> None:
        self.made_of = dict(columns)
        self.implementation = engine
        self.native: Any = None

    @property
    def columns(self) -> list[str]:
        """The names."""
        return [*self.made_of]

    def get_column(self, name: str) -> Any:
        """A column."""
        return self.made_of[name]

    def select(self, *names: Any, **_: Any) -> Any:
        """The frame with some columns."""
        return Eager({name: self.made_of[name] for name in names}, self.implementation)

    def __getitem__(self, rows: Any) -> Any:
        return Eager(
            {name: Series(one.values[rows], one.dtype) for name, one in self.made_of.items()}, self.implementation
        )

    def __len__(self) -> int:
        return len(next(iter(self.made_of.values())).values)

    def collect_schema(self) -> Any:
        """The types by name."""
        return nw.Schema({name: one.dtype for name, one in self.made_of.items()})

    def to_native(self) -> Any:
        """The native frame."""
        return self.native

    def rename(self, names: Mapping[str, str]) -> Any:
        """The frame with other names."""
        return Eager({names.get(name, name): one for name, one in self.made_of.items()}, self.implementation)


class Lazy(nw.LazyFrame[Any]):
    """A frame that is not computed yet: the frame that it becomes, and an engine."""

    implementation: Any = None

    def __init__(self, becomes: Eager, engine: nw.Implementation) -> None:
        self.becomes = becomes
        self.implementation = engine

    def collect_schema(self) -> Any:
        """The types by name."""
        return self.becomes.collect_schema()

    def select(self, *names: Any, **_: Any) -> Any:
        """The frame with some columns."""
        return Lazy(self.becomes.select(*names), self.implementation)

    def head(self, n: int = 5) -> Any:
        """The first rows."""
        return Lazy(self.becomes[:n], self.implementation)

    def collect(self, backend: Any = None, **_: Any) -> Any:
        """The rows."""
        assert backend is None
        return self.becomes

    def to_native(self) -> Any:
        """A native frame, which the functions of each engine cut."""
        return Native(self.becomes, [])


class Native:
    """A native frame: the rows that it has, and the calls that were made. It cuts as each engine does."""

    def __init__(self, becomes: Eager, calls: list[str]) -> None:
        self.becomes = becomes
        self.calls = calls

    def _then(self, call: str, becomes: Eager) -> "Native":
        return Native(becomes, [*self.calls, call])

    def slice(self, offset: int, size: int) -> "Native":
        """Rows, as Polars cuts them."""
        return self._then(f"slice({offset}, {size})", self.becomes[offset : offset + size])

    def limit(self, size: int, *, offset: int = 0) -> "Native":
        """Rows, as DuckDB, Ibis and Spark cut them."""
        return self._then(f"limit({size}, {offset})", self.becomes[offset : offset + size])

    def offset(self, offset: int) -> "Native":
        """Rows, as Spark skips them."""
        return self._then(f"offset({offset})", self.becomes[offset:])

    def withColumnRenamed(self, name: str, other: str) -> "Native":  # noqa: N802 - the name in Spark
        """The frame with another name."""
        return self._then(f"rename({name}, {other})", self.becomes.rename({name: other}))
