"""Stand-ins for the frames and series of pandas and polars, so that tests run without these libraries.

Each stand-in has only the methods and attributes that `bucketquery.ingest.frames` needs. `unit/test_frames.py` compares
them with the real libraries where these are installed.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

#: The missing values of pandas, which are recognised by the names of their types.
NA: Final[Any] = type("NAType", (), {"__module__": "pandas.api.typing"})()
NAT: Final[Any] = type("NaTType", (datetime,), {"__module__": "pandas.api.typing"})(1, 1, 1)


class ExtensionDtype:
    """The dtype of a nullable series; instants have a unit, and those of pyarrow have it one level down."""

    def __init__(self, kind: str, unit: str | None = None, *, of_pyarrow: bool = False) -> None:
        self.kind = kind
        if of_pyarrow:
            self.pyarrow_dtype = ExtensionDtype(kind, unit)
        elif unit is not None:
            self.unit = unit


class PandasSeries:
    """A series, an index or an extension array of pandas; None is a gap."""

    def __init__(self, values: Iterable[Any], dtype: Any = "O") -> None:
        self.values = list(values)
        self._dtype = dtype if isinstance(dtype, ExtensionDtype) else np.dtype(dtype)

    @property
    def dtype(self) -> Any:
        """The dtype of NumPy, or that of an extension."""
        return self._dtype

    def isna(self) -> "PandasSeries":
        """Which entries are gaps."""
        return PandasSeries([value is None for value in self.values], np.bool_)

    def to_numpy(self, dtype: Any = None, na_value: Any = None) -> Any:
        """An array of a dtype, with a value in place of gaps."""
        given = [na_value if value is None else value for value in self.values]
        if dtype is None:
            assert isinstance(self._dtype, np.dtype), "an extension would give objects with gaps of its own"
            dtype = self._dtype
        if np.dtype(dtype).kind == "O":
            array = np.empty(len(given), dtype=np.object_)
            array[:] = given
            return array
        return np.array(given, dtype=dtype)

    def __array__(self, dtype: Any = None, copy: object = None) -> Any:
        return self.to_numpy(dtype)


class CategoricalDtype(ExtensionDtype):
    """The dtype of a series of categories, which are an array."""

    def __init__(self, categories: Iterable[Any]) -> None:
        super().__init__("O")
        self.categories = np.array(list(categories))


class PandasCategories(PandasSeries):
    """A series of categories; -1 is the code of a gap."""

    def __init__(self, codes: Iterable[int], categories: Sequence[Any]) -> None:
        self.codes = np.array(list(codes), dtype=np.int8)
        values = [None if code < 0 else categories[code] for code in self.codes.tolist()]
        super().__init__(values, CategoricalDtype(categories))

    @property
    def array(self) -> "PandasCategories":
        """The array behind the series, which has the codes."""
        return self


class PandasFrame:
    """A frame of pandas: names, which may repeat and need not be text, and series."""

    iloc = property(lambda self: self)

    def __init__(self, columns: Sequence[tuple[Any, Any]]) -> None:
        self.given = columns

    @property
    def columns(self) -> list[Any]:
        """The names of the columns."""
        return [name for name, _ in self.given]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.columns)

    def items(self) -> Iterable[tuple[Any, Any]]:
        """The names and the series."""
        return iter(self.given)


class PolarsSeries:
    """A series of polars; None is a null."""

    def __init__(self, values: Iterable[Any], dtype: str, name: str = "") -> None:
        self.values = list(values)
        self.name = name
        self._dtype = dtype

    @property
    def dtype(self) -> str:
        """The type, which is known by its text."""
        return self._dtype

    def is_null(self) -> "PolarsSeries":
        """Which entries are null."""
        return PolarsSeries([value is None for value in self.values], "Boolean")

    def null_count(self) -> int:
        """The number of nulls."""
        return self.values.count(None)

    def fill_null(self, value: Any) -> "PolarsSeries":
        """The series with a value in place of nulls."""
        return PolarsSeries([value if entry is None else entry for entry in self.values], self._dtype)

    def to_list(self) -> list[Any]:
        """The entries as Python's own values."""
        return self.values

    def to_numpy(self) -> Any:
        """An array; integers with nulls become floats, as in polars."""
        name, _, unit = self._dtype.partition("(")
        if name == "Date":
            return np.array(self.values, dtype="M8[D]")
        if name == "Datetime":
            return np.array(self.values, dtype=f"M8[{unit.rstrip(')')}]")
        return np.array(self.values, dtype=np.float64 if self.null_count() else None)


class PolarsFrame:
    """A frame of polars."""

    def __init__(self, columns: Sequence[PolarsSeries]) -> None:
        self.given = columns

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [series.name for series in self.given]

    def __iter__(self) -> Iterator[PolarsSeries]:
        return iter(self.given)

    def get_columns(self) -> list[PolarsSeries]:
        """The series."""
        return list(self.given)


class LazyFrame:
    """A lazy frame of polars, which has names but no series."""

    columns: tuple[str, ...] = ("timestamp", "bucket_span")

    def collect(self) -> PolarsFrame:
        """The frame with its columns."""
        return PolarsFrame([])
