"""The engines that are supported, by narwhals' names of them."""

from typing import Any, Final

import narwhals.stable.v2 as nw

SPARK_LIKE: Final = frozenset(
    {nw.Implementation.PYSPARK, nw.Implementation.PYSPARK_CONNECT, nw.Implementation.SQLFRAME}
)
#: The engines whose answers are tested, and Spark Connect, which has the functions of Spark.
ENGINES: Final = SPARK_LIKE | {
    nw.Implementation.DUCKDB,
    nw.Implementation.IBIS,
    nw.Implementation.PANDAS,
    nw.Implementation.POLARS,
    nw.Implementation.PYARROW,
}


def engine_of(frame: "nw.LazyFrame[Any] | nw.DataFrame[Any]") -> nw.Implementation:
    """The engine of a frame."""
    engine: nw.Implementation = frame.implementation
    return engine
