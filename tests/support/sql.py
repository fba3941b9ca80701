"""A third implementation of the rules, in SQL: a history loaded into SQLite in memory, and queries translated for it.

The tables hold every version of a result, with the number of the batch that wrote it and of the batch that replaced it.
So one table for each kind answers queries on every state of the history. Only SQL decides conditions, order, count,
page, filters, the records that a bucket shows, and the data fields of a record. Values that are only shown are stored
as JSON, with lists in place of single values. The records in a bucket are written after it.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from bucketquery import BucketQuery, InfluencerQuery, LimitExceeded, NotFound, RecordQuery
from bucketquery.queries.where import Where

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
    event_ingested INTEGER,
    written INTEGER NOT NULL,
    replaced INTEGER
);
CREATE UNIQUE INDEX current_bucket ON buckets (job_id, timestamp, bucket_span) WHERE replaced IS NULL;
CREATE TABLE events (bucket INTEGER, position INTEGER, name TEXT, PRIMARY KEY (bucket, position)) WITHOUT ROWID;
CREATE TABLE bucket_influencers (
    bucket INTEGER,
    position INTEGER,
    influencer_field_name TEXT,
    initial_anomaly_score REAL,
    anomaly_score REAL,
    raw_anomaly_score REAL,
    probability REAL,
    is_interim INTEGER,
    job_id TEXT,
    timestamp INTEGER,
    bucket_span INTEGER,
    event_ingested INTEGER,
    PRIMARY KEY (bucket, position)
) WITHOUT ROWID;
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    bucket_span INTEGER NOT NULL,
    detector_index INTEGER,
    probability REAL,
    multi_bucket_impact REAL,
    record_score REAL,
    initial_record_score REAL,
    is_interim INTEGER,
    by_field_name TEXT,
    by_field_value TEXT,
    correlated_by_field_value TEXT,
    partition_field_name TEXT,
    partition_field_value TEXT,
    over_field_name TEXT,
    over_field_value TEXT,
    function TEXT,
    function_description TEXT,
    field_name TEXT,
    event_ingested INTEGER,
    stored TEXT NOT NULL,
    written INTEGER NOT NULL,
    replaced INTEGER
);
CREATE INDEX current_record ON records (job_id, timestamp, bucket_span) WHERE replaced IS NULL;
CREATE INDEX record_time ON records (job_id, timestamp);
CREATE TABLE data_fields (
    record INTEGER, position INTEGER, name TEXT, value TEXT, PRIMARY KEY (record, position)
) WITHOUT ROWID;
CREATE TABLE pairs (record INTEGER, name TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX pair_of_record ON pairs (record, name);
CREATE TABLE influencers (
    id INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    bucket_span INTEGER NOT NULL,
    influencer_field_name TEXT,
    influencer_field_value TEXT,
    influencer_score REAL,
    initial_influencer_score REAL,
    probability REAL,
    is_interim INTEGER,
    event_ingested INTEGER,
    stored TEXT NOT NULL,
    written INTEGER NOT NULL,
    replaced INTEGER
);
CREATE INDEX current_influencer ON influencers (job_id, timestamp, bucket_span) WHERE replaced IS NULL;
"""

_STORED = """
written <= :state AND (replaced IS NULL OR replaced > :state)
AND job_id IN (SELECT value FROM json_each(:jobs))
"""
_FILTERS = """
(:start IS NULL OR timestamp >= :start)
AND (:end IS NULL OR timestamp < :end)
AND (:below IS NULL OR {score} < :below)
AND (:threshold <= 0.0 AND :below IS NULL OR {score} >= :threshold)
AND NOT (:exclude_interim AND is_interim IS TRUE)
"""
_MATCHES = {
    "buckets": (
        f"FROM buckets WHERE {_STORED} AND CASE WHEN :timestamp IS NOT NULL THEN timestamp = :timestamp"
        f" ELSE {_FILTERS.format(score='anomaly_score')} END"
    ),
    "records": f"FROM records WHERE {_STORED} AND {_FILTERS.format(score='record_score')}",
    "influencers": f"FROM influencers WHERE {_STORED} AND {_FILTERS.format(score='influencer_score')}",
}

# A bucket is filtered by the records of its job and instant.
_WITNESS = """
EXISTS (
    SELECT * FROM records AS witness
    WHERE witness.job_id = buckets.job_id AND witness.timestamp = buckets.timestamp
        AND witness.written <= :state AND (witness.replaced IS NULL OR witness.replaced > :state)
        AND NOT (:exclude_interim AND witness.is_interim IS TRUE)
        AND {conditions}
)
"""
_KEYWORDS = {
    "records": (
        *(f"{role}_field_{part}" for role in ("by", "over", "partition") for part in ("name", "value")),
        *("function", "function_description", "field_name"),
    ),
    "influencers": ("influencer_field_name", "influencer_field_value"),
}


def _filtered(plural: str, where: Where, parameters: dict[str, Any]) -> str:
    """The condition of a filter; its names and values become parameters."""
    if not where:
        return "TRUE"
    if plural == "buckets":
        return _WITNESS.format(conditions=_conditions("witness", "records", where, parameters))
    return _conditions(plural, plural, where, parameters)


def _conditions(table: str, plural: str, where: Where, parameters: dict[str, Any]) -> str:
    """The condition that a row of a table has one of the values in every field."""
    conditions = []
    for number, (name, values) in enumerate(where):
        if plural == "records" and name == "detector_index":
            value, rows = f"COALESCE({table}.detector_index, 0)", "SELECT TRUE WHERE TRUE"
        elif name in _KEYWORDS[plural]:
            value = f"{table}.{name}"
            rows = f"SELECT TRUE WHERE {value} IS NOT NULL"
        elif plural == "records":
            value, rows = "value", f"SELECT TRUE FROM pairs WHERE record = {table}.id AND name = :field_{number}"  # noqa: S608 - names of this file
        else:
            value = f"{table}.influencer_field_value"
            rows = f"SELECT TRUE WHERE {table}.influencer_field_name = :field_{number} AND {value} IS NOT NULL"
        parameters[f"field_{number}"] = name
        # SQLite has no larger integers, and no row has one.
        held = [each for each in values if isinstance(each, str) or (each is not None and _int64(each) == each)]
        parameters |= {f"value_{number}_{place}": each for place, each in enumerate(held)}
        listed = ", ".join(f":value_{number}_{place}" for place in range(len(held)))
        is_missing = f"NOT EXISTS ({rows})" if None in values else "FALSE"
        conditions.append(f"(EXISTS ({rows} AND {value} IN ({listed})) OR {is_missing})")
    return " AND ".join(conditions)


_TIME = {"timestamp": "timestamp", "@timestamp": "timestamp", "event.ingested": "event_ingested"}
# The first sort key of each sort field; any other field is missing in every result of the kind.
_COLUMNS = {
    "buckets": {
        **_TIME,
        "anomaly_score": "anomaly_score",
        "initial_anomaly_score": "initial_anomaly_score",
        "event_count": "event_count",
        "bucket_span": "bucket_span",
        "is_interim": "is_interim",
        "processing_time_ms": "processing_time_ms",
        "job_id": "job_id",
        "result_type": "'bucket'",
    },
    "records": {
        **_TIME,
        "record_score": "record_score",
        "initial_record_score": "initial_record_score",
        "probability": "probability",
        "multi_bucket_impact": "multi_bucket_impact",
        "detector_index": "detector_index",
        "bucket_span": "bucket_span",
        "is_interim": "is_interim",
        "job_id": "job_id",
        "result_type": "'record'",
        "function": "function",
        "function_description": "function_description",
        "field_name": "field_name",
        "by_field_name": "by_field_name",
        "by_field_value": "by_field_value",
        "over_field_name": "over_field_name",
        "over_field_value": "over_field_value",
        "partition_field_name": "partition_field_name",
        "partition_field_value": "partition_field_value",
    },
    "influencers": {
        **_TIME,
        "influencer_score": "influencer_score",
        "initial_influencer_score": "initial_influencer_score",
        "probability": "probability",
        "bucket_span": "bucket_span",
        "is_interim": "is_interim",
        "job_id": "job_id",
        "result_type": "'influencer'",
        "influencer_field_name": "influencer_field_name",
        "influencer_field_value": "influencer_field_value",
    },
}
_EVENTS = {
    "ASC": "(SELECT MIN(name) FROM events WHERE bucket = id)",
    "DESC": "(SELECT MAX(name) FROM events WHERE bucket = id)",
}
# As a key that breaks ties, detector_index is 0 if it is missing.
_DETECTOR = "COALESCE(detector_index, 0)"
_RECORD_TIES = ("over_field_value", "partition_field_value", "by_field_value", "field_name", "function")
_RECORD_IDENTITY = (_DETECTOR, "by_field_value", "over_field_value", "partition_field_value")
_TIES = {
    "buckets": ("timestamp", "bucket_span", "job_id"),
    "records": ("record_score", *_RECORD_TIES, "timestamp", "bucket_span", *_RECORD_IDENTITY, "job_id"),
    "influencers": ("timestamp", "bucket_span", "influencer_field_name", "influencer_field_value", "job_id"),
}


#: The columns of an identity, as `page.keys()` has it.
_IDENTITIES = {
    "buckets": ("job_id", "timestamp", "bucket_span"),
    "records": ("job_id", "timestamp", "bucket_span", *_RECORD_IDENTITY),
    "influencers": ("job_id", "timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
}


def _order(keys: Iterable[str], direction: str) -> str:
    return "ORDER BY " + ", ".join(f"{key} {direction} NULLS LAST" for key in keys)


def _behind(plural: str, keys: Iterable[str], direction: str) -> str:
    """The condition of the rows that come behind the row `:after` in an order."""
    compared = ">" if direction == "ASC" else "<"
    tied: list[str] = []
    behind = []
    for key in keys:
        last = f"(SELECT {key} FROM {plural} WHERE id = :after)"  # noqa: S608 - names of this file
        # Missing values are last in both directions.
        behind.append(" AND ".join([*tied, f"{last} IS NOT NULL AND ({key} IS NULL OR {key} {compared} {last})"]))
        tied.append(f"{key} IS {last}")
    return f"(:after IS NULL OR {' OR '.join(f'({condition})' for condition in behind)})"


RECORDS_OF_A_BUCKET = 10_000
RECORDS_OF_A_PAGE = 100_000
# The bucket's span is not compared, and only a bucket with influencers shows records.
_EXPANSION = f"""
SELECT id FROM records
WHERE {_STORED}
    AND (job_id, timestamp) = (SELECT job_id, timestamp FROM buckets WHERE id = :bucket)
    AND EXISTS (SELECT * FROM bucket_influencers WHERE bucket = :bucket)
    AND NOT (:exclude_interim AND is_interim IS TRUE)
{_order(("probability", "record_score", *_RECORD_TIES, "bucket_span", *_RECORD_IDENTITY), "ASC")}
LIMIT :most
"""  # noqa: S608 - put together from constants of this file

# A data field may not have one of these names, nor one of them before its first dot.
_RESERVED_NAMES = """
    _id _index actual actual_point all_field_values anomaly_score anomaly_score_explanation
    average_bucket_processing_time_ms bucket_allocation_failures_count bucket_count bucket_influencers bucket_span
    by_field_name by_field_value category_id causes correlated_by_field_value description detector_index
    earliest_record_timestamp empty_bucket_count event_count examples exponential_average_bucket_processing_time_ms
    exponential_average_calculation_context field_name forecast_create_timestamp forecast_end_timestamp
    forecast_expiry_timestamp forecast_id forecast_lower forecast_memory_bytes forecast_messages forecast_prediction
    forecast_progress forecast_start_timestamp forecast_status forecast_upper function function_description geo_results
    incremental_metric_value_ms influencer_field_name influencer_field_value influencer_field_values influencer_score
    influencers initial_anomaly_score initial_influencer_score initial_record_score input_bytes input_field_count
    input_record_count invalid_date_count is_interim job_id last_data_time latest_empty_bucket_timestamp
    latest_record_time_stamp latest_record_timestamp latest_result_time_stamp latest_sparse_bucket_timestamp
    latest_timestamp log_time max_matching_length maximum_bucket_processing_time_ms memory_status min_version
    minimum_bucket_processing_time_ms missing_field_count mlcategory model_bytes model_feature model_lower model_median
    model_upper multi_bucket_impact num_matches out_of_order_timestamp_count over_field_name over_field_value
    partition_field_name partition_field_value peak_model_bytes preferred_to_categories previous_exponential_average_ms
    probability processed_field_count processed_record_count processing_time_ms raw_anomaly_score record_score regex
    result_type retain scheduled_events search_count snapshot_doc_count snapshot_id sparse_bucket_count terms timestamp
    total_by_field_count total_over_field_count total_partition_field_count total_search_time_ms typical typical_point
"""
_RESERVED = frozenset(_RESERVED_NAMES.split())

_SHOWN_OF_A_BUCKET = """
SELECT
    job_id,
    timestamp,
    0.0 + COALESCE(anomaly_score, 0.0) AS anomaly_score,
    bucket_span,
    0.0 + COALESCE(initial_anomaly_score, 0.0) AS initial_anomaly_score,
    COALESCE(event_count, 0) AS event_count,
    COALESCE(is_interim, FALSE) AS is_interim,
    COALESCE(processing_time_ms, 0) AS processing_time_ms,
    event_ingested
FROM buckets WHERE id = ?
"""
# A value that an influencer does not have is that of its bucket; its instant and its scores are its own.
_SHOWN_OF_A_BUCKET_INFLUENCER = """
SELECT
    COALESCE(nested.job_id, buckets.job_id) AS job_id,
    'bucket_influencer' AS result_type,
    influencer_field_name,
    0.0 + COALESCE(nested.initial_anomaly_score, 0.0) AS initial_anomaly_score,
    0.0 + COALESCE(nested.anomaly_score, 0.0) AS anomaly_score,
    0.0 + COALESCE(raw_anomaly_score, 0.0) AS raw_anomaly_score,
    0.0 + COALESCE(probability, 0.0) AS probability,
    COALESCE(nested.timestamp, buckets.timestamp) AS timestamp,
    COALESCE(nested.bucket_span, buckets.bucket_span) AS bucket_span,
    COALESCE(nested.is_interim, buckets.is_interim, FALSE) AS is_interim,
    nested.event_ingested AS event_ingested
FROM bucket_influencers AS nested JOIN buckets ON buckets.id = nested.bucket
WHERE nested.bucket = ? AND position = ?
"""
_SHOWN_OF_A_RECORD = """
SELECT
    job_id,
    'record' AS result_type,
    0.0 + COALESCE(probability, 0.0) AS probability,
    0.0 + multi_bucket_impact AS multi_bucket_impact,
    0.0 + COALESCE(record_score, 0.0) AS record_score,
    0.0 + COALESCE(initial_record_score, 0.0) AS initial_record_score,
    bucket_span,
    COALESCE(detector_index, 0) AS detector_index,
    COALESCE(is_interim, FALSE) AS is_interim,
    timestamp,
    by_field_name,
    by_field_value,
    correlated_by_field_value,
    partition_field_name,
    partition_field_value,
    function,
    function_description,
    'typical' AS typical,
    'actual' AS actual,
    field_name,
    over_field_name,
    over_field_value,
    'causes' AS causes,
    'influencers' AS influencers,
    'geo_results' AS geo_results,
    'anomaly_score_explanation' AS anomaly_score_explanation,
    event_ingested,
    stored
FROM records WHERE id = ?
"""
_DATA_FIELDS = "SELECT name, value FROM data_fields WHERE record = ? GROUP BY name, value ORDER BY MIN(position)"
_LISTS_OF_A_RECORD = ("typical", "actual", "causes", "influencers")
_JSON_OF_A_RECORD = (*_LISTS_OF_A_RECORD, "geo_results", "anomaly_score_explanation")
_SHOWN_OF_AN_INFLUENCER = """
SELECT
    job_id,
    'influencer' AS result_type,
    influencer_field_name,
    influencer_field_value,
    0.0 + COALESCE(influencer_score, 0.0) AS influencer_score,
    0.0 + COALESCE(initial_influencer_score, 0.0) AS initial_influencer_score,
    0.0 + COALESCE(probability, 0.0) AS probability,
    bucket_span,
    COALESCE(is_interim, FALSE) AS is_interim,
    timestamp,
    event_ingested,
    stored
FROM influencers WHERE id = ?
"""

_RECORD_VALUES = (
    "detector_index",
    "probability",
    "multi_bucket_impact",
    "record_score",
    "initial_record_score",
    "is_interim",
    "by_field_name",
    "by_field_value",
    "correlated_by_field_value",
    "partition_field_name",
    "partition_field_value",
    "over_field_name",
    "over_field_value",
    "function",
    "function_description",
    "field_name",
)
_INFLUENCER_VALUES = (
    "influencer_field_name",
    "influencer_field_value",
    "influencer_score",
    "initial_influencer_score",
    "probability",
    "is_interim",
)
_BUCKET_VALUES = ("anomaly_score", "initial_anomaly_score", "event_count", "is_interim", "processing_time_ms")
_ALWAYS = frozenset(("result_type", "job_id", "timestamp", "bucket_span"))
_COLUMNS_OF_A_RECORD = _ALWAYS.union(_RECORD_VALUES)
_COLUMNS_OF_AN_INFLUENCER = _ALWAYS.union(_INFLUENCER_VALUES)


def _replacing(table: str, identity: Iterable[str]) -> str:
    same = " AND ".join(identity)
    return (
        f"UPDATE {table} SET replaced = :state WHERE replaced IS NULL"  # noqa: S608 - names of this file
        f" AND job_id = :job_id AND timestamp = :timestamp AND bucket_span = :bucket_span AND {same}"
    )


def _inserting(table: str, values: Iterable[str]) -> str:
    named = ", ".join(f":{name}" for name in values)
    return f"INSERT INTO {table} VALUES (NULL, :job_id, :timestamp, :bucket_span, {named}, :state, NULL)"  # noqa: S608 - names of this file


_REPLACE_BUCKET = _replacing("buckets", ["TRUE"])
_INSERT_BUCKET = _inserting("buckets", (*_BUCKET_VALUES, "event_ingested"))
_REPLACE_RECORD = _replacing(
    "records",
    [
        "COALESCE(detector_index, 0) = COALESCE(:detector_index, 0)",
        "by_field_value IS :by_field_value",
        "over_field_value IS :over_field_value",
        "partition_field_value IS :partition_field_value",
    ],
)
_INSERT_RECORD = _inserting("records", (*_RECORD_VALUES, "event_ingested", "stored"))
_REPLACE_INFLUENCER = _replacing(
    "influencers",
    ["influencer_field_name IS :influencer_field_name", "influencer_field_value IS :influencer_field_value"],
)
_INSERT_INFLUENCER = _inserting("influencers", (*_INFLUENCER_VALUES, "event_ingested", "stored"))


class SqlResults:
    """A history in a database in memory; state 0 is before any batch, state n after the n-th."""

    def __init__(self, history: Iterable[Iterable[Mapping[str, Any]]]) -> None:
        self._connection = sqlite3.connect(":memory:", cached_statements=512, isolation_level=None)
        self._connection.executescript(_SCHEMA)
        self._shown: dict[tuple[str, int], dict[str, Any]] = {}
        self._bodies: dict[str, Callable[[int], dict[str, Any]]] = {
            "buckets": self._bucket,
            "records": self._record,
            "influencers": self._influencer,
        }
        self._state = 0
        write = {"bucket": self._write_bucket, "record": self._write_record, "influencer": self._write_influencer}
        for batch in history:
            self._state += 1
            for document in batch:
                kind = document.get("result_type")
                if kind in write:
                    write[kind](document)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def answer(
        self,
        query: BucketQuery | RecordQuery | InfluencerQuery,
        *,
        state: int | None = None,
        after: tuple[Any, ...] | None = None,
        after_state: int | None = None,
    ) -> dict[str, Any]:
        """The response body to `query` on a state, the newest by default.

        Args:
            query: the query.
            state: the state to ask.
            after: the identity of a result; the page then begins behind it, and ``from_`` does not apply.
            after_state: the state that has this result; by default the one to ask.

        Raises:
            NotFound: a lookup finds nothing.
            LimitExceeded: the page would show too many records.
        """
        parameters: dict[str, Any] = {
            "state": self._state if state is None else state,
            "jobs": json.dumps(query.jobs),
            "timestamp": None,
            "start": _int64(query.start),
            "end": _int64(query.end),
            "exclude_interim": query.exclude_interim,
            "from": _int64(query.from_),
            "size": query.size,
            "after": None,
        }
        if isinstance(query, BucketQuery):
            plural, parameters["threshold"] = "buckets", query.anomaly_score
            if query.timestamp is not None:
                parameters |= {"timestamp": _int64(query.timestamp), "from": 0, "size": 1}
        elif isinstance(query, RecordQuery):
            plural, parameters["threshold"] = "records", query.record_score
        else:
            plural, parameters["threshold"] = "influencers", query.influencer_score
        parameters["below"] = None
        if isinstance(parameters["threshold"], tuple):
            parameters["threshold"], parameters["below"] = parameters["threshold"]
        matches = f"{_MATCHES[plural]} AND {_filtered(plural, query.where, parameters)}"
        count: int = self._connection.execute(f"SELECT COUNT(*) {matches}", parameters).fetchone()[0]
        if parameters["timestamp"] is not None and count == 0:
            reason = "Could not find requested buckets"
            raise NotFound(reason)
        direction = "DESC" if query.desc else "ASC"
        lead = _COLUMNS[plural].get(query.sort, "NULL")
        if plural == "buckets" and query.sort == "scheduled_events":
            lead = _EVENTS[direction]
        keys = (lead, *_TIES[plural])
        if after is not None:
            known = state if after_state is None else after_state
            parameters |= {"after": self._id(plural, after, self._state if known is None else known), "from": 0}
            matches = f"{matches} AND {_behind(plural, keys, direction)}"
        page = f"SELECT id {matches} {_order(keys, direction)} LIMIT :size OFFSET :from"
        rows = [row for (row,) in self._connection.execute(page, parameters).fetchall()]
        shown = [self._show(plural, row) for row in rows]
        if isinstance(query, BucketQuery) and query.expand:
            shown = self._expanded(rows, shown, parameters)
        return {"count": count, plural: shown}

    def _id(self, plural: str, key: tuple[Any, ...], state: int) -> int:
        """The row of an identity that is stored at a state."""
        same = " AND ".join(f"{column} IS ?" for column in _IDENTITIES[plural])
        stored = "written <= ? AND (replaced IS NULL OR replaced > ?)"
        found = self._connection.execute(
            f"SELECT id FROM {plural} WHERE {same} AND {stored}",  # noqa: S608 - names of this file
            (*key, state, state),
        )
        ((row,),) = found.fetchall()
        assert isinstance(row, int)
        return row

    def _expanded(
        self, rows: list[int], shown: list[dict[str, Any]], parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        expanded, left = [], RECORDS_OF_A_PAGE
        for row, body in zip(rows, shown, strict=True):
            found = self._connection.execute(
                _EXPANSION, {**parameters, "bucket": row, "most": RECORDS_OF_A_BUCKET}
            ).fetchall()
            left -= len(found)
            if left < 0:
                reason = f"[expand] asks for more than {RECORDS_OF_A_PAGE} records"
                raise LimitExceeded(reason, field="expand")
            with_records: dict[str, Any] = {}
            for name, value in body.items():
                if name == "event_count" and found:
                    with_records["records"] = [self._show("records", record) for (record,) in found]
                with_records[name] = value
            expanded.append(with_records)
        return expanded

    # ---- writing

    def _write_bucket(self, document: Mapping[str, Any]) -> None:
        stored = self._parameters(document, _BUCKET_VALUES)
        bucket = self._replace(_REPLACE_BUCKET, _INSERT_BUCKET, stored)
        for position, name in enumerate(_items(document.get("scheduled_events"))):
            self._connection.execute("INSERT INTO events VALUES (?, ?, ?)", (bucket, position, name))
        for position, nested in enumerate(_items(document.get("bucket_influencers"))):
            time = nested.get("timestamp")
            values = (
                nested.get("influencer_field_name"),
                nested.get("initial_anomaly_score"),
                nested.get("anomaly_score"),
                nested.get("raw_anomaly_score"),
                nested.get("probability"),
                nested.get("is_interim"),
                nested.get("job_id"),
                None if time is None else _milliseconds(time),
                nested.get("bucket_span"),
                _ingested(nested),
            )
            self._connection.execute(
                "INSERT INTO bucket_influencers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (bucket, position, *values),
            )
        of_the_bucket = {name: document.get(name) for name in ("job_id", "timestamp", "bucket_span", "is_interim")}
        for record in _items(document.get("records")):
            own = {name: value for name, value in record.items() if name not in of_the_bucket or value is not None}
            self._write_record(of_the_bucket | own)

    def _write_record(self, document: Mapping[str, Any]) -> None:
        stored = self._parameters(document, _RECORD_VALUES)
        blamed = _items(document.get("influencers"))
        lists = {name: _items(document.get(name)) for name in _LISTS_OF_A_RECORD}
        lists["causes"] = [_with_lists(cause, ("typical", "actual", "influencers")) for cause in lists["causes"]]
        lists["influencers"] = [_with_lists(influence, ("influencer_field_values",)) for influence in blamed]
        lists = {name: value for name, value in lists.items() if document.get(name) is not None}
        stored["stored"] = _as_json({**document, **lists}, _COLUMNS_OF_A_RECORD, missing_as_null=_JSON_OF_A_RECORD)
        record = self._replace(_REPLACE_RECORD, _INSERT_RECORD, stored)
        names = [
            (document.get(f"{role}_field_name"), document.get(f"{role}_field_value"))
            for role in ("by", "over", "partition")
        ]
        self._connection.executemany(
            "INSERT INTO pairs VALUES (?, ?, ?)",
            [(record, name, value) for name, value in names if name is not None and value is not None],
        )
        for influence in blamed:
            name = influence.get("influencer_field_name")
            names += [(name, value) for value in _items(influence.get("influencer_field_values"))]
        for position, (name, value) in enumerate(names):
            if _may_be_generated(name, value, stored["event_ingested"]):
                self._connection.execute("INSERT INTO data_fields VALUES (?, ?, ?, ?)", (record, position, name, value))

    def _write_influencer(self, document: Mapping[str, Any]) -> None:
        stored = self._parameters(document, _INFLUENCER_VALUES)
        stored["stored"] = _as_json(document, _COLUMNS_OF_AN_INFLUENCER)
        self._replace(_REPLACE_INFLUENCER, _INSERT_INFLUENCER, stored)

    def _parameters(self, document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        return {
            "state": self._state,
            "job_id": document["job_id"],
            "timestamp": _milliseconds(document["timestamp"]),
            "bucket_span": document["bucket_span"],
            "event_ingested": _ingested(document),
            **{name: document.get(name) for name in names},
        }

    def _replace(self, replace: str, insert: str, stored: Mapping[str, Any]) -> int:
        replaced = self._connection.execute(replace, stored).rowcount
        assert replaced <= 1, "at most one result of an identity is current"
        row = self._connection.execute(insert, stored).lastrowid
        assert row is not None
        return row

    # ---- showing

    def _show(self, plural: str, row: int) -> dict[str, Any]:
        if (plural, row) not in self._shown:
            self._shown[plural, row] = self._bodies[plural](row)
        return self._shown[plural, row]

    def _bucket(self, bucket: int) -> dict[str, Any]:
        body = self._row(_SHOWN_OF_A_BUCKET, (bucket,))
        event = _event(body.pop("event_ingested"))
        events = self._connection.execute("SELECT name FROM events WHERE bucket = ? ORDER BY position", (bucket,))
        names = [name for (name,) in events]
        influencers = self._connection.execute(
            "SELECT position FROM bucket_influencers WHERE bucket = ? ORDER BY position", (bucket,)
        )
        body["bucket_influencers"] = [self._bucket_influencer(bucket, position) for (position,) in influencers]
        body["processing_time_ms"] = body.pop("processing_time_ms")
        return {**body, **({"scheduled_events": names} if names else {}), "result_type": "bucket", **event}

    def _bucket_influencer(self, bucket: int, position: int) -> dict[str, Any]:
        body = self._row(_SHOWN_OF_A_BUCKET_INFLUENCER, (bucket, position))
        event = _event(body.pop("event_ingested"))
        return {**{name: value for name, value in body.items() if value is not None}, **event}

    def _record(self, record: int) -> dict[str, Any]:
        body, others = self._columns(_SHOWN_OF_A_RECORD, record)
        event = _event(body.pop("event_ingested"))
        for name in _JSON_OF_A_RECORD:
            body[name] = others.pop(name)
        for name in ("typical", "actual"):
            if body[name] is not None:
                body[name] = [0.0 + float(value) for value in body[name]]
        body = {name: value for name, value in body.items() if value is not None}
        generated: dict[str, Any] = {}
        for name, value in self._connection.execute(_DATA_FIELDS, (record,)):
            generated.setdefault(name, []).append(value)
        stored = {name: value for name, value in others.items() if name in generated}
        return {**body, **generated, **stored, **others, **event}

    def _influencer(self, influencer: int) -> dict[str, Any]:
        columns, others = self._columns(_SHOWN_OF_AN_INFLUENCER, influencer)
        ingested = columns.pop("event_ingested")
        body: dict[str, Any] = {}
        for name, value in columns.items():
            if name == "influencer_score":
                field, of_field = columns["influencer_field_name"], columns["influencer_field_value"]
                if _may_be_generated(field, of_field, ingested):
                    body[field] = others.get(field, of_field)
            if value is not None:
                body[name] = value
        return {**body, **others, **_event(ingested)}

    def _columns(self, select: str, row: int) -> tuple[dict[str, Any], dict[str, Any]]:
        body = self._row(select, (row,))
        others: dict[str, Any] = json.loads(body.pop("stored"))
        return body, others

    def _row(self, select: str, names: tuple[int, ...]) -> dict[str, Any]:
        cursor = self._connection.execute(select, names)
        body = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
        body["is_interim"] = bool(body["is_interim"])
        return body


def _as_json(document: Mapping[str, Any], columns: frozenset[str], missing_as_null: Iterable[str] = ()) -> str:
    """The values without a column, as JSON, which preserves the order of keys and tells 1 from 1.0."""
    others = {name: value for name, value in document.items() if name not in columns}
    if others.get("event") is None or isinstance(others["event"], Mapping):
        others.pop("event", None)
    return json.dumps({**dict.fromkeys(missing_as_null), **others})


def _may_be_generated(name: str | None, value: str | None, ingested: int | None) -> bool:
    if name is None or value is None or name == "" or name.partition(".")[0] in _RESERVED:
        return False
    return name != "event" or ingested is None


def _items(value: Any) -> list[Any]:
    """The items of a list; any other value is the only item, and null has none."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _with_lists(stored: Any, names: Iterable[str]) -> Any:
    """An object with a list of one in place of a single value in these fields; any other value as it is."""
    if not isinstance(stored, Mapping):
        return stored
    changed: dict[str, Any] = {}
    for name in names:
        value = stored.get(name)
        if isinstance(value, int | float):
            changed[name] = [0.0 + float(value)]
        elif value is not None:
            changed[name] = _items(value)
    if "influencers" in changed:
        changed["influencers"] = [_with_lists(one, ("influencer_field_values",)) for one in changed["influencers"]]
    return {**stored, **changed}


def _ingested(document: Mapping[str, Any]) -> int | None:
    event = document.get("event")
    written = event.get("ingested") if isinstance(event, Mapping) else None
    return None if written is None else _milliseconds(written)


def _event(ingested: int | None) -> dict[str, Any]:
    return {} if ingested is None else {"event": {"ingested": ingested}}


def _milliseconds(given: Any) -> int:
    if not isinstance(given, str):
        return int(given)
    since = datetime.fromisoformat(given) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def _int64(given: Any) -> int | None:
    # SQLite has no larger integers, and every stored value is inside this range.
    return None if given is None else max(-(2**63), min(2**63 - 1, given))
