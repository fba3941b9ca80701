"""Our decisions on other result types and on `kind`: which documents are stored, and as which kind."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import pytest

from bucketquery import BucketQueryError, Kind, ResultsIndex
from support.document_tables import T0, BadDocument, assert_bad_document
from support.semantics_tables import (
    CALLS,
    JOB,
    assert_refusal,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    result,
)


@dataclass(frozen=True, slots=True)
class Routed:
    """A batch, the `kind` given with it, how many of each kind are stored, and which types are skipped."""

    rule: str
    claim: str
    given: list[Any]
    stored: tuple[int, int, int]
    skipped: Mapping[str, int]
    source: str
    _: KW_ONLY
    kind: Any = None


WITHOUT_TYPE = {name: value for name, value in bucket(T0).items() if name != "result_type"}
ROUTED = [
    Routed("20.other-result-types", "a bucket", [bucket(T0)], (1, 0, 0), {}, "ours"),
    Routed(
        "20.other-result-types",
        "a search hit",
        [{"_index": "i", "_id": "x", "_source": bucket(T0)}],
        (1, 0, 0),
        {},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "model_plot",
        [bucket(T0) | {"result_type": "model_plot"}],
        (0, 0, 0),
        {"model_plot": 1},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "names of types are exact",
        [bucket(T0) | {"result_type": "Bucket"}],
        (0, 0, 0),
        {"Bucket": 1},
        "ours",
    ),
    Routed("20.other-result-types", "no type", [WITHOUT_TYPE], (0, 0, 0), {"": 1}, "ours"),
    Routed(
        "20.other-result-types",
        "a null type",
        [WITHOUT_TYPE | {"result_type": None}],
        (0, 0, 0),
        {"": 1},
        "null is missing",
    ),
    Routed("20.other-result-types", "no fields", [{}], (0, 0, 0), {"": 1}, "ours"),
    Routed(
        "20.other-result-types",
        "a search hit of another type",
        [{"_source": {"result_type": "model_plot"}}],
        (0, 0, 0),
        {"model_plot": 1},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "a skipped document is not checked",
        [{"result_type": "model_plot", "timestamp": "soon", "job_id": 5, "bucket_span": -1, "anomaly_score": math.nan}],
        (0, 0, 0),
        {"model_plot": 1},
        "ours: never an error",
    ),
    Routed(
        "20.other-result-types",
        "a mixed dump",
        [{}, bucket(T0), {"result_type": "a"}, {"result_type": "b"}, bucket(T0 + 1), {"result_type": "a"}, {}],
        (2, 0, 0),
        {"": 2, "a": 2, "b": 1},
        "ours: counted by type",
    ),
    Routed(
        "20.other-result-types",
        "kind given, no type",
        [WITHOUT_TYPE],
        (1, 0, 0),
        {},
        "ours: the kind is given",
        kind="bucket",
    ),
    Routed(
        "20.other-result-types",
        "kind given, a null type",
        [WITHOUT_TYPE | {"result_type": None}],
        (1, 0, 0),
        {},
        "null is missing",
        kind="bucket",
    ),
    Routed("20.other-result-types", "kind given, the same type", [bucket(T0)], (1, 0, 0), {}, "ours", kind="bucket"),
    Routed(
        "20.other-result-types",
        "kind given, a search hit",
        [{"_source": WITHOUT_TYPE}],
        (1, 0, 0),
        {},
        "ours",
        kind="bucket",
    ),
]
ROUTED += [
    Routed(
        "20.other-result-types",
        "documents of every kind",
        [record(T0), bucket(T0), influencer(T0, "a"), record(T0 + 1)],
        (1, 2, 1),
        {},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "search hits of two kinds",
        [{"_id": "x", "_source": record(T0)}, {"_source": influencer(T0, "a")}],
        (0, 1, 1),
        {},
        "ours",
    ),
    Routed(
        "20.other-result-types",
        "other names are skipped",
        [record(T0) | {"result_type": name} for name in ("Record", "records", "bucket_influencer", "model_plot")],
        (0, 0, 0),
        {"Record": 1, "records": 1, "bucket_influencer": 1, "model_plot": 1},
        "ours",
    ),
    Routed("20.other-result-types", "kind record, no type", [WITHOUT_TYPE], (0, 1, 0), {}, "ours", kind="record"),
    Routed(
        "20.other-result-types",
        "kind influencer, no type",
        [WITHOUT_TYPE, {"_source": WITHOUT_TYPE | {"influencer_field_name": "host", "result_type": None}}],
        (0, 0, 2),
        {},
        "ours: null is missing",
        kind="influencer",
    ),
    Routed("20.other-result-types", "kind record, that type", [record(T0)], (0, 1, 0), {}, "ours", kind="record"),
]


@each_row(ROUTED)
def test_document_is_stored_by_its_result_type(row: Routed) -> None:
    """Buckets, records and influencers are stored; documents of other types or without one are skipped and counted."""
    index = index_of([])
    commit = index.upsert(iter(row.given), kind=row.kind)
    assert (commit.inserted, dict(commit.skipped)) == (sum(row.stored), row.skipped)
    assert tuple(getattr(index, call)(job_id=JOB).count for call in CALLS.values()) == row.stored


#: Result types that contradict the kind that is given.
OTHER_TYPES: Mapping[Kind, tuple[Any, ...]] = {
    "bucket": ("record", "bucket_influencer", "Bucket", "", 5),
    "record": ("bucket", "influencer", "Record", "", 5),
    "influencer": ("bucket", "record", "bucket_influencer"),
}
OTHER_KIND = [
    BadDocument(
        "20.commits",
        f"kind {kind} given, result_type {result_type!r}",
        [result(kind, T0), result(kind, T0) | {"result_type": result_type}],
        "documents[1].result_type",
        "ours: absent or that kind",
        kind=kind,
    )
    for kind, result_types in OTHER_TYPES.items()
    for result_type in result_types
]


@each_row(OTHER_KIND)
def test_batch_with_a_document_of_another_kind_is_refused(row: BadDocument) -> None:
    """If `kind` is given, a document of another result type is refused, and no document of the batch is stored."""
    assert_bad_document(row)


@pytest.mark.parametrize("kind", ["Bucket", "records", "bucket_influencer", "overall_bucket", "", 5])
def test_unknown_kind_is_refused(kind: Any) -> None:
    """Section 20, commits: an unknown kind is an error of the parameter, not of a document."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex().upsert([], kind=kind)
    assert_refusal(caught.value, invalid("kind", ""))
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex().upsert_columns({"timestamp": [0], "bucket_span": 60}, job_id=JOB, kind=kind)
    assert_refusal(caught.value, invalid("kind", ""))
