"""Our decisions on documents and unknown fields: the fields that only records or influencers have."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, Kind
from support.document_tables import (
    NO_NUMBER,
    T0,
    Accepted,
    BadDocument,
    accepted,
    assert_accepted,
    assert_bad_document,
    bad,
)
from support.semantics_tables import BY_SCORE, JOB, each_row, index_of, record

TEXTS: Mapping[Kind, tuple[str, ...]] = {
    "record": (
        "by_field_name",
        "by_field_value",
        "correlated_by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "function",
        "function_description",
        "field_name",
    ),
    "influencer": ("influencer_field_name", "influencer_field_value"),
}


ACCEPTED = [
    row
    for kind, fields in TEXTS.items()
    for field in fields
    for row in accepted(
        kind, field, "ours: text", ("a", "a"), ("", ""), ("\u00e9\U0001f600", "\u00e9\U0001f600"), ("a\x00", "a\x00")
    )
]
ACCEPTED += [
    *accepted(
        "record",
        "detector_index",
        "ours: integers inside int64",
        (0, 0),
        (5, 5),
        (5.0, 5),
        (-5, -5),
        (np.int8(-5), -5),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (None, 0),
    ),
    *(
        row
        for field in ("typical", "actual")
        for row in accepted(
            "record",
            field,
            "ours: a list of finite numbers",
            ([], []),
            ([5], [5.0]),
            ((1, 2.5, -0.0), [1.0, 2.5, 0.0]),
            ([np.float32(0.5), np.int64(3)], [0.5, 3.0]),
            ([5e-324], [5e-324]),
        )
    ),
    *accepted("record", "causes", "ours: a list of objects", ([], []), ([{}], [{}]), (({"a": "x"},), [{"a": "x"}])),
    *accepted(
        "record",
        "influencers",
        "ours: a list of objects",
        ([], []),
        ([{}], [{}]),
        ([{"influencer_field_values": ()}], [{"influencer_field_values": []}]),
    ),
    *accepted("record", "geo_results", "ours: an object", ({}, {}), ({"a": [1]}, {"a": [1]})),
    *accepted("record", "anomaly_score_explanation", "ours: an object", ({}, {}), ({"a": None}, {"a": None})),
]


def nested(levels: int) -> Any:
    """The number 1 inside this many lists."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


UNKNOWN_FIELDS = [
    Accepted("20.unknown-fields", kind, "extra", value, shown, source)
    for kind in BY_SCORE
    for value, shown, source in (
        (None, None, "ours: null included"),
        (True, True, "ours: JSON"),
        (5, 5, "ours: JSON"),
        (2**63 - 1, 2**63 - 1, "ours: integers inside int64"),
        (-(2**63), -(2**63), "ours: integers inside int64"),
        (5.5, 5.5, "ours: JSON"),
        (1e300, 1e300, "ours: finite"),
        (5.0, 5.0, "ours: shown as it was stored"),
        ("", "", "ours: JSON"),
        ([], [], "ours: JSON"),
        ((1, ("a", None)), [1, ["a", None]], "ours: a tuple becomes a list"),
        ({}, {}, "ours: JSON"),
        ({"": {"b": 1, "a": [{}]}}, {"": {"b": 1, "a": [{}]}}, "ours: keys keep their order"),
        (np.int16(5), 5, "ours: a NumPy number becomes a Python number"),
        (np.float64(5.0), 5.0, "ours: a NumPy number becomes a Python number"),
        (np.float32(0.5), 0.5, "ours: a NumPy number becomes a Python number"),
        (nested(90), nested(90), "ours: up to 100 levels"),
    )
]


@each_row(ACCEPTED, UNKNOWN_FIELDS)
def test_value_is_stored_and_shown(row: Accepted) -> None:
    """A value that the field accepts is stored, and shown as the API shows it; unknown fields come back as stored."""
    assert_accepted(row)


BAD_VALUES = [
    *(
        row
        for kind, fields in TEXTS.items()
        for field in fields
        for row in bad(kind, field, "ours: text or null", 5, True, b"a", ["a"], {})
    ),
    *bad("record", "detector_index", "ours: integers inside int64", *NO_NUMBER, 1.5, 2**63, -(2**63) - 1, 1e300),
]
BAD_VALUES += [
    *(
        row
        for field in ("typical", "actual")
        for row in (
            *bad("record", field, "ours: a number or a list", "5", {"a": 1}, True),
            *bad(
                "record",
                field,
                "ours: of finite numbers",
                ["5"],
                [None],
                [True],
                [[5]],
                [math.nan],
                [10**400],
                path="[0]",
            ),
            *bad("record", field, "ours: of finite numbers", [1.0, math.inf], [1.0, "x"], path="[1]"),
        )
    ),
    *(
        row
        for field in ("causes", "influencers")
        for row in (
            *bad("record", field, "ours: an object or a list", "x", 5, True),
            *bad("record", field, "ours: of objects", [None], ["x"], [5], [[{}]], path="[0]"),
            *bad("record", field, "ours: of objects", [{}, "x"], path="[1]"),
        )
    ),
    *bad(
        "record",
        "causes",
        "ours: JSON",
        [{"probability": math.nan}],
        [{"probability": math.inf}],
        path="[0].probability",
    ),
    *bad("record", "causes", "ours: JSON", [{}, {"typical": [1, math.nan]}], path="[1].typical[1]"),
    *bad("record", "causes", "ours: JSON", [{"when": datetime(2020, 1, 1, tzinfo=UTC)}], path="[0].when"),
    *bad("record", "causes", "ours: integers inside int64", [{"a": {"b": 2**63}}], path="[0].a.b"),
    *bad(
        "record",
        "influencers",
        "INFL: text",
        [{"influencer_field_name": 5}],
        [{"influencer_field_name": ["host"]}],
        path="[0].influencer_field_name",
    ),
    *bad(
        "record",
        "influencers",
        "INFL: text or a list of texts",
        [{"influencer_field_values": 5}],
        [{"influencer_field_values": {}}],
        path="[0].influencer_field_values",
    ),
    *bad(
        "record",
        "influencers",
        "INFL: a list of texts",
        [{"influencer_field_values": ["a", 5]}],
        [{"influencer_field_values": ["a", None]}],
        path="[0].influencer_field_values[1]",
    ),
    *bad("record", "influencers", "ours: JSON", [{}, {"extra": math.nan}], path="[1].extra"),
    *(
        row
        for field in ("geo_results", "anomaly_score_explanation")
        for row in (
            *bad("record", field, "ours: an object", "1,2", 5, [], [{}], True),
            *bad("record", field, "ours: JSON", {"a": math.nan}, {"a": b"x"}, {"a": {1, 2}}, path=".a"),
            *bad("record", field, "ours: JSON", {"a": [{"b": 1e400}]}, path=".a[0].b"),
        )
    ),
]
BAD_VALUES += [
    row
    for kind in BY_SCORE
    for row in (
        *bad(
            kind, "extra", "ours: JSON", math.nan, -math.inf, b"x", {1, 2}, 5j, object, datetime(2020, 1, 1, tzinfo=UTC)
        ),
        *bad(kind, "extra", "ours: integers inside int64", 2**63, -(2**63) - 1, 10**400),
        *bad(kind, "extra", "ours: NumPy scalars only", np.array([1, 2]), np.datetime64("2020-01-01")),
        *bad(kind, "extra", "ours: JSON", {"name": math.nan}, {"name": {"x"}}, path=".name"),
        *bad(kind, "extra", "ours: JSON", [0, (1, math.nan)], path="[1][1]"),
        *bad(kind, "extra", "ours: JSON", {"a": [{"b": [np.float32("inf")]}]}, path=".a[0].b[0]"),
    )
]


@each_row(BAD_VALUES)
def test_batch_with_a_bad_value_is_refused(row: BadDocument) -> None:
    """The error has the position and path of the bad value, and no document of the batch is stored."""
    assert_bad_document(row)


@pytest.mark.parametrize(
    "value", [nested(110), {"a": nested(110)}, [{"a": nested(5_000)}]], ids=["list", "object", "deep"]
)
@pytest.mark.parametrize("field", ["extra", "causes"])
def test_value_that_is_too_deep_is_refused(field: str, value: Any) -> None:
    """Section 20, documents: a value more than 100 levels deep is refused, and the error names a path in the field."""
    index = index_of([])
    if field == "causes":
        value = [{"a": value}]
    with pytest.raises(InvalidDocument) as caught:
        index.upsert([record(T0), record(T0 + 1, **{field: value})])
    assert (caught.value.field or "").startswith(f"documents[1].{field}")
    assert index.get_records(job_id=JOB).count == 0


@pytest.mark.parametrize("key", [5, None, b"a", ("a",)])
@pytest.mark.parametrize("field", ["extra", "geo_results"])
def test_key_that_is_not_text_is_refused(field: str, key: Any) -> None:
    """Section 20, documents: an object with a key that is not text is refused."""
    with pytest.raises(InvalidDocument) as caught:
        index_of([]).upsert([record(T0, **{field: {"a": 1, key: 2}})])
    assert (caught.value.field or "").startswith(f"documents[0].{field}")
