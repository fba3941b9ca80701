"""Small batches of simple documents are stored as if read by columns. All other batches are read by columns."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidDocument
from bucketquery.ingest import small_batches
from bucketquery.ingest.documents import read_documents
from bucketquery.ingest.small_batches import read_small_batch
from bucketquery.model.instants import FIRST_MS, LAST_MS
from support.helpers import FULL, JOB, bucket, record, row_of, rows, segments_of, stored, without


def read(documents: Any, kind: Any = None, *, keep: bool = True) -> Any:
    """The rows that documents are stored as, by kind and job."""
    batch = read_documents(documents, kind, keep=keep)
    return {of: {job_id: stored(found) for job_id, found in jobs.items()} for of, jobs in segments_of(batch).items()}


def by_columns(documents: Any, kind: Any = None, *, keep: bool = True) -> Any:
    """The rows that `read` returns if every batch is read by columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_batches, "_MOST", -1)
        return read(documents, kind, keep=keep)


def outcome(action: Callable[[], Any]) -> Any:
    """The result of an action, or the field and reason of its error."""
    try:
        return action()
    except InvalidDocument as error:
        return error.field, error.reason


OWN = {"job_id": "cpu", "timestamp": 7, "bucket_span": 9, "event": {"ingested": 0}}

VALUES: dict[str, tuple[Any, ...]] = {
    "timestamp": (0, 5, FIRST_MS, LAST_MS),
    "bucket_span": (1, 300, 2**63 - 1),
    "anomaly_score": (None, 0, -0.0, 1.5, 10**300, 5e-324),
    "initial_anomaly_score": (None, 3),
    "event_count": (None, 0, 2**63 - 1, -(2**63)),
    "is_interim": (None, True, False),
    "processing_time_ms": (None, 7),
    "scheduled_events": (None, [], (), ["a", "b"], ("c",)),
    "bucket_influencers": (None, [], [{}], [{"probability": 1, "is_interim": True}, {"anomaly_score": 2}], [OWN]),
    "event": (None, {}, {"ingested": None}, {"ingested": 0}, {"ingested": -1.0, "kind": 5}, {"ingested": "1970-01-01"}),
    "unknown_field": (None, {"a": []}),
    "job_id": (JOB, "db"),
}


def drawn(rng: Random) -> dict[str, Any]:
    """A simple document with some of its fields."""
    given = {name: rng.choice(values) for name, values in VALUES.items()}
    required = ("timestamp", "bucket_span", "job_id")
    chosen = {name: value for name, value in given.items() if name in required or rng.random() < 0.8}
    return {"result_type": "bucket", **chosen}


@pytest.mark.parametrize("keep", [True, False])
def test_a_small_batch_stores_the_same_as_columns(keep: bool) -> None:
    """It may have any of the fields, an identity twice, and a given kind or none."""
    rng = Random(4)
    for _ in range(300):
        documents: Any = [drawn(rng) for _ in range(rng.choice((1, 1, 2, 5, 16)))]
        assert read_small_batch(documents, None, keep=keep) is not None
        assert read(documents, keep=keep) == by_columns(documents, keep=keep)
        untyped = tuple(without(document, "result_type") for document in documents)
        assert read(untyped, "bucket", keep=keep) == by_columns(documents, keep=keep)


def test_the_last_of_one_identity_wins() -> None:
    """The rows of each job are in identity order."""
    documents = [bucket(5), bucket(1, event_count=1), bucket(1, job_id="db"), bucket(1, event_count=2), bucket(0)]
    batch = read_small_batch(documents, None, keep=True)
    assert batch is not None
    assert [job_id for job_id, *_ in batch.each_row()] == ["db", JOB, JOB, JOB]
    web = segments_of(batch)["bucket"][JOB]
    web.check()
    assert [row_of(web, at)[4] for at in range(3)] == [None, 2, None]


NOT_SIMPLE: list[Any] = [
    5,
    bucket(0),
    iter([bucket(0)]),
    [5],
    [{"_source": bucket(0)}],
    [bucket(0, result_type="forecast")],
    [bucket(0, result_type=["bucket"])],
    [bucket(0, result_type=np.array(["bucket", "bucket"]))],
    [bucket(0, records=[])],
    [without(bucket(0), "result_type")],
    [record(0)],
    [without(bucket(0), "job_id")],
    [bucket(0, job_id="a*")],
    [bucket(0, timestamp="1970-01-01")],
    [bucket(0, timestamp=None)],
    [bucket(0, timestamp=LAST_MS + 1)],
    [bucket(0, timestamp=FIRST_MS - 1)],
    [bucket(0, bucket_span=0)],
    [bucket(0, bucket_span=True)],
    [bucket(0, bucket_span=300.0)],
    [bucket(0, anomaly_score=math.nan)],
    [bucket(0, anomaly_score=-math.inf)],
    [bucket(0, anomaly_score=10**400)],
    [bucket(0, anomaly_score="1")],
    [bucket(0, anomaly_score=np.float64(1))],
    [bucket(0, event_count=2**63)],
    [bucket(0, event_count=1.5)],
    [bucket(0, is_interim=1)],
    [bucket(0, scheduled_events=0)],
    [bucket(0, scheduled_events={"a"})],
    [bucket(0, scheduled_events=[None])],
    [bucket(0, bucket_influencers=[{"bucket_span": 0}])],
    [bucket(0, event=[])],
    [bucket(0, event=5)],
    [bucket(0, event={"ingested": "x"})],
    [bucket(0), bucket(1, event_count="x")],
    rows(0, small_batches._MOST + 1),
]


@pytest.mark.parametrize("at", range(len(NOT_SIMPLE)))
def test_any_other_batch_is_read_by_columns(at: int) -> None:
    """Its documents may be valid or not. The result or error is the same as by columns."""
    documents = NOT_SIMPLE[at]
    assert read_small_batch(documents, None, keep=True) is None
    if isinstance(documents, list):
        assert outcome(lambda: read(documents)) == outcome(lambda: by_columns(documents))


def test_a_small_batch_has_buckets_only() -> None:
    """Records, buckets given as another kind, and documents whose `result_type` is None are read by columns."""
    assert read_small_batch([bucket(0)], "record", keep=True) is None
    assert read_small_batch([record(0)], "record", keep=True) is None
    assert read_small_batch([bucket(0, result_type=None)], "bucket", keep=True) is None
    assert read_small_batch([bucket(0, **FULL)], "bucket", keep=True) is not None
    assert read_small_batch([], None, keep=True) is not None
