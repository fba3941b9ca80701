"""Our decision on records in buckets: they are stored as records, with values of their bucket where they have none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import pytest

from bucketquery import BucketQueryError, Kind, ResultsIndex
from support.document_tables import (
    SIZES,
    T0,
    BadDocument,
    Wrote,
    assert_bad_document,
    batch_of,
    invalid_document,
    note,
    page_without_others,
)
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    assert_refusal,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
    result,
)

RULE = "20.records-in-buckets"


@dataclass(frozen=True, slots=True)
class Stored:
    """A batch with records in its buckets, the same results one by one, and what the commit reports.

    Attributes:
        rule: its number.
        claim: what the row says.
        given: the batch.
        same_as: documents that store the same results.
        wrote: the counts of the commit.
        source: where the rule comes from.
        kind: the kind that is given with the batch.
    """

    rule: str
    claim: str
    given: Sequence[Mapping[str, Any]]
    same_as: Sequence[Mapping[str, Any]]
    wrote: Wrote
    source: str
    _: KW_ONLY
    kind: Kind | None = None


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The document without these keys."""
    return {name: value for name, value in document.items() if name not in names}


FULL = record(
    0,
    record_score=75,
    probability=1e-9,
    detector_index=2,
    by_field_name="airline",
    by_field_value="AAL",
    typical=[1, 2.5],
    actual=[9],
    causes=[{"probability": 0.5}],
    influencers=[{"influencer_field_name": "host", "influencer_field_values": ["a", "b"]}],
    event={"ingested": 5},
    zone={"b": 1},
)
STORED = [
    Stored(
        RULE,
        "no values of its own",
        [bucket(0, records=[{}])],
        [bucket(0), record(0)],
        Wrote(1, 2, 0, 0),
        "ours: those of the bucket",
    ),
    Stored(
        RULE,
        "null values",
        [bucket(0, records=[dict.fromkeys(("job_id", "timestamp", "bucket_span", "is_interim", "result_type"))])],
        [bucket(0), record(0)],
        Wrote(1, 2, 0, 0),
        "20.documents: null is missing",
    ),
    Stored(
        RULE,
        "a record as the body shows it",
        [bucket(0, bucket_influencers=[{}], records=[FULL])],
        [bucket(0, bucket_influencers=[{}]), FULL],
        Wrote(1, 2, 0, 0),
        "BKT: an expanded answer",
    ),
    Stored(
        RULE,
        "interim as its bucket",
        [bucket(0, is_interim=True, records=[{}, {"detector_index": 1, "is_interim": False}])],
        [bucket(0, is_interim=True), record(0, is_interim=True), record(0, detector_index=1, is_interim=False)],
        Wrote(1, 3, 0, 0),
        "ours: the bucket's",
    ),
    Stored(
        RULE,
        "final as its bucket says",
        [bucket(0, is_interim=False, records=[{}])],
        [bucket(0, is_interim=False), record(0, is_interim=False)],
        Wrote(1, 2, 0, 0),
        "ours: the bucket's",
    ),
    Stored(
        RULE,
        "a bucket that does not say whether it is interim",
        [bucket(0, records=[{}])],
        [bucket(0), record(0)],
        Wrote(1, 2, 0, 0),
        "20.missing-fields: missing stays missing",
    ),
    Stored(
        RULE,
        "values of its own",
        [bucket(0, records=[{"job_id": "db", "timestamp": 60_000, "bucket_span": 60}])],
        [bucket(0), record(60_000, job_id="db", bucket_span=60)],
        Wrote(1, 2, 0, 0),
        "ours: as in a record of its own",
    ),
    Stored(
        RULE,
        "other values of its bucket stay there",
        [bucket(0, anomaly_score=80, event={"ingested": 5}, scheduled_events=["sale"], records=[{}])],
        [bucket(0, anomaly_score=80, event={"ingested": 5}, scheduled_events=["sale"]), record(0)],
        Wrote(1, 2, 0, 0),
        "ours: four values only",
    ),
    Stored(
        RULE,
        "a bucket's timestamp as text",
        [bucket(0, timestamp="2020-01-01T00:00Z", bucket_span=60.0, records=[{}])],
        [bucket(T0, bucket_span=60), record(T0, bucket_span=60)],
        Wrote(1, 2, 0, 0),
        "ours: those of the bucket",
    ),
    Stored(
        RULE,
        "an empty list",
        [bucket(0, records=[])],
        [bucket(0)],
        Wrote(1, 1, 0, 0),
        "ours: changes nothing",
    ),
    Stored(RULE, "null", [bucket(0, records=None)], [bucket(0)], Wrote(1, 1, 0, 0), "20.documents: missing"),
    Stored(
        RULE,
        "a tuple",
        [bucket(0, records=({}, {"detector_index": 1}))],
        [bucket(0), record(0), record(0, detector_index=1)],
        Wrote(1, 3, 0, 0),
        "ours: a list",
    ),
    Stored(
        "20.single-values",
        "one record",
        [bucket(0, records={"record_score": 75})],
        [bucket(0), record(0, record_score=75)],
        Wrote(1, 2, 0, 0),
        "AOP, BKT",
    ),
    Stored(
        RULE,
        "with the kind",
        [without(bucket(0, records=[{}]), "result_type")],
        [bucket(0), record(0)],
        Wrote(1, 2, 0, 0),
        "ours: stored too",
        kind="bucket",
    ),
    Stored(
        RULE,
        "in a search hit",
        [{"_id": "x", "_source": bucket(0, records=[{}])}],
        [bucket(0), record(0)],
        Wrote(1, 2, 0, 0),
        "20.other-result-types: the source",
    ),
    Stored(
        RULE,
        "records of several buckets",
        [
            bucket(0, records=[{}, {"by_field_value": "a"}]),
            influencer(0, "a"),
            bucket(1),
            bucket(2, bucket_span=60, records=[{}]),
            record(3),
        ],
        [
            *(bucket(0), bucket(1), bucket(2, bucket_span=60), influencer(0, "a")),
            *(record(0), record(0, by_field_value="a"), record(2, bucket_span=60), record(3)),
        ],
        Wrote(1, 8, 0, 0),
        "ours: counted like any other record",
    ),
    Stored(
        RULE,
        "a skipped bucket",
        [{"result_type": "model_plot", "records": [{"record_score": "x"}]}],
        [],
        Wrote(0, 0, 0, 0, skipped={"model_plot": 1}),
        "20.other-result-types: whatever is in it",
    ),
    Stored(
        RULE,
        "a record after it wins",
        [bucket(0, records=[{"record_score": 1}]), record(0, record_score=2)],
        [bucket(0), record(0, record_score=2)],
        Wrote(1, 2, 0, 0, repeated=1),
        "ours: before the next document",
    ),
    Stored(
        RULE,
        "a record before it loses",
        [record(0, record_score=2), bucket(0, records=[{"record_score": 1}])],
        [bucket(0), record(0, record_score=1)],
        Wrote(1, 2, 0, 0, repeated=1),
        "ours: after the documents before",
    ),
    Stored(
        RULE,
        "the last of its bucket wins",
        [bucket(0, records=[{"record_score": 1}, {"record_score": 2}, {"record_score": 3}])],
        [bucket(0), record(0, record_score=3)],
        Wrote(1, 2, 0, 0, repeated=2),
        "12.1: the last wins",
    ),
    Stored(
        RULE,
        "a bucket that is repeated",
        [bucket(0, records=[{"detector_index": 1}]), bucket(0, anomaly_score=5, records=[{"detector_index": 2}])],
        [bucket(0, anomaly_score=5), record(0, detector_index=1), record(0, detector_index=2)],
        Wrote(1, 3, 0, 0, repeated=1),
        "ours: never part of the bucket",
    ),
    Stored(
        RULE,
        "a repeated bucket without records deletes none",
        [bucket(0, records=[{}]), bucket(0, records=[])],
        [bucket(0), record(0)],
        Wrote(1, 2, 0, 0, repeated=1),
        "ours: `upsert` deletes no record",
    ),
]


@each_row(STORED)
def test_records_are_stored_as_records(row: Stored) -> None:
    """The batch gives the results, jobs and counts of the row, in batches of every size."""
    plain = ResultsIndex()
    plain.upsert(row.same_as)
    for size in (0, *SIZES):
        with note(f"in a batch of {size}"):
            given, _ = batch_of(size, row.given, "bucket")
            others = len(given) - len(row.given)
            index = ResultsIndex()
            index.put_job(JOB)
            commit = index.upsert(
                given if row.kind is None else [without(one, "result_type") for one in given], kind=row.kind
            )
            counts = (
                commit.inserted - others,
                commit.replaced,
                commit.unchanged,
                commit.repeated,
                dict(commit.skipped),
            )
            wrote = row.wrote
            assert counts == (wrote.inserted, wrote.replaced, wrote.unchanged, wrote.repeated, wrote.skipped)
            assert set(index.jobs()) == {JOB, *plain.jobs()}
            for kind in CALLS:
                for job_id in plain.jobs():
                    found, expected = (page_without_others(one, kind, job_id=job_id) for one in (index, plain))
                    assert_same_body(found.to_dict(), expected.to_dict())
            again = index.upsert(row.same_as)
            assert (again.inserted, again.replaced) == (0, 0)


@pytest.mark.parametrize("size", SIZES)
def test_bucket_stays_the_same_with_and_without_records(size: int) -> None:
    """20.records-in-buckets: records are never part of their bucket, nor does an empty list delete them."""
    index = index_of(batch_of(size, [bucket(0, bucket_influencers=[{}], records=[{}])], "bucket")[0])
    commits = [
        index.upsert([bucket(0, bucket_influencers=[{}])]),
        index.upsert([bucket(0, bucket_influencers=[{}], records=[])]),
        index.upsert([bucket(0, bucket_influencers=[{}], records=[{}])]),
        index.upsert([bucket(0, bucket_influencers=[{}], records=[{"detector_index": 5}])]),
        index.upsert([bucket(0, bucket_influencers=[{}], records=[{"record_score": 5}])]),
    ]
    assert [(commit.inserted, commit.replaced, commit.unchanged) for commit in commits] == [
        (0, 0, 1),
        (0, 0, 1),
        (0, 0, 2),
        (1, 0, 1),
        (0, 1, 1),
    ]
    assert page_without_others(index, "record").count == 2
    (collapsed,) = page_without_others(index, "bucket").to_dict()["buckets"]
    assert "records" not in collapsed
    (expanded,) = page_without_others(index, "bucket", expand=True).to_dict()["buckets"]
    assert len(expanded["records"]) == 2


def test_unblamed_bucket_shows_none_of_its_records() -> None:
    """Rule 8.2: only a bucket with influencers shows records, even if its document had some."""
    index = index_of([bucket(0, records=[{}])])
    assert index.get_records(job_id=JOB).count == 1
    assert "records" not in index.get_buckets(job_id=JOB, expand=True).to_dict()["buckets"][0]


@pytest.mark.parametrize("size", SIZES)
def test_expanded_answer_comes_back(size: int) -> None:
    """20.records-in-buckets: the buckets of an expanded page give the same page, whatever the size of the batch."""
    given = [
        document
        for time in range(size)
        for document in (
            bucket(time, anomaly_score=time % 90, bucket_influencers=[{"anomaly_score": time % 90}] * (time % 3)),
            *(
                record(time, detector_index=row, record_score=row, probability=1e-9 * row, actual=[row], zone=row)
                for row in range(time % 4)
            ),
        )
    ]
    asked: dict[str, Any] = {"job_id": JOB, "expand": True, "size": size, "sort": "anomaly_score", "desc": True}
    expanded = index_of(given).get_buckets(**asked).to_dict()
    second = ResultsIndex()
    shown = sum(len(one.get("records", ())) for one in expanded["buckets"])
    commit = second.upsert(expanded["buckets"])
    assert (commit.inserted, commit.repeated, second.get_records(job_id=JOB).count) == (
        (size + shown, 0, shown) if shown else (size, 0, 0)
    )
    assert_same_body(second.get_buckets(**asked).to_dict(), expanded)
    assert second.upsert(expanded["buckets"]).unchanged == size + shown


def test_without_documents_records_are_stored_too() -> None:
    """20.keep-documents: an index without documents stores the records' columns."""
    index = ResultsIndex(keep_documents=False)
    commit = index.upsert([bucket(0, records=[FULL, {}])])
    assert (commit.inserted, index.get_records(job_id=JOB, record_score=70).count) == (3, 1)
    (shown,) = index.get_buckets(job_id=JOB).to_dict(documents=[bucket(0, records=[FULL])])["buckets"]
    assert "records" not in shown


# ---- unknown in other kinds


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["record", "influencer"])
def test_records_is_an_unknown_key_elsewhere(kind: Kind, size: int) -> None:
    """20.records-in-buckets: in a record or an influencer `records` comes back and stores nothing."""
    given = result(kind, 0, records=[{"record_score": "x"}, {}])
    index = index_of(batch_of(size, [given], kind)[0])
    (body,) = page_without_others(index, kind).to_dict()[LISTS[kind]]
    assert_same_body([*body.items()][-1], ["records", [{"record_score": "x"}, {}]])
    assert page_without_others(index, "record").count == (kind == "record")


@pytest.mark.parametrize("size", SIZES)
def test_records_of_a_bucket_influencer_are_dropped(size: int) -> None:
    """20.records-in-buckets: in a bucket influencer `records` is an unknown key, which is dropped."""
    given = bucket(0, bucket_influencers=[{"records": [{"record_score": "x"}]}])
    index = index_of(batch_of(size, [given], "bucket")[0])
    assert page_without_others(index, "record").count == 0
    assert "records" not in page_without_others(index, "bucket").to_dict()["buckets"][0]["bucket_influencers"][0]


# ---- refused records


def refused(claim: str, records: Any, path: str, source: str = "ours", **fields: Any) -> BadDocument:
    """A batch whose second bucket has bad records."""
    return BadDocument(
        RULE, claim, [bucket(T0), bucket(T0 + 1, records=records, **fields)], f"documents[1].{path}", source
    )


REFUSED = [
    refused("text in place of a list", "x", "records"),
    refused("a number in place of a list", 5, "records"),
    refused("null in the list", [{}, None], "records[1]"),
    refused("text in the list", ["x"], "records[0]"),
    refused("a list in the list", [[{}]], "records[0]"),
    refused("a bad score", [{}, {"record_score": "80"}], "records[1].record_score"),
    refused("a bad cause", [{"causes": [{}, {"probability": math.nan}]}], "records[0].causes[1].probability"),
    refused("a bad unknown key", [{"zone": {"a": math.nan}}], "records[0].zone.a"),
    refused("a bad job", [{"job_id": ""}], "records[0].job_id"),
    refused("a bad timestamp", [{"timestamp": "soon"}], "records[0].timestamp"),
    refused("a bad span", [{"bucket_span": 0}], "records[0].bucket_span"),
    refused("a bad flag", [{"is_interim": 1}], "records[0].is_interim"),
    refused("a bad event", [{"event": {"ingested": "soon"}}], "records[0].event.ingested"),
    *(
        refused(f"the type {of!r}", [{}, {"result_type": of}], "records[1].result_type", "ours: that must be `record`")
        for of in ("bucket", "influencer", "bucket_influencer", "Record", "model_plot", "", 5)
    ),
]
ORDER = [
    BadDocument(
        "20.a-bad-document",
        "a record before the next document",
        [bucket(T0, records=[{"record_score": "x"}]), bucket(T0, anomaly_score="x")],
        "documents[0].records[0].record_score",
        "ours: the first",
    ),
    BadDocument(
        "20.a-bad-document",
        "a bucket before its records",
        [bucket(T0, records=[{"record_score": "x"}], event="x")],
        "documents[0].event",
        "ours: event, then records",
    ),
    BadDocument(
        "20.a-bad-document",
        "a record in a search hit",
        [{"_source": bucket(T0, records=[{"record_score": "x"}])}],
        "documents[0]._source.records[0].record_score",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "the first bad record",
        [bucket(T0, records=[{}, {"causes": "x"}, {"record_score": "x"}])],
        "documents[0].records[1].causes",
        "ours: the first",
    ),
    BadDocument(
        "20.a-bad-document",
        "a record of a bucket that is repeated",
        [bucket(T0, records=[{"record_score": "x"}]), bucket(T0)],
        "documents[0].records[0].record_score",
        "ours: checked before it is written",
    ),
]


@each_row(REFUSED, ORDER)
def test_bad_record_refuses_the_batch(row: BadDocument) -> None:
    """The path leads through the bucket, in batches of every size, and nothing is stored."""
    assert_bad_document(row, SIZES)


@pytest.mark.parametrize("keep", [True, False])
def test_records_of_a_hosts_bucket_are_checked(keep: bool) -> None:
    """20.keep-documents: the documents of a host are checked as `upsert` checks them; their records are not shown."""
    page = index_of([bucket(0)], keep_documents=keep).get_buckets(job_id=JOB)
    with pytest.raises(BucketQueryError) as caught:
        page.to_dict(documents=[bucket(0, records=[{"record_score": "x"}])])
    assert_refusal(caught.value, invalid_document("documents[0].records[0].record_score"))
