"""Our decision on single values: one value in place of a list, which fields accept it, and its path in errors."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from support.document_tables import (
    SIZES,
    T0,
    Accepted,
    BadDocument,
    History,
    SameAs,
    Shown,
    Wrote,
    accepted,
    assert_accepted,
    assert_bad_document,
    assert_history,
    assert_same_as,
    assert_shown,
    assert_shown_in_every_way,
    bad,
)
from support.semantics_tables import bucket, each_row, index_of, record

RULE = "20.single-values"
#: A bucket influencer without fields of its own, as the body of a bucket at `T0` shows it.
BARE = {
    "job_id": "web",
    "result_type": "bucket_influencer",
    "initial_anomaly_score": 0.0,
    "anomaly_score": 0.0,
    "raw_anomaly_score": 0.0,
    "probability": 0.0,
    "timestamp": T0,
    "bucket_span": 3_600,
    "is_interim": False,
}

ACCEPTED = [
    *accepted(
        "bucket",
        "scheduled_events",
        "AOP, BKT: an array accepts a value",
        ("maintenance", ["maintenance"]),
        ("", [""]),
        (np.str_("sale"), ["sale"]),
        (np.array("fair"), ["fair"]),
        (["a", "b"], ["a", "b"]),
        (("a",), ["a"]),
        rule=RULE,
    ),
    *accepted("bucket", "bucket_influencers", "AOP, BKT", ({}, [BARE]), ([{}], [BARE]), (({},), [BARE]), rule=RULE),
    *(
        row
        for name in ("typical", "actual")
        for row in accepted(
            "record",
            name,
            "AOP, REC: an array accepts a value",
            (5, [5.0]),
            (2.5, [2.5]),
            (-0.0, [0.0]),
            (5e-324, [5e-324]),
            (Decimal("0.1"), [0.1]),
            (np.float32(0.5), [0.5]),
            (np.array(5), [5.0]),
            rule=RULE,
        )
    ),
    *accepted(
        "record",
        "causes",
        "AOP, REC, CAUSE",
        ({}, [{}]),
        ({"b": 1, "a": None}, [{"b": 1, "a": None}]),
        ({"actual": 7}, [{"actual": [7.0]}]),
        ([{"typical": 5, "x": 1, "actual": 2.5}, {}], [{"typical": [5.0], "x": 1, "actual": [2.5]}, {}]),
        ([{"typical": np.float32(0.5), "actual": Decimal(3)}], [{"typical": [0.5], "actual": [3.0]}]),
        ([{"typical": -0.0}], [{"typical": [0.0]}]),
        (
            {"influencers": {"influencer_field_name": "host", "influencer_field_values": "a"}},
            [{"influencers": [{"influencer_field_name": "host", "influencer_field_values": ["a"]}]}],
        ),
        (
            [{}, {"influencers": [{"influencer_field_values": "a"}, {"x": 1}], "typical": 5}],
            [{}, {"influencers": [{"influencer_field_values": ["a"]}, {"x": 1}], "typical": [5.0]}],
        ),
        rule=RULE,
    ),
    *accepted(
        "record",
        "causes",
        "9.7: as it was stored",
        ([{"typical": [5, 5.0], "actual": []}], [{"typical": [5, 5.0], "actual": []}]),
        ([{"typical": None, "actual": (1,)}], [{"typical": None, "actual": [1]}]),
        ([{"function": "mean", "probability": 1}], [{"function": "mean", "probability": 1}]),
        ([{"deep": {"typical": 5, "actual": "x"}}], [{"deep": {"typical": 5, "actual": "x"}}]),
        ([{"influencers": None}, {"influencers": []}], [{"influencers": None}, {"influencers": []}]),
        ([{"influencers": [5, "x", None]}], [{"influencers": [5, "x", None]}]),
        (
            [{"influencers": [{"influencer_field_values": [5, None]}, {"influencer_field_values": None}]}],
            [{"influencers": [{"influencer_field_values": [5, None]}, {"influencer_field_values": None}]}],
        ),
        rule=RULE,
    ),
    *accepted(
        "record",
        "influencers",
        "AOP, REC, INFL",
        ({}, [{}]),
        (
            {"influencer_field_name": "host", "influencer_field_values": "a"},
            [{"influencer_field_name": "host", "influencer_field_values": ["a"]}],
        ),
        (
            [{"influencer_field_values": "", "x": 1}, {"influencer_field_values": ["b"]}],
            [{"influencer_field_values": [""], "x": 1}, {"influencer_field_values": ["b"]}],
        ),
        ([{"influencer_field_values": None}], [{"influencer_field_values": None}]),
        ([{"influencer_field_values": np.array("a")}], [{"influencer_field_values": ["a"]}]),
        rule=RULE,
    ),
    *accepted("record", "geo_results", "9.9: as it was stored", ({"typical": 5}, {"typical": 5}), rule=RULE),
    *accepted("record", "extra", "20.unknown-fields: as it was stored", (5, 5), ("a", "a"), ({}, {}), rule=RULE),
]


@each_row(ACCEPTED)
def test_single_value_is_a_list_of_one(row: Accepted) -> None:
    """A single value is stored as a list of one in the fields that the rule names, in batches of every size."""
    assert_accepted(row, SIZES)


SHOWN = [
    Shown(
        RULE,
        "every list of a record is a single value",
        record(
            0,
            typical=1,
            actual=2,
            causes={"actual": 7},
            influencers={"influencer_field_name": "host", "influencer_field_values": "a"},
        ),
        {
            "job_id": "web",
            "result_type": "record",
            "probability": 0.0,
            "record_score": 0.0,
            "initial_record_score": 0.0,
            "bucket_span": 3_600,
            "detector_index": 0,
            "is_interim": False,
            "timestamp": 0,
            "typical": [1.0],
            "actual": [2.0],
            "causes": [{"actual": [7.0]}],
            "influencers": [{"influencer_field_name": "host", "influencer_field_values": ["a"]}],
            "host": ["a"],
        },
        "AOP, REC",
    ),
    Shown(
        RULE,
        "the lists of a record are null",
        record(0, typical=None, actual=None, causes=None, influencers=None),
        {
            "job_id": "web",
            "result_type": "record",
            "probability": 0.0,
            "record_score": 0.0,
            "initial_record_score": 0.0,
            "bucket_span": 3_600,
            "detector_index": 0,
            "is_interim": False,
            "timestamp": 0,
        },
        "ours: null stays a missing list",
    ),
    Shown(
        RULE,
        "every list of a bucket is a single value",
        bucket(0, scheduled_events="sale", bucket_influencers={"influencer_field_name": "host", "anomaly_score": 80}),
        {
            "job_id": "web",
            "timestamp": 0,
            "anomaly_score": 0.0,
            "bucket_span": 3_600,
            "initial_anomaly_score": 0.0,
            "event_count": 0,
            "is_interim": False,
            "bucket_influencers": [
                {
                    "job_id": "web",
                    "result_type": "bucket_influencer",
                    "influencer_field_name": "host",
                    "initial_anomaly_score": 0.0,
                    "anomaly_score": 80.0,
                    "raw_anomaly_score": 0.0,
                    "probability": 0.0,
                    "timestamp": 0,
                    "bucket_span": 3_600,
                    "is_interim": False,
                }
            ],
            "processing_time_ms": 0,
            "scheduled_events": ["sale"],
            "result_type": "bucket",
        },
        "AOP, BKT",
    ),
    Shown(
        "9.7",
        "one number in a cause",
        record(0, causes=[{"function": "mean", "actual": 7, "typical": 2.5}]),
        {
            "job_id": "web",
            "result_type": "record",
            "probability": 0.0,
            "record_score": 0.0,
            "initial_record_score": 0.0,
            "bucket_span": 3_600,
            "detector_index": 0,
            "is_interim": False,
            "timestamp": 0,
            "causes": [{"function": "mean", "actual": [7.0], "typical": [2.5]}],
        },
        "CAUSE",
    ),
    Shown(
        "9.8",
        "one text in an influencer",
        record(0, influencers=[{"influencer_field_values": "a", "influencer_field_name": "host"}]),
        {
            "job_id": "web",
            "result_type": "record",
            "probability": 0.0,
            "record_score": 0.0,
            "initial_record_score": 0.0,
            "bucket_span": 3_600,
            "detector_index": 0,
            "is_interim": False,
            "timestamp": 0,
            "influencers": [{"influencer_field_values": ["a"], "influencer_field_name": "host"}],
            "host": ["a"],
        },
        "INFL",
    ),
]


@each_row(SHOWN)
def test_single_values_are_shown_as_lists(row: Shown) -> None:
    """The body shows lists, in batches of every size and in every way to give documents."""
    assert_shown(row, SIZES)
    assert_shown_in_every_way(row)


REFUSED = [
    *bad("bucket", "scheduled_events", "ours: an item is text", 5, 5.0, True, {"a": 1}, b"a", {"a"}, rule=RULE),
    *bad("bucket", "scheduled_events", "ours: no list", np.array(["a"]), iter(["a"]), rule=RULE),
    *bad("bucket", "bucket_influencers", "ours: an item is an object", "host", 5, True, {1}, rule=RULE),
    *bad("bucket", "bucket_influencers", "ours: no position", {"probability": "x"}, path=".probability", rule=RULE),
    *bad("bucket", "bucket_influencers", "ours: no position", {"event": 5}, path=".event", rule=RULE),
    *bad("bucket", "records", "ours: an item is an object", "x", 5, True, {1}, rule=RULE),
    *bad("bucket", "records", "ours: no position", {"record_score": "x"}, path=".record_score", rule=RULE),
    *(
        row
        for name in ("typical", "actual")
        for row in (
            *bad("record", name, "ours: an item is finite", "5", True, {"a": 1}, math.nan, 10**400, {5}, rule=RULE),
            *bad("record", name, "ours: no list", np.array([5.0]), rule=RULE),
            *bad(
                "record",
                "causes",
                "ours: a finite number",
                [{name: "x"}],
                [{name: True}],
                path=f"[0].{name}",
                rule=RULE,
            ),
            *bad(
                "record",
                "causes",
                "ours: a finite number",
                [{name: {}}],
                [{name: math.inf}],
                path=f"[0].{name}",
                rule=RULE,
            ),
            *bad("record", "causes", "ours: no position", {name: "x"}, path=f".{name}", rule=RULE),
        )
    ),
    *(
        row
        for name in ("causes", "influencers")
        for row in bad("record", name, "ours: objects", "x", 5, True, rule=RULE)
    ),
    *bad("record", "causes", "ours: no position", {"probability": math.nan}, path=".probability", rule=RULE),
    *bad(
        "record",
        "causes",
        "ours: objects",
        [{"influencers": "x"}],
        [{"influencers": 5}],
        path="[0].influencers",
        rule=RULE,
    ),
    *bad("record", "causes", "ours: no position", {"influencers": "x"}, path=".influencers", rule=RULE),
    *bad(
        "record",
        "causes",
        "ours: text",
        [{"influencers": {"influencer_field_values": 5}}],
        path="[0].influencers.influencer_field_values",
        rule=RULE,
    ),
    *bad(
        "record",
        "causes",
        "ours: text",
        [{"influencers": [{}, {"influencer_field_values": {}}]}],
        path="[0].influencers[1].influencer_field_values",
        rule=RULE,
    ),
    *bad(
        "record",
        "influencers",
        "INFL: text",
        [{"influencer_field_values": 5}],
        [{"influencer_field_values": {}}],
        [{"influencer_field_values": True}],
        path="[0].influencer_field_values",
        rule=RULE,
    ),
    *bad(
        "record",
        "influencers",
        "INFL: no position",
        {"influencer_field_values": 5},
        path=".influencer_field_values",
        rule=RULE,
    ),
    *bad(
        "record",
        "influencers",
        "INFL: a position in the list only",
        {"influencer_field_values": ["a", 5]},
        path=".influencer_field_values[1]",
        rule=RULE,
    ),
]


@each_row(REFUSED)
def test_single_value_that_is_no_item_is_refused(row: BadDocument) -> None:
    """The path of a bad single value has no position, in batches of every size."""
    assert_bad_document(row, SIZES)


def twice(claim: str, first: dict[str, Any], second: dict[str, Any]) -> History:
    """One result written with single values and then with lists: nothing changes."""
    is_bucket = first["result_type"] == "bucket"
    return History(
        RULE,
        claim,
        [[first], [second]],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1)],
        (1, 0, 0) if is_bucket else (0, 1, 0),
        "ours: stored as a list of one",
    )


UNCHANGED = [
    twice("an event", bucket(0, scheduled_events="a"), bucket(0, scheduled_events=["a"])),
    twice("a bucket influencer", bucket(0, bucket_influencers={}), bucket(0, bucket_influencers=[{}])),
    twice("typical and actual", record(0, typical=5, actual=2.5), record(0, typical=[5.0], actual=[2.5])),
    twice("a cause", record(0, causes={"actual": 7}), record(0, causes=[{"actual": [7.0]}])),
    twice(
        "an influencer",
        record(0, influencers={"influencer_field_values": "a"}),
        record(0, influencers=[{"influencer_field_values": ["a"]}]),
    ),
]


@each_row(UNCHANGED)
def test_list_of_one_equals_the_single_value(row: History) -> None:
    """A result written again with a list of one is unchanged."""
    assert_history(row)


TIMES = {"timestamp": [T0, T0 + 3_600_000], "bucket_span": 3_600}


def columns(claim: str, kind: Any, field: str, column: Any, values: tuple[Any, Any]) -> SameAs:
    """A column of two results, and their documents."""
    make = bucket if kind == "bucket" else record
    return SameAs(
        "20.columns",
        claim,
        kind,
        TIMES | {field: column},
        [make(time, **{field: value}) for time, value in zip(TIMES["timestamp"], values, strict=True)],  # type: ignore[call-overload]
        "20.single-values",
    )


COLUMNS = [
    columns("events", "bucket", "scheduled_events", ["sale", None], (["sale"], None)),
    columns("events as NumPy text", "bucket", "scheduled_events", np.array(["a", "b"]), (["a"], ["b"])),
    columns(
        "bucket influencers",
        "bucket",
        "bucket_influencers",
        [{"anomaly_score": 5}, [{}]],
        ([{"anomaly_score": 5}], [{}]),
    ),
    columns("typical", "record", "typical", [[1.0, 2.0], 5], ([1.0, 2.0], [5.0])),
    columns("typical as doubles", "record", "typical", np.array([1.0, 2.0]), ([1.0], [2.0])),
    columns("actual as integers", "record", "actual", np.array([1, 2]), ([1.0], [2.0])),
    columns("causes", "record", "causes", [{"actual": 7}, None], ([{"actual": [7.0]}], None)),
    columns(
        "influencers",
        "record",
        "influencers",
        [{"influencer_field_name": "host", "influencer_field_values": "a"}, []],
        ([{"influencer_field_name": "host", "influencer_field_values": ["a"]}], []),
    ),
]


@each_row(COLUMNS)
def test_column_of_single_values_stores_lists(row: SameAs) -> None:
    """A single value in a column of lists is stored as in a document."""
    assert_same_as(row)


@pytest.mark.parametrize("size", SIZES)
def test_fields_of_lists_may_be_single_values_in_some_documents(size: int) -> None:
    """20.single-values: in one batch some documents have lists, some single values, some neither."""
    values = (5, [5, 6], None, (7.0,), 8)
    given = [record(number, actual=values[number % len(values)], detector_index=1) for number in range(size)]
    expected = ([5.0], [5.0, 6.0], None, [7.0], [8.0])
    page = page_of(given, size)
    assert [found.get("actual") for found in page] == [expected[number % len(values)] for number in range(size)]


def page_of(given: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The bodies of these records in time order."""
    index = index_of(given)
    shown: list[dict[str, Any]] = index.get_records(job_id="web", sort="timestamp", desc=False, size=size).to_dict()[
        "records"
    ]
    return shown
