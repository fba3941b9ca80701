"""Our decision on `event`: the instant at which a result was written, in documents, bodies, columns and commits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQueryError, Kind, ResultsIndex
from support.document_tables import (
    FIRST_MS,
    LAST_MS,
    SIZES,
    SMALL_SIZES,
    T0,
    Accepted,
    BadColumns,
    BadDocument,
    History,
    SameAs,
    Shown,
    Wrote,
    assert_accepted,
    assert_bad_columns,
    assert_bad_document,
    assert_history,
    assert_same_as,
    assert_shown,
    assert_shown_in_every_way,
    bad,
    batch_of,
    page_without_others,
)
from support.semantics_tables import (
    BY_SCORE,
    CALLS,
    JOB,
    LISTS,
    QUERIES,
    assert_refusal,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    result,
)

RULE = "20.event"
#: What a server wrote beside `ingested`, and another key of the object.
WRITTEN = {"created": "2020-01-01", "ingested": T0 + 250, "module": "ml"}
STORED = {"event": {"ingested": T0 + 250}}
#: Two hours after 1970 began.
TWO_MS = 7_200_000

# ---- documents and bodies

INGESTED: tuple[tuple[Any, int], ...] = (
    (T0, T0),
    (float(T0), T0),
    (0, 0),
    (-1, -1),
    (FIRST_MS, FIRST_MS),
    (LAST_MS, LAST_MS),
    ("2020-01-01T00:00:00.250Z", T0 + 250),
    ("2020-01-01T01:00:00+01:00", T0),
    ("2020-01-01", T0),
    (datetime(2020, 1, 1, tzinfo=UTC), T0),
    (date(2020, 1, 1), T0),
    (np.datetime64("2020-01-01", "D"), T0),
    (np.datetime64("2020-01-01T00:00:00.000000999", "ns"), T0),
    (np.int64(T0), T0),
    (Decimal(T0), T0),
    (np.array(T0), T0),
)
ACCEPTED = [
    Accepted(RULE, kind, "event", given, {"ingested": shown}, source)
    for kind in CALLS
    for given, shown, source in (
        *(({"ingested": value}, ms, "RES: as `timestamp`") for value, ms in INGESTED),
        (WRITTEN, T0 + 250, "RES: other keys are skipped"),
        (MappingProxyType({"ingested": T0}), T0, "ours: any mapping"),
    )
]


@each_row(ACCEPTED)
def test_instant_is_stored_and_shown(row: Accepted) -> None:
    """`ingested` accepts what `timestamp` accepts, and is shown in milliseconds, in batches of every size."""
    assert_accepted(row, SMALL_SIZES)


def bucket_body(**fields: Any) -> dict[str, Any]:
    """The body of a bucket at 0 without optional fields."""
    return {
        "job_id": "web",
        "timestamp": 0,
        "anomaly_score": 0.0,
        "bucket_span": 3_600,
        "initial_anomaly_score": 0.0,
        "event_count": 0,
        "is_interim": False,
        "bucket_influencers": [],
        "processing_time_ms": 0,
        "result_type": "bucket",
    } | fields


def nested_body(**fields: Any) -> dict[str, Any]:
    """The body of a bucket influencer at 0 without optional fields."""
    return {
        "job_id": "web",
        "result_type": "bucket_influencer",
        "initial_anomaly_score": 0.0,
        "anomaly_score": 0.0,
        "raw_anomaly_score": 0.0,
        "probability": 0.0,
        "timestamp": 0,
        "bucket_span": 3_600,
        "is_interim": False,
    } | fields


def record_body(**fields: Any) -> dict[str, Any]:
    """The body of a record at 0 without optional fields."""
    return {
        "job_id": "web",
        "result_type": "record",
        "probability": 0.0,
        "record_score": 0.0,
        "initial_record_score": 0.0,
        "bucket_span": 3_600,
        "detector_index": 0,
        "is_interim": False,
        "timestamp": 0,
    } | fields


def influencer_body(**fields: Any) -> dict[str, Any]:
    """The body of an influencer at 0 without name and value."""
    return {
        "job_id": "web",
        "result_type": "influencer",
        "influencer_score": 0.0,
        "initial_influencer_score": 0.0,
        "probability": 0.0,
        "bucket_span": 3_600,
        "is_interim": False,
        "timestamp": 0,
    } | fields


TWO = {"event": {"ingested": TWO_MS}}
#: The body of each kind at 0 without optional fields.
BODIES: Mapping[Kind, dict[str, Any]] = {
    "bucket": bucket_body(),
    "record": record_body(),
    "influencer": influencer_body(),
}
SHOWN = [
    Shown(RULE, "last in a bucket", TWO | bucket(0), bucket_body(**TWO), "ours: the last key"),
    Shown("9.1", "last in a bucket", TWO | bucket(0), bucket_body(**TWO), "ours: the last key"),
    Shown(
        RULE,
        "after the scheduled events",
        bucket(0, scheduled_events=["sale"]) | TWO,
        {
            **{name: value for name, value in bucket_body().items() if name != "result_type"},
            "scheduled_events": ["sale"],
            "result_type": "bucket",
            **TWO,
        },
        "ours: the last key",
    ),
    Shown(RULE, "last in a record", TWO | record(0), record_body(**TWO), "ours: the last key"),
    Shown(
        "9.6",
        "after unknown and generated keys",
        record(0, zone=None) | TWO | {"by_field_name": "host", "by_field_value": "a", "more": 1},
        record_body(by_field_name="host", by_field_value="a", host=["a"], zone=None, more=1, **TWO),
        "ours: the last key",
    ),
    Shown(
        RULE, "last in an influencer", TWO | influencer(0, zone=1), influencer_body(zone=1, **TWO), "ours: the last key"
    ),
    Shown("9.11", "last in an influencer", TWO | influencer(0, zone=1), influencer_body(zone=1, **TWO), "ours"),
    Shown(
        RULE,
        "last in a bucket influencer, and not in its bucket",
        bucket(0, bucket_influencers=[TWO, {}]),
        bucket_body(bucket_influencers=[nested_body(**TWO), nested_body()]),
        "ours: a value of its own",
    ),
    Shown(
        "9.4",
        "an event of its own",
        bucket(0, bucket_influencers=[TWO]),
        bucket_body(bucket_influencers=[nested_body(**TWO)]),
        "BINF",
    ),
    Shown(
        RULE,
        "an influencer does not take it from its bucket",
        bucket(0, bucket_influencers=[{}], **TWO),
        bucket_body(bucket_influencers=[nested_body()], **TWO),
        "ours",
    ),
    Shown(
        RULE,
        "a dotted key of a bucket",
        bucket(0) | {"event.ingested": 5},
        bucket_body(),
        "20.unknown-fields: dropped",
    ),
    Shown(
        RULE,
        "a dotted key of a record",
        record(0) | {"event.ingested": 5, "event": {"ingested": TWO_MS}},
        record_body(**{"event.ingested": 5}, **TWO),
        "ours: an unknown key",
    ),
    Shown(
        RULE,
        "a dotted key of an influencer",
        influencer(0) | {"event.ingested": None},
        influencer_body(**{"event.ingested": None}),
        "ours: an unknown key",
    ),
]
#: Values of `event` without an instant, which are missing in every kind.
NOTHING: Mapping[str, Any] = {
    "null": None,
    "an empty object": {},
    "a null instant": {"ingested": None},
    "another key": {"created": 5},
    "NaT": {"ingested": np.datetime64("NaT")},
}
SHOWN += [
    Shown(RULE, f"{claim} in a {kind}", result(kind, 0, event=value), body, "ours: missing")
    for claim, value in NOTHING.items()
    for kind, body in BODIES.items()
] + [
    Shown(
        RULE,
        f"{claim} in a bucket influencer",
        bucket(0, bucket_influencers=[{"event": value}]),
        bucket_body(bucket_influencers=[nested_body()]),
        "ours: missing",
    )
    for claim, value in NOTHING.items()
]
#: Values of `event` that are no objects: the values of a data field with this name.
OF_A_DATA_FIELD: tuple[Any, ...] = ("login", ["login", "logout"], 5, True, [], [{"ingested": 5}], "")
SHOWN += [
    Shown(RULE, f"{kind} {value!r}", result(kind, 0, event=value, zone=1), body | {"event": value, "zone": 1}, "ours")
    for kind, body in BODIES.items()
    if kind != "bucket"
    for value in OF_A_DATA_FIELD
] + [
    Shown(
        RULE,
        "a record's data field of this name",
        record(0, by_field_name="event", by_field_value="login", zone=1),
        record_body(by_field_name="event", by_field_value="login", event=["login"], zone=1),
        "ours: a generated key",
    ),
    Shown(
        RULE,
        "a record's data field of this name, and its key",
        record(0, zone=1, event=["login"], by_field_name="event", by_field_value="login"),
        record_body(by_field_name="event", by_field_value="login", event=["login"], zone=1),
        "20.unknown-fields: in the place of the generated key",
    ),
    Shown(
        RULE,
        "a record's data field of this name, and the instant",
        record(0, by_field_name="event", by_field_value="login", zone=1, **TWO),
        record_body(by_field_name="event", by_field_value="login", zone=1, **TWO),
        "ours: no generated key",
    ),
    Shown(
        RULE,
        "a record's influencer of this name, and the instant",
        record(0, influencers=[{"influencer_field_name": "event", "influencer_field_values": ["a"]}], **TWO),
        record_body(influencers=[{"influencer_field_name": "event", "influencer_field_values": ["a"]}], **TWO),
        "ours: no generated key",
    ),
    Shown(
        RULE,
        "a record's data field below this name",
        record(0, by_field_name="event.action", by_field_value="login", **TWO),
        record_body(by_field_name="event.action", by_field_value="login", **{"event.action": ["login"]}, **TWO),
        "ours: another name",
    ),
    Shown(
        RULE,
        "an influencer of this name",
        influencer(0, "login", influencer_field_name="event"),
        {
            **dict([*influencer_body().items()][:2]),
            "influencer_field_name": "event",
            "influencer_field_value": "login",
            "event": "login",
            **influencer_body(),
        },
        "ours: a generated key",
    ),
    Shown(
        RULE,
        "an influencer of this name, and the instant",
        influencer(0, "login", influencer_field_name="event", **TWO),
        {
            **dict([*influencer_body().items()][:2]),
            "influencer_field_name": "event",
            "influencer_field_value": "login",
            **influencer_body(),
            **TWO,
        },
        "ours: no generated key",
    ),
]


@each_row(SHOWN)
def test_event_is_the_last_key(row: Shown) -> None:
    """The body shows `event` last, in batches of every size and in every way to give documents."""
    assert_shown(row, SIZES)
    assert_shown_in_every_way(row)


SPELLED = {"event": {"ingested_string": "1970-01-01T02:00:00.000Z", "ingested": TWO_MS}}


def for_people(body: dict[str, Any]) -> dict[str, Any]:
    """The same body at 0 with `timestamp_string`."""
    shown: dict[str, Any] = {}
    for name, value in body.items():
        shown |= {"timestamp_string": "1970-01-01T00:00:00.000Z"} if name == "timestamp" else {}
        shown[name] = value
    return shown


HUMAN = [
    Shown(
        "9.3", f"human {kind}", result(kind, 0, **TWO), for_people(body) | SPELLED, "XCB: before the number", human=True
    )
    for kind, body in BODIES.items()
] + [
    Shown(
        "9.3",
        "human bucket influencer",
        bucket(0, bucket_influencers=[TWO]),
        for_people(bucket_body(bucket_influencers=[for_people(nested_body()) | SPELLED])),
        "XCB",
        human=True,
    ),
    Shown(
        "9.3",
        "human, an event that is no object",
        record(0, event=["login"], zone=1),
        for_people(record_body(event=["login"], zone=1)),
        "ours: an unknown key",
        human=True,
    ),
]


@each_row(HUMAN)
def test_event_for_people(row: Shown) -> None:
    """With `human` a text comes before the number, in batches of every size."""
    assert_shown(row, SIZES)
    assert_shown_in_every_way(row)


def test_expanded_body_shows_the_events_of_its_records() -> None:
    """Rules 9.3 and 20.event: each record in a bucket has its own `event`, and the bucket its own as the last key."""
    given = [bucket(0, bucket_influencers=[{}], event={"ingested": 1}), record(0, event={"ingested": 2})]
    page = index_of(given).get_buckets(job_id=JOB, expand=True)
    (shown,) = page.to_dict()["buckets"]
    assert ([*shown][-1], shown["event"], shown["records"][0]["event"]) == ("event", {"ingested": 1}, {"ingested": 2})
    (human,) = page.to_dict(human=True)["buckets"]
    assert human["records"][0]["event"] == {"ingested_string": "1970-01-01T00:00:00.002Z", "ingested": 2}
    assert page[0].records[0].event_ingested == 2


# ---- refused documents

NO_INSTANTS: tuple[Any, ...] = (
    True,
    1.5,
    math.nan,
    math.inf,
    [T0],
    {},
    b"2020-01-01",
    FIRST_MS - 1,
    LAST_MS + 1,
    "soon",
    "",
    "now",
    "2020-01-01||/d",
    str(T0),
    datetime(2020, 1, 1),  # noqa: DTZ001 - naive is what is refused
)
REFUSED = [
    row
    for kind in CALLS
    for row in bad(
        kind,
        "event",
        "ours: as `timestamp`",
        *({"ingested": value} for value in NO_INSTANTS),
        path=".ingested",
        rule=RULE,
    )
]
REFUSED += [
    *bad("bucket", "event", "ours: an object", "x", "", 5, 0, True, [], [{"ingested": 5}], T0, rule=RULE),
    *(
        row
        for value in ("x", 5, [], [{"ingested": 5}], False)
        for row in bad("bucket", "bucket_influencers", "ours", [{}, {"event": value}], path="[1].event", rule=RULE)
    ),
    *bad(
        "bucket",
        "bucket_influencers",
        "ours: as `timestamp`",
        [{"event": {"ingested": "soon"}}],
        path="[0].event.ingested",
        rule=RULE,
    ),
    *(
        row
        for kind in BY_SCORE
        for row in bad(kind, "event", "20.unknown-fields: no number", math.nan, {1, 2}, b"x", 2**63, rule=RULE)
    ),
    BadDocument(
        RULE,
        "inside a search hit",
        [bucket(T0), {"_source": record(T0, event={"ingested": "soon"})}],
        "documents[1]._source.event.ingested",
        "ours",
    ),
]


@each_row(REFUSED)
def test_bad_event_is_refused(row: BadDocument) -> None:
    """The error has the path of the bad value, in batches of every size."""
    assert_bad_document(row, SIZES)


# ---- attributes and columns


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
def test_attribute_and_column(kind: Kind, size: int) -> None:
    """20.event: the attribute is an int or None, the column is an array of doubles with NaN for a missing instant."""
    times = [5, None, 0, LAST_MS, None]
    given = [
        result(kind, row) | ({} if time is None else {"event": {"ingested": time}}) for row, time in enumerate(times)
    ]
    index = index_of(batch_of(size, given, kind)[0])
    page = page_without_others(index, kind)
    assert [found.event_ingested for found in page] == times
    assert {type(found.event_ingested) for found in page} == {int, type(None)}
    column = page.column("event.ingested")
    assert (column.dtype, column.tolist()[:1], column.tolist()[2:4]) == (np.dtype("f8"), [5.0], [0.0, float(LAST_MS)])
    assert np.isnan(column[[1, 4]]).all()
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1.0
    assert page_without_others(index, kind, size=0).column("event.ingested").tolist() == []


def test_attribute_of_a_bucket_influencer() -> None:
    """20.event: a bucket influencer has the attribute too."""
    (found,) = index_of([bucket(0, bucket_influencers=[TWO, {}], event={"ingested": 1})]).get_buckets(job_id=JOB)
    assert [blamed.event_ingested for blamed in found.bucket_influencers] == [TWO_MS, None]
    assert found.event_ingested == 1


@pytest.mark.parametrize("kind", BY_SCORE)
@pytest.mark.parametrize("value", OF_A_DATA_FIELD, ids=repr)
def test_event_of_a_data_field_is_no_instant(kind: Kind, value: Any) -> None:
    """20.event: an `event` that is not an object is an unknown key, and there is no instant."""
    (found,) = page_without_others(index_of([result(kind, 0, event=value)]), kind)
    assert (found.event_ingested, [*found.other_fields]) == (None, ["event"])


@pytest.mark.parametrize("kind", BY_SCORE)
def test_event_is_no_unknown_key(kind: Kind) -> None:
    """20.event: `other_fields` has no `event` if it is an object; a dotted key is an unknown key."""
    (found,) = page_without_others(index_of([result(kind, 0, **TWO, **{"event.ingested": 9})]), kind)
    assert (found.event_ingested, dict(found.other_fields)) == (TWO_MS, {"event.ingested": 9})


@pytest.mark.parametrize("name", ["event", "event_ingested", "event.created"])
@pytest.mark.parametrize("kind", CALLS)
def test_other_names_are_no_columns(kind: Kind, name: str) -> None:
    """20.event: the column has only the name `event.ingested`."""
    page = page_without_others(index_of([result(kind, 0, **TWO)]), kind)
    with pytest.raises(BucketQueryError) as caught:
        page.column(name)
    assert_refusal(caught.value, invalid("name", ""))


TIMES: dict[str, Any] = {"timestamp": [0, 1], "bucket_span": 60}


def columns(kind: Kind, claim: str, column: Any, events: tuple[int | None, int | None]) -> SameAs:
    """A column of the instants of two results, and their documents."""
    documents = [
        result(kind, time, bucket_span=60) | ({} if event is None else {"event": {"ingested": event}})
        for time, event in enumerate(events)
    ]
    return SameAs(RULE, f"{kind}: {claim}", kind, TIMES | {"event.ingested": column}, documents, "ours")


COLUMNS = [
    row
    for kind in CALLS
    for row in (
        columns(kind, "integers", np.array([5, 7]), (5, 7)),
        columns(kind, "a list with a gap", [5, None], (5, None)),
        columns(kind, "a masked array", np.ma.array([5, 7], mask=[True, False]), (None, 7)),
        columns(kind, "datetime64", np.array(["2020-01-01", "1970-01-01"], "datetime64[D]"), (T0, 0)),
        columns(kind, "NaT in datetime64", np.array(["NaT", "1970-01-01"], "datetime64[ms]"), (None, 0)),
        columns(kind, "instants in a list", [date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)], (T0, T0)),
        columns(kind, "text", ["2020-01-01T00:00Z", None], (T0, None)),
        columns(kind, "integral floats", np.array([5.0, 7.0]), (5, 7)),
        columns(kind, "only gaps", [None, None], (None, None)),
    )
] + [
    SameAs(
        RULE,
        "bucket: influencers with an event",
        "bucket",
        TIMES | {"bucket_influencers": [[{"event": {"ingested": 5}}], []]},
        [bucket(0, bucket_span=60, bucket_influencers=[{"event": {"ingested": 5}}]), bucket(1, bucket_span=60)],
        "ours",
    )
]


@each_row(COLUMNS)
def test_column_stores_the_same_as_documents(row: SameAs) -> None:
    """The column `event.ingested` gives the same commit, bodies and columns as documents."""
    assert_same_as(row)


BAD_COLUMNS = [
    BadColumns(RULE, f"{kind}: {claim}", kind, TIMES | {name: column}, path, "ours: as `timestamp`")
    for kind in CALLS
    for claim, name, column, path in (
        ("NaN", "event.ingested", np.array([5.0, math.nan]), "columns.event.ingested[1]"),
        ("a fraction", "event.ingested", np.array([1.5, 5.0]), "columns.event.ingested[0]"),
        ("a bool", "event.ingested", [5, True], "columns.event.ingested[1]"),
        ("text that is no date", "event.ingested", ["soon", None], "columns.event.ingested[0]"),
        ("beyond the years", "event.ingested", np.array([0, LAST_MS + 1]), "columns.event.ingested[1]"),
        ("the object", "event", [{"ingested": 5}, None], "columns|columns.event"),
    )
]


@each_row(BAD_COLUMNS)
def test_bad_column_is_refused(row: BadColumns) -> None:
    """A bad instant in the column, and a column `event`, are refused."""
    assert_bad_columns(row)


# ---- commits, keeping, other writes


def again(kind: Kind, claim: str, first: Any, second: Any, *, replaced: bool) -> History:
    """One result written twice with these values of `event`."""
    return History(
        RULE,
        f"{kind}: {claim}",
        [[result(kind, 0, event=first)], [result(kind, 0, event=second)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0) if replaced else Wrote(1, 0, 0, 1)],
        tuple(int(of == kind) for of in CALLS),  # type: ignore[arg-type]  # three numbers
        "20.commits",
    )


COMMITS = [
    row
    for kind in CALLS
    for row in (
        again(kind, "another spelling", {"ingested": 0}, {"ingested": "1970-01-01T00:00Z"}, replaced=False),
        again(kind, "other keys", {"ingested": 0}, {"ingested": 0, "created": 5}, replaced=False),
        again(kind, "another instant", {"ingested": 0}, {"ingested": 1}, replaced=True),
        again(kind, "an instant after none", None, {"ingested": 0}, replaced=True),
        again(kind, "none after an instant", {"ingested": 0}, {}, replaced=True),
        again(kind, "an empty object after none", None, {}, replaced=False),
    )
] + [
    again("record", "text after an instant", {"ingested": 0}, "login", replaced=True),
    again("record", "null after text", "login", None, replaced=True),
    History(
        RULE,
        "a bucket influencer's instant",
        [
            [bucket(0, bucket_influencers=[{"event": {"ingested": 0}}])],
            [bucket(0, bucket_influencers=[{"event": {"ingested": "1970-01-01"}}])],
            [bucket(0, bucket_influencers=[{"event": {"ingested": 1}}])],
            [bucket(0, bucket_influencers=[{}])],
        ],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1), Wrote(2, 0, 1, 0), Wrote(3, 0, 1, 0)],
        (1, 0, 0),
        "20.commits",
    ),
]


@each_row(COMMITS)
def test_commit_compares_the_instant(row: History) -> None:
    """A result counts as replaced if its instant differs, and as unchanged if only its spelling does."""
    assert_history(row)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
def test_instant_is_kept_without_documents(kind: Kind, size: int) -> None:
    """20.keep-documents: the instant sorts, so an index without documents stores it and the host's value loses."""
    given = [result(kind, 0, event={"ingested": 5}), result(kind, 1)]
    index = index_of(batch_of(size, given, kind)[0], keep_documents=False)
    page = page_without_others(index, kind, sort="event.ingested", desc=True)
    assert page.column("event.ingested").tolist()[:1] == [5.0]
    assert np.isnan(page.column("event.ingested")[1])
    other = [result(kind, 0, event={"ingested": 9}), result(kind, 1, event={"ingested": 9})]
    expected = page_without_others(index_of(given), kind, sort="event.ingested", desc=True).to_dict()
    assert_same_body(page.to_dict(documents=other), expected)
    assert index.upsert([given[0]]).unchanged == 1
    assert index.upsert([other[0]]).replaced == 1


def test_instants_of_bucket_influencers_come_from_the_host() -> None:
    """20.keep-documents: nested influencers are dropped, so their instants are those of the host's document."""
    index = ResultsIndex(keep_documents=False)
    index.upsert([bucket(0, bucket_influencers=[{"event": {"ingested": 5}}])])
    assert index.upsert([bucket(0, bucket_influencers=[{"event": {"ingested": 6}}])]).unchanged == 1
    shown = index.get_buckets(job_id=JOB).to_dict(documents=[bucket(0, bucket_influencers=[TWO])])["buckets"][0]
    assert shown["bucket_influencers"][0]["event"] == TWO["event"]


def test_new_scores_keep_the_instant() -> None:
    """20.event: `renormalize` changes the score only, so the instant stays."""
    index = index_of([bucket(0, event={"ingested": 5}), bucket(1)])
    index.renormalize(JOB, buckets={"timestamp": [0, 1], "bucket_span": 3_600, "anomaly_score": [50.0, 60.0]})
    assert [found.event_ingested for found in index.get_buckets(job_id=JOB)] == [5, None]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The instants of a result before and after a second write, and the one that is shown."""

    rule: str
    claim: str
    first: dict[str, Any]
    second: dict[str, Any]
    shown: int | None
    source: str


REPLACED = [
    Replaced(RULE, "a later instant", {"event": {"ingested": 5}}, {"event": {"ingested": 6}}, 6, "12.1"),
    Replaced(
        RULE, "an earlier instant", {"event": {"ingested": 6}}, {"event": {"ingested": 5}}, 5, "12.1: the last wins"
    ),
    Replaced(RULE, "no instant", {"event": {"ingested": 6}}, {}, None, "12.1: missing afterwards"),
    Replaced(RULE, "an instant after none", {}, {"event": {"ingested": 5}}, 5, "12.1"),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
@each_row(REPLACED)
def test_last_write_decides(row: Replaced, kind: Kind, size: int) -> None:
    """The instant plays no part in the question which document wins: the last one does."""
    index = index_of([result(kind, 0) | row.first])
    index.upsert(batch_of(size, [result(kind, 0) | row.second], kind)[0])
    assert [found.event_ingested for found in page_without_others(index, kind)] == [row.shown]
    (body,) = page_without_others(index, kind).to_dict()[LISTS[kind]]
    assert body.get("event") == (None if row.shown is None else {"ingested": row.shown})
    (found, *_) = index.scan(QUERIES[kind](jobs=JOB, sort="timestamp", desc=False))
    assert found.event_ingested == row.shown
