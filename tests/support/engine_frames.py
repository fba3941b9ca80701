"""Frames of results for every engine, made of documents, and the loop that compares their answers with the reference.

`tables_of` makes a table of pyarrow for each kind, in the layout that frames have. The functions of `ENGINES` turn
these tables into frames of an engine. `Style` varies how instants and missing values are stored.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from bucketquery import BucketQuery, InfluencerQuery, Kind, RecordQuery, ResultsIndex
from bucketquery.frames import overall_buckets, search
from bucketquery.queries.job_tokens import ALL_JOBS
from bucketquery.testing import evaluate, evaluate_overall
from support.cases import Table, difference, outcome, seeded_tables
from support.samples import SAMPLES, read_documents
from support.strategies import (
    DROPPED,
    FIELDS,
    KINDS,
    Document,
    Domain,
    Query,
    apply_history,
    kind_of,
    listed,
    timestamp_ms,
    unknown,
)
from support.strategies import ingested_ms as ingested_of

if TYPE_CHECKING:
    import pyarrow as pa
else:
    # Without the library, the tests that import this module are skipped.
    pa = pytest.importorskip("pyarrow")

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
    return all(value in (None, []) or (isinstance(value, float) and math.isnan(value)) for value in column.to_pylist())


def instants(moments: Iterable[int | None], style: Style, *, extra: bool = False) -> pa.Array:
    """A column of instants."""
    if style.time is None:
        return pa.array([*moments], pa.int64())
    unit, zone = style.time
    scale = {"ms": 1, "us": 1_000, "ns": 1_000_000}[unit]
    added = scale - 1 if extra else 0
    whole = [
        None if moment is None else moment * scale + (added if index % 2 else 0) for index, moment in enumerate(moments)
    ]
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
            ("event.ingested", pa.timestamp("ms", "UTC")),
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
            row["event.ingested"] = None if ingested is None else moment_of(ingested)
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
        if "bucket_influencers" in frame:
            # pandas would turn the integers in structs into floats.
            frame["bucket_influencers"] = pd.Series(table["bucket_influencers"].to_pylist(), dtype=object)
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
    import duckdb  # noqa: PLC0415 - may not be installed
    import ibis  # noqa: PLC0415 - may not be installed

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
        documents = results_of(table, case.state)
        query = varied(rng, case.query, table.domain.jobs)
        try:
            if case.state not in frames:
                frames[case.state] = engine.make(tables_of(documents, style_of(rng, documents, engine.times)), rng)
            reference = table.by_reference(number) if query is case.query else outcome(judged, documents, query)
            answers = {"engine": outcome(ask, frames[case.state], query), "reference": reference}
            assert len(set(answers.values())) == 1, difference(documents, query, answers)
        except Exception as error:
            error.add_note(f"Case {number} of table {table.seed}, state {case.state}: {query}")
            raise
    return len(numbers[:cases])


def results_of(table: Table, state: int) -> list[Document]:
    """The results that are stored at a state of a table."""
    return [document for document in table.documents(state) if document["result_type"] in KINDS]


def varied(rng: Random, query: Query, jobs: Sequence[str]) -> Query:
    """The query, sometimes with other tokens for its jobs, or with an entity filter."""
    chance = rng.random()
    if chance < 0.2:
        return query.replace(jobs=tokens_for(rng, jobs))
    if chance < 0.4 and getattr(query, "timestamp", None) is None:
        names = _NAMES[kind_of(query)]
        return query.replace(where={name: values_for(rng, name) for name in rng.sample(names, rng.choice((1, 1, 2)))})
    return query


#: Fields that a filter may name, and data fields.
_NAMES: Mapping[str, Sequence[str]] = {
    "influencer": ("influencer_field_value", "influencer_field_name", "host", "clientip", "functional"),
    "record": (
        *("by_field_value", "over_field_value", "partition_field_value", "function", "field_name", "by_field_name"),
        *("detector_index", "host", "host", "host.name", "clientip", "functional", "nothing"),
    ),
}
_NAMES = {**_NAMES, "bucket": _NAMES["record"]}


def values_for(rng: Random, name: str) -> list[Any]:
    """Values of a filter: some of those that results have, and None."""
    if name == "detector_index":
        return rng.sample((0, 1, 2, -1, 7), rng.choice((1, 2)))
    return rng.sample(
        (None, "", "a", "A", "host-1", "host-2", "mean", "rare", "host", "\uffff"), rng.choice((0, 1, 3, 5))
    )


def judged(documents: list[Document], query: Query) -> dict[str, Any]:
    """The body by the reference, after a filter by its rules, read plainly."""
    where, kind = query.where, kind_of(query)
    if not where:
        return evaluate(documents, query)
    filtered = "influencer" if kind == "influencer" else "record"
    meeting = [one for one in documents if one["result_type"] == filtered and meets(one, where)]
    if kind == "bucket":
        seen = {
            (one["job_id"], timestamp_ms(one))
            for one in meeting
            if not (query.exclude_interim and one.get("is_interim"))
        }
        some = [
            one for one in documents if one["result_type"] != "bucket" or (one["job_id"], timestamp_ms(one)) in seen
        ]
        return evaluate(some, query.replace(where=()))
    return evaluate(meeting, query.replace(where=()))


def meets(document: Document, where: Iterable[tuple[str, Sequence[Any]]]) -> bool:
    """Whether a result has, in every field, one of its values."""
    roles = ("influencer",) if document["result_type"] == "influencer" else ("by", "over", "partition")
    fields = FIELDS[document["result_type"]]
    for name, values in where:
        if name == "detector_index":
            held = [document.get(name) or 0]
        elif name in fields:
            held = [document.get(name)]
        else:
            pairs = [(document.get(f"{role}_field_name"), document.get(f"{role}_field_value")) for role in roles]
            held = [value for of, value in pairs if of == name and value is not None] or [None]
        if not any(value in values for value in held):
            return False
    return True


def tokens_for(rng: Random, jobs: Sequence[str]) -> list[str]:
    """Tokens that select some of a few jobs, or none."""
    job = rng.choice(jobs)
    return rng.choice(
        (
            ["_all"],
            ["*"],
            ["_all", f"-{job}"],
            [f"{job[0]}*"],
            [f"*{job[-1]}", "nobody"],
            [*jobs, f"-*{job[-1]}", "we*.*d"],
            [f"{job[:2]}*{job[-1]}", "-_all", job],
            [*(f"job-{number}" for number in range(70)), job],
        )
    )


def compare_cases(seed: str, cases: int, engine: Engine) -> int:
    """Compare an engine with the reference on at least some number of cases of a seed, and return their number."""
    done = 0
    for table in seeded_tables(seed, 10**9):
        done += compare(table, engine, cases=cases - done)
        if done >= cases:
            break
    return done


def compare_overall(seed: str, cases: int, engine: Engine) -> int:
    """Compare the overall buckets of an engine with those of the reference; return the number of cases.

    Raises:
        AssertionError: the answers differ.
    """
    done = 0
    for table in seeded_tables(f"overall-{seed}", 10**9):
        rng, state = Random(table.seed), len(table.states) - 1
        documents = results_of(table, state)
        # An index shows shorter intervals than the longest possible span.
        if "bucket" not in table.domain.kinds or max(table.domain.spans) > 10**9:
            continue
        frames = engine.make(tables_of(documents, style_of(rng, documents, engine.times)), rng)
        for _ in range(10):
            asked = overall_parameters(rng, table.domain)
            jobs = asked.pop("jobs")
            named = [*jobs] or sorted({one["job_id"] for one in documents if one["result_type"] == "bucket"})
            found = outcome(partial(overall_body, frames["bucket"], jobs, asked))
            expected = outcome(partial(evaluate_overall, documents, jobs=named, **asked))
            assert found == expected, f"{table.seed}: {jobs} {asked}\nengine: {found}\nreference: {expected}"
        done += 10
        if done >= cases:
            break
    return done


def overall_parameters(rng: Random, domain: Domain) -> dict[str, Any]:
    """Parameters of overall buckets; no jobs stand for all jobs."""
    spans = [span for span in domain.spans if span < 10**6] or [1]
    moments = [
        None,
        -1,
        *(moment + rng.choice((-1, 0, 1, 3_600_000)) for moment in rng.choices(domain.timestamps, k=2)),
    ]
    return {
        "jobs": rng.choice(((), tuple(domain.jobs), (rng.choice(domain.jobs),))),
        "top_n": rng.choice((1, 1, 2, 5)),
        "bucket_span": rng.choice((None, max(spans), 3 * max(spans), 3_600, 86_400, 60)),
        "overall_score": rng.choice((0.0, *domain.scores)),
        "exclude_interim": rng.random() < 0.5,
        "start": rng.choice(moments),
        "end": rng.choice(moments),
    }


def overall_body(frame: Any, jobs: Sequence[str], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the overall buckets of an engine."""
    return overall_buckets(frame, job_id=jobs or "_all", **asked).to_dict()


#: The real results in the repository.
NAMES = ("numentaTM_1h_by_category", "numenta_nyc_taxi")


def read_sample(name: str, folder: Path = SAMPLES) -> list[Document]:
    """The results of a data set in a folder, of each kind that has a file; each result once."""
    paths = [folder / f"{name}.{kind}s.ndjson.gz" for kind in KINDS]
    return apply_history([*read_documents(path)] for path in paths if path.is_file())


def compare_sample(name: str, documents: list[Document], engine: Engine, *, limit: int = 10**9) -> int:
    """Compare an engine with an index on real results: the same bodies; return the number of queries.

    Raises:
        AssertionError: the answers differ.
    """
    index = ResultsIndex()
    index.upsert(documents)
    frames = engine.make(tables_of(documents, Style(time=engine.times[-1])), Random(name))
    jobs = index.jobs()
    times = sorted(document["timestamp"] for document in documents)
    start, end = times[len(times) // 3], times[len(times) // 2]
    some: dict[str, Any] = {"jobs": [*jobs[:3]], "size": 50}
    queries: list[Query] = [
        BucketQuery(jobs="_all", start=start, end=end, size=200),
        BucketQuery(jobs=jobs[0], anomaly_score=75, sort="anomaly_score", desc=True, expand=True),
        BucketQuery(**some, sort="event_count", desc=True, from_=7),
        BucketQuery(**some, desc=True, from_=10_300),
        BucketQuery(jobs="*_all*,nobody", anomaly_score=(25.0, 50.0), sort="initial_anomaly_score"),
        BucketQuery(jobs=jobs[-1], timestamp=documents[0]["timestamp"], expand=True),
        RecordQuery(jobs="_all", size=100),
        RecordQuery(**some, record_score=50, sort="timestamp", start=start),
        RecordQuery(**some, sort="probability", desc=False, exclude_interim=True),
        InfluencerQuery(jobs="_all", size=100),
        InfluencerQuery(**some, influencer_score=30, sort="influencer_field_value"),
        InfluencerQuery(**some, end=end, sort="timestamp", from_=3),
    ]
    for query in queries[:limit]:
        expected = outcome(partial(_by_index, index, query.replace(jobs=_known(query.jobs, jobs))))
        found = outcome(ask, frames, query)
        assert found == expected, f"{name}: {query}\nengine: {found[:500]}\nindex: {expected[:500]}"
    return len(queries[:limit])


def _by_index(index: ResultsIndex, query: Query) -> dict[str, Any]:
    return index.search(query).to_dict()


def _known(tokens: Sequence[str], jobs: Sequence[str]) -> list[str]:
    """The tokens without names that an index does not know, which it refuses."""
    return [token for token in tokens if token in jobs or "*" in token or token == ALL_JOBS]
