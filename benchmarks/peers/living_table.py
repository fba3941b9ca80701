"""SQLite in memory with a log of changes: what its users would build for a change feed, keyset pages and history.

Triggers write each change of a bucket to a table. The number of a change is the key of this table, so a feed is a range
of it. An index on the timestamp finds the changes of one bucket. The table of buckets has the identity as its key, and
an index on the score that ends with the key, so a keyset page of either order is a range of an index.
"""

import sqlite3
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from operator import itemgetter
from typing import Any, Final

from benchmarks.workloads import Columns, Document

_FIELDS: Final = ("timestamp", "bucket_span", "anomaly_score", "event_count", "is_interim")
_row_of: Final = itemgetter(*_FIELDS)
_loads: Callable[[str], list[int]] = import_module("orjson" if find_spec("orjson") else "json").loads

_TABLES: Final = """
create table buckets (
    timestamp integer, bucket_span integer, anomaly_score real, event_count integer, is_interim integer,
    primary key (timestamp, bucket_span)
) without rowid;
create table changes (
    sequence integer primary key, timestamp integer, bucket_span integer, old_score real, score real,
    was_interim integer, is_interim integer
);
"""
#: They are made after the load, which would be slower with them, and whose rows are no changes here.
_INDEXES: Final = """
create index by_score on buckets (anomaly_score, timestamp, bucket_span);
create index by_key on changes (timestamp, bucket_span);
create trigger inserted after insert on buckets begin
    insert into changes values (null, new.timestamp, new.bucket_span, null, new.anomaly_score, null, new.is_interim);
end;
create trigger replaced after update on buckets
when (old.anomaly_score, old.event_count, old.is_interim) is not (new.anomaly_score, new.event_count, new.is_interim)
begin
    insert into changes values (
        null, new.timestamp, new.bucket_span, old.anomaly_score, new.anomaly_score, old.is_interim, new.is_interim
    );
end;
analyze;
"""
_PUT: Final = (
    "insert into buckets values (?, ?, ?, ?, ?) on conflict do update set anomaly_score = excluded.anomaly_score,"
    " event_count = excluded.event_count, is_interim = excluded.is_interim"
)
_SCORE: Final = "update buckets set anomaly_score = ? where timestamp = ? and bucket_span = ?"
_CHANGES: Final = (
    "select timestamp, bucket_span, old_score, score from changes where sequence > ? and (score >= ? or old_score >= ?)"
)
_LISTING: Final = (
    "select timestamp, bucket_span, null, anomaly_score from buckets indexed by by_score where anomaly_score >= ?"
)
_HISTORY: Final = (
    "select timestamp, bucket_span, old_score, score from changes where timestamp = ? and bucket_span = ?"
    " order by sequence"
)
#: One text for all timestamps is quicker to read than rows. The last score is the rest of the next page's key.
_PAGE: Final = "select json_group_array(timestamp), min(anomaly_score) from (select timestamp, anomaly_score from {})"
_BY_TIME: Final = _PAGE.format(
    "buckets where (timestamp, bucket_span) > (?, ?) order by timestamp, bucket_span limit ?"
)
_BY_SCORE: Final = _PAGE.format(
    "buckets indexed by by_score where (anomaly_score, timestamp, bucket_span) < (?, ?, ?)"
    " order by anomaly_score desc, timestamp desc, bucket_span desc limit ?"
)

Event = tuple[int, int, float | None, float | None]
"""A bucket's timestamp and span, its score before and after."""

Page = tuple[list[int], float]
"""The timestamps of a page, and its lowest score."""


class LivingTable:
    """The buckets of one job, and their changes since the load.

    Args:
        columns: the buckets, in order of time; None for none.
    """

    def __init__(self, columns: Columns | None = None) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=1_024)
        self._run = self._connection.execute
        self._connection.executescript(_TABLES)
        if columns is not None:
            self._all(_PUT, list(zip(*(columns[name].tolist() for name in _FIELDS), strict=True)))
        self._connection.executescript(_INDEXES)

    def _all(self, statement: str, rows: Sequence[Any]) -> None:
        self._run("begin")
        self._connection.executemany(statement, rows)
        self._run("commit")

    @property
    def sequence(self) -> int:
        """The number of the newest change."""
        return int(self._run("select coalesce(max(sequence), 0) from changes").fetchone()[0])

    def put(self, document: Document) -> None:
        """Insert or update one row, in a transaction of its own."""
        self._run(_PUT, _row_of(document))

    def put_all(self, documents: Sequence[Document]) -> None:
        """Insert or update rows, in one transaction."""
        self._all(_PUT, list(map(_row_of, documents)))

    def rescore(self, columns: Columns) -> None:
        """Update the scores of some rows, in one transaction."""
        names = ("anomaly_score", "timestamp", "bucket_span")
        self._all(_SCORE, list(zip(*(columns[name].tolist() for name in names), strict=True)))

    def changes(self, threshold: float, since: int) -> list[Event]:
        """The changes after ``since`` of which one side is at or above the threshold."""
        return self._run(_CHANGES, (since, threshold, threshold)).fetchall()

    def listing(self, threshold: float) -> list[Event]:
        """The buckets at or above the threshold, without an old side."""
        return self._run(_LISTING, (threshold,)).fetchall()

    def history(self, timestamp: int, span: int) -> list[Event]:
        """The changes of one bucket, oldest first."""
        return self._run(_HISTORY, (timestamp, span)).fetchall()

    def by_time(self, key: Sequence[Any], size: int) -> Page:
        """The page behind a timestamp and span, in order of time."""
        timestamps, score = self._run(_BY_TIME, (*key, size)).fetchone()
        return _loads(timestamps), score

    def by_score(self, key: Sequence[Any], size: int) -> Page:
        """The page behind a score, timestamp and span, the highest scores first; equal ones are the newest first."""
        timestamps, lowest = self._run(_BY_SCORE, (*key, size)).fetchone()
        return _loads(timestamps), lowest
