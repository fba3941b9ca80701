"""Our decisions on Arrow tables as columns: what is taken, what it stands for, and what is refused."""

import gc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, Kind, ResultsIndex
from support.arrow_arrays import (
    StandIn,
    codes,
    columns,
    decimals,
    exported,
    lists,
    numbers,
    producer,
    struct,
    table,
    texts,
)
from support.document_tables import T0, BadColumns, SameAs, assert_bad_columns, assert_same_as
from support.frames import LazyFrame, PolarsFrame, PolarsSeries
from support.semantics_tables import HOUR_S, JOB, each_row, result

HOUR = 3_600_000
DAY = 24 * HOUR
LONG = "a text of more than twelve bytes"
TIMES = [T0, T0 + HOUR]


def basic(times: StandIn | None = None) -> dict[str, StandIn]:
    """The required columns of two results an hour apart."""
    return {
        "timestamp": numbers("tsm:UTC", TIMES) if times is None else times,
        "bucket_span": numbers("i", [HOUR_S] * 2),
    }


def two(kind: Kind, **fields: Any) -> list[dict[str, Any]]:
    """Two results an hour apart: each field has one value for each, and None is missing."""
    return [
        result(kind, time) | {name: pair[row] for name, pair in fields.items() if pair[row] is not None}
        for row, time in enumerate(TIMES)
    ]


def same(rule: str, claim: str, kind: Kind, given: Any, documents: list[dict[str, Any]], **job: Any) -> SameAs:
    """Arrow data, and the documents that store the same results."""
    return SameAs(rule, claim, kind, given, documents, "ours", **job)


SCORED = {**basic(), "anomaly_score": numbers("g", [1.5, 2.5])}
SCORES = two("bucket", anomaly_score=(1.5, 2.5))


def half(row: int) -> StandIn:
    """One row of the scored table."""
    return columns(
        1,
        timestamp=numbers("tsm:UTC", TIMES[row : row + 1]),
        bucket_span=numbers("i", [HOUR_S]),
        anomaly_score=numbers("g", [1.5 + row]),
    )


GIVEN = [
    same("27.1", "a stream of one batch", "bucket", table(columns(2, **SCORED)), SCORES),
    same("27.1", "a stream of two batches", "bucket", table(half(0), half(1)), SCORES),
    same("27.1", "one array", "bucket", table(columns(2, **SCORED), as_array=True), SCORES),
    same("27.1", "a slice", "bucket", table(struct(columns(3, **SCORED)._children, 1, offset=1)), SCORES[1:]),
    same(
        "27.1",
        "a column of jobs",
        "bucket",
        table(columns(2, **SCORED, job_id=texts("vu", ["web", LONG.replace(" ", "-")]))),
        [SCORES[0], {**SCORES[1], "job_id": LONG.replace(" ", "-")}],
        job_id=None,
    ),
    same(
        "27.1",
        "a column of result types",
        "bucket",
        table(columns(2, **SCORED, result_type=codes("c", [0, None], texts("u", ["bucket"])))),
        SCORES,
    ),
    same(
        "27.1",
        "a mapping of arrays",
        "bucket",
        {name: table(column, as_array=True) for name, column in SCORED.items()},
        SCORES,
    ),
    same("27.1", "a mapping of streams", "bucket", {name: table(column) for name, column in SCORED.items()}, SCORES),
    same(
        "27.1",
        "Arrow beside NumPy, and one span",
        "bucket",
        {"timestamp": np.array(TIMES), "bucket_span": HOUR_S, "anomaly_score": table(SCORED["anomaly_score"])},
        SCORES,
    ),
    same(
        "27.1",
        "the index of a pandas frame is not read",
        "bucket",
        table(columns(2, **SCORED, __index_level_0__=texts("u", ["a", "b"]), __index_level_11__=StandIn("tdD", 2, []))),
        SCORES,
    ),
    same(
        "27.1",
        "a frame of polars",
        "bucket",
        PolarsFrame(
            [
                PolarsSeries(TIMES, "Int64", "timestamp"),
                PolarsSeries([HOUR_S] * 2, "Int64", "bucket_span"),
                PolarsSeries([1.5, 2.5], "Float64", "anomaly_score"),
            ]
        ),
        SCORES,
    ),
    same("27.1", "no rows", "bucket", table(columns(0, timestamp=numbers("l", []), bucket_span=numbers("l", []))), []),
    same("27.1", "no columns but those required", "record", table(columns(2, **basic())), two("record")),
]

SECONDS = [time // 1_000 for time in TIMES]
TYPES = [
    *(
        same("27.2", f"timestamps in {of}", "bucket", table(columns(2, **basic(times))), two("bucket"))
        for of, times in {
            "s": numbers("tss:", SECONDS),
            "ms": numbers("tsm:", TIMES),
            "us": numbers("tsu:Europe/Paris", [time * 1_000 for time in TIMES]),
            "ns": numbers("tsn:+05:30", [time * 1_000_000 for time in TIMES]),
            "integers": numbers("l", TIMES),
            "unsigned": numbers("L", TIMES),
            "floats": numbers("g", TIMES),
            "decimals": decimals(0, 128, TIMES),
            "text": texts("vu", [datetime.fromtimestamp(time, UTC).isoformat() for time in SECONDS]),
            "text of a dictionary": codes("i", [0, 1], texts("u", ["2020-01-01T00:00Z", "2020-01-01T01:00Z"])),
            "a dictionary of instants": codes("i", [1, 0], numbers("tsm:", TIMES[::-1])),
        }.items()
    ),
    *(
        same(
            "27.2",
            f"days in {of}",
            "bucket",
            table(columns(2, **basic(days))),
            [result("bucket", 0), result("bucket", -DAY)],
        )
        for of, days in {
            "32 bits": numbers("tdD", [0, -1]),
            "64 bits": numbers("tdm", [0, -DAY]),
            "a dictionary": codes("i", [1, 0], numbers("tdD", [-1, 0])),
        }.items()
    ),
    *(
        same(
            "27.2",
            f"numbers in {column.format}{' of a dictionary' * (column.dictionary is not None)}",
            "bucket",
            table(columns(2, **basic(), anomaly_score=column, event_count=column)),
            two("bucket", anomaly_score=(5.0, 6.0), event_count=(5, 6)),
        )
        for column in (
            *(numbers(of, [5, 6]) for of in "cCsSiIlLefg"),
            decimals(0, 128, [5, 6]),
            decimals(2, 64, [500, 600]),
            decimals(30, 256, [5 * 10**30, 6 * 10**30]),
            codes("c", [1, 0], numbers("i", [6, 5])),
        )
    ),
    same(
        "27.2",
        "booleans",
        "bucket",
        table(columns(2, **basic(), is_interim=numbers("b", [True, None], offset=3))),
        two("bucket", is_interim=(True, None)),
    ),
    *(
        same(
            "27.2",
            f"text in {of}",
            "record",
            table(
                columns(2, **basic(), function=texts(of, [LONG, "ä"]), correlated_by_field_value=texts(of, ["", LONG]))
            ),
            two("record", function=(LONG, "ä"), correlated_by_field_value=("", LONG)),
        )
        for of in ("u", "U", "vu")
    ),
    *(
        same(
            "27.2",
            f"text as codes in {of}, of {values}",
            "record",
            table(columns(2, **basic(), function=codes(of, [2, 0], texts(values, [LONG, "unused", "min"])))),
            two("record", function=("min", LONG)),
        )
        for of in "cCsSiIlL"
        for values in ("u", "U", "vu")
    ),
    *(
        same(
            "27.2",
            f"lists in {of}",
            "bucket",
            table(columns(2, **basic(), scheduled_events=lists(of, [2, 0], texts("vu", ["a", LONG])))),
            two("bucket", scheduled_events=(["a", LONG], [])),
        )
        for of in ("+l", "+L", "+vl", "+vL")
    ),
    same(
        "27.2",
        "lists of a fixed size",
        "record",
        table(columns(2, **basic(), actual=StandIn("+w:2", 2, [None], children=[numbers("f", [1, 2, 3, 4])]))),
        two("record", actual=([1.0, 2.0], [3.0, 4.0])),
    ),
    same(
        "27.2",
        "single values in place of lists",
        "record",
        table(columns(2, **basic(), actual=numbers("g", [1, None]))),
        two("record", actual=([1.0], None)),
    ),
    same(
        "27.2",
        "structs as objects",
        "record",
        table(columns(2, **basic(), geo_results=struct([texts("u", ["1,2", "3,4"], name="typical_point")], 2))),
        two("record", geo_results=({"typical_point": "1,2"}, {"typical_point": "3,4"})),
    ),
    same(
        "27.2",
        "the null type",
        "record",
        table(
            columns(
                2,
                **basic(),
                **{
                    name: StandIn("n", 2, [])
                    for name in ("function", "record_score", "is_interim", "causes", "geo_results")
                },
            )
        ),
        two("record"),
    ),
]

MISSING = [
    same(
        "27.3",
        f"nulls of {name}",
        "record",
        table(columns(2, **basic(), **{name: column})),
        two("record", **{name: (None, value)}),
    )
    for name, column, value in (
        ("record_score", numbers("g", [None, 5.0]), 5.0),
        ("detector_index", numbers("l", [None, 5]), 5),
        ("is_interim", numbers("b", [None, True]), True),
        ("function", texts("vu", [None, LONG]), LONG),
        ("by_field_value", codes("c", [None, 0], texts("u", ["a"])), "a"),
        ("over_field_value", codes("c", [1, 0], texts("u", ["a", None])), "a"),
        ("actual", lists("+l", [None, 1], numbers("g", [5.0])), [5.0]),
        ("geo_results", struct([numbers("g", [1, 2], name="a")], 2, present=[None, True]), {"a": 2.0}),
        ("probability", decimals(1, 128, [None, 5]), 0.5),
    )
]

CAUSES = struct(
    [
        numbers("g", [0.5, None, 0.25], name="probability"),
        texts("vu", [None, "mean", LONG], name="function"),
        lists("+l", [1, None, 0], numbers("g", [7.0]), name="actual"),
    ],
    3,
)
NESTED = struct(
    [
        texts("vu", ["bucket_time", None, LONG], name="influencer_field_name"),
        numbers("g", [5.0, 6.0, None], name="anomaly_score"),
        texts("u", [JOB, None, "other"], name="job_id"),
        numbers("tsu:", [T0 * 1_000, None, 5_000_000], name="timestamp"),
        numbers("tsm:", [None, 5, 6], name="event.ingested"),
    ],
    3,
)
NESTED_AS_DOCUMENTS = [
    [
        {"influencer_field_name": "bucket_time", "anomaly_score": 5.0},
        {"anomaly_score": 6.0, "event": {"ingested": 5}},
    ],
    [{"influencer_field_name": LONG, "job_id": "other", "timestamp": 5_000, "event": {"ingested": 6}}],
]
OBJECTS = [
    same(
        "27.4",
        "causes",
        "record",
        table(columns(2, **basic(), causes=lists("+l", [2, 1], CAUSES))),
        two(
            "record",
            causes=(
                [{"probability": 0.5, "actual": [7.0]}, {"function": "mean"}],
                [{"probability": 0.25, "function": LONG, "actual": []}],
            ),
        ),
    ),
    same(
        "27.4",
        "causes of a polars frame",
        "record",
        PolarsFrame(
            [
                PolarsSeries(TIMES, "Int64", "timestamp"),
                PolarsSeries([HOUR_S] * 2, "Int64", "bucket_span"),
                PolarsSeries(
                    [[{"probability": 0.5, "function": None}], None],
                    "List(Struct({'probability': Float64, 'function': String}))",
                    "causes",
                ),
            ]
        ),
        two("record", causes=([{"probability": 0.5}], None)),
    ),
    same(
        "27.4",
        "influencers of a bucket",
        "bucket",
        table(columns(2, **basic(), bucket_influencers=lists("+l", [2, 1], NESTED))),
        two("bucket", bucket_influencers=tuple(NESTED_AS_DOCUMENTS)),
    ),
    same(
        "27.4",
        "event.ingested beside other columns",
        "bucket",
        {
            "timestamp": TIMES,
            "bucket_span": HOUR_S,
            "bucket_influencers": [[{"event.ingested": 5}, {"event": {"ingested": 6}}], {"event.ingested": 7}],
        },
        two("bucket", bucket_influencers=([{"event": {"ingested": 5}}, {"event": {"ingested": 6}}], [{}])),
    ),
    same(
        "27.4",
        "influencers of a record",
        "record",
        table(
            columns(
                2,
                **basic(),
                influencers=lists(
                    "+l",
                    [1, 1],
                    struct(
                        [
                            texts("u", ["host", "user"], name="influencer_field_name"),
                            lists("+l", [2, None], texts("vu", ["a", LONG]), name="influencer_field_values"),
                        ],
                        2,
                    ),
                ),
            )
        ),
        two(
            "record",
            influencers=(
                [{"influencer_field_name": "host", "influencer_field_values": ["a", LONG]}],
                [{"influencer_field_name": "user"}],
            ),
        ),
    ),
]

EXTRA: list[SameAs] = [
    same(
        "27.5",
        "of a record",
        "record",
        table(columns(2, **basic(), extra_fields=texts("vu", ['{"host":["a"],"typical":[1],"actual":2.5}', None]))),
        [{**two("record")[0], "host": ["a"], "typical": [1.0], "actual": [2.5]}, two("record")[1]],
    ),
    same(
        "27.5",
        "of an influencer, without Arrow",
        "influencer",
        {
            "timestamp": TIMES,
            "bucket_span": HOUR_S,
            "extra_fields": ['{"airline":"AAL","event":"a data field"}', " {} "],
        },
        [{**two("influencer")[0], "airline": "AAL", "event": "a data field"}, two("influencer")[1]],
    ),
    same(
        "27.5",
        "beside a column of another key",
        "record",
        {
            "timestamp": TIMES,
            "bucket_span": HOUR_S,
            "actual": [[1.0], None],
            "extra_fields": ['{"host":"a","typical":[2.0]}', '{"actual":[3.0]}'],
        },
        [{**two("record")[0], "typical": [2.0], "actual": [1.0], "host": "a"}, {**two("record")[1], "actual": [3.0]}],
    ),
    same(
        "27.5",
        "a null is no key",
        "record",
        {"timestamp": TIMES, "bucket_span": HOUR_S, "extra_fields": ['{"record_score":null,"host":null}', "{}"]},
        [{**two("record")[0], "host": None}, two("record")[1]],
    ),
]


@each_row(GIVEN, TYPES, MISSING, OBJECTS, EXTRA)
def test_tables_store_the_same_as_documents(row: SameAs) -> None:
    """Commit, jobs, bodies and keys are those of the documents."""
    assert_same_as(row)


def bad(rule: str, claim: str, given: Any, path: str, kind: Kind = "bucket", **job: Any) -> BadColumns:
    """Arrow data that are refused, and the path of the error."""
    return BadColumns(rule, claim, kind, given, path, "ours", **job)


def one(name: str, column: StandIn) -> Any:
    """A table with one more column."""
    return table(columns(2, **basic(), **{name: column}))


def with_extra(*entries: Any, **others: Any) -> Any:
    """Columns of records with extra fields."""
    return {"timestamp": TIMES, "bucket_span": HOUR_S, "extra_fields": list(entries), **others}


RUNS = StandIn("+r", 2, [], children=[numbers("i", [2], name="run_ends"), numbers("g", [5.0], name="values")])
REFUSED = [
    bad("27.3", "NaN", one("anomaly_score", numbers("g", [1.0, float("nan")])), "columns.anomaly_score[1]"),
    bad(
        "27.3",
        "NaN beside a null",
        one("anomaly_score", numbers("g", [None, float("nan")])),
        "columns.anomaly_score[1]",
    ),
    bad("27.3", "a null timestamp", table(columns(2, **basic(numbers("tsm:", [T0, None])))), "columns.timestamp[1]"),
    bad("27.3", "a null job", one("job_id", texts("u", ["a", None])), "columns.job_id[1]", job_id=None),
    bad(
        "27.4",
        "a bad nested value",
        one("scheduled_events", lists("+l", [1, 1], numbers("l", [1, 2]))),
        "columns.scheduled_events[0][0]",
    ),
    bad("27.5", "no JSON", with_extra("{}", "{"), "columns.extra_fields[1]", "record"),
    bad("27.5", "JSON of a list", with_extra("[]", "{}"), "columns.extra_fields[0]", "record"),
    bad("27.5", "no text", with_extra({}, {}), "columns.extra_fields[0]", "record"),
    bad("27.5", "endless JSON", with_extra("[" * 100_000, None), "columns.extra_fields[0]", "record"),
    bad(
        "27.5",
        "too deep",
        with_extra('{"a":' * 102 + "1" + "}" * 102, None),
        "columns.extra_fields[0].a" + ".a" * 100,
        "record",
    ),
    bad("27.5", "NaN in JSON", with_extra('{"a":{"b":NaN}}', None), "columns.extra_fields[0].a.b", "record"),
    bad(
        "27.5",
        "a documented part",
        with_extra(None, '{"typical":["x"]}'),
        "columns.extra_fields[1].typical[0]",
        "record",
    ),
    bad(
        "27.5",
        "a key with a column",
        with_extra(None, '{"record_score":1}'),
        "columns.extra_fields[1].record_score",
        "record",
    ),
    bad("27.5", "an event", with_extra(None, '{"event":{"ingested":1}}'), "columns.extra_fields[1].event", "record"),
    bad(
        "27.5",
        "a key twice",
        with_extra('{"actual":[1]}', None, actual=[[1.0], None]),
        "columns.extra_fields[0].actual",
        "record",
    ),
    bad("27.5", "of a bucket", with_extra("{}", "{}"), "columns.extra_fields"),
    bad(
        "27.6", "time32", one("event.ingested", StandIn("tts", 2, [None, np.zeros(2, "i4")])), "columns.event.ingested"
    ),
    bad("27.6", "a day as a score", one("anomaly_score", numbers("tdD", [0, 1])), "columns.anomaly_score[0]"),
    bad("27.6", "run-end encoded", one("anomaly_score", RUNS), "columns.anomaly_score"),
    bad("27.6", "an unknown name", one("score", numbers("l", [1, 2])), "columns.score"),
    bad(
        "27.6",
        "a name twice",
        table(struct([*columns(2, **basic())._children, *columns(2, **basic())._children], 2)),
        "columns.timestamp",
    ),
    bad("27.6", "no table", table(numbers("l", [1])), "columns"),
    bad("27.6", "no table, but codes", table(codes("i", [0], texts("u", ["a"]))), "columns"),
    bad("27.6", "null rows", table(struct(columns(2, **basic())._children, 2, present=[True, None])), "columns"),
    bad("27.6", "a short child", table(columns(3, **basic())), "columns"),
    bad("27.6", "other lengths", {"timestamp": TIMES, "bucket_span": table(numbers("l", [1]))}, "columns.bucket_span"),
    bad(
        "27.6",
        "a code outside its dictionary",
        one("job_id", codes("i", [0, 1], texts("u", ["a"]))),
        "columns.job_id[1]",
        job_id=None,
    ),
    bad("27.6", "text that is not UTF-8", one("job_id", texts("vu", ["a", b"\xff"])), "columns.job_id[1]", job_id=None),
    bad(
        "27.6",
        "offsets that do not ascend",
        one("job_id", StandIn("u", 2, [None, np.array([0, 3, 1], "i4"), np.zeros(3, "u1")])),
        "columns.job_id",
        job_id=None,
    ),
    bad("27.6", "text for a number", one("anomaly_score", texts("u", ["1", "2"])), "columns.anomaly_score[0]"),
    bad("27.6", "numbers for text", one("function", numbers("l", [1, 2])), "columns.function[0]", "record"),
    bad("27.6", "another result type", one("result_type", texts("u", ["bucket", "record"])), "columns.result_type[1]"),
    bad("27.6", "a lazy frame", LazyFrame(), "columns"),
]


@each_row(REFUSED)
def test_bad_tables_are_refused(row: BadColumns) -> None:
    """The error names the column, and the row if one is to blame."""
    assert_bad_columns(row)


class Kept:
    """A row about memory: the rule, its claim and its source, and what happens to the producer."""

    def __init__(self, claim: str, after: Callable[[Any], object]) -> None:
        self.rule, self.claim, self.source = "27.7", claim, "ours"
        self.after = after


def overwrite(array: StandIn) -> None:
    """Write over every buffer of an array."""
    for buffer in array.owned:
        if buffer is not None:
            buffer[...] = 1
    for at in range(array.n_children):
        overwrite(array.child(at))


MEMORY = [Kept("the producer is written to", overwrite), Kept("the producer is deleted", lambda _: gc.collect())]


@each_row(MEMORY)
def test_the_index_keeps_no_memory_of_the_producer(row: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored stays. The stand-in's own memory is read, not that of a copy."""
    whole = columns(2, **basic(), function=texts("vu", [LONG, "b"]), record_score=numbers("g", [1.5, None]))
    monkeypatch.setattr("bucketquery.ingest.arrow._taken", lambda *_: (arrow_type(whole), [whole]))
    index = ResultsIndex()
    index.upsert_columns(producer("__arrow_c_stream__", lambda: None), job_id=JOB, kind="record")
    before = index.get_records(job_id=JOB).to_dict()
    assert {found["function"] for found in before["records"]} == {LONG, "b"}
    row.after(whole)
    assert index.get_records(job_id=JOB).to_dict() == before


def arrow_type(array: StandIn) -> Any:
    """The type of a stand-in, as the library reads it."""
    from bucketquery.ingest.arrow_parts import type_of  # noqa: PLC0415 - an inner name, for one test

    return type_of(array)


def test_the_error_of_a_lazy_frame_says_what_to_call() -> None:
    """Section 27.6: only `.collect()` is missing."""
    with pytest.raises(InvalidDocument, match=r"not LazyFrame; call \.collect\(\) first"):
        ResultsIndex().upsert_columns(LazyFrame(), job_id=JOB)


def test_scores_come_from_a_table_too() -> None:
    """Section 27: `renormalize` takes Arrow data in each argument."""
    index = ResultsIndex()
    index.upsert_columns(table(columns(2, **SCORED)), job_id=JOB)
    given = table(columns(2, **basic(), anomaly_score=numbers("f", [50, 60])))
    assert index.renormalize(JOB, buckets=given).replaced == 2
    assert index.get_buckets(job_id=JOB).column("anomaly_score").tolist() == [50.0, 60.0]
    with pytest.raises(InvalidDocument) as caught:
        index.renormalize(JOB, buckets=exported(columns(2, **basic(), anomaly_score=texts("u", ["1", "2"]))))
    assert caught.value.field == "buckets.anomaly_score[0]"
