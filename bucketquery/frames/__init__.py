"""The same queries on tables of results in an engine: DuckDB, Polars, PySpark, pandas, pyarrow, Ibis, sqlframe.

An index answers from the memory of one process. If the results do not fit into it, or are in Parquet files or in a
warehouse, `search` takes the same query objects and asks an engine. It returns the same pages, and `overall_buckets`
returns the same overall buckets. `latest` reads tables that are only appended to.

The engine filters, sorts, counts and cuts the page. The rows of the page are then read as documents into a small index,
which makes the answer and checks what the engine returned.

The functions need the package ``narwhals``, and the package of the engine. They are imported when a function is called.

Not here: cursors, feeds of changes, swimlanes and top influencers, which need an index.
"""

from bucketquery.frames.calls import latest, overall_buckets, search
from bucketquery.frames.latest import Latest

__all__ = ["Latest", "latest", "overall_buckets", "search"]
