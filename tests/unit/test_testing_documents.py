"""The documents that the reference answer reads: search hits, answers, and the records in buckets."""

from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, RecordQuery
from bucketquery.testing import evaluate
from bucketquery.testing.documents import documents_in

AT = {"job_id": "web", "timestamp": 0, "bucket_span": 60}
BUCKET = {"result_type": "bucket", **AT}
RECORD = {"result_type": "record", **AT}
OTHER = {"result_type": "model_plot"}


def names(given: Any) -> list[Any]:
    """The types of the documents in what is given."""
    return [document.get("result_type") for document in documents_in(given)]


@pytest.mark.parametrize(
    ("given", "types"),
    [
        ([], []),
        ([BUCKET, RECORD, OTHER, {}], ["bucket", "record", "model_plot", None]),
        ((BUCKET, MappingProxyType(RECORD)), ["bucket", "record"]),
        ([{"_id": "x", "_source": RECORD}], ["record"]),
        ({"count": 5, "buckets": [BUCKET]}, ["bucket"]),
        ({"records": [AT, RECORD, {"_source": AT}]}, ["record"] * 3),
        ({"influencers": [AT]}, ["influencer"]),
        ({"hits": {"hits": [{"_source": BUCKET}, {"_source": OTHER}]}}, ["bucket", "model_plot"]),
        (SimpleNamespace(body={"buckets": [AT]}), ["bucket"]),
        (SimpleNamespace(body={"hits": {"hits": []}}), []),
        ([{"buckets": [BUCKET]}], [None]),
        ([BUCKET | {"records": [{}, RECORD]}, RECORD], ["bucket", "record", "record", "record"]),
        ([{"_source": BUCKET | {"records": {}}}], ["bucket", "record"]),
        ({"buckets": [AT | {"records": [{}]}]}, ["bucket", "record"]),
        ([BUCKET | {"records": None}, BUCKET | {"records": []}], ["bucket", "bucket"]),
        ([RECORD | {"records": [{}]}, OTHER | {"records": [{}]}], ["record", "model_plot"]),
        ([BUCKET | {"result_type": np.str_("bucket"), "records": [{}]}], ["bucket", "record"]),
    ],
)
def test_documents_come_in_their_order(given: Any, types: list[Any]) -> None:
    """20.answers-as-documents and 20.records-in-buckets: records come after their bucket, before the next document."""
    assert names(given) == types


def test_a_generator_is_read_once() -> None:
    """Documents may come from a generator."""
    assert names(document for document in (BUCKET, RECORD)) == ["bucket", "record"]


def test_a_record_takes_four_values_from_its_bucket() -> None:
    """20.records-in-buckets: job, timestamp, span and `is_interim` are the bucket's, unless the record has them."""
    bucket = BUCKET | {"is_interim": True, "event": {"ingested": 5}, "anomaly_score": 9}
    own = {"job_id": "db", "timestamp": 5, "bucket_span": 1, "is_interim": False, "function": "mean"}
    missing = {"job_id": None, "is_interim": np.datetime64("NaT"), "detector_index": 1}
    _, plain, first, second = documents_in([bucket | {"records": [{}, own, missing]}])
    taken = {"job_id": "web", "timestamp": 0, "bucket_span": 60, "is_interim": True}
    assert plain == taken | {"result_type": "record"}
    assert first == own | {"result_type": "record"}
    assert second == taken | {"detector_index": 1, "result_type": "record"}


def test_given_documents_stay_as_they_are() -> None:
    """Reading changes no document."""
    bucket = BUCKET | {"records": [{"detector_index": 1}]}
    documents_in({"buckets": [bucket]})
    assert bucket == BUCKET | {"records": [{"detector_index": 1}]}


def test_an_answer_is_evaluated_again() -> None:
    """20.answers-as-documents: the reference's own answer gives the same answer, expanded or not."""
    documents = [
        BUCKET
        | {"bucket_influencers": {}, "records": [{"probability": 0.5}, {"detector_index": 1, "probability": 0.25}]},
        BUCKET | {"timestamp": 1, "event": {"ingested": 5}},
    ]
    for query in (BucketQuery(jobs="web"), BucketQuery(jobs="web", expand=True), RecordQuery(jobs="web")):
        answer = evaluate(documents, query)
        assert repr(evaluate(answer, query)) == repr(answer)
        assert repr(evaluate(SimpleNamespace(body=answer), query)) == repr(answer)
    assert evaluate(documents, RecordQuery(jobs="web"))["count"] == 2


def test_the_last_of_an_identity_wins_in_a_bucket_too() -> None:
    """20.records-in-buckets: a record after its bucket's wins over it, and loses if it comes before."""
    nested = BUCKET | {"records": [{"record_score": 1}]}
    alone = RECORD | {"record_score": 2}
    for given, score in (([nested, alone], 2.0), ([alone, nested], 1.0), ([nested, BUCKET | {"records": []}], 1.0)):
        (found,) = evaluate(given, RecordQuery(jobs="web"))["records"]
        assert found["record_score"] == score
