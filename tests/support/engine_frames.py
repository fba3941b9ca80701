"""Frames of results for every engine, made of documents, and the loop that compares their answers with the reference.

`tables_of` makes a table of pyarrow for each kind, in the layout that frames have. The functions of `ENGINES` turn
these tables into frames of an engine. `Style` varies how instants and missing values are stored.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from random import Random
from typing import Any

import pyarrow as pa

from bucketquery import BucketQuery, Kind
from bucketquery.frames import search
from bucketquery.testing import evaluate
from support.cases import Case, Table, difference, outcome, seeded_tables
from support.strategies import DROPPED, FIELDS, KINDS, Document, Query, kind_of, listed, timestamp_ms, unknown
from support.strategies import ingested_ms as ingested_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Mapping[type, pa.DataType] = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
_INFLUENCER_SCORES = ("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a frame stores what documents say.

    Attributes:
        time: the type of instants: a unit and a zone (None: without one); None: integers.
        nan: whether a missing number of doubles is NaN, not null.
        drops: whether a column without any value is left out.
        shuffle: the seed of the order of rows.
        extra_microseconds: microseconds that are added to each timestamp, if the unit has them.
    """

    time: tuple[str, str | None] | None = ("ms", "UTC")
    nan: bool = False
    drops: bool = False
    shuffle: int = 0
    extra_microseconds: bool = False


#: The types of instants that frames of most engines have; None: integers.
TIMES: tuple[tuple[str, str | None] | None, ...] = (
    None,
    *((unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "UTC")),
)


def style_of(rng: Random, documents: Iterable[Document], times: Iterable[tuple[str, str | None] | None]) -> Style:
    """A style that can store the documents: instants near the years 1 and 9999 do not fit nanoseconds."""
    instants = [timestamp_ms(document) for document in documents]
    instants += [moment for document in documents if (moment := ingested_of(document)) is not None]
    is_far = any(not -9_000_000_000_000 < moment < 9_000_000_000_000 for moment in instants)
    return Style(
        time=rng.choice([time for time in times if time is None or time[0] != "ns" or not is_far]),
        nan=rng.random() < 0.5,
        drops=rng.random() < 0.5,
        shuffle=rng.randrange(1_000),
        extra_microseconds=rng.random() < 0.3,
    )


def tables_of(documents: Iterable[Document], style: Style) -> dict[Kind, pa.Table]:
    """A table of each kind, in the layout that frames have."""
    found: dict[Kind, pa.Table] = {}
    for kind in KINDS:
        some = [document for document in documents if document["result_type"] == kind]
        Random(style.shuffle).shuffle(some)
        found[kind] = table_of(some, kind, style)
    return found


def table_of(documents: list[Document], kind: Kind, style: Style) -> pa.Table:
    """The table of documents of one kind."""
    columns: dict[str, pa.Array] = {
        "job_id": pa.array([document["job_id"] for document in documents], pa.string()),
        "timestamp": instants(map(timestamp_ms, documents), style, extra=style.extra_microseconds),
        "bucket_span": pa.array([document["bucket_span"] for document in documents], pa.int64()),
    }
    for name, of in FIELDS[kind].items():
        values = [document.get(name) for document in documents]
        if of is float:
            missing = float("nan") if style.nan else None
            values = [missing if value is None else float(value) for value in values]
        columns[name] = pa.array(values, _TYPES[of])
    columns["event.ingested"] = instants(map(ingested_of, documents), style)
    if kind == "bucket":
        columns["scheduled_events"] = pa.array(
            [listed(document.get("scheduled_events")) for document in documents], pa.list_(pa.string())
        )
        columns["bucket_influencers"] = influencers_of(documents)
    else:
        columns["extra_fields"] = pa.array([extra_fields(document) for document in documents], pa.string())
    if style.drops:
        required = {"job_id", "timestamp", "bucket_span"}
        columns = {name: c for name, c in columns.items() if name in required or not is_empty(c)}
    return pa.table(columns)


def is_empty(column: pa.Array) -> bool:
    """Whether no row has a value."""
    return all(value is None or value == [] or value != value for value in column.to_pylist())


def instants(moments: Iterable[int | None], style: Style, *, extra: bool = False) -> pa.Array:
    """A column of instants."""
    if style.time is None:
        return pa.array([*moments], pa.int64())
    unit, zone = style.time
    scale = {"ms": 1, "us": 1_000, "ns": 1_000_000}[unit]
    added = scale - 1 if extra else 0
    whole = [None if moment is None else moment * scale + (added if index % 2 else 0) for index, moment in enumerate(moments)]
    return pa.array(whole, pa.int64()).cast(pa.timestamp(unit, zone))


def influencers_of(buckets: list[Document]) -> pa.Array:
    """The influencers nested in buckets, as lists of structs."""
    nested = pa.struct(
        [
            ("job_id", pa.string()),
            ("timestamp", pa.timestamp("ms", "UTC")),
            ("bucket_span", pa.int64()),
            ("influencer_field_name", pa.string()),
            *((name, pa.float64()) for name in _INFLUENCER_SCORES),
            ("is_interim", pa.bool_()),
            ("event_ingested", pa.timestamp("ms", "UTC")),
        ]
    )
    lists = []
    for bucket in buckets:
        rows = []
        for influencer in listed(bucket.get("bucket_influencers")):
            row = {field.name: influencer.get(field.name) for field in nested}
            row |= {name: None if row[name] is None else float(row[name]) for name in _INFLUENCER_SCORES}
            row["timestamp"] = None if row["timestamp"] is None else moment_of(timestamp_ms(influencer))
            ingested = ingested_of(influencer)
            row["event_ingested"] = None if ingested is None else moment_of(ingested)
            rows.append(row)
        lists.append(rows)
    return pa.array(lists, pa.list_(nested))


def moment_of(instant_ms: int) -> datetime:
    """An instant as a datetime."""
    return EPOCH + timedelta(milliseconds=instant_ms)


def extra_fields(document: Document) -> str | None:
    """The keys of a record or an influencer that have no column, as JSON."""
    kind = document["result_type"]
    extras = {name: document[name] for name in DROPPED[kind] if document.get(name) is not None} | unknown(document)
    # The columns of other keys keep their order in a document.
    ordered = {name: extras[name] for name in document if name in extras}
    return json.dumps(ordered) if ordered else None


# ---- engines


Frames = Mapping[Kind, Any]


def arrow_frames(tables: Frames, _: Random) -> Frames:
    """The tables themselves."""
    return tables


def polars_frames(tables: Frames, rng: Random) -> Frames:
    """Frames of Polars, lazy or not; sometimes with a zone other than UTC, and with categories for text."""
    import polars as pl  # noqa: PLC0415 - may not be installed

    zone, is_lazy, is_enum = rng.choice(("UTC", "America/New_York")), rng.random() < 0.7, rng.random() < 0.2
    frames: dict[Kind, Any] = {}
    for kind, table in tables.items():
        frame: Any = pl.from_arrow(table)
        if is_enum:
            frame = frame.with_columns(pl.col(pl.String).exclude("extra_fields").cast(pl.Categorical))
        if getattr(frame.schema["timestamp"], "time_zone", None):
            frame = frame.with_columns(pl.col("timestamp").dt.convert_time_zone(zone))
        frames[kind] = frame.lazy() if is_lazy else frame
    return frames


def pandas_frames(tables: Frames, rng: Random) -> Frames:
    """Frames of pandas, with the types of Arrow or with nullable ones; objects for lists."""
    import pandas as pd  # noqa: PLC0415 - may not be installed

    if rng.random() < 0.5:
        return {kind: table.to_pandas(types_mapper=pd.ArrowDtype) for kind, table in tables.items()}
    zone = rng.choice(("UTC", "America/New_York"))
    frames: dict[Kind, Any] = {}
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    for kind, table in tables.items():
        frame = table.to_pandas(types_mapper=nullable.get)
        if getattr(frame["timestamp"].dtype, "tz", None) is not None:
            frame["timestamp"] = frame["timestamp"].dt.tz_convert(zone)
        frames[kind] = frame
    return frames


def duckdb_frames(tables: Frames, rng: Random) -> Frames:
    """Relations of a new connection, with a session zone, and sometimes with an ENUM for the job."""
    import duckdb  # noqa: PLC0415 - may not be installed

    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{rng.choice(('UTC', session_zone(tables)))}'")
    is_enum = rng.random() < 0.2
    frames: dict[Kind, Any] = {}
    for kind, table in tables.items():
        relation = connection.from_arrow(table)
        if is_enum and len(table):
            names = sorted(set(table["job_id"].to_pylist()), reverse=True)
            quoted = ", ".join(f"'{name}'" for name in names)
            connection.execute(f"CREATE OR REPLACE TYPE jobs_{kind} AS ENUM ({quoted})")
            relation = relation.project(f"* REPLACE (job_id::jobs_{kind} AS job_id)")
        # A relation only refers to the table, which must live on.
        relation.create(f"{kind}s")
        frames[kind] = connection.table(f"{kind}s")
    return frames


def session_zone(tables: Frames) -> str:
    """A zone whose local times stay in the years 1 to 9999 for these tables."""
    for table in tables.values():
        for name in ("timestamp", "event.ingested", "bucket_influencers"):
            if name in table.column_names and any(word in str(table[name].to_pylist()) for word in _FAR):
                return "UTC"
    return "America/New_York"


_FAR = ("datetime.datetime(1, ", "datetime.datetime(9999, ", "62135596800000", "253402300799999")


def ibis_frames(tables: Frames, _: Random) -> Frames:
    """Tables of Ibis over DuckDB."""
    import ibis  # noqa: PLC0415 - may not be installed

    import duckdb  # noqa: PLC0415 - may not be installed

    own = duckdb.connect()
    own.execute("SET TimeZone = 'UTC'")
    for kind, table in tables.items():
        own.from_arrow(table).create(f"{kind}s")
    connection = ibis.duckdb.from_connection(own)
    return {kind: connection.table(f"{kind}s") for kind in tables}


def sqlframe_frames(tables: Frames, _: Random) -> Frames:
    """Frames of sqlframe over DuckDB. sqlframe has one session, so each call needs names of its own."""
    session = sqlframe_session()
    frames: dict[Kind, Any] = {}
    for kind, table in tables.items():
        # sqlframe reads no name with a dot.
        named = ["event_ingested" if name == "event.ingested" else name for name in table.column_names]
        place = f"{kind}s_{next(_numbers)}"
        session._conn.from_arrow(table.rename_columns(named)).create(place)
        frames[kind] = session.table(place)
    return frames


@cache
def sqlframe_session() -> Any:
    """The session of sqlframe, with a connection of its own."""
    import duckdb  # noqa: PLC0415 - may not be installed
    from sqlframe.duckdb import DuckDBSession  # noqa: PLC0415 - may not be installed

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return DuckDBSession(conn=connection)


_numbers = count()
Make = Callable[[Frames, Random], Frames]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine: the function that makes its frames, and the types of instants that these can have."""

    make: Make
    times: tuple[tuple[str, str | None] | None, ...] = TIMES


#: DuckDB 2 has timestamps of nanoseconds with a zone, which narwhals does not know yet.
_OF_DUCKDB = tuple(time for time in TIMES if time != ("ns", "UTC"))
ENGINES: Mapping[str, Engine] = {
    "duckdb": Engine(duckdb_frames, _OF_DUCKDB),
    "polars": Engine(polars_frames),
    "pandas": Engine(pandas_frames),
    "pyarrow": Engine(arrow_frames),
    "ibis": Engine(ibis_frames, _OF_DUCKDB),
    # sqlframe reads no other types of DuckDB.
    "sqlframe": Engine(sqlframe_frames, (None, ("us", None), ("us", "UTC"))),
}


# ---- the loop


def ask(frames: Frames, query: Query) -> dict[str, Any]:
    """The answer of an engine."""
    return search(frames[kind_of(query)], query, records=frames["record"], max_size=2**63).to_dict()


def compare(table: Table, engine: Engine, *, cases: int = 10**9) -> int:
    """Compare an engine with the reference on the cases of a table, and return their number.

    Raises:
        AssertionError: the answers differ.
    """
    rng = Random(table.seed)
    frames: dict[int, Frames] = {}
    numbers = [number for number, case in enumerate(table.cases) if table.jobs(case.state).issuperset(case.query.jobs)]
    for number in numbers[:cases]:
        case = table.cases[number]
        documents = [document for document in table.documents(case.state) if document["result_type"] in KINDS]
        try:
            if case.state not in frames:
                style = style_of(rng, documents, engine.times)
                frames[case.state] = engine.make(tables_of(documents, style), rng)
            answers = {
                "engine": outcome(partial(ask, frames[case.state], case.query)),
                "reference": table.by_reference(number),
            }
            assert len(set(answers.values())) == 1, difference(documents, case.query, answers)
        except Exception as error:
            error.add_note(f"Case {number} of table {table.seed}, state {case.state}: {case.query}")
            raise
    return len(numbers[:cases])


def compare_cases(seed: str, cases: int, engine: Engine) -> int:
    """Compare an engine with the reference on at least some number of cases of a seed, and return their number."""
    done = 0
    for table in seeded_tables(seed, 10**9):
        done += compare(table, engine, cases=cases - done)
        if done >= cases:
            break
    return done


__all__ = ["ENGINES", "BucketQuery", "Case", "compare", "compare_cases", "evaluate", "tables_of"]
