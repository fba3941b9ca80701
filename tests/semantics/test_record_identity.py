"""Rule 12.1, and our decisions on identity and commits: what is the same record, the same influencer, the same kind."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidDocument, Kind, ResultsIndex
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    assert_same_body,
    bucket,
    each_row,
    identity,
    index_of,
    influencer,
    record,
)

HOUR = 3_600_000
JUNE_1 = 1_464_739_200_000


@dataclass(frozen=True, slots=True)
class Twice:
    """Two documents, one after the other, and whether they are one result or two.

    Attributes:
        rule: its number.
        claim: what the row says.
        first: the document written first.
        second: the one written then.
        one: whether the second replaces the first, or leaves it as it is if it says the same.
        source: where the rule comes from.
        replaced: whether some stored value differs.
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

#: A record that says everything that its identity is made of.
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
    one("12.1", f"{name} is no part of it", WHOLE, WHOLE | {name: value}, source="REC.getId")
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
            source="ours: absent is none",
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
            f"{side}: looks alike, composed otherwise",
            record(0, **{value: "\u00e9"}),
            record(0, **{value: "e\u0301"}),
            source="ours: exact text",
        ),
        two(
            "20.identity",
            f"{side}: one hash in Java",
            record(0, **{value: "Aa"}),
            record(0, **{value: "BB"}),
            source="ours: exact values, not hashes",
        ),
    )
]
RECORDS += [
    two(
        "20.identity",
        "one value, another side",
        record(0, by_field_value="a"),
        record(0, over_field_value="a"),
        source="ours",
    ),
    two(
        "20.identity",
        "sides are not joined",
        record(0, by_field_value="ab", over_field_value="c"),
        record(0, by_field_value="a", over_field_value="bc"),
        source="ours",
    ),
    two(
        "20.identity",
        "sides are not swapped",
        record(0, by_field_value="a", partition_field_value="b"),
        record(0, by_field_value="b", partition_field_value="a"),
        source="ours",
    ),
    one(
        "20.identity",
        "one instant, however it is written",
        record(JUNE_1, bucket_span=60),
        record(0, bucket_span=np.float64(60)) | {"timestamp": "2016-06-01T02:00+02:00"},
        source="ours: exact values",
        replaced=False,
    ),
    one(
        "20.identity",
        "one instant as a datetime",
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
    one("12.1", f"influencer, {name} is no part of it", HOST, HOST | {name: value}, source="INFR.getId")
    for name, value in (("is_interim", True), ("influencer_score", 6.0), ("probability", 0.5), ("host", "b"))
]
INFLUENCERS += [
    two("20.identity", f"influencer: {claim}", influencer(0, **first), influencer(0, **second), source=source)
    for claim, first, second, source in (
        (
            "no value and an empty one",
            {"influencer_field_name": "h"},
            {"influencer_field_name": "h", "influencer_field_value": ""},
            "ours",
        ),
        (
            "no name and an empty one",
            {"influencer_field_value": "a"},
            {"influencer_field_name": "", "influencer_field_value": "a"},
            "ours",
        ),
        ("neither", {}, {"influencer_field_name": "h"}, "ours"),
        ("a zero byte", {"influencer_field_value": "a"}, {"influencer_field_value": "a\x00"}, "ours"),
        ("one hash in Java", {"influencer_field_value": "Aa"}, {"influencer_field_value": "BB"}, "ours: not hashes"),
        (
            "name and value are not joined",
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
    """The second document replaces the first, or stands beside it, and nothing of the first is left where it does."""
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
    """A document and its identity, as `page.keys()` has it."""

    rule: str
    claim: str
    given: Mapping[str, Any]
    expected: tuple[Any, ...]
    source: str


KEYS = [
    Known(
        "20.pages", "a record that says it all", WHOLE, ("web", JUNE_1, 3_600, 1, "AAL", "ann", "east"), "20.identity"
    ),
    Known("20.pages", "a record that says nothing", record(0), ("web", 0, 3_600, 0, None, None, None), "20.identity"),
    Known(
        "20.pages",
        "empty text is text",
        record(-1, by_field_value="", detector_index=None),
        ("web", -1, 3_600, 0, "", None, None),
        "20.identity",
    ),
    Known("20.pages", "an influencer", HOST, ("web", JUNE_1, 3_600, "host", "a"), "20.identity"),
    Known("20.pages", "an influencer without a name", influencer(0), ("web", 0, 3_600, None, None), "20.identity"),
]


@each_row(KEYS)
def test_keys_are_identities(row: Known) -> None:
    """The key of a record and of an influencer is its identity, in plain Python values."""
    keys = getattr(index_of([row.given]), CALLS[row.given["result_type"]])(job_id=JOB).keys()
    assert keys == (row.expected,)
    assert [type(part) for part in keys[0]] == [type(part) for part in row.expected]
    assert keys[0] == identity(row.given)


# ---- what a write reports --------------------------------------------------------------------------------------------

Batch = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Wrote:
    """What a commit reports: its sequence, then inserted, replaced and unchanged."""

    sequence: int
    inserted: int
    replaced: int
    unchanged: int
    _: KW_ONLY
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """Batches, one after the other, what each commit reports, and how many of each kind there are in the end."""

    rule: str
    claim: str
    batches: list[Batch]
    commits: list[Wrote]
    rows: tuple[int, int, int]
    source: str


HISTORIES = [
    History(
        "12.1",
        "one instant, three kinds, three results",
        [[bucket(0), record(0), influencer(0, "a")]],
        [Wrote(1, 3, 0, 0)],
        (1, 1, 1),
        "BKT, REC, INFR",
    ),
    History(
        "20.commits",
        "kinds in any order, counted together",
        [[influencer(0, "a"), record(0), bucket(0)], [bucket(0), record(0, record_score=1.0), influencer(0, "b")]],
        [Wrote(1, 3, 0, 0), Wrote(2, 1, 1, 1)],
        (1, 1, 2),
        "ours",
    ),
    History(
        "20.identity",
        "the last of a batch wins, counted once",
        [[record(0, record_score=1.0), influencer(0, "a"), record(0, record_score=2.0), record(0, detector_index=0)]],
        [Wrote(1, 2, 0, 0)],
        (0, 1, 1),
        "ours",
    ),
    History(
        "20.commits",
        "the same again",
        [[record(0, causes=[{"a": 1}], extra=[1])], [record(0, causes=({"a": 1},), extra=(1,))]],
        [Wrote(1, 1, 0, 0), Wrote(1, 0, 0, 1)],
        (0, 1, 0),
        "ours: what changes nothing publishes nothing",
    ),
    History(
        "20.commits",
        "skipped beside stored, by their types",
        [[record(0), {"result_type": "model_plot"}, influencer(0, "a"), {"result_type": "bucket_influencer"}, {}]],
        [Wrote(1, 2, 0, 0, skipped={"model_plot": 1, "bucket_influencer": 1, "": 1})],
        (0, 1, 1),
        "ours",
    ),
]


def again(claim: str, first: dict[str, Any], second: dict[str, Any], *, replaced: bool, source: str) -> History:
    """One record written twice: replaced if some stored value differs, else unchanged."""
    return History(
        "20.commits",
        claim,
        [[record(0) | first], [record(0) | second]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0) if replaced else Wrote(1, 0, 0, 1)],
        (0, 1, 0),
        source,
    )


CAUSES = [{"probability": 0.5, "function": "mean"}]
HISTORIES += [
    again("50 is 50.0", {"record_score": 50}, {"record_score": 50.0}, replaced=False, source="scores are doubles"),
    again("typical of integers", {"typical": [1]}, {"typical": [1.0]}, replaced=False, source="9.6: doubles"),
    again("null is missing", {"function": None}, {}, replaced=False, source="ours"),
    again("a default is not missing", {}, {"probability": 0.0}, replaced=True, source="ours: missing is missing"),
    again("nor is detector 0", {}, {"detector_index": 0}, replaced=True, source="ours: though one identity"),
    again(
        "the next double",
        {"probability": 1e-308},
        {"probability": 1.000000000000001e-308},
        replaced=True,
        source="exact",
    ),
    again("empty text is not missing", {}, {"function": ""}, replaced=True, source="9.6: it is shown"),
    again("nor is an empty list", {}, {"actual": []}, replaced=True, source="9.6: it is shown"),
    again(
        "a cause's value",
        {"causes": CAUSES},
        {"causes": [CAUSES[0] | {"probability": 0.25}]},
        replaced=True,
        source="ours",
    ),
    again("an unknown key", {}, {"extra": 1}, replaced=True, source="20.unknown-fields: it is stored"),
    again("an unknown null", {}, {"extra": None}, replaced=True, source="20.unknown-fields: it is stored"),
    again("an unknown key's value", {"extra": [1]}, {"extra": [2]}, replaced=True, source="ours"),
    again(
        "the same unknown keys", {"extra": {"a": [1, None]}}, {"extra": {"a": [1, None]}}, replaced=False, source="ours"
    ),
]


@each_row(HISTORIES)
def test_history_is_as_ruled(row: History) -> None:
    """Each batch of a history is reported as its row says, and in the end each kind has as many as the row says."""
    index = ResultsIndex()
    for batch, wrote in zip(row.batches, row.commits, strict=True):
        commit = index.upsert(batch)
        assert (commit.inserted, commit.replaced, commit.unchanged) == (wrote.inserted, wrote.replaced, wrote.unchanged)
        assert (commit.sequence, index.sequence, commit.deleted) == (wrote.sequence, wrote.sequence, 0)
        assert dict(commit.skipped) == wrote.skipped
    rows = tuple(getattr(index, call)(job_id=JOB).count for call in CALLS.values())
    assert rows == row.rows


def test_record_is_replaced_wholly() -> None:
    """Rule 12.1: what the new document does not have is gone, in columns, lists, objects and unknown keys."""
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


def test_refused_batch_is_no_commit() -> None:
    """Section 20, commits: one bad record refuses the buckets and influencers beside it too."""
    index = ResultsIndex()
    with pytest.raises(InvalidDocument):
        index.upsert([bucket(0), influencer(0, "a"), record(0, record_score="x")])
    assert (index.sequence, index.jobs()) == (0, ())


def test_snapshot_and_page_keep_their_commit() -> None:
    """A snapshot and a page show the records of their own commit, whatever is written later."""
    index = index_of([record(0, record_score=1.0, extra=1)])
    before, page = index.snapshot(), index.get_records(job_id=JOB)
    index.upsert([record(0, record_score=2.0), record(1)])
    assert [found.record_score for found in before.get_records(job_id=JOB)] == [1.0]
    assert [found.record_score for found in page] == [1.0]
    assert page.to_dict()["records"][0]["extra"] == 1
    assert page.sequence == before.sequence == index.sequence - 1


@pytest.mark.parametrize("kind", CALLS)
def test_deleted_job_takes_every_kind_along(kind: Kind) -> None:
    """Section 20, jobs: `delete_job` drops the results of every kind, and the commit tells how many went."""
    index = index_of([bucket(0), bucket(1), record(0), influencer(0, "a"), influencer(0, "b"), influencer(1, "a")])
    assert index.delete_job(JOB).deleted == 6
    index.put_job(JOB)
    assert_same_body(getattr(index, CALLS[kind])(job_id=JOB).to_dict(), {"count": 0, LISTS[kind]: []})
    index.upsert([bucket(0) | {"result_type": kind}])
    assert getattr(index, CALLS[kind])(job_id=JOB).count == 1
