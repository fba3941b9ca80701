"""Our decision on documents, and rules 9.2, 9.6 and 9.11: the fields that results of every kind have."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from bucketquery import Kind
from support.document_tables import (
    FIRST_MS,
    LAST_MS,
    NO_NUMBER,
    T0,
    Accepted,
    BadDocument,
    accepted,
    assert_accepted,
    assert_bad_document,
    bad,
)
from support.semantics_tables import CALLS, each_row, result

#: The fields of each kind that hold a double.
DOUBLES: Mapping[Kind, tuple[str, ...]] = {
    "bucket": ("anomaly_score", "initial_anomaly_score"),
    "record": ("record_score", "initial_record_score", "probability", "multi_bucket_impact"),
    "influencer": ("influencer_score", "initial_influencer_score", "probability"),
}

TIMESTAMPS = (
    (T0, T0),
    (float(T0), T0),
    (np.int64(T0), T0),
    (np.float64(T0), T0),
    (np.uint64(T0), T0),
    (0, 0),
    (-1, -1),
    (-1.0, -1),
    (-0.0, 0),
    (2020, 2020),
    (FIRST_MS, FIRST_MS),
    (LAST_MS, LAST_MS),
    ("2020-01-01", T0),
    ("2020-01", T0),
    ("2020-01-01T", T0),
    ("2020-01-01T00", T0),
    ("2020-01-01T00:00Z", T0),
    ("2020-01-01T01:00:00+01:00", T0),
    ("2020-01-01T00:00:00.250Z", T0 + 250),
    ("2020-01-01T00:00:00,25UTC", T0 + 250),
    ("1969-12-31T23:59:59.999Z", -1),
    ("0001-01-01", FIRST_MS),
    ("9999-12-31T23:59:59.999Z", LAST_MS),
    (datetime(2020, 1, 1, tzinfo=UTC), T0),
    (datetime(2019, 12, 31, 19, tzinfo=timezone(timedelta(hours=-5))), T0),
    (np.datetime64("2020-01-01", "D"), T0),
    (np.datetime64("2020", "Y"), T0),
    (np.datetime64("2020-01-01T00:00:00.250000000", "ns"), T0 + 250),
)
SPANS = (
    (1, 1),
    (3_600, 3_600),
    (3_600.0, 3_600),
    (900.0, 900),
    (np.int16(900), 900),
    (np.float32(900), 900),
    (7 * 86_400, 604_800),
    (2**63 - 1, 2**63 - 1),
)
NUMBERS = (
    (0, 0.0),
    (50, 50.0),
    (50.5, 50.5),
    (-5.0, -5.0),
    (-5.5, -5.5),
    (150, 150.0),
    (-0.0, 0.0),
    (5e-324, 5e-324),
    (1.7976931348623157e308, 1.7976931348623157e308),
    (np.float64(50.5), 50.5),
    (np.float32(50.5), 50.5),
    (np.int64(50), 50.0),
    (np.uint8(50), 50.0),
)
BOOLS = ((True, True), (False, False), (np.bool_(True), True), (None, False))

ACCEPTED = [
    row
    for kind in CALLS
    for row in (
        *accepted(
            kind,
            "timestamp",
            "ours: epoch ms, calendar text, aware datetime, datetime64; years 0001 to 9999",
            *TIMESTAMPS,
        ),
        *accepted(kind, "bucket_span", "ours: at least 1, inside int64", *SPANS),
        *accepted(kind, "is_interim", "ours: bools", *BOOLS),
    )
] + [
    row
    for kind, fields in DOUBLES.items()
    for field in fields
    for row in (
        *accepted(kind, field, "ours: finite numbers, no other range check", *NUMBERS),
        # `multi_bucket_impact` has no default: a record without it does not show it.
        *(accepted(kind, field, "ours: null is missing", (None, 0.0)) if field != "multi_bucket_impact" else ()),
    )
]


@each_row(ACCEPTED)
def test_value_is_stored_and_shown(row: Accepted) -> None:
    """A value that the field accepts is stored, and shown as the API shows it: scores as doubles, spans as ints."""
    assert_accepted(row)


def bad_fields(kind: Kind) -> list[BadDocument]:
    """The rows about the fields that every kind has."""
    years = "ours: years 0001 to 9999"
    return [
        *bad(kind, "timestamp", "ours: required", None),
        *bad(kind, "timestamp", "ours", True, 1.5, math.nan, math.inf, [T0], {}, b"2020-01-01", np.datetime64("NaT")),
        *bad(kind, "timestamp", years, FIRST_MS - 1, LAST_MS + 1, -(2**63), 2**63, 10**30, 1e300),
        *bad(kind, "timestamp", years, "0000-01-01", "9999-12-31T23:59:59-01:00", "0001-01-01T00+01"),
        *bad(kind, "timestamp", years, np.datetime64("0000-12-31", "D"), np.datetime64(10**9, "Y")),
        *bad(
            kind,
            "timestamp",
            "ours: calendar text only",
            "2020",
            str(T0),
            "-1",
            "now",
            "now/d",
            "2020-01-01||/d",
            "5000",
        ),
        *bad(
            kind,
            "timestamp",
            "1.6",
            "",
            "2020-01-01 00:00",
            "2020-02-30",
            " 2020-01-01",
            "2020-01-01\n",
            "soon",
            "2020-1-1",
        ),
        *bad(kind, "timestamp", "ours: a naive datetime", datetime(2020, 1, 1)),  # noqa: DTZ001 - naive is what is refused
        *bad(kind, "bucket_span", "ours: required", None),
        *bad(kind, "bucket_span", "ours: at least 1", 0, -1, 0.0, -(2**63)),
        *bad(
            kind,
            "bucket_span",
            "ours: integers inside int64",
            0.5,
            3_600.5,
            2**63,
            10**30,
            9_223_372_036_854_775_808.0,
        ),
        *bad(kind, "bucket_span", "ours: numbers", *NO_NUMBER, "60", "1h"),
        *bad(
            kind,
            "job_id",
            "ours: required text",
            None,
            5,
            b"web",
            ["web"],
            "",
            "a b",
            "a,b",
            "w*",
            "_all",
            "-web",
            "x" * 256,
        ),
        *bad(kind, "is_interim", "ours: bools", 0, 1, 1.0, "true", "false", "yes", []),
        *bad(kind, "result_type", "ours: text", 5, True, [kind]),
    ]


BAD_VALUES = [row for kind in CALLS for row in bad_fields(kind)] + [
    row
    for kind, fields in DOUBLES.items()
    for field in fields
    for row in bad(kind, field, "ours: finite numbers", *NO_NUMBER, 10**400)
]

#: For each kind, the rule about its fields, and the code of the server's class that defines them.
SHAPES: Mapping[Kind, tuple[str, str]] = {
    "bucket": ("9.2", "BKT"),
    "record": ("9.6", "REC"),
    "influencer": ("9.11", "INFR"),
}
REQUIRED = [
    BadDocument(
        rule,
        f"{kind} without {field}",
        [{name: value for name, value in result(kind, T0).items() if name != field}],
        f"documents[0].{field}",
        source,
    )
    for kind, (rule, source) in SHAPES.items()
    for field in ("job_id", "timestamp", "bucket_span")
]


@each_row(BAD_VALUES, REQUIRED)
def test_batch_with_a_bad_value_is_refused(row: BadDocument) -> None:
    """A bad value is refused with its position and path, and no document of the batch is stored."""
    assert_bad_document(row)
