"""Relations of DuckDB from documents, for tests that need no other engine."""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

NESTED = (
    "STRUCT(job_id TEXT, timestamp TIMESTAMP, bucket_span BIGINT, influencer_field_name TEXT,"
    " anomaly_score DOUBLE, is_interim BOOLEAN, event_ingested BIGINT)[]"
)
#: The types of columns, unless a test gives others; text is the type of any other column.
TYPES: Mapping[str, str] = {
    "timestamp": "BIGINT",
    "bucket_span": "BIGINT",
    "anomaly_score": "DOUBLE",
    "initial_anomaly_score": "DOUBLE",
    "record_score": "DOUBLE",
    "influencer_score": "DOUBLE",
    "probability": "DOUBLE",
    "event_count": "BIGINT",
    "detector_index": "BIGINT",
    "is_interim": "BOOLEAN",
    "scheduled_events": "TEXT[]",
    "bucket_influencers": NESTED,
    "event.ingested": "BIGINT",
    "event_ingested": "BIGINT",
    "written": "BIGINT",
}


def relation(
    rows: Iterable[Mapping[str, Any]],
    zone: str = "UTC",
    *,
    connection: Any = None,
    table: str = "results",
    **types: str,
) -> duckdb.DuckDBPyRelation:
    """A table with a column for each key of the rows, and one for each given type.

    Args:
        rows: a dict for each row; a missing key is null.
        zone: the time zone of the session.
        connection: a connection, for tables that are joined; by default a new one.
        table: the name of the table.
        types: the types of columns, if they differ from `TYPES`.
    """
    listed = [*rows]
    connection = connection or duckdb.connect()
    connection.execute(f"SET TimeZone = '{zone}'")
    names = [*dict.fromkeys(["job_id", "timestamp", "bucket_span", *(name for row in listed for name in row), *types])]
    columns = ", ".join(f'"{name}" {types.get(name, TYPES.get(name, "TEXT"))}' for name in names)
    connection.execute(f"CREATE TABLE {table} ({columns})")
    marks = ", ".join("?" * len(names))
    for row in listed:
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", [row.get(name) for name in names])
    found: duckdb.DuckDBPyRelation = connection.table(table)
    return found
