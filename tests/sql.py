"""The rules a third time, in SQL: a history loaded into SQLite in memory, and queries translated for it.

Every version of a bucket stays, with the number of the batch that wrote it and of the one that replaced it. So one
table answers for every state the history went through.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from bucketquery import BucketQuery, NotFound

_SCHEMA = """
CREATE TABLE buckets (
    id INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    bucket_span INTEGER NOT NULL,
    anomaly_score REAL,
    initial_anomaly_score REAL,
    event_count INTEGER,
    is_interim INTEGER,
    processing_time_ms INTEGER,
    born INTEGER NOT NULL,
    died INTEGER
);
CREATE UNIQUE INDEX living ON buckets (job_id, timestamp, bucket_span) WHERE died IS NULL;
CREATE TABLE events (bucket INTEGER, position INTEGER, name TEXT, PRIMARY KEY (bucket, position)) WITHOUT ROWID;
CREATE TABLE influencers (
    bucket INTEGER,
    position INTEGER,
    influencer_field_name TEXT,
    initial_anomaly_score REAL,
    anomaly_score REAL,
    raw_anomaly_score REAL,
    probability REAL,
    is_interim INTEGER,
    PRIMARY KEY (bucket, position)
) WITHOUT ROWID;
"""

_MATCHES = """
FROM buckets
WHERE born <= :state AND (died IS NULL OR died > :state) AND job_id = :job AND CASE
    WHEN :timestamp IS NOT NULL THEN timestamp = :timestamp
    ELSE (:start IS NULL OR timestamp >= :start)
        AND (:end IS NULL OR timestamp < :end)
        AND (:threshold <= 0.0 OR anomaly_score >= :threshold)
        AND NOT (:exclude_interim AND is_interim IS TRUE)
    END
"""

_COUNT = f"SELECT COUNT(*) {_MATCHES}"

_COLUMNS = {
    "timestamp": "timestamp",
    "@timestamp": "timestamp",
    "anomaly_score": "anomaly_score",
    "initial_anomaly_score": "initial_anomaly_score",
    "event_count": "event_count",
    "bucket_span": "bucket_span",
    "is_interim": "is_interim",
    "processing_time_ms": "processing_time_ms",
    "job_id": "job_id",
    "result_type": "'bucket'",
}
_EVENTS = {
    "ASC": "(SELECT MIN(name) FROM events WHERE bucket = id)",
    "DESC": "(SELECT MAX(name) FROM events WHERE bucket = id)",
}


class SqlBuckets:
    """A history in a database of its own; state 0 is before any batch, state n after the n-th."""

    def __init__(self, history: Iterable[Iterable[Mapping[str, Any]]]) -> None:
        self._connection = sqlite3.connect(":memory:", cached_statements=512, isolation_level=None)
        self._connection.executescript(_SCHEMA)
        self._shown: dict[int, dict[str, Any]] = {}
        self._state = 0
        for batch in history:
            self._state += 1
            for document in batch:
                if document.get("result_type") == "bucket":
                    self._write(document)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def answer(self, query: BucketQuery, *, state: int | None = None) -> dict[str, Any]:
        """The response body to `query`, asked of the newest state unless one is named; NotFound as the API has it."""
        (job,) = query.jobs
        parameters = {
            "state": self._state if state is None else state,
            "job": job,
            "timestamp": _int64(query.timestamp),
            "start": _int64(query.start),
            "end": _int64(query.end),
            "threshold": query.anomaly_score,
            "exclude_interim": query.exclude_interim,
            "from": _int64(query.from_) if query.timestamp is None else 0,
            "size": query.size if query.timestamp is None else 1,
        }
        count: int = self._connection.execute(_COUNT, parameters).fetchone()[0]
        if query.timestamp is not None and count == 0:
            reason = "Could not find requested buckets"
            raise NotFound(reason)
        direction = "DESC" if query.desc else "ASC"
        column = _EVENTS[direction] if query.sort == "scheduled_events" else _COLUMNS.get(query.sort, "NULL")
        order = ", ".join(f"{key} {direction} NULLS LAST" for key in (column, "timestamp", "bucket_span", "job_id"))
        page = f"SELECT id {_MATCHES} ORDER BY {order} LIMIT :size OFFSET :from"
        return {
            "count": count,
            "buckets": [self._show(row) for (row,) in self._connection.execute(page, parameters).fetchall()],
        }

    def _write(self, document: Mapping[str, Any]) -> None:
        stored = {
            "state": self._state,
            "job_id": document["job_id"],
            "timestamp": _milliseconds(document["timestamp"]),
            "bucket_span": document["bucket_span"],
            "anomaly_score": document.get("anomaly_score"),
            "initial_anomaly_score": document.get("initial_anomaly_score"),
            "event_count": document.get("event_count"),
            "is_interim": document.get("is_interim"),
            "processing_time_ms": document.get("processing_time_ms"),
        }
        self._connection.execute(
            "UPDATE buckets SET died = :state WHERE died IS NULL"
            " AND job_id = :job_id AND timestamp = :timestamp AND bucket_span = :bucket_span",
            stored,
        )
        bucket = self._connection.execute(
            "INSERT INTO buckets VALUES (NULL, :job_id, :timestamp, :bucket_span, :anomaly_score,"
            " :initial_anomaly_score, :event_count, :is_interim, :processing_time_ms, :state, NULL)",
            stored,
        ).lastrowid
        for position, name in enumerate(document.get("scheduled_events") or ()):
            self._connection.execute("INSERT INTO events VALUES (?, ?, ?)", (bucket, position, name))
        for position, nested in enumerate(document.get("bucket_influencers") or ()):
            values = (
                nested.get("influencer_field_name"),
                nested.get("initial_anomaly_score"),
                nested.get("anomaly_score"),
                nested.get("raw_anomaly_score"),
                nested.get("probability"),
                nested.get("is_interim"),
            )
            self._connection.execute(
                "INSERT INTO influencers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (bucket, position, *values)
            )

    def _show(self, bucket: int) -> dict[str, Any]:
        if bucket not in self._shown:
            self._shown[bucket] = self._body(bucket)
        return self._shown[bucket]

    def _body(self, bucket: int) -> dict[str, Any]:
        job_id, timestamp, score, span, initial, count, is_interim, processing = self._connection.execute(
            "SELECT job_id, timestamp, 0.0 + COALESCE(anomaly_score, 0.0), bucket_span,"
            " 0.0 + COALESCE(initial_anomaly_score, 0.0), COALESCE(event_count, 0), COALESCE(is_interim, FALSE),"
            " COALESCE(processing_time_ms, 0) FROM buckets WHERE id = ?",
            (bucket,),
        ).fetchone()
        events = self._connection.execute("SELECT name FROM events WHERE bucket = ? ORDER BY position", (bucket,))
        influencers = self._connection.execute(
            "SELECT influencer_field_name, 0.0 + COALESCE(initial_anomaly_score, 0.0),"
            " 0.0 + COALESCE(anomaly_score, 0.0), 0.0 + COALESCE(raw_anomaly_score, 0.0),"
            " 0.0 + COALESCE(probability, 0.0), COALESCE(is_interim, ?)"
            " FROM influencers WHERE bucket = ? ORDER BY position",
            (is_interim, bucket),
        )
        names = [name for (name,) in events]
        return {
            "job_id": job_id,
            "timestamp": timestamp,
            "anomaly_score": score,
            "bucket_span": span,
            "initial_anomaly_score": initial,
            "event_count": count,
            "is_interim": bool(is_interim),
            "bucket_influencers": [
                {
                    "job_id": job_id,
                    "result_type": "bucket_influencer",
                    **({} if name is None else {"influencer_field_name": name}),
                    "initial_anomaly_score": own_initial,
                    "anomaly_score": own_score,
                    "raw_anomaly_score": raw,
                    "probability": probability,
                    "timestamp": timestamp,
                    "bucket_span": span,
                    "is_interim": bool(own_interim),
                }
                for name, own_initial, own_score, raw, probability, own_interim in influencers
            ],
            "processing_time_ms": processing,
            **({"scheduled_events": names} if names else {}),
            "result_type": "bucket",
        }


def _milliseconds(given: Any) -> int:
    if not isinstance(given, str):
        return int(given)
    since = datetime.fromisoformat(given) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def _int64(given: Any) -> int | None:
    # SQLite knows no larger integers; nothing stored is out there.
    return None if given is None else max(-(2**63), min(2**63 - 1, given))
