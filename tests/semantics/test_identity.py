"""Rule 12.1, and our decisions on identity: which documents are the same result, and how it is replaced."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from bucketquery import Kind, ResultsIndex
from support.semantics_tables import CALLS, JOB, assert_same_body, each_row, identity, index_of, influencer, record

JUNE_1 = 1_464_739_200_000


@dataclass(frozen=True, slots=True)
class Twice:
    """Two documents written in order, and whether they are one result or two.

    Attributes:
        rule: its number.
        claim: what the row says.
        first: the document written first.
        second: the document written next.
        one: whether the second is the same result: it replaces the first, or changes nothing if its values are equal.
        source: where the rule comes from.
        replaced: whether a stored value differs.
    """

    rule: str
    claim: str
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    one: bool
    source: str
    _: KW_ONLY
    replaced: bool = True


one = partial(Twice, one=True)
two = partial(Twice, one=False)

#: A record with every field of its identity.
WHOLE = record(
    JUNE_1,
    detector_index=1,
    by_field_name="airline",
    by_field_value="AAL",
    over_field_name="user",
    over_field_value="ann",
    partition_field_name="zone",
    partition_field_value="east",
    function="mean",
    record_score=5.0,
)

RECORDS = [
    two("12.1", f"another {name}", WHOLE, WHOLE | {name: value}, source="REC.getId")
    for name, value in (
        ("job_id", "db"),
        ("timestamp", JUNE_1 + 1),
        ("bucket_span", 60),
        ("detector_index", 2),
        ("by_field_value", "UAL"),
        ("over_field_value", "bob"),
        ("partition_field_value", "west"),
    )
] + [
    one("12.1", f"{name} is not part of the identity", WHOLE, WHOLE | {name: value}, source="REC.getId")
    for name, value in (
        ("by_field_name", "carrier"),
        ("over_field_name", "person"),
        ("partition_field_name", "area"),
        ("function", "max"),
        ("field_name", "response"),
        ("is_interim", True),
        ("record_score", 6.0),
        ("probability", 0.5),
        ("causes", [{}]),
        ("airline", ["x"]),
    )
]
RECORDS += [
    one("20.identity", "an absent detector is detector 0", record(0), record(0, detector_index=0), source="ours"),
    one("20.identity", "detector 0 is an absent one", record(0, detector_index=0), record(0), source="ours"),
    one(
        "20.identity",
        "a null detector is an absent one",
        record(0, detector_index=None),
        record(0),
        source="ours: null is missing",
        replaced=False,
    ),
    one(
        "20.identity",
        "detector 1 as a float",
        record(0, detector_index=1),
        record(0, detector_index=1.0),
        source="ours",
        replaced=False,
    ),
    two("20.identity", "detector -1", record(0), record(0, detector_index=-1), source="ours"),
    two(
        "20.identity",
        "detectors are exact",
        record(0, detector_index=2**53),
        record(0, detector_index=2**53 + 1),
        source="ours",
    ),
]
RECORDS += [
    row
    for side in ("by", "over", "partition")
    for value in [f"{side}_field_value"]
    for row in (
        two(
            "20.identity",
            f"{side}: absent and empty text",
            record(0),
            record(0, **{value: ""}),
            source="ours: an absent value differs from every value",
        ),
        one(
            "20.identity",
            f"{side}: absent and null",
            record(0),
            record(0, **{value: None}),
            source="ours: null is missing",
            replaced=False,
        ),
        two("20.identity", f"{side}: a capital", record(0, **{value: "a"}), record(0, **{value: "A"}), source="ours"),
        two("20.identity", f"{side}: a blank", record(0, **{value: "a"}), record(0, **{value: "a "}), source="ours"),
        two(
            "20.identity",
            f"{side}: a zero byte",
            record(0, **{value: "a"}),
            record(0, **{value: "a\x00"}),
            source="ours",
        ),
        two(
            "20.identity",
            f"{side}: equal glyphs, other code points",
            record(0, **{value: "\u00e9"}),
            record(0, **{value: "e\u0301"}),
            source="ours: exact text",
        ),
        two(
            "20.identity",
            f"{side}: equal hashes in Java",
            record(0, **{value: "Aa"}),
            record(0, **{value: "BB"}),
            source="ours: exact values, not hashes",
        ),
    )
]
RECORDS += [
    two(
        "20.identity",
        "an equal value of another side",
        record(0, by_field_value="a"),
        record(0, over_field_value="a"),
        source="ours",
    ),
    two(
        "20.identity",
        "the values of the sides are not concatenated",
        record(0, by_field_value="ab", over_field_value="c"),
        record(0, by_field_value="a", over_field_value="bc"),
        source="ours",
    ),
    two(
        "20.identity",
        "the sides are not swapped",
        record(0, by_field_value="a", partition_field_value="b"),
        record(0, by_field_value="b", partition_field_value="a"),
        source="ours",
    ),
    one(
        "20.identity",
        "the same instant, written differently",
        record(JUNE_1, bucket_span=60),
        record(0, bucket_span=np.float64(60)) | {"timestamp": "2016-06-01T02:00+02:00"},
        source="ours: exact values",
        replaced=False,
    ),
    one(
        "20.identity",
        "the same instant as a datetime",
        record(JUNE_1),
        record(0) | {"timestamp": datetime(2016, 6, 1, tzinfo=UTC)},
        source="ours: exact values",
        replaced=False,
    ),
]

HOST = influencer(JUNE_1, "a", influencer_score=5.0)
INFLUENCERS = [
    two("12.1", f"influencer, another {name}", HOST, HOST | {name: value}, source="INFR.getId")
    for name, value in (
        ("job_id", "db"),
        ("timestamp", JUNE_1 + 1),
        ("bucket_span", 60),
        ("influencer_field_name", "user"),
        ("influencer_field_value", "b"),
    )
] + [
    one("12.1", f"influencer, {name} is not part of the identity", HOST, HOST | {name: value}, source="INFR.getId")
    for name, value in (("is_interim", True), ("influencer_score", 6.0), ("probability", 0.5), ("host", "b"))
]
INFLUENCERS += [
    two("20.identity", f"influencer: {claim}", influencer(0, **first), influencer(0, **second), source=source)
    for claim, first, second, source in (
        (
            "no value and an empty value",
            {"influencer_field_name": "h"},
            {"influencer_field_name": "h", "influencer_field_value": ""},
            "ours",
        ),
        (
            "no name and an empty name",
            {"influencer_field_value": "a"},
            {"influencer_field_name": "", "influencer_field_value": "a"},
            "ours",
        ),
        ("neither name nor value, and a name", {}, {"influencer_field_name": "h"}, "ours"),
        ("a zero byte", {"influencer_field_value": "a"}, {"influencer_field_value": "a\x00"}, "ours"),
        (
            "equal hashes in Java",
            {"influencer_field_value": "Aa"},
            {"influencer_field_value": "BB"},
            "ours: not hashes",
        ),
        (
            "name and value are not concatenated",
            {"influencer_field_name": "ab", "influencer_field_value": "c"},
            {"influencer_field_name": "a", "influencer_field_value": "bc"},
            "ours",
        ),
    )
] + [
    one(
        "20.identity",
        "influencer: no value and null",
        influencer(0, influencer_field_name="h"),
        influencer(0, influencer_field_name="h", influencer_field_value=None),
        source="ours: null is missing",
        replaced=False,
    )
]


@each_row(RECORDS, INFLUENCERS)
def test_second_document_is_the_same_result_or_another(row: Twice) -> None:
    """The second document replaces the whole first result, or is a result of its own."""
    kind: Kind = row.first["result_type"]
    index = ResultsIndex()
    assert index.upsert([row.first]).inserted == 1
    commit = index.upsert([row.second])
    expected = (0, int(row.replaced), int(not row.replaced)) if row.one else (1, 0, 0)
    assert (commit.inserted, commit.replaced, commit.unchanged) == expected
    both = index_of([])
    commit = both.upsert([row.first, row.second])
    assert (commit.inserted, commit.replaced, commit.unchanged) == ((1, 0, 0) if row.one else (2, 0, 0))
    alone = index_of([row.second] if row.one else [row.first, row.second])
    for job_id in {row.first["job_id"], row.second["job_id"]}:
        bodies = [getattr(each, CALLS[kind])(job_id=job_id).to_dict() for each in (index, both, alone)]
        assert_same_body(bodies[0], bodies[2])
        assert_same_body(bodies[1], bodies[2])


@dataclass(frozen=True, slots=True)
class Known:
    """A document, and its identity as `page.keys()` shows it."""

    rule: str
    claim: str
    given: Mapping[str, Any]
    expected: tuple[Any, ...]
    source: str


KEYS = [
    Known(
        "20.pages", "a record with every field", WHOLE, ("web", JUNE_1, 3_600, 1, "AAL", "ann", "east"), "20.identity"
    ),
    Known("20.pages", "a record without fields", record(0), ("web", 0, 3_600, 0, None, None, None), "20.identity"),
    Known(
        "20.pages",
        "an empty text",
        record(-1, by_field_value="", detector_index=None),
        ("web", -1, 3_600, 0, "", None, None),
        "20.identity",
    ),
    Known("20.pages", "an influencer", HOST, ("web", JUNE_1, 3_600, "host", "a"), "20.identity"),
    Known("20.pages", "an influencer without a name", influencer(0), ("web", 0, 3_600, None, None), "20.identity"),
]


@each_row(KEYS)
def test_keys_are_identities(row: Known) -> None:
    """The key of a record or an influencer is its identity, as Python values."""
    keys = getattr(index_of([row.given]), CALLS[row.given["result_type"]])(job_id=JOB).keys()
    assert keys == (row.expected,)
    assert [type(part) for part in keys[0]] == [type(part) for part in row.expected]
    assert keys[0] == identity(row.given)


def test_record_is_replaced_as_a_whole() -> None:
    """Rule 12.1: if the new document lacks a column, a list, an object or an unknown key, the record loses it."""
    index = index_of([WHOLE | {"typical": [1.0], "causes": [{}], "geo_results": {"a": 1}, "extra": 1, "airline": "x"}])
    index.upsert(
        [record(JUNE_1, detector_index=1, by_field_value="AAL", over_field_value="ann", partition_field_value="east")]
    )
    page = index.get_records(job_id=JOB)
    assert page.count == 1
    assert list(page.to_dict()["records"][0]) == [
        "job_id",
        "result_type",
        "probability",
        "record_score",
        "initial_record_score",
        "bucket_span",
        "detector_index",
        "is_interim",
        "timestamp",
        "by_field_value",
        "partition_field_value",
        "over_field_value",
    ]
    assert page[0].record_score == 0.0
